//! Places, as precise as a source states them. An empty field means unknown.

use serde::{Deserialize, Serialize};

use crate::privacy::Pii;

/// A place.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Location {
    /// ISO 3166-1 alpha-2, upper case.
    pub country: String,
    /// ISO 3166-2 code without the country prefix, for example "GD".
    pub subdivision: String,
    /// City or town in the source's spelling.
    pub locality: String,
    /// Postal code.
    pub postal_code: Pii<String>,
    /// Facility, if the place is one.
    pub facility: Option<Facility>,
    /// IANA zone, if the source states it or its documents do.
    pub time_zone: String,
    /// The source's own text, unchanged, at most 200 characters.
    pub raw: Pii<String>,
}

/// A facility.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facility {
    /// Code of the issuer.
    pub code: String,
    /// Who issues the code.
    pub system: CodeSystem,
    /// Name for people.
    pub name: String,
    /// Function.
    pub kind: FacilityKind,
}

/// Issuer of a facility code. Numbers as in the API.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum CodeSystem {
    /// Not known.
    #[default]
    Unspecified = 0,
    /// UPU international mail processing centre.
    UpuImpc = 1,
    /// IATA airport or city code.
    Iata = 2,
    /// GS1 global location number.
    Gln = 3,
    /// The carrier's own code.
    Carrier = 4,
    /// The operator's own warehouse system.
    Internal = 5,
}

/// Function of a facility. Numbers as in the API.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum FacilityKind {
    /// Not known.
    #[default]
    Unspecified = 0,
    /// Items are handed in.
    Acceptance = 1,
    /// Sorting centre.
    Hub = 2,
    /// Office of exchange or gateway.
    ExchangeOffice = 3,
    /// Customs.
    Customs = 4,
    /// Airport, port or rail terminal.
    Terminal = 5,
    /// Delivery office.
    DeliveryOffice = 6,
    /// Items are collected: counter, shop or locker.
    CollectionPoint = 7,
    /// Warehouse.
    Warehouse = 8,
}

/// Level to which a place is known, coarse to fine. Numbers as in the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resolution {
    /// Nothing but raw text.
    None = 0,
    /// Country.
    Country = 1,
    /// Subdivision.
    Subdivision = 2,
    /// City or town.
    Locality = 3,
    /// Facility.
    Facility = 4,
}

impl Location {
    /// Says how precisely the place is known.
    pub fn resolution(&self) -> Resolution {
        if self
            .facility
            .as_ref()
            .is_some_and(|facility| !facility.code.is_empty())
        {
            Resolution::Facility
        } else if !self.locality.is_empty() && !self.country.is_empty() {
            Resolution::Locality
        } else if !self.subdivision.is_empty() && !self.country.is_empty() {
            Resolution::Subdivision
        } else if !self.country.is_empty() {
            Resolution::Country
        } else {
            Resolution::None
        }
    }

    /// Tells whether nothing at all is known.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
