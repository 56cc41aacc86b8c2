//! `TrackingService.UpdateException`.

use tonic::{Request, Response, Status};
use waybill_core::overlay::{Activity, COMMENT, NAME, REQUEST_ID, Refusal, Step};
use waybill_core::privacy::Pii;

use super::convert;
use super::parse;
use super::status::Failure;
use super::tracking::Tracking;
use crate::pipeline::Unworked;
use crate::v1;

impl Tracking {
    /// Answers `UpdateException`.
    pub(super) async fn take_step(
        &self,
        request: Request<v1::UpdateExceptionRequest>,
    ) -> Result<Response<v1::UpdateExceptionResponse>, Status> {
        self.bounded(request.get_ref())?;
        Ok(Response::new(self.work(request.into_inner()).await?))
    }

    async fn work(
        &self,
        request: v1::UpdateExceptionRequest,
    ) -> Result<v1::UpdateExceptionResponse, Failure> {
        parse::language("language", &request.language)?;
        let id = parse::shipment_id("shipment_id", request.shipment_id.clone())?;
        let exception = request.exception_id.clone();
        if exception.is_empty() {
            return Err(Failure::field("exception_id", "is required"));
        }
        let seen = request.overlay_revision;
        let voice = self.texts.voice(&request.language);
        let tenant = &self.caller.tenant;
        let step = read(&request, tenant, self.pipeline.now())?;
        let worked = self.pipeline.work(tenant, &id, &exception, step, seen);
        let worked = worked.await?;
        let mut exceptions = worked.record.exceptions.iter();
        let exception = exceptions.find(|one| one.id == worked.exception);
        Ok(v1::UpdateExceptionResponse {
            exception: exception.map(|one| convert::exception(one, &worked.record, voice)),
            overlay: Some(self.overlay(&id, &worked.overlay)),
        })
    }
}

fn read(
    request: &v1::UpdateExceptionRequest,
    tenant: &str,
    now: jiff::Timestamp,
) -> Result<Step, Failure> {
    let activity = match request.activity() {
        v1::ExceptionActivity::Acknowledge => Activity::Acknowledge,
        v1::ExceptionActivity::Assign => Activity::Assign,
        v1::ExceptionActivity::Comment => Activity::Comment,
        v1::ExceptionActivity::Resolve => Activity::Resolve,
        v1::ExceptionActivity::Reopen => Activity::Reopen,
        v1::ExceptionActivity::Unspecified if request.activity == 0 => {
            return Err(Failure::field("activity", "is required"));
        }
        v1::ExceptionActivity::Unspecified => {
            return Err(Failure::field("activity", "is not an activity"));
        }
    };
    let short = |field: &str, text: &str, limit: usize| {
        if text.chars().count() <= limit {
            return Ok(Pii::new(text.to_owned()));
        }
        let description = format!("must have at most {limit} characters");
        Err(Failure::field(field, description))
    };
    if activity == Activity::Comment && request.comment.trim().is_empty() {
        return Err(Failure::field("comment", "is required for a comment"));
    }
    if activity != Activity::Assign && !request.assignee.is_empty() {
        let description = "belongs to EXCEPTION_ACTIVITY_ASSIGN only";
        return Err(Failure::field("assignee", description));
    }
    let request_id = request.request_id.clone();
    if request_id.len() > REQUEST_ID || !request_id.bytes().all(|c| c.is_ascii_graphic()) {
        let description = format!("must have at most {REQUEST_ID} characters of printable ASCII");
        return Err(Failure::field("request_id", description));
    }
    let actor = match request.actor.as_str() {
        "" => tenant,
        actor => actor,
    };
    Ok(Step {
        activity,
        time: now,
        actor: short("actor", actor, NAME)?,
        assignee: short("assignee", &request.assignee, NAME)?,
        comment: short("comment", &request.comment, COMMENT)?,
        request_id,
    })
}

impl From<Unworked> for Failure {
    fn from(unworked: Unworked) -> Self {
        let conflict = |message: &str| Self::new(v1::ErrorReason::Conflict, message);
        match unworked {
            Unworked::Miss(miss) => miss.into(),
            Unworked::Refused(Refusal::UnknownException) => {
                let message = "the shipment has no exception with this id";
                Self::new(v1::ErrorReason::IdNotFound, message)
                    .with("type", "waybill.v1.ShipmentException")
            }
            Unworked::Refused(Refusal::Stale(revision)) => {
                conflict("somebody has changed the overlay meanwhile: read it again")
                    .with("revision", revision.to_string())
            }
            Unworked::Refused(Refusal::Unfit(why)) => conflict(why),
        }
    }
}
