//! Owns a parcel as data and its JSON in the form of the query document. Does not know which parcels
//! exist nor who may ask.

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::clock::{Clock, local};

/// Name of every state: code, state of column 1, name in Chinese.
const STATES: [(&str, &str, &str); 22] = [
    ("0", "0", "在途"),
    ("1001", "0", "到达派件城市"),
    ("1002", "0", "干线"),
    ("1", "1", "揽收"),
    ("101", "1", "已下单"),
    ("102", "1", "待揽收"),
    ("103", "1", "已揽收"),
    ("203", "2", "拒收"),
    ("205", "2", "柜或驿站超时未取"),
    ("206", "2", "无法联系"),
    ("301", "3", "本人签收"),
    ("302", "3", "派件异常后签收"),
    ("304", "3", "投柜或站签收"),
    ("14", "14", "拒签"),
    ("5", "5", "派件"),
    ("501", "5", "投柜或驿站"),
    ("6", "6", "退回"),
    ("7", "7", "转投"),
    ("10", "8", "待清关"),
    ("12", "8", "已清关"),
    ("13", "8", "清关异常"),
    ("3", "3", "签收"),
];

/// A place: of a Chinese one the area is known, of another only its clock matters.
pub(super) struct Place {
    pub(super) code: &'static str,
    pub(super) names: &'static str,
    pub(super) zone: &'static str,
}

/// One row; `at` is minutes from the start of the scenarios.
#[derive(Clone, Copy)]
pub(super) struct Event {
    pub(super) at: i64,
    pub(super) code: &'static str,
    pub(super) text: &'static str,
    pub(super) place: &'static Place,
    /// The text names no place that Kuaidi100 recognises.
    pub(super) hidden: bool,
}

/// What follows when nothing is ever scanned.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Silence {
    /// There are rows, or there will be.
    None,
    /// Three days later the subscription is given up.
    Forever,
    /// Three days later Kuaidi100 has found out that another company has it.
    Elsewhere(&'static str),
}

/// A parcel.
#[derive(Clone, Copy)]
pub(super) struct Parcel {
    pub(super) com: &'static str,
    /// Last digits of the telephone number that the company wants to hear.
    pub(super) phone: Option<&'static str>,
    pub(super) events: &'static [Event],
    /// The company of the country of destination, and what it says.
    pub(super) dest: Option<(&'static str, &'static [Event])>,
    /// The carrier's own times are not in the normal form.
    pub(super) sloppy: bool,
    /// State that the answer states whatever its rows say.
    pub(super) state: Option<&'static str>,
    pub(super) silence: Silence,
}

/// A parcel that is looked at: a scripted one, or one that is made from its number.
pub(super) struct Known {
    pub(super) number: String,
    pub(super) events: Cow<'static, [Event]>,
    pub(super) parcel: Parcel,
}

impl Known {
    fn happened<'a>(&'a self, clock: &Clock, now: Timestamp) -> Vec<&'a Event> {
        happened(&self.events, clock, now)
    }

    /// Whether there is anything to say.
    pub(super) fn is_known(&self, clock: &Clock, now: Timestamp) -> bool {
        !self.happened(clock, now).is_empty()
    }

    /// Whether nothing more will follow.
    pub(super) fn is_signed(&self, clock: &Clock, now: Timestamp) -> bool {
        let both = self
            .parcel
            .dest
            .map(|(_, events)| happened(events, clock, now));
        let newest = match &both {
            Some(dest) if !dest.is_empty() => dest.last().copied(),
            _ => self.happened(clock, now).last().copied(),
        };
        newest.is_some_and(|event| matches!(state_of(event.code).0, "3" | "14"))
    }

    /// The answer of the parcel's own company, rows newest first.
    pub(super) fn render(&self, clock: &Clock, now: Timestamp, resultv2: &str) -> Value {
        let rows = self.happened(clock, now);
        let mut answer = leg(
            &self.number,
            self.parcel.com,
            &rows,
            clock,
            resultv2,
            self.parcel.sloppy,
        );
        if let Some(state) = self.parcel.state {
            answer["state"] = json!(state);
        }
        answer
    }

    /// The answer of the company at the destination; `None` if there is none.
    pub(super) fn render_dest(
        &self,
        clock: &Clock,
        now: Timestamp,
        resultv2: &str,
    ) -> Option<Value> {
        let (com, events) = self.parcel.dest?;
        let rows = happened(events, clock, now);
        Some(leg(&self.number, com, &rows, clock, resultv2, false))
    }
}

fn happened<'a>(events: &'a [Event], clock: &Clock, now: Timestamp) -> Vec<&'a Event> {
    let past = |event: &&Event| clock.minutes_from_start(event.at) <= now;
    events.iter().filter(past).collect()
}

/// State of column 1 and name; of a code that is new to the table its first digit and a name of its own.
fn state_of(code: &str) -> (&str, &'static str) {
    let known = STATES.iter().find(|row| row.0 == code);
    known.map_or_else(
        || (code.get(..1).unwrap_or("0"), "新状态"),
        |row| (row.1, row.2),
    )
}

fn leg(
    number: &str,
    com: &str,
    rows: &[&Event],
    clock: &Clock,
    resultv2: &str,
    sloppy: bool,
) -> Value {
    let newest = rows.last().map_or("0", |event| event.code);
    let (coarse, _) = state_of(newest);
    let advanced = matches!(resultv2, "4" | "8");
    let data: Vec<Value> = rows
        .iter()
        .rev()
        .map(|event| row(event, clock, resultv2, sloppy))
        .collect();
    let mut answer = Map::new();
    let status = if rows.is_empty() { "201" } else { "200" };
    let message = if rows.is_empty() {
        "快递公司参数异常：单号不存在或者已经过期"
    } else {
        "ok"
    };
    for (key, value) in [
        ("message", json!(message)),
        ("nu", json!(number)),
        (
            "ischeck",
            json!(if matches!(coarse, "3" | "14") {
                "1"
            } else {
                "0"
            }),
        ),
        ("com", json!(com)),
        ("status", json!(status)),
        ("data", json!(data)),
        ("state", json!(if advanced { newest } else { coarse })),
        ("condition", json!("F00")),
    ] {
        answer.insert(key.to_owned(), value);
    }
    if advanced {
        let area = |event: Option<&&Event>| match event {
            Some(event) if !event.place.code.is_empty() => {
                json!({ "number": event.place.code, "name": event.place.names })
            }
            _ => Value::Null,
        };
        let (from, cur) = (area(rows.first()), area(rows.last()));
        let route = json!({ "from": from, "cur": cur, "to": null });
        answer.insert("routeInfo".to_owned(), route);
        answer.insert("isLoop".to_owned(), json!(false));
    }
    Value::Object(answer)
}

fn row(event: &Event, clock: &Clock, resultv2: &str, sloppy: bool) -> Value {
    let at = local(clock.minutes_from_start(event.at), event.place.zone);
    let normal = at.strftime("%Y-%m-%d %H:%M:%S").to_string();
    let original = if sloppy {
        at.strftime("%Y-%-m-%-d %H:%M:%S").to_string()
    } else {
        normal.clone()
    };
    let mut row = json!({ "time": original, "ftime": normal, "context": event.text });
    if resultv2.is_empty() {
        return row;
    }
    let (coarse, name) = state_of(event.code);
    let known = !event.hidden && !event.place.code.is_empty();
    row["areaCode"] = json!(known.then_some(event.place.code));
    row["areaName"] = json!(known.then_some(event.place.names));
    if matches!(resultv2, "4" | "8") {
        row["status"] = json!(name);
        row["statusCode"] = json!(event.code);
        row["location"] = json!("");
        row["areaCenter"] = Value::Null;
        row["areaPinYin"] = Value::Null;
    } else {
        row["status"] = json!(state_of(coarse).1);
    }
    row
}
