//! What is too old goes: records as a whole, by the time that their tenants allow.
//!
//! Answers as received have a sweep and a time of their own (`evidence`), and so have the digests of
//! pushes and the change log.

use jiff::Timestamp;
use waybill_core::shipment::ShipmentId;

use crate::config::PrivacySettings;
use crate::pipeline::{Miss, Pipeline};

/// Shipments that are looked at in one step.
const PAGE: usize = 500;
/// Who it is in the audit log.
const WHO: &str = "retention";

/// Erases every shipment that changed or was registered last so long ago that none of the tenants that
/// registered it keeps it any longer. It may come back: nothing is barred. Returns how many there were.
///
/// # Errors
/// [`Miss::Store`]; the next sweep goes on.
pub async fn sweep(pipeline: &Pipeline, settings: &PrivacySettings) -> Result<usize, Miss> {
    let (mut gone, mut after) = (0, None::<ShipmentId>);
    loop {
        let page = pipeline.all(after.as_ref(), PAGE).await?;
        for id in &page {
            if is_over(pipeline, settings, id).await? {
                gone += pipeline
                    .erase(WHO, std::slice::from_ref(id), false)
                    .await?
                    .shipments
                    .len();
            }
        }
        match page.last() {
            Some(last) if page.len() == PAGE => after = Some(last.clone()),
            _ => return Ok(gone),
        }
    }
}

async fn is_over(
    pipeline: &Pipeline,
    settings: &PrivacySettings,
    id: &ShipmentId,
) -> Result<bool, Miss> {
    let Some(held) = pipeline.held_of(id).await? else {
        return Ok(false);
    };
    let (stored, overlays) = held;
    let registered = overlays.iter().filter_map(|(tenant, overlay)| {
        let registration = overlay.registration.as_ref()?;
        Some((tenant.as_str(), registration.since))
    });
    let keep = settings.record_for(registered.clone().map(|(tenant, _)| tenant));
    let times = registered.map(|(_, since)| since);
    let last = times.fold(stored.record.update_time, Timestamp::max);
    let end = last.checked_add(keep);
    Ok(end.is_ok_and(|end| end <= pipeline.now()))
}

/// Sweeps from time to time, until it is dropped.
pub async fn sweep_forever(pipeline: Pipeline, settings: PrivacySettings) {
    loop {
        tokio::time::sleep(settings.sweep.0).await;
        match sweep(&pipeline, &settings).await {
            Ok(0) => {}
            Ok(gone) => tracing::info!(shipments = gone, "what was too old is gone"),
            Err(_) => tracing::error!("records that are too old could not be erased"),
        }
    }
}
