//! Whether two sources can mean one place: they spell, abbreviate and translate names.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

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

/// A place, and its name as it is compared.
pub(crate) struct Named<'a> {
    place: Option<&'a Location>,
    name: String,
    script: Script,
}

impl<'a> Named<'a> {
    pub(crate) fn new(place: Option<&'a Location>) -> Self {
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
        }
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
        if self.name.is_empty() || other.name.is_empty() {
            return Some(Place::Compatible);
        }
        match self.is_named_like(other) {
            Some(true) if both_stated => Some(Place::SameLocality),
            Some(false) => None,
            _ => Some(Place::Compatible),
        }
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
