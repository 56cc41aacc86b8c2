//! What an answer means that holds no shipment. It must not know shipments or how they are asked
//! for.
//!
//! The codes are those of the documentation of "DHL Parcel DE Tracking (Post & Parcel Germany)":
//! each request has one, and so has each piece in it. The words beside a code can repeat the
//! number, so none of them is passed on.

use std::time::Duration;

use bytes::Bytes;
use http::Response;
use jiff::Timestamp;
use waybill_core::error::{Error, ErrorKind, Retry};

use crate::retry_after::retry_after;

/// A new parcel is known once its data or the parcel itself has arrived.
const UNKNOWN_FOR: Duration = Duration::from_secs(1_800);
/// Logins are counted for a while; asking again at once makes it worse.
const LOGINS_FOR: Duration = Duration::from_secs(900);

/// Code of the request or of a piece, kind, message.
const CODES: &[(i32, ErrorKind, &str)] = &[
    (5, ErrorKind::Denied, "source refused user and password"),
    (6, ErrorKind::Throttled, "source says too many logins"),
    (
        41,
        ErrorKind::InvalidQuery,
        "source refused the check digit of a number",
    ),
    (
        45,
        ErrorKind::InvalidQuery,
        "source found no number in the request",
    ),
    (
        57,
        ErrorKind::HintRequired,
        "source knows nothing under this number for the postal code",
    ),
    // Not a refusal of the credentials: a business customer sees only parcels of its own.
    (
        62,
        ErrorKind::Unsupported,
        "source does not let this account see the shipment",
    ),
    (
        78,
        ErrorKind::HintRequired,
        "number is ambiguous: the source wants the postal code",
    ),
    (
        79,
        ErrorKind::HintRequired,
        "number is ambiguous: the source wants the postal code and whether it is international",
    ),
    (
        80,
        ErrorKind::HintRequired,
        "number is ambiguous: the source wants to know whether it is international",
    ),
    (
        100,
        ErrorKind::NotFound,
        "source has no data for the number",
    ),
    (
        200,
        ErrorKind::NotFound,
        "source has no electronic data for the number",
    ),
];

/// Codes that a single number of many can cause.
pub(super) fn is_about_one_number(error: &Error) -> bool {
    matches!(error.native_code.as_str(), "41" | "45")
}

/// What a code says; `None` if it says that all is well.
pub(super) fn of_code(text: &str) -> Option<Error> {
    let code = match text.trim() {
        "" => return None,
        text => text.parse::<i32>().ok(),
    };
    let error = match code {
        Some(0) => return None,
        Some(code) if code < 0 => Error::new(
            ErrorKind::Unavailable,
            "source reports a technical problem of its own",
        ),
        Some(code) => match CODES.iter().find(|row| row.0 == code) {
            Some(&(_, kind, message)) => Error::new(kind, message),
            None => Error::new(ErrorKind::Malformed, "source states an undocumented code"),
        },
        None => Error::new(ErrorKind::Malformed, "source states a code that is none"),
    };
    let error = match (error.kind, code) {
        (ErrorKind::NotFound, _) => error.with_retry(Retry::After(UNKNOWN_FOR)),
        (_, Some(6)) => error.with_retry(Retry::After(LOGINS_FOR)),
        _ => error,
    };
    Some(match code {
        Some(code) => error.with_code(code.to_string()),
        None => error,
    })
}

/// Nothing under a number, without a code that says so.
pub(super) fn not_found() -> Error {
    Error::new(
        ErrorKind::NotFound,
        "response holds no shipment of this number",
    )
    .with_retry(Retry::After(UNKNOWN_FOR))
}

pub(super) fn malformed(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Malformed, message)
}

/// What another status than 200 means: it comes from the gateway before the service.
pub(super) fn of_status(response: &Response<Bytes>, now: Timestamp) -> Error {
    let status = response.status();
    let (kind, message) = match status.as_u16() {
        400 => (ErrorKind::InvalidQuery, "source refused the request"),
        401 => (ErrorKind::Denied, "source refused key and secret"),
        403 => (
            ErrorKind::Denied,
            "source knows the key, and its app lacks the right to track",
        ),
        404 => (
            ErrorKind::Unsupported,
            "source has no such resource under the base url",
        ),
        408 => (ErrorKind::Timeout, "request timed out at the source"),
        429 => (ErrorKind::Throttled, "source says too many requests"),
        500..=599 => (ErrorKind::Unavailable, "source has a server error"),
        _ => (
            ErrorKind::Malformed,
            "source answered with an undocumented status",
        ),
    };
    let error = Error::new(kind, message).with_code(status.as_str());
    match retry_after(response.headers(), now) {
        Some(retry) if error.retry != Retry::Never => error.with_retry(retry),
        _ => error,
    }
}
