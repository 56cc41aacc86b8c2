//! The two ends of the way of a postal number, and whether the second one has to be asked yet.

use waybill_core::nearing::{destination, near_since};
use waybill_core::number;
use waybill_core::order::Subject;
use waybill_core::shipment::Shipment;
use waybill_core::time::EventTime;

use super::route::{Route, Routed};
use super::settle::issuer_of;
use super::{Lookup, Miss, Pipeline, standing};

/// What is known of the way of a number.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Way {
    /// Country that issued a postal number; empty for any other.
    issuer: String,
    /// Country at the other end; empty if it is not known.
    pub(super) destination: String,
    /// The hand-over to the post there nears, or is done.
    pub(super) is_near: bool,
}

impl Way {
    /// Tells whether two posts share the number.
    pub(super) fn is_of_two_posts(&self) -> bool {
        !self.issuer.is_empty() && self.issuer != self.destination
    }
}

/// The way of a number, as the caller and the newest record of it tell.
pub(super) async fn way(pipeline: &Pipeline, lookup: &Lookup) -> Result<Way, Miss> {
    let hinted = &lookup.hints.destination_country;
    let mut way = Way {
        destination: hinted.clone(),
        ..Way::default()
    };
    let Subject::Number(number) = &lookup.subject else {
        return Ok(way);
    };
    if issuer_of(number).is_none() {
        return Ok(way);
    }
    way.issuer = number.reveal().chars().skip(11).collect();
    let owners = standing::owners(pipeline, &lookup.subject).await;
    let owners = owners.map_err(|error| Miss::Store(error.to_string()))?;
    let newest = |record: &Shipment| record.last_event_time.as_ref().map(EventTime::anchor);
    let records = owners.iter().map(|stored| &stored.record);
    let Some(record) = records.max_by_key(|record| newest(record)) else {
        return Ok(way);
    };
    if hinted.is_empty() {
        destination(record).clone_into(&mut way.destination);
    }
    let since = near_since(record, &way.destination);
    way.is_near = since.is_some_and(|since| since <= pipeline.now());
    Ok(way)
}

/// The post at the other end, if it should know the number by now and none of the sources is its.
pub(super) fn unserved(route: &Route, way: &Way) -> &'static str {
    if !way.is_near || !way.is_of_two_posts() {
        return "";
    }
    let post = number::post_of(&way.destination).unwrap_or_default();
    let is_of = |routed: &Routed| {
        let descriptor = routed.source.descriptor;
        descriptor.country == way.destination || descriptor.carrier == post
    };
    if route.sources.iter().any(is_of) {
        ""
    } else {
        post
    }
}
