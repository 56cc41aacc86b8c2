//! What an activity means: the three-digit status code first, then type and code within the
//! family of the service, the type alone only where UPS gave nothing else.
//!
//! Two-character codes mean different things under different types, so the type is the scope.
//! Codes of the list "D (or X)" stand under `D` and are looked up there for an `X` too. A type
//! never makes a delivery: `D` without a known code is unmapped, because UPS uses it for loading
//! and for attempts as well.

use std::sync::LazyLock;

use waybill_core::code::EventCode;
use waybill_core::event::MappingBasis;
use waybill_core::status::Status as Stage;

use super::wire::Status;
use crate::codes::{Codes, Meaning};

/// Every known code.
pub(super) static CODES: LazyLock<Result<Codes, String>> =
    LazyLock::new(|| Codes::parse(include_str!("codes.csv")));

/// Which code lists a number belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    /// Parcels.
    Parcel,
    /// Mail Innovations: the last mile is a post's.
    MailInnovations,
    /// Forwarding and freight.
    Freight,
}

impl Family {
    /// Tells the family from the number, else from the name of the service.
    pub(super) fn of(number: &str, service: &str) -> Self {
        let named = |word: &str| {
            service
                .as_bytes()
                .windows(word.len())
                .any(|part| part.eq_ignore_ascii_case(word.as_bytes()))
        };
        let digits = number.bytes().all(|byte| byte.is_ascii_digit());
        if number.starts_with("1Z") {
            Self::Parcel
        } else if number.starts_with("MI") || (digits && number.len() >= 18) || named("innovations")
        {
            Self::MailInnovations
        } else if named("freight") || named("forwarding") {
            Self::Freight
        } else {
            Self::Parcel
        }
    }

    /// Scopes in which a code of type `kind` is looked up, in order.
    fn scopes(self, kind: &str) -> [&str; 3] {
        let wider = if kind == "X" { "D" } else { "" };
        match self {
            Self::Parcel => [kind, wider, ""],
            Self::MailInnovations => ["mail-innovations", kind, wider],
            Self::Freight if kind == "X" => ["freight-exception", kind, wider],
            Self::Freight => ["freight-activity", kind, wider],
        }
    }
}

/// Finds what `status` means, and how that was found.
pub(super) fn of(codes: &Codes, family: Family, status: &Status<'_>) -> (Meaning, MappingBasis) {
    let kind = status.kind.trim();
    let (code, stage) = (status.code.trim(), status.status_code.trim());
    let coarse = of_stage(codes, stage);
    let fine = by_kind(codes, family, kind, code);
    let (meaning, basis) = match (coarse, fine) {
        (Some(coarse), Some(fine)) => (refined(coarse, fine), MappingBasis::Code),
        (Some(meaning), None) | (None, Some(meaning)) => (meaning, MappingBasis::Code),
        (None, None) if code.is_empty() && stage.is_empty() => {
            let meaning = codes.by_code("type", kind).unwrap_or(UNMAPPED);
            (meaning, MappingBasis::AggregatedStatus)
        }
        (None, None) => (UNMAPPED, MappingBasis::None),
    };
    if meaning.event == EventCode::UNMAPPED {
        return (meaning, MappingBasis::None);
    }
    if meaning.event == EventCode::DELIVERED && is_deposit(&status.description) {
        let event = EventCode::AVAILABLE_FOR_PICKUP;
        return (Meaning { event, ..meaning }, MappingBasis::CodeAndText);
    }
    (meaning, basis)
}

/// Tells whether the words of a delivery say that the parcel went to a shop or locker, from which
/// nobody has taken it yet.
fn is_deposit(words: &str) -> bool {
    let words = words.to_ascii_lowercase();
    let says = |list: &[&str]| list.iter().any(|part| words.contains(part));
    says(&["access point", "locker"]) && !says(&["picked up", "pickup by", "collected"])
}

/// What a three-digit status code means; sent as a number it has lost its leading zeros.
pub(super) fn of_stage(codes: &Codes, stage: &str) -> Option<Meaning> {
    let short = matches!(stage.len(), 1..=2) && stage.bytes().all(|byte| byte.is_ascii_digit());
    if short {
        return codes.by_code("status", &format!("{stage:0>3}"));
    }
    codes.by_code("status", stage)
}

const UNMAPPED: Meaning = Meaning {
    event: EventCode::UNMAPPED,
    reason: None,
};

fn by_kind(codes: &Codes, family: Family, kind: &str, code: &str) -> Option<Meaning> {
    let find = |code: &str| {
        let mut scopes = family.scopes(kind).into_iter();
        scopes.find_map(|scope| codes.by_code(scope, code))
    };
    find(code).or_else(|| {
        // The published lists write "01" as "1".
        let short = code.strip_prefix('0').filter(|rest| rest.len() == 1)?;
        find(short)
    })
}

/// The status code decides; type and code may only say more where it says no more than the stage,
/// for example which facility scan "on the way" was, or which problem an "exception" is.
fn refined(coarse: Meaning, fine: Meaning) -> Meaning {
    let status = fine.event.status();
    let says_more = match coarse.event {
        EventCode::IN_TRANSIT => match status {
            Some(stage) => stage == Stage::InTransit,
            None => !matches!(fine.event, EventCode::INFORMATION | EventCode::UNMAPPED),
        },
        EventCode::DELIVERED => is_delivery(fine),
        EventCode::DELIVERY_ATTEMPTED => status == Some(Stage::DeliveryAttempted),
        EventCode::EXCEPTION | EventCode::DELAYED => {
            status != Some(Stage::Delivered)
                && !matches!(fine.event, EventCode::INFORMATION | EventCode::UNMAPPED)
        }
        EventCode::CUSTOMS_PROCESSING => fine.event.phase() == 4,
        event => event == fine.event,
    };
    let mut meaning = if says_more { fine } else { coarse };
    if coarse.event == fine.event {
        meaning.reason = fine.reason.or(coarse.reason);
    }
    meaning
}

/// Tells whether a meaning is a manner of delivery; a locker or shop is one that only looks so.
fn is_delivery(meaning: Meaning) -> bool {
    meaning.event.status() == Some(Stage::Delivered)
        || meaning.event == EventCode::AVAILABLE_FOR_PICKUP
}

/// What the place says at which a delivered parcel was left, for example "Front Desk".
pub(super) fn of_place(codes: &Codes, place: &str) -> Option<EventCode> {
    let meaning = codes
        .by_text("D", place)
        .filter(|meaning| is_delivery(*meaning))?;
    Some(meaning.event)
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
