//! Owns the scripted German parcels, all made up: number, towns, events. Knows no XML and no HTTP.
//!
//! Numbers are SSCCs with a right GS1 digit and identcodes with a right 4/9 digit.

use super::parcel::{Event, Parcel};
use crate::scenario::{DAY, HOUR};

/// A script: what is told about it and the parcel.
pub(super) struct Script {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) shows: &'static str,
    pub(super) parcel: Parcel,
}

impl Script {
    /// Minutes from the start to the last event.
    pub(super) fn last_event(&self) -> i64 {
        let times = self.parcel.events.iter().map(|event| event.at);
        times.max().unwrap_or(self.parcel.from)
    }
}

pub(super) const BASE: Parcel = Parcel {
    number: "",
    from: 0,
    postal_code: "24103",
    destination: "DE",
    upu: "",
    weight: "1.8",
    accepted_by: "",
    due: Some(2 * DAY),
    foreign: false,
    events: &[],
};

const fn ev(at: i64, codes: [&'static str; 3], text: &'static str, town: &'static str) -> Event {
    Event {
        at,
        codes,
        text,
        town,
        country: "Germany",
        back: false,
    }
}

const fn back(event: Event) -> Event {
    Event {
        back: true,
        ..event
    }
}

const fn abroad(event: Event, country: &'static str) -> Event {
    Event { country, ..event }
}

const ANNOUNCED: Event = ev(0, ["PARCV", "NRQRD", "VA"], "The parcel was announced.", "");
const HANDED_IN: Event = ev(
    5 * HOUR,
    ["SHRCU", "SERPT", "ES"],
    "The parcel was handed in at a shop.",
    "Kassel",
);
const LEFT: Event = ev(
    11 * HOUR,
    ["LDTMV", "MVMTV", "AA"],
    "The parcel has left the parcel centre.",
    "Kassel",
);
const CAME: Event = ev(
    20 * HOUR,
    ["ULFMV", "UNLDD", "EE"],
    "The parcel has arrived in the region.",
    "Kiel",
);
const ON_ROAD: Event = ev(
    DAY,
    ["LDTMV", "MVMTV", "PO"],
    "The parcel is on the delivery vehicle.",
    "Kiel",
);
const DELIVERED: Event = ev(
    DAY + 4 * HOUR,
    ["DLVRD", "ACCPT", "ZU"],
    "The parcel was delivered.",
    "Kiel",
);

pub(super) static SCRIPTS: [Script; 12] = [
    Script {
        name: "delivered",
        title: "Kassel to Kiel, handed over",
        shows: "German times to the minute, without an offset",
        parcel: Parcel {
            number: "00340437700000000112",
            accepted_by: "M MUSTER",
            events: &[ANNOUNCED, HANDED_IN, LEFT, CAME, ON_ROAD, DELIVERED],
            ..BASE
        },
    },
    Script {
        name: "in-transit",
        title: "Kassel to Kiel, in the region",
        shows: "a day is expected",
        parcel: Parcel {
            number: "00340437700000000228",
            events: &[ANNOUNCED, HANDED_IN, LEFT, CAME],
            ..BASE
        },
    },
    Script {
        name: "out-for-delivery",
        title: "Kassel to Kiel, on the vehicle",
        shows: "nothing after out for delivery: the state must not run ahead",
        parcel: Parcel {
            number: "780100000332",
            events: &[ANNOUNCED, HANDED_IN, LEFT, CAME, ON_ROAD],
            ..BASE
        },
    },
    Script {
        name: "label-only",
        title: "Announced and never handed in",
        shows: "data is not possession",
        parcel: Parcel {
            number: "00340437700000000440",
            events: &[ANNOUNCED],
            ..BASE
        },
    },
    Script {
        name: "not-found-yet",
        title: "Asked for before its data arrives",
        shows: "code 100 first, then a parcel",
        parcel: Parcel {
            number: "780100000556",
            from: 6 * HOUR,
            events: &[ev(
                6 * HOUR,
                ["PARCV", "NRQRD", "VA"],
                "The parcel was announced.",
                "",
            )],
            ..BASE
        },
    },
    Script {
        name: "locker",
        title: "Put into a Packstation and collected",
        shows: "put into a locker is not delivered",
        parcel: Parcel {
            number: "00340437700000000662",
            events: &[
                ANNOUNCED,
                HANDED_IN,
                ON_ROAD,
                ev(
                    DAY + 3 * HOUR,
                    ["DLVRD", "PCKAD", "ZU"],
                    "The parcel was put into a PACKSTATION.",
                    "Kiel",
                ),
                ev(
                    DAY + 4 * HOUR,
                    ["HLDCC", "LDPCK", "LA"],
                    "The parcel is ready for collection.",
                    "Kiel",
                ),
                ev(
                    3 * DAY,
                    ["DLVRD", "ACCPK", "ZU"],
                    "The recipient has collected the parcel.",
                    "Kiel",
                ),
            ],
            ..BASE
        },
    },
    Script {
        name: "failed-attempt",
        title: "Nobody home, then to a shop",
        shows: "an attempt, and a parcel that waits",
        parcel: Parcel {
            number: "780100000770",
            events: &[
                ANNOUNCED,
                HANDED_IN,
                ON_ROAD,
                ev(
                    DAY + 3 * HOUR,
                    ["NTDEL", "NHOME", "ZN"],
                    "Nobody was at home.",
                    "Kiel",
                ),
                ev(
                    2 * DAY,
                    ["CNRFC", "SERPT", "ZF"],
                    "The parcel waits in the shop.",
                    "Kiel",
                ),
            ],
            ..BASE
        },
    },
    Script {
        name: "return-to-sender",
        title: "Wrong address, sent back",
        shows: "a delivery on the way back is a return",
        parcel: Parcel {
            number: "00340437700000000884",
            accepted_by: "A SENDER",
            events: &[
                ANNOUNCED,
                HANDED_IN,
                ON_ROAD,
                ev(
                    DAY + 3 * HOUR,
                    ["NTDEL", "BDADD", "ZN"],
                    "The address was not found.",
                    "Kiel",
                ),
                ev(
                    2 * DAY,
                    ["RETRN", "BDADD", "ZN"],
                    "The parcel goes back.",
                    "Kiel",
                ),
                back(ev(
                    3 * DAY,
                    ["LDTMV", "MVMTV", "PO"],
                    "The parcel is on the delivery vehicle.",
                    "Kassel",
                )),
                back(ev(
                    3 * DAY + 2 * HOUR,
                    ["DLVRD", "ACCPT", "ZU"],
                    "The parcel was delivered to the sender.",
                    "Kassel",
                )),
            ],
            ..BASE
        },
    },
    Script {
        name: "customs-hold",
        title: "To the United States, held by customs",
        shows: "scans abroad have German time too",
        parcel: Parcel {
            number: "00340437700000000990",
            destination: "US",
            upu: "CH123456785DE",
            events: &[
                ANNOUNCED,
                HANDED_IN,
                ev(
                    DAY,
                    ["ICPRC", "FWEXH", "ZO"],
                    "Export customs look at the parcel.",
                    "Frankfurt",
                ),
                abroad(
                    ev(3 * DAY, ["HLDCU", "NORSN", "ZO"], "Customs hold it.", ""),
                    "United States",
                ),
                abroad(
                    ev(5 * DAY, ["RSDCP", "OARRV", "ZO"], "Customs are done.", ""),
                    "United States",
                ),
            ],
            ..BASE
        },
    },
    Script {
        name: "withdrawn",
        title: "A delivery that the courier took back",
        shows: "an event can withdraw the one before it",
        parcel: Parcel {
            number: "00340437700000001102",
            events: &[
                ANNOUNCED,
                HANDED_IN,
                ON_ROAD,
                DELIVERED,
                ev(
                    DAY + 4 * HOUR + 2,
                    ["STORN", "NRQRD", "DD"],
                    "The entry before was deleted.",
                    "Kiel",
                ),
                ev(
                    DAY + 5 * HOUR,
                    ["DLVRF", "OTHER", "ZN"],
                    "The recipient refused the parcel.",
                    "Kiel",
                ),
            ],
            ..BASE
        },
    },
    Script {
        name: "unknown-code",
        title: "Codes that no list has",
        shows: "an unknown code must be kept and must not end anything",
        parcel: Parcel {
            number: "780100001215",
            events: &[
                ANNOUNCED,
                HANDED_IN,
                ev(
                    DAY,
                    ["ZZZZZ", "YYYYY", "XX"],
                    "Something new <& strange> happened.",
                    "Kiel",
                ),
            ],
            ..BASE
        },
    },
    Script {
        name: "not-ours",
        title: "A parcel of another business customer",
        shows: "the account may not see it, the public may",
        parcel: Parcel {
            number: "00340437700000001317",
            foreign: true,
            events: &[ANNOUNCED, HANDED_IN],
            ..BASE
        },
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dhl_parcel_de::request::is_sound;

    #[test]
    fn numbers_are_sound_and_events_are_in_order() {
        let mut names: Vec<&str> = SCRIPTS.iter().map(|script| script.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), SCRIPTS.len());
        for script in &SCRIPTS {
            assert!(is_sound(script.parcel.number), "{}", script.name);
            assert!(script.parcel.events.is_sorted_by_key(|event| event.at));
        }
    }
}
