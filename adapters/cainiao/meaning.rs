//! What the codes of Cainiao mean.
//!
//! The list of action codes is open. A code that is not in it belongs to a family by its prefix,
//! and ends in a failure by its suffix; that gives a coarse meaning, and never an end of the
//! journey. What fits neither is unmapped.

use std::borrow::Cow;
use std::sync::LazyLock;

use waybill_core::code::EventCode;
use waybill_core::event::MappingBasis;

use super::words;
use crate::codes::{Codes, Meaning};

/// Every known code.
pub(super) static CODES: LazyLock<Result<Codes, String>> =
    LazyLock::new(|| Codes::parse(include_str!("codes.csv")));

/// What a row says, for its meaning.
#[derive(Clone, Copy, Default)]
pub(super) struct Said<'a> {
    /// Action code in its normal form.
    pub(super) code: &'a str,
    /// Node of the journey that the public page puts it under.
    pub(super) node: &'a str,
    /// Coarse group of the European last mile.
    pub(super) group: &'a str,
    /// The carrier's words.
    pub(super) text: &'a str,
}

const UNMAPPED: (Meaning, MappingBasis) = (plain(EventCode::UNMAPPED), MappingBasis::None);

const fn plain(event: EventCode) -> Meaning {
    Meaning {
        event,
        reason: None,
    }
}

/// An action code in its normal form: upper case, blanks and the full-width underscore as `_`.
pub(super) fn normal(code: &str) -> Cow<'_, str> {
    let code = code.trim();
    let is_normal = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    if code.bytes().all(is_normal) {
        return Cow::Borrowed(code);
    }
    let letter = |c: char| match c {
        '\u{ff3f}' => '_',
        c if c.is_whitespace() => '_',
        c => c.to_ascii_uppercase(),
    };
    Cow::Owned(code.chars().map(letter).collect())
}

/// Finds what a row means, and how that was found: by its code, by the family of its code, by its
/// group, by its words if it has neither.
pub(super) fn of(codes: &Codes, said: Said<'_>) -> (Meaning, MappingBasis) {
    let (meaning, basis) = found(codes, said);
    if meaning.event == EventCode::DELIVERED && words::is_deposit(said.text) {
        let event = EventCode::AVAILABLE_FOR_PICKUP;
        let basis = match basis {
            MappingBasis::Code => MappingBasis::CodeAndText,
            basis => basis,
        };
        return (Meaning { event, ..meaning }, basis);
    }
    let event = directed(meaning.event, said.node);
    (Meaning { event, ..meaning }, basis)
}

fn found(codes: &Codes, said: Said<'_>) -> (Meaning, MappingBasis) {
    let coarse = |meaning| (meaning, MappingBasis::AggregatedStatus);
    let group = || codes.by_code("group", said.group.trim()).map(coarse);
    if said.code.is_empty() {
        let by_words = || words::of(said.text).map(|meaning| (meaning, MappingBasis::Text));
        return group().or_else(by_words).unwrap_or(UNMAPPED);
    }
    codes
        .by_code("", said.code)
        .or_else(|| codes.by_code("domestic", said.code))
        .map(|meaning| (meaning, MappingBasis::Code))
        .or_else(group)
        .or_else(|| family(said.code).map(|event| coarse(plain(event))))
        .unwrap_or(UNMAPPED)
}

/// What the prefix and the suffix of a code say.
fn family(code: &str) -> Option<EventCode> {
    let fails = ["_FAILURE", "_FAIL", "_EXCEPTION"];
    if fails.iter().any(|suffix| code.ends_with(suffix)) {
        return Some(EventCode::EXCEPTION);
    }
    let prefix = code.split('_').next().unwrap_or_default();
    match prefix {
        "GWMS" | "OM" | "CONSIGN" => Some(EventCode::INFO_RECEIVED),
        "PU" | "CW" | "SC" | "LH" | "TD" | "GTMS" | "LM" | "GSTA" | "STA" => {
            Some(EventCode::IN_TRANSIT)
        }
        "CC" | "CUS" | "CIQ" => Some(EventCode::CUSTOMS_PROCESSING),
        "RT" => Some(EventCode::RETURN_IN_TRANSIT),
        _ => None,
    }
}

/// Gives a customs event the direction of the node that the public page puts it under.
fn directed(event: EventCode, node: &str) -> EventCode {
    let node = node.trim();
    let (leaves, arrives) = (
        node == "AE_GROUP_EX_CLEARING_CUSTOMS",
        node == "AE_GROUP_IM_CLEARING_CUSTOMS",
    );
    match (event, leaves, arrives) {
        (EventCode::CUSTOMS_PROCESSING, true, _) => EventCode::EXPORT_CUSTOMS_PRESENTED,
        (EventCode::CUSTOMS_PROCESSING, _, true) => EventCode::IMPORT_CUSTOMS_PRESENTED,
        (EventCode::CUSTOMS_RELEASED, true, _) => EventCode::EXPORT_CUSTOMS_RELEASED,
        (EventCode::CUSTOMS_RELEASED, _, true) => EventCode::IMPORT_CUSTOMS_RELEASED,
        _ => event,
    }
}

/// What the status of a parcel on the public page says. Its vocabulary is unstable, so it never
/// makes an event where a row has a code of its own.
pub(super) fn of_status(codes: &Codes, status: &str) -> Option<Meaning> {
    let meaning = codes.by_code("status", &normal(status))?;
    (meaning.event != EventCode::UNMAPPED).then_some(meaning)
}

/// What the status of a trade of Taobao says.
pub(super) fn of_trade(codes: &Codes, status: &str) -> Option<Meaning> {
    let status = status.trim();
    codes
        .by_code("trade", status)
        .or_else(|| codes.by_code("trade", &status.replace('，', ",")))
}
