//! What answers are understood as.

use waybill_core::adapter::Report;
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

fn identifiers(report: &Report) -> Vec<(IdentifierKind, &str)> {
    let all = report.facts.identifiers.iter();
    all.map(|id| (id.kind, id.value.reveal().as_str()))
        .collect()
}

#[test]
fn an_exception_code_on_a_delivery_is_no_exception() {
    let report = only(fixture!("delivered"));
    let way = [
        EventCode::INFO_RECEIVED,
        EventCode::PICKED_UP,
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
        ("DL", "014")
    );
    assert_eq!(last.reason, None);
    assert_eq!(
        last.time.instant.unwrap().to_string(),
        "2026-03-05T19:44:00Z"
    );
    assert!(report.facts.proof.is_none(), "nobody had to sign");
    assert_eq!(
        report.facts.physical.weight_grams,
        Some(2_490),
        "not from pounds"
    );
    assert_eq!(report.facts.physical.length_mm, Some(280));
    assert!(report.facts.doubts.is_empty());
}

#[test]
fn a_midnight_is_a_day_and_a_window_beats_it() {
    let report = only(fixture!("in_transit"));
    let [forecast, promise] = report.facts.estimates.as_slice() else {
        panic!("a forecast and a promise");
    };
    assert_eq!(forecast.kind, EstimateKind::CarrierForecast);
    let start = forecast.window.start.as_ref().unwrap();
    assert_eq!(
        (start.instant, start.basis),
        (None, Basis::Unresolved),
        "no offset"
    );
    let end = forecast.window.end.as_ref().unwrap();
    assert_eq!(end.offset, Some(-6 * 3_600));
    assert_eq!(promise.kind, EstimateKind::CarrierCommitment);
    let day = promise.window.start.as_ref().unwrap();
    assert_eq!((day.precision, day.instant), (Precision::Day, None));
    assert_eq!(
        day.basis,
        Basis::Unresolved,
        "the offset of Memphis says nothing"
    );
    assert!(promise.window.end.is_none());
    let requirements = report.facts.requirements.unwrap();
    assert_eq!(requirements.signature, Some(true));
    assert_eq!(requirements.identity_check, Some(true));
}

#[test]
fn a_label_is_not_with_the_carrier_yet() {
    let report = only(fixture!("label_only"));
    assert_eq!(codes(&report), [EventCode::INFO_RECEIVED]);
    assert!(report.facts.doubts.is_empty());
    assert!(report.facts.estimates.is_empty(), "empty windows");
}

#[test]
fn a_problem_has_its_reason_wherever_it_stands() {
    let report = only(fixture!("exception"));
    let problems: Vec<_> = report
        .claims
        .iter()
        .filter(|claim| matches!(claim.native_code.as_str(), "DE" | "SE" | "DY"))
        .map(|claim| (claim.code, claim.reason))
        .collect();
    let expected = [
        (EventCode::UNDELIVERABLE, None),
        (EventCode::DELAYED, Some(ReasonCode::WEATHER)),
        (EventCode::DELAYED, Some(ReasonCode::WEATHER)),
        (
            EventCode::DELIVERY_ATTEMPTED,
            Some(ReasonCode::RECIPIENT_NOT_AVAILABLE),
        ),
        (
            EventCode::EXCEPTION,
            Some(ReasonCode::RECIPIENT_ACCESS_RESTRICTED),
        ),
        (EventCode::REFUSED, Some(ReasonCode::RECIPIENT_REFUSED)),
        (
            EventCode::DELIVERY_ATTEMPTED,
            Some(ReasonCode::RECIPIENT_INCORRECT_ADDRESS),
        ),
    ];
    assert_eq!(problems, expected);
    let last = report.claims.last().unwrap();
    assert_eq!(last.native_reason, "03", "it stands beside the status only");
    assert!(last.native_text.reveal() == "Delivery exception: Incorrect address");
}

#[test]
fn a_parcel_on_hold_waits_where_it_is_held() {
    let report = only(fixture!("hold"));
    let last = report.claims.last().unwrap();
    assert_eq!(last.code, EventCode::AVAILABLE_FOR_PICKUP);
    assert_eq!(
        last.basis,
        MappingBasis::Code,
        "whatever the derived code says"
    );
    let held = report.claims.iter().find(|claim| claim.native_code == "HA");
    assert_eq!(held.unwrap().code, EventCode::INFORMATION);
    let place = report.facts.requirements.unwrap().pickup_place.unwrap();
    let facility = place.facility.unwrap();
    assert_eq!(
        (facility.code.as_str(), facility.kind),
        ("SWKA", FacilityKind::CollectionPoint)
    );
    assert_eq!(place.locality, "SELLWICK");
    let collected = only(fixture!("collected"));
    let last = collected.claims.last().unwrap();
    assert_eq!(last.code, EventCode::COLLECTED_BY_RECIPIENT);
    assert!(collected.facts.proof.unwrap().signed_by.reveal() == "A.BHOLER");
}

#[test]
fn a_deposit_in_a_locker_is_no_delivery() {
    let report = only(fixture!("deposit"));
    let last = report.claims.last().unwrap();
    assert_eq!(last.code, EventCode::AVAILABLE_FOR_PICKUP);
    assert_eq!(last.basis, MappingBasis::CodeAndText);
    assert!(report.facts.proof.is_none(), "the shop took it");
}

#[test]
fn a_number_used_twice_is_two_shipments_that_can_be_told_apart() {
    let reports = fixture!("reused");
    let unique: Vec<_> = reports
        .iter()
        .map(|report| identifiers(report).last().copied().unwrap())
        .collect();
    let expected = [
        (IdentifierKind::Reference, "11802~604100000050~FDEG"),
        (IdentifierKind::Reference, "24601~604100000050~FDEG"),
    ];
    assert_eq!(unique, expected);
    assert!(reports[0].number == reports[1].number);
    assert_eq!(
        codes(&reports[0]).last(),
        Some(&EventCode::DELIVERED_TO_RECEPTION)
    );
    assert_eq!(codes(&reports[1]).last(), Some(&EventCode::PICKED_UP));
}

#[test]
fn pieces_know_their_master() {
    let reports = fixture!("pieces");
    let master = (IdentifierKind::Master, "604100000108");
    let masters = reports
        .iter()
        .map(|report| identifiers(report).contains(&master));
    assert!(
        masters.eq([false, true, true]),
        "the master is the first itself"
    );
    let pieces = reports
        .iter()
        .map(|report| report.facts.physical.piece_count);
    assert!(pieces.eq([Some(3); 3]));
    assert_eq!(fixture!("piece").len(), 1);
}

#[test]
fn customs_have_a_direction() {
    let report = only(fixture!("customs"));
    let way = [
        EventCode::ACCEPTED,
        EventCode::IN_TRANSIT,
        EventCode::EXPORT_CUSTOMS_HELD,
        EventCode::EXPORT_CUSTOMS_RELEASED,
        EventCode::IN_TRANSIT,
        EventCode::IMPORT_CUSTOMS_PRESENTED,
        EventCode::IMPORT_CUSTOMS_HELD,
        EventCode::CUSTOMS_INFORMATION_REQUIRED,
        EventCode::IMPORT_CUSTOMS_RELEASED,
    ];
    assert_eq!(codes(&report), way);
}

#[test]
fn a_return_has_a_number_of_its_own() {
    let report = only(fixture!("returned"));
    assert!(codes(&report).ends_with(&[
        EventCode::RETURN_INITIATED,
        EventCode::RETURN_INITIATED,
        EventCode::DELIVERED,
    ]));
    assert!(identifiers(&report).contains(&(IdentifierKind::Carrier, "604100000152")));
}

#[test]
fn the_last_mile_has_a_number_of_the_post() {
    let report = only(fixture!("smartpost"));
    let expected = [
        (IdentifierKind::LastMile, "9261299123456789012343"),
        (IdentifierKind::Reference, "INV-41"),
        (IdentifierKind::Reference, "BOL 9"),
        (IdentifierKind::Reference, "604100009999"),
        (IdentifierKind::Reference, "24601~61299123456789012343~FDEG"),
    ];
    assert_eq!(identifiers(&report), expected);
    assert_eq!(report.facts.physical.weight_grams, Some(907), "pounds");
}

#[test]
fn clocks_are_as_certain_as_they_are_stated() {
    let report = only(fixture!("clocks"));
    let time = |text: &str| {
        let mut claims = report.claims.iter();
        let claim = claims.find(|claim| claim.native_text.reveal().contains(text));
        claim.unwrap().time.clone()
    };
    let berlin = time("Germany");
    assert_eq!((berlin.basis, berlin.offset), (Basis::Country, Some(3_600)));
    assert_eq!(time("several").basis, Basis::Unresolved);
    assert_eq!(time("A day").precision, Precision::Day);
    assert!(time("midnight").instant.is_some(), "scans are trusted");
    let order: Vec<_> = report
        .claims
        .iter()
        .map(|claim| claim.native_code.as_str())
        .collect();
    assert_eq!(
        order[..3],
        ["DP", "PU", "OC"],
        "loose times stand where they belong"
    );
    let left_out = "scan events left out for want of a readable date: 1 of 8";
    assert_eq!(report.facts.doubts, [left_out]);
    let window = &report.facts.estimates[0].window;
    assert_eq!(
        window.start.as_ref().unwrap().precision,
        Precision::Day,
        "turned"
    );
    assert!(report.facts.estimates[1].window.end.is_some(), "two days");
}

#[test]
fn unknown_codes_end_no_journey() {
    let report = only(fixture!("codes"));
    let found = |code: &str| {
        let mut claims = report.claims.iter();
        let claim = claims.find(|claim| claim.native_code == code).unwrap();
        (claim.code, claim.basis)
    };
    assert_eq!(found("ZZ"), (EventCode::UNMAPPED, MappingBasis::None));
    assert_eq!(found("ZX"), (EventCode::UNMAPPED, MappingBasis::None));
    assert_eq!(
        found("ZY"),
        (EventCode::IN_TRANSIT, MappingBasis::AggregatedStatus)
    );
    assert_eq!(
        found("OD"),
        (EventCode::OUT_FOR_DELIVERY, MappingBasis::AggregatedStatus)
    );
    assert_eq!(
        found("IN"),
        (EventCode::INFORMATION, MappingBasis::CodeAndText)
    );
    assert_eq!(found("SE"), (EventCode::EXCEPTION, MappingBasis::Code));
    assert_eq!(found("PU"), (EventCode::PICKED_UP, MappingBasis::Code));
    let unknown = report.claims.iter().find(|claim| claim.native_code == "ZX");
    let place = unknown.unwrap().location.as_ref().unwrap();
    assert!(
        place.raw.reveal().ends_with("MOON_BASE"),
        "an unknown kind is kept"
    );
    assert_eq!(report.facts.doubts.len(), 1, "of possession");
}

#[test]
fn a_status_without_a_scan_is_a_claim_if_its_time_is_stated() {
    let report = only(fixture!("no_scans"));
    assert_eq!(codes(&report), [EventCode::DELIVERED]);
    assert!(report.facts.proof.unwrap().signed_by.reveal() == "T.ESTER");
    let bare = r#"{"output":{"completeTrackResults":[{"trackingNumber":"604100000185",
        "trackResults":[{"latestStatusDetail":{"code":"IT"}}]}]}}"#;
    let report = only(understood(bare).unwrap());
    assert!(report.claims.is_empty());
    assert_eq!(report.facts.doubts, ["current status has no scan"]);
}

#[test]
fn a_push_looks_like_an_answer_that_is_not_complete() {
    let report = only(fixture!("push"));
    assert!(!report.complete);
    assert_eq!(codes(&report), [EventCode::DELIVERED]);
}

#[test]
fn other_answers_hold_no_shipment() {
    for body in [
        r#"{"access_token":"x.y.z","token_type":"bearer","expires_in":3600,"scope":"CXS"}"#,
        r#"{"output":{"documentType":"SIGNATURE_PROOF_OF_DELIVERY","documents":["AAAA"]}}"#,
        r#"{"outputMetaData":[{}],"output":{}}"#,
        r#"{"outputMetaData":[{}],"output":{"completeTrackResults":[]}}"#,
    ] {
        assert!(understood(body).unwrap().is_empty(), "{body}");
    }
}

#[test]
fn the_last_address_of_the_destination_counts() {
    let body = r#"{"output":{"completeTrackResults":[{"trackingNumber":"604100000185",
        "trackResults":[{"scanEvents":[{"date":"2026-03-01T10:00:00Z","eventType":"PU"}],
        "recipientInformation":{"address":{"city":"OLDTOWN","countryCode":"us"}},
        "lastUpdatedDestinationAddress":{"city":"NEWTOWN","countryCode":"US"}}]}]}}"#;
    let report = only(understood(body).unwrap());
    assert_eq!(report.facts.destination.unwrap().locality, "NEWTOWN");
}
