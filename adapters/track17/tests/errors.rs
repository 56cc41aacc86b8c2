//! What failures are understood as.

use waybill_core::error::Retry;

use super::super::fault;
use super::*;

const NUMBER: &str = "LX702200015CN";

fn failure(status: u16, body: &str) -> Error {
    let mut answers = adapter(&[]).interpret(&[query(NUMBER)], &response(status, body), now());
    assert_eq!(answers.len(), 1);
    match answers.remove(0) {
        Ok(_) => panic!("{status} is a failure"),
        Err(error) => error,
    }
}

#[test]
fn every_documented_code_has_a_kind() {
    use ErrorKind::*;
    let never = Retry::Never;
    let after = |seconds| Retry::After(Duration::from_secs(seconds));
    let table = [
        (-18_010_001, Denied, never),
        (-18_010_002, Denied, never),
        (-18_010_003, Unavailable, Retry::Now),
        (-18_010_004, Denied, never),
        (-18_010_005, Denied, never),
        (-18_010_010, Internal, never),
        (-18_010_011, InvalidQuery, never),
        (-18_010_012, InvalidQuery, never),
        (-18_010_013, InvalidQuery, never),
        (-18_010_014, Internal, never),
        (-18_010_015, InvalidQuery, never),
        (-18_010_016, Internal, never),
        (-18_010_018, HintRequired, never),
        (-18_010_019, HintRequired, never),
        (-18_010_020, HintRequired, never),
        (-18_010_022, HintRequired, never),
        (-18_010_201, Denied, never),
        (-18_010_202, Denied, never),
        (-18_010_203, Denied, never),
        (-18_010_204, Denied, never),
        (-18_010_205, Denied, never),
        (-18_010_206, Unavailable, Retry::Now),
        (-18_019_801, InvalidQuery, never),
        (-18_019_802, Internal, never),
        (-18_019_803, Internal, never),
        (-18_019_804, Internal, never),
        (-18_019_805, NotFound, after(60)),
        (-18_019_806, Unsupported, never),
        (-18_019_807, Unsupported, never),
        (-18_019_808, NotFound, after(60)),
        (-18_019_809, Internal, never),
        (-18_019_810, InvalidQuery, never),
        (-18_019_811, Internal, never),
        (-18_019_815, Timeout, Retry::Now),
        (-18_019_816, Unavailable, Retry::Now),
        (-18_019_817, Unavailable, Retry::Now),
        (-18_019_818, Unsupported, never),
        (-18_019_901, NotFound, after(60)),
        (-18_019_902, NotFound, after(60)),
        (-18_019_903, HintRequired, never),
        (-18_019_904, Internal, never),
        (-18_019_905, Unsupported, never),
        (-18_019_906, Internal, never),
        (-18_019_907, Throttled, after(3_600)),
        (-18_019_908, Throttled, after(3_600)),
        (-18_019_909, NotFound, after(60)),
        (-18_019_910, Internal, never),
        (-18_019_911, Unavailable, after(3_600)),
        (-18_019_912, Denied, never),
    ];
    assert_eq!(fault::CODES.len(), table.len());
    for (code, kind, retry) in table {
        for body in [
            refusal(NUMBER, code),
            format!(r#"{{"code":{code},"data":{{}}}}"#),
            format!(
                r#"{{"code":{code},"data":{{"errors":[{{"code":"{code}","message":"{NUMBER}"}}]}}}}"#
            ),
            format!(r#"{{"code":0,"data":{{"errors":[{{"code":{code}}}]}}}}"#),
        ] {
            let error = failure(200, &body);
            assert_eq!((error.kind, error.retry), (kind, retry), "{code}");
            assert_eq!(error.native_code, code.to_string());
            assert!(error.spent && !error.to_string().contains(NUMBER));
        }
    }
    for code in [-18_099_999, 77] {
        let error = failure(200, &refusal(NUMBER, code));
        assert_eq!((error.kind, error.retry), (Internal, after(60)));
        assert_eq!(error.native_code, code.to_string());
    }
}

#[test]
fn the_status_of_a_response_decides_first() {
    let page = "<html><body>Gateway</body></html>";
    let said = r#"{"code":-18010001,"data":{"errors":[{"code":-18010001}]}}"#;
    for (status, body, kind, code) in [
        (401, said, ErrorKind::Denied, "-18010001"),
        (401, page, ErrorKind::Denied, ""),
        (403, "", ErrorKind::Denied, ""),
        (404, page, ErrorKind::Unsupported, ""),
        (408, "", ErrorKind::Timeout, ""),
        (413, "", ErrorKind::Internal, ""),
        (429, page, ErrorKind::Throttled, ""),
        (500, said, ErrorKind::Unavailable, ""),
        (503, "", ErrorKind::Unavailable, ""),
        (302, "", ErrorKind::Malformed, ""),
        (204, "", ErrorKind::Malformed, ""),
        (
            200,
            r#"{"code":429,"data":{"errors":[{"code":429}]}}"#,
            ErrorKind::Throttled,
            "429",
        ),
        (200, r#"{"code":500}"#, ErrorKind::Unavailable, "500"),
    ] {
        let error = failure(status, body);
        assert_eq!(
            (error.kind, &*error.native_code),
            (kind, code),
            "{status} {body}"
        );
    }
    let second = Retry::After(Duration::from_secs(1));
    assert_eq!(failure(429, "").retry, second, "three a second are allowed");
    let mut throttled = response(429, "");
    let seven = HeaderValue::from_static("7");
    throttled.headers_mut().insert("retry-after", seven);
    let answers = adapter(&[]).interpret(&[], &throttled, now());
    let error = answers.into_iter().next().unwrap().err().unwrap();
    assert_eq!(error.retry, Retry::After(Duration::from_secs(7)));
}

#[test]
fn a_broken_answer_denies_no_number() {
    for body in [
        "",
        "[]",
        "{}",
        "<html>",
        r#"{"code":0}"#,
        r#"{"code":0,"data":"none"}"#,
        r#"{"code":0,"data":{"accepted":[{"number":"LX702200015CN"}]}}"#,
        r#"{"code":0,"data":{"accepted":[{"number":"LX702200015CN","track_info":7}]}}"#,
        r#"{"event":"TRACKING_UPDATED"}"#,
        r#"{"event":"TRACKING_UPDATED","data":{"number":"?"}}"#,
        r#"{"event":"TRACKING_UPDATED","data":{"number":"LX702200015CN"}}"#,
    ] {
        assert_eq!(failure(200, body).kind, ErrorKind::Malformed, "{body}");
    }
    // A number in neither list may be there the next time.
    for body in [
        r#"{"code":0,"data":{}}"#,
        r#"{"code":0,"data":{"accepted":null,"rejected":null}}"#,
        r#"{"code":0,"data":{"accepted":[7,"x"],"rejected":[null]}}"#,
        r#"{"code":0,"data":{"rejected":[{"number":"?","error":{"code":-18010012}}]}}"#,
    ] {
        assert_eq!(failure(200, body).kind, ErrorKind::Unavailable, "{body}");
    }
    for body in [
        include_str!("../fixtures/balance.json"),
        include_str!("../fixtures/registrations.json"),
    ] {
        assert_eq!(failure(200, body).kind, ErrorKind::Unsupported);
    }
}

#[test]
fn not_found_is_not_yet_and_an_invalid_number_is_refused() {
    let read = |body| match understood(body) {
        Ok(_) => panic!("nothing was found"),
        Err(error) => (error.kind, error.native_code),
    };
    let not_found = (ErrorKind::NotFound, "NotFound_Other".to_owned());
    assert_eq!(read(include_str!("../fixtures/not_found.json")), not_found);
    let invalid = (ErrorKind::InvalidQuery, "NotFound_InvalidCode".to_owned());
    assert_eq!(read(include_str!("../fixtures/invalid_code.json")), invalid);
    assert_eq!(
        read(include_str!("../fixtures/illegal_parameters.json")).0,
        ErrorKind::InvalidQuery
    );
    assert_eq!(
        read(include_str!("../fixtures/wrong_key.json")).0,
        ErrorKind::Denied
    );
}

#[test]
fn each_number_has_its_own_answer_and_one_bad_number_fails_alone() {
    let numbers = [
        "LX702200041CN",
        "LX702200055CN",
        "77-1-x",
        "ZZ00000000015",
        "LX702200015CN",
    ];
    let queries: Vec<Query> = numbers
        .iter()
        .filter_map(|number| waybill_core::number::TrackingNumber::parse(number).ok())
        .map(Query::of)
        .collect();
    let body = include_str!("../fixtures/rejections.json");
    let answers = adapter(&[]).interpret(&queries, &response(200, body), now());
    assert_eq!(
        kinds(&answers),
        [
            Err(ErrorKind::NotFound),
            Err(ErrorKind::NotFound),
            Err(ErrorKind::Unavailable),
            Err(ErrorKind::HintRequired),
            Err(ErrorKind::Unavailable),
        ]
    );
    let body = include_str!("../fixtures/two_legs.json");
    let queries = [query("LX702200041CN"), query("LX702200015CN")];
    let answers = adapter(&[]).interpret(&queries, &response(200, body), now());
    assert_eq!(kinds(&answers), [Err(ErrorKind::Unavailable), Ok(1)]);
    let answers = adapter(&[]).interpret(&queries[..1], &response(200, body), now());
    assert_eq!(
        kinds(&answers),
        [Ok(1)],
        "what nobody asked for goes to the first"
    );
}

#[test]
fn one_number_under_two_carriers_is_told_apart() {
    let body = response(200, include_str!("../fixtures/two_records.json"));
    let asked = |carrier: &str| {
        let query = query_of(carrier, "700000000015");
        let mut answers = adapter(&[]).interpret(&[query], &body, now());
        let reports = answers.remove(0).unwrap();
        reports
            .into_iter()
            .map(|report| report.relays)
            .collect::<Vec<_>>()
    };
    assert_eq!(asked("zto"), ["zto"]);
    assert_eq!(asked("fedex"), ["fedex"]);
    assert_eq!(
        asked("ups"),
        ["fedex", "zto"],
        "a carrier may have been corrected"
    );
    assert_eq!(asked(""), ["fedex", "zto"]);
}

#[test]
fn settings_are_checked() {
    for (key, value) in [
        ("base_url", "api.17track.net"),
        ("base_url", "ftp://api.17track.net"),
        ("register", "maybe"),
        ("language", "english language"),
        ("language", "e"),
        ("api_key", "a\nb"),
        ("api_key", ""),
    ] {
        let error = (DESCRIPTOR.build)(&settings(&[(key, value)])).err();
        assert!(
            error.is_some_and(|error| error.contains(key)),
            "{key} {value}"
        );
    }
    assert!((DESCRIPTOR.build)(&settings(&[("language", "zh-hans")])).is_ok());
}
