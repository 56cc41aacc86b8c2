//! The life of one connection: preface, first request, age, grace.
//!
//! **Invariant:** each stage has a deadline, so a peer that goes silent at any point loses the
//! connection; hyper by itself would wait for a preface for ever, even when told to shut down.

use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::{TowerToHyperService, TowerToHyperServiceFuture};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::peer::Peer;
use super::slots::Slots;
use super::tls::Tls;
use super::watched::Watched;
use super::{Settings, forwarded};
use crate::tasks;

/// The least that HTTP/2 allows: small messages gain nothing from larger frames.
const FRAME: u32 = 16 * 1024;

/// What the server wants of its connections.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Gate {
    /// Serve.
    Open,
    /// Finish what is running and go.
    Draining,
    /// Go.
    Shut,
}

#[derive(Clone, Copy)]
enum Stage {
    Preface,
    FirstRequest,
    Serving,
    Closing,
}

/// Takes a connection in: finds out whose it is, counts it for its address, and serves it.
pub(super) async fn take_in<I, S, B>(
    mut io: I,
    from: IpAddr,
    tls: Option<Tls>,
    service: S,
    settings: Arc<Settings>,
    slots: Arc<Slots>,
    mut gate: watch::Receiver<Gate>,
) where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: tower::Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    S::Future: Send + 'static,
    B: Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
{
    let patience = Instant::now() + settings.preface_timeout;
    let mut address = from;
    if settings.is_proxy(from) {
        let header = tokio::select! {
            header = timeout_at(patience, forwarded::read(&mut io)) => header,
            _ = gate.changed() => return,
        };
        match header {
            Ok(Ok(Some(client))) => address = client.to_canonical(),
            Ok(Ok(None)) => {}
            Ok(Err(_)) | Err(_) => {
                tracing::debug!("connection of a proxy without a PROXY header closed");
                return;
            }
        }
    }
    let Some(_counted) = slots.take_for(address) else {
        metrics::counter!("waybill_connections_refused_total", "limit" => "address").increment(1);
        return;
    };
    let (leave, leaving) = watch::channel(false);
    let principals = Arc::clone(&slots.principals);
    let Some(tls) = tls else {
        let peer = Peer::new(address, leaving, principals, None);
        return serve(io, service, settings, gate, peer, leave).await;
    };
    let shaken = tokio::select! {
        shaken = timeout_at(patience, tls.accept(io)) => shaken,
        _ = gate.changed() => return,
    };
    match shaken {
        Ok(Ok((io, client))) => {
            let peer = Peer::new(address, leaving, principals, client);
            Box::pin(serve(io, service, settings, gate, peer, leave)).await;
        }
        Ok(Err(_)) | Err(_) => {
            metrics::counter!("waybill_tls_handshakes_failed_total").increment(1);
            tracing::debug!("connection closed: no TLS hand-shake");
        }
    }
}

async fn serve<I, S, B>(
    io: I,
    service: S,
    settings: Arc<Settings>,
    mut gate: watch::Receiver<Gate>,
    peer: Peer,
    leave: watch::Sender<bool>,
) where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: tower::Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    S::Future: Send + 'static,
    B: Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
{
    let born = Instant::now();
    let greeted = Arc::new(AtomicBool::new(false));
    let asked = Arc::new(AtomicBool::new(false));
    let io = TokioIo::new(Watched::new(
        io,
        Arc::clone(&greeted),
        settings.control_frames,
    ));
    let service = Noted {
        service: TowerToHyperService::new(service),
        asked: Arc::clone(&asked),
        peer,
    };
    let mut connection = pin!(protocol(&settings).serve_connection(io, service));
    let mut stage = Stage::Preface;
    let mut timer = pin!(sleep_until(born + settings.preface_timeout));
    loop {
        tokio::select! {
            biased;
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "connection failed");
                }
                return;
            }
            () = timer.as_mut() => {
                let (next, at) = match stage {
                    Stage::Preface if !greeted.load(Ordering::Relaxed) => {
                        tracing::debug!("connection without a preface closed");
                        return;
                    }
                    Stage::Preface => {
                        (Stage::FirstRequest, born + settings.first_request_timeout)
                    }
                    Stage::FirstRequest if asked.load(Ordering::Relaxed) => {
                        (Stage::Serving, born + jittered(settings.age))
                    }
                    // Nothing is running, so a short grace does.
                    Stage::FirstRequest => {
                        connection.as_mut().graceful_shutdown();
                        (Stage::Closing, Instant::now() + settings.preface_timeout)
                    }
                    Stage::Serving => {
                        connection.as_mut().graceful_shutdown();
                        leave.send_replace(true);
                        (Stage::Closing, Instant::now() + settings.grace)
                    }
                    Stage::Closing => {
                        tracing::debug!("connection cut after its grace");
                        return;
                    }
                };
                stage = next;
                timer.as_mut().reset(at);
            }
            changed = gate.changed() => {
                let draining = *gate.borrow_and_update() == Gate::Draining;
                if changed.is_err() || !draining || !greeted.load(Ordering::Relaxed) {
                    return;
                }
                if !matches!(stage, Stage::Closing) {
                    connection.as_mut().graceful_shutdown();
                    stage = Stage::Closing;
                    timer.as_mut().reset(Instant::now() + settings.grace);
                }
            }
        }
    }
}

fn protocol(settings: &Settings) -> http2::Builder<Tasks> {
    let mut protocol = http2::Builder::new(Tasks);
    protocol
        .timer(TokioTimer::new())
        .max_concurrent_streams(settings.streams_per_connection)
        .max_pending_accept_reset_streams(settings.pending_resets as usize)
        .max_local_error_reset_streams(settings.error_resets as usize)
        .max_header_list_size(settings.header_bytes)
        .max_frame_size(FRAME)
        .initial_stream_window_size(settings.stream_window)
        .initial_connection_window_size(settings.connection_window)
        .max_send_buf_size(settings.send_buffer as usize)
        .keep_alive_interval(settings.keep_alive)
        .keep_alive_timeout(settings.keep_alive_timeout)
        .auto_date_header(false);
    protocol
}

/// Spreads the ages, so that clients which came together do not leave together.
fn jittered(age: std::time::Duration) -> std::time::Duration {
    age.mul_f64(rand::random_range(0.9..=1.1))
}

/// Runs each request where a panic is counted.
#[derive(Clone, Copy)]
struct Tasks;

impl<F> hyper::rt::Executor<F> for Tasks
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, work: F) {
        tasks::spawn("request", work);
    }
}

/// Notes that a request has come, and gives it its connection.
struct Noted<S> {
    service: TowerToHyperService<S>,
    asked: Arc<AtomicBool>,
    peer: Peer,
}

impl<S> hyper::service::Service<Request<Incoming>> for Noted<S>
where
    S: tower::Service<Request<Incoming>> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = TowerToHyperServiceFuture<S, Request<Incoming>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        request.extensions_mut().insert(self.peer.clone());
        self.asked.store(true, Ordering::Relaxed);
        self.service.call(request)
    }
}
