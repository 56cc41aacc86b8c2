//! What a tenant sees of a record: all that is shared, its own, and nothing of other tenants.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use waybill_core::assess::assess;
use waybill_core::owner::{View, sees};
use waybill_core::shipment::{Shipment, ShipmentId};

use super::{Miss, Pipeline, Source, recall};

impl Pipeline {
    /// Accounts that a tenant may use.
    pub(super) fn sources_of(&self, tenant: &str) -> Cow<'_, [Arc<Source>]> {
        let all = &self.parts.sources;
        let serves = |source: &&Arc<Source>| {
            let tenants = &source.tenants;
            tenants.is_empty() || tenants.iter().any(|one| one == tenant)
        };
        if all.iter().all(|source| serves(&source)) {
            return Cow::Borrowed(all);
        }
        Cow::Owned(all.iter().filter(serves).cloned().collect())
    }

    /// A record as a tenant sees it, and when time alone changes that; `None` if the tenant sees
    /// nothing of it. What is left out is left out of everything that follows from it.
    ///
    /// # Errors
    /// [`Miss::Store`].
    pub(super) async fn seen_by(
        &self,
        tenant: &str,
        record: Arc<Shipment>,
    ) -> Result<Option<(Arc<Shipment>, Option<Timestamp>)>, Miss> {
        if !self.parts.has_tenants {
            return Ok(Some((record, None)));
        }
        let stored = self.parts.store.load(&record.id).await;
        let stored = stored.map_err(|error| Miss::Store(error.to_string()))?;
        let Some(stored) = stored else {
            return Ok(Some((record, None)));
        };
        let part = match stored.dossier.seen_by(tenant) {
            View::All => return Ok(Some((record, None))),
            View::Nothing => return Ok(None),
            View::Part(part) => part,
        };
        let (mut seen, next_change) = assess(part.record(), self.now());
        seen.revision = record.revision;
        seen.update_time = record.update_time;
        let known: HashMap<_, _> = record.events.iter().map(|one| (one.id, one)).collect();
        for event in &mut seen.events {
            let known = known.get(&event.id);
            event.revision = known.map_or(record.revision, |one| one.revision);
            event.added = known.map_or(record.revision, |one| one.added);
        }
        Ok(Some((Arc::new(seen), next_change)))
    }

    /// The record with this id as of now, as a tenant sees it.
    ///
    /// # Errors
    /// [`Miss::Store`] or [`Miss::UnknownId`].
    pub(super) async fn current_of(
        &self,
        tenant: &str,
        id: &ShipmentId,
    ) -> Result<Arc<Shipment>, Miss> {
        let (record, _) = recall::current(self, id).await?.ok_or(Miss::UnknownId)?;
        let seen = self.seen_by(tenant, record).await?;
        seen.map(|(record, _)| record).ok_or(Miss::UnknownId)
    }

    /// Whether a tenant sees all that a record shows.
    pub(crate) fn shows_all(&self, tenant: &str, record: &Shipment) -> bool {
        let mut events = record.events.iter();
        !self.parts.has_tenants
            || events.all(|event| event.observations().all(|one| sees(tenant, &one.source)))
    }
}
