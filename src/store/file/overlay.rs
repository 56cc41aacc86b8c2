//! What tenants add to shipments, in the same file and by the same writer.

use std::sync::Arc;

use moka::sync::Cache;
use redb::{ReadableTable as _, TableDefinition, WriteTransaction};
use tokio::sync::oneshot;
use waybill_core::adapter::BoxFuture;
use waybill_core::overlay::Overlay;
use waybill_core::shipment::ShipmentId;

use super::super::seal::DataKey;
use super::super::{CommitError, OverlayCommit, StoreError, What, codec};
use super::{FileStore, Inner, SHIPMENTS, Work, log};

/// Shipment and tenant -> value.
const OVERLAYS: TableDefinition<'_, (&str, &str), &[u8]> = TableDefinition::new("overlays");
/// Overlays kept decoded, those that are known to be absent included.
const KNOWN: u64 = 100_000;

/// Overlays that were read or written last. Nearly every shipment has none, and every answer asks.
pub(super) struct Known(Cache<Key, Option<Arc<Overlay>>>);

type Key = (ShipmentId, String);

impl Known {
    pub(super) fn new() -> Self {
        Self(Cache::new(KNOWN))
    }

    pub(super) fn forget(&self, key: &Key) {
        self.0.invalidate(key);
    }

    /// Keeps what was read or written, unless something newer is there already.
    fn remember(&self, key: Key, overlay: Option<Arc<Overlay>>) {
        let revision = |one: &Option<Arc<Overlay>>| one.as_ref().map_or(0, |one| one.revision);
        self.0
            .entry(key)
            .and_upsert_with(|old| match old.map(moka::Entry::into_value) {
                Some(old) if revision(&old) > revision(&overlay) => old,
                _ => overlay,
            });
    }
}

pub(super) fn make_table(tx: &WriteTransaction) -> Result<(), redb::Error> {
    tx.open_table(OVERLAYS)?;
    Ok(())
}

/// Takes out what every tenant has added to a shipment, and whether they follow it; returns them.
pub(super) fn remove(tx: &WriteTransaction, id: &ShipmentId) -> Result<Vec<String>, redb::Error> {
    let mut overlays = tx.open_table(OVERLAYS)?;
    let mut tenants = Vec::new();
    for row in overlays.range((id.0.as_str(), "")..)? {
        let (key, _) = row?;
        let (of, tenant) = key.value();
        if of != id.0 {
            break;
        }
        tenants.push(tenant.to_owned());
    }
    for tenant in &tenants {
        overlays.remove((id.0.as_str(), tenant.as_str()))?;
        log::follow(tx, id, tenant, None)?;
    }
    Ok(tenants)
}

impl Inner {
    fn open_overlay(&self, id: &ShipmentId, tenant: &str, value: &[u8]) -> Option<Overlay> {
        // What the vault cannot tell now cannot be read now.
        let own = self.vault.key(id).ok()?;
        codec::open_overlay(&self.keys, own.as_ref(), id, tenant, value)
    }
}

pub(super) fn load<'a>(
    store: &'a FileStore,
    tenant: &'a str,
    id: &'a ShipmentId,
) -> BoxFuture<'a, Result<Option<Arc<Overlay>>, StoreError>> {
    let key = (id.clone(), tenant.to_owned());
    if let Some(known) = store.inner.overlays.0.get(&key) {
        return Box::pin(std::future::ready(Ok(known)));
    }
    Box::pin(store.read(move |inner, tx| {
        let overlays = tx.open_table(OVERLAYS)?;
        let value = overlays.get((key.0.0.as_str(), key.1.as_str()))?;
        let overlay = value.and_then(|value| inner.open_overlay(&key.0, &key.1, value.value()));
        let overlay = overlay.map(Arc::new);
        inner.overlays.remember(key, overlay.clone());
        Ok(overlay)
    }))
}

pub(super) fn load_all<'a>(
    store: &'a FileStore,
    id: &'a ShipmentId,
) -> BoxFuture<'a, Result<Vec<(String, Arc<Overlay>)>, StoreError>> {
    let id = id.clone();
    Box::pin(store.read(move |inner, tx| {
        let overlays = tx.open_table(OVERLAYS)?;
        let mut found = Vec::new();
        for row in overlays.range((id.0.as_str(), "")..)? {
            let (key, value) = row?;
            let (of, tenant) = key.value();
            if of != id.0 {
                break;
            }
            let overlay = inner.open_overlay(&id, tenant, value.value());
            found.extend(overlay.map(|overlay| (tenant.to_owned(), Arc::new(overlay))));
        }
        Ok(found)
    }))
}

pub(super) fn commit(
    store: &FileStore,
    commit: OverlayCommit,
) -> BoxFuture<'_, Result<(), CommitError>> {
    Box::pin(async move {
        let (reply, answer) = oneshot::channel();
        let own = store.key_of(&commit.id).await?;
        let value = codec::seal_overlay(&store.inner.keys, &own, &commit)?;
        let job = Adding {
            commit,
            own,
            value,
            applied: false,
            reply,
        };
        store.write(Box::new(job), answer).await
    })
}

/// A commit, sealed.
struct Adding {
    commit: OverlayCommit,
    /// What it is sealed with.
    own: DataKey,
    value: Vec<u8>,
    /// It was no conflict.
    applied: bool,
    reply: oneshot::Sender<Result<(), CommitError>>,
}

impl Work for Adding {
    fn bytes(&self) -> usize {
        self.value.len()
    }

    fn apply(&mut self, inner: &Inner, tx: &WriteTransaction) -> Result<(), redb::Error> {
        let (id, tenant) = (&self.commit.id, self.commit.tenant.as_str());
        if !inner.is_its_key(id, &self.own) {
            return Ok(());
        }
        let shipments = tx.open_table(SHIPMENTS)?;
        let Some(shipment) = shipments.get(id.0.as_str())? else {
            return Ok(());
        };
        let mut overlays = tx.open_table(OVERLAYS)?;
        let current = match overlays.get((id.0.as_str(), tenant))? {
            None => 0,
            // What `load` calls absent has to be absent here too.
            Some(value) => inner
                .open_overlay(id, tenant, value.value())
                .map_or(0, |known| known.revision),
        };
        if current != self.commit.expected {
            return Ok(());
        }
        // A shipment that cannot be read is absent.
        let cached = inner.cache.get(id).map(|(stored, _)| stored);
        let updated = match cached.filter(|it| it.version == codec::version_in(shipment.value())) {
            Some(stored) => stored.record.update_time,
            None => match inner.open(id, shipment.value()) {
                Some(stored) => stored.record.update_time,
                None => return Ok(()),
            },
        };
        drop(shipment);
        overlays.insert((id.0.as_str(), tenant), self.value.as_slice())?;
        let is_followed = self.commit.overlay.registration.is_some();
        log::follow(tx, id, tenant, is_followed.then_some(updated))?;
        let what = What::Overlay(self.commit.tenant.clone());
        log::write(tx, id, &what, self.commit.time)?;
        self.applied = true;
        Ok(())
    }

    fn end(self: Box<Self>, inner: &Inner, written: Result<(), StoreError>) {
        let OverlayCommit {
            tenant,
            id,
            overlay,
            ..
        } = self.commit;
        let key = (id, tenant);
        let reply = match written {
            Err(error) => Err(error.into()),
            Ok(()) if self.applied => {
                inner.overlays.remember(key, Some(overlay));
                Ok(())
            }
            Ok(()) => {
                inner.overlays.0.invalidate(&key);
                Err(CommitError::Conflict)
            }
        };
        let _gone = self.reply.send(reply);
    }
}
