//! Owns the scripted express shipments, all made up: number, places, checkpoints. Knows no JSON and no HTTP.
//!
//! Numbers are waybills with a right mod 7 digit that no other fake has.

use super::shipment::{Event, Place, Shipment};
use crate::scenario::{DAY, HOUR};

/// A script: what is told about it and the shipment.
pub(super) struct Script {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) shows: &'static str,
    pub(super) shipment: Shipment,
}

impl Script {
    /// Minutes from the start to the last event.
    pub(super) fn last_event(&self) -> i64 {
        let times = self.shipment.events.iter().map(|event| event.at);
        times.max().unwrap_or(self.shipment.from)
    }
}

const fn place(
    code: &'static str,
    name: &'static str,
    country: &'static str,
    zone: &'static str,
) -> Place {
    Place {
        code,
        name,
        country,
        zone,
    }
}

pub(super) const HONG_KONG: Place = place("HKG", "HONG KONG-HK", "HK", "Asia/Hong_Kong");
pub(super) const LEIPZIG: Place = place("LEJ", "LEIPZIG-DE", "DE", "Europe/Berlin");
pub(super) const AMSTERDAM: Place = place("AMS", "AMSTERDAM-NL", "NL", "Europe/Amsterdam");
pub(super) const MADRID: Place = place("MAD", "MADRID-ES", "ES", "Europe/Madrid");
pub(super) const NEW_YORK: Place = place("JFK", "NEW YORK, NY-US", "US", "America/New_York");
pub(super) const MELBOURNE: Place = place("MEL", "MELBOURNE-AU", "AU", "Australia/Melbourne");
const CINCINNATI: Place = place("CVG", "CINCINNATI HUB, OH-US", "US", "America/New_York");
const LOS_ANGELES: Place = place("LAX", "LOS ANGELES, CA-US", "US", "America/Los_Angeles");

const BASE: Shipment = Shipment {
    number: "",
    from: 0,
    product: "P",
    origin: &HONG_KONG,
    destination: &AMSTERDAM,
    pieces: &["JD014610000000000001"],
    weight: 1.4,
    imperial: false,
    reference: None,
    due: Some(3 * DAY),
    events: &[],
};
pub(super) const LOAD: Shipment = BASE;

const fn ev(at: i64, code: &'static str, text: &'static str, place: &'static Place) -> Event {
    Event {
        at,
        code,
        text,
        place,
        pieces: &[],
        remark: None,
    }
}

const fn of(event: Event, pieces: &'static [usize]) -> Event {
    Event { pieces, ..event }
}

const PICKED_UP: Event = ev(5 * HOUR, "PU", "Shipment picked up", &HONG_KONG);
const DEPARTED: Event = Event {
    remark: Some(("It is on the way.", "Look again for the next checkpoint.")),
    ..ev(
        9 * HOUR,
        "DF",
        "Shipment has departed from a facility",
        &HONG_KONG,
    )
};
const AT_HUB: Event = ev(DAY, "AF", "Arrived at sort facility LEIPZIG-DE", &LEIPZIG);
const CLEARED: Event = ev(DAY + 6 * HOUR, "CR", "Clearance complete", &AMSTERDAM);
const ARRIVED: Event = ev(2 * DAY, "AR", "Arrived at delivery facility", &AMSTERDAM);
const WITH_COURIER: Event = ev(
    2 * DAY + HOUR,
    "WC",
    "With courier for delivery",
    &AMSTERDAM,
);

pub(super) static SCRIPTS: [Script; 12] = [
    Script {
        name: "delivered",
        title: "Hong Kong to Amsterdam, signed for",
        shows: "a whole life; the words hold the name of who signed",
        shipment: Shipment {
            number: "9100000114",
            reference: Some("PO 4711"),
            events: &[
                PICKED_UP,
                DEPARTED,
                AT_HUB,
                CLEARED,
                ARRIVED,
                WITH_COURIER,
                ev(2 * DAY + 4 * HOUR, "OK", "Delivered : M MUSTER", &AMSTERDAM),
            ],
            ..BASE
        },
    },
    Script {
        name: "in-transit",
        title: "Hong Kong to Amsterdam, at the hub",
        shows: "local times of two zones within hours",
        shipment: Shipment {
            number: "9100000221",
            events: &[PICKED_UP, DEPARTED, AT_HUB],
            ..BASE
        },
    },
    Script {
        name: "out-for-delivery",
        title: "Hong Kong to Amsterdam, with the courier",
        shows: "nothing after out for delivery: the state must not run ahead",
        shipment: Shipment {
            number: "9100000335",
            events: &[PICKED_UP, DEPARTED, AT_HUB, CLEARED, ARRIVED, WITH_COURIER],
            ..BASE
        },
    },
    Script {
        name: "label-only",
        title: "Announced and never handed over",
        shows: "a success without a checkpoint",
        shipment: Shipment {
            number: "9100000442",
            ..BASE
        },
    },
    Script {
        name: "not-found-yet",
        title: "Asked for before its data arrives",
        shows: "404 first, then a shipment",
        shipment: Shipment {
            number: "9100000556",
            from: 6 * HOUR,
            events: &[ev(8 * HOUR, "PU", "Shipment picked up", &HONG_KONG)],
            ..BASE
        },
    },
    Script {
        name: "failed-attempt",
        title: "Nobody home, delivered the next day",
        shows: "an attempt is no end",
        shipment: Shipment {
            number: "9100000663",
            events: &[
                PICKED_UP,
                AT_HUB,
                WITH_COURIER,
                ev(2 * DAY + 5 * HOUR, "NH", "Recipient not home", &AMSTERDAM),
                ev(3 * DAY + 2 * HOUR, "OK", "Delivered", &AMSTERDAM),
            ],
            ..BASE
        },
    },
    Script {
        name: "customs-hold",
        title: "Held by customs at the destination",
        shows: "a delay, a broker and a release",
        shipment: Shipment {
            number: "9100000770",
            events: &[
                PICKED_UP,
                ev(DAY, "IC", "Processed for clearance", &AMSTERDAM),
                ev(DAY + 2 * HOUR, "CD", "Clearance delay", &AMSTERDAM),
                ev(2 * DAY, "BN", "Broker notified", &AMSTERDAM),
                ev(4 * DAY, "CR", "Clearance complete", &AMSTERDAM),
            ],
            ..BASE
        },
    },
    Script {
        name: "return-to-sender",
        title: "Refused and sent back",
        shows: "the end of a return is at the origin",
        shipment: Shipment {
            number: "9100000884",
            events: &[
                PICKED_UP,
                WITH_COURIER,
                ev(2 * DAY + 5 * HOUR, "RD", "Refused by recipient", &AMSTERDAM),
                ev(6 * DAY, "RT", "Returned to shipper", &HONG_KONG),
            ],
            ..BASE
        },
    },
    Script {
        name: "access-point",
        title: "Brought to a service point and collected there",
        shows: "delivered to a service point is not delivered",
        shipment: Shipment {
            number: "9100000991",
            events: &[
                PICKED_UP,
                WITH_COURIER,
                ev(
                    2 * DAY + 5 * HOUR,
                    "OK",
                    "Delivered to DHL Service Point",
                    &AMSTERDAM,
                ),
                ev(2 * DAY + 6 * HOUR, "CC", "Awaiting collection", &AMSTERDAM),
                ev(4 * DAY, "OK", "Collected by recipient", &AMSTERDAM),
            ],
            ..BASE
        },
    },
    Script {
        name: "multi-piece",
        title: "Three pieces, the last of them days later",
        shows: "a delivery of some pieces is one in part",
        shipment: Shipment {
            number: "9100001105",
            pieces: &[
                "JD014610000000001101",
                "JD014610000000001102",
                "JD014610000000001103",
            ],
            events: &[
                PICKED_UP,
                of(WITH_COURIER, &[0, 1]),
                of(
                    ev(2 * DAY + 5 * HOUR, "OK", "Delivered", &AMSTERDAM),
                    &[0, 1],
                ),
                of(ev(2 * DAY + 6 * HOUR, "MS", "Mis-sorted", &LEIPZIG), &[2]),
                of(ev(5 * DAY, "OK", "Delivered", &AMSTERDAM), &[2]),
            ],
            ..BASE
        },
    },
    Script {
        name: "local-times",
        title: "Across the United States, in pounds",
        shows: "a country of several zones: without offsets only the station tells",
        shipment: Shipment {
            number: "9100001212",
            product: "N",
            origin: &NEW_YORK,
            destination: &LOS_ANGELES,
            weight: 3.3,
            imperial: true,
            events: &[
                ev(5 * HOUR, "PU", "Shipment picked up", &NEW_YORK),
                ev(12 * HOUR, "AF", "Arrived at sort facility", &CINCINNATI),
                ev(
                    20 * HOUR,
                    "AR",
                    "Arrived at delivery facility",
                    &LOS_ANGELES,
                ),
                ev(DAY, "OK", "Delivered", &LOS_ANGELES),
            ],
            ..BASE
        },
    },
    Script {
        name: "unknown-code",
        title: "Codes that no list has",
        shows: "an unknown code must be kept and must not end anything",
        shipment: Shipment {
            number: "9100001326",
            events: &[
                PICKED_UP,
                ev(
                    DAY,
                    "ZQ",
                    "A checkpoint of a kind not seen before",
                    &LEIPZIG,
                ),
                ev(2 * DAY, "", "A checkpoint without a code", &AMSTERDAM),
            ],
            ..BASE
        },
    },
];

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;

    #[test]
    fn numbers_are_sound_and_events_are_in_order() {
        let mut names: Vec<&str> = SCRIPTS.iter().map(|script| script.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), SCRIPTS.len());
        for script in &SCRIPTS {
            let number: u64 = script.shipment.number.parse().unwrap();
            assert_eq!(number / 10 % 7, number % 10, "{}", script.name);
            assert!(script.shipment.events.is_sorted_by_key(|event| event.at));
            for event in script.shipment.events {
                assert!(TimeZone::get(event.place.zone).is_ok());
            }
        }
    }
}
