//! Where UPS says a parcel was: addresses and sites.

use std::borrow::Cow;

use waybill_core::place::{CodeSystem, Facility, Location};
use waybill_core::privacy::Pii;

use super::wire::Address;

/// Country of an address if it is a code of two letters; empty otherwise.
pub(super) fn country<'a>(address: &'a Address<'_>) -> Cow<'a, str> {
    let known = [address.country_code.trim(), address.country.trim()]
        .into_iter()
        .find(|text| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic()));
    match known {
        Some(code) if code.bytes().any(|byte| byte.is_ascii_lowercase()) => {
            Cow::Owned(code.to_ascii_uppercase())
        }
        code => Cow::Borrowed(code.unwrap_or("")),
    }
}

/// Reads a place. Of a `logical` scan only the text is kept: nothing was scanned there, so it must
/// not count as a place where the parcel was.
pub(super) fn place(address: &Address<'_>, site: &str, logical: bool) -> Option<Location> {
    let (city, state) = (address.city.trim(), address.state_province.trim());
    let country = country(address);
    let is_code =
        (1..=3).contains(&state.len()) && state.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let odd =
        (country.is_empty() && !address.country.is_empty()) || (!is_code && !state.is_empty());
    let mut place = Location::default();
    if logical || odd {
        let parts = [
            city,
            state,
            address.country.trim(),
            address.country_code.trim(),
        ];
        let mut raw = String::new();
        for part in parts.into_iter().filter(|part| !part.is_empty()) {
            if !raw.is_empty() {
                raw.push_str(", ");
            }
            raw.push_str(part);
        }
        place.raw = Pii::new(cut(&raw, 200));
    }
    if !logical {
        place.country = country.into_owned();
        city.clone_into(&mut place.locality);
        if is_code {
            place.subdivision = state.to_ascii_uppercase();
        }
        place.postal_code = Pii::new(address.postal_code.trim().to_owned());
        place.facility = Some(site.trim())
            .filter(|site| !site.is_empty())
            .map(|site| Facility {
                code: site.to_owned(),
                system: CodeSystem::Carrier,
                ..Facility::default()
            });
    }
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
