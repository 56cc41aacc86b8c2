//! Commits of small shipments, and what a store says of them afterwards.

use std::sync::Arc;

use waybill::store::{Change, Commit, CommitError, OverlayCommit, Store, What};
use waybill_core::adapter::Hints;
use waybill_core::event::Digest;
use waybill_core::exception::Category;
use waybill_core::overlay::{Handling, Overlay, Registration};
use waybill_core::privacy::Pii;
use waybill_core::shipment::ShipmentId;

use super::record::{number, shipment, time};

pub const AT: &str = "2026-03-01T12:00:00Z";

pub fn id(text: &str) -> ShipmentId {
    ShipmentId(text.to_owned())
}

pub fn commit(shipment_id: &str, main: &str, expected: u64, count: u32, at: &str) -> Commit {
    let (dossier, record) = shipment(&id(shipment_id), &number(main), count);
    Commit {
        expected,
        dossier,
        record: Arc::new(record),
        next_change: None,
        aliases: Vec::new(),
        changed: true,
        time: time(at),
    }
}

pub async fn count_of(store: &dyn Store, shipment_id: &str) -> Option<(u64, u32)> {
    let stored = store.load(&id(shipment_id)).await.unwrap()?;
    Some((stored.version, stored.record.revision))
}

pub async fn found(store: &dyn Store, text: &str) -> Vec<String> {
    let ids = store.find(&number(text).into()).await.unwrap();
    ids.into_iter().map(|id| id.0).collect()
}

pub async fn changes(store: &dyn Store, after: u64, limit: usize) -> Vec<Change> {
    let mut changes = Vec::new();
    for (partition, head) in (0..).zip(store.heads().await.unwrap()) {
        let page = store.changes(partition, after, limit).await.unwrap();
        assert_eq!(page.epoch, head.epoch);
        changes.extend(page.changes);
    }
    changes
}

pub fn revision(change: &Change) -> u32 {
    match change.what {
        What::Record(revision) => revision,
        What::Overlay(_) | What::Erased => 0,
    }
}

/// An overlay of a shipment in which somebody has an exception.
pub fn overlay(tenant: &str, shipment_id: &str, expected: u32, assignee: &str) -> OverlayCommit {
    let handling = Handling {
        id: Digest([1; 32]),
        category: Category::Damage,
        event_ids: [Digest([2; 32])].into(),
        assignee: Pii::new(assignee.to_owned()),
        acknowledged: None,
        resolved: None,
        reopened: None,
        history: Vec::new(),
    };
    let overlay = Overlay {
        revision: expected + 1,
        exceptions: vec![handling],
        registration: None,
    };
    OverlayCommit {
        tenant: tenant.to_owned(),
        id: id(shipment_id),
        expected,
        overlay: Arc::new(overlay),
        time: time(AT),
    }
}

/// That a tenant follows a shipment, or does so no longer.
pub fn following(tenant: &str, shipment_id: &str, expected: u32, follows: bool) -> OverlayCommit {
    let registration = follows.then(|| Registration {
        since: time(AT),
        hints: Hints::default(),
        labels: [("shop".to_owned(), "a".to_owned())].into(),
        order: None,
        promise: None,
    });
    OverlayCommit {
        tenant: tenant.to_owned(),
        id: id(shipment_id),
        expected,
        overlay: Arc::new(Overlay {
            revision: expected + 1,
            exceptions: Vec::new(),
            registration,
        }),
        time: time(AT),
    }
}

pub async fn assignee(store: &dyn Store, tenant: &str, shipment_id: &str) -> Option<String> {
    let overlay = store.overlay(tenant, &id(shipment_id)).await.unwrap()?;
    Some(overlay.exceptions[0].assignee.reveal().clone())
}

/// Commits the next version of a shipment.
pub async fn write(store: &dyn Store, name: &str, version: u64) -> Result<u64, CommitError> {
    let main = format!("AB123456{name}");
    let count = u32::try_from(version).unwrap() + 1;
    store.commit(commit(name, &main, version, count, AT)).await
}
