//! The bulkhead: how many calls to one source may be under way or wait.
//!
//! It knows nothing about what the calls do.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout_at;
use tower::ServiceExt;
use waybill_core::error::ErrorKind;

use super::step::{Call, Failure, Next, Outcome, Step};
use super::tuning::BulkheadTuning;
use super::{Names, Priority};

/// Places for calls under way and for calls that wait.
///
/// tower's `LoadShed` over `ConcurrencyLimit` sheds as soon as no place is free, its
/// `ConcurrencyLimit` alone queues without bound, and neither can wait for a time that depends on
/// the call or keep a part of the places for one class of calls. All four are needed here.
#[derive(Clone)]
pub(super) struct Bulkhead(Arc<Places>);

struct Places {
    names: Names,
    patience: Duration,
    under_way: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    /// Background calls need a place of both kinds, and there are fewer of these.
    background_under_way: Arc<Semaphore>,
    background_waiting: Arc<Semaphore>,
}

impl Bulkhead {
    pub(super) fn new(names: Names, tuning: &BulkheadTuning, patience: Duration) -> Self {
        let semaphore = |places: u32| Arc::new(Semaphore::new(places as usize));
        let under_way = tuning.in_flight.get();
        Self(Arc::new(Places {
            names,
            patience,
            under_way: semaphore(under_way),
            waiting: semaphore(tuning.waiting),
            background_under_way: semaphore(under_way - under_way / 4),
            background_waiting: semaphore(tuning.waiting - tuning.waiting / 4),
        }))
    }

    async fn enter(&self, call: &Call) -> Result<Vec<OwnedSemaphorePermit>, Failure> {
        let places = &self.0;
        let background = call.priority == Priority::Background;
        // Background permits come first, so that a background call that has to wait for its own
        // kind does not stand in the common queue.
        let wanted: &[_] = if background {
            &[&places.background_under_way, &places.under_way]
        } else {
            &[&places.under_way]
        };
        let chairs: &[_] = if background {
            &[&places.background_waiting, &places.waiting]
        } else {
            &[&places.waiting]
        };
        if let Some(permits) = take(wanted) {
            return Ok(permits);
        }
        let Some(_chairs) = take(chairs) else {
            return Err(self.shed("too many calls are waiting for the source"));
        };
        let entering = async {
            let mut permits = Vec::with_capacity(wanted.len());
            for semaphore in wanted {
                permits.extend(Arc::clone(semaphore).acquire_owned().await.ok());
            }
            permits
        };
        timeout_at(call.give_up(places.patience), entering)
            .await
            .map_err(|_| self.shed("no place for the call became free in time"))
    }

    fn shed(&self, message: &'static str) -> Failure {
        let source = self.0.names.source;
        metrics::counter!("waybill_bulkhead_shed_total", "source" => source).increment(1);
        Failure::unsent(ErrorKind::Overloaded, message)
    }
}

/// One permit of each, at once or not at all.
fn take(semaphores: &[&Arc<Semaphore>]) -> Option<Vec<OwnedSemaphorePermit>> {
    semaphores
        .iter()
        .map(|semaphore| Arc::clone(semaphore).try_acquire_owned().ok())
        .collect()
}

impl Step for Bulkhead {
    async fn around<N: Next>(self, call: Call, next: N) -> Outcome {
        let _permits = self.enter(&call).await?;
        next.oneshot(call).await
    }
}
