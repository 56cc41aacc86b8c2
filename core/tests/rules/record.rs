//! What the record says: order, findings, merged facts.

use waybill_core::adapter::Report;
use waybill_core::code::{EventCode as E, ReasonCode as R};
use waybill_core::event::{Classifier, SourceClass, Standing};
use waybill_core::number::TrackingNumber;
use waybill_core::place::Location;
use waybill_core::privacy::Pii;
use waybill_core::shipment::{
    Contact, EstimateKind, Facts, FindingKind, Identifier, IdentifierKind, Physical, Requirements,
};
use waybill_core::status::{Severity, Status};
use waybill_core::time::{Basis, Precision};

use crate::support::*;

#[test]
fn events_of_one_moment_follow_the_journey_and_then_the_list() {
    let codes = [
        E::OUT_FOR_DELIVERY,
        E::ARRIVED_AT_FACILITY,
        E::IMPORT_CUSTOMS_RELEASED,
        E::DEPARTED_FACILITY,
    ];
    let claims = codes.map(|code| claim(code, known(day(0)))).to_vec();
    let record = record(claims);
    let order: Vec<E> = record.events.iter().rev().map(|event| event.code).collect();
    assert_eq!(
        order,
        [
            E::ARRIVED_AT_FACILITY,
            E::IMPORT_CUSTOMS_RELEASED,
            E::DEPARTED_FACILITY,
            E::OUT_FOR_DELIVERY
        ]
    );
    assert_eq!(record.status, Status::OutForDelivery);
}

#[test]
fn an_unknown_clock_is_placed_between_its_neighbours() {
    // Its bounds span 26 hours; the list says that it came between two scans of one hour.
    let claims = vec![
        claim(E::PICKED_UP, known(day(0))),
        claim(E::IN_TRANSIT, unknown("2026-03-02T00:00:00")),
        claim(E::OUT_FOR_DELIVERY, known(day(0) + hours(1))),
    ];
    let inside = record(claims.clone());
    assert_eq!(inside.status, Status::OutForDelivery);
    assert_eq!(inside.events[1].code, E::IN_TRANSIT);

    // Neighbours that contradict each other are no help.
    let mut swapped = claims;
    swapped.swap(0, 2);
    let record = record(swapped);
    assert_eq!(record.events[0].code, E::IN_TRANSIT);
    assert_eq!(findings(&record, FindingKind::TimeContradiction).len(), 1);
}

#[test]
fn a_date_alone_keeps_its_place_in_the_list_within_its_day() {
    let mut claims = vec![
        claim(E::OUT_FOR_DELIVERY, known(day(0))),
        claim(E::DELIVERED, known(day(0) - hours(12))),
    ];
    claims[1].time.precision = Precision::Day;
    claims[1].time.latest = day(0) + hours(12) - jiff::SignedDuration::from_secs(1);
    assert_eq!(record(claims.clone()).status, Status::Delivered);
    assert_eq!(record(claims.clone()).findings.len(), 1);

    // The day before stays the day before.
    claims[1].time = known(day(-1) - hours(12));
    claims[1].time.precision = Precision::Day;
    let record = record(claims);
    assert_eq!(record.events[0].code, E::OUT_FOR_DELIVERY);
}

#[test]
fn forecasts_never_count() {
    let mut claims = days(&[E::IN_TRANSIT, E::DELIVERED]);
    for classifier in [Classifier::Estimated, Classifier::Planned] {
        claims[1].classifier = classifier;
        let record = record(claims.clone());
        assert_eq!(record.status, Status::InTransit);
        assert!(record.last_event_time == Some(known(day(0))));
        assert_eq!(record.events.len(), 2);
    }
}

#[test]
fn a_time_in_the_future_counts_once_a_later_report_still_lists_it() {
    let mut dossier = dossier();
    let report = report(days(&[E::IN_TRANSIT, E::DELIVERED]), Facts::default());
    let almost = day(1) - jiff::SignedDuration::from_mins(11);
    dossier.absorb("acme", SourceClass::Custodian, &report, almost);
    let early = dossier.record();
    assert_eq!(early.status, Status::InTransit);
    assert_eq!(event(&early, 1).standing, Standing::Disputed);
    assert_eq!(
        findings(&early, FindingKind::FutureTime)[0].event_ids,
        [id(&early, 1)]
    );

    dossier.absorb("acme", SourceClass::Custodian, &report, day(1) + hours(1));
    let later = dossier.record();
    assert_eq!(later.status, Status::Delivered);
    assert_eq!(
        findings(&later, FindingKind::FutureTime),
        Vec::<&waybill_core::shipment::Finding>::new()
    );
}

#[test]
fn a_clock_that_is_ten_minutes_ahead_is_tolerated() {
    let mut dossier = dossier();
    let report = report(days(&[E::DELIVERED]), Facts::default());
    dossier.absorb(
        "acme",
        SourceClass::Custodian,
        &report,
        day(0) - jiff::SignedDuration::from_mins(10),
    );
    assert_eq!(dossier.record().status, Status::Delivered);
}

#[test]
fn the_reason_raises_the_severity_of_an_event() {
    for (reason, severity) in [
        (None, Severity::Informational),
        (Some(R::WEATHER), Severity::Informational),
        (Some(R::MISSING_INVOICE), Severity::Critical),
        (Some(R::CUSTOMS_CHARGES_UNPAID), Severity::Critical),
        (Some(R::RECIPIENT_INCORRECT_ADDRESS), Severity::Critical),
        (Some(R::RECIPIENT_REFUSED), Severity::Critical),
    ] {
        let mut row = claim(E::IN_TRANSIT, known(day(0)));
        row.reason = reason;
        let record = record(vec![row]);
        assert_eq!(record.events[0].severity, severity, "{reason:?}");
        assert_eq!(record.reason, reason);
    }
}

#[test]
fn attempts_are_numbered() {
    let record = record(days(&[
        E::DELIVERY_ATTEMPTED,
        E::REFUSED,
        E::FINAL_ATTEMPT_FAILED,
    ]));
    let numbers: Vec<u32> = (0..3).map(|at| event(&record, at).attempt).collect();
    assert_eq!(numbers, [1, 0, 2]);
}

#[test]
fn every_doubt_is_named_and_no_text_is() {
    let mut claims = days(&[E::IN_TRANSIT, E::UNMAPPED, E::UNMAPPED]);
    claims[0].time.basis = Basis::SourceConvention;
    claims[0].doubt = Some("two clocks of the row differ by 3 h".to_owned());
    claims[0].location = Some(Location {
        raw: Pii::new("Nowhere".to_owned()),
        ..Location::default()
    });
    claims[1].native_text = Pii::new("left with Jane".to_owned());
    claims[2].native_code.clear();
    claims.push(claim(E::IN_TRANSIT, unknown("2026-03-09T12:00:00")));
    let facts = Facts {
        doubts: vec!["two fields name different days".to_owned()],
        ..Facts::default()
    };
    let record = heard(claims, facts).record();
    let detail = |kind| -> Vec<&str> {
        findings(&record, kind)
            .into_iter()
            .map(|finding| finding.detail.as_str())
            .collect()
    };
    assert_eq!(detail(FindingKind::UnmappedCode), ["no entry for N999"]);
    assert_eq!(
        findings(&record, FindingKind::UnmappedCode)[0]
            .event_ids
            .len(),
        2
    );
    assert_eq!(
        findings(&record, FindingKind::UnmappedCode)[0].sources,
        ["acme"]
    );
    assert_eq!(
        detail(FindingKind::TimeZoneAssumed),
        [
            "no offset stated and none derivable",
            "no offset stated: the documented convention of the source was used",
        ]
    );
    assert_eq!(
        detail(FindingKind::TimeContradiction),
        [
            "two clocks of the row differ by 3 h",
            "two fields name different days"
        ]
    );
    assert_eq!(
        findings(&record, FindingKind::LocationUnresolved)[0].event_ids,
        [id(&record, 0)]
    );
    assert!(
        record
            .findings
            .iter()
            .all(|finding| !finding.detail.contains("Jane"))
    );
}

#[test]
fn a_list_against_its_own_clocks_is_a_contradiction() {
    let mut claims = days(&[E::PICKED_UP, E::IN_TRANSIT]);
    claims[0].time = known(day(2));
    let record = record(claims);
    let found = findings(&record, FindingKind::TimeContradiction);
    assert_eq!(found[0].event_ids, [id(&record, 0), id(&record, 1)]);
}

fn from(source: &str, class: SourceClass, facts: Facts) -> (String, SourceClass, Report) {
    (source.to_owned(), class, report(Vec::new(), facts))
}

#[test]
fn facts_are_taken_from_the_most_trusted_source_that_states_them() {
    let relayed = Facts {
        service: "Relayed".to_owned(),
        physical: Physical {
            weight_grams: Some(900),
            piece_count: Some(2),
            ..Physical::default()
        },
        requirements: Some(Box::new(Requirements {
            signature: Some(false),
            collect_by: "2026-04-01".to_owned(),
            ..Requirements::default()
        })),
        contacts: vec![Contact {
            action: waybill_core::exception::NextAction::Collect,
            url: "https://relay.example/collect".to_owned(),
            phone: "+493012345678".to_owned(),
        }],
        estimates: vec![estimate(EstimateKind::AggregatorForecast, day(4))],
        ..lane("CN", "DE")
    };
    let own = Facts {
        service: "Parcel".to_owned(),
        physical: Physical {
            weight_grams: Some(850),
            ..Physical::default()
        },
        requirements: Some(Box::new(Requirements {
            signature: Some(true),
            ..Requirements::default()
        })),
        estimates: vec![estimate(EstimateKind::CarrierForecast, day(6))],
        destination: Some(Box::new(country("AT"))),
        ..Facts::default()
    };
    let mut dossier = dossier();
    for (source, class, report) in [
        from("relay", SourceClass::Aggregator, relayed),
        from("acme", SourceClass::Custodian, own),
    ] {
        dossier.absorb(&source, class, &report, day(1));
    }
    let record = dossier.record();
    assert_eq!(record.service, "Parcel");
    assert_eq!(record.physical.weight_grams, Some(850));
    assert_eq!(record.physical.piece_count, Some(2));
    let needs = record.requirements.unwrap();
    assert_eq!(needs.signature, Some(true));
    assert_eq!(needs.collect_by, "2026-04-01");
    assert_eq!(record.contacts.len(), 1);
    assert!(record.origin == Some(country("CN")));
    assert!(record.destination == Some(country("AT")));
    let sources: Vec<&str> = record
        .estimates
        .iter()
        .map(|one| one.source.as_str())
        .collect();
    assert_eq!(sources, ["acme", "relay"]);
    assert_eq!(record.estimates[0].receive_time, day(1));
    assert_eq!(record.status, Status::Pending);
}

#[test]
fn the_number_itself_comes_first_and_wrong_check_digits_are_found() {
    let identifier = |kind, value: &str, valid| Identifier {
        kind,
        value: Pii::new(value.to_owned()),
        carrier: "acme".to_owned(),
        check_digit_valid: valid,
    };
    let facts = Facts {
        identifiers: vec![
            identifier(IdentifierKind::Reference, "ORDER-7", None),
            identifier(IdentifierKind::Carrier, NUMBER, Some(false)),
            identifier(IdentifierKind::Reference, "ORDER-7", None),
        ],
        ..Facts::default()
    };
    let mut dossier = dossier();
    let mut report = report(Vec::new(), facts);
    report.number = TrackingNumber::parse("RB123456785CN").unwrap();
    dossier.absorb("acme", SourceClass::Custodian, &report, day(0));
    let record = dossier.record();
    let all: Vec<(IdentifierKind, &str)> = record
        .identifiers
        .iter()
        .map(|one| &one.identifier)
        .map(|one| (one.kind, one.value.reveal().as_str()))
        .collect();
    assert_eq!(
        all,
        [
            (IdentifierKind::Carrier, NUMBER),
            (IdentifierKind::Reference, "ORDER-7"),
            (IdentifierKind::UpuS10, "RB123456785CN"),
        ]
    );
    let found = findings(&record, FindingKind::CheckDigit);
    assert_eq!(found.len(), 1);
    assert!(!found[0].detail.contains(NUMBER));
}

#[test]
fn sources_that_support_the_status_are_counted_by_whose_data_it_is() {
    let mut dossier = dossier();
    let delivered = report(days(&[E::IN_TRANSIT, E::DELIVERED]), Facts::default());
    dossier.absorb("acme", SourceClass::Custodian, &delivered, day(2));
    dossier.absorb("relay", SourceClass::Aggregator, &delivered, day(2));
    assert_eq!(dossier.record().source_count, 1);
    let own = Report {
        relays: "house".to_owned(),
        ..delivered
    };
    dossier.absorb("internal", SourceClass::Internal, &own, day(2));
    assert_eq!(dossier.record().source_count, 2);
}

#[test]
fn the_last_place_is_that_of_the_newest_event_that_names_one() {
    let mut claims = days(&[E::PICKED_UP, E::IN_TRANSIT, E::INFORMATION]);
    claims[0] = place(claims[0].clone(), "CN");
    claims[1] = place(claims[1].clone(), "DE");
    let record = record(claims);
    assert!(record.last_location == Some(country("DE")));
    assert!(record.last_event_time == Some(known(day(2))));
    assert_eq!(record.code, Some(E::IN_TRANSIT));
}

#[test]
fn the_carrier_of_a_scan_is_named_or_that_of_the_report() {
    let carrier = |source: &str, class, relays: &str, named: &str| {
        let mut row = claim(E::IN_TRANSIT, known(day(0)));
        named.clone_into(&mut row.carrier);
        let mut dossier = dossier();
        let report = Report {
            relays: relays.to_owned(),
            ..report(vec![row], Facts::default())
        };
        dossier.absorb(source, class, &report, day(1));
        dossier.record().events[0].carrier.to_string()
    };
    assert_eq!(
        carrier("acme-api", SourceClass::Custodian, "acme", ""),
        "acme"
    );
    assert_eq!(
        carrier("acme-api", SourceClass::Custodian, "acme", "last-mile"),
        "last-mile"
    );
    assert_eq!(
        carrier("relay", SourceClass::Aggregator, "acme", ""),
        "acme"
    );
    assert_eq!(carrier("relay", SourceClass::Aggregator, "", ""), "");
    assert_eq!(carrier("internal", SourceClass::Internal, "", ""), "");
}
