//! What is logged: as configured, or otherwise for a time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::telemetry;

/// The filters of a process's log.
pub(super) struct Log(Mutex<Filters>);

struct Filters {
    configured: String,
    /// For a time, instead of the configured one.
    other: Option<String>,
    /// Grows with each change, so that the end of an earlier time changes nothing.
    serial: u64,
}

impl Log {
    pub(super) fn new(configured: &str) -> Self {
        Self(Mutex::new(Filters {
            configured: configured.to_owned(),
            other: None,
            serial: 0,
        }))
    }

    /// Takes another configured filter, which goes into force unless there is another one for a time.
    pub(super) fn configure(&self, filter: &str) {
        let mut filters = self.lock();
        if filters.configured == filter {
            return;
        }
        filter.clone_into(&mut filters.configured);
        if filters.other.is_none() {
            apply(filter);
        }
    }

    /// Logs by a filter for a time, or by the configured one if it is empty. Returns the one in force.
    pub(super) fn set(log: &Arc<Self>, filter: &str, time: Duration) -> Result<String, String> {
        let serial = {
            let mut filters = log.lock();
            let is_back = filter.is_empty();
            let filter = if is_back { &filters.configured } else { filter }.to_owned();
            telemetry::set_filter(&filter)?;
            filters.serial += 1;
            filters.other = (!is_back).then(|| filter.clone());
            if is_back {
                return Ok(filter);
            }
            filters.serial
        };
        let log = Arc::clone(log);
        let set = filter.to_owned();
        crate::tasks::spawn("log-filter", async move {
            tokio::time::sleep(time).await;
            let mut filters = log.lock();
            if filters.serial == serial {
                filters.other = None;
                apply(&filters.configured);
            }
        });
        Ok(set)
    }

    fn lock(&self) -> MutexGuard<'_, Filters> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Puts a filter in place that was read before. A process that logs in a way of its own goes on so.
fn apply(filter: &str) {
    if let Err(reason) = telemetry::set_filter(filter) {
        tracing::debug!(reason, "the log goes on as it was");
    }
}
