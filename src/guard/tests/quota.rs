//! The quota: rate, day, share and pause.

use futures_util::future::join_all;

use super::*;

fn limits(per_second: f64, burst: u32) -> Limits {
    Limits {
        per_second,
        burst,
        ..WIDE
    }
}

fn daily(per_day: u32) -> Limits {
    Limits { per_day, ..WIDE }
}

#[tokio::test(start_paused = true)]
async fn a_burst_goes_and_then_the_rate_holds() {
    let rig = rig(limits(1.0, 3), &once(), []);
    for _ in 0..3 {
        assert!(rig.ask().await.found());
    }
    assert_eq!(rig.guard.health().quota_remaining, 0.0);
    assert_eq!(rig.ask().await.refused(ErrorKind::Throttled), SECOND);
    rig.pass(SECOND).await;
    assert!(rig.ask().await.found());
    rig.ask().await.refused(ErrorKind::Throttled);
    rig.pass(HOUR).await;
    assert_eq!(rig.guard.health().quota_remaining, 1.0);
    let all = join_all((0..10).map(|_| rig.ask())).await;
    assert_eq!(
        all.iter().filter(|asked| asked.found()).count(),
        3,
        "an hour saves no more"
    );
}

#[tokio::test(start_paused = true)]
async fn no_rate_ever_lets_more_through_than_it_says() {
    for (per_second, burst) in [(0.5, 1), (3.0, 2), (7.5, 10), (100.0, 1)] {
        let rig = rig(limits(per_second, burst), &once(), []);
        let within = 20 * SECOND;
        let calls = (0..48).map(|_| rig.ask_in_background(within));
        join_all(calls).await;
        let times = rig.fake.asked_at.lock().unwrap();
        for (first, from) in times.iter().enumerate() {
            for (last, to) in times.iter().enumerate().skip(first) {
                let allowed = (*to - *from).as_secs_f64() * per_second + f64::from(burst);
                let went = (last - first + 1) as f64;
                assert!(
                    went <= allowed + 1e-3,
                    "{went} of {allowed} at {per_second}"
                );
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_interactive_call_waits_200_ms_and_not_for_what_is_longer() {
    let near = rig(limits(5.0, 1), &once(), []);
    near.ask().await;
    let begun = Instant::now();
    assert!(near.ask().await.found());
    assert_eq!(begun.elapsed(), 200 * MILLI);

    let far = rig(limits(4.9, 1), &once(), []);
    far.ask().await;
    let begun = Instant::now();
    far.ask().await.refused(ErrorKind::Throttled);
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn background_calls_wait_in_line_until_their_deadline() {
    let rig = rig(limits(1.0, 1), &once(), []);
    let begun = Instant::now();
    let calls = (0..6).map(|_| async {
        let asked = rig.ask_in_background(3_500 * MILLI).await;
        (asked, begun.elapsed())
    });
    let ended = join_all(calls).await;
    let found: Vec<_> = ended
        .iter()
        .filter(|(asked, _)| asked.found())
        .map(|(_, at)| at.as_secs())
        .collect();
    assert_eq!(found, [0, 1, 2, 3]);
    for (asked, at) in ended.iter().skip(4) {
        asked.refused(ErrorKind::Throttled);
        assert!(*at <= 3_500 * MILLI);
    }
}

#[tokio::test(start_paused = true)]
async fn a_newcomer_does_not_jump_the_line() {
    let rig = rig(limits(1.0, 1), &once(), []);
    rig.ask_in_background(SECOND).await;
    let begun = Instant::now();
    let newcomer = async {
        // Just when the next request may go, and before the one that waits for it wakes up.
        tokio::time::sleep(SECOND).await;
        rig.ask_in_background(10 * SECOND).await;
        begun.elapsed()
    };
    let first = async {
        rig.ask_in_background(10 * SECOND).await;
        begun.elapsed()
    };
    assert_eq!(tokio::join!(biased; newcomer, first), (2 * SECOND, SECOND));
}

#[tokio::test(start_paused = true)]
async fn background_calls_leave_a_quarter_of_the_burst() {
    let rig = rig(limits(0.1, 8), &once(), []);
    let all = join_all((0..10).map(|_| rig.ask_in_background(SECOND))).await;
    assert_eq!(all.iter().filter(|asked| asked.found()).count(), 6);
    assert!(rig.ask().await.found());
    assert!(rig.ask().await.found());
    rig.ask().await.refused(ErrorKind::Throttled);
}

#[tokio::test(start_paused = true)]
async fn the_day_ends_at_midnight_utc() {
    let rig = rig(daily(4), &once(), []);
    for left in [0.75, 0.5, 0.25, 0.0] {
        assert!(rig.ask().await.found());
        assert_eq!(rig.guard.health().quota_remaining, left);
    }
    assert_eq!(
        rig.guard.health().quota_reset,
        Some("2026-03-02T00:00:00Z".parse().unwrap())
    );
    assert_eq!(rig.ask().await.refused(ErrorKind::Throttled), 2 * HOUR);
    rig.pass(2 * HOUR - SECOND).await;
    assert_eq!(rig.ask().await.refused(ErrorKind::Throttled), SECOND);
    rig.pass(SECOND).await;
    assert!(rig.ask().await.found());
    assert_eq!(rig.guard.health().quota_remaining, 0.75);
}

#[tokio::test(start_paused = true)]
async fn a_background_call_waits_for_midnight_only_if_it_lives_to_see_it() {
    let rig = rig(daily(1), &once(), []);
    rig.ask().await;
    let begun = Instant::now();
    rig.ask_in_background(HOUR)
        .await
        .refused(ErrorKind::Throttled);
    assert_eq!(begun.elapsed(), Duration::ZERO);
    let night = async {
        tokio::time::sleep(HOUR).await;
        rig.clock.advance(2 * HOUR);
    };
    let (asked, ()) = tokio::join!(rig.ask_in_background(3 * HOUR), night);
    assert!(asked.found());
}

#[tokio::test(start_paused = true)]
async fn a_degraded_call_has_a_fifth_of_the_day_and_of_the_rate() {
    let rig = rig(daily(10), &once(), []);
    assert!(rig.ask_degraded().await.found());
    assert!(rig.ask_degraded().await.found());
    assert_eq!(
        rig.ask_degraded().await.refused(ErrorKind::Throttled),
        2 * HOUR
    );
    for _ in 0..8 {
        assert!(rig.ask().await.found(), "the rest is there for others");
    }
    rig.ask().await.refused(ErrorKind::Throttled);
    rig.pass(2 * HOUR).await;
    assert!(rig.ask_degraded().await.found());
}

#[tokio::test(start_paused = true)]
async fn a_degraded_call_does_not_wait_for_the_rate() {
    let rig = rig(limits(10.0, 10), &once(), []);
    assert!(rig.ask_degraded().await.found());
    assert!(rig.ask_degraded().await.found());
    assert_eq!(
        rig.ask_degraded().await.refused(ErrorKind::Throttled),
        500 * MILLI
    );
    let all = join_all((0..8).map(|_| rig.ask())).await;
    assert!(all.iter().all(Asked::found));
    rig.pass(500 * MILLI).await;
    assert!(rig.ask_degraded().await.found());
}

#[tokio::test(start_paused = true)]
async fn what_did_not_count_at_the_source_is_given_back() {
    let rig = rig(
        Limits {
            per_day: 2,
            ..limits(0.001, 2)
        },
        &once(),
        [],
    );
    let unspent = Error::new(ErrorKind::HintRequired, "scripted").unspent();
    rig.fake.then_always(Say::Fail(unspent));
    for _ in 0..20 {
        assert_eq!(rig.ask().await.kind(), Some(ErrorKind::HintRequired));
    }
    rig.fake.then_always(Say::fail(ErrorKind::HintRequired));
    rig.ask().await;
    rig.ask().await;
    rig.ask().await.refused(ErrorKind::Throttled);
}

#[tokio::test(start_paused = true)]
async fn a_429_pauses_the_quota_and_trips_nothing() {
    let rig = rig(WIDE, &once(), [Say::throttled(30 * SECOND)]);
    let first = rig.ask().await;
    assert_eq!(first.kind(), Some(ErrorKind::Throttled));
    assert!(first.error().spent);
    assert_eq!(first.error().retry, Retry::After(30 * SECOND));
    let health = rig.guard.health();
    assert_eq!(health.quota_remaining, 0.0);
    assert_eq!(
        health.quota_reset,
        Some("2026-03-01T22:00:30Z".parse().unwrap())
    );
    for _ in 0..50 {
        assert_eq!(rig.ask().await.refused(ErrorKind::Throttled), 30 * SECOND);
    }
    assert_eq!(rig.fake.asked(), 1);
    assert_eq!(
        (rig.source(), rig.credential()),
        (BreakerState::Passing, BreakerState::Passing)
    );
    rig.pass(30 * SECOND).await;
    assert!(rig.ask().await.found());
}

#[tokio::test(start_paused = true)]
async fn any_number_of_429s_trips_nothing() {
    let rig = rig(WIDE, &once(), []);
    rig.fake.then_always(Say::throttled(SECOND));
    for _ in 0..50 {
        assert_eq!(rig.ask().await.attempts, 1);
        rig.pass(SECOND).await;
    }
    assert_eq!(
        (rig.source(), rig.credential()),
        (BreakerState::Passing, BreakerState::Passing)
    );
}

#[tokio::test(start_paused = true)]
async fn no_pause_is_longer_than_five_minutes() {
    for advice in [Retry::After(24 * HOUR), Retry::Never] {
        let error = Error::new(ErrorKind::Throttled, "scripted").with_retry(advice);
        let rig = rig(WIDE, &once(), [Say::Fail(error)]);
        assert_eq!(rig.ask().await.error().retry, Retry::After(300 * SECOND));
        rig.pass(300 * SECOND).await;
        assert!(rig.ask().await.found());
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_time_the_pause_grows_until_a_call_goes_well() {
    let rig = rig(WIDE, &once(), []);
    for expected in [5, 10, 20, 40, 80, 160, 300, 300] {
        rig.fake.then_always(Say::fail(ErrorKind::Throttled));
        let expected = Duration::from_secs(expected);
        assert_eq!(rig.ask().await.error().retry, Retry::After(expected));
        rig.pass(expected).await;
        rig.fake.then_always(Say::fail(ErrorKind::Internal));
        rig.ask().await;
        rig.pass(SECOND).await;
    }
    rig.fake.then_always(Say::Found);
    assert!(rig.ask().await.found());
    rig.pass(SECOND).await;
    rig.fake.then_always(Say::fail(ErrorKind::Throttled));
    assert_eq!(rig.ask().await.error().retry, Retry::After(5 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn thirty_429s_at_once_are_one_pause() {
    let rig = rig(WIDE, &once(), []);
    rig.fake
        .then_always(Say::fail(ErrorKind::Throttled).slowly(100 * MILLI));
    let all = join_all((0..30).map(|_| rig.ask())).await;
    assert!(
        all.iter()
            .all(|asked| asked.error().retry == Retry::After(5 * SECOND))
    );
    rig.pass(5 * SECOND).await;
    assert_eq!(rig.ask().await.error().retry, Retry::After(10 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn a_late_success_does_not_end_a_row_of_429s() {
    let script = [Say::Found.slowly(SECOND), Say::fail(ErrorKind::Throttled)];
    let rig = rig(WIDE, &once(), script);
    let (early, throttled) = tokio::join!(biased; rig.ask(), rig.ask());
    assert!(early.found());
    assert_eq!(throttled.kind(), Some(ErrorKind::Throttled));
    rig.pass(5 * SECOND).await;
    rig.fake.then_always(Say::fail(ErrorKind::Throttled));
    assert_eq!(rig.ask().await.error().retry, Retry::After(10 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_given_back_only_if_none_of_it_counted() {
    let spent = Error::new(ErrorKind::Unavailable, "scripted");
    let unspent = spent.clone().unspent();
    for (answers, left) in [
        (vec![unspent.clone(), unspent.clone()], 1.0),
        (vec![unspent.clone(), spent.clone()], 0.5),
        (vec![spent, unspent], 0.5),
    ] {
        let answers = answers.into_iter().map(Say::Fail).collect();
        let rig = rig(daily(2), &once(), [Say::Each(answers)]);
        let ask = Ask {
            asking: queries(2),
            ..rig.asking(Priority::Interactive, SECOND)
        };
        let asked = rig.guard.ask(ask).await;
        assert_eq!(rig.guard.health().quota_remaining, left);
        assert_eq!(asked.error().spent, left < 1.0);
    }
}

#[tokio::test(start_paused = true)]
async fn one_throttled_number_of_a_batch_pauses_too() {
    let script = [Say::Each(vec![Say::Found, Say::throttled(7 * SECOND)])];
    let rig = rig(WIDE, &once(), script);
    let ask = Ask {
        asking: queries(2),
        ..rig.asking(Priority::Interactive, SECOND)
    };
    let asked = rig.guard.ask(ask).await;
    assert!(asked.answers[0].is_ok());
    assert_eq!(rig.ask().await.refused(ErrorKind::Throttled), 7 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn absurd_limits_slow_down_and_do_not_panic() {
    for per_second in [0.0, -1.0, f64::NAN, f64::INFINITY, f64::MIN_POSITIVE, 1e300] {
        let rig = rig(limits(per_second, u32::MAX), &once(), []);
        assert!(rig.ask().await.found());
        assert!(rig.ask_in_background(SECOND).await.found());
        assert!((0.0..=1.0).contains(&rig.guard.health().quota_remaining));
    }
    let rig = rig(limits(0.0, 0), &once(), []);
    assert!(rig.ask().await.found());
    rig.ask().await.refused(ErrorKind::Throttled);
}

#[tokio::test(start_paused = true)]
async fn every_request_of_a_call_is_counted() {
    let sending = |requests| Say::Sending(requests, Box::new(Say::Found));
    let rig = rig(daily(10), &once(), [sending(1), sending(4), sending(0)]);
    for left in [0.9, 0.5, 0.4] {
        assert!(rig.ask().await.found());
        assert_eq!(rig.guard.health().quota_remaining, left);
    }
    // What has left is owed to the rate as well.
    let tight = Limits {
        per_second: 1.0,
        burst: 5,
        ..WIDE
    };
    let rig = super::rig(tight, &once(), [sending(5)]);
    assert!(rig.ask().await.found());
    assert_eq!(rig.ask().await.refused(ErrorKind::Throttled), SECOND);
}
