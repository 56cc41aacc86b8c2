//! What tenants follow: `RegisterShipment`, `BatchRegister`, `UnregisterShipment`, `ListShipments`,
//! and `ListEvents`.

use std::sync::Arc;

use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use tonic::{Request, Response, Status};
use waybill_core::caller::Scope;
use waybill_core::event::Standing;
use waybill_core::overlay::{Overlay, Promise};
use waybill_core::shipment::{Shipment, ShipmentId};
use waybill_core::status::{Severity, Status as Position};

use super::convert::{self, View};
use super::follow::labels;
use super::parse;
use super::redact;
use super::status::Failure;
use super::tracking::Tracking;
use crate::pipeline::{Enrolled, Enrolment, Miss};
use crate::store::Place;
use crate::v1;

/// Shipments or events of a page unless the caller says so, and at most.
const PAGE: usize = 100;
const PAGE_MOST: usize = 1_000;
/// Registered shipments that one call looks at; beyond that it returns what it has found.
const SCAN: usize = 10_000;
/// Registered shipments read at a time.
const CHUNK: usize = 200;
/// Registrations of a batch that are written at the same time.
const WIDTH: usize = 32;

impl Tracking {
    /// Answers `RegisterShipment`.
    pub(super) async fn register(
        &self,
        request: Request<v1::RegisterShipmentRequest>,
    ) -> Result<Response<v1::RegisterShipmentResponse>, Status> {
        self.bounded(request.get_ref())?;
        let registration = request.into_inner().registration;
        let registered = self.enrol(registration.unwrap_or_default()).await;
        let registered = registered.map_err(|failure| failure.inside("registration"))?;
        Ok(Response::new(registered))
    }

    /// Answers `BatchRegister`.
    pub(super) async fn register_all(
        &self,
        request: Request<v1::BatchRegisterRequest>,
    ) -> Result<Response<v1::BatchRegisterResponse>, Status> {
        let registrations = request.into_inner().registrations;
        let limit = self.calls.batch_items;
        if !(1..=limit).contains(&registrations.len()) {
            let description = format!("must have 1 to {limit} registrations");
            return Err(Failure::field("registrations", description).into());
        }
        self.quota.owe(registrations.len() - 1);
        let results = stream::iter(registrations)
            .map(|registration| async {
                use v1::batch_register_result::Outcome;
                let outcome = match self.enrol(registration).await {
                    Ok(response) => Outcome::Response(response),
                    Err(failure) => Outcome::Error(failure.into_problem()),
                };
                v1::BatchRegisterResult {
                    outcome: Some(outcome),
                }
            })
            .buffered(WIDTH)
            .collect()
            .await;
        Ok(Response::new(v1::BatchRegisterResponse { results }))
    }

    async fn enrol(
        &self,
        registration: v1::Registration,
    ) -> Result<v1::RegisterShipmentResponse, Failure> {
        let tenant = &self.caller.tenant;
        let enrolment = read(tenant, registration)?;
        let register = async {
            let (ids, created) = self.pipeline.register(tenant, &enrolment).await?;
            Ok((ids, u64::from(created)))
        };
        let count = |limit| async move { Ok(self.pipeline.count_registered(tenant, limit).await?) };
        let (ids, new) = self.quota.register(count, register).await?;
        Ok(v1::RegisterShipmentResponse {
            shipment_ids: ids.into_iter().map(|id| id.0).collect(),
            created: new > 0,
        })
    }

    /// Answers `UnregisterShipment`.
    pub(super) async fn unregister(
        &self,
        request: Request<v1::UnregisterShipmentRequest>,
    ) -> Result<Response<v1::UnregisterShipmentResponse>, Status> {
        self.bounded(request.get_ref())?;
        let id = parse::shipment_id("id", request.into_inner().id)?;
        let gone = self.pipeline.unregister(&self.caller.tenant, &id).await;
        gone.map_err(Failure::from)?;
        Ok(Response::new(v1::UnregisterShipmentResponse {}))
    }

    /// Answers `ListShipments`.
    pub(super) async fn list(
        &self,
        request: Request<v1::ListShipmentsRequest>,
    ) -> Result<Response<v1::ListShipmentsResponse>, Status> {
        self.bounded(request.get_ref())?;
        Ok(Response::new(self.page(request.into_inner()).await?))
    }

    async fn page(
        &self,
        request: v1::ListShipmentsRequest,
    ) -> Result<v1::ListShipmentsResponse, Failure> {
        parse::language("language", &request.language)?;
        let wanted = Wanted::read(&request)?;
        let view = match request.view {
            0 => View::Basic,
            view => parse::view(view)?,
        };
        let voice = self.texts.voice(&request.language);
        let size = page_size(request.page_size);
        let mut after = match request.page_token.as_str() {
            "" => wanted.since(),
            token => Some(self.read_place(token)?),
        };
        let mut page = v1::ListShipmentsResponse::default();
        let (mut looked_at, mut bytes) = (0, 0);
        loop {
            let tenant = &self.caller.tenant;
            let places = self
                .pipeline
                .registered(tenant, after.clone(), CHUNK)
                .await?;
            if places.is_empty() {
                return Ok(page);
            }
            for place in places {
                let record = match self.pipeline.held(tenant, &place.id).await {
                    Ok((record, _)) => record,
                    Err(Miss::UnknownId) => continue,
                    Err(miss) => return Err(miss.into()),
                };
                let overlay = self.pipeline.overlay(tenant, &record).await?;
                looked_at += 1;
                if let Some(overlay) = overlay.filter(|overlay| wanted.fits(&record, overlay)) {
                    let shipment = self.shipment(&record, view, voice);
                    bytes += prost::Message::encoded_len(&shipment);
                    let is_full = page.shipments.len() == size
                        || bytes > self.calls.response_bytes / 2 && !page.shipments.is_empty();
                    if is_full {
                        page.next_page_token = self.write_place(after.as_ref());
                        return Ok(page);
                    }
                    page.shipments.push(shipment);
                    page.overlays.push(self.overlay(&record.id, &overlay));
                }
                after = Some(place);
            }
            if looked_at >= SCAN {
                page.next_page_token = self.write_place(after.as_ref());
                return Ok(page);
            }
        }
    }

    /// Writes a place of a list as a token, which only its tenant can use.
    fn write_place(&self, place: Option<&Place>) -> String {
        place.map_or_else(String::new, |place| {
            let text = format!("{}.{}", place.updated.as_nanosecond(), place.id.0);
            self.streams.tokens.sign(&self.caller.tenant, &text)
        })
    }

    fn read_place(&self, token: &str) -> Result<Place, Failure> {
        let wrong = || Failure::token("page_token", "is not a token of this list");
        let text = self.streams.tokens.read(&self.caller.tenant, token);
        let (nanos, id) = text
            .and_then(|text| text.split_once('.'))
            .ok_or_else(wrong)?;
        let nanos: i128 = nanos.parse().map_err(|_| wrong())?;
        let updated = Timestamp::from_nanosecond(nanos).map_err(|_| wrong())?;
        // Nothing but the beginning of a list has no id.
        let id = match id {
            "" => ShipmentId(String::new()),
            id => parse::shipment_id("page_token", id.to_owned()).map_err(|_| wrong())?,
        };
        Ok(Place { updated, id })
    }

    /// Answers `ListEvents`.
    pub(super) async fn events(
        &self,
        request: Request<v1::ListEventsRequest>,
    ) -> Result<Response<v1::ListEventsResponse>, Status> {
        self.bounded(request.get_ref())?;
        Ok(Response::new(self.event_page(request.into_inner()).await?))
    }

    async fn event_page(
        &self,
        request: v1::ListEventsRequest,
    ) -> Result<v1::ListEventsResponse, Failure> {
        parse::language("language", &request.language)?;
        let id = parse::shipment_id("shipment_id", request.shipment_id)?;
        let tenant = &self.caller.tenant;
        let (record, _) = self.pipeline.held(tenant, &id).await?;
        let counts = |standing| request.include_uncounted || standing == Standing::Accepted;
        let mut events = record.events.iter().filter(|event| counts(event.standing));
        if !request.page_token.is_empty() {
            // An event can have become part of another one since the page before.
            let is_last = |name: &str| name == request.page_token;
            let found = events.by_ref().find(|event| {
                is_last(&event.id.to_string())
                    || event.superseded.iter().any(|old| is_last(&old.to_string()))
            });
            found.ok_or_else(|| Failure::token("page_token", "is not one of this shipment"))?;
        }
        let size = page_size(request.page_size);
        let mut page = v1::ListEventsResponse {
            revision: record.revision,
            ..Default::default()
        };
        let mut bytes = 0;
        for event in events {
            let event = convert::event(event, request.include_observations);
            bytes += prost::Message::encoded_len(&event);
            let has_room = page.events.len() < size && bytes <= self.calls.response_bytes / 2;
            if let (Some(last), false) = (page.events.last(), has_room) {
                page.next_page_token = last.id.clone();
                break;
            }
            page.events.push(event);
        }
        if !self.caller.scopes.has(Scope::Personal) {
            redact::events(&mut page);
        }
        Ok(page)
    }
}

/// Conditions of a list.
struct Wanted {
    labels: std::collections::BTreeMap<String, String>,
    statuses: Vec<Position>,
    min_severity: Option<Severity>,
    tracking: Vec<i32>,
    updated_since: Option<Timestamp>,
}

impl Wanted {
    fn read(request: &v1::ListShipmentsRequest) -> Result<Self, Failure> {
        let unknown = |field: &str| Failure::field(field, "has a value that is not known");
        let statuses = request
            .statuses
            .iter()
            .map(|number| convert::read_status(*number).ok_or_else(|| unknown("statuses")));
        let since = request
            .updated_since
            .map(|since| instant("updated_since", since));
        let known = |number: &i32| v1::TrackingState::try_from(*number).is_ok_and(|_| *number > 0);
        if !request.tracking_states.iter().all(known) {
            return Err(unknown("tracking_states"));
        }
        Ok(Self {
            labels: labels("labels", request.labels.clone())?,
            statuses: statuses.collect::<Result<_, _>>()?,
            min_severity: convert::read_severity(request.min_severity)
                .ok_or_else(|| unknown("min_severity"))?,
            tracking: request.tracking_states.clone(),
            updated_since: since.transpose()?,
        })
    }

    /// Where the list begins.
    fn since(&self) -> Option<Place> {
        // Every id is longer, so nothing of that moment is left out.
        self.updated_since.map(|updated| Place {
            updated,
            id: ShipmentId(String::new()),
        })
    }

    fn fits(&self, record: &Shipment, overlay: &Arc<Overlay>) -> bool {
        let registration = overlay.registration.as_ref();
        registration.is_some_and(|registration| registration.has(&self.labels))
            && (self.statuses.is_empty() || self.statuses.contains(&record.status))
            && (self.tracking.is_empty() || self.tracking.contains(&(record.tracking as i32)))
            && self
                .min_severity
                .is_none_or(|least| record.attention >= Some(least))
            && self
                .updated_since
                .is_none_or(|since| record.update_time >= since)
    }
}

fn page_size(wanted: u32) -> usize {
    match usize::try_from(wanted) {
        Ok(0) => PAGE,
        Ok(wanted) => wanted.min(PAGE_MOST),
        Err(_) => PAGE_MOST,
    }
}

fn instant(field: &str, time: prost_types::Timestamp) -> Result<Timestamp, Failure> {
    let read = Timestamp::new(time.seconds, time.nanos);
    read.map_err(|_| Failure::field(field, "is out of range"))
}

/// Reads a registration.
fn read(tenant: &str, registration: v1::Registration) -> Result<Enrolment, Failure> {
    use v1::shipment_key::Key;
    let key = registration.shipment.unwrap_or_default();
    let inside = |failure: Failure| failure.inside("shipment");
    let named = |subject| Ok(Enrolled::Subject(subject));
    let target = match key.key {
        None => Err(Failure::field("key", "is required")),
        Some(Key::Id(id)) => parse::shipment_id("id", id).map(Enrolled::Id),
        Some(Key::TrackingNumber(text)) => {
            parse::number("tracking_number", &text).and_then(|number| named(number.into()))
        }
        Some(Key::Order(order)) => {
            parse::order(tenant, "order", &order).and_then(|order| named(order.into()))
        }
    };
    parse::carrier("carrier", &key.carrier).map_err(inside)?;
    let order = registration.order_reference;
    let order = order
        .map(|key| parse::order(tenant, "order_reference", &key))
        .transpose()?;
    let promise = registration.promise.map(promise).transpose()?;
    Ok(Enrolment {
        target: target.map_err(inside)?,
        carrier: key.carrier,
        hints: parse::hints(key.hints).map_err(inside)?,
        labels: labels("labels", registration.labels)?,
        order,
        promise,
    })
}

fn promise(window: v1::TimeWindow) -> Result<Promise, Failure> {
    let read = |field: &str, time: Option<prost_types::Timestamp>| {
        time.map(|time| instant(field, time)).transpose()
    };
    let start = read("promise.start_time", window.start_time)?;
    let end = read("promise.end_time", window.end_time)?;
    match (start, end) {
        (None, None) => Err(Failure::field("promise", "must have a start or an end")),
        (Some(start), Some(end)) if start >= end => Err(Failure::field(
            "promise.end_time",
            "must be after the start",
        )),
        _ => Ok(Promise { start, end }),
    }
}
