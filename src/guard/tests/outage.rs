//! A source that fails, hangs or refuses us, and comes back.

use futures_util::future::join_all;

use super::*;

#[tokio::test(start_paused = true)]
async fn a_hanging_source_is_left_alone_and_found_again() {
    let rig = rig(WIDE, &Tuning::default(), []);
    rig.fake.then_always(Say::Hang);
    let mut callers = 0;
    while rig.source() == BreakerState::Passing {
        rig.ask_in_background(HOUR).await;
        callers += 1;
    }
    assert_eq!(
        (callers, rig.fake.asked()),
        (2, 5),
        "three attempts each, five in all"
    );

    let begun = Instant::now();
    let due = rig.guard.health().source.next_probe.unwrap();
    for _ in 0..100 {
        let wait = rig.ask().await.refused(ErrorKind::Tripped);
        assert!((3 * SECOND..=6 * SECOND).contains(&wait), "{wait:?}");
        assert_eq!(due, rig.clock.now().checked_add(wait).unwrap());
    }
    assert_eq!(begun.elapsed(), Duration::ZERO);
    assert_eq!(rig.fake.asked(), 5);

    rig.pass(6 * SECOND).await;
    rig.fake.then_always(Say::Found.slowly(150 * MILLI));
    let all = join_all((0..100).map(|_| rig.ask())).await;
    assert_eq!(all.iter().filter(|asked| asked.found()).count(), 1);
    assert_eq!(rig.fake.asked(), 6, "one probe among a hundred callers");

    let all = join_all((0..32).map(|_| rig.ask())).await;
    assert!(all.iter().all(Asked::found));
    assert_eq!(rig.source(), BreakerState::Passing);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_stays_down_sees_only_probes() {
    let rig = rig(WIDE, &Tuning::default(), []);
    rig.fake.then_always(Say::fail(ErrorKind::Unavailable));
    for _ in 0..3_600 {
        rig.ask().await;
        rig.pass(SECOND).await;
    }
    // Five to trip; then probes after 5, 10, 20, 40, 80, 160 and every 300 s, give or take 20 %.
    let asked = rig.fake.asked();
    assert!((18..=26).contains(&asked), "{asked}");
}

#[tokio::test(start_paused = true)]
async fn a_probe_whose_caller_goes_away_makes_room_for_the_next() {
    let rig = rig(WIDE, &once(), []);
    rig.trip().await;
    rig.pass(7 * SECOND).await;
    rig.fake.then_always(Say::Hang);
    let asked = rig.fake.asked();
    let probe = tokio::time::timeout(50 * MILLI, rig.ask()).await;
    assert!(probe.is_err());
    assert_eq!(rig.fake.asked(), asked + 1);
    rig.fake.then_always(Say::Found);
    assert!(rig.ask().await.found());
    assert_eq!(rig.source(), BreakerState::Passing);
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_meets_an_empty_quota_is_no_verdict() {
    let limits = Limits {
        per_second: 0.02,
        burst: 5,
        ..WIDE
    };
    let rig = rig(limits, &once(), []);
    rig.trip().await;
    rig.pass(7 * SECOND).await;
    let begun = Instant::now();
    // A background call would wait for the quota and everybody behind it.
    rig.ask_in_background(HOUR)
        .await
        .refused(ErrorKind::Throttled);
    assert_eq!(begun.elapsed(), Duration::ZERO);
    assert_eq!(rig.source(), BreakerState::Tripped);
    rig.pass(60 * SECOND).await;
    rig.fake.then_always(Say::Found);
    assert!(rig.ask().await.found());
    assert_eq!(rig.source(), BreakerState::Passing);
}

#[tokio::test(start_paused = true)]
async fn what_each_kind_of_failure_trips() {
    use BreakerState::{Passing, Tripped};
    for kind in ErrorKind::ALL {
        let rig = rig(WIDE, &once(), []);
        rig.fake.then_always(Say::fail(kind));
        for _ in 0..40 {
            rig.ask().await;
            // A pause of the quota is over before the next call; a trip may be or not.
            if kind == ErrorKind::Throttled {
                rig.pass(300 * SECOND).await;
            }
        }
        let expected = match kind {
            ErrorKind::Timeout | ErrorKind::Unavailable | ErrorKind::Malformed => {
                (Tripped, Passing)
            }
            ErrorKind::Denied => (Passing, Tripped),
            _ => (Passing, Passing),
        };
        assert_eq!((rig.source(), rig.credential()), expected, "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn refused_credentials_are_not_hammered() {
    let rig = rig(WIDE, &Tuning::default(), []);
    rig.fake.then_always(Say::fail(ErrorKind::Denied));
    for _ in 0..3 {
        let asked = rig.ask().await;
        assert_eq!(asked.attempts, 1);
        assert!(asked.error().spent);
    }
    let wait = rig.ask().await.refused(ErrorKind::Denied);
    assert!((4 * SECOND..=6 * SECOND).contains(&wait), "{wait:?}");
    let health = rig.guard.health();
    assert_eq!(health.source.state, BreakerState::Passing);
    assert_eq!(health.credential.state, BreakerState::Tripped);
    assert!(health.credential.next_probe.is_some());
    assert_eq!(rig.fake.asked(), 3);

    rig.pass(6 * SECOND).await;
    rig.fake.then_always(Say::Found);
    assert!(rig.ask().await.found());
    assert_eq!(rig.credential(), BreakerState::Passing);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_our_credentials_shows_that_the_source_is_there() {
    let rig = rig(WIDE, &once(), []);
    rig.trip().await;
    rig.pass(7 * SECOND).await;
    rig.fake.then_always(Say::fail(ErrorKind::Denied));
    rig.ask().await;
    assert_eq!(rig.source(), BreakerState::Passing);
}

#[tokio::test(start_paused = true)]
async fn an_outage_does_not_hide_refused_credentials() {
    let rig = rig(WIDE, &once(), []);
    for _ in 0..2 {
        rig.fake.then_always(Say::fail(ErrorKind::Denied));
        rig.ask().await;
        rig.fake.then_always(Say::fail(ErrorKind::Unavailable));
        rig.ask().await;
    }
    rig.fake.then_always(Say::fail(ErrorKind::Denied));
    rig.ask().await;
    assert_eq!(rig.credential(), BreakerState::Tripped);
}

#[tokio::test(start_paused = true)]
async fn what_never_reached_the_source_does_not_vouch_for_it() {
    let rig = rig(WIDE, &once(), []);
    rig.trip().await;
    rig.pass(7 * SECOND).await;
    let unspent = Error::new(ErrorKind::HintRequired, "scripted").unspent();
    rig.fake.then_always(Say::Fail(unspent));
    assert_eq!(rig.ask().await.kind(), Some(ErrorKind::HintRequired));
    assert_eq!(rig.source(), BreakerState::Tripped);
    rig.fake.then_always(Say::fail(ErrorKind::HintRequired));
    rig.ask().await;
    assert_eq!(
        rig.source(),
        BreakerState::Passing,
        "an answer of the source does"
    );
}

#[tokio::test(start_paused = true)]
async fn a_batch_fails_only_as_a_whole() {
    let down = Say::fail(ErrorKind::Unavailable);
    let slow = Say::fail(ErrorKind::Timeout);
    for (answers, expected) in [
        (vec![down.clone(), Say::Found], BreakerState::Passing),
        (
            vec![down.clone(), Say::fail(ErrorKind::NotFound)],
            BreakerState::Passing,
        ),
        (vec![down.clone(), down.clone()], BreakerState::Tripped),
        (vec![down, slow], BreakerState::Tripped),
    ] {
        let rig = rig(WIDE, &once(), []);
        rig.fake.then_always(Say::Each(answers));
        for _ in 0..5 {
            let ask = Ask {
                asking: queries(2),
                ..rig.asking(Priority::Interactive, SECOND)
            };
            rig.guard.ask(ask).await;
        }
        assert_eq!(rig.source(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn an_impatient_caller_says_nothing_about_the_source() {
    let rig = rig(WIDE, &once(), []);
    rig.fake.then_always(Say::Hang);
    for _ in 0..20 {
        let ask = rig.asking(Priority::Interactive, WIDE.slow - MILLI);
        assert_eq!(rig.guard.ask(ask).await.kind(), Some(ErrorKind::Timeout));
    }
    assert_eq!(rig.source(), BreakerState::Passing);
    assert_eq!(rig.guard.health().attempts, 0);
    for _ in 0..5 {
        let ask = rig.asking(Priority::Interactive, WIDE.slow);
        assert_eq!(rig.guard.ask(ask).await.kind(), Some(ErrorKind::Timeout));
    }
    assert_eq!(rig.source(), BreakerState::Tripped);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_got_slow_trips() {
    let rig = rig(WIDE, &once(), []);
    rig.fake.then_always(Say::Found.slowly(9 * SECOND));
    let all = join_all((0..20).map(|_| rig.ask())).await;
    assert!(all.iter().all(Asked::found));
    assert_eq!(rig.source(), BreakerState::Tripped);
}

#[tokio::test(start_paused = true)]
async fn waiting_for_the_quota_does_not_make_a_source_slow() {
    let limits = Limits {
        per_second: 0.1,
        burst: 1,
        ..WIDE
    };
    let rig = rig(limits, &once(), []);
    let all = join_all((0..24).map(|_| rig.ask_in_background(HOUR))).await;
    assert!(all.iter().all(Asked::found));
    assert_eq!(rig.source(), BreakerState::Passing);
    assert_eq!(all.last().unwrap().latency, Some(Duration::ZERO));
}
