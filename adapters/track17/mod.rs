//! 17TRACK: the Tracking API, version 2.4. An aggregator: it asks carriers by itself, every 6 to 12
//! hours, and gives away what it has stored.
//!
//! **Documents.** The v2.4 and v2.2 documents on asset.17track.net/api/document; help.17track.net on
//! statuses (37471096573337), error codes (37570440168473), the end and resumption of tracking
//! (37524573677721) and the correction of carriers (37525632871321); `godely/aio17track`, which
//! repeats the v2.4 document; `wksw/17track-golang-sdk` for the keys of carriers. Keys are those of
//! the published list apicarrier.all.json of October 2024, as far as we have an id for the carrier.
//!
//! **Limits.** 3 requests a second for a key, 40 numbers a request, all from the v2.4 document. A
//! lookup makes up to three requests in a row (see `ask.rs`), so one lookup a second is the default.
//! Reading is free. Registering costs one unit of a bought quota per number, is limited by the day
//! too, and is done only for numbers that are not registered. Tracking ends 15 days after delivery
//! or 30 days without news; the result can be read for 90 more days.
//!
//! **Clocks.** `time_raw` is what the carrier showed; an offset that is not in it was made up by
//! 17TRACK. See `clock.rs`.
//!
//! **Quirks.**
//! - A call fails in three ways: by its HTTP status; by the code of its envelope, or with code 0 and
//!   a list of errors; and for one number in `rejected`, whose `carrier` can be a number, a text, 0
//!   or absent. Answers are matched by number and carrier, never by position.
//! - A registered number has no result for up to ten minutes. That is *not found yet*, and so is
//!   `NotFound` without rows; `NotFound` and `Expired` beside rows are stale and ignored.
//! - A number under two carriers is two records, hence two reports. A wrong carrier may be corrected
//!   when the number is registered.
//! - One record holds a leg for each carrier that moved the parcel. Each leg is the word of its own
//!   carrier, so that the same scan can occur twice.
//! - Rows and legs come newest first. Some rows have no time; they are kept as remarks beside the
//!   row before them, and left out with a doubt if no row of the leg has a time.
//! - The check digit of a number is not looked at; the documents' own example has a wrong one.
//! - Pushes go to the address that is set on the website; the API cannot set it. `subscribe`
//!   registers a number, takes a stopped one up again (possible once), or stops it.
//!
//! E-mail addresses are never sent, because 17TRACK would write to the recipient; nor is a real-time
//! lookup made, which costs more and needs a right of its own.

mod answer;
mod ask;
mod carriers;
mod clock;
mod facts;
mod fault;
mod map;
mod meaning;
mod place;
mod push;
#[cfg(test)]
mod tests;
mod wire;
mod words;

use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use jiff::Timestamp;
use waybill_core::adapter::{
    Adapter, Answer, BoxFuture, Capabilities, Ctx, Descriptor, Limits, Proof, Pushed, Query,
    Setting, Settings, Subscribed, Subscription,
};
use waybill_core::error::{Error, ErrorKind};
use waybill_core::event::SourceClass;
use waybill_core::privacy::Secret;

use self::answer::{Page, Said};
use self::carriers::CARRIERS;
use self::map::Reader;
use crate::sign::Secrets;
use crate::unasked;

/// Numbers in one request, the most that 17TRACK takes.
const BATCH: usize = 40;

/// The source.
pub(crate) static DESCRIPTOR: Descriptor = Descriptor {
    id: "17track",
    carrier: "",
    display_name: "17TRACK",
    api: "Tracking API v2.4",
    country: "CN",
    tracking_url: "https://t.17track.net/en#nums={tracking_number}",
    pages: &[],
    class: SourceClass::Aggregator,
    capabilities: Capabilities {
        paid: false,
        registers: true,
        push: Some(Proof::Signature),
        order_lookup: false,
        required_hints: &[],
        optional_hints: &[
            "postal_code",
            "destination_country",
            "origin_country",
            "ship_date",
            "phone_last_four",
        ],
        language: "",
        default_time_zone: "",
        delivery_estimate: true,
        proof_of_delivery: false,
        history_days: 90,
        deposit_reported_as_delivered: false,
    },
    limits: Limits {
        batch: BATCH,
        per_second: 1.0,
        burst: 1,
        per_day: 0,
        timeout: Duration::from_secs(20),
        slow: Duration::from_secs(8),
        min_interval: Duration::from_secs(60),
    },
    formats: &[],
    carriers: &[],
    settings: &[
        Setting::secret(
            "api_key",
            "access key of the account; pushes are signed with it",
        ),
        Setting::optional_secret(
            "api_key_before",
            "the key that api_key replaced, for pushes that are still signed with it",
        ),
        Setting::optional(
            "register",
            "yes",
            "yes: numbers that are not registered are registered, which costs quota; or no",
        ),
        Setting::optional(
            "language",
            "",
            "language that texts are translated into, for example en; may cost more quota; empty: none",
        ),
        Setting::optional(
            "base_url",
            "",
            "scheme and host that replace https://api.17track.net",
        ),
    ],
    build,
};

fn build(settings: &Settings) -> Result<Box<dyn Adapter>, String> {
    Ok(Box::new(Track17::new(settings)?))
}

struct Track17 {
    base_url: String,
    api_key: Secret,
    /// Unknown numbers are registered.
    registers: bool,
    secrets: Secrets,
    reader: Reader,
}

impl Track17 {
    fn new(settings: &Settings) -> Result<Self, String> {
        let base_url = match settings.get("base_url") {
            "" => "https://api.17track.net",
            url => url.trim_end_matches('/'),
        };
        let is_http = |uri: &http::Uri| matches!(uri.scheme_str(), Some("http" | "https"));
        if !base_url.parse().is_ok_and(|uri| is_http(&uri)) {
            return Err("base_url must be an http or https url".to_owned());
        }
        let api_key = settings.secret("api_key");
        if api_key.is_empty() || HeaderValue::from_str(api_key.expose()).is_err() {
            return Err("api_key has characters that a header cannot carry".to_owned());
        }
        let registers = match settings.get("register") {
            "yes" => true,
            "no" => false,
            _ => return Err("register must be yes or no".to_owned()),
        };
        let language = settings.get("language");
        if !language.is_empty() && !map::is_language(language) {
            return Err("language must look like en or zh-hans".to_owned());
        }
        Ok(Self {
            base_url: base_url.to_owned(),
            api_key,
            registers,
            secrets: Secrets::new(settings, &["api_key", "api_key_before"]),
            reader: Reader {
                codes: meaning::CODES.as_ref().map_err(Clone::clone)?,
                language: language.to_owned(),
            },
        })
    }
}

impl Adapter for Track17 {
    fn reaches(&self) -> Vec<&str> {
        vec![&self.base_url]
    }

    fn fetch<'a>(&'a self, ctx: Ctx<'a>, queries: &'a [Query]) -> BoxFuture<'a, Vec<Answer>> {
        Box::pin(self.ask(ctx, queries))
    }

    fn bills_registrations(&self) -> bool {
        true
    }

    fn interpret(
        &self,
        queries: &[Query],
        response: &http::Response<Bytes>,
        now: Timestamp,
    ) -> Vec<Answer> {
        let rows = match answer::read(&self.reader, response, now) {
            Ok(Page::Rows(rows)) => rows,
            Ok(Page::Push { row, .. }) => vec![*row],
            Ok(Page::Other) if queries.is_empty() => return vec![Ok(Vec::new())],
            Ok(Page::Other) => {
                let message = "a list of registrations or a balance tells nothing of a number";
                return vec![Err(Error::new(ErrorKind::Unsupported, message)); queries.len()];
            }
            Err(error) => return vec![Err(error); queries.len().max(1)],
        };
        if queries.is_empty() {
            return vec![answer::all(rows)];
        }
        let asked = queries.iter();
        let mut answers: Vec<Answer> = asked
            .map(|query| answer::settle(&answer::about(&rows, query, CARRIERS.key(query))))
            .collect();
        let found = rows.into_iter().filter_map(|row| match row.said {
            Said::Report(report) => Some((row.number, *report)),
            _ => None,
        });
        unasked::add(&mut answers, queries, found);
        answers
    }

    fn subscribe<'a>(
        &'a self,
        ctx: Ctx<'a>,
        queries: &'a [Query],
        change: Subscription,
    ) -> BoxFuture<'a, Vec<Subscribed>> {
        Box::pin(self.change(ctx, queries, change))
    }

    fn translate_push<'a>(
        &'a self,
        push: &'a http::Request<Bytes>,
        _now: Timestamp,
    ) -> BoxFuture<'a, Result<Pushed, Error>> {
        let pushed = push::translate(&self.secrets, &self.reader, push);
        Box::pin(std::future::ready(pushed))
    }
}
