//! The conformance suite over every built-in source, and against adapters that break its rules.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "tests"
)]

mod common;

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use common::ANY;
use common::plugin::{Does, NUMBER, Running, found, report};
use common::python::{self, Hare};
use tonic::Code;
use waybill::adapter::v1 as wire;
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

/// A free port of this machine: the suite has to be told where to listen before it does.
fn free_port() -> SocketAddr {
    let listener = std::net::TcpListener::bind(ANY).unwrap();
    listener.local_addr().unwrap()
}

/// Runs `waybill conform` and returns its exit status and what it prints.
async fn conform(arguments: &[&str]) -> (i32, String) {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_waybill"));
    let output = command.arg("conform").args(arguments).output();
    let output = output.await.unwrap();
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.code().unwrap(),
        String::from_utf8(text).unwrap(),
    )
}

#[tokio::test]
async fn the_example_in_python_conforms() {
    let upstream = free_port().to_string();
    let plugin = Hare::start(&upstream).await;
    let endpoint = format!("http://{}", plugin.address);
    let cases = python::file("examples/plugin-python/cases");
    let cases = cases.to_str().unwrap();
    let all = [
        "--endpoint",
        &endpoint,
        "--cases",
        cases,
        "--upstream",
        &upstream,
        "--timeout",
        "60",
    ];
    let (status, text) = conform(&all).await;
    println!("{text}");
    assert_eq!(status, 0, "{text}");
    let (status, text) = conform(&[&all[..], &["--json"]].concat()).await;
    assert_eq!(status, 0, "{text}");
    let result: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(result["source"], "hare");
    let checks = result["checks"].as_array().unwrap();
    assert_eq!(checks.len(), CHECKS.len());
    for check in checks {
        let is_push = check["check"] == "push.unsigned";
        assert!(is_push || check["verdict"] == "passed", "{check}");
    }
}

/// A plug-in that the checks need no upstream for.
async fn without_upstream(does: Does, more: &[&str]) -> (i32, String) {
    let plugin = Running::start(does).await;
    let arguments = ["--endpoint", &plugin.settings.endpoint, "--number", NUMBER];
    conform(&[&arguments, more].concat()).await
}

#[tokio::test]
async fn without_an_upstream_the_contract_is_checked_and_the_rest_says_why_not() {
    let good = Does::Says(vec![found(0, vec![report(NUMBER)])]);
    let (status, text) = without_upstream(good, &["--json", "--only", "fetch.found"]).await;
    assert_eq!(status, 0, "{text}");
    assert!(text.contains("cases: 1"), "{text}");
    let (status, text) = without_upstream(Does::Hangs, &["--only", "upstream."]).await;
    assert_eq!(status, 0, "{text}");
    assert!(
        text.contains("skipped") && !text.contains("passed  "),
        "{text}"
    );
}

#[tokio::test]
async fn each_broken_rule_is_named() {
    let newest_first = |mut report: wire::SourceReport| {
        report.claims.reverse();
        report
    };
    for (does, check) in [
        (Does::Fails(Code::Internal), "fetch.found"),
        (
            Does::Says(vec![found(0, vec![report("ACME000009")])]),
            "fetch.found",
        ),
        (
            Does::Says(vec![found(0, vec![newest_first(report(NUMBER))])]),
            "fetch.order",
        ),
        (
            Does::Says(vec![found(0, vec![report(NUMBER)])]),
            "fetch.once",
        ),
        (
            Does::Says(vec![found(0, vec![report(NUMBER)])]),
            "fetch.unknown_source",
        ),
    ] {
        let (status, text) = without_upstream(does, &["--only", check]).await;
        assert_eq!(status, 1, "{check}: {text}");
        assert!(text.contains("1 failed"), "{check}: {text}");
    }
}

#[tokio::test]
async fn what_cannot_be_tried_is_told_apart() {
    let nobody = format!("http://{}", free_port());
    for arguments in [
        &["--endpoint", nobody.as_str()][..],
        &["--endpoint", "no address"],
        &["--source", "dhl"],
        &["--source", "dhl", "--cases", "no-such-folder"],
        &[],
    ] {
        let (status, text) = conform(arguments).await;
        assert_eq!(status, 2, "{arguments:?}: {text}");
        assert!(text.contains("error"), "{text}");
    }
}

#[tokio::test]
async fn all_built_in_sources_are_tried_in_one_command() {
    let cases = python::file("adapters");
    let cases = cases.to_str().unwrap();
    let few = ["--only", "fetch.order", "--cases", cases];
    let all = [&["--source", "all"][..], &few].concat();
    let (code, text) = conform(&all).await;
    assert_eq!(code, 0, "{text}");
    let (two, some) = ("ups", "dhl-express");
    let tried = text.matches(" passed, ").count();
    assert_eq!(tried, asked().len(), "{text}");
    let both = [&["--source", two, "--source", some][..], &few].concat();
    let (code, text) = conform(&both).await;
    assert_eq!((code, text.matches(" passed, ").count()), (0, 2), "{text}");
}
