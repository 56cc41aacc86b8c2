//! What refusals mean. The messages of the platform are not passed on: they may repeat the number.
//!
//! The codes of LINK are observed and those of its family; those of 1688 are documented; of the
//! router 7, 21, 25, 26 and 27 are, the rest follows its convention: a sub code `isp.` is the
//! platform's fault, `isv.` the caller's.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http::header::LOCATION;
use jiff::Timestamp;
use waybill_core::error::{Error, ErrorKind, Retry};

use super::map::malformed;
use super::wire::{Envelope, RouterError};
use crate::retry_after::retry_after;

/// How long the public page is left alone after it has answered with its shield.
const SHIELDED: Duration = Duration::from_secs(30 * 60);

/// LINK and 1688: code, kind, message.
const CODES: &[(&str, ErrorKind, &str)] = &[
    ("S01", ErrorKind::Internal, "content refused as no json"),
    ("S02", ErrorKind::Denied, "digest refused"),
    ("S03", ErrorKind::Denied, "provider id refused"),
    ("S04", ErrorKind::Unsupported, "message type refused"),
    ("S05", ErrorKind::InvalidQuery, "content refused"),
    ("S06", ErrorKind::Timeout, "timed out at the source"),
    ("S07", ErrorKind::Unavailable, "system error"),
    ("S08", ErrorKind::Denied, "provider id refused"),
    ("S09", ErrorKind::NotFound, "number not found"),
    ("S12", ErrorKind::Internal, "a system parameter is missing"),
    (
        "S16",
        ErrorKind::Denied,
        "no route from this provider to this target",
    ),
    (
        "S23",
        ErrorKind::Denied,
        "provider not authorised for the target",
    ),
    ("S112", ErrorKind::Throttled, "too many requests"),
    ("404", ErrorKind::NotFound, "the order has no trace"),
    (
        "order.nopermission.buyer",
        ErrorKind::InvalidQuery,
        "the order is of another buyer than the token",
    ),
    ("order.createtime.history", ErrorKind::NotFound, TOO_OLD),
    (
        "gw.APIACLDecline",
        ErrorKind::Denied,
        "the app lacks the api",
    ),
];
const TOO_OLD: &str = "orders older than a year are not served";

/// Taobao router: code, kind, message.
const ROUTER: &[(&str, ErrorKind, &str)] = &[
    ("7", ErrorKind::Throttled, "call limit of the app reached"),
    ("11", ErrorKind::Denied, "the app lacks the api"),
    ("12", ErrorKind::Denied, "the shop did not grant the api"),
    ("21", ErrorKind::Internal, "method is missing"),
    ("25", ErrorKind::Denied, "signature refused"),
    ("26", ErrorKind::Denied, "session is missing"),
    ("27", ErrorKind::Denied, "session refused"),
    ("29", ErrorKind::Denied, "app key refused"),
];

pub(super) fn not_found(message: &str) -> Error {
    Error::new(ErrorKind::NotFound, message)
}

/// The public page wants a person to move a slider. It is never solved, and asking again makes it
/// worse.
pub(super) fn shielded() -> Error {
    Error::new(
        ErrorKind::Throttled,
        "the public page answers with its slider; left alone for half an hour",
    )
    .with_retry(Retry::After(SHIELDED))
}

/// Whether a page is the slider of the shield.
pub(super) fn is_shield(page: &[u8]) -> bool {
    let holds = |mark: &[u8]| page.windows(mark.len()).any(|part| part == mark);
    holds(b"rgv587_flag") || holds(b"_____tmd_____") || holds(b"/punish")
}

/// Explains a response that is not a success, from its status alone.
pub(super) fn of_status(response: &http::Response<Bytes>, now: Timestamp) -> Error {
    let location = response.headers().get(LOCATION);
    if is_shield(response.body()) || location.is_some_and(|to| is_shield(to.as_bytes())) {
        return shielded();
    }
    let status = response.status();
    let (kind, message) = match status {
        StatusCode::UNAUTHORIZED => (ErrorKind::Denied, "token or credentials refused"),
        StatusCode::FORBIDDEN => (ErrorKind::Denied, "access refused"),
        StatusCode::TOO_MANY_REQUESTS => (ErrorKind::Throttled, "too many requests"),
        StatusCode::REQUEST_TIMEOUT => (ErrorKind::Timeout, "request timed out at the source"),
        status if status.is_server_error() => (ErrorKind::Unavailable, "server error"),
        _ => (ErrorKind::Malformed, "answer not understood"),
    };
    let error = Error::new(kind, format!("{message}, http status {}", status.as_u16()));
    match retry_after(response.headers(), now) {
        Some(retry) if matches!(kind, ErrorKind::Throttled | ErrorKind::Unavailable) => {
            error.with_retry(retry)
        }
        _ => error,
    }
}

/// The refusal in an answer, if it is one. `asks_page`: numbers are asked of the public page,
/// whose codes are not known.
pub(super) fn of_answer(envelope: &Envelope<'_>, asks_page: bool) -> Option<Error> {
    if !envelope.shield.is_empty() {
        return Some(shielded());
    }
    if let Some(error) = envelope.error_response.first() {
        return Some(of_router(error));
    }
    let code = [&envelope.error_code, &envelope.gateway_code]
        .into_iter()
        .map(|code| code.trim())
        .find(|code| !code.is_empty())
        .unwrap_or_default();
    let refused = envelope.success.trim().eq_ignore_ascii_case("false");
    if !refused && (code.is_empty() || !envelope.success.trim().is_empty()) {
        return None;
    }
    Some(of_code(code, asks_page))
}

fn of_code(code: &str, asks_page: bool) -> Error {
    if let Some(&(code, kind, message)) = CODES.iter().find(|row| row.0 == code) {
        let error = Error::new(kind, message).with_code(code);
        return match message {
            TOO_OLD => error.with_retry(Retry::Never),
            _ => error,
        };
    }
    let error = if asks_page {
        Error::new(ErrorKind::Throttled, "refused by the public page")
            .with_retry(Retry::After(SHIELDED))
    } else if code.starts_with("gw.Qos") {
        Error::new(ErrorKind::Throttled, "too many requests")
    } else if code.is_empty() {
        malformed("refused without a code")
    } else {
        Error::new(
            ErrorKind::InvalidQuery,
            "refused with a code that is not known",
        )
    };
    error.with_code(shown(code))
}

fn of_router(error: &RouterError<'_>) -> Error {
    let (code, sub) = (error.code.trim(), error.sub_code.trim());
    let native = if sub.is_empty() { code } else { sub };
    let (kind, message) = match ROUTER.iter().find(|row| row.0 == code) {
        Some(&(_, kind, message)) => (kind, message),
        None if sub.starts_with("isp.") => (ErrorKind::Unavailable, "error of the platform"),
        None if sub.starts_with("isv.") && sub.ends_with("not-exist") => {
            (ErrorKind::NotFound, "the trade does not exist")
        }
        None if sub.starts_with("isv.") => (ErrorKind::InvalidQuery, "request refused"),
        None if code.is_empty() => (ErrorKind::Malformed, "refused without a code"),
        None => (
            ErrorKind::InvalidQuery,
            "refused with a code that is not known",
        ),
    };
    Error::new(kind, message).with_code(shown(native))
}

/// A code that may be shown: short, and made of what codes are made of.
fn shown(code: &str) -> &str {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    if code.len() <= 60 && code.bytes().all(plain) {
        code
    } else {
        ""
    }
}
