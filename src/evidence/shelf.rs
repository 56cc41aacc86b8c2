//! Where bodies lie: a redb file beside the store, or memory. A body is known again by a keyed hash
//! of its source and content.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use waybill_core::shipment::ShipmentId;

use super::file::File;
use super::memory::Memory;
use super::{Gathered, Kept, Said};
use crate::store::StoreError;
use crate::store::seal::Keys;
use crate::store::vault::Vault;

/// The shelf.
pub(super) struct Shelf {
    place: Place,
    keys: Arc<Keys>,
    limit: u64,
}

enum Place {
    File(File),
    Memory(Memory),
}

/// One body on the shelf, by name. Older ones come first.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Row {
    pub(super) last: i128,
    pub(super) id: ShipmentId,
    pub(super) hash: [u8; 32],
}

/// A body on its way to the shelf.
pub(super) struct Incoming<'a> {
    pub(super) id: &'a ShipmentId,
    pub(super) is_grave: bool,
    pub(super) source: &'a str,
    pub(super) hash: [u8; 32],
    pub(super) time: i128,
    pub(super) body: &'a Bytes,
}

/// A body that was found: times in nanoseconds since 1970.
pub(super) struct Found {
    pub(super) source: String,
    pub(super) hash: [u8; 32],
    pub(super) first: i128,
    pub(super) last: i128,
    pub(super) body: Bytes,
}

impl Shelf {
    /// Opens the shelf in a folder, or makes one in memory.
    ///
    /// # Errors
    /// Names the path and the reason.
    pub(super) fn open(
        folder: Option<(&Path, Arc<Vault>)>,
        keys: Arc<Keys>,
        limit: u64,
    ) -> Result<Self, String> {
        let place = match folder {
            Some((folder, vault)) => Place::File(File::open(folder, Arc::clone(&keys), vault)?),
            None => Place::Memory(Memory::new()),
        };
        Ok(Self { place, keys, limit })
    }

    pub(super) const fn limit(&self) -> u64 {
        self.limit
    }

    /// Gives the file back.
    pub(super) fn close(&self) {
        if let Place::File(file) = &self.place {
            file.close();
        }
    }

    /// Keeps bodies, and drops the oldest ones beyond the limit: those of grave cases last.
    pub(super) fn put(&self, said: &[Said]) -> Result<(), StoreError> {
        let mut incoming = Vec::new();
        for one in said {
            for body in one.bodies.iter().filter(|body| !body.is_empty()) {
                let hash = self.keys.hash("evidence", &[one.source.as_bytes(), body]);
                incoming.extend(one.about.iter().map(|(id, is_grave)| Incoming {
                    id,
                    is_grave: *is_grave,
                    source: &one.source,
                    hash,
                    time: one.time.as_nanosecond(),
                    body,
                }));
            }
        }
        let (dropped, bytes) = match &self.place {
            Place::File(file) => file.put(&incoming, self.limit)?,
            Place::Memory(memory) => memory.put(&incoming, self.limit),
        };
        tell(bytes);
        if dropped > 0 {
            metrics::counter!("waybill_evidence_evictions_total").increment(dropped);
        }
        Ok(())
    }

    /// Bodies of a shipment that were received since a time, the newest up to `room` bytes.
    pub(super) fn of(
        &self,
        ids: &[ShipmentId],
        since: Timestamp,
        room: usize,
    ) -> Result<Gathered, StoreError> {
        let mut found = Vec::new();
        for id in ids {
            found.extend(match &self.place {
                Place::File(file) => file.of(id, since)?,
                Place::Memory(memory) => memory.of(id, since),
            });
        }
        found.sort_by(|a, b| (b.last, &b.source, b.hash).cmp(&(a.last, &a.source, a.hash)));
        let mut gathered = Gathered::default();
        let mut bytes = 0;
        for one in found {
            bytes += one.body.len();
            if bytes > room {
                gathered.left_out += 1;
                continue;
            }
            let time = |nanos| Timestamp::from_nanosecond(nanos).unwrap_or_default();
            gathered.kept.push(Kept {
                source: one.source,
                first: time(one.first),
                last: time(one.last),
                body: one.body,
            });
        }
        gathered
            .kept
            .sort_by(|a, b| (a.first, &a.source).cmp(&(b.first, &b.source)));
        Ok(gathered)
    }

    /// Bodies that were last received before a time.
    pub(super) fn older_than(&self, since: Timestamp) -> Result<Vec<Row>, StoreError> {
        match &self.place {
            Place::File(file) => file.older_than(since),
            Place::Memory(memory) => Ok(memory.older_than(since)),
        }
    }

    /// Drops the bodies of a shipment; says how many there were.
    pub(super) fn erase(&self, id: &ShipmentId) -> Result<usize, StoreError> {
        let rows = match &self.place {
            Place::File(file) => file.rows(id)?,
            Place::Memory(memory) => memory.rows(id),
        };
        self.drop_all(&rows)?;
        Ok(rows.len())
    }

    /// Copies the file as of now, if there is one.
    pub(super) fn copy(&self, to: &Path) -> Result<Option<u64>, StoreError> {
        match &self.place {
            Place::File(file) => file.copy(to).map(Some),
            Place::Memory(_) => Ok(None),
        }
    }

    /// Drops bodies, unless they were received again meanwhile.
    pub(super) fn drop_all(&self, rows: &[Row]) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        tell(match &self.place {
            Place::File(file) => file.drop_all(rows)?,
            Place::Memory(memory) => memory.drop_all(rows),
        });
        Ok(())
    }
}

fn tell(bytes: u64) {
    metrics::gauge!("waybill_evidence_bytes").set(bytes as f64);
}
