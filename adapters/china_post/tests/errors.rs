//! What failures are understood as.

use http::HeaderValue;
use waybill_core::error::Retry;

use super::*;

fn failure(status: u16, body: &str) -> Error {
    let number = query("EA770001015CN");
    let mut answers = adapter(&[]).interpret(&[number], &response(status, body), now());
    assert_eq!(answers.len(), 1);
    match answers.remove(0) {
        Ok(_) => panic!("{status} {body} is a failure"),
        Err(error) => error,
    }
}

fn coded(message: &str) -> Error {
    failure(
        200,
        &format!(r#"{{"retCode":"B00010","retMsg":"EA770001015CN{message}","success":false}}"#),
    )
}

#[test]
fn the_words_of_a_failure_have_a_kind() {
    use ErrorKind::*;
    for (words, kind) in [
        ("签名校验失败", Denied),
        ("报文解密失败", Denied),
        ("授权码错误", Denied),
        ("客户号不存在", Denied),
        ("协议已过期", Denied),
        ("请求过于频繁", Throttled),
        ("运单不存在", NotFound),
        ("无客户信息", NotFound),
        ("系统异常", Unavailable),
        ("", Unavailable),
    ] {
        let error = coded(words);
        assert_eq!(
            (error.kind, error.retry),
            (kind, kind.default_retry()),
            "{words}"
        );
        assert_eq!(error.native_code, "B00010");
        assert!(error.spent);
        assert!(!error.to_string().contains("EA77"), "{error}");
    }
    let refused = failure(200, include_str!("../fixtures/refused.json"));
    assert_eq!(refused.kind, ErrorKind::Denied);
    let odd = failure(200, r#"{"retCode":"EA770001015CN 无","retMsg":"x"}"#);
    assert_eq!(odd.native_code, "", "a code that is none is not shown");
}

#[test]
fn not_found_is_success_without_rows() {
    for body in [
        include_str!("../fixtures/not_found.json"),
        r#"{"retCode":"00000","retMsg":"无查询信息"}"#,
        r#"{"retCode":"00000","retMsg":"成功","retBody":null}"#,
        r#"{"retCode":"00000","retBody":""}"#,
        r#"{"retCode":"00000","retBody":"null"}"#,
        r#"{"retCode":"00000","retBody":"[]"}"#,
        r#"{"retCode":"00000","retBody":[]}"#,
        r#"{"retCode":"00000","retBody":{"responseItems":null},"retMsg":"查无"}"#,
        r#"{"retCode":"00000","retBody":{},"retMsg":"未查询到"}"#,
        r#"{"success":true,"retBody":{"responseItems":[]}}"#,
        r#"{"responseItems":[]}"#,
        r#"{"traces":[]}"#,
        r#"{"success":true,"value":{"domesticMailResultDtoList":[]}}"#,
        "1",
        " 1\n",
    ] {
        let error = failure(200, body);
        assert_eq!(error.kind, ErrorKind::NotFound, "{body}");
        assert_eq!(error.retry, ErrorKind::NotFound.default_retry());
    }
}

#[test]
fn something_else_in_the_place_of_rows_denies_nothing() {
    let page = "<html><body>Service</body></html>";
    for body in [
        "",
        "2",
        "null",
        "\"1\"",
        "{}",
        page,
        r#"{"retCode":"00000","retBody":"none"}"#,
        r#"{"retCode":"00000","retBody":"7"}"#,
        r#"{"retCode":"00000","retBody":7}"#,
        r#"{"retCode":"00000","retBody":true}"#,
        r#"{"retCode":"00000","retBody":[7,null]}"#,
        r#"{"retCode":"00000","retBody":{"responseItems":"none"}}"#,
        r#"{"retCode":"00000","retMsg":"成功","retBody":{"items":[]}}"#,
        r#"{"retCode":"00000","retBody":"{\"responseItems\":[{"}"#,
        r#"{"retCode":"00000","retBody":{"responseItems":[{"opCode":"704"}]}}"#,
        r#"{"retCode":"00000","retBody":{"responseItems":[{"opCode":"704","opTime":"09:00"}]}}"#,
        r#"{"value":{"list":[]}}"#,
        r#"{"traces":7}"#,
        r#"{"responseItems":7}"#,
        r#"{"serialNo":"1","code":"00000","codeMessage":"","senderNo":"2"}"#,
        r#"[7]"#,
        r#"[{"ID":"EA770001015CN","Events":[{"EventCd":"EMA","EventDT":"soon"}]}]"#,
    ] {
        assert_eq!(failure(200, body).kind, ErrorKind::Malformed, "{body}");
    }
}

#[test]
fn statuses_have_a_kind() {
    for (status, kind) in [
        (302, ErrorKind::Malformed),
        (400, ErrorKind::Malformed),
        (401, ErrorKind::Denied),
        (403, ErrorKind::Denied),
        (404, ErrorKind::Malformed),
        (405, ErrorKind::Denied),
        (408, ErrorKind::Timeout),
        (429, ErrorKind::Throttled),
        (500, ErrorKind::Unavailable),
        (503, ErrorKind::Unavailable),
    ] {
        assert_eq!(failure(status, "<html></html>").kind, kind, "{status}");
    }
    for status in [429, 503] {
        let mut throttled = response(status, "");
        let seven = HeaderValue::from_static("7");
        throttled.headers_mut().insert("retry-after", seven);
        let answers = adapter(&[]).interpret(&[], &throttled, now());
        let Some(Err(error)) = answers.first() else {
            panic!("a failure");
        };
        assert_eq!(error.retry, Retry::After(Duration::from_secs(7)));
    }
}

#[test]
fn a_row_without_a_number_has_the_one_that_was_asked_for() {
    let rows = serde_json::json!([{ "opCode": "203", "opTime": "2026-02-12 08:00:00" }]);
    let body = answer(&rows);
    let asked = query("EA770001015CN");
    let answers =
        adapter(&[]).interpret(std::slice::from_ref(&asked), &response(200, &body), now());
    let Some(Ok(reports)) = answers.first() else {
        panic!("a report");
    };
    assert!(reports[0].number == asked.number);
    let nobody = understood(&body).err().map(|error| error.kind);
    assert_eq!(nobody, Some(ErrorKind::Malformed));
}

#[test]
fn an_answer_to_several_queries_is_given_to_each() {
    let row = |number: &str| serde_json::json!({ "waybillNo": number, "opCode": "203", "opTime": "2026-02-12 08:00:00" });
    let body = answer(&serde_json::json!([
        row("9900000000011"),
        row("9900000000028"),
        row("9900000000035"),
        row("9900000000028"),
    ]));
    let queries = ["9900000000028", "9900000000011", "9900000000042"].map(query);
    let answers = adapter(&[]).interpret(&queries, &response(200, &body), now());
    let counts: Vec<_> = answers
        .iter()
        .map(|answer| answer.as_ref().map(Vec::len).map_err(|error| error.kind))
        .collect();
    // What nobody asked for is with the first.
    assert_eq!(counts, [Ok(2), Ok(1), Err(ErrorKind::NotFound)]);
    assert_eq!(answers[0].as_ref().unwrap()[0].claims.len(), 2);
}

#[test]
fn an_envelope_under_another_key_is_denied() {
    let sealed = keys(OLD_KEY).seal(include_str!("../fixtures/push.json"));
    let body = serde_json::json!({ "serialNo": "1", "logitcsInterface": sealed }).to_string();
    assert_eq!(failure(200, &body).kind, ErrorKind::Denied);
}
