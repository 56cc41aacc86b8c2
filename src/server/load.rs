//! How much work the whole server takes on at once, and what it lets go first.
//!
//! Beyond what a machine can do, each further request only makes all of them late. The number of
//! requests at work is therefore fixed, and each class may use only a share of it: when it fills
//! up, polls in the background stop first, then batches, then new streams, and last of all the
//! calls that somebody waits for.
//!
//! **Invariant:** entering and leaving are one atomic operation each, so that a refusal costs next
//! to nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde::{Deserialize, Serialize};

use crate::quota;

/// How much work is taken on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LoadSettings {
    /// Requests at work at the same time. What is answered from kept bytes does not count.
    pub requests: u32,
    /// Percent of these that may be at work when a new stream is set up.
    pub streams_percent: u32,
    /// Percent of these that may be at work when a batch begins.
    pub batch_percent: u32,
    /// Percent of these that may be at work when a followed shipment is polled.
    pub background_percent: u32,
}

impl Default for LoadSettings {
    fn default() -> Self {
        Self {
            requests: 2_000,
            streams_percent: 90,
            batch_percent: 75,
            background_percent: 50,
        }
    }
}

/// What a request is for, the most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Somebody waits for the answer.
    Interactive,
    /// The beginning of a stream, until it has sent what there is.
    Stream,
    /// A program works through a list.
    Batch,
    /// Nobody waits.
    Background,
}

impl Class {
    /// Name in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Interactive => "interactive",
            Self::Stream => "stream",
            Self::Batch => "batch",
            Self::Background => "background",
        }
    }
}

/// The work of a server.
pub struct Load {
    running: AtomicU32,
    limits: [u32; 4],
}

/// The right to work; given back when the last clone is dropped.
#[derive(Clone)]
pub struct Running {
    _held: Arc<Held>,
    /// What its tenant has for it.
    _own: Option<Arc<quota::One>>,
}

impl Running {
    /// The same, with what its tenant has for it: that is given back too.
    #[must_use]
    pub fn with(self, own: Option<quota::One>) -> Self {
        Self {
            _own: own.map(Arc::new),
            ..self
        }
    }
}

struct Held(Arc<Load>);

impl Load {
    /// Makes an idle one.
    pub fn new(settings: &LoadSettings) -> Arc<Self> {
        let share = |percent: u32| {
            let share = u64::from(settings.requests) * u64::from(percent.min(100)) / 100;
            // A class that may never begin would not be a limit but a defect.
            u32::try_from(share).unwrap_or(u32::MAX).max(1)
        };
        Arc::new(Self {
            running: AtomicU32::new(0),
            limits: [
                share(100),
                share(settings.streams_percent),
                share(settings.batch_percent),
                share(settings.background_percent),
            ],
        })
    }

    /// Begins work, unless there is too much for its class.
    pub fn enter(self: &Arc<Self>, class: Class) -> Option<Running> {
        let limit = self.limits[class as usize];
        if self.running.fetch_add(1, Ordering::Relaxed) < limit {
            return Some(Running {
                _held: Arc::new(Held(Arc::clone(self))),
                _own: None,
            });
        }
        self.running.fetch_sub(1, Ordering::Relaxed);
        metrics::counter!("waybill_requests_shed_total", "class" => class.as_str()).increment(1);
        None
    }

    /// Whether work of a class could begin now.
    pub fn has_room(&self, class: Class) -> bool {
        self.running() < self.limits[class as usize]
    }

    /// Requests at work.
    pub fn running(&self) -> u32 {
        self.running.load(Ordering::Relaxed)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_urgent_is_let_go_first_and_what_ends_makes_room() {
        let settings = LoadSettings {
            requests: 10,
            ..LoadSettings::default()
        };
        let load = Load::new(&settings);
        let mut held = Vec::new();
        for (class, limit) in [
            (Class::Background, 5),
            (Class::Batch, 7),
            (Class::Stream, 9),
            (Class::Interactive, 10),
        ] {
            while let Some(running) = load.enter(class) {
                held.push(running);
            }
            assert_eq!(held.len(), limit, "{class:?}");
            assert!(!load.has_room(class));
        }
        let kept = held[0].clone();
        held.clear();
        assert_eq!(load.running(), 1, "a clone is still at work");
        drop(kept);
        assert_eq!(load.running(), 0);
        assert!(load.enter(Class::Background).is_some());
    }

    #[test]
    fn even_the_smallest_server_works() {
        let settings = LoadSettings {
            requests: 1,
            ..LoadSettings::default()
        };
        assert!(Load::new(&settings).enter(Class::Background).is_some());
    }
}
