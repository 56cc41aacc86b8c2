//! What a tenant does about an exception, and what the record makes of it.

use std::sync::Arc;

use jiff::Timestamp;
use waybill_core::code::EventCode as E;
use waybill_core::event::Claim;
use waybill_core::exception::Category::{Damage, Hold, Loss};
use waybill_core::kpi::{Metric, worked};
use waybill_core::overlay::{Activity, HISTORY, Overlay, Refusal, Step, is_evidence};
use waybill_core::privacy::Pii;
use waybill_core::shipment::{Facts, Shipment};

use crate::support::*;

fn step(activity: Activity, time: Timestamp) -> Step {
    Step {
        activity,
        time,
        actor: Pii::new("Ada".to_owned()),
        assignee: Pii::default(),
        comment: Pii::default(),
        request_id: String::new(),
    }
}

/// In transit, then damaged on the days with these numbers.
fn damaged(on: &[i64]) -> Vec<Claim> {
    let mut claims = vec![claim(E::IN_TRANSIT, known(day(0)))];
    claims.extend(
        on.iter()
            .map(|number| claim(E::DAMAGED, known(day(*number)))),
    );
    claims
}

fn assessed(claims: Vec<Claim>) -> Shipment {
    at(&record(claims), day(20))
}

fn id(record: &Shipment) -> String {
    only(record, Damage).id.to_string()
}

/// Takes steps one after the other, a minute apart, from day 5 on.
fn after(record: &Shipment, steps: &[Activity]) -> Overlay {
    let mut overlay = Overlay::default();
    for (activity, minute) in steps.iter().zip(0..) {
        let time = day(5) + jiff::SignedDuration::from_mins(minute);
        overlay = overlay
            .step(record, &id(record), step(*activity, time), None)
            .unwrap_or_else(|refusal| panic!("{activity:?}: {refusal:?}"));
    }
    overlay
}

#[test]
fn every_step_raises_the_revision_and_the_record_stays_what_it_is() {
    use Activity::*;
    let record = assessed(damaged(&[1]));
    let before = record.clone();
    let overlay = after(
        &record,
        &[Acknowledge, Resolve, Comment, Reopen, Acknowledge],
    );
    assert_eq!(overlay.revision, 5);
    let handling = overlay.handling(only(&record, Damage).id).unwrap();
    assert_eq!(handling.history.len(), 5);
    assert!(handling.resolved.is_none() && handling.acknowledged.is_some());
    assert!(record == before && record.etag == before.etag);
}

#[test]
fn a_step_that_does_not_fit_is_refused_and_says_why() {
    use Activity::*;
    let record = assessed(damaged(&[1]));
    let claims = [(E::IN_TRANSIT, 0), (E::HELD, 1), (E::RELEASED, 2)];
    let claims = claims.map(|(code, number)| claim(code, known(day(number))));
    let closed = at(&self::record(claims.to_vec()), day(3));
    let hold = only(&closed, Hold);
    assert!(hold.close_time.is_some());
    for (overlay, record, activity) in [
        (after(&record, &[]), &record, Reopen),
        (after(&record, &[Acknowledge]), &record, Acknowledge),
        (after(&record, &[Resolve]), &record, Resolve),
        (after(&record, &[Resolve]), &record, Acknowledge),
        (after(&record, &[]), &record, Assign),
    ] {
        let refused = overlay.step(record, &id(record), step(activity, day(6)), None);
        let refused = refused.err();
        assert!(matches!(refused, Some(Refusal::Unfit(_))), "{activity:?}");
    }
    let overlay = Overlay::default();
    let resolve = overlay.step(&closed, &hold.id.to_string(), step(Resolve, day(6)), None);
    assert!(matches!(resolve.err(), Some(Refusal::Unfit(_))));
    let note = overlay.step(&closed, &hold.id.to_string(), step(Comment, day(6)), None);
    assert!(note.is_ok(), "a note is always taken");
    let unknown = Overlay::default().step(&record, "0", step(Comment, day(6)), None);
    assert_eq!(unknown.err(), Some(Refusal::UnknownException));
}

#[test]
fn whoever_has_seen_an_older_overlay_is_told_so() {
    let record = assessed(damaged(&[1]));
    let overlay = after(&record, &[Activity::Acknowledge]);
    let resolve = |seen| {
        let resolve = step(Activity::Resolve, day(6));
        overlay.step(&record, &id(&record), resolve, seen)
    };
    assert_eq!(resolve(Some(0)).err(), Some(Refusal::Stale(1)));
    assert_eq!(resolve(Some(1)).ok().unwrap().revision, 2);
    assert_eq!(resolve(None).ok().unwrap().revision, 2);
}

#[test]
fn a_repeated_request_is_one_step_for_a_day() {
    let record = assessed(damaged(&[1]));
    let note = |time| Step {
        request_id: "r1".to_owned(),
        ..step(Activity::Comment, time)
    };
    let take = |overlay: &Overlay, time| {
        let taken = overlay.step(&record, &id(&record), note(time), Some(0));
        taken.ok().map(|overlay| overlay.revision)
    };
    let once = Overlay::default()
        .step(&record, &id(&record), note(day(5)), Some(0))
        .ok()
        .unwrap();
    assert_eq!(take(&once, day(5) + hours(23)), Some(1), "taken already");
    assert_eq!(take(&once, day(6)), None, "a new step, by an old overlay");
}

#[test]
fn closed_by_hand_stays_closed_until_a_later_event_of_the_same_kind() {
    let record = assessed(damaged(&[1]));
    let overlay = after(&record, &[Activity::Acknowledge, Activity::Resolve]);
    let exception = only(&record, Damage);
    assert!(!overlay.is_open(&exception));
    assert!(overlay.revised(&record).is_none(), "nothing new");

    // Heard of later, happened before.
    let earlier = assessed(damaged(&[1, 3]));
    let still = overlay.revised(&earlier);
    assert!(still.is_none_or(|one| !one.is_open(&only(&earlier, Damage))));

    let later = assessed(damaged(&[1, 9]));
    let again = overlay.revised(&later).expect("it opens again");
    let exception = only(&later, Damage);
    assert!(again.is_open(&exception));
    assert_eq!(again.revision, overlay.revision + 1);
    let handling = again.handling(exception.id).unwrap();
    let last = handling.history.last().unwrap();
    assert_eq!(last.activity, Activity::Reopen);
    assert_eq!(last.time, day(9));
    assert!(last.actor.reveal().is_empty(), "nobody did it");
    assert!(handling.acknowledged.is_none(), "nobody has seen it again");
    assert!(again.revised(&later).is_none(), "once");
}

#[test]
fn work_is_found_again_when_an_older_event_gives_the_exception_another_id() {
    let record = assessed(damaged(&[3]));
    let overlay = after(&record, &[Activity::Acknowledge, Activity::Resolve]);
    let older = assessed(damaged(&[1, 3]));
    assert_ne!(id(&record), id(&older));
    let moved = overlay.revised(&older).expect("it moves");
    assert!(moved.handling(only(&older, Damage).id).is_some());
    assert!(!moved.is_open(&only(&older, Damage)));
}

#[test]
fn the_newest_fifty_steps_are_kept_and_what_they_came_to_stays() {
    let record = assessed(damaged(&[1]));
    let mut steps = vec![Activity::Acknowledge];
    steps.extend([Activity::Comment; HISTORY]);
    let overlay = after(&record, &steps);
    let handling = overlay.handling(only(&record, Damage).id).unwrap();
    assert_eq!(handling.history.len(), HISTORY);
    assert_eq!(handling.history[0].activity, Activity::Comment);
    assert!(handling.acknowledged.is_some());
}

#[test]
fn evidence_is_kept_while_a_loss_or_damage_is_open_for_anybody() {
    let record = assessed(damaged(&[1]));
    let done = Arc::new(after(&record, &[Activity::Resolve]));
    let seen = Arc::new(after(&record, &[Activity::Acknowledge]));
    let nobody: [Arc<Overlay>; 0] = [];
    assert!(is_evidence(&record, &nobody), "nobody has touched it");
    assert!(!is_evidence(&record, &[Arc::clone(&done)]));
    assert!(
        is_evidence(&record, &[Arc::clone(&done), seen]),
        "one tenant is at it"
    );
    let lost = at(&self::record(vec![claim(E::LOST, known(day(1)))]), day(3));
    assert_eq!(of(&lost, Loss).count(), 1);
    assert!(is_evidence(&lost, &nobody));
    let fine = assessed(vec![claim(E::IN_TRANSIT, known(day(19)))]);
    assert!(!is_evidence(&fine, &nobody));
}

#[test]
fn time_to_acknowledge_and_to_resolve_are_measured_from_the_opening() {
    let facts = lane("CN", "DE");
    let record = at(&heard(damaged(&[1]), Facts { ..facts }).record(), day(20));
    let exception = only(&record, Damage);
    let lane = waybill_core::kpi::lane_of(&record);
    let measure = |overlay: &Overlay| {
        worked(&record, overlay, exception.id, &lane, "shop").map(|sample| {
            assert_eq!(sample.lane, "CN-DE");
            assert_eq!(sample.carrier, record.carrier);
            assert_eq!(sample.last, "DAMAGE");
            assert!(!sample.service.is_empty());
            (sample.metric, sample.value)
        })
    };
    let day = 86_400.0;
    let seen = measure(&after(&record, &[Activity::Acknowledge])).unwrap();
    assert_eq!(seen, (Metric::TimeToAcknowledge, 4.0 * day));
    let done = measure(&after(&record, &[Activity::Acknowledge, Activity::Resolve])).unwrap();
    assert_eq!(done, (Metric::TimeToResolve, 4.0 * day + 60.0));
    assert_eq!(measure(&after(&record, &[Activity::Comment])), None);
    use Activity::{Reopen, Resolve};
    let again = measure(&after(&record, &[Resolve, Reopen, Resolve])).unwrap();
    assert_eq!(
        again,
        (Metric::TimeToResolve, 60.0),
        "since it opened again"
    );
}
