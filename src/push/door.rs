//! The listener: which request is a push of whom, and what it is answered.
//!
//! It speaks HTTP/1.1 in clear; encryption ends before it. Nothing that a proxy or a sender says
//! about addresses is looked at: a push is known by its proof alone.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, RETRY_AFTER};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body as _;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, timeout, timeout_at};
use waybill_core::adapter::{Proof, Pushed};
use waybill_core::error::{Error, ErrorKind};

use super::Settings;
use super::queue::{Desk, Kind, Queue, Refused, Taken, encode_news, encode_poll};
use crate::pipeline::Pipeline;
use crate::server::{Listener, pause_after};
use crate::store::seal::Keys;
use crate::tasks;

/// Greatest size of a request's head.
const HEAD_BYTES: usize = 16 * 1_024;
/// Seconds after which a sender is asked to try again.
const RETRY: HeaderValue = HeaderValue::from_static("10");
/// Time for requests to end when the server stops.
const GRACE: Duration = Duration::from_secs(5);

type Reply = Response<Full<Bytes>>;

/// What every connection shares.
pub(super) struct Door {
    settings: Settings,
    queue: Arc<Queue>,
    pipeline: Pipeline,
    keys: Arc<Keys>,
    requests: Semaphore,
}

impl Door {
    pub(super) fn new(
        settings: &Settings,
        queue: Arc<Queue>,
        pipeline: Pipeline,
        keys: Arc<Keys>,
    ) -> Self {
        Self {
            settings: settings.clone(),
            queue,
            pipeline,
            keys,
            requests: Semaphore::new(settings.requests),
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Reply {
        let desk = match *request.method() {
            Method::POST => self.desk(request.uri().path()),
            _ => None,
        };
        let Some(desk) = desk else {
            return closing(StatusCode::NOT_FOUND);
        };
        let begun = Instant::now();
        let (outcome, reply) = self.take(desk, request).await;
        let source = desk.id;
        metrics::counter!("waybill_pushes_total", "source" => source, "outcome" => outcome)
            .increment(1);
        metrics::histogram!("waybill_push_seconds", "source" => source).record(begun.elapsed());
        reply
    }

    /// Whose pushes come to a path: `/push/{source}`, or `/push/{source}/{account}` where there are
    /// several. A token in the address can follow.
    fn desk(&self, path: &str) -> Option<&Arc<Desk>> {
        let parts: Vec<&str> = path.strip_prefix("/push/")?.split('/').collect();
        let (id, rest) = parts.split_first()?;
        let of_source = |desk: &&Arc<Desk>| desk.id == *id;
        let mut desks = self.queue.desks().iter().filter(of_source);
        let first = desks.next()?;
        let is_only = desks.next().is_none();
        let has_token = first.source().descriptor.capabilities.push == Some(Proof::Address);
        let named = |account: &str| {
            let mut desks = self.queue.desks().iter().filter(of_source);
            desks.find(|desk| desk.account == account)
        };
        match rest {
            [] => is_only.then_some(first),
            [one] => named(one).or_else(|| (is_only && has_token).then_some(first)),
            [account, _] if has_token => named(account),
            _ => None,
        }
    }

    /// What became of a push, in a word, and the answer to it.
    async fn take(&self, desk: &Arc<Desk>, request: Request<Incoming>) -> (&'static str, Reply) {
        if !desk.is_open() {
            // It is not lost: whoever is told to come again does.
            return ("off", later(true));
        }
        let Ok(_permit) = self.requests.try_acquire() else {
            return ("busy", later(true));
        };
        let limit = self.settings.body_bytes;
        let stated = request.body().size_hint().lower();
        if usize::try_from(stated).is_ok_and(|stated| stated <= limit) {
            let (parts, body) = request.into_parts();
            let reading = Limited::new(body, limit).collect();
            match timeout(self.settings.body_timeout.0, reading).await {
                Ok(Ok(body)) => {
                    let push = Request::from_parts(parts, body.to_bytes());
                    let until = Instant::now() + self.settings.acknowledge.0;
                    let kept = timeout_at(until, self.keep(desk, &push)).await;
                    return kept.unwrap_or_else(|_| ("slow", later(false)));
                }
                Ok(Err(error)) if !error.is::<LengthLimitError>() => {
                    return ("cut_off", closing(StatusCode::BAD_REQUEST));
                }
                Ok(Err(_)) => {}
                Err(_) => return ("cut_off", closing(StatusCode::REQUEST_TIMEOUT)),
            }
        }
        ("too_large", closing(StatusCode::PAYLOAD_TOO_LARGE))
    }

    /// Verifies a push and keeps what it asks for.
    async fn keep(&self, desk: &Arc<Desk>, push: &Request<Bytes>) -> (&'static str, Reply) {
        let now = self.pipeline.now();
        let source = desk.source();
        let pushed = match source.adapter.translate_push(push, now).await {
            Ok(pushed) => pushed,
            Err(error) => return refuse(desk, &error),
        };
        let proof = source.descriptor.capabilities.push;
        let is_strong = proof.is_some_and(Proof::is_strong);
        let rows = match rows(&pushed, push.body(), is_strong) {
            Ok(rows) => rows,
            Err(error) => return refuse(desk, &error),
        };
        let reply = pushed.reply.map(Full::new);
        if rows.is_empty() {
            return ("no_news", reply);
        }
        let (label, known) = match pushed.id.as_str() {
            // What is not signed along could be made to hide what is still to come.
            id if is_strong && !id.is_empty() => ("push id", id.as_bytes()),
            _ => ("push body", push.body().as_ref()),
        };
        let digest = self.keys.hash(label, &[desk.name.as_bytes(), known]);
        match self.queue.put(desk, digest, rows, now).await {
            Ok(Taken::New) => ("accepted", reply),
            Ok(Taken::Repeated) => ("repeated", reply),
            Err(Refused::Full) => ("full", later(false)),
            Err(Refused::Failed) => ("failed", later(false)),
        }
    }
}

/// What is to be done about a push. Of one that cannot be believed, its numbers are asked for.
fn rows(pushed: &Pushed, body: &[u8], is_strong: bool) -> Result<Vec<(Kind, Bytes)>, Error> {
    let mut rows = Vec::new();
    let mut numbers: Vec<_> = pushed.poll.iter().collect();
    if !is_strong {
        numbers.extend(pushed.reports.iter().map(|report| &report.number));
    } else if !pushed.reports.is_empty() {
        let defect = |_| Error::new(ErrorKind::Internal, "a push cannot be written down");
        let news = encode_news(&pushed.reports, body).map_err(defect)?;
        rows.push((Kind::News, news));
    }
    numbers.sort_unstable();
    numbers.dedup();
    rows.extend(
        numbers
            .into_iter()
            .map(|number| (Kind::Poll, encode_poll(number))),
    );
    Ok(rows)
}

/// What a push is answered that is not understood.
fn refuse(desk: &Desk, error: &Error) -> (&'static str, Reply) {
    let (source, reason) = (desk.name.as_str(), error.message.as_str());
    match error.kind {
        ErrorKind::Denied => {
            tracing::debug!(source, reason, "a push was refused");
            ("denied", plain(StatusCode::UNAUTHORIZED))
        }
        ErrorKind::Malformed
        | ErrorKind::Unsupported
        | ErrorKind::NotFound
        | ErrorKind::InvalidQuery
        | ErrorKind::HintRequired => {
            // The sender can do nothing about it, and to send it again would change nothing.
            tracing::warn!(source, reason, "a push was not understood");
            ("not_understood", plain(StatusCode::OK))
        }
        ErrorKind::Throttled
        | ErrorKind::Timeout
        | ErrorKind::Unavailable
        | ErrorKind::Tripped
        | ErrorKind::Overloaded
        | ErrorKind::Internal => {
            tracing::warn!(source, reason, "a push could not be looked at");
            ("failed", later(false))
        }
    }
}

fn plain(status: StatusCode) -> Reply {
    let mut reply = Response::new(Full::default());
    *reply.status_mut() = status;
    reply
}

/// An answer before the request was read, which nobody wants to read any more.
fn closing(status: StatusCode) -> Reply {
    let mut reply = plain(status);
    let close = HeaderValue::from_static("close");
    reply.headers_mut().insert(CONNECTION, close);
    reply
}

fn later(unread: bool) -> Reply {
    let status = StatusCode::SERVICE_UNAVAILABLE;
    let mut reply = if unread {
        closing(status)
    } else {
        plain(status)
    };
    reply.headers_mut().insert(RETRY_AFTER, RETRY);
    reply
}

/// Serves until `shutdown` resolves, and lets running requests end.
pub(super) async fn run(mut listener: TcpListener, door: Door, shutdown: impl Future<Output = ()>) {
    let connections = door.settings.connections;
    let free = Arc::new(Semaphore::new(connections));
    let door = Arc::new(door);
    let (gate, leaving) = watch::channel(false);
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut shutdown => break,
            accepted = Listener::accept(&mut listener) => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                pause_after(&error).await;
                continue;
            }
        };
        match Arc::clone(&free).try_acquire_owned() {
            Ok(permit) => {
                let serving = serve(stream, Arc::clone(&door), leaving.clone());
                tasks::spawn("push-connection", async move {
                    serving.await;
                    drop(permit);
                });
            }
            Err(_) => {
                metrics::counter!("waybill_connections_refused_total", "limit" => "push")
                    .increment(1);
            }
        }
    }
    drop(listener);
    gate.send_replace(true);
    let all = u32::try_from(connections).unwrap_or(u32::MAX);
    // Each connection ends by itself in this time.
    let _ended = timeout(GRACE * 2, free.acquire_many(all)).await;
}

async fn serve(stream: TcpStream, door: Arc<Door>, mut leaving: watch::Receiver<bool>) {
    let head_timeout = door.settings.head_timeout.0;
    let service = service_fn(move |request| {
        let door = Arc::clone(&door);
        async move { Ok::<_, Infallible>(door.answer(request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head_timeout)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        _ = leaving.changed() => {
            connection.as_mut().graceful_shutdown();
            timeout(GRACE, connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection of a sender failed");
    }
}
