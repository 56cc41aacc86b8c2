//! How the source is asked.

use std::sync::Mutex;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use waybill_core::adapter::Http;

use super::*;

/// Answers requests from a list and keeps what was asked.
struct Script {
    replies: Mutex<Vec<Result<Response<Bytes>, Error>>>,
    asked: Mutex<Vec<String>>,
}

impl Script {
    fn new(replies: Vec<Result<Response<Bytes>, Error>>) -> Self {
        Self {
            replies: Mutex::new(replies.into_iter().rev().collect()),
            asked: Mutex::default(),
        }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Http for Script {
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, Error>> {
        let authorization = &request.headers()["authorization"];
        let expected = format!("Basic {}", STANDARD.encode("app:s3cret"));
        assert!(authorization.is_sensitive() && *authorization == *expected);
        assert_eq!(request.headers()["accept-language"], "eng");
        self.asked.lock().unwrap().push(request.uri().to_string());
        let reply = self.replies.lock().unwrap().pop().unwrap();
        Box::pin(async move { reply })
    }
}

fn fetch(adapter: &Express, http: &Script, queries: &[Query]) -> Vec<Answer> {
    let ctx = Ctx {
        http,
        now: now(),
        within: Duration::from_secs(8),
    };
    let answers = pollster::block_on(adapter.fetch(ctx, queries));
    assert_eq!(answers.len(), queries.len());
    answers
}

fn counts(answers: Vec<Answer>) -> Vec<Result<usize, ErrorKind>> {
    let count = |answer: Answer| answer.map(|found| found.len()).map_err(|error| error.kind);
    answers.into_iter().map(count).collect()
}

/// Shipments of one checkpoint each.
fn shipments(numbers: &[&str]) -> Result<Response<Bytes>, Error> {
    let one = |number: &&str| {
        format!(
            r#"{{"shipmentTrackingNumber":"{number}","events":[{{"date":"2026-03-02","typeCode":"PU"}}]}}"#
        )
    };
    let all: Vec<String> = numbers.iter().map(one).collect();
    Ok(response(
        200,
        format!(r#"{{"shipments":[{}]}}"#, all.join(",")),
    ))
}

const VIEW: &str = "trackingView=all-checkpoints-with-remarks&levelOfDetail=all";

#[test]
fn one_waybill_is_asked_for_with_offsets() {
    let http = Script::new(vec![Ok(response(
        200,
        include_str!("../fixtures/delivered.json"),
    ))]);
    let answers = fetch(&adapter(&[]), &http, &[query("7002003116")]);
    assert_eq!(counts(answers), [Ok(1)]);
    let base = "https://express.api.dhl.com/mydhlapi/shipments/7002003116/tracking";
    assert_eq!(
        http.asked(),
        [format!("{base}?{VIEW}&requestGMTOffsetPerEvent=true")]
    );
    let most = |adapter: &Express| Adapter::batch(adapter, &DESCRIPTOR.limits);
    assert_eq!(most(&adapter(&[])), 1);
    assert_eq!(most(&adapter(&[("batch", "200")])), 200);
}

#[test]
fn many_are_one_call_and_each_gets_its_own() {
    let http = Script::new(vec![
        Ok(response(200, include_str!("../fixtures/batch.json"))),
        Ok(response(200, include_str!("../fixtures/batch.json"))),
    ]);
    let numbers = [
        "7002004321",
        "7002004435",
        "JJD014600000000001401",
        "7002009999",
        "RX123456785DE",
        "7002004321",
    ];
    let all = adapter(&[("batch", "200"), ("environment", "test")]);
    let answers = fetch(&all, &http, &numbers.map(query));
    let piece = answers[2].as_ref().map_err(|error| error.kind).unwrap();
    let named = |report: &&waybill_core::adapter::Report| report.number.reveal() == "7002004542";
    let piece = piece.iter().find(named).unwrap();
    let mut known = piece.facts.identifiers.iter().map(|id| id.value.reveal());
    assert!(known.any(|number| number == numbers[2]), "found as asked");
    let missing = Err(ErrorKind::NotFound);
    let refused = Err(ErrorKind::InvalidQuery);
    // What nobody of a call asked for goes to its first.
    assert_eq!(
        counts(answers),
        [Ok(2), missing, Ok(2), missing, refused, Ok(1)]
    );
    let base = "https://express.api.dhl.com/mydhlapi/test/tracking";
    let [one, two, three] = [numbers[0], numbers[1], numbers[3]];
    assert_eq!(
        http.asked(),
        [
            format!(
                "{base}?{VIEW}&shipmentTrackingNumber={one}&shipmentTrackingNumber={two}\
                 &shipmentTrackingNumber={three}"
            ),
            format!("{base}?{VIEW}&pieceTrackingNumber={}", numbers[2]),
        ]
    );
}

#[test]
fn one_bad_number_fails_alone() {
    let refusal = || {
        Ok(response(
            400,
            include_str!("../fixtures/error_400_number.json"),
        ))
    };
    let names = ["7002004321", "7002004435", "7002004542"];
    let http = Script::new(vec![
        refusal(),
        shipments(&names[..1]),
        refusal(),
        refusal(),
        shipments(&names[2..]),
    ]);
    let all = adapter(&[("batch", "200")]);
    let answers = counts(fetch(&all, &http, &names.map(query)));
    assert_eq!(answers, [Ok(1), Err(ErrorKind::InvalidQuery), Ok(1)]);
    // Another refusal, wrong credentials and a lost connection are about all.
    for reply in [
        Ok(response(400, include_str!("../fixtures/error_400.json"))),
        Ok(response(401, "")),
        Ok(response(404, include_str!("../fixtures/error_404.json"))),
        Err(Error::new(ErrorKind::Timeout, "slow")),
    ] {
        let http = Script::new(vec![reply]);
        let answers = counts(fetch(&all, &http, &names.map(query)));
        assert!(answers[0].is_err() && answers.iter().all(|one| *one == answers[0]));
    }
}

#[test]
fn settings_are_checked() {
    for (key, value, word) in [
        ("environment", "staging", "environment"),
        ("base_url", "http://api.example/track", "https"),
        ("base_url", "not an address", "base_url"),
        ("batch", "0", "batch"),
        ("batch", "201", "batch"),
        ("batch", "many", "batch"),
        ("username", "a:b", "colon"),
    ] {
        let refused = Express::new(&settings(&[(key, value)])).map(drop);
        assert!(refused.unwrap_err().contains(word), "{key}");
    }
    adapter(&[("base_url", "http://127.0.0.1:8080/mydhlapi/")]);
    assert!(build(&settings(&[])).is_ok());
}
