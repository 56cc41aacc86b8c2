//! The clocks of USPS: what `eventTimestamp`, `GMTTimestamp` and `GMTOffset` say together.
//!
//! `eventTimestamp` is the wall clock of the place although it ends in `Z`: in the README of
//! `USPS/api-examples` an event of 7:31 am in Richmond is `07:31:00Z`. The instant is that clock
//! less `GMTOffset`. `GMTTimestamp` is a cross-check only: evening scans carry the UTC time of day
//! with the local date, a day too early. Without an offset the zone of state
//! and ZIP code is taken, else that of the town.

use std::borrow::Cow;

use jiff::civil::DateTime;
use waybill_core::place::Location;
use waybill_core::shipment::LocalWindow;
use waybill_core::time::{
    Basis, Clues, EventTime, Precision, Stated, parse_iso, parse_offset, resolve,
};

use super::wire::Event;

/// Why a row is doubted.
const DAY_OFF: &str = "gmt timestamp is a whole day off; time and offset are kept";
const CLOCKS: &str = "time and offset do not agree with the gmt timestamp; they are kept";
const UNDATED: &str = "event states no date of its own; the day is that of its gmt timestamp";

/// Where a clock hangs.
#[derive(Clone, Copy)]
pub(super) struct Spot<'a> {
    /// IANA zone, if state and ZIP code tell it.
    pub(super) zone: Option<&'a str>,
    /// ISO 3166-1 alpha-2, or empty.
    pub(super) country: &'a str,
    /// The place as it is understood.
    pub(super) place: Option<&'a Location>,
}

/// Reads the time of an event, and why it is doubted; `None` if it has no day at all.
pub(super) fn read(event: &Event<'_>, spot: Spot<'_>) -> Option<(EventTime, Option<&'static str>)> {
    let gmt = wall(&event.gmt_timestamp).filter(has_time);
    let stated = event.gmt_offset.trim();
    let raw = match (event.gmt_timestamp.trim(), stated) {
        ("", "") => Cow::Borrowed(event.event_timestamp.trim()),
        (gmt, offset) => Cow::Owned(format!(
            "{} gmt {gmt} {offset}",
            event.event_timestamp.trim()
        )),
    };
    let raw = raw.trim_end();
    let Some(local) = wall(&event.event_timestamp) else {
        let (day, _) = gmt?;
        return Some((
            located((day, Precision::Day), None, raw, spot),
            Some(UNDATED),
        ));
    };
    let apart = gmt.map(|gmt| local.0.duration_since(gmt.0).as_secs());
    let apart = apart.filter(|_| has_time(&local));
    let offset = parse_offset(stated);
    let (offset, doubt) = match (offset, apart) {
        (Some(offset), Some(apart)) => {
            let wrong = (apart - i64::from(offset)).abs();
            let doubt = match wrong {
                0..=60 => None,
                86_340..=86_460 => Some(DAY_OFF),
                _ => Some(CLOCKS),
            };
            (Some(offset), doubt)
        }
        (None, Some(apart)) => (implied(apart), None),
        (offset, None) => (offset, None),
    };
    Some((located(local, offset, raw, spot), doubt))
}

/// Reads a date, or a date and time, whose `Z` is not believed. Without seconds it is exact to the
/// minute: USPS writes none and shows `:00`.
pub(super) fn wall(text: &str) -> Option<(DateTime, Precision)> {
    let text = text.trim().trim_end_matches(['Z', 'z']);
    // "14:03:12:000" has its milliseconds behind a colon.
    let colon = text.match_indices(':').nth(2).map(|(at, _)| at);
    let text = match colon.and_then(|at| text.split_at_checked(at)) {
        Some((head, tail)) if !head.contains('.') && !tail.contains(['+', '-']) => {
            Cow::Owned(format!("{head}.{}", tail.trim_start_matches(':')))
        }
        _ => Cow::Borrowed(text),
    };
    let stated = parse_iso(&text)?;
    let precision = match stated.precision {
        Precision::Second if stated.local.second() == 0 => Precision::Minute,
        precision => precision,
    };
    Some((stated.local, precision))
}

/// Reads a day as "YYYY-MM-DD"; empty if there is none.
pub(super) fn day(text: &str) -> String {
    wall(text).map_or_else(String::new, |at| at.0.date().to_string())
}

/// Reads a moment that something is expected by, in the time of the destination. A time makes it
/// the end of the window, a day alone stays a day.
pub(super) fn by(text: &str, spot: Spot<'_>) -> Option<LocalWindow> {
    let at = located(wall(text)?, None, text.trim(), spot);
    Some(match at.precision {
        Precision::Day => LocalWindow {
            start: Some(at),
            end: None,
        },
        _ => LocalWindow {
            start: None,
            end: Some(at),
        },
    })
}

/// Reads a day with an optional start and end, in the time of the destination; `None` if there is
/// no day.
pub(super) fn window(date: &str, start: &str, end: &str, spot: Spot<'_>) -> Option<LocalWindow> {
    let (day, _) = wall(date)?;
    let at = |text: &str| {
        let (hour, minute) = hour(text)?;
        let local = day.date().at(hour, minute, 0, 0);
        let raw = format!("{} {}", date.trim(), text.trim());
        Some(located((local, Precision::Minute), None, &raw, spot))
    };
    let (start, end) = (at(start), at(end));
    let in_order = match (&start, &end) {
        (Some(start), Some(end)) => start.local <= end.local,
        (None, None) => false,
        _ => true,
    };
    if in_order {
        return Some(LocalWindow { start, end });
    }
    let start = Some(located((day, Precision::Day), None, date.trim(), spot));
    Some(LocalWindow { start, end: None })
}

/// Reads a time of day: "13:15", "13:15:00", "9:00pm", "1:15 PM".
fn hour(text: &str) -> Option<(i8, i8)> {
    let text = text.trim().to_ascii_lowercase();
    let (clock, shift) = match text.strip_suffix("pm") {
        Some(clock) => (clock, Some(12)),
        None => match text.strip_suffix("am") {
            Some(clock) => (clock, Some(0)),
            None => (text.as_str(), None),
        },
    };
    let mut parts = clock.trim().split(':');
    let number = |part: Option<&str>| {
        let part = part.filter(|part| matches!(part.len(), 1 | 2))?;
        part.bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| part.parse::<i8>().ok())?
    };
    let (hour, minute) = (number(parts.next())?, number(parts.next())?);
    let hour = match shift {
        Some(shift) => (1..=12).contains(&hour).then_some(hour % 12 + shift)?,
        None => hour,
    };
    ((0..24).contains(&hour) && (0..60).contains(&minute)).then_some((hour, minute))
}

/// The offset that two clocks imply: a multiple of a quarter of an hour within a minute. Where the
/// UTC clock has the local date, it is a day too early.
fn implied(apart: i64) -> Option<i32> {
    let apart = if apart > 14 * 3_600 {
        apart - 86_400
    } else {
        apart
    };
    let rest = apart.rem_euclid(900);
    let offset = match rest {
        0..=60 => apart - rest,
        840.. => apart - rest + 900,
        _ => return None,
    };
    let is_offset = (-12 * 3_600..=14 * 3_600).contains(&offset);
    is_offset.then(|| i32::try_from(offset).ok())?
}

fn has_time(at: &(DateTime, Precision)) -> bool {
    at.1 > Precision::Day
}

fn located(at: (DateTime, Precision), offset: Option<i32>, raw: &str, spot: Spot<'_>) -> EventTime {
    let stated = Stated {
        local: at.0,
        precision: at.1,
        offset,
        raw,
    };
    let clues = Clues {
        facility_zone: spot.zone,
        country: Some(spot.country).filter(|country| !country.is_empty()),
        place: spot.place,
        ..Clues::default()
    };
    let mut time = resolve(stated, clues);
    if time.basis == Basis::Facility {
        // It is the zone of a town, not of a building.
        time.basis = Basis::Locality;
    }
    time
}
