//! From a plug-in's messages to core's values: the reverse of `grpc/convert.rs`, and suspicious.
//!
//! What would make a record wrong (no number, a clock that is none, too much of anything) makes an
//! answer `Malformed`; what only adorns it (an unknown kind, an address that is not https) is left
//! out. Error texts are fixed: nothing that a plug-in wrote reaches one.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use waybill_core::adapter::{Answer, Descriptor, Query, Report};
use waybill_core::code::{EventCode, ReasonCode};
use waybill_core::error::{Error, ErrorKind, Retry};
use waybill_core::event::{Claim, Classifier, MappingBasis, SourceClass};
use waybill_core::exception::NextAction;
use waybill_core::number::{self, TrackingNumber};
use waybill_core::place::{CodeSystem, Facility, FacilityKind, Location};
use waybill_core::privacy::Pii;
use waybill_core::shipment::{
    Contact, Estimate, EstimateKind, Facts, Identifier, IdentifierKind, LocalWindow, Money,
    Physical, Proof, Requirements,
};
use waybill_core::time::{Clues, EventTime, Stated, parse_iso, resolve};

use crate::adapter::v1 as wire;
use crate::grpc::status;
use crate::v1;

/// Shipments in one answer, numbers in one report, and numbers in one push.
pub(super) const MANY: usize = 100;
/// Rows of one report.
const CLAIMS: usize = 1_000;
/// Forecasts, pages and documents of one report.
const FEW: usize = 20;
/// Characters of an id or code of the source.
const CODE: usize = 128;
/// Years that a carrier can have meant.
const YEARS: std::ops::RangeInclusive<i16> = 1980..=2199;
/// Greatest stated offset from UTC in seconds: 18 hours.
const OFFSET: i64 = 18 * 3_600;

/// An answer that cannot be understood.
pub(super) fn malformed(message: &'static str) -> Error {
    Error::new(ErrorKind::Malformed, message)
}

/// Reads the answer to one query.
pub(super) fn answer(
    source: &Descriptor,
    query: &Query,
    answer: Option<wire::fetch_response::Answer>,
) -> Answer {
    match answer {
        Some(wire::fetch_response::Answer::Found(found)) => {
            if found.reports.is_empty() {
                return Err(malformed("the plug-in found it and reports nothing"));
            }
            reports(source, found.reports)
        }
        Some(wire::fetch_response::Answer::Failure(failed)) => Err(failure(&failed, query)),
        None => Err(malformed("an answer of the plug-in is empty")),
    }
}

/// Reads why there is no report.
pub(super) fn failure(failure: &wire::Failure, query: &Query) -> Error {
    let result = failure.result();
    let kind = ErrorKind::ALL
        .into_iter()
        // These two are said by the guard, about itself.
        .filter(|kind| !matches!(kind, ErrorKind::Tripped | ErrorKind::Overloaded))
        .find(|kind| status::row(*kind).0 == result);
    let mut error = match kind {
        None => return malformed("the plug-in gives a result that is none"),
        Some(ErrorKind::NotFound) => Error::new(ErrorKind::NotFound, "not known to the source"),
        Some(kind) => Error::new(kind, "the plug-in says so of its source"),
    };
    let code = &failure.native_code;
    let is_plain = |c: u8| c.is_ascii_alphanumeric() || b".-_:/".contains(&c);
    if code.len() <= 32 && code.bytes().all(is_plain) && !code.contains(query.number.reveal()) {
        error = error.with_code(code.clone());
    }
    match failure.retry_delay.and_then(duration) {
        Some(wait) => error.with_retry(Retry::After(wait)),
        None => error,
    }
}

/// Reads a length of time; `None` if it is negative.
pub(super) fn duration(length: prost_types::Duration) -> Option<Duration> {
    Duration::try_from(length).ok()
}

/// Reads an instant.
pub(super) fn timestamp(at: prost_types::Timestamp) -> Result<Timestamp, Error> {
    Timestamp::new(at.seconds, at.nanos)
        .map_err(|_| malformed("the plug-in gives an instant that is none"))
}

/// Reads the shipments of an answer or of a push.
pub(crate) fn reports(
    source: &Descriptor,
    reports: Vec<wire::SourceReport>,
) -> Result<Vec<Report>, Error> {
    if reports.len() > MANY {
        return Err(malformed("the plug-in reports more than 100 shipments"));
    }
    let read = |wire| report(source, wire);
    reports.into_iter().map(read).collect()
}

fn report(source: &Descriptor, wire: wire::SourceReport) -> Result<Report, Error> {
    if wire.claims.len() > CLAIMS {
        return Err(malformed(
            "a report of the plug-in has more than 1,000 rows",
        ));
    }
    let facts = facts(source, &wire)?;
    let number = TrackingNumber::parse(&wire.tracking_number)
        .map_err(|_| malformed("a report of the plug-in names no tracking number"))?;
    let relays = match (wire.evidence_root.as_str(), source.carrier) {
        ("", "") => source.id.to_owned(),
        ("", carrier) => carrier.to_owned(),
        (root, _) => id(root)?,
    };
    let language = match wire.language.as_str() {
        "" => source.capabilities.language.to_owned(),
        tag if is_language(tag) => tag.to_owned(),
        _ => "und".to_owned(),
    };
    let claims = wire.claims.into_iter().map(|row| claim(row).map(Arc::new));
    Ok(Report {
        number,
        relays,
        complete: wire.complete,
        language,
        claims: claims.collect::<Result<_, _>>()?,
        facts,
    })
}

/// Whether a text can be a BCP 47 tag.
pub(super) fn is_language(tag: &str) -> bool {
    (2..=35).contains(&tag.len()) && tag.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-')
}

/// Whether a text is an id of a source or carrier.
pub(crate) fn is_id(text: &str) -> bool {
    let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    (1..=64).contains(&text.len()) && text.bytes().all(plain)
}

fn id(text: &str) -> Result<String, Error> {
    if is_id(text) {
        Ok(text.to_owned())
    } else {
        Err(malformed("the plug-in gives a carrier id that is none"))
    }
}

fn claim(row: wire::Claim) -> Result<Claim, Error> {
    let ids = [&row.native_id, &row.native_code, &row.native_reason];
    if ids.iter().any(|text| text.chars().count() > CODE) {
        return Err(malformed(
            "a row has an id or code of more than 128 characters",
        ));
    }
    let classifier = match v1::EventClassifier::try_from(row.classifier) {
        Ok(v1::EventClassifier::Unspecified | v1::EventClassifier::Actual) => Classifier::Actual,
        Ok(v1::EventClassifier::Estimated) => Classifier::Estimated,
        // A kind of statement that is not known here may be anything but a fact.
        Ok(v1::EventClassifier::Planned) | Err(_) => Classifier::Planned,
    };
    let known = u16::try_from(row.code)
        .ok()
        .and_then(|code| EventCode(code).info())
        .map(|row| row.code)
        .filter(|code| *code != EventCode::UNMAPPED);
    let basis = match (known, row.mapping_basis()) {
        (None, _) | (_, v1::MappingBasis::None) => MappingBasis::None,
        (_, v1::MappingBasis::Unspecified | v1::MappingBasis::Code) => MappingBasis::Code,
        (_, v1::MappingBasis::CodeAndText) => MappingBasis::CodeAndText,
        (_, v1::MappingBasis::Text) => MappingBasis::Text,
        (_, v1::MappingBasis::AggregatedStatus) => MappingBasis::AggregatedStatus,
    };
    let reason = u16::try_from(row.reason)
        .ok()
        .and_then(|reason| ReasonCode(reason).info());
    let location = row.location.as_ref().and_then(location);
    let time = row.time.as_ref();
    let time = time.ok_or_else(|| malformed("a row of the plug-in has no time"))?;
    Ok(Claim {
        time: event_time(time, location.as_ref())?,
        native_id: row.native_id,
        native_code: row.native_code,
        native_reason: row.native_reason,
        native_text: Pii::new(cut(&row.native_text, 1_000)),
        code: known.unwrap_or(EventCode::UNMAPPED),
        reason: reason.map(|row| row.code),
        basis,
        location,
        carrier: match row.carrier.as_str() {
            "" => String::new(),
            carrier => id(carrier)?,
        },
        classifier,
        retracted: row.retracted,
        doubt: None,
    })
}

/// The first characters of a text.
pub(super) fn cut(text: &str, length: usize) -> String {
    text.chars().take(length).collect()
}

/// Reads a clock: what the source stated, from which everything else is found here.
fn event_time(time: &v1::EventTime, place: Option<&Location>) -> Result<EventTime, Error> {
    let stated = parse_iso(&time.local_time)
        .filter(|stated| stated.offset.is_none() && time.local_time.len() <= 19)
        .filter(|stated| YEARS.contains(&stated.local.year()))
        .ok_or_else(|| malformed("the plug-in gives a time that is none"))?;
    let offset = match &time.utc_offset {
        None => None,
        Some(offset) if offset.nanos == 0 && offset.seconds.abs() <= OFFSET => {
            i32::try_from(offset.seconds).ok()
        }
        Some(_) => return Err(malformed("the plug-in gives an offset that is none")),
    };
    let zone = match time.time_zone.as_str() {
        "" => place.map_or("", |place| &place.time_zone),
        zone if is_zone(zone) => zone,
        _ => return Err(malformed("the plug-in names a time zone that is none")),
    };
    let raw = match time.raw.as_str() {
        "" => &time.local_time,
        raw => raw,
    };
    let stated = Stated {
        offset,
        raw,
        ..stated
    };
    let clues = Clues {
        facility_zone: Some(zone).filter(|zone| !zone.is_empty()),
        place,
        ..Clues::default()
    };
    Ok(resolve(stated, clues))
}

/// Whether a text is an IANA time zone.
pub(crate) fn is_zone(name: &str) -> bool {
    TimeZone::get(name).is_ok_and(|zone| !zone.is_unknown())
}

fn window(window: &v1::LocalWindow, place: Option<&Location>) -> Result<LocalWindow, Error> {
    let read = |time: &Option<v1::EventTime>| {
        let time = time.as_ref();
        time.map(|time| event_time(time, place)).transpose()
    };
    Ok(LocalWindow {
        start: read(&window.start)?,
        end: read(&window.end)?,
    })
}

/// Reads a place; what is wrong with it is left out.
pub(crate) fn location(place: &v1::Location) -> Option<Location> {
    let upper = |code: &str, lengths: std::ops::RangeInclusive<usize>| {
        let fits = lengths.contains(&code.len())
            && code
                .bytes()
                .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
        if fits { code.to_owned() } else { String::new() }
    };
    let facility = place.facility.as_ref().map(|facility| Facility {
        code: cut(&facility.code, 64),
        system: match facility.code_system() {
            v1::FacilityCodeSystem::Unspecified => CodeSystem::Unspecified,
            v1::FacilityCodeSystem::UpuImpc => CodeSystem::UpuImpc,
            v1::FacilityCodeSystem::Iata => CodeSystem::Iata,
            v1::FacilityCodeSystem::Gln => CodeSystem::Gln,
            v1::FacilityCodeSystem::Carrier => CodeSystem::Carrier,
            v1::FacilityCodeSystem::Internal => CodeSystem::Internal,
        },
        name: cut(&facility.name, 200),
        kind: match facility.kind() {
            v1::FacilityKind::Unspecified => FacilityKind::Unspecified,
            v1::FacilityKind::Acceptance => FacilityKind::Acceptance,
            v1::FacilityKind::Hub => FacilityKind::Hub,
            v1::FacilityKind::ExchangeOffice => FacilityKind::ExchangeOffice,
            v1::FacilityKind::Customs => FacilityKind::Customs,
            v1::FacilityKind::Terminal => FacilityKind::Terminal,
            v1::FacilityKind::DeliveryOffice => FacilityKind::DeliveryOffice,
            v1::FacilityKind::CollectionPoint => FacilityKind::CollectionPoint,
            v1::FacilityKind::Warehouse => FacilityKind::Warehouse,
        },
    });
    let zone = place.time_zone.as_str();
    let read = Location {
        country: upper(&place.country_code, 2..=2),
        subdivision: upper(&place.subdivision_code, 1..=3),
        locality: cut(&place.locality, 200),
        postal_code: Pii::new(cut(&place.postal_code, 20)),
        facility: facility.filter(|facility| *facility != Facility::default()),
        time_zone: if is_zone(zone) { zone } else { "" }.to_owned(),
        raw: Pii::new(cut(&place.raw, 200)),
    };
    Some(read).filter(|place| !place.is_empty())
}

fn facts(source: &Descriptor, wire: &wire::SourceReport) -> Result<Facts, Error> {
    if wire.identifiers.len() > MANY
        || wire.estimates.len() > FEW
        || wire.contact_options.len() > FEW
    {
        return Err(malformed("a report of the plug-in has too many facts"));
    }
    let destination = wire.destination.as_ref().and_then(location);
    let mut estimates = Vec::new();
    for estimate in &wire.estimates {
        estimates.extend(self::estimate(source, estimate, destination.as_ref())?);
    }
    let physical = wire.physical.unwrap_or_default();
    Ok(Facts {
        service: cut(&wire.service, 200),
        origin: wire.origin.as_ref().and_then(location).map(Box::new),
        destination: destination.map(Box::new),
        identifiers: wire.identifiers.iter().filter_map(identifier).collect(),
        estimates,
        physical: Physical {
            weight_grams: physical.weight_grams,
            length_mm: physical.length_millimeters,
            width_mm: physical.width_millimeters,
            height_mm: physical.height_millimeters,
            piece_count: physical.piece_count,
        },
        proof: wire.proof_of_delivery.as_ref().and_then(proof),
        requirements: wire.requirements.as_ref().map(requirements).map(Box::new),
        contacts: wire.contact_options.iter().filter_map(contact).collect(),
        doubts: Vec::new(),
    })
}

fn estimate(
    source: &Descriptor,
    estimate: &v1::DeliveryEstimate,
    place: Option<&Location>,
) -> Result<Option<Estimate>, Error> {
    let kind = match estimate.kind() {
        // Nobody makes the gateway's forecast but the gateway.
        v1::EstimateKind::Unspecified | v1::EstimateKind::GatewayForecast => return Ok(None),
        v1::EstimateKind::CarrierCommitment => EstimateKind::CarrierCommitment,
        v1::EstimateKind::CarrierForecast if source.class == SourceClass::Aggregator => {
            EstimateKind::AggregatorForecast
        }
        v1::EstimateKind::CarrierForecast => EstimateKind::CarrierForecast,
        v1::EstimateKind::AggregatorForecast => EstimateKind::AggregatorForecast,
    };
    let window = match &estimate.window {
        Some(window) => self::window(window, place)?,
        None => return Ok(None),
    };
    if window.start.is_none() && window.end.is_none() {
        return Ok(None);
    }
    Ok(Some(Estimate {
        kind,
        source: String::new(),
        window,
        receive_time: Timestamp::UNIX_EPOCH,
    }))
}

fn identifier(wire: &v1::Identifier) -> Option<Identifier> {
    let kind = match wire.kind() {
        v1::IdentifierKind::UpuS10 => IdentifierKind::UpuS10,
        v1::IdentifierKind::Carrier => IdentifierKind::Carrier,
        v1::IdentifierKind::Sscc => IdentifierKind::Sscc,
        v1::IdentifierKind::LastMile => IdentifierKind::LastMile,
        v1::IdentifierKind::Master => IdentifierKind::Master,
        v1::IdentifierKind::Piece => IdentifierKind::Piece,
        // Of what kind a number is decides whether it is asked for; a reference never is.
        v1::IdentifierKind::Reference | v1::IdentifierKind::Unspecified => {
            IdentifierKind::Reference
        }
    };
    let carrier = match wire.carrier.as_str() {
        carrier if is_id(carrier) => carrier.to_owned(),
        _ => String::new(),
    };
    let (value, check_digit_valid) = match kind {
        IdentifierKind::Reference | IdentifierKind::Piece => (cut(wire.value.trim(), 100), None),
        _ => {
            let number = TrackingNumber::parse(&wire.value).ok()?;
            let valid = number::check_digit_valid(number.reveal(), &carrier);
            (number.reveal().to_owned(), valid)
        }
    };
    (!value.is_empty()).then_some(Identifier {
        kind,
        value: Pii::new(value),
        carrier,
        check_digit_valid,
    })
}

/// Reads what delivery demands; what is wrong with it is left out.
pub(crate) fn requirements(wire: &v1::DeliveryRequirements) -> Requirements {
    let is_date = wire.collect_by.len() == 10 && wire.collect_by.parse::<Date>().is_ok();
    Requirements {
        signature: wire.signature,
        identity_check: wire.identity_check,
        payment_due: wire.payment_due.as_ref().and_then(money),
        instructions: Pii::new(cut(&wire.instructions, 1_000)),
        pickup_place: wire.pickup_place.as_ref().and_then(location),
        opening_hours: cut(&wire.opening_hours, 500),
        collect_by: if is_date {
            wire.collect_by.clone()
        } else {
            String::new()
        },
    }
}

fn money(wire: &v1::Money) -> Option<Money> {
    let (currency, amount) = (&wire.currency_code, &wire.amount);
    let is_amount = (1..=20).contains(&amount.len())
        && amount.split('.').count() <= 2
        && amount
            .split('.')
            .all(|part| !part.is_empty() && part.bytes().all(|c| c.is_ascii_digit()));
    let is_currency = currency.len() == 3 && currency.bytes().all(|c| c.is_ascii_uppercase());
    (is_amount && is_currency).then(|| Money {
        currency: currency.clone(),
        amount: amount.clone(),
    })
}

fn contact(wire: &v1::ContactOption) -> Option<Contact> {
    let action = match wire.action() {
        v1::NextAction::Unspecified => return None,
        v1::NextAction::Wait => NextAction::Wait,
        v1::NextAction::ProvideInformation => NextAction::ProvideInformation,
        v1::NextAction::PayCharges => NextAction::PayCharges,
        v1::NextAction::CorrectAddress => NextAction::CorrectAddress,
        v1::NextAction::ArrangeRedelivery => NextAction::ArrangeRedelivery,
        v1::NextAction::Collect => NextAction::Collect,
        v1::NextAction::ContactCarrier => NextAction::ContactCarrier,
        v1::NextAction::FileClaim => NextAction::FileClaim,
        v1::NextAction::ReshipOrRefund => NextAction::ReshipOrRefund,
        v1::NextAction::ReviewData => NextAction::ReviewData,
        v1::NextAction::ChangeToPickupPoint => NextAction::ChangeToPickupPoint,
        v1::NextAction::ReturnOrDispose => NextAction::ReturnOrDispose,
        v1::NextAction::OpenInvestigation => NextAction::OpenInvestigation,
        v1::NextAction::CollectEvidence => NextAction::CollectEvidence,
    };
    let url = Some(&wire.url).filter(|url| is_https(url));
    let contact = Contact {
        action,
        url: url.cloned().unwrap_or_default(),
        phone: Contact::phone(&wire.phone),
    };
    Some(contact).filter(|it| !it.url.is_empty() || !it.phone.is_empty())
}

fn proof(wire: &v1::ProofOfDelivery) -> Option<Proof> {
    let documents = wire.document_uris.iter().filter(|uri| is_https(uri));
    let proof = Proof {
        signed_by: Pii::new(cut(&wire.signed_by, 200)),
        documents: documents.take(FEW).cloned().map(Pii::new).collect(),
    };
    Some(proof).filter(|proof| *proof != Proof::default())
}

fn is_https(url: &str) -> bool {
    url.starts_with("https://") && url.len() <= 2_000 && url.bytes().all(|c| c.is_ascii_graphic())
}
