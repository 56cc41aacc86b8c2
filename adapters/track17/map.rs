//! From the tracking object of 17TRACK to a report: one per number and carrier.
//!
//! Every leg of the journey is a carrier of its own, and each of its rows names that carrier as the
//! one whose word it is. The rows of all legs are one list by time; a row without a time stays
//! beside the row before it. Milestones that no row reaches become rows of their own.

use std::sync::Arc;

use jiff::Timestamp;
use waybill_core::adapter::Report;
use waybill_core::code::EventCode;
use waybill_core::error::Error;
use waybill_core::event::{Claim, Classifier, MappingBasis};
use waybill_core::number::TrackingNumber;
use waybill_core::place::Location;
use waybill_core::privacy::Pii;
use waybill_core::status::Status;
use waybill_core::time::EventTime;

use super::carriers::CARRIERS;
use super::clock::{self, Read, Times};
use super::place::{country, cut, place};
use super::wire::{Event, Leg, Milestone, TrackInfo};
use super::{facts, fault, meaning};
use crate::codes::Codes;

/// What is needed to understand an answer.
pub(super) struct Reader {
    pub(super) codes: &'static Codes,
    /// Language that translations were asked for in; empty if none were.
    pub(super) language: String,
}

/// The rows of a journey with the moment at which each stands, and how many could not be placed.
#[derive(Default)]
struct Rows {
    placed: Vec<(Timestamp, Arc<Claim>)>,
    lost: usize,
}

/// What holds for every row of a report.
struct Journey<'a> {
    origin: &'a str,
    destination: &'a str,
    translated: bool,
}

impl Reader {
    /// Understands the tracking of a number under the carrier with `key`.
    pub(super) fn report(
        &self,
        number: TrackingNumber,
        key: &str,
        info: &TrackInfo<'_>,
    ) -> Result<Report, Error> {
        let legs = &info.tracking.providers;
        let told = || legs.iter().flat_map(|leg| &leg.events);
        let alone = told().next().is_none();
        let latest = info.latest_event.as_slice();
        let status = &info.latest_status;
        if alone && latest.is_empty() && status.status.trim() == "NotFound" {
            return Err(fault::of_status(status.sub_status.trim()));
        }
        let mut facts = facts::facts(&number, info);
        let (language, translated) = self.language(info);
        let ends = &info.shipping_info;
        let journey = Journey {
            origin: &country(&ends.shipper_address),
            destination: &country(&ends.recipient_address),
            translated,
        };
        let mut rows = Rows::default();
        for leg in legs.iter().rev() {
            let carrier = CARRIERS.id(&leg.provider.key);
            self.leg(&leg.events, &carrier, &journey, &mut rows);
        }
        if alone {
            self.leg(latest, "", &journey, &mut rows);
        }
        for milestone in &info.milestone {
            let known = told().any(|event| event.stage.trim() == milestone.key_stage.trim());
            if !known {
                let claim = self.milestone(milestone, &rows);
                let placed = claim.map(|claim| (claim.time.anchor(), Arc::new(claim)));
                rows.placed.extend(placed);
            }
        }
        // Stable: rows of one moment stay in the order of their carrier.
        rows.placed.sort_by_key(|(at, _)| *at);
        facts.doubts = self.doubts(info, &rows);
        let relays = match CARRIERS.id(key) {
            id if id.is_empty() => first_carrier(legs),
            id => id,
        };
        Ok(Report {
            number,
            relays,
            complete: true,
            language,
            claims: rows.placed.into_iter().map(|(_, claim)| claim).collect(),
            facts,
        }
        .fitted())
    }

    /// Reads the rows of one carrier, which come newest first.
    fn leg(&self, events: &[Event<'_>], carrier: &str, journey: &Journey<'_>, rows: &mut Rows) {
        let mut text = String::new();
        let mut times: Vec<Read> = Vec::with_capacity(events.len());
        let mut places = Vec::with_capacity(events.len());
        for event in events.iter().rev() {
            let place = place(&event.address, &event.location);
            times.push(clock::read(&Times::from(event), place.as_ref(), &mut text));
            places.push(place);
        }
        let mut places = places.into_iter();
        rows.placed.reserve(times.len());
        let mut older: Option<EventTime> = None;
        let mut times = times.into_iter();
        for event in events.iter().rev() {
            let (Some(read), Some(place)) = (times.next(), places.next()) else {
                break;
            };
            let (at, claim) = match read {
                Read::Time(time, doubt) => {
                    if times.as_slice().iter().any(Read::is_nothing) {
                        older = Some((*time).clone());
                    }
                    let at = time.anchor();
                    (
                        at,
                        self.claim((event, place), carrier, journey, *time, doubt, false),
                    )
                }
                Read::Nothing(raw, doubt) => {
                    let newer = times.as_slice().iter().find_map(Read::time);
                    let Some(time) = clock::between(older.as_ref(), newer, raw) else {
                        rows.lost += 1;
                        continue;
                    };
                    let beside = older.as_ref().or(newer).unwrap_or(&time).anchor();
                    (
                        beside,
                        self.claim((event, place), carrier, journey, time, doubt, true),
                    )
                }
            };
            rows.placed.push((at, Arc::new(claim)));
        }
    }

    fn claim(
        &self,
        (event, location): (&Event<'_>, Option<Location>),
        carrier: &str,
        journey: &Journey<'_>,
        time: EventTime,
        doubt: Option<&'static str>,
        undated: bool,
    ) -> Claim {
        let (meaning, basis) = meaning::of(self.codes, event);
        let scan = country(&event.address);
        // A row without a time is a remark: it must not set what the parcel does now.
        let code = match meaning.event {
            EventCode::UNMAPPED => EventCode::UNMAPPED,
            _ if undated => EventCode::INFORMATION,
            event => meaning::directed(event, &scan, journey.origin, journey.destination),
        };
        let native_code = match event.sub_status.trim() {
            "" => event.stage.trim(),
            sub_status => sub_status,
        };
        Claim {
            native_id: String::new(),
            native_code: native_code.to_owned(),
            native_reason: String::new(),
            native_text: Pii::new(cut(words(event, journey.translated), 1_000)),
            code,
            reason: meaning.reason.filter(|_| !undated),
            basis,
            time,
            location,
            carrier: carrier.to_owned(),
            classifier: Classifier::Actual,
            retracted: false,
            doubt: doubt.map(str::to_owned),
        }
    }

    /// A milestone that no row reaches, as a row of its own.
    fn milestone(&self, milestone: &Milestone<'_>, rows: &Rows) -> Option<Claim> {
        let meaning = meaning::of_stage(self.codes, &milestone.key_stage)?;
        let reached = |event: EventCode| event.info().and_then(|row| row.milestone);
        let stage = reached(meaning.event);
        let mut claims = rows.placed.iter().map(|(_, claim)| claim);
        if claims.any(|claim| reached(claim.code) == stage) {
            return None;
        }
        let read = clock::read(&Times::from(milestone), None, &mut String::new());
        let Read::Time(time, doubt) = read else {
            return None;
        };
        Some(Claim {
            native_id: String::new(),
            native_code: milestone.key_stage.trim().to_owned(),
            native_reason: String::new(),
            native_text: Pii::default(),
            code: meaning.event,
            reason: meaning.reason,
            basis: MappingBasis::Code,
            time: *time,
            location: None,
            carrier: String::new(),
            classifier: Classifier::Actual,
            retracted: false,
            doubt: doubt.map(str::to_owned),
        })
    }

    /// Language of the texts of all legs, and whether the texts are the translations: only if all of
    /// them are there in the language that was asked for.
    fn language(&self, info: &TrackInfo<'_>) -> (String, bool) {
        let legs = || {
            let legs = info.tracking.providers.iter();
            legs.filter(|leg| !leg.events.is_empty())
        };
        let is_translated = |event: &Event<'_>| {
            let translation = &event.description_translation;
            let right = translation.lang.trim().eq_ignore_ascii_case(&self.language);
            event.description.trim().is_empty()
                || (right && !translation.description.trim().is_empty())
        };
        let wanted = !self.language.is_empty() && legs().next().is_some();
        if wanted && legs().flat_map(|leg| &leg.events).all(is_translated) {
            return (self.language.clone(), true);
        }
        let mut tags = legs().map(|leg| leg.provider_lang.trim());
        let first = tags.next().filter(|tag| is_language(tag));
        let tag = first.filter(|first| tags.all(|tag| tag.eq_ignore_ascii_case(first)));
        (tag.unwrap_or("und").to_owned(), false)
    }

    fn doubts(&self, info: &TrackInfo<'_>, rows: &Rows) -> Vec<String> {
        let mut doubts = Vec::new();
        if rows.lost > 0 {
            let (lost, all) = (rows.lost, rows.lost + rows.placed.len());
            doubts.push(format!(
                "rows left out for want of any readable date: {lost} of {all}"
            ));
        }
        // The status of an expired or unknown number says nothing about the parcel.
        let latest = meaning::of_status(self.codes, &info.latest_status.status);
        let latest = latest.and_then(|meaning| meaning.event.status());
        let newest = rows.placed.iter().rev().find_map(|(_, claim)| {
            let by_words = matches!(claim.basis, MappingBasis::CodeAndText | MappingBasis::Text);
            Some((claim.code.status()?, by_words))
        });
        match (latest, newest) {
            (Some(_), None) => doubts.push("latest status has no event".to_owned()),
            // Words that correct the code are our reading, not a contradiction of the source.
            (Some(latest), Some((newest, false))) if contradict(latest, newest) => {
                doubts.push("latest status contradicts the newest event".to_owned());
            }
            _ => {}
        }
        doubts
    }
}

/// Whether the main status and the status of the newest row cannot both be right. The main status of
/// a parcel on its way back is an exception, which is no status of its own.
fn contradict(latest: Status, newest: Status) -> bool {
    latest != newest && (latest == Status::Delivered || newest == Status::Delivered)
}

/// The carrier of the oldest leg that names one; legs come newest first.
fn first_carrier(legs: &[Leg<'_>]) -> String {
    let mut ids = legs.iter().map(|leg| CARRIERS.id(&leg.provider.key));
    ids.rfind(|id| !id.is_empty()).unwrap_or_default()
}

/// The words of a row; the translation where there is nothing else.
fn words<'a>(event: &'a Event<'_>, translated: bool) -> &'a str {
    let own = event.description.trim();
    let other = event.description_translation.description.trim();
    if own.is_empty() || (translated && !other.is_empty()) {
        other
    } else {
        own
    }
}

/// Tells whether a text can be a language tag.
pub(super) fn is_language(text: &str) -> bool {
    let part = |part: &str| {
        (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    let mut parts = text.split('-');
    let first = parts.next().unwrap_or_default();
    (2..=3).contains(&first.len())
        && first.bytes().all(|byte| byte.is_ascii_alphabetic())
        && parts.all(part)
}
