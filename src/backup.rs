//! Copies of a data directory: made while it is used, checked, and restored.
//!
//! A backup is a folder of the files as they are, with a manifest of their digests. What is in it is
//! sealed as it is in the directory, and the master key is not in it. Restoring applies the
//! erasures of the audit log, so that what was erased after the backup was made stays erased.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use waybill_core::shipment::ShipmentId;

use crate::audit::{self, Audit};
use crate::evidence::Evidence;
use crate::store::file::FileStore;
use crate::store::seal::{Keys, hex};
use crate::store::{Erasure, Store as _};

/// Name of the manifest in a backup.
const MANIFEST: &str = "manifest.json";
/// The file of shipments, and that of their keys.
const STORE: &str = "waybill.redb";
const VAULT: &str = "keys.redb";
const EVIDENCE: &str = "evidence.redb";
/// The audit log, if it is in the data directory.
pub const AUDIT: &str = "audit.log";
/// Meaning of the manifest.
const FORMAT: u32 = 1;
/// Shipments that are read in one step.
const PAGE: usize = 1_000;

/// What a backup holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    format: u32,
    /// When the copy of the store was begun: what was acknowledged before is in it.
    pub create_time: Timestamp,
    /// Short name of the master key.
    pub key_id: String,
    /// Entries of the audit log then.
    pub audit_entries: u64,
    /// Files by name.
    pub files: BTreeMap<String, Copied>,
}

/// One file of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Copied {
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 in hexadecimal digits.
    pub sha256: String,
}

/// What copies the data directory of a running server. Cheap to clone.
#[derive(Clone)]
pub struct Backups {
    store: Arc<FileStore>,
    evidence: Option<Evidence>,
    audit: Audit,
}

impl Backups {
    /// Of a store, and the answers that are kept beside it.
    pub const fn new(store: Arc<FileStore>, evidence: Option<Evidence>, audit: Audit) -> Self {
        Self {
            store,
            evidence,
            audit,
        }
    }

    /// Writes a backup into a folder that does not exist or is empty. Writers wait while the file of
    /// the store is copied.
    ///
    /// # Errors
    /// What cannot be read or written.
    pub async fn create(&self, folder: &Path, now: Timestamp) -> Result<Manifest, String> {
        make_empty(folder)?;
        let evidence = folder.join(EVIDENCE);
        let has_evidence = match &self.evidence {
            Some(shelf) => shelf.copy(&evidence).await,
            None => Ok(None),
        };
        let has_evidence = has_evidence.map_err(|error| error.to_string())?.is_some();
        let (backups, folder) = (self.clone(), folder.to_owned());
        let copying = move || backups.copy(&folder, now, has_evidence);
        let cut = |_| "copying was cut short".to_owned();
        tokio::task::spawn_blocking(copying).await.map_err(cut)?
    }

    fn copy(&self, folder: &Path, now: Timestamp, has_evidence: bool) -> Result<Manifest, String> {
        let mut names = vec![STORE, VAULT];
        names.extend(has_evidence.then_some(EVIDENCE));
        let copied = self.store.copy(&folder.join(STORE));
        copied.map_err(|error| error.to_string())?;
        // The keys after what they seal: none is missing, but for what was erased meanwhile.
        let copied = self.store.vault().copy(&folder.join(VAULT));
        copied.map_err(|error| error.to_string())?;
        let mut audit_entries = 0;
        if let Some(path) = self.audit.path().filter(|path| path.exists()) {
            let entries = audit::read(path, self.store.keys())?;
            audit_entries = entries.last().map_or(0, |last| last.sequence);
            copy(path, &folder.join(AUDIT))?;
            names.push(AUDIT);
        }
        let mut files = BTreeMap::new();
        for name in names {
            files.insert(name.to_owned(), digest(&folder.join(name))?);
        }
        let manifest = Manifest {
            format: FORMAT,
            create_time: now,
            key_id: hex(&self.store.keys().id()),
            audit_entries,
            files,
        };
        let text = serde_json::to_vec_pretty(&manifest).map_err(|error| error.to_string())?;
        let path = folder.join(MANIFEST);
        fs::write(&path, text).map_err(|error| at(&path, &error))?;
        Ok(manifest)
    }
}

/// What a data directory or a backup holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Shipments that can be read.
    pub shipments: u64,
    /// Shipments that cannot: their key is missing or they are damaged.
    pub unreadable: u64,
    /// Keys of shipments.
    pub keys: u64,
    /// Keys that cannot be unwrapped with the master keys that are given.
    pub strange_keys: u64,
    /// Shipments that were erased and can still be read. More than 0 is a defect.
    pub erased_but_readable: u64,
    /// Entries of the audit log.
    pub audit_entries: u64,
    /// When the newest of the shipments was committed.
    pub newest: Option<Timestamp>,
}

impl Verified {
    /// Whether all is as it should be.
    pub const fn is_good(&self) -> bool {
        self.unreadable == 0 && self.strange_keys == 0 && self.erased_but_readable == 0
    }
}

/// Reads the manifest of a backup and compares the digests of its files.
///
/// # Errors
/// Which file is missing or altered.
pub fn read(folder: &Path) -> Result<Manifest, String> {
    let path = folder.join(MANIFEST);
    let text = fs::read(&path).map_err(|error| at(&path, &error))?;
    let manifest: Manifest = serde_json::from_slice(&text)
        .map_err(|_| format!("{} is not a manifest", path.display()))?;
    if manifest.format != FORMAT {
        return Err("another version of waybill made the backup".to_owned());
    }
    for (name, expected) in &manifest.files {
        if Path::new(name).components().count() != 1 {
            return Err(format!("{} names a file elsewhere", path.display()));
        }
        let path = folder.join(name);
        if digest(&path)? != *expected {
            return Err(format!("{} is not what was backed up", path.display()));
        }
    }
    Ok(manifest)
}

/// Copies a backup into a data directory that does not exist or is empty, and erases in it what the
/// audit logs say was erased, those of the backup and those that are given. Returns its manifest and
/// how many shipments were erased once more.
///
/// # Errors
/// What is missing, altered or cannot be written; nothing is to be served from the directory then.
pub async fn restore(
    from: &Path,
    data_dir: &Path,
    key_file: &Path,
    logs: &[PathBuf],
) -> Result<(Manifest, u64), String> {
    let manifest = read(from)?;
    let keys = Keys::read(key_file).map_err(|error| error.to_string())?;
    if manifest.key_id != hex(&keys.id()) {
        return Err("the backup was sealed with another master key".to_owned());
    }
    // Before anything is written: a log that is damaged could lack an erasure.
    let mut erased = Vec::new();
    let own = manifest.files.contains_key(AUDIT).then(|| from.join(AUDIT));
    for log in logs.iter().chain(&own) {
        let entries = audit::read(log, &keys)?;
        let known = entries.last().map_or(0, |last| last.sequence);
        if Some(log) != own.as_ref() && logs.len() == 1 && known < manifest.audit_entries {
            return Err(format!("{} ends before the backup was made", log.display()));
        }
        erased.extend(
            entries
                .into_iter()
                .filter_map(|entry| Some((entry.erased()?, entry.time))),
        );
    }
    make_empty(data_dir)?;
    for name in manifest.files.keys() {
        copy(&from.join(name), &data_dir.join(name))?;
    }
    // The log that is longest goes on.
    if let [log] = logs {
        copy(log, &data_dir.join(AUDIT))?;
    }
    let store = FileStore::open(data_dir, Some(key_file)).map_err(|error| error.to_string())?;
    let store = Arc::new(store);
    let evidence = open_evidence(data_dir, &store)?;
    let mut count = 0;
    for (id, time) in erased {
        // What was made anew since then, by who registered it again, has another key and another
        // time; in a backup both can only be older or newer than the erasure as a whole.
        let stored = store
            .load_stored(&id)
            .await
            .map_err(|error| error.to_string())?;
        if stored.is_some_and(|stored| begun(&stored) > time) {
            continue;
        }
        let erasure = Erasure {
            id: id.clone(),
            subjects: Vec::new(),
            time,
        };
        let gone = store
            .erase(erasure)
            .await
            .map_err(|error| error.to_string())?;
        let answers = evidence
            .erase(&id)
            .await
            .map_err(|error| error.to_string())?;
        count += u64::from(gone || answers > 0);
    }
    evidence.stop().await;
    Ok((manifest, count))
}

/// When a shipment was first heard of.
fn begun(stored: &crate::store::Stored) -> Timestamp {
    let observations = stored.dossier.observations.iter();
    let received = observations.map(|one| one.receive_time);
    received.min().unwrap_or(stored.time)
}

/// Reads everything in a data directory that no server uses.
///
/// # Errors
/// It cannot be opened, or the chain of its audit log is broken.
pub async fn verify(
    data_dir: &Path,
    key_file: &Path,
    log: Option<&Path>,
) -> Result<Verified, String> {
    if !data_dir.join(STORE).exists() {
        return Err(format!("{} holds no store", data_dir.display()));
    }
    let store = FileStore::open(data_dir, Some(key_file)).map_err(|error| error.to_string())?;
    let mut verified = Verified::default();
    (verified.keys, verified.strange_keys) =
        store.vault().count().map_err(|error| error.to_string())?;
    let own = data_dir.join(AUDIT);
    let log = log.or_else(|| own.exists().then_some(&*own));
    let entries = match log {
        Some(log) => audit::read(log, store.keys())?,
        None => Vec::new(),
    };
    verified.audit_entries = entries.last().map_or(0, |last| last.sequence);
    let erased: BTreeMap<ShipmentId, Timestamp> = entries
        .iter()
        .filter_map(|entry| Some((entry.erased()?, entry.time)))
        .collect();
    let mut after: Option<ShipmentId> = None;
    loop {
        let page = store.all(after.as_ref(), PAGE).await;
        let page = page.map_err(|error| error.to_string())?;
        for id in &page {
            let stored = store
                .load_stored(id)
                .await
                .map_err(|error| error.to_string())?;
            let Some(stored) = stored else {
                verified.unreadable += 1;
                continue;
            };
            verified.shipments += 1;
            verified.newest = verified.newest.max(Some(stored.time));
            if erased.get(id).is_some_and(|time| begun(&stored) < *time) {
                verified.erased_but_readable += 1;
            }
        }
        match page.last() {
            Some(last) if page.len() == PAGE => after = Some(last.clone()),
            _ => return Ok(verified),
        }
    }
}

/// Opens the answers beside a store, for whoever works on a directory that no server uses.
///
/// # Errors
/// The file cannot be opened.
pub fn open_evidence(data_dir: &Path, store: &Arc<FileStore>) -> Result<Evidence, String> {
    let settings = crate::evidence::Settings::default();
    let place = (data_dir, Arc::clone(store.vault()));
    Evidence::start(&settings, Some(place), store.keys(), Arc::clone(store) as _)
}

fn make_empty(folder: &Path) -> Result<(), String> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|error| at(folder, &error))?;
    let mut inside = fs::read_dir(folder).map_err(|error| at(folder, &error))?;
    match inside.next() {
        None => Ok(()),
        Some(_) => Err(format!("{} is not empty", folder.display())),
    }
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    fs::copy(from, to)
        .and_then(|_| File::open(to)?.sync_all())
        .map_err(|error| at(to, &error))
}

fn digest(path: &Path) -> Result<Copied, String> {
    let fail = |error: io::Error| at(path, &error);
    let mut file = File::open(path).map_err(fail)?;
    let (mut hash, mut bytes, mut buffer) = (Sha256::new(), 0, vec![0; 1 << 16]);
    loop {
        let read = file.read(&mut buffer).map_err(fail)?;
        if read == 0 {
            break;
        }
        hash.update(&buffer[..read]);
        bytes += read as u64;
    }
    Ok(Copied {
        bytes,
        sha256: hex(&hash.finalize()),
    })
}

fn at(path: &Path, error: &io::Error) -> String {
    format!("{}: {error}", path.display())
}
