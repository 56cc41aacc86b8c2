//! What the answers of UPS that are no shipments mean.
//!
//! Codes are from `Tracking.yaml`, `UPSTrackAlert.yaml` and public clients. UPS' own messages are
//! not passed on, because they may repeat the number.

use bytes::Bytes;
use http::StatusCode;
use jiff::Timestamp;
use waybill_core::error::{Error, ErrorKind};

use super::wire::{Answer, Notice};
use crate::retry_after::retry_after;

/// Native code, kind, message.
const CODES: &[(&str, ErrorKind, &str)] = &[
    ("TW0001", ErrorKind::NotFound, NOT_FOUND),
    ("TJ001", ErrorKind::NotFound, NOT_FOUND),
    ("151018", ErrorKind::NotFound, NOT_FOUND),
    ("TV1002", ErrorKind::InvalidQuery, "inquiry number refused"),
    ("10400", ErrorKind::InvalidQuery, "request refused"),
    (
        "250002",
        ErrorKind::Denied,
        "credentials refused, or the app lacks the tracking product",
    ),
    ("250003", ErrorKind::Denied, "access licence refused"),
    ("251004", ErrorKind::Denied, "token expired"),
    ("UJ0001", ErrorKind::Denied, "token refused"),
    ("10429", ErrorKind::Throttled, THROTTLED),
    ("10004", ErrorKind::Unavailable, SERVER),
    ("VSS100", ErrorKind::Unavailable, SERVER),
    (
        "404",
        ErrorKind::Unsupported,
        "no such resource under the base url",
    ),
    ("405", ErrorKind::Internal, "method refused"),
    ("10007", ErrorKind::Internal, "content type refused"),
    ("VSS002", ErrorKind::Internal, "transId refused"),
    ("VSS003", ErrorKind::Internal, "transId refused"),
    ("VSS004", ErrorKind::Internal, "transactionSrc refused"),
    ("VSS006", ErrorKind::Internal, "transactionSrc refused"),
];

const NOT_FOUND: &str = "tracking information not found";
const NO_RIGHT: &str = "the app or the account lacks the right to track";
const THROTTLED: &str = "too many requests";
const SERVER: &str = "server error";

/// Explains a response that is not a success.
pub(super) fn of_response(response: &http::Response<Bytes>, now: Timestamp) -> Error {
    let status = response.status();
    let answer: Option<Answer<'_>> = crate::wire::from_slice(response.body()).ok();
    let first = answer
        .as_ref()
        .and_then(|answer| answer.response.errors.first());
    let code = first.map_or("", code_of);
    let listed = CODES.iter().find(|row| row.0 == code);
    let (kind, message) = match status.as_u16() {
        429 => (ErrorKind::Throttled, THROTTLED),
        408 => (ErrorKind::Timeout, "request timed out at the source"),
        500.. => (ErrorKind::Unavailable, SERVER),
        _ => match listed {
            Some(&(_, kind, message)) => (kind, message),
            None => by_status(status, first.is_some()),
        },
    };
    let mut error = Error::new(kind, format!("{message}, http status {}", status.as_u16()));
    error.native_code = code.to_owned();
    match retry_after(response.headers(), now) {
        Some(retry) if matches!(kind, ErrorKind::Throttled | ErrorKind::Unavailable) => {
            error.with_retry(retry)
        }
        _ => error,
    }
}

/// Explains an answer with status 200 and without a shipment by its first warning or error.
pub(super) fn of_notice(notice: Option<&Notice<'_>>) -> Error {
    let code = notice.map_or("", code_of);
    let listed = CODES.iter().find(|row| row.0 == code);
    let (kind, message) = match (listed, notice) {
        (Some(&(_, kind, message)), _) => (kind, message),
        (None, None) => (ErrorKind::NotFound, NOT_FOUND),
        (None, Some(_)) => (ErrorKind::Malformed, "answer has a notice and no shipment"),
    };
    Error::new(kind, message).with_code(code)
}

/// Explains a failure without a known code. Only an error of the API itself can deny a number:
/// a gateway that answers 404 in HTML says nothing about it.
fn by_status(status: StatusCode, from_api: bool) -> (ErrorKind, &'static str) {
    match status.as_u16() {
        401 => (ErrorKind::Denied, "credentials refused"),
        403 => (ErrorKind::Denied, NO_RIGHT),
        404 if from_api => (ErrorKind::NotFound, NOT_FOUND),
        405 => (ErrorKind::Internal, "method refused"),
        400..500 if from_api => (ErrorKind::InvalidQuery, "request refused"),
        _ => (ErrorKind::Malformed, "answer not understood"),
    }
}

/// A code that may be shown: short, of letters and digits.
fn code_of<'a>(notice: &'a Notice<'_>) -> &'a str {
    let code = notice.code.trim();
    let plain = code.len() <= 12 && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if plain { code } else { "" }
}
