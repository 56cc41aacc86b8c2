//! When the post at the other end of the way is worth asking.
//!
//! Both posts know an item under one number, the second one from the import on. Asked before, it
//! knows nothing, and each question costs quota. The first post tells when the item leaves; where
//! it tells nothing more, half of the silence that is usual on the lane is waited for.

use jiff::{SignedDuration, Timestamp};

use crate::event::{Classifier, Event, Standing};
use crate::fold::moment;
use crate::leg::Leg;
use crate::route::network;
use crate::shipment::Shipment;
use crate::status::Status;
use crate::timeline::timeline;

/// Country that an item goes to, ISO 3166-1 alpha-2, as sources state it or as its import tells;
/// empty if nobody does.
pub fn destination(record: &Shipment) -> &str {
    let stated = record.destination.as_ref();
    let stated = stated.map_or("", |place| &*place.country);
    if !stated.is_empty() {
        return stated;
    }
    let origin = record.origin.as_ref();
    let origin = origin.map_or("", |place| network(&place.country));
    let mut imports = record.events.iter().filter(|event| counts(event));
    imports
        .find_map(|event| {
            let country = event.location().map_or("", |place| &*place.country);
            let is_import = matches!(event.code.0, 309 | 310 | 411..=418);
            let is_abroad = !country.is_empty() && network(country) != origin;
            (is_import && is_abroad).then_some(country)
        })
        .unwrap_or_default()
}

/// Since when the hand-over to the post of `destination` has been near or done; a moment ahead is
/// when silence will make it so. `None`: nothing says that it nears.
pub fn near_since(record: &Shipment, destination: &str) -> Option<Timestamp> {
    let left =
        record.events.iter().rev().find(|event| {
            counts(event) && (is_on_its_way_out(event) || is_there(event, destination))
        });
    if let Some(left) = left {
        return Some(moment(left.time()));
    }
    // What is not under way, or comes back, is not expected at the other end.
    if record.status != Status::InTransit {
        return None;
    }
    let last = record.events.iter().find(|event| counts(event))?;
    let since = moment(last.time());
    let silent = timeline(record).quiet_until?.duration_since(since);
    since.checked_add(half(silent)).ok()
}

fn half(time: SignedDuration) -> SignedDuration {
    SignedDuration::from_secs(time.as_secs() / 2)
}

fn counts(event: &Event) -> bool {
    event.standing == Standing::Accepted && event.classifier == Classifier::Actual
}

/// It left its country, was given to who carries it abroad, or is further than that.
fn is_on_its_way_out(event: &Event) -> bool {
    matches!(event.code.0, 306..=314 | 411..=418 | 501..=508 | 601..=655)
}

fn is_there(event: &Event, destination: &str) -> bool {
    let country = event.location().map_or("", |place| &*place.country);
    !country.is_empty() && network(country) == network(destination)
}

/// Tells whether a carrier had the item and handed it on, so that its silence is no news.
pub fn has_handed_on(record: &Shipment, carrier: &str) -> bool {
    let own = |leg: &&Leg| leg.carrier == carrier;
    let mut legs = record.legs.iter().filter(own).peekable();
    record.carrier != carrier && legs.peek().is_some() && legs.all(|leg| leg.end.is_some())
}
