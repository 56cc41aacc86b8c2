//! What failures are understood as, and whose they are.

use waybill_core::error::Retry;

use super::*;

const NUMBER: &str = "9400770000000000000001";
const MIXED: &str = include_str!("../fixtures/batch_mixed.json");

fn failure(status: u16, body: &str) -> Error {
    let answers = adapter(&[]).interpret(&[], &response(status, body), now());
    let [Err(error)] = answers.as_slice() else {
        panic!("{status} {body} is a failure");
    };
    error.clone()
}

fn coded(status: u16, code: &str) -> Error {
    let message = format!("{NUMBER} is wrong");
    failure(
        status,
        &format!(
            r#"{{"error":{{"code":"{status}","message":"{message}","errors":[{{"code":"{code}","detail":"{message}"}}]}}}}"#
        ),
    )
}

#[test]
fn every_documented_code_has_a_kind() {
    use ErrorKind::*;
    let slowly = Retry::After(Duration::from_secs(3_600));
    for (status, code, kind, retry) in [
        (400, "150001", NotFound, slowly),
        (400, "150002", NotFound, NotFound.default_retry()),
        (400, "150003", NotFound, slowly),
        (400, "150004", Unsupported, Retry::Never),
        (400, "150005", NotFound, slowly),
        (400, "150006", InvalidQuery, Retry::Never),
        (400, "150007", InvalidQuery, Retry::Never),
        (400, "150008", Unsupported, Retry::Never),
        (400, "150009", NotFound, slowly),
        (400, "150010", NotFound, Retry::Never),
        (400, "150011", InvalidQuery, Retry::Never),
        (400, "150012", Unsupported, Retry::Never),
        (400, "150013", Unsupported, Retry::Never),
        (400, "", InvalidQuery, Retry::Never),
        (401, "", Denied, Retry::Never),
        (403, "", Denied, Retry::Never),
        (404, "", NotFound, NotFound.default_retry()),
        (405, "", Internal, Retry::Never),
        (429, "", Throttled, Throttled.default_retry()),
        (500, "", Unavailable, Retry::Now),
        (501, "", Unsupported, Retry::Never),
        (503, "", Unavailable, Retry::Now),
        (503, "150002", Unavailable, Retry::Now),
    ] {
        let error = coded(status, code);
        assert_eq!((error.kind, error.retry), (kind, retry), "{status} {code}");
        assert!(error.spent);
        assert!(!error.to_string().contains("940077"), "{error}");
        let shown = if code.is_empty() {
            status.to_string()
        } else {
            code.to_owned()
        };
        assert_eq!(error.native_code, shown);
    }
}

#[test]
fn a_status_within_200_counts_too() {
    for (fixture, kind, code) in [
        (
            include_str!("../fixtures/error_quota.json"),
            ErrorKind::Throttled,
            "429",
        ),
        (
            include_str!("../fixtures/error_scope.json"),
            ErrorKind::Denied,
            "401",
        ),
        (
            include_str!("../fixtures/error_oauth.json"),
            ErrorKind::Denied,
            "invalid_client",
        ),
        (
            include_str!("../fixtures/error_not_found.json"),
            ErrorKind::NotFound,
            "150002",
        ),
        (
            include_str!("../fixtures/error_not_scanned.json"),
            ErrorKind::NotFound,
            "150001",
        ),
    ] {
        let error = failure(200, fixture);
        assert_eq!((error.kind, error.native_code.as_str()), (kind, code));
        assert!(!error.to_string().contains("940077"), "{error}");
    }
}

#[test]
fn announced_and_unknown_are_told_apart() {
    let asked = [query(NUMBER)];
    for (code, expected) in [
        ("150001", Ok(1)),
        ("150003", Ok(1)),
        ("150009", Ok(1)),
        ("150002", Err(ErrorKind::NotFound)),
    ] {
        let body = include_str!("../fixtures/error_not_scanned.json").replace("150001", code);
        let answers = adapter(&[("api", "v3")]).interpret(&asked, &response(400, &body), now());
        assert_eq!(counts(&answers), [expected], "{code}");
        let Some(Ok(reports)) = answers.first() else {
            continue;
        };
        assert!(reports[0].number == asked[0].number);
        assert!(reports[0].claims.is_empty() && !reports[0].complete);
        assert_eq!(reports[0].facts.doubts.len(), 1);
    }
    let several = [query(NUMBER), query("9400770000000000000018")];
    let body = include_str!("../fixtures/error_not_found.json");
    let answers = adapter(&[]).interpret(&several, &response(400, body), now());
    let vague = Err(ErrorKind::Malformed);
    assert_eq!(counts(&answers), [vague, vague], "it does not say which");
}

#[test]
fn a_broken_answer_denies_no_number() {
    let page = "<html><body>Service</body></html>";
    for (status, body, kind) in [
        (200, page, ErrorKind::Malformed),
        (200, "", ErrorKind::Malformed),
        (200, "{}", ErrorKind::Malformed),
        (200, "[7]", ErrorKind::Malformed),
        (200, "7", ErrorKind::Malformed),
        (200, "null", ErrorKind::Malformed),
        (200, r#"{"trackingNumber":"#, ErrorKind::Malformed),
        (200, r#"{"status":"In Transit"}"#, ErrorKind::Malformed),
        (200, r#"{"error":7}"#, ErrorKind::Malformed),
        (
            200,
            r#"{"TrackResults":{"TrackInfo":{"@ID":"X"}}}"#,
            ErrorKind::Malformed,
        ),
        (
            200,
            r#"{"subscriptionId":"1","timestamp":"2"}"#,
            ErrorKind::Malformed,
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
    ] {
        assert_eq!(failure(status, body).kind, kind, "{status} {body}");
    }
}

#[test]
fn the_source_says_when_to_come_back() {
    for status in [429, 503] {
        let mut throttled = response(status, include_str!("../fixtures/error_quota.json"));
        let value = http::HeaderValue::from_static("1800");
        throttled.headers_mut().insert("retry-after", value);
        let answers = adapter(&[]).interpret(&[], &throttled, now());
        let Some(Err(error)) = answers.first() else {
            panic!("a failure");
        };
        assert_eq!(error.retry, Retry::After(Duration::from_secs(1_800)));
    }
}

#[test]
fn a_mixed_batch_is_shared_out_by_number() {
    let numbers = [
        "9400770000000000000049",
        "9400770000000000000032",
        "9400770000000000000025",
        "9400770000000000000056",
        "9400770000000000000186",
    ];
    let asked = numbers.map(query);
    let answers = adapter(&[]).interpret(&asked, &response(207, MIXED), now());
    assert_eq!(
        counts(&answers),
        [
            Ok(1),
            Err(ErrorKind::NotFound),
            Ok(1),
            Err(ErrorKind::Denied),
            Err(ErrorKind::Malformed)
        ]
    );
    let own = |at: usize| answers[at].as_ref().unwrap()[0].number == asked[at].number;
    assert!(own(0) && own(2));
}

#[test]
fn place_counts_only_where_the_number_is_missing() {
    let body = r#"[{"status":"In Transit"},{"trackingNumber":"9400770000000000000001","status":"Accepted"},{"error":{"code":"400","errors":[{"code":"150002"}]}}]"#;
    let asked = ["9400770000000000000018", NUMBER, "9400770000000000000025"].map(query);
    let answers = adapter(&[]).interpret(&asked, &response(207, body), now());
    assert_eq!(counts(&answers), [Ok(1), Ok(1), Err(ErrorKind::NotFound)]);
    let answers = adapter(&[]).interpret(&asked[..2], &response(207, body), now());
    assert_eq!(counts(&answers), [Err(ErrorKind::Malformed), Ok(1)]);
}

#[test]
fn a_number_with_its_zip_code_before_it_is_the_same() {
    let body = include_str!("../fixtures/batch_in_transit.json");
    for routed in [
        "420802379400770000000000000018",
        "4208023712349400770000000000000018",
    ] {
        let answers = adapter(&[]).interpret(&[query(routed)], &response(200, body), now());
        assert_eq!(counts(&answers), [Ok(1)], "{routed}");
    }
    let others = [
        query("9400770000000000000025"),
        query("9400770000000000000018"),
    ];
    let answers = adapter(&[]).interpret(&others, &response(200, body), now());
    assert_eq!(counts(&answers), [Err(ErrorKind::Malformed), Ok(1)]);
}

#[test]
fn shipments_that_nobody_asked_for_go_with_the_first() {
    let body = r#"[{"trackingNumber":"9400770000000000000001","status":"Accepted"},{"trackingNumber":"9400770000000000000018","status":"Accepted"}]"#;
    let answers = adapter(&[]).interpret(&[query(NUMBER)], &response(200, body), now());
    assert_eq!(counts(&answers), [Ok(2)]);
    let answers = adapter(&[]).interpret(
        &[query("9400770000000000000025")],
        &response(200, body),
        now(),
    );
    assert_eq!(counts(&answers), [Ok(2)]);
}

#[test]
fn other_bodies_hold_no_shipments() {
    for body in [
        "[]",
        r#"{"challenge":"abc"}"#,
        r#"{"access_token":"t","expires_in":28799}"#,
        r#"{"subscriptionId":"7d0c1f1e","secret":"s3cret-word","listenerURL":"https://a.example"}"#,
        r#"[{"subscriptionId":"7d0c1f1e"},{"subscriptionId":"7d0c1f1f"}]"#,
    ] {
        assert_eq!(counts(&[understood(body)]), [Ok(0)], "{body}");
    }
    let answers = adapter(&[]).interpret(&[query(NUMBER)], &response(200, "[]"), now());
    assert_eq!(counts(&answers), [Err(ErrorKind::Malformed)]);
}

#[test]
fn settings_are_checked() {
    let secret = "0123456789abcdef0123456789abcdef";
    for more in [
        &[("environment", "staging")][..],
        &[("base_url", "apis.usps.com")],
        &[("api", "v4")],
        &[("push_secret", "short")],
        &[("push_secret_before", "short")],
        &[("callback_url", "https://a.example/usps")],
        &[
            ("callback_url", "http://a.example/usps"),
            ("push_secret", secret),
        ],
    ] {
        let error = (DESCRIPTOR.build)(&settings(more)).err();
        assert!(
            error.is_some_and(|error| error.contains(more[0].0)),
            "{more:?}"
        );
    }
    assert!((DESCRIPTOR.build)(&settings(&[("environment", "test")])).is_ok());
}
