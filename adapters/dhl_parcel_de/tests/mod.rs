//! What the XML of Parcel DE Tracking becomes. The messages have the documented shape; numbers,
//! names and towns are made up.
#![allow(clippy::unwrap_used)]

mod codes;
mod errors;
mod fetch;
mod fixtures;
mod hostile;

use waybill_core::number::TrackingNumber;

use super::*;

/// Settings as the registry fills them.
fn settings(more: &[(&'static str, &str)]) -> Settings {
    let defaults = DESCRIPTOR
        .settings
        .iter()
        .map(|setting| (setting.key, setting.default));
    let given = [
        ("api_key", "key"),
        ("api_secret", "s3cret"),
        ("user", "zt0"),
        ("password", "a<b&\"c"),
    ];
    let pairs = defaults.chain(given).chain(more.iter().copied());
    Settings::new(pairs.map(|(key, value)| (key, value.to_owned())))
}

fn adapter(more: &[(&'static str, &str)]) -> ParcelDe {
    ParcelDe::new(&settings(more)).unwrap()
}

fn response(status: u16, body: impl AsRef<[u8]>) -> Response<Bytes> {
    let body = Bytes::copy_from_slice(body.as_ref());
    Response::builder().status(status).body(body).unwrap()
}

fn query(number: &str) -> Query {
    Query {
        format: "dhl_paket_20".to_owned(),
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
