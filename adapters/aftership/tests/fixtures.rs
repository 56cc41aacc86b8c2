//! What answers are understood as.

use waybill_core::code::{EventCode, ReasonCode};
use waybill_core::event::MappingBasis;
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
fn checkpoints_are_put_in_order_and_the_carriers_own_codes_count() {
    let report = only(fixture!("two_legs"));
    assert_eq!((report.relays.as_str(), report.complete), ("cainiao", true));
    let way = [
        EventCode::INFO_RECEIVED,
        EventCode::PICKED_UP,
        EventCode::EXPORT_CUSTOMS_PRESENTED,
        EventCode::EXPORT_CUSTOMS_RELEASED,
        EventCode::TRANSPORT_DEPARTED,
        // The sub-tag says that clearance is completed; the carrier says that it begins.
        EventCode::IMPORT_CUSTOMS_PRESENTED,
        EventCode::IN_TRANSIT,
        EventCode::ARRIVED_AT_FACILITY,
        EventCode::OUT_FOR_DELIVERY,
        EventCode::DELIVERED_TO_MAILBOX,
    ];
    assert_eq!(codes(&report), way, "the repeated one is dropped");
    let carriers: Vec<&str> = report.claims.iter().map(|claim| &*claim.carrier).collect();
    assert_eq!(carriers, [["cainiao"; 7].as_slice(), &["usps"; 3]].concat());
    let start = &report.claims[5];
    assert_eq!(start.native_code, "InTransit_005/CC_IM_START");
    assert_eq!(start.native_id, "h-05");
    assert_eq!(start.basis, MappingBasis::Code);
    let delivered = &report.claims[9];
    assert_eq!(delivered.basis, MappingBasis::CodeAndText);
    assert_eq!(delivered.native_reason, "mailbox");
    assert_eq!(delivered.time.basis, Basis::Locality, "zone of the state");
    let at = "2026-02-27T21:05:00Z".parse().unwrap();
    assert_eq!(delivered.time.instant, Some(at));
    let facts = &report.facts;
    let [last, reference] = facts.identifiers.as_slice() else {
        panic!("last mile and order, each once");
    };
    assert_eq!(last.kind, IdentifierKind::LastMile);
    assert_eq!(
        (last.carrier.as_str(), last.check_digit_valid.is_some()),
        ("usps", true)
    );
    assert_eq!(reference.kind, IdentifierKind::Reference);
    let [carrier, own] = facts.estimates.as_slice() else {
        panic!("the carrier's and AfterShip's");
    };
    assert_eq!(carrier.kind, EstimateKind::CarrierForecast);
    assert!(carrier.window.end.is_some(), "a range");
    assert_eq!(own.kind, EstimateKind::AggregatorForecast);
    assert!(own.window.end.is_none());
    assert_eq!(facts.physical.weight_grams, Some(284));
    assert!(facts.doubts.is_empty());
    assert!(facts.proof.is_none());
}

#[test]
fn every_form_of_a_time_is_read_and_no_local_time_is_utc() {
    let report = only(fixture!("clocks"));
    assert_eq!(report.relays, "aftership-acme-parcel");
    let find = |text: &str| {
        let mut claims = report.claims.iter();
        claims
            .find(|claim| claim.native_text.reveal() == text)
            .unwrap()
    };
    for (text, instant, basis, doubted) in [
        ("offset", "2026-03-04T04:30:00Z", Basis::Stated, false),
        ("one zone", "2026-03-04T08:00:00Z", Basis::Country, false),
        (
            "state with one zone",
            "2026-03-03T13:00:00Z",
            Basis::Locality,
            false,
        ),
        ("state with two zones", "", Basis::Unresolved, false),
        ("no place", "", Basis::Unresolved, false),
        ("a day", "", Basis::Country, false),
        (
            "name holds a code",
            "2026-02-27T07:00:00Z",
            Basis::Country,
            false,
        ),
        ("universal", "2026-02-26T08:00:00Z", Basis::Stated, false),
        ("cannot be read", "", Basis::Unresolved, true),
        (
            "ahead of itself",
            "2026-02-25T20:00:00Z",
            Basis::Stated,
            true,
        ),
        ("minutes", "2026-02-24T00:00:00Z", Basis::Country, false),
    ] {
        let claim = find(text);
        let found = claim.time.instant.map(|at| at.to_string());
        assert_eq!(found.unwrap_or_default(), instant, "{text}");
        assert_eq!(claim.time.basis, basis, "{text}");
        assert_eq!(claim.doubt.is_some(), doubted, "{text}");
    }
    assert_eq!(find("a day").time.precision, Precision::Day);
    let odd = find("cannot be read");
    assert_eq!(odd.code, EventCode::INFORMATION, "it must not deliver");
    assert_eq!(odd.time.raw, "yesterday");
    assert!(odd.time.earliest <= odd.time.latest);
}

#[test]
fn a_deposit_or_hand_over_is_not_a_delivery() {
    let report = only(fixture!("pickup_point"));
    let way = [
        EventCode::HANDED_OVER_TO_PARTNER,
        EventCode::AVAILABLE_FOR_PICKUP,
        EventCode::AVAILABLE_FOR_PICKUP,
        EventCode::COLLECTED_BY_RECIPIENT,
    ];
    assert_eq!(codes(&report), way);
    assert_eq!(report.relays, "dhl");
}

#[test]
fn attempts_customs_and_returns_are_what_they_are() {
    let attempts = only(fixture!("attempts"));
    let way = [
        EventCode::OUT_FOR_DELIVERY,
        EventCode::DELIVERY_ATTEMPTED,
        EventCode::DELIVERY_ATTEMPTED,
        EventCode::RECIPIENT_CONTACTED,
        EventCode::DELIVERY_SCHEDULED,
        EventCode::DELIVERY_ATTEMPTED,
    ];
    assert_eq!(codes(&attempts), way);
    assert_eq!(
        attempts.claims[2].reason,
        Some(ReasonCode::RECIPIENT_NOT_AVAILABLE)
    );
    assert_eq!(attempts.facts.contacts.len(), 1);
    let [range] = attempts.facts.estimates.as_slice() else {
        panic!("the forecast that AfterShip prefers is the carrier's");
    };
    assert_eq!(range.kind, EstimateKind::CarrierForecast);
    let customs = only(fixture!("customs"));
    let way = [
        EventCode::EXPORT_CUSTOMS_PRESENTED,
        EventCode::EXPORT_CUSTOMS_RELEASED,
        EventCode::CUSTOMS_PROCESSING,
        EventCode::IMPORT_CUSTOMS_PRESENTED,
        EventCode::DELAYED,
        EventCode::CUSTOMS_PAYMENT_REQUIRED,
        EventCode::CUSTOMS_INFORMATION_REQUIRED,
    ];
    assert_eq!(codes(&customs), way);
    let returned = only(fixture!("returned"));
    let way = [
        EventCode::REFUSED,
        EventCode::RETURN_IN_TRANSIT,
        EventCode::RETURNED_TO_SENDER,
    ];
    assert_eq!(codes(&returned), way);
    assert!(returned.facts.doubts.is_empty());
}

#[test]
fn what_is_unknown_or_odd_is_kept() {
    let report = only(fixture!("problems"));
    let found: Vec<_> = report
        .claims
        .iter()
        .map(|claim| (claim.native_code.as_str(), claim.code, claim.basis))
        .collect();
    let (code, coarse, none) = (
        MappingBasis::Code,
        MappingBasis::AggregatedStatus,
        MappingBasis::None,
    );
    let way = [
        ("Exception_099", EventCode::EXCEPTION, coarse),
        ("Exception_014", EventCode::UNMAPPED, none),
        ("Teleported_001", EventCode::UNMAPPED, none),
        ("InTransit", EventCode::IN_TRANSIT, coarse),
        ("", EventCode::UNMAPPED, none),
        (
            "Exception_016",
            EventCode::DELAYED,
            MappingBasis::CodeAndText,
        ),
        ("Exception_017", EventCode::DELAYED, code),
        ("Exception_013", EventCode::LOST, code),
        ("Expired_001", EventCode::UNMAPPED, none),
    ];
    assert_eq!(found, way);
    assert_eq!(
        report.claims[5].reason,
        Some(ReasonCode::CARRIER_VEHICLE_ISSUE)
    );
    let by_hand = report.claims[7].doubt.as_ref().unwrap();
    assert!(by_hand.contains("user"));
    let place = report.claims[8].location.as_ref().unwrap();
    assert_eq!(
        (place.country.as_str(), place.raw.reveal().as_str()),
        ("FR", "Île-de-France")
    );
    let doubt = "marked as going back to the sender, which no event says";
    assert_eq!(report.facts.doubts, [doubt]);
}

#[test]
fn everything_beside_the_checkpoints_is_read() {
    let facts = only(fixture!("facts")).facts;
    let numbers: Vec<_> = facts
        .identifiers
        .iter()
        .map(|it| (it.kind, it.carrier.as_str(), it.value.reveal().as_str()))
        .collect();
    let expected = [
        (IdentifierKind::Carrier, "aftership-yanwen", "FM702200099"),
        (IdentifierKind::LastMile, "la-poste", "6A70220009900"),
        (IdentifierKind::Piece, "yunexpress", "MP702200100"),
        (IdentifierKind::Reference, "", "O-1"),
        (IdentifierKind::Reference, "", "N-1"),
    ];
    assert_eq!(numbers, expected);
    let size = &facts.physical;
    assert_eq!(size.weight_grams, Some(1_134));
    assert_eq!(
        [size.length_mm, size.width_mm, size.height_mm],
        [Some(300), Some(205), Some(100)]
    );
    assert_eq!(size.piece_count, Some(2));
    assert_eq!(facts.proof.unwrap().documents.len(), 1, "https only");
    let [own] = facts.estimates.as_slice() else {
        panic!("the shop's own date is no forecast");
    };
    assert_eq!(own.kind, EstimateKind::AggregatorForecast);
    assert_eq!(facts.destination.unwrap().country, "FR");
}

#[test]
fn older_versions_are_understood() {
    let report = only(fixture!("v4_wrapped"));
    assert_eq!(report.relays, "postnl");
    assert_eq!(report.claims.len(), 4, "seconds apart, so not the same");
    let last = &report.claims[3];
    assert_eq!(
        last.time.instant,
        Some("2021-05-05T08:59:00Z".parse().unwrap())
    );
    assert_eq!(last.location.as_ref().unwrap().postal_code.reveal(), "1000");
    assert_eq!(report.facts.physical.weight_grams, Some(1_200));
    assert_eq!(
        report.facts.estimates[0].kind,
        EstimateKind::CarrierForecast
    );
    assert_eq!(report.facts.destination.as_ref().unwrap().country, "BE");
    assert!(
        only(fixture!("v2023_list")) == report,
        "the pending one has no news"
    );
    let last = only(fixture!("last_checkpoint"));
    assert!(!last.complete, "one of many");
    assert_eq!(codes(&last), [EventCode::DELIVERED_SIGNED]);
}

#[test]
fn other_shapes_give_what_they_have() {
    assert_eq!(only(fixture!("label_only")).relays, "ups");
    assert!(only(fixture!("push_updated")) == only(fixture!("two_legs")));
    for body in [
        include_str!("../fixtures/deleted.json"),
        include_str!("../fixtures/detected.json"),
        include_str!("../fixtures/empty_list.json"),
    ] {
        assert!(understood(body).unwrap().is_empty());
    }
    let couriers = include_str!("../fixtures/detected.json");
    let answers = adapter(&[]).interpret(&[query("702200500")], &response(200, couriers), now());
    assert_eq!(kinds(&answers), [Err(ErrorKind::Unsupported)]);
    // What nobody asked for comes with the first query.
    let body = page(&[moving("702200501", "ups"), moving("702200502", "ups")]);
    let queries = [query("702200503"), query("702200502")];
    let answers = adapter(&[]).interpret(&queries, &response(200, &body), now());
    assert_eq!(kinds(&answers), [Ok(1), Ok(1)]);
    assert!(answers[0].as_ref().unwrap()[0].number == query("702200501").number);
}

#[test]
fn a_tag_that_lags_behind_is_no_contradiction_unless_it_delivers() {
    let body = moving("702200510", "ups").replace(
        r#""tag":"InTransit","subtag""#,
        r#""tag":"Delivered","subtag""#,
    );
    let report = only(understood(&page(&[body])).unwrap());
    assert_eq!(
        report.facts.doubts,
        ["latest status contradicts the newest event"]
    );
    let lost = moving("702200511", "ups").replace("2026-03-04T10:00:00+01:00", "soon");
    let report = only(understood(&page(&[lost])).unwrap());
    assert_eq!(
        report.facts.doubts,
        [
            "rows left out for want of any readable date: 1 of 1",
            "latest status has no event"
        ]
    );
}

#[test]
fn an_unrecognized_slug_gives_way_to_the_carrier_of_the_rows() {
    let slug =
        moving("702200520", "usps").replacen(r#""slug":"usps""#, r#""slug":"unrecognized""#, 1);
    assert_eq!(only(understood(&page(&[slug])).unwrap()).relays, "usps");
}
