//! Where AfterShip says a parcel was: fields that it made of the carrier's words, and the words.
//!
//! Countries have three letters; `countries.csv` (ISO 3166-1) translates them.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use waybill_core::place::Location;
use waybill_core::privacy::Pii;

use super::wire::{Checkpoint, Tracking};

type Pairs = HashMap<&'static str, &'static str>;

static COUNTRIES: LazyLock<Pairs> = LazyLock::new(|| {
    let lines = include_str!("countries.csv").lines().skip(1);
    lines.filter_map(|line| line.split_once(',')).collect()
});

/// ISO 3166-1 alpha-2 of a code of three letters, or of two; empty if it is none.
pub(super) fn alpha2(code: &str) -> &'static str {
    let code = code.trim();
    let upper: Cow<'_, str> = if code.bytes().any(|byte| byte.is_ascii_lowercase()) {
        Cow::Owned(code.to_ascii_uppercase())
    } else {
        Cow::Borrowed(code)
    };
    match upper.len() {
        3 => COUNTRIES.get(&*upper).copied().unwrap_or(""),
        2 => {
            let mut known = COUNTRIES.values();
            known.find(|known| **known == upper).copied().unwrap_or("")
        }
        _ => "",
    }
}

/// ISO 3166-1 alpha-3 of a code of two letters.
pub(super) fn alpha3(code: &str) -> Option<&'static str> {
    let mut all = COUNTRIES.iter();
    all.find(|(_, alpha2)| **alpha2 == code)
        .map(|(alpha3, _)| *alpha3)
}

/// The first of several codes that is a country.
fn first_country(codes: &[&str]) -> &'static str {
    let mut countries = codes.iter().map(|code| alpha2(code));
    countries.find(|country| !country.is_empty()).unwrap_or("")
}

/// Country of a checkpoint; the name of the country is known to hold a code at times.
pub(super) fn country(checkpoint: &Checkpoint<'_>) -> &'static str {
    first_country(&[
        &checkpoint.country_region,
        &checkpoint.country_iso3,
        &checkpoint.country_region_name,
        &checkpoint.country_name,
    ])
}

/// Place of a checkpoint.
pub(super) fn place(checkpoint: &Checkpoint<'_>) -> Option<Location> {
    let words = match checkpoint.location.trim() {
        // What the name of a country says beyond its code.
        "" if country(checkpoint).is_empty() => {
            first(&[&checkpoint.country_region_name, &checkpoint.country_name])
        }
        words => words,
    };
    location(&Parts {
        country: country(checkpoint),
        state: &checkpoint.state,
        city: &checkpoint.city,
        postal_code: first(&[&checkpoint.postal_code, &checkpoint.zip]),
        words,
    })
}

/// Country in which the journey begins.
pub(super) fn origin_country(tracking: &Tracking<'_>) -> &'static str {
    first_country(&[
        &tracking.origin_country_region,
        &tracking.origin_country_iso3,
    ])
}

/// Country in which it ends.
pub(super) fn destination_country(tracking: &Tracking<'_>) -> &'static str {
    first_country(&[
        &tracking.destination_country_region,
        &tracking.destination_country_iso3,
        &tracking.courier_destination_country_region,
        &tracking.courier_destination_country_iso3,
    ])
}

pub(super) fn origin(tracking: &Tracking<'_>) -> Option<Location> {
    location(&Parts {
        country: origin_country(tracking),
        state: &tracking.origin_state,
        city: &tracking.origin_city,
        postal_code: &tracking.origin_postal_code,
        words: &tracking.origin_raw_location,
    })
}

pub(super) fn destination(tracking: &Tracking<'_>) -> Option<Location> {
    location(&Parts {
        country: destination_country(tracking),
        state: &tracking.destination_state,
        city: &tracking.destination_city,
        postal_code: first(&[
            &tracking.destination_postal_code,
            &tracking.tracking_postal_code,
        ]),
        words: &tracking.destination_raw_location,
    })
}

struct Parts<'a> {
    country: &'static str,
    state: &'a str,
    city: &'a str,
    postal_code: &'a str,
    words: &'a str,
}

fn location(parts: &Parts<'_>) -> Option<Location> {
    let state = parts.state.trim();
    let is_code =
        (1..=3).contains(&state.len()) && state.bytes().all(|byte| byte.is_ascii_alphanumeric());
    // The name of a state is kept as words if there are no others.
    let words = match parts.words.trim() {
        "" if !is_code => state,
        words => words,
    };
    let place = Location {
        country: parts.country.to_owned(),
        subdivision: if is_code {
            state.to_ascii_uppercase()
        } else {
            String::new()
        },
        locality: parts.city.trim().to_owned(),
        postal_code: Pii::new(parts.postal_code.trim().to_owned()),
        raw: Pii::new(cut(words, 200)),
        ..Location::default()
    };
    Some(place).filter(|place| !place.is_empty())
}

/// The first text that is not empty.
pub(super) fn first<'a>(texts: &[&'a str]) -> &'a str {
    let mut texts = texts.iter().map(|text| text.trim());
    texts.find(|text| !text.is_empty()).unwrap_or("")
}

/// The first `limit` characters.
pub(super) fn cut(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    text.chars().take(limit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_country_is_sound() {
        assert_eq!(COUNTRIES.len(), 250);
        assert_eq!(alpha2("NLD"), "NL");
        assert_eq!(alpha2(" deu "), "DE");
        assert_eq!(alpha2("ch"), "CH");
        for odd in ["", "QQQ", "ZZ", "Netherlands", "日本国"] {
            assert_eq!(alpha2(odd), "", "{odd}");
        }
        assert_eq!(alpha3("JP"), Some("JPN"));
        assert_eq!(alpha3("ZZ"), None);
    }
}
