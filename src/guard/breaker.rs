//! The breaker: leaves a source alone that fails, and finds out when it is back.
//!
//! It is a value with a clock and no knowledge of sources, numbers or errors: what an outcome
//! means for it is a function that it is given. A guard has two, one for the source and one for
//! our credentials.
//!
//! **Invariant:** a tripped breaker always has a way back. Once its time has passed it lets one
//! probe through; a probe that ends without a verdict or is given up makes room for the next.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::Instant;
use tower::ServiceExt;
use waybill_core::error::{ErrorKind, Retry};

use super::step::{Call, Failure, Next, Outcome, Step, later};
use super::tuning::BreakerTuning;
use super::{Names, Priority, lock};

/// Advice while a probe is out: nobody knows how long it will take.
const PROBE_UNDER_WAY: Duration = Duration::from_secs(1);
/// Buckets of the sliding window.
const BUCKETS: usize = 10;
/// Width of a bucket in seconds; ten make the window of 30 seconds.
const BUCKET_SECONDS: u64 = 3;

/// Whether calls get through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// Everybody does.
    Passing,
    /// Nobody does until the next probe is due.
    Tripped,
    /// One call is out to see whether the source is back.
    Probing,
}

impl BreakerState {
    /// Name in logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Passing => "passing",
            Self::Tripped => "tripped",
            Self::Probing => "probing",
        }
    }
}

/// What an outcome says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Answered,
    Failed,
    /// Nothing about what the breaker watches.
    Nothing,
}

/// When to trip and for how long.
#[derive(Clone)]
pub(super) struct Rules {
    consecutive: u32,
    min_calls: u64,
    failed_percent: u64,
    slow_percent: u64,
    slow: Duration,
    base: Duration,
    max: Duration,
}

impl Rules {
    /// Rules for the source: `slow` is what a slow call takes.
    pub(super) fn of_source(tuning: &BreakerTuning, slow: Duration) -> Self {
        Self {
            consecutive: tuning.consecutive.get(),
            min_calls: u64::from(tuning.min_calls.max(1)),
            failed_percent: u64::from(tuning.failed_percent.max(1)),
            slow_percent: u64::from(tuning.slow_percent.max(1)),
            slow,
            base: tuning.base,
            max: tuning.max,
        }
    }

    /// Rules for our credentials, which are never slow.
    pub(super) fn of_credential(tuning: &BreakerTuning) -> Self {
        Self {
            consecutive: tuning.denials.get(),
            ..Self::of_source(tuning, Duration::MAX)
        }
    }
}

/// What a breaker is for.
#[derive(Clone, Copy)]
pub(super) struct Subject {
    /// Name in logs and metrics.
    pub(super) name: &'static str,
    /// Reads an outcome.
    pub(super) judge: fn(&Outcome) -> Verdict,
    /// What a refused caller is told.
    pub(super) refusal: (ErrorKind, &'static str),
}

/// What an operator has a breaker do for a while, whatever the source does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Calls get through; else none does.
    pub passing: bool,
    /// When the breaker decides for itself again.
    pub until: Instant,
}

/// One breaker; clones share its state.
#[derive(Clone)]
pub(super) struct Breaker(Arc<Shared>);

struct Shared {
    names: Names,
    subject: Subject,
    rules: Rules,
    epoch: Instant,
    /// The generation while passing and 0 otherwise: all that a call reads when all is well.
    /// Ends of calls take the lock, for the few additions of the window.
    passing: AtomicU64,
    inner: Mutex<Inner>,
}

#[derive(Clone)]
struct Inner {
    /// An operator's word, which goes before all that follows.
    hold: Option<Hold>,
    /// Grows with each trip and each recovery. What a call of an earlier generation has to say
    /// is about a time that is over, and counts for nothing.
    generation: u64,
    phase: Phase,
    /// Trips since the last recovery.
    trips: u32,
    consecutive: u32,
    window: [Bucket; BUCKETS],
}

#[derive(Clone, Copy)]
enum Phase {
    Passing,
    Tripped { until: Instant },
    Probing,
}

#[derive(Clone, Copy, Default)]
struct Bucket {
    number: u64,
    calls: u64,
    failed: u64,
    slow: u64,
}

impl Breaker {
    pub(super) fn new(names: Names, subject: Subject, rules: Rules) -> Self {
        let breaker = Self(Arc::new(Shared {
            names,
            subject,
            rules,
            epoch: Instant::now(),
            passing: AtomicU64::new(1),
            inner: Mutex::new(Inner {
                hold: None,
                generation: 1,
                phase: Phase::Passing,
                trips: 0,
                consecutive: 0,
                window: [Bucket::default(); BUCKETS],
            }),
        }));
        breaker.0.show(BreakerState::Passing);
        breaker
    }

    /// The breaker that takes the place of `before` when its rules change: it stands as that one
    /// does. Calls that left before say nothing to it.
    pub(super) fn after(names: Names, subject: Subject, rules: Rules, before: &Self) -> Self {
        let breaker = Self::new(names, subject, rules);
        let shared = &breaker.0;
        {
            let mut inner = lock(&shared.inner);
            *inner = lock(&before.0.inner).clone();
            inner.generation += 1;
            inner.window = [Bucket::default(); BUCKETS];
            if matches!(inner.phase, Phase::Probing) {
                // Its probe reports to the breaker before.
                inner.phase = Phase::Tripped {
                    until: Instant::now(),
                };
            }
            shared.open(&inner);
            shared.show(inner.state());
        }
        breaker
    }

    /// State, and when the next probe is due, or an operator's word ends, if it is tripped.
    pub(super) fn state(&self) -> (BreakerState, Option<Instant>) {
        let mut inner = lock(&self.0.inner);
        self.0.release(&mut inner);
        let due = match (inner.hold, inner.phase) {
            (Some(hold), _) if !hold.passing => Some(hold.until),
            (None, Phase::Tripped { until }) => Some(until),
            _ => None,
        };
        (inner.state(), due)
    }

    /// An operator's word, if there is one.
    pub(super) fn hold(&self) -> Option<Hold> {
        let mut inner = lock(&self.0.inner);
        self.0.release(&mut inner);
        inner.hold
    }

    /// Has the breaker do what an operator says, or decide for itself again.
    pub(super) fn set_hold(&self, hold: Option<Hold>) {
        let mut inner = lock(&self.0.inner);
        inner.hold = hold;
        self.0.release(&mut inner);
        self.0.open(&inner);
        self.0.moved(inner.state());
    }

    /// Lets a call through or says how long not to come back.
    pub(super) fn admit(&self) -> Result<Permit, Duration> {
        let permit = |generation, probe| Permit {
            breaker: Arc::clone(&self.0),
            generation,
            probe,
        };
        let generation = self.0.passing.load(Ordering::Acquire);
        if generation != 0 {
            return Ok(permit(generation, false));
        }
        let mut inner = lock(&self.0.inner);
        self.0.release(&mut inner);
        if let Some(hold) = inner.hold {
            // Nothing that happens meanwhile counts: no call is of this generation.
            let left = hold.until.saturating_duration_since(Instant::now());
            return hold.passing.then(|| permit(0, false)).ok_or(left);
        }
        match inner.phase {
            Phase::Passing => Ok(permit(inner.generation, false)),
            Phase::Probing => Err(PROBE_UNDER_WAY),
            Phase::Tripped { until } => {
                let left = until.saturating_duration_since(Instant::now());
                if !left.is_zero() {
                    return Err(left);
                }
                inner.phase = Phase::Probing;
                self.0.moved(BreakerState::Probing);
                Ok(permit(inner.generation, true))
            }
        }
    }
}

impl Step for Breaker {
    async fn around<N: Next>(self, mut call: Call, next: N) -> Outcome {
        let permit = self.admit().map_err(|left| {
            let (kind, message) = self.0.subject.refusal;
            let mut failure = Failure::unsent(kind, message);
            failure.error.retry = Retry::After(left);
            failure
        })?;
        if permit.probe {
            // Everybody else is refused meanwhile, so a probe does not wait long for the quota.
            call.priority = Priority::Interactive;
        }
        let outcome = next.oneshot(call).await;
        let took = match &outcome {
            Ok(reply) => Some(reply.took),
            Err(failure) => failure.took,
        };
        permit.settle((self.0.subject.judge)(&outcome), took.unwrap_or_default());
        outcome
    }
}

/// The right to ask. Dropped without a verdict (the caller went away), it counts for nothing; the
/// place of a probe becomes free.
pub(super) struct Permit {
    breaker: Arc<Shared>,
    generation: u64,
    /// It is the probe, and has not ended.
    pub(super) probe: bool,
}

impl Permit {
    pub(super) fn settle(mut self, verdict: Verdict, took: Duration) {
        if verdict == Verdict::Nothing {
            return;
        }
        let probe = std::mem::take(&mut self.probe);
        let shared = &self.breaker;
        let mut inner = lock(&shared.inner);
        if inner.generation != self.generation {
            return;
        }
        if probe {
            match verdict {
                Verdict::Answered => shared.recover(&mut inner),
                _ => shared.trip(&mut inner, "probe failed"),
            }
            return;
        }
        let bucket = shared.bucket(&mut inner);
        bucket.calls += 1;
        bucket.slow += u64::from(took >= shared.rules.slow);
        if verdict == Verdict::Failed {
            bucket.failed += 1;
            inner.consecutive = inner.consecutive.saturating_add(1);
        } else {
            inner.consecutive = 0;
        }
        if let Some(why) = shared.verdict(&inner) {
            shared.trip(&mut inner, why);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if !self.probe {
            return;
        }
        let mut inner = lock(&self.breaker.inner);
        if inner.generation != self.generation {
            return;
        }
        inner.phase = Phase::Tripped {
            until: Instant::now(),
        };
        self.breaker.moved(inner.state());
    }
}

impl Inner {
    /// What callers see.
    fn state(&self) -> BreakerState {
        match (self.hold, self.phase) {
            (Some(hold), _) if hold.passing => BreakerState::Passing,
            (Some(_), _) => BreakerState::Tripped,
            (None, Phase::Passing) => BreakerState::Passing,
            (None, Phase::Tripped { .. }) => BreakerState::Tripped,
            (None, Phase::Probing) => BreakerState::Probing,
        }
    }
}

impl Shared {
    /// Ends an operator's word whose time is over.
    fn release(&self, inner: &mut Inner) {
        if inner.hold.is_some_and(|hold| hold.until <= Instant::now()) {
            inner.hold = None;
            self.open(inner);
            self.moved(inner.state());
            tracing::info!(
                source = self.names.source,
                account = %self.names.account,
                breaker = self.subject.name,
                "breaker decides for itself again"
            );
        }
    }

    /// Lets calls through without the lock, or has them take it.
    fn open(&self, inner: &Inner) {
        let is_open = inner.hold.is_none() && matches!(inner.phase, Phase::Passing);
        let generation = if is_open { inner.generation } else { 0 };
        self.passing.store(generation, Ordering::Release);
    }

    /// Number of the present bucket, counted from 1 so that a fresh bucket is never current.
    fn bucket_number(&self) -> u64 {
        self.epoch.elapsed().as_secs() / BUCKET_SECONDS + 1
    }

    fn bucket<'a>(&self, inner: &'a mut Inner) -> &'a mut Bucket {
        let number = self.bucket_number();
        let place = usize::try_from(number % BUCKETS as u64).unwrap_or_default();
        let bucket = &mut inner.window[place];
        if bucket.number != number {
            *bucket = Bucket {
                number,
                ..Bucket::default()
            };
        }
        bucket
    }

    /// Why the breaker has to trip, if it has to.
    fn verdict(&self, inner: &Inner) -> Option<&'static str> {
        let rules = &self.rules;
        if inner.consecutive >= rules.consecutive {
            return Some("failures in a row");
        }
        let oldest = self.bucket_number().saturating_sub(BUCKETS as u64 - 1);
        let recent = inner.window.iter().filter(|b| b.number >= oldest);
        let (calls, failed, slow) = recent.fold((0, 0, 0), |(calls, failed, slow), bucket| {
            let Bucket {
                calls: c,
                failed: f,
                slow: s,
                ..
            } = bucket;
            (calls + c, failed + f, slow + s)
        });
        if calls < rules.min_calls {
            None
        } else if failed * 100 >= calls * rules.failed_percent {
            Some("share of failures")
        } else if slow * 100 >= calls * rules.slow_percent {
            Some("share of slow calls")
        } else {
            None
        }
    }

    fn trip(&self, inner: &mut Inner, why: &'static str) {
        let tripped_for = tripped_for(&self.rules, inner.trips, rand::random());
        inner.trips = inner.trips.saturating_add(1);
        inner.generation += 1;
        inner.consecutive = 0;
        inner.window = [Bucket::default(); BUCKETS];
        inner.phase = Phase::Tripped {
            until: later(Instant::now(), tripped_for),
        };
        self.open(inner);
        self.moved(inner.state());
        tracing::warn!(
            source = self.names.source,
            account = %self.names.account,
            breaker = self.subject.name,
            why,
            seconds = tripped_for.as_secs_f64(),
            "breaker tripped"
        );
    }

    fn recover(&self, inner: &mut Inner) {
        inner.trips = 0;
        inner.generation += 1;
        inner.phase = Phase::Passing;
        self.open(inner);
        self.moved(inner.state());
        tracing::info!(
            source = self.names.source,
            account = %self.names.account,
            breaker = self.subject.name,
            "breaker passing again"
        );
    }

    /// Tells the metrics about a transition. Called under the lock, so that they see the order.
    fn moved(&self, to: BreakerState) {
        metrics::counter!(
            "waybill_breaker_transitions_total",
            "source" => self.names.source,
            "account" => self.names.account.to_string(),
            "breaker" => self.subject.name,
            "to" => to.as_str(),
        )
        .increment(1);
        self.show(to);
    }

    /// 0: passing, 1: tripped, 2: probing.
    fn show(&self, state: BreakerState) {
        metrics::gauge!(
            "waybill_breaker_state",
            "source" => self.names.source,
            "account" => self.names.account.to_string(),
            "breaker" => self.subject.name,
        )
        .set(f64::from(state as u8));
    }
}

/// `base * 2^trips`, at most `max`, give or take 20 %, so that many nodes do not probe at once.
/// `roll` is in `[0, 1)`.
fn tripped_for(rules: &Rules, trips: u32, roll: f64) -> Duration {
    let plain = rules.base.saturating_mul(1 << trips.min(20)).min(rules.max);
    plain.mul_f64(0.8 + 0.4 * roll.clamp(0.0, 1.0))
}
