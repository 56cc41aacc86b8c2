//! When the post at the other end of the way is worth asking.

use waybill_core::code::EventCode as E;
use waybill_core::event::{Claim, SourceClass};
use waybill_core::nearing::{destination, has_handed_on, near_since};
use waybill_core::shipment::{Facts, Shipment};

use crate::support::{claim, day, days, dossier, hours, known, lane, place, report};

fn record(claims: Vec<Claim>, facts: Facts) -> Shipment {
    let mut dossier = dossier();
    dossier.absorb(
        "acme",
        SourceClass::Custodian,
        &report(claims, facts),
        day(90),
    );
    dossier.record()
}

#[test]
fn what_has_left_is_near() {
    for left in [
        E::DEPARTED_EXPORT_OFFICE,
        E::HANDED_TO_LINEHAUL,
        E::TRANSPORT_DEPARTED,
        E::ARRIVED_AT_TRANSIT_OFFICE,
        E::ARRIVED_AT_IMPORT_OFFICE,
        E::HANDED_OVER_TO_PARTNER,
        E::IMPORT_CUSTOMS_PRESENTED,
        E::ARRIVED_AT_DELIVERY_OFFICE,
        E::DELIVERED,
    ] {
        let record = record(days(&[E::ACCEPTED, E::SORTED, left]), lane("CN", "US"));
        assert_eq!(near_since(&record, "US"), Some(day(2)), "{left:?}");
    }
    // A scan in the country of the destination says so too, and its territories count.
    for country in ["US", "PR"] {
        let there = place(claim(E::ARRIVED_AT_FACILITY, known(day(4))), country);
        let record = record(
            vec![claim(E::ACCEPTED, known(day(0))), there],
            lane("CN", "US"),
        );
        assert_eq!(near_since(&record, "US"), Some(day(4)));
    }
}

#[test]
fn what_has_not_left_is_near_after_half_of_the_usual_silence() {
    for last in [
        E::ACCEPTED,
        E::SORTED,
        E::ARRIVED_AT_EXPORT_OFFICE,
        E::EXPORT_CUSTOMS_PRESENTED,
        E::EXPORT_CUSTOMS_RELEASED,
    ] {
        let record = record(vec![claim(last, known(day(3)))], lane("DE", "US"));
        // 14 days are usual on a way abroad.
        let due = day(3) + hours(7 * 24);
        assert_eq!(near_since(&record, "US"), Some(due), "{last:?}");
    }
}

#[test]
fn what_is_not_under_way_is_never_near() {
    for codes in [
        &[][..],
        &[E::INFO_RECEIVED],
        &[E::LABEL_CREATED],
        &[E::ACCEPTED, E::EXPORT_TERMINATED],
        &[E::ACCEPTED, E::CANCELLED],
        &[E::ACCEPTED, E::RETURN_INITIATED, E::RETURNED_TO_SENDER],
    ] {
        let record = record(days(codes), lane("DE", "US"));
        assert_eq!(near_since(&record, "US"), None, "{codes:?}");
    }
    let withdrawn = Claim {
        retracted: true,
        ..claim(E::DEPARTED_EXPORT_OFFICE, known(day(1)))
    };
    let claims = vec![claim(E::ACCEPTED, known(day(0))), withdrawn];
    let record = record(claims, lane("DE", "US"));
    assert_eq!(near_since(&record, "US"), Some(day(7)));
}

#[test]
fn the_destination_is_stated_or_told_by_the_import() {
    let came = || place(claim(E::ARRIVED_AT_IMPORT_OFFICE, known(day(4))), "US");
    let from = Facts {
        destination: None,
        ..lane("CN", "")
    };
    assert_eq!(destination(&record(vec![came()], from.clone())), "US");
    assert_eq!(destination(&record(vec![came()], lane("CN", "CA"))), "CA");
    // An office of import in the origin country is a return or a mistake, and a hub is no end.
    for elsewhere in [
        place(claim(E::ARRIVED_AT_IMPORT_OFFICE, known(day(4))), "HK"),
        place(claim(E::ARRIVED_AT_TRANSIT_OFFICE, known(day(4))), "DE"),
    ] {
        assert_eq!(destination(&record(vec![elsewhere], from.clone())), "");
    }
}

#[test]
fn who_gave_it_away_is_silent_by_right() {
    let mut dossier = dossier();
    let first = days(&[E::ACCEPTED, E::DEPARTED_EXPORT_OFFICE]);
    let first = report(first, lane("CN", "US"));
    dossier.absorb("acme", SourceClass::Custodian, &first, day(5));
    assert!(!has_handed_on(&dossier.record(), "acme"));
    let mut second = report(
        vec![claim(E::ARRIVED_AT_IMPORT_OFFICE, known(day(6)))],
        lane("CN", "US"),
    );
    second.relays = "other".to_owned();
    dossier.absorb("other", SourceClass::Custodian, &second, day(7));
    let record = dossier.record();
    assert_eq!(record.carrier, "other");
    assert!(has_handed_on(&record, "acme"));
    assert!(!has_handed_on(&record, "other"));
    assert!(!has_handed_on(&record, "nobody"));
}
