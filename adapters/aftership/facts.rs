//! What AfterShip states about a parcel beside its checkpoints.
//!
//! Forecasts that the shop made ("custom", "order") are no forecasts of a carrier or of AfterShip and
//! are left out. Everything is in the recipient's zone.

use jiff::Timestamp;
use waybill_core::exception::NextAction;
use waybill_core::number::{TrackingNumber, check_digit_valid};
use waybill_core::privacy::Pii;
use waybill_core::shipment::{
    Contact, Estimate, EstimateKind, Facts, Identifier, IdentifierKind, Physical, Proof,
};

use super::carriers::CARRIERS;
use super::clock;
use super::place::{cut, destination, origin};
use super::wire::{Forecast, Mile, Tracking};

/// Reads what does not depend on the checkpoints.
pub(super) fn facts(number: &TrackingNumber, tracking: &Tracking<'_>) -> Facts {
    Facts {
        service: cut(tracking.shipment_type.trim(), 200),
        origin: origin(tracking).map(Box::new),
        destination: destination(tracking).map(Box::new),
        identifiers: identifiers(number, tracking),
        estimates: estimates(tracking),
        physical: physical(tracking),
        proof: proof(tracking),
        contacts: contacts(tracking),
        ..Facts::default()
    }
}

fn identifiers(number: &TrackingNumber, tracking: &Tracking<'_>) -> Vec<Identifier> {
    let mut found: Vec<Identifier> = Vec::new();
    let mut add = |kind, text: &str, slug: &str| {
        let Some(other) = TrackingNumber::parse(text).ok().filter(|it| it != number) else {
            return;
        };
        let carrier = CARRIERS.id(slug);
        let known = |it: &Identifier| it.value.reveal() == other.reveal();
        if !found.iter().any(known) {
            found.push(Identifier {
                kind,
                check_digit_valid: match carrier.as_str() {
                    "" => None,
                    carrier => check_digit_valid(other.reveal(), carrier),
                },
                value: Pii::new(other.reveal().to_owned()),
                carrier,
            });
        }
    };
    let mut leg = |kind, mile: &Mile<'_>| add(kind, &mile.tracking_number, &mile.slug);
    leg(IdentifierKind::Carrier, &tracking.first_mile);
    leg(IdentifierKind::LastMile, &tracking.last_mile);
    for piece in &tracking.multi_piece_info.pieces {
        let kind = match piece.kind.trim() {
            "master" => IdentifierKind::Master,
            _ => IdentifierKind::Piece,
        };
        add(kind, &piece.tracking_number, &tracking.slug);
    }
    for reference in [&tracking.order_id, &tracking.order_number] {
        let reference = cut(reference.trim(), 100);
        let known = |it: &Identifier| *it.value.reveal() == reference;
        if !reference.is_empty() && !found.iter().any(known) {
            found.push(Identifier {
                kind: IdentifierKind::Reference,
                value: Pii::new(reference),
                carrier: String::new(),
                check_digit_valid: None,
            });
        }
    }
    found
}

fn estimates(tracking: &Tracking<'_>) -> Vec<Estimate> {
    let there = destination(tracking);
    let there = there.as_ref();
    let window = |said: &Forecast<'_>| {
        clock::window(
            &said.estimated_delivery_date,
            &said.estimated_delivery_date_min,
            &said.estimated_delivery_date_max,
            there,
        )
    };
    let latest = |source: &str| {
        let said = Some(&tracking.latest_estimated_delivery);
        let said = said.filter(|said| said.source.trim().eq_ignore_ascii_case(source))?;
        clock::window(
            &said.datetime,
            &said.datetime_min,
            &said.datetime_max,
            there,
        )
    };
    let carrier = window(&tracking.courier_estimated_delivery_date)
        .or_else(|| clock::window(&tracking.expected_delivery, "", "", there))
        .or_else(|| latest("Carrier EDD"));
    let own =
        window(&tracking.aftership_estimated_delivery_date).or_else(|| latest("AfterShip EDD"));
    [
        (EstimateKind::CarrierForecast, carrier),
        (EstimateKind::AggregatorForecast, own),
    ]
    .into_iter()
    .filter_map(|(kind, window)| {
        Some(Estimate {
            kind,
            source: String::new(),
            window: window?,
            receive_time: Timestamp::UNIX_EPOCH,
        })
    })
    .collect()
}

fn physical(tracking: &Tracking<'_>) -> Physical {
    let weight = &tracking.shipment_weight;
    let unit = match weight.unit.trim() {
        "" => &tracking.shipment_weight_unit,
        _ => &weight.unit,
    };
    let size = &tracking.shipment_dimensions;
    let length = |text: &str| measure(text, millimetres(&size.unit));
    let pieces = tracking.shipment_package_count.trim().parse::<f64>().ok();
    Physical {
        weight_grams: measure(&weight.value, grams(unit)),
        length_mm: length(&size.length),
        width_mm: length(&size.width),
        height_mm: length(&size.height),
        // A number that can come with a decimal point.
        piece_count: pieces.and_then(|count| whole(count.trunc())),
    }
}

fn grams(unit: &str) -> f64 {
    match unit.trim().to_ascii_lowercase().as_str() {
        "kg" | "kgs" => 1_000.0,
        "g" | "gram" | "grams" => 1.0,
        "lb" | "lbs" => 453.592_37,
        "oz" => 28.349_523_125,
        _ => 0.0,
    }
}

fn millimetres(unit: &str) -> f64 {
    match unit.trim().to_ascii_lowercase().as_str() {
        "mm" => 1.0,
        "cm" => 10.0,
        "m" => 1_000.0,
        "in" => 25.4,
        "ft" => 304.8,
        _ => 0.0,
    }
}

/// A measure in units of `unit`; zero, nonsense and an unknown unit are unknown.
fn measure(text: &str, unit: f64) -> Option<u32> {
    whole((text.trim().parse::<f64>().ok()? * unit).round())
}

fn whole(value: f64) -> Option<u32> {
    // The range is checked, so the cast loses nothing.
    (1.0..f64::from(u32::MAX))
        .contains(&value)
        .then_some(value as u32)
}

fn proof(tracking: &Tracking<'_>) -> Option<Proof> {
    let signed_by = cut(tracking.signed_by.trim(), 100);
    let documents = tracking.proof_of_delivery.iter();
    let documents: Vec<_> = documents
        .filter_map(|document| https(&document.url))
        .map(Pii::new)
        .collect();
    (!signed_by.is_empty() || !documents.is_empty()).then(|| Proof {
        signed_by: Pii::new(signed_by),
        documents,
    })
}

/// The carrier's page is where it can be reached; the other one changes the delivery.
fn contacts(tracking: &Tracking<'_>) -> Vec<Contact> {
    [
        (NextAction::ContactCarrier, &tracking.courier_tracking_link),
        (
            NextAction::ArrangeRedelivery,
            &tracking.courier_redirect_link,
        ),
    ]
    .into_iter()
    .filter_map(|(action, url)| {
        https(url).map(|url| Contact {
            action,
            url,
            phone: String::new(),
        })
    })
    .collect()
}

/// An address that is safe to hand to a client: `https`, with a host, of a sane length.
fn https(text: &str) -> Option<String> {
    let text = text.trim();
    let url: http::Uri = text.parse().ok()?;
    let host = url.authority()?;
    let safe = url.scheme() == Some(&http::uri::Scheme::HTTPS)
        && !host.as_str().contains('@')
        && text.len() <= 2_000;
    safe.then(|| text.to_owned())
}
