//! How old the records of an answer are.

use std::sync::Arc;

use jiff::Timestamp;
use waybill_core::event::SourceClass;
use waybill_core::nearing::has_handed_on;
use waybill_core::owner::sees;
use waybill_core::shipment::Shipment;

use super::ask::Answers;
use super::recall::{Recalled, signed};
use super::{Freshness, Lookup, Miss, Outcome, Pipeline, SourceResult, State};
use crate::cache::{Age, Held, stage_of};

/// Age of the records of an answer.
pub(super) async fn freshness(
    pipeline: &Pipeline,
    lookup: &Lookup,
    shipments: &[Arc<Shipment>],
    recalled: &Recalled,
    outcomes: &[Outcome],
    answers: &Answers,
    now: Timestamp,
) -> Result<Freshness, Miss> {
    // A carrier that handed everything on has nothing more to tell: its silence makes nothing old.
    let is_past = |outcome: &Outcome| {
        let handed_on = |record: &Arc<Shipment>| has_handed_on(record, outcome.carrier);
        !outcome.carrier.is_empty() && !shipments.is_empty() && shipments.iter().all(handed_on)
    };
    let entries = || recalled.entries.iter().flatten();
    let told = || {
        let entries = recalled.entries.iter().zip(outcomes);
        let told = entries.filter_map(|(entry, outcome)| Some((entry.as_ref()?, outcome)));
        told.filter(|(entry, _)| matches!(entry.answer, Held::Found(_)))
    };
    let some_current = told().any(|(_, outcome)| !is_past(outcome));
    let is_current = |outcome: &Outcome| !some_current || !is_past(outcome);
    let found = || {
        let current = told().filter(|(_, outcome)| is_current(outcome));
        current.map(|(entry, _)| entry)
    };
    let mut fetch_time = found().map(|entry| entry.fetch_time).max();
    let mut fresh_until = found().map(|entry| entry.fresh_until).min();
    if fetch_time.is_none() {
        // Only the store remembers: after a restart, or when the newest attempt failed.
        (fetch_time, fresh_until) = stored_times(pipeline, &lookup.tenant, shipments).await?;
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
            let is_needed = !matches!(
                outcome.result,
                SourceResult::SkippedNotNeeded
                    | SourceResult::SkippedPaid
                    | SourceResult::SkippedHintMissing(_)
            );
            is_needed && is_current(outcome)
        })
    };
    let all_failed =
        eligible().next().is_some() && eligible().all(|(outcome, _)| is_failed(outcome));
    let over = !shipments.is_empty() && shipments.iter().all(|record| record.status.is_terminal());
    let fresh = match (lookup.max_age, fetch_time) {
        (Some(limit), Some(fetched)) => now.duration_since(fetched) <= signed(limit),
        _ => fresh_until.is_some_and(|until| now < until),
    };
    let all_fresh = eligible().all(|(_, age)| *age == Age::Fresh);
    let state = if answered {
        Some(State::Live)
    } else if shipments.is_empty() && (!all_fresh || entries().next().is_none()) {
        None
    } else if all_failed && !fresh {
        Some(State::StaleSourcesDown)
    } else if !all_fresh
        || !fresh && !shipments.is_empty() && !within_least(pipeline, outcomes, now)
    {
        Some(State::Stale)
    } else if over {
        Some(State::Final)
    } else {
        Some(State::Fresh)
    };
    let attempts = outcomes.iter().filter_map(|outcome| outcome.attempt_time);
    let last_attempt = attempts.max().or(fetch_time);
    Ok(Freshness {
        state,
        fetch_time,
        fresh_until,
        last_attempt,
        revalidating: running,
    })
}

/// Every source that has data was asked less than its least interval ago: newer data cannot be had.
fn within_least(pipeline: &Pipeline, outcomes: &[Outcome], now: Timestamp) -> bool {
    let mut fetched = outcomes
        .iter()
        .filter_map(|outcome| Some((outcome.source, outcome.fetch_time?)))
        .peekable();
    fetched.peek().is_some()
        && fetched
            .all(|(source, at)| now.duration_since(at) < signed(pipeline.least_interval(source)))
}

/// Age of a stored record by itself, when nobody is asked.
pub(super) async fn stored_freshness(
    pipeline: &Pipeline,
    tenant: &str,
    record: &Arc<Shipment>,
) -> Result<Freshness, Miss> {
    let records = std::slice::from_ref(record);
    let (fetch_time, fresh_until) = stored_times(pipeline, tenant, records).await?;
    let fresh = fresh_until.is_some_and(|until| pipeline.now() < until);
    let state = match (record.status.is_terminal(), fresh) {
        (_, false) => State::Stale,
        (true, true) => State::Final,
        (false, true) => State::Fresh,
    };
    Ok(Freshness {
        state: Some(state),
        fetch_time,
        fresh_until,
        last_attempt: fetch_time,
        revalidating: false,
    })
}

/// Newest fetch behind stored records, and until when the first of them counts as fresh.
async fn stored_times(
    pipeline: &Pipeline,
    tenant: &str,
    shipments: &[Arc<Shipment>],
) -> Result<(Option<Timestamp>, Option<Timestamp>), Miss> {
    let (mut fetch_time, mut fresh_until) = (None, None);
    for shipment in shipments {
        let stored = pipeline.parts.store.load(&shipment.id).await;
        let stored = stored.map_err(|error| Miss::Store(error.to_string()))?;
        let facts = stored.iter().flat_map(|stored| &stored.dossier.facts);
        // What own systems say is no look at a source.
        let facts = facts
            .filter(|facts| facts.class != SourceClass::Internal && sees(tenant, &facts.source));
        if let Some(newest) = facts.max_by_key(|facts| facts.receive_time) {
            let policy = &pipeline.live().configured.policy;
            let least = pipeline.least_interval(&newest.source);
            let fresh_for = policy.fresh_for(stage_of(shipment), least);
            let newest = newest.receive_time;
            let until = policy.found(Vec::new(), newest, fresh_for).fresh_until;
            fetch_time = fetch_time.max(Some(newest));
            fresh_until = Some(fresh_until.map_or(until, |other: Timestamp| other.min(until)));
        }
    }
    Ok((fetch_time, fresh_until))
}
