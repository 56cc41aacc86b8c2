//! From rows to reports: one per number.

use std::borrow::Cow;
use std::sync::Arc;

use waybill_core::adapter::Report;
use waybill_core::code::EventCode;
use waybill_core::error::{Error, ErrorKind};
use waybill_core::event::{Claim, Classifier};
use waybill_core::number::TrackingNumber;
use waybill_core::place::{FacilityKind, Location};
use waybill_core::privacy::Pii;
use waybill_core::shipment::{Facts, Identifier, IdentifierKind, Requirements};

use super::place::{cut, is_office, issuer};
use super::wire::Row;
use super::{DESCRIPTOR, clock, meaning, place};
use crate::codes::Codes;

/// Understands rows. `complete` says that they are all that the source has; the number of a row
/// that states none is `asked`.
///
/// # Errors
/// `Malformed` if no row has a number, or none of a number has a readable date.
pub(super) fn reports(
    codes: &Codes,
    rows: &[Row<'_>],
    complete: bool,
    asked: Option<&TrackingNumber>,
) -> Result<Vec<Report>, Error> {
    let mut numbers: Vec<(TrackingNumber, Vec<&Row<'_>>)> = Vec::new();
    // Most answers are of one number, which is written in the same way in all of its rows.
    let mut last: Option<(&str, usize)> = None;
    for row in rows {
        let text = number(row);
        if let Some((known, at)) = last
            && known == text
            && let Some((_, rows)) = numbers.get_mut(at)
        {
            rows.push(row);
            continue;
        }
        let parsed = TrackingNumber::parse(text).ok();
        let Some(number) = parsed.or_else(|| asked.cloned()) else {
            continue;
        };
        let at = numbers.iter().position(|(known, _)| *known == number);
        let at = at.unwrap_or_else(|| {
            numbers.push((number, Vec::new()));
            numbers.len() - 1
        });
        if let Some((_, rows)) = numbers.get_mut(at) {
            rows.push(row);
        }
        last = Some((text, at));
    }
    if numbers.is_empty() {
        return Err(malformed("no row has a readable number"));
    }
    let reports: Vec<_> = numbers
        .into_iter()
        .map(|(number, rows)| report(codes, number, &rows, complete))
        .collect();
    if reports.iter().all(|report| report.claims.is_empty()) {
        return Err(malformed("no row has a readable time"));
    }
    Ok(reports)
}

fn number<'a>(row: &'a Row<'_>) -> &'a str {
    match row.waybill_no.trim() {
        "" => row.trace_no.trim(),
        number => number,
    }
}

/// A claim, and what is needed to place it and to take it back.
struct Entry<'a> {
    claim: Arc<Claim>,
    order: jiff::civil::DateTime,
    code: &'a str,
    reverses: &'static [&'static str],
}

fn report(codes: &Codes, number: TrackingNumber, rows: &[&Row<'_>], complete: bool) -> Report {
    let issued_in = issuer(number.reveal());
    let mut entries = Vec::with_capacity(rows.len());
    for row in rows {
        entries.extend(entry(codes, row, issued_in));
    }
    // Nobody says what order the list has; rows of one time stay in it once it runs forward.
    if let (Some(first), Some(last)) = (entries.first(), entries.last())
        && first.order > last.order
    {
        entries.reverse();
    }
    entries.sort_by_key(|entry| (entry.order, !entry.reverses.is_empty()));
    let astray = take_back(&mut entries);
    let mut facts = facts(rows, &entries, issued_in, number.reveal());
    if complete && astray > 0 {
        facts.doubts.push(format!(
            "reversals of operations that are not listed: {astray}"
        ));
    }
    let (all, read) = (rows.len(), entries.len());
    if read < all {
        let unread = all - read;
        facts.doubts.push(format!(
            "operations left out for want of a readable time: {unread} of {all}"
        ));
    }
    Report {
        number,
        relays: DESCRIPTOR.carrier.to_owned(),
        complete,
        language: DESCRIPTOR.capabilities.language.to_owned(),
        claims: entries.into_iter().map(|entry| entry.claim).collect(),
        facts,
    }
    .fitted()
}

fn entry<'a>(codes: &Codes, row: &'a Row<'_>, issuer: &str) -> Option<Entry<'a>> {
    let reading = meaning::of(codes, row);
    let office = is_office(row);
    let side = clock::side(reading.code, office, issuer);
    let time = clock::read(row, side, office)?;
    let code = meaning::placed(reading.meaning.event, side, office, issuer);
    let texts = [&row.op_desc, &row.op_state_name, &row.op_name];
    let mut texts = texts.into_iter().map(|text: &Cow<'_, str>| text.trim());
    let text = texts.find(|text| !text.is_empty()).unwrap_or_default();
    Some(Entry {
        order: clock::order(&time),
        code: reading.code,
        reverses: meaning::reverses(reading.code),
        claim: Arc::new(Claim {
            native_id: String::new(),
            native_code: cut(reading.code, 40),
            native_reason: cut(reading.detail, 40),
            native_text: Pii::new(cut(text, 1_000)),
            code,
            reason: reading.meaning.reason,
            basis: reading.basis,
            time,
            location: place::read(row, side, office, code, issuer),
            carrier: String::new(),
            classifier: Classifier::Actual,
            retracted: false,
            doubt: reading.doubt.map(str::to_owned),
        }),
    })
}

/// Lets each reversal take back the latest operation before it that it can take back and that
/// stands; returns the number of those that found none.
fn take_back(entries: &mut [Entry<'_>]) -> usize {
    let mut astray = 0;
    for at in 0..entries.len() {
        let (before, rest) = entries.split_at_mut(at);
        let Some(reverses) = rest.first().map(|entry| entry.reverses) else {
            continue;
        };
        if reverses.is_empty() {
            continue;
        }
        let stands = |entry: &&Entry<'_>| reverses.contains(&entry.code) && !entry.claim.retracted;
        let Some(latest) = before.iter().rev().find(stands) else {
            astray += 1;
            continue;
        };
        // An operation that is listed twice is one.
        let (code, order) = (latest.code, latest.order);
        for entry in before {
            if entry.code == code && entry.order == order {
                Arc::make_mut(&mut entry.claim).retracted = true;
            }
        }
    }
    astray
}

fn facts(rows: &[&Row<'_>], entries: &[Entry<'_>], issuer: &str, number: &str) -> Facts {
    let stated = |field: for<'r> fn(&'r Row<'_>) -> &'r str| {
        let mut texts = rows.iter().map(|row| field(row).trim());
        texts.find(|text| !text.is_empty()).unwrap_or_default()
    };
    let arrival = stated(|row| &row.arrival_city);
    let order = stated(|row| &row.order_no);
    let reference = (!order.is_empty() && order != number).then(|| Identifier {
        kind: IdentifierKind::Reference,
        value: Pii::new(cut(order, 100)),
        carrier: String::new(),
        check_digit_valid: None,
    });
    Facts {
        service: cut(stated(|row| &row.product_name), 100),
        origin: origin(entries, issuer).map(Box::new),
        destination: (!arrival.is_empty())
            .then(|| Location {
                country: "CN".to_owned(),
                locality: cut(arrival, 100),
                ..Location::default()
            })
            .map(Box::new),
        identifiers: reference.into_iter().collect(),
        requirements: requirements(entries).map(Box::new),
        ..Facts::default()
    }
}

/// Where it was accepted, else the country that issued the number.
fn origin(entries: &[Entry<'_>], issuer: &str) -> Option<Location> {
    let accepted = |entry: &&Entry<'_>| {
        let code = entry.claim.code;
        matches!(code, EventCode::ACCEPTED | EventCode::PICKED_UP) && !entry.claim.retracted
    };
    let place = entries.iter().find(accepted);
    let place = place.and_then(|entry| entry.claim.location.as_ref());
    let place = place.filter(|place| !place.country.is_empty());
    let place = place.map(|place| Location {
        country: place.country.clone(),
        subdivision: place.subdivision.clone(),
        locality: place.locality.clone(),
        ..Location::default()
    });
    place.or_else(|| {
        (!issuer.is_empty()).then(|| Location {
            country: issuer.to_owned(),
            ..Location::default()
        })
    })
}

/// The counter where the item waits, if it waits at one. A locker or shop is named in the words
/// only; the office of the row is the one that brought it there.
fn requirements(entries: &[Entry<'_>]) -> Option<Requirements> {
    let mut standing = entries
        .iter()
        .rev()
        .filter(|entry| !entry.claim.retracted && entry.claim.code.status().is_some());
    let entry = standing.next()?;
    let claim = &entry.claim;
    let counter =
        entry.code == "723" || (entry.code == "705" && matches!(&*claim.native_reason, "8" | "9"));
    if !counter {
        return None;
    }
    let mut place = claim.location.clone()?;
    place.facility.get_or_insert_default().kind = FacilityKind::CollectionPoint;
    Some(Requirements {
        pickup_place: Some(place),
        ..Requirements::default()
    })
}

pub(super) fn malformed(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Malformed, message)
}
