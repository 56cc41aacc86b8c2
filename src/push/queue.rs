//! The queue between the acknowledgement of a push and the work on it: its limits, its one writer,
//! and who is told of what is in it.
//!
//! Each account of a source has a desk of its own, so that a flood or a slow source holds up nobody
//! else. What waits is in memory, and in a data directory on the disk as well.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};
use waybill_core::adapter::Report;
use waybill_core::number::TrackingNumber;

use super::Settings;
use super::shelf::{Put, Shelf};
use crate::pipeline::{Pipeline, Source};
use crate::store::StoreError;

/// Jobs that may wait for the writer.
const WAITING: usize = 1_024;
/// Jobs that share one transaction at most.
const GROUP: usize = 256;
/// Bytes that say how long the reports are.
const HEAD: usize = 4;
/// How long what is left of a source that is no longer configured is kept.
const LEFT: Duration = Duration::from_hours(72);

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Reports are to be taken in.
    News,
    /// A number is to be asked for.
    Poll,
}

/// One thing that waits. `plain` holds what [`encode_news`] or [`encode_poll`] made.
#[derive(Clone)]
pub(super) struct Item {
    /// Place in the queue.
    pub(super) seq: u64,
    /// When the push came.
    pub(super) received: Timestamp,
    pub(super) plain: Bytes,
}

/// Where the pushes of one account of a source come together.
pub(super) struct Desk {
    pub(super) id: &'static str,
    pub(super) account: String,
    /// As it was at the start.
    first: Arc<Source>,
    pipeline: Pipeline,
    /// Source and account.
    pub(super) name: String,
    rows: AtomicUsize,
    bytes: AtomicUsize,
    news: mpsc::UnboundedSender<Item>,
    polls: mpsc::UnboundedSender<Item>,
}

impl Desk {
    /// The source as it is configured now; if it is not any more, as it was at the start: what was
    /// taken in before is worked off.
    pub(super) fn source(&self) -> Arc<Source> {
        let found = self.pipeline.live().account(self.id, &self.account);
        found.unwrap_or_else(|| Arc::clone(&self.first))
    }

    /// Whether the source is to push now.
    pub(super) fn is_open(&self) -> bool {
        let live = self.pipeline.live();
        let found = live.account(self.id, &self.account);
        found.is_some_and(|source| live.is_on(&source))
    }

    fn tell(&self, kind: Kind, item: Item) {
        let inbox = match kind {
            Kind::News => &self.news,
            Kind::Poll => &self.polls,
        };
        // The worker ends only when the server stops; what waits stays where it is.
        let _stopped = inbox.send(item);
    }

    fn add(&self, rows: usize, bytes: usize) -> (usize, usize) {
        let source = self.id;
        metrics::gauge!("waybill_push_waiting", "source" => source).increment(count(rows));
        (
            self.rows.fetch_add(rows, Ordering::AcqRel),
            self.bytes.fetch_add(bytes, Ordering::AcqRel),
        )
    }

    fn take_away(&self, rows: usize, bytes: usize) {
        let source = self.id;
        metrics::gauge!("waybill_push_waiting", "source" => source).decrement(count(rows));
        self.rows.fetch_sub(rows, Ordering::AcqRel);
        self.bytes.fetch_sub(bytes, Ordering::AcqRel);
    }
}

/// What the workers of a desk listen to.
pub(super) struct Inbox {
    pub(super) news: mpsc::UnboundedReceiver<Item>,
    pub(super) polls: mpsc::UnboundedReceiver<Item>,
}

/// What became of a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// It is kept, and will be worked on.
    New,
    /// It was kept before.
    Repeated,
}

/// Why a push was not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// Too many wait.
    Full,
    /// The disk failed.
    Failed,
}

/// Something for the writer.
enum Job {
    Put {
        put: Put,
        desk: Arc<Desk>,
        reply: oneshot::Sender<Result<Taken, Refused>>,
    },
    Done(u64),
    Stop(oneshot::Sender<()>),
}

/// The queue.
pub(super) struct Queue {
    desks: Vec<Arc<Desk>>,
    jobs: mpsc::Sender<Job>,
    limit: usize,
    limit_bytes: usize,
}

impl Queue {
    /// Opens a desk for each account of a source that pushes, with what waits on the shelf.
    ///
    /// # Errors
    /// The shelf cannot be read.
    pub(super) fn start(
        settings: &Settings,
        shelf: Shelf,
        pipeline: &Pipeline,
    ) -> Result<(Arc<Self>, Vec<Inbox>), String> {
        let (mut desks, mut inboxes) = (Vec::new(), Vec::new());
        for source in &pipeline.live().configured.sources {
            if source.descriptor.capabilities.push.is_none() {
                continue;
            }
            let (news, told) = mpsc::unbounded_channel();
            let (polls, asked) = mpsc::unbounded_channel();
            desks.push(Arc::new(Desk {
                id: source.descriptor.id,
                account: source.account.clone(),
                first: Arc::clone(source),
                pipeline: pipeline.clone(),
                name: format!("{}/{}", source.descriptor.id, source.account),
                rows: AtomicUsize::new(0),
                bytes: AtomicUsize::new(0),
                news,
                polls,
            }));
            inboxes.push(Inbox {
                news: told,
                polls: asked,
            });
        }
        let left = hand_out(&shelf, &desks, pipeline.now())?;
        let (jobs, work) = mpsc::channel(WAITING);
        crate::tasks::spawn("push-queue", write_all(shelf, work, left));
        let queue = Self {
            desks,
            jobs,
            limit: settings.queue,
            limit_bytes: settings.queue_bytes,
        };
        Ok((Arc::new(queue), inboxes))
    }

    pub(super) fn desks(&self) -> &[Arc<Desk>] {
        &self.desks
    }

    /// Keeps what a push asks for, unless it is known by its digest.
    ///
    /// # Errors
    /// It is not kept.
    pub(super) async fn put(
        &self,
        desk: &Arc<Desk>,
        digest: [u8; 32],
        rows: Vec<(Kind, Bytes)>,
        received: Timestamp,
    ) -> Result<Taken, Refused> {
        let (count, bytes) = size(&rows);
        let (rows_before, bytes_before) = desk.add(count, bytes);
        let is_full = rows_before + count > self.limit || bytes_before + bytes > self.limit_bytes;
        // One that is larger than the whole queue has to get through some day.
        if is_full && rows_before > 0 {
            desk.take_away(count, bytes);
            return Err(Refused::Full);
        }
        let (reply, replied) = oneshot::channel();
        let put = Put {
            digest,
            desk: desk.name.clone(),
            rows,
            received,
        };
        let job = Job::Put {
            put,
            desk: Arc::clone(desk),
            reply,
        };
        if self.jobs.try_send(job).is_err() {
            desk.take_away(count, bytes);
            return Err(Refused::Full);
        }
        // From here on the writer gives back what is not needed, also if nobody waits any more.
        replied.await.unwrap_or(Err(Refused::Failed))
    }

    /// Drops what has been worked on.
    pub(super) async fn done(&self, desk: &Desk, item: &Item) {
        desk.take_away(1, item.plain.len());
        // Without the writer it stays on the disk, and is worked on again, which changes nothing.
        let _stopped = self.jobs.send(Job::Done(item.seq)).await;
    }

    /// Writes what is left to write, and closes the file.
    pub(super) async fn stop(&self) {
        let (stop, stopped) = oneshot::channel();
        if self.jobs.send(Job::Stop(stop)).await.is_ok() {
            let _ended = stopped.await;
        }
    }
}

fn count(rows: usize) -> u32 {
    u32::try_from(rows).unwrap_or(u32::MAX)
}

fn size(rows: &[(Kind, Bytes)]) -> (usize, usize) {
    (rows.len(), rows.iter().map(|(_, plain)| plain.len()).sum())
}

/// Gives what waits on the shelf to its desks; returns the places of what is given up.
fn hand_out(shelf: &Shelf, desks: &[Arc<Desk>], now: Timestamp) -> Result<Vec<u64>, String> {
    let (mut waiting, mut strays, mut given_up) = (0_usize, 0_usize, Vec::new());
    for row in shelf.waiting().map_err(|error| error.to_string())? {
        let desk = desks.iter().find(|desk| desk.name == row.desk);
        let age = Duration::try_from(now.duration_since(row.item.received));
        match (desk, row.kind) {
            (Some(desk), Some(kind)) => {
                desk.add(1, row.item.plain.len());
                desk.tell(kind, row.item);
                waiting += 1;
            }
            // The source may come back with the next configuration.
            (None, Some(_)) if age.is_ok_and(|age| age < LEFT) => strays += 1,
            _ => given_up.push(row.item.seq),
        }
    }
    if waiting > 0 {
        tracing::info!(waiting, "pushes from before wait to be worked on");
    }
    if strays > 0 {
        tracing::warn!(strays, "pushes wait of sources that are not configured");
    }
    if !given_up.is_empty() {
        let lost = given_up.len();
        tracing::error!(
            lost,
            "pushes from before cannot be read or are of no source"
        );
    }
    Ok(given_up)
}

/// The writer: every job that waits in one transaction, and only then the acknowledgements.
async fn write_all(shelf: Shelf, mut jobs: mpsc::Receiver<Job>, mut done: Vec<u64>) {
    let shelf = Arc::new(shelf);
    let mut group = Vec::with_capacity(GROUP);
    while jobs.recv_many(&mut group, GROUP).await > 0 {
        let (mut puts, mut replies, mut stop) = (Vec::new(), Vec::new(), None);
        for job in group.drain(..) {
            match job {
                Job::Put { put, desk, reply } => {
                    puts.push(put);
                    replies.push((desk, reply));
                }
                Job::Done(seq) => done.push(seq),
                Job::Stop(mark) => stop = Some(mark),
            }
        }
        let puts = Arc::new(puts);
        let (writing, what) = (Arc::clone(&shelf), Arc::clone(&puts));
        let finished = std::mem::take(&mut done);
        let written = tokio::task::spawn_blocking(move || {
            let written = writing.write(&what, &finished);
            (written, finished)
        });
        let cut = |_| (Err(StoreError::new("writing was cut short")), Vec::new());
        let (written, finished) = written.await.unwrap_or_else(cut);
        if let Err(error) = &written {
            // It is dropped with the next group.
            done = finished;
            metrics::counter!("waybill_push_faults_total").increment(1);
            tracing::error!(%error, pushes = puts.len(), "pushes could not be kept");
        }
        let kept = written.ok();
        for (at, (desk, reply)) in replies.into_iter().enumerate() {
            let put = &puts[at];
            let seqs = kept.as_ref().map(|kept| &kept[at]);
            let told = match seqs {
                Some(Some(first)) => {
                    for ((kind, plain), seq) in put.rows.iter().zip(*first..) {
                        let item = Item {
                            seq,
                            received: put.received,
                            plain: plain.clone(),
                        };
                        desk.tell(*kind, item);
                    }
                    Ok(Taken::New)
                }
                other => {
                    let (count, bytes) = size(&put.rows);
                    desk.take_away(count, bytes);
                    match other {
                        Some(_) => Ok(Taken::Repeated),
                        None => Err(Refused::Failed),
                    }
                }
            };
            let _gone = reply.send(told);
        }
        if let Some(stop) = stop {
            shelf.close();
            let _gone = stop.send(());
            return;
        }
    }
}

/// Reports, and the body that they were read from.
pub(super) fn encode_news(reports: &[Report], body: &[u8]) -> Result<Bytes, serde_json::Error> {
    let reports = serde_json::to_vec(reports)?;
    let mut plain = BytesMut::with_capacity(HEAD + reports.len() + body.len());
    plain.put_u32(u32::try_from(reports.len()).unwrap_or(u32::MAX));
    plain.put_slice(&reports);
    plain.put_slice(body);
    Ok(plain.freeze())
}

/// What [`encode_news`] made; `None` if another version did.
pub(super) fn decode_news(plain: &Bytes) -> Option<(Vec<Report>, Bytes)> {
    let head: [u8; HEAD] = plain.get(..HEAD)?.try_into().ok()?;
    let end = HEAD.checked_add(u32::from_be_bytes(head).try_into().ok()?)?;
    let reports = serde_json::from_slice(plain.get(HEAD..end)?).ok()?;
    Some((reports, plain.slice(end..)))
}

pub(super) fn encode_poll(number: &TrackingNumber) -> Bytes {
    Bytes::copy_from_slice(number.reveal().as_bytes())
}

pub(super) fn decode_poll(plain: &[u8]) -> Option<TrackingNumber> {
    TrackingNumber::parse(std::str::from_utf8(plain).ok()?).ok()
}
