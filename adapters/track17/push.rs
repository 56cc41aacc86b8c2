//! Pushes: their signature, what they report, how they are answered.
//!
//! The header `sign` is the SHA-256 in lower-case hexadecimal digits of the raw body, a slash and the
//! key of the account; a plain hash, no HMAC. The key that another replaced is taken too: 17TRACK
//! ends it at once, but what it signed may still be under way.
//!
//! No time is signed, so that a push can be replayed; it then says what it said before. The id by
//! which repetitions are known is the hash of the body, which every attempt at delivery repeats. It
//! is not made of `providers_hash`, because a status that comes back would have the same.

use bytes::Bytes;
use waybill_core::adapter::Pushed;
use waybill_core::error::{Error, ErrorKind};

use super::answer::{Page, Said, read_push};
use super::map::Reader;
use crate::sign::{Secrets, hex, sha256};

/// Checks and understands a push.
pub(super) fn translate(
    secrets: &Secrets,
    reader: &Reader,
    push: &http::Request<Bytes>,
) -> Result<Pushed, Error> {
    let body = push.body().as_ref();
    let given = push
        .headers()
        .get("sign")
        .map_or(&b""[..], |sign| sign.as_bytes());
    let expected = |key: &str| hex(&sha256(&[body, b"/", key.as_bytes()])).into_bytes();
    if !secrets.verify(given, expected) {
        return Err(Error::new(ErrorKind::Denied, "signature is missing or wrong").unspent());
    }
    let Page::Push { event, row } = read_push(reader, body)? else {
        return Err(Error::new(ErrorKind::Malformed, "body is no push"));
    };
    let (mut reports, mut poll) = (Vec::new(), Vec::new());
    match row.said {
        Said::Report(report) => reports.push(*report),
        // The end of tracking is no news of the parcel, and neither is that nothing was found.
        Said::Taken { .. } if event == "TRACKING_STOPPED" => {}
        Said::Nothing(error) if error.kind != ErrorKind::Malformed => {}
        _ => poll.extend(row.number),
    }
    Ok(Pushed {
        id: hex(&sha256(&[body])),
        reports,
        poll,
        // Any other status than 200 makes 17TRACK push again.
        reply: http::Response::new(Bytes::new()),
    })
}
