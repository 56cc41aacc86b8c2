//! Owns the wire contract of DHL Parcel DE Tracking: two layers of credentials, the request inside
//! the XML, outcomes by code. Does not know what a parcel's answer looks like, nor which parcels exist.

mod load;
mod parcel;
mod request;
mod scripts;

use std::sync::Mutex;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};
use serde_json::json;

use crate::clock::Clock;
use crate::fake::Dialect;
use crate::lock;
use crate::quota::{Quota, Usage};
use crate::scenario::{Scenario, minutes};
use crate::seen::{Answer, Kind, Seen};
use parcel::{Known, Shape};
use request::Request;

const BASE: &str = "/parcel/de/tracking/v0";
const KEY: &str = "simulated-paket-key";
const SECRET: &str = "simulated-paket-secret";
const USER: &str = "zt-simulated";
const PASSWORD: &str = "simulated <&> password";

/// DHL Paket's side of a fake.
pub(crate) struct DhlParcelDe {
    clock: Clock,
    usage: Mutex<Usage>,
}

impl DhlParcelDe {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            clock,
            usage: Mutex::default(),
        }
    }
}

impl Dialect for DhlParcelDe {
    fn id(&self) -> &'static str {
        "dhl-parcel-de"
    }

    fn settings(&self, root: &str) -> Vec<(&'static str, String)> {
        vec![
            ("base_url", format!("{root}{BASE}")),
            ("api_key", KEY.to_owned()),
            ("api_secret", SECRET.to_owned()),
            ("user", USER.to_owned()),
            ("password", PASSWORD.to_owned()),
        ]
    }

    fn set_quota(&self, quota: Quota) {
        *lock(&self.usage) = Usage::new(quota);
    }

    fn load_number(&self, n: u64) -> String {
        load::number(n)
    }

    fn kind(&self, seen: &Seen) -> Kind {
        let here = seen.path.strip_prefix(BASE) == Some("/shipments");
        if here && seen.method == Method::GET {
            Kind::Tracking
        } else {
            Kind::Other
        }
    }

    fn numbers(&self, seen: &Seen) -> Vec<String> {
        let request = seen.query("xml").and_then(Request::read);
        request.map(|request| request.numbers()).unwrap_or_default()
    }

    fn answer(&self, kind: Kind, seen: &Seen) -> Answer {
        match self.track(kind, seen) {
            Ok(xml) => Answer {
                status: StatusCode::OK,
                headers: vec![(
                    header::CONTENT_TYPE,
                    HeaderValue::from_static("application/xml; charset=UTF-8"),
                )],
                body: Bytes::from(xml),
            },
            Err(status) => self.error(status),
        }
    }

    /// Failures before the service itself are those of DHL's gateway.
    fn error(&self, status: StatusCode) -> Answer {
        let title = status.canonical_reason().unwrap_or("Error");
        let body = json!({ "status": status.as_u16(), "title": title, "detail": title });
        Answer::json(status, "application/json", &body)
    }

    fn scenarios(&self) -> Vec<Scenario> {
        let told = |script: &scripts::Script| Scenario {
            name: script.name,
            number: script.parcel.number,
            title: script.title,
            shows: script.shows,
            last_event: minutes(script.last_event()),
        };
        scripts::SCRIPTS.iter().map(told).collect()
    }
}

/// Outcomes of a request.
const OK: i32 = 0;
const LOGIN_FAILED: i32 = 5;
const CHECK_DIGIT: i32 = 41;
const NO_PIECE_CODE: i32 = 45;
const NOT_AT_POSTCODE: i32 = 57;
const NO_DATA: i32 = 100;

impl DhlParcelDe {
    fn track(&self, kind: Kind, seen: &Seen) -> Result<String, StatusCode> {
        let expected = format!("Basic {}", STANDARD.encode(format!("{KEY}:{SECRET}")));
        if seen.header("authorization") != Some(&expected) {
            return Err(StatusCode::UNAUTHORIZED);
        }
        if !lock(&self.usage).admit(self.clock.now()) {
            return Err(StatusCode::TOO_MANY_REQUESTS);
        }
        if kind != Kind::Tracking {
            return Err(StatusCode::NOT_FOUND);
        }
        let request = seen.query("xml").and_then(Request::read);
        let request = request.ok_or(StatusCode::BAD_REQUEST)?;
        let (shape, most) = match request.get("request") {
            Some("d-get-piece-detail") => (Shape::Business, 20),
            Some("get-status-for-public-user") => (Shape::Public, 15),
            _ => return Err(StatusCode::BAD_REQUEST),
        };
        let numbers = request.numbers();
        if numbers.len() > most {
            return Err(StatusCode::BAD_REQUEST);
        }
        Ok(match self.find(&request, &numbers) {
            Ok(found) => shape.list(OK, &self.render(shape, &found)),
            Err(code) => shape.list(code, ""),
        })
    }

    fn find(&self, request: &Request, numbers: &[String]) -> Result<Vec<Known>, i32> {
        if request.get("appname") != Some(USER) || request.get("password") != Some(PASSWORD) {
            return Err(LOGIN_FAILED);
        }
        if numbers.is_empty() {
            return Err(NO_PIECE_CODE);
        }
        if !numbers.iter().all(|number| request::is_sound(number)) {
            return Err(CHECK_DIGIT);
        }
        let now = self.clock.now();
        let known = |number: &String| {
            let scripted = scripts::SCRIPTS.iter().map(|script| &script.parcel);
            let mut scripted = scripted.filter(|parcel| parcel.is(number));
            let known = scripted.next().map(Known::from);
            known.or_else(|| load::parcel(number))
        };
        let found = numbers.iter().filter_map(known);
        let arrived = |known: &Known| self.clock.minutes_from_start(known.parcel.from) <= now;
        let mut found: Vec<Known> = found.filter(arrived).collect();
        if found.is_empty() {
            return Err(NO_DATA);
        }
        if let Some(code) = request.get("zip-code") {
            found.retain(|known| known.parcel.postal_code == code);
            if found.is_empty() {
                return Err(NOT_AT_POSTCODE);
            }
        }
        Ok(found)
    }

    fn render(&self, shape: Shape, found: &[Known]) -> String {
        let now = self.clock.now();
        let pieces = found.iter();
        pieces
            .map(|known| known.render(&self.clock, now, shape))
            .collect()
    }
}
