//! The push of 040002: one operation in an envelope.
//!
//! What opens with our key, and reads as JSON or ends in the key text, was made with our key;
//! there is no other signature. The platform says nothing about repeated pushes. Its serial number
//! names each of them, and stands outside of what is sealed, so what is sealed is the id.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Request, Response, StatusCode};
use waybill_core::adapter::{Pushed, Report};
use waybill_core::error::{Error, ErrorKind};

use super::answer::Reader;
use super::wire::{Document, Reply};
use super::{fault, meaning};
use crate::sign::{hex, sha256};

/// Checks and understands a push.
pub(super) fn translate(
    reader: &Reader,
    sender: &str,
    push: &Request<Bytes>,
) -> Result<Pushed, Error> {
    let body = push.body().trim_ascii();
    if body.first() != Some(&b'{') {
        return Err(fault::sealed());
    }
    let outer: Document<'_> = crate::wire::from_slice(body).map_err(|_| fault::sealed())?;
    let opened = reader.keys.open(&outer.logitcs_interface);
    let opened = opened.ok_or_else(fault::sealed)?;
    let reports = reader.pushed(&opened.text, None)?;
    let reply = Reply {
        serial_no: outer.serial_no.trim(),
        code: fault::OK,
        code_message: "",
        sender_no: sender,
    };
    Ok(Pushed {
        id: hex(&sha256(&[outer.logitcs_interface.as_bytes()])),
        // A push names the reversal and not what it takes back.
        poll: reports
            .iter()
            .filter(|report| takes_back(report))
            .map(|report| report.number.clone())
            .collect(),
        reports,
        reply: answer(&reply)?,
    })
}

fn takes_back(report: &Report) -> bool {
    let mut codes = report.claims.iter().map(|claim| &claim.native_code);
    codes.any(|code| !meaning::reverses(code).is_empty())
}

fn answer(reply: &Reply<'_>) -> Result<Response<Bytes>, Error> {
    let defect = || Error::new(ErrorKind::Internal, "reply cannot be built");
    let body = serde_json::to_vec(reply).map_err(|_| defect())?;
    Response::builder()
        .status(StatusCode::OK)
        .header(CONTENT_TYPE, "application/json")
        .body(Bytes::from(body))
        .map_err(|_| defect())
}
