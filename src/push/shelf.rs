//! What the queue holds, and which pushes are known: in memory, or in a redb file of its own beside
//! the store.
//!
//! Who has sent how many pushes when can be read in the file, what they say cannot: it is sealed for
//! its place, and a digest is a keyed hash.

use std::collections::{HashSet, VecDeque};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use redb::{ReadableTable as _, ReadableTableMetadata as _, TableDefinition, WriteTransaction};

use super::Settings;
use super::queue::{Item, Kind};
use crate::store::StoreError;
use crate::store::disk::Disk;
use crate::store::seal::Keys;

/// Place in the queue -> desk, kind, receive time, sealed content. Another meaning gets another name.
const ROWS: TableDefinition<'_, u64, (&str, u8, i128, &[u8])> = TableDefinition::new("push_rows_1");
/// Digests of the pushes that are known.
const SEEN: TableDefinition<'_, &[u8; 32], ()> = TableDefinition::new("push_seen_1");
/// The same by receive time.
const AGES: TableDefinition<'_, (i128, &[u8; 32]), ()> = TableDefinition::new("push_ages_1");
/// What contents are sealed for, with their place and desk.
const PLACE: &[u8] = b"push_rows_1";
/// Old digests that go with one transaction at most for each that comes: enough to catch up.
const FORGOTTEN: usize = 8;

/// A push to be kept.
pub(super) struct Put {
    /// By which it is known again.
    pub(super) digest: [u8; 32],
    pub(super) desk: String,
    pub(super) rows: Vec<(Kind, Bytes)>,
    pub(super) received: Timestamp,
}

/// Something that waits, as it was found.
pub(super) struct Row {
    pub(super) desk: String,
    /// `None`: it cannot be read.
    pub(super) kind: Option<Kind>,
    pub(super) item: Item,
}

/// Where it is kept.
pub(super) struct Shelf {
    kept: Kept,
    next: AtomicU64,
    replay: Duration,
    digests: usize,
}

enum Kept {
    /// What waits is with the workers anyway.
    Memory(Mutex<Known>),
    File(File),
}

#[derive(Default)]
struct Known {
    digests: HashSet<[u8; 32]>,
    ages: VecDeque<(Timestamp, [u8; 32])>,
}

struct File {
    disk: Disk,
    keys: Arc<Keys>,
}

impl Shelf {
    /// Opens the file in a folder, or starts with nothing and in memory.
    ///
    /// # Errors
    /// Names the path and the reason.
    pub(super) fn open(
        folder: Option<&Path>,
        keys: &Arc<Keys>,
        settings: &Settings,
    ) -> Result<Self, String> {
        let (kept, next) = match folder {
            None => (Kept::Memory(Mutex::default()), 1),
            Some(folder) => {
                let disk = Disk::open(&folder.join("push.redb"));
                let disk = disk.map_err(|error| error.to_string())?;
                // The first opening makes the tables.
                let last = disk.write(|tx| {
                    tx.open_table(SEEN)?;
                    tx.open_table(AGES)?;
                    let rows = tx.open_table(ROWS)?;
                    Ok(rows.last()?.map_or(0, |(seq, _)| seq.value()))
                });
                let last = last.map_err(|error| error.to_string())?;
                let keys = Arc::clone(keys);
                (Kept::File(File { disk, keys }), last + 1)
            }
        };
        Ok(Self {
            kept,
            next: AtomicU64::new(next),
            replay: settings.replay.0,
            digests: settings.digests,
        })
    }

    /// Everything that waits, in order.
    pub(super) fn waiting(&self) -> Result<Vec<Row>, StoreError> {
        match &self.kept {
            Kept::Memory(_) => Ok(Vec::new()),
            Kept::File(file) => file.waiting(),
        }
    }

    /// Keeps pushes, and drops what has been worked on, all or nothing. Returns for each push the
    /// place of its first row, the others follow; `None`: it is known already. There is one writer.
    pub(super) fn write(&self, puts: &[Put], done: &[u64]) -> Result<Vec<Option<u64>>, StoreError> {
        let newest = puts.iter().map(|put| put.received).max();
        let since = newest.unwrap_or(Timestamp::MIN).checked_sub(self.replay);
        let since = since.unwrap_or(Timestamp::MIN);
        match &self.kept {
            Kept::Memory(known) => {
                let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
                let write = |put: &Put| {
                    let is_new = known.digests.insert(put.digest);
                    if is_new {
                        known.ages.push_back((put.received, put.digest));
                        known.forget(since, self.digests);
                    }
                    is_new.then(|| self.places(put))
                };
                Ok(puts.iter().map(write).collect())
            }
            Kept::File(file) => {
                let known = file.known(puts)?;
                if done.is_empty() && !known.contains(&false) {
                    return Ok(vec![None; puts.len()]);
                }
                let mut sealed = Vec::with_capacity(puts.len());
                let mut fresh = HashSet::new();
                for (put, known) in puts.iter().zip(known) {
                    // The same push can come twice in one group.
                    sealed.push(match !known && fresh.insert(put.digest) {
                        true => Some(file.seal(put, self.places(put))?),
                        false => None,
                    });
                }
                file.disk.write(|tx| {
                    let mut rows = tx.open_table(ROWS)?;
                    for seq in done {
                        rows.remove(seq)?;
                    }
                    drop(rows);
                    for (put, sealed) in puts.iter().zip(&sealed) {
                        if let Some((first, values)) = sealed {
                            insert(tx, put, *first, values)?;
                        }
                    }
                    forget(tx, since, self.digests, fresh.len())
                })?;
                let first = |sealed: Option<(u64, _)>| sealed.map(|(first, _)| first);
                Ok(sealed.into_iter().map(first).collect())
            }
        }
    }

    /// Gives the file back.
    pub(super) fn close(&self) {
        if let Kept::File(file) = &self.kept {
            file.disk.close();
        }
    }

    /// Takes places for the rows of a push.
    fn places(&self, put: &Put) -> u64 {
        let count = u64::try_from(put.rows.len()).unwrap_or(u64::MAX);
        self.next.fetch_add(count, Ordering::AcqRel)
    }
}

impl Known {
    fn forget(&mut self, since: Timestamp, most: usize) {
        while let Some((at, digest)) = self.ages.front() {
            if *at >= since && self.ages.len() <= most {
                break;
            }
            self.digests.remove(digest);
            self.ages.pop_front();
        }
    }
}

impl File {
    fn waiting(&self) -> Result<Vec<Row>, StoreError> {
        let rows = self.disk.read(|tx| {
            let table = tx.open_table(ROWS)?;
            let mut rows = Vec::new();
            for row in table.iter()? {
                let (seq, value) = row?;
                let (desk, kind, received, sealed) = value.value();
                rows.push((
                    seq.value(),
                    desk.to_owned(),
                    kind,
                    received,
                    sealed.to_vec(),
                ));
            }
            Ok(rows)
        })?;
        let open = |(seq, desk, kind, received, sealed): (u64, String, u8, i128, Vec<u8>)| {
            let place = [PLACE, &seq.to_be_bytes(), desk.as_bytes()];
            let plain = self.keys.open(&place, &sealed).ok();
            let kind = match kind {
                0 => Some(Kind::News),
                1 => Some(Kind::Poll),
                _ => None,
            };
            Row {
                desk,
                kind: kind.filter(|_| plain.is_some()),
                item: Item {
                    seq,
                    received: Timestamp::from_nanosecond(received).unwrap_or_default(),
                    plain: Bytes::from(plain.unwrap_or_default()),
                },
            }
        };
        Ok(rows.into_iter().map(open).collect())
    }

    /// Which of the pushes are known.
    fn known(&self, puts: &[Put]) -> Result<Vec<bool>, StoreError> {
        self.disk.read(|tx| {
            let seen = tx.open_table(SEEN)?;
            let known = |put: &Put| Ok(seen.get(&put.digest)?.is_some());
            puts.iter().map(known).collect()
        })
    }

    /// Seals the rows of a push for the places from `first` on.
    fn seal(&self, put: &Put, first: u64) -> Result<(u64, Vec<Vec<u8>>), StoreError> {
        let seal = |((_, plain), seq): (&(Kind, Bytes), u64)| {
            let place = [PLACE, &seq.to_be_bytes(), put.desk.as_bytes()];
            self.keys.seal(&place, plain).map_err(StoreError::new)
        };
        let sealed = put.rows.iter().zip(first..).map(seal);
        Ok((first, sealed.collect::<Result<_, _>>()?))
    }
}

fn insert(
    tx: &WriteTransaction,
    put: &Put,
    first: u64,
    values: &[Vec<u8>],
) -> Result<(), redb::Error> {
    let at = put.received.as_nanosecond();
    tx.open_table(SEEN)?.insert(&put.digest, ())?;
    tx.open_table(AGES)?.insert((at, &put.digest), ())?;
    let mut rows = tx.open_table(ROWS)?;
    for (((kind, _), value), seq) in put.rows.iter().zip(values).zip(first..) {
        let kind = match kind {
            Kind::News => 0,
            Kind::Poll => 1,
        };
        rows.insert(seq, (put.desk.as_str(), kind, at, value.as_slice()))?;
    }
    Ok(())
}

/// Forgets pushes that are too old or too many, oldest first, in small steps.
fn forget(
    tx: &WriteTransaction,
    since: Timestamp,
    most: usize,
    added: usize,
) -> Result<(), redb::Error> {
    let mut ages = tx.open_table(AGES)?;
    let mut seen = tx.open_table(SEEN)?;
    for _ in 0..added.saturating_mul(FORGOTTEN) {
        let count = usize::try_from(ages.len()?).unwrap_or(usize::MAX);
        let oldest = ages.first()?.map(|(key, _)| {
            let (at, digest) = key.value();
            (at, *digest)
        });
        match oldest {
            Some((at, digest)) if at < since.as_nanosecond() || count > most => {
                ages.remove((at, &digest))?;
                seen.remove(&digest)?;
            }
            _ => break,
        }
    }
    Ok(())
}
