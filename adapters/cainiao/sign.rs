//! The three signatures: the digest of LINK, the sign of the Taobao router, the signature of 1688.

use std::collections::BTreeMap;

use percent_encoding::percent_decode;

use crate::sign::{base64, hex, hmac_md5, hmac_sha1, hmac_sha256, md5};

/// Base64 of the 16 raw bytes of `MD5(content + secret)`. The base64 of their hexadecimal text,
/// which some clients send, is not the documented form.
pub(super) fn link(content: &[u8], secret: &str) -> String {
    base64(&md5(&[content, secret.as_bytes()]))
}

/// How requests to the Taobao router are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Md5,
    Hmac,
    HmacSha256,
}

impl Method {
    /// Reads the name of a method, as it is sent.
    pub(super) fn parse(name: &str) -> Option<Self> {
        [Self::Md5, Self::Hmac, Self::HmacSha256]
            .into_iter()
            .find(|method| method.name() == name)
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Md5 => "md5",
            Self::Hmac => "hmac",
            Self::HmacSha256 => "hmac-sha256",
        }
    }
}

/// Signs the parameters of a request to the Taobao router: upper-case hexadecimal digits over the
/// names and values in the order of the names; empty values do not count.
pub(super) fn router(method: Method, secret: &str, parameters: &BTreeMap<&str, String>) -> String {
    let text = sorted(parameters);
    let (secret, text) = (secret.as_bytes(), text.as_bytes());
    let digest = match method {
        Method::Md5 => md5(&[secret, text, secret]),
        Method::Hmac => hmac_md5(secret, &[text]),
        Method::HmacSha256 => hmac_sha256(secret, &[text]),
    };
    hex(&digest).to_ascii_uppercase()
}

/// Signs a request to 1688: the path from `param2/` on, then names and values in the order of the
/// names.
pub(super) fn open(secret: &str, path: &str, parameters: &BTreeMap<&str, String>) -> String {
    let text = sorted(parameters);
    let digest = hmac_sha1(secret.as_bytes(), &[path.as_bytes(), text.as_bytes()]);
    hex(&digest).to_ascii_uppercase()
}

fn sorted(parameters: &BTreeMap<&str, String>) -> String {
    let mut text = String::new();
    for (name, value) in parameters.iter().filter(|(_, value)| !value.is_empty()) {
        text.push_str(name);
        text.push_str(value);
    }
    text
}

/// Finds a field of a form and returns the bytes that were sent: a digest is over these, also if
/// they are not UTF-8.
pub(super) fn form_field(form: &[u8], name: &str) -> Option<Vec<u8>> {
    form.split(|byte| *byte == b'&').find_map(|pair| {
        let at = pair.iter().position(|byte| *byte == b'=')?;
        let (key, value) = (pair.get(..at)?, pair.get(at + 1..)?);
        (decoded(key) == name.as_bytes()).then(|| decoded(value))
    })
}

fn decoded(text: &[u8]) -> Vec<u8> {
    let spaced: Vec<u8> = text
        .iter()
        .map(|byte| if *byte == b'+' { b' ' } else { *byte })
        .collect();
    percent_decode(&spaced).collect()
}
