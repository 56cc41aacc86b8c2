//! Which changes a watcher wants to hear of.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use waybill_core::code::EventCode;
use waybill_core::revision::new_events;
use waybill_core::shipment::Shipment;
use waybill_core::status::{Severity, Status};

/// All set conditions must hold; empty: every change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Filter {
    /// Changes of status to one of these.
    pub statuses: Vec<Status>,
    /// A new event has one of these codes.
    pub codes: Vec<EventCode>,
    /// Attention is at least this, or drops below it.
    pub min_severity: Option<Severity>,
    /// The status, a milestone or an exception changes.
    pub significant_only: bool,
}

/// What a watcher was last shown, or would have been without its filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Revision of the record.
    pub revision: u32,
    status: Status,
    attention: Option<Severity>,
    /// Hash of everything that it shows.
    content: u64,
    /// Hash of status, milestones and exceptions.
    significance: u64,
}

impl Seen {
    /// What a record shows.
    pub fn of(record: &Shipment) -> Self {
        let mut hasher = DefaultHasher::new();
        record.status.hash(&mut hasher);
        for milestone in record.milestones.iter().filter(|one| one.is_reached()) {
            (milestone.milestone as u8).hash(&mut hasher);
        }
        for exception in &record.exceptions {
            (exception.id, exception.severity, exception.close_time).hash(&mut hasher);
        }
        let mut content = DefaultHasher::new();
        record.etag.hash(&mut content);
        Self {
            revision: record.revision,
            content: content.finish(),
            status: record.status,
            attention: record.attention,
            significance: hasher.finish(),
        }
    }
}

impl Filter {
    /// Whether a record that was last seen so, or nobody knows how, is to be sent; `since`: the
    /// revision after which events are new, `now`: what it shows.
    pub fn passes(&self, before: Option<&Seen>, since: u32, record: &Shipment, now: &Seen) -> bool {
        let differs =
            |changed: fn(&Seen, &Seen) -> bool| before.is_none_or(|old| changed(old, now));
        let status = self.statuses.is_empty()
            || self.statuses.contains(&now.status) && differs(|old, now| old.status != now.status);
        let code = self.codes.is_empty()
            || new_events(since, record).any(|event| self.codes.contains(&event.code));
        let severity = self.min_severity.is_none_or(|least| {
            let urgent = |seen: &Seen| seen.attention >= Some(least);
            urgent(now) || before.is_some_and(urgent)
        });
        let significant =
            !self.significant_only || differs(|old, now| old.significance != now.significance);
        // Another tenant's own news makes a revision too, in which this one sees nothing new.
        let visible = differs(|old, now| old.content != now.content);
        visible && status && code && severity && significant
    }
}
