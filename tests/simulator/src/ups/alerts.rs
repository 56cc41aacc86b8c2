//! Owns the subscriptions of Track Alert (UPSTrackAlert.yaml): what a request must hold and which numbers it
//! covers. Pushes nothing. Does not know tokens or headers.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// Numbers in one request.
const MOST: usize = 100;
const LIFETIME: SignedDuration = SignedDuration::from_hours(14 * 24);
/// Longest address of a listener.
const URL: usize = 2_000;

/// The two numbers of the customer integration environment are 1Z numbers like all others.
#[derive(Default)]
pub(super) struct Alerts {
    /// When the subscription of a number ends.
    until: BTreeMap<String, Timestamp>,
}

/// Code and message of a refusal.
pub(super) type Refusal = (&'static str, &'static str);

/// Version and level of a subscription path.
pub(super) fn path(path: &str) -> Option<(&str, &str)> {
    let rest = path.strip_prefix("/api/track/")?;
    let (version, rest) = rest.split_once("/subscription/")?;
    let level = rest.strip_suffix("/package")?;
    matches!(version, "v1" | "v2").then_some((version, level))
}

impl Alerts {
    /// Subscribes the good numbers of a request for 14 days; the others are named.
    pub(super) fn subscribe(
        &mut self,
        version: &str,
        level: &str,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Value, Refusal> {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().trim().to_owned();
        if body.as_object().is_none_or(serde_json::Map::is_empty) {
            return Err(("VSS110", "Subscription request is empty or not present."));
        }
        if !matches!(level, "standard" | "enhanced") {
            return Err(("VSS930", "Type is missing or invalid."));
        }
        let locale = text(&body["locale"]);
        if locale.is_empty() {
            return Err(("VSS300", "Locale is required."));
        }
        if !is_locale(locale.as_bytes()) {
            return Err(("VSS310", "Please enter a valid locale."));
        }
        let country = text(&body["countryCode"]);
        if country.len() != 2 || !country.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return Err(("VSS400", "Please enter a valid country code."));
        }
        if version == "v1" {
            destination(&body["destination"])?;
        }
        for kind in body["eventPreferences"].as_array().into_iter().flatten() {
            let known = ["D", "I", "M"].contains(&kind.as_str().unwrap_or_default());
            let also = kind == "X" && level == "enhanced";
            if !(known || also) {
                return Err(("VSS000", "Invalid request."));
            }
        }
        let list = body["trackingNumberList"].as_array();
        let list = list.filter(|list| !list.is_empty());
        let list = list.ok_or(("VSS200", "Tracking Number List is required."))?;
        if list.len() > MOST {
            return Err(("VSS220", "You have submitted over 100 1Z numbers."));
        }
        let numbers = list.iter().map(text);
        let (valid, invalid): (Vec<_>, Vec<_>) = numbers.partition(|number| is_valid(number));
        if valid.is_empty() {
            return Err((
                "VSS210",
                "The Subscription request should have at least one valid tracking number.",
            ));
        }
        let until = now.checked_add(LIFETIME).unwrap_or(Timestamp::MAX);
        for number in &valid {
            self.until.insert(number.clone(), until);
        }
        let mut answer = json!({ "validTrackingNumbers": valid });
        if !invalid.is_empty() {
            answer["invalidTrackingNumbers"] = json!(invalid);
        }
        Ok(answer)
    }

    /// When the subscription of a number ends, if it has one.
    pub(super) fn until(&self, number: &str, now: Timestamp) -> Option<Timestamp> {
        self.until.get(number).copied().filter(|until| *until > now)
    }
}

fn destination(destination: &Value) -> Result<(), Refusal> {
    let text = |key: &str| destination[key].as_str().unwrap_or_default();
    if !destination.is_object() {
        return Err(("VSS500", "Destination is required."));
    }
    if text("url").is_empty() {
        return Err(("VSS600", "URL is empty or not present."));
    }
    if text("url").len() > URL {
        return Err(("VSS610", "URL is too long."));
    }
    if text("credential").is_empty() {
        return Err(("VSS700", "Credential is empty or not present."));
    }
    if text("credentialType").is_empty() {
        return Err(("VSS800", "CredentialType is empty or not present."));
    }
    Ok(())
}

fn is_locale(locale: &[u8]) -> bool {
    let [a, b, b'_', c, d] = locale else {
        return false;
    };
    let lower = [a, b].iter().all(|byte| byte.is_ascii_lowercase());
    lower && [c, d].iter().all(|byte| byte.is_ascii_uppercase())
}

/// 1Z and 16, or 1R and 14 or 26 letters and digits.
fn is_valid(number: &str) -> bool {
    let plain = |rest: &str| {
        rest.bytes()
            .all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
    };
    match number.split_at_checked(2) {
        Some(("1Z", rest)) => rest.len() == 16 && plain(rest),
        Some(("1R", rest)) => matches!(rest.len(), 14 | 26) && plain(rest),
        _ => false,
    }
}
