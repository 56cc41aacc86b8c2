//! What is sent, over a scripted way out.

use std::sync::Mutex;

use waybill_core::adapter::Http;

use super::*;

const DELIVERED: &str = include_str!("../fixtures/abroad_delivered.json");
const NUMBER: &str = "EA770001015CN";

/// A way out that answers everything alike and remembers what it sent.
struct Script {
    body: &'static str,
    sent: Mutex<Vec<Request<Bytes>>>,
}

impl Http for Script {
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, Error>> {
        self.sent.lock().unwrap().push(request);
        Box::pin(std::future::ready(Ok(response(200, self.body))))
    }
}

fn fetch(adapter: &ChinaPost, queries: &[Query]) -> (Vec<Answer>, Vec<Request<Bytes>>) {
    let script = Script {
        body: DELIVERED,
        sent: Mutex::default(),
    };
    let ctx = Ctx {
        http: &script,
        now: now(),
        within: Duration::from_secs(8),
    };
    let answers = pollster::block_on(adapter.fetch(ctx, queries));
    (answers, script.sent.into_inner().unwrap())
}

fn form(request: &Request<Bytes>) -> Vec<(String, String)> {
    form_urlencoded::parse(request.body())
        .into_owned()
        .collect()
}

#[test]
fn a_call_is_what_public_clients_send() {
    let (answers, sent) = fetch(&adapter(&[("user_code", "U-1")]), &[query(NUMBER)]);
    assert_eq!(answers[0].as_ref().map(Vec::len), Ok(1));
    let [call] = sent.as_slice() else {
        panic!("one call");
    };
    assert_eq!(call.method(), http::Method::POST);
    assert_eq!(
        call.uri(),
        "https://api.ems.com.cn/amp-prod-api/f/amp/api/open"
    );
    assert_eq!(
        call.headers()[CONTENT_TYPE],
        "application/x-www-form-urlencoded; charset=UTF-8"
    );
    let sealed = keys(KEY)
        .seal(r#"{"waybillNo":"EA770001015CN","direction":"0"}"#)
        .unwrap();
    let expected = [
        ("apiCode", "040001"),
        ("senderNo", "1100000000001"),
        ("authorization", "s3cretAuthorise1"),
        ("msgType", "0"),
        // Beijing is eight hours before UTC.
        ("timeStamp", "2026-03-05 20:00:00"),
        ("version", "V1.0.0"),
        ("logitcsInterface", &sealed),
        ("userCode", "U-1"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(form(call), expected);
}

#[test]
fn each_number_is_a_call_and_fails_alone() {
    let queries = [
        query(NUMBER),
        query("9900000000011"),
        query("9900000000028"),
    ];
    let (answers, sent) = fetch(&adapter(&[]), &queries);
    assert_eq!((answers.len(), sent.len()), (3, 3));
    assert!(answers[0].is_ok() && answers[2].is_ok());
    assert!(form(&sent[0]).iter().all(|(name, _)| name != "userCode"));
}

#[test]
fn the_environment_chooses_the_address() {
    for (key, value, url) in [
        (
            "environment",
            "test",
            "https://api.ems.com.cn/amp-prod-api/f/amp/api/test",
        ),
        (
            "base_url",
            "http://127.0.0.1:9/",
            "http://127.0.0.1:9/amp-prod-api/f/amp/api/open",
        ),
    ] {
        let (_, sent) = fetch(&adapter(&[(key, value)]), &[query(NUMBER)]);
        assert_eq!(sent[0].uri(), url);
    }
}

#[test]
fn settings_are_checked() {
    for (key, value) in [
        ("environment", "staging"),
        ("base_url", "api.ems.com.cn"),
        ("base_url", "ftp://api.ems.com.cn"),
        ("sign_key", "short"),
        ("sign_key", "d2F5YmlsbA=="),
        ("sign_key_before", "d2F5YmlsbA=="),
    ] {
        let error = (DESCRIPTOR.build)(&settings(&[(key, value)]))
            .err()
            .unwrap();
        assert!(error.contains(key), "{error}");
        assert!(
            !key.starts_with("sign") || !error.contains(value),
            "{error}"
        );
    }
    assert!((DESCRIPTOR.build)(&settings(&[("environment", "test")])).is_ok());
}

#[test]
fn answers_are_read_without_a_key_and_envelopes_are_not() {
    let offline = adapter(&[("sign_key", "offline")]);
    let read = |body: &str| {
        let mut answers = offline.interpret(&[], &response(200, body), now());
        answers.remove(0).map(|reports| reports.len())
    };
    assert_eq!(read(DELIVERED), Ok(1));
    let sealed = keys(KEY).seal(include_str!("../fixtures/push.json"));
    let body = serde_json::json!({ "logitcsInterface": sealed }).to_string();
    assert_eq!(
        read(&body).err().map(|error| error.kind),
        Some(ErrorKind::Denied)
    );
    let (answers, sent) = fetch(&offline, &[query(NUMBER)]);
    let error = answers[0].as_ref().err().unwrap();
    assert_eq!((error.kind, error.spent), (ErrorKind::Internal, false));
    assert!(sent.is_empty());
}
