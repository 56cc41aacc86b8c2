//! AfterShip: the Tracking API, version 2026-07. An aggregator: a number is registered as a tracking,
//! AfterShip then asks its carrier by itself, and gives away what it has stored.
//!
//! **Documents.** www.aftership.com/docs/tracking: quickstart (authentication, sign string, rate
//! limits), changelog and migration guides, the enumerations of delivery statuses and sub-statuses,
//! webhook specification and signature; the official SDKs `aftership-tracking-sdk` 10.0.1 and
//! `@aftership/tracking-sdk` 17.0.0 for the objects of 2026-07, `aftership-sdk-java` for those of
//! 2023-10 and `aftership-sdk-python` for recorded answers of v4. Objects of all three are understood.
//! Slugs of couriers are those of the list of 2020, as far as we have an id for the carrier, and
//! "cainiao", which was seen later.
//!
//! **Limits.** Requests a second by endpoint, published for 2025-01: 6 lists, 20 creations, 5 of any
//! other kind. A list takes 50 numbers. A number that has no tracking needs a creation of its own, so
//! that 20 numbers are asked at once and one lookup a second is the default: then no endpoint is
//! asked faster than it allows. Reading is free. Creating counts against the plan's quota and is done
//! only for numbers without a tracking. Data is kept for 120 days.
//!
//! **Clocks.** `checkpoint_time` is local to the checkpoint, with an offset or without; see `clock.rs`.
//!
//! **Quirks.**
//! - A new tracking is `Pending` and has no checkpoints: seconds to minutes pass until the carrier
//!   has been asked. That is *not found yet*, as is `Expired` without checkpoints.
//! - A number that a list does not show is not registered; that says nothing about the carrier.
//! - Checkpoints are not in the order of time and repeat themselves.
//! - The carrier's own code of a checkpoint can be more exact than the sub-tag, and can contradict
//!   it; where we know the codes of the carrier they count.
//! - A checkpoint whose source is a user was made by hand; its row is doubted.
//! - A failure can have a body of plain text.
//! - The address of pushes is set on the website; the API cannot set it. `subscribe` creates a
//!   tracking, or deletes it with all that it holds.
//! - RSA signatures of requests are not made; AES ones are (see `sign.rs`).
//!
//! Customers' names and addresses are neither sent nor read.

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
mod sign;
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

use self::answer::Page;
use self::map::Said;
use crate::codes::Codes;
use crate::sign::Secrets;
use crate::unasked;

/// Numbers in one lookup: as many as can be created within a second.
const BATCH: usize = 20;

/// The source.
pub(crate) static DESCRIPTOR: Descriptor = Descriptor {
    id: "aftership",
    carrier: "",
    display_name: "AfterShip",
    api: "Tracking API 2026-07",
    country: "HK",
    tracking_url: "https://www.aftership.com/track/{tracking_number}",
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
        ],
        language: "",
        default_time_zone: "",
        delivery_estimate: true,
        proof_of_delivery: true,
        history_days: 120,
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
        Setting::secret("api_key", "API key of the organisation"),
        Setting::optional_secret(
            "api_secret",
            "secret of a key that wants AES signatures; empty: requests are not signed",
        ),
        Setting::optional_secret("webhook_secret", "secret under which pushes are signed"),
        Setting::optional_secret(
            "webhook_secret_before",
            "the secret that webhook_secret replaced, for pushes still signed with it",
        ),
        Setting::optional(
            "register",
            "yes",
            "yes: numbers without a tracking get one, which costs quota; or no",
        ),
        Setting::optional(
            "base_url",
            "",
            "scheme and host that replace https://api.aftership.com",
        ),
    ],
    build,
};

fn build(settings: &Settings) -> Result<Box<dyn Adapter>, String> {
    Ok(Box::new(AfterShip::new(settings)?))
}

struct AfterShip {
    base_url: String,
    api_key: Secret,
    /// Empty: requests are not signed.
    api_secret: Secret,
    /// Numbers without a tracking are registered.
    registers: bool,
    secrets: Secrets,
    codes: &'static Codes,
}

impl AfterShip {
    fn new(settings: &Settings) -> Result<Self, String> {
        let base_url = match settings.get("base_url") {
            "" => "https://api.aftership.com",
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
        Ok(Self {
            base_url: base_url.to_owned(),
            api_key,
            api_secret: settings.secret("api_secret"),
            registers,
            secrets: Secrets::new(settings, &["webhook_secret", "webhook_secret_before"]),
            codes: meaning::CODES.as_ref().map_err(Clone::clone)?,
        })
    }
}

impl Adapter for AfterShip {
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
        let rows = match answer::read(self.codes, response, now) {
            Ok(Page::Rows { rows, .. }) => rows,
            Ok(Page::Push { row, .. }) => vec![*row],
            Ok(Page::Other) if queries.is_empty() => return vec![Ok(Vec::new())],
            Ok(Page::Other) => {
                let message = "a list of couriers tells nothing of a number";
                return vec![Err(Error::new(ErrorKind::Unsupported, message)); queries.len()];
            }
            Err(error) => return vec![Err(error); queries.len().max(1)],
        };
        if queries.is_empty() {
            return vec![answer::all(rows)];
        }
        let unknown = || Err(fault::of_code(fault::UNKNOWN, ""));
        let asked = queries.iter();
        let mut answers: Vec<Answer> = asked
            .map(|query| answer::settle(&answer::about(&rows, query)).unwrap_or_else(unknown))
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
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Pushed, Error>> {
        let pushed = push::translate(&self.secrets, self.codes, push, now);
        Box::pin(std::future::ready(pushed))
    }
}
