//! What opens an exception, who then acts, and what closes it: one table.
//!
//! The table knows events only. What depends on the clock is in [`crate::timeline`].

use crate::code::{EventCode as E, ReasonCode as R};
use crate::event::Event;
use crate::exception::{Category, NextAction, Responsibility};
use crate::status::{Severity, Status};

/// One row: a category, what opens and closes it, and what it then is.
pub(crate) struct Rule {
    pub(crate) category: Category,
    opened_by: &'static [E],
    /// Any event with such a reason opens it.
    opened_by_reasons: &'static [R],
    closed_by: &'static [E],
    closed_by_movement: bool,
    closed_by_delivery: bool,
    pub(crate) end: End,
    /// It says nothing about the way back.
    outbound: bool,
    /// Days after which a warning becomes critical; 0: never by this rule.
    pub(crate) critical_after_days: i64,
    /// What it is: the first entry that fits counts, and the last one fits always.
    ways: &'static [Way],
}

/// What a terminal status does to an open exception.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// Closes it.
    Closes,
    /// Closes it once the period for claims is over.
    ClosesAfterClaims,
    /// Leaves it open.
    Stays,
}

/// What it was about an event that closed an exception.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Closing {
    /// Its code.
    Code,
    /// It shows the item moving.
    Movement,
    /// The item was delivered.
    Delivery,
    /// The journey ended.
    End,
    /// The carrier's new plan keeps its promise again.
    WithinPlan,
}

/// What an exception is, by the event that opened it.
#[derive(Clone, Copy)]
pub(crate) struct Way {
    /// Events that it fits; empty: all.
    codes: &'static [E],
    /// Reasons that it fits; empty: all.
    reasons: &'static [R],
    pub(crate) severity: Severity,
    pub(crate) owner: Responsibility,
    pub(crate) action: NextAction,
    pub(crate) alternatives: &'static [NextAction],
}

const fn way(
    severity: Severity,
    owner: Responsibility,
    action: NextAction,
    alternatives: &'static [NextAction],
) -> Way {
    Way {
        codes: &[],
        reasons: &[],
        severity,
        owner,
        action,
        alternatives,
    }
}

const fn on(codes: &'static [E], way: Way) -> Way {
    Way { codes, ..way }
}

const fn because(reasons: &'static [R], way: Way) -> Way {
    Way { reasons, ..way }
}

/// A row that nothing opens or closes but a terminal status; rows state what differs.
const BLANK: Rule = Rule {
    category: Category::Other,
    opened_by: &[],
    opened_by_reasons: &[],
    closed_by: &[],
    closed_by_movement: false,
    closed_by_delivery: false,
    end: End::Closes,
    outbound: false,
    critical_after_days: 7,
    ways: &[],
};

const DOCUMENTS: &[R] = &[
    R::CUSTOMS_DOCUMENTATION,
    R::DECLARED_VALUE_DISPUTED,
    R::COUNTERFEIT,
    R::MISSING_INVOICE,
    R::MISSING_PACKING_LIST,
    R::MISSING_CERTIFICATE,
];
const CHARGES: &[R] = &[R::CUSTOMS_CHARGES_UNPAID];
const ADDRESS: &[R] = &[
    R::CARRIER_ADDRESS_NOT_FOUND,
    R::RECIPIENT_INCORRECT_ADDRESS,
    R::RECIPIENT_MOVED,
];
const FORCE_MAJEURE: &[R] = &[
    R::WEATHER,
    R::NATURAL_DISASTER,
    R::PUBLIC_HOLIDAY,
    R::CIVIL_DISRUPTION,
];

/// Every category.
pub(crate) static RULES: &[Rule] = {
    use NextAction as A;
    use Responsibility::{Authority, Carrier, Nobody, Operator, Recipient, Shipper};
    use Severity::{Critical as C, Warning as W};
    &[
        Rule {
            category: Category::Delay,
            opened_by: &[E::DELAYED, E::DELIVERY_RESCHEDULED],
            ways: &[
                because(
                    &[R::REMOTE_AREA],
                    way(W, Nobody, A::Wait, &[A::ChangeToPickupPoint]),
                ),
                because(FORCE_MAJEURE, way(W, Nobody, A::Wait, &[])),
                way(W, Carrier, A::Wait, &[]),
            ],
            ..BLANK
        },
        Rule {
            category: Category::NoUpdate,
            critical_after_days: 0,
            ways: &[
                // Announced, and not seen: perhaps it was never handed over.
                on(&[E::INFO_RECEIVED], way(W, Shipper, A::ContactCarrier, &[])),
                way(W, Carrier, A::ContactCarrier, &[]),
            ],
            ..BLANK
        },
        Rule {
            category: Category::Customs,
            opened_by: &[
                E::EXPORT_CUSTOMS_HELD,
                E::IMPORT_CUSTOMS_HELD,
                E::CUSTOMS_INFORMATION_REQUIRED,
                E::CUSTOMS_PAYMENT_REQUIRED,
            ],
            closed_by: &[
                E::EXPORT_CUSTOMS_RELEASED,
                E::IMPORT_CUSTOMS_RELEASED,
                E::CUSTOMS_RELEASED,
            ],
            closed_by_movement: true,
            critical_after_days: 5,
            ways: &[
                because(
                    DOCUMENTS,
                    way(C, Shipper, A::ProvideInformation, &[A::ReturnOrDispose]),
                ),
                because(
                    CHARGES,
                    way(C, Recipient, A::PayCharges, &[A::ReturnOrDispose]),
                ),
                on(
                    &[E::CUSTOMS_INFORMATION_REQUIRED],
                    way(C, Shipper, A::ProvideInformation, &[A::ReturnOrDispose]),
                ),
                on(
                    &[E::CUSTOMS_PAYMENT_REQUIRED],
                    way(C, Recipient, A::PayCharges, &[A::ReturnOrDispose]),
                ),
                way(W, Authority, A::Wait, &[A::ReturnOrDispose]),
            ],
            ..BLANK
        },
        Rule {
            category: Category::Address,
            opened_by: &[E::ADDRESS_PROBLEM],
            opened_by_reasons: ADDRESS,
            closed_by: &[
                E::OUT_FOR_DELIVERY,
                E::RELEASED,
                E::REDIRECTED,
                E::RETURN_INITIATED,
                E::RETURN_IN_TRANSIT,
            ],
            outbound: true,
            ways: &[
                because(
                    &[R::SHIPPER_INCORRECT_DATA],
                    way(C, Shipper, A::CorrectAddress, &[A::ChangeToPickupPoint]),
                ),
                way(C, Recipient, A::CorrectAddress, &[A::ChangeToPickupPoint]),
            ],
            ..BLANK
        },
        Rule {
            category: Category::FailedDelivery,
            opened_by: &[E::DELIVERY_ATTEMPTED, E::FINAL_ATTEMPT_FAILED],
            closed_by: &[
                E::AVAILABLE_FOR_PICKUP,
                E::RETURN_INITIATED,
                E::RETURN_IN_TRANSIT,
            ],
            closed_by_delivery: true,
            outbound: true,
            ways: &[
                on(
                    &[E::FINAL_ATTEMPT_FAILED],
                    way(
                        C,
                        Recipient,
                        A::ArrangeRedelivery,
                        &[A::ChangeToPickupPoint],
                    ),
                ),
                way(
                    W,
                    Recipient,
                    A::ArrangeRedelivery,
                    &[A::ChangeToPickupPoint],
                ),
            ],
            ..BLANK
        },
        Rule {
            category: Category::RefusedOrUnclaimed,
            opened_by: &[E::REFUSED, E::UNCLAIMED, E::UNDELIVERABLE],
            closed_by: &[E::RETURNED_TO_SENDER],
            closed_by_delivery: true,
            outbound: true,
            ways: &[
                on(
                    &[E::UNCLAIMED, E::AVAILABLE_FOR_PICKUP, E::PICKUP_REMINDED],
                    way(C, Recipient, A::Collect, &[]),
                ),
                way(C, Shipper, A::ReturnOrDispose, &[A::ReshipOrRefund]),
            ],
            ..BLANK
        },
        Rule {
            category: Category::Hold,
            opened_by: &[
                E::HELD_AT_EXPORT_OFFICE,
                E::HELD_AT_IMPORT_OFFICE,
                E::HELD_AT_DELIVERY_OFFICE,
                E::HELD,
            ],
            closed_by: &[E::RELEASED],
            closed_by_movement: true,
            ways: &[
                because(
                    &[R::RECIPIENT_PAYMENT_PENDING],
                    way(W, Recipient, A::PayCharges, &[A::ContactCarrier]),
                ),
                way(W, Carrier, A::Wait, &[A::ContactCarrier]),
            ],
            ..BLANK
        },
        Rule {
            category: Category::Damage,
            opened_by: &[E::DAMAGED, E::DELIVERED_DAMAGED],
            end: End::ClosesAfterClaims,
            ways: &[way(C, Shipper, A::CollectEvidence, &[A::FileClaim])],
            ..BLANK
        },
        Rule {
            category: Category::Loss,
            opened_by: &[E::LOST, E::SEARCH_STARTED, E::STOLEN],
            // Who has it again has found it.
            closed_by: &[E::FOUND, E::RETURNED_TO_SENDER],
            closed_by_delivery: true,
            end: End::Stays,
            ways: &[
                on(
                    &[E::SEARCH_STARTED],
                    way(C, Carrier, A::OpenInvestigation, &[]),
                ),
                way(C, Shipper, A::FileClaim, &[A::ReshipOrRefund]),
            ],
            ..BLANK
        },
        Rule {
            category: Category::MissingContents,
            opened_by: &[E::CONTENTS_MISSING],
            opened_by_reasons: &[R::TAMPERED, R::PACKED_SHORT],
            end: End::ClosesAfterClaims,
            ways: &[
                because(&[R::PACKED_SHORT], way(C, Shipper, A::ReshipOrRefund, &[])),
                because(
                    &[R::UNDER_INVESTIGATION],
                    way(
                        C,
                        Carrier,
                        A::CollectEvidence,
                        &[A::OpenInvestigation, A::FileClaim],
                    ),
                ),
                way(
                    C,
                    Shipper,
                    A::CollectEvidence,
                    &[A::OpenInvestigation, A::FileClaim],
                ),
            ],
            ..BLANK
        },
        Rule {
            category: Category::Routing,
            opened_by: &[E::MISROUTED],
            closed_by: &[E::ROUTE_CORRECTED],
            closed_by_movement: true,
            ways: &[way(W, Carrier, A::Wait, &[A::ContactCarrier])],
            ..BLANK
        },
        Rule {
            category: Category::Return,
            opened_by: &[
                E::RETURN_INITIATED,
                E::RETURN_IN_TRANSIT,
                E::RETURN_AVAILABLE_FOR_PICKUP,
                E::EXPORT_TERMINATED,
                E::IMPORT_TERMINATED,
                E::REJECTED_BY_CARRIER,
            ],
            closed_by: &[E::RETURNED_TO_SENDER],
            critical_after_days: 0,
            ways: &[
                on(
                    &[E::RETURN_IN_TRANSIT, E::RETURN_AVAILABLE_FOR_PICKUP],
                    way(W, Shipper, A::ReshipOrRefund, &[]),
                ),
                way(C, Shipper, A::ReshipOrRefund, &[]),
            ],
            ..BLANK
        },
        Rule {
            category: Category::Compliance,
            opened_by: &[
                E::DESTROYED,
                E::SEIZED,
                E::REJECTED_BY_CARRIER,
                E::EXPORT_TERMINATED,
                E::IMPORT_TERMINATED,
            ],
            opened_by_reasons: &[
                R::DANGEROUS_GOODS,
                R::COUNTERFEIT,
                R::SHIPPER_PROHIBITED_CONTENT,
                R::CUSTOMS_PROHIBITED,
            ],
            ways: &[way(
                C,
                Shipper,
                A::ProvideInformation,
                &[A::ReturnOrDispose],
            )],
            ..BLANK
        },
        Rule {
            category: Category::DataQuality,
            end: End::Stays,
            critical_after_days: 0,
            ways: &[way(W, Operator, A::ReviewData, &[])],
            ..BLANK
        },
        Rule {
            category: Category::Other,
            opened_by: &[E::EXCEPTION],
            closed_by: &[E::RELEASED],
            closed_by_movement: true,
            ways: &[way(W, Carrier, A::ContactCarrier, &[])],
            ..BLANK
        },
    ]
};

/// What a category is when nothing more is known.
const UNKNOWN: Way = way(
    Severity::Warning,
    Responsibility::Carrier,
    NextAction::ContactCarrier,
    &[],
);

impl Rule {
    /// Tells whether an event that counts opens the category.
    pub(crate) fn is_opened_by(&self, event: &Event) -> bool {
        if self.outbound && is_way_back(event) {
            return false;
        }
        let by_reason = || {
            event
                .reason
                .is_some_and(|reason| self.opened_by_reasons.contains(&reason))
        };
        self.opened_by.contains(&event.code)
            || (by_reason() && !self.closed_by.contains(&event.code))
    }

    /// Tells whether an event that counts closes the category, `action` being what its owner was
    /// to do.
    pub(crate) fn is_closed_by(&self, event: &Event, action: NextAction) -> bool {
        let paid = self.category == Category::Customs
            && event.code == E::CUSTOMS_PAYMENT_RECEIVED
            && action == NextAction::PayCharges;
        paid || self.closed_by.contains(&event.code)
            || (self.closed_by_movement && is_movement(event.code))
            || (self.closed_by_delivery && event.status == Some(Status::Delivered))
            || (self.end == End::Closes && event.status.is_some_and(Status::is_terminal))
    }

    /// By what such an event, which opened it, did so: its code, else its reason.
    pub(crate) fn opens_by_code(&self, event: &Event) -> bool {
        self.opened_by.contains(&event.code)
    }

    /// By what an event closes it.
    pub(crate) fn closes_by(&self, event: &Event) -> Closing {
        if self.closed_by.contains(&event.code) || event.code == E::CUSTOMS_PAYMENT_RECEIVED {
            Closing::Code
        } else if self.closed_by_movement && is_movement(event.code) {
            Closing::Movement
        } else if self.closed_by_delivery && event.status == Some(Status::Delivered) {
            Closing::Delivery
        } else if self.end == End::Closes && event.status.is_some_and(Status::is_terminal) {
            Closing::End
        } else {
            Closing::WithinPlan
        }
    }

    /// What the category is after such an event.
    pub(crate) fn way(&self, code: E, reason: Option<R>) -> Way {
        let fits = |way: &&Way| {
            (way.codes.is_empty() || way.codes.contains(&code))
                && (way.reasons.is_empty() || reason.is_some_and(|r| way.reasons.contains(&r)))
        };
        self.ways.iter().find(fits).copied().unwrap_or(UNKNOWN)
    }
}

/// Tells whether the event describes the way back rather than ordering it.
pub(crate) fn is_way_back(event: &Event) -> bool {
    event.status == Some(Status::Returning) && event.code.status() != Some(Status::Returning)
}

/// Tells whether the item was seen moving or being handled along its route.
pub(crate) fn is_movement(code: E) -> bool {
    matches!(
        code.0,
        201..=205 | 301..=315 | 501 | 502 | 505 | 601..=607 | 609 | 610 | 651..=655 | 702..=704
    )
}

/// Severity of an event: that of its code, raised by its reason.
pub(crate) fn severity_of(code: E, reason: Option<R>) -> Severity {
    let raised = |reason: R| {
        DOCUMENTS.contains(&reason)
            || CHARGES.contains(&reason)
            || ADDRESS.contains(&reason)
            || reason == R::RECIPIENT_REFUSED
    };
    if reason.is_some_and(raised) {
        return Severity::Critical;
    }
    code.info()
        .map_or(Severity::Informational, |info| info.severity)
}
