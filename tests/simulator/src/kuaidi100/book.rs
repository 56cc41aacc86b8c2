//! Owns the subscriptions: which are open, and how many a number has had. Knows no JSON and no HTTP.

use std::collections::HashMap;

use jiff::Timestamp;

/// A subscription must not be made anew before so many seconds have passed since its end.
const PAUSE: i64 = 1_800;
/// Seconds in which a company and number can be subscribed to so many times.
const MONTH: i64 = 30 * 86_400;
const TIMES: usize = 4;

/// A subscription, as it was asked for.
#[derive(Clone)]
pub(super) struct Subscription {
    pub(super) number: String,
    pub(super) com: String,
    pub(super) callback: String,
    pub(super) salt: String,
    pub(super) resultv2: String,
    /// Both legs are wanted.
    pub(super) both: bool,
    pub(super) since: Timestamp,
    /// When it ended.
    pub(super) ended: Option<Timestamp>,
}

/// All subscriptions.
#[derive(Default)]
pub(super) struct Book {
    entries: HashMap<(String, String), Vec<Subscription>>,
}

impl Book {
    /// Takes a subscription; false if it repeats an open one, comes too soon or is one too many.
    pub(super) fn take(&mut self, new: Subscription) -> bool {
        let now = new.since.as_second();
        let key = (new.com.clone(), new.number.clone());
        let known = self.entries.entry(key).or_default();
        let recent = known
            .iter()
            .filter(|old| now - old.since.as_second() < MONTH)
            .count();
        let closed = known.last().is_none_or(|last| {
            last.ended
                .is_some_and(|ended| now - ended.as_second() >= PAUSE)
        });
        if closed && recent < TIMES {
            known.push(new);
            return true;
        }
        false
    }

    /// The newest subscription of a number.
    pub(super) fn of(&mut self, number: &str) -> Option<&mut Subscription> {
        let all = self.entries.values_mut().flatten();
        all.filter(|entry| entry.number == number)
            .max_by_key(|entry| entry.since)
    }
}
