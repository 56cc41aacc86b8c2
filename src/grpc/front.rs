//! The first room of a call: it answers a repeated `Track` from the bytes of the last answer, and
//! sends everything else on to tonic.
//!
//! **Invariant:** a hit is one look-up and one reference to encoded bytes. Nothing is built,
//! cloned or encoded for it; what is kept with the bytes says until when they are true.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::FutureExt;
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use jiff::Timestamp;
use prost::Message;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout_at};
use tonic::codec::Codec;
use tonic::{Code, Status, Streaming};
use tonic_prost::ProstCodec;
use tower::Service;
use waybill_core::caller::{Caller, Scope};

use super::Exit;
use super::follow::Around;
use super::reply::{Reply, ok, reply, typed};
use super::seen::Seen;
use super::status::{Failure, late};
use super::tracking::{Tracked, Tracking, fits};
use crate::auth::{Admission, Auth, Principal};
use crate::method::{self, Bounds, Method};
use crate::quota::{self, Quotas};
use crate::server::{Class, Load, Peer, Running, parse_grpc_timeout};
use crate::trace;
use crate::v1;
use crate::watch::{Topic, told};

const TRACK: &str = "/waybill.v1.TrackingService/Track";
const FOLLOW: &str = "/waybill.v1.TrackingService/Follow";
const WATCH: &str = "/waybill.v1.TrackingService/Watch";
/// Length of a gRPC frame's head: one byte of flags, four of length.
pub(super) const HEAD: usize = 5;
/// Bytes of a request that are read without counting it as work.
const PROMPT: usize = 4 * 1_024;
/// Bytes of the answers that are kept.
const KEPT: u64 = 128 * 1_024 * 1_024;
/// What a kept answer takes beside its bytes: key, versions and the cache's own.
const KEPT_HEAD: usize = 512;

/// The outermost service. A clone is a reference: there is one per call.
#[derive(Clone)]
pub struct Front(Arc<Room>);

struct Room {
    auth: Auth,
    /// What tenants may ask for; `None` where nobody is asked who they are.
    quotas: Option<Quotas>,
    tracking: Tracking,
    routes: tonic::service::Routes,
    kept: moka::sync::Cache<String, Arc<Kept>, std::hash::RandomState>,
    load: Arc<Load>,
    drain: watch::Receiver<bool>,
    /// Time for running calls once the server drains.
    finish: Duration,
    /// Of kept answers: how many, and how long they took.
    hits: metrics::Counter,
    hit_seconds: metrics::Histogram,
}

/// An encoded answer and what makes it true.
struct Kept {
    /// Frame head and message.
    frame: Bytes,
    /// Etags of the shipments, joined by a comma.
    etags: String,
    /// Until then nothing that it says changes by time alone.
    until: Timestamp,
    /// Versions of the number and of the shipments when it was made.
    versions: Vec<(Arc<AtomicU64>, u64)>,
}

impl Kept {
    fn holds(&self, now: Timestamp) -> bool {
        now < self.until
            && self
                .versions
                .iter()
                .all(|(now, then)| now.load(Ordering::Acquire) == *then)
    }
}

impl Front {
    /// Puts the front before tonic's routes.
    pub fn new(
        auth: Auth,
        quotas: Option<Quotas>,
        tracking: Tracking,
        routes: tonic::service::Routes,
        load: Arc<Load>,
        exit: Exit,
    ) -> Self {
        Self(Arc::new(Room {
            auth,
            quotas,
            tracking,
            routes,
            kept: moka::sync::Cache::builder()
                .max_capacity(KEPT)
                .weigher(|key: &String, kept: &Arc<Kept>| {
                    u32::try_from(key.len() + kept.frame.len() + KEPT_HEAD).unwrap_or(u32::MAX)
                })
                .build_with_hasher(std::hash::RandomState::new()),
            load,
            drain: exit.drain,
            finish: exit.finish,
            hits: metrics::counter!(
                "waybill_cache_ops_total", "level" => "kept", "result" => "hit"
            ),
            hit_seconds: metrics::histogram!(
                "rpc_server_call_duration_seconds",
                "rpc_system_name" => "grpc",
                "rpc_method" => &TRACK[1..],
                "rpc_status_code" => "OK",
            ),
        }))
    }
}

impl Room {
    async fn serve(
        self: Arc<Self>,
        mut request: Request<Incoming>,
        principal: Principal,
    ) -> Response<Reply> {
        if request.uri().path() == TRACK {
            return self.track(request, principal).await;
        }
        request.extensions_mut().insert(principal);
        self.pass(request).await
    }

    /// Sends a call on to tonic.
    async fn pass(&self, request: Request<Incoming>) -> Response<Reply> {
        let method = method::of(request.uri().path());
        let mut seen = Seen::begin(method.name(), request.headers());
        let principal = request.extensions().get::<Principal>().cloned();
        let note = Arc::clone(seen.note.insert(Arc::default()));
        let work = note.taking(self.pass_on(request, method));
        let response = trace::within(seen.trace(), work).await;
        let code = Status::from_header_map(response.headers()).map_or(Code::Ok, |it| it.code());
        let tenant = principal
            .as_ref()
            .map_or("", |it| it.caller.tenant.as_str());
        seen.end(code, tenant);
        response
    }

    async fn track(
        self: Arc<Self>,
        request: Request<Incoming>,
        principal: Principal,
    ) -> Response<Reply> {
        let (head, body) = request.into_parts();
        let mut seen = Seen::begin(&TRACK[1..], &head.headers);
        let started = seen.begun();
        let calls = &self.tracking.calls;
        let time = calls.time_for(parse_grpc_timeout(&head.headers), calls.unary_cap);
        let answer = self.answer(&principal, body, started + time, &mut seen);
        let answer = AssertUnwindSafe(answer).catch_unwind();
        let result = match timeout_at(started + time, answer).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(panicked()),
            Err(_) => Err(late()),
        };
        let tenant = &principal.caller.tenant;
        match result {
            Ok(frame) => {
                match seen.note {
                    None => seen.end_kept(&self.hit_seconds, tenant),
                    Some(_) => seen.end(Code::Ok, tenant),
                }
                ok(frame)
            }
            Err(failure) => {
                let status = Status::from(failure);
                seen.end(status.code(), tenant);
                status.into_http()
            }
        }
    }

    async fn follow(
        &self,
        request: Request<Incoming>,
        running: Option<Running>,
        limit: usize,
    ) -> Response<Reply> {
        let started = async {
            let me = self.of(&request)?;
            let around = Around::of(&request, running);
            // The stream is counted already.
            let message = self.read_message(request.into_body(), limit, false).await?;
            let request = v1::FollowRequest::decode(message)
                .map_err(|_| Failure::field("request", "is not a FollowRequest"))?;
            me.start_follow(request, around)
        };
        match started.await {
            Ok(frames) => reply(Reply::Stream(Box::new(frames))),
            Err(failure) => Status::from(failure).into_http(),
        }
    }

    async fn watch(
        &self,
        request: Request<Incoming>,
        running: Option<Running>,
        limit: usize,
    ) -> Response<Reply> {
        let me = match self.of(&request) {
            Ok(me) => me,
            Err(failure) => return Status::from(failure).into_http(),
        };
        let around = Around::of(&request, running);
        let mut codec = ProstCodec::<v1::WatchMessage, v1::WatchRequest>::default();
        let body = request.into_body();
        let requests = Streaming::new_request(codec.decoder(), body, None, Some(limit));
        match me.start_watch(requests, around).await {
            Ok(frames) => reply(Reply::Stream(Box::new(frames))),
            Err(status) => typed(status.into_http(), limit),
        }
    }

    /// The service for whoever makes a call.
    fn of(&self, request: &Request<Incoming>) -> Result<Tracking, Failure> {
        Ok(self.tracking.by(Principal::of(request.extensions())?))
    }

    async fn answer(
        &self,
        principal: &Principal,
        body: Incoming,
        deadline: Instant,
        seen: &mut Seen,
    ) -> Result<Bytes, Failure> {
        let calls = &self.tracking.calls;
        let message = self.read_message(body, calls.request_bytes, true).await?;
        let request = v1::TrackRequest::decode(message)
            .map_err(|_| Failure::field("request", "is not a TrackRequest"))?;
        let key = plain_key(&principal.caller, &request);
        if let Some(key) = &key
            && let Some(kept) = self.kept.get(key)
            && kept.holds(self.tracking.pipeline.now())
            && (request.if_none_match.is_empty() || request.if_none_match != kept.etags)
        {
            self.hits.increment(1);
            return Ok(kept.frame.clone());
        }
        crate::cache::count("kept", false);
        let note = Arc::clone(seen.note.insert(Arc::default()));
        let work = note.taking(self.look_up(principal, request, key, deadline));
        // In a box of its own: a hit must not carry the room that the long way needs.
        Box::pin(trace::within(seen.trace(), work)).await
    }

    async fn look_up(
        &self,
        principal: &Principal,
        request: v1::TrackRequest,
        key: Option<String>,
        deadline: Instant,
    ) -> Result<Bytes, Failure> {
        // A hit costs less than a refusal would, so only from here on is there work to be limited.
        let _running = self.begin(Class::Interactive, Some(principal))?;
        let conditional = !request.if_none_match.is_empty();
        let tracking = self.tracking.by(principal);
        let tracked = tokio::select! {
            biased;
            tracked = tracking.track_until(request, deadline) => tracked?,
            () = self.overdue() => return Err(draining()),
        };
        let frame = frame(&tracked.response, self.tracking.calls.response_bytes)?;
        if let (Some(key), Some(until), false) = (key, tracked.until, conditional) {
            let tenant = &principal.caller.tenant;
            self.keep(tenant, key, tracked, frame.clone(), until).await;
        }
        Ok(frame)
    }

    /// Reads the one message of a call. A long one `counts` as work while it is read.
    async fn read_message(
        &self,
        mut body: Incoming,
        limit: usize,
        counts: bool,
    ) -> Result<Bytes, Failure> {
        let broken = || Failure::field("request", "is not one uncompressed gRPC message");
        let mut whole: Option<Bytes> = None;
        let mut parts = BytesMut::new();
        let mut running = None;
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(|_| broken())?.into_data() else {
                continue;
            };
            let so_far = data.len() + parts.len() + whole.as_ref().map_or(0, Bytes::len);
            if so_far > limit + HEAD {
                return Err(Failure::too_large(limit));
            }
            if counts && running.is_none() && so_far > PROMPT {
                // Not what a lookup looks like: it is to be as little and as few as other work.
                let entered = self.load.enter(Class::Interactive);
                running = Some(entered.ok_or_else(Failure::overloaded)?);
            }
            match whole.take() {
                None if parts.is_empty() => whole = Some(data),
                first => {
                    parts.extend_from_slice(&first.unwrap_or_default());
                    parts.extend_from_slice(&data);
                }
            }
        }
        let mut whole = whole.unwrap_or_else(|| parts.freeze());
        if whole.len() < HEAD {
            return Err(broken());
        }
        let head = whole.split_to(HEAD);
        let length = usize::try_from(u32::from_be_bytes([head[1], head[2], head[3], head[4]]));
        if head[0] == 1 {
            let message = "compressed requests are not supported";
            return Err(Failure::new(v1::ErrorReason::Unsupported, message));
        }
        if head[0] != 0 || length.ok() != Some(whole.len()) {
            return Err(broken());
        }
        Ok(whole)
    }

    /// Has tonic answer, if there is room for it.
    async fn pass_on(&self, request: Request<Incoming>, method: &Method) -> Response<Reply> {
        let started = Instant::now();
        let class = method.class;
        let principal = request.extensions().get::<Principal>();
        let mut running = match class.map(|class| self.begin(class, principal)).transpose() {
            Ok(running) => running,
            Err(failure) => return Status::from(failure).into_http(),
        };
        // A stream has it until all that there is has been sent.
        let streaming = running.take_if(|_| class == Some(Class::Stream));
        let (time, limit) = self.bounds(method, request.headers());
        let mut routes = self.routes.clone();
        let answer = async {
            match request.uri().path() {
                FOLLOW => self.follow(request, streaming, limit).await,
                WATCH => self.watch(request, streaming, limit).await,
                _ => match routes.call(request).await {
                    Ok(response) => typed(response, limit),
                    Err(never) => match never {},
                },
            }
        };
        let answer = AssertUnwindSafe(answer).catch_unwind();
        let answer = tokio::select! {
            biased;
            answer = timeout_at(started + time, answer) => answer,
            () = self.overdue() => return Status::from(draining()).into_http(),
        };
        let mut response = match answer {
            Ok(Ok(response)) => response,
            Ok(Err(_)) => Status::from(panicked()).into_http(),
            Err(_) => Status::from(late()).into_http(),
        };
        if class == Some(Class::Batch)
            && let Reply::Tonic(_, held) = response.body_mut()
        {
            *held = running;
        }
        response
    }

    /// Begins work: some of what its tenant may have at work, and of what the server may.
    fn begin(&self, class: Class, principal: Option<&Principal>) -> Result<Running, Failure> {
        let own = principal
            .map(|principal| principal.quota.begin())
            .transpose()?;
        let running = self.load.enter(class).ok_or_else(Failure::overloaded)?;
        Ok(running.with(own))
    }

    /// Lets somebody in whose credential is good, unless its tenant has used up its quota.
    fn let_in(
        &self,
        mut principal: Principal,
        extensions: &http::Extensions,
    ) -> Result<Principal, Failure> {
        if let Some(quotas) = &self.quotas {
            let tenant = &principal.caller.tenant;
            let quota = quotas.of(tenant);
            quota.take(1)?;
            if let Some(peer) = extensions.get::<Peer>()
                && !peer.count_for(tenant)
            {
                return Err(quota::too_many_connections());
            }
            principal.quota = quota;
        }
        Ok(principal)
    }

    /// Time until a call's answer has to begin, and the greatest size of its request.
    fn bounds(&self, method: &Method, headers: &HeaderMap) -> (Duration, usize) {
        let calls = &self.tracking.calls;
        let time = |cap| calls.time_for(parse_grpc_timeout(headers), cap);
        match method.bounds {
            Bounds::Call => (time(calls.unary_cap), calls.request_bytes),
            Bounds::Batch => (time(calls.batch_cap), calls.batch_bytes),
            Bounds::List => (time(calls.unary_cap), calls.batch_bytes),
            Bounds::Stream => (calls.default_deadline, calls.request_bytes),
        }
    }

    /// Waits until calls that still run have had their time to end.
    async fn overdue(&self) {
        told(&mut self.drain.clone()).await;
        sleep(self.finish).await;
    }

    /// Keeps an answer, unless one of its records or overlays has changed while it was made.
    async fn keep(
        &self,
        tenant: &str,
        key: String,
        tracked: Tracked,
        frame: Bytes,
        until: Timestamp,
    ) {
        let pipeline = &self.tracking.pipeline;
        let shipments = tracked.ids.iter().cloned().map(Topic::Shipment);
        let topics = std::iter::once(Topic::Subject(tracked.subject.clone())).chain(shipments);
        let versions = topics.map(|topic| {
            let version = pipeline.hub().version(topic);
            let then = version.load(Ordering::Acquire);
            (version, then)
        });
        // First the versions, then the check: whatever changes after it shows in a version.
        let versions: Vec<_> = versions.collect();
        let Ok(known) = pipeline.known(&tracked.subject).await else {
            return;
        };
        if known.len() != tracked.ids.len() || !known.iter().all(|id| tracked.ids.contains(id)) {
            return;
        }
        for (id, shipment) in tracked.ids.iter().zip(&tracked.response.shipments) {
            match pipeline.held(tenant, id).await {
                Ok((record, _)) if record.etag == shipment.etag => {
                    let overlay = pipeline.overlay(tenant, &record).await;
                    let revision = overlay.map(|one| one.map_or(0, |one| one.revision));
                    let mut shown = tracked.response.overlays.iter();
                    let shown = shown.find(|one| one.shipment_id == id.0);
                    if revision.ok() != Some(shown.map_or(0, |one| one.revision)) {
                        return;
                    }
                }
                _ => return,
            }
        }
        let etags: Vec<&str> = tracked
            .response
            .shipments
            .iter()
            .map(|it| it.etag.as_str())
            .collect();
        let kept = Kept {
            frame,
            etags: etags.join(","),
            until,
            versions,
        };
        self.kept.insert(key, Arc::new(kept));
    }
}

/// The server does not take calls any more, or not to their end.
fn draining() -> Failure {
    Failure::new(v1::ErrorReason::ServerDraining, "the server is going away")
}

/// Key of a request whose answer depends on nothing but who asks, number, carrier, language and view:
/// the tenant, whose overlays are in the answer, and whether personal data is. `None` for a request
/// with further options. Spelling variants of a number have a key each and the same answer.
fn plain_key(caller: &Caller, request: &v1::TrackRequest) -> Option<String> {
    let plain = request.order.is_none()
        && request.hints.is_none()
        && request.max_age.is_none()
        && !request.cache_only
        && !request.wait_for_all_sources
        && !request.allow_paid
        && request.sources.is_empty()
        && request.tracking_number.len() <= 64
        && request.carrier.len() <= 64
        && !request.carrier.contains('\n')
        && request.language.len() <= 64
        && !request.language.contains('\n');
    if !plain {
        return None;
    }
    let parts = [
        &caller.tenant,
        &request.tracking_number,
        &request.carrier,
        &request.language,
    ];
    let length: usize = parts.iter().map(|part| part.len() + 1).sum();
    let mut key = String::with_capacity(length + 2);
    key.push(if caller.scopes.has(Scope::Personal) {
        'p'
    } else {
        '-'
    });
    for part in parts {
        key.push_str(part);
        key.push('\n');
    }
    key.push(char::from(
        b'0' + u8::try_from(request.view).ok().filter(|view| *view < 10)?,
    ));
    Some(key)
}

/// Encodes an answer with its frame head.
fn frame(response: &v1::TrackResponse, limit: usize) -> Result<Bytes, Failure> {
    let length = fits(response, limit)?;
    let mut frame = BytesMut::with_capacity(HEAD + length);
    frame.put_u8(0);
    frame.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    response.encode_raw(&mut frame);
    Ok(frame.freeze())
}

/// A call that is not let in.
fn refused(path: &str, headers: &HeaderMap, failure: Failure) -> Response<Reply> {
    let seen = Seen::begin(method::of(path).name(), headers);
    let status = Status::from(failure);
    seen.end(status.code(), "");
    status.into_http()
}

fn panicked() -> Failure {
    Failure::internal("the handler of a call panicked")
}

impl Service<Request<Incoming>> for Front {
    type Response = Response<Reply>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        let path = request.uri().path();
        // Whoever asks for the health of a server that stops is to hear that it stops.
        let room = Arc::clone(&self.0);
        if *room.drain.borrow() && !path.starts_with("/grpc.health.") {
            return Box::pin(async { Ok(Status::from(draining()).into_http()) });
        }
        let client = request.extensions().get::<Peer>();
        let admission = room.auth.admit(path, request.headers(), client);
        match admission {
            // Apart, so that a hit carries the room of no other call.
            Admission::Known(principal) => match room.let_in(principal, request.extensions()) {
                Ok(principal) if path == TRACK => {
                    Box::pin(async move { Ok(room.track(request, principal).await) })
                }
                Ok(principal) => Box::pin(async move { Ok(room.serve(request, principal).await) }),
                Err(failure) => {
                    let refused = refused(path, request.headers(), failure);
                    Box::pin(async move { Ok(refused) })
                }
            },
            Admission::Open => Box::pin(async move { Ok(room.pass(request).await) }),
            Admission::Refused(failure) => {
                let refused = refused(path, request.headers(), failure);
                Box::pin(async move { Ok(refused) })
            }
            Admission::Later(later) => Box::pin(async move {
                let known = later.await;
                match known.and_then(|known| room.let_in(known, request.extensions())) {
                    Ok(principal) => Ok(room.serve(request, principal).await),
                    Err(failure) => Ok(refused(request.uri().path(), request.headers(), failure)),
                }
            }),
        }
    }
}
