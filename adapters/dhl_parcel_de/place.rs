//! Reads the places of DHL Parcel DE: a town, and a country that is a code in one field and a name
//! in another.

use waybill_core::place::Location;
use waybill_core::privacy::Pii;

use super::map::cut;

/// Countries by their names in English and German, as far as parcels from Germany often go there.
/// The name of any other country stays in the raw text.
const NAMES: &[(&str, &str, &str)] = &[
    ("AT", "austria", "österreich"),
    ("AU", "australia", "australien"),
    ("BE", "belgium", "belgien"),
    ("BG", "bulgaria", "bulgarien"),
    ("BR", "brazil", "brasilien"),
    ("CA", "canada", "kanada"),
    ("CH", "switzerland", "schweiz"),
    ("CN", "china", "china"),
    ("CY", "cyprus", "zypern"),
    ("CZ", "czech republic", "tschechische republik"),
    ("CZ", "czechia", "tschechien"),
    ("DE", "germany", "deutschland"),
    ("DK", "denmark", "dänemark"),
    ("EE", "estonia", "estland"),
    ("ES", "spain", "spanien"),
    ("FI", "finland", "finnland"),
    ("FR", "france", "frankreich"),
    ("GB", "united kingdom", "vereinigtes königreich"),
    ("GB", "great britain", "großbritannien"),
    ("GR", "greece", "griechenland"),
    ("HK", "hong kong", "hongkong"),
    ("HR", "croatia", "kroatien"),
    ("HU", "hungary", "ungarn"),
    ("IE", "ireland", "irland"),
    ("IL", "israel", "israel"),
    ("IS", "iceland", "island"),
    ("IT", "italy", "italien"),
    ("JP", "japan", "japan"),
    ("LI", "liechtenstein", "liechtenstein"),
    ("LT", "lithuania", "litauen"),
    ("LU", "luxembourg", "luxemburg"),
    ("LV", "latvia", "lettland"),
    ("MT", "malta", "malta"),
    ("NL", "netherlands", "niederlande"),
    ("NO", "norway", "norwegen"),
    ("NZ", "new zealand", "neuseeland"),
    ("PL", "poland", "polen"),
    ("PT", "portugal", "portugal"),
    ("RO", "romania", "rumänien"),
    ("RS", "serbia", "serbien"),
    ("SE", "sweden", "schweden"),
    ("SG", "singapore", "singapur"),
    ("SI", "slovenia", "slowenien"),
    ("SK", "slovakia", "slowakei"),
    ("TR", "turkey", "türkei"),
    ("UA", "ukraine", "ukraine"),
    ("US", "united states", "vereinigte staaten"),
    ("US", "usa", "usa"),
];

/// A place of an event; `None` if nothing is said about it.
pub(super) fn read(town: &str, country: &str) -> Option<Location> {
    let (town, country) = (town.trim(), country.trim());
    let raw: Vec<_> = [town, country]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect();
    let place = Location {
        country: code(country),
        locality: cut(town, 100),
        raw: Pii::new(cut(&raw.join(", "), 200)),
        ..Location::default()
    };
    (!place.is_empty()).then_some(place)
}

/// A country as origin or destination, perhaps with a postal code.
pub(super) fn end(country: &str, postal_code: &str) -> Option<Location> {
    let place = Location {
        country: code(country),
        postal_code: Pii::new(cut(postal_code.trim(), 20)),
        ..Location::default()
    };
    (!place.is_empty()).then_some(place)
}

/// ISO 3166-1 alpha-2 of a country that is stated by code or name; empty if it is not known.
fn code(text: &str) -> String {
    let text = text.trim();
    if text.len() == 2 && text.bytes().all(|c| c.is_ascii_alphabetic()) {
        return text.to_ascii_uppercase();
    }
    if text.is_empty() {
        return String::new();
    }
    let name = text.to_lowercase();
    let known = NAMES
        .iter()
        .find(|(_, english, german)| *english == name || *german == name);
    known.map_or_else(String::new, |(code, ..)| (*code).to_owned())
}
