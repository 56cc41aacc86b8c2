//! What answers are understood as.

use waybill_core::adapter::Report;
use waybill_core::event::{Claim, MappingBasis};
use waybill_core::shipment::IdentifierKind;
use waybill_core::status::Status;
use waybill_core::time::{Basis, Precision};

use super::*;

macro_rules! fixtures {
    ($($name:ident),*) => {
        pub(super) const FIXTURES: &[(&str, &str, &str)] = &[$((
            stringify!($name),
            include_str!(concat!("../fixtures/", stringify!($name), ".json")),
            include_str!(concat!("../fixtures/", stringify!($name), ".expected.json")),
        )),*];
    };
}

fixtures!(
    attempt,
    batch,
    customs,
    delivered,
    in_transit,
    label_only,
    no_offsets,
    odd_types,
    pieces_delivered,
    pieces_in_part,
    returned,
    service_point,
    unknown_codes
);

fn reports(name: &str) -> Vec<Report> {
    let found = FIXTURES.iter().find(|(known, ..)| *known == name);
    understood(found.unwrap().1).unwrap()
}

fn only(name: &str) -> Report {
    let mut reports = reports(name);
    assert_eq!(reports.len(), 1, "{name}");
    reports.remove(0)
}

fn codes(report: &Report) -> Vec<u16> {
    report.claims.iter().map(|claim| claim.code.0).collect()
}

#[test]
fn every_fixture_becomes_the_reports_beside_it() {
    for (name, _, expected) in FIXTURES {
        let actual = serde_json::to_value(reports(name)).unwrap();
        let expected: serde_json::Value = serde_json::from_str(expected).unwrap();
        assert!(actual == expected, "{name}: {actual:#}");
        let back: Vec<Report> = serde_json::from_value(actual).unwrap();
        assert!(back == reports(name), "{name} does not survive the store");
    }
}

#[test]
fn a_stated_offset_is_believed_and_checkpoints_of_pieces_are_the_same() {
    let report = only("delivered");
    assert_eq!(codes(&report), [201, 303, 304, 411, 413, 501, 502, 602]);
    let first = &report.claims[0];
    assert_eq!(first.time.basis, Basis::Stated);
    assert_eq!(
        first.time.instant,
        Some("2026-03-02T08:05:10Z".parse().unwrap())
    );
    // The offset is no part of the identity of a checkpoint.
    assert_eq!(first.time.raw, "2026-03-02T16:05:10");
    let place = first.location.as_ref().unwrap();
    assert_eq!((&*place.country, &*place.locality), ("HK", "HONG KONG"));
    assert_eq!(place.facility.as_ref().unwrap().code, "HKG");
    let text = report.claims[1].native_text.reveal();
    assert_eq!(
        text,
        "Shipment has departed from a facility; It is on its way.; Look again later."
    );
    let last = report.claims.last().unwrap();
    assert_eq!(
        (&*last.native_code, last.basis),
        ("OK", MappingBasis::CodeAndText)
    );
    assert_eq!(report.facts.proof.unwrap().signed_by.reveal(), "M VISSER");
    assert!(report.facts.estimates.is_empty(), "it is there");
    assert_eq!(report.facts.service, "EXPRESS WORLDWIDE");
    let physical = report.facts.physical;
    assert_eq!(
        (physical.weight_grams, physical.length_mm),
        (Some(1_500), Some(300))
    );
    let kinds = report.facts.identifiers.iter().map(|id| id.kind);
    assert!(kinds.eq([IdentifierKind::Piece, IdentifierKind::Reference]));
}

#[test]
fn a_local_time_is_read_at_its_station_then_in_its_country() {
    let report = only("no_offsets");
    let bases: Vec<_> = report.claims.iter().map(|claim| claim.time.basis).collect();
    assert_eq!(
        bases,
        [
            Basis::Facility,
            Basis::Facility,
            Basis::Country,
            Basis::Unresolved,
            Basis::Country,
            Basis::Unresolved
        ]
    );
    let instant = |at: usize| report.claims[at].time.instant;
    assert_eq!(instant(0), Some("2026-03-02T14:00:00Z".parse().unwrap()));
    assert_eq!(instant(1), Some("2026-03-03T06:30:00Z".parse().unwrap()));
    assert_eq!(instant(2), Some("2026-03-03T08:05:00Z".parse().unwrap()));
    // An unknown station leaves the country's zones open; a day has no instant.
    assert_eq!((instant(3), instant(4), instant(5)), (None, None, None));
    assert_eq!(report.claims[4].time.precision, Precision::Day);
    let place = report.claims[0].location.as_ref().unwrap();
    assert_eq!((&*place.locality, &*place.subdivision), ("NEW YORK", "NY"));
    assert_eq!(report.claims[2].location.as_ref().unwrap().country, "GB");
    assert_eq!(report.facts.physical.weight_grams, Some(1_497));
    let window = &report.facts.estimates[0].window;
    assert!(window.start.is_none());
    assert_eq!(
        window.end.as_ref().unwrap().instant,
        Some("2026-03-05T20:00:00Z".parse().unwrap())
    );
    let day = &only("in_transit").facts.estimates[0].window;
    assert_eq!(day.start.as_ref().unwrap().precision, Precision::Day);
    assert!(day.end.is_none());
}

#[test]
fn customs_have_a_direction_at_the_ends_only() {
    assert_eq!(codes(&only("customs")), [201, 401, 403, 421, 412, 411, 413]);
}

#[test]
fn a_delivery_of_some_pieces_is_one_in_part() {
    let report = only("pieces_in_part");
    assert_eq!(codes(&report), [201, 502, 608, 801]);
    assert!(report.claims[3].doubt.is_some());
    let ends = |claim: &Claim| claim.code.status().is_some_and(Status::is_terminal);
    assert!(!report.claims.iter().any(|claim| ends(claim)));
    let report = only("pieces_delivered");
    assert_eq!(codes(&report), [201, 502, 608, 608, 601]);
    assert_eq!(report.facts.physical.piece_count, Some(3));
}

#[test]
fn a_deposit_waits_for_the_recipient() {
    assert_eq!(
        codes(&only("service_point")),
        [201, 502, 505, 505, 601, 314]
    );
    assert_eq!(codes(&only("returned")), [201, 502, 653, 704]);
    assert_eq!(codes(&only("attempt")), [201, 502, 651, 803, 810]);
}

#[test]
fn an_unknown_code_is_kept_and_not_guessed() {
    let report = only("unknown_codes");
    assert_eq!(codes(&report), [201, 999, 999, 801]);
    let unknown = &report.claims[1];
    assert_eq!(unknown.native_code, "Q7");
    assert_eq!(unknown.native_text.reveal(), "Something new");
    assert_eq!(unknown.basis, MappingBasis::None);
    // An offset that cannot be read leaves a local time.
    let odd = &report.claims[2];
    assert_eq!(odd.time.basis, Basis::Country);
    assert!(odd.doubt.is_some());
    assert_eq!(
        report.facts.doubts,
        ["1 events have no readable time and are left out"]
    );
    assert!(!report.complete);
}

#[test]
fn odd_types_and_missing_parts_cost_only_themselves() {
    let report = only("odd_types");
    assert_eq!(report.number.reveal(), "7002004555");
    assert_eq!(codes(&report), [203]);
    assert_eq!(report.claims[0].time.precision, Precision::Minute);
    let origin = report.facts.origin.unwrap();
    assert_eq!((&*origin.country, &*origin.locality), ("FR", "Villeneuve"));
    assert_eq!(report.facts.physical.length_mm, Some(305));
    assert_eq!(report.facts.physical.weight_grams, None);
    assert_eq!(report.facts.identifiers.len(), 2);
    let label = only("label_only");
    assert!(label.claims.is_empty() && label.complete);
    assert_eq!(reports("batch").len(), 2);
}
