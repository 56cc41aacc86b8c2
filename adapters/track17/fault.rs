//! What the refusals of 17TRACK mean: of a call, by HTTP status or by the code of its envelope, and
//! of one number in a call that went through.
//!
//! Codes are those of the v2.4 documents and of the article on error codes in 17TRACK's help
//! centre. Its own messages are not passed on, because they repeat the number.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use waybill_core::error::{Error, ErrorKind, Retry};

use super::wire::{Body, Data};
use crate::retry_after::retry_after;

/// The number is registered already.
pub(super) const REGISTERED: i64 = -18_019_901;
/// The number is not registered.
pub(super) const NOT_REGISTERED: i64 = -18_019_902;
/// The pair of number and carrier is not registered.
pub(super) const NO_SUCH_PAIR: i64 = -18_019_805;
/// Tracking goes on, so that it cannot be taken up again.
pub(super) const NOT_STOPPED: i64 = -18_019_904;
/// Tracking does not go on, so that it cannot be stopped.
pub(super) const NOT_TRACKED: i64 = -18_019_906;
/// Registered, no result yet.
const NOTHING_YET: i64 = -18_019_909;

/// The first result comes some time within ten minutes of a registration.
const SOON: Duration = Duration::from_secs(15);
/// A number that has no result yet must not be remembered for long.
const LATER: Duration = Duration::from_secs(60);
/// The hour at which a day's quota begins anew is not documented; a bought one begins anew when
/// somebody buys it.
const QUOTA: Duration = Duration::from_secs(3_600);
/// Least wait after a 429 that names none: three requests a second are allowed.
const PACE: Duration = Duration::from_secs(1);
/// Carriers that cannot be registered, or asked at the moment.
const CARRIER: Duration = Duration::from_secs(3_600);

type Row = (i64, ErrorKind, Option<Duration>, &'static str);

/// Code, kind, when to try again if not by the kind, message.
pub(super) static CODES: &[Row] = &[
    (
        -18_010_001,
        ErrorKind::Denied,
        None,
        "address of the gateway is not on the account's list",
    ),
    (-18_010_002, ErrorKind::Denied, None, "key refused"),
    (
        -18_010_003,
        ErrorKind::Unavailable,
        None,
        "internal error of the service",
    ),
    (-18_010_004, ErrorKind::Denied, None, "account disabled"),
    (-18_010_005, ErrorKind::Denied, None, "access refused"),
    (
        -18_010_010,
        ErrorKind::Internal,
        None,
        "required data missing",
    ),
    (-18_010_011, ErrorKind::InvalidQuery, None, "value refused"),
    (
        -18_010_012,
        ErrorKind::InvalidQuery,
        None,
        "format of the number refused",
    ),
    (
        -18_010_013,
        ErrorKind::InvalidQuery,
        None,
        "submitted data refused",
    ),
    (
        -18_010_014,
        ErrorKind::Internal,
        None,
        "too many numbers in one call",
    ),
    (
        -18_010_015,
        ErrorKind::InvalidQuery,
        None,
        "value of a field refused",
    ),
    (
        -18_010_016,
        ErrorKind::Internal,
        None,
        "last-mile carrier given for a carrier that is no post",
    ),
    (
        -18_010_018,
        ErrorKind::HintRequired,
        None,
        "country and postal code of the destination are needed",
    ),
    (
        -18_010_019,
        ErrorKind::HintRequired,
        None,
        "postal code of the destination is needed",
    ),
    (
        -18_010_020,
        ErrorKind::HintRequired,
        None,
        "telephone number is needed",
    ),
    (
        -18_010_022,
        ErrorKind::HintRequired,
        None,
        "day of shipping is needed",
    ),
    (
        -18_010_201,
        ErrorKind::Denied,
        None,
        "account has no address for pushes",
    ),
    (
        -18_010_202,
        ErrorKind::Denied,
        None,
        "account's address for pushes is wrong",
    ),
    (
        -18_010_203,
        ErrorKind::Denied,
        None,
        "test of the account's address for pushes failed",
    ),
    (
        -18_010_204,
        ErrorKind::Denied,
        None,
        "account has no address for pushes",
    ),
    (
        -18_010_205,
        ErrorKind::Denied,
        None,
        "address on the account's list is wrong",
    ),
    (-18_010_206, ErrorKind::Unavailable, None, "push failed"),
    (
        -18_019_801,
        ErrorKind::InvalidQuery,
        None,
        "number is registered with several carriers",
    ),
    (
        -18_019_802,
        ErrorKind::Internal,
        None,
        "new carrier refused",
    ),
    (
        -18_019_803,
        ErrorKind::Internal,
        None,
        "new carrier is the present one",
    ),
    (
        -18_019_804,
        ErrorKind::Internal,
        None,
        "no new carrier given",
    ),
    (
        NO_SUCH_PAIR,
        ErrorKind::NotFound,
        None,
        "number is not registered with this carrier",
    ),
    (
        -18_019_806,
        ErrorKind::Unsupported,
        None,
        "tracking of the number has been stopped",
    ),
    (
        -18_019_807,
        ErrorKind::Unsupported,
        None,
        "carrier of the number was changed too often",
    ),
    (
        -18_019_808,
        ErrorKind::NotFound,
        Some(LATER),
        "first result is not there yet",
    ),
    (
        -18_019_809,
        ErrorKind::Internal,
        None,
        "that registration exists already",
    ),
    (
        -18_019_810,
        ErrorKind::InvalidQuery,
        None,
        "several registrations fit",
    ),
    (
        -18_019_811,
        ErrorKind::Internal,
        None,
        "changed data refused",
    ),
    (
        -18_019_815,
        ErrorKind::Timeout,
        None,
        "carrier did not answer the service in time",
    ),
    (
        -18_019_816,
        ErrorKind::Unavailable,
        None,
        "carrier gave the service no result",
    ),
    (
        -18_019_817,
        ErrorKind::Unavailable,
        None,
        "service failed and charged nothing",
    ),
    (
        -18_019_818,
        ErrorKind::Unsupported,
        None,
        "carrier cannot be asked at once",
    ),
    (
        REGISTERED,
        ErrorKind::NotFound,
        Some(LATER),
        "registered, first result is not there yet",
    ),
    (
        NOT_REGISTERED,
        ErrorKind::NotFound,
        None,
        "number is not registered",
    ),
    (
        -18_019_903,
        ErrorKind::HintRequired,
        None,
        "carrier of the number is needed",
    ),
    (
        NOT_STOPPED,
        ErrorKind::Internal,
        None,
        "tracking goes on already",
    ),
    (
        -18_019_905,
        ErrorKind::Unsupported,
        None,
        "tracking was taken up again once before",
    ),
    (
        NOT_TRACKED,
        ErrorKind::Internal,
        None,
        "tracking does not go on",
    ),
    (
        -18_019_907,
        ErrorKind::Throttled,
        Some(QUOTA),
        "daily limit of registrations reached",
    ),
    (
        -18_019_908,
        ErrorKind::Throttled,
        Some(QUOTA),
        "quota used up",
    ),
    (
        NOTHING_YET,
        ErrorKind::NotFound,
        Some(LATER),
        "registered, no result yet",
    ),
    (
        -18_019_910,
        ErrorKind::Internal,
        None,
        "key of the carrier refused",
    ),
    (
        -18_019_911,
        ErrorKind::Unavailable,
        Some(CARRIER),
        "carrier takes no registrations now",
    ),
    (
        -18_019_912,
        ErrorKind::Denied,
        None,
        "account may not ask carriers at once",
    ),
];

/// Explains a code of the source.
pub(super) fn of_code(code: &str) -> Error {
    let code = code.trim();
    let number: Option<i64> = code.parse().ok();
    let listed = number.and_then(|number| CODES.iter().find(|row| row.0 == number));
    if let Some(status) = number.and_then(|number| u16::try_from(number).ok())
        && (400..600).contains(&status)
    {
        let (kind, message) = by_status(status);
        let error = Error::new(kind, message).with_code(code);
        return match kind {
            ErrorKind::Throttled => error.with_retry(Retry::After(PACE)),
            _ => error,
        };
    }
    let Some(&(_, kind, wait, message)) = listed else {
        let plain = matches!(code.len(), 1..=12)
            && code
                .bytes()
                .all(|byte| byte == b'-' || byte.is_ascii_digit());
        let error = Error::new(ErrorKind::Internal, "refused with an unknown code");
        // An unknown refusal may be gone at the next attempt; it must not be tried without pause.
        return error
            .with_retry(Retry::After(LATER))
            .with_code(if plain { code } else { "" });
    };
    let error = Error::new(kind, message).with_code(code);
    let error = match kind {
        // Nothing can be registered; numbers that are can still be asked for.
        ErrorKind::Throttled => error.of_query(),
        _ => error,
    };
    match wait {
        Some(wait) => error.with_retry(Retry::After(wait)),
        None => error,
    }
}

/// Explains a number whose main status is that nothing was found.
pub(super) fn of_status(sub_status: &str) -> Error {
    if sub_status == "NotFound_InvalidCode" {
        let refused = "carrier refuses the number as invalid";
        return Error::new(ErrorKind::InvalidQuery, refused).with_code(sub_status);
    }
    let plain = sub_status.starts_with("NotFound")
        && sub_status.len() <= 40
        && sub_status
            .bytes()
            .all(|byte| byte == b'_' || byte.is_ascii_alphanumeric());
    Error::new(ErrorKind::NotFound, "registered, carrier has no result")
        .with_retry(Retry::After(LATER))
        .with_code(if plain { sub_status } else { "" })
}

/// A number that was registered just now.
pub(super) fn just_registered() -> Error {
    Error::new(
        ErrorKind::NotFound,
        "registered now, first result is not there yet",
    )
    .with_retry(Retry::After(SOON))
}

/// A number that the answer does not mention, though it must.
pub(super) fn omitted() -> Error {
    let message = "answer does not mention the number";
    Error::new(ErrorKind::Unavailable, message).with_retry(Retry::After(LATER))
}

/// Explains an envelope that reports a failure of the whole call; `None` if it reports none.
pub(super) fn of_envelope(body: &Body<'_>) -> Option<Error> {
    let first = body.data.iter().flat_map(|data: &Data<'_>| &data.errors);
    let first = first.map(|failure| failure.code.trim()).next();
    let code = body.code.trim();
    match (code, first) {
        // Without an error the code itself says what is wrong.
        ("" | "0", None) => None,
        (code, None) => Some(of_code(code)),
        (_, Some(first)) => Some(of_code(first)),
    }
}

/// What an HTTP status means; envelopes have them as codes too.
const fn by_status(status: u16) -> (ErrorKind, &'static str) {
    match status {
        401 | 403 => (ErrorKind::Denied, "key, address or account refused"),
        404 => (
            ErrorKind::Unsupported,
            "no such resource under the base url",
        ),
        408 => (ErrorKind::Timeout, "request timed out at the source"),
        413 => (ErrorKind::Internal, "request is too large"),
        429 => (ErrorKind::Throttled, "too many requests"),
        500..=599 => (ErrorKind::Unavailable, "server error"),
        _ => (ErrorKind::Malformed, "answer not understood"),
    }
}

/// Explains a response with another status than 200.
pub(super) fn of_response(response: &http::Response<Bytes>, now: Timestamp) -> Error {
    let status = response.status().as_u16();
    let body: Option<Body<'_>> = crate::wire::from_slice(response.body()).ok();
    let said = body.as_ref().and_then(of_envelope);
    let said = said.filter(|error| error.kind != ErrorKind::Internal);
    let (kind, message) = by_status(status);
    // The status is what it is; only where it says little does the code of the body count.
    let error = match said {
        Some(said) if said.kind == kind || matches!(status, 400 | 401 | 403) => said,
        _ => Error::new(kind, format!("{message}, http status {status}")),
    };
    match (retry_after(response.headers(), now), error.kind) {
        (Some(retry), ErrorKind::Throttled | ErrorKind::Unavailable) => error.with_retry(retry),
        (None, ErrorKind::Throttled) if status == 429 => error.with_retry(Retry::After(PACE)),
        _ => error,
    }
}
