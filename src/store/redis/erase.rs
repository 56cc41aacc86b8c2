//! The keys of shipments, erasing, and what there is.

use futures_util::future::try_join_all;
use waybill_core::shipment::ShipmentId;

use super::super::seal::DataKey;
use super::super::{Erasure, StoreError, changes_kept_since};
use super::script::{Answer, Noted};
use super::{Inner, Own, PARTITIONS, new_epoch, partition_of, sortable};

impl Inner {
    /// The key of a shipment as Redis holds it; `None` if it has none, or one that cannot be read.
    pub(super) async fn held_key(&self, id: &ShipmentId) -> Result<Option<Own>, StoreError> {
        let mut get = redis::cmd("GET");
        get.arg(self.key_name(id));
        let wrapped: Option<Vec<u8>> = self.ask("key", &get).await?;
        let own = self.unwrap(id, wrapped.as_deref());
        let Some(own) = own.filter(|own| !self.keys.is_newest(&own.wrapped)) else {
            return Ok(self.unwrap(id, wrapped.as_deref()));
        };
        let newest = self.keys.wrap(id, &own.key).map_err(StoreError::new)?;
        let names = [self.key_name(id)];
        let arguments: [&[u8]; 2] = [&own.wrapped, &newest];
        let _done: Noted = self
            .run("key", &self.scripts.rewrap, &names, &arguments)
            .await?;
        Ok(Some(Own {
            wrapped: newest,
            ..own
        }))
    }

    /// A key as Redis holds it.
    pub(super) fn unwrap(&self, id: &ShipmentId, wrapped: Option<&[u8]>) -> Option<Own> {
        let wrapped = wrapped?;
        let key = self.keys.unwrap(id, wrapped).ok()?;
        Some(Own {
            key,
            wrapped: wrapped.to_vec(),
            is_new: false,
        })
    }

    /// The key to seal something of a shipment with, made if it has none. Whether it still is its key
    /// the script says that writes.
    pub(super) async fn own_key(&self, id: &ShipmentId) -> Result<Own, StoreError> {
        if let Some(known) = self.known.get(id) {
            return Ok(known);
        }
        if let Some(held) = self.held_key(id).await? {
            self.known.insert(id.clone(), held.clone());
            return Ok(held);
        }
        let key = DataKey::random().map_err(StoreError::new)?;
        Ok(Own {
            wrapped: self.keys.wrap(id, &key).map_err(StoreError::new)?,
            key,
            is_new: true,
        })
    }

    /// Remembers a key that something was written with.
    pub(super) fn keep_key(&self, id: &ShipmentId, own: Own) {
        if own.is_new {
            let is_new = false;
            self.known.insert(id.clone(), Own { is_new, ..own });
        }
    }

    pub(super) async fn erase(&self, erasure: Erasure) -> Result<bool, StoreError> {
        let Erasure { id, subjects, time } = erasure;
        let partition = partition_of(&id);
        let texts = [
            sortable(time),
            sortable(changes_kept_since(time)),
            self.channel(),
            partition.to_string(),
        ];
        let new = new_epoch();
        let mut arguments: Vec<&[u8]> = vec![&new, id.0.as_bytes()];
        arguments.extend(texts.iter().map(|text| text.as_bytes()));
        let names = self.commit_names(partition, &id);
        let script = &self.scripts.erase;
        let answer: Answer<u64> = self.run("erase", script, &names, &arguments).await?;
        self.forget(&id);
        let leaving = subjects.iter().map(async |subject| {
            let mut remove = redis::cmd("SREM");
            remove.arg(self.subject_name(&self.keys.subject(subject)));
            remove.arg(&id.0);
            self.ask::<()>("alias", &remove).await
        });
        try_join_all(leaving).await?;
        self.heard.put(partition);
        self.bell.ring();
        Ok(answer.of > 0)
    }

    /// Drops what this node keeps of a shipment.
    pub(super) fn forget(&self, id: &ShipmentId) {
        self.known.invalidate(id);
        self.near.erase(id);
    }

    /// Ids of shipments after one, in their order.
    pub(super) async fn all(
        &self,
        after: Option<&ShipmentId>,
        limit: usize,
    ) -> Result<Vec<ShipmentId>, StoreError> {
        let min = after.map_or_else(|| "-".to_owned(), |after| format!("({}", after.0));
        let asking = (0..PARTITIONS).map(async |partition| {
            let mut range = redis::cmd("ZRANGEBYLEX");
            range.arg(self.name(partition, "i")).arg(&min).arg("+");
            range.arg("LIMIT").arg(0).arg(limit);
            self.ask::<Vec<String>>("all", &range).await
        });
        let mut ids = try_join_all(asking).await?.concat();
        ids.sort_unstable();
        ids.truncate(limit);
        Ok(ids.into_iter().map(ShipmentId).collect())
    }
}
