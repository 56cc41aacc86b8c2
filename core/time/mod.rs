//! The one place that turns a wall clock into an instant.
//!
//! Carriers often send a local time without an offset. [`resolve`] takes what a source stated and
//! the clues around it, and says which instant it was, how that was found, and within which
//! bounds it can lie when it was not. A local time is never silently read as UTC. Which source sent
//! the time, and in which of its fields, is not known here.

mod parse;

use jiff::civil::{DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

pub use parse::{parse_compact, parse_iso, parse_offset};

use crate::gazetteer;
use crate::place::{Location, Resolution};
use crate::zone;

/// A point in time as a source gave it, and what we make of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventTime {
    /// Best instant; `None` if no offset is known or could be derived, or for a mere date.
    pub instant: Option<Timestamp>,
    /// Wall clock as given, cut to the stated precision.
    pub local: DateTime,
    /// Offset from UTC in seconds that belongs to `local`.
    pub offset: Option<i32>,
    /// IANA zone that gave the offset; empty if none was used.
    pub zone: String,
    /// Smallest unit that the source stated.
    pub precision: Precision,
    /// How the offset was found.
    pub basis: Basis,
    /// Earliest instant compatible with the statement, inclusive.
    pub earliest: Timestamp,
    /// Latest instant compatible with the statement, inclusive.
    pub latest: Timestamp,
    /// The source's own text, at most 64 characters.
    pub raw: String,
}

/// Smallest stated unit. Numbers as in the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Precision {
    /// A date only.
    Day = 1,
    /// Hour.
    Hour = 2,
    /// Minute.
    Minute = 3,
    /// Second or better.
    Second = 4,
}

/// Origin of an offset, best first. Numbers as in the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Basis {
    /// The source stated an offset, a zone or UTC.
    Stated = 1,
    /// Known zone of the facility.
    Facility = 2,
    /// Locality or coordinates.
    Locality = 3,
    /// Country with one zone.
    Country = 4,
    /// Documented convention of the source.
    SourceConvention = 5,
    /// Matched with another source.
    Corroborated = 6,
    /// Not found.
    Unresolved = 7,
}

/// What a source stated: a wall clock, perhaps with an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stated<'a> {
    /// The wall clock.
    pub local: DateTime,
    /// Smallest unit that it states.
    pub precision: Precision,
    /// Stated offset in seconds east of UTC.
    pub offset: Option<i32>,
    /// The source's own text.
    pub raw: &'a str,
}

/// What is known around a wall clock without an offset, best first.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Clues<'a> {
    /// IANA zone of the facility.
    pub facility_zone: Option<&'a str>,
    /// Where the scan was made, if that is whose clock it has. In a country with several zones
    /// the facility, city or subdivision tells which, see [`gazetteer`].
    pub place: Option<&'a Location>,
    /// ISO 3166-1 alpha-2 country of the scan; helps if the country has one zone, or zones that
    /// agree at that time, and narrows the bounds otherwise. If `None`, that of `place`.
    pub country: Option<&'a str>,
    /// IANA zone that the source's documents name for all its times.
    pub convention: Option<&'a str>,
}

impl EventTime {
    /// Where to place the event among others: its instant, else the middle of its bounds.
    pub fn anchor(&self) -> Timestamp {
        self.instant.unwrap_or_else(|| {
            let (earliest, latest) = (self.earliest.as_second(), self.latest.as_second());
            timestamp(earliest + (latest - earliest) / 2)
        })
    }
}

/// Writes the wall clock to its precision: `YYYY-MM-DD[Thh:mm[:ss]]`.
pub fn local_text(time: &EventTime) -> String {
    let local = time.local;
    let (year, month, day) = (local.year(), local.month(), local.day());
    let (hour, minute, second) = (local.hour(), local.minute(), local.second());
    match time.precision {
        Precision::Day => format!("{year:04}-{month:02}-{day:02}"),
        Precision::Hour | Precision::Minute => {
            format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}")
        }
        Precision::Second => {
            format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
        }
    }
}

/// Finds the instant of a stated wall clock: stated offset, facility zone, zone of the city or
/// subdivision, country with one zone, convention of the source, else unresolved with bounds.
///
/// A wall clock that a transition skips is read with the offset before it; of one that occurs
/// twice the first is taken, and the bounds hold both. A date alone gets bounds and no instant.
pub fn resolve(stated: Stated<'_>, clues: Clues<'_>) -> EventTime {
    let local = cut_to(stated.local, stated.precision);
    let span = span_of(stated.precision);
    if let Some(offset) = stated
        .offset
        .filter(|offset| offset.unsigned_abs() <= MAX_OFFSET)
    {
        let reading = Reading::at(local, span, offset, offset);
        return reading.event(&stated, local, "", Basis::Stated);
    }
    let read = |name| Reading::in_zone(local, span, name);
    if let Some((name, reading)) = clues.facility_zone.and_then(read) {
        return reading.event(&stated, local, name, Basis::Facility);
    }
    let stated_country = clues
        .country
        .or(clues.place.map(|place| place.country.as_str()));
    let zones = zone::of_country(stated_country.unwrap_or_default());
    // Where the country has one zone, the city has no other.
    if let Some(found) = clues
        .place
        .filter(|_| zones.len() != 1)
        .map(gazetteer::resolve)
    {
        let basis = match found.level() {
            Resolution::Facility => Basis::Facility,
            Resolution::Locality | Resolution::Subdivision => Basis::Locality,
            Resolution::Country | Resolution::None => Basis::Country,
        };
        if let Some((name, reading)) = read(found.zone) {
            return reading.event(&stated, local, name, basis);
        }
    }
    let mut country = None;
    for zone in zones {
        let Some((name, reading)) = read(zone) else {
            continue;
        };
        country = Some(match country {
            None => (name, reading),
            Some((first, so_far)) => (first, reading.join(so_far)),
        });
    }
    if let Some((name, reading)) = country.filter(|(_, reading)| reading.offset.is_some()) {
        return reading.event(&stated, local, name, Basis::Country);
    }
    if let Some((name, reading)) = clues.convention.and_then(read) {
        return reading.event(&stated, local, name, Basis::SourceConvention);
    }
    let anywhere = Reading {
        offset: None,
        ..Reading::at(local, span, EASTERNMOST, WESTERNMOST)
    };
    country
        .map_or(anywhere, |(_, reading)| reading)
        .event(&stated, local, "", Basis::Unresolved)
}

/// Greatest offset from UTC that the API can state: 18 hours.
const MAX_OFFSET: u32 = 18 * 3_600;
/// The first zone to see a wall clock: UTC+14.
const EASTERNMOST: i32 = 14 * 3_600;
/// The last zone to see it: UTC-12.
const WESTERNMOST: i32 = -12 * 3_600;

/// What a wall clock can mean; bounds in seconds since 1970.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Reading {
    /// Offset at the start of the stated unit; `None` if it is not certain.
    offset: Option<i32>,
    earliest: i64,
    latest: i64,
}

impl Reading {
    /// Reads `local` at `first`, and its last second, `span` later, at `last`.
    fn at(local: DateTime, span: i64, first: i32, last: i32) -> Self {
        let wall = local.duration_since(EPOCH).as_secs();
        let earliest = wall - i64::from(first);
        Self {
            offset: Some(first),
            earliest,
            latest: earliest.max(wall + span - i64::from(last)),
        }
    }

    /// Reads `local` in a zone; gives the zone too. `None` if there is no such zone.
    fn in_zone(local: DateTime, span: i64, name: &str) -> Option<(&str, Self)> {
        let zone = TimeZone::get(name).ok().filter(|zone| !zone.is_unknown())?;
        let end = local
            .checked_add(SignedDuration::from_secs(span))
            .unwrap_or(local);
        let first = match zone.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Unambiguous { offset: before }
            | AmbiguousOffset::Gap { before, .. }
            | AmbiguousOffset::Fold { before, .. } => before,
        };
        let last = match zone.to_ambiguous_timestamp(end).offset() {
            AmbiguousOffset::Unambiguous { offset: after }
            | AmbiguousOffset::Gap { before: after, .. }
            | AmbiguousOffset::Fold { after, .. } => after,
        };
        Some((name, Self::at(local, span, first.seconds(), last.seconds())))
    }

    /// What holds if either of two readings is right.
    fn join(self, other: Self) -> Self {
        Self {
            offset: self.offset.filter(|_| self == other),
            earliest: self.earliest.min(other.earliest),
            latest: self.latest.max(other.latest),
        }
    }

    fn event(self, stated: &Stated<'_>, local: DateTime, zone: &str, basis: Basis) -> EventTime {
        let certain = self.offset.is_some() && stated.precision != Precision::Day;
        EventTime {
            instant: Timestamp::from_second(self.earliest)
                .ok()
                .filter(|_| certain),
            local,
            offset: self.offset,
            zone: zone.to_owned(),
            precision: stated.precision,
            basis,
            earliest: timestamp(self.earliest),
            latest: timestamp(self.latest),
            raw: stated.raw.chars().take(64).collect(),
        }
    }
}

const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

/// Seconds since 1970 as a timestamp, as near as it can hold whole ones.
fn timestamp(second: i64) -> Timestamp {
    let (first, last) = (Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
    Timestamp::from_second(second.clamp(first, last)).unwrap_or_default()
}

/// Seconds that a statement of this precision leaves open.
const fn span_of(precision: Precision) -> i64 {
    match precision {
        Precision::Day => 86_399,
        Precision::Hour => 3_599,
        Precision::Minute => 59,
        Precision::Second => 0,
    }
}

/// Drops what lies below the precision.
fn cut_to(local: DateTime, precision: Precision) -> DateTime {
    let (hour, minute, second) = match precision {
        Precision::Day => (0, 0, 0),
        Precision::Hour => (local.hour(), 0, 0),
        Precision::Minute => (local.hour(), local.minute(), 0),
        Precision::Second => (local.hour(), local.minute(), local.second()),
    };
    let time = Time::new(hour, minute, second, 0).unwrap_or_default();
    DateTime::from_parts(local.date(), time)
}

#[cfg(test)]
mod tests;
