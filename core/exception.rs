//! Problems with a life of their own beside the status.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::code::ReasonCode;
use crate::event::Digest;
use crate::status::Severity;

/// A problem: it opens, can get worse, has an owner and a next action, and closes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exception {
    /// Computed from category and cause, so that a rebuilt record has the same ids.
    pub id: Digest,
    /// Kind.
    pub category: Category,
    /// Cause, if known.
    pub reason: Option<ReasonCode>,
    /// Urgency now.
    pub severity: Severity,
    /// Who has to act.
    pub owner: Responsibility,
    /// What the owner should do first.
    pub next_action: NextAction,
    /// Other actions that would help, best first.
    pub alternatives: Vec<NextAction>,
    /// When it opened.
    pub open_time: Timestamp,
    /// Until when action helps.
    pub due_time: Option<Timestamp>,
    /// When it closed.
    pub close_time: Option<Timestamp>,
    /// Raised by a rule; no source reported it.
    pub derived: bool,
    /// Events that raised, changed or closed it, oldest first.
    pub event_ids: Vec<Digest>,
}

/// Kind of problem. Numbers as in the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Category {
    /// Late against the carrier's own plan.
    Delay = 1,
    /// No event for longer than the norm allows.
    NoUpdate = 2,
    /// Held by, or waiting for, customs.
    Customs = 3,
    /// Address wrong or incomplete.
    Address = 4,
    /// Delivery attempt failed.
    FailedDelivery = 5,
    /// Refused, unclaimed or undeliverable.
    RefusedOrUnclaimed = 6,
    /// Held by the carrier.
    Hold = 7,
    /// Damaged.
    Damage = 8,
    /// Lost, stolen or searched for.
    Loss = 9,
    /// Sent to a wrong place.
    Routing = 10,
    /// Return under way.
    Return = 11,
    /// Prohibited content, seizure or destruction.
    Compliance = 12,
    /// Sources contradict each other or physics.
    DataQuality = 13,
    /// Anything else.
    Other = 14,
    /// The item is there and its contents are not.
    MissingContents = 15,
}

impl Category {
    /// Every category.
    pub const ALL: [Self; 15] = [
        Self::Delay,
        Self::NoUpdate,
        Self::Customs,
        Self::Address,
        Self::FailedDelivery,
        Self::RefusedOrUnclaimed,
        Self::Hold,
        Self::Damage,
        Self::Loss,
        Self::Routing,
        Self::Return,
        Self::Compliance,
        Self::DataQuality,
        Self::Other,
        Self::MissingContents,
    ];
}

/// Who has to act. Numbers as in the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Responsibility {
    /// No action is possible or needed.
    Nobody = 1,
    /// The recipient.
    Recipient = 2,
    /// The shipper or merchant.
    Shipper = 3,
    /// The carrier that has custody.
    Carrier = 4,
    /// Customs, another authority, or the broker.
    Authority = 5,
    /// The operator of this gateway.
    Operator = 6,
}

/// What to do. Numbers as in the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum NextAction {
    /// Wait.
    Wait = 1,
    /// Give customs or the carrier what is missing.
    ProvideInformation = 2,
    /// Pay.
    PayCharges = 3,
    /// Correct the address.
    CorrectAddress = 4,
    /// Book a new attempt.
    ArrangeRedelivery = 5,
    /// Collect the item.
    Collect = 6,
    /// Ask the carrier.
    ContactCarrier = 7,
    /// File a claim.
    FileClaim = 8,
    /// Send again or refund.
    ReshipOrRefund = 9,
    /// Look at the data of the sources.
    ReviewData = 10,
    /// Send it to a pickup point instead.
    ChangeToPickupPoint = 11,
    /// Tell whether to return or dispose.
    ReturnOrDispose = 12,
    /// Open a search with the carrier.
    OpenInvestigation = 13,
    /// Keep packaging and take photographs.
    CollectEvidence = 14,
}
