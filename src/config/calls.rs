//! `[calls]` as plain values.

use std::time::Duration;

use super::CallSettings;

/// Limits of calls as plain values.
#[derive(Clone, Debug)]
pub struct Calls {
    /// As in [`CallSettings`].
    pub default_deadline: Duration,
    /// As in [`CallSettings`].
    pub unary_cap: Duration,
    /// As in [`CallSettings`].
    pub batch_cap: Duration,
    /// As in [`CallSettings`].
    pub batch_items: usize,
    /// As in [`CallSettings`].
    pub ingest_events: usize,
    /// As in [`CallSettings`].
    pub request_bytes: usize,
    /// As in [`CallSettings`].
    pub batch_bytes: usize,
    /// As in [`CallSettings`].
    pub response_bytes: usize,
}

impl Calls {
    /// Time for a call that states `stated`.
    pub fn time_for(&self, stated: Option<Duration>, cap: Duration) -> Duration {
        stated.unwrap_or(self.default_deadline.min(cap)).min(cap)
    }
}

impl From<&CallSettings> for Calls {
    fn from(settings: &CallSettings) -> Self {
        Self {
            default_deadline: settings.default_deadline.0,
            unary_cap: settings.unary_cap.0,
            batch_cap: settings.batch_cap.0,
            batch_items: settings.batch_items,
            ingest_events: settings.ingest_events,
            request_bytes: settings.request_bytes,
            batch_bytes: settings.batch_bytes,
            response_bytes: settings.response_bytes,
        }
    }
}
