//! `waybill normalize`: one raw answer of a source through its adapter and the pure steps.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bytes::Bytes;
use clap::Args;
use jiff::Timestamp;
use serde_json::json;
use waybill::texts::Texts;
use waybill_core::adapter::{Answer, Descriptor, Hints, Query};
use waybill_core::assess::assess;
use waybill_core::error::{Error, Retry};
use waybill_core::event::SourceClass;
use waybill_core::number::{self, TrackingNumber};
use waybill_core::reconcile::Dossier;
use waybill_core::registry::Registry;
use waybill_core::revision::revise;
use waybill_core::shipment::ShipmentId;

use super::json;

#[derive(Args)]
pub(super) struct Options {
    /// Source id, for example "ups".
    #[arg(long)]
    source: String,
    /// The number that was asked for. It never filters.
    #[arg(long)]
    number: Option<String>,
    /// HTTP status of the answer.
    #[arg(long, default_value_t = 200)]
    status: u16,
    /// The moment of the answer, RFC 3339; the machine's clock if it is not given.
    #[arg(long)]
    now: Option<Timestamp>,
    /// File with the body of the answer; "-" or nothing reads the standard input.
    file: Option<PathBuf>,
}

pub(super) fn run(options: &Options, registry: Registry) -> Result<ExitCode, String> {
    let descriptor = registry.get(&options.source)?;
    // Reading an answer needs no credentials: whatever is required gets a placeholder.
    let required = descriptor
        .settings
        .iter()
        .filter(|setting| setting.required);
    let pairs = required.map(|setting| (setting.key.to_owned(), "offline".to_owned()));
    let adapter = registry.build(&options.source, pairs)?;
    let body = match options.file.as_ref().filter(|file| file.as_os_str() != "-") {
        Some(file) => std::fs::read(file)
            .map_err(|error| format!("cannot read {}: {error}", file.display()))?,
        None => {
            let mut body = Vec::new();
            std::io::Read::read_to_end(&mut std::io::stdin(), &mut body)
                .map_err(|error| format!("cannot read the standard input: {error}"))?;
            body
        }
    };
    let response = http::Response::builder()
        .status(options.status)
        .body(Bytes::from(body))
        .map_err(|error| format!("{} is not an HTTP status: {error}", options.status))?;
    let now = options
        .now
        .unwrap_or_else(|| waybill::clock::Clock::system().now());
    let queries = match &options.number {
        None => Vec::new(),
        Some(text) => {
            let number = TrackingNumber::parse(text)
                .map_err(|description| format!("the number {description}"))?;
            let format = number::detect(&number, &Hints::default())
                .into_iter()
                .find(|candidate| descriptor.formats.contains(&candidate.format))
                .map(|candidate| candidate.format.to_owned());
            vec![Query {
                format: format.unwrap_or_default(),
                ..Query::of(number)
            }]
        }
    };
    let class = match descriptor.class {
        SourceClass::Carrier => SourceClass::Custodian,
        class => class,
    };
    let texts = Texts::load(Path::new(""), registry)?;
    let mut shipments = Vec::new();
    let mut problem = serde_json::Value::Null;
    for answer in adapter.interpret(&queries, &response, now) {
        match read(answer, descriptor, class, &texts, now)? {
            Ok(found) => shipments.extend(found),
            Err(error) => problem = describe(&error),
        }
    }
    json::pretty(&json!({ "shipments": shipments, "problem": problem }))?;
    Ok(ExitCode::SUCCESS)
}

type Read = Result<Vec<serde_json::Value>, Error>;

fn read(
    answer: Answer,
    source: &Descriptor,
    class: SourceClass,
    texts: &Texts,
    now: Timestamp,
) -> Result<Read, String> {
    let reports = match answer {
        Ok(reports) => reports,
        Err(error) => return Ok(Err(error)),
    };
    let mut shipments = Vec::new();
    for (at, report) in reports.iter().enumerate() {
        // Nothing is stored here, so an id only has to tell the shipments of this answer apart.
        let id = ShipmentId(format!("{at:026}"));
        let carrier = match source.carrier {
            "" => &report.relays,
            carrier => carrier,
        };
        let mut dossier = Dossier::new(id, report.number.clone(), carrier.to_owned());
        dossier.absorb(source.id, class, report, now);
        let (record, _) = assess(dossier.record(), now);
        let (record, _) = revise(None, record, now);
        let view = waybill::grpc::convert::View::Full;
        let message = waybill::grpc::convert::shipment(&record, view, texts.voice("en"));
        shipments.push(json::value("Shipment", &message)?);
    }
    Ok(Ok(shipments))
}

fn describe(error: &Error) -> serde_json::Value {
    let (retry, after) = match error.retry {
        Retry::Never => ("never", None),
        Retry::Now => ("now", None),
        Retry::After(wait) => ("after", Some(format!("{}s", wait.as_secs_f64()))),
    };
    let mut problem = json!({
        "kind": error.kind.as_str(),
        "nativeCode": error.native_code,
        "message": error.message,
        "retry": retry,
    });
    if let Some(after) = after {
        problem["retryAfter"] = after.into();
    }
    problem
}
