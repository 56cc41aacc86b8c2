//! Pushes: their signature, what they report, how they are answered.
//!
//! The header `aftership-hmac-sha256` is the HMAC-SHA256 of the raw body under the secret of the
//! account's webhooks, in base64; the secret is taken as it is written. Nothing else is signed, so
//! that a push can be replayed; it then says what it said before, under the same `event_id`. Headers
//! of AfterShip's other products sign other bodies and do not count here.

use bytes::Bytes;
use jiff::Timestamp;
use waybill_core::adapter::Pushed;
use waybill_core::error::{Error, ErrorKind};

use super::answer::{self, Page};
use super::fault::malformed;
use super::map::Said;
use crate::codes::Codes;
use crate::sign::{Secrets, base64, hex, hmac_sha256, sha256};

/// Checks and understands a push.
pub(super) fn translate(
    secrets: &Secrets,
    codes: &Codes,
    push: &http::Request<Bytes>,
    now: Timestamp,
) -> Result<Pushed, Error> {
    let body = push.body().as_ref();
    let given = push.headers().get("aftership-hmac-sha256");
    let given = given.map_or(&b""[..], |given| given.as_bytes());
    let expected = |secret: &str| base64(&hmac_sha256(secret.as_bytes(), &[body])).into_bytes();
    if !secrets.verify(given, expected) {
        return Err(Error::new(ErrorKind::Denied, "signature is missing or wrong").unspent());
    }
    let Page::Push { id, row } = answer::read_push(codes, body, now)? else {
        return Err(malformed("body is no push"));
    };
    let (mut reports, mut poll) = (Vec::new(), Vec::new());
    match row.said {
        Said::Report(report) => {
            // A status without the event behind it: the tracking itself has more.
            if report.claims.is_empty() {
                poll.push(report.number.clone());
            }
            reports.push(*report);
        }
        // That nothing is known yet is no news.
        Said::Nothing(error) if error.kind == ErrorKind::NotFound => {}
        Said::Nothing(_) | Said::Bare => poll.extend(row.number),
    }
    let is_id = (1..=100).contains(&id.len());
    Ok(Pushed {
        id: if is_id { id } else { hex(&sha256(&[body])) },
        reports,
        poll,
        // Any status of the two hundreds will do.
        reply: http::Response::new(Bytes::new()),
    })
}
