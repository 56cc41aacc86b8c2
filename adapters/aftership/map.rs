//! From the tracking object of AfterShip to a report.
//!
//! One tracking can hold checkpoints of several carriers; each names its own. Checkpoints come in no
//! reliable order and repeat themselves: they are put in order of time here, and one with the hash of
//! another, or with its carrier, time and words, is dropped.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use waybill_core::adapter::Report;
use waybill_core::code::EventCode;
use waybill_core::error::Error;
use waybill_core::event::{Claim, Classifier, MappingBasis};
use waybill_core::number::TrackingNumber;
use waybill_core::place::Location;
use waybill_core::privacy::Pii;
use waybill_core::status::{Milestone, Status};
use waybill_core::time::EventTime;

use super::carriers::CARRIERS;
use super::place::{country, cut, destination_country, origin_country, place};
use super::wire::{Checkpoint, Tracking};
use super::{clock, facts, fault, meaning};
use crate::codes::Codes;

const BY_USER: &str = "set by a user of the source, not reported by the carrier";
const UNREADABLE: &str = "time cannot be read; the row is placed by its neighbours";

/// What a tracking object says.
pub(super) enum Said {
    /// News of the parcel.
    Report(Box<Report>),
    /// Why there is none.
    Nothing(Error),
    /// Only that the tracking exists, or did: it was deleted or taken up again.
    Bare,
}

/// What holds for every row of a report.
struct Journey {
    origin: &'static str,
    destination: &'static str,
}

/// Understands a tracking.
pub(super) fn read(
    codes: &Codes,
    number: &TrackingNumber,
    tracking: &Tracking<'_>,
    now: Timestamp,
) -> Said {
    let (tag, subtag) = (tracking.tag.trim(), tracking.subtag.trim());
    let listed = tracking.checkpoints.as_deref();
    let checkpoints = listed
        .filter(|rows| !rows.is_empty())
        .unwrap_or(&tracking.checkpoint);
    if checkpoints.is_empty() {
        if tag.is_empty() && subtag.is_empty() && listed.is_none() {
            return Said::Bare;
        }
        if matches!(tag, "" | "Pending" | "Expired") {
            let made = clock::utc(&tracking.created_at);
            let age = made.and_then(|made| Duration::try_from(now.duration_since(made)).ok());
            let active = tracking.active.trim() != "false" && tag != "Expired";
            let code = if subtag.is_empty() { tag } else { subtag };
            return Said::Nothing(fault::pending(age, active, code));
        }
    }
    let journey = Journey {
        origin: origin_country(tracking),
        destination: destination_country(tracking),
    };
    let (claims, lost) = rows(codes, checkpoints, &journey);
    let relays = match CARRIERS.id(&tracking.slug) {
        id if CARRIERS.knows(tracking.slug.trim()) => id,
        id => {
            let mut carriers = claims.iter().map(|claim| &claim.carrier);
            // A slug that stands for no carrier is replaced by the carrier that has the rows.
            let other = carriers.find(|other| !other.is_empty()).cloned();
            let told = tracking.slug.trim() != super::carriers::UNRECOGNIZED && !id.is_empty();
            if told { id } else { other.unwrap_or(id) }
        }
    };
    let mut facts = facts::facts(number, tracking);
    facts.doubts = doubts(codes, tracking, &claims, lost);
    Said::Report(Box::new(
        Report {
            number: number.clone(),
            relays,
            complete: listed.is_some_and(|rows| !rows.is_empty()),
            language: "und".to_owned(),
            claims: claims.into_iter().map(Arc::new).collect(),
            facts,
        }
        .fitted(),
    ))
}

/// Reads checkpoints, oldest first, and counts those that could not be placed.
fn rows(codes: &Codes, checkpoints: &[Checkpoint<'_>], journey: &Journey) -> (Vec<Claim>, usize) {
    let mut seen = HashSet::with_capacity(checkpoints.len());
    let mut fresh: Vec<((&Checkpoint<'_>, Option<Location>), Option<_>)> =
        Vec::with_capacity(checkpoints.len());
    for checkpoint in checkpoints {
        let key = match checkpoint.hash.trim() {
            "" => (
                checkpoint.slug.trim(),
                checkpoint.checkpoint_time.trim(),
                checkpoint.message.trim(),
            ),
            hash => (hash, "", ""),
        };
        if seen.insert(key) {
            let place = place(checkpoint);
            let time = clock::read(checkpoint, place.as_ref());
            fresh.push(((checkpoint, place), time));
        }
    }
    let mut filled: Vec<(usize, EventTime)> = Vec::new();
    for (at, ((checkpoint, _), _)) in fresh.iter().enumerate().filter(|(_, it)| it.1.is_none()) {
        let (head, tail) = fresh.split_at(at);
        let time_of = |(_, read): &(_, Option<(EventTime, _)>)| Some(read.as_ref()?.0.clone());
        let older = head.iter().rev().find_map(time_of);
        let newer = tail.iter().find_map(time_of);
        let time = clock::between(older.as_ref(), newer.as_ref(), checkpoint);
        filled.extend(time.map(|time| (at, time)));
    }
    let (mut placed, mut lost) = (Vec::with_capacity(fresh.len()), 0);
    let mut filled = filled.into_iter().peekable();
    for (at, (checkpoint, read)) in fresh.into_iter().enumerate() {
        let undated = read.is_none();
        let between = || Some((filled.next_if(|row| row.0 == at)?.1, Some(UNREADABLE)));
        match read.or_else(between) {
            Some((time, doubt)) => {
                let order = time.anchor();
                let claim = claim(codes, checkpoint, journey, time, doubt, undated);
                placed.push((order, claim));
            }
            None => lost += 1,
        }
    }
    // Stable: rows of one moment stay in the order in which they came.
    placed.sort_by_key(|(order, _)| *order);
    (placed.into_iter().map(|(_, claim)| claim).collect(), lost)
}

fn claim(
    codes: &Codes,
    (checkpoint, location): (&Checkpoint<'_>, Option<Location>),
    journey: &Journey,
    time: EventTime,
    doubt: Option<&'static str>,
    undated: bool,
) -> Claim {
    let carrier = CARRIERS.id(&checkpoint.slug);
    let (meaning, basis) = meaning::of(codes, &carrier, checkpoint);
    // A row without a time is a remark: it must not set what the parcel does now.
    let code = match meaning.event {
        EventCode::UNMAPPED => EventCode::UNMAPPED,
        _ if undated => EventCode::INFORMATION,
        event => meaning::directed(
            event,
            country(checkpoint),
            journey.origin,
            journey.destination,
        ),
    };
    let by_user = checkpoint.source.trim().eq_ignore_ascii_case("user");
    let reasons = checkpoint
        .events
        .iter()
        .map(|event| event.reason.code.trim());
    let native_reason = reasons.into_iter().find(|reason| !reason.is_empty());
    Claim {
        native_id: cut(checkpoint.hash.trim(), 128),
        native_code: native_code(checkpoint),
        native_reason: cut(native_reason.unwrap_or(""), 128),
        native_text: Pii::new(cut(checkpoint.message.trim(), 1_000)),
        code,
        reason: meaning.reason.filter(|_| !undated),
        basis,
        time,
        location,
        carrier,
        classifier: Classifier::Actual,
        retracted: false,
        doubt: doubt
            .or_else(|| by_user.then_some(BY_USER))
            .map(str::to_owned),
    }
}

/// The sub-tag, else the tag, and behind a slash the carrier's own code if there is one.
fn native_code(checkpoint: &Checkpoint<'_>) -> String {
    let tag = match checkpoint.subtag.trim() {
        "" => checkpoint.tag.trim(),
        subtag => subtag,
    };
    match checkpoint.raw_tag.trim() {
        "" => cut(tag, 128),
        raw => cut(&format!("{tag}/{raw}"), 128),
    }
}

fn doubts(codes: &Codes, tracking: &Tracking<'_>, claims: &[Claim], lost: usize) -> Vec<String> {
    let mut doubts = Vec::new();
    if lost > 0 {
        let all = lost + claims.len();
        doubts.push(format!(
            "rows left out for want of any readable date: {lost} of {all}"
        ));
    }
    let newest = claims.iter().rev().find_map(|claim| {
        let by_words = matches!(claim.basis, MappingBasis::CodeAndText | MappingBasis::Text);
        Some((claim.code.status()?, by_words))
    });
    match (meaning::status_of(codes, &tracking.tag), newest) {
        (Some(_), None) => doubts.push("latest status has no event".to_owned()),
        // Words that correct the code are our reading, not a contradiction of the source.
        (Some(latest), Some((newest, false))) if contradict(latest, newest) => {
            doubts.push("latest status contradicts the newest event".to_owned());
        }
        _ => {}
    }
    let returns = |claim: &Claim| {
        let reached = claim.code.info().and_then(|row| row.milestone);
        matches!(reached, Some(Milestone::Returning | Milestone::Returned))
    };
    if tracking.return_to_sender.trim() == "true" && !claims.iter().any(returns) {
        doubts.push("marked as going back to the sender, which no event says".to_owned());
    }
    doubts
}

/// Whether the tag of a tracking and the status of its newest row cannot both be right; the tag can
/// lag behind otherwise.
fn contradict(latest: Status, newest: Status) -> bool {
    latest != newest && (latest == Status::Delivered || newest == Status::Delivered)
}
