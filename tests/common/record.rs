//! A small shipment and a small report, with made-up numbers, names and places.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::date;
use waybill_core::adapter::Report;
use waybill_core::code::EventCode;
use waybill_core::event::{Claim, Classifier, MappingBasis};
use waybill_core::number::TrackingNumber;
use waybill_core::place::Location;
use waybill_core::privacy::Pii;
use waybill_core::reconcile::{Dossier, SourceFacts};
use waybill_core::shipment::{Facts, Physical, Shipment, ShipmentId, TrackingState};
use waybill_core::status::Status;
use waybill_core::time::{Clues, Precision, Stated, resolve};

pub const PLACE: &str = "Musterstadt";

pub fn number(text: &str) -> TrackingNumber {
    TrackingNumber::parse(text).unwrap()
}

pub fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A dossier and its record; `count` is found again in the facts and as the revision.
pub fn shipment(id: &ShipmentId, number: &TrackingNumber, count: u32) -> (Dossier, Shipment) {
    let physical = Physical {
        weight_grams: Some(count),
        ..Physical::default()
    };
    let facts = Facts {
        physical: physical.clone(),
        destination: Some(Box::new(place())),
        ..Facts::default()
    };
    let dossier = Dossier {
        id: id.clone(),
        number: number.clone(),
        carrier: "dhl".to_owned(),
        observations: Vec::new(),
        facts: vec![SourceFacts {
            source: "dhl".to_owned(),
            class: waybill_core::event::SourceClass::Custodian,
            carrier: "dhl".to_owned(),
            complete: vec![time("2026-03-01T10:00:00Z")],
            under: BTreeSet::from([number.clone()]),
            receive_time: time("2026-03-01T10:00:00Z"),
            facts,
            heard: Vec::new(),
        }],
        pieces: BTreeSet::new(),
        former: BTreeSet::new(),
        photos: BTreeSet::new(),
        told: BTreeSet::new(),
        superseded: BTreeSet::new(),
        successor: None,
    };
    let record = Shipment {
        id: id.clone(),
        number: number.clone(),
        carrier: "dhl".to_owned(),
        status: Status::InTransit,
        code: Some(EventCode::IN_TRANSIT),
        reason: None,
        status_event: None,
        source_count: 1,
        revision: count,
        etag: format!("e{count}"),
        update_time: time("2026-03-01T10:00:00Z"),
        tracking: TrackingState::Active,
        attention: None,
        progress: None,
        next_step: None,
        silence: None,
        contacts: Vec::new(),
        requirements: None,
        last_event_time: None,
        last_location: Some(place()),
        estimates: Vec::new(),
        events: Vec::new(),
        exceptions: Vec::new(),
        milestones: Vec::new(),
        identifiers: Vec::new(),
        legs: Vec::new(),
        service: String::new(),
        origin: None,
        destination: Some(place()),
        pieces: Vec::new(),
        superseded: Vec::new(),
        physical,
        proof: None,
        photos: Vec::new(),
        findings: Vec::new(),
    };
    (dossier, record)
}

pub fn report(number: &TrackingNumber) -> Report {
    let stated = Stated {
        local: date(2026, 3, 1).at(9, 30, 0, 0),
        precision: Precision::Minute,
        offset: Some(3_600),
        raw: "2026-03-01T09:30",
    };
    let claim = Claim {
        native_id: String::new(),
        native_code: "AB".to_owned(),
        native_reason: String::new(),
        native_text: Pii::new("handed to the driver".to_owned()),
        code: EventCode::IN_TRANSIT,
        reason: None,
        basis: MappingBasis::Code,
        time: resolve(stated, Clues::default()),
        location: Some(place()),
        carrier: String::new(),
        classifier: Classifier::Actual,
        retracted: false,
        doubt: None,
    };
    Report {
        number: number.clone(),
        relays: "dhl".to_owned(),
        complete: true,
        language: "en".to_owned(),
        claims: vec![claim.into()],
        facts: Facts::default(),
    }
}

fn place() -> Location {
    Location {
        country: "DE".to_owned(),
        locality: PLACE.to_owned(),
        ..Location::default()
    }
}
