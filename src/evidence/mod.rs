//! Evidence: what sources said, as received, kept for an investigation or a claim.
//!
//! Answers are put on the shelf behind the answer to the caller, each once for a shipment however
//! often it comes; in a data directory compressed and sealed. They go after [`Settings::retention`]; while a loss, damage
//! or missing contents is open for a tenant, they stay.
//!
//! **Invariant:** nobody waits for the shelf but who asks for evidence. What does not fit into the
//! bounded queue is dropped and counted in `waybill_evidence_dropped_total`. No body is ever logged.

mod file;
mod memory;
mod shelf;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};
use waybill_core::overlay::{NOBODY, is_evidence};
use waybill_core::shipment::{Shipment, ShipmentId};

use self::shelf::Shelf;
use crate::config::Span;
use crate::store::seal::Keys;
use crate::store::vault::Vault;
use crate::store::{Store, StoreError};

/// Answers that may wait to be kept, and their bytes.
const WAITING: usize = 1_024;
const WAITING_BYTES: usize = 32 << 20;
/// Answers that are written in one transaction, and how long the first one waits for others: a
/// transaction costs far more than what is in it.
const GROUP: usize = 256;
const GATHERING: Duration = Duration::from_millis(100);
/// Bytes of one shipment's answers in one bundle: the newest.
const BUNDLE_BYTES: usize = 32 << 20;

/// `[evidence]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// How long answers of sources are kept as received, since they were last received so.
    pub retention: Span,
    /// Greatest size of what is kept in the data directory, in bytes, compressed. 0 keeps nothing.
    pub disk_bytes: u64,
    /// The same without a data directory, in memory, as received.
    pub memory_bytes: u64,
    /// Time between two looks for what is too old.
    pub sweep_interval: Span,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            retention: Span(Duration::from_hours(7 * 24)),
            disk_bytes: 1 << 30,
            memory_bytes: 64 << 20,
            sweep_interval: Span(Duration::from_mins(10)),
        }
    }
}

impl Settings {
    /// Checks what the types do not.
    ///
    /// # Errors
    /// Names the setting and its bounds.
    pub fn check(&self) -> Result<(), String> {
        if self.sweep_interval.0 < Duration::from_secs(1) {
            return Err("evidence.sweep_interval: must be at least 1 s".to_owned());
        }
        Ok(())
    }
}

/// What a source said in one answer.
pub struct Said {
    /// Shipments that it is about, and whether a loss, damage or missing contents is open.
    pub about: Vec<(ShipmentId, bool)>,
    /// Name of the source, with its owner if it has one.
    pub source: String,
    /// Bodies, as received after decompression.
    pub bodies: Arc<[Bytes]>,
    /// When.
    pub time: Timestamp,
}

/// One body that was kept.
pub struct Kept {
    /// Name of the source, with its owner if it has one.
    pub source: String,
    /// When it was first received so.
    pub first: Timestamp,
    /// When it was last received so.
    pub last: Timestamp,
    /// As received.
    pub body: Bytes,
}

/// What is kept of one shipment.
#[derive(Default)]
pub struct Gathered {
    /// Oldest first.
    pub kept: Vec<Kept>,
    /// Older ones that a bundle has no room for.
    pub left_out: usize,
}

/// The shelf and its queue. Cheap to clone.
#[derive(Clone)]
pub struct Evidence {
    queue: mpsc::Sender<News>,
    waiting: Arc<AtomicUsize>,
    shelf: Arc<Shelf>,
    store: Arc<dyn Store>,
    retention: Duration,
}

enum News {
    Said(Said),
    /// Somebody waits until everything before it is kept.
    Mark(oneshot::Sender<()>),
    /// Somebody waits until everything is kept and the file is closed.
    Stop(oneshot::Sender<()>),
}

impl Evidence {
    /// Starts with what is kept in `folder`, or with nothing and in memory. Needs a running runtime.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn start(
        settings: &Settings,
        folder: Option<(&Path, Arc<Vault>)>,
        keys: &Arc<Keys>,
        store: Arc<dyn Store>,
    ) -> Result<Self, String> {
        let limit = match folder {
            Some(_) => settings.disk_bytes,
            None => settings.memory_bytes,
        };
        let shelf = Arc::new(Shelf::open(folder, Arc::clone(keys), limit)?);
        let waiting = Arc::new(AtomicUsize::new(0));
        let (queue, news) = mpsc::channel(WAITING);
        let keeping = run(Arc::clone(&shelf), news, Arc::clone(&waiting));
        crate::tasks::spawn("evidence", keeping);
        Ok(Self {
            queue,
            waiting,
            shelf,
            store,
            retention: settings.retention.0,
        })
    }

    /// Keeps an answer, soon.
    pub fn keep(&self, said: Said) {
        let bytes = size(&said);
        if bytes == 0 || self.shelf.limit() == 0 {
            return;
        }
        let before = self.waiting.fetch_add(bytes, Ordering::AcqRel);
        let has_room = before + bytes <= WAITING_BYTES;
        if !has_room || self.queue.try_send(News::Said(said)).is_err() {
            self.waiting.fetch_sub(bytes, Ordering::AcqRel);
            metrics::counter!("waybill_evidence_dropped_total").increment(1);
        }
    }

    /// What is kept of a shipment at `now`, with everything in it that came before.
    ///
    /// # Errors
    /// The shelf or the store cannot be read.
    pub async fn gather(&self, record: &Shipment, now: Timestamp) -> Result<Gathered, StoreError> {
        self.flush().await;
        let since = match self.is_held(record).await? {
            true => Timestamp::MIN,
            false => self.since(now),
        };
        let shelf = Arc::clone(&self.shelf);
        let mut ids = vec![record.id.clone()];
        ids.extend(record.superseded.iter().cloned());
        blocking(move || shelf.of(&ids, since, BUNDLE_BYTES)).await
    }

    /// Drops all that is kept of a shipment, what came until now included; says how many bodies.
    ///
    /// # Errors
    /// The shelf cannot be written.
    pub async fn erase(&self, id: &ShipmentId) -> Result<usize, StoreError> {
        self.flush().await;
        let (shelf, id) = (Arc::clone(&self.shelf), id.clone());
        blocking(move || shelf.erase(&id)).await
    }

    /// The same, soon.
    pub fn forget(&self, id: &ShipmentId) {
        let (evidence, id) = (self.clone(), id.clone());
        crate::tasks::spawn("forget", async move {
            if let Err(error) = evidence.erase(&id).await {
                tracing::error!(%error, "evidence of an erased shipment could not be dropped");
            }
        });
    }

    /// Copies the file as of now, if there is one; returns its size in bytes.
    ///
    /// # Errors
    /// The copy cannot be written.
    pub async fn copy(&self, to: &Path) -> Result<Option<u64>, StoreError> {
        self.flush().await;
        let (shelf, to) = (Arc::clone(&self.shelf), to.to_owned());
        blocking(move || shelf.copy(&to)).await
    }

    /// Drops what is too old and not held. Returns how many bodies went.
    ///
    /// # Errors
    /// The shelf or the store cannot be read or written.
    pub async fn sweep(&self, now: Timestamp) -> Result<usize, StoreError> {
        self.flush().await;
        let (shelf, since) = (Arc::clone(&self.shelf), self.since(now));
        let old = blocking(move || shelf.older_than(since)).await?;
        let mut held: HashMap<ShipmentId, bool> = HashMap::new();
        let mut gone = Vec::new();
        for row in old {
            let is_held = match held.get(&row.id) {
                Some(known) => *known,
                None => {
                    let stored = self.store.load(&row.id).await?;
                    let is_held = match stored {
                        Some(stored) => self.is_held(&stored.record).await?,
                        None => false,
                    };
                    held.insert(row.id.clone(), is_held);
                    is_held
                }
            };
            if !is_held {
                gone.push(row);
            }
        }
        let shelf = Arc::clone(&self.shelf);
        blocking(move || shelf.drop_all(&gone).map(|()| gone.len())).await
    }

    /// Sweeps from time to time, until it is dropped.
    pub async fn sweep_forever(self, clock: crate::clock::Clock, every: Duration) {
        loop {
            tokio::time::sleep(every).await;
            if let Err(error) = self.sweep(clock.now()).await {
                tracing::error!(%error, "evidence could not be swept");
            }
        }
    }

    async fn is_held(&self, record: &Shipment) -> Result<bool, StoreError> {
        if !is_evidence(record, &NOBODY) {
            return Ok(false);
        }
        let overlays = self.store.overlays(&record.id).await?;
        let overlays: Vec<_> = overlays.into_iter().map(|(_, overlay)| overlay).collect();
        Ok(is_evidence(record, &overlays))
    }

    fn since(&self, now: Timestamp) -> Timestamp {
        now.checked_sub(self.retention).unwrap_or(Timestamp::MIN)
    }

    /// Keeps what waits, and closes the file.
    pub async fn stop(&self) {
        let (stop, stopped) = oneshot::channel();
        if self.queue.send(News::Stop(stop)).await.is_ok() {
            let _ended = stopped.await;
        }
    }

    /// Waits until everything that was told is kept.
    pub async fn flush(&self) {
        let (mark, reached) = oneshot::channel();
        // Without the task there is nothing to wait for.
        if self.queue.send(News::Mark(mark)).await.is_ok() {
            let _ended = reached.await;
        }
    }
}

fn size(said: &Said) -> usize {
    said.bodies.iter().map(Bytes::len).sum()
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let cut = |_| StoreError::new("work was cut short");
    tokio::task::spawn_blocking(work).await.map_err(cut)?
}

/// Keeps what comes, until nobody can tell anything any more.
async fn run(shelf: Arc<Shelf>, mut news: mpsc::Receiver<News>, waiting: Arc<AtomicUsize>) {
    let mut group = Vec::with_capacity(GROUP);
    while news.recv_many(&mut group, GROUP).await > 0 {
        let until = Instant::now() + GATHERING;
        while group.len() < GROUP && group.iter().all(|one| matches!(one, News::Said(_))) {
            let room = GROUP - group.len();
            let more = timeout_at(until, news.recv_many(&mut group, room));
            // Time is up, or nobody is left who could tell anything.
            if more.await.is_err() || news.is_closed() {
                break;
            }
        }
        let (mut said, mut marks, mut stop) = (Vec::new(), Vec::new(), None);
        for one in group.drain(..) {
            match one {
                News::Said(one) => said.push(one),
                News::Mark(mark) => marks.push(mark),
                News::Stop(mark) => stop = Some(mark),
            }
        }
        let bytes = said.iter().map(size).sum();
        let writing = Arc::clone(&shelf);
        let kept = blocking(move || match said.is_empty() {
            true => Ok(()),
            false => writing.put(&said),
        });
        if let Err(error) = kept.await {
            metrics::counter!("waybill_evidence_dropped_total").increment(1);
            tracing::error!(%error, "answers could not be kept");
        }
        waiting.fetch_sub(bytes, Ordering::AcqRel);
        for mark in marks {
            let _gone = mark.send(());
        }
        if let Some(stop) = stop {
            shelf.close();
            let _gone = stop.send(());
            return;
        }
    }
}
