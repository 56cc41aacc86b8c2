//! Reading again what a source has answered, with the adapter as it is now, and taking it in as if
//! it had answered just so. For use after an adapter was mended.
//!
//! **Invariant:** no source is asked, and what is understood now takes the place of what was
//! understood then: an answer counts as received a little later than it was, by a thousandth of its
//! age, which keeps the order of answers and gives the later reading the last word.

use std::sync::Arc;

use waybill_core::adapter::{Hints, Query};
use waybill_core::shipment::{Shipment, ShipmentId};

use super::settle::{Origin, absorb, names};
use super::{Miss, Pipeline, Question, Source};

/// What reading the answers about one shipment again came to.
pub struct Replayed {
    /// Answers of the source that are kept.
    pub answers: u32,
    /// Those of them that are not understood as answers about the shipment.
    pub unreadable: u32,
    /// The record before.
    pub before: Arc<Shipment>,
    /// The record now.
    pub after: Arc<Shipment>,
}

impl Pipeline {
    /// Reads again what is kept of a source about a shipment, unless `dry` only looks.
    ///
    /// # Errors
    /// [`Miss::Store`] or [`Miss::UnknownId`].
    pub async fn replay(
        &self,
        source: &Source,
        id: &ShipmentId,
        dry: bool,
    ) -> Result<Replayed, Miss> {
        let failed = |error: String| Miss::Store(error);
        let (before, _) = self.current(id).await?.ok_or(Miss::UnknownId)?;
        let kept = self.parts.evidence.gather(&before, self.now()).await;
        let kept = kept.map_err(|error| failed(error.to_string()))?.kept;
        let query = Query {
            number: before.number.clone(),
            carrier: before.carrier.clone(),
            hints: Hints::default(),
            format: String::new(),
        };
        let question = Question::Number(query.clone());
        let (mut answers, mut unreadable) = (0, 0);
        let mut kept: Vec<_> = kept.into_iter().collect();
        kept.retain(|one| one.source == source.name);
        kept.sort_by_key(|one| one.last);
        let now = self.now();
        for one in &kept {
            let later = now.duration_since(one.last) / 1_000;
            let time = one.last.saturating_add(later).unwrap_or(one.last);
            answers += 1;
            let response = http::Response::new(one.body.clone());
            let queries = std::slice::from_ref(&query);
            let read = source.adapter.interpret(queries, &response, time);
            let reports: Vec<_> = read.into_iter().flatten().flatten().collect();
            if !reports.iter().any(|report| names(report, &query)) {
                unreadable += 1;
                continue;
            }
            if !dry {
                let origin = Origin::Answer(&question);
                let taken = absorb(self, source, origin, &reports, time).await;
                taken.map_err(|error| failed(error.message))?;
            }
        }
        let (after, _) = self.current(id).await?.ok_or(Miss::UnknownId)?;
        Ok(Replayed {
            answers,
            unreadable,
            before,
            after,
        })
    }
}
