//! One stream of `Watch` or `Follow`: a task that sends the snapshot, or what changed since a resume
//! token, and then whatever changes.
//!
//! **Invariant:** a token covers only what was sent before it or with it. The mark of the change
//! log is read before the mailbox is emptied, and becomes the stream's place once all of that is
//! sent; what could not be read goes back into the mailbox, and the place stays.

mod deliver;
mod start;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};
use tonic::{Status, Streaming};
use waybill_core::caller::{Caller, Scope, Scopes};
use waybill_core::overlay::Overlay;
use waybill_core::shipment::ShipmentId;

use super::convert::{self, View};
use super::follow::{self, Streams};
use super::keys::{Followed, look_again};
use super::status::Failure;
use super::tracking::Tracking;
use crate::pipeline::{Miss, Pipeline};
use crate::store::Head;
use crate::texts::Texts;
use crate::v1;
use crate::v1::watch_message::Kind;
use crate::v1::watch_request::Kind as Asked;
use crate::watch::filter::{Filter, Seen};
use crate::watch::{Mailbox, Room, Topic, Trouble, told};

/// How many shipments of one stream are looked up at the same time.
const WIDTH: usize = 16;
/// Time left for messages that are due once the stream is announced to end.
const GRACE: Duration = Duration::from_secs(5);
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
    pub(super) language: String,
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
    plan: Plan,
    requests: Option<Streaming<v1::WatchRequest>>,
    sender: mpsc::Sender<Result<v1::WatchMessage, Status>>,
    sequence: u64,
    last_message: Instant,
    /// The newest update, which waits for the place that it completes.
    held: Option<Kind>,
    mailbox: Arc<Mailbox>,
    /// What the reader holds.
    sent: Sent,
    /// Everything up to here was sent; `None` before the first `synced`.
    place: Option<Vec<Head>>,
    /// Token of the place.
    token: Vec<u8>,
    followed: BTreeMap<usize, Arc<Followed>>,
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

/// The reader is gone.
struct Gone;

/// Why a batch of changes was not sent to its end.
enum Halt {
    Gone,
    /// The store does not answer.
    Later,
    /// A revision that the reader wants is not at hand.
    Lagged,
}

impl From<Gone> for Halt {
    fn from(_: Gone) -> Self {
        Self::Gone
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
        if self.held.insert(id.clone(), held).is_some() {
            return;
        }
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
        sender: mpsc::Sender<Result<v1::WatchMessage, Status>>,
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
        Self {
            pipeline: tracking.pipeline.clone(),
            texts: Arc::clone(&tracking.texts),
            tenant: tracking.caller.tenant.clone(),
            scopes: tracking.caller.scopes,
            owner: owner(&tracking.caller),
            target: fingerprint(&tracking.caller.tenant, &plan),
            shared,
            plan,
            requests,
            sender,
            sequence: 0,
            last_message: Instant::now(),
            held: None,
            mailbox: Arc::new(Mailbox::new(room)),
            sent: Sent::new(remembered),
            place: None,
            token: Vec::new(),
            followed: BTreeMap::new(),
            looks: BTreeSet::new(),
            keys_so_far: 0,
            resumed: BTreeSet::new(),
        }
    }

    /// Runs to its end, which is quiet also if the reader goes away.
    pub(super) async fn run(mut self) {
        // Whoever is gone needs no goodbye.
        let _gone = self.serve().await;
    }

    async fn serve(&mut self) -> Result<(), Gone> {
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
        match self.resumption(&token) {
            Ok(None) => self.snapshot(added).await?,
            Ok(Some(place)) => self.resume(place).await?,
            Err(reason) => self.reset(reason).await?,
        }
        self.follow().await
    }

    /// Sends what changes until the stream ends, and sees to it that somebody looks.
    async fn follow(&mut self) -> Result<(), Gone> {
        let mut running = FuturesUnordered::new();
        let mut drain = self.shared.drain.clone();
        let mailbox = Arc::clone(&self.mailbox);
        loop {
            let due = self.looks.first().copied();
            let may_look = running.len() < WIDTH;
            tokio::select! {
                () = mailbox.filled() => self.open_mail().await?,
                Some((at, pause)) = running.next() => {
                    if self.followed.contains_key(&at) {
                        self.looks.insert((Instant::now() + pause, at));
                    }
                }
                () = sleep_until(due.map_or(self.plan.end, |(at, _)| at)), if may_look && due.is_some() => {
                    if let Some((_, at)) = self.looks.pop_first()
                        && let Some(followed) = self.followed.get(&at)
                    {
                        running.push(look_again(self.pipeline.clone(), Arc::clone(followed), at));
                    }
                }
                asked = asked(&mut self.requests) => match asked {
                    Ok(Some(request)) => self.take_request(request).await?,
                    // The reader wants nothing more than what is due.
                    Ok(None) => return self.open_mail().await,
                    Err(_) => return Err(Gone),
                },
                () = sleep_until(self.last_message + self.plan.heartbeat) => self.beat().await?,
                () = sleep_until(self.plan.end) => {
                    return self.go_away(v1::GoingAwayReason::MaxAge).await;
                }
                () = told(&mut drain) => {
                    return self.go_away(v1::GoingAwayReason::Draining).await;
                }
                () = self.sender.closed() => return Err(Gone),
            }
        }
    }

    async fn take_request(&mut self, request: v1::WatchRequest) -> Result<(), Gone> {
        let wrong = |field: &str, description: &str| Failure::field(field, description);
        let (field, shipments, adds) = match request.kind {
            // A kind that this version does not know.
            None => return Ok(()),
            Some(Asked::Open(_)) => {
                return self
                    .refuse(wrong("open", "must be the first message only"))
                    .await;
            }
            Some(Asked::Add(shipments)) => ("add.shipments", shipments, true),
            Some(Asked::Remove(shipments)) => ("remove.shipments", shipments, false),
        };
        if !matches!(self.plan.target, Target::Shipments) {
            let description = "needs a subscription to shipments";
            return self.refuse(wrong(field, description)).await;
        }
        match follow::keys(field, shipments, &self.shared.settings) {
            Err(failure) => self.refuse(failure).await,
            Ok(keys) if adds => {
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

    async fn refuse(&mut self, failure: Failure) -> Result<(), Gone> {
        let sent = self.sender.send(Err(failure.into())).await;
        sent.map_err(|_| Gone)?;
        Err(Gone)
    }

    /// Sends what is in the mailbox.
    async fn open_mail(&mut self) -> Result<(), Gone> {
        // In this order; see the invariant.
        let mark = self.pipeline.hub().mark();
        let mail = self.mailbox.empty();
        match mail.trouble {
            Some(Trouble::Lost) => return self.reset(v1::WatchResetReason::HistoryLost).await,
            Some(Trouble::Overflow) if self.plan.every_revision => {
                return self.reset(v1::WatchResetReason::Lagged).await;
            }
            Some(Trouble::Overflow) => {
                return match self.catch_up().await? {
                    Ok(_) => Ok(()),
                    Err(reason) => self.reset(reason).await,
                };
            }
            None => {}
        }
        let mut due = VecDeque::from_iter(mail.news);
        while let Some((id, news)) = due.pop_front() {
            match self.deliver(&id, news).await {
                Ok(()) => {}
                Err(Halt::Gone) => return Err(Gone),
                Err(Halt::Lagged) => return self.reset(v1::WatchResetReason::Lagged).await,
                Err(Halt::Later) => {
                    self.mailbox.put(&id, news);
                    due.iter()
                        .for_each(|(id, news)| self.mailbox.put(id, *news));
                    return self.wait(AGAIN).await;
                }
            }
        }
        self.complete(&mark).await
    }

    /// Everything up to the mark has been sent, with the update that is still held.
    async fn complete(&mut self, mark: &[Head]) -> Result<(), Gone> {
        self.advance(mark);
        match self.held.take() {
            Some(update) => self.send(update).await,
            None => Ok(()),
        }
    }

    /// Moves the place on; never back, which a mark that is behind another node's would do.
    fn advance(&mut self, mark: &[Head]) {
        let known = self.place.take().unwrap_or_default();
        let place: Vec<Head> = mark
            .iter()
            .enumerate()
            .map(|(at, head)| match known.get(at) {
                Some(old) if old.epoch == head.epoch && old.sequence > head.sequence => *old,
                _ => *head,
            })
            .collect();
        let same = place == known;
        self.place = Some(place);
        if !same || self.token.is_empty() {
            self.renew_token();
        }
    }

    fn renew_token(&mut self) {
        let place = self.place.as_deref().unwrap_or_default();
        self.token = self.shared.secrets.seal(self.owner, self.target, place);
    }

    async fn beat(&mut self) -> Result<(), Gone> {
        let mark = self.pipeline.hub().mark();
        if self.mailbox.is_empty() {
            self.advance(&mark);
        }
        let server_time = Some(convert::timestamp(self.pipeline.now()));
        self.send(Kind::Heartbeat(v1::WatchHeartbeat { server_time }))
            .await
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
        let leaving = async {
            self.open_mail().await?;
            self.send(Kind::GoingAway(going)).await
        };
        let sent = tokio::time::timeout(GRACE, leaving).await;
        sent.unwrap_or(Err(Gone))
    }

    /// Waits; a reader that goes meanwhile is gone.
    async fn wait(&self, pause: Duration) -> Result<(), Gone> {
        tokio::select! {
            () = sleep(pause) => Ok(()),
            () = self.sender.closed() => Err(Gone),
        }
    }

    /// Sends an update once another one or its place is known.
    async fn hold(&mut self, kind: Kind) -> Result<(), Gone> {
        match self.held.replace(kind) {
            Some(before) => self.send(before).await,
            None => Ok(()),
        }
    }

    async fn send(&mut self, kind: Kind) -> Result<(), Gone> {
        self.sequence += 1;
        let message = v1::WatchMessage {
            sequence: self.sequence,
            resume_token: self.token.clone(),
            kind: Some(kind),
        };
        self.sender.send(Ok(message)).await.map_err(|_| Gone)?;
        self.last_message = Instant::now();
        Ok(())
    }
}

/// The next request of the reader; none ever comes without a stream of them.
async fn asked(
    requests: &mut Option<Streaming<v1::WatchRequest>>,
) -> Result<Option<v1::WatchRequest>, Status> {
    match requests {
        Some(requests) => requests.message().await,
        None => std::future::pending().await,
    }
}

/// Whether a tenant follows a shipment with these labels.
fn has(overlay: Option<&Overlay>, labels: &BTreeMap<String, String>) -> bool {
    let registration = overlay.and_then(|overlay| overlay.registration.as_ref());
    registration.is_some_and(|registration| registration.has(labels))
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
