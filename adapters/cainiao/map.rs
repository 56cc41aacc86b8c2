//! What the interfaces have in common on the way from an answer to reports.

use std::sync::Arc;

use jiff::Timestamp;
use waybill_core::adapter::Report;
use waybill_core::code::EventCode;
use waybill_core::error::{Error, ErrorKind};
use waybill_core::event::{Claim, Classifier, MappingBasis};
use waybill_core::number::TrackingNumber;
use waybill_core::place::Location;
use waybill_core::privacy::Pii;
use waybill_core::shipment::{Estimate, EstimateKind, Facts, LocalWindow};
use waybill_core::time::EventTime;

use super::place::cut;
use crate::codes::{Codes, Meaning};

/// What is needed to understand an answer.
#[derive(Clone)]
pub(super) struct Reader {
    pub(super) codes: &'static Codes,
    /// BCP 47 tag of the texts that were asked for.
    pub(super) language: String,
    /// Numbers are asked of the public page.
    pub(super) asks_page: bool,
}

/// One parcel of an answer, or why there is none for a number of it.
pub(super) struct Entry {
    /// Number that the answer is about.
    pub(super) number: TrackingNumber,
    pub(super) answer: Result<Report, Error>,
}

/// Whose answer it is where that does not say so itself.
#[derive(Clone, Copy)]
pub(super) enum Asked<'a> {
    /// One number.
    Number(&'a TrackingNumber),
    /// An order, or several numbers: an answer that names none belongs to nobody.
    Many,
    /// Nobody asked: the answer is only looked at.
    Nobody,
}

/// Stands in for the number of an answer that is only looked at and does not name it.
const NAMELESS: &str = "UNKNOWN";

impl Asked<'_> {
    /// The number of an answer that does not name it, and a doubt if it is a stand-in.
    pub(super) fn number(self) -> Result<(TrackingNumber, Option<String>), Error> {
        match self {
            Self::Number(number) => Ok((number.clone(), None)),
            Self::Nobody => {
                let number = TrackingNumber::parse(NAMELESS);
                let number = number.map_err(|_| malformed("answer does not name its number"))?;
                let doubt = "the answer does not name the number that it is about";
                Ok((number, Some(doubt.to_owned())))
            }
            Self::Many => Err(malformed("answer does not name its number")),
        }
    }
}

pub(super) fn malformed(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Malformed, message)
}

/// Rows that became claims, and how many did not.
#[derive(Default)]
pub(super) struct Rows {
    claims: Vec<Claim>,
    left_out: usize,
}

/// One row, read.
pub(super) struct Row<'a> {
    pub(super) code: &'a str,
    pub(super) reason: &'a str,
    pub(super) text: &'a str,
    pub(super) meaning: (Meaning, MappingBasis),
    /// `None`: no readable time, so there is no event.
    pub(super) time: Option<EventTime>,
    pub(super) location: Option<Location>,
    pub(super) carrier: &'a str,
}

impl Rows {
    pub(super) fn add(&mut self, row: Row<'_>) {
        let Some(time) = row.time else {
            self.left_out += 1;
            return;
        };
        let (meaning, basis) = row.meaning;
        self.claims.push(Claim {
            native_id: String::new(),
            native_code: cut(row.code.trim(), 100),
            native_reason: cut(row.reason.trim(), 100),
            native_text: Pii::new(cut(row.text.trim(), 1_000)),
            code: meaning.event,
            reason: meaning.reason,
            basis: match meaning.event {
                EventCode::UNMAPPED => MappingBasis::None,
                _ => basis,
            },
            time,
            location: row.location,
            carrier: row.carrier.to_owned(),
            classifier: Classifier::Actual,
            retracted: false,
            doubt: None,
        });
    }

    /// The claims, from a source that lists the newest first.
    pub(super) fn newest_first(mut self, doubts: &mut Vec<String>) -> Vec<Claim> {
        self.claims.reverse();
        self.finish(doubts)
    }

    /// The claims, from a source whose order is only known by example: if the wall clocks run
    /// backwards from the first row to the last, so does the list.
    pub(super) fn in_order(mut self, doubts: &mut Vec<String>) -> Vec<Claim> {
        if let [first, .., last] = self.claims.as_slice()
            && first.time.local > last.time.local
        {
            self.claims.reverse();
        }
        self.finish(doubts)
    }

    fn finish(self, doubts: &mut Vec<String>) -> Vec<Claim> {
        if self.left_out > 0 {
            let (unread, all) = (self.left_out, self.left_out + self.claims.len());
            doubts.push(format!(
                "events left out for want of a readable time: {unread} of {all}"
            ));
        }
        self.claims
    }
}

/// A report of this source.
pub(super) fn report(
    number: TrackingNumber,
    language: &str,
    claims: Vec<Claim>,
    facts: Facts,
) -> Report {
    Report {
        number,
        relays: super::DESCRIPTOR.carrier.to_owned(),
        complete: true,
        language: language.to_owned(),
        claims: claims.into_iter().map(Arc::new).collect(),
        facts,
    }
    .fitted()
}

pub(super) fn forecast(window: LocalWindow) -> Estimate {
    Estimate {
        kind: EstimateKind::CarrierForecast,
        source: String::new(),
        window,
        receive_time: Timestamp::UNIX_EPOCH,
    }
}

/// The newest claim that sets a status.
pub(super) fn newest(claims: &[Claim]) -> Option<&Claim> {
    claims
        .iter()
        .rev()
        .find(|claim| claim.code.status().is_some())
}

pub(super) fn is_true(text: &str) -> bool {
    text.trim().eq_ignore_ascii_case("true")
}

/// The first text that is not blank.
pub(super) fn first<'a>(texts: &[&'a str]) -> &'a str {
    let mut texts = texts.iter().map(|text| text.trim());
    texts.find(|text| !text.is_empty()).unwrap_or_default()
}
