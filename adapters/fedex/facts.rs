//! What FedEx states about a shipment beside its scans.

use jiff::Timestamp;
use waybill_core::code::EventCode;
use waybill_core::event::Claim;
use waybill_core::number::TrackingNumber;
use waybill_core::place::{FacilityKind, Location};
use waybill_core::privacy::Pii;
use waybill_core::shipment::{
    Estimate, EstimateKind, Facts, LocalWindow, Physical, Proof, Requirements,
};
use waybill_core::status::Status;

use super::clock;
use super::identifiers;
use super::place::{place, site};
use super::wire::{Dimensions, TimeWindow, Track, Weight};

/// Reads what does not depend on the scans; `asked` is the number under which the answer lists it.
pub(super) fn facts(number: &TrackingNumber, asked: &str, track: &Track<'_>) -> Facts {
    let address = |address| place(address, "", "");
    let destination = address(&track.last_updated_destination_address)
        .or_else(|| site(&track.destination_location))
        .or_else(|| address(&track.recipient_information.address));
    Facts {
        service: track.service_detail.description.trim().to_owned(),
        origin: site(&track.origin_location)
            .or_else(|| address(&track.shipper_information.address))
            .map(Box::new),
        identifiers: identifiers::read(number, asked, track),
        estimates: estimates(track, destination.as_ref()),
        physical: physical(track),
        destination: destination.map(Box::new),
        ..Facts::default()
    }
}

/// The time of one kind, if it is stated.
pub(super) fn moment<'a>(track: &'a Track<'_>, kind: &str) -> Option<&'a str> {
    let mut moments = track.date_and_times.iter();
    let found =
        moments.find(|moment| moment.kind.trim() == kind && !moment.date_time.trim().is_empty())?;
    Some(&found.date_time)
}

fn estimates(track: &Track<'_>, destination: Option<&Location>) -> Vec<Estimate> {
    let at = |kind: &str| clock::window(moment(track, kind)?, "", destination);
    let within = |window: &TimeWindow<'_>| {
        clock::window(&window.window.begins, &window.window.ends, destination)
    };
    // An appointment is firmer than a prediction, and a window says more than its day.
    let forecast = at("APPOINTMENT_DELIVERY")
        .or_else(|| within(&track.estimated_delivery_time_window))
        .or_else(|| at("ESTIMATED_DELIVERY"));
    let promise = at("COMMITMENT").or_else(|| within(&track.standard_transit_time_window));
    let estimate = |kind, window: LocalWindow| Estimate {
        kind,
        source: String::new(),
        window,
        receive_time: Timestamp::UNIX_EPOCH,
    };
    let forecast = forecast.map(|window| estimate(EstimateKind::CarrierForecast, window));
    let promise = promise.map(|window| estimate(EstimateKind::CarrierCommitment, window));
    forecast.into_iter().chain(promise).collect()
}

fn physical(track: &Track<'_>) -> Physical {
    let package = &track.package_details;
    let pieces = package.count.trim().parse().ok().filter(|count| *count > 0);
    let measures = &package.weight_and_dimensions;
    // The weight of the whole shipment is that of the piece if there is no other.
    let alone = pieces.is_none_or(|count: u32| count == 1);
    let weight =
        grams(&measures.weight).or_else(|| grams(&track.shipment_details.weight).filter(|_| alone));
    let [length_mm, width_mm, height_mm] = millimetres(&measures.dimensions);
    Physical {
        weight_grams: weight,
        length_mm,
        width_mm,
        height_mm,
        piece_count: pieces,
    }
}

/// The same weight comes in several units; the metric one is not rounded twice.
fn grams(weights: &[Weight<'_>]) -> Option<u32> {
    let of = |unit: &str, grams: f64| {
        let mut weights = weights.iter();
        let weight = weights.find(|weight| weight.unit.trim() == unit)?;
        measure(&weight.value, grams)
    };
    of("KG", 1_000.0).or_else(|| of("LB", 453.592_37))
}

fn millimetres(dimensions: &[Dimensions<'_>]) -> [Option<u32>; 3] {
    let of = |units: &str, millimetres: f64| {
        let mut dimensions = dimensions.iter();
        let Dimensions {
            length,
            width,
            height,
            ..
        } = dimensions.find(|dimensions| dimensions.units.trim() == units)?;
        Some([length, width, height].map(|text| measure(text, millimetres)))
    };
    of("CM", 10.0)
        .or_else(|| of("IN", 25.4))
        .unwrap_or_default()
}

/// Reads a decimal in other units; zero is unknown.
fn measure(text: &str, unit: f64) -> Option<u32> {
    let value = (text.trim().parse::<f64>().ok()? * unit).round();
    // The range is checked, so the cast loses nothing.
    (1.0..f64::from(u32::MAX))
        .contains(&value)
        .then_some(value as u32)
}

/// Who received it, once it is delivered.
pub(super) fn proof(track: &Track<'_>, claims: &[Claim]) -> Option<Proof> {
    let delivered = newest(claims)?.code.status() == Some(Status::Delivered);
    let details = &track.delivery_details;
    let name = [&details.signed_by_name, &details.received_by_name]
        .into_iter()
        .map(|name| name.trim())
        .find(|name| is_person(name))
        .filter(|_| delivered)?;
    Some(Proof {
        signed_by: Pii::new(name.to_owned()),
        documents: Vec::new(),
    })
}

/// The field for a name also says that nobody had to sign, and is masked in some pushes.
fn is_person(name: &str) -> bool {
    let words = name.to_ascii_lowercase();
    let masked = words.bytes().all(|byte| matches!(byte, b'*' | b'x' | b' '));
    !masked && !words.starts_with("signature") && !words.contains("not required")
}

/// What delivery or collection demands.
pub(super) fn requirements(track: &Track<'_>, claims: &[Claim]) -> Option<Requirements> {
    let asks = |word: &str| {
        let mut all = track.special_handlings.iter();
        all.any(|handling| {
            let kind = handling.kind.trim();
            let waived = kind.starts_with("NO_") || kind.contains("RELEASE");
            kind.contains("SIGNATURE") && kind.contains(word) && !waived
        })
    };
    let requirements = Requirements {
        signature: asks("").then_some(true),
        identity_check: asks("ADULT").then_some(true),
        pickup_place: pickup_place(track, claims),
        ..Requirements::default()
    };
    (requirements != Requirements::default()).then_some(requirements)
}

/// The place where the parcel waits, if it waits to be collected.
fn pickup_place(track: &Track<'_>, claims: &[Claim]) -> Option<Location> {
    let waits = |claim: &&Claim| claim.code == EventCode::AVAILABLE_FOR_PICKUP;
    let newest = newest(claims).filter(waits)?;
    let mut place = site(&track.hold_at_location)
        .or_else(|| newest.location.clone())
        .unwrap_or_default();
    place.facility.get_or_insert_default().kind = FacilityKind::CollectionPoint;
    Some(place)
}

/// The newest claim that sets a status.
pub(super) fn newest(claims: &[Claim]) -> Option<&Claim> {
    claims
        .iter()
        .rev()
        .find(|claim| claim.code.status().is_some())
}
