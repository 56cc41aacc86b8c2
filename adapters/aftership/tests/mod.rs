//! Tests. The fixtures are ours: made-up numbers and places in the shapes of the documents. Beside
//! each stands what it is understood as.
#![allow(clippy::unwrap_used, clippy::panic)]

mod codes;
mod errors;
mod fetch;
mod fixtures;
mod mutation;
mod push;
mod subscribe;

use super::*;
use waybill_core::adapter::Report;

/// Settings as the registry fills them.
fn settings(more: &[(&'static str, &str)]) -> Settings {
    let defaults = DESCRIPTOR
        .settings
        .iter()
        .map(|setting| (setting.key, setting.default));
    let given = [("api_key", "s3cret-word"), ("webhook_secret", "new secret")];
    let pairs = defaults.chain(given).chain(more.iter().copied());
    Settings::new(pairs.map(|(key, value)| (key, value.to_owned())))
}

fn adapter(more: &[(&'static str, &str)]) -> AfterShip {
    AfterShip::new(&settings(more)).unwrap()
}

fn response(status: u16, body: &str) -> http::Response<Bytes> {
    let body = Bytes::copy_from_slice(body.as_bytes());
    http::Response::builder().status(status).body(body).unwrap()
}

/// What one answer with status 200 is understood as.
fn understood(body: &str) -> Answer {
    let mut answers = adapter(&[]).interpret(&[], &response(200, body), now());
    assert_eq!(answers.len(), 1);
    answers.remove(0)
}

fn now() -> Timestamp {
    "2026-03-05T12:00:00Z".parse().unwrap()
}

fn query(number: &str) -> Query {
    Query::of(waybill_core::number::TrackingNumber::parse(number).unwrap())
}

fn query_of(carrier: &str, number: &str) -> Query {
    Query {
        carrier: carrier.to_owned(),
        ..query(number)
    }
}

type Answers = dyn Fn(&http::Request<Bytes>) -> http::Response<Bytes> + Send + Sync;

/// A way out that answers by a function and remembers what it sent.
struct Script {
    sent: std::sync::Mutex<Vec<http::Request<Bytes>>>,
    answers: Box<Answers>,
}

impl Script {
    fn new(
        answers: impl Fn(&http::Request<Bytes>) -> http::Response<Bytes> + Send + Sync + 'static,
    ) -> Self {
        Self {
            sent: std::sync::Mutex::default(),
            answers: Box::new(answers),
        }
    }

    fn fetch(&self, adapter: &AfterShip, queries: &[Query]) -> Vec<Answer> {
        pollster::block_on(adapter.fetch(self.ctx(), queries))
    }

    fn subscribe(
        &self,
        adapter: &AfterShip,
        queries: &[Query],
        change: Subscription,
    ) -> Vec<Subscribed> {
        pollster::block_on(adapter.subscribe(self.ctx(), queries, change))
    }

    fn ctx(&self) -> Ctx<'_> {
        Ctx {
            http: self,
            now: now(),
            within: Duration::from_secs(20),
        }
    }

    /// Methods, paths with queries, and bodies so far.
    fn sent(&self) -> Vec<String> {
        let sent = self.sent.lock().unwrap();
        sent.iter().map(line).collect()
    }

    fn header(&self, at: usize, name: &str) -> Option<String> {
        let sent = self.sent.lock().unwrap();
        let value = sent[at].headers().get(name)?;
        Some(value.to_str().unwrap().to_owned())
    }
}

fn line(request: &http::Request<Bytes>) -> String {
    let resource = request.uri().path_and_query().unwrap().as_str();
    let resource = resource.strip_prefix("/tracking/2026-07/").unwrap();
    let body = std::str::from_utf8(request.body()).unwrap();
    format!("{} {resource} {body}", request.method())
        .trim()
        .to_owned()
}

impl waybill_core::adapter::Http for Script {
    fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> BoxFuture<'_, Result<http::Response<Bytes>, Error>> {
        let answer = (self.answers)(&request);
        self.sent.lock().unwrap().push(request);
        Box::pin(std::future::ready(Ok(answer)))
    }
}

/// A list of trackings.
fn page(trackings: &[String]) -> String {
    format!(
        r#"{{"meta":{{"code":200}},"data":{{"pagination":{{"total":1,"next_cursor":null,"has_next_page":false}},"trackings":[{}]}}}}"#,
        trackings.join(",")
    )
}

/// A tracking with one checkpoint.
fn moving(number: &str, slug: &str) -> String {
    format!(
        r#"{{"id":"id-{slug}","tracking_number":"{number}","slug":"{slug}","tag":"InTransit","subtag":"InTransit_001","checkpoints":[{{"slug":"{slug}","checkpoint_time":"2026-03-04T10:00:00+01:00","message":"On its way","subtag":"InTransit_001","tag":"InTransit"}}]}}"#
    )
}

fn refusal(code: u32, data: &str) -> String {
    format!(r#"{{"meta":{{"code":{code},"message":"no","type":"BadRequest"}},"data":{data}}}"#)
}

fn kinds(answers: &[Answer]) -> Vec<Result<usize, ErrorKind>> {
    let kind = |answer: &Answer| answer.as_ref().map(Vec::len).map_err(|error| error.kind);
    answers.iter().map(kind).collect()
}
