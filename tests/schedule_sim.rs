//! The scheduler on a simulated clock: 100,000 parcels over two days, as `scripts/bench --only
//! schedule` does it with a million.
#![allow(
    missing_docs,
    unreachable_pub,
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

#[path = "common/polling.rs"]
mod polling;

use polling::{fleet, item, run, unequal};
use waybill::schedule::{Due, LEASE, MemoryDue, Pace, Task};

#[test]
fn a_hundred_thousand_parcels_are_polled_in_time_evenly_and_within_every_quota() {
    let fleet = fleet(100_000);
    let outcome = run(&fleet);
    let worst = outcome.worst.values().copied().fold(0.0, f64::max);
    println!(
        "{} polls; worst wait {worst} intervals; polls per second: mean {:.2}, greatest of 10 s {:.2}, of 1 s {}; \
         quota windows exceeded {}, greatest use {:.3}; {} leases of dead nodes, {} re-run within {} s; doubled {}",
        outcome.polls,
        outcome.mean,
        outcome.peak_ten,
        outcome.peak_second,
        outcome.exceeded,
        outcome.used,
        outcome.orphans,
        outcome.rerun,
        outcome.rerun_after,
        outcome.doubled,
    );
    for standing in &outcome.standings {
        println!("{standing:?}");
    }
    assert!(outcome.polls > 300_000, "{}", outcome.polls);
    assert!(worst <= 1.5, "{worst}");
    // In a single second there are but a handful.
    assert!(outcome.peak_ten <= 1.3 * outcome.mean, "{} {}", outcome.peak_ten, outcome.mean);
    assert_eq!((outcome.exceeded, outcome.doubled), (0, 0));
    assert!(outcome.orphans > 0);
    assert_eq!(outcome.rerun, outcome.orphans);
    assert!(outcome.rerun_after <= 150.0, "{}", outcome.rerun_after);
    for standing in &outcome.standings {
        assert!(standing.debt().is_zero(), "{standing:?}");
    }
}
