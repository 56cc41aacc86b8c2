//! `TrackingService.Watch` and `Follow`: what a subscription asks for, and what its stream is made
//! of. The stream itself is in `stream/`, the keys that it looks up in `keys.rs`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Instant;
use tonic::{Status, Streaming};
use waybill_core::code::EventCode;

use super::convert;
use super::parse;
use super::status::Failure;
use super::stream::end::Leaving;
use super::stream::frames::Frames;
use super::stream::press::Press;
use super::stream::{self, Plan, Stream, Target};
use super::tracking::Tracking;
use crate::config::{Calls, StreamSettings};
use crate::quota;
use crate::server::{Peer, Running, parse_grpc_timeout};
use crate::v1;
use crate::v1::watch_open;
use crate::v1::watch_request::Kind;
use crate::watch::filter::Filter;
use crate::watch::token::{Secrets, Tokens};

/// Streams that catch up with the change log at the same time.
const CATCHING_UP: usize = 8;
/// Most labels of a shipment.
pub(super) const LABELS: usize = 16;

/// What all streams share.
#[derive(Clone)]
pub struct Streams {
    pub(super) permits: Arc<Semaphore>,
    pub(super) catching_up: Arc<Semaphore>,
    pub(super) drain: watch::Receiver<bool>,
    pub(super) server_id: Arc<str>,
    pub(super) tokens: Arc<Tokens>,
    /// What streams of this server have in common.
    pub(super) press: Arc<Press>,
    pub(super) settings: Settings,
}

/// Limits of streams as plain values.
#[derive(Clone, Copy)]
pub(super) struct Settings {
    pub(super) max_age: Duration,
    /// Time over which streams end when the server stops.
    pub(super) spread: Duration,
    pub(super) heartbeat: Duration,
    pub(super) count: usize,
    /// Shipments of one stream.
    pub(super) shipments: usize,
    /// Revisions that wait for a reader who wants every one.
    pub(super) revisions: usize,
    /// Keys of one message.
    pub(super) keys: usize,
    /// Time for the lookups of a snapshot.
    pub(super) snapshot: Duration,
    /// Largest message, in bytes.
    pub(super) message: usize,
    /// Largest request, in bytes.
    pub(super) request: usize,
}

impl Streams {
    /// Makes the shared part; `drain` turns true when the server stops.
    pub fn new(
        settings: &StreamSettings,
        calls: &Calls,
        server_id: &str,
        secrets: Secrets,
        drain: watch::Receiver<bool>,
    ) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(settings.count)),
            catching_up: Arc::new(Semaphore::new(CATCHING_UP)),
            drain,
            server_id: server_id.into(),
            tokens: Arc::new(Tokens::new(secrets)),
            press: Arc::default(),
            settings: Settings {
                max_age: settings.max_age.0,
                spread: settings.drain_spread.0,
                heartbeat: settings.heartbeat.0,
                count: settings.count,
                shipments: settings.shipments,
                revisions: settings.revisions,
                keys: calls.batch_items,
                snapshot: calls.default_deadline,
                message: calls.response_bytes,
                request: calls.request_bytes,
            },
        }
    }
}

impl Tracking {
    /// Answers `Follow`.
    pub(super) fn start_follow(
        &self,
        request: v1::FollowRequest,
        around: Around,
    ) -> Result<Frames, Failure> {
        self.bounded(&request)?;
        start(self, request.open.unwrap_or_default(), None, around)
    }

    /// Answers `Watch`.
    pub(super) async fn start_watch(
        &self,
        mut requests: Streaming<v1::WatchRequest>,
        around: Around,
    ) -> Result<Frames, Status> {
        let first = requests.message().await?.and_then(|first| first.kind);
        let Some(Kind::Open(open)) = first else {
            return Err(Failure::field("open", "must be the first message").into());
        };
        Ok(start(self, open, Some(requests), around)?)
    }
}

/// What a call brings beside its messages.
pub(super) struct Around {
    /// Ends with an error then, as the caller wishes.
    pub(super) deadline: Option<Instant>,
    /// Turns true when the connection is asked to go.
    pub(super) leaving: Option<Leaving>,
    /// The work of setting the stream up.
    pub(super) running: Option<Running>,
}

impl Around {
    /// Reads it from a call; `running` is what its start counts as.
    pub(super) fn of<T>(request: &http::Request<T>, running: Option<Running>) -> Self {
        let stated = parse_grpc_timeout(request.headers());
        Self {
            deadline: stated.and_then(|time| Instant::now().checked_add(time)),
            leaving: request.extensions().get::<Peer>().map(Peer::leaving),
            running,
        }
    }
}

/// Counts a stream, and holds its permit, until it is dropped.
struct Counted(
    #[expect(dead_code, reason = "held")] OwnedSemaphorePermit,
    #[expect(dead_code, reason = "held")] quota::One,
);

impl Drop for Counted {
    fn drop(&mut self) {
        metrics::gauge!("waybill_streams").decrement(1);
    }
}

/// Checks a subscription and starts its stream.
fn start(
    tracking: &Tracking,
    open: v1::WatchOpen,
    requests: Option<Streaming<v1::WatchRequest>>,
    around: Around,
) -> Result<Frames, Failure> {
    let plan = read(tracking, open)?;
    // One that cannot be read may be of a secret that is gone; one of somebody else's is refused.
    let token = tracking.streams.tokens.open(&plan.resume_token);
    if token.is_some_and(|token| token.owner != stream::owner(&tracking.caller)) {
        let description = "was made for another caller";
        return Err(Failure::token("open.resume_token", description));
    }
    // The call itself has been counted.
    tracking.quota.owe(plan.keys.len().saturating_sub(1));
    let own = tracking.quota.stream()?;
    let permit = Arc::clone(&tracking.streams.permits)
        .try_acquire_owned()
        .map_err(|_| {
            let message = "the server has as many streams as it may have";
            Failure::new(v1::ErrorReason::WatchLimit, message).with("subject", "streams")
        })?;
    metrics::gauge!("waybill_streams").increment(1);
    let counted = Counted(permit, own);
    let Around {
        deadline,
        leaving,
        running,
    } = around;
    let stream = Stream::new(tracking, plan, requests, deadline, running);
    Ok(stream.into_body(leaving, counted))
}

fn read(tracking: &Tracking, open: v1::WatchOpen) -> Result<Plan, Failure> {
    let settings = &tracking.streams.settings;
    parse::language("open.language", &open.language)?;
    let heartbeat = match open.heartbeat_interval {
        None => settings.heartbeat,
        Some(wanted) => Duration::try_from(wanted)
            .map_err(|_| Failure::field("open.heartbeat_interval", "must not be negative"))?
            .clamp(Duration::from_secs(5), Duration::from_secs(300)),
    };
    let every_revision = match v1::LagPolicy::try_from(open.lag_policy) {
        Ok(v1::LagPolicy::Unspecified | v1::LagPolicy::Conflate) => false,
        Ok(v1::LagPolicy::EveryRevision) => true,
        Err(_) => return Err(Failure::field("open.lag_policy", "is not a known policy")),
    };
    let (target, keys) = match open.target {
        None => return Err(Failure::field("open.target", "is required")),
        Some(watch_open::Target::Shipments(target)) => {
            let keys = keys("open.shipments.shipments", target, settings)?;
            (Target::Shipments, keys)
        }
        Some(watch_open::Target::Labels(target)) => {
            let labels = labels("open.labels.labels", target.labels)?;
            if labels.is_empty() {
                return Err(Failure::field("open.labels.labels", "is required"));
            }
            (Target::Registered(labels), Vec::new())
        }
        Some(watch_open::Target::AllRegistered(true)) => {
            (Target::Registered(BTreeMap::new()), Vec::new())
        }
        Some(watch_open::Target::AllRegistered(false)) => {
            return Err(Failure::field("open.all_registered", "must be true"));
        }
    };
    Ok(Plan {
        target,
        keys,
        filter: filter(open.filter.unwrap_or_default())?,
        every_revision,
        view: parse::view(open.view)?,
        language: open.language.into(),
        resume_token: open.resume_token,
        heartbeat,
        end: Instant::now() + settings.max_age.mul_f64(rand::random_range(0.9..1.1)),
    })
}

/// Checks the keys of a message.
pub(super) fn keys(
    field: &str,
    shipments: v1::WatchShipments,
    settings: &Settings,
) -> Result<Vec<v1::ShipmentKey>, Failure> {
    let keys = shipments.shipments;
    if (1..=settings.keys).contains(&keys.len()) {
        return Ok(keys);
    }
    let description = format!("must have 1 to {} keys", settings.keys);
    Err(Failure::field(field, description))
}

/// Reads labels.
pub(super) fn labels(
    field: &str,
    labels: impl IntoIterator<Item = (String, String)>,
) -> Result<BTreeMap<String, String>, Failure> {
    let labels: BTreeMap<String, String> = labels.into_iter().collect();
    let fits = |(key, value): (&String, &String)| {
        (1..=63).contains(&key.chars().count()) && value.chars().count() <= 255
    };
    if labels.len() > LABELS || !labels.iter().all(fits) {
        let description = format!(
            "must have at most {LABELS} labels, keys of 1 to 63 and values of at most 255 characters"
        );
        return Err(Failure::field(field, description));
    }
    Ok(labels)
}

fn filter(filter: v1::WatchFilter) -> Result<Filter, Failure> {
    let unknown = |field: &str| Failure::field(field, "has a value that is not known");
    let statuses = filter
        .statuses
        .iter()
        .map(|number| convert::read_status(*number).ok_or_else(|| unknown("open.filter.statuses")));
    let codes = filter.codes.iter().map(|number| {
        let code = u16::try_from(*number).ok().filter(|code| *code > 0);
        code.map(EventCode)
            .ok_or_else(|| unknown("open.filter.codes"))
    });
    Ok(Filter {
        statuses: statuses.collect::<Result<_, _>>()?,
        codes: codes.collect::<Result<_, _>>()?,
        min_severity: convert::read_severity(filter.min_severity)
            .ok_or_else(|| unknown("open.filter.min_severity"))?,
        significant_only: filter.significant_only,
    })
}
