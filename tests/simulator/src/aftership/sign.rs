//! Owns the signatures of AfterShip: of requests with an AES key, and of webhooks. Knows no parcel.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use md5::{Digest, Md5};
use sha2::Sha256;

use crate::seen::Seen;

/// Header of a signed request.
pub(super) const HEADER: &str = "as-signature-hmac-sha256";

/// Base64 of the HMAC-SHA256 of a message.
pub(super) fn hmac(secret: &str, message: &[u8]) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        return String::new();
    };
    mac.update(message);
    STANDARD.encode(mac.finalize().into_bytes())
}

/// What AfterShip computes: method, MD5 of the body, its type, date, the headers that begin with
/// `as-` in their order, and the path with its parameters in the order of their names.
pub(super) fn signature(
    secret: &str,
    method: &str,
    body: &[u8],
    kind: &str,
    date: &str,
    headers: &str,
    resource: &str,
) -> String {
    let digest: String = if body.is_empty() {
        String::new()
    } else {
        let hash = Md5::digest(body);
        hash.iter().map(|byte| format!("{byte:02X}")).collect()
    };
    let kind = if body.is_empty() { "" } else { kind };
    let lines = [method, &digest, kind, date, headers, resource];
    hmac(secret, lines.join("\n").as_bytes())
}

/// The signature that a request must have.
pub(super) fn expected(seen: &Seen, secret: &str, resource: &str) -> String {
    let mut headers: Vec<String> = seen
        .headers
        .iter()
        .filter(|(name, _)| name.as_str().starts_with("as-") && name.as_str() != HEADER)
        .map(|(name, value)| format!("{name}:{}", value.to_str().unwrap_or_default().trim()))
        .collect();
    headers.sort();
    signature(
        secret,
        seen.method.as_str(),
        &seen.body,
        seen.header("content-type").unwrap_or_default(),
        seen.header("date").unwrap_or_default(),
        &headers.join("\n"),
        resource,
    )
}

/// Path and sorted parameters, encoded; commas are sent both ways.
pub(super) fn resources(seen: &Seen) -> [String; 2] {
    let mut query = seen.query.clone();
    query.sort();
    let write = |plain: &[u8]| {
        let pair = |(name, value): &(String, String)| format!("{name}={}", encoded(value, plain));
        let pairs: Vec<String> = query.iter().map(pair).collect();
        match pairs.is_empty() {
            true => seen.path.clone(),
            false => format!("{}?{}", seen.path, pairs.join("&")),
        }
    };
    [write(b"-._~"), write(b"-._~,")]
}

fn encoded(text: &str, plain: &[u8]) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || plain.contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_agree_with_worked_examples() {
        let key = "as-api-key:c25b1e6fee2348b3a8bd21599b6ac2de";
        let sign = |method, body: &str, resource| {
            let date = "Sun, 06 Nov 1994 08:49:37 GMT";
            let (secret, kind) = ("waybill_api_secret", "application/json");
            signature(secret, method, body.as_bytes(), kind, date, key, resource)
        };
        let body = r#"{"tracking_number":"9405511202575421535949","slug":"usps"}"#;
        assert_eq!(
            sign("POST", body, "/tracking/2026-07/trackings"),
            "w9U4b78R33FXd6CIUjKSW4iBv0nyszzV/mSJeDIOsrU="
        );
        let list = "/tracking/2026-07/trackings?limit=50&tracking_numbers=RA123456789US";
        assert_eq!(
            sign("GET", "", list),
            "ZftigOFRBgYho3T3Mj4mMNHV7N+XotK4Fc5fAF7AiqA="
        );
    }
}
