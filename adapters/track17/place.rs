//! Where 17TRACK says a parcel was: an address that it made of the carrier's words, and the words.

use std::borrow::Cow;

use waybill_core::place::Location;
use waybill_core::privacy::Pii;

use super::wire::Address;

/// Country of an address if it is a code of two letters; empty otherwise.
pub(super) fn country<'a>(address: &'a Address<'_>) -> Cow<'a, str> {
    let code = address.country.trim();
    if code.len() != 2 || !code.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return Cow::Borrowed("");
    }
    if code.bytes().any(|byte| byte.is_ascii_lowercase()) {
        return Cow::Owned(code.to_ascii_uppercase());
    }
    Cow::Borrowed(code)
}

/// Reads a place; `words` are the carrier's own.
pub(super) fn place(address: &Address<'_>, words: &str) -> Option<Location> {
    let state = address.state.trim();
    let is_code =
        (1..=3).contains(&state.len()) && state.bytes().all(|byte| byte.is_ascii_alphanumeric());
    // Names of states, and countries that are no codes, are kept as words if there are no others.
    let words = match words.trim() {
        "" if !is_code => state,
        words => words,
    };
    let place = Location {
        country: country(address).into_owned(),
        subdivision: if is_code {
            state.to_ascii_uppercase()
        } else {
            String::new()
        },
        locality: address.city.trim().to_owned(),
        postal_code: Pii::new(address.postal_code.trim().to_owned()),
        raw: Pii::new(cut(words, 200)),
        ..Location::default()
    };
    Some(place).filter(|place| !place.is_empty())
}

/// The first `limit` characters.
pub(super) fn cut(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    text.chars().take(limit).collect()
}
