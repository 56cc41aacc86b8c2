//! When a shipment is asked about next.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use waybill_core::code::EventCode as E;
use waybill_core::poll::{Lane, Look, Next, Poll, Rhythm, Stop, heard as news_of, next_poll};
use waybill_core::shipment::{Facts, Shipment, ShipmentId};

use crate::support::*;

const FLAT: &Rhythm = &Rhythm::EMPTY;

fn look(now: Timestamp) -> Look<'static> {
    Look {
        now,
        heard: now,
        pushed: false,
        rhythm: FLAT,
        pace: 1.0,
    }
}

fn poll(record: &Shipment, look: &Look<'_>) -> Poll {
    match next_poll(record, look) {
        Next::Poll(poll) => poll,
        Next::Stop(stop) => panic!("stopped: {stop:?}"),
    }
}

fn hours_of(poll: Poll) -> f64 {
    poll.interval.as_secs_f64() / 3_600.0
}

#[test]
fn each_stage_has_its_interval_its_cap_and_its_lane() {
    let abroad = || lane("CN", "DE");
    for (codes, facts, first, cap, queue) in [
        (
            &[E::INFO_RECEIVED][..],
            Facts::default(),
            6.0,
            24.0,
            Lane::Normal,
        ),
        (&[E::IN_TRANSIT], Facts::default(), 6.0, 24.0, Lane::Normal),
        (
            &[E::DEPARTED_EXPORT_OFFICE],
            abroad(),
            12.0,
            24.0,
            Lane::Tail,
        ),
        (
            &[E::IMPORT_CUSTOMS_PRESENTED],
            Facts::default(),
            8.0,
            24.0,
            Lane::Normal,
        ),
        (
            &[E::OUT_FOR_DELIVERY],
            Facts::default(),
            0.5,
            2.0,
            Lane::Hot,
        ),
        (
            &[E::DELIVERY_ATTEMPTED],
            Facts::default(),
            4.0,
            8.0,
            Lane::Normal,
        ),
        (
            &[E::AVAILABLE_FOR_PICKUP],
            Facts::default(),
            8.0,
            24.0,
            Lane::Normal,
        ),
        (&[E::DELIVERED], Facts::default(), 24.0, 24.0, Lane::Tail),
    ] {
        let record = at(&heard(days(codes), facts).record(), day(0) + hours(1));
        let now = day(0) + hours(1);
        let fresh = poll(&record, &look(now));
        assert_eq!((hours_of(fresh), fresh.lane), (first, queue), "{codes:?}");
        let old = Look {
            heard: now - hours(1_000),
            ..look(now)
        };
        assert_eq!(hours_of(poll(&record, &old)), cap, "{codes:?}");
    }
}

/// Asking again and again without news takes 1.5 times as long each time.
#[test]
fn silence_stretches_the_interval_by_half_each_time() {
    let record = at(&record(days(&[E::IN_TRANSIT])), day(0));
    let mut now = day(0);
    let mut intervals = Vec::new();
    for _ in 0..6 {
        let next = poll(
            &record,
            &Look {
                heard: day(0),
                ..look(now)
            },
        );
        intervals.push(hours_of(next));
        now += SignedDuration::try_from(next.interval).unwrap();
    }
    assert_eq!(intervals, [6.0, 9.0, 13.5, 20.25, 24.0, 24.0]);
}

#[test]
fn what_is_at_risk_is_not_left_alone_for_long() {
    let record = record(days(&[E::IN_TRANSIT, E::HELD]));
    let now = day(1) + hours(60);
    let old = Look {
        heard: day(1),
        ..look(now)
    };
    assert_eq!(hours_of(poll(&at(&record, now), &old)), 8.0);
    // Silent beyond the norm: a problem, and far from news.
    let silent = at(&crate::support::record(days(&[E::IN_TRANSIT])), day(31));
    let next = poll(
        &silent,
        &Look {
            heard: day(0),
            ..look(day(31))
        },
    );
    assert_eq!((hours_of(next), next.lane), (8.0, Lane::Tail));
}

#[test]
fn what_is_pushed_is_polled_once_a_day_for_safety() {
    let record = at(&record(days(&[E::OUT_FOR_DELIVERY])), day(0));
    let next = poll(
        &record,
        &Look {
            pushed: true,
            ..look(day(0))
        },
    );
    assert_eq!((hours_of(next), next.lane), (24.0, Lane::Tail));
}

#[test]
fn a_class_paces_everything_within_bounds() {
    let record = at(&record(days(&[E::OUT_FOR_DELIVERY])), day(0));
    for (pace, minutes) in [(0.5, 15), (2.0, 60), (0.0, 5), (f64::NAN, 30), (1e9, 3_000)] {
        let next = poll(
            &record,
            &Look {
                pace,
                ..look(day(0))
            },
        );
        assert_eq!(next.interval, Duration::from_secs(minutes * 60), "{pace}");
    }
}

#[test]
fn it_stops_fifteen_days_after_the_end_and_thirty_beyond_the_norm() {
    let delivered = record(days(&[E::DELIVERED]));
    let almost = day(15) - SignedDuration::from_secs(1);
    assert!(matches!(
        next_poll(&at(&delivered, almost), &look(almost)),
        Next::Poll(_)
    ));
    assert_eq!(
        next_poll(&at(&delivered, day(15)), &look(day(15))),
        Next::Stop(Stop::Closed)
    );
    // Nothing is known of the lane: the norm is 30 days.
    let silent = record(days(&[E::IN_TRANSIT]));
    let almost = day(60) - SignedDuration::from_secs(1);
    assert!(matches!(
        next_poll(&at(&silent, almost), &look(almost)),
        Next::Poll(_)
    ));
    for pushed in [false, true] {
        let look = Look {
            pushed,
            ..look(day(60))
        };
        let next = next_poll(&at(&silent, day(60)), &look);
        assert_eq!(next, Next::Stop(Stop::Expired));
    }
}

#[test]
fn news_is_when_it_was_received_not_when_it_happened() {
    let record = record(days(&[E::IN_TRANSIT]));
    let received = record.events[0].ingest_time;
    assert_eq!(news_of(&record, received - hours(1)), received);
    assert_eq!(news_of(&record, received + hours(1)), received + hours(1));
}

fn id_of(number: u32) -> ShipmentId {
    ShipmentId(format!("{number:026}"))
}

#[test]
fn polls_of_many_part_and_are_the_same_everywhere() {
    let poll = Poll {
        interval: Duration::from_secs(6 * 3_600),
        lane: Lane::Normal,
    };
    let mut first = [0_u32; 24];
    let (mut least, mut most) = (f64::MAX, f64::MIN);
    for number in 0..24_000 {
        let id = id_of(number);
        let share = poll.first(&id).as_secs_f64() / poll.interval.as_secs_f64();
        assert!((0.0..1.0).contains(&share));
        let slot = (0..24).rfind(|slot| share * 24.0 >= f64::from(*slot));
        first[usize::try_from(slot.unwrap()).unwrap()] += 1;
        let moved = poll.after(&id, day(0)).as_secs_f64() / poll.interval.as_secs_f64();
        least = least.min(moved);
        most = most.max(moved);
        assert_eq!(poll.after(&id, day(0)), poll.after(&id, day(0)));
    }
    assert!(
        first.iter().all(|count| (900..=1_100).contains(count)),
        "{first:?}"
    );
    assert!((0.85..0.851).contains(&least) && (1.149..=1.15).contains(&most));
    let id = id_of(1);
    assert_ne!(poll.after(&id, day(0)), poll.after(&id, day(1)));
}

#[test]
fn polls_lie_where_the_carrier_scans() {
    let mut rhythm = Rhythm::EMPTY;
    for minute in 0..199 {
        rhythm.count(day(0) + SignedDuration::from_mins(minute));
    }
    let six = Duration::from_secs(6 * 3_600);
    let noon: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
    assert_eq!(rhythm.factor(noon, six), 1.0, "too little is known yet");
    let mut rhythm = Rhythm::EMPTY;
    // Scans from 06:00 to 12:00 only.
    for minute in 0..360 {
        rhythm.count(noon - SignedDuration::from_mins(minute + 1));
    }
    assert_eq!(
        rhythm.factor(noon - hours(6), six),
        0.85,
        "all scans lie in it"
    );
    assert_eq!(rhythm.factor(noon, six), 1.2, "none does");
    let half = rhythm.factor(noon - hours(3), Duration::from_secs(12 * 3_600));
    assert!((half - 1.0).abs() < 1e-9, "as many as usual: {half}");
    assert_eq!(rhythm.factor(noon, Duration::from_secs(24 * 3_600)), 1.0);
    // Old habits fade.
    for _ in 0..100_000 {
        rhythm.count(noon + hours(1));
    }
    assert_eq!(rhythm.factor(noon - hours(6), six), 1.2);
}
