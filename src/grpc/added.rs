//! What tenants add to shipments, as the API says it.

use waybill_core::order::Order;
use waybill_core::overlay::{Handling, Overlay, Promise, Step};
use waybill_core::shipment::ShipmentId;

use super::convert::timestamp;
use crate::v1;

/// Writes what a tenant adds to a shipment.
pub(super) fn overlay(id: &ShipmentId, overlay: &Overlay) -> v1::TenantOverlay {
    let registration = overlay.registration.as_ref();
    v1::TenantOverlay {
        shipment_id: id.0.clone(),
        registered: registration.is_some(),
        labels: registration
            .map(|one| one.labels.clone())
            .unwrap_or_default(),
        order_reference: registration.and_then(|one| one.order.as_ref()).map(order),
        promise: registration.and_then(|one| one.promise).map(promise),
        exceptions: overlay.exceptions.iter().map(handling).collect(),
        revision: overlay.revision,
        redacted_fields: Vec::new(),
    }
}

fn order(order: &Order) -> v1::OrderKey {
    v1::OrderKey {
        platform: order.platform().to_owned(),
        order_id: order.reveal().to_owned(),
    }
}

fn promise(promise: Promise) -> v1::TimeWindow {
    v1::TimeWindow {
        start_time: promise.start.map(timestamp),
        end_time: promise.end.map(timestamp),
    }
}

fn handling(handling: &Handling) -> v1::ExceptionHandling {
    let step = |step: &Step| v1::ExceptionHistoryEntry {
        activity: step.activity as i32,
        time: Some(timestamp(step.time)),
        actor: step.actor.reveal().clone(),
        assignee: step.assignee.reveal().clone(),
        comment: step.comment.reveal().clone(),
    };
    v1::ExceptionHandling {
        exception_id: handling.id.to_string(),
        assignee: handling.assignee.reveal().clone(),
        history: handling.history.iter().map(step).collect(),
        acknowledge_time: handling.acknowledged.map(timestamp),
        resolve_time: handling.resolved.map(timestamp),
    }
}
