//! Tokens, paging and what is sent, over a scripted way out.

use std::collections::HashSet;
use std::sync::Mutex;
use std::task::Poll;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::join_all;
use waybill_core::adapter::Http;
use waybill_core::error::Retry;

use super::*;

const DELIVERED: &str = include_str!("../fixtures/delivered.json");
const REFUSED: &str = r#"{"response":{"errors":[{"code":"250002","message":"no"}]}}"#;

type Answers = dyn Fn(&http::Request<Bytes>) -> http::Response<Bytes> + Send + Sync;

/// A way out that answers by a function, after it has let others run, and remembers what it sent.
struct Script {
    sent: Mutex<Vec<http::Request<Bytes>>>,
    answers: Box<Answers>,
}

impl Script {
    fn new(
        answers: impl Fn(&http::Request<Bytes>) -> http::Response<Bytes> + Send + Sync + 'static,
    ) -> Self {
        Self {
            sent: Mutex::new(Vec::new()),
            answers: Box::new(answers),
        }
    }

    fn sent(&self) -> Vec<http::Request<Bytes>> {
        self.sent.lock().unwrap().clone()
    }

    fn tokens(&self) -> usize {
        self.sent()
            .iter()
            .filter(|request| is_token(request))
            .count()
    }

    fn fetch(&self, ups: &Ups, numbers: &[&str], now: Timestamp) -> Vec<Answer> {
        let queries: Vec<_> = numbers.iter().map(|number| query(number)).collect();
        pollster::block_on(ups.fetch(
            Ctx {
                http: self,
                now,
                within: std::time::Duration::from_secs(8),
            },
            &queries,
        ))
    }
}

impl Http for Script {
    fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> BoxFuture<'_, Result<http::Response<Bytes>, Error>> {
        let mut waited = false;
        Box::pin(async move {
            std::future::poll_fn(|task| {
                if std::mem::replace(&mut waited, true) {
                    return Poll::Ready(());
                }
                task.waker().wake_by_ref();
                Poll::Pending
            })
            .await;
            let answer = (self.answers)(&request);
            self.sent.lock().unwrap().push(request);
            Ok(answer)
        })
    }
}

fn is_token(request: &http::Request<Bytes>) -> bool {
    request.uri().path() == "/security/v1/oauth/token"
}

fn header<'a>(request: &'a http::Request<Bytes>, name: &str) -> &'a str {
    request
        .headers()
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}

/// Issues tokens named by a count and answers everything else with `body`.
fn issuing(lifetime: &'static str, body: &'static str) -> Script {
    let issued = AtomicU64::new(0);
    Script::new(move |request| {
        if is_token(request) {
            let count = issued.fetch_add(1, Ordering::Relaxed) + 1;
            return response(
                200,
                &format!(r#"{{"access_token":"t{count}","expires_in":{lifetime}}}"#),
            );
        }
        response(200, body)
    })
}

const NUMBER: &str = "1Z7W4A210300001015";

#[test]
fn a_call_is_what_the_documents_say() {
    let script = issuing("\"14399\"", DELIVERED);
    let ups = adapter(&[("merchant_id", "7W4A21"), ("locale", "de_DE")]);
    let answers = script.fetch(&ups, &[NUMBER], now());
    assert_eq!(answers[0].as_ref().unwrap()[0].language, "de-DE");
    let sent = script.sent();
    let [token, call] = sent.as_slice() else {
        panic!("a token and a call");
    };
    assert_eq!(token.method(), http::Method::POST);
    assert_eq!(
        token.uri(),
        "https://onlinetools.ups.com/security/v1/oauth/token"
    );
    let basic = format!("Basic {}", STANDARD.encode("app:s3cret-word"));
    assert_eq!(header(token, "authorization"), basic);
    assert_eq!(
        header(token, "content-type"),
        "application/x-www-form-urlencoded"
    );
    assert_eq!(header(token, "x-merchant-id"), "7W4A21");
    assert_eq!(token.body().as_ref(), b"grant_type=client_credentials");
    assert_eq!(call.method(), http::Method::GET);
    let uri = "https://onlinetools.ups.com/api/track/v1/details/1Z7W4A210300001015?locale=de_DE\
               &returnMilestones=true&returnSignature=false&returnPOD=false";
    assert_eq!(call.uri(), uri);
    assert_eq!(header(call, "authorization"), "Bearer t1");
    assert_eq!(header(call, "transactionSrc"), "waybill");
    for request in &sent {
        let printed = format!("{:?}", request.headers());
        assert!(
            !printed.contains("t1") && !printed.contains(&basic),
            "{printed}"
        );
    }
}

#[test]
fn the_environment_chooses_the_host() {
    for (key, value, host) in [
        ("environment", "sandbox", "wwwcie.ups.com"),
        ("base_url", "http://127.0.0.1:9/", "127.0.0.1"),
    ] {
        let script = issuing("60", DELIVERED);
        script.fetch(&adapter(&[(key, value)]), &[NUMBER], now());
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
fn request_ids_are_short_unique_and_say_nothing() {
    let script = issuing("14399", DELIVERED);
    let (one, two) = (adapter(&[]), adapter(&[]));
    for ups in [&one, &two] {
        script.fetch(ups, &[NUMBER, NUMBER, NUMBER], now());
    }
    let sent = script.sent();
    let calls = sent.iter().filter(|request| !is_token(request));
    let ids: Vec<_> = calls.map(|request| header(request, "transId")).collect();
    assert_eq!(ids.len(), 6);
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), 6);
    assert!(
        ids.iter()
            .all(|id| (1..=32).contains(&id.len()) && !id.contains("7W4A21"))
    );
}

#[test]
fn a_hundred_calls_at_once_share_one_token() {
    let script = issuing("14399", DELIVERED);
    let ups = adapter(&[]);
    let ctx = Ctx {
        http: &script,
        now: now(),
        within: std::time::Duration::from_secs(8),
    };
    let queries: Vec<_> = (0..100).map(|_| [query(NUMBER)]).collect();
    let answers = pollster::block_on(join_all(queries.iter().map(|query| ups.fetch(ctx, query))));
    assert!(answers.iter().flatten().all(|answer| answer.is_ok()));
    assert_eq!(script.tokens(), 1);
    assert_eq!(script.sent().len(), 101);
}

#[test]
fn a_hundred_calls_at_once_share_one_refusal() {
    let script = Script::new(|_| response(503, ""));
    let ups = adapter(&[]);
    let ctx = Ctx {
        http: &script,
        now: now(),
        within: std::time::Duration::from_secs(8),
    };
    let queries: Vec<_> = (0..100).map(|_| [query(NUMBER)]).collect();
    let answers = pollster::block_on(join_all(queries.iter().map(|query| ups.fetch(ctx, query))));
    let kinds = answers
        .iter()
        .flatten()
        .map(|answer| answer.as_ref().err().map(|e| e.kind));
    assert!(kinds.eq(std::iter::repeat_n(Some(ErrorKind::Unavailable), 100)));
    assert_eq!(script.sent().len(), 1);
    script.fetch(&ups, &[NUMBER], now());
    assert_eq!(script.sent().len(), 2, "the refusal is not remembered");
}

#[test]
fn a_token_is_kept_until_a_minute_before_its_end() {
    let script = issuing("14399", DELIVERED);
    let ups = adapter(&[]);
    for (seconds, tokens) in [(0, 1), (14_338, 1), (14_339, 2), (14_400, 2)] {
        let at = Timestamp::from_second(now().as_second() + seconds).unwrap();
        script.fetch(&ups, &[NUMBER], at);
        assert_eq!(script.tokens(), tokens, "after {seconds} s");
    }
}

#[test]
fn a_refused_token_is_renewed_once() {
    for code in ["250002", "251004", "UJ0001"] {
        let issued = AtomicU64::new(0);
        let script = Script::new(move |request| {
            if is_token(request) {
                let count = issued.fetch_add(1, Ordering::Relaxed);
                let body = format!(r#"{{"access_token":"t{count}","expires_in":"14399"}}"#);
                return response(200, &body);
            }
            match header(request, "authorization") {
                "Bearer t0" => response(401, &REFUSED.replace("250002", code)),
                _ => response(200, DELIVERED),
            }
        });
        let ups = adapter(&[]);
        let ctx = Ctx {
            http: &script,
            now: now(),
            within: std::time::Duration::from_secs(8),
        };
        let queries: Vec<_> = (0..20).map(|_| [query(NUMBER)]).collect();
        let all = join_all(queries.iter().map(|query| ups.fetch(ctx, query)));
        assert!(
            pollster::block_on(all)
                .iter()
                .flatten()
                .all(|answer| answer.is_ok())
        );
        assert_eq!(script.tokens(), 2, "{code}");
    }
}

#[test]
fn a_fresh_token_that_is_refused_is_the_end() {
    for (code, calls, tokens) in [("250002", 2, 2), ("250003", 1, 1)] {
        let script = Script::new(move |request| match is_token(request) {
            true => response(200, r#"{"access_token":"t","expires_in":14399}"#),
            false => response(401, &REFUSED.replace("250002", code)),
        });
        let answers = script.fetch(&adapter(&[]), &[NUMBER], now());
        let error = answers[0].as_ref().err().unwrap();
        assert_eq!((error.kind, error.retry), (ErrorKind::Denied, Retry::Never));
        assert_eq!(error.native_code, code);
        assert_eq!(script.tokens(), tokens);
        assert_eq!(script.sent().len(), tokens + calls);
    }
}

#[test]
fn no_token_no_call() {
    for (status, body, kind) in [
        (400, REFUSED, ErrorKind::Denied),
        (401, REFUSED, ErrorKind::Denied),
        (403, "", ErrorKind::Denied),
        (429, "", ErrorKind::Throttled),
        (500, "", ErrorKind::Unavailable),
        (404, "<html>", ErrorKind::Malformed),
        (200, "<html>", ErrorKind::Malformed),
        (200, r#"{"access_token":"t"}"#, ErrorKind::Malformed),
        (200, r#"{"expires_in":"14399"}"#, ErrorKind::Malformed),
        (
            200,
            r#"{"access_token":"a\nb","expires_in":1}"#,
            ErrorKind::Internal,
        ),
    ] {
        let script = Script::new(move |_| response(status, body));
        let answers = script.fetch(&adapter(&[]), &[NUMBER], now());
        let error = answers[0].as_ref().err().unwrap();
        assert_eq!(error.kind, kind, "{status} {body}");
        assert!(!error.to_string().contains("s3cret"), "{error}");
        assert_eq!(script.sent().len(), 1, "{status} {body}");
    }
}

#[test]
fn a_number_that_ups_cannot_have_is_not_sent() {
    let script = issuing("14399", DELIVERED);
    let long = "1".repeat(35);
    for answer in script.fetch(&adapter(&[]), &["1Z7W4A", &long], now()) {
        let error = answer.err().unwrap();
        assert_eq!((error.kind, error.spent), (ErrorKind::InvalidQuery, false));
    }
    assert!(script.sent().is_empty());
}

/// A shipment of `total` pieces that answers with `page` of them at a time and fails at `broken`.
fn shipment(total: usize, page: usize, broken: Option<usize>) -> Script {
    let package = move |at: usize| {
        format!(r#"{{"trackingNumber":"1Z7W4A2103{at:08}","packageCount":{total}}}"#)
    };
    let answer = move |packages: Vec<String>| {
        let packages = packages.join(",");
        let body = format!(
            r#"{{"trackResponse":{{"shipment":[{{"inquiryNumber":"1Z7W4A210300000000","package":[{packages}]}}]}}}}"#
        );
        response(200, &body)
    };
    Script::new(move |request| {
        if is_token(request) {
            return response(200, r#"{"access_token":"t","expires_in":14399}"#);
        }
        let Some(query) = request
            .uri()
            .query()
            .filter(|query| query.contains("offset="))
        else {
            return answer(vec![package(0)]);
        };
        let offset = query
            .split("offset=")
            .nth(1)
            .and_then(|rest| rest.split('&').next());
        let offset: usize = offset.unwrap().parse().unwrap();
        if broken == Some(offset) {
            return response(500, "");
        }
        answer((offset..total.min(offset + page)).map(package).collect())
    })
}

#[test]
fn the_other_pieces_of_a_shipment_are_fetched_in_pages() {
    let script = shipment(120, 50, None);
    let answers = script.fetch(&adapter(&[]), &["1Z7W4A210300000000"], now());
    let reports = answers[0].as_ref().unwrap();
    assert_eq!(reports.len(), 120);
    assert!(reports.iter().all(|report| report.facts.doubts.is_empty()));
    let sent = script.sent();
    let pages = sent
        .iter()
        .filter(|request| request.uri().path().contains("/shipment/details/"));
    let queries: Vec<_> = pages
        .map(|request| request.uri().query().unwrap_or(""))
        .collect();
    let expected = [
        "locale=en_US&offset=0&count=50",
        "locale=en_US&offset=50&count=50",
        "locale=en_US&offset=100&count=50",
    ];
    assert_eq!(queries, expected);
}

#[test]
fn pieces_that_cannot_be_fetched_are_a_doubt() {
    for (script, listed, calls) in [
        (shipment(120, 50, Some(50)), 50, 3),
        (shipment(5_000, 50, None), 1_000, 21),
        (shipment(120, 0, None), 1, 2),
    ] {
        let answers = script.fetch(&adapter(&[]), &["1Z7W4A210300000000"], now());
        let reports = answers[0].as_ref().unwrap();
        assert_eq!(reports.len(), listed);
        assert_eq!(script.sent().len() - script.tokens(), calls);
        let doubted = reports
            .iter()
            .filter(|report| !report.facts.doubts.is_empty());
        assert_eq!(doubted.count(), listed);
    }
}
