//! Reports that came by themselves: they overtake one another, and old ones can be sent again.

use std::sync::Arc;

use jiff::Timestamp;

use crate::adapter::Report;
use crate::event::{Claim, SourceClass};
use crate::fold;
use crate::reconcile::{Change, Dossier};

impl Dossier {
    /// Takes in a report that the source sent by itself. Its rows count whenever they come. What it
    /// lacks says nothing, because what it lacks may have come before it; and if the source has
    /// already told of something later, the facts that it told then stand.
    pub fn absorb_push(
        &mut self,
        source: &str,
        class: SourceClass,
        report: &Report,
        receive_time: Timestamp,
    ) -> Change {
        let report = Report {
            complete: false,
            ..report.clone()
        };
        let known = match self.place_of(source) {
            Some(at) if self.is_overtaken(source, &report) => Some((at, self.facts[at].clone())),
            _ => None,
        };
        let change = self.absorb(source, class, &report, receive_time);
        if let Some((at, known)) = known {
            self.facts[at] = known;
        }
        change
    }

    /// Tells whether the source has already told of something later than all that is in the report.
    fn is_overtaken(&self, source: &str, report: &Report) -> bool {
        let own = self.observations.iter();
        let own = own.filter(|known| &*known.source == source);
        let known = newest(own.map(|known| &known.claim));
        let told = newest(report.claims.iter());
        told.is_some() && told < known
    }
}

/// Moment of the newest thing that happened.
fn newest<'a>(claims: impl Iterator<Item = &'a Arc<Claim>>) -> Option<Timestamp> {
    let happened = claims.filter(|claim| claim.happened());
    happened.map(|claim| fold::moment(&claim.time)).max()
}
