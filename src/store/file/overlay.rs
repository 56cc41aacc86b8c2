//! What tenants add to shipments, in the same file and by the same writer.
//!
//! A value is `schema (1 byte), revision (4, big endian), sealed JSON`, sealed for shipment, tenant
//! and that head: one tenant's value does not open as another's.

use std::sync::Arc;

use moka::sync::Cache;
use redb::{ReadableTable as _, TableDefinition, WriteTransaction};
use tokio::sync::oneshot;
use waybill_core::adapter::BoxFuture;
use waybill_core::overlay::Overlay;
use waybill_core::shipment::ShipmentId;

use super::super::{CommitError, OverlayCommit, StoreError, What};
use super::{FileStore, Inner, SHIPMENTS, Work, log, version_in};

/// Shipment and tenant -> value.
const OVERLAYS: TableDefinition<'_, (&str, &str), &[u8]> = TableDefinition::new("overlays");
/// Meaning of a value; another one is read as absent.
const SCHEMA: u8 = 1;
const HEAD: usize = 5;
/// Overlays kept decoded, those that are known to be absent included.
const KNOWN: u64 = 100_000;

/// Overlays that were read or written last. Nearly every shipment has none, and every answer asks.
pub(super) struct Known(Cache<Key, Option<Arc<Overlay>>>);

type Key = (ShipmentId, String);

impl Known {
    pub(super) fn new() -> Self {
        Self(Cache::new(KNOWN))
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
        let overlay = value.and_then(|value| inner.overlay(&key.0, &key.1, value.value()));
        let overlay = overlay.map(Arc::new);
        inner.overlays.remember(key, overlay.clone());
        Ok(overlay)
    }))
}

pub(super) fn load_all<'a>(
    store: &'a FileStore,
    id: &'a ShipmentId,
) -> BoxFuture<'a, Result<Vec<Arc<Overlay>>, StoreError>> {
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
            found.extend(inner.overlay(&id, tenant, value.value()).map(Arc::new));
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
        let value = store.inner.sealed(&commit)?;
        let job = Adding {
            commit,
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
        let shipments = tx.open_table(SHIPMENTS)?;
        let Some(shipment) = shipments.get(id.0.as_str())? else {
            return Ok(());
        };
        let mut overlays = tx.open_table(OVERLAYS)?;
        let current = match overlays.get((id.0.as_str(), tenant))? {
            None => 0,
            // What `load` calls absent has to be absent here too.
            Some(value) => inner
                .overlay(id, tenant, value.value())
                .map_or(0, |known| known.revision),
        };
        if current != self.commit.expected {
            return Ok(());
        }
        // A shipment that cannot be read is absent.
        let cached = inner.cache.get(id).map(|(stored, _)| stored);
        let updated = match cached.filter(|it| it.version == version_in(shipment.value())) {
            Some(stored) => stored.record.update_time,
            None => match inner.decode(id, shipment.value()) {
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

impl Inner {
    fn sealed(&self, commit: &OverlayCommit) -> Result<Vec<u8>, StoreError> {
        let fail = |error: &dyn std::fmt::Display| StoreError(format!("cannot encode: {error}"));
        let plain = serde_json::to_vec(&*commit.overlay).map_err(|error| fail(&error))?;
        let mut value = vec![SCHEMA];
        value.extend_from_slice(&commit.overlay.revision.to_be_bytes());
        let (id, tenant) = (commit.id.0.as_bytes(), commit.tenant.as_bytes());
        let sealed = self.keys.seal(&[b"overlays", id, tenant, &value], &plain);
        value.extend_from_slice(&sealed.map_err(|error| fail(&error))?);
        Ok(value)
    }

    /// A value that cannot be read is absent.
    fn overlay(&self, id: &ShipmentId, tenant: &str, value: &[u8]) -> Option<Overlay> {
        let decode = || {
            let (head, sealed) = value.split_at_checked(HEAD).ok_or("format")?;
            if head[0] != SCHEMA {
                return Err("schema");
            }
            let place = [b"overlays", id.0.as_bytes(), tenant.as_bytes(), head];
            let plain = self.keys.open(&place, sealed);
            let plain = plain.map_err(|error| error.as_str())?;
            serde_json::from_slice(&plain).map_err(|_| "json")
        };
        decode()
            .inspect_err(|reason| {
                metrics::counter!("waybill_store_unreadable_total", "reason" => *reason)
                    .increment(1);
                tracing::warn!(shipment = %id.0, reason, "what a tenant added cannot be read");
            })
            .ok()
    }
}
