//! Tests. The fixtures are ours: made-up numbers, names and places in the shapes of the
//! interfaces. Beside each stands what it is understood as.
#![allow(clippy::unwrap_used)]

mod codes;
mod errors;
mod fetch;
mod fixtures;
mod mutation;
mod pushes;
mod vectors;

use waybill_core::adapter::{Hints, Report};
use waybill_core::code::EventCode;
use waybill_core::number::TrackingNumber;
use waybill_core::order::Order;

use super::*;

/// Settings as the registry fills them.
fn settings(more: &[(&'static str, &str)]) -> Settings {
    let defaults = DESCRIPTOR
        .settings
        .iter()
        .map(|setting| (setting.key, setting.default));
    let pairs = defaults.chain(more.iter().copied());
    Settings::new(pairs.map(|(key, value)| (key, value.to_owned())))
}

/// An account with every app and four shops.
const ALL: &[(&str, &str)] = &[
    ("app_key", "710001"),
    ("app_secret", "waybillAppSecret0000000000000001"),
    ("taobao_app_key", "12345678"),
    ("taobao_app_secret", "helloworld"),
    ("open_app_key", "1234567"),
    ("open_app_secret", "waybillSecret"),
    (
        "shops",
        "taobao=waybill-session,tmall-two=t2 1688=waybill-token\nalibaba=a1",
    ),
];

fn adapter(more: &[(&'static str, &str)]) -> Cainiao {
    Cainiao::new(&settings(more)).unwrap()
}

fn response(status: u16, body: &str) -> http::Response<Bytes> {
    let body = Bytes::copy_from_slice(body.as_bytes());
    http::Response::builder().status(status).body(body).unwrap()
}

fn query(number: &str) -> Query {
    Query::of(TrackingNumber::parse(number).unwrap())
}

fn order(platform: &str, id: &str) -> OrderQuery {
    OrderQuery {
        order: Order::parse(platform, id).ok().unwrap(),
        hints: Hints::default(),
    }
}

/// What one answer with status 200 is understood as.
fn understood(body: &str) -> Answer {
    let mut answers = adapter(&[]).interpret(&[], &response(200, body), now());
    assert_eq!(answers.len(), 1);
    answers.remove(0)
}

fn codes(report: &Report) -> Vec<EventCode> {
    report.claims.iter().map(|claim| claim.code).collect()
}

/// Further numbers: kind, value, carrier.
fn numbers(report: &Report) -> Vec<(waybill_core::shipment::IdentifierKind, &str, &str)> {
    let identifiers = report.facts.identifiers.iter();
    identifiers
        .map(|id| (id.kind, id.value.reveal().as_str(), id.carrier.as_str()))
        .collect()
}

fn now() -> Timestamp {
    "2026-03-05T12:00:00Z".parse().unwrap()
}
