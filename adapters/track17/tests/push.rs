//! Pushes.

use super::*;

const UPDATED: &str = include_str!("../fixtures/push_updated.json");
const STOPPED: &str = include_str!("../fixtures/push_stopped.json");

fn push(adapter: &Track17, body: &str, sign: Option<&str>) -> Result<Pushed, Error> {
    let mut request = http::Request::post("/push/17track");
    if let Some(sign) = sign {
        request = request.header("sign", sign);
    }
    let request = request
        .body(Bytes::copy_from_slice(body.as_bytes()))
        .unwrap();
    pollster::block_on(adapter.translate_push(&request, now()))
}

fn signed(key: &str, body: &str) -> String {
    let text = format!("{body}/{key}");
    crate::sign::hex(&crate::sign::sha256(&[text.as_bytes()]))
}

fn pushed(body: &str) -> Result<Pushed, Error> {
    push(&adapter(&[]), body, Some(&signed("s3cret-word", body)))
}

/// Key, bodies and digests of the published example.
#[test]
fn the_published_signatures_are_right() {
    let adapter = adapter(&[("api_key", "123456ABCDEF")]);
    for (event, sign, news) in [
        (
            "TRACKING_UPDATED",
            "45acb4a6f4a194a6ac1f0f712182c4e314b1ae9399941ea086987408f3166994",
            1,
        ),
        (
            "TRACKING_STOPPED",
            "31e7dfc82db22bdf9d2265b526d17c9f158249d72e3ac3891cd6288141bf7b1d",
            0,
        ),
    ] {
        let body = format!(
            r#"{{"event":"{event}","data":{{"number":"RR123456789CN","carrier":3011,"tag":null}}}}"#
        );
        let pushed = push(&adapter, &body, Some(sign)).unwrap_or_else(|error| panic!("{error}"));
        assert!(pushed.reports.is_empty());
        assert_eq!(pushed.poll.len(), news, "{event}");
    }
}

#[test]
fn a_push_is_understood_as_an_answer_is() {
    let pushed = pushed(UPDATED).unwrap_or_else(|error| panic!("{error}"));
    let asked = understood(include_str!("../fixtures/two_legs.json")).unwrap();
    assert!(pushed.reports == asked);
    assert!(pushed.poll.is_empty());
    assert_eq!(pushed.reply.status(), 200);
    assert!(pushed.reply.body().is_empty());
    assert_eq!(pushed.id.len(), 64);
    assert!(!pushed.id.contains("LX7022"));
}

#[test]
fn repeated_pushes_have_one_id() {
    let id = |body: &str| pushed(body).unwrap_or_else(|error| panic!("{error}")).id;
    assert_eq!(id(UPDATED), id(UPDATED));
    assert_ne!(id(UPDATED), id(STOPPED));
}

#[test]
fn the_signature_is_checked_over_the_raw_bytes() {
    let adapter = adapter(&[]);
    let right = signed("s3cret-word", UPDATED);
    let other_bytes = UPDATED.replacen("  ", " ", 1);
    for (body, sign) in [
        (UPDATED, None),
        (UPDATED, Some("")),
        (UPDATED, Some("0")),
        (UPDATED, Some(&*signed("other", UPDATED))),
        (UPDATED, Some(&*signed("", UPDATED))),
        (UPDATED, Some(&right[..63])),
        (UPDATED, Some(&*right.to_uppercase())),
        (&*other_bytes, Some(&*right)),
        ("not json", None),
    ] {
        let error = push(&adapter, body, sign).err();
        assert_eq!(error.map(|error| error.kind), Some(ErrorKind::Denied));
    }
}

#[test]
fn two_keys_can_be_active() {
    let adapter = adapter(&[("api_key", "new"), ("api_key_before", "old")]);
    for (key, taken) in [("new", true), ("old", true), ("older", false)] {
        let sign = signed(key, UPDATED);
        assert_eq!(push(&adapter, UPDATED, Some(&sign)).is_ok(), taken, "{key}");
    }
}

#[test]
fn pushes_without_a_tracking_are_news_or_nothing() {
    let counts = |body: &str| {
        let pushed = pushed(body);
        pushed
            .map(|pushed| (pushed.reports.len(), pushed.poll.len()))
            .map_err(|error| error.kind)
    };
    assert_eq!(counts(STOPPED), Ok((0, 0)));
    for (body, expected) in [
        (
            r#"{"event":"TRACKING_UPDATED","data":{"number":"LX702200015CN","carrier":"3011"}}"#,
            Ok((0, 1)),
        ),
        (
            r#"{"event":"TRACKING_MOVED","data":{"number":"LX702200015CN"}}"#,
            Ok((0, 1)),
        ),
        (
            r#"{"event":"TRACKING_UPDATED","data":{"number":"LX702200015CN","track_info":{"latest_status":{"status":"NotFound"}}}}"#,
            Ok((0, 0)),
        ),
        (
            r#"{"event":"TRACKING_UPDATED","data":{"carrier":3011}}"#,
            Err(ErrorKind::Malformed),
        ),
        (r#"{"event":"TRACKING_UPDATED"}"#, Err(ErrorKind::Malformed)),
        (r#"{"code":0,"data":{}}"#, Err(ErrorKind::Malformed)),
        ("not json", Err(ErrorKind::Malformed)),
    ] {
        assert_eq!(counts(body), expected, "{body}");
    }
}
