//! From what a tenant promised to its buyer to a sample.

use std::borrow::Cow;

use super::journey::delivery;
use super::{Metric, Sample};
use crate::overlay::Promise;
use crate::shipment::Shipment;

/// Whether a delivered shipment came before the end of a promise. `None` if the promise has no end,
/// the shipment is not delivered, or the bounds within which it was lie on both sides of the end.
/// The lane comes apart because a sample owns nothing but its last name.
pub fn kept<'a>(
    record: &'a Shipment,
    promise: &Promise,
    lane: &'a str,
    tenant: &'a str,
) -> Option<Sample<'a>> {
    let end = promise.end?;
    let delivered = delivery(record)?;
    let (earliest, latest) = match delivered.instant {
        Some(instant) => (instant, instant),
        None => (delivered.earliest, delivered.latest),
    };
    let is_kept = match (earliest < end, latest < end) {
        (true, false) => return None,
        (_, is_kept) => is_kept,
    };
    Some(Sample {
        metric: Metric::OnTimeToPromise,
        carrier: &record.carrier,
        service: &record.service,
        lane,
        last: Cow::Borrowed(""),
        tenant,
        value: f64::from(u8::from(is_kept)),
        time: delivered.anchor(),
    })
}
