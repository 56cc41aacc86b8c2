//! Owns the DHL parcels of load tests: thousands of known numbers without a table. Knows no HTTP.

use std::borrow::Cow;

use super::parcel::{Event, Known, Parcel, Place};
use super::scripts::{
    BASE, BERLIN, BRUSSELS, CINCINNATI, EAST_MIDLANDS, LEIPZIG, LYON, MADRID, SHENZHEN, WARSAW,
};
use crate::scenario::{DAY, HOUR, spread};

/// Load waybills are 77000000C to 77999999C: nine digits from here on, and the check digit.
const FIRST: u64 = 770_000_000;
const COUNT: u64 = 10_000_000;

/// The number of a parcel that is known to the fake DHL; ten million of them, then they repeat.
///
/// Express waybills of ten digits from 7700000000 to 7799999999 with a right mod 7 check digit.
pub fn dhl_load_number(index: u64) -> String {
    let payload = FIRST + index % COUNT;
    format!("{payload}{}", payload % 7)
}

pub(super) fn parcel(number: &str) -> Option<Known> {
    if number.len() != 10 || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let value: u64 = number.parse().ok()?;
    let payload = value / 10;
    if !(FIRST..FIRST + COUNT).contains(&payload) || payload % 7 != value % 10 {
        return None;
    }
    let seed = spread(payload);
    let [origin, hub, destination] = lane(seed);
    // Parcels are in every stage when the scenarios start.
    let begin = -(i64::try_from(seed >> 8).unwrap_or(0) % (5 * DAY));
    let parcel = Parcel {
        origin,
        destination,
        due: Some(begin + 4 * DAY),
        ..BASE
    };
    Some(Known {
        number: Cow::Owned(number.to_owned()),
        events: Cow::Owned(journey(begin, seed, origin, hub, destination)),
        parcel,
    })
}

fn lane(seed: u64) -> [&'static Place; 3] {
    match seed % 4 {
        0 => [&SHENZHEN, &LEIPZIG, &BERLIN],
        1 => [&LYON, &BRUSSELS, &MADRID],
        2 => [&CINCINNATI, &EAST_MIDLANDS, &LYON],
        _ => [&BERLIN, &LEIPZIG, &WARSAW],
    }
}

fn journey(
    begin: i64,
    seed: u64,
    origin: &'static Place,
    hub: &'static Place,
    destination: &'static Place,
) -> Vec<Event> {
    let mut events = vec![
        Event::new(begin, "pre-transit", "Shipment information received"),
        Event::new(begin + 5 * HOUR, "transit", "Shipment picked up").place(origin),
        Event::new(begin + 9 * HOUR, "transit", "Processed at sorting facility").place(origin),
        Event::new(begin + DAY, "transit", "Arrived at transit facility").place(hub),
        Event::new(
            begin + DAY + 3 * HOUR,
            "transit",
            "Departed from transit facility",
        )
        .place(hub),
        Event::new(begin + 2 * DAY, "transit", "Arrived at delivery facility").place(destination),
        Event::new(
            begin + 2 * DAY + 3 * HOUR,
            "transit",
            "Out with courier for delivery",
        )
        .place(destination),
    ];
    if seed.is_multiple_of(16) {
        let failed = Event::new(
            begin + 2 * DAY + 7 * HOUR,
            "failure",
            "Delivery attempt failed, recipient not at home",
        );
        events.push(failed.place(destination));
    } else {
        let delivered = Event::new(begin + 2 * DAY + 6 * HOUR, "delivered", "Delivered");
        events.push(delivered.place(destination));
    }
    events
}
