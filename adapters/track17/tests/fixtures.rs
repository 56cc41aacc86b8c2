//! What answers are understood as.

use waybill_core::code::EventCode;
use waybill_core::shipment::{EstimateKind, IdentifierKind};
use waybill_core::time::{Basis, Precision};

use super::*;

macro_rules! fixture {
    ($name:literal) => {
        fixture!($name, &[])
    };
    ($name:literal, $settings:expr) => {
        read(
            include_str!(concat!("../fixtures/", $name, ".json")),
            include_str!(concat!("../fixtures/", $name, ".expected.json")),
            $name,
            $settings,
        )
    };
}

/// Understands a fixture and compares all of it with what stands beside it.
fn read(body: &str, expected: &str, name: &str, more: &[(&'static str, &str)]) -> Vec<Report> {
    let mut answers = adapter(more).interpret(&[], &response(200, body), now());
    let reports = answers
        .remove(0)
        .unwrap_or_else(|error| panic!("{name}: {error}"));
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
fn two_legs_are_one_report_with_two_carriers() {
    let report = only(fixture!("two_legs"));
    assert_eq!(report.relays, "china-post");
    let carriers: Vec<&str> = report.claims.iter().map(|claim| &*claim.carrier).collect();
    let post = ["china-post"; 5];
    assert_eq!(carriers, [post.as_slice(), &["usps"; 3]].concat());
    let way = [
        EventCode::ACCEPTED,
        EventCode::EXPORT_CUSTOMS_RELEASED,
        EventCode::INFORMATION,
        EventCode::DEPARTED_EXPORT_OFFICE,
        EventCode::DEPARTED_FACILITY,
        EventCode::TRANSPORT_ARRIVED,
        EventCode::OUT_FOR_DELIVERY,
        EventCode::DELIVERED_TO_SAFE_PLACE,
    ];
    assert_eq!(codes(&report), way);
    // An offset that 17TRACK made up does not count: China has one zone, and the town in the
    // United States has one too.
    let bases: Vec<Basis> = report.claims.iter().map(|claim| claim.time.basis).collect();
    assert_eq!(bases[0], Basis::Country);
    assert_eq!(bases[7], Basis::Locality);
    let delivered = &report.claims[7].time;
    assert_eq!(
        delivered.instant,
        Some("2026-03-04T20:20:00Z".parse().unwrap())
    );
    assert_eq!(delivered.zone, "America/Phoenix");
    let facts = &report.facts;
    assert_eq!(facts.physical.weight_grams, Some(284));
    assert_eq!(facts.estimates[0].kind, EstimateKind::CarrierForecast);
    assert_eq!(facts.destination.as_ref().unwrap().subdivision, "AZ");
    let [reference] = facts.identifiers.as_slice() else {
        panic!("its own number is not repeated");
    };
    assert_eq!(reference.kind, IdentifierKind::Reference);
    assert!(facts.doubts.is_empty());
}

#[test]
fn a_row_without_a_time_is_a_remark_beside_the_row_before_it() {
    let report = only(fixture!("two_legs"));
    let remark = &report.claims[2];
    assert_eq!(remark.native_code, "InTransit_Other");
    assert_eq!(remark.time.instant, None);
    assert_eq!(remark.time.basis, Basis::Unresolved);
    assert_eq!(Some(remark.time.earliest), report.claims[1].time.instant);
    assert_eq!(Some(remark.time.latest), report.claims[3].time.instant);
    let alone = r#"{"code":0,"data":{"accepted":[{"number":"EX702200026IN","carrier":9021,
        "track_info":{"latest_status":{"status":"InTransit"},"tracking":{"providers":[
        {"provider":{"key":9021},"events":[{"description":"Soon"}]}]}}}]}}"#;
    let report = only(understood(alone).unwrap());
    assert!(report.claims.is_empty());
    assert_eq!(
        report.facts.doubts,
        [
            "rows left out for want of any readable date: 1 of 1",
            "latest status has no event"
        ]
    );
}

#[test]
fn an_offset_that_the_carrier_stated_is_believed() {
    let report = only(fixture!("in_transit"));
    assert_eq!(report.relays, "yunexpress");
    assert_eq!(report.language, "en");
    assert!(
        report
            .claims
            .iter()
            .all(|claim| claim.time.basis == Basis::Stated)
    );
    assert_eq!(report.facts.service, "THPHR");
    assert_eq!(report.facts.physical.weight_grams, Some(1_134));
    assert_eq!(report.facts.physical.piece_count, Some(2));
    assert_eq!(
        report.facts.estimates[0].kind,
        EstimateKind::AggregatorForecast
    );
    let [last_mile] = report.facts.identifiers.as_slice() else {
        panic!("the number of the last mile");
    };
    assert_eq!(last_mile.kind, IdentifierKind::LastMile);
    assert_eq!(last_mile.carrier, "la-poste");
    assert!(last_mile.value.reveal() == "6A00000000015");
}

#[test]
fn every_form_of_a_time_is_read_and_no_local_time_is_utc() {
    let report = only(fixture!("clocks"));
    let find = |text: &str| {
        let mut claims = report.claims.iter();
        claims.find(|claim| claim.native_text.reveal() == text)
    };
    for (text, instant, basis, doubted) in [
        (
            "utc half an hour off",
            "2026-03-04T12:30:00Z",
            Basis::Country,
            true,
        ),
        (
            "offset of another country",
            "2026-03-04T11:30:00Z",
            Basis::Country,
            true,
        ),
        (
            "offset that no zone of the country has",
            "",
            Basis::Unresolved,
            true,
        ),
        ("a day", "", Basis::Country, false),
        (
            "no offset, country of many zones",
            "",
            Basis::Unresolved,
            false,
        ),
        (
            "no offset, country of one zone",
            "2026-03-03T08:00:00Z",
            Basis::Country,
            false,
        ),
        (
            "a zone by name",
            "2026-03-03T07:00:00Z",
            Basis::Facility,
            false,
        ),
        ("a plain text", "2026-03-03T06:00:00Z", Basis::Stated, false),
        ("utc alone", "2026-03-03T05:00:00Z", Basis::Stated, false),
        (
            "two wall clocks",
            "2026-03-03T04:00:00Z",
            Basis::Country,
            true,
        ),
        ("two offsets", "2026-03-03T03:00:00Z", Basis::Stated, true),
        ("cannot be read", "", Basis::Unresolved, true),
        (
            "offset follows from utc",
            "2026-03-02T10:00:00Z",
            Basis::SourceConvention,
            false,
        ),
        (
            "nothing raw",
            "2026-03-02T01:30:00Z",
            Basis::SourceConvention,
            false,
        ),
    ] {
        let claim = find(text).unwrap();
        let found = claim.time.instant.map(|at| at.to_string());
        assert_eq!(found.unwrap_or_default(), instant, "{text}");
        assert_eq!(claim.time.basis, basis, "{text}");
        assert_eq!(claim.doubt.is_some(), doubted, "{text}");
    }
    let day = find("a day").unwrap();
    assert_eq!(day.time.precision, Precision::Day);
    assert_eq!(find("cannot be read").unwrap().code, EventCode::INFORMATION);
    // Whichever of the two offsets is right, the bounds hold it.
    let odd = &find("offset that no zone of the country has").unwrap().time;
    assert!(odd.earliest <= "2026-03-04T08:00:00Z".parse().unwrap());
}

#[test]
fn a_deposit_or_hand_over_is_not_a_delivery() {
    let report = only(fixture!("locker"));
    assert_eq!(report.relays, "sf");
    assert_eq!(
        codes(&report).last(),
        Some(&EventCode::AVAILABLE_FOR_PICKUP)
    );
    assert!(report.facts.doubts.is_empty(), "the words correct the code");
    let report = only(fixture!("pickup_point"));
    let way = [
        EventCode::HANDED_OVER_TO_PARTNER,
        EventCode::AVAILABLE_FOR_PICKUP,
    ];
    assert_eq!(codes(&report), way);
}

#[test]
fn customs_has_a_direction_where_the_country_gives_one() {
    let way = [
        EventCode::EXPORT_CUSTOMS_PRESENTED,
        EventCode::EXPORT_CUSTOMS_RELEASED,
        EventCode::CUSTOMS_PROCESSING,
        EventCode::IMPORT_CUSTOMS_PRESENTED,
        EventCode::CUSTOMS_INFORMATION_REQUIRED,
        EventCode::IMPORT_CUSTOMS_RELEASED,
    ];
    assert_eq!(codes(&only(fixture!("customs"))), way);
}

#[test]
fn failures_and_returns_end_where_they_end() {
    let report = only(fixture!("returned"));
    assert_eq!(codes(&report).last(), Some(&EventCode::RETURNED_TO_SENDER));
    assert_eq!(report.relays, "royal-mail");
    let way = codes(&only(fixture!("problems")));
    assert_eq!(
        way.first(),
        Some(&EventCode::CANCELLED),
        "the label was voided"
    );
    assert!(way.contains(&EventCode::SEIZED) && way.contains(&EventCode::HELD));
}

#[test]
fn a_milestone_that_no_row_reaches_is_a_row() {
    let report = only(fixture!("milestones"));
    let way = [
        EventCode::ACCEPTED,
        EventCode::TRANSPORT_ARRIVED,
        EventCode::IN_TRANSIT,
        EventCode::OUT_FOR_DELIVERY,
    ];
    assert_eq!(codes(&report), way);
    assert_eq!(report.relays, "17track-100100");
    assert!(report.claims[0].carrier.is_empty(), "nobody's own word");
    assert_eq!(report.claims[1].carrier, "17track-100100");
}

#[test]
fn translations_are_taken_only_if_all_rows_have_them() {
    let report = only(fixture!("translated", &[("language", "en")]));
    assert_eq!(report.language, "en");
    assert!(report.claims[1].native_text.reveal() == "Delivered to mailbox");
    let own = understood(include_str!("../fixtures/translated.json"));
    let own = only(own.unwrap());
    assert_eq!(own.language, "pt");
    assert!(own.claims[1].native_text.reveal().starts_with("Objeto"));
    assert_eq!(codes(&own), codes(&report), "words of any language count");
    let german = adapter(&[("language", "de")]);
    let body = include_str!("../fixtures/translated.json");
    let answers = german.interpret(&[], &response(200, body), now());
    assert_eq!(answers[0].as_ref().unwrap()[0].language, "pt");
}

#[test]
fn what_is_unknown_or_odd_is_kept() {
    let report = only(fixture!("odd"));
    let found: Vec<_> = report
        .claims
        .iter()
        .map(|claim| (claim.native_code.as_str(), claim.code))
        .collect();
    let way = [
        ("InfoReceived", EventCode::INFO_RECEIVED),
        ("Teleporting", EventCode::UNMAPPED),
        ("Expired_Other", EventCode::UNMAPPED),
        ("Paused_Other", EventCode::UNMAPPED),
        ("InTransit_Teleported", EventCode::IN_TRANSIT),
    ];
    assert_eq!(found, way);
    let place = report.claims[0].location.as_ref().unwrap();
    assert!(place.country.is_empty() && place.raw.reveal() == "Zhejiang");
}

#[test]
fn other_shapes_give_what_they_have() {
    assert_eq!(
        fixture!("two_records").len(),
        2,
        "two carriers, two records"
    );
    let latest = only(fixture!("latest_event_only"));
    assert_eq!(codes(&latest), [EventCode::IN_TRANSIT]);
    assert_eq!(only(fixture!("label_only")).relays, "dhl");
    assert!(only(fixture!("push_updated")) == only(fixture!("two_legs")));
    assert!(fixture!("push_stopped").is_empty());
    assert!(fixture!("registered").is_empty());
    assert!(fixture!("registrations").is_empty());
    assert!(fixture!("balance").is_empty());
}

#[test]
fn a_stale_status_beside_rows_does_not_count() {
    let body = include_str!("../fixtures/label_only.json");
    let stale = body.replacen(
        "\"status\": \"InfoReceived\"",
        "\"status\": \"NotFound\"",
        1,
    );
    assert_ne!(body, stale);
    let report = only(understood(&stale).unwrap());
    assert_eq!(codes(&report), [EventCode::INFO_RECEIVED]);
    assert!(report.facts.doubts.is_empty());
    let ahead = body.replacen(
        "\"status\": \"InfoReceived\"",
        "\"status\": \"Delivered\"",
        1,
    );
    let report = only(understood(&ahead).unwrap());
    assert_eq!(
        report.facts.doubts,
        ["latest status contradicts the newest event"]
    );
}

#[test]
fn the_carrier_of_the_newest_leg_can_be_reached() {
    let body = include_str!("../fixtures/in_transit.json");
    let body = body
        .replacen("\"tel\": null", "\"tel\": \"+86 10-1234 5678\"", 1)
        .replacen(
            "\"homepage\": null",
            "\"homepage\": \"https://carrier.invalid/help\"",
            1,
        );
    let report = understood(&body).unwrap().remove(0);
    let [contact] = &report.facts.contacts[..] else {
        panic!("one way to reach it");
    };
    assert_eq!(contact.phone, "+861012345678");
    assert_eq!(contact.url, "https://carrier.invalid/help");
    // A number without its country, and a page that is not safe, are none.
    let body = body
        .replace("+86 10-1234 5678", "95554")
        .replace("https://carrier", "http://carrier");
    let report = understood(&body).unwrap().remove(0);
    assert!(report.facts.contacts.is_empty());
}
