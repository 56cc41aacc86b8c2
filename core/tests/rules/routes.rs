//! Scans off the route: what is astray, and what only takes another way.

use waybill_core::code::EventCode as E;
use waybill_core::event::Claim;
use waybill_core::exception::Category::Routing;
use waybill_core::exception::Responsibility::Carrier;
use waybill_core::exception::{Exception, NextAction};
use waybill_core::shipment::Shipment;
use waybill_core::status::Severity::{Critical, Warning};

use crate::clock::walk;
use crate::support::*;

/// A claim per code and country, a day apart from each other; an empty country is not stated.
fn journey(scans: &[(E, &str)]) -> Vec<Claim> {
    scans
        .iter()
        .zip(0..)
        .map(|(&(code, country), number)| {
            let scan = claim(code, known(day(number)));
            if country.is_empty() {
                scan
            } else {
                place(scan, country)
            }
        })
        .collect()
}

fn on_lane(from: &str, to: &str, scans: &[(E, &str)]) -> Shipment {
    heard(journey(scans), lane(from, to)).record()
}

fn routing(record: &Shipment, on: i64) -> Vec<Exception> {
    of(&at(record, day(on)), Routing).cloned().collect()
}

const SORTED: E = E::SORTED;
const THERE: (E, &str) = (E::ARRIVED_AT_IMPORT_OFFICE, "US");

#[test]
fn only_what_was_there_and_is_elsewhere_is_astray() {
    for (from, to, scans, astray) in [
        (
            "CN",
            "US",
            &[(SORTED, "CN"), THERE, (SORTED, "MX")][..],
            true,
        ),
        ("CN", "US", &[THERE, (E::DEPARTED_FACILITY, "CA")], true),
        ("US", "US", &[(E::PICKED_UP, "US"), (SORTED, "CA")], true),
        // Hubs on the way.
        ("CN", "US", &[(SORTED, "CN"), (SORTED, "BE"), THERE], false),
        ("CN", "US", &[(SORTED, "BE"), (SORTED, "DE")], false),
        // Scans of the origin may come late.
        ("CN", "US", &[THERE, (SORTED, "CN")], false),
        // Papers and notes are not the parcel.
        ("CN", "US", &[THERE, (E::INFORMATION, "MX")], false),
        (
            "CN",
            "US",
            &[THERE, (E::IMPORT_CUSTOMS_RELEASED, "MX")],
            false,
        ),
        // The way back, announced or not delivered to.
        (
            "CN",
            "US",
            &[THERE, (E::RETURN_INITIATED, "US"), (SORTED, "MX")],
            false,
        ),
        ("CN", "US", &[THERE, (E::RETURN_IN_TRANSIT, "MX")], false),
        // One network, two codes of countries.
        ("CN", "US", &[THERE, (SORTED, "PR")], false),
        ("CN", "PR", &[(SORTED, "CN"), THERE, (SORTED, "PR")], false),
        ("DE", "LI", &[(SORTED, "CH"), (SORTED, "LI")], false),
        // Nothing is known of the lane or of the place.
        ("", "US", &[THERE, (SORTED, "MX")], false),
        ("CN", "", &[THERE, (SORTED, "MX")], false),
        ("CN", "US", &[THERE, (SORTED, "")], false),
    ] {
        let last = i64::try_from(scans.len()).unwrap() - 1;
        let record = on_lane(from, to, scans);
        let found = routing(&record, last);
        assert_eq!(!found.is_empty(), astray, "{from} {to} {}", last);
        for one in found {
            assert_eq!((one.severity, one.owner), (Warning, Carrier));
            assert_eq!(one.next_action, NextAction::Wait);
            assert_eq!(one.alternatives, [NextAction::ContactCarrier]);
            assert!(one.derived);
            assert_eq!((one.open_time, one.close_time), (day(last), None));
            assert_eq!(one.event_ids, [id(&record, u32::try_from(last).unwrap())]);
        }
    }
}

#[test]
fn it_closes_on_the_route_and_stays_open_off_it() {
    for (then, closes) in [
        ((SORTED, "US"), true),
        ((E::OUT_FOR_DELIVERY, "US"), true),
        ((E::DELIVERED, ""), true),
        ((E::LOST, ""), true),
        ((E::RETURN_IN_TRANSIT, "MX"), true),
        ((E::ROUTE_CORRECTED, ""), true),
        ((SORTED, "MX"), false),
        ((SORTED, "GT"), false),
        ((SORTED, ""), false),
        ((E::INFORMATION, "US"), false),
    ] {
        let record = on_lane("CN", "US", &[THERE, (SORTED, "MX"), then]);
        let found = routing(&record, 2);
        assert_eq!(found.len(), 1, "{then:?}");
        let closed = closes.then(|| day(2));
        assert_eq!(found[0].close_time, closed, "{then:?}");
        assert_eq!(found[0].open_time, day(1));
    }
}

#[test]
fn it_becomes_critical_and_does_not_flap() {
    let scans = [THERE, (SORTED, "MX"), (SORTED, "GT"), (SORTED, "")];
    let record = on_lane("CN", "US", &scans);
    assert!(walk(&record, day(3)).contains(&day(8)));
    let [one] = &routing(&record, 8)[..] else {
        panic!("one exception for the whole detour");
    };
    assert_eq!((one.severity, one.open_time), (Critical, day(1)));
    assert_eq!(one.event_ids, [id(&record, 1), id(&record, 2)]);

    // The same news again, and time, change nothing but what is said above.
    let again = on_lane("CN", "US", &scans);
    assert_eq!(at(&record, day(8)).etag, at(&again, day(8)).etag);

    // Back, and astray once more: another one.
    let twice = on_lane("CN", "US", &[THERE, (SORTED, "MX"), THERE, (SORTED, "MX")]);
    let found = routing(&twice, 3);
    assert_eq!(
        found.iter().map(|one| one.close_time).collect::<Vec<_>>(),
        [None, Some(day(2))]
    );
    assert_ne!(found[0].id, found[1].id);
}

#[test]
fn what_the_carrier_calls_misrouted_is_one_matter_with_the_places() {
    let scans = [THERE, (E::MISROUTED, ""), (SORTED, "MX"), (SORTED, "US")];
    let record = on_lane("CN", "US", &scans);
    let [one] = &routing(&record, 2)[..] else {
        panic!("one exception");
    };
    assert_eq!(one.event_ids.len(), 3, "opened, continued, closed");
    assert_eq!((one.derived, one.close_time), (false, Some(day(3))));

    let later = on_lane("CN", "US", &[THERE, (SORTED, "MX"), (E::MISROUTED, "")]);
    let [one] = &routing(&later, 2)[..] else {
        panic!("one exception");
    };
    assert_eq!((one.derived, one.open_time), (false, day(1)));
}

#[test]
fn clocks_that_leave_the_order_open_accuse_nobody() {
    let mut scans = journey(&[THERE, (SORTED, "MX")]);
    scans[1].time = unknown("2026-03-01T18:00:00");
    let record = heard(scans, lane("CN", "US")).record();
    assert_eq!(routing(&record, 2), []);
}
