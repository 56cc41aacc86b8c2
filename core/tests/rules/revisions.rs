//! Numbering what a client can see.

use waybill_core::code::EventCode as E;
use waybill_core::event::SourceClass::Custodian;
use waybill_core::revision::{new_event_ids, revise};
use waybill_core::shipment::{Facts, Shipment};

use crate::support::*;

fn first() -> Shipment {
    let record = heard(days(&[E::PICKED_UP, E::IN_TRANSIT]), lane("DE", "DE")).record();
    revise(None, at(&record, day(2)), day(2)).0
}

#[test]
fn the_first_record_is_revision_one() {
    let (record, changed) = revise(None, at(&first(), day(2)), day(2));
    assert!(changed);
    assert_eq!((record.revision, record.update_time), (1, day(2)));
    assert!(record.events.iter().all(|event| event.revision == 1));
    assert_eq!(record.etag.len(), 26);
    assert_eq!(new_event_ids(None, &record).len(), 2);
}

#[test]
fn hearing_the_same_again_is_no_revision() {
    let mut dossier = heard(days(&[E::PICKED_UP, E::IN_TRANSIT]), lane("DE", "DE"));
    let again = report(days(&[E::PICKED_UP, E::IN_TRANSIT]), lane("DE", "DE"));
    dossier.absorb("acme", Custodian, &again, day(400));
    let old = first();
    let (record, changed) = revise(Some(&old), at(&dossier.record(), day(2)), day(3));
    assert!(!changed);
    assert!(record.revision == 1 && record.update_time == day(2));
    assert_eq!(new_event_ids(Some(&old), &record), []);
}

#[test]
fn only_new_and_changed_events_bear_the_new_revision() {
    let mut claims = days(&[E::PICKED_UP, E::IN_TRANSIT, E::DELIVERED]);
    claims[1].native_text = "corrected".to_owned().into();
    let record = heard(claims, lane("DE", "DE")).record();
    let old = first();
    let (record, changed) = revise(Some(&old), at(&record, day(3)), day(3));
    assert!(changed);
    assert_eq!((record.revision, record.update_time), (2, day(3)));
    let revisions: Vec<u32> = (0..3).map(|at| event(&record, at).revision).collect();
    assert_eq!(revisions, [1, 2, 2]);
    assert_eq!(new_event_ids(Some(&old), &record), [id(&record, 2)]);
}

#[test]
fn time_alone_can_make_a_revision_without_events() {
    let old = first();
    let (record, changed) = revise(Some(&old), at(&old, day(9)), day(9));
    assert!(changed);
    assert_eq!(record.revision, 2);
    assert!(record.events.iter().all(|event| event.revision == 1));
}

#[test]
fn the_etag_covers_what_is_seen_and_not_when_it_was_heard() {
    let claims = || days(&[E::PICKED_UP]);
    let etag = |received: i64, facts: Facts| {
        let mut dossier = dossier();
        dossier.absorb("acme", Custodian, &report(claims(), facts), day(received));
        at(&dossier.record(), day(5)).etag
    };
    assert_eq!(etag(1, Facts::default()), etag(2, Facts::default()));
    let named = Facts {
        service: "Parcel".to_owned(),
        ..Facts::default()
    };
    assert_ne!(etag(1, Facts::default()), etag(1, named));
    let doubted = Facts {
        doubts: vec!["a doubt".to_owned()],
        ..Facts::default()
    };
    assert_ne!(etag(1, Facts::default()), etag(1, doubted));
}
