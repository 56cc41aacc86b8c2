//! `waybill conform`: the conformance suite against a plug-in or a built-in source.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
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
    /// Which source of the plug-in; without --endpoint, a built-in one, which needs --cases. There it
    /// may be repeated, and "all" is every one that has cases.
    #[arg(long)]
    source: Vec<String>,
    /// Folder with conform.toml: answers of the upstream system and what they must become; or the
    /// folder in which each source has such a folder, called as in adapters/.
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
    let subjects = match subjects(&options, registry).await {
        Ok(subjects) => subjects,
        Err(error) => {
            eprintln!("error: {error}");
            return Ok(ExitCode::from(UNTRIED));
        }
    };
    let is_wanted = |id: &str| {
        options.only.is_empty() || options.only.iter().any(|start| id.starts_with(start))
    };
    let mut has_failed = false;
    for subject in subjects {
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
        has_failed |= outcomes.iter().any(is_failed);
    }
    Ok(if has_failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// What is tried: a plug-in, or built-in sources.
async fn subjects(options: &Options, registry: Registry) -> Result<Vec<Subject>, String> {
    let within = Duration::from_secs(options.timeout);
    if let Some(endpoint) = &options.endpoint {
        let source = match options.source.as_slice() {
            [] => None,
            [source] => Some(source.clone()),
            _ => return Err("a plug-in is tried with one --source".to_owned()),
        };
        let cases = match &options.cases {
            Some(folder) => Cases::read(folder)?,
            None => Cases::of_numbers(&options.number, &options.not_found)?,
        };
        let plugin = Plugin {
            endpoint: endpoint.clone(),
            source,
        };
        let subject = Subject::plugin(&plugin, options.upstream, cases, within).await?;
        return Ok(vec![subject]);
    }
    let Some(cases) = &options.cases else {
        return Err("a built-in source needs --cases, for example adapters/acme".to_owned());
    };
    let mut subjects = Vec::new();
    for (source, folder) in tried(&options.source, cases, registry) {
        let cases = Cases::read(&folder)?;
        subjects.push(Subject::built_in(registry, &source, cases, within).await?);
    }
    if subjects.is_empty() {
        return Err("no source has a folder with conform.toml there".to_owned());
    }
    Ok(subjects)
}

/// Built-in sources with the folders of their cases: the one that is given, or one for each in it.
fn tried(wanted: &[String], cases: &Path, registry: Registry) -> Vec<(String, PathBuf)> {
    if let ([source], true) = (wanted, has_cases(cases)) {
        return vec![(source.clone(), cases.to_owned())];
    }
    let folder = |id: &str| cases.join(folder_name(id));
    let mut all = Vec::new();
    for source in wanted {
        match source.as_str() {
            "all" => {
                let ids = registry.iter().map(|source| source.id);
                let ids = ids.filter(|id| has_cases(&folder(id)));
                all.extend(ids.map(|id| (id.to_owned(), folder(id))));
            }
            id => all.push((id.to_owned(), folder(id))),
        }
    }
    all
}

fn has_cases(folder: &Path) -> bool {
    folder.join("conform.toml").is_file()
}

/// The folder of a source among others, a name in Rust: no hyphens, and digits at the beginning come
/// last.
fn folder_name(id: &str) -> String {
    let (digits, rest) = id.split_at(id.bytes().take_while(u8::is_ascii_digit).count());
    format!("{}{digits}", rest.replace('-', "_"))
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
