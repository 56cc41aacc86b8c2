//! Owns a DHL parcel as data and its JSON in the form of the Unified Tracking API (spec 1.4.1).
//! Does not know which parcels exist nor who may ask.

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::clock::{Clock, local};

/// A place as DHL words it.
pub(super) struct Place {
    pub(super) locality: &'static str,
    pub(super) country: &'static str,
    pub(super) postal_code: Option<&'static str>,
    pub(super) zone: &'static str,
}

/// How a division writes times.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Times {
    /// Local time with its offset.
    Offset,
    /// Local time with no offset.
    Local,
    /// Local time marked `Z`, as clients of the express division report.
    LocalMarkedZulu,
    /// Local time with its offset where there is a place, without one where there is none.
    Mixed,
    /// Local day only.
    Day,
}

/// One event; `at` is minutes from the start of the scenarios.
#[derive(Clone, Copy)]
pub(super) struct Event {
    pub(super) at: i64,
    place: Option<&'static Place>,
    code: Option<&'static str>,
    status: Option<&'static str>,
    description: Option<&'static str>,
    pieces: &'static [&'static str],
    remark: Option<&'static str>,
    next_steps: Option<&'static str>,
}

impl Event {
    pub(super) const fn new(at: i64, code: &'static str, description: &'static str) -> Self {
        Self {
            at,
            place: None,
            code: Some(code),
            status: None,
            description: Some(description),
            pieces: &[],
            remark: None,
            next_steps: None,
        }
    }

    pub(super) const fn place(self, place: &'static Place) -> Self {
        Self {
            place: Some(place),
            ..self
        }
    }

    pub(super) const fn no_code(self) -> Self {
        Self { code: None, ..self }
    }

    /// The division's own status beside the description.
    pub(super) const fn status(self, status: &'static str) -> Self {
        Self {
            status: Some(status),
            ..self
        }
    }

    /// The text is in `status` and there is no description.
    pub(super) const fn only_status(self) -> Self {
        Self {
            status: self.description,
            description: None,
            ..self
        }
    }

    pub(super) const fn pieces(self, pieces: &'static [&'static str]) -> Self {
        Self { pieces, ..self }
    }

    pub(super) const fn remark(self, remark: &'static str, next_steps: &'static str) -> Self {
        Self {
            remark: Some(remark),
            next_steps: Some(next_steps),
            ..self
        }
    }

    fn render(&self, parcel: &Parcel, clock: &Clock) -> Value {
        let mut json = Map::new();
        json.insert("timestamp".to_owned(), json!(self.timestamp(parcel, clock)));
        if let Some(place) = self.place {
            json.insert("location".to_owned(), json!({ "address": address(place) }));
        }
        for (key, text) in [
            ("statusCode", self.code),
            ("status", self.status),
            ("description", self.description),
            ("remark", self.remark),
            ("nextSteps", self.next_steps),
        ] {
            if let Some(text) = text {
                json.insert(key.to_owned(), json!(text));
            }
        }
        if !self.pieces.is_empty() {
            json.insert("pieceIds".to_owned(), json!(self.pieces));
        }
        Value::Object(json)
    }

    fn timestamp(&self, parcel: &Parcel, clock: &Clock) -> String {
        let zone = self.place.map_or(parcel.origin.zone, |place| place.zone);
        let form = match parcel.times {
            Times::Offset => "%Y-%m-%dT%H:%M:%S%:z",
            Times::Mixed if self.place.is_some() => "%Y-%m-%dT%H:%M:%S%:z",
            Times::Local | Times::Mixed => "%Y-%m-%dT%H:%M:%S",
            Times::LocalMarkedZulu => "%Y-%m-%dT%H:%M:%SZ",
            Times::Day => "%Y-%m-%d",
        };
        local(clock.minutes_from_start(self.at), zone)
            .strftime(form)
            .to_string()
    }
}

/// How references are written.
#[derive(Clone, Copy)]
pub(super) enum References {
    None,
    /// One object instead of an array, as the spec's own example has it.
    Bare(&'static str, &'static str),
    List(&'static [(&'static str, &'static str)]),
}

/// A parcel; events are in the order in which they happen.
#[derive(Clone, Copy)]
pub(super) struct Parcel {
    pub(super) number: &'static str,
    /// The id comes as a JSON number.
    pub(super) numeric_id: bool,
    pub(super) service: &'static str,
    pub(super) product: &'static str,
    pub(super) origin: &'static Place,
    pub(super) destination: &'static Place,
    /// Full data only for who knows this postal code (parcel-de, parcel-nl).
    pub(super) locked_by: Option<&'static str>,
    pub(super) pieces: &'static [&'static str],
    pub(super) weight: Option<(f64, &'static str)>,
    pub(super) references: References,
    pub(super) times: Times,
    pub(super) events: &'static [Event],
    /// Status block shown instead of the newest event.
    pub(super) status: Option<Event>,
    /// Expected delivery, minutes from the start.
    pub(super) due: Option<i64>,
    /// Who signed, shown once the last event has happened.
    pub(super) signed_by: Option<&'static str>,
}

/// A parcel that may have been made for the number asked.
pub(super) struct Known {
    pub(super) number: Cow<'static, str>,
    pub(super) events: Cow<'static, [Event]>,
    pub(super) parcel: Parcel,
}

impl From<&Parcel> for Known {
    fn from(parcel: &Parcel) -> Self {
        let (number, events) = (Cow::Borrowed(parcel.number), Cow::Borrowed(parcel.events));
        Self {
            number,
            events,
            parcel: *parcel,
        }
    }
}

impl Known {
    /// The parcel as known at an instant; `None` before its first event.
    pub(super) fn render(
        &self,
        clock: &Clock,
        now: Timestamp,
        postal_code: Option<&str>,
    ) -> Option<Value> {
        let happened = |event: &&Event| clock.minutes_from_start(event.at) <= now;
        let events: Vec<&Event> = self.events.iter().rev().filter(happened).collect();
        let newest = *events.first()?;
        let complete = events.len() == self.events.len();
        let parcel = &self.parcel;
        let open = parcel
            .locked_by
            .is_none_or(|lock| postal_code == Some(lock));

        let mut json = Map::new();
        json.insert("id".to_owned(), self.id());
        json.insert("service".to_owned(), json!(parcel.service));
        json.insert(
            "origin".to_owned(),
            json!({ "address": address(parcel.origin) }),
        );
        let mut destination = address(parcel.destination);
        if !open {
            destination.remove("postalCode");
        }
        json.insert("destination".to_owned(), json!({ "address": destination }));
        json.insert(
            "status".to_owned(),
            parcel.status.unwrap_or(*newest).render(parcel, clock),
        );
        if let Some(due) = parcel.due.filter(|_| !complete) {
            let due = local(clock.minutes_from_start(due), parcel.destination.zone);
            let due = due.strftime("%Y-%m-%dT%H:%M:%S").to_string();
            json.insert("estimatedTimeOfDelivery".to_owned(), json!(due));
        }
        json.insert(
            "details".to_owned(),
            self.details(clock, complete && open, open),
        );
        let events: Vec<Value> = events
            .iter()
            .map(|event| event.render(parcel, clock))
            .collect();
        json.insert("events".to_owned(), json!(events));
        Some(Value::Object(json))
    }

    fn id(&self) -> Value {
        match self.number.parse::<u64>() {
            Ok(id) if self.parcel.numeric_id => json!(id),
            _ => json!(self.number),
        }
    }

    fn details(&self, clock: &Clock, proven: bool, open: bool) -> Value {
        let parcel = &self.parcel;
        let mut json = Map::new();
        json.insert(
            "product".to_owned(),
            json!({ "productName": parcel.product }),
        );
        if !parcel.pieces.is_empty() {
            json.insert("totalNumberOfPieces".to_owned(), json!(parcel.pieces.len()));
            json.insert("pieceIds".to_owned(), json!(parcel.pieces));
        }
        if let Some((value, unit)) = parcel.weight {
            json.insert(
                "weight".to_owned(),
                json!({ "value": value, "unitText": unit }),
            );
        }
        match parcel.references {
            References::None => {}
            References::Bare(kind, number) => {
                json.insert(
                    "references".to_owned(),
                    json!({ "number": number, "type": kind }),
                );
            }
            References::List(list) => {
                let list: Vec<Value> = list
                    .iter()
                    .map(|(kind, number)| json!({ "number": number, "type": kind }))
                    .collect();
                json.insert("references".to_owned(), json!(list));
            }
        }
        if parcel.locked_by.is_some() && open {
            json.insert("receiver".to_owned(), json!({ "name": "Robin Muster" }));
        }
        if let (Some(name), Some(last), true) = (parcel.signed_by, self.events.last(), proven) {
            let proof = json!({
                "timestamp": last.timestamp(parcel, clock),
                "signatureUrl": "https://carrier.invalid/proof/signature",
                "documentUrl": "https://carrier.invalid/proof/document",
                "signed": { "type": "Person", "name": name },
            });
            json.insert("proofOfDelivery".to_owned(), proof);
            json.insert("proofOfDeliverySignedAvailable".to_owned(), json!(true));
        }
        Value::Object(json)
    }
}

fn address(place: &Place) -> Map<String, Value> {
    let mut json = Map::new();
    json.insert("countryCode".to_owned(), json!(place.country));
    if let Some(postal_code) = place.postal_code {
        json.insert("postalCode".to_owned(), json!(postal_code));
    }
    json.insert("addressLocality".to_owned(), json!(place.locality));
    json
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::super::scripts;

    #[test]
    fn every_place_has_a_known_zone_and_events_are_in_order() {
        for parcel in scripts::all().flat_map(|script| script.parcels) {
            assert!(
                parcel.events.is_sorted_by_key(|event| event.at),
                "{}",
                parcel.number
            );
            let places = parcel.events.iter().filter_map(|event| event.place);
            for place in places.chain([parcel.origin, parcel.destination]) {
                assert!(TimeZone::get(place.zone).is_ok(), "{}", place.locality);
            }
        }
    }
}
