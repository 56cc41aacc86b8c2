//! A carrier made up for tests: it says of a number whatever the test told it to say.

use std::collections::BTreeMap;
use std::future::ready;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use waybill_core::adapter::{
    Adapter, Answer, BoxFuture, Capabilities, Ctx, Descriptor, Limits, Query,
};
use waybill_core::error::{Error, ErrorKind};
use waybill_core::event::SourceClass;
use waybill_core::privacy::Pii;
use waybill_core::registry::Registry;
use waybill_core::shipment::{Identifier, IdentifierKind};
use waybill_core::time::{Clues, Precision, Stated, resolve};

use super::record::report;

pub const CARRIER: &str = "test-post";

/// Age of an event in days, and its text if it is not the usual one.
type Said = (i64, Option<&'static str>);

/// By number: the reports of the answer, each a list of events.
static SAYS: Mutex<BTreeMap<String, Vec<Vec<Said>>>> = Mutex::new(BTreeMap::new());

/// By number: the number under which it goes on, and that one's carrier.
static NEXT: Mutex<BTreeMap<String, (&'static str, &'static str)>> = Mutex::new(BTreeMap::new());

static DESCRIPTOR: Descriptor = Descriptor {
    id: CARRIER,
    carrier: CARRIER,
    display_name: "Test post",
    api: "none",
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
        optional_hints: &[],
        language: "en",
        default_time_zone: "",
        delivery_estimate: false,
        proof_of_delivery: false,
        history_days: 0,
        deposit_reported_as_delivered: false,
    },
    limits: Limits {
        batch: 1,
        per_second: 10_000.0,
        burst: 10_000,
        per_day: 0,
        timeout: Duration::from_secs(1),
        slow: Duration::from_secs(1),
        min_interval: Duration::ZERO,
    },
    formats: &[],
    carriers: &[],
    settings: &[],
    build: |_| Ok(Box::new(Post)),
};

static ALL: [&Descriptor; 1] = [&DESCRIPTOR];

/// The made up carrier and all others.
pub fn beside_others() -> Registry {
    let all = ALL.iter().chain(waybill_adapters::ALL).copied();
    Registry::new(all.collect::<Vec<_>>().leak())
}

pub fn registry() -> Registry {
    Registry::new(&ALL)
}

/// From now on the answer to `number` is a report per list, with an event per age in days.
pub fn says(number: &str, reports: &[&[i64]]) {
    let said = |ages: &&[i64]| ages.iter().map(|age| (*age, None)).collect();
    let reports = reports.iter().map(said).collect();
    SAYS.lock().unwrap().insert(number.to_owned(), reports);
}

/// From now on the answer to `number` is one report with these events: age in days, and text.
pub fn tells(number: &str, events: &[(i64, &'static str)]) {
    let said = events.iter().map(|(age, text)| (*age, Some(*text)));
    let reports = vec![said.collect()];
    SAYS.lock().unwrap().insert(number.to_owned(), reports);
}

/// From now on answers to `number` state in a field that it goes on as `next`.
pub fn goes_on(number: &str, next: &'static str, carrier: &'static str) {
    NEXT.lock()
        .unwrap()
        .insert(number.to_owned(), (next, carrier));
}

struct Post;

impl Adapter for Post {
    fn fetch<'a>(&'a self, ctx: Ctx<'a>, queries: &'a [Query]) -> BoxFuture<'a, Vec<Answer>> {
        let answers = queries.iter().map(|query| answer(query, ctx.now)).collect();
        Box::pin(ready(answers))
    }

    fn interpret(
        &self,
        queries: &[Query],
        _response: &http::Response<Bytes>,
        now: Timestamp,
    ) -> Vec<Answer> {
        queries.iter().map(|query| answer(query, now)).collect()
    }
}

fn answer(query: &Query, now: Timestamp) -> Answer {
    let says = SAYS.lock().unwrap();
    let unknown = || Error::new(ErrorKind::NotFound, "not known to the test post");
    let reports = says.get(query.number.reveal()).ok_or_else(unknown)?;
    let dated = |events: &Vec<Said>| {
        let mut report = report(&query.number);
        report.relays = CARRIER.to_owned();
        let row = report.claims.remove(0);
        if let Some((next, carrier)) = NEXT.lock().unwrap().get(query.number.reveal()) {
            report.facts.identifiers.push(Identifier {
                kind: IdentifierKind::LastMile,
                value: Pii::new((*next).to_owned()),
                carrier: (*carrier).to_owned(),
                check_digit_valid: None,
            });
        }
        for (age, text) in events {
            let at = now - jiff::SignedDuration::from_hours(24 * age);
            let local = at.to_zoned(jiff::tz::TimeZone::UTC).datetime();
            let raw = local.to_string();
            let stated = Stated {
                local,
                precision: Precision::Second,
                offset: Some(0),
                raw: &raw,
            };
            let mut claim = row.clone();
            let said = std::sync::Arc::make_mut(&mut claim);
            said.native_id = format!("day-{age}");
            if let Some(text) = text {
                said.native_text = Pii::new((*text).to_owned());
            }
            said.time = resolve(stated, Clues::default());
            report.claims.push(claim);
        }
        report
    };
    Ok(reports.iter().map(dated).collect())
}
