//! What a checkpoint of DHL Express means. It knows codes and words and must not know clocks,
//! places or the shape of a message.
//!
//! `codes.csv` has every checkpoint code of MyDHL API, and the four numbers that stand for the
//! state of a whole shipment. A delivery has to stand against its words: an item at a service
//! point or in a locker waits for the recipient.

use std::sync::LazyLock;

use waybill_core::code::{EventCode, ReasonCode};
use waybill_core::event::MappingBasis;

use crate::codes::Codes;

pub(super) static TABLE: &str = include_str!("codes.csv");
/// Empty only if the file is broken, which a test rules out.
static CODES: LazyLock<Codes> = LazyLock::new(|| Codes::parse(TABLE).unwrap_or_default());

/// What a checkpoint was found to mean.
pub(super) struct Found {
    pub(super) code: EventCode,
    pub(super) reason: Option<ReasonCode>,
    pub(super) basis: MappingBasis,
}

/// Finds the meaning of a code with its words; `signed`: somebody is named as having signed.
pub(super) fn find(code: &str, words: &str, signed: bool) -> Found {
    let Some(meaning) = CODES.by_code("", code) else {
        return Found {
            code: EventCode::UNMAPPED,
            reason: None,
            basis: MappingBasis::None,
        };
    };
    let closer = match meaning.event {
        EventCode::DELIVERED if is_deposit(words) => Some(EventCode::AVAILABLE_FOR_PICKUP),
        EventCode::DELIVERED if signed => Some(EventCode::DELIVERED_SIGNED),
        _ => None,
    };
    match closer {
        Some(event) => Found {
            code: event,
            reason: None,
            basis: MappingBasis::CodeAndText,
        },
        None => Found {
            code: meaning.event,
            reason: meaning.reason,
            basis: MappingBasis::Code,
        },
    }
}

/// Who signed, if the words of a delivery say so: "Delivered : A NAME", "Delivered - Signed for
/// by: A NAME".
pub(super) fn signer(words: &str) -> Option<&str> {
    let rest = words.trim().get("delivered".len()..)?;
    let head = words.trim().get(.."delivered".len())?;
    let (before, name) = rest.split_once(':')?;
    let before = before.trim_matches([' ', '-', ',', ';']);
    let known = before.is_empty() || before.eq_ignore_ascii_case("signed for by");
    let name = name.trim();
    (head.eq_ignore_ascii_case("delivered") && known && !name.is_empty()).then_some(name)
}

/// Tells whether words speak of a place where the item waits. A name that signed is no such word.
fn is_deposit(words: &str) -> bool {
    const WAITS: &[&str] = &[
        "service point",
        "servicepoint",
        "locker",
        "access point",
        "parcel shop",
        "for collection",
        "for pick-up",
        "for pickup",
    ];
    const TAKEN: &[&str] = &["collected", "picked up", "picked-up"];
    if signer(words).is_some() {
        return false;
    }
    let words = words.to_lowercase();
    let says = |list: &[&str]| list.iter().any(|part| words.contains(part));
    says(WAITS) && !says(TAKEN)
}
