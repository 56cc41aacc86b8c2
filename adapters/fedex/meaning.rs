//! What a scan means: its event type first, made precise by its exception code or words, else the
//! coarse status that FedEx derived.
//!
//! The derived code hides the event (a parcel that waits for its recipient is "in transit" there),
//! so it counts only where the event type is missing or unknown, and then never ends a journey. An
//! exception code makes a problem precise and nothing else: FedEx puts one on deliveries too ("left
//! at front door"). FedEx publishes no whole list of them, so English words stand in for a code that
//! is not known; texts in other languages match nothing.

use std::borrow::Cow;
use std::sync::LazyLock;

use waybill_core::code::{EventCode, ReasonCode};
use waybill_core::event::MappingBasis;
use waybill_core::status::Status;

use super::wire::Scan;
use crate::codes::{Codes, Meaning};

/// Why a scan was what it was.
#[derive(Clone, Copy)]
pub(super) struct Why<'a> {
    /// Exception code.
    pub(super) code: &'a str,
    /// Its words.
    pub(super) words: &'a str,
    /// Type of the delay.
    pub(super) delay: &'a str,
}

/// Every known code and phrase.
pub(super) static TABLE: LazyLock<Result<Table, String>> = LazyLock::new(Table::read);

/// The code table and the phrases.
pub(super) struct Table {
    codes: Codes,
    /// Scope, phrase in lower case, meaning. The first phrase that is found counts.
    phrases: Vec<(String, String, Meaning)>,
}

const UNMAPPED: Meaning = Meaning {
    event: EventCode::UNMAPPED,
    reason: None,
};

impl Table {
    fn read() -> Result<Self, String> {
        Ok(Self {
            codes: Codes::parse(include_str!("codes.csv"))?,
            phrases: phrases(include_str!("words.csv"))?,
        })
    }

    /// What an event type or a status code means by itself.
    pub(super) fn of_code(&self, code: &str) -> Option<Meaning> {
        self.codes.by_code("event", code)
    }

    /// Number of codes, and of phrases.
    #[cfg(test)]
    pub(super) fn len(&self) -> (usize, usize) {
        (self.codes.len(), self.phrases.len())
    }

    /// Finds what a scan means, and how that was found.
    pub(super) fn of(&self, scan: &Scan<'_>, why: Why<'_>) -> (Meaning, MappingBasis) {
        let kind = scan.event_type.trim();
        let Some(base) = self.of_code(kind) else {
            let coarse = self.of_code(scan.derived_status_code.trim());
            let ends = |meaning: &Meaning| {
                let status = meaning.event.status();
                matches!(status, Some(Status::Delivered | Status::Cancelled))
            };
            return match coarse.filter(|coarse| kind.is_empty() || !ends(coarse)) {
                Some(coarse) => (coarse, MappingBasis::AggregatedStatus),
                None => (UNMAPPED, MappingBasis::None),
            };
        };
        let meaning = match base.event {
            EventCode::DELIVERED => self.delivery(base, scan, why),
            EventCode::DELIVERY_ATTEMPTED
            | EventCode::EXCEPTION
            | EventCode::DELAYED
            | EventCode::CUSTOMS_PROCESSING => self.problem(base, why),
            _ => self.ambiguous(base, kind, scan.event_description.trim()),
        };
        match meaning {
            meaning if meaning == base => (base, MappingBasis::Code),
            UNMAPPED => (UNMAPPED, MappingBasis::None),
            meaning => (meaning, MappingBasis::CodeAndText),
        }
    }

    /// Makes a problem precise.
    fn problem(&self, base: Meaning, why: Why<'_>) -> Meaning {
        let delay = self.codes.by_code("delay", why.delay);
        let delay = delay.and_then(|delay| delay.reason);
        if why.code.is_empty() && why.words.is_empty() {
            return Meaning {
                reason: delay.or(base.reason),
                ..base
            };
        }
        let words = why.words.to_ascii_lowercase();
        let fine = self
            .exception(why.code)
            .or_else(|| self.phrase("problem", &words));
        let event = match (base.event, fine.map(|fine| fine.event)) {
            (EventCode::DELIVERY_ATTEMPTED, _) if words.contains("not attempted") => {
                EventCode::EXCEPTION
            }
            (
                EventCode::DELIVERY_ATTEMPTED,
                Some(
                    event @ (EventCode::REFUSED
                    | EventCode::UNDELIVERABLE
                    | EventCode::RETURN_INITIATED
                    | EventCode::AVAILABLE_FOR_PICKUP),
                ),
            ) => event,
            (EventCode::EXCEPTION, Some(event)) => self.unable(event, &words),
            (EventCode::CUSTOMS_PROCESSING, Some(event)) if event.phase() == 4 => event,
            (event, _) => event,
        };
        let reason: Option<ReasonCode> = fine.and_then(|fine| fine.reason);
        Meaning {
            event,
            reason: reason.or(delay).or(base.reason),
        }
    }

    /// "Unable to deliver" is said of parcels that are on their way back already, too.
    fn unable(&self, event: EventCode, words: &str) -> EventCode {
        let said = self.phrase("problem", words).map(|said| said.event);
        match (event, said) {
            (EventCode::UNDELIVERABLE, Some(EventCode::RETURN_INITIATED)) => {
                EventCode::RETURN_INITIATED
            }
            _ => event,
        }
    }

    /// Makes a delivery precise; a deposit from which nobody has taken the parcel is none.
    fn delivery(&self, base: Meaning, scan: &Scan<'_>, why: Why<'_>) -> Meaning {
        if let Some(fine) = self.exception(why.code) {
            return if is_delivery(fine) { fine } else { base };
        }
        let said = |words: &str| self.phrase("delivered", &words.to_ascii_lowercase());
        said(why.words)
            .or_else(|| said(scan.event_description.trim()))
            .filter(|fine| fine.event != base.event)
            .unwrap_or(base)
    }

    /// Codes that stand for several things in FedEx' own lists.
    fn ambiguous(&self, base: Meaning, kind: &str, text: &str) -> Meaning {
        match kind {
            "EA" | "IN" => self
                .phrase(kind, &text.to_ascii_lowercase())
                .unwrap_or(base),
            _ => base,
        }
    }

    /// What an exception code means; sent as a number it has lost a leading zero.
    fn exception(&self, code: &str) -> Option<Meaning> {
        let code = match code.as_bytes() {
            [digit] if digit.is_ascii_digit() => Cow::Owned(format!("0{code}")),
            _ => Cow::Borrowed(code),
        };
        self.codes.by_code("exception", &code)
    }

    fn phrase(&self, scope: &str, words: &str) -> Option<Meaning> {
        if words.is_empty() {
            return None;
        }
        let mut rows = self.phrases.iter().filter(|row| row.0 == scope);
        rows.find(|row| words.contains(&row.1)).map(|row| row.2)
    }

    /// What the place says at which a delivered parcel was left: its type, else its name.
    pub(super) fn of_place(&self, kind: &str, name: &str) -> Option<EventCode> {
        let codes = &self.codes;
        let meaning = codes
            .by_code("place", kind)
            .or_else(|| codes.by_text("place", name))?;
        Some(meaning.event)
    }
}

fn phrases(csv: &str) -> Result<Vec<(String, String, Meaning)>, String> {
    let mut phrases = Vec::new();
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    for (at, row) in reader.records().enumerate() {
        let line = at + 2;
        let row = row.map_err(|error| format!("line {line}: {error}"))?;
        let column = |index| row.get(index).unwrap_or("").trim();
        let event = EventCode::by_name(column(2))
            .ok_or_else(|| format!("line {line}: unknown event {:?}", column(2)))?;
        let reason = match column(3) {
            "" => None,
            name => Some(
                ReasonCode::by_name(name)
                    .ok_or_else(|| format!("line {line}: unknown reason {name:?}"))?,
            ),
        };
        let meaning = Meaning { event, reason };
        phrases.push((column(0).to_owned(), column(1).to_owned(), meaning));
    }
    Ok(phrases)
}

/// Tells whether a meaning is a manner of delivery; a locker or shop is one that only looks so.
fn is_delivery(meaning: Meaning) -> bool {
    meaning.event.status() == Some(Status::Delivered)
        || meaning.event == EventCode::AVAILABLE_FOR_PICKUP
}

/// Gives a customs event the direction that the country of the scan implies.
pub(super) fn directed(meaning: Meaning, scan: &str, origin: &str, destination: &str) -> EventCode {
    let leaves = !scan.is_empty() && scan == origin;
    let arrives = !scan.is_empty() && scan == destination;
    let held = meaning.reason.is_some();
    match (meaning.event, leaves, arrives) {
        (EventCode::CUSTOMS_PROCESSING, true, false) if held => EventCode::EXPORT_CUSTOMS_HELD,
        (EventCode::CUSTOMS_PROCESSING, false, true) if held => EventCode::IMPORT_CUSTOMS_HELD,
        (EventCode::CUSTOMS_PROCESSING, true, false) => EventCode::EXPORT_CUSTOMS_PRESENTED,
        (EventCode::CUSTOMS_PROCESSING, false, true) => EventCode::IMPORT_CUSTOMS_PRESENTED,
        (EventCode::CUSTOMS_RELEASED, true, false) => EventCode::EXPORT_CUSTOMS_RELEASED,
        (EventCode::CUSTOMS_RELEASED, false, true) => EventCode::IMPORT_CUSTOMS_RELEASED,
        (event, _, _) => event,
    }
}
