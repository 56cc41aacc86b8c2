//! What calls cost, and what may be spent.

use super::*;

const WHOLE_DAY: Duration = Duration::from_secs(86_400);

/// Asserts a refusal that names the budget, and that it holds until midnight.
fn is_used_up(asked: &Asked, setting: &str) {
    // The clock begins at 22:00 UTC.
    assert_eq!(asked.refused(ErrorKind::Throttled), 2 * HOUR);
    let message = &asked.error().message;
    assert!(
        message.contains(setting) && message.contains("00:00 UTC"),
        "{message}"
    );
}

#[tokio::test(start_paused = true)]
async fn paid_calls_stay_within_the_budget_of_the_day() {
    let rig = rig_with(purse("0.3", "1", ""), WIDE, &once(), []);
    for _ in 0..3 {
        assert!(rig.guard.can_pay());
        assert!(rig.ask().await.found());
    }
    assert!(!rig.guard.can_pay(), "0.1 is left");
    is_used_up(&rig.ask().await, "sources.test.daily_budget");
    is_used_up(
        &rig.ask_in_background(HOUR).await,
        "sources.test.daily_budget",
    );
    assert_eq!(rig.fake.asked(), 3);
    assert_eq!(rig.source(), BreakerState::Passing);
    rig.pass(2 * HOUR).await;
    assert!(rig.ask().await.found(), "a new day");
    rig.pass(WHOLE_DAY).await;
    assert!(rig.ask().await.found());
}

#[tokio::test(start_paused = true)]
async fn sources_share_a_budget_and_have_their_own() {
    let all = Arc::new(Ledger::new(
        "routing.daily_budget".to_owned(),
        "1".parse().unwrap(),
    ));
    let purse = |own: &str| {
        let own = Ledger::new("sources.test.daily_budget".to_owned(), own.parse().unwrap());
        Purse::new("0.4".parse().unwrap(), own, Arc::clone(&all))
    };
    let first = rig_with(purse(""), WIDE, &once(), []);
    let second = rig_with(purse("0.4"), WIDE, &once(), []);
    assert!(first.ask().await.found());
    assert!(second.ask().await.found());
    is_used_up(&second.ask().await, "sources.test.daily_budget");
    is_used_up(&first.ask().await, "routing.daily_budget");
}

#[tokio::test(start_paused = true)]
async fn what_did_not_leave_or_was_not_counted_costs_nothing() {
    let unspent = Say::Fail(Error::new(ErrorKind::InvalidQuery, "scripted").unspent());
    let rig = rig_with(purse("1", "1", ""), WIDE, &once(), [unspent]);
    assert_eq!(rig.ask().await.kind(), Some(ErrorKind::InvalidQuery));
    assert!(rig.ask().await.found(), "the money is still there");
    is_used_up(&rig.ask().await, "sources.test.daily_budget");

    let tight = Limits {
        per_second: 1.0,
        burst: 1,
        ..WIDE
    };
    let rig = rig_with(purse("1", "2", ""), tight, &once(), []);
    assert!(rig.ask().await.found());
    rig.ask().await.refused(ErrorKind::Throttled);
    rig.pass(SECOND).await;
    assert!(rig.ask().await.found(), "what had no quota was not paid");
}

#[tokio::test(start_paused = true)]
async fn each_attempt_is_paid_and_so_is_one_that_hangs() {
    let mut tuning = Tuning::default();
    tuning.retry.attempts = std::num::NonZeroU32::new(2).unwrap();
    let failing = Say::fail(ErrorKind::Unavailable);
    let rig = rig_with(
        purse("1", "3", ""),
        WIDE,
        &tuning,
        [failing, Say::Found, Say::Hang],
    );
    assert!(rig.ask().await.found());
    let asking = rig.asking(Priority::Interactive, SECOND);
    assert_eq!(rig.guard.ask(asking).await.kind(), Some(ErrorKind::Timeout));
    is_used_up(&rig.ask().await, "sources.test.daily_budget");
}
