//! Observations have an identity, so that hearing a report again changes nothing.

use waybill_core::code::EventCode as E;
use waybill_core::event::{Claim, SourceClass::Custodian};
use waybill_core::number::TrackingNumber;
use waybill_core::privacy::Pii;
use waybill_core::shipment::Facts;

use crate::support::*;

fn ids(claims: Vec<Claim>) -> Vec<String> {
    let record = record(claims);
    let mut events: Vec<_> = record.events.iter().collect();
    events.sort_by_key(|event| event.said.sequence);
    events.iter().map(|event| event.id.to_string()).collect()
}

fn one(change: impl FnOnce(&mut Claim)) -> String {
    let mut row = claim(E::IN_TRANSIT, known(day(0)));
    row.native_text = Pii::new("On its way".to_owned());
    change(&mut row);
    ids(vec![row]).remove(0)
}

#[test]
fn the_id_follows_what_the_source_said_and_not_what_we_make_of_it() {
    let plain = one(|_| {});
    assert_eq!(plain, one(|row| row.code = E::ARRIVED_AT_FACILITY));
    assert_eq!(
        plain,
        one(|row| row.native_text = Pii::new("Unterwegs".to_owned()))
    );
    assert_eq!(plain, one(|row| row.native_reason = "7".to_owned()));
    assert_ne!(plain, one(|row| row.native_code = "OTHER".to_owned()));
    assert_ne!(plain, one(|row| row.time = known(day(1))));
    assert_ne!(plain, one(|row| row.location = Some(country("DE"))));
}

#[test]
fn without_a_code_the_text_is_part_of_the_id() {
    let text = |text: &str| {
        one(|row| {
            row.native_code.clear();
            row.native_text = Pii::new(text.to_owned());
        })
    };
    assert_ne!(text("On its way"), text("Unterwegs"));
}

#[test]
fn an_id_of_the_source_is_all_that_counts() {
    let native = |change: fn(&mut Claim)| {
        one(|row| {
            row.native_id = "evt-1".to_owned();
            change(row);
        })
    };
    assert_eq!(native(|_| {}), native(|row| row.time = known(day(3))));
    assert_ne!(
        native(|_| {}),
        native(|row| row.native_id = "evt-2".to_owned())
    );
}

#[test]
fn fields_do_not_run_into_each_other() {
    let pair = |code: &str, raw: &str| {
        one(|row| {
            row.native_code = code.to_owned();
            row.time.raw = raw.to_owned();
        })
    };
    assert_ne!(pair("AB", "C"), pair("A", "BC"));
}

#[test]
fn identical_rows_are_counted_from_the_oldest_and_are_one_event() {
    let row = claim(E::IN_TRANSIT, known(day(0)));
    let record = record(vec![row.clone(), row.clone()]);
    assert_eq!(record.events.len(), 1);
    let said: Vec<_> = record.events[0].observations().map(|one| one.id).collect();
    assert_eq!(said.len(), 2);
    assert_ne!(said[0], said[1]);
    let alone = ids(vec![row]);
    assert!(said.iter().any(|id| id.to_string() == alone[0]));
    assert_eq!(record.events[0].source_count, 1);
}

#[test]
fn the_same_report_again_changes_nothing_but_when_it_was_last_listed() {
    let mut dossier = dossier();
    let report = report(days(&[E::PICKED_UP, E::IN_TRANSIT]), lane("DE", "FR"));
    dossier.absorb("acme", Custodian, &report, day(2));
    let first = dossier.clone();
    dossier.absorb("acme", Custodian, &report, day(2));
    assert!(dossier == first);
    dossier.absorb("acme", Custodian, &report, day(3));
    assert_eq!(dossier.observations.len(), 2);
    assert!(
        dossier
            .observations
            .iter()
            .all(|known| known.receive_time == day(2))
    );
    assert!(
        dossier
            .observations
            .iter()
            .all(|known| known.last_listed == day(3))
    );
    assert_eq!(
        at(&dossier.record(), day(3)).etag,
        at(&first.record(), day(3)).etag
    );
}

#[test]
fn the_newest_report_says_what_a_row_means_in_whatever_order_they_come() {
    let mut old = claim(E::UNMAPPED, known(day(0)));
    old.native_id = "evt-1".to_owned();
    let new = Claim {
        code: E::DELIVERED,
        ..old.clone()
    };
    let old = report(vec![old], Facts::default());
    let new = report(vec![new], Facts::default());
    let (mut forth, mut back) = (dossier(), dossier());
    forth.absorb("acme", Custodian, &old, day(1));
    forth.absorb("acme", Custodian, &new, day(2));
    back.absorb("acme", Custodian, &new, day(2));
    back.absorb("acme", Custodian, &old, day(1));
    assert!(forth == back);
    assert_eq!(forth.record().code, Some(E::DELIVERED));
    assert_eq!(forth.observations[0].receive_time, day(1));
}

#[test]
fn a_report_of_a_reused_number_finds_its_shipment() {
    let dossier = heard(days(&[E::PICKED_UP, E::IN_TRANSIT]), Facts::default());
    let grown = report(
        days(&[E::PICKED_UP, E::IN_TRANSIT, E::DELIVERED]),
        Facts::default(),
    );
    assert!(dossier.shares_observation("acme", &grown));
    assert!(!dossier.shares_observation("other", &grown));
    let foreign = report(vec![claim(E::PICKED_UP, known(day(200)))], Facts::default());
    assert!(!dossier.shares_observation("acme", &foreign));
    let renumbered = waybill_core::adapter::Report {
        number: TrackingNumber::parse("OTHER12345").unwrap(),
        ..grown
    };
    assert!(!dossier.shares_observation("acme", &renumbered));
}

#[test]
fn the_span_of_a_dossier_leaves_out_forecasts_and_withdrawn_rows() {
    let mut claims = days(&[
        E::PICKED_UP,
        E::IN_TRANSIT,
        E::OUT_FOR_DELIVERY,
        E::DELIVERED,
    ]);
    claims[0].retracted = true;
    claims[3].classifier = waybill_core::event::Classifier::Planned;
    let dossier = heard(claims, Facts::default());
    assert_eq!(dossier.oldest(), Some(day(1)));
    assert_eq!(dossier.newest(), Some(day(2)));
    assert_eq!(crate::support::dossier().oldest(), None);
}
