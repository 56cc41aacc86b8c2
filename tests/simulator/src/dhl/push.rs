//! Owns the subscriptions of DHL's Tracking Push (1.2.5): how they are made, activated, listed and
//! ended, and what is posted to their hooks. Does not send anything by itself.

use std::sync::Mutex;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{SERVICES, find, invalid, problem};
use crate::clock::Clock;
use crate::lock;
use crate::seen::{Answer, Seen};

const PATH: &str = "/tracking/push/v1";
const EVENTS: [&str; 5] = ["Pre-Transit", "Transit", "Delivered", "Failure", "Unknown"];
/// Numbers of one subscription.
const MOST: usize = 10;

/// A subscription, and how far it has come.
struct Subscription {
    id: String,
    api_key: String,
    secret: String,
    body: Value,
    active: bool,
}

/// Every subscription.
#[derive(Default)]
pub(super) struct Subscriptions(Mutex<Vec<Subscription>>);

/// Tells whether a request is one of the push API, and the rest of its path.
fn rest(seen: &Seen) -> Option<&str> {
    seen.path.strip_prefix(PATH)
}

/// Tells whether a request belongs here.
pub(super) fn is_push(seen: &Seen) -> bool {
    rest(seen).is_some()
}

/// Tells whether a request makes a subscription.
pub(super) fn is_creation(seen: &Seen) -> bool {
    seen.method == Method::POST && rest(seen) == Some("/subscription")
}

impl Subscriptions {
    /// Answers a request whose key is good.
    pub(super) fn answer(&self, seen: &Seen) -> Answer {
        let key = seen.header("dhl-api-key").unwrap_or_default();
        let path = rest(seen).unwrap_or_default();
        let id = path.strip_prefix("/subscription/");
        match (&seen.method, path, id) {
            (&Method::POST, "/subscription", _) => self.create(key, &seen.body),
            (&Method::GET, "/subscriptions", _) => self.list(key),
            (method, _, Some(id)) => self.one(method, key, id, seen),
            _ => problem(StatusCode::NOT_FOUND, "No resource at this path.", None),
        }
    }

    fn create(&self, key: &str, body: &[u8]) -> Answer {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        if let Err(what) = check(&body) {
            return invalid(what);
        }
        let mut all = lock(&self.0);
        let serial = all.len() + 1;
        let id = format!("5c000000-0000-4000-8000-{serial:012}");
        let answer = json!({ "id": id, "self": address(&id) });
        all.push(Subscription {
            secret: format!("simulated-hook-secret-{serial}"),
            id,
            api_key: key.to_owned(),
            body,
            active: false,
        });
        Answer::json(StatusCode::CREATED, "application/json", &answer)
    }

    fn list(&self, key: &str) -> Answer {
        let all = lock(&self.0);
        let own = all.iter().filter(|one| one.api_key == key);
        let list: Vec<Value> = own.map(Subscription::told).collect();
        Answer::json(StatusCode::OK, "application/json", &json!(list))
    }

    fn one(&self, method: &Method, key: &str, id: &str, seen: &Seen) -> Answer {
        let mut all = lock(&self.0);
        let found = all
            .iter()
            .position(|one| one.id == id && one.api_key == key);
        let Some(at) = found else {
            return problem(StatusCode::NOT_FOUND, "No such subscription.", None);
        };
        match *method {
            Method::GET => {
                return Answer::json(StatusCode::OK, "application/json", &all[at].told());
            }
            Method::DELETE => drop(all.remove(at)),
            Method::POST => {
                if seen.header("dhl-api-hook-secret") != Some(&all[at].secret) {
                    return problem(StatusCode::FORBIDDEN, "Wrong hook secret.", None);
                }
                all[at].active = true;
            }
            _ => return problem(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed.", None),
        }
        Answer {
            status: StatusCode::NO_CONTENT,
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    /// What DHL would post now: the secret to a subscription that is not active; that it is ready,
    /// and its shipments as they are, to one that is.
    pub(super) fn posts(&self, clock: &Clock, now: Timestamp) -> Vec<Request<Bytes>> {
        let mut posts = Vec::new();
        for one in lock(&self.0).iter() {
            let own = address(&one.id);
            if !one.active {
                let secret = &one.secret;
                let body = json!({
                    "scope": "subscription.validate", "self": own, "secret": secret
                });
                posts.extend(one.post(&body));
                continue;
            }
            posts.extend(one.post(&json!({ "scope": "subscription.ready", "self": own })));
            let numbers = one.body["shipmentIDs"].as_array().into_iter().flatten();
            let known = numbers.filter_map(Value::as_str).flat_map(find);
            let known = known.filter(|known| one.body["service"] == known.parcel.service);
            let shipments: Vec<Value> = known
                .filter_map(|known| known.render(clock, now, None))
                .collect();
            if !shipments.is_empty() {
                posts.extend(one.post(&json!({
                    "scope": "subscription.push", "self": own, "shipments": shipments
                })));
            }
        }
        posts
    }
}

impl Subscription {
    /// The subscription as it is listed; the token is not shown.
    fn told(&self) -> Value {
        let mut body = self.body.clone();
        body["id"] = json!(self.id);
        body["self"] = json!(address(&self.id));
        body["hook"] = json!({ "uri": self.body["hook"]["uri"] });
        body
    }

    fn post(&self, body: &Value) -> Option<Request<Bytes>> {
        let hook = &self.body["hook"];
        let mut request =
            Request::post(hook["uri"].as_str()?).header("content-type", "application/json");
        let credentials = &hook["authentication"];
        if let (Some(header), Some(token)) = (
            credentials["header"].as_str(),
            credentials["token"].as_str(),
        ) {
            request = request.header(header, token);
        }
        request.body(Bytes::from(body.to_string())).ok()
    }
}

/// Address of a subscription as DHL states it, wherever the fake listens.
fn address(id: &str) -> String {
    format!("https://api-eu.dhl.com{PATH}/subscription/{id}")
}

fn check(body: &Value) -> Result<(), &'static str> {
    let one_of =
        |value: &Value, list: &[&str]| value.as_str().is_some_and(|text| list.contains(&text));
    if body["format"] != "Default" {
        return Err("'format' must be Default");
    }
    if !one_of(&body["service"], &SERVICES) {
        return Err("'service' is not a known service");
    }
    let uri = body["hook"]["uri"].as_str().unwrap_or_default();
    if !uri.starts_with("https://") {
        return Err("'hook.uri' must be an https address");
    }
    let credentials = &body["hook"]["authentication"];
    if !credentials.is_null() && credentials["type"] != "ApiKeyAuthentication" {
        return Err("'hook.authentication.type' is not supported");
    }
    let events = body["events"].as_array();
    if !events.is_some_and(|all| !all.is_empty() && all.iter().all(|one| one_of(one, &EVENTS))) {
        return Err("'events' must name known events");
    }
    let numbers = body["shipmentIDs"].as_array().map_or(0, Vec::len);
    match body["type"].as_str() {
        Some("Shipment") if (1..=MOST).contains(&numbers) => Ok(()),
        Some("Account") if body["accountID"].is_string() => Ok(()),
        Some("Shipment") => Err("'shipmentIDs' must have 1 to 10 numbers"),
        _ => Err("'type' must be Shipment or Account with what it needs"),
    }
}
