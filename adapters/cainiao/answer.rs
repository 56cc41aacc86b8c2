//! From a response to what each query is told.

use bytes::Bytes;
use http::StatusCode;
use jiff::Timestamp;
use waybill_core::adapter::{Answer, Query, Report};
use waybill_core::error::Error;
use waybill_core::order::Order;
use waybill_core::privacy::Pii;
use waybill_core::shipment::{Identifier, IdentifierKind};

use super::map::{Asked, Entry, Reader, malformed};
use super::wire::Envelope;
use super::{fault, sign, xml};

impl Reader {
    /// Understands a response and tells each query what is in it for it; without a query, all of
    /// it is one answer.
    pub(super) fn answers(
        &self,
        queries: &[Query],
        response: &http::Response<Bytes>,
        now: Timestamp,
    ) -> Vec<Answer> {
        let asked = match queries {
            [] => Asked::Nobody,
            [query] => Asked::Number(&query.number),
            _ => Asked::Many,
        };
        match self.read(response, asked, now) {
            Ok(entries) => share_out(queries, entries),
            Err(error) => vec![Err(error); queries.len().max(1)],
        }
    }

    /// Understands a response to the question for an order: everything in it is of that order, and
    /// says so itself or is told so here.
    pub(super) fn order(
        &self,
        order: &Order,
        response: &http::Response<Bytes>,
        now: Timestamp,
    ) -> Answer {
        let entries = self.read(response, Asked::Many, now)?;
        let nothing = || malformed("answer has no parcel of the order");
        let mut reports = all(entries).unwrap_or_else(|| Err(nothing()))?;
        for report in &mut reports {
            belongs(report, order.reveal());
        }
        Ok(reports)
    }

    fn read(
        &self,
        response: &http::Response<Bytes>,
        asked: Asked<'_>,
        now: Timestamp,
    ) -> Result<Vec<Entry>, Error> {
        if response.status() != StatusCode::OK {
            // The gateway of 1688 explains itself with an error status.
            let explained = envelope(response.body())
                .ok()
                .and_then(|envelope| fault::of_answer(&envelope, false))
                .filter(|error| !error.native_code.is_empty());
            let plain = fault::of_status(response, now);
            return Err(match explained {
                Some(error) if response.status().is_client_error() => error,
                _ => plain,
            });
        }
        let body = response.body();
        match envelope(body) {
            Ok(envelope) => self.entries(&envelope, asked),
            Err(error) => {
                // A push, as it was posted.
                let Some(content) = sign::form_field(body, "logistics_interface") else {
                    return Err(error);
                };
                self.entries(&envelope(&content)?, asked)
            }
        }
    }

    /// What an answer or a push holds, whichever interface it is of.
    pub(super) fn entries(
        &self,
        envelope: &Envelope<'_>,
        asked: Asked<'_>,
    ) -> Result<Vec<Entry>, Error> {
        if let Some(error) = fault::of_answer(envelope, self.asks_page) {
            return Err(error);
        }
        if let Some(modules) = &envelope.module {
            let modules = modules.as_deref().ok_or_else(|| no_list("module"))?;
            return Ok(self.page(modules, asked));
        }
        if let Some(lists) = &envelope.traces_list {
            return self.pushed(lists.as_deref().ok_or_else(|| no_list("tracesList"))?);
        }
        if let Some(nodes) = &envelope.node_list {
            let nodes = nodes.as_deref().ok_or_else(|| no_list("nodeList"))?;
            let entry = self.cross_border(nodes, &envelope.lg_order_code, asked)?;
            return Ok(vec![entry]);
        }
        if let Some(rows) = &envelope.statuses {
            let rows = rows.as_deref().ok_or_else(|| no_list("statuses"))?;
            let (package, station) = (&envelope.package_param, &envelope.pop_station_param);
            return Ok(vec![self.overseas(rows, package, station, asked)?]);
        }
        if let Some(trades) = &envelope.trade {
            return self.trades(trades.as_deref().ok_or_else(|| no_list("trade"))?);
        }
        if let Some(answers) = &envelope.ali_express {
            let answers = answers.as_deref().ok_or_else(|| no_list("details"))?;
            let entry = |answer| self.ali_express(answer, asked);
            return answers.iter().map(entry).collect();
        }
        let (parcels, overseas) = (&envelope.logistics_trace, &envelope.cross_package);
        if parcels.is_some() || overseas.is_some() {
            if matches!(parcels, Some(None)) && !matches!(overseas, Some(Some(_))) {
                return Err(no_list("logisticsTrace"));
            }
            let some = parcels.iter().flatten().flatten();
            let parcels: Vec<&_> = some.collect();
            let some = overseas.iter().flatten().flatten();
            let overseas: Vec<&_> = some.collect();
            return self.parcels(&parcels, &overseas);
        }
        Err(malformed("answer has nothing that this source sends"))
    }
}

fn no_list(field: &str) -> Error {
    malformed(format!("{field}: no list of objects"))
}

/// Reads a body, or the content of a push, as JSON or XML; a web page is neither.
pub(super) fn envelope(body: &[u8]) -> Result<Envelope<'_>, Error> {
    let body = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body);
    let body = body.trim_ascii_start();
    if body.first() != Some(&b'<') {
        return crate::wire::from_slice(body).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            malformed(format!("answer is broken at line {line}, column {column}"))
        });
    }
    if fault::is_shield(body) {
        return Err(fault::shielded());
    }
    let head = body.get(..14).unwrap_or(body).to_ascii_lowercase();
    if head.starts_with(b"<html") || head.starts_with(b"<!doctype html") {
        return Err(malformed("answer is a web page"));
    }
    let text = std::str::from_utf8(body).map_err(|_| malformed("answer is no utf-8"))?;
    xml::read(text)
}

fn share_out(queries: &[Query], entries: Vec<Entry>) -> Vec<Answer> {
    let nothing = || malformed("answer lacks the number that was asked for");
    if queries.is_empty() {
        return vec![all(entries).unwrap_or_else(|| Err(nothing()))];
    }
    let mut left = entries;
    let mut answers = Vec::with_capacity(queries.len());
    for query in queries {
        let (own, others): (Vec<Entry>, Vec<Entry>) = left
            .into_iter()
            .partition(|entry| is_about(entry, query.number.reveal()));
        left = others;
        answers.push(all(own));
    }
    // What nobody asked for goes with the first query, unless that has a failure of its own.
    let unasked = all(left);
    if let (Some(told), Some(Ok(unasked))) = (answers.first_mut(), unasked) {
        match told {
            Some(Ok(reports)) => reports.extend(unasked),
            Some(Err(_)) => {}
            None => *told = Some(Ok(unasked)),
        }
    }
    answers
        .into_iter()
        .map(|answer| answer.unwrap_or_else(|| Err(nothing())))
        .collect()
}

/// The reports of entries; their first failure if there are none, `None` if there is nothing.
fn all(entries: Vec<Entry>) -> Option<Answer> {
    let (mut reports, mut failure) = (Vec::new(), None);
    for entry in entries {
        match entry.answer {
            Ok(report) => reports.push(report),
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    if reports.is_empty() {
        return failure.map(Err);
    }
    Some(Ok(reports))
}

/// Whether an entry is about a number, under that number or one that it declares.
fn is_about(entry: &Entry, number: &str) -> bool {
    entry.number.reveal() == number
        || entry.answer.as_ref().is_ok_and(|report| {
            let mut further = report.facts.identifiers.iter();
            further.any(|further| further.value.reveal() == number)
        })
}

/// Names the order in a report of one of its parcels, unless that names one itself.
fn belongs(report: &mut Report, order: &str) {
    let mut known = report.facts.identifiers.iter();
    if known.any(|known| known.kind == IdentifierKind::Reference) {
        return;
    }
    report.facts.identifiers.push(Identifier {
        kind: IdentifierKind::Reference,
        value: Pii::new(order.to_owned()),
        carrier: String::new(),
        check_digit_valid: None,
    });
}
