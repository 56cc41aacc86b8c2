//! Reports that came by themselves, in whatever order.

use waybill_core::code::EventCode;
use waybill_core::event::SourceClass;
use waybill_core::shipment::{EstimateKind, Facts, Shipment};
use waybill_core::status::Status;

use crate::support::{day, days, dossier, estimate, hours, report};

const CODES: [EventCode; 3] = [
    EventCode::PICKED_UP,
    EventCode::DEPARTED_FACILITY,
    EventCode::OUT_FOR_DELIVERY,
];

/// What the source says once so many of its events have happened, with a forecast of that moment.
fn told(events: usize) -> waybill_core::adapter::Report {
    let end = day(10 + i64::try_from(events).unwrap());
    let facts = Facts {
        estimates: vec![estimate(EstimateKind::CarrierForecast, end)],
        ..Facts::default()
    };
    report(days(&CODES[..events]), facts)
}

/// The record after these pushes, an hour apart.
fn after(pushes: &[usize]) -> Shipment {
    let mut dossier = dossier();
    for (events, count) in pushes.iter().zip(0..) {
        let at = day(5) + hours(count);
        dossier.absorb_push("acme", SourceClass::Custodian, &told(*events), at);
    }
    dossier.record()
}

fn end(record: &Shipment) -> Option<jiff::Timestamp> {
    let end = record.estimates.first()?.window.end.as_ref()?;
    end.instant
}

#[test]
fn every_order_ends_in_the_same_status_with_every_event() {
    for pushes in [
        [1, 2, 3],
        [1, 3, 2],
        [2, 1, 3],
        [2, 3, 1],
        [3, 1, 2],
        [3, 2, 1],
    ] {
        let record = after(&pushes);
        assert_eq!(record.status, Status::OutForDelivery, "{pushes:?}");
        assert_eq!(record.events.len(), CODES.len(), "{pushes:?}");
        assert_eq!(end(&record), Some(day(13)), "{pushes:?}");
    }
}

#[test]
fn an_old_push_withdraws_nothing_however_often_it_comes() {
    let record = after(&[3, 1, 1, 1, 1, 1]);
    assert_eq!(record.events.len(), CODES.len());
    assert_eq!(record.findings, after(&[3]).findings);
    assert_eq!(end(&record), Some(day(13)));
}

#[test]
fn a_push_that_tells_of_the_same_moment_brings_its_forecast() {
    let mut dossier = dossier();
    let mut push = told(3);
    dossier.absorb_push("acme", SourceClass::Custodian, &push, day(5));
    push.facts.estimates = vec![estimate(EstimateKind::CarrierForecast, day(20))];
    dossier.absorb_push("acme", SourceClass::Custodian, &push, day(6));
    assert_eq!(end(&dossier.record()), Some(day(20)));
}
