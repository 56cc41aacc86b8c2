//! Tests. The fixtures are ours: made-up numbers, names and places in the shapes that public
//! clients read. Beside each stands what it is understood as.
#![allow(clippy::unwrap_used)]

mod codes;
mod errors;
mod fetch;
mod fixtures;
mod mutation;
mod push;
mod retraction;

use waybill_core::number::TrackingNumber;

use super::*;

/// Our own key: the ASCII text "waybill-sm4-key!".
const KEY: &str = "d2F5YmlsbC1zbTQta2V5IQ==";
/// Another one: "waybill-sm4-old!".
const OLD_KEY: &str = "d2F5YmlsbC1zbTQtb2xkIQ==";

/// Settings as the registry fills them.
fn settings(more: &[(&'static str, &str)]) -> Settings {
    let defaults = DESCRIPTOR
        .settings
        .iter()
        .map(|setting| (setting.key, setting.default));
    let given = [
        ("sender_no", "1100000000001"),
        ("authorization", "s3cretAuthorise1"),
        ("sign_key", KEY),
    ];
    let pairs = defaults.chain(given).chain(more.iter().copied());
    Settings::new(pairs.map(|(key, value)| (key, value.to_owned())))
}

fn adapter(more: &[(&'static str, &str)]) -> ChinaPost {
    ChinaPost::new(&settings(more)).unwrap()
}

/// The keys of an account with this one.
fn keys(key: &str) -> Keys {
    Keys::new(&settings(&[("sign_key", key)]), &["sign_key"]).unwrap()
}

fn response(status: u16, body: &str) -> Response<Bytes> {
    let body = Bytes::copy_from_slice(body.as_bytes());
    Response::builder().status(status).body(body).unwrap()
}

fn query(number: &str) -> Query {
    Query::of(TrackingNumber::parse(number).unwrap())
}

/// What one body with status 200 is understood as.
fn understood(body: &str) -> Answer {
    let mut answers = adapter(&[]).interpret(&[], &response(200, body), now());
    assert_eq!(answers.len(), 1);
    answers.remove(0)
}

fn now() -> Timestamp {
    "2026-03-05T12:00:00Z".parse().unwrap()
}

/// The only report of a body.
fn report(body: &str) -> waybill_core::adapter::Report {
    let mut reports = understood(body).unwrap();
    assert_eq!(reports.len(), 1);
    reports.remove(0)
}

/// An answer of 040001 with these rows.
fn answer(rows: &serde_json::Value) -> String {
    let body = serde_json::json!({ "responseItems": rows }).to_string();
    serde_json::json!({ "retCode": "00000", "retMsg": "成功", "retBody": body }).to_string()
}
