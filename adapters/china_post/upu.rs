//! The global track of the UPU, `itemTTExt`: the same journey as the posts told it to each other.
//!
//! It has a token of its own that goes to designated operators, so it is not asked; its body is
//! understood wherever it is shown.

use std::sync::Arc;

use waybill_core::adapter::Report;
use waybill_core::code::EventCode;
use waybill_core::error::Error;
use waybill_core::event::{Claim, Classifier};
use waybill_core::number::TrackingNumber;
use waybill_core::place::Location;
use waybill_core::privacy::Pii;
use waybill_core::shipment::Facts;
use waybill_core::status::Status;

use super::map::malformed;
use super::place::{cut, leaves_origin, passes_through};
use super::wire::{Event, Item};
use super::{clock, meaning};
use crate::codes::Codes;

/// Whose data it is: that of no single carrier.
const RELAYS: &str = "china-post-upu";
/// `State` of an item that was delivered.
const DELIVERED: &str = "3";

/// Understands items.
pub(super) fn reports(
    codes: &Codes,
    items: Vec<Item<'_>>,
    asked: Option<&TrackingNumber>,
) -> Result<Vec<Report>, Error> {
    let events = items.iter().any(|item| !item.events.is_empty());
    let mut reports = Vec::with_capacity(items.len());
    for item in items {
        let number = TrackingNumber::parse(&item.id).ok();
        let Some(number) = number.or_else(|| asked.cloned()) else {
            return Err(malformed("ID: not a number"));
        };
        reports.push(report(codes, number, &item));
    }
    if events && reports.iter().all(|report| report.claims.is_empty()) {
        return Err(malformed("Events[].EventDT: no readable time"));
    }
    Ok(reports)
}

fn report(codes: &Codes, number: TrackingNumber, item: &Item<'_>) -> Report {
    let (origin, destination) = (
        country(&item.origin_country_cd),
        country(&item.destination_country_cd),
    );
    let claim = |event| claim(codes, event, &origin, &destination).map(Arc::new);
    let mut claims: Vec<_> = item.events.iter().filter_map(claim).collect();
    claims.sort_by_key(|claim| claim.time.local);
    let mut doubts = Vec::new();
    let (all, read) = (item.events.len(), claims.len());
    if read < all {
        let unread = all - read;
        doubts.push(format!(
            "events left out for want of a readable time: {unread} of {all}"
        ));
    }
    let delivered = |claim: &Arc<Claim>| claim.code.status() == Some(Status::Delivered);
    if item.state.trim() == DELIVERED && !claims.iter().any(delivered) {
        doubts.push("state says delivered and no event does".to_owned());
    }
    let end = |country: String| {
        (!country.is_empty()).then(|| Location {
            country,
            ..Location::default()
        })
    };
    Report {
        number,
        relays: RELAYS.to_owned(),
        complete: true,
        language: "en".to_owned(),
        claims,
        facts: Facts {
            origin: end(origin).map(Box::new),
            destination: end(destination).map(Box::new),
            doubts,
            ..Facts::default()
        },
    }
    .fitted()
}

fn claim(codes: &Codes, event: &Event<'_>, origin: &str, destination: &str) -> Option<Claim> {
    let native = event.event_cd.trim();
    let (meaning, basis) = meaning::of_upu(codes, native);
    Some(Claim {
        native_id: String::new(),
        native_code: cut(native, 40),
        native_reason: String::new(),
        native_text: Pii::new(cut(event.event_nm.trim(), 1_000)),
        code: meaning.event,
        reason: meaning.reason,
        basis,
        time: clock::of_upu(&event.event_dt)?,
        location: place(event, meaning.event, origin, destination),
        carrier: String::new(),
        classifier: Classifier::Actual,
        retracted: false,
        doubt: None,
    })
}

/// The code says at which end it happened, the location what the post calls the place.
fn place(event: &Event<'_>, code: EventCode, origin: &str, destination: &str) -> Option<Location> {
    let country = match code {
        EventCode::UNMAPPED => "",
        code if passes_through(code) => "",
        code if leaves_origin(code) => origin,
        _ => destination,
    };
    let name = event.event_location.trim();
    let place = Location {
        country: country.to_owned(),
        locality: cut(name, 100),
        raw: Pii::new(cut(name, 200)),
        ..Location::default()
    };
    Some(place).filter(|_| !name.is_empty())
}

fn country(text: &str) -> String {
    let text = text.trim();
    if text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        text.to_ascii_uppercase()
    } else {
        String::new()
    }
}
