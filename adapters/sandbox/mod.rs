//! A source without a carrier: documented test numbers for every status, exception and error, for
//! integrators who share a gateway. It is off unless `[sources.sandbox]` is configured.
//!
//! What each number shows is the table in `table.rs`; `report.rs` dates a row and makes a report
//! of it. Nothing here sends a request, so the answers to one number are equal wherever and
//! however often it is asked within one UTC day. At midnight the dates move on and the identities
//! of the events do not: asking for years adds no event to the record.
//!
//! The error numbers are asked for on purpose, and on a shared server they must not cost others
//! the use of the sandbox. So every error says that nothing was sent (`spent` is false: it is no
//! evidence about any upstream), and none of them advises to ask again at once, which would turn
//! one question into several failures.

use std::future::ready;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use waybill_core::adapter::{
    Adapter, Answer, BoxFuture, Capabilities, Ctx, Descriptor, Limits, Query,
};
use waybill_core::error::{Error, ErrorKind, Retry};
use waybill_core::event::SourceClass;

mod report;
mod script;
mod table;
#[cfg(test)]
mod tests;

use script::{Row, Says};
use table::ROWS;

pub(crate) static DESCRIPTOR: Descriptor = Descriptor {
    id: ID,
    carrier: ID,
    display_name: "Sandbox (test numbers)",
    api: "none: documented test numbers for every status, exception and error",
    country: "",
    tracking_url: "",
    pages: &[],
    class: SourceClass::Carrier,
    capabilities: Capabilities {
        paid: false,
        registers: false,
        push: None,
        order_lookup: false,
        required_hints: &[],
        optional_hints: &["postal_code"],
        language: "en",
        default_time_zone: "",
        delivery_estimate: true,
        proof_of_delivery: true,
        history_days: 0,
        deposit_reported_as_delivered: false,
    },
    limits: Limits {
        batch: 1,
        per_second: 1_000.0,
        burst: 1_000,
        per_day: 0,
        timeout: Duration::from_secs(1),
        slow: Duration::from_secs(1),
        min_interval: Duration::ZERO,
    },
    formats: &[ID],
    carriers: &[],
    settings: &[],
    build: |_| Ok(Box::new(Sandbox)),
};

/// Id of the source, of its carrier and of the format of its numbers.
const ID: &str = "sandbox";

struct Sandbox;

impl Adapter for Sandbox {
    fn fetch<'a>(&'a self, ctx: Ctx<'a>, queries: &'a [Query]) -> BoxFuture<'a, Vec<Answer>> {
        Box::pin(ready(answers(queries, ctx.now)))
    }

    /// There is no wire format to understand: the table answers, whatever the response is.
    fn interpret(
        &self,
        queries: &[Query],
        _response: &http::Response<Bytes>,
        now: Timestamp,
    ) -> Vec<Answer> {
        if queries.is_empty() {
            let message = "the sandbox has no responses of its own: name a test number";
            return vec![Err(Error::new(ErrorKind::Unsupported, message).unspent())];
        }
        answers(queries, now)
    }
}

fn answers(queries: &[Query], now: Timestamp) -> Vec<Answer> {
    queries.iter().map(|query| answer(query, now)).collect()
}

fn answer(query: &Query, now: Timestamp) -> Answer {
    let row = ROWS
        .iter()
        .find(|row| row.number == query.number.reveal())
        .ok_or_else(|| Error::new(ErrorKind::NotFound, "not a number of the sandbox").unspent())?;
    match row.says {
        Says::Shipments(scripts) => report::scripted(scripts, now),
        Says::WithPostalCode(_) if query.hints.postal_code.reveal().is_empty() => {
            Err(refusal(row, ErrorKind::HintRequired, 0))
        }
        Says::WithPostalCode(scripts) => report::scripted(scripts, now),
        Says::Moves(script) => report::moving(script, now),
        Says::Refuses(kind, wait) => Err(refusal(row, kind, wait)),
    }
}

/// `wait`: seconds to wait before asking again; 0: the kind's own advice.
fn refusal(row: &Row, kind: ErrorKind, wait: u64) -> Error {
    let error = Error::new(kind, row.shows)
        .with_code(format!("{ID}/{}", kind.as_str().to_uppercase()))
        .unspent();
    if wait == 0 {
        error
    } else {
        error.with_retry(Retry::After(Duration::from_secs(wait)))
    }
}
