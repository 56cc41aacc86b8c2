//! What DHL Parcel DE states beside its events: forecasts, numbers, measures and who accepted it.

use jiff::Timestamp;
use waybill_core::number::TrackingNumber;
use waybill_core::privacy::Pii;
use waybill_core::shipment::{
    Estimate, EstimateKind, Facts, Identifier, IdentifierKind, LocalWindow, Physical, Proof,
};

use super::map::{cut, numbers, when};
use super::wire::Shipment;

/// Reads everything but places and doubts.
pub(super) fn read(shipment: &Shipment<'_>, number: &TrackingNumber, now: Timestamp) -> Facts {
    let delivered = is_delivered(shipment);
    let estimate = if delivered { None } else { window(shipment) };
    let accepted_by = shipment.accepted_by.trim();
    Facts {
        service: cut(shipment.product_name.trim(), 100),
        identifiers: identifiers(shipment, number),
        estimates: estimate
            .map(|window| Estimate {
                kind: EstimateKind::CarrierForecast,
                source: String::new(),
                window,
                receive_time: now,
            })
            .into_iter()
            .collect(),
        physical: physical(shipment),
        // Before the delivery the name is that of the addressee.
        proof: (delivered && !accepted_by.is_empty()).then(|| Proof {
            signed_by: Pii::new(cut(accepted_by, 100)),
            documents: Vec::new(),
        }),
        ..Facts::default()
    }
}

/// The source's own flag.
pub(super) fn is_delivered(shipment: &Shipment<'_>) -> bool {
    matches!(shipment.delivery_event_flag.trim(), "1" | "true")
}

/// The forecast; else the day that the recipient booked, with its hours.
fn window(shipment: &Shipment<'_>) -> Option<LocalWindow> {
    if let Some(day) = when(shipment.delivery_date.trim()) {
        return Some(LocalWindow {
            start: Some(day),
            end: None,
        });
    }
    let day = shipment.preferred_day.trim();
    let at = |clock: &str| {
        let clock = clock.trim();
        (!clock.is_empty()).then(|| when(&format!("{day} {clock}")))?
    };
    let (from, to) = (at(&shipment.preferred_from), at(&shipment.preferred_to));
    let start = from.or_else(|| when(day))?;
    Some(LocalWindow {
        start: Some(start),
        end: to,
    })
}

/// Other numbers of the piece. Its own is not repeated, also not without its leading zeros.
fn identifiers(shipment: &Shipment<'_>, own: &TrackingNumber) -> Vec<Identifier> {
    let mut found: Vec<Identifier> = Vec::new();
    let mut add = |kind, text: &str, carrier: &str| {
        let text = text.trim();
        let value = match TrackingNumber::parse(text) {
            Ok(number) if number == *own => return,
            Ok(number) if kind != IdentifierKind::Reference => number.reveal().to_owned(),
            _ => cut(text, 100),
        };
        let identifier = Identifier {
            kind,
            value: Pii::new(value),
            carrier: carrier.to_owned(),
            check_digit_valid: None,
        };
        if !text.is_empty() && !found.contains(&identifier) {
            found.push(identifier);
        }
    };
    for number in numbers(shipment) {
        add(IdentifierKind::Carrier, number, "dhl");
    }
    add(IdentifierKind::UpuS10, &shipment.upu, "");
    add(IdentifierKind::Carrier, &shipment.airway_bill_number, "dhl");
    // Whose number it is at the destination is not stated.
    add(IdentifierKind::LastMile, &shipment.domestic_id, "");
    add(IdentifierKind::Reference, &shipment.piece_reference, "");
    add(IdentifierKind::Reference, &shipment.shipment_reference, "");
    found
}

/// Kilograms and centimetres; zero means that nobody measured.
fn physical(shipment: &Shipment<'_>) -> Physical {
    Physical {
        weight_grams: measure(&shipment.weight, 1_000.0),
        length_mm: measure(&shipment.length, 10.0),
        width_mm: measure(&shipment.width, 10.0),
        height_mm: measure(&shipment.height, 10.0),
        piece_count: None,
    }
}

fn measure(text: &str, factor: f64) -> Option<u32> {
    let value: f64 = text.trim().replace(',', ".").parse().ok()?;
    let base = (value * factor).round();
    (base >= 1.0 && base <= f64::from(u32::MAX)).then_some(base as u32)
}
