//! DHL: Shipment Tracking - Unified, one API for all divisions. This file owns how it is asked
//! and must not know what answers say: [`answer`] reads responses and failures, [`map`] and
//! [`facts`] make the record, [`meaning`] and [`words`] know the codes.
//!
//! # What it is
//! `GET {base}/shipments?trackingNumber=…` with the header `DHL-API-Key`; one number per call.
//! Sources: the OpenAPI document of the API, version 1.4.1, and the pages of developer.dhl.com
//! for "Shipment Tracking - Unified"; what replies look like in practice comes from the recorded
//! replies of netresearch/dhl-sdk-api-unified-tracking and from the client mediocre/bloodhound.
//!
//! # Limits
//! The start plan has 250 calls a day and 1 a second; more on request, sized at about 8 calls in
//! the life of a parcel. The day ends at 00:00 UTC. A 429 does not tell which of the two limits
//! was hit. Eight calls in a life are the reason for an hour between two calls for one number. A
//! number is unknown for 10 to 30 minutes after it was made, and again after about 90
//! days. DHL says that outside users have no test environment; the sandbox host is there for keys
//! that work on it.
//!
//! # Clocks
//! - An offset is believed.
//! - A `Z` is believed, except of `express`, `parcel-pl` and `dsc`: there the value is the wall
//!   clock of the place and the `Z` is an ornament. The evidence is one public client that drops
//!   it, and that MyDHL, the division's own API, gives the same events in local time. Such a time
//!   is resolved by its country, and left open with bounds where the country has several zones;
//!   the bounds hold the instant under either reading, and `raw` keeps the `Z`.
//! - Without an offset the country of the event decides. `parcel-de`, `post-de` and `svb` state
//!   German time; used where the event names Germany or no country.
//! - A date alone is a day, not a midnight.
//!
//! # Quirks
//! - A short number can answer with many shipments: each is a report, and who asked decides.
//!   `possibleAdditionalShipmentsUrl` names other divisions by URL; it is not followed, because
//!   each costs a call of a small quota.
//! - Asking for a piece answers with its shipment. Pieces are identifiers, not shipments, and a
//!   delivery of some of them is one in part.
//! - `delivered` is also said of a hand-over to a shop, locker or partner; see [`meaning`].
//! - The status block can contradict the events, and some divisions send no events at all.
//! - `id` can be a number, `references` one object, `statusCode` absent.
//! - Legs of freight become estimated departures and arrivals: they are forecasts of transports
//!   that may change, and estimates never count.
//!
//! Names of sender and receiver and streets are not read; neither are volume, loading metres and
//! the remark of a forecast, for which the record has no place.

mod answer;
mod facts;
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
use http::header::ACCEPT;
use http::{HeaderValue, Request, Response, Uri};
use jiff::Timestamp;
use waybill_core::adapter::{
    Adapter, Answer, BoxFuture, Capabilities, Ctx, Descriptor, Limits, Proof, Pushed, Query,
    Setting, Settings, Subscribed, Subscription,
};
use waybill_core::error::{Error, ErrorKind};
use waybill_core::event::SourceClass;
use waybill_core::privacy::Secret;

use self::answer::{read, share_out};
use self::push::Hook;

/// The source as data.
pub(crate) static DESCRIPTOR: Descriptor = Descriptor {
    id: "dhl",
    carrier: "dhl",
    display_name: "DHL",
    api: "Shipment Tracking - Unified, for all divisions",
    country: "DE",
    tracking_url: "https://www.dhl.com/global-en/home/tracking.html?tracking-id={tracking_number}",
    pages: &[],
    class: SourceClass::Custodian,
    capabilities: Capabilities {
        paid: false,
        registers: false,
        push: Some(Proof::Header),
        order_lookup: false,
        required_hints: &[],
        optional_hints: &["postal_code", "origin_country"],
        language: "en",
        default_time_zone: "",
        delivery_estimate: true,
        proof_of_delivery: true,
        history_days: 90,
        deposit_reported_as_delivered: false,
    },
    limits: Limits {
        batch: 1,
        per_second: 1.0,
        burst: 1,
        per_day: 250,
        timeout: Duration::from_secs(10),
        slow: Duration::from_secs(3),
        min_interval: Duration::from_secs(3_600),
    },
    formats: &[
        "dhl_express",
        "dhl_express_piece_id",
        "dhl_ecommerce",
        "dhl_ecommerce_14",
        "dhl_paket_20",
        "dhl_paket_12",
    ],
    carriers: &[],
    settings: &[
        Setting::secret(
            "api_key",
            "key of an app on developer.dhl.com with Shipment Tracking - Unified",
        ),
        Setting::optional("environment", "production", "production or sandbox"),
        Setting::optional(
            "base_url",
            "",
            "address of the API, without /shipments; empty: that of the environment",
        ),
        Setting::optional(
            "service",
            "",
            "division to ask, for example parcel-de; empty: all",
        ),
        Setting::optional(
            "requester_country",
            "",
            "country of the account, two letters; DHL may tune its data by it",
        ),
        Setting::optional(
            "push_url",
            "",
            "https address where DHL posts news; empty: no push",
        ),
        Setting::optional_secret(
            "push_token",
            "long random text that DHL sends with each post; needed with push_url",
        ),
        Setting::optional_secret(
            "push_token_before",
            "the token before it, taken as well while subscriptions still have it",
        ),
        Setting::optional(
            "push_header",
            "X-Waybill-Push-Token",
            "header that carries the token",
        ),
    ],
    build,
};

/// Pages that are read of one answer, of five shipments each.
const MAX_PAGES: usize = 10;
/// One account.
struct Dhl {
    base_url: String,
    api_key: Secret,
    service: String,
    requester_country: String,
    hook: Hook,
}

fn build(settings: &Settings) -> Result<Box<dyn Adapter>, String> {
    let base_url = match (settings.get("base_url"), settings.get("environment")) {
        ("", "production" | "") => "https://api-eu.dhl.com/track",
        ("", "sandbox") => "https://api-test.dhl.com/track",
        ("", _) => return Err("environment must be production or sandbox".to_owned()),
        (url, _) => url.trim_end_matches('/'),
    };
    let url: Uri = base_url
        .parse()
        .map_err(|_| "base_url must be an address".to_owned())?;
    let local = matches!(url.host(), Some("localhost" | "127.0.0.1" | "[::1]"));
    let plain = url.scheme_str() == Some("http") && local;
    if !(plain || url.scheme_str() == Some("https")) || url.query().is_some() {
        return Err("base_url must begin with https:// and have no query".to_owned());
    }
    let api_key = settings.secret("api_key");
    if HeaderValue::from_str(api_key.expose()).is_err() {
        return Err("api_key has characters that a header cannot carry".to_owned());
    }
    let service = settings.get("service");
    if !service.bytes().all(|c| c.is_ascii_lowercase() || c == b'-') {
        return Err("service must consist of lower-case letters and hyphens".to_owned());
    }
    let country = settings.get("requester_country");
    if !country.is_empty() && place::country(country).is_empty() {
        return Err("requester_country must have two letters".to_owned());
    }
    Ok(Box::new(Dhl {
        base_url: base_url.to_owned(),
        api_key,
        service: service.to_owned(),
        requester_country: country.to_ascii_uppercase(),
        hook: Hook::new(settings, &url)?,
    }))
}

impl Adapter for Dhl {
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
        response: &Response<Bytes>,
        now: Timestamp,
    ) -> Vec<Answer> {
        let asked = queries.first().map(|query| &query.number);
        match read(response, asked, now) {
            Ok(page) => share_out(page.reports, queries),
            // A post of the handshake is understood and holds no shipment.
            Err(_) if push::is_handshake(response.body()) => {
                vec![Ok(Vec::new()); queries.len().max(1)]
            }
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
            match self.key() {
                Ok(key) => {
                    push::subscribe(&self.hook, &key, &self.service, ctx, queries, change).await
                }
                Err(error) => vec![Err(error); queries.len()],
            }
        })
    }

    fn translate_push<'a>(
        &'a self,
        push: &'a Request<Bytes>,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Pushed, Error>> {
        Box::pin(std::future::ready(self.hook.understand(push, now)))
    }
}

impl Dhl {
    async fn ask(&self, ctx: Ctx<'_>, query: &Query) -> Answer {
        let asked = Some(&query.number);
        let mut reports = Vec::new();
        let mut offset = None;
        for _ in 0..MAX_PAGES {
            let page = match ctx.http.send(self.request(query, offset)?).await {
                Ok(response) => read(&response, asked, ctx.now),
                Err(error) => Err(error),
            };
            let page = match page {
                Ok(page) => page,
                Err(error) if reports.is_empty() => return Err(error),
                Err(_) => break,
            };
            reports.extend(page.reports);
            let Some(next) = page.next else {
                return Ok(reports);
            };
            let last = offset.unwrap_or(0);
            offset = next_offset(&self.base_url, &next).filter(|next| *next > last);
            if offset.is_none() {
                break;
            }
        }
        if let Some(last) = reports.last_mut() {
            let doubt = "the source has more shipments under this number than were read";
            last.facts.doubts.push(doubt.to_owned());
        }
        Ok(reports)
    }

    fn request(&self, query: &Query, offset: Option<u32>) -> Result<Request<Bytes>, Error> {
        let service = match query.format.as_str() {
            _ if !self.service.is_empty() => &self.service,
            "dhl_express" => "express",
            _ => "",
        };
        let offset = offset.map(|offset| offset.to_string()).unwrap_or_default();
        let mut url = format!("{}/shipments?language=en", self.base_url);
        for (name, value) in [
            ("trackingNumber", query.number.reveal()),
            ("service", service),
            ("requesterCountryCode", &self.requester_country),
            (
                "originCountryCode",
                &place::country(&query.hints.origin_country),
            ),
            (
                "recipientPostalCode",
                query.hints.postal_code.reveal().trim(),
            ),
            ("offset", &offset),
        ] {
            if !value.is_empty() {
                url.push('&');
                url.push_str(name);
                url.push('=');
                encode(value, &mut url);
            }
        }
        let defect = |_| Error::new(ErrorKind::Internal, "request cannot be built").unspent();
        Request::get(url)
            .header(ACCEPT, "application/json")
            .header("DHL-API-Key", self.key()?)
            .body(Bytes::new())
            .map_err(defect)
    }

    fn key(&self) -> Result<HeaderValue, Error> {
        let mut key = HeaderValue::from_str(self.api_key.expose())
            .map_err(|_| Error::new(ErrorKind::Internal, "key cannot be sent").unspent())?;
        key.set_sensitive(true);
        Ok(key)
    }
}

/// Appends a query value, percent-encoded.
fn encode(value: &str, url: &mut String) {
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            url.push(char::from(byte));
        } else {
            url.push_str(&format!("%{byte:02X}"));
        }
    }
}

/// Where the next page begins. Only this number is taken from the source's link, and only if the
/// link leads to where we asked: the key goes nowhere else.
fn next_offset(base_url: &str, url: &str) -> Option<u32> {
    let url: Uri = url.parse().ok()?;
    let base: Uri = base_url.parse().ok()?;
    let absolute = url.authority().is_some();
    if absolute && (url.scheme() != base.scheme() || url.authority() != base.authority()) {
        return None;
    }
    let offset = |pair: &str| pair.strip_prefix("offset=").map(str::to_owned);
    url.query()?.split('&').find_map(offset)?.parse().ok()
}
