//! What a checkpoint means: the carrier's own code where we know the codes of that carrier, else the
//! sub-tag, else the tag.
//!
//! Sub-tags are an open list: one that the table lacks means what its tag means. `Pending` and
//! `Expired` say how the tracking fares and are no events. Where a code says little, the carrier's
//! words may say more; see [`super::words`].

use std::sync::LazyLock;

use waybill_core::code::EventCode;
use waybill_core::event::MappingBasis;
use waybill_core::status::Status;

use super::wire::Checkpoint;
use super::words::closer;
use crate::codes::{Codes, Meaning};

/// Every known code. Scopes are "subtag", "tag", and the carriers whose own codes are known.
pub(super) static CODES: LazyLock<Result<Codes, String>> =
    LazyLock::new(|| Codes::parse(include_str!("codes.csv")));

const UNMAPPED: Meaning = Meaning {
    event: EventCode::UNMAPPED,
    reason: None,
};

/// Finds what a checkpoint of `carrier` means and how that was found.
pub(super) fn of(
    codes: &Codes,
    carrier: &str,
    checkpoint: &Checkpoint<'_>,
) -> (Meaning, MappingBasis) {
    let (meaning, basis) = coded(codes, carrier, checkpoint);
    if meaning.event == EventCode::UNMAPPED {
        return (UNMAPPED, MappingBasis::None);
    }
    match closer(meaning, checkpoint.message.trim()) {
        Some(said) if basis == MappingBasis::AggregatedStatus => (said, MappingBasis::Text),
        Some(said) => (said, MappingBasis::CodeAndText),
        None => (meaning, basis),
    }
}

fn coded(codes: &Codes, carrier: &str, checkpoint: &Checkpoint<'_>) -> (Meaning, MappingBasis) {
    let own = codes.by_code(carrier, checkpoint.raw_tag.trim());
    let exact = own.or_else(|| codes.by_code("subtag", checkpoint.subtag.trim()));
    if let Some(meaning) = exact {
        return (meaning, MappingBasis::Code);
    }
    let main = match checkpoint.subtag.trim().split_once('_') {
        Some((main, _)) if checkpoint.tag.trim().is_empty() => main,
        _ => &checkpoint.tag,
    };
    let coarse = of_tag(codes, main).unwrap_or(UNMAPPED);
    (coarse, MappingBasis::AggregatedStatus)
}

/// What a tag means.
pub(super) fn of_tag(codes: &Codes, tag: &str) -> Option<Meaning> {
    codes.by_code("tag", tag.trim())
}

/// The status that a tag stands for; `None` if it says nothing about the parcel.
pub(super) fn status_of(codes: &Codes, tag: &str) -> Option<Status> {
    of_tag(codes, tag)?.event.status()
}

/// Gives a customs event the direction that the country of the scan implies.
pub(super) fn directed(event: EventCode, scan: &str, origin: &str, destination: &str) -> EventCode {
    let leaves = !scan.is_empty() && scan == origin;
    let arrives = !scan.is_empty() && scan == destination;
    match (event, leaves, arrives) {
        (EventCode::CUSTOMS_PROCESSING, true, false) => EventCode::EXPORT_CUSTOMS_PRESENTED,
        (EventCode::CUSTOMS_PROCESSING, false, true) => EventCode::IMPORT_CUSTOMS_PRESENTED,
        (EventCode::CUSTOMS_RELEASED, true, false) => EventCode::EXPORT_CUSTOMS_RELEASED,
        (EventCode::CUSTOMS_RELEASED, false, true) => EventCode::IMPORT_CUSTOMS_RELEASED,
        _ => event,
    }
}
