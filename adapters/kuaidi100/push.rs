//! Pushes: a form with the result in `param`, signed in `sign` if a salt was given at subscription.
//!
//! The signature is over the bytes of `param` as they are once the form is decoded, before anything
//! is read out of them.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Request, Response};
use jiff::Timestamp;
use percent_encoding::percent_decode;
use waybill_core::adapter::Pushed;
use waybill_core::error::{Error, ErrorKind};
use waybill_core::number::TrackingNumber;

use super::fault::malformed;
use super::map::{Body, Reader, body};
use super::sign;
use super::wire::Answer;
use crate::sign::Secrets;

/// What Kuaidi100 has to hear; after anything else it repeats the push, three times at most.
const TAKEN: &str = r#"{"result":true,"returnCode":"200","message":"成功"}"#;

/// The value of a field of a form, decoded; the first if there are several.
pub(super) fn field<'a>(form: &'a [u8], name: &str) -> Option<Cow<'a, [u8]>> {
    let pair = |pair: &'a [u8]| {
        let at = pair.iter().position(|byte| *byte == b'=')?;
        let (key, value) = pair.split_at(at);
        (key == name.as_bytes()).then(|| value.get(1..).unwrap_or_default())
    };
    let value = form.split(|byte| *byte == b'&').find_map(pair)?;
    let value: Cow<'a, [u8]> = if value.contains(&b'+') {
        let space = |byte: &u8| if *byte == b'+' { b' ' } else { *byte };
        Cow::Owned(value.iter().map(space).collect())
    } else {
        Cow::Borrowed(value)
    };
    Some(match value {
        Cow::Borrowed(value) => percent_decode(value).into(),
        Cow::Owned(value) => Cow::Owned(percent_decode(&value).collect()),
    })
}

/// Checks and understands a push.
pub(super) fn translate(
    reader: &Reader,
    salts: &Secrets,
    push: &Request<Bytes>,
    now: Timestamp,
) -> Result<Pushed, Error> {
    let denied = |message| Error::new(ErrorKind::Denied, message);
    let form = push.body();
    let sign = field(form, "sign").ok_or_else(|| denied("push has no signature"))?;
    let param = field(form, "param").ok_or_else(|| denied("push has nothing that is signed"))?;
    let expected = |salt: &str| sign::callback(&param, salt).into_bytes();
    if !salts.verify(&sign, expected) {
        return Err(denied("signature of the push is wrong"));
    }
    let Body::Answer(answer) = body(&param)? else {
        return Err(malformed("push is a list"));
    };
    if answer.last_result.is_empty() && answer.dest_result.is_empty() {
        return Err(malformed("lastResult: missing from the push, or no object"));
    }
    let (reports, poll) = match reader.read(&answer, None, now) {
        Ok(reports) => (reports, Vec::new()),
        // A subscription that has ended without a row: from now on only asking tells.
        Err(error) if error.kind == ErrorKind::NotFound && answer.status.trim() == "abort" => {
            (Vec::new(), vec![number(&answer)?])
        }
        // Followed, and nothing is known yet.
        Err(error) if error.kind == ErrorKind::NotFound => (Vec::new(), Vec::new()),
        Err(error) => return Err(error),
    };
    let mut reply = Response::new(Bytes::from_static(TAKEN.as_bytes()));
    reply.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/json;charset=UTF-8"),
    );
    Ok(Pushed {
        id: String::new(),
        reports,
        poll,
        reply,
    })
}

fn number(push: &Answer<'_>) -> Result<TrackingNumber, Error> {
    let mut legs = push.last_result.iter().chain(&push.dest_result);
    legs.find_map(|leg| TrackingNumber::parse(&leg.nu).ok())
        .ok_or_else(|| malformed("lastResult.nu: push lacks a tracking number"))
}
