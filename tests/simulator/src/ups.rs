//! Owns the UPS Tracking and Track Alert APIs' wire contract: paths, headers, parameters, errors, paging of
//! packages. Does not know what a package's answer looks like, how tokens live, nor which packages exist.

mod alerts;
mod load;
mod scripts;
mod shipment;
mod tokens;

use std::sync::Mutex;
use std::time::Duration;

use http::{Method, StatusCode, header};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::clock::Clock;
use crate::fake::{Dialect, Fake, Target, limited};
use crate::fault::{Fault, RetryAfter};
use crate::lock;
use crate::push::Push;
use crate::quota::Quota;
use crate::scenario::{Scenario, minutes};
use crate::seen::{Answer, Kind, Seen};

use alerts::Alerts;
pub use load::ups_load_number;
use shipment::{Extras, Found};
use tokens::{Refused, Tokens};

const TOKEN_PATH: &str = "/security/v1/oauth/token";
const DETAILS_PATH: &str = "/api/track/v1/details/";
const PACKAGES_PATH: &str = "/api/track/v1/shipment/details/";
const CLIENT_ID: &str = "simulated-ups-client";
const CLIENT_SECRET: &str = "simulated-ups-secret";
const PUSH_CREDENTIAL: &str = "simulated-ups-push";
const PAGE: usize = 50;
const HEADERS: [&str; 2] = ["transId", "transactionSrc"];

/// UPS' side of a [`Fake`].
pub struct Ups {
    clock: Clock,
    tokens: Mutex<Tokens>,
    alerts: Mutex<Alerts>,
    retry_after: Mutex<RetryAfter>,
}

impl Ups {
    pub(crate) fn new(clock: Clock) -> Self {
        let mut tokens = Tokens::default();
        tokens.set_account(CLIENT_ID, CLIENT_SECRET, Quota::UNLIMITED);
        Self {
            clock,
            tokens: Mutex::new(tokens),
            alerts: Mutex::default(),
            retry_after: Mutex::new(RetryAfter::Absent),
        }
    }
}

impl Fake<Ups> {
    /// What a client is configured with in place of `https://onlinetools.ups.com`.
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

    /// Accepts a client, with a quota of its own; a known client gets a new secret and a fresh quota.
    pub fn set_account(&self, client_id: &str, client_secret: &str, quota: Quota) {
        lock(&self.carrier.dialect.tokens).set_account(client_id, client_secret, quota);
    }

    /// No longer accepts a client, nor the tokens it has.
    pub fn remove_account(&self, client_id: &str) {
        lock(&self.carrier.dialect.tokens).remove_account(client_id);
    }

    /// Requests for a token so far, the refused ones included.
    pub fn token_requests(&self) -> u64 {
        self.requests_of(Kind::Token)
    }

    /// Switches a fault on for every request for a token, or off.
    pub fn set_token_fault(&self, fault: Option<Fault>) {
        self.arm(Target::Token, fault, None);
    }

    /// Switches a fault on for the next `times` requests for a token.
    pub fn set_token_fault_times(&self, fault: Fault, times: u32) {
        self.arm(Target::Token, Some(fault), Some(times));
    }

    /// How long tokens issued from now on are good, in real time; `expires_in` says the same.
    pub fn set_token_lifetime(&self, lifetime: Duration) {
        lock(&self.carrier.dialect.tokens).set_lifetime(lifetime);
    }

    /// Lets every token expire now: 401 with code 251004.
    pub fn expire_tokens(&self) {
        lock(&self.carrier.dialect.tokens).end_all(Refused::Expired);
    }

    /// Revokes every token: 401 with code 250002.
    pub fn revoke_tokens(&self) {
        lock(&self.carrier.dialect.tokens).end_all(Refused::Revoked);
    }

    /// When the Track Alert subscription of a number ends, in simulated time; `None` if it has none.
    pub fn subscribed_until(&self, number: &str) -> Option<Timestamp> {
        let dialect = &self.carrier.dialect;
        lock(&dialect.alerts).until(number, dialect.clock.now())
    }

    /// Whether a 429 for a spent quota says when to come back; UPS was not seen to.
    pub fn set_retry_after(&self, after: RetryAfter) {
        *lock(&self.carrier.dialect.retry_after) = after;
    }
}

impl Dialect for Ups {
    fn id(&self) -> &'static str {
        "ups"
    }

    /// Only that there is news: who has seen one push knows the credential of all.
    fn push(&self, number: &str) -> Option<Push> {
        let now = self.clock.now();
        let body = json!({
            "trackingNumber": number,
            "localActivityDate": now.strftime("%Y%m%d").to_string(),
            "localActivityTime": now.strftime("%H%M%S").to_string(),
            "gmtActivityDate": now.strftime("%Y%m%d").to_string(),
            "gmtActivityTime": now.strftime("%H%M%S").to_string(),
            "activityLocation": { "city": "", "country": "" },
            "activityStatus": { "type": "I", "code": "DP", "description": "Departed from Facility" },
        });
        Some(Push::json(
            body.to_string(),
            "credential",
            PUSH_CREDENTIAL.to_owned(),
        ))
    }

    fn settings(&self, root: &str) -> Vec<(&'static str, String)> {
        vec![
            ("base_url", root.to_owned()),
            ("client_id", CLIENT_ID.to_owned()),
            ("client_secret", CLIENT_SECRET.to_owned()),
            ("push_credential", PUSH_CREDENTIAL.to_owned()),
        ]
    }

    fn set_quota(&self, quota: Quota) {
        lock(&self.tokens).set_account(CLIENT_ID, CLIENT_SECRET, quota);
    }

    fn load_number(&self, n: u64) -> String {
        ups_load_number(n)
    }

    fn has_tokens(&self) -> bool {
        true
    }

    fn kind(&self, seen: &Seen) -> Kind {
        if seen.path == TOKEN_PATH {
            Kind::Token
        } else if seen.path.starts_with(PACKAGES_PATH) {
            Kind::Packages
        } else if seen.path.starts_with(DETAILS_PATH) {
            Kind::Tracking
        } else if alerts::path(&seen.path).is_some() {
            Kind::Register
        } else {
            Kind::Other
        }
    }

    fn numbers(&self, seen: &Seen) -> Vec<String> {
        number(seen).map(str::to_owned).into_iter().collect()
    }

    fn answer(&self, kind: Kind, seen: &Seen) -> Answer {
        let answer = match kind {
            Kind::Token => self.token(seen),
            Kind::Tracking | Kind::Packages => self.track(kind, seen),
            Kind::Register => self.subscribe(seen),
            Kind::Other => Err(self.error(StatusCode::NOT_FOUND)),
        };
        match answer {
            Ok(body) => Answer::json(StatusCode::OK, "application/json", &body),
            Err(refusal) => refusal,
        }
    }

    fn error(&self, status: StatusCode) -> Answer {
        let (code, message) = match status.as_u16() {
            400 => ("10400", "Invalid request"),
            401 => ("250002", "Invalid Authentication Information."),
            403 => ("403", "Forbidden"),
            404 => ("404", "The requested resource was not found."),
            405 => ("405", "Method Not Allowed"),
            429 => ("10429", "Too Many Requests"),
            _ => (
                "10004",
                "Something went wrong while processing your request",
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
            last_event: minutes(script.shipment.last_event()),
        };
        scripts::all().map(told).collect()
    }
}

impl Ups {
    fn token(&self, seen: &Seen) -> Result<Value, Answer> {
        if seen.method != Method::POST {
            return Err(self.error(StatusCode::METHOD_NOT_ALLOWED));
        }
        let media = seen.header("content-type").unwrap_or_default();
        if media.split(';').next().map(str::trim) != Some("application/x-www-form-urlencoded") {
            let message = "Requested Content Type is not supported";
            return Err(error(StatusCode::BAD_REQUEST, "10007", message));
        }
        let mut form = form_urlencoded::parse(&seen.body);
        if !form.any(|(key, value)| key == "grant_type" && value == "client_credentials") {
            return Err(invalid("grant_type must be client_credentials"));
        }
        let authorization = seen
            .header(header::AUTHORIZATION.as_str())
            .unwrap_or_default();
        let issued = lock(&self.tokens).issue(authorization, Timestamp::now());
        issued.ok_or_else(|| self.error(StatusCode::UNAUTHORIZED))
    }

    fn track(&self, kind: Kind, seen: &Seen) -> Result<Value, Answer> {
        if seen.method != Method::GET {
            return Err(self.error(StatusCode::METHOD_NOT_ALLOWED));
        }
        self.admit(seen)?;
        for name in HEADERS {
            if seen.header(name).is_none_or(str::is_empty) {
                return Err(invalid(&format!("Missing {name}")));
            }
        }
        let number = number(seen).unwrap_or_default();
        if !plausible(number) {
            return Err(error(
                StatusCode::BAD_REQUEST,
                "TV1002",
                "Invalid inquiry number",
            ));
        }
        let extras = extras(seen)?;
        let page = if kind == Kind::Packages {
            let count = whole(seen, "count", PAGE)?;
            if !(1..=PAGE).contains(&count) {
                return Err(invalid("count must be from 1 to 50"));
            }
            Some((whole(seen, "offset", 0)?, count))
        } else {
            None
        };
        let found = Found::find(number);
        let known =
            found.and_then(|found| found.render(&self.clock, self.clock.now(), page, extras));
        let shipment = known.unwrap_or_else(|| {
            let warning = json!({ "code": "TW0001", "message": "Tracking Information Not Found" });
            json!({ "inquiryNumber": number, "warnings": [warning] })
        });
        Ok(json!({ "trackResponse": { "shipment": [shipment] } }))
    }

    fn subscribe(&self, seen: &Seen) -> Result<Value, Answer> {
        if seen.method != Method::POST {
            return Err(self.error(StatusCode::METHOD_NOT_ALLOWED));
        }
        self.admit(seen)?;
        let refuse = |(code, message)| error(StatusCode::BAD_REQUEST, code, message);
        for (name, code) in HEADERS.into_iter().zip(["VSS002", "VSS004"]) {
            if seen.header(name).is_none_or(str::is_empty) {
                return Err(refuse((code, name)));
            }
        }
        let (version, level) = alerts::path(&seen.path).unwrap_or_default();
        let mut alerts = lock(&self.alerts);
        let said = alerts.subscribe(version, level, &seen.body, self.clock.now());
        said.map_err(refuse)
    }

    fn admit(&self, seen: &Seen) -> Result<(), Answer> {
        let authorization = seen
            .header(header::AUTHORIZATION.as_str())
            .unwrap_or_default();
        let admitted = lock(&self.tokens).admit(authorization, self.clock.now());
        let refuse =
            |code: &str, message: &str| Err(error(StatusCode::UNAUTHORIZED, code, message));
        match admitted {
            Ok(()) => Ok(()),
            Err(Refused::Revoked) => refuse("250002", "Invalid Authentication Information."),
            Err(Refused::Expired) => refuse("251004", "Bearer token expired"),
            Err(Refused::Unknown) => refuse("UJ0001", "Invalid token or token is not present."),
            Err(Refused::OverQuota) => {
                let after = *lock(&self.retry_after);
                Err(limited(self.error(StatusCode::TOO_MANY_REQUESTS), after))
            }
        }
    }
}

/// 7 to 34 letters and digits; a 1Z number must have its length and check digit.
fn plausible(number: &str) -> bool {
    let plain = number
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase());
    if !plain || !(7..=34).contains(&number.len()) {
        return false;
    }
    match number.strip_prefix("1Z") {
        Some(rest) => rest.len() == 16 && rest.ends_with(load::check_digit(&rest[..15])),
        None => true,
    }
}

fn extras(seen: &Seen) -> Result<Extras, Answer> {
    let locale = seen.query("locale").unwrap_or("en_US").as_bytes();
    let shape = match locale {
        [a, b, b'_', c, d] => {
            [a, b].iter().all(|byte| byte.is_ascii_lowercase())
                && [c, d].iter().all(|byte| byte.is_ascii_uppercase())
        }
        _ => false,
    };
    if !shape {
        return Err(invalid("locale must have the form ll_CC"));
    }
    let flag = |name: &str| match seen.query(name) {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(invalid(&format!("{name} must be true or false"))),
    };
    Ok(Extras {
        milestones: flag("returnMilestones")?,
        signature: flag("returnSignature")?,
        pod: flag("returnPOD")?,
    })
}

fn whole(seen: &Seen, name: &str, default: usize) -> Result<usize, Answer> {
    let Some(text) = seen.query(name) else {
        return Ok(default);
    };
    let most = 10_000;
    let value = text.parse().ok().filter(|value| *value <= most);
    value.ok_or_else(|| invalid(&format!("{name} must be a whole number")))
}

fn invalid(message: &str) -> Answer {
    error(StatusCode::BAD_REQUEST, "10400", message)
}

fn error(status: StatusCode, code: &str, message: &str) -> Answer {
    let body = json!({ "response": { "errors": [{ "code": code, "message": message }] } });
    Answer::json(status, "application/json", &body)
}

/// The number that a request asks for.
fn number(seen: &Seen) -> Option<&str> {
    seen.path
        .strip_prefix(PACKAGES_PATH)
        .or_else(|| seen.path.strip_prefix(DETAILS_PATH))
}
