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
        let look = || {
            self.disk.read(|tx| {
                let seen = tx.open_table(SEEN)?;
                let known = |put: &Put| Ok(seen.get(&put.digest)?.is_some());
                puts.iter().map(known).collect()
            })
        };
        // Only a write opens a file again that was closed after a fault.
        look().or_else(|_| self.disk.write(|_| Ok(())).and_then(|()| look()))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn open(folder: Option<&Path>, keys: &Arc<Keys>, digests: usize) -> Shelf {
        let settings = Settings {
            digests,
            ..Settings::default()
        };
        Shelf::open(folder, keys, &settings).unwrap()
    }

    fn put(digest: u8, hours: i64, rows: &[&'static str]) -> Put {
        let row = |text: &&'static str| (Kind::News, Bytes::from_static(text.as_bytes()));
        Put {
            digest: [digest; 32],
            desk: "acme/default".to_owned(),
            rows: rows.iter().map(row).collect(),
            received: Timestamp::from_second(hours * 3_600).unwrap(),
        }
    }

    fn plain(shelf: &Shelf) -> Vec<(u64, Bytes)> {
        let rows = shelf.waiting().unwrap().into_iter();
        rows.map(|row| (row.item.seq, row.item.plain)).collect()
    }

    #[test]
    fn what_was_kept_waits_after_the_next_start_until_it_is_done() {
        let folder = tempfile::tempdir().unwrap();
        let keys = Arc::new(Keys::new(&[7; 32]));
        let shelf = open(Some(folder.path()), &keys, 100);
        let puts = [
            put(1, 0, &["a", "b"]),
            put(2, 0, &["c"]),
            put(1, 0, &["a", "b"]),
        ];
        assert_eq!(shelf.write(&puts, &[]).unwrap(), [Some(1), Some(3), None]);
        drop(shelf);

        let shelf = open(Some(folder.path()), &keys, 100);
        let expected = [(1, "a"), (2, "b"), (3, "c")].map(|(seq, text)| (seq, Bytes::from(text)));
        assert_eq!(plain(&shelf), expected);
        assert_eq!(shelf.write(&puts, &[]).unwrap(), [None, None, None]);
        assert_eq!(
            shelf.write(&[put(3, 0, &["d"])], &[1, 3]).unwrap(),
            [Some(4)]
        );
        drop(shelf);
        let shelf = open(Some(folder.path()), &keys, 100);
        let expected = [(2, "b"), (4, "d")].map(|(seq, text)| (seq, Bytes::from(text)));
        assert_eq!(plain(&shelf), expected);
    }

    #[test]
    fn what_another_key_sealed_is_found_and_cannot_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = open(Some(folder.path()), &Arc::new(Keys::new(&[7; 32])), 100);
        shelf.write(&[put(1, 0, &["a"])], &[]).unwrap();
        drop(shelf);
        let shelf = open(Some(folder.path()), &Arc::new(Keys::new(&[8; 32])), 100);
        let rows = shelf.waiting().unwrap();
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].kind, None);
        assert_eq!(rows[0].item.seq, 1);
    }

    #[test]
    fn a_push_is_known_for_72_hours_and_the_oldest_go_first() {
        let folder = tempfile::tempdir().unwrap();
        let keys = Arc::new(Keys::new(&[7; 32]));
        for folder in [None, Some(folder.path())] {
            let is_new = |shelf: &Shelf, put: Put| shelf.write(&[put], &[]).unwrap()[0].is_some();
            let shelf = open(folder, &keys, 3);
            assert!(is_new(&shelf, put(1, 0, &["a"])));
            assert!(is_new(&shelf, put(2, 71, &["a"])));
            assert!(!is_new(&shelf, put(1, 72, &["a"])));
            assert!(is_new(&shelf, put(3, 73, &["a"])));
            assert!(is_new(&shelf, put(1, 73, &["a"])), "forgotten by now");
            // One more than there is room for.
            assert!(is_new(&shelf, put(4, 73, &["a"])));
            assert!(is_new(&shelf, put(2, 73, &["a"])));
            assert!(!is_new(&shelf, put(4, 73, &["a"])));
        }
    }

    #[test]
    fn a_disk_that_fails_keeps_nothing_and_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let keys = Arc::new(Keys::new(&[7; 32]));
        let shelf = open(Some(folder.path()), &keys, 100);
        shelf.close();
        let file = folder.path().join("push.redb");
        std::fs::rename(&file, folder.path().join("elsewhere")).unwrap();
        std::fs::create_dir(&file).unwrap();
        assert!(shelf.write(&[put(1, 0, &["a"])], &[]).is_err());
        // The next write finds the disk again, if it is there.
        std::fs::remove_dir(&file).unwrap();
        std::fs::rename(folder.path().join("elsewhere"), &file).unwrap();
        let written = shelf.write(&[put(1, 0, &["a"])], &[]).unwrap();
        assert!(written[0].is_some());
        assert_eq!(plain(&shelf).len(), 1);
    }
}
