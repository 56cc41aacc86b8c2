//! Where USPS says an item was: towns with state and ZIP code, plants, offices of exchange, and
//! towns abroad.

use std::borrow::Cow;

use waybill_core::place::{Facility, FacilityKind, Location};
use waybill_core::privacy::Pii;

use super::clock::Spot;
use super::wire::{Event, Item};
use super::{country, zone};

/// A place as it is written.
#[derive(Clone, Copy)]
pub(super) struct Words<'a> {
    pub(super) city: &'a str,
    pub(super) state: &'a str,
    pub(super) zip: &'a str,
    /// Name or code; empty: the United States.
    pub(super) country: &'a str,
}

/// A place as it is understood.
pub(super) struct Found {
    /// ISO 3166-1 alpha-2; empty if the name is not known.
    pub(super) country: Cow<'static, str>,
    /// Zone of state and ZIP code.
    zone: Option<&'static str>,
    /// `None` if nothing is stated.
    pub(super) location: Option<Location>,
}

impl Found {
    /// Where a clock of this place hangs.
    pub(super) fn spot(&self) -> Spot<'_> {
        Spot {
            zone: self.zone,
            country: &self.country,
            place: self.location.as_ref(),
        }
    }
}

/// The place of an event.
pub(super) fn of_event<'a>(event: &'a Event<'_>) -> Words<'a> {
    Words {
        city: &event.event_city,
        state: &event.event_state,
        zip: either(&event.event_zip, &event.event_zip_code),
        country: &event.event_country,
    }
}

/// Where an item comes from.
pub(super) fn of_origin<'a>(item: &'a Item<'_>) -> Words<'a> {
    Words {
        city: &item.origin_city,
        state: &item.origin_state,
        zip: either(&item.origin_zip, &item.origin_zip_code),
        country: &item.origin_country,
    }
}

/// Where an item goes.
pub(super) fn of_destination<'a>(item: &'a Item<'_>) -> Words<'a> {
    Words {
        city: &item.destination_city,
        state: &item.destination_state,
        zip: either(&item.destination_zip, &item.destination_zip_code),
        country: &item.destination_country_code,
    }
}

fn either<'a>(one: &'a str, other: &'a str) -> &'a str {
    if one.trim().is_empty() { other } else { one }
}

/// Understands a place.
pub(super) fn find(words: Words<'_>) -> Found {
    let (city, zip) = (words.city.trim(), words.zip.trim());
    let (state, named) = (words.state.trim(), words.country.trim());
    let nothing = [city, state, zip, named].iter().all(|text| text.is_empty());
    let country = match named {
        "" => Cow::Borrowed("US"),
        named => country::code(named),
    };
    if nothing {
        return Found {
            country,
            zone: None,
            location: None,
        };
    }
    let plant = Some(city).filter(|_| country == "US").and_then(plant);
    let state = match &plant {
        Some(plant) if state.is_empty() => Cow::Borrowed(plant.state),
        _ => upper(state),
    };
    let is_code =
        (1..=3).contains(&state.len()) && state.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let odd = country.is_empty() || (!is_code && !state.is_empty());
    let keep_raw = odd || plant.is_some() || !named.is_empty();
    let parts = [city, words.state.trim(), zip, named];
    let location = Location {
        country: country.clone().into_owned(),
        subdivision: if is_code {
            state.clone().into_owned()
        } else {
            String::new()
        },
        locality: plant.as_ref().map_or(city, |plant| plant.city).to_owned(),
        postal_code: Pii::new(zip.to_owned()),
        facility: plant.as_ref().map(|plant| Facility {
            name: city.to_owned(),
            kind: plant.kind,
            ..Facility::default()
        }),
        raw: Pii::new(if keep_raw {
            joined(parts)
        } else {
            String::new()
        }),
        ..Location::default()
    };
    Found {
        zone: Some(&*state)
            .filter(|_| country == "US")
            .and_then(|state| zone::of(state, zip)),
        country,
        location: Some(location),
    }
}

fn upper(text: &str) -> Cow<'_, str> {
    if text.bytes().any(|byte| byte.is_ascii_lowercase()) {
        Cow::Owned(text.to_ascii_uppercase())
    } else {
        Cow::Borrowed(text)
    }
}

fn joined(parts: [&str; 4]) -> String {
    let mut raw = String::new();
    for part in parts.into_iter().filter(|part| !part.is_empty()) {
        if !raw.is_empty() {
            raw.push_str(", ");
        }
        raw.push_str(part);
    }
    cut(&raw, 200)
}

/// A plant whose name stands in the place of a town.
struct Plant<'a> {
    city: &'a str,
    state: &'a str,
    kind: FacilityKind,
}

/// Reads the name of a plant: "ISC NEW YORK NY(USPS)", "DENVER CO DISTRIBUTION CENTER".
fn plant(name: &str) -> Option<Plant<'_>> {
    let exchange = name.strip_prefix("ISC ");
    let kind = match exchange {
        Some(_) => FacilityKind::ExchangeOffice,
        None if name.ends_with(" CENTER") || name.ends_with(" FACILITY") => FacilityKind::Hub,
        None if name.ends_with(" ANNEX") => FacilityKind::DeliveryOffice,
        None => return None,
    };
    let place = exchange.unwrap_or(name);
    let place = place.strip_suffix("(USPS)").unwrap_or(place).trim_end();
    let mut end = place.len();
    // The last state in the name: what stands before it is the town.
    while let Some((head, word)) = place.get(..end)?.rsplit_once(' ') {
        if zone::is_state(word) && !head.is_empty() {
            return Some(Plant {
                city: head,
                state: word,
                kind,
            });
        }
        end = head.len();
    }
    Some(Plant {
        city: "",
        state: "",
        kind,
    })
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
