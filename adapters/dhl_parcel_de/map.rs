//! From DHL's XML to the record. It must not know addresses, credentials or how an answer arrived.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use waybill_core::adapter::Report;
use waybill_core::code::EventCode;
use waybill_core::event::{Claim, Classifier};
use waybill_core::number::TrackingNumber;
use waybill_core::privacy::Pii;
use waybill_core::time::{Clues, EventTime, Precision, Stated, resolve};

use super::meaning::{Native, find};
use super::wire::{Event, Shipment};
use super::{facts, place};

/// Carrier of every report.
const CARRIER: &str = "dhl";

/// Numbers under which a piece answers.
pub(super) fn numbers<'a>(shipment: &'a Shipment<'_>) -> impl Iterator<Item = &'a str> {
    [
        &shipment.piece_code,
        &shipment.searched_piece_code,
        &shipment.piece_identifier,
    ]
    .into_iter()
    .map(|text| text.trim())
    .filter(|text| !text.is_empty())
}

/// Maps one piece; `fallback` is the number that was asked for. `None` if it has no number.
pub(super) fn report(
    shipment: &Shipment<'_>,
    fallback: Option<&TrackingNumber>,
    now: Timestamp,
) -> Option<Report> {
    let stated = numbers(shipment).find_map(|text| TrackingNumber::parse(text).ok());
    let number = stated.or_else(|| fallback.cloned())?;
    let mut doubts = Vec::new();
    let mut claims: Vec<Claim> = Vec::with_capacity(shipment.events.len() + 1);
    let (mut unreadable, mut silent) = (0_usize, 0_usize);
    for event in &shipment.events {
        if is_silent(event) {
            silent += 1;
            continue;
        }
        match claim(event) {
            Some(claim) => {
                // The courier took back what was entered before.
                if event.ice.trim() == "STORN"
                    && let Some(before) = claims.last_mut()
                {
                    before.retracted = true;
                }
                claims.push(claim);
            }
            None => unreadable += 1,
        }
    }
    for (count, what) in [
        (unreadable, "have no readable time"),
        (silent, "have a time and nothing else"),
    ] {
        if count > 0 {
            doubts.push(format!("{count} events {what} and are left out"));
        }
    }
    let current = current(shipment);
    if !is_silent(&current) {
        let time = current.timestamp.trim();
        match claim(&current) {
            Some(claim) if !claims.iter().any(|known| known.time.raw == time) => claims.push(claim),
            None if !time.is_empty() => {
                doubts.push("the current status has no readable time and is left out".to_owned());
            }
            _ => {}
        }
    }
    claims.sort_by_key(|claim| claim.time.anchor());
    let ends = |claim: &Claim| matches!(claim.code.0, 601..=610 | 704) && !claim.retracted;
    let delivered = facts::is_delivered(shipment);
    if delivered && !claims.is_empty() && !claims.iter().any(ends) {
        doubts.push("the source says delivered and none of its events does".to_owned());
    }
    let mut facts = facts::read(shipment, &number, now);
    facts.origin = place::end(&shipment.origin_country, "").map(Box::new);
    facts.destination = place::end(
        &shipment.destination_country,
        &shipment.recipient_postal_code,
    )
    .map(Box::new);
    facts.doubts = doubts;
    Some(
        Report {
            number,
            relays: CARRIER.to_owned(),
            complete: !shipment.events.is_empty() && unreadable == 0,
            language: language(shipment).to_owned(),
            claims: claims.into_iter().map(Arc::new).collect(),
            facts,
        }
        .fitted(),
    )
}

/// The current status has the fields of an event. The public answer writes them like a business
/// answer, except its time.
fn current<'a>(shipment: &Shipment<'a>) -> Event<'a> {
    let time = [&shipment.status_timestamp, &shipment.last_event_timestamp]
        .into_iter()
        .find(|time| !time.trim().is_empty());
    Event {
        timestamp: time.cloned().unwrap_or_default(),
        status: shipment.status.clone(),
        ice: shipment.ice.clone(),
        ric: shipment.ric.clone(),
        standard_event_code: shipment.standard_event_code.clone(),
        location: shipment.event_location.clone(),
        country: shipment.event_country.clone(),
        return_leg: shipment.return_leg.clone(),
        ..Event::default()
    }
}

/// DHL now and then sends a row that has a time and says nothing.
fn is_silent(event: &Event<'_>) -> bool {
    let said = [
        &event.status,
        &event.text,
        &event.short_status,
        &event.ice,
        &event.standard_event_code,
    ];
    said.iter().all(|text| text.trim().is_empty())
}

fn claim(event: &Event<'_>) -> Option<Claim> {
    let time = when(event.timestamp.trim())?;
    let native = Native {
        ice: event.ice.trim(),
        ric: event.ric.trim(),
        standard: event.standard_event_code.trim(),
        return_leg: matches!(event.return_leg.trim(), "true" | "1"),
    };
    let words = words(event);
    let found = find(native, words);
    let unknown = found.code == EventCode::UNMAPPED && native.return_leg;
    Some(Claim {
        native_id: String::new(),
        native_code: cut(&native.code(), 100),
        native_reason: cut(native.ric, 100),
        native_text: Pii::new(cut(words, 1_000)),
        code: found.code,
        reason: found.reason,
        basis: found.basis,
        time,
        location: place::read(&event.location, &event.country),
        carrier: String::new(),
        classifier: Classifier::Actual,
        retracted: false,
        doubt: unknown.then(|| "the row lies on the way back and its code is unknown".to_owned()),
    })
}

/// What the event says: the long text, which the status repeats, or the short one.
fn words<'a>(event: &'a Event<'_>) -> &'a str {
    [&event.text, &event.status, &event.short_status]
        .into_iter()
        .map(|text| text.trim())
        .find(|text| !text.is_empty())
        .unwrap_or_default()
}

/// Reads "05.03.2026 18:10", "05.03.2026 18:10:30" or "05.03.2026". All times of the source are
/// German time, also those of scans abroad.
pub(super) fn when(text: &str) -> Option<EventTime> {
    let (date, clock) = text.split_once([' ', 'T']).unwrap_or((text, ""));
    let (time, precision) = clock_of(clock.trim())?;
    let local = DateTime::from_parts(date_of(date)?, time);
    let stated = Stated {
        local,
        precision,
        offset: None,
        raw: text,
    };
    let german = Clues {
        convention: Some("Europe/Berlin"),
        ..Clues::default()
    };
    Some(resolve(stated, german))
}

fn date_of(text: &str) -> Option<Date> {
    let mut parts = text.split('.');
    let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || year.len() != 4 {
        return None;
    }
    Date::new(number(year)?, small(month)?, small(day)?).ok()
}

/// A clock to the minute or second; none at all is a day.
fn clock_of(text: &str) -> Option<(Time, Precision)> {
    if text.is_empty() {
        return Some((Time::midnight(), Precision::Day));
    }
    let mut parts = text.split(':');
    let (hour, minute) = (small(parts.next()?)?, small(parts.next()?)?);
    let (second, precision) = match parts.next() {
        Some(second) => (small(second)?, Precision::Second),
        None => (0, Precision::Minute),
    };
    if parts.next().is_some() {
        return None;
    }
    Some((Time::new(hour, minute, second, 0).ok()?, precision))
}

fn small(text: &str) -> Option<i8> {
    i8::try_from(number(text)?).ok().filter(|_| text.len() <= 2)
}

/// Up to four digits and nothing else.
fn number(text: &str) -> Option<i16> {
    let digits = matches!(text.len(), 1..=4) && text.bytes().all(|c| c.is_ascii_digit());
    digits.then(|| text.parse().ok())?
}

/// Language of the texts. The answer does not state it; it is asked for in English, and German
/// betrays itself by words that no English text has.
fn language(shipment: &Shipment<'_>) -> &'static str {
    let german = |text: &str| text.contains("Sendung") || text.contains(" wurde ");
    let of_events = shipment.events.iter().map(words);
    if of_events.chain([shipment.status.as_ref()]).any(german) {
        "de"
    } else {
        "en"
    }
}

/// The first characters of a text.
pub(super) fn cut(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        Some((end, _)) => text[..end].to_owned(),
        None => text.to_owned(),
    }
}
