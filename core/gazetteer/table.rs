//! The files of `core/data/places`: sorted text that is searched where it lies, so that nothing
//! is built at the start and nothing is kept twice. `scripts/places` writes them.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::{Area, GeoPoint};
use crate::place::Resolution;

/// Folded name, a tab, ids of cities and codes of subdivisions ("US-CA"), separated by spaces.
static NAMES: &str = include_str!("../data/places/names.txt");
/// Cities: `12hgt CN GD  +2254 +11407 307 72`, that is id, country, subdivision, hundredths of
/// degrees, zone, and ten times the decimal logarithm of the inhabitants.
static CITIES: Rows = Rows {
    text: include_str!("../data/places/cities.txt"),
    width: 33,
};
/// IATA airports and cities: `SZX CN +2264 +11381 307 015`: code, country, place, zone, radius in km.
static AIRPORTS: Rows = Rows {
    text: include_str!("../data/places/airports.txt"),
    width: 28,
};
/// Countries and subdivisions: `CN-GD  +2338 +11308 00456 307`: code, middle, radius in km that
/// holds every town, zone if there is only one.
static AREAS: Rows = Rows {
    text: include_str!("../data/places/areas.txt"),
    width: 30,
};
/// Zones by their numbers in the other files.
static ZONES: &str = include_str!("../data/places/zones.txt");

/// Lines of one length, sorted by how they begin.
struct Rows {
    text: &'static str,
    width: usize,
}

impl Rows {
    /// The line that begins with `key` and a space.
    fn find(&self, key: &str) -> Option<&'static str> {
        let (mut low, mut high) = (0, self.text.len() / self.width);
        while low < high {
            let middle = low + (high - low) / 2;
            let row = self
                .text
                .get(middle * self.width..(middle + 1) * self.width)?;
            let (begin, rest) = row.split_at_checked(key.len())?;
            match begin.cmp(key) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Equal if rest.starts_with(' ') => return Some(row),
                // A longer key sorts behind the one that it begins with.
                std::cmp::Ordering::Equal | std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }
}

/// What follows `key` and `separator` in a text of sorted lines.
fn line(text: &'static str, key: &str, separator: u8) -> Option<&'static str> {
    let bytes = text.as_bytes();
    let (mut low, mut high) = (0, bytes.len());
    while low < high {
        let middle = low + (high - low) / 2;
        let start = bytes[low..middle].iter().rposition(|byte| *byte == b'\n');
        let start = start.map_or(low, |at| low + at + 1);
        let length = bytes[start..].iter().position(|byte| *byte == b'\n')?;
        let row = bytes.get(start..start + length)?;
        let end = row.iter().position(|byte| *byte == separator)?;
        match row.get(..end)?.cmp(key.as_bytes()) {
            std::cmp::Ordering::Less => low = start + length + 1,
            std::cmp::Ordering::Equal => return text.get(start + end + 1..start + length),
            std::cmp::Ordering::Greater => high = start,
        }
    }
    None
}

/// A city of the table.
#[derive(Clone, Copy)]
pub(super) struct City {
    row: &'static str,
}

impl City {
    pub(super) fn find(id: &str) -> Option<Self> {
        CITIES
            .find(id)
            .filter(|_| id.len() == 5)
            .map(|row| Self { row })
    }

    pub(super) fn country(self) -> &'static str {
        cell(self.row, 6, 8)
    }

    pub(super) fn subdivision(self) -> &'static str {
        cell(self.row, 9, 12)
    }

    pub(super) fn zone(self) -> &'static str {
        zone(cell(self.row, 26, 29))
    }

    /// Ten times the decimal logarithm of the inhabitants.
    pub(super) fn magnitude(self) -> u16 {
        number(cell(self.row, 30, 32))
    }

    /// Where the city lies. What carriers name by a Chinese city is a whole prefecture.
    pub(super) fn area(self) -> Area {
        let radius_km = match (self.country(), self.magnitude()) {
            ("CN", _) => 120,
            (_, ..50) => 15,
            (_, 50..60) => 25,
            (_, _) => 50,
        };
        Area {
            middle: point(self.row, 13),
            radius_km,
            level: Resolution::Locality,
        }
    }
}

/// An airport, or a city with several, by its IATA code.
#[derive(Clone, Copy)]
pub(super) struct Airport {
    row: &'static str,
}

impl Airport {
    pub(super) fn find(code: &str) -> Option<Self> {
        AIRPORTS
            .find(code)
            .filter(|_| code.len() == 3)
            .map(|row| Self { row })
    }

    pub(super) fn country(self) -> &'static str {
        cell(self.row, 4, 6)
    }

    pub(super) fn zone(self) -> &'static str {
        zone(cell(self.row, 20, 23))
    }

    pub(super) fn area(self) -> Area {
        Area {
            middle: point(self.row, 7),
            radius_km: number(cell(self.row, 24, 27)),
            level: Resolution::Facility,
        }
    }
}

/// A country or a subdivision.
#[derive(Clone, Copy)]
pub(super) struct Region {
    row: &'static str,
}

impl Region {
    /// Finds a country.
    pub(super) fn country(code: &str) -> Option<Self> {
        AREAS
            .find(code)
            .filter(|_| code.len() == 2)
            .map(|row| Self { row })
    }

    /// Finds a subdivision by its ISO 3166-2 code in two parts.
    pub(super) fn subdivision(country: &str, code: &str) -> Option<Self> {
        let mut key = [0; 6];
        if country.len() != 2 || !matches!(code.len(), 1..=3) {
            return None;
        }
        let key = key.get_mut(..3 + code.len())?;
        key.get_mut(..2)?.copy_from_slice(country.as_bytes());
        key.get_mut(2..3)?.copy_from_slice(b"-");
        key.get_mut(3..)?.copy_from_slice(code.as_bytes());
        Self::of(std::str::from_utf8(key).ok()?)
    }

    /// Finds a subdivision by its ISO 3166-2 code.
    pub(super) fn of(code: &str) -> Option<Self> {
        AREAS
            .find(code)
            .filter(|_| code.len() > 3)
            .map(|row| Self { row })
    }

    /// The part of a subdivision's code behind that of its country.
    pub(super) fn code(self) -> &'static str {
        cell(self.row, 3, 6)
    }

    pub(super) fn country_code(self) -> &'static str {
        cell(self.row, 0, 2)
    }

    /// The zone, if there is only one; else empty.
    pub(super) fn zone(self) -> &'static str {
        zone(cell(self.row, 26, 29))
    }

    pub(super) fn area(self) -> Area {
        Area {
            middle: point(self.row, 7),
            radius_km: number(cell(self.row, 20, 25)),
            level: match self.code() {
                "" => Resolution::Country,
                _ => Resolution::Subdivision,
            },
        }
    }
}

fn cell(row: &'static str, start: usize, end: usize) -> &'static str {
    row.get(start..end).unwrap_or_default().trim_ascii_end()
}

fn number(cell: &str) -> u16 {
    cell.parse().unwrap_or(u16::MAX)
}

fn point(row: &'static str, at: usize) -> GeoPoint {
    let read = |start, end| cell(row, start, end).parse().unwrap_or(0);
    GeoPoint {
        latitude: read(at, at + 5),
        longitude: read(at + 6, at + 12),
    }
}

fn zone(number: &str) -> &'static str {
    line(ZONES, number, b' ').unwrap_or_default()
}

/// Ids behind a folded name.
pub(super) fn ids(key: &str) -> Option<&'static str> {
    line(NAMES, key, b'\t')
}

/// Room for a folded name. Longer ones are in no table.
pub(super) type Room = [u8; 48];

/// Brings a name into the form of the table: Latin letters without marks and in lower case, digits,
/// Chinese characters, and nothing between them. `None` if it has other letters or is too long.
pub(super) fn fold<'a>(name: &str, room: &'a mut Room) -> Option<&'a str> {
    let mut length = 0;
    let mut push = |text: &str| {
        let end = length + text.len();
        room.get_mut(length..end)?.copy_from_slice(text.as_bytes());
        length = end;
        Some(())
    };
    let mut letter = [0; 4];
    for c in name.chars() {
        if c.is_ascii() {
            if c.is_ascii_alphanumeric() {
                push(c.to_ascii_lowercase().encode_utf8(&mut letter))?;
            }
            continue;
        }
        for c in c.to_lowercase() {
            match c {
                'ß' => push("ss")?,
                'ø' => push("o")?,
                'ł' => push("l")?,
                'æ' => push("ae")?,
                'œ' => push("oe")?,
                'đ' => push("d")?,
                'ı' => push("i")?,
                _ => {
                    for c in std::iter::once(c).nfkd() {
                        if c.is_ascii_alphanumeric() || is_han(c) {
                            push(c.encode_utf8(&mut letter))?;
                        } else if c.is_alphanumeric() && !is_combining_mark(c) {
                            return None;
                        }
                    }
                }
            }
        }
    }
    std::str::from_utf8(room.get(..length)?)
        .ok()
        .filter(|key| !key.is_empty())
}

pub(super) const fn is_han(c: char) -> bool {
    matches!(c, '\u{4e00}'..='\u{9fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_sound() {
        for rows in [&CITIES, &AIRPORTS, &AREAS] {
            let lines: Vec<_> = rows.text.lines().collect();
            assert!(lines.is_sorted());
            assert!(lines.iter().all(|line| line.len() + 1 == rows.width));
            assert_eq!(rows.text.len(), lines.len() * rows.width);
        }
        let zones: Vec<_> = ZONES.lines().map(|line| line.split_at(4)).collect();
        assert!(zones.is_sorted());
        for (_, zone) in &zones {
            assert!(jiff::tz::TimeZone::get(zone).is_ok(), "{zone}");
        }
        let known = |zone: &str| zones.iter().any(|(_, name)| *name == zone);
        let on_earth = |at: GeoPoint| {
            (-9_000..=9_000).contains(&at.latitude) && (-18_000..=18_000).contains(&at.longitude)
        };
        for line in CITIES.text.lines() {
            let city = City::find(&line[..5]).unwrap();
            assert_eq!(city.row.trim_end(), line);
            assert!(city.magnitude() < 100 && known(city.zone()), "{line}");
            assert!(on_earth(city.area().middle), "{line}");
            let home = city.subdivision();
            assert!(
                home.is_empty() || Region::subdivision(city.country(), home).is_some(),
                "{line}"
            );
        }
        for line in AIRPORTS.text.lines() {
            let airport = Airport::find(&line[..3]).unwrap();
            assert!(
                known(airport.zone()) && airport.country().len() == 2,
                "{line}"
            );
            assert!(on_earth(airport.area().middle), "{line}");
        }
        for line in AREAS.text.lines() {
            let code = line[..6].trim_end();
            let region = Region::of(code).or_else(|| Region::country(code)).unwrap();
            assert_eq!(region.row.trim_end(), line);
            assert!(region.zone().is_empty() || known(region.zone()), "{line}");
            assert!(region.area().radius_km < 20_016, "{line}");
        }
    }

    #[test]
    fn every_name_is_in_its_own_form_and_leads_somewhere() {
        let mut last = "";
        for line in NAMES.lines() {
            let (name, found) = line.split_once('\t').unwrap();
            assert!(last < name, "{name}");
            last = name;
            assert_eq!(ids(name), Some(found));
            for id in found.split(' ') {
                assert!(City::find(id).is_some() || Region::of(id).is_some(), "{id}");
            }
            assert_eq!(fold(name, &mut [0; 48]), Some(name));
        }
        for nothing in ["", "\n", "a", "zzzzzz", "深", "\u{10ffff}"] {
            assert_eq!(ids(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn names_are_folded() {
        for (name, folded) in [
            ("São Paulo", Some("saopaulo")),
            ("SAINT-ÉTIENNE", Some("saintetienne")),
            ("Gießen", Some("giessen")),
            ("KØBENHAVN K", Some("kobenhavnk")),
            ("Łódź", Some("lodz")),
            ("Xi’an", Some("xian")),
            ("深圳", Some("深圳")),
            ("ＡＢＣ", Some("abc")),
            ("Москва", None),
            ("東京ドーム", None),
            ("  ", None),
        ] {
            assert_eq!(fold(name, &mut [0; 48]), folded, "{name}");
        }
        assert_eq!(fold(&"x".repeat(49), &mut [0; 48]), None);
    }
}
