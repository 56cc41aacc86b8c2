//! Short ways to write reports.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use waybill_core::adapter::Report;
use waybill_core::assess::assess;
use waybill_core::code::{EventCode, ReasonCode};
use waybill_core::event::{Claim, Classifier, Digest, Event, MappingBasis, SourceClass};
use waybill_core::exception::{Category, Exception};
use waybill_core::number::TrackingNumber;
use waybill_core::place::Location;
use waybill_core::privacy::Pii;
use waybill_core::reconcile::Dossier;
use waybill_core::shipment::{
    Estimate, EstimateKind, Facts, Finding, FindingKind, LocalWindow, Shipment, ShipmentId,
};
use waybill_core::time::{Basis, EventTime, Precision};

pub(crate) const NUMBER: &str = "ZX4815162342";

pub(crate) fn ts(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Noon of the day with this number, counted from 1 March 2026.
pub(crate) fn day(number: i64) -> Timestamp {
    ts("2026-03-01T12:00:00Z") + SignedDuration::from_hours(24 * number)
}

pub(crate) fn hours(number: i64) -> SignedDuration {
    SignedDuration::from_hours(number)
}

/// A time with a stated offset.
pub(crate) fn known(at: Timestamp) -> EventTime {
    EventTime {
        instant: Some(at),
        local: TimeZone::UTC.to_datetime(at),
        offset: Some(0),
        zone: String::new(),
        precision: Precision::Second,
        basis: Basis::Stated,
        earliest: at,
        latest: at,
        raw: at.to_string(),
    }
}

/// A wall clock of an unknown zone.
pub(crate) fn unknown(local: &str) -> EventTime {
    let local: DateTime = local.parse().unwrap();
    let utc = TimeZone::UTC.to_timestamp(local).unwrap();
    EventTime {
        instant: None,
        local,
        offset: None,
        zone: String::new(),
        precision: Precision::Second,
        basis: Basis::Unresolved,
        earliest: utc - hours(14),
        latest: utc + hours(12),
        raw: local.to_string(),
    }
}

pub(crate) fn claim(code: EventCode, time: EventTime) -> Claim {
    Claim {
        native_id: String::new(),
        native_code: format!("N{}", code.0),
        native_reason: String::new(),
        native_text: Pii::new(String::new()),
        code,
        reason: None,
        basis: MappingBasis::Code,
        time,
        location: None,
        carrier: String::new(),
        classifier: Classifier::Actual,
        retracted: false,
        doubt: None,
    }
}

/// A claim per code, a day apart from each other.
pub(crate) fn days(codes: &[EventCode]) -> Vec<Claim> {
    codes
        .iter()
        .zip(0..)
        .map(|(code, number)| claim(*code, known(day(number))))
        .collect()
}

pub(crate) fn because(mut claim: Claim, reason: ReasonCode) -> Claim {
    claim.reason = Some(reason);
    claim
}

pub(crate) fn country(code: &str) -> Location {
    Location {
        country: code.to_owned(),
        ..Location::default()
    }
}

pub(crate) fn place(claim: Claim, code: &str) -> Claim {
    Claim {
        location: Some(country(code)),
        ..claim
    }
}

pub(crate) fn lane(from: &str, to: &str) -> Facts {
    Facts {
        origin: Some(Box::new(country(from))),
        destination: Some(Box::new(country(to))),
        ..Facts::default()
    }
}

pub(crate) fn estimate(kind: EstimateKind, end: Timestamp) -> Estimate {
    Estimate {
        kind,
        source: String::new(),
        window: LocalWindow {
            start: None,
            end: Some(known(end)),
        },
        receive_time: Timestamp::UNIX_EPOCH,
    }
}

pub(crate) fn report(claims: Vec<Claim>, facts: Facts) -> Report {
    Report {
        number: TrackingNumber::parse(NUMBER).unwrap(),
        relays: "acme".to_owned(),
        complete: true,
        language: "en".to_owned(),
        claims: claims.into_iter().map(std::sync::Arc::new).collect(),
        facts,
    }
}

pub(crate) fn dossier() -> Dossier {
    Dossier::new(
        ShipmentId("0123456789abcdefghijklmnop".to_owned()),
        TrackingNumber::parse(NUMBER).unwrap(),
        "acme".to_owned(),
    )
}

/// What the carrier's own interface says, heard long after it all happened.
pub(crate) fn heard(claims: Vec<Claim>, facts: Facts) -> Dossier {
    let mut dossier = dossier();
    let report = report(claims, facts);
    dossier.absorb("acme", SourceClass::Custodian, &report, day(300));
    dossier
}

pub(crate) fn record(claims: Vec<Claim>) -> Shipment {
    heard(claims, Facts::default()).record()
}

pub(crate) fn at(record: &Shipment, now: Timestamp) -> Shipment {
    assess(record.clone(), now).0
}

pub(crate) fn only(record: &Shipment, category: Category) -> Exception {
    let found: Vec<&Exception> = of(record, category).collect();
    assert_eq!(found.len(), 1, "{category:?} in {:?}", record.exceptions);
    found[0].clone()
}

pub(crate) fn of(record: &Shipment, category: Category) -> impl Iterator<Item = &Exception> {
    record
        .exceptions
        .iter()
        .filter(move |one| one.category == category)
}

pub(crate) fn findings(record: &Shipment, kind: FindingKind) -> Vec<&Finding> {
    record
        .findings
        .iter()
        .filter(|finding| finding.kind == kind)
        .collect()
}

/// The event that the claim at this position of the report became.
pub(crate) fn event(record: &Shipment, sequence: u32) -> &Event {
    record
        .events
        .iter()
        .find(|event| event.said.sequence == sequence)
        .unwrap()
}

pub(crate) fn id(record: &Shipment, sequence: u32) -> Digest {
    event(record, sequence).id
}
