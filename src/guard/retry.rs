//! Trying again: when, how often and within which budget.
//!
//! Whether it can help is in the error; this module never looks at its kind.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};
use tower::retry::Policy;
use waybill_core::error::Retry;

use super::step::{Call, Failure, Outcome, Reply, later};
use super::tuning::RetryTuning;
use super::{Names, Priority, lock};

/// Seconds that the budget remembers.
const BUDGET_SECONDS: usize = 10;
/// No source is believed that wants us to wait longer.
const AFTER_MAX: Duration = Duration::from_secs(300);

/// The policy of one call. The budget is shared by all calls to the source.
#[derive(Clone)]
pub(super) struct Retries {
    names: Names,
    tuning: RetryTuning,
    budget: Arc<Budget>,
    /// Attempts of this call that have left.
    made: u32,
    /// What the source said last.
    earlier: Option<Failure>,
}

impl Retries {
    pub(super) fn new(names: Names, tuning: RetryTuning) -> Self {
        Self {
            names,
            budget: Arc::new(Budget::new(&tuning)),
            tuning,
            made: 0,
            earlier: None,
        }
    }

    /// How long to wait before the next attempt; `None`: it is useless or too long.
    fn delay(&self, failure: &Failure, call: &Call, roll: f64) -> Option<Duration> {
        let tuning = &self.tuning;
        let backoff = backoff(tuning.base, tuning.max, self.made.saturating_sub(1), roll);
        match failure.error.retry {
            Retry::Never => None,
            Retry::Now => Some(backoff),
            // Somebody who waits for an answer is better served with what is known than with a
            // pause longer than any back-off.
            Retry::After(wait) if call.priority == Priority::Interactive && wait > tuning.max => {
                None
            }
            Retry::After(wait) => Some(wait.min(AFTER_MAX).saturating_add(backoff)),
        }
    }
}

impl Policy<Call, Reply, Failure> for Retries {
    type Future = Sleep;

    fn retry(&mut self, call: &mut Call, result: &mut Outcome) -> Option<Sleep> {
        let failure = match result {
            // A batch of which a part failed is an answer too: asking for all of it again would
            // spend the quota on what is known.
            Ok(_) => {
                if self.made == 0 {
                    self.budget.deposit();
                }
                return None;
            }
            Err(failure) => failure,
        };
        if failure.took.is_none() {
            // Refused by ourselves. What the source said before is the truer answer, but not its
            // advice.
            if let Some(mut earlier) = self.earlier.take() {
                earlier.error.retry = failure.error.retry;
                *failure = earlier;
            }
            return None;
        }
        if self.made == 0 {
            self.budget.deposit();
        }
        self.made += 1;
        if self.made >= self.tuning.attempts.get() {
            return None;
        }
        let delay = self.delay(failure, call, rand::random())?;
        let at = later(Instant::now(), delay);
        if at >= call.deadline {
            return None;
        }
        let source = self.names.source;
        if !self.budget.withdraw() {
            metrics::counter!("waybill_retry_budget_exhausted_total", "source" => source)
                .increment(1);
            return None;
        }
        metrics::counter!("waybill_retries_total", "source" => source).increment(1);
        self.earlier = Some(failure.clone());
        Some(sleep_until(at))
    }

    fn clone_request(&mut self, call: &Call) -> Option<Call> {
        Some(call.clone())
    }
}

/// How many retries are allowed: a part of the requests of the last ten seconds, and some more.
///
/// tower's `TpsBudget` skips a slot whenever a second has passed by a little, so it forgets after
/// five seconds instead of ten and allows about twice its reserve.
struct Budget {
    percent: u64,
    reserve: u64,
    epoch: Instant,
    seconds: Mutex<[Second; BUDGET_SECONDS]>,
}

#[derive(Clone, Copy, Default)]
struct Second {
    number: u64,
    requests: u64,
    retries: u64,
}

impl Budget {
    fn new(tuning: &RetryTuning) -> Self {
        Self {
            percent: u64::from(tuning.budget_percent),
            reserve: u64::from(tuning.budget_per_second) * BUDGET_SECONDS as u64,
            epoch: Instant::now(),
            seconds: Mutex::default(),
        }
    }

    /// A request was made.
    fn deposit(&self) {
        self.at_present(|_, present| present.requests += 1);
    }

    /// Whether there may be a retry; if so, it counts.
    fn withdraw(&self) -> bool {
        self.at_present(|(requests, retries), present| {
            let allowed = requests * self.percent / 100 + self.reserve;
            let granted = retries < allowed;
            present.retries += u64::from(granted);
            granted
        })
    }

    /// Hands over the sums of the window (requests, retries) and the present second.
    fn at_present<T>(&self, change: impl FnOnce((u64, u64), &mut Second) -> T) -> T {
        // Counted so that no second of a fresh window is in the past ten.
        let number = self.epoch.elapsed().as_secs() + BUDGET_SECONDS as u64;
        let place = usize::try_from(number % BUDGET_SECONDS as u64).unwrap_or_default();
        let mut seconds = lock(&self.seconds);
        if seconds[place].number != number {
            seconds[place] = Second {
                number,
                ..Second::default()
            };
        }
        let oldest = number - (BUDGET_SECONDS as u64 - 1);
        let recent = seconds.iter().filter(|second| second.number >= oldest);
        let sums = recent.fold((0, 0), |(requests, retries), second| {
            (requests + second.requests, retries + second.retries)
        });
        change(sums, &mut seconds[place])
    }
}

/// Full jitter: anything from nothing to `base * 2^made`, at most `max`. `roll` is in `[0, 1)`.
fn backoff(base: Duration, max: Duration, made: u32, roll: f64) -> Duration {
    let bound = base.saturating_mul(1 << made.min(20)).min(max);
    bound.mul_f64(roll.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_of_the_back_off_doubles_up_to_its_maximum() {
        let bound = |made| {
            backoff(
                Duration::from_millis(100),
                Duration::from_secs(2),
                made,
                1.0,
            )
        };
        let bounds: Vec<_> = (0..7).map(|made| bound(made).as_millis()).collect();
        assert_eq!(bounds, [100, 200, 400, 800, 1600, 2000, 2000]);
        assert_eq!(bound(u32::MAX).as_millis(), 2000);
    }

    #[test]
    fn the_jitter_is_full() {
        let at = |roll| backoff(Duration::from_millis(100), Duration::from_secs(2), 1, roll);
        assert_eq!(at(0.0), Duration::ZERO);
        assert_eq!(at(0.25), Duration::from_millis(50));
        assert_eq!(at(0.5), Duration::from_millis(100));
    }

    #[tokio::test(start_paused = true)]
    async fn the_budget_is_a_part_of_the_requests_and_a_reserve_of_ten_seconds() {
        let budget = Budget::new(&RetryTuning::default());
        let granted = || {
            std::iter::repeat_with(|| budget.withdraw())
                .take_while(|yes| *yes)
                .count()
        };
        assert_eq!(granted(), 10);
        for _ in 0..100 {
            budget.deposit();
        }
        assert_eq!(granted(), 10);
        tokio::time::advance(Duration::from_millis(9_900)).await;
        assert_eq!(granted(), 0);
        tokio::time::advance(Duration::from_millis(100)).await;
        assert_eq!(
            granted(),
            10,
            "requests and retries of ten seconds ago are forgotten"
        );
    }

    #[test]
    fn an_absurd_budget_does_not_overflow() {
        let tuning = RetryTuning {
            budget_percent: u32::MAX,
            budget_per_second: u32::MAX,
            ..RetryTuning::default()
        };
        let budget = Budget::new(&tuning);
        budget.deposit();
        assert!(budget.withdraw());
    }
}
