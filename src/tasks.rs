//! The only place that spawns: a detached task that dies is counted and logged, never silent.

use std::future::Future;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use tokio::task::JoinHandle;
use tracing::Instrument;

/// Runs `work` by itself; aborting the handle stops it. `name` labels the metric and the log line
/// if it panics.
#[expect(clippy::disallowed_methods, reason = "this is the place")]
pub fn spawn<F>(name: &'static str, work: F) -> JoinHandle<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    // Whatever the work leaves broken dies with it: nobody else polls it again.
    let guarded = AssertUnwindSafe(work).catch_unwind();
    let reporting = async move {
        if guarded.await.is_err() {
            metrics::counter!("waybill_task_panics_total", "task" => name).increment(1);
            tracing::error!(task = name, "task panicked");
        }
    };
    let reporting = reporting.in_current_span();
    match crate::trace::current() {
        Some(trace) => tokio::spawn(crate::trace::within(trace, reporting)),
        None => tokio::spawn(reporting),
    }
}

#[cfg(test)]
mod tests {
    use metrics_exporter_prometheus::PrometheusBuilder;
    use tokio::sync::oneshot;

    use super::*;

    fn block_on(work: impl Future<Output = ()>) {
        tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
            .block_on(work);
    }

    #[test]
    fn a_panic_is_counted_and_does_not_reach_the_handle() {
        let recorder = PrometheusBuilder::new().build_recorder();
        metrics::with_local_recorder(&recorder, || {
            block_on(async {
                let failing = spawn("doomed", async { panic!("on purpose") });
                assert!(failing.await.is_ok());
                assert!(spawn("healthy", async {}).await.is_ok());
            });
        });
        let text = recorder.handle().render();
        assert!(
            text.contains("waybill_task_panics_total{task=\"doomed\"} 1"),
            "{text}"
        );
        assert!(!text.contains("healthy"), "{text}");
    }

    #[test]
    fn aborting_the_handle_drops_the_work() {
        block_on(async {
            let (held, gone) = oneshot::channel::<()>();
            let task = spawn("waiting", async move {
                std::future::pending::<()>().await;
                drop(held);
            });
            task.abort();
            assert!(task.await.unwrap_err().is_cancelled());
            assert!(gone.await.is_err(), "the work still holds its sender");
        });
    }
}
