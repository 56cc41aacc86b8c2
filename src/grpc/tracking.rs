//! `waybill.v1.TrackingService`: requests in, lookups out, records back.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt, stream};
use tokio::time::{Instant, timeout_at};
use tokio_stream::Stream;
use tonic::{Request, Response, Status, Streaming};
use waybill_core::adapter::Hints;
use waybill_core::caller::{Caller, Scope, Scopes};
use waybill_core::order::Subject;
use waybill_core::overlay::Overlay;
use waybill_core::shipment::{Shipment, ShipmentId};

use super::beside::Beside;
use super::convert::{self, View};
use super::parse::{carrier, hints, subject};
use super::status::{self, Failure};
use super::{added, evidence, follow, parse, redact};
use crate::auth::{self, Principal};
use crate::config::Calls;
use crate::guard::Priority;
use crate::pipeline::{self, Found, Lookup, LookupOptions, Pipeline, State};
use crate::quota::Allowance;
use crate::server::parse_grpc_timeout;
use crate::texts::{Texts, Voice};
use crate::v1;
use crate::v1::tracking_service_server::TrackingService;

/// How many items of one batch are looked up at the same time: all of them, so that numbers of one
/// source can share upstream requests, and no source holds up the items of another.
const BATCH_WIDTH: usize = 1_000;
/// A batch keeps this share of its time for sending results: one part in this many.
const BATCH_RESERVE: u32 = 20;
/// Greatest length of a correlation id in characters.
const CORRELATION: usize = 128;
/// Bytes of a batch's message beside the answer in it, generously.
const RESULT_HEAD: usize = 1_024;

/// The service.
#[derive(Clone)]
pub struct Tracking {
    pub(super) pipeline: Pipeline,
    pub(super) calls: Arc<Calls>,
    pub(super) streams: follow::Streams,
    pub(super) texts: Arc<Texts>,
    /// Who asks; nobody, until a call says who: see [`Tracking::by`].
    pub(super) caller: Arc<Caller>,
    /// What its tenant may still ask for.
    pub(super) quota: Allowance,
}

/// An answer of `Track`, and how long it can be given again.
pub(super) struct Tracked {
    pub(super) response: v1::TrackResponse,
    /// Until then the same request has the same answer without asking anybody.
    pub(super) until: Option<jiff::Timestamp>,
    /// The number as the server writes it, or the order.
    pub(super) subject: Subject,
    /// Shipments of the answer.
    pub(super) ids: Vec<ShipmentId>,
}

impl Tracking {
    /// Makes the service.
    pub fn new(
        pipeline: Pipeline,
        calls: Arc<Calls>,
        streams: follow::Streams,
        texts: Arc<Texts>,
    ) -> Self {
        Self {
            pipeline,
            calls,
            streams,
            texts,
            caller: Arc::new(Caller::nobody()),
            quota: Allowance::unlimited(),
        }
    }

    /// The service for one caller.
    pub(super) fn by(&self, principal: &Principal) -> Self {
        Self {
            caller: Arc::clone(&principal.caller),
            quota: principal.quota.clone(),
            ..self.clone()
        }
    }

    /// The service for whoever makes a call. The front has found out who that is.
    fn of<T>(&self, request: &Request<T>) -> Result<Self, Failure> {
        Ok(self.by(Principal::of(request.extensions())?))
    }

    /// A record as the caller may see it.
    pub(super) fn shipment(&self, record: &Shipment, view: View, voice: Voice<'_>) -> v1::Shipment {
        shown(self.caller.scopes, convert::shipment(record, view, voice))
    }

    /// What the tenant adds to a record, as the caller may see it.
    pub(super) fn overlay(&self, id: &ShipmentId, overlay: &Overlay) -> v1::TenantOverlay {
        shown_overlay(self.caller.scopes, added::overlay(id, overlay))
    }

    /// Checks that the caller may have sources asked that cost something, if it wants that, for so
    /// many lookups.
    fn may_pay(&self, allow_paid: bool, lookups: usize) -> Result<(), Failure> {
        if !allow_paid {
            return Ok(());
        }
        auth::require(&self.caller, Scope::Paid)?;
        self.quota.pay(lookups, self.pipeline.now())
    }

    /// Answers `Track`.
    pub(super) async fn track_until(
        &self,
        request: v1::TrackRequest,
        deadline: Instant,
    ) -> Result<Tracked, Failure> {
        self.may_pay(request.allow_paid, 1)?;
        let speech = self.speech(request.view, &request.language)?;
        let tenant = &self.caller.tenant;
        let subject = subject(tenant, &request.tracking_number, request.order.as_ref())?;
        carrier("carrier", &request.carrier)?;
        let lookup = Lookup {
            tenant: self.caller.tenant.clone(),
            subject,
            carrier: request.carrier,
            hints: hints(request.hints)?,
            sources: sources(request.sources)?,
            max_age: max_age(request.max_age)?,
            cache_only: request.cache_only,
            wait_for_all: request.wait_for_all_sources,
            allow_paid: request.allow_paid,
            deadline,
            priority: Priority::Interactive,
        };
        let found = self.pipeline.track(&lookup).await?;
        let ids = found
            .shipments
            .iter()
            .map(|record| record.id.clone())
            .collect();
        let beside = self.beside(&found, speech.voice).await?;
        let until = found.good_until.map(|until| until.min(beside.until));
        Ok(Tracked {
            response: self.response(&found, beside, speech, &request.if_none_match),
            until,
            subject: lookup.subject,
            ids,
        })
    }

    async fn get(
        &self,
        request: v1::GetShipmentRequest,
        deadline: Instant,
    ) -> Result<v1::GetShipmentResponse, Failure> {
        let speech = self.speech(request.view, &request.language)?;
        let id = parse::shipment_id("id", request.id)?;
        let options = LookupOptions {
            tenant: self.caller.tenant.clone(),
            hints: Hints::default(),
            max_age: max_age(request.max_age)?,
            cache_only: request.cache_only,
            wait_for_all: false,
            allow_paid: false,
            sources: Vec::new(),
            deadline,
            priority: Priority::Interactive,
        };
        let found = self.pipeline.get(&id, &options).await?;
        let beside = self.beside(&found, speech.voice).await?;
        let mut all = self.response(&found, beside, speech, &request.if_none_match);
        let answer = v1::GetShipmentResponse {
            shipment: all.shipments.pop(),
            freshness: all.freshness,
            outcomes: all.outcomes,
            not_modified: all.not_modified,
            partial: all.partial,
            overlay: all.overlays.pop(),
            forecast: all.forecasts.pop(),
        };
        fits(&answer, self.calls.response_bytes)?;
        Ok(answer)
    }

    /// Checks a batch as a whole; an item that is wrong fails by itself. Returns the distinct ones.
    fn batch(
        &self,
        request: v1::BatchTrackRequest,
        deadline: Instant,
    ) -> Result<BatchStream, Failure> {
        self.speech(request.view, &request.language)?;
        if request.items.is_empty() || request.items.len() > self.calls.batch_items {
            let limit = self.calls.batch_items;
            return Err(Failure::field(
                "items",
                format!("must have 1 to {limit} items"),
            ));
        }
        self.quota.owe(request.items.len() - 1);
        self.may_pay(request.allow_paid, request.items.len())?;
        let now = Instant::now();
        let time = deadline.saturating_duration_since(now);
        let options = LookupOptions {
            tenant: self.caller.tenant.clone(),
            hints: Hints::default(),
            max_age: max_age(request.max_age)?,
            cache_only: request.cache_only,
            wait_for_all: request.wait_for_all_sources,
            allow_paid: request.allow_paid,
            sources: sources(request.sources)?,
            deadline: now + time - time / BATCH_RESERVE,
            priority: Priority::Background,
        };
        // Equal items are asked once and answered for each.
        let mut groups: Vec<(v1::BatchTrackItem, Vec<(u32, String)>)> = Vec::new();
        let mut seen: HashMap<Vec<u8>, usize> = HashMap::new();
        for (index, mut item) in (0_u32..).zip(request.items) {
            let correlation_id = std::mem::take(&mut item.correlation_id);
            let key = prost::Message::encode_to_vec(&item);
            let at = *seen.entry(key).or_insert_with(|| {
                groups.push((item, Vec::new()));
                groups.len() - 1
            });
            groups[at].1.push((index, correlation_id));
        }
        let tracking = self.clone();
        let (view, language) = (request.view, request.language);
        let limit = self.calls.response_bytes;
        let results = stream::iter(groups)
            .map(move |(item, places)| {
                let (tracking, options) = (tracking.clone(), options.clone());
                let language = language.clone();
                async move {
                    // Whatever one item meets, a defect or a hanging store, the others arrive.
                    let answer = tracking.answer_item(&options, view, &language, item);
                    let answer = AssertUnwindSafe(answer).catch_unwind();
                    let answer = match timeout_at(options.deadline, answer).await {
                        Ok(Ok(answer)) => answer,
                        Ok(Err(_)) => Err(Failure::internal("an item of a batch panicked")),
                        Err(_) => Err(out_of_time()),
                    };
                    let answer = answer.and_then(|answer| {
                        fits(&answer, limit.saturating_sub(RESULT_HEAD))?;
                        Ok(answer)
                    });
                    results_of(answer, places)
                }
            })
            .buffer_unordered(BATCH_WIDTH)
            .flat_map(stream::iter);
        Ok(Box::pin(summarised(results)))
    }
}

/// Leaves out of a record what a caller may not see.
pub(super) fn shown(scopes: Scopes, mut shipment: v1::Shipment) -> v1::Shipment {
    if !scopes.has(Scope::Personal) {
        redact::shipment(&mut shipment);
    }
    shipment
}

/// Leaves out of what a tenant adds what a caller may not see.
pub(super) fn shown_overlay(scopes: Scopes, mut overlay: v1::TenantOverlay) -> v1::TenantOverlay {
    if !scopes.has(Scope::Personal) {
        redact::overlay(&mut overlay);
    }
    overlay
}

/// What of a record is written, and in which language.
#[derive(Clone, Copy)]
struct Speech<'a> {
    view: View,
    voice: Voice<'a>,
}

type BatchStream = Pin<Box<dyn Stream<Item = Result<v1::BatchTrackResponse, Status>> + Send>>;

/// The same answer for each place where the item stands.
fn results_of(
    answer: Result<v1::TrackResponse, Failure>,
    places: Vec<(u32, String)>,
) -> Vec<v1::BatchTrackResult> {
    use v1::batch_track_result::Outcome;
    let result = |(index, correlation_id): (u32, String)| {
        let answer = if correlation_id.chars().count() > CORRELATION {
            let description = format!("must have at most {CORRELATION} characters");
            Err(Failure::field("correlation_id", description))
        } else {
            answer.clone()
        };
        let outcome = match answer {
            Ok(response) => Outcome::Response(response),
            Err(failure) => {
                Outcome::Error(failure.inside(&format!("items[{index}]")).into_problem())
            }
        };
        v1::BatchTrackResult {
            index,
            correlation_id,
            outcome: Some(outcome),
        }
    };
    places.into_iter().map(result).collect()
}

fn out_of_time() -> Failure {
    let message = "the deadline of the batch came before this item";
    Failure::new(v1::ErrorReason::Deadline, message)
}

/// Checks the size of an answer before tonic does, which has no reason to give.
pub(super) fn fits(answer: &impl prost::Message, limit: usize) -> Result<usize, Failure> {
    let length = answer.encoded_len();
    if length > limit {
        return Err(too_large(limit));
    }
    Ok(length)
}

/// An answer is larger than it may be.
pub(super) fn too_large(limit: usize) -> Failure {
    let message = format!("the answer is larger than {limit} bytes; ask for a smaller view");
    let mut failure = Failure::field("view", message);
    failure.reason = v1::ErrorReason::MessageTooLarge;
    failure
}

/// Sends every result, then the totals.
fn summarised(
    results: impl Stream<Item = v1::BatchTrackResult> + Send + 'static,
) -> impl Stream<Item = Result<v1::BatchTrackResponse, Status>> + Send {
    use v1::batch_track_response::Message;
    let message = |message| {
        Ok(v1::BatchTrackResponse {
            message: Some(message),
        })
    };
    let start = Some((Box::pin(results), v1::BatchTrackSummary::default()));
    stream::unfold(start, move |state| async move {
        let (mut results, mut summary) = state?;
        match results.next().await {
            Some(result) => {
                match result.outcome {
                    Some(v1::batch_track_result::Outcome::Response(_)) => {
                        summary.success_count += 1
                    }
                    _ => summary.error_count += 1,
                }
                Some((message(Message::Result(result)), Some((results, summary))))
            }
            None => Some((message(Message::Summary(summary)), None)),
        }
    })
}

#[tonic::async_trait]
impl TrackingService for Tracking {
    async fn track(
        &self,
        request: Request<v1::TrackRequest>,
    ) -> Result<Response<v1::TrackResponse>, Status> {
        let deadline = self.deadline(&request, self.calls.unary_cap);
        let me = self.of(&request)?;
        let tracked = me.track_until(request.into_inner(), deadline).await?;
        Ok(Response::new(tracked.response))
    }

    async fn get_shipment(
        &self,
        request: Request<v1::GetShipmentRequest>,
    ) -> Result<Response<v1::GetShipmentResponse>, Status> {
        let deadline = self.deadline(&request, self.calls.unary_cap);
        self.bounded(request.get_ref())?;
        let me = self.of(&request)?;
        Ok(Response::new(me.get(request.into_inner(), deadline).await?))
    }

    type BatchTrackStream = BatchStream;

    async fn batch_track(
        &self,
        request: Request<v1::BatchTrackRequest>,
    ) -> Result<Response<BatchStream>, Status> {
        let deadline = self.deadline(&request, self.calls.batch_cap);
        let me = self.of(&request)?;
        Ok(Response::new(me.batch(request.into_inner(), deadline)?))
    }

    // What streams is made by the front, which gives its body encoded messages.
    type FollowStream = tokio_stream::Empty<Result<v1::WatchMessage, Status>>;

    async fn follow(
        &self,
        _: Request<v1::FollowRequest>,
    ) -> Result<Response<Self::FollowStream>, Status> {
        Err(Failure::internal("streams are answered by the front").into())
    }

    type WatchStream = tokio_stream::Empty<Result<v1::WatchMessage, Status>>;

    async fn watch(
        &self,
        _: Request<Streaming<v1::WatchRequest>>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        Err(Failure::internal("streams are answered by the front").into())
    }

    async fn list_events(
        &self,
        request: Request<v1::ListEventsRequest>,
    ) -> Result<Response<v1::ListEventsResponse>, Status> {
        self.of(&request)?.events(request).await
    }

    async fn register_shipment(
        &self,
        request: Request<v1::RegisterShipmentRequest>,
    ) -> Result<Response<v1::RegisterShipmentResponse>, Status> {
        self.of(&request)?.register(request).await
    }

    async fn batch_register(
        &self,
        request: Request<v1::BatchRegisterRequest>,
    ) -> Result<Response<v1::BatchRegisterResponse>, Status> {
        self.of(&request)?.register_all(request).await
    }

    async fn unregister_shipment(
        &self,
        request: Request<v1::UnregisterShipmentRequest>,
    ) -> Result<Response<v1::UnregisterShipmentResponse>, Status> {
        self.of(&request)?.unregister(request).await
    }

    async fn list_shipments(
        &self,
        request: Request<v1::ListShipmentsRequest>,
    ) -> Result<Response<v1::ListShipmentsResponse>, Status> {
        self.of(&request)?.list(request).await
    }

    async fn update_exception(
        &self,
        request: Request<v1::UpdateExceptionRequest>,
    ) -> Result<Response<v1::UpdateExceptionResponse>, Status> {
        self.of(&request)?.take_step(request).await
    }

    type GetEvidenceStream = evidence::EvidenceStream;

    async fn get_evidence(
        &self,
        request: Request<v1::GetEvidenceRequest>,
    ) -> Result<Response<evidence::EvidenceStream>, Status> {
        self.of(&request)?.send_evidence(request).await
    }
}

impl Tracking {
    async fn answer_item(
        &self,
        options: &LookupOptions,
        view: i32,
        language: &str,
        item: v1::BatchTrackItem,
    ) -> Result<v1::TrackResponse, Failure> {
        let speech = self.speech(view, language)?;
        let tenant = &self.caller.tenant;
        let subject = subject(tenant, &item.tracking_number, item.order.as_ref())?;
        carrier("carrier", &item.carrier)?;
        let lookup = Lookup {
            hints: hints(item.hints)?,
            ..options.lookup(subject, item.carrier)
        };
        if lookup.deadline <= Instant::now() {
            return Err(out_of_time());
        }
        let found = self.pipeline.track(&lookup).await?;
        let beside = self.beside(&found, speech.voice).await?;
        Ok(self.response(&found, beside, speech, &item.if_none_match))
    }

    /// Writes the answer of a lookup.
    fn response(
        &self,
        found: &Found,
        beside: Beside,
        speech: Speech<'_>,
        if_none_match: &str,
    ) -> v1::TrackResponse {
        let not_modified = !if_none_match.is_empty() && etags_hold(&found.shipments, if_none_match);
        let shipments = if not_modified {
            &[][..]
        } else {
            &found.shipments[..]
        };
        v1::TrackResponse {
            shipments: shipments
                .iter()
                .map(|record| self.shipment(record, speech.view, speech.voice))
                .collect(),
            freshness: Some(freshness(&found.freshness)),
            outcomes: found.outcomes.iter().map(status::outcome).collect(),
            not_modified,
            partial: status::is_partial(&found.outcomes),
            overlays: beside.overlays,
            forecasts: beside.forecasts,
        }
    }

    /// Reads what a caller wants to see.
    fn speech(&self, view: i32, language: &str) -> Result<Speech<'_>, Failure> {
        parse::language("language", language)?;
        Ok(Speech {
            view: parse::view(view)?,
            voice: self.texts.voice(language),
        })
    }

    /// Only a batch may be as large as tonic lets every request of this service be.
    pub(super) fn bounded(&self, request: &impl prost::Message) -> Result<(), Failure> {
        let limit = self.calls.request_bytes;
        if request.encoded_len() > limit {
            return Err(Failure::too_large(limit));
        }
        Ok(())
    }

    fn deadline<T>(&self, request: &Request<T>, cap: Duration) -> Instant {
        let stated = parse_grpc_timeout(request.metadata().as_ref());
        Instant::now() + self.calls.time_for(stated, cap)
    }
}

fn sources(ids: Vec<String>) -> Result<Vec<String>, Failure> {
    if ids.len() > 16 {
        return Err(Failure::field("sources", "must have at most 16 ids"));
    }
    Ok(ids)
}

fn max_age(age: Option<prost_types::Duration>) -> Result<Option<Duration>, Failure> {
    let Some(age) = age else { return Ok(None) };
    let wrong = |_| Failure::field("max_age", "must not be negative");
    Duration::try_from(age).map(Some).map_err(wrong)
}

/// Tells whether the caller holds exactly these records in this order.
pub(super) fn etags_hold(shipments: &[Arc<Shipment>], held: &str) -> bool {
    !shipments.is_empty()
        && held
            .split(',')
            .eq(shipments.iter().map(|record| record.etag.as_str()))
}

/// Writes freshness.
pub(super) fn freshness(freshness: &pipeline::Freshness) -> v1::Freshness {
    let state = match freshness.state {
        None => v1::FreshnessState::Unspecified,
        Some(State::Live) => v1::FreshnessState::Live,
        Some(State::Fresh) => v1::FreshnessState::Fresh,
        Some(State::Stale) => v1::FreshnessState::Stale,
        Some(State::StaleSourcesDown) => v1::FreshnessState::StaleSourcesDown,
        Some(State::Final) => v1::FreshnessState::Final,
    };
    v1::Freshness {
        state: state as i32,
        fetch_time: freshness.fetch_time.map(convert::timestamp),
        fresh_until: freshness.fresh_until.map(convert::timestamp),
        last_attempt_time: freshness.last_attempt.map(convert::timestamp),
        revalidating: freshness.revalidating,
    }
}
