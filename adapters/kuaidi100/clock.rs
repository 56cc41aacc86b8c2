//! Reads the time of a row: a wall clock without an offset.
//!
//! Rows of Chinese scans show China's clock, which is one all over the country; whose clock a
//! foreign scan shows is nowhere documented. So a row is China's if its place is in China, or if
//! it names no place and its company works in China only. Every other time stays unresolved.

use waybill_core::shipment::LocalWindow;
use waybill_core::time::{Clues, EventTime, parse_iso, resolve};

use super::wire::Row;

/// The one clock of China.
const CHINA: &str = "Asia/Shanghai";
const TIMES: &str = "the two times of the row differ";

/// Where a wall clock hangs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wall<'a> {
    /// In a place of China, by its country code: Hong Kong and its like have their own.
    Place(&'a str),
    /// Somewhere in China.
    China,
    /// Nobody knows.
    Unknown,
}

impl Wall<'_> {
    fn clues(&self) -> Clues<'_> {
        match self {
            Self::Place(country) => Clues {
                country: Some(country),
                convention: Some(CHINA),
                ..Clues::default()
            },
            Self::China => Clues {
                convention: Some(CHINA),
                ..Clues::default()
            },
            Self::Unknown => Clues::default(),
        }
    }
}

/// Reads the time of a row: the normal form, else what the carrier wrote. Gives a doubt if the two
/// are not the same, and `None` if neither can be read.
pub(super) fn read(row: &Row<'_>, wall: Wall<'_>) -> Option<(EventTime, Option<&'static str>)> {
    let (normal, original) = (row.ftime.trim(), row.time.trim());
    let chosen = parse_iso(normal);
    let other = if normal == original {
        None
    } else {
        parse_iso(original)
    };
    let doubt = match (&chosen, &other) {
        (Some(one), Some(two)) if one.local != two.local => Some(TIMES),
        _ => None,
    };
    Some((resolve(chosen.or(other)?, wall.clues()), doubt))
}

/// Reads a forecast; its end is open, because only a moment is given.
pub(super) fn forecast(text: &str, wall: Wall<'_>) -> Option<LocalWindow> {
    let stated = parse_iso(text.trim())?;
    Some(LocalWindow {
        start: Some(resolve(stated, wall.clues())),
        end: None,
    })
}
