//! Resume tokens: a place in the change log and what was followed, sealed against forgery.
//!
//! Every node that has the secret reads them. One that cannot be read, because the secret is gone
//! or it was never one, is no error: its reader starts anew.

use std::path::Path;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use subtle::ConstantTimeEq as _;

use super::secrets::{MAC, mac};
pub use super::secrets::{Secrets, Token};
use crate::config::StreamSettings;
use crate::store::Head;
use crate::store::seal::{Keys, hex};

/// Written tokens that are kept, one for each remainder of a target.
const LAST: usize = 64;

/// The last tokens that were written, so that streams of one target share them.
pub struct Tokens {
    secrets: Secrets,
    last: [Mutex<Option<Sealed>>; LAST],
}

struct Sealed {
    owner: u64,
    target: u64,
    place: Arc<[Head]>,
    token: Bytes,
}

impl Tokens {
    /// Of these secrets.
    pub fn new(secrets: Secrets) -> Self {
        let last = std::array::from_fn(|_| Mutex::default());
        Self { secrets, last }
    }

    /// Reads a token; `None` if none of the secrets made it.
    pub fn open(&self, token: &[u8]) -> Option<Token> {
        self.secrets.open(token)
    }

    /// As [`Secrets::sign`].
    pub fn sign(&self, owner: &str, text: &str) -> String {
        self.secrets.sign(owner, text)
    }

    /// As [`Secrets::read`].
    pub fn read<'a>(&self, owner: &str, token: &'a str) -> Option<&'a str> {
        self.secrets.read(owner, token)
    }

    /// Writes a token; empty if there is no secret.
    pub fn seal(&self, owner: u64, target: u64, place: &Arc<[Head]>) -> Bytes {
        let slot = usize::try_from(target % LAST as u64).unwrap_or_default();
        let mut last = super::lock(&self.last[slot]);
        if let Some(sealed) = &*last
            && (sealed.owner, sealed.target) == (owner, target)
            && (Arc::ptr_eq(&sealed.place, place) || sealed.place == *place)
        {
            return sealed.token.clone();
        }
        let token = Bytes::from(self.secrets.seal(owner, target, place));
        *last = Some(Sealed {
            owner,
            target,
            place: Arc::clone(place),
            token: token.clone(),
        });
        token
    }
}

impl Secrets {
    /// Reads them, the newest first, or makes one from the keys of the store.
    ///
    /// # Errors
    /// Names the setting whose file cannot be read.
    pub fn of(settings: &StreamSettings, keys: &Keys) -> Result<Self, String> {
        let secret = |keys: &Keys| keys.hash("resume token", &[]);
        let read = |field: &str, path: &Path| {
            let keys = Keys::read(path).map_err(|error| format!("streams.{field}: {error}"))?;
            Ok::<_, String>(secret(&keys))
        };
        let newest = &settings.token_secret_file;
        let before = &settings.previous_token_secret_file;
        let mut secrets = vec![match newest.as_os_str().is_empty() {
            true => secret(keys),
            false => read("token_secret_file", newest)?,
        }];
        if !before.as_os_str().is_empty() {
            secrets.push(read("previous_token_secret_file", before)?);
        }
        Ok(Self::new(secrets))
    }

    /// A page token of a list: a text, and the proof that it was made for its owner.
    pub fn sign(&self, owner: &str, text: &str) -> String {
        let secret = self.0.first().copied().unwrap_or_default();
        format!("{text}.{}", hex(&list_mac(&secret, owner, text)))
    }

    /// Text of a page token; `None` if none of the secrets made it for this owner.
    pub fn read<'a>(&self, owner: &str, token: &'a str) -> Option<&'a str> {
        let (text, proof) = token.rsplit_once('.')?;
        let is_ours = |secret: &[u8; 32]| {
            let right = hex(&list_mac(secret, owner, text));
            right.as_bytes().ct_eq(proof.as_bytes()).into()
        };
        self.0.iter().any(is_ours).then_some(text)
    }
}

fn list_mac(secret: &[u8; 32], owner: &str, text: &str) -> [u8; MAC] {
    let length = u64::try_from(owner.len()).unwrap_or(u64::MAX).to_be_bytes();
    let parts = [b"list", &length[..], owner.as_bytes(), text.as_bytes()];
    mac(secret, &parts.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(partitions: u64) -> Vec<Head> {
        let head = |sequence| Head { epoch: 1, sequence };
        (0..partitions).map(head).collect()
    }

    #[test]
    fn a_page_token_is_for_its_owner_and_its_text() {
        let (old, new) = (Secrets::new([[1; 32]]), Secrets::new([[2; 32], [1; 32]]));
        let token = old.sign("shop-a", "12.ab");
        assert_eq!(new.read("shop-a", &token), Some("12.ab"));
        assert_eq!(new.read("shop-b", &token), None);
        assert_eq!(new.read("shop-a", &token.replace("12", "13")), None);
        assert_eq!(old.read("shop-a", &new.sign("shop-a", "12.ab")), None);
    }

    #[test]
    fn streams_of_one_target_share_a_token_and_no_others_do() {
        let tokens = Tokens::new(Secrets::new([[7; 32]]));
        let (here, there) = (Arc::from(place(3)), Arc::from(place(4)));
        for _ in 0..2 {
            // The second target falls on the same slot.
            for (owner, target) in [(1, 42), (1, 42 + LAST as u64), (2, 42)] {
                for place in [&here, &there] {
                    let token = tokens.seal(owner, target, place);
                    let opened = tokens.open(&token).unwrap();
                    assert_eq!((opened.owner, opened.target), (owner, target));
                    assert_eq!(opened.place, place.to_vec());
                    let again = tokens.seal(owner, target, &Arc::from(place.to_vec()));
                    assert_eq!(again.as_ptr(), token.as_ptr(), "not written again");
                }
            }
        }
    }
}
