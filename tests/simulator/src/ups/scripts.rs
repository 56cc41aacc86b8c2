//! Owns the scripted UPS shipments, all made up: number, places, activities. Knows no JSON and no HTTP.
//!
//! Numbers are 1Z numbers of the invented shipper `SIM001` with a right check digit.

mod odd;
mod usual;

use super::shipment::{Act, Package, Place, Shipment};
use crate::scenario::{DAY, HOUR};

/// A script: what is told about it and its shipment.
pub(super) struct Script {
    pub(super) name: &'static str,
    pub(super) number: &'static str,
    pub(super) title: &'static str,
    pub(super) shows: &'static str,
    pub(super) shipment: &'static Shipment,
}

const fn us(
    city: &'static str,
    state: &'static str,
    slic: &'static str,
    zone: &'static str,
) -> Place {
    Place {
        city,
        state: Some(state),
        country: "US",
        slic,
        zone,
    }
}

const fn abroad(
    city: &'static str,
    country: &'static str,
    slic: &'static str,
    zone: &'static str,
) -> Place {
    Place {
        city,
        state: None,
        country,
        slic,
        zone,
    }
}

pub(super) static LOUISVILLE: Place = us("Louisville", "KY", "4009", "America/Kentucky/Louisville");
/// A country with several zones, and nothing more.
pub(super) static SOMEWHERE: Place = abroad("", "US", "", "America/Chicago");
pub(super) static CHICAGO: Place = us("Chicago", "IL", "6068", "America/Chicago");
pub(super) static SEATTLE: Place = us("Seattle", "WA", "9814", "America/Los_Angeles");
pub(super) static DALLAS: Place = us("Dallas", "TX", "7524", "America/Chicago");
pub(super) static ATLANTA: Place = us("Atlanta", "GA", "3031", "America/New_York");
pub(super) static COLOGNE: Place = abroad("Koeln", "DE", "8051", "Europe/Berlin");
static SHENZHEN: Place = abroad("Shenzhen", "CN", "9251", "Asia/Shanghai");
static TORONTO: Place = Place {
    state: Some("ON"),
    ..abroad("Toronto", "CA", "2060", "America/Toronto")
};

const fn act(
    at: i64,
    place: &'static Place,
    kind: &'static str,
    code: &'static str,
    status_code: &'static str,
    text: &'static str,
) -> Act {
    Act::new(at, place, kind, code, status_code, text)
}

const LABEL: Act = act(
    0,
    &LOUISVILLE,
    "M",
    "MP",
    "003",
    "Shipper created a label, UPS does not have the package yet. ",
);
const ORIGIN: Act = act(6 * HOUR, &LOUISVILLE, "I", "OR", "005", "Origin Scan");
const DEPARTED: Act = act(
    10 * HOUR,
    &LOUISVILLE,
    "I",
    "DP",
    "005",
    "Departed from Facility",
);
const ARRIVED: Act = act(DAY, &CHICAGO, "I", "AR", "005", "Arrived at Facility");
const ON_ROAD: Act = act(
    DAY + 6 * HOUR,
    &CHICAGO,
    "I",
    "OT",
    "021",
    "Out For Delivery Today",
);
const DELIVERED: Act = act(DAY + 10 * HOUR, &CHICAGO, "D", "FS", "011", "DELIVERED ");

const PACKAGE: Package = Package {
    number: "",
    acts: &[],
    due: Some(DAY + 12 * HOUR),
    moved: None,
    received: None,
    alternate: None,
    pickup_by: None,
};
const SHIPMENT: Shipment = Shipment {
    packages: &[],
    service: ["518", "003", "UPS Ground"],
    origin: &LOUISVILLE,
    destination: &CHICAGO,
    old_form: false,
    together: false,
};
const WORLDWIDE: Shipment = Shipment {
    service: ["066", "007", "UPS Worldwide Saver"],
    ..SHIPMENT
};

/// The large shipment; its packages are generated after the pattern of this one.
pub(super) static BULK: Shipment = Shipment {
    packages: &[Package {
        number: "1ZSIM0010390000009",
        acts: &[LABEL, ORIGIN, DEPARTED, ARRIVED],
        ..PACKAGE
    }],
    ..SHIPMENT
};

/// What load packages share.
pub(super) static LOAD: Shipment = Shipment {
    packages: &[Package {
        due: None,
        ..PACKAGE
    }],
    ..SHIPMENT
};

/// Every script.
pub(super) fn all() -> impl Iterator<Item = &'static Script> {
    usual::SCRIPTS.iter().chain(&odd::SCRIPTS)
}
