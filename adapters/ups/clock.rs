//! The clocks of UPS: what `date`, `time` and the three `gmt` fields say together.
//!
//! `gmtDate` and `gmtTime` are UTC already, and `gmtOffset` belongs to the local pair: it is never
//! applied to the UTC pair. Where the two clocks of a row do not agree, UTC is kept and the row is
//! doubted. Rows without the UTC pair (older answers, Mail Innovations) are local time only.

use std::fmt::Write;

use jiff::SignedDuration;
use jiff::civil::DateTime;
use waybill_core::place::Location;
use waybill_core::shipment::LocalWindow;
use waybill_core::time::{
    Clues, EventTime, Precision, Stated, parse_compact, parse_offset, resolve,
};

use super::wire::Activity;

/// Why a row is doubted.
const CLOCKS: &str = "local time, offset and gmt time do not agree; gmt time is kept";

/// Reads the time of an activity, and why it is doubted; `None` if no date can be read. `country`
/// is that of a scan without a `place`, too; `raw` is scratch space.
pub(super) fn read(
    activity: &Activity<'_>,
    country: &str,
    place: Option<&Location>,
    raw: &mut String,
) -> Option<(EventTime, Option<&'static str>)> {
    let local = moment(&activity.date, &activity.time);
    let gmt = gmt(activity);
    let offset = parse_offset(activity.gmt_offset.trim());
    raw.clear();
    // Writing to a string cannot fail.
    let _ = write!(raw, "{} {}", activity.date.trim(), activity.time.trim());
    if !activity.gmt_date.is_empty() || !activity.gmt_time.is_empty() {
        let _ = write!(
            raw,
            " gmt {} {} {}",
            activity.gmt_date.trim(),
            activity.gmt_time.trim(),
            activity.gmt_offset.trim()
        );
    }
    let (at, offset, doubt) = match (local, gmt) {
        (Some(local), None) => (local, offset, None),
        (Some(local), Some(gmt)) if has_time(&local) => {
            let apart = local.0.duration_since(gmt.0).as_secs();
            match offset {
                Some(offset) if (apart - i64::from(offset)).abs() < 60 => {
                    (local, Some(offset), None)
                }
                None if is_offset(apart) => (local, i32::try_from(apart).ok(), None),
                _ => (moved(gmt, offset)?, offset.or(Some(0)), Some(CLOCKS)),
            }
        }
        (_, Some(gmt)) => (moved(gmt, offset)?, offset.or(Some(0)), None),
        (None, None) => return None,
    };
    let stated = Stated {
        local: at.0,
        precision: at.1,
        offset,
        raw: raw.trim(),
    };
    let clues = Clues {
        country: Some(country).filter(|country| !country.is_empty()),
        place,
        ..Clues::default()
    };
    Some((resolve(stated, clues), doubt))
}

/// Reads a day with an optional start and end, in the time of a place; `None` if there is no day.
pub(super) fn window(
    date: &str,
    start: &str,
    end: &str,
    place: Option<&Location>,
) -> Option<LocalWindow> {
    let at = |time: &str| {
        let (local, precision) = moment(date, time)?;
        let raw = format!("{} {}", date.trim(), time.trim());
        let stated = Stated {
            local,
            precision,
            offset: None,
            raw: raw.trim(),
        };
        let clues = Clues {
            place,
            ..Clues::default()
        };
        Some(resolve(stated, clues))
    };
    let timed = |time: &str| at(time).filter(|at| at.precision > Precision::Day);
    let (start, end) = (timed(start), timed(end));
    let in_order = match (&start, &end) {
        (Some(start), Some(end)) => start.local <= end.local,
        (None, None) => false,
        _ => true,
    };
    if in_order {
        return Some(LocalWindow { start, end });
    }
    let start = Some(at("")?);
    Some(LocalWindow { start, end: None })
}

/// Reads a day as "YYYY-MM-DD"; empty if there is none.
pub(super) fn day(date: &str) -> String {
    moment(date, "").map_or_else(String::new, |at| at.0.date().to_string())
}

/// Reads a date and a time of day; the date alone if the time cannot be read.
fn moment(date: &str, time: &str) -> Option<(DateTime, Precision)> {
    parse_compact(date, time).or_else(|| parse_compact(date, ""))
}

/// Reads the UTC pair. Its time may have lost more than one leading zero: "4700" is 47 minutes
/// past midnight.
fn gmt(activity: &Activity<'_>) -> Option<(DateTime, Precision)> {
    let time = activity.gmt_time.trim();
    let short = matches!(time.len(), 1..=4) && time.bytes().all(|byte| byte.is_ascii_digit());
    if short {
        return parse_compact(&activity.gmt_date, &format!("{time:0>6}"));
    }
    parse_compact(&activity.gmt_date, time).filter(has_time)
}

fn has_time(at: &(DateTime, Precision)) -> bool {
    at.1 > Precision::Day
}

/// Tells whether two clocks can be this many seconds apart because one of them is local.
fn is_offset(seconds: i64) -> bool {
    seconds % 900 == 0 && (-12 * 3_600..=14 * 3_600).contains(&seconds)
}

fn moved(gmt: (DateTime, Precision), offset: Option<i32>) -> Option<(DateTime, Precision)> {
    let by = SignedDuration::from_secs(i64::from(offset.unwrap_or(0)));
    Some((gmt.0.checked_add(by).ok()?, gmt.1))
}
