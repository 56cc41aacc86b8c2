//! The signatures of Kuaidi100: a digest over the text and what only the two sides know, as
//! upper-case hexadecimal digits.

use waybill_core::privacy::Secret;

use crate::sign::{hex, md5, sha256};

/// Digest under which a query is signed, by its name in `signType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SignType {
    /// What the source takes if nothing is said.
    Md5,
    /// SHA-256.
    Sha256,
}

impl SignType {
    /// Finds a type by its name.
    pub(super) fn by_name(name: &str) -> Option<Self> {
        match name {
            "MD5" => Some(Self::Md5),
            "SHA256" => Some(Self::Sha256),
            _ => None,
        }
    }

    /// Signs the text of a query exactly as it is sent.
    pub(super) fn query(self, param: &str, key: &Secret, customer: &Secret) -> String {
        let parts = [param, key.expose(), customer.expose()].map(str::as_bytes);
        let digest = match self {
            Self::Md5 => md5(&parts),
            Self::Sha256 => sha256(&parts),
        };
        hex(&digest).to_ascii_uppercase()
    }
}

/// Signature of a push.
pub(super) fn callback(param: &[u8], salt: &str) -> String {
    hex(&md5(&[param, salt.as_bytes()])).to_ascii_uppercase()
}
