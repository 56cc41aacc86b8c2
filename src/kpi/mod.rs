//! Key figures of this server: told of every stored change and every answer of a source, counted
//! behind the answers, kept in memory and, with a data directory, on the disk.
//!
//! **Invariant:** nobody waits for a figure but who asks for it. What happens is put into a bounded
//! queue; if that is full, it is dropped and counted in `waybill_kpi_dropped_total`.

mod file;

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};
use waybill_core::adapter::Answer;
use waybill_core::event::Digest;
use waybill_core::forecast::{Forecast, forecast};
use waybill_core::kpi::figures::Figures;
use waybill_core::kpi::history::History;
use waybill_core::kpi::query::{Gathering, Query, Refusal, Row};
use waybill_core::kpi::{
    Announced, Change, Journey, Metric, Sample, availability, changes, kept, lane_of, worked,
};
use waybill_core::overlay::{Overlay, Promise};
use waybill_core::shipment::{Estimate, Shipment};

use self::file::File;
use crate::config::Span;
use crate::store::seal::Keys;

/// Changes that may wait to be counted.
const WAITING: usize = 1_024;
/// Changes that are counted under one lock.
const GROUP: usize = 64;

/// `[kpi]`
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Greatest size of the figures in memory, in bytes.
    pub memory_bytes: usize,
    /// Time between two writes to the data directory: what `kill -9` can lose.
    pub save_interval: Span,
    /// Share of the milestones of a journey that a source should report.
    pub completeness_target: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            memory_bytes: 192 * 1_024 * 1_024,
            save_interval: Span(Duration::from_secs(60)),
            completeness_target: 0.95,
        }
    }
}

impl Settings {
    /// Checks what the types do not.
    ///
    /// # Errors
    /// Names the setting and its bounds.
    pub fn check(&self) -> Result<(), String> {
        if !(0.0..=1.0).contains(&self.completeness_target) {
            return Err("kpi.completeness_target: must be 0 to 1".to_owned());
        }
        if self.save_interval.0 < Duration::from_secs(1) {
            return Err("kpi.save_interval: must be at least 1 s".to_owned());
        }
        Ok(())
    }
}

/// The figures. Cheap to clone.
#[derive(Clone)]
pub struct Kpis {
    figures: Arc<RwLock<Figures>>,
    /// Part of the figures that can be looked up without waiting for them.
    history: Arc<History>,
    queue: mpsc::Sender<News>,
}

/// What carriers said at first of the delivery of a shipment, apart from the dossier that has it.
pub struct Said {
    first: Option<Estimate>,
    commitment: Option<Estimate>,
}

impl From<Announced<'_>> for Said {
    fn from(announced: Announced<'_>) -> Self {
        Self {
            first: announced.first.cloned(),
            commitment: announced.commitment.cloned(),
        }
    }
}

/// What is counted of a stored record: what everybody may know, or, where only one tenant's own
/// accounts tell of it, what that tenant does.
pub struct Counted {
    /// The record with nothing else in it.
    pub record: Arc<Shipment>,
    /// What carriers said first.
    pub said: Said,
    /// That tenant; empty: everybody.
    pub tenant: String,
}

impl Counted {
    fn journey(&self) -> Journey<'_> {
        Journey::new(&self.record, self.said.announced()).of(&self.tenant)
    }
}

/// What a tenant promised of the delivery of a shipment, and its record as that tenant sees it.
pub struct Promised {
    /// The tenant.
    pub tenant: String,
    /// The promise.
    pub promise: Promise,
    /// The record before; `None` if there was none.
    pub before: Option<Arc<Shipment>>,
    /// The record.
    pub after: Option<Arc<Shipment>>,
}

impl Said {
    fn announced(&self) -> Announced<'_> {
        Announced {
            first: self.first.as_ref(),
            commitment: self.commitment.as_ref(),
        }
    }
}

/// What happened.
enum News {
    /// A record was stored.
    Record {
        before: Option<Box<Counted>>,
        after: Box<Counted>,
        /// What tenants promised of its delivery; needed only if it is or was delivered.
        promises: Vec<Promised>,
        now: Timestamp,
    },
    /// A tenant has promised something else than before.
    Promise {
        record: Arc<Shipment>,
        tenant: String,
        before: Option<Promise>,
        after: Option<Promise>,
        now: Timestamp,
    },
    /// A source was asked.
    Answer {
        source: &'static str,
        carrier: &'static str,
        /// Whose alone the account is; empty if it is shared.
        tenant: String,
        answered: bool,
        latency: Option<Duration>,
        now: Timestamp,
    },
    /// A tenant took a step about an exception.
    Work {
        tenant: String,
        record: Arc<Shipment>,
        overlay: Arc<Overlay>,
        exception: Digest,
        now: Timestamp,
    },
    /// Somebody waits until everything before it is counted.
    Mark(oneshot::Sender<()>),
    /// Somebody waits until everything is written and the file is closed.
    Stop(oneshot::Sender<()>),
}

impl Kpis {
    /// Starts with what is kept in `folder`, or with nothing and in memory only. Needs a running
    /// runtime.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn start(
        settings: &Settings,
        folder: Option<&Path>,
        keys: &Arc<Keys>,
    ) -> Result<Self, String> {
        let mut figures = Figures::new(settings.memory_bytes);
        let file = match folder {
            None => None,
            Some(folder) => Some(File::open(folder, Arc::clone(keys), &mut figures)?),
        };
        let history = Arc::clone(figures.history());
        let figures = Arc::new(RwLock::new(figures));
        let (queue, news) = mpsc::channel(WAITING);
        let counting = run(Arc::clone(&figures), news, file, settings.save_interval.0);
        crate::tasks::spawn("kpi", counting);
        Ok(Self {
            figures,
            history,
            queue,
        })
    }

    /// Our own expectation of delivery, from what was counted up to now; see
    /// [`waybill_core::forecast`].
    pub fn forecast(&self, record: &Shipment, now: Timestamp) -> Option<Forecast> {
        forecast(record, |basis| self.history.times(record, basis), now)
    }

    /// Tells that a record was stored: what was counted of it before and what is now, and what
    /// tenants promise, if it is or was delivered.
    pub fn stored(
        &self,
        before: Option<Counted>,
        after: Counted,
        promises: Vec<Promised>,
        now: Timestamp,
    ) {
        self.tell(News::Record {
            before: before.map(Box::new),
            after: Box::new(after),
            promises,
            now,
        });
    }

    /// Tells that a tenant promises something else than before of the delivery of a shipment,
    /// whose record this is.
    pub fn promised(
        &self,
        record: &Arc<Shipment>,
        tenant: &str,
        before: Option<Promise>,
        after: Option<Promise>,
        now: Timestamp,
    ) {
        self.tell(News::Promise {
            record: Arc::clone(record),
            tenant: tenant.to_owned(),
            before,
            after,
            now,
        });
    }

    /// Tells how a source answered; `tenant`: whose alone the account is, empty if it is shared.
    pub fn answered(
        &self,
        source: &'static str,
        carrier: &'static str,
        tenant: &str,
        answer: &Answer,
        latency: Option<Duration>,
        now: Timestamp,
    ) {
        if let Some(answered) = availability(answer) {
            self.tell(News::Answer {
                source,
                carrier,
                tenant: tenant.to_owned(),
                answered,
                latency,
                now,
            });
        }
    }

    /// Tells that a tenant took a step about an exception of a record; the overlay has it.
    pub fn worked(
        &self,
        tenant: &str,
        record: &Arc<Shipment>,
        overlay: &Arc<Overlay>,
        exception: Digest,
        now: Timestamp,
    ) {
        self.tell(News::Work {
            tenant: tenant.to_owned(),
            record: Arc::clone(record),
            overlay: Arc::clone(overlay),
            exception,
            now,
        });
    }

    fn tell(&self, news: News) {
        if self.queue.try_send(news).is_err() {
            metrics::counter!("waybill_kpi_dropped_total").increment(1);
        }
    }

    /// Answers a question, with everything counted that happened before it.
    ///
    /// # Errors
    /// As [`Query::check`], and too many rows.
    pub async fn query(&self, query: Query) -> Result<Vec<Row>, Refusal> {
        query.check()?;
        let (mark, reached) = oneshot::channel();
        // A server that stops counts no more; what it has is still right.
        if self.queue.send(News::Mark(mark)).await.is_ok() {
            let _ended = reached.await;
        }
        let figures = Arc::clone(&self.figures);
        let work = tokio::task::spawn_blocking(move || {
            let read = || figures.read().unwrap_or_else(PoisonError::into_inner);
            let mut gathering = Gathering::new(query, &read());
            // One day at a time, so that counting never waits for long.
            for day in gathering.days() {
                gathering.gather(&read(), day)?;
            }
            gathering.rows(&read())
        });
        // The work is cut short only with the whole server.
        work.await.unwrap_or_else(|_| Ok(Vec::new()))
    }

    /// Writes what is not written yet, and closes the file.
    pub async fn stop(&self) {
        let (stop, stopped) = oneshot::channel();
        if self.queue.send(News::Stop(stop)).await.is_ok() {
            let _ended = stopped.await;
        }
    }
}

/// Counts what comes, and writes it from time to time, until nobody can tell anything any more.
async fn run(
    figures: Arc<RwLock<Figures>>,
    mut news: mpsc::Receiver<News>,
    mut file: Option<File>,
    save_interval: Duration,
) {
    let mut save = tokio::time::interval(save_interval);
    let mut group = Vec::with_capacity(GROUP);
    loop {
        let is_open = tokio::select! {
            count = news.recv_many(&mut group, GROUP) => count > 0,
            _ = save.tick() => {
                file = written(&figures, file).await;
                continue;
            }
        };
        if !is_open {
            written(&figures, file).await;
            return;
        }
        let (counted, mut waiting) = (Arc::clone(&figures), Vec::new());
        let mut stop = None;
        let rest = group.drain(..).filter_map(|one| match one {
            News::Mark(mark) => {
                waiting.push(mark);
                None
            }
            News::Stop(mark) => {
                stop = Some(mark);
                None
            }
            other => Some(other),
        });
        let rest: Vec<News> = rest.collect();
        // A defect in counting loses this group and nothing else; the panic was reported.
        let _counted = tokio::task::spawn_blocking(move || count_all(&counted, &rest)).await;
        for mark in waiting {
            let _gone = mark.send(());
        }
        if let Some(stop) = stop {
            written(&figures, file).await;
            let _gone = stop.send(());
            return;
        }
    }
}

fn count_all(figures: &RwLock<Figures>, group: &[News]) {
    let mut figures = figures.write().unwrap_or_else(PoisonError::into_inner);
    for one in group {
        count(&mut figures, one);
    }
    metrics::gauge!("waybill_kpi_bytes").set(figures.bytes() as f64);
}

fn count(figures: &mut Figures, news: &News) {
    match news {
        News::Record {
            before,
            after,
            promises,
            now,
        } => {
            let old = before.as_deref().map(Counted::journey);
            for (sample, change) in changes(old.as_ref(), &after.journey()) {
                figures.count(&sample, change, *now);
            }
            for one in promises {
                let old = one.before.as_deref().map(|record| (record, &one.promise));
                let new = one.after.as_deref().map(|record| (record, &one.promise));
                count_promise(figures, &one.tenant, old, new, *now);
            }
        }
        News::Promise {
            record,
            tenant,
            before,
            after,
            now,
        } => {
            let old = before.as_ref().map(|promise| (&**record, promise));
            let new = after.as_ref().map(|promise| (&**record, promise));
            count_promise(figures, tenant, old, new, *now);
        }
        News::Answer {
            source,
            carrier,
            tenant,
            answered,
            latency,
            now,
        } => {
            let sample = |metric, value| Sample {
                metric,
                carrier,
                service: "",
                lane: "",
                last: (*source).into(),
                tenant,
                value,
                time: *now,
            };
            let share = f64::from(u8::from(*answered));
            let available = sample(Metric::SourceAvailability, share);
            figures.count(&available, Change::Add, *now);
            if let Some(latency) = latency.filter(|_| *answered) {
                let took = sample(Metric::SourceLatency, latency.as_secs_f64());
                figures.count(&took, Change::Add, *now);
            }
        }
        News::Work {
            tenant,
            record,
            overlay,
            exception,
            now,
        } => {
            let lane = lane_of(record);
            if let Some(sample) = worked(record, overlay, *exception, &lane, tenant) {
                figures.count(&sample, Change::Add, *now);
            }
        }
        News::Mark(_) | News::Stop(_) => {}
    }
}

/// Counts whether a promise of a tenant was kept, in place of what was counted before.
fn count_promise(
    figures: &mut Figures,
    tenant: &str,
    before: Option<(&Shipment, &Promise)>,
    after: Option<(&Shipment, &Promise)>,
    now: Timestamp,
) {
    let lane = |of: Option<(&Shipment, &Promise)>| of.map(|(record, _)| lane_of(record));
    let (old_lane, new_lane) = (
        lane(before).unwrap_or_default(),
        lane(after).unwrap_or_default(),
    );
    let old = before.and_then(|(record, promise)| kept(record, promise, &old_lane, tenant));
    let new = after.and_then(|(record, promise)| kept(record, promise, &new_lane, tenant));
    if old == new {
        return;
    }
    if let Some(old) = old {
        figures.count(&old, Change::Take, now);
    }
    if let Some(new) = new {
        figures.count(&new, Change::Add, now);
    }
}

/// Writes the days that have changed, off the async threads. What fails is tried again next time.
async fn written(figures: &Arc<RwLock<Figures>>, file: Option<File>) -> Option<File> {
    let (file, figures) = (file?, Arc::clone(figures));
    let work = tokio::task::spawn_blocking(move || {
        if let Err(error) = file.save(&figures) {
            tracing::error!(%error, "the figures could not be written");
        }
        file
    });
    work.await.ok()
}
