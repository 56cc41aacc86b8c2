//! Two places too far apart for the time between them: who is accused, and who never is.

use proptest::prelude::*;
use waybill_core::code::EventCode as E;
use waybill_core::event::{Claim, SourceClass, Standing};
use waybill_core::exception::Category::DataQuality;
use waybill_core::exception::{NextAction, Responsibility};
use waybill_core::place::{CodeSystem, Facility, Location};
use waybill_core::shipment::{Facts, FindingKind::ImpossibleTravel, Shipment};
use waybill_core::status::{Severity, Status};
use waybill_core::time::Basis;

use crate::support::*;

/// Cities all over the world.
const CITIES: [(&str, &str); 8] = [
    ("CN", "Shenzhen"),
    ("DE", "Leipzig"),
    ("US", "Chicago"),
    ("AU", "Sydney"),
    ("NZ", "Auckland"),
    ("ES", "Madrid"),
    ("BR", "Sao Paulo"),
    ("ZA", "Johannesburg"),
];

fn city(claim: Claim, (country, name): (&str, &str)) -> Claim {
    Claim {
        location: Some(Location {
            country: country.to_owned(),
            locality: name.to_owned(),
            ..Location::default()
        }),
        ..claim
    }
}

fn airport(claim: Claim, code: &str) -> Claim {
    Claim {
        location: Some(Location {
            facility: Some(Facility {
                code: code.to_owned(),
                system: CodeSystem::Iata,
                ..Facility::default()
            }),
            ..Location::default()
        }),
        ..claim
    }
}

const SHENZHEN: (&str, &str) = CITIES[0];
const LEIPZIG: (&str, &str) = CITIES[1];

/// A departure on day 0 and an arrival some hours later, of one source.
fn pair(after: i64) -> [Claim; 2] {
    [
        claim(E::DEPARTED_EXPORT_OFFICE, known(day(0))),
        claim(E::ARRIVED_AT_IMPORT_OFFICE, known(day(0) + hours(after))),
    ]
}

fn flagged(claims: Vec<Claim>) -> bool {
    !findings(&record(claims), ImpossibleTravel).is_empty()
}

#[test]
fn what_can_be_flown_is_not_flagged_and_what_cannot_is() {
    let of = |after, from, to| {
        let [one, two] = pair(after);
        vec![city(one, from), city(two, to)]
    };
    for (after, from, to, expected) in [
        (2, SHENZHEN, LEIPZIG, true),
        (0, SHENZHEN, LEIPZIG, true),
        (12, SHENZHEN, LEIPZIG, false),
        (2, LEIPZIG, SHENZHEN, true),
        (1, LEIPZIG, ("DE", "Berlin"), false),
        (0, LEIPZIG, LEIPZIG, false),
        (2, SHENZHEN, ("DE", "Nowhere in particular"), false),
        // Several places of that name: none of them is meant for certain.
        (2, SHENZHEN, ("US", "Springfield"), false),
        // Two at opposite ends of the world.
        (16, ("ES", "Madrid"), ("NZ", "Auckland"), true),
        (19, ("ES", "Madrid"), ("NZ", "Auckland"), false),
    ] {
        let case = format!("{from:?} to {to:?} in {after} h");
        assert_eq!(flagged(of(after, from, to)), expected, "{case}");
    }
    let [one, two] = pair(2);
    assert!(flagged(vec![airport(one, "SZX"), airport(two, "LEJ")]));
}

#[test]
fn places_that_are_coarse_accuse_nobody() {
    let [one, two] = pair(0);
    assert!(!flagged(vec![place(one, "CN"), place(two, "DE")]));
    let [one, two] = pair(0);
    assert!(!flagged(vec![city(one, SHENZHEN), place(two, "DE")]));
    let [one, two] = pair(0);
    assert!(!flagged(vec![city(one, SHENZHEN), two]));
}

#[test]
fn clocks_that_are_unknown_or_assumed_accuse_nobody() {
    let [mut one, mut two] = pair(0);
    two.time = unknown("2026-03-01T12:05:00");
    assert!(!flagged(vec![
        city(one.clone(), SHENZHEN),
        city(two.clone(), LEIPZIG)
    ]));
    one.time = unknown("2026-03-01T12:00:00");
    assert!(!flagged(vec![city(one, SHENZHEN), city(two, LEIPZIG)]));
    let [one, mut two] = pair(1);
    two.time.basis = Basis::SourceConvention;
    assert!(!flagged(vec![city(one, SHENZHEN), city(two, LEIPZIG)]));
}

#[test]
fn data_papers_and_forecasts_travel_at_any_speed() {
    for code in [
        E::INFO_RECEIVED,
        E::IMPORT_CUSTOMS_RELEASED,
        E::DELIVERY_SCHEDULED,
        E::DELAYED,
        E::INFORMATION,
    ] {
        let [one, mut two] = pair(1);
        two.code = code;
        assert!(
            !flagged(vec![city(one, SHENZHEN), city(two, LEIPZIG)]),
            "{}",
            code.0
        );
    }
    let [one, mut two] = pair(1);
    two.classifier = waybill_core::event::Classifier::Planned;
    assert!(!flagged(vec![city(one, SHENZHEN), city(two, LEIPZIG)]));
}

#[test]
fn one_source_that_contradicts_itself_is_not_disputed() {
    let [one, two] = pair(2);
    let record = record(vec![city(one, SHENZHEN), city(two, LEIPZIG)]);
    let found = findings(&record, ImpossibleTravel);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].event_ids, [id(&record, 0), id(&record, 1)]);
    assert_eq!(found[0].sources, ["acme"]);
    assert!(found[0].detail.contains(" km apart, with 2.0 h"));
    assert!(
        record
            .events
            .iter()
            .all(|event| event.standing == Standing::Accepted)
    );
    assert_eq!(record.status, Status::InTransit);
}

/// The carrier has it in Shenzhen, then in Leipzig; a relay of somebody else has a scan between.
fn misplaced(name: &str, class: SourceClass, place: (&str, &str)) -> Shipment {
    let claims = vec![
        city(claim(E::ACCEPTED, known(day(0))), SHENZHEN),
        city(
            claim(E::DEPARTED_EXPORT_OFFICE, known(day(0) + hours(10))),
            SHENZHEN,
        ),
        city(claim(E::ARRIVED_AT_IMPORT_OFFICE, known(day(3))), LEIPZIG),
    ];
    let mut dossier = heard(claims, Facts::default());
    let wrong = claim(E::DELIVERED, known(day(0) + hours(11)));
    let mut report = report(vec![city(wrong, place)], Facts::default());
    report.relays = "somebody".to_owned();
    dossier.absorb(name, class, &report, day(300));
    dossier.record()
}

#[test]
fn the_less_trusted_of_two_sources_is_disputed() {
    let wrong = misplaced("relay", SourceClass::Aggregator, ("US", "Chicago"));
    let told = wrong
        .events
        .iter()
        .find(|event| event.code == E::DELIVERED)
        .unwrap();
    assert_eq!(told.standing, Standing::Disputed);
    assert_eq!(wrong.status, Status::InTransit);
    let found = findings(&wrong, ImpossibleTravel);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].sources, ["relay"]);
    assert!(found[0].event_ids.contains(&told.id));

    // It opens an exception for the operator, and only for him.
    let one = only(&at(&wrong, day(3)), DataQuality);
    assert_eq!(one.owner, Responsibility::Operator);
    assert_eq!(one.next_action, NextAction::ReviewData);
    assert_eq!(one.severity, Severity::Warning);
    assert!(one.derived && one.close_time.is_none());
}

#[test]
fn the_operators_own_scans_come_first() {
    let wrong = misplaced("own-dock", SourceClass::Internal, ("US", "Chicago"));
    let disputed: Vec<_> = wrong
        .events
        .iter()
        .filter(|event| event.standing == Standing::Disputed)
        .map(|event| &*event.said.source)
        .collect();
    assert_eq!(disputed, ["acme"]);
    assert_eq!(findings(&wrong, ImpossibleTravel)[0].sources, ["acme"]);
}

proptest! {
    #[test]
    fn an_unknown_zone_never_accuses(
        clocks in proptest::collection::vec((0_usize..8, 0_i64..200, 0_i64..24), 2..10),
        classes in proptest::collection::vec(0_usize..3, 2..10),
    ) {
        let mut dossier = dossier();
        let names = [
            ("acme", SourceClass::Custodian),
            ("relay", SourceClass::Aggregator),
            ("own-dock", SourceClass::Internal),
        ];
        for (&(place, at, zone), class) in clocks.iter().zip(&classes) {
            // Each wall clock is right in some zone, at a moment at which the item can be there.
            let local = day(0) + hours(24 * at + zone - 12);
            let local = jiff::tz::TimeZone::UTC.to_datetime(local).to_string();
            let scan = claim(E::ARRIVED_AT_FACILITY, unknown(&local));
            let (name, class) = names[*class];
            let report = report(vec![city(scan, CITIES[place])], Facts::default());
            dossier.absorb(name, class, &report, day(300));
        }
        prop_assert!(findings(&dossier.record(), ImpossibleTravel).is_empty());
    }

    #[test]
    fn nobody_who_flies_is_accused(
        hops in proptest::collection::vec((0_usize..8, 19_i64..60), 2..10),
    ) {
        let mut now = day(0);
        let claims = hops.iter().map(|&(place, flight)| {
            now += hours(flight);
            city(claim(E::ARRIVED_AT_FACILITY, known(now)), CITIES[place])
        });
        prop_assert!(!flagged(claims.collect()));
    }
}
