//! One stream of `Watch` or `Follow`: it sends the snapshot, or what changed since a resume token, and
//! then whatever changes.
//!
//! **Invariant:** a token covers only what was sent before it or with it. The mark of the change
//! log is read before the mailbox is emptied, and becomes the stream's place once all of that is
//! sent; what could not be read goes back into the mailbox, and the place stays.

mod beginning;
mod deliver;
pub(super) mod end;
pub(super) mod frames;
pub(super) mod press;
mod start;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use beginning::Beginning;
use bytes::Bytes;
use end::{End, Leaving, called};
use frames::{Frames, Outbox};
use futures_util::future::FusedFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, StreamExt};
use sha2::{Digest as _, Sha256};
use tokio::time::{Instant, sleep, sleep_until};
use tonic::{Status, Streaming};
use waybill_core::caller::{Caller, Scope, Scopes};
use waybill_core::shipment::ShipmentId;

use super::convert::{self, View};
use super::follow::{self, Streams};
use super::keys::{Followed, look_again};
use super::reply::found_by_tonic;
use super::status::Failure;
use super::tracking::{Tracking, too_large};
use crate::pipeline::{Miss, Pipeline};
use crate::quota::Allowance;
use crate::server::Running;
use crate::store::Head;
use crate::texts::Texts;
use crate::v1;
use crate::v1::watch_message::Kind;
use crate::v1::watch_request::Kind as Asked;
use crate::watch::filter::{Filter, Seen};
use crate::watch::{Mailbox, Room, Topic, Trouble};

/// How many shipments of one stream are looked up at the same time.
const WIDTH: usize = 16;
/// Pause after a fault of the store.
const AGAIN: Duration = Duration::from_millis(200);
/// Shipments of which a stream over everything registered knows what it sent last.
const REMEMBERED: usize = 10_000;
/// Changed shipments that wait for a slow reader; beyond that the change log is read again.
const WAITING: usize = 20_000;

/// What a subscription asks for.
pub(super) struct Plan {
    pub(super) target: Target,
    pub(super) keys: Vec<v1::ShipmentKey>,
    pub(super) filter: Filter,
    pub(super) every_revision: bool,
    pub(super) view: View,
    pub(super) language: Arc<str>,
    pub(super) resume_token: Vec<u8>,
    pub(super) heartbeat: Duration,
    pub(super) end: Instant,
}

/// What is followed.
pub(super) enum Target {
    /// The shipments of the keys.
    Shipments,
    /// What the tenant has registered, with these labels.
    Registered(BTreeMap<String, String>),
}

/// One stream.
pub(super) struct Stream {
    pipeline: Pipeline,
    shared: Streams,
    texts: Arc<Texts>,
    /// Whose overlays it shows.
    tenant: String,
    /// What it may show.
    scopes: Scopes,
    /// What its tenant may still ask for.
    quota: Allowance,
    plan: Plan,
    requests: Option<Box<Streaming<v1::WatchRequest>>>,
    outbox: Outbox,
    /// The work of setting the stream up.
    running: Option<Beginning>,
    end: End,
    sequence: u64,
    last_message: Instant,
    /// The newest update, which waits for the place that it completes.
    held: Option<Bytes>,
    mailbox: Arc<Mailbox>,
    /// What the reader holds.
    sent: Sent,
    /// Everything up to here was sent; `None` before the first `synced`.
    place: Option<Arc<[Head]>>,
    /// Token of the place.
    token: Bytes,
    followed: BTreeMap<usize, Arc<Followed>>,
    /// Which of them a key is, by its hash.
    by_key: HashMap<u64, usize>,
    /// When to look at which key again.
    looks: BTreeSet<(Instant, usize)>,
    keys_so_far: usize,
    /// Hash of whose tokens they are.
    owner: u64,
    /// Hash of the keys and of everything else that a token is bound to.
    target: u64,
    /// Shipments that the keys stood for when the stream resumed: the reader may hold them.
    resumed: BTreeSet<ShipmentId>,
}

/// What the reader holds of one shipment.
#[derive(Clone, Copy)]
struct Held {
    /// Revision that was sent last; 0 if none was.
    revision: u32,
    /// What was looked at last.
    seen: Seen,
    /// Revision of the overlay; 0: none.
    overlay: u32,
}

/// What the reader holds; of very many shipments only the newest.
struct Sent {
    room: usize,
    held: HashMap<ShipmentId, Held>,
    order: VecDeque<ShipmentId>,
    /// The reader can hold nothing else.
    is_all: bool,
}

/// Why a batch of changes was not sent to its end.
enum Halt {
    /// The stream ends with this.
    Over(Status),
    /// The store does not answer.
    Later,
    /// A revision that the reader wants is not at hand.
    Lagged,
}

/// What a stream does that can take long: the store may be away.
enum Work {
    Begin,
    Mail,
    Request(v1::WatchRequest),
}

impl From<Status> for Halt {
    fn from(status: Status) -> Self {
        Self::Over(status)
    }
}

impl From<Miss> for Halt {
    fn from(_: Miss) -> Self {
        Self::Later
    }
}

impl Sent {
    fn new(room: usize) -> Self {
        Self {
            room,
            held: HashMap::new(),
            order: VecDeque::new(),
            is_all: true,
        }
    }

    fn put(&mut self, id: &ShipmentId, held: Held) {
        if let Some(known) = self.held.get_mut(id) {
            *known = held;
            return;
        }
        self.held.insert(id.clone(), held);
        self.order.push_back(id.clone());
        while self.held.len() > self.room {
            self.is_all = false;
            match self.order.pop_front() {
                Some(oldest) => self.held.remove(&oldest),
                None => return,
            };
        }
        // Those that left by themselves are still in the order.
        if self.order.len() > 2 * self.held.len() + 16 {
            let held = &self.held;
            self.order.retain(|id| held.contains_key(id));
        }
    }
}

impl Stream {
    pub(super) fn new(
        tracking: &Tracking,
        plan: Plan,
        requests: Option<Streaming<v1::WatchRequest>>,
        deadline: Option<Instant>,
        running: Option<Running>,
    ) -> Self {
        let shared = tracking.streams.clone();
        let room = match plan.every_revision {
            true => Room::Revisions(shared.settings.revisions),
            false => Room::Shipments(WAITING),
        };
        let remembered = match plan.target {
            Target::Shipments => usize::MAX,
            Target::Registered(_) => REMEMBERED,
        };
        let end = End::of(plan.end, deadline);
        Self {
            pipeline: tracking.pipeline.clone(),
            texts: Arc::clone(&tracking.texts),
            tenant: tracking.caller.tenant.clone(),
            scopes: tracking.caller.scopes,
            quota: tracking.quota.clone(),
            owner: owner(&tracking.caller),
            target: fingerprint(&tracking.caller.tenant, &plan),
            shared,
            plan,
            requests: requests.map(Box::new),
            outbox: Outbox::default(),
            running: running.map(Beginning::new),
            end,
            sequence: 0,
            last_message: Instant::now(),
            held: None,
            mailbox: Arc::new(Mailbox::new(room)),
            sent: Sent::new(remembered),
            place: None,
            token: Bytes::new(),
            followed: BTreeMap::new(),
            by_key: HashMap::new(),
            looks: BTreeSet::new(),
            keys_so_far: 0,
            resumed: BTreeSet::new(),
        }
    }

    /// The body of the call; `leaving` turns true when the connection is asked to go, and `kept`
    /// lives as long as the body does.
    pub(super) fn into_body<T: Send + 'static>(
        mut self,
        leaving: Option<Leaving>,
        kept: T,
    ) -> Frames {
        let outbox = self.outbox.clone();
        Frames::new(outbox, async move {
            let _kept = kept;
            let drain = self.shared.drain.clone();
            let (spread, chance) = (self.shared.settings.spread, self.shared.chance.clone());
            let mut called = pin!(called(drain, leaving, spread, chance).fuse());
            // What runs only now and then is in a box of its own, here and below: there are very
            // many streams, and most of them wait.
            match Box::pin(self.in_time(Work::Begin, called.as_mut())).await? {
                true => self.follow(called).await,
                false => Box::pin(self.finish(false)).await,
            }
        })
    }

    /// Works until it is done, or time is over before that, which it says.
    async fn in_time(
        &mut self,
        work: Work,
        mut called: Pin<&mut impl Future<Output = End>>,
    ) -> Result<bool, Status> {
        let mut end = self.end;
        let working = async {
            match work {
                Work::Begin => self.begin().await,
                Work::Mail => self.open_mail().await,
                Work::Request(request) => self.take_request(request).await,
            }
        };
        let done = {
            let mut working = pin!(working);
            loop {
                tokio::select! {
                    biased;
                    done = working.as_mut() => break Some(done),
                    () = sleep_until(end.at) => break None,
                    sooner = called.as_mut() => end = end.or_sooner(sooner),
                }
            }
        };
        self.end = end;
        done.map_or(Ok(false), |done| done.map(|()| true))
    }

    async fn begin(&mut self) -> Result<(), Status> {
        let history = crate::store::CHANGES_KEPT;
        let opened = v1::WatchOpened {
            server_id: self.shared.server_id.to_string(),
            heartbeat_interval: Some(convert::duration(self.plan.heartbeat)),
            max_stream_age: Some(convert::duration(
                self.plan.end.saturating_duration_since(Instant::now()),
            )),
            history: Some(convert::duration(history)),
        };
        self.send(Kind::Opened(opened)).await?;
        if let Target::Registered(_) = self.plan.target {
            let topic = Topic::Tenant(self.tenant.clone());
            self.pipeline.hub().follow(topic, &self.mailbox);
        }
        let keys = std::mem::take(&mut self.plan.keys);
        let added = self.admit(keys).await?;
        let token = std::mem::take(&mut self.plan.resume_token);
        let started = match self.resumption(&token) {
            Ok(None) => self.snapshot(added).await,
            Ok(Some(place)) => self.resume(place).await,
            Err(reason) => self.reset(reason).await,
        };
        // What comes now, others have paid for.
        self.running = None;
        started
    }

    /// Sends what changes until the stream ends, and sees to it that somebody looks.
    async fn follow(
        &mut self,
        mut called: Pin<&mut impl FusedFuture<Output = End>>,
    ) -> Result<(), Status> {
        let mut running = FuturesUnordered::new();
        let mailbox = Arc::clone(&self.mailbox);
        let mut timer = pin!(sleep_until(self.due(true)));
        loop {
            // It may ring too early, never too late: most messages put off what is due.
            let due = self.due(running.len() < WIDTH);
            if due < timer.deadline() {
                timer.as_mut().reset(due);
            }
            // What comes seldom comes first: no flood of changes puts it off.
            let work = tokio::select! {
                biased;
                sooner = called.as_mut() => {
                    self.end = self.end.or_sooner(sooner);
                    continue;
                }
                Some((at, pause)) = running.next() => {
                    if self.followed.contains_key(&at) {
                        self.looks.insert((Instant::now() + pause, at));
                    }
                    continue;
                }
                asked = asked(&mut self.requests) => match asked {
                    Ok(Some(request)) => Work::Request(request),
                    // The reader wants nothing more than what is due.
                    Ok(None) => return Box::pin(self.open_mail()).await,
                    Err(status) => {
                        let limit = self.shared.settings.request;
                        let failure = found_by_tonic(status.code(), limit);
                        return Err(failure.map_or(status, Status::from));
                    }
                },
                () = timer.as_mut() => {
                    let now = Instant::now();
                    let look = self.looks.first().filter(|(at, _)| *at <= now).copied();
                    if self.end.at <= now {
                        return Box::pin(self.finish(true)).await;
                    } else if self.last_message + self.plan.heartbeat <= now {
                        Box::pin(self.beat()).await?;
                    } else if let Some(look) = look && running.len() < WIDTH {
                        self.looks.remove(&look);
                        let followed = self.followed.get(&look.1).map(Arc::clone);
                        let pipeline = self.pipeline.clone();
                        let chance = self.shared.chance.clone();
                        let looking = followed.map(|it| look_again(pipeline, it, look.1, chance));
                        running.extend(looking);
                    }
                    timer.as_mut().reset(self.due(running.len() < WIDTH));
                    continue;
                }
                () = mailbox.filled() => Work::Mail,
            };
            if !Box::pin(self.in_time(work, called.as_mut())).await? {
                return Box::pin(self.finish(false)).await;
            }
        }
    }

    /// When there is something to do even if nothing changes.
    fn due(&self, may_look: bool) -> Instant {
        let due = self.end.at.min(self.last_message + self.plan.heartbeat);
        match self.looks.first() {
            Some((look, _)) if may_look => due.min(*look),
            _ => due,
        }
    }

    async fn take_request(&mut self, request: v1::WatchRequest) -> Result<(), Status> {
        let wrong = |field: &str, description: &str| Failure::field(field, description);
        let (field, shipments, adds) = match request.kind {
            // A kind that this version does not know.
            None => return Ok(()),
            Some(Asked::Open(_)) => {
                return Err(wrong("open", "must be the first message only").into());
            }
            Some(Asked::Add(shipments)) => ("add.shipments", shipments, true),
            Some(Asked::Remove(shipments)) => ("remove.shipments", shipments, false),
        };
        if !matches!(self.plan.target, Target::Shipments) {
            let description = "needs a subscription to shipments";
            return Err(wrong(field, description).into());
        }
        match follow::keys(field, shipments, &self.shared.settings) {
            Err(failure) => Err(failure.into()),
            Ok(keys) if adds => {
                if let Err(failure) = self.quota.take(keys.len()) {
                    for key in keys {
                        self.reject(key, failure.clone()).await?;
                    }
                    return Ok(());
                }
                let added = self.admit(keys).await?;
                self.show(added).await?;
                // The place stays: what was followed before may have changed meanwhile.
                self.renew_token();
                self.synced(self.sent.held.len()).await
            }
            Ok(keys) => {
                self.remove(&keys).await;
                self.renew_token();
                Ok(())
            }
        }
    }

    /// Sends what is in the mailbox.
    async fn open_mail(&mut self) -> Result<(), Status> {
        // In this order; see the invariant.
        let mark = self.pipeline.hub().mark();
        let mail = self.mailbox.empty();
        match mail.trouble {
            Some(Trouble::Lost) => {
                return Box::pin(self.reset(v1::WatchResetReason::HistoryLost)).await;
            }
            Some(Trouble::Overflow) if self.plan.every_revision => {
                return Box::pin(self.reset(v1::WatchResetReason::Lagged)).await;
            }
            Some(Trouble::Overflow) => {
                return match Box::pin(self.catch_up()).await? {
                    Ok(_) => Ok(()),
                    Err(reason) => Box::pin(self.reset(reason)).await,
                };
            }
            None => {}
        }
        let mut due = VecDeque::from_iter(mail.news);
        while let Some((id, news)) = due.pop_front() {
            match self.deliver(&id, news).await {
                Ok(()) => {}
                Err(Halt::Over(status)) => return Err(status),
                Err(Halt::Lagged) => {
                    return Box::pin(self.reset(v1::WatchResetReason::Lagged)).await;
                }
                Err(Halt::Later) => {
                    self.mailbox.put(&id, news);
                    due.iter()
                        .for_each(|(id, news)| self.mailbox.put(id, *news));
                    sleep(AGAIN).await;
                    return Ok(());
                }
            }
        }
        self.complete(&mark).await
    }

    /// Everything up to the mark has been sent, with the update that is still held.
    async fn complete(&mut self, mark: &Arc<[Head]>) -> Result<(), Status> {
        self.advance(mark);
        match self.held.take() {
            Some(update) => self.send_encoded(&update).await,
            None => Ok(()),
        }
    }

    /// Moves the place on; never back, which a mark that is behind another node's would do.
    fn advance(&mut self, mark: &Arc<[Head]>) {
        let is_behind = |(known, head): (&Head, &Head)| {
            known.epoch == head.epoch && known.sequence > head.sequence
        };
        let place = match &self.place {
            Some(known) if known.iter().zip(&**mark).any(is_behind) => {
                let heads = mark
                    .iter()
                    .enumerate()
                    .map(|(at, head)| match known.get(at) {
                        Some(known) if is_behind((known, head)) => *known,
                        _ => *head,
                    });
                heads.collect()
            }
            _ => Arc::clone(mark),
        };
        let same = self.place.as_ref() == Some(&place);
        self.place = Some(place);
        if !same || self.token.is_empty() {
            self.renew_token();
        }
    }

    fn renew_token(&mut self) {
        if let Some(place) = &self.place {
            self.token = self.shared.tokens.seal(self.owner, self.target, place);
        }
    }

    async fn beat(&mut self) -> Result<(), Status> {
        let mark = self.pipeline.hub().mark();
        if self.mailbox.is_empty() {
            self.advance(&mark);
        }
        let server_time = Some(convert::timestamp(self.pipeline.now()));
        self.send(Kind::Heartbeat(v1::WatchHeartbeat { server_time }))
            .await
    }

    /// Sends an update once another one or its place is known.
    async fn hold(&mut self, update: Bytes) -> Result<(), Status> {
        match self.held.replace(update) {
            Some(before) => self.send_encoded(&before).await,
            None => Ok(()),
        }
    }

    async fn send(&mut self, kind: Kind) -> Result<(), Status> {
        self.send_encoded(&frames::encode(kind)).await
    }

    async fn send_encoded(&mut self, kind: &[u8]) -> Result<(), Status> {
        if kind.len() > self.shared.settings.message {
            return Err(too_large(self.shared.settings.message).into());
        }
        self.sequence += 1;
        let frame = frames::frame(self.sequence, &self.token, kind);
        self.outbox.push(frame).await;
        self.last_message = Instant::now();
        Ok(())
    }
}

/// The next request of the reader; none ever comes without a stream of them.
async fn asked(
    requests: &mut Option<Box<Streaming<v1::WatchRequest>>>,
) -> Result<Option<v1::WatchRequest>, Status> {
    match requests {
        Some(requests) => requests.message().await,
        None => std::future::pending().await,
    }
}

/// Hash of what a token is bound to beside the keys. The same on every node and version.
fn fingerprint(tenant: &str, plan: &Plan) -> u64 {
    let target = match &plan.target {
        Target::Shipments => None,
        Target::Registered(labels) => Some(labels),
    };
    let filter = &plan.filter;
    let statuses: BTreeSet<u8> = filter.statuses.iter().map(|one| *one as u8).collect();
    let codes: BTreeSet<u16> = filter.codes.iter().map(|one| one.0).collect();
    let severity = filter.min_severity.map(|one| one as u8);
    let text = format!(
        "{tenant:?} {target:?} {statuses:?} {codes:?} {severity:?} {}",
        filter.significant_only
    );
    hash(text.as_bytes())
}

/// Hash of a tenant, and of whether it sees personal data.
pub(super) fn owner(caller: &Caller) -> u64 {
    let personal = caller.scopes.has(Scope::Personal);
    hash(format!("{:?} {personal}", caller.tenant).as_bytes())
}

fn fingerprint_of(key: &v1::ShipmentKey) -> u64 {
    hash(&prost::Message::encode_to_vec(key))
}

fn hash(bytes: &[u8]) -> u64 {
    let digest = Sha256::digest(bytes);
    digest
        .first_chunk()
        .map_or(0, |head| u64::from_be_bytes(*head))
}
