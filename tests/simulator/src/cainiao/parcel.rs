//! Owns a parcel as data and its JSON in the form of each interface. Knows no HTTP.

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use crate::clock::{Clock, local};

/// The zone of the platform.
const BEIJING: &str = "Asia/Shanghai";

/// One event; `at` is minutes from the start of the scenarios.
#[derive(Clone, Copy)]
pub(super) struct Act {
    pub(super) at: i64,
    code: &'static str,
    /// Coarse group of the European last mile.
    group: &'static str,
    text: &'static str,
    zone: &'static str,
}

impl Act {
    pub(super) const fn new(
        at: i64,
        zone: &'static str,
        code: &'static str,
        group: &'static str,
        text: &'static str,
    ) -> Self {
        Self {
            at,
            code,
            group,
            text,
            zone,
        }
    }
}

/// How the public page stamps the events of a parcel.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stamps {
    /// Wall clock and zone of each place.
    Zones,
    /// Wall clocks of the places, all called Beijing time.
    AllBeijing,
}

/// A parcel.
pub(super) struct Parcel {
    pub(super) number: &'static str,
    pub(super) destination: &'static str,
    /// Carrier and number of the last mile, from a moment on.
    pub(super) last_mile: Option<(i64, &'static str, &'static str)>,
    /// Number that replaced the first, from a moment on.
    pub(super) renumbered: Option<(i64, &'static str)>,
    /// Shop where it waits.
    pub(super) station: Option<(&'static str, &'static str)>,
    pub(super) stamps: Stamps,
    pub(super) acts: &'static [Act],
}

/// A parcel that is known under a number.
pub(super) struct Known {
    pub(super) number: Cow<'static, str>,
    pub(super) acts: Cow<'static, [Act]>,
    pub(super) parcel: &'static Parcel,
}

impl Known {
    pub(super) fn of(parcel: &'static Parcel) -> Self {
        Self {
            number: Cow::Borrowed(parcel.number),
            acts: Cow::Borrowed(parcel.acts),
            parcel,
        }
    }

    /// What has happened, newest first.
    fn past<'a>(
        &'a self,
        clock: &'a Clock,
        now: Timestamp,
    ) -> impl Iterator<Item = (&'a Act, Timestamp)> {
        let at = |act: &'a Act| (act, clock.minutes_from_start(act.at));
        self.acts
            .iter()
            .rev()
            .map(at)
            .filter(move |(_, at)| *at <= now)
    }

    /// The European last mile; `None` while nothing has happened.
    pub(super) fn overseas(&self, clock: &Clock, now: Timestamp) -> Option<Value> {
        let status = |(act, at): (&Act, Timestamp)| {
            let wall = local(at, act.zone);
            let hours = wall.offset().seconds() / 3_600;
            json!({
                "mailNo": self.number,
                "datetime": format!("{} UTC{hours:+}", wall.strftime("%Y-%m-%d %H:%M:%S")),
                "actionCode": act.code,
                "statusName": act.text,
                "statusGroup": act.group,
                "description": act.text,
                "opTimestamp": at.as_millisecond().to_string(),
            })
        };
        let statuses: Vec<Value> = self.past(clock, now).map(status).collect();
        if statuses.is_empty() {
            return None;
        }
        let mut body = Map::new();
        body.insert("success".to_owned(), json!("true"));
        body.insert(
            "packageParam".to_owned(),
            json!({
                "trackingNumber": self.number,
                "toCity": "Testville",
                "dimWeight": { "weight": "740", "weightUnit": "g" },
            }),
        );
        if let Some((name, address)) = self.parcel.station {
            body.insert(
                "popStationParam".to_owned(),
                json!({ "stationName": name, "detailAddress": address }),
            );
        }
        body.insert("statuses".to_owned(), Value::Array(statuses));
        Some(Value::Object(body))
    }

    /// A parcel of the public page.
    pub(super) fn module(&self, clock: &Clock, now: Timestamp) -> Value {
        let trace = |(act, at): (&Act, Timestamp)| {
            let wall = local(at, act.zone);
            let text = wall.strftime("%Y-%m-%d %H:%M:%S").to_string();
            let zone = match self.parcel.stamps {
                Stamps::AllBeijing => "GMT+08:00".to_owned(),
                Stamps::Zones => format!("GMT{:+}", wall.offset().seconds() / 3_600),
            };
            // The epoch is the wall clock read as Beijing's, whatever the zone is.
            let beijing = TimeZone::get(BEIJING).unwrap_or(TimeZone::UTC);
            let epoch = wall
                .datetime()
                .to_zoned(beijing)
                .map_or(0, |wall| wall.timestamp().as_second() * 1_000);
            json!({
                "time": epoch,
                "timeStr": text,
                "timeZone": zone,
                "desc": act.text,
                "standerdDesc": act.text,
                "descTitle": "Carrier note:",
                "actionCode": act.code,
            })
        };
        let traces: Vec<Value> = self.past(clock, now).map(trace).collect();
        let since = |minutes: i64| clock.minutes_from_start(minutes) <= now;
        let mut module = Map::new();
        let mut set = |key: &str, value: Value| module.insert(key.to_owned(), value);
        set("mailNo", json!(self.number));
        set("mailNoSource", json!("AE"));
        set("originCountry", json!("Mainland China"));
        set("destCountry", json!(self.parcel.destination));
        set("status", json!("DELIVERING"));
        set("statusDesc", json!("In transit "));
        if let Some((at, carrier, number)) = self.parcel.last_mile
            && since(at)
        {
            set("copyRealMailNo", json!(number));
            set("realMailNo", json!(format!("{carrier} {number}")));
            let url = "https://carrier.invalid";
            set(
                "destCpInfo",
                json!({ "cpName": carrier, "phone": "", "url": url }),
            );
        } else if let Some((at, number)) = self.parcel.renumbered
            && since(at)
        {
            set(
                "realMailNo",
                json!(format!("Latest Tracking Number:\t{number}")),
            );
        }
        if let Some(latest) = traces.first() {
            set("latestTrace", latest.clone());
        }
        set("detailList", Value::Array(traces));
        Value::Object(module)
    }

    /// The content of a TRACEPUSH with everything that has happened, oldest first.
    pub(super) fn pushed(&self, clock: &Clock, now: Timestamp) -> Value {
        let trace = |(act, at): (&Act, Timestamp)| {
            let wall = local(at, act.zone);
            let next = self.parcel.last_mile.filter(|next| next.0 <= act.at);
            json!({
                "time": wall.strftime("%Y-%m-%d %H:%M:%S").to_string(),
                "tz": format!("{:+}", wall.offset().seconds() / 3_600),
                "desc": act.text,
                "action": act.code,
                "facilityType": "2",
                "facilityNo": "9001",
                "facilityName": "Simulated hub",
                "nextTpCode": next.map_or("", |next| next.1),
                "nextMailNo": next.map_or("", |next| next.2),
            })
        };
        let mut traces: Vec<Value> = self.past(clock, now).map(trace).collect();
        traces.reverse();
        json!({ "tracesList": {
            "logisticProviderID": "SIMULATEDCP",
            "mailNos": self.number,
            "txLogisticID": "",
            "traces": traces,
        } })
    }
}
