//! What a tenant sees of a record: all that is shared, its own, and nothing of other tenants.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use waybill_core::assess::assess;
use waybill_core::kpi::announced;
use waybill_core::order::Subject;
use waybill_core::owner::{SHARED, View, sees};
use waybill_core::reconcile::Dossier;
use waybill_core::shipment::{Shipment, ShipmentId};

use super::live::Live;
use super::{Miss, Pipeline, Source, recall};
use crate::kpi::Counted;

/// A record, and when time alone changes it.
type Seen = (Arc<Shipment>, Option<Timestamp>);

impl Live {
    /// Accounts that a tenant may use.
    pub(super) fn sources_of(&self, tenant: &str) -> Cow<'_, [Arc<Source>]> {
        let all = &*self.sources;
        let serves = |source: &&Arc<Source>| {
            let tenants = &source.tenants;
            tenants.is_empty() || tenants.iter().any(|one| one == tenant)
        };
        if all.iter().all(|source| serves(&source)) {
            return Cow::Borrowed(all);
        }
        Cow::Owned(all.iter().filter(serves).cloned().collect())
    }
}

impl Pipeline {
    /// Whether a tenant has accounts that not everybody uses.
    pub fn has_accounts(&self, tenant: &str) -> bool {
        let live = self.live();
        let mut all = live.configured.sources.iter();
        all.any(|source| source.tenants.iter().any(|one| one == tenant))
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
    ) -> Result<Option<Seen>, Miss> {
        self.seen(tenant, None, record).await
    }

    /// The same of a record that was found under a number or order, unless only what the tenant does
    /// not see leads there.
    pub(super) async fn found_by(
        &self,
        tenant: &str,
        subject: &Subject,
        record: Arc<Shipment>,
    ) -> Result<Option<Seen>, Miss> {
        self.seen(tenant, Some(subject), record).await
    }

    async fn seen(
        &self,
        tenant: &str,
        subject: Option<&Subject>,
        record: Arc<Shipment>,
    ) -> Result<Option<Seen>, Miss> {
        if !self.parts.has_tenants {
            return Ok(Some((record, None)));
        }
        let stored = self.parts.store.load(&record.id).await;
        let stored = stored.map_err(|error| Miss::Store(error.to_string()))?;
        let Some(stored) = stored else {
            return Ok(Some((record, None)));
        };
        let part = match stored.dossier.seen_by(tenant) {
            View::All if self.shows_all(tenant, &record) => return Ok(Some((record, None))),
            // What is not seen has gone since the record was read.
            View::All => return Ok(Some((Arc::clone(&stored.record), stored.next_change))),
            View::Part(part) => part,
            View::Nothing(part) => {
                let overlay = self.parts.store.overlay(tenant, &stored.dossier.id).await;
                let overlay = overlay.map_err(|error| Miss::Store(error.to_string()))?;
                // Whoever follows it sees what would be there if nobody else did.
                if overlay.is_none_or(|overlay| overlay.registration.is_none()) {
                    return Ok(None);
                }
                part
            }
        };
        if let Some(Subject::Number(number)) = subject
            && !part.is_named(number)
        {
            return Ok(None);
        }
        let (mut seen, next_change) = assess(part.record(), self.now());
        seen.revision = record.revision;
        let heard = seen.events.iter().map(|event| event.ingest_time);
        let stated = part.facts.iter().map(|facts| facts.receive_time);
        // Not when others have heard something.
        seen.update_time = heard.max().or(stated.min()).unwrap_or_default();
        let known: HashMap<_, _> = record.events.iter().map(|one| (one.id, one)).collect();
        for event in &mut seen.events {
            let known = known.get(&event.id);
            event.revision = known.map_or(record.revision, |one| one.revision);
            event.added = known.map_or(record.revision, |one| one.added);
        }
        Ok(Some((Arc::new(seen), next_change)))
    }

    /// A stored record as a tenant sees it now; `None` if the tenant sees nothing of it.
    pub(super) fn shown(
        &self,
        tenant: &str,
        dossier: &Dossier,
        record: &Arc<Shipment>,
    ) -> Option<Arc<Shipment>> {
        if !self.parts.has_tenants {
            return Some(Arc::clone(record));
        }
        match dossier.seen_by(tenant) {
            View::All => Some(Arc::clone(record)),
            View::Part(part) => Some(Arc::new(assess(part.record(), self.now()).0)),
            View::Nothing(_) => None,
        }
    }

    /// What is counted of a stored record.
    pub(super) fn counted(&self, dossier: &Dossier, record: &Arc<Shipment>) -> Counted {
        let whole = |tenant: String| Counted {
            record: Arc::clone(record),
            said: announced(&dossier.facts).into(),
            tenant,
        };
        if !self.parts.has_tenants {
            return whole(String::new());
        }
        let part = match dossier.seen_by(SHARED) {
            View::All => return whole(String::new()),
            View::Part(part) => part,
            View::Nothing(part) => match dossier.only_owner() {
                Some(owner) => return whole(owner.to_owned()),
                None => part,
            },
        };
        Counted {
            record: Arc::new(assess(part.record(), self.now()).0),
            said: announced(&part.facts).into(),
            tenant: String::new(),
        }
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
