//! Owns the UPS packages that no table holds: those of load tests and of the large shipment. Knows no HTTP.

use std::borrow::Cow;

use super::scripts::{ATLANTA, CHICAGO, COLOGNE, DALLAS, LOUISVILLE, SEATTLE};
use super::scripts::{BULK, LOAD};
use super::shipment::{Act, Found, Known, Place};
use crate::scenario::{DAY, HOUR, spread};

const LOAD_PREFIX: &str = "LOAD0003";
const BULK_PREFIX: &str = "SIM00103900";
/// Packages of the large shipment: more than a page of 50.
pub(super) const BULK_COUNT: usize = 60;

/// The number of a package that is known to the fake UPS; ten million of them, then they repeat.
///
/// 1Z numbers of the shipper `LOAD00`, service 03, with a right check digit.
pub fn ups_load_number(index: u64) -> String {
    one_z(&format!("{LOAD_PREFIX}{:07}", index % 10_000_000))
}

pub(super) fn bulk_number(index: usize) -> String {
    one_z(&format!("{BULK_PREFIX}{index:04}"))
}

fn one_z(body: &str) -> String {
    format!("1Z{body}{}", check_digit(body))
}

/// Mod 10 over the 15 characters after `1Z`: every second doubled, letters as (ASCII - 3) mod 10.
pub(super) fn check_digit(body: &str) -> char {
    let value = |byte: u8| match byte {
        b'0'..=b'9' => u32::from(byte - b'0'),
        other => u32::from(other.saturating_sub(3)) % 10,
    };
    let weighted = |(index, byte): (usize, u8)| value(byte) * if index % 2 == 0 { 1 } else { 2 };
    let sum: u32 = body.bytes().enumerate().map(weighted).sum();
    char::from_digit((10 - sum % 10) % 10, 10).unwrap_or('0')
}

/// The generated package with that number; the check digit has been looked at before.
pub(super) fn find(number: &str) -> Option<Found> {
    let body = number.strip_prefix("1Z")?.get(..15)?;
    if let Some(index) = body.strip_prefix(BULK_PREFIX) {
        let asked = index.parse().ok().filter(|index| *index < BULK_COUNT)?;
        let acts = Cow::Borrowed(BULK.packages[0].acts);
        let package = |index| Known {
            number: Cow::Owned(bulk_number(index)),
            acts: acts.clone(),
            package: &BULK.packages[0],
        };
        return Some(Found {
            shipment: &BULK,
            packages: (0..BULK_COUNT).map(package).collect(),
            asked,
        });
    }
    let index: u64 = body.strip_prefix(LOAD_PREFIX)?.parse().ok()?;
    let known = Known {
        number: Cow::Owned(number.to_owned()),
        acts: Cow::Owned(journey(spread(index))),
        package: &LOAD.packages[0],
    };
    Some(Found {
        shipment: &LOAD,
        packages: vec![known],
        asked: 0,
    })
}

fn journey(seed: u64) -> Vec<Act> {
    // Packages are in every stage when the scenarios start.
    let begin = -(i64::try_from(seed >> 8).unwrap_or(0) % (5 * DAY));
    let [origin, hub, destination]: [&'static Place; 3] = match seed % 4 {
        0 => [&LOUISVILLE, &CHICAGO, &SEATTLE],
        1 => [&DALLAS, &ATLANTA, &CHICAGO],
        2 => [&SEATTLE, &LOUISVILLE, &ATLANTA],
        _ => [&COLOGNE, &LOUISVILLE, &DALLAS],
    };
    let at = |hours: i64| begin + hours * HOUR;
    let mut acts = vec![
        Act::new(
            at(0),
            origin,
            "M",
            "MP",
            "003",
            "Shipper created a label, UPS does not have the package yet. ",
        ),
        Act::new(at(6), origin, "I", "OR", "005", "Origin Scan"),
        Act::new(at(10), origin, "I", "DP", "005", "Departed from Facility"),
        Act::new(at(22), hub, "I", "AR", "005", "Arrived at Facility"),
        Act::new(at(26), hub, "I", "DP", "005", "Departed from Facility"),
        Act::new(at(44), destination, "I", "DS", "005", "Destination Scan"),
        Act::new(
            at(50),
            destination,
            "I",
            "OT",
            "021",
            "Out For Delivery Today",
        ),
    ];
    acts.push(if seed.is_multiple_of(16) {
        Act::new(
            at(56),
            destination,
            "X",
            "48",
            "022",
            "The receiver was not available for delivery.",
        )
    } else {
        Act::new(at(55), destination, "D", "FS", "011", "DELIVERED ")
    });
    acts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_digits_agree_with_published_numbers() {
        for number in [
            "1Z5915806855587736",
            "1Z999AA10123456784",
            "1Z5R89390357567127",
        ] {
            assert!(number.ends_with(check_digit(&number[2..17])), "{number}");
        }
    }
}
