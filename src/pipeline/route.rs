//! Step 1: which sources may know this number. Pure: it looks at the number, the hints and the
//! table of sources, and asks nobody.

use std::sync::Arc;

use waybill_core::adapter::Hints;
use waybill_core::number::{self, Candidate};

use super::{Lookup, Miss, Source, SourceResult};
use crate::guard::BreakerState;

/// A source that could answer, and what is to be done with it.
pub(super) struct Routed {
    pub(super) source: Arc<Source>,
    /// Format of the number at this source; empty if only the caller names the carrier.
    pub(super) format: String,
    /// `None`: ask it. Otherwise why not.
    pub(super) skip: Option<SourceResult>,
}

/// Every source that could answer, best first.
pub(super) struct Route {
    pub(super) sources: Vec<Routed>,
    /// Why none of them can be asked, if so: what a lookup without stored data comes to.
    pub(super) miss: Option<Miss>,
}

/// Lists every source that could answer.
pub(super) fn route(sources: &[Arc<Source>], lookup: &Lookup) -> Result<Route, Miss> {
    let configured = |id: &String| sources.iter().any(|source| source.descriptor.id == id);
    if let Some(id) = lookup.sources.iter().find(|id| !configured(id)) {
        return Err(Miss::UnknownSource(id.clone()));
    }
    let candidates = number::detect(&lookup.number, &lookup.hints);
    // A number whose check digit is wrong is asked for only where nothing better fits or the
    // caller names the carrier: documents are full of numbers with wrong check digits, and posts
    // do not always honour them, but each question costs quota.
    let (failed, sound): (Vec<_>, Vec<_>) = candidates
        .iter()
        .partition(|candidate| candidate.check_digit_valid == Some(false));
    let mut pairs = serving(sources, lookup, &sound);
    if pairs.is_empty() {
        pairs = serving(sources, lookup, &failed);
    }
    if !lookup.carrier.is_empty() {
        let named = sources
            .iter()
            .filter(|source| source.descriptor.carrier == lookup.carrier);
        pairs.extend(named.map(|source| (source, String::new())));
    }
    let mut routed: Vec<Routed> = Vec::new();
    for (source, format) in pairs {
        if routed
            .iter()
            .all(|other| other.source.descriptor.id != source.descriptor.id)
        {
            let source = healthiest(sources, source);
            let skip = skip(&source, lookup);
            routed.push(Routed {
                source,
                format,
                skip,
            });
        }
    }
    let miss = if routed.is_empty() {
        Some(Miss::NoSource {
            carriers: carriers(candidates),
        })
    } else if routed.iter().any(|routed| routed.skip.is_none()) {
        None
    } else {
        let missing = routed.iter().find_map(|routed| match routed.skip {
            Some(SourceResult::SkippedHintMissing(hint)) => Some(hint),
            _ => None,
        });
        Some(missing.map_or(Miss::SourcesUnfit, Miss::HintRequired))
    };
    Ok(Route {
        sources: routed,
        miss,
    })
}

/// A hint that the source can use and the caller did not give.
pub(super) fn lacking_hint(source: &Source, lookup: &Lookup) -> &'static str {
    let capabilities = &source.descriptor.capabilities;
    let hints = capabilities
        .required_hints
        .iter()
        .chain(capabilities.optional_hints);
    hints
        .copied()
        .find(|hint| !has_hint(&lookup.hints, hint))
        .unwrap_or_default()
}

/// Pairs each candidate with the sources that serve its format, in the order of the candidates.
fn serving<'a>(
    sources: &'a [Arc<Source>],
    lookup: &Lookup,
    candidates: &[&Candidate],
) -> Vec<(&'a Arc<Source>, String)> {
    let mut pairs = Vec::new();
    for candidate in candidates {
        let format = candidate.format;
        for source in sources {
            let descriptor = source.descriptor;
            let carrier_fits = lookup.carrier.is_empty() || descriptor.carrier == lookup.carrier;
            if carrier_fits && descriptor.formats.contains(&format) {
                pairs.push((source, format.to_owned()));
            }
        }
    }
    pairs
}

/// Of the accounts of one source, the first whose breakers let calls through and whose quota is
/// not used up; the first of all if there is none.
fn healthiest(sources: &[Arc<Source>], like: &Arc<Source>) -> Arc<Source> {
    let mut accounts = sources
        .iter()
        .filter(|source| source.descriptor.id == like.descriptor.id);
    if accounts.clone().nth(1).is_none() {
        return Arc::clone(like);
    }
    let admits = |source: &&Arc<Source>| {
        let health = source.guard.health();
        let breakers = [health.source.state, health.credential.state];
        !breakers.contains(&BreakerState::Tripped) && health.quota_remaining > 0.0
    };
    Arc::clone(accounts.find(admits).unwrap_or(like))
}

fn skip(source: &Source, lookup: &Lookup) -> Option<SourceResult> {
    let descriptor = source.descriptor;
    if !lookup.sources.is_empty() && lookup.sources.iter().all(|id| id != descriptor.id) {
        return Some(SourceResult::SkippedNotNeeded);
    }
    let required = descriptor.capabilities.required_hints.iter();
    let missing = required
        .copied()
        .find(|hint| !has_hint(&lookup.hints, hint))?;
    Some(SourceResult::SkippedHintMissing(missing))
}

fn has_hint(hints: &Hints, field: &str) -> bool {
    match field {
        "postal_code" => !hints.postal_code.reveal().is_empty(),
        "destination_country" => !hints.destination_country.is_empty(),
        "origin_country" => !hints.origin_country.is_empty(),
        "ship_date" => !hints.ship_date.is_empty(),
        "phone_last_four" => !hints.phone_last_four.reveal().is_empty(),
        _ => false,
    }
}

fn carriers(candidates: Vec<Candidate>) -> Vec<String> {
    let mut carriers: Vec<String> = Vec::new();
    for candidate in candidates {
        if !candidate.carrier.is_empty() && !carriers.contains(&candidate.carrier) {
            carriers.push(candidate.carrier);
        }
    }
    carriers
}
