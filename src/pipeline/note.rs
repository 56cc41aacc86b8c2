//! What a call has come to on its way, for whoever logs it: which sources were asked, and with what
//! outcome. Ids and words of ours only.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use waybill_core::shipment::{FindingKind, Shipment};

use super::{Freshness, Live, Outcome, SourceResult};
use crate::cache::{Stage, stage_of};

tokio::task_local! {
    static NOTE: Arc<Note>;
}

/// Label of a carrier that no configured source speaks for.
const OTHER: &str = "_OTHER";

/// The note of one call.
#[derive(Default)]
pub struct Note(Mutex<Noted>);

#[derive(Default)]
struct Noted {
    looked: bool,
    asked: bool,
    sources: BTreeMap<(&'static str, &'static str), u32>,
}

impl Note {
    /// Does the work of a call that is noted.
    pub async fn taking<F: Future>(self: Arc<Self>, work: F) -> F::Output {
        NOTE.scope(self, work).await
    }

    /// "asked" if a source was, "held" if what was held did; empty if nothing was looked up.
    pub fn cache(&self) -> &'static str {
        let noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match (noted.asked, noted.looked) {
            (true, _) => "asked",
            (false, true) => "held",
            (false, false) => "",
        }
    }

    /// Sources with their outcomes, as in "dhl=timeout ups=found*3".
    pub fn sources(&self) -> String {
        let noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let words = noted.sources.iter().map(|((source, outcome), count)| {
            let times = match count {
                1 => String::new(),
                count => format!("*{count}"),
            };
            format!("{source}={outcome}{times}")
        });
        words.collect::<Vec<_>>().join(" ")
    }

    fn add(&self, outcomes: &[Outcome]) {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        noted.looked = true;
        for outcome in outcomes {
            let word = match &outcome.result {
                SourceResult::Found => "found",
                SourceResult::NotFound(_) => "not_found",
                SourceResult::SkippedFresh => "held",
                SourceResult::Failed(error) => error.kind.as_str(),
                SourceResult::StillRunning => "running",
                SourceResult::SkippedNotNeeded
                | SourceResult::SkippedPaid
                | SourceResult::SkippedNoSource
                | SourceResult::SkippedHintMissing(_) => continue,
            };
            noted.asked |= outcome.attempts > 0 || word == "running";
            *noted.sources.entry((outcome.source, word)).or_default() += 1;
        }
    }
}

/// Notes what became of the sources of a lookup, if somebody wants to know.
pub(super) fn outcomes(outcomes: &[Outcome]) {
    let _nobody = NOTE.try_with(|note| note.add(outcomes));
}

/// Counts how old records are when they are read.
pub(super) fn ages(
    live: &Live,
    shipments: &[Arc<Shipment>],
    freshness: &Freshness,
    now: jiff::Timestamp,
) {
    let Some(fetched) = freshness.fetch_time else {
        return;
    };
    let age = now.duration_since(fetched).as_secs_f64().max(0.0);
    for shipment in shipments {
        let known = live.configured.sources.iter();
        let carrier = known
            .map(|source| source.descriptor.carrier)
            .find(|carrier| *carrier == shipment.carrier)
            .unwrap_or(OTHER);
        let stage = match stage_of(shipment) {
            Stage::Label => "label",
            Stage::Transit => "transit",
            Stage::OutForDelivery => "out_for_delivery",
            Stage::Exception => "exception",
            Stage::Terminal => "terminal",
        };
        metrics::histogram!("waybill_freshness_seconds", "carrier" => carrier, "stage" => stage)
            .record(age);
    }
}

/// Name of a finding in metrics.
pub(super) const fn rule(kind: FindingKind) -> &'static str {
    match kind {
        FindingKind::ImpossibleTravel => "impossible_travel",
        FindingKind::TimeContradiction => "time_contradiction",
        FindingKind::FutureTime => "future_time",
        FindingKind::IdentityReuse => "identity_reuse",
        FindingKind::TimeZoneAssumed => "time_zone_assumed",
        FindingKind::LocationUnresolved => "location_unresolved",
        FindingKind::UnmappedCode => "unmapped_code",
        FindingKind::EventAfterTerminal => "event_after_terminal",
        FindingKind::SourcesDisagree => "sources_disagree",
        FindingKind::MilestoneMissing => "milestone_missing",
        FindingKind::EventDisappeared => "event_disappeared",
        FindingKind::CheckDigit => "check_digit",
        FindingKind::IllegalTransition => "illegal_transition",
        FindingKind::FeedStale => "feed_stale",
        FindingKind::WarehouseUnaware => "warehouse_unaware",
    }
}
