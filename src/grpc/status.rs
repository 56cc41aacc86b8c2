//! From a failure to what the caller sees: one table from core's error kinds, one from reasons to
//! gRPC codes and details, and the two plain trailers.
//!
//! **Invariant:** no text here holds a tracking number or anything else personal.

use std::collections::BTreeMap;
use std::time::Duration;

use prost::Message;
use tonic::metadata::{AsciiMetadataValue, MetadataMap};
use tonic::{Code, Status};
use tonic_types::pb;
use waybill_core::error::{Error, ErrorKind, Retry};

use super::convert;
use crate::pipeline::{Miss, Outcome, SourceResult};
use crate::v1;
use crate::v1::ErrorReason as Reason;

/// Domain of every `google.rpc.ErrorInfo`.
const DOMAIN: &str = "waybill.v1";

/// How long to wait when nobody can say better.
const WAIT: Duration = Duration::from_secs(1);

/// Why a call, or an item of one, failed.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Machine-readable reason.
    pub reason: Reason,
    /// English, for developers, without personal data.
    pub message: String,
    /// Wrong fields.
    pub violations: Vec<v1::FieldViolation>,
    /// When a retry can help; `None` if it cannot.
    pub retry: Option<Duration>,
    /// Further facts.
    pub metadata: BTreeMap<String, String>,
    /// What became of each source.
    pub outcomes: Vec<v1::SourceOutcome>,
}

/// Row of the error table in `errors.proto`: what a core kind is called in an outcome, which
/// reason it is, and whether a retry can help.
pub const fn row(kind: ErrorKind) -> (v1::SourceResult, Reason) {
    use v1::SourceResult as Result;
    match kind {
        ErrorKind::NotFound => (Result::NotFound, Reason::ShipmentNotFound),
        ErrorKind::InvalidQuery => (Result::Rejected, Reason::FieldInvalid),
        ErrorKind::HintRequired => (Result::SkippedHintMissing, Reason::HintRequired),
        ErrorKind::Denied => (Result::Denied, Reason::SourcesUnavailable),
        ErrorKind::Throttled => (Result::Throttled, Reason::SourceQuota),
        ErrorKind::Timeout => (Result::Timeout, Reason::Deadline),
        ErrorKind::Unavailable => (Result::Unavailable, Reason::SourcesUnavailable),
        ErrorKind::Tripped => (Result::Tripped, Reason::BreakersTripped),
        ErrorKind::Overloaded => (Result::Overloaded, Reason::Overloaded),
        ErrorKind::Malformed => (Result::Malformed, Reason::SourcesUnavailable),
        ErrorKind::Unsupported => (Result::SkippedUnsupported, Reason::NoSourceConfigured),
        ErrorKind::Internal => (Result::Internal, Reason::Internal),
    }
}

/// gRPC code of a reason; [`Code::Ok`] for one that never fails a call.
pub const fn code(reason: Reason) -> Code {
    match reason {
        Reason::Unspecified | Reason::Internal => Code::Internal,
        Reason::FieldInvalid | Reason::TrackingNumberInvalid | Reason::TokenInvalid => {
            Code::InvalidArgument
        }
        Reason::HintRequired | Reason::NoSourceConfigured | Reason::EventRejected => {
            Code::FailedPrecondition
        }
        Reason::ShipmentNotFound => Code::Ok,
        Reason::IdNotFound => Code::NotFound,
        Reason::SourcesUnavailable | Reason::BreakersTripped | Reason::ServerDraining => {
            Code::Unavailable
        }
        Reason::SourceQuota
        | Reason::CallerQuota
        | Reason::Overloaded
        | Reason::MessageTooLarge
        | Reason::WatchLimit => Code::ResourceExhausted,
        Reason::Unauthenticated => Code::Unauthenticated,
        Reason::Permission => Code::PermissionDenied,
        Reason::Deadline => Code::DeadlineExceeded,
        Reason::Conflict => Code::Aborted,
        Reason::Unsupported => Code::Unimplemented,
    }
}

/// Whether waiting helps, by the table in `errors.proto`.
const fn waits(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::SourcesUnavailable
            | Reason::BreakersTripped
            | Reason::SourceQuota
            | Reason::CallerQuota
            | Reason::Overloaded
            | Reason::Deadline
            | Reason::ServerDraining
    )
}

/// Name of a reason without its prefix.
pub fn name(reason: Reason) -> &'static str {
    reason.as_str_name().trim_start_matches("ERROR_REASON_")
}

impl Failure {
    /// Makes a failure; reasons that pass by themselves advise to wait a second. What a defect is
    /// goes to the log, and to the caller only the id under which it stands there.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        let mut failure = Self {
            reason,
            message: message.into(),
            violations: Vec::new(),
            retry: waits(reason).then_some(WAIT),
            metadata: BTreeMap::new(),
            outcomes: Vec::new(),
        };
        if reason == Reason::Internal {
            let request_id = format!("{:016x}", rand::random::<u64>());
            let message = "a defect of the gateway; its log has more under the request id";
            let detail = std::mem::replace(&mut failure.message, message.to_owned());
            tracing::error!(request_id, detail, "a call met a defect");
            failure = failure.with("request_id", request_id);
        }
        failure
    }

    /// A defect of ours.
    pub fn internal(detail: impl Into<String>) -> Self {
        Self::new(Reason::Internal, detail)
    }

    /// Puts the path of the message that the fields belong to before them.
    #[must_use]
    pub fn inside(mut self, path: &str) -> Self {
        for violation in &mut self.violations {
            let inner = std::mem::take(&mut violation.field);
            violation.field = format!("{path}.{inner}");
            if self.message.starts_with(&inner) {
                self.message = format!("{path}.{}", self.message);
            }
        }
        self
    }

    /// The server has as much work as it takes on. Those who were turned away together are not to
    /// come back together.
    pub fn overloaded() -> Self {
        let message = "the server has as much work as it takes on";
        let mut failure = Self::new(Reason::Overloaded, message);
        failure.retry = Some(Duration::from_millis(rand::random_range(500..1_500)));
        failure
    }

    /// A field breaks its constraint.
    pub fn field(field: impl Into<String>, description: impl Into<String>) -> Self {
        let (field, description) = (field.into(), description.into());
        let mut failure = Self::new(Reason::FieldInvalid, format!("{field}: {description}"));
        failure
            .violations
            .push(v1::FieldViolation { field, description });
        failure
    }

    /// A token was not made by this service, or not for this request and caller.
    pub fn token(field: &str, description: &str) -> Self {
        Self {
            reason: Reason::TokenInvalid,
            ..Self::field(field, description)
        }
    }

    /// A request is larger than `limit` bytes.
    pub fn too_large(limit: usize) -> Self {
        Self {
            reason: Reason::MessageTooLarge,
            ..Self::field("request", format!("is larger than {limit} bytes"))
        }
    }

    /// A tracking number has a wrong length or characters.
    pub fn number(field: impl Into<String>, description: &str) -> Self {
        Self {
            reason: Reason::TrackingNumberInvalid,
            ..Self::field(field, description)
        }
    }

    /// Adds a fact.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.metadata.insert(key.to_owned(), value.into());
        self
    }

    /// The same facts inside an answer.
    pub fn into_problem(self) -> v1::Problem {
        v1::Problem {
            reason: self.reason as i32,
            code: code(self.reason) as i32,
            message: self.message,
            violations: self.violations,
            retry_delay: self.retry.map(convert::duration),
            metadata: self.metadata,
        }
    }
}

/// The deadline passed while the answer was made.
pub(super) fn late() -> Failure {
    Failure::new(Reason::Deadline, "the deadline passed with nothing usable")
}

impl From<Miss> for Failure {
    fn from(miss: Miss) -> Self {
        match miss {
            Miss::NoSource { carriers } => Self::new(
                Reason::NoSourceConfigured,
                "no source is configured for this number or carrier: name the carrier, or set \
                 [sources.<id>] in the configuration (waybill init prints all of them)",
            )
            .with("carriers", carriers.join(","))
            .with("setting", "sources"),
            Miss::NoOrderSource { platforms } => Self::new(
                Reason::NoSourceConfigured,
                "no source is configured that looks up orders of this platform: give one that \
                 finds orders (waybill carriers lists them) the credentials of the shop",
            )
            .with("capability", "order_lookup")
            .with("platforms", platforms.join(","))
            .with("setting", "sources"),
            Miss::HintRequired(hint) => Self::new(
                Reason::HintRequired,
                format!("every source that could answer needs hints.{hint}"),
            )
            .with("hint", hint),
            Miss::UnknownSource(_) => {
                Self::field("sources", "names a source that is not configured")
            }
            Miss::PaidOnly => Self::new(
                Reason::NoSourceConfigured,
                "only sources that bill each call or register each number serve it; \
                 allow_paid permits to ask them",
            ),
            Miss::SourcesUnfit => Self::field(
                "sources",
                "names only sources that do not serve this number or order",
            ),
            Miss::NoTime => Self::new(
                Reason::Deadline,
                "less time is left than asking takes, and nothing is stored",
            ),
            Miss::Store(detail) => Self::internal(detail),
            Miss::UnknownId => Self::new(Reason::IdNotFound, "no shipment has this id")
                .with("type", "waybill.v1.Shipment"),
            Miss::Erased => Self::new(
                Reason::IdNotFound,
                "the shipment was erased; register its number to have it asked for again",
            )
            .with("type", "waybill.v1.Shipment"),
            Miss::SourcesFailed(outcomes) => sources_failed(&outcomes),
        }
    }
}

/// With the common reason if all sources have the same, else with `SOURCES_UNAVAILABLE`; where some
/// failures pass by waiting, only these count. The wait is the shortest that any of them advises.
fn sources_failed(outcomes: &[Outcome]) -> Failure {
    let reasons = outcomes.iter().filter_map(|outcome| match &outcome.result {
        SourceResult::Failed(error) => Some(row(error.kind).1),
        SourceResult::StillRunning => Some(Reason::Deadline),
        _ => None,
    });
    let passing = reasons.clone().any(waits);
    let mut reasons = reasons.filter(|reason| waits(*reason) || !passing);
    let first = reasons.next().unwrap_or(Reason::SourcesUnavailable);
    let reason = if reasons.all(|other| other == first) {
        first
    } else {
        Reason::SourcesUnavailable
    };
    let mut failure = Failure::new(reason, "every asked source failed and nothing is stored");
    let advised = outcomes.iter().filter_map(|outcome| match &outcome.result {
        SourceResult::Failed(Error {
            retry: Retry::After(wait),
            ..
        }) => Some(*wait),
        _ => None,
    });
    if let (Some(wait), true) = (advised.min(), waits(reason)) {
        failure.retry = Some(wait.max(Duration::from_millis(1)));
    }
    failure.outcomes = outcomes.iter().map(outcome).collect();
    let asked = || {
        outcomes
            .iter()
            .filter(|outcome| matches!(outcome.result, SourceResult::Failed(_)))
    };
    if reason == Reason::SourceQuota {
        let is_quota = |outcome: &&Outcome| matches!(&outcome.result, SourceResult::Failed(error) if row(error.kind).1 == reason);
        let quotas = asked().filter(is_quota);
        let sources: Vec<&str> = quotas.map(|outcome| outcome.source).collect();
        failure = failure.with("subject", sources.join(","));
    }
    if reason == Reason::NoSourceConfigured {
        let carriers: Vec<&str> = asked().map(|outcome| outcome.carrier).collect();
        failure = failure
            .with("carriers", carriers.join(","))
            .with("setting", "sources");
    }
    if let (Reason::HintRequired, Some(asked)) = (reason, asked().next()) {
        failure = failure.with("hint", asked.hint);
    }
    if reason == Reason::FieldInvalid {
        let description = "refused by every source".to_owned();
        failure.violations.push(v1::FieldViolation {
            field: "tracking_number".to_owned(),
            description,
        });
    }
    failure
}

/// Writes what became of one source.
pub fn outcome(outcome: &Outcome) -> v1::SourceOutcome {
    let (result, error) = match &outcome.result {
        SourceResult::Found => (v1::SourceResult::Found, None),
        SourceResult::SkippedFresh => (v1::SourceResult::SkippedFresh, None),
        SourceResult::SkippedPaid => (v1::SourceResult::SkippedPaid, None),
        SourceResult::SkippedNotNeeded => (v1::SourceResult::SkippedNotNeeded, None),
        SourceResult::SkippedNoSource => (v1::SourceResult::SkippedNoSource, None),
        SourceResult::StillRunning => (v1::SourceResult::StillRunning, None),
        SourceResult::NotFound(wait) => {
            let mut failure = Failure::new(Reason::ShipmentNotFound, "the source does not know it");
            failure.retry = Some(*wait);
            (v1::SourceResult::NotFound, Some(failure))
        }
        SourceResult::SkippedHintMissing(hint) => {
            let failure = Failure::new(Reason::HintRequired, format!("it needs hints.{hint}"));
            (
                v1::SourceResult::SkippedHintMissing,
                Some(failure.with("hint", *hint)),
            )
        }
        SourceResult::Failed(error) => {
            let (result, reason) = row(error.kind);
            let mut failure = Failure::new(reason, error.message.clone());
            if let Retry::After(wait) = error.retry {
                failure.retry = Some(wait);
            }
            if reason == Reason::HintRequired {
                failure = failure.with("hint", outcome.hint);
            }
            if !error.native_code.is_empty() {
                failure = failure.with("native_code", error.native_code.clone());
            }
            (result, Some(failure))
        }
    };
    v1::SourceOutcome {
        source: outcome.source.to_owned(),
        result: result as i32,
        error: error.map(Failure::into_problem),
        fetch_time: outcome.fetch_time.map(convert::timestamp),
        latency: outcome.latency.map(convert::duration),
        attempt_count: outcome.attempts,
        carrier: outcome.carrier.to_owned(),
    }
}

impl From<Failure> for Status {
    fn from(failure: Failure) -> Self {
        let code = match code(failure.reason) {
            Code::Ok => Code::Internal,
            code => code,
        };
        let details = pb::Status {
            code: code as i32,
            message: failure.message.clone(),
            details: details(&failure),
        };
        let mut trailers = MetadataMap::new();
        trailers.insert(
            "waybill-reason",
            AsciiMetadataValue::from_static(name(failure.reason)),
        );
        if let Some(wait) = failure.retry {
            let millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
            trailers.insert("waybill-retry-ms", AsciiMetadataValue::from(millis));
        }
        if let Some(pushback) = pushback(&failure) {
            trailers.insert("grpc-retry-pushback-ms", AsciiMetadataValue::from(pushback));
        }
        let bytes = details.encode_to_vec().into();
        Self::with_details_and_metadata(code, failure.message, bytes, trailers)
    }
}

/// What retries that a gRPC library makes by itself are to do: wait as long as this in milliseconds,
/// or not be made at all if negative. `None` leaves it to the library.
fn pushback(failure: &Failure) -> Option<i64> {
    match failure.reason {
        Reason::Overloaded | Reason::ServerDraining => {
            let wait = failure.retry.unwrap_or(WAIT);
            Some(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX))
        }
        // A used-up quota or a message that is too large is the same a moment later.
        reason => matches!(code(reason), Code::ResourceExhausted).then_some(-1),
    }
}

fn details(failure: &Failure) -> Vec<prost_types::Any> {
    let mut details = vec![any(
        "ErrorInfo",
        &pb::ErrorInfo {
            reason: name(failure.reason).to_owned(),
            domain: DOMAIN.to_owned(),
            metadata: failure.metadata.clone().into_iter().collect(),
        },
    )];
    match failure.reason {
        Reason::HintRequired | Reason::NoSourceConfigured => {
            details.push(any(
                "PreconditionFailure",
                &pb::PreconditionFailure {
                    violations: vec![pb::precondition_failure::Violation {
                        r#type: name(failure.reason).to_owned(),
                        subject: failure
                            .metadata
                            .get("hint")
                            .or_else(|| failure.metadata.get("setting"))
                            .cloned()
                            .unwrap_or_default(),
                        description: failure.message.clone(),
                    }],
                },
            ));
        }
        Reason::SourceQuota | Reason::CallerQuota | Reason::WatchLimit => details.push(any(
            "QuotaFailure",
            &pb::QuotaFailure {
                violations: vec![pb::quota_failure::Violation {
                    subject: failure.metadata.get("subject").cloned().unwrap_or_default(),
                    description: failure.message.clone(),
                    ..Default::default()
                }],
            },
        )),
        Reason::IdNotFound => details.push(any(
            "ResourceInfo",
            &pb::ResourceInfo {
                resource_type: failure.metadata.get("type").cloned().unwrap_or_default(),
                description: failure.message.clone(),
                ..Default::default()
            },
        )),
        _ => {}
    }
    if !failure.violations.is_empty() {
        let violations =
            failure
                .violations
                .iter()
                .map(|violation| pb::bad_request::FieldViolation {
                    field: violation.field.clone(),
                    description: violation.description.clone(),
                    ..Default::default()
                });
        details.push(any(
            "BadRequest",
            &pb::BadRequest {
                field_violations: violations.collect(),
            },
        ));
    }
    if let Some(wait) = failure.retry {
        details.push(any(
            "RetryInfo",
            &pb::RetryInfo {
                retry_delay: Some(convert::duration(wait)),
            },
        ));
    }
    if !failure.outcomes.is_empty() {
        details.push(prost_types::Any {
            type_url: "type.googleapis.com/waybill.v1.SourceOutcomes".to_owned(),
            value: v1::SourceOutcomes {
                outcomes: failure.outcomes.clone(),
            }
            .encode_to_vec(),
        });
    }
    details
}

fn any(name: &str, message: &impl Message) -> prost_types::Any {
    let type_url = format!("type.googleapis.com/google.rpc.{name}");
    prost_types::Any {
        type_url,
        value: message.encode_to_vec(),
    }
}

/// Some, not all, of the asked sources failed or are still running.
pub fn is_partial(outcomes: &[Outcome]) -> bool {
    let lacking = |outcome: &Outcome| {
        matches!(
            outcome.result,
            SourceResult::Failed(_) | SourceResult::StillRunning
        )
    };
    let asked = |outcome: &Outcome| {
        lacking(outcome)
            || matches!(
                outcome.result,
                SourceResult::Found | SourceResult::NotFound(_)
            )
    };
    let (mut asked_count, mut lacking_count) = (0, 0);
    for outcome in outcomes.iter().filter(|outcome| asked(outcome)) {
        asked_count += 1;
        lacking_count += usize::from(lacking(outcome));
    }
    lacking_count > 0 && lacking_count < asked_count
}
