//! Step 2: what is held already, and how an answer is made of it.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;
use waybill_core::assess::assess;
use waybill_core::error::{Error, ErrorKind};
use waybill_core::order::Subject;
use waybill_core::shipment::{Shipment, ShipmentId};

use super::ask::{Answers, question};
use super::freshness::freshness;
use super::route::{Route, Routed, lacking_hint};
use super::settle::{Origin, absorb, commit, key};
use super::{
    Found, Freshness, Lookup, Miss, Outcome, Pipeline, SourceResult, State, ingest, standing,
};
use crate::cache::{Age, Entry, Held, stage_of};
use crate::store::{CommitError, StoreError, Stored};

/// With less time than this left only held data is used: asking takes longer than waiting allows.
const LEAST_TIME: Duration = Duration::from_millis(30);

/// What is held about a number or order, source by source in the order of the route.
pub(super) struct Recalled {
    pub(super) entries: Vec<Option<Arc<Entry>>>,
    pub(super) ages: Vec<Age>,
    /// Failures that came after the entries.
    pub(super) lapses: Vec<Option<Arc<Entry>>>,
    pub(super) must_not_ask: bool,
    no_time: bool,
}

impl Recalled {
    /// No source has said anything of it but that it does not know it, and somebody is to be asked
    /// again: what is fresh needs no further look at the store.
    pub(super) fn is_of_nothing(&self) -> bool {
        let said = || self.entries.iter().flatten();
        let is_answered = said().next().is_some() && self.ages.iter().all(|age| *age == Age::Fresh);
        !is_answered && said().all(|entry| !matches!(entry.answer, Held::Found(_)))
    }
}

/// Looks up what each routed source said last.
pub(super) async fn recall(
    pipeline: &Pipeline,
    lookup: &Lookup,
    routed: &[Routed],
) -> Result<Recalled, Miss> {
    let now = pipeline.now();
    let policy = &pipeline.live().configured.policy;
    let mut entries = Vec::with_capacity(routed.len());
    let mut ages = Vec::with_capacity(routed.len());
    let mut lapses = Vec::with_capacity(routed.len());
    for routed in routed {
        if routed.skip.is_some() {
            entries.push(None);
            ages.push(Age::Fresh);
            lapses.push(None);
            continue;
        }
        let source = &routed.source;
        let question = question(lookup, routed);
        let key = key(pipeline, source, &question);
        let entry = pipeline.parts.cache.get(&key).await;
        // Another node, or this one before its restart, has asked: its answer comes by the same
        // steps into this node's store.
        if let Some(Held::Found(reports)) = entry.as_ref().map(|entry| &entry.answer)
            && let Some(fetched) = entry.as_ref().map(|entry| entry.fetch_time)
            && newest_fetch(pipeline, lookup, &source.name).await? < Some(fetched)
            && pipeline.admits(reports).await.map_err(unanswered)?
            && let Err(error) = absorb(
                pipeline,
                source,
                Origin::Answer(&question),
                reports,
                fetched,
            )
            .await
        {
            return Err(Miss::Store(error.message));
        }
        // What is stored outlives the cached answer: after a restart, and when the newest attempt
        // failed, the record's own age decides whether the caller has to wait.
        let least = source.limits.min_interval;
        let past_failure = |entry: &Arc<Entry>| {
            matches!(entry.answer, Held::Failed(_)) && now >= entry.fresh_until
        };
        let age = match &entry {
            Some(entry) if now.duration_since(entry.fetch_time) < signed(least) => Age::Fresh,
            Some(entry) if !past_failure(entry) => age_of(policy, entry, now, lookup.max_age),
            _ => stored_age(pipeline, lookup, &source.name, now).await?,
        };
        // A source that has just failed is left alone for a moment, unless the caller insists.
        let lapse = pipeline.lapses.get(&key).filter(|lapse| {
            let fetched = entry.as_ref().map(|entry| entry.fetch_time);
            lookup.max_age.is_none() && now < lapse.fresh_until && fetched < Some(lapse.fetch_time)
        });
        lapses.push(lapse.filter(|_| age != Age::Fresh));
        ages.push(age);
        entries.push(entry);
    }
    let no_time = lookup.deadline.saturating_duration_since(Instant::now()) < LEAST_TIME;
    Ok(Recalled {
        entries,
        ages,
        lapses,
        must_not_ask: lookup.cache_only || no_time,
        no_time,
    })
}

fn unanswered(error: StoreError) -> Miss {
    Miss::Store(error.to_string())
}

/// Judges an answer by the age that the caller allows, if it names one, else by the policy. A
/// "no" is never held longer than the policy does.
fn age_of(
    policy: &crate::cache::Freshness,
    entry: &Entry,
    now: Timestamp,
    max_age: Option<Duration>,
) -> Age {
    let young = |limit: Duration| now.duration_since(entry.fetch_time) <= signed(limit);
    let found = matches!(entry.answer, Held::Found(_)) && now < entry.keep_until;
    if found && max_age.is_some_and(young) {
        return Age::Fresh;
    }
    policy.age(entry, now, max_age)
}

/// Judges stored data of a source whose cached answer is gone, for example after a restart: the
/// shipments of its newest answer decide, not earlier uses of the number.
async fn stored_age(
    pipeline: &Pipeline,
    lookup: &Lookup,
    source: &str,
    now: Timestamp,
) -> Result<Age, Miss> {
    let policy = &pipeline.live().configured.policy;
    let stored = stored(pipeline, lookup).await?;
    let Some(newest) = fetched(&stored, source).map(|(_, at)| at).max() else {
        return Ok(Age::Expired);
    };
    let least = pipeline.least_interval(source);
    if now.duration_since(newest) < signed(least) {
        return Ok(Age::Fresh);
    }
    let current = fetched(&stored, source).filter(|(_, at)| *at == newest);
    let fresh_for = current
        .map(|(stored, _)| policy.fresh_for(stage_of(&stored.record), least))
        .min();
    let held = policy.found(Vec::new(), newest, fresh_for.unwrap_or_default());
    Ok(age_of(policy, &held, now, lookup.max_age))
}

/// Stored shipments of which a source has spoken, and when it last did.
fn fetched<'a>(
    stored: &'a [Arc<Stored>],
    source: &'a str,
) -> impl Iterator<Item = (&'a Arc<Stored>, Timestamp)> {
    stored.iter().filter_map(move |stored| {
        let mut facts = stored.dossier.facts.iter();
        let facts = facts.find(|facts| facts.source == source)?;
        Some((stored, facts.receive_time))
    })
}

async fn newest_fetch(
    pipeline: &Pipeline,
    lookup: &Lookup,
    source: &str,
) -> Result<Option<Timestamp>, Miss> {
    let stored = stored(pipeline, lookup).await?;
    Ok(fetched(&stored, source).map(|(_, at)| at).max())
}

async fn stored(pipeline: &Pipeline, lookup: &Lookup) -> Result<Vec<Arc<Stored>>, Miss> {
    let owners = standing::owners(pipeline, &lookup.subject).await;
    owners.map_err(|error| Miss::Store(error.to_string()))
}

/// The record with this id as of now, and when it changes by itself. If time alone has changed
/// what a client can see, the change is stored and told like any other.
pub(super) async fn current(
    pipeline: &Pipeline,
    id: &ShipmentId,
) -> Result<Option<(Arc<Shipment>, Option<Timestamp>)>, Miss> {
    let failed = |error: crate::store::StoreError| Miss::Store(error.to_string());
    loop {
        let Some(stored) = pipeline.parts.store.load(id).await.map_err(failed)? else {
            return Ok(None);
        };
        let now = pipeline.now();
        if stored.is_current(now) {
            return Ok(Some((Arc::clone(&stored.record), stored.next_change)));
        }
        let (record, next_change) = assess(Shipment::clone(&stored.record), now);
        if record.etag == stored.record.etag {
            return Ok(Some((Arc::clone(&stored.record), next_change)));
        }
        match commit(
            pipeline,
            Some(&stored),
            stored.dossier.clone(),
            Vec::new(),
            false,
        )
        .await
        {
            Ok(current) => return Ok(Some(current)),
            Err(CommitError::Conflict) => {}
            Err(CommitError::Store(error)) => return Err(failed(error)),
        }
    }
}

/// Makes the answer of what is held once the asked sources have answered or time is up.
pub(super) async fn answer(
    pipeline: &Pipeline,
    lookup: &Lookup,
    route: Route,
    mut recalled: Recalled,
    answers: Answers,
) -> Result<Found, Miss> {
    let now = pipeline.now();
    let mut outcomes = Vec::with_capacity(route.sources.len());
    for (at, routed) in route.sources.iter().enumerate() {
        let asked = answers
            .iter()
            .find(|answer| answer.0 == at)
            .map(|answer| answer.1.clone());
        if let Some(Some(settled)) = &asked {
            let entry = Some(Arc::clone(&settled.entry));
            if matches!(settled.entry.answer, Held::Failed(_)) {
                recalled.lapses[at] = entry;
            } else {
                recalled.entries[at] = entry;
            }
        }
        let mut outcome = outcome(routed, asked, &recalled, at, now);
        outcome.hint = lacking_hint(&routed.source, lookup);
        if outcome.fetch_time.is_none() {
            // Only the store remembers: after a restart, or when the newest attempt failed.
            outcome.fetch_time = newest_fetch(pipeline, lookup, &routed.source.name).await?;
        }
        outcomes.push(outcome);
    }
    if !route.unserved.is_empty() {
        outcomes.push(unserved(route.unserved));
    }
    let mut shipments = Vec::new();
    let mut next_change: Option<Timestamp> = None;
    for id in pipeline.known(&lookup.subject).await? {
        if let Some((record, change)) = current(pipeline, &id).await?
            && let Some((record, own)) = pipeline
                .found_by(&lookup.tenant, &lookup.subject, record)
                .await?
        {
            next_change = [next_change, change, own].into_iter().flatten().min();
            if !shipments
                .iter()
                .any(|known: &Arc<Shipment>| known.id == record.id)
            {
                shipments.push(record);
            }
        }
    }
    shipments.sort_by_cached_key(|record| {
        let newest = record.last_event_time.as_ref().map(|time| time.anchor());
        (
            !agrees(record, lookup),
            !is_own_number(record, &lookup.subject),
            record.status.is_terminal(),
            Reverse(newest),
            record.id.clone(),
        )
    });
    if shipments.is_empty() && !ingest::is_announced(pipeline, &lookup.subject).await? {
        nothing(&recalled, lookup, &route, &outcomes)?;
    }
    let freshness = freshness(
        pipeline, lookup, &shipments, &recalled, &outcomes, &answers, now,
    )
    .await?;
    let good_until = good_until(&freshness, &shipments, &recalled, &outcomes, now)
        .map(|until| next_change.map_or(until, |change| change.min(until)));
    Ok(Found {
        shipments,
        freshness,
        outcomes,
        good_until,
        is_recorded: true,
    })
}

/// Whether it was asked for by the number that is the shipment's own, not by another of its numbers.
fn is_own_number(record: &Shipment, subject: &Subject) -> bool {
    matches!(subject, Subject::Number(number) if *number == record.number)
}

/// Whether a record is of the carrier, the places and the time that the caller names. What the
/// record does not say contradicts nothing.
fn agrees(record: &Shipment, lookup: &Lookup) -> bool {
    let hints = &lookup.hints;
    let same = |known: &str, named: &str| {
        known.is_empty() || named.is_empty() || known.eq_ignore_ascii_case(named)
    };
    let origin = record.origin.as_ref();
    let destination = record.destination.as_ref();
    let postal_code = destination.map_or("", |place| place.postal_code.reveal());
    let shipped = hints.ship_date.parse::<jiff::civil::Date>();
    let newest = record.last_event_time.as_ref();
    let is_later = match (shipped, newest) {
        // The local day of the newest event, on whatever clock, is never before the day of shipping.
        (Ok(shipped), Some(newest)) => newest.local.date() >= shipped,
        _ => true,
    };
    same(&record.carrier, &lookup.carrier)
        && same(
            origin.map_or("", |place| &place.country),
            &hints.origin_country,
        )
        && same(
            destination.map_or("", |place| &place.country),
            &hints.destination_country,
        )
        && same(postal_code, hints.postal_code.reveal())
        && is_later
}

/// How much too long a wait may be that an answer states when it is given again.
const WAIT_SLACK: SignedDuration = SignedDuration::from_secs(5);

/// Until when the same lookup would ask nobody and answer the same, as far as sources decide.
fn good_until(
    freshness: &Freshness,
    shipments: &[Arc<Shipment>],
    recalled: &Recalled,
    outcomes: &[Outcome],
    now: Timestamp,
) -> Option<Timestamp> {
    if shipments.is_empty() || !matches!(freshness.state, Some(State::Fresh | State::Final)) {
        return None;
    }
    let mut until = freshness.fresh_until?;
    for (outcome, entry) in outcomes.iter().zip(&recalled.entries) {
        match outcome.result {
            SourceResult::StillRunning => return None,
            SourceResult::NotFound(_) | SourceResult::Failed(_) => {
                until = until.min(now.saturating_add(WAIT_SLACK).unwrap_or(now));
            }
            _ => {}
        }
        if let Some(entry) = entry {
            until = until.min(entry.fresh_until);
        }
    }
    Some(until)
}

/// Decides whether an empty answer is an answer: nobody knows the number, or nobody was asked.
fn nothing(
    recalled: &Recalled,
    lookup: &Lookup,
    route: &Route,
    outcomes: &[Outcome],
) -> Result<(), Miss> {
    if let Some(miss) = &route.miss {
        return Err(miss.clone());
    }
    let is_due = |age: &Age| *age != Age::Fresh;
    if recalled.no_time && !lookup.cache_only && recalled.ages.iter().any(is_due) {
        return Err(Miss::NoTime);
    }
    let tried = |outcome: &&Outcome| {
        !matches!(
            outcome.result,
            SourceResult::SkippedNotNeeded
                | SourceResult::SkippedPaid
                | SourceResult::SkippedNoSource
                | SourceResult::SkippedHintMissing(_)
                | SourceResult::SkippedFresh
        )
    };
    let mut asked = outcomes.iter().filter(tried).peekable();
    let any = asked.peek().is_some();
    let all_failed = asked.all(|outcome| {
        matches!(
            outcome.result,
            SourceResult::Failed(_) | SourceResult::StillRunning
        )
    });
    if any && all_failed {
        Err(Miss::SourcesFailed(outcomes.to_vec()))
    } else {
        Ok(())
    }
}

fn outcome(
    routed: &Routed,
    asked: Option<Option<Arc<super::Settled>>>,
    recalled: &Recalled,
    at: usize,
    now: Timestamp,
) -> Outcome {
    let entry = recalled.entries[at].as_deref();
    let lapse = recalled.lapses[at].as_deref();
    let mut outcome = Outcome {
        source: routed.source.descriptor.id,
        carrier: routed.source.descriptor.carrier,
        result: SourceResult::SkippedFresh,
        fetch_time: entry
            .filter(|entry| matches!(entry.answer, Held::Found(_)))
            .map(|entry| entry.fetch_time),
        latency: None,
        attempts: 0,
        attempt_time: lapse.or(entry).map(|entry| entry.fetch_time),
        hint: "",
    };
    if let Some(skip) = &routed.skip {
        outcome.result = skip.clone();
        return outcome;
    }
    let held = |entry: &Entry| match &entry.answer {
        Held::Found(_) => SourceResult::Found,
        Held::NotFound { .. } => SourceResult::NotFound(until(entry.fresh_until, now)),
        Held::Failed(error) => SourceResult::Failed(error.clone()),
        Held::Impossible => SourceResult::Failed(impossible()),
    };
    match asked {
        Some(Some(settled)) => {
            outcome.result = held(&settled.entry);
            outcome.latency = settled.latency;
            outcome.attempts = settled.attempts;
        }
        Some(None) => outcome.result = SourceResult::StillRunning,
        // Not asked: a fresh answer that is negative speaks for itself, a positive one is why.
        None if recalled.ages[at] == Age::Fresh => {
            outcome.result = match entry.map(held) {
                Some(SourceResult::Found) | None => SourceResult::SkippedFresh,
                Some(negative) => negative,
            };
        }
        None if routed.is_early
            || routed.is_last_resort && lapse.is_none() && !recalled.must_not_ask =>
        {
            outcome.result = SourceResult::SkippedNotNeeded;
        }
        None => {
            if let Some(failed) = lapse {
                outcome.result = held(failed);
            }
        }
    }
    outcome
}

/// What is said of a carrier that should know the number and has no source here.
fn unserved(carrier: &'static str) -> Outcome {
    Outcome {
        source: "",
        carrier,
        result: SourceResult::SkippedNoSource,
        fetch_time: None,
        latency: None,
        attempts: 0,
        attempt_time: None,
        hint: "",
    }
}

/// What a source says of a number that cannot be one of its own.
fn impossible() -> Error {
    Error::new(
        ErrorKind::InvalidQuery,
        "the source calls the number impossible",
    )
}

pub(super) fn signed(length: Duration) -> SignedDuration {
    SignedDuration::try_from(length).unwrap_or(SignedDuration::MAX)
}

fn until(end: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(end.duration_since(now)).unwrap_or_default()
}
