//! What holds for all observations, however odd.

use jiff::{SignedDuration, Timestamp};
use proptest::collection::vec;
use proptest::prelude::*;
use waybill_core::assess::assess;
use waybill_core::code::{EVENT_CODES, EventCode, REASON_CODES, ReasonCode};
use waybill_core::event::{Claim, Classifier, SourceClass};
use waybill_core::reconcile::{Change, Dossier};
use waybill_core::revision::revise;
use waybill_core::shipment::{EstimateKind, Facts, Requirements, Shipment};
use waybill_core::time::EventTime;

use crate::clock::walk;
use crate::support::*;

/// A report in plain values, which can be shown and shrunk.
#[derive(Clone, Debug)]
struct Heard {
    /// Which of [`SOURCES`] says so.
    source: usize,
    rows: Vec<Row>,
    /// Days of the commitment and of the forecast, and which lane.
    facts: (i64, i64, u8),
    day: i64,
}

/// Sources, their classes, and whose data they have.
const SOURCES: [(&str, SourceClass, &str); 4] = [
    ("acme", SourceClass::Custodian, "acme"),
    ("relay", SourceClass::Aggregator, "acme"),
    ("other", SourceClass::Custodian, "other"),
    ("gossip", SourceClass::Aggregator, "other"),
];

#[derive(Clone, Debug)]
struct Row {
    code: EventCode,
    time: EventTime,
    reason: Option<ReasonCode>,
    retracted: bool,
    planned: bool,
    native_id: u8,
    at_origin: bool,
}

fn moment() -> impl Strategy<Value = Timestamp> {
    prop_oneof![
        8 => (0_i64..30).prop_map(|step| day(0) + hours(9 * step)),
        1 => Just(Timestamp::MIN),
        1 => Just(Timestamp::MAX),
    ]
}

fn time() -> impl Strategy<Value = EventTime> {
    (moment(), any::<bool>(), 0_i64..40).prop_map(|(at, resolved, slack)| {
        let mut time = known(at);
        if !resolved {
            let slack = hours(slack);
            time.instant = None;
            time.earliest = at.checked_sub(slack).unwrap_or(Timestamp::MIN);
            time.latest = at.checked_add(slack).unwrap_or(Timestamp::MAX);
        }
        time
    })
}

prop_compose! {
    fn row()(
        code in prop_oneof![
            9 => (0..EVENT_CODES.len()).prop_map(|at| EVENT_CODES[at].code),
            1 => any::<u16>().prop_map(EventCode),
        ],
        time in time(),
        reason in proptest::option::weighted(
            0.2,
            (0..REASON_CODES.len()).prop_map(|at| REASON_CODES[at].code),
        ),
        retracted in prop::bool::weighted(0.1),
        planned in prop::bool::weighted(0.1),
        native_id in 0_u8..12,
        at_origin in prop::bool::weighted(0.3),
    ) -> Row {
        Row { code, time, reason, retracted, planned, native_id, at_origin }
    }
}

prop_compose! {
    fn heard_once()(
        source in prop_oneof![3 => Just(0), 2 => Just(1), 1 => Just(2), 1 => Just(3)],
        rows in vec(row(), 0..9),
        facts in (0_i64..12, 0_i64..12, 0_u8..3),
        late in 0_i64..6,
    ) -> Heard {
        Heard { source, rows, facts, day: 3 * late }
    }
}

fn reports() -> impl Strategy<Value = Vec<Heard>> {
    vec(heard_once(), 1..5)
}

fn claim_of(row: &Row) -> Claim {
    let mut claim = claim(row.code, row.time.clone());
    claim.reason = row.reason;
    claim.retracted = row.retracted;
    if row.planned {
        claim.classifier = Classifier::Planned;
    }
    if row.native_id > 4 {
        claim.native_id = format!("evt-{}", row.native_id);
    }
    if row.at_origin {
        claim = place(claim, "DE");
    }
    claim
}

fn facts_of((promise, forecast, kind): (i64, i64, u8)) -> Facts {
    let facts = match kind {
        0 => lane("DE", "DE"),
        1 => lane("DE", "US"),
        _ => Facts::default(),
    };
    Facts {
        estimates: vec![
            estimate(EstimateKind::CarrierCommitment, day(promise)),
            estimate(EstimateKind::CarrierForecast, day(forecast)),
        ],
        requirements: Some(Box::new(Requirements {
            collect_by: format!("2026-03-{:02}", forecast + 1),
            ..Requirements::default()
        })),
        ..facts
    }
}

fn absorb<'a>(reports: impl IntoIterator<Item = &'a Heard>) -> Dossier {
    let mut dossier = dossier();
    for heard in reports {
        take(&mut dossier, heard, true);
    }
    dossier
}

fn take(dossier: &mut Dossier, heard: &Heard, complete: bool) -> Change {
    let claims = heard.rows.iter().map(claim_of).collect();
    let (source, class, carrier) = SOURCES[heard.source];
    let mut report = report(claims, facts_of(heard.facts));
    report.relays = carrier.to_owned();
    report.complete = complete;
    dossier.absorb(source, class, &report, day(heard.day))
}

/// In what two dossiers and their records differ, if they do.
fn difference(a: &Dossier, b: &Dossier, now: Timestamp) -> Option<&'static str> {
    if a != b {
        return Some("the dossiers");
    }
    let (a, b): (Shipment, Shipment) = (at(&a.record(), now), at(&b.record(), now));
    if a != b {
        return Some("the records");
    }
    (a.etag != b.etag).then_some("the etags")
}

/// Takes in one report as a node does that has heard nothing of the source before.
fn merged(known: &Dossier, heard: &Heard) -> Dossier {
    let mut all = known.clone();
    all.merge(absorb([heard]));
    all
}

proptest! {
    #[test]
    fn a_report_that_says_the_same_again_changes_what_it_says_it_changes(
        reports in reports(),
        again in vec((any::<prop::sample::Index>(), 0_i64..40), 1..6),
        complete in any::<bool>(),
        now in moment(),
    ) {
        let mut dossier = absorb(&reports);
        for (index, days) in again {
            let mut heard = reports[index.index(reports.len())].clone();
            heard.day = days;
            let expected = if complete { Some(merged(&dossier, &heard)) } else { None };
            let before = dossier.clone();
            let change = take(&mut dossier, &heard, complete);
            if let Some(expected) = expected {
                prop_assert_eq!(difference(&expected, &dossier, now), None);
            }
            if change == Change::Nothing {
                prop_assert!(before == dossier);
            }
            if change != Change::Content {
                let (old, old_next) = assess(before.record(), now);
                let (new, new_next) = assess(dossier.record(), now);
                prop_assert_eq!(old.etag, new.etag);
                prop_assert_eq!(old_next, new_next);
            }
        }
    }

    #[test]
    fn order_repetition_and_split_of_reports_do_not_matter(
        reports in reports(),
        order in any::<u64>(),
        repeated in any::<prop::sample::Index>(),
        cut in any::<prop::sample::Index>(),
        now in moment(),
    ) {
        let plain = absorb(&reports);
        let mut shuffled: Vec<&Heard> = reports.iter().collect();
        shuffled.push(&reports[repeated.index(reports.len())]);
        // Any permutation will do; this one follows from the number.
        let mut seed = order;
        for last in (1..shuffled.len()).rev() {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            shuffled.swap(last, (seed >> 33) as usize % (last + 1));
        }
        prop_assert_eq!(difference(&plain, &absorb(shuffled.iter().copied()), now), None);

        let (left, right) = shuffled.split_at(cut.index(shuffled.len()));
        let (left, right) = (absorb(left.iter().copied()), absorb(right.iter().copied()));
        let (mut forth, mut back) = (left.clone(), right.clone());
        forth.merge(right.clone());
        back.merge(left);
        prop_assert_eq!(difference(&plain, &forth, now), None);
        prop_assert_eq!(difference(&plain, &back, now), None);
        forth.merge(right);
        prop_assert_eq!(difference(&plain, &forth, now), None);
    }

    #[test]
    fn observations_can_be_stored_and_loaded_in_any_order(reports in reports(), now in moment()) {
        let plain = absorb(&reports);
        let (mut odd, mut even) = (dossier(), dossier());
        for (position, observation) in plain.observations.iter().enumerate().rev() {
            let half = if position % 2 == 0 { &mut even } else { &mut odd };
            half.observations.push(observation.clone());
        }
        even.facts.clone_from(&plain.facts);
        odd.merge(even);
        prop_assert_eq!(difference(&plain, &odd, now), None);
    }

    #[test]
    fn every_observation_is_in_one_event_and_the_order_is_total(reports in reports()) {
        let dossier = absorb(&reports);
        let record = dossier.record();
        let mut shown: Vec<_> = record
            .events
            .iter()
            .flat_map(|event| event.observations().map(|one| one.id))
            .collect();
        for event in &record.events {
            prop_assert!(event.observations().any(|one| one.id == event.id));
        }
        let mut kept: Vec<_> = dossier.observations.iter().map(|known| known.id).collect();
        shown.sort();
        kept.sort();
        prop_assert_eq!(shown, kept);
        // Resolved clocks are never out of order, whatever lies between them.
        let instants: Vec<Timestamp> =
            record.events.iter().filter_map(|event| event.time().instant).collect();
        prop_assert!(instants.is_sorted_by(|newer, older| newer >= older));
        prop_assert_eq!(
            record.status_event.is_some(),
            record.status != waybill_core::status::Status::Pending
        );
    }

    #[test]
    fn a_source_more_loses_no_event_and_a_source_less_leaves_what_the_others_say(
        reports in reports(),
        gone in 0_usize..SOURCES.len(),
        now in moment(),
    ) {
        let (gone, _, _) = SOURCES[gone];
        let others = absorb(reports.iter().filter(|heard| SOURCES[heard.source].0 != gone));
        let mut all = absorb(&reports);
        let record = all.record();
        for observation in &others.observations {
            let told = |event: &waybill_core::event::Event| {
                event.observations().any(|one| one.id == observation.id)
            };
            prop_assert_eq!(record.events.iter().filter(|event| told(event)).count(), 1);
        }
        all.observations.retain(|known| &*known.source != gone);
        all.facts.retain(|known| known.source != gone);
        prop_assert_eq!(difference(&others, &all, now), None);
    }

    #[test]
    fn the_clock_changes_the_record_when_it_said_it_would(reports in reports(), start in moment()) {
        // Each promise is checked on the way; every moment lies ahead of the one before.
        let moments = walk(&absorb(&reports).record(), start);
        prop_assert!(moments.first().is_none_or(|first| *first > start));
        prop_assert!(moments.is_sorted_by(|before, after| before < after));
    }

    #[test]
    fn a_revision_rises_exactly_with_the_etag(
        reports in reports(),
        first in moment(),
        wait in 0_i64..3000,
    ) {
        let record = absorb(&reports).record();
        let (old, _) = revise(None, at(&record, first), first);
        let now = first.checked_add(SignedDuration::from_hours(wait)).unwrap_or(Timestamp::MAX);
        let (new, changed) = revise(Some(&old), at(&record, now), now);
        prop_assert_eq!(changed, new.etag != old.etag);
        prop_assert_eq!(new.revision, old.revision + u32::from(changed));
        prop_assert!(new.events.iter().all(|event| event.revision == 1));
    }
}
