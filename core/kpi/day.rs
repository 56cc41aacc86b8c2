//! The counts of one day: a table that takes changes, over packed cells that take little room.
//!
//! A cell that is changed is unpacked first, and the table's word goes over the packed one. When
//! the table has grown to an eighth of the whole, all of it is packed again.

use std::collections::HashMap;
use std::mem::size_of;
use std::ops::Range;

use super::names::{OTHER, UNKNOWN};
use super::sketch::Bins;

/// Places of names in a group.
pub(super) const PLACES: usize = 5;
/// The place that says whose samples they are.
pub(super) const TENANT: usize = 4;

/// A group of a metric: number of the metric, then of the names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Cell {
    pub(super) metric: u8,
    pub(super) names: [u16; PLACES],
}

impl Cell {
    /// The cell that counts for this one when there is no room.
    pub(super) fn coarse(self) -> Self {
        let [carrier, rest @ .., tenant] = self.names;
        let [service, lane, last] = rest.map(|name| if name == UNKNOWN { UNKNOWN } else { OTHER });
        Self {
            metric: self.metric,
            names: [carrier, service, lane, last, tenant],
        }
    }
}

/// Changed cells of a small day that are not packed yet.
const LEAST_OPEN: usize = 64;

/// The cells of one day.
#[derive(Debug, Default)]
pub(super) struct Day {
    packed: Packed,
    /// Cells that were changed since; an empty one is none any more.
    open: HashMap<Cell, Bins>,
    /// Bytes of the bins in `open`.
    open_bytes: usize,
    /// No finer than by carrier from now on.
    pub(super) is_coarse: bool,
    /// Differs from its last image.
    pub(super) is_new: bool,
}

/// Cells in order, with their bins one after the other: for each the distance of its key from the
/// one before, and its count, seven bits to a byte.
#[derive(Debug, Default)]
struct Packed {
    cells: Vec<Cell>,
    /// Where the bins of each cell end.
    ends: Vec<u32>,
    bins: Vec<u8>,
}

impl Packed {
    /// Adds a cell after all others, unless there is nothing in it.
    fn push(&mut self, cell: Cell, bins: &Bins) {
        if bins.is_empty() {
            return;
        }
        let mut last = 0;
        for bin in bins.raw() {
            let (key, count) = Bins::parts(*bin);
            self.put(u32::from(key) - last);
            self.put(count);
            last = u32::from(key);
        }
        self.cells.push(cell);
        self.ends
            .push(u32::try_from(self.bins.len()).unwrap_or(u32::MAX));
    }

    /// Adds a cell of another list after all others.
    fn copy(&mut self, other: &Self, at: usize) {
        self.bins.extend_from_slice(other.bytes_of(at));
        self.cells.push(other.cells[at]);
        self.ends
            .push(u32::try_from(self.bins.len()).unwrap_or(u32::MAX));
    }

    fn bytes_of(&self, at: usize) -> &[u8] {
        let place = |at: usize| self.ends.get(at).map_or(0, |end| *end as usize);
        let start = at.checked_sub(1).map_or(0, place);
        self.bins.get(start..place(at)).unwrap_or_default()
    }

    fn put(&mut self, mut number: u32) {
        while number > 0x7f {
            self.bins.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.bins.push(number as u8);
    }

    /// Reads the bins of the cell at a place into `bins`.
    fn read(&self, at: usize, bins: &mut Vec<u32>) {
        bins.clear();
        let (mut key, mut is_key, mut number, mut shift) = (0_u32, true, 0_u32, 0);
        for byte in self.bytes_of(at) {
            number |= u32::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 != 0 {
                continue;
            }
            if is_key {
                key += number;
            } else {
                bins.push(Bins::bin(key as u16, number));
            }
            (is_key, number, shift) = (!is_key, 0, 0);
        }
    }

    fn bytes(&self) -> usize {
        self.cells.capacity() * size_of::<Cell>()
            + self.ends.capacity() * size_of::<u32>()
            + self.bins.capacity()
    }
}

impl Day {
    /// Bytes of all of it. One in eight places of the table is free, and each has a mark.
    pub(super) fn bytes(&self) -> usize {
        let places = match self.open.capacity() {
            0 => 0,
            room => (room * 8 / 7).next_power_of_two(),
        };
        self.packed.bytes() + self.open_bytes + places * (size_of::<(Cell, Bins)>() + 1)
    }

    pub(super) fn contains(&self, cell: &Cell) -> bool {
        match self.open.get(cell) {
            Some(bins) => !bins.is_empty(),
            None => self.packed.cells.binary_search(cell).is_ok(),
        }
    }

    /// Changes a cell, which is made if it is missing.
    pub(super) fn change<T>(&mut self, cell: Cell, change: impl FnOnce(&mut Bins) -> T) -> T {
        let packed = &self.packed;
        let bins = self.open.entry(cell).or_insert_with(|| {
            let mut raw = Vec::new();
            if let Ok(at) = packed.cells.binary_search(&cell) {
                packed.read(at, &mut raw);
            }
            let bins = Bins::from_raw(raw);
            self.open_bytes += bins.bytes();
            bins
        });
        let before = bins.bytes();
        let result = change(bins);
        self.open_bytes = self.open_bytes + bins.bytes() - before;
        if self.open.len() > LEAST_OPEN + self.packed.cells.len() / 8 {
            self.pack();
        }
        self.is_new = true;
        result
    }

    /// Packs everything.
    fn pack(&mut self) {
        let mut packed = Packed::default();
        packed
            .cells
            .reserve(self.packed.cells.len() + self.open.len());
        packed.bins.reserve(self.packed.bins.len());
        let mut open: Vec<(Cell, Bins)> = std::mem::take(&mut self.open).into_iter().collect();
        open.sort_unstable_by_key(|(cell, _)| *cell);
        let mut open = open.into_iter().peekable();
        for (at, cell) in self.packed.cells.iter().enumerate() {
            while let Some((cell, bins)) = open.next_if(|(new, _)| new < cell) {
                packed.push(cell, &bins);
            }
            if let Some((cell, bins)) = open.next_if(|(new, _)| new == cell) {
                packed.push(cell, &bins);
            } else {
                packed.copy(&self.packed, at);
            }
        }
        open.for_each(|(cell, bins)| packed.push(cell, &bins));
        packed.cells.shrink_to_fit();
        packed.ends.shrink_to_fit();
        packed.bins.shrink_to_fit();
        self.packed = packed;
        self.open_bytes = 0;
    }

    /// Shows the bins of every cell.
    pub(super) fn visit(&self, show: impl FnMut(Cell, &[u32])) {
        self.visit_range(0..self.packed.cells.len(), |_| true, show);
    }

    /// Shows the bins of every cell of a metric that passes.
    pub(super) fn visit_metric(
        &self,
        metric: u8,
        passes: impl Fn(&Cell) -> bool,
        show: impl FnMut(Cell, &[u32]),
    ) {
        let cells = &self.packed.cells;
        let first = cells.partition_point(|cell| cell.metric < metric);
        let after = cells.partition_point(|cell| cell.metric <= metric);
        let passes = |cell: &Cell| cell.metric == metric && passes(cell);
        self.visit_range(first..after, passes, show);
    }

    /// Shows those that pass of the packed cells in a range, and of all that are open.
    fn visit_range(
        &self,
        range: Range<usize>,
        passes: impl Fn(&Cell) -> bool,
        mut show: impl FnMut(Cell, &[u32]),
    ) {
        let mut raw = Vec::new();
        for at in range {
            let Some(cell) = self.packed.cells.get(at) else {
                break;
            };
            if passes(cell) && (self.open.is_empty() || !self.open.contains_key(cell)) {
                self.packed.read(at, &mut raw);
                show(*cell, &raw);
            }
        }
        for (cell, bins) in &self.open {
            if passes(cell) && !bins.is_empty() {
                show(*cell, bins.raw());
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        let mut count = 0;
        self.visit(|_, _| count += 1);
        count
    }

    /// Gives up all groups but the carriers.
    pub(super) fn fold(&mut self) {
        let mut coarse: HashMap<Cell, Bins> = HashMap::new();
        self.visit(|cell, bins| coarse.entry(cell.coarse()).or_default().merge(bins));
        self.packed = Packed::default();
        self.open = coarse;
        self.pack();
        self.is_coarse = true;
        self.is_new = true;
    }
}
