//! What the answers of SF that are no routes mean.
//!
//! There are two verdicts: that of the platform (`apiResultCode`), and inside it that of the
//! service (`errorCode`). The codes are those of the API overview and the error page of the route
//! interface. SF's own messages are not passed on, because they may repeat the number.

use std::time::Duration;

use bytes::Bytes;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use waybill_core::error::{Error, ErrorKind, Retry};

use super::clock;
use super::wire::{Envelope, Inner};
use crate::retry_after::retry_after;

/// Code of the platform that means: look inside.
const PLATFORM_OK: &str = "A1000";
/// Code of the service that means success.
const SERVICE_OK: &str = "S0000";

/// Codes of the platform.
const PLATFORM: &[(&str, ErrorKind, &str)] = &[
    (
        "A1001",
        ErrorKind::InvalidQuery,
        "request refused as incomplete",
    ),
    ("A1002", ErrorKind::Denied, "request or token expired"),
    ("A1003", ErrorKind::Denied, "ip address not allowed"),
    (
        "A1004",
        ErrorKind::Denied,
        "no right to the service, or sandbox and production mixed up",
    ),
    (THROTTLED, ErrorKind::Throttled, "too many requests"),
    ("A1006", ErrorKind::Denied, "digest refused"),
    (
        "A1007",
        ErrorKind::InvalidQuery,
        "request refused as repeated",
    ),
    ("A1008", ErrorKind::Unavailable, "source could not decrypt"),
    (
        "A1009",
        ErrorKind::Unavailable,
        "service behind the platform not reached",
    ),
    (
        "A1010",
        ErrorKind::Denied,
        "sandbox state of the account refused",
    ),
    ("A1011", ErrorKind::Denied, "credentials refused"),
    ("A1099", ErrorKind::Unavailable, "platform error"),
];
const THROTTLED: &str = "A1005";

/// Codes of the service. `true`: it is about the number that was asked for.
const SERVICE: &[(&str, ErrorKind, &str, bool)] = &[
    ("S0001", ErrorKind::Unavailable, "service error", false),
    ("S0002", ErrorKind::InvalidQuery, "query refused", true),
    ("S0003", ErrorKind::Unavailable, "service error", false),
    ("S0004", ErrorKind::InvalidQuery, "query refused", true),
    ("S0005", ErrorKind::InvalidQuery, "query refused", true),
    ("S0006", ErrorKind::InvalidQuery, "query refused", true),
    ("S0007", ErrorKind::InvalidQuery, "query refused", true),
    ("6150", ErrorKind::NotFound, "order not found", true),
    (
        "8003",
        ErrorKind::InvalidQuery,
        "more than 10 numbers in a call",
        false,
    ),
    (
        "8013",
        ErrorKind::InvalidQuery,
        "no number in the call",
        false,
    ),
    ("8016", ErrorKind::InvalidQuery, "order placed twice", false),
    ("8018", ErrorKind::NotFound, "no order of that number", true),
    (
        "8024",
        ErrorKind::NotFound,
        "nothing was ordered under that number",
        true,
    ),
    (
        "8037",
        ErrorKind::InvalidQuery,
        "the order was cancelled",
        true,
    ),
    (
        "8191",
        ErrorKind::InvalidQuery,
        "form of the query refused",
        true,
    ),
    (
        "8247",
        ErrorKind::NotFound,
        "no waybill of sf, or sandbox and production mixed up",
        true,
    ),
];

/// Explains a verdict of the platform that is no success.
pub(super) fn of_platform(envelope: &Envelope<'_>) -> Result<(), Error> {
    let code = envelope.code.trim();
    if code == PLATFORM_OK {
        return Ok(());
    }
    let listed = PLATFORM.iter().find(|row| row.0 == code);
    let (kind, message) = listed.map_or(
        (ErrorKind::Malformed, "unknown code of the platform"),
        |&(_, kind, message)| (kind, message),
    );
    let error = Error::new(kind, message).with_code(shown(code));
    Err(match code {
        // Trying again decrypts nothing better.
        "A1008" => error.with_retry(Retry::Never),
        _ => error,
    })
}

/// Explains a verdict of the service that is no success.
pub(super) fn of_business(inner: &Inner<'_>) -> Result<(), Error> {
    let code = inner.error_code.trim();
    let says = |word: &str| inner.success.trim().eq_ignore_ascii_case(word);
    if (code == SERVICE_OK && !says("false")) || (code.is_empty() && says("true")) {
        return Ok(());
    }
    let listed = SERVICE.iter().find(|row| row.0 == code);
    let (kind, message) = listed.map_or(
        (ErrorKind::Malformed, "unknown code of the service"),
        |&(_, kind, message, _)| (kind, message),
    );
    Err(Error::new(kind, message).with_code(shown(code)))
}

/// Whether an error may be about one of several numbers, so that the others are worth asking.
pub(super) fn is_about_a_number(error: &Error) -> bool {
    let mut rows = SERVICE.iter();
    rows.any(|&(code, _, _, of_number)| of_number && code == error.native_code)
}

/// A waybill without routes: SF does not tell one that has not moved from one whose telephone
/// digits are wrong.
pub(super) fn of_empty() -> Error {
    Error::new(
        ErrorKind::NotFound,
        "no routes: nothing scanned yet, or the last four digits of a telephone number are \
         missing or wrong (hint phone_last_four)",
    )
}

/// A number that the answer leaves out.
pub(super) fn of_omitted() -> Error {
    Error::new(ErrorKind::NotFound, "the answer does not list the number")
}

/// Explains a status that is no success.
pub(super) fn of_status(response: &http::Response<Bytes>, now: Timestamp) -> Error {
    let status = response.status().as_u16();
    let envelope: Envelope<'_> = crate::wire::from_slice(response.body()).unwrap_or_default();
    let (kind, message) = match status {
        429 => (ErrorKind::Throttled, "too many requests"),
        408 => (ErrorKind::Timeout, "request timed out at the source"),
        500.. => (ErrorKind::Unavailable, "server error"),
        401 | 403 => (ErrorKind::Denied, "access refused"),
        _ => match of_platform(&envelope) {
            Err(error) if !envelope.code.is_empty() => return timed(error, response, now),
            _ => (ErrorKind::Malformed, "answer not understood"),
        },
    };
    let error = Error::new(kind, format!("{message}, http status {status}"));
    timed(error.with_code(shown(envelope.code.trim())), response, now)
}

/// Adds when to come back, as far as the source says: by a header, or because what is used up is
/// the quota of a day, which ends in China.
pub(super) fn timed(error: Error, response: &http::Response<Bytes>, now: Timestamp) -> Error {
    if !matches!(error.kind, ErrorKind::Throttled | ErrorKind::Unavailable)
        || error.retry == Retry::Never
    {
        return error;
    }
    if let Some(retry) = retry_after(response.headers(), now) {
        return error.with_retry(retry);
    }
    if error.native_code != THROTTLED {
        return error;
    }
    let envelope: Envelope<'_> = crate::wire::from_slice(response.body()).unwrap_or_default();
    let message = envelope.message.to_lowercase();
    let of_a_day = ["天", "日", "day", "daily"];
    match until_tomorrow(now) {
        Some(wait) if of_a_day.iter().any(|word| message.contains(word)) => {
            error.with_retry(Retry::After(wait))
        }
        _ => error,
    }
}

/// Time left of the day in China.
fn until_tomorrow(now: Timestamp) -> Option<Duration> {
    let zone = TimeZone::get(clock::ZONE).ok()?;
    let today = now.to_zoned(zone.clone()).date();
    let tomorrow = today.checked_add(1.day()).ok()?.to_zoned(zone).ok()?;
    let left = tomorrow.timestamp().duration_since(now);
    Duration::try_from(left).ok()
}

/// A code that may be shown: short, of letters and digits.
fn shown(code: &str) -> &str {
    let plain = code.len() <= 12 && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if plain { code } else { "" }
}
