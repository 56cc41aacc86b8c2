//! From what sources said to one record.
//!
//! A [`Dossier`] is everything that is kept about a shipment: the observations of all sources and
//! the facts of each source's newest report. The record is its fold; see [`Dossier::record`].

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::event::Observation;
use crate::number::TrackingNumber;
use crate::shipment::{Facts, ShipmentId};

/// Everything that is kept about one shipment.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dossier {
    /// Opaque id.
    pub id: ShipmentId,
    /// Number the shipment is mainly known by.
    pub number: TrackingNumber,
    /// Carrier that issued the number.
    pub carrier: String,
    /// Every claim of every source, by (receive time, id).
    pub observations: Vec<Observation>,
    /// Newest facts of each source, by source id.
    pub facts: Vec<SourceFacts>,
    /// Other shipments of the same consignment.
    pub pieces: BTreeSet<ShipmentId>,
}

/// Facts of one source, as of its newest report.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFacts {
    /// Source id.
    pub source: String,
    /// When the report was received.
    pub receive_time: Timestamp,
    /// What it states.
    pub facts: Facts,
}
