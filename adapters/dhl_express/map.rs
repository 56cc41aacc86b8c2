//! From DHL's messages to the record. It must not know addresses, credentials or how an answer
//! arrived.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use waybill_core::adapter::Report;
use waybill_core::code::{EventCode, ReasonCode};
use waybill_core::event::{Claim, Classifier, MappingBasis};
use waybill_core::number::TrackingNumber;
use waybill_core::place::Location;
use waybill_core::privacy::Pii;
use waybill_core::status::Status;
use waybill_core::time::{Clues, EventTime, Precision, parse_iso, parse_offset, resolve};

use super::meaning::{find, signer};
use super::wire::{Event, Shipment};
use super::{facts, place};

/// Carrier of every report.
const CARRIER: &str = "dhl";

/// Maps one shipment; `fallback` is the number that was asked for. `None` if it has no number.
pub(super) fn report(
    shipment: &Shipment<'_>,
    fallback: Option<&TrackingNumber>,
    language: &str,
    now: Timestamp,
) -> Option<Report> {
    let stated = TrackingNumber::parse(&shipment.shipment_tracking_number).ok();
    let number = stated.or_else(|| fallback.cloned())?;
    let origin = place::end(&shipment.shipper_details);
    let destination = place::end(&shipment.receiver_details);
    let mut rows = Rows::default();
    for event in &shipment.events {
        rows.add(event, None);
    }
    for (at, piece) in shipment.pieces.iter().enumerate() {
        for event in &piece.events {
            rows.add(event, Some(at));
        }
    }
    let unreadable = rows.unreadable;
    let mut rows = rows.list;
    rows.sort_by_key(|row| row.claim.time.anchor());
    whole_or_part(&mut rows, shipment.pieces.len());
    let mut claims: Vec<Claim> = rows.into_iter().map(|row| row.claim).collect();
    for claim in &mut claims {
        direct(claim, origin.as_ref(), destination.as_ref());
    }
    let arrived = |claim: &Claim| claim.code.status() == Some(Status::Delivered);
    let delivered = claims.iter().any(arrived);
    let mut facts = facts::read(shipment, &number, destination.as_ref(), delivered, now);
    facts.origin = origin.map(Box::new);
    facts.destination = destination.map(Box::new);
    if unreadable > 0 {
        let doubt = format!("{unreadable} events have no readable time and are left out");
        facts.doubts.push(doubt);
    }
    Some(
        Report {
            number,
            relays: CARRIER.to_owned(),
            complete: unreadable == 0,
            language: language.to_owned(),
            claims: claims.into_iter().map(Arc::new).collect(),
            facts,
        }
        .fitted(),
    )
}

/// A claim with the pieces that it is about; none if it is about all.
struct Row {
    claim: Claim,
    pieces: BTreeSet<usize>,
}

/// Checkpoints of the shipment and of its pieces. A checkpoint of the shipment comes again for
/// each piece that it is about, and is one.
#[derive(Default)]
struct Rows<'a> {
    list: Vec<Row>,
    known: HashMap<[&'a str; 4], usize>,
    unreadable: usize,
}

impl<'a> Rows<'a> {
    fn add(&mut self, event: &'a Event<'_>, piece: Option<usize>) {
        let area = event
            .service_area
            .first()
            .map_or("", |area| area.code.trim());
        let key = [
            event.date.trim(),
            event.time.trim(),
            event.type_code.trim(),
            area,
        ];
        let known = piece.and_then(|_| self.known.get(&key).copied());
        let at = match known {
            Some(at) => at,
            None => {
                let Some(claim) = claim(event) else {
                    self.unreadable += 1;
                    return;
                };
                let pieces = BTreeSet::new();
                self.list.push(Row { claim, pieces });
                *self.known.entry(key).or_insert(self.list.len() - 1)
            }
        };
        if let (Some(row), Some(piece)) = (self.list.get_mut(at), piece) {
            row.pieces.insert(piece);
        }
    }
}

fn claim(event: &Event<'_>) -> Option<Claim> {
    let location = place::read(&event.service_area);
    let (time, doubt) = when(event, location.as_ref())?;
    let description = event.description.trim();
    let signed = !event.signed_by.trim().is_empty() || signer(description).is_some();
    let code = event.type_code.trim();
    let found = find(code, description, signed);
    Some(Claim {
        native_id: String::new(),
        native_code: cut(code, 100),
        native_reason: String::new(),
        native_text: Pii::new(words(event)),
        code: found.code,
        reason: found.reason,
        basis: found.basis,
        time,
        location,
        carrier: String::new(),
        classifier: Classifier::Actual,
        retracted: false,
        doubt,
    })
}

/// Reads date, time and offset of a checkpoint. The offset is no part of the raw text, because
/// the same checkpoint comes with and without it.
fn when(event: &Event<'_>, place: Option<&Location>) -> Option<(EventTime, Option<String>)> {
    let (date, clock) = (event.date.trim(), event.time.trim());
    let raw = match clock {
        "" => date.to_owned(),
        clock => format!("{date}T{clock}"),
    };
    let mut stated = parse_iso(&raw)?;
    let mut doubt = None;
    let offset = event.gmt_offset.trim();
    if !offset.is_empty() {
        match parse_offset(offset) {
            Some(seconds) => stated.offset = Some(seconds),
            None => doubt = Some("the row has a GMT offset that cannot be read".to_owned()),
        }
    }
    Some((resolve(stated, clues(place)), doubt))
}

/// Reads a time at the destination, which comes without an offset.
pub(super) fn at(place: Option<&Location>, text: &str) -> Option<EventTime> {
    let stated = parse_iso(text.trim())?;
    Some(resolve(stated, clues(place)))
}

fn clues(place: Option<&Location>) -> Clues<'_> {
    let zone = place.map(|place| place.time_zone.as_str());
    Clues {
        facility_zone: zone.filter(|zone| !zone.is_empty()),
        place,
        ..Clues::default()
    }
}

/// What ends the journey of some of several pieces does not end that of the shipment.
fn whole_or_part(rows: &mut [Row], pieces: usize) {
    if pieces < 2 {
        return;
    }
    let mut ended = BTreeSet::new();
    for row in rows {
        let ends = row.claim.code.status().is_some_and(Status::is_terminal);
        if !ends || row.pieces.is_empty() {
            continue;
        }
        ended.extend(row.pieces.iter().copied());
        if ended.len() >= pieces {
            continue;
        }
        if row.claim.code.status() == Some(Status::Delivered) {
            row.claim.code = EventCode::DELIVERED_IN_PART;
        } else {
            row.claim.code = EventCode::EXCEPTION;
            row.claim.doubt = Some("the row is about some of the pieces only".to_owned());
        }
        row.claim.basis = MappingBasis::CodeAndText;
    }
}

/// Gives customs a direction where the scan was in the country of origin or destination.
fn direct(claim: &mut Claim, origin: Option<&Location>, destination: Option<&Location>) {
    let from = country(origin);
    let to = country(destination);
    let at = country(claim.location.as_ref());
    if from == to || from.is_empty() || to.is_empty() || (at != from && at != to) {
        return;
    }
    let held = matches!(
        claim.reason,
        Some(ReasonCode::CUSTOMS_DELAY | ReasonCode::CUSTOMS_INSPECTION)
    );
    claim.code = match (claim.code, at == to) {
        (EventCode::CUSTOMS_PROCESSING, false) if held => EventCode::EXPORT_CUSTOMS_HELD,
        (EventCode::CUSTOMS_PROCESSING, true) if held => EventCode::IMPORT_CUSTOMS_HELD,
        (EventCode::CUSTOMS_PROCESSING, false) => EventCode::EXPORT_CUSTOMS_PRESENTED,
        (EventCode::CUSTOMS_PROCESSING, true) => EventCode::IMPORT_CUSTOMS_PRESENTED,
        (EventCode::CUSTOMS_RELEASED, false) => EventCode::EXPORT_CUSTOMS_RELEASED,
        (EventCode::CUSTOMS_RELEASED, true) => EventCode::IMPORT_CUSTOMS_RELEASED,
        (code, _) => code,
    };
}

fn country(place: Option<&Location>) -> &str {
    place.map_or("", |place| &place.country)
}

/// What the checkpoint says, each thing once: description, remarks, what to do.
fn words(event: &Event<'_>) -> String {
    let remarks = event.remarks.iter();
    let remarks = remarks.flat_map(|remark| [remark.value.trim(), remark.details.trim()]);
    let mut said: Vec<&str> = Vec::with_capacity(3);
    for part in std::iter::once(event.description.trim()).chain(remarks) {
        if !part.is_empty() && !said.contains(&part) {
            said.push(part);
        }
    }
    cut(&said.join("; "), 1_000)
}

/// Tells whether a time is the end of a day, which DHL writes for a day without a time.
pub(super) fn is_end_of_day(time: &EventTime) -> bool {
    time.precision != Precision::Day && (time.local.hour(), time.local.minute()) == (23, 59)
}

/// The first characters of a text.
pub(super) fn cut(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        Some((end, _)) => text[..end].to_owned(),
        None => text.to_owned(),
    }
}
