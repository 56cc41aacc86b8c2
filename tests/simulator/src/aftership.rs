//! Owns AfterShip's wire contract (Tracking API 2026-07): keys, signatures, envelopes, rate limits.
//! Does not know what a tracking looks like, nor which parcels exist.

mod load;
mod registry;
mod scripts;
mod sign;
mod tracking;

use std::collections::HashMap;
use std::sync::Mutex;

use http::{HeaderName, HeaderValue, Method, StatusCode};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use serde_json::{Value, json};

use crate::clock::Clock;
use crate::fake::Dialect;
use crate::lock;
use crate::push::Push;
use crate::quota::{Quota, Usage};
use crate::scenario::{Scenario, minutes};
use crate::seen::{Answer, Kind, Seen};

pub use load::aftership_load_number;
use registry::{BAD_COURIER, FIELD_MISSING, Refused, Registry};

const PATH: &str = "/tracking/2026-07/";
const API_KEY: &str = "simulated-aftership-key";
const WEBHOOK_SECRET: &str = "simulated-aftership-webhook-secret";
/// Key and secret of an account whose requests must be signed.
pub const AFTERSHIP_AES: [&str; 2] = [
    "simulated-aftership-aes-key",
    "simulated-aftership-aes-secret",
];
/// Seconds that a signed date may be off.
const SKEW: i64 = 180;
/// Numbers in a list.
const NUMBERS: usize = 50;
/// Trackings on a page unless another size is asked for, and the most that can be.
const PAGE: [usize; 2] = [100, 200];

/// AfterShip's side of a [`crate::Fake`].
pub struct AfterShip {
    clock: Clock,
    /// Calls in a second, of each endpoint.
    calls: Mutex<(Quota, HashMap<&'static str, Usage>)>,
    registry: Mutex<Registry>,
}

impl AfterShip {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            registry: Mutex::new(Registry::new(clock.clone())),
            calls: Mutex::default(),
            clock,
        }
    }

    /// The status with which a request is refused for its key or signature.
    fn refused(seen: &Seen) -> Option<StatusCode> {
        let [aes_key, secret] = AFTERSHIP_AES;
        match seen.header("as-api-key") {
            Some(API_KEY) => None,
            Some(key) if key == aes_key => {
                let given = seen.header(sign::HEADER);
                let fits = |resource: &String| {
                    given == Some(sign::expected(seen, secret, resource).as_str())
                };
                let date = seen.header("date").unwrap_or_default();
                // Signatures follow the clock of their maker, which is not the simulated one.
                let fresh = DateTimeParser::new()
                    .parse_timestamp(date)
                    .is_ok_and(|at| (at.as_second() - Timestamp::now().as_second()).abs() <= SKEW);
                let sound = fresh && sign::resources(seen).iter().any(fits);
                (!sound).then_some(StatusCode::UNAUTHORIZED)
            }
            _ => Some(StatusCode::UNAUTHORIZED),
        }
    }

    fn act(&self, endpoint: &Endpoint<'_>, seen: &Seen) -> Answer {
        let mut registry = lock(&self.registry);
        let done = match endpoint {
            Endpoint::Create => {
                let body: Value = match serde_json::from_slice(&seen.body) {
                    Ok(body) => body,
                    Err(_) => return failure(StatusCode::BAD_REQUEST, 4001, &json!({})),
                };
                registry
                    .create(&body)
                    .map(|data| (StatusCode::CREATED, data))
            }
            Endpoint::List => match listed(&mut registry, seen) {
                Some(data) => Ok((StatusCode::OK, data)),
                None => Err(Refused::from(400)),
            },
            Endpoint::Get(id) => registry.get(id).map(|data| (StatusCode::OK, data)),
            Endpoint::Delete(id) => registry.delete(id).map(|data| (StatusCode::OK, data)),
        };
        match done {
            Ok((status, data)) => {
                let body = json!({ "meta": { "code": status.as_u16() }, "data": data });
                Answer::json(status, "application/json; charset=utf-8", &body)
            }
            Err(Refused(code, data)) => {
                let status = match code {
                    registry::UNKNOWN => StatusCode::NOT_FOUND,
                    registry::OVER_PLAN => StatusCode::PAYMENT_REQUIRED,
                    _ => StatusCode::BAD_REQUEST,
                };
                failure(status, code, &data)
            }
        }
    }
}

/// A page of trackings; `None` if the parameters are wrong.
fn listed(registry: &mut Registry, seen: &Seen) -> Option<Value> {
    let numbers: Vec<&str> = seen
        .query("tracking_numbers")
        .map(|numbers| numbers.split(',').collect())
        .unwrap_or_default();
    let [usual, most] = PAGE;
    let limit = match seen.query("limit") {
        Some(limit) => limit
            .parse()
            .ok()
            .filter(|limit| (1..=most).contains(limit))?,
        None => usual,
    };
    let from: usize = match seen.query("cursor") {
        Some(cursor) => cursor.strip_prefix("after-")?.parse().ok()?,
        None => 0,
    };
    if numbers.len() > NUMBERS {
        return None;
    }
    let all = registry.list(&numbers, seen.query("slug"));
    let next = from.saturating_add(limit);
    let more = next < all.len();
    let page: Vec<&Value> = all.iter().skip(from).take(limit).collect();
    Some(json!({
        "pagination": {
            "total": all.len(),
            "next_cursor": more.then(|| format!("after-{next}")),
            "has_next_page": more,
        },
        "trackings": page,
    }))
}

enum Endpoint<'a> {
    Create,
    List,
    Get(&'a str),
    Delete(&'a str),
}

impl<'a> Endpoint<'a> {
    fn of(seen: &'a Seen) -> Option<Self> {
        let path = seen.path.strip_prefix(PATH)?;
        let id = path.strip_prefix("trackings/");
        let id = id.filter(|id| !id.is_empty() && !id.contains('/'));
        Some(match (&seen.method, id) {
            (&Method::POST, None) if path == "trackings" => Self::Create,
            (&Method::GET, None) if path == "trackings" => Self::List,
            (&Method::GET, Some(id)) => Self::Get(id),
            (&Method::DELETE, Some(id)) => Self::Delete(id),
            _ => return None,
        })
    }

    /// Its name, and the requests a second that are published for it.
    const fn limit(&self) -> (&'static str, u32) {
        match self {
            Self::Create => ("create", 20),
            Self::List => ("list", 6),
            Self::Get(_) => ("get", 5),
            Self::Delete(_) => ("delete", 5),
        }
    }
}

/// A webhook as AfterShip would send it now: its body, and the value of `aftership-hmac-sha256`.
pub fn aftership_push(event: &str, event_id: &str, msg: &Value) -> (String, String) {
    let body = json!({
        "event": event,
        "event_id": event_id,
        "is_tracking_first_tag": false,
        "msg": msg,
        "ts": 1_772_438_400,
    });
    let body = body.to_string();
    let signature = sign::hmac(WEBHOOK_SECRET, body.as_bytes());
    (body, signature)
}

/// The signature of a request with [`AFTERSHIP_AES`]; `resource` is the path with its query, its
/// parameters in order.
pub fn aftership_sign(method: &str, resource: &str, body: &str, date: &str) -> String {
    let [key, secret] = AFTERSHIP_AES;
    let (headers, kind) = (format!("as-api-key:{key}"), "application/json");
    sign::signature(
        secret,
        method,
        body.as_bytes(),
        kind,
        date,
        &headers,
        resource,
    )
}

impl Dialect for AfterShip {
    fn id(&self) -> &'static str {
        "aftership"
    }

    fn settings(&self, root: &str) -> Vec<(&'static str, String)> {
        vec![
            ("base_url", root.to_owned()),
            ("api_key", API_KEY.to_owned()),
            ("webhook_secret", WEBHOOK_SECRET.to_owned()),
        ]
    }

    /// Calls in a second are those of each endpoint, calls in a day are creations.
    fn set_quota(&self, quota: Quota) {
        let per_second = Quota {
            per_day: None,
            ..quota
        };
        *lock(&self.calls) = (per_second, HashMap::new());
        lock(&self.registry).limit_per_day(quota.per_day);
    }

    fn load_number(&self, n: u64) -> String {
        aftership_load_number(n)
    }

    fn push(&self, number: &str) -> Option<Push> {
        let msg = lock(&self.registry).list(&[number], None).pop()?;
        // The same news has the same id.
        let id = sign::hmac(WEBHOOK_SECRET, msg.to_string().as_bytes());
        let (body, proof) = aftership_push("tracking_update", &id, &msg);
        Some(Push::json(body, "aftership-hmac-sha256", proof))
    }

    fn kind(&self, seen: &Seen) -> Kind {
        match Endpoint::of(seen) {
            Some(Endpoint::List | Endpoint::Get(_)) => Kind::Tracking,
            Some(Endpoint::Create) => Kind::Register,
            Some(Endpoint::Delete(_)) | None => Kind::Other,
        }
    }

    fn numbers(&self, seen: &Seen) -> Vec<String> {
        let numbers = match Endpoint::of(seen) {
            Some(Endpoint::List) => seen.query("tracking_numbers").unwrap_or_default(),
            _ => "",
        };
        let numbers = numbers.split(',').filter(|number| !number.is_empty());
        numbers.map(str::to_owned).collect()
    }

    fn answer(&self, _kind: Kind, seen: &Seen) -> Answer {
        let Some(endpoint) = Endpoint::of(seen) else {
            return self.error(StatusCode::NOT_FOUND);
        };
        if let Some(status) = Self::refused(seen) {
            return self.error(status);
        }
        let (name, limit) = endpoint.limit();
        let admitted = {
            let mut calls = lock(&self.calls);
            let quota = calls.0;
            let usage = calls.1.entry(name).or_insert_with(|| Usage::new(quota));
            usage.admit(self.clock.now())
        };
        let mut answer = match admitted {
            true => self.act(&endpoint, seen),
            false => self.error(StatusCode::TOO_MANY_REQUESTS),
        };
        // A client compares this moment with its own clock, which is not the simulated one.
        let reset = Timestamp::now().as_second().saturating_add(1);
        for (name, value) in [
            ("x-ratelimit-limit", i64::from(limit)),
            ("x-ratelimit-remaining", i64::from(admitted)),
            ("x-ratelimit-reset", reset),
        ] {
            let name = HeaderName::from_static(name);
            answer.headers.push((name, HeaderValue::from(value)));
        }
        answer
    }

    fn error(&self, status: StatusCode) -> Answer {
        failure(status, u32::from(status.as_u16()), &json!({}))
    }

    fn scenarios(&self) -> Vec<Scenario> {
        let told = |script: &scripts::Script| Scenario {
            name: script.name,
            number: script.number,
            title: script.title,
            shows: script.shows,
            last_event: minutes(script.last_event()),
        };
        scripts::all().map(told).collect()
    }
}

fn failure(status: StatusCode, code: u32, data: &Value) -> Answer {
    let kind = match status.as_u16() {
        401 => "Unauthorized",
        402 | 403 => "Forbidden",
        404 => "NotFound",
        429 => "TooManyRequests",
        500.. => "InternalError",
        _ => "BadRequest",
    };
    let message = match code {
        FIELD_MISSING => "A field that this courier requires is missing: destination_postal_code",
        BAD_COURIER => "The courier could not be recognized by this number.",
        _ => "The request was refused.",
    };
    let meta = json!({ "code": code, "message": message, "type": kind });
    let body = json!({ "meta": meta, "data": data });
    Answer::json(status, "application/json; charset=utf-8", &body)
}
