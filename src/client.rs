//! Follows shipments as a program wants to: over broken connections, restarts of servers and the age
//! of streams, without missing a change and without seeing one twice.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use waybill::client::{Bookmark, Step, Watcher};
//! use waybill::v1;
//!
//! let open = v1::WatchOpen {
//!     target: Some(v1::watch_open::Target::AllRegistered(true)),
//!     ..Default::default()
//! };
//! // What was stored the last time; empty at the first.
//! let bookmark = Bookmark::default();
//! let channel = tonic::transport::Channel::from_static("http://127.0.0.1:50051").connect_lazy();
//! let mut watcher = Watcher::new(channel, open, bookmark);
//! loop {
//!     let next = watcher.next().await?;
//!     match next.step {
//!         Step::Update(update) => println!("{:?}", update.change()),
//!         Step::Reset(_) => println!("forget what you hold"),
//!         _ => {}
//!     }
//!     // In one transaction with what the step changed:
//!     let _store_it = &next.bookmark.token;
//! }
//! # }
//! ```

use std::collections::BTreeMap;
use std::time::Duration;

use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::Channel;
use tonic::{Code, Request, Status, Streaming};

use crate::v1;
use crate::v1::WatchChange;
use crate::v1::tracking_service_client::TrackingServiceClient;
use crate::v1::watch_message::Kind;

/// First pause before connecting again; it doubles up to [`GREATEST_PAUSE`].
const LEAST_PAUSE: Duration = Duration::from_millis(250);
/// Longest pause before connecting again.
const GREATEST_PAUSE: Duration = Duration::from_secs(30);
/// Silence of a server that has not said what is usual.
const SILENCE: Duration = Duration::from_secs(60);
/// Largest message that is taken, in bytes.
const MESSAGE: usize = 16 << 20;

/// Where a watcher goes on, and what its owner holds. To be stored together with what it says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bookmark {
    /// Resume token; empty: start with a snapshot.
    pub token: Vec<u8>,
    /// Revision by shipment id, of those that the owner holds. Repeated updates are dropped by it.
    pub revisions: BTreeMap<String, u32>,
}

/// What a watcher has to say.
#[derive(Clone, Debug)]
pub enum Step {
    /// A record, new or changed, or what the tenant adds to it. Never one that is held already.
    Update(Box<v1::WatchUpdate>),
    /// What is held is out of date: a snapshot follows, and what is not in it when
    /// [`Step::Synced`] comes is gone.
    Reset(v1::WatchReset),
    /// All that was asked for so far has come.
    Synced(v1::WatchSynced),
    /// A shipment cannot be followed.
    Rejected(Box<v1::WatchRejected>),
    /// Nothing but a newer token.
    Alive,
    /// The server is about to end the stream, and says why; it is opened again by itself.
    Leaving(v1::WatchGoingAway),
    /// The connection broke, or the server ended the stream; it is opened again by itself.
    Reconnecting(Option<Box<Status>>),
}

/// A step, and where to go on after it.
#[derive(Clone, Debug)]
pub struct Next<'a> {
    /// What happened.
    pub step: Step,
    /// To be stored in one transaction with what the step changed.
    pub bookmark: &'a Bookmark,
}

/// A subscription that lasts.
pub struct Watcher {
    client: TrackingServiceClient<Channel>,
    authorization: Option<MetadataValue<Ascii>>,
    open: v1::WatchOpen,
    bookmark: Bookmark,
    stream: Option<Streaming<v1::WatchMessage>>,
    silence: Duration,
    pause: Duration,
}

impl Watcher {
    /// Makes a watcher of a fixed target that goes on at a bookmark. It connects when it is asked.
    pub fn new(channel: Channel, open: v1::WatchOpen, bookmark: Bookmark) -> Self {
        let client = TrackingServiceClient::new(channel);
        Self {
            client: client.max_decoding_message_size(MESSAGE),
            authorization: None,
            open,
            bookmark,
            stream: None,
            silence: SILENCE,
            pause: Duration::ZERO,
        }
    }

    /// Shows a credential to the server, for example `Bearer` and an API key.
    #[must_use]
    pub fn with_authorization(mut self, value: MetadataValue<Ascii>) -> Self {
        self.authorization = Some(value);
        self
    }

    /// Waits for the next step. It can be dropped while it waits; nothing is lost.
    ///
    /// # Errors
    /// The server refuses the subscription itself: asking again would not help.
    pub async fn next(&mut self) -> Result<Next<'_>, Status> {
        loop {
            let Some(stream) = &mut self.stream else {
                if let Some(broken) = self.connect().await? {
                    return Ok(self.step(Step::Reconnecting(Some(Box::new(broken)))));
                }
                continue;
            };
            // Twice the usual silence: the connection is dead, whatever it says.
            let message = match tokio::time::timeout(self.silence * 2, stream.message()).await {
                Ok(Ok(Some(message))) => message,
                Ok(Err(status)) if is_final(status.code()) => return Err(status),
                ended => {
                    self.stream = None;
                    let status = ended.ok().and_then(Result::err).map(Box::new);
                    return Ok(self.step(Step::Reconnecting(status)));
                }
            };
            if let Some(step) = self.take(message) {
                return Ok(self.step(step));
            }
        }
    }

    fn step(&self, step: Step) -> Next<'_> {
        Next {
            step,
            bookmark: &self.bookmark,
        }
    }

    /// Opens the stream. Returns why that did not work for now.
    async fn connect(&mut self) -> Result<Option<Status>, Status> {
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).clamp(LEAST_PAUSE, GREATEST_PAUSE);
        let open = v1::WatchOpen {
            resume_token: self.bookmark.token.clone(),
            ..self.open.clone()
        };
        let mut request = Request::new(v1::FollowRequest { open: Some(open) });
        if let Some(value) = &self.authorization {
            let shown = request.metadata_mut();
            shown.insert("authorization", value.clone());
        }
        match self.client.follow(request).await {
            Ok(response) => {
                self.stream = Some(response.into_inner());
                Ok(None)
            }
            Err(status) if is_final(status.code()) => Err(status),
            Err(status) => Ok(Some(status)),
        }
    }

    fn take(&mut self, message: v1::WatchMessage) -> Option<Step> {
        let step = match message.kind {
            None => Some(Step::Alive),
            Some(Kind::Opened(opened)) => {
                let stated = opened.heartbeat_interval;
                let stated = stated.and_then(|it| Duration::try_from(it).ok());
                self.silence = stated.unwrap_or(SILENCE);
                None
            }
            Some(Kind::Heartbeat(_)) => Some(Step::Alive),
            Some(Kind::Synced(synced)) => {
                self.pause = Duration::ZERO;
                Some(Step::Synced(synced))
            }
            Some(Kind::Reset(reset)) => {
                // Whoever breaks off now has no longer what the token stands for.
                self.bookmark = Bookmark::default();
                Some(Step::Reset(reset))
            }
            Some(Kind::Rejected(rejected)) => Some(Step::Rejected(Box::new(rejected))),
            Some(Kind::GoingAway(going)) => {
                let delay = going.reconnect_delay;
                let delay = delay.and_then(|it| Duration::try_from(it).ok());
                self.pause = delay.unwrap_or(LEAST_PAUSE);
                Some(Step::Leaving(going))
            }
            Some(Kind::Update(update)) if self.is_news(&update) => {
                Some(Step::Update(Box::new(update)))
            }
            Some(Kind::Update(_)) => None,
        };
        if !message.resume_token.is_empty() && message.resume_token != self.bookmark.token {
            self.bookmark.token = message.resume_token;
            return step.or(Some(Step::Alive));
        }
        step
    }

    /// Whether an update says something that its owner does not hold; takes it over.
    fn is_news(&mut self, update: &v1::WatchUpdate) -> bool {
        let Some(record) = &update.shipment else {
            return true;
        };
        if update.change() == WatchChange::Removed {
            // Also of one that the bookmark does not name: its owner may keep the token alone.
            self.bookmark.revisions.remove(&record.id);
            return true;
        }
        let held = self
            .bookmark
            .revisions
            .entry(record.id.clone())
            .or_default();
        let is_news = record.revision > *held || update.change() == WatchChange::Snapshot;
        *held = record.revision.max(*held);
        is_news
    }
}

/// Whether a failed call would fail again.
fn is_final(code: Code) -> bool {
    matches!(
        code,
        Code::InvalidArgument
            | Code::Unauthenticated
            | Code::PermissionDenied
            | Code::Unimplemented
            | Code::FailedPrecondition
            | Code::NotFound
    )
}
