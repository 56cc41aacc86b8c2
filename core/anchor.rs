//! Where an observation is placed among others when its own clock does not say.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::event::{Digest, Observation};
use crate::fold::{moment, own_order};
use crate::time::Precision;

/// Anchors of the observations: the moment, and for an unresolved clock the moment clamped between
/// the nearest exact neighbours in the same source's list, unless these contradict each other. A
/// date or an hour alone is clamped likewise, within its own bounds: else "delivered on the 5th"
/// would come before everything else of that day.
pub(crate) struct Anchors {
    /// Of observations whose anchor is not their moment.
    moved: BTreeMap<Digest, Timestamp>,
}

impl Anchors {
    /// Where an observation is placed among others.
    pub(crate) fn of(&self, observation: &Observation) -> Timestamp {
        let own = || moment(&observation.claim.time);
        if self.moved.is_empty() {
            return own();
        }
        self.moved.get(&observation.id).copied().unwrap_or_else(own)
    }

    pub(crate) fn new(observations: &[Arc<Observation>]) -> Self {
        Self {
            moved: moved_anchors(observations),
        }
    }
}

fn moved_anchors(observations: &[Arc<Observation>]) -> BTreeMap<Digest, Timestamp> {
    let mut moved = BTreeMap::new();
    let exact = |at: usize| {
        let time = &observations[at].claim.time;
        time.instant.filter(|_| time.precision >= Precision::Minute)
    };
    if (0..observations.len()).all(|at| exact(at).is_some()) {
        return moved;
    }
    let order = own_order(observations);
    for list in order.chunk_by(|&a, &b| observations[a].source == observations[b].source) {
        let mut before = None;
        let mut neighbours = Vec::with_capacity(list.len());
        for &at in list {
            neighbours.push((before, None));
            before = exact(at).or(before);
        }
        let mut after = None;
        for (&at, pair) in list.iter().zip(&mut neighbours).rev() {
            pair.1 = after;
            after = exact(at).or(after);
        }
        for (&at, (low, high)) in list.iter().zip(neighbours) {
            let time = &observations[at].claim.time;
            let clamped = clamp(moment(time), low, high);
            let possible = (time.earliest..=time.latest).contains(&clamped);
            if exact(at).is_none() && (time.instant.is_none() || possible) {
                moved.insert(observations[at].id, clamped);
            }
        }
    }
    moved
}

fn clamp(anchor: Timestamp, low: Option<Timestamp>, high: Option<Timestamp>) -> Timestamp {
    match (low, high) {
        (Some(low), Some(high)) if low > high => anchor,
        (low, high) => {
            let raised = low.map_or(anchor, |low| anchor.max(low));
            high.map_or(raised, |high| raised.min(high))
        }
    }
}
