//! Pushes of LINK: a form to one address, whatever its message type, signed over its content.
//!
//! The address is registered in the console of LINK; there is no API to subscribe.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use waybill_core::adapter::Pushed;
use waybill_core::error::{Error, ErrorKind};
use waybill_core::number::TrackingNumber;

use super::answer::envelope;
use super::map::{Asked, Reader, malformed};
use super::sign;
use crate::sign::Secrets;

/// The push that only says that there is news.
const STATUS_SYNC: &str = "CAINIAO_GLOBAL_FULFILL_STATUS_SYNC";

/// Verifies a push and understands it.
pub(super) fn translate(reader: &Reader, secrets: &Secrets, form: &[u8]) -> Result<Pushed, Error> {
    let denied = |message: &str| Error::new(ErrorKind::Denied, message);
    let content = sign::form_field(form, "logistics_interface");
    let content = content.ok_or_else(|| denied("push has no logistics_interface"))?;
    let digest = sign::form_field(form, "data_digest");
    let digest = digest.ok_or_else(|| denied("push has no data_digest"))?;
    let expected = |secret: &str| sign::link(&content, secret).into_bytes();
    if !secrets.verify(&digest, expected) {
        return Err(denied("digest of the push is wrong"));
    }
    let kind = sign::form_field(form, "msg_type").unwrap_or_default();
    let envelope = envelope(&content)?;
    let (mut reports, mut poll) = (Vec::new(), Vec::new());
    if envelope.traces_list.is_some() {
        for entry in reader.entries(&envelope, Asked::Many)? {
            reports.push(entry.answer?);
        }
    } else if kind == STATUS_SYNC.as_bytes() {
        let numbers = [&envelope.mail_no, &envelope.lg_order_code];
        poll.extend(
            numbers
                .iter()
                .filter_map(|number| TrackingNumber::parse(number).ok()),
        );
        if poll.is_empty() {
            return Err(malformed("push names no number"));
        }
    } else if matches!(kind.as_slice(), b"" | b"TRACEPUSH") {
        return Err(malformed("push has no tracesList"));
    } else {
        let message = "pushes of this message type are not read";
        return Err(Error::new(ErrorKind::Unsupported, message));
    }
    Ok(Pushed {
        // The digest is the same for the same content, and a push has no id.
        id: String::from_utf8_lossy(&digest).into_owned(),
        reports,
        poll,
        reply: reply(content.trim_ascii_start().first() == Some(&b'<')),
    })
}

/// The answer, in the form in which the API is set up.
fn reply(as_xml: bool) -> http::Response<Bytes> {
    let (media, body) = match as_xml {
        true => (
            "text/xml;charset=utf-8",
            "<response><success>true</success></response>",
        ),
        false => ("application/json;charset=utf-8", r#"{"success":true}"#),
    };
    let mut reply = http::Response::new(Bytes::from_static(body.as_bytes()));
    let media = HeaderValue::from_static(media);
    reply.headers_mut().insert(CONTENT_TYPE, media);
    reply
}
