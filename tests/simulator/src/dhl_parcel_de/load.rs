//! Owns the German parcels of load tests: millions of known numbers without a table. Knows no HTTP.

use std::borrow::Cow;

use super::parcel::{Event, Known, Parcel};
use super::request::identcode;
use super::scripts::BASE;
use crate::scenario::{DAY, HOUR, spread};

/// Load identcodes begin with these digits; seven more and the check digit follow.
const PREFIX: &str = "7800";
const COUNT: u64 = 10_000_000;

/// The number of a parcel that is known to the fake; ten million of them, then they repeat.
pub(super) fn number(index: u64) -> String {
    let payload = format!("{PREFIX}{:07}", index % COUNT);
    let digits: Vec<u32> = payload.chars().filter_map(|c| c.to_digit(10)).collect();
    format!("{payload}{}", identcode(&digits))
}

/// The generated parcel with that number; the check digit has been looked at before.
pub(super) fn parcel(number: &str) -> Option<Known> {
    let rest = number.strip_prefix(PREFIX).filter(|rest| rest.len() == 8)?;
    let index: u64 = rest.get(..7)?.parse().ok()?;
    let seed = spread(index);
    // Parcels are in every stage when the scenarios start.
    let begin = -(i64::try_from(seed >> 8).unwrap_or(0) % (5 * DAY));
    Some(Known {
        number: Cow::Owned(number.to_owned()),
        events: Cow::Owned(journey(begin, seed)),
        parcel: Parcel {
            from: begin,
            due: Some(begin + 3 * DAY),
            ..BASE
        },
    })
}

fn journey(begin: i64, seed: u64) -> Vec<Event> {
    const TOWNS: [&str; 4] = ["Kiel", "Kassel", "Passau", "Aachen"];
    let town = TOWNS[(seed % 4) as usize];
    let event = |at, codes, text, town| Event {
        at: begin + at,
        codes,
        text,
        town,
        country: "Germany",
        back: false,
    };
    let mut events = vec![
        event(0, ["PARCV", "NRQRD", "VA"], "The parcel was announced.", ""),
        event(
            4 * HOUR,
            ["SHRCU", "NRQRD", "ES"],
            "The parcel was handed in.",
            "Ulm",
        ),
        event(
            9 * HOUR,
            ["SRTED", "NRQRD", "NB"],
            "The parcel was sorted.",
            "Ulm",
        ),
        event(
            20 * HOUR,
            ["ULFMV", "UNLDD", "EE"],
            "The parcel has arrived.",
            town,
        ),
        event(
            DAY,
            ["LDTMV", "MVMTV", "PO"],
            "The parcel is on its last way.",
            town,
        ),
    ];
    events.push(if seed.is_multiple_of(16) {
        event(
            DAY + 3 * HOUR,
            ["NTDEL", "NHOME", "ZN"],
            "Nobody was at home.",
            town,
        )
    } else {
        event(
            DAY + 3 * HOUR,
            ["DLVRD", "ACCPT", "ZU"],
            "The parcel was delivered.",
            town,
        )
    });
    events
}
