//! Pushes: signatures, times, and what they become.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use waybill_core::code::EventCode;

use super::*;

const SECRET: &str = "waybill-usps-push-secret-00000032";
const BEFORE: &str = "waybill-usps-push-secret-before-2";
const PUSH: &str = include_str!("../fixtures/push.json");

fn signature(secret: &str, timestamp: &str, payload: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(timestamp.as_bytes());
    mac.update(payload.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

fn signed(body: &str, secret: &str) -> http::Request<Bytes> {
    let envelope: serde_json::Value = serde_json::from_str(body).unwrap();
    let text = |key: &str| envelope[key].as_str().unwrap_or_default().to_owned();
    let signature = signature(secret, &text("timestamp"), &text("payload"));
    unsigned(body, Some(&signature))
}

fn unsigned(body: &str, signature: Option<&str>) -> http::Request<Bytes> {
    let mut request = http::Request::post("https://a.example/usps");
    if let Some(signature) = signature {
        request = request.header("X-HMAC", signature);
    }
    request
        .body(Bytes::copy_from_slice(body.as_bytes()))
        .unwrap()
}

fn translate(push: &http::Request<Bytes>, now: &str) -> Result<Pushed, Error> {
    let usps = adapter(&[("push_secret", SECRET), ("push_secret_before", BEFORE)]);
    pollster::block_on(usps.translate_push(push, now.parse().unwrap()))
}

fn kind(push: &http::Request<Bytes>, now: &str) -> Option<ErrorKind> {
    translate(push, now).err().map(|error| error.kind)
}

const NOW: &str = "2026-03-05T14:13:00Z";

#[test]
fn a_signature_made_elsewhere_is_accepted() {
    // Made by another program over the time and the decoded payload of the fixture.
    let made = "BazPq4b3OX7W2dwB34nSGDpOQ6Ya/3e2GF/P1V9FMXY=";
    assert_eq!(kind(&unsigned(PUSH, Some(made)), NOW), None);
    assert_eq!(header(&signed(PUSH, SECRET), "x-hmac"), made);
}

#[test]
fn a_push_becomes_a_report() {
    for secret in [SECRET, BEFORE] {
        let pushed = translate(&signed(PUSH, secret), NOW).unwrap_or_else(|e| panic!("{e}"));
        let [report] = pushed.reports.as_slice() else {
            panic!("one report");
        };
        assert!(report.number == query("9400770000000000000162").number);
        assert_eq!(report.claims[0].code, EventCode::OUT_FOR_DELIVERY);
        assert!(!report.complete);
        assert!(pushed.poll.is_empty());
        assert_eq!(pushed.reply.status(), 200);
        assert!(pushed.reply.body().is_empty());
        assert_eq!(pushed.id.len(), 64);
        assert!(!pushed.id.contains("940077"));
    }
}

#[test]
fn one_event_with_its_number_is_a_push_too() {
    let body = include_str!("../fixtures/push_event.json");
    let pushed = translate(&signed(body, SECRET), "2026-03-05T20:00:00Z");
    let pushed = pushed.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(
        pushed.reports[0].claims[0].code,
        EventCode::DELIVERED_TO_MAILBOX
    );
}

#[test]
fn what_is_not_signed_is_denied() {
    let denied = Some(ErrorKind::Denied);
    let good = signed(PUSH, SECRET);
    let given = header(&good, "x-hmac").to_owned();
    assert_eq!(
        kind(&signed(PUSH, "another-secret-of-32-characters!!"), NOW),
        denied
    );
    assert_eq!(kind(&unsigned(PUSH, None), NOW), denied);
    assert_eq!(kind(&unsigned(PUSH, Some("")), NOW), denied);
    assert_eq!(
        kind(&unsigned(PUSH, Some(&given.to_lowercase())), NOW),
        denied
    );
    let tampered = PUSH.replace("Out for Delivery", "Delivered");
    assert_eq!(kind(&unsigned(&tampered, Some(&given)), NOW), denied);
    let later = PUSH.replace("14:12:00Z", "14:13:00Z");
    assert_eq!(kind(&unsigned(&later, Some(&given)), NOW), denied);
    let envelope: serde_json::Value = serde_json::from_str(PUSH).unwrap();
    let object = serde_json::json!({"timestamp": envelope["timestamp"], "payload": {}});
    assert_eq!(
        kind(&unsigned(&object.to_string(), Some(&given)), NOW),
        denied
    );
    // Without any secret nothing is believed, not even what an empty one signs.
    let usps = adapter(&[]);
    let push = signed(PUSH, "");
    let error = pollster::block_on(usps.translate_push(&push, now()))
        .err()
        .unwrap();
    assert_eq!(error.kind, ErrorKind::Denied);
}

#[test]
fn a_stale_push_is_denied() {
    for (now, expected) in [
        ("2026-03-06T14:11:00Z", None),
        ("2026-03-06T14:13:00Z", Some(ErrorKind::Denied)),
        ("2026-03-05T13:13:00Z", None),
        ("2026-03-05T13:11:00Z", Some(ErrorKind::Denied)),
    ] {
        assert_eq!(kind(&signed(PUSH, SECRET), now), expected, "{now}");
    }
    for (sent, expected) in [
        ("1772719920", None),
        ("1772719920000", None),
        ("2026-03-05T08:12:00-06:00", None),
        ("today", Some(ErrorKind::Malformed)),
        ("", Some(ErrorKind::Malformed)),
    ] {
        let body = PUSH.replace("2026-03-05T14:12:00Z", sent);
        assert_eq!(kind(&signed(&body, SECRET), NOW), expected, "{sent}");
    }
}

#[test]
fn the_same_news_has_the_same_id() {
    let id = |body: &str| {
        translate(&signed(body, SECRET), NOW)
            .unwrap_or_else(|error| panic!("{error}"))
            .id
    };
    let again = PUSH.replace("14:12:00Z", "14:12:59Z");
    assert_eq!(id(PUSH), id(&again));
    assert_ne!(id(PUSH), id(&PUSH.replace("07:10:00", "07:11:00")));
    assert_ne!(id(PUSH), id(&PUSH.replace("\\\"OF\\\"", "\\\"01\\\"")));
}

#[test]
fn a_challenge_comes_back() {
    let pushed = translate(&unsigned(r#"{"challenge":"a\"b"}"#, None), NOW);
    let pushed = pushed.unwrap_or_else(|error| panic!("{error}"));
    assert!(pushed.reports.is_empty() && pushed.poll.is_empty() && pushed.id.is_empty());
    assert_eq!(pushed.reply.headers()["content-type"], "application/json");
    assert_eq!(pushed.reply.body().as_ref(), br#"{"challenge":"a\"b"}"#);
    // News beside a challenge still need a signature.
    let both = r#"{"challenge":"a","timestamp":"2026-03-05T14:12:00Z","payload":"{}"}"#;
    assert_eq!(kind(&unsigned(both, None), NOW), Some(ErrorKind::Denied));
    let long = format!(r#"{{"challenge":"{}"}}"#, "a".repeat(2_000));
    assert_eq!(kind(&unsigned(&long, None), NOW), Some(ErrorKind::Denied));
}

#[test]
fn a_push_without_events_asks_for_a_poll() {
    for payload in [
        r#"{\"trackingNumber\":\"9400770000000000000162\"}"#,
        r#"{\"trackingNumber\":\"9400770000000000000162\",\"error\":{\"errors\":[{\"code\":\"150002\"}]}}"#,
    ] {
        let body = format!(r#"{{"timestamp":"2026-03-05T14:12:00Z","payload":"{payload}"}}"#);
        let pushed = translate(&signed(&body, SECRET), NOW).unwrap_or_else(|e| panic!("{e}"));
        assert!(pushed.reports.is_empty());
        assert!(pushed.poll == [query("9400770000000000000162").number]);
    }
}

#[test]
fn a_signed_push_of_nonsense_is_malformed() {
    for payload in [
        "",
        "7",
        "[]",
        "{}",
        "{\\\"trackingNumber\\\":7}",
        "{{",
        "null",
    ] {
        let body = format!(r#"{{"timestamp":"2026-03-05T14:12:00Z","payload":"{payload}"}}"#);
        let found = kind(&signed(&body, SECRET), NOW);
        assert_eq!(found, Some(ErrorKind::Malformed), "{payload}");
    }
    for body in ["", "7", "[]", "<html>", "[{}]"] {
        let found = kind(&unsigned(body, Some("x")), NOW);
        assert_eq!(found, Some(ErrorKind::Denied), "{body}");
    }
}
