//! The one place where core's values become messages.

use jiff::Timestamp;
use waybill_core::event::{Classifier, Event, Observation, SourceClass, Standing};
use waybill_core::exception::Exception;
use waybill_core::forecast::Forecast;
use waybill_core::gazetteer;
use waybill_core::leg::Leg;
use waybill_core::owner::source_of;
use waybill_core::place::Location;
use waybill_core::shipment::{
    Contact, Estimate, Finding, KnownNumber, LocalWindow, MilestoneProgress, NextStep, Photo,
    Physical, Proof, Requirements, Shipment, ShipmentId,
};
use waybill_core::status::{Milestone, Severity, Status};
use waybill_core::text::{Audience, Text};
use waybill_core::time::EventTime;

use crate::texts::Voice;
use crate::v1;

/// Amount of detail, with the default resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum View {
    /// No events.
    Basic,
    /// The newest 50 events.
    Standard,
    /// The newest 200 events, with the evidence.
    Full,
}

impl View {
    /// Every view.
    pub const ALL: [Self; 3] = [Self::Basic, Self::Standard, Self::Full];

    /// Reads the enum of the API; `None` for a number this version does not know.
    pub fn read(number: i32) -> Option<Self> {
        match v1::ShipmentView::try_from(number).ok()? {
            v1::ShipmentView::Unspecified | v1::ShipmentView::Standard => Some(Self::Standard),
            v1::ShipmentView::Basic => Some(Self::Basic),
            v1::ShipmentView::Full => Some(Self::Full),
        }
    }

    const fn events(self) -> usize {
        match self {
            Self::Basic => 0,
            Self::Standard => 50,
            Self::Full => 200,
        }
    }
}

/// Writes a record in a view, with texts in a language.
pub fn shipment(record: &Shipment, view: View, voice: Voice<'_>) -> v1::Shipment {
    let standard = view >= View::Standard;
    let full = view == View::Full;
    let estimates = if view == View::Basic { 1 } else { usize::MAX };
    v1::Shipment {
        id: record.id.0.clone(),
        tracking_number: record.number.reveal().to_owned(),
        redacted_fields: Vec::new(),
        carrier: record.carrier.clone(),
        status: status(Some(record.status)),
        terminal: record.status.is_terminal(),
        code: record.code.map_or(0, |code| i32::from(code.0)),
        reason: record.reason.map_or(0, |reason| i32::from(reason.0)),
        status_event_id: record
            .status_event
            .map(|id| id.to_string())
            .unwrap_or_default(),
        source_count: record.source_count,
        revision: record.revision,
        etag: record.etag.clone(),
        update_time: Some(timestamp(record.update_time)),
        tracking_state: record.tracking as i32,
        attention: severity(record.attention),
        recipient_text: Some(text(record, Audience::Recipient, voice)),
        shipper_text: Some(text(record, Audience::Shipper, voice)),
        progress: record.progress.map(|at| v1::Progress {
            step: at.step,
            of: at.of,
        }),
        next_step: record.next_step.as_ref().map(|step| next_step(step, voice)),
        expected_silence_until: record.silence.map(|silence| timestamp(silence.until)),
        expected_silence_reason: record.silence.map_or(0, |silence| silence.reason as i32),
        contact_options: contacts(record, voice),
        requirements: record.requirements.as_ref().map(requirements),
        last_event_time: record
            .last_event_time
            .as_ref()
            .map(|time| event_time(time, false)),
        last_location: record.last_location.as_ref().map(located),
        estimates: record
            .estimates
            .iter()
            .take(estimates)
            .map(estimate)
            .collect(),
        events: record
            .events
            .iter()
            .take(view.events())
            .map(|it| event(it, full))
            .collect(),
        event_count: count(record.events.len()),
        exceptions: part(standard, &record.exceptions, |problem| {
            exception(problem, record, voice)
        }),
        milestones: part(standard, &record.milestones, |progress| {
            milestone_progress(progress, voice, full)
        }),
        identifiers: part(standard, &record.identifiers, identifier),
        legs: part(standard, &record.legs, leg),
        origin: record.origin.as_ref().filter(|_| standard).map(located),
        destination: record
            .destination
            .as_ref()
            .filter(|_| standard)
            .map(located),
        pieces: part(standard, &record.pieces, |id| id.0.clone()),
        superseded_ids: part(true, &record.superseded, |id| id.0.clone()),
        physical: full.then(|| physical(&record.physical)).flatten(),
        proof_of_delivery: record.proof.as_ref().filter(|_| full).map(proof),
        photos: part(full, &record.photos, photo),
        findings: part(full, &record.findings, finding),
        service: record.service.clone(),
    }
}

fn part<T, M>(wanted: bool, items: &[T], write: impl Fn(&T) -> M) -> Vec<M> {
    if wanted {
        items.iter().map(write).collect()
    } else {
        Vec::new()
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Writes an instant.
pub fn timestamp(at: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: at.as_second(),
        nanos: at.subsec_nanosecond(),
    }
}

/// Writes a length of time; one that does not fit becomes the longest that does.
pub fn duration(length: std::time::Duration) -> prost_types::Duration {
    prost_types::Duration {
        seconds: i64::try_from(length.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(length.subsec_nanos()).unwrap_or(0),
    }
}

/// Writes a status; none is "unspecified".
pub fn status(status: Option<Status>) -> i32 {
    status.map_or(0, |status| {
        (match status {
            Status::Pending => v1::ShipmentStatus::Pending,
            Status::InfoReceived => v1::ShipmentStatus::InfoReceived,
            Status::InTransit => v1::ShipmentStatus::InTransit,
            Status::OutForDelivery => v1::ShipmentStatus::OutForDelivery,
            Status::DeliveryAttempted => v1::ShipmentStatus::DeliveryAttempted,
            Status::AvailableForPickup => v1::ShipmentStatus::AvailableForPickup,
            Status::Delivered => v1::ShipmentStatus::Delivered,
            Status::Returning => v1::ShipmentStatus::Returning,
            Status::Returned => v1::ShipmentStatus::Returned,
            Status::Cancelled => v1::ShipmentStatus::Cancelled,
            Status::Failed => v1::ShipmentStatus::Failed,
        }) as i32
    })
}

/// Writes a milestone; none is "unspecified".
pub fn milestone(milestone: Option<Milestone>) -> i32 {
    milestone.map_or(0, |milestone| {
        (match milestone {
            Milestone::InfoReceived => v1::Milestone::InfoReceived,
            Milestone::PickedUp => v1::Milestone::PickedUp,
            Milestone::InTransit => v1::Milestone::InTransit,
            Milestone::AtFacility => v1::Milestone::AtFacility,
            Milestone::DepartedOrigin => v1::Milestone::DepartedOrigin,
            Milestone::ArrivedDestination => v1::Milestone::ArrivedDestination,
            Milestone::CustomsCleared => v1::Milestone::CustomsCleared,
            Milestone::OutForDelivery => v1::Milestone::OutForDelivery,
            Milestone::AvailableForPickup => v1::Milestone::AvailableForPickup,
            Milestone::Delivered => v1::Milestone::Delivered,
            Milestone::Returning => v1::Milestone::Returning,
            Milestone::Returned => v1::Milestone::Returned,
        }) as i32
    })
}

/// Writes a severity; none is "unspecified".
pub fn severity(severity: Option<Severity>) -> i32 {
    severity.map_or(0, |severity| {
        (match severity {
            Severity::Informational => v1::Severity::Informational,
            Severity::Warning => v1::Severity::Warning,
            Severity::Critical => v1::Severity::Critical,
        }) as i32
    })
}

/// Reads a status; `None` for "unspecified" and numbers that this version does not know.
pub(super) fn read_status(number: i32) -> Option<Status> {
    Status::ALL
        .into_iter()
        .find(|one| status(Some(*one)) == number)
}

/// Reads a severity, "unspecified" as none; `None` for a number that this version does not know.
pub(super) fn read_severity(number: i32) -> Option<Option<Severity>> {
    let all = [
        Severity::Informational,
        Severity::Warning,
        Severity::Critical,
    ];
    let known = [None].into_iter().chain(all.map(Some));
    known.into_iter().find(|one| severity(*one) == number)
}

/// Writes an event; `evidence` adds the reports behind it.
pub fn event(event: &Event, evidence: bool) -> v1::TrackingEvent {
    v1::TrackingEvent {
        id: event.id.to_string(),
        code: i32::from(event.code.0),
        status: status(event.status),
        time: Some(event_time(event.time(), false)),
        location: event
            .location()
            .map(if evidence { located } else { location }),
        reason: event.reason.map_or(0, |reason| i32::from(reason.0)),
        severity: severity(Some(event.severity)),
        carrier: event.carrier.to_string(),
        classifier: classifier(event.classifier),
        standing: (match event.standing {
            Standing::Accepted => v1::EventStanding::Accepted,
            Standing::Disputed => v1::EventStanding::Disputed,
            Standing::Retracted => v1::EventStanding::Retracted,
        }) as i32,
        source_count: event.source_count,
        observations: if evidence {
            event.observations().map(observation).collect()
        } else {
            Vec::new()
        },
        superseded_ids: event.superseded.iter().map(ToString::to_string).collect(),
        ingest_time: Some(prost_types::Timestamp {
            seconds: event.ingest_time.as_second(),
            nanos: 0,
        }),
        revision: event.revision,
        attempt_number: event.attempt,
    }
}

fn classifier(classifier: Classifier) -> i32 {
    (match classifier {
        Classifier::Actual => v1::EventClassifier::Actual,
        Classifier::Estimated => v1::EventClassifier::Estimated,
        Classifier::Planned => v1::EventClassifier::Planned,
    }) as i32
}

/// Writes what one source said.
pub(super) fn observation(observation: &Observation) -> v1::Observation {
    let claim = &observation.claim;
    v1::Observation {
        id: observation.id.to_string(),
        source: source_of(&observation.source).to_owned(),
        source_class: (match observation.class {
            SourceClass::Internal => v1::SourceClass::Internal,
            SourceClass::Custodian => v1::SourceClass::Custodian,
            SourceClass::Carrier => v1::SourceClass::Carrier,
            SourceClass::Aggregator => v1::SourceClass::Aggregator,
        }) as i32,
        evidence_root: source_of(&observation.evidence_root).to_owned(),
        native_code: claim.native_code.clone(),
        native_text: claim.native_text.reveal().clone(),
        language: observation.language.to_string(),
        code: i32::from(claim.code.0),
        reason: claim.reason.map_or(0, |reason| i32::from(reason.0)),
        mapping_basis: claim.basis as i32,
        time: Some(event_time(&claim.time, true)),
        location: claim.location.as_ref().map(observed),
        carrier: claim.carrier.clone(),
        classifier: classifier(claim.classifier),
        source_sequence: Some(observation.sequence),
        receive_time: Some(timestamp(observation.receive_time)),
        retracted: claim.retracted,
    }
}

/// Writes a time; `raw` adds the source's own text, which belongs to observations only.
pub fn event_time(time: &EventTime, raw: bool) -> v1::EventTime {
    v1::EventTime {
        instant: time.instant.map(timestamp),
        local_time: waybill_core::time::local_text(time),
        utc_offset: time.offset.map(|seconds| prost_types::Duration {
            seconds: i64::from(seconds),
            nanos: 0,
        }),
        time_zone: time.zone.clone(),
        precision: time.precision as i32,
        basis: time.basis as i32,
        earliest: Some(timestamp(time.earliest)),
        latest: Some(timestamp(time.latest)),
        raw: if raw { time.raw.clone() } else { String::new() },
    }
}

fn window(window: &LocalWindow) -> v1::LocalWindow {
    v1::LocalWindow {
        start: window.start.as_ref().map(|time| event_time(time, false)),
        end: window.end.as_ref().map(|time| event_time(time, false)),
    }
}

/// Writes a place as the source states it, without its own text.
fn location(place: &Location) -> v1::Location {
    v1::Location {
        country_code: place.country.clone(),
        subdivision_code: place.subdivision.clone(),
        locality: place.locality.clone(),
        postal_code: place.postal_code.reveal().clone(),
        facility: place.facility.as_ref().map(|facility| v1::Facility {
            code: facility.code.clone(),
            code_system: facility.system as i32,
            name: facility.name.clone(),
            kind: facility.kind as i32,
        }),
        time_zone: place.time_zone.clone(),
        resolution: place.resolution() as i32,
        ..v1::Location::default()
    }
}

/// Writes a place as the source states it, with its own text.
fn observed(place: &Location) -> v1::Location {
    v1::Location {
        raw: place.raw.reveal().clone(),
        ..location(place)
    }
}

/// Writes a place with what is known of it beyond what the source states.
fn located(place: &Location) -> v1::Location {
    let found = gazetteer::resolve(place);
    v1::Location {
        country_code: found.country.to_owned(),
        subdivision_code: found.subdivision.to_owned(),
        un_locode: found.un_locode.to_owned(),
        position: found.position().map(|at| {
            let (latitude, longitude) = at.degrees();
            v1::GeoPoint {
                latitude,
                longitude,
            }
        }),
        time_zone: found.zone.to_owned(),
        resolution: place.resolution().max(found.level()) as i32,
        ..location(place)
    }
}

fn next_step(step: &NextStep, voice: Voice<'_>) -> v1::NextStep {
    v1::NextStep {
        milestone: milestone(Some(step.milestone)),
        title: voice.language.milestone(step.milestone),
        window: step.window.as_ref().map(window),
    }
}

fn milestone_progress(
    progress: &MilestoneProgress,
    voice: Voice<'_>,
    detail: bool,
) -> v1::MilestoneProgress {
    v1::MilestoneProgress {
        milestone: milestone(Some(progress.milestone)),
        title: voice.language.milestone(progress.milestone),
        reach_time: progress.time.as_ref().map(|time| event_time(time, false)),
        location: progress
            .location
            .as_ref()
            .map(if detail { located } else { location }),
        event_id: progress.event.map(|id| id.to_string()).unwrap_or_default(),
        inferred: progress.inferred,
    }
}

/// What the sources name, then pages of the carrier for what can be done about open exceptions.
fn contacts(record: &Shipment, voice: Voice<'_>) -> Vec<v1::ContactOption> {
    let mut all = record.contacts.clone();
    let open = record.exceptions.iter();
    let open = open.filter(|problem| problem.close_time.is_none());
    for action in open.flat_map(|one| std::iter::once(&one.next_action).chain(&one.alternatives)) {
        let page = voice.page(&record.carrier, *action);
        if let Some(url) = page.filter(|_| !all.iter().any(|known| known.action == *action)) {
            all.push(Contact {
                action: *action,
                url: url.to_owned(),
                phone: String::new(),
            });
        }
    }
    let written = |contact: Contact| v1::ContactOption {
        action: contact.action as i32,
        label: voice.language.action(contact.action),
        url: contact.url,
        phone: contact.phone,
    };
    all.into_iter().map(written).collect()
}

fn requirements(needs: &Requirements) -> v1::DeliveryRequirements {
    v1::DeliveryRequirements {
        signature: needs.signature,
        identity_check: needs.identity_check,
        payment_due: needs.payment_due.as_ref().map(|money| v1::Money {
            currency_code: money.currency.clone(),
            amount: money.amount.clone(),
        }),
        instructions: needs.instructions.reveal().clone(),
        pickup_place: needs.pickup_place.as_ref().map(located),
        opening_hours: needs.opening_hours.clone(),
        collect_by: needs.collect_by.clone(),
    }
}

fn estimate(estimate: &Estimate) -> v1::DeliveryEstimate {
    v1::DeliveryEstimate {
        kind: estimate.kind as i32,
        source: source_of(&estimate.source).to_owned(),
        window: Some(window(&estimate.window)),
        update_time: Some(timestamp(estimate.receive_time)),
    }
}

/// Writes our own expectation of a shipment, with its text in a language.
pub(super) fn forecast(
    id: &ShipmentId,
    forecast: &Forecast,
    voice: Voice<'_>,
) -> v1::DeliveryForecast {
    v1::DeliveryForecast {
        shipment_id: id.0.clone(),
        estimate: Some(v1::DeliveryEstimate {
            kind: v1::EstimateKind::GatewayForecast as i32,
            source: String::new(),
            window: Some(window(&forecast.window)),
            update_time: Some(timestamp(forecast.time)),
        }),
        delivery_count: forecast.delivery_count,
        basis: forecast.basis as i32,
        text: voice.language.forecast(forecast),
    }
}

fn text(record: &Shipment, audience: Audience, voice: Voice<'_>) -> v1::Text {
    let carrier = voice.carrier(&record.carrier);
    written(voice.language.shipment(record, audience, carrier))
}

fn written(text: Text) -> v1::Text {
    v1::Text {
        language: text.language,
        title: text.title,
        body: text.body,
        next_step: text.next_step,
        short_form: text.short_form,
    }
}

/// Writes an exception of a record, with texts in a language.
pub fn exception(
    problem: &Exception,
    record: &Shipment,
    voice: Voice<'_>,
) -> v1::ShipmentException {
    let carrier = voice.carrier(&record.carrier);
    let say = |audience| {
        let text = voice.language.exception(problem, record, audience, carrier);
        Some(written(text))
    };
    v1::ShipmentException {
        id: problem.id.to_string(),
        category: problem.category as i32,
        reason: problem.reason.map_or(0, |reason| i32::from(reason.0)),
        severity: severity(Some(problem.severity)),
        owner: problem.owner as i32,
        next_action: problem.next_action as i32,
        alternative_actions: problem
            .alternatives
            .iter()
            .map(|action| *action as i32)
            .collect(),
        open_time: Some(timestamp(problem.open_time)),
        due_time: problem.due_time.map(timestamp),
        close_time: problem.close_time.map(timestamp),
        derived: problem.derived,
        event_ids: problem.event_ids.iter().map(ToString::to_string).collect(),
        recipient_text: say(Audience::Recipient),
        shipper_text: say(Audience::Shipper),
    }
}

fn identifier(known: &KnownNumber) -> v1::Identifier {
    let identifier = &known.identifier;
    v1::Identifier {
        value: identifier.value.reveal().clone(),
        kind: identifier.kind as i32,
        carrier: identifier.carrier.clone(),
        check_digit_valid: identifier.check_digit_valid,
        source: source_of(&known.source).to_owned(),
        basis: known.basis as i32,
    }
}

fn leg(leg: &Leg) -> v1::Leg {
    v1::Leg {
        carrier: leg.carrier.clone(),
        role: leg.role as i32,
        tracking_number: leg
            .number
            .as_ref()
            .map_or_else(String::new, |number| number.reveal().clone()),
        service: leg.service.clone(),
        start_time: leg.start.map(timestamp),
        end_time: leg.end.map(timestamp),
    }
}

fn physical(facts: &Physical) -> Option<v1::PhysicalFacts> {
    (*facts != Physical::default()).then_some(v1::PhysicalFacts {
        weight_grams: facts.weight_grams,
        length_millimeters: facts.length_mm,
        width_millimeters: facts.width_mm,
        height_millimeters: facts.height_mm,
        piece_count: facts.piece_count,
    })
}

/// Writes the proof of delivery.
pub(super) fn proof(proof: &Proof) -> v1::ProofOfDelivery {
    v1::ProofOfDelivery {
        signed_by: proof.signed_by.reveal().clone(),
        document_uris: proof
            .documents
            .iter()
            .map(|uri| uri.reveal().clone())
            .collect(),
    }
}

fn photo(photo: &Photo) -> v1::PhotoReference {
    v1::PhotoReference {
        event_id: photo.event.to_string(),
        uri: photo.uri.reveal().clone(),
    }
}

fn finding(finding: &Finding) -> v1::QualityFinding {
    v1::QualityFinding {
        kind: finding.kind as i32,
        event_ids: finding.event_ids.iter().map(ToString::to_string).collect(),
        sources: finding
            .sources
            .iter()
            .map(|name| source_of(name).to_owned())
            .collect(),
        detail: finding.detail.clone(),
    }
}
