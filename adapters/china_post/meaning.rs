//! What an operation means, and which operations take others back.
//!
//! 704 says delivered and 705 not delivered; the code beside them says how and why, and decides:
//! a locker, a pick-up point and a postal kiosk are no delivery, because the recipient does not
//! have the item until 748. Where that code is missing or unknown the words may still say so.

use std::sync::LazyLock;

use waybill_core::code::EventCode;
use waybill_core::event::MappingBasis;

use super::clock::Side;
use super::wire::Row;
use crate::codes::{Codes, Meaning};

/// Every known code. Scopes: none for operations, `signed` and `unsigned` for the ways of
/// delivery and the reasons against it, `upu` for EMSEVT, `stage` for the consumer page.
pub(super) static CODES: LazyLock<Result<Codes, String>> =
    LazyLock::new(|| Codes::parse(include_str!("codes.csv")));

/// Operations that take back the latest of others.
const REVERSALS: &[(&str, &[&str])] = &[
    ("207", &["203"]),
    ("212", &["208"]),
    ("304", &["303", "336", "345"]),
    ("424", &["423"]),
    ("448", &["447"]),
    ("472", &["404"]),
    ("474", &["405"]),
    ("483", &["482"]),
    ("742", &["702"]),
    ("743", &["704"]),
    ("744", &["705"]),
    ("EDAD", &["EDA"]),
    ("EDCD", &["EDC"]),
    ("EMED", &["EME"]),
    ("EXAD", &["EXA"]),
    ("EXBD", &["EXB"]),
    ("EXCD", &["EXC"]),
    ("EXDD", &["EXD"]),
];

/// Words that say where an item waits for somebody to fetch it.
const WAITS: &[&str] = &[
    "自提",
    "包裹柜",
    "快递柜",
    "智能柜",
    "丰巢",
    "驿站",
    "代收点",
    "刊邮站",
];
/// Words that say that somebody has fetched it.
const FETCHED: &[&str] = &["取走", "取件", "已取", "领取", "取出"];

const UNMAPPED: Meaning = Meaning {
    event: EventCode::UNMAPPED,
    reason: None,
};

/// What a row means.
pub(super) struct Reading<'a> {
    pub(super) meaning: Meaning,
    pub(super) basis: MappingBasis,
    /// The operation code; the stage where there is none.
    pub(super) code: &'a str,
    /// The code beside it that was taken into account, or could not be.
    pub(super) detail: &'a str,
    /// Why the row is doubted.
    pub(super) doubt: Option<&'static str>,
}

/// The operations that `code` takes back; empty if it is no reversal.
pub(super) fn reverses(code: &str) -> &'static [&'static str] {
    let row = REVERSALS.iter().find(|(reversal, _)| *reversal == code);
    row.map_or(&[], |(_, reversed)| *reversed)
}

/// What an event of the UPU means.
pub(super) fn of_upu(codes: &Codes, code: &str) -> (Meaning, MappingBasis) {
    with_basis(codes.by_code("upu", code), MappingBasis::Code)
}

/// Finds what a row means and how that was found.
pub(super) fn of<'a>(codes: &Codes, row: &'a Row<'_>) -> Reading<'a> {
    let (code, coarse) = match row.op_state_code.trim() {
        // Only the consumer page has this clock, and its own code is a stage.
        "" if !row.bubble_time.is_empty() => (row.op_code.trim(), true),
        "" => (row.op_code.trim(), false),
        code => (code, false),
    };
    let found = match code {
        "" => None,
        _ if coarse => codes.by_code("stage", code),
        _ => codes
            .by_code("", code)
            .or_else(|| codes.by_code("upu", code)),
    };
    let basis = if coarse {
        MappingBasis::AggregatedStatus
    } else {
        MappingBasis::Code
    };
    let (meaning, basis) = match found {
        None if code.is_empty() => with_basis(by_name(codes, row), MappingBasis::Text),
        found => with_basis(found, basis),
    };
    let mut reading = Reading {
        meaning,
        basis,
        code,
        detail: "",
        doubt: None,
    };
    match meaning.event {
        EventCode::DELIVERED => manner(codes, row, &mut reading),
        EventCode::DELIVERY_ATTEMPTED => failure(codes, row, &mut reading),
        _ => {}
    }
    reading
}

fn by_name(codes: &Codes, row: &Row<'_>) -> Option<Meaning> {
    [&row.op_state_name, &row.op_name]
        .into_iter()
        .find_map(|name| codes.by_text("", name))
}

fn with_basis(found: Option<Meaning>, basis: MappingBasis) -> (Meaning, MappingBasis) {
    match found.filter(|meaning| meaning.event != EventCode::UNMAPPED) {
        Some(meaning) => (meaning, basis),
        None => (UNMAPPED, MappingBasis::None),
    }
}

/// Makes a delivery as precise as the code beside it.
fn manner<'a>(codes: &Codes, row: &'a Row<'_>, reading: &mut Reading<'a>) {
    let detail = match row.deliver_code.trim() {
        "" => row.deliver_state.trim(),
        code => code,
    };
    reading.detail = detail;
    if let Some(known) = codes.by_code("signed", detail) {
        (reading.meaning, reading.basis) = (known, MappingBasis::CodeAndText);
        return;
    }
    if is_deposit(&row.op_desc) {
        reading.meaning.event = EventCode::AVAILABLE_FOR_PICKUP;
        reading.basis = MappingBasis::CodeAndText;
    } else if !detail.is_empty() {
        reading.doubt = Some("way of delivery is not in the code table");
    }
}

/// Makes a failure as precise as the code beside it.
fn failure<'a>(codes: &Codes, row: &'a Row<'_>, reading: &mut Reading<'a>) {
    let detail = row.attempt_delivery_code.trim();
    reading.detail = detail;
    if let Some(known) = codes.by_code("unsigned", detail) {
        (reading.meaning, reading.basis) = (known, MappingBasis::CodeAndText);
    } else if !detail.is_empty() {
        reading.doubt = Some("reason of the failure is not in the code table");
    }
}

/// Tells whether the words of a delivery say that the item waits somewhere.
fn is_deposit(words: &str) -> bool {
    let says = |list: &[&str]| list.iter().any(|part| words.contains(part));
    says(WAITS) && !says(FETCHED)
}

/// An aircraft that lands in China has not brought a parcel from China to its destination, and a
/// domestic one has no flight that leaves the country.
pub(super) fn placed(event: EventCode, side: Side, office: bool, issuer: &str) -> EventCode {
    let within = side == Side::China && office;
    match event {
        EventCode::TRANSPORT_ARRIVED if within && matches!(issuer, "" | "CN") => {
            EventCode::ARRIVED_AT_FACILITY
        }
        EventCode::TRANSPORT_DEPARTED if within && issuer.is_empty() => {
            EventCode::DEPARTED_FACILITY
        }
        event => event,
    }
}
