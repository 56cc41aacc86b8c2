//! Tokens, batches, pieces and what is sent, over a scripted way out.

use std::collections::HashSet;
use std::sync::Mutex;
use std::task::Poll;

use futures_util::future::join_all;
use serde_json::{Value, json};
use waybill_core::adapter::Http;
use waybill_core::error::Retry;
use waybill_core::shipment::IdentifierKind;

use super::*;

const REFUSED: &str = r#"{"errors":[{"code":"NOT.AUTHORIZED.ERROR","message":"no"}]}"#;
const NUMBER: &str = "604100000005";

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

    /// Issues tokens named by a count and answers everything else by a function.
    fn issuing(
        answers: impl Fn(&http::Request<Bytes>) -> http::Response<Bytes> + Send + Sync + 'static,
    ) -> Self {
        let issued = AtomicU64::new(0);
        Self::new(move |request| {
            if is_token(request) {
                let count = issued.fetch_add(1, Ordering::Relaxed) + 1;
                let body = json!({ "access_token": format!("t{count}"), "expires_in": 3600 });
                return response(200, &body.to_string());
            }
            answers(request)
        })
    }

    fn sent(&self) -> Vec<http::Request<Bytes>> {
        self.sent.lock().unwrap().clone()
    }

    fn tokens(&self) -> usize {
        let sent = self.sent();
        sent.iter().filter(|request| is_token(request)).count()
    }

    /// Bodies of the calls to one endpoint.
    fn asked(&self, endpoint: &str) -> Vec<Value> {
        let sent = self.sent();
        let of = sent
            .iter()
            .filter(|request| request.uri().path() == format!("/track/v1/{endpoint}"));
        of.map(|request| serde_json::from_slice(request.body()).unwrap())
            .collect()
    }

    fn fetch(&self, fedex: &Fedex, queries: &[Query], now: Timestamp) -> Vec<Answer> {
        pollster::block_on(fedex.fetch(self.ctx(now), queries))
    }

    fn ctx(&self, now: Timestamp) -> Ctx<'_> {
        Ctx {
            http: self,
            now,
            within: Duration::from_secs(8),
        }
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
    request.uri().path() == "/oauth/token"
}

fn header<'a>(request: &'a http::Request<Bytes>, name: &str) -> &'a str {
    let value = request.headers().get(name);
    value.map_or("", |value| value.to_str().unwrap())
}

/// Numbers that a call asks for.
fn numbers(body: &Value) -> Vec<&str> {
    let infos = body["trackingInfo"].as_array().unwrap();
    infos
        .iter()
        .map(|info| {
            info["trackingNumberInfo"]["trackingNumber"]
                .as_str()
                .unwrap()
        })
        .collect()
}

/// Knows every number it is asked for.
fn known(request: &http::Request<Bytes>) -> http::Response<Bytes> {
    let body: Value = serde_json::from_slice(request.body()).unwrap();
    let entry = |number: &&str| {
        json!({ "trackingNumber": number, "trackResults": [{
            "latestStatusDetail": { "code": "PU" },
            "scanEvents": [{ "date": "2026-03-01T10:00:00-05:00", "eventType": "PU" }],
        }] })
    };
    let entries: Vec<Value> = numbers(&body).iter().rev().map(entry).collect();
    let body = json!({ "output": { "completeTrackResults": entries } });
    response(200, &body.to_string())
}

fn of(numbers: &[&str]) -> Vec<Query> {
    numbers.iter().map(|number| query(number)).collect()
}

#[test]
fn a_call_is_what_the_documents_say() {
    let script = Script::issuing(known);
    let fedex = adapter(&[("locale", "de_DE")]);
    let mut queries = of(&[NUMBER, "604100000016"]);
    queries[1].hints.ship_date = "2026-03-01".to_owned();
    let answers = script.fetch(&fedex, &queries, now());
    for (answer, query) in answers.iter().zip(&queries) {
        let report = &answer.as_ref().unwrap()[0];
        assert!(report.number == query.number, "by number, not by position");
        assert_eq!(report.language, "de-DE");
    }
    let sent = script.sent();
    let [token, call] = sent.as_slice() else {
        panic!("a token and a call");
    };
    assert_eq!(token.method(), http::Method::POST);
    assert_eq!(token.uri(), "https://apis.fedex.com/oauth/token");
    assert_eq!(
        header(token, "content-type"),
        "application/x-www-form-urlencoded"
    );
    let form = "grant_type=client_credentials&client_id=app&client_secret=s3cret%26word";
    assert_eq!(token.body().as_ref(), form.as_bytes());
    assert_eq!(call.method(), http::Method::POST);
    assert_eq!(
        call.uri(),
        "https://apis.fedex.com/track/v1/trackingnumbers"
    );
    assert_eq!(header(call, "authorization"), "Bearer t1");
    assert_eq!(header(call, "content-type"), "application/json");
    assert_eq!(header(call, "x-locale"), "de_DE");
    let body: Value = serde_json::from_slice(call.body()).unwrap();
    let expected = json!({ "includeDetailedScans": true, "trackingInfo": [
        { "trackingNumberInfo": { "trackingNumber": NUMBER } },
        { "shipDateBegin": "2026-02-28", "shipDateEnd": "2026-03-02",
          "trackingNumberInfo": { "trackingNumber": "604100000016" } },
    ] });
    assert_eq!(body, expected);
    for request in &sent {
        let printed = format!("{:?}", request.headers());
        assert!(!printed.contains("t1"), "{printed}");
    }
}

#[test]
fn a_child_has_credentials_of_its_own() {
    let script = Script::issuing(known);
    let fedex = adapter(&[
        ("grant_type", "csp_credentials"),
        ("child_key", "kid"),
        ("child_secret", "kid word"),
        ("environment", "sandbox"),
    ]);
    script.fetch(&fedex, &of(&[NUMBER]), now());
    let token = &script.sent()[0];
    assert_eq!(token.uri(), "https://apis-sandbox.fedex.com/oauth/token");
    let form = "grant_type=csp_credentials&client_id=app&client_secret=s3cret%26word\
                &child_Key=kid&child_secret=kid+word";
    assert_eq!(token.body().as_ref(), form.as_bytes());
}

#[test]
fn thirty_numbers_are_one_call() {
    let script = Script::issuing(known);
    let fedex = adapter(&[("base_url", "http://127.0.0.1:9/")]);
    let queries: Vec<Query> = (0..30).map(|n| query(&format!("6041000{n:05}"))).collect();
    let answers = script.fetch(&fedex, &queries, now());
    let own = answers.iter().zip(&queries).all(|(answer, query)| {
        let reports = answer.as_ref().unwrap();
        reports.len() == 1 && reports[0].number == query.number
    });
    assert!(own);
    assert_eq!(script.asked("trackingnumbers").len(), 1);
    assert_eq!(script.sent()[1].uri().host(), Some("127.0.0.1"));
    let limits = |batch| Limits {
        batch,
        ..DESCRIPTOR.limits
    };
    assert_eq!(
        [0, 7, 300].map(|batch| fedex.batch(&limits(batch))),
        [1, 7, 30]
    );
    assert!(script.fetch(&fedex, &[], now()).is_empty());
}

#[test]
fn a_barcode_is_asked_for_by_the_number_in_it() {
    let script = Script::issuing(known);
    let barcode = "1001921334250001000300779017972697";
    let queries = of(&[barcode, "779017972697"]);
    let answers = script.fetch(&adapter(&[]), &queries, now());
    let asked = script.asked("trackingnumbers");
    assert_eq!(numbers(&asked[0]), ["779017972697"], "once");
    let [long, short] = answers.as_slice() else {
        panic!("two answers");
    };
    let names = |answer: &Answer| {
        let report = &answer.as_ref().unwrap()[0];
        assert!(report.number.reveal() == "779017972697");
        let mut all = report.facts.identifiers.iter();
        all.any(|id| id.kind == IdentifierKind::Carrier && id.value.reveal() == barcode)
    };
    assert!(names(long));
    assert!(!names(short));
}

/// Refuses every batch that has a number ending in 9.
fn picky(code: &'static str) -> Script {
    Script::issuing(move |request| {
        let body: Value = serde_json::from_slice(request.body()).unwrap();
        if numbers(&body).iter().any(|number| number.ends_with('9')) {
            let body = json!({ "errors": [{ "code": code, "message": "no" }] });
            return response(400, &body.to_string());
        }
        known(request)
    })
}

#[test]
fn one_bad_number_fails_alone() {
    let script = picky("TRACKING.TRACKINGNUMBER.INVALID");
    let queries: Vec<Query> = (1..=30)
        .map(|n| query(&format!("60410{}", n * 7 + 3)))
        .collect();
    let bad = |query: &Query| query.number.reveal().ends_with('9');
    let count = queries.iter().filter(|query| bad(query)).count();
    assert_eq!(count, 3);
    let answers = script.fetch(&adapter(&[]), &queries, now());
    for (answer, query) in answers.iter().zip(&queries) {
        match answer {
            Ok(reports) => assert!(!bad(query) && reports[0].number == query.number),
            Err(error) => {
                assert!(bad(query));
                assert_eq!(error.kind, ErrorKind::InvalidQuery);
            }
        }
    }
    assert!(script.asked("trackingnumbers").len() <= 30, "by halves");
}

#[test]
fn a_fault_that_is_no_number_s_is_not_asked_again() {
    for code in ["TRACKING.LOCALE.INVALID", "CUSTOMER.USAGE.LOCKED"] {
        let script = picky(code);
        let answers = script.fetch(&adapter(&[]), &of(&[NUMBER, "604100000049"]), now());
        assert!(answers.iter().all(|answer| answer.is_err()));
        assert_eq!(script.asked("trackingnumbers").len(), 1, "{code}");
    }
}

const PIECE: &str = include_str!("../fixtures/piece.json");
const PIECES: &str = include_str!("../fixtures/pieces.json");

fn pieces(answer: &'static str, status: u16) -> Script {
    Script::issuing(move |request| match request.uri().path() {
        "/track/v1/associatedshipments" => response(status, answer),
        _ => response(200, PIECE),
    })
}

#[test]
fn the_other_pieces_of_a_consignment_are_fetched() {
    let script = pieces(PIECES, 200);
    let answers = script.fetch(&adapter(&[]), &of(&["604100000119"]), now());
    let reports = answers[0].as_ref().unwrap();
    let numbers: Vec<_> = reports
        .iter()
        .map(|report| report.number.reveal())
        .collect();
    assert_eq!(numbers, ["604100000119", "604100000108", "604100000120"]);
    assert!(reports.iter().all(|report| report.facts.doubts.is_empty()));
    let master = json!({ "includeDetailedScans": true, "associatedType": "STANDARD_MPS",
        "masterTrackingNumberInfo": { "trackingNumberInfo": {
            "trackingNumber": "604100000108",
            "carrierCode": "FDXE",
            "trackingNumberUniqueId": "24601~604100000108~FDEG",
        } },
    });
    assert_eq!(script.asked("associatedshipments"), [master]);
}

#[test]
fn pieces_of_one_consignment_cost_one_call() {
    let two = Script::issuing(|request| {
        let body = match request.uri().path() {
            "/track/v1/associatedshipments" => PIECES.to_owned(),
            _ => {
                let mut body: Value = serde_json::from_str(PIECES).unwrap();
                body["output"]["completeTrackResults"]
                    .as_array_mut()
                    .unwrap()
                    .pop();
                body.to_string()
            }
        };
        response(200, &body)
    });
    let queries = of(&["604100000108", "604100000119"]);
    let answers = two.fetch(&adapter(&[]), &queries, now());
    assert!(
        answers
            .iter()
            .all(|answer| answer.as_ref().unwrap().len() == 3)
    );
    assert_eq!(two.asked("associatedshipments").len(), 1);
}

#[test]
fn pieces_that_cannot_be_fetched_are_a_doubt() {
    for (answer, status) in [("", 500), (PIECE, 200), ("{", 200)] {
        let script = pieces(answer, status);
        let answers = script.fetch(&adapter(&[]), &of(&["604100000119"]), now());
        let report = &answers[0].as_ref().unwrap()[0];
        assert_eq!(
            report.facts.doubts,
            ["2 further pieces are not in the answer"]
        );
    }
    let script = pieces(PIECES, 200);
    let answers = script.fetch(
        &adapter(&[("pieces", "asked")]),
        &of(&["604100000119"]),
        now(),
    );
    assert_eq!(answers[0].as_ref().unwrap().len(), 1);
    assert!(script.asked("associatedshipments").is_empty());
}

#[test]
fn request_ids_are_short_unique_and_say_nothing() {
    let script = Script::issuing(known);
    let (one, two) = (adapter(&[]), adapter(&[]));
    for fedex in [&one, &two, &one] {
        script.fetch(fedex, &of(&[NUMBER]), now());
    }
    let sent = script.sent();
    let calls = sent.iter().filter(|request| !is_token(request));
    let ids: HashSet<_> = calls
        .map(|request| header(request, "x-customer-transaction-id"))
        .collect();
    assert_eq!(ids.len(), 3);
    assert!(ids.iter().all(|id| id.len() == 32));
}

#[test]
fn a_hundred_calls_at_once_share_one_token() {
    let script = Script::issuing(known);
    let fedex = adapter(&[]);
    let ctx = script.ctx(now());
    let queries: Vec<_> = (0..100).map(|_| [query(NUMBER)]).collect();
    let all = join_all(queries.iter().map(|query| fedex.fetch(ctx, query)));
    let answers = pollster::block_on(all);
    assert!(answers.iter().flatten().all(|answer| answer.is_ok()));
    assert_eq!((script.tokens(), script.sent().len()), (1, 101));
}

#[test]
fn a_token_is_kept_for_nine_tenths_of_its_life() {
    let script = Script::issuing(known);
    let fedex = adapter(&[]);
    for (seconds, tokens) in [(0, 1), (3_239, 1), (3_240, 2), (3_600, 2)] {
        let at = Timestamp::from_second(now().as_second() + seconds).unwrap();
        script.fetch(&fedex, &of(&[NUMBER]), at);
        assert_eq!(script.tokens(), tokens, "after {seconds} s");
    }
}

#[test]
fn a_refused_token_is_renewed_once() {
    let relogin = REFUSED.replace("NOT.AUTHORIZED.ERROR", "USER.RELOGIN.REQUIRED");
    for (status, body) in [
        (401, REFUSED.to_owned()),
        (401, String::new()),
        (400, relogin),
    ] {
        let script = Script::issuing(move |request| match header(request, "authorization") {
            "Bearer t1" => response(status, &body),
            _ => known(request),
        });
        let fedex = adapter(&[]);
        let ctx = script.ctx(now());
        let queries: Vec<_> = (0..20).map(|_| [query(NUMBER)]).collect();
        let all = join_all(queries.iter().map(|query| fedex.fetch(ctx, query)));
        let answers = pollster::block_on(all);
        assert!(answers.iter().flatten().all(|answer| answer.is_ok()));
        assert_eq!(script.tokens(), 2);
    }
    let script = Script::issuing(|_| response(401, REFUSED));
    let answers = script.fetch(&adapter(&[]), &of(&[NUMBER, "604100000016"]), now());
    for answer in &answers {
        let error = answer.as_ref().err().unwrap();
        assert_eq!((error.kind, error.retry), (ErrorKind::Denied, Retry::Never));
    }
    assert_eq!(
        (script.tokens(), script.sent().len()),
        (2, 4),
        "and no more"
    );
}

#[test]
fn no_token_no_call() {
    for (status, body, kind) in [
        (
            400,
            r#"{"errors":[{"code":"BAD.REQUEST.ERROR"}]}"#,
            ErrorKind::Denied,
        ),
        (401, REFUSED, ErrorKind::Denied),
        (403, "", ErrorKind::Denied),
        (429, "", ErrorKind::Throttled),
        (500, "", ErrorKind::Unavailable),
        (404, "<html>", ErrorKind::Malformed),
        (200, "<html>", ErrorKind::Malformed),
        (200, r#"{"access_token":"t"}"#, ErrorKind::Malformed),
        (200, r#"{"expires_in":3600}"#, ErrorKind::Malformed),
        (
            200,
            r#"{"access_token":"a\nb","expires_in":1}"#,
            ErrorKind::Internal,
        ),
    ] {
        let script = Script::new(move |_| response(status, body));
        let answers = script.fetch(&adapter(&[]), &of(&[NUMBER]), now());
        let error = answers[0].as_ref().err().unwrap();
        assert_eq!(error.kind, kind, "{status} {body}");
        assert!(!error.to_string().contains("s3cret"), "{error}");
        assert_eq!(script.sent().len(), 1, "{status} {body}");
    }
}

#[test]
fn refused_credentials_are_not_tried_again_for_minutes() {
    for (status, after) in [(401, [1, 1, 2]), (429, [1, 1, 2]), (503, [1, 2, 3])] {
        let script = Script::new(move |_| response(status, ""));
        let fedex = adapter(&[]);
        let sent: Vec<usize> = [0, 119, 120]
            .map(|seconds| {
                let at = Timestamp::from_second(now().as_second() + seconds).unwrap();
                let answers = script.fetch(&fedex, &of(&[NUMBER]), at);
                let error = answers[0].as_ref().err().unwrap();
                assert_eq!(error.spent, status == 503 || seconds != 119);
                script.sent().len()
            })
            .to_vec();
        assert_eq!(sent, after, "{status}");
    }
}
