//! UPS: the Tracking API, one number per call, and pushes of Track Alert.
//!
//! **Documents.** `Tracking.yaml`, `UPSTrackAlert.yaml` and `OAuthClientCredentials.yaml` of
//! `UPS-API/api-documentation` and its issues 7, 8, 38, 66, 101, 123 and 187; UPS' published code lists. The texts of
//! `codes.csv` are our own short glosses of those lists.
//!
//! **Limits.** UPS publishes none and sends no rate headers; code 10429 exists (issues 8, 123), so
//! the defaults are low. History is kept about 120 days. Numbers have 7 to 34 characters.
//!
//! **Clocks.** Each activity has a local pair and a UTC pair, see `clock.rs`. Days and windows of
//! delivery state no zone and are taken as the destination's.
//!
//! **Quirks.**
//! - *Not found* is status 200 with warning TW0001 and no package, status 404 at times.
//! - The type `D` is used for loading and attempts too; see `meaning.rs`.
//! - A number of a shipment with several pieces may answer with all of them or with the asked one
//!   only: the rest is fetched in pages. Every piece is a report of its own.
//! - A token can be refused before its time: it is then fetched once more.
//! - Track Alert takes 100 numbers at a time, tells nothing of the past and ends after 14 days; see
//!   `push.rs`.
//! - Signature, photograph and proof documents are not asked for: size, and personal data.
//!
//! This module must not know statuses, retries or caches.

mod auth;
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

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http::header::{ACCEPT, AUTHORIZATION, HeaderValue};
use jiff::Timestamp;
use waybill_core::adapter::{
    Adapter, Answer, BoxFuture, Capabilities, Ctx, Descriptor, Limits, Proof, Pushed, Query,
    Report, Setting, Settings, Subscribed, Subscription,
};
use waybill_core::error::{Error, ErrorKind};
use waybill_core::event::SourceClass;
use waybill_core::exception::NextAction;

use self::auth::Tokens;
use self::map::{Pieces, Reader};
use self::push::Alerts;
use crate::token::{Token, secret_header};

/// The source.
pub(crate) static DESCRIPTOR: Descriptor = Descriptor {
    id: "ups",
    carrier: "ups",
    display_name: "UPS",
    api: "Tracking API v1 and Track Alert",
    country: "US",
    tracking_url: "https://www.ups.com/track?tracknum={tracking_number}",
    pages: &[
        (
            NextAction::ContactCarrier,
            "https://www.ups.com/us/en/support/contact-us.page",
        ),
        (
            NextAction::FileClaim,
            "https://www.ups.com/us/en/support/file-a-claim.page",
        ),
        (
            NextAction::ArrangeRedelivery,
            "https://www.ups.com/us/en/services/tracking/mychoice.page",
        ),
        (
            NextAction::ChangeToPickupPoint,
            "https://www.ups.com/us/en/services/tracking/mychoice.page",
        ),
    ],
    class: SourceClass::Custodian,
    capabilities: Capabilities {
        paid: false,
        registers: false,
        push: Some(Proof::Header),
        order_lookup: false,
        required_hints: &[],
        optional_hints: &[],
        language: "en-US",
        default_time_zone: "",
        delivery_estimate: true,
        proof_of_delivery: true,
        history_days: 120,
        deposit_reported_as_delivered: false,
    },
    limits: Limits {
        batch: 1,
        per_second: 3.0,
        burst: 5,
        per_day: 0,
        timeout: Duration::from_secs(8),
        slow: Duration::from_secs(3),
        min_interval: Duration::from_secs(60),
    },
    formats: &["ups", "ups_waybill"],
    carriers: &[],
    settings: &[
        Setting::secret("client_id", "client id of the app"),
        Setting::secret("client_secret", "client secret of the app"),
        Setting::optional(
            "environment",
            "production",
            "production, or sandbox for the customer integration environment",
        ),
        Setting::optional(
            "base_url",
            "",
            "scheme and host that replace those of the environment",
        ),
        Setting::optional(
            "merchant_id",
            "",
            "shipper number sent with the request for a token",
        ),
        Setting::optional("locale", "en_US", "language and country of the texts"),
        Setting::optional_secret(
            "push_credential",
            "credential that pushes must bring; in version 2 the token that ups is given",
        ),
        Setting::optional_secret(
            "push_credential_before",
            "credential that push_credential replaces, still accepted",
        ),
        Setting::optional(
            "callback_url",
            "",
            "https address for pushes of version 1; empty: version 2, to the address in the portal",
        ),
        Setting::optional(
            "push_level",
            "standard",
            "standard, or enhanced with exceptions if the account has it",
        ),
    ],
    build,
};

/// Pieces in one page, the most that UPS returns.
const PAGE: usize = 50;
/// Pages that are fetched for one number at most.
const PAGES: usize = 20;

fn build(settings: &Settings) -> Result<Box<dyn Adapter>, String> {
    Ok(Box::new(Ups::new(settings)?))
}

struct Ups {
    base_url: String,
    locale: String,
    reader: Reader,
    tokens: Tokens,
    alerts: Alerts,
    /// Start of every request id, different in every process.
    nonce: u64,
    requests: AtomicU64,
}

impl Ups {
    fn new(settings: &Settings) -> Result<Self, String> {
        let base_url = match (settings.get("base_url"), settings.get("environment")) {
            ("", "production") => "https://onlinetools.ups.com",
            ("", "sandbox") => "https://wwwcie.ups.com",
            ("", _) => return Err("environment must be production or sandbox".to_owned()),
            (url, _) => url.trim_end_matches('/'),
        };
        let is_http = |uri: &http::Uri| matches!(uri.scheme_str(), Some("http" | "https"));
        if !base_url.parse().is_ok_and(|uri| is_http(&uri)) {
            return Err("base_url must be an http or https url".to_owned());
        }
        let locale = settings.get("locale");
        let language = map::language(locale).ok_or("locale must look like en_US")?;
        let merchant = settings.get("merchant_id");
        if HeaderValue::from_str(merchant).is_err() {
            return Err("merchant_id has characters that cannot be sent".to_owned());
        }
        let codes = meaning::CODES.as_ref().map_err(Clone::clone)?;
        Ok(Self {
            tokens: Tokens::new(
                base_url,
                settings.get("client_id"),
                &settings.secret("client_secret"),
                merchant,
            ),
            base_url: base_url.to_owned(),
            locale: locale.to_owned(),
            reader: Reader { codes, language },
            alerts: Alerts::new(settings)?,
            nonce: RandomState::new().hash_one(DESCRIPTOR.id),
            requests: AtomicU64::new(0),
        })
    }

    async fn ask(&self, ctx: Ctx<'_>, query: &Query) -> Answer {
        let number = query.number.reveal();
        if !(7..=34).contains(&number.len()) {
            return Err(Error::new(
                ErrorKind::InvalidQuery,
                "a number of ups has 7 to 34 characters",
            )
            .unspent());
        }
        let (base, locale) = (&self.base_url, &self.locale);
        let response = self
            .get(
                ctx,
                format!(
                    "{base}/api/track/v1/details/{number}?locale={locale}\
                     &returnMilestones=true&returnSignature=false&returnPOD=false"
                ),
            )
            .await?;
        let mut pieces = self.read(&response, Some(query), ctx.now)?;
        for page in 0..PAGES {
            if pieces.missing == 0 {
                break;
            }
            let offset = page * PAGE;
            let uri = format!(
                "{base}/api/track/v1/shipment/details/{number}?locale={locale}\
                 &offset={offset}&count={PAGE}"
            );
            // Without its pieces the answer still stands; the report says that they are missing.
            let Ok(response) = self.get(ctx, uri).await else {
                break;
            };
            let Ok(more) = self.read(&response, Some(query), ctx.now) else {
                break;
            };
            if pieces.add(more) == 0 {
                break;
            }
        }
        Ok(pieces.into_reports())
    }

    async fn get(&self, ctx: Ctx<'_>, uri: String) -> Result<http::Response<Bytes>, Error> {
        self.send(ctx, |request| request.uri(&uri).body(Bytes::new()))
            .await
    }

    /// Sends a request, once more with a new token if the token is refused.
    async fn send(
        &self,
        ctx: Ctx<'_>,
        make: impl Fn(http::request::Builder) -> http::Result<http::Request<Bytes>>,
    ) -> Result<http::Response<Bytes>, Error> {
        let signed = |token: &Token| {
            let request = self.request(token)?;
            make(request).map_err(internal)
        };
        let token = self.tokens.get(ctx, None).await?;
        let response = ctx.http.send(signed(&token)?).await?;
        if response.status() != StatusCode::UNAUTHORIZED
            || fault::of_response(&response, ctx.now).native_code == "250003"
        {
            return Ok(response);
        }
        let token = self.tokens.get(ctx, Some(token.flight)).await?;
        ctx.http.send(signed(&token)?).await
    }

    fn request(&self, token: &Token) -> Result<http::request::Builder, Error> {
        let count = self.requests.fetch_add(1, Ordering::Relaxed);
        Ok(http::Request::builder()
            .header(AUTHORIZATION, secret_header(token.value.expose())?)
            .header(ACCEPT, "application/json")
            .header("transId", format!("{:016x}{count:016x}", self.nonce))
            .header("transactionSrc", "waybill"))
    }

    fn read(
        &self,
        response: &http::Response<Bytes>,
        query: Option<&Query>,
        now: Timestamp,
    ) -> Result<Pieces, Error> {
        if response.status() != StatusCode::OK {
            return Err(fault::of_response(response, now));
        }
        self.reader.read(response.body(), query)
    }
}

impl Adapter for Ups {
    fn reaches(&self) -> Vec<&str> {
        vec![&self.base_url]
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
        let one = queries.first().filter(|_| queries.len() == 1);
        let all = self.read(response, one, now).map(Pieces::into_reports);
        // What is no answer can be another message of UPS.
        let all = all.or_else(|error| match error.kind {
            ErrorKind::Malformed if response.status() == StatusCode::OK => {
                push::other(&self.reader, response.body())
                    .filter(|reports| !reports.is_empty() || queries.is_empty())
                    .ok_or(error)
            }
            _ => Err(error),
        });
        let Some((_, others)) = queries.split_first() else {
            return vec![all];
        };
        let mut first = match all {
            Ok(reports) => reports,
            Err(error) => return vec![Err(error); queries.len()],
        };
        let mut rest = Vec::with_capacity(others.len());
        for query in others {
            let (own, left): (Vec<Report>, Vec<Report>) = first
                .into_iter()
                .partition(|report| report.number == query.number);
            first = left;
            rest.push(found(own));
        }
        std::iter::once(found(first)).chain(rest).collect()
    }

    fn subscribe<'a>(
        &'a self,
        ctx: Ctx<'a>,
        queries: &'a [Query],
        change: Subscription,
    ) -> BoxFuture<'a, Vec<Subscribed>> {
        Box::pin(push::change(self, ctx, queries, change))
    }

    fn translate_push<'a>(
        &'a self,
        push: &'a http::Request<Bytes>,
        _now: Timestamp,
    ) -> BoxFuture<'a, Result<Pushed, Error>> {
        Box::pin(std::future::ready(
            self.alerts.translate(&self.reader, push),
        ))
    }
}

fn found(reports: Vec<Report>) -> Answer {
    if reports.is_empty() {
        return Err(fault::of_notice(None));
    }
    Ok(reports)
}

/// A request that could not be made.
fn internal<E>(_: E) -> Error {
    Error::new(ErrorKind::Internal, "request could not be made").unspent()
}
