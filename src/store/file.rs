//! A store in one file that survives the process, the power cut and `kill -9`.
//!
//! One thread writes. It takes every commit that is waiting, compares versions inside one redb
//! transaction, syncs once, and only then acknowledges them: under load a sync is shared by many.
//! Readers see the last synced state and wait for nobody; what they read stays decoded in a
//! bounded cache.
//!
//! **Invariant:** no number, no order and no record lies in the file in clear; what values look like
//! is in `codec`.

mod erase;
mod log;
mod overlay;

use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use moka::sync::Cache;
use redb::{
    MultimapTableDefinition, ReadTransaction, ReadableTable as _, TableDefinition, WriteTransaction,
};
use tokio::sync::{mpsc, oneshot};
use waybill_core::adapter::BoxFuture;
use waybill_core::order::Subject;
use waybill_core::overlay::Overlay;
use waybill_core::shipment::ShipmentId;

use super::codec;
use super::disk::Disk;
pub use super::disk::OpenError;
use super::seal::{DataKey, Keys};
use super::vault::Vault;
use super::{
    Bell, Commit, CommitError, Erasure, Head, Note, NoteKey, OverlayCommit, Page, Place, Store,
    StoreError, Stored, What,
};

const SHIPMENTS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("shipments");
/// Keyed hash of a number or order -> ids.
const NUMBERS: MultimapTableDefinition<'_, &[u8; 32], &str> =
    MultimapTableDefinition::new("numbers");
/// Key -> version, then the sealed value.
const NOTES: TableDefinition<'_, &NoteKey, &[u8]> = TableDefinition::new("notes");

/// Decoded shipments kept for readers, by the size of their JSON.
const READ_CACHE_BYTES: u64 = 128 << 20;
/// Commits that may wait for the writer before callers do.
const WAITING: usize = 1_024;
/// Commits and bytes that share one sync at most.
const GROUP: usize = 512;
const GROUP_BYTES: usize = 8 << 20;

/// The store in a file.
pub struct FileStore {
    inner: Arc<Inner>,
    /// `None` only while it is dropped.
    jobs: Option<mpsc::Sender<Box<dyn Work>>>,
    writer: Option<std::thread::JoinHandle<()>>,
}

struct Inner {
    disk: Disk,
    /// Of the change log.
    epoch: u64,
    bell: Bell,
    keys: Arc<Keys>,
    vault: Arc<Vault>,
    /// With the size of the value, for the weigher.
    cache: Cache<ShipmentId, (Arc<Stored>, u32)>,
    overlays: overlay::Known,
}

/// Something sealed, on its way to the writer.
trait Work: Send {
    /// Its size.
    fn bytes(&self) -> usize;

    /// Does it in a transaction, and keeps what it comes to.
    fn apply(&mut self, inner: &Inner, tx: &WriteTransaction) -> Result<(), redb::Error>;

    /// Tells who waits: the transaction is on the disk, or failed.
    fn end(self: Box<Self>, inner: &Inner, written: Result<(), StoreError>);
}

/// A commit of a shipment.
struct Job {
    expected: u64,
    stored: Arc<Stored>,
    /// What it is sealed with.
    own: DataKey,
    value: Vec<u8>,
    numbers: Vec<[u8; 32]>,
    changed: bool,
    time: Timestamp,
    /// Its place in the change log, once it is applied; `None`: a conflict.
    applied: Option<u64>,
    reply: oneshot::Sender<Result<u64, CommitError>>,
}

impl FileStore {
    /// Opens the store in `folder`, which is made if it is missing. The master key is read from
    /// `key_file`, or is the file `key` in the folder, which a new store gets.
    ///
    /// # Errors
    /// Names the path and the reason: in use by another process, not a store, of another version,
    /// sealed with another key, the key is missing.
    pub fn open(folder: &Path, key_file: Option<&Path>) -> Result<Self, OpenError> {
        let path = folder.join("waybill.redb");
        let fail = |reason: &dyn fmt::Display| OpenError::new(&path, reason);
        make_private(folder).map_err(|error| fail(&error))?;
        let disk = Disk::open(&path)?;
        let sealed_with = disk.sealed_with().map_err(|error| fail(&error.0))?;
        let own_file = folder.join("key");
        let keys = match (key_file, sealed_with) {
            (Some(file), _) => Keys::read(file),
            (None, None) if !own_file.exists() => Keys::create(&own_file),
            (None, _) => Keys::read(&own_file),
        };
        let keys = keys.map_err(|error| fail(&error))?;
        match sealed_with {
            Some(id) if id != keys.id() => {
                return Err(fail(&"it was sealed with another master key"));
            }
            Some(_) => {}
            None => disk
                .found(keys.id(), make_tables)
                .map_err(|error| fail(&error.0))?,
        }
        // Stores of earlier versions lack it.
        let epoch = disk.write(|tx| {
            overlay::make_table(tx)?;
            log::make_tables(tx)
        });
        let epoch = epoch.map_err(|error| fail(&error.0))?;
        let keys = Arc::new(keys);
        let vault = Vault::open(folder, Arc::clone(&keys))?;
        Self::start(disk, keys, Arc::new(vault), epoch).map_err(|error| fail(&error))
    }

    /// The keys that the store is sealed with.
    pub fn keys(&self) -> &Arc<Keys> {
        &self.inner.keys
    }

    /// The keys of the shipments, for what else is sealed with them.
    pub fn vault(&self) -> &Arc<Vault> {
        &self.inner.vault
    }

    /// Copies the file as of now. Writers wait meanwhile. Returns its size in bytes.
    ///
    /// # Errors
    /// The copy cannot be written.
    pub fn copy(&self, to: &Path) -> Result<u64, StoreError> {
        self.inner.disk.copy(to)
    }

    fn start(disk: Disk, keys: Arc<Keys>, vault: Arc<Vault>, epoch: u64) -> std::io::Result<Self> {
        let inner = Arc::new(Inner {
            disk,
            epoch,
            bell: Bell::default(),
            keys,
            vault,
            cache: Cache::builder()
                .max_capacity(READ_CACHE_BYTES)
                .weigher(|_, (_, size)| *size)
                .build(),
            overlays: overlay::Known::new(),
        });
        let (jobs, queue) = mpsc::channel(WAITING);
        let writing = inner.clone();
        let writer = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || writing.write_all(queue))?;
        Ok(Self {
            inner,
            jobs: Some(jobs),
            writer: Some(writer),
        })
    }

    async fn write<T>(
        &self,
        job: Box<dyn Work>,
        answer: oneshot::Receiver<Result<T, CommitError>>,
    ) -> Result<T, CommitError> {
        let stopped = || StoreError("the writer has stopped".to_owned());
        let jobs = self.jobs.as_ref().ok_or_else(stopped)?;
        jobs.send(job).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }

    /// The key of a shipment, which it may get now.
    async fn key_of(&self, id: &ShipmentId) -> Result<DataKey, StoreError> {
        let (vault, id) = (Arc::clone(&self.inner.vault), id.clone());
        if let Some(known) = vault.known(&id) {
            return Ok(known);
        }
        let asking = tokio::task::spawn_blocking(move || vault.key_or_new(&id));
        let cut = |_| StoreError("reading was cut short".to_owned());
        asking.await.map_err(cut)?
    }

    /// Reads off the async threads, which a cold disk would hold up.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Inner, &ReadTransaction) -> Result<T, redb::Error> + Send + 'static,
    ) -> Result<T, StoreError> {
        let inner = self.inner.clone();
        let reading = move || inner.disk.read(|tx| read(&inner, tx));
        match tokio::task::spawn_blocking(reading).await {
            Ok(result) => result,
            Err(_) => Err(StoreError("reading was cut short".to_owned())),
        }
    }
}

impl Drop for FileStore {
    /// Waits until everything accepted is on the disk, so that the file can be opened again.
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

impl Store for FileStore {
    fn find<'a>(
        &'a self,
        subject: &'a Subject,
    ) -> BoxFuture<'a, Result<Vec<ShipmentId>, StoreError>> {
        let key = self.inner.keys.subject(subject);
        Box::pin(self.read(move |_, tx| {
            let numbers = tx.open_multimap_table(NUMBERS)?;
            let mut ids = Vec::new();
            for id in numbers.get(&key)? {
                ids.push(ShipmentId(id?.value().to_owned()));
            }
            Ok(ids)
        }))
    }

    fn load_stored<'a>(
        &'a self,
        id: &'a ShipmentId,
    ) -> BoxFuture<'a, Result<Option<Arc<Stored>>, StoreError>> {
        if let Some((stored, _)) = self.inner.cache.get(id) {
            return Box::pin(std::future::ready(Ok(Some(stored))));
        }
        let id = id.clone();
        Box::pin(self.read(move |inner, tx| {
            let shipments = tx.open_table(SHIPMENTS)?;
            let Some(value) = shipments.get(id.0.as_str())? else {
                return Ok(None);
            };
            let Some(stored) = inner.open(&id, value.value()) else {
                return Ok(None);
            };
            let stored = Arc::new(stored);
            inner.remember(&stored, value.value().len());
            Ok(Some(stored))
        }))
    }

    fn commit(&self, commit: Commit) -> BoxFuture<'_, Result<u64, CommitError>> {
        Box::pin(async move {
            let (reply, answer) = oneshot::channel();
            let own = self.key_of(&commit.dossier.id).await?;
            let job = self.inner.prepare(commit, own, reply)?;
            self.write(Box::new(job), answer).await
        })
    }

    fn heads(&self) -> BoxFuture<'_, Result<Vec<Head>, StoreError>> {
        Box::pin(self.read(log::heads))
    }

    fn changes(
        &self,
        _partition: u16,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'_, Result<Page, StoreError>> {
        Box::pin(self.read(move |inner, tx| log::read(inner, tx, after, limit)))
    }

    fn bell(&self) -> &Bell {
        &self.inner.bell
    }

    fn registered<'a>(
        &'a self,
        tenant: &'a str,
        after: Option<Place>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Place>, StoreError>> {
        let tenant = tenant.to_owned();
        Box::pin(self.read(move |_, tx| log::registered(tx, &tenant, after.as_ref(), limit)))
    }

    fn tenants(&self) -> BoxFuture<'_, Result<Vec<String>, StoreError>> {
        Box::pin(self.read(|_, tx| log::tenants(tx)))
    }

    fn overlay<'a>(
        &'a self,
        tenant: &'a str,
        id: &'a ShipmentId,
    ) -> BoxFuture<'a, Result<Option<Arc<Overlay>>, StoreError>> {
        overlay::load(self, tenant, id)
    }

    fn overlays<'a>(
        &'a self,
        id: &'a ShipmentId,
    ) -> BoxFuture<'a, Result<Vec<(String, Arc<Overlay>)>, StoreError>> {
        overlay::load_all(self, id)
    }

    fn commit_overlay(&self, commit: OverlayCommit) -> BoxFuture<'_, Result<(), CommitError>> {
        overlay::commit(self, commit)
    }

    fn erase(&self, erasure: Erasure) -> BoxFuture<'_, Result<bool, StoreError>> {
        erase::erase(self, erasure)
    }

    fn all<'a>(
        &'a self,
        after: Option<&'a ShipmentId>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<ShipmentId>, StoreError>> {
        let after = after.cloned();
        Box::pin(self.read(move |_, tx| erase::all(tx, after.as_ref(), limit)))
    }

    fn notes<'a>(
        &'a self,
        keys: &'a [NoteKey],
    ) -> BoxFuture<'a, Result<Vec<Option<Note>>, StoreError>> {
        let keys = keys.to_vec();
        Box::pin(self.read(move |inner, tx| {
            let notes = match tx.open_table(NOTES) {
                Ok(notes) => notes,
                // A store of an earlier version, in which nobody has noted anything yet.
                Err(redb::TableError::TableDoesNotExist(_)) => return Ok(vec![None; keys.len()]),
                Err(error) => return Err(error.into()),
            };
            let read = |key: &NoteKey| {
                let value = notes.get(key)?;
                Ok(value.and_then(|value| codec::open_note(&inner.keys, key, value.value())))
            };
            keys.iter().map(read).collect()
        }))
    }

    fn keep(&self, notes: Vec<(NoteKey, Note)>) -> BoxFuture<'_, Result<Vec<bool>, StoreError>> {
        let inner = self.inner.clone();
        Box::pin(async move {
            let writing = move || inner.keep(&notes);
            match tokio::task::spawn_blocking(writing).await {
                Ok(result) => result,
                Err(_) => Err(StoreError("writing was cut short".to_owned())),
            }
        })
    }
}

impl Inner {
    /// Encodes and seals on the caller's thread: the writer only writes.
    fn prepare(
        &self,
        commit: Commit,
        own: DataKey,
        reply: oneshot::Sender<Result<u64, CommitError>>,
    ) -> Result<Job, StoreError> {
        let numbers = commit.subjects().map(|it| self.keys.subject(&it)).collect();
        let (expected, changed, time) = (commit.expected, commit.changed, commit.time);
        let stored = Arc::new(commit.into_stored());
        Ok(Job {
            expected,
            value: codec::seal_shipment(&self.keys, &own, &stored)?,
            stored,
            own,
            numbers,
            changed,
            time,
            applied: None,
            reply,
        })
    }

    /// Reads a shipment's value.
    fn open(&self, id: &ShipmentId, value: &[u8]) -> Option<Stored> {
        // What the vault cannot tell now cannot be read now.
        let own = self.vault.key(id).ok()?;
        codec::open_shipment(&self.keys, own.as_ref(), id, value)
    }

    /// Whether a key is still that of a shipment: it may have been erased since something was sealed.
    fn is_its_key(&self, id: &ShipmentId, own: &DataKey) -> bool {
        self.vault
            .key(id)
            .is_ok_and(|key| key.as_ref() == Some(own))
    }

    /// Keeps a decoded shipment for readers, unless a newer one is there already.
    fn remember(&self, stored: &Arc<Stored>, size: usize) {
        let new = (stored.clone(), u32::try_from(size).unwrap_or(u32::MAX));
        self.cache
            .entry_by_ref(&stored.dossier.id)
            .and_upsert_with(|old| match old.map(moka::Entry::into_value) {
                Some(old) if old.0.version > stored.version => old,
                _ => new,
            });
    }

    /// One transaction for all of them.
    fn keep(&self, notes: &[(NoteKey, Note)]) -> Result<Vec<bool>, StoreError> {
        let seal = |(key, note): &(NoteKey, Note)| codec::seal_note(&self.keys, key, note);
        let sealed: Vec<Vec<u8>> = notes.iter().map(seal).collect::<Result<_, StoreError>>()?;
        self.disk.write(|tx| {
            let mut table = tx.open_table(NOTES)?;
            let mut kept = Vec::with_capacity(notes.len());
            for ((key, note), value) in notes.iter().zip(&sealed) {
                let known = table.get(key)?;
                let known =
                    known.and_then(|known| codec::open_note(&self.keys, key, known.value()));
                let follows = note.version == known.map_or(0, |known| known.version) + 1;
                if follows {
                    table.insert(key, value.as_slice())?;
                }
                kept.push(follows);
            }
            Ok(kept)
        })
    }

    /// The writer: ends when every sender is gone and the queue is empty.
    fn write_all(&self, mut queue: mpsc::Receiver<Box<dyn Work>>) {
        while let Some(first) = queue.blocking_recv() {
            let mut bytes = first.bytes();
            let mut group = vec![first];
            while group.len() < GROUP && bytes < GROUP_BYTES {
                let Ok(job) = queue.try_recv() else { break };
                bytes += job.bytes();
                group.push(job);
            }
            // One transaction for all of them.
            // The keys first: what is written must not be without.
            let written = self.vault.flush().and_then(|()| {
                let apply = |tx: &_| group.iter_mut().try_for_each(|job| job.apply(self, tx));
                self.disk.write(apply)
            });
            if let Err(error) = &written {
                metrics::counter!("waybill_store_faults_total").increment(1);
                tracing::error!(%error, commits = group.len(), "commits failed");
            }
            for job in group {
                job.end(self, written.clone());
            }
            self.bell.ring();
        }
    }
}

impl Work for Job {
    fn bytes(&self) -> usize {
        self.value.len()
    }

    fn apply(&mut self, inner: &Inner, tx: &WriteTransaction) -> Result<(), redb::Error> {
        self.applied = self.write(inner, tx)?;
        Ok(())
    }

    fn end(self: Box<Self>, inner: &Inner, written: Result<(), StoreError>) {
        let reply = match (written, self.applied) {
            (Err(error), _) => Err(error.into()),
            (Ok(()), Some(sequence)) => {
                inner.remember(&self.stored, self.value.len());
                Ok(sequence)
            }
            (Ok(()), None) => {
                // Should the cache ever be behind, the loser must not read the same again.
                inner.cache.invalidate(&self.stored.dossier.id);
                Err(CommitError::Conflict)
            }
        };
        let _ = self.reply.send(reply);
    }
}

impl Job {
    fn write(&self, inner: &Inner, tx: &WriteTransaction) -> Result<Option<u64>, redb::Error> {
        let id = &self.stored.dossier.id;
        if !inner.is_its_key(id, &self.own) {
            return Ok(None);
        }
        let mut shipments = tx.open_table(SHIPMENTS)?;
        let current = match shipments.get(id.0.as_str())? {
            None => 0,
            Some(value) => {
                let version = codec::version_in(value.value());
                // What `load` calls absent has to be absent here too.
                let absent = self.expected == 0 && inner.open(id, value.value()).is_none();
                if absent { 0 } else { version }
            }
        };
        if current != self.expected {
            return Ok(None);
        }
        shipments.insert(id.0.as_str(), self.value.as_slice())?;
        let mut numbers = tx.open_multimap_table(NUMBERS)?;
        for number in &self.numbers {
            numbers.insert(number, id.0.as_str())?;
        }
        if !self.changed {
            return Ok(Some(0));
        }
        log::moved(tx, id, self.stored.record.update_time)?;
        let what = What::Record(self.stored.record.revision);
        log::write(tx, id, &what, self.time).map(Some)
    }
}

fn make_private(folder: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn make_tables(tx: &WriteTransaction) -> Result<(), redb::Error> {
    tx.open_table(SHIPMENTS)?;
    tx.open_multimap_table(NUMBERS)?;
    tx.open_table(NOTES)?;
    Ok(())
}
