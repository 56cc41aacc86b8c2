//! What the answers of USPS that are no mail mean.
//!
//! Codes are from the Error Inventory of `USPS/api-examples` and from the Tracking document. The
//! deciding code is the one in `error.errors[]`. USPS' own messages are not passed on, because
//! they may repeat the number.

use bytes::Bytes;
use jiff::Timestamp;
use waybill_core::error::{Error, ErrorKind, Retry};

use super::wire::{Body, Failure};
use crate::retry_after::retry_after;

/// Native code, kind, whether asking again can help, message.
const CODES: &[(&str, ErrorKind, Again, &str)] = &[
    ("150001", ErrorKind::NotFound, Again::Slowly, UNSCANNED),
    ("150002", ErrorKind::NotFound, Again::AsUsual, NOT_FOUND),
    ("150003", ErrorKind::NotFound, Again::Slowly, UNSCANNED),
    (
        "150004",
        ErrorKind::Unsupported,
        Again::Never,
        "status of this item is not given out",
    ),
    ("150005", ErrorKind::NotFound, Again::Slowly, UNSCANNED),
    ("150006", ErrorKind::InvalidQuery, Again::Never, SEVERAL),
    ("150007", ErrorKind::InvalidQuery, Again::Never, SEVERAL),
    (
        "150008",
        ErrorKind::Unsupported,
        Again::Never,
        "tracking is suppressed for this product or country",
    ),
    ("150009", ErrorKind::NotFound, Again::Slowly, UNSCANNED),
    (
        "150010",
        ErrorKind::NotFound,
        Again::Never,
        "number may belong to another shipper",
    ),
    (
        "150011",
        ErrorKind::InvalidQuery,
        Again::Never,
        "number is that of a package pickup",
    ),
    (
        "150012",
        ErrorKind::Unsupported,
        Again::Never,
        "tracking is suppressed: postage not accepted",
    ),
    (
        "150013",
        ErrorKind::Unsupported,
        Again::Never,
        "number of an order that is not tracked",
    ),
    ("invalid_client", ErrorKind::Denied, Again::Never, DENIED),
    ("invalid_grant", ErrorKind::Denied, Again::Never, DENIED),
    (
        "unauthorized_client",
        ErrorKind::Denied,
        Again::Never,
        DENIED,
    ),
    ("invalid_scope", ErrorKind::Denied, Again::Never, NO_RIGHT),
    ("invalid_token", ErrorKind::Denied, Again::Never, DENIED),
    ("access_denied", ErrorKind::Denied, Again::Never, NO_RIGHT),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Again {
    Never,
    AsUsual,
    /// The item is announced: nothing comes before somebody scans it.
    Slowly,
}

const UNSCANNED: &str = "item is announced and not scanned yet";
const NOT_FOUND: &str = "number is wrong or has no status yet";
const SEVERAL: &str = "notice number stands for more items than can be told";
const DENIED: &str = "credentials refused, or the app lacks the product or the scope";
const NO_RIGHT: &str = "the app lacks the right to this item or product";

/// How long a number without a scan is left alone.
const SLOW: Retry = Retry::After(std::time::Duration::from_secs(3_600));

/// Explains a response that is not a success.
pub(super) fn of_response(response: &http::Response<Bytes>, now: Timestamp) -> Error {
    let body: Body<'_> = crate::wire::from_slice(response.body()).unwrap_or_default();
    let failure = body.items.iter().find_map(|item| item.error.as_ref());
    let error = of_failure(failure, response.status().as_u16());
    match retry_after(response.headers(), now) {
        Some(retry) if matches!(error.kind, ErrorKind::Throttled | ErrorKind::Unavailable) => {
            error.with_retry(retry)
        }
        _ => error,
    }
}

/// Explains a failure with its HTTP status, which is 0 if nobody states it.
pub(super) fn of_failure(failure: Option<&Failure<'_>>, status: u16) -> Error {
    let code = failure.map_or("", code_of);
    let listed = CODES.iter().find(|row| row.0 == code);
    let status = match status {
        0 | 200..300 => failure.map_or(0, status_of),
        status => status,
    };
    let (kind, again, message) = match (status, listed) {
        (429 | 500.., _) | (_, None) => {
            let (kind, message) = by_status(status, failure.is_some());
            (kind, Again::AsUsual, message)
        }
        (_, Some(&(_, kind, again, message))) => (kind, again, message),
    };
    let error = match status {
        0 => Error::new(kind, message),
        status => Error::new(kind, format!("{message}, http status {status}")),
    };
    let error = error.with_code(code);
    // The API itself refuses one item, for example mail of another shipper.
    let error = match (status, failure, listed) {
        (403, Some(_), None) => error.of_query(),
        _ => error,
    };
    match again {
        Again::AsUsual => error,
        Again::Never => error.with_retry(Retry::Never),
        Again::Slowly => error.with_retry(SLOW),
    }
}

/// Tells whether a failure says that the item is announced and nobody has scanned it.
pub(super) fn is_unscanned(failure: &Failure<'_>) -> bool {
    let code = code_of(failure);
    let mut rows = CODES.iter();
    rows.any(|row| row.0 == code && row.2 == Again::Slowly)
}

/// Explains a failure without a known code. Only an error of the API itself can deny a number:
/// a gateway that answers 404 in HTML says nothing about it.
fn by_status(status: u16, from_api: bool) -> (ErrorKind, &'static str) {
    match status {
        401 => (ErrorKind::Denied, DENIED),
        403 => (ErrorKind::Denied, NO_RIGHT),
        404 if from_api => (ErrorKind::NotFound, NOT_FOUND),
        405 => (ErrorKind::Internal, "method refused"),
        408 => (ErrorKind::Timeout, "request timed out at the source"),
        412 => (ErrorKind::Unavailable, "changed by somebody else meanwhile"),
        429 => (ErrorKind::Throttled, "quota spent"),
        501 => (ErrorKind::Unsupported, "not implemented at the source"),
        500.. => (ErrorKind::Unavailable, "server error"),
        400..500 if from_api => (ErrorKind::InvalidQuery, "request refused"),
        _ => (ErrorKind::Malformed, "answer not understood"),
    }
}

/// The deciding code, if it may be shown: short, of letters, digits and underscores.
fn code_of<'a>(failure: &'a Failure<'_>) -> &'a str {
    let codes = failure.errors.iter().map(|notice| notice.code.trim());
    let codes = codes.chain([failure.code.trim()]);
    let plain = |code: &&str| {
        let short = (1..=24).contains(&code.len());
        short
            && code
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    codes.into_iter().find(plain).unwrap_or("")
}

/// The HTTP status that a failure states of itself.
fn status_of(failure: &Failure<'_>) -> u16 {
    let stated = failure.errors.iter().map(|notice| notice.status.trim());
    let stated = stated.chain([failure.code.trim()]);
    let mut stated = stated.filter_map(|status| status.parse().ok());
    stated
        .find(|status| (400..600).contains(status))
        .unwrap_or(0)
}
