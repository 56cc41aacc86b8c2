//! Subscriptions: who is told of what, made and ended at USPS.
//!
//! A subscription is of one number, or of all mail of a mailer if its id is set; then one serves
//! every number and is never ended for one of them. USPS removes a subscription without events
//! after 30 days and warns after 25, so it is renewed before, by making it anew: there is no other
//! way to renew one. A second one with the same address and filter is refused with the id of the
//! first, which is the only way to learn the id of a number's subscription, because the list knows
//! mailers only.

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, ETAG, IF_MATCH};
use http::{Method, StatusCode};
use jiff::{SignedDuration, Timestamp};
use waybill_core::adapter::{Ctx, Query, Settings, Subscribed, Subscription};
use waybill_core::error::{Error, ErrorKind};
use waybill_core::privacy::Secret;

use super::wire::{Body, Filter, Item, Mailbox, Wish};
use super::{Usps, fault, internal, map};

/// When a subscription is renewed.
const RENEWAL: SignedDuration = SignedDuration::from_hours(24 * 24);
/// Fewest characters of a secret.
const SECRET: usize = 32;

/// Where pushes go and what they are signed with.
pub(super) struct Listener {
    url: String,
    secret: Secret,
    email: String,
    mid: String,
    events: String,
    path: String,
}

impl Listener {
    /// Reads the settings; `None` if pushes are not asked for.
    pub(super) fn new(settings: &Settings, path: String) -> Result<Option<Self>, String> {
        let (url, secret) = (settings.get("callback_url"), settings.secret("push_secret"));
        for key in ["push_secret", "push_secret_before"] {
            let length = settings.get(key).chars().count();
            if (1..SECRET).contains(&length) {
                return Err(format!("{key} must have {SECRET} characters"));
            }
        }
        if url.is_empty() {
            return Ok(None);
        }
        let is_https = |uri: &http::Uri| uri.scheme_str() == Some("https");
        if !url.parse().is_ok_and(|uri| is_https(&uri)) {
            return Err("callback_url must be an https url".to_owned());
        }
        if secret.is_empty() {
            return Err("callback_url needs push_secret".to_owned());
        }
        Ok(Some(Self {
            url: url.to_owned(),
            secret,
            email: settings.get("admin_email").to_owned(),
            mid: settings.get("mid").to_owned(),
            events: settings.get("event_types").to_owned(),
            path,
        }))
    }

    fn wish(&self, number: &str) -> Result<Bytes, Error> {
        let email = Some(&self.email).filter(|email| !email.is_empty());
        let wish = Wish {
            listener_url: &self.url,
            secret: self.secret.expose(),
            admin_notification: email.map(|email| Mailbox { email }).into_iter().collect(),
            filter_properties: Filter {
                mid: &self.mid,
                tracking_number: number,
                tracking_event_types: vec![&self.events],
            },
        };
        Ok(serde_json::to_vec(&wish).map_err(internal)?.into())
    }
}

/// What came of a wish.
enum Made {
    /// Granted; the id.
    New(String),
    /// There is one already; its id.
    Old(String),
}

/// Changes the subscription of each number, or that of the mailer.
pub(super) async fn change(
    usps: &Usps,
    ctx: Ctx<'_>,
    queries: &[Query],
    change: Subscription,
) -> Vec<Subscribed> {
    let Some(listener) = &usps.listener else {
        let why = "subscriptions need callback_url and push_secret";
        let error = Error::new(ErrorKind::Unsupported, why).unspent();
        return vec![Err(error); queries.len()];
    };
    if !listener.mid.is_empty() {
        let all = match change {
            Subscription::Start => make(usps, ctx, listener, "")
                .await
                .map(|_| renewal(ctx.now)),
            // The others go on.
            Subscription::Stop => Ok(None),
        };
        return vec![all; queries.len()];
    }
    let mut answers = Vec::with_capacity(queries.len());
    for query in queries {
        answers.push(of_number(usps, ctx, listener, query.number.reveal(), change).await);
    }
    answers
}

async fn of_number(
    usps: &Usps,
    ctx: Ctx<'_>,
    listener: &Listener,
    number: &str,
    change: Subscription,
) -> Subscribed {
    let made = make(usps, ctx, listener, number).await?;
    match (change, made) {
        (Subscription::Start, Made::New(_)) => Ok(renewal(ctx.now)),
        (Subscription::Start, Made::Old(id)) => {
            end(usps, ctx, listener, &id).await?;
            match make(usps, ctx, listener, number).await? {
                Made::New(_) => Ok(renewal(ctx.now)),
                Made::Old(_) => Err(Error::new(
                    ErrorKind::Unavailable,
                    "ended subscription still stands",
                )),
            }
        }
        (Subscription::Stop, Made::New(id) | Made::Old(id)) => {
            end(usps, ctx, listener, &id).await?;
            Ok(None)
        }
    }
}

fn renewal(now: Timestamp) -> Option<Timestamp> {
    now.checked_add(RENEWAL).ok()
}

async fn make(usps: &Usps, ctx: Ctx<'_>, listener: &Listener, number: &str) -> Result<Made, Error> {
    let wish = listener.wish(number)?;
    let response = usps
        .send(ctx, |request| {
            request
                .method(Method::POST)
                .uri(&listener.path)
                .header(CONTENT_TYPE, "application/json")
                .header(ACCEPT, "application/json")
                .body(wish.clone())
        })
        .await?;
    if response.status().is_success() {
        let body = map::body(response.body())?;
        let id = body.items.first().map_or("", |item| &item.subscription_id);
        if id.is_empty() {
            return Err(map::malformed("answer lacks subscriptionId"));
        }
        return Ok(Made::New(id.to_owned()));
    }
    if response.status() == StatusCode::BAD_REQUEST {
        let body: Body<'_> = crate::wire::from_slice(response.body()).unwrap_or_default();
        if let Some(id) = body.items.first().and_then(existing) {
            return Ok(Made::Old(id));
        }
    }
    Err(fault::of_response(&response, ctx.now))
}

/// Ends a subscription. What is gone already is ended.
async fn end(usps: &Usps, ctx: Ctx<'_>, listener: &Listener, id: &str) -> Result<(), Error> {
    if !is_id(id) {
        return Err(map::malformed("subscription id is not one"));
    }
    let uri = format!("{}/{id}", listener.path);
    let response = usps
        .send(ctx, |request| {
            request
                .uri(&uri)
                .header(ACCEPT, "application/json")
                .body(Bytes::new())
        })
        .await?;
    match response.status() {
        StatusCode::NOT_FOUND => return Ok(()),
        status if status.is_success() => {}
        _ => return Err(fault::of_response(&response, ctx.now)),
    }
    let version = response.headers().get(ETAG).cloned();
    let version = version.ok_or_else(|| map::malformed("subscription lacks its etag"))?;
    let response = usps
        .send(ctx, |request| {
            request
                .method(Method::DELETE)
                .uri(&uri)
                .header(IF_MATCH, version.clone())
                .body(Bytes::new())
        })
        .await?;
    match response.status() {
        StatusCode::NOT_FOUND => Ok(()),
        status if status.is_success() => Ok(()),
        _ => Err(fault::of_response(&response, ctx.now)),
    }
}

/// The id of the subscription that stands in the way, named in the words of the refusal.
fn existing(item: &Item<'_>) -> Option<String> {
    let failure = item.error.as_ref()?;
    let details = failure.errors.iter().map(|notice| &*notice.detail);
    let mut texts = details.chain([&*failure.message]);
    texts.find_map(|text| {
        let (_, rest) = text.split_once("subscriptionId")?;
        let mut words = rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
        let id = words.find(|word| !word.is_empty())?;
        is_id(id).then(|| id.to_owned())
    })
}

/// An id has the form of a UUID; anything else must not get into a path.
fn is_id(id: &str) -> bool {
    id.len() == 36
        && id
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}
