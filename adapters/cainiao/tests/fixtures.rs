//! What answers are understood as.

use waybill_core::event::MappingBasis;
use waybill_core::shipment::IdentifierKind;
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
    aliexpress,
    link_cross_border,
    link_overseas,
    order_overseas,
    order_two_parcels,
    page_batch,
    page_clocks,
    page_delivered,
    page_pickup,
    page_renumbered,
    tracepush,
    trade_offline,
    trade_signed
);

pub(super) fn body(name: &str) -> &'static str {
    let found = FIXTURES.iter().find(|(known, ..)| *known == name);
    found.map(|(_, json, _)| *json).unwrap()
}

fn reports(name: &str) -> Vec<Report> {
    understood(body(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn only(name: &str) -> Report {
    let mut reports = reports(name);
    assert_eq!(reports.len(), 1, "{name}");
    reports.remove(0)
}

fn instants(report: &Report) -> Vec<String> {
    let claims = report.claims.iter();
    claims
        .map(|claim| {
            let instant = claim.time.instant;
            instant.map_or_else(String::new, |at| at.to_string())
        })
        .collect()
}

#[test]
fn every_fixture_becomes_the_reports_beside_it() {
    for (name, _, expected) in FIXTURES {
        let reports = reports(name);
        let found = serde_json::to_value(&reports).unwrap();
        let expected: serde_json::Value = serde_json::from_str(expected).unwrap();
        assert!(found == expected, "{name}: {found:#}");
        let back: Vec<Report> = serde_json::from_value(found).unwrap();
        assert!(back == reports, "{name} does not survive the store");
    }
}

#[test]
fn the_wall_clock_and_its_zone_make_the_instant_and_the_epoch_does_not() {
    let report = only("page_renumbered");
    // The epoch of the newest event says 06:18:40Z.
    let newest = report.claims.last().unwrap();
    assert_eq!(newest.time.raw, "2026-03-02 14:18:40 GMT+1");
    assert_eq!(newest.time.offset, Some(3_600));
    assert_eq!(newest.time.basis, Basis::Stated);
    assert_eq!(
        instants(&report),
        [
            "2026-02-24T02:26:40Z",
            "2026-02-26T16:00:00Z",
            "",
            "2026-03-02T10:00:00Z",
            "2026-03-02T13:18:40Z",
        ]
    );
}

#[test]
fn beijing_time_at_the_destination_is_left_open_between_both_readings() {
    let report = only("page_delivered");
    let delivered = &report.claims.last().unwrap().time;
    assert_eq!((delivered.instant, delivered.offset), (None, None));
    assert_eq!(delivered.basis, Basis::Unresolved);
    assert_eq!(delivered.earliest.to_string(), "2026-03-03T10:31:05Z");
    // Portugal has the Azores.
    assert_eq!(delivered.latest.to_string(), "2026-03-03T19:31:05Z");
    assert_eq!(delivered.raw, "2026-03-03 18:31:05 GMT+08:00");
    // Scans of the origin are believed.
    assert_eq!(report.claims[0].time.basis, Basis::Stated);
    assert_eq!(report.claims[1].time.basis, Basis::Stated);
    assert!(report.facts.estimates.is_empty(), "it is there");
    let town = serde_json::to_string(&report).unwrap();
    assert!(!town.contains("Vila Testada"), "where the recipient lives");
}

#[test]
fn clocks_without_a_zone_are_not_guessed() {
    let report = only("page_clocks");
    let at = |code: &str| {
        let mut claims = report.claims.iter();
        &claims.find(|claim| claim.native_code == code).unwrap().time
    };
    let notice = at("LAST_MILE_ASN_NOTIFY");
    assert_eq!(notice.basis, Basis::SourceConvention);
    assert_eq!(notice.zone, "Asia/Shanghai");
    let naive = at("LH_HO_OUT_SUCCESS");
    assert_eq!((naive.instant, naive.basis), (None, Basis::Unresolved));
    assert_eq!(at("LH_ARRIVE").precision, Precision::Day);
    // Hong Kong has Beijing's time.
    assert_eq!(at("GTMS_DO_ARRIVE").basis, Basis::Stated);
    assert_eq!(
        report.facts.doubts,
        ["events left out for want of a readable time: 1 of 8"]
    );
}

#[test]
fn a_code_that_is_new_has_the_meaning_of_its_family_at_most() {
    let report = only("page_clocks");
    let found: Vec<_> = report.claims[..3]
        .iter()
        .map(|claim| (claim.native_code.as_str(), claim.code, claim.basis))
        .collect();
    let coarse = MappingBasis::AggregatedStatus;
    let expected = [
        ("MOON_LANDING", EventCode::UNMAPPED, MappingBasis::None),
        ("XX_TEST_FAILURE", EventCode::EXCEPTION, coarse),
        ("LH_PARACHUTE", EventCode::IN_TRANSIT, coarse),
    ];
    assert_eq!(found, expected);
    assert!(report.claims[0].native_text.reveal() == "Nobody knows");
}

#[test]
fn a_new_number_in_mid_journey_is_an_alias() {
    let report = only("page_renumbered");
    assert_eq!(
        numbers(&report),
        [(IdentifierKind::Carrier, "LB100000034EE", "")]
    );
    assert!(codes(&report).contains(&EventCode::IDENTIFIER_CHANGED));
    // Customs has the direction of the node, a hand-over the number.
    assert!(codes(&report).contains(&EventCode::EXPORT_CUSTOMS_PRESENTED));
    let window = &report.facts.estimates[0].window;
    let day = |at: &Option<waybill_core::time::EventTime>| {
        let at = at.as_ref().unwrap();
        (at.local.date().to_string(), at.precision)
    };
    assert_eq!(
        day(&window.start),
        ("2026-03-10".to_owned(), Precision::Day)
    );
    assert_eq!(day(&window.end), ("2026-03-13".to_owned(), Precision::Day));
}

#[test]
fn the_signature_of_a_station_is_no_delivery() {
    let report = only("page_pickup");
    let way = [
        EventCode::HANDED_OVER_TO_PARTNER,
        EventCode::AVAILABLE_FOR_PICKUP,
        EventCode::AVAILABLE_FOR_PICKUP,
    ];
    assert_eq!(codes(&report), way);
    let bases: Vec<_> = report.claims.iter().map(|claim| claim.basis).collect();
    let (code, words) = (MappingBasis::Code, MappingBasis::CodeAndText);
    assert_eq!(bases, [code, words, code]);
    assert_eq!(report.claims[0].native_code, "gtms accept", "unchanged");
    assert_eq!(
        numbers(&report),
        [(IdentifierKind::LastMile, "3STEST9876543210", "postnl")]
    );
    assert_eq!(
        report.facts.doubts,
        ["the parcel is called delivered and its newest event is not"]
    );
}

#[test]
fn a_batch_tells_each_number_its_own() {
    let queries = [
        query("LP00710000000020"),
        query("LP00710000000047"),
        query("LP00710000000039"),
        query("LP00710000000999"),
    ];
    let answers = adapter(&[("global_page", "on")]).interpret(
        &queries,
        &response(200, body("page_batch")),
        now(),
    );
    let told: Vec<_> = answers
        .iter()
        .map(|answer| match answer {
            Ok(reports) => Ok((reports.len(), reports[0].claims.len())),
            Err(error) => Err(error.kind),
        })
        .collect();
    let expected = [
        Err(ErrorKind::NotFound),
        Ok((1, 1)),
        // Announced: it is known, and nothing has happened.
        Ok((1, 0)),
        Err(ErrorKind::Malformed),
    ];
    assert_eq!(told, expected);
}

#[test]
fn the_european_last_mile_names_shop_and_weight() {
    let report = only("link_overseas");
    let way = [
        EventCode::ARRIVED_AT_FACILITY,
        EventCode::OUT_FOR_DELIVERY,
        EventCode::DELIVERY_ATTEMPTED,
        EventCode::AVAILABLE_FOR_PICKUP,
    ];
    assert_eq!(codes(&report), way);
    assert_eq!(report.claims[1].basis, MappingBasis::AggregatedStatus);
    assert_eq!(instants(&report)[0], "2026-03-02T11:00:00Z", "UTC+1");
    assert_eq!(report.facts.physical.weight_grams, Some(1_250));
    let requirements = report.facts.requirements.unwrap();
    let place = requirements.pickup_place.unwrap();
    assert_eq!(place.facility.unwrap().name, "Test Kiosk");
}

#[test]
fn each_node_of_a_cross_border_order_is_a_hand_off() {
    let report = only("link_cross_border");
    assert!(report.number.reveal() == "LP00710000000063");
    let last_mile = IdentifierKind::LastMile;
    assert_eq!(
        numbers(&report),
        [
            (last_mile, "LB100000048CN", "china-post"),
            (last_mile, "3STEST0000000710", "postnl"),
        ]
    );
    assert_eq!(
        report.facts.doubts,
        ["events left out for want of a readable time: 1 of 3"]
    );
}

#[test]
fn a_trade_names_its_parcel_and_is_not_believed_alone() {
    let report = only("trade_signed");
    let way = [
        EventCode::PICKED_UP,
        EventCode::DEPARTED_FACILITY,
        EventCode::OUT_FOR_DELIVERY,
        // The station signed.
        EventCode::AVAILABLE_FOR_PICKUP,
        EventCode::COLLECTED_BY_RECIPIENT,
    ];
    assert_eq!(codes(&report), way);
    assert!(report.claims.iter().all(|claim| claim.carrier == "zto"));
    assert_eq!(instants(&report)[0], "2026-03-01T01:00:00Z", "Beijing time");
    assert_eq!(report.claims[0].time.basis, Basis::SourceConvention);
    assert_eq!(
        numbers(&report),
        [(IdentifierKind::Reference, "7100000000000001", "")]
    );
    let offline = only("trade_offline");
    assert!(offline.claims.is_empty());
    assert_eq!(
        offline.facts.doubts,
        ["the trade is called signed and its newest step is not"]
    );
}

#[test]
fn an_order_with_two_parcels_is_two_reports_that_name_it() {
    let asked = order("1688", "710000000000000001").order;
    let response = response(200, body("order_two_parcels"));
    let reports = adapter(&[]).reader.order(&asked, &response, now());
    let reports = reports.ok().unwrap();
    let own: Vec<_> = reports
        .iter()
        .map(|report| report.number.reveal())
        .collect();
    assert_eq!(own, ["LP00710000000080", "BX710000000000081"]);
    for report in &reports {
        assert!(numbers(report).contains(&(IdentifierKind::Reference, "710000000000000001", "")));
        assert_eq!(numbers(report)[0].0, IdentifierKind::Carrier);
    }
    let way = [
        EventCode::PICKED_UP,
        EventCode::DEPARTED_FACILITY,
        EventCode::ARRIVED_AT_DELIVERY_OFFICE,
        EventCode::OUT_FOR_DELIVERY,
        EventCode::DELIVERED_TO_RECEPTION,
    ];
    assert_eq!(codes(&reports[0]), way);
    assert_eq!(
        codes(&reports[1]),
        [EventCode::INFO_RECEIVED, EventCode::UNMAPPED]
    );
}

#[test]
fn the_overseas_leg_continues_the_parcel() {
    let report = only("order_overseas");
    assert_eq!(
        numbers(&report),
        [
            (IdentifierKind::Carrier, "7100000000098", ""),
            (IdentifierKind::Reference, "710000000000000002", ""),
            (IdentifierKind::LastMile, "420000710098", "usps"),
        ]
    );
    let held = report.claims.last().unwrap();
    assert_eq!(held.code, EventCode::IMPORT_CUSTOMS_HELD);
    assert_eq!(held.native_reason, "DOC");
    assert_eq!(held.time.offset, Some(-5 * 3_600));
    // Nothing names the zone of an overseas wall clock, and an epoch is none.
    assert_eq!(report.claims[1].time.basis, Basis::Unresolved);
}

#[test]
fn aliexpress_shifts_its_clock_and_names_no_number() {
    let report = only("aliexpress");
    assert!(
        report
            .claims
            .iter()
            .all(|claim| { claim.time.instant.is_none() && claim.time.basis == Basis::Unresolved })
    );
    assert_eq!(codes(&report).last(), Some(&EventCode::DELIVERED));
    let kept = serde_json::to_string(&report).unwrap();
    assert!(!kept.contains("A TESTER"), "who signed is dropped");
    assert!(report.facts.contacts.is_empty(), "no safe address");
    let asked = query("LB100000051CN");
    let response = response(200, body("aliexpress"));
    let answers = adapter(&[]).interpret(std::slice::from_ref(&asked), &response, now());
    let Some(Ok(reports)) = answers.first() else {
        panic!("a report");
    };
    assert!(reports[0].number == asked.number);
    assert!(reports[0].facts.doubts.is_empty());
}
