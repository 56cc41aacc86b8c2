//! What an answer says beside the shared records, outside their revisions and etags: what the
//! caller's tenant has added, and when the gateway itself expects delivery.

use jiff::Timestamp;

use super::convert;
use super::status::Failure;
use super::tracking::Tracking;
use crate::pipeline::Found;
use crate::texts::Voice;
use crate::v1;

/// What stands beside the records of an answer.
pub(super) struct Beside {
    pub(super) overlays: Vec<v1::TenantOverlay>,
    pub(super) forecasts: Vec<v1::DeliveryForecast>,
    /// From then on a forecast begins in the past, and has to be made again.
    pub(super) until: Timestamp,
}

impl Tracking {
    /// Gathers what stands beside the records of a lookup, with texts in a language.
    pub(super) async fn beside(&self, found: &Found, voice: Voice<'_>) -> Result<Beside, Failure> {
        let mut beside = Beside {
            overlays: Vec::new(),
            forecasts: Vec::new(),
            until: Timestamp::MAX,
        };
        if !found.is_recorded {
            // What tenants add is in the store.
            return Ok(beside);
        }
        for record in &found.shipments {
            let overlay = self.pipeline.overlay(&self.caller.tenant, record).await?;
            let overlay = overlay.map(|overlay| self.overlay(&record.id, &overlay));
            beside.overlays.extend(overlay);
            if let Some(forecast) = self.pipeline.forecast(record) {
                beside.until = beside.until.min(forecast.start);
                let forecast = convert::forecast(&record.id, &forecast, voice);
                beside.forecasts.push(forecast);
            }
        }
        Ok(beside)
    }
}
