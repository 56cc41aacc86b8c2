//! How many connections there are, in all and per address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Settings;

pub(super) struct Slots {
    total: u32,
    per_address: u32,
    free: Arc<Semaphore>,
    addresses: Mutex<HashMap<IpAddr, u32>>,
}

/// The right to be connected; given back when dropped.
pub(super) struct Slot {
    slots: Arc<Slots>,
    peer: IpAddr,
    _permit: OwnedSemaphorePermit,
}

impl Slots {
    pub(super) fn new(settings: &Settings) -> Arc<Self> {
        Arc::new(Self {
            total: settings.connections,
            per_address: settings.connections_per_address,
            free: Arc::new(Semaphore::new(settings.connections as usize)),
            addresses: Mutex::default(),
        })
    }

    /// Takes a slot, or says which limit forbids it.
    pub(super) fn take(self: &Arc<Self>, peer: IpAddr) -> Result<Slot, &'static str> {
        let permit = Arc::clone(&self.free)
            .try_acquire_owned()
            .map_err(|_| "total")?;
        let mut addresses = self.addresses();
        let count = addresses.entry(peer).or_default();
        if *count >= self.per_address {
            if *count == 0 {
                addresses.remove(&peer);
            }
            return Err("address");
        }
        *count += 1;
        metrics::gauge!("waybill_connections").increment(1);
        Ok(Slot {
            slots: Arc::clone(self),
            peer,
            _permit: permit,
        })
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

    fn addresses(&self) -> MutexGuard<'_, HashMap<IpAddr, u32>> {
        self.addresses
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        metrics::gauge!("waybill_connections").decrement(1);
        let mut addresses = self.slots.addresses();
        if let Some(count) = addresses.get_mut(&self.peer) {
            *count -= 1;
            if *count == 0 {
                addresses.remove(&self.peer);
            }
        }
    }
}
