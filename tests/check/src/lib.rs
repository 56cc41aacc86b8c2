//! Judges streams off line: from what a store committed and what every watcher saw.
//!
//! A [`History`] is plain data and can be kept as JSON lines, so that a run can be judged again.
//! [`judge`] knows nothing of how streams work, only the six guarantees that they state:
//!
//! - **Ordered**: revisions of a shipment come in their order.
//! - **Unique**: none comes twice outside a snapshot.
//! - **Atomic**: what comes is a whole revision, with exactly its events.
//! - **Reliable**: nothing is left out but what an update says it merges, or a reset announces.
//! - **Resumable**: a stream that goes on at a token goes on where the token stands.
//! - **Bookmarkable**: a token covers only what was sent before it or with it.

mod judge;
mod rows;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

pub use judge::judge;

/// One run, over the shipments that every watcher follows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// What the store has committed.
    pub commits: Commits,
    /// Revision of every shipment at the end, which every watcher had the time to see; empty: the
    /// run was broken off.
    pub end: BTreeMap<String, u32>,
    /// What each watcher saw, in its order.
    pub watchers: BTreeMap<String, Vec<Seen>>,
}

/// Events of every revision of every shipment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commits(pub BTreeMap<String, BTreeMap<u32, BTreeSet<String>>>);

/// One thing that a watcher saw, and the token that it had after it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// What came.
    pub what: What,
    /// Resume token that came with it; empty: none, or the one before it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub token: String,
}

/// What a watcher saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// The watcher opened a stream with this token; empty: from the beginning.
    Opened {
        /// Token that it sent.
        resumed: String,
    },
    /// A record of the snapshot.
    Snapshot {
        /// The record.
        record: Record,
    },
    /// A change.
    Update {
        /// The record after it.
        record: Record,
        /// Revision that the reader holds before it, as the server says; 0: none.
        previous: u32,
        /// Revisions between the two that are merged into it, as the server says.
        conflated: u32,
        /// Events that are new since `previous`, as the server says.
        new_events: BTreeSet<String>,
    },
    /// A shipment has left the subscription.
    Removed {
        /// Its id.
        shipment: String,
    },
    /// What is held is out of date.
    Reset,
    /// All of a snapshot, or of what has changed since a token, was sent.
    Synced,
    /// Nothing but a token.
    Alive,
}

/// A record as it was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Id of the shipment.
    pub shipment: String,
    /// Its revision.
    pub revision: u32,
    /// Ids of its events; `None`: it was sent without them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<BTreeSet<String>>,
}

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which one.
    pub guarantee: Guarantee,
    /// Who saw it.
    pub watcher: String,
    /// At which place of what it saw, counted from 0.
    pub place: usize,
    /// What is wrong.
    pub why: String,
}

/// The promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Guarantee {
    /// In the order of revision.
    Ordered,
    /// No revision twice.
    Unique,
    /// Whole revisions.
    Atomic,
    /// None left out.
    Reliable,
    /// Goes on at a token.
    Resumable,
    /// A token covers only what was sent.
    Bookmarkable,
}

impl Commits {
    /// Notes a revision.
    pub fn note(&mut self, shipment: &str, revision: u32, events: BTreeSet<String>) {
        let revisions = self.0.entry(shipment.to_owned()).or_default();
        revisions.insert(revision, events);
    }

    /// Notes every revision of a shipment, by the revision that brought each of its events.
    pub fn note_all(&mut self, shipment: &str, last: u32, events: &BTreeMap<String, u32>) {
        for revision in 1..=last {
            let until = events.iter().filter(|(_, brought)| **brought <= revision);
            let until = until.map(|(event, _)| event.clone()).collect();
            self.note(shipment, revision, until);
        }
    }

    /// The newest revision of every shipment.
    pub fn last(&self) -> BTreeMap<String, u32> {
        let last = self.0.iter().filter_map(|(shipment, revisions)| {
            let (last, _) = revisions.last_key_value()?;
            Some((shipment.clone(), *last))
        });
        last.collect()
    }
}
