//! Owns the express shipments of load tests: millions of known numbers without a table. Knows no HTTP.

use std::borrow::Cow;

use super::scripts::{AMSTERDAM, HONG_KONG, LEIPZIG, LOAD, MADRID, MELBOURNE, NEW_YORK};
use super::shipment::{Event, Known, Place, Shipment};
use crate::scenario::{DAY, HOUR, spread};

/// Load waybills are 78000000C to 78999999C: nine digits from here on, and the check digit.
const FIRST: u64 = 780_000_000;
const COUNT: u64 = 10_000_000;

/// The number of a shipment that is known to the fake DHL Express; ten million of them, then they
/// repeat.
///
/// Waybills of ten digits from 7800000000 to 7899999999 with a right mod 7 check digit.
pub(super) fn number(index: u64) -> String {
    let payload = FIRST + index % COUNT;
    format!("{payload}{}", payload % 7)
}

pub(super) fn shipment(number: &str) -> Option<Known> {
    let value: u64 = number.parse().ok()?;
    let payload = value / 10;
    if !(FIRST..FIRST + COUNT).contains(&payload) || payload % 7 != value % 10 {
        return None;
    }
    let seed = spread(payload);
    let [origin, hub, destination] = lane(seed);
    // Shipments are in every stage when the scenarios start.
    let begin = -(i64::try_from(seed >> 8).unwrap_or(0) % (5 * DAY));
    Some(Known {
        number: Cow::Owned(number.to_owned()),
        events: Cow::Owned(journey(begin, seed, origin, hub, destination)),
        shipment: Shipment {
            from: begin,
            origin,
            destination,
            due: Some(begin + 4 * DAY),
            ..LOAD
        },
    })
}

fn lane(seed: u64) -> [&'static Place; 3] {
    match seed % 4 {
        0 => [&HONG_KONG, &LEIPZIG, &AMSTERDAM],
        1 => [&NEW_YORK, &LEIPZIG, &MADRID],
        2 => [&HONG_KONG, &MELBOURNE, &MELBOURNE],
        _ => [&AMSTERDAM, &LEIPZIG, &NEW_YORK],
    }
}

fn journey(
    begin: i64,
    seed: u64,
    origin: &'static Place,
    hub: &'static Place,
    destination: &'static Place,
) -> Vec<Event> {
    let event = |at, code, text, place| Event {
        at: begin + at,
        code,
        text,
        place,
        pieces: &[],
        remark: None,
    };
    let mut events = vec![
        event(5 * HOUR, "PU", "Shipment picked up", origin),
        event(9 * HOUR, "DF", "Shipment has departed", origin),
        event(DAY, "AF", "Arrived at sort facility", hub),
        event(DAY + 3 * HOUR, "DF", "Shipment has departed", hub),
        event(2 * DAY, "AR", "Arrived at delivery facility", destination),
        event(
            2 * DAY + 3 * HOUR,
            "WC",
            "With courier for delivery",
            destination,
        ),
    ];
    events.push(if seed.is_multiple_of(16) {
        event(2 * DAY + 7 * HOUR, "NH", "Recipient not home", destination)
    } else {
        event(2 * DAY + 6 * HOUR, "OK", "Delivered", destination)
    });
    events
}
