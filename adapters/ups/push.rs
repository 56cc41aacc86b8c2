//! Track Alert: one activity per push, and the subscriptions that bring them.
//!
//! There is no signature. Version 1 returns the credential of the subscription in the header
//! `credential`; version 2, whose address is set in the developer portal, comes with the bearer
//! token that UPS fetched at the token address named there. Whoever knows the credential could say
//! anything, so a push is only a reason to ask. It has no id, and what was missed is lost: polling
//! goes on.

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Method, StatusCode};
use jiff::{SignedDuration, Timestamp};
use waybill_core::adapter::{Ctx, Pushed, Query, Report, Settings, Subscribed, Subscription};
use waybill_core::error::{Error, ErrorKind};
use waybill_core::number::TrackingNumber;
use waybill_core::privacy::Secret;

use super::map::Reader;
use super::wire::{Alert, Destination, Package, Shipment, Subscribe, SubscribeAnswer};
use super::{Ups, fault, internal};
use crate::sign::{Secrets, hex, sha256};

/// Numbers in one request; one more and all are refused.
const BATCH: usize = 100;
/// A subscription lasts 14 days; it is renewed a day before.
const RENEWAL: SignedDuration = SignedDuration::from_hours(13 * 24);
/// Longest address of a listener that is taken for one.
const URL: usize = 2_000;

/// How pushes are subscribed to and known.
pub(super) struct Alerts {
    secrets: Secrets,
    credential: Secret,
    /// Where pushes go; empty: where the developer portal says.
    url: String,
    level: String,
    locale: String,
}

impl Alerts {
    /// Reads the settings.
    pub(super) fn new(settings: &Settings) -> Result<Self, String> {
        let (url, level) = (settings.get("callback_url"), settings.get("push_level"));
        let is_https = |uri: &http::Uri| uri.scheme_str() == Some("https");
        if !url.is_empty() && (url.len() > URL || !url.parse().is_ok_and(|uri| is_https(&uri))) {
            return Err("callback_url must be an https url".to_owned());
        }
        if !matches!(level, "standard" | "enhanced") {
            return Err("push_level must be standard or enhanced".to_owned());
        }
        Ok(Self {
            secrets: Secrets::new(settings, &["push_credential", "push_credential_before"]),
            credential: settings.secret("push_credential"),
            url: url.to_owned(),
            level: level.to_owned(),
            locale: settings.get("locale").to_owned(),
        })
    }

    /// Checks the credential of a push, and understands it.
    pub(super) fn translate(
        &self,
        reader: &Reader,
        push: &http::Request<Bytes>,
    ) -> Result<Pushed, Error> {
        let header = |name: &str| push.headers().get(name).map(|value| value.as_bytes());
        let bearer = header(AUTHORIZATION.as_str());
        let bearer = bearer.and_then(|value| value.strip_prefix(b"Bearer "));
        let given = header("credential").or(bearer).unwrap_or_default();
        if !self
            .secrets
            .verify(given, |secret| secret.as_bytes().to_vec())
        {
            let message = "credential of the push is wrong or missing";
            return Err(Error::new(ErrorKind::Denied, message));
        }
        let alert = read(push.body())?;
        let report = report(reader, &alert)?;
        let is_final = |report: &Report| {
            let claims = report.claims.iter();
            let mut stages = claims.filter_map(|claim| claim.code.status());
            stages.any(|status| status.is_terminal())
        };
        let (mut reports, mut poll) = (Vec::new(), Vec::new());
        if report.claims.is_empty() || is_final(&report) {
            poll.push(report.number);
        } else {
            reports.push(report);
        }
        Ok(Pushed {
            id: id(&alert),
            reports,
            poll,
            reply: http::Response::builder()
                .status(StatusCode::OK)
                .body(Bytes::new())
                .map_err(internal)?,
        })
    }
}

/// Understands a body that is no answer: a push, or what is said about a subscription or a token,
/// which holds no shipments. `None` if it is none of these.
pub(super) fn other(reader: &Reader, body: &[u8]) -> Option<Vec<Report>> {
    if let Ok(alert) = read(body) {
        return report(reader, &alert).ok().map(|report| vec![report]);
    }
    let answer: SubscribeAnswer<'_> = crate::wire::from_slice(body).ok()?;
    let lists = [
        &answer.valid_tracking_numbers,
        &answer.invalid_tracking_numbers,
    ];
    let token: super::wire::Token<'_> = crate::wire::from_slice(body).ok()?;
    let known = lists.iter().any(|list| !list.is_empty()) || !token.access_token.is_empty();
    known.then(Vec::new)
}

fn read(body: &[u8]) -> Result<Alert<'_>, Error> {
    let malformed = |message: String| Error::new(ErrorKind::Malformed, message);
    let alert: Alert<'_> = crate::wire::from_slice(body).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        malformed(format!("push is broken at line {line}, column {column}"))
    })?;
    let status = &alert.activity_status;
    let says = [&status.kind, &status.code, &status.description_code];
    if alert.tracking_number.is_empty() || says.iter().all(|text| text.is_empty()) {
        return Err(malformed("push lacks its number or status".to_owned()));
    }
    Ok(alert)
}

/// Reads a push as a package with one activity.
fn report(reader: &Reader, alert: &Alert<'_>) -> Result<Report, Error> {
    let number = TrackingNumber::parse(&alert.tracking_number)
        .map_err(|_| Error::new(ErrorKind::Malformed, "push lacks a tracking number"))?;
    let package: Package<'_> = alert.package();
    let shipment = Shipment {
        inquiry_number: alert.tracking_number.clone(),
        ..Shipment::default()
    };
    let mut report = reader.report(number, &shipment, &package);
    report.complete = false;
    Ok(report)
}

/// UPS gives a push no id: number, time and kind stand in, not legible.
fn id(alert: &Alert<'_>) -> String {
    let status = &alert.activity_status;
    let parts = [
        &alert.tracking_number,
        &alert.gmt_activity_date,
        &alert.gmt_activity_time,
        &alert.local_activity_date,
        &alert.local_activity_time,
        &status.kind,
        &status.code,
        &status.description_code,
        // Updates of the day carry nothing else that is new.
        &alert.scheduled_delivery_date,
        &alert.delivery_start_time,
        &alert.delivery_end_time,
    ];
    let bytes: Vec<&[u8]> = parts
        .iter()
        .flat_map(|part| [part.trim().as_bytes(), b"\x1f"])
        .collect();
    hex(&sha256(&bytes))
}

/// Begins or renews the subscription of each number. A number that cannot be subscribed fails
/// alone and unasked. UPS has no way to end one: it ends by itself.
pub(super) async fn change(
    ups: &Ups,
    ctx: Ctx<'_>,
    queries: &[Query],
    change: Subscription,
) -> Vec<Subscribed> {
    let unsupported = |message: &str| Err(Error::new(ErrorKind::Unsupported, message).unspent());
    if ups.alerts.credential.is_empty() {
        return vec![unsupported("subscriptions need push_credential"); queries.len()];
    }
    if change == Subscription::Stop {
        let message = "a subscription cannot be ended; it ends after 14 days";
        return vec![unsupported(message); queries.len()];
    }
    let numbers: Vec<&str> = queries
        .iter()
        .map(|query| query.number.reveal())
        .filter(|number| is_alertable(number))
        .collect();
    let mut answers = Vec::with_capacity(numbers.len());
    for part in numbers.chunks(BATCH) {
        match ask(ups, ctx, part).await {
            Ok(said) => answers.extend(said),
            Err(error) => answers.extend(vec![Err(error); part.len()]),
        }
    }
    let mut answers = answers.into_iter();
    let missing = || Error::new(ErrorKind::Malformed, "answer omits the number");
    let in_order = |query: &Query| match is_alertable(query.number.reveal()) {
        true => answers.next().unwrap_or_else(|| Err(missing())),
        false => {
            let message = "only 1Z and 1R numbers can be subscribed";
            Err(Error::new(ErrorKind::InvalidQuery, message).unspent())
        }
    };
    queries.iter().map(in_order).collect()
}

/// 1Z and 16 more characters, or 1R and 14 or 26 more.
fn is_alertable(number: &str) -> bool {
    match number.get(..2) {
        Some("1Z") => number.len() == 18,
        Some("1R") => matches!(number.len(), 16 | 28),
        _ => false,
    }
}

async fn ask(ups: &Ups, ctx: Ctx<'_>, numbers: &[&str]) -> Result<Vec<Subscribed>, Error> {
    let alerts = &ups.alerts;
    let version = if alerts.url.is_empty() { "v2" } else { "v1" };
    let kinds: &[&str] = match alerts.level.as_str() {
        "enhanced" => &["D", "I", "M", "X"],
        _ => &["D", "I", "M"],
    };
    let country = alerts
        .locale
        .split_once('_')
        .map_or("", |(_, country)| country);
    let subscribe = Subscribe {
        locale: &alerts.locale,
        country_code: country,
        tracking_number_list: numbers,
        event_preferences: Some(kinds).filter(|_| alerts.url.is_empty()),
        destination: Some(Destination {
            url: &alerts.url,
            credential_type: "Bearer",
            credential: alerts.credential.expose(),
        })
        .filter(|destination| !destination.url.is_empty()),
    };
    let body: Bytes = serde_json::to_vec(&subscribe).map_err(internal)?.into();
    let uri = format!(
        "{}/api/track/{version}/subscription/{}/package",
        ups.base_url, alerts.level
    );
    let response = ups
        .send(ctx, |request| {
            request
                .method(Method::POST)
                .uri(&uri)
                .header(CONTENT_TYPE, "application/json")
                .body(body.clone())
        })
        .await?;
    if response.status() != StatusCode::OK {
        return Err(fault::of_response(&response, ctx.now));
    }
    let malformed = |message| Error::new(ErrorKind::Malformed, message);
    let answer: SubscribeAnswer<'_> = crate::wire::from_slice(response.body())
        .map_err(|_| malformed("answer to a subscription not understood"))?;
    let listed = |list: &[std::borrow::Cow<'_, str>], number: &str| {
        let mut list = list.iter();
        list.any(|listed| listed.trim().eq_ignore_ascii_case(number))
    };
    let renewal: Option<Timestamp> = ctx.now.checked_add(RENEWAL).ok();
    let of_number = |number: &&str| {
        if listed(&answer.valid_tracking_numbers, number) {
            Ok(renewal)
        } else if listed(&answer.invalid_tracking_numbers, number) {
            let message = "number cannot be subscribed";
            Err(Error::new(ErrorKind::InvalidQuery, message))
        } else {
            Err(malformed("answer omits the number"))
        }
    };
    Ok(numbers.iter().map(of_number).collect())
}
