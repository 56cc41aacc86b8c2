//! Stand-in for the time readers of the core.

use jiff::civil::{Date, DateTime, Time};
use waybill_core::time::Precision;

pub(super) fn parse_compact(date: &str, time: &str) -> Option<(DateTime, Precision)> {
    let number = |text: &str| -> Option<i16> {
        text.bytes()
            .all(|b| b.is_ascii_digit())
            .then(|| text.parse().ok())?
    };
    if date.len() != 8 || !date.is_ascii() {
        return None;
    }
    let day = Date::new(
        number(&date[..4])?,
        number(&date[4..6])? as i8,
        number(&date[6..])? as i8,
    )
    .ok()?;
    if time.is_empty() {
        return Some((day.to_datetime(Time::midnight()), Precision::Day));
    }
    let digits: String = time.chars().filter(|c| *c != ':').collect();
    if !digits.is_ascii() {
        return None;
    }
    let (h, m, s, p) = match digits.len() {
        4 => (&digits[..2], &digits[2..], "0", Precision::Minute),
        6 => (&digits[..2], &digits[2..4], &digits[4..], Precision::Second),
        _ => return None,
    };
    let time = Time::new(number(h)? as i8, number(m)? as i8, number(s)? as i8, 0).ok()?;
    Some((day.to_datetime(time), p))
}

pub(super) fn parse_offset(text: &str) -> Option<i32> {
    let sign = match text.as_bytes().first()? {
        b'-' => -1,
        b'+' => 1,
        _ => return None,
    };
    let digits: String = text[1..].chars().filter(char::is_ascii_digit).collect();
    if digits.len() != 4 {
        return None;
    }
    let h: i32 = digits[..2].parse().ok()?;
    let m: i32 = digits[2..].parse().ok()?;
    Some(sign * (h * 3600 + m * 60))
}
