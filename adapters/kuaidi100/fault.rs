//! What the answers of Kuaidi100 that are no shipments mean. All of them come with status 200, and
//! one code means different things to a query, to a subscription and to the detection.
//!
//! Its messages vary and can hold anything, so they are not passed on.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use waybill_core::error::{Error, ErrorKind, Retry};

use super::wire::Answer;
use crate::retry_after::retry_after;

/// A number may be asked for once in this time; whoever asks more often is locked out of it.
pub(super) const FLOOR: Duration = Duration::from_secs(1_800);

/// Native code, kind, advice if it is not the kind's own, message.
type Row = (&'static str, ErrorKind, Option<Retry>, &'static str);

const LATER: Option<Retry> = Some(Retry::After(FLOOR));

/// Answers to a query.
pub(super) static QUERY: &[Row] = &[
    ("201", ErrorKind::NotFound, LATER, EXPIRED),
    (
        "400",
        ErrorKind::InvalidQuery,
        None,
        "company unknown or not supported, data incomplete, or account not charged",
    ),
    ("408", ErrorKind::HintRequired, None, PHONE),
    (
        "500",
        ErrorKind::NotFound,
        LATER,
        "no result: not scanned yet, or of another company",
    ),
    ("501", ErrorKind::Unavailable, None, "server error"),
    ("502", ErrorKind::Unavailable, None, "server busy"),
    (
        "503",
        ErrorKind::Denied,
        None,
        "signature refused: customer, key or sign type is wrong",
    ),
    (
        "504",
        ErrorKind::Throttled,
        LATER,
        "number asked for too often",
    ),
    ("601", ErrorKind::Denied, None, QUOTA),
];

/// Answers to a subscription; 501, a repeated one, is no error.
pub(super) static SUBSCRIBE: &[Row] = &[
    ("500", ErrorKind::Unavailable, None, "server error"),
    ("600", ErrorKind::Denied, None, "key refused"),
    ("601", ErrorKind::Denied, None, QUOTA),
    (
        "700",
        ErrorKind::InvalidQuery,
        None,
        "company, number or callback url refused",
    ),
    (
        "701",
        ErrorKind::Unsupported,
        None,
        "the company takes no subscriptions",
    ),
    (
        "702",
        ErrorKind::NotFound,
        LATER,
        "no company recognised for the number",
    ),
];

/// Answers to the detection of a company.
pub(super) static DETECT: &[Row] = &[
    (
        "201",
        ErrorKind::InvalidQuery,
        None,
        "not the number of any company",
    ),
    (
        "601",
        ErrorKind::Denied,
        None,
        "detection of companies is not enabled for the account",
    ),
    ("701", ErrorKind::Denied, None, "key missing"),
];

const EXPIRED: &str = "number unknown or expired";
const QUOTA: &str = "key expired or quota used up";
const PHONE: &str =
    "the company wants the last four digits of the sender's or recipient's telephone number";

/// The subscription exists already.
pub(super) const REPEATED: &str = "501";

/// Which table an error is of that nobody asked for: a subscription names itself in its messages,
/// and some codes are of one table only.
pub(super) fn table_of(answer: &Answer<'_>) -> &'static [Row] {
    let (code, message) = (answer.return_code.trim(), answer.message.trim());
    let is_poll = message
        .get(..5)
        .is_some_and(|start| start.eq_ignore_ascii_case("POLL:"));
    match code {
        _ if is_poll => SUBSCRIBE,
        "600" | "700" | "702" => SUBSCRIBE,
        "701" | "201" => DETECT,
        _ => QUERY,
    }
}

/// Explains a code.
pub(super) fn of_code(table: &[Row], code: &str) -> Error {
    let code = code.trim();
    let Some(&(code, kind, retry, message)) = table.iter().find(|row| row.0 == code) else {
        return malformed("answer has a code that is not documented").with_code(shown(code));
    };
    let error = Error::new(kind, message).with_code(code);
    let error = match retry {
        Some(retry) => error.with_retry(retry),
        None => error,
    };
    match kind {
        // 504 is the only one: the number is locked, and the account is not.
        ErrorKind::Throttled => error.of_query(),
        _ => error,
    }
}

/// Explains an answer without a row.
pub(super) fn not_found(code: &str) -> Error {
    let message = "the source has no row of the number";
    Error::new(ErrorKind::NotFound, message)
        .with_retry(Retry::After(FLOOR))
        .with_code(shown(code.trim()))
}

/// Asks for what a company demands.
pub(super) fn phone_required() -> Error {
    Error::new(ErrorKind::HintRequired, PHONE).unspent()
}

/// Explains a response that does not have the status of every documented answer.
pub(super) fn of_status(response: &http::Response<Bytes>, now: Timestamp) -> Error {
    let status = response.status().as_u16();
    let kind = match status {
        401 | 403 => ErrorKind::Denied,
        408 => ErrorKind::Timeout,
        429 => ErrorKind::Throttled,
        500.. => ErrorKind::Unavailable,
        _ => ErrorKind::Malformed,
    };
    let error = Error::new(kind, format!("undocumented http status {status}"));
    match retry_after(response.headers(), now) {
        Some(retry) if matches!(kind, ErrorKind::Throttled | ErrorKind::Unavailable) => {
            error.with_retry(retry)
        }
        _ => error,
    }
}

pub(super) fn malformed(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Malformed, message)
}

/// A code that may be shown: short digits.
fn shown(code: &str) -> &str {
    let plain = code.len() <= 6 && code.bytes().all(|byte| byte.is_ascii_digit());
    if plain { code } else { "" }
}
