//! What AfterShip and 17TRACK would call the state of a record: for callers that move over from one
//! of them and keep their own rules for a while.
//!
//! Both put progress, problems and the age of knowledge into one status, so the projection has to
//! choose: an end of the journey comes first, then a problem that needs somebody to act
//! ("Exception"), then silence without end ("Expired"), then progress. What is lost on the way is
//! listed in `docs/moving.md`.
//!
//! ```
//! use waybill_core::code::EventCode;
//! use waybill_core::projection::{Position, to_aftership, to_track17};
//! use waybill_core::shipment::TrackingState;
//! use waybill_core::status::Status;
//!
//! let position = Position {
//!     status: Status::Delivered,
//!     code: Some(EventCode::DELIVERED_TO_NEIGHBOUR),
//!     reason: None,
//!     tracking: TrackingState::Active,
//!     problem: None,
//! };
//! assert_eq!(to_aftership(&position).detail, "Delivered_005");
//! assert_eq!(to_track17(&position).status, "Delivered");
//! ```

mod table;

use crate::code::{EventCode, ReasonCode, ReasonCode as R};
use crate::event::Digest;
use crate::exception::Category;
use crate::shipment::{Shipment, TrackingState};
use crate::status::{Severity, Status};
use table::BY_CODE;

/// What of a record decides how others would call its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// Status.
    pub status: Status,
    /// Code of the status event.
    pub code: Option<EventCode>,
    /// Reason of the status event.
    pub reason: Option<ReasonCode>,
    /// Whether the gateway still looks for news.
    pub tracking: TrackingState,
    /// The newest open exception of severity CRITICAL; `None` if there is none, which is the case
    /// unless `attention` is CRITICAL.
    pub problem: Option<Problem>,
}

/// A problem that needs somebody to act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Kind.
    pub category: Category,
    /// Code of its newest event; `None` if no event raised it.
    pub code: Option<EventCode>,
    /// Cause.
    pub reason: Option<ReasonCode>,
}

/// A state in another vocabulary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Projected {
    /// AfterShip's tag, or 17TRACK's main status.
    pub status: &'static str,
    /// AfterShip's subtag, or 17TRACK's sub-status.
    pub detail: &'static str,
}

impl Position {
    /// Takes what counts from a record, which has to be assessed.
    pub fn of(record: &Shipment) -> Self {
        let code_of = |id: &Digest| {
            let event = record.events.iter().find(|event| event.id == *id);
            event.map(|event| event.code)
        };
        let critical = record
            .exceptions
            .iter()
            .find(|one| one.close_time.is_none() && one.severity == Severity::Critical);
        Self {
            status: record.status,
            code: record.code,
            reason: record.reason,
            tracking: record.tracking,
            problem: critical.map(|one| Problem {
                category: one.category,
                code: one
                    .event_ids
                    .last()
                    .filter(|_| !one.derived)
                    .and_then(code_of),
                reason: one.reason,
            }),
        }
    }

    /// The main word, if it is not the one of the status.
    fn word(&self) -> Option<Word> {
        if self.status.is_terminal() {
            None
        } else if self.problem.is_some() {
            Some(Word::Exception)
        } else if self.tracking == TrackingState::Expired {
            Some(Word::Expired)
        } else {
            None
        }
    }
}

/// Words that take the place of the status in other vocabularies.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    Exception,
    Expired,
}

/// One vocabulary: what it has beside the table by code.
struct Vocabulary {
    /// Sub-status of a code.
    of_code: fn(EventCode) -> Option<&'static str>,
    /// Status and its sub-status when nothing more is known.
    of_status: fn(Status) -> &'static str,
    /// Sub-status of a problem when its events say nothing.
    of_category: fn(Category) -> &'static str,
    /// Sub-statuses that a reason decides, within the family that stands before the underscore.
    by_reason: &'static [(R, &'static str)],
    /// Sub-statuses that say so little that a reason says more.
    general: &'static [&'static str],
    expired: &'static str,
}

/// AfterShip's tag and subtag.
pub fn to_aftership(position: &Position) -> Projected {
    AFTERSHIP.project(position)
}

/// 17TRACK's main status and sub-status.
pub fn to_track17(position: &Position) -> Projected {
    TRACK17.project(position)
}

impl Vocabulary {
    fn project(&self, position: &Position) -> Projected {
        let detail = match position.word() {
            Some(Word::Expired) => self.expired,
            // The way back has its own words, whatever is wrong besides.
            _ if position.status == Status::Returning => (self.of_status)(Status::Returning),
            Some(Word::Exception) => self.exception(position),
            None => {
                let usual = (self.of_status)(position.status);
                self.finest(family(usual), position.code, position.reason)
                    .unwrap_or(usual)
            }
        };
        Projected {
            status: family(detail),
            detail,
        }
    }

    fn exception(&self, position: &Position) -> &'static str {
        let Some(problem) = position.problem else {
            return (self.of_category)(Category::Other);
        };
        let usual = (self.of_category)(problem.category);
        self.finest(family(usual), problem.code, problem.reason)
            .unwrap_or(usual)
    }

    /// The sub-status of a family that reason or code decide.
    fn finest(
        &self,
        family: &str,
        code: Option<EventCode>,
        reason: Option<ReasonCode>,
    ) -> Option<&'static str> {
        let within = |detail: &&'static str| self::family(detail) == family;
        let of_code = code.and_then(self.of_code).filter(within);
        let of_reason = || {
            let rows = self.by_reason.iter();
            let mut fitting = rows.filter(|row| Some(row.0) == reason).map(|row| row.1);
            fitting.find(within)
        };
        // A code that says what happened comes before the reason for it.
        match of_code {
            Some(detail) if !self.general.contains(&detail) => of_code,
            _ => of_reason().or(of_code),
        }
    }
}

/// What stands before the underscore.
fn family(detail: &'static str) -> &'static str {
    detail.split_once('_').map_or(detail, |(family, _)| family)
}

fn row(code: EventCode) -> Option<&'static (EventCode, &'static str, &'static str)> {
    BY_CODE
        .binary_search_by_key(&code, |row| row.0)
        .ok()
        .map(|at| &BY_CODE[at])
}

static AFTERSHIP: Vocabulary = Vocabulary {
    of_code: |code| row(code).map(|row| row.1),
    of_status: |status| match status {
        Status::Pending => "Pending_001",
        Status::InfoReceived => "InfoReceived_001",
        Status::InTransit => "InTransit_001",
        Status::OutForDelivery => "OutForDelivery_001",
        Status::DeliveryAttempted => "AttemptFail_001",
        Status::AvailableForPickup => "AvailableForPickup_001",
        Status::Delivered => "Delivered_001",
        Status::Returning => "Exception_010",
        Status::Returned => "Exception_011",
        Status::Cancelled => "Exception_020",
        Status::Failed => "Exception_013",
    },
    of_category: |category| match category {
        Category::Delay => "Exception_005",
        Category::Customs => "Exception_004",
        Category::Address => "Exception_007",
        Category::RefusedOrUnclaimed => "Exception_008",
        Category::Damage => "Exception_012",
        Category::Loss => "Exception_013",
        Category::Routing => "Exception_016",
        Category::Return => "Exception_010",
        Category::Compliance => "Exception_009",
        Category::NoUpdate
        | Category::FailedDelivery
        | Category::Hold
        | Category::DataQuality
        | Category::Other
        | Category::MissingContents => "Exception_001",
    },
    by_reason: &[
        (R::RECIPIENT_NOT_AVAILABLE, "AttemptFail_002"),
        (R::RECIPIENT_BUSINESS_CLOSED, "AttemptFail_003"),
        (R::RECIPIENT_MOVED, "Exception_002"),
        (R::RECIPIENT_REFUSED, "Exception_003"),
        (R::CUSTOMS_DELAY, "Exception_004"),
        (R::RECIPIENT_PAYMENT_PENDING, "Exception_006"),
        (R::CUSTOMS_CHARGES_UNPAID, "Exception_006"),
        (R::RECIPIENT_INCORRECT_ADDRESS, "Exception_007"),
        (R::RECIPIENT_NOT_COLLECTED, "Exception_008"),
        (R::CARRIER_HANDLING_DAMAGE, "Exception_012"),
        (R::CARRIER_LOSS, "Exception_013"),
        (R::CARRIER_SORTING_ERROR, "Exception_016"),
        (R::CARRIER_VEHICLE_ISSUE, "Exception_016"),
        (R::WEATHER, "Exception_017"),
        (R::CUSTOMS_DOCUMENTATION, "Exception_018"),
        (R::MISSING_INVOICE, "Exception_018"),
        (R::MISSING_PACKING_LIST, "Exception_018"),
        (R::MISSING_CERTIFICATE, "Exception_018"),
        (R::CARRIER_TRANSPORT_DELAY, "Exception_019"),
    ],
    general: &[
        "AttemptFail_001",
        "Exception_001",
        "Exception_004",
        "Exception_005",
    ],
    expired: "Expired_001",
};

static TRACK17: Vocabulary = Vocabulary {
    of_code: |code| row(code).map(|row| row.2),
    of_status: |status| match status {
        Status::Pending => "NotFound_Other",
        Status::InfoReceived => "InfoReceived",
        Status::InTransit => "InTransit_Other",
        Status::OutForDelivery => "OutForDelivery_Other",
        Status::DeliveryAttempted => "DeliveryFailure_Other",
        Status::AvailableForPickup => "AvailableForPickup_Other",
        Status::Delivered => "Delivered_Other",
        Status::Returning => "Exception_Returning",
        Status::Returned => "Exception_Returned",
        Status::Cancelled => "Exception_Cancel",
        Status::Failed => "Exception_Lost",
    },
    of_category: |category| match category {
        Category::Delay => "Exception_Delayed",
        // "Security, customs or charges before delivery" is one word there.
        Category::Customs | Category::Compliance => "Exception_Security",
        // "Recipient's data is wrong" is, too.
        Category::Address => "Exception_NoBody",
        Category::Damage => "Exception_Damage",
        Category::Loss => "Exception_Lost",
        Category::Return => "Exception_Returning",
        Category::NoUpdate
        | Category::FailedDelivery
        | Category::RefusedOrUnclaimed
        | Category::Hold
        | Category::Routing
        | Category::DataQuality
        | Category::Other
        | Category::MissingContents => "Exception_Other",
    },
    by_reason: &[
        (R::RECIPIENT_NOT_AVAILABLE, "DeliveryFailure_NoBody"),
        (R::SECURITY_CHECK, "DeliveryFailure_Security"),
        (R::RECIPIENT_REFUSED, "DeliveryFailure_Rejected"),
        (
            R::RECIPIENT_INCORRECT_ADDRESS,
            "DeliveryFailure_InvalidAddress",
        ),
        (R::RECIPIENT_NOT_AVAILABLE, "Exception_NoBody"),
        (R::SECURITY_CHECK, "Exception_Security"),
        (R::RECIPIENT_REFUSED, "Exception_Rejected"),
        (R::RECIPIENT_INCORRECT_ADDRESS, "Exception_NoBody"),
        (R::CARRIER_HANDLING_DAMAGE, "Exception_Damage"),
        (R::CARRIER_LOSS, "Exception_Lost"),
    ],
    general: &[
        "DeliveryFailure_Other",
        "Exception_Other",
        "Exception_Delayed",
    ],
    expired: "Expired_Other",
};
