//! What the answers of FedEx that are no shipments mean.
//!
//! Codes are those of the Track API's specification and error pages. FedEx' own messages are not
//! passed on, because they may repeat the number; of a 429 they are read, because they alone name
//! the limit that was hit.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use waybill_core::error::{Error, ErrorKind, Retry};

use super::wire::{Body, Notice};
use crate::retry_after::retry_after;

/// Code of an expired or unknown token.
pub(super) const NOT_AUTHORIZED: &str = "NOT.AUTHORIZED.ERROR";
/// Code of a login that has to be renewed, with whatever status.
pub(super) const RELOGIN: &str = "USER.RELOGIN.REQUIRED";
/// Alert that there is no data.
pub(super) const NO_DATA: &str = "TRACKING.DATA.NOTFOUND";

/// Native code, kind, message.
const CODES: &[(&str, ErrorKind, &str)] = &[
    (
        NOT_AUTHORIZED,
        ErrorKind::Denied,
        "token or credentials refused",
    ),
    (RELOGIN, ErrorKind::Unavailable, "login has to be renewed"),
    (
        "CUSTOMER.USAGE.LOCKED",
        ErrorKind::Denied,
        "the customer is locked",
    ),
    ("FORBIDDEN.ERROR", ErrorKind::Denied, NO_RIGHT),
    (
        "NOT.FOUND.ERROR",
        ErrorKind::Unsupported,
        "no such resource under the base url",
    ),
    ("INTERNAL.SERVER.ERROR", ErrorKind::Unavailable, SERVER),
    ("SERVICE.UNAVAILABLE.ERROR", ErrorKind::Unavailable, SERVER),
    ("TOO.MANY.REQUESTS", ErrorKind::Throttled, THROTTLED),
    (
        "TRACKING.TRACKINGNUMBER.NOTFOUND",
        ErrorKind::NotFound,
        NOT_FOUND,
    ),
    (NO_DATA, ErrorKind::NotFound, NOT_FOUND),
    (
        "TRACKING.REFERENCENUMBER.NOTFOUND",
        ErrorKind::NotFound,
        NOT_FOUND,
    ),
    ("TRACKING.TCN.NOTFOUND", ErrorKind::NotFound, NOT_FOUND),
    (
        "NOTIFICATION.TRACKINGNBR.NOTFOUND",
        ErrorKind::NotFound,
        NOT_FOUND,
    ),
    (
        "TRACKING.TRACKINGNUMBER.INVALID",
        ErrorKind::InvalidQuery,
        NUMBER,
    ),
    (
        "TRACKING.TRACKINGNUMBER.EMPTY",
        ErrorKind::InvalidQuery,
        NUMBER,
    ),
    (
        "TRACKING.REFRENCEVALUE.INVALID",
        ErrorKind::InvalidQuery,
        NUMBER,
    ),
    (
        "TRACKING.REFERENCEVALUE.EMPTY",
        ErrorKind::InvalidQuery,
        NUMBER,
    ),
    ("TRACKING.TCNVALUE.EMPTY", ErrorKind::InvalidQuery, NUMBER),
    (
        "TRACKING.REFERENCETYPE.INVALID",
        ErrorKind::InvalidQuery,
        REFUSED,
    ),
    (
        "TRACKING.REFERENCEDATA.INCOMPLETE",
        ErrorKind::InvalidQuery,
        REFUSED,
    ),
    (
        "TRACKING.ACCOUNTNUMBER.EMPTY",
        ErrorKind::InvalidQuery,
        REFUSED,
    ),
    (
        "TRACKING.POSTALCODE.INVALID",
        ErrorKind::InvalidQuery,
        REFUSED,
    ),
    (
        "TRACKING.DESTINATIONCOUNTRYCODE.INVALID",
        ErrorKind::InvalidQuery,
        REFUSED,
    ),
    (
        "TRACKING.MULTIPIECE.ERROR",
        ErrorKind::InvalidQuery,
        REFUSED,
    ),
    (
        "TRACKING.SHIPDATEBEGIN.INVALID",
        ErrorKind::InvalidQuery,
        SHIP_DATE,
    ),
    (
        "TRACKING.SHIPDATEBEGIN.TOOOLD",
        ErrorKind::InvalidQuery,
        "ship date too far in the past",
    ),
    (
        "TRACKING.SHIPDATEEND.INVALID",
        ErrorKind::InvalidQuery,
        SHIP_DATE,
    ),
    (
        "TRACKING.SHIPDATEEND.FUTURE",
        ErrorKind::InvalidQuery,
        SHIP_DATE,
    ),
    (
        "TRACKING.SHIPDATERANGE.INVALID",
        ErrorKind::InvalidQuery,
        SHIP_DATE,
    ),
    (
        "TRACKING.SHIPDATERANGE.ERROR",
        ErrorKind::InvalidQuery,
        SHIP_DATE,
    ),
    (
        "TRACKING.SHIPDATERANGE.TOOLONG",
        ErrorKind::InvalidQuery,
        SHIP_DATE,
    ),
    (
        "TRACKING.SHIPDATE.ENDDATEBEFOREBEGINDATE",
        ErrorKind::InvalidQuery,
        SHIP_DATE,
    ),
    (
        "TRACKING.DATA.NOTUNIQUE",
        ErrorKind::HintRequired,
        "several shipments have used the number; the ship date is needed",
    ),
    (
        "TRACKING.CUSTOMCRITICAL.ERROR",
        ErrorKind::Unsupported,
        "custom critical shipments are not tracked here",
    ),
    (
        "TRACKING.MULTISTOP.ERROR",
        ErrorKind::Unsupported,
        "shipments with several stops are not tracked here",
    ),
    (
        "TRACKING.TRACKINGNUMBERS.LIMITEXCEEDED",
        ErrorKind::Internal,
        "too many numbers in one request",
    ),
    (
        "TRACKING.LOCALE.INVALID",
        ErrorKind::Internal,
        "locale refused",
    ),
    (
        "TRACKINGDOCUMENT.DOCUMENT.UNAVAILABLE",
        ErrorKind::Unavailable,
        "document not there yet",
    ),
];

const NOT_FOUND: &str = "tracking number not found";
const NUMBER: &str = "number refused";
const REFUSED: &str = "request refused";
const SHIP_DATE: &str = "ship date refused";
const NO_RIGHT: &str = "the project lacks the right to track";
const THROTTLED: &str = "too many requests";
const SERVER: &str = "server error";

/// A document of a delivery can take days; asking again within the hour is of no use.
const DOCUMENT: Duration = Duration::from_secs(6 * 3_600);
/// Length of the window in which bursts are counted.
const BURST: Duration = Duration::from_secs(10);
const DAY: i64 = 86_400;

/// Explains a response that is not a success.
pub(super) fn of_response(response: &http::Response<Bytes>, now: Timestamp) -> Error {
    let status = response.status().as_u16();
    let body: Option<Body<'_>> = crate::wire::from_slice(response.body()).ok();
    let first = body.as_ref().and_then(|body| body.errors.first());
    let code = first.map_or("", code_of);
    let listed = CODES.iter().find(|row| row.0 == code);
    let (kind, message) = match (status, listed) {
        (429, _) => (ErrorKind::Throttled, THROTTLED),
        (408, _) => (ErrorKind::Timeout, "request timed out at the source"),
        (500.., _) => (ErrorKind::Unavailable, SERVER),
        (_, Some(&(_, kind, message))) => (kind, message),
        (401, None) => (ErrorKind::Denied, "credentials refused"),
        (403, None) => (ErrorKind::Denied, NO_RIGHT),
        // A gateway that refuses in HTML says nothing about the number.
        (400 | 422, None) if first.is_some() => (ErrorKind::InvalidQuery, REFUSED),
        _ => (ErrorKind::Malformed, "answer not understood"),
    };
    let error = Error::new(kind, format!("{message}, http status {status}")).with_code(code);
    match retry_after(response.headers(), now) {
        Some(retry) if matches!(kind, ErrorKind::Throttled | ErrorKind::Unavailable) => {
            error.with_retry(retry)
        }
        _ if kind == ErrorKind::Throttled => error.with_retry(until_reset(first, now)),
        _ => patient(error),
    }
}

/// Explains an error or an alert within an answer.
pub(super) fn of_notice(notice: &Notice<'_>, now: Timestamp) -> Error {
    let code = code_of(notice);
    let listed = CODES.iter().find(|row| row.0 == code);
    let (kind, message) = listed.map_or(
        (ErrorKind::Malformed, "unknown error and no shipment"),
        |&(_, kind, message)| (kind, message),
    );
    let error = Error::new(kind, message).with_code(code);
    match kind {
        ErrorKind::Throttled => error.with_retry(until_reset(Some(notice), now)),
        _ => patient(error),
    }
}

fn patient(error: Error) -> Error {
    match error.native_code.as_str() {
        "TRACKINGDOCUMENT.DOCUMENT.UNAVAILABLE" => error.with_retry(Retry::After(DOCUMENT)),
        _ => error,
    }
}

/// The daily budget is new at midnight GMT, that of bursts after ten seconds. Only the words say
/// which of them is spent.
fn until_reset(notice: Option<&Notice<'_>>, now: Timestamp) -> Retry {
    let words = notice.map_or_else(String::new, |notice| notice.message.to_ascii_lowercase());
    let daily = ["daily", "per day", "a day"];
    if daily.iter().any(|word| words.contains(word)) {
        let left = DAY - now.as_second().rem_euclid(DAY);
        return Retry::After(Duration::from_secs(left.unsigned_abs()));
    }
    Retry::After(BURST)
}

/// Tells whether a refused batch may be the fault of one of its numbers.
pub(super) fn is_of_a_number(error: &Error) -> bool {
    matches!(
        error.kind,
        ErrorKind::InvalidQuery | ErrorKind::NotFound | ErrorKind::HintRequired
    )
}

/// A code that may be shown: short, of capitals and full stops: no number fits.
fn code_of<'a>(notice: &'a Notice<'_>) -> &'a str {
    let code = notice.code.trim();
    let shown = |byte: u8| byte.is_ascii_uppercase() || byte == b'.';
    let plain = code.len() <= 48 && code.bytes().all(shown);
    if plain { code } else { "" }
}
