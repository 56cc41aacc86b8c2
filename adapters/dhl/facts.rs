//! What DHL states beside its events: forecasts, numbers, measures, proof and pages.

use jiff::Timestamp;
use waybill_core::exception::NextAction;
use waybill_core::number::TrackingNumber;
use waybill_core::privacy::Pii;
use waybill_core::shipment::{
    Contact, Estimate, EstimateKind, Facts, Identifier, IdentifierKind, LocalWindow, Physical,
    Proof,
};

use super::map::{cut, when};
use super::place::Place;
use super::wire::{self, Details, Quantity, Shipment};

/// Reads everything but places and doubts.
pub(super) fn read(
    shipment: &Shipment<'_>,
    number: &TrackingNumber,
    destination: &Place,
    now: Timestamp,
) -> Facts {
    let details = &shipment.details;
    let product = details.product.product_name.trim();
    Facts {
        service: cut(
            if product.is_empty() {
                shipment.service.trim()
            } else {
                product
            },
            100,
        ),
        identifiers: identifiers(shipment, number),
        estimates: estimates(shipment, destination, now),
        physical: physical(shipment),
        proof: proof(&details.proof_of_delivery),
        contacts: contacts(shipment),
        ..Facts::default()
    }
}

/// The window and the single time, both on the destination's clock. A single time within the
/// window adds nothing.
fn estimates(shipment: &Shipment<'_>, destination: &Place, now: Timestamp) -> Vec<Estimate> {
    let read = |text: &str| when(shipment.service.trim(), text, destination);
    let frame = &shipment.estimated_delivery_time_frame;
    let window = LocalWindow {
        start: read(&frame.estimated_from),
        end: read(&frame.estimated_through),
    };
    let single = read(&shipment.estimated_time_of_delivery).filter(|single| {
        let local = |time: &waybill_core::time::EventTime| time.local;
        let from = window.start.as_ref().map(local);
        let through = window.end.as_ref().map(local);
        let near = from.is_some_and(|from| from.date() <= single.local.date())
            && through.is_some_and(|through| single.local <= through);
        !near
    });
    let windows = [
        (window.start.is_some() || window.end.is_some()).then_some(window),
        single.map(|start| LocalWindow {
            start: Some(start),
            end: None,
        }),
    ];
    windows
        .into_iter()
        .flatten()
        .map(|window| Estimate {
            kind: EstimateKind::CarrierForecast,
            source: String::new(),
            window,
            receive_time: now,
        })
        .collect()
}

/// Pieces and references. The shipment's own number is not repeated.
fn identifiers(shipment: &Shipment<'_>, own: &TrackingNumber) -> Vec<Identifier> {
    let details = &shipment.details;
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
    let of_events = shipment.events.iter().flat_map(|event| &event.piece_ids);
    for id in details.piece_ids.iter().chain(of_events) {
        add(IdentifierKind::Piece, id, "dhl");
    }
    let partner = partner(details);
    for reference in &details.references {
        let (kind, carrier) = match reference.kind.trim() {
            "local-tracking-number" => (IdentifierKind::LastMile, partner.as_str()),
            "ecommerce-number" | "shipment-id" | "domestic-consignment-id" => {
                (IdentifierKind::Carrier, "dhl")
            }
            "housebill" | "masterbill" => (IdentifierKind::Master, "dhl"),
            _ => (IdentifierKind::Reference, ""),
        };
        add(kind, &reference.number, carrier);
    }
    found
}

/// Carrier id of the last-mile partner: its name, if that makes an id.
fn partner(details: &Details<'_>) -> String {
    let name = details.provider.destination_provider.trim();
    let id = name.to_ascii_lowercase().replace([' ', '_'], "-");
    let fits = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    if id.len() <= 40 && id.bytes().all(fits) {
        id
    } else {
        String::new()
    }
}

fn physical(shipment: &Shipment<'_>) -> Physical {
    let details = &shipment.details;
    let pieces = details.total_number_of_pieces.trim().parse().ok();
    let listed = u32::try_from(details.piece_ids.len()).ok();
    Physical {
        weight_grams: measure(&details.weight, |unit| match unit {
            "kg" | "kgm" | "kgs" => Some(1_000.0),
            "g" | "grm" | "gr" => Some(1.0),
            "lb" | "lbs" | "lbr" => Some(453.592_37),
            "oz" | "onz" => Some(28.349_523_125),
            _ => None,
        }),
        length_mm: measure(&details.dimensions.length, millimetres),
        width_mm: measure(&details.dimensions.width, millimetres),
        height_mm: measure(&details.dimensions.height, millimetres),
        piece_count: pieces
            .filter(|count| *count > 0)
            .or(listed.filter(|count| *count > 0)),
    }
}

fn millimetres(unit: &str) -> Option<f64> {
    match unit {
        "m" | "mtr" => Some(1_000.0),
        "cm" | "cmt" => Some(10.0),
        "mm" | "mmt" => Some(1.0),
        "in" | "inh" | "inch" => Some(25.4),
        _ => None,
    }
}

/// A measure in the base unit; nothing if it is zero, not a number, or of an unknown unit.
fn measure(quantity: &Quantity<'_>, factor: impl Fn(&str) -> Option<f64>) -> Option<u32> {
    let value: f64 = quantity.value.trim().parse().ok()?;
    let unit = quantity.unit_text.trim().to_ascii_lowercase();
    let base = (value * factor(&unit)?).round();
    (base >= 1.0 && base <= f64::from(u32::MAX)).then_some(base as u32)
}

fn proof(proof: &wire::Proof<'_>) -> Option<Proof> {
    let signer = &proof.signed;
    let person = format!("{} {}", signer.given_name.trim(), signer.family_name.trim());
    let names = [&*signer.name, &person, &*signer.organization_name];
    let signed_by = names
        .into_iter()
        .map(str::trim)
        .find(|name| !name.is_empty())
        .unwrap_or_default();
    let documents: Vec<_> = [&proof.signature_url, &proof.document_url]
        .into_iter()
        .filter_map(|url| https(url))
        .map(Pii::new)
        .collect();
    (!signed_by.is_empty() || !documents.is_empty()).then(|| Proof {
        signed_by: Pii::new(cut(signed_by, 100)),
        documents,
    })
}

/// The tracking page is where DHL can be reached; the other one changes the delivery.
fn contacts(shipment: &Shipment<'_>) -> Vec<Contact> {
    [
        (NextAction::ContactCarrier, &shipment.service_url),
        (NextAction::ArrangeRedelivery, &shipment.reroute_url),
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
    let safe = url.scheme() == Some(&http::uri::Scheme::HTTPS)
        && url
            .authority()
            .is_some_and(|host| !host.as_str().contains('@'))
        && text.len() <= 2_000;
    safe.then(|| text.to_owned())
}
