//! Places: from what a source says to where on earth that is, and which clock goes there.
//!
//! [`resolve`] reads a facility code (UPU, IATA), or city, subdivision and country, or a Chinese
//! address. It never guesses: a name that several places bear stays open, and what it does not
//! know keeps the source's own words. Nothing is stored of what it finds, so that a better table
//! needs no migration; a look-up takes about a microsecond. What the tables hold, and where they
//! come from, is told in `docs/places.md`.

mod table;

use crate::place::{CodeSystem, Location, Resolution};
use crate::zone;
use table::{Airport, City, Region};

/// A city counts as the one meant if it has more than twenty times the inhabitants of every other
/// of its name in the country: so many tenths of the decimal logarithm are between them.
const DOMINANCE: u16 = 14;
/// Subdivisions that ISO 3166-1 lists as countries of their own, and the tables with it.
const TERRITORIES: [(&str, &str); 8] = [
    ("US", "AS"),
    ("US", "GU"),
    ("US", "MP"),
    ("US", "PR"),
    ("US", "VI"),
    ("CN", "HK"),
    ("CN", "MO"),
    ("CN", "TW"),
];
/// How far from its airport an exchange office of a post can be, in km.
const OFFICE: u16 = 60;
/// Mean radius of the earth in km.
const EARTH: f64 = 6_371.0;

/// A position on WGS 84 in hundredths of degrees: about a kilometre, and never a house.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GeoPoint {
    /// North is positive; -9000 to 9000.
    pub latitude: i16,
    /// East is positive; -18000 to 18000.
    pub longitude: i16,
}

impl GeoPoint {
    /// Latitude and longitude in degrees.
    pub fn degrees(self) -> (f64, f64) {
        let degrees = |hundredths| f64::from(hundredths) / 100.0;
        (degrees(self.latitude), degrees(self.longitude))
    }
}

/// A circle in which a place lies for certain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Area {
    /// Its middle.
    pub middle: GeoPoint,
    /// Its radius in km; a few thousand for a large country.
    pub radius_km: u16,
    /// What it is the circle of.
    pub level: Resolution,
}

/// What is known of a place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resolved<'a> {
    /// ISO 3166-1 alpha-2, as stated or as the rest of the place says; empty if it is not known.
    pub country: &'a str,
    /// ISO 3166-2 without the country, as stated or of the city; empty if it is not known.
    pub subdivision: &'a str,
    /// UN/LOCODE of an UPU centre, without a space; empty if it is not known.
    pub un_locode: &'a str,
    /// Where it lies; `None` if not even the country is known.
    pub area: Option<Area>,
    /// IANA zone: as stated, else that of the facility, the country if it has one, the city or the
    /// subdivision; empty if none of them is certain.
    pub zone: &'a str,
}

impl Resolved<'_> {
    /// Says how precisely the place was found.
    pub fn level(&self) -> Resolution {
        self.area.map_or(Resolution::None, |area| area.level)
    }

    /// The position, if a city or facility was found.
    pub fn position(&self) -> Option<GeoPoint> {
        let area = self.area?;
        (area.level >= Resolution::Locality).then_some(area.middle)
    }
}

/// Finds a place.
pub fn resolve(place: &Location) -> Resolved<'_> {
    let mut found = coded(place)
        .or_else(|| named(place))
        .unwrap_or_else(|| region(&place.country, subdivision(place)));
    if let [only] = zone::of_country(found.country) {
        found.zone = only;
    }
    if !place.time_zone.is_empty() {
        found.zone = &place.time_zone;
    }
    if found.subdivision.is_empty() {
        found.subdivision = &place.subdivision;
    }
    found
}

/// The least distance in km that two places can have; 0 if their areas touch.
pub fn distance_km(one: &Area, other: &Area) -> f64 {
    let (one_at, other_at) = (one.middle.degrees(), other.middle.degrees());
    let (north, other_north) = (one_at.0.to_radians(), other_at.0.to_radians());
    let (up, along) = (
        ((other_north - north) / 2.0).sin(),
        ((other_at.1 - one_at.1).to_radians() / 2.0).sin(),
    );
    let half = up * up + north.cos() * other_north.cos() * along * along;
    let apart = 2.0 * EARTH * half.sqrt().min(1.0).asin();
    (apart - f64::from(one.radius_km) - f64::from(other.radius_km)).max(0.0)
}

/// By the code of the facility, if it is not one of another country than stated.
fn coded(place: &Location) -> Option<Resolved<'_>> {
    let facility = place.facility.as_ref()?;
    let code = facility.code.as_str();
    let agrees = |country: &str| place.country.is_empty() || place.country == country;
    let airport = |code: &str| Airport::find(code).filter(|found| agrees(found.country()));
    match facility.system {
        CodeSystem::Iata => airport(code).map(of_airport),
        // Its first five letters are a UN/LOCODE, whose last three are the IATA code of the place
        // if it has one there.
        CodeSystem::UpuImpc => {
            let un_locode = code.get(..5).filter(|_| {
                code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_uppercase())
            })?;
            let (country, place) = un_locode.split_at_checked(2)?;
            if !agrees(country) {
                return None;
            }
            Region::country(country)?;
            let airport = airport(place).filter(|found| found.country() == country);
            let mut found = match airport {
                Some(airport) => of_airport(airport),
                None => region(country, None),
            };
            // The exchange office stands in the city or at its airport.
            if let Some(area) = found.area.as_mut().filter(|_| airport.is_some()) {
                area.radius_km = area.radius_km.max(OFFICE);
            }
            found.un_locode = un_locode;
            Some(found)
        }
        _ => None,
    }
}

/// By the name of a city, or of a region in Chinese.
fn named(place: &Location) -> Option<Resolved<'_>> {
    let words = [place.locality.as_str(), place.raw.reveal()];
    if place.country.is_empty() {
        // Without a country only Chinese names tell what they are: a Latin word may be anything.
        let mut chinese = words
            .into_iter()
            .filter(|text| bare(text).starts_with(table::is_han));
        return chinese.find_map(|text| chinese_address(text, place));
    }
    let name = if bare(words[0]).is_empty() {
        bare(words[1])
    } else {
        bare(words[0])
    };
    if name.starts_with(table::is_han) {
        return chinese_address(name, place);
    }
    // The words as a whole are a city only if the source says so.
    if place.locality.is_empty() {
        return None;
    }
    city(name, place)
}

/// A text without the brackets and spaces around it.
fn bare(text: &str) -> &str {
    text.trim_matches(|c: char| matches!(c, '【' | '】' | '[' | ']') || c.is_whitespace())
}

/// The subdivision: as stated, or by its name in the source's own words.
fn subdivision(place: &Location) -> Option<Region> {
    let code = place.subdivision.as_str();
    if !code.is_empty() {
        let territory = || {
            let mut pairs = TERRITORIES.iter();
            pairs.find(|pair| **pair == (place.country.as_str(), code))
        };
        return Region::subdivision(&place.country, code)
            .or_else(|| Region::country(territory()?.1));
    }
    let mut room = [0; 48];
    let ids = table::ids(table::fold(place.raw.reveal(), &mut room)?)?;
    region_in(ids, &place.country)
}

/// The only subdivision among ids that lies in a country, or anywhere if that is not known.
fn region_in(ids: &'static str, country: &str) -> Option<Region> {
    let mut regions = ids
        .split(' ')
        .filter_map(Region::of)
        .filter(|region| country.is_empty() || region.country_code() == country);
    regions.next().filter(|_| regions.next().is_none())
}

/// A country, or a subdivision of it.
fn region(country: &str, subdivision: Option<Region>) -> Resolved<'_> {
    let area = subdivision.or_else(|| Region::country(country));
    Resolved {
        country: match subdivision {
            Some(found) if country.is_empty() => found.country_code(),
            _ => country,
        },
        subdivision: subdivision.map_or("", Region::code),
        un_locode: "",
        area: area.map(Region::area),
        zone: area.map_or("", Region::zone),
    }
}

fn of_airport(airport: Airport) -> Resolved<'static> {
    Resolved {
        country: airport.country(),
        area: Some(airport.area()),
        zone: airport.zone(),
        ..Resolved::default()
    }
}

fn of_city(city: City) -> Resolved<'static> {
    Resolved {
        country: city.country(),
        subdivision: city.subdivision(),
        un_locode: "",
        area: Some(city.area()),
        zone: city.zone(),
    }
}

/// A city by its name.
fn city<'a>(name: &str, place: &'a Location) -> Option<Resolved<'a>> {
    let mut room = [0; 48];
    among(table::ids(table::fold(name, &mut room)?)?, None, place)
}

/// The city that is meant among several of one name; `within` is the subdivision that stands
/// before the name.
fn among<'a>(
    ids: &'static str,
    within: Option<Region>,
    place: &'a Location,
) -> Option<Resolved<'a>> {
    let home = within.or_else(|| subdivision(place));
    // A subdivision in another system than ours tells homonyms apart for whoever reads it, not
    // for us.
    let foreign = home.is_none() && !place.subdivision.is_empty();
    let mut best: Option<City> = None;
    let (mut rival, mut count, mut zone) = (0, 0_u32, None);
    for city in ids.split(' ').filter_map(City::find) {
        let here = place.country.is_empty() || city.country() == place.country;
        let at_home = home.is_none_or(|home| {
            city.country() == home.country_code()
                && (city.subdivision() == home.code() || city.subdivision().is_empty())
        });
        if !here || !at_home {
            continue;
        }
        count += 1;
        zone = match zone {
            None => Some(city.zone()),
            Some(same) if same == city.zone() => zone,
            Some(_) => Some(""),
        };
        match best {
            Some(so_far) if city.magnitude() <= so_far.magnitude() => {
                rival = rival.max(city.magnitude());
            }
            so_far => {
                rival = so_far.map_or(0, City::magnitude);
                best = Some(city);
            }
        }
    }
    let best = best?;
    let dominates = !place.country.is_empty() && !foreign && best.magnitude() >= rival + DOMINANCE;
    if count == 1 || dominates {
        return Some(of_city(best));
    }
    if place.country.is_empty() {
        return None;
    }
    // Whichever it is, it lies in the region, and its clock may be the same.
    let mut found = region(&place.country, home);
    found.zone = zone.filter(|zone| !zone.is_empty()).unwrap_or(found.zone);
    Some(found)
}

/// An address that begins with a province, a city or both: "广东省深圳市", "深圳市宝安区", "北京".
/// What follows a name must show that it is one: "南京东路" is a street.
fn chinese_address<'a>(text: &str, place: &'a Location) -> Option<Resolved<'a>> {
    let (ids, after) = longest(bare(text))?;
    let province = region_in(ids, &place.country);
    if let Some(found) = chinese_city(ids, after, province.is_some(), None, place) {
        return Some(found);
    }
    let province = province?;
    let whole = region("", Some(province));
    if after.is_empty() || after.starts_with('市') {
        return Some(whole);
    }
    let city = longest(after);
    let city = city.and_then(|(ids, after)| chinese_city(ids, after, false, Some(province), place));
    // "上海路" may be anywhere; "山西省" is a province, whatever follows.
    let says_so = bare(text)
        .strip_suffix(after)
        .is_some_and(|name| name.ends_with(['省', '区', '州']));
    city.or_else(|| Some(whole).filter(|_| says_so))
}

/// A city whose name ends the text or is followed by the word for one. A name that a province has
/// too is the city only where that word, or the province before it, says so.
fn chinese_city<'a>(
    ids: &'static str,
    after: &str,
    is_province: bool,
    within: Option<Region>,
    place: &'a Location,
) -> Option<Resolved<'a>> {
    let alone = after.is_empty() && (!is_province || !place.subdivision.is_empty());
    (alone || after.starts_with('市'))
        .then(|| among(ids, within, place))
        .flatten()
}

/// The longest name at the start of a text, and what follows it.
fn longest(text: &str) -> Option<(&'static str, &str)> {
    let mut ends: [usize; 8] = [0; 8];
    let mut count = 0;
    let ends_of = text.char_indices().map(|(at, c)| at + c.len_utf8());
    for (slot, end) in ends.iter_mut().zip(ends_of) {
        *slot = end;
        count += 1;
    }
    let ends = ends.get(1..count)?;
    ends.iter().rev().find_map(|end| {
        let (name, after) = text.split_at_checked(*end)?;
        Some((table::ids(name)?, after))
    })
}

#[cfg(test)]
mod tests;
