//! From what a tenant does about an exception to a sample.

use std::borrow::Cow;

use super::journey::{CATEGORIES, lane};
use super::{Metric, Sample};
use crate::event::Digest;
use crate::exception::Responsibility;
use crate::overlay::{Activity, Overlay};
use crate::shipment::Shipment;

/// Those who have to act, by the names that the API has for them.
const OWNERS: [(Responsibility, &str); 6] = [
    (Responsibility::Nobody, "NOBODY"),
    (Responsibility::Recipient, "RECIPIENT"),
    (Responsibility::Shipper, "SHIPPER"),
    (Responsibility::Carrier, "CARRIER"),
    (Responsibility::Authority, "AUTHORITY"),
    (Responsibility::Operator, "OPERATOR"),
];

/// What the newest step about an exception measures: how long it was open until somebody had seen
/// it, or had closed it. `None` if it measures nothing. The lane comes apart because a sample owns
/// nothing but its last name.
pub fn worked<'a>(
    record: &'a Shipment,
    overlay: &Overlay,
    exception: Digest,
    lane: &'a str,
    tenant: &'a str,
) -> Option<Sample<'a>> {
    let mut exceptions = record.exceptions.iter();
    let exception = exceptions.find(|one| one.id == exception)?;
    let handling = overlay.handling(exception.id)?;
    let step = handling.history.last()?;
    let metric = match step.activity {
        Activity::Acknowledge => Metric::TimeToAcknowledge,
        Activity::Resolve => Metric::TimeToResolve,
        Activity::Assign | Activity::Comment | Activity::Reopen => return None,
    };
    let since = handling.open_since(exception);
    // Clocks of sources can be ahead of ours.
    let seconds = step.time.duration_since(since).as_secs_f64().max(0.0);
    let category = CATEGORIES.iter().find(|row| row.0 == exception.category)?;
    let owner = OWNERS.iter().find(|row| row.0 == exception.owner)?;
    Some(Sample {
        metric,
        carrier: &record.carrier,
        service: owner.1,
        lane,
        last: Cow::Borrowed(category.1),
        tenant,
        value: seconds,
        time: step.time,
    })
}

/// Countries of origin and destination of a record, as the figures name a lane.
pub fn lane_of(record: &Shipment) -> String {
    lane(record)
}
