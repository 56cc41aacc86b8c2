//! Tests. The fixtures are ours: made-up numbers, names and places in the documented shape. Beside
//! each stands what it is understood as.
#![allow(clippy::unwrap_used)]

mod codes;
mod errors;
mod fetch;
mod fixtures;
mod mutation;
mod push;

use waybill_core::adapter::Http;
use waybill_core::number::TrackingNumber;

use super::*;

const KEY: &str = "waybillKey01";
const CUSTOMER: &str = "WAYBILLTESTCUSTOMER0000000000001";
const SALT: &str = "waybill-salt-0001";

/// Settings as the registry fills them.
fn settings(more: &[(&'static str, &str)]) -> Settings {
    let defaults = DESCRIPTOR
        .settings
        .iter()
        .map(|setting| (setting.key, setting.default));
    let given = [("customer", CUSTOMER), ("key", KEY), ("salt", SALT)];
    let pairs = defaults.chain(given).chain(more.iter().copied());
    Settings::new(pairs.map(|(key, value)| (key, value.to_owned())))
}

fn adapter(more: &[(&'static str, &str)]) -> Kuaidi {
    Kuaidi::new(&settings(more)).unwrap()
}

fn response(status: u16, body: &str) -> http::Response<Bytes> {
    let body = Bytes::copy_from_slice(body.as_bytes());
    http::Response::builder().status(status).body(body).unwrap()
}

fn query(number: &str, carrier: &str) -> Query {
    Query {
        carrier: carrier.to_owned(),
        ..Query::of(TrackingNumber::parse(number).unwrap())
    }
}

/// What one answer with status 200 is understood as.
fn understood(body: &str) -> Answer {
    let mut answers = adapter(&[]).interpret(&[], &response(200, body), now());
    assert_eq!(answers.len(), 1);
    answers.remove(0)
}

fn now() -> Timestamp {
    "2026-03-10T12:00:00Z".parse().unwrap()
}
