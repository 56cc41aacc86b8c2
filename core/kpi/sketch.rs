//! A DDSketch that is small when it holds little, and from which a value can be taken back.
//!
//! A bin is one `u32`: 11 bits of key and 21 bits of count, in order of the keys. A bin that is
//! full is followed by another one with the same key. Quantities have logarithmic bins, so that
//! the middle of a bin is within [`ERROR`] of all that fell into it; shares have bins of 0.1 %.

use super::Scale;

/// Relative error of a quantity, a hair below 1 % so that rounding does not break the promise.
const ERROR: f64 = 0.009_99;
/// Ratio of the bounds of a bin.
const GAMMA: f64 = (1.0 + ERROR) / (1.0 - ERROR);
/// Quantities up to this (a millisecond, an event in three years) count as 0.
const LEAST: f64 = 0.001;
/// Bins of a share.
const STEPS: f64 = 1_000.0;
const COUNT_BITS: u32 = 21;
const COUNT_MASK: u32 = (1 << COUNT_BITS) - 1;
const GREATEST_KEY: f64 = 2_047.0;

/// Bin of a value.
pub(super) fn key(scale: Scale, value: f64) -> u16 {
    let key = if scale.is_share() {
        (value * STEPS).round()
    } else if value <= LEAST {
        0.0
    } else {
        ((value / LEAST).ln() / GAMMA.ln()).ceil()
    };
    // A float becomes the nearest whole number that fits; what is not a number becomes 0.
    key.clamp(0.0, GREATEST_KEY) as u16
}

/// What a bin stands for.
fn value(scale: Scale, key: u16) -> f64 {
    let key = f64::from(key);
    if scale.is_share() {
        key / STEPS
    } else if key == 0.0 {
        0.0
    } else {
        LEAST * (key * GAMMA.ln()).exp() * 2.0 / (1.0 + GAMMA)
    }
}

/// The counts of one group on one day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Bins(Box<[u32]>);

/// Key of a bin.
const fn key_of(bin: u32) -> u16 {
    (bin >> COUNT_BITS) as u16
}

impl Bins {
    /// Takes bins as they are.
    pub(super) fn from_raw(raw: Vec<u32>) -> Self {
        Self(raw.into())
    }

    /// Key and count of a bin.
    pub(super) const fn parts(bin: u32) -> (u16, u32) {
        (key_of(bin), bin & COUNT_MASK)
    }

    /// A bin with a key and a count.
    pub(super) const fn bin(key: u16, count: u32) -> u32 {
        (key as u32) << COUNT_BITS | count & COUNT_MASK
    }

    pub(super) fn raw(&self) -> &[u32] {
        &self.0
    }

    /// Adds up to as many as there are; of several bins with one key the first has room.
    pub(super) fn add(&mut self, key: u16, count: u32) {
        let mut rest = count;
        while rest > 0 {
            let at = self.0.partition_point(|bin| key_of(*bin) < key);
            let room = match self.0.get(at) {
                Some(bin) if key_of(*bin) == key => COUNT_MASK - (bin & COUNT_MASK),
                _ => 0,
            };
            let part = rest.min(if room > 0 { room } else { COUNT_MASK });
            if room > 0 {
                self.0[at] += part;
            } else {
                let mut bins = Vec::with_capacity(self.0.len() + 1);
                bins.extend_from_slice(&self.0[..at]);
                bins.push(Self::bin(key, part));
                bins.extend_from_slice(&self.0[at..]);
                self.0 = bins.into();
            }
            rest -= part;
        }
    }

    /// Takes one back; tells whether there was one.
    pub(super) fn take(&mut self, key: u16) -> bool {
        let at = self.0.partition_point(|bin| key_of(*bin) < key);
        let Some(bin) = self.0.get_mut(at).filter(|bin| key_of(**bin) == key) else {
            return false;
        };
        *bin -= 1;
        if *bin & COUNT_MASK == 0 {
            let mut bins = std::mem::take(&mut self.0).into_vec();
            bins.remove(at);
            self.0 = bins.into();
        }
        true
    }

    /// Takes back what another one holds, as far as it is there.
    pub(super) fn less(&mut self, other: &[u32]) {
        let mut bins = std::mem::take(&mut self.0).into_vec();
        for bin in other {
            let (key, mut rest) = Self::parts(*bin);
            let first = bins.partition_point(|bin| key_of(*bin) < key);
            for own in bins[first..].iter_mut() {
                if rest == 0 || key_of(*own) != key {
                    break;
                }
                let part = rest.min(*own & COUNT_MASK);
                *own -= part;
                rest -= part;
            }
        }
        bins.retain(|bin| bin & COUNT_MASK > 0);
        self.0 = bins.into();
    }

    /// What the bins stand for, with their counts, in order.
    pub(super) fn values(&self, scale: Scale) -> Vec<(f64, u64)> {
        let parts = self.0.iter().map(|bin| Self::parts(*bin));
        parts
            .map(|(key, count)| (value(scale, key), u64::from(count)))
            .collect()
    }

    pub(super) fn merge(&mut self, other: &[u32]) {
        for bin in other {
            let (key, count) = Self::parts(*bin);
            self.add(key, count);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Bytes on the heap, with what an allocator adds.
    pub(super) fn bytes(&self) -> usize {
        match self.0.len() {
            0 => 0,
            bins => (bins * size_of::<u32>()).next_multiple_of(16),
        }
    }
}

/// The sum of many [`Bins`]: what a row of an answer is made from.
#[derive(Clone, Debug, Default)]
pub(super) struct Sum {
    /// Key and count, by key; what is in `new` aside.
    bins: Vec<(u16, u64)>,
    /// Bins that were added since, as they came: to find the place of each one in a long list
    /// takes longer than to sort many of them at once.
    new: Vec<u32>,
}

/// Bins that wait at least before a sum is sorted.
const LEAST_NEW: usize = 64;

impl Sum {
    pub(super) fn merge(&mut self, bins: &[u32]) {
        self.new.extend_from_slice(bins);
        if self.new.len() > LEAST_NEW.max(self.bins.len()) {
            self.sort();
        }
    }

    /// Puts what is new into its place.
    fn sort(&mut self) {
        // The key is in the upper bits.
        self.new.sort_unstable();
        let mut bins: Vec<(u16, u64)> = Vec::with_capacity(self.bins.len() + self.new.len());
        let mut add = |key: u16, count: u64| match bins.last_mut() {
            Some(last) if last.0 == key => last.1 += count,
            _ => bins.push((key, count)),
        };
        let mut known = self.bins.iter().peekable();
        for bin in &self.new {
            let (key, count) = Bins::parts(*bin);
            while let Some((key, count)) = known.next_if(|known| known.0 <= key) {
                add(*key, *count);
            }
            add(key, u64::from(count));
        }
        known.for_each(|(key, count)| add(*key, *count));
        self.bins = bins;
        self.new.clear();
    }

    /// Ends the sum: from now on it can be asked.
    pub(super) fn finish(mut self) -> Total {
        self.sort();
        Total {
            count: self.bins.iter().map(|bin| bin.1).sum(),
            bins: self.bins,
        }
    }
}

/// A [`Sum`] to which nothing is added any more.
#[derive(Debug)]
pub(super) struct Total {
    /// Key and count, by key.
    bins: Vec<(u16, u64)>,
    count: u64,
}

impl Total {
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    pub(super) fn mean(&self, scale: Scale) -> f64 {
        let sum: f64 = self
            .bins
            .iter()
            .map(|(key, count)| value(scale, *key) * *count as f64)
            .sum();
        sum / self.count.max(1) as f64
    }

    /// The value of the sample at `share` of the way from the least to the greatest.
    pub(super) fn quantile(&self, scale: Scale, share: f64) -> f64 {
        let rank = (share * self.count.saturating_sub(1) as f64) as u64;
        let mut passed = 0;
        for (key, count) in &self.bins {
            passed += count;
            if passed > rank {
                return value(scale, *key);
            }
        }
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_a_bin_is_near_to_all_of_it() {
        let mut value = 0.001_1;
        while value < 4.0e7 {
            let found = super::value(Scale::Less, key(Scale::Less, value));
            assert!((found - value).abs() <= 0.01 * value, "{value} as {found}");
            value *= 1.000_7;
        }
        for share in [0.0, 0.25, 0.5, 1.0] {
            assert_eq!(super::value(Scale::Good, key(Scale::Good, share)), share);
        }
    }

    #[test]
    fn what_no_sample_can_be_still_has_a_bin() {
        for value in [f64::NAN, -3.0, 0.0] {
            assert_eq!(key(Scale::Less, value), 0);
        }
        assert_eq!(key(Scale::Less, f64::INFINITY), 2_047);
    }

    #[test]
    fn bins_give_back_what_they_took() {
        let mut bins = Bins::default();
        let mut all: Vec<u16> = (0..500).map(|at| at * 37 % 211).collect();
        all.iter().for_each(|key| bins.add(*key, 1));
        let one = bins.clone();
        all.iter().for_each(|key| bins.add(*key, 1));
        all.reverse();
        assert!(all.iter().all(|key| bins.take(*key)));
        assert_eq!(bins, one);
        assert!(all.iter().all(|key| bins.take(*key)));
        assert!(bins.is_empty() && !bins.take(all[0]));
    }

    #[test]
    fn bins_give_back_what_others_hold_and_no_more() {
        let of = |keys: &[(u16, u32)]| {
            let mut bins = Bins::default();
            keys.iter().for_each(|(key, count)| bins.add(*key, *count));
            bins
        };
        let mut bins = of(&[(3, 4), (5, COUNT_MASK), (9, 2)]);
        bins.add(5, 7);
        bins.less(of(&[(3, 1), (4, 8), (5, COUNT_MASK), (9, 6)]).raw());
        assert_eq!(bins.values(Scale::Good), [(0.003, 3), (0.005, 7)]);
        bins.less(of(&[(3, 3), (5, 7)]).raw());
        assert!(bins.is_empty());
    }

    #[test]
    fn a_bin_holds_any_count() {
        let mut bins = Bins::default();
        bins.add(9, COUNT_MASK - 1);
        bins.add(7, 3);
        bins.add(9, COUNT_MASK);
        bins.add(9, 5);
        assert!(bins.take(9));
        let mut sum = Sum::default();
        sum.merge(bins.raw());
        let total = sum.finish();
        assert_eq!(total.count(), 2 * u64::from(COUNT_MASK) + 6);
        assert_eq!(total.bins.len(), 2);
    }

    #[test]
    fn a_sum_is_that_of_all_bins_however_many_they_are() {
        let mut sum = Sum::default();
        let mut expected: std::collections::BTreeMap<u16, u64> = Default::default();
        for round in 0..300_u16 {
            let keys = [round % 7, 100 + round * 13 % 401, 2_047 - round];
            let mut bins = Bins::default();
            for key in keys {
                bins.add(key, u32::from(round) + 1);
                *expected.entry(key).or_default() += u64::from(round) + 1;
            }
            sum.merge(bins.raw());
        }
        let total = sum.finish();
        assert_eq!(total.count(), expected.values().sum::<u64>());
        assert_eq!(total.bins, expected.into_iter().collect::<Vec<_>>());
    }
}
