//! Pushes of the Advanced Integrated Visibility webhook.
//!
//! The header `fdx-signature` is the HMAC with SHA-256 of the raw body under the project's security
//! token. The documents write it as base64 and, in a passage of pseudo-code, as hexadecimal digits:
//! both are taken. A push has no id of its own and may be repeated three times, so its body is its
//! id. Any 2xx ends the repetition.

use bytes::Bytes;
use jiff::Timestamp;
use waybill_core::adapter::Pushed;
use waybill_core::error::{Error, ErrorKind};

use super::answer::{Found, Reader};
use crate::sign::{Secrets, base64, hex, hmac_sha256, sha256};

const SIGNATURE: &str = "fdx-signature";

/// Checks a push and understands it.
pub(super) fn translate(
    reader: &Reader,
    secrets: &Secrets,
    push: &http::Request<Bytes>,
    now: Timestamp,
) -> Result<Pushed, Error> {
    let body = push.body();
    let given = push.headers().get(SIGNATURE);
    let given = given.and_then(|value| value.to_str().ok()).unwrap_or("");
    let given = given.trim();
    let mac = |secret: &str| hmac_sha256(secret.as_bytes(), &[body]);
    let as_base64 = secrets.verify(given.as_bytes(), |secret| base64(&mac(secret)).into_bytes());
    let digits = given.to_ascii_lowercase();
    let as_hex = secrets.verify(digits.as_bytes(), |secret| hex(&mac(secret)).into_bytes());
    if !(as_base64 | as_hex) {
        let message = "the signature of the push is missing or wrong";
        return Err(Error::new(ErrorKind::Denied, message).unspent());
    }
    let found = match reader.read(&http::Response::new(body.clone()), now, true) {
        Ok(page) => page.all(),
        Err(error) => Err(error),
    };
    let found = match found {
        Ok(found) => found,
        // What it says of a number that FedEx does not know is no news.
        Err(error) if error.kind == ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error),
    };
    let (told, bare): (Vec<Found>, Vec<Found>) = found
        .into_iter()
        .partition(|found| !found.report.claims.is_empty());
    Ok(Pushed {
        id: hex(&sha256(&[body])),
        reports: told.into_iter().map(|found| found.report).collect(),
        poll: bare.into_iter().map(|found| found.report.number).collect(),
        reply: http::Response::new(Bytes::new()),
    })
}
