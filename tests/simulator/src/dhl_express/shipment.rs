//! Owns an express shipment as data and its JSON in the form of MyDHL API (document 3.1.1). Does not
//! know which shipments exist nor who may ask.

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::clock::{Clock, local};

/// A service area.
pub(super) struct Place {
    pub(super) code: &'static str,
    /// With the country behind a hyphen.
    pub(super) name: &'static str,
    pub(super) country: &'static str,
    pub(super) zone: &'static str,
}

/// A checkpoint; `at` is minutes from the start of the scenarios.
#[derive(Clone, Copy)]
pub(super) struct Event {
    pub(super) at: i64,
    pub(super) code: &'static str,
    pub(super) text: &'static str,
    pub(super) place: &'static Place,
    /// Pieces that it is about, by position; empty: all.
    pub(super) pieces: &'static [usize],
    /// Value and details.
    pub(super) remark: Option<(&'static str, &'static str)>,
}

/// A shipment; events are in the order in which they happen.
#[derive(Clone, Copy)]
pub(super) struct Shipment {
    pub(super) number: &'static str,
    /// When its data arrives, minutes from the start.
    pub(super) from: i64,
    pub(super) product: &'static str,
    pub(super) origin: &'static Place,
    pub(super) destination: &'static Place,
    pub(super) pieces: &'static [&'static str],
    pub(super) weight: f64,
    pub(super) imperial: bool,
    pub(super) reference: Option<&'static str>,
    /// Expected delivery, minutes from the start.
    pub(super) due: Option<i64>,
    pub(super) events: &'static [Event],
}

/// A shipment that may have been made for the number asked.
pub(super) struct Known {
    pub(super) number: Cow<'static, str>,
    pub(super) events: Cow<'static, [Event]>,
    pub(super) shipment: Shipment,
}

impl From<&Shipment> for Known {
    fn from(shipment: &Shipment) -> Self {
        Self {
            number: Cow::Borrowed(shipment.number),
            events: Cow::Borrowed(shipment.events),
            shipment: *shipment,
        }
    }
}

/// Which checkpoints are wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    All,
    WithRemarks,
    Last,
    None,
}

/// Where checkpoints are wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    Shipment,
    Piece,
    All,
}

/// What a request asks for.
pub(super) struct Wanted {
    pub(super) view: View,
    pub(super) detail: Detail,
    /// Each checkpoint with its offset.
    pub(super) offsets: bool,
}

impl Known {
    /// The shipment as known at an instant; `None` before its data has arrived.
    pub(super) fn render(&self, clock: &Clock, now: Timestamp, wanted: &Wanted) -> Option<Value> {
        let shipment = &self.shipment;
        if clock.minutes_from_start(shipment.from) > now {
            return None;
        }
        let happened = |event: &&Event| clock.minutes_from_start(event.at) <= now;
        let mut events: Vec<&Event> = self.events.iter().filter(happened).collect();
        match wanted.view {
            View::Last => drop(events.drain(..events.len().saturating_sub(1))),
            View::None => events.clear(),
            View::All | View::WithRemarks => {}
        }
        let done = self.events.last().is_some_and(|last| {
            matches!(last.code, "OK" | "DD") && clock.minutes_from_start(last.at) <= now
        });
        let mut json = Map::new();
        json.insert("shipmentTrackingNumber".to_owned(), json!(self.number));
        json.insert("status".to_owned(), json!("Success"));
        let begin = local(
            clock.minutes_from_start(shipment.from),
            shipment.origin.zone,
        );
        let begin = begin.strftime("%Y-%m-%dT%H:%M:%S").to_string();
        json.insert("shipmentTimestamp".to_owned(), json!(begin));
        json.insert("productCode".to_owned(), json!(shipment.product));
        json.insert("description".to_owned(), json!("SAMPLES"));
        json.insert("shipperDetails".to_owned(), party(shipment.origin));
        json.insert("receiverDetails".to_owned(), party(shipment.destination));
        json.insert("totalWeight".to_owned(), json!(shipment.weight));
        json.insert("unitOfMeasurements".to_owned(), json!(shipment.unit()));
        if let Some(reference) = shipment.reference {
            let references = json!([{ "value": reference, "typeCode": "CU" }]);
            json.insert("shipperReferences".to_owned(), references);
        }
        let at_shipment = match wanted.detail {
            Detail::Piece => Vec::new(),
            Detail::Shipment | Detail::All => events.clone(),
        };
        let all = at_shipment.iter().map(|event| event.render(clock, wanted));
        json.insert("events".to_owned(), all.collect());
        json.insert("numberOfPieces".to_owned(), json!(shipment.pieces.len()));
        if wanted.detail != Detail::Shipment {
            let pieces = 0..shipment.pieces.len();
            let pieces = pieces.map(|at| self.piece(at, &events, clock, wanted));
            json.insert("pieces".to_owned(), pieces.collect());
        }
        if let Some(due) = shipment.due.filter(|_| !done) {
            let due = local(clock.minutes_from_start(due), shipment.destination.zone);
            let due = due.strftime("%Y-%m-%dT23:59:00").to_string();
            json.insert("estimatedDeliveryDate".to_owned(), json!(due));
        }
        Some(Value::Object(json))
    }

    fn piece(&self, at: usize, events: &[&Event], clock: &Clock, wanted: &Wanted) -> Value {
        let shipment = &self.shipment;
        let about = |event: &&&Event| event.pieces.is_empty() || event.pieces.contains(&at);
        let events = events.iter().filter(about);
        let events: Vec<Value> = events.map(|event| event.render(clock, wanted)).collect();
        json!({
            "number": at + 1,
            "typeCode": "SMF",
            "shipmentTrackingNumber": self.number,
            "trackingNumber": shipment.pieces[at],
            "weight": shipment.weight,
            "dimensions": { "length": 30, "width": 20, "height": 10 },
            "actualDimensions": {},
            "unitOfMeasurements": shipment.unit(),
            "events": events,
        })
    }
}

impl Shipment {
    const fn unit(&self) -> &'static str {
        if self.imperial { "imperial" } else { "metric" }
    }
}

impl Event {
    fn render(&self, clock: &Clock, wanted: &Wanted) -> Value {
        let time = local(clock.minutes_from_start(self.at), self.place.zone);
        let mut json = json!({
            "date": time.strftime("%Y-%m-%d").to_string(),
            "time": time.strftime("%H:%M:%S").to_string(),
            "typeCode": self.code,
            "description": self.text,
            "serviceArea": [{ "code": self.place.code, "description": self.place.name }],
        });
        if wanted.offsets {
            json["GMTOffset"] = json!(time.strftime("%:z").to_string());
        }
        if let Some((value, details)) = self.remark
            && wanted.view == View::WithRemarks
        {
            json["remarks"] = json!([{ "value": value, "details": details }]);
        }
        if matches!(self.code, "OK" | "DD") {
            json["signedBy"] = json!("");
        }
        json
    }
}

/// Shipper or receiver; names and towns are blank for privacy.
fn party(place: &Place) -> Value {
    json!({
        "name": "",
        "postalAddress": {
            "cityName": "", "postalCode": "", "provinceCode": "", "countryCode": place.country
        },
        "serviceArea": [{ "code": place.code, "description": place.name }],
    })
}
