//! Reads a response: shipments, or why there are none, and which query each belongs to. It must
//! not know how it was asked for.

use bytes::Bytes;
use http::header::CONTENT_LANGUAGE;
use http::{Response, StatusCode};
use jiff::Timestamp;
use waybill_core::adapter::{Answer, Query, Report};
use waybill_core::error::Error;
use waybill_core::number::TrackingNumber;
use waybill_core::privacy::Pii;
use waybill_core::shipment::{Identifier, IdentifierKind};

use super::fault::{malformed, not_found, of_problem, of_response};
use super::{map, wire};

/// What is said about one shipment.
pub(super) struct Entry {
    /// Its number and those of its pieces, as stated.
    numbers: Vec<String>,
    found: Result<Report, Error>,
}

impl Entry {
    /// Tells whether a number is the shipment's or one of its pieces'.
    fn is(&self, number: &TrackingNumber) -> bool {
        let asked = bare(number.reveal());
        self.numbers.iter().any(|own| bare(own.trim()) == asked)
    }
}

/// The label of a piece begins with the J that marks a license plate, which answers leave out.
fn bare(number: &str) -> &str {
    number
        .strip_prefix('J')
        .filter(|rest| rest.starts_with("JD"))
        .unwrap_or(number)
}

/// Reads a response; `asked` is the number of a shipment that does not state its own.
pub(super) fn read(
    response: &Response<Bytes>,
    asked: Option<&TrackingNumber>,
    now: Timestamp,
) -> Result<Vec<Entry>, Error> {
    if response.status() != StatusCode::OK {
        return Err(of_response(response, now));
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
            Ok(Ok(status)) if status != StatusCode::OK => of_problem(status, &body),
            _ => malformed("shipments: missing from the response, or no list of objects"),
        });
    };
    if shipments.is_empty() {
        return Err(not_found("source has no data for the number"));
    }
    let language = language(response);
    let entries = shipments.into_iter().map(|shipment| {
        let pieces = shipment.pieces.iter().map(|piece| &piece.tracking_number);
        let numbers = std::iter::once(&shipment.shipment_tracking_number).chain(pieces);
        Entry {
            numbers: numbers.map(|number| number.as_ref().to_owned()).collect(),
            found: entry(&shipment, asked, language, now),
        }
    });
    Ok(entries.collect())
}

fn entry(
    shipment: &wire::Shipment<'_>,
    asked: Option<&TrackingNumber>,
    language: &str,
    now: Timestamp,
) -> Result<Report, Error> {
    let status = shipment.status.trim();
    let silent =
        shipment.events.is_empty() && shipment.pieces.iter().all(|piece| piece.events.is_empty());
    // Of many numbers, one that is not known can come as a shipment without success.
    if silent && !status.is_empty() && !status.eq_ignore_ascii_case("success") {
        return Err(not_found("source states no success for the number"));
    }
    let report = map::report(shipment, asked, language, now);
    let report =
        report.ok_or_else(|| malformed("shipmentTrackingNumber: a shipment has no number"))?;
    if report.claims.is_empty() && !report.facts.doubts.is_empty() {
        return Err(malformed("events[].date: no readable time"));
    }
    Ok(report)
}

/// Language of the texts as the response states it; without it, the one that was asked for.
fn language(response: &Response<Bytes>) -> &str {
    let stated = response.headers().get(CONTENT_LANGUAGE);
    let first = stated
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.split(',').next())
        .unwrap_or_default()
        .trim();
    let tag = |c: u8| c.is_ascii_alphanumeric() || c == b'-';
    let sound = (2..=35).contains(&first.len()) && first.bytes().all(tag);
    if sound && first != "eng" { first } else { "en" }
}

/// Gives every query the shipment that carries its number; what nobody asked for goes to the
/// first.
pub(super) fn share_out(entries: &[Entry], queries: &[Query]) -> Vec<Answer> {
    let mut shares: Vec<Vec<&Entry>> = vec![Vec::new(); queries.len().max(1)];
    for entry in entries {
        let mut wanted = false;
        for (share, query) in shares.iter_mut().zip(queries) {
            if entry.is(&query.number) {
                share.push(entry);
                wanted = true;
            }
        }
        if !wanted && let Some(first) = shares.first_mut() {
            first.push(entry);
        }
    }
    let shares = shares.into_iter().enumerate();
    shares
        .map(|(at, share)| answer(&share, queries.get(at)))
        .collect()
}

/// One bad shipment does not hide a good one.
fn answer(share: &[&Entry], query: Option<&Query>) -> Answer {
    let mut reports = Vec::with_capacity(share.len());
    reports.extend(share.iter().filter_map(|entry| {
        let mut report = entry.found.as_ref().ok()?.clone();
        if let Some(query) = query.filter(|query| entry.is(&query.number)) {
            name(&mut report, &query.number);
        }
        Some(report)
    }));
    if !reports.is_empty() {
        return Ok(reports);
    }
    let error = share.iter().find_map(|entry| entry.found.as_ref().err());
    Err(error
        .cloned()
        .unwrap_or_else(|| not_found("response holds no shipment of this number")))
}

/// A piece that was asked for as its label has it is known under that number too.
fn name(report: &mut Report, asked: &TrackingNumber) {
    let mut known = report.facts.identifiers.iter().map(|id| id.value.reveal());
    if report.number == *asked || known.any(|value| value == asked.reveal()) {
        return;
    }
    report.facts.identifiers.push(Identifier {
        kind: IdentifierKind::Piece,
        value: Pii::new(asked.reveal().to_owned()),
        carrier: report.relays.clone(),
        check_digit_valid: None,
    });
}
