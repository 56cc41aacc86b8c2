//! Keys of shipments, in a file of their own beside the data: a shipment whose key is forgotten here
//! is unreadable wherever its data still lies, in an older copy of it too.
//!
//! Each key is wrapped with the master key. Those that were used last are kept in memory, so that a
//! read of a shipment that was read before costs nothing more.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use moka::sync::Cache;
use redb::{ReadableTable as _, TableDefinition, WriteTransaction};
use waybill_core::shipment::ShipmentId;

use super::StoreError;
use super::disk::{Disk, OpenError};
use super::seal::{DataKey, Keys};

/// Shipment -> wrapped key.
const DATA_KEYS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("data_keys_1");
/// Keys kept unwrapped.
const KNOWN: u64 = 100_000;

/// The keys.
pub struct Vault {
    disk: Disk,
    keys: Arc<Keys>,
    known: Cache<ShipmentId, DataKey>,
    /// Keys that were made and are not on the disk yet.
    fresh: Mutex<BTreeMap<ShipmentId, DataKey>>,
}

impl Vault {
    /// Opens the file `keys.redb` in a folder that exists.
    ///
    /// # Errors
    /// Names the path and the reason.
    pub fn open(folder: &Path, keys: Arc<Keys>) -> Result<Self, OpenError> {
        let path = folder.join("keys.redb");
        let disk = Disk::open(&path)?;
        let rewrapped = disk.write(|tx| rewrap(tx, &keys));
        let (rewrapped, strange) = rewrapped.map_err(|error| OpenError::new(&path, error))?;
        if rewrapped > 0 {
            tracing::info!(
                keys = rewrapped,
                "keys of shipments are wrapped with the newest key"
            );
        }
        if strange > 0 {
            tracing::error!(
                keys = strange,
                "keys of shipments are wrapped with a key that is not given"
            );
        }
        Ok(Self {
            disk,
            keys,
            known: Cache::new(KNOWN),
            fresh: Mutex::default(),
        })
    }

    fn fresh(&self) -> MutexGuard<'_, BTreeMap<ShipmentId, DataKey>> {
        self.fresh.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The key of a shipment; `None` if it never had one, or has no longer.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn key(&self, id: &ShipmentId) -> Result<Option<DataKey>, StoreError> {
        if let Some(known) = self.known.get(id) {
            return Ok(Some(known));
        }
        if let Some(fresh) = self.fresh().get(id) {
            return Ok(Some(fresh.clone()));
        }
        // The lock of this shipment: who forgets it meanwhile must not find it remembered.
        let entry = self.known.entry_by_ref(id).or_optionally_insert_with(|| {
            let wrapped = self.wrapped(id).ok()?;
            wrapped.and_then(|wrapped| self.keys.unwrap(id, &wrapped).ok())
        });
        match entry {
            Some(entry) => Ok(Some(entry.into_value())),
            None => self.wrapped(id).map(|_| None),
        }
    }

    /// Whether a key is that of a shipment, as the disk says: what is in memory can be from before an
    /// erasure that came in between.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(super) fn is_kept(&self, id: &ShipmentId, own: &DataKey) -> Result<bool, StoreError> {
        let wrapped = self.wrapped(id)?;
        let held = wrapped.and_then(|wrapped| self.keys.unwrap(id, &wrapped).ok());
        let is_kept = held.as_ref() == Some(own);
        if !is_kept {
            self.known.invalidate(id);
        }
        Ok(is_kept)
    }

    /// The key of a shipment, if it is in memory.
    pub fn known(&self, id: &ShipmentId) -> Option<DataKey> {
        self.known.get(id)
    }

    fn wrapped(&self, id: &ShipmentId) -> Result<Option<Vec<u8>>, StoreError> {
        self.disk.read(|tx| {
            let table = tx.open_table(DATA_KEYS)?;
            Ok(table.get(id.0.as_str())?.map(|row| row.value().to_vec()))
        })
    }

    /// The key of a shipment, made if it has none. What is sealed with it must not be kept before
    /// [`Vault::flush`].
    ///
    /// # Errors
    /// The file cannot be read, or the system gives no random bytes.
    pub fn key_or_new(&self, id: &ShipmentId) -> Result<DataKey, StoreError> {
        if let Some(key) = self.key(id)? {
            return Ok(key);
        }
        let new = DataKey::random().map_err(StoreError::new)?;
        let mut fresh = self.fresh();
        Ok(fresh.entry(id.clone()).or_insert(new).clone())
    }

    /// Keeps the keys that were made; they are on the disk when this returns.
    ///
    /// # Errors
    /// The file cannot be written; they are kept the next time.
    pub fn flush(&self) -> Result<(), StoreError> {
        let fresh = self.fresh().clone();
        if fresh.is_empty() {
            return Ok(());
        }
        let wrap = |(id, key)| self.keys.wrap(id, key);
        let wrapped: Result<Vec<Vec<u8>>, _> = fresh.iter().map(wrap).collect();
        let wrapped = wrapped.map_err(StoreError::new)?;
        self.disk.write(|tx| {
            let mut table = tx.open_table(DATA_KEYS)?;
            for (id, wrapped) in fresh.keys().zip(&wrapped) {
                table.insert(id.0.as_str(), wrapped.as_slice())?;
            }
            Ok(())
        })?;
        let mut left = self.fresh();
        for (id, key) in fresh {
            left.remove(&id);
            self.known.insert(id, key);
        }
        Ok(())
    }

    /// Forgets the key of a shipment for ever; it is off the disk when this returns. Says whether
    /// there was one.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn forget(&self, id: &ShipmentId) -> Result<bool, StoreError> {
        self.fresh().remove(id);
        let was_there = self.disk.write(|tx| {
            let mut table = tx.open_table(DATA_KEYS)?;
            Ok(table.remove(id.0.as_str())?.is_some())
        })?;
        self.known.invalidate(id);
        Ok(was_there)
    }

    /// Copies the file as of now; see `Disk::copy`.
    ///
    /// # Errors
    /// The copy cannot be written.
    pub fn copy(&self, to: &Path) -> Result<u64, StoreError> {
        self.disk.copy(to)
    }

    /// How many shipments have a key that can be unwrapped, and how many one that cannot.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn count(&self) -> Result<(u64, u64), StoreError> {
        self.disk.read(|tx| {
            let (mut good, mut bad) = (0, 0);
            for row in tx.open_table(DATA_KEYS)?.iter()? {
                let (id, wrapped) = row?;
                match self
                    .keys
                    .unwrap(&ShipmentId(id.value().to_owned()), wrapped.value())
                {
                    Ok(_) => good += 1,
                    Err(_) => bad += 1,
                }
            }
            Ok((good, bad))
        })
    }
}

/// Wraps what an older key wraps with the newest one. Returns how many these were, and how many no
/// given key unwraps.
fn rewrap(tx: &WriteTransaction, keys: &Keys) -> Result<(u64, u64), redb::Error> {
    let mut table = tx.open_table(DATA_KEYS)?;
    let (mut old, mut strange) = (Vec::new(), 0);
    for row in table.iter()? {
        let (id, wrapped) = row?;
        if keys.is_newest(wrapped.value()) {
            continue;
        }
        let id = ShipmentId(id.value().to_owned());
        match keys.unwrap(&id, wrapped.value()) {
            Ok(key) => old.push((id, key)),
            Err(_) => strange += 1,
        }
    }
    let mut count = 0;
    for (id, key) in old {
        if let Ok(wrapped) = keys.wrap(&id, &key) {
            table.insert(id.0.as_str(), wrapped.as_slice())?;
            count += 1;
        }
    }
    Ok((count, strange))
}
