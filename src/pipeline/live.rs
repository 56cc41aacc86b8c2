//! What of the pipeline can be changed while it runs: the sources and the rules by which they are
//! asked. Whoever begins a piece of work takes the table as it is and keeps it to the end.
//!
//! **Invariant:** a table is never changed, only replaced, so that nobody sees half of a change.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::Source;
use crate::cache;
use crate::config::{Config, Routing};

/// What comes from the configuration.
#[derive(Clone)]
pub struct Rules {
    /// Configured sources, accounts of one source side by side.
    pub sources: Vec<Arc<Source>>,
    /// Which sources are asked.
    pub routing: Routing,
    /// How long an answer is fresh.
    pub policy: cache::Freshness,
    /// How long to wait for the others after the first usable answer.
    pub patience: Duration,
}

/// The rules, and what an operator has made of them.
pub struct Live {
    /// How many tables there have been; 1 for the first.
    pub generation: u64,
    /// From the configuration, with the sources that are off.
    pub configured: Rules,
    /// Sources that are on.
    pub sources: Arc<[Arc<Source>]>,
    /// What an operator has turned on or off, by source and account.
    switched: Switches,
}

type Switches = BTreeMap<(&'static str, String), bool>;

impl Live {
    fn new(generation: u64, configured: Rules, switched: Switches) -> Self {
        let is_on = |source: &&Arc<Source>| is_on(source, &switched);
        let sources = configured.sources.iter().filter(is_on).cloned().collect();
        Self {
            generation,
            configured,
            sources,
            switched,
        }
    }

    /// An account of a source that is configured, on or off.
    pub fn account(&self, source: &str, account: &str) -> Option<Arc<Source>> {
        let mut all = self.configured.sources.iter();
        let found = all.find(|it| it.descriptor.id == source && it.account == account);
        found.cloned()
    }

    /// Whether a source is asked.
    pub fn is_on(&self, source: &Source) -> bool {
        is_on(source, &self.switched)
    }

    /// Whether an operator has turned it on or off.
    pub fn is_switched(&self, source: &Source) -> bool {
        self.switched.contains_key(&key(source))
    }
}

fn key(source: &Source) -> (&'static str, String) {
    (source.descriptor.id, source.account.clone())
}

fn is_on(source: &Source, switched: &Switches) -> bool {
    let said = switched.get(&key(source));
    said.copied().unwrap_or(source.enabled)
}

/// Holds the table of now. Clones share it.
#[derive(Clone)]
pub(super) struct Table(Arc<RwLock<Arc<Live>>>);

impl Table {
    pub(super) fn new(rules: Rules) -> Self {
        let live = Live::new(1, rules, Switches::new());
        Self(Arc::new(RwLock::new(Arc::new(live))))
    }

    pub(super) fn now(&self) -> Arc<Live> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts other rules in place. What an operator has said about a source that is still configured
    /// stays.
    pub(super) fn renew(&self, rules: Rules) {
        self.replace(|live| {
            let mut switched = live.switched.clone();
            switched.retain(|of, _| rules.sources.iter().any(|source| key(source) == *of));
            (rules, switched)
        });
    }

    /// Turns sources on or off, or lets them be as configured.
    pub(super) fn switch(&self, sources: &[Arc<Source>], on: Option<bool>) {
        self.replace(|live| {
            let mut switched = live.switched.clone();
            for source in sources {
                match on {
                    Some(on) => switched.insert(key(source), on),
                    None => switched.remove(&key(source)),
                };
            }
            (live.configured.clone(), switched)
        });
    }

    fn replace(&self, make: impl FnOnce(&Live) -> (Rules, Switches)) {
        let mut place = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let (rules, switched) = make(&place);
        *place = Arc::new(Live::new(place.generation + 1, rules, switched));
    }
}

/// What a source was made of, as digests: enough to see whether it would be made the same again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MadeOf {
    /// Everything.
    pub whole: [u8; 32],
    /// What its adapter is given, credentials among it.
    pub credentials: [u8; 32],
}

impl MadeOf {
    /// Digests the settings of an account: its section, the files of credentials read, and what all
    /// sources have in common.
    pub fn of(config: &Config, section: &toml::Table, pairs: &[(String, String)]) -> Self {
        let digest = |parts: &[&str]| -> [u8; 32] {
            let mut hash = Sha256::new();
            for part in parts {
                hash.update(part.len().to_be_bytes());
                hash.update(part);
            }
            hash.finalize().into()
        };
        let pairs = pairs
            .iter()
            .flat_map(|(key, value)| [key.as_str(), value.as_str()]);
        let mut whole: Vec<&str> = pairs.collect();
        let credentials = digest(&whole);
        let section = section.to_string();
        let shared = format!("{:?} {}", config.guard, config.routing.daily_budget);
        whole.extend([section.as_str(), shared.as_str()]);
        Self {
            whole: digest(&whole),
            credentials,
        }
    }
}
