//! Step 1: which sources may know this number or order. Pure: it looks at the number, the hints and
//! the table of sources, and asks nobody.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use waybill_core::adapter::Hints;
use waybill_core::event::SourceClass;
use waybill_core::number::{self, Candidate, TrackingNumber};
use waybill_core::order::{Order, Subject};
use waybill_core::shipment::Shipment;

use super::way::Way;
use super::{Lookup, Miss, Source, SourceResult};
use crate::config::Routing;
use crate::guard::{BreakerState, Priority};
use crate::money::Amount;

/// When aggregators are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Aggregators {
    /// Together with the carriers' own sources.
    Beside,
    /// Once every source of a carrier has answered and none knows the number.
    After,
    /// Only if no source of a carrier serves the number.
    Missing,
}

/// A source that could answer, and what is to be done with it.
pub(super) struct Routed {
    pub(super) source: Arc<Source>,
    /// Format of the number at this source; empty if only the caller names the carrier.
    pub(super) format: String,
    /// Carrier that the number is believed to be of; empty if nobody knows.
    pub(super) carrier: String,
    /// It is asked only once the others have answered and none of them knows the number.
    pub(super) is_last_resort: bool,
    /// It is of the post at the other end of the way, which has no reason to know the number yet.
    pub(super) is_early: bool,
    /// `None`: ask it. Otherwise why not.
    pub(super) skip: Option<SourceResult>,
}

impl Routed {
    /// Tells whether it is asked only once the others have answered and none knows the number.
    pub(super) fn is_held_back(&self) -> bool {
        self.is_last_resort || self.is_early
    }
}

/// Every source that could answer, best first.
pub(super) struct Route {
    pub(super) sources: Vec<Routed>,
    /// Why none of them can be asked, if so: what a lookup without stored data comes to.
    pub(super) miss: Option<Miss>,
    /// Post that should know the number and has no source here; empty if there is none.
    pub(super) unserved: &'static str,
}

/// Lists every source that could answer.
pub(super) fn route(
    sources: &[Arc<Source>],
    routing: &Routing,
    lookup: &Lookup,
    way: &Way,
) -> Result<Route, Miss> {
    let configured = |id: &String| sources.iter().any(|source| source.descriptor.id == id);
    if let Some(id) = lookup.sources.iter().find(|id| !configured(id)) {
        return Err(Miss::UnknownSource(id.clone()));
    }
    let (mut routed, nobody) = match &lookup.subject {
        Subject::Number(number) => by_number(sources, routing, lookup, number, way),
        Subject::Order(order) => by_order(sources, routing, lookup, order),
    };
    if routing.aggregators == Aggregators::Missing {
        let direct = |routed: &Routed| !is_aggregator(&routed.source) && routed.skip.is_none();
        if routed.iter().any(direct) {
            let relaying = routed
                .iter_mut()
                .filter(|routed| is_aggregator(&routed.source) && routed.skip.is_none());
            relaying.for_each(|routed| routed.skip = Some(SourceResult::SkippedNotNeeded));
        }
    }
    let miss = if routed.is_empty() {
        Some(nobody)
    } else if routed.iter().any(|routed| routed.skip.is_none()) {
        None
    } else {
        let missing = routed.iter().find_map(|routed| match routed.skip {
            Some(SourceResult::SkippedHintMissing(hint)) => Some(hint),
            _ => None,
        });
        let paid = |routed: &Routed| routed.skip == Some(SourceResult::SkippedPaid);
        Some(match missing {
            Some(hint) => Miss::HintRequired(hint),
            None if routed.iter().any(paid) => Miss::PaidOnly,
            None => Miss::SourcesUnfit,
        })
    };
    Ok(Route {
        sources: routed,
        miss,
        unserved: "",
    })
}

/// The source that is asked first about a record when nobody adds a hint; `None` if none may be.
pub(super) fn first(
    sources: &[Arc<Source>],
    routing: &Routing,
    record: &Shipment,
) -> Option<&'static str> {
    let lookup = Lookup {
        tenant: String::new(),
        subject: Subject::Number(record.number.clone()),
        carrier: record.carrier.clone(),
        hints: Hints::default(),
        sources: Vec::new(),
        max_age: None,
        cache_only: false,
        wait_for_all: true,
        allow_paid: false,
        deadline: tokio::time::Instant::now(),
        priority: Priority::Background,
    };
    let route = route(sources, routing, &lookup, &Way::default()).ok()?;
    let asked = route.sources.iter().filter(|routed| routed.skip.is_none());
    let first = asked.min_by_key(|routed| routed.is_last_resort)?;
    Some(first.source.descriptor.id)
}

/// Sources that find orders of the platform; and what it means if there is none. Two accounts of a
/// source can have different shops.
fn by_order(
    sources: &[Arc<Source>],
    routing: &Routing,
    lookup: &Lookup,
    order: &Order,
) -> (Vec<Routed>, Miss) {
    let finds = |source: &&Arc<Source>| source.platforms.iter().any(|it| it == order.platform());
    let finding: Vec<Arc<Source>> = sources.iter().filter(finds).cloned().collect();
    let mut routed: Vec<Routed> = Vec::new();
    for source in &finding {
        if is_new(&routed, source) {
            let source = healthiest(&finding, source);
            routed.push(Routed {
                format: String::new(),
                carrier: lookup.carrier.clone(),
                is_last_resort: is_last_resort(&source, routing),
                is_early: false,
                skip: skip(&source, routing, lookup),
                source,
            });
        }
    }
    let all = sources.iter().flat_map(|source| source.platforms.clone());
    let platforms: BTreeSet<String> = all.collect();
    let platforms = platforms.into_iter().collect();
    (routed, Miss::NoOrderSource { platforms })
}

fn is_new(routed: &[Routed], source: &Source) -> bool {
    let mut others = routed.iter().map(|routed| routed.source.descriptor.id);
    others.all(|other| other != source.descriptor.id)
}

fn is_last_resort(source: &Source, routing: &Routing) -> bool {
    is_aggregator(source) && routing.aggregators == Aggregators::After
}

/// Sources that may know the number; and what it means if there is none.
fn by_number(
    sources: &[Arc<Source>],
    routing: &Routing,
    lookup: &Lookup,
    number: &TrackingNumber,
    way: &Way,
) -> (Vec<Routed>, Miss) {
    let candidates = number::detect(number, &lookup.hints);
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
    let believed = believed(&candidates, lookup);
    let relaying = sources
        .iter()
        .filter(|source| relays(source, &believed, lookup));
    pairs.extend(relaying.map(|source| (source, String::new())));
    let issuer = candidates
        .iter()
        .map(|candidate| candidate.country.as_str())
        .find(|country| !country.is_empty());
    let mut routed: Vec<Routed> = Vec::new();
    for (source, format) in pairs {
        if is_new(&routed, source) {
            let source = healthiest(sources, source);
            let skip = skip(&source, routing, lookup);
            let skip = skip.or_else(|| abroad(&source, issuer, lookup, way));
            routed.push(Routed {
                is_early: is_early(&source, issuer, lookup, way),
                carrier: believed.clone(),
                is_last_resort: is_last_resort(&source, routing),
                source,
                format,
                skip,
            });
        }
    }
    // Somebody has to be asked first.
    let first = |routed: &Routed| routed.skip.is_none() && !routed.is_held_back();
    if !routed.iter().any(first) {
        routed.iter_mut().for_each(|routed| routed.is_early = false);
    }
    let carriers = carriers(candidates);
    (routed, Miss::NoSource { carriers })
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
            // Whoever of them is named, both posts of a way know a postal number.
            let carrier_fits = lookup.carrier.is_empty()
                || descriptor.carrier == lookup.carrier
                || !candidate.country.is_empty();
            if carrier_fits && descriptor.formats.contains(&format) {
                pairs.push((source, format.to_owned()));
            }
        }
    }
    pairs
}

/// Of the accounts of one source, the first whose breakers let calls through and whose quota and
/// budget are not used up; the first of all if there is none.
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
        !breakers.contains(&BreakerState::Tripped)
            && health.quota_remaining > 0.0
            && source.guard.can_pay()
    };
    Arc::clone(accounts.find(admits).unwrap_or(like))
}

/// An aggregator speaks for no carrier of its own.
fn is_aggregator(source: &Source) -> bool {
    source.descriptor.class == SourceClass::Aggregator
}

/// Carrier that an aggregator is told: the caller's, else that of the best candidate with a sound
/// check digit.
fn believed(candidates: &[Candidate], lookup: &Lookup) -> String {
    if !lookup.carrier.is_empty() {
        return lookup.carrier.clone();
    }
    let sound = candidates
        .iter()
        .find(|candidate| candidate.check_digit_valid == Some(true));
    sound.map_or_else(String::new, |candidate| candidate.carrier.clone())
}

/// Whether an aggregator can be asked about a number of this carrier.
fn relays(source: &Source, carrier: &str, lookup: &Lookup) -> bool {
    let known = source.descriptor.carriers;
    is_aggregator(source)
        && (known.is_empty() || carrier.is_empty() || known.contains(&carrier))
        && (lookup.sources.is_empty() || lookup.sources.iter().any(|id| id == source.descriptor.id))
}

/// A number that states the country of its issuer is known to the posts at both ends of its way,
/// and to no other: without the other end only the issuer is asked, and the missing hint is named.
fn abroad(
    source: &Source,
    issuer: Option<&str>,
    lookup: &Lookup,
    way: &Way,
) -> Option<SourceResult> {
    let country = source.descriptor.country;
    let concerned = issuer.is_none_or(|issuer| issuer == country)
        || way.destination == country
        || lookup.hints.origin_country == country
        || country.is_empty()
        || is_meant(source, lookup);
    if concerned {
        None
    } else if way.destination.is_empty() {
        Some(SourceResult::SkippedHintMissing("destination_country"))
    } else {
        Some(SourceResult::SkippedNotNeeded)
    }
}

/// Tells whether a source is of the post at the other end, while the item has not left.
fn is_early(source: &Source, issuer: Option<&str>, lookup: &Lookup, way: &Way) -> bool {
    let country = source.descriptor.country;
    issuer.is_some_and(|issuer| issuer != country)
        && way.destination == country
        && lookup.hints.origin_country != country
        && !way.is_near
        && !is_meant(source, lookup)
}

/// It relays everybody, or the caller names it.
fn is_meant(source: &Source, lookup: &Lookup) -> bool {
    is_aggregator(source)
        || source.descriptor.carrier == lookup.carrier
        || lookup.sources.iter().any(|id| id == source.descriptor.id)
}

fn skip(source: &Source, routing: &Routing, lookup: &Lookup) -> Option<SourceResult> {
    let descriptor = source.descriptor;
    if !lookup.sources.is_empty() && lookup.sources.iter().all(|id| id != descriptor.id) {
        return Some(SourceResult::SkippedNotNeeded);
    }
    let capabilities = &descriptor.capabilities;
    let has_price = source.guard.purse().cost() > Amount::ZERO;
    let is_paid = capabilities.paid || capabilities.registers || has_price;
    if is_paid && !lookup.allow_paid && !routing.allow_paid {
        return Some(SourceResult::SkippedPaid);
    }
    let required = capabilities.required_hints.iter();
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
