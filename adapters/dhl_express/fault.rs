//! What an answer of MyDHL API means that holds no shipment. It must not know shipments.
//!
//! A problem is `{instance, detail, title, message, status}`; instance and detail can repeat the
//! number and are never passed on.

use std::time::Duration;

use bytes::Bytes;
use http::{Response, StatusCode};
use jiff::Timestamp;
use waybill_core::error::{Error, ErrorKind, Retry};

use super::wire;
use crate::retry_after::retry_after;

/// A waybill is known once it has been handed over or announced.
const UNKNOWN_FOR: Duration = Duration::from_secs(1_800);
/// Message of a refusal that is about a number and not about the request.
const BAD_NUMBER: &str = "source refused a number";

/// Tells whether one number of many can have caused a refusal.
pub(super) fn is_about_one_number(error: &Error) -> bool {
    error.message == BAD_NUMBER
}

/// Explains a response of another status than 200.
pub(super) fn of_response(response: &Response<Bytes>, now: Timestamp) -> Error {
    let error = match wire::body(response.body()) {
        Ok(body) => of_problem(response.status(), &body),
        Err(_) => of_status(response.status(), false),
    };
    match retry_after(response.headers(), now) {
        Some(retry) if error.retry != Retry::Never => error.with_retry(retry),
        _ => error,
    }
}

/// Explains a problem, whatever status it came with.
pub(super) fn of_problem(status: StatusCode, body: &wire::Body<'_>) -> Error {
    let from_api = !body.title.is_empty() || !body.detail.is_empty() || !body.status.is_empty();
    let mut error = of_status(status, from_api);
    // Numbers of shipments and of pieces are both called so.
    if error.kind == ErrorKind::InvalidQuery && body.detail.contains("rackingNumber") {
        error.message = BAD_NUMBER.to_owned();
    }
    error
}

fn of_status(status: StatusCode, from_api: bool) -> Error {
    let (kind, message) = match status.as_u16() {
        400 | 422 => (ErrorKind::InvalidQuery, "source refused the query"),
        401 => (ErrorKind::Denied, "source refused user and password"),
        403 => (
            ErrorKind::Denied,
            "source knows the user, who lacks the right to track",
        ),
        404 if from_api => return not_found("source has no data for the number"),
        408 => (ErrorKind::Timeout, "request timed out at the source"),
        429 => (ErrorKind::Throttled, "source says too many requests"),
        500..=599 => (ErrorKind::Unavailable, "source has a server error"),
        _ => (
            ErrorKind::Malformed,
            "source answered with an undocumented status",
        ),
    };
    Error::new(kind, message).with_code(status.as_str())
}

pub(super) fn not_found(message: &str) -> Error {
    Error::new(ErrorKind::NotFound, message)
        .with_code("404")
        .with_retry(Retry::After(UNKNOWN_FOR))
}

pub(super) fn malformed(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Malformed, message)
}
