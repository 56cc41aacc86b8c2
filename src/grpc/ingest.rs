//! `waybill.v1.IngestService`: events of the operator's own systems, checked one by one.
//!
//! **Invariant:** an answer has one result for each event, and no text in it holds what an event
//! said.

use std::sync::Arc;

use jiff::Timestamp;
use prost::Message as _;
use tonic::{Request, Response, Status};
use waybill_core::code::{EventCode, ReasonCode};
use waybill_core::event::{Claim, Classifier, MappingBasis};
use waybill_core::internal::{self, Statement};
use waybill_core::owner;
use waybill_core::place::Location;
use waybill_core::privacy::Pii;
use waybill_core::shipment::Requirements;
use waybill_core::time::{Clues, EventTime, Stated, parse_iso, resolve};

use super::status::Failure;
use super::{parse, tracking};
use crate::auth::Principal;
use crate::config::Calls;
use crate::pipeline::{Item, Pipeline, Refusal, Taken};
use crate::remote;
use crate::v1;
use crate::v1::ingest_service_server::IngestService;

/// Characters of an event's id.
const ID: usize = 128;
/// Characters of an event's text.
const TEXT: usize = 1_000;
/// References to photographs of one event.
const PHOTOS: usize = 20;
/// Characters of one of these.
const PHOTO: usize = 2_000;
/// Years that an own system can mean.
const YEARS: std::ops::RangeInclusive<i16> = 1980..=2199;
/// Greatest offset from UTC in seconds.
const OFFSET: i64 = 18 * 3_600;

/// The service.
#[derive(Clone)]
pub struct Ingest {
    pipeline: Pipeline,
    calls: Arc<Calls>,
}

impl Ingest {
    /// Makes the service.
    pub fn new(pipeline: Pipeline, calls: Arc<Calls>) -> Self {
        Self { pipeline, calls }
    }

    async fn ingest(
        &self,
        principal: &Principal,
        request: v1::IngestEventsRequest,
    ) -> Result<v1::IngestEventsResponse, Failure> {
        let tenant = &principal.caller.tenant;
        // What a tenant's systems say is that tenant's.
        let source = owner::name_of(&self.source(&request.source)?, &[tenant.as_str()]);
        let limit = self.calls.ingest_events;
        if request.events.is_empty() || request.events.len() > limit {
            let description = format!("must have 1 to {limit} events");
            return Err(Failure::field("events", description));
        }
        principal.quota.owe(request.events.len() - 1);
        let now = self.pipeline.now();
        let mut results = Vec::with_capacity(request.events.len());
        let (mut places, mut items) = (Vec::new(), Vec::new());
        for (index, event) in (0_u32..).zip(request.events) {
            let mut result = v1::IngestResult {
                index,
                client_event_id: event.client_event_id.clone(),
                ..Default::default()
            };
            match read_event(event, tenant, &source, now) {
                Ok(item) => {
                    places.push(results.len());
                    items.push(item);
                }
                Err(failure) => result.error = Some(problem(failure, index)),
            }
            results.push(result);
        }
        let mut response = v1::IngestEventsResponse {
            results,
            ..Default::default()
        };
        if request.validate_only {
            let checked = self.pipeline.could_ingest(&items).await?;
            for (at, checked) in places.into_iter().zip(checked) {
                if let Err(refusal) = checked {
                    refuse(&mut response.results[at], refusal);
                }
            }
        } else {
            let taken = self.pipeline.ingest(items).await?;
            for (at, taken) in places.into_iter().zip(taken) {
                match taken {
                    Ok(Taken { shipments, is_new }) => {
                        let ids = shipments.into_iter().map(|id| id.0);
                        response.results[at].shipment_ids = ids.collect();
                        response.stored_count += u32::from(is_new);
                        response.duplicate_count += u32::from(!is_new);
                    }
                    Err(refusal) => refuse(&mut response.results[at], refusal),
                }
            }
        }
        let rejected = response.results.iter().filter(|one| one.error.is_some());
        response.rejected_count = u32::try_from(rejected.count()).unwrap_or(u32::MAX);
        Ok(response)
    }

    fn source(&self, name: &str) -> Result<String, Failure> {
        if name.is_empty() {
            return Ok(internal::SOURCE.to_owned());
        }
        let live = self.pipeline.live();
        let mut sources = live.configured.sources.iter();
        let is_asked = sources.any(|source| source.descriptor.id == name);
        if !remote::is_id(name) || !internal::is_own(name) || is_asked {
            let own = internal::SOURCE;
            let description =
                format!("must be {own:?}, or \"{own}-\" and a name of a-z, 0-9 and hyphen");
            return Err(Failure::field("source", description));
        }
        Ok(name.to_owned())
    }
}

#[tonic::async_trait]
impl IngestService for Ingest {
    async fn ingest_events(
        &self,
        request: Request<v1::IngestEventsRequest>,
    ) -> Result<Response<v1::IngestEventsResponse>, Status> {
        let principal = Principal::of(request.extensions())?.clone();
        let response = self.ingest(&principal, request.into_inner()).await?;
        tracking::fits(&response, self.calls.response_bytes)?;
        Ok(Response::new(response))
    }
}

fn problem(failure: Failure, index: u32) -> v1::Problem {
    failure.inside(&format!("events[{index}]")).into_problem()
}

fn refuse(result: &mut v1::IngestResult, refusal: Refusal) {
    let rejected = |description: &str| Failure {
        reason: v1::ErrorReason::EventRejected,
        ..Failure::field("client_event_id", description)
    };
    let failure = match refusal {
        Refusal::OtherContent => rejected("was sent before with other content"),
        Refusal::Full => rejected(&format!(
            "is beyond the {} events that own systems can state of one shipment or order",
            internal::MOST
        )),
        Refusal::Failed => Failure::internal("an event could not be stored"),
    };
    result.error = Some(problem(failure, result.index));
}

/// Reads one event.
fn read_event(
    event: v1::IngestEvent,
    tenant: &str,
    source: &str,
    now: Timestamp,
) -> Result<Item, Failure> {
    let content = event.encode_to_vec();
    let id = &event.client_event_id;
    let length = id.chars().take(ID + 1).count();
    if !(1..=ID).contains(&length) || id.chars().any(char::is_control) {
        let description = format!("must have 1 to {ID} printable characters");
        return Err(Failure::field("client_event_id", description));
    }
    let number = match event.tracking_number.as_str() {
        "" if event.order.is_none() => {
            let description = "is required unless order is set";
            return Err(Failure::number("tracking_number", description));
        }
        "" => None,
        text => Some(parse::number("tracking_number", text)?),
    };
    let order = event.order.as_ref();
    let order = order
        .map(|key| parse::order(tenant, "order", key))
        .transpose()?;
    parse::carrier("carrier", &event.carrier)?;
    let code = u16::try_from(event.code).map(EventCode);
    let code = code.ok().filter(|code| internal::CODES.contains(code));
    let Some(code) = code.and_then(EventCode::info) else {
        let description = "must be a code that IngestEvent.code lists";
        return Err(Failure::field("code", description));
    };
    let reason = match event.reason {
        0 => None,
        number => {
            let known = u16::try_from(number).ok().map(ReasonCode);
            let known = known.and_then(ReasonCode::info);
            let unknown = || Failure::field("reason", "is not a known reason");
            Some(known.ok_or_else(unknown)?.code)
        }
    };
    let location = place("location", event.location.as_ref())?;
    let time = event.time.as_ref();
    let time = time.ok_or_else(|| Failure::field("time", "is required"))?;
    let time = event_time(time, location.as_ref())?;
    if event.text.chars().count() > TEXT {
        let description = format!("must have at most {TEXT} characters");
        return Err(Failure::field("text", description));
    }
    let requirements = event.requirements.as_ref().map(requirements).transpose()?;
    let claim = Claim {
        native_id: event.client_event_id,
        native_code: code.name.to_owned(),
        native_reason: String::new(),
        native_text: Pii::new(event.text),
        code: code.code,
        reason,
        basis: MappingBasis::Code,
        time,
        location,
        // That a warehouse names a carrier does not make it the carrier's scan.
        carrier: String::new(),
        classifier: Classifier::Actual,
        retracted: false,
        doubt: None,
    };
    Ok(Item {
        number,
        order,
        carrier: event.carrier,
        statement: Statement {
            source: source.to_owned(),
            claim: Arc::new(claim),
            requirements,
            photos: photos(event.photo_uris)?,
            receive_time: now,
        },
        content,
    })
}

/// Reads a clock: what the system stated, from which everything else is found.
fn event_time(time: &v1::EventTime, location: Option<&Location>) -> Result<EventTime, Failure> {
    let stated = parse_iso(&time.local_time)
        .filter(|stated| time.local_time.len() <= 40 && YEARS.contains(&stated.local.year()));
    let Some(stated) = stated else {
        let description = "must be of the form YYYY-MM-DD[Thh:mm[:ss]], with or without an offset";
        return Err(Failure::field("time.local_time", description));
    };
    let offset = match &time.utc_offset {
        None => stated.offset,
        Some(offset) if offset.nanos == 0 && offset.seconds.abs() <= OFFSET => {
            let given = i32::try_from(offset.seconds).ok();
            if stated.offset.is_some_and(|other| Some(other) != given) {
                let description = "contradicts the offset in local_time";
                return Err(Failure::field("time.utc_offset", description));
            }
            given
        }
        Some(_) => {
            let description = "must be whole seconds, at most 18 hours";
            return Err(Failure::field("time.utc_offset", description));
        }
    };
    zone("time.time_zone", &time.time_zone)?;
    let zones = [
        Some(time.time_zone.as_str()),
        location.map(|place| place.time_zone.as_str()),
    ];
    let clues = Clues {
        facility_zone: zones.into_iter().flatten().find(|zone| !zone.is_empty()),
        place: location,
        ..Clues::default()
    };
    Ok(resolve(Stated { offset, ..stated }, clues))
}

fn zone(field: &str, name: &str) -> Result<(), Failure> {
    if name.is_empty() || remote::is_zone(name) {
        return Ok(());
    }
    Err(Failure::field(field, "is not an IANA time zone"))
}

/// Reads a place.
fn place(field: &str, wire: Option<&v1::Location>) -> Result<Option<Location>, Failure> {
    let Some(wire) = wire else { return Ok(None) };
    let country = wire.country_code.as_str();
    if !country.is_empty()
        && (country.len() != 2 || !country.bytes().all(|c| c.is_ascii_uppercase()))
    {
        let description = "must be an ISO 3166-1 alpha-2 code in upper case";
        return Err(Failure::field(format!("{field}.country_code"), description));
    }
    zone(&format!("{field}.time_zone"), &wire.time_zone)?;
    let facility = wire.facility.as_ref();
    let texts = [
        ("locality", Some(&wire.locality), 200),
        ("postal_code", Some(&wire.postal_code), 20),
        ("facility.code", facility.map(|it| &it.code), 64),
        ("facility.name", facility.map(|it| &it.name), 200),
    ];
    for (name, text, most) in texts {
        if text.is_some_and(|text| text.chars().count() > most) {
            let description = format!("must have at most {most} characters");
            return Err(Failure::field(format!("{field}.{name}"), description));
        }
    }
    // The system's own text is not among what is read.
    let wire = v1::Location {
        raw: String::new(),
        ..wire.clone()
    };
    Ok(remote::location(&wire))
}

fn requirements(wire: &v1::DeliveryRequirements) -> Result<Requirements, Failure> {
    place("requirements.pickup_place", wire.pickup_place.as_ref())?;
    let read = remote::requirements(wire);
    if wire.payment_due.is_some() && read.payment_due.is_none() {
        let description = "must have an ISO 4217 code and an amount like \"12.50\"";
        return Err(Failure::field("requirements.payment_due", description));
    }
    if read.collect_by != wire.collect_by {
        let description = "must be a date of the form YYYY-MM-DD";
        return Err(Failure::field("requirements.collect_by", description));
    }
    if wire.instructions.chars().count() > TEXT {
        let description = format!("must have at most {TEXT} characters");
        return Err(Failure::field("requirements.instructions", description));
    }
    Ok(read)
}

fn photos(uris: Vec<String>) -> Result<Vec<Pii<String>>, Failure> {
    if uris.len() > PHOTOS {
        let description = format!("must have at most {PHOTOS} references");
        return Err(Failure::field("photo_uris", description));
    }
    let is_wrong = |uri: &String| {
        !(1..=PHOTO).contains(&uri.len()) || !uri.bytes().all(|c| c.is_ascii_graphic())
    };
    if let Some(at) = uris.iter().position(is_wrong) {
        let description = format!("must be 1 to {PHOTO} printable ASCII characters without spaces");
        return Err(Failure::field(format!("photo_uris[{at}]"), description));
    }
    Ok(uris.into_iter().map(Pii::new).collect())
}
