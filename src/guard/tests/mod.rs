//! The guard against a scripted source, in virtual time.

mod attempts;
mod breaker;
mod bulkhead;
mod hold;
mod outage;
mod purse;
mod quota;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use tokio::time::Instant;
use waybill_core::adapter::{Adapter, Answer, BoxFuture, Ctx, Http, Limits, Query, Report};
use waybill_core::error::{Error, ErrorKind, Retry};
use waybill_core::number::TrackingNumber;
use waybill_core::shipment::Facts;

use super::*;

const MILLI: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);

/// What the source does next.
#[derive(Clone)]
enum Say {
    Found,
    Fail(Error),
    /// One answer per query, or as many as there are.
    Each(Vec<Say>),
    Slowly(Duration, Box<Say>),
    /// Sends so many requests first.
    Sending(u32, Box<Say>),
    Hang,
}

impl Say {
    fn fail(kind: ErrorKind) -> Self {
        Self::Fail(Error::new(kind, "scripted"))
    }

    fn throttled(after: Duration) -> Self {
        let error = Error::new(ErrorKind::Throttled, "scripted");
        Self::Fail(error.with_retry(Retry::After(after)))
    }

    fn slowly(self, took: Duration) -> Self {
        Self::Slowly(took, Box::new(self))
    }

    fn one(&self) -> Answer {
        match self {
            Self::Found => Ok(vec![Report {
                number: number(),
                relays: "test".to_owned(),
                complete: true,
                language: "en".to_owned(),
                claims: Vec::new(),
                facts: Facts::default(),
            }]),
            Self::Fail(error) => Err(error.clone()),
            _ => panic!("not one answer"),
        }
    }
}

/// A source that follows a script and then keeps doing the same.
struct Fake {
    script: Mutex<VecDeque<Say>>,
    then: Mutex<Say>,
    asked_at: Mutex<Vec<Instant>>,
    here: AtomicU32,
    most: AtomicU32,
}

impl Fake {
    fn asked(&self) -> usize {
        self.asked_at.lock().unwrap().len()
    }

    fn then_always(&self, say: Say) {
        *self.then.lock().unwrap() = say;
    }
}

impl Adapter for Fake {
    fn fetch<'a>(&'a self, ctx: Ctx<'a>, queries: &'a [Query]) -> BoxFuture<'a, Vec<Answer>> {
        self.asked_at.lock().unwrap().push(Instant::now());
        let mut say = self.script.lock().unwrap().pop_front();
        let mut say = say
            .take()
            .unwrap_or_else(|| self.then.lock().unwrap().clone());
        let here = self.here.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(here, Ordering::SeqCst);
        let leaving = Leaving(&self.here);
        Box::pin(async move {
            let _leaving = leaving;
            loop {
                say = match say {
                    Say::Slowly(took, then) => {
                        tokio::time::sleep(took).await;
                        *then
                    }
                    Say::Sending(requests, then) => {
                        for _ in 0..requests {
                            let _unreachable = ctx.http.send(http::Request::default()).await;
                        }
                        *then
                    }
                    other => {
                        say = other;
                        break;
                    }
                };
            }
            match say {
                Say::Hang => std::future::pending().await,
                Say::Each(all) => all.iter().map(Say::one).collect(),
                one => queries.iter().map(|_| one.one()).collect(),
            }
        })
    }

    fn interpret(&self, _: &[Query], _: &http::Response<Bytes>, _: Timestamp) -> Vec<Answer> {
        Vec::new()
    }
}

struct Leaving<'a>(&'a AtomicU32);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

struct NoHttp;

impl Http for NoHttp {
    fn send(&self, _: http::Request<Bytes>) -> BoxFuture<'_, Result<http::Response<Bytes>, Error>> {
        Box::pin(async { Err(Error::new(ErrorKind::Unavailable, "no network in tests")) })
    }
}

/// A guard, its source and its clock.
struct Rig {
    guard: Guard,
    fake: Arc<Fake>,
    clock: Clock,
}

/// A source with room for everything.
const WIDE: Limits = Limits {
    batch: 10,
    per_second: 1_000_000.0,
    burst: 1_000_000,
    per_day: 0,
    timeout: Duration::from_secs(10),
    slow: Duration::from_secs(8),
    min_interval: Duration::ZERO,
};

/// Defaults, without retries.
fn once() -> Tuning {
    let mut tuning = Tuning::default();
    tuning.retry.attempts = std::num::NonZeroU32::MIN;
    tuning
}

/// Calls that cost so much, with a budget of their own and one for all sources.
fn purse(cost: &str, own: &str, all: &str) -> Purse {
    let ledger =
        |setting: &str, budget: &str| Ledger::new(setting.to_owned(), budget.parse().unwrap());
    let all = Arc::new(ledger("routing.daily_budget", all));
    let own = ledger("sources.test.daily_budget", own);
    Purse::new(cost.parse().unwrap(), own, all)
}

fn rig(limits: Limits, tuning: &Tuning, script: impl IntoIterator<Item = Say>) -> Rig {
    rig_with(purse("0", "", ""), limits, tuning, script)
}

fn rig_with(
    purse: Purse,
    limits: Limits,
    tuning: &Tuning,
    script: impl IntoIterator<Item = Say>,
) -> Rig {
    let fake = Arc::new(Fake {
        script: Mutex::new(script.into_iter().collect()),
        then: Mutex::new(Say::Found),
        asked_at: Mutex::default(),
        here: AtomicU32::new(0),
        most: AtomicU32::new(0),
    });
    let clock = Clock::manual("2026-03-01T22:00:00Z".parse().unwrap());
    let adapter: Arc<dyn Adapter> = Arc::clone(&fake) as _;
    let http = Arc::new(NoHttp);
    let account = Account {
        source: "test",
        name: "shop-a",
        limits,
        purse,
        nodes: None,
    };
    let guard = Guard::new(account, adapter, http, tuning, clock.clone());
    Rig { guard, fake, clock }
}

impl Rig {
    fn asking(&self, priority: Priority, within: Duration) -> Ask {
        Ask {
            asking: queries(1),
            deadline: Instant::now() + within,
            priority,
            share: Share::Full,
        }
    }

    /// An interactive call of one number.
    async fn ask(&self) -> Asked {
        self.guard
            .ask(self.asking(Priority::Interactive, 30 * SECOND))
            .await
    }

    async fn ask_in_background(&self, within: Duration) -> Asked {
        self.guard
            .ask(self.asking(Priority::Background, within))
            .await
    }

    async fn ask_degraded(&self) -> Asked {
        let mut ask = self.asking(Priority::Interactive, 30 * SECOND);
        ask.share = Share::Degraded;
        self.guard.ask(ask).await
    }

    /// Lets both clocks go on.
    async fn pass(&self, time: Duration) {
        self.clock.advance(time);
        tokio::time::advance(time).await;
    }

    fn source(&self) -> BreakerState {
        self.guard.health().source.state
    }

    fn credential(&self) -> BreakerState {
        self.guard.health().credential.state
    }

    /// Fails until the source's breaker trips.
    async fn trip(&self) {
        self.fake.then_always(Say::fail(ErrorKind::Unavailable));
        while self.source() == BreakerState::Passing {
            self.ask().await;
        }
        assert_eq!(self.source(), BreakerState::Tripped);
    }
}

impl Asked {
    fn error(&self) -> &Error {
        self.answers[0].as_ref().err().expect("a failure")
    }

    fn kind(&self) -> Option<ErrorKind> {
        self.answers[0].as_ref().err().map(|error| error.kind)
    }

    fn found(&self) -> bool {
        self.answers.iter().all(Result::is_ok)
    }

    /// Asserts that the call was refused here, and returns when to come back.
    fn refused(&self, kind: ErrorKind) -> Duration {
        let error = self.error();
        assert_eq!(error.kind, kind);
        assert!(!error.spent, "{error}");
        assert_eq!((self.attempts, self.latency), (0, None));
        match error.retry {
            Retry::After(wait) => wait,
            other => panic!("advice is {other:?}"),
        }
    }
}

fn number() -> TrackingNumber {
    TrackingNumber::parse("TEST0000001").unwrap()
}

fn queries(count: usize) -> Asking {
    Asking::Numbers(vec![Query::of(number()); count].into())
}

#[tokio::test(start_paused = true)]
async fn a_call_that_goes_well_says_what_it_took() {
    let rig = rig(WIDE, &Tuning::default(), [Say::Found.slowly(300 * MILLI)]);
    let asked = rig.ask().await;
    assert!(asked.found());
    assert_eq!(asked.attempts, 1);
    assert_eq!(asked.latency, Some(300 * MILLI));
}

#[tokio::test(start_paused = true)]
async fn a_batch_has_one_answer_per_query_and_no_more_queries_than_the_source_takes() {
    let missing = Say::fail(ErrorKind::NotFound);
    let script = [
        Say::Each(vec![Say::Found, missing]),
        Say::fail(ErrorKind::Malformed),
    ];
    let rig = rig(WIDE, &Tuning::default(), script);
    let ask = |count| Ask {
        asking: queries(count),
        ..rig.asking(Priority::Interactive, SECOND)
    };
    let mixed = rig.guard.ask(ask(2)).await.answers;
    assert!(mixed[0].is_ok());
    assert_eq!(mixed[1].as_ref().err().unwrap().kind, ErrorKind::NotFound);

    let failed = rig.guard.ask(ask(10)).await.answers;
    assert_eq!(failed.len(), 10);
    assert!(failed.iter().all(|answer| answer == &failed[0]));

    let over = rig.guard.ask(ask(11)).await;
    assert_eq!(over.answers.len(), 11);
    assert_eq!(over.kind(), Some(ErrorKind::Internal));
    assert_eq!(rig.guard.ask(ask(0)).await.answers.len(), 0);
    assert_eq!(rig.fake.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_adapter_that_miscounts_is_a_defect_and_not_a_panic() {
    let rig = rig(WIDE, &once(), [Say::Each(vec![Say::Found; 3])]);
    let asked = rig.ask().await;
    assert_eq!(asked.kind(), Some(ErrorKind::Internal));
    assert_eq!(rig.source(), BreakerState::Passing);
}

#[tokio::test(start_paused = true)]
async fn health_tells_the_last_five_minutes() {
    let script = [
        Say::Found.slowly(100 * MILLI),
        Say::fail(ErrorKind::NotFound).slowly(100 * MILLI),
        Say::Found.slowly(100 * MILLI),
        Say::fail(ErrorKind::Malformed).slowly(2 * SECOND),
    ];
    let rig = rig(WIDE, &once(), script);
    let fresh = rig.guard.health();
    assert_eq!((fresh.attempts, fresh.error_rate), (0, None));
    assert_eq!((fresh.latency_p50, fresh.last_success), (None, None));
    assert_eq!((fresh.quota_remaining, fresh.quota_reset), (1.0, None));
    for _ in 0..4 {
        rig.ask().await;
        rig.clock.advance(SECOND);
    }
    let health = rig.guard.health();
    assert_eq!((health.attempts, health.error_rate), (4, Some(0.25)));
    let near = |got: Option<Duration>, millis: f64| {
        let got = got.unwrap().as_secs_f64() * 1e3;
        assert!((got - millis).abs() <= millis * 0.01, "{got}");
    };
    near(health.latency_p50, 100.0);
    // With four calls the rank below 99 % is the third.
    near(health.latency_p99, 100.0);
    assert_eq!(
        health.last_success,
        Some("2026-03-01T22:00:02Z".parse().unwrap())
    );
    let failed_at = "2026-03-01T22:00:03Z".parse().unwrap();
    assert_eq!(health.last_failure, Some((failed_at, ErrorKind::Malformed)));

    rig.pass(331 * SECOND).await;
    let later = rig.guard.health();
    assert_eq!(
        (later.attempts, later.error_rate, later.latency_p50),
        (0, None, None)
    );
    assert_eq!(later.last_failure, health.last_failure);
}

#[test]
fn metrics_tell_what_happened() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    metrics::with_local_recorder(&recorder, || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let rig = rig(WIDE, &Tuning::default(), [Say::Found]);
            rig.ask().await;
            rig.trip().await;
            rig.ask().await;
            rig.pass(7 * SECOND).await;
            rig.fake.then_always(Say::Found);
            rig.ask().await;
        });
    });
    let text = handle.render();
    let label = r#"source="test",account="shop-a",breaker="source""#;
    for line in [
        r#"waybill_carrier_attempts_total{source="test",outcome="ok"} 2"#.to_owned(),
        r#"waybill_carrier_attempts_total{source="test",outcome="unavailable"} 5"#.to_owned(),
        r#"waybill_source_refusals_total{source="test",reason="tripped"} 1"#.to_owned(),
        r#"waybill_retries_total{source="test"} 4"#.to_owned(),
        format!(r#"waybill_breaker_state{{{label}}} 0"#),
        format!(r#"waybill_breaker_transitions_total{{{label},to="tripped"}} 1"#),
        format!(r#"waybill_breaker_transitions_total{{{label},to="probing"}} 1"#),
        format!(r#"waybill_breaker_transitions_total{{{label},to="passing"}} 1"#),
    ] {
        assert!(text.contains(&line), "{line} is not in\n{text}");
    }
    assert!(text.contains("waybill_carrier_attempt_seconds"), "{text}");
}
