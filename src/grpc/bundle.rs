//! What is held of a shipment, as files for an investigation or a claim.
//!
//! **Invariant:** a bundle is a function of what is held, the language and the moment. Its digests
//! cover every file: `SHA256SUMS`, which `sha256sum -c` reads, names all others.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use waybill_core::event::{Event, Standing};
use waybill_core::overlay::Overlay;
use waybill_core::owner::source_of;
use waybill_core::shipment::Shipment;
use waybill_core::text::Audience;

use super::added;
use super::convert::{self, View};
use super::status::Failure;
use crate::evidence::Kept;
use crate::json;
use crate::pipeline::Held;
use crate::store::seal::hex;
use crate::texts::Voice;

/// Meaning of the files; it rises when a reader of an older bundle would misread a new one.
const FORMAT: u32 = 1;

/// One file of a bundle.
pub(super) struct File {
    /// Path in the bundle.
    pub(super) path: String,
    /// Its bytes.
    pub(super) content: Vec<u8>,
}

/// Makes the files of a bundle; the digests come last.
///
/// # Errors
/// A defect: the descriptors lack a message.
pub(super) fn files(held: &Held, voice: Voice<'_>, now: Timestamp) -> Result<Vec<File>, Failure> {
    let record = &held.record;
    let overlay = held.overlay.as_deref();
    let message = convert::shipment(record, View::Full, voice);
    let mut files = vec![
        text("timeline.txt", timeline(held, voice, now)),
        pretty("record.json", &value("Shipment", &message)?)?,
        lines("claims.jsonl", claims(record)?),
        lines("attempts.jsonl", attempts(record)?),
        pretty("proof-of-delivery.json", &proof(record)?)?,
        pretty("exceptions.json", &exceptions(record, overlay, voice)?)?,
    ];
    let mut received = Vec::with_capacity(held.said.kept.len());
    for (kept, number) in held.said.kept.iter().zip(1..) {
        let path = raw_path(kept, number);
        received.push(json!({
            "path": path,
            "source": source_of(&kept.source),
            "firstReceiveTime": kept.first.to_string(),
            "lastReceiveTime": kept.last.to_string(),
        }));
        files.push(File {
            path,
            content: kept.body.to_vec(),
        });
    }
    let listed: Vec<Value> = files
        .iter()
        .map(|file| {
            json!({
                "path": file.path,
                "size": file.content.len(),
                "sha256": digest(&file.content),
            })
        })
        .collect();
    let manifest = json!({
        "format": FORMAT,
        "shipmentId": record.id.0,
        "makeTime": now.to_string(),
        "waybillVersion": env!("CARGO_PKG_VERSION"),
        "recordRevision": record.revision,
        "recordEtag": record.etag,
        "overlayRevision": overlay.map_or(0, |overlay| overlay.revision),
        "files": listed,
        "received": received,
        "receivedLeftOut": held.said.left_out,
    });
    files.push(pretty("manifest.json", &manifest)?);
    let mut sums = String::new();
    for file in &files {
        let _ = writeln!(sums, "{}  {}", digest(&file.content), file.path);
    }
    files.push(text("SHA256SUMS", sums));
    Ok(files)
}

fn digest(content: &[u8]) -> String {
    hex(&Sha256::digest(content))
}

fn text(path: &str, content: String) -> File {
    File {
        path: path.to_owned(),
        content: content.into_bytes(),
    }
}

fn value(name: &str, message: &impl prost::Message) -> Result<Value, Failure> {
    json::value(name, message).map_err(Failure::internal)
}

fn pretty(path: &str, value: &Value) -> Result<File, Failure> {
    let content = serde_json::to_string_pretty(value);
    let content = content.map_err(|error| Failure::internal(error.to_string()))?;
    Ok(text(path, content + "\n"))
}

fn lines(path: &str, values: Vec<Value>) -> File {
    let lines = values.iter().map(|value| format!("{value}\n"));
    text(path, lines.collect())
}

/// Every claim of every source, in the order in which they were received.
fn claims(record: &Shipment) -> Result<Vec<Value>, Failure> {
    let mut claims: Vec<_> = record
        .events
        .iter()
        .flat_map(|event| event.observations().map(move |said| (event, said)))
        .collect();
    claims.sort_by_key(|(_, said)| (said.receive_time, said.source.clone(), said.sequence));
    let claim = |(event, said): (&Event, _)| {
        Ok(json!({
            "eventId": event.id.to_string(),
            "standing": standing(event),
            "observation": value("Observation", &convert::observation(said))?,
        }))
    };
    claims.into_iter().map(claim).collect()
}

const fn standing(event: &Event) -> &'static str {
    match event.standing {
        Standing::Accepted => "ACCEPTED",
        Standing::Disputed => "DISPUTED",
        Standing::Retracted => "RETRACTED",
    }
}

/// Attempts at delivery, oldest first.
fn attempts(record: &Shipment) -> Result<Vec<Value>, Failure> {
    let attempts = record.events.iter().rev().filter(|event| event.attempt > 0);
    let attempt = |event: &Event| {
        Ok(json!({
            "attempt": event.attempt,
            "event": value("TrackingEvent", &convert::event(event, true))?,
        }))
    };
    attempts.map(attempt).collect()
}

/// Who signed, and where documents and photographs are; empty if no source has them.
fn proof(record: &Shipment) -> Result<Value, Failure> {
    match &record.proof {
        Some(proof) => value("ProofOfDelivery", &convert::proof(proof)),
        None => Ok(json!({})),
    }
}

/// Every exception, and what the tenant did about it.
fn exceptions(
    record: &Shipment,
    overlay: Option<&Overlay>,
    voice: Voice<'_>,
) -> Result<Value, Failure> {
    let exceptions = record.exceptions.iter().map(|one| {
        let message = convert::exception(one, record, voice);
        value("ShipmentException", &message)
    });
    let exceptions: Vec<Value> = exceptions.collect::<Result<_, _>>()?;
    let handling = match overlay {
        Some(overlay) => value("TenantOverlay", &added::overlay(&record.id, overlay))?,
        None => json!({}),
    };
    Ok(json!({ "exceptions": exceptions, "handling": handling }))
}

/// Path of an answer: when it was first received, from whom, and what it looks like.
fn raw_path(kept: &Kept, number: usize) -> String {
    let kind = match kept.body.trim_ascii_start().first() {
        Some(b'{' | b'[') => "json",
        Some(b'<') => "xml",
        _ => "bin",
    };
    let time = kept.first.strftime("%Y%m%dT%H%M%SZ");
    format!("raw/{number:04}-{time}-{}.{kind}", source_of(&kept.source))
}

/// What happened, for people.
fn timeline(held: &Held, voice: Voice<'_>, now: Timestamp) -> String {
    let record = &held.record;
    let language = voice.language;
    let carrier = voice.carrier(&record.carrier);
    let told = language.shipment(record, Audience::Shipper, carrier);
    let mut page = String::new();
    let _ = writeln!(
        page,
        "{}: {}",
        language.label("number"),
        record.number.reveal()
    );
    let _ = writeln!(
        page,
        "{}: {carrier} ({})",
        language.label("carrier"),
        record.carrier
    );
    let _ = writeln!(page, "{}: {}", language.label("status"), told.title);
    let _ = writeln!(page, "{now}\n");
    for event in record.events.iter().rev() {
        let time = waybill_core::time::local_text(event.time()).replace('T', " ");
        let mut what = language.event(event.code);
        if what.is_empty() {
            what = event.code.0.to_string();
        }
        let reason = event.reason.map(|reason| language.reason(reason));
        if let Some(reason) = reason.filter(|reason| !reason.is_empty()) {
            let _ = write!(what, " ({reason})");
        }
        let place = event.location().map(|place| {
            let (city, country) = (&place.locality, &place.country);
            language.place(city, country)
        });
        let label = match event.standing {
            Standing::Accepted => String::new(),
            Standing::Disputed => format!(" [{}]", language.label("disputed")),
            Standing::Retracted => format!(" [{}]", language.label("retracted")),
        };
        let sources: Vec<&str> = event
            .observations()
            .map(|said| source_of(&said.source))
            .collect();
        let _ = writeln!(
            page,
            "{time}  {what}{label}  {}  <{}>",
            place.unwrap_or_default(),
            sources.join(", ")
        );
    }
    for problem in &record.exceptions {
        let told = language.exception(problem, record, Audience::Shipper, carrier);
        let _ = writeln!(
            page,
            "\n{}: {}. {} {}",
            language.label("problem"),
            told.title,
            told.body,
            problem.open_time
        );
        let overlay = held.overlay.as_deref();
        let handling = overlay.and_then(|overlay| overlay.handling(problem.id));
        for step in handling.iter().flat_map(|handling| &handling.history) {
            let parts = [
                step.actor.reveal(),
                step.assignee.reveal(),
                step.comment.reveal(),
            ];
            let _ = write!(page, "  {}  {:?}", step.time, step.activity);
            for part in parts.iter().filter(|part| !part.is_empty()) {
                let _ = write!(page, "  {part}");
            }
            page.push('\n');
        }
    }
    page
}
