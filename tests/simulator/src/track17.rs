//! Owns 17TRACK's wire contract (Tracking API v2.4): key, envelopes, registrations, quota.
//! Does not know what a tracking looks like, nor which parcels exist.

mod load;
mod places;
mod record;
mod register;
mod scripts;

use std::sync::Mutex;

use http::{Method, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::clock::Clock;
use crate::fake::Dialect;
use crate::lock;
use crate::push::Push;
use crate::quota::{Quota, Usage};
use crate::scenario::{Scenario, minutes};
use crate::seen::{Answer, Kind, Seen};

pub use load::track17_load_number;
use register::{Asked, Registry};

const PATH: &str = "/track/v2.4/";
const API_KEY: &str = "simulated-17track-key";
/// Numbers in one call.
const BATCH: usize = 40;

/// Invalid key.
const INVALID_KEY: i64 = -18_010_002;
/// Data that cannot be understood.
const INVALID_DATA: i64 = -18_010_013;
/// More numbers than a call may have.
const TOO_MANY: i64 = -18_010_014;

/// 17TRACK's side of a [`crate::Fake`].
pub struct Track17 {
    clock: Clock,
    /// Calls in a second.
    calls: Mutex<Usage>,
    registry: Mutex<Registry>,
}

impl Track17 {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            registry: Mutex::new(Registry::new(clock.clone())),
            calls: Mutex::default(),
            clock,
        }
    }
}

/// A push as 17TRACK would send it now: its body, and the value of the header `sign`.
pub fn track17_push(event: &str, data: &Value) -> (String, String) {
    let body = json!({ "event": event, "data": data }).to_string();
    let hash = Sha256::digest(format!("{body}/{API_KEY}").as_bytes());
    let sign = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    (body, sign)
}

impl Dialect for Track17 {
    fn id(&self) -> &'static str {
        "17track"
    }

    fn settings(&self, root: &str) -> Vec<(&'static str, String)> {
        vec![
            ("base_url", root.to_owned()),
            ("api_key", API_KEY.to_owned()),
        ]
    }

    /// Calls in a second are those of all endpoints, calls in a day are registrations.
    fn set_quota(&self, quota: Quota) {
        *lock(&self.calls) = Usage::new(Quota {
            per_day: None,
            ..quota
        });
        lock(&self.registry).limit_per_day(quota.per_day);
    }

    fn load_number(&self, n: u64) -> String {
        track17_load_number(n)
    }

    fn push(&self, number: &str) -> Option<Push> {
        let item = json!({ "number": number });
        let found = lock(&self.registry).track(&Asked::of(&item)).ok()?;
        let (body, proof) = track17_push("TRACKING_UPDATED", found.get(0)?);
        Some(Push::json(body, "sign", proof))
    }

    fn kind(&self, seen: &Seen) -> Kind {
        if seen.method != Method::POST {
            return Kind::Other;
        }
        match seen.path.strip_prefix(PATH) {
            Some("gettrackinfo") => Kind::Tracking,
            Some("register") => Kind::Register,
            _ => Kind::Other,
        }
    }

    fn numbers(&self, seen: &Seen) -> Vec<String> {
        if self.kind(seen) != Kind::Tracking {
            return Vec::new();
        }
        let body: Value = serde_json::from_slice(&seen.body).unwrap_or_default();
        let items = body.as_array().into_iter().flatten();
        items
            .filter_map(|item| Some(item["number"].as_str()?.to_owned()))
            .collect()
    }

    fn answer(&self, _kind: Kind, seen: &Seen) -> Answer {
        let endpoint = seen
            .path
            .strip_prefix(PATH)
            .filter(|_| seen.method == Method::POST);
        let Some(endpoint) = endpoint else {
            return self.error(StatusCode::NOT_FOUND);
        };
        if seen.header("17token") != Some(API_KEY) {
            return failure(StatusCode::UNAUTHORIZED, INVALID_KEY, INVALID_KEY);
        }
        if !lock(&self.calls).admit(self.clock.now()) {
            return self.error(StatusCode::TOO_MANY_REQUESTS);
        }
        let mut registry = lock(&self.registry);
        if endpoint == "getquota" {
            return ok(&registry.balance());
        }
        let body: Value = serde_json::from_slice(&seen.body).unwrap_or_default();
        if endpoint == "gettracklist" {
            return list(&registry.list(&body));
        }
        let act: fn(&mut Registry, &Asked<'_>) -> Result<Value, i64> = match endpoint {
            "gettrackinfo" => Registry::track,
            "register" => Registry::register,
            "stoptrack" => Registry::stop,
            "retrack" => Registry::retrack,
            "deletetrack" => Registry::delete,
            _ => return self.error(StatusCode::NOT_FOUND),
        };
        let items = body.as_array().filter(|items| !items.is_empty());
        let Some(items) = items.filter(|items| items.iter().all(Value::is_object)) else {
            // The whole call is refused, and the envelope still says 0.
            return failure(StatusCode::OK, 0, INVALID_DATA);
        };
        if items.len() > BATCH {
            return failure(StatusCode::OK, TOO_MANY, TOO_MANY);
        }
        let (mut accepted, mut rejected) = (Vec::new(), Vec::new());
        for item in items {
            let asked = Asked::of(item);
            match asked.check().and_then(|()| act(&mut registry, &asked)) {
                Ok(Value::Array(all)) => accepted.extend(all),
                Ok(one) => accepted.push(one),
                Err(code) => rejected.push(asked.rejected(code)),
            }
        }
        ok(&json!({ "accepted": accepted, "rejected": rejected }))
    }

    fn error(&self, status: StatusCode) -> Answer {
        let code = match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => INVALID_KEY,
            status => i64::from(status.as_u16()),
        };
        failure(status, code, code)
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

fn ok(data: &Value) -> Answer {
    let body = json!({ "code": 0, "data": data });
    Answer::json(StatusCode::OK, "application/json; charset=utf-8", &body)
}

/// A page of registrations, whose `page` stands beside `data`.
fn list(accepted: &[Value]) -> Answer {
    let page = json!({
        "data_total": accepted.len(), "page_total": 1, "page_no": 1, "page_size": BATCH,
    });
    let body = json!({ "page": page, "code": 0, "data": { "accepted": accepted } });
    Answer::json(StatusCode::OK, "application/json; charset=utf-8", &body)
}

fn failure(status: StatusCode, envelope: i64, code: i64) -> Answer {
    let errors = json!([{ "code": code, "message": "The call was refused." }]);
    let body = json!({ "code": envelope, "data": { "errors": errors } });
    Answer::json(status, "application/json; charset=utf-8", &body)
}
