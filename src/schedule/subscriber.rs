//! Whose news the sources are to push: those of followed shipments.
//!
//! Looked at when a tenant starts or stops to follow a shipment, and at every poll, which comes once
//! a day at least; so a subscription that ends is renewed in time, and one that failed is made up for.

use std::sync::Arc;

use futures_util::StreamExt;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::task::AbortOnDropHandle;
use waybill_core::shipment::ShipmentId;

use crate::pipeline::{Follower, Miss, Pipeline};
use crate::store::{Store, StoreError};

/// Shipments that wait. Beyond that they are left to their next poll.
const WAITING: usize = 100_000;
/// Shipments looked at side by side: the guard of each source lets so many background calls wait.
const WIDTH: usize = 16;

/// Has shipments looked at.
pub(super) struct Subscriber {
    inbox: mpsc::Sender<ShipmentId>,
    _work: AbortOnDropHandle<()>,
}

impl Subscriber {
    /// Starts on the current runtime.
    pub(super) fn start(pipeline: Pipeline, store: Arc<dyn Store>) -> Self {
        let (inbox, waiting) = mpsc::channel(WAITING);
        let work = ReceiverStream::new(waiting).for_each_concurrent(WIDTH, move |id| {
            let (pipeline, store) = (pipeline.clone(), Arc::clone(&store));
            let look = crate::tasks::spawn("subscribe", async move {
                if let Err(error) = look(&pipeline, store.as_ref(), &id).await {
                    tracing::warn!(%error, "subscriptions wait for the next poll");
                }
            });
            async move {
                // A look that panicked has been reported.
                let _ended = look.await;
            }
        });
        Self {
            inbox,
            _work: AbortOnDropHandle::new(crate::tasks::spawn("subscriber", work)),
        }
    }

    /// Looks at a shipment soon; if too many wait, its next poll does.
    pub(super) fn look(&self, id: &ShipmentId) {
        let _full = self.inbox.try_send(id.clone());
    }
}

async fn look(pipeline: &Pipeline, store: &dyn Store, id: &ShipmentId) -> Result<(), StoreError> {
    let overlays = store.overlays(id).await?;
    let followers = overlays.into_iter().filter_map(|(tenant, overlay)| {
        let hints = overlay.registration.as_ref()?.hints.clone();
        Some(Follower { tenant, hints })
    });
    let followers: Vec<_> = followers.collect();
    match pipeline.subscribe(id, &followers).await {
        Ok(()) => Ok(()),
        Err(Miss::Store(text)) => Err(StoreError::new(text)),
        // Nobody serves it by now.
        Err(_) => Ok(()),
    }
}
