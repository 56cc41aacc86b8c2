//! Reads the ways in which carriers write dates, times and offsets. Anything else is `None`, and
//! so is a date that does not exist; nothing is guessed.

use jiff::civil::{Date, DateTime, Time};
use jiff::fmt::temporal::Pieces;

use super::{Precision, Stated};

/// Reads an ISO 8601 date, or date and time: "2024-05-01", "2024-05-01T10:20",
/// "2024-05-01 10:20:30.5+08:00". A zone name in brackets is refused, because it would get lost.
pub fn parse_iso(text: &str) -> Option<Stated<'_>> {
    let trimmed = text.trim();
    if trimmed.contains('[') {
        return None;
    }
    let pieces = Pieces::parse(trimmed).ok()?;
    let (time, precision) = match pieces.time() {
        None => (Time::midnight(), Precision::Day),
        Some(time) => (time, clock_precision(trimmed)?),
    };
    Some(Stated {
        local: DateTime::from_parts(pieces.date(), time),
        precision,
        offset: pieces.to_numeric_offset().map(|offset| offset.seconds()),
        raw: text,
    })
}

/// Smallest unit of the clock in a date and time that has been read already.
fn clock_precision(text: &str) -> Option<Precision> {
    let (_, clock) = text.split_once(['T', 't', ' '])?;
    let digits = clock
        .bytes()
        .take_while(|c| c.is_ascii_digit() || *c == b':')
        .filter(u8::is_ascii_digit)
        .count();
    match digits {
        2 => Some(Precision::Hour),
        4 => Some(Precision::Minute),
        6 => Some(Precision::Second),
        _ => None,
    }
}

/// Reads a date "YYYYMMDD" and a time in a field of its own: "HHMMSS", "HMMSS" (the leading zero
/// lost in a numeric field), "HHMM", "HH:MM:SS", "HH:MM", or empty for a date alone.
pub fn parse_compact(date: &str, time: &str) -> Option<(DateTime, Precision)> {
    let date = date.trim();
    if date.len() != 8 {
        return None;
    }
    let year = number(date.get(..4)?)?;
    let (month, day) = (number(date.get(4..6)?)?, number(date.get(6..)?)?);
    let date = Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
    let (time, precision) = parse_clock(time.trim())?;
    Some((DateTime::from_parts(date, time), precision))
}

fn parse_clock(text: &str) -> Option<(Time, Precision)> {
    if text.is_empty() {
        return Some((Time::midnight(), Precision::Day));
    }
    let (hour, minute, second) = match text.split_once(':') {
        Some((hour, rest)) => match rest.split_once(':') {
            Some((minute, second)) => (hour, minute, second),
            None => (hour, rest, ""),
        },
        None => match text.len() {
            5 | 6 => {
                let (hour, rest) = text.split_at_checked(text.len() - 4)?;
                let (minute, second) = rest.split_at_checked(2)?;
                (hour, minute, second)
            }
            4 => {
                let (hour, minute) = text.split_at_checked(2)?;
                (hour, minute, "")
            }
            _ => return None,
        },
    };
    let two = |text: &str| match text.len() {
        2 => i8::try_from(number(text)?).ok(),
        _ => None,
    };
    let hour = match hour.len() {
        1 => i8::try_from(number(hour)?).ok()?,
        _ => two(hour)?,
    };
    let (second, precision) = match second {
        "" => (0, Precision::Minute),
        second => (two(second)?, Precision::Second),
    };
    let time = Time::new(hour, two(minute)?, second, 0).ok()?;
    Some((time, precision))
}

/// Reads an offset from UTC in seconds: "Z", "+08:00", "-05.00", "-0500", "+530", "+08", "+8",
/// also after "UTC" or "GMT". At most 18 hours.
pub fn parse_offset(text: &str) -> Option<i32> {
    let text = text.trim();
    let bare = ["UTC", "GMT"]
        .iter()
        .find_map(|prefix| text.strip_prefix(prefix));
    if bare == Some("") || matches!(text, "Z" | "z") {
        return Some(0);
    }
    let text = bare.unwrap_or(text);
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let text = text.get(1..)?;
    let (hours, minutes) = match text.split_once([':', '.']) {
        Some((hours, minutes)) if minutes.len() == 2 => (hours, minutes),
        Some(_) => return None,
        None => match text.len() {
            3 | 4 => text.split_at_checked(text.len() - 2)?,
            _ => (text, "00"),
        },
    };
    if !matches!(hours.len(), 1 | 2) {
        return None;
    }
    let (hours, minutes) = (i32::from(number(hours)?), i32::from(number(minutes)?));
    let seconds = hours * 3_600 + minutes * 60;
    (minutes < 60 && seconds <= 18 * 3_600).then_some(sign * seconds)
}

/// Reads up to four ASCII digits and nothing else.
fn number(text: &str) -> Option<i16> {
    let digits = matches!(text.len(), 1..=4) && text.bytes().all(|c| c.is_ascii_digit());
    digits.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn iso(text: &str) -> Option<(String, Precision, Option<i32>)> {
        parse_iso(text).map(|stated| {
            assert_eq!(stated.raw, text);
            (stated.local.to_string(), stated.precision, stated.offset)
        })
    }

    #[test]
    fn iso_forms() {
        use Precision::{Day, Hour, Minute, Second};
        for (text, local, precision, offset) in [
            ("2024-05-01", "2024-05-01T00:00:00", Day, None),
            ("2024-05-01T10", "2024-05-01T10:00:00", Hour, None),
            ("2024-05-01T10:20", "2024-05-01T10:20:00", Minute, None),
            ("2024-05-01T10:20:30", "2024-05-01T10:20:30", Second, None),
            ("2024-05-01 10:20:30", "2024-05-01T10:20:30", Second, None),
            (
                "2024-05-01t10:20:30z",
                "2024-05-01T10:20:30",
                Second,
                Some(0),
            ),
            ("2024-05-01T10:20Z", "2024-05-01T10:20:00", Minute, Some(0)),
            (
                "2024-05-01T10:20:30.123Z",
                "2024-05-01T10:20:30.123",
                Second,
                Some(0),
            ),
            (
                "2024-05-01T10:20:30.1234567+08:00",
                "2024-05-01T10:20:30.1234567",
                Second,
                Some(28_800),
            ),
            (
                "2024-05-01T10:20:30+01:00",
                "2024-05-01T10:20:30",
                Second,
                Some(3_600),
            ),
            (
                "2024-05-01T10:20:30-0430",
                "2024-05-01T10:20:30",
                Second,
                Some(-16_200),
            ),
            (
                "2024-05-01T10:20:30+01",
                "2024-05-01T10:20:30",
                Second,
                Some(3_600),
            ),
            (" 2024-05-01T10:20 ", "2024-05-01T10:20:00", Minute, None),
            ("2024-02-29", "2024-02-29T00:00:00", Day, None),
        ] {
            assert_eq!(
                iso(text),
                Some((local.to_owned(), precision, offset)),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_iso_date() {
        for text in [
            "",
            "2024",
            "2024-05",
            "2023-02-29",
            "2024-13-01",
            "2024-05-01T25:00",
            "2024-05-01T10:61",
            "2024-05-01T",
            "2024-05-01T10:20:30+99:00",
            "2024-05-01T10:20:30[Asia/Shanghai]",
            "2024-05-01T10:20:30+08:00[Asia/Shanghai]",
            "01.05.2024",
            "05/01/2024 10:20",
            "yesterday",
            "２０２４-05-01",
        ] {
            assert_eq!(iso(text), None, "{text}");
        }
    }

    #[test]
    fn compact_forms() {
        use Precision::{Day, Minute, Second};
        for (date, time, local, precision) in [
            ("20240501", "", "2024-05-01T00:00:00", Day),
            ("20240501", "  ", "2024-05-01T00:00:00", Day),
            ("20240501", "102030", "2024-05-01T10:20:30", Second),
            ("20240501", "000000", "2024-05-01T00:00:00", Second),
            ("20240501", "92030", "2024-05-01T09:20:30", Second),
            ("20240501", "1020", "2024-05-01T10:20:00", Minute),
            ("20240501", "10:20:30", "2024-05-01T10:20:30", Second),
            ("20240501", "10:20", "2024-05-01T10:20:00", Minute),
            ("20240501", "9:20", "2024-05-01T09:20:00", Minute),
        ] {
            let read =
                parse_compact(date, time).map(|(local, precision)| (local.to_string(), precision));
            assert_eq!(read, Some((local.to_owned(), precision)), "{date} {time}");
        }
        for (date, time) in [
            ("20230229", ""),
            ("00000000", ""),
            ("2024-5-1", ""),
            ("240501", ""),
            ("20240501", "240000"),
            ("20240501", "106030"),
            ("20240501", "930"),
            ("20240501", "+10203"),
            ("20240501", "10:2"),
            ("20240501", "10:20:30:40"),
            ("20240501", "10h20"),
            ("２０２４", "1020"),
            ("20240501", "１２"),
        ] {
            assert_eq!(parse_compact(date, time), None, "{date} {time}");
        }
    }

    #[test]
    fn offset_forms() {
        for (text, offset) in [
            ("-05:00", Some(-18_000)),
            ("-05.00", Some(-18_000)),
            ("-0500", Some(-18_000)),
            ("-05", Some(-18_000)),
            ("+8", Some(28_800)),
            ("+8:00", Some(28_800)),
            ("+530", Some(19_800)),
            ("+05:45", Some(20_700)),
            ("UTC+08:00", Some(28_800)),
            ("GMT-3", Some(-10_800)),
            ("GMT", Some(0)),
            ("Z", Some(0)),
            ("+18:00", Some(64_800)),
            ("+18:01", None),
            ("+05:60", None),
            ("+5.5", None),
            ("+050000", None),
            ("08:00", None),
            ("+", None),
            ("+-5", None),
            ("", None),
            ("CST", None),
            ("+０８", None),
        ] {
            assert_eq!(parse_offset(text), offset, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_a_parser_panic(a in "\\PC{0,40}|[0-9TZ:+. -]{0,30}", b in "\\PC{0,10}|[0-9:]{0,8}") {
            let _ = parse_iso(&a);
            let _ = parse_offset(&a);
            let _ = parse_offset(&b);
            let _ = parse_compact(&a, &b);
            let _ = parse_compact("20240501", &b);
        }

        #[test]
        fn an_offset_survives_writing(minutes in -1_080_i32..=1_080) {
            let sign = if minutes < 0 { '-' } else { '+' };
            let (hour, minute) = (minutes.abs() / 60, minutes.abs() % 60);
            for text in [
                format!("{sign}{hour:02}:{minute:02}"),
                format!("{sign}{hour:02}{minute:02}"),
                format!("{sign}{hour}.{minute:02}"),
            ] {
                prop_assert_eq!(parse_offset(&text), Some(minutes * 60));
            }
            let stated = format!("2024-05-01T10:20:30{sign}{hour:02}:{minute:02}");
            prop_assert_eq!(parse_iso(&stated).and_then(|stated| stated.offset), Some(minutes * 60));
        }
    }
}
