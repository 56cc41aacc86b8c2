//! The clocks of the feed. No time has an offset.
//!
//! What was scanned in China has the clock of Beijing. What other posts and carriers reported has
//! either their clock or that of Beijing; the platform does not say which, so such a time stays
//! unresolved, and its bounds hold both readings. Which codes those are is a matter of the ranges
//! of the code table: 456 to 498, 5xx, `O_`, `ED*` and `EM*`, and `EX*` of another post's number. Of
//! these, the ones whose names do not say that they happened abroad are China's if the row names
//! an office in China.

use jiff::civil::DateTime;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};
use waybill_core::time::{
    Clues, EventTime, Precision, Stated, parse_compact, parse_iso, parse_offset, resolve,
};

use super::wire::Row;

/// Zone of everything that was scanned in China.
pub(super) const ZONE: &str = "Asia/Shanghai";
/// Its offset: there has been no summer time since 1991.
const OFFSET: Offset = Offset::constant(8);

/// Codes in the foreign range that are China's own: deletions and returns at the airport of
/// departure.
const AT_HOME: &[&str] = &["472", "474", "482", "483"];
/// Codes of 5xx whose names say that they happened abroad.
const ABROAD: &[&str] = &["542", "562", "563", "564"];

/// Where an operation happened, as far as its code and its office say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// In China.
    China,
    /// Not in China, or nobody can tell.
    Unknown,
}

/// Tells where an operation happened; `office` says that the row names an office in China, and
/// `issuer` is the country whose number it is.
pub(super) fn side(code: &str, office: bool, issuer: &str) -> Side {
    let number = code.parse::<u16>().ok().filter(|_| code.len() == 3);
    let (foreign, named_abroad) = match number {
        Some(456..=498) => (!AT_HOME.contains(&code), true),
        Some(500..=599) => (true, ABROAD.contains(&code)),
        _ if code.starts_with("O_") => (true, true),
        // Export is China's own unless the number is another post's.
        _ if code.starts_with("EX") => (!matches!(issuer, "" | "CN"), false),
        _ => (code.starts_with("ED") || code.starts_with("EM"), false),
    };
    if foreign && (named_abroad || !office) {
        Side::Unknown
    } else {
        Side::China
    }
}

/// Reads the time of a row; `None` if there is no readable date.
pub(super) fn read(row: &Row<'_>, side: Side, office: bool) -> Option<EventTime> {
    let texts = [&row.detail_op_time, &row.bubble_time, &row.op_time];
    let stated = texts.into_iter().find_map(|text| stated(text))?;
    let clues = match side {
        Side::China => Clues {
            country: office.then_some("CN"),
            convention: Some(ZONE),
            ..Clues::default()
        },
        Side::Unknown => Clues::default(),
    };
    Some(resolve(stated, clues))
}

/// Reads `yyyy-MM-dd HH:mm:ss` and what is near to it.
fn stated(text: &str) -> Option<Stated<'_>> {
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    parse_iso(text).or_else(|| {
        let digits = text.len() == 14 && text.bytes().all(|byte| byte.is_ascii_digit());
        let (date, time) = text.split_at_checked(8).filter(|_| digits)?;
        let (local, precision) = parse_compact(date, time)?;
        Some(Stated {
            local,
            precision,
            offset: None,
            raw: text,
        })
    })
}

/// Reads `/Date(ms)/` of the UPU. The document does not say whether the milliseconds count from
/// 1970 in UTC or on the clock of the place, so nothing is made of them but bounds; with an offset
/// behind them they are an instant by the rules of that notation.
pub(super) fn of_upu(text: &str) -> Option<EventTime> {
    let inner = text.trim().strip_prefix("/Date(")?.strip_suffix(")/")?;
    let sign = inner.rfind(['+', '-']).filter(|at| *at > 0);
    let (ms, offset) = sign.map_or((inner, None), |at| {
        let (ms, offset) = inner.split_at(at);
        (ms, parse_offset(offset))
    });
    let at = Timestamp::from_millisecond(ms.parse().ok()?).ok()?;
    let local = Offset::from_seconds(offset.unwrap_or(0)).ok()?;
    let stated = Stated {
        local: local.to_datetime(at),
        precision: Precision::Second,
        offset,
        raw: text.trim(),
    };
    Some(resolve(stated, Clues::default()))
}

/// The moment of a call on the clock of Beijing, as the platform wants it.
pub(super) fn of_call(now: Timestamp) -> String {
    OFFSET
        .to_datetime(now)
        .strftime("%Y-%m-%d %H:%M:%S")
        .to_string()
}

/// Where a row stands among others: foreign clocks are off by hours and legs take days, so the
/// wall clock orders best.
pub(super) fn order(time: &EventTime) -> DateTime {
    time.offset.map_or(time.local, |offset| {
        let shift = SignedDuration::from_secs(i64::from(OFFSET.seconds() - offset));
        time.local.checked_add(shift).unwrap_or(time.local)
    })
}
