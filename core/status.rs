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

/// What the table of moves says about going from one status to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// Legal: the status changes.
    Enter,
    /// The same status again; the newer event speaks for it.
    Same,
    /// Late data about the shipment: accepted, and the status stays.
    Late,
    /// Describes the way back: accepted, and the status stays.
    Stay,
    /// A cancellation after possession orders the item back.
    Recall,
    /// Legal for an event of the return phase only; otherwise after a terminal event.
    NeedsReturn,
    /// Legal for the custodian's own interface only.
    NeedsCustodian,
    /// Legal for [`crate::code::EventCode::FOUND`] only; otherwise after a terminal event.
    NeedsFound,
    /// Movement after a terminal event.
    AfterTerminal,
    /// Not a move that exists.
    Illegal,
}

/// Every move: a row per status, and in it a cell per status but [`Status::Pending`], which no
/// event sets.
#[rustfmt::skip]
const MOVES: [[Move; 10]; 11] = {
    use Move::{
        AfterTerminal as After, Enter, Illegal, Late, NeedsCustodian, NeedsFound, NeedsReturn,
        Recall, Same, Stay,
    };
    [
        // to InfoReceived InTransit OutForDelivery Attempted Pickup Delivered Returning Returned Cancelled Failed
        /* Pending        */ [Enter, Enter, Enter, Enter, Enter, Enter, Enter, Enter, Enter, Enter],
        /* InfoReceived   */ [Same, Enter, Enter, Enter, Enter, Enter, Enter, Enter, Enter, Enter],
        /* InTransit      */ [Late, Same, Enter, Enter, Enter, Enter, Enter, Enter, Recall, Enter],
        /* OutForDelivery */ [Late, Enter, Same, Enter, Enter, Enter, Enter, Enter, Illegal, Enter],
        /* Attempted      */ [Late, Enter, Enter, Same, Enter, Enter, Enter, Enter, Illegal, Enter],
        /* Pickup         */ [Late, Enter, Enter, Enter, Same, Enter, Enter, Enter, Illegal, Enter],
        /* Delivered      */ [Illegal, After, After, After, After, Same, NeedsReturn, NeedsReturn, Illegal, After],
        /* Returning      */ [Late, Stay, Stay, Stay, Stay, NeedsCustodian, Same, Enter, Illegal, Enter],
        /* Returned       */ [Illegal, After, After, After, After, After, Illegal, Same, Illegal, Illegal],
        /* Cancelled      */ [Illegal, Enter, Enter, Enter, Enter, Enter, Enter, Enter, Same, Illegal],
        /* Failed         */ [Illegal, NeedsFound, After, After, After, Enter, Enter, Enter, Illegal, Same],
    ]
};

/// Looks up a move.
pub fn transition(from: Status, to: Status) -> Move {
    (to as usize)
        .checked_sub(1)
        .map_or(Move::Illegal, |column| MOVES[from as usize][column])
}
