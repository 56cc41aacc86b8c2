//! Log set-up and the one list of metrics.
//!
//! **Invariant:** personal data stays out of logs and metrics. Our own fields cannot hold it,
//! since `Pii` has neither `Debug` nor `Display`; libraries that see whole requests are held to
//! warnings whatever the filter says. Labels are ids and classes, never anything that a caller
//! chose.

use std::io::IsTerminal;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::SubscriberInitExt;

/// Shape of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Plain,
    /// For machines, one object a line.
    Json,
}

/// Crates that handle raw requests, responses or stored values and log them when asked.
const HELD_BACK: [&str; 11] = [
    "h2",
    "hyper",
    "hyper_util",
    "reqwest",
    "rustls",
    "tonic",
    "tower",
    "axum",
    "redis",
    "redb",
    "moka",
];

/// Puts another filter in place of the one of now.
type Refilter = Box<dyn Fn(EnvFilter) -> Result<(), String> + Send + Sync>;

/// Of the log that [`init`] has started.
static REFILTER: OnceLock<Refilter> = OnceLock::new();

/// Starts logging to standard error. `filter` is in the syntax of `tracing_subscriber`, for
/// example "info,waybill=debug".
///
/// # Errors
/// A filter that cannot be read, or a second call.
pub fn init(format: Format, filter: &str) -> Result<(), String> {
    let colour = std::io::stderr().is_terminal();
    let (subscriber, refilter) = subscriber(format, filter, colour, std::io::stderr)?;
    subscriber.try_init().map_err(|error| error.to_string())?;
    // A second one has failed just now.
    let _first = REFILTER.set(refilter);
    Ok(())
}

/// Logs by another filter from now on.
///
/// # Errors
/// A filter that cannot be read, or a process that logs in a way of its own.
pub fn set_filter(filter: &str) -> Result<(), String> {
    let filter = read_filter(filter)?;
    let refilter = REFILTER.get();
    let refilter = refilter.ok_or("this process does not log by a filter of ours")?;
    refilter(filter)
}

/// Reads a filter, and holds back what sees whole requests.
///
/// # Errors
/// It cannot be read.
pub fn read_filter(filter: &str) -> Result<EnvFilter, String> {
    let unusable = |error| format!("log filter cannot be read: {error}");
    let mut filter = EnvFilter::try_new(filter).map_err(unusable)?;
    for name in HELD_BACK {
        filter = filter.add_directive(format!("{name}=warn").parse().map_err(unusable)?);
    }
    Ok(filter)
}

fn subscriber<W>(
    format: Format,
    filter: &str,
    colour: bool,
    writer: W,
) -> Result<(Box<dyn Subscriber + Send + Sync>, Refilter), String>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt()
        .with_env_filter(read_filter(filter)?)
        .with_ansi(colour)
        .with_writer(writer);
    Ok(match format {
        Format::Plain => {
            let lines = lines.with_filter_reloading();
            let handle = lines.reload_handle();
            let refilter = move |filter| handle.reload(filter).map_err(|error| error.to_string());
            (Box::new(lines.finish()), Box::new(refilter))
        }
        Format::Json => {
            let lines = lines.json().flatten_event(true).with_filter_reloading();
            let handle = lines.reload_handle();
            let refilter = move |filter| handle.reload(filter).map_err(|error| error.to_string());
            (Box::new(lines.finish()), Box::new(refilter))
        }
    })
}

/// Which of 2^32 calls answered from kept bytes get a line.
static KEPT: AtomicU32 = AtomicU32::new(u32::MAX / 100);

/// Has so many percent of the calls that are answered from kept bytes get a line.
pub fn set_kept_percent(percent: f64) {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of 2^32"
    )]
    let share = (percent.clamp(0.0, 100.0) / 100.0 * f64::from(u32::MAX)) as u32;
    KEPT.store(share, Ordering::Relaxed);
}

/// Whether chance gives this call, answered from kept bytes, a line.
pub fn is_line_due() -> bool {
    let share = KEPT.load(Ordering::Relaxed);
    share > 0 && rand::random::<u32>() <= share
}

/// Kind of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// A level.
    Gauge,
    /// Durations in seconds, in [`BUCKETS`].
    Histogram,
}

/// A metric.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Name.
    pub name: &'static str,
    /// Kind.
    pub kind: Kind,
    /// One line for the scraper.
    pub help: &'static str,
}

/// Every metric of the gateway.
#[rustfmt::skip]
pub const METRICS: &[Metric] = &[
    gauge("waybill_build_info", "1, by version"),
    histogram("rpc_server_call_duration_seconds", "time to answer an RPC, of a stream to its first message, by method and gRPC code"),
    gauge("waybill_config_generation", "how often the configuration has been read, the start counted"),
    counter("waybill_config_reloads_total", "attempts to read the configuration anew, by result"),
    counter("waybill_admin_calls_total", "calls of operators that change something, by method"),
    counter("waybill_auth_failures_total", "calls without a valid credential, by what was wrong with it"),
    counter("waybill_auth_keys_reads_total", "reads of the keys file after a change, by result"),
    gauge("waybill_auth_keys_generation", "how often the keys file has been read"),
    counter("waybill_quota_refusals_total", "calls beyond a tenant's quota, by quota"),
    counter("waybill_tls_reads_total", "reads of certificates after a change, by result"),
    counter("waybill_tls_handshakes_failed_total", "connections closed for want of a TLS hand-shake"),
    counter("waybill_jwks_reads_total", "reads of an issuer's public keys, by issuer and result"),
    counter("waybill_carrier_attempts_total", "requests to a source, by source and outcome"),
    histogram("waybill_carrier_attempt_seconds", "time of one request to a source, by source"),
    counter("waybill_http_refused_total", "requests that would have left for a host or an address that is not a source's, by reason"),
    gauge("waybill_breaker_state", "0 passing, 1 tripped, 2 probing, by source, account and breaker"),
    counter("waybill_breaker_transitions_total", "changes of a breaker, by source and new state"),
    counter("waybill_quota_waits_total", "requests that waited for a source's quota, by source"),
    counter("waybill_retries_total", "further attempts at a source, by source"),
    counter("waybill_cache_ops_total", "look-ups, by level (kept answers, memory, Redis) and result"),
    counter("waybill_cache_faults_total", "cache operations that failed"),
    counter("waybill_cache_writes_dropped_total", "answers not written to the shared cache, because it was too slow"),
    counter("waybill_store_commits_total", "writes to the store"),
    counter("waybill_store_evictions_total", "shipments that the memory store gave up for room"),
    counter("waybill_store_faults_total", "store operations that failed"),
    counter(
        "waybill_unrecorded_answers_total",
        "lookups that were answered, or tried to be, without the store",
    ),
    counter("waybill_store_unreadable_total", "stored values that could not be read, by reason"),
    counter("waybill_source_spend_total", "spent at a source, in millionths of the unit of its cost, by source and account"),
    counter("waybill_quota_pauses_total", "pauses that a source asked for, by source"),
    counter("waybill_bulkhead_shed_total", "calls shed because too many wait, by source"),
    counter("waybill_source_refusals_total", "calls that never left, by source and reason"),
    counter("waybill_retry_budget_exhausted_total", "retries that the budget did not allow, by source"),
    counter("waybill_unclassified_events_total", "events with a code that we do not know, by source"),
    counter("waybill_reports_foreign_total", "shipments that nobody asked for in answers, by source"),
    counter("waybill_told_numbers_total", "numbers that texts of events name, by whether another shipment has them"),
    counter("waybill_shipments_united_total", "stored shipments that became a part of another one"),
    gauge("waybill_evidence_bytes", "bytes of what sources said, as kept for evidence"),
    counter("waybill_evidence_dropped_total", "answers not kept for evidence, because too many waited or the disk failed"),
    counter("waybill_evidence_evictions_total", "answers kept for evidence that went early for room"),
    gauge("waybill_kpi_bytes", "bytes of the key figures in memory, about"),
    counter("waybill_kpi_dropped_total", "changes left out of the key figures, because too many waited"),
    counter("waybill_pushes_total", "pushes of carriers, by source and outcome"),
    histogram("waybill_push_seconds", "time to acknowledge a push once its head is there, by source"),
    gauge("waybill_push_waiting", "pushes and polls for them that wait to be worked on, by source"),
    counter("waybill_push_work_total", "pushes and polls for them worked on, by source and outcome"),
    counter("waybill_subscriptions_total", "subscriptions to pushes of sources made, renewed or ended, by source and outcome"),
    counter("waybill_push_faults_total", "writes of pushes that failed"),
    counter("waybill_schedule_polls_total", "polls of followed shipments, by source, lane and outcome"),
    histogram("waybill_schedule_lateness_seconds", "time from when a poll was due to when it was sent off, by source"),
    gauge("waybill_schedule_due", "polls that are due now"),
    gauge("waybill_freshness_debt_seconds", "mean time by which intervals are stretched because the quota allows no more, by source"),
    gauge("waybill_stream_active", "watch streams now"),
    counter("waybill_stream_resyncs_total", "streams that began anew with the newest state, by reason"),
    histogram("waybill_update_lag_seconds", "from an event to its commit, and from a commit to its delivery to a stream, by leg"),
    histogram("waybill_freshness_seconds", "age of records when they are read, by carrier and stage; kept answers not counted"),
    counter("waybill_validation_rejects_total", "new findings about records, by rule"),
    gauge("waybill_quota_remaining", "requests that can still leave, by source, account and window"),
    counter("waybill_billable_calls_total", "calls, or numbers where a source bills those, that cost something, by source and class of the caller"),
    histogram("waybill_redis_seconds", "time of one exchange with a Redis"),
    counter("waybill_redis_errors_total", "faults of a Redis, by kind"),
    counter("waybill_trace_spans_dropped_total", "spans that were not sent, because too many waited or the collector did not take them"),
    counter("waybill_watch_history_lost_total", "times the change log was lost and every watcher started anew"),
    gauge("waybill_connections", "connections now"),
    counter("waybill_connections_refused_total", "connections closed at once, by limit"),
    counter("waybill_connections_cut_total", "connections cut because of what came over them, by reason"),
    counter("waybill_requests_shed_total", "requests turned away because the server had enough work, by class"),
    counter("waybill_task_panics_total", "tasks that panicked, by task"),
];

/// Upper bounds of the histograms' buckets in seconds: those of OpenTelemetry's conventions for
/// RPCs, finer below 5 ms for cached answers, and coarser ones for slow carriers and late polls.
pub const BUCKETS: &[f64] = &[
    0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75,
    1.0, 2.5, 5.0, 7.5, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0,
];

const fn counter(name: &'static str, help: &'static str) -> Metric {
    let kind = Kind::Counter;
    Metric { name, kind, help }
}

const fn gauge(name: &'static str, help: &'static str) -> Metric {
    let kind = Kind::Gauge;
    Metric { name, kind, help }
}

const fn histogram(name: &'static str, help: &'static str) -> Metric {
    let kind = Kind::Histogram;
    Metric { name, kind, help }
}

/// Starts the collection of metrics; later calls return the same handle.
///
/// # Errors
/// Another recorder runs in this process.
pub fn metrics_handle() -> Result<PrometheusHandle, String> {
    static HANDLE: OnceLock<Result<PrometheusHandle, String>> = OnceLock::new();
    let install = || {
        let handle = builder()?
            .install_recorder()
            .map_err(|error| error.to_string())?;
        describe();
        metrics::gauge!("waybill_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1);
        Ok(handle)
    };
    HANDLE.get_or_init(install).clone()
}

fn builder() -> Result<PrometheusBuilder, String> {
    // Without buckets the exporter makes summaries, which cannot be added up over nodes.
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), BUCKETS)
        .map_err(|error| error.to_string())
}

/// Tells the recorder what each metric means.
fn describe() {
    for metric in METRICS {
        match metric.kind {
            Kind::Counter => metrics::describe_counter!(metric.name, metric.help),
            Kind::Gauge => metrics::describe_gauge!(metric.name, metric.help),
            Kind::Histogram => metrics::describe_histogram!(metric.name, metric.help),
        }
    }
}

/// Folds recorded durations into their buckets for ever; without it they pile up between scrapes.
pub async fn upkeep(handle: PrometheusHandle) {
    let mut tick = tokio::time::interval(Duration::from_secs(5));
    loop {
        tick.tick().await;
        handle.run_upkeep();
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::path::Path;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: Format, filter: &str, work: impl FnOnce()) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let (subscriber, _) = subscriber(format, filter, false, move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, work);
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn libraries_that_see_requests_stay_silent_at_every_filter() {
        for filter in ["trace", "h2=trace,hyper=debug,waybill=trace"] {
            let text = logged(Format::Plain, filter, || {
                tracing::debug!(target: "h2::codec", "frame with a number in it");
                tracing::trace!(target: "hyper::proto", "head with a number in it");
                tracing::trace!(target: "waybill::server", "of our own");
            });
            assert!(text.contains("of our own"), "{text}");
            assert!(!text.contains("number"), "{text}");
        }
    }

    #[test]
    fn json_lines_are_flat_objects() {
        let text = logged(Format::Json, "info", || {
            tracing::info!(source = "ups", "breaker tripped");
            tracing::debug!("below the filter");
        });
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["message"], "breaker tripped");
        assert_eq!(line["source"], "ups");
        assert_eq!(line["level"], "INFO");
    }

    #[test]
    fn a_bad_filter_is_an_error() {
        let error = init(Format::Plain, "waybill=loud").unwrap_err();
        assert!(error.starts_with("log filter cannot be read"), "{error}");
    }

    #[test]
    fn every_metric_is_exported_with_its_help_and_durations_in_buckets() {
        let recorder = builder().unwrap().build_recorder();
        metrics::with_local_recorder(&recorder, || {
            describe();
            for metric in METRICS {
                match metric.kind {
                    Kind::Counter => metrics::counter!(metric.name).increment(1),
                    Kind::Gauge => metrics::gauge!(metric.name).set(1),
                    Kind::Histogram => metrics::histogram!(metric.name).record(0.003),
                }
            }
        });
        let text = recorder.handle().render();
        for metric in METRICS {
            let name = metric.name;
            assert!(text.contains(&format!("# HELP {name} {}", metric.help)));
            if metric.kind == Kind::Histogram {
                assert!(
                    text.contains(&format!("{name}_bucket{{le=\"0.0025\"}} 0")),
                    "{text}"
                );
                assert!(
                    text.contains(&format!("{name}_bucket{{le=\"0.005\"}} 1")),
                    "{text}"
                );
            }
        }
    }

    #[test]
    fn names_follow_their_kind_and_appear_once() {
        for (at, metric) in METRICS.iter().enumerate() {
            let total = metric.name.ends_with("_total");
            assert_eq!(total, metric.kind == Kind::Counter, "{}", metric.name);
            // A level can be a length of time, too.
            let seconds = metric.name.ends_with("_seconds");
            assert!(seconds || metric.kind != Kind::Histogram, "{}", metric.name);
            assert!(!seconds || metric.kind != Kind::Counter, "{}", metric.name);
            assert!(
                METRICS[at + 1..]
                    .iter()
                    .all(|other| other.name != metric.name)
            );
        }
    }

    /// Every use of a metric in the sources names one of the table, of that kind, by a literal.
    #[test]
    fn every_metric_that_is_used_is_in_the_table() {
        let mut found = 0;
        visit(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
            &mut |path, text| {
                for (macro_name, kind) in [
                    ("counter!(", Kind::Counter),
                    ("gauge!(", Kind::Gauge),
                    ("histogram!(", Kind::Histogram),
                ] {
                    for (at, _) in text.match_indices(macro_name) {
                        if text[..at].ends_with('_') {
                            continue;
                        }
                        let rest = text[at + macro_name.len()..].trim_start();
                        let Some(rest) = rest.strip_prefix('"') else {
                            panic!("{}: {macro_name} without a literal name", path.display());
                        };
                        let name = rest.split('"').next().unwrap_or_default();
                        let listed = METRICS.iter().any(|m| m.name == name && m.kind == kind);
                        assert!(listed, "{}: {name} is not in METRICS", path.display());
                        found += 1;
                    }
                }
            },
        );
        assert!(
            found > 0,
            "no metric found: has the spelling of the macros changed?"
        );
    }

    fn visit(dir: &Path, each: &mut impl FnMut(&Path, &str)) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                visit(&path, each);
            } else if path.extension().is_some_and(|ext| ext == "rs")
                && !path.ends_with("src/telemetry.rs")
            {
                each(&path, &std::fs::read_to_string(&path).unwrap());
            }
        }
    }
}
