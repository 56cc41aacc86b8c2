//! The two ends of a hand-over: what the warehouse gave and the carrier has not confirmed, and
//! what the carrier took and the warehouse does not know of.

use crate::code::EventCode as E;
use crate::entry::{Entry, after};
use crate::event::{Classifier, Event, Observation, SourceClass, Standing};
use crate::exception::Category;
use crate::fold::{Folded, moment};
use crate::lane;
use crate::shipment::{FindingKind, Shipment};
use crate::status::Status;
use crate::verify::Found;

/// The warehouse gave it away.
const GIVEN: [E; 2] = [E::DROPPED_OFF, E::WAREHOUSE_DISPATCHED];
/// The warehouse has it, or has it again.
const KEPT: [E; 3] = [
    E::PICKUP_FAILED,
    E::AWAITING_HANDOVER,
    E::WAREHOUSE_RECEIVED,
];
/// Only who has the item in hand can say so.
const IN_HAND: [E; 3] = [E::AWAITING_HANDOVER, E::WAREHOUSE_RECEIVED, E::REPACKED];

fn is_own(one: &Observation) -> bool {
    one.class == SourceClass::Internal
}

/// Tells whether such an event, said by a carrier, means that it has or had the item.
fn is_possession(code: E) -> bool {
    code.status()
        .is_some_and(|status| !matches!(status, Status::InfoReceived | Status::Cancelled))
}

/// Adds to the entries of a record those of hand-overs that wait, or waited, for longer than is
/// usual for the carrier's first scan. A silence that begins meanwhile is the same matter.
pub(crate) fn join(mut entries: Vec<Entry>, record: &Shipment) -> Vec<Entry> {
    let waits = waits(record);
    entries.retain(|entry| {
        let is_silence = entry.exception.derived && entry.exception.category == Category::NoUpdate;
        let is_same = |wait: &Entry| {
            let end = wait.exception.close_time;
            entry.from >= wait.from && end.is_none_or(|end| entry.from < Some(end))
        };
        !(is_silence && waits.iter().any(is_same))
    });
    entries.extend(waits);
    entries
}

fn waits(record: &Shipment) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut given: Option<&Event> = None;
    for event in record.events.iter().rev() {
        if event.standing != Standing::Accepted || event.classifier != Classifier::Actual {
            continue;
        }
        let is_taken = is_possession(event.code) && !event.observations().all(is_own);
        let is_over = is_taken
            || KEPT.contains(&event.code) && event.observations().any(is_own)
            || event.status.is_some_and(Status::is_terminal);
        if is_over {
            let waited = given.take().and_then(unconfirmed);
            entries.extend(waited.and_then(|one| one.ended(moment(event.time()), Some(event.id))));
        } else if GIVEN.contains(&event.code) && event.observations().any(is_own) {
            given = given.or(Some(event));
        }
        if is_taken {
            return entries;
        }
    }
    entries.extend(given.and_then(unconfirmed));
    entries
}

/// A hand-over that no carrier has confirmed, as an exception that opens at the end of the norm.
fn unconfirmed(given: &Event) -> Option<Entry> {
    // Silence that follows the same event is another matter with another id.
    let cause = [b"handover".as_slice(), &given.id.0].concat();
    let since = given.time().latest;
    let from = after(since, lane::FIRST_SCAN_HOURS)?;
    let mut entry = Entry::derived(Category::NoUpdate, given.code, &cause, from, vec![given.id])?;
    entry.critical_from = after(since, 2 * lane::FIRST_SCAN_HOURS);
    Some(entry)
}

/// Finds an item that the carrier has and that, as far as the warehouse knows, is still there.
pub(crate) fn unaware(folded: &Folded<'_>, found: &mut Found) {
    let says = |codes: &'static [E]| {
        let own = folded.rows.iter().flat_map(|row| {
            let own = row.members().find(|one| is_own(one));
            own.map(|one| (row.code, one))
        });
        own.filter(|(code, _)| codes.contains(code))
            .map(|(_, one)| one)
            .next_back()
    };
    let Some(warehouse) = says(&IN_HAND) else {
        return;
    };
    let taken = folded
        .counting()
        .find(|row| is_possession(row.code) && row.members().any(|one| !is_own(one)));
    if let (Some(taken), None) = (taken, says(&GIVEN)) {
        found.add(
            FindingKind::WarehouseUnaware,
            &warehouse.source,
            "the carrier has the item, and the warehouse never reported to have handed it over",
            &[taken.id],
        );
    }
}
