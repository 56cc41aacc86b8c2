//! The due queue: what is to be done when, and who has taken it.
//!
//! It owns order, leases and rates, and knows nothing of records and sources' health. Times are
//! milliseconds since 1970, as in the scores of a sorted set.
//!
//! **Invariant:** work is claimed by at most one node during a lease, and comes back when the lease
//! ends without a word. Whoever comes late finds another fence and changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use waybill_core::adapter::BoxFuture;
use waybill_core::poll::Lane;
use waybill_core::shipment::ShipmentId;

use crate::store::{Head, StoreError};

/// How long a claim is its node's: four times what a poll may take.
pub const LEASE: Duration = Duration::from_secs(120);

/// What is to be done about a shipment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Task {
    /// Its sources are asked.
    Poll,
    /// Time alone changes its record: it is brought up to now.
    Review,
}

/// What waits together: the work of one tenant at one source in one lane.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Flow {
    /// Source that is asked; empty for reviews, which ask nobody.
    pub source: &'static str,
    /// Which queue.
    pub lane: Lane,
    /// Who follows the shipment; empty for reviews.
    pub tenant: Arc<str>,
}

/// Work that is due at some time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What is to be done.
    pub task: Task,
    /// About which shipment.
    pub id: ShipmentId,
    /// Where it waits.
    pub flow: Flow,
    /// When.
    pub due: i64,
    /// Milliseconds from one poll to the next as the shipment wants it, whatever the quota allows;
    /// 0: it comes once.
    pub interval: u64,
    /// Polls in a row that came to nothing.
    pub failures: u8,
}

/// Work that a node has taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// What.
    pub item: Item,
    /// Tells the claims of an item apart.
    pub fence: u64,
    /// A lease on it ended before, without a word of its node.
    pub again: bool,
}

/// What is due in a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backlog {
    /// Which.
    pub flow: Flow,
    /// Items, counted up to the limit that was asked for.
    pub count: usize,
    /// When the first of them became due.
    pub oldest: i64,
    /// Its interval.
    pub interval: u64,
}

/// What a tenant's shipments want of a source.
#[derive(Clone, Debug, PartialEq)]
pub struct Want {
    /// Whose.
    pub tenant: Arc<str>,
    /// Shipments.
    pub count: u64,
    /// Polls per second, if none is late.
    pub rate: f64,
}

/// How fast a source may be asked: by GCRA, for all nodes together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// Calls per second.
    pub rate: f64,
    /// Calls that may leave at once, at least 1. Who looks at the clock in steps needs a step's
    /// worth more than one, or parts of steps are lost.
    pub burst: f64,
}

/// A due queue. Several nodes can share one.
pub trait Due: Send + Sync {
    /// Enters work, or moves it. What is claimed stays as it is: who has it says what comes next.
    fn put(&self, now: i64, items: Vec<Item>) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Enters work in the place of what the caller has seen; `None`: nothing. If something else is
    /// there by now, or it is claimed, nothing changes: whoever was faster knew more.
    fn replace(
        &self,
        now: i64,
        seen: Option<Item>,
        next: Item,
    ) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Takes work out, claimed or not.
    fn remove<'a>(
        &'a self,
        task: Task,
        id: &'a ShipmentId,
    ) -> BoxFuture<'a, Result<(), StoreError>>;

    /// One item as it waits or was claimed.
    fn get<'a>(
        &'a self,
        task: Task,
        id: &'a ShipmentId,
    ) -> BoxFuture<'a, Result<Option<Item>, StoreError>>;

    /// Flows of a source that have work due at `now`, each counted up to `limit`.
    fn backlog<'a>(
        &'a self,
        source: &'a str,
        now: i64,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Backlog>, StoreError>>;

    /// Takes up to `calls` calls out of what may leave for a source now; returns how many there
    /// were.
    fn take(
        &self,
        source: &'static str,
        now: i64,
        pace: Pace,
        calls: u32,
    ) -> BoxFuture<'_, Result<u32, StoreError>>;

    /// Claims up to `limit` items of a flow that are due, oldest first, for [`LEASE`].
    fn claim<'a>(
        &'a self,
        flow: &'a Flow,
        now: i64,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Claim>, StoreError>>;

    /// Ends a claim: the item comes again as `next` says, or not at all. Tells whether the claim
    /// still held; if not, nothing changes.
    fn done(&self, claim: Claim, next: Option<Item>) -> BoxFuture<'_, Result<bool, StoreError>>;

    /// What each tenant's shipments want of a source.
    fn wants<'a>(&'a self, source: &'a str) -> BoxFuture<'a, Result<Vec<Want>, StoreError>>;

    /// Items that come next, soonest first.
    fn upcoming(&self, limit: usize) -> BoxFuture<'_, Result<Vec<Item>, StoreError>>;

    /// Which of these many partitions of the change log this node is to read, and up to where each
    /// is in the queue; `None`: the queue holds nothing of it, or has lost it.
    fn reading(
        &self,
        now: i64,
        partitions: u16,
    ) -> BoxFuture<'_, Result<Vec<(u16, Option<Head>)>, StoreError>>;

    /// These partitions are in the queue up to there.
    fn has_read(&self, places: Places) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Whether work about a shipment belongs to one of these partitions.
    fn concerns(&self, id: &ShipmentId, partitions: &BTreeSet<u16>) -> bool;
}

/// Places in the change log, by partition.
pub type Places = BTreeMap<u16, Head>;
