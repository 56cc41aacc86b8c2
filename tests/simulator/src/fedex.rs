//! Owns the FedEx Track API's wire contract: paths, headers, bodies, errors, batches.
//! Does not know what a result looks like, how tokens live, nor which parcels exist.

mod load;
mod scripts;
mod shipment;
mod tokens;

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::{Method, StatusCode, header};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use crate::clock::Clock;
use crate::fake::{Dialect, Fake, Target, limited};
use crate::fault::{Fault, RetryAfter};
use crate::lock;
use crate::quota::Quota;
use crate::scenario::{Scenario, minutes};
use crate::seen::{Answer, Kind, Seen};

pub use load::fedex_load_number;
use shipment::Found;
use tokens::{Refused, Tokens};

const TOKEN_PATH: &str = "/oauth/token";
const TRACK_PATH: &str = "/track/v1/trackingnumbers";
const ASSOCIATED_PATH: &str = "/track/v1/associatedshipments";
const CLIENT_ID: &str = "simulated-fedex-key";
const CLIENT_SECRET: &str = "simulated-fedex-secret";
const BATCH: usize = 30;
const NOT_FOUND: (&str, &str) = (
    "TRACKING.TRACKINGNUMBER.NOTFOUND",
    "Tracking number cannot be found. Please correct the tracking number and try again.",
);
const INVALID: (&str, &str) = (
    "TRACKING.TRACKINGNUMBER.INVALID",
    "Invalid tracking number. Please correct the request and try again.",
);

/// FedEx' side of a [`Fake`].
pub struct Fedex {
    clock: Clock,
    tokens: Mutex<Tokens>,
    retry_after: Mutex<RetryAfter>,
    strict: AtomicBool,
}

impl Fedex {
    pub(crate) fn new(clock: Clock) -> Self {
        let mut tokens = Tokens::default();
        tokens.set_account(CLIENT_ID, CLIENT_SECRET, Quota::UNLIMITED);
        Self {
            clock,
            tokens: Mutex::new(tokens),
            retry_after: Mutex::new(RetryAfter::Absent),
            strict: AtomicBool::new(false),
        }
    }
}

impl Fake<Fedex> {
    /// What a client is configured with in place of `https://apis.fedex.com`.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The client id that is accepted from the start.
    pub fn client_id(&self) -> &'static str {
        CLIENT_ID
    }

    /// The secret of that client id.
    pub fn client_secret(&self) -> &'static str {
        CLIENT_SECRET
    }

    /// Requests for a token so far, the refused ones included.
    pub fn token_requests(&self) -> u64 {
        self.requests_of(Kind::Token)
    }

    /// Switches a fault on for every request for a token, or off.
    pub fn set_token_fault(&self, fault: Option<Fault>) {
        self.arm(Target::Token, fault, None);
    }

    /// How long tokens issued from now on are good, in real time; `expires_in` says the same.
    pub fn set_token_lifetime(&self, lifetime: Duration) {
        lock(&self.carrier.dialect.tokens).set_lifetime(lifetime);
    }

    /// Lets every token expire now: 401 with NOT.AUTHORIZED.ERROR.
    pub fn expire_tokens(&self) {
        lock(&self.carrier.dialect.tokens).expire_all();
    }

    /// Whether a 429 for a spent quota says when to come back; FedEx is not known to.
    pub fn set_retry_after(&self, after: RetryAfter) {
        *lock(&self.carrier.dialect.retry_after) = after;
    }

    /// Whether one malformed number fails its whole batch with status 400. FedEx does not say; from
    /// the start it fails alone.
    pub fn set_strict(&self, strict: bool) {
        self.carrier.dialect.strict.store(strict, Ordering::Relaxed);
    }
}

impl Dialect for Fedex {
    fn id(&self) -> &'static str {
        "fedex"
    }

    fn settings(&self, root: &str) -> Vec<(&'static str, String)> {
        vec![
            ("base_url", root.to_owned()),
            ("client_id", CLIENT_ID.to_owned()),
            ("client_secret", CLIENT_SECRET.to_owned()),
        ]
    }

    fn set_quota(&self, quota: Quota) {
        lock(&self.tokens).set_account(CLIENT_ID, CLIENT_SECRET, quota);
    }

    fn load_number(&self, n: u64) -> String {
        fedex_load_number(n)
    }

    fn has_tokens(&self) -> bool {
        true
    }

    fn kind(&self, seen: &Seen) -> Kind {
        match seen.path.as_str() {
            TOKEN_PATH => Kind::Token,
            TRACK_PATH => Kind::Tracking,
            ASSOCIATED_PATH => Kind::Packages,
            _ => Kind::Other,
        }
    }

    fn numbers(&self, seen: &Seen) -> Vec<String> {
        let body: Value = serde_json::from_slice(&seen.body).unwrap_or_default();
        let one = &body["masterTrackingNumberInfo"];
        let many = body["trackingInfo"].as_array().into_iter().flatten();
        let number = |info: &Value| {
            info["trackingNumberInfo"]["trackingNumber"]
                .as_str()
                .map(str::to_owned)
        };
        many.chain([one]).filter_map(number).collect()
    }

    fn answer(&self, kind: Kind, seen: &Seen) -> Answer {
        if seen.method != Method::POST {
            return self.error(StatusCode::NOT_FOUND);
        }
        let answer = match kind {
            Kind::Token => self.token(seen),
            Kind::Tracking => self.admit(seen).and_then(|body| self.track(&body)),
            Kind::Packages => self.admit(seen).and_then(|body| self.associated(&body)),
            Kind::Register | Kind::Other => Err(self.error(StatusCode::NOT_FOUND)),
        };
        match answer {
            Ok(mut body) => {
                if let Some(id) = seen.header("x-customer-transaction-id") {
                    body["customerTransactionId"] = json!(id);
                }
                Answer::json(StatusCode::OK, "application/json", &body)
            }
            Err(refusal) => refusal,
        }
    }

    fn error(&self, status: StatusCode) -> Answer {
        let (code, message) = match status.as_u16() {
            400 => INVALID,
            401 => (
                "NOT.AUTHORIZED.ERROR",
                "Access token expired. Please modify your request and try again.",
            ),
            403 => (
                "FORBIDDEN.ERROR",
                "We could not authorize your credentials. Please check your permissions and try again.",
            ),
            404 => (
                "NOT.FOUND.ERROR",
                "The resource you requested is no longer available. Please modify your request and try again.",
            ),
            429 => ("TOO.MANY.REQUESTS", "The limit of requests is reached."),
            503 => (
                "SERVICE.UNAVAILABLE.ERROR",
                "The service is currently unavailable and we are working to resolve the issue.",
            ),
            _ => (
                "INTERNAL.SERVER.ERROR",
                "We encountered an unexpected error and are working to resolve the issue.",
            ),
        };
        error(status, code, message)
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

impl Fedex {
    fn token(&self, seen: &Seen) -> Result<Value, Answer> {
        let media = seen.header("content-type").unwrap_or_default();
        let is_form =
            media.split(';').next().map(str::trim) == Some("application/x-www-form-urlencoded");
        let form: Vec<(String, String)> = form_urlencoded::parse(&seen.body).into_owned().collect();
        let field = |name: &str| {
            let mut fields = form.iter();
            let found = fields.find(|(key, _)| key == name);
            found.map_or("", |(_, value)| value.as_str())
        };
        if !is_form || field("grant_type") != "client_credentials" {
            return Err(error(
                StatusCode::BAD_REQUEST,
                "BAD.REQUEST.ERROR",
                "Missing or duplicate parameters. Please modify your request and try again.",
            ));
        }
        let issued = lock(&self.tokens).issue(field("client_id"), field("client_secret"));
        issued.ok_or_else(|| {
            error(
                StatusCode::UNAUTHORIZED,
                "NOT.AUTHORIZED.ERROR",
                "The given client credentials were not valid. Please modify your request and try again.",
            )
        })
    }

    /// Checks who asks, and returns the body.
    fn admit(&self, seen: &Seen) -> Result<Value, Answer> {
        let authorization = seen
            .header(header::AUTHORIZATION.as_str())
            .unwrap_or_default();
        let admitted = lock(&self.tokens).admit(authorization, self.clock.now());
        match admitted {
            Ok(()) => {}
            Err(Refused::Token) => return Err(self.error(StatusCode::UNAUTHORIZED)),
            Err(Refused::OverQuota(message)) => {
                let after = *lock(&self.retry_after);
                let refusal = error(StatusCode::TOO_MANY_REQUESTS, "TOO.MANY.REQUESTS", message);
                return Err(limited(refusal, after));
            }
        }
        if let Some(locale) = seen.header("x-locale")
            && !is_locale(locale)
        {
            let message = "Invalid locale. Please correct the request and try again.";
            return Err(refused("TRACKING.LOCALE.INVALID", message));
        }
        let is_json = seen
            .header("content-type")
            .is_some_and(|media| media.starts_with("application/json"));
        let body: Option<Value> = serde_json::from_slice(&seen.body).ok();
        body.filter(|body| is_json && body["includeDetailedScans"].is_boolean())
            .ok_or_else(|| {
                error(
                    StatusCode::UNPROCESSABLE_ENTITY,
                    "INVALID.INPUT.EXCEPTION",
                    "Validation failed for object. Please modify your request and try again.",
                )
            })
    }

    fn track(&self, body: &Value) -> Result<Value, Answer> {
        let detailed = body["includeDetailedScans"] == true;
        let empty = || {
            let message = "Please provide tracking number.";
            refused("TRACKING.TRACKINGNUMBER.EMPTY", message)
        };
        let infos = body["trackingInfo"].as_array().ok_or_else(empty)?;
        if infos.is_empty() {
            return Err(empty());
        }
        if infos.len() > BATCH {
            let message = "Please limit your tracking numbers to 30.";
            return Err(refused("TRACKING.TRACKINGNUMBERS.LIMITEXCEEDED", message));
        }
        let mut entries = Vec::with_capacity(infos.len());
        for info in infos {
            let named = &info["trackingNumberInfo"];
            let number = named["trackingNumber"].as_str().unwrap_or_default();
            if number.is_empty() {
                return Err(empty());
            }
            let days = self.ship_days(info)?;
            let failure = match plausible(number) {
                false if self.strict.load(Ordering::Relaxed) => {
                    return Err(refused(INVALID.0, INVALID.1));
                }
                false => INVALID,
                true => NOT_FOUND,
            };
            let unique = named["trackingNumberUniqueId"].as_str().unwrap_or_default();
            let now = self.clock.now();
            let mut results: Vec<Value> = Found::all(number)
                .into_iter()
                .filter(|found| found.is_asked_for(&self.clock, unique, days))
                .filter_map(|found| found.render(&self.clock, now, detailed))
                .collect();
            if results.is_empty() {
                let (code, message) = failure;
                results.push(json!({
                    "trackingNumberInfo": {
                        "trackingNumber": number,
                        "trackingNumberUniqueId": "",
                        "carrierCode": "",
                    },
                    "error": { "code": code, "message": message },
                }));
            }
            entries.push(json!({ "trackingNumber": number, "trackResults": results }));
        }
        // The order of the answer is not that of the question.
        entries.reverse();
        Ok(answer(entries))
    }

    fn associated(&self, body: &Value) -> Result<Value, Answer> {
        let detailed = body["includeDetailedScans"] == true;
        let kind = body["associatedType"].as_str().unwrap_or_default();
        if !["STANDARD_MPS", "GROUP_MPS", "OUTBOUND_LINK_TO_RETURN"].contains(&kind) {
            let message = "Invalid associated type. Please correct the request and try again.";
            return Err(refused("TRACKING.REFERENCETYPE.INVALID", message));
        }
        let named = &body["masterTrackingNumberInfo"]["trackingNumberInfo"];
        let master = named["trackingNumber"].as_str().unwrap_or_default();
        if master.is_empty() {
            let message = "Please provide tracking number.";
            return Err(refused("TRACKING.TRACKINGNUMBER.EMPTY", message));
        }
        let now = self.clock.now();
        let pieces = scripts::pieces(master).filter(|_| kind == "STANDARD_MPS");
        let entries: Vec<Value> = pieces
            .into_iter()
            .flatten()
            .filter_map(|number| {
                let results: Vec<Value> = Found::all(number)
                    .into_iter()
                    .filter_map(|found| found.render(&self.clock, now, detailed))
                    .collect();
                let known = !results.is_empty();
                known.then(|| json!({ "trackingNumber": number, "trackResults": results }))
            })
            .collect();
        if entries.is_empty() {
            return Err(error(StatusCode::BAD_REQUEST, NOT_FOUND.0, NOT_FOUND.1));
        }
        Ok(answer(entries))
    }

    /// The days of shipping that are asked for; FedEx checks them for the whole request.
    fn ship_days(&self, info: &Value) -> Result<Option<(Date, Date)>, Answer> {
        let today = self.clock.now().to_zoned(TimeZone::UTC).date();
        let day = |name: &str, default: Date| match info[name].as_str() {
            None => Ok(default),
            Some(text) => text.parse::<Date>().map_err(|_| {
                let code = format!("TRACKING.{}.INVALID", name.to_uppercase());
                refused(&code, "Invalid ship date.")
            }),
        };
        if info["shipDateBegin"].is_null() && info["shipDateEnd"].is_null() {
            return Ok(None);
        }
        let begin = day("shipDateBegin", Date::MIN)?;
        let end = day("shipDateEnd", today)?;
        let oldest = today.saturating_sub(2.years());
        let wrong = [
            (end > today, "TRACKING.SHIPDATEEND.FUTURE"),
            (begin > end, "TRACKING.SHIPDATE.ENDDATEBEFOREBEGINDATE"),
            (begin < oldest, "TRACKING.SHIPDATERANGE.ERROR"),
            (
                end > begin.saturating_add(30.days()),
                "TRACKING.SHIPDATERANGE.ERROR",
            ),
        ];
        match wrong.iter().find(|(wrong, _)| *wrong) {
            Some((_, code)) => Err(refused(code, "Invalid ship date range.")),
            None => Ok(Some((begin, end))),
        }
    }
}

fn answer(entries: Vec<Value>) -> Value {
    json!({
        "transactionId": "5170a1ed-0000-4000-8000-00005e1f0000",
        "output": { "completeTrackResults": entries },
    })
}

/// Digits, or a door tag; barcodes have to be reduced to the number in them.
fn plausible(number: &str) -> bool {
    let digits = number.strip_prefix("DT").unwrap_or(number);
    digits.bytes().all(|byte| byte.is_ascii_digit()) && (10..=22).contains(&digits.len())
}

fn is_locale(locale: &str) -> bool {
    match locale.as_bytes() {
        [a, b, b'_', c, d] => {
            [a, b].iter().all(|byte| byte.is_ascii_lowercase())
                && [c, d].iter().all(|byte| byte.is_ascii_uppercase())
        }
        _ => false,
    }
}

fn refused(code: &str, message: &str) -> Answer {
    error(StatusCode::BAD_REQUEST, code, message)
}

fn error(status: StatusCode, code: &str, message: &str) -> Answer {
    let body = json!({
        "transactionId": "5170a1ed-0000-4000-8000-00005e1f0001",
        "errors": [{ "code": code, "message": message }],
    });
    Answer::json(status, "application/json", &body)
}

/// A day as FedEx writes it.
fn midnight(at: Timestamp, zone: &str) -> String {
    let local = crate::clock::local(at, zone);
    // FedEx writes a day as a midnight with an offset that has nothing to do with the place.
    format!("{}T00:00:00-06:00", local.date())
}
