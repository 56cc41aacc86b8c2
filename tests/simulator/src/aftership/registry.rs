//! Owns which trackings exist, and what creating one costs. Knows no HTTP.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::load;
use super::scripts::{self, Fate, Script};
use super::tracking::{Known, Named, render};
use crate::clock::Clock;
use crate::quota::{Quota, Usage};

pub(super) const EXISTS: u32 = 4003;
pub(super) const UNKNOWN: u32 = 4004;
pub(super) const FIELD_INVALID: u32 = 4008;
pub(super) const BAD_NUMBER: u32 = 4005;
pub(super) const NO_NUMBER: u32 = 4007;
pub(super) const BAD_SLUG: u32 = 4010;
pub(super) const FIELD_MISSING: u32 = 4011;
pub(super) const BAD_COURIER: u32 = 4012;
pub(super) const OVER_PLAN: u32 = 402;

/// Seconds until the carrier of a new tracking has been asked.
const FIRST_RESULT: i64 = 60;

/// A refusal: its code, and the data with it.
pub(super) struct Refused(pub(super) u32, pub(super) Value);

impl From<u32> for Refused {
    fn from(code: u32) -> Self {
        Self(code, json!({}))
    }
}

struct Tracking {
    number: String,
    slug: String,
    since: Timestamp,
    hidden: bool,
}

/// Every tracking, by id.
pub(super) struct Registry {
    clock: Clock,
    all: BTreeMap<String, Tracking>,
    day: Usage,
}

impl Registry {
    pub(super) fn new(clock: Clock) -> Self {
        let mut registry = Self {
            clock,
            all: BTreeMap::new(),
            day: Usage::default(),
        };
        // Long before the start of the scripts.
        let since = Timestamp::constant(1_767_225_600, 0);
        for script in scripts::all() {
            if matches!(script.fate, Fate::Known | Fate::Hidden) {
                let hidden = script.fate == Fate::Hidden;
                for slug in std::iter::once(script.slug).chain(scripts::twin(script)) {
                    registry.add(script.number, slug, since, hidden);
                }
            }
        }
        registry
    }

    /// Creations in a day.
    pub(super) fn limit_per_day(&mut self, per_day: Option<u32>) {
        self.day = Usage::new(Quota {
            per_second: None,
            per_day,
        });
    }

    fn add(&mut self, number: &str, slug: &str, since: Timestamp, hidden: bool) -> String {
        let id = id_of(number, slug);
        let tracking = Tracking {
            number: number.to_owned(),
            slug: slug.to_owned(),
            since,
            hidden,
        };
        self.all.insert(id.clone(), tracking);
        id
    }

    fn show(&self, id: &str) -> Option<Value> {
        let tracking = self.all.get(id)?;
        let age = self.clock.now().as_second() - tracking.since.as_second();
        let parcel = parcel(&tracking.number, &tracking.slug);
        let named = Named {
            id,
            number: &tracking.number,
            slug: &tracking.slug,
            since: tracking.since,
            pulled: age >= FIRST_RESULT,
        };
        Some(render(parcel.as_ref(), &named, &self.clock))
    }

    /// A tracking by its id.
    pub(super) fn get(&self, id: &str) -> Result<Value, Refused> {
        self.show(id).ok_or_else(|| UNKNOWN.into())
    }

    /// The trackings of numbers, of one courier or of all; load parcels always are tracked.
    pub(super) fn list(&mut self, numbers: &[&str], slug: Option<&str>) -> Vec<Value> {
        for number in numbers {
            if load::parcel(number).is_some() && !self.all.contains_key(&id_of(number, load::SLUG))
            {
                let since = self.clock.start();
                self.add(number, load::SLUG, since, false);
            }
        }
        let fits = |tracking: &Tracking| {
            !tracking.hidden
                && (numbers.is_empty() || numbers.contains(&tracking.number.as_str()))
                && slug.is_none_or(|slug| slug.split(',').any(|slug| slug == tracking.slug))
        };
        let ids = self.all.iter().filter(|(_, tracking)| fits(tracking));
        ids.filter_map(|(id, _)| self.show(id)).collect()
    }

    /// Creates a tracking.
    pub(super) fn create(&mut self, body: &Value) -> Result<Value, Refused> {
        let number = body["tracking_number"].as_str().ok_or(NO_NUMBER)?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._/".contains(&byte);
        if !(4..=100).contains(&number.len()) || !number.bytes().all(plain) {
            return Err(BAD_NUMBER.into());
        }
        for field in ["destination_country_region", "origin_country_region"] {
            let alpha3 =
                |text: &str| text.len() == 3 && text.bytes().all(|c| c.is_ascii_uppercase());
            if !body[field].is_null() && !body[field].as_str().is_some_and(alpha3) {
                return Err(FIELD_INVALID.into());
            }
        }
        let given = &body["slug"];
        let script = scripts::all().find(|script| script.number == number);
        let fate = script.map(|script| script.fate);
        let slug = match (given.as_str(), script) {
            (Some(slug), _) if slug.contains(char::is_uppercase) => return Err(BAD_SLUG.into()),
            (None, _) if !given.is_null() => return Err(BAD_SLUG.into()),
            (Some(slug), _) => slug.to_owned(),
            (None, Some(script)) if fate != Some(Fate::Undetected) => script.slug.to_owned(),
            (None, None) if number.starts_with("1Z") => "ups".to_owned(),
            (None, _) => return Err(BAD_COURIER.into()),
        };
        let id = id_of(number, &slug);
        if self.all.contains_key(&id) {
            let data = json!({ "id": id, "tracking_number": number, "slug": slug });
            return Err(Refused(EXISTS, data));
        }
        match fate {
            Some(Fate::NeedsPostcode) if body["destination_postal_code"].is_null() => {
                return Err(FIELD_MISSING.into());
            }
            Some(Fate::OverPlan) => return Err(OVER_PLAN.into()),
            _ => {}
        }
        let now = self.clock.now();
        if !self.day.admit(now) {
            return Err(OVER_PLAN.into());
        }
        let id = self.add(number, &slug, now, false);
        self.get(&id)
    }

    /// Deletes a tracking and returns what is told of it.
    pub(super) fn delete(&mut self, id: &str) -> Result<Value, Refused> {
        let gone = self.all.remove(id).ok_or(UNKNOWN)?;
        Ok(json!({
            "id": id,
            "tracking_number": gone.number,
            "slug": gone.slug,
            "tracking_account_number": null,
            "tracking_key": null,
            "tracking_ship_date": null,
        }))
    }
}

/// What the courier knows of a number.
fn parcel(number: &str, slug: &str) -> Option<Known> {
    let of = |script: &&Script| {
        script.number == number && (script.slug == slug || scripts::twin(script) == Some(slug))
    };
    let scripted = scripts::all().find(of).map(|script| Known {
        parcel: script.parcel,
        scans: Cow::Borrowed(script.parcel.scans),
    });
    scripted.or_else(|| load::parcel(number).filter(|_| slug == load::SLUG))
}

/// Ids are 32 digits and letters, made of what they name.
fn id_of(number: &str, slug: &str) -> String {
    let seed = format!("{number}/{slug}");
    let word = |salt: u64| {
        let mix = |hash: u64, byte: u8| crate::scenario::spread(hash ^ u64::from(byte));
        seed.bytes().fold(salt, mix)
    };
    format!("{:016x}{:016x}", word(1), word(2))
}
