//! Keys of shipments, in a file of their own beside the data: a shipment whose key is forgotten here
//! is unreadable wherever its data still lies, in an older copy of it too.
//!
//! Each key is wrapped with the master key. Those that were used last are kept in memory, so that a
//! read of a shipment that was read before costs nothing more.

use std::path::Path;
use std::sync::Arc;

use moka::sync::Cache;
use redb::{ReadableTable as _, TableDefinition};
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
}

impl Vault {
    /// Opens the file `keys.redb` in a folder that exists.
    ///
    /// # Errors
    /// Names the path and the reason.
    pub fn open(folder: &Path, keys: Arc<Keys>) -> Result<Self, OpenError> {
        let path = folder.join("keys.redb");
        let disk = Disk::open(&path)?;
        let made = disk.write(|tx| {
            tx.open_table(DATA_KEYS)?;
            Ok(())
        });
        made.map_err(|error| OpenError::new(&path, error))?;
        Ok(Self {
            disk,
            keys,
            known: Cache::new(KNOWN),
        })
    }

    /// The key of a shipment; `None` if it never had one, or has no longer.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn key(&self, id: &ShipmentId) -> Result<Option<DataKey>, StoreError> {
        if let Some(known) = self.known.get(id) {
            return Ok(Some(known));
        }
        let wrapped = self.disk.read(|tx| {
            let table = tx.open_table(DATA_KEYS)?;
            Ok(table.get(id.0.as_str())?.map(|row| row.value().to_vec()))
        })?;
        let key = wrapped.and_then(|wrapped| self.keys.unwrap(id, &wrapped).ok());
        if let Some(key) = &key {
            self.known.insert(id.clone(), key.clone());
        }
        Ok(key)
    }

    /// Keeps keys; they are on the disk when this returns.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn keep(&self, fresh: &[(ShipmentId, DataKey)]) -> Result<(), StoreError> {
        let wrap = |(id, key): &(ShipmentId, DataKey)| self.keys.wrap(id, key);
        let wrapped: Result<Vec<Vec<u8>>, _> = fresh.iter().map(wrap).collect();
        let wrapped = wrapped.map_err(StoreError::new)?;
        self.disk.write(|tx| {
            let mut table = tx.open_table(DATA_KEYS)?;
            for ((id, _), wrapped) in fresh.iter().zip(&wrapped) {
                table.insert(id.0.as_str(), wrapped.as_slice())?;
            }
            Ok(())
        })?;
        for (id, key) in fresh {
            self.known.insert(id.clone(), key.clone());
        }
        Ok(())
    }

    /// Forgets the key of a shipment for ever; it is off the disk when this returns. Says whether
    /// there was one.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn forget(&self, id: &ShipmentId) -> Result<bool, StoreError> {
        let was_there = self.disk.write(|tx| {
            let mut table = tx.open_table(DATA_KEYS)?;
            Ok(table.remove(id.0.as_str())?.is_some())
        })?;
        self.known.invalidate(id);
        Ok(was_there)
    }

    /// Every key as it is kept, for a backup.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(super) fn each(
        &self,
        mut each: impl FnMut(&[u8], &[u8]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.disk.read(|tx| {
            let table = tx.open_table(DATA_KEYS)?;
            for row in table.iter()? {
                let (id, wrapped) = row?;
                if each(id.value().as_bytes(), wrapped.value()).is_err() {
                    // Who asked has gone.
                    break;
                }
            }
            Ok(())
        })
    }

    /// Takes keys out of a backup.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn fill(&self, rows: &[(Vec<u8>, Vec<u8>)]) -> Result<(), StoreError> {
        self.disk.write(|tx| {
            let mut table = tx.open_table(DATA_KEYS)?;
            for (id, wrapped) in rows {
                if let Ok(id) = std::str::from_utf8(id) {
                    table.insert(id, wrapped.as_slice())?;
                }
            }
            Ok(())
        })
    }
}
