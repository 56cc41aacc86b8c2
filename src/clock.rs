//! The only reader of the wall clock. Everything else is handed a [`Clock`] or a moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;

/// Where "now" comes from.
#[derive(Clone)]
pub struct Clock(Source);

#[derive(Clone)]
enum Source {
    System,
    /// Milliseconds since the epoch, set by hand.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// The machine's clock.
    pub const fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands until it is moved.
    pub fn manual(start: Timestamp) -> Self {
        Self(Source::Manual(Arc::new(AtomicI64::new(
            start.as_millisecond(),
        ))))
    }

    /// Now.
    #[expect(clippy::disallowed_methods, reason = "this is the clock module")]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System => Timestamp::now(),
            Source::Manual(at) => {
                Timestamp::from_millisecond(at.load(Ordering::Acquire)).unwrap_or(Timestamp::MAX)
            }
        }
    }

    /// Moves a manual clock forward; the machine's clock moves by itself.
    pub fn advance(&self, by: std::time::Duration) {
        if let Source::Manual(at) = &self.0 {
            let millis = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
            at.fetch_add(millis, Ordering::AcqRel);
        }
    }
}
