//! `waybill-check FILE`: judges a history that was kept as JSON lines.
#![allow(clippy::print_stdout, reason = "a program")]

use std::io::BufReader;
use std::process::ExitCode;

use waybill_check::{History, judge};

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let path = std::env::args_os().nth(1).ok_or("names no file")?;
    let history = History::read(BufReader::new(std::fs::File::open(path)?))?;
    let violations = judge(&history);
    for violation in &violations {
        println!("{violation:?}");
    }
    println!("{} violations", violations.len());
    Ok(ExitCode::from(u8::from(!violations.is_empty())))
}
