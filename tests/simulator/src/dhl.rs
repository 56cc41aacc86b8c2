//! Owns DHL Unified Tracking's wire contract (spec 1.4.1): key, parameters, paging, errors, and who
//! may use its push. Does not know what a parcel's answer looks like, nor which parcels exist.

mod load;
mod parcel;
mod push;
mod scripts;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, StatusCode, header};
use serde_json::{Map, Value, json};

use crate::clock::Clock;
use crate::fake::{Dialect, Fake, limited};
use crate::fault::RetryAfter;
use crate::lock;
use crate::quota::{Quota, Usage};
use crate::scenario::{Scenario, minutes};
use crate::seen::{Answer, Kind, Seen};

pub use load::dhl_load_number;
use parcel::Known;
use push::Subscriptions;

const PATH: &str = "/track/shipments";
const API_KEY: &str = "simulated-dhl-key";
const SERVICES: [&str; 15] = [
    "express",
    "parcel-de",
    "ecommerce",
    "dgf",
    "parcel-uk",
    "post-de",
    "sameday",
    "freight",
    "parcel-nl",
    "parcel-pl",
    "dsc",
    "ecommerce-europe",
    "svb",
    "ecommerce-apac",
    "ecommerce-ppl",
];
const DEFAULT_LIMIT: usize = 5;

/// DHL's side of a [`Fake`].
pub struct Dhl {
    clock: Clock,
    accounts: Mutex<BTreeMap<String, Usage>>,
    retry_after: Mutex<RetryAfter>,
    correlation: AtomicU64,
    subscriptions: Subscriptions,
}

impl Dhl {
    pub(crate) fn new(clock: Clock) -> Self {
        let accounts = BTreeMap::from([(API_KEY.to_owned(), Usage::default())]);
        Self {
            clock,
            accounts: Mutex::new(accounts),
            retry_after: Mutex::new(RetryAfter::Absent),
            correlation: AtomicU64::new(1),
            subscriptions: Subscriptions::default(),
        }
    }
}

impl Fake<Dhl> {
    /// What a client is configured with: `{base}/shipments` is the endpoint.
    pub fn base_url(&self) -> String {
        format!("http://{}/track", self.address)
    }

    /// The key that is accepted from the start.
    pub fn api_key(&self) -> &'static str {
        API_KEY
    }

    /// Accepts a key, with a quota of its own; a known key gets a fresh quota.
    pub fn set_account(&self, api_key: &str, quota: Quota) {
        let mut accounts = lock(&self.carrier.dialect.accounts);
        accounts.insert(api_key.to_owned(), Usage::new(quota));
    }

    /// No longer accepts a key.
    pub fn remove_account(&self, api_key: &str) {
        lock(&self.carrier.dialect.accounts).remove(api_key);
    }

    /// Whether a 429 for a spent quota says when to come back; DHL documents no such header.
    pub fn set_retry_after(&self, after: RetryAfter) {
        *lock(&self.carrier.dialect.retry_after) = after;
    }

    /// What DHL would post to its hooks now, with the addresses of the hooks.
    pub fn hook_posts(&self) -> Vec<Request<Bytes>> {
        let dhl = &self.carrier.dialect;
        dhl.subscriptions.posts(&dhl.clock, dhl.clock.now())
    }
}

impl Dialect for Dhl {
    fn id(&self) -> &'static str {
        "dhl"
    }

    fn settings(&self, root: &str) -> Vec<(&'static str, String)> {
        vec![
            ("base_url", format!("{root}/track")),
            ("api_key", API_KEY.to_owned()),
        ]
    }

    fn set_quota(&self, quota: Quota) {
        lock(&self.accounts).insert(API_KEY.to_owned(), Usage::new(quota));
    }

    fn load_number(&self, n: u64) -> String {
        dhl_load_number(n)
    }

    fn kind(&self, seen: &Seen) -> Kind {
        if seen.method == Method::GET && seen.path == PATH {
            Kind::Tracking
        } else if push::is_creation(seen) {
            Kind::Register
        } else {
            Kind::Other
        }
    }

    fn numbers(&self, seen: &Seen) -> Vec<String> {
        number(seen).map(str::to_owned).into_iter().collect()
    }

    fn answer(&self, kind: Kind, seen: &Seen) -> Answer {
        if push::is_push(seen) {
            let answer = match self.admit(seen) {
                Ok(()) => self.subscriptions.answer(seen),
                Err(problem) => problem,
            };
            return self.correlate(answer);
        }
        let mut answer = match self.shipments(kind, seen) {
            Ok(body) => Answer::json(StatusCode::OK, "application/json", &body),
            Err(problem) => problem,
        };
        // DHL's descriptions come in English here whatever language was asked for.
        answer
            .headers
            .push((header::CONTENT_LANGUAGE, HeaderValue::from_static("en")));
        self.correlate(answer)
    }

    fn error(&self, status: StatusCode) -> Answer {
        let detail = match status {
            StatusCode::UNAUTHORIZED => "Unauthorized for given resource.",
            StatusCode::FORBIDDEN => "Access to the given resource is forbidden.",
            StatusCode::NOT_FOUND => "No shipment with given tracking number found.",
            StatusCode::TOO_MANY_REQUESTS => {
                "Too many requests within defined time period, please try again later."
            }
            _ => "The request could not be served.",
        };
        self.correlate(problem(status, detail, None))
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

impl Dhl {
    fn shipments(&self, kind: Kind, seen: &Seen) -> Result<Value, Answer> {
        self.admit(seen)?;
        if kind != Kind::Tracking {
            return Err(problem(
                StatusCode::NOT_FOUND,
                "No resource at this path.",
                None,
            ));
        }
        let asked = Asked::read(seen)?;
        let now = self.clock.now();
        let known = find(asked.number);
        let mut matches: Vec<Value> = known
            .iter()
            .filter(|parcel| {
                asked
                    .service
                    .is_none_or(|service| service == parcel.parcel.service)
            })
            .filter_map(|parcel| parcel.render(&self.clock, now, asked.postal_code))
            .collect();
        let total = matches.len();
        if total == 0 {
            let detail = "No shipment with given tracking number found.";
            let instance = format!("/shipment/{}", asked.number);
            return Err(problem(StatusCode::NOT_FOUND, detail, Some(&instance)));
        }
        let page = matches.drain(asked.offset.min(total)..(asked.offset + asked.limit).min(total));
        let mut body = Map::new();
        body.insert("shipments".to_owned(), page.collect());
        if total > asked.limit || asked.offset > 0 {
            body.extend(asked.links(total));
        }
        let other = asked.elsewhere(&known);
        if !other.is_empty() {
            body.insert("possibleAdditionalShipmentsUrl".to_owned(), json!(other));
        }
        Ok(Value::Object(body))
    }

    fn admit(&self, seen: &Seen) -> Result<(), Answer> {
        let mut accounts = lock(&self.accounts);
        let account = seen
            .header("dhl-api-key")
            .and_then(|key| accounts.get_mut(key));
        let Some(usage) = account else {
            return Err(self.error(StatusCode::UNAUTHORIZED));
        };
        if usage.admit(self.clock.now()) {
            return Ok(());
        }
        let after = *lock(&self.retry_after);
        Err(limited(self.error(StatusCode::TOO_MANY_REQUESTS), after))
    }

    fn correlate(&self, mut answer: Answer) -> Answer {
        let serial = self.correlation.fetch_add(1, Ordering::Relaxed);
        let id = format!("51300000-0000-4000-8000-{serial:012x}");
        if let Ok(value) = HeaderValue::try_from(id) {
            answer
                .headers
                .push((HeaderName::from_static("correlation-id"), value));
        }
        answer
    }
}

/// Scripted parcels by shipment number first and then by piece, as DHL looks them up; else a load parcel.
fn find(number: &str) -> Vec<Known> {
    let all = || scripts::all().flat_map(|script| script.parcels);
    let mut found: Vec<Known> = all()
        .filter(|parcel| parcel.number == number)
        .map(Known::from)
        .collect();
    if found.is_empty() {
        found.extend(
            all()
                .filter(|parcel| parcel.pieces.contains(&number))
                .map(Known::from),
        );
    }
    if found.is_empty() {
        found.extend(load::parcel(number));
    }
    found
}

struct Asked<'a> {
    number: &'a str,
    service: Option<&'a str>,
    postal_code: Option<&'a str>,
    language: &'a str,
    offset: usize,
    limit: usize,
}

impl<'a> Asked<'a> {
    fn read(seen: &'a Seen) -> Result<Self, Answer> {
        let number = seen
            .query("trackingNumber")
            .filter(|number| !number.is_empty());
        let Some(number) = number else {
            return Err(invalid("Required parameter 'trackingNumber' is missing"));
        };
        if !number.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(invalid(
                "Parameter 'trackingNumber' must be one tracking number",
            ));
        }
        let service = seen.query("service");
        if service.is_some_and(|service| !SERVICES.contains(&service)) {
            return Err(invalid("Parameter 'service' is not a known service"));
        }
        let language = seen.query("language").unwrap_or("en");
        if language.len() != 2 || !language.bytes().all(|byte| byte.is_ascii_lowercase()) {
            return Err(invalid(
                "Provided language code isn't valid according to 'ISO 639-1 alpha-2'",
            ));
        }
        for country in ["requesterCountryCode", "originCountryCode"] {
            let code = seen.query(country).unwrap_or("DE");
            if code.len() != 2 || !code.bytes().all(|byte| byte.is_ascii_uppercase()) {
                return Err(invalid(
                    "Provided country code isn't valid according to 'ISO 3166-1 alpha-2'",
                ));
            }
        }
        let postal_code = seen.query("recipientPostalCode");
        let offset = whole(seen, "offset", 0)?;
        let limit = whole(seen, "limit", DEFAULT_LIMIT)?;
        if limit == 0 {
            return Err(invalid("Parameter 'limit' must be at least 1"));
        }
        Ok(Self {
            number,
            service,
            postal_code,
            language,
            offset,
            limit,
        })
    }

    fn links(&self, total: usize) -> Map<String, Value> {
        let link = |offset: usize| {
            let service = self.service.map(|service| format!("&service={service}"));
            let service = service.unwrap_or_default();
            let (number, language, limit) = (self.number, self.language, self.limit);
            Value::String(format!(
                "/shipments?trackingNumber={number}{service}&language={language}&offset={offset}&limit={limit}"
            ))
        };
        let last = (total - 1) / self.limit * self.limit;
        let mut links = Map::new();
        links.insert("url".to_owned(), link(self.offset));
        links.insert("firstUrl".to_owned(), link(0));
        links.insert("lastUrl".to_owned(), link(last));
        if self.offset > 0 {
            links.insert(
                "prevUrl".to_owned(),
                link(self.offset.saturating_sub(self.limit)),
            );
        }
        if self.offset + self.limit < total {
            links.insert("nextUrl".to_owned(), link(self.offset + self.limit));
        }
        links
    }

    /// Links to divisions that might know the number too; DHL sends them when no service was named.
    fn elsewhere(&self, known: &[Known]) -> Vec<String> {
        if self.service.is_some()
            || !known
                .iter()
                .any(|parcel| parcel.parcel.service == "parcel-de")
        {
            return Vec::new();
        }
        let (number, language) = (self.number, self.language);
        ["express", "ecommerce", "parcel-nl"]
            .iter()
            .map(|service| {
                format!(
                    "/track/shipments?trackingNumber={number}&language={language}&service={service}"
                )
            })
            .collect()
    }
}

fn whole(seen: &Seen, name: &str, default: usize) -> Result<usize, Answer> {
    let Some(text) = seen.query(name) else {
        return Ok(default);
    };
    let limit = 10_000;
    match text.parse() {
        Ok(value) if value <= limit => Ok(value),
        _ => Err(invalid(
            "Parameters 'offset' and 'limit' must be whole numbers up to 10000",
        )),
    }
}

fn invalid(detail: &str) -> Answer {
    problem(
        StatusCode::BAD_REQUEST,
        &format!("Input is invalid: {detail}"),
        None,
    )
}

fn problem(status: StatusCode, detail: &str, instance: Option<&str>) -> Answer {
    let title = match status {
        StatusCode::BAD_REQUEST => "Invalid input",
        StatusCode::NOT_FOUND => "No result found",
        other => other.canonical_reason().unwrap_or("Error"),
    };
    let mut body = json!({ "title": title, "status": status.as_u16(), "detail": detail });
    if let Some(instance) = instance {
        body["instance"] = json!(instance);
    }
    Answer::json(status, "application/problem+json", &body)
}

/// The number that a request asks for.
fn number(seen: &Seen) -> Option<&str> {
    seen.query("trackingNumber")
}
