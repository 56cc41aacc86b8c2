//! Owns a tracking as data and its JSON in the form of the Tracking API v2.4. Does not know which
//! parcels exist nor what is registered.

use std::borrow::Cow;

use jiff::{SignedDuration, Timestamp, Zoned};
use serde_json::{Value, json};

use super::load;
use super::scripts::{self, Fate};
use crate::clock::{Clock, local};

const STAGES: [&str; 9] = [
    "InfoReceived",
    "PickedUp",
    "Departure",
    "Arrival",
    "AvailableForPickup",
    "OutForDelivery",
    "Delivered",
    "Returning",
    "Returned",
];

pub(super) struct Place {
    pub(super) country: &'static str,
    pub(super) state: Option<&'static str>,
    pub(super) city: &'static str,
    pub(super) zone: &'static str,
}

/// One row; `at` is minutes from the start of the scenarios.
#[derive(Clone, Copy)]
pub(super) struct Scan {
    pub(super) at: i64,
    place: Option<&'static Place>,
    text: &'static str,
    sub_status: &'static str,
    stage: Option<&'static str>,
    time: Time,
}

/// How a row states its time.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Time {
    /// In all three forms.
    Full,
    /// As the carrier showed it, and nothing else.
    RawOnly,
    /// The day alone.
    Day,
    /// Not at all.
    None,
}

impl Scan {
    pub(super) const fn new(
        at: i64,
        place: &'static Place,
        sub_status: &'static str,
        text: &'static str,
    ) -> Self {
        Self {
            at,
            place: Some(place),
            text,
            sub_status,
            stage: None,
            time: Time::Full,
        }
    }

    pub(super) const fn stage(self, stage: &'static str) -> Self {
        Self {
            stage: Some(stage),
            ..self
        }
    }

    pub(super) const fn raw_only(self) -> Self {
        Self {
            time: Time::RawOnly,
            ..self
        }
    }

    pub(super) const fn day(self) -> Self {
        Self {
            time: Time::Day,
            ..self
        }
    }

    pub(super) const fn undated(self) -> Self {
        Self {
            time: Time::None,
            place: None,
            ..self
        }
    }

    fn times(&self, leg: &Leg, clock: &Clock) -> [Value; 3] {
        let zone = self.place.map_or("UTC", |place| place.zone);
        let at = local(clock.minutes_from_start(self.at), zone);
        let (date, time) = (
            at.strftime("%Y-%m-%d").to_string(),
            at.strftime("%H:%M:%S").to_string(),
        );
        let raw = |date: Option<&str>, time: Option<&str>, zone: Option<&str>| json!({ "date": date, "time": time, "timezone": zone });
        match self.time {
            Time::None => [Value::Null, Value::Null, raw(None, None, None)],
            Time::RawOnly => [
                Value::Null,
                Value::Null,
                raw(Some(&date), Some(&time), None),
            ],
            Time::Day | Time::Full => {
                let offset = leg.offset(&at);
                let utc = leg.utc(&at);
                let (time, iso) = if self.time == Time::Day {
                    (None, format!("{date}T00:00:00{offset}"))
                } else {
                    (Some(time.as_str()), format!("{date}T{time}{offset}"))
                };
                let zone = (leg.zones == Zones::Stated).then_some(offset.as_str());
                [json!(iso), json!(utc), raw(Some(&date), time, zone)]
            }
        }
    }

    fn render(&self, leg: &Leg, clock: &Clock) -> Value {
        let [iso, utc, raw] = self.times(leg, clock);
        let words = self
            .place
            .map(|place| format!("{}, {}", place.city, place.country));
        let address = self
            .place
            .map_or_else(|| address(None), |p| address(Some(p)));
        json!({
            "time_iso": iso,
            "time_utc": utc,
            "time_raw": raw,
            "description": self.text,
            "description_translation": null,
            "location": words,
            "stage": self.stage,
            "sub_status": self.sub_status,
            "address": address,
        })
    }
}

/// Whose offsets a carrier's rows have.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Zones {
    /// The carrier states them.
    Stated,
    /// 17TRACK adds those of the places.
    Guessed,
    /// 17TRACK adds this one to every row.
    Stamped(&'static str),
    /// 17TRACK adds those of the places, and its UTC is half an hour off.
    HalfAnHourOff,
}

/// What one carrier says.
#[derive(Clone, Copy)]
pub(super) struct Leg {
    pub(super) key: u64,
    pub(super) name: &'static str,
    pub(super) country: &'static str,
    pub(super) language: Option<&'static str>,
    pub(super) zones: Zones,
    pub(super) scans: &'static [Scan],
}

impl Leg {
    fn offset(&self, at: &Zoned) -> String {
        match self.zones {
            Zones::Stamped(offset) => offset.to_owned(),
            _ => at.strftime("%:z").to_string(),
        }
    }

    fn utc(&self, at: &Zoned) -> String {
        let by = match self.zones {
            Zones::HalfAnHourOff => SignedDuration::from_mins(30),
            Zones::Stamped(offset) => {
                let sign = if offset.starts_with('-') { -1 } else { 1 };
                let hours: i64 = offset.get(1..3).and_then(|h| h.parse().ok()).unwrap_or(0);
                let own = i64::from(at.offset().seconds());
                SignedDuration::from_secs(own - sign * hours * 3_600)
            }
            _ => SignedDuration::ZERO,
        };
        let utc = at.timestamp().checked_add(by).unwrap_or(Timestamp::MAX);
        utc.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }
}

/// A number under its carrier.
pub(super) struct Record {
    pub(super) carrier: u64,
    pub(super) fate: Fate,
    pub(super) legs: Cow<'static, [Leg]>,
    /// Rows of the only leg, where they are made for the number.
    pub(super) made: Option<Vec<Scan>>,
    pub(super) origin: &'static Place,
    pub(super) destination: &'static Place,
    /// Main status shown instead of that of the newest row.
    pub(super) status: Option<&'static str>,
    /// Expected delivery, minutes from the start, and who expects it.
    pub(super) due: Option<(i64, &'static str)>,
}

impl Record {
    /// The record of a scripted number or of a load parcel.
    pub(super) fn find(number: &str) -> Option<Self> {
        let mut all = scripts::all();
        match all.find(|script| script.number == number) {
            Some(script) => Some(script.record()),
            None => Self::load(number),
        }
    }

    /// The record of a load parcel.
    pub(super) fn load(number: &str) -> Option<Self> {
        load::record(number)
    }

    /// `track_info` at an instant.
    pub(super) fn render(&self, clock: &Clock, now: Timestamp) -> Value {
        let mut legs: Vec<(&Leg, Vec<&Scan>)> = Vec::new();
        for leg in self.legs.iter() {
            let scans = self.made.as_deref().unwrap_or(leg.scans);
            let happened = |scan: &&Scan| clock.minutes_from_start(scan.at) <= now;
            let seen: Vec<&Scan> = scans.iter().filter(happened).collect();
            if !seen.is_empty() || legs.is_empty() {
                legs.push((leg, seen));
            }
        }
        // The newest leg first.
        legs.reverse();
        let dated = legs.iter().flat_map(|(leg, seen)| {
            let dated = seen.iter().rev().filter(|scan| scan.time != Time::None);
            dated.map(move |scan| (*leg, *scan))
        });
        let newest = dated.clone().max_by_key(|(_, scan)| scan.at);
        let sub_status = newest.map_or("NotFound_Other", |(_, scan)| scan.sub_status);
        let main = sub_status.split('_').next().unwrap_or_default();
        let milestones: Vec<Value> = STAGES
            .iter()
            .map(|stage| {
                let mut reached = dated.clone().filter(|(_, scan)| scan.stage == Some(stage));
                let [iso, utc, raw] = match reached.next() {
                    Some((leg, scan)) => scan.times(leg, clock),
                    None => no_times(),
                };
                json!({ "key_stage": stage, "time_iso": iso, "time_utc": utc, "time_raw": raw })
            })
            .collect();
        let providers: Vec<Value> = legs
            .iter()
            .map(|(leg, seen)| {
                let events = seen.iter().rev().map(|scan| scan.render(leg, clock));
                provider(leg, &events.collect::<Vec<_>>())
            })
            .collect();
        let due = self.due.map(|(at, source)| {
            let at = local(clock.minutes_from_start(at), self.destination.zone);
            (at.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(), source)
        });
        json!({
            "shipping_info": {
                "shipper_address": address(Some(self.origin)),
                "recipient_address": address(Some(self.destination)),
            },
            "latest_status": {
                "status": self.status.unwrap_or(main),
                "sub_status": sub_status,
                "sub_status_descr": null,
            },
            "latest_event": newest.map(|(leg, scan)| scan.render(leg, clock)),
            "time_metrics": {
                "days_after_order": null,
                "days_of_transit": 0,
                "estimated_delivery_date": {
                    "source": due.as_ref().map(|(_, source)| source),
                    "from": due.as_ref().map(|(at, _)| at),
                    "to": due.as_ref().map(|(at, _)| at),
                },
            },
            "milestone": milestones,
            "misc_info": {
                "risk_factor": 0, "service_type": null, "weight_raw": "1.25kg",
                "weight_kg": "1.25", "pieces": "1", "dimensions": null,
                "customer_number": null, "reference_number": null,
                "local_number": "", "local_provider": null, "local_key": 0,
            },
            "tracking": { "providers_hash": -1_304_417, "providers": providers },
        })
    }
}

/// `track_info` of a number that its carrier does not know.
pub(super) fn not_found(key: u64) -> Value {
    let leg = Leg {
        key,
        name: "Carrier",
        country: "",
        language: None,
        zones: Zones::Guessed,
        scans: &[],
    };
    let milestones: Vec<Value> = STAGES
        .iter()
        .map(|stage| {
            let [iso, utc, raw] = no_times();
            json!({ "key_stage": stage, "time_iso": iso, "time_utc": utc, "time_raw": raw })
        })
        .collect();
    json!({
        "shipping_info": {
            "shipper_address": address(None), "recipient_address": address(None),
        },
        "latest_status": {
            "status": "NotFound", "sub_status": "NotFound_Other", "sub_status_descr": null,
        },
        "latest_event": null,
        "milestone": milestones,
        "tracking": { "providers_hash": 0, "providers": [provider(&leg, &[])] },
    })
}

fn no_times() -> [Value; 3] {
    let raw = json!({ "date": null, "time": null, "timezone": null });
    [Value::Null, Value::Null, raw]
}

fn provider(leg: &Leg, events: &[Value]) -> Value {
    json!({
        "provider": {
            "key": leg.key, "name": leg.name, "alias": leg.name, "tel": null,
            "homepage": null, "country": leg.country,
        },
        "service_type": null,
        "latest_sync_status": "Success",
        "latest_sync_time": null,
        "provider_lang": leg.language,
        "provider_tips": null,
        "events_hash": events.len(),
        "events": events,
    })
}

fn address(place: Option<&Place>) -> Value {
    json!({
        "country": place.map(|place| place.country),
        "state": place.and_then(|place| place.state),
        "city": place.map(|place| place.city),
        "street": null,
        "postal_code": null,
        "coordinates": { "longitude": null, "latitude": null },
    })
}
