//! Counts of samples by day and group: added one by one, merged between nodes, bounded in memory.
//!
//! A cell is one metric and group on one UTC day. When the cells outgrow their room, the oldest
//! day that is still fine is folded into cells of its metrics and carriers only, the rest of their
//! groups being "other"; if that does not help, new groups of the day itself are counted as "other"
//! too. Totals by carrier stay right in every case.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::day::{Cell, Day, PLACES, TENANT};
use super::history::{HISTORY_DAYS, History};
use super::names::{Names, OTHER, UNKNOWN};
use super::sketch::{Bins, key};
use super::{Change, Dimension, Metric, Sample, day_of};

/// Days that figures are kept.
pub const DAYS_KEPT: i32 = 400;
/// Samples may be this many days ahead of us, because clocks of sources are wrong.
const DAYS_AHEAD: i32 = 1;
/// Names that each place of a group can have: carriers, services, lanes, what is last, and tenants.
const NAME_LIMITS: [usize; PLACES] = [1_000, 4_000, 10_000, 40_000, 10_000];

/// One day of figures as a value that can be stored, sent, and merged into others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// Days since 1970.
    pub day: i32,
    /// No finer than by carrier.
    coarse: bool,
    /// Names of the groups, one list for each place of a group.
    names: [Vec<String>; PLACES],
    /// Metric, places in the lists of names, bins.
    cells: Vec<(u8, [u16; PLACES], Vec<u32>)>,
}

/// All figures.
#[derive(Debug)]
pub struct Figures {
    pub(super) names: [Names; PLACES],
    pub(super) days: BTreeMap<i32, Day>,
    /// Bytes of the days, kept up to date.
    bytes: usize,
    limit: usize,
    history: Arc<History>,
    /// First day that the history holds.
    history_from: i32,
}

impl Figures {
    /// Starts with nothing; the cells take no more than `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            names: NAME_LIMITS.map(Names::new),
            days: BTreeMap::new(),
            bytes: 0,
            limit,
            history: Arc::default(),
            history_from: i32::MIN,
        }
    }

    /// Transit times of the last days, for those who look up how long parcels take.
    pub fn history(&self) -> &Arc<History> {
        &self.history
    }

    /// Bytes that the figures take, about.
    pub fn bytes(&self) -> usize {
        self.bytes + self.history.bytes() + self.names.iter().map(Names::bytes).sum::<usize>()
    }

    /// Number of groups that have a count of their own, over all days.
    pub fn cells(&self) -> usize {
        self.days.values().map(Day::len).sum()
    }

    /// Counts a sample or takes it back. Samples of days that are not kept are left out. What is
    /// taken back and was never counted (because it was lost with a process) changes nothing.
    pub fn count(&mut self, sample: &Sample<'_>, change: Change, now: Timestamp) {
        let (day, today) = (day_of(sample.time), day_of(now));
        if day > today + DAYS_AHEAD || day <= today - DAYS_KEPT {
            return;
        }
        let key = key(sample.metric.scale(), sample.value);
        let names = [
            sample.carrier,
            sample.service,
            sample.lane,
            &sample.last,
            sample.tenant,
        ];
        match change {
            Change::Add => {
                let mut numbers = [UNKNOWN; PLACES];
                for ((number, names), name) in numbers.iter_mut().zip(&mut self.names).zip(names) {
                    *number = names.number(name);
                }
                let cell = Cell {
                    metric: sample.metric as u8,
                    names: numbers,
                };
                self.learn_from(today);
                self.add(day, cell, &[Bins::bin(key, 1)]);
                self.forget(today);
            }
            Change::Take => {
                let mut numbers = [UNKNOWN; PLACES];
                for ((number, known), name) in numbers.iter_mut().zip(&self.names).zip(names) {
                    *number = known.find(name).unwrap_or(OTHER);
                }
                let cell = Cell {
                    metric: sample.metric as u8,
                    names: numbers,
                };
                self.take(day, cell, key);
            }
        }
    }

    fn add(&mut self, day: i32, cell: Cell, bins: &[u32]) {
        let is_full = self.is_full();
        let at = self.days.entry(day).or_default();
        let has_room = !at.is_coarse && !is_full;
        let cell = if has_room || at.contains(&cell) {
            cell
        } else {
            cell.coarse()
        };
        let before = at.bytes();
        at.change(cell, |own| own.merge(bins));
        self.bytes = self.bytes + at.bytes() - before;
        self.learn(day, cell, bins, true);
        if self.is_full() {
            self.fold_oldest();
        }
    }

    fn is_full(&self) -> bool {
        self.bytes + self.history.bytes() >= self.limit
    }

    fn take(&mut self, day: i32, cell: Cell, key: u16) {
        let Some(at) = self.days.get_mut(&day) else {
            return;
        };
        let before = at.bytes();
        let mut cells = [cell, cell.coarse()].into_iter();
        let taken = cells.find(|cell| at.contains(cell) && at.change(*cell, |bins| bins.take(key)));
        self.bytes = self.bytes + at.bytes() - before;
        if let Some(cell) = taken {
            self.learn(day, cell, &[Bins::bin(key, 1)], false);
        }
    }

    /// Changes the history with a day that it holds.
    fn learn(&self, day: i32, cell: Cell, bins: &[u32], add: bool) {
        // What one tenant alone knows teaches nobody else what to expect.
        let is_shared = cell.names[TENANT] == UNKNOWN;
        if day < self.history_from || cell.metric != Metric::TransitTime as u8 || !is_shared {
            return;
        }
        let [carrier, service, lane] = [0, 1, 2].map(|at| self.names[at].name(cell.names[at]));
        self.history.change([carrier, service, lane], bins, add);
    }

    /// Takes a day out of the history.
    fn unlearn(&self, day: i32) {
        if let Some(at) = self.days.get(&day) {
            let transit = Metric::TransitTime as u8;
            at.visit_metric(
                transit,
                |_| true,
                |cell, bins| self.learn(day, cell, bins, false),
            );
        }
    }

    /// Lets the history begin with its first day as of `today`.
    fn learn_from(&mut self, today: i32) {
        let first = today - HISTORY_DAYS + 1;
        if first <= self.history_from {
            return;
        }
        let old: Vec<i32> = self
            .days
            .range(self.history_from..first)
            .map(|(day, _)| *day)
            .collect();
        old.into_iter().for_each(|day| self.unlearn(day));
        self.history_from = first;
    }

    /// Gives up all groups of a day but the carriers.
    fn fold(&mut self, number: i32) {
        self.unlearn(number);
        let Some(day) = self.days.get_mut(&number) else {
            return;
        };
        let before = day.bytes();
        day.fold();
        self.bytes = self.bytes + day.bytes() - before;
    }

    /// Folds the oldest day that is still fine, unless it is the newest of all.
    fn fold_oldest(&mut self) {
        let newest = self.days.keys().next_back().copied();
        let mut days = self.days.iter();
        let oldest = days.find(|(_, day)| !day.is_coarse).map(|(day, _)| *day);
        if let Some(oldest) = oldest.filter(|oldest| Some(*oldest) != newest) {
            self.fold(oldest);
        }
    }

    /// Drops the days that are too old.
    fn forget(&mut self, today: i32) {
        while let Some(oldest) = self.days.first_entry()
            && *oldest.key() <= today - DAYS_KEPT
        {
            self.bytes -= oldest.remove().bytes();
        }
    }

    /// Days that differ from their last image.
    pub fn new_days(&self) -> Vec<i32> {
        let new = self.days.iter().filter(|(_, day)| day.is_new);
        new.map(|(day, _)| *day).collect()
    }

    /// Makes the image of a day, which is not new from now on.
    pub fn image(&mut self, day: i32) -> Option<Image> {
        let at = self.days.get_mut(&day)?;
        at.is_new = false;
        // Only the names that the day uses, so that those of long ago are forgotten with it.
        let mut lists: [Vec<String>; PLACES] = Default::default();
        let mut places: [HashMap<u16, u16>; PLACES] = Default::default();
        let mut cells = Vec::new();
        let show = |cell: Cell, bins: &[u32]| {
            let mut own = [0; PLACES];
            for (slot, number) in cell.names.into_iter().enumerate() {
                let list = &mut lists[slot];
                own[slot] = *places[slot].entry(number).or_insert_with(|| {
                    list.push(self.names[slot].name(number).to_owned());
                    u16::try_from(list.len() - 1).unwrap_or(u16::MAX)
                });
            }
            cells.push((cell.metric, own, bins.to_vec()));
        };
        at.visit(show);
        Some(Image {
            day,
            coarse: at.is_coarse,
            names: lists,
            cells,
        })
    }

    /// Says that the last image of a day is as it is now.
    pub fn settle(&mut self, day: i32) {
        if let Some(day) = self.days.get_mut(&day) {
            day.is_new = false;
        }
    }

    /// Says that the last image of a day was lost.
    pub fn renew(&mut self, day: i32) {
        if let Some(day) = self.days.get_mut(&day) {
            day.is_new = true;
        }
    }

    /// Adds what an image counted: of another node, or of this one before it was started again.
    /// Metrics that this version does not know are left out.
    pub fn merge(&mut self, image: &Image) {
        // Nobody says what day it is; the days of an image are past.
        self.learn_from(image.day);
        let numbers: [Vec<u16>; PLACES] = std::array::from_fn(|slot| {
            let names = &mut self.names[slot];
            let list = image.names[slot].iter();
            list.map(|name| names.number(name)).collect()
        });
        for (metric, names, bins) in &image.cells {
            if Metric::from_number(*metric).is_none() {
                continue;
            }
            let place = |slot: usize| numbers[slot].get(usize::from(names[slot])).copied();
            let cell = Cell {
                metric: *metric,
                names: std::array::from_fn(|slot| place(slot).unwrap_or(OTHER)),
            };
            self.add(image.day, cell, bins);
        }
        if image.coarse && self.days.get(&image.day).is_some_and(|day| !day.is_coarse) {
            self.fold(image.day);
        }
    }

    /// Number of a tenant, if it has samples of its own that are kept apart from all others.
    pub(super) fn tenant(&self, name: &str) -> Option<u16> {
        let number = self.names[TENANT].find(name);
        number.filter(|number| ![UNKNOWN, OTHER].contains(number))
    }

    /// Number of a value of a dimension, if any sample has it.
    pub(super) fn number_of(&self, dimension: Dimension, name: &str) -> Option<u16> {
        self.names[dimension.slot()].find(name)
    }
}
