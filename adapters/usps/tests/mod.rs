//! Tests. The fixtures are ours: made-up numbers, names and places in the shape of the Tracking
//! document. Beside each stands what it is understood as.
#![allow(clippy::unwrap_used)]

mod clock;
mod codes;
mod errors;
mod fetch;
mod fixtures;
mod mutation;
mod push;
mod subscription;

use std::sync::Mutex;
use std::task::Poll;

use waybill_core::adapter::{Http, Report};

use super::*;

/// Settings as the registry fills them.
fn settings(more: &[(&'static str, &str)]) -> Settings {
    let defaults = DESCRIPTOR
        .settings
        .iter()
        .map(|setting| (setting.key, setting.default));
    let given = [("client_id", "app"), ("client_secret", "s3cret-word")];
    let pairs = defaults.chain(given).chain(more.iter().copied());
    Settings::new(pairs.map(|(key, value)| (key, value.to_owned())))
}

fn adapter(more: &[(&'static str, &str)]) -> Usps {
    Usps::new(&settings(more)).unwrap()
}

fn response(status: u16, body: &str) -> http::Response<Bytes> {
    let body = Bytes::copy_from_slice(body.as_bytes());
    http::Response::builder().status(status).body(body).unwrap()
}

fn query(number: &str) -> Query {
    Query::of(TrackingNumber::parse(number).unwrap())
}

/// What one answer with status 200 is understood as.
fn understood(body: &str) -> Answer {
    let mut answers = adapter(&[]).interpret(&[], &response(200, body), now());
    assert_eq!(answers.len(), 1);
    answers.remove(0)
}

fn now() -> Timestamp {
    "2026-03-05T20:00:00Z".parse().unwrap()
}

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

    /// Gives out tokens and answers everything else by a function.
    fn issuing(
        answers: impl Fn(&http::Request<Bytes>) -> http::Response<Bytes> + Send + Sync + 'static,
    ) -> Self {
        let issued = std::sync::atomic::AtomicU32::new(0);
        Self::new(move |request| {
            if !is_token(request) {
                return answers(request);
            }
            let count = issued.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
            let body = format!(r#"{{"access_token":"t{count}","expires_in":"28799"}}"#);
            response(200, &body)
        })
    }

    fn sent(&self) -> Vec<http::Request<Bytes>> {
        self.sent.lock().unwrap().clone()
    }

    fn calls(&self) -> Vec<http::Request<Bytes>> {
        let mut calls = self.sent();
        calls.retain(|request| !is_token(request));
        calls
    }

    fn tokens(&self) -> usize {
        self.sent().len() - self.calls().len()
    }

    fn ctx(&self, now: Timestamp) -> Ctx<'_> {
        Ctx {
            http: self,
            now,
            within: Duration::from_secs(8),
        }
    }

    fn fetch(&self, usps: &Usps, queries: &[Query]) -> Vec<Answer> {
        pollster::block_on(usps.fetch(self.ctx(now()), queries))
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
    request.uri().path() == "/oauth2/v3/token"
}

fn header<'a>(request: &'a http::Request<Bytes>, name: &str) -> &'a str {
    request
        .headers()
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}

fn json(request: &http::Request<Bytes>) -> serde_json::Value {
    serde_json::from_slice(request.body()).unwrap()
}

/// What came of each query: how many reports, or the kind of its failure.
fn counts(answers: &[Answer]) -> Vec<Result<usize, ErrorKind>> {
    let count = |answer: &Answer| answer.as_ref().map(Vec::len).map_err(|error| error.kind);
    answers.iter().map(count).collect()
}
