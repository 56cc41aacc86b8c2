//! The SM4 envelope of the contract platform, both ways. Must not know what is in it.
//!
//! An envelope is `|$4|` and the Base64 of SM4 in ECB mode with PKCS#7 padding. The plain text is
//! the business JSON with the Base64 text of the key right behind it, which stands for a
//! signature. ECB hides no patterns and binds no block to its place; that is the platform's
//! choice, and the key text at the end is all there is beside the cipher itself.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ecb::cipher::block_padding::Pkcs7;
use ecb::cipher::{BlockDecryptMut, BlockEncryptMut, KeyInit};
use sm4::Sm4;
use waybill_core::adapter::Settings;
use waybill_core::privacy::Secret;

use crate::sign::same;

/// What every envelope begins with: the number of the algorithm.
const MARK: &str = "|$4|";
/// Bytes of a key and of a block.
const BLOCK: usize = 16;
/// What stands for a credential where answers are only read: no key, and no mistake either.
const NO_KEY: &str = "offline";

/// The keys under which an envelope may be made: the one in use, and the one that it replaces.
pub(super) struct Keys(Vec<Secret>);

/// What an envelope held.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Opened {
    /// The business JSON.
    pub(super) text: String,
    /// The key stood behind it, so that whoever made it knew the key.
    pub(super) signed: bool,
}

impl Keys {
    /// Takes the named settings; those that are not set do not count.
    ///
    /// # Errors
    /// Names the setting that is no key.
    pub(super) fn new(settings: &Settings, names: &[&str]) -> Result<Self, String> {
        let mut keys = Vec::new();
        for name in names {
            let key = settings.secret(name);
            if key.is_empty() || key.expose() == NO_KEY {
                continue;
            }
            if bytes(&key).is_none() {
                return Err(format!("{name} must be the base64 of 16 bytes"));
            }
            keys.push(key);
        }
        Ok(Self(keys))
    }

    /// Puts a business JSON into an envelope under the key in use.
    pub(super) fn seal(&self, json: &str) -> Option<String> {
        let key = self.0.first()?;
        let plain = [json, key.expose()].concat();
        let sealed = ecb::Encryptor::<Sm4>::new(&bytes(key)?.into())
            .encrypt_padded_vec_mut::<Pkcs7>(plain.as_bytes());
        Some(format!("{MARK}{}", STANDARD.encode(sealed)))
    }

    /// Opens an envelope; `None` if none of the keys fits. Every key is tried, whichever fits.
    pub(super) fn open(&self, envelope: &str) -> Option<Opened> {
        let sealed = STANDARD.decode(envelope.trim().strip_prefix(MARK)?).ok()?;
        let tried: Vec<_> = self.0.iter().map(|key| open_with(key, &sealed)).collect();
        tried.into_iter().flatten().next()
    }
}

/// Opens it with one key. Without the key text at the end only something that reads as JSON can
/// have been made with this key: a wrong key gives noise.
fn open_with(key: &Secret, sealed: &[u8]) -> Option<Opened> {
    let plain = ecb::Decryptor::<Sm4>::new(&bytes(key)?.into())
        .decrypt_padded_vec_mut::<Pkcs7>(sealed)
        .ok()?;
    let text = String::from_utf8(plain).ok()?;
    let sign = key.expose().as_bytes();
    let split = text.len().checked_sub(sign.len());
    let split = split.filter(|split| same(text.as_bytes().get(*split..).unwrap_or(&[]), sign));
    if let Some(json) = split.and_then(|split| text.get(..split)) {
        return Some(Opened {
            text: json.to_owned(),
            signed: true,
        });
    }
    serde_json::from_str::<serde::de::IgnoredAny>(&text)
        .ok()
        .filter(|_| text.trim_start().starts_with(['{', '[']))
        .map(|_| Opened {
            text,
            signed: false,
        })
}

fn bytes(key: &Secret) -> Option<[u8; BLOCK]> {
    STANDARD.decode(key.expose()).ok()?.try_into().ok()
}
