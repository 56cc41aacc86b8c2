//! What the refusals of AfterShip mean: its codes, its HTTP statuses, and trackings without a result.
//!
//! Codes are those of the documents' table of errors. AfterShip's own messages are read, where only
//! they tell two cases apart, and never passed on.

use std::time::Duration;

use http::HeaderMap;
use jiff::Timestamp;
use waybill_core::error::{Error, ErrorKind, Retry};

use super::wire::Meta;
use crate::retry_after::retry_after;

/// The tracking exists already.
pub(super) const EXISTS: &str = "4003";
/// The tracking does not exist.
pub(super) const UNKNOWN: &str = "4004";
/// A field that the courier needs is missing.
const FIELD_MISSING: &str = "4011";
/// The courier is not usable; only the message tells why.
const BAD_COURIER: &str = "4012";

/// A number that has no result yet must not be remembered for long.
const LATER: Duration = Duration::from_secs(60);
/// The windows of the rate limits last one second.
const PACE: Duration = Duration::from_secs(1);
/// Longest wait until a window ends that is believed.
const LONGEST: Duration = Duration::from_secs(60);
/// A plan's quota begins anew when the plan is renewed or changed.
const QUOTA: Duration = Duration::from_secs(3_600);
/// A tracking that AfterShip gave up has news only if somebody takes it up again.
const GIVEN_UP: Duration = Duration::from_secs(6 * 3_600);

/// Code, kind, message.
pub(super) static CODES: &[(&str, ErrorKind, &str)] = &[
    ("400", ErrorKind::Internal, "request refused as wrong"),
    ("4001", ErrorKind::Internal, "body of the request refused"),
    (
        EXISTS,
        ErrorKind::NotFound,
        "tracking exists, its result cannot be found yet",
    ),
    (UNKNOWN, ErrorKind::NotFound, "number is not registered"),
    ("4005", ErrorKind::InvalidQuery, "number refused"),
    (
        "4006",
        ErrorKind::Internal,
        "tracking missing in the request",
    ),
    ("4007", ErrorKind::Internal, "number missing in the request"),
    ("4008", ErrorKind::InvalidQuery, "value of a field refused"),
    ("4009", ErrorKind::Internal, "field missing in the request"),
    (
        "4010",
        ErrorKind::Unsupported,
        "carrier is not known to the service",
    ),
    (
        FIELD_MISSING,
        ErrorKind::HintRequired,
        "a field that the carrier needs is missing",
    ),
    (
        BAD_COURIER,
        ErrorKind::Unsupported,
        "carrier is not enabled for the account, or the number is none of its numbers",
    ),
    ("4013", ErrorKind::Internal, "tracking goes on already"),
    (
        "4014",
        ErrorKind::Internal,
        "notices missing in the request",
    ),
    ("4015", ErrorKind::Internal, "id of a tracking refused"),
    (
        "4016",
        ErrorKind::Unsupported,
        "tracking was taken up again too often",
    ),
    (
        "4017",
        ErrorKind::InvalidQuery,
        "format of the number refused",
    ),
    ("401", ErrorKind::Denied, "key or signature refused"),
    ("402", ErrorKind::Throttled, "quota of the plan used up"),
    ("403", ErrorKind::Denied, "account or plan may not do this"),
    (
        "404",
        ErrorKind::Unsupported,
        "no such resource under the base url",
    ),
    ("408", ErrorKind::Timeout, "request timed out at the source"),
    ("413", ErrorKind::Internal, "request is too large"),
    ("429", ErrorKind::Throttled, "too many requests"),
    ("500", ErrorKind::Unavailable, "server error"),
    ("502", ErrorKind::Unavailable, "server error"),
    ("503", ErrorKind::Unavailable, "server error"),
    ("504", ErrorKind::Unavailable, "server error"),
];

/// Fields that a courier can need, old names too, and what we call them.
const FIELDS: &[(&str, &str)] = &[
    ("postal_code", "hint postal_code is needed"),
    ("destination_country", "hint destination_country is needed"),
    ("origin_country", "hint origin_country is needed"),
    ("ship_date", "hint ship_date is needed"),
    (
        "account_number",
        "carrier needs an account number, which cannot be given",
    ),
    (
        "tracking_key",
        "carrier needs a key of its own, which cannot be given",
    ),
    (
        "state",
        "carrier needs the state of destination, which cannot be given",
    ),
];

/// Explains a code of the source; `message` is its own.
pub(super) fn of_code(code: &str, message: &str) -> Error {
    let code = code.trim();
    let Some((_, kind, said)) = CODES.iter().find(|row| row.0 == code) else {
        let plain = (1..=6).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_digit());
        // An unknown refusal may be gone at the next attempt; it must not be tried without pause.
        let error = match plain && code.len() == 3 && code.starts_with('5') {
            true => Error::new(ErrorKind::Unavailable, "server error"),
            false => Error::new(ErrorKind::Internal, "refused with an unknown code")
                .with_retry(Retry::After(LATER)),
        };
        return error.with_code(if plain { code } else { "" });
    };
    let (mut kind, mut said) = (*kind, *said);
    match code {
        FIELD_MISSING => {
            let field = FIELDS.iter().find(|(field, _)| message.contains(field));
            if let Some((_, needed)) = field {
                said = needed;
            }
            if said.ends_with("cannot be given") {
                kind = ErrorKind::Unsupported;
            }
        }
        BAD_COURIER if message.contains("recogni") => {
            kind = ErrorKind::HintRequired;
            said = "carrier cannot be told by the number and is needed";
        }
        _ => {}
    }
    let error = Error::new(kind, said).with_code(code);
    match code {
        "402" => error.with_retry(Retry::After(QUOTA)),
        "429" => error.with_retry(Retry::After(PACE)),
        _ => error,
    }
}

/// Explains a response that reports a failure: by the code of its envelope if it has one, else by
/// its HTTP status, because a failure can come as plain text.
pub(super) fn of_response(
    status: u16,
    meta: Option<&Meta<'_>>,
    headers: &HeaderMap,
    now: Timestamp,
) -> Error {
    let code = meta.map_or("", |meta| meta.code.trim());
    let fails = code.parse::<u32>().is_ok_and(|code| code >= 400);
    let error = match meta {
        Some(meta) if fails => of_code(code, &meta.message),
        _ => by_status(status),
    };
    let wait = retry_after(headers, now);
    match (wait, error.kind) {
        (Some(wait), ErrorKind::Throttled | ErrorKind::Unavailable) => error.with_retry(wait),
        (None, ErrorKind::Throttled) if error.native_code != "402" => {
            error.with_retry(Retry::After(reset(headers, now).unwrap_or(PACE)))
        }
        _ => error,
    }
}

fn by_status(status: u16) -> Error {
    let code = status.to_string();
    if CODES.iter().any(|row| row.0 == code) || status >= 500 {
        return of_code(&code, "").with_code("");
    }
    let message = format!("answer not understood, http status {status}");
    Error::new(ErrorKind::Malformed, message)
}

/// Time until the window of the rate limit ends: a moment in seconds since 1970.
fn reset(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get("x-ratelimit-reset")?.to_str().ok()?;
    let at: i64 = text.trim().parse().ok()?;
    let wait = u64::try_from(at.saturating_sub(now.as_second())).unwrap_or(0);
    Some(Duration::from_secs(wait).clamp(PACE, LONGEST))
}

/// A tracking that has no checkpoint: how long it has been there decides when to look again.
pub(super) fn pending(age: Option<Duration>, active: bool, subtag: &str) -> Error {
    let (message, wait) = match age.map(|age| age.as_secs()) {
        _ if !active => ("registered, given up without a result", GIVEN_UP),
        Some(0..60) => ("registered, first result is not there yet", SOON),
        Some(60..360) => ("registered, first result is not there yet", LATER),
        _ => ("registered, carrier has no result", SELDOM),
    };
    let plain = subtag.len() <= 40
        && subtag
            .bytes()
            .all(|byte| byte == b'_' || byte.is_ascii_alphanumeric());
    Error::new(ErrorKind::NotFound, message)
        .with_retry(Retry::After(wait))
        .with_code(if plain { subtag } else { "" })
}

/// The first result comes seconds to minutes after a registration.
const SOON: Duration = Duration::from_secs(15);
const SELDOM: Duration = Duration::from_secs(300);

/// A number that was registered just now.
pub(super) fn just_registered() -> Error {
    Error::new(
        ErrorKind::NotFound,
        "registered now, first result is not there yet",
    )
    .with_retry(Retry::After(SOON))
}

pub(super) fn malformed(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Malformed, message)
}
