//! Hashes for tables that are made for one record or one question and dropped with it.
//!
//! They are not secret: who finds out which values collide, and sends many of them, makes the one
//! record slow that is made of them, and no other. Tables that outlive a record keep the standard
//! library's hash.

use std::hash::Hasher;

/// Spreads the bits of a number.
pub(crate) const fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    number ^ (number >> 29)
}

/// For keys that are a list of always as many texts, or bytes, or small numbers.
#[derive(Default)]
pub(crate) struct Mixed(u64);

impl Hasher for Mixed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        let mut rest = bytes.chunks_exact(8);
        for part in &mut rest {
            self.0 = mix(self.0
                ^ part
                    .first_chunk()
                    .map_or(0, |part| u64::from_le_bytes(*part)));
        }
        let mut last = [0; 8];
        let tail = rest.remainder();
        if let Some(place) = last.get_mut(..tail.len()) {
            place.copy_from_slice(tail);
        }
        self.0 = mix(self.0 ^ u64::from_le_bytes(last) ^ (bytes.len() as u64) << 56);
    }

    fn write_u8(&mut self, _: u8) {
        // The end of a text, whose length is a part of what was mixed.
    }

    fn write_usize(&mut self, _: usize) {
        // The number of values, which is always the same.
    }
}

/// For keys that are spread numbers already, see [`mix`].
#[derive(Default)]
pub(crate) struct Given(u64);

impl Hasher for Given {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = mix(self.0 ^ u64::from(*byte));
        }
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}
