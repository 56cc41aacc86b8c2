//! From DHL's messages to the record. It must not know addresses, keys or how an answer arrived.
//!
//! One rule for all times is [`when`]; one place that gives an event its meaning is
//! [`super::meaning`].

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use waybill_core::adapter::Report;
use waybill_core::code::{EventCode, ReasonCode};
use waybill_core::event::{Claim, Classifier, MappingBasis};
use waybill_core::number::TrackingNumber;
use waybill_core::place::Location;
use waybill_core::privacy::Pii;
use waybill_core::time::{Clues, EventTime, parse_iso, resolve};

use super::facts;
use super::meaning::{self, Class};
use super::place::{self, Place};
use super::wire::{Event, Route, Shipment, Terminal};

/// Divisions whose `Z` is no UTC; see the module's documentation.
const LOCAL_DESPITE_Z: &[&str] = &["express", "parcel-pl", "dsc"];
/// Divisions that state German time wherever they name no country.
const GERMAN: &[&str] = &["parcel-de", "post-de", "svb"];

/// Maps one shipment; `fallback` is the number that was asked for. `None` if it has no number,
/// or is empty.
pub(super) fn report(
    shipment: &Shipment<'_>,
    fallback: Option<&TrackingNumber>,
    language: &str,
    now: Timestamp,
) -> Option<Report> {
    let number = match TrackingNumber::parse(&shipment.id) {
        Ok(number) => number,
        Err(_) if shipment.events.is_empty() && shipment.status.timestamp.is_empty() => {
            return None;
        }
        Err(_) => fallback?.clone(),
    };
    let service = shipment.service.trim();
    let origin = place::read(&shipment.origin.address, service);
    let destination = place::read(&shipment.destination.address, service);
    let mut doubts = Vec::new();

    let mut rows: Vec<Row> = Vec::with_capacity(shipment.events.len() + 1);
    let mut unreadable = 0_usize;
    for event in oldest_first(&shipment.events) {
        match row(service, event) {
            Some(row) => rows.push(row),
            None => unreadable += 1,
        }
    }
    rows.sort_by_key(|row| row.claim.time.anchor());
    if unreadable > 0 {
        doubts.push(format!(
            "{unreadable} events have no readable time and are left out"
        ));
    }
    status(service, &shipment.status, &mut rows, &mut doubts);
    whole_or_part(shipment, &mut rows);
    for row in &mut rows {
        direct(&mut row.claim, &origin, &destination);
    }

    let mut claims = Vec::with_capacity(rows.len());
    claims.extend(rows.into_iter().map(|row| Arc::new(row.claim)));
    claims.extend(
        shipment
            .details
            .routes
            .iter()
            .flat_map(|route| legs(service, route))
            .map(Arc::new),
    );
    claims.sort_by_key(|claim| claim.time.anchor());
    let complete = !shipment.events.is_empty() && unreadable == 0;
    let mut facts = facts::read(shipment, &number, &destination, now);
    facts.origin = origin.known().map(Box::new);
    facts.destination = destination.known().map(Box::new);
    facts.doubts = doubts;
    Some(
        Report {
            number,
            relays: "dhl".to_owned(),
            complete,
            language: language.to_owned(),
            claims,
            facts,
        }
        .fitted(),
    )
}

/// A claim with what is needed to compare it with others.
struct Row {
    claim: Claim,
    class: Class,
    pieces: Vec<String>,
}

fn row(service: &str, event: &Event<'_>) -> Option<Row> {
    let place = place::read(&event.location.address, service);
    let time = when(service, &event.timestamp, &place)?;
    let meaning = meaning::find(service, event);
    let claim = Claim {
        native_id: String::new(),
        native_code: cut(&meaning.native_code, 100),
        native_reason: String::new(),
        native_text: Pii::new(words(event, meaning.status_is_code)),
        code: meaning.code,
        reason: meaning.reason,
        basis: meaning.basis,
        time,
        location: place.known(),
        carrier: String::new(),
        classifier: Classifier::Actual,
        retracted: false,
        doubt: None,
    };
    Some(Row {
        claim,
        class: Class::read(&event.status_code),
        pieces: event
            .piece_ids
            .iter()
            .map(|id| id.trim().to_owned())
            .collect(),
    })
}

/// The events, oldest first as far as their list tells: it is newest first, mostly.
fn oldest_first<'a, 'b>(events: &'b [Event<'a>]) -> Vec<&'b Event<'a>> {
    let mut list: Vec<_> = events.iter().collect();
    let local = |event: &Event<'_>| parse_iso(event.timestamp.trim()).map(|stated| stated.local);
    let ends = events
        .first()
        .and_then(local)
        .zip(events.last().and_then(local));
    if ends.is_none_or(|(first, last)| first >= last) {
        list.reverse();
    }
    list
}

/// Reads a time. An offset is believed, a `Z` not of every division; without one the country of
/// the place decides, its town where the country has several zones, or German time for the German divisions.
pub(super) fn when(service: &str, text: &str, place: &Place) -> Option<EventTime> {
    let is_one_of = |list: &[&str]| list.iter().any(|name| name.eq_ignore_ascii_case(service));
    let mut stated = parse_iso(text.trim())?;
    if stated.raw.ends_with(['Z', 'z']) && is_one_of(LOCAL_DESPITE_Z) {
        stated.offset = None;
    }
    let country = &place.location.country;
    let german = is_one_of(GERMAN)
        && (country == "DE" || (country.is_empty() && !place.names_unknown_country));
    Some(resolve(
        stated,
        Clues {
            place: Some(&place.location),
            convention: german.then_some("Europe/Berlin"),
            ..Clues::default()
        },
    ))
}

/// Takes the current status as an event if it is not among them. One that contradicts a newer event
/// is no event: the newest event is believed, and the contradiction is said.
fn status(service: &str, event: &Event<'_>, rows: &mut Vec<Row>, doubts: &mut Vec<String>) {
    let class = Class::read(&event.status_code);
    let said = [&event.status_code, &event.status, &event.description];
    if said.iter().all(|text| text.trim().is_empty()) {
        return;
    }
    let Some(row) = row(service, event) else {
        doubts.push("the status block has no readable time and is left out".to_owned());
        return;
    };
    let same = |known: &Row| {
        known.claim.time.raw == row.claim.time.raw
            && (known.claim.code == row.claim.code
                || (known.class == row.class && class != Class::Unknown))
    };
    let newest = rows.iter().rfind(|known| known.class != Class::Unknown);
    let later = |known: &&Row| row.claim.time.anchor() <= known.claim.time.anchor();
    if let Some(newest) = newest.filter(later)
        && newest.class != class
        && class != Class::Unknown
    {
        doubts.push(format!(
            "the status block says {} and the newest event says {}",
            class.name(),
            newest.class.name()
        ));
        return;
    }
    if !rows.iter().any(same) {
        let at = rows.partition_point(|known| known.claim.time.anchor() <= row.claim.time.anchor());
        rows.insert(at, row);
    }
}

/// A delivery that names some of several pieces is one in part, until all have been named.
fn whole_or_part(shipment: &Shipment<'_>, rows: &mut [Row]) {
    let named = rows.iter().flat_map(|row| row.pieces.iter().cloned());
    let listed = shipment
        .details
        .piece_ids
        .iter()
        .map(|id| id.trim().to_owned());
    let all: BTreeSet<String> = listed.chain(named).collect();
    let mut delivered = BTreeSet::new();
    for row in rows {
        let arrived = matches!(row.claim.code.0, 601..=607 | 609 | 610);
        if !arrived || row.pieces.is_empty() {
            continue;
        }
        delivered.extend(row.pieces.iter().cloned());
        if delivered.len() < all.len() {
            row.claim.code = EventCode::DELIVERED_IN_PART;
        }
    }
}

/// Gives customs a direction where the scan was in the country of origin or destination.
fn direct(claim: &mut Claim, origin: &Place, destination: &Place) {
    let (from, to) = (&origin.location.country, &destination.location.country);
    let Some(at) = claim.location.as_ref().map(|place| &place.country) else {
        return;
    };
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

/// Departure and arrival that a freight leg expects.
fn legs<'a>(service: &'a str, route: &'a Route<'a>) -> impl Iterator<Item = Claim> + 'a {
    let out = [&route.airport_out, &route.port_out];
    let into = [&route.airport_in, &route.port_in];
    let ends = [
        (EventCode::TRANSPORT_DEPARTED, &route.departs, out),
        (EventCode::TRANSPORT_ARRIVED, &route.arrives, into),
    ];
    ends.into_iter().filter_map(move |(code, time, terminals)| {
        let terminal = terminals.into_iter().find(|terminal| !terminal.is_empty());
        let place = terminal.map(Terminal::place).unwrap_or_default();
        let time = when(service, time, &place)?;
        let text = [route.vessel.trim(), route.voyage.trim()];
        let text: Vec<_> = text.into_iter().filter(|part| !part.is_empty()).collect();
        Some(Claim {
            native_id: String::new(),
            native_code: format!("{service}/route"),
            native_reason: String::new(),
            native_text: Pii::new(cut(&text.join(" "), 1_000)),
            code,
            reason: None,
            basis: MappingBasis::Code,
            time,
            location: place.known(),
            carrier: String::new(),
            classifier: Classifier::Estimated,
            retracted: false,
            doubt: None,
        })
    })
}

impl Terminal<'_> {
    fn is_empty(&self) -> bool {
        self.name.trim().is_empty() && self.code.trim().is_empty()
    }

    fn place(&self) -> Place {
        let location = Location {
            country: place::country(&self.country),
            locality: cut(self.name.trim(), 100),
            raw: Pii::new(cut(self.name.trim(), 200)),
            facility: place::terminal(self.code.trim(), self.name.trim()),
            ..Location::default()
        };
        Place {
            location,
            names_unknown_country: false,
        }
    }
}

/// What the event says, each thing once: status, description, remark, next steps. A status that is
/// the code or the class stands elsewhere; without any other word it is repeated here.
fn words(event: &Event<'_>, status_is_code: bool) -> String {
    let mut said: Vec<&str> = Vec::with_capacity(4);
    let status = event.status.trim();
    if !status_is_code && status != event.status_code.trim() {
        said.push(status);
    }
    said.extend([
        event.description.trim(),
        event.remark.trim(),
        event.next_steps.trim(),
    ]);
    let mut text = String::new();
    for (at, part) in said.iter().enumerate() {
        if part.is_empty() || said[..at].contains(part) {
            continue;
        }
        if !text.is_empty() {
            text.push_str("; ");
        }
        text.push_str(part);
    }
    if text.is_empty() {
        text.push_str(status);
    }
    cut(&text, 1_000)
}

/// The first characters of a text.
pub(super) fn cut(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        Some((end, _)) => text[..end].to_owned(),
        None => text.to_owned(),
    }
}
