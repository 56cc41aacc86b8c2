//! What failures are understood as, and which settings are refused.

use waybill_core::error::Retry;

use super::*;

fn failure(status: u16, body: &str) -> Error {
    let asked = query("SF7700000000011");
    let mut answers = adapter(&[]).interpret(&[asked], &response(status, body), now());
    assert_eq!(answers.len(), 1);
    match answers.remove(0) {
        Ok(_) => panic!("{status} {body} is a failure"),
        Err(error) => error,
    }
}

fn platform(code: &str) -> Error {
    failure(
        200,
        &format!(
            r#"{{"apiResultCode":"{code}","apiErrorMsg":"SF7700000000011","apiResultData":""}}"#
        ),
    )
}

fn service(code: &str) -> Error {
    let inner = format!(
        r#"{{"success":false,"errorCode":"{code}","errorMsg":"SF7700000000011","msgData":null}}"#
    );
    let body = serde_json::json!({"apiResultCode": "A1000", "apiResultData": inner});
    failure(200, &body.to_string())
}

#[test]
fn every_documented_code_has_a_kind() {
    use ErrorKind::*;
    for (code, kind, retry) in [
        ("A1001", InvalidQuery, Retry::Never),
        ("A1002", Denied, Retry::Never),
        ("A1003", Denied, Retry::Never),
        ("A1004", Denied, Retry::Never),
        ("A1005", Throttled, Throttled.default_retry()),
        ("A1006", Denied, Retry::Never),
        ("A1007", InvalidQuery, Retry::Never),
        ("A1008", Unavailable, Retry::Never),
        ("A1009", Unavailable, Retry::Now),
        ("A1010", Denied, Retry::Never),
        ("A1011", Denied, Retry::Never),
        ("A1099", Unavailable, Retry::Now),
        // Of another interface of SF.
        ("A0000", Malformed, Retry::Never),
    ] {
        let error = platform(code);
        assert_eq!((error.kind, error.retry), (kind, retry), "{code}");
        assert_eq!(error.native_code, code);
        assert!(
            error.spent && !error.to_string().contains("SF77"),
            "{error}"
        );
    }
    for (code, kind, retry) in [
        ("S0001", Unavailable, Retry::Now),
        ("S0002", InvalidQuery, Retry::Never),
        ("S0003", Unavailable, Retry::Now),
        ("S0004", InvalidQuery, Retry::Never),
        ("S0005", InvalidQuery, Retry::Never),
        ("S0006", InvalidQuery, Retry::Never),
        ("S0007", InvalidQuery, Retry::Never),
        ("6150", NotFound, NotFound.default_retry()),
        ("8003", InvalidQuery, Retry::Never),
        ("8013", InvalidQuery, Retry::Never),
        ("8016", InvalidQuery, Retry::Never),
        ("8018", NotFound, NotFound.default_retry()),
        ("8024", NotFound, NotFound.default_retry()),
        ("8037", InvalidQuery, Retry::Never),
        ("8191", InvalidQuery, Retry::Never),
        ("8247", NotFound, NotFound.default_retry()),
        ("9999", Malformed, Retry::Never),
    ] {
        let error = service(code);
        assert_eq!((error.kind, error.retry), (kind, retry), "{code}");
        assert_eq!(error.native_code, code);
        assert!(!error.to_string().contains("SF77"), "{error}");
    }
    assert_eq!(platform("a code of 77 <x>").native_code, "");
}

#[test]
fn the_fixtures_of_failures_are_failures() {
    for (body, kind) in [
        (
            include_str!("../fixtures/platform_error.json"),
            ErrorKind::Denied,
        ),
        (
            include_str!("../fixtures/business_error.json"),
            ErrorKind::NotFound,
        ),
        (
            include_str!("../fixtures/not_found.json"),
            ErrorKind::NotFound,
        ),
    ] {
        assert_eq!(failure(200, body).kind, kind, "{body}");
    }
}

#[test]
fn the_verdict_of_the_service_may_be_words() {
    let inside = |inner: &str| {
        let body = serde_json::json!({"apiResultCode": "A1000", "apiResultData": inner});
        understood(&body.to_string()).map(|reports| reports.len())
    };
    let routes = r#""msgData":{"routeResps":[{"mailNo":"SF7700000000011","routes":[{"opCode":50,"acceptTime":"2026-03-02 09:00:00"}]}]}"#;
    for verdict in [
        r#""success":true,"errorCode":"S0000""#,
        r#""success":"true","errorCode":"S0000""#,
        r#""success":"TRUE""#,
        r#""errorCode":"S0000""#,
    ] {
        assert_eq!(inside(&format!("{{{verdict},{routes}}}")).ok(), Some(1));
    }
    for verdict in [
        r#""success":false,"errorCode":"S0000""#,
        r#""success":"false""#,
        r#""success":true,"errorCode":"S0001""#,
        r#""success":null"#,
    ] {
        assert!(
            inside(&format!("{{{verdict},{routes}}}")).is_err(),
            "{verdict}"
        );
    }
}

#[test]
fn a_quota_of_a_day_ends_at_midnight_in_china() {
    let quota = |message: &str| {
        failure(
            200,
            &format!(r#"{{"apiResultCode":"A1005","apiErrorMsg":"{message}"}}"#),
        )
    };
    // Noon in London is eight in the evening in Beijing.
    for message in ["超过每天调用次数", "当日流量已满", "Daily limit"] {
        let four_hours = Retry::After(Duration::from_secs(4 * 3_600));
        assert_eq!(quota(message).retry, four_hours, "{message}");
    }
    assert_eq!(
        quota("流量受限").retry,
        ErrorKind::Throttled.default_retry()
    );
    let mut throttled = response(200, r#"{"apiResultCode":"A1005","apiErrorMsg":"daily"}"#);
    let seven = http::HeaderValue::from_static("7");
    throttled.headers_mut().insert("retry-after", seven);
    let answers = adapter(&[]).interpret(&[], &throttled, now());
    let Some(Err(error)) = answers.first() else {
        panic!("a failure");
    };
    assert_eq!(error.retry, Retry::After(Duration::from_secs(7)));
}

#[test]
fn a_broken_answer_denies_no_number() {
    let page = "<html><body>Service</body></html>";
    let odd = r#"{"apiResultCode":"A1000","apiResultData":{"success":true,"errorCode":"S0000","msgData":{"routeResps":"x"}}}"#;
    let denied = r#"{"apiResultCode":"A1003"}"#;
    for (status, body, kind) in [
        (200, page, ErrorKind::Malformed),
        (200, "", ErrorKind::Malformed),
        (200, "{}", ErrorKind::Malformed),
        (200, "[]", ErrorKind::Malformed),
        (200, "7", ErrorKind::Malformed),
        (200, odd, ErrorKind::Malformed),
        (200, r#"{"Body":{"WaybillRoute":[]}}"#, ErrorKind::Malformed),
        (200, r#"{"Body":{"WaybillRoute":7}}"#, ErrorKind::Malformed),
        (200, r#"{"apiResultCode":"A1000"}"#, ErrorKind::Malformed),
        (
            200,
            r#"{"apiResultCode":"A1000","apiResultData":"{\"succ"}"#,
            ErrorKind::Malformed,
        ),
        (200, "content=", ErrorKind::Malformed),
        (200, "<Request></Request>", ErrorKind::Malformed),
        (200, "<Request><Body>", ErrorKind::Malformed),
        (302, "", ErrorKind::Malformed),
        (400, denied, ErrorKind::Denied),
        (404, page, ErrorKind::Malformed),
        (401, page, ErrorKind::Denied),
        (403, "", ErrorKind::Denied),
        (408, "", ErrorKind::Timeout),
        (429, page, ErrorKind::Throttled),
        (502, page, ErrorKind::Unavailable),
        (503, denied, ErrorKind::Unavailable),
    ] {
        assert_eq!(failure(status, body).kind, kind, "{status} {body}");
    }
}

#[test]
fn an_answer_to_several_queries_is_given_to_each() {
    let asked = [
        query("SF7700000000160"),
        query("770000000171"),
        query("SF7700000000237"),
        query("SF7700000000159"),
    ];
    let body = include_str!("../fixtures/batch.json");
    let answers = adapter(&[]).interpret(&asked, &response(200, body), now());
    let counts: Vec<_> = answers
        .iter()
        .map(|answer| answer.as_ref().map(Vec::len).map_err(|error| error.kind))
        .collect();
    let none = Err(ErrorKind::NotFound);
    assert_eq!(counts, [none, Ok(1), none, Ok(1)]);
    // What nobody asked for comes with the first.
    let answers = adapter(&[]).interpret(&asked[2..3], &response(200, body), now());
    assert_eq!(answers[0].as_ref().map(Vec::len).ok(), Some(2));
}

#[test]
fn one_odd_waybill_costs_no_other() {
    let row = r#"[{"opCode":"50","acceptTime":"2026-03-02 09:00:00"}]"#;
    let body = format!(
        r#"{{"apiResultCode":"A1000","apiResultData":{{"success":true,"errorCode":"S0000","msgData":{{"routeResps":[
        {{"mailNo":"SF7700000000159","routes":"none"}},{{"mailNo":[],"routes":{row}}},
        {{"mailNo":"SF7700000000160","routes":{row}}},{{"mailNo":"SF7700000000248"}}]}}}}}}"#
    );
    let asked = [
        query("SF7700000000159"),
        query("SF7700000000160"),
        query("SF7700000000237"),
        query("SF7700000000248"),
    ];
    let answers = adapter(&[]).interpret(&asked, &response(200, &body), now());
    let counts: Vec<_> = answers
        .iter()
        .map(|answer| answer.as_ref().map(Vec::len).map_err(|error| error.kind))
        .collect();
    let odd = Err(ErrorKind::Malformed);
    assert_eq!(counts, [odd, Ok(1), odd, odd]);
}

#[test]
fn a_waybill_without_a_number_has_the_one_that_was_asked_for() {
    let body = r#"{"apiResultCode":"A1000","apiResultData":{"success":true,"errorCode":"S0000","msgData":{"routeResps":[{"routes":[{"opCode":"50","acceptTime":"2026-03-02 09:00:00"}]}]}}}"#;
    let asked = query("SF7700000000011");
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
fn settings_are_checked() {
    for (key, value) in [
        ("environment", "staging"),
        ("base_url", "sfapi.sf-express.com"),
        ("base_url", "ftp://sfapi.sf-express.com"),
        ("auth", "basic"),
        ("language", "fr"),
    ] {
        let error = (DESCRIPTOR.build)(&settings(&[(key, value)])).err();
        assert!(error.is_some_and(|error| error.contains(key)), "{key}");
    }
    assert!((DESCRIPTOR.build)(&settings(&[("environment", "hong-kong")])).is_ok());
}
