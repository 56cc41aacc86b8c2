//! The scheduler on a simulated clock: 100,000 parcels over two days, as `scripts/bench --only
//! schedule` does it with a million; and what every due queue promises.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

#[path = "common/polling.rs"]
mod polling;

use std::sync::Arc;

use futures_util::FutureExt;
use polling::{fleet, run, unequal};
use waybill::schedule::{Due, Flow, Item, LEASE, MemoryDue, Pace, Task};
use waybill::store::StoreError;
use waybill_core::poll::Lane;
use waybill_core::shipment::ShipmentId;

#[test]
fn a_hundred_thousand_parcels_are_polled_in_time_evenly_and_within_every_quota() {
    let outcome = run(&fleet(100_000, 4_000));
    println!("{outcome}");
    let worst = outcome.worst.values().copied().fold(0.0, f64::max);
    assert!(outcome.polls > 300_000, "{outcome}");
    assert!(worst <= 1.5, "{outcome}");
    assert!(outcome.peak <= 1.3 * outcome.mean, "{outcome}");
    assert_eq!((outcome.exceeded, outcome.doubled), (0, 0), "{outcome}");
    assert!(
        outcome.orphans > 0 && outcome.rerun == outcome.orphans,
        "{outcome}"
    );
    assert!(outcome.rerun_after <= 150.0, "{outcome}");
    assert!(
        outcome
            .standings
            .iter()
            .all(|standing| standing.debt().is_zero())
    );
}

/// 1,000 to 1, and a quota of half of what they want: the big one waits, and its debt is shown.
#[test]
fn a_small_tenant_does_not_wait_for_a_big_one() {
    let (alone, beside) = (run(&unequal(true, 20_000)), run(&unequal(false, 20_000)));
    let (alone, small) = (alone.p95["small"], beside.p95["small"]);
    assert!(
        alone > 0.5 && small <= 1.2 * alone,
        "{small} beside, {alone} alone"
    );
    // Its intervals are as much longer as it wants too much.
    let standing = beside.standings[0];
    let big = beside.p95["big"] / (standing.demand / standing.budget);
    assert!((1.0..1.4).contains(&big), "{big}: {beside}");
    let wanted = standing.shipments as f64 / standing.demand;
    let debt = standing.debt().as_secs_f64();
    assert!((0.8..1.3).contains(&(debt / wanted)), "{standing:?}");
    assert_eq!((beside.exceeded, beside.doubled), (0, 0));
}

fn item(name: &str, tenant: &str, due: i64) -> Item {
    Item {
        task: Task::Poll,
        id: ShipmentId(name.to_owned()),
        flow: flow(tenant),
        due,
        interval: 3_600_000,
        failures: 0,
    }
}

fn flow(tenant: &str) -> Flow {
    Flow {
        source: "one",
        lane: Lane::Normal,
        tenant: Arc::from(tenant),
    }
}

/// A queue in memory answers at once.
fn now<T>(answer: impl Future<Output = Result<T, StoreError>>) -> T {
    answer.now_or_never().unwrap().unwrap()
}

fn names(claims: &[waybill::schedule::Claim]) -> Vec<&str> {
    claims
        .iter()
        .map(|claim| claim.item.id.0.as_str())
        .collect()
}

#[test]
fn what_is_claimed_is_nobody_elses_until_its_lease_ends() {
    let queue = MemoryDue::default();
    let lease = i64::try_from(LEASE.as_millis()).unwrap();
    now(queue.put(
        0,
        vec![item("b", "x", 20), item("a", "x", 10), item("c", "x", 99)],
    ));
    assert_eq!(now(queue.claim(&flow("x"), 9, 10)), []);
    let first = now(queue.claim(&flow("x"), 50, 10));
    assert_eq!(
        names(&first),
        ["a", "b"],
        "oldest first, and only what is due"
    );
    assert_eq!(now(queue.claim(&flow("x"), 50, 10)), []);
    // Meanwhile the record has changed: who has the claim decides.
    now(queue.put(50, vec![item("a", "x", 60)]));
    assert_eq!(
        now(queue.claim(&flow("x"), 49 + lease, 1))[0].item.id.0,
        "c"
    );

    let mut second = now(queue.claim(&flow("x"), 50 + lease, 10));
    second.sort_by(|one, other| one.item.id.cmp(&other.item.id));
    assert_eq!(names(&second), ["a", "b"]);
    assert!(
        second
            .iter()
            .all(|claim| claim.again && claim.item.due < 50)
    );
    let next = Some(item("a", "x", 7_000_000));
    assert!(
        !now(queue.done(first[0].clone(), next.clone())),
        "a late zombie"
    );
    assert!(now(queue.done(second[0].clone(), next)));
    assert!(!now(queue.done(second[0].clone(), None)), "only once");
    assert!(now(queue.done(second[1].clone(), None)));
    let left = now(queue.upcoming(10));
    let left: Vec<&str> = left.iter().map(|item| item.id.0.as_str()).collect();
    assert_eq!(left, ["c", "a"]);
}

#[test]
fn what_is_taken_out_while_it_is_claimed_stays_out() {
    let queue = MemoryDue::default();
    now(queue.put(0, vec![item("a", "x", 1)]));
    let claim = now(queue.claim(&flow("x"), 1, 1)).remove(0);
    let id = claim.item.id.clone();
    now(queue.remove(Task::Poll, &id));
    assert!(!now(queue.done(claim, Some(item("a", "x", 2)))));
    assert_eq!(now(queue.get(Task::Poll, &id)), None);
    assert_eq!(now(queue.wants("one")), []);
}

#[test]
fn the_backlog_and_the_wants_are_told_by_tenant() {
    let queue = MemoryDue::default();
    let due = |tenant, at| item(&format!("{tenant}{at}"), tenant, at);
    now(queue.put(
        0,
        vec![
            due("x", 5),
            due("x", 6),
            due("x", 7),
            due("y", 3),
            due("z", 100),
        ],
    ));
    let backlog = now(queue.backlog("one", 10, 2));
    let told: Vec<_> = backlog
        .iter()
        .map(|flow| (&*flow.flow.tenant, flow.count, flow.oldest))
        .collect();
    assert_eq!(told, [("y", 1, 3), ("x", 2, 5)]);
    assert_eq!(now(queue.backlog("other", 10, 2)), []);
    let wants = now(queue.wants("one"));
    let told: Vec<_> = wants
        .iter()
        .map(|want| (&*want.tenant, want.count))
        .collect();
    assert_eq!(told, [("x", 3), ("y", 1), ("z", 1)]);
    assert!((wants[0].rate - 3.0 / 3_600.0).abs() < 1e-8);
    // What moves to another flow leaves its old one.
    now(queue.put(
        0,
        vec![Item {
            flow: flow("y"),
            ..due("x", 5)
        }],
    ));
    let wants = now(queue.wants("one"));
    assert_eq!((wants[0].count, wants[1].count), (2, 2));
}

#[test]
fn calls_are_spaced_for_all_nodes_together() {
    let queue = MemoryDue::default();
    let pace = Pace {
        rate: 2.0,
        burst: 3.0,
    };
    let start = 1_000_000;
    assert_eq!(now(queue.take("one", start, pace, 10)), 3, "the burst");
    assert_eq!(now(queue.take("one", start, pace, 10)), 0);
    assert_eq!(now(queue.take("one", start + 499, pace, 10)), 0);
    assert_eq!(now(queue.take("one", start + 500, pace, 10)), 1);
    assert_eq!(
        now(queue.take("other", start, pace, 2)),
        2,
        "each source by itself"
    );
    let none = Pace {
        rate: 0.0,
        burst: 3.0,
    };
    assert_eq!(now(queue.take("one", start + 60_000, none, 10)), 0);
}
