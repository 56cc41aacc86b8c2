//! Step 3: the routed sources at once, one flight per source and number or order.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, sleep_until};
use waybill_core::adapter::{OrderQuery, Query};
use waybill_core::error::{Error, ErrorKind};
use waybill_core::order::Subject;

use super::pack::{self, Answered};
use super::recall::Recalled;
use super::route::Routed;
use super::settle::{Settled, key, settle};
use super::{Lookup, Pipeline, Question};
use crate::cache::{Age, CacheState, Entry, Held};
use crate::guard::{Priority, Share};

/// What became of a source that was asked, by its place in the route.
pub(super) type Asked = (usize, Option<Arc<Settled>>);
/// What became of the sources that were asked.
pub(super) type Answers = Vec<Asked>;

/// How long a flight may take when nobody's deadline bounds it.
const FLIGHT_LIMIT: Duration = Duration::from_secs(30);

/// Asks every source whose held answer is too old, and waits as long as the lookup allows. A
/// source without a settled answer is still running. Those in `asked` have been asked for this call.
pub(super) async fn ask(
    pipeline: &Pipeline,
    lookup: &Lookup,
    routed: &[Routed],
    recalled: &Recalled,
    asked: &[Asked],
) -> Answers {
    if recalled.must_not_ask {
        return Vec::new();
    }
    let mut flights = FuturesUnordered::new();
    let mut answers: Answers = Vec::new();
    let due = |at: usize| {
        routed[at].skip.is_none()
            && !asked.iter().any(|answer| answer.0 == at)
            && recalled.ages[at] != Age::Fresh
            && recalled.lapses[at].is_none()
    };
    let depart = |at: usize| {
        let before = recalled.entries[at].clone();
        let flight = depart(pipeline, lookup, &routed[at], before);
        async move { (at, flight.await) }
    };
    let (mut last_resorts, first): (Vec<_>, Vec<_>) = (0..routed.len())
        .filter(|at| due(*at))
        .partition(|at| routed[*at].is_held_back());
    // What a source of a carrier said before stands until it says something else.
    let mut known = (0..routed.len()).any(|at| {
        let held = recalled.entries[at].as_deref();
        !routed[at].is_held_back() && held.is_some_and(is_found)
    });
    for at in first {
        let flight = depart(at);
        answers.push((at, None));
        if recalled.ages[at] == Age::Expired || lookup.wait_for_all {
            flights.push(flight);
        }
    }
    let nearly = lookup.deadline - remaining(lookup.deadline) / 10;
    let mut until = nearly;
    loop {
        tokio::select! {
            biased;
            next = flights.next() => {
                let Some((at, settled)) = next else {
                    if known || last_resorts.is_empty() {
                        return answers;
                    }
                    for at in last_resorts.drain(..) {
                        flights.push(depart(at));
                        answers.push((at, None));
                    }
                    continue;
                };
                let usable = settled.as_ref().is_some_and(|settled| is_found(&settled.entry));
                known |= usable;
                for answer in answers.iter_mut().filter(|answer| answer.0 == at) {
                    answer.1 = Some(settled.clone().unwrap_or_else(lost));
                }
                if usable && !lookup.wait_for_all {
                    until = until.min(Instant::now() + pipeline.live().configured.patience);
                }
            }
            () = sleep_until(until) => return answers,
        }
    }
}

fn remaining(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

fn is_found(entry: &Entry) -> bool {
    matches!(entry.answer, Held::Found(_))
}

/// What a flight comes to that died: a defect, already counted and logged where it happened.
fn lost() -> Arc<Settled> {
    let at = jiff::Timestamp::UNIX_EPOCH;
    let error = Error::new(ErrorKind::Internal, "the question to the source died").unspent();
    let entry = Entry {
        fetch_time: at,
        fresh_until: at,
        keep_until: at,
        answer: Held::Failed(error),
    };
    Arc::new(Settled {
        entry: Arc::new(entry),
        attempts: 0,
        latency: None,
    })
}

/// Joins the flight to this source for this number or order, or starts it. It goes on when the caller
/// leaves, and ends in steps 4 to 8.
pub(super) fn depart(
    pipeline: &Pipeline,
    lookup: &Lookup,
    routed: &Routed,
    before: Option<Arc<Entry>>,
) -> impl Future<Output = Option<Arc<Settled>>> + Send + use<> {
    let question = question(lookup, routed);
    let key = key(pipeline, &routed.source, &question);
    let (pipeline, source, priority) = (
        pipeline.clone(),
        Arc::clone(&routed.source),
        lookup.priority,
    );
    let deadline = match priority {
        // Whoever joins later may have more time: the flight gets what the first one has, and at
        // least what one attempt takes.
        Priority::Interactive => lookup.deadline.max(Instant::now() + source.limits.timeout),
        Priority::Background => Instant::now() + FLIGHT_LIMIT,
    };
    let flights = Arc::clone(&pipeline.flights);
    let (joined, _leads) = flights.join(key.clone(), move || async move {
        let share = match pipeline.parts.cache.state() {
            CacheState::Working => Share::Full,
            CacheState::Degraded { .. } => Share::Degraded,
        };
        let window = pipeline.live().configured.routing.batch_window.0;
        let asked = pack::ask(&source, question.clone(), deadline, priority, share, window);
        let Answered {
            answer,
            attempts,
            latency,
            raw,
        } = asked.await;
        let of = source.descriptor;
        let kpis = &pipeline.parts.kpis;
        let owner = source.only_tenant();
        kpis.answered(of.id, of.carrier, owner, &answer, latency, pipeline.now());
        let entry = Arc::new(
            settle(
                &pipeline,
                &source,
                &question,
                answer,
                raw,
                before.as_deref(),
            )
            .await,
        );
        // A failure never takes the place of an answer that can stand in for it, neither here nor
        // on other nodes.
        let policy = pipeline.live().configured.policy;
        let stands_in = before.is_some_and(|before| policy.stands_in(&before, pipeline.now()));
        if stands_in && matches!(entry.answer, Held::Failed(_)) {
            pipeline.lapses.insert(key, Arc::clone(&entry));
        } else {
            pipeline.lapses.invalidate(&key);
            pipeline.parts.cache.put(&key, Arc::clone(&entry)).await;
        }
        Arc::new(Settled {
            entry,
            attempts,
            latency,
        })
    });
    joined.wait()
}

/// The question to one source.
pub(super) fn question(lookup: &Lookup, routed: &Routed) -> Question {
    let hints = lookup.hints.clone();
    match &lookup.subject {
        Subject::Number(number) => Question::Number(Query {
            number: number.clone(),
            carrier: routed.carrier.clone(),
            hints,
            format: routed.format.clone(),
        }),
        Subject::Order(order) => Question::Order(OrderQuery {
            order: order.clone(),
            hints,
        }),
    }
}
