//! Answers in this process: bounded by bytes, each for as long as it says.

use std::future::ready;
use std::sync::Arc;
use std::time::{Duration, Instant};

use waybill_core::adapter::{BoxFuture, Report};

use super::{Cache, CacheState, Entry, Held, Key, kept_for};
use crate::clock::Clock;

/// Bytes kept unless configured otherwise.
pub const DEFAULT_BYTES: u64 = 256 << 20;

/// Answers in this process.
pub struct MemoryCache {
    entries: moka::sync::Cache<Key, Arc<Entry>>,
    clock: Clock,
}

impl MemoryCache {
    /// Makes a cache of about `bytes`.
    pub fn new(bytes: u64, clock: Clock) -> Self {
        let entries = moka::sync::Cache::builder()
            .max_capacity(bytes)
            .weigher(|key: &Key, entry: &Arc<Entry>| weigh(key, entry))
            .expire_after(KeepUntil(clock.clone()))
            .build();
        Self { entries, clock }
    }

    /// [`Cache::get`] without a future.
    pub(super) fn look_up(&self, key: &Key) -> Option<Arc<Entry>> {
        // The clock of an entry is the wall clock, and moka's is not: it may be late.
        let now = self.clock.now();
        let found = self
            .entries
            .get(key)
            .filter(|entry| kept_for(entry, now).is_some());
        super::count("memory", found.is_some());
        found
    }

    /// Drops what is about some numbers or orders, or everything. It is a look through all, and
    /// seldom.
    pub(super) fn drop_about(&self, about: Option<&[[u8; 32]]>) {
        let Some(about) = about else {
            return self.entries.invalidate_all();
        };
        for (key, _) in &self.entries {
            if about.contains(key.about()) {
                self.entries.invalidate(&*key);
            }
        }
    }

    /// [`Cache::put`] without a future.
    pub(super) fn keep(&self, key: &Key, entry: Arc<Entry>) {
        if kept_for(&entry, self.clock.now()).is_some() {
            self.entries.insert(key.clone(), entry);
        }
    }
}

impl Cache for MemoryCache {
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Option<Arc<Entry>>> {
        Box::pin(ready(self.look_up(key)))
    }

    fn put<'a>(&'a self, key: &'a Key, entry: Arc<Entry>) -> BoxFuture<'a, ()> {
        self.keep(key, entry);
        Box::pin(ready(()))
    }

    fn forget<'a>(&'a self, about: &'a [[u8; 32]]) -> BoxFuture<'a, ()> {
        self.drop_about(Some(about));
        Box::pin(ready(()))
    }

    fn forget_near(&self) {
        self.drop_about(None);
    }

    fn state(&self) -> CacheState {
        CacheState::Working
    }
}

struct KeepUntil(Clock);

impl moka::Expiry<Key, Arc<Entry>> for KeepUntil {
    fn expire_after_create(&self, _: &Key, entry: &Arc<Entry>, _: Instant) -> Option<Duration> {
        Some(kept_for(entry, self.0.now()).unwrap_or_default())
    }

    fn expire_after_update(
        &self,
        _: &Key,
        entry: &Arc<Entry>,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(kept_for(entry, self.0.now()).unwrap_or_default())
    }
}

/// About what an entry takes: texts are counted, the rest is estimated per row.
fn weigh(key: &Key, entry: &Entry) -> u32 {
    const PER_ENTRY: usize = 256;
    let answer = match &entry.answer {
        Held::Found(reports) => reports.iter().map(weigh_report).sum(),
        Held::Failed(error) => error.message.len() + error.native_code.len(),
        Held::NotFound { .. } | Held::Impossible => 0,
    };
    u32::try_from(PER_ENTRY + key.as_str().len() + answer).unwrap_or(u32::MAX)
}

fn weigh_report(report: &Report) -> usize {
    /// Fixed parts, and what short texts take on the heap.
    const PER_REPORT: usize = size_of::<Report>() + 512;
    const PER_CLAIM: usize = size_of::<waybill_core::event::Claim>() + 256;
    const PER_FACT: usize = 256;
    let claims = report.claims.iter().map(|claim| {
        let place = claim.location.as_ref();
        let place = place.map_or(0, |place| place.raw.reveal().len() + place.locality.len());
        PER_CLAIM + claim.native_text.reveal().len() + place
    });
    let facts = &report.facts;
    let rows = facts.identifiers.len()
        + facts.estimates.len()
        + facts.contacts.len()
        + facts.doubts.len()
        + facts
            .proof
            .as_ref()
            .map_or(0, |proof| proof.documents.len());
    PER_REPORT + claims.sum::<usize>() + rows * PER_FACT
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use waybill_core::error::{Error, ErrorKind};

    use super::*;
    use crate::cache::Freshness;

    fn clock() -> Clock {
        Clock::manual(Timestamp::UNIX_EPOCH)
    }

    fn key(n: usize) -> Key {
        Key {
            name: format!("{n:064x}"),
            about: [0; 32],
        }
    }

    #[test]
    fn an_entry_is_kept_until_it_says_and_not_longer() {
        let clock = clock();
        let cache = MemoryCache::new(DEFAULT_BYTES, clock.clone());
        let entry = Arc::new(Freshness::default().impossible(clock.now()));
        cache.keep(&key(1), entry.clone());
        clock.advance(Duration::from_hours(24) - Duration::from_secs(1));
        assert!(cache.look_up(&key(1)).is_some_and(|kept| kept == entry));
        assert!(cache.look_up(&key(2)).is_none());
        clock.advance(Duration::from_secs(1));
        assert!(cache.look_up(&key(1)).is_none());
        cache.keep(&key(3), entry);
        assert!(cache.look_up(&key(3)).is_none());
    }

    #[test]
    fn it_stays_within_its_bytes() {
        let clock = clock();
        let cache = MemoryCache::new(100_000, clock.clone());
        let error = Error::new(ErrorKind::Unavailable, "x".repeat(1_000));
        let entry = Arc::new(Freshness::default().failed(error, clock.now()));
        for n in 0..1_000 {
            cache.keep(&key(n), entry.clone());
        }
        cache.entries.run_pending_tasks();
        let kept = (0..1_000)
            .filter(|n| cache.look_up(&key(*n)).is_some())
            .count();
        assert!((50..=100).contains(&kept), "{kept}");
        assert!(cache.entries.weighted_size() <= 100_000);
    }
}
