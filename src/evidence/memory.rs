//! Bodies in memory, for a gateway without a data directory: as received, neither compressed nor
//! sealed, because they go with the process.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use jiff::Timestamp;
use waybill_core::shipment::ShipmentId;

use super::shelf::{Found, Incoming, Row};

/// The shelf.
pub(super) struct Memory(Mutex<Held>);

#[derive(Default)]
struct Held {
    bodies: HashMap<ShipmentId, Vec<Body>>,
    /// Oldest first.
    ages: BTreeSet<Row>,
    bytes: u64,
}

/// One body.
struct Body {
    hash: [u8; 32],
    is_grave: bool,
    source: String,
    first: i128,
    last: i128,
    body: Bytes,
}

impl Memory {
    pub(super) fn new() -> Self {
        Self(Mutex::default())
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps bodies, and drops the oldest ones beyond the limit: those of grave cases last. Returns
    /// how many went, and the bytes of what is there.
    pub(super) fn put(&self, incoming: &[Incoming<'_>], limit: u64) -> (u64, u64) {
        let mut held = self.lock();
        for one in incoming {
            held.put(one);
        }
        let mut dropped = 0;
        if held.bytes > limit {
            // Somewhat more than needed, so that not every answer has to make room.
            let goal = limit / 20 * 19;
            dropped = held.trim(goal, false) + held.trim(goal, true);
        }
        (dropped, held.bytes)
    }

    /// Bodies of a shipment that were received since a time.
    pub(super) fn of(&self, id: &ShipmentId, since: Timestamp) -> Vec<Found> {
        let held = self.lock();
        let bodies = held.bodies.get(id).into_iter().flatten();
        bodies
            .filter(|body| body.last >= since.as_nanosecond())
            .map(|body| Found {
                source: body.source.clone(),
                hash: body.hash,
                first: body.first,
                last: body.last,
                body: body.body.clone(),
            })
            .collect()
    }

    /// Bodies that were last received before a time.
    pub(super) fn older_than(&self, since: Timestamp) -> Vec<Row> {
        let held = self.lock();
        let old = held.ages.iter();
        old.take_while(|row| row.last < since.as_nanosecond())
            .cloned()
            .collect()
    }

    /// The bodies of a shipment by name.
    pub(super) fn rows(&self, id: &ShipmentId) -> Vec<Row> {
        let held = self.lock();
        let bodies = held.bodies.get(id).into_iter().flatten();
        let name = |body: &Body| Row {
            last: body.last,
            id: id.clone(),
            hash: body.hash,
        };
        bodies.map(name).collect()
    }

    /// Drops bodies, unless they were received again meanwhile. Returns the bytes of what is there.
    pub(super) fn drop_all(&self, rows: &[Row]) -> u64 {
        let mut held = self.lock();
        rows.iter().for_each(|row| held.remove(row));
        held.bytes
    }
}

impl Held {
    fn put(&mut self, one: &Incoming<'_>) {
        let row = |last| Row {
            last,
            id: one.id.clone(),
            hash: one.hash,
        };
        if !self.bodies.contains_key(one.id) {
            self.bodies.insert(one.id.clone(), Vec::new());
        }
        let Some(bodies) = self.bodies.get_mut(one.id) else {
            return;
        };
        let last = match bodies.iter_mut().find(|body| body.hash == one.hash) {
            Some(known) => {
                self.ages.remove(&row(known.last));
                known.first = known.first.min(one.time);
                known.last = known.last.max(one.time);
                known.is_grave = one.is_grave;
                known.last
            }
            None => {
                self.bytes += size(one.body);
                bodies.push(Body {
                    hash: one.hash,
                    is_grave: one.is_grave,
                    source: one.source.to_owned(),
                    first: one.time,
                    last: one.time,
                    // Exactly as long as it is counted.
                    body: Bytes::copy_from_slice(one.body),
                });
                one.time
            }
        };
        self.ages.insert(row(last));
    }

    /// Drops the oldest bodies that are grave or not, until no more than `goal` bytes are left.
    fn trim(&mut self, goal: u64, grave: bool) -> u64 {
        let mut surplus = self.bytes.saturating_sub(goal);
        let mut rows = Vec::new();
        for row in &self.ages {
            if surplus == 0 {
                break;
            }
            if let Some(body) = self.find(row)
                && body.is_grave == grave
            {
                surplus = surplus.saturating_sub(size(&body.body));
                rows.push(row.clone());
            }
        }
        rows.iter().for_each(|row| self.remove(row));
        u64::try_from(rows.len()).unwrap_or(u64::MAX)
    }

    fn find(&self, row: &Row) -> Option<&Body> {
        let mut bodies = self.bodies.get(&row.id)?.iter();
        bodies.find(|body| body.hash == row.hash)
    }

    fn remove(&mut self, row: &Row) {
        if !self.ages.remove(row) {
            return;
        }
        let Some(bodies) = self.bodies.get_mut(&row.id) else {
            return;
        };
        if let Some(at) = bodies.iter().position(|body| body.hash == row.hash) {
            self.bytes -= size(&bodies.swap_remove(at).body);
        }
        if bodies.is_empty() {
            self.bodies.remove(&row.id);
        }
    }
}

fn size(body: &Bytes) -> u64 {
    u64::try_from(body.len()).unwrap_or(u64::MAX)
}
