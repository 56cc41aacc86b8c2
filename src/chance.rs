//! Where streams take the chance from that spreads them out, so that a simulation can repeat it.

use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, PoisonError};

use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};

/// A source of chance. Clones share it.
#[derive(Clone, Default)]
pub struct Chance(Option<Arc<Mutex<SmallRng>>>);

impl Chance {
    /// Says the same again for the same seed, if it is asked the same.
    pub fn seeded(seed: u64) -> Self {
        let dice = SmallRng::seed_from_u64(seed);
        Self(Some(Arc::new(Mutex::new(dice))))
    }

    /// A number of a range, each as likely as the other.
    pub fn within(&self, range: RangeInclusive<f64>) -> f64 {
        match &self.0 {
            None => rand::random_range(range),
            Some(dice) => {
                let mut dice = dice.lock().unwrap_or_else(PoisonError::into_inner);
                dice.random_range(range)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_itself_and_stays_within_the_range() {
        let of = |chance: Chance| (0..100).map(move |_| chance.within(0.5..=1.5));
        let (one, again): (Vec<_>, Vec<_>) = (
            of(Chance::seeded(1)).collect(),
            of(Chance::seeded(1)).collect(),
        );
        assert_eq!(one, again);
        assert_ne!(one, of(Chance::seeded(2)).collect::<Vec<_>>());
        let mut all = one.into_iter().chain(of(Chance::default()));
        assert!(all.all(|one| (0.5..=1.5).contains(&one)));
    }
}
