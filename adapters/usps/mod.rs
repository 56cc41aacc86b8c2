//! USPS: Tracking v3 by GET, one number per call, or v3r2 by POST, up to 35 numbers per call, and
//! subscriptions with pushes. The setting `api` chooses the version.
//!
//! **Documents.** The Tracking document 3.2.6 on `developers.usps.com`; the README, the Error
//! Inventory and the issues 15 and 56 of `USPS/api-examples`; for v3r2 and the signature of pushes
//! `subscriptions-trackingv3r2` as public clients quote it. No official list of event codes is
//! public: `codes.csv` is assembled from the tables of public clients, with our own glosses.
//!
//! **Limits.** About 60 calls an hour for an app over all endpoints and about five in a minute
//! without an agreement, says a third party; 429 and 503 carry `Retry-After`. So v3r2 with its
//! batches is the default. Access is being narrowed to mail of the own mailer ids: 403 and 401 for
//! the mail of others are to be expected.
//!
//! **Clocks.** `eventTimestamp` is local whatever its `Z` says; see `clock.rs`. Forecasts are in the
//! time of the destination, in spite of their `Z` too.
//!
//! **Quirks.**
//! - *Announced, not scanned* (150001, 150003, 150005, 150009) is not *not found* (150002): it
//!   becomes a report without events.
//! - A batch answers 207 when some of its numbers fail; members are matched by number, by place
//!   only where the number is missing. A number that the answer omits is an answer not understood.
//! - Code 01 covers lockers, agents and returns; see `meaning.rs`. Customs events have no code.
//! - Names of services hold HTML, countries are English names, plants stand in for towns.
//! - A token without the right scope is given out and refused at the first call.
//! - Every label is a shipment of its own: there are no pieces, weights or dimensions.
//!
//! This module must not know statuses, retries or caches.

mod auth;
mod clock;
mod country;
mod facts;
mod fault;
mod map;
mod meaning;
mod place;
mod push;
mod subscription;
#[cfg(test)]
mod tests;
mod wire;
mod zone;

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use jiff::Timestamp;
use waybill_core::adapter::{
    Adapter, Answer, BoxFuture, Capabilities, Ctx, Descriptor, Limits, Proof, Pushed, Query,
    Setting, Settings, Subscribed, Subscription,
};
use waybill_core::error::{Error, ErrorKind};
use waybill_core::event::SourceClass;
use waybill_core::exception::NextAction;
use waybill_core::number::TrackingNumber;
use waybill_core::time::{Precision, parse_iso};

use self::auth::Tokens;
use self::map::{Member, Reader};
use self::subscription::Listener;
use self::wire::Ask;
use crate::sign::Secrets;
use crate::token::{Token, secret_header};

/// The source.
pub(crate) static DESCRIPTOR: Descriptor = Descriptor {
    id: "usps",
    carrier: "usps",
    display_name: "USPS",
    api: "Tracking v3 (GET) or v3r2 (POST), and subscriptions",
    country: "US",
    tracking_url: "https://tools.usps.com/go/TrackConfirmAction?tLabels={tracking_number}",
    pages: &[
        (
            NextAction::ContactCarrier,
            "https://www.usps.com/help/contact-us.htm",
        ),
        (
            NextAction::FileClaim,
            "https://www.usps.com/help/claims.htm",
        ),
        (
            NextAction::OpenInvestigation,
            "https://www.usps.com/help/missing-mail.htm",
        ),
        (
            NextAction::ArrangeRedelivery,
            "https://tools.usps.com/redelivery.htm",
        ),
    ],
    class: SourceClass::Custodian,
    capabilities: Capabilities {
        paid: false,
        registers: false,
        push: Some(Proof::Signature),
        order_lookup: false,
        required_hints: &[],
        optional_hints: &["postal_code", "ship_date"],
        language: "en",
        default_time_zone: "",
        delivery_estimate: true,
        proof_of_delivery: true,
        history_days: 0,
        deposit_reported_as_delivered: false,
    },
    limits: Limits {
        batch: BATCH,
        per_second: 1.0 / 60.0,
        burst: 5,
        per_day: 0,
        timeout: Duration::from_secs(10),
        slow: Duration::from_secs(4),
        min_interval: Duration::from_secs(300),
    },
    formats: &[
        "usps_impb_c",
        "usps_impb_n",
        "usps_legacy",
        "usps_20",
        "s10",
    ],
    carriers: &[],
    settings: &[
        Setting::secret("client_id", "consumer key of the app"),
        Setting::secret("client_secret", "consumer secret of the app"),
        Setting::optional(
            "api",
            "v3r2",
            "v3r2: up to 35 numbers per call; v3: one number per call",
        ),
        Setting::optional(
            "environment",
            "production",
            "production, or test for the testing environment for mailers",
        ),
        Setting::optional(
            "base_url",
            "",
            "scheme and host that replace those of the environment",
        ),
        Setting::optional_secret(
            "push_secret",
            "secret of 32 characters with which pushes are signed",
        ),
        Setting::optional_secret(
            "push_secret_before",
            "secret that push_secret replaces, still accepted",
        ),
        Setting::optional(
            "callback_url",
            "",
            "https address at which pushes arrive; without it nothing is subscribed",
        ),
        Setting::optional(
            "admin_email",
            "",
            "address that usps warns about a failing subscription",
        ),
        Setting::optional(
            "mid",
            "",
            "mailer id: one subscription for all its mail in place of one per number",
        ),
        Setting::optional(
            "event_types",
            "ALL_UPDATES",
            "kind of events to subscribe to; the spelling depends on the version, ALL or ALL_UPDATES",
        ),
    ],
    build,
};

/// Numbers in one call of v3r2, the most that USPS takes.
const BATCH: usize = 35;
/// Numbers of a call that is no list.
const SINGLE: usize = 1;

fn build(settings: &Settings) -> Result<Box<dyn Adapter>, String> {
    Ok(Box::new(Usps::new(settings)?))
}

/// Which version is asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    V3,
    V3r2,
}

struct Usps {
    base_url: String,
    version: Version,
    reader: Reader,
    tokens: Tokens,
    secrets: Secrets,
    listener: Option<Listener>,
}

impl Usps {
    fn new(settings: &Settings) -> Result<Self, String> {
        let base_url = match (settings.get("base_url"), settings.get("environment")) {
            ("", "production") => "https://apis.usps.com",
            ("", "test") => "https://apis-tem.usps.com",
            ("", _) => return Err("environment must be production or test".to_owned()),
            (url, _) => url.trim_end_matches('/'),
        };
        let is_http = |uri: &http::Uri| matches!(uri.scheme_str(), Some("http" | "https"));
        if !base_url.parse().is_ok_and(|uri| is_http(&uri)) {
            return Err("base_url must be an http or https url".to_owned());
        }
        let name = settings.get("api");
        let version = match name {
            "v3" => Version::V3,
            "v3r2" => Version::V3r2,
            _ => return Err("api must be v3 or v3r2".to_owned()),
        };
        let path = format!("{base_url}/subscriptions-tracking/{name}/subscriptions");
        let listener = Listener::new(settings, path)?;
        let codes = meaning::CODES.as_ref().map_err(Clone::clone)?;
        Ok(Self {
            tokens: Tokens::new(
                base_url,
                settings.get("client_id"),
                settings.secret("client_secret"),
                listener.is_some(),
            ),
            base_url: base_url.to_owned(),
            version,
            reader: Reader { codes },
            secrets: Secrets::new(settings, &["push_secret", "push_secret_before"]),
            listener,
        })
    }

    /// Asks for one number.
    async fn single(&self, ctx: Ctx<'_>, query: &Query) -> Answer {
        if !is_plausible(&query.number) {
            return Err(implausible());
        }
        let (number, zip, date) = (query.number.reveal(), zip_of(query), date_of(query));
        let mut uri = format!(
            "{}/tracking/v3/tracking/{number}?expand=DETAIL",
            self.base_url
        );
        if !zip.is_empty() {
            uri.push_str("&destinationZIPCode=");
            uri.push_str(zip);
        }
        if !date.is_empty() {
            uri.push_str("&mailingDate=");
            uri.push_str(date);
        }
        let response = self
            .send(ctx, |request| {
                request
                    .uri(&uri)
                    .header(ACCEPT, "application/json")
                    .body(Bytes::new())
            })
            .await?;
        let mut answers = self.interpret(std::slice::from_ref(query), &response, ctx.now);
        answers.pop().unwrap_or_else(|| Err(omitted()))
    }

    /// Asks for several numbers at once. A number that cannot be one fails alone and unasked.
    async fn together(&self, ctx: Ctx<'_>, queries: &[Query]) -> Vec<Answer> {
        let asked: Vec<Query> = queries
            .iter()
            .filter(|query| is_plausible(&query.number))
            .cloned()
            .collect();
        let mut answers = Vec::with_capacity(asked.len());
        for part in asked.chunks(BATCH) {
            match self.post(ctx, part).await {
                Ok(response) => answers.extend(self.interpret(part, &response, ctx.now)),
                Err(error) => answers.extend(vec![Err(error); part.len()]),
            }
        }
        let mut answers = answers.into_iter();
        let in_order = |query: &Query| match is_plausible(&query.number) {
            true => answers.next().unwrap_or_else(|| Err(omitted())),
            false => Err(implausible()),
        };
        queries.iter().map(in_order).collect()
    }

    async fn post(&self, ctx: Ctx<'_>, part: &[Query]) -> Result<http::Response<Bytes>, Error> {
        let asks: Vec<Ask<'_>> = part.iter().map(ask).collect();
        let body: Bytes = serde_json::to_vec(&asks).map_err(internal)?.into();
        let uri = format!("{}/tracking/v3r2/tracking", self.base_url);
        self.send(ctx, |request| {
            request
                .method(http::Method::POST)
                .uri(&uri)
                .header(CONTENT_TYPE, "application/json")
                .header(ACCEPT, "application/json")
                .body(body.clone())
        })
        .await
    }

    /// Sends a request, once more with a new token if the token is refused.
    async fn send(
        &self,
        ctx: Ctx<'_>,
        make: impl Fn(http::request::Builder) -> http::Result<http::Request<Bytes>>,
    ) -> Result<http::Response<Bytes>, Error> {
        let signed = |token: &Token| {
            let header = secret_header(token.value.expose())?;
            make(http::Request::builder().header(AUTHORIZATION, header)).map_err(internal)
        };
        let token = self.tokens.get(ctx, None).await?;
        let response = ctx.http.send(signed(&token)?).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        let token = self.tokens.get(ctx, Some(token.flight)).await?;
        ctx.http.send(signed(&token)?).await
    }

    /// Understands a response, whatever its status.
    fn read(
        &self,
        response: &http::Response<Bytes>,
        queries: &[Query],
        now: Timestamp,
    ) -> Result<Vec<Member>, Error> {
        if response.status().is_success() {
            return self.reader.read(response.body(), queries);
        }
        let error = fault::of_response(response, now);
        let body: wire::Body<'_> = crate::wire::from_slice(response.body()).unwrap_or_default();
        let failure = body.items.iter().find_map(|item| item.error.as_ref());
        match (failure, queries) {
            (Some(failure), [query])
                if response.status() == StatusCode::BAD_REQUEST && fault::is_unscanned(failure) =>
            {
                Ok(vec![Member {
                    number: Some(query.number.clone()),
                    answer: Ok(map::unscanned(query.number.clone())),
                }])
            }
            // One of them is meant, and nobody says which.
            (_, [_, _, ..]) if error.kind == ErrorKind::NotFound => Err(Error {
                native_code: error.native_code,
                ..map::malformed("answer does not say which number it is about")
            }),
            _ => Err(error),
        }
    }
}

impl Adapter for Usps {
    fn reaches(&self) -> Vec<&str> {
        vec![&self.base_url]
    }

    fn fetch<'a>(&'a self, ctx: Ctx<'a>, queries: &'a [Query]) -> BoxFuture<'a, Vec<Answer>> {
        Box::pin(async move {
            if self.version == Version::V3r2 {
                return self.together(ctx, queries).await;
            }
            let mut answers = Vec::with_capacity(queries.len());
            for query in queries {
                answers.push(self.single(ctx, query).await);
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
        match self.read(response, queries, now) {
            Ok(members) if queries.is_empty() => vec![everything(members)],
            Ok(members) => shared(members, queries),
            Err(error) => vec![Err(error); queries.len().max(1)],
        }
    }

    fn batch(&self, limits: &Limits) -> usize {
        match self.version {
            Version::V3 => SINGLE,
            Version::V3r2 => limits.batch.clamp(SINGLE, BATCH),
        }
    }

    fn subscribe<'a>(
        &'a self,
        ctx: Ctx<'a>,
        queries: &'a [Query],
        change: Subscription,
    ) -> BoxFuture<'a, Vec<Subscribed>> {
        Box::pin(subscription::change(self, ctx, queries, change))
    }

    fn translate_push<'a>(
        &'a self,
        push: &'a http::Request<Bytes>,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Pushed, Error>> {
        let pushed = push::translate(&self.reader, &self.secrets, push, now);
        Box::pin(std::future::ready(pushed))
    }
}

/// All reports of an answer; its first failure if there is none.
fn everything(members: Vec<Member>) -> Answer {
    let (mut reports, mut failure) = (Vec::new(), None);
    for member in members {
        match member.answer {
            Ok(report) => reports.push(report),
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    match failure {
        Some(error) if reports.is_empty() => Err(error),
        _ => Ok(reports),
    }
}

/// Gives each query its members; reports that nobody asked for go with the first.
fn shared(members: Vec<Member>, queries: &[Query]) -> Vec<Answer> {
    let mut taken = vec![false; members.len()];
    let mut answers: Vec<Answer> = Vec::with_capacity(queries.len());
    for query in queries {
        let (mut reports, mut failure) = (Vec::new(), None);
        for (member, taken) in members.iter().zip(&mut taken) {
            let is_own = member
                .number
                .as_ref()
                .is_some_and(|number| is_same(&query.number, number));
            if !is_own {
                continue;
            }
            *taken = true;
            match &member.answer {
                Ok(report) => reports.push(report.clone()),
                Err(error) => failure = failure.or_else(|| Some(error.clone())),
            }
        }
        answers.push(match failure {
            Some(error) if reports.is_empty() => Err(error),
            _ if reports.is_empty() => Err(omitted()),
            _ => Ok(reports),
        });
    }
    let rest: Vec<Member> = members
        .into_iter()
        .zip(&taken)
        .filter_map(|(member, taken)| (!taken).then_some(member))
        .collect();
    let Some(first) = answers.first_mut().filter(|_| !rest.is_empty()) else {
        return answers;
    };
    match (&mut *first, everything(rest)) {
        (Ok(reports), Ok(rest)) => reports.extend(rest),
        // Only where nothing was said of the first number can the rest be meant for it.
        (Err(error), rest) if error.kind == ErrorKind::Malformed && queries.len() == 1 => {
            *first = rest;
        }
        _ => {}
    }
    answers
}

/// Tells whether two numbers are one: before a number of mail the ZIP code can stand as `420` and
/// five or nine digits.
fn is_same(one: &TrackingNumber, other: &TrackingNumber) -> bool {
    let (one, other) = (one.reveal(), other.reveal());
    let routed = |long: &str, short: &str| {
        let head = long.strip_suffix(short);
        head.is_some_and(|head| head.starts_with("420") && matches!(head.len(), 8 | 12))
    };
    one == other || routed(one, other) || routed(other, one)
}

fn ask(query: &Query) -> Ask<'_> {
    Ask {
        tracking_number: query.number.reveal(),
        destination_zip_code: zip_of(query),
        mailing_date: date_of(query),
    }
}

/// ZIP code of the destination, if the hint is one.
fn zip_of(query: &Query) -> &str {
    let zip = query.hints.postal_code.reveal().trim();
    let zip = zip.get(..5).filter(|_| matches!(zip.len(), 5 | 9 | 10));
    let digits = |zip: &&str| zip.bytes().all(|byte| byte.is_ascii_digit());
    zip.filter(digits).unwrap_or("")
}

/// Day of mailing, if the hint is one.
fn date_of(query: &Query) -> &str {
    let date = query.hints.ship_date.trim();
    let is_day = parse_iso(date).is_some_and(|at| at.precision == Precision::Day);
    if is_day && date.len() == 10 { date } else { "" }
}

fn is_plausible(number: &TrackingNumber) -> bool {
    (10..=34).contains(&number.reveal().len())
}

fn implausible() -> Error {
    Error::new(
        ErrorKind::InvalidQuery,
        "a number of usps has 10 to 34 characters",
    )
    .unspent()
}

fn omitted() -> Error {
    map::malformed("answer omits the number")
}

/// A request that could not be made.
fn internal<E>(_: E) -> Error {
    Error::new(ErrorKind::Internal, "request could not be made").unspent()
}
