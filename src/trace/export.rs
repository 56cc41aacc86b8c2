//! Spans on their way to a collector, by OTLP over gRPC.
//!
//! **Invariant:** nobody waits for a collector. Spans that do not fit into the bounded queue, or that
//! it does not take, are dropped and counted.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use opentelemetry::trace::{
    SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithTonicConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanExporter as _, SpanLinks};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};
use tonic::transport::Endpoint;

use crate::clock::Clock;
use crate::config::Span;

/// Spans that may wait.
const WAITING: usize = 2_048;
/// Spans that go in one request, and how long the first one waits for others.
const GROUP: usize = 512;
const GATHERING: Duration = Duration::from_secs(1);

/// `[trace]`
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Collector that takes OTLP over gRPC, `http://host:port`; empty: no spans are made.
    pub endpoint: String,
    /// Percent of the calls whose spans are sent. A caller that samples its own call samples ours.
    pub percent: f64,
    /// Time for one request to the collector.
    pub timeout: Span,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            endpoint: String::new(),
            percent: 1.0,
            timeout: Span(Duration::from_secs(5)),
        }
    }
}

impl Settings {
    /// Checks what the types do not.
    ///
    /// # Errors
    /// Names the setting and its bounds.
    pub fn check(&self) -> Result<(), String> {
        if !(0.0..=100.0).contains(&self.percent) {
            return Err("trace.percent: must be 0 to 100".to_owned());
        }
        if !self.endpoint.is_empty() && !self.endpoint.starts_with("http://") {
            let wrong = "trace.endpoint: must be http://host:port of a collector on this machine \
                         or in this network";
            return Err(wrong.to_owned());
        }
        Ok(())
    }
}

/// What a piece of work is to its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It answers somebody.
    Server,
    /// It asks somebody.
    Client,
}

/// Where spans go.
static QUEUE: RwLock<Option<mpsc::Sender<SpanData>>> = RwLock::new(None);
/// Which of 2^32 calls are sampled by chance; 0 with tracing off or at 0 %.
static SHARE: AtomicU32 = AtomicU32::new(0);
/// Whether spans go anywhere; read for each call, so apart from the queue.
static ON: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);

/// Whether chance picks this call.
pub(super) fn chance() -> bool {
    let share = SHARE.load(Ordering::Relaxed);
    share > 0 && rand::random::<u32>() <= share
}

pub(super) fn is_on() -> bool {
    ON.load(Ordering::Relaxed)
}

/// Puts a span into the queue; `ids` are those of the trace, the span and its parent.
pub(super) fn tell(
    ids: (u128, u64, Option<u64>),
    kind: Kind,
    name: &'static str,
    start: Timestamp,
    attributes: &[(&'static str, &str)],
    failed: Option<&'static str>,
) {
    let (trace, span, parent) = ids;
    let context = SpanContext::new(
        TraceId::from_bytes(trace.to_be_bytes()),
        SpanId::from_bytes(span.to_be_bytes()),
        TraceFlags::SAMPLED,
        false,
        TraceState::default(),
    );
    let attributes = attributes
        .iter()
        .map(|(key, value)| KeyValue::new(*key, (*value).to_owned()));
    let span = SpanData {
        span_context: context,
        parent_span_id: parent.map_or(SpanId::INVALID, |id| SpanId::from_bytes(id.to_be_bytes())),
        parent_span_is_remote: kind == Kind::Server,
        span_kind: match kind {
            Kind::Server => SpanKind::Server,
            Kind::Client => SpanKind::Client,
        },
        name: name.into(),
        start_time: SystemTime::from(start),
        end_time: SystemTime::from(Clock::system().now()),
        attributes: attributes.collect(),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: failed.map_or(Status::Unset, Status::error),
        instrumentation_scope: InstrumentationScope::builder("waybill").build(),
    };
    let queue = QUEUE.read().unwrap_or_else(PoisonError::into_inner);
    let has_room = queue
        .as_ref()
        .is_some_and(|queue| queue.try_send(span).is_ok());
    if !has_room {
        dropped(1);
    }
}

fn dropped(spans: usize) {
    let spans = u64::try_from(spans).unwrap_or(u64::MAX);
    metrics::counter!("waybill_trace_spans_dropped_total").increment(spans);
}

/// Sends the spans of this process, until it is stopped.
pub struct Exporter(Option<JoinHandle<()>>);

impl Exporter {
    /// Starts sending, if there is a collector. The last one that is started in a process has all of
    /// its spans.
    ///
    /// # Errors
    /// Names the setting that is wrong.
    pub fn start(settings: &Settings, instance: &str) -> Result<Self, String> {
        if settings.endpoint.is_empty() {
            return Ok(Self(None));
        }
        let wrong = |error: &dyn std::fmt::Display| format!("trace.endpoint: {error}");
        let endpoint = Endpoint::from_shared(settings.endpoint.clone());
        let endpoint = endpoint.map_err(|error| wrong(&error))?;
        let time = settings.timeout.0;
        let channel = endpoint.connect_timeout(time).connect_lazy();
        let exporter = SpanExporter::builder().with_tonic();
        let exporter = exporter.with_channel(channel).with_timeout(time).build();
        let mut exporter = exporter.map_err(|error| wrong(&error))?;
        let resource = Resource::builder_empty()
            .with_attributes([
                KeyValue::new("service.name", "waybill"),
                KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
                KeyValue::new("service.instance.id", instance.to_owned()),
            ])
            .build();
        exporter.set_resource(&resource);
        let (queue, spans) = mpsc::channel(WAITING);
        *QUEUE.write().unwrap_or_else(PoisonError::into_inner) = Some(queue);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of 2^32, checked to be one"
        )]
        let share = (settings.percent / 100.0 * f64::from(u32::MAX)) as u32;
        SHARE.store(share, Ordering::Relaxed);
        ON.store(true, Ordering::Relaxed);
        let sending = crate::tasks::spawn("trace", send_all(exporter, spans, time));
        Ok(Self(Some(sending)))
    }

    /// Sends what waits, and ends.
    pub async fn stop(self) {
        let Some(sending) = self.0 else { return };
        ON.store(false, Ordering::Relaxed);
        SHARE.store(0, Ordering::Relaxed);
        QUEUE.write().unwrap_or_else(PoisonError::into_inner).take();
        // A task that panicked has been reported where it happened.
        let _reported = sending.await;
    }
}

async fn send_all(exporter: SpanExporter, mut spans: mpsc::Receiver<SpanData>, time: Duration) {
    let mut failing = false;
    while let Some(first) = spans.recv().await {
        let mut group = vec![first];
        let until = Instant::now() + GATHERING;
        while group.len() < GROUP
            && let Ok(Some(span)) = timeout_at(until, spans.recv()).await
        {
            group.push(span);
        }
        let count = group.len();
        let sent = timeout(time, exporter.export(group)).await;
        let failed = !matches!(sent, Ok(Ok(())));
        if failed {
            dropped(count);
        }
        if failed && !failing {
            tracing::warn!("the collector takes no spans; they are dropped until it does");
        }
        failing = failed;
    }
}
