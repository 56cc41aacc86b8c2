//! Every cell of the table of moves, played through: an event that leads to a status, then one
//! that would lead to another.

use waybill_core::adapter::Report;
use waybill_core::code::EventCode as E;
use waybill_core::event::{SourceClass, Standing};
use waybill_core::shipment::{FindingKind, Shipment};
use waybill_core::status::Status::{self, *};

use crate::support::*;

/// An event for each status that an event can set, in the order of the columns.
const TO: [(Status, E); 10] = [
    (InfoReceived, E::INFO_RECEIVED),
    (InTransit, E::IN_TRANSIT),
    (OutForDelivery, E::OUT_FOR_DELIVERY),
    (DeliveryAttempted, E::DELIVERY_ATTEMPTED),
    (AvailableForPickup, E::AVAILABLE_FOR_PICKUP),
    (Delivered, E::DELIVERED),
    (Returning, E::RETURN_INITIATED),
    (Returned, E::RETURNED_TO_SENDER),
    (Cancelled, E::CANCELLED),
    (Failed, E::LOST),
];

/// y: the status becomes that of the column. =: stays, accepted. r: treated as an order to return.
/// t: disputed, movement after a terminal event. i: disputed, illegal.
const CELLS: [(Status, &str); 11] = [
    (Pending, "yyyyyyyyyy"),
    (InfoReceived, "=yyyyyyyyy"),
    (InTransit, "==yyyyyyry"),
    (OutForDelivery, "=y=yyyyyiy"),
    (DeliveryAttempted, "=yy=yyyyiy"),
    (AvailableForPickup, "=yyy=yyyiy"),
    (Delivered, "itttt=yyit"),
    (Returning, "=====y=yiy"),
    (Returned, "ittttti=ii"),
    (Cancelled, "iyyyyyyy=i"),
    (Failed, "ittttyyyi="),
];

fn play(codes: &[E]) -> Shipment {
    record(days(codes))
}

#[test]
fn every_cell_is_as_documented() {
    assert_eq!(CELLS.map(|(from, _)| from), Status::ALL);
    // Nothing leads to the state before the first news.
    assert_eq!(TO.map(|(to, _)| to)[..], Status::ALL[1..]);
    for (from, row) in CELLS {
        for ((to, second), cell) in TO.into_iter().zip(row.chars()) {
            let mut codes: Vec<E> = TO
                .iter()
                .filter(|(status, _)| *status == from)
                .map(|(_, code)| *code)
                .collect();
            codes.push(second);
            let record = play(&codes);
            let newest = &record.events[0];
            let context = format!("{from:?} -> {to:?}");

            let status = match cell {
                'y' => to,
                'r' => Returning,
                _ => from,
            };
            assert_eq!(record.status, status, "{context}");
            let accepted = matches!(cell, 'y' | '=' | 'r');
            assert_eq!(
                newest.standing == Standing::Accepted,
                accepted,
                "{context}: {:?}",
                newest.standing
            );
            let expected = match cell {
                't' => vec![FindingKind::EventAfterTerminal],
                'i' => vec![FindingKind::IllegalTransition],
                _ => vec![],
            };
            let found: Vec<FindingKind> = record
                .findings
                .iter()
                .filter(|finding| finding.kind != FindingKind::MilestoneMissing)
                .map(|finding| finding.kind)
                .collect();
            assert_eq!(found, expected, "{context}");
            if cell == 'y' || cell == 'r' {
                assert_eq!(record.status_event, Some(newest.id), "{context}");
            }
        }
    }
}

#[test]
fn a_cancellation_after_possession_is_an_order_to_return() {
    let record = play(&[E::PICKED_UP, E::CANCELLED]);
    assert_eq!(record.code, Some(E::RETURN_INITIATED));
    assert_eq!(event(&record, 1).status, Some(Returning));
    assert_eq!(event(&record, 1).said.claim.code, E::CANCELLED);
}

#[test]
fn late_data_neither_lowers_the_status_nor_speaks_for_it() {
    let record = play(&[E::PICKED_UP, E::LABEL_CREATED]);
    assert_eq!(record.status, InTransit);
    assert_eq!(record.code, Some(E::PICKED_UP));
    assert_eq!(event(&record, 1).status, None);
}

#[test]
fn only_an_event_of_the_return_phase_follows_a_delivery() {
    let record = play(&[E::DELIVERED, E::REJECTED_BY_CARRIER]);
    assert_eq!(record.status, Delivered);
    assert_eq!(
        findings(&record, FindingKind::EventAfterTerminal)[0].event_ids,
        [id(&record, 1)]
    );
}

#[test]
fn only_found_reopens_a_loss() {
    let record = play(&[E::LOST, E::FOUND, E::OUT_FOR_DELIVERY]);
    assert_eq!(record.status, OutForDelivery);
    assert!(record.findings.iter().all(|finding| {
        finding.kind != FindingKind::EventAfterTerminal
            && finding.kind != FindingKind::IllegalTransition
    }));
}

fn from(class: SourceClass, report: &Report) -> Shipment {
    let mut dossier = dossier();
    dossier.absorb("some", class, report, day(300));
    dossier.record()
}

#[test]
fn on_the_way_back_only_the_custodian_can_say_delivered() {
    let report = report(days(&[E::RETURN_INITIATED, E::DELIVERED]), lane("DE", "US"));
    assert_eq!(from(SourceClass::Internal, &report).status, Delivered);
    assert_eq!(from(SourceClass::Custodian, &report).status, Delivered);
    for class in [SourceClass::Carrier, SourceClass::Aggregator] {
        let record = from(class, &report);
        assert_eq!(record.status, Returning);
        assert_eq!(findings(&record, FindingKind::IllegalTransition).len(), 1);
    }
}

#[test]
fn delivered_on_the_way_back_is_returned_where_it_came_from() {
    let mut claims = days(&[E::RETURN_INITIATED, E::IN_TRANSIT, E::DELIVERED]);
    claims[2] = place(claims[2].clone(), "DE");
    let record = heard(claims.clone(), lane("DE", "US")).record();
    assert_eq!(record.status, Returned);
    assert_eq!(record.code, Some(E::RETURNED_TO_SENDER));
    assert_eq!(event(&record, 2).said.claim.code, E::DELIVERED);

    claims[2] = place(claims[2].clone(), "US");
    let record = heard(claims.clone(), lane("DE", "US")).record();
    assert_eq!(record.status, Delivered);

    claims[2].native_text = "Delivered to original SENDER".to_owned().into();
    let record = heard(claims, lane("DE", "US")).record();
    assert_eq!(record.status, Returned);
}

#[test]
fn scans_on_the_way_back_keep_the_status_and_are_no_attempts() {
    let record = play(&[
        E::DELIVERY_ATTEMPTED,
        E::RETURN_INITIATED,
        E::OUT_FOR_DELIVERY,
        E::DELIVERY_ATTEMPTED,
    ]);
    assert_eq!(record.status, Returning);
    assert_eq!(record.code, Some(E::RETURN_INITIATED));
    assert_eq!(event(&record, 2).status, Some(Returning));
    assert_eq!(event(&record, 0).attempt, 1);
    assert_eq!(event(&record, 3).attempt, 0);
    assert!(record.last_event_time == Some(event(&record, 3).time().clone()));
}

#[test]
fn a_withdrawn_delivery_reopens_the_journey() {
    let mut claims = days(&[E::OUT_FOR_DELIVERY, E::DELIVERED, E::IN_TRANSIT]);
    assert_eq!(record(claims.clone()).status, Delivered);
    claims[1].retracted = true;
    let record = record(claims);
    assert_eq!(record.status, InTransit);
    assert_eq!(event(&record, 1).standing, Standing::Retracted);
    assert_eq!(event(&record, 2).standing, Standing::Accepted);
}
