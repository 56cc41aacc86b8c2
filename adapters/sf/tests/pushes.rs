//! Pushes: their credential, their forms and what is answered.

use super::*;

const PUSH: &str = include_str!("../fixtures/push.json");
const SEVERAL: &str = include_str!("../fixtures/push_several.json");
const XML: &str = r#"<?xml version='1.0' encoding='UTF-8'?><Request service="RoutePushService" lang="zh-CN"><Body><WaybillRoute id="77001" mailno="SF7700000000011" orderid="order-77/1" acceptTime="2026-03-02 09:05:10" acceptAddress="杭州市" remark="顺丰速运 已收取快件" opCode="50"/></Body></Request>"#;

fn pushed(more: &[(&'static str, &str)], uri: &str, body: &str) -> Result<Pushed, Error> {
    let push = http::Request::post(uri)
        .body(Bytes::copy_from_slice(body.as_bytes()))
        .unwrap();
    pollster::block_on(adapter(more).translate_push(&push, now()))
}

fn kind(result: Result<Pushed, Error>) -> ErrorKind {
    result.err().unwrap().kind
}

#[test]
fn the_address_is_the_credential() {
    for uri in [
        "/push/sf/new-word",
        "/push/sf/old-word",
        "https://gateway.example/push/sf?token=new-word",
        "/push/sf?a=1&token=old-word",
    ] {
        assert!(pushed(&[], uri, PUSH).is_ok(), "{uri}");
    }
    for uri in [
        "/push/sf",
        "/push/sf/",
        "/push/sf/other-word",
        "/push/sf/new-word/",
        "/push/new-word/sf",
        "/push/sf?token=",
        "/push/sf?token=new-wor",
        "/push/sf?word=new-word",
    ] {
        assert_eq!(kind(pushed(&[], uri, PUSH)), ErrorKind::Denied, "{uri}");
        // Whether the body makes sense is not told to strangers.
        assert_eq!(kind(pushed(&[], uri, "{")), ErrorKind::Denied, "{uri}");
    }
}

#[test]
fn without_a_token_nothing_is_taken() {
    let none = [("push_token", ""), ("push_token_before", "")];
    for uri in [
        "/push/sf",
        "/push/sf/",
        "/push/sf?token=",
        "/push/sf/new-word",
    ] {
        assert_eq!(kind(pushed(&none, uri, PUSH)), ErrorKind::Denied, "{uri}");
    }
}

#[test]
fn json_is_answered_in_json() {
    let pushed = pushed(&[], "/new-word", PUSH).ok().unwrap();
    assert_eq!(pushed.id, "77001");
    assert_eq!(pushed.reports.len(), 1);
    assert!(pushed.poll.is_empty());
    assert_eq!(pushed.reply.status(), StatusCode::OK);
    let body = r#"{"return_code":"0000","return_msg":"成功"}"#;
    assert_eq!(pushed.reply.body().as_ref(), body.as_bytes());
}

#[test]
fn xml_is_answered_in_xml_and_understood_alike() {
    let json = pushed(&[], "/new-word", PUSH).ok().unwrap();
    let encoded: String = form_urlencoded::byte_serialize(XML.as_bytes()).collect();
    for body in [XML.to_owned(), format!("content={encoded}")] {
        let xml = pushed(&[], "/new-word", &body).ok().unwrap();
        assert!(xml.reports == json.reports);
        assert_eq!(xml.id, json.id);
        let reply = r#"<Response service="RoutePushService"><Head>OK</Head></Response>"#;
        assert_eq!(xml.reply.body().as_ref(), reply.as_bytes());
        assert!(understood(&body).unwrap() == json.reports);
    }
}

#[test]
fn a_message_with_several_events_has_one_id_and_groups_them() {
    let pushed = pushed(&[], "/new-word", SEVERAL).ok().unwrap();
    assert_eq!(pushed.id, "77011,77012,77013,77014");
    let counts: Vec<_> = pushed
        .reports
        .iter()
        .map(|report| report.claims.len())
        .collect();
    assert_eq!(counts, [2, 1]);
    // Code 607 says something else before and after the round: the whole way is needed.
    assert!(pushed.poll == [number("SF7700000000204")]);
    assert!(pushed.reports.iter().all(|report| !report.complete));
}

#[test]
fn a_push_that_is_none_is_malformed() {
    let other = PUSH.replace("mailno", "mailNo");
    for body in [
        "",
        "{",
        "{}",
        "<html></html>",
        "<Request></Request>",
        "content=%3CRequest",
        "content=",
        r#"{"Body":{"WaybillRoute":[]}}"#,
        r#"{"return_code":"0000"}"#,
        include_str!("../fixtures/delivered.json"),
        &other,
    ] {
        let result = pushed(&[], "/new-word", body);
        assert_eq!(kind(result), ErrorKind::Malformed, "{body}");
    }
}

#[test]
fn events_without_ids_make_no_id() {
    let body = PUSH.replace("77001", "");
    assert_eq!(pushed(&[], "/new-word", &body).ok().unwrap().id, "");
}
