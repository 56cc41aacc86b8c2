//! Owns the wire contract of USPS Tracking v3 and v3r2 and of its subscriptions: paths, parameters, error
//! envelopes, batches. Does not know what an item's answer looks like, nor which items exist.

mod desk;
mod item;
mod load;
mod scripts;
mod tokens;

use std::sync::Mutex;

use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use jiff::civil::Date;
use serde_json::{Value, json};

use crate::clock::Clock;
use crate::fake::{Dialect, limited};
use crate::fault::RetryAfter;
use crate::lock;
use crate::quota::Quota;
use crate::scenario::{Scenario, minutes};
use crate::seen::{Answer, Kind, Seen};

use desk::Desk;
use item::{Form, Known, Look};
use tokens::{Refused, Tokens};

const TOKEN_PATH: &str = "/oauth2/v3/token";
const SINGLE_PATH: &str = "/tracking/v3/tracking/";
const BATCH_PATH: &str = "/tracking/v3r2/tracking";
const DESK_PATHS: [&str; 2] = [
    "/subscriptions-tracking/v3/subscriptions",
    "/subscriptions-tracking/v3r2/subscriptions",
];
const CLIENT_ID: &str = "simulated-usps-client";
const CLIENT_SECRET: &str = "simulated-usps-secret";
const TRACKING: &str = "tracking";
const SUBSCRIPTIONS: &str = "subscriptions-tracking";
const BATCH: usize = 35;
/// What a spent quota tells in `Retry-After`.
const WAIT: u64 = 60;

/// USPS' side of a [`crate::Fake`].
pub(crate) struct Usps {
    clock: Clock,
    tokens: Mutex<Tokens>,
    desk: Mutex<Desk>,
}

impl Usps {
    pub(crate) fn new(clock: Clock) -> Self {
        let mut tokens = Tokens::default();
        tokens.set_account(CLIENT_ID, CLIENT_SECRET, Quota::UNLIMITED);
        Self {
            clock,
            tokens: Mutex::new(tokens),
            desk: Mutex::default(),
        }
    }
}

impl Dialect for Usps {
    fn id(&self) -> &'static str {
        "usps"
    }

    fn settings(&self, root: &str) -> Vec<(&'static str, String)> {
        vec![
            ("base_url", root.to_owned()),
            ("client_id", CLIENT_ID.to_owned()),
            ("client_secret", CLIENT_SECRET.to_owned()),
        ]
    }

    fn has_tokens(&self) -> bool {
        true
    }

    fn kind(&self, seen: &Seen) -> Kind {
        if seen.path == TOKEN_PATH {
            Kind::Token
        } else if seen.path == BATCH_PATH || seen.path.starts_with(SINGLE_PATH) {
            Kind::Tracking
        } else if DESK_PATHS.contains(&seen.path.as_str()) && seen.method == Method::POST {
            Kind::Register
        } else {
            Kind::Other
        }
    }

    fn numbers(&self, seen: &Seen) -> Vec<String> {
        if let Some(number) = seen.path.strip_prefix(SINGLE_PATH) {
            return vec![number.to_owned()];
        }
        if seen.path != BATCH_PATH {
            return Vec::new();
        }
        let body: Value = serde_json::from_slice(&seen.body).unwrap_or_default();
        let members = body.as_array().into_iter().flatten();
        members
            .filter_map(|member| member["trackingNumber"].as_str().map(str::to_owned))
            .collect()
    }

    fn answer(&self, kind: Kind, seen: &Seen) -> Answer {
        let answer = match kind {
            Kind::Token => self.token(seen),
            Kind::Tracking if seen.path == BATCH_PATH => self.batch(seen),
            Kind::Tracking => self.single(seen),
            _ => self.desk(seen),
        };
        answer.unwrap_or_else(|refusal| refusal)
    }

    fn error(&self, status: StatusCode) -> Answer {
        let message = match status.as_u16() {
            400 => "Bad Request",
            401 => "Unauthorized",
            403 => "Forbidden",
            404 => "Resource not found",
            405 => "Method not allowed",
            429 => "Quota limit exceeded",
            503 => "Service unavailable",
            _ => "Internal server error",
        };
        error(status, "", message, message)
    }

    fn scenarios(&self) -> Vec<Scenario> {
        let told = |script: &scripts::Script| Scenario {
            name: script.name,
            number: script.number,
            title: script.title,
            shows: script.shows,
            last_event: minutes(script.item.last_event()),
        };
        scripts::SCRIPTS.iter().map(told).collect()
    }

    fn set_quota(&self, quota: Quota) {
        lock(&self.tokens).set_account(CLIENT_ID, CLIENT_SECRET, quota);
    }

    fn load_number(&self, n: u64) -> String {
        load::number(n)
    }
}

impl Usps {
    fn token(&self, seen: &Seen) -> Result<Answer, Answer> {
        if seen.method != Method::POST {
            return Err(self.error(StatusCode::METHOD_NOT_ALLOWED));
        }
        let media = seen.header("content-type").unwrap_or_default();
        let body: Value = match media.split(';').next().map(str::trim) {
            Some("application/json") => serde_json::from_slice(&seen.body).unwrap_or_default(),
            Some("application/x-www-form-urlencoded") => form_urlencoded::parse(&seen.body)
                .map(|(key, value)| (key.into_owned(), Value::from(value.into_owned())))
                .collect(),
            _ => return Err(invalid("Content-Type is not supported")),
        };
        let text = |key: &str| body[key].as_str().unwrap_or_default();
        if text("grant_type") != "client_credentials" {
            return Err(oauth(StatusCode::BAD_REQUEST, "unsupported_grant_type"));
        }
        let scopes = text("scope").split_whitespace();
        let scopes: Vec<String> = scopes.map(str::to_owned).collect();
        if !scopes
            .iter()
            .all(|scope| [TRACKING, SUBSCRIPTIONS].contains(&scope.as_str()))
        {
            return Err(oauth(StatusCode::BAD_REQUEST, "invalid_scope"));
        }
        let (id, secret) = (text("client_id"), text("client_secret"));
        let issued = lock(&self.tokens).issue(id, secret, scopes, jiff::Timestamp::now());
        let issued = issued.ok_or_else(|| oauth(StatusCode::UNAUTHORIZED, "invalid_client"))?;
        Ok(ok(&issued))
    }

    /// `GET /tracking/v3/tracking/{number}`.
    fn single(&self, seen: &Seen) -> Result<Answer, Answer> {
        if seen.method != Method::GET {
            return Err(self.error(StatusCode::METHOD_NOT_ALLOWED));
        }
        self.admit(seen, TRACKING)?;
        let number = seen.path.strip_prefix(SINGLE_PATH).unwrap_or_default();
        let mut detail = false;
        for (key, value) in &seen.query {
            match key.as_str() {
                "expand" if value == "DETAIL" => detail = true,
                "expand" if value == "SUMMARY" => {}
                "destinationZIPCode" if is_zip(value) => {}
                "mailingDate" if value.parse::<Date>().is_ok() => {}
                _ => {
                    return Err(invalid(
                        "OASValidation: unexpected query parameter or value",
                    ));
                }
            }
        }
        if !plausible(number) {
            return Err(invalid("OASValidation: trackingNumber does not match"));
        }
        match self.look(number) {
            Ok(known) if detail => Ok(ok(&known.detail(&self.clock, Form::V3))),
            Ok(known) => Ok(ok(&known.summary(&self.clock))),
            Err(failure) => Err(failure.alone(number)),
        }
    }

    /// `POST /tracking/v3r2/tracking`.
    fn batch(&self, seen: &Seen) -> Result<Answer, Answer> {
        if seen.method != Method::POST {
            return Err(self.error(StatusCode::METHOD_NOT_ALLOWED));
        }
        self.admit(seen, TRACKING)?;
        let body: Value = serde_json::from_slice(&seen.body).unwrap_or_default();
        let members = body.as_array().filter(|members| !members.is_empty());
        let members = members.ok_or_else(|| invalid("OASValidation: an array is required"))?;
        if members.len() > BATCH {
            return Err(invalid("OASValidation: at most 35 items"));
        }
        let mut status = StatusCode::OK;
        let mut answers = Vec::with_capacity(members.len());
        for member in members {
            let fields = member.as_object();
            let fields = fields.ok_or_else(|| invalid("OASValidation: an object is required"))?;
            for (key, value) in fields {
                let text = value.as_str().unwrap_or_default();
                let fits = match key.as_str() {
                    "trackingNumber" => !text.is_empty(),
                    "destinationZIPCode" => is_zip(text),
                    "mailingDate" => text.parse::<Date>().is_ok(),
                    _ => false,
                };
                if !fits {
                    return Err(invalid("OASValidation: unexpected member or value"));
                }
            }
            let number = member["trackingNumber"].as_str().unwrap_or_default();
            let found = match plausible(number) {
                true => self.look(number),
                false => Err(Failure::new(StatusCode::BAD_REQUEST, "150002")),
            };
            answers.push(match found {
                Ok(known) => known.detail(&self.clock, Form::V3r2),
                Err(failure) => {
                    status = StatusCode::MULTI_STATUS;
                    failure.member(number)
                }
            });
        }
        Ok(Answer::json(
            status,
            "application/json",
            &Value::from(answers),
        ))
    }

    fn look(&self, number: &str) -> Result<Known, Failure> {
        let bad = |code| Failure::new(StatusCode::BAD_REQUEST, code);
        match Known::find(number, &self.clock) {
            Look::Found(known) => Ok(*known),
            Look::Announced => Err(bad("150009")),
            Look::Nothing => Err(bad("150002")),
            Look::OfAnother => Err(Failure::new(StatusCode::FORBIDDEN, "")),
        }
    }

    /// `/subscriptions-tracking/{version}/subscriptions[/{id}]`.
    fn desk(&self, seen: &Seen) -> Result<Answer, Answer> {
        let rest = DESK_PATHS
            .iter()
            .find_map(|path| seen.path.strip_prefix(path));
        let rest = rest.ok_or_else(|| self.error(StatusCode::NOT_FOUND))?;
        self.admit(seen, SUBSCRIPTIONS)?;
        let mut desk = lock(&self.desk);
        let id = rest.strip_prefix('/').unwrap_or_default();
        match (&seen.method, id) {
            (&Method::POST, "") => {
                let body: Value = serde_json::from_slice(&seen.body).unwrap_or_default();
                let made = desk.make(body).map_err(|why| invalid(&why))?;
                Ok(Answer::json(StatusCode::CREATED, "application/json", &made))
            }
            (&Method::GET, "") => {
                let mid = seen.query("MID");
                let mid = mid.ok_or_else(|| invalid("required field missing: MID"))?;
                let found = desk.of_mailer(mid);
                match found.is_empty() {
                    true => Err(self.error(StatusCode::NOT_FOUND)),
                    false => Ok(ok(&Value::from(found))),
                }
            }
            (&Method::GET, id) => {
                let found = desk.get(id);
                let (found, tag) = found.ok_or_else(|| self.error(StatusCode::NOT_FOUND))?;
                let mut answer = ok(&found);
                answer.headers.push(tagged(&tag));
                Ok(answer)
            }
            (&Method::DELETE, id) => {
                let given = seen.header(header::IF_MATCH.as_str()).unwrap_or_default();
                let status = desk.end(id, given);
                match status {
                    StatusCode::NO_CONTENT => Ok(Answer {
                        status,
                        headers: Vec::new(),
                        body: bytes::Bytes::new(),
                    }),
                    status => Err(self.error(status)),
                }
            }
            _ => Err(self.error(StatusCode::METHOD_NOT_ALLOWED)),
        }
    }

    fn admit(&self, seen: &Seen, scope: &str) -> Result<(), Answer> {
        let authorization = seen
            .header(header::AUTHORIZATION.as_str())
            .unwrap_or_default();
        match lock(&self.tokens).admit(authorization, scope, self.clock.now()) {
            Ok(()) => Ok(()),
            Err(Refused::Token) => Err(self.error(StatusCode::UNAUTHORIZED)),
            Err(Refused::Scope) => {
                let detail = "The client application identifier is invalid";
                Err(error(StatusCode::UNAUTHORIZED, "", "Unauthorized", detail))
            }
            Err(Refused::OverQuota) => Err(limited(
                self.error(StatusCode::TOO_MANY_REQUESTS),
                RetryAfter::Seconds(WAIT),
            )),
        }
    }
}

/// Why an item is not told.
struct Failure {
    status: StatusCode,
    code: &'static str,
}

impl Failure {
    fn new(status: StatusCode, code: &'static str) -> Self {
        Self { status, code }
    }

    fn words(&self) -> &'static str {
        match self.code {
            "150009" => "A status update is not yet available on this package",
            "150002" => "The tracking number may be incorrect or has no status yet",
            _ => "Access to this item is not allowed",
        }
    }

    fn body(&self, number: &str) -> Value {
        let status = self.status.as_str();
        let mut notice = json!({
            "status": status,
            "title": self.words(),
            "detail": format!("{}: {number}", self.words()),
            "source": { "parameter": "trackingNumber", "example": "9400100000000000000000" },
        });
        if !self.code.is_empty() {
            notice["code"] = json!(self.code);
        }
        json!({ "code": status, "message": self.words(), "errors": [notice] })
    }

    fn alone(&self, number: &str) -> Answer {
        let body = json!({ "apiVersion": "v3", "error": self.body(number) });
        Answer::json(self.status, "application/json", &body)
    }

    fn member(&self, number: &str) -> Value {
        json!({
            "trackingNumber": number,
            "statusCode": self.status.as_str(),
            "error": self.body(number),
        })
    }
}

fn ok(body: &Value) -> Answer {
    Answer::json(StatusCode::OK, "application/json", body)
}

fn tagged(tag: &str) -> (HeaderName, HeaderValue) {
    let value = HeaderValue::from_str(tag).unwrap_or(HeaderValue::from_static("\"0\""));
    (header::ETAG, value)
}

fn invalid(detail: &str) -> Answer {
    error(StatusCode::BAD_REQUEST, "", "Bad Request", detail)
}

fn error(status: StatusCode, code: &str, message: &str, detail: &str) -> Answer {
    let mut notice = json!({ "title": message, "status": status.as_str(), "detail": detail });
    if !code.is_empty() {
        notice["code"] = json!(code);
    }
    let error = json!({ "code": status.as_str(), "message": message, "errors": [notice] });
    let body = json!({ "apiVersion": "v3", "error": error });
    Answer::json(status, "application/json", &body)
}

fn oauth(status: StatusCode, word: &str) -> Answer {
    let body = json!({ "error": word, "error_description": "The request for a token is refused." });
    Answer::json(status, "application/json", &body)
}

fn is_zip(text: &str) -> bool {
    text.len() == 5 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// 20 to 34 digits, or the form of the Universal Postal Union.
fn plausible(number: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let letters = |text: &str| text.bytes().all(|byte| byte.is_ascii_uppercase());
    if (20..=34).contains(&number.len()) {
        return digits(number);
    }
    number.len() == 13
        && number.is_ascii()
        && letters(&number[..2])
        && digits(&number[2..11])
        && letters(&number[11..])
}
