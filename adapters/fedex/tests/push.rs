//! Pushes: whose they are, and what they say.

use http::header::HeaderValue;
use waybill_core::adapter::Pushed;

use super::*;
use crate::sign::{base64, hex, hmac_sha256};

const PUSH: &str = include_str!("../fixtures/push.json");
const TOKENS: [(&str, &str); 2] = [
    ("security_token", "new word"),
    ("security_token_before", "old word"),
];

fn push(body: &str, signature: Option<&str>) -> http::Request<Bytes> {
    let mut push = http::Request::new(Bytes::copy_from_slice(body.as_bytes()));
    if let Some(signature) = signature {
        let value = HeaderValue::from_bytes(signature.as_bytes()).unwrap();
        push.headers_mut().insert("fdx-signature", value);
    }
    push
}

fn mac(token: &str, body: &str) -> Vec<u8> {
    hmac_sha256(token.as_bytes(), &[body.as_bytes()])
}

fn translate(more: &[(&'static str, &str)], push: &http::Request<Bytes>) -> Result<Pushed, Error> {
    let fedex = adapter(more);
    pollster::block_on(fedex.translate_push(push, now()))
}

fn signed(body: &str) -> Result<Pushed, Error> {
    let signature = base64(&mac("new word", body));
    translate(&TOKENS, &push(body, Some(&signature)))
}

#[test]
fn both_spellings_and_both_tokens_are_taken() {
    for token in ["new word", "old word"] {
        let mac = mac(token, PUSH);
        for signature in [base64(&mac), hex(&mac), hex(&mac).to_uppercase()] {
            let pushed = translate(&TOKENS, &push(PUSH, Some(&signature))).unwrap();
            assert_eq!(pushed.reports.len(), 1);
            assert!(pushed.poll.is_empty());
            assert_eq!(pushed.reply.status(), StatusCode::OK);
            assert!(pushed.reply.body().is_empty());
            let report = &pushed.reports[0];
            assert!(!report.complete);
            assert!(report.number.reveal() == "604100000196");
        }
    }
}

#[test]
fn a_wrong_signature_is_denied_before_anything_is_read() {
    let right = base64(&mac("new word", PUSH));
    let other = base64(&mac("other word", PUSH));
    let of_nothing = base64(&mac("", PUSH));
    let denied = |more: &[(&'static str, &str)], push: &http::Request<Bytes>| {
        let error = translate(more, push).err().unwrap();
        assert_eq!(error.kind, ErrorKind::Denied);
    };
    denied(&TOKENS, &push(PUSH, None));
    denied(&TOKENS, &push(PUSH, Some("")));
    denied(&TOKENS, &push(PUSH, Some("ÿ")));
    denied(&TOKENS, &push(PUSH, Some(&other)));
    denied(&TOKENS, &push(PUSH, Some(&of_nothing)));
    denied(&TOKENS, &push(&PUSH.replace("DL", "IT"), Some(&right)));
    denied(&TOKENS, &push("not json", Some(&right)));
    denied(&[], &push(PUSH, Some(&right)));
    denied(&[], &push(PUSH, Some(&of_nothing)));
}

#[test]
fn a_repeated_push_has_the_same_id() {
    let [one, two] = [signed(PUSH).unwrap(), signed(PUSH).unwrap()];
    assert_eq!(one.id, two.id);
    assert_eq!(one.id.len(), 64);
    let other = signed(&format!("{PUSH} ")).unwrap();
    assert_ne!(one.id, other.id);
}

#[test]
fn news_without_scans_has_to_be_asked_for() {
    let body = r#"{"output":{"completeTrackResults":[{"trackingNumber":"604100000196",
        "trackResults":[{"latestStatusDetail":{"code":"OD"}}]}]}}"#;
    let pushed = signed(body).unwrap();
    assert!(pushed.reports.is_empty());
    assert!(
        pushed
            .poll
            .iter()
            .map(|number| number.reveal())
            .eq(["604100000196"])
    );
}

#[test]
fn a_push_about_nothing_is_answered_and_a_broken_one_is_not() {
    for body in [
        "{}",
        r#"{"output":{}}"#,
        include_str!("../fixtures/not_found.json"),
    ] {
        let pushed = signed(body).unwrap();
        assert!(
            pushed.reports.is_empty() && pushed.poll.is_empty(),
            "{body}"
        );
    }
    for body in ["", "pong", r#"{"output":{"completeTrackResults":[{"#] {
        let error = signed(body).err().unwrap();
        assert_eq!(error.kind, ErrorKind::Malformed, "{body}");
    }
}
