//! What AfterShip and 17TRACK would call a state.

use waybill_core::code::{EVENT_CODES, EventCode as E, ReasonCode as R};
use waybill_core::exception::Category;
use waybill_core::projection::{Position, Problem, Projected, to_aftership, to_track17};
use waybill_core::shipment::{Facts, TrackingState};
use waybill_core::status::{Severity, Status};

use crate::support::*;

fn position(status: Status) -> Position {
    Position {
        status,
        code: None,
        reason: None,
        tracking: TrackingState::Active,
        problem: None,
    }
}

fn problem(category: Category, code: E, reason: Option<R>) -> Option<Problem> {
    Some(Problem {
        category,
        code: Some(code),
        reason,
    })
}

fn both(position: &Position) -> [Projected; 2] {
    [to_aftership(position), to_track17(position)]
}

fn details(position: &Position) -> [&'static str; 2] {
    both(position).map(|projected| projected.detail)
}

#[test]
fn every_status_has_its_words() {
    let rows = [
        (Status::Pending, ["Pending_001", "NotFound_Other"]),
        (Status::InfoReceived, ["InfoReceived_001", "InfoReceived"]),
        (Status::InTransit, ["InTransit_001", "InTransit_Other"]),
        (
            Status::OutForDelivery,
            ["OutForDelivery_001", "OutForDelivery_Other"],
        ),
        (
            Status::DeliveryAttempted,
            ["AttemptFail_001", "DeliveryFailure_Other"],
        ),
        (
            Status::AvailableForPickup,
            ["AvailableForPickup_001", "AvailableForPickup_Other"],
        ),
        (Status::Delivered, ["Delivered_001", "Delivered_Other"]),
        (Status::Returning, ["Exception_010", "Exception_Returning"]),
        (Status::Returned, ["Exception_011", "Exception_Returned"]),
        (Status::Cancelled, ["Exception_020", "Exception_Cancel"]),
        (Status::Failed, ["Exception_013", "Exception_Lost"]),
    ];
    assert_eq!(rows.len(), Status::ALL.len());
    for (status, expected) in rows {
        assert_eq!(details(&position(status)), expected);
        for (projected, detail) in both(&position(status)).iter().zip(expected) {
            assert_eq!(Some(projected.status), detail.split('_').next());
        }
    }
}

#[test]
fn every_code_stays_within_the_words_of_its_status() {
    for row in EVENT_CODES {
        for status in Status::ALL {
            if row.status.is_some_and(|own| own != status) {
                continue;
            }
            let usual = both(&position(status));
            let coded = both(&Position {
                code: Some(row.code),
                ..position(status)
            });
            for (usual, coded) in usual.iter().zip(&coded) {
                assert_eq!(usual.status, coded.status, "{} in {status:?}", row.name);
            }
        }
    }
}

#[test]
fn codes_and_reasons_choose_the_sub_status() {
    let rows = [
        (
            Status::InTransit,
            E::ACCEPTED,
            None,
            ["InTransit_002", "InTransit_PickedUp"],
        ),
        (
            Status::InTransit,
            E::IMPORT_CUSTOMS_RELEASED,
            None,
            ["InTransit_005", "InTransit_CustomsReleased"],
        ),
        (
            Status::InTransit,
            E::MISROUTED,
            None,
            ["InTransit_001", "InTransit_Other"],
        ),
        (
            Status::InfoReceived,
            E::AWAITING_HANDOVER,
            None,
            ["InfoReceived_001", "InfoReceived"],
        ),
        (
            Status::DeliveryAttempted,
            E::DELIVERY_ATTEMPTED,
            Some(R::RECIPIENT_BUSINESS_CLOSED),
            ["AttemptFail_003", "DeliveryFailure_Other"],
        ),
        (
            Status::DeliveryAttempted,
            E::DELIVERY_ATTEMPTED,
            Some(R::RECIPIENT_NOT_AVAILABLE),
            ["AttemptFail_002", "DeliveryFailure_NoBody"],
        ),
        (
            Status::DeliveryAttempted,
            E::DELIVERY_ATTEMPTED,
            Some(R::SECURITY_CHECK),
            ["AttemptFail_001", "DeliveryFailure_Security"],
        ),
        (
            Status::Delivered,
            E::COLLECTED_BY_RECIPIENT,
            None,
            ["Delivered_002", "Delivered_Other"],
        ),
        (
            Status::Delivered,
            E::DELIVERED_DAMAGED,
            None,
            ["Delivered_001", "Delivered_Other"],
        ),
        (
            Status::Failed,
            E::DESTROYED,
            None,
            ["Exception_021", "Exception_Destroyed"],
        ),
        (
            Status::Failed,
            E::LOST,
            Some(R::CARRIER_LOSS),
            ["Exception_013", "Exception_Lost"],
        ),
        (
            Status::Returning,
            E::REJECTED_BY_CARRIER,
            None,
            ["Exception_010", "Exception_Returning"],
        ),
    ];
    for (status, code, reason, expected) in rows {
        let here = Position {
            code: Some(code),
            reason,
            ..position(status)
        };
        assert_eq!(details(&here), expected, "{code:?} {reason:?}");
    }
}

#[test]
fn a_problem_that_needs_somebody_comes_before_silence_and_after_the_end() {
    for status in Status::ALL {
        for tracking in [
            TrackingState::Active,
            TrackingState::Dormant,
            TrackingState::Closed,
            TrackingState::Expired,
        ] {
            for category in Category::ALL.map(Some).into_iter().chain([None]) {
                let here = Position {
                    tracking,
                    problem: category.map(|category| Problem {
                        category,
                        code: None,
                        reason: None,
                    }),
                    ..position(status)
                };
                let plain = both(&position(status));
                for (found, plain) in both(&here).iter().zip(plain) {
                    let expected = if status.is_terminal() {
                        plain.status
                    } else if category.is_some() {
                        "Exception"
                    } else if tracking == TrackingState::Expired {
                        "Expired"
                    } else {
                        plain.status
                    };
                    assert_eq!(found.status, expected, "{here:?}");
                    assert!(found.detail.starts_with(expected), "{here:?}");
                }
            }
        }
    }
}

#[test]
fn problems_have_their_own_words() {
    let rows = [
        (
            problem(Category::Customs, E::CUSTOMS_INFORMATION_REQUIRED, None),
            ["Exception_018", "Exception_Security"],
        ),
        (
            problem(
                Category::Customs,
                E::IMPORT_CUSTOMS_HELD,
                Some(R::CUSTOMS_CHARGES_UNPAID),
            ),
            ["Exception_006", "Exception_Security"],
        ),
        (
            problem(Category::Address, E::ADDRESS_PROBLEM, None),
            ["Exception_007", "Exception_NoBody"],
        ),
        (
            problem(
                Category::RefusedOrUnclaimed,
                E::REFUSED,
                Some(R::RECIPIENT_REFUSED),
            ),
            ["Exception_003", "Exception_Rejected"],
        ),
        (
            problem(
                Category::RefusedOrUnclaimed,
                E::UNDELIVERABLE,
                Some(R::RECIPIENT_MOVED),
            ),
            ["Exception_002", "Exception_Other"],
        ),
        (
            problem(Category::Delay, E::DELAYED, Some(R::WEATHER)),
            ["Exception_017", "Exception_Delayed"],
        ),
        (
            problem(Category::Damage, E::DAMAGED, None),
            ["Exception_012", "Exception_Damage"],
        ),
    ];
    for (problem, expected) in rows {
        let here = Position {
            problem,
            ..position(Status::InTransit)
        };
        assert_eq!(details(&here), expected, "{problem:?}");
    }
    for (category, expected) in [
        (Category::NoUpdate, ["Exception_001", "Exception_Other"]),
        (
            Category::RefusedOrUnclaimed,
            ["Exception_008", "Exception_Other"],
        ),
        (Category::Loss, ["Exception_013", "Exception_Lost"]),
        (
            Category::Compliance,
            ["Exception_009", "Exception_Security"],
        ),
    ] {
        let here = Position {
            problem: Some(Problem {
                category,
                code: None,
                reason: None,
            }),
            ..position(Status::InTransit)
        };
        assert_eq!(details(&here), expected, "{category:?}");
    }
}

#[test]
fn a_record_tells_its_position() {
    let claims = vec![
        claim(E::ACCEPTED, known(day(1))),
        because(claim(E::REFUSED, known(day(2))), R::RECIPIENT_REFUSED),
    ];
    let refused = at(&heard(claims, Facts::default()).record(), day(2) + hours(1));
    assert_eq!(refused.attention, Some(Severity::Critical));
    let here = Position::of(&refused);
    let expected = problem(
        Category::RefusedOrUnclaimed,
        E::REFUSED,
        Some(R::RECIPIENT_REFUSED),
    );
    assert_eq!(here.problem, expected);
    assert_eq!(here.status, Status::DeliveryAttempted);
    assert_eq!(details(&here), ["Exception_003", "Exception_Rejected"]);

    // A silence that nobody reported has no code; one that lasts a year has no end.
    let quiet = record(days(&[E::ACCEPTED]));
    let silent = Position::of(&at(&quiet, day(12)));
    assert!(matches!(
        silent.problem,
        None | Some(Problem {
            code: None,
            category: Category::NoUpdate,
            ..
        })
    ));
    let end = at(&quiet, day(400));
    assert_eq!(end.tracking, TrackingState::Expired);
    assert_eq!(Position::of(&end).tracking, TrackingState::Expired);
    // Its silence needs somebody to act, and that is the word for it.
    assert_eq!(to_aftership(&Position::of(&end)).status, "Exception");

    let done = at(&record(days(&[E::ACCEPTED, E::DELIVERED_SIGNED])), day(400));
    assert_eq!(
        details(&Position::of(&done)),
        ["Delivered_003", "Delivered_Other"]
    );
}
