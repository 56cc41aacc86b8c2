//! API keys: `wb_<id>_<secret>`, of which only the id and a keyed hash are kept, in a file that the
//! servers share.
//!
//! **Invariant:** a secret leaves this file once, when its key is made. Nothing that is kept, logged
//! or printed later can be turned into a key.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use waybill_core::caller::{Caller, Scopes, is_tenant};
use waybill_core::privacy::Secret;

use super::pepper::{Pepper, Peppers, random_hex};
use super::settings::{TENANT, beside, scopes};
use super::{Denied, file};
use crate::store::seal::hex;

/// What every key begins with, so that a scanner of source code finds one.
pub const PREFIX: &str = "wb_";
/// Bytes of a secret.
const SECRET: usize = 32;
/// Bytes of an id.
const ID: usize = 6;
/// Greatest size of a keys file.
const FILE: u64 = 16 * 1_024 * 1_024;
/// Characters of a key's name.
const NAME: usize = 128;

/// One key, as the file has it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Names the key; not secret.
    pub id: String,
    /// Tenant that it acts for.
    pub tenant: String,
    /// What it is for, in the operator's words.
    #[serde(default)]
    pub name: String,
    /// What it may see and do.
    pub scopes: Vec<String>,
    /// Name of the pepper that it is hashed with.
    pub pepper: String,
    /// Keyed hash, 64 hexadecimal digits.
    pub hash: String,
    /// When it was made.
    pub create_time: Timestamp,
    /// Until when it works.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expire_time: Option<Timestamp>,
    /// Since when it works no longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoke_time: Option<Timestamp>,
}

/// Whether a key works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It does.
    Active,
    /// Its time is over.
    Expired,
    /// Somebody took it back.
    Revoked,
}

impl Record {
    /// Whether the key works at a moment.
    pub fn state(&self, now: Timestamp) -> State {
        if self.revoke_time.is_some() {
            return State::Revoked;
        }
        match self.expire_time {
            Some(end) if end <= now => State::Expired,
            _ => State::Active,
        }
    }
}

/// A keys file.
#[derive(Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Book {
    #[serde(default)]
    key: Vec<Record>,
}

/// Reads a keys file.
///
/// # Errors
/// Names the file and what is wrong with it.
pub fn read(path: &Path) -> Result<Vec<Record>, String> {
    let text =
        read_text(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    parse(&text).map_err(|error| format!("{}: {error}", path.display()))
}

/// Text of a keys file.
///
/// # Errors
/// It cannot be read or is far too large.
pub fn read_text(path: &Path) -> std::io::Result<String> {
    let size = std::fs::metadata(path)?.len();
    if size > FILE {
        return Err(std::io::Error::other(format!(
            "is larger than {FILE} bytes"
        )));
    }
    std::fs::read_to_string(path)
}

/// Reads the text of a keys file.
///
/// # Errors
/// Names what is wrong, never a hash.
pub fn parse(text: &str) -> Result<Vec<Record>, String> {
    let book: Book = toml::from_str(text).map_err(|error| error.message().to_owned())?;
    let mut ids: Vec<&str> = book.key.iter().map(|key| key.id.as_str()).collect();
    ids.sort_unstable();
    if let Some(pair) = ids.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(format!("two keys have the id {:?}", pair[0]));
    }
    for key in &book.key {
        let wrong = |why: String| Err(format!("key {:?}: {why}", key.id));
        if !is_tenant(&key.tenant) {
            return wrong(format!("tenant {TENANT}"));
        }
        if let Err(why) = scopes(&key.scopes) {
            return wrong(why);
        }
        if read_hash(&key.hash).is_none() {
            return wrong("hash must have 64 hexadecimal digits".to_owned());
        }
    }
    Ok(book.key)
}

fn read_hash(text: &str) -> Option<[u8; 32]> {
    let mut hash = [0; 32];
    if text.len() != 2 * hash.len() || !text.is_ascii() {
        return None;
    }
    for (at, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(hash)
}

/// What a new key is to be.
pub struct NewKey {
    /// Tenant that it acts for.
    pub tenant: String,
    /// What it is for.
    pub name: String,
    /// What it may see and do.
    pub scopes: Scopes,
    /// Until when it works; `None`: until it is revoked.
    pub expire_time: Option<Timestamp>,
}

/// Makes a key and writes it to the file. Returns its record and the key itself, which nobody can
/// find out again.
///
/// # Errors
/// Says what is wrong with the key or the file.
pub fn create(
    path: &Path,
    peppers: &Peppers,
    new: NewKey,
    now: Timestamp,
) -> Result<(Record, Secret), String> {
    if !is_tenant(&new.tenant) {
        return Err(format!("tenant: {TENANT}"));
    }
    if new.name.chars().count() > NAME {
        return Err(format!("name: must have at most {NAME} characters"));
    }
    let pepper = peppers.newest().ok_or("there is no pepper")?;
    let id = random_hex::<ID>()?;
    let secret = random_hex::<SECRET>()?;
    let record = Record {
        id: id.to_string(),
        tenant: new.tenant,
        name: new.name,
        scopes: new.scopes.iter().map(|it| it.as_str().to_owned()).collect(),
        pepper: pepper.id().to_owned(),
        hash: hex(&pepper.hash(&id, &secret)),
        create_time: now,
        expire_time: new.expire_time,
        revoke_time: None,
    };
    change(path, |keys| {
        keys.push(record.clone());
        Ok(())
    })?;
    let whole = format!("{PREFIX}{}_{}", id.as_str(), secret.as_str());
    Ok((record, Secret::new(whole)))
}

/// Revokes a key; of one that is revoked already nothing changes.
///
/// # Errors
/// There is no such key, or the file cannot be written.
pub fn revoke(path: &Path, id: &str, now: Timestamp) -> Result<Record, String> {
    change(path, |keys| {
        let key = keys.iter_mut().find(|key| key.id == id);
        let key = key.ok_or_else(|| format!("no key has the id {id:?}"))?;
        key.revoke_time.get_or_insert(now);
        Ok(key.clone())
    })
}

fn change<T>(
    path: &Path,
    step: impl FnOnce(&mut Vec<Record>) -> Result<T, String>,
) -> Result<T, String> {
    file::locked(path, || {
        let mut keys = match path.exists() {
            true => read(path)?,
            false => Vec::new(),
        };
        let done = step(&mut keys)?;
        let text = toml::to_string(&Book { key: keys }).map_err(|error| error.to_string())?;
        let written = file::replace(path, text.as_bytes());
        written.map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        Ok(done)
    })
}

/// When keys were last used, by id, as far as the servers have written it down.
pub fn last_used(path: &Path) -> BTreeMap<String, Timestamp> {
    let text = std::fs::read_to_string(beside(path, "used"));
    // It is of use to people only; a key works without it.
    text.ok()
        .and_then(|text| toml::from_str(&text).ok())
        .unwrap_or_default()
}

/// Writes down when keys were last used; a later time that another server wrote stays.
///
/// # Errors
/// The file cannot be written.
pub fn note_used(path: &Path, used: &BTreeMap<String, Timestamp>) -> Result<(), String> {
    file::locked(path, || {
        let mut all = last_used(path);
        for (id, time) in used {
            let known = all.entry(id.clone()).or_insert(*time);
            *known = (*known).max(*time);
        }
        let text = toml::to_string(&all).map_err(|error| error.to_string())?;
        let path = beside(path, "used");
        file::replace(&path, text.as_bytes())
            .map_err(|error| format!("cannot write {}: {error}", path.display()))
    })
}

/// The keys of a file, ready to be asked for.
pub struct Ring<P> {
    known: HashMap<String, Known<P>>,
    /// For ids that nobody has: they cost what others cost.
    other: Pepper,
}

struct Known<P> {
    pepper: Pepper,
    hash: [u8; 32],
    revoked: bool,
    expire_time: Option<Timestamp>,
    principal: P,
    /// Milliseconds since 1970; 0: never.
    used: AtomicI64,
}

impl<P> Ring<P> {
    /// Takes the keys of a file. One whose pepper is gone never works, and is counted.
    ///
    /// # Errors
    /// There is no pepper.
    pub fn new(
        records: Vec<Record>,
        peppers: &Peppers,
        principal: impl Fn(Caller) -> P,
    ) -> Result<Self, String> {
        let other = peppers.newest().ok_or("there is no pepper")?.clone();
        let mut known = HashMap::with_capacity(records.len());
        for record in records {
            let (Some(pepper), Some(hash)) =
                (peppers.find(&record.pepper), read_hash(&record.hash))
            else {
                let (key, pepper) = (&record.id, &record.pepper);
                tracing::warn!(key, pepper, "a key's pepper is not known; it does not work");
                continue;
            };
            let key = Known {
                pepper: pepper.clone(),
                hash,
                revoked: record.revoke_time.is_some(),
                expire_time: record.expire_time,
                principal: principal(Caller {
                    tenant: record.tenant,
                    scopes: scopes(&record.scopes)?,
                }),
                used: AtomicI64::new(0),
            };
            known.insert(record.id, key);
        }
        Ok(Self { known, other })
    }

    /// How many there are, revoked ones among them.
    pub fn count(&self) -> usize {
        self.known.len()
    }

    /// Finds out whose a key is.
    ///
    /// # Errors
    /// It is nobody's, or works no longer.
    pub fn find(&self, presented: &str, now: Timestamp) -> Result<&P, Denied> {
        let rest = presented.strip_prefix(PREFIX).ok_or(Denied::Malformed)?;
        let (id, secret) = rest.split_once('_').ok_or(Denied::Malformed)?;
        if id.len() != 2 * ID || secret.len() != 2 * SECRET {
            return Err(Denied::Malformed);
        }
        let Some(known) = self.known.get(id) else {
            let _same_time = self.other.is(&[0; 32], id, secret);
            return Err(Denied::Unknown);
        };
        if !known.pepper.is(&known.hash, id, secret) {
            return Err(Denied::Unknown);
        }
        if known.revoked {
            return Err(Denied::Revoked);
        }
        if known.expire_time.is_some_and(|end| end <= now) {
            return Err(Denied::Expired);
        }
        let now = now.as_millisecond();
        // To the second; a store on every call would be passed between the processors.
        if now - known.used.load(Ordering::Relaxed) >= 1_000 {
            known.used.store(now, Ordering::Relaxed);
        }
        Ok(&known.principal)
    }

    /// Keys that were used since a moment, to the second.
    pub fn used_since(&self, since: Timestamp) -> BTreeMap<String, Timestamp> {
        let used = self.known.iter().filter_map(|(id, key)| {
            let millis = key.used.load(Ordering::Relaxed);
            let used = Timestamp::from_second(millis / 1_000).ok()?;
            (millis > since.as_millisecond()).then(|| (id.clone(), used))
        });
        used.collect()
    }
}

#[cfg(test)]
mod tests {
    use waybill_core::caller::Scope;

    use super::super::settings::Settings;
    use super::*;

    fn peppers(folder: &Path, previous: &str) -> Peppers {
        let settings = Settings {
            keys_file: folder.join("keys.toml"),
            previous_pepper: previous.to_owned().into(),
            ..Settings::default()
        };
        Peppers::read_or_create(&settings).unwrap()
    }

    fn ring(path: &Path, peppers: &Peppers) -> Ring<Caller> {
        Ring::new(read(path).unwrap(), peppers, |caller| caller).unwrap()
    }

    fn new(tenant: &str, expire_time: Option<Timestamp>) -> NewKey {
        NewKey {
            tenant: tenant.to_owned(),
            name: "checkout".to_owned(),
            scopes: Scopes::from_iter([Scope::Track]),
            expire_time,
        }
    }

    #[test]
    fn a_key_works_until_it_expires_or_is_revoked_and_nothing_near_it_does() {
        let folder = tempfile::tempdir().unwrap();
        let (path, now) = (folder.path().join("keys.toml"), Timestamp::UNIX_EPOCH);
        let soon = now + std::time::Duration::from_secs(60);
        let peppers = peppers(folder.path(), "");
        let (_, first) = create(&path, &peppers, new("shop-a", None), now).unwrap();
        let (record, second) = create(&path, &peppers, new("shop-a", Some(soon)), now).unwrap();
        let keys = ring(&path, &peppers);
        for key in [&first, &second] {
            let caller = keys.find(key.expose(), now).unwrap();
            assert_eq!(caller.tenant, "shop-a");
            assert_eq!(caller.scopes, Scopes::from_iter([Scope::Track]));
        }
        assert_eq!(keys.find(second.expose(), soon), Err(Denied::Expired));
        let text = first.expose();
        for at in 0..text.len() {
            let mut wrong = text.to_owned().into_bytes();
            wrong[at] = if wrong[at] == b'0' { b'1' } else { b'0' };
            let wrong = String::from_utf8(wrong).unwrap();
            assert!(keys.find(&wrong, now).is_err(), "character {at}");
            assert!(keys.find(&text[..at], now).is_err());
        }
        revoke(&path, &record.id, now).unwrap();
        let keys = ring(&path, &peppers);
        assert_eq!(keys.find(second.expose(), now), Err(Denied::Revoked));
        assert!(keys.find(first.expose(), now).is_ok());
        assert!(revoke(&path, "nobody", now).is_err());
        let file = std::fs::read_to_string(&path).unwrap();
        for key in [first, second] {
            assert!(!file.contains(key.expose().rsplit('_').next().unwrap()));
        }
    }

    #[test]
    fn a_key_works_with_the_pepper_before_and_not_without_it() {
        let folder = tempfile::tempdir().unwrap();
        let (path, now) = (folder.path().join("keys.toml"), Timestamp::UNIX_EPOCH);
        let before = peppers(folder.path(), "");
        let (_, key) = create(&path, &before, new("shop-a", None), now).unwrap();
        let pepper = folder.path().join("keys.toml.pepper");
        let old = std::fs::read_to_string(&pepper).unwrap();
        std::fs::remove_file(&pepper).unwrap();
        let both = peppers(folder.path(), &old);
        assert!(ring(&path, &both).find(key.expose(), now).is_ok());
        let only = peppers(folder.path(), "");
        let gone = ring(&path, &only).find(key.expose(), now).err();
        assert_eq!(gone, Some(Denied::Unknown));
    }

    #[test]
    fn keys_that_are_made_at_once_are_all_there() {
        let folder = tempfile::tempdir().unwrap();
        let (path, now) = (folder.path().join("keys.toml"), Timestamp::UNIX_EPOCH);
        let peppers = peppers(folder.path(), "");
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| create(&path, &peppers, new("shop-a", None), now).unwrap());
            }
        });
        assert_eq!(read(&path).unwrap().len(), 8);
    }

    #[test]
    fn the_latest_use_is_written_down() {
        let folder = tempfile::tempdir().unwrap();
        let (path, now) = (folder.path().join("keys.toml"), Timestamp::UNIX_EPOCH);
        let later = now + std::time::Duration::from_secs(90);
        let peppers = peppers(folder.path(), "");
        let (record, key) = create(&path, &peppers, new("shop-a", None), now).unwrap();
        let keys = ring(&path, &peppers);
        assert!(keys.used_since(now).is_empty());
        keys.find(key.expose(), later).unwrap();
        let used = keys.used_since(now);
        note_used(&path, &used).unwrap();
        note_used(&path, &BTreeMap::from([(record.id.clone(), now)])).unwrap();
        assert_eq!(last_used(&path), BTreeMap::from([(record.id, later)]));
    }

    #[test]
    fn a_broken_file_is_refused_without_saying_what_it_holds() {
        let hash = "00".repeat(32);
        let good = format!(
            "[[key]]\nid = \"a\"\ntenant = \"a\"\nscopes = []\npepper = \"a\"\nhash = \"{hash}\"\n\
             create_time = \"2026-01-01T00:00:00Z\"\n"
        );
        assert_eq!(parse(&good).unwrap().len(), 1);
        let twice = format!("{good}{good}");
        for (text, expected) in [
            (twice.as_str(), "two keys"),
            (&good.replace("\"a\"\nscopes", "\"A\"\nscopes"), "tenant"),
            (&good.replace("[]", "[\"root\"]"), "root"),
            (&good.replace(&hash, &hash[1..]), "hash"),
            (&good[..good.len() / 2], ""),
        ] {
            let error = parse(text).unwrap_err();
            assert!(
                error.contains(expected) && !error.contains(&hash[1..]),
                "{error}"
            );
        }
    }
}
