//! Resume tokens: whatever is in one, sealed rightly or not.
//!
//! Only the file that reads and writes them is searched. The gateway around it would be compiled with
//! everything that it depends on.

#![allow(dead_code, reason = "each user takes a part of it")]
#![allow(unreachable_pub, reason = "it is included, not linked")]

use hmac::{Hmac, Mac as _};
use secrets::Secrets;
use sha2::Sha256;

#[path = "../src/watch/secrets.rs"]
mod secrets;

/// A place, as the store of the gateway has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    pub epoch: u64,
    pub sequence: u64,
}

/// Secret of the tokens.
const SECRET: [u8; 32] = [7; 32];

/// Takes an input as a token, and as what a token says. Whoever holds the secret may write what is
/// no token of ours: an older or newer node, for example.
pub fn run(input: &[u8]) {
    let secrets = Secrets::new([[1; 32], SECRET]);
    let sealed = |text: &[u8]| {
        let mut mac = Hmac::<Sha256>::new_from_slice(&SECRET).unwrap();
        mac.update(text);
        [text, &mac.finalize().into_bytes()[..16]].concat()
    };
    if let Some((text, _)) = input.split_at_checked(input.len().saturating_sub(16)) {
        let is_sealed = sealed(text) == input;
        assert!(is_sealed || secrets.open(input).is_none(), "forged");
    }
    let mut token = sealed(input);
    let Some(read) = secrets.open(&token) else {
        return;
    };
    assert!(read.place.len() <= 64);
    let again = secrets.seal(read.owner, read.target, &read.place);
    assert_eq!(secrets.open(&again), Some(read));
    let bit = token.iter().map(|byte| usize::from(*byte)).sum::<usize>() % (token.len() * 8);
    token[bit / 8] ^= 1 << (bit % 8);
    assert_eq!(secrets.open(&token), None, "forged");
}
