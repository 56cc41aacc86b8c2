//! Reads the `Retry-After` header, in both of its forms: seconds, or an HTTP date.

use std::time::Duration;

use http::HeaderMap;
use http::header::RETRY_AFTER;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use waybill_core::error::Retry;

/// Longest wait that is believed: no quota of a carrier lasts longer than a day.
const LONGEST: Duration = Duration::from_secs(86_400);

/// Says how long a source asks us to stay away; `None` if it does not say, or not readably.
pub(crate) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Retry> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let until = DateTimeParser::new().parse_timestamp(text).ok()?;
            let seconds = until.as_second().saturating_sub(now.as_second()).max(0);
            Duration::from_secs(seconds.unsigned_abs())
        }
    };
    Some(Retry::After(wait.min(LONGEST)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Option<Retry> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, value.parse().unwrap());
        let now = "2026-03-01T12:00:00Z".parse().unwrap();
        retry_after(&headers, now)
    }

    #[test]
    fn both_forms_are_read_and_capped() {
        for (value, seconds) in [
            ("0", 0),
            (" 120 ", 120),
            ("Sun, 01 Mar 2026 12:00:30 GMT", 30),
            ("Sun, 01 Mar 2026 11:00:00 GMT", 0),
            ("Sun, 01 Mar 2037 11:00:00 GMT", 86_400),
            ("99999999999", 86_400),
        ] {
            let wait = Retry::After(Duration::from_secs(seconds));
            assert_eq!(read(value), Some(wait), "{value}");
        }
        for value in ["", "soon", "-5", "1.5", "Sun, 99 Mar 2026"] {
            assert_eq!(read(value), None, "{value}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), Timestamp::UNIX_EPOCH), None);
    }
}
