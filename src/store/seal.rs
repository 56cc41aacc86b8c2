//! Values at rest: what is written is sealed, and what stands in a key is a keyed hash.
//!
//! Everything comes from one master key of 32 bytes by HMAC-SHA256 with labels, so that no
//! subkey says anything about another. A value is sealed for its place (table, key, header), and
//! does not open anywhere else: whoever can write to the disk or to Redis can lose values, not
//! swap them.
//!
//! **Invariant:** this file knows bytes, not records, and no key leaves it.

use std::fmt;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use aes_gcm::aead::Aead as _;
use aes_gcm::aead::Payload;
use aes_gcm::{Aes256Gcm, KeyInit as _, Nonce};
use hmac::{Hmac, Mac as _};
use rand::TryRngCore as _;
use sha2::Sha256;
use waybill_core::number::TrackingNumber;
use waybill_core::order::Subject;
use waybill_core::shipment::ShipmentId;
use zeroize::Zeroizing;

/// Format of sealed bytes: this byte, key id, nonce, ciphertext, tag.
const FORMAT: u8 = 1;
/// The same, sealed with the key of one shipment, which lies elsewhere.
const FORMAT_OWN: u8 = 2;
const NONCE: usize = 12;
const HEAD: usize = 1 + KEY_ID + NONCE;
const KEY_ID: usize = 4;
/// Keys in a file of keys that wrap.
const WRAPS: usize = 2;

/// The keys of one installation. Nodes that share a Redis need the same.
pub struct Keys {
    id: [u8; KEY_ID],
    seal: [u8; 32],
    hash: [u8; 32],
    shipment: [u8; 32],
    /// What keys of shipments are wrapped with, the newest first.
    wraps: Vec<WrapKey>,
}

/// A key that wraps keys, and its short name.
struct WrapKey {
    id: [u8; KEY_ID],
    key: Zeroizing<[u8; 32]>,
}

impl WrapKey {
    fn new(master: &[u8; 32]) -> Self {
        let [a, b, c, d, ..] = mac(master, "waybill wrap id", &[]);
        Self {
            id: [a, b, c, d],
            key: Zeroizing::new(mac(master, "waybill wrap", &[])),
        }
    }
}

/// Key of one shipment: what is sealed with it can be read only as long as the key is kept, in
/// backups too. Wiped from memory when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct DataKey(Zeroizing<[u8; 32]>);

impl DataKey {
    /// Makes one.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn random() -> io::Result<Self> {
        Ok(Self(Zeroizing::new(random_bytes()?)))
    }
}

/// Why sealed bytes do not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsealed {
    /// Too short, or written in a format that this version does not know.
    Format,
    /// Sealed with another master key.
    OtherKey,
    /// Damaged, altered, or meant for another place.
    Altered,
    /// Sealed with the key of a shipment, which is not kept any more.
    Erased,
}

impl Unsealed {
    /// Label for a metric.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Format => "format",
            Self::OtherKey => "other_key",
            Self::Altered => "altered",
            Self::Erased => "erased",
        }
    }
}

/// Why there is no master key.
#[derive(Debug)]
pub struct KeyError {
    path: PathBuf,
    reason: String,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "key file {}: {}", self.path.display(), self.reason)
    }
}

impl std::error::Error for KeyError {}

impl Keys {
    /// Derives the keys from a master key.
    pub fn new(master: &[u8; 32]) -> Self {
        let [a, b, c, d, ..] = mac(master, "waybill key id", &[]);
        Self {
            id: [a, b, c, d],
            seal: mac(master, "waybill seal", &[]),
            hash: mac(master, "waybill hash", &[]),
            shipment: mac(master, "waybill shipment id", &[]),
            wraps: vec![WrapKey::new(master)],
        }
    }

    /// Makes keys that die with the process, for a store that does so too.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn random() -> io::Result<Self> {
        random_bytes().map(|master| Self::new(&master))
    }

    /// Reads a master key: 32 raw bytes or 64 hexadecimal digits. What keys of shipments are wrapped
    /// with is derived from it, unless a file of the same name with `.wrap` at its end holds keys for
    /// that: 64 hexadecimal digits in a line, the newest first, two at most.
    ///
    /// # Errors
    /// A file cannot be read or holds something else.
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let mut keys = Self::read_master(path)?;
        let mut wrap = path.as_os_str().to_owned();
        wrap.push(".wrap");
        let wrap = PathBuf::from(wrap);
        let fail = |reason: &str| KeyError {
            path: wrap.clone(),
            reason: reason.to_owned(),
        };
        match fs::read(&wrap) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(keys),
            Err(error) => return Err(fail(&error.to_string())),
            Ok(text) => {
                warn_if_shared(&wrap);
                let lines = text.split(|byte| *byte == b'\n');
                let lines = lines.filter(|line| !line.trim_ascii().is_empty());
                let read: Option<Vec<WrapKey>> = lines
                    .map(|line| from_hex(line).map(|key| WrapKey::new(&key)))
                    .collect();
                let read = read.filter(|read| (1..=WRAPS).contains(&read.len()));
                let bad = "must hold one or two lines of 64 hexadecimal digits";
                // What was wrapped before there was such a file is still read.
                keys.wraps.splice(..0, read.ok_or_else(|| fail(bad))?);
            }
        }
        Ok(keys)
    }

    fn read_master(path: &Path) -> Result<Self, KeyError> {
        let fail = |reason: String| KeyError {
            path: path.to_owned(),
            reason,
        };
        let bytes = fs::read(path).map_err(|error| fail(error.to_string()))?;
        warn_if_shared(path);
        if let Ok(raw) = <[u8; 32]>::try_from(bytes.as_slice()) {
            return Ok(Self::new(&raw));
        }
        from_hex(&bytes)
            .map(|master| Self::new(&master))
            .ok_or_else(|| fail("must hold 32 raw bytes or 64 hexadecimal digits".to_owned()))
    }

    /// Makes a master key, writes it to a new file that only its owner can read, and returns what
    /// [`Keys::read`] will. A file that is there already is never replaced.
    ///
    /// # Errors
    /// The file exists or cannot be written.
    pub fn create(path: &Path) -> Result<Self, KeyError> {
        write_new_key(path).map_err(|error| KeyError {
            path: path.to_owned(),
            reason: format!("cannot be created: {error}"),
        })?;
        Self::read(path)
    }

    /// Short name of the master key, by which a store notices that it was given another one.
    pub const fn id(&self) -> [u8; KEY_ID] {
        self.id
    }

    /// Keyed hash of `parts`, for use as a key. The label keeps uses apart, and lengths are hashed
    /// along, so that no two lists of parts are the same.
    pub fn hash(&self, label: &str, parts: &[&[u8]]) -> [u8; 32] {
        mac(&self.hash, label, parts)
    }

    /// Id of the shipment that is the `n`-th use of a carrier's number, from 0: always the same
    /// for the same keys, and without the number in it.
    pub fn shipment_id(&self, carrier: &str, number: &TrackingNumber, n: u32) -> ShipmentId {
        let hash = mac(
            &self.shipment,
            "",
            &[
                carrier.as_bytes(),
                number.reveal().as_bytes(),
                &n.to_be_bytes(),
            ],
        );
        let id = hash.chunks_exact(16).flat_map(|half| {
            let mut rest = half
                .iter()
                .fold(0_u128, |sum, byte| sum << 8 | u128::from(*byte));
            (0..13).map(move |_| {
                let digit = (rest % 36) as u32;
                rest /= 36;
                char::from_digit(digit, 36).unwrap_or('0')
            })
        });
        ShipmentId(id.collect())
    }

    /// Seals `plain` for `place`: table, key and whatever else must not change around it.
    ///
    /// # Errors
    /// The system gives no random bytes, or the value is beyond 64 GiB.
    pub fn seal(&self, place: &[&[u8]], plain: &[u8]) -> io::Result<Vec<u8>> {
        seal_as(FORMAT, (self.id, &self.seal), place, plain)
    }

    /// The same with the key of one shipment; without one, with that of the installation.
    ///
    /// # Errors
    /// As [`Keys::seal`].
    pub fn seal_own(
        &self,
        own: Option<&DataKey>,
        place: &[&[u8]],
        plain: &[u8],
    ) -> io::Result<Vec<u8>> {
        match own {
            Some(own) => seal_as(FORMAT_OWN, (self.id, &own.0), place, plain),
            None => self.seal(place, plain),
        }
    }

    /// Opens what [`Keys::seal`] sealed for the same place.
    ///
    /// # Errors
    /// Says in which way the bytes are not what was sealed.
    pub fn open(&self, place: &[&[u8]], sealed: &[u8]) -> Result<Vec<u8>, Unsealed> {
        self.open_own(None, place, sealed)
    }

    /// Opens what [`Keys::seal`] or [`Keys::seal_own`] sealed for the same place.
    ///
    /// # Errors
    /// Says in which way the bytes are not what was sealed.
    pub fn open_own(
        &self,
        own: Option<&DataKey>,
        place: &[&[u8]],
        sealed: &[u8],
    ) -> Result<Vec<u8>, Unsealed> {
        let key = match (sealed.first(), own) {
            (Some(&FORMAT), _) => &self.seal,
            (Some(&FORMAT_OWN), Some(own)) => &*own.0,
            (Some(&FORMAT_OWN), None) => {
                let is_ours = sealed.get(1..=KEY_ID) == Some(self.id.as_slice());
                return Err(match is_ours {
                    true => Unsealed::Erased,
                    false => Unsealed::OtherKey,
                });
            }
            _ => return Err(Unsealed::Format),
        };
        open_as((self.id, key), place, sealed)
    }

    /// Wraps the key of a shipment, to be kept.
    ///
    /// # Errors
    /// As [`Keys::seal`].
    pub fn wrap(&self, id: &ShipmentId, own: &DataKey) -> io::Result<Vec<u8>> {
        let newest = self.wraps.first();
        let newest = newest.ok_or_else(|| io::Error::other("nothing to wrap with"))?;
        let place: [&[u8]; 2] = [b"data keys", id.0.as_bytes()];
        seal_as(FORMAT, (newest.id, &newest.key), &place, &*own.0)
    }

    /// Unwraps the key of a shipment.
    ///
    /// # Errors
    /// As [`Keys::open`].
    pub fn unwrap(&self, id: &ShipmentId, wrapped: &[u8]) -> Result<DataKey, Unsealed> {
        let with = wrapped.get(1..=KEY_ID).ok_or(Unsealed::Format)?;
        let with = self.wraps.iter().find(|wrap| wrap.id == with);
        let with = with.ok_or(Unsealed::OtherKey)?;
        let place: [&[u8]; 2] = [b"data keys", id.0.as_bytes()];
        let plain = Zeroizing::new(open_as((with.id, &with.key), &place, wrapped)?);
        let key = <[u8; 32]>::try_from(plain.as_slice()).map_err(|_| Unsealed::Format)?;
        Ok(DataKey(Zeroizing::new(key)))
    }

    /// Whether a key is wrapped with the newest of the keys for that.
    pub fn is_newest(&self, wrapped: &[u8]) -> bool {
        let newest = self.wraps.first().map(|newest| newest.id.as_slice());
        newest.is_some() && wrapped.get(1..=KEY_ID) == newest
    }

    /// What stands in a key for a number or order.
    pub fn subject(&self, subject: &Subject) -> [u8; 32] {
        match subject {
            Subject::Number(number) => self.hash("number", &[number.reveal().as_bytes()]),
            Subject::Order(order) => super::codec::order_key(self, "order", order),
        }
    }
}

fn seal_as(
    format: u8,
    (id, key): ([u8; KEY_ID], &[u8; 32]),
    place: &[&[u8]],
    plain: &[u8],
) -> io::Result<Vec<u8>> {
    let nonce = random_bytes::<NONCE>()?;
    let (cipher, bound) = cipher(key, place);
    let payload = Payload {
        msg: plain,
        aad: &bound,
    };
    let sealed = cipher
        .encrypt(Nonce::from_slice(&nonce), payload)
        .map_err(|_| io::Error::other("value cannot be sealed"))?;
    let mut bytes = Vec::with_capacity(HEAD + sealed.len());
    bytes.push(format);
    bytes.extend_from_slice(&id);
    bytes.extend_from_slice(&nonce);
    bytes.extend_from_slice(&sealed);
    Ok(bytes)
}

fn open_as(
    (id, key): ([u8; KEY_ID], &[u8; 32]),
    place: &[&[u8]],
    sealed: &[u8],
) -> Result<Vec<u8>, Unsealed> {
    let (head, sealed) = sealed.split_at_checked(HEAD).ok_or(Unsealed::Format)?;
    let (prefix, nonce) = head.split_at(1 + KEY_ID);
    if prefix[1..] != id {
        return Err(Unsealed::OtherKey);
    }
    let (cipher, bound) = cipher(key, place);
    let payload = Payload {
        msg: sealed,
        aad: &bound,
    };
    cipher
        .decrypt(Nonce::from_slice(nonce), payload)
        .map_err(|_| Unsealed::Altered)
}

/// One cipher per place. A random nonce of 96 bits is safe for 2^32 values under one key, which a
/// busy installation passes within months; values of one place never get there.
fn cipher(key: &[u8; 32], place: &[&[u8]]) -> (Aes256Gcm, [u8; 32]) {
    let bound = mac(key, "bound", place);
    let key = mac(key, "place", place);
    (Aes256Gcm::new(&key.into()), bound)
}

#[expect(
    clippy::expect_used,
    reason = "HMAC takes keys of every length; the error cannot occur"
)]
fn mac(key: &[u8], label: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = <Hmac<Sha256> as hmac::Mac>::new_from_slice(key).expect("any length");
    for part in std::iter::once(label.as_bytes()).chain(parts.iter().copied()) {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

fn random_bytes<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    rand::rngs::OsRng
        .try_fill_bytes(&mut bytes)
        .map_err(io::Error::other)?;
    Ok(bytes)
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn from_hex(text: &[u8]) -> Option<[u8; 32]> {
    let text = text.trim_ascii();
    if text.len() != 64 {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        let high = char::from(pair[0]).to_digit(16)?;
        let low = char::from(pair[1]).to_digit(16)?;
        *byte = u8::try_from(high << 4 | low).ok()?;
    }
    Some(bytes)
}

/// The file appears under its name only when its content is on the disk: a crash leaves no half
/// key behind.
fn write_new_key(path: &Path) -> io::Result<()> {
    let draft = path.with_extension("draft");
    let _ = fs::remove_file(&draft);
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&draft)?;
    writeln!(file, "{}", hex(&random_bytes::<32>()?))?;
    file.sync_all()?;
    let linked = fs::hard_link(&draft, path);
    fs::remove_file(&draft)?;
    linked?;
    match path.parent() {
        Some(folder) => fs::File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// Only a warning: secrets that an orchestrator mounts often have such a mode.
fn warn_if_shared(path: &Path) {
    #[cfg(unix)]
    if let Ok(meta) = fs::metadata(path)
        && std::os::unix::fs::PermissionsExt::mode(&meta.permissions()) & 0o077 != 0
    {
        tracing::warn!(path = %path.display(), "key file can be read by others than its owner");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Keys {
        Keys::new(&[7; 32])
    }

    fn number(text: &str) -> TrackingNumber {
        TrackingNumber::parse(text).unwrap()
    }

    #[test]
    fn sealed_values_open_in_their_place_only() {
        let keys = keys();
        let sealed = keys.seal(&[b"table", b"key"], b"Musterstadt").unwrap();
        assert_eq!(
            keys.open(&[b"table", b"key"], &sealed).unwrap(),
            b"Musterstadt"
        );
        assert!(!sealed.windows(6).any(|part| part == b"Muster"));
        for place in [[b"table", b"kez".as_slice()], [b"tabl", b"ekey"]] {
            assert_eq!(keys.open(&place, &sealed), Err(Unsealed::Altered));
        }
    }

    #[test]
    fn every_changed_byte_is_noticed_and_nothing_panics() {
        let keys = keys();
        let sealed = keys.seal(&[b"t"], b"value").unwrap();
        for at in 0..sealed.len() {
            let mut bytes = sealed.clone();
            bytes[at] ^= 1;
            assert!(keys.open(&[b"t"], &bytes).is_err(), "byte {at}");
            assert!(
                keys.open(&[b"t"], &sealed[..at]).is_err(),
                "cut to {at} bytes"
            );
        }
        let other = Keys::new(&[8; 32]);
        assert_eq!(other.open(&[b"t"], &sealed), Err(Unsealed::OtherKey));
    }

    #[test]
    fn what_has_a_key_of_its_own_opens_with_that_key_only() {
        let keys = keys();
        let (own, other) = (DataKey::random().unwrap(), DataKey::random().unwrap());
        let sealed = keys.seal_own(Some(&own), &[b"t"], b"value").unwrap();
        assert_eq!(
            keys.open_own(Some(&own), &[b"t"], &sealed).unwrap(),
            b"value"
        );
        assert_eq!(
            keys.open_own(Some(&other), &[b"t"], &sealed),
            Err(Unsealed::Altered)
        );
        assert_eq!(keys.open(&[b"t"], &sealed), Err(Unsealed::Erased));
        // What was sealed before shipments had keys is still read.
        let old = keys.seal(&[b"t"], b"value").unwrap();
        assert_eq!(keys.open_own(Some(&own), &[b"t"], &old).unwrap(), b"value");

        let id = |text: &str| ShipmentId(text.to_owned());
        let wrapped = keys.wrap(&id("a"), &own).unwrap();
        let again = keys.unwrap(&id("a"), &wrapped).unwrap();
        assert!(keys.open_own(Some(&again), &[b"t"], &sealed).is_ok());
        assert!(keys.unwrap(&id("b"), &wrapped).is_err());
    }

    #[test]
    fn the_same_value_never_looks_the_same() {
        let keys = keys();
        let seal = || keys.seal(&[b"t"], b"value").unwrap();
        assert_ne!(seal(), seal());
    }

    #[test]
    fn shipment_ids_are_stable_distinct_and_in_shape() {
        let keys = keys();
        let id = keys.shipment_id("dhl", &number("00340434161094042557"), 0);
        assert_eq!(id.0, "jzffz81zgcv288jsz525h6vo69");
        assert_eq!(id.0.len(), 26);
        assert!(
            id.0.bytes()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        );
        for other in [
            keys.shipment_id("dhl", &number("00340434161094042557"), 1),
            keys.shipment_id("dhl", &number("00340434161094042558"), 0),
            keys.shipment_id("dh", &number("L00340434161094042557"), 0),
            Keys::new(&[8; 32]).shipment_id("dhl", &number("00340434161094042557"), 0),
        ] {
            assert_ne!(id, other);
        }
    }

    #[test]
    fn hashes_depend_on_label_and_on_where_parts_end() {
        let keys = keys();
        assert_eq!(keys.hash("a", &[b"x"]), keys.hash("a", &[b"x"]));
        assert_ne!(keys.hash("a", &[b"x"]), keys.hash("b", &[b"x"]));
        assert_ne!(
            keys.hash("a", &[b"xy", b"z"]),
            keys.hash("a", &[b"x", b"yz"])
        );
    }

    #[test]
    fn a_key_file_is_private_and_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let first = Keys::create(&path).unwrap();
        assert_eq!(Keys::read(&path).unwrap().id(), first.id());
        let error = Keys::create(&path).err().unwrap();
        assert!(error.to_string().contains("cannot be created"), "{error}");
        assert_eq!(Keys::read(&path).unwrap().id(), first.id());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn key_files_are_raw_or_hexadecimal() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        fs::write(&path, [7; 32]).unwrap();
        assert_eq!(Keys::read(&path).unwrap().id(), keys().id());
        fs::write(&path, format!("{}\n", "07".repeat(32))).unwrap();
        assert_eq!(Keys::read(&path).unwrap().id(), keys().id());
        for bad in ["", "07", &"0g".repeat(32), &"07".repeat(33)] {
            fs::write(&path, bad).unwrap();
            let error = Keys::read(&path).err().unwrap().to_string();
            assert!(error.contains("32 raw bytes"), "{error}");
            assert!(error.contains("key file /"), "{error}");
        }
    }
}
