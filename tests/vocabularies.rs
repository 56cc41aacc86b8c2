//! Foreign vocabularies, both ways: `tests/data/inbound.csv` says what each value of UPU, 17TRACK,
//! AfterShip, Kuaidi100 and DHL means, the adapters' tables have to agree, and what comes from
//! 17TRACK or AfterShip has to go back there as the same status, or the table says why not.
//!
//! Columns: `vocabulary`, `native` (value), `event` and `reason` (what it means; UNMAPPED: no event),
//! `condition` (what words or places make of it beyond the table), `back` (status that it goes back
//! as; empty: the one that it came as), `why` (why it goes back as another one).
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use waybill_core::adapter::{Query, Report};
use waybill_core::assess::assess;
use waybill_core::code::{EventCode, ReasonCode};
use waybill_core::event::{Claim, Classifier, MappingBasis, SourceClass};
use waybill_core::number::TrackingNumber;
use waybill_core::privacy::Pii;
use waybill_core::projection::{Position, to_aftership, to_track17};
use waybill_core::reconcile::Dossier;
use waybill_core::registry::Registry;
use waybill_core::shipment::{Facts, ShipmentId};
use waybill_core::time::{Clues, Precision, Stated, resolve};

struct Row {
    vocabulary: String,
    native: String,
    event: String,
    reason: String,
    back: String,
    why: String,
}

fn rows() -> Vec<Row> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/inbound.csv");
    let mut reader = csv::Reader::from_path(path).unwrap();
    let rows = reader.records().map(|row| {
        let row = row.unwrap();
        let column = |at: usize| row[at].to_owned();
        Row {
            vocabulary: column(0),
            native: column(1),
            event: column(2),
            reason: column(3),
            back: column(5),
            why: column(6),
        }
    });
    rows.collect()
}

type Meaning = (String, String);

/// Event and reason of each code of an adapter, by scope.
fn table(adapter: &str) -> BTreeMap<(String, String), Meaning> {
    let path = format!(
        "{}/adapters/{adapter}/codes.csv",
        env!("CARGO_MANIFEST_DIR")
    );
    let mut reader = csv::Reader::from_path(path).unwrap();
    let rows = reader.records().map(|row| {
        let row = row.unwrap();
        let key = (row[0].to_owned(), row[1].to_owned());
        (key, (row[2].to_owned(), row[3].to_owned()))
    });
    rows.collect()
}

#[test]
fn every_value_means_what_is_written() {
    let (upu, track17) = (table("china_post"), table("track17"));
    let (aftership, kuaidi100) = (table("aftership"), table("kuaidi100"));
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for row in rows() {
        let in_scope = |table: &BTreeMap<(String, String), Meaning>, scope: &str| {
            table.get(&(scope.to_owned(), row.native.clone())).cloned()
        };
        let found = match row.vocabulary.as_str() {
            "upu" => in_scope(&upu, "upu"),
            "17track" => in_scope(&track17, "sub_status"),
            "aftership" => in_scope(&aftership, "subtag"),
            // A state stands in the scope of its family, and in one only.
            "kuaidi100" => {
                let mut states = kuaidi100.iter().filter(|(key, _)| key.1 == row.native);
                let state = states.next().map(|(_, meaning)| meaning.clone());
                assert!(states.next().is_none(), "{} has two families", row.native);
                state
            }
            "dhl_unified" => Some(dhl(&row.native)),
            other => panic!("{other} is no vocabulary"),
        };
        let expected = (row.event.clone(), row.reason.clone());
        assert_eq!(found, Some(expected), "{} {}", row.vocabulary, row.native);
        *counts.entry(row.vocabulary).or_default() += 1;
    }
    let expected = [
        ("17track", 30),
        ("aftership", 50),
        ("dhl_unified", 5),
        ("kuaidi100", 13),
        ("upu", 25),
    ];
    let expected = expected.map(|(name, count)| (name.to_owned(), count));
    assert_eq!(counts, BTreeMap::from(expected));
}

/// What an event of a class and without words means to the adapter itself.
fn dhl(class: &str) -> Meaning {
    let registry = Registry::new(waybill_adapters::ALL);
    let settings = [("api_key".to_owned(), "offline".to_owned())];
    let adapter = registry.build("dhl", settings).unwrap();
    let body = serde_json::json!({ "shipments": [{
        "id": "00340434161094000010",
        "service": "parcel-de",
        "status": { "timestamp": "2026-03-02T12:00:00+01:00", "statusCode": class },
        "events": [{ "timestamp": "2026-03-02T12:00:00+01:00", "statusCode": class }],
    }] });
    let response = http::Response::new(Bytes::from(body.to_string()));
    let query = Query::of(TrackingNumber::parse("00340434161094000010").unwrap());
    let answers = adapter.interpret(&[query], &response, "2026-03-03T00:00:00Z".parse().unwrap());
    let report = answers.into_iter().next().unwrap().unwrap().remove(0);
    let claim = report.claims.last().unwrap();
    let reason = claim
        .reason
        .and_then(ReasonCode::info)
        .map_or("", |row| row.name);
    (
        claim.code.info().unwrap().name.to_owned(),
        reason.to_owned(),
    )
}

#[test]
fn what_comes_from_a_provider_goes_back_as_the_same_status_or_the_table_says_why() {
    let mut wrong = Vec::new();
    for row in rows() {
        let position = position(&row);
        let projected = match row.vocabulary.as_str() {
            "17track" => to_track17(&position),
            "aftership" => to_aftership(&position),
            _ => {
                assert_eq!(
                    (row.back, row.why),
                    Default::default(),
                    "it goes back nowhere"
                );
                continue;
            }
        };
        let came_as = row.native.split('_').next().unwrap();
        let expected = if row.back.is_empty() {
            came_as
        } else {
            &row.back
        };
        if projected.status != expected {
            wrong.push(format!("{} {}: {projected:?}", row.vocabulary, row.native));
        }
        assert_eq!(row.back.is_empty(), row.why.is_empty(), "{}", row.native);
        assert_ne!(row.back, came_as, "{}", row.native);
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The position of a shipment that a carrier has accepted, an hour after it said `row`. What
/// precedes acceptance stands alone.
fn position(row: &Row) -> Position {
    let code = EventCode::by_name(&row.event).unwrap();
    let reason = Some(row.reason.as_str()).filter(|name| !name.is_empty());
    let reason = reason.map(|name| ReasonCode::by_name(name).unwrap());
    let before = ["NotFound", "Pending", "InfoReceived"];
    let is_first = before.iter().any(|word| row.native.starts_with(word));
    let start: Timestamp = "2026-03-02T12:00:00Z".parse().unwrap();
    let said = start + SignedDuration::from_hours(1);
    let mut claims = Vec::new();
    if !is_first {
        claims.push(claim(EventCode::ACCEPTED, None, start));
    }
    if code != EventCode::UNMAPPED {
        claims.push(claim(code, reason, said));
    }
    let number = TrackingNumber::parse("ZX4815162342").unwrap();
    let id = ShipmentId("0123456789abcdefghijklmnop".to_owned());
    let mut dossier = Dossier::new(id, number.clone(), "acme".to_owned());
    let report = Report {
        number,
        relays: "acme".to_owned(),
        complete: true,
        language: "en".to_owned(),
        claims,
        facts: Facts::default(),
    };
    let now = said + SignedDuration::from_hours(1);
    dossier.absorb("acme", SourceClass::Custodian, &report, now);
    Position::of(&assess(dossier.record(), now).0)
}

fn claim(code: EventCode, reason: Option<ReasonCode>, at: Timestamp) -> Arc<Claim> {
    let raw = at.to_string();
    let stated = Stated {
        local: jiff::tz::TimeZone::UTC.to_datetime(at),
        precision: Precision::Second,
        offset: Some(0),
        raw: &raw,
    };
    Arc::new(Claim {
        native_id: String::new(),
        native_code: code.0.to_string(),
        native_reason: String::new(),
        native_text: Pii::new(String::new()),
        code,
        reason,
        basis: MappingBasis::Code,
        time: resolve(stated, Clues::default()),
        location: None,
        carrier: String::new(),
        classifier: Classifier::Actual,
        retracted: false,
        doubt: None,
    })
}

#[test]
fn no_value_stands_twice() {
    let mut seen = BTreeSet::new();
    for row in rows() {
        assert!(
            seen.insert((row.vocabulary, row.native.clone())),
            "{}",
            row.native
        );
    }
}
