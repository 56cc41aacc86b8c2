//! What answers are understood as.

use waybill_core::code::{EventCode, ReasonCode};
use waybill_core::event::MappingBasis;
use waybill_core::place::FacilityKind;
use waybill_core::shipment::{EstimateKind, IdentifierKind};
use waybill_core::time::{Basis, Precision};

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

#[test]
fn a_delivery_has_its_manner_and_proof() {
    let report = only(fixture!("delivered"));
    let way = [
        EventCode::INFO_RECEIVED,
        EventCode::ACCEPTED,
        EventCode::DEPARTED_FACILITY,
        EventCode::ARRIVED_AT_FACILITY,
        EventCode::OUT_FOR_DELIVERY,
        EventCode::DELIVERED_TO_RECEPTION,
    ];
    assert_eq!(codes(&report), way, "oldest first");
    let last = report.claims.last().unwrap();
    assert_eq!(last.native_code, "D/FS/011");
    assert!(last.native_text.reveal() == "DELIVERED", "trimmed");
    assert_eq!(last.basis, MappingBasis::CodeAndText);
    assert_eq!(last.time.offset, Some(-7 * 3_600));
    assert!(report.facts.proof.unwrap().signed_by.reveal() == "TESTER");
    assert!(report.facts.estimates.is_empty(), "it is there");
    assert_eq!(report.facts.physical.weight_grams, Some(2_495));
    assert_eq!(report.facts.physical.length_mm, Some(318));
    assert_eq!(report.facts.requirements.unwrap().signature, Some(true));
    let references = report.facts.identifiers.iter().map(|id| id.value.reveal());
    assert!(references.eq(["ORDER 77-1", "BOX-1"]), "each once");
}

#[test]
fn nothing_kept_holds_an_image() {
    let kept = include_str!("../fixtures/delivered.expected.json");
    assert!(include_str!("../fixtures/delivered.json").contains("R0lGOD"));
    assert!(!kept.contains("R0lGOD") && !kept.contains("PHA+"));
}

#[test]
fn a_forecast_is_a_window_at_the_destination() {
    let report = only(fixture!("in_transit"));
    let estimate = &report.facts.estimates[0];
    assert_eq!(estimate.kind, EstimateKind::CarrierForecast);
    let (start, end) = (&estimate.window.start, &estimate.window.end);
    let local = |at: &Option<waybill_core::time::EventTime>| at.as_ref().unwrap().local.to_string();
    assert_eq!(local(start), "2026-03-04T12:15:00");
    assert_eq!(local(end), "2026-03-04T15:45:00");
    assert_eq!(report.facts.physical.weight_grams, None, "zero is unknown");
    assert_eq!(report.facts.physical.height_mm, None, "zero is unknown");
    let [other] = report.facts.identifiers.as_slice() else {
        panic!("its own number is not repeated");
    };
    assert_eq!(other.kind, IdentifierKind::Carrier);
}

#[test]
fn a_commitment_is_told_from_a_forecast() {
    let report = only(fixture!("commitment"));
    let [estimate] = report.facts.estimates.as_slice() else {
        panic!("one estimate");
    };
    assert_eq!(estimate.kind, EstimateKind::CarrierCommitment);
    assert!(estimate.window.start.is_none(), "by half past ten");
}

#[test]
fn a_failed_attempt_has_its_reason_and_the_day_is_moved() {
    let report = only(fixture!("redelivery"));
    let attempt = &report.claims[6];
    assert_eq!(attempt.code, EventCode::DELIVERY_ATTEMPTED);
    assert_eq!(attempt.reason, Some(ReasonCode::RECIPIENT_BUSINESS_CLOSED));
    let delay = &report.claims[3];
    assert_eq!(delay.code, EventCode::DELAYED);
    assert_eq!(delay.reason, Some(ReasonCode::CARRIER_VEHICLE_ISSUE));
    assert_eq!(report.claims[7].code, EventCode::OUT_FOR_DELIVERY);
    let [current, promised] = report.facts.estimates.as_slice() else {
        panic!("the new window and the day that was promised");
    };
    assert_eq!(current.kind, EstimateKind::CarrierForecast);
    let start = |estimate: &waybill_core::shipment::Estimate| {
        let start = estimate.window.start.as_ref().unwrap();
        (start.local.to_string(), start.precision)
    };
    assert_eq!(
        start(current),
        ("2026-03-05T10:00:00".to_owned(), Precision::Second)
    );
    assert_eq!(promised.kind, EstimateKind::CarrierCommitment);
    assert_eq!(
        start(promised),
        ("2026-03-04T00:00:00".to_owned(), Precision::Day)
    );
}

#[test]
fn every_piece_is_a_report_of_its_own() {
    let reports = fixture!("pieces");
    let last = |report: &Report| report.claims.last().unwrap().code;
    let states: Vec<_> = reports.iter().map(last).collect();
    let expected = [
        EventCode::DELIVERED_TO_RECEPTION,
        EventCode::OUT_FOR_DELIVERY,
        EventCode::DAMAGED,
    ];
    assert_eq!(states, expected);
    let lead = reports[0].number.reveal();
    assert!(reports[0].facts.identifiers.is_empty());
    for piece in &reports[1..] {
        let [master] = piece.facts.identifiers.as_slice() else {
            panic!("a piece names its lead number");
        };
        assert_eq!(master.kind, IdentifierKind::Master);
        assert!(master.value.reveal() == lead);
        assert_eq!(piece.facts.physical.piece_count, Some(3));
        assert!(piece.facts.doubts.is_empty());
    }
}

#[test]
fn pieces_that_the_answer_lacks_are_a_doubt() {
    let report = only(fixture!("piece_of_three"));
    assert_eq!(
        report.facts.doubts,
        ["2 further pieces are not in the answer"]
    );
}

#[test]
fn a_deposit_at_an_access_point_is_not_a_delivery() {
    let report = only(fixture!("access_point"));
    assert_eq!(
        codes(&report).last(),
        Some(&EventCode::AVAILABLE_FOR_PICKUP)
    );
    assert!(report.facts.proof.is_none());
    let requirements = report.facts.requirements.unwrap();
    assert_eq!(requirements.collect_by, "2026-03-11");
    assert_eq!(requirements.identity_check, Some(true));
    let place = requirements.pickup_place.unwrap();
    let facility = place.facility.unwrap();
    assert_eq!(facility.name, "CORNER KIOSK");
    assert_eq!(facility.kind, FacilityKind::CollectionPoint);
    assert_eq!(place.locality, "QUILLFORD");
}

#[test]
fn customs_has_a_direction_where_the_country_gives_one() {
    let report = only(fixture!("customs"));
    let way = [
        EventCode::ACCEPTED,
        EventCode::EXPORT_CUSTOMS_RELEASED,
        EventCode::CUSTOMS_PROCESSING,
        EventCode::ARRIVED_AT_IMPORT_OFFICE,
        EventCode::IMPORT_CUSTOMS_PRESENTED,
        EventCode::CUSTOMS_INFORMATION_REQUIRED,
        EventCode::IMPORT_CUSTOMS_RELEASED,
        EventCode::CUSTOMS_PAYMENT_REQUIRED,
    ];
    assert_eq!(codes(&report), way);
    assert_eq!(report.claims[5].reason, Some(ReasonCode::MISSING_INVOICE));
    let due = report.facts.requirements.unwrap().payment_due.unwrap();
    assert_eq!(
        (due.amount.as_str(), due.currency.as_str()),
        ("43.50", "USD")
    );
    assert_eq!(report.facts.physical.weight_grams, Some(2_500));
}

#[test]
fn a_return_ends_with_the_sender_only() {
    let report = only(fixture!("returned"));
    let way = [
        EventCode::OUT_FOR_DELIVERY,
        EventCode::REFUSED,
        EventCode::RETURN_INITIATED,
        EventCode::RETURN_IN_TRANSIT,
        EventCode::RETURNED_TO_SENDER,
    ];
    assert_eq!(codes(&report), way);
}

#[test]
fn mail_innovations_has_its_own_codes_and_local_time_only() {
    let report = only(fixture!("mail_innovations"));
    let way = [
        EventCode::INFO_RECEIVED,
        EventCode::HANDED_OVER_TO_PARTNER,
        EventCode::OUT_FOR_DELIVERY,
        EventCode::DELIVERED,
    ];
    assert_eq!(codes(&report), way);
    // The last two were scanned in a state with one zone.
    let (open, known) = report.claims.split_at(2);
    for claim in known {
        assert_eq!(claim.time.zone, "America/Denver");
        assert_eq!(claim.time.basis, Basis::Locality);
    }
    for claim in open {
        assert_eq!(claim.time.instant, None, "the country has several zones");
        assert_eq!(claim.time.basis, Basis::Unresolved);
        let hours = claim
            .time
            .earliest
            .until(claim.time.latest)
            .unwrap()
            .get_seconds()
            / 3_600;
        assert!(hours < 36, "bounds: {hours} h");
    }
    let precisions = report.claims.iter().map(|claim| claim.time.precision);
    let expected = [
        Precision::Minute,
        Precision::Day,
        Precision::Second,
        Precision::Second,
    ];
    assert!(precisions.eq(expected));
    let [post] = report.facts.identifiers.as_slice() else {
        panic!("the number of the post");
    };
    assert_eq!(
        (post.kind, post.carrier.as_str()),
        (IdentifierKind::LastMile, "usps")
    );
}

#[test]
fn utc_is_kept_where_the_clocks_disagree() {
    let report = only(fixture!("clocks"));
    let instants: Vec<_> = report
        .claims
        .iter()
        .map(|claim| {
            claim
                .time
                .instant
                .map(|at| at.to_string())
                .unwrap_or_default()
        })
        .collect();
    let expected = [
        "",
        "2026-03-02T04:00:00Z",
        "2026-03-03T03:00:00Z",
        "2026-03-03T05:00:00Z",
        "2026-03-03T06:12:00Z",
        "2026-03-04T00:15:30Z",
        "2026-03-04T07:47:00Z",
        "2026-03-04T09:20:00Z",
    ];
    assert_eq!(instants, expected);
    let doubted: Vec<_> = report
        .claims
        .iter()
        .map(|claim| claim.doubt.is_some())
        .collect();
    assert_eq!(
        doubted,
        [false, false, false, false, false, false, false, true]
    );
    let kept = &report.claims[7].time;
    assert_eq!(kept.local.to_string(), "2026-03-04T02:20:00");
    assert_eq!(kept.raw, "20260304 102000 gmt 20260304 09:20:00 -07:00");
    assert_eq!(report.claims[1].time.basis, Basis::Country);
    assert_eq!(
        report.facts.doubts,
        ["activities left out for want of a readable date: 1 of 9"]
    );
}

#[test]
fn a_label_is_not_possession() {
    let report = only(fixture!("label_only"));
    assert_eq!(codes(&report), [EventCode::INFO_RECEIVED]);
    assert!(report.facts.doubts.is_empty());
}

#[test]
fn an_unknown_code_is_unmapped_and_kept() {
    let report = only(fixture!("codes"));
    let found: Vec<_> = report
        .claims
        .iter()
        .map(|claim| (claim.native_code.as_str(), claim.code, claim.basis))
        .collect();
    let expected = [
        ("MV/QQ/007", EventCode::CANCELLED, MappingBasis::Code),
        (
            "D/P5/011",
            EventCode::AVAILABLE_FOR_PICKUP,
            MappingBasis::Code,
        ),
        ("X/GK/013", EventCode::CONTENTS_MISSING, MappingBasis::Code),
        ("X/06", EventCode::MISROUTED, MappingBasis::Code),
        ("I/DP/999", EventCode::DEPARTED_FACILITY, MappingBasis::Code),
        ("I", EventCode::IN_TRANSIT, MappingBasis::AggregatedStatus),
        ("I/QQ/999", EventCode::UNMAPPED, MappingBasis::None),
        ("D", EventCode::UNMAPPED, MappingBasis::None),
        ("D/QQ", EventCode::UNMAPPED, MappingBasis::None),
    ];
    assert_eq!(found, expected);
    assert!(report.claims[6].native_text.reveal() == "status code and code unknown");
}

#[test]
fn a_status_that_the_activities_contradict_is_a_doubt() {
    let report = only(fixture!("contradiction"));
    assert_eq!(
        report.facts.doubts,
        ["current status contradicts the newest activity"]
    );
    let not_a_code = report.claims[0].location.as_ref().unwrap();
    assert!(not_a_code.raw.reveal() == "Quillford, Centre Region, Somewhere");
    assert_eq!(not_a_code.subdivision, "");
    let logical = report.claims[1].location.as_ref().unwrap();
    assert_eq!(logical.country, "", "nobody scanned anything there");
    assert!(!logical.raw.reveal().is_empty());
}

#[test]
fn a_number_used_twice_is_two_shipments() {
    let reports = fixture!("used_twice");
    assert_eq!(reports.len(), 2);
    assert!(reports[0].number == reports[1].number);
    assert_ne!(codes(&reports[0]), codes(&reports[1]));
}
