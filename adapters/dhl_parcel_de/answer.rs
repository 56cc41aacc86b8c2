//! Reads a response: pieces, or why there are none, and which query each belongs to. It must not
//! know how it was asked for.

use bytes::Bytes;
use http::{Response, StatusCode};
use jiff::Timestamp;
use waybill_core::adapter::{Answer, Query, Report};
use waybill_core::error::Error;
use waybill_core::number::TrackingNumber;

use super::fault::{malformed, not_found, of_code, of_status};
use super::{map, wire};

/// What is said about one piece.
pub(super) struct Piece {
    /// Its numbers as stated.
    numbers: Vec<String>,
    /// The shipment, or why there is none.
    found: Result<Report, Error>,
}

impl Piece {
    /// Tells whether a number is one of the piece's; leading zeros are often left out.
    fn is(&self, number: &TrackingNumber) -> bool {
        let bare = |text: &str| text.trim_start_matches('0').to_ascii_uppercase();
        let asked = bare(number.reveal());
        self.numbers.iter().any(|own| bare(own) == asked)
    }
}

/// Reads a response; `asked` is the number of a piece that does not state its own. No piece at
/// all is what an answer about a signature holds.
pub(super) fn read(
    response: &Response<Bytes>,
    asked: Option<&TrackingNumber>,
    now: Timestamp,
) -> Result<Vec<Piece>, Error> {
    if response.status() != StatusCode::OK {
        return Err(of_status(response, now));
    }
    let text = wire::text(response.body()).map_err(malformed)?;
    let body = wire::body(&text).map_err(malformed)?;
    if let Some(error) = body.code.as_deref().and_then(of_code) {
        return Err(error);
    }
    if body.shipments.is_empty() {
        return match (&body.code, body.signature) {
            (_, true) => Ok(Vec::new()),
            (Some(_), false) => Err(not_found()),
            (None, false) => Err(malformed("response has neither a code nor a shipment")),
        };
    }
    let pieces = body.shipments.iter().map(|shipment| Piece {
        numbers: map::numbers(shipment).map(str::to_owned).collect(),
        found: piece(shipment, asked, now),
    });
    Ok(pieces.collect())
}

fn piece(
    shipment: &wire::Shipment<'_>,
    asked: Option<&TrackingNumber>,
    now: Timestamp,
) -> Result<Report, Error> {
    let codes = [&shipment.error_status, &shipment.piece_status];
    if let Some(error) = codes.into_iter().find_map(|code| of_code(code)) {
        return Err(error);
    }
    let report = map::report(shipment, asked, now);
    let report = report.ok_or_else(|| malformed("piece-code: a piece has no number"))?;
    if report.claims.is_empty() && !report.facts.doubts.is_empty() {
        return Err(malformed("event-timestamp: no readable event of a piece"));
    }
    Ok(report)
}

/// Gives every query the piece that carries its number; what nobody asked for goes to the first.
pub(super) fn share_out(pieces: &[Piece], queries: &[Query]) -> Vec<Answer> {
    let mut shares: Vec<Vec<&Piece>> = vec![Vec::new(); queries.len().max(1)];
    for piece in pieces {
        let mut wanted = false;
        for (share, query) in shares.iter_mut().zip(queries) {
            if piece.is(&query.number) {
                share.push(piece);
                wanted = true;
            }
        }
        if !wanted && let Some(first) = shares.first_mut() {
            first.push(piece);
        }
    }
    shares.into_iter().map(|share| answer(&share)).collect()
}

/// One bad piece does not hide a good one.
fn answer(share: &[&Piece]) -> Answer {
    let reports: Vec<Report> = share
        .iter()
        .filter_map(|piece| piece.found.as_ref().ok().cloned())
        .collect();
    if !reports.is_empty() {
        return Ok(reports);
    }
    let error = share.iter().find_map(|piece| piece.found.as_ref().err());
    Err(error.cloned().unwrap_or_else(not_found))
}
