//! What is written in a resume token, and how it is sealed against forgery.
//!
//! It knows of nothing else here but what a place is: the search for inputs that it cannot take
//! (fuzz/tokens.rs) includes this file.

use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use super::Head;

const FORMAT: u8 = 2;
pub(super) const MAC: usize = 16;
/// Partitions that a token has room for.
const PARTITIONS: usize = 64;

/// The secrets: the first one seals, and all of them open.
#[derive(Clone)]
pub struct Secrets(pub(super) std::sync::Arc<[[u8; 32]]>);

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Hash of whose it is, and of what its owner may see.
    pub owner: u64,
    /// Hash of what was followed, and how.
    pub target: u64,
    /// Everything up to here was sent.
    pub place: Vec<Head>,
}

impl Secrets {
    /// The newest first.
    pub fn new(secrets: impl IntoIterator<Item = [u8; 32]>) -> Self {
        Self(secrets.into_iter().collect())
    }

    /// Writes a token; empty if there is no secret.
    pub fn seal(&self, owner: u64, target: u64, place: &[Head]) -> Vec<u8> {
        let Some(secret) = self.0.first() else {
            return Vec::new();
        };
        let mut text = vec![FORMAT];
        text.extend_from_slice(&owner.to_be_bytes());
        text.extend_from_slice(&target.to_be_bytes());
        // Epochs are mostly one and the same: written once for a run of partitions.
        let mut rest = place;
        while let Some(first) = rest.first() {
            let run = rest
                .iter()
                .take_while(|one| one.epoch == first.epoch)
                .count();
            let (same, further) = rest.split_at(run);
            text.push(u8::try_from(run).unwrap_or(u8::MAX));
            text.extend_from_slice(&first.epoch.to_be_bytes());
            for head in same {
                prost::encoding::encode_varint(head.sequence, &mut text);
            }
            rest = further;
        }
        let mac = mac(secret, &text);
        text.extend_from_slice(&mac);
        text
    }

    /// Reads a token; `None` if none of the secrets made it.
    pub fn open(&self, token: &[u8]) -> Option<Token> {
        let (text, sealed) = token.split_at_checked(token.len().checked_sub(MAC)?)?;
        let is_ours = |secret: &[u8; 32]| {
            let mut mac = keyed(secret)?;
            mac.update(text);
            mac.verify_truncated_left(sealed).ok()
        };
        self.0.iter().find_map(is_ours)?;
        let (format, text) = text.split_first()?;
        let (owner, text) = text.split_first_chunk()?;
        let (target, mut text) = text.split_first_chunk()?;
        if *format != FORMAT {
            return None;
        }
        let mut place = Vec::new();
        while let Some((run, rest)) = text.split_first() {
            let (epoch, rest) = rest.split_first_chunk()?;
            text = rest;
            for _ in 0..*run {
                let sequence = prost::encoding::decode_varint(&mut text).ok()?;
                let epoch = u64::from_be_bytes(*epoch);
                place.push(Head { epoch, sequence });
            }
            if place.len() > PARTITIONS {
                return None;
            }
        }
        Some(Token {
            owner: u64::from_be_bytes(*owner),
            target: u64::from_be_bytes(*target),
            place,
        })
    }
}

fn keyed(secret: &[u8; 32]) -> Option<Hmac<Sha256>> {
    Hmac::new_from_slice(secret).ok()
}

pub(super) fn mac(secret: &[u8; 32], text: &[u8]) -> [u8; MAC] {
    let mut sealed = [0; MAC];
    if let Some(mut mac) = keyed(secret) {
        mac.update(text);
        sealed.copy_from_slice(&mac.finalize().into_bytes()[..MAC]);
    }
    sealed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(partitions: u64) -> Vec<Head> {
        let head = |at| Head {
            epoch: u64::MAX - at / 40,
            sequence: u64::MAX - at,
        };
        (0..partitions).map(head).collect()
    }

    #[test]
    fn a_token_says_what_was_put_into_it_and_is_small() {
        let secrets = Secrets::new([[7; 32]]);
        for partitions in [0, 1, 64] {
            let place = place(partitions);
            let (owner, target) = (7, 42);
            let token = secrets.seal(owner, target, &place);
            assert!(token.len() <= 1_024, "{}", token.len());
            let token = secrets.open(&token);
            assert_eq!(
                token,
                Some(Token {
                    owner,
                    target,
                    place
                })
            );
        }
    }

    #[test]
    fn the_secret_before_is_still_read_and_a_foreign_one_never() {
        let old = Secrets::new([[1; 32]]);
        let both = Secrets::new([[2; 32], [1; 32]]);
        let token = old.seal(1, 1, &place(3));
        assert_eq!(both.open(&token), old.open(&token));
        assert_eq!(old.open(&both.seal(1, 1, &place(3))), None);
        assert!(Secrets::new([]).seal(1, 1, &place(3)).is_empty());
    }

    #[test]
    fn nothing_but_the_token_itself_is_read() {
        let secrets = Secrets::new([[7; 32]]);
        let token = secrets.seal(7, 42, &place(5));
        for bit in 0..token.len() * 8 {
            let mut forged = token.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(secrets.open(&forged), None, "bit {bit}");
        }
        for length in 0..token.len() {
            assert_eq!(secrets.open(&token[..length]), None, "{length} bytes");
        }
    }
}
