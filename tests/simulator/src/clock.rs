//! Owns simulated time: when a scenario started and what time it is now. Knows nothing of carriers.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};
use tokio::time::Instant;

use crate::lock;

/// Simulated time, shared by every carrier of a simulator.
///
/// With a speed of zero it only moves when told to, which is what tests want.
#[derive(Clone)]
pub struct Clock {
    start: Timestamp,
    reading: Arc<Mutex<Reading>>,
}

struct Reading {
    at: Timestamp,
    since: Instant,
    speed: f64,
}

impl Reading {
    fn now(&self) -> Timestamp {
        let simulated = self.since.elapsed().as_secs_f64() * self.speed;
        match SignedDuration::try_from_secs_f64(simulated) {
            Ok(passed) => later(self.at, passed),
            Err(_) => Timestamp::MAX,
        }
    }
}

impl Clock {
    pub(crate) fn new(start: Timestamp, elapsed: Duration, speed: f64) -> Self {
        let at = later(start, signed(elapsed));
        let speed = if speed.is_finite() {
            speed.max(0.0)
        } else {
            0.0
        };
        let reading = Reading {
            at,
            since: Instant::now(),
            speed,
        };
        Self {
            start,
            reading: Arc::new(Mutex::new(reading)),
        }
    }

    /// The instant from which every scripted event is counted.
    pub fn start(&self) -> Timestamp {
        self.start
    }

    /// The simulated time.
    pub fn now(&self) -> Timestamp {
        lock(&self.reading).now()
    }

    /// How many simulated seconds pass in a real one.
    pub fn speed(&self) -> f64 {
        lock(&self.reading).speed
    }

    /// Moves simulated time forward.
    pub fn advance(&self, by: Duration) {
        let mut reading = lock(&self.reading);
        reading.at = later(reading.now(), signed(by));
        reading.since = Instant::now();
    }

    /// Sets simulated time, also backwards.
    pub fn set_now(&self, at: Timestamp) {
        let mut reading = lock(&self.reading);
        reading.at = at;
        reading.since = Instant::now();
    }

    /// The instant that lies `minutes` after the start of the scenarios (before it when negative).
    pub(crate) fn minutes_from_start(&self, minutes: i64) -> Timestamp {
        later(self.start, SignedDuration::from_mins(minutes))
    }
}

/// The wall clock of a named zone at an instant; UTC if the zone is not known.
pub(crate) fn local(at: Timestamp, zone: &str) -> Zoned {
    at.to_zoned(TimeZone::get(zone).unwrap_or(TimeZone::UTC))
}

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    let limit = if by.is_negative() {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    };
    at.checked_add(by).unwrap_or(limit)
}

fn signed(by: Duration) -> SignedDuration {
    SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::constant(1_772_438_400, 0);

    #[test]
    fn a_stopped_clock_moves_only_when_told_to() {
        let clock = Clock::new(START, Duration::from_secs(60), 0.0);
        std::thread::sleep(Duration::from_millis(2));
        assert_eq!(clock.now().as_second(), START.as_second() + 60);
        clock.advance(Duration::from_secs(5));
        assert_eq!(clock.now().as_second(), START.as_second() + 65);
        clock.set_now(START);
        assert_eq!(clock.now(), START);
    }

    #[test]
    fn a_fast_clock_runs_at_its_speed_on_from_where_it_was_set() {
        let clock = Clock::new(START, Duration::ZERO, 1_000_000.0);
        clock.advance(Duration::from_secs(50));
        let before = Instant::now();
        std::thread::sleep(Duration::from_millis(3));
        let least = 50 + 3_000;
        assert!(clock.now().as_second() - START.as_second() >= least);
        clock.set_now(START);
        let passed = clock.now().as_second() - START.as_second();
        let real = before.elapsed().as_secs() + 1;
        assert!(passed <= i64::try_from(real * 1_000_000).unwrap_or(i64::MAX));
    }

    #[test]
    fn absurd_settings_do_no_harm() {
        for speed in [f64::NAN, f64::INFINITY, -1.0] {
            assert_eq!(Clock::new(START, Duration::ZERO, speed).now(), START);
        }
        let clock = Clock::new(START, Duration::MAX, f64::MAX);
        clock.advance(Duration::MAX);
        assert_eq!(clock.now(), Timestamp::MAX);
    }
}
