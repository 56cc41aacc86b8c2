//! What answers are understood as.

use waybill_core::code::{EventCode, ReasonCode};
use waybill_core::event::MappingBasis;
use waybill_core::place::FacilityKind;
use waybill_core::shipment::{EstimateKind, IdentifierKind};
use waybill_core::time::{Basis, EventTime, Precision};

use super::*;

macro_rules! fixture {
    ($name:literal) => {
        read(
            include_str!(concat!("../fixtures/", $name, ".json")),
            include_str!(concat!("../fixtures/", $name, ".expected.json")),
            $name,
        )
    };
}

/// Understands a fixture and compares all of it with what stands beside it.
fn read(body: &str, expected: &str, name: &str) -> Vec<Report> {
    let reports = understood(body).unwrap_or_else(|error| panic!("{name}: {error}"));
    let found = serde_json::to_value(&reports).unwrap();
    let expected: serde_json::Value = serde_json::from_str(expected).unwrap();
    assert!(found == expected, "{name}: {found:#}");
    let back: Vec<Report> = serde_json::from_value(found).unwrap();
    assert!(back == reports, "{name} does not survive the store");
    reports
}

fn codes(report: &Report) -> Vec<EventCode> {
    report.claims.iter().map(|claim| claim.code).collect()
}

fn only(mut reports: Vec<Report>) -> Report {
    assert_eq!(reports.len(), 1);
    reports.remove(0)
}

fn instant(time: &EventTime) -> String {
    time.instant.map(|at| at.to_string()).unwrap_or_default()
}

#[test]
fn a_delivery_has_its_manner_and_proof() {
    let report = only(fixture!("delivered"));
    let way = [
        EventCode::LABEL_CREATED,
        EventCode::ACCEPTED,
        EventCode::ARRIVED_AT_FACILITY,
        EventCode::DEPARTED_FACILITY,
        EventCode::ARRIVED_AT_DELIVERY_OFFICE,
        EventCode::OUT_FOR_DELIVERY,
        EventCode::DELIVERED_TO_SAFE_PLACE,
    ];
    assert_eq!(codes(&report), way, "oldest first");
    let last = report.claims.last().unwrap();
    assert_eq!(
        (last.native_code.as_str(), last.native_reason.as_str()),
        ("01", "4")
    );
    assert_eq!(last.basis, MappingBasis::CodeAndText);
    assert_eq!(instant(&last.time), "2026-03-05T19:55:00Z");
    assert_eq!(last.time.local.to_string(), "2026-03-05T12:55:00");
    assert_eq!(
        (last.time.offset, last.time.precision),
        (Some(-7 * 3_600), Precision::Minute)
    );
    assert!(report.facts.proof.unwrap().signed_by.reveal() == "A TESTER");
    assert_eq!(report.facts.service, "USPS Ground Advantage™");
    let [piece] = report.facts.identifiers.as_slice() else {
        panic!("the id of the piece");
    };
    assert_eq!(piece.kind, IdentifierKind::Piece);
    let kinds = report.facts.estimates.iter().map(|estimate| estimate.kind);
    assert!(kinds.eq([
        EstimateKind::CarrierForecast,
        EstimateKind::CarrierCommitment
    ]));
    let by = report.facts.estimates[0].window.end.as_ref().unwrap();
    assert_eq!(
        by.local.to_string(),
        "2026-03-05T20:00:00",
        "in spite of its Z"
    );
    assert_eq!(instant(by), "2026-03-06T03:00:00Z");
}

#[test]
fn a_plant_is_no_town() {
    let report = only(fixture!("batch_in_transit"));
    let place = report.claims[2].location.as_ref().unwrap();
    assert_eq!(
        (place.locality.as_str(), place.subdivision.as_str()),
        ("BRANDT PARK", "GA")
    );
    let plant = place.facility.as_ref().unwrap();
    assert_eq!(plant.kind, FacilityKind::Hub);
    assert_eq!(plant.name, "BRANDT PARK GA DISTRIBUTION CENTER");
    let destination = report.facts.destination.unwrap();
    assert!(
        destination.postal_code.reveal() == "80237",
        "named otherwise in v3r2"
    );
    let window = &report.facts.estimates[0].window;
    let (start, end) = (window.start.as_ref().unwrap(), window.end.as_ref().unwrap());
    assert_eq!(instant(start), "2026-03-05T20:15:00Z");
    assert_eq!(instant(end), "2026-03-06T00:15:00Z");
    assert_eq!(start.basis, Basis::Locality);
}

#[test]
fn of_a_mixed_batch_the_announced_item_is_known_and_has_no_events() {
    let [found, announced] = &fixture!("batch_mixed")[..] else {
        panic!("two of four");
    };
    assert_eq!(codes(found).last(), Some(&EventCode::OUT_FOR_DELIVERY));
    assert!(found.complete && !announced.complete);
    assert!(announced.claims.is_empty());
    assert_eq!(
        announced.facts.doubts,
        ["item is announced to the carrier and not scanned yet"]
    );
    let day = found.facts.estimates[0].window.start.as_ref().unwrap();
    assert_eq!(day.precision, Precision::Day);
}

#[test]
fn a_notice_has_its_reason_and_last_day() {
    let report = only(fixture!("notice_left"));
    let last = report.claims.last().unwrap();
    assert_eq!(last.code, EventCode::DELIVERY_ATTEMPTED);
    assert_eq!(last.reason, Some(ReasonCode::RECIPIENT_NOT_AVAILABLE));
    let requirements = report.facts.requirements.unwrap();
    assert_eq!(requirements.collect_by, "2026-03-20");
    assert!(requirements.pickup_place.is_none(), "nobody says where");
    assert!(report.facts.doubts.is_empty());
}

#[test]
fn what_waits_is_not_delivered() {
    let report = only(fixture!("pickup"));
    assert_eq!(
        codes(&report).last(),
        Some(&EventCode::AVAILABLE_FOR_PICKUP)
    );
    assert_eq!(report.claims[6].native_reason, "54");
    let requirements = report.facts.requirements.unwrap();
    let place = requirements.pickup_place.unwrap();
    assert_eq!(place.facility.unwrap().kind, FacilityKind::CollectionPoint);
    let report = only(fixture!("locker"));
    assert_eq!(
        codes(&report).last(),
        Some(&EventCode::AVAILABLE_FOR_PICKUP)
    );
    assert!(report.facts.proof.is_none(), "a locker does not sign");
    assert!(report.facts.doubts.is_empty(), "its category is delivered");
}

#[test]
fn an_item_from_china_passes_two_customs() {
    let report = only(fixture!("from_china"));
    let way = [
        EventCode::ACCEPTED,
        EventCode::EXPORT_CUSTOMS_PRESENTED,
        EventCode::DEPARTED_FACILITY,
        EventCode::IMPORT_CUSTOMS_PRESENTED,
        EventCode::IMPORT_CUSTOMS_HELD,
        EventCode::IMPORT_CUSTOMS_RELEASED,
        EventCode::SORTED,
    ];
    assert_eq!(codes(&report), way);
    let accepted = &report.claims[0];
    assert_eq!(instant(&accepted.time), "2026-03-02T11:20:00Z");
    assert_eq!(accepted.time.basis, Basis::Country);
    let exchange = report.claims[3].location.as_ref().unwrap();
    assert_eq!(
        (exchange.country.as_str(), exchange.subdivision.as_str()),
        ("US", "CA")
    );
    let kind = exchange.facility.as_ref().unwrap().kind;
    assert_eq!(kind, FacilityKind::ExchangeOffice);
    assert_eq!(instant(&report.claims[3].time), "2026-03-06T04:15:00Z");
    assert!(
        report.claims[3].doubt.is_some(),
        "its gmt date is a day early"
    );
    assert_eq!(report.facts.origin.unwrap().country, "CN");
}

#[test]
fn a_label_is_not_possession() {
    let report = only(fixture!("label_only"));
    assert_eq!(
        codes(&report),
        [EventCode::LABEL_CREATED, EventCode::INFO_RECEIVED]
    );
    assert_eq!(report.claims[1].time.precision, Precision::Day);
    assert!(report.claims[1].location.is_none());
    assert!(report.facts.doubts.is_empty());
}

#[test]
fn delivered_to_the_sender_is_a_return() {
    let report = only(fixture!("returned"));
    let way = codes(&report);
    assert_eq!(
        way[6..],
        [
            EventCode::RETURN_INITIATED,
            EventCode::RETURN_INITIATED,
            EventCode::ARRIVED_AT_FACILITY,
            EventCode::RETURNED_TO_SENDER,
        ]
    );
    assert_eq!(
        report.claims[7].reason,
        Some(ReasonCode::RECIPIENT_INCORRECT_ADDRESS)
    );
    assert!(report.facts.proof.is_none());
}

#[test]
fn clocks_are_read_in_every_state() {
    let report = only(fixture!("clocks"));
    let found: Vec<_> = report
        .claims
        .iter()
        .map(|claim| {
            (
                instant(&claim.time),
                claim.time.basis,
                claim.doubt.is_some(),
            )
        })
        .collect();
    let expected = [
        ("", Basis::Unresolved, false),
        ("2026-03-03T00:00:00Z", Basis::Country, false),
        ("2026-03-04T15:00:00Z", Basis::Locality, false),
        ("", Basis::Unresolved, false),
        ("2026-03-05T15:00:00Z", Basis::Locality, false),
        ("2026-03-06T00:40:00Z", Basis::Stated, false),
        ("2026-03-06T20:00:00Z", Basis::Stated, true),
        ("2026-03-07T02:40:00Z", Basis::Stated, true),
        ("2026-03-07T22:03:12Z", Basis::Stated, false),
        ("", Basis::Locality, true),
        ("", Basis::Stated, false),
    ];
    let expected: Vec<_> = expected
        .map(|(at, basis, doubted)| (at.to_owned(), basis, doubted))
        .into();
    assert_eq!(found, expected);
    assert_eq!(
        report.facts.doubts,
        ["events left out for want of a readable date: 1 of 12"]
    );
    let unknown = report.claims[0].location.as_ref().unwrap();
    assert_eq!(unknown.country, "");
    assert!(unknown.raw.reveal() == "SOMEWHERE, ATLANTIS");
    assert_eq!(
        report.claims[7].time.raw,
        "2026-03-06T18:40:00Z gmt 2026-03-06T02:40:22Z -8:00"
    );
}

#[test]
fn an_unknown_code_is_kept_and_guesses_no_delivery() {
    let report = only(fixture!("codes"));
    let found: Vec<_> = report
        .claims
        .iter()
        .map(|claim| (claim.native_code.as_str(), claim.code, claim.basis))
        .collect();
    let expected = [
        ("", EventCode::UNMAPPED, MappingBasis::None),
        ("80", EventCode::PICKED_UP, MappingBasis::Code),
        ("30", EventCode::DELIVERY_ATTEMPTED, MappingBasis::Code),
        ("DX", EventCode::EXCEPTION, MappingBasis::Code),
        ("ZW", EventCode::UNMAPPED, MappingBasis::None),
        ("43", EventCode::UNMAPPED, MappingBasis::None),
        ("ZY", EventCode::ARRIVED_AT_FACILITY, MappingBasis::Text),
        ("ZX", EventCode::UNMAPPED, MappingBasis::None),
        ("ZQ", EventCode::EXCEPTION, MappingBasis::AggregatedStatus),
    ];
    assert_eq!(found, expected);
    assert_eq!(report.claims[2].native_reason, "A1/R2");
    assert!(report.claims[7].native_text.reveal() == "Something new happened");
}

#[test]
fn the_form_of_2023_has_local_time_only() {
    let report = only(fixture!("local_time"));
    assert_eq!(codes(&report), [EventCode::ACCEPTED]);
    let time = &report.claims[0].time;
    assert_eq!(instant(time), "2026-03-02T12:31:00Z", "7:31 in Virginia");
    assert_eq!(
        (time.basis, time.zone.as_str()),
        (Basis::Locality, "America/New_York")
    );
    assert_eq!(report.facts.service, "Priority Mail®");
    let window = &report.facts.estimates[0].window;
    assert_eq!(
        window.start.as_ref().unwrap().local.to_string(),
        "2026-03-04T13:15:00"
    );
}

#[test]
fn a_summary_is_known_to_be_one() {
    let report = only(fixture!("summary"));
    assert!(report.claims.is_empty() && !report.complete);
    assert_eq!(report.facts.doubts.len(), 2);
}

#[test]
fn a_category_that_the_events_contradict_is_a_doubt() {
    let report = only(fixture!("contradiction"));
    assert_eq!(
        report.facts.doubts,
        ["status category contradicts the newest event"]
    );
    assert_eq!(codes(&report).last(), Some(&EventCode::OUT_FOR_DELIVERY));
}

#[test]
fn a_push_is_read_as_an_answer_and_is_not_complete() {
    let report = only(fixture!("push"));
    assert_eq!(codes(&report), [EventCode::OUT_FOR_DELIVERY]);
    assert!(!report.complete);
    let report = only(fixture!("push_event"));
    assert_eq!(codes(&report), [EventCode::DELIVERED_TO_MAILBOX]);
    assert!(!report.complete);
}
