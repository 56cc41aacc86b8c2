//! From reports to a record: several sources of one shipment, a very long history, and the poll
//! that brings nothing new. The figures beside are those of the plan.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use waybill_core::adapter::Report;
use waybill_core::assess::assess;
use waybill_core::code::EventCode;
use waybill_core::event::{Claim, Classifier, MappingBasis, SourceClass};
use waybill_core::number::TrackingNumber;
use waybill_core::place::Location;
use waybill_core::privacy::Pii;
use waybill_core::reconcile::{Change, Dossier};
use waybill_core::revision::revise;
use waybill_core::shipment::{Facts, Shipment, ShipmentId};
use waybill_core::time::{Clues, Precision, Stated, resolve};

use crate::median;

const ROUNDS: usize = 9;
const START: i64 = 1_772_000_000;

/// Sources, their class, and the part of the codes that they tell apart.
const SOURCES: [(&str, SourceClass, bool); 4] = [
    ("carrier", SourceClass::Custodian, true),
    ("relay", SourceClass::Aggregator, false),
    ("second-relay", SourceClass::Aggregator, true),
    ("partner", SourceClass::Carrier, true),
];

const STEPS: [(EventCode, EventCode); 6] = [
    (EventCode::ARRIVED_AT_FACILITY, EventCode::IN_TRANSIT),
    (EventCode::SORTED, EventCode::IN_TRANSIT),
    (EventCode::DEPARTED_FACILITY, EventCode::IN_TRANSIT),
    (EventCode::TRANSPORT_DEPARTED, EventCode::IN_TRANSIT),
    (
        EventCode::IMPORT_CUSTOMS_PRESENTED,
        EventCode::CUSTOMS_PROCESSING,
    ),
    (EventCode::OUT_FOR_DELIVERY, EventCode::OUT_FOR_DELIVERY),
];
/// Events before the item left its country.
const IN_CHINA: i64 = 12;
const TOWNS: [&str; 5] = ["Shenzhen", "Guangzhou", "Leipzig", "Hannover", "Kassel"];

pub(crate) fn run() -> Value {
    let mut results = Map::new();
    for (name, events, sources, calls, allowed) in [
        ("60 events of 4 sources", 60, 4, 300, 300.0),
        ("1,000 observations", 250, 4, 20, 10_000.0),
        ("10,000 observations", 2_500, 4, 2, 120_000.0),
        ("10,000 observations of one source", 10_000, 1, 2, 120_000.0),
    ] {
        let reports = reports(events, sources);
        let taken = time(calls, || {
            let mut known = dossier();
            absorb(&mut known, black_box(&reports));
            black_box(known);
        });
        let mut known = dossier();
        absorb(&mut known, &reports);
        let spent = time(calls, || {
            black_box(at(black_box(&known), 1));
        });
        let record = at(&known, 1);
        let (rows, told) = (known.observations.len(), record.events.len());
        println!(
            "{name}: {rows} rows, {told} events: reconcile, verify and assess {spent:.0} us, allowed {allowed:.0} us (to take the reports in: {taken:.0} us)",
        );
        results.insert(
            name.to_owned(),
            json!({
                "rows": rows, "events": told, "us": spent, "allowed_us": allowed, "absorb_us": taken,
            }),
        );
    }
    results.insert("poll".to_owned(), poll());
    Value::Object(results)
}

/// The same answer again, ever later.
fn poll() -> Value {
    let reports = reports(60, 4);
    let mut dossier = dossier();
    absorb(&mut dossier, &reports);
    let (shown, _) = revise(None, at(&dossier, 1), moment(1));
    let (source, class, report) = &reports[0];
    let mut minutes = 1;
    let spent = time(2_000, || {
        minutes += 15;
        // What is stored is shared with what is changed.
        let mut known = dossier.clone();
        let change = known.absorb(source, *class, black_box(report), moment(minutes));
        assert_eq!(change, Change::Listing);
        dossier = known;
    });
    let (again, changed) = revise(Some(&shown), at(&dossier, 1), moment(minutes));
    assert!(!changed && again.revision == shown.revision && again.etag == shown.etag);
    println!("an identical poll: {spent:.1} us, allowed 30 us; revision and etag stay");
    json!({"us": spent, "allowed_us": 30})
}

fn at(dossier: &Dossier, minutes: i64) -> Shipment {
    assess(dossier.record(), moment(minutes)).0
}

fn absorb(dossier: &mut Dossier, reports: &[(&str, SourceClass, Report)]) {
    for (source, class, report) in reports {
        dossier.absorb(source, *class, report, moment(0));
    }
}

/// When sources are asked: well after all that happened.
fn moment(minutes: i64) -> Timestamp {
    Timestamp::from_second(START).unwrap()
        + SignedDuration::from_hours(24 * 400)
        + SignedDuration::from_mins(minutes)
}

fn dossier() -> Dossier {
    Dossier::new(
        ShipmentId("0123456789abcdefghijklmnop".to_owned()),
        TrackingNumber::parse("ZX4815162342").unwrap(),
        "carrier".to_owned(),
    )
}

/// One journey as each source tells it: aggregators cut seconds, and one of them reduces codes.
fn reports(events: i64, sources: usize) -> Vec<(&'static str, SourceClass, Report)> {
    let sources = SOURCES.iter().take(sources);
    sources
        .map(|&(source, class, is_precise)| {
            let claims = (0..events).map(|at| Arc::new(claim(at, class, is_precise)));
            let report = Report {
                number: TrackingNumber::parse("ZX4815162342").unwrap(),
                relays: if class == SourceClass::Carrier {
                    source
                } else {
                    "carrier"
                }
                .to_owned(),
                complete: true,
                language: "en".to_owned(),
                claims: claims.collect(),
                facts: Facts {
                    origin: Some(Box::new(place("CN", "Shenzhen"))),
                    destination: Some(Box::new(place("DE", "Kassel"))),
                    ..Facts::default()
                },
            };
            (source, class, report)
        })
        .collect()
}

fn claim(at: i64, class: SourceClass, is_precise: bool) -> Claim {
    let (precise, coarse) = STEPS[usize::try_from(at).unwrap() % STEPS.len()];
    let code = if is_precise { precise } else { coarse };
    let happened = Timestamp::from_second(START + at * 3_337).unwrap();
    let second = happened.as_second() % 60;
    let shown = match class {
        SourceClass::Aggregator => happened - SignedDuration::from_secs(second),
        _ => happened,
    };
    let local = jiff::tz::Offset::constant(1).to_datetime(shown);
    let raw = local.to_string();
    let town = TOWNS[usize::try_from(at).unwrap() / STEPS.len() % TOWNS.len()];
    let time = resolve(
        Stated {
            local,
            precision: Precision::Second,
            offset: Some(3_600),
            raw: &raw,
        },
        Clues::default(),
    );
    Claim {
        native_id: String::new(),
        native_code: format!("N{}", code.0),
        native_reason: String::new(),
        native_text: Pii::new(format!("{} at the facility in {town}", code.0)),
        code,
        reason: None,
        basis: MappingBasis::Code,
        time,
        location: Some(place(if at < IN_CHINA { "CN" } else { "DE" }, town)),
        carrier: String::new(),
        classifier: Classifier::Actual,
        retracted: false,
        doubt: None,
    }
}

fn place(country: &str, town: &str) -> Location {
    Location {
        country: country.to_owned(),
        locality: town.to_owned(),
        raw: Pii::new(format!("{town}, {country}")),
        ..Location::default()
    }
}

/// Microseconds of one call: the middle of several rounds.
fn time(calls: u32, mut call: impl FnMut()) -> f64 {
    let rounds = (0..ROUNDS).map(|_| {
        let started = Instant::now();
        for _ in 0..calls {
            call();
        }
        started.elapsed().as_secs_f64() * 1e6 / f64::from(calls)
    });
    median(rounds.collect())
}
