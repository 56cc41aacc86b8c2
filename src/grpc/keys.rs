//! Keys of shipments that a stream follows: read, looked up, and looked up again.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use waybill_core::adapter::Hints;
use waybill_core::order::Subject;
use waybill_core::shipment::{Shipment, ShipmentId};

use super::parse;
use super::status::Failure;
use crate::chance::Chance;
use crate::guard::Priority;
use crate::pipeline::{Found, Lookup, Miss, Pipeline, SourceResult};
use crate::v1;
use crate::watch::Topic;

/// When to look again for a number about which nothing else says when.
pub(super) const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// Least time between two looks of a stream at one shipment.
pub(super) const LEAST_PAUSE: Duration = Duration::from_secs(1);

/// A key that is followed: what to look up, and as what the client asked for it.
pub(super) struct Followed {
    tenant: String,
    pub(super) requested: v1::ShipmentKey,
    pub(super) subject: Subject,
    carrier: String,
    hints: Hints,
    /// Only this shipment of those that the number stands for.
    pub(super) only: Option<ShipmentId>,
}

impl Followed {
    /// What is watched to hear of it.
    pub(super) fn topic(&self) -> Topic {
        match &self.only {
            Some(id) => Topic::Shipment(id.clone()),
            None => Topic::Subject(self.subject.clone()),
        }
    }

    /// The records of a lookup that the key stands for.
    pub(super) fn of(&self, found: &Found) -> Vec<Arc<Shipment>> {
        let wanted = |record: &&Arc<Shipment>| match &self.only {
            Some(id) => *id == record.id || record.superseded.contains(id),
            None => true,
        };
        found.shipments.iter().filter(wanted).cloned().collect()
    }
}

/// Reads a key; the id of a shipment has to be known.
pub(super) async fn read_key(
    pipeline: &Pipeline,
    tenant: &str,
    key: &v1::ShipmentKey,
) -> Result<Followed, Failure> {
    use v1::shipment_key::Key;
    let named = |subject: Subject| {
        parse::carrier("carrier", &key.carrier)?;
        let hints = parse::hints(key.hints.clone())?;
        Ok::<_, Failure>((subject, key.carrier.clone(), hints, None))
    };
    let (subject, carrier, hints, only) = match &key.key {
        None => return Err(Failure::field("key", "is required")),
        Some(Key::Id(id)) => {
            let id = parse::shipment_id("id", id.clone())?;
            let (record, _) = pipeline.held(tenant, &id).await?;
            (
                record.number.clone().into(),
                record.carrier.clone(),
                Hints::default(),
                Some(id),
            )
        }
        Some(Key::TrackingNumber(text)) => {
            let number = parse::number("tracking_number", text)?;
            named(number.into())?
        }
        Some(Key::Order(order)) => named(parse::order(tenant, "order", order)?.into())?,
    };
    Ok(Followed {
        tenant: tenant.to_owned(),
        requested: key.clone(),
        subject,
        carrier,
        hints,
        only,
    })
}

/// Asks for what a key stands for.
pub(super) async fn look(
    pipeline: &Pipeline,
    followed: &Followed,
    deadline: Instant,
    priority: Priority,
) -> Result<Found, Miss> {
    let lookup = Lookup {
        tenant: followed.tenant.clone(),
        subject: followed.subject.clone(),
        carrier: followed.carrier.clone(),
        hints: followed.hints.clone(),
        sources: Vec::new(),
        max_age: None,
        cache_only: false,
        wait_for_all: false,
        allow_paid: false,
        deadline,
        priority,
    };
    pipeline.track(&lookup).await
}

/// One look by the stream itself; what it brings reaches the mailbox by publication.
pub(super) async fn look_again(
    pipeline: Pipeline,
    followed: Arc<Followed>,
    at: usize,
    chance: Chance,
) -> (usize, Duration) {
    let deadline = Instant::now() + LOOK_AGAIN;
    let found = look(&pipeline, &followed, deadline, Priority::Background).await;
    (
        at,
        found
            .as_ref()
            .map_or(LOOK_AGAIN, |found| pause(&pipeline, found, &chance)),
    )
}

/// When a stream looks again: when the answer stops being fresh or changes by itself, and soon if
/// a refresh is running; a little later on some streams than on others.
pub(super) fn pause(pipeline: &Pipeline, found: &Found, chance: &Chance) -> Duration {
    let now = pipeline.now();
    let negative = found
        .outcomes
        .iter()
        .filter_map(|outcome| match outcome.result {
            SourceResult::NotFound(wait) => Some(wait),
            _ => None,
        });
    let fresh = [found.good_until, found.freshness.fresh_until]
        .into_iter()
        .flatten()
        .min();
    let fresh = fresh.and_then(|until| Duration::try_from(until.duration_since(now)).ok());
    let refresh = found.freshness.revalidating.then_some(LEAST_PAUSE);
    let pause = refresh
        .or(fresh.filter(|pause| !pause.is_zero()))
        .or(negative.min())
        .unwrap_or(LOOK_AGAIN);
    pause.max(LEAST_PAUSE).mul_f64(chance.within(1.0..=1.1))
}
