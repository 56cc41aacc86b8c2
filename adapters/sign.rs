//! What signatures are made of, and how they are compared.
//!
//! Hashes come from the RustCrypto crates. A signature or credential is compared in constant time
//! and under every secret that is active, so that one can be replaced while pushes arrive.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use md5::{Digest, Md5};
use sha1::Sha1;
use sha2::Sha256;
use subtle::ConstantTimeEq;
use waybill_core::adapter::Settings;
use waybill_core::privacy::Secret;

/// The secrets under which a push may be signed: the one in use, and the one that it replaces.
pub(crate) struct Secrets(Vec<Secret>);

impl Secrets {
    /// Takes the named settings; those that are not set do not count.
    pub(crate) fn new(settings: &Settings, keys: &[&str]) -> Self {
        let set = keys.iter().filter(|key| !settings.get(key).is_empty());
        Self(set.map(|key| settings.secret(key)).collect())
    }

    /// Whether `given` is what `expected` makes of one of the secrets. Every secret is tried,
    /// whichever fits.
    pub(crate) fn verify(&self, given: &[u8], expected: impl Fn(&str) -> Vec<u8>) -> bool {
        let fits = self.0.iter().map(|secret| {
            let expected = expected(secret.expose());
            u8::from(same(given, &expected))
        });
        fits.fold(0, |any, fits| any | fits) != 0
    }
}

/// Compares in constant time; the lengths may show.
pub(crate) fn same(one: &[u8], other: &[u8]) -> bool {
    one.ct_eq(other).into()
}

/// MD5.
pub(crate) fn md5(parts: &[&[u8]]) -> Vec<u8> {
    let mut hash = Md5::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().to_vec()
}

/// SHA-256.
pub(crate) fn sha256(parts: &[&[u8]]) -> Vec<u8> {
    let mut hash = Sha256::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().to_vec()
}

/// HMAC with SHA-256.
pub(crate) fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    // An HMAC takes keys of every length.
    Hmac::<Sha256>::new_from_slice(key).map_or_else(|_| Vec::new(), |mac| finish(mac, parts))
}

/// HMAC with SHA-1.
pub(crate) fn hmac_sha1(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    Hmac::<Sha1>::new_from_slice(key).map_or_else(|_| Vec::new(), |mac| finish(mac, parts))
}

/// HMAC with MD5.
pub(crate) fn hmac_md5(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    Hmac::<Md5>::new_from_slice(key).map_or_else(|_| Vec::new(), |mac| finish(mac, parts))
}

fn finish(mut mac: impl Mac, parts: &[&[u8]]) -> Vec<u8> {
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().to_vec()
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
    let pair = |byte: &u8| [digit(byte >> 4), digit(byte & 15)];
    bytes.iter().flat_map(pair).collect()
}

/// Standard base64 with padding.
pub(crate) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_the_standards() {
        // RFC 1321 A.5, FIPS 180 example, RFC 4231 case 2, RFC 2202 case 2 of both.
        assert_eq!(
            hex(&md5(&[b"a", b"bc"])),
            "900150983cd24fb0d6963f7d28e17f72"
        );
        assert_eq!(
            hex(&sha256(&[b"abc"])),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        let asked: &[&[u8]] = &[b"what do ya want ", b"for nothing?"];
        assert_eq!(
            hex(&hmac_sha256(b"Jefe", asked)),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert_eq!(
            hex(&hmac_sha1(b"Jefe", asked)),
            "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"
        );
        assert_eq!(
            hex(&hmac_md5(b"Jefe", asked)),
            "750c783e6ab0b503eaa86e310a5db738"
        );
        assert_eq!(base64(b"ab"), "YWI=");
    }

    #[test]
    fn each_active_secret_is_taken_and_no_other() {
        let settings = Settings::new([
            ("push_secret", "new".to_owned()),
            ("push_secret_before", "old".to_owned()),
            ("unused", String::new()),
        ]);
        let secrets = Secrets::new(&settings, &["push_secret", "push_secret_before", "unused"]);
        let sign = |secret: &str| hmac_sha256(secret.as_bytes(), &[b"body"]);
        assert!(secrets.verify(&sign("new"), sign));
        assert!(secrets.verify(&sign("old"), sign));
        assert!(!secrets.verify(&sign("other"), sign));
        assert!(!secrets.verify(&sign(""), sign));
        assert!(!Secrets::new(&settings, &["unused"]).verify(&sign(""), sign));
    }
}
