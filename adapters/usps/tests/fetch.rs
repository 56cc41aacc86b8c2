//! Tokens, batches and what is sent, over a scripted way out.

use futures_util::future::join_all;
use waybill_core::adapter::Hints;
use waybill_core::privacy::Pii;

use super::*;

const NUMBER: &str = "9400770000000000000001";
const DELIVERED: &str = include_str!("../fixtures/delivered.json");

/// Answers a batch with one accepted item per number.
fn accepting(request: &http::Request<Bytes>) -> http::Response<Bytes> {
    let asked = json(request);
    let items: Vec<_> = asked
        .as_array()
        .unwrap()
        .iter()
        .map(|ask| serde_json::json!({"trackingNumber": ask["trackingNumber"], "status": "Accepted"}))
        .collect();
    response(200, &serde_json::Value::from(items).to_string())
}

#[test]
fn a_call_of_v3_is_what_the_documents_say() {
    let script = Script::issuing(|_| response(200, DELIVERED));
    let usps = adapter(&[("api", "v3")]);
    let hinted = Query {
        hints: Hints {
            postal_code: Pii::new("80237-1234".to_owned()),
            ship_date: "2026-03-02".to_owned(),
            ..Hints::default()
        },
        ..query(NUMBER)
    };
    let odd = Query {
        hints: Hints {
            postal_code: Pii::new("K1A 0B1".to_owned()),
            ship_date: "yesterday".to_owned(),
            ..Hints::default()
        },
        ..query(NUMBER)
    };
    let answers = script.fetch(&usps, &[hinted, odd]);
    assert_eq!(counts(&answers), [Ok(1), Ok(1)]);
    let sent = script.sent();
    let [token, first, second] = sent.as_slice() else {
        panic!("a token and two calls");
    };
    assert_eq!(token.uri(), "https://apis.usps.com/oauth2/v3/token");
    assert_eq!(header(token, "content-type"), "application/json");
    assert_eq!(
        json(token),
        serde_json::json!({
            "client_id": "app",
            "client_secret": "s3cret-word",
            "grant_type": "client_credentials",
            "scope": "tracking",
        })
    );
    assert_eq!(
        first.uri(),
        "https://apis.usps.com/tracking/v3/tracking/9400770000000000000001\
         ?expand=DETAIL&destinationZIPCode=80237&mailingDate=2026-03-02"
    );
    assert_eq!(
        second.uri(),
        "https://apis.usps.com/tracking/v3/tracking/9400770000000000000001?expand=DETAIL"
    );
    assert_eq!(header(first, "authorization"), "Bearer t1");
    for request in &sent {
        let printed = format!("{:?}", request.headers());
        assert!(!printed.contains("t1"), "{printed}");
    }
}

#[test]
fn a_call_of_v3r2_holds_35_numbers_and_nothing_else() {
    let script = Script::issuing(accepting);
    let usps = adapter(&[]);
    let mut queries: Vec<_> = (0..40)
        .map(|at| query(&format!("94007700000000001{at:05}")))
        .collect();
    queries[1].hints.postal_code = Pii::new("80237".to_owned());
    queries[1].hints.ship_date = "2026-03-02".to_owned();
    queries[7] = query("1234567");
    let answers = script.fetch(&usps, &queries);
    for (at, answer) in answers.iter().enumerate() {
        if at == 7 {
            let error = answer.as_ref().err().unwrap();
            assert_eq!((error.kind, error.spent), (ErrorKind::InvalidQuery, false));
        } else {
            assert!(answer.as_ref().unwrap()[0].number == queries[at].number);
        }
    }
    let calls = script.calls();
    let sizes: Vec<_> = calls
        .iter()
        .map(|call| json(call).as_array().unwrap().len())
        .collect();
    assert_eq!(sizes, [35, 4]);
    assert_eq!(calls[0].method(), http::Method::POST);
    assert_eq!(
        calls[0].uri(),
        "https://apis.usps.com/tracking/v3r2/tracking"
    );
    let asked = json(&calls[0]);
    assert_eq!(
        asked[1],
        serde_json::json!({
            "trackingNumber": "9400770000000000100001",
            "destinationZIPCode": "80237",
            "mailingDate": "2026-03-02",
        })
    );
    assert_eq!(
        asked[0],
        serde_json::json!({"trackingNumber": "9400770000000000100000"})
    );
}

#[test]
fn the_version_decides_the_batch() {
    let limits = |batch| Limits {
        batch,
        ..DESCRIPTOR.limits
    };
    assert_eq!(adapter(&[("api", "v3")]).batch(&limits(35)), 1);
    let newer = adapter(&[]);
    assert_eq!(newer.batch(&limits(35)), 35);
    assert_eq!(newer.batch(&limits(10)), 10);
    assert_eq!(newer.batch(&limits(100)), 35);
    assert_eq!(newer.batch(&limits(0)), 1);
}

#[test]
fn the_environment_chooses_the_host() {
    for (key, value, host) in [
        ("environment", "test", "apis-tem.usps.com"),
        ("base_url", "http://127.0.0.1:9/", "127.0.0.1"),
    ] {
        let script = Script::issuing(accepting);
        script.fetch(&adapter(&[(key, value)]), &[query(NUMBER)]);
        let hosts = script.sent();
        assert_eq!(hosts.len(), 2);
        assert!(
            hosts
                .iter()
                .all(|request| request.uri().host() == Some(host))
        );
    }
}

#[test]
fn many_calls_at_once_share_one_token() {
    let script = Script::issuing(accepting);
    let usps = adapter(&[]);
    let queries: Vec<_> = (0..50).map(|_| [query(NUMBER)]).collect();
    let all = join_all(
        queries
            .iter()
            .map(|query| usps.fetch(script.ctx(now()), query)),
    );
    assert!(
        pollster::block_on(all)
            .iter()
            .flatten()
            .all(|answer| answer.is_ok())
    );
    assert_eq!((script.tokens(), script.calls().len()), (1, 50));
}

#[test]
fn a_token_is_kept_until_a_minute_before_its_end() {
    let script = Script::issuing(accepting);
    let usps = adapter(&[]);
    for (seconds, tokens) in [(0, 1), (28_738, 1), (28_739, 2)] {
        let at = Timestamp::from_second(now().as_second() + seconds).unwrap();
        pollster::block_on(usps.fetch(script.ctx(at), &[query(NUMBER)]));
        assert_eq!(script.tokens(), tokens, "after {seconds} s");
    }
}

#[test]
fn a_refused_token_is_renewed_once() {
    let refused = include_str!("../fixtures/error_scope.json");
    let script = Script::issuing(move |request| match header(request, "authorization") {
        "Bearer t1" => response(401, refused),
        _ => accepting(request),
    });
    let usps = adapter(&[]);
    let queries: Vec<_> = (0..20).map(|_| [query(NUMBER)]).collect();
    let all = join_all(
        queries
            .iter()
            .map(|query| usps.fetch(script.ctx(now()), query)),
    );
    assert!(
        pollster::block_on(all)
            .iter()
            .flatten()
            .all(|answer| answer.is_ok())
    );
    assert_eq!(script.tokens(), 2);
    let script = Script::issuing(move |_| response(401, refused));
    let answers = script.fetch(&adapter(&[("api", "v3")]), &[query(NUMBER)]);
    assert_eq!(counts(&answers), [Err(ErrorKind::Denied)]);
    assert_eq!((script.tokens(), script.calls().len()), (2, 2));
}

#[test]
fn no_token_no_call() {
    let oauth = include_str!("../fixtures/error_oauth.json");
    for (status, body, kind) in [
        (400, oauth, ErrorKind::Denied),
        (400, r#"{"error":"invalid_scope"}"#, ErrorKind::Denied),
        (401, oauth, ErrorKind::Denied),
        (403, "", ErrorKind::Denied),
        (429, "", ErrorKind::Throttled),
        (500, "", ErrorKind::Unavailable),
        (404, "<html>", ErrorKind::Malformed),
        (200, "<html>", ErrorKind::Malformed),
        (200, "[]", ErrorKind::Malformed),
        (200, r#"{"access_token":"t"}"#, ErrorKind::Malformed),
        (200, r#"{"expires_in":"28799"}"#, ErrorKind::Malformed),
        (
            200,
            r#"{"access_token":"a\nb","expires_in":90}"#,
            ErrorKind::Internal,
        ),
    ] {
        let script = Script::new(move |_| response(status, body));
        let answers = script.fetch(&adapter(&[]), &[query(NUMBER), query(NUMBER)]);
        assert_eq!(counts(&answers), [Err(kind), Err(kind)], "{status} {body}");
        let error = answers[0].as_ref().err().unwrap();
        assert!(!error.to_string().contains("s3cret"), "{error}");
        assert_eq!(script.calls().len(), 0, "{status} {body}");
    }
}
