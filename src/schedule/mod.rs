//! The scheduler: followed shipments are asked about although nobody asks, each when news is likely,
//! within what the sources allow; see `docs/schedule.md`.
//!
//! It owns when, and nothing else. A poll is a lookup in the background and ends in the same steps as
//! any other; how often is decided in [`waybill_core::poll`], what goes first in [`Planner`].
//!
//! **Invariant:** a shipment that is not asked about any more says so in its record.

mod engine;
mod fair;
mod file;
mod memory;
mod planner;
mod queue;
mod redis;
mod subscriber;
mod written;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval};

use self::engine::Engine;
use self::file::File;
use self::subscriber::Subscriber;
use crate::config::Span;
use crate::guard::BreakerState;
use crate::pipeline::{Pipeline, Source};
use crate::server::{Class, Load};
use crate::store::redis::Beside;
use crate::store::{Head, Store, StoreError};

pub use self::memory::MemoryDue;
pub use self::planner::{NOBODY, Planner, Quota, Standing, Stretches};
pub use self::queue::{Backlog, Claim, Due, Flow, Item, LEASE, Pace, Places, Task, Want};
pub use self::redis::RedisDue;

/// Time between two steps.
const TICK: Duration = Duration::from_millis(250);
/// Time between two looks at the change log if it does not ring.
const UNRUNG: Duration = Duration::from_secs(5);
/// Time between two writes to the disk, and between two figures.
const SAVE: Duration = Duration::from_secs(1);
const FIGURES: Duration = Duration::from_secs(5);
/// Entries of the change log read in one go.
const PAGE: usize = 500;
/// Calls of one source that polls may have under way: as many as its pack lets through at a time.
const CALLS: usize = 16;
/// Reviews under way.
const REVIEWS: usize = 64;
/// A quota for which a poll would wait longer than this is left alone.
const PATIENCE: Duration = Duration::from_secs(5);

/// `[schedule]`
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Followed shipments are asked about by themselves.
    pub enabled: bool,
    /// Longest time of a poll.
    pub deadline: Span,
    /// What all intervals are multiplied by.
    pub pace: f64,
    /// Percent of each quota that polls may use; the rest is for callers who wait.
    pub quota_percent: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            enabled: true,
            deadline: Span(Duration::from_secs(30)),
            pace: 1.0,
            quota_percent: 85,
        }
    }
}

impl Settings {
    /// Checks what the types do not.
    ///
    /// # Errors
    /// Names the setting and its bounds.
    pub fn check(&self) -> Result<(), String> {
        let longest = LEASE / 4;
        if self.deadline.0 < Duration::from_secs(10) || self.deadline.0 > longest {
            let longest = longest.as_secs();
            return Err(format!("schedule.deadline: must be 10 s to {longest} s"));
        }
        if !(0.1..=10.0).contains(&self.pace) {
            return Err("schedule.pace: must be 0.1 to 10".to_owned());
        }
        if !(1..=100).contains(&self.quota_percent) {
            return Err("schedule.quota_percent: must be 1 to 100".to_owned());
        }
        Ok(())
    }
}

/// Where what is due is kept.
pub enum Keep<'a> {
    /// In memory; after a restart it is made from the registrations again.
    Nowhere,
    /// In memory and in a folder of this node.
    Folder(&'a Path),
    /// Beside the store that all nodes share.
    Shared(Beside),
}

/// The scheduler of this node. Cheap to clone.
#[derive(Clone)]
pub struct Scheduler(Arc<Inner>);

struct Inner {
    engine: Arc<Engine>,
    load: Arc<Load>,
    /// The file, and the queue that it keeps.
    file: Option<(Arc<File>, Arc<MemoryDue>)>,
    /// What each source allows.
    standings: Vec<Standing>,
    running: Mutex<Option<JoinHandle<()>>>,
}

/// How the sources stand, and what comes next.
pub struct Overview {
    /// Each source with shipments or without.
    pub sources: Vec<(Standing, Vec<Backlog>)>,
    /// Soonest first.
    pub upcoming: Vec<Item>,
}

impl Scheduler {
    /// Starts the scheduler on the current runtime. Where sources can push to this gateway
    /// (`pushes`), they are asked to. Not enabled, it only tells what is due.
    ///
    /// # Errors
    /// Names the file that cannot be opened.
    pub fn start(
        settings: &Settings,
        keep: Keep<'_>,
        pipeline: Pipeline,
        store: Arc<dyn Store>,
        load: Arc<Load>,
        pushes: bool,
    ) -> Result<Self, String> {
        let quotas = quotas(&pipeline.sources());
        let sources: Vec<&'static str> = quotas.iter().map(|quota| quota.source).collect();
        let mut file = None;
        let queue: Arc<dyn Due> = match keep {
            Keep::Nowhere => Arc::new(MemoryDue::default()),
            Keep::Folder(folder) => {
                let queue = Arc::new(MemoryDue::default());
                if settings.enabled {
                    let opened = Arc::new(File::open(folder, &sources, &queue)?);
                    file = Some((opened, Arc::clone(&queue)));
                }
                queue
            }
            Keep::Shared(beside) => Arc::new(RedisDue::new(beside, &sources)),
        };
        let share = f64::from(settings.quota_percent.min(100)) / 100.0;
        let planner = Planner::new(&quotas, share, TICK);
        let subscriber = (pushes && settings.enabled)
            .then(|| Subscriber::start(pipeline.clone(), Arc::clone(&store)));
        let engine = Engine::new(
            pipeline,
            store,
            queue,
            planner.stretches().clone(),
            settings.pace,
            settings.deadline.0,
            subscriber,
        );
        let scheduler = Self(Arc::new(Inner {
            engine: Arc::new(engine),
            load,
            file,
            standings: planner.standings().collect(),
            running: Mutex::default(),
        }));
        if settings.enabled {
            let this = scheduler.clone();
            let running = async move {
                futures_util::join!(this.follow(), this.run(planner, share));
            };
            *lock(&scheduler.0.running) = Some(crate::tasks::spawn("schedule", running));
        }
        Ok(scheduler)
    }

    /// Tells what is due.
    ///
    /// # Errors
    /// The queue failed.
    pub async fn overview(&self, limit: usize) -> Result<Overview, StoreError> {
        let Engine {
            pipeline, queue, ..
        } = &*self.0.engine;
        let now = pipeline.now().as_millisecond();
        let mut sources = Vec::with_capacity(self.0.standings.len());
        for standing in &self.0.standings {
            let wants = queue.wants(standing.source).await?;
            let due = queue.backlog(standing.source, now, usize::MAX).await?;
            sources.push((standing.with(&wants), due));
        }
        let upcoming = queue.upcoming(limit).await?;
        Ok(Overview { sources, upcoming })
    }

    /// Ends the scheduler and writes what is due to the disk.
    pub async fn stop(self) {
        let running = lock(&self.0.running).take();
        if let Some(running) = running {
            running.abort();
            let _aborted = running.await;
        }
        self.save().await;
        if let Some((file, _)) = &self.0.file {
            file.close();
        }
    }

    /// Reads the change log on for ever.
    async fn follow(&self) {
        let mut bell = self.0.engine.store.bell().listen();
        bell.mark_changed();
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut looked = Instant::now();
        let mut failing = false;
        loop {
            ticks.tick().await;
            if !bell.has_changed().unwrap_or(true) && looked.elapsed() < UNRUNG {
                continue;
            }
            bell.mark_unchanged();
            looked = Instant::now();
            let read = self.read().await;
            if let Err(error) = &read {
                bell.mark_changed();
                if !failing {
                    tracing::error!(%error, "the change log cannot be followed");
                }
            }
            failing = read.is_err();
        }
    }

    /// Does what is due for ever.
    async fn run(&self, mut planner: Planner, share: f64) {
        let mut rooms = Rooms::default();
        let mut generation = self.0.engine.pipeline.live().generation;
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut saved, mut told) = (Instant::now(), None);
        let mut failing = false;
        loop {
            ticks.tick().await;
            let live = self.0.engine.pipeline.live();
            if std::mem::replace(&mut generation, live.generation) != live.generation {
                planner.renew(&quotas(&live.sources), share);
            }
            let step = self.step(&mut planner, &mut rooms).await;
            if let (Err(error), false) = (&step, failing) {
                tracing::error!(%error, "the due queue failed");
            }
            failing = step.is_err();
            if saved.elapsed() >= SAVE {
                self.save().await;
                saved = Instant::now();
            }
            if told.is_none_or(|told: Instant| told.elapsed() >= FIGURES) {
                self.tell(&planner).await;
                told = Some(Instant::now());
            }
        }
    }

    /// Claims what may go, and sends it off.
    async fn step(&self, planner: &mut Planner, rooms: &mut Rooms) -> Result<(), StoreError> {
        if !self.0.load.has_room(Class::Background) {
            // What is due waits until callers who wait have what they need.
            return Ok(());
        }
        let engine = &self.0.engine;
        let now = engine.pipeline.now();
        let sources = engine.pipeline.sources();
        let room = |source| rooms.of(source, &sources, now);
        let claims = planner.step(engine.queue.as_ref(), now, room).await?;
        for claim in claims {
            let flow = &claim.item.flow;
            let late = now.as_millisecond().saturating_sub(claim.item.due);
            let late = Duration::from_millis(u64::try_from(late).unwrap_or_default());
            if claim.item.task == Task::Poll {
                metrics::histogram!("waybill_schedule_lateness_seconds", "source" => flow.source)
                    .record(late.as_secs_f64());
            }
            let permit = rooms.enter(flow.source);
            let running = self.0.load.enter(Class::Background);
            let engine = Arc::clone(engine);
            crate::tasks::spawn("poll", async move {
                engine.work(claim).await;
                drop((permit, running));
            });
        }
        Ok(())
    }

    async fn save(&self) {
        let Some((file, queue)) = self.0.file.clone() else {
            return;
        };
        let saving = move || file.save(&queue);
        // A task that panicked has been reported; what was not saved is read again.
        if let Ok(Err(error)) = tokio::task::spawn_blocking(saving).await {
            tracing::error!(%error, "what is due cannot be saved");
        }
    }

    async fn tell(&self, planner: &Planner) {
        let standings: Vec<Standing> = planner.standings().collect();
        let now = self.0.engine.pipeline.now().as_millisecond();
        let mut due = 0;
        for standing in &standings {
            let source = standing.source;
            metrics::gauge!("waybill_freshness_debt_seconds", "source" => source)
                .set(standing.debt().as_secs_f64());
            let backlog = self.0.engine.queue.backlog(source, now, usize::MAX).await;
            let flows = backlog.unwrap_or_default();
            due += flows.iter().map(|flow| flow.count).sum::<usize>();
        }
        #[expect(clippy::cast_precision_loss, reason = "a level need not be exact")]
        metrics::gauge!("waybill_schedule_due").set(due as f64);
    }

    /// Takes in what is new in the change log, and the registrations where that does not help.
    async fn read(&self) -> Result<(), StoreError> {
        let Engine {
            pipeline,
            queue,
            store,
            ..
        } = &*self.0.engine;
        let heads = store.heads().await?;
        let partitions = u16::try_from(heads.len()).unwrap_or(u16::MAX);
        let now = pipeline.now().as_millisecond();
        let mut lost = Places::new();
        for (partition, place) in queue.reading(now, partitions).await? {
            let Some(head) = heads.get(usize::from(partition)) else {
                continue;
            };
            let known = place.filter(|place| place.epoch == head.epoch);
            let read = match known {
                Some(place) => self.read_on(partition, place, *head).await?,
                None => None,
            };
            match read {
                Some(read) if place == Some(read) => {}
                Some(read) => queue.has_read(Places::from([(partition, read)])).await?,
                None => {
                    lost.insert(partition, *head);
                }
            }
        }
        if lost.is_empty() {
            return Ok(());
        }
        // What is registered meanwhile is in the log behind the heads.
        let engine = &self.0.engine;
        engine.scan(&lost.keys().copied().collect()).await?;
        queue.has_read(lost).await
    }

    /// Reads a partition on from a place; `None`: entries are missing.
    async fn read_on(
        &self,
        partition: u16,
        mut place: Head,
        head: Head,
    ) -> Result<Option<Head>, StoreError> {
        let engine = &self.0.engine;
        while place.sequence < head.sequence {
            let after = place.sequence;
            let page = engine.store.changes(partition, after, PAGE).await?;
            let next = page.changes.first();
            let has_gap = next.is_none_or(|next| next.sequence != after + 1);
            if has_gap || page.epoch != place.epoch {
                return Ok(None);
            }
            for change in page.changes {
                place.sequence = change.sequence;
                engine.changed(change).await?;
            }
        }
        Ok(Some(place))
    }
}

/// How much of each source may be under way, and is.
#[derive(Default)]
struct Rooms {
    rooms: HashMap<&'static str, Arc<Semaphore>>,
}

impl Rooms {
    /// For how many more polls there is room; none while the source must be left alone.
    fn of(&mut self, source: &'static str, all: &[Arc<Source>], now: Timestamp) -> usize {
        if source == NOBODY {
            return self.free(source, REVIEWS);
        }
        let mut accounts = all
            .iter()
            .filter(|account| account.descriptor.id == source)
            .peekable();
        let batch = accounts
            .peek()
            .map_or(1, |account| account.limits.batch.max(1));
        let admitted = accounts.map(|account| admitted(account, now)).max();
        match admitted {
            Some(Admitted::All) => self.free(source, CALLS * batch),
            // Whether it works again, one poll shows.
            Some(Admitted::Probe) => self.free(source, CALLS * batch).min(1),
            Some(Admitted::None) | None => 0,
        }
    }

    fn free(&mut self, source: &'static str, whole: usize) -> usize {
        let room = self.rooms.entry(source);
        let room = room.or_insert_with(|| Arc::new(Semaphore::new(whole)));
        room.available_permits()
    }

    fn enter(&self, source: &str) -> Option<tokio::sync::OwnedSemaphorePermit> {
        let room = self.rooms.get(source)?;
        Arc::clone(room).try_acquire_owned().ok()
    }
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Admitted {
    None,
    Probe,
    All,
}

/// Whether a poll would get through to an account now.
fn admitted(account: &Source, now: Timestamp) -> Admitted {
    let guard = &account.guard;
    if guard.quota_due() > PATIENCE || !guard.can_pay() {
        return Admitted::None;
    }
    let mut admitted = Admitted::All;
    for breaker in guard.breakers() {
        let one = match breaker.state {
            BreakerState::Passing => Admitted::All,
            BreakerState::Tripped if breaker.next_probe.is_some_and(|at| now < at) => {
                Admitted::None
            }
            BreakerState::Tripped | BreakerState::Probing => Admitted::Probe,
        };
        admitted = admitted.min(one);
    }
    admitted
}

/// What each source allows, its accounts together.
fn quotas(sources: &[Arc<Source>]) -> Vec<Quota> {
    let mut quotas: Vec<Quota> = Vec::new();
    for account in sources {
        let limits = &account.limits;
        let of = |quota: &&mut Quota| quota.source == account.descriptor.id;
        match quotas.iter_mut().find(of) {
            Some(quota) => {
                quota.per_second += limits.per_second;
                quota.per_day = match (quota.per_day, limits.per_day) {
                    (0, _) | (_, 0) => 0,
                    (one, other) => one + u64::from(other),
                };
            }
            None => quotas.push(Quota {
                source: account.descriptor.id,
                batch: limits.batch.max(1),
                per_second: limits.per_second,
                per_day: u64::from(limits.per_day),
            }),
        }
    }
    quotas.sort_by_key(|quota| quota.source);
    quotas
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
