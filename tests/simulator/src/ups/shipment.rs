//! Owns a UPS shipment as data and its JSON in the form of the Tracking API (Tracking.yaml).
//! Does not know who may ask. Numbers and flags are strings where UPS has strings.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp, Zoned};
use serde_json::{Map, Value, json};

use super::{load, scripts};
use crate::clock::{Clock, local};

/// A place as UPS words it.
pub(super) struct Place {
    pub(super) city: &'static str,
    pub(super) state: Option<&'static str>,
    pub(super) country: &'static str,
    pub(super) slic: &'static str,
    pub(super) zone: &'static str,
}

impl Place {
    fn address(&self) -> Value {
        let mut address = json!({
            "city": self.city,
            "countryCode": self.country,
            "country": self.country,
        });
        if let Some(state) = self.state {
            address["stateProvince"] = json!(state);
        }
        address
    }
}

/// One activity; `at` is minutes from the start of the scenarios.
#[derive(Clone, Copy)]
pub(super) struct Act {
    pub(super) at: i64,
    place: &'static Place,
    kind: &'static str,
    code: &'static str,
    status_code: &'static str,
    text: &'static str,
    logical: bool,
    gmt_ahead: i64,
}

impl Act {
    pub(super) const fn new(
        at: i64,
        place: &'static Place,
        kind: &'static str,
        code: &'static str,
        status_code: &'static str,
        text: &'static str,
    ) -> Self {
        Self {
            at,
            place,
            kind,
            code,
            status_code,
            text,
            logical: false,
            gmt_ahead: 0,
        }
    }

    /// A data event without a scan.
    pub(super) const fn logical(self) -> Self {
        Self {
            logical: true,
            ..self
        }
    }

    /// It happens elsewhere.
    pub(super) const fn at(self, place: &'static Place) -> Self {
        Self { place, ..self }
    }

    /// The UTC fields contradict the local ones by so many minutes.
    pub(super) const fn gmt_ahead(self, minutes: i64) -> Self {
        Self {
            gmt_ahead: minutes,
            ..self
        }
    }

    fn local(&self, clock: &Clock) -> Zoned {
        local(clock.minutes_from_start(self.at), self.place.zone)
    }

    fn delivered(&self) -> bool {
        self.status_code == "011"
    }

    fn render(&self, clock: &Clock, old_form: bool) -> Value {
        let label = self.kind.starts_with('M');
        let location = if label {
            json!({ "address": { "countryCode": self.place.country, "country": self.place.country } })
        } else {
            json!({ "address": self.place.address(), "slic": self.place.slic })
        };
        let mut status = json!({ "type": self.kind, "description": self.text, "code": self.code });
        if !self.status_code.is_empty() {
            status["statusCode"] = json!(self.status_code);
        }
        let local = self.local(clock);
        let mut json = json!({
            "location": location,
            "status": status,
            "date": day(&local),
            "time": time(&local),
        });
        if !old_form {
            let ahead = SignedDuration::from_mins(self.gmt_ahead);
            let utc = local
                .timestamp()
                .checked_add(ahead)
                .unwrap_or(Timestamp::MAX);
            json["gmtDate"] = json!(utc.strftime("%Y%m%d").to_string());
            json["gmtTime"] = json!(utc.strftime("%H:%M:%S").to_string());
            json["gmtOffset"] = json!(local.strftime("%:z").to_string());
        }
        if self.logical {
            json["logicalScan"] = json!(true);
        }
        json
    }
}

/// One package; activities are in the order in which they happen.
pub(super) struct Package {
    pub(super) number: &'static str,
    pub(super) acts: &'static [Act],
    /// Promised delivery, minutes from the start.
    pub(super) due: Option<i64>,
    /// From when on another delivery is promised, and which.
    pub(super) moved: Option<(i64, i64)>,
    /// Who took it and where.
    pub(super) received: Option<(&'static str, &'static str)>,
    /// A partner's number and its kind.
    pub(super) alternate: Option<(&'static str, &'static str)>,
    /// Last day at the access point, minutes from the start, shown from the deposit on.
    pub(super) pickup_by: Option<i64>,
}

/// One shipment.
pub(super) struct Shipment {
    pub(super) packages: &'static [Package],
    pub(super) service: [&'static str; 3],
    pub(super) origin: &'static Place,
    pub(super) destination: &'static Place,
    /// The form of before the UTC fields.
    pub(super) old_form: bool,
    /// Asking for the lead number gives every package.
    pub(super) together: bool,
}

impl Shipment {
    /// Minutes from the start to the last activity.
    pub(super) fn last_event(&self) -> i64 {
        let all = self.packages.iter().flat_map(|package| package.acts.iter());
        all.map(|act| act.at).max().unwrap_or(0)
    }
}

/// What a caller wants besides the activities.
#[derive(Clone, Copy)]
pub(super) struct Extras {
    pub(super) milestones: bool,
    pub(super) signature: bool,
    pub(super) pod: bool,
}

/// A package that may have been made for the number asked.
pub(super) struct Known {
    pub(super) number: Cow<'static, str>,
    pub(super) acts: Cow<'static, [Act]>,
    pub(super) package: &'static Package,
}

/// A shipment and which of its packages was asked for.
pub(super) struct Found {
    pub(super) shipment: &'static Shipment,
    pub(super) packages: Vec<Known>,
    pub(super) asked: usize,
}

impl Found {
    pub(super) fn find(number: &str) -> Option<Self> {
        load::find(number).or_else(|| {
            scripts::all().find_map(|script| {
                let packages = script.shipment.packages;
                let asked = packages
                    .iter()
                    .position(|package| package.number == number)?;
                let known = |package: &'static Package| Known {
                    number: Cow::Borrowed(package.number),
                    acts: Cow::Borrowed(package.acts),
                    package,
                };
                let packages = packages.iter().map(known).collect();
                Some(Self {
                    shipment: script.shipment,
                    packages,
                    asked,
                })
            })
        })
    }

    /// The shipment as known at an instant; `None` before the first activity of the package asked for.
    ///
    /// Without a page: the package asked for, or all of them where UPS gives all.
    pub(super) fn render(
        &self,
        clock: &Clock,
        now: Timestamp,
        page: Option<(usize, usize)>,
        extras: Extras,
    ) -> Option<Value> {
        let asked = self.packages.get(self.asked)?;
        let known = |package: &&Known| package.known(clock, now);
        if !known(&asked) {
            return None;
        }
        let all: Vec<&Known> = self.packages.iter().filter(known).collect();
        let chosen: Vec<&Known> = match page {
            Some((offset, count)) => all.iter().skip(offset).take(count).copied().collect(),
            None if self.shipment.together && self.asked == 0 => all,
            None => vec![asked],
        };
        let packages: Vec<Value> = chosen
            .iter()
            .map(|package| self.package(package, clock, now, extras))
            .collect();
        let mut json = json!({ "inquiryNumber": asked.number, "package": packages });
        if !self.shipment.old_form {
            json["userRelation"] = json!(["MYC_BUS_OUTBOUND"]);
            let first = asked.acts.first()?;
            json["pickupDate"] = json!(day(&first.local(clock)));
        }
        Some(json)
    }

    fn package(&self, known: &Known, clock: &Clock, now: Timestamp, extras: Extras) -> Value {
        let Shipment {
            service,
            origin,
            destination,
            old_form,
            ..
        } = *self.shipment;
        let happened = |act: &&Act| clock.minutes_from_start(act.at) <= now;
        let acts: Vec<&Act> = known.acts.iter().rev().filter(happened).collect();
        let activity: Vec<Value> = acts.iter().map(|act| act.render(clock, old_form)).collect();
        let mut json = Map::new();
        json.insert("trackingNumber".to_owned(), json!(known.number));
        json.insert("activity".to_owned(), json!(activity));
        json.insert("packageCount".to_owned(), json!(self.packages.len()));
        let Some(newest) = acts.first() else {
            return Value::Object(json);
        };
        json.extend(known.delivery(newest, clock, now, destination));
        if old_form {
            return Value::Object(json);
        }
        let status = json!({ "description": newest.text.trim(), "code": newest.status_code });
        json.insert("currentStatus".to_owned(), status);
        let addresses = json!([
            { "type": "ORIGIN", "address": origin.address() },
            { "type": "DESTINATION", "name": "", "attentionName": "", "address": destination.address() },
        ]);
        json.insert("packageAddress".to_owned(), addresses);
        let [code, level, description] = service;
        let service = json!({ "code": code, "levelCode": level, "description": description });
        json.insert("service".to_owned(), service);
        let weight = json!({ "unitOfMeasurement": "LBS", "weight": "3.20" });
        json.insert("weight".to_owned(), weight);
        let reference = json!([{ "type": "SHIPMENT", "number": "ORDER 51300" }]);
        json.insert("referenceNumber".to_owned(), reference);
        if let Some((kind, number)) = known.package.alternate {
            let alternate = json!([{ "type": kind, "number": number }]);
            json.insert("alternateTrackingNumber".to_owned(), alternate);
        }
        if newest.delivered() {
            json.extend(known.information(extras));
        }
        if let (Some(last_day), "161") = (known.package.pickup_by, newest.status_code) {
            let last_day = local(clock.minutes_from_start(last_day), destination.zone);
            let deadline = json!({ "pickupByDate": day(&last_day) });
            json.insert("accessPointInformation".to_owned(), deadline);
        }
        if extras.milestones {
            json.insert("milestones".to_owned(), milestones(&acts));
        }
        Value::Object(json)
    }
}

impl Known {
    fn known(&self, clock: &Clock, now: Timestamp) -> bool {
        self.acts
            .iter()
            .any(|act| clock.minutes_from_start(act.at) <= now)
    }

    fn delivery(
        &self,
        newest: &Act,
        clock: &Clock,
        now: Timestamp,
        destination: &Place,
    ) -> Map<String, Value> {
        let mut json = Map::new();
        let (kind, at, time) = if newest.delivered() {
            let at = newest.local(clock);
            let time = json!({ "type": "DEL", "endTime": time(&at) });
            ("DEL", at, time)
        } else {
            let moved = self.package.moved;
            let moved = moved.filter(|(from, _)| clock.minutes_from_start(*from) <= now);
            let window = json!({ "type": "EDW", "startTime": "100000", "endTime": "140000" });
            let day = json!({ "type": "EOD", "endTime": "190000" });
            let (kind, due, time) = match (moved, self.package.due) {
                (Some((_, due)), _) => ("RDD", due, window),
                (None, Some(due)) => ("SDD", due, day),
                (None, None) => return json,
            };
            (
                kind,
                local(clock.minutes_from_start(due), destination.zone),
                time,
            )
        };
        json.insert(
            "deliveryDate".to_owned(),
            json!([{ "type": kind, "date": day(&at) }]),
        );
        json.insert("deliveryTime".to_owned(), time);
        json
    }

    fn information(&self, extras: Extras) -> Option<(String, Value)> {
        let (by, place) = self.package.received?;
        let mut json = json!({ "receivedBy": by, "location": place });
        if extras.signature {
            // The smallest GIF there is.
            json["signature"] = json!({ "image": STANDARD.encode(b"GIF89a\x01\0\x01\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\0;") });
        }
        if extras.pod {
            json["pod"] = json!({ "content": STANDARD.encode("<html><body>Proof of delivery</body></html>") });
        }
        Some(("deliveryInformation".to_owned(), json))
    }
}

fn milestones(acts: &[&Act]) -> Value {
    let steps: [(&str, &str, &[&str]); 4] = [
        ("001", "Label Created", &["003"]),
        ("005", "On the Way", &["005", "038", "160"]),
        ("021", "Out for Delivery", &["021"]),
        ("011", "Delivered", &["011"]),
    ];
    let linked = |codes: &[&str]| acts.iter().position(|act| codes.contains(&act.status_code));
    let current = steps
        .iter()
        .rposition(|(_, _, codes)| linked(codes).is_some());
    let render = |(index, (code, description, codes)): (usize, &(&str, &str, &[&str]))| {
        let mut json = json!({
            "category": "MILESTONE",
            "code": code,
            "current": current == Some(index),
            "description": description,
            "state": "This step has not been reached",
        });
        if let Some(activity) = linked(codes) {
            json["linkedActivity"] = json!(activity.to_string());
            json["state"] = json!("This step has been reached");
        }
        json
    };
    steps.iter().enumerate().map(render).collect()
}

fn day(at: &Zoned) -> String {
    at.strftime("%Y%m%d").to_string()
}

fn time(at: &Zoned) -> String {
    at.strftime("%H%M%S").to_string()
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;

    #[test]
    fn every_place_has_a_known_zone_and_activities_are_in_order() {
        for package in scripts::all().flat_map(|script| script.shipment.packages) {
            assert!(
                package.acts.is_sorted_by_key(|act| act.at),
                "{}",
                package.number
            );
            for act in package.acts {
                assert!(TimeZone::get(act.place.zone).is_ok(), "{}", act.place.city);
            }
        }
    }
}
