//! Numbering what a client can see.

use waybill_core::code::EventCode as E;
use waybill_core::event::Claim;
use waybill_core::event::SourceClass::Custodian;
use waybill_core::privacy::Pii;
use waybill_core::reconcile::{Change, Dossier};
use waybill_core::revision::{new_events, revise};
use waybill_core::shipment::{Facts, Shipment};
use waybill_core::status::Status;

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
    assert_eq!(new_events(0, &record).count(), 2);
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
    assert_eq!(new_events(old.revision, &record).count(), 0);
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
    let new: Vec<_> = new_events(old.revision, &record).collect();
    assert_eq!(new.len(), 1);
    assert_eq!(new[0].id, id(&record, 2));
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

#[test]
fn a_report_says_whether_it_changes_anything() {
    let rows = || {
        vec![
            claim(E::PICKED_UP, known(day(0))),
            claim(E::IN_TRANSIT, known(day(1))),
        ]
    };
    let hear = |dossier: &mut Dossier, claims: Vec<Claim>, at: i64| {
        let report = report(claims, lane("DE", "DE"));
        dossier.absorb("acme", Custodian, &report, day(at))
    };
    let mut known = dossier();
    assert_eq!(hear(&mut known, rows(), 2), Change::Content);
    assert_eq!(hear(&mut known, rows(), 2), Change::Nothing);
    assert_eq!(hear(&mut known, rows(), 3), Change::Listing);
    assert!(
        known
            .observations
            .iter()
            .all(|one| one.last_listed == day(3))
    );
    assert_eq!(known.facts[0].receive_time, day(3));

    // Another row, another text, a row less, facts of another kind.
    let mut more = rows();
    more.push(claim(E::OUT_FOR_DELIVERY, self::known(day(3))));
    assert_eq!(hear(&mut known, more.clone(), 4), Change::Content);
    more[2].native_text = Pii::new("with the courier".to_owned());
    assert_eq!(hear(&mut known, more.clone(), 5), Change::Content);
    assert_eq!(hear(&mut known, more.clone(), 6), Change::Listing);
    assert_eq!(hear(&mut known, rows(), 7), Change::Content);
    // What is left out may be withdrawn by the next report that leaves it out.
    assert_eq!(hear(&mut known, rows(), 8), Change::Content);
    assert_eq!(hear(&mut known, more, 5), Change::Content);

    // A time in the future of its report counts once a report lists it afterwards.
    let mut ahead = dossier();
    let soon = || vec![claim(E::DELIVERED, self::known(day(2)))];
    assert_eq!(hear(&mut ahead, soon(), 1), Change::Content);
    assert_eq!(ahead.record().status, Status::Pending);
    assert_eq!(hear(&mut ahead, soon(), 2), Change::Content);
    assert_eq!(ahead.record().status, Status::Delivered);

    // Of two sources of one class the facts of the one with the newest event come first, whichever
    // was asked last.
    let mut two = dossier();
    let mut newer = rows();
    newer.push(claim(E::OUT_FOR_DELIVERY, self::known(day(2))));
    let other = report(newer, lane("FR", "FR"));
    hear(&mut two, rows(), 4);
    two.absorb("other", Custodian, &other, day(4));
    let etag = at(&two.record(), day(9)).etag;
    assert_eq!(two.record().origin.unwrap().country, "FR");
    for later in [5, 6] {
        assert_eq!(hear(&mut two, rows(), later), Change::Listing);
        assert_eq!(
            two.absorb("other", Custodian, &other, day(later)),
            Change::Listing
        );
        assert_eq!(at(&two.record(), day(9)).etag, etag);
    }
}

#[test]
fn an_event_that_turns_out_to_be_part_of_another_leaves_its_id_there() {
    let row = |native_id: &str, country: &str| {
        let mut row = place(claim(E::SORTED, known(day(1))), country);
        row.native_id = native_id.to_owned();
        row
    };
    let mut dossier = dossier();
    let absorb = |dossier: &mut Dossier, source: &str, row: Claim, when| {
        let mut report = report(vec![row], Facts::default());
        report.relays = source.to_owned();
        dossier.absorb(source, Custodian, &report, when);
    };
    absorb(&mut dossier, "acme", row("a", "DE"), day(2));
    absorb(&mut dossier, "other", row("b", "FR"), day(3));
    let apart = dossier.record();
    assert_eq!(apart.events.len(), 2, "the places contradict each other");
    assert!(apart.events.iter().all(|event| event.superseded.is_empty()));

    // The second source corrects its place.
    absorb(&mut dossier, "other", row("b", "DE"), day(4));
    let one = dossier.record();
    assert_eq!(one.events.len(), 1);
    assert!(
        one.events[0].superseded.is_empty(),
        "nobody was told of it yet"
    );
    assert!(dossier.outlive(&apart, &one));
    let told = dossier.record();
    let gone = apart.events.iter().map(|event| event.id);
    let gone: Vec<_> = gone.filter(|id| *id != told.events[0].id).collect();
    assert_eq!(told.events[0].superseded, gone);
    assert_ne!(at(&told, day(4)).etag, at(&one, day(4)).etag);
    // It stays so when the record is made again.
    assert!(!dossier.outlive(&told, &told));
    assert_eq!(dossier.record().events[0].superseded, gone);
}
