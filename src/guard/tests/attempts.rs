//! Attempts: their time-out, how often there is another one, and when.

use std::num::NonZeroU32;

use futures_util::future::join_all;

use super::*;

/// Default retries, and breakers that stay out of the way.
fn patient() -> Tuning {
    let mut tuning = Tuning::default();
    tuning.breaker.consecutive = NonZeroU32::MAX;
    tuning.breaker.denials = NonZeroU32::MAX;
    tuning.breaker.failed_percent = 101;
    tuning.breaker.slow_percent = 101;
    tuning.retry.budget_per_second = 1_000;
    tuning
}

fn gaps(rig: &Rig) -> Vec<Duration> {
    let times = rig.fake.asked_at.lock().unwrap();
    times.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

#[tokio::test(start_paused = true)]
async fn a_third_attempt_can_succeed() {
    let script = [
        Say::fail(ErrorKind::Unavailable),
        Say::fail(ErrorKind::Timeout),
        Say::Found,
    ];
    let rig = rig(WIDE, &patient(), script);
    let asked = rig.ask().await;
    assert!(asked.found());
    assert_eq!(asked.attempts, 3);
}

#[tokio::test(start_paused = true)]
async fn only_what_can_help_is_tried_again_and_three_times_at_most() {
    for kind in ErrorKind::ALL {
        let rig = rig(WIDE, &patient(), []);
        rig.fake.then_always(Say::fail(kind));
        let asked = rig.ask().await;
        let expected = match kind {
            // The advice of the last is one second, which a caller can wait.
            ErrorKind::Timeout | ErrorKind::Unavailable | ErrorKind::Overloaded => 3,
            _ => 1,
        };
        assert_eq!(asked.attempts, expected, "{kind:?}");
        assert_eq!(asked.kind(), Some(kind));
    }
}

#[tokio::test(start_paused = true)]
async fn the_advice_of_the_error_decides() {
    let gone = Error::new(ErrorKind::Unavailable, "scripted").with_retry(Retry::Never);
    let rig = rig(WIDE, &patient(), [Say::Fail(gone)]);
    assert_eq!(rig.ask().await.attempts, 1);
}

#[tokio::test(start_paused = true)]
async fn the_back_off_has_full_jitter() {
    let mut tuning = patient();
    tuning.retry.attempts = NonZeroU32::new(3).unwrap();
    let rig = rig(WIDE, &tuning, []);
    rig.fake.then_always(Say::fail(ErrorKind::Unavailable));
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for _ in 0..200 {
        rig.fake.asked_at.lock().unwrap().clear();
        rig.ask().await;
        let gaps = gaps(&rig);
        first.push(gaps[0]);
        second.push(gaps[1]);
    }
    // The timer rounds up to whole milliseconds.
    for (delays, bound) in [(first, 100), (second, 200)] {
        let bound = Duration::from_millis(bound);
        assert!(delays.iter().all(|delay| *delay <= bound + MILLI));
        assert!(delays.iter().any(|delay| *delay < bound / 4));
        assert!(delays.iter().any(|delay| *delay > bound * 3 / 4));
        let mean = delays.iter().sum::<Duration>() / 200;
        assert!(
            mean > bound / 3 && mean < bound * 2 / 3,
            "{mean:?} of {bound:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn retries_stay_within_their_budget() {
    let mut tuning = patient();
    tuning.retry.budget_per_second = 1;
    let rig = rig(WIDE, &tuning, []);
    rig.fake.then_always(Say::fail(ErrorKind::Unavailable));
    let begun = Instant::now();
    for _ in 0..60 {
        join_all((0..20).map(|_| rig.ask())).await;
        rig.pass(SECOND).await;
    }
    // In ten seconds at most 10 % of 200 requests and ten more; a part of ten seconds can have
    // them all.
    let retries = rig.fake.asked() - 1_200;
    let windows = begun.elapsed().as_secs() as usize / 10;
    let allowed = windows * 30..=(windows + 1) * 30;
    assert!(allowed.contains(&retries), "{retries}, not {allowed:?}");
}

#[tokio::test(start_paused = true)]
async fn an_interactive_call_obeys_a_short_retry_after_and_not_a_long_one() {
    let short = rig(WIDE, &patient(), [Say::throttled(1_500 * MILLI)]);
    let asked = short.ask().await;
    assert!(asked.found());
    assert!(gaps(&short)[0] >= 1_500 * MILLI);
    assert!(gaps(&short)[0] <= 1_601 * MILLI);

    let long = rig(WIDE, &patient(), [Say::throttled(3 * SECOND)]);
    let begun = Instant::now();
    assert_eq!(long.ask().await.error().retry, Retry::After(3 * SECOND));
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_background_call_obeys_what_fits_its_deadline() {
    let rig = rig(WIDE, &patient(), [Say::throttled(40 * SECOND)]);
    assert!(rig.ask_in_background(60 * SECOND).await.found());
    assert!(gaps(&rig)[0] >= 40 * SECOND);

    rig.fake.then_always(Say::throttled(40 * SECOND));
    let begun = Instant::now();
    let asked = rig.ask_in_background(30 * SECOND).await;
    assert_eq!(
        (asked.attempts, asked.kind()),
        (1, Some(ErrorKind::Throttled))
    );
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn no_retry_after_is_longer_than_five_minutes() {
    let error = Error::new(ErrorKind::Unavailable, "scripted");
    for error in [
        error.clone(),
        Error {
            kind: ErrorKind::Throttled,
            ..error
        },
    ] {
        let error = error.with_retry(Retry::After(24 * HOUR));
        let rig = rig(WIDE, &patient(), [Say::Fail(error)]);
        assert!(rig.ask_in_background(HOUR).await.found());
        let gap = gaps(&rig)[0];
        assert!((300 * SECOND..=301 * SECOND).contains(&gap), "{gap:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_attempt_has_its_own_time_out_within_the_deadline() {
    let rig = rig(WIDE, &patient(), []);
    rig.fake.then_always(Say::Hang);
    let begun = Instant::now();
    let asked = rig.ask_in_background(HOUR).await;
    assert_eq!(
        (asked.attempts, asked.kind()),
        (3, Some(ErrorKind::Timeout))
    );
    assert_eq!(asked.latency, Some(WIDE.timeout));
    let took = begun.elapsed();
    assert!((30 * SECOND..=30_302 * MILLI).contains(&took), "{took:?}");

    let begun = Instant::now();
    let asked = rig.ask_in_background(13 * SECOND).await;
    assert_eq!(
        (asked.attempts, asked.kind()),
        (2, Some(ErrorKind::Timeout))
    );
    assert_eq!(begun.elapsed(), 13 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn nothing_leaves_after_the_deadline() {
    let rig = rig(WIDE, &patient(), []);
    let late = rig.ask_in_background(Duration::ZERO).await;
    assert_eq!(late.kind(), Some(ErrorKind::Timeout));
    assert!(!late.error().spent);
    assert_eq!((late.attempts, late.latency), (0, None));

    rig.fake
        .then_always(Say::fail(ErrorKind::Unavailable).slowly(7 * MILLI));
    for millis in 1..200 {
        let deadline = Instant::now() + Duration::from_millis(millis);
        let ask = Ask {
            deadline,
            ..rig.asking(Priority::Interactive, SECOND)
        };
        rig.guard.ask(ask).await;
        assert!(Instant::now() <= deadline);
        assert!(*rig.fake.asked_at.lock().unwrap().last().unwrap() < deadline);
    }
    assert_eq!(rig.guard.health().in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn a_refused_retry_leaves_the_words_of_the_source() {
    // The first failure trips the breaker, which refuses the second attempt.
    let mut tuning = Tuning::default();
    tuning.breaker.consecutive = NonZeroU32::MIN;
    let error = Error::new(ErrorKind::Unavailable, "scripted").with_code("E42");
    let rig = rig(WIDE, &tuning, [Say::Fail(error)]);
    let asked = rig.ask().await;
    assert_eq!(asked.attempts, 1);
    assert_eq!(asked.kind(), Some(ErrorKind::Unavailable));
    assert_eq!(asked.error().native_code, "E42");
    assert!(asked.error().spent);
    let Retry::After(wait) = asked.error().retry else {
        panic!("the advice is the breaker's");
    };
    assert!((3_900 * MILLI..=6 * SECOND).contains(&wait), "{wait:?}");
}

#[tokio::test(start_paused = true)]
async fn what_concerns_one_number_stops_no_other() {
    let locked = Error::new(ErrorKind::Throttled, "scripted").with_retry(Retry::After(HOUR));
    let foreign = Error::new(ErrorKind::Denied, "scripted");
    for error in [locked, foreign] {
        let rig = rig(WIDE, &once(), []);
        rig.fake.then_always(Say::Fail(error.clone().of_query()));
        for _ in 0..10 {
            assert_eq!(rig.ask().await.kind(), Some(error.kind));
        }
        assert_eq!(rig.fake.asked(), 10, "each is asked");
        assert_eq!(rig.credential(), BreakerState::Passing);
        assert!(rig.guard.health().quota_remaining > 0.0, "no pause");
        rig.fake.then_always(Say::Fail(error));
        for _ in 0..10 {
            rig.ask().await;
        }
        assert!(rig.fake.asked() < 20, "the account is left alone");
    }
}
