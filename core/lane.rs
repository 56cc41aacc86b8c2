//! How long silence is usual: by what the item is doing, how it travels, and the season.
//!
//! A parcel on a ship or in a sealed despatch is silent because nobody scans it. Inside the norm
//! nobody is blamed. The figures are seeds of the project's design, not measurements: an
//! operator's own traces are the better ones.

use jiff::civil::{Date, date};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::entry::DAY;
use crate::shipment::Shipment;
use crate::status::Status;

/// No scan is expected for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// Until about then.
    pub until: Timestamp,
    /// Why.
    pub reason: SilenceReason,
}

/// Why no scan is expected. Numbers as in the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SilenceReason {
    /// At sea.
    Sea = 1,
    /// In the air, or waiting for a flight.
    Air = 2,
    /// The usual gap on this lane, service and leg.
    LaneNorm = 3,
    /// Peak season or public holidays.
    Peak = 4,
}

/// What the item is doing while it is silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stretch {
    /// Data without a scan.
    Announced,
    /// On the delivery round.
    Round,
    /// In a network that scans at every step: domestic or express.
    Network,
    /// On its way across borders, but not between two countries.
    Abroad,
    /// Between the departure from one country and the arrival in the next.
    Crossing(Mode),
    /// Nothing is known of the lane.
    Unknown,
}

/// How it crosses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Sea,
    Air,
    Unknown,
}

/// Hours after a hand-over within which the carrier's first scan is usual. A day, so that what is
/// collected in the evening and scanned in the depot at night is inside it.
pub(crate) const FIRST_SCAN_HOURS: i64 = DAY;

/// How long a silence may last here.
pub(crate) struct Norm {
    pub(crate) hours: i64,
    /// Set where no scan is expected meanwhile.
    pub(crate) reason: Option<SilenceReason>,
}

/// Days of silence that are usual. Where little is known the norm is long, so that missing
/// knowledge accuses nobody.
const fn days(stretch: Stretch) -> i64 {
    match stretch {
        Stretch::Round => 3,
        Stretch::Announced => 5,
        Stretch::Network => 7,
        Stretch::Abroad | Stretch::Crossing(Mode::Air) => 14,
        Stretch::Unknown | Stretch::Crossing(Mode::Unknown) => 30,
        Stretch::Crossing(Mode::Sea) => 60,
    }
}

/// Hours that every norm has at least.
pub(crate) const LEAST_HOURS: i64 = days(Stretch::Round) * DAY;

/// The norm of a silence that began at `since`.
pub(crate) fn norm(stretch: Stretch, since: Timestamp, from_china: bool) -> Norm {
    let peak = is_peak(since, from_china);
    let hours = days(stretch) * DAY;
    let hours = if peak { hours + hours / 2 } else { hours };
    let reason = match stretch {
        Stretch::Crossing(Mode::Sea) => Some(SilenceReason::Sea),
        Stretch::Crossing(_) if peak => Some(SilenceReason::Peak),
        Stretch::Crossing(Mode::Air) => Some(SilenceReason::Air),
        Stretch::Crossing(Mode::Unknown) => Some(SilenceReason::LaneNorm),
        _ => None,
    };
    Norm { hours, reason }
}

/// What a record in this status is doing. `crossing`: it left one country and is not heard of from
/// the next.
pub(crate) fn stretch(record: &Shipment, status: Status, crossing: bool) -> Stretch {
    let country = |place: &Option<crate::place::Location>| {
        let known = place.as_ref().map(|place| place.country.clone());
        known.filter(|country| !country.is_empty())
    };
    let services = || {
        let legs = record.legs.iter().map(|leg| leg.service.as_str());
        std::iter::once(record.service.as_str()).chain(legs)
    };
    let express = services().any(|name| is_express(&name.to_lowercase()));
    match country(&record.origin).zip(country(&record.destination)) {
        _ if status == Status::OutForDelivery => Stretch::Round,
        _ if status == Status::InfoReceived => Stretch::Announced,
        Some((from, to)) if express || from == to => Stretch::Network,
        _ if crossing => Stretch::Crossing(mode(services(), record.number.reveal())),
        Some(_) => Stretch::Abroad,
        None => Stretch::Unknown,
    }
}

/// Whether a service is that of a network that scans at every step. The express mail of posts is not,
/// and no shop that calls itself so.
fn is_express(service: &str) -> bool {
    says(service, "express") && !says(service, "express mail")
}

/// Words in the name of a service that say how it travels.
const SEA: [&str; 9] = [
    "sea",
    "ocean",
    "seefracht",
    "boat",
    "ship line",
    "海运",
    "海派",
    "水陆路",
    "surface",
];
const AIR: [&str; 8] = [
    "air",
    "epacket",
    "eub",
    "空运",
    "航空",
    "空派",
    "express mail",
    "e邮宝",
];

fn mode<'a>(services: impl Iterator<Item = &'a str>, number: &str) -> Mode {
    let mut found = Mode::Unknown;
    for name in services {
        let name = name.to_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| says(&name, word));
        if says(&SEA) {
            return Mode::Sea;
        }
        if says(&AIR) {
            found = Mode::Air;
        }
    }
    // EMS items and tracked letters fly (UPU S10 service indicators E and L).
    let postal = number.len() == 13 && number.ends_with(|end: char| end.is_ascii_uppercase());
    if found == Mode::Unknown && postal && number.starts_with(['E', 'L']) {
        return Mode::Air;
    }
    found
}

/// A whole word of a name in letters, or part of one in Chinese characters.
fn says(name: &str, word: &str) -> bool {
    if !word.is_ascii() || word.contains(' ') {
        return name.contains(word);
    }
    name.split(|letter: char| !letter.is_ascii_alphanumeric())
        .any(|part| part == word)
}

/// First days of the Chinese year; the holiday takes a week, and factories stop before and after.
const NEW_YEARS: [Date; 7] = [
    date(2025, 1, 29),
    date(2026, 2, 17),
    date(2027, 2, 6),
    date(2028, 1, 26),
    date(2029, 2, 13),
    date(2030, 2, 3),
    date(2031, 1, 23),
];

/// From Singles' Day to the first week of January everywhere, and around the Chinese New Year for
/// what comes from China: volumes are up, or everybody is away.
fn is_peak(at: Timestamp, from_china: bool) -> bool {
    let day = jiff::tz::TimeZone::UTC.to_datetime(at).date();
    let (month, number) = (day.month(), day.day());
    let end_of_year = matches!((month, number), (11, 11..) | (12, _) | (1, ..=5));
    let around = |start: &Date| {
        let apart = day.duration_since(*start);
        (SignedDuration::from_hours(-10 * 24)..=SignedDuration::from_hours(18 * 24))
            .contains(&apart)
    };
    end_of_year || (from_china && NEW_YEARS.iter().any(around))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_norm_is_shorter_than_the_least() {
        for stretch in [
            Stretch::Announced,
            Stretch::Round,
            Stretch::Network,
            Stretch::Abroad,
            Stretch::Crossing(Mode::Sea),
            Stretch::Crossing(Mode::Air),
            Stretch::Crossing(Mode::Unknown),
            Stretch::Unknown,
        ] {
            let norm = norm(stretch, Timestamp::UNIX_EPOCH, false);
            assert!(norm.hours >= LEAST_HOURS, "{stretch:?}");
        }
    }

    #[test]
    fn peaks() {
        for (day, china, peak) in [
            ("2026-11-10", true, false),
            ("2026-11-11", false, true),
            ("2026-12-24", false, true),
            ("2027-01-05", true, true),
            ("2027-01-06", true, false),
            ("2027-01-27", true, true),
            ("2027-01-26", true, false),
            ("2027-02-24", true, true),
            ("2027-02-25", true, false),
            ("2027-02-06", false, false),
        ] {
            let at = format!("{day}T12:00:00Z").parse().unwrap();
            assert_eq!(is_peak(at, china), peak, "{day}");
        }
    }

    #[test]
    fn how_it_travels() {
        for (service, number, expected) in [
            ("Economy Sea Parcel", "AB123", Mode::Sea),
            ("海运专线", "AB123", Mode::Sea),
            ("Seaport Priority Air", "AB123", Mode::Air),
            ("Express Mail Service", "AB123", Mode::Air),
            ("ePacket", "AB123", Mode::Air),
            ("Standard", "EA123456785CN", Mode::Air),
            ("Standard", "UA123456785CN", Mode::Unknown),
            ("Fairway", "AB123", Mode::Unknown),
        ] {
            assert_eq!(
                mode([service].into_iter(), number),
                expected,
                "{service} {number}"
            );
        }
    }
}
