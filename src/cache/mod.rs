//! Answers of sources, kept for a while: what may be served, and for how long.
//!
//! The policy is [`Freshness`]: figures and pure functions over them. Where answers lie is a
//! [`Cache`]. A cache is never the truth: it may lose anything at any moment, and a fault of it is
//! a miss.
//!
//! **Invariant:** a cache neither asks a source nor reads a record; it is told what to keep.

pub mod flight;
pub mod memory;
pub mod redis;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use waybill_core::adapter::{BoxFuture, Hints, OrderQuery, Query, Report};
use waybill_core::error::Error;
use waybill_core::order::Subject;
use waybill_core::shipment::Shipment;
use waybill_core::status::{Severity, Status};

use crate::store::seal::{Keys, hex};

/// Where answers are kept.
pub trait Cache: Send + Sync {
    /// The newest answer that is known here and may still be kept; its age is for the caller to
    /// judge.
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Option<Arc<Entry>>>;

    /// Keeps an answer until its `keep_until`, if there is room.
    fn put<'a>(&'a self, key: &'a Key, entry: Arc<Entry>) -> BoxFuture<'a, ()>;

    /// Drops what is about some numbers or orders, named by [`Key::about`], here and where other nodes
    /// find it.
    fn forget<'a>(&'a self, about: &'a [[u8; 32]]) -> BoxFuture<'a, ()>;

    /// Drops everything that is in this process: something that another node has erased may be among
    /// it.
    fn forget_near(&self);

    /// Whether it works.
    fn state(&self) -> CacheState;
}

/// Counts a look-up of one level.
pub(crate) fn count(level: &'static str, found: bool) {
    let result = if found { "hit" } else { "miss" };
    metrics::counter!("waybill_cache_ops_total", "level" => level, "result" => result).increment(1);
}

/// Whether a cache works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheState {
    /// It does.
    Working,
    /// It is doing without a part of itself; answers are right, and more calls reach the sources.
    Degraded {
        /// Since when.
        since: Timestamp,
    },
}

/// One answer.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When the source gave it.
    pub fetch_time: Timestamp,
    /// Until then nobody needs to ask again.
    pub fresh_until: Timestamp,
    /// From then on it is of no use to anybody.
    pub keep_until: Timestamp,
    /// What it was.
    pub answer: Held,
}

/// What a source answered.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Held {
    /// These shipments.
    Found(Vec<Report>),
    /// It does not know the number.
    NotFound {
        /// How often in a row it has said so, this time included.
        streak: u32,
    },
    /// It failed; kept for a moment, so that a crowd does not run into the same wall.
    Failed(Error),
    /// The number cannot be one of its own.
    Impossible,
}

/// What an answer is kept under: a keyed hash, without a number in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    name: String,
    /// Keyed hash of the number or order that it is about.
    about: [u8; 32],
}

impl Key {
    /// Key of one source's answer, for one account, to one query.
    pub fn new(keys: &Keys, source: &str, account: &str, query: &Query) -> Self {
        let own = [query.number.reveal(), &query.carrier, &query.format];
        let about = keys.subject(&Subject::Number(query.number.clone()));
        Self::of("answer", keys, about, [source, account], own, &query.hints)
    }

    /// Key of one source's answer, for one account, to a question about an order. It never equals
    /// that of a number.
    pub fn of_order(keys: &Keys, source: &str, account: &str, query: &OrderQuery) -> Self {
        let own = [
            query.order.platform(),
            query.order.reveal(),
            query.order.owner(),
        ];
        let about = keys.subject(&Subject::Order(query.order.clone()));
        Self::of(
            "order-answer",
            keys,
            about,
            [source, account],
            own,
            &query.hints,
        )
    }

    fn of(
        kind: &str,
        keys: &Keys,
        about: [u8; 32],
        [source, account]: [&str; 2],
        [first, second, third]: [&str; 3],
        hints: &Hints,
    ) -> Self {
        let parts = [
            source,
            account,
            first,
            second,
            third,
            hints.postal_code.reveal(),
            &hints.destination_country,
            &hints.origin_country,
            &hints.ship_date,
            hints.phone_last_four.reveal(),
        ];
        let name = hex(&keys.hash(kind, &parts.map(str::as_bytes)));
        Self { name, about }
    }

    /// 64 hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// Keyed hash of the number or order that it is about; see [`Keys::subject`].
    pub const fn about(&self) -> &[u8; 32] {
        &self.about
    }
}

/// How long answers are fresh and kept. Durations are written like "15 min".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Freshness {
    /// Fresh for, before the first scan.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub label: Duration,
    /// Fresh for, on the way.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub transit: Duration,
    /// Fresh for, on the day of delivery.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub out_for_delivery: Duration,
    /// Fresh for, while a problem is open.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub exception: Duration,
    /// Fresh for, after the end of the journey.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub terminal: Duration,
    /// An answer that is no longer fresh is served while it is renewed, for so many times the
    /// period in which it was.
    pub stale_while_revalidate: u32,
    /// An answer stands in for a source that fails for so long.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub stale_if_error: Duration,
    /// "Not found" holds for, the first time; it doubles with every time in a row.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub not_found: Duration,
    /// "Not found" holds for at most.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub not_found_max: Duration,
    /// A number that a source calls impossible stays so for.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub impossible: Duration,
    /// A failure is passed on for.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub fault: Duration,
}

impl Default for Freshness {
    /// The figures of the public table of limits.
    fn default() -> Self {
        Self {
            label: Duration::from_mins(30),
            transit: Duration::from_mins(15),
            out_for_delivery: Duration::from_mins(2),
            exception: Duration::from_mins(10),
            terminal: Duration::from_hours(24),
            stale_while_revalidate: 4,
            stale_if_error: Duration::from_hours(7 * 24),
            not_found: Duration::from_mins(1),
            not_found_max: Duration::from_mins(30),
            impossible: Duration::from_hours(24),
            fault: Duration::from_secs(5),
        }
    }
}

/// How soon news of a shipment matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// No carrier has it yet.
    Label,
    /// On the way.
    Transit,
    /// On the delivery round.
    OutForDelivery,
    /// A problem is open.
    Exception,
    /// The journey is over.
    Terminal,
}

/// Finds the stage of a shipment. A parcel on the delivery round is followed closest, whatever
/// else is the matter with it.
pub fn stage_of(shipment: &Shipment) -> Stage {
    let problem = shipment
        .attention
        .is_some_and(|severity| severity > Severity::Informational);
    match shipment.status {
        status if status.is_terminal() => Stage::Terminal,
        Status::OutForDelivery => Stage::OutForDelivery,
        _ if problem => Stage::Exception,
        Status::Pending | Status::InfoReceived => Stage::Label,
        _ => Stage::Transit,
    }
}

/// What may be done with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    /// Serve it.
    Fresh,
    /// Serve it, and ask again meanwhile.
    Revalidate,
    /// Ask first. It may still stand in if that fails; see [`Freshness::stands_in`].
    Expired,
}

impl Freshness {
    /// How long a found shipment is fresh: by its stage, and never less than the interval at which
    /// the source's quota lets it be asked about.
    pub fn fresh_for(&self, stage: Stage, budgeted_interval: Duration) -> Duration {
        let by_stage = match stage {
            Stage::Label => self.label,
            Stage::Transit => self.transit,
            Stage::OutForDelivery => self.out_for_delivery,
            Stage::Exception => self.exception,
            Stage::Terminal => self.terminal,
        };
        by_stage.max(budgeted_interval)
    }

    /// Makes the entry of a found shipment.
    pub fn found(&self, reports: Vec<Report>, now: Timestamp, fresh_for: Duration) -> Entry {
        let served = fresh_for.saturating_mul(self.stale_while_revalidate.saturating_add(1));
        entry(
            Held::Found(reports),
            now,
            fresh_for,
            served.max(self.stale_if_error),
        )
    }

    /// Makes the entry of "not found", of which `before` is what was held until now. It is kept
    /// beyond its use for as long again, to count on.
    pub fn not_found(&self, before: Option<&Held>, now: Timestamp) -> Entry {
        let earlier = match before {
            Some(Held::NotFound { streak }) => *streak,
            _ => 0,
        };
        let doubled = 2_u32.saturating_pow(earlier);
        let period = self.not_found.saturating_mul(doubled);
        let period = period.min(self.not_found_max);
        let streak = earlier.saturating_add(1);
        let kept = period + self.not_found_max;
        entry(Held::NotFound { streak }, now, period, kept)
    }

    /// Makes the entry of a number that the source calls impossible.
    pub fn impossible(&self, now: Timestamp) -> Entry {
        entry(Held::Impossible, now, self.impossible, self.impossible)
    }

    /// Makes the entry of a failure.
    pub fn failed(&self, error: Error, now: Timestamp) -> Entry {
        entry(Held::Failed(error), now, self.fault, self.fault)
    }

    /// Judges an answer at `now`, for a caller who wants none older than `max_age`. Only found
    /// shipments are served beyond their time: a stale "no" would hide a "yes".
    pub fn age(&self, entry: &Entry, now: Timestamp, max_age: Option<Duration>) -> Age {
        let fetched = now.duration_since(entry.fetch_time);
        let too_old = |limit: Duration| {
            fetched > jiff::SignedDuration::try_from(limit).unwrap_or(jiff::SignedDuration::MAX)
        };
        if max_age.is_some_and(too_old) || now >= entry.keep_until {
            return Age::Expired;
        }
        if now < entry.fresh_until {
            return Age::Fresh;
        }
        let period = entry.fresh_until.duration_since(entry.fetch_time);
        let served =
            period.saturating_mul(i32::try_from(self.stale_while_revalidate).unwrap_or(i32::MAX));
        match entry.answer {
            Held::Found(_) if now.duration_since(entry.fresh_until) < served => Age::Revalidate,
            _ => Age::Expired,
        }
    }

    /// Tells whether an answer may stand in for a source that fails now.
    pub fn stands_in(&self, entry: &Entry, now: Timestamp) -> bool {
        matches!(entry.answer, Held::Found(_)) && now < after(entry.fetch_time, self.stale_if_error)
    }
}

fn entry(answer: Held, now: Timestamp, fresh_for: Duration, keep_for: Duration) -> Entry {
    Entry {
        fetch_time: now,
        fresh_until: after(now, fresh_for),
        keep_until: after(now, keep_for),
        answer,
    }
}

fn after(moment: Timestamp, by: Duration) -> Timestamp {
    moment.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// How long an entry still has to be kept; `None` if it has not.
fn kept_for(entry: &Entry, now: Timestamp) -> Option<Duration> {
    let left = entry.keep_until.duration_since(now);
    Duration::try_from(left).ok().filter(|left| !left.is_zero())
}

#[cfg(test)]
mod tests;
