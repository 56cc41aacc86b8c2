//! Transit times of the last [`HISTORY_DAYS`] days by lane, carrier and service, kept up to date
//! with the figures and ready to be looked up: what a forecast rests on.
//!
//! **Invariant:** it holds what the days of the figures hold that are not older, no more and no
//! less, so that what is taken back there is taken back here, and no group outlives its days. It
//! has a lock of its own, held for one group at a time: who makes an answer never waits for the
//! counting.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use super::names::{self, OTHER_NAME};
use super::sketch::Bins;
use super::{Metric, journey};
use crate::forecast::{Basis, Times};
use crate::shipment::Shipment;

/// Days of deliveries that a forecast rests on. A quarter is enough for a lane of one parcel every
/// third day, and short enough to follow the seasons.
pub const HISTORY_DAYS: i32 = 90;

/// Bytes of a group beside its key and its bins.
const GROUP: usize = size_of::<(Box<str>, Bins)>() + 16;

/// The transit times. What is looked up is a copy.
#[derive(Debug, Default)]
pub struct History(RwLock<Table>);

#[derive(Debug, Default)]
struct Table {
    groups: HashMap<Box<str>, Bins>,
    bytes: usize,
}

/// Name of a group; `None` if something that it needs is not known. A service is a carrier's.
fn name(basis: Basis, carrier: &str, service: &str, lane: &str) -> Option<Box<str>> {
    let parts: &[&str] = match basis {
        Basis::Service => &[lane, carrier, service],
        Basis::Carrier => &[lane, carrier],
        Basis::Lane => &[lane],
    };
    let known = |part: &&str| !part.is_empty() && *part != OTHER_NAME;
    let parts: Option<Vec<&str>> = parts
        .iter()
        .map(|part| Some(names::cut(part)).filter(known))
        .collect();
    Some(parts?.join("\n").into())
}

impl History {
    /// Adds transit times, or takes them back.
    pub(super) fn change(&self, [carrier, service, lane]: [&str; 3], bins: &[u32], add: bool) {
        for basis in Basis::ALL {
            let Some(name) = name(basis, carrier, service, lane) else {
                continue;
            };
            let mut table = self.0.write().unwrap_or_else(PoisonError::into_inner);
            let room = name.len() + GROUP;
            let table = &mut *table;
            match table.groups.get_mut(&name) {
                Some(own) => {
                    let before = own.bytes();
                    if add {
                        own.merge(bins);
                    } else {
                        own.less(bins);
                    }
                    table.bytes = table.bytes + own.bytes() - before;
                    if own.is_empty() {
                        table.groups.remove(&name);
                        table.bytes -= room;
                    }
                }
                None if add => {
                    let mut own = Bins::default();
                    own.merge(bins);
                    table.bytes += own.bytes() + room;
                    table.groups.insert(name, own);
                }
                None => {}
            }
        }
    }

    /// Transit times of the group of a record that is as wide as `basis`.
    pub fn times(&self, record: &Shipment, basis: Basis) -> Times {
        let lane = journey::lane(record);
        let name = name(basis, &record.carrier, &record.service, &lane);
        let table = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let bins = name.and_then(|name| table.groups.get(&name));
        let values = bins.map(|bins| bins.values(Metric::TransitTime.scale()));
        drop(table);
        Times::new(values.unwrap_or_default())
    }

    /// Bytes that it takes, about.
    pub fn bytes(&self) -> usize {
        let table = self.0.read().unwrap_or_else(PoisonError::into_inner);
        table.bytes
    }
}
