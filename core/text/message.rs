//! Which message says what: ids by value.

use crate::code::{EventCode, ReasonCode};
use crate::exception::{Category, Exception, NextAction, Responsibility};
use crate::status::{Milestone, Status};

/// A name in capitals as part of an id: `OUT_FOR_DELIVERY` is `out-for-delivery`.
fn part(name: &str) -> String {
    name.to_ascii_lowercase().replace('_', "-")
}

/// Messages of a code, best first: its own, then that of its phase for a code of a later version.
pub(super) fn code(code: EventCode) -> String {
    match code.info() {
        Some(info) => format!("code-{}", part(info.name)),
        None => format!("phase-{}", code.phase()),
    }
}

/// Message of a reason; `None` for a number that this version does not know.
pub(super) fn reason(reason: ReasonCode) -> Option<String> {
    reason
        .info()
        .map(|info| format!("reason-{}", part(info.name)))
}

pub(super) const fn status(status: Status) -> &'static str {
    match status {
        Status::Pending => "status-pending",
        Status::InfoReceived => "status-info-received",
        Status::InTransit => "status-in-transit",
        Status::OutForDelivery => "status-out-for-delivery",
        Status::DeliveryAttempted => "status-delivery-attempted",
        Status::AvailableForPickup => "status-available-for-pickup",
        Status::Delivered => "status-delivered",
        Status::Returning => "status-returning",
        Status::Returned => "status-returned",
        Status::Cancelled => "status-cancelled",
        Status::Failed => "status-failed",
    }
}

pub(super) const fn milestone(milestone: Milestone) -> &'static str {
    match milestone {
        Milestone::InfoReceived => "milestone-info-received",
        Milestone::PickedUp => "milestone-picked-up",
        Milestone::InTransit => "milestone-in-transit",
        Milestone::AtFacility => "milestone-at-facility",
        Milestone::DepartedOrigin => "milestone-departed-origin",
        Milestone::ArrivedDestination => "milestone-arrived-destination",
        Milestone::CustomsCleared => "milestone-customs-cleared",
        Milestone::OutForDelivery => "milestone-out-for-delivery",
        Milestone::AvailableForPickup => "milestone-available-for-pickup",
        Milestone::Delivered => "milestone-delivered",
        Milestone::Returning => "milestone-returning",
        Milestone::Returned => "milestone-returned",
    }
}

pub(super) const fn category(category: Category) -> &'static str {
    match category {
        Category::Delay => "exception-delay",
        Category::NoUpdate => "exception-no-update",
        Category::Customs => "exception-customs",
        Category::Address => "exception-address",
        Category::FailedDelivery => "exception-failed-delivery",
        Category::RefusedOrUnclaimed => "exception-refused-or-unclaimed",
        Category::Hold => "exception-hold",
        Category::Damage => "exception-damage",
        Category::Loss => "exception-loss",
        Category::Routing => "exception-routing",
        Category::Return => "exception-return",
        Category::Compliance => "exception-compliance",
        Category::DataQuality => "exception-data-quality",
        Category::Other => "exception-other",
        Category::MissingContents => "exception-missing-contents",
    }
}

/// What is wrong: the category, or what is more precise.
pub(super) fn problem(one: &Exception) -> &'static str {
    if is_not_handed_over(one) {
        "exception-not-handed-over"
    } else {
        category(one.category)
    }
}

/// What its owner has to do.
pub(super) fn task(one: &Exception) -> &'static str {
    if is_not_handed_over(one) {
        "action-hand-over"
    } else {
        action(one.next_action)
    }
}

/// Silence about a parcel that was announced and not seen.
fn is_not_handed_over(one: &Exception) -> bool {
    one.category == Category::NoUpdate && one.owner == Responsibility::Shipper
}

pub(super) const fn action(action: NextAction) -> &'static str {
    match action {
        NextAction::Wait => "action-wait",
        NextAction::ProvideInformation => "action-provide-information",
        NextAction::PayCharges => "action-pay-charges",
        NextAction::CorrectAddress => "action-correct-address",
        NextAction::ArrangeRedelivery => "action-arrange-redelivery",
        NextAction::Collect => "action-collect",
        NextAction::ContactCarrier => "action-contact-carrier",
        NextAction::FileClaim => "action-file-claim",
        NextAction::ReshipOrRefund => "action-reship-or-refund",
        NextAction::ReviewData => "action-review-data",
        NextAction::ChangeToPickupPoint => "action-change-to-pickup-point",
        NextAction::ReturnOrDispose => "action-return-or-dispose",
        NextAction::OpenInvestigation => "action-open-investigation",
        NextAction::CollectEvidence => "action-collect-evidence",
    }
}

pub(super) const fn owner(owner: Responsibility) -> &'static str {
    match owner {
        Responsibility::Nobody => "owner-nobody",
        Responsibility::Recipient => "owner-recipient",
        Responsibility::Shipper => "owner-shipper",
        Responsibility::Carrier => "owner-carrier",
        Responsibility::Authority => "owner-authority",
        Responsibility::Operator => "owner-operator",
    }
}
