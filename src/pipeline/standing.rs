//! Which shipments a number or order stands for.
//!
//! **Invariant:** a number that only the text of an event names leads to a shipment as long as no
//! other one has it, and never makes two shipments one: what is said under it later is of whoever
//! owns it.

use std::collections::BTreeSet;
use std::sync::Arc;

use waybill_core::order::Subject;
use waybill_core::reconcile::Dossier;
use waybill_core::shipment::ShipmentId;

use super::Pipeline;
use crate::store::{StoreError, Stored};

/// Shipments of a number or order, in order of their ids. One of them may have become a part of
/// another one, to which its id leads.
pub(super) async fn found(
    pipeline: &Pipeline,
    subject: &Subject,
) -> Result<Vec<ShipmentId>, StoreError> {
    let ids = pipeline.parts.store.find(subject).await?;
    if ids.len() < 2 {
        return Ok(ids);
    }
    let owners = owners(pipeline, subject).await?;
    if owners.is_empty() {
        return Ok(ids);
    }
    let owners = owners.iter().map(|stored| stored.dossier.id.clone());
    Ok(owners.collect::<BTreeSet<_>>().into_iter().collect())
}

/// Shipments that have a number, or are of an order: those left out that only a text says so of.
pub(super) async fn owners(
    pipeline: &Pipeline,
    subject: &Subject,
) -> Result<Vec<Arc<Stored>>, StoreError> {
    let store = &pipeline.parts.store;
    let mut owners: Vec<Arc<Stored>> = Vec::new();
    for id in store.find(subject).await? {
        let Some(stored) = store.load(&id).await? else {
            continue;
        };
        let is_known = |one: &Arc<Stored>| one.dossier.id == stored.dossier.id;
        if owners.iter().any(is_known) {
            continue;
        }
        let only_told = match subject {
            Subject::Number(number) => stored.dossier.is_only_told(number),
            Subject::Order(_) => false,
        };
        if !only_told {
            owners.push(stored);
        }
    }
    Ok(owners)
}

/// Numbers that texts of a shipment name and that nobody else has: what it is found under as well
/// from now on.
pub(super) async fn claim_told(
    pipeline: &Pipeline,
    dossier: &mut Dossier,
) -> Result<Vec<Subject>, StoreError> {
    let mut free = Vec::new();
    for number in dossier.told_numbers() {
        let subject = Subject::Number(number.clone());
        let ids = pipeline.parts.store.find(&subject).await?;
        let own = |id: &ShipmentId| {
            *id == dossier.id || dossier.superseded.iter().any(|one| one.id == *id)
        };
        let is_free = ids.iter().all(own);
        let result = if is_free { "free" } else { "owned" };
        metrics::counter!("waybill_told_numbers_total", "result" => result).increment(1);
        if is_free {
            dossier.told.insert(number);
            free.push(subject);
        }
    }
    Ok(free)
}
