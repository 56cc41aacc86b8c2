//! The clocks of AfterShip.
//!
//! `checkpoint_time` is a wall clock at the place of the checkpoint, with an offset or without. An
//! offset that is there counts. Without one the country decides if it has one zone, or zones that
//! agree at that time, and the city or state in a country of many zones; else the time
//! is unresolved, with bounds. It is never read as UTC. `created_at` is UTC: when AfterShip got the
//! checkpoint, which cannot be before it happened.

use jiff::SignedDuration;
use jiff::Timestamp;
use jiff::civil::Time;
use waybill_core::place::Location;
use waybill_core::shipment::LocalWindow;
use waybill_core::time::{Basis, Clues, EventTime, Precision, parse_iso, resolve};

use super::wire::Checkpoint;

const AHEAD: &str = "checkpoint is later than the moment at which the source got it";
/// Clocks differ a little.
const SLACK: SignedDuration = SignedDuration::from_mins(15);

/// Reads the time of a checkpoint at a place, and why it is doubted.
pub(super) fn read(
    checkpoint: &Checkpoint<'_>,
    place: Option<&Location>,
) -> Option<(EventTime, Option<&'static str>)> {
    let stated = parse_iso(&checkpoint.checkpoint_time)?;
    let clues = Clues {
        place,
        ..Clues::default()
    };
    let time = resolve(stated, clues);
    let got = utc(&checkpoint.created_at).and_then(|got| got.checked_add(SLACK).ok());
    let ahead = got.is_some_and(|got| time.earliest > got);
    Some((time, ahead.then_some(AHEAD)))
}

/// Reads a moment that is always UTC.
pub(super) fn utc(text: &str) -> Option<Timestamp> {
    let stated = parse_iso(text).filter(|stated| stated.precision != Precision::Day)?;
    let offset = stated.offset.or(Some(0));
    let stated = waybill_core::time::Stated { offset, ..stated };
    resolve(stated, Clues::default()).instant
}

/// The time of a checkpoint whose own cannot be read: somewhere between the checkpoints around it,
/// and before the source got it.
pub(super) fn between(
    older: Option<&EventTime>,
    newer: Option<&EventTime>,
    checkpoint: &Checkpoint<'_>,
) -> Option<EventTime> {
    let got = utc(&checkpoint.created_at);
    let (first, last) = (older.or(newer), newer.or(older));
    let moment = |time: &EventTime| time.instant.unwrap_or(time.earliest);
    let earliest = first.map(moment).or(got)?;
    let latest = got
        .or_else(|| last.map(|time| time.instant.unwrap_or(time.latest)))?
        .max(earliest);
    let local = first.map_or_else(
        || jiff::tz::Offset::UTC.to_datetime(earliest),
        |time| time.local,
    );
    Some(EventTime {
        instant: None,
        local: local.date().to_datetime(Time::midnight()),
        offset: None,
        zone: String::new(),
        precision: Precision::Day,
        basis: Basis::Unresolved,
        earliest,
        latest,
        raw: checkpoint.checkpoint_time.chars().take(64).collect(),
    })
}

/// Reads the window of a forecast at a place: a day or moment, or the ends of a range.
pub(super) fn window(
    at: &str,
    from: &str,
    to: &str,
    place: Option<&Location>,
) -> Option<LocalWindow> {
    let read = |text: &str| {
        let clues = Clues {
            place,
            ..Clues::default()
        };
        Some(resolve(parse_iso(text)?, clues))
    };
    let (from, to, at) = (read(from), read(to), read(at));
    let in_order = match (&from, &to) {
        (Some(from), Some(to)) => from.anchor() <= to.anchor(),
        (from, to) => from.is_some() || to.is_some(),
    };
    let (start, end) = if in_order { (from, to) } else { (at, None) };
    (start.is_some() || end.is_some()).then_some(LocalWindow { start, end })
}
