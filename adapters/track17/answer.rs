//! Reads a response or a push: what it says of each number. It must not know how it was asked for.

use bytes::Bytes;
use http::StatusCode;
use jiff::Timestamp;
use waybill_core::adapter::{Answer, Query, Report};
use waybill_core::error::{Error, ErrorKind};
use waybill_core::number::TrackingNumber;

use super::fault;
use super::map::Reader;
use super::wire::{Body, Item, TrackInfo};

/// What a body says of one number.
pub(super) struct Row {
    /// `None` if it cannot be read.
    pub(super) number: Option<TrackingNumber>,
    /// Key of the carrier; empty if unknown.
    pub(super) key: String,
    pub(super) said: Said,
}

pub(super) enum Said {
    /// Its tracking.
    Report(Box<Report>),
    /// Why there is none, though it was taken.
    Nothing(Error),
    /// It was taken, and nothing is told about it: it was registered, stopped or taken up again.
    Taken {
        /// It was registered.
        registered: bool,
    },
    /// It was refused with this code.
    Refused(i64, Error),
}

/// What a body is.
pub(super) enum Page {
    /// The answer to a call.
    Rows(Vec<Row>),
    /// A push: news with a tracking, or without.
    Push {
        /// "TRACKING_UPDATED", "TRACKING_STOPPED" or what may come.
        event: String,
        row: Box<Row>,
    },
    /// A list of registrations or a balance, of which nothing is known that belongs in a report.
    Other,
}

/// Reads a response of any endpoint, or the body of a push.
pub(super) fn read(
    reader: &Reader,
    response: &http::Response<Bytes>,
    now: Timestamp,
) -> Result<Page, Error> {
    if response.status() != StatusCode::OK {
        return Err(fault::of_response(response, now));
    }
    let body = parse(response.body())?;
    if !body.event.is_empty() {
        return push(reader, &body);
    }
    if let Some(error) = fault::of_envelope(&body) {
        return Err(error);
    }
    if body.code.is_empty() {
        return Err(malformed("answer has neither code nor event"));
    }
    if !body.page.is_empty() {
        return Ok(Page::Other);
    }
    let Some(data) = body.data.first() else {
        return Err(malformed("answer has no data"));
    };
    if !data.quota_total.is_empty() {
        return Ok(Page::Other);
    }
    let taken = data.accepted.iter().map(|item| accepted(reader, item));
    let refused = data.rejected.iter().map(|item| Row {
        number: TrackingNumber::parse(&item.number).ok(),
        key: key(&item.carrier),
        said: Said::Refused(
            item.error.code.trim().parse().unwrap_or(0),
            fault::of_code(&item.error.code),
        ),
    });
    Ok(Page::Rows(taken.chain(refused).collect()))
}

/// Reads the body of a push.
pub(super) fn read_push(reader: &Reader, body: &[u8]) -> Result<Page, Error> {
    let body = parse(body)?;
    if body.event.is_empty() {
        return Err(malformed("push names no event"));
    }
    push(reader, &body)
}

fn parse(body: &[u8]) -> Result<Body<'_>, Error> {
    crate::wire::from_slice(body).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        malformed(&format!("body is broken at line {line}, column {column}"))
    })
}

fn push(reader: &Reader, body: &Body<'_>) -> Result<Page, Error> {
    let Some(data) = body.data.first() else {
        return Err(malformed("push has no data"));
    };
    let row = row(reader, &data.number, &data.carrier, data.track_info.first());
    let row = row.unwrap_or_else(|| Row {
        number: TrackingNumber::parse(&data.number).ok(),
        key: key(&data.carrier),
        said: Said::Taken { registered: false },
    });
    if row.number.is_none() {
        return Err(malformed("push has no readable number"));
    }
    Ok(Page::Push {
        event: body.event.trim().to_owned(),
        row: Box::new(row),
    })
}

fn accepted(reader: &Reader, item: &Item<'_>) -> Row {
    let row = row(reader, &item.number, &item.carrier, item.track_info.first());
    row.unwrap_or_else(|| Row {
        number: TrackingNumber::parse(&item.number).ok(),
        key: key(&item.carrier),
        said: Said::Taken {
            registered: !item.origin.is_empty(),
        },
    })
}

/// What the tracking of a number says; `None` if there is no tracking.
fn row(reader: &Reader, number: &str, carrier: &str, info: Option<&TrackInfo<'_>>) -> Option<Row> {
    let info = info?;
    let number = TrackingNumber::parse(number).ok();
    let key = key(carrier);
    let said = match &number {
        None => Said::Nothing(malformed("tracking has no readable number")),
        Some(number) => match reader.report(number.clone(), &key, info) {
            Ok(report) => Said::Report(Box::new(report)),
            Err(error) => Said::Nothing(error),
        },
    };
    Some(Row { number, key, said })
}

/// A key as text; 0 is none.
fn key(carrier: &str) -> String {
    match carrier.trim() {
        "0" => String::new(),
        key => key.to_owned(),
    }
}

fn malformed(message: &str) -> Error {
    Error::new(ErrorKind::Malformed, message)
}

/// The rows about the number of a query: those of the carrier that it was asked under, if there are
/// any.
pub(super) fn about<'a>(rows: &'a [Row], query: &Query, key: Option<u64>) -> Vec<&'a Row> {
    let number = |row: &&Row| row.number.as_ref() == Some(&query.number);
    let found: Vec<&Row> = rows.iter().filter(number).collect();
    let Some(key) = key.map(|key| key.to_string()) else {
        return found;
    };
    let right: Vec<&Row> = found.iter().copied().filter(|row| row.key == key).collect();
    if right.is_empty() { found } else { right }
}

/// The answer that rows about one number give: their reports, else the first reason for none.
pub(super) fn settle(rows: &[&Row]) -> Answer {
    let reports: Vec<Report> = rows
        .iter()
        .filter_map(|row| match &row.said {
            Said::Report(report) => Some((**report).clone()),
            _ => None,
        })
        .collect();
    if !reports.is_empty() {
        return Ok(reports);
    }
    let why = |row: &&Row| match &row.said {
        Said::Report(_) => None,
        Said::Nothing(error) | Said::Refused(_, error) => Some(error.clone()),
        Said::Taken { registered: true } => Some(fault::just_registered()),
        Said::Taken { registered: false } => Some(malformed("number has no tracking")),
    };
    Err(rows.iter().find_map(why).unwrap_or_else(fault::omitted))
}

/// Everything that rows hold, for those who asked for nothing. Numbers that were taken or are
/// registered already are no failure.
pub(super) fn all(rows: Vec<Row>) -> Answer {
    let (mut reports, mut failure, mut well) = (Vec::new(), None, rows.is_empty());
    for row in rows {
        match row.said {
            Said::Report(report) => reports.push(*report),
            Said::Taken { .. } | Said::Refused(fault::REGISTERED, _) => well = true,
            Said::Nothing(error) | Said::Refused(_, error) => {
                failure.get_or_insert(error);
            }
        }
    }
    match failure {
        Some(error) if reports.is_empty() && !well => Err(error),
        _ => Ok(reports),
    }
}
