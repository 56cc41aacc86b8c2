//! Signatures of requests, for keys that need them: the mode that the documents call AES, which is
//! HMAC-SHA256 with the secret of the key.
//!
//! What is signed are six lines: method, MD5 of the body in upper-case hexadecimal digits, type of
//! the body, date, the headers that begin with `as-`, and path with query. The first two of the body
//! are empty without one. Parameters of the query are in the order of their names, as they are sent.

use http::Method;
use jiff::Timestamp;

use crate::sign::{base64, hex, hmac_sha256, md5};

/// What goes into a signature beside the secret.
pub(super) struct Signed<'a> {
    pub(super) method: &'a Method,
    /// Path and query, as sent.
    pub(super) resource: &'a str,
    /// Empty if there is none.
    pub(super) body: &'a [u8],
    pub(super) date: &'a str,
    pub(super) api_key: &'a str,
}

/// The value of `as-signature-hmac-sha256`.
pub(super) fn signature(secret: &str, signed: &Signed<'_>) -> String {
    let (digest, kind) = if signed.body.is_empty() {
        (String::new(), "")
    } else {
        let digest = hex(&md5(&[signed.body]));
        (digest.to_ascii_uppercase(), super::ask::JSON)
    };
    let lines = [
        signed.method.as_str(),
        &digest,
        kind,
        signed.date,
        &format!("as-api-key:{}", signed.api_key.trim()),
        signed.resource,
    ];
    base64(&hmac_sha256(
        secret.as_bytes(),
        &[lines.join("\n").as_bytes()],
    ))
}

/// A moment as the header `date` has it; a signature is good for three minutes around it.
pub(super) fn date(now: Timestamp) -> String {
    now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_those_of_the_documents() {
        let at = "1994-11-06T08:49:37Z".parse().unwrap();
        assert_eq!(date(at), "Sun, 06 Nov 1994 08:49:37 GMT");
        for (method, resource, body, expected) in [
            (
                Method::POST,
                "/tracking/2026-07/trackings",
                r#"{"tracking_number":"9405511202575421535949","slug":"usps"}"#,
                "w9U4b78R33FXd6CIUjKSW4iBv0nyszzV/mSJeDIOsrU=",
            ),
            (
                Method::GET,
                "/tracking/2026-07/trackings?limit=50&tracking_numbers=RA123456789US",
                "",
                "ZftigOFRBgYho3T3Mj4mMNHV7N+XotK4Fc5fAF7AiqA=",
            ),
        ] {
            let signed = Signed {
                method: &method,
                resource,
                body: body.as_bytes(),
                date: &date(at),
                api_key: "c25b1e6fee2348b3a8bd21599b6ac2de",
            };
            assert_eq!(signature("waybill_api_secret", &signed), expected);
        }
    }
}
