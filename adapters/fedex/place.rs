//! Where FedEx says a parcel was: addresses and sites.

use std::borrow::Cow;

use waybill_core::place::{CodeSystem, Facility, FacilityKind, Location};
use waybill_core::privacy::Pii;

use super::wire::{Address, Site};

/// Kinds of location that are documented, and the function of the site.
const KINDS: &[(&str, FacilityKind)] = &[
    ("AIRPORT", FacilityKind::Terminal),
    ("CUSTOMER", FacilityKind::Unspecified),
    ("CUSTOMS_BROKER", FacilityKind::Customs),
    ("DELIVERY_LOCATION", FacilityKind::Unspecified),
    ("DESTINATION_AIRPORT", FacilityKind::Terminal),
    ("DESTINATION_FEDEX_FACILITY", FacilityKind::DeliveryOffice),
    ("DROP_BOX", FacilityKind::Acceptance),
    ("ENROUTE", FacilityKind::Unspecified),
    ("FEDEX_FACILITY", FacilityKind::Unspecified),
    ("FEDEX_OFFICE_LOCATION", FacilityKind::CollectionPoint),
    ("FEDEX_SHIPSITE", FacilityKind::CollectionPoint),
    ("INTERLINE_CARRIER", FacilityKind::Unspecified),
    ("NON_FEDEX_FACILITY", FacilityKind::Unspecified),
    ("ORIGIN_AIRPORT", FacilityKind::Terminal),
    ("ORIGIN_FEDEX_FACILITY", FacilityKind::Unspecified),
    ("PICKUP_LOCATION", FacilityKind::Acceptance),
    ("PLANE", FacilityKind::Unspecified),
    ("PORT_OF_ENTRY", FacilityKind::Customs),
    ("SHIP_AND_GET_LOCATION", FacilityKind::CollectionPoint),
    ("SORT_FACILITY", FacilityKind::Hub),
    ("TURNPOINT", FacilityKind::Unspecified),
    ("VEHICLE", FacilityKind::Unspecified),
];

/// Country of an address if it is a code of two letters; empty otherwise.
pub(super) fn country<'a>(address: &'a Address<'_>) -> Cow<'a, str> {
    let code = address.country_code.trim();
    if code.len() != 2 || !code.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return Cow::Borrowed("");
    }
    if code.bytes().any(|byte| byte.is_ascii_lowercase()) {
        return Cow::Owned(code.to_ascii_uppercase());
    }
    Cow::Borrowed(code)
}

/// Reads a place: an address, the id of a site and the kind of location.
pub(super) fn place(address: &Address<'_>, site: &str, kind: &str) -> Option<Location> {
    let (city, state) = (address.city.trim(), address.state_or_province_code.trim());
    let (site, kind) = (site.trim(), kind.trim());
    let country = country(address);
    let is_code =
        (1..=3).contains(&state.len()) && state.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let known = KINDS.iter().find(|row| row.0 == kind);
    let mut place = Location {
        locality: city.to_owned(),
        postal_code: Pii::new(address.postal_code.trim().to_owned()),
        ..Location::default()
    };
    let odd_kind = known.is_none() && !kind.is_empty();
    let odd_state = !is_code && !state.is_empty();
    let odd_country = country.is_empty() && !address.country_code.trim().is_empty();
    if odd_kind || odd_state || odd_country {
        let parts = [city, state, address.country_code.trim(), kind];
        place.raw = Pii::new(cut(&joined(&parts, ", "), 200));
    }
    place.country = country.into_owned();
    if is_code {
        place.subdivision = state.to_ascii_uppercase();
    }
    let kind = known.map(|row| row.1).unwrap_or_default();
    if !site.is_empty() || kind != FacilityKind::Unspecified {
        let system = if site.is_empty() {
            CodeSystem::Unspecified
        } else {
            CodeSystem::Carrier
        };
        place.facility = Some(Facility {
            code: site.to_owned(),
            system,
            kind,
            ..Facility::default()
        });
    }
    Some(place).filter(|place| !place.is_empty())
}

/// Reads the place of a site.
pub(super) fn site(site: &Site<'_>) -> Option<Location> {
    place(
        &site.location_contact_and_address.address,
        &site.location_id,
        &site.location_type,
    )
}

/// The parts that are not empty, with a separator.
pub(super) fn joined(parts: &[&str], separator: &str) -> String {
    let mut text = String::with_capacity(parts.iter().map(|part| part.len() + 2).sum());
    for part in parts.iter().filter(|part| !part.is_empty()) {
        if !text.is_empty() {
            text.push_str(separator);
        }
        text.push_str(part);
    }
    text
}

/// The first `limit` characters.
pub(super) fn cut(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let end = text
        .char_indices()
        .nth(limit)
        .map_or(text.len(), |(at, _)| at);
    text.get(..end).unwrap_or(text).to_owned()
}
