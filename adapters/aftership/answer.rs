//! Reads a response or a push: what it says of each number. It must not know how it was asked for.

use bytes::Bytes;
use http::HeaderMap;
use jiff::Timestamp;
use waybill_core::adapter::{Answer, Query, Report};
use waybill_core::error::Error;
use waybill_core::number::TrackingNumber;

use super::carriers::CARRIERS;
use super::fault::{self, malformed};
use super::map::{self, Said};
use super::wire::{Body, Meta, Tracking};
use crate::codes::Codes;

/// What a body says of one number.
pub(super) struct Row {
    /// `None` if it cannot be read.
    pub(super) number: Option<TrackingNumber>,
    /// Id of the tracking; empty if it has none that can be put into a path.
    pub(super) id: String,
    /// Our id of its carrier; empty if it has none.
    carrier: String,
    /// The carrier is one that we know.
    known: bool,
    pub(super) said: Said,
}

/// What a body is.
pub(super) enum Page {
    /// An answer about trackings.
    Rows {
        rows: Vec<Row>,
        /// Cursor of the next page; empty if there is none.
        next: String,
    },
    /// A push, its id, and the one tracking in it.
    Push { id: String, row: Box<Row> },
    /// An answer of an endpoint that tells nothing of a parcel, such as a list of couriers.
    Other,
}

/// Reads a response of any endpoint, or the body of a push.
pub(super) fn read(
    codes: &Codes,
    response: &http::Response<Bytes>,
    now: Timestamp,
) -> Result<Page, Error> {
    let (status, headers) = (response.status(), response.headers());
    let mut body = match parse(response.body()) {
        Ok(body) => body,
        Err(error) if status.is_success() => return Err(error),
        Err(_) => return Err(failure(status.as_u16(), None, headers, now)),
    };
    if !body.event.is_empty() || !body.msg.is_empty() {
        return push(codes, &body, now);
    }
    let meta = body.meta.first();
    let code: u32 = meta.map_or(0, |meta| meta.code.trim().parse().unwrap_or(0));
    if !status.is_success() || code >= 400 {
        return Err(failure(status.as_u16(), meta, headers, now));
    }
    if meta.is_none() {
        return Err(malformed("answer has neither meta nor event"));
    }
    let Some(data) = body.data.first_mut() else {
        return Err(malformed("answer has no data"));
    };
    let more = &mut data.more;
    if more.has_couriers {
        return Ok(Page::Other);
    }
    let is_list = more.trackings.is_some();
    let wrapped = more.trackings.take().into_iter().flatten();
    let wrapped = wrapped.chain(more.tracking.drain(..));
    let mut rows: Vec<Row> = Vec::new();
    rows.extend(wrapped.map(|tracking| row(codes, &tracking, now)));
    let more_to_come = more.pagination.has_next_page.trim() == "true";
    let next = more.pagination.next_cursor.trim();
    let next = if more_to_come { next } else { "" }.to_owned();
    if rows.is_empty() && !is_list {
        if data.flat.tracking_number.is_empty() {
            return Err(malformed("answer has no tracking"));
        }
        // Old list endpoints and batches hold the trackings themselves.
        rows.extend(body.data.iter().map(|data| row(codes, &data.flat, now)));
    }
    Ok(Page::Rows { rows, next })
}

fn failure(status: u16, meta: Option<&Meta<'_>>, headers: &HeaderMap, now: Timestamp) -> Error {
    fault::of_response(status, meta, headers, now)
}

/// Reads the body of a push.
pub(super) fn read_push(codes: &Codes, body: &[u8], now: Timestamp) -> Result<Page, Error> {
    push(codes, &parse(body)?, now)
}

/// The id of the tracking that an answer says exists already.
pub(super) fn existing(response: &http::Response<Bytes>) -> Option<String> {
    let body = parse(response.body()).ok()?;
    let data = body.data.first()?;
    let wrapped = data.more.tracking.first().map(|tracking| &tracking.id);
    let id = wrapped.unwrap_or(&data.flat.id).trim();
    is_id(id).then(|| id.to_owned())
}

fn parse(body: &[u8]) -> Result<Body<'_>, Error> {
    crate::wire::from_slice(body).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        malformed(format!("body is broken at line {line}, column {column}"))
    })
}

fn push(codes: &Codes, body: &Body<'_>, now: Timestamp) -> Result<Page, Error> {
    let Some(tracking) = body.msg.first() else {
        return Err(malformed("push has no tracking"));
    };
    let row = row(codes, tracking, now);
    if row.number.is_none() {
        return Err(malformed("number in the push cannot be read"));
    }
    Ok(Page::Push {
        id: body.event_id.trim().to_owned(),
        row: Box::new(row),
    })
}

fn row(codes: &Codes, tracking: &Tracking<'_>, now: Timestamp) -> Row {
    let number = TrackingNumber::parse(&tracking.tracking_number).ok();
    let said = match &number {
        Some(number) => map::read(codes, number, tracking, now),
        None => Said::Nothing(malformed("number in the answer cannot be read")),
    };
    let (id, slug) = (tracking.id.trim(), tracking.slug.trim());
    Row {
        number,
        id: if is_id(id) { id } else { "" }.to_owned(),
        carrier: CARRIERS.id(slug),
        known: CARRIERS.knows(slug),
        said,
    }
}

/// Whether a text is the id of a tracking, as the documents allow it.
pub(super) fn is_id(text: &str) -> bool {
    let plain = |byte: u8| byte == b'-' || byte == b'_' || byte.is_ascii_alphanumeric();
    (1..=128).contains(&text.len()) && text.bytes().all(plain)
}

/// The rows about a query: those of its carrier, else those whose carrier AfterShip could not tell
/// or nobody here knows. A number that another carrier has too is another parcel.
pub(super) fn about<'a>(rows: &'a [Row], query: &Query) -> Vec<&'a Row> {
    let of_number = |row: &&Row| row.number.as_ref() == Some(&query.number);
    let mut found: Vec<&Row> = rows.iter().filter(of_number).collect();
    if !query.carrier.is_empty() {
        let own = |row: &&Row| row.carrier == query.carrier;
        if found.iter().any(own) {
            found.retain(own);
        } else {
            found.retain(|row| !row.known);
        }
    }
    found
}

/// The answer that rows about one number are; `None` if there are no rows.
pub(super) fn settle(rows: &[&Row]) -> Option<Answer> {
    let reports: Vec<Report> = rows
        .iter()
        .filter_map(|row| match &row.said {
            Said::Report(report) => Some((**report).clone()),
            _ => None,
        })
        .collect();
    if !reports.is_empty() {
        return Some(Ok(reports));
    }
    rows.first().map(|row| match &row.said {
        Said::Nothing(error) => Err(error.clone()),
        _ => Err(malformed("tracking has no status")),
    })
}

/// Everything that rows hold, for those who asked for nothing.
pub(super) fn all(rows: Vec<Row>) -> Answer {
    let (mut reports, mut failure, mut well) = (Vec::new(), None, rows.is_empty());
    for row in rows {
        match row.said {
            Said::Report(report) => reports.push(*report),
            Said::Bare => well = true,
            Said::Nothing(error) => {
                failure.get_or_insert(error);
            }
        }
    }
    match failure {
        Some(error) if reports.is_empty() && !well => Err(error),
        _ => Ok(reports),
    }
}
