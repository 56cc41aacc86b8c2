//! What `scripts/fuzz` begins with and what it once found, replayed: no input of a source, no
//! number, no time and no resume token makes a panic or something that no record can hold.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

#[path = "../../fuzz/check.rs"]
mod check;
#[path = "../../fuzz/push.rs"]
mod push;
#[path = "../../fuzz/seed.rs"]
mod seed;
#[path = "../../fuzz/target.rs"]
mod target;
#[path = "../../fuzz/tokens.rs"]
mod tokens;

use std::panic::{AssertUnwindSafe, catch_unwind};

use target::Target;

#[test]
fn every_seed_is_taken() {
    for name in target::names() {
        let target = Target::named(name);
        for (seed, input) in seed::all(name) {
            let taken = catch_unwind(AssertUnwindSafe(|| target.run(&input)));
            assert!(taken.is_ok(), "{name}/{seed}");
        }
    }
}

#[test]
fn a_seed_of_every_source_that_pushes_is_believed() {
    for source in waybill_adapters::ALL {
        let adapter = target::adapter(source.id);
        let seeds = seed::all(source.id);
        let bodies = seeds
            .iter()
            .filter_map(|(_, seed)| seed.strip_prefix(b"pshj\n"));
        let believed = bodies.flat_map(|body| push::all("", body)).any(|push| {
            let pushed = adapter.translate_push(&push, target::now());
            pollster::block_on(pushed).is_ok_and(|pushed| !pushed.reports.is_empty())
        });
        assert_eq!(
            believed,
            source.capabilities.push.is_some(),
            "{}",
            source.id
        );
    }
}

#[test]
fn no_target_is_without_seeds() {
    for name in target::names() {
        assert!(!seed::all(name).is_empty(), "{name}");
    }
}
