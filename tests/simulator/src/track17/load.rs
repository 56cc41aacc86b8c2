//! Owns the parcels of load tests: thousands of known numbers without a table. Knows no HTTP.

use std::borrow::Cow;

use super::places::{LIEGE, LOS_ANGELES, LYON, SHENZHEN};
use super::record::{Leg, Record, Scan, Zones};
use super::scripts::Fate;
use crate::scenario::{DAY, HOUR, spread};

const PREFIX: &str = "YT2617";
const COUNT: u64 = 10_000_000;

static LEGS: [Leg; 1] = [Leg {
    key: 190_008,
    name: "YunExpress",
    country: "CN",
    language: Some("en"),
    zones: Zones::Stated,
    scans: &[],
}];

/// The number of a parcel that is known to the fake 17TRACK, and registered; ten million of them,
/// then they repeat.
pub fn track17_load_number(index: u64) -> String {
    format!("{PREFIX}{:012}", index % COUNT)
}

pub(super) fn record(number: &str) -> Option<Record> {
    let index: u64 = number
        .strip_prefix(PREFIX)
        .filter(|rest| rest.len() == 12)?
        .parse()
        .ok()?;
    if index >= COUNT {
        return None;
    }
    let seed = spread(index);
    // Parcels are in every stage when the scenarios start.
    let begin = -(i64::try_from(seed >> 8).unwrap_or(0) % (5 * DAY));
    let at = |hours: i64| begin + hours * HOUR;
    let (hub, destination) = if seed.is_multiple_of(2) {
        (&LIEGE, &LYON)
    } else {
        (&LOS_ANGELES, &LOS_ANGELES)
    };
    let mut scans = vec![
        Scan::new(at(0), &SHENZHEN, "InfoReceived", "Order data received").stage("InfoReceived"),
        Scan::new(at(6), &SHENZHEN, "InTransit_PickedUp", "Picked up").stage("PickedUp"),
        Scan::new(at(10), &SHENZHEN, "InTransit_Other", "Sorted"),
        Scan::new(at(24), &SHENZHEN, "InTransit_Departure", "Flight departed").stage("Departure"),
        Scan::new(at(38), hub, "InTransit_Arrival", "Flight landed").stage("Arrival"),
        Scan::new(at(44), hub, "InTransit_CustomsReleased", "Customs cleared"),
        Scan::new(
            at(58),
            destination,
            "OutForDelivery_Other",
            "Out for delivery",
        )
        .stage("OutForDelivery"),
    ];
    scans.push(if seed.is_multiple_of(16) {
        Scan::new(
            at(64),
            destination,
            "DeliveryFailure_NoBody",
            "Nobody at home",
        )
    } else {
        Scan::new(at(63), destination, "Delivered_Other", "Delivered").stage("Delivered")
    });
    Some(Record {
        carrier: LEGS[0].key,
        fate: Fate::Known,
        legs: Cow::Borrowed(&LEGS),
        made: Some(scans),
        origin: &SHENZHEN,
        destination,
        status: None,
        due: None,
    })
}
