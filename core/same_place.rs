//! Whether two sources can mean one place: they spell, abbreviate and translate names.
//!
//! Names are compared as they are written, which needs no table. Where that does not make them
//! equal, the gazetteer is asked for both: what it finds is one place if it is the same or as near
//! as an airport to its town, and two places if even their outskirts are apart. Of what lies
//! between, or is not found, the names decide.

use std::cell::{Cell, OnceCell};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::cluster::mix;
use crate::gazetteer::{self, Area};
use crate::place::{Location, Resolution};

/// What two places have in common, the most first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    SameFacility,
    SameLocality,
    /// One is less precise, and nothing contradicts.
    Compatible,
    /// One of them is not known.
    Unknown,
}

/// Territories that carriers name as a part of another country.
const PARTS: [(&str, &[&str]); 4] = [
    ("CN", &["HK", "MO", "TW"]),
    ("FR", &["GF", "GP", "MF", "MQ", "RE", "YT"]),
    ("GB", &["GG", "IM", "JE"]),
    ("US", &["AS", "GU", "MP", "PR", "VI"]),
];

/// Greatest distance in km of two towns that are one: tables differ about the middle of a city.
const SAME_TOWN: f64 = 10.0;
/// Greatest distance in km of an airport or office of exchange from the town that it is named after.
const SAME_AIRPORT: f64 = 60.0;

/// Words beside the name of a town that say what stands there.
const SITES: [&str; 24] = [
    "airport",
    "apt",
    "center",
    "centre",
    "city",
    "depot",
    "distribution",
    "emc",
    "exchange",
    "facility",
    "gateway",
    "hub",
    "imc",
    "inland",
    "international",
    "intl",
    "isc",
    "mail",
    "of",
    "office",
    "ooe",
    "processing",
    "sorting",
    "station",
];

/// A place, and its name as it is compared.
pub(crate) struct Named<'a> {
    place: Option<&'a Location>,
    name: String,
    script: Script,
    /// Where the gazetteer finds it; asked once, and only if names leave something to ask.
    area: OnceCell<Option<Area>>,
}

/// The places of many rows, each once.
#[derive(Default)]
pub(crate) struct Places<'a> {
    named: Vec<Named<'a>>,
    by_words: HashMap<[&'a str; 5], usize, BuildHasherDefault<Mixed>>,
    /// What [`Places::compare`] found, by both positions; see [`Places::settle`].
    known: Vec<Cell<Known>>,
}

/// Places of which it is kept what each two have in common.
const FEW: usize = 64;

/// Whether two places were compared, and what they have in common; see [`Named::compare`].
type Known = Option<Option<Place>>;

/// A quick hash of names: who sends many that collide makes one record slow, its own.
#[derive(Default)]
struct Mixed(u64);

impl Hasher for Mixed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        let mut rest = bytes.chunks_exact(8);
        for part in &mut rest {
            self.0 = mix(self.0
                ^ part
                    .first_chunk()
                    .map_or(0, |part| u64::from_le_bytes(*part)));
        }
        let mut last = [0; 8];
        let tail = rest.remainder();
        if let Some(place) = last.get_mut(..tail.len()) {
            place.copy_from_slice(tail);
        }
        self.0 = mix(self.0 ^ u64::from_le_bytes(last) ^ (bytes.len() as u64) << 56);
    }

    fn write_u8(&mut self, _: u8) {
        // The end of a text, whose length is a part of what was mixed.
    }

    fn write_usize(&mut self, _: usize) {
        // The number of texts, which is always the same.
    }
}

impl<'a> Places<'a> {
    /// Position of a place for [`Places::get`].
    pub(crate) fn add(&mut self, place: Option<&'a Location>) -> usize {
        let words = place.map_or([""; 5], |place| {
            [
                &*place.country,
                &*place.subdivision,
                &*place.locality,
                place.raw.reveal(),
                place
                    .facility
                    .as_ref()
                    .map_or("", |facility| &*facility.code),
            ]
        });
        // Two issuers can have one code for two facilities; what is compared of them is rare enough.
        let known = self.by_words.get(&words).copied();
        let same = known.filter(|at| self.named[*at].has_facility_of(place));
        same.unwrap_or_else(|| {
            self.named.push(Named::new(place));
            self.by_words.insert(words, self.named.len() - 1);
            self.named.len() - 1
        })
    }

    /// Prepares for comparisons: no place is added from now on.
    pub(crate) fn settle(&mut self) {
        let count = self.named.len();
        if count <= FEW {
            self.known = vec![Cell::new(None); count * count];
        }
    }

    /// Compares two places by their positions, each two once if they are few.
    pub(crate) fn compare(&self, one: usize, other: usize) -> Option<Place> {
        let found = || self.named[one].compare(&self.named[other]);
        let Some(known) = self.known.get(one * self.named.len() + other) else {
            return found();
        };
        known.get().unwrap_or_else(|| {
            let found = found();
            known.set(Some(found));
            found
        })
    }
}

impl<'a> Named<'a> {
    fn new(place: Option<&'a Location>) -> Self {
        let name = place.map_or("", |place| &*place.locality);
        Self {
            place: place.filter(|place| {
                place.resolution() != Resolution::None || !place.locality.is_empty()
            }),
            name: if name.is_empty() {
                String::new()
            } else {
                plain(name)
            },
            script: script(name),
            area: OnceCell::new(),
        }
    }

    /// Tells whether a place has its facility, if any, from the same issuer.
    fn has_facility_of(&self, place: Option<&Location>) -> bool {
        let system = |place: Option<&Location>| {
            let facility = place.and_then(|place| place.facility.as_ref());
            facility.map(|facility| facility.system)
        };
        system(self.place) == system(place)
    }

    /// Compares two places; `None` if they contradict each other.
    pub(crate) fn compare(&self, other: &Self) -> Option<Place> {
        let (Some(a), Some(b)) = (self.place, other.place) else {
            return Some(Place::Unknown);
        };
        if let (Some(one), Some(two)) = (&a.facility, &b.facility)
            && !one.code.is_empty()
            && one.system == two.system
            && one.code == two.code
        {
            return Some(Place::SameFacility);
        }
        let both_stated = !a.country.is_empty() && !b.country.is_empty();
        if both_stated && a.country != b.country {
            let part = |whole: &str, part: &str| {
                let mut known = PARTS.iter();
                known.any(|(country, parts)| *country == whole && parts.contains(&part))
            };
            let is_part = part(&a.country, &b.country) || part(&b.country, &a.country);
            return is_part.then_some(Place::Compatible);
        }
        let alike = if self.name.is_empty() || other.name.is_empty() {
            None
        } else {
            self.is_named_like(other)
        };
        let same_region =
            a.subdivision == b.subdivision || a.subdivision.is_empty() || b.subdivision.is_empty();
        if alike == Some(true) && self.name == other.name && same_region {
            return Some(match both_stated {
                true => Place::SameLocality,
                false => Place::Compatible,
            });
        }
        match (self.is_found_with(other), alike) {
            (Some(true), _) => Some(Place::SameLocality),
            (Some(false), _) | (None, Some(false)) => None,
            (None, Some(true)) if both_stated => Some(Place::SameLocality),
            (None, _) => Some(Place::Compatible),
        }
    }

    /// Whether the gazetteer takes both for one place; `None` if it cannot tell.
    fn is_found_with(&self, other: &Self) -> Option<bool> {
        let (one, two) = (self.area()?, other.area()?);
        if one == two {
            return Some(true);
        }
        let is_site = |area: &Area| area.level == Resolution::Facility;
        let near = match is_site(one) || is_site(two) {
            true => SAME_AIRPORT,
            false => SAME_TOWN,
        };
        let at = |area: &Area| Area {
            radius_km: 0,
            ..*area
        };
        if gazetteer::distance_km(&at(one), &at(two)) <= near {
            Some(true)
        } else {
            (gazetteer::distance_km(one, two) > 0.0).then_some(false)
        }
    }

    fn area(&self) -> Option<&Area> {
        let found = self.area.get_or_init(|| self.place.and_then(area));
        found.as_ref()
    }

    /// One name, or one within the other ("Memphis" and "Memphis TN", 深圳 and 广东省深圳市). `None`
    /// if nobody can tell: names in different scripts, or with and without marks, can be one place.
    fn is_named_like(&self, other: &Self) -> Option<bool> {
        let (one, two) = (&*self.name, &*other.name);
        if one == two || self.is_within(other) || other.is_within(self) {
            return Some(true);
        }
        let is_ascii = |named: &Self| named.place.is_some_and(|place| place.locality.is_ascii());
        let comparable = is_ascii(self) == is_ascii(other)
            && self.script == other.script
            && self.script != Script::Other;
        comparable.then_some(false)
    }

    /// Tells whether the name is a part of another one: whole words, or any letters where words
    /// are not set apart.
    fn is_within(&self, whole: &Self) -> bool {
        let name = self.name.trim();
        !name.is_empty()
            && (whole.name.contains(&*self.name)
                || (self.script == Script::Han && whole.name.contains(name)))
    }
}

/// Where the one town or facility lies that a place can be.
fn area(place: &Location) -> Option<Area> {
    let precise = |place: &Location| {
        let area = gazetteer::resolve(place).area;
        area.filter(|area| area.level >= Resolution::Locality)
    };
    precise(place).or_else(|| {
        let town = town(&place.locality)?;
        precise(&Location {
            locality: town.to_owned(),
            ..place.clone()
        })
    })
}

/// The name of a town without the words for what stands there; `None` if there are none.
fn town(name: &str) -> Option<&str> {
    let is_site = |word: &str| {
        let letters = |c: char| !c.is_ascii_alphabetic();
        let word = word.trim_matches(letters).to_ascii_lowercase();
        SITES.contains(&&*word)
    };
    let mut town = name.trim();
    while let Some((rest, word)) = town.rsplit_once(' ')
        && is_site(word)
    {
        town = rest.trim_end();
    }
    while let Some((word, rest)) = town.split_once(' ')
        && is_site(word)
    {
        town = rest.trim_start();
    }
    (town != name.trim()).then_some(town)
}

/// Letters in lower case without marks, with one space before, between and after words. Chinese
/// names bear no words for province and city.
fn plain(name: &str) -> String {
    let mut text = String::with_capacity(name.len() + 2);
    text.push(' ');
    if name.is_ascii() {
        for letter in name.chars() {
            if letter.is_ascii_alphanumeric() {
                text.push(letter.to_ascii_lowercase());
            } else if !text.ends_with(' ') {
                text.push(' ');
            }
        }
        if !text.ends_with(' ') {
            text.push(' ');
        }
        return text;
    }
    for letter in name.nfkd().filter(|letter| !is_combining_mark(*letter)) {
        if letter.is_alphanumeric() {
            if !matches!(letter, '省' | '市') {
                text.extend(letter.to_lowercase());
            }
        } else if !text.ends_with(' ') {
            text.push(' ');
        }
    }
    if !text.ends_with(' ') {
        text.push(' ');
    }
    text
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Script {
    Latin,
    Cyrillic,
    Arabic,
    Han,
    Kana,
    Hangul,
    Other,
}

/// Script of the first letter.
fn script(name: &str) -> Script {
    let first = name.chars().find(|letter| letter.is_alphabetic());
    match first.map_or(0, u32::from) {
        0..=0x024f | 0x1e00..=0x1eff => Script::Latin,
        0x0400..=0x052f => Script::Cyrillic,
        0x0600..=0x06ff => Script::Arabic,
        0x3040..=0x30ff => Script::Kana,
        0x3400..=0x9fff => Script::Han,
        0x1100..=0x11ff | 0xac00..=0xd7af => Script::Hangul,
        _ => Script::Other,
    }
}
