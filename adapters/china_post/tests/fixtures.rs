//! What answers are understood as.

use waybill_core::adapter::Report;
use waybill_core::code::{EventCode, ReasonCode};
use waybill_core::event::MappingBasis;
use waybill_core::place::{CodeSystem, FacilityKind};
use waybill_core::shipment::IdentifierKind;
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
fn read(body: &str, expected: &str, name: &str) -> Report {
    let mut reports = understood(body).unwrap_or_else(|error| panic!("{name}: {error}"));
    let found = serde_json::to_value(&reports).unwrap();
    let expected: serde_json::Value = serde_json::from_str(expected).unwrap();
    assert!(found == expected, "{name}: {found:#}");
    let back: Vec<Report> = serde_json::from_value(found).unwrap();
    assert!(back == reports, "{name} does not survive the store");
    assert_eq!(reports.len(), 1, "{name}");
    reports.remove(0)
}

fn codes(report: &Report) -> Vec<EventCode> {
    report.claims.iter().map(|claim| claim.code).collect()
}

fn bases(report: &Report) -> Vec<Basis> {
    report.claims.iter().map(|claim| claim.time.basis).collect()
}

#[test]
fn a_journey_abroad_has_two_clocks() {
    let report = fixture!("abroad_delivered");
    let way = [
        EventCode::ACCEPTED,
        EventCode::DEPARTED_FACILITY,
        EventCode::EXPORT_CUSTOMS_PRESENTED,
        EventCode::EXPORT_CUSTOMS_RELEASED,
        EventCode::DEPARTED_EXPORT_OFFICE,
        EventCode::HANDED_TO_LINEHAUL,
        EventCode::ARRIVED_AT_IMPORT_OFFICE,
        EventCode::IMPORT_CUSTOMS_PRESENTED,
        EventCode::IMPORT_CUSTOMS_RELEASED,
        EventCode::ARRIVED_AT_DELIVERY_OFFICE,
        EventCode::DELIVERED,
    ];
    assert_eq!(codes(&report), way);
    assert!(report.complete);
    assert_eq!(report.language, "zh-CN");
    let (home, abroad) = report.claims.split_at(6);
    for claim in home {
        assert_eq!(claim.time.offset, Some(8 * 3_600));
        assert!(claim.time.instant.is_some());
        let place = claim.location.as_ref().unwrap();
        assert_eq!((&*place.country, &*place.subdivision), ("CN", "GD"));
        let facility = place.facility.as_ref().unwrap();
        assert_eq!(facility.system, CodeSystem::Carrier);
        assert_eq!(facility.code.len(), 8);
    }
    let first = home[0].time.instant.map(|at| at.to_string());
    assert_eq!(first.as_deref(), Some("2026-02-01T01:30:00Z"));
    for claim in abroad {
        assert_eq!(claim.time.basis, Basis::Unresolved);
        assert_eq!(claim.time.instant, None, "nobody says whose clock it is");
        let text = format!("{}Z", claim.time.raw.replace(' ', "T"));
        let utc: Timestamp = text.parse().unwrap();
        // The clock of Beijing, and that of any place on earth.
        for hours in [8, 14, -12] {
            let read = utc - jiff::SignedDuration::from_hours(hours);
            assert!(claim.time.earliest <= read && read <= claim.time.latest);
        }
        let place = claim.location.as_ref().unwrap();
        assert_eq!(place.country, "", "the row names no country");
        assert!(!place.facility.as_ref().unwrap().name.is_empty());
    }
    assert_eq!(report.facts.service, "国际特快专递");
    let origin = report.facts.origin.unwrap();
    assert_eq!((&*origin.country, &*origin.locality), ("CN", "深圳市"));
}

#[test]
fn a_locker_is_no_delivery_until_somebody_takes_the_item() {
    let report = fixture!("locker_collected");
    let last = report.claims.split_at(6).1;
    let found: Vec<_> = last
        .iter()
        .map(|claim| {
            let (code, reason) = (claim.native_code.as_str(), claim.native_reason.as_str());
            (code, reason, claim.code, claim.basis)
        })
        .collect();
    let expected = [
        (
            "704",
            "50",
            EventCode::AVAILABLE_FOR_PICKUP,
            MappingBasis::CodeAndText,
        ),
        (
            "748",
            "",
            EventCode::COLLECTED_BY_RECIPIENT,
            MappingBasis::Code,
        ),
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_domestic_flight_neither_leaves_the_country_nor_arrives_in_one() {
    let report = fixture!("locker_collected");
    assert_eq!(report.claims[2].native_code, "911");
    assert_eq!(report.claims[2].code, EventCode::DEPARTED_FACILITY);
    assert_eq!(report.claims[3].native_code, "912");
    assert_eq!(report.claims[3].code, EventCode::ARRIVED_AT_FACILITY);
}

#[test]
fn an_item_waits_at_the_counter_of_the_office() {
    let report = fixture!("counter");
    assert_eq!(
        codes(&report).last(),
        Some(&EventCode::AVAILABLE_FOR_PICKUP)
    );
    let place = report.facts.requirements.unwrap().pickup_place.unwrap();
    let facility = place.facility.unwrap();
    assert_eq!(facility.kind, FacilityKind::CollectionPoint);
    assert_eq!(facility.name, "北京市枫桥揽投部");
}

#[test]
fn a_reversal_takes_back_and_is_kept_as_a_note() {
    let report = fixture!("withdrawn");
    let found: Vec<_> = report
        .claims
        .iter()
        .map(|claim| (claim.native_code.as_str(), claim.retracted))
        .collect();
    let expected = [
        ("203", true),
        ("207", false),
        ("203", false),
        ("702", true),
        ("704", true),
        ("743", false),
        ("742", false),
        ("702", false),
        ("705", false),
    ];
    assert_eq!(found, expected);
    for claim in &report.claims {
        let note = claim.code == EventCode::INFORMATION;
        assert_eq!(note, !meaning::reverses(&claim.native_code).is_empty());
    }
    let last = report.claims.last().unwrap();
    assert_eq!(last.reason, Some(ReasonCode::RECIPIENT_NOT_AVAILABLE));
    assert!(report.facts.doubts.is_empty());
}

#[test]
fn a_return_ends_with_the_sender_only() {
    let report = fixture!("returned");
    let way = [
        EventCode::ACCEPTED,
        EventCode::OUT_FOR_DELIVERY,
        EventCode::REFUSED,
        EventCode::RETURN_INITIATED,
        EventCode::RETURN_IN_TRANSIT,
        EventCode::RETURNED_TO_SENDER,
    ];
    assert_eq!(codes(&report), way);
}

#[test]
fn a_foreign_number_is_imported_with_the_clock_of_chinese_offices() {
    let report = fixture!("inbound_customs");
    let expected = [
        Basis::Unresolved,
        Basis::Unresolved,
        Basis::Country,
        Basis::Country,
        Basis::Country,
        Basis::Country,
        Basis::Country,
        Basis::Country,
        Basis::Unresolved,
    ];
    assert_eq!(bases(&report), expected);
    assert_eq!(report.claims[2].code, EventCode::TRANSPORT_ARRIVED);
    assert!(report.claims[4].retracted, "EMED takes EME back");
    let posted = report.claims[0].location.as_ref().unwrap();
    assert_eq!(posted.country, "NL", "accepted where the number is from");
    assert_eq!(report.facts.origin.unwrap().country, "NL");
    let query = report.claims.last().unwrap();
    assert_eq!(query.code, EventCode::CUSTOMS_INFORMATION_REQUIRED);
    assert_eq!(query.reason, Some(ReasonCode::CUSTOMS_DOCUMENTATION));
}

#[test]
fn a_commercial_line_is_sorted_and_has_no_clock() {
    let report = fixture!("commercial_line");
    let way = [
        EventCode::ACCEPTED,
        EventCode::EXPORT_CUSTOMS_RELEASED,
        EventCode::DEPARTED_EXPORT_OFFICE,
        EventCode::HANDED_OVER_TO_PARTNER,
        EventCode::OUT_FOR_DELIVERY,
        EventCode::DELIVERY_ATTEMPTED,
        EventCode::AVAILABLE_FOR_PICKUP,
    ];
    assert_eq!(codes(&report), way, "oldest first");
    assert!(
        bases(&report)
            .iter()
            .all(|basis| *basis == Basis::Unresolved)
    );
}

#[test]
fn a_list_that_runs_backwards_is_turned() {
    let report = fixture!("newest_first");
    let native = report.claims.iter().map(|claim| claim.native_code.as_str());
    assert!(native.eq(["208", "954", "365", "702", "704"]));
}

#[test]
fn the_consumer_page_has_its_operations_beside_its_stages() {
    let report = fixture!("consumer_page");
    let found: Vec<_> = report
        .claims
        .iter()
        .map(|claim| {
            (
                claim.native_code.as_str(),
                claim.code,
                claim.basis,
                claim.time.precision,
            )
        })
        .collect();
    use MappingBasis::{AggregatedStatus, Code, CodeAndText};
    use Precision::{Minute, Second};
    let expected = [
        ("203", EventCode::ACCEPTED, Code, Minute),
        ("306", EventCode::ARRIVED_AT_DELIVERY_OFFICE, Code, Minute),
        ("11", EventCode::OUT_FOR_DELIVERY, AggregatedStatus, Minute),
        (
            "704",
            EventCode::DELIVERED_TO_RECEPTION,
            CodeAndText,
            Second,
        ),
    ];
    assert_eq!(found, expected);
    assert!(!report.complete, "the page shows the beginning only");
    let day = |at: usize| report.claims[at].time.local.to_string();
    assert_eq!(day(0), "2026-02-10T21:10:00", "not the bare clock");
    assert_eq!(day(3), "2026-02-12T11:02:45");
    assert_eq!(report.facts.destination.unwrap().locality, "北京市");
}

#[test]
fn the_upu_gives_bounds_only() {
    let report = fixture!("upu_item");
    assert_eq!(report.relays, "china-post-upu");
    assert_eq!(report.language, "en");
    let found: Vec<_> = report
        .claims
        .iter()
        .map(|claim| {
            let place = claim.location.as_ref().unwrap();
            (
                claim.native_code.as_str(),
                claim.code,
                place.country.as_str(),
            )
        })
        .collect();
    let expected = [
        ("EMA", EventCode::ACCEPTED, "CN"),
        ("EMC", EventCode::DEPARTED_EXPORT_OFFICE, "CN"),
        ("EMJ", EventCode::ARRIVED_AT_TRANSIT_OFFICE, ""),
        ("EMD", EventCode::ARRIVED_AT_IMPORT_OFFICE, "SE"),
        ("EMX", EventCode::UNMAPPED, ""),
        ("EDH", EventCode::AVAILABLE_FOR_PICKUP, "SE"),
        ("EMI", EventCode::DELIVERED, "SE"),
    ];
    assert_eq!(found, expected);
    for claim in &report.claims {
        let stated = claim.time.raw.contains('+');
        assert_eq!(claim.time.basis == Basis::Stated, stated);
        assert_eq!(claim.time.instant.is_some(), stated);
    }
    assert_eq!(
        report.facts.doubts,
        ["events left out for want of a readable time: 1 of 8"]
    );
}

#[test]
fn a_push_is_a_part() {
    let report = fixture!("push");
    assert!(!report.complete);
    let [order] = report.facts.identifiers.as_slice() else {
        panic!("the order");
    };
    assert_eq!(order.kind, IdentifierKind::Reference);
    assert!(order.value.reveal() == "TEST-ORDER-9");
    let older = fixture!("older_traces");
    assert!(!older.complete);
    assert_eq!(codes(&older), [EventCode::DEPARTED_FACILITY]);
}

#[test]
fn odd_rows_are_kept_with_what_is_sure_about_them() {
    let report = fixture!("odd_rows");
    let found: Vec<_> = report
        .claims
        .iter()
        .map(|claim| {
            (
                claim.native_code.as_str(),
                claim.native_reason.as_str(),
                claim.code,
                claim.doubt.is_some(),
            )
        })
        .collect();
    let expected = [
        ("Q_77", "", EventCode::UNMAPPED, false),
        ("497", "", EventCode::UNMAPPED, false),
        // A deposit by its words, and a code that nobody knows.
        ("704", "999", EventCode::AVAILABLE_FOR_PICKUP, false),
        ("704", "77", EventCode::DELIVERED, true),
        ("704", "180", EventCode::EXCEPTION, false),
        // Known by the name of the operation.
        ("", "", EventCode::DEPARTED_FACILITY, false),
        ("705", "99", EventCode::DELIVERY_ATTEMPTED, true),
        ("954", "", EventCode::ARRIVED_AT_FACILITY, false),
        ("483", "", EventCode::INFORMATION, false),
    ];
    assert_eq!(found, expected);
    assert!(report.claims[0].native_text.reveal() == "说不清的操作");
    assert_eq!(report.claims[1].time.basis, Basis::Unresolved);
    assert_eq!(report.claims[5].time.precision, Precision::Day);
    assert_eq!(report.claims[5].time.instant, None);
    assert_eq!(report.claims[7].time.basis, Basis::Stated);
    let doubts = [
        "reversals of operations that are not listed: 1",
        "operations left out for want of a readable time: 1 of 10",
    ];
    assert_eq!(report.facts.doubts, doubts);
}

#[test]
fn nothing_kept_holds_an_operator() {
    for kept in [
        include_str!("../fixtures/abroad_delivered.expected.json"),
        include_str!("../fixtures/older_traces.expected.json"),
    ] {
        assert!(!kept.contains("系统自动") && !kept.contains("XTZD"));
    }
}
