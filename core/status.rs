//! Where a parcel is in its life: status, milestone, severity, and the table of legal moves.

use serde::{Deserialize, Serialize};

/// Where the item is in its journey. Problems are not a status, and neither is the age of data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Status {
    /// Followed, and no source has reported any event.
    Pending,
    /// Data exists; nothing proves that a carrier has the item.
    InfoReceived,
    /// A carrier has it.
    InTransit,
    /// On the delivery round of the day.
    OutForDelivery,
    /// A delivery failed and what follows has not been reported.
    DeliveryAttempted,
    /// The recipient can collect it; lockers and shops too.
    AvailableForPickup,
    /// Custody passed to the recipient. Terminal.
    Delivered,
    /// On its way back, or ordered back.
    Returning,
    /// The sender has it again. Terminal.
    Returned,
    /// Voided before the first scan. Terminal.
    Cancelled,
    /// Lost, stolen, destroyed or seized. Terminal.
    Failed,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 11] = [
        Self::Pending,
        Self::InfoReceived,
        Self::InTransit,
        Self::OutForDelivery,
        Self::DeliveryAttempted,
        Self::AvailableForPickup,
        Self::Delivered,
        Self::Returning,
        Self::Returned,
        Self::Cancelled,
        Self::Failed,
    ];

    /// Tells whether the journey is over.
    pub const fn is_terminal(self) -> bool {
        matches!(
            self,
            Self::Delivered | Self::Returned | Self::Cancelled | Self::Failed
        )
    }
}

/// A point of the journey that people care about, in the order of the journey.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Milestone {
    /// Carrier or shipper data exists.
    InfoReceived,
    /// First carrier possession.
    PickedUp,
    /// First movement between facilities.
    InTransit,
    /// Most recent arrival at a facility; the only one that moves.
    AtFacility,
    /// Left the origin country or its export office.
    DepartedOrigin,
    /// Arrived in the destination country.
    ArrivedDestination,
    /// Import customs released it.
    CustomsCleared,
    /// First delivery round.
    OutForDelivery,
    /// First offer for collection.
    AvailableForPickup,
    /// Delivered.
    Delivered,
    /// Return ordered or started.
    Returning,
    /// Back with the sender.
    Returned,
}

/// How urgent an event or exception is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Severity {
    /// Nobody has to act.
    Informational,
    /// May be late or need help.
    Warning,
    /// Will not arrive, or not in time, unless somebody acts.
    Critical,
}
