//! The audit log: who erased, exported, changed keys or operated, when, in a file that only grows.
//!
//! Each line is JSON with a keyed hash over itself and the hash of the line before it, so that a line
//! that is changed, moved or taken out shows. That lines at the end are missing shows only beside a
//! copy, or beside a backup, which notes how far the log was. The log is also the list of what was
//! erased: it is applied to what is restored from a backup.
//!
//! **Invariant:** a line names shipments by their ids, and holds no number, name or place.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use waybill_core::shipment::ShipmentId;

use crate::store::seal::{Keys, hex};

/// What an erasure is called in the log.
pub const ERASED: &str = "shipment_erased";
/// In it, the shipment.
const SHIPMENT: &str = "shipment";

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Place in the log, from 1, without gaps.
    pub sequence: u64,
    /// When.
    pub time: Timestamp,
    /// Tenant of the credential, or what did it.
    pub who: String,
    /// What was done.
    pub what: String,
    /// To what, and how.
    pub about: BTreeMap<String, String>,
    /// Keyed hash of the line before it and of this one without it; 64 hexadecimal digits.
    pub chain: String,
}

impl Entry {
    /// The shipment that it says was erased.
    pub fn erased(&self) -> Option<ShipmentId> {
        let id = self.about.get(SHIPMENT).filter(|_| self.what == ERASED)?;
        Some(ShipmentId(id.clone()))
    }

    fn chained(&self, keys: &Keys, before: &str) -> Result<String, serde_json::Error> {
        let unchained = Self {
            chain: String::new(),
            ..self.clone()
        };
        let line = serde_json::to_vec(&unchained)?;
        Ok(hex(&keys.hash("audit", &[before.as_bytes(), &line])))
    }
}

/// Where it is written; nowhere if there is no file. Cheap to clone.
#[derive(Clone)]
pub struct Audit {
    path: Option<Arc<Path>>,
    keys: Arc<Keys>,
}

impl Audit {
    /// Writes to a file, which the first line makes. Several processes can write to one.
    pub fn new(path: Option<PathBuf>, keys: Arc<Keys>) -> Self {
        Self {
            path: path.map(Arc::from),
            keys,
        }
    }

    /// The file.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Adds a line; it is on the disk when this returns. Returns its sequence, 0 without a file.
    ///
    /// # Errors
    /// The file cannot be read or written, or its last line is damaged.
    pub fn append(
        &self,
        time: Timestamp,
        who: &str,
        what: &str,
        about: &[(&str, &str)],
    ) -> io::Result<u64> {
        tracing::info!(target: crate::auth::audit::TARGET, who, what, "audited");
        let Some(path) = &self.path else {
            return Ok(0);
        };
        let mut options = OpenOptions::new();
        options.create(true).read(true).append(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path)?;
        // Freed when the file is closed.
        file.lock()?;
        let last = last(&mut file)?;
        let (sequence, before) = last.map_or((0, String::new()), |one| (one.sequence, one.chain));
        let text = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let mut entry = Entry {
            sequence: sequence + 1,
            time,
            who: who.to_owned(),
            what: what.to_owned(),
            about: about.iter().map(text).collect(),
            chain: String::new(),
        };
        entry.chain = entry.chained(&self.keys, &before)?;
        let mut line = serde_json::to_vec(&entry)?;
        line.push(b'\n');
        file.write_all(&line)?;
        file.sync_data()?;
        Ok(entry.sequence)
    }

    /// The same for an erased shipment.
    ///
    /// # Errors
    /// As [`Audit::append`].
    pub fn erased(
        &self,
        time: Timestamp,
        who: &str,
        id: &ShipmentId,
        about: &[(&str, &str)],
    ) -> io::Result<u64> {
        let about = [&[(SHIPMENT, id.0.as_str())], about].concat();
        self.append(time, who, ERASED, &about)
    }
}

/// The last line. What a power cut left of one that was never acknowledged is cut off.
fn last(file: &mut File) -> io::Result<Option<Entry>> {
    /// Longer than any line.
    const TAIL: u64 = 64 << 10;
    let length = file.metadata()?.len();
    let from = length.saturating_sub(TAIL);
    file.seek(SeekFrom::Start(from))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    let end = tail.iter().rposition(|byte| *byte == b'\n');
    let whole = end.map_or(0, |end| end + 1);
    if whole < tail.len() {
        file.set_len(from + u64::try_from(whole).unwrap_or(u64::MAX))?;
    }
    let line = tail[..whole].trim_ascii_end();
    let start = line.iter().rposition(|byte| *byte == b'\n');
    let line = &line[start.map_or(0, |start| start + 1)..];
    if line.is_empty() {
        return Ok(None);
    }
    serde_json::from_slice(line).map(Some).map_err(|_| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            "the last line of the audit log is damaged",
        )
    })
}

/// Reads a log and checks its chain from the first line to the last.
///
/// # Errors
/// The file cannot be read, or which line breaks the chain.
pub fn read(path: &Path, keys: &Keys) -> Result<Vec<Entry>, String> {
    let fail = |reason: &str| format!("audit log {}: {reason}", path.display());
    let text = std::fs::read_to_string(path).map_err(|error| fail(&error.to_string()))?;
    let mut entries: Vec<Entry> = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let place = at + 1;
        let broken = |what: &str| fail(&format!("line {place} {what}"));
        let entry: Entry = serde_json::from_str(line).map_err(|_| broken("is damaged"))?;
        let before = entries.last().map_or("", |last| &last.chain);
        let chained = entry.chained(keys, before).ok();
        if entry.sequence != u64::try_from(place).unwrap_or(u64::MAX) {
            return Err(broken("is not in its place"));
        }
        if chained.as_ref() != Some(&entry.chain) {
            return Err(broken("does not follow from the one before it"));
        }
        entries.push(entry);
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_changed_moved_or_taken_out_shows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.log");
        let keys = Arc::new(Keys::new(&[7; 32]));
        let audit = Audit::new(Some(path.clone()), Arc::clone(&keys));
        let now = Timestamp::UNIX_EPOCH;
        for id in ["a", "b", "c"] {
            let id = ShipmentId(id.to_owned());
            audit.erased(now, "acme", &id, &[]).unwrap();
        }
        // Another process, after a power cut in the middle of a line.
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"{\"sequence\":4,\"ti").unwrap();
        let again = Audit::new(Some(path.clone()), Arc::clone(&keys));
        let sequence = again.append(now, "cli", "key_created", &[("key", "k1")]);
        assert_eq!(sequence.unwrap(), 4);
        let entries = read(&path, &keys).unwrap();
        let erased: Vec<_> = entries.iter().filter_map(Entry::erased).collect();
        assert_eq!(erased.len(), 3);

        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let changed = text.replacen("acme", "evil", 1);
        let moved = [lines[1], lines[0], lines[2], lines[3]].join("\n");
        let taken = [lines[0], lines[2], lines[3]].join("\n");
        for (bad, line) in [(changed, 1), (moved, 1), (taken, 2)] {
            std::fs::write(&path, bad).unwrap();
            let error = read(&path, &keys).unwrap_err();
            assert!(error.contains(&format!("line {line} ")), "{error}");
        }
        std::fs::write(&path, text).unwrap();
        assert!(read(&path, &Keys::new(&[8; 32])).is_err());
    }
}
