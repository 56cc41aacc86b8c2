//! The redb file of a store: opened, checked, and opened again after a fault.
//!
//! redb refuses everything after an I/O error, a full disk for example, until its file is opened
//! anew. So a failed write does that, and so does whoever finds the file closed: the store works
//! again as soon as the disk does. What the
//! tables mean is not known here.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use redb::{
    Database, DatabaseError, ReadTransaction, ReadableDatabase as _, TableDefinition,
    WriteTransaction,
};

use super::StoreError;

const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
/// Meaning of the tables; another one is refused at opening.
const LAYOUT: &[u8] = &[1];
/// Pages that redb keeps; its own default of 1 GiB would double what is kept decoded.
const PAGE_CACHE_BYTES: usize = 64 << 20;

/// An open file, or one that could not be opened again yet.
pub(crate) struct Disk {
    path: PathBuf,
    open: Opener,
    db: RwLock<Option<Database>>,
}

type Opener = Box<dyn Fn() -> Result<Database, DatabaseError> + Send + Sync>;

/// Why a store cannot be opened.
#[derive(Debug)]
pub struct OpenError {
    path: PathBuf,
    reason: String,
}

impl OpenError {
    pub(super) fn new(path: &Path, reason: impl fmt::Display) -> Self {
        Self {
            path: path.to_owned(),
            reason: reason.to_string(),
        }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot open {}: {}", self.path.display(), self.reason)
    }
}

impl std::error::Error for OpenError {}

impl From<redb::Error> for StoreError {
    fn from(error: redb::Error) -> Self {
        Self(error.to_string())
    }
}

impl Disk {
    /// Opens a file, which is made if it is missing.
    pub(crate) fn open(path: &Path) -> Result<Self, OpenError> {
        let file = path.to_owned();
        let open = move || {
            redb::Builder::new()
                .set_cache_size(PAGE_CACHE_BYTES)
                .create(&file)
        };
        Self::with(path, Box::new(open)).map_err(|error| OpenError::new(path, explain(&error)))
    }

    fn with(path: &Path, open: Opener) -> Result<Self, DatabaseError> {
        let db = RwLock::new(Some(open()?));
        let path = path.to_owned();
        Ok(Self { path, open, db })
    }

    /// Gives the file back; the next use opens it again.
    pub(crate) fn close(&self) {
        *self.db.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Reads the last committed state.
    pub(crate) fn read<T>(
        &self,
        read: impl FnOnce(&ReadTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, StoreError> {
        if self.is_closed() {
            self.reopen()?;
        }
        let db = self.db.read().unwrap_or_else(PoisonError::into_inner);
        let db = db.as_ref().ok_or_else(closed)?;
        let tx = db.begin_read().map_err(redb::Error::from)?;
        Ok(read(&tx)?)
    }

    /// Runs one transaction; what it did is on the disk when this returns. After an error it may
    /// be there or not.
    pub(crate) fn write<T>(
        &self,
        write: impl FnOnce(&WriteTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, StoreError> {
        if self.is_closed() {
            self.reopen()?;
        }
        let result = self.transact(write);
        if result.is_err() {
            // It may take until the disk has room again.
            let _ = self.reopen();
        }
        result
    }

    /// Copies the file as of its last transaction. Writers wait meanwhile: nothing but a transaction
    /// changes what the file holds, so the copy is what a power cut would have left. Returns its size
    /// in bytes.
    ///
    /// # Errors
    /// The copy cannot be written.
    pub(crate) fn copy(&self, to: &Path) -> Result<u64, StoreError> {
        if self.is_closed() {
            self.reopen()?;
        }
        let db = self.db.read().unwrap_or_else(PoisonError::into_inner);
        let db = db.as_ref().ok_or_else(closed)?;
        let tx = db.begin_write().map_err(redb::Error::from)?;
        let copied = std::fs::copy(&self.path, to).and_then(|bytes| {
            std::fs::File::open(to)?.sync_all()?;
            Ok(bytes)
        });
        tx.abort().map_err(redb::Error::from)?;
        copied.map_err(|error| StoreError(format!("{}: {error}", to.display())))
    }

    fn transact<T>(
        &self,
        write: impl FnOnce(&WriteTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, StoreError> {
        let db = self.db.read().unwrap_or_else(PoisonError::into_inner);
        let db = db.as_ref().ok_or_else(closed)?;
        let mut tx = db.begin_write().map_err(redb::Error::from)?;
        // Without it a store that was killed reads its whole file before it opens again.
        tx.set_quick_repair(true);
        let result = write(&tx)?;
        tx.commit().map_err(redb::Error::from)?;
        Ok(result)
    }

    fn is_closed(&self) -> bool {
        let db = self.db.read().unwrap_or_else(PoisonError::into_inner);
        db.is_none()
    }

    /// Waits for readers; the old handle has to go first, because it holds the lock of the file.
    fn reopen(&self) -> Result<(), StoreError> {
        let mut db = self.db.write().unwrap_or_else(PoisonError::into_inner);
        *db = None;
        match (self.open)() {
            Ok(opened) => {
                *db = Some(opened);
                Ok(())
            }
            Err(error) => Err(StoreError(format!(
                "cannot open again: {}",
                explain(&error)
            ))),
        }
    }

    /// Id of the key that the store is sealed with; `None` if the store is new.
    pub(super) fn sealed_with(&self) -> Result<Option<[u8; 4]>, StoreError> {
        let meta = self.read(|tx| {
            let meta = match tx.open_table(META) {
                Ok(meta) => meta,
                Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
                Err(error) => return Err(error.into()),
            };
            let value = |name| -> Result<_, redb::Error> {
                let value = meta.get(name)?;
                Ok(value.map_or_else(Vec::new, |value| value.value().to_vec()))
            };
            Ok(Some((value("layout")?, value("key_id")?)))
        })?;
        match meta {
            None => Ok(None),
            Some((layout, id)) if layout == LAYOUT => id
                .try_into()
                .map(Some)
                .map_err(|_| StoreError("its key id is damaged".to_owned())),
            Some(_) => Err(StoreError("another version of waybill wrote it".to_owned())),
        }
    }

    /// Makes a new store: its tables, and what [`Disk::sealed_with`] reads.
    pub(super) fn found(
        &self,
        key_id: [u8; 4],
        make_tables: impl FnOnce(&WriteTransaction) -> Result<(), redb::Error>,
    ) -> Result<(), StoreError> {
        self.write(|tx| {
            make_tables(tx)?;
            let mut meta = tx.open_table(META)?;
            meta.insert("layout", LAYOUT)?;
            meta.insert("key_id", key_id.as_slice())?;
            Ok(())
        })
    }
}

fn closed() -> StoreError {
    StoreError("its file is closed after a fault".to_owned())
}

fn explain(error: &DatabaseError) -> String {
    match error {
        DatabaseError::DatabaseAlreadyOpen => {
            "it is in use by another process; two servers cannot share a data directory".to_owned()
        }
        DatabaseError::UpgradeRequired(version) => {
            format!("its file format {version} is older than this version can read")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Error, ErrorKind};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use redb::StorageBackend;
    use redb::backends::FileBackend;

    use super::*;

    const TABLE: TableDefinition<'_, u64, u64> = TableDefinition::new("test");

    /// A file on a disk that can be full.
    #[derive(Debug)]
    struct Filling(FileBackend, Arc<AtomicBool>);

    impl Filling {
        fn room(&self) -> Result<(), Error> {
            match self.1.load(Ordering::SeqCst) {
                true => Err(Error::from(ErrorKind::StorageFull)),
                false => Ok(()),
            }
        }
    }

    impl StorageBackend for Filling {
        fn len(&self) -> Result<u64, Error> {
            self.0.len()
        }
        fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), Error> {
            self.0.read(offset, out)
        }
        fn set_len(&self, len: u64) -> Result<(), Error> {
            self.room().and_then(|()| self.0.set_len(len))
        }
        fn sync_data(&self) -> Result<(), Error> {
            self.room().and_then(|()| self.0.sync_data())
        }
        fn write(&self, offset: u64, data: &[u8]) -> Result<(), Error> {
            self.room().and_then(|()| self.0.write(offset, data))
        }
        fn close(&self) -> Result<(), Error> {
            self.0.close()
        }
    }

    fn put(disk: &Disk, key: u64) -> Result<(), StoreError> {
        disk.write(|tx| {
            tx.open_table(TABLE)?.insert(key, key)?;
            Ok(())
        })
    }

    fn get(disk: &Disk, key: u64) -> Result<Option<u64>, StoreError> {
        disk.read(|tx| {
            let table = tx.open_table(TABLE)?;
            Ok(table.get(key)?.map(|value| value.value()))
        })
    }

    #[test]
    fn a_full_disk_is_an_error_and_an_emptied_one_works_again() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let full = Arc::new(AtomicBool::new(false));
        let (path, filling) = (file.path().to_owned(), full.clone());
        let open = move || {
            let file = std::fs::File::options().read(true).write(true).open(&path);
            let backend = FileBackend::new(file.map_err(redb::StorageError::from)?)?;
            redb::Builder::new().create_with_backend(Filling(backend, filling.clone()))
        };
        let disk = Disk::with(file.path(), Box::new(open)).unwrap();
        put(&disk, 1).unwrap();
        for _ in 0..2 {
            full.store(true, Ordering::SeqCst);
            for _ in 0..3 {
                assert!(put(&disk, 2).is_err());
            }
            full.store(false, Ordering::SeqCst);
            put(&disk, 3).unwrap();
            assert_eq!(get(&disk, 1), Ok(Some(1)));
            assert_eq!(get(&disk, 3), Ok(Some(3)));
        }
    }

    #[test]
    fn a_read_finds_a_closed_file_open_again() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::open(&folder.path().join("file.redb")).unwrap();
        put(&disk, 1).unwrap();
        // As a fault leaves it whose disk has not come back yet.
        disk.close();
        assert_eq!(get(&disk, 1), Ok(Some(1)));
    }
}
