//! What time alone changes, and the promise of when.

use jiff::Timestamp;
use waybill_core::assess::assess;
use waybill_core::code::EventCode as E;
use waybill_core::exception::Category::*;
use waybill_core::exception::{NextAction, Responsibility};
use waybill_core::lane::SilenceReason;
use waybill_core::shipment::{EstimateKind, Facts, Requirements, Shipment, TrackingState::*};
use waybill_core::status::Severity::{Critical, Warning};

use crate::support::*;

/// Walks from change to change and checks each promise: nothing changes before, something does
/// then. Returns the moments.
pub(crate) fn walk(record: &Shipment, start: Timestamp) -> Vec<Timestamp> {
    let mut changes = Vec::new();
    let (mut before, mut next) = assess(record.clone(), start);
    while let Some(moment) = next {
        let since = changes.last().copied().unwrap_or(start);
        assert!(moment > since, "the next change lies ahead");
        let just_before = moment - jiff::SignedDuration::from_nanos(1);
        for quiet in [since, just_before] {
            let (still, promise) = assess(record.clone(), quiet);
            assert!(still == before, "a change before {moment}");
            assert_eq!(promise, next);
        }
        let (after, promise) = assess(record.clone(), moment);
        assert_ne!(after.etag, before.etag, "no change at {moment}");
        changes.push(moment);
        (before, next) = (after, promise);
        assert!(changes.len() < 100, "it never ends");
    }
    let (last, _) = assess(record.clone(), Timestamp::MAX);
    assert!(last == before, "a change that was not announced");
    changes
}

#[test]
fn silence_follows_the_lane() {
    let round = &[E::IN_TRANSIT, E::OUT_FOR_DELIVERY][..];
    let transit = &[E::IN_TRANSIT][..];
    let announced = &[E::INFO_RECEIVED][..];
    let departed = &[E::DEPARTED_EXPORT_OFFICE][..];
    let flown = &[E::TRANSPORT_DEPARTED][..];
    let arrived = &[E::DEPARTED_EXPORT_OFFICE, E::ARRIVED_AT_IMPORT_OFFICE][..];
    let landed = &[E::TRANSPORT_DEPARTED, E::TRANSPORT_ARRIVED][..];
    let by = |service: &str| Facts {
        service: service.to_owned(),
        ..lane("PL", "DE")
    };
    // From China in the weeks around its New Year every norm is half as long again.
    let peak = |service: &str| Facts {
        service: service.to_owned(),
        ..lane("CN", "DE")
    };
    use SilenceReason::{Air, LaneNorm, Peak, Sea};
    for (codes, facts, norm, reason) in [
        (round, lane("PL", "DE"), 72, None),
        (announced, lane("PL", "DE"), 120, None),
        (announced, Facts::default(), 120, None),
        (transit, lane("DE", "DE"), 168, None),
        (departed, lane("DE", "DE"), 168, None),
        (transit, by("Express Worldwide"), 168, None),
        (transit, lane("PL", "DE"), 336, None),
        (arrived, lane("PL", "DE"), 336, None),
        (landed, by("Sea Freight"), 336, None),
        (departed, by("Air Economy"), 336, Some(Air)),
        (flown, by("Priority Air"), 336, Some(Air)),
        (departed, lane("PL", "DE"), 720, Some(LaneNorm)),
        (departed, by("AliExpress Standard"), 720, Some(LaneNorm)),
        (departed, by("Express Mail Service"), 336, Some(Air)),
        (departed, Facts::default(), 720, Some(LaneNorm)),
        (departed, by("Sea Freight"), 1440, Some(Sea)),
        (flown, by("海运专线"), 1440, Some(Sea)),
        (arrived, Facts::default(), 720, None),
        (transit, Facts::default(), 720, None),
        (round, peak(""), 108, None),
        (transit, peak("Express"), 252, None),
        (departed, peak("Air Economy"), 504, Some(Peak)),
        (departed, peak("Sea Freight"), 2160, Some(Sea)),
    ] {
        let record = heard(days(codes), facts).record();
        let last = i64::try_from(codes.len()).unwrap() - 1;
        let expected = [norm, 2 * norm, norm + 30 * 24].map(|after| day(last) + hours(after));
        let mut changes = walk(&record, day(last));
        let mut sorted = expected.to_vec();
        sorted.sort();
        sorted.dedup();
        assert_eq!(changes, sorted, "{codes:?}");

        let inside = at(&record, expected[0] - hours(1));
        assert_eq!((inside.exceptions.len(), inside.tracking), (0, Active));
        let silence = inside
            .silence
            .map(|silence| (silence.until, silence.reason));
        assert_eq!(
            silence,
            reason.map(|reason| (expected[0], reason)),
            "{codes:?}"
        );
        let beyond = at(&record, expected[0]);
        let one = only(&beyond, NoUpdate);
        // What was announced and never seen is the shipper's to hand over.
        let (owner, more) = if codes == announced {
            (Responsibility::Shipper, Some(NextAction::ReshipOrRefund))
        } else {
            (Responsibility::Carrier, None)
        };
        assert_eq!(
            (one.severity, one.derived, one.owner, one.next_action),
            (Warning, true, owner, NextAction::ContactCarrier)
        );
        assert_eq!(one.open_time, expected[0]);
        assert_eq!(beyond.silence, None);
        assert_eq!(one.alternatives, []);
        assert_eq!(
            (beyond.tracking, beyond.attention),
            (Dormant, Some(Warning))
        );
        let twice = only(&at(&record, expected[1]), NoUpdate);
        assert_eq!(twice.severity, Critical);
        let help = [Some(NextAction::OpenInvestigation), more];
        let help: Vec<_> = help.into_iter().flatten().collect();
        assert_eq!(twice.alternatives, help);
        assert_eq!(twice.id, one.id);
        changes.reverse();
        assert_eq!(at(&record, expected[2]).tracking, Expired);
        assert_eq!(at(&record, expected[2]).status, record.status);
    }
}

#[test]
fn what_waits_to_be_collected_is_silent_by_nature() {
    let record = heard(
        days(&[E::IN_TRANSIT, E::AVAILABLE_FOR_PICKUP]),
        lane("DE", "DE"),
    )
    .record();
    // No exception ever; but a month is the longest wait, and a month later nobody looks any more.
    assert_eq!(walk(&record, day(1)), [day(31), day(61)]);
    let given_up = at(&record, day(61));
    assert_eq!((given_up.tracking, given_up.exceptions.len()), (Expired, 0));
}

#[test]
fn a_parcel_of_sixty_days_at_sea_is_neither_blamed_nor_given_up() {
    let claims = vec![
        claim(E::ACCEPTED, known(day(0))),
        claim(E::TRANSPORT_DEPARTED, known(day(4))),
    ];
    let facts = Facts {
        service: "Ocean Economy".to_owned(),
        ..lane("VN", "US")
    };
    let record = heard(claims, facts).record();
    let late = at(&record, day(60));
    assert_eq!((late.exceptions.len(), late.tracking), (0, Active));
    assert!(late.silence.is_some_and(|silence| silence.until > day(60)));
}

#[test]
fn a_silence_that_ended_stays_on_record() {
    let claims = vec![
        claim(E::IN_TRANSIT, known(day(0))),
        claim(E::IN_TRANSIT, known(day(10))),
    ];
    let record = heard(claims, lane("DE", "DE")).record();
    let one = only(&at(&record, day(10)), NoUpdate);
    assert_eq!((one.open_time, one.close_time), (day(7), Some(day(10))));
    assert_eq!(one.severity, Warning);
    assert_eq!(one.event_ids, [id(&record, 0), id(&record, 1)]);
}

#[test]
fn nobody_is_accused_before_the_first_event_or_after_the_last() {
    let empty = record(Vec::new());
    assert_eq!(walk(&empty, day(0)), []);
    assert_eq!(at(&empty, day(1000)).tracking, Active);

    let delivered = record(days(&[E::DELIVERED]));
    assert_eq!(walk(&delivered, day(0)), [day(15)]);
    let closed = at(&delivered, day(15));
    assert_eq!((closed.tracking, closed.exceptions.len()), (Closed, 0));
}

#[test]
fn an_unknown_clock_counts_as_late_as_it_can_be() {
    let record = heard(
        vec![claim(E::IN_TRANSIT, unknown("2026-03-01T12:00:00"))],
        lane("DE", "DE"),
    )
    .record();
    assert_eq!(walk(&record, day(0))[0], day(7) + hours(12));
}

#[test]
fn warnings_become_critical_when_they_stay_open() {
    for (code, category, after) in [
        (E::HELD, Hold, 7),
        (E::DELAYED, Delay, 7),
        (E::MISROUTED, Routing, 7),
        (E::EXCEPTION, Other, 7),
        (E::DELIVERY_ATTEMPTED, FailedDelivery, 7),
        (E::IMPORT_CUSTOMS_HELD, Customs, 5),
    ] {
        let record = record(days(&[E::IN_TRANSIT, code]));
        assert_eq!(walk(&record, day(1))[0], day(1 + after), "{category:?}");
        let one = only(&at(&record, day(1 + after)), category);
        assert_eq!((one.severity, one.open_time), (Critical, day(1)));
    }
    let moving = record(days(&[E::RETURN_IN_TRANSIT]));
    assert_eq!(only(&at(&moving, day(20)), Return).severity, Warning);
}

#[test]
fn what_closed_as_a_warning_stays_one() {
    let claims = vec![
        claim(E::HELD, known(day(0))),
        claim(E::IN_TRANSIT, known(day(6))),
    ];
    assert_eq!(only(&at(&record(claims), day(20)), Hold).severity, Warning);
}

#[test]
fn customs_that_never_answers_is_an_exception_of_its_own() {
    let mut claims = days(&[E::IMPORT_CUSTOMS_PRESENTED]);
    let waiting = record(claims.clone());
    let changes = walk(&waiting, day(0));
    assert_eq!(changes[..2], [day(5), day(10)]);
    let one = only(&at(&waiting, day(5)), Customs);
    assert_eq!(
        (one.severity, one.owner, one.derived),
        (Warning, Responsibility::Authority, true)
    );
    assert_eq!(only(&at(&waiting, day(10)), Customs).severity, Critical);

    claims.push(claim(E::IMPORT_CUSTOMS_RELEASED, known(day(6))));
    assert_eq!(
        only(&at(&record(claims.clone()), day(6)), Customs).close_time,
        Some(day(6))
    );
    claims[1].time = known(day(4));
    assert_eq!(of(&at(&record(claims), day(20)), Customs).count(), 0);
}

#[test]
fn damage_and_missing_contents_close_with_the_period_for_claims() {
    for code in [E::DAMAGED, E::CONTENTS_MISSING] {
        let record = record(days(&[code, E::DELIVERED]));
        assert_eq!(walk(&record, day(1)), [day(16), day(31)]);
        let closed = at(&record, day(31));
        assert_eq!(closed.exceptions[0].close_time, Some(day(31)));
        assert_eq!(closed.attention, None);
    }
    let undelivered = record(days(&[E::DAMAGED]));
    assert_eq!(only(&at(&undelivered, day(200)), Damage).close_time, None);
}

#[test]
fn the_end_of_storage_makes_collecting_urgent() {
    let facts = || Facts {
        requirements: Some(Box::new(Requirements {
            collect_by: "2026-03-10".to_owned(),
            ..Requirements::default()
        })),
        ..Facts::default()
    };
    let mut claims = days(&[E::AVAILABLE_FOR_PICKUP]);
    let waiting = heard(claims.clone(), facts()).record();
    let urgent = ts("2026-03-09T00:00:00Z");
    assert_eq!(walk(&waiting, day(0))[0], urgent);
    let one = only(&at(&waiting, urgent), RefusedOrUnclaimed);
    assert_eq!(
        (one.severity, one.owner, one.next_action),
        (Critical, Responsibility::Recipient, NextAction::Collect)
    );
    assert_eq!(one.due_time, Some(ts("2026-03-11T00:00:00Z")));
    assert_eq!(one.event_ids, [id(&waiting, 0)]);
    assert!(one.derived);

    claims.push(claim(E::COLLECTED_BY_RECIPIENT, known(day(5))));
    let collected = heard(claims.clone(), facts()).record();
    assert_eq!(of(&at(&collected, day(20)), RefusedOrUnclaimed).count(), 0);
    claims[1].time = known(day(9));
    let collected = heard(claims, facts()).record();
    assert_eq!(
        only(&at(&collected, day(20)), RefusedOrUnclaimed).close_time,
        Some(day(9))
    );
}

fn promised(forecast: i64, claims: &[E]) -> waybill_core::reconcile::Dossier {
    let mut dossier = dossier();
    let facts = Facts {
        estimates: vec![
            estimate(EstimateKind::CarrierCommitment, day(5)),
            estimate(EstimateKind::CarrierForecast, day(forecast)),
        ],
        ..lane("DE", "DE")
    };
    let report = report(days(claims), facts);
    dossier.absorb(
        "acme",
        waybill_core::event::SourceClass::Custodian,
        &report,
        day(2),
    );
    dossier
}

#[test]
fn a_forecast_beyond_the_commitment_is_a_delay() {
    let late = promised(6, &[E::IN_TRANSIT]).record();
    let one = only(&at(&late, day(2)), Delay);
    assert_eq!(
        (one.severity, one.derived, one.open_time),
        (Warning, true, day(2))
    );
    let in_time = promised(5, &[E::IN_TRANSIT]).record();
    assert_eq!(of(&at(&in_time, day(5)), Delay).count(), 0);
}

#[test]
fn a_window_that_passes_without_delivery_is_a_delay() {
    let waiting = promised(4, &[E::IN_TRANSIT]).record();
    let passed = day(4) + jiff::SignedDuration::from_secs(1);
    assert_eq!(walk(&waiting, day(2))[0], passed);
    assert_eq!(only(&at(&waiting, passed), Delay).close_time, None);

    let delivered = promised(4, &[E::IN_TRANSIT, E::DELIVERED]).record();
    assert_eq!(of(&at(&delivered, day(20)), Delay).count(), 0);
}

#[test]
fn what_the_carrier_says_itself_takes_the_place_of_what_was_derived() {
    let said = promised(1, &[E::IN_TRANSIT, E::IN_TRANSIT, E::DELAYED]).record();
    let assessed = at(&said, day(3));
    let delays: Vec<_> = of(&assessed, Delay)
        .map(|one| (one.derived, one.close_time))
        .collect();
    assert_eq!(delays, [(false, None), (true, Some(day(2)))]);
}

#[test]
fn a_repeated_forecast_is_no_news() {
    let mut dossier = promised(6, &[E::IN_TRANSIT]);
    let first = at(&dossier.record(), day(3));
    let again = report(
        days(&[E::IN_TRANSIT]),
        Facts {
            estimates: vec![
                estimate(EstimateKind::CarrierCommitment, day(5)),
                estimate(EstimateKind::CarrierForecast, day(6)),
            ],
            ..lane("DE", "DE")
        },
    );
    dossier.absorb(
        "acme",
        waybill_core::event::SourceClass::Custodian,
        &again,
        day(3),
    );
    let second = at(&dossier.record(), day(3));
    assert_eq!(only(&second, Delay).open_time, day(2));
    assert_eq!(second.etag, first.etag);
}

#[test]
fn a_new_forecast_within_the_commitment_closes_the_delay() {
    let late = promised(6, &[E::IN_TRANSIT, E::DELAYED, E::ESTIMATE_UPDATED]).record();
    assert!(of(&at(&late, day(2)), Delay).all(|one| one.close_time.is_none()));
    let again = promised(5, &[E::IN_TRANSIT, E::DELAYED, E::ESTIMATE_UPDATED]).record();
    assert_eq!(only(&at(&again, day(2)), Delay).close_time, Some(day(2)));
}

#[test]
fn assessing_again_forgets_the_earlier_moment() {
    let record = heard(days(&[E::IN_TRANSIT]), lane("DE", "DE")).record();
    let late = at(&record, day(50));
    assert!(at(&late, day(1)) == at(&record, day(1)));
}
