//! The program: one command per file in `cli/`. This is the only file that names the built-in
//! adapters; everything else is handed a registry.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line program prints"
)]

mod cli;

/// A miss builds and drops a few hundred small values on whichever worker is free; glibc's arenas
/// spend more time on that than the rules do.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

use std::process::ExitCode;

use clap::Parser;
use waybill_core::registry::Registry;

fn main() -> ExitCode {
    let registry = Registry::new(waybill_adapters::ALL);
    let command = cli::Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: cannot start the runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(cli::run(command, registry)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
