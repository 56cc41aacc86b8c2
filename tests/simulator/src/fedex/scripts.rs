//! Owns the scripted FedEx shipments, all made up: number, places, scans. Knows no JSON and no HTTP.
//!
//! Numbers have twelve digits, begin with 60520 and have a right check digit.

mod odd;
mod usual;

use std::borrow::Cow;

use super::shipment::{Act, Found, Place, Shipment};
use crate::scenario::{DAY, HOUR};

/// A script: what is told about it and its shipments.
pub(super) struct Script {
    pub(super) name: &'static str,
    pub(super) number: &'static str,
    pub(super) title: &'static str,
    pub(super) shows: &'static str,
    /// Shipments by number; several with one number have used it one after the other.
    parcels: &'static [Parcel],
    /// The parcels are pieces of one consignment, whose master is the first.
    pieces: &'static [&'static str],
}

/// What most scripts are: one parcel that is no piece of anything.
const SCRIPT: Script = Script {
    name: "",
    number: "",
    title: "",
    shows: "",
    parcels: &[],
    pieces: &[],
};

struct Parcel {
    number: &'static str,
    acts: &'static [Act],
    shipment: &'static Shipment,
}

impl Script {
    /// Minutes from the start to the last scan.
    pub(super) fn last_event(&self) -> i64 {
        let all = self.parcels.iter().flat_map(|parcel| parcel.acts);
        all.map(|act| act.at).max().unwrap_or(0)
    }
}

const fn us(
    city: &'static str,
    state: &'static str,
    postal: &'static str,
    site: &'static str,
    zone: &'static str,
) -> Place {
    Place {
        city,
        state: Some(state),
        postal,
        country: "US",
        country_name: "United States",
        site,
        zone,
    }
}

const fn abroad(
    city: &'static str,
    postal: &'static str,
    country: &'static str,
    country_name: &'static str,
    site: &'static str,
    zone: &'static str,
) -> Place {
    Place {
        city,
        state: None,
        postal,
        country,
        country_name,
        site,
        zone,
    }
}

pub(super) static PORTLAND: Place = us("PORTLAND", "OR", "97218", "PDXA", "America/Los_Angeles");
pub(super) static MEMPHIS: Place = us("MEMPHIS", "TN", "38118", "MEMH", "America/Chicago");
pub(super) static STLOUIS: Place = us("SAINT LOUIS", "MO", "63145", "STLR", "America/Chicago");
pub(super) static MIAMI: Place = us("MIAMI", "FL", "33126", "MIAA", "America/New_York");
pub(super) static PARIS: Place = abroad(
    "ROISSY EN FRANCE",
    "95700",
    "FR",
    "France",
    "CDGR",
    "Europe/Paris",
);
static GUANGZHOU: Place = abroad(
    "GUANGZHOU",
    "510470",
    "CN",
    "China",
    "CANR",
    "Asia/Shanghai",
);

const fn act(at: i64, place: &'static Place, code: &'static str, text: &'static str) -> Act {
    Act::new(at, place, code, text)
}

const LABEL: Act = act(0, &PORTLAND, "OC", "Shipment information sent to FedEx");
const PICKED_UP: Act = act(6 * HOUR, &PORTLAND, "PU", "Picked up");
const DEPARTED: Act = act(10 * HOUR, &PORTLAND, "DP", "Left FedEx origin facility");
const AT_HUB: Act = act(20 * HOUR, &MEMPHIS, "AR", "Arrived at FedEx hub");
const LOCAL: Act = act(DAY + 16 * HOUR, &STLOUIS, "AR", "At local FedEx facility");
const ON_ROAD: Act = act(
    DAY + 18 * HOUR,
    &STLOUIS,
    "OD",
    "On FedEx vehicle for delivery",
);
const DELIVERED: Act = act(DAY + 23 * HOUR, &STLOUIS, "DL", "Delivered");

const GROUND: Shipment = Shipment {
    seq: "24605",
    carrier_code: "FDXG",
    service: ["FEDEX_GROUND", "FedEx Ground"],
    origin: &PORTLAND,
    destination: &STLOUIS,
    due: Some(DAY + 20 * HOUR),
    window: false,
    received: Some(["Signature not required", "FRONT_DOOR", "Front Door"]),
    hold: None,
    further: &[],
};
const EXPRESS: Shipment = Shipment {
    carrier_code: "FDXE",
    service: ["INTERNATIONAL_PRIORITY", "FedEx International Priority"],
    received: Some([
        "M.USTER",
        "RECEPTIONIST_OR_FRONT_DESK",
        "Receptionist/Front Desk",
    ]),
    ..GROUND
};

/// What load parcels share.
pub(super) static LOAD: Shipment = Shipment {
    due: None,
    ..GROUND
};

/// Every script.
pub(super) fn all() -> impl Iterator<Item = &'static Script> {
    usual::SCRIPTS.iter().chain(&odd::SCRIPTS)
}

/// Every scripted shipment that has used a number.
pub(super) fn find(number: &str) -> Vec<Found> {
    let found = |script: &'static Script| {
        let mine = script
            .parcels
            .iter()
            .filter(move |parcel| parcel.number == number);
        mine.map(|parcel| Found {
            number: Cow::Borrowed(parcel.number),
            acts: Cow::Borrowed(parcel.acts),
            shipment: parcel.shipment,
            piece: Some(script.pieces).filter(|pieces| !pieces.is_empty()),
        })
    };
    all().flat_map(found).collect()
}

/// The numbers of the consignment of a master.
pub(super) fn pieces(master: &str) -> Option<&'static [&'static str]> {
    let mut scripts = all();
    let script = scripts.find(|script| script.pieces.first() == Some(&master))?;
    Some(script.pieces)
}

#[cfg(test)]
mod tests {
    use super::super::load::check_digit;
    use super::*;

    #[test]
    fn numbers_are_well_formed_and_scans_in_order() {
        for parcel in all().flat_map(|script| script.parcels) {
            let number = parcel.number;
            if number.len() == 12 {
                let (body, digit) = number.split_at(11);
                assert_eq!(check_digit(body).to_string(), digit, "{number}");
            }
            assert!(parcel.acts.is_sorted_by_key(|act| act.at), "{number}");
        }
        for script in all() {
            let first = script.parcels.first().map(|parcel| parcel.number);
            let own = script
                .parcels
                .iter()
                .any(|parcel| parcel.number == script.number);
            assert!(own && first.is_some(), "{}", script.name);
        }
    }
}
