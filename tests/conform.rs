//! The conformance suite over every built-in source, and against adapters that break its rules.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests"
)]

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use waybill::conform::{CHECKS, Cases, Outcome, Subject, Verdict};
use waybill_core::adapter::Descriptor;
use waybill_core::registry::Registry;

/// Time for a call that is to work; long, because a machine can be busy.
const WITHIN: Duration = Duration::from_secs(60);

/// Folder of a source: its id as a name in Rust, which cannot begin with a digit.
fn folder(id: &str) -> PathBuf {
    let digits = id.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, rest) = id.split_at(digits);
    let name = format!("{}{digits}", rest.replace('-', "_"));
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("adapters")
        .join(name)
}

async fn outcomes(source: &'static Descriptor) -> Vec<Outcome> {
    let cases = Cases::read(&folder(source.id)).unwrap();
    let registry = Registry::new(waybill_adapters::ALL);
    let subject = Subject::built_in(registry, source.id, cases, WITHIN).await;
    subject.unwrap().run(|_| true).await
}

/// Sources that are asked over the network.
fn asked() -> Vec<&'static Descriptor> {
    let all = waybill_adapters::ALL.iter().copied();
    all.filter(|source| source.settings.iter().any(|each| each.key == "base_url"))
        .collect()
}

/// A row per check and a column per source, and below it what differs or fails.
fn table(results: &[(&str, Vec<Outcome>)]) -> String {
    let mut text = String::new();
    let mut notes = String::new();
    write!(text, "{:30}", "").unwrap();
    for (source, _) in results {
        write!(text, " {source:>13}").unwrap();
    }
    for (at, check) in CHECKS.iter().enumerate() {
        write!(text, "\n{:30}", check.id).unwrap();
        for (source, outcomes) in results {
            let outcome = &outcomes[at];
            write!(text, " {:>13}", outcome.verdict.as_str()).unwrap();
            if matches!(outcome.verdict, Verdict::Failed | Verdict::Differs) {
                let verdict = outcome.verdict.as_str();
                writeln!(notes, "{source} {} {verdict}: {}", check.id, outcome.detail).unwrap();
            }
        }
    }
    format!("{text}\n{notes}")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_built_in_source_conforms() {
    let running: Vec<_> = asked()
        .into_iter()
        .map(|source| (source.id, tokio::spawn(outcomes(source))))
        .collect();
    let mut results = Vec::new();
    for (id, running) in running {
        results.push((id, running.await.unwrap()));
    }
    assert!(results.len() > 10);
    let table = table(&results);
    println!("{table}");
    for (id, outcomes) in &results {
        let passed = |it: &&Outcome| it.verdict == Verdict::Passed;
        assert!(
            outcomes.iter().filter(passed).count() > 25,
            "{id} is hardly tried:\n{table}"
        );
        let is_failed = |it: &Outcome| it.verdict == Verdict::Failed;
        assert!(!outcomes.iter().any(is_failed), "\n{table}");
    }
}
