//! Countries by the names that the platform writes, and places as rows name them.

use std::collections::HashMap;
use std::sync::LazyLock;

use waybill_core::place::{CodeSystem, Facility, FacilityKind, Location};
use waybill_core::privacy::Pii;

use super::wire::PushedTrace;

static COUNTRIES: LazyLock<HashMap<&str, &str>> =
    LazyLock::new(|| pairs(include_str!("countries.csv")));

/// Reads lines of a name, which may hold a comma if it is quoted, and a value.
pub(super) fn pairs(csv: &'static str) -> HashMap<&'static str, &'static str> {
    let row = |line: &'static str| line.trim().rsplit_once(',');
    let mut rows = csv.lines().skip(1).filter_map(row);
    rows.by_ref()
        .map(|(name, value)| (name.trim_matches('"'), value))
        .collect()
}

/// A country as it was named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Country<'a> {
    /// Not at all.
    Unstated,
    /// By a name that we do not know, for example in another language.
    Unknown,
    /// ISO 3166-1 alpha-2.
    Known(&'a str),
}

impl Country<'_> {
    /// Reads a name, also one with a town behind it: "France,Lille".
    pub(super) fn read(text: &str) -> Self {
        let name = text.trim().to_lowercase();
        if name.is_empty() {
            return Self::Unstated;
        }
        let first = name.split(',').next().unwrap_or_default().trim();
        [name.as_str(), first]
            .into_iter()
            .find_map(|name| COUNTRIES.get(name))
            .map_or(Self::Unknown, |code| Self::Known(code))
    }

    pub(super) const fn code(&self) -> &str {
        match self {
            Self::Known(code) => code,
            _ => "",
        }
    }
}

/// A country and nothing else: a town behind it would say where the recipient lives.
pub(super) fn country(text: &str) -> Option<Location> {
    let country = Country::read(text);
    (country != Country::Unstated).then(|| {
        let name = text.split(',').next().unwrap_or_default();
        Location {
            country: country.code().to_owned(),
            raw: Pii::new(cut(name.trim(), 200)),
            ..Location::default()
        }
    })
}

/// The text in brackets before an event: a town, a carrier or a code. It is kept as text only.
pub(super) fn bracketed(text: &str) -> Option<Location> {
    let (inner, _) = text.trim_start().strip_prefix('[')?.split_once(']')?;
    raw(inner)
}

/// A place that is text and nothing else.
pub(super) fn raw(text: &str) -> Option<Location> {
    let text = text.trim();
    (!text.is_empty()).then(|| Location {
        raw: Pii::new(cut(text, 200)),
        ..Location::default()
    })
}

/// "UNITED STATES,DORAL", as AliExpress writes it.
pub(super) fn country_and_town(text: &str) -> Option<Location> {
    let mut place = raw(text)?;
    let (name, town) = text.split_once(',').unwrap_or((text, ""));
    if let Country::Known(code) = Country::read(name) {
        code.clone_into(&mut place.country);
        place.locality = cut(town.trim(), 100);
    }
    Some(place)
}

/// The facility of a pushed event.
pub(super) fn facility(row: &PushedTrace<'_>) -> Option<Location> {
    let (code, name) = (row.facility_no.trim(), row.facility_name.trim());
    let kind = match row.facility_type.trim() {
        "2" => FacilityKind::Hub,
        _ => FacilityKind::Unspecified,
    };
    let system = match code {
        "" => CodeSystem::Unspecified,
        _ => CodeSystem::Carrier,
    };
    let named = !code.is_empty() || !name.is_empty();
    let facility = named.then(|| Facility {
        code: cut(code, 50),
        system,
        name: cut(name, 100),
        kind,
    });
    let country = Country::read(&row.country);
    let parts = [name, row.country.trim()];
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    let place = Location {
        country: country.code().to_owned(),
        facility,
        raw: Pii::new(cut(&parts.join(", "), 200)),
        ..Location::default()
    };
    (!place.is_empty()).then_some(place)
}

/// At most `limit` characters of a text.
pub(super) fn cut(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((at, _)) => text.get(..at).unwrap_or_default().to_owned(),
        None => text.to_owned(),
    }
}
