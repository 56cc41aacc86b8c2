//! What failures are understood as.

use std::time::Duration;

use waybill_core::error::Retry;

use super::*;

fn error(status: u16, body: &str) -> Error {
    let asked = [query("7002003116")];
    let mut answers = adapter(&[]).interpret(&asked, &response(status, body), now());
    answers.remove(0).map(drop).unwrap_err()
}

fn after(seconds: u64) -> Retry {
    Retry::After(Duration::from_secs(seconds))
}

#[test]
fn each_failure_has_its_kind_and_its_advice() {
    let wrong = include_str!("../fixtures/error_400.json");
    let denied = include_str!("../fixtures/error_401.json");
    let unknown = include_str!("../fixtures/error_404.json");
    let broken = include_str!("../fixtures/error_500.json");
    for (status, body, kind, retry) in [
        (400, wrong, ErrorKind::InvalidQuery, Retry::Never),
        (401, denied, ErrorKind::Denied, Retry::Never),
        (401, "", ErrorKind::Denied, Retry::Never),
        (403, "", ErrorKind::Denied, Retry::Never),
        (404, unknown, ErrorKind::NotFound, after(1_800)),
        // A gateway that answers 404 says nothing about the number.
        (404, "<html>", ErrorKind::Malformed, Retry::Never),
        (404, "{}", ErrorKind::Malformed, Retry::Never),
        (408, "", ErrorKind::Timeout, Retry::Now),
        (429, "", ErrorKind::Throttled, after(5)),
        (500, broken, ErrorKind::Unavailable, Retry::Now),
        (503, "<html>", ErrorKind::Unavailable, Retry::Now),
        (302, "", ErrorKind::Malformed, Retry::Never),
        (204, "", ErrorKind::Malformed, Retry::Never),
        (200, "", ErrorKind::Malformed, Retry::Never),
        (200, "[]", ErrorKind::Malformed, Retry::Never),
        (200, "{}", ErrorKind::Malformed, Retry::Never),
        (
            200,
            r#"{"shipments":7}"#,
            ErrorKind::Malformed,
            Retry::Never,
        ),
        (
            200,
            r#"{"shipments":[{"#,
            ErrorKind::Malformed,
            Retry::Never,
        ),
        (
            200,
            r#"{"shipments":[]}"#,
            ErrorKind::NotFound,
            after(1_800),
        ),
        (200, unknown, ErrorKind::NotFound, after(1_800)),
        (200, denied, ErrorKind::Denied, Retry::Never),
        (
            200,
            r#"{"shipments":[{"shipmentTrackingNumber":"7002003116","status":"Failure"}]}"#,
            ErrorKind::NotFound,
            after(1_800),
        ),
        (
            200,
            r#"{"shipments":[{"shipmentTrackingNumber":"7002003116","events":[{"date":"soon"}]}]}"#,
            ErrorKind::Malformed,
            Retry::Never,
        ),
    ] {
        let error = error(status, body);
        assert_eq!((error.kind, error.retry), (kind, retry), "{status} {body}");
        assert!(!error.to_string().contains("7002003116"), "{error}");
    }
    let wait = Response::builder().status(429).header("retry-after", "120");
    let wait = wait.body(Bytes::new()).unwrap();
    let answers = adapter(&[]).interpret(&[], &wait, now());
    assert_eq!(answers[0].as_ref().map(drop).unwrap_err().retry, after(120));
    let body = r#"{"shipments":[{"events":[{"date":"2026-03-02","typeCode":"PU"}]}]}"#;
    let nobody = adapter(&[]).interpret(&[], &response(200, body), now());
    assert_eq!(
        nobody[0].as_ref().map(drop).unwrap_err().kind,
        ErrorKind::Malformed
    );
}
