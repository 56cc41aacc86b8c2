//! Pushes: an envelope whose payload is JSON as a string, signed over time and payload.
//!
//! `X-HMAC` is the base64 of HMAC-SHA256 with the secret of the subscription over `timestamp`
//! followed by the `payload` string, decoded and otherwise exactly as sent. Before it delivers,
//! USPS sends a `challenge` and expects it back; that brings no news and nothing of it is
//! believed, so it needs no signature.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use waybill_core::adapter::Pushed;
use waybill_core::error::{Error, ErrorKind};
use waybill_core::time::parse_iso;

use super::internal;
use super::map::{Reader, body, malformed};
use super::wire::{Body, Item};
use crate::sign::{Secrets, base64, hex, hmac_sha256, sha256};

/// A push may be this late. USPS does not say how long it tries; a day covers an outage, and what
/// is repeated within it is told by its id.
const LATE: SignedDuration = SignedDuration::from_hours(24);
/// How far the clock of USPS may be ahead of ours.
const EARLY: SignedDuration = SignedDuration::from_hours(1);
/// Longest challenge that is sent back.
const CHALLENGE: usize = 1_024;

/// Checks and understands a push.
pub(super) fn translate(
    reader: &Reader,
    secrets: &Secrets,
    push: &http::Request<Bytes>,
    now: Timestamp,
) -> Result<Pushed, Error> {
    let no_signature = || denied("push has nothing that could be signed");
    let envelope = body(push.body()).map_err(|_| no_signature())?;
    let [item] = envelope.items.as_slice() else {
        return Err(no_signature());
    };
    if !item.challenge.is_empty() && item.payload.is_empty() {
        return answer(item);
    }
    let given = push.headers().get("x-hmac");
    let given = given.and_then(|given| given.to_str().ok()).map(str::trim);
    let given = given.ok_or_else(|| denied("push lacks its signature"))?;
    let (time, payload) = (item.timestamp.as_bytes(), item.payload.as_bytes());
    let fits = secrets.verify(given.as_bytes(), |secret| {
        base64(&hmac_sha256(secret.as_bytes(), &[time, payload])).into_bytes()
    });
    if !fits {
        return Err(denied("signature of the push is wrong"));
    }
    let sent = sent(&item.timestamp).ok_or_else(|| malformed("push states no readable time"))?;
    let age = now.duration_since(sent);
    if age > LATE || age < -EARLY {
        return Err(denied("push is not of this day"));
    }
    let (mut reports, mut poll) = (Vec::new(), Vec::new());
    for member in reader.read_payload(item)? {
        match member.answer {
            Ok(report) if report.claims.is_empty() => poll.push(report.number),
            Ok(report) => reports.push(report),
            // That something is wrong with a number does not tell where it is.
            Err(error) => poll.push(member.number.ok_or(error)?),
        }
    }
    Ok(Pushed {
        id: id(item),
        reports,
        poll,
        reply: reply(Bytes::new())?,
    })
}

/// Sends a challenge back.
fn answer(item: &Item<'_>) -> Result<Pushed, Error> {
    if item.challenge.len() > CHALLENGE {
        return Err(denied("challenge is too long"));
    }
    let echo = json!({ "challenge": item.challenge });
    Ok(Pushed {
        id: String::new(),
        reports: Vec::new(),
        poll: Vec::new(),
        reply: reply(echo.to_string().into())?,
    })
}

fn reply(body: Bytes) -> Result<http::Response<Bytes>, Error> {
    let reply = http::Response::builder();
    let reply = match body.is_empty() {
        true => reply,
        false => reply.header(CONTENT_TYPE, "application/json"),
    };
    reply.body(body).map_err(internal)
}

fn denied(message: &str) -> Error {
    Error::new(ErrorKind::Denied, message)
}

/// When a push was sent: ISO 8601, or seconds or milliseconds since 1970.
fn sent(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(number) = text.parse::<i64>() {
        return match text.len() {
            10 => Timestamp::from_second(number).ok(),
            13 => Timestamp::from_millisecond(number).ok(),
            _ => None,
        };
    }
    let stated = parse_iso(text)?;
    let utc = stated.local.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    let offset = SignedDuration::from_secs(i64::from(stated.offset.unwrap_or(0)));
    utc.timestamp().checked_sub(offset).ok()
}

/// USPS gives a push no id: number, code and time of its events stand in. What is not read is not
/// part of it, and the number must not be legible in it.
fn id(push: &Item<'_>) -> String {
    let payload: Body<'_> = crate::wire::from_str(&push.payload).unwrap_or_default();
    let mut parts: Vec<&[u8]> = Vec::new();
    for item in &payload.items {
        parts.push(item.tracking_number.as_bytes());
        for event in &item.tracking_events {
            for text in [
                &event.event_code,
                &event.event_type,
                &event.event_timestamp,
                &event.gmt_timestamp,
            ] {
                parts.extend([b"\x1f".as_slice(), text.as_bytes()]);
            }
        }
        if item.tracking_events.is_empty() {
            parts.extend([b"\x1f".as_slice(), push.payload.as_bytes()]);
        }
    }
    hex(&sha256(&parts))
}
