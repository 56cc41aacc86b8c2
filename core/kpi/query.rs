//! Questions to the figures: metrics of a period, grouped, filtered and ranked.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::hash::BuildHasherDefault;

use jiff::civil::{Date, Weekday};

use super::day::{Cell, PLACES, TENANT};
use super::figures::{DAYS_KEPT, Figures};
use super::names::UNKNOWN;
use super::sketch::Sum;
use super::{Dimension, Metric, Scale};
use crate::quick::Mixed;

/// Rows that an answer has at most.
pub const ROW_LIMIT: usize = 10_000;

/// A question.
#[derive(Clone, Debug)]
pub struct Query {
    /// Who asks: of the metrics of which every tenant has samples of its own, these are counted.
    pub tenant: String,
    /// Which figures.
    pub metrics: Vec<Metric>,
    /// First day.
    pub from: Date,
    /// Day after the last.
    pub until: Date,
    /// What to group by; nothing: one total.
    pub group_by: Vec<Dimension>,
    /// Length of the periods; `None`: all days as one.
    pub period: Option<Period>,
    /// Only samples with one of the values, for each dimension named.
    pub filters: Vec<(Dimension, Vec<String>)>,
    /// Leave out rows with fewer samples.
    pub least_count: u64,
    /// Of each metric and period only this many rows, worst first; 0: all rows, by group.
    pub worst: usize,
}

/// Length of a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// UTC day.
    Day,
    /// Seven days from a Monday.
    Week,
    /// Calendar month.
    Month,
}

/// Why a question has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Metric and dimension that it does not have.
    NoSuchDimension(Metric, Dimension),
    /// The days end before they begin, or are more than are kept.
    Days,
    /// More rows than [`ROW_LIMIT`].
    Rows,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchDimension(metric, dimension) => {
                write!(f, "{metric:?} has no {dimension:?}")
            }
            Self::Days => write!(f, "must be 1 to {DAYS_KEPT} days"),
            Self::Rows => write!(f, "makes more than {ROW_LIMIT} rows"),
        }
    }
}

impl std::error::Error for Refusal {}

/// A figure of one group and period.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Metric.
    pub metric: Metric,
    /// First day of the period, or of the question if that is later.
    pub start: Date,
    /// Values of the question's `group_by`, in its order; empty: unknown.
    pub group: Vec<String>,
    /// Samples.
    pub count: u64,
    /// Mean of a share, median of a quantity.
    pub value: f64,
    /// 50th, 80th, 95th and 99th percentile of a quantity.
    pub quantiles: Option<[f64; 4]>,
}

/// Sums of an answer in the making.
pub struct Gathering {
    query: Query,
    /// Numbers of the names that pass, by place of a group.
    passing: [Option<HashSet<u16>>; 4],
    /// Number of the tenant; `None` if it has no samples of its own.
    tenant: Option<u16>,
    grouped: [bool; PLACES],
    wanted: Vec<Metric>,
    /// By metric and start of the period, the groups.
    sums: HashMap<(u8, Date), Groups>,
    /// Groups in all of them.
    groups: usize,
}

/// Sums by the numbers of their names, which are ours.
type Groups = HashMap<[u16; PLACES], Sum, BuildHasherDefault<Mixed>>;

impl Query {
    /// Checks the question.
    ///
    /// # Errors
    /// All of [`Refusal`] but `Rows`.
    pub fn check(&self) -> Result<(), Refusal> {
        let days = days_since_1970(self.until) - days_since_1970(self.from);
        if !(1..=DAYS_KEPT).contains(&days) {
            return Err(Refusal::Days);
        }
        let filtered = self.filters.iter().map(|(dimension, _)| *dimension);
        for dimension in self.group_by.iter().copied().chain(filtered) {
            for metric in &self.metrics {
                if !metric.dimensions().contains(&dimension) {
                    return Err(Refusal::NoSuchDimension(*metric, dimension));
                }
            }
        }
        Ok(())
    }

    fn start_of(&self, date: Date) -> Date {
        let start = match self.period {
            None => self.from,
            Some(Period::Day) => date,
            Some(Period::Month) => date.first_of_month(),
            Some(Period::Week) => {
                let passed = date.weekday().since(Weekday::Monday);
                date.checked_sub(jiff::Span::new().days(passed))
                    .unwrap_or(date)
            }
        };
        start.max(self.from)
    }
}

impl Gathering {
    /// Prepares the answer to a question that was checked.
    pub fn new(query: Query, figures: &Figures) -> Self {
        let mut passing: [Option<HashSet<u16>>; 4] = Default::default();
        for (dimension, values) in &query.filters {
            let numbers = values.iter();
            let numbers: HashSet<u16> = numbers
                .filter_map(|name| figures.number_of(*dimension, name))
                .collect();
            let passing = &mut passing[dimension.slot()];
            *passing = Some(match passing.take() {
                Some(so_far) => &so_far & &numbers,
                None => numbers,
            });
        }
        let mut grouped = [false; PLACES];
        for dimension in &query.group_by {
            grouped[dimension.slot()] = true;
        }
        let mut wanted = query.metrics.clone();
        wanted.sort_unstable();
        wanted.dedup();
        let tenant = figures.tenant(&query.tenant);
        Self {
            query,
            passing,
            tenant,
            grouped,
            wanted,
            sums: HashMap::new(),
            groups: 0,
        }
    }

    /// The days to [`Gathering::gather`], so that nobody has to hold the figures for all of them
    /// at once.
    pub fn days(&self) -> std::ops::Range<i32> {
        days_since_1970(self.query.from)..days_since_1970(self.query.until)
    }

    /// Adds one day.
    ///
    /// # Errors
    /// [`Refusal::Rows`].
    pub fn gather(&mut self, figures: &Figures, day: i32) -> Result<(), Refusal> {
        let Some(at) = figures.days.get(&day) else {
            return Ok(());
        };
        let start = self.query.start_of(date(day));
        let (passing, tenant, grouped) = (&self.passing, self.tenant, self.grouped);
        for metric in &self.wanted {
            if metric.is_own() && tenant.is_none() {
                continue;
            }
            let passes = |cell: &Cell| {
                let mut places = passing.iter().zip(cell.names);
                (tenant == Some(cell.names[TENANT])
                    || !metric.is_own() && cell.names[TENANT] == UNKNOWN)
                    && places.all(|(passing, name)| {
                        let passing = passing.as_ref();
                        passing.is_none_or(|passing| passing.contains(&name))
                    })
            };
            let sums = self.sums.entry((*metric as u8, start)).or_default();
            let before = sums.len();
            at.visit_metric(*metric as u8, passes, |cell, bins| {
                let group = std::array::from_fn(|slot| match grouped[slot] {
                    true => cell.names[slot],
                    false => UNKNOWN,
                });
                sums.entry(group).or_default().merge(bins);
            });
            self.groups += sums.len() - before;
        }
        // With a limit to the worst, rows are fewer than groups, which are bounded all the same.
        let limit = match self.query.worst {
            0 => ROW_LIMIT,
            _ => 10 * ROW_LIMIT,
        };
        if self.groups > limit {
            return Err(Refusal::Rows);
        }
        Ok(())
    }

    /// Makes the rows: by metric and period, then by group, or worst first.
    ///
    /// # Errors
    /// [`Refusal::Rows`].
    pub fn rows(self, figures: &Figures) -> Result<Vec<Row>, Refusal> {
        let query = &self.query;
        let totals = self.sums.into_iter().flat_map(|((metric, start), groups)| {
            let groups = groups.into_iter();
            groups.map(move |(group, sum)| (metric, start, group, sum.finish()))
        });
        let totals = totals.filter(|(.., total)| total.count() >= query.least_count.max(1));
        let mut rows: Vec<Row> = totals
            .filter_map(|(metric, start, group, total)| {
                let metric = Metric::from_number(metric)?;
                let scale = metric.scale();
                let name = |dimension: &Dimension| {
                    let slot = dimension.slot();
                    figures.names[slot].name(group[slot]).to_owned()
                };
                let quantile = |share| total.quantile(scale, share);
                let quantiles = (!scale.is_share()).then(|| [0.5, 0.8, 0.95, 0.99].map(quantile));
                Some(Row {
                    metric,
                    start,
                    group: query.group_by.iter().map(name).collect(),
                    count: total.count(),
                    value: quantiles.map_or_else(|| total.mean(scale), |quantiles| quantiles[0]),
                    quantiles,
                })
            })
            .collect();
        rows.sort_by(|a, b| {
            let order = (a.metric, a.start).cmp(&(b.metric, b.start));
            let order = match query.worst {
                0 => order,
                _ => order.then_with(|| badness(b).total_cmp(&badness(a))),
            };
            order.then_with(|| a.group.cmp(&b.group))
        });
        if query.worst > 0 {
            let mut kept = 0;
            let mut last = None;
            rows.retain(|row| {
                let of = Some((row.metric, row.start));
                kept = if of == last { kept + 1 } else { 1 };
                last = of;
                kept <= query.worst
            });
        }
        if rows.len() > ROW_LIMIT {
            return Err(Refusal::Rows);
        }
        Ok(rows)
    }
}

/// What the worst rows have most of. Of quantities it is the 95th percentile: what is slow now and
/// then is what people wait for.
fn badness(row: &Row) -> f64 {
    match (row.metric.scale(), row.quantiles) {
        (Scale::Less, Some([_, _, p95, _])) => p95,
        (Scale::Bad | Scale::Less, _) => row.value,
        (Scale::Good | Scale::More, _) => -row.value,
    }
}

fn days_since_1970(date: Date) -> i32 {
    let since = date.duration_since(EPOCH).as_hours() / 24;
    i32::try_from(since).unwrap_or(i32::MAX)
}

fn date(day: i32) -> Date {
    EPOCH
        .checked_add(jiff::Span::new().days(day))
        .unwrap_or(EPOCH)
}

const EPOCH: Date = Date::constant(1970, 1, 1);
