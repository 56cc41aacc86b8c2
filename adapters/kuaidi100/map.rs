//! From the messages of Kuaidi100 to reports: one per number, with the rows of every leg in it.

use std::borrow::Cow;
use std::sync::Arc;

use jiff::Timestamp;
use waybill_core::adapter::{Query, Report};
use waybill_core::error::Error;
use waybill_core::event::{Claim, Classifier};
use waybill_core::number::TrackingNumber;
use waybill_core::privacy::Pii;
use waybill_core::shipment::{Estimate, EstimateKind, Facts, Identifier, IdentifierKind};

use super::clock::{self, Wall};
use super::company::{self, Clock, Companies, s10_issuer};
use super::fault::{self, malformed};
use super::meaning;
use super::place::{self, area, cut, place};
use super::wire::{Answer, Companies as Detected, Row};
use crate::codes::Codes;

/// What is needed to understand an answer.
pub(super) struct Reader {
    pub(super) codes: &'static Codes,
    pub(super) companies: &'static Companies,
    /// Language in which Chinese companies are asked.
    pub(super) language: String,
}

/// A body, whatever it is.
pub(super) enum Body<'a> {
    /// An answer, a push, an error or a confirmation.
    Answer(Box<Answer<'a>>),
    /// Companies that a number can be of.
    Companies(Detected<'a>),
}

/// Reads JSON of any documented shape.
pub(super) fn body(json: &[u8]) -> Result<Body<'_>, Error> {
    let read = match json.trim_ascii_start().first() {
        Some(b'[') => crate::wire::from_slice(json).map(Body::Companies),
        _ => crate::wire::from_slice(json).map(|answer| Body::Answer(Box::new(answer))),
    };
    read.map_err(|error| {
        let (line, column) = (error.line(), error.column());
        malformed(format!("answer is broken at line {line}, column {column}"))
    })
}

/// One leg, on its way into a report.
struct Leg<'a> {
    answer: &'a Answer<'a>,
    key: Cow<'a, str>,
    clock: Clock,
    claims: Vec<Claim>,
}

impl Reader {
    /// Understands an answer or a push. The number and the carrier of `query` stand in for what is
    /// missing. A confirmation has no reports.
    pub(super) fn read(
        &self,
        answer: &Answer<'_>,
        query: Option<&Query>,
        now: Timestamp,
    ) -> Result<Vec<Report>, Error> {
        if !answer.last_result.is_empty() || !answer.dest_result.is_empty() {
            let is_over = answer.status.trim() == "shutdown";
            let last = answer.last_result.first();
            return self.report(last, answer.dest_result.first(), is_over, query, now);
        }
        match answer.result.trim() {
            "false" => {
                let table = fault::table_of(answer);
                let code = answer.return_code.trim();
                if std::ptr::eq(table, fault::SUBSCRIBE) && code == fault::REPEATED {
                    return Ok(Vec::new());
                }
                return Err(fault::of_code(table, code));
            }
            "true" if answer.data.is_none() => return Ok(Vec::new()),
            _ => {}
        }
        self.report(Some(answer), None, false, query, now)
    }

    fn report(
        &self,
        last: Option<&Answer<'_>>,
        dest: Option<&Answer<'_>>,
        is_over: bool,
        query: Option<&Query>,
        now: Timestamp,
    ) -> Result<Vec<Report>, Error> {
        let answers = || [last, dest].into_iter().flatten();
        if answers().all(|leg| leg.data.as_ref().is_none_or(Vec::is_empty)) {
            return Err(answers().next().map_or_else(|| fault::not_found(""), empty));
        }
        let number = answers()
            .find_map(|leg| TrackingNumber::parse(&leg.nu).ok())
            .or_else(|| query.map(|query| query.number.clone()))
            .ok_or_else(|| malformed("nu: answer lacks a tracking number"))?;
        let mut facts = Facts::default();
        let mut legs: Vec<Leg<'_>> = Vec::new();
        for answer in answers() {
            let key = company::stated(&answer.com);
            let clock = self.companies.clock(&key);
            let mut leg = Leg {
                answer,
                key,
                clock,
                claims: Vec::new(),
            };
            self.claims(&mut leg, number.reveal(), is_over, &mut facts);
            legs.push(leg);
        }
        if legs.iter().all(|leg| leg.claims.is_empty()) {
            return Err(malformed("data[].ftime: no row has a readable time"));
        }
        self.facts(&legs, &number, now, &mut facts);
        let relays = legs.iter().find(|leg| !leg.key.is_empty()).map_or_else(
            || query.map_or_else(String::new, |query| query.carrier.clone()),
            |leg| self.companies.carrier(&leg.key),
        );
        let is_chinese = legs.iter().any(|leg| leg.clock != Clock::Foreign);
        let language = if is_chinese { &self.language } else { "und" };
        if legs.len() > 1 {
            for leg in legs.iter_mut().filter(|leg| !leg.key.is_empty()) {
                let carrier = self.companies.carrier(&leg.key);
                for claim in &mut leg.claims {
                    claim.carrier.clone_from(&carrier);
                }
            }
        }
        // A postal item has a leg abroad that an answer about one company leaves out.
        let complete = legs.len() > 1 || s10_issuer(number.reveal()).is_none();
        let mut claims = Vec::new();
        for leg in legs {
            claims = merged(claims, leg.claims);
        }
        Ok(vec![
            Report {
                number,
                relays,
                complete,
                language: language.to_owned(),
                claims: claims.into_iter().map(Arc::new).collect(),
                facts,
            }
            .fitted(),
        ])
    }

    /// Reads the rows of a leg, oldest first.
    fn claims(&self, leg: &mut Leg<'_>, number: &str, is_over: bool, facts: &mut Facts) {
        let answer = leg.answer;
        let rows = answer.data.as_deref().unwrap_or_default();
        let newest = newest(rows);
        let mut claims = Vec::with_capacity(rows.len());
        for (at, row) in rows.iter().enumerate() {
            let is_newest = at == newest;
            let is_over = is_newest && (is_over || answer.ischeck.trim() == "1");
            let state = is_newest.then_some(&*answer.state);
            claims.extend(self.claim(row, leg.clock, number, state, is_over));
        }
        if newest == 0 {
            claims.reverse();
        }
        let (all, read) = (rows.len(), claims.len());
        if read < all {
            let unread = all - read;
            facts.doubts.push(format!(
                "rows left out for want of a readable time: {unread} of {all}"
            ));
        }
        let stated = meaning::family(answer.state.trim());
        let shown = rows.get(newest).map_or("", |row| {
            let code = row.status_code.trim();
            meaning::family(code)
        });
        // State 2 can be an alarm of the source about the parcel as a whole.
        if !stated.is_empty() && !shown.is_empty() && stated != shown && stated != "2" {
            facts
                .doubts
                .push("state contradicts the newest row".to_owned());
        }
        leg.claims = claims;
    }

    fn claim(
        &self,
        row: &Row<'_>,
        clock: Clock,
        number: &str,
        state: Option<&str>,
        is_over: bool,
    ) -> Option<Claim> {
        let area = area(&row.area_code);
        let (time, doubt) = clock::read(row, wall(area, clock, number))?;
        let mut found = meaning::of(self.codes, row, state);
        if is_over {
            meaning::ended(&mut found);
        }
        Some(Claim {
            native_id: String::new(),
            native_code: cut(found.native, 64),
            native_reason: String::new(),
            native_text: Pii::new(cut(row.context.trim(), 1_000)),
            code: meaning::directed(found.meaning.event, area.is_chinese, clock, number),
            reason: found.meaning.reason,
            basis: found.basis,
            time,
            location: place(area, &row.area_name, &row.location),
            carrier: String::new(),
            classifier: Classifier::Actual,
            retracted: false,
            doubt: doubt.map(str::to_owned),
        })
    }

    fn facts(&self, legs: &[Leg<'_>], number: &TrackingNumber, now: Timestamp, facts: &mut Facts) {
        let end = |end: &super::wire::Area<'_>| place(area(&end.number), &end.name, "");
        facts.origin = legs
            .iter()
            .find_map(|leg| end(&leg.answer.route_info.from))
            .map(Box::new);
        let mut last_first = legs.iter().rev();
        facts.destination = last_first
            .find_map(|leg| end(&leg.answer.route_info.to))
            .map(Box::new);
        for leg in legs {
            let wall = wall(place::Area::default(), leg.clock, number.reveal());
            let is_signed = leg.answer.ischeck.trim() == "1";
            let window = clock::forecast(&leg.answer.arrival_time, wall).filter(|_| !is_signed);
            facts.estimates.extend(window.map(|window| Estimate {
                kind: EstimateKind::AggregatorForecast,
                source: super::DESCRIPTOR.id.to_owned(),
                window,
                receive_time: now,
            }));
            let own = TrackingNumber::parse(&leg.answer.nu);
            if let Some(other) = own.ok().filter(|own| own != number) {
                facts.identifiers.push(Identifier {
                    kind: IdentifierKind::LastMile,
                    value: Pii::new(other.reveal().to_owned()),
                    carrier: self.companies.carrier(&leg.key),
                    check_digit_valid: waybill_core::number::check_digit_valid(other.reveal(), ""),
                });
            }
        }
    }
}

/// Explains an answer without a row by the status that it states.
fn empty(answer: &Answer<'_>) -> Error {
    match answer.status.trim() {
        "200" if answer.data.is_none() => malformed("data: missing from the answer, or no list"),
        "200" => fault::not_found("200"),
        "" => malformed("answer has neither a status nor a result"),
        code => fault::of_code(fault::QUERY, code),
    }
}

/// Whose clock a row shows.
fn wall<'a>(area: place::Area<'a>, clock: Clock, number: &str) -> Wall<'a> {
    match clock {
        _ if area.is_chinese => Wall::Place(area.country),
        _ if !area.country.is_empty() => Wall::Unknown,
        Clock::China => Wall::China,
        Clock::Post if s10_issuer(number).is_none() => Wall::China,
        Clock::Post | Clock::Export | Clock::Foreign => Wall::Unknown,
    }
}

/// Position of the newest row: the first, unless the times rise.
fn newest(rows: &[Row<'_>]) -> usize {
    let time = |row: &Row<'_>| {
        let normal = row.ftime.trim();
        let text = if normal.is_empty() {
            row.time.trim()
        } else {
            normal
        };
        waybill_core::time::parse_iso(text).map(|stated| stated.local)
    };
    match (rows.first().and_then(time), rows.last().and_then(time)) {
        (Some(first), Some(last)) if first < last => rows.len() - 1,
        _ => 0,
    }
}

/// Puts the rows of two legs together by time. Each leg keeps its own order.
fn merged(one: Vec<Claim>, other: Vec<Claim>) -> Vec<Claim> {
    if one.is_empty() || other.is_empty() {
        return if one.is_empty() { other } else { one };
    }
    let mut all = Vec::with_capacity(one.len() + other.len());
    let mut other = other.into_iter().peekable();
    for claim in one {
        let anchor = claim.time.anchor();
        while let Some(earlier) = other.next_if(|next| next.time.anchor() < anchor) {
            all.push(earlier);
        }
        all.push(claim);
    }
    all.extend(other);
    all
}
