//! Key figures of a million simulated shipments: memory, time of the slowest question, and error of
//! the quantiles against all values, sorted.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use jiff::ToSpan;
use serde_json::{Value, json};
use waybill_core::kpi::figures::Figures;
use waybill_core::kpi::query::{Gathering, Period, Query, Refusal, Row};
use waybill_core::kpi::{Change, Dimension, Metric};

use crate::simulated::{DAYS, World};

const SHIPMENTS: u64 = 1_000_000;
const ALLOWED_BYTES: usize = 200 * 1_000_000;
const ALLOWED_TIME: Duration = Duration::from_secs(2);
const SHARES: [f64; 4] = [0.5, 0.8, 0.95, 0.99];

pub(crate) fn run() -> Value {
    let world = World::new(SHIPMENTS);
    let settings = waybill::kpi::Settings::default();
    let before = resident();
    let started = Instant::now();
    let mut figures = Figures::new(settings.memory_bytes);
    let mut samples = 0_u64;
    for number in 0..SHIPMENTS {
        world.shipment(number, |sample| {
            samples += 1;
            figures.count(&sample, Change::Add, world.end());
        });
    }
    let per_sample = started.elapsed().as_nanos() as f64 / samples as f64;
    let grown = resident().saturating_sub(before);
    println!(
        "{SHIPMENTS} shipments, {samples} samples in {} groups: resident memory {} MB (figures {} MB), allowed {} MB; {per_sample:.0} ns a sample",
        figures.cells(),
        grown / 1_000_000,
        figures.bytes() / 1_000_000,
        ALLOWED_BYTES / 1_000_000,
    );
    let (slowest, questions) = slowest(&figures, &world);
    println!("{questions} questions: slowest {slowest:.2?}, allowed {ALLOWED_TIME:.2?}");
    let (error, compared) = error(&figures, &world);
    println!(
        "{compared} quantiles: greatest error {:.3} %, allowed 1 %",
        error * 100.0
    );
    let whole = whole(&figures, &world);
    println!("no group is counted as other: {whole}");
    let ok = grown <= ALLOWED_BYTES && slowest <= ALLOWED_TIME && error <= 0.01 && whole;
    println!(
        "{}",
        if ok {
            "within all three"
        } else {
            "NOT within all three"
        }
    );
    json!({
        "shipments": SHIPMENTS,
        "samples": samples,
        "resident_bytes": grown,
        "slowest_seconds": slowest.as_secs_f64(),
        "greatest_error": error,
        "ns_per_sample": per_sample,
        "ok": ok,
    })
}

/// Memory of this process in bytes.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    let kilobytes: usize = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kilobytes * 1_024
}

fn question(world: &World, metric: Metric, by: &[Dimension]) -> Query {
    let end = jiff::tz::TimeZone::UTC.to_datetime(world.end()).date();
    Query {
        tenant: "tenant-3".to_owned(),
        metrics: vec![metric],
        from: end.saturating_sub(((DAYS + 3) as i64).days()),
        until: end,
        group_by: by.to_vec(),
        period: None,
        filters: Vec::new(),
        least_count: 0,
        worst: 0,
    }
}

fn answer(figures: &Figures, query: Query) -> Result<Vec<Row>, Refusal> {
    query.check()?;
    let mut gathering = Gathering::new(query, figures);
    for day in gathering.days() {
        gathering.gather(figures, day)?;
    }
    gathering.rows(figures)
}

/// Every metric in total, by each dimension, and by all of them at once, as one, by day, and the
/// worst: also what is refused for its length takes its time.
fn slowest(figures: &Figures, world: &World) -> (Duration, usize) {
    let (mut slowest, mut questions) = (Duration::ZERO, 0);
    for (metric, _, dimensions) in Metric::ALL {
        let mut sets: Vec<&[Dimension]> = vec![&[], dimensions];
        sets.extend(dimensions.chunks(1));
        for by in sets {
            for (period, worst) in [(None, 0), (Some(Period::Day), 0), (None, 20)] {
                let query = Query {
                    period,
                    worst,
                    ..question(world, metric, by)
                };
                let started = Instant::now();
                let _rows = std::hint::black_box(answer(figures, query));
                slowest = slowest.max(started.elapsed());
                questions += 1;
            }
        }
    }
    (slowest, questions)
}

/// Greatest relative error of the quantiles in total, by carrier and lane, and by what the metric
/// has beside them.
fn error(figures: &Figures, world: &World) -> (f64, usize) {
    let (mut greatest, mut compared) = (0.0_f64, 0);
    for (metric, scale, dimensions) in Metric::ALL {
        if scale.is_share() {
            continue;
        }
        let lanes = [Dimension::Carrier, Dimension::Lane];
        let sets = [&[], &dimensions[dimensions.len() - 1..], &lanes[..]];
        let sets = sets
            .into_iter()
            .filter(|set| set.iter().all(|one| dimensions.contains(one)));
        let sets: Vec<&[Dimension]> = sets.collect();
        for (by, mut exact) in sets.iter().zip(exact(world, metric, &sets)) {
            for row in answer(figures, question(world, metric, by)).unwrap() {
                let values = exact.get_mut(&row.group).unwrap();
                assert_eq!(row.count, values.len() as u64);
                values.sort_by(f64::total_cmp);
                for (found, share) in row.quantiles.unwrap().into_iter().zip(SHARES) {
                    let rank = (share * (values.len() - 1) as f64) as usize;
                    let value = values[rank];
                    greatest = greatest.max((found - value).abs() / value);
                    compared += 1;
                }
            }
        }
    }
    (greatest, compared)
}

/// All values of a metric, by the groups of each set of dimensions.
fn exact(world: &World, metric: Metric, sets: &[&[Dimension]]) -> Vec<Groups> {
    let mut exact = vec![Groups::new(); sets.len()];
    for number in 0..SHIPMENTS {
        world.shipment(number, |sample| {
            if sample.metric != metric {
                return;
            }
            let name = |dimension: &Dimension| match dimension {
                Dimension::Carrier => sample.carrier.to_owned(),
                Dimension::Service => sample.service.to_owned(),
                Dimension::Lane => sample.lane.to_owned(),
                _ => sample.last.clone().into_owned(),
            };
            for (by, groups) in sets.iter().zip(&mut exact) {
                let group: Vec<String> = by.iter().map(name).collect();
                groups.entry(group).or_default().push(sample.value);
            }
        });
    }
    exact
}

type Groups = HashMap<Vec<String>, Vec<f64>>;

/// Whether every sample was counted in its own group.
fn whole(figures: &Figures, world: &World) -> bool {
    let hubs = answer(
        figures,
        question(world, Metric::HubDwell, &[Dimension::Hub]),
    )
    .unwrap();
    let counts: BTreeMap<String, u64> = hubs
        .into_iter()
        .map(|row| (row.group.concat(), row.count))
        .collect();
    !counts.contains_key("other")
}
