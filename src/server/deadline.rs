//! What a caller says about its patience. Defaults and caps are the RPC layer's.

use std::time::Duration;

use http::HeaderMap;

/// Reads the `grpc-timeout` header: at most eight digits and a unit. Anything else counts as no
/// header, so that the default deadline applies.
pub fn parse_grpc_timeout(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get("grpc-timeout")?.as_bytes();
    let (unit, digits) = value.split_last()?;
    if digits.is_empty() || digits.len() > 8 {
        return None;
    }
    let mut amount = 0;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        amount = amount * 10 + u64::from(digit - b'0');
    }
    match unit {
        b'H' => Some(Duration::from_secs(amount * 3_600)),
        b'M' => Some(Duration::from_secs(amount * 60)),
        b'S' => Some(Duration::from_secs(amount)),
        b'm' => Some(Duration::from_millis(amount)),
        b'u' => Some(Duration::from_micros(amount)),
        b'n' => Some(Duration::from_nanos(amount)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn parse(value: &[u8]) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert("grpc-timeout", HeaderValue::from_bytes(value).unwrap());
        parse_grpc_timeout(&headers)
    }

    #[test]
    fn every_unit_is_understood() {
        assert_eq!(parse(b"2H"), Some(Duration::from_secs(7_200)));
        assert_eq!(parse(b"3M"), Some(Duration::from_secs(180)));
        assert_eq!(parse(b"42S"), Some(Duration::from_secs(42)));
        assert_eq!(parse(b"250m"), Some(Duration::from_millis(250)));
        assert_eq!(parse(b"7u"), Some(Duration::from_micros(7)));
        assert_eq!(parse(b"99999999n"), Some(Duration::from_nanos(99_999_999)));
        assert_eq!(parse(b"0m"), Some(Duration::ZERO));
        let longest = Duration::from_secs(99_999_999 * 3_600);
        assert_eq!(parse(b"99999999H"), Some(longest));
    }

    #[test]
    fn anything_else_is_no_timeout() {
        for value in [
            &b""[..],
            b"S",
            b"5",
            b"5s",
            b"-5S",
            b"+5S",
            b" 5S",
            b"5 S",
            b"1.5S",
            b"123456789S",
            b"\xff\xffS",
            b"5\xff",
        ] {
            assert_eq!(parse(value), None, "{value:?}");
        }
        assert_eq!(parse_grpc_timeout(&HeaderMap::new()), None);
    }
}
