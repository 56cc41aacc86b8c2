//! What failures are understood as.

use waybill_core::error::Retry;

use super::*;

fn failure(status: u16, body: &str) -> Error {
    let number = query("1Z7W4A210300001015");
    let response = response(status, body);
    let mut answers = adapter(&[]).interpret(&[number], &response, now());
    assert_eq!(answers.len(), 1);
    match answers.remove(0) {
        Ok(_) => panic!("{status} is a failure"),
        Err(error) => error,
    }
}

fn coded(status: u16, code: &str) -> Error {
    let message = "1Z7W4A210300001015 is wrong";
    failure(
        status,
        &format!(r#"{{"response":{{"errors":[{{"code":"{code}","message":"{message}"}}]}}}}"#),
    )
}

#[test]
fn every_documented_code_has_a_kind() {
    use ErrorKind::*;
    for (status, code, kind, retry) in [
        (400, "TV1002", InvalidQuery, Retry::Never),
        (404, "TJ001", NotFound, NotFound.default_retry()),
        (404, "151018", NotFound, NotFound.default_retry()),
        (404, "TW0001", NotFound, NotFound.default_retry()),
        (404, "new one", NotFound, NotFound.default_retry()),
        (404, "404", Unsupported, Retry::Never),
        (401, "250002", Denied, Retry::Never),
        (401, "250003", Denied, Retry::Never),
        (401, "251004", Denied, Retry::Never),
        (401, "UJ0001", Denied, Retry::Never),
        (403, "999", Denied, Retry::Never),
        (400, "10400", InvalidQuery, Retry::Never),
        (400, "10007", Internal, Retry::Never),
        (400, "VSS002", Internal, Retry::Never),
        (400, "VSS310", InvalidQuery, Retry::Never),
        (405, "405", Internal, Retry::Never),
        (429, "10429", Throttled, Throttled.default_retry()),
        (500, "10004", Unavailable, Retry::Now),
        (503, "VSS100", Unavailable, Retry::Now),
        (500, "TW0001", Unavailable, Retry::Now),
    ] {
        let error = coded(status, code);
        assert_eq!((error.kind, error.retry), (kind, retry), "{status} {code}");
        assert!(error.spent);
        assert!(!error.to_string().contains("1Z7W"), "{error}");
        let shown = if code == "new one" { "" } else { code };
        assert_eq!(error.native_code, shown);
    }
}

#[test]
fn something_else_in_the_place_of_shipments_denies_nothing() {
    for body in [
        r#"{"trackResponse":{"shipment":"none"}}"#,
        r#"{"trackResponse":{"shipment":[[[]]]}}"#,
        r#"{"trackResponse":{"shipment":[7,null]}}"#,
    ] {
        assert_eq!(failure(200, body).kind, ErrorKind::Malformed, "{body}");
    }
}

#[test]
fn not_found_has_many_forms() {
    for body in [
        include_str!("../fixtures/not_found.json"),
        r#"{"trackResponse":{"shipment":[{"inquiryNumber":"1Z7W4A210300001015"}]}}"#,
        r#"{"trackResponse":{"shipment":[{"package":[],"warnings":{"code":"TW0001"}}]}}"#,
        r#"{"trackResponse":{"shipment":[]}}"#,
        r#"{"trackResponse":{}}"#,
        r#"{"response":{"errors":[{"code":"TW0001"}]}}"#,
    ] {
        assert_eq!(failure(200, body).kind, ErrorKind::NotFound, "{body}");
    }
    assert_eq!(
        failure(200, include_str!("../fixtures/not_found.json")).native_code,
        "TW0001"
    );
}

#[test]
fn a_broken_answer_denies_no_number() {
    let page = "<html><body>Service</body></html>";
    for (status, body, kind) in [
        (200, page, ErrorKind::Malformed),
        (200, "", ErrorKind::Malformed),
        (200, "{}", ErrorKind::Malformed),
        (200, "[]", ErrorKind::Malformed),
        (
            200,
            r#"{"trackResponse":{"shipment":[{"package":[{"#,
            ErrorKind::Malformed,
        ),
        (
            200,
            r#"{"response":{"errors":[{"code":"odd"}]}}"#,
            ErrorKind::Malformed,
        ),
        (
            200,
            r#"{"trackResponse":{"shipment":[{"warnings":[{"code":"10004"}]}]}}"#,
            ErrorKind::Unavailable,
        ),
        (302, "", ErrorKind::Malformed),
        (400, page, ErrorKind::Malformed),
        (404, page, ErrorKind::Malformed),
        (404, "", ErrorKind::Malformed),
        (401, page, ErrorKind::Denied),
        (403, page, ErrorKind::Denied),
        (408, "", ErrorKind::Timeout),
        (429, page, ErrorKind::Throttled),
        (502, page, ErrorKind::Unavailable),
        (503, "", ErrorKind::Unavailable),
    ] {
        assert_eq!(failure(status, body).kind, kind, "{status} {body}");
    }
}

#[test]
fn the_source_says_when_to_come_back() {
    for status in [429, 503] {
        let mut throttled = response(status, "");
        throttled
            .headers_mut()
            .insert("retry-after", HeaderValue::from_static("7"));
        let answers = adapter(&[]).interpret(&[], &throttled, now());
        let Some(Err(error)) = answers.first() else {
            panic!("a failure");
        };
        assert_eq!(error.retry, Retry::After(Duration::from_secs(7)));
    }
}

#[test]
fn a_package_without_a_number_has_the_one_that_was_asked_for() {
    let body = r#"{"trackResponse":{"shipment":[{"package":[{"packageCount":1}]}]}}"#;
    let asked = query("1Z7W4A210300001015");
    let answers = adapter(&[]).interpret(std::slice::from_ref(&asked), &response(200, body), now());
    let Some(Ok(reports)) = answers.first() else {
        panic!("a report");
    };
    assert!(reports[0].number == asked.number);
    assert_eq!(
        understood(body).err().map(|error| error.kind),
        Some(ErrorKind::Malformed)
    );
}

#[test]
fn an_answer_to_several_queries_is_given_to_each() {
    let lead = query("1Z7W4A210300005011");
    let piece = query("1Z7W4A210300005020");
    let other = query("1Z7W4A210300001015");
    let body = include_str!("../fixtures/pieces.json");
    let answers = adapter(&[]).interpret(&[lead, piece, other], &response(200, body), now());
    let counts: Vec<_> = answers
        .iter()
        .map(|answer| answer.as_ref().map(Vec::len).map_err(|error| error.kind))
        .collect();
    assert_eq!(counts, [Ok(2), Ok(1), Err(ErrorKind::NotFound)]);
}

#[test]
fn settings_are_checked() {
    for (key, value) in [
        ("environment", "staging"),
        ("base_url", "onlinetools.ups.com"),
        ("base_url", "ftp://onlinetools.ups.com"),
        ("locale", "english"),
        ("merchant_id", "a\nb"),
    ] {
        let error = (DESCRIPTOR.build)(&settings(&[(key, value)])).err();
        assert!(error.is_some_and(|error| error.contains(key)), "{key}");
    }
    assert!((DESCRIPTOR.build)(&settings(&[("environment", "sandbox")])).is_ok());
}
