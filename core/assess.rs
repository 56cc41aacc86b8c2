//! What follows from the record and the clock: exceptions, attention, tracking state.
//!
//! **Invariant:** nothing here reads a clock. The moment is an argument, and the answer says until
//! when it stays true. Status, events and milestones are never touched.

use std::cmp::Reverse;

use jiff::{SignedDuration, Timestamp};

use crate::etag;
use crate::exception::Exception;
use crate::lane::Silence;
use crate::shipment::{Shipment, TrackingState};
use crate::status::Severity;
use crate::timeline::{Timeline, timeline};

/// Days for which a terminal status is still looked at.
const GRACE_DAYS: i64 = 15;
/// Days beyond the norm after which silence ends the looking.
const LIMIT_DAYS: i64 = 30;

/// Fills in what depends on the clock, and the etag over everything. Also returns the earliest
/// moment after `now` at which the answer would be another one, `None` if it stays as it is.
pub fn assess(mut record: Shipment, now: Timestamp) -> (Shipment, Option<Timestamp>) {
    let timeline = timeline(&record);
    let view = view(&timeline, now);
    let mut moments: Vec<Timestamp> = timeline
        .entries
        .iter()
        .flat_map(|entry| entry.moments())
        .chain(timeline.terminal_since.and_then(end_of_grace))
        .chain(timeline.quiet_until)
        .chain(timeline.quiet_until.and_then(end_of_limit))
        .filter(|moment| *moment > now)
        .collect();
    moments.sort_unstable();
    moments.dedup();
    let next = moments
        .into_iter()
        .find(|moment| self::view(&timeline, *moment) != view);

    record.tracking = view.tracking;
    record.silence = view.silence;
    record.attention = attention(&view.exceptions);
    record.exceptions = view.exceptions;
    record.etag = etag::etag(&record);
    (record, next)
}

/// Everything that the clock decides.
#[derive(PartialEq)]
struct View {
    tracking: TrackingState,
    silence: Option<Silence>,
    exceptions: Vec<Exception>,
}

fn view(timeline: &Timeline, now: Timestamp) -> View {
    let mut exceptions: Vec<Exception> = timeline
        .entries
        .iter()
        .filter_map(|entry| entry.at(now))
        .collect();
    exceptions.sort_by_key(|one| {
        (
            one.close_time.is_some(),
            Reverse(one.open_time),
            one.category,
            one.id,
        )
    });
    View {
        tracking: tracking(timeline, now),
        silence: timeline
            .quiet_until
            .zip(timeline.quiet_reason)
            .filter(|(until, _)| *until > now)
            .map(|(until, reason)| Silence { until, reason }),
        exceptions,
    }
}

fn tracking(timeline: &Timeline, now: Timestamp) -> TrackingState {
    let passed = |moment: Option<Timestamp>| moment.is_some_and(|moment| moment <= now);
    if passed(timeline.terminal_since.and_then(end_of_grace)) {
        TrackingState::Closed
    } else if passed(timeline.quiet_until.and_then(end_of_limit)) {
        TrackingState::Expired
    } else if passed(timeline.quiet_until) {
        TrackingState::Dormant
    } else {
        TrackingState::Active
    }
}

fn attention(exceptions: &[Exception]) -> Option<Severity> {
    exceptions
        .iter()
        .filter(|one| one.close_time.is_none())
        .map(|one| one.severity)
        .max()
}

pub(crate) fn end_of_grace(since: Timestamp) -> Option<Timestamp> {
    days_after(since, GRACE_DAYS)
}

pub(crate) fn end_of_limit(quiet_until: Timestamp) -> Option<Timestamp> {
    days_after(quiet_until, LIMIT_DAYS)
}

fn days_after(at: Timestamp, days: i64) -> Option<Timestamp> {
    at.checked_add(SignedDuration::from_hours(24 * days)).ok()
}
