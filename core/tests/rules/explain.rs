//! Explanations say what the fold did, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use waybill_core::adapter::Report;
use waybill_core::code::{EventCode as E, ReasonCode as R};
use waybill_core::event::{Claim, Classifier, SourceClass};
use waybill_core::exception::Category;
use waybill_core::explain::{ClaimRole, Explanation, RULES, explain};
use waybill_core::privacy::Pii;
use waybill_core::reconcile::Dossier;
use waybill_core::shipment::{EstimateKind, Facts};
use waybill_core::status::Status;
use waybill_core::time::{Basis, Precision};

use crate::support::*;

fn of(dossier: &Dossier) -> Explanation {
    explain(dossier, None, day(300))
}

fn of_claims(claims: Vec<Claim>) -> Explanation {
    of(&heard(claims, Facts::default()))
}

/// The rule that decided on the event of a code.
fn rule(explanation: &Explanation, code: E) -> &'static str {
    let step = explanation
        .steps
        .iter()
        .find(|step| step.event.code == code);
    step.unwrap().decision.rule
}

fn said(source: &str, claims: Vec<Claim>) -> (String, Report) {
    let mut report = report(claims, Facts::default());
    report.relays = source.to_owned();
    (source.to_owned(), report)
}

/// What the carrier says, then what an aggregator repeats.
fn repeated(own: Claim, other: Claim) -> Explanation {
    let mut dossier = heard(vec![own], Facts::default());
    let (_, mut report) = said("acme", vec![other]);
    report.complete = false;
    dossier.absorb("hub", SourceClass::Aggregator, &report, day(300));
    of(&dossier)
}

fn roles(explanation: &Explanation) -> &[ClaimRole] {
    assert_eq!(explanation.steps.len(), 1, "one event");
    &explanation.steps[0].claims
}

/// Source and rule of each field that the only event has.
fn given(explanation: &Explanation) -> BTreeMap<&'static str, (String, &'static str)> {
    let step = &explanation.steps[0];
    let mut given = BTreeMap::new();
    for role in roles(explanation) {
        let one = step.event.observations().find(|one| one.id == role.id);
        for gave in &role.gave {
            let from = (one.unwrap().source.to_string(), gave.decision.rule);
            assert!(given.insert(gave.field, from).is_none(), "{}", gave.field);
        }
    }
    given
}

#[test]
fn steps_lead_from_pending_to_the_status_and_the_last_that_speaks_set_it() {
    let explanation = of_claims(days(&[
        E::ACCEPTED,
        E::SORTED,
        E::DELIVERY_SCHEDULED,
        E::INFO_RECEIVED,
        E::OUT_FOR_DELIVERY,
        E::DELIVERED,
        E::DEPARTED_FACILITY,
    ]));
    let steps: Vec<_> = explanation
        .steps
        .iter()
        .map(|step| (step.decision.rule, step.before, step.after))
        .collect();
    assert_eq!(
        steps,
        [
            ("step.sets", Status::Pending, Status::InTransit),
            ("step.confirms", Status::InTransit, Status::InTransit),
            ("step.no-effect", Status::InTransit, Status::InTransit),
            ("step.late", Status::InTransit, Status::InTransit),
            ("step.sets", Status::InTransit, Status::OutForDelivery),
            ("step.sets", Status::OutForDelivery, Status::Delivered),
            ("step.after-terminal", Status::Delivered, Status::Delivered),
        ]
    );
    let set_by = explanation.record.status_event;
    assert_eq!(Some(explanation.steps[5].event.id), set_by);
    assert_eq!(explanation.record.status, Status::Delivered);
}

#[test]
fn what_does_not_count_says_why() {
    let mut claims = days(&[E::ACCEPTED, E::SORTED, E::DELIVERED, E::CANCELLED]);
    claims[1].classifier = Classifier::Estimated;
    claims[2].retracted = true;
    let explanation = of_claims(claims);
    assert_eq!(rule(&explanation, E::SORTED), "step.forecast");
    assert_eq!(rule(&explanation, E::DELIVERED), "step.retracted");
    let withdrawn = explanation.steps[2].claims[0].withdrawn.as_ref().unwrap();
    assert_eq!(withdrawn.rule, "withdrawn.said");
    assert_eq!(
        withdrawn.detail,
        format!("acme says so, as of {}", day(300))
    );
    // A cancellation after possession orders the item back.
    assert_eq!(rule(&explanation, E::RETURN_INITIATED), "step.recast");

    let illegal = of_claims(days(&[E::OUT_FOR_DELIVERY, E::CANCELLED]));
    assert_eq!(rule(&illegal, E::CANCELLED), "step.illegal");
    let future = of_claims(vec![claim(E::DELIVERED, known(day(301)))]);
    assert_eq!(rule(&future, E::DELIVERED), "step.future");
    let back = of_claims(days(&[E::RETURN_INITIATED, E::SORTED]));
    assert_eq!(rule(&back, E::SORTED), "step.way-back");
}

#[test]
fn an_end_that_the_carrier_knows_nothing_of_names_the_carrier() {
    let mut dossier = heard(
        days(&[E::ACCEPTED, E::INFORMATION, E::OUT_FOR_DELIVERY]),
        Facts::default(),
    );
    let (_, report) = said("hub", vec![claim(E::DELIVERED, known(day(1) + hours(5)))]);
    dossier.absorb("hub", SourceClass::Aggregator, &report, day(300));
    let explanation = of(&dossier);
    assert_eq!(rule(&explanation, E::DELIVERED), "step.contradicted");
    let step = explanation
        .steps
        .iter()
        .find(|it| it.event.code == E::DELIVERED);
    assert!(step.unwrap().decision.detail.contains("(acme)"));
}

#[test]
fn a_carrier_that_handed_the_item_on_is_told_to_whom() {
    let mut dossier = heard(
        days(&[E::ACCEPTED, E::HANDED_OVER_TO_PARTNER]),
        Facts::default(),
    );
    let next = vec![
        claim(E::ARRIVED_AT_DELIVERY_OFFICE, known(day(2))),
        claim(E::OUT_FOR_DELIVERY, known(day(3))),
    ];
    let (source, report) = said("last", next);
    dossier.absorb(&source, SourceClass::Carrier, &report, day(300));
    let echo = vec![claim(E::ARRIVED_AT_FACILITY, known(day(3) + hours(5)))];
    let (_, report) = said("acme", echo);
    dossier.absorb("acme", SourceClass::Custodian, &report, day(299));
    let explanation = of(&dossier);
    assert_eq!(rule(&explanation, E::ARRIVED_AT_FACILITY), "step.handed-on");
    let step = explanation
        .steps
        .iter()
        .find(|step| step.event.code == E::ARRIVED_AT_FACILITY)
        .unwrap();
    assert!(step.decision.detail.ends_with("on to last by then"));
    assert_eq!(
        step.event.said.class,
        SourceClass::Carrier,
        "class at that point"
    );
    assert_eq!(explanation.record.status, Status::OutForDelivery);
}

#[test]
fn claims_say_how_they_found_each_other() {
    let text = |mut claim: Claim, text: &str| {
        claim.native_text = Pii::new(text.to_owned());
        claim
    };
    let own = || place(claim(E::SORTED, known(day(1))), "DE");
    let joined = |explanation: &Explanation| {
        let mut rules: Vec<_> = roles(explanation)
            .iter()
            .map(|role| role.joined.rule)
            .collect();
        rules.sort_unstable();
        rules
    };
    let instant = repeated(own(), place(claim(E::SORTED, known(day(1))), "DE"));
    assert_eq!(joined(&instant), ["match.first", "match.instant"]);

    let wall = repeated(own(), claim(E::SORTED, unknown("2026-03-02T12:00:00")));
    assert_eq!(joined(&wall), ["match.first", "match.wall-clock"]);

    let town = |mut claim: Claim| {
        let mut here = country("DE");
        here.locality = "Springfield".to_owned();
        claim.location = Some(here);
        claim
    };
    let mut date = claim(E::SORTED, known(day(1)));
    date.time.precision = Precision::Day;
    let day_only = repeated(town(own()), town(date));
    assert_eq!(joined(&day_only), ["match.day", "match.first"]);

    // Only clocks with seconds are taken for the same one in another zone.
    let at = day(1) + jiff::SignedDuration::from_secs(37);
    let other = claim(E::SORTED, known(at + hours(8)));
    let zone = repeated(
        text(place(claim(E::SORTED, known(at)), "DE"), "Sorted in hub 7"),
        text(place(other, "DE"), "sorted in hub 7"),
    );
    assert_eq!(joined(&zone), ["match.first", "match.zone-mistaken"]);
}

#[test]
fn each_field_says_from_whom_and_by_which_rule() {
    let alone = given(&of_claims(vec![because(
        claim(E::DELIVERY_ATTEMPTED, known(day(1))),
        R::RECIPIENT_NOT_AVAILABLE,
    )]));
    for field in ["code", "time", "reason"] {
        assert_eq!(alone[field], ("acme".to_owned(), "field.only"), "{field}");
    }
    assert!(!alone.contains_key("place"), "it has none");

    // The aggregator knows the clock, the manner and the place better.
    let mut rough = claim(E::DELIVERED, unknown("2026-03-02T12:00:00"));
    rough.reason = Some(R::OTHER);
    let fine = because(
        place(claim(E::DELIVERED_TO_NEIGHBOUR, known(day(1))), "DE"),
        R::RECIPIENT_NOT_AVAILABLE,
    );
    let split = given(&repeated(rough, fine));
    let from = |rule| ("hub".to_owned(), rule);
    assert_eq!(split["code"], from("field.code-precision"));
    assert_eq!(split["time"], from("field.clock-basis"));
    assert_eq!(split["place"], from("field.place-resolution"));
    assert_eq!(split["reason"], from("field.reason-specific"));

    let mut minute = claim(E::SORTED, known(day(1)));
    minute.time.precision = Precision::Minute;
    let unit = given(&repeated(minute, claim(E::SORTED, known(day(1)))));
    assert_eq!(unit["time"], from("field.clock-unit"));
    assert_eq!(unit["code"], ("acme".to_owned(), "field.trust"));
    assert_eq!(Basis::Stated, known(day(1)).basis);
}

#[test]
fn what_a_source_leaves_out_has_the_times_of_its_reports() {
    let both = days(&[E::ACCEPTED, E::SORTED]);
    let mut dossier = heard(both.clone(), Facts::default());
    let shorter = report(vec![both[0].clone()], Facts::default());
    let first = day(300) + hours(1);
    dossier.absorb("acme", SourceClass::Custodian, &shorter, first);
    let explanation = explain(&dossier, None, first);
    let withdrawn = explanation.steps[1].claims[0].withdrawn.as_ref().unwrap();
    assert_eq!(withdrawn.rule, "withdrawn.missing");
    assert_eq!(rule(&explanation, E::SORTED), "step.confirms");

    dossier.absorb("acme", SourceClass::Custodian, &shorter, first + hours(1));
    let explanation = explain(&dossier, None, first + hours(1));
    let withdrawn = explanation.steps[1].claims[0].withdrawn.as_ref().unwrap();
    assert_eq!(withdrawn.rule, "withdrawn.left-out");
    let times = format!("from {first} to {}", first + hours(1));
    assert!(withdrawn.detail.ends_with(&times), "{}", withdrawn.detail);
    assert_eq!(rule(&explanation, E::SORTED), "step.retracted");
}

#[test]
fn a_withdrawn_delivery_of_an_item_that_moves_says_so() {
    let mut claims = days(&[E::ACCEPTED, E::DELIVERED]);
    let mut dossier = heard(claims.clone(), Facts::default());
    claims[1] = claim(E::OUT_FOR_DELIVERY, known(day(2)));
    let later = report(claims, Facts::default());
    dossier.absorb("acme", SourceClass::Custodian, &later, day(300) + hours(1));
    let explanation = of(&dossier);
    let step = explanation
        .steps
        .iter()
        .find(|step| step.event.code == E::DELIVERED);
    let withdrawn = step.unwrap().claims[0].withdrawn.as_ref().unwrap();
    assert_eq!(withdrawn.rule, "withdrawn.went-on");
}

#[test]
fn exceptions_name_what_opened_and_closed_them() {
    let decisions = |explanation: &Explanation, category| {
        let found = explanation
            .exceptions
            .iter()
            .find(|it| it.exception.category == category);
        let found = found.unwrap();
        (found.opened.rule, found.closed.as_ref().map(|it| it.rule))
    };
    let held = of_claims(days(&[
        E::ACCEPTED,
        E::IMPORT_CUSTOMS_HELD,
        E::IMPORT_CUSTOMS_RELEASED,
    ]));
    let both = ("exception.code", Some("exception.closing-code"));
    assert_eq!(decisions(&held, Category::Customs), both);

    let mut wrong = days(&[E::ACCEPTED, E::INFORMATION, E::OUT_FOR_DELIVERY]);
    wrong[1].reason = Some(R::RECIPIENT_INCORRECT_ADDRESS);
    let both = ("exception.reason", Some("exception.closing-code"));
    assert_eq!(decisions(&of_claims(wrong), Category::Address), both);

    let mut quiet = days(&[E::ACCEPTED, E::SORTED]);
    quiet[1].time = known(day(200));
    let quiet = of_claims(quiet);
    let silences: Vec<_> = quiet
        .exceptions
        .iter()
        .filter(|it| it.exception.category == Category::NoUpdate)
        .map(|it| (it.opened.rule, it.closed.as_ref().map(|it| it.rule)))
        .collect();
    assert_eq!(
        silences,
        [
            ("exception.silence", None),
            ("exception.silence", Some("exception.news"))
        ]
    );

    let facts = Facts {
        estimates: vec![estimate(EstimateKind::CarrierForecast, day(3))],
        ..Facts::default()
    };
    let planned = of(&heard(days(&[E::ACCEPTED]), facts));
    assert_eq!(
        decisions(&planned, Category::Delay).0,
        "exception.plan-passed"
    );

    let after = of_claims(days(&[E::DELIVERED, E::SORTED]));
    assert_eq!(
        decisions(&after, Category::DataQuality).0,
        "exception.contradiction"
    );
}

#[test]
fn the_first_change_ahead_is_when_the_record_next_changes() {
    let facts = Facts {
        estimates: vec![estimate(EstimateKind::CarrierForecast, day(9))],
        ..lane("CN", "DE")
    };
    let dossier = heard(days(&[E::ACCEPTED, E::IMPORT_CUSTOMS_PRESENTED]), facts);
    let mut now = day(2);
    let mut rules = BTreeSet::new();
    for _ in 0..20 {
        let explanation = explain(&dossier, None, now);
        let Some(next) = explanation.next_change else {
            assert_eq!(explanation.changes, []);
            break;
        };
        let first = &explanation.changes[0];
        assert_eq!(first.time, next);
        rules.extend(
            explanation
                .changes
                .iter()
                .map(|change| change.decision.rule),
        );
        now = next;
    }
    for rule in [
        "exception.plan-passed",
        "exception.silence",
        "exception.critical",
        "state.dormant",
        "state.expired",
    ] {
        assert!(rules.contains(rule), "{rule}: {rules:?}");
    }
}

#[test]
fn every_rule_has_one_meaning() {
    let ids: BTreeSet<&str> = RULES.iter().map(|row| row.0).collect();
    assert_eq!(ids.len(), RULES.len());
    assert!(RULES.iter().all(|row| !row.1.is_empty()));
}
