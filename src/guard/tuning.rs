//! How patient and how strict a guard is: settings and their defaults, nothing else.
//!
//! What a source itself allows (rate, burst, time-out) is not here but in core's `Limits`.

use std::num::NonZeroU32;
use std::time::Duration;

use jiff::fmt::serde::unsigned_duration::friendly::compact::required as duration;
use serde::{Deserialize, Serialize};

/// Settings of a guard. Every field has a default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tuning {
    /// How long an interactive call waits for a place in the bulkhead, and again for the quota.
    /// A background call waits until its deadline.
    #[serde(with = "duration")]
    pub patience: Duration,
    /// How many calls may be under way or wait.
    pub bulkhead: BulkheadTuning,
    /// What is tried again.
    pub retry: RetryTuning,
    /// When a source is left alone.
    pub breaker: BreakerTuning,
    /// How our share of the source is spent.
    pub quota: QuotaTuning,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            patience: Duration::from_millis(200),
            bulkhead: BulkheadTuning::default(),
            retry: RetryTuning::default(),
            breaker: BreakerTuning::default(),
            quota: QuotaTuning::default(),
        }
    }
}

/// Room for calls. Background calls get three quarters of it, so that polling never shuts out
/// somebody who waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BulkheadTuning {
    /// Calls under way at once.
    pub in_flight: NonZeroU32,
    /// Calls that may wait for a place; one more is shed.
    pub waiting: u32,
}

impl Default for BulkheadTuning {
    fn default() -> Self {
        Self {
            in_flight: at_least_one(32),
            waiting: 64,
        }
    }
}

/// Trying again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetryTuning {
    /// Attempts in all; 1: never again.
    pub attempts: NonZeroU32,
    /// The first back-off is random between zero and this; each further bound doubles.
    #[serde(with = "duration")]
    pub base: Duration,
    /// Greatest bound of a back-off.
    #[serde(with = "duration")]
    pub max: Duration,
    /// Retries allowed per hundred requests of the last ten seconds.
    pub budget_percent: u32,
    /// Retries allowed per second on top.
    pub budget_per_second: u32,
}

impl Default for RetryTuning {
    fn default() -> Self {
        Self {
            attempts: at_least_one(3),
            base: Duration::from_millis(100),
            max: Duration::from_secs(2),
            budget_percent: 10,
            budget_per_second: 1,
        }
    }
}

/// When a breaker trips and for how long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BreakerTuning {
    /// Failures in a row that trip it, however long they took to come together: a source that is
    /// rarely asked never fills a window.
    pub consecutive: NonZeroU32,
    /// Refusals of our credentials in a row that trip the credential breaker. Few, because
    /// carriers lock an account that keeps knocking; not one, because some sources refuse a
    /// single number this way.
    pub denials: NonZeroU32,
    /// Calls in the last 30 seconds below which no ratio is looked at.
    pub min_calls: u32,
    /// Failures per hundred calls that trip it.
    pub failed_percent: u32,
    /// Slow calls per hundred that trip it.
    pub slow_percent: u32,
    /// How long it stays tripped the first time; doubles with each failed probe.
    #[serde(with = "duration")]
    pub base: Duration,
    /// Greatest time that it stays tripped, before a jitter of 20 %.
    #[serde(with = "duration")]
    pub max: Duration,
}

impl Default for BreakerTuning {
    fn default() -> Self {
        Self {
            consecutive: at_least_one(5),
            denials: at_least_one(3),
            min_calls: 20,
            failed_percent: 50,
            slow_percent: 80,
            base: Duration::from_secs(5),
            max: Duration::from_secs(300),
        }
    }
}

/// Spending the quota.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QuotaTuning {
    /// Part of the quota, per hundred, that may be spent while the shared cache is out.
    pub degraded_percent: u32,
    /// Pause after the source said "too many" without saying how long; doubles while it goes on.
    #[serde(with = "duration")]
    pub pause_base: Duration,
    /// Greatest pause, whatever the source asks for.
    #[serde(with = "duration")]
    pub pause_max: Duration,
}

impl Default for QuotaTuning {
    fn default() -> Self {
        Self {
            degraded_percent: 20,
            pause_base: Duration::from_secs(5),
            pause_max: Duration::from_secs(300),
        }
    }
}

const fn at_least_one(count: u32) -> NonZeroU32 {
    match NonZeroU32::new(count) {
        Some(count) => count,
        None => NonZeroU32::MIN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_part_and_keeps_the_defaults_of_the_rest() {
        let text = "[breaker]\nconsecutive = 3\nbase = \"10s\"\n[quota]\npause_base = \"50ms\"";
        let read: Tuning = toml::from_str(text).unwrap();
        let mut expected = Tuning::default();
        expected.breaker.consecutive = at_least_one(3);
        expected.breaker.base = Duration::from_secs(10);
        expected.quota.pause_base = Duration::from_millis(50);
        assert_eq!(read, expected);
    }

    #[test]
    fn refuses_an_unknown_key_and_a_guard_that_lets_nothing_through() {
        for text in [
            "[breaker]\nconsecutiv = 3",
            "[bulkhead]\nin_flight = 0",
            "[retry]\nattempts = 0",
            "patience = \"-1s\"",
            "colour = 1",
        ] {
            assert!(toml::from_str::<Tuning>(text).is_err(), "{text}");
        }
    }
}
