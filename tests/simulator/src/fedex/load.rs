//! Owns the FedEx parcels that no table holds: those of load tests. Knows no HTTP.

use std::borrow::Cow;

use super::scripts::{LOAD, MEMPHIS, MIAMI, PARIS, PORTLAND, STLOUIS};
use super::shipment::{Act, Found, Place};
use crate::scenario::{DAY, HOUR, spread};

const PREFIX: &str = "70";

/// The number of a parcel that is known to the fake FedEx; a thousand million of them, then they
/// repeat. They have twelve digits with a right check digit.
pub fn fedex_load_number(index: u64) -> String {
    let body = format!("{PREFIX}{:09}", index % 1_000_000_000);
    let digit = check_digit(&body);
    format!("{body}{digit}")
}

/// Weights 3, 1 and 7 in turn, modulo 11, of which 10 is written 0.
pub(super) fn check_digit(body: &str) -> u32 {
    let weights = [3, 1, 7].into_iter().cycle();
    let digits = body.chars().map(|digit| digit.to_digit(10).unwrap_or(0));
    let sum: u32 = digits
        .zip(weights)
        .map(|(digit, weight)| digit * weight)
        .sum();
    sum % 11 % 10
}

/// The generated parcel with that number.
pub(super) fn find(number: &str) -> Option<Found> {
    let (body, digit) = number.split_at_checked(11)?;
    let index: u64 = body.strip_prefix(PREFIX)?.parse().ok()?;
    if digit != check_digit(body).to_string() {
        return None;
    }
    Some(Found {
        number: Cow::Owned(number.to_owned()),
        acts: Cow::Owned(journey(spread(index))),
        shipment: &LOAD,
        piece: None,
    })
}

fn journey(seed: u64) -> Vec<Act> {
    // Parcels are in every stage when the scenarios start.
    let begin = -(i64::try_from(seed >> 8).unwrap_or(0) % (5 * DAY));
    let [origin, destination]: [&'static Place; 2] = match seed % 4 {
        0 => [&PORTLAND, &STLOUIS],
        1 => [&STLOUIS, &MIAMI],
        2 => [&MIAMI, &PORTLAND],
        _ => [&PARIS, &MIAMI],
    };
    let at = |hours: i64| begin + hours * HOUR;
    let mut acts = vec![
        Act::new(at(0), origin, "OC", "Shipment information sent to FedEx"),
        Act::new(at(6), origin, "PU", "Picked up"),
        Act::new(at(9), origin, "DP", "Left FedEx origin facility"),
        Act::new(at(18), &MEMPHIS, "AR", "Arrived at FedEx hub"),
        Act::new(at(24), &MEMPHIS, "DP", "Departed FedEx hub"),
        Act::new(at(44), destination, "AR", "At local FedEx facility"),
        Act::new(at(49), destination, "OD", "On FedEx vehicle for delivery"),
    ];
    acts.push(if seed.is_multiple_of(16) {
        Act::new(at(55), destination, "DE", "Delivery exception")
            .because("08", "Customer not available or business closed")
    } else {
        Act::new(at(54), destination, "DL", "Delivered")
    });
    acts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_digits_agree_with_published_numbers() {
        for number in ["986578788855", "799531274483", "790535312317"] {
            let (body, digit) = number.split_at(11);
            assert_eq!(check_digit(body).to_string(), digit, "{number}");
        }
    }
}
