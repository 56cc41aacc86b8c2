//! Commands that need no gateway.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;
use waybill_core::adapter::Hints;
use waybill_core::number::{self, TrackingNumber};

use super::out::say;

#[derive(Args)]
pub(super) struct Detect {
    /// The number, as printed or typed.
    number: String,
    /// Destination, ISO 3166-1 alpha-2; narrows the choice.
    #[arg(long, default_value = "")]
    destination: String,
    /// Origin, ISO 3166-1 alpha-2; narrows the choice.
    #[arg(long, default_value = "")]
    origin: String,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(super) struct Proto {
    /// Folder to write to; made if it does not exist.
    #[arg(long)]
    out: PathBuf,
}

/// One candidate as `detect --json` prints it; the shape is a contract.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Candidate {
    format: String,
    carrier: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    check_digit_valid: Option<bool>,
    rank: u32,
    reason: String,
}

pub(super) fn detect(options: &Detect) -> Result<ExitCode, String> {
    let number = TrackingNumber::parse(&options.number)
        .map_err(|description| format!("the number {description}"))?;
    let hints = Hints {
        destination_country: options.destination.to_uppercase(),
        origin_country: options.origin.to_uppercase(),
        ..Hints::default()
    };
    let candidates = number::detect(&number, &hints)
        .into_iter()
        .map(|candidate| Candidate {
            format: candidate.format.to_owned(),
            carrier: candidate.carrier,
            check_digit_valid: candidate.check_digit_valid,
            rank: candidate.rank,
            reason: candidate.reason,
        });
    let candidates: Vec<Candidate> = candidates.collect();
    if options.json {
        say!("{}", serde_json::json!({ "candidates": candidates }));
        return Ok(ExitCode::SUCCESS);
    }
    if candidates.is_empty() {
        say!("No known format fits.");
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = table(["rank", "carrier", "format", "check digit", "why"]);
    for candidate in candidates {
        let check = match candidate.check_digit_valid {
            Some(true) => "right",
            Some(false) => "wrong",
            None => "none",
        };
        table.add_row([
            candidate.rank.to_string(),
            candidate.carrier,
            candidate.format,
            check.to_owned(),
            candidate.reason,
        ]);
    }
    say!("{table}");
    Ok(ExitCode::SUCCESS)
}

pub(super) fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::UTF8_HORIZONTAL_ONLY)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(header);
    table
}

/// The .proto files of this version, by their path below the import root.
const PROTOS: &[(&str, &str)] = &include!(concat!(env!("OUT_DIR"), "/protos.rs"));

pub(super) fn proto(options: &Proto) -> Result<ExitCode, String> {
    for (path, text) in PROTOS {
        let path = options.out.join(path);
        let folder = path.parent().unwrap_or(&options.out);
        std::fs::create_dir_all(folder)
            .and_then(|()| std::fs::write(&path, text))
            .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        say!("{}", path.display());
    }
    Ok(ExitCode::SUCCESS)
}
