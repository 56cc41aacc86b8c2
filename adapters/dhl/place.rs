//! Reads DHL's places: each division writes country and region into the town in its own way.

use waybill_core::place::{CodeSystem, Facility, FacilityKind, Location};
use waybill_core::privacy::Pii;

use super::map::cut;
use super::wire::Address;

/// A place, and whether its text ends in a country that we do not know.
#[derive(Default)]
pub(super) struct Place {
    pub(super) location: Location,
    pub(super) names_unknown_country: bool,
}

impl Place {
    /// The location, if anything is known.
    pub(super) fn known(&self) -> Option<Location> {
        (!self.location.is_empty()).then(|| self.location.clone())
    }
}

/// Reads an address: "LEIPZIG - GERMANY" (express), "Feucht, Germany" (parcel-de, without a
/// country code), "Wilmette, IL, US" (ecommerce).
pub(super) fn read(address: &Address<'_>, service: &str) -> Place {
    let text = address.address_locality.trim();
    let mut place = Place::default();
    let location = &mut place.location;
    location.country = country(&address.country_code);
    location.postal_code = Pii::new(cut(address.postal_code.trim(), 20));
    location.raw = Pii::new(cut(text, 200));
    let mut town = text;
    if service.eq_ignore_ascii_case("express") {
        town = town.split_once(" - ").map_or(town, |(town, _)| town);
    }
    if matches!(town, "Germany" | "Deutschland") {
        (town, location.country) = ("", "DE".to_owned());
    } else if let Some((before, last)) = town.rsplit_once(", ") {
        let germany = matches!(last, "Germany" | "Deutschland");
        if location.country.is_empty() && germany {
            location.country = "DE".to_owned();
        }
        if germany || last.eq_ignore_ascii_case(&location.country) {
            town = before;
        } else {
            place.names_unknown_country = location.country.is_empty();
        }
        if let Some((before, region)) = town.rsplit_once(", ") {
            let code = |c: u8| c.is_ascii_uppercase();
            if town.len() < text.len() && region.len() <= 3 && region.bytes().all(code) {
                location.subdivision = region.to_owned();
                town = before;
            }
        }
    }
    location.locality = cut(town.trim(), 100);
    place
}

/// An ISO 3166-1 alpha-2 code in upper case; empty if it is none.
pub(super) fn country(text: &str) -> String {
    let text = text.trim();
    if text.len() == 2 && text.bytes().all(|c| c.is_ascii_alphabetic()) {
        text.to_ascii_uppercase()
    } else {
        String::new()
    }
}

/// An airport or port. Three letters are an IATA code.
pub(super) fn terminal(code: &str, name: &str) -> Option<Facility> {
    let iata = code.len() == 3 && code.bytes().all(|c| c.is_ascii_uppercase());
    (!code.is_empty()).then(|| Facility {
        code: cut(code, 20),
        system: if iata {
            CodeSystem::Iata
        } else {
            CodeSystem::Carrier
        },
        name: cut(name, 100),
        kind: FacilityKind::Terminal,
    })
}
