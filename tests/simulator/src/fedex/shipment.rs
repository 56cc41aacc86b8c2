//! Owns a FedEx shipment as data and its JSON in the form of the Track API (track.json).
//! Does not know who may ask. Counts and weights are strings where FedEx has strings.

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Value, json};

use super::{load, midnight, scripts};
use crate::clock::{Clock, local};

/// A place as FedEx words it.
pub(super) struct Place {
    pub(super) city: &'static str,
    pub(super) state: Option<&'static str>,
    pub(super) postal: &'static str,
    pub(super) country: &'static str,
    pub(super) country_name: &'static str,
    pub(super) site: &'static str,
    pub(super) zone: &'static str,
}

impl Place {
    fn address(&self) -> Value {
        let mut address = json!({
            "city": self.city,
            "countryCode": self.country,
            "countryName": self.country_name,
            "residential": false,
        });
        if let Some(state) = self.state {
            address["stateOrProvinceCode"] = json!(state);
        }
        address
    }

    fn scanned(&self) -> Value {
        let mut address = self.address();
        address["streetLines"] = json!([""]);
        address["postalCode"] = json!(self.postal);
        address
    }
}

/// One scan; `at` is minutes from the start of the scenarios.
#[derive(Clone, Copy)]
pub(super) struct Act {
    pub(super) at: i64,
    place: &'static Place,
    pub(super) code: &'static str,
    text: &'static str,
    reason: [&'static str; 2],
    delay: &'static str,
    late: i64,
    site: Option<&'static str>,
}

impl Act {
    pub(super) const fn new(
        at: i64,
        place: &'static Place,
        code: &'static str,
        text: &'static str,
    ) -> Self {
        Self {
            at,
            place,
            code,
            text,
            reason: ["", ""],
            delay: "",
            late: 0,
            site: None,
        }
    }

    /// With an exception code and its words.
    pub(super) const fn because(self, code: &'static str, words: &'static str) -> Self {
        Self {
            reason: [code, words],
            ..self
        }
    }

    /// With a delay of a type.
    pub(super) const fn delayed(self, kind: &'static str) -> Self {
        Self {
            delay: kind,
            ..self
        }
    }

    /// Its time is noted so many minutes too late.
    pub(super) const fn noted_late(self, minutes: i64) -> Self {
        Self {
            late: minutes,
            ..self
        }
    }

    /// At a shop with a site id of its own.
    pub(super) const fn at_shop(self, site: &'static str) -> Self {
        Self {
            site: Some(site),
            ..self
        }
    }

    /// The coarse status, which hides many events.
    fn derived(&self) -> [&'static str; 2] {
        match self.code {
            "OC" => ["IN", "Initiated"],
            "PU" => ["PU", "Picked up"],
            "DL" => ["DL", "Delivered"],
            "DE" => ["DE", "Delivery exception"],
            "SE" => ["SE", "Shipment exception"],
            "CD" => ["CD", "Clearance delay"],
            "CA" => ["CA", "Cancelled"],
            "RS" => ["RS", "Returned to shipper"],
            "HL" => ["HL", "Ready for pickup"],
            "Z8" => ["Z8", ""],
            _ => ["IT", "In transit"],
        }
    }

    fn location_type(&self) -> &'static str {
        match (self.code, self.text) {
            ("OC", _) => "CUSTOMER",
            ("PU", _) => "PICKUP_LOCATION",
            ("OD" | "DE", _) => "VEHICLE",
            ("DL", _) => "DELIVERY_LOCATION",
            ("HL" | "HP", _) => "FEDEX_OFFICE_LOCATION",
            ("CD" | "CC" | "CP", _) => "PORT_OF_ENTRY",
            ("AR", "At local FedEx facility") => "DESTINATION_FEDEX_FACILITY",
            _ => "FEDEX_FACILITY",
        }
    }

    fn render(&self, clock: &Clock) -> Value {
        let at = local(
            clock.minutes_from_start(self.at + self.late),
            self.place.zone,
        );
        let label = self.code == "OC";
        let address = if label {
            json!({
                "postalCode": self.place.postal,
                "countryCode": self.place.country,
                "countryName": self.place.country_name,
                "residential": false,
            })
        } else {
            self.place.scanned()
        };
        let [derived_code, derived] = self.derived();
        let [reason, words] = self.reason;
        let site = if label {
            ""
        } else {
            self.site.unwrap_or(self.place.site)
        };
        let mut scan = json!({
            "date": at.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
            "eventType": self.code,
            "eventDescription": self.text,
            "exceptionCode": reason,
            "exceptionDescription": words,
            "scanLocation": address,
            "locationId": site,
            "locationType": self.location_type(),
            "derivedStatusCode": derived_code,
            "derivedStatus": derived,
        });
        if !self.delay.is_empty() {
            scan["delayDetail"] = json!({ "type": self.delay, "subType": "", "status": "DELAYED" });
        }
        scan
    }
}

/// One shipment; `seq` makes its unique id.
pub(super) struct Shipment {
    pub(super) seq: &'static str,
    pub(super) carrier_code: &'static str,
    pub(super) service: [&'static str; 2],
    pub(super) origin: &'static Place,
    pub(super) destination: &'static Place,
    /// Promised day, minutes from the start.
    pub(super) due: Option<i64>,
    /// A window of the day is predicted, too.
    pub(super) window: bool,
    /// Who took it, and type and name of the place.
    pub(super) received: Option<[&'static str; 3]>,
    /// The shop that holds it.
    pub(super) hold: Option<&'static str>,
    /// Further numbers: type and value.
    pub(super) further: &'static [[&'static str; 2]],
}

/// A shipment under its number, which may have been made for the number asked.
pub(super) struct Found {
    pub(super) number: Cow<'static, str>,
    pub(super) acts: Cow<'static, [Act]>,
    pub(super) shipment: &'static Shipment,
    /// The numbers of its consignment, the master first.
    pub(super) piece: Option<&'static [&'static str]>,
}

impl Found {
    /// Every shipment that has used a number.
    pub(super) fn all(number: &str) -> Vec<Self> {
        match load::find(number) {
            Some(found) => vec![found],
            None => scripts::find(number),
        }
    }

    fn unique(&self) -> String {
        format!("{}~{}~FDEG", self.shipment.seq, self.number)
    }

    /// Tells whether a unique id or days of shipping, if given, are its own.
    pub(super) fn is_asked_for(
        &self,
        clock: &Clock,
        unique: &str,
        days: Option<(Date, Date)>,
    ) -> bool {
        let first = self.acts.first().map_or(0, |act| act.at);
        // FedEx keeps the day of shipping in the time of Memphis.
        let shipped = local(clock.minutes_from_start(first), "America/Chicago").date();
        let in_time = days.is_none_or(|(begin, end)| (begin..=end).contains(&shipped));
        in_time && (unique.is_empty() || unique == self.unique())
    }

    /// The result as known at an instant; `None` before the first scan.
    pub(super) fn render(&self, clock: &Clock, now: Timestamp, detailed: bool) -> Option<Value> {
        let happened = |act: &&Act| clock.minutes_from_start(act.at) <= now;
        let acts: Vec<&Act> = self.acts.iter().rev().filter(happened).collect();
        let newest = acts.first()?;
        let Shipment {
            service: [service, description],
            carrier_code,
            origin,
            destination,
            ..
        } = *self.shipment;
        let site = |place: &Place| json!({ "locationContactAndAddress": { "address": place.address() }, "locationType": "" });
        let picked_up = acts.iter().any(|act| act.code != "OC");
        let mut json = json!({
            "trackingNumberInfo": {
                "trackingNumber": self.number,
                "trackingNumberUniqueId": self.unique(),
                "carrierCode": carrier_code,
            },
            "additionalTrackingInfo": self.additional(),
            "shipperInformation": { "address": origin.address() },
            "recipientInformation": { "address": destination.address() },
            "latestStatusDetail": self.latest(newest),
            "dateAndTimes": self.moments(&acts, clock),
            "availableImages": [],
            "specialHandlings": [],
            "packageDetails": self.package(),
            "shipmentDetails": { "possessionStatus": picked_up },
            "serviceDetail": { "type": service, "description": description },
            "standardTransitTimeWindow": { "window": {} },
            "estimatedDeliveryTimeWindow": { "window": {} },
            "goodsClassificationCode": "",
            "holdAtLocation": {},
            "customDeliveryOptions": [],
            "pieceCounts": [],
            "originLocation": site(origin),
            "destinationLocation": site(destination),
            "lastUpdatedDestinationAddress": destination.address(),
            "deliveryDetails": self.delivery(newest),
        });
        if detailed {
            json["scanEvents"] = acts.iter().map(|act| act.render(clock)).collect();
        }
        if let Some(due) = self.shipment.due {
            let due = clock.minutes_from_start(due);
            json["standardTransitTimeWindow"] =
                json!({ "window": { "ends": midnight(due, destination.zone) } });
            if self.shipment.window && newest.code != "DL" {
                let day = local(due, destination.zone).date();
                // One end has no offset, as in live answers.
                json["estimatedDeliveryTimeWindow"] = json!({ "type": "ESTIMATED_DELIVERY", "window": {
                    "begins": format!("{day}T09:30:00"),
                    "ends": format!("{day}T13:30:00-06:00"),
                } });
            }
        }
        if let (Some(shop), true) = (self.shipment.hold, matches!(newest.code, "HL" | "HP")) {
            json["holdAtLocation"] = site(destination);
            json["holdAtLocation"]["locationId"] = json!(shop);
            json["holdAtLocation"]["locationType"] = json!("FEDEX_SHIPSITE");
        }
        Some(json)
    }

    fn latest(&self, newest: &Act) -> Value {
        let [derived_code, derived] = newest.derived();
        let mut latest = json!({
            "code": newest.code,
            "derivedCode": derived_code,
            "statusByLocale": derived,
            "description": newest.text,
            "scanLocation": newest.place.scanned(),
        });
        let [reason, words] = newest.reason;
        if !reason.is_empty() {
            latest["ancillaryDetails"] = json!([{
                "reason": reason,
                "reasonDescription": words,
                "action": "No action is required.",
                "actionDescription": "",
            }]);
        }
        if !newest.delay.is_empty() {
            latest["delayDetail"] =
                json!({ "type": newest.delay, "subType": "", "status": "DELAYED" });
        }
        latest
    }

    fn additional(&self) -> Value {
        let mut identifiers = vec![json!({
            "type": "CUSTOMER_REFERENCE",
            "values": ["ORDER 60520"],
            "trackingNumberUniqueId": "",
            "carrierCode": "",
        })];
        for [kind, value] in self.shipment.further {
            identifiers.push(json!({
                "type": kind,
                "values": [value],
                "trackingNumberUniqueId": "",
                "carrierCode": "",
            }));
        }
        let master = self.piece.and_then(|pieces| pieces.first());
        if let Some(master) = master {
            identifiers.push(json!({
                "type": "STANDARD_MPS",
                "values": [master],
                "trackingNumberUniqueId": format!("{}~{master}~FDEG", self.shipment.seq),
                "carrierCode": self.shipment.carrier_code,
            }));
        }
        json!({
            "nickname": "",
            "packageIdentifiers": identifiers,
            "hasAssociatedShipments": self.piece.is_some(),
        })
    }

    /// Real times have their offset; mere days are midnights.
    fn moments(&self, acts: &[&Act], clock: &Clock) -> Value {
        let mut moments = Vec::new();
        let mut add =
            |kind: &str, at: String| moments.push(json!({ "type": kind, "dateTime": at }));
        for act in acts {
            let at = clock.minutes_from_start(act.at);
            let zone = act.place.zone;
            match act.code {
                "DL" => add(
                    "ACTUAL_DELIVERY",
                    local(at, zone).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
                ),
                "PU" => {
                    add("ACTUAL_PICKUP", midnight(at, zone));
                    add("SHIP", midnight(at, zone));
                }
                _ => {}
            }
        }
        let delivered = acts.iter().any(|act| act.code == "DL");
        if let Some(due) = self.shipment.due.filter(|_| !delivered) {
            let due = clock.minutes_from_start(due);
            add(
                "ESTIMATED_DELIVERY",
                midnight(due, self.shipment.destination.zone),
            );
        }
        json!(moments)
    }

    fn package(&self) -> Value {
        let pieces = self.piece.unwrap_or_default();
        let own = pieces.iter().position(|number| *number == self.number);
        json!({
            "packagingDescription": { "type": "YOUR_PACKAGING", "description": "Package" },
            "physicalPackagingType": "PACKAGE",
            "sequenceNumber": (own.unwrap_or(0) + 1).to_string(),
            "count": pieces.len().max(1).to_string(),
            "weightAndDimensions": {
                "weight": [{ "value": "4.0", "unit": "LB" }, { "value": "1.81", "unit": "KG" }],
                "dimensions": [
                    { "length": 12, "width": 10, "height": 5, "units": "IN" },
                    { "length": 30, "width": 25, "height": 12, "units": "CM" },
                ],
            },
            "packageContent": [],
        })
    }

    fn delivery(&self, newest: &Act) -> Value {
        let attempts = self
            .acts
            .iter()
            .filter(|act| act.at <= newest.at && act.code == "DE");
        let mut details = json!({
            "deliveryAttempts": attempts.count().to_string(),
            "deliveryOptionEligibilityDetails": [],
        });
        if let (Some([name, kind, place]), "DL") = (self.shipment.received, newest.code) {
            details["receivedByName"] = json!(name);
            details["locationType"] = json!(kind);
            details["locationDescription"] = json!(place);
        }
        details
    }
}
