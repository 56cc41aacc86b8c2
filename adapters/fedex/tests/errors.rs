//! What failures are understood as.

use http::header::HeaderValue;
use waybill_core::error::Retry;

use super::*;

fn failure(status: u16, body: &str) -> Error {
    let number = query("604100000005");
    let response = response(status, body);
    let mut answers = adapter(&[]).interpret(&[number], &response, now());
    assert_eq!(answers.len(), 1);
    match answers.remove(0) {
        Ok(_) => panic!("{status} {body} is a failure"),
        Err(error) => error,
    }
}

fn coded(status: u16, code: &str, message: &str) -> Error {
    failure(
        status,
        &format!(
            r#"{{"transactionId":"x","errors":[{{"code":"{code}","message":"{message} 604100000005"}}]}}"#
        ),
    )
}

#[test]
fn every_documented_code_has_a_kind() {
    use ErrorKind::*;
    let hours = Retry::After(Duration::from_secs(21_600));
    let burst = Retry::After(Duration::from_secs(10));
    for (status, code, kind, retry) in [
        (401, "NOT.AUTHORIZED.ERROR", Denied, Retry::Never),
        (403, "FORBIDDEN.ERROR", Denied, Retry::Never),
        (404, "NOT.FOUND.ERROR", Unsupported, Retry::Never),
        (500, "INTERNAL.SERVER.ERROR", Unavailable, Retry::Now),
        (503, "SERVICE.UNAVAILABLE.ERROR", Unavailable, Retry::Now),
        (429, "TOO.MANY.REQUESTS", Throttled, burst),
        (429, "SOMETHING", Throttled, burst),
        (
            400,
            "TRACKING.TRACKINGNUMBER.NOTFOUND",
            NotFound,
            NotFound.default_retry(),
        ),
        (
            400,
            "TRACKING.TRACKINGNUMBER.INVALID",
            InvalidQuery,
            Retry::Never,
        ),
        (
            400,
            "TRACKING.TRACKINGNUMBER.EMPTY",
            InvalidQuery,
            Retry::Never,
        ),
        (400, "TRACKING.DATA.NOTUNIQUE", HintRequired, Retry::Never),
        (
            400,
            "TRACKING.TRACKINGNUMBERS.LIMITEXCEEDED",
            Internal,
            Retry::Never,
        ),
        (
            400,
            "TRACKING.REFERENCENUMBER.NOTFOUND",
            NotFound,
            NotFound.default_retry(),
        ),
        (
            400,
            "TRACKING.REFERENCETYPE.INVALID",
            InvalidQuery,
            Retry::Never,
        ),
        (
            400,
            "TRACKING.REFERENCEVALUE.EMPTY",
            InvalidQuery,
            Retry::Never,
        ),
        (
            400,
            "TRACKING.REFRENCEVALUE.INVALID",
            InvalidQuery,
            Retry::Never,
        ),
        (
            400,
            "TRACKING.REFERENCEDATA.INCOMPLETE",
            InvalidQuery,
            Retry::Never,
        ),
        (
            400,
            "TRACKING.ACCOUNTNUMBER.EMPTY",
            InvalidQuery,
            Retry::Never,
        ),
        (
            400,
            "TRACKING.POSTALCODE.INVALID",
            InvalidQuery,
            Retry::Never,
        ),
        (
            400,
            "TRACKING.DESTINATIONCOUNTRYCODE.INVALID",
            InvalidQuery,
            Retry::Never,
        ),
        (
            400,
            "TRACKING.SHIPDATEBEGIN.INVALID",
            InvalidQuery,
            Retry::Never,
        ),
        (
            400,
            "TRACKING.SHIPDATEBEGIN.TOOOLD",
            InvalidQuery,
            Retry::Never,
        ),
        (
            400,
            "TRACKING.SHIPDATEEND.INVALID",
            InvalidQuery,
            Retry::Never,
        ),
        (
            400,
            "TRACKING.SHIPDATEEND.FUTURE",
            InvalidQuery,
            Retry::Never,
        ),
        (
            400,
            "TRACKING.SHIPDATERANGE.INVALID",
            InvalidQuery,
            Retry::Never,
        ),
        (
            400,
            "TRACKING.SHIPDATERANGE.ERROR",
            InvalidQuery,
            Retry::Never,
        ),
        (
            400,
            "TRACKING.SHIPDATERANGE.TOOLONG",
            InvalidQuery,
            Retry::Never,
        ),
        (
            400,
            "TRACKING.SHIPDATE.ENDDATEBEFOREBEGINDATE",
            InvalidQuery,
            Retry::Never,
        ),
        (
            400,
            "TRACKING.TCN.NOTFOUND",
            NotFound,
            NotFound.default_retry(),
        ),
        (400, "TRACKING.TCNVALUE.EMPTY", InvalidQuery, Retry::Never),
        (400, "TRACKING.LOCALE.INVALID", Internal, Retry::Never),
        (400, "TRACKING.MULTIPIECE.ERROR", InvalidQuery, Retry::Never),
        (
            400,
            "TRACKING.CUSTOMCRITICAL.ERROR",
            Unsupported,
            Retry::Never,
        ),
        (400, "TRACKING.MULTISTOP.ERROR", Unsupported, Retry::Never),
        (
            400,
            "NOTIFICATION.TRACKINGNBR.NOTFOUND",
            NotFound,
            NotFound.default_retry(),
        ),
        (
            400,
            "TRACKINGDOCUMENT.DOCUMENT.UNAVAILABLE",
            Unavailable,
            hours,
        ),
        (400, "USER.RELOGIN.REQUIRED", Unavailable, Retry::Now),
        (400, "CUSTOMER.USAGE.LOCKED", Denied, Retry::Never),
        (400, "SOMETHING.NEW", InvalidQuery, Retry::Never),
    ] {
        let error = coded(status, code, "number");
        assert_eq!((error.kind, error.retry), (kind, retry), "{status} {code}");
        assert!(error.spent);
        assert!(!error.to_string().contains("6041"), "{error}");
        assert_eq!(error.native_code, code);
        // The same within an answer, and as the error of one number.
        if status < 429 && code != "SOMETHING.NEW" {
            assert_eq!(coded(200, code, "").kind, kind, "{code} with status 200");
            let body = format!(
                r#"{{"output":{{"completeTrackResults":[{{"trackingNumber":"604100000005",
                "trackResults":[{{"error":{{"code":"{code}","message":"604100000005"}}}}]}}]}}}}"#
            );
            let error = failure(200, &body);
            assert_eq!((error.kind, error.native_code.as_str()), (kind, code));
        }
    }
}

#[test]
fn a_broken_answer_denies_no_number() {
    let page = "<html><body>Service</body></html>";
    for (status, body, kind) in [
        (200, page, ErrorKind::Malformed),
        (200, "", ErrorKind::Malformed),
        (200, "{}", ErrorKind::Malformed),
        (200, "[]", ErrorKind::Malformed),
        (200, r#"{"output":{}}"#, ErrorKind::Malformed),
        (
            200,
            r#"{"output":{"completeTrackResults":"none"}}"#,
            ErrorKind::Malformed,
        ),
        (
            200,
            r#"{"output":{"completeTrackResults":[7,[]]}}"#,
            ErrorKind::Malformed,
        ),
        (
            200,
            r#"{"output":{"completeTrackResults":[]}}"#,
            ErrorKind::Malformed,
        ),
        (
            200,
            r#"{"output":{"completeTrackResults":[{"trackResults":[]}]}}"#,
            ErrorKind::Malformed,
        ),
        (
            200,
            r#"{"output":{"completeTrackResults":[{"trackingNumber":"604100000005"}]}}"#,
            ErrorKind::Malformed,
        ),
        (
            200,
            r#"{"output":{"completeTrackResults":[{"trackResults":[{"latestStatusDetail":{"code":"IT"}}]}]}}"#,
            ErrorKind::Malformed,
        ),
        (200, r#"{"errors":[{"code":"odd"}]}"#, ErrorKind::Malformed),
        (
            200,
            r#"{"output":{"completeTrackResults":[{"tr"#,
            ErrorKind::Malformed,
        ),
        (200, r#"{"access_token":"x"}"#, ErrorKind::Malformed),
        (302, "", ErrorKind::Malformed),
        (400, page, ErrorKind::Malformed),
        (404, page, ErrorKind::Malformed),
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
fn not_found_has_two_forms() {
    let alert = r#"{"alerts":[{"code":"TRACKING.DATA.NOTFOUND","alertType":"WARNING"}]"#;
    for body in [
        include_str!("../fixtures/not_found.json").to_owned(),
        format!(r#"{{"output":{alert}}}}}"#),
        format!(r#"{{"output":{alert},"completeTrackResults":[]}}}}"#),
        format!(
            r#"{{"output":{alert},"completeTrackResults":[{{"trackingNumber":"604100000005"}}]}}}}"#
        ),
    ] {
        let error = failure(200, &body);
        assert_eq!(error.kind, ErrorKind::NotFound, "{body}");
        assert!(error.native_code.ends_with("NOTFOUND"));
    }
}

#[test]
fn each_number_of_a_batch_has_its_own_answer() {
    let body = response(200, include_str!("../fixtures/mixed.json"));
    let numbers = [
        "604100000060",
        "604100000071",
        "604100000082",
        "604100000999",
    ];
    let queries: Vec<Query> = numbers.iter().map(|number| query(number)).collect();
    let kinds = |queries: &[Query]| -> Vec<_> {
        let answers = adapter(&[]).interpret(queries, &body, now());
        let kind = |answer: Answer| {
            answer
                .map(|reports| reports.len())
                .map_err(|error| error.kind)
        };
        answers.into_iter().map(kind).collect()
    };
    let expected = [
        Ok(1),
        Err(ErrorKind::NotFound),
        Err(ErrorKind::InvalidQuery),
        Err(ErrorKind::Malformed),
    ];
    assert_eq!(kinds(&queries), expected, "not by position");
    assert_eq!(kinds(&queries[3..]), [Ok(1)], "what nobody asked for");
    assert_eq!(kinds(&queries[2..]), [Ok(1), Err(ErrorKind::Malformed)]);
    assert_eq!(kinds(&[]), [Ok(1)]);
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
    // Now is noon in GMT.
    let daily = coded(429, "TOO.MANY.REQUESTS", "The daily limit is reached");
    assert_eq!(daily.retry, Retry::After(Duration::from_secs(43_200)));
}

#[test]
fn settings_are_checked() {
    for (key, value) in [
        ("environment", "staging"),
        ("base_url", "apis.fedex.com"),
        ("base_url", "ftp://apis.fedex.com"),
        ("locale", "english"),
        ("pieces", "some"),
        ("grant_type", "password"),
    ] {
        let error = (DESCRIPTOR.build)(&settings(&[(key, value)])).err();
        assert!(error.is_some_and(|error| error.contains(key)), "{key}");
    }
    let child = [("grant_type", "csp_credentials"), ("child_key", "k")];
    let error = (DESCRIPTOR.build)(&settings(&child)).err();
    assert!(error.is_some_and(|error| error.contains("child_secret")));
    assert!((DESCRIPTOR.build)(&settings(&[("environment", "sandbox")])).is_ok());
}
