//! Reads the change log in its order and tells everybody who wants to know.
//!
//! **Invariant:** the mark moves only past what has been told. A log that was lost is said to
//! everybody, never skipped in silence.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use waybill_core::number::TrackingNumber;
use waybill_core::order::Subject;
use waybill_core::shipment::{IdentifierKind, Shipment, ShipmentId};

use super::{Hub, News, Topic};
use crate::store::{Change, Head, Store, StoreError, What};

/// Entries read at a time.
const PAGE: usize = 1_000;
/// A look at the log even if nobody rings.
const LOOK: Duration = Duration::from_secs(1);
/// Pause after a fault of the store.
const AGAIN: Duration = Duration::from_millis(200);

/// Why the log cannot be read on from a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gap {
    /// What followed has been trimmed.
    TooOld,
    /// It is a place of another log.
    Lost,
}

/// Tells from now on, until it is dropped.
pub async fn tell_forever(store: Arc<dyn Store>, hub: Arc<Hub>) {
    let mut bell = store.bell().listen();
    let mut mark: Option<Vec<Head>> = None;
    loop {
        match tell(&*store, &hub, &mut mark).await {
            Ok(()) => {
                // A bell whose store is gone never rings again; there is nothing to tell then.
                let _rung_or_time = tokio::time::timeout(LOOK, bell.changed()).await;
            }
            Err(error) => {
                tracing::warn!(%error, "the change log cannot be read");
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}

/// Tells what has come since the mark. The first time only takes the mark.
async fn tell(
    store: &dyn Store,
    hub: &Hub,
    mark: &mut Option<Vec<Head>>,
) -> Result<(), StoreError> {
    let heads = store.heads().await?;
    let Some(known) = mark.as_mut() else {
        hub.set_mark(&heads);
        *mark = Some(heads);
        return Ok(());
    };
    let mut to = known.clone();
    let read = read_to(store, &mut to, &heads, |change| told(store, hub, change)).await?;
    if let Err(gap) = read {
        tracing::error!(?gap, "the change log was lost; every watcher starts anew");
        metrics::counter!("waybill_watch_history_lost_total").increment(1);
        // The mark first: whoever is told takes it for the start of its snapshot.
        hub.set_mark(&heads);
        hub.lost();
        *mark = Some(heads);
        return Ok(());
    }
    if *known != to {
        hub.set_mark(&to);
        *known = to;
    }
    Ok(())
}

/// Reads every entry from a place to at least `heads`, and moves the place behind them.
async fn read_to<F: Future<Output = Result<(), StoreError>>>(
    store: &dyn Store,
    place: &mut [Head],
    heads: &[Head],
    mut each: impl FnMut(Change) -> F,
) -> Result<Result<(), Gap>, StoreError> {
    if place.len() != heads.len() {
        return Ok(Err(Gap::Lost));
    }
    for ((partition, at), head) in (0_u16..).zip(place).zip(heads) {
        if at.epoch != head.epoch || at.sequence > head.sequence {
            return Ok(Err(Gap::Lost));
        }
        while at.sequence < head.sequence {
            let page = store.changes(partition, at.sequence, PAGE).await?;
            if page.epoch != at.epoch {
                return Ok(Err(Gap::Lost));
            }
            if page
                .changes
                .first()
                .is_none_or(|first| first.sequence != at.sequence + 1)
            {
                return Ok(Err(Gap::TooOld));
            }
            for change in page.changes {
                at.sequence = change.sequence;
                each(change).await?;
            }
        }
    }
    Ok(Ok(()))
}

/// What has changed between a place and a mark, of shipments or for a tenant.
///
/// # Errors
/// The store fails.
pub async fn since(
    store: &dyn Store,
    place: &[Head],
    mark: &[Head],
    tenant: &str,
) -> Result<Result<BTreeMap<ShipmentId, News>, Gap>, StoreError> {
    let mut place = place.to_vec();
    let news = std::sync::Mutex::new(BTreeMap::<ShipmentId, News>::new());
    let read = read_to(store, &mut place, mark, |change| {
        let one = match &change.what {
            What::Record(revision) => Some(News::record(*revision)),
            What::Overlay(of) if of == tenant => Some(OVERLAY),
            What::Overlay(_) => None,
            // Whoever looks at it finds nothing.
            What::Erased => Some(News::default()),
        };
        if let Some(one) = one {
            super::lock(&news).entry(change.id).or_default().and(one);
        }
        std::future::ready(Ok(()))
    })
    .await?;
    Ok(read.map(|()| news.into_inner().unwrap_or_default()))
}

const OVERLAY: News = News {
    revisions: None,
    overlay: true,
};

/// Tells one change to those who want it.
async fn told(store: &dyn Store, hub: &Hub, change: Change) -> Result<(), StoreError> {
    let id = &change.id;
    match &change.what {
        What::Record(revision) => {
            let news = News::record(*revision);
            if hub.has_subjects()
                && let Some(stored) = store.load(id).await?
            {
                // What this node keeps of them may be older than what another node has made.
                let names = names(&stored.record);
                hub.touch(id, &names);
                hub.join(id, &names);
            }
            if hub.has_tenants() {
                for tenant in &*owners(store, hub, id).await? {
                    hub.tell_tenant(tenant, id, news);
                }
            }
            hub.tell(&Topic::Shipment(id.clone()), id, news);
        }
        What::Overlay(tenant) => {
            // Read when it is needed: what the store says is never older than this entry.
            hub.owned.invalidate(id);
            hub.touch(id, &[]);
            hub.tell_tenant(tenant, id, OVERLAY);
            hub.tell(&Topic::Shipment(id.clone()), id, OVERLAY);
        }
        What::Erased => hub.erased(id),
    }
    Ok(())
}

/// Tenants that have registered a shipment.
async fn owners(
    store: &dyn Store,
    hub: &Hub,
    id: &ShipmentId,
) -> Result<Arc<[String]>, StoreError> {
    if let Some(known) = hub.owned.get(id) {
        return Ok(known);
    }
    let overlays = store.overlays(id).await?.into_iter();
    let registered = overlays.filter(|(_, overlay)| overlay.registration.is_some());
    let owners: Arc<[String]> = registered.map(|(tenant, _)| tenant).collect();
    hub.owned.insert(id.clone(), Arc::clone(&owners));
    Ok(owners)
}

/// What a record can be asked for by.
pub(crate) fn names(record: &Shipment) -> Vec<Subject> {
    let further = record.identifiers.iter();
    let further = further.map(|one| &one.identifier);
    let further = further.filter(|one| one.kind != IdentifierKind::Reference);
    let further = further.filter_map(|one| TrackingNumber::parse(one.value.reveal()).ok());
    let own = std::iter::once(record.number.clone());
    own.chain(further).map(Subject::Number).collect()
}
