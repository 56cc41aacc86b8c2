//! Owns MyDHL API's wire contract for tracking (document 3.1.1): credentials, parameters, batches,
//! errors. Does not know what a shipment's answer looks like, nor which shipments exist.

mod load;
mod scripts;
mod shipment;

use std::sync::Mutex;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::clock::Clock;
use crate::fake::Dialect;
use crate::lock;
use crate::quota::{Quota, Usage};
use crate::scenario::{Scenario, minutes};
use crate::seen::{Answer, Kind, Seen};

use shipment::{Detail, Known, View, Wanted};

const BASE: &str = "/mydhlapi";
const USER: &str = "simulated-mydhl-user";
const PASSWORD: &str = "simulated-mydhl-password";
/// Numbers in one call.
const MOST: usize = 200;

/// DHL Express' side of a fake.
pub(crate) struct DhlExpress {
    clock: Clock,
    usage: Mutex<Usage>,
}

impl DhlExpress {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            clock,
            usage: Mutex::default(),
        }
    }
}

impl Dialect for DhlExpress {
    fn id(&self) -> &'static str {
        "dhl-express"
    }

    fn settings(&self, root: &str) -> Vec<(&'static str, String)> {
        vec![
            ("base_url", format!("{root}{BASE}")),
            ("username", USER.to_owned()),
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
        if seen.method == Method::GET && !matches!(Path::read(seen), Path::Other) {
            Kind::Tracking
        } else {
            Kind::Other
        }
    }

    fn numbers(&self, seen: &Seen) -> Vec<String> {
        match Path::read(seen) {
            Path::One(number) => vec![number.to_owned()],
            Path::Many => {
                let mut numbers = all(seen, "shipmentTrackingNumber");
                numbers.extend(all(seen, "pieceTrackingNumber"));
                numbers.into_iter().map(str::to_owned).collect()
            }
            Path::Other => Vec::new(),
        }
    }

    fn answer(&self, kind: Kind, seen: &Seen) -> Answer {
        match self.track(kind, seen) {
            Ok(shipments) => {
                let body = json!({ "shipments": shipments });
                Answer::json(StatusCode::OK, "application/json", &body)
            }
            Err(Problem(status, detail)) => problem(status, &detail, &seen.path),
        }
    }

    fn error(&self, status: StatusCode) -> Answer {
        problem(status, reason(status), BASE)
    }

    fn scenarios(&self) -> Vec<Scenario> {
        let told = |script: &scripts::Script| Scenario {
            name: script.name,
            number: script.shipment.number,
            title: script.title,
            shows: script.shows,
            last_event: minutes(script.last_event()),
        };
        scripts::SCRIPTS.iter().map(told).collect()
    }
}

/// Which resource a path names.
enum Path<'a> {
    One(&'a str),
    Many,
    Other,
}

impl<'a> Path<'a> {
    fn read(seen: &'a Seen) -> Self {
        let Some(path) = seen.path.strip_prefix(BASE) else {
            return Self::Other;
        };
        if path == "/tracking" {
            return Self::Many;
        }
        let one = path
            .strip_prefix("/shipments/")
            .and_then(|rest| rest.strip_suffix("/tracking"))
            .filter(|number| !number.is_empty() && !number.contains('/'));
        one.map_or(Self::Other, Self::One)
    }
}

/// A failure: status and detail.
struct Problem(StatusCode, String);

fn wrong(parameter: &str) -> Problem {
    let detail = format!("Parameters not having correct format: {parameter}");
    Problem(StatusCode::BAD_REQUEST, detail)
}

impl DhlExpress {
    fn track(&self, kind: Kind, seen: &Seen) -> Result<Vec<Value>, Problem> {
        let expected = format!("Basic {}", STANDARD.encode(format!("{USER}:{PASSWORD}")));
        let refuse = |status| Problem(status, reason(status).to_owned());
        if seen.header("authorization") != Some(&expected) {
            return Err(refuse(StatusCode::UNAUTHORIZED));
        }
        if !lock(&self.usage).admit(self.clock.now()) {
            return Err(refuse(StatusCode::TOO_MANY_REQUESTS));
        }
        if kind != Kind::Tracking {
            return Err(Problem(StatusCode::NOT_FOUND, "No resource".to_owned()));
        }
        let wanted = wanted(seen)?;
        let found = match Path::read(seen) {
            Path::One(number) => {
                waybill(number)?;
                find(&[number], &[])
            }
            _ => self.many(seen)?,
        };
        let now = self.clock.now();
        let shipments = found.iter();
        let shipments: Vec<Value> = shipments
            .filter_map(|known| known.render(&self.clock, now, &wanted))
            .collect();
        if shipments.is_empty() {
            return Err(refuse(StatusCode::NOT_FOUND));
        }
        Ok(shipments)
    }

    fn many(&self, seen: &Seen) -> Result<Vec<Known>, Problem> {
        let waybills = all(seen, "shipmentTrackingNumber");
        let pieces = all(seen, "pieceTrackingNumber");
        if waybills.is_empty() == pieces.is_empty() {
            let detail = "One of shipmentTrackingNumber and pieceTrackingNumber is required";
            return Err(Problem(StatusCode::BAD_REQUEST, detail.to_owned()));
        }
        if waybills.len() > MOST || pieces.len() > MOST {
            let detail = "No more than 200 numbers are allowed";
            return Err(Problem(StatusCode::BAD_REQUEST, detail.to_owned()));
        }
        waybills.iter().try_for_each(|number| waybill(number))?;
        let sound = |number: &&str| number.starts_with('J') && number.len() >= 10;
        if !pieces.iter().all(sound) {
            return Err(wrong("pieceTrackingNumber"));
        }
        Ok(find(&waybills, &pieces))
    }
}

/// A waybill has ten digits.
fn waybill(number: &str) -> Result<(), Problem> {
    if number.len() == 10 && number.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(())
    } else {
        Err(wrong("shipmentTrackingNumber"))
    }
}

fn wanted(seen: &Seen) -> Result<Wanted, Problem> {
    let view = match seen.query("trackingView").unwrap_or("all-checkpoints") {
        "all-checkpoints" => View::All,
        "all-checkpoints-with-remarks" => View::WithRemarks,
        "last-checkpoint" => View::Last,
        "shipment-details-only" | "advance-shipment" | "bbx-children" => View::None,
        _ => return Err(wrong("trackingView")),
    };
    let detail = match seen.query("levelOfDetail").unwrap_or("shipment") {
        "shipment" => Detail::Shipment,
        "piece" => Detail::Piece,
        "all" => Detail::All,
        _ => return Err(wrong("levelOfDetail")),
    };
    let offsets = match seen.query("requestGMTOffsetPerEvent").unwrap_or("false") {
        // The document has the parameter for a single waybill only.
        "true" => matches!(Path::read(seen), Path::One(_)),
        "false" => false,
        _ => return Err(wrong("requestGMTOffsetPerEvent")),
    };
    Ok(Wanted {
        view,
        detail,
        offsets,
    })
}

/// Each shipment once, in the order in which the numbers were asked.
fn find(waybills: &[&str], pieces: &[&str]) -> Vec<Known> {
    let mut found: Vec<Known> = Vec::new();
    let scripted = || scripts::SCRIPTS.iter().map(|script| &script.shipment);
    let by_waybill = waybills.iter().filter_map(|number| {
        let known = scripted().find(|shipment| shipment.number == *number);
        known.map(Known::from).or_else(|| load::shipment(number))
    });
    // The J of a label is no part of the number.
    let bare = |number: &str| number.strip_prefix("JJD").map(|rest| format!("JD{rest}"));
    let by_piece = pieces.iter().filter_map(|number| {
        let number = bare(number).unwrap_or_else(|| (*number).to_owned());
        let has = |shipment: &&shipment::Shipment| shipment.pieces.contains(&number.as_str());
        scripted().find(has).map(Known::from)
    });
    for known in by_waybill.chain(by_piece) {
        if !found.iter().any(|other| other.number == known.number) {
            found.push(known);
        }
    }
    found
}

fn all<'a>(seen: &'a Seen, name: &str) -> Vec<&'a str> {
    let of_name = seen.query.iter().filter(|(key, _)| key == name);
    of_name.map(|(_, value)| value.as_str()).collect()
}

fn reason(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED => "User and password are not accepted",
        StatusCode::NOT_FOUND => "No data found",
        StatusCode::TOO_MANY_REQUESTS => "Too many requests",
        _ => "The request could not be served",
    }
}

fn problem(status: StatusCode, detail: &str, path: &str) -> Answer {
    let (title, message) = match status {
        StatusCode::BAD_REQUEST => ("Wrong format", "Bad request"),
        StatusCode::NOT_FOUND => ("Not data found", "Not data found"),
        other => {
            let words = other.canonical_reason().unwrap_or("Error");
            (words, words)
        }
    };
    let body = json!({
        "instance": path,
        "detail": detail,
        "title": title,
        "message": message,
        // A text, unlike that of other DHL interfaces.
        "status": status.as_u16().to_string(),
    });
    Answer::json(status, "application/problem+json", &body)
}
