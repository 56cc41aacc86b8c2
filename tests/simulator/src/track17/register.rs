//! Owns which numbers are registered under which carrier, and what registering them costs. Knows no
//! HTTP.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::record::{Record, not_found};
use super::scripts::{self, Fate};
use crate::clock::Clock;
use crate::quota::{Quota, Usage};

const BAD_NUMBER: i64 = -18_010_012;
const NEEDS_POSTCODE: i64 = -18_010_019;
const REGISTERED: i64 = -18_019_901;
const NOT_REGISTERED: i64 = -18_019_902;
const UNDETECTED: i64 = -18_019_903;
const NOT_STOPPED: i64 = -18_019_904;
const RETRACKED: i64 = -18_019_905;
const NOT_TRACKED: i64 = -18_019_906;
const DAILY_LIMIT: i64 = -18_019_907;
const QUOTA_SPENT: i64 = -18_019_908;
const NOTHING_YET: i64 = -18_019_909;
const BAD_CARRIER: i64 = -18_019_910;

/// Units that the account has bought.
const BOUGHT: u64 = 1_000;
/// How long the first result of a registration takes.
const FIRST_RESULT: SignedDuration = SignedDuration::from_mins(5);

/// An item of a request.
pub(super) struct Asked<'a> {
    item: &'a Value,
    number: String,
    carrier: Option<u64>,
}

impl<'a> Asked<'a> {
    pub(super) fn of(item: &'a Value) -> Self {
        Self {
            number: item["number"]
                .as_str()
                .unwrap_or_default()
                .to_ascii_uppercase(),
            carrier: item["carrier"].as_u64().filter(|key| *key != 0),
            item,
        }
    }

    pub(super) fn check(&self) -> Result<(), i64> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        let fits = (5..=50).contains(&self.number.len()) && self.number.bytes().all(plain);
        if !fits {
            return Err(BAD_NUMBER);
        }
        let carrier = &self.item["carrier"];
        if !carrier.is_null() && carrier.as_u64().is_none() {
            return Err(BAD_CARRIER);
        }
        Ok(())
    }

    /// The refusal. The carrier comes as a number, as text, as 0 or not at all.
    pub(super) fn rejected(&self, code: i64) -> Value {
        let message = format!("The number '{}' was refused.", self.number);
        let mut json = json!({
            "number": self.number,
            "error": { "code": code, "message": message },
        });
        match (self.carrier, code) {
            (Some(key), NOTHING_YET) => json["carrier"] = json!(key.to_string()),
            (Some(key), _) => json["carrier"] = json!(key),
            (None, BAD_NUMBER) => json["carrier"] = json!(0),
            (None, _) => {}
        }
        json
    }
}

struct Registration {
    since: Timestamp,
    stopped: bool,
    retracked: bool,
    /// What was given with it.
    extras: Map<String, Value>,
}

/// Every registration, by number and carrier.
pub(super) struct Registry {
    clock: Clock,
    all: BTreeMap<(String, u64), Registration>,
    day: Usage,
    spent: u64,
}

impl Registry {
    pub(super) fn new(clock: Clock) -> Self {
        let mut registry = Self {
            clock,
            all: BTreeMap::new(),
            day: Usage::default(),
            spent: 0,
        };
        for script in scripts::all() {
            if matches!(script.fate, Fate::Known | Fate::Stopped) {
                registry.add(script.number, script.carrier, Timestamp::MIN);
            }
            if script.fate == Fate::Stopped {
                registry.each(script.number, None, |known| known.stopped = true);
            }
        }
        registry
    }

    pub(super) fn limit_per_day(&mut self, per_day: Option<u32>) {
        self.day = Usage::new(Quota {
            per_second: None,
            per_day,
        });
    }

    pub(super) fn balance(&self) -> Value {
        json!({
            "quota_total": BOUGHT,
            "quota_used": self.spent,
            "quota_remain": BOUGHT.saturating_sub(self.spent),
            "today_used": self.spent,
            "max_track_daily": 0,
            "free_email_quota": 0,
            "free_email_quotaused": 0,
        })
    }

    /// The registrations of a number, or all of them.
    pub(super) fn list(&self, filter: &Value) -> Vec<Value> {
        let wanted = filter["number"].as_str();
        let row = |((number, key), known): (&(String, u64), &Registration)| {
            json!({
                "number": number,
                "carrier": key,
                "data_origin": "Api",
                "tracking_status": if known.stopped { "Stopped" } else { "Tracking" },
                "is_retracked": known.retracked,
                "delievery_time": null,
            })
        };
        let fits = |entry: &(&(String, u64), &Registration)| {
            wanted.is_none_or(|wanted| wanted.split(',').any(|number| entry.0.0 == number))
        };
        self.all.iter().filter(fits).map(row).collect()
    }

    fn add(&mut self, number: &str, key: u64, since: Timestamp) {
        let known = Registration {
            since,
            stopped: false,
            retracked: false,
            extras: Map::new(),
        };
        self.all.insert((number.to_owned(), key), known);
    }

    /// Keys under which a number is registered; load parcels always are.
    fn keys(&mut self, number: &str, key: Option<u64>) -> Vec<u64> {
        let of = |all: &BTreeMap<(String, u64), Registration>| {
            let range = all.range((number.to_owned(), 0)..=(number.to_owned(), u64::MAX));
            range.map(|((_, key), _)| *key).collect::<Vec<_>>()
        };
        if of(&self.all).is_empty()
            && let Some(record) = Record::load(number)
        {
            self.add(number, record.carrier, Timestamp::MIN);
        }
        let mut keys = of(&self.all);
        keys.retain(|known| key.is_none_or(|key| key == *known));
        keys
    }

    /// Does something with every registration that fits, and returns their keys.
    fn each(
        &mut self,
        number: &str,
        key: Option<u64>,
        mut act: impl FnMut(&mut Registration),
    ) -> Vec<u64> {
        let keys = self.keys(number, key);
        for key in &keys {
            if let Some(known) = self.all.get_mut(&(number.to_owned(), *key)) {
                act(known);
            }
        }
        keys
    }

    pub(super) fn register(&mut self, asked: &Asked<'_>) -> Result<Value, i64> {
        let number = asked.number.as_str();
        let record = Record::find(number);
        let fate = record.as_ref().map(|record| record.fate);
        let found = record.as_ref().map(|record| record.carrier);
        let (key, origin) = match (asked.carrier, found, fate) {
            (None, _, Some(Fate::Undetected)) => return Err(UNDETECTED),
            (Some(given), Some(found), Some(Fate::Corrected)) if given != found => (found, 1),
            (Some(given), ..) => (given, 2),
            (None, Some(found), _) => (found, 1),
            (None, None, _) => (detect(number).ok_or(UNDETECTED)?, 3),
        };
        // Who asks under the carrier before its correction has been told already.
        if !self.keys(number, Some(key)).is_empty() {
            return Err(REGISTERED);
        }
        match fate {
            Some(Fate::OverDay) => return Err(DAILY_LIMIT),
            Some(Fate::OverQuota) => return Err(QUOTA_SPENT),
            Some(Fate::NeedsPostcode) if asked.item["destination_postal_code"].is_null() => {
                return Err(NEEDS_POSTCODE);
            }
            _ => {}
        }
        if self.spent >= BOUGHT {
            return Err(QUOTA_SPENT);
        }
        let now = self.clock.now();
        if !self.day.admit(now) {
            return Err(DAILY_LIMIT);
        }
        self.spent += 1;
        self.add(number, key, now);
        let extras = asked.item.as_object().cloned().unwrap_or_default();
        self.each(number, Some(key), |known| known.extras = extras.clone());
        Ok(json!({
            "origin": origin,
            "number": number,
            "carrier": key,
            "email": null,
            "lang": asked.item["lang"],
            "tag": asked.item["tag"],
        }))
    }

    pub(super) fn track(&mut self, asked: &Asked<'_>) -> Result<Value, i64> {
        let number = asked.number.as_str();
        let keys = self.keys(number, asked.carrier);
        let now = self.clock.now();
        let mut found = Vec::new();
        let mut young = false;
        for key in keys {
            let Some(known) = self.all.get(&(number.to_owned(), key)) else {
                continue;
            };
            let since_then = now.as_second().saturating_sub(known.since.as_second());
            if since_then < FIRST_RESULT.as_secs() {
                young = true;
                continue;
            }
            let record = Record::find(number).filter(|record| record.carrier == key);
            let mut json = json!({ "number": number, "carrier": key, "param": null });
            for extra in ["tag", "lang", "origin_country", "destination_country"] {
                json[extra] = known.extras.get(extra).cloned().unwrap_or_default();
            }
            json["track_info"] = match record {
                Some(record) => record.render(&self.clock, now),
                None => not_found(key),
            };
            found.push(json);
        }
        match (found.is_empty(), young) {
            (false, _) => Ok(Value::Array(found)),
            (true, true) => Err(NOTHING_YET),
            (true, false) => Err(NOT_REGISTERED),
        }
    }

    pub(super) fn stop(&mut self, asked: &Asked<'_>) -> Result<Value, i64> {
        let mut ran = false;
        let keys = self.each(&asked.number, asked.carrier, |known| {
            ran |= !known.stopped;
            known.stopped = true;
        });
        taken(asked, &keys, if ran { None } else { Some(NOT_TRACKED) })
    }

    pub(super) fn retrack(&mut self, asked: &Asked<'_>) -> Result<Value, i64> {
        let mut refused = Some(NOT_STOPPED);
        let keys = self.each(&asked.number, asked.carrier, |known| {
            if !known.stopped {
                return;
            }
            if known.retracked {
                refused = Some(RETRACKED);
                return;
            }
            refused = None;
            known.stopped = false;
            known.retracked = true;
        });
        taken(asked, &keys, refused)
    }

    pub(super) fn delete(&mut self, asked: &Asked<'_>) -> Result<Value, i64> {
        let keys = self.keys(&asked.number, asked.carrier);
        for key in &keys {
            self.all.remove(&(asked.number.clone(), *key));
        }
        taken(asked, &keys, None)
    }
}

fn taken(asked: &Asked<'_>, keys: &[u64], refused: Option<i64>) -> Result<Value, i64> {
    if keys.is_empty() {
        return Err(NOT_REGISTERED);
    }
    match refused {
        Some(code) => Err(code),
        None => {
            let one = |key: &u64| json!({ "number": asked.number, "carrier": key });
            Ok(Value::Array(keys.iter().map(one).collect()))
        }
    }
}

/// The carrier of a number that no script has.
fn detect(number: &str) -> Option<u64> {
    if number.starts_with("1Z") && number.len() == 18 {
        return Some(100_002);
    }
    let post = number.len() == 13 && number.ends_with("CN");
    post.then_some(if number.starts_with('E') {
        3_013
    } else {
        3_011
    })
}
