//! `TrackingService.Follow`: one task per stream, which sends the snapshot and then whatever
//! changes.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt, stream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::{Instant, sleep_until};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;
use waybill_core::adapter::Hints;
use waybill_core::order::Subject;
use waybill_core::revision::new_event_ids;
use waybill_core::shipment::{Shipment, ShipmentId};

use super::convert::{self, View};
use super::status::Failure;
use super::tracking::{self, Tracking};
use crate::config::{Calls, StreamSettings};
use crate::guard::Priority;
use crate::pipeline::{Found, Lookup, Miss, Pipeline, SourceResult};
use crate::texts::Texts;
use crate::v1;
use crate::v1::watch_message::Kind;
use crate::watch::{Mailbox, Topic, told};

/// The stream of one call.
pub type FollowStream = ReceiverStream<Result<v1::WatchMessage, Status>>;

/// Messages that may wait in a stream before its task waits for the reader.
const WINDOW: usize = 8;
/// How many shipments of one stream are looked up at the same time.
const WIDTH: usize = 16;
/// When to look again for a number about which nothing else says when.
const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// Least time between two looks of a stream at one shipment.
const LEAST_PAUSE: Duration = Duration::from_secs(1);
/// Time left for messages that are due once the stream is announced to end.
const GRACE: Duration = Duration::from_secs(5);

/// What all streams share.
#[derive(Clone)]
pub struct Streams {
    permits: Arc<Semaphore>,
    drain: watch::Receiver<bool>,
    server_id: Arc<str>,
    settings: Settings,
}

/// Limits of streams as plain values.
#[derive(Clone, Copy)]
struct Settings {
    max_age: Duration,
    heartbeat: Duration,
    count: usize,
    /// Time for the lookups of a snapshot.
    snapshot: Duration,
}

impl Streams {
    /// Makes the shared part; `drain` turns true when the server stops.
    pub fn new(
        settings: &StreamSettings,
        calls: &Calls,
        server_id: &str,
        drain: watch::Receiver<bool>,
    ) -> Self {
        let permits = Arc::new(Semaphore::new(settings.count));
        let settings = Settings {
            max_age: settings.max_age.0,
            heartbeat: settings.heartbeat.0,
            count: settings.count,
            snapshot: calls.default_deadline,
        };
        Self {
            permits,
            drain,
            server_id: server_id.into(),
            settings,
        }
    }
}

/// Checks a subscription and starts its stream.
pub(super) fn open(tracking: &Tracking, open: v1::WatchOpen) -> Result<FollowStream, Failure> {
    let view = tracking::view(open.view)?;
    tracking::language("open.language", &open.language)?;
    let Some(v1::watch_open::Target::Shipments(target)) = open.target else {
        return Err(Failure::field("open.shipments", "is required"));
    };
    let keys = target.shipments;
    if keys.is_empty() || keys.len() > tracking.calls.batch_items {
        let limit = tracking.calls.batch_items;
        return Err(Failure::field(
            "open.shipments.shipments",
            format!("must have 1 to {limit} keys"),
        ));
    }
    let heartbeat = match open.heartbeat_interval {
        None => tracking.streams.settings.heartbeat,
        Some(wanted) => Duration::try_from(wanted)
            .map_err(|_| Failure::field("open.heartbeat_interval", "must not be negative"))?
            .clamp(Duration::from_secs(5), Duration::from_secs(300)),
    };
    let permit = Arc::clone(&tracking.streams.permits)
        .try_acquire_owned()
        .map_err(|_| {
            let message = "the server has as many streams as it may have";
            Failure::new(v1::ErrorReason::WatchLimit, message).with("subject", "streams")
        })?;
    let (sender, receiver) = mpsc::channel(WINDOW);
    let jitter = rand::random_range(0.9..1.1);
    let stream = Stream {
        pipeline: tracking.pipeline.clone(),
        shared: tracking.streams.clone(),
        view,
        texts: Arc::clone(&tracking.texts),
        language: open.language,
        tenant: tracking.caller.tenant.clone(),
        heartbeat,
        end: Instant::now() + tracking.streams.settings.max_age.mul_f64(jitter),
        sender,
        sequence: 0,
        last_message: Instant::now(),
        mailbox: Arc::new(Mailbox::default()),
        sent: HashMap::new(),
        _permit: permit,
    };
    let last = stream.sender.clone();
    crate::tasks::spawn("follow", async move {
        metrics::gauge!("waybill_streams").increment(1);
        let ended = AssertUnwindSafe(stream.run(keys)).catch_unwind().await;
        metrics::gauge!("waybill_streams").decrement(1);
        // A reader that is gone and a normal end are quiet; a defect must not look like one.
        if ended.is_err() {
            let failure = Failure::internal("a stream panicked");
            let _gone = last.send(Err(failure.into())).await;
        }
    });
    Ok(ReceiverStream::new(receiver))
}

/// One stream.
struct Stream {
    pipeline: Pipeline,
    shared: Streams,
    view: View,
    texts: Arc<Texts>,
    /// As the reader asked for it.
    language: String,
    /// Whose overlays it shows.
    tenant: String,
    heartbeat: Duration,
    end: Instant,
    sender: mpsc::Sender<Result<v1::WatchMessage, Status>>,
    sequence: u64,
    last_message: Instant,
    mailbox: Arc<Mailbox>,
    /// What the reader holds.
    sent: HashMap<ShipmentId, Sent>,
    _permit: OwnedSemaphorePermit,
}

/// What the reader holds of one shipment.
struct Sent {
    record: Arc<Shipment>,
    /// Revision of the overlay; 0: none.
    overlay: u32,
}

/// The reader is gone.
struct Gone;

/// A key that is followed: what to look up, and as what the client asked for it.
struct Followed {
    requested: v1::ShipmentKey,
    subject: Subject,
    carrier: String,
    hints: Hints,
    /// Only this shipment of those that the number stands for.
    only: Option<ShipmentId>,
}

impl Stream {
    async fn run(mut self, keys: Vec<v1::ShipmentKey>) -> Result<(), Gone> {
        let opened = v1::WatchOpened {
            server_id: self.shared.server_id.to_string(),
            heartbeat_interval: Some(convert::duration(self.heartbeat)),
            max_stream_age: Some(convert::duration(
                self.end.saturating_duration_since(Instant::now()),
            )),
        };
        self.send(Kind::Opened(opened)).await?;
        let (followed, looks) = self.snapshot(keys).await?;
        let shipment_count = u32::try_from(self.sent.len()).unwrap_or(u32::MAX);
        self.send(Kind::Synced(v1::WatchSynced { shipment_count }))
            .await?;
        self.follow(followed, looks).await
    }

    /// Looks every key up and sends what it stands for, as soon as it is known.
    async fn snapshot(
        &mut self,
        keys: Vec<v1::ShipmentKey>,
    ) -> Result<(Vec<Arc<Followed>>, Vec<Instant>), Gone> {
        let pipeline = self.pipeline.clone();
        let deadline = Instant::now() + self.shared.settings.snapshot;
        let mailbox = Arc::clone(&self.mailbox);
        let mut results = stream::iter(keys)
            .map(|key| {
                let (pipeline, mailbox) = (pipeline.clone(), Arc::clone(&mailbox));
                async move {
                    let followed = match read_key(&pipeline, &key).await {
                        Ok(followed) => followed,
                        Err(failure) => return Err((key, failure)),
                    };
                    // On the topic before the lookup: a change in between is not missed.
                    let topic = match &followed.only {
                        Some(id) => Topic::Shipment(id.clone()),
                        None => Topic::Subject(followed.subject.clone()),
                    };
                    pipeline.hub().follow(topic, &mailbox);
                    match look(&pipeline, &followed, deadline, Priority::Interactive).await {
                        Ok(found) => Ok((followed, Some(found))),
                        Err(Miss::SourcesFailed(_) | Miss::NoTime) => Ok((followed, None)),
                        Err(miss) => Err((key, Failure::from(miss))),
                    }
                }
            })
            .buffer_unordered(WIDTH);
        let (mut followed, mut looks) = (Vec::new(), Vec::new());
        while let Some(result) = results.next().await {
            match result {
                Err((key, failure)) => {
                    let error = Some(failure.into_problem());
                    let rejected = v1::WatchRejected {
                        shipment: Some(key),
                        error,
                    };
                    self.send(Kind::Rejected(rejected)).await?;
                }
                Ok((key, found)) => {
                    let pause = found
                        .as_ref()
                        .map_or(LOOK_AGAIN, |found| pause(&self.pipeline, found));
                    looks.push(Instant::now() + pause);
                    if let Some(found) = found {
                        for record in key.of(&found) {
                            self.watch(&record.id);
                            let freshness = Some(tracking::freshness(&found.freshness));
                            self.update(record, freshness, Some(&key.requested)).await?;
                        }
                    }
                    followed.push(Arc::new(key));
                }
            }
        }
        Ok((followed, looks))
    }

    /// Sends what changes until the stream ends, and sees to it that somebody looks.
    async fn follow(
        &mut self,
        followed: Vec<Arc<Followed>>,
        mut looks: Vec<Instant>,
    ) -> Result<(), Gone> {
        let mut running = FuturesUnordered::new();
        let mut drain = self.shared.drain.clone();
        loop {
            let due = looks.iter().copied().enumerate().min_by_key(|(_, at)| *at);
            let may_look = running.len() < WIDTH;
            tokio::select! {
                changed = self.mailbox.take() => {
                    for id in changed {
                        self.changed(&id).await?;
                    }
                }
                Some((at, pause)) = running.next() => {
                    looks[at] = Instant::now() + pause;
                }
                () = sleep_until(due.map_or(self.end, |(_, at)| at)), if may_look && due.is_some() => {
                    if let Some((at, _)) = due {
                        looks[at] = self.end;
                        running.push(look_again(self.pipeline.clone(), Arc::clone(&followed[at]), at));
                    }
                }
                () = sleep_until(self.last_message + self.heartbeat) => {
                    let server_time = Some(convert::timestamp(self.pipeline.now()));
                    self.send(Kind::Heartbeat(v1::WatchHeartbeat { server_time })).await?;
                }
                () = sleep_until(self.end) => {
                    return self.go_away(v1::GoingAwayReason::MaxAge).await;
                }
                () = told(&mut drain) => {
                    return self.go_away(v1::GoingAwayReason::Draining).await;
                }
                () = self.sender.closed() => return Err(Gone),
            }
        }
    }

    /// Sends the newest state of a shipment if the reader does not hold it.
    async fn changed(&mut self, id: &ShipmentId) -> Result<(), Gone> {
        let Ok((record, freshness)) = self.pipeline.held(id).await else {
            return Ok(());
        };
        self.watch(id);
        if let Some(sent) = self.sent.get(id)
            && record.revision <= sent.record.revision
        {
            return self.changed_overlay(&record).await;
        }
        self.update(record, Some(tracking::freshness(&freshness)), None)
            .await
    }

    /// Sends what the tenant has added to a record that the reader holds, if that is new.
    async fn changed_overlay(&mut self, record: &Shipment) -> Result<(), Gone> {
        let overlay = self.pipeline.overlay(&self.tenant, record).await;
        let (Ok(Some(overlay)), Some(sent)) = (overlay, self.sent.get_mut(&record.id)) else {
            return Ok(());
        };
        if overlay.revision <= sent.overlay {
            return Ok(());
        }
        sent.overlay = overlay.revision;
        let update = v1::WatchUpdate {
            change: v1::WatchChange::Overlay as i32,
            overlay: Some(convert::overlay(&record.id, &overlay)),
            previous_revision: sent.record.revision,
            ..Default::default()
        };
        self.send(Kind::Update(update)).await
    }

    /// Follows a shipment by itself: time alone changes it, and answers under another of its
    /// numbers. A change before this is looked for once more.
    fn watch(&self, id: &ShipmentId) {
        if !self.sent.contains_key(id) {
            let topic = Topic::Shipment(id.clone());
            self.pipeline.hub().follow(topic, &self.mailbox);
            self.mailbox.put(id);
        }
    }

    async fn update(
        &mut self,
        record: Arc<Shipment>,
        freshness: Option<v1::Freshness>,
        requested: Option<&v1::ShipmentKey>,
    ) -> Result<(), Gone> {
        let overlay = self.pipeline.overlay(&self.tenant, &record).await;
        // One that cannot be read now is sent when it changes next.
        let overlay = overlay.ok().flatten();
        let before = self.sent.get(&record.id).map(|sent| &sent.record);
        let previous_revision = before.map_or(0, |before| before.revision);
        if requested.is_some() && before.is_some() {
            return Ok(());
        }
        let is_snapshot = requested.is_some();
        let new_events = if is_snapshot {
            Vec::new()
        } else {
            let mut ids = new_event_ids(before.map(AsRef::as_ref), &record);
            ids.reverse();
            ids
        };
        let skipped = if previous_revision == 0 {
            0
        } else {
            record.revision - previous_revision - 1
        };
        let change = if is_snapshot {
            v1::WatchChange::Snapshot
        } else {
            v1::WatchChange::Updated
        };
        let voice = self.texts.voice(&self.language);
        let forecast = self.pipeline.forecast(&record);
        let update = v1::WatchUpdate {
            shipment: Some(convert::shipment(&record, self.view, voice)),
            change: change as i32,
            freshness,
            overlay: overlay
                .as_ref()
                .map(|one| convert::overlay(&record.id, one)),
            new_event_ids: new_events.iter().map(ToString::to_string).collect(),
            previous_revision,
            conflated_count: skipped,
            requested: requested.cloned(),
            forecast: forecast.map(|one| convert::forecast(&record.id, &one, voice)),
        };
        let sent = Sent {
            overlay: overlay.map_or(0, |one| one.revision),
            record,
        };
        self.sent.insert(sent.record.id.clone(), sent);
        self.send(Kind::Update(update)).await
    }

    async fn go_away(&mut self, reason: v1::GoingAwayReason) -> Result<(), Gone> {
        // Clients come back spread over a second per thousand streams, not all at once.
        let spread = 1.0 + self.shared.settings.count as f64 / 1_000.0;
        let delay = Duration::from_secs_f64(rand::random_range(0.0..spread));
        let going = v1::WatchGoingAway {
            reason: reason as i32,
            grace: Some(convert::duration(GRACE)),
            reconnect_delay: Some(convert::duration(delay)),
        };
        let sent = tokio::time::timeout(GRACE, self.send(Kind::GoingAway(going))).await;
        sent.unwrap_or(Err(Gone))
    }

    async fn send(&mut self, kind: Kind) -> Result<(), Gone> {
        self.sequence += 1;
        let message = v1::WatchMessage {
            sequence: self.sequence,
            kind: Some(kind),
        };
        self.sender.send(Ok(message)).await.map_err(|_| Gone)?;
        self.last_message = Instant::now();
        Ok(())
    }
}

impl Followed {
    /// The records of a lookup that the key stands for.
    fn of(&self, found: &Found) -> Vec<Arc<Shipment>> {
        let wanted = |record: &&Arc<Shipment>| self.only.as_ref().is_none_or(|id| *id == record.id);
        found.shipments.iter().filter(wanted).cloned().collect()
    }
}

async fn read_key(pipeline: &Pipeline, key: &v1::ShipmentKey) -> Result<Followed, Failure> {
    use v1::shipment_key::Key;
    let named = |subject: Subject| {
        tracking::carrier("carrier", &key.carrier)?;
        let hints = tracking::hints(key.hints.clone())?;
        Ok::<_, Failure>((subject, key.carrier.clone(), hints, None))
    };
    let (subject, carrier, hints, only) = match &key.key {
        None => return Err(Failure::field("key", "is required")),
        Some(Key::Id(id)) => {
            let id = tracking::shipment_id("id", id.clone())?;
            let (record, _) = pipeline.held(&id).await?;
            (
                record.number.clone().into(),
                record.carrier.clone(),
                Hints::default(),
                Some(id),
            )
        }
        Some(Key::TrackingNumber(text)) => {
            let number = tracking::number("tracking_number", text)?;
            named(number.into())?
        }
        Some(Key::Order(order)) => named(tracking::order("order", order)?.into())?,
    };
    Ok(Followed {
        requested: key.clone(),
        subject,
        carrier,
        hints,
        only,
    })
}

async fn look(
    pipeline: &Pipeline,
    followed: &Followed,
    deadline: Instant,
    priority: Priority,
) -> Result<Found, Miss> {
    let lookup = Lookup {
        subject: followed.subject.clone(),
        carrier: followed.carrier.clone(),
        hints: followed.hints.clone(),
        sources: Vec::new(),
        max_age: None,
        cache_only: false,
        wait_for_all: false,
        allow_paid: false,
        deadline,
        priority,
    };
    pipeline.track(&lookup).await
}

/// One look by the stream itself; what it brings reaches the mailbox by publication.
async fn look_again(pipeline: Pipeline, followed: Arc<Followed>, at: usize) -> (usize, Duration) {
    let deadline = Instant::now() + LOOK_AGAIN;
    let found = look(&pipeline, &followed, deadline, Priority::Background).await;
    (
        at,
        found
            .as_ref()
            .map_or(LOOK_AGAIN, |found| pause(&pipeline, found)),
    )
}

/// When a stream looks again: when the answer stops being fresh or changes by itself, and soon if
/// a refresh is running; a little later on some streams than on others.
fn pause(pipeline: &Pipeline, found: &Found) -> Duration {
    let now = pipeline.now();
    let negative = found
        .outcomes
        .iter()
        .filter_map(|outcome| match outcome.result {
            SourceResult::NotFound(wait) => Some(wait),
            _ => None,
        });
    let fresh = [found.good_until, found.freshness.fresh_until]
        .into_iter()
        .flatten()
        .min();
    let fresh = fresh.and_then(|until| Duration::try_from(until.duration_since(now)).ok());
    let refresh = found.freshness.revalidating.then_some(LEAST_PAUSE);
    let pause = refresh
        .or(fresh.filter(|pause| !pause.is_zero()))
        .or(negative.min())
        .unwrap_or(LOOK_AGAIN);
    pause.max(LEAST_PAUSE).mul_f64(rand::random_range(1.0..1.1))
}
