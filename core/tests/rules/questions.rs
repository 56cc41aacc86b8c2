//! Key figures: how samples are kept, and what questions get as answers.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use jiff::civil::date;
use waybill_core::kpi::figures::Figures;
use waybill_core::kpi::query::{Period, Query, Refusal, Row};
use waybill_core::kpi::{Change, Dimension, Metric};

use crate::figures::{ROOMY, answer, near, question, sample};
use crate::simulated::World;
use crate::support::*;

#[test]
fn the_worst_come_first_unless_they_are_too_few() {
    let mut figures = Figures::new(ROOMY);
    for (hub, seconds, count) in [
        ("a", 10.0, 9),
        ("b", 500.0, 9),
        ("c", 90.0, 9),
        ("d", 9e9, 1),
    ] {
        for _ in 0..count {
            let sample = sample(Metric::HubDwell, "x", hub, seconds);
            figures.count(&sample, Change::Add, day(6));
        }
    }
    let worst = |least_count, worst| {
        let query = Query {
            least_count,
            worst,
            ..question(Metric::HubDwell, &[Dimension::Hub])
        };
        let rows = answer(&figures, query).unwrap().into_iter();
        rows.map(|row| row.group.concat()).collect::<String>()
    };
    assert_eq!(worst(0, 2), "db");
    assert_eq!(worst(2, 2), "bc");
    assert_eq!(worst(0, 0), "abcd");
    let filtered = Query {
        filters: vec![(Dimension::Hub, vec!["a".to_owned(), "nowhere".to_owned()])],
        ..question(Metric::HubDwell, &[])
    };
    assert_eq!(answer(&figures, filtered).unwrap()[0].count, 9);
}

#[test]
fn periods_are_days_weeks_and_months_within_the_window() {
    let mut figures = Figures::new(ROOMY);
    for number in 0..60 {
        let mut sample = sample(Metric::TransitTime, "x", "", 100.0);
        sample.time = day(number);
        figures.count(&sample, Change::Add, day(61));
    }
    let counts = |period| {
        let query = Query {
            from: date(2026, 3, 4),
            until: date(2026, 4, 3),
            period: Some(period),
            ..question(Metric::TransitTime, &[])
        };
        let rows = answer(&figures, query).unwrap().into_iter();
        rows.map(|row| (row.start.to_string(), row.count))
            .collect::<Vec<_>>()
    };
    let text = |start: &str, count| (start.to_owned(), count);
    assert_eq!(counts(Period::Day).len(), 30);
    assert_eq!(
        counts(Period::Month),
        [text("2026-03-04", 28), text("2026-04-01", 2)]
    );
    // 4 March 2026 is a Wednesday.
    assert_eq!(
        counts(Period::Week)[..2],
        [text("2026-03-04", 5), text("2026-03-09", 7)]
    );
}

#[test]
fn questions_that_have_no_answer_say_why() {
    let figures = Figures::new(ROOMY);
    let ask = |query| answer(&figures, query).unwrap_err();
    let hubs = question(Metric::TransitTime, &[Dimension::Hub]);
    assert_eq!(
        ask(hubs),
        Refusal::NoSuchDimension(Metric::TransitTime, Dimension::Hub)
    );
    for until in [date(2026, 1, 1), date(2027, 2, 6)] {
        let query = Query {
            until,
            ..question(Metric::TransitTime, &[])
        };
        assert_eq!(ask(query), Refusal::Days);
    }
}

#[test]
fn more_rows_than_anybody_reads_are_refused() {
    let mut figures = Figures::new(ROOMY);
    for number in 0..10_001 {
        let sample = sample(Metric::HubDwell, "x", &number.to_string(), 1.0);
        figures.count(&sample, Change::Add, day(6));
    }
    let query = question(Metric::HubDwell, &[Dimension::Hub]);
    assert_eq!(answer(&figures, query.clone()), Err(Refusal::Rows));
    let worst = Query { worst: 5, ..query };
    assert_eq!(answer(&figures, worst).unwrap().len(), 5);
}

/// Everything that can be asked by all dimensions.
fn everything(figures: &Figures) -> Vec<Row> {
    let rows = Metric::ALL.into_iter().map(|(metric, _, dimensions)| {
        let month = |month| Query {
            from: date(2026, month, 1),
            until: date(2026, month + 1, 1),
            ..question(metric, dimensions)
        };
        let months = (1..6).map(month);
        let rows = months.map(|query| answer(figures, query).unwrap());
        rows.flatten().collect::<Vec<_>>()
    });
    rows.flatten().collect()
}

#[test]
fn two_nodes_together_are_one() {
    let world = World::new(200);
    let mut whole = Figures::new(ROOMY);
    let mut nodes = [Figures::new(ROOMY), Figures::new(ROOMY)];
    for number in 0..200 {
        world.shipment(number, |sample| {
            whole.count(&sample, Change::Add, world.end());
            nodes[(number % 2) as usize].count(&sample, Change::Add, world.end());
        });
    }
    let mut merged = Figures::new(ROOMY);
    for node in &mut nodes {
        for day in node.new_days() {
            let image = node.image(day).unwrap();
            let sent = serde_json::to_vec(&image).unwrap();
            merged.merge(&serde_json::from_slice(&sent).unwrap());
        }
        assert!(node.new_days().is_empty());
    }
    assert_eq!(everything(&merged), everything(&whole));
    // And what one of them takes back, all forget.
    for number in 0..200 {
        world.shipment(number, |sample| {
            merged.count(&sample, Change::Take, world.end())
        });
    }
    assert_eq!(merged.cells(), 0);
}

#[test]
fn out_of_room_the_oldest_days_become_coarse_and_carriers_stay_right() {
    let world = World::new(2_000);
    let limit = 640 << 10;
    let (mut small, mut roomy) = (Figures::new(limit), Figures::new(ROOMY));
    for number in 0..2_000 {
        world.shipment(number, |sample| {
            small.count(&sample, Change::Add, world.end());
            roomy.count(&sample, Change::Add, world.end());
        });
    }
    // The limit is not about the names, which have one of their own.
    let names = 400 << 10;
    assert!(roomy.bytes() > limit + names, "{}", roomy.bytes());
    assert!(small.bytes() < limit + names, "{}", small.bytes());
    for (metric, _, _) in Metric::ALL {
        let by = || question(metric, &[Dimension::Carrier]);
        assert_eq!(answer(&small, by()), answer(&roomy, by()), "{metric:?}");
    }
    let hubs = answer(&small, question(Metric::HubDwell, &[Dimension::Hub])).unwrap();
    assert!(hubs.iter().any(|row| row.group == ["other"]));
    for number in 0..2_000 {
        world.shipment(number, |sample| {
            small.count(&sample, Change::Take, world.end())
        });
    }
    assert_eq!(small.cells(), 0, "what became coarse is taken back as well");
}

#[test]
fn days_too_old_or_ahead_are_left_out() {
    let mut figures = Figures::new(ROOMY);
    let now = day(500);
    for (time, counts) in [(day(101), 1), (day(100), 1), (day(501), 2), (day(502), 2)] {
        let mut sample = sample(Metric::TransitTime, "x", "", 1.0);
        sample.time = time;
        figures.count(&sample, Change::Add, now);
        assert_eq!(figures.cells(), counts, "{time}");
    }
    let mut later = sample(Metric::TransitTime, "x", "", 1.0);
    later.time = now + SignedDuration::from_hours(24 * 390);
    figures.count(&later, Change::Add, later.time);
    assert_eq!(figures.cells(), 2, "the oldest day is forgotten");
}

#[test]
fn quantiles_are_within_one_percent_of_the_exact_ones() {
    let world = World::new(5_000);
    let mut figures = Figures::new(ROOMY);
    let mut exact: BTreeMap<(Metric, String), Vec<f64>> = BTreeMap::new();
    for number in 0..5_000 {
        world.shipment(number, |sample| {
            figures.count(&sample, Change::Add, world.end());
            let key = (sample.metric, sample.carrier.to_owned());
            exact.entry(key).or_default().push(sample.value);
        });
    }
    let mut compared = 0;
    for (metric, scale, _) in Metric::ALL {
        for row in answer(&figures, question(metric, &[Dimension::Carrier])).unwrap() {
            let values = exact.get_mut(&(metric, row.group[0].clone())).unwrap();
            values.sort_by(f64::total_cmp);
            assert_eq!(row.count, values.len() as u64);
            let Some(found) = row.quantiles else {
                assert!(scale.is_share());
                let mean = values.iter().sum::<f64>() / values.len() as f64;
                assert!((mean - row.value).abs() < 0.000_6, "{metric:?}");
                continue;
            };
            for (found, share) in found.into_iter().zip([0.5, 0.8, 0.95, 0.99]) {
                let rank = (share * (values.len() - 1) as f64) as usize;
                assert!(near(found, values[rank]), "{metric:?} {share}: {found}");
                compared += 1;
            }
        }
    }
    assert!(compared > 300, "{compared}");
}
