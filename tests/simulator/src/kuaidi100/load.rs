//! Owns the Kuaidi100 parcels of load tests: thousands of known numbers without a table. Knows no HTTP.

use std::borrow::Cow;

use super::parcel::{Event, Known, Place};
use super::scripts::{BEIJING, CHENGDU, GUANGZHOU, HANGZHOU, ev, parcel as blank};
use crate::scenario::{DAY, HOUR, spread};

const PREFIX: &str = "YT99";
const COUNT: u64 = 10_000_000;

/// The number of a parcel that is known to the fake Kuaidi100; ten million of them, then they repeat.
///
/// YTO waybills from YT9900000000000 on.
pub fn kuaidi100_load_number(index: u64) -> String {
    format!("{PREFIX}{:011}", index % COUNT)
}

pub(super) fn parcel(number: &str) -> Option<Known> {
    let digits = number.strip_prefix(PREFIX)?;
    if digits.len() != 11 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let serial: u64 = digits.parse().ok().filter(|serial| *serial < COUNT)?;
    let seed = spread(serial);
    let [from, to]: [&'static Place; 2] = match seed % 3 {
        0 => [&HANGZHOU, &BEIJING],
        1 => [&GUANGZHOU, &CHENGDU],
        _ => [&BEIJING, &GUANGZHOU],
    };
    // Parcels are in every stage when the scenarios start.
    let begin = -(i64::try_from(seed >> 8).unwrap_or(0) % (4 * DAY));
    Some(Known {
        number: number.to_owned(),
        events: Cow::Owned(journey(begin, seed, from, to)),
        parcel: blank("yuantong"),
    })
}

fn journey(begin: i64, seed: u64, from: &'static Place, to: &'static Place) -> Vec<Event> {
    let mut events = vec![
        ev(begin, "101", from, "已下单"),
        ev(begin + 4 * HOUR, "103", from, "已揽收"),
        ev(begin + 9 * HOUR, "1002", from, "已发出"),
        ev(begin + DAY + 4 * HOUR, "1001", to, "已到达"),
        ev(begin + DAY + 8 * HOUR, "5", to, "派件中"),
    ];
    let (code, text) = if seed.is_multiple_of(16) {
        ("501", "已放入驿站")
    } else {
        ("301", "已签收，签收人：本人")
    };
    events.push(ev(begin + DAY + 11 * HOUR, code, to, text));
    events
}
