//! Tests. The fixtures are ours: made-up numbers and places in the shape of the v2.4 document.
//! Beside each stands what it is understood as.
#![allow(clippy::unwrap_used, clippy::panic)]

mod carriers;
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
    let given = [("api_key", "s3cret-word")];
    let pairs = defaults.chain(given).chain(more.iter().copied());
    Settings::new(pairs.map(|(key, value)| (key, value.to_owned())))
}

fn adapter(more: &[(&'static str, &str)]) -> Track17 {
    Track17::new(&settings(more)).unwrap()
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

type Answers = dyn Fn(&str, &str) -> http::Response<Bytes> + Send + Sync;

/// A way out that answers by a function and remembers what it sent.
struct Script {
    sent: std::sync::Mutex<Vec<http::Request<Bytes>>>,
    answers: Box<Answers>,
}

impl Script {
    /// `answers` is given the endpoint and the body.
    fn new(answers: impl Fn(&str, &str) -> http::Response<Bytes> + Send + Sync + 'static) -> Self {
        Self {
            sent: std::sync::Mutex::default(),
            answers: Box::new(answers),
        }
    }

    fn fetch(&self, adapter: &Track17, queries: &[Query]) -> Vec<Answer> {
        pollster::block_on(adapter.fetch(self.ctx(), queries))
    }

    fn subscribe(
        &self,
        adapter: &Track17,
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

    /// Endpoints and bodies so far.
    fn sent(&self) -> Vec<(String, String)> {
        let sent = self.sent.lock().unwrap();
        let read = |request: &http::Request<Bytes>| {
            let body = String::from_utf8(request.body().to_vec()).unwrap();
            (endpoint(request).to_owned(), body)
        };
        sent.iter().map(read).collect()
    }
}

fn endpoint(request: &http::Request<Bytes>) -> &str {
    request.uri().path().rsplit('/').next().unwrap()
}

impl waybill_core::adapter::Http for Script {
    fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> BoxFuture<'_, Result<http::Response<Bytes>, Error>> {
        let body = std::str::from_utf8(request.body()).unwrap();
        let answer = (self.answers)(endpoint(&request), body);
        self.sent.lock().unwrap().push(request);
        Box::pin(std::future::ready(Ok(answer)))
    }
}

/// An answer that refuses one number.
fn refusal(number: &str, code: i64) -> String {
    format!(
        r#"{{"code":0,"data":{{"accepted":[],"rejected":[{{"number":"{number}","error":{{"code":{code},"message":"{number}"}}}}]}}}}"#
    )
}

fn kinds(answers: &[Answer]) -> Vec<Result<usize, ErrorKind>> {
    let kind = |answer: &Answer| answer.as_ref().map(Vec::len).map_err(|error| error.kind);
    answers.iter().map(kind).collect()
}
