//! Owns the scripted DHL parcels, all made up: number, places, events. Knows no JSON and no HTTP.
//!
//! Numbers: express waybills with a right mod 7 digit, parcel-de identcodes with a right 4/9 digit and an
//! SSCC with a right GS1 digit; eCommerce numbers have no check digit.

mod odd;
mod usual;

use super::parcel::{Event, Parcel, Place, References, Times};
use crate::scenario::{DAY, HOUR};

/// A script: what is told about it and the parcels that answer to its number.
pub(super) struct Script {
    pub(super) name: &'static str,
    pub(super) number: &'static str,
    pub(super) title: &'static str,
    pub(super) shows: &'static str,
    pub(super) parcels: &'static [Parcel],
}

impl Script {
    /// Minutes from the start to the last event.
    pub(super) fn last_event(&self) -> i64 {
        let all = self.parcels.iter().flat_map(|parcel| parcel.events.iter());
        all.map(|event| event.at).max().unwrap_or(0)
    }
}

const fn place(locality: &'static str, country: &'static str, zone: &'static str) -> Place {
    Place {
        locality,
        country,
        postal_code: None,
        zone,
    }
}

pub(super) const SHENZHEN: Place =
    place("SHENZHEN - CHINA, PEOPLES REPUBLIC", "CN", "Asia/Shanghai");
pub(super) const LEIPZIG: Place = place("LEIPZIG - GERMANY", "DE", "Europe/Berlin");
pub(super) const BERLIN: Place = place("BERLIN - GERMANY", "DE", "Europe/Berlin");
pub(super) const LYON: Place = place("LYON - FRANCE", "FR", "Europe/Paris");
pub(super) const BRUSSELS: Place = place("BRUSSELS - BELGIUM", "BE", "Europe/Brussels");
pub(super) const MADRID: Place = place("MADRID - SPAIN", "ES", "Europe/Madrid");
pub(super) const WARSAW: Place = place("WARSAW - POLAND", "PL", "Europe/Warsaw");
pub(super) const CINCINNATI: Place = place("CINCINNATI HUB, OH - USA", "US", "America/New_York");
pub(super) const EAST_MIDLANDS: Place = place("EAST MIDLANDS - UK", "GB", "Europe/London");
const ROTTERDAM: Place = place("ROTTERDAM - NETHERLANDS, THE", "NL", "Europe/Amsterdam");
const KASSEL: Place = place("Kassel, Germany", "DE", "Europe/Berlin");
const KIEL: Place = Place {
    postal_code: Some("24103"),
    ..place("Kiel, Germany", "DE", "Europe/Berlin")
};
const GRAZ: Place = place("Graz, Austria", "AT", "Europe/Vienna");
const GUANGZHOU: Place = place("Guangzhou, CN", "CN", "Asia/Shanghai");
const COMPTON: Place = Place {
    postal_code: Some("90220"),
    ..place("Compton, CA, US", "US", "America/Los_Angeles")
};
const BOISE: Place = Place {
    postal_code: Some("83702"),
    ..place("Boise, ID, US", "US", "America/Boise")
};

pub(super) const BASE: Parcel = Parcel {
    number: "",
    numeric_id: false,
    service: "express",
    product: "DHL Express - Worldwide",
    origin: &LYON,
    destination: &BERLIN,
    locked_by: None,
    pieces: &[],
    weight: Some((2.4, "kg")),
    references: References::None,
    times: Times::LocalMarkedZulu,
    events: &[],
    status: None,
    due: None,
    signed_by: None,
};
const PARCEL_DE: Parcel = Parcel {
    service: "parcel-de",
    product: "DHL PAKET (parcel)",
    origin: &KASSEL,
    destination: &KIEL,
    times: Times::Local,
    ..BASE
};
const ECOMMERCE: Parcel = Parcel {
    service: "ecommerce",
    product: "DHL SM Parcel Expedited",
    origin: &COMPTON,
    destination: &BOISE,
    weight: Some((1.1, "lbs")),
    times: Times::Mixed,
    ..BASE
};

const fn ev(at: i64, code: &'static str, text: &'static str) -> Event {
    Event::new(at, code, text)
}

const LABEL: Event = ev(0, "pre-transit", "Shipment information received");
const PICKED_UP: Event = ev(5 * HOUR, "transit", "Shipment picked up").place(&LYON);
const AT_HUB: Event = ev(DAY, "transit", "Arrived at DHL Sort Facility").place(&LEIPZIG);
const ON_ROAD: Event = ev(
    2 * DAY,
    "transit",
    "Shipment is out with courier for delivery",
)
.place(&BERLIN);

const PIECES: [&str; 3] = [
    "JD014600000000000011",
    "JD014600000000000012",
    "JD014600000000000013",
];

/// Every script.
pub(super) fn all() -> impl Iterator<Item = &'static Script> {
    usual::SCRIPTS.iter().chain(&odd::SCRIPTS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digits(number: &str) -> Vec<u32> {
        number
            .chars()
            .filter_map(|digit| digit.to_digit(10))
            .collect()
    }

    /// Check digit of a Deutsche Post identcode: weights 4 and 9 from the left.
    fn identcode(digits: &[u32]) -> bool {
        let (payload, check) = digits.split_at(11);
        let weights = [4, 9].into_iter().cycle();
        let sum: u32 = payload
            .iter()
            .zip(weights)
            .map(|(digit, weight)| digit * weight)
            .sum();
        check == [(10 - sum % 10) % 10]
    }

    /// Check digit of GS1: weights 3 and 1 from the right.
    fn sscc(digits: &[u32]) -> bool {
        let (payload, check) = digits.split_at(19);
        let weights = [3, 1].into_iter().cycle();
        let sum: u32 = payload
            .iter()
            .rev()
            .zip(weights)
            .map(|(digit, weight)| digit * weight)
            .sum();
        check == [(10 - sum % 10) % 10]
    }

    #[test]
    fn long_numbers_have_a_right_check_digit() {
        assert!(identcode(&digits("218025809066")), "the published example");
        for script in all() {
            let digits = digits(script.number);
            match script.number.len() {
                12 => assert!(identcode(&digits), "{}", script.name),
                20 => assert!(sscc(&digits), "{}", script.name),
                _ => {}
            }
        }
    }

    #[test]
    fn names_are_told_apart() {
        let mut names: Vec<&str> = all().map(|script| script.name).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
