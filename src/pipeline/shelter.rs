//! Answers while the store is away.
//!
//! A lookup goes through the same eight steps, over a small store in memory that is soon forgotten:
//! what sources said lately stands in the cache, and whoever has to be asked is asked. What comes of
//! it is marked, and no watcher is told of it. Nothing is lost: what sources say now stays in the
//! cache, from where the next lookup takes it into the store once that is back.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::{Fixed, Found, Lookup, Miss, Pipeline};
use crate::store::memory::MemoryStore;
use crate::watch::Hub;

/// Shipments that are remembered meanwhile.
const ROOM: usize = 2_000;
/// A shelter is left after this, so that what is in it is never much older than the cache.
const AGE: Duration = Duration::from_secs(600);

/// What stands in for the store, if anything does.
#[derive(Default)]
pub(super) struct Shelter(Mutex<Option<(Instant, Pipeline)>>);

impl Pipeline {
    /// Answers a lookup like [`Pipeline::track`], and without the store if it has to.
    ///
    /// # Errors
    /// Only when there is nothing to show; see [`Miss`].
    pub async fn track_always(&self, lookup: &Lookup) -> Result<Found, Miss> {
        let away = match self.track(lookup).await {
            Err(Miss::Store(away)) => away,
            answered => return answered,
        };
        metrics::counter!("waybill_unrecorded_answers_total").increment(1);
        // Boxed: the usual way must not carry the room that this one needs.
        match Box::pin(self.sheltered().track(lookup)).await {
            Ok(found) if found.shipments.is_empty() => Err(Miss::Store(away)),
            Ok(found) => Ok(Found {
                is_recorded: false,
                good_until: None,
                ..found
            }),
            // Without a store nobody knows whether there is something.
            Err(Miss::NoTime | Miss::UnknownId | Miss::Store(_)) => Err(Miss::Store(away)),
            Err(miss) => Err(miss),
        }
    }

    fn sheltered(&self) -> Self {
        let mut shelter = self
            .shelter
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some((since, pipeline)) = &*shelter
            && since.elapsed() < AGE
        {
            return pipeline.clone();
        }
        let fixed = Fixed {
            store: Arc::new(MemoryStore::new(ROOM)),
            hub: Arc::new(Hub::default()),
            ..Fixed::clone(&self.parts)
        };
        let pipeline = Self {
            records: false,
            ..Self::over(fixed, self.live.clone())
        };
        *shelter = Some((Instant::now(), pipeline.clone()));
        pipeline
    }
}
