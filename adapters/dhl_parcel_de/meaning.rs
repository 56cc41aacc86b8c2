//! What an event of DHL Parcel DE means. It knows codes and words and must not know clocks,
//! places or the shape of a message.
//!
//! An event is named by three codes: what happened (ICE), why or where (RIC), and the class of
//! the standard events of the German parcel business. They are asked in this order:
//! 1. all three, as DHL's list of combinations has them (`codes.csv`, scope: the ICE),
//! 2. the ICE alone, where it leaves no doubt whatever the other two are (scope `ice`),
//! 3. the class (scope `standard`).
//!
//! Whatever ends a journey then has to stand against the words: a deposit in a Packstation or shop
//! waits for the recipient. On the way back to the sender each event means its counterpart there.

use std::sync::LazyLock;

use waybill_core::code::{EventCode, ReasonCode};
use waybill_core::event::MappingBasis;
use waybill_core::status::Status;

use crate::codes::{Codes, Meaning};

pub(super) static TABLE: &str = include_str!("codes.csv");
/// Empty only if the file is broken, which a test rules out.
static CODES: LazyLock<Codes> = LazyLock::new(|| Codes::parse(TABLE).unwrap_or_default());

/// The codes of an event as stated, without white space around them.
#[derive(Clone, Copy)]
pub(super) struct Native<'a> {
    pub(super) ice: &'a str,
    pub(super) ric: &'a str,
    pub(super) standard: &'a str,
    /// The event lies on the way back to the sender.
    pub(super) return_leg: bool,
}

impl Native<'_> {
    /// How the codes are shown.
    pub(super) fn code(&self) -> String {
        let Self {
            ice, ric, standard, ..
        } = self;
        match (ice.is_empty() && ric.is_empty(), standard.is_empty()) {
            (true, _) => (*standard).to_owned(),
            (false, true) => format!("{ice}/{ric}"),
            (false, false) => format!("{ice}/{ric}/{standard}"),
        }
    }
}

/// What an event was found to mean.
pub(super) struct Found {
    pub(super) code: EventCode,
    pub(super) reason: Option<ReasonCode>,
    pub(super) basis: MappingBasis,
}

/// Finds the meaning of codes and words.
pub(super) fn find(native: Native<'_>, words: &str) -> Found {
    let (meaning, basis) = by_codes(native);
    let mut found = Found {
        code: meaning.event,
        reason: meaning.reason,
        basis,
    };
    if ends_with_recipient(found.code) && is_deposit(words) {
        found.code = EventCode::AVAILABLE_FOR_PICKUP;
        found.reason = None;
        found.basis = MappingBasis::CodeAndText;
    }
    if native.return_leg {
        found.code = on_the_way_back(found.code);
    }
    found
}

fn by_codes(native: Native<'_>) -> (Meaning, MappingBasis) {
    let pair = format!("{}/{}", native.ric, native.standard);
    if let Some(meaning) = CODES.by_code(native.ice, &pair) {
        return (meaning, MappingBasis::Code);
    }
    let class = CODES
        .by_code("ice", native.ice)
        .or_else(|| CODES.by_code("standard", native.standard));
    match class {
        Some(meaning) => (meaning, MappingBasis::AggregatedStatus),
        None => (
            Meaning {
                event: EventCode::UNMAPPED,
                reason: None,
            },
            MappingBasis::None,
        ),
    }
}

fn ends_with_recipient(code: EventCode) -> bool {
    code.status() == Some(Status::Delivered)
}

/// Tells whether words speak of a parcel that waits, in English or German, the languages that
/// the source is asked in and answers in.
fn is_deposit(words: &str) -> bool {
    const TAKEN: &[&str] = &[
        "picked up",
        "picked-up",
        "collected",
        "has taken",
        "abgeholt",
        "entnommen",
    ];
    const WAITS: &[&str] = &[
        "for pick-up",
        "for pick up",
        "for pickup",
        "for collection",
        "be picked up",
        "be collected",
        "packstation",
        "zur abholung",
        "abholbereit",
        "abgeholt werden",
    ];
    let words = words.to_lowercase();
    let says = |list: &[&str]| list.iter().any(|part| words.contains(part));
    let still = ["be picked up", "be collected", "abgeholt werden"];
    says(WAITS) && (says(&still) || !says(TAKEN))
}

/// What an event means when the parcel goes back.
fn on_the_way_back(code: EventCode) -> EventCode {
    match code.0 {
        601..=607 | 610 => EventCode::RETURNED_TO_SENDER,
        505 | 506 => EventCode::RETURN_AVAILABLE_FOR_PICKUP,
        201..=204 | 301..=316 | 501..=504 | 651 => EventCode::RETURN_IN_TRANSIT,
        _ => code,
    }
}
