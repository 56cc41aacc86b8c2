//! What a state means: its code, else its name, else the family that its first digit tells.
//!
//! The scope of `codes.csv` is the family, which is the state in the answers of a subscription
//! without sub-states. 201 and 202 are alarms of Kuaidi100 itself, whose thresholds are nowhere
//! documented, so they say nothing about the parcel. A signature is believed only where the words
//! beside it name no locker and no station: those sign for what the recipient has yet to collect.

use std::sync::LazyLock;

use waybill_core::code::{EventCode, ReasonCode};
use waybill_core::event::MappingBasis;

use super::company::{Clock, s10_issuer};
use super::wire::Row;
use crate::codes::{Codes, Meaning};

/// Every known state.
pub(super) static CODES: LazyLock<Result<Codes, String>> =
    LazyLock::new(|| Codes::parse(include_str!("codes.csv")));

/// Every family.
const FAMILIES: &[&str] = &["0", "1", "2", "3", "4", "5", "6", "7", "8", "14"];
const SIGNED: &str = "3";
/// Refused, or refused and signed for by the sender.
const REFUSED: &str = "14";

const UNMAPPED: Meaning = Meaning {
    event: EventCode::UNMAPPED,
    reason: None,
};

/// Words for a locker or station.
const DEPOSIT: &[&str] = &[
    "驿站",
    "快递柜",
    "丰巢",
    "自提柜",
    "智能柜",
    "储物柜",
    "速递易",
    "代收点",
    "自提点",
    "快递超市",
    "妈妈店",
];
/// Words that say that the recipient has taken it from there.
const COLLECTED: &[&str] = &[
    "取货码签收",
    "取件码签收",
    "已取出",
    "被取出",
    "已取走",
    "被取走",
    "已取件",
    "已取货",
    "已自提",
    "已领取",
    "取件成功",
    "取货成功",
];
/// Words that ask the recipient to take it, whatever else they mention.
const REMINDER: &[&str] = &["请及时", "请尽快", "请凭", "如已", "若已", "如您已", "待取"];

/// What a row means, and how that was found.
pub(super) struct Found<'a> {
    pub(super) meaning: Meaning,
    pub(super) basis: MappingBasis,
    /// Code or name, as the row states it.
    pub(super) native: &'a str,
    /// State of column 1; empty if it has none.
    family: &'a str,
}

/// The state of column 1 that a code of either column belongs to; empty if it has none.
pub(super) fn family(code: &str) -> &'static str {
    let known = |family| {
        FAMILIES
            .iter()
            .find(|known| **known == family)
            .copied()
            .unwrap_or("")
    };
    let digits = code.bytes().all(|byte| byte.is_ascii_digit());
    match code.len() {
        3 if digits => known(code.get(..1).unwrap_or("")),
        4 if code.starts_with("100") && digits => "0",
        2 if matches!(code, "10" | "11" | "12" | "13") => "8",
        _ => known(code),
    }
}

/// Finds what a row means. `state` is that of the whole answer if the row is its newest one: it
/// stands in where the row itself states nothing.
pub(super) fn of<'a>(codes: &Codes, row: &'a Row<'_>, state: Option<&str>) -> Found<'a> {
    let (code, name) = (row.status_code.trim(), row.status.trim());
    let found = |(meaning, basis): (Meaning, MappingBasis), native: &'a str, family: &'a str| {
        let (meaning, basis) = match family {
            SIGNED => signed(meaning, basis, &row.context),
            _ => (meaning, basis),
        };
        Found {
            meaning,
            basis,
            native,
            family,
        }
    };
    if !code.is_empty() {
        return found(by_code(codes, code), code, family(code));
    }
    if !name.is_empty() {
        let named = FAMILIES
            .iter()
            .find_map(|family| Some((codes.by_text(family, name)?, *family)));
        return match named {
            Some((meaning, family)) => found((meaning, MappingBasis::Text), name, family),
            None => found((UNMAPPED, MappingBasis::None), name, ""),
        };
    }
    let whole = state.map_or((UNMAPPED, MappingBasis::None), |state| {
        by_code(codes, state.trim())
    });
    let basis = match whole.1 {
        MappingBasis::None => MappingBasis::None,
        _ => MappingBasis::AggregatedStatus,
    };
    found((whole.0, basis), "", state.map_or("", family))
}

/// A code that is not in the table means what its family means, where all members of the family
/// have that in common: what begins with 1 can be an order or a pick-up.
fn by_code(codes: &Codes, code: &str) -> (Meaning, MappingBasis) {
    let family = family(code);
    if let Some(meaning) = codes.by_code(family, code) {
        return (meaning, MappingBasis::Code);
    }
    let coarse = Some(family).filter(|family| matches!(*family, "0" | "2" | "3"));
    match coarse.and_then(|family| codes.by_code(family, family)) {
        Some(meaning) => (meaning, MappingBasis::AggregatedStatus),
        None => (UNMAPPED, MappingBasis::None),
    }
}

/// Tells a signature of the recipient from one of a locker or station by the words beside it.
fn signed(meaning: Meaning, basis: MappingBasis, words: &str) -> (Meaning, MappingBasis) {
    let says = |list: &[&str]| list.iter().any(|part| words.contains(part));
    let collected = || says(COLLECTED) && !says(REMINDER);
    let event = match meaning.event {
        EventCode::DELIVERED | EventCode::DELIVERED_SIGNED if says(DEPOSIT) && !collected() => {
            EventCode::AVAILABLE_FOR_PICKUP
        }
        // The state says "signed by locker or station", of which there are two readings.
        EventCode::AVAILABLE_FOR_PICKUP if collected() => EventCode::COLLECTED_BY_RECIPIENT,
        _ => return (meaning, basis),
    };
    (Meaning { event, ..meaning }, MappingBasis::CodeAndText)
}

/// Gives a refusal that is over the end that it has: the sender has the parcel again.
pub(super) fn ended(found: &mut Found<'_>) {
    if found.meaning.event == EventCode::REFUSED && found.family == REFUSED {
        found.meaning = Meaning {
            event: EventCode::RETURNED_TO_SENDER,
            reason: Some(ReasonCode::RECIPIENT_REFUSED),
        };
        found.basis = MappingBasis::CodeAndText;
    }
}

/// Gives a customs event the direction that place, line and number imply: in China, a line that
/// carries abroad declares for export, unless the number was issued abroad.
pub(super) fn directed(event: EventCode, in_china: bool, clock: Clock, number: &str) -> EventCode {
    let issued_abroad = s10_issuer(number).is_some_and(|issuer| issuer != "CN");
    let is_s10 = s10_issuer(number).is_some();
    let exports =
        in_china && !issued_abroad && (clock == Clock::Export || (clock == Clock::Post && is_s10));
    let imports = in_china && issued_abroad;
    match event {
        EventCode::CUSTOMS_PROCESSING if exports => EventCode::EXPORT_CUSTOMS_PRESENTED,
        EventCode::CUSTOMS_PROCESSING if imports => EventCode::IMPORT_CUSTOMS_PRESENTED,
        EventCode::CUSTOMS_RELEASED if exports => EventCode::EXPORT_CUSTOMS_RELEASED,
        EventCode::CUSTOMS_RELEASED if imports => EventCode::IMPORT_CUSTOMS_RELEASED,
        EventCode::IMPORT_CUSTOMS_HELD if exports => EventCode::EXPORT_CUSTOMS_HELD,
        event => event,
    }
}
