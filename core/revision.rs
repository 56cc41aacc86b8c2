//! What changed between two records of one shipment, as far as a client can see.

use std::collections::{BTreeMap, BTreeSet};

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
    }
    (new, changed)
}

/// Events of the new record that the old one did not have, newest first.
pub fn new_event_ids(old: Option<&Shipment>, new: &Shipment) -> Vec<Digest> {
    let known: BTreeSet<Digest> = old
        .iter()
        .flat_map(|old| &old.events)
        .map(|event| event.id)
        .collect();
    new.events
        .iter()
        .map(|event| event.id)
        .filter(|id| !known.contains(id))
        .collect()
}
