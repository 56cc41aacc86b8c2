//! The clocks of 17TRACK: what `time_iso`, `time_utc` and `time_raw` say together.
//!
//! `time_raw` is what the carrier showed. Its `timezone` is an offset that the carrier stated, and
//! is believed. Where it is null, 17TRACK made up the offset of `time_iso`: it is known to stamp all
//! scans of a carrier with the offset of one place, and to be half an hour off. Such a wall clock is
//! local time, and
//! - the country of the scan decides if it has one zone, or zones that agree at that time, and
//!   the city or state if it has several;
//! - else the made-up offset is taken where it is one that the country can have: the time then has
//!   the basis of a source's convention, and its bounds stay as wide as the country;
//! - without an offset it is left open, with bounds.
//!
//! `time_utc` is what `time_iso` makes of itself; where the two contradict each other, `time_iso`
//! counts. A date without a time of day is a day, whatever `time_iso` appends to it.

use jiff::SignedDuration;
use jiff::civil::DateTime;
use waybill_core::place::Location;
use waybill_core::shipment::LocalWindow;
use waybill_core::time::{
    Basis, Clues, EventTime, Precision, Stated, parse_iso, parse_offset, resolve,
};

use super::wire::{Event, Milestone, TimeRaw};

const UTC: &str = "time_iso and time_utc do not agree; time_iso is kept";
const COUNTRY: &str =
    "offset given by the source is not that of the place of the scan, whose own is used";
const FOREIGN: &str = "offset given by the source is none that the country of the scan has";
const WALL: &str = "time_raw and time_iso show different wall clocks; time_iso is kept";
const STATED: &str = "offsets of time_raw and time_iso do not agree; time_raw is kept";
const UNREADABLE: &str = "time cannot be read; the row is placed by its neighbours";

/// The three fields of a row.
pub(super) struct Times<'a> {
    iso: &'a str,
    utc: &'a str,
    raw: &'a TimeRaw<'a>,
}

impl<'a> From<&'a Event<'_>> for Times<'a> {
    fn from(event: &'a Event<'_>) -> Self {
        Self {
            iso: event.time_iso.trim(),
            utc: event.time_utc.trim(),
            raw: &event.time_raw,
        }
    }
}

impl<'a> From<&'a Milestone<'_>> for Times<'a> {
    fn from(milestone: &'a Milestone<'_>) -> Self {
        Self {
            iso: milestone.time_iso.trim(),
            utc: milestone.time_utc.trim(),
            raw: &milestone.time_raw,
        }
    }
}

/// What the fields of a row say.
pub(super) enum Read {
    /// A time, and why it is doubted.
    Time(Box<EventTime>, Option<&'static str>),
    /// Nothing, because nothing is there or because nothing can be read: the text, and why the row
    /// is doubted.
    Nothing(String, Option<&'static str>),
}

impl Read {
    pub(super) fn time(&self) -> Option<&EventTime> {
        match self {
            Self::Time(time, _) => Some(time),
            Self::Nothing(..) => None,
        }
    }

    pub(super) const fn is_nothing(&self) -> bool {
        matches!(self, Self::Nothing(..))
    }
}

/// Reads a time. `text` is scratch space.
pub(super) fn read(times: &Times<'_>, place: Option<&Location>, text: &mut String) -> Read {
    text.clear();
    write_raw(times.raw, text);
    let iso = parse_iso(times.iso);
    let utc = parse_iso(times.utc);
    let shown = shown(times.raw, text);
    let shown_at = shown.map(|stated| (stated.local, stated.precision));
    let zone = times.raw.timezone.trim();
    // A plain text can carry its offset.
    let stated = parse_offset(zone).or_else(|| shown.and_then(|stated| stated.offset));
    let raw = if text.is_empty() {
        times.iso
    } else {
        text.as_str()
    };
    let Some((local, precision)) = shown_at.or_else(|| iso.map(|iso| (iso.local, iso.precision)))
    else {
        return match utc {
            Some(utc) => {
                let offset = utc.offset.or(Some(0));
                let stated = Stated { offset, ..utc };
                Read::Time(Box::new(resolve(stated, Clues::default())), None)
            }
            None => {
                let raw = [raw, times.iso, times.utc].into_iter();
                let raw = raw.max_by_key(|text| !text.is_empty()).unwrap_or("");
                let doubt = (!raw.is_empty()).then_some(UNREADABLE);
                Read::Nothing(raw.chars().take(64).collect(), doubt)
            }
        };
    };
    let at = |local, precision, offset| Stated {
        local,
        precision,
        offset,
        raw,
    };
    let inferred = iso.and_then(|iso| iso.offset);
    let mut doubt = match (iso, utc) {
        (Some(iso), Some(utc)) if !agree(&iso, &utc) => Some(UTC),
        _ => None,
    };
    let clues = Clues {
        facility_zone: Some(zone).filter(|zone| stated.is_none() && zone.contains('/')),
        place,
        ..Clues::default()
    };
    if let Some(offset) = stated {
        if inferred.is_some_and(|inferred| inferred != offset) && same_wall(iso, local) {
            doubt = doubt.or(Some(STATED));
        }
        let time = resolve(at(local, precision, Some(offset)), clues);
        return Read::Time(Box::new(time), doubt);
    }
    // A day has no instant, so that nothing hangs on its offset.
    if precision == Precision::Day {
        return Read::Time(Box::new(resolve(at(local, precision, None), clues)), None);
    }
    let (local, precision) = match iso {
        Some(iso) if iso.precision != Precision::Day && !same_wall(Some(iso), local) => {
            doubt = doubt.or(Some(WALL));
            (iso.local, iso.precision)
        }
        _ => (local, precision),
    };
    let inferred = inferred.or_else(|| offset_between(local, utc?.local));
    let (time, odd) = without_offset(at(local, precision, None), clues, inferred);
    Read::Time(Box::new(time), doubt.or(odd))
}

/// Finds the instant of a wall clock whose offset is only 17TRACK's guess.
fn without_offset<'a>(
    stated: Stated<'a>,
    clues: Clues<'a>,
    guess: Option<i32>,
) -> (EventTime, Option<&'static str>) {
    let own = resolve(stated, clues);
    let Some(guess) = guess else {
        return (own, None);
    };
    let offset = Some(guess);
    let guessed = resolve(Stated { offset, ..stated }, Clues::default());
    let derived = own.basis != Basis::Unresolved;
    let fits = guessed
        .instant
        .is_some_and(|instant| own.earliest <= instant && instant <= own.latest);
    if derived && own.offset == Some(guess) {
        return (own, None);
    }
    if derived || !fits {
        // The bounds hold the instant under either reading.
        let time = EventTime {
            earliest: own.earliest.min(guessed.earliest),
            latest: own.latest.max(guessed.latest),
            ..own
        };
        return (time, Some(if derived { COUNTRY } else { FOREIGN }));
    }
    let time = EventTime {
        basis: Basis::SourceConvention,
        earliest: own.earliest,
        latest: own.latest,
        ..guessed
    };
    (time, None)
}

/// The time of a row that has none: somewhere between the rows around it.
pub(super) fn between(
    older: Option<&EventTime>,
    newer: Option<&EventTime>,
    raw: String,
) -> Option<EventTime> {
    let (first, last) = (older.or(newer)?, newer.or(older)?);
    let earliest = first.instant.unwrap_or(first.earliest);
    let latest = last.instant.unwrap_or(last.latest);
    Some(EventTime {
        instant: None,
        local: first
            .local
            .date()
            .to_datetime(jiff::civil::Time::midnight()),
        offset: None,
        zone: String::new(),
        precision: Precision::Day,
        basis: Basis::Unresolved,
        earliest: earliest.min(latest),
        latest: earliest.max(latest),
        raw,
    })
}

/// Reads the window of a forecast.
pub(super) fn window(from: &str, to: &str, place: Option<&Location>) -> Option<LocalWindow> {
    let at = |text: &str| {
        let stated = parse_iso(text)?;
        let clues = Clues {
            place,
            ..Clues::default()
        };
        Some(resolve(stated, clues))
    };
    let (start, end) = (at(from), at(to));
    if let (Some(first), Some(last)) = (&start, &end)
        && first.anchor() > last.anchor()
    {
        return None;
    }
    (start.is_some() || end.is_some()).then_some(LocalWindow { start, end })
}

/// Writes what the carrier showed as one text.
fn write_raw(raw: &TimeRaw<'_>, text: &mut String) {
    for part in [&raw.date, &raw.time, &raw.timezone] {
        let part = part.trim();
        if !part.is_empty() {
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(part);
        }
    }
}

/// The wall clock that the carrier showed; the day alone if the time of day cannot be read.
fn shown<'a>(raw: &'a TimeRaw<'_>, text: &'a str) -> Option<Stated<'a>> {
    let (date, time) = (raw.date.trim(), raw.time.trim());
    if date.is_empty() {
        return None;
    }
    if time.is_empty() {
        return parse_iso(date);
    }
    let clock = text.get(..date.len() + 1 + time.len());
    clock.and_then(parse_iso).or_else(|| parse_iso(date))
}

fn same_wall(iso: Option<Stated<'_>>, local: DateTime) -> bool {
    iso.is_none_or(|iso| {
        iso.precision == Precision::Day || iso.local.duration_since(local).as_secs().abs() < 60
    })
}

/// Tells whether a wall clock with its offset is the moment that the UTC field names.
fn agree(iso: &Stated<'_>, utc: &Stated<'_>) -> bool {
    let moment = |stated: &Stated<'_>, offset: i32| {
        let wall = stated.local.duration_since(EPOCH).as_secs();
        wall - i64::from(offset)
    };
    let Some(offset) = iso.offset else {
        return true;
    };
    (moment(iso, offset) - moment(utc, utc.offset.unwrap_or(0))).abs() < 60
}

const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

/// How far a wall clock is from UTC, if that can be an offset.
fn offset_between(local: DateTime, utc: DateTime) -> Option<i32> {
    let apart: SignedDuration = local.duration_since(utc);
    let seconds = i32::try_from(apart.as_secs()).ok()?;
    let is_offset = seconds % 900 == 0 && (-12 * 3_600..=14 * 3_600).contains(&seconds);
    is_offset.then_some(seconds)
}
