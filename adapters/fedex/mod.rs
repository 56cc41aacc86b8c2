//! FedEx: the Track API v1, up to 30 numbers per call, and the pushes of its webhook.
//!
//! **Documents.** The specification `track.json` ("Basic Integrated Visibility" 1.0.0), the API
//! reference guide and the list of tracking status codes of developer.fedex.com; the Authorization
//! API; the guide of the Advanced Integrated Visibility webhook. What live answers do otherwise is
//! from public clients (karrio, fedex-rest-php-sdk, bloodhound). The texts of `codes.csv` and
//! `words.csv` are our own short glosses.
//!
//! **Limits.** 30 numbers per call; 100,000 calls of the six Track endpoints per project and day,
//! new at midnight GMT; 1,400 calls per project in ten seconds. Requests for tokens are counted
//! apart, per address of the caller. Over a limit: status 429. The defaults leave room for others
//! who use the project. History is commonly kept for 90 days.
//!
//! **Clocks.** Scans have the offset of their place. All other times at midnight are days, see
//! `clock.rs`.
//!
//! **Quirks.**
//! - *Not found* is an error inside status 200, per number; so are other failures of one number.
//! - One number can have several results, because numbers are re-used: each is a report of its own,
//!   and its `trackingNumberUniqueId` is kept as a reference.
//! - Whether one malformed number fails its whole batch is not documented, so a batch that is
//!   refused with status 400 is asked again in halves.
//! - Barcodes (34, 32 and 22 digits) hold the number that is looked up, see `request.rs`.
//! - The other pieces of a consignment cost one more call, see the setting `pieces`. The answer to
//!   it is not paged here: the field that names the next page is not documented.
//! - Times of "order created", "picked up" and "arriving early" can lie after those of later scans.
//! - A token can be refused before its time: it is then fetched once more.
//! - Documents of proof are not asked for: size, and personal data.
//! - Numbers are added to the webhook in the developer portal; the fields of the service that adds
//!   them are not public.
//!
//! This module must not know statuses, retries or caches.

mod answer;
mod auth;
mod clock;
mod facts;
mod fault;
mod identifiers;
mod map;
mod meaning;
mod place;
mod push;
mod request;
#[cfg(test)]
mod tests;
mod wire;

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use jiff::Timestamp;
use waybill_core::adapter::{
    Adapter, Answer, BoxFuture, Capabilities, Ctx, Descriptor, Limits, Proof, Pushed, Query,
    Setting, Settings,
};
use waybill_core::error::{Error, ErrorKind};
use waybill_core::event::SourceClass;
use waybill_core::exception::NextAction;

use self::answer::{Found, Outcome, Page, Reader};
use self::auth::Tokens;
use self::identifiers::Master;
use crate::sign::Secrets;
use crate::token::{Token, secret_header};

/// Numbers in one call, the most that FedEx takes.
const BATCH: usize = 30;

/// The source.
pub(crate) static DESCRIPTOR: Descriptor = Descriptor {
    id: "fedex",
    carrier: "fedex",
    display_name: "FedEx",
    api: "Track API v1 and its webhook",
    country: "US",
    tracking_url: "https://www.fedex.com/fedextrack/?trknbr={tracking_number}",
    pages: &[
        (
            NextAction::ContactCarrier,
            "https://www.fedex.com/en-us/customer-support.html",
        ),
        (
            NextAction::FileClaim,
            "https://www.fedex.com/en-us/customer-support/claims.html",
        ),
        (
            NextAction::ArrangeRedelivery,
            "https://www.fedex.com/en-us/delivery-manager.html",
        ),
        (
            NextAction::ChangeToPickupPoint,
            "https://www.fedex.com/en-us/delivery-manager.html",
        ),
    ],
    class: SourceClass::Custodian,
    capabilities: Capabilities {
        paid: false,
        registers: false,
        push: Some(Proof::Signature),
        order_lookup: false,
        required_hints: &[],
        optional_hints: &["ship_date"],
        language: "en-US",
        default_time_zone: "",
        delivery_estimate: true,
        proof_of_delivery: true,
        history_days: 90,
        deposit_reported_as_delivered: false,
    },
    limits: Limits {
        batch: BATCH,
        per_second: 10.0,
        burst: 50,
        per_day: 100_000,
        timeout: Duration::from_secs(8),
        slow: Duration::from_secs(3),
        min_interval: Duration::from_secs(60),
    },
    formats: &[
        "fedex_12",
        "fedex_34",
        "fedex_astra_32",
        "fedex_ground",
        "fedex_ground_sscc_18",
        "fedex_ground_96",
        "fedex_ground_gsn",
        "fedex_smartpost_20",
    ],
    carriers: &[],
    settings: &[
        Setting::secret("client_id", "api key of the project"),
        Setting::secret("client_secret", "secret key of the project"),
        Setting::optional(
            "grant_type",
            "client_credentials",
            "client_credentials, csp_credentials or client_pc_credentials",
        ),
        Setting::optional_secret("child_key", "customer key, for the last two grant types"),
        Setting::optional_secret(
            "child_secret",
            "customer password, for the last two grant types",
        ),
        Setting::optional(
            "environment",
            "production",
            "production, or sandbox for canned answers",
        ),
        Setting::optional(
            "base_url",
            "",
            "scheme and host that replace those of the environment",
        ),
        Setting::optional("locale", "en_US", "language and country of the texts"),
        Setting::optional(
            "pieces",
            "all",
            "all to fetch the other pieces of a consignment too, one more call; asked for none",
        ),
        Setting::optional_secret("security_token", "security token of the webhook project"),
        Setting::optional_secret(
            "security_token_before",
            "security token that the one of the webhook project replaces",
        ),
    ],
    build,
};

fn build(settings: &Settings) -> Result<Box<dyn Adapter>, String> {
    Ok(Box::new(Fedex::new(settings)?))
}

struct Fedex {
    base_url: String,
    locale: String,
    all_pieces: bool,
    reader: Reader,
    tokens: Tokens,
    secrets: Secrets,
    /// Start of every request id, different in every process.
    nonce: u64,
    requests: AtomicU64,
}

impl Fedex {
    fn new(settings: &Settings) -> Result<Self, String> {
        let base_url = match (settings.get("base_url"), settings.get("environment")) {
            ("", "production") => "https://apis.fedex.com",
            ("", "sandbox") => "https://apis-sandbox.fedex.com",
            ("", _) => return Err("environment must be production or sandbox".to_owned()),
            (url, _) => url.trim_end_matches('/'),
        };
        let is_http = |uri: &http::Uri| matches!(uri.scheme_str(), Some("http" | "https"));
        if !base_url.parse().is_ok_and(|uri| is_http(&uri)) {
            return Err("base_url must be an http or https url".to_owned());
        }
        let locale = settings.get("locale");
        let language = language(locale).ok_or("locale must look like en_US")?;
        let all_pieces = match settings.get("pieces") {
            "all" => true,
            "asked" => false,
            _ => return Err("pieces must be all or asked".to_owned()),
        };
        let table = meaning::TABLE.as_ref().map_err(Clone::clone)?;
        Ok(Self {
            tokens: Tokens::new(base_url, settings)?,
            base_url: base_url.to_owned(),
            locale: locale.to_owned(),
            all_pieces,
            reader: Reader { table, language },
            secrets: Secrets::new(settings, &["security_token", "security_token_before"]),
            nonce: RandomState::new().hash_one(DESCRIPTOR.id),
            requests: AtomicU64::new(0),
        })
    }

    /// Asks for all queries at once, or for halves of them where a number spoils the batch.
    async fn ask(&self, ctx: Ctx<'_>, queries: &[Query]) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(queries.len());
        let mut open = vec![queries.iter().collect::<Vec<&Query>>()];
        while let Some(mut batch) = open.pop() {
            match self.track(ctx, &batch).await {
                Ok(page) => outcomes.extend(page.for_each(&batch)),
                Err(error) if batch.len() > 1 && fault::is_of_a_number(&error) => {
                    let rest = batch.split_off(batch.len() / 2);
                    open.extend([rest, batch]);
                }
                Err(error) => outcomes.extend(batch.iter().map(|_| Err(error.clone()))),
            }
        }
        outcomes
    }

    async fn track(&self, ctx: Ctx<'_>, queries: &[&Query]) -> Result<Page, Error> {
        let body = request::track(queries, ctx.now).map_err(internal)?;
        let response = self.post(ctx, "trackingnumbers", body).await?;
        self.reader.read(&response, ctx.now, false)
    }

    /// Adds the pieces that the answers leave out. Without them the answers still stand; they say
    /// that pieces are missing.
    async fn add_pieces(&self, ctx: Ctx<'_>, outcomes: &mut [Outcome]) {
        let mut asked: Vec<(Master, Vec<Found>)> = Vec::new();
        for found in outcomes.iter_mut().flatten() {
            let Some(master) = found.iter().find_map(|found| found.master.clone()) else {
                continue;
            };
            if master.pieces > 0 && master.pieces <= found.len() {
                continue;
            }
            let known = asked.iter().position(|(known, _)| *known == master);
            let at = match known {
                Some(at) => at,
                None => {
                    let pieces = self.associated(ctx, &master).await.unwrap_or_default();
                    asked.push((master.clone(), pieces));
                    asked.len() - 1
                }
            };
            if let Some((_, pieces)) = asked.get(at) {
                for piece in pieces {
                    let mut all = found.iter();
                    if !all.any(|known| known.report.number == piece.report.number) {
                        found.push(piece.clone());
                    }
                }
            }
            let missing = master.pieces.saturating_sub(found.len());
            if missing > 0 {
                let doubt = format!("{missing} further pieces are not in the answer");
                for found in found.iter_mut() {
                    found.report.facts.doubts.push(doubt.clone());
                }
            }
        }
    }

    async fn associated(&self, ctx: Ctx<'_>, master: &Master) -> Outcome {
        let body = request::associated(master).map_err(internal)?;
        let response = self.post(ctx, "associatedshipments", body).await?;
        self.reader.read(&response, ctx.now, false)?.all()
    }

    /// Sends a request, once more with a new token if the token is refused.
    async fn post(
        &self,
        ctx: Ctx<'_>,
        path: &str,
        body: Vec<u8>,
    ) -> Result<http::Response<Bytes>, Error> {
        let body = Bytes::from(body);
        let token = self.tokens.get(ctx, None).await?;
        let response = ctx.http.send(self.request(path, &body, &token)?).await?;
        let refused = response.status() == StatusCode::UNAUTHORIZED
            || (response.status() != StatusCode::OK
                && fault::of_response(&response, ctx.now).native_code == fault::RELOGIN);
        if !refused {
            return Ok(response);
        }
        let token = self.tokens.get(ctx, Some(token.flight)).await?;
        ctx.http.send(self.request(path, &body, &token)?).await
    }

    fn request(
        &self,
        path: &str,
        body: &Bytes,
        token: &Token,
    ) -> Result<http::Request<Bytes>, Error> {
        let count = self.requests.fetch_add(1, Ordering::Relaxed);
        http::Request::post(format!("{}/track/v1/{path}", self.base_url))
            .header(AUTHORIZATION, secret_header(token.value.expose())?)
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json")
            .header("x-locale", &self.locale)
            .header(
                "x-customer-transaction-id",
                format!("{:016x}{count:016x}", self.nonce),
            )
            .body(body.clone())
            .map_err(internal)
    }
}

impl Adapter for Fedex {
    fn reaches(&self) -> Vec<&str> {
        vec![&self.base_url]
    }

    fn fetch<'a>(&'a self, ctx: Ctx<'a>, queries: &'a [Query]) -> BoxFuture<'a, Vec<Answer>> {
        Box::pin(async move {
            if queries.is_empty() {
                return Vec::new();
            }
            let mut outcomes = self.ask(ctx, queries).await;
            if self.all_pieces {
                self.add_pieces(ctx, &mut outcomes).await;
            }
            outcomes.into_iter().map(reports).collect()
        })
    }

    fn interpret(
        &self,
        queries: &[Query],
        response: &http::Response<Bytes>,
        now: Timestamp,
    ) -> Vec<Answer> {
        let count = queries.len().max(1);
        let page = match self.reader.read(response, now, false) {
            Ok(page) => page,
            Err(error) => return vec![Err(error); count],
        };
        if queries.is_empty() {
            return vec![reports(page.all())];
        }
        let queries: Vec<&Query> = queries.iter().collect();
        page.for_each(&queries).into_iter().map(reports).collect()
    }

    fn batch(&self, limits: &Limits) -> usize {
        limits.batch.clamp(1, BATCH)
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

fn reports(outcome: Outcome) -> Answer {
    Ok(outcome?.into_iter().map(|found| found.report).collect())
}

/// BCP 47 tag of a locale such as `en_US`.
fn language(locale: &str) -> Option<String> {
    let (language, country) = locale.split_once('_')?;
    let lower = language.len() == 2 && language.bytes().all(|byte| byte.is_ascii_lowercase());
    let upper = country.len() == 2 && country.bytes().all(|byte| byte.is_ascii_uppercase());
    (lower && upper).then(|| format!("{language}-{country}"))
}

/// A request that could not be made.
fn internal<E>(_: E) -> Error {
    Error::new(ErrorKind::Internal, "request could not be made").unspent()
}
