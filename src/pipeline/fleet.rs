//! What tenants follow: registered, listed, and what has changed of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use waybill_core::adapter::Hints;
use waybill_core::internal;
use waybill_core::order::{Order, Subject};
use waybill_core::overlay::{Overlay, Promise, Registration};
use waybill_core::reconcile::Dossier;
use waybill_core::shipment::ShipmentId;

use super::settle::{commit, issuer_of};
use super::way::Way;
use super::work::failed;
use super::{Lookup, Miss, Pipeline, route};
use crate::guard::Priority;
use crate::store::{CommitError, Head, Place};
use crate::watch::News;
use crate::watch::log::{self, Gap};

/// What to follow, and what the tenant calls it.
#[derive(Clone)]
pub struct Enrolment {
    /// Which.
    pub target: Enrolled,
    /// Carrier named by the caller; empty if none.
    pub carrier: String,
    /// What its sources need to know.
    pub hints: Hints,
    /// By key; they replace those that exist.
    pub labels: BTreeMap<String, String>,
    /// The tenant's own order; `None`: as before.
    pub order: Option<Order>,
    /// Delivery promised to the buyer; `None`: as before.
    pub promise: Option<Promise>,
}

/// What a registration names.
#[derive(Clone)]
pub enum Enrolled {
    /// A shipment.
    Id(ShipmentId),
    /// A number or order.
    Subject(Subject),
}

/// Registered shipments counted at a time.
const COUNT_PAGE: usize = 1_000;

impl Pipeline {
    /// Follows every shipment that the target stands for, or a new one that waits for its number to
    /// become known. Returns their ids, and whether one of them was not followed before.
    ///
    /// # Errors
    /// [`Miss::UnknownId`] (also for an order that nobody knows), [`Miss::NoSource`],
    /// [`Miss::UnknownSource`] or [`Miss::Store`].
    pub async fn register(
        &self,
        tenant: &str,
        enrolment: &Enrolment,
    ) -> Result<(Vec<ShipmentId>, bool), Miss> {
        let ids = match &enrolment.target {
            Enrolled::Id(id) => {
                vec![self.current_of(tenant, id).await?.id.clone()]
            }
            Enrolled::Subject(subject) => self.enrolled(tenant, subject, enrolment).await?,
        };
        let mut created = false;
        for id in &ids {
            created |= self.enrol(tenant, id, Some(enrolment)).await?;
        }
        Ok((ids, created))
    }

    /// Follows a shipment no longer.
    ///
    /// # Errors
    /// [`Miss::UnknownId`] or [`Miss::Store`].
    pub async fn unregister(&self, tenant: &str, id: &ShipmentId) -> Result<(), Miss> {
        let id = &self.current_of(tenant, id).await?.id;
        self.enrol(tenant, id, None).await.map(|_| ())
    }

    /// What a tenant follows, in the order in which it changed.
    ///
    /// # Errors
    /// [`Miss::Store`].
    pub async fn registered(
        &self,
        tenant: &str,
        after: Option<Place>,
        limit: usize,
    ) -> Result<Vec<Place>, Miss> {
        let places = self.parts.store.registered(tenant, after, limit).await;
        places.map_err(failed)
    }

    /// How many shipments a tenant follows; not counted beyond a limit.
    ///
    /// # Errors
    /// [`Miss::Store`].
    pub async fn count_registered(&self, tenant: &str, limit: u64) -> Result<u64, Miss> {
        let (mut count, mut after) = (0, None);
        while count < limit {
            let page = self.registered(tenant, after, COUNT_PAGE).await?;
            count += page.len() as u64;
            match page.into_iter().next_back() {
                Some(last) => after = Some(last),
                None => break,
            }
        }
        Ok(count)
    }

    /// What has changed since a place in the change log, of records and of what the tenant adds,
    /// and up to where.
    ///
    /// # Errors
    /// [`Miss::Store`].
    pub async fn changed_since(
        &self,
        place: &[Head],
        tenant: &str,
    ) -> Result<(Vec<Head>, Result<BTreeMap<ShipmentId, News>, Gap>), Miss> {
        let store = &*self.parts.store;
        let heads = store.heads().await.map_err(failed)?;
        let news = log::since(store, place, &heads, tenant).await;
        Ok((heads, news.map_err(failed)?))
    }

    /// Stored shipments of a number or order, or a new one.
    async fn enrolled(
        &self,
        tenant: &str,
        subject: &Subject,
        enrolment: &Enrolment,
    ) -> Result<Vec<ShipmentId>, Miss> {
        // Whoever registers a number wants to know of it, whatever was erased before.
        self.lift_bar(subject).await.map_err(failed)?;
        let mut ids = Vec::new();
        for id in self.known(subject).await? {
            let Some(stored) = self.parts.store.load(&id).await.map_err(failed)? else {
                continue;
            };
            // Where only others' own accounts lead, there is nothing for this tenant yet.
            let record = Arc::clone(&stored.record);
            let Some((record, _)) = self.found_by(tenant, subject, record).await? else {
                continue;
            };
            let carrier = &enrolment.carrier;
            let is_meant = carrier.is_empty()
                || record.carrier == *carrier
                || stored.dossier.carrier == *carrier
                || internal::is_only_own(&stored.dossier)
                || record.legs.iter().any(|leg| leg.carrier == *carrier);
            if is_meant && !ids.contains(&record.id) {
                ids.push(record.id.clone());
            }
        }
        match subject {
            Subject::Number(number) if ids.is_empty() => {
                let carrier = self.carrier_of(tenant, subject, enrolment)?;
                let shared = issuer_of(number).unwrap_or(&carrier);
                let id = self.parts.keys.shipment_id(shared, number, 0);
                let dossier = Dossier::new(id.clone(), number.clone(), carrier);
                match commit(self, None, dossier, Vec::new(), false).await {
                    // Somebody else was faster, so it is there.
                    Ok(_) | Err(CommitError::Conflict) => Ok(vec![id]),
                    Err(CommitError::Store(error)) => Err(failed(error)),
                }
            }
            Subject::Order(_) if ids.is_empty() => Err(Miss::UnknownId),
            _ => Ok(ids),
        }
    }

    /// Carrier of a number that nobody has asked for yet. Some source has to serve it.
    fn carrier_of(
        &self,
        tenant: &str,
        subject: &Subject,
        enrolment: &Enrolment,
    ) -> Result<String, Miss> {
        let lookup = Lookup {
            tenant: tenant.to_owned(),
            subject: subject.clone(),
            carrier: enrolment.carrier.clone(),
            hints: enrolment.hints.clone(),
            sources: Vec::new(),
            max_age: None,
            cache_only: true,
            wait_for_all: false,
            allow_paid: true,
            deadline: tokio::time::Instant::now() + Duration::from_secs(1),
            priority: Priority::Background,
        };
        let live = self.live();
        // Nothing is known of its way yet.
        let way = Way::default();
        let sources = live.sources_of(tenant);
        let route = route::route(&sources, &live.configured.routing, &lookup, &way)?;
        if let Some(miss) = route.miss {
            return Err(miss);
        }
        let mut carriers = route
            .sources
            .iter()
            .map(|routed| match routed.carrier.as_str() {
                "" => routed.source.descriptor.carrier,
                carrier => carrier,
            });
        let best = carriers.find(|carrier| !carrier.is_empty());
        Ok(match enrolment.carrier.as_str() {
            "" => best.unwrap_or_default().to_owned(),
            named => named.to_owned(),
        })
    }

    /// Tells the figures of another promise than before, also of a shipment that is delivered
    /// already.
    pub(super) async fn count_promise(
        &self,
        tenant: &str,
        id: &ShipmentId,
        old: &Overlay,
        new: &Overlay,
    ) {
        let promise = |of: &Overlay| of.registration.as_ref().and_then(|one| one.promise);
        let (old, new) = (promise(old), promise(new));
        if old == new {
            return;
        }
        // What cannot be read now is missing from the figures, and from nothing else.
        if let Ok(Some(stored)) = self.parts.store.load(id).await
            && stored.dossier.id == *id
        {
            let kpis = &self.parts.kpis;
            if let Some(record) = self.shown(tenant, &stored.dossier, &stored.record) {
                kpis.promised(&record, tenant, old, new, self.now());
            }
        }
    }

    /// Writes that a tenant follows a shipment, or no longer. Tells whether that is new.
    async fn enrol(
        &self,
        tenant: &str,
        id: &ShipmentId,
        enrolment: Option<&Enrolment>,
    ) -> Result<bool, Miss> {
        loop {
            let known = self.parts.store.overlay(tenant, id).await.map_err(failed)?;
            let before: Arc<Overlay> = known.unwrap_or_default();
            let old = before.registration.as_ref();
            let registration = enrolment.map(|new| Registration {
                since: self.now(),
                hints: new.hints.clone(),
                labels: new.labels.clone(),
                order: new.order.clone().or_else(|| old?.order.clone()),
                promise: new.promise.or_else(|| old?.promise),
            });
            let created = old.is_none() && registration.is_some();
            let after = before.registered(registration);
            if after.revision == before.revision {
                return Ok(false);
            }
            match self.add(tenant, id, &before, after).await {
                Ok(after) => {
                    self.count_promise(tenant, id, &before, &after).await;
                    return Ok(created);
                }
                Err(CommitError::Conflict) => {
                    let stored = self.parts.store.load(id).await.map_err(failed)?;
                    stored.ok_or(Miss::UnknownId)?;
                }
                Err(CommitError::Store(error)) => return Err(failed(error)),
            }
        }
    }
}
