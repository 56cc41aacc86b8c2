//! What is seen of a call from outside: one figure, one line of the log, and a span if it is sampled.
//!
//! **Invariant:** none of them holds what a caller wrote. Methods and codes come from closed sets;
//! tenants are named in lines, never in labels.

use std::sync::Arc;

use http::HeaderMap;
use jiff::Timestamp;
use tokio::time::Instant;
use tonic::Code;

use crate::clock::Clock;
use crate::pipeline::Note;
use crate::telemetry;
use crate::trace::{Kind, Trace};

/// A call from its first to its last moment.
pub(super) struct Seen {
    method: &'static str,
    begun: Instant,
    start: Option<Timestamp>,
    /// What its caller says.
    parent: Option<Trace>,
    trace: Trace,
    /// What it has come to on its way; nothing is noted of a kept answer.
    pub(super) note: Option<Arc<Note>>,
}

impl Seen {
    /// A call comes in.
    pub(super) fn begin(method: &'static str, headers: &HeaderMap) -> Self {
        let parent = Trace::read(headers);
        let trace = parent.map_or_else(Trace::root, Trace::child);
        Self {
            method,
            begun: Instant::now(),
            start: trace.is_sampled().then(|| Clock::system().now()),
            parent,
            trace,
            note: None,
        }
    }

    /// When it came in.
    pub(super) const fn begun(&self) -> Instant {
        self.begun
    }

    /// Where its work is in a trace.
    pub(super) const fn trace(&self) -> Trace {
        self.trace
    }

    /// It ends by a kept answer, whose figure has a handle of its own.
    pub(super) fn end_kept(&self, seconds: &metrics::Histogram, tenant: &str) {
        seconds.record(self.begun.elapsed().as_secs_f64());
        if self.start.is_some() || telemetry::is_line_due() {
            self.say(Code::Ok, tenant, "kept");
        }
    }

    /// It ends in whatever way.
    pub(super) fn end(&self, code: Code, tenant: &str) {
        metrics::histogram!(
            "rpc_server_call_duration_seconds",
            "rpc_system_name" => "grpc",
            "rpc_method" => self.method,
            "rpc_status_code" => code_name(code),
        )
        .record(self.begun.elapsed().as_secs_f64());
        let cache = self.note.as_ref().map_or("", |note| note.cache());
        self.say(code, tenant, cache);
    }

    fn say(&self, code: Code, tenant: &str, cache: &'static str) {
        let (method, code_name) = (self.method, code_name(code));
        let sources = self.note.as_ref().map(|note| note.sources());
        let sources = sources.as_deref().unwrap_or_default();
        let micros = u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        if tracing::enabled!(target: "waybill::rpc", tracing::Level::INFO) {
            let trace = self.trace.id();
            tracing::info!(
                target: "waybill::rpc",
                method,
                code = code_name,
                micros,
                tenant,
                cache,
                sources,
                trace,
                "rpc"
            );
        }
        if let Some(start) = self.start {
            let attributes = [
                ("rpc.system.name", "grpc"),
                ("rpc.method", method),
                ("rpc.response.status_code", code_name),
                ("waybill.cache", cache),
            ];
            let failed = (code != Code::Ok).then_some(code_name);
            self.trace.tell(
                self.parent,
                Kind::Server,
                method,
                start,
                &attributes,
                failed,
            );
        }
    }
}

/// Name of a code as metrics, lines and spans print it.
pub(super) fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
