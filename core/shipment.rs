//! The canonical record of one physical item, and the facts a source states beside its events.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::code::{EventCode, ReasonCode};
use crate::event::{Digest, Event};
use crate::exception::{Exception, NextAction};
use crate::lane::Silence;
use crate::leg::Leg;
use crate::number::TrackingNumber;
use crate::place::Location;
use crate::privacy::Pii;
use crate::status::{Milestone, Severity, Status};
use crate::time::EventTime;

/// Opaque id: 26 characters `0-9a-z`, without a tracking number in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ShipmentId(pub String);

/// The record. Everything but `revision` and `update_time`, which the store gives, is a function
/// of the observations, the facts of the newest reports and the clock.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shipment {
    /// Opaque id.
    pub id: ShipmentId,
    /// Number the shipment is mainly known by.
    pub number: TrackingNumber,
    /// Carrier id of the current or last leg.
    pub carrier: String,
    /// Current status.
    pub status: Status,
    /// Code of the status event.
    pub code: Option<EventCode>,
    /// Reason of the status event.
    pub reason: Option<ReasonCode>,
    /// Event that set the status.
    pub status_event: Option<Digest>,
    /// Independent evidence roots behind the status.
    pub source_count: u32,
    /// Rises with every visible change; 0 before the record is stored.
    pub revision: u32,
    /// Hash of what a client can see now, freshness and receive times left out.
    pub etag: String,
    /// When `revision` last changed.
    pub update_time: Timestamp,
    /// Whether the gateway still looks for news.
    pub tracking: TrackingState,
    /// Worst severity of the open exceptions.
    pub attention: Option<Severity>,
    /// Position on the route.
    pub progress: Option<Progress>,
    /// Next expected milestone.
    pub next_step: Option<NextStep>,
    /// Until when no scan is expected, and why; `None` if one is expected any time.
    pub silence: Option<Silence>,
    /// Ways to act at the carrier itself.
    pub contacts: Vec<Contact>,
    /// What delivery or collection demands.
    pub requirements: Option<Requirements>,
    /// Time of the newest event that counts.
    pub last_event_time: Option<EventTime>,
    /// Last known place.
    pub last_location: Option<Location>,
    /// Delivery forecasts, best first.
    pub estimates: Vec<Estimate>,
    /// Events, newest first.
    pub events: Vec<Event>,
    /// Open exceptions, then closed ones, newest first.
    pub exceptions: Vec<Exception>,
    /// Milestones of the route in order.
    pub milestones: Vec<MilestoneProgress>,
    /// All known numbers and references, the shipment's own first.
    pub identifiers: Vec<KnownNumber>,
    /// Carriers' parts of the journey, in order.
    pub legs: Vec<Leg>,
    /// Service name in the carrier's words; empty if unknown.
    pub service: String,
    /// Origin.
    pub origin: Option<Location>,
    /// Destination.
    pub destination: Option<Location>,
    /// Other shipments of the same consignment.
    pub pieces: Vec<ShipmentId>,
    /// Ids of shipments that turned out to be this one, which lead to it.
    #[serde(default)]
    pub superseded: Vec<ShipmentId>,
    /// Physical facts.
    pub physical: Physical,
    /// Proof of delivery.
    pub proof: Option<Proof>,
    /// Photographs of the operator's own systems, by event and reference.
    #[serde(default)]
    pub photos: Vec<Photo>,
    /// What validation found.
    pub findings: Vec<Finding>,
}

/// Whether the gateway still looks for news. Numbers as in the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TrackingState {
    /// Looked at at the normal rate.
    Active = 1,
    /// Silent for longer than the norm.
    Dormant = 2,
    /// The terminal status has stood for the grace period.
    Closed = 3,
    /// Not terminal, and silent far beyond the norm.
    Expired = 4,
}

/// Position on the route, for a progress bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Milestones reached, inferred ones included.
    pub step: u32,
    /// Milestones of the route.
    pub of: u32,
}

/// What should happen next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextStep {
    /// Next milestone.
    pub milestone: Milestone,
    /// When it is expected.
    pub window: Option<LocalWindow>,
}

/// Progress of one milestone.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MilestoneProgress {
    /// Which.
    pub milestone: Milestone,
    /// When it was reached; `None` while not reached, or if inferred.
    pub time: Option<EventTime>,
    /// Where.
    pub location: Option<Location>,
    /// Event that reached it.
    pub event: Option<Digest>,
    /// It must have been passed, and nobody reported it.
    pub inferred: bool,
}

impl MilestoneProgress {
    /// Tells whether it was passed, seen or inferred.
    pub fn is_reached(&self) -> bool {
        self.inferred || self.event.is_some()
    }
}

/// A window of wall-clock times, as certain as their clocks are; either end can be open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalWindow {
    /// Start.
    pub start: Option<EventTime>,
    /// End.
    pub end: Option<EventTime>,
}

/// A forecast of delivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Estimate {
    /// Who says so.
    pub kind: EstimateKind,
    /// Source id; filled in when the report is absorbed.
    pub source: String,
    /// Window of delivery. A date alone has day precision at its start and no end.
    pub window: LocalWindow,
    /// When we received it; filled in when the report is absorbed.
    pub receive_time: Timestamp,
}

/// Kind of forecast. Numbers as in the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum EstimateKind {
    /// Commitment at acceptance.
    CarrierCommitment = 1,
    /// Current forecast of the carrier.
    CarrierForecast = 2,
    /// Forecast of an aggregator.
    AggregatorForecast = 3,
}

/// One number under which a shipment is known.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Identifier {
    /// Kind.
    pub kind: IdentifierKind,
    /// The number, normalised; of a reference, the text.
    pub value: Pii<String>,
    /// Carrier id of the issuer; empty if none did.
    pub carrier: String,
    /// Whether its check digit is right; `None` if the format has none.
    pub check_digit_valid: Option<bool>,
}

/// An identifier of a record, and how it is known.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownNumber {
    /// What it is.
    #[serde(flatten)]
    pub identifier: Identifier,
    /// Id of the most trusted source that states it; empty for the shipment's own number.
    #[serde(default)]
    pub source: String,
    /// How it is known.
    #[serde(default)]
    pub basis: IdentifierBasis,
}

/// How an identifier is known. Numbers as in the API.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum IdentifierBasis {
    /// It is the number that the shipment is mainly known by.
    Own = 1,
    /// A source states it in a field for it.
    #[default]
    Field = 2,
    /// It was read from the text of an event that tells of a hand-over.
    EventText = 3,
}

/// Kind of an identifier. Numbers as in the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum IdentifierKind {
    /// UPU S10 item identifier.
    UpuS10 = 1,
    /// Another tracking number of a carrier.
    Carrier = 2,
    /// GS1 serial shipping container code.
    Sscc = 3,
    /// Number of a partner on the last mile.
    LastMile = 4,
    /// Waybill under which a carrier groups pieces.
    Master = 5,
    /// Reference of the shipper or of another party; not a tracking number.
    Reference = 6,
    /// Id of one piece within the shipment.
    Piece = 7,
}

/// The carrier's own way to take a next action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// What it is for.
    pub action: NextAction,
    /// Page of the carrier, `https` only; empty if none.
    pub url: String,
    /// Phone number of the carrier in E.164; empty if none.
    #[serde(default)]
    pub phone: String,
}

impl Contact {
    /// Reads an international phone number: E.164, or empty if it is none. A number without its
    /// country is of no use to a caller from elsewhere.
    pub fn phone(text: &str) -> String {
        let apart = |c: &char| !matches!(c, ' ' | '-' | '.' | '(' | ')' | '/' | '\u{a0}');
        let number: String = text.trim().chars().filter(apart).take(17).collect();
        let digits = number.strip_prefix('+').unwrap_or_default();
        let whole = (8..=15).contains(&digits.len())
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && !digits.starts_with('0');
        if whole { number } else { String::new() }
    }
}

/// What delivery or collection demands. `None` means unknown.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requirements {
    /// Somebody has to sign.
    pub signature: Option<bool>,
    /// Identity or age is checked.
    pub identity_check: Option<bool>,
    /// Amount to pay.
    pub payment_due: Option<Money>,
    /// Instructions that the carrier holds.
    pub instructions: Pii<String>,
    /// Where to collect it.
    pub pickup_place: Option<Location>,
    /// Opening hours of that place in the source's words, at most 500 characters; empty if unknown.
    #[serde(default)]
    pub opening_hours: String,
    /// Last day to collect it, "YYYY-MM-DD"; empty if unknown.
    pub collect_by: String,
}

impl Requirements {
    /// What is stated here, and of the rest what was known before.
    #[must_use]
    pub fn over(&self, before: Option<Self>) -> Self {
        let new = self.clone();
        let Some(before) = before else { return new };
        Self {
            signature: new.signature.or(before.signature),
            identity_check: new.identity_check.or(before.identity_check),
            payment_due: new.payment_due.or(before.payment_due),
            instructions: if new.instructions.reveal().is_empty() {
                before.instructions
            } else {
                new.instructions
            },
            // Hours are those of the place beside which they were stated.
            opening_hours: if new.pickup_place.is_some() || before.opening_hours.is_empty() {
                new.opening_hours
            } else {
                before.opening_hours
            },
            pickup_place: new.pickup_place.or(before.pickup_place),
            collect_by: if new.collect_by.is_empty() {
                before.collect_by
            } else {
                new.collect_by
            },
        }
    }
}

/// An amount of money.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money {
    /// ISO 4217.
    pub currency: String,
    /// Decimal with a point.
    pub amount: String,
}

/// Physical facts; `None` means unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Physical {
    /// Gross weight in grams.
    pub weight_grams: Option<u32>,
    /// Length in millimetres.
    pub length_mm: Option<u32>,
    /// Width in millimetres.
    pub width_mm: Option<u32>,
    /// Height in millimetres.
    pub height_mm: Option<u32>,
    /// Number of pieces.
    pub piece_count: Option<u32>,
}

/// Proof of delivery. Images are never kept inline.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// Who signed or accepted.
    pub signed_by: Pii<String>,
    /// Addresses of documents at the source.
    pub documents: Vec<Pii<String>>,
}

/// A photograph that an own system took; the picture itself is never kept.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Photo {
    /// Event that it belongs to; in a dossier, the observation.
    pub event: Digest,
    /// Where it is, in the words of the system that has it.
    pub uri: Pii<String>,
}

/// One finding of validation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Finding {
    /// Kind.
    pub kind: FindingKind,
    /// Events concerned.
    pub event_ids: Vec<Digest>,
    /// Sources concerned.
    pub sources: Vec<String>,
    /// English, for developers, without personal data.
    pub detail: String,
}

/// Kind of finding. Numbers as in the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum FindingKind {
    /// Two places too far apart for the time between them.
    ImpossibleTravel = 1,
    /// Order or clocks of one source contradict each other.
    TimeContradiction = 2,
    /// Time in the future.
    FutureTime = 3,
    /// Time before the shipment existed, or a re-used number.
    IdentityReuse = 4,
    /// Offset assumed or unknown.
    TimeZoneAssumed = 5,
    /// Place could not be resolved.
    LocationUnresolved = 6,
    /// Native code without mapping.
    UnmappedCode = 7,
    /// Movement after a terminal event.
    EventAfterTerminal = 8,
    /// Sources disagree on the status.
    SourcesDisagree = 9,
    /// An expected milestone has no event.
    MilestoneMissing = 10,
    /// A source left out an event that it had reported before.
    EventDisappeared = 11,
    /// Check digit wrong.
    CheckDigit = 12,
    /// Transition outside the state machine.
    IllegalTransition = 13,
    /// One source has told nothing new while others follow the item on its way.
    FeedStale = 14,
    /// The carrier has the item, and the warehouse that reported it never handed it over.
    WarehouseUnaware = 15,
}

/// What a source states about a shipment beside its events.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Service name in the carrier's words; empty if unknown.
    pub service: String,
    /// Origin. What most shipments lack is boxed: an answer may list hundreds of them.
    pub origin: Option<Box<Location>>,
    /// Destination.
    pub destination: Option<Box<Location>>,
    /// Further numbers and references of this shipment; its own number is in the report.
    pub identifiers: Vec<Identifier>,
    /// Forecasts.
    pub estimates: Vec<Estimate>,
    /// Physical facts.
    pub physical: Physical,
    /// Proof of delivery.
    pub proof: Option<Proof>,
    /// What delivery demands.
    pub requirements: Option<Box<Requirements>>,
    /// The carrier's own pages.
    pub contacts: Vec<Contact>,
    /// The source contradicts itself about the shipment: sentences for developers without
    /// personal data.
    pub doubts: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phone_number_is_international_or_left_out() {
        for (text, number) in [
            ("+1 (800) 275-8777", "+18002758777"),
            (" +49 30/12345678 ", "+493012345678"),
            ("+86.11183000", "+8611183000"),
            ("1-800-275-8777", ""),
            ("11183", ""),
            ("+0123456789", ""),
            ("+1 800 ASK USPS", ""),
            ("+12345678901234567", ""),
            ("", ""),
        ] {
            assert_eq!(Contact::phone(text), number, "{text}");
        }
    }
}
