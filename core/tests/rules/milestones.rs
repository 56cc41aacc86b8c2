//! The route and how far along it the item is.

use waybill_core::code::EventCode as E;
use waybill_core::shipment::{EstimateKind, Facts, FindingKind, Requirements, Shipment};
use waybill_core::status::Milestone::{self, *};

use crate::support::*;

fn route(record: &Shipment) -> Vec<Milestone> {
    record.milestones.iter().map(|one| one.milestone).collect()
}

fn inferred(record: &Shipment) -> Vec<Milestone> {
    record
        .milestones
        .iter()
        .filter(|one| one.inferred)
        .map(|one| one.milestone)
        .collect()
}

fn step(record: &Shipment) -> (u32, u32) {
    let progress = record.progress.unwrap();
    (progress.step, progress.of)
}

fn next(record: &Shipment) -> Option<Milestone> {
    record.next_step.as_ref().map(|next| next.milestone)
}

const DOMESTIC: [Milestone; 6] = [
    InfoReceived,
    PickedUp,
    InTransit,
    AtFacility,
    OutForDelivery,
    Delivered,
];

#[test]
fn a_domestic_route_has_no_borders() {
    let codes = [E::LABEL_CREATED, E::PICKED_UP, E::TRANSPORT_DEPARTED];
    let record = heard(days(&codes), lane("US", "US")).record();
    assert_eq!(route(&record), DOMESTIC);
    assert_eq!(step(&record), (3, 6));
    assert_eq!(next(&record), Some(AtFacility));
    assert_eq!(inferred(&record), []);
}

#[test]
fn borders_lie_on_the_route_if_countries_differ_or_they_were_seen() {
    let abroad = heard(days(&[E::PICKED_UP]), lane("CN", "DE")).record();
    assert_eq!(
        route(&abroad)[4..7],
        [DepartedOrigin, ArrivedDestination, CustomsCleared]
    );
    let union = heard(days(&[E::PICKED_UP]), lane("FR", "DE")).record();
    assert_eq!(route(&union)[4..6], [DepartedOrigin, ArrivedDestination]);
    assert!(!route(&union).contains(&CustomsCleared));
    let seen = record(days(&[E::PICKED_UP, E::IMPORT_CUSTOMS_RELEASED]));
    assert!(route(&seen).contains(&CustomsCleared));
    assert!(!route(&seen).contains(&DepartedOrigin));
}

#[test]
fn what_was_passed_without_an_event_is_marked_and_found() {
    let record = record(days(&[E::PICKED_UP, E::DELIVERED]));
    assert_eq!(
        inferred(&record),
        [InfoReceived, InTransit, AtFacility, OutForDelivery]
    );
    assert_eq!(step(&record), (6, 6));
    assert_eq!(next(&record), None);
    assert_eq!(
        findings(&record, FindingKind::MilestoneMissing)[0].detail,
        "passed without an event: InfoReceived, InTransit, AtFacility, OutForDelivery"
    );
}

#[test]
fn the_first_facility_is_no_movement_yet() {
    let record = record(days(&[E::PICKED_UP, E::ARRIVED_AT_FACILITY]));
    assert_eq!(inferred(&record), [InfoReceived]);
    assert_eq!(next(&record), Some(InTransit));
}

#[test]
fn only_the_facility_moves() {
    let record = record(days(&[
        E::PICKED_UP,
        E::ARRIVED_AT_FACILITY,
        E::OUT_FOR_DELIVERY,
        E::ARRIVED_AT_FACILITY,
        E::OUT_FOR_DELIVERY,
    ]));
    let event = |milestone| {
        record
            .milestones
            .iter()
            .find(|one| one.milestone == milestone)
            .unwrap()
            .event
    };
    assert_eq!(event(AtFacility), Some(id(&record, 3)));
    assert_eq!(event(OutForDelivery), Some(id(&record, 2)));
}

#[test]
fn collecting_is_on_the_route_if_known_or_seen() {
    let facts = Facts {
        requirements: Some(Box::new(Requirements {
            pickup_place: Some(country("DE")),
            ..Requirements::default()
        })),
        ..Facts::default()
    };
    let known = heard(days(&[E::PICKED_UP]), facts).record();
    assert_eq!(
        route(&known)[4..],
        [OutForDelivery, AvailableForPickup, Delivered]
    );
    // What is brought to a locker need not have been on a delivery round.
    let seen = record(days(&[E::PICKED_UP, E::AVAILABLE_FOR_PICKUP]));
    assert_eq!(route(&seen)[4..], [AvailableForPickup, Delivered]);
    assert_eq!(next(&seen), Some(Delivered));
}

#[test]
fn a_return_ends_where_it_turned_round() {
    let codes = [
        E::PICKED_UP,
        E::DEPARTED_FACILITY,
        E::RETURN_INITIATED,
        E::OUT_FOR_DELIVERY,
    ];
    let back = heard(days(&codes), lane("CN", "DE")).record();
    assert_eq!(
        route(&back),
        [InfoReceived, PickedUp, InTransit, Returning, Returned]
    );
    assert_eq!(step(&back), (4, 5));
    assert_eq!(next(&back), Some(Returned));

    let returned = record(days(&[E::PICKED_UP, E::RETURNED_TO_SENDER]));
    assert_eq!(
        route(&returned),
        [InfoReceived, PickedUp, Returning, Returned]
    );
    assert_eq!(inferred(&returned), [InfoReceived, Returning]);

    let after = record(days(&[E::PICKED_UP, E::DELIVERED, E::RETURN_INITIATED]));
    assert_eq!(
        route(&after)[4..],
        [OutForDelivery, Delivered, Returning, Returned]
    );
}

#[test]
fn the_window_of_the_best_forecast_belongs_to_delivery_only() {
    let facts = || Facts {
        estimates: vec![
            estimate(EstimateKind::CarrierCommitment, day(9)),
            estimate(EstimateKind::CarrierForecast, day(8)),
        ],
        ..Facts::default()
    };
    let early = heard(days(&[E::PICKED_UP]), facts()).record();
    assert_eq!(early.next_step.unwrap().window, None);
    let late = heard(
        days(&[E::PICKED_UP, E::IN_TRANSIT, E::ARRIVED_AT_DELIVERY_OFFICE]),
        facts(),
    )
    .record();
    let step = late.next_step.unwrap();
    assert_eq!(step.milestone, OutForDelivery);
    assert_eq!(step.window.unwrap().end, Some(known(day(8))));
}

#[test]
fn forecasts_and_disputed_events_reach_nothing() {
    let mut claims = days(&[E::PICKED_UP, E::OUT_FOR_DELIVERY, E::DELIVERED]);
    claims[1].classifier = waybill_core::event::Classifier::Estimated;
    claims[2].retracted = true;
    let record = record(claims);
    assert_eq!(step(&record), (2, 6));
    assert_eq!(crate::support::record(Vec::new()).progress, None);
}
