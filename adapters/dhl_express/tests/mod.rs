//! What answers of MyDHL API become. The messages have the shapes of the OpenAPI document 3.1.1;
//! numbers, names and towns are made up.
#![allow(clippy::unwrap_used)]

mod codes;
mod errors;
mod fetch;
mod fixtures;
mod mutation;

use super::*;

/// Settings as the registry fills them.
fn settings(more: &[(&'static str, &str)]) -> Settings {
    let defaults = DESCRIPTOR
        .settings
        .iter()
        .map(|setting| (setting.key, setting.default));
    let given = [("username", "app"), ("password", "s3cret")];
    let pairs = defaults.chain(given).chain(more.iter().copied());
    Settings::new(pairs.map(|(key, value)| (key, value.to_owned())))
}

fn adapter(more: &[(&'static str, &str)]) -> Express {
    Express::new(&settings(more)).unwrap()
}

fn response(status: u16, body: impl AsRef<[u8]>) -> Response<Bytes> {
    let body = Bytes::copy_from_slice(body.as_ref());
    Response::builder().status(status).body(body).unwrap()
}

fn query(number: &str) -> Query {
    Query {
        format: "dhl_express".to_owned(),
        ..Query::of(TrackingNumber::parse(number).unwrap())
    }
}

/// What one answer with status 200 is understood as.
fn understood(body: impl AsRef<[u8]>) -> Answer {
    let mut answers = adapter(&[]).interpret(&[], &response(200, body), now());
    assert_eq!(answers.len(), 1);
    answers.remove(0)
}

fn now() -> Timestamp {
    "2026-03-07T12:00:00Z".parse().unwrap()
}
