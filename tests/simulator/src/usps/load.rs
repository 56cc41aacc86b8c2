//! Owns the USPS items that no table holds: those of load tests. Knows no HTTP.

use super::item::{Act, Place};
use super::scripts::{ATLANTA, CHICAGO, DALLAS, DENVER, SEATTLE};
use crate::scenario::{DAY, HOUR, spread};

const PREFIX: &str = "94007799";

/// The number of an item that is known to the fake USPS: 22 digits with a right check digit.
pub(super) fn number(index: u64) -> String {
    let body = format!("{PREFIX}{:013}", index % 10_000_000_000_000);
    let digit = check_digit(&body);
    format!("{body}{digit}")
}

/// Mod 10, the last digit before the check digit weighs three, the one before it one.
pub(super) fn check_digit(body: &str) -> char {
    let digits = body.bytes().rev().map(|byte| u32::from(byte & 15));
    let sum: u32 = digits
        .enumerate()
        .map(|(at, digit)| if at % 2 == 0 { 3 * digit } else { digit })
        .sum();
    char::from_digit((10 - sum % 10) % 10, 10).unwrap_or('0')
}

/// The events of the generated item with that number.
pub(super) fn find(number: &str) -> Option<Vec<Act>> {
    let (body, digit) = number.split_at_checked(21)?;
    let index = body.strip_prefix(PREFIX)?.parse().ok()?;
    let fits = digit.chars().eq([check_digit(body)]);
    fits.then(|| journey(spread(index)))
}

fn journey(seed: u64) -> Vec<Act> {
    // Items are in every stage when the scenarios start.
    let begin = -(i64::try_from(seed >> 8).unwrap_or(0) % (5 * DAY));
    let [origin, hub, destination]: [&'static Place; 3] = match seed % 4 {
        0 => [&CHICAGO, &ATLANTA, &DENVER],
        1 => [&DALLAS, &CHICAGO, &SEATTLE],
        2 => [&SEATTLE, &DENVER, &ATLANTA],
        _ => [&ATLANTA, &DALLAS, &CHICAGO],
    };
    let at = |hours: i64| begin + hours * HOUR;
    let transit = "In Transit";
    let mut acts = vec![
        Act::new(
            at(0),
            origin,
            "GX",
            "Shipping Label Created, USPS Awaiting Item",
            "Pre-Shipment",
        ),
        Act::new(
            at(6),
            origin,
            "03",
            "USPS in possession of item",
            "Accepted",
        ),
        Act::new(
            at(10),
            origin,
            "10",
            "Arrived at USPS Regional Origin Facility",
            transit,
        ),
        Act::new(
            at(14),
            origin,
            "EF",
            "Departed USPS Regional Facility",
            transit,
        ),
        Act::new(
            at(30),
            hub,
            "10",
            "Arrived at USPS Regional Facility",
            transit,
        ),
        Act::new(at(52), destination, "07", "Arrived at Post Office", transit),
        Act::new(
            at(54),
            destination,
            "OF",
            "Out for Delivery",
            "Out for Delivery",
        ),
    ];
    acts.push(if seed.is_multiple_of(16) {
        Act::new(
            at(59),
            destination,
            "02",
            "Notice Left (No Authorized Recipient Available)",
            "Delivery Attempt",
        )
    } else {
        Act::new(
            at(59),
            destination,
            "01",
            "Delivered, In/At Mailbox",
            "Delivered",
        )
    });
    acts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_digits_agree_with_published_numbers() {
        for number in ["9400111206206407628746", "9434611206206407667136"] {
            assert!(number.ends_with(check_digit(&number[..21])), "{number}");
        }
    }
}
