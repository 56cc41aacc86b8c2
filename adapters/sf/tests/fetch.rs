//! What is sent, and how tokens and batches are handled, over a scripted way out.

use std::collections::HashSet;
use std::sync::Mutex;

use futures_util::future::join_all;
use waybill_core::adapter::Http;
use waybill_core::error::Retry;

use super::*;

type Answers = dyn Fn(&Sent) -> http::Response<Bytes> + Send + Sync;

/// A request with its form read.
#[derive(Clone)]
struct Sent {
    uri: String,
    media: String,
    form: Vec<(String, String)>,
}

impl Sent {
    fn of(request: &http::Request<Bytes>) -> Self {
        assert_eq!(request.method(), http::Method::POST);
        let media = request.headers()[CONTENT_TYPE].to_str().unwrap();
        Self {
            uri: request.uri().to_string(),
            media: media.to_owned(),
            form: form_urlencoded::parse(request.body())
                .into_owned()
                .collect(),
        }
    }

    fn get(&self, key: &str) -> &str {
        let found = self.form.iter().find(|(name, _)| name == key);
        found.map_or("", |(_, value)| value)
    }

    fn is_token(&self) -> bool {
        self.uri.ends_with("/oauth2/accessToken")
    }

    fn numbers(&self) -> Vec<String> {
        let message: serde_json::Value = serde_json::from_str(self.get("msgData")).unwrap();
        serde_json::from_value(message["trackingNumber"].clone()).unwrap()
    }
}

/// A way out that answers by a function and remembers what was sent.
struct Script {
    sent: Mutex<Vec<Sent>>,
    answers: Box<Answers>,
}

impl Script {
    fn new(answers: impl Fn(&Sent) -> http::Response<Bytes> + Send + Sync + 'static) -> Self {
        Self {
            sent: Mutex::new(Vec::new()),
            answers: Box::new(answers),
        }
    }

    fn sent(&self) -> Vec<Sent> {
        self.sent.lock().unwrap().clone()
    }

    fn ctx(&self, now: Timestamp) -> Ctx<'_> {
        Ctx {
            http: self,
            now,
            within: Duration::from_secs(8),
        }
    }

    fn fetch(&self, sf: &Sf, queries: &[Query]) -> Vec<Answer> {
        pollster::block_on(sf.fetch(self.ctx(now()), queries))
    }
}

impl Http for Script {
    fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> BoxFuture<'_, Result<http::Response<Bytes>, Error>> {
        let sent = Sent::of(&request);
        let answer = (self.answers)(&sent);
        self.sent.lock().unwrap().push(sent);
        let mut waited = false;
        Box::pin(async move {
            std::future::poll_fn(|task| {
                if std::mem::replace(&mut waited, true) {
                    return std::task::Poll::Ready(());
                }
                task.waker().wake_by_ref();
                std::task::Poll::Pending
            })
            .await;
            Ok(answer)
        })
    }
}

/// Routes for each number, one event each.
fn routes(numbers: &[String]) -> http::Response<Bytes> {
    let waybill = |number: &String| {
        serde_json::json!({"mailNo": number, "routes": [
            {"opCode": "50", "acceptTime": "2026-03-02 09:00:00", "acceptAddress": "深圳"}]})
    };
    let inner = serde_json::json!({"success": true, "errorCode": "S0000",
        "msgData": {"routeResps": numbers.iter().map(waybill).collect::<Vec<_>>()}});
    let body = serde_json::json!({"apiResultCode": "A1000", "apiResultData": inner.to_string()});
    response(200, &body.to_string())
}

fn refused(code: &str) -> http::Response<Bytes> {
    let inner = format!(r#"{{"success":false,"errorCode":"{code}"}}"#);
    let body = serde_json::json!({"apiResultCode": "A1000", "apiResultData": inner});
    response(200, &body.to_string())
}

fn answering() -> Script {
    Script::new(|sent| routes(&sent.numbers()))
}

fn kinds(answers: &[Answer]) -> Vec<Option<ErrorKind>> {
    let kind = |answer: &Answer| answer.as_ref().err().map(|error| error.kind);
    answers.iter().map(kind).collect()
}

#[test]
fn a_call_is_what_the_documents_say() {
    let script = answering();
    let queries = [with_phone("SF1234567890123", "5678")];
    let at = Timestamp::from_millisecond(1_708_235_379_205).unwrap();
    let answers = pollster::block_on(adapter(&[]).fetch(script.ctx(at), &queries));
    assert_eq!(answers[0].as_ref().unwrap().len(), 1);
    let [call] = script.sent().try_into().ok().unwrap();
    assert_eq!(call.uri, "https://sfapi.sf-express.com/std/service");
    assert_eq!(
        call.media,
        "application/x-www-form-urlencoded;charset=UTF-8"
    );
    assert_eq!(call.get("partnerID"), "WAYBILLTEST");
    assert_eq!(call.get("serviceCode"), "EXP_RECE_SEARCH_ROUTES");
    assert_eq!(call.get("timestamp"), "1708235379205");
    let message = r#"{"language":"zh-CN","trackingType":"1","trackingNumber":["SF1234567890123"],"methodType":"1","checkPhoneNo":"5678"}"#;
    assert_eq!(call.get("msgData"), message);
    assert_eq!(call.get("msgDigest"), "NGwlHxm1hKvghIEJZgqKig==");
    assert_eq!(call.get("accessToken"), "");
    assert_eq!(call.form.len(), 6);
}

#[test]
fn the_environment_chooses_the_host() {
    for (key, value, uri) in [
        (
            "environment",
            "hong-kong",
            "https://sfapi-hk.sf-express.com/std/service",
        ),
        (
            "environment",
            "sandbox",
            "https://sfapi-sbox.sf-express.com/std/service",
        ),
        (
            "base_url",
            "http://127.0.0.1:9/",
            "http://127.0.0.1:9/std/service",
        ),
    ] {
        let script = answering();
        let sf = adapter(&[(key, value), ("language", "en")]);
        let answers = script.fetch(&sf, &[query("SF7700000000011")]);
        assert_eq!(answers[0].as_ref().unwrap()[0].language, "en");
        let call = &script.sent()[0];
        assert_eq!(call.uri, uri);
        assert!(call.get("msgData").contains(r#""language":"en""#));
        assert!(!call.get("msgData").contains("checkPhoneNo"));
    }
}

#[test]
fn request_ids_are_short_unique_and_say_nothing() {
    let script = answering();
    for sf in [adapter(&[]), adapter(&[])] {
        for _ in 0..3 {
            script.fetch(&sf, &[query("SF7700000000011")]);
        }
    }
    let sent = script.sent();
    let ids: HashSet<_> = sent.iter().map(|call| call.get("requestID")).collect();
    assert_eq!(ids.len(), 6);
    assert!(ids.iter().all(|id| id.len() == 36 && !id.contains("77000")));
}

#[test]
fn ten_numbers_go_in_a_call_and_one_telephone_number() {
    let script = answering();
    let phone = |at: usize| if at.is_multiple_of(3) { "1111" } else { "" };
    let name = |at: usize| format!("SF77000000{at:05}");
    let queries: Vec<_> = (0..25).map(|at| with_phone(&name(at), phone(at))).collect();
    let answers = script.fetch(&adapter(&[]), &queries);
    for (query, answer) in queries.iter().zip(&answers) {
        let reports = answer.as_ref().unwrap();
        assert!(reports.len() == 1 && reports[0].number == query.number);
    }
    let sizes: Vec<_> = script
        .sent()
        .iter()
        .map(|call| call.numbers().len())
        .collect();
    assert_eq!(sizes, [9, 10, 6]);
    let with_digits = script.sent()[0].get("msgData").contains("1111");
    assert!(with_digits);
}

#[test]
fn a_number_asked_twice_is_sent_once() {
    let script = answering();
    let queries = [query("SF7700000000011"), query("SF7700000000011")];
    let answers = script.fetch(&adapter(&[]), &queries);
    assert_eq!(kinds(&answers), [None, None]);
    assert_eq!(script.sent()[0].numbers().len(), 1);
}

#[test]
fn a_bad_number_fails_alone() {
    for code in ["8247", "8191", "8018", "6150"] {
        let script = Script::new(move |sent| {
            let numbers = sent.numbers();
            match numbers.iter().any(|number| number.ends_with("666")) {
                true => refused(code),
                false => routes(&numbers),
            }
        });
        let queries = [
            query("SF7700000000011"),
            query("SF7700000000666"),
            query("SF7700000000022"),
        ];
        let answers = script.fetch(&adapter(&[]), &queries);
        let found = kinds(&answers);
        assert!(found[0].is_none() && found[1].is_some() && found[2].is_none());
        assert_eq!(script.sent().len(), 4);
    }
}

#[test]
fn a_failure_of_all_is_not_asked_again() {
    for (body, kind) in [
        (r#"{"apiResultCode":"A1005"}"#, ErrorKind::Throttled),
        (r#"{"apiResultCode":"A1006"}"#, ErrorKind::Denied),
        (r#"{"apiResultCode":"A1099"}"#, ErrorKind::Unavailable),
        ("<html>", ErrorKind::Malformed),
    ] {
        let script = Script::new(move |_| response(200, body));
        let queries = [query("SF7700000000011"), query("SF7700000000022")];
        let answers = script.fetch(&adapter(&[]), &queries);
        assert_eq!(kinds(&answers), [Some(kind), Some(kind)]);
        assert_eq!(script.sent().len(), 1);
    }
}

#[test]
fn asking_one_by_one_ends_with_a_failure_of_all() {
    let script = Script::new(|sent| match sent.numbers().as_slice() {
        [number] if number.ends_with("11") => routes(&sent.numbers()),
        [_] => response(200, r#"{"apiResultCode":"A1005"}"#),
        _ => refused("8247"),
    });
    let queries = [
        query("SF7700000000011"),
        query("SF7700000000022"),
        query("SF7700000000033"),
    ];
    let answers = script.fetch(&adapter(&[]), &queries);
    let throttled = Some(ErrorKind::Throttled);
    assert_eq!(kinds(&answers), [None, throttled, throttled]);
    let spent = |answer: &Answer| answer.as_ref().err().map(|error| error.spent);
    assert_eq!(spent(&answers[1]), Some(true));
    assert_eq!(spent(&answers[2]), Some(false));
    assert_eq!(script.sent().len(), 3);
}

#[test]
fn a_number_that_the_answer_omits_is_not_found() {
    let script = Script::new(|sent| routes(&sent.numbers()[..1]));
    let queries = [query("SF7700000000011"), query("SF7700000000022")];
    let answers = script.fetch(&adapter(&[]), &queries);
    assert_eq!(kinds(&answers), [None, Some(ErrorKind::NotFound)]);
}

#[test]
fn what_cannot_be_asked_is_not_sent() {
    let script = answering();
    let queries = [
        with_phone("SF7700000000022", "+8613900000001"),
        query("SF7700000000033"),
    ];
    let answers = script.fetch(&adapter(&[]), &queries);
    assert_eq!(kinds(&answers), [Some(ErrorKind::InvalidQuery), None]);
    assert!(answers[0].as_ref().err().is_some_and(|e| !e.spent));
    assert_eq!(script.sent().len(), 1);
}

/// Issues tokens named by a count; a call with a token in `old` is refused as too old.
fn issuing(old: &'static [&'static str]) -> Script {
    let issued = AtomicU64::new(0);
    Script::new(move |sent| {
        if sent.is_token() {
            let count = issued.fetch_add(1, Ordering::Relaxed) + 1;
            let body = format!(r#"{{"apiResultCode":"A1000","accessToken":"t{count}"}}"#);
            return response(200, &body);
        }
        match old.contains(&sent.get("accessToken")) {
            true => response(200, r#"{"apiResultCode":"A1002"}"#),
            false => routes(&sent.numbers()),
        }
    })
}

fn tokens(script: &Script) -> usize {
    script.sent().iter().filter(|sent| sent.is_token()).count()
}

#[test]
fn a_token_can_stand_in_for_the_digest() {
    let script = issuing(&[]);
    let sf = adapter(&[("auth", "oauth")]);
    assert_eq!(
        kinds(&script.fetch(&sf, &[query("SF7700000000011")])),
        [None]
    );
    let [token, call] = script.sent().try_into().ok().unwrap();
    assert_eq!(token.uri, "https://sfapi.sf-express.com/oauth2/accessToken");
    let form = [
        ("partnerID", "WAYBILLTEST"),
        ("secret", "waybillCheckWord0000000000000001"),
        ("grantType", "password"),
    ];
    let form = form.map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(token.form, form);
    assert_eq!(call.get("accessToken"), "t1");
    assert_eq!(call.get("msgDigest"), "");
}

#[test]
fn a_token_is_kept_until_a_minute_before_its_end() {
    let script = issuing(&[]);
    let sf = adapter(&[("auth", "oauth")]);
    for (seconds, count) in [(0, 1), (7_139, 1), (7_140, 2), (7_200, 2)] {
        let at = Timestamp::from_second(now().as_second() + seconds).unwrap();
        let queries = [query("SF7700000000011")];
        pollster::block_on(sf.fetch(script.ctx(at), &queries));
        assert_eq!(tokens(&script), count, "after {seconds} s");
    }
}

#[test]
fn an_expired_token_is_renewed_once_for_all() {
    let script = issuing(&["t1"]);
    let sf = adapter(&[("auth", "oauth")]);
    let queries: Vec<_> = (0..20).map(|_| [query("SF7700000000011")]).collect();
    let ctx = script.ctx(now());
    let all = pollster::block_on(join_all(queries.iter().map(|query| sf.fetch(ctx, query))));
    assert!(all.iter().flatten().all(|answer| answer.is_ok()));
    assert_eq!(tokens(&script), 2);
}

#[test]
fn a_fresh_token_that_is_refused_is_the_end() {
    let script = issuing(&["t1", "t2", "t3"]);
    let answers = script.fetch(&adapter(&[("auth", "oauth")]), &[query("SF7700000000011")]);
    let error = answers[0].as_ref().err().unwrap();
    assert_eq!((error.kind, error.retry), (ErrorKind::Denied, Retry::Never));
    assert_eq!(error.native_code, "A1002");
    assert_eq!((tokens(&script), script.sent().len()), (2, 4));
}

#[test]
fn no_token_no_call() {
    for (status, body, kind) in [
        (200, r#"{"apiResultCode":"A1001"}"#, ErrorKind::Denied),
        (200, r#"{"apiResultCode":"A1006"}"#, ErrorKind::Denied),
        (200, r#"{"apiResultCode":"A1005"}"#, ErrorKind::Throttled),
        (200, r#"{"apiResultCode":"A1000"}"#, ErrorKind::Malformed),
        (200, r#"{"accessToken":"t"}"#, ErrorKind::Malformed),
        (200, "<html>", ErrorKind::Malformed),
        (401, "", ErrorKind::Denied),
        (500, "", ErrorKind::Unavailable),
    ] {
        let script = Script::new(move |_| response(status, body));
        let answers = script.fetch(&adapter(&[("auth", "oauth")]), &[query("SF7700000000011")]);
        let error = answers[0].as_ref().err().unwrap();
        assert_eq!(error.kind, kind, "{status} {body}");
        assert!(!error.to_string().contains("CheckWord"), "{error}");
        assert_eq!(script.sent().len(), 1, "{status} {body}");
    }
}

#[test]
fn a_subscription_registers_the_waybill() {
    let script = Script::new(|sent| match sent.get("msgData").contains("666") {
        true => refused("8247"),
        false => response(200, include_str!("../fixtures/registered.json")),
    });
    let queries = [
        with_phone("SF7700000000011", "5678"),
        query("SF7700000000666"),
    ];
    let sf = adapter(&[]);
    let ctx = script.ctx(now());
    let started = pollster::block_on(sf.subscribe(ctx, &queries, Subscription::Start));
    assert_eq!(started[0], Ok(None), "it never has to be renewed");
    let error = started[1].as_ref().err().unwrap();
    assert_eq!(
        (error.kind, error.native_code.as_str()),
        (ErrorKind::NotFound, "8247")
    );
    let call = &script.sent()[0];
    assert_eq!(call.get("serviceCode"), "EXP_RECE_REGISTER_ROUTE");
    let message = r#"{"attributeNo":"SF7700000000011","type":"2","checkPhoneNo":"5678","language":"zh-CN","country":"CN"}"#;
    assert_eq!(call.get("msgData"), message);
    let stopped = pollster::block_on(sf.subscribe(ctx, &queries, Subscription::Stop));
    for answer in stopped {
        let error = answer.err().unwrap();
        assert_eq!((error.kind, error.spent), (ErrorKind::Unsupported, false));
    }
    assert_eq!(script.sent().len(), 2);
}
