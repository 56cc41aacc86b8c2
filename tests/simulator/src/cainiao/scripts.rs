//! Owns the scripted parcels, all made up, and those of load tests. Knows no JSON and no HTTP.
//!
//! Numbers are `LP` and fourteen digits, which have no check digit: `LP88` scripted, `LP99` load. One
//! parcel goes by post.

use std::borrow::Cow;

use super::parcel::{Act, Known, Parcel, Stamps};
use crate::scenario::{DAY, HOUR, STORY, TOLD, spread};

/// A script: what is told about it and its parcel.
pub(super) struct Script {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) shows: &'static str,
    pub(super) parcel: Parcel,
}

impl Script {
    /// Minutes from the start to the last event.
    pub(super) fn last_event(&self) -> i64 {
        let acts = self.parcel.acts.iter();
        acts.map(|act| act.at).max().unwrap_or(0)
    }
}

const CN: &str = "Asia/Shanghai";
const PT: &str = "Europe/Lisbon";
const NL: &str = "Europe/Amsterdam";
const UA: &str = "Europe/Kyiv";
const US: &str = "America/Chicago";

const BASE: Parcel = Parcel {
    number: "",
    destination: "Portugal",
    last_mile: None,
    renumbered: None,
    station: None,
    stamps: Stamps::Zones,
    acts: &[],
};

const ORDERED: Act = Act::new(
    0,
    CN,
    "GWMS_ACCEPT",
    "in_transit",
    "Order taken by the warehouse",
);
const PICKED_UP: Act = Act::new(5 * HOUR, CN, "PU_PICKUP_SUCCESS", "in_transit", "Picked up");
const FLOWN: Act = Act::new(DAY, CN, "LH_DEPART", "in_transit", "Line haul departed");
const LANDED: Act = Act::new(2 * DAY, PT, "LH_ARRIVE", "in_transit", "Line haul arrived");
const CLEARED: Act = Act::new(
    3 * DAY,
    PT,
    "CC_IM_SUCCESS",
    "in_transit",
    "Import customs cleared",
);
const TAKEN_OVER: Act = Act::new(
    3 * DAY + 4 * HOUR,
    PT,
    "GTMS_ACCEPT",
    "in_transit",
    "Accepted by the carrier of the last mile",
);
const ON_TOUR: Act = Act::new(
    4 * DAY,
    PT,
    "GTMS_DO_DEPART",
    "delivering",
    "Out for delivery",
);

/// Every script.
pub(super) static SCRIPTS: [Script; 11] = [
    Script {
        name: "label-only",
        title: "Ordered, and nobody has it yet",
        shows: "electronic data is not possession",
        parcel: Parcel {
            number: "LP88000000000011",
            acts: &[ORDERED],
            ..BASE
        },
    },
    Script {
        name: "in-transit",
        title: "In the air, with a silence that is normal",
        shows: "days without an event on the line haul are no loss",
        parcel: Parcel {
            number: "LP88000000000022",
            acts: &[ORDERED, PICKED_UP, FLOWN],
            ..BASE
        },
    },
    Script {
        name: "delivered",
        title: "Delivered by a carrier of the last mile under its own number",
        shows: "a hand-off number that appears in mid-journey",
        parcel: Parcel {
            number: "LP88000000000033",
            last_mile: Some((3 * DAY + 4 * HOUR, "CTT", "DA880000033PT")),
            acts: &[
                ORDERED,
                PICKED_UP,
                FLOWN,
                LANDED,
                CLEARED,
                TAKEN_OVER,
                ON_TOUR,
                Act::new(
                    4 * DAY + 5 * HOUR,
                    PT,
                    "GTMS_SIGNED",
                    "delivered",
                    "Delivered",
                ),
            ],
            ..BASE
        },
    },
    Script {
        name: "out-for-delivery",
        title: "On the van",
        shows: "nothing after out for delivery: the state must not run ahead",
        parcel: Parcel {
            number: "LP88000000000044",
            acts: &[
                ORDERED, PICKED_UP, FLOWN, LANDED, CLEARED, TAKEN_OVER, ON_TOUR,
            ],
            ..BASE
        },
    },
    Script {
        name: "failed-attempt",
        title: "Nobody home, delivered the next day",
        shows: "a failed attempt is followed by a second tour",
        parcel: Parcel {
            number: "LP88000000000055",
            acts: &[
                ORDERED,
                PICKED_UP,
                FLOWN,
                LANDED,
                CLEARED,
                ON_TOUR,
                Act::new(
                    4 * DAY + 6 * HOUR,
                    PT,
                    "GTMS_DEL_FAILURE",
                    "delivery_failed",
                    "Nobody opened the door",
                ),
                Act::new(
                    5 * DAY,
                    PT,
                    "GTMS_RE_DELIVERING",
                    "delivering",
                    "Second tour",
                ),
                Act::new(
                    5 * DAY + 4 * HOUR,
                    PT,
                    "LM_SIGN_SUCCESS",
                    "delivered",
                    "Delivered",
                ),
            ],
            ..BASE
        },
    },
    Script {
        name: "customs-hold",
        title: "Held by the customs of the destination",
        shows: "a hold is an incident, not the end",
        parcel: Parcel {
            number: "LP88000000000066",
            destination: "Ukraine",
            acts: &[
                ORDERED,
                PICKED_UP,
                FLOWN,
                Act::new(
                    2 * DAY,
                    UA,
                    "CC_IM_START",
                    "in_transit",
                    "Import customs started",
                ),
                Act::new(
                    3 * DAY,
                    UA,
                    "CC_IM_FAILURE",
                    "in_transit",
                    "Import customs exception",
                ),
            ],
            ..BASE
        },
    },
    Script {
        name: "return-to-sender",
        title: "Not collected, on its way back, and back",
        shows: "a return ends with the seller's signature",
        parcel: Parcel {
            number: "LP88000000000077",
            acts: &[
                ORDERED,
                PICKED_UP,
                FLOWN,
                LANDED,
                ON_TOUR,
                Act::new(
                    4 * DAY + 6 * HOUR,
                    PT,
                    "GTMS_SIGN_FAILURE",
                    "delivery_failed",
                    "Delivery closed as failed",
                ),
                Act::new(
                    5 * DAY,
                    PT,
                    "RT_OUTBOUND",
                    "in_transit",
                    "Left for the return",
                ),
                Act::new(
                    9 * DAY,
                    CN,
                    "RETURNED",
                    "in_transit",
                    "Signed by the seller",
                ),
            ],
            ..BASE
        },
    },
    Script {
        name: "access-point",
        title: "Signed for by a station, collected two days later",
        shows: "GTMS_STA_SIGNED is the station and not the recipient",
        parcel: Parcel {
            number: "LP88000000000088",
            destination: "Netherlands",
            last_mile: Some((3 * DAY, "PostNL", "3SSIMU8800000088")),
            station: Some(("Corner Kiosk", "Example Road 88")),
            acts: &[
                ORDERED,
                PICKED_UP,
                FLOWN,
                Act::new(3 * DAY, NL, "GTMS_ACCEPT", "in_transit", "Accepted"),
                Act::new(
                    4 * DAY,
                    NL,
                    "GTMS_STA_SIGNED",
                    "ready_for_collection",
                    "Arrived at the pick-up point",
                ),
                Act::new(
                    6 * DAY,
                    NL,
                    "GSTA_SIGN",
                    "delivered",
                    "Collected by the recipient",
                ),
            ],
            ..BASE
        },
    },
    Script {
        name: "renumbered",
        title: "Labelled anew in mid-journey, with three zones on the way",
        shows: "the epoch of the public page is no instant, and the old number still answers",
        parcel: Parcel {
            number: "LP88000000000099",
            destination: "Ukraine",
            renumbered: Some((2 * DAY, "LB880000095EE")),
            acts: &[
                ORDERED,
                PICKED_UP,
                Act::new(
                    2 * DAY,
                    "Europe/Tallinn",
                    "GTMS_RELABEL",
                    "in_transit",
                    "Relabelled",
                ),
                Act::new(
                    3 * DAY,
                    UA,
                    "CC_HO_OUT_SUCCESS",
                    "in_transit",
                    "Left customs",
                ),
            ],
            ..BASE
        },
    },
    Script {
        name: "local-times",
        title: "Every event is stamped Beijing time, those of Portugal too",
        shows: "GMT+8 at the destination cannot be believed",
        parcel: Parcel {
            number: "LP88000000000100",
            stamps: Stamps::AllBeijing,
            acts: &[
                PICKED_UP,
                FLOWN,
                CLEARED,
                ON_TOUR,
                Act::new(
                    4 * DAY + 5 * HOUR,
                    PT,
                    "GTMS_SIGNED",
                    "delivered",
                    "Delivered",
                ),
                // In none of the lists.
                Act::new(
                    4 * DAY + 6 * HOUR,
                    PT,
                    "SMILE",
                    "delivered",
                    "A survey was sent",
                ),
            ],
            ..BASE
        },
    },
    Script {
        name: "story",
        title: "Shenzhen to Ohio under the number of the post",
        shows: "the line haul, of which no post says a word",
        parcel: Parcel {
            number: STORY,
            destination: "United States",
            acts: &[
                Act::new(
                    TOLD,
                    CN,
                    "GWMS_ACCEPT",
                    "in_transit",
                    "Order taken by the warehouse",
                ),
                Act::new(
                    TOLD + 20 * HOUR,
                    CN,
                    "LH_DEPART",
                    "in_transit",
                    "Line haul departed",
                ),
                Act::new(
                    TOLD + 36 * HOUR,
                    US,
                    "LH_ARRIVE",
                    "in_transit",
                    "Line haul arrived",
                ),
            ],
            ..BASE
        },
    },
];

/// The scripted parcel with that number, else a load parcel.
pub(super) fn find(number: &str) -> Option<Known> {
    let mut scripts = SCRIPTS.iter().map(|script| &script.parcel);
    scripts
        .find(|parcel| parcel.number == number)
        .map(Known::of)
        .or_else(|| load(number))
}

const LOAD_PREFIX: &str = "LP99";
static LOAD: Parcel = BASE;

/// The number of a parcel that is known to the fake Cainiao; ten million of them, then they repeat.
pub fn cainiao_load_number(index: u64) -> String {
    format!("{LOAD_PREFIX}{:012}", index % 10_000_000)
}

fn load(number: &str) -> Option<Known> {
    let digits = number.strip_prefix(LOAD_PREFIX)?;
    let index: u64 = digits.parse().ok().filter(|index| *index < 10_000_000)?;
    if digits.len() != 12 {
        return None;
    }
    let seed = spread(index);
    // Parcels are in every stage when the scenarios start.
    let begin = -(i64::try_from(seed >> 8).unwrap_or(0) % (6 * DAY));
    let journey = [
        ORDERED, PICKED_UP, FLOWN, LANDED, CLEARED, TAKEN_OVER, ON_TOUR,
    ];
    let mut acts: Vec<Act> = journey.to_vec();
    acts.push(if seed.is_multiple_of(16) {
        Act::new(
            4 * DAY + 5 * HOUR,
            PT,
            "GTMS_DEL_FAILURE",
            "delivery_failed",
            "Nobody home",
        )
    } else {
        Act::new(
            4 * DAY + 5 * HOUR,
            PT,
            "GTMS_SIGNED",
            "delivered",
            "Delivered",
        )
    });
    for act in &mut acts {
        act.at += begin;
    }
    Some(Known {
        number: Cow::Owned(number.to_owned()),
        acts: Cow::Owned(acts),
        parcel: &LOAD,
    })
}
