//! Whose each observation is, as a number: names are compared once instead of again and again.

use std::sync::Arc;

use crate::event::Observation;

/// Numbers for whose each observation is, and the sources that they belong to, which are in the
/// order of their names.
#[derive(Default)]
pub(crate) struct Origins<'a> {
    /// Source, evidence root, and the source's place among all.
    known: Vec<(&'a Arc<str>, &'a Arc<str>, usize)>,
}

impl<'a> Origins<'a> {
    /// Numbers of the observations, in their order.
    pub(crate) fn of(observations: &'a [Arc<Observation>]) -> (Self, Vec<usize>) {
        let mut origins = Self::default();
        let numbers = observations.iter().map(|one| origins.number(one)).collect();
        let mut names: Vec<&Arc<str>> = origins.known.iter().map(|known| known.0).collect();
        names.sort_unstable();
        names.dedup();
        for (source, _, place) in &mut origins.known {
            *place = names.binary_search(source).unwrap_or_default();
        }
        (origins, numbers)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }

    fn number(&mut self, one: &'a Observation) -> usize {
        let (source, root) = (&one.source, &one.evidence_root);
        // Rows that were heard together share both names.
        let mut known = self.known.iter();
        let shared =
            known.position(|(known, its, _)| Arc::ptr_eq(known, source) && Arc::ptr_eq(its, root));
        let equal = || {
            let mut known = self.known.iter();
            known.position(|(known, its, _)| *known == source && *its == root)
        };
        shared.or_else(equal).unwrap_or_else(|| {
            self.known.push((source, root, 0));
            self.known.len() - 1
        })
    }

    /// Place of the source that a number belongs to.
    pub(crate) fn source(&self, number: usize) -> usize {
        self.known.get(number).map_or(0, |known| known.2)
    }
}
