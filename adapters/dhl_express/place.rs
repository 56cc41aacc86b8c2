//! Reads the places of MyDHL API, which are service areas: a station code that looks like one of
//! IATA, and a name with the country behind a hyphen ("AUCKLAND-NZ").
//!
//! `stations.csv` holds the zones of stations in countries with several zones; elsewhere the
//! country is enough. A station counts only in its own country, because DHL's codes are not all
//! those of IATA.

use std::collections::HashMap;
use std::sync::LazyLock;

use waybill_core::place::{CodeSystem, Facility, Location};
use waybill_core::privacy::Pii;

use super::map::cut;
use super::wire::{Area, Party};

pub(super) static STATIONS: &str = include_str!("stations.csv");
/// Station to country and zone; a test reads every row of the file.
static ZONES: LazyLock<HashMap<&'static str, (&'static str, &'static str)>> = LazyLock::new(|| {
    let row = |line: &'static str| {
        let (station, rest) = line.split_once(',')?;
        Some((station, rest.split_once(',')?))
    };
    STATIONS.lines().skip(1).filter_map(row).collect()
});

/// Zone of a station in a country.
pub(super) fn zone(station: &str, country: &str) -> Option<&'static str> {
    let (home, zone) = ZONES.get(station)?;
    (*home == country).then_some(*zone)
}

/// The place of a checkpoint; `None` if nothing is said about it.
pub(super) fn read(areas: &[Area<'_>]) -> Option<Location> {
    let area = areas.first()?;
    let (code, text) = (area.code.trim(), area.description.trim());
    let (town, country) = match text.rsplit_once('-') {
        Some((town, country)) if !self::country(country).is_empty() => {
            (town.trim(), self::country(country))
        }
        _ => (text, String::new()),
    };
    let (town, subdivision) = match town.rsplit_once(", ") {
        Some((town, region)) if is_region(region) => (town.trim(), region),
        _ => (town, ""),
    };
    let place = Location {
        time_zone: zone(code, &country).unwrap_or_default().to_owned(),
        country,
        subdivision: subdivision.to_owned(),
        locality: cut(town, 100),
        facility: (!code.is_empty()).then(|| Facility {
            code: cut(code, 20),
            system: CodeSystem::Carrier,
            name: cut(town, 100),
            ..Facility::default()
        }),
        raw: Pii::new(cut(text, 200)),
        ..Location::default()
    };
    (!place.is_empty()).then_some(place)
}

/// Origin or destination: the address, and the service area where the address is silent.
pub(super) fn end(party: &Party<'_>) -> Option<Location> {
    let address = &party.postal_address;
    let mut place = read(&party.service_area).unwrap_or_default();
    let country = country(&address.country_code);
    if !country.is_empty() && country != place.country {
        place.time_zone.clear();
        place.country = country;
    }
    let city = address.city_name.trim();
    if !city.is_empty() {
        place.locality = cut(city, 100);
    }
    let province = address.province_code.trim();
    if is_region(province) {
        place.subdivision = province.to_owned();
    }
    place.postal_code = Pii::new(cut(address.postal_code.trim(), 20));
    (!place.is_empty()).then_some(place)
}

/// An ISO 3166-1 alpha-2 code in upper case; empty if it is none. DHL writes UK too.
fn country(text: &str) -> String {
    let text = text.trim();
    if text.len() != 2 || !text.bytes().all(|c| c.is_ascii_alphabetic()) {
        return String::new();
    }
    match text.to_ascii_uppercase() {
        code if code == "UK" => "GB".to_owned(),
        code => code,
    }
}

fn is_region(text: &str) -> bool {
    (1..=3).contains(&text.len()) && text.bytes().all(|c| c.is_ascii_uppercase())
}
