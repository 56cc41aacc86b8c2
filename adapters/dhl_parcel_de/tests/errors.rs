//! What failures are understood as.

use std::time::Duration;

use waybill_core::error::Retry;

use super::*;

fn error(status: u16, body: &str) -> Error {
    let asked = [query("00340435100000000379")];
    let mut answers = adapter(&[]).interpret(&asked, &response(status, body), now());
    answers.remove(0).map(drop).unwrap_err()
}

fn after(seconds: u64) -> Retry {
    Retry::After(Duration::from_secs(seconds))
}

#[test]
fn each_code_has_its_kind_and_its_advice() {
    for (code, kind, retry) in [
        ("5", ErrorKind::Denied, Retry::Never),
        ("6", ErrorKind::Throttled, after(900)),
        ("41", ErrorKind::InvalidQuery, Retry::Never),
        ("45", ErrorKind::InvalidQuery, Retry::Never),
        ("57", ErrorKind::HintRequired, Retry::Never),
        ("62", ErrorKind::Unsupported, Retry::Never),
        ("78", ErrorKind::HintRequired, Retry::Never),
        ("79", ErrorKind::HintRequired, Retry::Never),
        ("80", ErrorKind::HintRequired, Retry::Never),
        ("100", ErrorKind::NotFound, after(1_800)),
        ("200", ErrorKind::NotFound, after(1_800)),
        ("-1", ErrorKind::Unavailable, Retry::Now),
        ("-99", ErrorKind::Unavailable, Retry::Now),
        ("4711", ErrorKind::Malformed, Retry::Never),
    ] {
        let words = "error=\"00340435100000000379 by M. Tester\"";
        let root = format!("<data name=\"piece-shipment-list\" code=\"{code}\" {words}/>");
        let piece = format!(
            "<data name=\"piece-shipment-list\" code=\"0\"><data name=\"piece-shipment\" \
             error-status=\"{code}\" piece-code=\"00340435100000000379\" {words}/></data>"
        );
        for body in [root, piece] {
            let error = error(200, &body);
            assert_eq!((error.kind, error.retry), (kind, retry), "{body}");
            assert_eq!(error.native_code, code);
            let said = error.to_string();
            assert!(!said.contains("0034043") && !said.contains("Tester"));
        }
    }
    let login = error(200, include_str!("../fixtures/error_login.xml"));
    assert_eq!(login.kind, ErrorKind::Denied);
}

#[test]
fn statuses_of_the_gateway_count_without_a_body() {
    for (status, kind, retry) in [
        (400, ErrorKind::InvalidQuery, Retry::Never),
        (401, ErrorKind::Denied, Retry::Never),
        (403, ErrorKind::Denied, Retry::Never),
        (404, ErrorKind::Unsupported, Retry::Never),
        (408, ErrorKind::Timeout, Retry::Now),
        (429, ErrorKind::Throttled, after(5)),
        (500, ErrorKind::Unavailable, Retry::Now),
        (503, ErrorKind::Unavailable, Retry::Now),
        (302, ErrorKind::Malformed, Retry::Never),
        (204, ErrorKind::Malformed, Retry::Never),
    ] {
        for body in ["", "<html>no</html>", "{\"status\":401}"] {
            let error = error(status, body);
            assert_eq!((error.kind, error.retry), (kind, retry), "{status}");
        }
    }
    let wait = Response::builder().status(429).header("retry-after", "120");
    let wait = wait.body(Bytes::new()).unwrap();
    let answers = adapter(&[]).interpret(&[], &wait, now());
    assert_eq!(answers[0].as_ref().map(drop).unwrap_err().retry, after(120));
}

#[test]
fn what_is_no_answer_is_malformed() {
    for body in [
        "",
        "null",
        "{\"shipments\":[]}",
        "<html><body>down</body></html>",
        "<!DOCTYPE html><html></html>",
        "<data/>",
        "<data name=\"piece-shipment-list\" code=\"zero\"/>",
        "<data name=\"piece-shipment-list\" code=\"0\"><data name=\"piece-shipment\"/></data>",
        "<data code=\"0\"><data name=\"piece-shipment\" piece-code=\"00340435100000000379\">\
         <data name=\"piece-event\" event-timestamp=\"soon\" ice=\"PARCV\"/></data></data>",
    ] {
        let mut answers = adapter(&[]).interpret(&[], &response(200, body), now());
        let error = answers.remove(0).map(drop).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Malformed, "{body}");
    }
    let empty = "<data name=\"piece-shipment-list\" code=\"0\"/>";
    assert_eq!(error(200, empty).kind, ErrorKind::NotFound);
}
