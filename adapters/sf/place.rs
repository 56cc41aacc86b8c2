//! Where SF says an item was: a town, an outlet, or a place abroad, in one text.
//!
//! The table knows the regions and towns of mainland China, Hong Kong, Macao and Taiwan, and the
//! countries and gateways abroad that SF serves. What it does not know is kept as text.

use std::collections::HashMap;
use std::sync::LazyLock;

use waybill_core::place::{Facility, FacilityKind, Location};
use waybill_core::privacy::Pii;

/// Names by which a place is known.
static NAMES: LazyLock<HashMap<String, Name>> = LazyLock::new(|| {
    let mut names = HashMap::new();
    for (country, subdivision, regions, towns) in rows() {
        for (list, is_town) in [(regions, false), (towns, true)] {
            for word in list.split(';').filter(|word| !word.is_empty()) {
                let name = Name {
                    country,
                    subdivision,
                    is_town,
                };
                // A town that is a region of its own stands as the town.
                names.insert(word.to_lowercase(), name);
            }
        }
    }
    names
});

/// Rows of the table: country, subdivision, regions, towns. No cell of it is quoted.
fn rows() -> impl Iterator<Item = (&'static str, &'static str, &'static str, &'static str)> {
    include_str!("places.csv")
        .lines()
        .skip(1)
        .filter_map(|line| {
            let mut cells = line.split(',');
            Some((cells.next()?, cells.next()?, cells.next()?, cells.next()?))
        })
}

#[derive(Clone, Copy)]
struct Name {
    country: &'static str,
    subdivision: &'static str,
    is_town: bool,
}

/// Whose clock a place goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clock {
    /// In China, Hong Kong, Macao or Taiwan, all of them eight hours ahead of UTC.
    China,
    /// Named in Chinese characters and in no list, or not named at all.
    Unknown,
    /// Abroad, or named in another script and in no list.
    Abroad,
}

/// A text understood.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    text: &'a str,
    country: &'static str,
    subdivision: &'static str,
    town: &'a str,
    /// The text says more than the names in it.
    more: bool,
    pub(super) clock: Clock,
}

impl<'a> Place<'a> {
    /// Understands a text.
    pub(super) fn read(text: &'a str) -> Self {
        let text = text.trim();
        let inner = bare(text);
        let mut place = Self {
            text,
            country: "",
            subdivision: "",
            town: "",
            more: false,
            clock: Clock::Unknown,
        };
        if inner.is_empty() {
            return place;
        }
        if inner.starts_with(is_han) {
            place.read_han(inner);
        } else {
            place.read_latin(inner);
        }
        place.clock = match place.country {
            "CN" | "HK" | "MO" | "TW" => Clock::China,
            "" if inner.contains(is_han) => Clock::Unknown,
            _ => Clock::Abroad,
        };
        place
    }

    fn read_han(&mut self, inner: &'a str) {
        let mut rest = inner;
        while let Some((name, length)) = longest(rest) {
            let (word, after) = rest.split_at(length);
            // A district may have the name of a town elsewhere.
            if after.starts_with(['区', '县', '路', '街', '镇']) || !self.fits(name) {
                break;
            }
            (self.country, self.subdivision) = (name.country, name.subdivision);
            if name.is_town {
                let end = length + after.strip_prefix('市').map_or(0, |_| '市'.len_utf8());
                self.town = rest.get(..end).unwrap_or(word);
                rest = rest.get(end..).unwrap_or("");
                break;
            }
            let suffix = ["壮族自治区", "回族自治区", "维吾尔自治区", "自治区"]
                .iter()
                .chain(&["特别行政区", "省", "市"])
                .find(|suffix| after.starts_with(**suffix));
            rest = suffix.map_or(after, |suffix| after.get(suffix.len()..).unwrap_or(""));
        }
        self.more = !rest.trim().is_empty();
    }

    fn read_latin(&mut self, inner: &'a str) {
        for part in inner.split(',').map(str::trim) {
            let lower = part.to_lowercase();
            let bare = lower.strip_suffix(" city").unwrap_or(&lower);
            match NAMES.get(bare).copied().filter(|name| self.fits(*name)) {
                Some(name) => {
                    self.country = name.country;
                    if !name.subdivision.is_empty() {
                        self.subdivision = name.subdivision;
                    }
                    if name.is_town && self.town.is_empty() {
                        self.town = part;
                    }
                }
                None => self.more = true,
            }
        }
    }

    /// Whether a further name can belong to the same place.
    fn fits(&self, name: Name) -> bool {
        (self.country.is_empty() || self.country == name.country)
            && (self.subdivision.is_empty()
                || name.subdivision.is_empty()
                || self.subdivision == name.subdivision)
    }

    /// ISO 3166-1 code; empty if it is not known.
    pub(super) fn country(&self) -> &'static str {
        self.country
    }

    /// The place in our form; `None` if the source names none.
    pub(super) fn location(&self) -> Option<Location> {
        if self.text.is_empty() {
            return None;
        }
        let unread = self.country.is_empty() || self.more;
        let facility = outlet(self.text).filter(|_| unread).map(|kind| Facility {
            name: cut(bare(self.text), 200),
            kind,
            ..Facility::default()
        });
        Some(Location {
            country: self.country.to_owned(),
            subdivision: self.subdivision.to_owned(),
            locality: self.town.to_owned(),
            facility,
            raw: Pii::new(if unread {
                cut(self.text, 200)
            } else {
                String::new()
            }),
            ..Location::default()
        })
    }
}

/// A text without the brackets around it.
fn bare(text: &str) -> &str {
    let inner = text
        .strip_prefix('【')
        .and_then(|text| text.strip_suffix('】'));
    inner.unwrap_or(text).trim()
}

/// The longest name at the start of a text, and its length.
fn longest(text: &str) -> Option<(Name, usize)> {
    let ends = text.char_indices().skip(2).map(|(at, _)| at);
    let ends = ends.chain([text.len()]).take(6);
    ends.filter_map(|end| Some((*NAMES.get(text.get(..end)?)?, end)))
        .last()
}

/// Function of an outlet by the words of its name; `None` if they name no outlet. What an outlet
/// with a general name does with an item is not known: it takes in and delivers.
fn outlet(name: &str) -> Option<FacilityKind> {
    let says = |words: &[&str]| words.iter().any(|word| name.contains(word));
    if says(&["集散中心", "中转场", "中转站", "分拨"]) {
        Some(FacilityKind::Hub)
    } else if says(&[
        "丰巢",
        "驿站",
        "便利店",
        "服务店",
        "合作点",
        "快递柜",
        "顺丰站",
    ]) {
        Some(FacilityKind::CollectionPoint)
    } else if says(&["海关", "口岸"]) {
        Some(FacilityKind::Customs)
    } else if says(&["机场", "港口", "码头"]) {
        Some(FacilityKind::Terminal)
    } else if says(&["仓库", "云仓"]) {
        Some(FacilityKind::Warehouse)
    } else if says(&["营业点", "营业部", "营业站", "网点"]) {
        Some(FacilityKind::Unspecified)
    } else {
        None
    }
}

fn is_han(c: char) -> bool {
    ('\u{4e00}'..='\u{9fff}').contains(&c)
}

/// The first `limit` characters.
pub(super) fn cut(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    text.chars().take(limit).collect()
}

#[cfg(test)]
pub(super) fn table() -> Vec<(&'static str, &'static str, &'static str, &'static str)> {
    rows().collect()
}
