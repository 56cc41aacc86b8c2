//! The one place that turns a wall clock into an instant.
//!
//! Carriers often send a local time without an offset. [`resolve`] takes what a source stated and
//! the clues around it, and says which instant it was, how that was found, and within which
//! bounds it can lie when it was not. A local time is never silently read as UTC.

use jiff::Timestamp;
use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};

/// A point in time as a source gave it, and what we make of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventTime {
    /// Best instant; `None` if no offset is known or could be derived.
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clues<'a> {
    /// IANA zone of the facility.
    pub facility_zone: Option<&'a str>,
    /// ISO 3166-1 alpha-2 country of the scan; helps if the country has one zone, and narrows the
    /// bounds if it has several.
    pub country: Option<&'a str>,
    /// IANA zone that the source's documents name for all its times.
    pub convention: Option<&'a str>,
}

/// Finds the instant of a stated wall clock: stated offset, facility zone, country with one zone,
/// convention of the source, else unresolved with bounds.
pub fn resolve(stated: Stated<'_>, clues: Clues<'_>) -> EventTime {
    let derived = [
        (clues.facility_zone, Basis::Facility),
        (clues.country.and_then(zone_of_country), Basis::Country),
        (clues.convention, Basis::SourceConvention),
    ];
    if let Some(offset) = stated.offset.filter(|offset| offset.abs() <= MAX_OFFSET) {
        return at_offset(stated, offset, "", Basis::Stated, 0);
    }
    for (zone, basis) in derived {
        let Some(zone) = zone else { continue };
        let Ok(tz) = jiff::tz::TimeZone::get(zone) else {
            continue;
        };
        let ambiguous = tz.to_ambiguous_timestamp(stated.local);
        let slack = match ambiguous.offset() {
            jiff::tz::AmbiguousOffset::Unambiguous { .. } => 0,
            _ => 3_600,
        };
        let Ok(instant) = ambiguous.compatible() else {
            continue;
        };
        let offset = tz.to_offset(instant).seconds();
        return at_offset(stated, offset, zone, basis, slack);
    }
    let span = span_of(stated.precision);
    EventTime {
        instant: None,
        local: stated.local,
        offset: None,
        zone: String::new(),
        precision: stated.precision,
        basis: Basis::Unresolved,
        earliest: shift(stated.local, EASTERNMOST, 0),
        latest: shift(stated.local, WESTERNMOST, span),
        raw: cut(stated.raw),
    }
}

/// Greatest offset from UTC that the API can state: 18 hours.
const MAX_OFFSET: i32 = 18 * 3_600;
/// The first zone to see a wall clock: UTC+14.
const EASTERNMOST: i32 = 14 * 3_600;
/// The last zone to see it: UTC-12.
const WESTERNMOST: i32 = -12 * 3_600;

fn at_offset(stated: Stated<'_>, offset: i32, zone: &str, basis: Basis, slack: i64) -> EventTime {
    let instant = shift(stated.local, offset, 0);
    EventTime {
        instant: Some(instant),
        local: stated.local,
        offset: Some(offset),
        zone: zone.to_owned(),
        precision: stated.precision,
        basis,
        earliest: instant,
        latest: shift(stated.local, offset, span_of(stated.precision) + slack),
        raw: cut(stated.raw),
    }
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

/// Reads `local` at `offset`, plus `seconds`; stays within what a timestamp can hold.
fn shift(local: DateTime, offset: i32, seconds: i64) -> Timestamp {
    let utc = jiff::tz::TimeZone::UTC;
    let moved = i64::from(offset) - seconds;
    match utc.to_timestamp(local) {
        Ok(at) => Timestamp::from_second(at.as_second().saturating_sub(moved)).unwrap_or(at),
        Err(_) if local.year() < 0 => Timestamp::MIN,
        Err(_) => Timestamp::MAX,
    }
}

fn cut(raw: &str) -> String {
    raw.chars().take(64).collect()
}

/// Zone of a country that has exactly one.
fn zone_of_country(country: &str) -> Option<&'static str> {
    match country {
        "CN" => Some("Asia/Shanghai"),
        "DE" => Some("Europe/Berlin"),
        _ => None,
    }
}
