//! A store that dies with the process: the default, and what tests compare the other with.
//!
//! Bounded: beyond its capacity the shipment whose last commit is oldest goes, those that somebody
//! follows last, which is counted in `waybill_store_evictions_total`. The sources still know it.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::future::ready;
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use jiff::Timestamp;
use waybill_core::adapter::BoxFuture;
use waybill_core::order::Subject;
use waybill_core::overlay::Overlay;
use waybill_core::shipment::ShipmentId;

use super::{
    Bell, Change, Commit, CommitError, Erasure, Head, Note, NoteKey, OverlayCommit, Page, Place,
    Store, StoreError, Stored, What, changes_kept_since,
};

/// Shipments kept unless configured otherwise.
pub const DEFAULT_CAPACITY: usize = 1_000_000;

/// Notes kept for each shipment that there is room for; beyond that the oldest go.
const NOTES_PER_SHIPMENT: usize = 8;

/// Everything in one map behind one lock, which is held for lookups and never across an await.
pub struct MemoryStore {
    capacity: usize,
    epoch: u64,
    bell: Bell,
    state: RwLock<State>,
}

#[derive(Default)]
struct State {
    shipments: HashMap<ShipmentId, Slot>,
    by_subject: HashMap<Subject, BTreeSet<ShipmentId>>,
    /// Shipments by the commit that wrote them last, after those that nobody follows.
    by_age: BTreeMap<(bool, u64), ShipmentId>,
    /// What each tenant follows.
    registered: HashMap<String, BTreeSet<Place>>,
    commits: u64,
    changes: VecDeque<Change>,
    /// Sequence of the newest change.
    sequence: u64,
    notes: HashMap<NoteKey, Note>,
    /// Their keys, oldest first.
    noted: VecDeque<NoteKey>,
}

struct Slot {
    stored: Arc<Stored>,
    subjects: BTreeSet<Subject>,
    /// By tenant; they go with the shipment.
    overlays: BTreeMap<String, Arc<Overlay>>,
    age: u64,
}

impl MemoryStore {
    /// Makes an empty store for at most `capacity` shipments and as many entries of the change
    /// log; at least one.
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(1),
            epoch: rand::random(),
            bell: Bell::default(),
            state: RwLock::default(),
        }
    }

    /// A panic elsewhere cannot leave the state half-written: nothing in [`State::apply`] panics.
    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn apply(&mut self, commit: Commit, capacity: usize) -> Result<u64, CommitError> {
        let id = commit.dossier.id.clone();
        let current = self
            .shipments
            .get(&id)
            .map_or(0, |slot| slot.stored.version);
        if current != commit.expected {
            return Err(CommitError::Conflict);
        }
        let mut subjects: BTreeSet<_> = commit.subjects().collect();
        for subject in &subjects {
            let ids = self.by_subject.entry(subject.clone()).or_default();
            ids.insert(id.clone());
        }
        let mut overlays = BTreeMap::new();
        if let Some(old) = self.shipments.remove(&id) {
            self.leave(&old);
            subjects.extend(old.subjects);
            overlays = old.overlays;
        }
        self.commits += 1;
        let logged = if commit.changed {
            let what = What::Record(commit.record.revision);
            self.log(id.clone(), what, commit.time, capacity)
        } else {
            0
        };
        let slot = Slot {
            stored: Arc::new(commit.into_stored()),
            subjects,
            overlays,
            age: self.commits,
        };
        self.enter(&slot);
        self.shipments.insert(id, slot);
        self.evict(capacity);
        Ok(logged)
    }

    fn apply_overlay(&mut self, commit: OverlayCommit, capacity: usize) -> Result<(), CommitError> {
        let slot = self.shipments.get(&commit.id);
        let known = slot
            .ok_or(CommitError::Conflict)?
            .overlays
            .get(&commit.tenant);
        if known.map_or(0, |known| known.revision) != commit.expected {
            return Err(CommitError::Conflict);
        }
        if let Some(mut slot) = self.shipments.remove(&commit.id) {
            self.leave(&slot);
            slot.overlays.insert(commit.tenant.clone(), commit.overlay);
            self.enter(&slot);
            self.shipments.insert(commit.id.clone(), slot);
        }
        self.log(
            commit.id,
            What::Overlay(commit.tenant),
            commit.time,
            capacity,
        );
        Ok(())
    }

    /// Takes a shipment out of every order.
    fn leave(&mut self, slot: &Slot) {
        self.by_age.remove(&(slot.is_followed(), slot.age));
        for tenant in slot.tenants() {
            if let Some(places) = self.registered.get_mut(tenant) {
                places.remove(&slot.place());
            }
        }
    }

    /// Puts a shipment into every order.
    fn enter(&mut self, slot: &Slot) {
        let place = slot.place();
        self.by_age
            .insert((slot.is_followed(), slot.age), place.id.clone());
        for tenant in slot.tenants() {
            match self.registered.get_mut(tenant) {
                Some(places) => {
                    places.insert(place.clone());
                }
                None => {
                    let places = BTreeSet::from([place.clone()]);
                    self.registered.insert(tenant.clone(), places);
                }
            }
        }
    }

    fn log(&mut self, id: ShipmentId, what: What, time: Timestamp, capacity: usize) -> u64 {
        self.sequence += 1;
        self.changes.push_back(Change {
            sequence: self.sequence,
            id,
            what,
            time,
        });
        let since = changes_kept_since(time);
        while self.changes.len() > 1
            && (self.changes.len() > capacity
                || self.changes.front().is_some_and(|old| old.time < since))
        {
            self.changes.pop_front();
        }
        self.sequence
    }

    fn keep(&mut self, key: NoteKey, note: Note, capacity: usize) -> bool {
        let known = self.notes.get(&key).map_or(0, |note| note.version);
        if note.version != known + 1 {
            return false;
        }
        if self.notes.insert(key, note).is_none() {
            self.noted.push_back(key);
        }
        while self.noted.len() > capacity.saturating_mul(NOTES_PER_SHIPMENT) {
            if let Some(oldest) = self.noted.pop_front() {
                self.notes.remove(&oldest);
            }
        }
        true
    }

    /// Takes a shipment and all that leads to it out.
    fn remove(&mut self, id: &ShipmentId) -> Option<Slot> {
        let slot = self.shipments.remove(id)?;
        self.leave(&slot);
        for subject in &slot.subjects {
            if let Some(ids) = self.by_subject.get_mut(subject) {
                ids.remove(id);
                if ids.is_empty() {
                    self.by_subject.remove(subject);
                }
            }
        }
        Some(slot)
    }

    fn evict(&mut self, capacity: usize) {
        while self.shipments.len() > capacity {
            let Some((_, id)) = self.by_age.pop_first() else {
                return;
            };
            if self.remove(&id).is_none() {
                continue;
            }
            metrics::counter!("waybill_store_evictions_total").increment(1);
        }
    }
}

impl Slot {
    /// Those who follow it.
    fn tenants(&self) -> impl Iterator<Item = &String> {
        let overlays = self.overlays.iter();
        let following = overlays.filter(|(_, overlay)| overlay.registration.is_some());
        following.map(|(tenant, _)| tenant)
    }

    fn is_followed(&self) -> bool {
        self.tenants().next().is_some()
    }

    fn place(&self) -> Place {
        Place {
            updated: self.stored.record.update_time,
            id: self.stored.dossier.id.clone(),
        }
    }
}

impl Store for MemoryStore {
    fn find<'a>(
        &'a self,
        subject: &'a Subject,
    ) -> BoxFuture<'a, Result<Vec<ShipmentId>, StoreError>> {
        let state = self.read();
        let ids = state.by_subject.get(subject).into_iter().flatten().cloned();
        Box::pin(ready(Ok(ids.collect())))
    }

    fn load_stored<'a>(
        &'a self,
        id: &'a ShipmentId,
    ) -> BoxFuture<'a, Result<Option<Arc<Stored>>, StoreError>> {
        let state = self.read();
        let stored = state.shipments.get(id).map(|slot| slot.stored.clone());
        Box::pin(ready(Ok(stored)))
    }

    fn commit(&self, commit: Commit) -> BoxFuture<'_, Result<u64, CommitError>> {
        let result = self.write().apply(commit, self.capacity);
        self.bell.ring();
        Box::pin(ready(result))
    }

    fn heads(&self) -> BoxFuture<'_, Result<Vec<Head>, StoreError>> {
        let head = Head {
            epoch: self.epoch,
            sequence: self.read().sequence,
        };
        Box::pin(ready(Ok(vec![head])))
    }

    fn changes(
        &self,
        _partition: u16,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'_, Result<Page, StoreError>> {
        let state = self.read();
        let first = state
            .changes
            .partition_point(|change| change.sequence <= after);
        let changes = state.changes.range(first..).take(limit).cloned().collect();
        let epoch = self.epoch;
        Box::pin(ready(Ok(Page { epoch, changes })))
    }

    fn bell(&self) -> &Bell {
        &self.bell
    }

    fn registered<'a>(
        &'a self,
        tenant: &'a str,
        after: Option<Place>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Place>, StoreError>> {
        let state = self.read();
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let places = state.registered.get(tenant).into_iter();
        let places = places.flat_map(|places| places.range((from.clone(), Bound::Unbounded)));
        Box::pin(ready(Ok(places.take(limit).cloned().collect())))
    }

    fn tenants(&self) -> BoxFuture<'_, Result<Vec<String>, StoreError>> {
        let state = self.read();
        let following = state.registered.iter().filter(|(_, all)| !all.is_empty());
        let mut tenants: Vec<String> = following.map(|(tenant, _)| tenant.clone()).collect();
        tenants.sort_unstable();
        Box::pin(ready(Ok(tenants)))
    }

    fn overlay<'a>(
        &'a self,
        tenant: &'a str,
        id: &'a ShipmentId,
    ) -> BoxFuture<'a, Result<Option<Arc<Overlay>>, StoreError>> {
        let state = self.read();
        let slot = state.shipments.get(id);
        let overlay = slot.and_then(|slot| slot.overlays.get(tenant)).cloned();
        Box::pin(ready(Ok(overlay)))
    }

    fn overlays<'a>(
        &'a self,
        id: &'a ShipmentId,
    ) -> BoxFuture<'a, Result<Vec<(String, Arc<Overlay>)>, StoreError>> {
        let state = self.read();
        let slot = state.shipments.get(id);
        let overlays = slot.map(|slot| slot.overlays.clone().into_iter().collect());
        Box::pin(ready(Ok(overlays.unwrap_or_default())))
    }

    fn commit_overlay(&self, commit: OverlayCommit) -> BoxFuture<'_, Result<(), CommitError>> {
        let result = self.write().apply_overlay(commit, self.capacity);
        self.bell.ring();
        Box::pin(ready(result))
    }

    fn erase(&self, erasure: Erasure) -> BoxFuture<'_, Result<bool, StoreError>> {
        let mut state = self.write();
        let was_there = state.remove(&erasure.id).is_some();
        if was_there {
            state.log(erasure.id, What::Erased, erasure.time, self.capacity);
        }
        drop(state);
        self.bell.ring();
        Box::pin(ready(Ok(was_there)))
    }

    fn all<'a>(
        &'a self,
        after: Option<&'a ShipmentId>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<ShipmentId>, StoreError>> {
        let state = self.read();
        let ids = state.shipments.keys().filter(|id| Some(*id) > after);
        let mut ids: Vec<ShipmentId> = ids.cloned().collect();
        if limit < ids.len() {
            ids.select_nth_unstable(limit);
            ids.truncate(limit);
        }
        ids.sort_unstable();
        Box::pin(ready(Ok(ids)))
    }

    fn notes<'a>(
        &'a self,
        keys: &'a [NoteKey],
    ) -> BoxFuture<'a, Result<Vec<Option<Note>>, StoreError>> {
        let state = self.read();
        let notes = keys.iter().map(|key| state.notes.get(key).cloned());
        Box::pin(ready(Ok(notes.collect())))
    }

    fn keep(&self, notes: Vec<(NoteKey, Note)>) -> BoxFuture<'_, Result<Vec<bool>, StoreError>> {
        let mut state = self.write();
        let notes = notes.into_iter();
        let kept = notes.map(|(key, note)| state.keep(key, note, self.capacity));
        Box::pin(ready(Ok(kept.collect())))
    }
}
