//! Owns an SF waybill as data and its routes in the form of the route interface. Does not know who may ask.

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::clock::{Clock, local};

/// A place as SF words it, and the zone of its clock.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) text: &'static str,
    pub(super) zone: &'static str,
}

/// One event; `at` is minutes from the start of the scenarios.
#[derive(Clone, Copy)]
pub(super) struct Act {
    pub(super) at: i64,
    pub(super) place: &'static Place,
    pub(super) op: &'static str,
    pub(super) remark: &'static str,
    /// Secondary status that contradicts the operation code.
    pub(super) status: Option<&'static str>,
}

impl Act {
    pub(super) const fn new(
        at: i64,
        place: &'static Place,
        op: &'static str,
        remark: &'static str,
    ) -> Self {
        Self {
            at,
            place,
            op,
            remark,
            status: None,
        }
    }

    fn render(&self, clock: &Clock, two_levels: bool) -> Value {
        let at = local(clock.minutes_from_start(self.at), self.place.zone);
        let mut route = json!({
            "acceptAddress": self.place.text,
            "acceptTime": at.strftime("%Y-%m-%d %H:%M:%S").to_string(),
            "remark": self.remark,
            "opCode": self.op,
        });
        let status = self.status.or_else(|| secondary(self.op));
        if let Some((first, first_name, code, name)) = status.filter(|_| two_levels).map(levels) {
            route["firstStatusCode"] = json!(first);
            route["firstStatusName"] = json!(first_name);
            route["secondaryStatusCode"] = json!(code);
            route["secondaryStatusName"] = json!(name);
        }
        route
    }
}

/// Secondary status of the operation codes beside which one was seen.
fn secondary(op: &str) -> Option<&'static str> {
    Some(match op {
        "50" | "54" => "101",
        "30" | "31" | "36" | "105" | "106" | "310" => "201",
        "605" => "204",
        "44" | "204" => "301",
        "80" => "401",
        "70" => "1301",
        _ => return None,
    })
}

/// Number and name of both levels.
fn levels(secondary: &'static str) -> (&'static str, &'static str, &'static str, &'static str) {
    match secondary {
        "101" => ("1", "已揽收", secondary, "已揽收"),
        "204" => ("2", "运送中", secondary, "清关中"),
        "301" => ("3", "派送中", secondary, "派送中"),
        "401" => ("4", "已签收", secondary, "已签收"),
        "1301" => ("3", "派送中", secondary, "派送失败"),
        _ => ("2", "运送中", secondary, "运送中"),
    }
}

/// A waybill.
#[derive(Clone, Copy)]
pub(super) struct Waybill {
    pub(super) number: &'static str,
    /// The customer's own number.
    pub(super) order: &'static str,
    /// Digits that have to be named, if another customer ordered it.
    pub(super) phone: Option<&'static str>,
    pub(super) acts: &'static [Act],
    /// Events carry the two-level status.
    pub(super) two_levels: bool,
    /// The inner document comes as an object.
    pub(super) as_object: bool,
    /// Answers leave it out.
    pub(super) omitted: bool,
}

impl Waybill {
    pub(super) fn last_event(&self) -> i64 {
        self.acts.iter().map(|act| act.at).max().unwrap_or(0)
    }
}

/// A waybill that was found.
pub(super) struct Known {
    pub(super) number: Cow<'static, str>,
    pub(super) waybill: &'static Waybill,
    pub(super) acts: Cow<'static, [Act]>,
}

impl From<&'static Waybill> for Known {
    fn from(waybill: &'static Waybill) -> Self {
        Self {
            number: Cow::Borrowed(waybill.number),
            waybill,
            acts: Cow::Borrowed(waybill.acts),
        }
    }
}

impl Known {
    /// What has happened by now, oldest first.
    pub(super) fn routes(&self, clock: &Clock, now: Timestamp) -> Vec<Value> {
        let acts = self.acts.iter();
        acts.filter(|act| clock.minutes_from_start(act.at) <= now)
            .map(|act| act.render(clock, self.waybill.two_levels))
            .collect()
    }
}
