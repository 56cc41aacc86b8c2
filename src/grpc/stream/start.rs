//! How a stream starts, and starts anew: keys, snapshot, resume.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};
use tonic::Status;
use waybill_core::shipment::ShipmentId;

use super::deliver::has;
use super::press::{Look, look as look_up};
use super::{AGAIN, Halt, Held, Stream, Target, fingerprint_of};
use crate::grpc::keys::{Followed, LEAST_PAUSE, LOOK_AGAIN, look, pause, read_key};
use crate::grpc::status::Failure;
use crate::guard::Priority;
use crate::pipeline::Miss;
use crate::store::{Head, Place};
use crate::tasks;
use crate::v1;
use crate::v1::watch_message::Kind;
use crate::watch::filter::Seen;
use crate::watch::log::Gap;
use crate::watch::{News, Topic};

/// How many shipments of one stream are looked up at the same time.
const WIDTH: usize = 16;
/// Registered shipments read at a time.
const PAGE: usize = 500;

/// What has changed since a place, and up to where that is all.
type Changed = (Vec<Head>, Result<BTreeMap<ShipmentId, News>, Gap>);

impl Stream {
    /// Where a token says to go on; `None` without one.
    pub(super) fn resumption(
        &self,
        token: &[u8],
    ) -> Result<Option<Vec<Head>>, v1::WatchResetReason> {
        if token.is_empty() {
            return Ok(None);
        }
        let opened = self.shared.tokens.open(token);
        let token = opened.ok_or(v1::WatchResetReason::HistoryLost)?;
        if token.target != self.target {
            return Err(v1::WatchResetReason::TargetChanged);
        }
        Ok(Some(token.place))
    }

    /// Reads keys and listens to what becomes of them. Returns which were taken.
    pub(super) async fn admit(&mut self, keys: Vec<v1::ShipmentKey>) -> Result<Vec<usize>, Status> {
        let mut added = Vec::with_capacity(keys.len());
        for key in keys {
            if self.followed.len() >= self.shared.settings.shipments {
                let message = "the stream follows as many shipments as it may";
                let failure = Failure::new(v1::ErrorReason::WatchLimit, message);
                self.reject(key, failure.with("subject", "shipments"))
                    .await?;
                continue;
            }
            let hash = fingerprint_of(&key);
            if self.by_key.contains_key(&hash) {
                continue;
            }
            match read_key(&self.pipeline, &self.tenant, &key).await {
                Err(failure) => self.reject(key, failure).await?,
                Ok(followed) => {
                    // On the topic before the lookup: a change in between is not missed.
                    self.pipeline.hub().follow(followed.topic(), &self.mailbox);
                    self.target = self.target.wrapping_add(hash);
                    self.by_key.insert(hash, self.keys_so_far);
                    self.followed.insert(self.keys_so_far, Arc::new(followed));
                    added.push(self.keys_so_far);
                    self.keys_so_far += 1;
                }
            }
        }
        Ok(added)
    }

    pub(super) async fn reject(
        &mut self,
        key: v1::ShipmentKey,
        failure: Failure,
    ) -> Result<(), Status> {
        let rejected = v1::WatchRejected {
            shipment: Some(key),
            error: Some(failure.into_problem()),
        };
        self.send(Kind::Rejected(rejected)).await
    }

    /// Takes keys out, and the shipments that no other key stands for.
    pub(super) async fn remove(&mut self, keys: &[v1::ShipmentKey]) {
        let gone = keys
            .iter()
            .filter_map(|key| self.by_key.get(&fingerprint_of(key)));
        let gone: Vec<usize> = gone.copied().collect();
        self.drop_keys(&gone);
        let mut kept = BTreeSet::new();
        for followed in self.followed.values() {
            match self.ids_of(followed).await {
                Some(ids) => kept.extend(ids),
                // Rather an update too many than one too few.
                None => return,
            }
        }
        let left: Vec<ShipmentId> = self.sent.held.keys().cloned().collect();
        for id in left.into_iter().filter(|id| !kept.contains(id)) {
            self.sent.held.remove(&id);
            self.pipeline
                .hub()
                .leave(&Topic::Shipment(id), &self.mailbox);
        }
    }

    pub(super) fn drop_keys(&mut self, gone: &[usize]) {
        let mut left = Vec::new();
        for at in gone {
            let Some(followed) = self.followed.remove(at) else {
                continue;
            };
            let hash = fingerprint_of(&followed.requested);
            self.target = self.target.wrapping_sub(hash);
            self.by_key.remove(&hash);
            left.push(followed.topic());
        }
        if left.is_empty() {
            return;
        }
        // Whoever was to look at one of them finds that it is gone.
        let kept: HashSet<Topic> = self.followed.values().map(|key| key.topic()).collect();
        for topic in left.iter().filter(|topic| !kept.contains(topic)) {
            self.pipeline.hub().leave(topic, &self.mailbox);
        }
    }

    /// Stored shipments that a key stands for; `None` if the store does not tell.
    pub(super) async fn ids_of(&self, followed: &Followed) -> Option<Vec<ShipmentId>> {
        match &followed.only {
            Some(id) => Some(vec![id.clone()]),
            None => self.pipeline.known(&followed.subject).await.ok(),
        }
    }

    /// Sends all that the target or these keys stand for, and `synced`.
    pub(super) async fn snapshot(&mut self, keys: Vec<usize>) -> Result<(), Status> {
        let mark = self.pipeline.hub().mark();
        let count = match &self.plan.target {
            Target::Shipments => {
                self.show(keys).await?;
                self.sent.held.len()
            }
            Target::Registered(labels) => {
                let labels = labels.clone();
                self.show_registered(&labels).await?
            }
        };
        self.advance(&mark);
        self.synced(count).await
    }

    pub(super) async fn synced(&mut self, count: usize) -> Result<(), Status> {
        let shipment_count = u32::try_from(count).unwrap_or(u32::MAX);
        self.send(Kind::Synced(v1::WatchSynced { shipment_count }))
            .await
    }

    /// Looks keys up and sends what they stand for, as soon as it is known.
    pub(super) async fn show(&mut self, keys: Vec<usize>) -> Result<(), Status> {
        let mut keys = keys;
        loop {
            keys = self.show_once(keys).await?;
            if keys.is_empty() {
                return Ok(());
            }
            sleep(AGAIN).await;
        }
    }

    /// Looks each key up once; returns those that the store did not tell about. Without them the
    /// snapshot would not be whole.
    async fn show_once(&mut self, keys: Vec<usize>) -> Result<Vec<usize>, Status> {
        let deadline = Instant::now() + self.shared.settings.snapshot;
        let followed = keys.into_iter().filter_map(|at| {
            let followed = self.followed.get(&at)?;
            Some((at, Arc::clone(followed), self.pipeline.clone()))
        });
        let followed: Vec<_> = followed.collect();
        let mut results = stream::iter(followed)
            .map(|(at, followed, pipeline)| async move {
                let found = look(&pipeline, &followed, deadline, Priority::Interactive).await;
                (at, followed, found)
            })
            .buffer_unordered(WIDTH);
        let (mut gone, mut again) = (Vec::new(), Vec::new());
        while let Some((at, followed, found)) = results.next().await {
            let found = match found {
                Ok(found) => found,
                Err(Miss::Store(_)) => {
                    again.push(at);
                    continue;
                }
                Err(Miss::SourcesFailed(_) | Miss::NoTime) => {
                    self.looks.insert((Instant::now() + LOOK_AGAIN, at));
                    continue;
                }
                Err(miss) => {
                    gone.push(at);
                    let key = followed.requested.clone();
                    self.reject(key, Failure::from(miss)).await?;
                    continue;
                }
            };
            let mut is_whole = true;
            for record in followed.of(&found) {
                if self.sent.held.contains_key(&record.id) {
                    continue;
                }
                let Ok(overlay) = self.pipeline.overlay(&self.tenant, &record).await else {
                    is_whole = false;
                    continue;
                };
                self.listen(&record.id);
                let requested = Some(followed.requested.clone());
                let (freshness, seen) = (found.freshness, Seen::of(&record));
                let look = Look::new(record, freshness, overlay, seen);
                self.send_snapshot(&look, requested).await?;
            }
            match is_whole {
                true => {
                    let pause = pause(&self.pipeline, &found, &self.shared.chance);
                    self.looks.insert((Instant::now() + pause, at));
                }
                false => again.push(at),
            }
        }
        self.drop_keys(&gone);
        Ok(again)
    }

    /// Sends everything that is registered with these labels. Returns how many there were.
    pub(super) async fn show_registered(
        &mut self,
        labels: &BTreeMap<String, String>,
    ) -> Result<usize, Status> {
        let mut after: Option<Place> = None;
        let mut count = 0;
        loop {
            let page = self.pipeline.registered(&self.tenant, after.clone(), PAGE);
            let Ok(page) = page.await else {
                sleep(AGAIN).await;
                continue;
            };
            let Some(last) = page.last().cloned() else {
                return Ok(count);
            };
            for place in page {
                loop {
                    // Every shipment once: nothing to share with other streams.
                    match look_up(&self.pipeline, &self.tenant, &place.id).await {
                        Ok(Some(look)) => {
                            // One that changes meanwhile moves behind, and comes up once more.
                            let known = self.sent.held.contains_key(&place.id);
                            if !known && has(look.overlay.as_deref(), labels) {
                                count += 1;
                                self.send_snapshot(&look, None).await?;
                            }
                            break;
                        }
                        Ok(None) => break,
                        Err(_) => sleep(AGAIN).await,
                    }
                }
            }
            after = Some(last);
        }
    }

    pub(super) async fn send_snapshot(
        &mut self,
        look: &Look,
        requested: Option<v1::ShipmentKey>,
    ) -> Result<(), Status> {
        let update = v1::WatchUpdate {
            change: v1::WatchChange::Snapshot as i32,
            requested,
            ..self.update(&look.record, look)
        };
        self.sent.put(
            &look.record.id,
            Held {
                revision: look.record.revision,
                seen: look.seen,
                overlay: look.overlay.as_ref().map_or(0, |one| one.revision),
            },
        );
        self.send(Kind::Update(update)).await
    }

    /// Sends what has changed since a place, and `synced`.
    pub(super) async fn resume(&mut self, place: Vec<Head>) -> Result<(), Status> {
        if matches!(self.plan.target, Target::Shipments) {
            let keys: Vec<_> = self
                .followed
                .iter()
                .map(|(at, key)| (*at, Arc::clone(key)))
                .collect();
            for (at, followed) in keys {
                // Changes of a shipment that is not known here would be left out.
                let ids = loop {
                    match self.ids_of(&followed).await {
                        Some(ids) => break ids,
                        None => sleep(AGAIN).await,
                    }
                };
                for id in ids {
                    self.follow_shipment(&id);
                    self.resumed.insert(id);
                }
                let soon = LEAST_PAUSE.mul_f64(self.shared.chance.within(1.0..=5.0));
                self.looks.insert((Instant::now() + soon, at));
            }
        }
        self.sent.is_all = false;
        self.place = Some(place.into());
        match self.catch_up().await? {
            Ok(count) => self.synced(count).await,
            Err(reason) => self.reset(reason).await,
        }
    }

    /// What the change log has after the stream's place; `None`: it cannot be read now. Only so many
    /// read it at once. It is read by itself, because this stream may not be asked to go on as long as
    /// its reader does not read, and would keep its turn.
    async fn changed(&self) -> Option<Changed> {
        let turn = Arc::clone(&self.shared.catching_up);
        let (pipeline, tenant) = (self.pipeline.clone(), self.tenant.clone());
        let place = self.place.clone().unwrap_or_default();
        let (tell, told) = oneshot::channel();
        tasks::spawn("catch_up", async move {
            // The semaphore is never closed.
            let _turn = turn.acquire_owned().await;
            let _gone = tell.send(pipeline.changed_since(&place, &tenant).await.ok());
        });
        told.await.ok().flatten()
    }

    /// Sends what the change log has after the stream's place. Returns how many shipments it was.
    pub(super) async fn catch_up(&mut self) -> Result<Result<usize, v1::WatchResetReason>, Status> {
        loop {
            let (heads, news) = match self.changed().await {
                None => {
                    sleep(AGAIN).await;
                    continue;
                }
                Some((_, Err(Gap::TooOld))) => return Ok(Err(v1::WatchResetReason::TokenTooOld)),
                Some((_, Err(Gap::Lost))) => return Ok(Err(v1::WatchResetReason::HistoryLost)),
                Some((heads, Ok(news))) => (heads, news),
            };
            let mut due = VecDeque::from_iter(news);
            if matches!(self.plan.target, Target::Shipments) {
                due.retain(|(id, _)| self.sent.held.contains_key(id) || self.resumed.contains(id));
            }
            let count = due.len();
            while let Some((id, news)) = due.pop_front() {
                match self.deliver(&id, news).await {
                    Ok(()) => {}
                    Err(Halt::Over(status)) => return Err(status),
                    Err(Halt::Lagged) => return Ok(Err(v1::WatchResetReason::Lagged)),
                    Err(Halt::Later) => {
                        due.push_front((id, news));
                        sleep(AGAIN).await;
                    }
                }
            }
            self.complete(&heads.into()).await?;
            return Ok(Ok(count));
        }
    }

    /// Says that what the reader holds is out of date, and sends a new snapshot.
    pub(super) async fn reset(&mut self, reason: v1::WatchResetReason) -> Result<(), Status> {
        metrics::counter!("waybill_stream_resyncs_total", "reason" => reason.as_str_name())
            .increment(1);
        self.held = None;
        // What waits is part of the snapshot.
        let _old = self.mailbox.empty();
        let hub = Arc::clone(self.pipeline.hub());
        for (id, _) in self.sent.held.drain() {
            hub.leave(&Topic::Shipment(id), &self.mailbox);
        }
        self.sent.order.clear();
        self.sent.is_all = true;
        self.looks.clear();
        // A reader that breaks off in the middle of the snapshot has to begin anew.
        self.place = None;
        self.token = Bytes::new();
        let reset = v1::WatchReset {
            reason: reason as i32,
        };
        self.send(Kind::Reset(reset)).await?;
        let keys = self.followed.keys().copied().collect();
        self.snapshot(keys).await
    }
}
