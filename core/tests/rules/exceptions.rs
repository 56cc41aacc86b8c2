//! Each row of the table of exceptions: what opens it, what it then is, what closes it.

use waybill_core::code::{EVENT_CODES, EventCode as E, REASON_CODES, ReasonCode as R};
use waybill_core::event::Claim;
use waybill_core::exception::Category::{self, *};
use waybill_core::exception::NextAction::{self, *};
use waybill_core::exception::Responsibility::{self, *};
use waybill_core::status::Severity::{self, Critical as C, Warning as W};
use waybill_core::text::Audience;

use crate::support::*;

struct Row {
    before: E,
    opens: &'static [(E, Option<R>)],
    is: (Category, Severity, Responsibility, NextAction),
    alternatives: &'static [NextAction],
    closes: &'static [E],
    keeps: &'static [E],
}

const TRANSIT: E = E::IN_TRANSIT;

#[rustfmt::skip]
const ROWS: &[Row] = &[
    Row { before: TRANSIT, opens: &[(E::DELAYED, None), (E::DELIVERY_RESCHEDULED, None)],
        is: (Delay, W, Carrier, Wait), alternatives: &[],
        closes: &[E::DELIVERED, E::LOST], keeps: &[TRANSIT, E::OUT_FOR_DELIVERY] },
    Row { before: TRANSIT, opens: &[(E::DELAYED, Some(R::WEATHER)), (E::DELAYED, Some(R::CIVIL_DISRUPTION))],
        is: (Delay, W, Nobody, Wait), alternatives: &[], closes: &[E::DELIVERED], keeps: &[TRANSIT] },
    Row { before: TRANSIT, opens: &[(E::DELAYED, Some(R::REMOTE_AREA))],
        is: (Delay, W, Nobody, Wait), alternatives: &[ChangeToPickupPoint],
        closes: &[E::DELIVERED], keeps: &[TRANSIT] },
    Row { before: TRANSIT, opens: &[(E::EXPORT_CUSTOMS_HELD, None), (E::IMPORT_CUSTOMS_HELD, None)],
        is: (Customs, W, Authority, Wait), alternatives: &[ReturnOrDispose],
        closes: &[E::EXPORT_CUSTOMS_RELEASED, E::IMPORT_CUSTOMS_RELEASED, E::CUSTOMS_RELEASED, E::OUT_FOR_DELIVERY],
        keeps: &[E::CUSTOMS_PAYMENT_RECEIVED, E::CUSTOMS_PROCESSING] },
    Row { before: TRANSIT,
        opens: &[(E::CUSTOMS_INFORMATION_REQUIRED, None), (E::CUSTOMS_INFORMATION_REQUIRED, Some(R::MISSING_INVOICE)),
            (E::IMPORT_CUSTOMS_HELD, Some(R::DECLARED_VALUE_DISPUTED)), (E::IMPORT_CUSTOMS_HELD, Some(R::CUSTOMS_DOCUMENTATION))],
        is: (Customs, C, Shipper, ProvideInformation), alternatives: &[ReturnOrDispose],
        closes: &[E::IMPORT_CUSTOMS_RELEASED, E::DEPARTED_IMPORT_OFFICE], keeps: &[E::CUSTOMS_PAYMENT_RECEIVED] },
    Row { before: TRANSIT, opens: &[(E::CUSTOMS_PAYMENT_REQUIRED, None), (E::IMPORT_CUSTOMS_HELD, Some(R::CUSTOMS_CHARGES_UNPAID))],
        is: (Customs, C, Recipient, PayCharges), alternatives: &[ReturnOrDispose],
        closes: &[E::CUSTOMS_PAYMENT_RECEIVED, E::IMPORT_CUSTOMS_RELEASED], keeps: &[E::INFORMATION] },
    Row { before: TRANSIT,
        opens: &[(E::ADDRESS_PROBLEM, None), (E::EXCEPTION, Some(R::RECIPIENT_MOVED)),
            (E::DELIVERY_ATTEMPTED, Some(R::CARRIER_ADDRESS_NOT_FOUND)), (E::HELD, Some(R::RECIPIENT_INCORRECT_ADDRESS))],
        is: (Address, C, Recipient, CorrectAddress), alternatives: &[ChangeToPickupPoint],
        closes: &[E::OUT_FOR_DELIVERY, E::RELEASED, E::REDIRECTED, E::RETURN_INITIATED, E::DELIVERED], keeps: &[TRANSIT] },
    Row { before: TRANSIT, opens: &[(E::ADDRESS_PROBLEM, Some(R::SHIPPER_INCORRECT_DATA))],
        is: (Address, C, Shipper, CorrectAddress), alternatives: &[ChangeToPickupPoint],
        closes: &[E::REDIRECTED], keeps: &[TRANSIT] },
    Row { before: TRANSIT, opens: &[(E::DELIVERY_ATTEMPTED, None), (E::DELIVERY_ATTEMPTED, Some(R::RECIPIENT_NOT_AVAILABLE))],
        is: (FailedDelivery, W, Recipient, ArrangeRedelivery), alternatives: &[ChangeToPickupPoint],
        closes: &[E::AVAILABLE_FOR_PICKUP, E::DELIVERED, E::COLLECTED_BY_RECIPIENT, E::RETURN_INITIATED],
        keeps: &[E::OUT_FOR_DELIVERY, TRANSIT] },
    Row { before: TRANSIT, opens: &[(E::FINAL_ATTEMPT_FAILED, None)],
        is: (FailedDelivery, C, Recipient, ArrangeRedelivery), alternatives: &[ChangeToPickupPoint],
        closes: &[E::AVAILABLE_FOR_PICKUP], keeps: &[TRANSIT] },
    Row { before: TRANSIT, opens: &[(E::REFUSED, None), (E::UNDELIVERABLE, None)],
        is: (RefusedOrUnclaimed, C, Shipper, ReturnOrDispose), alternatives: &[ReshipOrRefund],
        closes: &[E::DELIVERED, E::RETURNED_TO_SENDER], keeps: &[E::RETURN_INITIATED, TRANSIT] },
    Row { before: E::AVAILABLE_FOR_PICKUP, opens: &[(E::UNCLAIMED, None)],
        is: (RefusedOrUnclaimed, C, Recipient, Collect), alternatives: &[],
        closes: &[E::COLLECTED_BY_RECIPIENT, E::RETURNED_TO_SENDER], keeps: &[TRANSIT] },
    Row { before: TRANSIT,
        opens: &[(E::HELD, None), (E::HELD_AT_EXPORT_OFFICE, None), (E::HELD_AT_IMPORT_OFFICE, None), (E::HELD_AT_DELIVERY_OFFICE, None)],
        is: (Hold, W, Carrier, Wait), alternatives: &[ContactCarrier],
        closes: &[E::RELEASED, TRANSIT, E::OUT_FOR_DELIVERY, E::DELIVERY_ATTEMPTED], keeps: &[E::INFORMATION, E::REDIRECTED] },
    Row { before: TRANSIT, opens: &[(E::HELD, Some(R::RECIPIENT_PAYMENT_PENDING))],
        is: (Hold, W, Recipient, PayCharges), alternatives: &[ContactCarrier], closes: &[E::RELEASED], keeps: &[E::INFORMATION] },
    Row { before: TRANSIT, opens: &[(E::DAMAGED, None), (E::DELIVERED_DAMAGED, None)],
        is: (Damage, C, Shipper, CollectEvidence), alternatives: &[FileClaim],
        closes: &[], keeps: &[E::DELIVERED, E::RELEASED] },
    Row { before: TRANSIT, opens: &[(E::LOST, None), (E::STOLEN, None)],
        is: (Loss, C, Shipper, FileClaim), alternatives: &[ReshipOrRefund],
        closes: &[E::FOUND, E::DELIVERED], keeps: &[E::INFORMATION] },
    Row { before: TRANSIT, opens: &[(E::SEARCH_STARTED, None)],
        is: (Loss, C, Carrier, OpenInvestigation), alternatives: &[], closes: &[E::FOUND, E::DELIVERED], keeps: &[TRANSIT] },
    Row { before: TRANSIT, opens: &[(E::CONTENTS_MISSING, None), (E::DELIVERED, Some(R::TAMPERED)), (E::INFORMATION, Some(R::TAMPERED))],
        is: (MissingContents, C, Shipper, CollectEvidence), alternatives: &[OpenInvestigation, FileClaim],
        closes: &[], keeps: &[E::DELIVERED, E::FOUND] },
    Row { before: TRANSIT, opens: &[(E::CONTENTS_MISSING, Some(R::PACKED_SHORT))],
        is: (MissingContents, C, Shipper, ReshipOrRefund), alternatives: &[], closes: &[], keeps: &[TRANSIT, E::DELIVERED] },
    Row { before: TRANSIT, opens: &[(E::MISROUTED, None)],
        is: (Routing, W, Carrier, Wait), alternatives: &[ContactCarrier],
        closes: &[E::ROUTE_CORRECTED, TRANSIT], keeps: &[E::INFORMATION] },
    Row { before: TRANSIT,
        opens: &[(E::RETURN_INITIATED, None), (E::EXPORT_TERMINATED, None), (E::IMPORT_TERMINATED, None), (E::REJECTED_BY_CARRIER, None),
            // To cancel what is on its way is to order it back.
            (E::CANCELLED, None)],
        is: (Return, C, Shipper, ReshipOrRefund), alternatives: &[],
        closes: &[E::RETURNED_TO_SENDER, E::LOST], keeps: &[E::INFORMATION] },
    Row { before: TRANSIT, opens: &[(E::RETURN_IN_TRANSIT, None), (E::RETURN_AVAILABLE_FOR_PICKUP, None)],
        is: (Return, W, Shipper, ReshipOrRefund), alternatives: &[], closes: &[E::RETURNED_TO_SENDER], keeps: &[TRANSIT] },
    Row { before: TRANSIT,
        opens: &[(E::DESTROYED, None), (E::SEIZED, None), (E::REJECTED_BY_CARRIER, None), (E::EXPORT_TERMINATED, None),
            (E::IMPORT_TERMINATED, None), (E::HELD, Some(R::DANGEROUS_GOODS)), (E::IMPORT_CUSTOMS_HELD, Some(R::COUNTERFEIT)),
            (E::EXCEPTION, Some(R::SHIPPER_PROHIBITED_CONTENT)), (E::EXPORT_CUSTOMS_HELD, Some(R::CUSTOMS_PROHIBITED))],
        is: (Compliance, C, Shipper, ProvideInformation), alternatives: &[ReturnOrDispose],
        closes: &[E::RETURNED_TO_SENDER], keeps: &[E::INFORMATION] },
    Row { before: TRANSIT, opens: &[(E::EXCEPTION, None)],
        is: (Other, W, Carrier, ContactCarrier), alternatives: &[],
        closes: &[TRANSIT, E::RELEASED, E::DELIVERED], keeps: &[E::INFORMATION] },
];

fn claims(before: E, (code, reason): (E, Option<R>), then: Option<E>) -> Vec<Claim> {
    let mut all = days(&[before, code]);
    all[1].reason = reason;
    all.extend(then.map(|then| claim(then, known(day(1) + hours(1)))));
    all
}

#[test]
fn each_row_opens_with_its_owner_and_action() {
    for row in ROWS {
        for opening in row.opens {
            let record = at(&record(claims(row.before, *opening, None)), day(1));
            let (category, severity, owner, action) = row.is;
            let one = only(&record, category);
            let context = format!("{opening:?}");
            assert_eq!(one.severity, severity, "{context}");
            assert_eq!(one.owner, owner, "{context}");
            assert_eq!(one.next_action, action, "{context}");
            assert_eq!(one.alternatives, row.alternatives, "{context}");
            assert_eq!(one.reason, opening.1, "{context}");
            assert_eq!(one.open_time, day(1), "{context}");
            assert_eq!(one.close_time, None, "{context}");
            assert_eq!(one.event_ids, [id(&record, 1)], "{context}");
            assert!(!one.derived, "{context}");
            assert!(record.attention >= Some(severity), "{context}");
        }
    }
}

#[test]
fn each_row_closes_by_its_events_and_by_no_other() {
    for row in ROWS {
        for opening in row.opens {
            for (then, closes) in (row.closes.iter().map(|code| (code, true)))
                .chain(row.keeps.iter().map(|code| (code, false)))
            {
                let record = record(claims(row.before, *opening, Some(*then)));
                if event(&record, 2).standing != waybill_core::event::Standing::Accepted {
                    // After a terminal opener most events do not count, and so close nothing.
                    continue;
                }
                let one = only(&at(&record, day(1) + hours(1)), row.is.0);
                let context = format!("{opening:?} then {}", then.0);
                assert_eq!(one.close_time.is_some(), closes, "{context}");
                if closes {
                    assert_eq!(one.close_time, Some(day(1) + hours(1)), "{context}");
                    assert_eq!(one.event_ids, [id(&record, 1), id(&record, 2)], "{context}");
                }
            }
        }
    }
}

/// Categories that no event opens by its code, each with the test that has its rows: silence and
/// late forecasts are in `clock.rs`, contradictions below.
const NOT_OPENED_BY_A_CODE: [Category; 2] = [NoUpdate, DataQuality];

#[test]
fn every_category_is_in_the_table_or_has_rows_of_its_own() {
    for category in Category::ALL {
        let here = ROWS.iter().any(|row| row.is.0 == category);
        let elsewhere = NOT_OPENED_BY_A_CODE.contains(&category);
        assert!(here != elsewhere, "{category:?}");
    }
}

#[test]
fn every_code_and_reason_that_opens_something_is_in_the_table() {
    let codes = EVENT_CODES.iter().map(|info| (info.code, None));
    let reasons = REASON_CODES
        .iter()
        .map(|info| (E::INFORMATION, Some(info.code)));
    let mut missing = Vec::new();
    for opening in codes.chain(reasons) {
        let (code, reason) = opening;
        let record = at(&record(claims(TRANSIT, opening, None)), day(1));
        for one in &record.exceptions {
            let has_row = ROWS
                .iter()
                .filter(|row| row.is.0 == one.category)
                .any(|row| {
                    let mut opens = row.opens.iter();
                    opens.any(|known| known.1 == reason && (reason.is_some() || known.0 == code))
                });
            if !has_row && !NOT_OPENED_BY_A_CODE.contains(&one.category) {
                missing.push((code, reason, one.category));
            }
        }
    }
    assert_eq!(missing, []);
}

#[test]
fn a_second_attempt_makes_it_critical() {
    let record = record(days(&[
        E::DELIVERY_ATTEMPTED,
        E::OUT_FOR_DELIVERY,
        E::DELIVERY_ATTEMPTED,
    ]));
    assert_eq!(event(&record, 2).attempt, 2);
    let one = only(&at(&record, day(2)), FailedDelivery);
    assert_eq!(one.severity, C);
    assert_eq!(one.open_time, day(0));
    assert_eq!(one.event_ids, [id(&record, 0), id(&record, 2)]);
}

#[test]
fn a_closed_one_opens_anew_with_its_own_id() {
    let record = record(days(&[E::HELD, E::IN_TRANSIT, E::HELD]));
    let assessed = at(&record, day(2));
    let holds: Vec<_> = of(&assessed, Hold).collect();
    assert_eq!(holds.len(), 2);
    assert_eq!(holds[0].close_time, None);
    assert_eq!(holds[0].open_time, day(2));
    assert_eq!(holds[1].close_time, Some(day(1)));
    assert_ne!(holds[0].id, holds[1].id);
    assert_eq!(assessed.attention, Some(W));
}

#[test]
fn a_return_is_critical_at_first_and_a_warning_while_it_moves() {
    let mut claims = days(&[E::RETURN_INITIATED]);
    let first = only(&at(&record(claims.clone()), day(0)), Return);
    assert_eq!(first.severity, C);
    claims.push(claim(E::ARRIVED_AT_FACILITY, known(day(1))));
    let moving = only(&at(&record(claims), day(1)), Return);
    assert_eq!(moving.severity, W);
    assert_eq!(moving.id, first.id);
    assert_eq!(moving.event_ids.len(), 2);
}

#[test]
fn what_customs_needs_is_not_forgotten_when_it_says_held_again() {
    let record = record(days(&[
        E::CUSTOMS_INFORMATION_REQUIRED,
        E::IMPORT_CUSTOMS_HELD,
    ]));
    let one = only(&at(&record, day(1)), Customs);
    assert_eq!((one.severity, one.owner), (C, Shipper));
}

#[test]
fn the_carrier_owns_missing_contents_while_it_inquires() {
    let claims = vec![
        claim(E::CONTENTS_MISSING, known(day(0))),
        because(claim(E::INFORMATION, known(day(1))), R::UNDER_INVESTIGATION),
    ];
    let one = only(&at(&record(claims), day(1)), MissingContents);
    assert_eq!((one.owner, one.next_action), (Carrier, CollectEvidence));
}

#[test]
fn events_that_do_not_count_open_nothing() {
    let mut claims = days(&[E::IN_TRANSIT, E::DAMAGED, E::HELD]);
    claims[1].retracted = true;
    claims[2].classifier = waybill_core::event::Classifier::Planned;
    let assessed = at(&record(claims), day(2));
    assert_eq!(assessed.exceptions, []);
    assert_eq!(assessed.attention, None);
}

#[test]
fn the_way_back_has_no_failed_deliveries() {
    let record = record(days(&[E::RETURN_INITIATED, E::DELIVERY_ATTEMPTED]));
    assert_eq!(of(&at(&record, day(1)), FailedDelivery).count(), 0);
}

#[test]
fn movement_after_a_terminal_event_is_for_the_operator_to_review() {
    let record = record(days(&[E::DELIVERED, E::OUT_FOR_DELIVERY]));
    let one = only(&at(&record, day(1)), DataQuality);
    assert_eq!(
        (one.severity, one.owner, one.next_action),
        (W, Operator, ReviewData)
    );
    assert!(one.derived);
    assert_eq!(one.event_ids, [id(&record, 1)]);
}

#[test]
fn who_announced_and_did_not_hand_over_is_told_so() {
    let record = at(&record(days(&[E::INFO_RECEIVED])), day(6));
    let languages = waybill_core::text::Catalogue::new(&[]).unwrap();
    let text = |tag, audience| languages.find(tag).shipment(&record, audience, "");
    let shipper = text("en", Audience::Shipper);
    assert_eq!(shipper.title, "Not handed over yet");
    assert!(
        shipper
            .next_step
            .starts_with("Please hand the parcel to the carrier.")
    );
    let recipient = text("de", Audience::Recipient);
    assert!(
        recipient
            .next_step
            .starts_with("Der Absender muss das Paket übergeben")
    );
}
