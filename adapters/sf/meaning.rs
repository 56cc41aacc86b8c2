//! What an event means: its operation code first, the two-level status where the code is unknown,
//! the words last.
//!
//! The operation codes of this API are not those of SF's other interfaces (there 80 is an arrival),
//! so the table is never shared. Words only make a known code more precise; they never turn
//! something else into a delivery, and a deposit at a locker or shop is none.

use std::sync::LazyLock;

use waybill_core::code::{EventCode, ReasonCode};
use waybill_core::event::MappingBasis;

use super::wire::Route;
use super::words;
use crate::codes::{Codes, Meaning};

/// Every known code.
pub(super) static CODES: LazyLock<Result<Codes, String>> =
    LazyLock::new(|| Codes::parse(include_str!("codes.csv")));

const UNMAPPED: Meaning = Meaning {
    event: EventCode::UNMAPPED,
    reason: None,
};

/// Finds what an event means by itself, and how that was found.
pub(super) fn of(codes: &Codes, route: &Route<'_>) -> (Meaning, MappingBasis) {
    let (op, remark) = (route.op_code.trim(), route.remark.trim());
    let reason = route.reason_code.trim();
    if !reason.is_empty()
        && let Some(meaning) = codes.by_code("op/reason", &format!("{op}/{reason}"))
    {
        return (meaning, MappingBasis::CodeAndText);
    }
    let (meaning, basis) = match codes.by_code("op", op) {
        Some(meaning) => (meaning, MappingBasis::Code),
        None => match by_status(codes, route) {
            Some(meaning) => (meaning, MappingBasis::AggregatedStatus),
            None => {
                return match words::meaning(remark) {
                    Some(meaning) => (meaning, MappingBasis::Text),
                    None => (UNMAPPED, MappingBasis::None),
                };
            }
        },
    };
    match words::refined(meaning.event, remark) {
        Some(refined) if refined != meaning => (refined, MappingBasis::CodeAndText),
        _ => (meaning, basis),
    }
}

/// What the two-level status means: the finer level first, numbers before names.
fn by_status(codes: &Codes, route: &Route<'_>) -> Option<Meaning> {
    let levels = [
        (
            "secondary",
            &route.secondary_status_code,
            &route.secondary_status_name,
        ),
        ("first", &route.first_status_code, &route.first_status_name),
    ];
    levels.into_iter().find_map(|(scope, code, name)| {
        codes
            .by_code(scope, code.trim())
            .or_else(|| codes.by_text(scope, name))
    })
}

/// Says whether the operation code and the status beside it disagree about the one thing that
/// must not be wrong: whether the item was delivered.
pub(super) fn contradicts(codes: &Codes, route: &Route<'_>, event: EventCode) -> bool {
    let is_delivered = |event: EventCode| event.phase() == 6 && event.status() == DELIVERED;
    let stated = by_status(codes, route);
    match (event.status(), stated) {
        (Some(_), Some(stated)) => is_delivered(event) != is_delivered(stated.event),
        _ => false,
    }
}

const DELIVERED: Option<waybill_core::status::Status> =
    Some(waybill_core::status::Status::Delivered);

/// Makes a transport that stays within one country what it is there: a move between sites.
pub(super) fn within_one_country(event: EventCode) -> EventCode {
    match event {
        EventCode::TRANSPORT_DEPARTED => EventCode::DEPARTED_FACILITY,
        EventCode::TRANSPORT_ARRIVED => EventCode::ARRIVED_AT_FACILITY,
        event => event,
    }
}

/// Gives a customs event the direction that the country of the scan implies.
pub(super) fn directed(meaning: Meaning, scan: &str, origin: &str) -> EventCode {
    if scan.is_empty() || origin.is_empty() {
        return meaning.event;
    }
    let held = meaning.reason == Some(ReasonCode::CUSTOMS_DELAY);
    match (meaning.event, scan == origin) {
        (EventCode::CUSTOMS_PROCESSING, true) if held => EventCode::EXPORT_CUSTOMS_HELD,
        (EventCode::CUSTOMS_PROCESSING, false) if held => EventCode::IMPORT_CUSTOMS_HELD,
        (EventCode::CUSTOMS_PROCESSING, true) => EventCode::EXPORT_CUSTOMS_PRESENTED,
        (EventCode::CUSTOMS_PROCESSING, false) => EventCode::IMPORT_CUSTOMS_PRESENTED,
        (EventCode::CUSTOMS_RELEASED, true) => EventCode::EXPORT_CUSTOMS_RELEASED,
        (EventCode::CUSTOMS_RELEASED, false) => EventCode::IMPORT_CUSTOMS_RELEASED,
        (event, _) => event,
    }
}
