//! The clocks of the interfaces.
//!
//! - The public page: `timeStr` in `timeZone`. Its epoch `time` is `timeStr` read as Beijing time
//!   whatever the zone says, and is no instant. Without a zone, an epoch with milliseconds that
//!   agrees with Beijing time marks a notice of the platform; else the clock stays unknown.
//! - Some answers of the page stamp every event GMT+8, also those of a last mile in Europe, where
//!   the wall clock is a plausible local time. GMT+8 on an event of the destination is therefore
//!   left open between both readings.
//! - TRACEPUSH and the European last mile state an offset.
//! - 1688 and the Taobao router mean Beijing time and do not say so.
//! - AliExpress shifts its times by a zone of its own; they are left open.

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;
use waybill_core::shipment::LocalWindow;
use waybill_core::time::{
    Basis, Clues, EventTime, Precision, Stated, parse_compact, parse_iso, parse_offset, resolve,
};

use super::place::Country;
use super::wire::{Eta, Trace};

/// The zone of the platform.
const BEIJING: &str = "Asia/Shanghai";
const BEIJING_OFFSET: i32 = 8 * 3_600;

/// Reads a wall clock with an offset in a field of its own; left open if that cannot be read.
pub(super) fn zoned(time: &str, zone: &str) -> Option<EventTime> {
    let read = parse_iso(time)?;
    let raw = joined(time, zone);
    let stated = Stated {
        offset: read.offset.or_else(|| parse_offset(zone)),
        raw: &raw,
        ..read
    };
    Some(resolve(stated, Clues::default()))
}

/// Reads "2025-09-12 12:54:13 UTC+1".
pub(super) fn with_suffix(text: &str) -> Option<EventTime> {
    match text.trim().rsplit_once(' ') {
        Some((time, zone)) if parse_offset(zone).is_some() => zoned(time, zone),
        _ => zoned(text, ""),
    }
}

/// Reads a wall clock in Beijing time, unless it states an offset.
pub(super) fn beijing(text: &str) -> Option<EventTime> {
    let clues = Clues {
        convention: Some(BEIJING),
        ..Clues::default()
    };
    parse_iso(text).map(|stated| resolve(stated, clues))
}

/// Reads a wall clock of an unknown zone, also in the form of 1688's dates,
/// "20260301120000000+0800", which states one.
pub(super) fn open(text: &str) -> Option<EventTime> {
    if let Some(stated) = parse_iso(text) {
        return Some(resolve(stated, Clues::default()));
    }
    let trimmed = text.trim();
    let (digits, zone) = trimmed.split_at(trimmed.find(['+', '-']).unwrap_or(trimmed.len()));
    let (date, clock) = digits.split_at_checked(8)?;
    // Fourteen digits, or seventeen with milliseconds; thirteen are an epoch and no such date.
    let clock = match clock.len() {
        6 => clock,
        9 => clock.get(..6)?,
        _ => return None,
    };
    let (local, precision) = parse_compact(date, clock)?;
    let stated = Stated {
        local,
        precision,
        offset: parse_offset(zone),
        raw: trimmed,
    };
    Some(resolve(stated, Clues::default()))
}

/// Reads the time of an event of the public page; `code` is its normal form.
pub(super) fn page(row: &Trace<'_>, code: &str, destination: &Country<'_>) -> Option<EventTime> {
    let zone = row.time_zone.trim();
    if zone.is_empty() && is_platform_notice(row) {
        return beijing(&row.time_str);
    }
    let stated = zoned(&row.time_str, zone)?;
    if stated.offset == Some(BEIJING_OFFSET) && is_of_destination(code) {
        return Some(either(stated, destination));
    }
    Some(stated)
}

/// Whether the epoch has milliseconds and is Beijing time.
fn is_platform_notice(row: &Trace<'_>) -> bool {
    let Ok(epoch) = row.time.trim().parse::<i64>() else {
        return false;
    };
    let local = parse_iso(&row.time_str).map(|stated| stated.local);
    let beijing = Timestamp::from_second(epoch.div_euclid(1_000))
        .ok()
        .map(|at| east_of_utc(at, BEIJING_OFFSET));
    epoch.rem_euclid(1_000) != 0 && local.is_some() && local == beijing
}

fn is_of_destination(code: &str) -> bool {
    ["CC_IM_", "GTMS_", "LM_", "GSTA_"]
        .iter()
        .any(|family| code.starts_with(family))
}

/// Leaves a time open between Beijing's reading and that of the destination, if they differ.
fn either(beijing: EventTime, destination: &Country<'_>) -> EventTime {
    let country = match destination {
        Country::Unstated => return beijing,
        Country::Unknown => None,
        Country::Known(code) => Some(*code),
    };
    let there = resolve(
        Stated {
            local: beijing.local,
            precision: beijing.precision,
            offset: None,
            raw: &beijing.raw,
        },
        Clues {
            country,
            ..Clues::default()
        },
    );
    if there.offset == Some(BEIJING_OFFSET) {
        return beijing;
    }
    EventTime {
        instant: None,
        offset: None,
        zone: String::new(),
        basis: Basis::Unresolved,
        earliest: there.earliest.min(beijing.earliest),
        latest: there.latest.max(beijing.latest),
        ..there
    }
}

/// Reads the expected delivery. It is a moment of the platform's clock plus whole days, so the day
/// is all that it says.
pub(super) fn window(eta: &Eta<'_>) -> Option<LocalWindow> {
    let day = |text: &Cow<'_, str>| {
        let second = text.trim().parse::<i64>().ok()?.div_euclid(1_000);
        let at = Timestamp::from_second(second).ok().filter(|_| second > 0)?;
        let stated = Stated {
            local: east_of_utc(at, BEIJING_OFFSET),
            precision: Precision::Day,
            offset: None,
            raw: text.trim(),
        };
        Some(resolve(stated, Clues::default()))
    };
    let (first, last) = (day(&eta.delivery_min_time), day(&eta.delivery_max_time));
    match (first, last) {
        (None, None) => None,
        (Some(first), Some(last)) if first.local < last.local => Some(LocalWindow {
            start: Some(first),
            end: Some(last),
        }),
        (_, Some(day)) | (Some(day), None) => Some(LocalWindow {
            start: Some(day),
            end: None,
        }),
    }
}

/// The moment of a request as the Taobao router wants it: Beijing time.
pub(super) fn request_time(now: Timestamp) -> String {
    let local = east_of_utc(now, BEIJING_OFFSET);
    local.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

fn east_of_utc(at: Timestamp, seconds: i32) -> DateTime {
    let offset = Offset::from_seconds(seconds).unwrap_or(Offset::UTC);
    offset.to_datetime(at)
}

fn joined<'a>(time: &'a str, zone: &str) -> Cow<'a, str> {
    if zone.is_empty() {
        return Cow::Borrowed(time.trim());
    }
    Cow::Owned(format!("{} {zone}", time.trim()))
}
