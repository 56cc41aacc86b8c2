//! Owns one running fake carrier: its switches, its counters and the way of a request through both.
//! Does not know any carrier's wire format.

use std::future::{self, Future};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;

use crate::body::{Answered, gzip_bomb};
use crate::fault::{Armed, ErrorBody, Fault, RetryAfter, take};
use crate::lock;
use crate::push::Push;
use crate::quota::Quota;
use crate::scenario::Scenario;
use crate::seen::{Answer, Kind, Seen, Tally};
use crate::server::{Connections, Exchange, Gate, Reset, Running, bind, spawn};

const REQUEST_LIMIT: usize = 64 << 10;
const GARBAGE: &[u8] = b"\x00\xff\xfe{{\x80\xc3(\xf0\x28\x8c\x28not json";
const PAGE: &[u8] = b"<!DOCTYPE html>\n<html><head><title>Gateway</title></head>\
<body><h1>The page you want is not here just now</h1></body></html>\n";

/// A carrier's way of speaking.
pub(crate) trait Dialect: Send + Sync + 'static {
    /// Source id, as the gateway names it.
    fn id(&self) -> &'static str;
    /// Settings of the gateway's source that point it here, with credentials that are accepted.
    /// `root` is scheme, host and port.
    fn settings(&self, root: &str) -> Vec<(&'static str, String)>;
    /// Whether it hands out access tokens.
    fn has_tokens(&self) -> bool {
        false
    }
    fn kind(&self, seen: &Seen) -> Kind;
    /// Numbers that the request asks for.
    fn numbers(&self, seen: &Seen) -> Vec<String>;
    fn answer(&self, kind: Kind, seen: &Seen) -> Answer;
    /// The carrier's own way to report a failure with this HTTP status.
    fn error(&self, status: StatusCode) -> Answer;
    fn scenarios(&self) -> Vec<Scenario>;
    /// Gives the account of [`Dialect::settings`] a quota, fresh.
    fn set_quota(&self, quota: Quota);
    /// The number of load parcel `n`, for tests with many numbers: well formed, known, and its
    /// answer made from the number alone.
    fn load_number(&self, n: u64) -> String;
    /// What would be pushed of a number now, with its proof; `None` if nothing is.
    fn push(&self, _number: &str) -> Option<Push> {
        None
    }
}

/// A fake of any carrier.
pub trait Source: Send + Sync {
    /// Source id, as the gateway names it.
    fn id(&self) -> &'static str;
    /// Settings of the gateway's source that point it here, `base_url` among them.
    fn settings(&self) -> Vec<(&'static str, String)>;
    /// Whether it hands out access tokens, so that [`Target::Token`] means something.
    fn has_tokens(&self) -> bool;
    /// The scripted shipments.
    fn scenarios(&self) -> Vec<Scenario>;
    /// The number of load parcel `n`.
    fn load_number(&self, n: u64) -> String;
    /// What would be pushed of a number now, with its proof; `None` if nothing is.
    fn push(&self, number: &str) -> Option<Push>;
    /// Gives the account of [`Source::settings`] a quota, fresh.
    fn set_quota(&self, quota: Quota);
    /// Switches a fault on, for so many requests or until it is switched off, or off.
    fn arm(&self, target: Target, fault: Option<Fault>, times: Option<u32>);
    /// The fault that hits the next such request.
    fn fault(&self, target: Target) -> Option<Fault>;
    /// Delays every answer.
    fn set_latency(&self, latency: Duration);
    /// The delay before every answer.
    fn latency(&self) -> Duration;
    /// Closes the listener and all connections: from then on connections are refused.
    fn down<'a>(&'a self) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>>;
    /// Listens again on the same port.
    fn up<'a>(&'a self) -> Pin<Box<dyn Future<Output = io::Result<()>> + Send + 'a>>;
    /// Whether connections are refused just now.
    fn is_down(&self) -> bool;
    /// Requests of a kind so far, the refused and the faulty ones included.
    fn requests_of(&self, kind: Kind) -> u64;
    /// Tracking requests for a number so far.
    fn requests_for(&self, number: &str) -> u64;
    /// The last request of a kind.
    fn last_request_of(&self, kind: Kind) -> Option<Seen>;
    /// Connections open now.
    fn open_connections(&self) -> usize;
    /// Connections accepted so far.
    fn accepted_connections(&self) -> u64;

    /// Tracking requests so far.
    fn requests(&self) -> u64 {
        self.requests_of(Kind::Tracking) + self.requests_of(Kind::Packages)
    }
    /// A scripted shipment by its name.
    fn scenario(&self, name: &str) -> Option<Scenario> {
        let mut all = self.scenarios().into_iter();
        all.find(|scenario| scenario.name == name)
    }
}

impl<C: Dialect> Source for Fake<C> {
    fn id(&self) -> &'static str {
        self.carrier.dialect.id()
    }
    fn settings(&self) -> Vec<(&'static str, String)> {
        self.carrier
            .dialect
            .settings(&format!("http://{}", self.address))
    }
    fn has_tokens(&self) -> bool {
        self.carrier.dialect.has_tokens()
    }
    fn scenarios(&self) -> Vec<Scenario> {
        self.carrier.dialect.scenarios()
    }
    fn load_number(&self, n: u64) -> String {
        self.carrier.dialect.load_number(n)
    }
    fn push(&self, number: &str) -> Option<Push> {
        self.carrier.dialect.push(number)
    }
    fn set_quota(&self, quota: Quota) {
        self.carrier.dialect.set_quota(quota);
    }
    fn arm(&self, target: Target, fault: Option<Fault>, times: Option<u32>) {
        Fake::arm(self, target, fault, times);
    }
    fn fault(&self, target: Target) -> Option<Fault> {
        Fake::fault(self, target)
    }
    fn set_latency(&self, latency: Duration) {
        Fake::set_latency(self, latency);
    }
    fn latency(&self) -> Duration {
        Fake::latency(self)
    }
    fn down<'a>(&'a self) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(Fake::down(self))
    }
    fn up<'a>(&'a self) -> Pin<Box<dyn Future<Output = io::Result<()>> + Send + 'a>> {
        Box::pin(Fake::up(self))
    }
    fn is_down(&self) -> bool {
        Fake::is_down(self)
    }
    fn requests_of(&self, kind: Kind) -> u64 {
        Fake::requests_of(self, kind)
    }
    fn requests_for(&self, number: &str) -> u64 {
        Fake::requests_for(self, number)
    }
    fn last_request_of(&self, kind: Kind) -> Option<Seen> {
        Fake::last_request_of(self, kind)
    }
    fn open_connections(&self) -> usize {
        Fake::open_connections(self)
    }
    fn accepted_connections(&self) -> u64 {
        Fake::accepted_connections(self)
    }
}

/// Which requests a fault hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Everything but requests for a token.
    Api,
    /// Requests for a token (UPS).
    Token,
}

#[derive(Default)]
struct Switches {
    api: Option<Armed>,
    token: Option<Armed>,
    latency: Duration,
    down: bool,
}

impl Switches {
    fn slot(&mut self, target: Target) -> &mut Option<Armed> {
        match target {
            Target::Api => &mut self.api,
            Target::Token => &mut self.token,
        }
    }
}

/// A fake carrier. Cheap to clone; clones are the same carrier.
pub struct Fake<C> {
    pub(crate) address: SocketAddr,
    pub(crate) carrier: Arc<Carrier<C>>,
    gate: Gate,
}

pub(crate) struct Carrier<C> {
    pub(crate) dialect: C,
    switches: Mutex<Switches>,
    tally: Mutex<Tally>,
    connections: Arc<Connections>,
}

impl<C> Clone for Fake<C> {
    fn clone(&self) -> Self {
        Self {
            address: self.address,
            carrier: Arc::clone(&self.carrier),
            gate: self.gate.clone(),
        }
    }
}

pub(crate) async fn start<C: Dialect>(dialect: C, port: u16) -> io::Result<(Fake<C>, Running)> {
    let bound = bind(port).await?;
    let address = bound.1;
    let connections = Arc::new(Connections::default());
    let carrier = Arc::new(Carrier {
        dialect,
        switches: Mutex::default(),
        tally: Mutex::default(),
        connections: Arc::clone(&connections),
    });
    let (gate, running) = spawn(bound, Arc::clone(&carrier), connections);
    Ok((
        Fake {
            address,
            carrier,
            gate,
        },
        running,
    ))
}

impl<C> Fake<C> {
    /// The loopback address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Switches a fault on for every tracking request, or off.
    pub fn set_fault(&self, fault: Option<Fault>) {
        self.arm(Target::Api, fault, None);
    }

    /// Switches a fault on for the next `times` tracking requests.
    pub fn set_fault_times(&self, fault: Fault, times: u32) {
        self.arm(Target::Api, Some(fault), Some(times));
    }

    pub(crate) fn arm(&self, target: Target, fault: Option<Fault>, left: Option<u32>) {
        let fault = fault.filter(|_| left != Some(0));
        *lock(&self.carrier.switches).slot(target) = fault.map(|fault| Armed { fault, left });
    }

    /// The fault that hits the next such request.
    pub fn fault(&self, target: Target) -> Option<Fault> {
        lock(&self.carrier.switches)
            .slot(target)
            .as_ref()
            .map(|armed| armed.fault.clone())
    }

    /// Delays every answer; for benchmarks.
    pub fn set_latency(&self, latency: Duration) {
        lock(&self.carrier.switches).latency = latency;
    }

    /// The delay before every answer.
    pub fn latency(&self) -> Duration {
        lock(&self.carrier.switches).latency
    }

    /// Closes the listener and all connections: from then on connections are refused.
    pub async fn down(&self) {
        self.gate.down().await;
        lock(&self.carrier.switches).down = true;
    }

    /// Listens again on the same port after [`Fake::down`].
    ///
    /// # Errors
    /// When the port was taken meanwhile, or the simulator has stopped.
    pub async fn up(&self) -> io::Result<()> {
        self.gate.up().await?;
        lock(&self.carrier.switches).down = false;
        Ok(())
    }

    /// Whether connections are refused just now.
    pub fn is_down(&self) -> bool {
        lock(&self.carrier.switches).down
    }

    /// Tracking requests so far, the refused and the faulty ones included.
    pub fn requests(&self) -> u64 {
        self.requests_of(Kind::Tracking) + self.requests_of(Kind::Packages)
    }

    /// Requests of a kind so far.
    pub fn requests_of(&self, kind: Kind) -> u64 {
        lock(&self.carrier.tally).of_kind(kind)
    }

    /// Tracking requests for a number so far.
    pub fn requests_for(&self, number: &str) -> u64 {
        lock(&self.carrier.tally).of_number(number)
    }

    /// The last tracking request.
    pub fn last_request(&self) -> Option<Seen> {
        self.last_request_of(Kind::Tracking)
    }

    /// The last request of a kind.
    pub fn last_request_of(&self, kind: Kind) -> Option<Seen> {
        lock(&self.carrier.tally).last(kind)
    }

    /// Connections open now.
    pub fn open_connections(&self) -> usize {
        self.carrier.connections.open()
    }

    /// Connections accepted so far.
    pub fn accepted_connections(&self) -> u64 {
        self.carrier.connections.accepted()
    }
}

#[expect(
    private_bounds,
    reason = "only the carriers of this crate can be fakes"
)]
impl<C: Dialect> Fake<C> {
    /// The scripted shipments.
    pub fn scenarios(&self) -> Vec<Scenario> {
        self.carrier.dialect.scenarios()
    }

    /// A scripted shipment by its name.
    pub fn scenario(&self, name: &str) -> Option<Scenario> {
        self.scenarios()
            .into_iter()
            .find(|scenario| scenario.name == name)
    }
}

impl<C: Dialect> Exchange for Carrier<C> {
    async fn exchange(&self, request: Request<Incoming>) -> Result<Response<Answered>, Reset> {
        let (parts, body) = request.into_parts();
        let Ok(body) = Limited::new(body, REQUEST_LIMIT).collect().await else {
            return Ok(send(self.dialect.error(StatusCode::PAYLOAD_TOO_LARGE)));
        };
        let seen = Seen::new(parts, body.to_bytes());
        let kind = self.dialect.kind(&seen);
        lock(&self.tally).count(kind, self.dialect.numbers(&seen), seen.clone());
        let (fault, latency) = {
            let mut switches = lock(&self.switches);
            let target = if kind == Kind::Token {
                Target::Token
            } else {
                Target::Api
            };
            (take(switches.slot(target)), switches.latency)
        };
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        match fault {
            None => Ok(send(self.dialect.answer(kind, &seen))),
            Some(fault) => self.spoil(fault, kind, &seen).await,
        }
    }
}

impl<C: Dialect> Carrier<C> {
    async fn spoil(
        &self,
        fault: Fault,
        kind: Kind,
        seen: &Seen,
    ) -> Result<Response<Answered>, Reset> {
        Ok(match fault {
            Fault::Slow(delay) => {
                tokio::time::sleep(delay).await;
                send(self.dialect.answer(kind, seen))
            }
            Fault::Hang => future::pending().await,
            Fault::TcpReset => return Err(Reset),
            Fault::Status(status, body) => send(self.failure(status, body)),
            Fault::RateLimited(after) => send(limited(
                self.dialect.error(StatusCode::TOO_MANY_REQUESTS),
                after,
            )),
            Fault::HtmlPage => send(page(StatusCode::OK)),
            Fault::NoContent => send(empty(StatusCode::NO_CONTENT)),
            Fault::Garbage => {
                let mut answer = self.dialect.answer(kind, seen);
                answer.body = Bytes::from_static(GARBAGE);
                send(answer)
            }
            Fault::TruncatedJson => {
                let mut answer = self.dialect.answer(kind, seen);
                answer.body.truncate(answer.body.len() / 2);
                send(answer)
            }
            Fault::CutBody => {
                let answer = self.dialect.answer(kind, seen);
                let half = Answered::cut(&answer.body);
                promised(answer, half)
            }
            Fault::Drip(every) => {
                let answer = self.dialect.answer(kind, seen);
                let drops = Answered::drip(answer.body.clone(), every);
                promised(answer, drops)
            }
            Fault::Huge => respond(
                StatusCode::OK,
                typed("application/json"),
                Answered::Huge { sent: 0 },
            ),
            Fault::GzipBomb => match gzip_bomb() {
                Ok(body) => {
                    let mut headers = typed("application/json");
                    headers.push((header::CONTENT_ENCODING, HeaderValue::from_static("gzip")));
                    send(Answer {
                        status: StatusCode::OK,
                        headers,
                        body,
                    })
                }
                Err(_) => send(self.dialect.error(StatusCode::INTERNAL_SERVER_ERROR)),
            },
        })
    }

    fn failure(&self, status: StatusCode, body: ErrorBody) -> Answer {
        match body {
            ErrorBody::Empty => empty(status),
            ErrorBody::Json => self.dialect.error(status),
            ErrorBody::Html => page(status),
        }
    }
}

pub(crate) fn limited(mut answer: Answer, after: RetryAfter) -> Answer {
    if let Some(value) = after.header() {
        answer.headers.push((header::RETRY_AFTER, value));
    }
    answer
}

type Headers = Vec<(HeaderName, HeaderValue)>;

fn typed(media: &'static str) -> Headers {
    vec![(header::CONTENT_TYPE, HeaderValue::from_static(media))]
}

fn page(status: StatusCode) -> Answer {
    Answer {
        status,
        headers: typed("text/html; charset=utf-8"),
        body: Bytes::from_static(PAGE),
    }
}

fn empty(status: StatusCode) -> Answer {
    Answer {
        status,
        headers: Headers::new(),
        body: Bytes::new(),
    }
}

/// Sends another body under the length of the right one.
fn promised(mut answer: Answer, body: Answered) -> Response<Answered> {
    let length = HeaderValue::from(answer.body.len());
    answer.headers.push((header::CONTENT_LENGTH, length));
    respond(answer.status, answer.headers, body)
}

pub(crate) fn send(answer: Answer) -> Response<Answered> {
    respond(
        answer.status,
        answer.headers,
        Answered::Whole(Some(answer.body)),
    )
}

fn respond(status: StatusCode, headers: Headers, body: Answered) -> Response<Answered> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().extend(headers);
    response
}
