//! All that is held of one shipment, for a bundle.

use std::sync::Arc;

use waybill_core::overlay::Overlay;
use waybill_core::owner::sees;
use waybill_core::shipment::{Shipment, ShipmentId};

use super::{Miss, Pipeline};
use crate::evidence::Gathered;

/// What is held of one shipment.
pub struct Held {
    /// The record, brought up to now.
    pub record: Arc<Shipment>,
    /// What the tenant has added.
    pub overlay: Option<Arc<Overlay>>,
    /// What sources said, as received.
    pub said: Gathered,
}

impl Pipeline {
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
