//! One exception over time: moments instead of states, so that any moment can be looked at.

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};

use crate::code::{EventCode, ReasonCode};
use crate::event::Digest;
use crate::exception::{Category, Exception, NextAction, Responsibility};
use crate::rule::{RULES, Rule, Way};
use crate::status::Severity;

/// Hours of a day.
pub(crate) const DAY: i64 = 24;

/// An exception with the moments at which it changes.
pub(crate) struct Entry {
    /// As it is once open, with the close time if an event closed it.
    pub(crate) exception: Exception,
    /// Moment from which it exists.
    pub(crate) from: Option<Timestamp>,
    /// Moment from which it is critical.
    pub(crate) critical_from: Option<Timestamp>,
    /// Moment at which time closes it.
    pub(crate) until: Option<Timestamp>,
}

impl Entry {
    /// An exception that an event opens.
    pub(crate) fn open(
        rule: &Rule,
        way: Way,
        reason: Option<ReasonCode>,
        cause: &[u8],
        at: Timestamp,
    ) -> Self {
        Self {
            exception: Exception {
                id: id(rule.category, cause),
                category: rule.category,
                reason,
                severity: way.severity,
                owner: way.owner,
                next_action: way.action,
                alternatives: way.alternatives.to_vec(),
                open_time: at,
                due_time: None,
                close_time: None,
                derived: false,
                event_ids: Vec::new(),
            },
            from: None,
            critical_from: Some(rule.critical_after_days)
                .filter(|days| *days > 0)
                .and_then(|days| after(at, days * DAY)),
            until: None,
        }
    }

    /// An exception that no source reported and that exists from `at` on.
    pub(crate) fn derived(
        category: Category,
        code: EventCode,
        cause: &[u8],
        at: Timestamp,
        events: Vec<Digest>,
    ) -> Option<Self> {
        let rule = RULES.iter().find(|rule| rule.category == category)?;
        let mut entry = Self::open(rule, rule.way(code, None), None, cause, at);
        entry.exception.derived = true;
        entry.exception.event_ids = events;
        entry.from = Some(at);
        Some(entry)
    }

    /// Ends it at `at`, if it had begun by then.
    pub(crate) fn ended(mut self, at: Timestamp, by: Option<Digest>) -> Option<Self> {
        if self.from.is_some_and(|from| from >= at) {
            return None;
        }
        self.exception.close_time = Some(at);
        self.exception.event_ids.extend(by);
        Some(self)
    }

    /// Moments at which it can change.
    pub(crate) fn moments(&self) -> impl Iterator<Item = Timestamp> {
        [self.from, self.critical_from, self.until]
            .into_iter()
            .flatten()
    }

    /// What it is at a moment; `None` before it exists.
    pub(crate) fn at(&self, now: Timestamp) -> Option<Exception> {
        if self.from.is_some_and(|from| from > now) {
            return None;
        }
        let mut exception = self.exception.clone();
        if exception.close_time.is_none() {
            exception.close_time = self.until.filter(|until| *until <= now);
        }
        let end = exception.close_time.unwrap_or(Timestamp::MAX);
        let worse = self
            .critical_from
            .is_some_and(|from| from <= now && from < end);
        if worse && exception.severity < Severity::Critical {
            exception.severity = Severity::Critical;
            if exception.category == Category::NoUpdate {
                exception.alternatives = vec![NextAction::OpenInvestigation];
                // What the carrier may never have had is the shipper's to replace.
                if exception.owner == Responsibility::Shipper {
                    exception.alternatives.push(NextAction::ReshipOrRefund);
                }
            }
        }
        Some(exception)
    }
}

fn id(category: Category, cause: &[u8]) -> Digest {
    let hash = Sha256::new().chain_update([category as u8]);
    Digest(hash.chain_update(cause).finalize().into())
}

/// `hours` after a moment; `None` beyond what a timestamp can hold.
pub(crate) fn after(at: Timestamp, hours: i64) -> Option<Timestamp> {
    at.checked_add(SignedDuration::from_hours(hours)).ok()
}
