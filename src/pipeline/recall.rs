//! Step 2: what is held already, and how an answer is made of it.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;
use waybill_core::assess::assess;
use waybill_core::error::{Error, ErrorKind};
use waybill_core::shipment::{Shipment, ShipmentId};

use super::ask::{Answers, query};
use super::route::Routed;
use super::settle::{absorb, commit, key};
use super::{Found, Freshness, Lookup, Miss, Outcome, Pipeline, SourceResult, State};
use crate::cache::{Age, Entry, Held, stage_of};
use crate::store::{CommitError, Stored};

/// With less time than this left only held data is used: asking takes longer than waiting allows.
const LEAST_TIME: Duration = Duration::from_millis(30);

/// What is held about a number, source by source in the order of the route.
pub(super) struct Recalled {
    pub(super) entries: Vec<Option<Arc<Entry>>>,
    pub(super) ages: Vec<Age>,
    pub(super) must_not_ask: bool,
    no_time: bool,
}

/// Looks up what each routed source said last.
pub(super) async fn recall(
    pipeline: &Pipeline,
    lookup: &Lookup,
    routed: &[Routed],
) -> Result<Recalled, Miss> {
    let now = pipeline.now();
    let policy = &pipeline.parts.policy;
    let mut entries = Vec::with_capacity(routed.len());
    let mut ages = Vec::with_capacity(routed.len());
    for routed in routed {
        if routed.skip.is_some() {
            entries.push(None);
            ages.push(Age::Fresh);
            continue;
        }
        let source = &routed.source;
        let query = query(lookup, &routed.format);
        let entry = pipeline
            .parts
            .cache
            .get(&key(pipeline, source, &query))
            .await;
        // Another node, or this one before its restart, has asked: its answer comes by the same
        // steps into this node's store.
        if let Some(Held::Found(reports)) = entry.as_ref().map(|entry| &entry.answer)
            && let Some(fetched) = entry.as_ref().map(|entry| entry.fetch_time)
            && newest_fetch(pipeline, lookup, source.descriptor.id).await? < Some(fetched)
            && let Err(error) = absorb(pipeline, source, &query, reports, fetched).await
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
            Some(entry) if !past_failure(entry) => policy.age(entry, now, lookup.max_age),
            _ => stored_age(pipeline, lookup, source.descriptor.id, now).await?,
        };
        ages.push(age);
        entries.push(entry);
    }
    let no_time = lookup.deadline.saturating_duration_since(Instant::now()) < LEAST_TIME;
    Ok(Recalled {
        entries,
        ages,
        must_not_ask: lookup.cache_only || no_time,
        no_time,
    })
}

/// Judges stored data of a source whose cached answer is gone, for example after a restart.
async fn stored_age(
    pipeline: &Pipeline,
    lookup: &Lookup,
    source: &str,
    now: Timestamp,
) -> Result<Age, Miss> {
    let policy = &pipeline.parts.policy;
    let mut age = Age::Expired;
    for stored in stored(pipeline, lookup).await? {
        let fetched = stored
            .dossier
            .facts
            .iter()
            .find(|facts| facts.source == source);
        if let Some(facts) = fetched {
            let fresh_for = policy.fresh_for(stage_of(&stored.record), Duration::ZERO);
            let held = policy.found(Vec::new(), facts.receive_time, fresh_for);
            match policy.age(&held, now, lookup.max_age) {
                Age::Expired => return Ok(Age::Expired),
                Age::Revalidate => age = Age::Revalidate,
                Age::Fresh if age == Age::Expired => age = Age::Fresh,
                Age::Fresh => {}
            }
        }
    }
    Ok(age)
}

async fn newest_fetch(
    pipeline: &Pipeline,
    lookup: &Lookup,
    source: &str,
) -> Result<Option<Timestamp>, Miss> {
    let stored = stored(pipeline, lookup).await?;
    let facts = stored.iter().flat_map(|stored| &stored.dossier.facts);
    Ok(facts
        .filter(|facts| facts.source == source)
        .map(|facts| facts.receive_time)
        .max())
}

async fn stored(pipeline: &Pipeline, lookup: &Lookup) -> Result<Vec<Arc<Stored>>, Miss> {
    let store = &pipeline.parts.store;
    let failed = |error: crate::store::StoreError| Miss::Store(error.to_string());
    let mut all = Vec::new();
    for id in store.find(&lookup.number).await.map_err(failed)? {
        all.extend(store.load(&id).await.map_err(failed)?);
    }
    Ok(all)
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
        let (record, next_change) = assess(stored.record.clone(), pipeline.now());
        if record.etag == stored.record.etag {
            return Ok(Some((Arc::new(stored.record.clone()), next_change)));
        }
        match commit(pipeline, Some(&stored), stored.dossier.clone(), Vec::new()).await {
            Ok(record) => return Ok(Some((Arc::new(record), next_change))),
            Err(CommitError::Conflict) => {}
            Err(CommitError::Store(error)) => return Err(failed(error)),
        }
    }
}

/// Makes the answer of what is held once the asked sources have answered or time is up.
pub(super) async fn answer(
    pipeline: &Pipeline,
    lookup: &Lookup,
    routed: &[Routed],
    mut recalled: Recalled,
    answers: Answers,
) -> Result<Found, Miss> {
    let now = pipeline.now();
    let mut outcomes = Vec::with_capacity(routed.len());
    for (at, routed) in routed.iter().enumerate() {
        let asked = answers
            .iter()
            .find(|answer| answer.0 == at)
            .map(|answer| answer.1.clone());
        if let Some(Some(settled)) = &asked {
            recalled.entries[at] = Some(Arc::clone(&settled.entry));
        }
        outcomes.push(outcome(
            routed,
            recalled.entries[at].as_deref(),
            asked,
            &recalled,
            at,
            now,
        ));
    }
    let mut shipments = Vec::new();
    let mut next_change: Option<Timestamp> = None;
    let failed = |error: crate::store::StoreError| Miss::Store(error.to_string());
    for id in pipeline
        .parts
        .store
        .find(&lookup.number)
        .await
        .map_err(failed)?
    {
        if let Some((record, change)) = current(pipeline, &id).await? {
            next_change = [next_change, change].into_iter().flatten().min();
            shipments.push(record);
        }
    }
    shipments.sort_by_cached_key(|record| {
        let newest = record.last_event_time.as_ref().map(|time| time.anchor());
        let agrees = lookup.carrier.is_empty() || record.carrier == lookup.carrier;
        (
            !agrees,
            record.status.is_terminal(),
            Reverse(newest),
            record.id.clone(),
        )
    });
    if shipments.is_empty() {
        nothing(&recalled, lookup, &outcomes)?;
    }
    let freshness = freshness(pipeline, &shipments, &recalled, &outcomes, &answers, now).await?;
    let steady = matches!(freshness.state, State::Fresh | State::Final)
        && !shipments.is_empty()
        && outcomes
            .iter()
            .all(|outcome| !matches!(outcome.result, SourceResult::StillRunning));
    let good_until = if steady {
        [freshness.fresh_until, next_change]
            .into_iter()
            .flatten()
            .min()
    } else {
        None
    };
    Ok(Found {
        shipments,
        freshness,
        outcomes,
        good_until,
    })
}

/// Decides whether an empty answer is an answer: nobody knows the number, or nobody was asked.
fn nothing(recalled: &Recalled, lookup: &Lookup, outcomes: &[Outcome]) -> Result<(), Miss> {
    if recalled.no_time && !lookup.cache_only {
        return Err(Miss::NoTime);
    }
    let tried = |outcome: &&Outcome| {
        !matches!(
            outcome.result,
            SourceResult::SkippedNotNeeded
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
    entry: Option<&Entry>,
    asked: Option<Option<Arc<super::Settled>>>,
    recalled: &Recalled,
    at: usize,
    now: Timestamp,
) -> Outcome {
    let mut outcome = Outcome {
        source: routed.source.descriptor.id,
        result: SourceResult::SkippedFresh,
        fetch_time: entry
            .filter(|entry| matches!(entry.answer, Held::Found(_)))
            .map(|entry| entry.fetch_time),
        latency: None,
        attempts: 0,
        attempt_time: entry.map(|entry| entry.fetch_time),
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
        None => {}
    }
    outcome
}

/// What a source says of a number that cannot be one of its own.
fn impossible() -> Error {
    Error::new(
        ErrorKind::InvalidQuery,
        "the source calls the number impossible",
    )
}

fn signed(length: Duration) -> SignedDuration {
    SignedDuration::try_from(length).unwrap_or(SignedDuration::MAX)
}

fn until(end: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(end.duration_since(now)).unwrap_or_default()
}

async fn freshness(
    pipeline: &Pipeline,
    shipments: &[Arc<Shipment>],
    recalled: &Recalled,
    outcomes: &[Outcome],
    answers: &Answers,
    now: Timestamp,
) -> Result<Freshness, Miss> {
    let entries = || recalled.entries.iter().flatten();
    let found = || entries().filter(|entry| matches!(entry.answer, Held::Found(_)));
    let mut fetch_time = found().map(|entry| entry.fetch_time).max();
    let mut fresh_until = found().map(|entry| entry.fresh_until).min();
    if fetch_time.is_none() {
        // Only the store remembers: after a restart, or when the newest attempt failed.
        (fetch_time, fresh_until) = stored_times(pipeline, shipments).await?;
    }
    let result_of = |answer: &(usize, Option<Arc<super::Settled>>)| &outcomes[answer.0].result;
    let answered = answers.iter().any(|answer| {
        matches!(
            result_of(answer),
            SourceResult::Found | SourceResult::NotFound(_)
        )
    });
    let running = answers
        .iter()
        .any(|answer| *result_of(answer) == SourceResult::StillRunning);
    let is_failed = |outcome: &Outcome| matches!(outcome.result, SourceResult::Failed(_));
    let eligible = || {
        outcomes.iter().zip(&recalled.ages).filter(|(outcome, _)| {
            !matches!(
                outcome.result,
                SourceResult::SkippedNotNeeded | SourceResult::SkippedHintMissing(_)
            )
        })
    };
    let all_failed =
        eligible().next().is_some() && eligible().all(|(outcome, _)| is_failed(outcome));
    let over = !shipments.is_empty() && shipments.iter().all(|record| record.status.is_terminal());
    let fresh = fresh_until.is_some_and(|until| now < until);
    let state = if answered {
        State::Live
    } else if all_failed && !fresh {
        State::StaleSourcesDown
    } else if !eligible().all(|(_, age)| *age == Age::Fresh) || !fresh && !shipments.is_empty() {
        State::Stale
    } else if over {
        State::Final
    } else {
        State::Fresh
    };
    let last_attempt = entries().map(|entry| entry.fetch_time).max().or(fetch_time);
    Ok(Freshness {
        state,
        fetch_time,
        fresh_until,
        last_attempt,
        revalidating: running,
    })
}

/// Age of a stored record by itself, when nobody is asked.
pub(super) async fn stored_freshness(
    pipeline: &Pipeline,
    record: &Arc<Shipment>,
) -> Result<Freshness, Miss> {
    let (fetch_time, fresh_until) = stored_times(pipeline, std::slice::from_ref(record)).await?;
    let fresh = fresh_until.is_some_and(|until| pipeline.now() < until);
    let state = match (record.status.is_terminal(), fresh) {
        (_, false) => State::Stale,
        (true, true) => State::Final,
        (false, true) => State::Fresh,
    };
    Ok(Freshness {
        state,
        fetch_time,
        fresh_until,
        last_attempt: fetch_time,
        revalidating: false,
    })
}

/// Newest fetch behind stored records, and until when the first of them counts as fresh.
async fn stored_times(
    pipeline: &Pipeline,
    shipments: &[Arc<Shipment>],
) -> Result<(Option<Timestamp>, Option<Timestamp>), Miss> {
    let (mut fetch_time, mut fresh_until) = (None, None);
    for shipment in shipments {
        let stored = pipeline.parts.store.load(&shipment.id).await;
        let stored = stored.map_err(|error| Miss::Store(error.to_string()))?;
        let facts = stored.iter().flat_map(|stored| &stored.dossier.facts);
        if let Some(newest) = facts.map(|facts| facts.receive_time).max() {
            let policy = &pipeline.parts.policy;
            let fresh_for = policy.fresh_for(stage_of(shipment), Duration::ZERO);
            let until = policy.found(Vec::new(), newest, fresh_for).fresh_until;
            fetch_time = fetch_time.max(Some(newest));
            fresh_until = Some(fresh_until.map_or(until, |other: Timestamp| other.min(until)));
        }
    }
    Ok((fetch_time, fresh_until))
}
