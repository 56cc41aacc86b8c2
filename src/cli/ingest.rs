//! `waybill ingest`: events of the operator's own systems from a file, one JSON object per line.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use prost::Message as _;
use waybill::v1;
use waybill::v1::ingest_service_client::IngestServiceClient;

use super::client::{caller, failed};
use super::out::say;
use super::{Remote, json};

/// Events of one call.
const EVENTS: usize = 500;
/// Bytes of the events of one call, with room for the message around them.
const BYTES: usize = 1_000_000;
/// Time for one call.
const TIME: Duration = Duration::from_secs(30);

#[derive(Args)]
pub(super) struct Options {
    /// File with one `IngestEvent` in proto3 JSON per line; "-" reads the standard input. Empty
    /// lines and lines that begin with "#" are left out.
    file: PathBuf,
    /// Which of your systems speaks: "internal", or "internal-" and a name.
    #[arg(long, default_value = "internal")]
    source: String,
    /// Check the events and store nothing.
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    remote: Remote,
}

/// What became of the lines.
#[derive(Default)]
struct Totals {
    accepted: u32,
    stored: u32,
    known: u32,
    rejected: u32,
}

pub(super) async fn run(options: Options) -> Result<ExitCode, String> {
    let text = if options.file.as_os_str() == "-" {
        std::io::read_to_string(std::io::stdin())
    } else {
        std::fs::read_to_string(&options.file)
    };
    let text = text.map_err(|error| format!("cannot read {}: {error}", options.file.display()))?;
    let mut totals = Totals::default();
    let mut events: Vec<(usize, v1::IngestEvent)> = Vec::new();
    for (line, text) in (1..).zip(text.lines().map(str::trim)) {
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        match json::read("IngestEvent", text) {
            Ok(event) => events.push((line, event)),
            Err(error) => {
                eprintln!("line {line}: {error}");
                totals.rejected += 1;
            }
        }
    }
    let mut client =
        IngestServiceClient::new(caller(&options.remote.address, &options.remote.shown).await?);
    let mut rest = events.as_slice();
    while !rest.is_empty() {
        let (these, others) = rest.split_at(fitting(rest));
        rest = others;
        let events = these.iter().map(|(_, event)| event.clone());
        let mut request = tonic::Request::new(v1::IngestEventsRequest {
            source: options.source.clone(),
            events: events.collect(),
            validate_only: options.check,
        });
        request.set_timeout(TIME);
        match client.ingest_events(request).await {
            Ok(response) => {
                let response = response.into_inner();
                if options.remote.json {
                    json::line("IngestEventsResponse", &response)?;
                }
                take(&response, these, &mut totals);
            }
            Err(status) => return Ok(failed(&status)),
        }
    }
    if !options.remote.json {
        let Totals {
            accepted,
            stored,
            known,
            rejected,
        } = totals;
        if options.check {
            say!("{accepted} can be stored, {rejected} rejected");
        } else {
            say!("{stored} stored, {known} known already, {rejected} rejected");
        }
    }
    Ok(if totals.rejected == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// How many of the events fit into one call; at least one.
fn fitting(events: &[(usize, v1::IngestEvent)]) -> usize {
    let mut bytes = 0;
    let fits = |(_, event): &&(usize, v1::IngestEvent)| {
        bytes += event.encoded_len() + 8;
        bytes <= BYTES
    };
    let count = events.iter().take(EVENTS).take_while(fits).count();
    count.max(1)
}

/// Counts results and says which lines were rejected, and why.
fn take(
    response: &v1::IngestEventsResponse,
    events: &[(usize, v1::IngestEvent)],
    totals: &mut Totals,
) {
    totals.stored += response.stored_count;
    totals.known += response.duplicate_count;
    for (result, (line, _)) in response.results.iter().zip(events) {
        match &result.error {
            None => totals.accepted += 1,
            Some(error) => {
                let reason = error.reason().as_str_name();
                let reason = reason.trim_start_matches("ERROR_REASON_");
                eprintln!("line {line}: {reason}: {}", error.message);
                totals.rejected += 1;
            }
        }
    }
}
