//! The scheduler on a simulated clock: a million parcels, registered in one minute, over two days,
//! by the planner and the queue that the gateway runs. Half-way two of four nodes die.

pub(crate) mod shared;

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::polling::{fleet, run};

const PARCELS: usize = 1_000_000;
const ALLOWED_TIME: Duration = Duration::from_secs(300);

pub(crate) fn run_all() -> Value {
    let started = Instant::now();
    let outcome = run(&fleet(PARCELS, 1_000));
    let took = started.elapsed();
    println!("{PARCELS} parcels over 48 h in {took:.1?}, allowed {ALLOWED_TIME:.0?}");
    println!("{outcome}");
    let worst = outcome.worst.values().copied().fold(0.0, f64::max);
    let ok = took <= ALLOWED_TIME
        && worst <= 1.5
        && outcome.peak <= 1.3 * outcome.mean
        && outcome.exceeded == 0
        && outcome.doubled == 0
        && outcome.rerun == outcome.orphans
        && outcome.rerun_after <= 150.0;
    println!("{}", if ok { "within all" } else { "NOT within all" });
    json!({
        "parcels": PARCELS,
        "seconds": took.as_secs_f64(),
        "polls": outcome.polls,
        "worst_wait": worst,
        "peak_to_mean": outcome.peak / outcome.mean,
        "peak_window_seconds": outcome.window,
        "peak_of_a_second": outcome.peak_second,
        "quota_windows_exceeded": outcome.exceeded,
        "leases_of_dead_nodes": outcome.orphans,
        "rerun_after_seconds": outcome.rerun_after,
        "ok": ok,
    })
}
