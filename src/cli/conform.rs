//! `waybill conform`: the conformance suite against a plug-in or a built-in source.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use comfy_table::presets;
use waybill::conform::{Cases, Outcome, Plugin, Subject, Verdict};
use waybill_core::registry::Registry;

use super::json;
use super::local::table;
use super::out::say;

/// Exit status when nothing could be tried, as clap's for wrong options.
const UNTRIED: u8 = 2;

#[derive(Args)]
pub(super) struct Options {
    /// Where a plug-in listens: http://host:port or unix:/path.
    #[arg(long, required_unless_present = "source")]
    endpoint: Option<String>,
    /// Which source of the plug-in; without --endpoint, a built-in one, which needs --cases.
    #[arg(long)]
    source: Option<String>,
    /// Folder with conform.toml: answers of the upstream system and what they must become.
    #[arg(long, conflicts_with_all = ["number", "not_found"])]
    cases: Option<PathBuf>,
    /// Be the upstream system of the plug-in at this address: answer what it asks there with the
    /// cases, whole and damaged.
    #[arg(long, requires_all = ["endpoint", "cases"])]
    upstream: Option<SocketAddr>,
    /// A number that the plug-in finds, if there are no cases. May be repeated.
    #[arg(long)]
    number: Vec<String>,
    /// A number that the plug-in does not find. May be repeated.
    #[arg(long)]
    not_found: Vec<String>,
    /// Time for a call that is to work, in seconds.
    #[arg(long, default_value_t = 10)]
    timeout: u64,
    /// Only checks whose id begins so, for example "upstream."; may be repeated.
    #[arg(long)]
    only: Vec<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Runs the suite. The exit status is 0 if nothing failed, 1 if a check did, 2 if nothing could be
/// tried.
pub(super) async fn run(options: Options, registry: Registry) -> Result<ExitCode, String> {
    let subject = match subject(&options, registry).await {
        Ok(subject) => subject,
        Err(error) => {
            eprintln!("error: {error}");
            return Ok(ExitCode::from(UNTRIED));
        }
    };
    let is_wanted = |id: &str| {
        options.only.is_empty() || options.only.iter().any(|start| id.starts_with(start))
    };
    let outcomes = subject.run(is_wanted).await;
    if outcomes.is_empty() {
        eprintln!("error: no check begins so");
        return Ok(ExitCode::from(UNTRIED));
    }
    if options.json {
        json::pretty(&serde_json::json!({ "source": subject.source(), "checks": outcomes }))?;
    } else {
        print(subject.source(), &outcomes);
    }
    let is_failed = |outcome: &Outcome| outcome.verdict == Verdict::Failed;
    Ok(if outcomes.iter().any(is_failed) {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

async fn subject(options: &Options, registry: Registry) -> Result<Subject, String> {
    let cases = match &options.cases {
        Some(folder) => Cases::read(folder)?,
        None => Cases::of_numbers(&options.number, &options.not_found)?,
    };
    let within = Duration::from_secs(options.timeout);
    match (&options.endpoint, &options.source) {
        (Some(endpoint), source) => {
            let plugin = Plugin {
                endpoint: endpoint.clone(),
                source: source.clone(),
            };
            Subject::plugin(&plugin, options.upstream, cases, within).await
        }
        (None, Some(_)) if options.cases.is_none() => {
            Err("a built-in source needs --cases, for example adapters/acme".to_owned())
        }
        (None, Some(source)) => Subject::built_in(registry, source, cases, within).await,
        (None, None) => Err("--endpoint or --source is needed".to_owned()),
    }
}

fn print(source: &str, outcomes: &[Outcome]) {
    let mut rows = table(["check", "asserts", "verdict", "detail"]);
    // Lines between forty rows of one line each would only spread them.
    rows.load_style(presets::NOTHING);
    for outcome in outcomes {
        rows.add_row([
            outcome.check,
            outcome.asserts,
            outcome.verdict.as_str(),
            &outcome.detail,
        ]);
    }
    say!("{rows}");
    let of = |verdict: Verdict| outcomes.iter().filter(|it| it.verdict == verdict).count();
    say!(
        "{source}: {} passed, {} failed, {} differ with a reason, {} skipped",
        of(Verdict::Passed),
        of(Verdict::Failed),
        of(Verdict::Differs),
        of(Verdict::Skipped),
    );
}
