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
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use jiff::Timestamp;
use prost::Message;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};
use tonic::{Code, Status};
use tower::Service;
use waybill_core::caller::{Caller, Scope};

use super::status::Failure;
use super::tracking::{Tracked, Tracking, fits};
use crate::auth::{Admission, Auth, Principal};
use crate::config::Calls;
use crate::server::{Peer, parse_grpc_timeout};
use crate::v1;
use crate::watch::Topic;

const TRACK: &str = "/waybill.v1.TrackingService/Track";
/// Length of a gRPC frame's head: one byte of flags, four of length.
const HEAD: usize = 5;
/// Bytes of the answers that are kept.
const KEPT: u64 = 128 * 1_024 * 1_024;
/// What a kept answer takes beside its bytes: key, versions and the cache's own.
const KEPT_HEAD: usize = 512;

/// The outermost service. A clone is a reference: there is one per call.
#[derive(Clone)]
pub struct Front(Arc<Room>);

struct Room {
    auth: Auth,
    tracking: Tracking,
    routes: tonic::service::Routes,
    kept: moka::sync::Cache<String, Arc<Kept>, std::hash::RandomState>,
    drain: watch::Receiver<bool>,
    hit_count: metrics::Counter,
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
    /// Puts the front before tonic's routes. `drain` turns true when the server stops.
    pub fn new(
        auth: Auth,
        tracking: Tracking,
        routes: tonic::service::Routes,
        drain: watch::Receiver<bool>,
    ) -> Self {
        Self(Arc::new(Room {
            auth,
            tracking,
            routes,
            kept: moka::sync::Cache::builder()
                .max_capacity(KEPT)
                .weigher(|key: &String, kept: &Arc<Kept>| {
                    u32::try_from(key.len() + kept.frame.len() + KEPT_HEAD).unwrap_or(u32::MAX)
                })
                .build_with_hasher(std::hash::RandomState::new()),
            drain,
            hit_count: metrics::counter!("waybill_rpc_total", "method" => "Track", "code" => "OK"),
            hit_seconds: metrics::histogram!("waybill_rpc_seconds", "method" => "Track"),
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
        let method = method_name(request.uri().path());
        let mut routes = self.routes.clone();
        let (time, limit) = bounds(method, request.headers(), &self.tracking.calls);
        let started = Instant::now();
        let answer = AssertUnwindSafe(routes.call(request)).catch_unwind();
        let response = match timeout_at(started + time, answer).await {
            Ok(Ok(Ok(response))) => typed(response, limit),
            Ok(Ok(Err(never))) => match never {},
            Ok(Err(_)) => Status::from(panicked()).into_http(),
            Err(_) => Status::from(late()).into_http(),
        };
        let code = Status::from_header_map(response.headers()).map_or(Code::Ok, |it| it.code());
        count(method, code);
        metrics::histogram!("waybill_rpc_seconds", "method" => method)
            .record(started.elapsed().as_secs_f64());
        response
    }

    async fn track(
        self: Arc<Self>,
        request: Request<Incoming>,
        principal: Principal,
    ) -> Response<Reply> {
        let started = Instant::now();
        let (head, body) = request.into_parts();
        let calls = &self.tracking.calls;
        let time = calls.time_for(parse_grpc_timeout(&head.headers), calls.unary_cap);
        let answer = self.answer(&principal, body, started + time);
        let answer = AssertUnwindSafe(answer).catch_unwind();
        let result = match timeout_at(started + time, answer).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(panicked()),
            Err(_) => Err(late()),
        };
        self.hit_seconds.record(started.elapsed().as_secs_f64());
        match result {
            Ok(frame) => {
                self.hit_count.increment(1);
                ok(frame)
            }
            Err(failure) => {
                let status = Status::from(failure);
                count("Track", status.code());
                status.into_http()
            }
        }
    }

    async fn answer(
        &self,
        principal: &Principal,
        body: Incoming,
        deadline: Instant,
    ) -> Result<Bytes, Failure> {
        let calls = &self.tracking.calls;
        let message = read_message(body, calls.request_bytes).await?;
        let request = v1::TrackRequest::decode(message)
            .map_err(|_| Failure::field("request", "is not a TrackRequest"))?;
        let key = plain_key(&principal.caller, &request);
        if let Some(key) = &key
            && let Some(kept) = self.kept.get(key)
            && kept.holds(self.tracking.pipeline.now())
            && (request.if_none_match.is_empty() || request.if_none_match != kept.etags)
        {
            return Ok(kept.frame.clone());
        }
        // In a box of its own: a hit must not carry the room that the long way needs.
        Box::pin(self.look_up(principal, request, key, deadline)).await
    }

    async fn look_up(
        &self,
        principal: &Principal,
        request: v1::TrackRequest,
        key: Option<String>,
        deadline: Instant,
    ) -> Result<Bytes, Failure> {
        let conditional = !request.if_none_match.is_empty();
        let tracking = self.tracking.by(principal);
        let tracked = tracking.track_until(request, deadline).await?;
        let frame = frame(&tracked.response, self.tracking.calls.response_bytes)?;
        if let (Some(key), Some(until), false) = (key, tracked.until, conditional) {
            let tenant = &principal.caller.tenant;
            self.keep(tenant, key, tracked, frame.clone(), until).await;
        }
        Ok(frame)
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

/// The deadline passed while the answer was made.
fn late() -> Failure {
    Failure::new(
        v1::ErrorReason::Deadline,
        "the deadline passed with nothing usable",
    )
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

/// Reads the one message of a unary call.
async fn read_message(mut body: Incoming, limit: usize) -> Result<Bytes, Failure> {
    let broken = || Failure::field("request", "is not one uncompressed gRPC message");
    let mut whole: Option<Bytes> = None;
    let mut parts = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| broken())?.into_data() else {
            continue;
        };
        if data.len() + parts.len() + whole.as_ref().map_or(0, Bytes::len) > limit + HEAD {
            return Err(Failure::too_large(limit));
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
fn refused(path: &str, failure: Failure) -> Response<Reply> {
    let status = Status::from(failure);
    count(method_name(path), status.code());
    status.into_http()
}

fn count(method: &'static str, code: Code) {
    let code = code_name(code);
    metrics::counter!("waybill_rpc_total", "method" => method, "code" => code).increment(1);
}

fn panicked() -> Failure {
    Failure::internal("the handler of a call panicked")
}

fn ok(frame: Bytes) -> Response<Reply> {
    let mut response = Response::new(Reply::Frame(Some(frame)));
    let grpc = HeaderValue::from_static("application/grpc");
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, grpc);
    response
}

/// Gives the failures that tonic itself finds (a message too large, not decodable, an unknown
/// method) the reason and the trailers that every failed call carries.
fn typed(response: Response<tonic::body::Body>, limit: usize) -> Response<Reply> {
    let failed = Status::from_header_map(response.headers())
        .filter(|_| !response.headers().contains_key("waybill-reason"));
    let failure = failed.and_then(|status| match status.code() {
        Code::OutOfRange => Some(Failure::too_large(limit)),
        Code::Unimplemented => Some(Failure::new(
            v1::ErrorReason::Unsupported,
            "no such method or encoding",
        )),
        Code::Internal => Some(Failure::field(
            "request",
            "is not one well-formed gRPC message",
        )),
        _ => None,
    });
    match failure {
        Some(failure) => Status::from(failure).into_http(),
        None => response.map(|body| Reply::Tonic(Box::new(body))),
    }
}

/// Time until a call's answer has to begin, and the greatest size of its request. What streams
/// ends by rules of its own.
fn bounds(method: &str, headers: &HeaderMap, calls: &Calls) -> (Duration, usize) {
    let stated = parse_grpc_timeout(headers);
    match method {
        "BatchTrack" => (calls.time_for(stated, calls.batch_cap), calls.batch_bytes),
        "IngestEvents" => (calls.time_for(stated, calls.unary_cap), calls.batch_bytes),
        "Follow" => (calls.default_deadline, calls.request_bytes),
        _ => (calls.time_for(stated, calls.unary_cap), calls.request_bytes),
    }
}

/// Last segment of a method's path, if it is one of ours; keeps the metric's labels few.
fn method_name(path: &str) -> &'static str {
    const METHODS: [&str; 12] = [
        "Track",
        "GetShipment",
        "BatchTrack",
        "Follow",
        "UpdateException",
        "GetEvidence",
        "ListCarriers",
        "GetCarrier",
        "DetectCarriers",
        "ListEventCodes",
        "QueryKpis",
        "IngestEvents",
    ];
    let last = path.rsplit('/').next().unwrap_or_default();
    METHODS
        .into_iter()
        .find(|method| path.starts_with("/waybill.") && *method == last)
        .unwrap_or("other")
}

/// Name of a code as the metrics print it.
fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
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
        let room = &self.0;
        if *room.drain.borrow() && !path.starts_with("/grpc.health.") {
            let failure = Failure::new(v1::ErrorReason::ServerDraining, "the server is going away");
            return Box::pin(async { Ok(Status::from(failure).into_http()) });
        }
        let client = request.extensions().get::<Arc<Peer>>();
        let client = client.map(|client| &**client);
        let admission = room.auth.admit(path, request.headers(), client);
        let room = Arc::clone(room);
        match admission {
            // Apart, so that a hit carries the room of no other call.
            Admission::Known(principal) if path == TRACK => {
                Box::pin(async move { Ok(room.track(request, principal).await) })
            }
            Admission::Known(principal) => {
                Box::pin(async move { Ok(room.serve(request, principal).await) })
            }
            Admission::Open => Box::pin(async move { Ok(room.pass(request).await) }),
            Admission::Refused(failure) => {
                let refused = refused(path, failure);
                Box::pin(async move { Ok(refused) })
            }
            Admission::Later(later) => Box::pin(async move {
                match later.await {
                    Ok(principal) => Ok(room.serve(request, principal).await),
                    Err(failure) => Ok(refused(request.uri().path(), failure)),
                }
            }),
        }
    }
}

/// Body of an answer.
#[derive(Default)]
pub enum Reply {
    /// One frame, then the trailer of success.
    Frame(Option<Bytes>),
    /// What tonic made.
    Tonic(Box<tonic::body::Body>),
    /// Nothing more.
    #[default]
    Done,
}

impl Body for Reply {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        match this {
            Self::Tonic(body) => Pin::new(body.as_mut()).poll_frame(cx),
            Self::Done => Poll::Ready(None),
            Self::Frame(frame) => match frame.take() {
                Some(data) => Poll::Ready(Some(Ok(Frame::data(data)))),
                None => {
                    *this = Self::Done;
                    let mut trailers = HeaderMap::with_capacity(1);
                    trailers.insert("grpc-status", HeaderValue::from_static("0"));
                    Poll::Ready(Some(Ok(Frame::trailers(trailers))))
                }
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Done => true,
            Self::Frame(_) => false,
            Self::Tonic(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Tonic(body) => body.size_hint(),
            _ => SizeHint::default(),
        }
    }
}
