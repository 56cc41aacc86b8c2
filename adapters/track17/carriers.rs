//! Which carrier a key of 17TRACK stands for, and under which key a carrier of ours is asked for.
//!
//! `carriers.csv` lists the keys of carriers that we have an id for: `key`, `carrier` (our id),
//! `ask`, `name`. `ask` says when the key is sent: `*` for every number of the carrier, `^E` for
//! those that begin so, else the formats of numbers for which it is right; a key without it is only
//! read. A carrier whose key is not certain is left to the detection of 17TRACK, because a number
//! that is registered under a wrong one costs quota and finds nothing.

use std::collections::HashMap;
use std::sync::LazyLock;

use waybill_core::adapter::Query;

use super::DESCRIPTOR;

/// The table; empty only if the file is broken, which a test rules out.
pub(super) static CARRIERS: LazyLock<Carriers> =
    LazyLock::new(|| Carriers::parse(include_str!("carriers.csv")).unwrap_or_default());

/// Keys and carriers, both ways.
#[derive(Default)]
pub(super) struct Carriers {
    by_key: HashMap<String, String>,
    by_carrier: HashMap<String, Vec<Ask>>,
}

struct Ask {
    key: u64,
    when: Vec<String>,
}

impl Carriers {
    pub(super) fn parse(csv: &str) -> Result<Self, String> {
        let mut carriers = Self::default();
        let mut reader = csv::Reader::from_reader(csv.as_bytes());
        for (at, row) in reader.records().enumerate() {
            let line = at + 2;
            let row = row.map_err(|error| format!("line {line}: {error}"))?;
            let column = |index| row.get(index).unwrap_or("").trim();
            let (key, carrier) = (column(0), column(1));
            let number = key
                .parse()
                .map_err(|_| format!("line {line}: {key:?} is no key"))?;
            if carrier.is_empty() {
                return Err(format!("line {line}: no carrier"));
            }
            let known = carriers.by_key.insert(key.to_owned(), carrier.to_owned());
            if known.is_some() {
                return Err(format!("line {line}: key {key} stands twice"));
            }
            let when: Vec<_> = column(2).split_whitespace().map(str::to_owned).collect();
            if !when.is_empty() {
                let ask = Ask { key: number, when };
                let asks = carriers.by_carrier.entry(carrier.to_owned()).or_default();
                asks.push(ask);
            }
        }
        Ok(carriers)
    }

    /// Our id of the carrier with this key, else one made of the key; empty if there is no key.
    pub(super) fn id(&self, key: &str) -> String {
        let key = key.trim();
        if let Some(id) = self.by_key.get(key) {
            return id.clone();
        }
        let digits = (1..=10).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_digit());
        if digits && key.bytes().any(|byte| byte != b'0') {
            return format!("{}-{key}", DESCRIPTOR.id);
        }
        String::new()
    }

    /// The key under which the carrier of a query is asked for; `None` if 17TRACK has to find out.
    pub(super) fn key(&self, query: &Query) -> Option<u64> {
        let own = query.carrier.strip_prefix(DESCRIPTOR.id);
        if let Some(key) = own.and_then(|rest| rest.strip_prefix('-')) {
            return key.parse().ok().filter(|key| *key != 0);
        }
        let asks = self.by_carrier.get(&query.carrier)?;
        let begins = |word: &str| {
            word.strip_prefix('^')
                .is_some_and(|start| query.number.reveal().starts_with(start))
        };
        let says = |fits: &dyn Fn(&str) -> bool| {
            asks.iter()
                .find(|ask| ask.when.iter().any(|word| fits(word)))
                .map(|ask| ask.key)
        };
        says(&|word| word == query.format || begins(word)).or_else(|| says(&|word| word == "*"))
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.by_key.len()
    }
}
