//! What MyDHL API states beside its checkpoints: a forecast, numbers, measures and who signed.

use jiff::Timestamp;
use waybill_core::number::TrackingNumber;
use waybill_core::place::Location;
use waybill_core::privacy::Pii;
use waybill_core::shipment::{
    Estimate, EstimateKind, Facts, Identifier, IdentifierKind, LocalWindow, Physical, Proof,
};

use super::map::{at, cut, is_end_of_day};
use super::meaning::signer;
use super::wire::{Dimensions, Shipment};

/// Global product codes of DHL Express.
const PRODUCTS: &[(&str, &str)] = &[
    ("1", "EXPRESS DOMESTIC 12:00"),
    ("7", "EXPRESS EASY"),
    ("8", "EXPRESS EASY"),
    ("B", "EXPRESS BREAKBULK"),
    ("C", "MEDICAL EXPRESS"),
    ("D", "EXPRESS WORLDWIDE"),
    ("E", "EXPRESS 9:00"),
    ("G", "ECONOMY SELECT DOMESTIC"),
    ("H", "ECONOMY SELECT"),
    ("I", "EXPRESS DOMESTIC 9:00"),
    ("J", "JUMBO BOX"),
    ("K", "EXPRESS 9:00"),
    ("L", "EXPRESS 10:30"),
    ("M", "EXPRESS 10:30"),
    ("N", "EXPRESS DOMESTIC"),
    ("O", "EXPRESS DOMESTIC 10:30"),
    ("P", "EXPRESS WORLDWIDE"),
    ("Q", "MEDICAL EXPRESS"),
    ("S", "SAME DAY"),
    ("T", "EXPRESS 12:00"),
    ("U", "EXPRESS WORLDWIDE"),
    ("W", "ECONOMY SELECT"),
    ("X", "EXPRESS ENVELOPE"),
    ("Y", "EXPRESS 12:00"),
];

/// Reads everything but places and doubts.
pub(super) fn read(
    shipment: &Shipment<'_>,
    number: &TrackingNumber,
    destination: Option<&Location>,
    delivered: bool,
    now: Timestamp,
) -> Facts {
    let code = shipment.product_code.trim();
    let product = PRODUCTS.iter().find(|(known, _)| *known == code);
    let window = if delivered {
        None
    } else {
        window(shipment, destination)
    };
    Facts {
        service: product.map_or_else(|| cut(code, 100), |(_, name)| (*name).to_owned()),
        identifiers: identifiers(shipment, number),
        estimates: window
            .map(|window| Estimate {
                kind: EstimateKind::CarrierForecast,
                source: String::new(),
                window,
                receive_time: now,
            })
            .into_iter()
            .collect(),
        physical: physical(shipment),
        proof: delivered.then(|| proof(shipment)).flatten(),
        ..Facts::default()
    }
}

/// The forecast is a local time by which it will be there; the end of a day stands for the day.
fn window(shipment: &Shipment<'_>, destination: Option<&Location>) -> Option<LocalWindow> {
    let text = shipment.estimated_delivery_date.trim();
    let time = at(destination, text)?;
    let whole_day = is_end_of_day(&time);
    let day = || {
        text.split(['T', 't', ' '])
            .next()
            .and_then(|day| at(destination, day))
    };
    Some(match (whole_day, time.precision) {
        (true, _) => LocalWindow {
            start: day(),
            end: None,
        },
        (false, waybill_core::time::Precision::Day) => LocalWindow {
            start: Some(time),
            end: None,
        },
        (false, _) => LocalWindow {
            start: None,
            end: Some(time),
        },
    })
}

/// Pieces and references. The shipment's own number is not repeated.
fn identifiers(shipment: &Shipment<'_>, own: &TrackingNumber) -> Vec<Identifier> {
    let mut found: Vec<Identifier> = Vec::new();
    let mut add = |kind, text: &str, carrier: &str| {
        let text = text.trim();
        let value = match TrackingNumber::parse(text) {
            Ok(number) if number == *own => return,
            Ok(number) if kind == IdentifierKind::Piece => number.reveal().to_owned(),
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
    for piece in &shipment.pieces {
        add(IdentifierKind::Piece, &piece.tracking_number, "dhl");
    }
    for reference in &shipment.shipper_references {
        add(IdentifierKind::Reference, &reference.value, "");
    }
    found
}

/// Kilograms and centimetres, or pounds and inches. Dimensions only of a sole piece.
fn physical(shipment: &Shipment<'_>) -> Physical {
    let imperial = |unit: &str| unit.trim().eq_ignore_ascii_case("imperial");
    let weight = if imperial(&shipment.unit_of_measurements) {
        453.592_37
    } else {
        1_000.0
    };
    let count = shipment.number_of_pieces.trim().parse().ok();
    let listed = u32::try_from(shipment.pieces.len()).ok();
    let mut physical = Physical {
        weight_grams: measure(&shipment.total_weight, weight),
        piece_count: count.or(listed).filter(|count| *count > 0),
        ..Physical::default()
    };
    if let [piece] = shipment.pieces.as_slice() {
        let unit = if imperial(&piece.unit_of_measurements) {
            25.4
        } else {
            10.0
        };
        let known = |one: &Dimensions<'_>| measure(&one.length, unit).is_some();
        let measured = if known(&piece.actual_dimensions) {
            &piece.actual_dimensions
        } else {
            &piece.dimensions
        };
        physical.length_mm = measure(&measured.length, unit);
        physical.width_mm = measure(&measured.width, unit);
        physical.height_mm = measure(&measured.height, unit);
    }
    physical
}

fn measure(text: &str, factor: f64) -> Option<u32> {
    let value: f64 = text.trim().parse().ok()?;
    let base = (value * factor).round();
    (base >= 1.0 && base <= f64::from(u32::MAX)).then_some(base as u32)
}

/// Who signed, from the last checkpoint that says so.
fn proof(shipment: &Shipment<'_>) -> Option<Proof> {
    let of_pieces = shipment.pieces.iter().flat_map(|piece| &piece.events);
    let newest_first = shipment.events.iter().rev().chain(of_pieces.rev());
    let mut names = newest_first.filter_map(|event| {
        let signed_by = event.signed_by.trim();
        if signed_by.is_empty() {
            signer(&event.description)
        } else {
            Some(signed_by)
        }
    });
    names.next().map(|name| Proof {
        signed_by: Pii::new(cut(name, 100)),
        documents: Vec::new(),
    })
}
