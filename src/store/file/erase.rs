//! Erasing a shipment, by the same writer: its key first, then what it sealed.

use redb::{ReadTransaction, WriteTransaction};
use tokio::sync::oneshot;
use waybill_core::adapter::BoxFuture;
use waybill_core::shipment::ShipmentId;

use super::super::{CommitError, Erasure, StoreError, What};
use super::{FileStore, Inner, NUMBERS, SHIPMENTS, Work, log, overlay};

/// An erasure on its way to the writer.
struct Erasing {
    erasure: Erasure,
    was_there: bool,
    /// Tenants that had added something.
    tenants: Vec<String>,
    reply: oneshot::Sender<Result<bool, CommitError>>,
}

pub(super) fn erase(
    store: &FileStore,
    erasure: Erasure,
) -> BoxFuture<'_, Result<bool, StoreError>> {
    Box::pin(async move {
        let (reply, answer) = oneshot::channel();
        let job = Erasing {
            erasure,
            was_there: false,
            tenants: Vec::new(),
            reply,
        };
        let written = store.write(Box::new(job), answer).await;
        written.map_err(|error| match error {
            CommitError::Store(error) => error,
            CommitError::Conflict => StoreError::new(error),
        })
    })
}

/// Ids of shipments after one, in their order.
pub(super) fn all(
    tx: &ReadTransaction,
    after: Option<&ShipmentId>,
    limit: usize,
) -> Result<Vec<ShipmentId>, redb::Error> {
    let shipments = tx.open_table(SHIPMENTS)?;
    // The least text that is greater.
    let from = after.map_or_else(String::new, |after| format!("{}\0", after.0));
    let rows = shipments.range(from.as_str()..)?.take(limit);
    let id = |row: Result<(redb::AccessGuard<'_, &str>, _), redb::StorageError>| {
        Ok(ShipmentId(row?.0.value().to_owned()))
    };
    rows.map(id).collect()
}

impl Work for Erasing {
    fn bytes(&self) -> usize {
        0
    }

    fn apply(&mut self, inner: &Inner, tx: &WriteTransaction) -> Result<(), redb::Error> {
        let id = &self.erasure.id;
        // Should the rest fail, what is left cannot be read, and is erased when it is asked again.
        let fault = |error: StoreError| std::io::Error::other(error.to_string());
        let had_key = inner.vault.forget(id).map_err(fault)?;
        let mut shipments = tx.open_table(SHIPMENTS)?;
        let was_there = shipments.remove(id.0.as_str())?.is_some();
        self.was_there = was_there || had_key;
        let mut numbers = tx.open_multimap_table(NUMBERS)?;
        for subject in &self.erasure.subjects {
            numbers.remove(&inner.keys.subject(subject), id.0.as_str())?;
        }
        self.tenants = overlay::remove(tx, id)?;
        if self.was_there {
            log::write(tx, id, &What::Erased, self.erasure.time)?;
        }
        Ok(())
    }

    fn end(self: Box<Self>, inner: &Inner, written: Result<(), StoreError>) {
        inner.forget(&self.erasure.id, self.tenants);
        let reply = written.map(|()| self.was_there);
        let _gone = self.reply.send(reply.map_err(CommitError::from));
    }
}

impl Inner {
    /// Drops what is kept decoded of a shipment.
    fn forget(&self, id: &ShipmentId, tenants: Vec<String>) {
        self.cache.invalidate(id);
        for tenant in tenants {
            self.overlays.forget(&(id.clone(), tenant));
        }
    }
}
