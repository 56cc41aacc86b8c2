//! Resume tokens: a place in the change log and what was followed, sealed against forgery.
//!
//! Every node that has the secret reads them. One that cannot be read, because the secret is gone
//! or it was never one, is no error: its reader starts anew.

use std::path::Path;
use std::sync::{Arc, Mutex};

use bytes::Bytes;

pub use super::secrets::{Secrets, Token};
use crate::config::StreamSettings;
use crate::store::Head;
use crate::store::seal::Keys;

/// Written tokens that are kept, one for each remainder of a target.
const LAST: usize = 64;

/// The last tokens that were written, so that streams of one target share them.
pub struct Tokens {
    secrets: Secrets,
    last: [Mutex<Option<Sealed>>; LAST],
}

struct Sealed {
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

    /// Writes a token; empty if there is no secret.
    pub fn seal(&self, target: u64, place: &Arc<[Head]>) -> Bytes {
        let slot = usize::try_from(target % LAST as u64).unwrap_or_default();
        let mut last = super::lock(&self.last[slot]);
        if let Some(sealed) = &*last
            && sealed.target == target
            && (Arc::ptr_eq(&sealed.place, place) || sealed.place == *place)
        {
            return sealed.token.clone();
        }
        let token = Bytes::from(self.secrets.seal(target, place));
        *last = Some(Sealed {
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
    pub fn read(settings: &StreamSettings, keys: &Keys) -> Result<Self, String> {
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
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(partitions: u64) -> Vec<Head> {
        let head = |sequence| Head { epoch: 1, sequence };
        (0..partitions).map(head).collect()
    }

    #[test]
    fn streams_of_one_target_share_a_token_and_no_others_do() {
        let tokens = Tokens::new(Secrets::new([[7; 32]]));
        let (here, there) = (Arc::from(place(3)), Arc::from(place(4)));
        for _ in 0..2 {
            // The second target falls on the same slot.
            for target in [42, 42 + LAST as u64] {
                for place in [&here, &there] {
                    let token = tokens.seal(target, place);
                    let opened = tokens.open(&token).unwrap();
                    assert_eq!((opened.target, opened.place), (target, place.to_vec()));
                    let again = tokens.seal(target, &Arc::from(place.to_vec()));
                    assert_eq!(again.as_ptr(), token.as_ptr(), "not written again");
                }
            }
        }
    }
}
