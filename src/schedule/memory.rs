//! The due queue of one process.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use waybill_core::adapter::BoxFuture;
use waybill_core::shipment::ShipmentId;

use super::queue::{Backlog, Claim, Due, Flow, Item, LEASE, Pace, Places, Task, Want};
use crate::store::{Head, StoreError};

/// A queue that dies with the process.
#[derive(Default)]
pub struct MemoryDue(Mutex<State>);

#[derive(Default)]
struct State {
    slots: Vec<Option<Slot>>,
    free: Vec<u32>,
    polls: HashMap<ShipmentId, u32>,
    reviews: HashMap<ShipmentId, u32>,
    flows: Vec<Waiting>,
    flow_of: HashMap<Flow, u32>,
    /// Of each source, the flows with anything in them by when their first item can be claimed: who
    /// looks for what is due does not look at every tenant.
    heads: HashMap<&'static str, BTreeSet<(i64, u32)>>,
    buckets: HashMap<&'static str, f64>,
    fences: u64,
    /// Up to where the change log is in here.
    places: Places,
    /// What has changed since somebody asked, if somebody does.
    changed: Option<BTreeSet<(Task, ShipmentId)>>,
}

struct Slot {
    task: Task,
    id: ShipmentId,
    flow: u32,
    due: i64,
    interval: u64,
    failures: u8,
    /// While it is claimed: the end of the lease, and the fence.
    lease: Option<(i64, u64)>,
}

/// A flow: its items by the time from which they can be claimed.
struct Waiting {
    flow: Flow,
    order: BTreeSet<(i64, u32)>,
    /// The first of these, as in [`State::heads`].
    head: Option<i64>,
    count: u64,
    /// Sum of [`rate`] over them.
    rate: u64,
}

/// Polls in 10⁹ seconds, so that sums of whole numbers never drift.
fn rate(interval: u64) -> u64 {
    1_000_000_000_000_u64.checked_div(interval).unwrap_or(0)
}

impl Slot {
    fn order(&self) -> i64 {
        self.lease.map_or(self.due, |(end, _)| end)
    }
}

impl State {
    fn index(&mut self, task: Task) -> &mut HashMap<ShipmentId, u32> {
        match task {
            Task::Poll => &mut self.polls,
            Task::Review => &mut self.reviews,
        }
    }

    fn slot(&self, at: u32) -> Option<&Slot> {
        self.slots.get(at as usize)?.as_ref()
    }

    fn find(&self, task: Task, id: &ShipmentId) -> Option<u32> {
        let index = match task {
            Task::Poll => &self.polls,
            Task::Review => &self.reviews,
        };
        index.get(id).copied()
    }

    fn item(&self, slot: &Slot) -> Option<Item> {
        Some(Item {
            task: slot.task,
            id: slot.id.clone(),
            flow: self.flows.get(slot.flow as usize)?.flow.clone(),
            due: slot.due,
            interval: slot.interval,
            failures: slot.failures,
        })
    }

    fn flow(&mut self, flow: Flow) -> u32 {
        if let Some(known) = self.flow_of.get(&flow) {
            return *known;
        }
        let at = u32::try_from(self.flows.len()).unwrap_or(u32::MAX);
        self.flows.push(Waiting {
            flow: flow.clone(),
            order: BTreeSet::new(),
            head: None,
            count: 0,
            rate: 0,
        });
        self.flow_of.insert(flow, at);
        at
    }

    fn note(&mut self, task: Task, id: &ShipmentId) {
        if let Some(changed) = &mut self.changed {
            changed.insert((task, id.clone()));
        }
    }

    /// Takes a slot out of its flow's order and sums; it stays in the index.
    fn leave(&mut self, at: u32) -> Option<Slot> {
        let slot = self.slots.get_mut(at as usize)?.take()?;
        if let Some(waiting) = self.flows.get_mut(slot.flow as usize) {
            waiting.order.remove(&(slot.order(), at));
            waiting.count -= 1;
            waiting.rate -= rate(slot.interval);
        }
        self.head(slot.flow);
        Some(slot)
    }

    /// Keeps the head of a flow in [`State::heads`] true.
    fn head(&mut self, flow: u32) {
        let Some(waiting) = self.flows.get_mut(flow as usize) else {
            return;
        };
        let first = waiting.order.first().map(|(first, _)| *first);
        if first == waiting.head {
            return;
        }
        let heads = self.heads.entry(waiting.flow.source).or_default();
        if let Some(before) = std::mem::replace(&mut waiting.head, first) {
            heads.remove(&(before, flow));
        }
        heads.extend(first.map(|first| (first, flow)));
    }

    fn enter(&mut self, at: u32, slot: Slot) {
        if let Some(waiting) = self.flows.get_mut(slot.flow as usize) {
            waiting.order.insert((slot.order(), at));
            waiting.count += 1;
            waiting.rate += rate(slot.interval);
        }
        self.head(slot.flow);
        if let Some(place) = self.slots.get_mut(at as usize) {
            *place = Some(slot);
        }
    }

    fn put(&mut self, now: i64, item: Item) {
        let known = self.find(item.task, &item.id);
        let leased = known
            .and_then(|at| self.slot(at))
            .and_then(|slot| slot.lease)
            .is_some_and(|(end, _)| end > now);
        if !leased {
            self.set(known, item);
        }
    }

    fn replace(&mut self, now: i64, seen: Option<&Item>, next: Item) {
        let known = self.find(next.task, &next.id).and_then(|at| self.slot(at));
        let known = known.and_then(|slot| self.item(slot));
        if known.as_ref() == seen {
            self.put(now, next);
        }
    }

    fn set(&mut self, known: Option<u32>, item: Item) {
        self.note(item.task, &item.id);
        let flow = self.flow(item.flow);
        let slot = Slot {
            task: item.task,
            id: item.id,
            flow,
            due: item.due,
            interval: item.interval,
            failures: item.failures,
            lease: None,
        };
        let at = match known {
            Some(at) => {
                self.leave(at);
                at
            }
            None => {
                let at = self.free.pop().unwrap_or_else(|| {
                    self.slots.push(None);
                    u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
                });
                let id = slot.id.clone();
                self.index(slot.task).insert(id, at);
                at
            }
        };
        self.enter(at, slot);
    }

    fn remove(&mut self, task: Task, id: &ShipmentId) {
        if let Some(at) = self.index(task).remove(id) {
            self.leave(at);
            self.free.push(at);
            self.note(task, id);
        }
    }

    fn claim(&mut self, flow: &Flow, now: i64, limit: usize) -> Vec<Claim> {
        let Some(waiting) = self
            .flow_of
            .get(flow)
            .and_then(|at| self.flows.get(*at as usize))
        else {
            return Vec::new();
        };
        let due = waiting.order.range(..=(now, u32::MAX)).take(limit);
        let due: Vec<u32> = due.map(|(_, at)| *at).collect();
        let lease = i64::try_from(LEASE.as_millis()).unwrap_or(i64::MAX);
        let mut claims = Vec::with_capacity(due.len());
        for at in due {
            let Some(mut slot) = self.leave(at) else {
                continue;
            };
            self.fences += 1;
            let fence = self.fences;
            let again = slot.lease.replace((now + lease, fence)).is_some();
            let item = self.item(&slot);
            self.enter(at, slot);
            claims.extend(item.map(|item| Claim { item, fence, again }));
        }
        claims
    }

    fn done(&mut self, claim: &Claim, next: Option<Item>) -> bool {
        let Item { task, id, .. } = &claim.item;
        let Some(at) = self.find(*task, id) else {
            return false;
        };
        let lease = self.slot(at).and_then(|slot| slot.lease);
        if lease.is_none_or(|(_, fence)| fence != claim.fence) {
            return false;
        }
        match next {
            Some(next) => self.set(Some(at), next),
            None => self.remove(*task, id),
        }
        true
    }

    /// GCRA over seconds since 1970.
    fn take(&mut self, source: &'static str, now: i64, pace: Pace, calls: u32) -> u32 {
        let interval = 1.0 / pace.rate;
        if !interval.is_finite() || interval <= 0.0 {
            return 0;
        }
        #[expect(
            clippy::cast_precision_loss,
            reason = "milliseconds fit for 285,000 years"
        )]
        let now = now as f64 / 1_000.0;
        let paid = self.buckets.entry(source).or_insert(0.0);
        let mut granted = 0;
        while granted < calls {
            let start = paid.max(now);
            if start + interval - now > interval * pace.burst.max(1.0) + 1e-6 {
                break;
            }
            *paid = start + interval;
            granted += 1;
        }
        granted
    }
}

impl MemoryDue {
    /// Nothing in [`State`] panics between two steps that belong together.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers from now on what changes, for [`MemoryDue::changes`].
    pub(super) fn remember(&self) {
        self.lock().changed = Some(BTreeSet::new());
    }

    /// What has changed since the last time, each item as it is now, `None` if it is gone; and up to
    /// where the change log is in it.
    pub(super) fn changes(&self) -> (Vec<((Task, ShipmentId), Option<Item>)>, Places) {
        let mut state = self.lock();
        let changed = state.changed.replace(BTreeSet::new()).unwrap_or_default();
        let item = |(task, id): &(Task, ShipmentId)| {
            let slot = state.find(*task, id).and_then(|at| state.slot(at));
            slot.and_then(|slot| state.item(slot))
        };
        let all = changed.into_iter().map(|key| {
            let item = item(&key);
            (key, item)
        });
        (all.collect(), state.places.clone())
    }

    /// What could not be saved has changed still.
    pub(super) fn renew(&self, keys: impl IntoIterator<Item = (Task, ShipmentId)>) {
        if let Some(changed) = &mut self.lock().changed {
            changed.extend(keys);
        }
    }
}

fn ready<'a, T: Send + 'a>(value: T) -> BoxFuture<'a, Result<T, StoreError>> {
    Box::pin(std::future::ready(Ok(value)))
}

impl Due for MemoryDue {
    fn put(&self, now: i64, items: Vec<Item>) -> BoxFuture<'_, Result<(), StoreError>> {
        let mut state = self.lock();
        items.into_iter().for_each(|item| state.put(now, item));
        ready(())
    }

    fn replace(
        &self,
        now: i64,
        seen: Option<Item>,
        next: Item,
    ) -> BoxFuture<'_, Result<(), StoreError>> {
        self.lock().replace(now, seen.as_ref(), next);
        ready(())
    }

    fn remove<'a>(
        &'a self,
        task: Task,
        id: &'a ShipmentId,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        self.lock().remove(task, id);
        ready(())
    }

    fn get<'a>(
        &'a self,
        task: Task,
        id: &'a ShipmentId,
    ) -> BoxFuture<'a, Result<Option<Item>, StoreError>> {
        let state = self.lock();
        let slot = state.find(task, id).and_then(|at| state.slot(at));
        ready(slot.and_then(|slot| state.item(slot)))
    }

    fn backlog<'a>(
        &'a self,
        source: &'a str,
        now: i64,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Backlog>, StoreError>> {
        let state = self.lock();
        let heads = state.heads.get(source).into_iter();
        let heads = heads.flat_map(|heads| heads.range(..=(now, u32::MAX)));
        let due = heads.filter_map(|(_, at)| {
            let waiting = state.flows.get(*at as usize)?;
            let mut due = waiting.order.range(..=(now, u32::MAX));
            let (_, first) = *due.next()?;
            let first = state.slot(first)?;
            Some(Backlog {
                flow: waiting.flow.clone(),
                count: 1 + due.take(limit.saturating_sub(1)).count(),
                oldest: first.due,
                interval: first.interval,
            })
        });
        ready(due.collect())
    }

    fn take(
        &self,
        source: &'static str,
        now: i64,
        pace: Pace,
        calls: u32,
    ) -> BoxFuture<'_, Result<u32, StoreError>> {
        ready(self.lock().take(source, now, pace, calls))
    }

    fn claim<'a>(
        &'a self,
        flow: &'a Flow,
        now: i64,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Claim>, StoreError>> {
        ready(self.lock().claim(flow, now, limit))
    }

    fn done(&self, claim: Claim, next: Option<Item>) -> BoxFuture<'_, Result<bool, StoreError>> {
        ready(self.lock().done(&claim, next))
    }

    fn wants<'a>(&'a self, source: &'a str) -> BoxFuture<'a, Result<Vec<Want>, StoreError>> {
        let state = self.lock();
        let mut wants: BTreeMap<Arc<str>, (u64, u64)> = BTreeMap::new();
        for waiting in &state.flows {
            if waiting.flow.source == source && waiting.count > 0 {
                let want = wants.entry(Arc::clone(&waiting.flow.tenant)).or_default();
                want.0 += waiting.count;
                want.1 += waiting.rate;
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "a rate need not be exact")]
        let want = |(tenant, (count, rate)): (Arc<str>, (u64, u64))| Want {
            tenant,
            count,
            rate: rate as f64 / 1e9,
        };
        ready(wants.into_iter().map(want).collect())
    }

    fn upcoming(&self, limit: usize) -> BoxFuture<'_, Result<Vec<Item>, StoreError>> {
        let state = self.lock();
        let mut first: Vec<(i64, u32)> = state
            .flows
            .iter()
            .flat_map(|waiting| waiting.order.iter().take(limit))
            .copied()
            .collect();
        first.sort_unstable();
        first.truncate(limit);
        let items = first.into_iter();
        let items = items.filter_map(|(_, at)| state.item(state.slot(at)?));
        ready(items.collect())
    }

    fn reading(
        &self,
        _now: i64,
        partitions: u16,
    ) -> BoxFuture<'_, Result<Vec<(u16, Option<Head>)>, StoreError>> {
        let state = self.lock();
        let place = |partition| (partition, state.places.get(&partition).copied());
        ready((0..partitions).map(place).collect())
    }

    fn has_read(&self, places: Places) -> BoxFuture<'_, Result<(), StoreError>> {
        self.lock().places.extend(places);
        ready(())
    }

    /// The queue is whole or not at all.
    fn concerns(&self, _id: &ShipmentId, _partitions: &BTreeSet<u16>) -> bool {
        true
    }
}
