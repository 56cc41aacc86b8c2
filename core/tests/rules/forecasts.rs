//! Our own expectation of delivery: when there is one, how wide it is, and what it learns from.

use jiff::{SignedDuration, Timestamp};
use proptest::collection::vec;
use proptest::prelude::*;
use waybill_core::code::EventCode as E;
use waybill_core::event::SourceClass;
use waybill_core::exception::Category;
use waybill_core::forecast::{Basis, Forecast, LEAST_DELIVERIES, LEAST_LONGER, Times, forecast};
use waybill_core::kpi::figures::Figures;
use waybill_core::kpi::history::HISTORY_DAYS;
use waybill_core::kpi::{Change, Metric, Sample};
use waybill_core::shipment::{EstimateKind, Facts, LocalWindow, Shipment};
use waybill_core::status::Status;
use waybill_core::time::{Clues, parse_iso, resolve};

use crate::support::*;

const HOUR: f64 = 3_600.0;

/// Accepted on day 1 and on its way from China to Germany, which has one clock.
fn under_way() -> Shipment {
    moving(vec![], lane("CN", "DE"))
}

fn moving(further: Vec<waybill_core::event::Claim>, facts: Facts) -> Shipment {
    let mut claims = vec![
        claim(E::LABEL_CREATED, known(day(0))),
        claim(E::PICKED_UP, known(day(1))),
        claim(E::DEPARTED_FACILITY, known(day(1) + hours(5))),
    ];
    claims.extend(further);
    let facts = Facts {
        service: "Express".to_owned(),
        ..facts
    };
    heard(claims, facts).record()
}

/// As many deliveries for each of these hours.
fn hours_each(hours: impl IntoIterator<Item = u32>, count: u64) -> Times {
    let times = hours.into_iter();
    Times::new(
        times
            .map(|hours| (f64::from(hours) * HOUR, count))
            .collect(),
    )
}

/// A forecast from the same deliveries for every group.
fn made(record: &Shipment, times: &Times, now: Timestamp) -> Option<Forecast> {
    forecast(record, |_| times.clone(), now)
}

fn width(forecast: &Forecast) -> SignedDuration {
    forecast.end.duration_since(forecast.start)
}

#[test]
fn eight_of_ten_deliveries_fall_into_the_window() {
    let times = hours_each(1..=100, 1);
    let found = made(&under_way(), &times, day(1)).unwrap();
    assert_eq!(found.start, day(1) + hours(10));
    assert_eq!(found.end, day(1) + hours(90));
    assert_eq!((found.delivery_count, found.basis), (100, Basis::Service));
    // After half of the time the rest is spread over the other half.
    let later = made(&under_way(), &times, day(1) + hours(50)).unwrap();
    assert_eq!(later.start, day(1) + hours(55));
    assert_eq!(later.end, day(1) + hours(95));
    assert_eq!(later.delivery_count, 50);
}

#[test]
fn the_window_is_on_the_clock_of_the_destination() {
    let times = hours_each([30, 60], 40);
    let found = made(&under_way(), &times, day(1)).unwrap();
    let LocalWindow { start, end } = found.window;
    let (start, end) = (start.unwrap(), end.unwrap());
    assert_eq!(
        (start.instant, end.instant),
        (Some(found.start), Some(found.end))
    );
    assert_eq!(start.zone, "Europe/Berlin");
    assert_eq!(start.local.to_string(), "2026-03-03T19:00:00");
    // A country of several clocks says nothing of the hour.
    let record = moving(vec![], lane("CN", "US"));
    let found = made(&record, &times, day(1)).unwrap();
    let start = found.window.start.unwrap();
    assert_eq!((start.offset, &*start.zone), (Some(0), ""));
}

#[test]
fn too_few_deliveries_say_nothing() {
    let record = under_way();
    let least = |count| made(&record, &hours_each([100], count), day(1));
    assert_eq!(least(LEAST_DELIVERIES - 1), None);
    assert_eq!(
        least(LEAST_DELIVERIES).unwrap().delivery_count,
        LEAST_DELIVERIES
    );
    // Nearly all were faster than this one: the few others are no rule.
    let late = |count| {
        let times = [(50.0 * HOUR, 500), (100.0 * HOUR, count)];
        made(&record, &Times::new(times.to_vec()), day(1) + hours(60))
    };
    assert_eq!(late(LEAST_LONGER - 1), None);
    assert_eq!(late(LEAST_LONGER).unwrap().delivery_count, LEAST_LONGER);
}

#[test]
fn the_narrowest_group_that_is_large_enough_speaks() {
    let record = under_way();
    let of = |service, carrier, all| {
        let count = |basis| match basis {
            Basis::Service => service,
            Basis::Carrier => carrier,
            Basis::Lane => all,
        };
        let times = |basis| hours_each([100 * basis as u32], count(basis));
        let found = forecast(&record, times, day(1));
        found.map(|found| {
            (
                found.basis,
                found.end == day(1) + hours(100 * found.basis as i64),
            )
        })
    };
    assert_eq!(of(30, 60, 90), Some((Basis::Service, true)));
    assert_eq!(of(29, 60, 90), Some((Basis::Carrier, true)));
    assert_eq!(of(29, 29, 90), Some((Basis::Lane, true)));
    assert_eq!(of(29, 29, 29), None);
    // Who is later than nearly all of its own kind is not measured by slower ones.
    let times = |basis| match basis {
        Basis::Service => hours_each([10], 100),
        _ => hours_each([1_000], 100),
    };
    assert_eq!(forecast(&record, times, day(1) + hours(20)), None);
}

#[test]
fn a_source_that_says_when_it_comes_is_believed_until_it_was_wrong() {
    let times = hours_each(100..=300, 1);
    for kind in [
        EstimateKind::CarrierForecast,
        EstimateKind::CarrierCommitment,
        EstimateKind::AggregatorForecast,
    ] {
        let facts = Facts {
            estimates: vec![estimate(kind, day(4))],
            ..lane("CN", "DE")
        };
        let record = moving(vec![], facts);
        assert_eq!(made(&record, &times, day(4)), None, "{kind:?}");
        assert!(
            made(&record, &times, day(4) + hours(1)).is_some(),
            "{kind:?}"
        );
    }
    // A mere day has passed when it is over wherever it may be.
    let date = resolve(parse_iso("2026-03-05").unwrap(), Clues::default());
    let mut day_only = estimate(EstimateKind::CarrierForecast, day(4));
    day_only.window = LocalWindow {
        start: Some(date),
        end: None,
    };
    let facts = Facts {
        estimates: vec![day_only],
        ..lane("CN", "DE")
    };
    let record = moving(vec![], facts);
    assert_eq!(made(&record, &times, day(4) + hours(20)), None);
    assert!(made(&record, &times, day(5) + hours(1)).is_some());
}

#[test]
fn only_a_parcel_on_its_way_with_a_known_start_has_a_forecast() {
    let times = hours_each(100..=300, 1);
    let shown = |record: &Shipment, now| made(&at(record, now), &times, now).is_some();
    let now = day(3);
    assert!(shown(&under_way(), now));
    for code in [
        E::OUT_FOR_DELIVERY,
        E::DELIVERED,
        E::AVAILABLE_FOR_PICKUP,
        E::RETURN_INITIATED,
        E::RETURNED_TO_SENDER,
        E::LOST,
    ] {
        let record = moving(vec![claim(code, known(day(2)))], lane("CN", "DE"));
        assert_ne!(record.status, Status::InTransit, "{code:?}");
        assert!(!shown(&record, now), "{code:?}");
    }
    // Announced only, and picked up on a day without an hour.
    let announced = record(vec![claim(E::LABEL_CREATED, known(day(0)))]);
    assert!(!shown(&announced, now));
    let date = resolve(parse_iso("2026-03-02").unwrap(), Clues::default());
    let vague = record(vec![claim(E::PICKED_UP, date)]);
    assert_eq!(vague.status, Status::InTransit);
    assert!(!shown(&vague, now));
    // What is gravely wrong with it did not happen to the others.
    let damaged = claim(E::DAMAGED, known(day(2)));
    let damaged = moving(vec![damaged], lane("CN", "DE"));
    assert!(of(&at(&damaged, now), Category::Damage).next().is_some());
    assert!(!shown(&damaged, now));
    // Nor did the others fall silent for months.
    let late = hours_each([24 * 400], 40);
    let expired = at(&under_way(), day(200));
    assert_eq!(made(&expired, &late, day(200)), None);
}

#[test]
fn nobody_is_late_because_our_forecast_was_wrong() {
    let times = hours_each([50, 60], 40);
    let forecast = made(&under_way(), &times, day(1)).unwrap();
    let after = at(&under_way(), forecast.end + hours(1));
    assert!(after.exceptions.is_empty(), "{:?}", after.exceptions);
}

proptest! {
    #[test]
    fn a_window_is_ordered_and_never_in_the_past(
        times in vec((0.0..1_000.0_f64, 1_u64..50), 1..60),
        so_far in 0_i64..900,
        further in 0_i64..300,
    ) {
        let times = Times::new(times.iter().map(|(hours, count)| (hours * HOUR, *count)).collect());
        let record = under_way();
        let (now, later) = (day(1) + hours(so_far), day(1) + hours(so_far + further));
        for percent in 1..100 {
            prop_assert!(times.quantile(percent) <= times.quantile(percent + 1));
        }
        let Some(found) = made(&record, &times, now) else { return Ok(()) };
        prop_assert!(now <= found.start && found.start <= found.end);
        prop_assert!(found.delivery_count <= times.count());
        // As time passes both ends move away, and there is ever less to learn from.
        if let Some(next) = made(&record, &times, later) {
            prop_assert!(found.start <= next.start && found.end <= next.end);
            prop_assert!(next.delivery_count <= found.delivery_count);
        }
    }

    #[test]
    fn more_of_the_same_changes_nothing_but_the_count(
        times in vec((1.0..1_000.0_f64, 10_u64..50), 3..40),
        factor in 2_u64..6,
    ) {
        let of = |factor| {
            let times = times.iter();
            Times::new(times.map(|(hours, count)| (hours * HOUR, count * 10 * factor)).collect())
        };
        let record = under_way();
        let (one, more) = (made(&record, &of(1), day(1)), made(&record, &of(factor), day(1)));
        let (one, more) = (one.unwrap(), more.unwrap());
        prop_assert_eq!((one.start, one.end), (more.start, more.end));
        prop_assert_eq!(more.delivery_count, one.delivery_count * factor);
    }

    #[test]
    fn what_is_spread_evenly_gets_narrower_as_time_passes(
        first in 1_u32..200, count in 30_u32..400, step in 0_i64..400,
    ) {
        let times = hours_each(first..first + count, 3);
        let record = under_way();
        let at = |passed| made(&record, &times, day(1) + hours(passed));
        if let (Some(before), Some(after)) = (at(step), at(step + 1)) {
            // An hour for the steps of the history.
            prop_assert!(width(&after) <= width(&before) + hours(1));
        }
        let (Some(begin), Some(late)) = (at(0), at(i64::from(first + count / 2))) else {
            return Ok(());
        };
        prop_assert!(width(&late) < width(&begin));
    }
}

#[test]
fn a_known_service_narrows_what_the_lane_says() {
    let (fast, slow) = (hours_each(40..=60, 5), hours_each(200..=300, 5));
    let record = under_way();
    let both = hours_each((40..=60).chain(200..=300), 5);
    let lane_only = |basis| {
        if basis == Basis::Lane {
            both.clone()
        } else {
            Times::default()
        }
    };
    let wide = forecast(&record, lane_only, day(1)).unwrap();
    for own in [fast, slow] {
        let times = |basis| {
            if basis == Basis::Service {
                own.clone()
            } else {
                both.clone()
            }
        };
        assert!(width(&forecast(&record, times, day(1)).unwrap()) < width(&wide));
    }
}

fn delivery(carrier: &'static str, service: &'static str, number: i64) -> Sample<'static> {
    Sample {
        metric: Metric::TransitTime,
        carrier,
        service,
        lane: "CN-DE",
        last: "".into(),
        tenant: "",
        value: 100.0 * HOUR,
        time: day(number),
    }
}

const ROOMY: usize = 64 << 20;

/// Deliveries by group of the record that all of these tests have.
fn counts(figures: &Figures) -> [u64; 3] {
    let record = under_way();
    Basis::ALL.map(|basis| figures.history().times(&record, basis).count())
}

#[test]
fn the_history_follows_the_figures() {
    let mut figures = Figures::new(ROOMY);
    let mut tell = |carrier, service, number, change| {
        figures.count(&delivery(carrier, service, number), change, day(number));
        counts(&figures)
    };
    assert_eq!(tell("acme", "Express", 1, Change::Add), [1, 1, 1]);
    assert_eq!(tell("acme", "Express", 2, Change::Add), [2, 2, 2]);
    assert_eq!(tell("acme", "Other", 2, Change::Add), [2, 3, 3]);
    assert_eq!(tell("acme", "", 2, Change::Add), [2, 4, 4]);
    assert_eq!(tell("other", "Express", 3, Change::Add), [2, 4, 5]);
    assert_eq!(tell("acme", "Express", 1, Change::Take), [1, 3, 4]);
    // What was never counted is not taken back from others.
    assert_eq!(tell("acme", "Express", 1, Change::Take), [1, 3, 4]);
    let mut nowhere = delivery("acme", "Express", 3);
    nowhere.lane = "";
    figures.count(&nowhere, Change::Add, day(3));
    assert_eq!(counts(&figures), [1, 3, 4]);
    let times = figures.history().times(&under_way(), Basis::Lane);
    let median = times.quantile(50).unwrap();
    assert!((median - 100.0 * HOUR).abs() < HOUR, "{median}");
}

#[test]
fn the_history_forgets_what_is_older_than_a_quarter() {
    let mut figures = Figures::new(ROOMY);
    let days = i64::from(HISTORY_DAYS);
    for number in 0..days {
        figures.count(
            &delivery("acme", "Express", number),
            Change::Add,
            day(number),
        );
    }
    assert_eq!(counts(&figures), [90; 3]);
    let today = day(days + 9);
    figures.count(&delivery("acme", "Express", days + 9), Change::Add, today);
    assert_eq!(counts(&figures), [81; 3]);
    // Old news neither come in nor go out.
    figures.count(&delivery("acme", "Express", 2), Change::Add, today);
    figures.count(&delivery("acme", "Express", 3), Change::Take, today);
    assert_eq!(counts(&figures), [81; 3]);
    // A year later nothing is left but the newest, and no room is taken.
    figures.count(&delivery("x", "", 399), Change::Add, day(399));
    assert_eq!(counts(&figures), [0, 0, 1]);
    figures.count(&delivery("x", "", 399), Change::Take, day(399));
    assert_eq!(figures.history().bytes(), 0);
}

#[test]
fn the_history_is_found_again_in_the_images_of_the_days() {
    let mut figures = Figures::new(ROOMY);
    for number in 0..120 {
        figures.count(
            &delivery("acme", "Express", number),
            Change::Add,
            day(number),
        );
    }
    let mut again = Figures::new(ROOMY);
    for number in figures.new_days() {
        again.merge(&figures.image(number).unwrap());
    }
    assert_eq!(counts(&again), [90; 3]);
    assert_eq!(again.history().bytes(), figures.history().bytes());
    // And goes on from there.
    again.count(&delivery("acme", "Express", 119), Change::Take, day(119));
    assert_eq!(counts(&again), [89; 3]);
}

#[test]
fn the_history_takes_no_room_that_the_figures_may_not() {
    let limit = 60_000;
    let mut figures = Figures::new(limit);
    for number in 0..60 {
        for service in 0..40 {
            let service = format!("Service {}", number * 40 + service);
            let sample = Sample {
                service: &service,
                ..delivery("acme", "", number)
            };
            figures.count(&sample, Change::Add, day(number));
        }
    }
    // A day that is folded has no lanes, so it is gone from the history too.
    assert!(
        figures.history().bytes() < limit,
        "{}",
        figures.history().bytes()
    );
    let [_, _, all] = counts(&figures);
    assert!((40..60 * 40).contains(&all), "{all}");
    for number in 0..60 {
        figures.count(
            &delivery("acme", "", 100 + number),
            Change::Add,
            day(100 + number),
        );
    }
    let mut all_gone = Figures::new(limit);
    for number in figures.new_days() {
        all_gone.merge(&figures.image(number).unwrap());
    }
    assert_eq!(counts(&all_gone)[2], counts(&figures)[2]);
}

#[test]
fn a_commitment_and_the_first_forecast_are_judged_apart() {
    let mut dossier = dossier();
    let facts = |kinds: &[(EstimateKind, i64)]| Facts {
        estimates: kinds
            .iter()
            .map(|(kind, end)| estimate(*kind, day(*end)))
            .collect(),
        ..lane("CN", "DE")
    };
    use EstimateKind::{CarrierCommitment, CarrierForecast};
    let begin = || vec![claim(E::PICKED_UP, known(day(1)))];
    let mut end = begin();
    end.push(claim(E::DELIVERED, known(day(6))));
    for (claims, facts, now) in [
        (begin(), facts(&[(CarrierForecast, 4)]), 1),
        (
            begin(),
            facts(&[(CarrierForecast, 5), (CarrierCommitment, 7)]),
            2,
        ),
        // It commits itself to less when it is late already.
        (
            begin(),
            facts(&[(CarrierForecast, 8), (CarrierCommitment, 9)]),
            5,
        ),
        (end, facts(&[(CarrierForecast, 6)]), 7),
    ] {
        dossier.absorb(
            "acme",
            SourceClass::Custodian,
            &report(claims, facts),
            day(now),
        );
    }
    let record = dossier.record();
    let announced = waybill_core::kpi::announced(&dossier.facts);
    let journey = waybill_core::kpi::Journey::new(&record, announced);
    let samples = journey.samples();
    let of = |metric| {
        let found: Vec<f64> = samples
            .iter()
            .filter(|one| one.metric == metric)
            .map(|one| one.value)
            .collect();
        found
    };
    assert_eq!(
        of(Metric::OnTimeToEstimate),
        [0.0],
        "it came after the first forecast"
    );
    assert_eq!(
        of(Metric::OnTimeToCommitment),
        [1.0],
        "and within the commitment"
    );
}
