//! What UPS states about a package beside its activities.

use jiff::Timestamp;
use waybill_core::code::EventCode;
use waybill_core::event::Claim;
use waybill_core::number::{TrackingNumber, check_digit_valid};
use waybill_core::place::{FacilityKind, Location};
use waybill_core::privacy::Pii;
use waybill_core::shipment::{
    Estimate, EstimateKind, Facts, Identifier, IdentifierKind, Money, Physical, Proof, Requirements,
};

use super::clock;
use super::place::place;
use super::wire::{Dimension, Package, Shipment, Weight};

/// Reads what does not depend on the activities.
pub(super) fn facts(
    number: &TrackingNumber,
    shipment: &Shipment<'_>,
    package: &Package<'_>,
) -> Facts {
    let end = |kind: &str| {
        let mut addresses = package.package_address.iter();
        let end = addresses.find(|end| end.kind.trim().eq_ignore_ascii_case(kind))?;
        place(&end.address, "", false)
    };
    let destination = end("DESTINATION");
    Facts {
        service: package.service.description.trim().to_owned(),
        origin: end("ORIGIN").map(Box::new),
        identifiers: identifiers(number, shipment, package),
        estimates: estimates(package, destination.as_ref()),
        physical: physical(package),
        destination: destination.map(Box::new),
        ..Facts::default()
    }
}

fn identifiers(
    number: &TrackingNumber,
    shipment: &Shipment<'_>,
    package: &Package<'_>,
) -> Vec<Identifier> {
    let mut found: Vec<Identifier> = Vec::new();
    let mut add = |kind, value: String, carrier: &str| {
        let check_digit_valid = match carrier {
            "" => None,
            carrier => check_digit_valid(&value, carrier),
        };
        let identifier = Identifier {
            kind,
            value: Pii::new(value),
            carrier: carrier.to_owned(),
            check_digit_valid,
        };
        let known = identifier.value.reveal().is_empty() || found.contains(&identifier);
        if !known {
            found.push(identifier);
        }
    };
    let inquiry = normal(&shipment.inquiry_number);
    if inquiry != number.reveal() {
        add(IdentifierKind::Master, inquiry, super::DESCRIPTOR.carrier);
    }
    for other in &package.alternate_tracking_number {
        let value = normal(&other.number);
        if value == number.reveal() {
            continue;
        }
        match other.kind.trim() {
            // Without a type it is another number of UPS.
            "" => add(IdentifierKind::Carrier, value, super::DESCRIPTOR.carrier),
            // The post's numbers are called "USPS_PIC".
            kind if kind.starts_with("USPS") => {
                let issuer = kind.get(..4).unwrap_or("").to_ascii_lowercase();
                add(IdentifierKind::LastMile, value, &issuer);
            }
            _ => add(IdentifierKind::LastMile, value, ""),
        }
    }
    for reference in &package.reference_number {
        add(
            IdentifierKind::Reference,
            reference.number.trim().to_owned(),
            "",
        );
    }
    found
}

/// A tracking number normalised, or as it is if it cannot be.
fn normal(number: &str) -> String {
    TrackingNumber::parse(number).map_or_else(
        |_| number.trim().to_owned(),
        |number| number.reveal().to_owned(),
    )
}

fn estimates(package: &Package<'_>, destination: Option<&Location>) -> Vec<Estimate> {
    let date = |kind: &str| {
        let mut dates = package.delivery_date.iter();
        dates
            .find(|date| date.kind.trim() == kind && !date.date.is_empty())
            .map(|date| &date.date)
    };
    let (planned, moved) = (date("SDD"), date("RDD"));
    let time = &package.delivery_time;
    let (start, end) = match time.kind.trim() {
        "DEL" => ("", ""),
        _ => (time.start_time.trim(), time.end_time.trim()),
    };
    let kind = match time.kind.trim() {
        "CMT" => EstimateKind::CarrierCommitment,
        _ => EstimateKind::CarrierForecast,
    };
    let current = moved
        .or(planned)
        .and_then(|date| clock::window(date, start, end, destination));
    // A day that was moved is what UPS had promised.
    let promised = moved
        .and(planned)
        .and_then(|date| clock::window(date, "", "", destination));
    let estimate = |kind, window| Estimate {
        kind,
        source: String::new(),
        window,
        receive_time: Timestamp::UNIX_EPOCH,
    };
    current
        .map(|window| estimate(kind, window))
        .into_iter()
        .chain(promised.map(|window| estimate(EstimateKind::CarrierCommitment, window)))
        .collect()
}

fn physical(package: &Package<'_>) -> Physical {
    let Weight {
        unit_of_measurement,
        weight,
    } = &package.weight;
    let Dimension {
        height,
        length,
        width,
        unit_of_dimension,
    } = &package.dimension;
    let grams = match unit_of_measurement.trim() {
        "LBS" => 453.592_37,
        "KGS" => 1_000.0,
        _ => 0.0,
    };
    let millimetres = match unit_of_dimension.trim() {
        "IN" => 25.4,
        "CM" => 10.0,
        _ => 0.0,
    };
    Physical {
        weight_grams: measure(weight, grams),
        length_mm: measure(length, millimetres),
        width_mm: measure(width, millimetres),
        height_mm: measure(height, millimetres),
        piece_count: count(&package.package_count).filter(|pieces| *pieces > 0),
    }
}

/// Reads a decimal in other units; zero is unknown.
fn measure(text: &str, unit: f64) -> Option<u32> {
    let value = (text.trim().parse::<f64>().ok()? * unit).round();
    // The range is checked, so the cast loses nothing.
    (1.0..f64::from(u32::MAX))
        .contains(&value)
        .then_some(value as u32)
}

pub(super) fn count(text: &str) -> Option<u32> {
    text.trim().parse().ok()
}

/// Who received it. At an access point that is the shop, and proves no delivery.
pub(super) fn proof(package: &Package<'_>, claims: &[Claim]) -> Option<Proof> {
    let signed_by = package.delivery_information.received_by.trim();
    (!signed_by.is_empty() && !waits(claims)).then(|| Proof {
        signed_by: Pii::new(signed_by.to_owned()),
        documents: Vec::new(),
    })
}

/// What delivery or collection demands.
pub(super) fn requirements(package: &Package<'_>, claims: &[Claim]) -> Option<Requirements> {
    let asks = |service: &str| {
        let mut services = package.additional_services.iter();
        services.any(|name| name.trim() == service).then_some(true)
    };
    let adult = asks("ADULT_SIGNATURE_REQUIRED");
    let requirements = Requirements {
        signature: adult.or(asks("SIGNATURE_REQUIRED")),
        identity_check: adult,
        payment_due: payment(package),
        instructions: Pii::default(),
        pickup_place: pickup_place(package, claims),
        opening_hours: String::new(),
        collect_by: clock::day(&package.access_point_information.pickup_by_date),
    };
    (requirements != Requirements::default()).then_some(requirements)
}

fn payment(package: &Package<'_>) -> Option<Money> {
    package.payment_information.iter().find_map(|payment| {
        let (amount, currency) = (payment.amount.trim(), payment.currency.trim());
        let due = payment.paid.trim().eq_ignore_ascii_case("false")
            && amount.parse::<f64>().is_ok_and(|amount| amount > 0.0)
            && amount
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'.')
            && currency.len() == 3
            && currency.bytes().all(|byte| byte.is_ascii_uppercase());
        due.then(|| Money {
            currency: currency.to_owned(),
            amount: amount.to_owned(),
        })
    })
}

/// The place where the parcel waits, if it waits to be collected.
fn pickup_place(package: &Package<'_>, claims: &[Claim]) -> Option<Location> {
    let newest = newest(claims).filter(|_| waits(claims))?;
    let mut place = newest.location.clone().unwrap_or_default();
    let facility = place.facility.get_or_insert_default();
    facility.kind = FacilityKind::CollectionPoint;
    let name = package.delivery_information.location.trim();
    name.clone_into(&mut facility.name);
    Some(place)
}

fn waits(claims: &[Claim]) -> bool {
    newest(claims).is_some_and(|claim| claim.code == EventCode::AVAILABLE_FOR_PICKUP)
}

/// The newest claim that sets a status.
fn newest(claims: &[Claim]) -> Option<&Claim> {
    claims
        .iter()
        .rev()
        .find(|claim| claim.code.status().is_some())
}
