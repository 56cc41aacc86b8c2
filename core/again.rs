//! The report that says what the one before it said: by far the most frequent one.

use std::sync::Arc;

use jiff::Timestamp;

use crate::adapter::Report;
use crate::event::SourceClass;
use crate::fold;
use crate::listing::listings;
use crate::reconcile::{Change, Dossier, SourceFacts, carrier_of, ids, root_of};
use crate::shipment::Facts;

impl Dossier {
    /// Takes in a report that equals the newest one of its source; `None` if it does not, or if it
    /// cannot be told without more work.
    ///
    /// The record is a function of when a row was listed last in these respects, each of which is
    /// checked: a time in the future of its report, rows that are left out, and a source that has
    /// no news.
    pub(crate) fn absorb_again(
        &mut self,
        source: &str,
        class: SourceClass,
        report: &Report,
        receive_time: Timestamp,
    ) -> Option<Change> {
        let at = self.place_of(source)?;
        let known = &self.facts[at];
        let before = known.receive_time;
        let is_same = receive_time >= before
            && known.class == class
            && known.under.contains(&report.number)
            && known.carrier == carrier_of(source, report)
            && self.states_again(known, report);
        if !is_same {
            return None;
        }
        let (rows, own) = self.rows_again(source, class, report, before)?;
        if receive_time == before && (!report.complete || known.complete.contains(&before)) {
            return Some(Change::Nothing);
        }

        let is_left_out = report.complete && own > rows.len();
        let mut all = self.observations.iter();
        let was_future = all.any(|one| fold::lies_after(&one.claim.time, before));
        let newest = self.newest();
        let had_news = newest.is_none_or(|newest| newest < before);
        for at in rows {
            Arc::make_mut(&mut self.observations[at]).last_listed = receive_time;
        }
        let known = &mut self.facts[at];
        known.receive_time = receive_time;
        for estimate in &mut known.facts.estimates {
            estimate.receive_time = receive_time;
        }
        if report.complete {
            known.complete = listings(std::mem::take(&mut known.complete), &[receive_time]);
        }
        Some(if is_left_out || was_future || !had_news {
            Change::Content
        } else {
            Change::Listing
        })
    }

    /// Tells whether the report states the facts that are known of its source.
    fn states_again(&self, known: &SourceFacts, report: &Report) -> bool {
        let Facts {
            service,
            origin,
            destination,
            identifiers,
            estimates,
            physical,
            proof,
            requirements,
            contacts,
            doubts,
        } = &report.facts;
        let facts = &known.facts;
        let further = self.further_identifier(report);
        let named = identifiers.len();
        *service == facts.service
            && *origin == facts.origin
            && *destination == facts.destination
            && facts.identifiers.get(..named) == Some(identifiers)
            && facts.identifiers.get(named..) == Some(further.as_slice())
            && estimates.len() == facts.estimates.len()
            && estimates
                .iter()
                .zip(&facts.estimates)
                .all(|(new, old)| new.kind == old.kind && new.window == old.window)
            && *physical == facts.physical
            && *proof == facts.proof
            && *requirements == facts.requirements
            && *contacts == facts.contacts
            && *doubts == facts.doubts
    }

    /// Positions of the rows of the newest report of a source, in its order, if `report` has the
    /// same ones, and how many rows the source has in all.
    fn rows_again(
        &self,
        source: &str,
        class: SourceClass,
        report: &Report,
        before: Timestamp,
    ) -> Option<(Vec<usize>, usize)> {
        let mut rows = vec![None; report.claims.len()];
        let mut own = 0;
        for (at, one) in self.observations.iter().enumerate() {
            if &*one.source != source {
                continue;
            }
            own += 1;
            if one.last_listed == before {
                let row = rows.get_mut(one.sequence as usize)?;
                if row.replace(at).is_some() {
                    return None;
                }
            }
        }
        let rows: Vec<usize> = rows.into_iter().collect::<Option<_>>()?;
        let carrier = carrier_of(source, report);
        let mut pairs = rows.iter().zip(&report.claims);
        let is_same = pairs.all(|(at, claim)| {
            let one = &self.observations[*at];
            (Arc::ptr_eq(&one.claim, claim) || one.claim == *claim)
                && one.class == class
                && *one.evidence_root == *root_of(carrier, class, claim)
                && *one.language == *report.language
        });
        // The number that the source was asked for is a part of every id.
        let first = rows.first().map(|at| self.observations[*at].id);
        (is_same && ids(source, report).next() == first).then_some((rows, own))
    }
}
