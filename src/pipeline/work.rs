//! What tenants add to shipments: read as of now, and changed step by step.
//!
//! **Invariant:** the record is not touched. An overlay that a new event has changed is stored and
//! told before anybody sees it, as [`super::recall::current`] does with what time has changed.

use std::sync::Arc;

use waybill_core::event::Digest;
use waybill_core::overlay::{Overlay, Refusal, Step};
use waybill_core::shipment::{Shipment, ShipmentId};

use super::{Miss, Pipeline};
use crate::store::{CommitError, OverlayCommit, StoreError};

/// Why a step about an exception was not taken.
#[derive(Clone, Debug)]
pub enum Unworked {
    /// There is no such shipment, or the store does not answer.
    Miss(Miss),
    /// It does not fit.
    Refused(Refusal),
}

/// A step that was taken, or was taken before.
pub struct Worked {
    /// The record, brought up to now.
    pub record: Arc<Shipment>,
    /// The exception.
    pub exception: Digest,
    /// What the tenant adds, with the step in it.
    pub overlay: Arc<Overlay>,
}

impl Pipeline {
    /// What a tenant adds to a record; `None` if nothing.
    ///
    /// # Errors
    /// [`Miss::Store`].
    pub async fn overlay(
        &self,
        tenant: &str,
        record: &Shipment,
    ) -> Result<Option<Arc<Overlay>>, Miss> {
        loop {
            let overlay = self.parts.store.overlay(tenant, &record.id).await;
            let Some(overlay) = overlay.map_err(failed)? else {
                return Ok(None);
            };
            let Some(revised) = overlay.revised(record) else {
                return Ok(Some(overlay));
            };
            match self.add(tenant, &record.id, &overlay, revised).await {
                Ok(revised) => return Ok(Some(revised)),
                Err(CommitError::Conflict) => {}
                Err(CommitError::Store(error)) => return Err(failed(error)),
            }
        }
    }

    /// Takes a step about an exception, for a tenant that has seen its overlay at revision `seen`,
    /// if it says so.
    ///
    /// # Errors
    /// See [`Unworked`].
    pub async fn work(
        &self,
        tenant: &str,
        id: &ShipmentId,
        exception: &str,
        step: Step,
        seen: Option<u32>,
    ) -> Result<Worked, Unworked> {
        loop {
            let record = self.current_of(tenant, id).await.map_err(Unworked::Miss)?;
            let before = self.overlay(tenant, &record).await;
            let before = before.map_err(Unworked::Miss)?.unwrap_or_default();
            let after = before.step(&record, exception, step.clone(), seen);
            let after = after.map_err(Unworked::Refused)?;
            let known = record.exceptions.iter().map(|one| one.id);
            let exception_id = known.into_iter().find(|id| id.to_string() == exception);
            let exception_id = exception_id.ok_or(Unworked::Refused(Refusal::UnknownException))?;
            let done = |overlay| Worked {
                record: Arc::clone(&record),
                exception: exception_id,
                overlay,
            };
            if after.revision == before.revision {
                return Ok(done(before));
            }
            match self.add(tenant, &record.id, &before, after).await {
                Ok(overlay) => {
                    let kpis = &self.parts.kpis;
                    kpis.worked(tenant, &record, &overlay, exception_id, self.now());
                    return Ok(done(overlay));
                }
                Err(CommitError::Conflict) => {}
                Err(CommitError::Store(error)) => return Err(Unworked::Miss(failed(error))),
            }
        }
    }

    /// Stores an overlay and tells those who follow the shipment; whoever sees another tenant's
    /// finds nothing new.
    pub(super) async fn add(
        &self,
        tenant: &str,
        id: &ShipmentId,
        before: &Overlay,
        after: Overlay,
    ) -> Result<Arc<Overlay>, CommitError> {
        let overlay = Arc::new(after);
        let commit = OverlayCommit {
            tenant: tenant.to_owned(),
            id: id.clone(),
            expected: before.revision,
            overlay: Arc::clone(&overlay),
            time: self.now(),
        };
        self.parts.store.commit_overlay(commit).await?;
        self.parts.hub.touch(id, &[]);
        Ok(overlay)
    }
}

pub(super) fn failed(error: StoreError) -> Miss {
    Miss::Store(error.to_string())
}
