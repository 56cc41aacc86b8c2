//! How many connections there are: in all, per address and per principal.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Settings;

pub(super) struct Slots {
    total: u32,
    free: Arc<Semaphore>,
    addresses: Arc<Tally<IpAddr>>,
    pub(super) principals: Arc<Tally<String>>,
}

/// The right to be connected; given back when dropped.
pub(super) struct Slot {
    _permit: OwnedSemaphorePermit,
}

impl Slots {
    pub(super) fn new(settings: &Settings) -> Arc<Self> {
        Arc::new(Self {
            total: settings.connections,
            free: Arc::new(Semaphore::new(settings.connections as usize)),
            addresses: Tally::new(settings.connections_per_address),
            principals: Tally::new(settings.connections_per_principal),
        })
    }

    /// Takes one of all slots.
    pub(super) fn take(&self) -> Option<Slot> {
        let permit = Arc::clone(&self.free).try_acquire_owned().ok()?;
        metrics::gauge!("waybill_connections").increment(1);
        Some(Slot { _permit: permit })
    }

    /// Takes one of an address's slots.
    pub(super) fn take_for(&self, address: IpAddr) -> Option<Counted<IpAddr>> {
        self.addresses.take(address)
    }

    pub(super) fn taken(&self) -> u32 {
        let free = u32::try_from(self.free.available_permits()).unwrap_or(u32::MAX);
        self.total.saturating_sub(free)
    }

    /// Waits until every slot is free.
    pub(super) async fn all_free(&self) {
        // It fails only when the semaphore is closed, which nobody does.
        let _ = self.free.acquire_many(self.total).await;
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        metrics::gauge!("waybill_connections").decrement(1);
    }
}

/// Counts per key, each up to a limit.
pub(super) struct Tally<K> {
    limit: u32,
    counts: Mutex<HashMap<K, u32>>,
}

/// One of a key's count; given back when dropped.
pub(super) struct Counted<K: Eq + Hash> {
    tally: Arc<Tally<K>>,
    key: K,
}

impl<K> Tally<K> {
    fn new(limit: u32) -> Arc<Self> {
        Arc::new(Self {
            limit,
            counts: Mutex::new(HashMap::new()),
        })
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<K, u32>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Clone + Eq + Hash> Tally<K> {
    /// Counts one more of `key`, unless it is at its limit.
    pub(super) fn take(self: &Arc<Self>, key: K) -> Option<Counted<K>> {
        let mut counts = self.counts();
        let count = counts.get(&key).copied().unwrap_or(0);
        if count >= self.limit {
            return None;
        }
        counts.insert(key.clone(), count + 1);
        Some(Counted {
            tally: Arc::clone(self),
            key,
        })
    }
}

impl<K: Eq + Hash> Drop for Counted<K> {
    fn drop(&mut self) {
        let mut counts = self.tally.counts();
        if let Some(count) = counts.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.key);
            }
        }
    }
}
