//! Pushes: who may send them, and what they say.

use super::*;
use crate::sign::{base64, hmac_sha256};

const UPDATED: &str = include_str!("../fixtures/push_updated.json");

fn push(body: &str, headers: &[(&str, &str)]) -> http::Request<Bytes> {
    let mut request = http::Request::post("/push/aftership");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request
        .body(Bytes::copy_from_slice(body.as_bytes()))
        .unwrap()
}

fn sign(body: &str, secret: &str) -> String {
    base64(&hmac_sha256(secret.as_bytes(), &[body.as_bytes()]))
}

fn translate(
    request: &http::Request<Bytes>,
    more: &[(&'static str, &str)],
) -> Result<Pushed, Error> {
    pollster::block_on(adapter(more).translate_push(request, now()))
}

fn signed(body: &str) -> Result<Pushed, Error> {
    let sign = sign(body, "new secret");
    translate(&push(body, &[("aftership-hmac-sha256", &sign)]), &[])
}

#[test]
fn a_push_is_what_a_poll_would_be() {
    let pushed = signed(UPDATED).unwrap();
    assert_eq!(pushed.id, "0b6bd0c2-8d0e-4a52-9a71-6f0f6a0c1d11");
    assert!(pushed.poll.is_empty());
    assert_eq!(pushed.reply.status(), 200);
    assert!(pushed.reply.body().is_empty());
    let polled = understood(include_str!("../fixtures/two_legs.json")).unwrap();
    assert!(pushed.reports == polled);
}

#[test]
fn either_secret_is_taken_and_nothing_else() {
    let both = [("webhook_secret_before", "old secret")];
    for secret in ["new secret", "old secret"] {
        let sign = sign(UPDATED, secret);
        let request = push(UPDATED, &[("aftership-hmac-sha256", &sign)]);
        assert!(translate(&request, &both).is_ok(), "{secret}");
    }
    let right = sign(UPDATED, "new secret");
    let lower = right.to_lowercase();
    let hex = crate::sign::hex(&hmac_sha256(b"new secret", &[UPDATED.as_bytes()]));
    for (name, value) in [
        ("aftership-hmac-sha256", sign(UPDATED, "other")),
        ("aftership-hmac-sha256", lower),
        ("aftership-hmac-sha256", hex),
        ("aftership-hmac-sha256", String::new()),
        ("as-signature-hmac-sha256", right.clone()),
        ("am-webhook-signature", format!("hmac-sha256={right}")),
    ] {
        let error = translate(&push(UPDATED, &[(name, &value)]), &both)
            .err()
            .unwrap();
        assert_eq!(error.kind, ErrorKind::Denied, "{name}");
        assert!(!error.spent);
    }
    assert!(translate(&push(UPDATED, &[]), &both).is_err());
    let longer = format!("{UPDATED} ");
    let moved = push(&longer, &[("aftership-hmac-sha256", &right)]);
    assert!(translate(&moved, &both).is_err(), "raw bytes count");
    let unset = [("webhook_secret", "")];
    let empty = sign(UPDATED, "");
    let request = push(UPDATED, &[("aftership-hmac-sha256", &empty)]);
    assert!(translate(&request, &unset).is_err(), "no secret, no push");
}

#[test]
fn the_signature_is_that_of_the_documents() {
    let body = r#"{"event":"tracking_update","event_id":"94dadd60-ed26-46d0-aa52-3ced925a50ff","is_tracking_first_tag":true,"msg":{"id":"00000000000000000000000000000000","tracking_number":"0000000000000000","slug":"usps","tag":"InTransit","subtag":"InTransit_001","subtag_message":"In Transit","checkpoints":[]},"ts":1712741696}"#;
    let sign = "Ujs3pLJfqhbu4ehn124h7g6MSc0zk431RlbA8Ud9uP4=";
    let request = push(body, &[("aftership-hmac-sha256", sign)]);
    let pushed = translate(&request, &[("webhook_secret", "waybill_test_secret")]).unwrap();
    // A status without an event: the report says so, and the tracking is to be asked for.
    assert_eq!(pushed.poll.len(), 1);
    assert!(pushed.reports[0].claims.is_empty());
    assert!(!pushed.reports[0].complete);
    assert_eq!(
        pushed.reports[0].facts.doubts,
        ["latest status has no event"]
    );
}

#[test]
fn no_news_is_no_report_and_no_poll() {
    let pushed = signed(include_str!("../fixtures/push_pending_time.json")).unwrap();
    assert!(pushed.reports.is_empty() && pushed.poll.is_empty());
    // A new forecast comes with the whole tracking.
    let revised = UPDATED.replace("tracking_update", "edd_revise");
    assert_eq!(signed(&revised).unwrap().reports.len(), 1);
    let odd = r#"{"event":"tracking_update","event_id":7,"msg":{"tracking_number":"702200311"}}"#;
    let pushed = signed(odd).unwrap();
    assert!(pushed.reports.is_empty());
    assert_eq!((pushed.poll.len(), pushed.id.as_str()), (1, "7"));
    let nameless = odd.replace("\"event_id\":7,", "");
    assert_eq!(signed(&nameless).unwrap().id.len(), 64, "hash of the body");
}

#[test]
fn a_signed_push_can_still_be_nonsense() {
    for body in [
        "",
        "null",
        "{",
        r#"{"event":"tracking_update"}"#,
        r#"{"event":"tracking_update","msg":7}"#,
        r#"{"event":"tracking_update","msg":{"tracking_number":"Ω"}}"#,
        r#"{"meta":{"code":200},"data":{"tracking_number":"702200311"}}"#,
    ] {
        let error = signed(body).err().unwrap();
        assert_eq!(error.kind, ErrorKind::Malformed, "{body}");
    }
}
