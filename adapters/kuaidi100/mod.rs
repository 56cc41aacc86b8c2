//! Kuaidi100 (快递100): what Chinese couriers, China Post and some 1,400 other companies say.
//!
//! **Documents.** api.kuaidi100.com: real-time query (`5f0ffb5ebc8da837cbd8aefc`), subscription and
//! push (`5f0ffa8f2977d50a94e1023c`), detection of the company (`5f1106542977d50a94e10241`), and
//! the demos of `github.com/kuaidi100-api`.
//!
//! **Two ways.** A query asks about one number now; a subscription has news pushed until the parcel
//! is signed for (`shutdown`) or nothing happens (`abort`: three days without a record, sixty
//! without a change). A push holds the whole history and is repeated three times, 35 minutes apart,
//! until it is confirmed. There is no way to end a subscription.
//!
//! **Limits.** A number may be asked for once in 30 minutes, or it gets locked (query document);
//! hence `min_interval`. One query a second and 20 subscriptions a second are what an older
//! contract says. A company and number can be subscribed to four times a month. Each query that
//! finds something is billed. No history is promised.
//!
//! **Clocks.** Wall clocks without an offset, see `clock.rs`.
//!
//! **Quirks.**
//! - Every answer has HTTP status 200; errors say `result: false`, see `fault.rs`.
//! - A company's key must come with a number. Without a carrier the source is asked first whose the
//!   number is, and its first guess is taken.
//! - SF and ZTO want the last four digits of a telephone number.
//! - 501 to a subscription means that it exists already. It is also what comes once the four of a
//!   month are used up, and the two cannot be told apart.
//! - "Signed" is said of deposits at lockers and stations too; see `meaning.rs`.
//! - Of a postal item across borders both legs are pushed, each by its own post: one report, whose
//!   claims name the carrier.
//!
//! This module must not know statuses, retries or caches.

mod ask;
mod clock;
mod company;
mod fault;
mod map;
mod meaning;
mod place;
mod push;
mod sign;
#[cfg(test)]
mod tests;
mod wire;

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use jiff::Timestamp;
use waybill_core::adapter::{
    Adapter, Answer, BoxFuture, Capabilities, Ctx, Descriptor, Limits, Proof, Pushed, Query,
    Report, Setting, Settings, Subscribed, Subscription,
};
use waybill_core::error::{Error, ErrorKind};
use waybill_core::event::SourceClass;

use self::ask::Asker;
use self::fault::malformed;
use self::map::{Body, Reader, body};
use crate::sign::Secrets;

/// The source.
pub(crate) static DESCRIPTOR: Descriptor = Descriptor {
    id: "kuaidi100",
    carrier: "",
    display_name: "Kuaidi100",
    api: "query, subscribe and push",
    country: "CN",
    tracking_url: "",
    pages: &[],
    class: SourceClass::Aggregator,
    capabilities: Capabilities {
        paid: true,
        registers: false,
        push: Some(Proof::Signature),
        order_lookup: false,
        required_hints: &[],
        optional_hints: &["phone_last_four", "destination_country"],
        language: "zh",
        default_time_zone: "",
        delivery_estimate: false,
        proof_of_delivery: false,
        history_days: 0,
        deposit_reported_as_delivered: true,
    },
    limits: Limits {
        batch: 1,
        per_second: 1.0,
        burst: 2,
        per_day: 0,
        timeout: Duration::from_secs(15),
        slow: Duration::from_secs(5),
        min_interval: fault::FLOOR,
    },
    formats: &[],
    carriers: &[],
    settings: &[
        Setting::secret("customer", "customer id of the enterprise account"),
        Setting::secret("key", "key of the enterprise account"),
        Setting::optional(
            "sign_type",
            "MD5",
            "digest that signs a query: MD5 or SHA256",
        ),
        Setting::optional("lang", "zh", "language of a query: zh or en"),
        Setting::optional(
            "callback_url",
            "",
            "address for pushes; plain http unless the support of the source was asked",
        ),
        Setting::optional_secret(
            "salt",
            "secret that signs pushes, at most 32 characters; needed with callback_url",
        ),
        Setting::optional_secret("salt_before", "the secret that salt replaces"),
        Setting::optional(
            "base_url",
            "",
            "scheme and host that replace those of the source",
        ),
    ],
    build,
};

fn build(settings: &Settings) -> Result<Box<dyn Adapter>, String> {
    Ok(Box::new(Kuaidi::new(settings)?))
}

struct Kuaidi {
    asker: Asker,
    reader: Reader,
    salts: Secrets,
}

impl Kuaidi {
    fn new(settings: &Settings) -> Result<Self, String> {
        let asker = Asker::new(settings)?;
        Ok(Self {
            reader: Reader {
                codes: meaning::CODES.as_ref().map_err(Clone::clone)?,
                companies: company::COMPANIES.as_ref().map_err(Clone::clone)?,
                language: asker.lang.clone(),
            },
            asker,
            salts: Secrets::new(settings, &["salt", "salt_before"]),
        })
    }

    /// The company that a number is asked under; `None` if its carrier is unknown.
    fn company<'a>(&'a self, query: &'a Query) -> Result<Option<&'a str>, Error> {
        let refused = |kind, message| Err(Error::new(kind, message).unspent());
        if !(6..=32).contains(&query.number.reveal().len()) {
            let message = "a number has 6 to 32 characters at this source";
            return refused(ErrorKind::InvalidQuery, message);
        }
        if query.carrier.is_empty() {
            return Ok(None);
        }
        match self.reader.companies.key(query) {
            Some(key) => Ok(Some(key)),
            None => refused(
                ErrorKind::Unsupported,
                "the source has no key for the carrier of the number",
            ),
        }
    }

    async fn ask(&self, ctx: Ctx<'_>, query: &Query) -> Answer {
        let key = match self.company(query)? {
            Some(key) => Cow::Borrowed(key),
            None => Cow::Owned(self.detect(ctx, query).await?),
        };
        let request = self.asker.query(query, &key)?;
        let response = ctx.http.send(request).await?;
        let reports = self.read(&response, Some(query), ctx.now)?;
        let asked = |report: &Report| report.number == query.number;
        if reports.is_empty() || !reports.iter().all(asked) {
            return Err(malformed("answer to a query is not about its number"));
        }
        Ok(reports)
    }

    /// Asks the source whose a number is.
    async fn detect(&self, ctx: Ctx<'_>, query: &Query) -> Result<String, Error> {
        let request = self.asker.detect(query.number.reveal())?;
        let response = ctx.http.send(request).await?;
        if response.status() != StatusCode::OK {
            return Err(fault::of_status(&response, ctx.now));
        }
        match body(response.body())? {
            Body::Answer(answer) if answer.result.trim() == "false" => {
                Err(fault::of_code(fault::DETECT, &answer.return_code))
            }
            Body::Answer(_) => Err(malformed("detection gave no list of companies")),
            Body::Companies(found) => {
                let keys = found.0.iter().map(|one| company::stated(&one.com_code));
                let first = keys.into_iter().find(|key| !key.is_empty());
                first.map(Cow::into_owned).ok_or_else(|| {
                    let message = "the source recognises no company for the number";
                    Error::new(ErrorKind::NotFound, message)
                        .with_retry(waybill_core::error::Retry::After(fault::FLOOR))
                })
            }
        }
    }

    async fn order(&self, ctx: Ctx<'_>, query: &Query) -> Subscribed {
        let key = self.company(query)?;
        let request = self.asker.subscribe(self.reader.companies, query, key)?;
        let response = ctx.http.send(request).await?;
        if response.status() != StatusCode::OK {
            return Err(fault::of_status(&response, ctx.now));
        }
        let Body::Answer(answer) = body(response.body())? else {
            return Err(malformed("answer to a subscription is a list"));
        };
        match (answer.result.trim(), answer.return_code.trim()) {
            ("true", _) | ("false", fault::REPEATED) => Ok(None),
            ("false", code) => Err(fault::of_code(fault::SUBSCRIBE, code)),
            _ => Err(malformed("answer to a subscription has no result")),
        }
    }

    /// Understands a response of any documented shape, the form of a push included.
    fn read(
        &self,
        response: &http::Response<Bytes>,
        query: Option<&Query>,
        now: Timestamp,
    ) -> Result<Vec<Report>, Error> {
        if response.status() != StatusCode::OK {
            return Err(fault::of_status(response, now));
        }
        let raw = response.body();
        let json = match raw.trim_ascii_start().first() {
            Some(b'{' | b'[') | None => None,
            Some(_) => push::field(raw, "param"),
        };
        match body(json.as_deref().unwrap_or(raw))? {
            Body::Answer(answer) => self.reader.read(&answer, query, now),
            Body::Companies(_) => Ok(Vec::new()),
        }
    }
}

impl Adapter for Kuaidi {
    fn reaches(&self) -> Vec<&str> {
        self.asker.roots()
    }

    fn fetch<'a>(&'a self, ctx: Ctx<'a>, queries: &'a [Query]) -> BoxFuture<'a, Vec<Answer>> {
        Box::pin(async move {
            let mut answers = Vec::with_capacity(queries.len());
            for query in queries {
                answers.push(self.ask(ctx, query).await);
            }
            answers
        })
    }

    fn interpret(
        &self,
        queries: &[Query],
        response: &http::Response<Bytes>,
        now: Timestamp,
    ) -> Vec<Answer> {
        let alone = queries.first().filter(|_| queries.len() == 1);
        let all = self.read(response, alone, now);
        if queries.len() < 2 {
            return vec![all];
        }
        let mut left = match all {
            Ok(reports) => reports,
            Err(error) => return vec![Err(error); queries.len()],
        };
        let mut answers: Vec<Answer> = Vec::with_capacity(queries.len());
        for query in queries.iter().skip(1) {
            let own = |report: &mut Report| report.number == query.number;
            let own: Vec<Report> = left.extract_if(.., own).collect();
            answers.push(found(own));
        }
        answers.insert(0, found(left));
        answers
    }

    fn subscribe<'a>(
        &'a self,
        ctx: Ctx<'a>,
        queries: &'a [Query],
        change: Subscription,
    ) -> BoxFuture<'a, Vec<Subscribed>> {
        Box::pin(async move {
            let mut answers = Vec::with_capacity(queries.len());
            for query in queries {
                answers.push(match change {
                    Subscription::Start => self.order(ctx, query).await,
                    Subscription::Stop => Err(Error::new(
                        ErrorKind::Unsupported,
                        "the source ends a subscription by itself only",
                    )
                    .unspent()),
                });
            }
            answers
        })
    }

    fn translate_push<'a>(
        &'a self,
        push: &'a http::Request<Bytes>,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Pushed, Error>> {
        let pushed = push::translate(&self.reader, &self.salts, push, now);
        Box::pin(std::future::ready(pushed))
    }
}

fn found(reports: Vec<Report>) -> Answer {
    if reports.is_empty() {
        return Err(fault::not_found(""));
    }
    Ok(reports)
}
