//! The quota: how many requests a source gets from us per second and per UTC day, and the pause
//! that it asked for.
//!
//! The rate is kept by GCRA, written out here and not taken from a library because four things
//! have to be decided in one step, all or nothing: the rate, the day, the pause and the share of
//! a call; because a call can be given back; and because background calls must leave room.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, sleep_until, timeout_at};
use tower::ServiceExt;
use waybill_core::adapter::{Answer, Limits};
use waybill_core::error::{Error, ErrorKind, Retry, Scope};

use super::nodes::{Common, Nodes, Said};
use super::step::{Call, Failure, Next, Outcome, Step, later};
use super::tuning::QuotaTuning;
use super::{Names, Priority, Share, lock};
use crate::clock::Clock;

const DAY: Duration = Duration::from_secs(86_400);
/// Shortest sleep while waiting: the wall clock and the timer need not agree to the millisecond.
const TICK: Duration = Duration::from_millis(1);

/// The quota of one account; clones share it.
#[derive(Clone)]
pub(super) struct Quota(Arc<Shared>);

struct Shared {
    names: Names,
    tuning: QuotaTuning,
    patience: Duration,
    /// What an answer may take.
    slow: Duration,
    per_day: u32,
    degraded_per_day: u32,
    clock: Clock,
    epoch: Instant,
    book: Arc<Mutex<Book>>,
    /// Background calls wait in line, so that each gets its turn before its deadline.
    line: Arc<tokio::sync::Mutex<()>>,
    /// The same quota as all nodes share it, if they do.
    common: Option<Arc<Common>>,
}

pub(super) struct Book {
    full: Bucket,
    degraded: Bucket,
    /// Days since 1970-01-01 UTC.
    pub(super) day: i64,
    pub(super) used: u32,
    degraded_used: u32,
    pause: Option<Pause>,
    /// Pauses in a row without a call that went well in between.
    strikes: u32,
}

#[derive(Clone, Copy)]
struct Pause {
    since: Instant,
    until: Instant,
}

/// What is left of the quota.
pub(super) struct Left {
    /// Between 0 and 1, of the day if there is a daily limit, else of the burst.
    pub(super) share: f64,
    /// When it is full again, or the pause is over.
    pub(super) reset: Option<Timestamp>,
}

/// A request that has been counted.
struct Ticket {
    day: i64,
    share: Share,
    at: Instant,
}

enum Take {
    Go(Ticket),
    Wait(Duration),
    Refuse(Duration),
}

impl Quota {
    pub(super) fn new(
        names: Names,
        limits: &Limits,
        tuning: QuotaTuning,
        patience: Duration,
        clock: Clock,
    ) -> Self {
        let percent = tuning.degraded_percent.min(100);
        let part = |whole: u32| {
            let part = u64::from(whole) * u64::from(percent) / 100;
            u32::try_from(part).unwrap_or(whole)
        };
        let rate = limits.per_second;
        Self(Arc::new(Shared {
            names,
            patience,
            slow: limits.slow,
            per_day: limits.per_day,
            degraded_per_day: part(limits.per_day),
            epoch: Instant::now(),
            book: Arc::new(Mutex::new(Book {
                full: Bucket::new(rate, limits.burst),
                degraded: Bucket::new(rate * f64::from(percent) / 100.0, part(limits.burst)),
                day: day_of(clock.now()),
                used: 0,
                degraded_used: 0,
                pause: None,
                strikes: 0,
            })),
            line: Arc::default(),
            common: None,
            tuning,
            clock,
        }))
    }

    /// The quota that takes the place of `before` when its limits change: what has been spent stays
    /// spent, also by calls that are still out.
    pub(super) fn after(
        names: Names,
        limits: &Limits,
        tuning: QuotaTuning,
        patience: Duration,
        clock: Clock,
        before: &Self,
    ) -> Self {
        let fresh = Self::new(names, limits, tuning, patience, clock);
        let Ok(mut shared) = Arc::try_unwrap(fresh.0) else {
            return before.clone();
        };
        {
            let new = lock(&shared.book);
            let mut book = lock(&before.0.book);
            book.full.keep_pace_of(&new.full);
            book.degraded.keep_pace_of(&new.degraded);
        }
        shared.epoch = before.0.epoch;
        shared.book = Arc::clone(&before.0.book);
        shared.line = Arc::clone(&before.0.line);
        Self(Arc::new(shared))
    }

    /// The same quota, shared with other nodes; nothing else may have it yet.
    pub(super) fn among(mut self, nodes: Nodes, limits: &Limits, before: Option<&Self>) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.0) {
            let before = before.and_then(|before| before.0.common.as_deref());
            let (clock, book) = (shared.clock.clone(), Arc::clone(&shared.book));
            shared.common = Some(Common::start(
                nodes,
                &shared.names,
                limits,
                clock,
                book,
                before,
            ));
        }
        self
    }

    /// Requests of this UTC day, and how many there may be; no limit: 0.
    pub(super) fn of_day(&self) -> (u32, u32) {
        let mut book = lock(&self.0.book);
        book.roll(self.0.clock.now());
        (book.used, self.0.per_day)
    }

    /// Requests that could leave at once, and the burst.
    pub(super) fn of_burst(&self) -> (f64, u32) {
        let book = lock(&self.0.book);
        let left = book.full.left(Instant::now() - self.0.epoch);
        (left * f64::from(book.full.burst), book.full.burst)
    }

    pub(super) fn left(&self) -> Left {
        let shared = &self.0;
        let (now, wall) = (Instant::now(), shared.clock.now());
        let mut book = lock(&shared.book);
        book.roll(wall);
        if let Some(pause) = book.pause.filter(|pause| pause.until > now) {
            return Left {
                share: 0.0,
                reset: wall.checked_add(pause.until - now).ok(),
            };
        }
        if shared.per_day > 0 {
            let left = shared.per_day.saturating_sub(book.used);
            return Left {
                share: f64::from(left) / f64::from(shared.per_day),
                reset: Some(midnight_after(wall)),
            };
        }
        Left {
            share: book.full.left(now - shared.epoch),
            reset: None,
        }
    }

    fn take(&self, call: &Call) -> Take {
        let shared = &self.0;
        let (now, wall) = (Instant::now(), shared.clock.now());
        let since_epoch = now - shared.epoch;
        let mut book = lock(&shared.book);
        book.roll(wall);
        if call.share == Share::Degraded {
            if shared.per_day > 0 && book.degraded_used >= shared.degraded_per_day {
                return Take::Refuse(to_midnight(wall));
            }
            let wait = book.degraded.wait(since_epoch, 0);
            if !wait.is_zero() {
                return Take::Refuse(wait);
            }
        }
        if let Some(pause) = book.pause.filter(|pause| pause.until > now) {
            return Take::Wait(pause.until - now);
        }
        if shared.per_day > 0 && book.used >= shared.per_day {
            return Take::Wait(to_midnight(wall));
        }
        let keep = match call.priority {
            Priority::Interactive => 0,
            Priority::Background => book.full.reserve(),
        };
        let wait = book.full.wait(since_epoch, keep);
        if !wait.is_zero() {
            return Take::Wait(wait);
        }
        book.full.take(since_epoch);
        book.used = book.used.saturating_add(1);
        if call.share == Share::Degraded {
            book.degraded.take(since_epoch);
            book.degraded_used = book.degraded_used.saturating_add(1);
        }
        Take::Go(Ticket {
            day: book.day,
            share: call.share,
            at: now,
        })
    }

    /// How long a background call would have to wait now; nothing if it could go.
    pub(super) fn due(&self) -> Duration {
        let shared = &self.0;
        let (now, wall) = (Instant::now(), shared.clock.now());
        let mut book = lock(&shared.book);
        book.roll(wall);
        let day_over = shared.per_day > 0 && book.used >= shared.per_day;
        let day = if day_over {
            to_midnight(wall)
        } else {
            Duration::ZERO
        };
        let pause = book.pause.map_or(Duration::ZERO, |pause| {
            pause.until.saturating_duration_since(now)
        });
        let rate = book.full.wait(now - shared.epoch, book.full.reserve());
        // Others stand in line: whoever comes now goes after them.
        let line = match shared.line.try_lock() {
            Ok(_) => Duration::ZERO,
            Err(_) => book.full.interval,
        };
        day.max(pause).max(rate).max(line)
    }

    /// When a call that waits for its turn now gives up. In the background it leaves itself the
    /// time that an answer takes: a request without it would be spent for nothing.
    fn give_up(&self, call: &Call) -> Instant {
        let give_up = call.give_up(self.0.patience);
        match call.priority {
            Priority::Interactive => give_up,
            Priority::Background => {
                let left = give_up.saturating_duration_since(Instant::now());
                give_up - self.0.slow.min(left / 10)
            }
        }
    }

    /// Waits for the turn of a call.
    async fn wait(&self, call: &Call) -> Result<Ticket, Failure> {
        let give_up = self.give_up(call);
        let mut waited = false;
        let line = &self.0.line;
        let _turn = match call.priority {
            Priority::Interactive => None,
            Priority::Background => Some(match line.try_lock() {
                Ok(turn) => turn,
                Err(_) => {
                    self.count_wait(&mut waited);
                    timeout_at(give_up, line.lock()).await.map_err(|_| {
                        let message = "others waited for the quota, too, and were first";
                        Failure::unsent(ErrorKind::Throttled, message)
                    })?
                }
            }),
        };
        loop {
            let wait = match self.take(call) {
                Take::Go(ticket) => match self.take_of_all(call, &ticket).await {
                    None => return Ok(ticket),
                    Some(wait) => wait.max(TICK),
                },
                Take::Refuse(wait) => {
                    return Err(throttled("the share for degraded operation is spent", wait));
                }
                Take::Wait(wait) => wait.max(TICK),
            };
            let until = later(Instant::now(), wait);
            if until > give_up {
                return Err(throttled("no quota is free in time", wait));
            }
            self.count_wait(&mut waited);
            sleep_until(until).await;
        }
    }

    /// Takes a request that this node has out of what all nodes have; if that has to wait, it is
    /// given back.
    async fn take_of_all(&self, call: &Call, ticket: &Ticket) -> Option<Duration> {
        let common = self.0.common.as_deref()?;
        let keep = match call.priority {
            Priority::Interactive => 0,
            Priority::Background => lock(&self.0.book).full.reserve(),
        };
        match common.take(keep).await {
            Said::Go => None,
            Said::Wait(wait) => {
                lock(&self.0.book).give_back(ticket);
                Some(wait)
            }
        }
    }

    fn count_wait(&self, waited: &mut bool) {
        if !std::mem::replace(waited, true) {
            let source = self.0.names.source;
            metrics::counter!("waybill_quota_waits_total", "source" => source).increment(1);
        }
    }

    /// Counts requests that a call made beside the one that it is: for a token, to register a
    /// number, page by page. They have left, so they are owed: later calls wait for them.
    fn charge(&self, requests: u32) {
        if let Some(common) = &self.0.common {
            common.owe(requests);
        }
        let since_epoch = Instant::now() - self.0.epoch;
        let mut book = lock(&self.0.book);
        for _ in 0..requests {
            book.full.take(since_epoch);
        }
        book.used = book.used.saturating_add(requests);
    }

    /// Learns from what became of a request.
    fn settle(&self, ticket: &Ticket, outcome: &mut Outcome) {
        let now = Instant::now();
        let mut book = lock(&self.0.book);
        if !spent(outcome) {
            book.give_back(ticket);
        }
        let advice = match outcome {
            Ok(reply) => reply
                .answers
                .iter()
                .find_map(|answer| throttle(answer.as_ref().err()?)),
            Err(failure) => throttle(&failure.error),
        };
        let Some(advice) = advice else {
            let pause = book.pause;
            let news = pause.is_none_or(|pause| ticket.at > pause.since);
            if outcome.is_ok() && spent(outcome) && news {
                book.strikes = 0;
            }
            return;
        };
        let pause = self.pause(&mut book, ticket, advice, now);
        if let Err(failure) = outcome {
            failure.error.retry = Retry::After(pause.until.saturating_duration_since(now));
        }
    }

    fn pause(&self, book: &mut Book, ticket: &Ticket, advice: Retry, now: Instant) -> Pause {
        let tuning = &self.0.tuning;
        // A source that names no time gets the kind's own advice, which is indistinguishable from
        // one that names just that; both grow when it goes on.
        let named = match advice {
            Retry::Never => Some(tuning.pause_max),
            Retry::After(wait) if advice != ErrorKind::Throttled.default_retry() => Some(wait),
            Retry::After(_) | Retry::Now => None,
        };
        // Calls that left before the pause began bring no news of it.
        let old = book.pause.filter(|pause| ticket.at <= pause.since);
        let wait = named.unwrap_or_else(|| {
            let strikes = if old.is_some() { 0 } else { book.strikes };
            tuning.pause_base.saturating_mul(1 << strikes.min(20))
        });
        let wait = wait.min(tuning.pause_max);
        let until = later(now, wait);
        let pause = match old {
            Some(old) => Pause {
                until: old.until.max(until),
                ..old
            },
            None => {
                book.strikes = book.strikes.saturating_add(1);
                let source = self.0.names.source;
                tracing::warn!(
                    source,
                    account = %self.0.names.account,
                    seconds = wait.as_secs_f64(),
                    "source is throttling, quota paused"
                );
                metrics::counter!("waybill_quota_pauses_total", "source" => source).increment(1);
                Pause { since: now, until }
            }
        };
        book.pause = Some(pause);
        pause
    }
}

impl Step for Quota {
    async fn around<N: Next>(self, call: Call, next: N) -> Outcome {
        let ticket = self.wait(&call).await?;
        let extra = Arc::clone(&call.extra);
        // A caller that goes away from here on has spent its request.
        let mut outcome = next.oneshot(call).await;
        self.charge(extra.swap(0, Ordering::Relaxed));
        self.settle(&ticket, &mut outcome);
        outcome
    }
}

fn throttled(message: &'static str, wait: Duration) -> Failure {
    let mut failure = Failure::unsent(ErrorKind::Throttled, message);
    failure.error.retry = Retry::After(wait);
    failure
}

/// Advice of a source that throttles us; one that only locks a number leaves the others alone.
fn throttle(error: &Error) -> Option<Retry> {
    let concerns_all = error.kind == ErrorKind::Throttled && error.scope == Scope::Account;
    concerns_all.then_some(error.retry)
}

/// Whether the source has counted the request.
pub(super) fn spent(outcome: &Outcome) -> bool {
    let counted = |answer: &Answer| answer.as_ref().err().is_none_or(|error| error.spent);
    match outcome {
        Ok(reply) => reply.answers.iter().any(counted),
        Err(failure) => failure.error.spent,
    }
}

impl Book {
    /// Begins a new day. Any other day counts as new: a clock that was wrong and has been set
    /// back must not leave us counting against a day far ahead.
    pub(super) fn roll(&mut self, wall: Timestamp) {
        let day = day_of(wall);
        if day != self.day {
            (self.day, self.used, self.degraded_used) = (day, 0, 0);
        }
    }

    fn give_back(&mut self, ticket: &Ticket) {
        let degraded = ticket.share == Share::Degraded;
        self.full.give_back();
        if degraded {
            self.degraded.give_back();
        }
        if ticket.day == self.day {
            self.used = self.used.saturating_sub(1);
            self.degraded_used -= u32::from(degraded).min(self.degraded_used);
        }
    }
}

/// GCRA. Times are counted from the quota's beginning.
pub(super) struct Bucket {
    /// Time that one request is worth.
    interval: Duration,
    burst: u32,
    /// When all requests so far are paid for.
    paid: Duration,
}

impl Bucket {
    /// A rate that is no positive number allows one request per day: never none, never infinity.
    pub(super) fn new(per_second: f64, burst: u32) -> Self {
        let interval = Duration::try_from_secs_f64(1.0 / per_second).unwrap_or(DAY);
        Self {
            interval: interval.min(DAY),
            burst: burst.max(1),
            paid: Duration::ZERO,
        }
    }

    /// Takes over rate and burst of another one.
    pub(super) fn keep_pace_of(&mut self, other: &Self) {
        (self.interval, self.burst) = (other.interval, other.burst);
    }

    /// Part of the burst that background calls leave to interactive ones.
    fn reserve(&self) -> u32 {
        (self.burst / 4).max(1)
    }

    /// How long until one request may go and `keep` more could.
    pub(super) fn wait(&self, now: Duration, keep: u32) -> Duration {
        let credit = self.burst.saturating_sub(1).saturating_sub(keep);
        let earliest = self
            .paid
            .saturating_sub(self.interval.saturating_mul(credit));
        earliest.saturating_sub(now)
    }

    pub(super) fn take(&mut self, now: Duration) {
        self.paid = self.paid.max(now).saturating_add(self.interval);
    }

    fn give_back(&mut self) {
        self.paid = self.paid.saturating_sub(self.interval);
    }

    /// Free part of the burst, 0 to 1.
    fn left(&self, now: Duration) -> f64 {
        let owed = self.paid.saturating_sub(now).as_secs_f64();
        let whole = self.interval.as_secs_f64() * f64::from(self.burst);
        if whole > 0.0 {
            (1.0 - owed / whole).clamp(0.0, 1.0)
        } else {
            1.0
        }
    }
}

/// Days since 1970-01-01 UTC.
pub(super) fn day_of(wall: Timestamp) -> i64 {
    wall.as_second().div_euclid(86_400)
}

/// The beginning of the next day in UTC.
pub fn midnight_after(wall: Timestamp) -> Timestamp {
    Timestamp::from_second((day_of(wall) + 1) * 86_400).unwrap_or(Timestamp::MAX)
}

/// Time until 00:00 UTC.
pub(super) fn to_midnight(wall: Timestamp) -> Duration {
    wall.duration_until(midnight_after(wall)).unsigned_abs()
}
