//! What this node keeps of the store, decoded, and how far it has followed the log.
//!
//! A thing that is kept is answered only while its partition has been looked at within [`TRUST`],
//! and goes as soon as the log names something newer: whatever another node commits, an answer is
//! never more than a second behind it. The look is a script run on the master, so that a change of
//! its epoch shows too; from then on nothing that was kept before counts.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use moka::sync::Cache;
use tokio::time::Instant;
use waybill_core::overlay::Overlay;
use waybill_core::shipment::ShipmentId;

use super::super::{Change, Head, Stored, What};
use super::PARTITIONS;

/// Decoded shipments kept, by the size of their values.
const SHIPMENT_BYTES: u64 = 128 << 20;
/// Overlays kept, those that are known to be absent included: nearly every shipment has none, and
/// every answer asks.
const OVERLAYS: u64 = 100_000;
/// How long after a look at a partition what is kept of it is answered.
const TRUST: Duration = Duration::from_millis(900);

pub(super) struct Near {
    parts: Vec<Mutex<Part>>,
    shipments: Cache<ShipmentId, Kept<(Arc<Stored>, u32)>>,
    overlays: Cache<(ShipmentId, String), Kept<Option<Arc<Overlay>>>>,
}

/// What is known of a partition.
#[derive(Clone, Copy, Default)]
pub(super) struct Part {
    /// Of its log; 0 until the first look.
    pub(super) epoch: u64,
    /// Everything up to here has been taken out of what is kept.
    pub(super) applied: u64,
    /// The furthest place that anything has told of.
    pub(super) seen: u64,
    /// Rises when nothing that was kept before counts any more.
    era: u64,
    /// When the last look began.
    looked: Option<Instant>,
}

#[derive(Clone)]
struct Kept<T> {
    era: u64,
    what: T,
}

/// Where in its partition something was read or written.
#[derive(Clone, Copy)]
pub(super) struct As {
    pub(super) partition: u16,
    pub(super) epoch: u64,
    pub(super) sequence: u64,
}

impl Part {
    fn is_trusted(&self) -> bool {
        self.looked.is_some_and(|looked| looked.elapsed() < TRUST)
    }
}

impl Near {
    pub(super) fn new() -> Self {
        let parts = (0..PARTITIONS).map(|_| Mutex::default()).collect();
        Self {
            parts,
            shipments: Cache::builder()
                .max_capacity(SHIPMENT_BYTES)
                .weigher(|_, kept: &Kept<(_, u32)>| kept.what.1)
                .build(),
            overlays: Cache::new(OVERLAYS),
        }
    }

    /// Every partition has a part; a number beyond them is that of the last.
    fn lock(&self, partition: u16) -> MutexGuard<'_, Part> {
        let at = usize::from(partition.min(PARTITIONS - 1));
        self.parts[at]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn part(&self, partition: u16) -> Part {
        *self.lock(partition)
    }

    /// The connection was lost: nothing that is kept is answered before the next look.
    pub(super) fn distrust(&self) {
        for partition in 0..PARTITIONS {
            self.lock(partition).looked = None;
        }
    }

    /// Whether every partition has been looked at lately.
    pub(super) fn is_trusted(&self) -> bool {
        (0..PARTITIONS).all(|partition| self.part(partition).is_trusted())
    }

    /// End of a partition's log, if it has been looked at lately.
    pub(super) fn head(&self, partition: u16) -> Option<Head> {
        let part = self.part(partition);
        part.is_trusted().then_some(Head {
            epoch: part.epoch,
            sequence: part.seen,
        })
    }

    pub(super) fn shipment(&self, partition: u16, id: &ShipmentId) -> Option<Arc<Stored>> {
        let part = self.part(partition);
        let kept = self.shipments.get(id).filter(|_| part.is_trusted())?;
        (kept.era == part.era).then_some(kept.what.0)
    }

    pub(super) fn overlay(
        &self,
        partition: u16,
        key: &(ShipmentId, String),
    ) -> Option<Option<Arc<Overlay>>> {
        let part = self.part(partition);
        let kept = self.overlays.get(key).filter(|_| part.is_trusted())?;
        (kept.era == part.era).then_some(kept.what)
    }

    /// Keeps a shipment, unless a newer one is there already.
    pub(super) fn keep_shipment(&self, at: As, stored: &Arc<Stored>, size: usize) {
        let what = (stored.clone(), u32::try_from(size).unwrap_or(u32::MAX));
        let is_older = |old: &(Arc<Stored>, u32)| old.0.version <= stored.version;
        let id = stored.dossier.id.clone();
        self.keep(&self.shipments, at, id, what, is_older);
    }

    pub(super) fn keep_overlay(
        &self,
        at: As,
        key: (ShipmentId, String),
        overlay: Option<Arc<Overlay>>,
    ) {
        let revision = |one: &Option<Arc<Overlay>>| one.as_ref().map_or(0, |one| one.revision);
        let new = revision(&overlay);
        self.keep(&self.overlays, at, key, overlay, |old| revision(old) <= new);
    }

    /// Keeps what was read or written at a place in the log, unless the log has gone on: then it may
    /// be old already. What goes on meanwhile is noticed before or after it is kept, never missed.
    fn keep<K, T>(
        &self,
        cache: &Cache<K, Kept<T>>,
        at: As,
        key: K,
        what: T,
        replaces: impl FnOnce(&T) -> bool,
    ) where
        K: Clone + Eq + std::hash::Hash + Send + Sync + 'static,
        T: Clone + Send + Sync + 'static,
    {
        let part = self.part(at.partition);
        if part.epoch != at.epoch || part.seen > at.sequence {
            return;
        }
        let new = Kept {
            era: part.era,
            what,
        };
        let entry = cache.entry(key.clone());
        entry.and_upsert_with(|old| match old.map(moka::Entry::into_value) {
            Some(old) if old.era == part.era && !replaces(&old.what) => old,
            _ => new,
        });
        let now = self.part(at.partition);
        if now.era != part.era || now.seen > at.sequence {
            cache.invalidate(&key);
        }
    }

    pub(super) fn drop_shipment(&self, id: &ShipmentId) {
        self.shipments.invalidate(id);
    }

    pub(super) fn drop_overlay(&self, key: &(ShipmentId, String)) {
        self.overlays.invalidate(key);
    }

    /// This node has committed, and keeps what it wrote by itself.
    /// Drops all of a shipment. It is a look through everything, and seldom.
    pub(super) fn erase(&self, id: &ShipmentId) {
        self.drop_shipment(id);
        for (key, _) in &self.overlays {
            if key.0 == *id {
                self.drop_overlay(&key);
            }
        }
    }

    pub(super) fn committed(&self, at: As) {
        let mut part = self.lock(at.partition);
        if part.epoch == at.epoch {
            part.seen = part.seen.max(at.sequence);
            if at.sequence == part.applied + 1 {
                part.applied = at.sequence;
            }
        }
    }

    /// Drops what entries of the log make old. Whoever has been told of an entry must not be
    /// answered with less.
    pub(super) fn apply(&self, partition: u16, epoch: u64, changes: &[Change]) {
        let Some(last) = changes.last() else {
            return;
        };
        {
            let mut part = self.lock(partition);
            if part.epoch != epoch {
                return;
            }
            part.seen = part.seen.max(last.sequence);
        }
        for change in changes {
            match &change.what {
                What::Record(revision) => {
                    let kept = self.shipments.get(&change.id);
                    if kept.is_some_and(|kept| kept.what.0.record.revision < *revision) {
                        self.drop_shipment(&change.id);
                    }
                }
                What::Overlay(tenant) => {
                    self.drop_overlay(&(change.id.clone(), tenant.clone()));
                }
                What::Erased => self.erase(&change.id),
            }
        }
    }

    /// Takes in what a look at a partition, begun at `looked` after its `applied` place, has found.
    /// Says whether there is news, and whether there is more to look at.
    pub(super) fn looked(
        &self,
        at: As,
        changes: &[Change],
        looked: Instant,
        after: u64,
    ) -> (bool, bool) {
        let (partition, head) = (at.partition, at.sequence);
        let is_gapless = match changes.first() {
            Some(first) => first.sequence == after + 1,
            None => head <= after,
        };
        let known = self.part(partition);
        if known.epoch != at.epoch || head < after || !is_gapless {
            let mut part = self.lock(partition);
            *part = Part {
                epoch: at.epoch,
                applied: head,
                seen: head,
                era: part.era + 1,
                looked: Some(looked),
            };
            return (true, false);
        }
        self.apply(partition, at.epoch, changes);
        let mut part = self.lock(partition);
        part.applied = part.applied.max(after + changes.len() as u64);
        part.seen = part.seen.max(head);
        if part.applied < head {
            return (true, true);
        }
        part.looked = Some(looked);
        (!changes.is_empty(), false)
    }
}

#[cfg(test)]
mod tests {
    use waybill_core::overlay::Overlay;

    use super::*;

    fn overlay(revision: u32) -> Arc<Overlay> {
        Arc::new(Overlay {
            revision,
            exceptions: Vec::new(),
            registration: None,
        })
    }

    fn key() -> (ShipmentId, String) {
        (ShipmentId("a".to_owned()), "shop".to_owned())
    }

    /// Revision of what is kept; 0: that there is nothing.
    fn kept(near: &Near) -> Option<u32> {
        let kept = near.overlay(3, &key())?;
        Some(kept.map_or(0, |one| one.revision))
    }

    fn at(epoch: u64, sequence: u64) -> As {
        As {
            partition: 3,
            epoch,
            sequence,
        }
    }

    fn change(sequence: u64) -> Change {
        Change {
            sequence,
            id: key().0,
            what: What::Overlay(key().1),
            time: jiff::Timestamp::UNIX_EPOCH,
        }
    }

    /// A node that has looked at an empty log.
    fn near() -> Near {
        let near = Near::new();
        near.looked(at(7, 0), &[], Instant::now(), 0);
        near
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_kept_is_answered_as_long_as_the_log_is_followed() {
        let near = near();
        near.keep_overlay(at(7, 0), key(), Some(overlay(1)));
        assert_eq!(kept(&near), Some(1));
        tokio::time::advance(TRUST).await;
        assert_eq!(kept(&near), None, "nobody has looked");
        near.looked(at(7, 0), &[], Instant::now(), 0);
        assert_eq!(kept(&near), Some(1));
        near.looked(at(7, 1), &[change(1)], Instant::now(), 0);
        assert_eq!(kept(&near), None, "the log named it");
    }

    #[tokio::test]
    async fn what_was_read_before_the_log_went_on_is_not_kept() {
        let near = near();
        near.apply(3, 7, &[change(1)]);
        near.keep_overlay(at(7, 0), key(), None);
        assert_eq!(kept(&near), None);
        near.keep_overlay(at(7, 1), key(), Some(overlay(2)));
        near.keep_overlay(at(7, 1), key(), Some(overlay(1)));
        assert_eq!(kept(&near), Some(2));
    }

    #[tokio::test]
    async fn another_epoch_and_a_gap_drop_everything() {
        for (then, changes) in [(at(8, 0), vec![]), (at(7, 9), vec![change(9)])] {
            let near = near();
            near.keep_overlay(at(7, 0), key(), Some(overlay(1)));
            near.looked(then, &changes, Instant::now(), 0);
            assert_eq!(kept(&near), None);
            assert_eq!(near.head(3).unwrap().sequence, then.sequence);
            near.keep_overlay(at(7, 0), key(), Some(overlay(1)));
            assert_eq!(kept(&near), None, "a late answer");
        }
    }
}
