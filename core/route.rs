//! Whether a scan lies on the route of an item.
//!
//! Which way a parcel takes to its destination country is the carriers' affair: hubs in third
//! countries are no mistake. One that was in the destination country and turns up in another one
//! is astray. Countries that one post serves together count as one, and a clock that leaves open
//! which scan came first accuses nobody.

use jiff::Timestamp;

use crate::event::Event;
use crate::place::Location;
use crate::rule::is_movement;
use crate::shipment::Shipment;
use crate::status::Status;

/// Whether a scan lies on the route.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnRoute {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// It tells nothing about it.
    Unknown,
}

/// Countries of ISO 3166-1 whose parcels go through the network of another one, or that sources
/// count to it.
const SERVED_BY: [(&str, &str); 24] = [
    ("AS", "US"),
    ("AX", "FI"),
    ("BL", "FR"),
    ("FO", "DK"),
    ("GF", "FR"),
    ("GG", "GB"),
    ("GL", "DK"),
    ("GP", "FR"),
    ("GU", "US"),
    ("HK", "CN"),
    ("IM", "GB"),
    ("JE", "GB"),
    ("LI", "CH"),
    ("MC", "FR"),
    ("MO", "CN"),
    ("MP", "US"),
    ("MQ", "FR"),
    ("PR", "US"),
    ("RE", "FR"),
    ("SJ", "NO"),
    ("SM", "IT"),
    ("TW", "CN"),
    ("VA", "IT"),
    ("VI", "US"),
];

/// Country whose post serves a country.
pub(crate) fn network(country: &str) -> &str {
    let served = SERVED_BY.iter().find(|(own, _)| *own == country);
    served.map_or(country, |(_, by)| by)
}

/// The countries of a route, and how far along it the item has been seen.
pub(crate) struct Route<'a> {
    origin: &'a str,
    destination: &'a str,
    /// Since when it has certainly been in the destination country.
    there: Option<Timestamp>,
}

impl<'a> Route<'a> {
    pub(crate) fn new(record: &'a Shipment) -> Self {
        let of = |place: &'a Option<Location>| {
            let country = place.as_ref().map_or("", |place| &*place.country);
            network(country)
        };
        Self {
            origin: of(&record.origin),
            destination: of(&record.destination),
            there: None,
        }
    }

    /// Follows one event that counts; `status` is the one before it.
    pub(crate) fn take(&mut self, event: &Event, status: Status) -> OnRoute {
        let turned = |status| matches!(status, Status::Returning | Status::Returned);
        let outbound = !turned(status) && !event.status.is_some_and(turned);
        let country = event.location().map_or("", |place| &*place.country);
        if !outbound
            || !is_movement(event.code)
            || [self.origin, self.destination, country].contains(&"")
        {
            return OnRoute::Unknown;
        }
        let here = network(country);
        let time = event.time();
        if here == self.destination {
            self.there = Some(self.there.unwrap_or(time.latest).min(time.latest));
            return OnRoute::Yes;
        }
        // Posts enter scans of the origin late, and an item may be sent back unannounced.
        if here != self.origin && self.there.is_some_and(|since| time.earliest > since) {
            return OnRoute::No;
        }
        OnRoute::Unknown
    }
}
