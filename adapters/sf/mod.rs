//! SF Express: the route interfaces of the Fengqiao open platform, for customers with a contract.
//!
//! **Documents.** SF's API overview in English (envelope, digest, codes of the platform), the
//! pages of `EXP_RECE_SEARCH_ROUTES`, `EXP_RECE_REGISTER_ROUTE` and `RoutePushService` at
//! open.sf-express.com, and the examples of SF's SDKs. The operation codes are SF's list of 2022
//! and one that was seen since (310); the texts of `codes.csv` are our own short glosses of it.
//! The numbers of the two-level status are published nowhere: the table has those that were seen.
//!
//! **Limits.** Ten numbers in a call (error 8003). The sandbox takes 30 calls a second and 3,000 a
//! day per interface; in production the contract says how many, so the defaults are low. History
//! reaches back three months, as SF says of a sister product.
//!
//! **Clocks.** See `clock.rs`: eight hours ahead of UTC at home, unresolved abroad.
//!
//! **Quirks.**
//! - `A1000` is success of the platform only. The service has a verdict of its own inside, in JSON
//!   that is written as a string (in some accounts as an object).
//! - A waybill that was not ordered under this account needs the last four digits of a telephone
//!   number, one value for the whole call. Wrong digits give no routes, as a waybill without scans
//!   does, so that both are *not found*.
//! - An error about one number refuses the whole call: the numbers are then asked for one by one.
//! - Code 8000 says a moment after a delivery that its proof can be seen; it is no delivery.
//! - New waybills and numbers of other couriers stand in sentences only, see `numbers.rs`.
//! - Orders are not looked up.
//! - A push has no signature, see `push.rs`. Where it goes is set in SF's portal, and SF documents
//!   no way to end the push of a number.
//!
//! This module must not know statuses, retries or caches.

mod auth;
mod clock;
mod fault;
mod map;
mod meaning;
mod numbers;
mod place;
mod push;
mod sign;
#[cfg(test)]
mod tests;
mod wire;
mod words;

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use form_urlencoded::Serializer;
use http::StatusCode;
use http::header::{ACCEPT, CONTENT_TYPE};
use jiff::Timestamp;
use serde::Serialize;
use waybill_core::adapter::{
    Adapter, Answer, BoxFuture, Capabilities, Ctx, Descriptor, Limits, Proof, Pushed, Query,
    Report, Setting, Settings, Subscribed, Subscription,
};
use waybill_core::error::{Error, ErrorKind};
use waybill_core::event::SourceClass;
use waybill_core::privacy::Secret;

use self::auth::Tokens;
use self::map::{Entry, Reader, Understood, malformed};
use self::push::Push;
use crate::token::Token;

/// The source.
pub(crate) static DESCRIPTOR: Descriptor = Descriptor {
    id: "sf",
    carrier: "sf",
    display_name: "SF Express",
    api: "Fengqiao open platform: routes",
    country: "CN",
    tracking_url: "https://www.sf-express.com/we/ow/chn/sc/waybill/waybill-detail/{tracking_number}",
    pages: &[],
    class: SourceClass::Custodian,
    capabilities: Capabilities {
        paid: false,
        registers: false,
        push: Some(Proof::Address),
        order_lookup: false,
        required_hints: &[],
        optional_hints: &["phone_last_four"],
        language: "zh-CN",
        default_time_zone: clock::ZONE,
        delivery_estimate: false,
        proof_of_delivery: false,
        history_days: 90,
        deposit_reported_as_delivered: false,
    },
    limits: Limits {
        batch: BATCH,
        per_second: 10.0,
        burst: 10,
        per_day: 0,
        timeout: Duration::from_secs(8),
        slow: Duration::from_secs(3),
        min_interval: Duration::from_secs(60),
    },
    formats: &["sf_prefixed", "sf_long", "sf_12"],
    carriers: &[],
    settings: &[
        Setting::required("partner_id", "customer code at the open platform"),
        Setting::secret("check_word", "check word of the customer code"),
        Setting::optional(
            "environment",
            "production",
            "production, hong-kong, or sandbox",
        ),
        Setting::optional(
            "base_url",
            "",
            "scheme and host that replace those of the environment",
        ),
        Setting::optional(
            "auth",
            "digest",
            "digest to sign every call, or oauth to use a token",
        ),
        Setting::optional(
            "language",
            "zh-CN",
            "language of the texts: zh-CN, zh-TW or en",
        ),
        Setting::optional_secret(
            "push_token",
            "word at the end of the address that pushes are sent to, or in its parameter token",
        ),
        Setting::optional_secret("push_token_before", "the word that push_token replaces"),
    ],
    build,
};

/// Numbers in one call, the most that SF takes.
const BATCH: usize = 10;
const FORM: &str = "application/x-www-form-urlencoded;charset=UTF-8";
/// Code of the platform for a token that is too old.
const EXPIRED: &str = "A1002";

fn build(settings: &Settings) -> Result<Box<dyn Adapter>, String> {
    Ok(Box::new(Sf::new(settings)?))
}

struct Sf {
    url: String,
    partner: String,
    check_word: Secret,
    language: &'static str,
    reader: Reader,
    /// Set if tokens are used instead of digests.
    tokens: Option<Tokens>,
    push: Push,
    /// Start of every request id, different in every process.
    nonce: u64,
    requests: AtomicU64,
}

/// The question for routes. The order of the fields is that of SF's examples.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Search<'a> {
    language: &'a str,
    /// 1: the numbers are waybills.
    tracking_type: &'a str,
    tracking_number: &'a [&'a str],
    /// 1: the standard question.
    method_type: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    check_phone_no: &'a str,
}

/// The request to push the routes of a waybill.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Register<'a> {
    attribute_no: &'a str,
    /// 2: the number is a waybill.
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    check_phone_no: &'a str,
    language: &'a str,
    country: &'a str,
}

impl Sf {
    fn new(settings: &Settings) -> Result<Self, String> {
        let base_url = match (settings.get("base_url"), settings.get("environment")) {
            ("", "production") => "https://sfapi.sf-express.com",
            ("", "hong-kong") => "https://sfapi-hk.sf-express.com",
            ("", "sandbox") => "https://sfapi-sbox.sf-express.com",
            ("", _) => {
                return Err("environment must be production, hong-kong or sandbox".to_owned());
            }
            (url, _) => url.trim_end_matches('/'),
        };
        let is_http = |uri: &http::Uri| matches!(uri.scheme_str(), Some("http" | "https"));
        if !base_url.parse().is_ok_and(|uri| is_http(&uri)) {
            return Err("base_url must be an http or https url".to_owned());
        }
        let language = match settings.get("language") {
            "zh-CN" => "zh-CN",
            "zh-TW" => "zh-TW",
            "en" => "en",
            _ => return Err("language must be zh-CN, zh-TW or en".to_owned()),
        };
        let (partner, check_word) = (settings.get("partner_id"), settings.secret("check_word"));
        let tokens = match settings.get("auth") {
            "digest" => None,
            "oauth" => Some(Tokens::new(base_url, partner, &check_word)),
            _ => return Err("auth must be digest or oauth".to_owned()),
        };
        let codes = meaning::CODES.as_ref().map_err(Clone::clone)?;
        Ok(Self {
            url: format!("{base_url}/std/service"),
            partner: partner.to_owned(),
            check_word,
            language,
            reader: Reader { codes, language },
            tokens,
            push: Push::new(settings),
            nonce: RandomState::new().hash_one(DESCRIPTOR.id),
            requests: AtomicU64::new(0),
        })
    }

    /// Calls a service, once more with a new token if the token is too old.
    async fn call<M: Serialize>(
        &self,
        ctx: Ctx<'_>,
        service: &str,
        message: &M,
    ) -> Result<http::Response<Bytes>, Error> {
        let msg_data = serde_json::to_string(message).map_err(internal)?;
        let Some(tokens) = &self.tokens else {
            let timestamp = ctx.now.as_millisecond().to_string();
            let digest = sign::digest(&msg_data, &timestamp, &self.check_word);
            let proof = ("msgDigest", digest.as_str());
            let request = self.request(service, &timestamp, proof, &msg_data)?;
            return ctx.http.send(request).await;
        };
        let token = tokens.get(ctx, None).await?;
        let timestamp = ctx.now.as_millisecond().to_string();
        let send = async |token: &Token| {
            let proof = ("accessToken", token.value.expose());
            let request = self.request(service, &timestamp, proof, &msg_data)?;
            ctx.http.send(request).await
        };
        let response = send(&token).await?;
        let code = crate::wire::from_slice::<wire::Envelope<'_>>(response.body())
            .map(|envelope| envelope.code.trim() == EXPIRED);
        if !code.unwrap_or(false) {
            return Ok(response);
        }
        send(&tokens.get(ctx, Some(token.flight)).await?).await
    }

    fn request(
        &self,
        service: &str,
        timestamp: &str,
        proof: (&str, &str),
        msg_data: &str,
    ) -> Result<http::Request<Bytes>, Error> {
        let form = Serializer::new(String::new())
            .append_pair("partnerID", &self.partner)
            .append_pair("requestID", &self.request_id())
            .append_pair("serviceCode", service)
            .append_pair("timestamp", timestamp)
            .append_pair(proof.0, proof.1)
            .append_pair("msgData", msg_data)
            .finish();
        http::Request::post(&self.url)
            .header(CONTENT_TYPE, FORM)
            .header(ACCEPT, "application/json")
            .body(Bytes::from(form))
            .map_err(internal)
    }

    /// An id in the form of a UUID that says nothing and never repeats.
    fn request_id(&self) -> String {
        let count = self.requests.fetch_add(1, Ordering::Relaxed);
        let nonce = self.nonce;
        format!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            nonce >> 32,
            nonce >> 16 & 0xffff,
            nonce & 0xffff,
            count >> 48,
            count & 0xffff_ffff_ffff
        )
    }

    /// Asks for numbers that share a telephone number.
    async fn search(&self, ctx: Ctx<'_>, queries: &[&Query], phone: &str) -> Vec<Answer> {
        let together = self.search_once(ctx, queries, phone).await;
        match together {
            Ok(answers) => answers,
            Err(error) if queries.len() > 1 && fault::is_about_a_number(&error) => {
                let mut answers = Vec::with_capacity(queries.len());
                let mut end = None;
                for query in queries {
                    let answer = match &end {
                        Some(error) => Err(Error::clone(error).unspent()),
                        None => self.search_once(ctx, &[query], phone).await,
                    };
                    // What is not about the number would meet the others as well.
                    end = end.or_else(|| {
                        let error = answer.as_ref().err()?;
                        Some(error.clone()).filter(|error| !fault::is_about_a_number(error))
                    });
                    answers.push(answer.and_then(|mut answers| {
                        answers.pop().unwrap_or_else(|| Err(fault::of_omitted()))
                    }));
                }
                answers
            }
            Err(error) => vec![Err(error); queries.len()],
        }
    }

    async fn search_once(
        &self,
        ctx: Ctx<'_>,
        queries: &[&Query],
        phone: &str,
    ) -> Result<Vec<Answer>, Error> {
        let mut numbers: Vec<&str> = Vec::with_capacity(queries.len());
        for query in queries {
            let number = query.number.reveal();
            if !numbers.contains(&number) {
                numbers.push(number);
            }
        }
        let search = Search {
            language: self.language,
            tracking_type: "1",
            tracking_number: &numbers,
            method_type: "1",
            check_phone_no: phone,
        };
        let response = self.call(ctx, "EXP_RECE_SEARCH_ROUTES", &search).await?;
        match self.understand(&response, queries, ctx.now)? {
            Understood::Routes(entries) => Ok(shared(entries, queries)),
            Understood::Nothing => Err(malformed("answer lacks routes")),
        }
    }

    /// Understands a response as far as all of it stands or falls together.
    fn understand(
        &self,
        response: &http::Response<Bytes>,
        queries: &[&Query],
        now: Timestamp,
    ) -> Result<Understood, Error> {
        if response.status() != StatusCode::OK {
            return Err(fault::of_status(response, now));
        }
        let only = match queries {
            [query] => Some(&query.number),
            _ => None,
        };
        push::understood(&self.reader, response.body(), only)
            .map_err(|error| fault::timed(error, response, now))
    }

    async fn register(&self, ctx: Ctx<'_>, query: &Query) -> Subscribed {
        let message = Register {
            attribute_no: query.number.reveal(),
            kind: "2",
            check_phone_no: phone(query)?,
            language: self.language,
            country: DESCRIPTOR.country,
        };
        let response = self.call(ctx, "EXP_RECE_REGISTER_ROUTE", &message).await?;
        self.understand(&response, &[query], ctx.now).map(|_| None)
    }
}

/// The digits of a query, or nothing.
fn phone(query: &Query) -> Result<&str, Error> {
    let digits = query.hints.phone_last_four.reveal().as_str();
    if digits.is_empty() || (digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit()))
    {
        return Ok(digits);
    }
    let message = "phone_last_four must be four digits";
    Err(Error::new(ErrorKind::InvalidQuery, message).unspent())
}

/// Gives each query what the entries say about its number, and the first one what nobody asked
/// for.
fn shared(entries: Vec<Entry>, queries: &[&Query]) -> Vec<Answer> {
    let unread = entries.iter().any(|entry| entry.number.is_none());
    let of = |query: &&Query| {
        let number = Some(&query.number);
        let entry = entries
            .iter()
            .find(|entry| entry.number.as_ref() == number)?;
        Some(entry.outcome.clone().map(|report| vec![report]))
    };
    let mut answers: Vec<Option<Answer>> = queries.iter().map(of).collect();
    let asked = |number: &waybill_core::number::TrackingNumber| {
        queries.iter().any(|query| query.number == *number)
    };
    let strangers: Vec<Report> = entries
        .into_iter()
        .filter_map(|entry| entry.outcome.ok())
        .filter(|report| !asked(&report.number))
        .collect();
    if let Some(first) = answers.first_mut().filter(|_| !strangers.is_empty()) {
        match first {
            Some(Ok(reports)) => reports.extend(strangers),
            _ => *first = Some(Ok(strangers)),
        }
    }
    let missing = || match unread {
        true => Err(malformed("answer has a waybill that cannot be read")),
        false => Err(fault::of_omitted()),
    };
    let answers = answers.into_iter();
    answers
        .map(|answer| answer.unwrap_or_else(missing))
        .collect()
}

/// Everything that an answer holds, if nobody asked; the first error if it holds nothing else.
fn everything(entries: Vec<Entry>) -> Answer {
    let mut first = None;
    let mut reports = Vec::with_capacity(entries.len());
    for entry in entries {
        match entry.outcome {
            Ok(report) => reports.push(report),
            Err(error) => first = first.or(Some(error)),
        }
    }
    match first.filter(|_| reports.is_empty()) {
        Some(error) => Err(error),
        None if reports.is_empty() => Err(fault::of_omitted()),
        None => Ok(reports),
    }
}

impl Adapter for Sf {
    fn reaches(&self) -> Vec<&str> {
        vec![&self.url]
    }

    fn fetch<'a>(&'a self, ctx: Ctx<'a>, queries: &'a [Query]) -> BoxFuture<'a, Vec<Answer>> {
        Box::pin(async move {
            let mut answers: Vec<Option<Answer>> = Vec::with_capacity(queries.len());
            // One telephone number per call.
            let mut groups: Vec<(&str, Vec<usize>)> = Vec::new();
            for (at, query) in queries.iter().enumerate() {
                match phone(query) {
                    Err(error) => answers.push(Some(Err(error))),
                    Ok(phone) => {
                        answers.push(None);
                        match groups.iter_mut().find(|(known, _)| *known == phone) {
                            Some((_, group)) => group.push(at),
                            None => groups.push((phone, vec![at])),
                        }
                    }
                }
            }
            for (phone, group) in groups {
                for part in group.chunks(BATCH) {
                    let asked: Vec<&Query> = part.iter().map(|&at| &queries[at]).collect();
                    let found = self.search(ctx, &asked, phone).await;
                    for (&at, answer) in part.iter().zip(found) {
                        answers[at] = Some(answer);
                    }
                }
            }
            let answers = answers.into_iter();
            answers
                .map(|answer| answer.unwrap_or_else(|| Err(fault::of_omitted())))
                .collect()
        })
    }

    fn interpret(
        &self,
        queries: &[Query],
        response: &http::Response<Bytes>,
        now: Timestamp,
    ) -> Vec<Answer> {
        let asked: Vec<&Query> = queries.iter().collect();
        match self.understand(response, &asked, now) {
            Ok(Understood::Routes(entries)) if queries.is_empty() => vec![everything(entries)],
            Ok(Understood::Routes(entries)) => shared(entries, &asked),
            Ok(Understood::Nothing) => vec![Ok(Vec::new()); queries.len().max(1)],
            Err(error) => vec![Err(error); queries.len().max(1)],
        }
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
                    Subscription::Start => self.register(ctx, query).await,
                    Subscription::Stop => {
                        let message = "sf ends no push";
                        Err(Error::new(ErrorKind::Unsupported, message).unspent())
                    }
                });
            }
            answers
        })
    }

    fn translate_push<'a>(
        &'a self,
        push: &'a http::Request<Bytes>,
        _now: Timestamp,
    ) -> BoxFuture<'a, Result<Pushed, Error>> {
        Box::pin(std::future::ready(self.push.translate(&self.reader, push)))
    }
}

/// A request that could not be made.
fn internal<E>(_: E) -> Error {
    Error::new(ErrorKind::Internal, "request could not be made").unspent()
}
