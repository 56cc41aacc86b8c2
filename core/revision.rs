//! What changed between two records of one shipment, as far as a client can see.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::etag::event_form;
use crate::event::{Digest, Event};
use crate::shipment::Shipment;

/// Numbers a new record by the one before it. Returns it with whether anything visible changed:
/// then it and its added or changed events bear a new revision.
pub fn revise(old: Option<&Shipment>, mut new: Shipment, now: Timestamp) -> (Shipment, bool) {
    let changed = old.is_none_or(|old| old.etag != new.etag);
    let before = old.map_or(0, |old| old.revision);
    new.revision = if changed {
        before.saturating_add(1)
    } else {
        before
    };
    new.update_time = match old {
        Some(old) if !changed => old.update_time,
        _ => now,
    };
    let known: BTreeMap<Digest, &Event> = old
        .iter()
        .flat_map(|old| &old.events)
        .map(|event| (event.id, event))
        .collect();
    for event in &mut new.events {
        event.revision = match known.get(&event.id) {
            Some(old) if event_form(old) == event_form(event) => old.revision,
            _ => new.revision,
        };
        event.added = known.get(&event.id).map_or(new.revision, |old| old.added);
    }
    (new, changed)
}

/// Fields, by their names in the API, in which a client can tell two records apart; revision, etag
/// and update time aside, which follow from the others.
pub fn differing(one: &Shipment, other: &Shipment) -> Vec<&'static str> {
    /// Compares fields; every field of the record has to be named.
    macro_rules! fields {
        ($($name:literal $field:ident),*; $($left:ident,)*) => {{
            let Shipment { $($field,)* $($left: _,)* } = one;
            let pairs = [$(($name, *$field == other.$field),)*];
            pairs
                .into_iter()
                .filter(|(_, equal)| !equal)
                .map(|(name, _)| name)
        }};
    }
    let mut fields: Vec<&'static str> = fields! {
        "id" id, "tracking_number" number, "carrier" carrier, "status" status, "code" code,
        "reason" reason, "status_event_id" status_event, "source_count" source_count,
        "tracking_state" tracking, "attention" attention, "progress" progress,
        "next_step" next_step, "expected_silence_until" silence, "contact_options" contacts,
        "requirements" requirements, "last_event_time" last_event_time,
        "last_location" last_location, "estimates" estimates, "exceptions" exceptions,
        "milestones" milestones, "identifiers" identifiers, "legs" legs, "service" service,
        "origin" origin, "destination" destination, "pieces" pieces, "superseded_ids" superseded,
        "physical" physical,
        "proof_of_delivery" proof, "photos" photos, "findings" findings;
        revision, etag, update_time, events,
    }
    .collect();
    let form = |record: &Shipment| record.events.iter().map(event_form).collect::<Vec<_>>();
    if form(one) != form(other) {
        fields.push("events");
    }
    fields
}

/// Events that were added after a revision, newest first.
pub fn new_events(since: u32, record: &Shipment) -> impl DoubleEndedIterator<Item = &Event> {
    record
        .events
        .iter()
        .filter(move |event| event.added > since)
}
