//! Where a row happened, as Kuaidi100 reads it out of the carrier's text: an administrative code
//! (GB/T 2260, twelve digits, `CN` before them) and the names from province to street.

use waybill_core::place::Location;
use waybill_core::privacy::Pii;

/// First two digits of an administrative code, ISO 3166-1, ISO 3166-2 without its prefix.
const PROVINCES: &[(&str, &str, &str)] = &[
    ("11", "CN", "BJ"),
    ("12", "CN", "TJ"),
    ("13", "CN", "HE"),
    ("14", "CN", "SX"),
    ("15", "CN", "NM"),
    ("21", "CN", "LN"),
    ("22", "CN", "JL"),
    ("23", "CN", "HL"),
    ("31", "CN", "SH"),
    ("32", "CN", "JS"),
    ("33", "CN", "ZJ"),
    ("34", "CN", "AH"),
    ("35", "CN", "FJ"),
    ("36", "CN", "JX"),
    ("37", "CN", "SD"),
    ("41", "CN", "HA"),
    ("42", "CN", "HB"),
    ("43", "CN", "HN"),
    ("44", "CN", "GD"),
    ("45", "CN", "GX"),
    ("46", "CN", "HI"),
    ("50", "CN", "CQ"),
    ("51", "CN", "SC"),
    ("52", "CN", "GZ"),
    ("53", "CN", "YN"),
    ("54", "CN", "XZ"),
    ("61", "CN", "SN"),
    ("62", "CN", "GS"),
    ("63", "CN", "QH"),
    ("64", "CN", "NX"),
    ("65", "CN", "XJ"),
    ("71", "TW", ""),
    ("81", "HK", ""),
    ("82", "MO", ""),
];
/// Provinces that are one city.
const CITIES: &[&str] = &["BJ", "TJ", "SH", "CQ"];

/// The country and the subdivision of a code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Area<'a> {
    pub(super) country: &'a str,
    pub(super) subdivision: &'static str,
    /// The clock there is China's.
    pub(super) is_chinese: bool,
}

/// Reads a code. Older documents show it without the `CN`.
pub(super) fn area(code: &str) -> Area<'_> {
    let code = code.trim();
    let digits = code.strip_prefix("CN").unwrap_or(code);
    let is_code =
        matches!(digits.len(), 6 | 12) && digits.bytes().all(|byte| byte.is_ascii_digit());
    let known = PROVINCES.iter().find(|row| digits.starts_with(row.0));
    if let Some(&(_, country, subdivision)) = known.filter(|_| is_code) {
        return Area {
            country,
            subdivision,
            is_chinese: true,
        };
    }
    let prefix = code.get(..2).unwrap_or("");
    let named = prefix.len() == 2 && prefix.bytes().all(|byte| byte.is_ascii_uppercase());
    Area {
        country: if named { prefix } else { "" },
        subdivision: "",
        is_chinese: prefix == "CN",
    }
}

/// Makes a place of an area and its names; `free` is what stands in where there are none.
pub(super) fn place(area: Area<'_>, names: &str, free: &str) -> Option<Location> {
    let names = names.trim();
    let mut parts = names.split([',', '，']).map(str::trim);
    let (first, second) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
    let is_city = CITIES.contains(&area.subdivision);
    let raw = if names.is_empty() { free.trim() } else { names };
    let place = Location {
        country: area.country.to_owned(),
        subdivision: area.subdivision.to_owned(),
        locality: if is_city { first } else { second }.to_owned(),
        raw: Pii::new(cut(raw, 200)),
        ..Location::default()
    };
    Some(place).filter(|place| !place.is_empty())
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
