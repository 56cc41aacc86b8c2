//! Reads a response: shipments, or why there are none. It must not know how it was asked for.

use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_LANGUAGE;
use http::{Response, StatusCode};
use jiff::Timestamp;
use waybill_core::adapter::{Answer, Query, Report};
use waybill_core::error::{Error, ErrorKind, Retry};
use waybill_core::number::TrackingNumber;

use super::{map, wire};
use crate::retry_after::retry_after;

/// A new number is unknown for up to half an hour.
const UNKNOWN_FOR: Duration = Duration::from_secs(1_800);

/// What one response holds.
pub(super) struct Page {
    pub(super) reports: Vec<Report>,
    pub(super) next: Option<String>,
}

/// Reads a response; `asked` is the number of a shipment that does not state its own.
pub(super) fn read(
    response: &Response<Bytes>,
    asked: Option<&TrackingNumber>,
    now: Timestamp,
) -> Result<Page, Error> {
    if response.status() != StatusCode::OK {
        return Err(failure(response, now));
    }
    let mut body = wire::body(response.body()).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        malformed(format!(
            "response is not the documented JSON: line {line}, column {column}"
        ))
    })?;
    let Some(shipments) = body.shipments.take() else {
        // A problem can come with status 200.
        return Err(match body.status.trim().parse().map(StatusCode::from_u16) {
            Ok(Ok(status)) if status != StatusCode::OK => classify(status, &body.title),
            _ => malformed("shipments: missing from the response, or no list of objects"),
        });
    };
    let language = language(response);
    if shipments.is_empty() {
        return Err(not_found("source knows no shipment of this number"));
    }
    let mut reports = Vec::with_capacity(shipments.len());
    let shipments = shipments.into_iter();
    reports.extend(shipments.filter_map(|shipment| map::report(&shipment, asked, language, now)));
    // A push need not repeat the history.
    if !body.scope.is_empty() {
        reports
            .iter_mut()
            .for_each(|report| report.complete = false);
    }
    if reports.is_empty() {
        return Err(malformed("shipments[].id: no shipment has a number"));
    }
    if reports
        .iter()
        .all(|report| report.claims.is_empty() && !report.facts.doubts.is_empty())
    {
        return Err(malformed(
            "shipments[].events[].timestamp: no readable time",
        ));
    }
    let next = body.next_url.trim();
    Ok(Page {
        reports,
        next: (!next.is_empty()).then(|| next.to_owned()),
    })
}

/// Language of the texts as the response states it.
fn language(response: &Response<Bytes>) -> &str {
    let stated = response.headers().get(CONTENT_LANGUAGE);
    let first = stated
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.split(',').next())
        .unwrap_or_default()
        .trim();
    let tag = |c: u8| c.is_ascii_alphanumeric() || c == b'-';
    if (2..=35).contains(&first.len()) && first.bytes().all(tag) {
        first
    } else {
        "und"
    }
}

/// Says what a response of another status than 200 means.
pub(super) fn failure(response: &Response<Bytes>, now: Timestamp) -> Error {
    let title = wire::body(response.body()).map(|body| body.title.into_owned());
    let error = classify(response.status(), &title.unwrap_or_default());
    match retry_after(response.headers(), now) {
        Some(retry) if error.retry != Retry::Never => error.with_retry(retry),
        _ => error,
    }
}

/// Says what a status means. The detail of a problem repeats the number and is never used; of its
/// titles only known ones are.
fn classify(status: StatusCode, title: &str) -> Error {
    const TITLES: &[&str] = &[
        "Invalid input",
        "Unauthorized",
        "Forbidden",
        "No result found",
        "Too Many Requests",
        "Service Unavailable",
    ];
    let (kind, what) = match status.as_u16() {
        400 | 422 => (ErrorKind::InvalidQuery, "source refused the query"),
        401 => (
            ErrorKind::Denied,
            "source refused the key, which is wrong, not approved yet or blocked",
        ),
        403 => (
            ErrorKind::Denied,
            "source knows the key, and its app lacks the right to track",
        ),
        404 | 410 => {
            return not_found("source does not know the number").with_code(status.as_str());
        }
        429 => (ErrorKind::Throttled, "source says too many requests"),
        500..=599 => (ErrorKind::Unavailable, "source has a server error"),
        _ => (
            ErrorKind::Malformed,
            "source answered with an undocumented status",
        ),
    };
    let known = TITLES
        .iter()
        .find(|known| known.eq_ignore_ascii_case(title.trim()));
    let message = match known {
        Some(known) => format!("{what}: {}", known.to_lowercase()),
        None => what.to_owned(),
    };
    Error::new(kind, message).with_code(status.as_str())
}

fn not_found(message: &str) -> Error {
    Error::new(ErrorKind::NotFound, message).with_retry(Retry::After(UNKNOWN_FOR))
}

fn malformed(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Malformed, message)
}

/// Gives every query the reports that carry its number; what nobody asked for goes to the first.
pub(super) fn share_out(reports: Vec<Report>, queries: &[Query]) -> Vec<Answer> {
    let mut shares: Vec<Vec<Report>> = vec![Vec::new(); queries.len().max(1)];
    for report in reports {
        let names = |query: &Query| {
            let number = query.number.reveal();
            report.number == query.number
                || report
                    .facts
                    .identifiers
                    .iter()
                    .any(|id| id.value.reveal() == number)
        };
        let at = queries.iter().position(names).unwrap_or(0);
        shares[at].push(report);
    }
    shares
        .into_iter()
        .map(|share| {
            if share.is_empty() {
                Err(not_found("response holds no shipment of this number"))
            } else {
                Ok(share)
            }
        })
        .collect()
}
