//! All that is held of one shipment, for a bundle.

use std::sync::Arc;

use waybill_core::overlay::Overlay;
use waybill_core::owner::sees;
use waybill_core::shipment::{Shipment, ShipmentId};

use super::{Miss, Pipeline};
use crate::evidence::Gathered;
use crate::store::{StoreError, Stored};

/// What is held of one shipment.
pub struct Held {
    /// The record, brought up to now.
    pub record: Arc<Shipment>,
    /// What the tenant has added.
    pub overlay: Option<Arc<Overlay>>,
    /// What sources said, as received.
    pub said: Gathered,
}

/// A shipment as it is stored, and what tenants have added, by tenant.
pub type Owned = (Arc<Stored>, Vec<(String, Arc<Overlay>)>);

/// Everything that is held of one shipment, of every tenant.
pub struct Everything {
    /// The record and what it is made of.
    pub stored: Arc<Stored>,
    /// What tenants have added, by tenant.
    pub overlays: Vec<(String, Arc<Overlay>)>,
    /// What sources said, as received.
    pub said: Gathered,
}

impl Pipeline {
    /// Gathers everything that is held of a shipment; `None` if nothing is.
    ///
    /// # Errors
    /// [`Miss::Store`].
    pub async fn everything(&self, id: &ShipmentId) -> Result<Option<Everything>, Miss> {
        let failed = |error: StoreError| Miss::Store(error.to_string());
        let Some(stored) = self.parts.store.load(id).await.map_err(failed)? else {
            return Ok(None);
        };
        let id = &stored.dossier.id;
        let overlays = self.parts.store.overlays(id).await.map_err(failed)?;
        let said = self.parts.evidence.gather(&stored.record, self.now());
        let said = said.await.map_err(failed)?;
        Ok(Some(Everything {
            stored,
            overlays,
            said,
        }))
    }

    /// Ids of everything that is stored, in their order, after one.
    ///
    /// # Errors
    /// [`Miss::Store`].
    pub async fn all(
        &self,
        after: Option<&ShipmentId>,
        limit: usize,
    ) -> Result<Vec<ShipmentId>, Miss> {
        let all = self.parts.store.all(after, limit).await;
        all.map_err(|error| Miss::Store(error.to_string()))
    }

    /// One shipment as it is stored, and what tenants have added; `None` if there is none.
    ///
    /// # Errors
    /// [`Miss::Store`].
    pub async fn held_of(&self, id: &ShipmentId) -> Result<Option<Owned>, Miss> {
        let failed = |error: StoreError| Miss::Store(error.to_string());
        let Some(stored) = self.parts.store.load_stored(id).await.map_err(failed)? else {
            return Ok(None);
        };
        let overlays = self.parts.store.overlays(id).await.map_err(failed)?;
        Ok(Some((stored, overlays)))
    }

    /// What a tenant adds to a shipment.
    ///
    /// # Errors
    /// [`Miss::Store`].
    pub async fn overlay_of(
        &self,
        tenant: &str,
        id: &ShipmentId,
    ) -> Result<Option<Arc<Overlay>>, Miss> {
        let overlay = self.parts.store.overlay(tenant, id).await;
        overlay.map_err(|error| Miss::Store(error.to_string()))
    }

    /// Gathers all that is held of a shipment, for a tenant.
    ///
    /// # Errors
    /// [`Miss::Store`] or [`Miss::UnknownId`].
    pub async fn evidence(&self, tenant: &str, id: &ShipmentId) -> Result<Held, Miss> {
        let record = self.current_of(tenant, id).await?;
        let overlay = self.overlay(tenant, &record).await?;
        let said = self.parts.evidence.gather(&record, self.now()).await;
        let mut said = said.map_err(|error| Miss::Store(error.to_string()))?;
        said.kept.retain(|kept| sees(tenant, &kept.source));
        Ok(Held {
            record,
            overlay,
            said,
        })
    }
}
