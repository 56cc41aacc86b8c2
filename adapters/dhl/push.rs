//! DHL's push: subscribing to it, and checking and understanding what is posted. It must not know
//! what shipments say: [`super::answer`] reads them like those of an answer.
//!
//! # What it is
//! Shipment Tracking - Unified - Push 1.2.5 under `/tracking/push/v1` on the host of the pull API.
//! `POST /subscription` names the hook, a header with a token that DHL will send along, and a number.
//! DHL then posts `subscription.validate` with a secret, which has to come back in the header
//! `DHL-API-Hook-Secret` of a `POST` on the subscription; `subscription.ready` follows, and from
//! then on `subscription.push` with shipments. `GET /subscriptions` lists, `DELETE
//! /subscription/{id}` ends.
//!
//! # Trust
//! The token is all there is: no body is signed. So what is posted with it is never believed: its
//! numbers are asked for when the quota allows it.
//!
//! # The handshake
//! Understanding a post has no way out, so the secret waits here until the next call to
//! [`subscribe`], which a fresh subscription asks for after a minute. Each number has a
//! subscription of its own, because ending one ends it for all its numbers.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;
use waybill_core::adapter::{Ctx, Pushed, Query, Settings, Subscribed, Subscription};
use waybill_core::error::{Error, ErrorKind, Retry};
use waybill_core::privacy::Secret;

use super::{answer, wire};
use crate::sign::{Secrets, hex, sha256};
use crate::wire::{long_list, object, text, texts};

/// DHL posts the secret at once; by then it has arrived.
const HANDSHAKE: Duration = Duration::from_secs(60);
/// Secrets that wait at most; who has the token could send any number of them.
const MOST_WAITING: usize = 1_000;
/// What is subscribed to: everything.
const EVENTS: [&str; 5] = ["Pre-Transit", "Transit", "Delivered", "Failure", "Unknown"];
/// The division of a number by its format, for subscriptions must name one.
const DIVISIONS: &[(&str, &str)] = &[
    ("dhl_express", "express"),
    ("dhl_express_piece_id", "express"),
    ("dhl_paket_20", "parcel-de"),
    ("dhl_paket_12", "parcel-de"),
    ("dhl_ecommerce", "ecommerce"),
    ("dhl_ecommerce_14", "ecommerce"),
];

/// The hook of one account.
pub(super) struct Hook {
    /// Address of the push API.
    base_url: String,
    /// Where DHL posts; empty if there is no push.
    url: String,
    header: HeaderName,
    token: Secret,
    secrets: Secrets,
    /// Secrets of subscriptions that still have to be activated, by their ids.
    waiting: Mutex<BTreeMap<String, Secret>>,
}

impl Hook {
    /// Takes the settings of the push; the host is that of the pull API.
    pub(super) fn new(settings: &Settings, pull: &Uri) -> Result<Self, String> {
        let (url, token) = (settings.get("push_url"), settings.get("push_token"));
        if url.is_empty() != token.is_empty() {
            return Err("push_url and push_token go together".to_owned());
        }
        if !url.is_empty() {
            let parsed: Result<Uri, _> = url.parse();
            if !parsed.is_ok_and(|url| url.scheme_str() == Some("https")) {
                return Err("push_url must begin with https://".to_owned());
            }
            if token.len() < 16 || HeaderValue::from_str(token).is_err() {
                return Err("push_token must be at least 16 plain characters".to_owned());
            }
        }
        let header = match settings.get("push_header") {
            "" => Ok(HeaderName::from_static("x-waybill-push-token")),
            name => name.parse(),
        };
        let scheme = pull.scheme_str().unwrap_or_default();
        let host = pull.authority().map_or("", |host| host.as_str());
        Ok(Self {
            base_url: format!("{scheme}://{host}/tracking/push/v1"),
            url: url.to_owned(),
            header: header.map_err(|_| "push_header must be the name of a header".to_owned())?,
            token: settings.secret("push_token"),
            secrets: Secrets::new(settings, &["push_token", "push_token_before"]),
            waiting: Mutex::default(),
        })
    }

    /// Checks the token and understands a post.
    pub(super) fn understand(
        &self,
        push: &Request<Bytes>,
        now: Timestamp,
    ) -> Result<Pushed, Error> {
        let given = push.headers().get(&self.header);
        let given = given.map_or(&b""[..], HeaderValue::as_bytes);
        if !self
            .secrets
            .verify(given, |token| token.as_bytes().to_vec())
        {
            return Err(Error::new(ErrorKind::Denied, "push has no right token").unspent());
        }
        let notice = Notice::read(push.body())
            .ok_or_else(|| malformed("push is not the documented JSON"))?;
        match notice.scope.trim() {
            "subscription.validate" => self.keep(&notice).map(|()| accepted()),
            "subscription.ready" => Ok(accepted()),
            "subscription.push" => shipments(push.body(), now),
            _ => Err(malformed("scope: not a documented one")),
        }
    }

    fn keep(&self, notice: &Notice<'_>) -> Result<(), Error> {
        let id = subscription_id(&notice.own_url)
            .ok_or_else(|| malformed("self: no address of a subscription"))?;
        let secret = notice.secret.trim();
        if secret.is_empty() || HeaderValue::from_str(secret).is_err() {
            return Err(malformed("secret: missing, or not fit for a header"));
        }
        let mut waiting = self.waiting();
        if waiting.len() >= MOST_WAITING {
            waiting.pop_first();
        }
        waiting.insert(id.to_owned(), Secret::new(secret.to_owned()));
        Ok(())
    }

    fn waiting(&self) -> MutexGuard<'_, BTreeMap<String, Secret>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A post about shipments. They are read as those of an answer.
fn shipments(body: &Bytes, now: Timestamp) -> Result<Pushed, Error> {
    let id = id_of(body);
    let reports = match answer::read(&Response::new(body.clone()), None, now) {
        Ok(page) => page.reports,
        // A post without shipments says nothing.
        Err(error) if error.kind == ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error),
    };
    let poll = reports.iter().map(|report| report.number.clone()).collect();
    Ok(Pushed {
        id,
        reports,
        poll,
        ..accepted()
    })
}

/// Posts have no id: it is made of what their shipments state about now.
fn id_of(body: &[u8]) -> String {
    let Ok(body) = wire::body(body) else {
        return String::new();
    };
    let mut parts: Vec<&[u8]> = Vec::new();
    for shipment in body.shipments.iter().flatten() {
        let status = &shipment.status;
        let place = &status.location.address;
        for part in [
            &shipment.id,
            &status.timestamp,
            &status.status_code,
            &status.status,
            &status.description,
            &place.country_code,
            &place.address_locality,
        ] {
            parts.extend([part.as_bytes(), b"\0"]);
        }
    }
    hex(&sha256(&parts))
}

/// DHL wants a success and reads no body.
fn accepted() -> Pushed {
    Pushed {
        id: String::new(),
        reports: Vec::new(),
        poll: Vec::new(),
        reply: Response::new(Bytes::new()),
    }
}

/// What every post says about itself.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Notice<'a> {
    #[serde(borrow, deserialize_with = "text")]
    scope: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text", rename = "self")]
    own_url: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    secret: Cow<'a, str>,
}

impl<'a> Notice<'a> {
    fn read(body: &'a [u8]) -> Option<Self> {
        object(&mut serde_json::Deserializer::from_slice(body)).ok()
    }
}

/// Tells whether a body is a post of the handshake, which holds no shipments.
pub(super) fn is_handshake(body: &[u8]) -> bool {
    let scope = Notice::read(body).map(|notice| notice.scope);
    matches!(
        scope.as_deref(),
        Some("subscription.validate" | "subscription.ready")
    )
}

/// Id of a subscription from its address. Nothing else is taken from the address: the key goes
/// where it always goes.
fn subscription_id(url: &str) -> Option<&str> {
    let (_, id) = url.trim().trim_end_matches('/').rsplit_once('/')?;
    sound(id)
}

/// An id that can stand in a path.
fn sound(id: &str) -> Option<&str> {
    let plain = |c: u8| c.is_ascii_alphanumeric() || b"-_".contains(&c);
    ((1..=100).contains(&id.len()) && id.bytes().all(plain)).then_some(id)
}

/// A subscription as it is listed.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Listed<'a> {
    #[serde(borrow, deserialize_with = "text")]
    id: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text", rename = "self")]
    own_url: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "texts", rename = "shipmentIDs")]
    numbers: Vec<Cow<'a, str>>,
}

impl Listed<'_> {
    fn has(&self, query: &Query) -> bool {
        let number = query.number.reveal();
        self.numbers
            .iter()
            .any(|own| own.trim().eq_ignore_ascii_case(number))
    }

    fn id(&self) -> Option<&str> {
        sound(self.id.trim()).or_else(|| subscription_id(&self.own_url))
    }
}

/// A list of subscriptions, bare or in an object.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Wrapped<'a> {
    #[serde(borrow, deserialize_with = "long_list")]
    subscriptions: Vec<Listed<'a>>,
}

fn listed(body: &[u8]) -> Result<Vec<Listed<'_>>, Error> {
    let broken = |_| malformed("list of subscriptions is not the documented JSON");
    let mut json = serde_json::Deserializer::from_slice(body);
    if body.trim_ascii_start().first() == Some(&b'[') {
        return long_list(&mut json).map_err(broken);
    }
    let wrapped: Wrapped<'_> = object(&mut json).map_err(broken)?;
    Ok(wrapped.subscriptions)
}

/// Begins or ends the push of each number.
pub(super) async fn subscribe(
    hook: &Hook,
    api_key: &HeaderValue,
    service: &str,
    ctx: Ctx<'_>,
    queries: &[Query],
    change: Subscription,
) -> Vec<Subscribed> {
    let caller = Caller { hook, api_key, ctx };
    if hook.url.is_empty() {
        let error = Error::new(
            ErrorKind::Unsupported,
            "push_url and push_token are not set",
        );
        return vec![Err(error.unspent()); queries.len()];
    }
    let body = match caller.prepare(change).await {
        Ok(body) => body,
        Err(error) => return vec![Err(error); queries.len()],
    };
    let known = match listed(&body) {
        Ok(known) => known,
        Err(error) => return vec![Err(error); queries.len()],
    };
    let mut answers = Vec::with_capacity(queries.len());
    for query in queries {
        let of_query: Vec<&Listed<'_>> = known.iter().filter(|listed| listed.has(query)).collect();
        answers.push(match change {
            Subscription::Start if !of_query.is_empty() => Ok(None),
            Subscription::Start => caller.create(query, service).await,
            Subscription::Stop => caller.end(&of_query).await,
        });
    }
    answers
}

/// Calls of one request to subscribe.
struct Caller<'a> {
    hook: &'a Hook,
    api_key: &'a HeaderValue,
    ctx: Ctx<'a>,
}

impl Caller<'_> {
    /// Activates what waits for it, and lists the subscriptions.
    async fn prepare(&self, change: Subscription) -> Result<Bytes, Error> {
        if change == Subscription::Start {
            self.activate().await?;
        }
        let response = self.call(Method::GET, "subscriptions", None, None).await?;
        match response.status() {
            StatusCode::OK => Ok(response.into_body()),
            StatusCode::NO_CONTENT | StatusCode::NOT_FOUND => Ok(Bytes::from_static(b"[]")),
            _ => Err(answer::failure(&response, self.ctx.now)),
        }
    }

    async fn activate(&self) -> Result<(), Error> {
        loop {
            let Some((id, secret)) = self.hook.waiting().pop_first() else {
                return Ok(());
            };
            let path = format!("subscription/{id}");
            let answer = self.call(Method::POST, &path, None, Some(&secret)).await;
            let failure = match answer {
                Ok(response) if response.status().is_success() => continue,
                // It has ended meanwhile; nothing is left to activate.
                Ok(response) if response.status() == StatusCode::NOT_FOUND => continue,
                Ok(response) => answer::failure(&response, self.ctx.now),
                Err(error) => error,
            };
            if failure.retry != Retry::Never {
                self.hook.waiting().entry(id).or_insert(secret);
            }
            return Err(failure);
        }
    }

    async fn create(&self, query: &Query, service: &str) -> Subscribed {
        let by_format = DIVISIONS.iter().find(|(format, _)| *format == query.format);
        let service = match (service, by_format) {
            ("", Some((_, division))) => division,
            ("", None) => {
                let what = "division of the number is not known, and service is not set";
                return Err(Error::new(ErrorKind::Unsupported, what).unspent());
            }
            (service, _) => service,
        };
        let body = json!({
            "format": "Default",
            "type": "Shipment",
            "service": service,
            "hook": {
                "uri": self.hook.url,
                "authentication": {
                    "type": "ApiKeyAuthentication",
                    "header": self.hook.header.as_str(),
                    "token": self.hook.token.expose(),
                },
            },
            "events": EVENTS,
            "shipmentIDs": [query.number.reveal()],
        });
        let body = Bytes::from(body.to_string());
        let response = self
            .call(Method::POST, "subscription", Some(body), None)
            .await?;
        match response.status() {
            StatusCode::CONFLICT => Ok(None),
            status if status.is_success() => Ok(self.ctx.now.checked_add(HANDSHAKE).ok()),
            _ => Err(answer::failure(&response, self.ctx.now)),
        }
    }

    async fn end(&self, known: &[&Listed<'_>]) -> Subscribed {
        for listed in known {
            if listed.numbers.len() > 1 {
                let what = "subscription is not ours: it has other numbers too";
                return Err(Error::new(ErrorKind::Unsupported, what));
            }
            let id = listed
                .id()
                .ok_or_else(|| malformed("id: a subscription has none"))?;
            let path = format!("subscription/{id}");
            let response = self.call(Method::DELETE, &path, None, None).await?;
            if !response.status().is_success() && response.status() != StatusCode::NOT_FOUND {
                return Err(answer::failure(&response, self.ctx.now));
            }
        }
        Ok(None)
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<Bytes>,
        secret: Option<&Secret>,
    ) -> Result<Response<Bytes>, Error> {
        let defect = || Error::new(ErrorKind::Internal, "request cannot be built").unspent();
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}/{path}", self.hook.base_url))
            .header(ACCEPT, "application/json")
            .header("DHL-API-Key", self.api_key);
        if let Some(secret) = secret {
            let mut value = HeaderValue::from_str(secret.expose()).map_err(|_| defect())?;
            value.set_sensitive(true);
            request = request.header("DHL-API-Hook-Secret", value);
        }
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let request = request.body(body.unwrap_or_default());
        self.ctx.http.send(request.map_err(|_| defect())?).await
    }
}

fn malformed(message: &str) -> Error {
    Error::new(ErrorKind::Malformed, message)
}
