//! What failures are understood as.

use waybill_core::error::Retry;

use super::*;

fn failure(status: u16, body: &str) -> Error {
    let asked = query("7700000000018", "yto");
    let response = response(status, body);
    let mut answers = adapter(&[]).interpret(&[asked], &response, now());
    assert_eq!(answers.len(), 1);
    match answers.remove(0) {
        Ok(_) => panic!("{status} {body} is a failure"),
        Err(error) => error,
    }
}

fn coded(code: &str, message: &str) -> Error {
    let failed = r#"{"result":false,"returnCode":"CODE","message":"TEXT 7700000000018"}"#;
    failure(200, &failed.replace("CODE", code).replace("TEXT", message))
}

#[test]
fn every_documented_code_has_a_kind() {
    use ErrorKind::*;
    let later = Retry::After(Duration::from_secs(1_800));
    for (code, message, kind, retry) in [
        ("400", "", InvalidQuery, Retry::Never),
        ("408", "", HintRequired, Retry::Never),
        ("500", "", NotFound, later),
        ("501", "", Unavailable, Retry::Now),
        ("502", "", Unavailable, Retry::Now),
        ("503", "", Denied, Retry::Never),
        ("504", "", Throttled, later),
        ("601", "", Denied, Retry::Never),
        // Of a subscription.
        ("500", "POLL:", Unavailable, Retry::Now),
        ("600", "", Denied, Retry::Never),
        ("601", "POLL:", Denied, Retry::Never),
        ("700", "", InvalidQuery, Retry::Never),
        ("701", "POLL:", Unsupported, Retry::Never),
        ("702", "", NotFound, later),
        // Of the detection of a company.
        ("201", "", InvalidQuery, Retry::Never),
        ("701", "key", Denied, Retry::Never),
        ("999", "", Malformed, Retry::Never),
    ] {
        let error = coded(code, message);
        assert_eq!((error.kind, error.retry), (kind, retry), "{code} {message}");
        assert_eq!(error.native_code, code);
        assert!(error.spent);
        assert!(!error.to_string().contains("7700000000018"), "{error}");
    }
    assert_eq!(
        coded("7700000000018", "").native_code,
        "",
        "too long to show"
    );
    let number = r#"{"result":"false","returnCode":500}"#;
    assert_eq!(failure(200, number).kind, NotFound, "types drift");
}

#[test]
fn an_answer_without_a_row_denies_the_number() {
    for body in [
        r#"{"message":"ok","nu":"7700000000018","com":"yunda","status":"200","state":"0","data":[]}"#,
        r#"{"nu":"7700000000018","com":"yunda","status":201,"state":"0","data":[]}"#,
        r#"{"nu":"7700000000018","com":"yunda","status":"201"}"#,
        include_str!("../fixtures/push_abort_empty.json"),
    ] {
        let error = failure(200, body);
        assert_eq!(error.kind, ErrorKind::NotFound, "{body}");
        assert_eq!(error.retry, Retry::After(Duration::from_secs(1_800)));
    }
}

#[test]
fn a_broken_answer_denies_no_number() {
    let page = "<html><body>Service</body></html>";
    for (status, body, kind) in [
        (200, page, ErrorKind::Malformed),
        (200, "", ErrorKind::Malformed),
        (200, "{}", ErrorKind::Malformed),
        (200, "null", ErrorKind::Malformed),
        (200, "[[", ErrorKind::Malformed),
        (200, r#"{"status":"200"}"#, ErrorKind::Malformed),
        (
            200,
            r#"{"status":"200","data":"none"}"#,
            ErrorKind::Malformed,
        ),
        (
            200,
            r#"{"status":"200","data":[7,null]}"#,
            ErrorKind::Malformed,
        ),
        (200, r#"{"status":"777","data":[]}"#, ErrorKind::Malformed),
        (
            200,
            r#"{"status":"200","data":[{"ftime":"soon","context":"x"}]}"#,
            ErrorKind::Malformed,
        ),
        (200, r#"{"status":"200","data":[{"#, ErrorKind::Malformed),
        (200, "param=%7B&sign=AA", ErrorKind::Malformed),
        (302, "", ErrorKind::Malformed),
        (404, page, ErrorKind::Malformed),
        (401, page, ErrorKind::Denied),
        (403, page, ErrorKind::Denied),
        (408, "", ErrorKind::Timeout),
        (429, page, ErrorKind::Throttled),
        (502, page, ErrorKind::Unavailable),
    ] {
        assert_eq!(failure(status, body).kind, kind, "{status} {body}");
    }
}

#[test]
fn the_source_says_when_to_come_back() {
    let mut throttled = response(429, "");
    let value = http::HeaderValue::from_static("7");
    throttled.headers_mut().insert("retry-after", value);
    let answers = adapter(&[]).interpret(&[], &throttled, now());
    let Some(Err(error)) = answers.first() else {
        panic!("a failure");
    };
    assert_eq!(error.retry, Retry::After(Duration::from_secs(7)));
}

#[test]
fn confirmations_and_guesses_hold_no_shipment() {
    for body in [
        r#"{"result":true,"returnCode":"200","message":"提交成功"}"#,
        r#"{"result":"true","returnCode":200}"#,
        r#"{"result":false,"returnCode":"501","message":"POLL:重复订阅"}"#,
        r#"[{"lengthPre":15,"comCode":"yuantong","name":"圆通速递"}]"#,
        "[]",
    ] {
        assert!(understood(body).unwrap().is_empty(), "{body}");
    }
}

#[test]
fn a_missing_number_is_the_one_that_was_asked_for() {
    let body =
        r#"{"status":"200","com":"","data":[{"ftime":"2026-03-04 10:00:00","statusCode":"0"}]}"#;
    let asked = query("7700000000018", "yto");
    let answers = adapter(&[]).interpret(std::slice::from_ref(&asked), &response(200, body), now());
    let Some(Ok(reports)) = answers.first() else {
        panic!("a report");
    };
    assert!(reports[0].number == asked.number);
    assert_eq!(reports[0].relays, "yto");
    let error = understood(body).err().unwrap();
    assert_eq!(error.kind, ErrorKind::Malformed);
}

#[test]
fn an_answer_to_several_queries_is_given_to_the_one_it_is_about() {
    let body = include_str!("../fixtures/delivered.json");
    let [one, two] = ["7700000000018", "YT7700000000018"].map(|number| query(number, "yto"));
    let answers = adapter(&[]).interpret(&[one, two], &response(200, body), now());
    let counts: Vec<_> = answers
        .iter()
        .map(|answer| answer.as_ref().map(Vec::len).map_err(|error| error.kind))
        .collect();
    assert_eq!(counts, [Err(ErrorKind::NotFound), Ok(1)]);
}

#[test]
fn settings_are_checked() {
    for (key, value) in [
        ("base_url", "poll.kuaidi100.com"),
        ("sign_type", "SM3"),
        ("lang", "de"),
        ("callback_url", "ftp://gateway.example"),
        ("salt", "0123456789012345678901234567890123"),
        ("salt_before", "0123456789012345678901234567890123"),
    ] {
        let error = (DESCRIPTOR.build)(&settings(&[(key, value)])).err();
        assert!(error.is_some_and(|error| error.contains(key)), "{key}");
    }
    let unsigned = [
        ("callback_url", "http://gateway.example/push"),
        ("salt", ""),
    ];
    assert!((DESCRIPTOR.build)(&settings(&unsigned)).is_err());
    assert!((DESCRIPTOR.build)(&settings(&[])).is_ok());
}
