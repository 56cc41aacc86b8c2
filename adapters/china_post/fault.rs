//! What the answers that are no shipments mean.
//!
//! The platform publishes no table of its codes: everything but `00000` is a failure, and only its
//! words tell which. They are looked at and never passed on, because they may repeat the number.

use bytes::Bytes;
use http::StatusCode;
use jiff::Timestamp;
use waybill_core::error::{Error, ErrorKind};

use super::wire::Document;
use crate::retry_after::retry_after;

/// `retCode` of an answer that is one.
pub(super) const OK: &str = "00000";

/// Words of a failure, its kind and what we say. The first row that fits counts.
const WORDS: &[(&[&str], ErrorKind, &str)] = &[
    (
        &["签名", "解密", "授权", "密钥", "验签"],
        ErrorKind::Denied,
        "source refused the authorisation or the key",
    ),
    (
        &["客户号", "协议"],
        ErrorKind::Denied,
        "source refused the contract customer",
    ),
    (
        &["频繁", "限流", "超限"],
        ErrorKind::Throttled,
        "source says too many requests",
    ),
    (
        &[
            "无查询信息",
            "无此邮件",
            "查无",
            "不存在",
            "未查询到",
            "无客户信息",
        ],
        ErrorKind::NotFound,
        NOT_FOUND,
    ),
];

const NOT_FOUND: &str = "source has no operations of this number";

/// Explains a response of another status than 200.
pub(super) fn of_status(response: &http::Response<Bytes>, now: Timestamp) -> Error {
    let status = response.status();
    let (kind, message) = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            (ErrorKind::Denied, "source refused the call")
        }
        // What the gateway in front of the site answers to those that it takes for programs.
        StatusCode::METHOD_NOT_ALLOWED => (ErrorKind::Denied, "source blocks this address"),
        StatusCode::TOO_MANY_REQUESTS => (ErrorKind::Throttled, "source says too many requests"),
        StatusCode::REQUEST_TIMEOUT => (ErrorKind::Timeout, "request timed out at the source"),
        status if status.is_server_error() => (ErrorKind::Unavailable, "source has a server error"),
        _ => (
            ErrorKind::Malformed,
            "source answered with an undocumented status",
        ),
    };
    let error = Error::new(kind, format!("{message}, http status {}", status.as_u16()));
    match retry_after(response.headers(), now) {
        Some(retry) if matches!(kind, ErrorKind::Throttled | ErrorKind::Unavailable) => {
            error.with_retry(retry)
        }
        _ => error,
    }
}

/// Explains an answer with another code than [`OK`].
pub(super) fn of_answer(document: &Document<'_>) -> Error {
    let says = |words: &&[&str]| words.iter().any(|word| document.ret_msg.contains(word));
    let row = WORDS.iter().find(|(words, _, _)| says(words));
    let (kind, message) = row.map_or(
        (ErrorKind::Unavailable, "source reports a failure"),
        |(_, kind, message)| (*kind, *message),
    );
    Error::new(kind, message).with_code(code_of(&document.ret_code))
}

/// Says that an answer that is one holds nothing.
pub(super) fn not_found() -> Error {
    Error::new(ErrorKind::NotFound, NOT_FOUND)
}

/// Says that an envelope does not open under our keys.
pub(super) fn sealed() -> Error {
    Error::new(ErrorKind::Denied, "envelope does not open with the key")
}

/// A code that may be shown: short, of letters and digits.
fn code_of(code: &str) -> String {
    let code = code.trim();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if code.len() <= 12 && code.bytes().all(plain) {
        code.to_owned()
    } else {
        String::new()
    }
}
