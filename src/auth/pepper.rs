//! The pepper: what API keys are hashed with, so that a keys file alone says nothing.

use std::path::Path;

use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use waybill_core::privacy::Secret;
use zeroize::Zeroizing;

use super::settings::Settings;
use crate::store::seal::hex;

/// Least length in bytes.
const LEAST: usize = 32;

/// One version of the pepper, ready to hash with.
#[derive(Clone)]
pub struct Pepper {
    id: String,
    keyed: Hmac<Sha256>,
}

impl Pepper {
    /// Takes a pepper.
    ///
    /// # Errors
    /// It is shorter than 32 bytes.
    pub fn new(bytes: &[u8]) -> Result<Self, String> {
        let bytes = bytes.trim_ascii();
        if bytes.len() < LEAST {
            return Err(format!("must have at least {LEAST} bytes"));
        }
        let keyed = Hmac::new_from_slice(bytes).map_err(|error| error.to_string())?;
        let mut named: Hmac<Sha256> = keyed.clone();
        named.update(b"waybill pepper id");
        let id = hex(&named.finalize().into_bytes()[..4]);
        Ok(Self { id, keyed })
    }

    /// Reads a pepper from a file.
    ///
    /// # Errors
    /// The file cannot be read or is too short.
    pub fn read(path: &Path) -> Result<Self, String> {
        let fail = |error: String| format!("{}: {error}", path.display());
        let bytes = std::fs::read(path).map_err(|error| fail(error.to_string()))?;
        Self::new(&Zeroizing::new(bytes)).map_err(fail)
    }

    /// Short name, by which a key says which pepper it was hashed with. Says nothing about it.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Hash of a key.
    pub fn hash(&self, id: &str, secret: &str) -> [u8; 32] {
        self.keyed_with(id, secret).finalize().into_bytes().into()
    }

    /// Tells in constant time whether a key has this hash.
    pub fn is(&self, hash: &[u8; 32], id: &str, secret: &str) -> bool {
        self.hash(id, secret).ct_eq(hash).into()
    }

    fn keyed_with(&self, id: &str, secret: &str) -> Hmac<Sha256> {
        let mut keyed = self.keyed.clone();
        keyed.update(id.as_bytes());
        keyed.update(b"_");
        keyed.update(secret.as_bytes());
        keyed
    }
}

/// Both versions of the pepper: new keys are hashed with the first one, and all of them are known.
#[derive(Clone)]
pub struct Peppers(Vec<Pepper>);

impl Peppers {
    /// Reads what the settings say.
    ///
    /// # Errors
    /// Names the setting.
    pub fn read(settings: &Settings) -> Result<Self, String> {
        let given = |setting: &str, text: &Secret| {
            let pepper = Pepper::new(text.expose().as_bytes());
            pepper.map_err(|error| format!("auth.{setting}: {error}"))
        };
        let newest = match settings.pepper.0.is_empty() {
            false => given("pepper", &settings.pepper.0)?,
            true => Pepper::read(&settings.pepper_path())
                .map_err(|error| format!("auth.pepper_file: {error}"))?,
        };
        let mut all = vec![newest];
        if !settings.previous_pepper.0.is_empty() {
            all.push(given("previous_pepper", &settings.previous_pepper.0)?);
        } else if !settings.previous_pepper_file.as_os_str().is_empty() {
            let before = Pepper::read(&settings.previous_pepper_file);
            all.push(before.map_err(|error| format!("auth.previous_pepper_file: {error}"))?);
        }
        Ok(Self(all))
    }

    /// As [`Peppers::read`], and makes the pepper's file if there is none yet.
    ///
    /// # Errors
    /// Names the setting.
    pub fn read_or_create(settings: &Settings) -> Result<Self, String> {
        let path = settings.pepper_path();
        if settings.pepper.0.is_empty() && !path.exists() {
            let secret = random_hex::<LEAST>()?;
            super::file::write_new(&path, secret.as_bytes())
                .map_err(|error| format!("auth.pepper_file: {}: {error}", path.display()))?;
        }
        Self::read(settings)
    }

    /// The one for new keys.
    pub fn newest(&self) -> Option<&Pepper> {
        self.0.first()
    }

    /// The one with this name.
    pub fn find(&self, id: &str) -> Option<&Pepper> {
        self.0.iter().find(|pepper| pepper.id == id)
    }
}

/// Random bytes as hexadecimal digits.
///
/// # Errors
/// The system gives none.
pub fn random_hex<const BYTES: usize>() -> Result<Zeroizing<String>, String> {
    use rand::TryRngCore as _;
    let mut bytes = Zeroizing::new([0; BYTES]);
    let filled = rand::rngs::OsRng.try_fill_bytes(bytes.as_mut());
    filled.map_err(|error| format!("no random bytes: {error}"))?;
    Ok(Zeroizing::new(hex(bytes.as_ref())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_belongs_to_one_pepper_one_id_and_one_secret() {
        let pepper = Pepper::new(&[b'a'; 32]).unwrap();
        let other = Pepper::new(&[b'b'; 32]).unwrap();
        let hash = pepper.hash("id", "secret");
        assert!(pepper.is(&hash, "id", "secret"));
        assert!(!pepper.is(&hash, "ie", "secret"));
        assert!(!pepper.is(&hash, "id", "secreu"));
        assert!(!other.is(&hash, "id", "secret"));
        assert_ne!(pepper.id(), other.id());
        assert!(Pepper::new(b"short").is_err());
    }
}
