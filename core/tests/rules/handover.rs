//! What a warehouse says beside a carrier.

use jiff::Timestamp;
use waybill_core::assess::assess;
use waybill_core::code::{EventCode as E, ReasonCode};
use waybill_core::event::{Claim, SourceClass};
use waybill_core::exception::{Category, Exception};
use waybill_core::internal::{self, CODES, MOST, Page, Statement};
use waybill_core::number::TrackingNumber;
use waybill_core::order::Order;
use waybill_core::reconcile::Dossier;
use waybill_core::shipment::{
    Facts, FindingKind, IdentifierKind, Requirements, Shipment, ShipmentId,
};
use waybill_core::status::Status;

use crate::support::{because, claim, day, hours, known, report};

fn statement(id: &str, code: E, at: Timestamp) -> Statement {
    let claim = Claim {
        native_id: id.to_owned(),
        ..claim(code, known(at))
    };
    Statement {
        source: "internal".to_owned(),
        claim: claim.into(),
        requirements: None,
        photos: Vec::new(),
        receive_time: at,
    }
}

fn empty() -> Dossier {
    let number = TrackingNumber::parse(crate::support::NUMBER).ok().unwrap();
    let id = ShipmentId("a".repeat(26));
    Dossier::new(id, number, "x".to_owned())
}

/// A record of what a warehouse and a carrier said, hours after each other.
fn record(warehouse: &[(i64, E)], carrier: &[(i64, E)]) -> Shipment {
    let mut dossier = empty();
    let own = warehouse
        .iter()
        .zip(0..)
        .map(|((hour, code), nth)| statement(&format!("{nth}"), *code, day(0) + hours(*hour)));
    internal::take_in(&mut dossier, &own.collect::<Vec<_>>(), None).unwrap();
    if !carrier.is_empty() {
        let claims = carrier
            .iter()
            .map(|(hour, code)| claim(*code, known(day(0) + hours(*hour))));
        let report = report(claims.collect(), Facts::default());
        dossier.absorb("x", SourceClass::Custodian, &report, day(90));
    }
    dossier.record()
}

fn silences(record: &Shipment, hour: i64) -> Vec<Exception> {
    let (record, _) = assess(record.clone(), day(0) + hours(hour));
    let mut all = record.exceptions;
    all.retain(|one| one.category == Category::NoUpdate);
    all
}

#[test]
fn data_is_not_possession_whoever_states_it() {
    for code in CODES {
        let record = record(&[(0, *code)], &[]);
        let expected = match *code {
            E::DROPPED_OFF => Status::InTransit,
            E::CANCELLED => Status::Cancelled,
            E::RETURNED_TO_SENDER => Status::Returned,
            code => code.status().unwrap_or(Status::Pending),
        };
        assert_eq!(record.status, expected, "{code:?}");
        assert!(record.legs.is_empty(), "no carrier has it: {code:?}");
    }
}

#[test]
fn a_shop_that_cancels_turns_no_parcel_round() {
    let taken = [(5, E::ACCEPTED)];
    let late = record(&[(0, E::AWAITING_HANDOVER), (9, E::CANCELLED)], &taken);
    assert_eq!(late.status, Status::InTransit);
    let early = record(&[(0, E::CANCELLED)], &[]);
    assert_eq!(early.status, Status::Cancelled);
    let all_the_same = record(&[(0, E::CANCELLED)], &taken);
    assert_eq!(all_the_same.status, Status::InTransit);
}

#[test]
fn an_event_that_both_tell_is_one_and_is_the_carriers() {
    let label = [(0, E::LABEL_CREATED)];
    let both = record(&label, &label);
    assert_eq!(both.events.len(), 1);
    assert_eq!(both.events[0].source_count, 2);
    assert_eq!(&*both.events[0].carrier, "acme");
}

#[test]
fn a_wait_opens_after_a_day_gets_worse_after_two_and_is_one_problem() {
    let given = record(
        &[(0, E::AWAITING_HANDOVER), (1, E::WAREHOUSE_DISPATCHED)],
        &[],
    );
    assert!(silences(&given, 24).is_empty());
    let (_, next) = assess(given.clone(), day(0) + hours(24));
    assert_eq!(
        next,
        Some(day(0) + hours(25)),
        "and the record says when to look again"
    );
    let open = silences(&given, 25);
    assert_eq!(open.len(), 1);
    assert_eq!(
        silences(&given, 49)[0].severity,
        waybill_core::status::Severity::Critical
    );
    // The silence of the label, which would open by itself after five days, is the same matter.
    let later = silences(&given, 24 * 40);
    assert_eq!(later.len(), 1);
    assert_eq!(later[0].id, open[0].id);
}

#[test]
fn who_confirms_ends_the_wait_and_who_has_it_back_too() {
    let given = [(0, E::WAREHOUSE_DISPATCHED)];
    let early = record(&given, &[(10, E::ACCEPTED)]);
    assert!(silences(&early, 100).is_empty());
    let late = record(
        &given,
        &[(30, E::LABEL_CREATED), (40, E::DEPARTED_FACILITY)],
    );
    let closed = silences(&late, 41);
    assert_eq!(closed[0].close_time, Some(day(0) + hours(40)));
    // Entered late: the carrier had it before the warehouse told.
    let before = record(&[(12, E::WAREHOUSE_DISPATCHED)], &[(10, E::ACCEPTED)]);
    assert!(silences(&before, 60).is_empty());
    let back = record(&[(0, E::WAREHOUSE_DISPATCHED), (30, E::PICKUP_FAILED)], &[]);
    assert_eq!(silences(&back, 60)[0].close_time, Some(day(0) + hours(30)));
    let again = record(
        &[
            (0, E::WAREHOUSE_DISPATCHED),
            (3, E::PICKUP_FAILED),
            (20, E::WAREHOUSE_DISPATCHED),
        ],
        &[],
    );
    assert!(silences(&again, 43).is_empty());
    assert_eq!(silences(&again, 44)[0].open_time, day(0) + hours(44));
    let counter = record(&[(0, E::DROPPED_OFF)], &[]);
    assert_eq!(silences(&counter, 24).len(), 1, "a counter is no scan");
}

#[test]
fn a_warehouse_that_never_gave_it_is_named_and_one_that_never_had_it_is_not() {
    let unaware = |warehouse: &[(i64, E)], carrier: &[(i64, E)]| {
        let found = record(warehouse, carrier).findings;
        found
            .iter()
            .any(|one| one.kind == FindingKind::WarehouseUnaware)
    };
    let taken = [(5, E::ACCEPTED)];
    assert!(unaware(&[(0, E::AWAITING_HANDOVER)], &taken));
    assert!(unaware(&[(0, E::WAREHOUSE_RECEIVED)], &[(5, E::DELIVERED)]));
    assert!(!unaware(
        &[(0, E::AWAITING_HANDOVER)],
        &[(5, E::LABEL_CREATED)]
    ));
    assert!(!unaware(
        &[(0, E::AWAITING_HANDOVER), (6, E::WAREHOUSE_DISPATCHED)],
        &taken
    ));
    assert!(!unaware(
        &[(0, E::LABEL_CREATED), (9, E::CONTENTS_MISSING)],
        &taken
    ));
}

#[test]
fn statements_add_up_in_whatever_order_and_however_often_they_come() {
    let order = Order::parse("shop-a", "77").ok().unwrap();
    let needs = |signature, instructions: &str| Requirements {
        signature,
        instructions: instructions.to_owned().into(),
        ..Requirements::default()
    };
    let all = [
        Statement {
            requirements: Some(needs(Some(true), "")),
            photos: vec!["p/1".to_owned().into()],
            ..statement("a", E::WAREHOUSE_RECEIVED, day(0))
        },
        Statement {
            requirements: Some(needs(None, "back door")),
            ..statement("b", E::AWAITING_HANDOVER, day(1))
        },
        statement("c", E::WAREHOUSE_DISPATCHED, day(2)),
    ];
    let mut at_once = empty();
    assert!(internal::take_in(&mut at_once, &all, Some(&order)).unwrap());
    for turn in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let mut dossier = empty();
        for at in turn {
            let one = std::slice::from_ref(&all[at]);
            assert!(internal::take_in(&mut dossier, one, Some(&order)).unwrap());
            let again = internal::take_in(&mut dossier, one, Some(&order)).unwrap();
            assert!(!again, "nothing new");
        }
        assert_eq!(internal::known(&dossier, &all), [true; 3]);
        let (one, other) = (dossier.record(), at_once.record());
        assert_eq!(assess(one, day(3)).0.etag, assess(other, day(3)).0.etag);
    }
    let record = at_once.record();
    let references = record.identifiers.iter();
    let references = references.filter(|one| one.identifier.kind == IdentifierKind::Reference);
    assert_eq!(references.count(), 1);
    assert_eq!(record.photos[0].event, record.events[2].id);
    assert!(internal::is_only_own(&at_once));
}

#[test]
fn what_is_packed_short_is_the_shippers_matter() {
    let mut dossier = empty();
    let short = statement("a", E::CONTENTS_MISSING, day(0));
    let short = Statement {
        claim: because((*short.claim).clone(), ReasonCode::PACKED_SHORT).into(),
        ..short
    };
    internal::take_in(&mut dossier, &[short], None).unwrap();
    let (record, _) = assess(dossier.record(), day(0));
    assert_eq!(record.exceptions[0].category, Category::MissingContents);
}

#[test]
fn there_is_room_for_so_many_and_what_is_known_takes_none() {
    let many: Vec<Statement> = (0..=MOST)
        .map(|nth| statement(&nth.to_string(), E::INFORMATION, day(0)))
        .collect();
    let mut dossier = empty();
    assert!(internal::take_in(&mut dossier, &many, None).is_err());
    assert!(internal::take_in(&mut dossier, &many[1..], None).unwrap());
    assert!(!internal::take_in(&mut dossier, &many[1..], None).unwrap());
    let mut page = Page::default();
    assert!(page.add(&many).is_err() && page.statements.is_empty());
    assert_eq!(page.add(&many[1..]).unwrap(), vec![false; MOST]);
    assert_eq!(page.add(&many[1..]).unwrap(), vec![true; MOST]);
    assert!(page.add(&many).is_err());
}

#[test]
fn an_own_system_has_a_name_of_its_own() {
    for name in ["internal", "internal-shop"] {
        assert!(internal::is_own(name));
    }
    for name in ["", "internal-", "internalshop", "ups", "my-internal"] {
        assert!(!internal::is_own(name));
    }
}
