//! The guard: stands between the gateway and one account of one source, keeps what the source
//! allows, and survives when it fails.
//!
//! It owns the order of the layers, and what an outcome means for each of them. It must not know
//! what is asked, what an answer says or where it goes.
//!
//! **Invariant:** every call ends at its deadline at the latest; an answer that never left says
//! so with `spent: false`.

mod attempt;
mod breaker;
mod health;
mod limit;
mod nodes;
mod purse;
mod quota;
mod retry;
mod step;
mod tuning;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use tokio::time::Instant;
use tower::retry::RetryLayer;
use tower::util::BoxCloneSyncService;
use tower::{ServiceBuilder, ServiceExt, service_fn};
use waybill_core::adapter::{Adapter, Answer, Http, Limits, OrderQuery, Query, Subscription};
use waybill_core::error::{Error, ErrorKind};

pub use self::breaker::{BreakerState, Hold};
pub use self::health::{BreakerHealth, Health};
pub use self::nodes::Nodes;
pub use self::purse::{Ledger, Purse, Sum};
pub use self::quota::midnight_after;
pub use self::tuning::{BreakerTuning, BulkheadTuning, QuotaTuning, RetryTuning, Tuning};

use self::attempt::{Attempt, Source, is_answer};
use self::breaker::{Breaker, Rules, Subject, Verdict};
use self::health::Figures;
use self::limit::Bulkhead;
use self::purse::Paying;
use self::quota::Quota;
use self::retry::Retries;
use self::step::{Around, Call, Failure, Reply};
use crate::clock::Clock;

/// The guard of one account of one source. Clones are the same guard.
#[derive(Clone)]
pub struct Guard {
    stack: BoxCloneSyncService<Call, Reply, Failure>,
    source: Breaker,
    credential: Breaker,
    quota: Quota,
    paying: Paying,
    figures: Arc<Figures>,
    clock: Clock,
    names: Names,
    batch: usize,
    per_second: f64,
}

/// A call to make.
#[derive(Clone)]
pub struct Ask {
    /// What to ask.
    pub asking: Asking,
    /// When the call ends, answered or not.
    pub deadline: Instant,
    /// Who waits for it.
    pub priority: Priority,
    /// How much of the quota it may use.
    pub share: Share,
}

/// What a call asks.
#[derive(Clone)]
pub enum Asking {
    /// About numbers, at most as many as `Limits::batch`.
    Numbers(Arc<[Query]>),
    /// About one order.
    Order(Arc<OrderQuery>),
    /// To push news of these numbers, or no longer. An answer to it holds no reports.
    Subscription(Arc<[Query]>, Subscription),
}

impl Asking {
    /// Answers that are due.
    pub fn count(&self) -> usize {
        match self {
            Self::Numbers(queries) | Self::Subscription(queries, _) => queries.len(),
            Self::Order(_) => 1,
        }
    }
}

/// Who waits for a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Priority {
    /// A caller does: it waits a moment for a place or the quota and then rather has no answer.
    Interactive,
    /// Nobody does: it waits until its deadline and leaves room to those who cannot.
    Background,
}

/// How much of the quota a call may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Share {
    /// All of it.
    Full,
    /// A part. The shared cache is out, and its misses must not eat the quota.
    Degraded,
}

/// What became of a call.
pub struct Asked {
    /// One answer per query or order. What stopped the whole call is repeated for each.
    pub answers: Vec<Answer>,
    /// Of a subscription that was made: when it has to be made again, one per answer; `None`: never.
    pub renewals: Vec<Option<Timestamp>>,
    /// How often the source was asked.
    pub attempts: u32,
    /// How long the source took the last time; `None`: the call never left.
    pub latency: Option<Duration>,
    /// Bodies of the source's answers, as received; nothing if it failed, or does not speak HTTP
    /// from here.
    pub raw: Arc<[Bytes]>,
}

/// Whose guard it is, for logs and metrics.
#[derive(Clone)]
struct Names {
    source: &'static str,
    account: Arc<str>,
}

/// Whose guard it is to be, and what is allowed.
pub struct Account<'a> {
    /// Source id.
    pub source: &'static str,
    /// Name of the account.
    pub name: &'a str,
    /// What the source allows.
    pub limits: Limits,
    /// What may be spent.
    pub purse: Purse,
    /// With whom the limits are shared; `None`: with nobody.
    pub nodes: Option<Nodes>,
}

/// The guard whose place another one takes.
#[derive(Clone, Copy)]
pub struct Before<'a> {
    /// That guard.
    pub guard: &'a Guard,
    /// The source is shown the same credentials. New ones may be good where the old ones were
    /// refused.
    pub same_credentials: bool,
}

/// Which of the breakers of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// That of the source.
    Source,
    /// That of our credentials.
    Credential,
}

/// How much of a quota is used, and how much there is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spent {
    /// Requests of this UTC day.
    pub day_used: u32,
    /// Requests that a UTC day may have; 0: no limit.
    pub day_limit: u32,
    /// Requests that could leave at once now.
    pub burst_left: f64,
    /// Requests that may leave at once.
    pub burst: u32,
    /// Requests per second.
    pub per_second: f64,
}

impl Guard {
    /// Builds the guard of an account. Build it once: a second one would not know what the first
    /// has spent.
    pub fn new(
        account: Account<'_>,
        adapter: Arc<dyn Adapter>,
        http: Arc<dyn Http>,
        tuning: &Tuning,
        clock: Clock,
    ) -> Self {
        Self::after(account, adapter, http, tuning, clock, None)
    }

    /// Builds the guard that takes the place of another one when settings change. It knows what that
    /// one has spent and how its source is doing; what is on its way through that one ends there.
    pub fn after(
        account: Account<'_>,
        adapter: Arc<dyn Adapter>,
        http: Arc<dyn Http>,
        tuning: &Tuning,
        clock: Clock,
        before: Option<Before<'_>>,
    ) -> Self {
        let Account {
            source,
            name,
            limits,
            purse,
            nodes,
        } = account;
        let names = Names {
            source,
            account: name.into(),
        };
        let guard = before.map(|before| before.guard);
        let figures = guard.map_or_else(Arc::default, |guard| Arc::clone(&guard.figures));
        let bulkhead = Bulkhead::new(names.clone(), &tuning.bulkhead, tuning.patience);
        let retries = Retries::new(names.clone(), tuning.retry.clone());
        let rules = Rules::of_source(&tuning.breaker, limits.slow);
        let source = match guard {
            Some(guard) => Breaker::after(names.clone(), SOURCE, rules, &guard.source),
            None => Breaker::new(names.clone(), SOURCE, rules),
        };
        let rules = Rules::of_credential(&tuning.breaker);
        let credential = match before.filter(|before| before.same_credentials) {
            Some(before) => {
                Breaker::after(names.clone(), CREDENTIAL, rules, &before.guard.credential)
            }
            None => Breaker::new(names.clone(), CREDENTIAL, rules),
        };
        let (own, own_clock, patience) = (tuning.quota.clone(), clock.clone(), tuning.patience);
        let quota = match guard {
            Some(guard) => {
                let before = &guard.quota;
                Quota::after(names.clone(), &limits, own, patience, own_clock, before)
            }
            None => Quota::new(names.clone(), &limits, own, patience, own_clock),
        };
        let quota = match nodes {
            Some(nodes) => quota.among(nodes, &limits, guard.map(|guard| &guard.quota)),
            None => quota,
        };
        let attempt = Attempt {
            names: names.clone(),
            figures: Arc::clone(&figures),
            clock: clock.clone(),
            limits,
        };
        let paying = Paying {
            names: names.clone(),
            purse: purse.clone(),
            clock: clock.clone(),
            by_registration: adapter.bills_registrations(),
        };
        let bottom = Source {
            paying: paying.clone(),
            adapter,
            http,
            clock: clock.clone(),
            timeout: limits.timeout,
        };

        let stack = ServiceBuilder::new()
            // Sheds and bounds first, so that nobody queues behind a sick source.
            .layer(Around(bulkhead))
            // Outside of all that counts attempts, so that a second one is counted too.
            .layer(RetryLayer::new(retries))
            // Before the quota, so that what is refused costs nothing.
            .layer(Around(source.clone()))
            // The same for refused credentials; inside, because a source that is down is the
            // better reason.
            .layer(Around(credential.clone()))
            // A call that cannot be paid for needs no quota.
            .layer(Around(paying.clone()))
            // Last gate, so that only what really leaves is counted.
            .layer(Around(quota.clone()))
            // Innermost, so that each attempt has its own clock and no waiting is in the latency.
            .layer(Around(attempt))
            .service(service_fn(move |call| bottom.clone().fetch(call)));

        Self {
            stack: BoxCloneSyncService::new(stack),
            source,
            credential,
            quota,
            paying,
            figures,
            clock,
            names,
            batch: limits.batch.max(1),
            per_second: limits.per_second,
        }
    }

    /// Asks the source, if it may be asked.
    pub async fn ask(&self, ask: Ask) -> Asked {
        let count = ask.asking.count();
        let attempts = Arc::new(AtomicU32::new(0));
        let call = Call {
            asking: ask.asking,
            deadline: ask.deadline,
            priority: ask.priority,
            share: ask.share,
            attempts: Arc::clone(&attempts),
            extra: Arc::default(),
        };
        let outcome = if (1..=self.batch).contains(&count) {
            self.stack.clone().oneshot(call).await
        } else {
            let message = "no queries, or more than the source takes at once";
            Err(Failure::unsent(ErrorKind::Internal, message))
        };
        let (answers, renewals, latency, raw) = match outcome {
            Ok(reply) => (
                reply.answers,
                reply.renewals,
                Some(reply.took),
                reply.raw.into(),
            ),
            Err(failure) => {
                if failure.took.is_none() {
                    self.count_refusal(failure.error.kind);
                }
                (
                    vec![Err(failure.error); count],
                    Vec::new(),
                    failure.took,
                    Arc::default(),
                )
            }
        };
        Asked {
            answers,
            renewals,
            attempts: attempts.load(Ordering::Relaxed),
            latency,
            raw,
        }
    }

    /// What calls cost.
    pub const fn purse(&self) -> &Purse {
        &self.paying.purse
    }

    /// Whether the price is that of a number that is registered, not of a call.
    pub const fn bills_registrations(&self) -> bool {
        self.paying.by_registration
    }

    /// Whether one more call can be paid for today. Where registrations are billed, reading is free.
    pub fn can_pay(&self) -> bool {
        self.paying.by_registration || self.paying.purse.covers(self.clock.now())
    }

    /// How long a background call would have to wait for the quota now; nothing if it could go.
    pub fn quota_due(&self) -> Duration {
        self.quota.due()
    }

    /// How its breakers stand: that of the source, and that of our credentials.
    pub fn breakers(&self) -> [BreakerHealth; 2] {
        let (now, wall) = (Instant::now(), self.clock.now());
        [&self.source, &self.credential].map(|breaker| {
            let (state, due) = breaker.state();
            let next_probe = due.and_then(|due| {
                let left = due.saturating_duration_since(now);
                wall.checked_add(left).ok()
            });
            let hold = breaker.hold();
            BreakerHealth {
                state,
                next_probe,
                held_until: hold.and_then(|hold| {
                    let left = hold.until.saturating_duration_since(now);
                    wall.checked_add(left).ok()
                }),
            }
        })
    }

    /// Has a breaker do what an operator says until then, or decide for itself again.
    pub fn hold(&self, which: Which, hold: Option<Hold>) {
        let breaker = match which {
            Which::Source => &self.source,
            Which::Credential => &self.credential,
        };
        breaker.set_hold(hold);
    }

    /// How much of the quota is used.
    pub fn spent(&self) -> Spent {
        let (day_used, day_limit) = self.quota.of_day();
        let (burst_left, burst) = self.quota.of_burst();
        Spent {
            day_used,
            day_limit,
            burst_left,
            burst,
            per_second: self.per_second,
        }
    }

    /// How the source is doing.
    pub fn health(&self) -> Health {
        let [source, credential] = self.breakers();
        let left = self.quota.left();
        let figures = self.figures.summary();
        Health {
            source,
            credential,
            attempts: figures.attempts,
            error_rate: figures.error_rate,
            latency_p50: figures.p50,
            latency_p99: figures.p99,
            last_success: figures.last_success,
            last_failure: figures.last_failure,
            quota_remaining: left.share,
            quota_reset: left.reset,
            in_flight: figures.in_flight,
        }
    }

    fn count_refusal(&self, kind: ErrorKind) {
        metrics::counter!(
            "waybill_source_refusals_total",
            "source" => self.names.source,
            "reason" => kind.as_str(),
        )
        .increment(1);
    }
}

/// The source's breaker. No answer, a server error and an answer that cannot be understood are
/// failures: the last is what a broken gateway's error page looks like, and a source whose every
/// answer is garbage is no use however fast it is. A refusal of our credentials is an answer; a
/// 429 is the quota's business; a defect of ours says nothing.
const SOURCE: Subject = Subject {
    name: "source",
    judge: |outcome| match outcome {
        Ok(reply) if reply.answers.iter().any(is_evidence) => Verdict::Answered,
        Ok(reply)
            if reply
                .answers
                .iter()
                .flat_map(|answer| answer.as_ref().err())
                .any(|error| is_hard(error) && !is_answer(error)) =>
        {
            Verdict::Failed
        }
        Ok(_) => Verdict::Nothing,
        Err(failure) if failure.took.is_none() || failure.cut => Verdict::Nothing,
        Err(failure) if is_hard(&failure.error) => Verdict::Failed,
        Err(failure) if failure.error.kind == ErrorKind::Denied => Verdict::Answered,
        Err(_) => Verdict::Nothing,
    },
    refusal: (
        ErrorKind::Tripped,
        "the source keeps failing and is left alone for a while",
    ),
};

/// The breaker of our credentials: only a refusal is a failure, and only an answer is none.
const CREDENTIAL: Subject = Subject {
    name: "credential",
    judge: |outcome| match outcome {
        Ok(reply) if reply.answers.iter().any(is_evidence) => Verdict::Answered,
        Err(failure) if failure.took.is_some() && failure.error.kind == ErrorKind::Denied => {
            Verdict::Failed
        }
        _ => Verdict::Nothing,
    },
    refusal: (
        ErrorKind::Denied,
        "the source keeps refusing our credentials and is left alone for a while",
    ),
};

/// Whether an answer shows that the source is there: what an adapter says by itself does not.
fn is_evidence(answer: &Answer) -> bool {
    match answer {
        Ok(_) => true,
        Err(error) => is_answer(error) && error.spent,
    }
}

const fn is_hard(error: &Error) -> bool {
    matches!(
        error.kind,
        ErrorKind::Timeout | ErrorKind::Unavailable | ErrorKind::Malformed
    )
}

/// Locks; what a panicking holder left behind is counters, usable as they are.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
