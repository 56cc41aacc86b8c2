//! `waybill.admin.v1.AdminService`: why records are what they are, for operators.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use tonic::service::Routes;
use tonic::{Request, Response, Status};
use waybill_core::explain::{Change, ClaimRole, Decision, Problem, Step};
use waybill_core::order::Subject;
use waybill_core::poll::Lane;
use waybill_core::shipment::{Shipment, ShipmentId};

use super::convert::{self, View};
use super::operations::Operations;
use super::parse;
use super::privacy::Privacy;
use super::status::Failure;
use crate::admin::v1 as admin;
use crate::admin::v1::admin_service_server::{AdminService, AdminServiceServer};
use crate::admin::v1::operations_service_server::OperationsServiceServer;
use crate::admin::v1::privacy_service_server::PrivacyServiceServer;
use crate::auth::Principal;
use crate::backup::Backups;
use crate::control::Control;
use crate::pipeline::{Explained, Miss, Pipeline, Rebuilt};
use crate::schedule::{Backlog, Item, Overview, Scheduler, Standing};
use crate::texts::{Texts, Voice};
use crate::v1;

/// Greatest size of an answer: it holds every event with its evidence.
const ANSWER_BYTES: usize = 64 * 1_024 * 1_024;

/// What comes next is listed up to here, unless the caller says otherwise, and at most.
const UPCOMING: usize = 20;
const UPCOMING_MOST: usize = 1_000;

/// The service.
#[derive(Clone)]
pub struct Admin {
    pipeline: Pipeline,
    texts: Arc<Texts>,
    scheduler: Scheduler,
    /// Longest time of a call.
    cap: Duration,
}

/// The service with reflection, for a listener of its own.
///
/// # Errors
/// If the compiled descriptors cannot be read, which a test rules out.
pub fn service(
    pipeline: Pipeline,
    texts: Arc<Texts>,
    scheduler: Scheduler,
    control: Control,
    backups: Option<Backups>,
    cap: Duration,
) -> Result<Routes, String> {
    let admin = Admin {
        pipeline: pipeline.clone(),
        texts,
        scheduler,
        cap,
    };
    let privacy = Privacy::new(pipeline.clone(), admin.clone(), backups);
    let privacy = PrivacyServiceServer::new(privacy).max_encoding_message_size(ANSWER_BYTES);
    let operations = Operations::new(control, pipeline, admin.clone(), cap);
    let server = AdminServiceServer::new(admin).max_encoding_message_size(ANSWER_BYTES);
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(admin::DESCRIPTORS)
        .build_v1()
        .map_err(|error| error.to_string())?;
    let routes = Routes::new(server).add_service(OperationsServiceServer::new(operations));
    let routes = routes.add_service(privacy);
    Ok(routes.add_service(reflection).prepare())
}

impl Admin {
    async fn explain(
        &self,
        tenant: &str,
        request: admin::ExplainShipmentRequest,
    ) -> Result<admin::ExplainShipmentResponse, Failure> {
        let voice = self.texts.voice("en");
        let mut explanations = Vec::new();
        for id in self.ids(tenant, request.shipment).await? {
            let explained = self.pipeline.explain(&id).await?;
            explanations.push(explanation(&explained, voice));
        }
        Ok(admin::ExplainShipmentResponse { explanations })
    }

    async fn rebuild(
        &self,
        tenant: &str,
        request: admin::RebuildShipmentRequest,
    ) -> Result<admin::RebuildShipmentResponse, Failure> {
        let mut shipments = Vec::new();
        for id in self.ids(tenant, request.shipment).await? {
            let rebuilt = self.pipeline.rebuild(&id, request.validate_only).await?;
            tracing::info!(
                shipment = %rebuilt.id.0,
                changed = rebuilt.changed.join(","),
                stored = !request.validate_only,
                "made a record again"
            );
            shipments.push(self::rebuilt(rebuilt));
        }
        Ok(admin::RebuildShipmentResponse { shipments })
    }

    async fn schedule(
        &self,
        request: admin::GetScheduleRequest,
    ) -> Result<admin::GetScheduleResponse, Failure> {
        let limit = match usize::try_from(request.upcoming_limit) {
            Ok(0) => UPCOMING,
            Ok(limit) if limit <= UPCOMING_MOST => limit,
            _ => {
                let bounds = format!("must be 0 to {UPCOMING_MOST}");
                return Err(Failure::field("upcoming_limit", bounds));
            }
        };
        let overview = self.scheduler.overview(limit).await;
        let Overview { sources, upcoming } =
            overview.map_err(|error| Miss::Store(error.to_string()))?;
        Ok(admin::GetScheduleResponse {
            sources: sources.iter().map(source_schedule).collect(),
            upcoming: upcoming.into_iter().map(work).collect(),
        })
    }

    /// Stored shipments that a key stands for.
    pub(super) async fn ids(
        &self,
        tenant: &str,
        key: Option<v1::ShipmentKey>,
    ) -> Result<Vec<ShipmentId>, Failure> {
        use v1::shipment_key::Key;
        let key = key.unwrap_or_default();
        let inside = |failure: Failure| failure.inside("shipment");
        let subject: Subject = match key.key {
            None => return Err(Failure::field("shipment.key", "is required")),
            Some(Key::Id(id)) => {
                let id = parse::shipment_id("id", id).map_err(inside)?;
                return Ok(vec![id]);
            }
            Some(Key::TrackingNumber(text)) => {
                let number = parse::number("tracking_number", &text);
                number.map_err(inside)?.into()
            }
            Some(Key::Order(order)) => parse::order(tenant, "order", &order)
                .map_err(inside)?
                .into(),
        };
        parse::carrier("carrier", &key.carrier).map_err(inside)?;
        let mut ids = self.pipeline.known(&subject).await?;
        if !key.carrier.is_empty() {
            let mut kept = Vec::new();
            for id in ids {
                let record = self.pipeline.current(&id).await?;
                if record.is_some_and(|(record, _)| record.carrier == key.carrier) {
                    kept.push(id);
                }
            }
            ids = kept;
        }
        if ids.is_empty() {
            return Err(Miss::UnknownId.into());
        }
        Ok(ids)
    }

    async fn in_time<T>(
        &self,
        call: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Status> {
        let late = || {
            let message = "the deadline passed with nothing usable";
            Failure::new(v1::ErrorReason::Deadline, message)
        };
        let answer = timeout(self.cap, call)
            .await
            .unwrap_or_else(|_| Err(late()));
        Ok(answer?)
    }
}

fn explanation(explained: &Explained, voice: Voice<'_>) -> admin::ShipmentExplanation {
    let explanation = &explained.explanation;
    let record = &explanation.record;
    admin::ShipmentExplanation {
        shipment: Some(v1::Shipment {
            events: Vec::new(),
            exceptions: Vec::new(),
            ..convert::shipment(record, View::Full, voice)
        }),
        steps: explanation.steps.iter().map(step).collect(),
        exceptions: explanation
            .exceptions
            .iter()
            .map(|it| problem(it, record, voice))
            .collect(),
        upcoming_changes: explanation.changes.iter().map(change).collect(),
        next_change_time: explanation.next_change.map(convert::timestamp),
        changed_fields: names(&explained.changed),
    }
}

fn step(step: &Step) -> admin::Step {
    admin::Step {
        event: Some(convert::event(&step.event, true)),
        anchor_time: Some(convert::timestamp(step.anchor)),
        status_before: convert::status(Some(step.before)),
        status_after: convert::status(Some(step.after)),
        decision: Some(decision(&step.decision)),
        claims: step.claims.iter().map(claim).collect(),
    }
}

fn claim(claim: &ClaimRole) -> admin::ClaimExplanation {
    let given = claim.gave.iter().map(|gave| admin::GivenField {
        field: gave.field.to_owned(),
        decision: Some(decision(&gave.decision)),
    });
    admin::ClaimExplanation {
        observation_id: claim.id.to_string(),
        joined: Some(decision(&claim.joined)),
        given_fields: given.collect(),
        withdrawn: claim.withdrawn.as_ref().map(decision),
    }
}

fn problem(problem: &Problem, record: &Shipment, voice: Voice<'_>) -> admin::ExceptionExplanation {
    admin::ExceptionExplanation {
        exception: Some(convert::exception(&problem.exception, record, voice)),
        opened: Some(decision(&problem.opened)),
        closed: problem.closed.as_ref().map(decision),
    }
}

fn change(change: &Change) -> admin::UpcomingChange {
    admin::UpcomingChange {
        time: Some(convert::timestamp(change.time)),
        decision: Some(decision(&change.decision)),
        category: change.category.map_or(0, |category| category as i32),
    }
}

fn decision(decision: &Decision) -> admin::Decision {
    admin::Decision {
        rule: decision.rule.to_owned(),
        detail: decision.detail.clone(),
    }
}

fn rebuilt(rebuilt: Rebuilt) -> admin::RebuiltShipment {
    admin::RebuiltShipment {
        id: rebuilt.id.0,
        changed_fields: names(&rebuilt.changed),
        status_before: convert::status(Some(rebuilt.before)),
        status_after: convert::status(Some(rebuilt.after)),
        revision: rebuilt.revision,
    }
}

fn source_schedule((standing, due): &(Standing, Vec<Backlog>)) -> admin::SourceSchedule {
    let debt = Some(standing.debt()).filter(|debt| !debt.is_zero());
    let count = due.iter().map(|flow| flow.count).sum::<usize>();
    let oldest = due.iter().map(|flow| flow.oldest).min();
    admin::SourceSchedule {
        source: standing.source.to_owned(),
        shipments: standing.shipments,
        demand_per_second: standing.demand,
        budget_per_second: standing.budget,
        debt: debt.and_then(|debt| debt.try_into().ok()),
        due: u64::try_from(count).unwrap_or(u64::MAX),
        oldest_due_time: oldest.and_then(moment),
    }
}

fn work(item: Item) -> admin::ScheduledWork {
    let lane = match item.flow.lane {
        Lane::Hot => admin::PollLane::Hot,
        Lane::Normal => admin::PollLane::Normal,
        Lane::Tail => admin::PollLane::Tail,
    };
    let interval = Some(item.interval).filter(|interval| *interval > 0);
    let interval = interval.map(Duration::from_millis);
    admin::ScheduledWork {
        shipment_id: item.id.0,
        source: item.flow.source.to_owned(),
        lane: lane.into(),
        due_time: moment(item.due),
        interval: interval.and_then(|interval| interval.try_into().ok()),
        failures: u32::from(item.failures),
    }
}

/// A time in milliseconds since 1970.
fn moment(millis: i64) -> Option<prost_types::Timestamp> {
    let moment = jiff::Timestamp::from_millisecond(millis).ok()?;
    Some(convert::timestamp(moment))
}

fn names(fields: &[&str]) -> Vec<String> {
    fields.iter().map(|field| (*field).to_owned()).collect()
}

#[tonic::async_trait]
impl AdminService for Admin {
    async fn explain_shipment(
        &self,
        request: Request<admin::ExplainShipmentRequest>,
    ) -> Result<Response<admin::ExplainShipmentResponse>, Status> {
        let tenant = Principal::of(request.extensions())?.caller.tenant.clone();
        let answer = self.explain(&tenant, request.into_inner());
        Ok(Response::new(self.in_time(answer).await?))
    }

    async fn rebuild_shipment(
        &self,
        request: Request<admin::RebuildShipmentRequest>,
    ) -> Result<Response<admin::RebuildShipmentResponse>, Status> {
        let tenant = Principal::of(request.extensions())?.caller.tenant.clone();
        let answer = self.rebuild(&tenant, request.into_inner());
        Ok(Response::new(self.in_time(answer).await?))
    }

    async fn get_schedule(
        &self,
        request: Request<admin::GetScheduleRequest>,
    ) -> Result<Response<admin::GetScheduleResponse>, Status> {
        let answer = self.schedule(request.into_inner());
        Ok(Response::new(self.in_time(answer).await?))
    }
}
