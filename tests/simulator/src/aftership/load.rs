//! Owns the parcels of load tests: thousands of known numbers without a table. Knows no HTTP.

use std::borrow::Cow;

use super::scripts::{FRESNO, LYON, PARCEL, SHENZHEN};
use super::tracking::{Known, Parcel, Scan};
use crate::scenario::{DAY, HOUR, spread};

const PREFIX: &str = "YT2618";
const COUNT: u64 = 10_000_000;
pub(super) const SLUG: &str = "yunexpress";

/// The number of a parcel that the fake AfterShip tracks; ten million of them, then they repeat.
pub fn aftership_load_number(index: u64) -> String {
    format!("{PREFIX}{:012}", index % COUNT)
}

pub(super) fn parcel(number: &str) -> Option<Known> {
    let rest = number.strip_prefix(PREFIX)?;
    let index: u64 = rest.parse().ok().filter(|_| rest.len() == 12)?;
    if index >= COUNT {
        return None;
    }
    let seed = spread(index);
    // Parcels are in every stage when the scenarios start.
    let begin = -(i64::try_from(seed >> 8).unwrap_or(0) % (5 * DAY));
    let at = |hours: i64| begin + hours * HOUR;
    let destination = if seed.is_multiple_of(2) {
        &LYON
    } else {
        &FRESNO
    };
    let mut scans = vec![
        Scan::new(at(0), &SHENZHEN, "InfoReceived_001", "Order data received"),
        Scan::new(at(6), &SHENZHEN, "InTransit_002", "Picked up"),
        Scan::new(at(10), &SHENZHEN, "InTransit_003", "Arrived at hub"),
        Scan::new(at(24), &SHENZHEN, "InTransit_007", "Departed from hub"),
        Scan::new(at(38), destination, "InTransit_004", "Flight landed"),
        Scan::new(at(44), destination, "InTransit_005", "Customs cleared"),
        Scan::new(
            at(58),
            destination,
            "OutForDelivery_001",
            "Out for delivery",
        ),
    ];
    scans.push(if seed.is_multiple_of(16) {
        Scan::new(at(64), destination, "AttemptFail_002", "Nobody at home")
    } else {
        Scan::new(at(63), destination, "Delivered_001", "Delivered")
    });
    Some(Known {
        parcel: Parcel {
            destination,
            ..PARCEL
        },
        scans: Cow::Owned(scans),
    })
}
