//! What DHL posts, and how it is asked to post.

use http::Method;
use waybill_core::adapter::{Pushed, Subscribed, Subscription};

use super::*;

const TOKEN: &str = "a long random token of ours";
const BEFORE: &str = "the token that it replaced";
const HOOK: [(&str, &str); 4] = [
    ("push_url", "https://waybill.example/push/dhl"),
    ("push_token", TOKEN),
    ("push_token_before", BEFORE),
    ("push_header", "X-Hook-Key"),
];
const SUBSCRIPTION: &str = "https://api-eu.dhl.com/tracking/push/v1/subscription/";

fn hooked() -> Box<dyn Adapter> {
    adapter(&HOOK)
}

fn post(token: Option<&str>, body: &str) -> Request<Bytes> {
    let mut request = Request::post("/push/dhl");
    if let Some(token) = token {
        request = request.header("x-hook-key", token);
    }
    request
        .body(Bytes::copy_from_slice(body.as_bytes()))
        .unwrap()
}

fn posted(adapter: &dyn Adapter, body: &str) -> Result<Pushed, Error> {
    pollster::block_on(adapter.translate_push(&post(Some(TOKEN), body), now()))
}

fn validate(id: &str, secret: &str) -> String {
    format!(
        r#"{{"scope":"subscription.validate","self":"{SUBSCRIPTION}{id}","secret":"{secret}"}}"#
    )
}

/// A push about the shipments of a fixture.
fn about(name: &str) -> String {
    let mut body: Value = serde_json::from_str(fixture(name)).unwrap();
    body["scope"] = "subscription.push".into();
    body["self"] = format!("{SUBSCRIPTION}71").into();
    body.to_string()
}

#[test]
fn a_post_counts_with_one_of_the_tokens_only() {
    let body = about("express_pieces_proof");
    let adapter = hooked();
    let kind = |token| {
        let post = post(token, &body);
        let pushed = pollster::block_on(adapter.translate_push(&post, now()));
        pushed
            .map(|pushed| pushed.reports.len())
            .map_err(|error| error.kind)
    };
    assert_eq!(kind(Some(TOKEN)), Ok(1));
    assert_eq!(kind(Some(BEFORE)), Ok(1));
    for token in [None, Some(""), Some("a long random token"), Some("k")] {
        assert_eq!(kind(token), Err(ErrorKind::Denied));
    }
    // Without a token nobody is let in, whatever the post carries.
    let open = super::adapter(&[]);
    for token in [None, Some(""), Some(TOKEN)] {
        let post = post(token, &body);
        let pushed = pollster::block_on(open.translate_push(&post, now()));
        assert_eq!(pushed.map(drop).unwrap_err().kind, ErrorKind::Denied);
    }
}

#[test]
fn a_push_is_read_like_an_answer_and_asked_again() {
    let adapter = hooked();
    let pushed = posted(&*adapter, &about("express_pieces_proof"))
        .map_err(drop)
        .unwrap();
    let mut polled = only("express_pieces_proof");
    polled.complete = false;
    polled.language = "und".to_owned();
    assert!(pushed.reports == [polled]);
    assert_eq!(pushed.poll.len(), 1);
    assert_eq!(pushed.poll[0].reveal(), "7001122332");
    assert_eq!(
        (pushed.reply.status().as_u16(), pushed.reply.body().len()),
        (200, 0)
    );
    // The id is the same for the same news and another for others.
    let again = posted(&*adapter, &about("express_pieces_proof"))
        .map_err(drop)
        .unwrap();
    assert!(pushed.id.len() == 64 && pushed.id == again.id);
    let other = posted(&*adapter, &about("dgf_freight"))
        .map_err(drop)
        .unwrap();
    assert_ne!(pushed.id, other.id);
    // A body that is looked at without a push behind it says the same.
    let looked = answers(&about("express_pieces_proof"), &[]).remove(0);
    assert!(looked.is_ok_and(|reports| !reports[0].complete));
}

#[test]
fn a_post_that_says_nothing_usable_is_malformed() {
    let adapter = hooked();
    for body in [
        "",
        "<html>",
        "[]",
        "{}",
        r#"{"scope":"subscription.other"}"#,
        r#"{"scope":"subscription.push"}"#,
        r#"{"scope":"subscription.push","shipments":[{}]}"#,
        r#"{"scope":"subscription.validate","secret":"s"}"#,
        r#"{"scope":"subscription.validate","self":"https://api-eu.dhl.com/a/../","secret":"s"}"#,
        &validate("71", ""),
        &validate("71", "a\\nb"),
        &validate("%2e%2e", "s"),
    ] {
        let error = posted(&*adapter, body).map(drop).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Malformed, "{body}");
    }
    let nothing = r#"{"scope":"subscription.push","shipments":[]}"#;
    let pushed = posted(&*adapter, nothing).map_err(drop).unwrap();
    assert!(pushed.reports.is_empty() && pushed.poll.is_empty());
    let ready = format!(r#"{{"scope":"subscription.ready","self":"{SUBSCRIPTION}71"}}"#);
    for body in [ready, validate("71", "s")] {
        assert!(posted(&*adapter, &body).is_ok());
        let looked = answers(&body, &[]).remove(0);
        assert!(looked.is_ok_and(|reports| reports.is_empty()));
    }
}

/// A call as it was made: method, address, hook secret, body.
type Call = (Method, String, Option<String>, String);

/// Answers calls from a list and keeps them.
struct Line {
    replies: Mutex<Vec<(u16, &'static str)>>,
    calls: Mutex<Vec<Call>>,
}

impl Line {
    fn new(replies: &[(u16, &'static str)]) -> Self {
        Self {
            replies: Mutex::new(replies.iter().rev().copied().collect()),
            calls: Mutex::default(),
        }
    }

    fn calls(&self) -> Vec<Call> {
        assert!(self.replies.lock().unwrap().is_empty(), "all were asked");
        self.calls.lock().unwrap().clone()
    }
}

impl Http for Line {
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, Error>> {
        let header = |name: &str| request.headers().get(name).cloned();
        assert!(header("dhl-api-key").is_some_and(|key| key == "k" && key.is_sensitive()));
        let secret = header("dhl-api-hook-secret").map(|secret| {
            assert!(secret.is_sensitive());
            secret.to_str().unwrap().to_owned()
        });
        let body = String::from_utf8(request.body().to_vec()).unwrap();
        let call = (
            request.method().clone(),
            request.uri().to_string(),
            secret,
            body,
        );
        self.calls.lock().unwrap().push(call);
        let (status, body) = self.replies.lock().unwrap().pop().unwrap();
        Box::pin(async move { Ok(response(status, body)) })
    }
}

fn subscribe(
    adapter: &dyn Adapter,
    line: &Line,
    queries: &[Query],
    change: Subscription,
) -> Vec<Subscribed> {
    let ctx = Ctx {
        http: line,
        now: now(),
        within: Duration::from_secs(8),
    };
    let answers = pollster::block_on(adapter.subscribe(ctx, queries, change));
    assert_eq!(answers.len(), queries.len());
    answers
}

fn express(number: &str) -> Query {
    Query {
        format: "dhl_express".to_owned(),
        ..query(number)
    }
}

#[test]
fn a_subscription_is_made_activated_and_ended() {
    let adapter = hooked();
    let queries = [express("7001122332")];
    let base = SUBSCRIPTION.trim_end_matches("subscription/");
    let line = Line::new(&[(200, "[]"), (201, "{}")]);
    let made = subscribe(&*adapter, &line, &queries, Subscription::Start);
    let soon = now().checked_add(Duration::from_secs(60)).unwrap();
    assert!(made == [Ok(Some(soon))], "comes back for the handshake");
    let calls = line.calls();
    assert_eq!(calls[0].1, format!("{base}subscriptions"));
    assert_eq!(
        (&calls[1].0, &*calls[1].1),
        (&Method::POST, SUBSCRIPTION.trim_end_matches('/'))
    );
    let body: Value = serde_json::from_str(&calls[1].3).unwrap();
    let expected = serde_json::json!({
        "format": "Default",
        "type": "Shipment",
        "service": "express",
        "hook": {
            "uri": "https://waybill.example/push/dhl",
            "authentication": {
                "type": "ApiKeyAuthentication", "header": "x-hook-key", "token": TOKEN
            },
        },
        "events": ["Pre-Transit", "Transit", "Delivered", "Failure", "Unknown"],
        "shipmentIDs": ["7001122332"],
    });
    assert_eq!(body, expected);

    // DHL posts the secret, perhaps from an address that is not its own.
    let elsewhere = validate("s-71", "hush").replace("api-eu.dhl.com", "evil.example");
    assert!(posted(&*adapter, &elsewhere).is_ok());
    let known = r#"[{"id":"s-71","shipmentIDs":["7001122332"]},{"id":7}]"#;
    let line = Line::new(&[(204, ""), (200, known)]);
    let active = subscribe(&*adapter, &line, &queries, Subscription::Start);
    assert!(active == [Ok(None)]);
    let activation = &line.calls()[0];
    assert_eq!(activation.0, Method::POST);
    assert_eq!(activation.1, format!("{SUBSCRIPTION}s-71"));
    assert_eq!(activation.2.as_deref(), Some("hush"));
    // The secret is used once.
    let line = Line::new(&[(200, known)]);
    assert!(subscribe(&*adapter, &line, &queries, Subscription::Start) == [Ok(None)]);
    assert_eq!(line.calls().len(), 1);

    let line = Line::new(&[(200, known), (204, "")]);
    assert!(subscribe(&*adapter, &line, &queries, Subscription::Stop) == [Ok(None)]);
    let end = &line.calls()[1];
    assert_eq!(
        (&end.0, &*end.1),
        (&Method::DELETE, &*format!("{SUBSCRIPTION}s-71"))
    );
    let line = Line::new(&[(404, "")]);
    assert!(subscribe(&*adapter, &line, &queries, Subscription::Stop) == [Ok(None)]);
}

#[test]
fn each_number_fails_alone_and_a_lost_secret_is_not_lost() {
    let adapter = hooked();
    let queries = [express("7001122332"), query("71204"), express("7004455662")];
    let line = Line::new(&[(200, r#"{"subscriptions":[]}"#), (400, "{}"), (409, "")]);
    let answers = subscribe(&*adapter, &line, &queries, Subscription::Start);
    let kinds: Vec<_> = answers
        .iter()
        .map(|answer| answer.as_ref().map_err(|error| error.kind).copied())
        .collect();
    // Of the second nobody knows the division.
    assert!(
        kinds
            == [
                Err(ErrorKind::InvalidQuery),
                Err(ErrorKind::Unsupported),
                Ok(None)
            ]
    );
    line.calls();

    assert!(posted(&*adapter, &validate("s-72", "hush")).is_ok());
    let line = Line::new(&[(503, "")]);
    let answers = subscribe(&*adapter, &line, &queries, Subscription::Start);
    assert!(answers.iter().all(|answer| {
        answer
            .as_ref()
            .is_err_and(|error| error.kind == ErrorKind::Unavailable)
    }));
    let line = Line::new(&[(404, ""), (429, "{}")]);
    let answers = subscribe(&*adapter, &line, &queries, Subscription::Start);
    assert!(
        answers[0]
            .as_ref()
            .is_err_and(|error| error.kind == ErrorKind::Throttled)
    );
    assert_eq!(line.calls()[0].2.as_deref(), Some("hush"));

    // A subscription with other numbers is not ours to end.
    let shared = r#"[{"self":"/x/s-9","shipmentIDs":["7001122332","7009999999"]}]"#;
    let line = Line::new(&[(200, shared)]);
    let answers = subscribe(&*adapter, &line, &queries[..1], Subscription::Stop);
    assert!(
        answers[0]
            .as_ref()
            .is_err_and(|error| error.kind == ErrorKind::Unsupported)
    );
    for body in ["<html>", r#"[{"id":"1"#] {
        let line = Line::new(&[(200, body)]);
        let answers = subscribe(&*adapter, &line, &queries[..1], Subscription::Stop);
        assert!(
            answers[0]
                .as_ref()
                .is_err_and(|error| error.kind == ErrorKind::Malformed)
        );
    }
    let line = Line::new(&[]);
    let answers = subscribe(
        &*super::adapter(&[]),
        &line,
        &queries[..1],
        Subscription::Start,
    );
    assert!(
        answers[0]
            .as_ref()
            .is_err_and(|error| error.kind == ErrorKind::Unsupported)
    );
}

#[test]
fn settings_of_the_push_are_checked() {
    let refused = |pairs: &[(&'static str, &str)]| {
        let pairs = pairs.iter().map(|(key, value)| (*key, (*value).to_owned()));
        build(&Settings::new(pairs)).map(drop).unwrap_err()
    };
    let url = HOOK[0];
    assert!(refused(&[url]).contains("go together"));
    assert!(refused(&[("push_token", TOKEN)]).contains("go together"));
    assert!(refused(&[url, ("push_token", "short")]).contains("16"));
    let plain = ("push_url", "http://waybill.example/push");
    assert!(refused(&[plain, ("push_token", TOKEN)]).contains("https"));
    assert!(refused(&[url, ("push_token", TOKEN), ("push_header", "a b")]).contains("header"));
}
