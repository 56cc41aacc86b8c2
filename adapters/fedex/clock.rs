//! The clocks of FedEx: which of its times are instants, which are days, and whose.
//!
//! A scan bears the offset of the place where it was made, and is trusted. All other dates come
//! as times too, and midnight among them stands for the day alone: its offset, mostly that of
//! Memphis, says nothing about the place the day is meant for. A time without an offset is the
//! destination's.

use jiff::civil::Time;
use waybill_core::place::Location;
use waybill_core::shipment::LocalWindow;
use waybill_core::time::{Clues, EventTime, Precision, parse_iso, resolve};

/// Reads the time of a scan in a place; `None` if it is not readable.
pub(super) fn scan(date: &str, place: Option<&Location>) -> Option<EventTime> {
    Some(resolve(parse_iso(date.trim())?, clues(place)))
}

/// Reads a time that is a mere day if it is midnight.
pub(super) fn day_or_time(text: &str, place: Option<&Location>) -> Option<EventTime> {
    let mut stated = parse_iso(text.trim())?;
    if stated.local.time() == Time::midnight() {
        stated.precision = Precision::Day;
    }
    if stated.precision == Precision::Day {
        stated.offset = None;
    }
    Some(resolve(stated, clues(place)))
}

/// Reads a window whose ends are days or times; `None` if neither can be read.
///
/// One day is written as its start alone. A window that ends before it begins is only the day of
/// its end.
pub(super) fn window(begins: &str, ends: &str, place: Option<&Location>) -> Option<LocalWindow> {
    let day = |at: &EventTime| at.precision == Precision::Day;
    let only = |start| LocalWindow {
        start: Some(start),
        end: None,
    };
    let ends = day_or_time(ends, place);
    Some(match (day_or_time(begins, place), ends) {
        (None, None) => return None,
        (Some(start), None) => only(start),
        (None, Some(end)) if day(&end) => only(end),
        (None, Some(end)) => LocalWindow {
            start: None,
            end: Some(end),
        },
        (Some(start), Some(end))
            if start.local.date() > end.local.date() || turned(&start, &end) =>
        {
            only(day_or_time(&end.local.date().to_string(), place)?)
        }
        (Some(start), Some(end)) if day(&start) && start.local == end.local => only(start),
        (start, end) => LocalWindow { start, end },
    })
}

/// Tells whether two times of one day, both with a clock, are in the wrong order.
fn turned(start: &EventTime, end: &EventTime) -> bool {
    let timed = start.precision > Precision::Day && end.precision > Precision::Day;
    timed && start.local > end.local
}

fn clues(place: Option<&Location>) -> Clues<'_> {
    Clues {
        place,
        ..Clues::default()
    }
}
