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
            include_str!(concat!("../fixtures/", stringify!($name), ".xml")),
            include_str!(concat!("../fixtures/", stringify!($name), ".expected.json")),
        )),*];
    };
}

fixtures!(
    abroad,
    batch,
    contradiction,
    delivered,
    events_only,
    in_transit,
    label_only,
    packstation,
    public,
    returned,
    shop,
    status_only,
    unknown_codes,
    withdrawn
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
fn times_are_german_to_the_minute() {
    let report = only("delivered");
    assert_eq!(codes(&report), [101, 203, 303, 302, 502, 603]);
    let last = report.claims.last().unwrap();
    assert_eq!(
        last.time.instant,
        Some("2026-03-04T10:37:00Z".parse().unwrap())
    );
    assert_eq!(last.time.basis, Basis::SourceConvention);
    assert_eq!(last.time.precision, Precision::Minute);
    assert_eq!(last.time.raw, "04.03.2026 11:37");
    assert_eq!(
        (&*last.native_code, &*last.native_reason),
        ("DLVRD/NGHBR/ZU", "NGHBR")
    );
    assert_eq!(last.basis, MappingBasis::Code);
    let place = last.location.as_ref().unwrap();
    assert_eq!((&*place.country, &*place.locality), ("DE", "Nordstadt"));
    assert!(report.complete && report.language == "en");
    let physical = &report.facts.physical;
    assert_eq!(physical.weight_grams, Some(2_350));
    assert_eq!(
        (physical.length_mm, physical.width_mm, physical.height_mm),
        (Some(380), Some(265), Some(120))
    );
    let proof = report.facts.proof.as_ref().unwrap();
    assert_eq!(proof.signed_by.reveal(), "M. Tester");
    let destination = report.facts.destination.as_ref().unwrap();
    assert_eq!(destination.postal_code.reveal(), "24103");
    let json = serde_json::to_string(&report).unwrap();
    assert!(!json.contains("Nobody"), "neither addressee nor street");
    // A scan abroad has German time too.
    let abroad = only("abroad");
    let held = &abroad.claims[4];
    assert_eq!(held.location.as_ref().unwrap().country, "US");
    assert_eq!(
        held.time.instant,
        Some("2026-03-05T08:00:00Z".parse().unwrap())
    );
    assert_eq!(codes(&abroad), [101, 201, 401, 403, 421, 422, 314]);
    let kinds = abroad.facts.identifiers.iter().map(|id| id.kind);
    let (own, post, partner) = (
        IdentifierKind::Carrier,
        IdentifierKind::UpuS10,
        IdentifierKind::LastMile,
    );
    assert!(kinds.eq([own, post, partner]));
}

#[test]
fn a_clock_that_is_set_has_bounds() {
    let twice = map::when("25.10.2026 02:30").unwrap();
    assert_eq!(twice.offset, Some(7_200));
    assert_eq!(twice.latest.as_second() - twice.earliest.as_second(), 3_659);
    assert_eq!(map::when("04.03.2026").unwrap().precision, Precision::Day);
    for text in ["", "4.3.26", "2026-03-04", "04.03.2026 25:00", "31.04.2026"] {
        assert!(map::when(text).is_none(), "{text}");
    }
}

#[test]
fn a_deposit_waits_for_the_recipient() {
    let report = only("packstation");
    assert_eq!(codes(&report)[5..], [505, 505, 605]);
    let report = only("shop");
    // The list calls the last one collected, and its words say that it waits.
    assert_eq!(codes(&report)[5..], [651, 314, 505, 505]);
    assert_eq!(report.claims[8].basis, MappingBasis::CodeAndText);
    let ends = |claim: &Claim| claim.code.status().is_some_and(Status::is_terminal);
    assert!(!report.claims.iter().any(|claim| ends(claim)));
}

#[test]
fn on_the_way_back_a_delivery_is_a_return() {
    let report = only("returned");
    assert_eq!(codes(&report)[5..], [651, 701, 702, 702, 704]);
    assert_eq!(report.facts.doubts, [""; 0]);
}

#[test]
fn a_withdrawn_event_no_longer_counts() {
    let report = only("withdrawn");
    let retracted: Vec<_> = report.claims.iter().map(|claim| claim.retracted).collect();
    assert_eq!(retracted[5..], [true, false, false]);
    assert_eq!(codes(&report)[5..], [601, 901, 653]);
}

#[test]
fn an_unknown_code_is_kept_and_not_guessed() {
    let report = only("unknown_codes");
    // A day alone stands in its middle.
    assert_eq!(codes(&report), [101, 999, 101, 302, 701, 302, 999]);
    let unknown = &report.claims[1];
    assert_eq!(unknown.native_code, "QQQQQ/ZZZZZ/XX");
    assert_eq!(unknown.native_text.reveal(), "Something new happened.");
    assert_eq!(unknown.basis, MappingBasis::None);
    for at in [2, 4, 5] {
        assert_eq!(report.claims[at].basis, MappingBasis::AggregatedStatus);
    }
    assert_eq!(report.claims[3].time.precision, Precision::Day);
    let last = report.claims.last().unwrap();
    assert_eq!(last.location.as_ref().unwrap().country, "");
    assert_eq!(
        last.location.as_ref().unwrap().raw.reveal(),
        "Nordstadt, Atlantis"
    );
    assert!(last.doubt.is_some());
    assert!(!report.complete);
    assert_eq!(
        report.facts.doubts,
        [
            "1 events have no readable time and are left out",
            "1 events have a time and nothing else and are left out"
        ]
    );
}

#[test]
fn other_shapes_say_the_same() {
    let public = only("public");
    assert_eq!(codes(&public), [101, 203, 303, 302, 502]);
    let window = &public.facts.estimates[0].window;
    let local = |end: &Option<waybill_core::time::EventTime>| end.as_ref().unwrap().local;
    assert_eq!(local(&window.start).to_string(), "2026-03-04T18:00:00");
    assert_eq!(local(&window.end).to_string(), "2026-03-04T20:00:00");
    assert_eq!(codes(&only("events_only")), [101, 203]);
    let status = only("status_only");
    assert_eq!(codes(&status), [601]);
    assert!(!status.complete && status.language == "de");
    let forecast = only("in_transit");
    let start = forecast.facts.estimates[0].window.start.as_ref().unwrap();
    assert_eq!(start.precision, Precision::Day);
    assert!(understood(include_str!("../fixtures/signature.xml")) == Ok(Vec::new()));
}

#[test]
fn a_flag_against_the_events_is_doubted() {
    assert_eq!(
        only("contradiction").facts.doubts,
        [
            "the current status has no readable time and is left out",
            "the source says delivered and none of its events does"
        ]
    );
    assert_eq!(codes(&only("label_only")), [101]);
}
