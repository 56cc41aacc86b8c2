//! An operator's word goes before what the breaker thinks, and a guard takes the place of another one.

use super::*;

/// So long an order lasts.
const A_WHILE: Duration = Duration::from_secs(60);

fn order(passing: bool) -> Option<Hold> {
    Some(Hold {
        passing,
        until: Instant::now() + A_WHILE,
    })
}

#[tokio::test(start_paused = true)]
async fn nobody_gets_through_until_the_time_is_over() {
    let rig = rig(WIDE, &once(), []);
    rig.guard.hold(Which::Source, order(false));
    rig.pass(20 * SECOND).await;
    assert_eq!(rig.ask().await.refused(ErrorKind::Tripped), 40 * SECOND);
    let health = rig.guard.health().source;
    assert_eq!(health.state, BreakerState::Tripped);
    let until = Some("2026-03-01T22:01:00Z".parse().unwrap());
    assert_eq!((health.held_until, health.next_probe), (until, until));
    assert_eq!(rig.fake.asked(), 0);
    rig.pass(40 * SECOND).await;
    assert!(rig.ask().await.found());
    assert_eq!(rig.guard.health().source.held_until, None);
}

#[tokio::test(start_paused = true)]
async fn everybody_gets_through_whatever_the_source_does() {
    let rig = rig(WIDE, &once(), []);
    rig.trip().await;
    let asked = rig.fake.asked();
    rig.guard.hold(Which::Source, order(true));
    for _ in 0..20 {
        assert_eq!(rig.ask().await.kind(), Some(ErrorKind::Unavailable));
    }
    assert_eq!(rig.fake.asked(), asked + 20);
    assert_eq!(rig.source(), BreakerState::Passing);
    // It stands where it stood, and by now a probe is due.
    rig.pass(A_WHILE).await;
    assert_eq!(rig.source(), BreakerState::Tripped);
    rig.ask().await;
    rig.ask().await.refused(ErrorKind::Tripped);
    assert_eq!(rig.fake.asked(), asked + 21);
}

#[tokio::test(start_paused = true)]
async fn an_order_can_be_taken_back() {
    let rig = rig(WIDE, &once(), []);
    for which in [Which::Source, Which::Credential] {
        rig.guard.hold(which, order(false));
        assert!(!rig.ask().await.found());
        rig.guard.hold(which, None);
        assert!(rig.ask().await.found());
    }
}

impl Rig {
    /// The guard that takes the place of this one.
    fn renewed(&self, limits: Limits, same_credentials: bool) -> Self {
        let account = Account {
            source: "test",
            name: "shop-a",
            limits,
            purse: purse("0", "", ""),
            nodes: None,
        };
        let before = Before {
            guard: &self.guard,
            same_credentials,
        };
        let adapter: Arc<dyn Adapter> = Arc::clone(&self.fake) as _;
        let clock = self.clock.clone();
        let (http, tuning) = (Arc::new(NoHttp), once());
        let guard = Guard::after(account, adapter, http, &tuning, clock, Some(before));
        Self {
            guard,
            fake: Arc::clone(&self.fake),
            clock: self.clock.clone(),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_spent_stays_spent_also_by_calls_that_are_out() {
    let limits = |per_day| Limits { per_day, ..WIDE };
    let first = rig(limits(3), &once(), [Say::Found.slowly(SECOND)]);
    let out = first.ask();
    let second = async {
        tokio::time::sleep(MILLI).await;
        let second = first.renewed(limits(2), true);
        assert_eq!(second.guard.spent().day_used, 1);
        assert!(second.ask().await.found());
        second.ask().await.refused(ErrorKind::Throttled);
        second
    };
    let (asked, second) = tokio::join!(out, second);
    assert!(asked.found());
    assert_eq!(second.guard.health().attempts, 2);
    let third = second.renewed(limits(10), true);
    assert_eq!(third.guard.spent().day_used, 2);
    assert!(third.ask().await.found());
}

#[tokio::test(start_paused = true)]
async fn breakers_stand_as_before_but_new_credentials_are_tried() {
    let first = rig(WIDE, &once(), []);
    first.trip().await;
    let second = first.renewed(WIDE, false);
    assert_eq!(second.source(), BreakerState::Tripped);
    second.ask().await.refused(ErrorKind::Tripped);

    let first = rig(WIDE, &once(), []);
    first.fake.then_always(Say::fail(ErrorKind::Denied));
    for _ in 0..3 {
        first.ask().await;
    }
    assert_eq!(first.credential(), BreakerState::Tripped);
    let same = first.renewed(WIDE, true);
    assert_eq!(same.credential(), BreakerState::Tripped);
    let other = first.renewed(WIDE, false);
    other.fake.then_always(Say::Found);
    assert!(other.ask().await.found());
}

#[tokio::test(start_paused = true)]
async fn a_probe_of_the_guard_before_holds_up_nobody() {
    let first = rig(WIDE, &once(), []);
    first.trip().await;
    first.pass(7 * SECOND).await;
    first.fake.then_always(Say::Hang);
    let mut probe = std::pin::pin!(first.ask());
    assert!(futures_util::poll!(&mut probe).is_pending());
    assert_eq!(first.source(), BreakerState::Probing);
    let second = first.renewed(WIDE, true);
    second.fake.then_always(Say::Found);
    assert!(second.ask().await.found(), "it sends a probe of its own");
    assert_eq!(second.source(), BreakerState::Passing);
}
