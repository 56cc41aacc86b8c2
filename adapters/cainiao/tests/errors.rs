//! What refusals are understood as.

use waybill_core::error::Retry;

use super::*;

fn failure_of(adapter: &Cainiao, status: u16, body: &str) -> Error {
    let asked = query("LP00710000000012");
    let mut answers = adapter.interpret(&[asked], &response(status, body), now());
    assert_eq!(answers.len(), 1);
    match answers.remove(0) {
        Ok(_) => panic!("{status} {body} is a failure"),
        Err(error) => {
            assert!(!error.to_string().contains("LP0071"), "{error}");
            error
        }
    }
}

fn failure(status: u16, body: &str) -> Error {
    failure_of(&adapter(&[]), status, body)
}

#[test]
fn link_refuses_in_json_and_in_xml() {
    use ErrorKind::*;
    for (code, kind, retry) in [
        ("S01", Internal, Retry::Never),
        ("S02", Denied, Retry::Never),
        ("S03", Denied, Retry::Never),
        ("S04", Unsupported, Retry::Never),
        ("S05", InvalidQuery, Retry::Never),
        ("S06", Timeout, Retry::Now),
        ("S07", Unavailable, Retry::Now),
        ("S08", Denied, Retry::Never),
        ("S09", NotFound, NotFound.default_retry()),
        ("S12", Internal, Retry::Never),
        ("S16", Denied, Retry::Never),
        ("S23", Denied, Retry::Never),
        ("S112", Throttled, Throttled.default_retry()),
        ("P-011-0201-00-00-502", InvalidQuery, Retry::Never),
    ] {
        let text = "LP00710000000012 is not authorized";
        let json = format!(r#"{{"success":"false","errorCode":"{code}","errorMsg":"{text}"}}"#);
        let bare = format!(r#"{{"success":false,"errorCode":"{code}"}}"#);
        let xml = format!(
            "<?xml version=\"1.0\"?>\n<response><success>false</success>\
             <errorCode>{code}</errorCode><errorMsg>{text} &amp; more</errorMsg></response>"
        );
        for body in [json, bare, xml] {
            let error = failure(200, &body);
            assert_eq!((error.kind, error.retry), (kind, retry), "{body}");
            assert_eq!(error.native_code, code);
        }
    }
}

#[test]
fn the_router_refuses_in_json_and_in_xml() {
    use ErrorKind::*;
    for (code, sub, kind) in [
        ("7", "accesscontrol.limited-by-app-access-count", Throttled),
        ("21", "", Internal),
        ("25", "", Denied),
        ("26", "", Denied),
        ("27", "", Denied),
        ("29", "", Denied),
        ("15", "isp.remote-service-timeout", Unavailable),
        ("15", "isv.invalid-parameter", InvalidQuery),
        ("15", "isv.trade-not-exist", NotFound),
        ("99", "", InvalidQuery),
        ("", "", Malformed),
    ] {
        let json = format!(
            r#"{{"error_response":{{"code":{code:?},"msg":"m","sub_code":"{sub}","sub_msg":"s"}}}}"#
        );
        let xml = format!(
            "<error_response><code>{code}</code><msg>m</msg><sub_code>{sub}</sub_code></error_response>"
        );
        for body in [json, xml] {
            let error = failure(200, &body);
            assert_eq!(error.kind, kind, "{body}");
            let native = if sub.is_empty() { code } else { sub };
            assert_eq!(error.native_code, native);
        }
    }
    // A code is a number too.
    let number = r#"{"error_response":{"code":27,"msg":"Invalid session"}}"#;
    assert_eq!(failure(200, number).kind, Denied);
}

#[test]
fn orders_of_1688_are_refused_by_code_and_by_status() {
    use ErrorKind::*;
    for (status, body, kind, retry) in [
        (
            200,
            r#"{"success":false,"errorCode":"404"}"#,
            NotFound,
            NotFound.default_retry(),
        ),
        (
            200,
            r#"{"errorCode":404,"success":"false"}"#,
            NotFound,
            NotFound.default_retry(),
        ),
        (
            200,
            r#"{"errorCode":"order.nopermission.buyer"}"#,
            InvalidQuery,
            Retry::Never,
        ),
        (
            200,
            r#"{"success":false,"errorCode":"order.createtime.history"}"#,
            NotFound,
            Retry::Never,
        ),
        (
            403,
            r#"{"error_code":"gw.APIACLDecline","error_message":"no","exception":"x"}"#,
            Denied,
            Retry::Never,
        ),
        (
            400,
            r#"{"error_code":"gw.QosAppFrequencyLimit"}"#,
            Throttled,
            Throttled.default_retry(),
        ),
        (401, r#"{"error_message":"token"}"#, Denied, Retry::Never),
        (403, "no", Denied, Retry::Never),
        (
            200,
            r#"{"success":true,"logisticsTrace":[]}"#,
            NotFound,
            NotFound.default_retry(),
        ),
    ] {
        let error = failure(status, body);
        assert_eq!((error.kind, error.retry), (kind, retry), "{status} {body}");
    }
}

#[test]
fn the_slider_is_left_alone_for_half_an_hour() {
    let long = Retry::After(Duration::from_secs(1_800));
    let page = r#"<!DOCTYPE html><script>var x={"rgv587_flag":"sm"}</script>"#;
    let path = r#"<html>"url":"https://h/global/detail.json/_____tmd_____/punish?x"</html>"#;
    let json = r#"{"rgv587_flag":"sm","url":"https://h/x"}"#;
    for (status, body) in [
        (200, page),
        (200, path),
        (200, json),
        (403, page),
        (503, path),
    ] {
        let error = failure(status, body);
        assert_eq!(
            (error.kind, error.retry),
            (ErrorKind::Throttled, long),
            "{body}"
        );
    }
    let mut moved = response(302, "");
    let location = http::HeaderValue::from_static("https://h/_____tmd_____/punish");
    moved.headers_mut().insert("location", location);
    let mut answers = adapter(&[]).interpret(&[], &moved, now());
    let error = answers.remove(0).err().unwrap();
    assert_eq!((error.kind, error.retry), (ErrorKind::Throttled, long));
    // A refusal of the page has codes that nobody knows.
    let page = adapter(&[("global_page", "on")]);
    let error = failure_of(&page, 200, r#"{"success":false,"errorCode":"E_ODD"}"#);
    assert_eq!((error.kind, error.retry), (ErrorKind::Throttled, long));
}

#[test]
fn a_broken_answer_denies_no_number() {
    let page = "<html><body>Service</body></html>";
    for (status, body, kind) in [
        (200, page, ErrorKind::Malformed),
        (200, "", ErrorKind::Malformed),
        (200, "{}", ErrorKind::Malformed),
        (200, "[]", ErrorKind::Malformed),
        (200, "<response><success>fal", ErrorKind::Malformed),
        (
            200,
            "<response><success>true</success></response>",
            ErrorKind::Malformed,
        ),
        (200, r#"{"success":true}"#, ErrorKind::Malformed),
        (200, r#"{"success":false}"#, ErrorKind::Malformed),
        (
            200,
            r#"{"module":"none","success":true}"#,
            ErrorKind::Malformed,
        ),
        (
            200,
            r#"{"module":[{"mailNo":"LP00710000000012"}]}"#,
            ErrorKind::Malformed,
        ),
        (
            200,
            r#"{"module":[{"mailNo":"LP00710000000012","detailList":"x"}]}"#,
            ErrorKind::Malformed,
        ),
        (200, r#"{"module":[]}"#, ErrorKind::Malformed),
        (
            200,
            r#"{"tracesList":{"mailNos":"","traces":[]}}"#,
            ErrorKind::Malformed,
        ),
        (
            200,
            r#"{"success":true,"nodeList":[]}"#,
            ErrorKind::NotFound,
        ),
        (
            200,
            r#"{"success":"true","statuses":[]}"#,
            ErrorKind::NotFound,
        ),
        (
            200,
            r#"{"module":[{"detailList":[],"mailNoSource":"EXTERNAL"}]}"#,
            ErrorKind::NotFound,
        ),
        (
            200,
            r#"{"logistics_trace_search_response":{"tid":1}}"#,
            ErrorKind::NotFound,
        ),
        (200, "%00=%", ErrorKind::Malformed),
        (204, "", ErrorKind::Malformed),
        (404, page, ErrorKind::Malformed),
        (408, "", ErrorKind::Timeout),
        (429, page, ErrorKind::Throttled),
        (502, page, ErrorKind::Unavailable),
        (
            500,
            r#"{"success":false,"errorCode":"S09"}"#,
            ErrorKind::Unavailable,
        ),
    ] {
        assert_eq!(failure(status, body).kind, kind, "{status} {body}");
    }
}

#[test]
fn the_source_says_when_to_come_back() {
    for status in [429, 503] {
        let mut throttled = response(status, "");
        let seconds = http::HeaderValue::from_static("7");
        throttled.headers_mut().insert("retry-after", seconds);
        let mut answers = adapter(&[]).interpret(&[], &throttled, now());
        let error = answers.remove(0).err().unwrap();
        assert_eq!(error.retry, Retry::After(Duration::from_secs(7)));
    }
}

#[test]
fn xml_without_end_is_given_up() {
    let deep = "<a>".repeat(100);
    let wide = format!("<r>{}</r>", "<a></a>".repeat(30_000));
    for body in [deep, wide] {
        assert_eq!(failure(200, &body).kind, ErrorKind::Malformed);
    }
}

#[test]
fn settings_are_checked() {
    for (pairs, named) in [
        (&[("app_key", "a")][..], "app_secret"),
        (&[("app_secret", "a")], "app_key"),
        (&[("taobao_app_key", "a")], "taobao_app_secret"),
        (&[("open_app_secret", "a")], "open_app_key"),
        (
            &[("open_app_key", "a/b"), ("open_app_secret", "s")],
            "open_app_key",
        ),
        (&[("shops", "taobao=t0ken")], "taobao_app_key"),
        (&[("shops", "1688=t0ken")], "open_app_key"),
        (&[("shops", "t0ken")], "entry 1"),
        (&[("shops", "ebay=t0ken")], "entry 1"),
        (&[("shops", "taobao-=t0ken taobao-=t0ken")], "entry 2"),
        (&[("link_api", "LOGISTICS_DETAIL_QUERY")], "link_api"),
        (&[("taobao_sign_method", "sha1")], "taobao_sign_method"),
        (&[("global_page", "yes")], "global_page"),
        (&[("environment", "staging")], "environment"),
        (&[("base_url", "ftp://h")], "base_url"),
        (&[("language", "english")], "language"),
        (
            &[
                ("app_key", "a"),
                ("app_secret", "s"),
                ("link_api", "CROSSBORDER_LOGISTICS_DETAIL_QUERY"),
            ],
            "user_id",
        ),
    ] {
        let error = (DESCRIPTOR.build)(&settings(pairs)).err().unwrap();
        assert!(error.contains(named), "{error}");
        assert!(!error.contains("t0ken"), "{error}");
    }
    for environment in ["production", "production-eu", "pre-production", "sandbox"] {
        assert!((DESCRIPTOR.build)(&settings(&[("environment", environment)])).is_ok());
    }
    // An answer can be looked at without any credential.
    assert!((DESCRIPTOR.build)(&settings(&[])).is_ok());
}
