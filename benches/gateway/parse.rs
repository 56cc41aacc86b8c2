//! Understanding an answer (parse and map) against a plain typed parse of the same bytes.

use std::hint::black_box;
use std::time::Instant;

use bytes::Bytes;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use waybill_core::registry::Registry;

use crate::median;

const ROUNDS: usize = 9;
const CALLS: u32 = 2_000;

pub(crate) fn run() -> Value {
    let mut results = Map::new();
    let ups: fn(&[u8]) = |bytes| {
        black_box(serde_json::from_slice::<UpsAnswer>(black_box(bytes)).unwrap());
    };
    let dhl: fn(&[u8]) = |bytes| {
        black_box(serde_json::from_slice::<DhlAnswer>(black_box(bytes)).unwrap());
    };
    for (source, bytes, plain) in [
        ("ups", include_bytes!("answer.json").as_slice(), ups),
        ("dhl", include_bytes!("answer-dhl.json").as_slice(), dhl),
    ] {
        results.insert(source.to_owned(), one(source, bytes, plain));
    }
    Value::Object(results)
}

fn one(source: &str, bytes: &'static [u8], plain: fn(&[u8])) -> Value {
    let registry = Registry::new(waybill_adapters::ALL);
    let descriptor = registry.get(source).unwrap();
    let required = descriptor
        .settings
        .iter()
        .filter(|setting| setting.required);
    let pairs = required.map(|setting| (setting.key.to_owned(), "offline".to_owned()));
    let adapter = registry.build(source, pairs).unwrap();
    let response = http::Response::new(Bytes::from_static(bytes));
    let now = Timestamp::from_second(1_775_000_000).unwrap();
    let understand = || adapter.interpret(black_box(&[]), black_box(&response), now);
    let answers = understand();
    let reports = answers[0].as_ref().unwrap();
    let events: usize = reports.iter().map(|report| report.claims.len()).sum();
    let (mut plain_times, mut full_times) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        plain_times.push(time(|| plain(bytes)));
        full_times.push(time(|| {
            black_box(understand());
        }));
    }
    let (plain, full) = (median(plain_times), median(full_times));
    let allowed = 3.0 * plain + 2.0 * events as f64;
    println!(
        "{source}: {events} events, {} bytes: plain parse {plain:.1} us, parse and map {full:.1} us, allowed {allowed:.1} us",
        bytes.len(),
    );
    json!({
        "events": events, "bytes": bytes.len(), "plain_us": plain, "parse_and_map_us": full,
        "allowed_us": allowed,
    })
}

/// Microseconds of one call.
fn time(call: impl Fn()) -> f64 {
    let started = Instant::now();
    for _ in 0..CALLS {
        call();
    }
    started.elapsed().as_secs_f64() * 1e6 / f64::from(CALLS)
}

/// What somebody would write who trusts the documents: one owned field per documented one.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, reason = "it is parsed, not read")]
struct UpsAnswer {
    track_response: UpsResponse,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "it is parsed, not read")]
struct UpsResponse {
    shipment: Vec<UpsShipment>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, reason = "it is parsed, not read")]
struct UpsShipment {
    inquiry_number: Option<String>,
    package: Vec<UpsPackage>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, reason = "it is parsed, not read")]
struct UpsPackage {
    tracking_number: Option<String>,
    activity: Vec<UpsActivity>,
    current_status: Option<UpsStatus>,
    delivery_date: Option<Vec<UpsDate>>,
    package_count: Option<u32>,
    service: Option<UpsService>,
    weight: Option<UpsWeight>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, reason = "it is parsed, not read")]
struct UpsActivity {
    location: Option<UpsLocation>,
    status: Option<UpsStatus>,
    date: Option<String>,
    time: Option<String>,
    gmt_date: Option<String>,
    gmt_offset: Option<String>,
    gmt_time: Option<String>,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "it is parsed, not read")]
struct UpsLocation {
    address: Option<UpsAddress>,
    slic: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, reason = "it is parsed, not read")]
struct UpsAddress {
    city: Option<String>,
    state_province: Option<String>,
    postal_code: Option<String>,
    country_code: Option<String>,
    country: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, reason = "it is parsed, not read")]
struct UpsStatus {
    r#type: Option<String>,
    description: Option<String>,
    code: Option<String>,
    status_code: Option<String>,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "it is parsed, not read")]
struct UpsDate {
    r#type: Option<String>,
    date: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, reason = "it is parsed, not read")]
struct UpsService {
    code: Option<String>,
    level_code: Option<String>,
    description: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, reason = "it is parsed, not read")]
struct UpsWeight {
    unit_of_measurement: Option<String>,
    weight: Option<String>,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "it is parsed, not read")]
struct DhlAnswer {
    shipments: Vec<DhlShipment>,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "it is parsed, not read")]
struct DhlShipment {
    id: Option<String>,
    service: Option<String>,
    origin: Option<DhlPlace>,
    destination: Option<DhlPlace>,
    status: Option<DhlEvent>,
    details: Option<DhlDetails>,
    events: Vec<DhlEvent>,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "it is parsed, not read")]
struct DhlPlace {
    address: Option<DhlAddress>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, reason = "it is parsed, not read")]
struct DhlAddress {
    country_code: Option<String>,
    postal_code: Option<String>,
    address_locality: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, reason = "it is parsed, not read")]
struct DhlEvent {
    timestamp: Option<String>,
    location: Option<DhlPlace>,
    status_code: Option<String>,
    status: Option<String>,
    description: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, reason = "it is parsed, not read")]
struct DhlDetails {
    product: Option<DhlProduct>,
    total_number_of_pieces: Option<u32>,
    weight: Option<DhlWeight>,
    references: Option<Vec<DhlReference>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, reason = "it is parsed, not read")]
struct DhlProduct {
    product_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, reason = "it is parsed, not read")]
struct DhlWeight {
    value: Option<f64>,
    unit_text: Option<String>,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "it is parsed, not read")]
struct DhlReference {
    number: Option<String>,
    r#type: Option<String>,
}
