//! Owns an item of mail as data and its JSON in the forms of v3 and v3r2. Does not know who may ask.

use std::borrow::Cow;

use jiff::{Timestamp, Zoned};
use serde_json::{Map, Value, json};

use super::{load, scripts};
use crate::clock::{Clock, local};

/// A place as USPS words it; at home it has no country.
pub(super) struct Place {
    pub(super) city: &'static str,
    pub(super) state: &'static str,
    pub(super) zip: &'static str,
    pub(super) country: &'static str,
    pub(super) zone: &'static str,
}

/// What the three clock fields say.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Clocks {
    Agree,
    /// The UTC time of day with the local date.
    DayEarly,
    LocalOnly,
}

/// One event; `at` is minutes from the start of the scenarios.
#[derive(Clone, Copy)]
pub(super) struct Act {
    at: i64,
    place: &'static Place,
    code: Option<&'static str>,
    text: &'static str,
    /// Category of the item while this is its newest event.
    category: &'static str,
    clocks: Clocks,
}

impl Act {
    pub(super) const fn new(
        at: i64,
        place: &'static Place,
        code: &'static str,
        text: &'static str,
        category: &'static str,
    ) -> Self {
        Self {
            at,
            place,
            code: Some(code),
            text,
            category,
            clocks: Clocks::Agree,
        }
    }

    /// An event whose code is null, as those of customs.
    pub(super) const fn uncoded(self) -> Self {
        Self { code: None, ..self }
    }

    /// The UTC field has the local date.
    pub(super) const fn day_early(self) -> Self {
        Self {
            clocks: Clocks::DayEarly,
            ..self
        }
    }

    /// The form of before the UTC fields.
    pub(super) const fn local_only(self) -> Self {
        Self {
            clocks: Clocks::LocalOnly,
            ..self
        }
    }

    fn local(&self, clock: &Clock) -> Zoned {
        local(clock.minutes_from_start(self.at), self.place.zone)
    }

    fn render(&self, clock: &Clock, form: Form) -> Value {
        let wall = self.local(clock);
        let utc = wall.timestamp();
        let place = self.place;
        let text = |text: &str| match text {
            "" => Value::Null,
            text => json!(text),
        };
        let mut json = json!({
            "eventType": self.text,
            // The wall clock of the place, with a Z that is not true.
            "eventTimestamp": wall.strftime("%Y-%m-%dT%H:%M:00Z").to_string(),
            "eventCountry": text(place.country),
            "eventCity": text(place.city),
            "eventState": text(place.state),
            "firm": null,
            "name": null,
            "authorizedAgent": "false",
            "eventCode": self.code,
            "actionCode": null,
            "reasonCode": null,
        });
        json[form.zip("event")] = text(place.zip);
        let date = match self.clocks {
            Clocks::LocalOnly => return json,
            Clocks::Agree => utc.strftime("%Y-%m-%d").to_string(),
            Clocks::DayEarly => wall.strftime("%Y-%m-%d").to_string(),
        };
        json["GMTTimestamp"] = json!(format!("{date}T{}", utc.strftime("%H:%M:17Z")));
        let minutes = wall.offset().seconds() / 60;
        let sign = if minutes < 0 { '-' } else { '+' };
        let (hours, rest) = (minutes.abs() / 60, minutes.abs() % 60);
        json["GMTOffset"] = json!(format!("{sign}{hours}:{rest:02}"));
        json
    }
}

/// One item; events are in the order in which they happen.
pub(super) struct Item {
    pub(super) acts: &'static [Act],
    pub(super) service: &'static str,
    pub(super) origin: &'static Place,
    pub(super) destination: &'static Place,
    /// Expected delivery, minutes from the start.
    pub(super) due: Option<i64>,
    /// Last day before it goes back, minutes from the start; shown while it waits.
    pub(super) goes_back: Option<i64>,
    /// From when on it is announced without an event, minutes from the start.
    pub(super) announced: Option<i64>,
    /// Overrides the category that the newest event gives.
    pub(super) category: Option<&'static str>,
    /// It is of another mailer, and not to be told.
    pub(super) of_another: bool,
}

impl Item {
    /// Minutes from the start to the last event.
    pub(super) fn last_event(&self) -> i64 {
        self.acts.iter().map(|act| act.at).max().unwrap_or(0)
    }
}

/// Which version asks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    V3,
    V3r2,
}

impl Form {
    /// Name of a field with a ZIP code.
    fn zip(self, of: &str) -> String {
        match self {
            Self::V3 => format!("{of}ZIP"),
            Self::V3r2 => format!("{of}ZIPCode"),
        }
    }
}

/// An item with its number, and its events so far.
pub(super) struct Known {
    number: String,
    item: &'static Item,
    /// Newest first, at least one.
    acts: Vec<Act>,
}

/// What is known of a number.
pub(super) enum Look {
    Found(Box<Known>),
    Announced,
    OfAnother,
    Nothing,
}

impl Known {
    pub(super) fn find(number: &str, clock: &Clock) -> Look {
        let now = clock.now();
        let past = |minutes: i64| clock.minutes_from_start(minutes) <= now;
        let script = scripts::SCRIPTS
            .iter()
            .find(|script| script.number == number);
        let (item, acts): (&Item, Cow<'static, [Act]>) = match (script, load::find(number)) {
            (Some(script), _) => (&script.item, script.item.acts.into()),
            (None, Some(acts)) => (&scripts::LOAD, acts.into()),
            (None, None) => return Look::Nothing,
        };
        if item.of_another {
            return Look::OfAnother;
        }
        let acts: Vec<Act> = acts
            .iter()
            .rev()
            .filter(|act| past(act.at))
            .copied()
            .collect();
        if acts.is_empty() {
            return match item.announced {
                Some(from) if past(from) => Look::Announced,
                _ => Look::Nothing,
            };
        }
        Look::Found(Box::new(Self {
            number: number.to_owned(),
            item,
            acts,
        }))
    }

    fn head(&self, clock: &Clock, form: Form) -> Map<String, Value> {
        let Item {
            service,
            origin,
            destination,
            category,
            ..
        } = self.item;
        let newest = &self.acts[0];
        let mut json = Map::new();
        let mut put = |key: &str, value: Value| json.insert(key.to_owned(), value);
        put("trackingNumber", json!(self.number));
        put("mailClass", json!(service));
        let inbound = !origin.country.is_empty();
        put("mailType", json!(if inbound { "II" } else { "DM" }));
        // The origin of mail from abroad is blank.
        let at_home = |text: &str| if inbound { Value::Null } else { json!(text) };
        put("originCity", at_home(origin.city));
        put("originState", at_home(origin.state));
        put(&form.zip("origin"), at_home(origin.zip));
        put("destinationCity", json!(destination.city));
        put("destinationState", json!(destination.state));
        put(&form.zip("destination"), json!(destination.zip));
        put("serviceTypeCode", json!("001"));
        put("services", json!(["USPS Tracking<SUP>&#174;</SUP>"]));
        let intake = self.acts.last().map(|act| act.local(clock));
        put("mailPieceIntakeDate", json!(intake.map(|at| day(&at))));
        let serial = self.number.bytes().map(u64::from).sum::<u64>();
        put("uniqueMailPieceId", json!(format!("{serial:019}")));
        put("status", json!(newest.text));
        put("statusCategory", json!(category.unwrap_or(newest.category)));
        put("statusSummary", json!(""));
        put("proofOfDeliveryEnabled", json!("false"));
        json
    }

    /// The whole answer.
    pub(super) fn detail(&self, clock: &Clock, form: Form) -> Value {
        let mut json = self.head(clock, form);
        let mut put = |key: &str, value: Value| json.insert(key.to_owned(), value);
        let here = |minutes: i64| -> Zoned {
            let at: Timestamp = clock.minutes_from_start(minutes);
            local(at, self.item.destination.zone)
        };
        if let Some(due) = self.item.due.map(here) {
            match form {
                Form::V3 => {
                    put(
                        "expectedDeliveryTimeStamp",
                        json!(format!("{}T20:00:00Z", day(&due))),
                    );
                    put("expectedDeliveryType", json!("Expected Delivery by"));
                }
                Form::V3r2 => {
                    let expectation = json!({
                        "expectedDeliveryDate": day(&due),
                        "predictedDeliveryDate": day(&due),
                        "guaranteedDeliveryDate": null,
                        "predictedDeliveryWindowStartTime": "12:15",
                        "predictedDeliveryWindowEndTime": "16:15",
                        "endOfDay": "9:00pm",
                    });
                    put("deliveryDateExpectation", expectation);
                }
            }
        }
        let waits = ["02", "16"].contains(&self.acts[0].code.unwrap_or_default());
        if let (Some(last), true) = (self.item.goes_back.map(here), waits) {
            put("returnDateNotice", json!(day(&last)));
        }
        let events: Vec<Value> = self
            .acts
            .iter()
            .map(|act| act.render(clock, form))
            .collect();
        put("trackingEvents", json!(events));
        Value::Object(json)
    }

    /// The short answer, with lines of words.
    pub(super) fn summary(&self, clock: &Clock) -> Value {
        let mut json = self.head(clock, Form::V3);
        let line = |act: &Act| {
            let at = act
                .local(clock)
                .strftime("%B %-d, %Y, %-I:%M %P")
                .to_string();
            format!(
                "{}, {at}, {}, {}",
                act.text, act.place.city, act.place.state
            )
        };
        let lines: Vec<String> = self.acts.iter().map(line).collect();
        json.insert("eventSummaries".to_owned(), json!(lines));
        Value::Object(json)
    }
}

fn day(at: &Zoned) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;

    #[test]
    fn every_place_has_a_known_zone_and_events_are_in_order() {
        for script in &scripts::SCRIPTS {
            let acts = script.item.acts;
            assert!(acts.is_sorted_by_key(|act| act.at), "{}", script.name);
            for act in acts {
                assert!(TimeZone::get(act.place.zone).is_ok(), "{}", act.place.city);
            }
        }
    }
}
