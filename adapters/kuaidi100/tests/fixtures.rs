//! What answers are understood as.

use waybill_core::code::EventCode as Code;
use waybill_core::event::{Claim, MappingBasis};
use waybill_core::shipment::EstimateKind;
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
    assert_eq!(reports.len(), 1, "{name}: one number is one report");
    reports.remove(0)
}

fn codes(report: &Report) -> Vec<Code> {
    report.claims.iter().map(|claim| claim.code).collect()
}

fn instant(claim: &Claim) -> String {
    let instant = claim.time.instant.map(|at| at.to_string());
    instant.unwrap_or_default()
}

#[test]
fn a_domestic_parcel_has_chinas_clock_and_its_sub_states() {
    let report = fixture!("delivered");
    let way = [
        Code::INFO_RECEIVED,
        Code::PICKED_UP,
        Code::IN_TRANSIT,
        Code::IN_TRANSIT,
        Code::ARRIVED_AT_FACILITY,
        Code::OUT_FOR_DELIVERY,
        Code::DELIVERED_SIGNED,
    ];
    assert_eq!(codes(&report), way, "oldest first");
    assert_eq!(report.relays, "yto");
    assert_eq!(report.language, "zh");
    let last = &report.claims[6];
    assert_eq!(last.native_code, "301");
    assert_eq!(instant(last), "2026-03-05T02:20:31Z");
    assert_eq!(last.time.zone, "Asia/Shanghai");
    let place = last.location.as_ref().unwrap();
    assert_eq!((&*place.country, &*place.subdivision), ("CN", "BJ"));
    assert_eq!(place.locality, "北京", "a province that is one city");
    let origin = report.facts.origin.unwrap();
    assert_eq!((&*origin.subdivision, &*origin.locality), ("ZJ", "杭州市"));
    // Two rows of one second keep the order of the source, which lists the newest first.
    assert!(report.claims[2].native_text.reveal().ends_with("已收入"));
    assert!(report.claims[3].native_text.reveal().contains("已发出"));
}

#[test]
fn a_row_without_a_place_has_the_clock_of_a_domestic_company() {
    let report = fixture!("in_transit");
    let last = report.claims.last().unwrap();
    assert!(last.location.is_none());
    assert_eq!(last.time.basis, Basis::SourceConvention);
    assert_eq!(instant(last), "2026-03-04T15:11:09Z");
    assert!(report.facts.destination.is_none());
}

#[test]
fn a_station_that_signs_is_no_delivery_until_the_parcel_is_taken() {
    let report = fixture!("station");
    let way = [
        Code::OUT_FOR_DELIVERY,
        Code::AVAILABLE_FOR_PICKUP,
        Code::AVAILABLE_FOR_PICKUP,
        Code::AVAILABLE_FOR_PICKUP,
        Code::PICKUP_REMINDED,
        Code::COLLECTED_BY_RECIPIENT,
    ];
    assert_eq!(codes(&report), way);
    assert_eq!(report.claims[2].basis, MappingBasis::Code);
    assert_eq!(report.claims[3].basis, MappingBasis::CodeAndText);
    assert_eq!(report.claims[5].basis, MappingBasis::CodeAndText);
    let report = fixture!("on_behalf");
    assert_eq!(codes(&report)[1], Code::DELIVERED, "a front desk is none");
}

#[test]
fn failed_attempts_have_their_reasons() {
    let report = fixture!("attempts");
    let way = [
        Code::REDIRECTED,
        Code::DELIVERY_ATTEMPTED,
        Code::DELIVERY_ATTEMPTED,
        Code::EXCEPTION,
        Code::HELD,
        Code::OUT_FOR_DELIVERY,
        Code::DELIVERED,
    ];
    assert_eq!(codes(&report), way);
}

#[test]
fn a_refusal_ends_with_the_sender_only_once_it_is_signed_for() {
    let report = fixture!("refused");
    let way = [
        Code::REFUSED,
        Code::RETURN_IN_TRANSIT,
        Code::RETURNED_TO_SENDER,
    ];
    assert_eq!(codes(&report), way);
    let open = include_str!("../fixtures/refused.json")
        .replace("\"ischeck\": \"1\"", "\"ischeck\": \"0\"");
    let reports = understood(&open).unwrap();
    assert_eq!(codes(&reports[0])[2], Code::REFUSED);
    // The end of the subscription says the same.
    let report = fixture!("push_shutdown");
    assert_eq!(codes(&report), [Code::REFUSED, Code::RETURNED_TO_SENDER]);
}

#[test]
fn customs_in_china_is_export_for_a_line_that_carries_abroad() {
    let report = fixture!("export");
    let way = [
        Code::PICKED_UP,
        Code::EXPORT_CUSTOMS_PRESENTED,
        Code::EXPORT_CUSTOMS_HELD,
        Code::EXPORT_CUSTOMS_RELEASED,
        Code::IMPORT_CUSTOMS_HELD,
        Code::CUSTOMS_RELEASED,
        Code::IN_TRANSIT,
    ];
    assert_eq!(codes(&report), way);
    assert_eq!(report.relays, "yunexpress");
    let bases: Vec<_> = report.claims.iter().map(|claim| claim.time.basis).collect();
    assert_eq!(bases[3..5], [Basis::Country, Basis::Unresolved]);
    let report = fixture!("postal");
    let way = [
        Code::ACCEPTED,
        Code::EXPORT_CUSTOMS_PRESENTED,
        Code::EXPORT_CUSTOMS_RELEASED,
        Code::IN_TRANSIT,
    ];
    assert_eq!(codes(&report), way);
    assert_eq!(instant(&report.claims[3]), "", "it may be anywhere by then");
}

#[test]
fn a_foreign_company_has_no_known_clock_outside_china() {
    let report = fixture!("foreign");
    let bases: Vec<_> = report.claims.iter().map(|claim| claim.time.basis).collect();
    assert_eq!(
        bases,
        [Basis::Unresolved, Basis::Country, Basis::Unresolved]
    );
    for claim in [&report.claims[0], &report.claims[2]] {
        let span = claim.time.latest.duration_since(claim.time.earliest);
        assert_eq!(span.as_hours(), 26, "all zones");
    }
    assert_eq!((&*report.relays, &*report.language), ("usps", "und"));
}

#[test]
fn names_stand_in_for_codes_and_the_state_for_both() {
    let report = fixture!("names_only");
    let found: Vec<_> = report
        .claims
        .iter()
        .map(|claim| (claim.native_code.as_str(), claim.code, claim.basis))
        .collect();
    let expected = [
        ("新状态", Code::UNMAPPED, MappingBasis::None),
        ("在途", Code::IN_TRANSIT, MappingBasis::Text),
        ("派件", Code::OUT_FOR_DELIVERY, MappingBasis::Text),
        ("签收", Code::DELIVERED, MappingBasis::Text),
    ];
    assert_eq!(found, expected);
    let report = fixture!("bare");
    assert_eq!(
        codes(&report),
        [Code::UNMAPPED, Code::UNMAPPED, Code::OUT_FOR_DELIVERY]
    );
    assert_eq!(report.claims[2].basis, MappingBasis::AggregatedStatus);
    let precisions = report.claims.iter().map(|claim| claim.time.precision);
    assert!(precisions.eq([Precision::Day, Precision::Minute, Precision::Second]));
    assert_eq!(instant(&report.claims[0]), "", "a day is no instant");
}

#[test]
fn a_forecast_is_the_aggregators_and_ends_with_the_signature() {
    let report = fixture!("forecast");
    let [estimate] = report.facts.estimates.as_slice() else {
        panic!("one forecast");
    };
    assert_eq!(estimate.kind, EstimateKind::AggregatorForecast);
    let start = estimate.window.start.as_ref().unwrap();
    assert_eq!(start.instant.unwrap().to_string(), "2026-03-05T10:00:00Z");
    let signed =
        include_str!("../fixtures/forecast.json").replace("\"ischeck\": \"0\"", "\"ischeck\": 1");
    assert!(understood(&signed).unwrap()[0].facts.estimates.is_empty());
}

#[test]
fn an_unknown_code_is_its_family_where_the_family_has_one_meaning() {
    let report = fixture!("unknown_codes");
    assert_eq!(report.relays, "kuaidi100-kuayue");
    let found: Vec<_> = report
        .claims
        .iter()
        .map(|claim| (claim.native_code.as_str(), claim.code, claim.basis))
        .collect();
    let expected = [
        ("ZZ", Code::UNMAPPED, MappingBasis::None),
        ("601", Code::UNMAPPED, MappingBasis::None),
        ("109", Code::UNMAPPED, MappingBasis::None),
        ("1009", Code::IN_TRANSIT, MappingBasis::AggregatedStatus),
        ("299", Code::EXCEPTION, MappingBasis::AggregatedStatus),
        ("310", Code::AVAILABLE_FOR_PICKUP, MappingBasis::CodeAndText),
        ("309", Code::DELIVERED, MappingBasis::AggregatedStatus),
    ];
    assert_eq!(found, expected);
    assert!(report.claims[0].native_text.reveal() == "other");
}

#[test]
fn odd_fields_cost_nothing_but_themselves() {
    let report = fixture!("odd");
    assert!(report.number.reveal() == "7700000000158");
    assert_eq!(report.relays, "yto");
    assert_eq!(
        report.facts.doubts,
        [
            "rows left out for want of a readable time: 1 of 5",
            "state contradicts the newest row",
        ]
    );
    let rising: Vec<_> = report.claims.iter().map(|claim| instant(claim)).collect();
    let expected = [
        "2026-03-01T01:00:00Z",
        "2026-03-02T08:00:00Z",
        "2026-03-03T02:00:00Z",
        "2026-03-04T02:00:00Z",
    ];
    assert_eq!(rising, expected, "the answer lists the oldest first");
    assert!(report.claims[0].doubt.is_none(), "one time in two forms");
    assert!(report.claims[1].doubt.is_some(), "two times");
    assert_eq!(report.claims[2].time.basis, Basis::Stated);
    assert_eq!(report.claims[2].location.as_ref().unwrap().country, "HK");
}

#[test]
fn every_state_of_the_table_is_understood() {
    let report = fixture!("every_state");
    assert_eq!(report.claims.len(), 36);
    for claim in &report.claims {
        assert_eq!(claim.basis, MappingBasis::Code, "{}", claim.native_code);
    }
}

#[test]
fn pushes_are_understood_as_answers_are() {
    for (report, code) in [
        (fixture!("push_polling"), Code::IN_TRANSIT),
        (fixture!("push_updateall"), Code::OUT_FOR_DELIVERY),
        (fixture!("push_abort_unchanged"), Code::IN_TRANSIT),
        (fixture!("push_corrected"), Code::PICKED_UP),
    ] {
        assert_eq!(codes(&report).last(), Some(&code));
        assert!(report.facts.doubts.is_empty());
        assert!(report.claims.iter().all(|claim| claim.carrier.is_empty()));
    }
    assert_eq!(
        fixture!("push_corrected").relays,
        "zto",
        "the right company"
    );
}

#[test]
fn both_legs_are_one_report_whose_claims_name_their_carrier() {
    let report = fixture!("push_both_legs");
    assert_eq!(report.relays, "china-post");
    let carriers = report.claims.iter().map(|claim| claim.carrier.as_str());
    assert!(carriers.eq(["china-post", "china-post", "japan-post", "japan-post"]));
    let bases = report.claims.iter().map(|claim| claim.time.basis);
    let (china, abroad) = (Basis::Country, Basis::Unresolved);
    assert!(bases.eq([china, china, abroad, abroad]));
    let report = fixture!("push_dest_only");
    assert_eq!(report.claims[0].carrier, "japan-post");
    assert!(report.facts.identifiers.is_empty());
}

#[test]
fn a_row_that_is_missing_means_something_unless_it_may_be_of_the_other_leg() {
    for (report, complete) in [
        (fixture!("delivered"), true),
        (fixture!("export"), true),
        (fixture!("push_both_legs"), true),
        (fixture!("push_dest_only"), true),
        (fixture!("postal"), false),
        (fixture!("foreign"), false),
    ] {
        assert_eq!(report.complete, complete);
    }
}

#[test]
fn a_leg_under_another_number_names_it() {
    let body = include_str!("../fixtures/push_both_legs.json");
    let at = body.rfind("EE700000219CN").unwrap();
    let (head, tail) = body.split_at(at);
    let other = format!("{head}{}", tail.replacen("EE700000219CN", "770000-219", 1));
    let reports = understood(&other).unwrap();
    let [last_mile] = reports[0].facts.identifiers.as_slice() else {
        panic!("one other number");
    };
    assert!(last_mile.value.reveal() == "770000219");
    assert_eq!(last_mile.carrier, "japan-post");
}
