//! Bodies in a redb file of its own beside the store.
//!
//! A body is compressed, and sealed for its shipment and hash. What must be read without opening it
//! (source, times, size) says nothing about the parcel.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use jiff::Timestamp;
use redb::{ReadableTable as _, Table, TableDefinition, WriteTransaction};
use waybill_core::shipment::ShipmentId;

use super::shelf::{Found, Incoming, Row};
use crate::store::StoreError;
use crate::store::disk::Disk;
use crate::store::seal::Keys;
use crate::store::vault::Vault;

/// Source, first and last receive time, sealed body.
type Body = (&'static str, i128, i128, &'static [u8]);

/// Shipment, hash of source and body -> body.
const BODIES: TableDefinition<'static, (&str, &[u8; 32]), Body> =
    TableDefinition::new("evidence_bodies_1");
/// Last receive time, shipment, hash -> size, and whether something grave was open then.
const AGES: TableDefinition<'_, (i128, &str, &[u8; 32]), (u64, bool)> =
    TableDefinition::new("evidence_ages_1");
/// What bodies are sealed for, with shipment and hash.
const PLACE: &[u8] = b"evidence_bodies_1";

/// The file.
pub(super) struct File {
    disk: Disk,
    keys: Arc<Keys>,
    vault: Arc<Vault>,
    /// Sum of the sizes of all sealed bodies. Only one task writes at a time.
    bytes: AtomicU64,
}

impl File {
    /// Opens the file in a folder.
    ///
    /// # Errors
    /// Names the path and the reason.
    pub(super) fn open(folder: &Path, keys: Arc<Keys>, vault: Arc<Vault>) -> Result<Self, String> {
        let disk = Disk::open(&folder.join("evidence.redb")).map_err(|error| error.to_string())?;
        // The first opening makes the tables.
        let bytes = disk.write(|tx| {
            tx.open_table(BODIES)?;
            let ages = tx.open_table(AGES)?;
            let sizes = ages.iter()?.map(|row| Ok(row?.1.value().0));
            sizes.sum::<Result<u64, redb::Error>>()
        });
        let bytes = AtomicU64::new(bytes.map_err(|error| error.to_string())?);
        Ok(Self {
            disk,
            keys,
            vault,
            bytes,
        })
    }

    /// Gives the file back.
    pub(super) fn close(&self) {
        self.disk.close();
    }

    /// Keeps bodies, and drops the oldest ones beyond the limit: those of grave cases last. Returns
    /// how many went, and the bytes of what is there.
    pub(super) fn put(
        &self,
        incoming: &[Incoming<'_>],
        limit: u64,
    ) -> Result<(u64, u64), StoreError> {
        // Sealed before the transaction, unless it is there already: there is one writer.
        let known = self.disk.read(|tx| {
            let bodies = tx.open_table(BODIES)?;
            let known = incoming.iter();
            let known = known.map(|one| Ok(bodies.get((one.id.0.as_str(), &one.hash))?.is_some()));
            known.collect::<Result<Vec<bool>, redb::Error>>()
        })?;
        let mut sealed = Vec::with_capacity(incoming.len());
        for (one, known) in incoming.iter().zip(known) {
            sealed.push(match known {
                true => None,
                false => Some(self.seal(one)?),
            });
        }
        self.vault.flush()?;
        let before = self.bytes.load(Ordering::Acquire);
        let (bytes, dropped) = self.disk.write(|tx| {
            let mut bytes = before;
            for (one, sealed) in incoming.iter().zip(&sealed) {
                bytes += put(tx, one, sealed.as_deref())?;
            }
            if bytes <= limit {
                return Ok((bytes, 0));
            }
            // Somewhat more than needed, so that not every answer has to make room.
            let surplus = bytes - limit / 20 * 19;
            let (freed, dropped) = trim(tx, surplus)?;
            Ok((bytes.saturating_sub(freed), dropped))
        })?;
        self.bytes.store(bytes, Ordering::Release);
        Ok((dropped, bytes))
    }

    /// Bodies of a shipment that were received since a time.
    pub(super) fn of(&self, id: &ShipmentId, since: Timestamp) -> Result<Vec<Found>, StoreError> {
        let rows = self.disk.read(|tx| {
            let bodies = tx.open_table(BODIES)?;
            let mut rows = Vec::new();
            for row in bodies.range((id.0.as_str(), &[0; 32])..)? {
                let (key, value) = row?;
                let ((of, hash), (source, first, last, sealed)) = (key.value(), value.value());
                if of != id.0 {
                    break;
                }
                if last >= since.as_nanosecond() {
                    rows.push((last, first, source.to_owned(), *hash, sealed.to_vec()));
                }
            }
            Ok(rows)
        })?;
        let found = rows
            .into_iter()
            .filter_map(|(last, first, source, hash, sealed)| {
                let Some(body) = self.unseal(id, &hash, &sealed) else {
                    tracing::error!(shipment = %id.0, "a kept answer cannot be read");
                    return None;
                };
                Some(Found {
                    source,
                    hash,
                    first,
                    last,
                    body: Bytes::from(body),
                })
            });
        Ok(found.collect())
    }

    /// Bodies that were last received before a time.
    pub(super) fn older_than(&self, since: Timestamp) -> Result<Vec<Row>, StoreError> {
        self.disk.read(|tx| {
            let ages = tx.open_table(AGES)?;
            let mut rows = Vec::new();
            for row in ages.iter()? {
                let (key, _) = row?;
                let row = name(key.value());
                if row.last >= since.as_nanosecond() {
                    break;
                }
                rows.push(row);
            }
            Ok(rows)
        })
    }

    /// The bodies of a shipment by name.
    pub(super) fn rows(&self, id: &ShipmentId) -> Result<Vec<Row>, StoreError> {
        self.disk.read(|tx| {
            let bodies = tx.open_table(BODIES)?;
            let mut rows = Vec::new();
            for row in bodies.range((id.0.as_str(), &[0; 32])..)? {
                let (key, value) = row?;
                let ((of, hash), (_, _, last, _)) = (key.value(), value.value());
                if of != id.0 {
                    break;
                }
                rows.push(name((last, of, hash)));
            }
            Ok(rows)
        })
    }

    /// Copies the file as of now.
    pub(super) fn copy(&self, to: &Path) -> Result<u64, StoreError> {
        self.disk.copy(to)
    }

    /// Drops bodies, unless they were received again meanwhile. Returns the bytes of what is there.
    pub(super) fn drop_all(&self, rows: &[Row]) -> Result<u64, StoreError> {
        let before = self.bytes.load(Ordering::Acquire);
        let freed = self.disk.write(|tx| {
            let mut ages = tx.open_table(AGES)?;
            let mut bodies = tx.open_table(BODIES)?;
            let mut freed = 0;
            for row in rows {
                freed += remove(&mut ages, &mut bodies, row)?;
            }
            Ok(freed)
        })?;
        let bytes = before.saturating_sub(freed);
        self.bytes.store(bytes, Ordering::Release);
        Ok(bytes)
    }

    fn seal(&self, one: &Incoming<'_>) -> Result<Vec<u8>, StoreError> {
        let fail = |error: std::io::Error| StoreError::new(error);
        let mut packed = DeflateEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(one.body).map_err(fail)?;
        let packed = packed.finish().map_err(fail)?;
        let place = [PLACE, one.id.0.as_bytes(), &one.hash];
        let own = self.vault.key_or_new(one.id)?;
        self.keys
            .seal_own(Some(&own), &place, &packed)
            .map_err(fail)
    }

    fn unseal(&self, id: &ShipmentId, hash: &[u8; 32], sealed: &[u8]) -> Option<Vec<u8>> {
        let own = self.vault.key(id).ok()?;
        let place = [PLACE, id.0.as_bytes(), hash];
        let packed = self.keys.open_own(own.as_ref(), &place, sealed).ok()?;
        let mut body = Vec::new();
        // Nobody else can have sealed it, so it is no larger than what was received.
        DeflateDecoder::new(&*packed).read_to_end(&mut body).ok()?;
        Some(body)
    }
}

fn name((last, id, hash): (i128, &str, &[u8; 32])) -> Row {
    Row {
        last,
        id: ShipmentId(id.to_owned()),
        hash: *hash,
    }
}

/// Writes one body, and returns how many bytes the shelf grows by.
fn put(
    tx: &WriteTransaction,
    one: &Incoming<'_>,
    sealed: Option<&[u8]>,
) -> Result<u64, redb::Error> {
    let key = (one.id.0.as_str(), &one.hash);
    let mut bodies = tx.open_table(BODIES)?;
    let mut ages = tx.open_table(AGES)?;
    let known = bodies.get(key)?.map(|value| {
        let (_, first, last, sealed) = value.value();
        (first, last, sealed.to_vec())
    });
    let is_new = known.is_none();
    let (first, last, value) = match (known, sealed) {
        (Some((first, last, value)), _) => {
            ages.remove((last, one.id.0.as_str(), &one.hash))?;
            (first.min(one.time), last.max(one.time), value)
        }
        (None, Some(sealed)) => (one.time, one.time, sealed.to_vec()),
        // It went between the look and the transaction.
        (None, None) => return Ok(0),
    };
    let size = u64::try_from(value.len()).unwrap_or(u64::MAX);
    bodies.insert(key, (one.source, first, last, value.as_slice()))?;
    ages.insert((last, one.id.0.as_str(), &one.hash), (size, one.is_grave))?;
    Ok(if is_new { size } else { 0 })
}

/// Drops the oldest bodies, at least `surplus` bytes of them: those of grave cases last. Returns
/// the bytes and how many bodies there were.
fn trim(tx: &WriteTransaction, surplus: u64) -> Result<(u64, u64), redb::Error> {
    let mut ages = tx.open_table(AGES)?;
    let mut bodies = tx.open_table(BODIES)?;
    let (mut freed, mut dropped) = (0, 0);
    for grave in [false, true] {
        let mut rows = Vec::new();
        let mut bytes = freed;
        for row in ages.iter()? {
            let (key, value) = row?;
            let (size, is_grave) = value.value();
            if bytes >= surplus {
                break;
            }
            if is_grave == grave {
                bytes += size;
                rows.push(name(key.value()));
            }
        }
        for row in rows {
            freed += remove(&mut ages, &mut bodies, &row)?;
            dropped += 1;
        }
    }
    Ok((freed, dropped))
}

type Ages<'a> = Table<'a, (i128, &'static str, &'static [u8; 32]), (u64, bool)>;
type Bodies<'a> =
    Table<'a, (&'static str, &'static [u8; 32]), (&'static str, i128, i128, &'static [u8])>;

/// Drops one body, unless it was received again meanwhile; returns its bytes.
fn remove(ages: &mut Ages<'_>, bodies: &mut Bodies<'_>, row: &Row) -> Result<u64, redb::Error> {
    let Row { last, id, hash } = row;
    let age = ages.remove((*last, id.0.as_str(), hash))?;
    let Some(size) = age.map(|age| age.value().0) else {
        return Ok(0);
    };
    bodies.remove((id.0.as_str(), hash))?;
    Ok(size)
}
