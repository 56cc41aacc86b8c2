//! `scripts/bench`: what a gateway call costs, next to baselines measured in the same run.
//!
//! The program starts itself again for each server, pinned to one core, and h2load on another.
//! Baselines of `cached`: (a) bare tonic that clones and encodes the same answer per call, (b) a
//! bare tonic route that returns the same bytes as a raw body.
#![allow(
    missing_docs,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a bench"
)]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a bench measures the machine"
)]

mod cached;
mod kpi;
mod layers;
mod miss;
mod neighbour;
mod parse;
mod payload;
mod plain;
#[path = "../../tests/common/polling.rs"]
#[allow(dead_code, unreachable_pub, reason = "the tests use the rest")]
mod polling;
mod reconcile;
mod redis;
mod schedule;
#[path = "../../core/tests/rules/simulated.rs"]
mod simulated;
mod stampede;
mod streams;
mod world;

use std::process::ExitCode;

use serde_json::{Map, Value};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|it| it != "--bench")
        .collect();
    if let [role, name, events] = &arguments[..]
        && role == "--serve"
    {
        match name.as_str() {
            "claims" => schedule::shared::serve(events.parse().unwrap()),
            _ if name.starts_with("streams") => streams::serve(name),
            _ => cached::serve(name, events.parse().unwrap()),
        }
        return ExitCode::SUCCESS;
    }
    let value_of = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1).cloned()
    };
    let only = value_of("--only");
    let mut results = Map::new();
    type Bench = fn() -> Value;
    let benches: [(&str, Bench); 13] = [
        ("cached", cached::run),
        ("cached-3500-bytes", cached::run_little),
        ("layers", layers::run),
        ("miss", miss::run),
        ("parse", parse::run),
        ("reconcile", reconcile::run),
        ("stampede", stampede::run),
        ("neighbour", neighbour::run),
        ("redis", redis::run),
        ("kpi", kpi::run),
        ("schedule", schedule::run_all),
        ("schedule-redis", schedule::shared::run),
        ("streams", streams::run),
    ];
    for (name, run) in benches {
        if only
            .as_deref()
            .is_none_or(|only| only == name || name.starts_with(&format!("{only}-")))
        {
            println!("== {name}");
            results.insert(name.to_owned(), run());
        }
    }
    if results.is_empty() {
        println!(
            "--only takes cached, layers, miss, parse, reconcile, stampede, neighbour, redis, kpi, schedule or streams"
        );
        return ExitCode::FAILURE;
    }
    if let Some(path) = value_of("--json") {
        std::fs::write(&path, serde_json::to_string_pretty(&results).unwrap()).unwrap();
        println!("written to {path}");
    }
    ExitCode::SUCCESS
}

/// The value in the middle.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The value below which `share` of the values lie.
fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * share).round() as usize]
}
