//! What a guard tells about its source: figures of the last five minutes.

use std::sync::Mutex;
use std::time::Duration;

use jiff::Timestamp;
use sketches_ddsketch::DDSketch;
use tokio::time::Instant;
use waybill_core::error::ErrorKind;

use super::breaker::BreakerState;
use super::lock;

/// Slots of the sliding window.
const SLOTS: usize = 10;
/// Width of a slot in seconds; ten make five minutes.
const SLOT_SECONDS: u64 = 30;

/// How a source is doing. Figures are of the last five minutes.
#[derive(Clone, Debug, PartialEq)]
pub struct Health {
    /// The breaker of the source.
    pub source: BreakerHealth,
    /// The breaker of our credentials.
    pub credential: BreakerHealth,
    /// Attempts that have ended.
    pub attempts: u64,
    /// Part of them that failed, 0 to 1; `None` without attempts. Not found is no failure.
    pub error_rate: Option<f64>,
    /// Median time of an attempt, within 1 %.
    pub latency_p50: Option<Duration>,
    /// 99 % of attempts were faster, within 1 %.
    pub latency_p99: Option<Duration>,
    /// When the source last answered, ever.
    pub last_success: Option<Timestamp>,
    /// When an attempt last failed, ever, and how.
    pub last_failure: Option<(Timestamp, ErrorKind)>,
    /// What is left of the quota, 0 to 1: of the day if a daily limit is known, else of the burst;
    /// nothing while the source has us pause.
    pub quota_remaining: f64,
    /// When the day ends or the pause is over.
    pub quota_reset: Option<Timestamp>,
    /// Attempts that are at the source now.
    pub in_flight: u32,
}

/// How a breaker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerHealth {
    /// State.
    pub state: BreakerState,
    /// When the next probe may go, if it is tripped.
    pub next_probe: Option<Timestamp>,
    /// Until when an operator decides for it, if one does.
    pub held_until: Option<Timestamp>,
}

/// Figures that attempts leave behind.
pub(super) struct Figures {
    epoch: Instant,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    slots: [Slot; SLOTS],
    in_flight: u32,
    last_success: Option<Timestamp>,
    last_failure: Option<(Timestamp, ErrorKind)>,
}

#[derive(Default)]
struct Slot {
    number: u64,
    failed: u64,
    seconds: DDSketch,
}

/// A sum over the window.
pub(super) struct Summary {
    pub(super) attempts: u64,
    pub(super) error_rate: Option<f64>,
    pub(super) p50: Option<Duration>,
    pub(super) p99: Option<Duration>,
    pub(super) last_success: Option<Timestamp>,
    pub(super) last_failure: Option<(Timestamp, ErrorKind)>,
    pub(super) in_flight: u32,
}

impl Default for Figures {
    fn default() -> Self {
        Self {
            epoch: Instant::now(),
            inner: Mutex::default(),
        }
    }
}

impl Figures {
    /// An attempt leaves.
    pub(super) fn leave(&self) {
        let mut inner = lock(&self.inner);
        inner.in_flight = inner.in_flight.saturating_add(1);
    }

    /// It is over, whether or not it has a result.
    pub(super) fn back(&self) {
        let mut inner = lock(&self.inner);
        inner.in_flight = inner.in_flight.saturating_sub(1);
    }

    /// It has a result.
    pub(super) fn record(&self, took: Duration, failed: Option<ErrorKind>, at: Timestamp) {
        let number = self.slot_number();
        let place = usize::try_from(number % SLOTS as u64).unwrap_or_default();
        let mut inner = lock(&self.inner);
        let slot = &mut inner.slots[place];
        if slot.number != number {
            *slot = Slot {
                number,
                ..Slot::default()
            };
        }
        slot.seconds.add(took.as_secs_f64());
        slot.failed += u64::from(failed.is_some());
        match failed {
            Some(kind) => inner.last_failure = Some((at, kind)),
            None => inner.last_success = Some(at),
        }
    }

    pub(super) fn summary(&self) -> Summary {
        let oldest = self.slot_number().saturating_sub(SLOTS as u64 - 1);
        let inner = lock(&self.inner);
        let mut seconds = DDSketch::default();
        let mut failed = 0;
        for slot in inner.slots.iter().filter(|slot| slot.number >= oldest) {
            failed += slot.failed;
            // Merging fails only between sketches of different precision.
            let _ = seconds.merge(&slot.seconds);
        }
        let attempts = seconds.count() as u64;
        let quantile = |q| {
            let value = seconds.quantile(q).ok().flatten()?;
            Duration::try_from_secs_f64(value).ok()
        };
        Summary {
            attempts,
            error_rate: (attempts > 0).then(|| failed as f64 / attempts as f64),
            p50: quantile(0.5),
            p99: quantile(0.99),
            last_success: inner.last_success,
            last_failure: inner.last_failure,
            in_flight: inner.in_flight,
        }
    }

    /// Counted from 1, so that a fresh slot is never current.
    fn slot_number(&self) -> u64 {
        self.epoch.elapsed().as_secs() / SLOT_SECONDS + 1
    }
}
