//! The only place that spawns: a detached task that dies is counted and logged, never silent.

use std::future::Future;

use tokio::task::JoinHandle;
use tracing::Instrument;

/// Runs `work` by itself. `name` labels the metric and the log line if it panics.
#[expect(clippy::disallowed_methods, reason = "this is the place")]
pub fn spawn<F>(name: &'static str, work: F) -> JoinHandle<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    let task = tokio::spawn(work.in_current_span());
    tokio::spawn(async move {
        let abort = task.abort_handle();
        let guard = AbortOnDrop(abort);
        let result = task.await;
        std::mem::forget(guard);
        if let Err(error) = result
            && error.is_panic()
        {
            metrics::counter!("waybill_task_panics_total", "task" => name).increment(1);
            tracing::error!(task = name, "task panicked");
        }
    })
}

/// Stops the inner task when the outer one is aborted.
struct AbortOnDrop(tokio::task::AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
