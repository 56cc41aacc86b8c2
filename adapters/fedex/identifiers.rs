//! Further numbers and references of a shipment.

use waybill_core::number::{TrackingNumber, check_digit_valid};
use waybill_core::privacy::Pii;
use waybill_core::shipment::{Identifier, IdentifierKind};

use super::wire::{PackageIdentifier, Track};

/// Types of identifier that are tracking numbers. Every other type, documented or not, is a
/// reference: it may stand for many shipments.
const NUMBERS: &[(&str, IdentifierKind)] = &[
    ("GROUP_MPS", IdentifierKind::Master),
    ("PARTNER_CARRIER_NUMBER", IdentifierKind::LastMile),
    ("REROUTE_TRACKING_NUMBER", IdentifierKind::Carrier),
    (
        "RETURNED_TO_SHIPPER_TRACKING_NUMBER",
        IdentifierKind::Carrier,
    ),
    ("STANDARD_MPS", IdentifierKind::Master),
    ("TRACKING_NUMBER_OR_DOORTAG", IdentifierKind::Carrier),
];

/// Lists the identifiers of a shipment; `asked` is the number under which the answer lists it.
pub(super) fn read(number: &TrackingNumber, asked: &str, track: &Track<'_>) -> Vec<Identifier> {
    let own = number.reveal();
    let mut found: Vec<Identifier> = Vec::new();
    for identifier in &track.additional_tracking_info.package_identifiers {
        let listed = NUMBERS.iter().find(|row| row.0 == identifier.kind.trim());
        for value in identifier.value.iter().chain(&identifier.values) {
            match listed {
                Some(&(_, kind)) => add(&mut found, own, kind, &normal(value)),
                None => add(&mut found, own, IdentifierKind::Reference, value.trim()),
            }
        }
    }
    add_number(&mut found, own, &normal(asked));
    // Tells this use of the number from the others. It is no tracking number.
    let unique = track.tracking_number_info.tracking_number_unique_id.trim();
    if !unique.is_empty() {
        found.push(Identifier {
            kind: IdentifierKind::Reference,
            value: Pii::new(unique.to_owned()),
            carrier: super::DESCRIPTOR.carrier.to_owned(),
            check_digit_valid: None,
        });
    }
    found
}

/// Adds a number under which the shipment was asked for, unless it is listed already.
pub(super) fn add_number(found: &mut Vec<Identifier>, own: &str, number: &str) {
    let listed = |known: &Identifier| {
        known.kind != IdentifierKind::Reference && known.value.reveal() == number
    };
    if !found.iter().any(listed) {
        add(found, own, IdentifierKind::Carrier, number);
    }
}

fn add(found: &mut Vec<Identifier>, own: &str, kind: IdentifierKind, value: &str) {
    let carrier = match kind {
        IdentifierKind::Master | IdentifierKind::Carrier => super::DESCRIPTOR.carrier,
        _ => "",
    };
    let identifier = Identifier {
        kind,
        check_digit_valid: match carrier {
            "" => None,
            carrier => check_digit_valid(value, carrier),
        },
        value: Pii::new(value.to_owned()),
        carrier: carrier.to_owned(),
    };
    if !value.is_empty() && value != own && !found.contains(&identifier) {
        found.push(identifier);
    }
}

/// A tracking number normalised, or as it is if it cannot be.
fn normal(number: &str) -> String {
    TrackingNumber::parse(number).map_or_else(
        |_| number.trim().to_owned(),
        |number| number.reveal().to_owned(),
    )
}

/// The consignment that a shipment is a piece of.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Master {
    /// `STANDARD_MPS` or `GROUP_MPS`.
    pub(super) kind: &'static str,
    pub(super) number: TrackingNumber,
    pub(super) carrier_code: String,
    pub(super) unique_id: String,
    /// Pieces of it, this one among them; 0 if unknown.
    pub(super) pieces: usize,
}

/// Reads the consignment; `None` if FedEx says of none that there is more to ask for.
pub(super) fn master(track: &Track<'_>) -> Option<Master> {
    let info = &track.additional_tracking_info;
    if !info
        .has_associated_shipments
        .trim()
        .eq_ignore_ascii_case("true")
    {
        return None;
    }
    let find = |kind: &'static str| {
        let number = |identifier: &PackageIdentifier<'_>| {
            let mut values = identifier.value.iter().chain(&identifier.values);
            values.find_map(|value| TrackingNumber::parse(value).ok())
        };
        let mut all = info.package_identifiers.iter();
        all.find_map(|identifier| {
            let number = number(identifier).filter(|_| identifier.kind.trim() == kind)?;
            Some(Master {
                kind,
                number,
                carrier_code: identifier.carrier_code.trim().to_owned(),
                unique_id: identifier.tracking_number_unique_id.trim().to_owned(),
                pieces: track.package_details.count.trim().parse().unwrap_or(0),
            })
        })
    };
    find("STANDARD_MPS").or_else(|| find("GROUP_MPS"))
}
