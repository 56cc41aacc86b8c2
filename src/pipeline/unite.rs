//! Two stored shipments that turn out to be one parcel: one of them takes in the other one, whose id
//! leads to it from then on.
//!
//! **Invariant:** nothing is lost wherever it stops, and to do it again changes nothing. First the
//! shipment that stays has everything, then tenants' additions move, and last of all the other one
//! is emptied; whoever writes to that one meanwhile makes it start again.

use std::sync::Arc;

use waybill_core::order::Subject;
use waybill_core::overlay::Overlay;
use waybill_core::reconcile::Dossier;
use waybill_core::shipment::{Shipment, ShipmentId};

use super::settle::commit;
use super::{Pipeline, standing};
use crate::store::{CommitError, StoreError, Stored};
use crate::watch::log::names;

/// How often it is tried again when the shipments change meanwhile.
const ROUNDS: usize = 16;

/// Unites a shipment with every other stored one that sources say is the same parcel. Returns the
/// record that stands for it now.
pub(super) async fn unite(
    pipeline: &Pipeline,
    record: Arc<Shipment>,
) -> Result<Arc<Shipment>, StoreError> {
    let store = &pipeline.parts.store;
    let mut current = record;
    for _ in 0..ROUNDS {
        let Some(stored) = store.load(&current.id).await? else {
            break;
        };
        current = Arc::clone(&stored.record);
        let Some(other) = twin(pipeline, &stored).await? else {
            break;
        };
        let (kept, gone) = match stored.dossier.keeps_id_before(&other.dossier) {
            true => (stored, other),
            false => (other, stored),
        };
        if let Some(united) = take_in(pipeline, &kept, &gone).await? {
            metrics::counter!("waybill_shipments_united_total").increment(1);
            current = united;
        }
    }
    Ok(current)
}

/// The one other shipment that is the same parcel. Where a third one has the number too, nobody can
/// say whose it is, and all stay apart.
async fn twin(pipeline: &Pipeline, stored: &Stored) -> Result<Option<Arc<Stored>>, StoreError> {
    let dossier = &stored.dossier;
    for number in dossier.next_numbers() {
        let owners = standing::owners(pipeline, &Subject::Number(number)).await?;
        let mut others = owners
            .into_iter()
            .filter(|one| one.dossier.id != dossier.id);
        if let (Some(other), None) = (others.next(), others.next())
            && dossier.is_one_with(&other.dossier)
        {
            return Ok(Some(other));
        }
    }
    Ok(None)
}

/// Lets one shipment take in another; `None` if one of them has changed meanwhile.
async fn take_in(
    pipeline: &Pipeline,
    kept: &Arc<Stored>,
    gone: &Arc<Stored>,
) -> Result<Option<Arc<Shipment>>, StoreError> {
    let mut dossier = kept.dossier.clone();
    dossier.unite(gone.dossier.clone(), &gone.record);
    let Some(united) = written(pipeline, kept, dossier, names(&gone.record)).await? else {
        return Ok(None);
    };
    move_overlays(pipeline, &gone.record, &united).await?;
    let left = gone.dossier.succeeded_by(united.id.clone());
    if written(pipeline, gone, left, Vec::new()).await?.is_none() {
        return Ok(None);
    }
    // What a tenant has added between the two steps.
    move_overlays(pipeline, &gone.record, &united).await?;
    Ok(Some(united))
}

async fn written(
    pipeline: &Pipeline,
    stored: &Arc<Stored>,
    dossier: Dossier,
    aliases: Vec<Subject>,
) -> Result<Option<Arc<Shipment>>, StoreError> {
    match commit(pipeline, Some(stored), dossier, aliases, false).await {
        Ok((record, _)) => Ok(Some(record)),
        Err(CommitError::Conflict) => Ok(None),
        Err(CommitError::Store(error)) => Err(error),
    }
}

/// Moves what tenants added from one shipment to the other.
async fn move_overlays(
    pipeline: &Pipeline,
    gone: &Arc<Shipment>,
    kept: &Arc<Shipment>,
) -> Result<(), StoreError> {
    let store = &pipeline.parts.store;
    for _ in 0..ROUNDS {
        let mut overlays = store.overlays(&gone.id).await?;
        overlays.retain(|(_, overlay)| !overlay.is_empty());
        if overlays.is_empty() {
            return Ok(());
        }
        for (tenant, overlay) in &overlays {
            move_overlay(pipeline, tenant, overlay, &gone.id, &kept.id).await?;
        }
    }
    Ok(())
}

/// Moves the overlay of one tenant, as far as nobody changes it meanwhile.
async fn move_overlay(
    pipeline: &Pipeline,
    tenant: &str,
    overlay: &Overlay,
    gone: &ShipmentId,
    kept: &ShipmentId,
) -> Result<(), StoreError> {
    let before = pipeline.parts.store.overlay(tenant, kept).await?;
    let before = before.unwrap_or_default();
    let steps = [
        (kept, &*before, before.joined(overlay)),
        (gone, overlay, overlay.emptied()),
    ];
    for (id, before, after) in steps {
        match pipeline.add(tenant, id, before, after).await {
            Ok(after) => pipeline.count_promise(tenant, id, before, &after).await,
            Err(CommitError::Conflict) => return Ok(()),
            Err(CommitError::Store(error)) => return Err(error),
        }
    }
    Ok(())
}
