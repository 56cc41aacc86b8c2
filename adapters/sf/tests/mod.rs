//! Tests. The fixtures are ours: made-up numbers, sentences and orders in the shape of SF's
//! documents. Beside each stands what it is understood as.
#![allow(clippy::unwrap_used)]

mod codes;
mod errors;
mod fetch;
mod fixtures;
mod mutation;
mod places;
mod pushes;

use waybill_core::number::TrackingNumber;
use waybill_core::privacy::Pii;

use super::*;

/// Settings as the registry fills them.
fn settings(more: &[(&'static str, &str)]) -> Settings {
    let defaults = DESCRIPTOR
        .settings
        .iter()
        .map(|setting| (setting.key, setting.default));
    let given = [
        ("partner_id", "WAYBILLTEST"),
        ("check_word", "waybillCheckWord0000000000000001"),
        ("push_token", "new-word"),
        ("push_token_before", "old-word"),
    ];
    let pairs = defaults.chain(given).chain(more.iter().copied());
    Settings::new(pairs.map(|(key, value)| (key, value.to_owned())))
}

fn adapter(more: &[(&'static str, &str)]) -> Sf {
    Sf::new(&settings(more)).unwrap()
}

fn response(status: u16, body: &str) -> http::Response<Bytes> {
    let body = Bytes::copy_from_slice(body.as_bytes());
    http::Response::builder().status(status).body(body).unwrap()
}

fn number(text: &str) -> TrackingNumber {
    TrackingNumber::parse(text).unwrap()
}

fn query(text: &str) -> Query {
    Query {
        format: "sf_prefixed".to_owned(),
        ..Query::of(number(text))
    }
}

fn with_phone(text: &str, phone: &str) -> Query {
    let mut query = query(text);
    query.hints.phone_last_four = Pii::new(phone.to_owned());
    query
}

/// What one body with status 200 is understood as when nothing was asked.
fn understood(body: &str) -> Answer {
    let mut answers = adapter(&[]).interpret(&[], &response(200, body), now());
    assert_eq!(answers.len(), 1);
    answers.remove(0)
}

fn now() -> Timestamp {
    "2026-03-05T12:00:00Z".parse().unwrap()
}
