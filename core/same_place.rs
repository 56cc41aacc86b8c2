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

/// Compares two places; `None` if they contradict each other.
pub(crate) fn places(a: Option<&Location>, b: Option<&Location>) -> Option<Place> {
    let (Some(a), Some(b)) = (a, b) else {
        return Some(Place::Unknown);
    };
    if let (Some(one), Some(two)) = (&a.facility, &b.facility)
        && !one.code.is_empty()
        && one.system == two.system
        && one.code == two.code
    {
        return Some(Place::SameFacility);
    }
    if a.resolution() == Resolution::None && a.locality.is_empty()
        || b.resolution() == Resolution::None && b.locality.is_empty()
    {
        return Some(Place::Unknown);
    }
    let both_stated = !a.country.is_empty() && !b.country.is_empty();
    if both_stated && a.country != b.country {
        let part = |whole: &str, part: &str| {
            PARTS
                .iter()
                .any(|(country, parts)| *country == whole && parts.contains(&part))
        };
        let is_part = part(&a.country, &b.country) || part(&b.country, &a.country);
        return is_part.then_some(Place::Compatible);
    }
    if a.locality.is_empty() || b.locality.is_empty() {
        return Some(Place::Compatible);
    }
    match same_name(&a.locality, &b.locality) {
        Some(true) if both_stated => Some(Place::SameLocality),
        Some(false) => None,
        _ => Some(Place::Compatible),
    }
}

/// One name, or one within the other ("Memphis" and "Memphis TN", 深圳 and 广东省深圳市). `None` if
/// nobody can tell: names in different scripts, or with and without marks, can be one place.
fn same_name(a: &str, b: &str) -> Option<bool> {
    let (one, two) = (plain(a), plain(b));
    if one == two || is_within(&one, &two) || is_within(&two, &one) {
        return Some(true);
    }
    (a.is_ascii() == b.is_ascii() && script(a) == script(b)).then_some(false)
}

/// Letters in lower case without marks, with one space before, between and after words. Chinese
/// names bear no words for province and city.
fn plain(name: &str) -> String {
    let mut text = String::with_capacity(name.len() + 2);
    text.push(' ');
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

/// Tells whether a name is a part of another one: whole words, or any letters where words are not
/// set apart.
fn is_within(part: &str, whole: &str) -> bool {
    let name = part.trim();
    if name.is_empty() {
        return false;
    }
    whole.contains(part) || (script(name) == Script::Han && whole.contains(name))
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

/// Letters and digits of a text, in lower case.
pub(crate) fn letters(text: &str) -> impl Iterator<Item = char> {
    text.chars()
        .filter(|letter| letter.is_alphanumeric())
        .flat_map(char::to_lowercase)
}
