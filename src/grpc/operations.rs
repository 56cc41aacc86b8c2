//! `waybill.admin.v1.OperationsService`: what operators do with one running server.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::timeout;
use tonic::{Request, Response, Status};
use waybill_core::shipment::ShipmentId;

use super::admin::Admin;
use super::convert;
use super::status::{Failure, late};
use crate::admin::v1 as admin;
use crate::admin::v1::operations_service_server::OperationsService;
use crate::auth::{Principal, audit};
use crate::control::{Control, Phases};
use crate::guard::{BreakerHealth, BreakerState, Spent, Which};
use crate::pipeline::{Live, Pipeline, Replayed, Source};
use crate::v1::ErrorReason;

/// Longest time of what is set for a time.
const LONGEST: Duration = Duration::from_secs(24 * 3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// The service.
#[derive(Clone)]
pub struct Operations {
    control: Control,
    pipeline: Pipeline,
    admin: Admin,
    /// Longest time of a call.
    cap: Duration,
}

impl Operations {
    /// Of a server. `admin` finds shipments by their keys.
    pub fn new(control: Control, pipeline: Pipeline, admin: Admin, cap: Duration) -> Self {
        Self {
            control,
            pipeline,
            admin,
            cap,
        }
    }

    /// Notes a call of an operator, whatever became of it.
    fn note<T, E>(&self, who: &str, method: &'static str, what: &str, result: &Result<T, E>) {
        metrics::counter!("waybill_admin_calls_total", "method" => method).increment(1);
        let outcome = if result.is_ok() { "done" } else { "refused" };
        audit::operated(who, method, what, outcome);
        let about = [("method", method), ("of", what), ("outcome", outcome)];
        let (audit, now) = (self.pipeline.audit(), self.pipeline.now());
        if let Err(error) = audit.append(now, who, "operator_call", &about) {
            tracing::error!(%error, "the audit log cannot be written");
        }
    }

    fn list(&self, source: &str) -> Result<admin::ListSourcesResponse, Failure> {
        let sources = match source {
            "" => self.control.accounts("", ""),
            source => self.named(source, "")?,
        };
        Ok(admin::ListSourcesResponse {
            accounts: self.shown(&sources),
            generation: self.control.generation(),
        })
    }

    fn breaker(
        &self,
        request: &admin::SetBreakerRequest,
    ) -> Result<admin::SetBreakerResponse, Failure> {
        let sources = self.named(&request.source, &request.account)?;
        let which = match admin::BreakerKind::try_from(request.kind) {
            Ok(admin::BreakerKind::Unspecified | admin::BreakerKind::Source) => Which::Source,
            Ok(admin::BreakerKind::Credential) => Which::Credential,
            Err(_) => return Err(Failure::field("kind", "is not a kind of breaker")),
        };
        let time = span("duration", request.duration)?;
        let order = match (admin::BreakerOrder::try_from(request.order), time) {
            (Ok(admin::BreakerOrder::Auto), None) => None,
            (Ok(admin::BreakerOrder::Trip), Some(time)) => Some((false, time)),
            (Ok(admin::BreakerOrder::Pass), Some(time)) => Some((true, time)),
            (Ok(admin::BreakerOrder::Auto), Some(_)) => {
                return Err(Failure::field("duration", "goes with TRIP and PASS only"));
            }
            (Ok(admin::BreakerOrder::Trip | admin::BreakerOrder::Pass), None) => {
                return Err(Failure::field("duration", "is required"));
            }
            (Ok(admin::BreakerOrder::Unspecified) | Err(_), _) => {
                return Err(Failure::field("order", "is required"));
            }
        };
        self.control.hold(&sources, which, order);
        Ok(admin::SetBreakerResponse {
            accounts: self.shown(&sources),
        })
    }

    fn switch(
        &self,
        request: &admin::SetSourceRequest,
    ) -> Result<admin::SetSourceResponse, Failure> {
        let sources = self.named(&request.source, &request.account)?;
        let on = match admin::SourceOrder::try_from(request.order) {
            Ok(admin::SourceOrder::On) => Some(true),
            Ok(admin::SourceOrder::Off) => Some(false),
            Ok(admin::SourceOrder::Configured) => None,
            Ok(admin::SourceOrder::Unspecified) | Err(_) => {
                return Err(Failure::field("order", "is required"));
            }
        };
        self.control.switch(&sources, on);
        Ok(admin::SetSourceResponse {
            accounts: self.shown(&sources),
        })
    }

    async fn reload(&self, dry: bool) -> admin::ReloadResponse {
        match self.control.reload("operator", dry).await {
            Ok(reloaded) => admin::ReloadResponse {
                accepted: true,
                problem: String::new(),
                generation: reloaded.generation,
                applied_settings: reloaded.applied,
                restart_settings: reloaded.restart,
            },
            Err(problem) => admin::ReloadResponse {
                accepted: false,
                problem,
                generation: self.control.generation(),
                ..Default::default()
            },
        }
    }

    fn log(
        &self,
        request: &admin::SetLogLevelRequest,
    ) -> Result<admin::SetLogLevelResponse, Failure> {
        let time = span("duration", request.duration)?;
        let time = match (request.filter.is_empty(), time) {
            (true, None) => Duration::ZERO,
            (true, Some(_)) => {
                return Err(Failure::field("duration", "goes with a filter only"));
            }
            (false, None) => return Err(Failure::field("duration", "is required")),
            (false, Some(time)) => time,
        };
        crate::telemetry::read_filter(&request.filter)
            .map_err(|_| Failure::field("filter", "cannot be read"))?;
        let set = self.control.set_log(&request.filter, time);
        let (filter, until) =
            set.map_err(|reason| Failure::new(ErrorReason::Unsupported, reason))?;
        Ok(admin::SetLogLevelResponse {
            filter,
            until: until.map(convert::timestamp),
        })
    }

    async fn replay(
        &self,
        tenant: &str,
        request: admin::ReplayEvidenceRequest,
    ) -> Result<admin::ReplayEvidenceResponse, Failure> {
        let sources = self.named(&request.source, &request.account)?;
        let source = sources
            .first()
            .ok_or_else(|| unknown("source or account"))?;
        let mut shipments = Vec::new();
        for id in self.admin.ids(tenant, request.shipment).await? {
            let replayed = self.pipeline.replay(source, &id, request.validate_only);
            shipments.push(replayed_shipment(&id, &replayed.await?));
        }
        Ok(admin::ReplayEvidenceResponse { shipments })
    }

    /// Accounts by the names of a request; at least one.
    fn named(&self, source: &str, account: &str) -> Result<Vec<Arc<Source>>, Failure> {
        if source.is_empty() {
            return Err(Failure::field("source", "is required"));
        }
        let found = self.control.accounts(source, account);
        match found.is_empty() {
            true => Err(unknown("source or account")),
            false => Ok(found),
        }
    }

    fn shown(&self, sources: &[Arc<Source>]) -> Vec<admin::SourceAccount> {
        let live = self.pipeline.live();
        let now = self.pipeline.now();
        sources.iter().map(|it| account(it, &live, now)).collect()
    }

    async fn in_time<T>(
        &self,
        call: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Status> {
        let answer = timeout(self.cap, call).await;
        Ok(answer.unwrap_or_else(|_| Err(late()))?)
    }
}

fn unknown(what: &str) -> Failure {
    let message = format!("no such {what} is configured");
    Failure::new(ErrorReason::IdNotFound, message).with("type", "source")
}

/// A time for which something is set, if it is given.
fn span(
    field: &'static str,
    given: Option<prost_types::Duration>,
) -> Result<Option<Duration>, Failure> {
    let Some(given) = given else { return Ok(None) };
    match Duration::try_from(given) {
        Ok(time) if (Duration::from_secs(1)..=LONGEST).contains(&time) => Ok(Some(time)),
        _ => Err(Failure::field(field, "must be 1 second to 24 hours")),
    }
}

fn account(source: &Source, live: &Live, now: Timestamp) -> admin::SourceAccount {
    let health = source.guard.health();
    let spent = source.guard.spent();
    let is_paused = health.quota_remaining <= 0.0 && health.quota_reset > Some(now);
    let is_spent = spent.day_limit > 0 && spent.day_used >= spent.day_limit;
    let paused = health.quota_reset.filter(|_| is_paused && !is_spent);
    admin::SourceAccount {
        source: source.descriptor.id.to_owned(),
        account: source.account.clone(),
        on: live.is_on(source),
        switched: live.is_switched(source),
        source_breaker: Some(breaker(&health.source)),
        credential_breaker: Some(breaker(&health.credential)),
        quotas: quotas(&spent, now),
        paused_until: paused.map(convert::timestamp),
        attempts: health.attempts,
        error_rate: health.error_rate,
        in_flight: health.in_flight,
        latency_p50: health.latency_p50.map(convert::duration),
        latency_p99: health.latency_p99.map(convert::duration),
        last_success_time: health.last_success.map(convert::timestamp),
        last_error_time: health.last_failure.map(|(at, _)| convert::timestamp(at)),
        last_error_kind: health
            .last_failure
            .map_or_else(String::new, |(_, kind)| kind.as_str().to_owned()),
    }
}

fn breaker(health: &BreakerHealth) -> admin::BreakerStatus {
    let state = match health.state {
        BreakerState::Passing => admin::BreakerState::Passing,
        BreakerState::Tripped => admin::BreakerState::Tripped,
        BreakerState::Probing => admin::BreakerState::Probing,
    };
    let by_itself = health.held_until.is_none();
    let probe = health.next_probe.filter(|_| by_itself);
    admin::BreakerStatus {
        state: state.into(),
        next_probe_time: probe.map(convert::timestamp),
        held_until: health.held_until.map(convert::timestamp),
    }
}

fn quotas(spent: &Spent, now: Timestamp) -> Vec<admin::QuotaWindow> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and the burst"
    )]
    let left = spent.burst_left.max(0.0).floor() as u32;
    let whole = f64::from(spent.burst) / spent.per_second.max(f64::MIN_POSITIVE);
    let whole = Duration::try_from_secs_f64(whole).unwrap_or(DAY).min(DAY);
    let mut windows = vec![admin::QuotaWindow {
        window: Some(convert::duration(whole)),
        limit: spent.burst,
        used: spent.burst.saturating_sub(left),
        left,
        reset_time: None,
    }];
    if spent.day_limit > 0 {
        windows.push(admin::QuotaWindow {
            window: Some(convert::duration(DAY)),
            limit: spent.day_limit,
            used: spent.day_used,
            left: spent.day_limit.saturating_sub(spent.day_used),
            reset_time: Some(convert::timestamp(crate::guard::midnight_after(now))),
        });
    }
    windows
}

fn phases(phases: Phases) -> admin::DrainResponse {
    admin::DrainResponse {
        stops_after: Some(convert::duration(phases.stops)),
        streams_ended_after: Some(convert::duration(phases.streams)),
        calls_ended_after: Some(convert::duration(phases.calls)),
        exits_after: Some(convert::duration(phases.exits)),
    }
}

fn replayed_shipment(id: &ShipmentId, replayed: &Replayed) -> admin::ReplayedShipment {
    admin::ReplayedShipment {
        id: id.0.clone(),
        answer_count: replayed.answers,
        unreadable_count: replayed.unreadable,
        status_before: convert::status(Some(replayed.before.status)),
        status_after: convert::status(Some(replayed.after.status)),
        revision_before: replayed.before.revision,
        revision_after: replayed.after.revision,
    }
}

/// Who makes a call, for the audit log; the gate before the service has found out.
fn who<T>(request: &Request<T>) -> String {
    let principal = request.extensions().get::<Principal>();
    principal.map_or_else(String::new, |it| it.caller.tenant.clone())
}

/// Names of a request are the caller's own text, so only those that are known go into the log.
fn known(sources: &[Arc<Source>]) -> String {
    let name = |it: &Arc<Source>| format!("{}/{}", it.descriptor.id, it.account);
    sources.iter().map(name).collect::<Vec<_>>().join(" ")
}

#[tonic::async_trait]
impl OperationsService for Operations {
    async fn list_sources(
        &self,
        request: Request<admin::ListSourcesRequest>,
    ) -> Result<Response<admin::ListSourcesResponse>, Status> {
        Ok(Response::new(self.list(&request.get_ref().source)?))
    }

    async fn set_breaker(
        &self,
        request: Request<admin::SetBreakerRequest>,
    ) -> Result<Response<admin::SetBreakerResponse>, Status> {
        let who = who(&request);
        let request = request.into_inner();
        let result = self.breaker(&request);
        let sources = self.control.accounts(&request.source, &request.account);
        let (order, kind) = (request.order(), request.kind());
        let seconds = request.duration.map_or(0, |time| time.seconds);
        let what = format!(
            "{} {} {} for {seconds} s",
            known(&sources),
            kind.as_str_name(),
            order.as_str_name()
        );
        self.note(&who, "SetBreaker", &what, &result);
        Ok(Response::new(result?))
    }

    async fn set_source(
        &self,
        request: Request<admin::SetSourceRequest>,
    ) -> Result<Response<admin::SetSourceResponse>, Status> {
        let who = who(&request);
        let request = request.into_inner();
        let result = self.switch(&request);
        let sources = self.control.accounts(&request.source, &request.account);
        let what = format!("{} {}", known(&sources), request.order().as_str_name());
        self.note(&who, "SetSource", &what, &result);
        Ok(Response::new(result?))
    }

    async fn drain(
        &self,
        request: Request<admin::DrainRequest>,
    ) -> Result<Response<admin::DrainResponse>, Status> {
        let result = Ok::<_, Failure>(self.control.leave());
        self.note(&who(&request), "Drain", "", &result);
        Ok(Response::new(phases(result?)))
    }

    async fn reload(
        &self,
        request: Request<admin::ReloadRequest>,
    ) -> Result<Response<admin::ReloadResponse>, Status> {
        let who = who(&request);
        let dry = request.get_ref().validate_only;
        let answer = self.in_time(async { Ok(self.reload(dry).await) }).await?;
        let result = if answer.accepted { Ok(()) } else { Err(()) };
        let what = if dry { "validate_only" } else { "" };
        self.note(&who, "Reload", what, &result);
        Ok(Response::new(answer))
    }

    async fn set_log_level(
        &self,
        request: Request<admin::SetLogLevelRequest>,
    ) -> Result<Response<admin::SetLogLevelResponse>, Status> {
        let who = who(&request);
        let result = self.log(request.get_ref());
        // A filter that was refused is any text.
        let what = result.as_ref().map_or("", |set| set.filter.as_str());
        self.note(&who, "SetLogLevel", what, &result);
        Ok(Response::new(result?))
    }

    async fn replay_evidence(
        &self,
        request: Request<admin::ReplayEvidenceRequest>,
    ) -> Result<Response<admin::ReplayEvidenceResponse>, Status> {
        let who = who(&request);
        let request = request.into_inner();
        let sources = self.control.accounts(&request.source, &request.account);
        let what = known(&sources[..sources.len().min(1)]);
        let result = self.in_time(self.replay(&who, request)).await;
        self.note(&who, "ReplayEvidence", &what, &result);
        Ok(Response::new(result?))
    }
}
