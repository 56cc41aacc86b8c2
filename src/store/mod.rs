//! What is known, kept: dossiers, records, the numbers and orders that lead to them, the log of
//! changes, and what tenants add.
//!
//! A [`Store`] owns the truth and nothing else. It does not know sources, freshness or watchers,
//! and never looks into a dossier. Writers compare versions: whoever loses reads again and folds
//! again, which is cheap because a record is a function of its dossier.
//!
//! **Invariant:** a commit is atomic and, once acknowledged, as durable as its store promises.

mod codec;
pub(crate) mod disk;
pub mod file;
pub mod memory;
pub mod redis;
pub mod seal;
pub mod vault;

pub(crate) use codec::order_key;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use waybill_core::adapter::BoxFuture;
use waybill_core::order::Subject;
use waybill_core::overlay::Overlay;
use waybill_core::reconcile::Dossier;
use waybill_core::shipment::{Shipment, ShipmentId};

/// How long an entry of the change log is kept: as far back as a stream can resume.
pub const CHANGES_KEPT: Duration = Duration::from_hours(72);

/// Shipments that one id can lead to, one after the other.
const SUCCESSIONS: usize = 16;

/// Where the truth is kept.
pub trait Store: Send + Sync {
    /// Shipments known under a number or order, their aliases included, in order of their ids.
    fn find<'a>(
        &'a self,
        subject: &'a Subject,
    ) -> BoxFuture<'a, Result<Vec<ShipmentId>, StoreError>>;

    /// One shipment as it is stored, also if only its successor's id is left of it; `None` if there
    /// is none, or none that can still be read.
    fn load_stored<'a>(
        &'a self,
        id: &'a ShipmentId,
    ) -> BoxFuture<'a, Result<Option<Arc<Stored>>, StoreError>>;

    /// One shipment; of one that turned out to be another, that one.
    fn load<'a>(
        &'a self,
        id: &'a ShipmentId,
    ) -> BoxFuture<'a, Result<Option<Arc<Stored>>, StoreError>> {
        Box::pin(async move {
            let mut stored = self.load_stored(id).await?;
            for _ in 0..SUCCESSIONS {
                let next = stored.as_ref().and_then(|it| it.dossier.successor.clone());
                let Some(next) = next else {
                    break;
                };
                stored = self.load_stored(&next).await?;
            }
            Ok(stored)
        })
    }

    /// Writes all of `commit` or nothing. Returns the sequence of its entry in the change log, or
    /// 0 if it made none. A future that is dropped may or may not have committed.
    fn commit(&self, commit: Commit) -> BoxFuture<'_, Result<u64, CommitError>>;

    /// Ends of the change log, one for each of its partitions, whose number never changes.
    fn heads(&self) -> BoxFuture<'_, Result<Vec<Head>, StoreError>>;

    /// Up to `limit` entries of a partition of the change log after sequence `after`, oldest first.
    /// Sequences have no gaps: if the first one is not `after + 1`, those between were older than
    /// [`CHANGES_KEPT`]. The newest entry is never dropped, so this shows in every case.
    fn changes(
        &self,
        partition: u16,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'_, Result<Page, StoreError>>;

    /// Rings when the change log may have grown.
    fn bell(&self) -> &Bell;

    /// Shipments that a tenant follows, in order of their update times, after a place in that
    /// order; `None`: from the first.
    fn registered<'a>(
        &'a self,
        tenant: &'a str,
        after: Option<Place>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Place>, StoreError>>;

    /// Tenants that follow any shipment, in order of their ids.
    fn tenants(&self) -> BoxFuture<'_, Result<Vec<String>, StoreError>>;

    /// What a tenant adds to a shipment; `None` if nothing.
    fn overlay<'a>(
        &'a self,
        tenant: &'a str,
        id: &'a ShipmentId,
    ) -> BoxFuture<'a, Result<Option<Arc<Overlay>>, StoreError>>;

    /// What every tenant adds to a shipment, with the tenants' ids and in their order.
    fn overlays<'a>(
        &'a self,
        id: &'a ShipmentId,
    ) -> BoxFuture<'a, Result<Vec<(String, Arc<Overlay>)>, StoreError>>;

    /// Writes what a tenant adds to a shipment that exists, with an entry in the change log.
    fn commit_overlay(&self, commit: OverlayCommit) -> BoxFuture<'_, Result<(), CommitError>>;

    /// Erases a shipment: what is kept of it, what leads to it, what tenants have added, and the key
    /// that it was sealed with, so that it is unreadable wherever a copy of it still lies. Makes an
    /// entry in the change log; says whether there was anything.
    fn erase(&self, erasure: Erasure) -> BoxFuture<'_, Result<bool, StoreError>>;

    /// Every shipment, in order of their ids, after one; `None`: from the first. What is erased or
    /// written meanwhile may or may not be among them.
    fn all<'a>(
        &'a self,
        after: Option<&'a ShipmentId>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<ShipmentId>, StoreError>>;

    /// What is kept beside the shipments under each of these keys, in their order.
    fn notes<'a>(
        &'a self,
        keys: &'a [NoteKey],
    ) -> BoxFuture<'a, Result<Vec<Option<Note>>, StoreError>>;

    /// Writes, one after the other and each by itself, every note whose version follows that of
    /// the kept one, and says which these were. Once it answers they are as durable as commits.
    fn keep(&self, notes: Vec<(NoteKey, Note)>) -> BoxFuture<'_, Result<Vec<bool>, StoreError>>;
}

/// Key of a note: a keyed hash of what it is about.
pub type NoteKey = [u8; 32];

/// Something small that is no shipment. What it means is its writer's business.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// 1 for the first of its key, and one more with each that replaces it.
    pub version: u64,
    /// What is kept.
    pub value: Vec<u8>,
}

/// A shipment that is to be erased.
#[derive(Clone)]
pub struct Erasure {
    /// Which.
    pub id: ShipmentId,
    /// Numbers and orders that led to it, as far as its dossier says. Those that are left over lead
    /// nowhere, and are keyed hashes.
    pub subjects: Vec<Subject>,
    /// Now.
    pub time: Timestamp,
}

/// A shipment as it was last committed.
#[derive(Clone, PartialEq, Eq)]
pub struct Stored {
    /// Rises by one with every commit; what the next one has to expect.
    pub version: u64,
    /// Everything that is kept.
    pub dossier: Dossier,
    /// Its fold, as of `time`.
    pub record: Arc<Shipment>,
    /// When it was committed.
    pub time: Timestamp,
    /// When time alone makes another record of it; `None` if never.
    pub next_change: Option<Timestamp>,
}

impl Stored {
    /// Whether the record is what the fold would be now.
    pub fn is_current(&self, now: Timestamp) -> bool {
        self.time <= now && self.next_change.is_none_or(|change| now < change)
    }
}

/// One change of one shipment.
#[derive(Clone)]
pub struct Commit {
    /// Version that it is based on; 0: the shipment must be new.
    pub expected: u64,
    /// Everything that is kept; its id is the shipment's.
    pub dossier: Dossier,
    /// Its fold.
    pub record: Arc<Shipment>,
    /// When time alone makes another record of it; `None` if never.
    pub next_change: Option<Timestamp>,
    /// Numbers and orders that lead to the shipment from now on, beside the dossier's own number.
    pub aliases: Vec<Subject>,
    /// It can be seen by a client, and goes into the change log.
    pub changed: bool,
    /// Now.
    pub time: Timestamp,
}

impl Commit {
    /// What this commit makes the shipment known under.
    fn subjects(&self) -> impl Iterator<Item = Subject> {
        let own = Subject::Number(self.dossier.number.clone());
        std::iter::once(own).chain(self.aliases.iter().cloned())
    }

    fn into_stored(self) -> Stored {
        Stored {
            version: self.expected.saturating_add(1),
            dossier: self.dossier,
            record: self.record,
            time: self.time,
            next_change: self.next_change,
        }
    }
}

/// One change of what a tenant adds to a shipment.
#[derive(Clone)]
pub struct OverlayCommit {
    /// The tenant.
    pub tenant: String,
    /// The shipment.
    pub id: ShipmentId,
    /// Revision that it is based on; 0: there must be none yet.
    pub expected: u32,
    /// What it is from now on.
    pub overlay: Arc<Overlay>,
    /// Now.
    pub time: Timestamp,
}

/// The end of a partition of the change log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Differs from every earlier one once entries may have been lost: places of another epoch mean
    /// nothing.
    pub epoch: u64,
    /// Sequence of the newest entry; 0 if there was none.
    pub sequence: u64,
}

/// Entries of one partition of the change log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// As in [`Head`].
    pub epoch: u64,
    /// Oldest first.
    pub changes: Vec<Change>,
}

/// One entry of the change log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Place in its partition, from 1, without gaps.
    pub sequence: u64,
    /// The shipment.
    pub id: ShipmentId,
    /// What about it.
    pub what: What,
    /// When.
    pub time: Timestamp,
}

/// What changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// The record; its revision since.
    Record(u32),
    /// What this tenant adds.
    Overlay(String),
    /// Everything: it was erased.
    Erased,
}

/// Place of a shipment among those that a tenant follows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Update time of its record.
    pub updated: Timestamp,
    /// Which.
    pub id: ShipmentId,
}

/// Wakes those who read the change log.
pub struct Bell(watch::Sender<()>);

impl Default for Bell {
    fn default() -> Self {
        Self(watch::Sender::new(()))
    }
}

impl Bell {
    /// There may be something new.
    pub fn ring(&self) {
        self.0.send_replace(());
    }

    /// Hears every ring from now on; several that nobody waited for count as one.
    pub fn listen(&self) -> watch::Receiver<()> {
        self.0.subscribe()
    }
}

/// The store failed; nothing is wrong with what was asked of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreError(String);

impl StoreError {
    /// Of a store that says this.
    pub fn new(what: impl fmt::Display) -> Self {
        Self(what.to_string())
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "store: {}", self.0)
    }
}

impl std::error::Error for StoreError {}

/// Why a commit was not written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommitError {
    /// Somebody else was faster: load, fold and commit again.
    Conflict,
    /// The store failed.
    Store(StoreError),
}

impl fmt::Display for CommitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conflict => f.write_str("the shipment has changed meanwhile"),
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for CommitError {}

impl From<StoreError> for CommitError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// The oldest time that the change log still holds at `now`.
fn changes_kept_since(now: Timestamp) -> Timestamp {
    now.checked_sub(CHANGES_KEPT).unwrap_or(Timestamp::MIN)
}
