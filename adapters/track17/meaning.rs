//! What a row of 17TRACK means: its sub-status, else its stage, else that it is a movement.
//!
//! A sub-status that the table lacks means what its main status means, the part before the
//! underscore. `NotFound`, `Expired` and their sub-statuses are results of a search and ages, no
//! events: rows that carry one are unmapped. Where a code says little, the carrier's words may say
//! more; see [`super::words`].

use std::sync::LazyLock;

use waybill_core::code::EventCode;
use waybill_core::event::MappingBasis;
use waybill_core::status::Status;

use super::wire::Event;
use super::words::closer;
use crate::codes::{Codes, Meaning};

/// Every known code.
pub(super) static CODES: LazyLock<Result<Codes, String>> =
    LazyLock::new(|| Codes::parse(include_str!("codes.csv")));

const UNMAPPED: Meaning = bare(EventCode::UNMAPPED);

const fn bare(event: EventCode) -> Meaning {
    Meaning {
        event,
        reason: None,
    }
}

/// Finds what a row means and how that was found.
pub(super) fn of(codes: &Codes, event: &Event<'_>) -> (Meaning, MappingBasis) {
    let (meaning, basis) = coded(codes, event);
    if meaning.event == EventCode::UNMAPPED {
        return (UNMAPPED, MappingBasis::None);
    }
    let words = [
        &event.description,
        &event.description_translation.description,
    ];
    let said = words
        .into_iter()
        .find_map(|words| closer(meaning.event, words.trim()));
    match said {
        Some(said) if basis == MappingBasis::AggregatedStatus => (said, MappingBasis::Text),
        Some(said) => (said, MappingBasis::CodeAndText),
        None => (meaning, basis),
    }
}

fn coded(codes: &Codes, event: &Event<'_>) -> (Meaning, MappingBasis) {
    let (sub_status, stage) = (event.sub_status.trim(), event.stage.trim());
    let by_stage = codes.by_code("stage", stage);
    if let Some(meaning) = codes.by_code("sub_status", sub_status) {
        // "Other movement" beside a stage is that movement.
        let stage = by_stage.filter(|stage| {
            meaning.event == EventCode::IN_TRANSIT
                && stage.event.status() == Some(Status::InTransit)
        });
        return (stage.unwrap_or(meaning), MappingBasis::Code);
    }
    if !sub_status.is_empty() {
        let meaning = of_status(codes, sub_status).unwrap_or(UNMAPPED);
        return (meaning, MappingBasis::AggregatedStatus);
    }
    match by_stage {
        Some(meaning) => (meaning, MappingBasis::Code),
        None if stage.is_empty() => (bare(EventCode::IN_TRANSIT), MappingBasis::AggregatedStatus),
        None => (UNMAPPED, MappingBasis::None),
    }
}

/// What a main status means, or the main status of a sub-status.
pub(super) fn of_status(codes: &Codes, status: &str) -> Option<Meaning> {
    let status = status.trim();
    let main = status.split_once('_').map_or(status, |(main, _)| main);
    codes.by_code("status", main)
}

/// What a milestone means.
pub(super) fn of_stage(codes: &Codes, stage: &str) -> Option<Meaning> {
    codes.by_code("stage", stage.trim())
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
