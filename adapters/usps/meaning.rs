//! What an event means: its code first, made finer by the words where the code is coarse; without
//! a known code the words about customs, then the category of the item, then the words.
//!
//! The published code lists are assembled by clients and not complete, so the words matter. Words
//! never make a delivery out of an event: only a code or the category of the item does.

use std::sync::LazyLock;

use waybill_core::code::{EventCode, ReasonCode};
use waybill_core::event::MappingBasis;
use waybill_core::status::Status as Stage;

use crate::codes::{Codes, Meaning};

/// Every known code.
pub(super) static CODES: LazyLock<Result<Codes, String>> =
    LazyLock::new(|| Codes::parse(include_str!("codes.csv")));

/// Finds what an event means, and how that was found. `category` is the category of the item, for
/// its newest event only.
pub(super) fn of(
    codes: &Codes,
    code: &str,
    words: &str,
    category: &str,
) -> (Meaning, MappingBasis) {
    let words = words.to_ascii_lowercase();
    let code = code.trim();
    let listed = codes.by_code("event", &code.to_ascii_uppercase());
    if let Some(meaning) = listed.filter(|meaning| meaning.event != EventCode::UNMAPPED) {
        let fine = finer(meaning, &words);
        return match fine == meaning {
            true => (meaning, MappingBasis::Code),
            false => (fine, MappingBasis::CodeAndText),
        };
    }
    if let Some(meaning) = customs(&words) {
        return (meaning, MappingBasis::Text);
    }
    if code == "43" {
        return picked_up(&words, category);
    }
    if let Some(meaning) = of_category(codes, category) {
        return (finer(meaning, &words), MappingBasis::AggregatedStatus);
    }
    match by_words(&words) {
        Some(meaning) => (finer(meaning, &words), MappingBasis::Text),
        None => (simply(EventCode::UNMAPPED), MappingBasis::None),
    }
}

/// What the category of an item says about its newest event.
pub(super) fn of_category(codes: &Codes, category: &str) -> Option<Meaning> {
    codes.by_text("category", category)
}

fn simply(event: EventCode) -> Meaning {
    Meaning {
        event,
        reason: None,
    }
}

fn says(words: &str, list: &[&str]) -> bool {
    list.iter().any(|part| words.contains(part))
}

/// Makes a coarse meaning finer, or corrects it where the words contradict it.
fn finer(meaning: Meaning, words: &str) -> Meaning {
    let event = match meaning.event {
        EventCode::DELIVERED => delivery(words),
        EventCode::SORTED if says(words, &["customs"]) => {
            return customs(words).unwrap_or(meaning);
        }
        EventCode::SORTED if says(words, &["arrived", "arrival"]) => EventCode::ARRIVED_AT_FACILITY,
        EventCode::SORTED if says(words, &["departed"]) => EventCode::DEPARTED_FACILITY,
        EventCode::DELIVERY_ATTEMPTED => {
            let reason = meaning.reason.or_else(|| hindrance(words));
            return Meaning { reason, ..meaning };
        }
        event => event,
    };
    Meaning { event, ..meaning }
}

/// The manner of a delivery. Code 01 covers lockers, agents and the sender too.
fn delivery(words: &str) -> EventCode {
    if says(
        words,
        &["original sender", "returned to sender", "return to sender"],
    ) {
        return EventCode::RETURNED_TO_SENDER;
    }
    if words.contains("agent") {
        return EventCode::DELIVERED;
    }
    if says(words, &["picked up", "collected"]) {
        return EventCode::COLLECTED_BY_RECIPIENT;
    }
    if says(words, &["locker", "pickup point", "access point"]) {
        return EventCode::AVAILABLE_FOR_PICKUP;
    }
    if says(words, &["mailbox", "po box", "p.o. box"]) {
        return EventCode::DELIVERED_TO_MAILBOX;
    }
    if says(words, &["front desk", "reception", "mail room", "mailroom"]) {
        return EventCode::DELIVERED_TO_RECEPTION;
    }
    if says(words, &["neighbor"]) {
        return EventCode::DELIVERED_TO_NEIGHBOUR;
    }
    if says(words, &["porch", "front door", "garage", "other door"]) {
        return EventCode::DELIVERED_TO_SAFE_PLACE;
    }
    EventCode::DELIVERED
}

/// Why an attempt failed, from the words in its brackets.
fn hindrance(words: &str) -> Option<ReasonCode> {
    let rows: &[(&[&str], ReasonCode)] = &[
        (
            &["authorized recipient"],
            ReasonCode::RECIPIENT_NOT_AVAILABLE,
        ),
        (&["business closed"], ReasonCode::RECIPIENT_BUSINESS_CLOSED),
        (
            &["secure location", "receptacle full", "oversized"],
            ReasonCode::RECIPIENT_NO_SAFE_PLACE,
        ),
        (
            &["no access", "blocked", "animal"],
            ReasonCode::RECIPIENT_ACCESS_RESTRICTED,
        ),
    ];
    let mut rows = rows.iter();
    rows.find(|(list, _)| says(words, list))
        .map(|(_, reason)| *reason)
}

/// Customs events have no code that is known; "inbound" names the direction.
fn customs(words: &str) -> Option<Meaning> {
    if !words.contains("customs") {
        return None;
    }
    let inbound = words.contains("inbound");
    let event = if says(words, &["held", "hold", "retained"]) {
        EventCode::IMPORT_CUSTOMS_HELD
    } else if says(words, &["out of", "released", "cleared", "complete"]) {
        match inbound {
            true => EventCode::IMPORT_CUSTOMS_RELEASED,
            false => EventCode::CUSTOMS_RELEASED,
        }
    } else {
        match inbound {
            true => EventCode::IMPORT_CUSTOMS_PRESENTED,
            false => EventCode::CUSTOMS_PROCESSING,
        }
    };
    Some(simply(event))
}

/// Gives a customs event the direction that the country of the scan implies.
pub(super) fn directed(event: EventCode, scan: &str, origin: &str, destination: &str) -> EventCode {
    let leaves = !scan.is_empty() && scan == origin && scan != destination;
    let arrives = !scan.is_empty() && scan == destination && scan != origin;
    match event {
        EventCode::IMPORT_CUSTOMS_HELD if leaves => EventCode::EXPORT_CUSTOMS_HELD,
        EventCode::CUSTOMS_PROCESSING if leaves => EventCode::EXPORT_CUSTOMS_PRESENTED,
        EventCode::CUSTOMS_PROCESSING if arrives => EventCode::IMPORT_CUSTOMS_PRESENTED,
        EventCode::CUSTOMS_RELEASED if leaves => EventCode::EXPORT_CUSTOMS_RELEASED,
        EventCode::CUSTOMS_RELEASED if arrives => EventCode::IMPORT_CUSTOMS_RELEASED,
        event => event,
    }
}

/// Code 43 is used in both directions.
fn picked_up(words: &str, category: &str) -> (Meaning, MappingBasis) {
    let stage = category.trim().to_ascii_lowercase();
    let event = if says(
        words,
        &[
            "individual",
            "recipient",
            "at post office",
            "postal facility",
        ],
    ) {
        EventCode::COLLECTED_BY_RECIPIENT
    } else if says(
        words,
        &["shipping partner", "by usps", "by carrier", "from sender"],
    ) {
        EventCode::PICKED_UP
    } else {
        let event = match stage.as_str() {
            "delivered" => EventCode::COLLECTED_BY_RECIPIENT,
            "accepted" => EventCode::PICKED_UP,
            _ => return (simply(EventCode::UNMAPPED), MappingBasis::None),
        };
        return (simply(event), MappingBasis::AggregatedStatus);
    };
    (simply(event), MappingBasis::CodeAndText)
}

/// What words alone say.
fn by_words(words: &str) -> Option<Meaning> {
    const WORDS: &[(&str, EventCode)] = &[
        ("out for delivery", EventCode::OUT_FOR_DELIVERY),
        ("available for pickup", EventCode::AVAILABLE_FOR_PICKUP),
        ("ready for pickup", EventCode::AVAILABLE_FOR_PICKUP),
        ("notice left", EventCode::DELIVERY_ATTEMPTED),
        ("delivery attempt", EventCode::DELIVERY_ATTEMPTED),
        ("attempted delivery", EventCode::DELIVERY_ATTEMPTED),
        ("return to sender", EventCode::RETURN_INITIATED),
        ("shipping label created", EventCode::LABEL_CREATED),
        ("pre-shipment", EventCode::INFO_RECEIVED),
        ("origin post is preparing", EventCode::INFO_RECEIVED),
        ("usps in possession", EventCode::ACCEPTED),
        ("acceptance", EventCode::ACCEPTED),
        ("accepted", EventCode::ACCEPTED),
        ("arrival at unit", EventCode::ARRIVED_AT_DELIVERY_OFFICE),
        (
            "arrived at post office",
            EventCode::ARRIVED_AT_DELIVERY_OFFICE,
        ),
        ("arrived", EventCode::ARRIVED_AT_FACILITY),
        ("departed", EventCode::DEPARTED_FACILITY),
        ("processed", EventCode::SORTED),
        ("in transit", EventCode::IN_TRANSIT),
        ("moving through", EventCode::IN_TRANSIT),
    ];
    let mut rows = WORDS.iter();
    // A negation or a plan would be read as the fact.
    let plain = !says(
        words,
        &["not ", "pending", "awaiting", "scheduled", "will "],
    );
    let awaits = words.starts_with("shipping label created");
    rows.find(|(start, _)| words.trim_start().starts_with(start))
        .filter(|_| plain || awaits)
        .map(|(_, event)| simply(*event))
}

/// Tells whether the stage of an item and that of its newest event contradict each other. The
/// category calls deposits and returns delivered.
pub(super) fn contradict(category: Meaning, newest: EventCode) -> bool {
    let (Some(stage), Some(found)) = (category.event.status(), newest.status()) else {
        return false;
    };
    let covered = stage == Stage::Delivered
        && matches!(
            found,
            Stage::AvailableForPickup | Stage::Returned | Stage::Returning
        );
    stage != found && !covered
}
