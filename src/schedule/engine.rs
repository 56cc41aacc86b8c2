//! One node's work: from what the change log says to the queue, and from claims to polls.
//!
//! **Invariant:** registrations are the truth. Whether a shipment is followed is read from the store
//! each time it is polled; the queue only says when.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::{TryStreamExt as _, stream};
use jiff::Timestamp;
use tokio::time::{Instant, timeout_at};
use waybill_core::adapter::Hints;
use waybill_core::error::Retry;
use waybill_core::event::{Classifier, SourceClass};
use waybill_core::poll::{Lane, Look, Next, Poll, Rhythm, Stop, heard, next_poll};
use waybill_core::shipment::{Shipment, ShipmentId};
use waybill_core::time::Precision;

use super::planner::{NOBODY, Stretches, millis};
use super::queue::{Claim, Due, Flow, Item, Task};
use super::subscriber::Subscriber;
use crate::guard::Priority;
use crate::pipeline::{Found, LookupOptions, Miss, Pipeline, SourceResult};
use crate::store::{Change, Store, StoreError, What};

/// First wait after a poll that came to nothing; doubles with each.
const RETRY: u64 = 60_000;
/// Time for a poll beyond its lookup: to read and write the store.
const MARGIN: Duration = Duration::from_secs(5);
/// Registrations read in one go.
const PAGE: usize = 500;
/// Of these, read into the queue at once.
const SCANS: usize = 32;
/// Carriers whose hours are learned.
const RHYTHMS: usize = 10_000;

pub(super) struct Engine {
    pub(super) pipeline: Pipeline,
    pub(super) store: Arc<dyn Store>,
    pub(super) queue: Arc<dyn Due>,
    pub(super) stretches: Stretches,
    /// Class of every tenant.
    pub(super) pace: f64,
    /// Longest time of a poll.
    pub(super) deadline: Duration,
    /// `None` if no source can push to this gateway.
    subscriber: Option<Subscriber>,
    rhythms: Mutex<HashMap<String, Rhythm>>,
}

/// Who follows a shipment, and since when.
struct Follower {
    tenant: Arc<str>,
    since: Timestamp,
}

/// What became of a poll: its name in `waybill_schedule_polls_total`, and what comes next.
struct Done {
    outcome: &'static str,
    next: Option<Item>,
}

impl Engine {
    /// In whose names a poll is made, and with which hints: first the one that it is planned for,
    /// then others with accounts of their own, which nobody else's poll asks. Whoever has such an
    /// account gives it its own hints only. Nobody, if the store does not tell.
    async fn askers(&self, id: &ShipmentId, first: &str) -> Vec<(String, Hints)> {
        let overlays = self.store.overlays(id).await.unwrap_or_default();
        let stated: Vec<(&String, &Hints)> = overlays
            .iter()
            .filter_map(|(tenant, overlay)| Some((tenant, &overlay.registration.as_ref()?.hints)))
            .collect();
        let own = |tenant: &str| {
            let mut own = stated.iter().filter(|(one, _)| *one == tenant);
            own.next().map(|(_, hints)| (*hints).clone())
        };
        let hints = own(first)
            .filter(|hints| *hints != Hints::default() || self.pipeline.has_accounts(first));
        let hints = hints.unwrap_or_else(|| {
            let mut all = stated.iter().map(|(_, hints)| *hints);
            all.find(|hints| **hints != Hints::default())
                .cloned()
                .unwrap_or_default()
        });
        let others = stated
            .iter()
            .filter(|(tenant, _)| *tenant != first && self.pipeline.has_accounts(tenant))
            .map(|(tenant, hints)| ((*tenant).clone(), (*hints).clone()));
        std::iter::once((first.to_owned(), hints))
            .chain(others)
            .collect()
    }

    /// Subscriptions of a shipment may have to be made, renewed or ended.
    fn subscribe(&self, id: &ShipmentId) {
        if let Some(subscriber) = &self.subscriber {
            subscriber.look(id);
        }
    }

    pub(super) fn new(
        pipeline: Pipeline,
        store: Arc<dyn Store>,
        queue: Arc<dyn Due>,
        stretches: Stretches,
        pace: f64,
        deadline: Duration,
        subscriber: Option<Subscriber>,
    ) -> Self {
        Self {
            subscriber,
            pipeline,
            store,
            queue,
            stretches,
            pace,
            deadline,
            rhythms: Mutex::default(),
        }
    }

    /// Takes in an entry of the change log.
    pub(super) async fn changed(&self, change: Change) -> Result<(), StoreError> {
        match change.what {
            What::Record(_) => self.touch(&change.id).await,
            What::Overlay(tenant) => self.follow(&change.id, &tenant).await,
            What::Erased => self.forget(&change.id).await,
        }
    }

    /// A shipment was erased: nobody asks about it any more.
    async fn forget(&self, id: &ShipmentId) -> Result<(), StoreError> {
        self.subscribe(id);
        self.queue.remove(Task::Review, id).await?;
        self.queue.remove(Task::Poll, id).await
    }

    /// A tenant follows a shipment, or no longer, or only works on it.
    async fn follow(&self, id: &ShipmentId, tenant: &str) -> Result<(), StoreError> {
        self.subscribe(id);
        let known = self.queue.get(Task::Poll, id).await?;
        match (self.follows(id, tenant).await?, known) {
            // Who came first stands for all.
            (Some(_), Some(_)) => Ok(()),
            (Some(follower), None) => self.enter(id, &follower, None).await,
            (None, Some(known)) if *known.flow.tenant == *tenant => {
                match self.follower(id).await? {
                    Some(follower) => self.enter(id, &follower, Some(known)).await,
                    None => self.queue.remove(Task::Poll, id).await,
                }
            }
            (None, _) => Ok(()),
        }
    }

    async fn follows(&self, id: &ShipmentId, tenant: &str) -> Result<Option<Follower>, StoreError> {
        let overlay = self.store.overlay(tenant, id).await?;
        let registration = overlay.as_ref().and_then(|it| it.registration.as_ref());
        Ok(registration.map(|registration| Follower {
            tenant: Arc::from(tenant),
            since: registration.since,
        }))
    }

    /// Anybody who follows a shipment.
    async fn follower(&self, id: &ShipmentId) -> Result<Option<Follower>, StoreError> {
        let overlays = self.store.overlays(id).await?;
        if overlays
            .iter()
            .all(|(_, overlay)| overlay.registration.is_none())
        {
            return Ok(None);
        }
        for tenant in self.store.tenants().await? {
            if let Some(follower) = self.follows(id, &tenant).await? {
                return Ok(Some(follower));
            }
        }
        Ok(None)
    }

    /// Plans the first poll of a shipment in the place of what is known, and its next change by time.
    async fn enter(
        &self,
        id: &ShipmentId,
        follower: &Follower,
        known: Option<Item>,
    ) -> Result<(), StoreError> {
        let Some((record, change)) = self.current(id).await? else {
            return Ok(());
        };
        let now = self.pipeline.now();
        self.review(id, change).await?;
        if let Some((source, poll)) = self.plan(&record, follower.since) {
            let item = self
                .stretches
                .item(id.clone(), source, &follower.tenant, poll, now, None);
            let now = now.as_millisecond();
            self.queue.replace(now, known, item).await?;
        }
        Ok(())
    }

    /// A record has changed, whatever changed it: its next change by time, and its next poll.
    async fn touch(&self, id: &ShipmentId) -> Result<(), StoreError> {
        let Some((record, change)) = self.current(id).await? else {
            self.queue.remove(Task::Review, id).await?;
            return self.queue.remove(Task::Poll, id).await;
        };
        if record.id != *id {
            // It turned out to be another one, whose own change brings it here.
            self.queue.remove(Task::Review, id).await?;
            return self.queue.remove(Task::Poll, id).await;
        }
        self.review(id, change).await?;
        let known = self.queue.get(Task::Poll, id).await?;
        let Some(known) = known else {
            // It may have been given up before.
            return match self.follower(id).await? {
                Some(follower) => self.enter(id, &follower, None).await,
                None => Ok(()),
            };
        };
        let tenant = &known.flow.tenant;
        let Some(follower) = self.follows(id, tenant).await? else {
            return self.follow(id, tenant).await;
        };
        let Some((source, poll)) = self.plan(&record, follower.since) else {
            return self.queue.remove(Task::Poll, id).await;
        };
        let now = self.pipeline.now();
        // As if the newest look at it, by whomever, had been the last poll.
        let interval = i64::try_from(known.interval).unwrap_or(i64::MAX);
        let polled = Timestamp::from_millisecond(known.due.saturating_sub(interval));
        let fetched = self.fetched(id).await?;
        let last = polled.ok().max(fetched).map(|last| last.min(now));
        let mut item = self
            .stretches
            .item(id.clone(), source, tenant, poll, now, last);
        if known.failures > 0 {
            // It is to be tried again soon: what time alone has changed does not put that off.
            item.due = item.due.min(known.due);
            item.failures = known.failures;
        }
        let now = now.as_millisecond();
        self.queue.replace(now, Some(known), item).await
    }

    async fn current(
        &self,
        id: &ShipmentId,
    ) -> Result<Option<(Arc<Shipment>, Option<Timestamp>)>, StoreError> {
        let current = self.pipeline.current(id).await;
        current.map_err(|miss| match miss {
            Miss::Store(text) => StoreError::new(text),
            other => StoreError::new(format!("{other:?}")),
        })
    }

    /// When a source was last heard of it.
    async fn fetched(&self, id: &ShipmentId) -> Result<Option<Timestamp>, StoreError> {
        let stored = self.store.load(id).await?;
        let facts = stored.iter().flat_map(|stored| &stored.dossier.facts);
        let facts = facts.filter(|facts| facts.class != SourceClass::Internal);
        Ok(facts.map(|facts| facts.receive_time).max())
    }

    /// Enters the moment at which time alone changes a record.
    async fn review(&self, id: &ShipmentId, at: Option<Timestamp>) -> Result<(), StoreError> {
        let now = self.pipeline.now().as_millisecond();
        match at {
            Some(at) => self.queue.put(now, vec![review(id, at)]).await,
            None => self.queue.remove(Task::Review, id).await,
        }
    }

    /// Which source is asked next about a record, and when; `None` if nobody is.
    fn plan(&self, record: &Shipment, since: Timestamp) -> Option<(&'static str, Poll)> {
        let Next::Poll(mut poll) = self.next(record, since) else {
            return None;
        };
        let source = self.pipeline.asks(record)?;
        poll.interval = poll.interval.max(self.pipeline.least_interval(source));
        Some((source, poll))
    }

    fn next(&self, record: &Shipment, since: Timestamp) -> Next {
        let now = self.pipeline.now();
        let rhythms = self.rhythms.lock().unwrap_or_else(PoisonError::into_inner);
        let look = Look {
            now,
            heard: heard(record, since),
            pushed: self.pipeline.is_pushed(&record.id, now),
            rhythm: rhythms.get(&record.carrier).unwrap_or(&Rhythm::EMPTY),
            pace: self.pace,
        };
        next_poll(record, &look)
    }

    /// Reads every registration of these partitions into the queue; what is there already stays.
    pub(super) async fn scan(&self, partitions: &BTreeSet<u16>) -> Result<(), StoreError> {
        for tenant in self.store.tenants().await? {
            let mut after = None;
            loop {
                let page = self.store.registered(&tenant, after, PAGE).await?;
                let ids = page.iter().map(|place| &place.id);
                let ids = ids.filter(|id| self.queue.concerns(id, partitions));
                stream::iter(ids.map(Ok))
                    .try_for_each_concurrent(SCANS, |id| self.follow(id, &tenant))
                    .await?;
                match page.last() {
                    Some(last) => after = Some(last.clone()),
                    None => break,
                }
            }
        }
        Ok(())
    }

    /// Does what was claimed, and says what comes next.
    pub(super) async fn work(&self, claim: Claim) {
        let done = match claim.item.task {
            Task::Review => self.bring_up(&claim.item).await,
            Task::Poll => self.poll(&claim.item).await,
        };
        let flow = &claim.item.flow;
        let (source, lane) = (flow.source, flow.lane.as_str());
        let Done { outcome, next } = done.unwrap_or_else(|error| {
            tracing::error!(%error, "the store failed a poll");
            Done {
                outcome: "failed",
                next: Some(self.later(&claim.item, None)),
            }
        });
        if claim.item.task == Task::Poll {
            metrics::counter!("waybill_schedule_polls_total", "source" => source, "lane" => lane, "outcome" => outcome)
                .increment(1);
        }
        // A claim that is not ours any more is another node's to end.
        if let Err(error) = self.queue.done(claim, next).await {
            tracing::error!(%error, "the due queue failed; the lease ends by itself");
        }
    }

    async fn bring_up(&self, item: &Item) -> Result<Done, StoreError> {
        let next = match self.current(&item.id).await? {
            Some((_, change)) => change.map(|at| review(&item.id, at)),
            None => None,
        };
        Ok(Done {
            outcome: "reviewed",
            next,
        })
    }

    async fn poll(&self, item: &Item) -> Result<Done, StoreError> {
        let id = &item.id;
        let gone = |outcome| {
            Ok(Done {
                outcome,
                next: None,
            })
        };
        let follower = match self.follows(id, &item.flow.tenant).await? {
            Some(follower) => Some(follower),
            None => self.follower(id).await?,
        };
        let Some(follower) = follower else {
            self.subscribe(id);
            return gone("left");
        };
        let Some((before, _)) = self.current(id).await? else {
            return gone("gone");
        };
        match self.next(&before, follower.since) {
            Next::Stop(Stop::Closed) => return gone("closed"),
            Next::Stop(Stop::Expired) => return gone("expired"),
            Next::Poll(_) => {}
        }
        self.subscribe(id);
        let asked_at = self.pipeline.now();
        let deadline = Instant::now() + self.deadline;
        let options = |(tenant, hints)| LookupOptions {
            tenant,
            hints,
            // What somebody has fetched in the second half of the interval is good enough.
            max_age: Some(Duration::from_millis(item.interval / 2)),
            cache_only: false,
            wait_for_all: true,
            allow_paid: false,
            sources: Vec::new(),
            deadline,
            priority: Priority::Background,
        };
        let mut askers = self.askers(id, &follower.tenant).await.into_iter();
        let first = askers.next().map(options);
        let first = first.ok_or_else(|| StoreError::new("nobody asks"))?;
        let asked = timeout_at(deadline + MARGIN, self.pipeline.get(id, &first)).await;
        for other in askers.map(options) {
            // How it goes on is decided by the first one's answer.
            let _answer = timeout_at(deadline + MARGIN, self.pipeline.get(id, &other)).await;
        }
        let wait = match asked {
            Ok(Ok(found)) => failed(&found),
            Ok(Err(Miss::UnknownId)) => return gone("gone"),
            Ok(Err(Miss::SourcesFailed(outcomes))) => Some(
                outcomes
                    .iter()
                    .filter_map(|outcome| wait(&outcome.result))
                    .min(),
            ),
            Ok(Err(Miss::NoTime | Miss::Store(_))) | Err(_) => Some(None),
            Ok(Err(_)) => return gone("unrouted"),
        };
        if let Some(wait) = wait {
            let next = Some(self.later(item, wait));
            return Ok(Done {
                outcome: "failed",
                next,
            });
        }
        let Some((record, _)) = self.current(id).await? else {
            return gone("gone");
        };
        let is_news = record.revision != before.revision;
        if is_news {
            self.learn(&record, asked_at);
        }
        let now = self.pipeline.now();
        let next = self.plan(&record, follower.since);
        let next = next.map(|(source, poll)| {
            let tenant = &follower.tenant;
            self.stretches
                .item(id.clone(), source, tenant, poll, now, Some(now))
        });
        Ok(Done {
            outcome: if is_news { "news" } else { "same" },
            next,
        })
    }

    /// The same again after a failure.
    fn later(&self, item: &Item, wait: Option<Duration>) -> Item {
        let doubled = RETRY << u32::from(item.failures.min(20));
        let longest = item.interval.max(RETRY);
        let wait = doubled
            .min(longest)
            .max(wait.map_or(0, millis).min(longest));
        let now = self.pipeline.now().as_millisecond();
        Item {
            due: now.saturating_add(i64::try_from(wait).unwrap_or(i64::MAX)),
            failures: item.failures.saturating_add(1),
            ..item.clone()
        }
    }

    /// Learns the hours of a carrier from the scans that a poll has brought.
    fn learn(&self, record: &Shipment, since: Timestamp) {
        let events = record.events.iter();
        let new = events.filter(|event| {
            event.ingest_time >= since
                && event.classifier == Classifier::Actual
                && event.time().precision != Precision::Day
        });
        let mut rhythms = self.rhythms.lock().unwrap_or_else(PoisonError::into_inner);
        if rhythms.len() >= RHYTHMS && !rhythms.contains_key(&record.carrier) {
            return;
        }
        let rhythm = rhythms.entry(record.carrier.clone()).or_default();
        new.for_each(|event| rhythm.count(event.time().anchor()));
    }
}

fn review(id: &ShipmentId, at: Timestamp) -> Item {
    Item {
        task: Task::Review,
        id: id.clone(),
        flow: Flow {
            source: NOBODY,
            lane: Lane::Normal,
            tenant: Arc::from(""),
        },
        due: at.as_millisecond().saturating_add(1),
        interval: 0,
        failures: 0,
    }
}

/// Whether no source has answered although one was asked; then, when to come again, if one said so.
fn failed(found: &Found) -> Option<Option<Duration>> {
    let results = || found.outcomes.iter().map(|outcome| &outcome.result);
    let answered = |result: &SourceResult| {
        matches!(
            result,
            SourceResult::Found | SourceResult::NotFound(_) | SourceResult::SkippedFresh
        )
    };
    let failed = |result: &SourceResult| {
        matches!(result, SourceResult::Failed(_) | SourceResult::StillRunning)
    };
    (!results().any(answered) && results().any(failed)).then(|| results().filter_map(wait).min())
}

fn wait(result: &SourceResult) -> Option<Duration> {
    match result {
        SourceResult::Failed(error) => match error.retry {
            Retry::After(wait) => Some(wait),
            Retry::Now | Retry::Never => None,
        },
        _ => None,
    }
}
