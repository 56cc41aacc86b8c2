//! One attempt: its own time-out, its figures, and the adapter behind it.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, timeout_at};
use tower::ServiceExt;
use waybill_core::adapter::{
    Adapter, Answer, BoxFuture, Confidential, Ctx, Http, Limits, Registers,
};
use waybill_core::error::{Error, ErrorKind, Scope};

use super::health::Figures;
use super::purse::{Paying, Till};
use super::step::{Call, Failure, Next, Outcome, Reply, Step, later};
use super::{Asking, Names};
use crate::clock::Clock;
use crate::trace::{self, Kind, Trace};

/// The clock of one attempt.
///
/// tower's `Timeout` has one duration for all calls; here the caller's deadline counts as well.
#[derive(Clone)]
pub(super) struct Attempt {
    pub(super) names: Names,
    pub(super) figures: Arc<Figures>,
    pub(super) clock: Clock,
    pub(super) limits: Limits,
}

impl Step for Attempt {
    async fn around<N: Next>(self, call: Call, next: N) -> Outcome {
        let begun = Instant::now();
        if begun >= call.deadline {
            let message = "the deadline passed before the source was asked";
            return Err(Failure::unsent(ErrorKind::Timeout, message));
        }
        let cap = later(begun, self.limits.timeout);
        let until = cap.min(call.deadline);
        call.attempts.fetch_add(1, Ordering::Relaxed);
        let mut away = Away::new(&self);
        let parent = trace::current();
        let trace = parent.map_or_else(Trace::root, Trace::child);
        let start = self.clock.now();
        let work = trace::within(trace, next.oneshot(call));
        let result = timeout_at(until, work).await;
        let outcome = result.unwrap_or_else(|_| {
            let took = begun.elapsed();
            Err(Failure {
                error: Error::new(ErrorKind::Timeout, "the source did not answer in time"),
                took: Some(took),
                cut: until < cap && took < self.limits.slow,
            })
        });
        away.arrived = true;
        let name = self.record(&outcome);
        let failed = outcome
            .as_ref()
            .err()
            .map(|failure| failure.error.kind.as_str());
        let attributes = [
            ("waybill.source", self.names.source),
            ("waybill.account", &*self.names.account),
            ("waybill.outcome", name),
        ];
        trace.tell(parent, Kind::Client, "attempt", start, &attributes, failed);
        outcome
    }
}

impl Attempt {
    /// Counts an attempt, and says what became of it in a word.
    fn record(&self, outcome: &Outcome) -> &'static str {
        let source = self.names.source;
        let (took, failed, name) = match outcome {
            Ok(reply) => {
                // A batch with one shipment in it is a success.
                let found = reply.answers.iter().any(Result::is_ok);
                let error = reply
                    .answers
                    .iter()
                    .find_map(|answer| answer.as_ref().err());
                let name = error
                    .filter(|_| !found)
                    .map_or("ok", |error| error.kind.as_str());
                (reply.took, None, name)
            }
            Err(failure) => {
                let kind = failure.error.kind;
                (failure.took.unwrap_or_default(), Some(kind), kind.as_str())
            }
        };
        count(source, name);
        metrics::histogram!("waybill_carrier_attempt_seconds", "source" => source)
            .record(took.as_secs_f64());
        let cut = outcome.as_ref().err().is_some_and(|failure| failure.cut);
        if !cut {
            self.figures.record(took, failed, self.clock.now());
        }
        name
    }
}

/// An attempt that is out; a caller that goes away drops it.
struct Away<'a> {
    attempt: &'a Attempt,
    arrived: bool,
}

impl<'a> Away<'a> {
    fn new(attempt: &'a Attempt) -> Self {
        attempt.figures.leave();
        Self {
            attempt,
            arrived: false,
        }
    }
}

impl Drop for Away<'_> {
    fn drop(&mut self) {
        self.attempt.figures.back();
        if !self.arrived {
            count(self.attempt.names.source, "abandoned");
        }
    }
}

fn count(source: &'static str, outcome: &'static str) {
    metrics::counter!(
        "waybill_carrier_attempts_total", "source" => source, "outcome" => outcome
    )
    .increment(1);
}

/// The bottom of the stack: the adapter and what it may use.
#[derive(Clone)]
pub(super) struct Source {
    pub(super) adapter: Arc<dyn Adapter>,
    pub(super) http: Arc<dyn Http>,
    pub(super) clock: Clock,
    pub(super) timeout: Duration,
    pub(super) paying: Paying,
}

impl Source {
    pub(super) async fn fetch(self, call: Call) -> Outcome {
        let begun = Instant::now();
        let within = call.deadline.saturating_duration_since(begun);
        let counted = Counted {
            http: &*self.http,
            sent: AtomicU32::new(0),
            extra: &call.extra,
            raw: Mutex::default(),
            till: Till::of(&self.paying, call.priority),
        };
        let ctx = Ctx {
            http: &counted,
            now: self.clock.now(),
            within: within.min(self.timeout),
        };
        let mut renewals = Vec::new();
        let answers = match &call.asking {
            Asking::Numbers(queries) => self.adapter.fetch(ctx, queries).await,
            Asking::Order(query) => vec![self.adapter.look_up(ctx, query).await],
            Asking::Subscription(queries, change) => {
                let made = self.adapter.subscribe(ctx, queries, *change).await;
                renewals = made.iter().map(|made| *made.as_ref().ok()?).collect();
                made.into_iter()
                    .map(|made| made.map(|_| Vec::new()))
                    .collect()
            }
        };
        let raw = counted.raw.lock().map(|mut raw| std::mem::take(&mut *raw));
        let raw = raw.unwrap_or_default();
        drop(counted);
        let outcome = gather(answers, call.asking.count(), begun.elapsed());
        outcome.map(|reply| Reply {
            raw,
            renewals,
            ..reply
        })
    }
}

/// The way out, which counts and pays what leaves, and keeps what comes.
struct Counted<'a> {
    http: &'a dyn Http,
    sent: AtomicU32,
    extra: &'a AtomicU32,
    /// Bodies of the answers, but for those that hold a credential or no success.
    raw: Mutex<Vec<Bytes>>,
    till: Option<Till<'a>>,
}

impl Http for Counted<'_> {
    fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> BoxFuture<'_, Result<http::Response<Bytes>, Error>> {
        let registers = request.extensions().get::<Registers>();
        let till = self.till.as_ref().zip(registers);
        if let Some((till, Registers(numbers))) = till
            && let Err(error) = till.pay(*numbers)
        {
            return Box::pin(std::future::ready(Err(error)));
        }
        let till = till.map(|(till, Registers(numbers))| (till, *numbers));
        if self.sent.fetch_add(1, Ordering::Relaxed) > 0 {
            self.extra.fetch_add(1, Ordering::Relaxed);
        }
        let is_confidential = request.extensions().get::<Confidential>().is_some();
        Box::pin(async move {
            let response = self.http.send(request).await;
            let is_billed = match &response {
                Ok(response) => response.status().is_success(),
                Err(error) => error.spent,
            };
            if let Some((till, numbers)) = till.filter(|_| !is_billed) {
                till.give_back(numbers);
            }
            let response = response?;
            if response.status().is_success() && !is_confidential {
                let mut raw = self.raw.lock().unwrap_or_else(PoisonError::into_inner);
                raw.push(response.body().clone());
            }
            Ok(response)
        })
    }

    fn not_billed(&self, numbers: u32) {
        if let Some(till) = &self.till {
            till.give_back(numbers);
        }
    }
}

const fn reply(answers: Vec<Answer>, took: Duration) -> Reply {
    Reply {
        answers,
        took,
        raw: Vec::new(),
        renewals: Vec::new(),
    }
}

/// Makes one outcome of the answers: a failure of the whole call if every answer is a failure of
/// the source, of its quota or of ours.
fn gather(answers: Vec<Answer>, queries: usize, took: Duration) -> Outcome {
    let whole = |error| Failure {
        error,
        took: Some(took),
        cut: false,
    };
    if answers.len() != queries {
        let message = format!(
            "the adapter gave {} answers to {queries} queries",
            answers.len()
        );
        return Err(whole(Error::new(ErrorKind::Internal, message)));
    }
    let mut worst: Option<&Error> = None;
    let mut spent = false;
    for answer in &answers {
        match answer {
            Err(error) if !is_answer(error) => {
                spent |= error.spent;
                if worst.is_none_or(|worst| weight(error.kind) > weight(worst.kind)) {
                    worst = Some(error);
                }
            }
            _ => return Ok(reply(answers, took)),
        }
    }
    match worst {
        None => Ok(reply(answers, took)),
        Some(worst) => {
            let mut error = worst.clone();
            error.spent = spent;
            Err(whole(error))
        }
    }
}

/// Whether an error is about the query, so that the source has done its work.
pub(super) const fn is_answer(error: &Error) -> bool {
    matches!(error.scope, Scope::Query)
        || matches!(
            error.kind,
            ErrorKind::NotFound
                | ErrorKind::InvalidQuery
                | ErrorKind::HintRequired
                | ErrorKind::Unsupported
        )
}

/// Which of several failures stands for the call: the one that forbids most.
const fn weight(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::Throttled => 2,
        ErrorKind::Denied => 1,
        _ => 0,
    }
}
