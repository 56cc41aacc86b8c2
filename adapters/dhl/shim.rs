//! Stand-in.
use jiff::civil::{DateTime, Time};
use jiff::fmt::temporal::Pieces;
use waybill_core::time::{Precision, Stated};
pub(super) fn parse_iso(text: &str) -> Option<Stated<'_>> {
    let pieces = Pieces::parse(text).ok()?;
    let (time, precision) = match pieces.time() {
        None => (Time::midnight(), Precision::Day),
        Some(time) => (
            time,
            if text.matches(':').count() >= 2 {
                Precision::Second
            } else {
                Precision::Minute
            },
        ),
    };
    Some(Stated {
        local: DateTime::from_parts(pieces.date(), time),
        precision,
        offset: pieces.to_numeric_offset().map(|o| o.seconds()),
        raw: text,
    })
}
