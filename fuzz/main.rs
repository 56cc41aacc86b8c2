//! One libFuzzer program for every target; `WAYBILL_FUZZ_TARGET` says which one. It first writes the
//! target's seeds into `WAYBILL_FUZZ_CORPUS` and its words into `WAYBILL_FUZZ_WORDS`.
#![no_main]

mod check;
mod push;
mod seed;
mod target;
mod tokens;

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use peak_alloc::PeakAlloc;
use target::Target;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

static TARGET: OnceLock<Target> = OnceLock::new();

fn setting(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set; run scripts/fuzz"))
}

fn start() {
    let name = setting("WAYBILL_FUZZ_TARGET");
    seed::write(
        &name,
        &setting("WAYBILL_FUZZ_CORPUS"),
        &setting("WAYBILL_FUZZ_WORDS"),
    );
    let target = Target::named(&name);
    // What is read only once, code tables and zones for example, is not the first input's.
    for (_, input) in seed::all(&name) {
        target.run(&input);
    }
    TARGET.get_or_init(|| target);
}

fuzz_target!(init: start(), |input: &[u8]| {
    if let Some(target) = TARGET.get() {
        MEMORY.reset_peak_usage();
        let before = MEMORY.current_usage();
        target.run(input);
        let used = MEMORY.peak_usage().saturating_sub(before);
        let allowed = target::allowed(input.len());
        assert!(used <= allowed, "{used} bytes of memory, {allowed} allowed");
    }
});
