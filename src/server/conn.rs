//! The life of one connection: preface, first request, age, grace.
//!
//! **Invariant:** each stage has a deadline, so a peer that goes silent at any point loses the
//! connection; hyper by itself would wait for a preface for ever, even when told to shut down.

use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::{TowerToHyperService, TowerToHyperServiceFuture};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::{Peer, Settings};
use crate::tasks;

/// Length of the HTTP/2 client preface.
const PREFACE: usize = 24;
/// Resets by the peer that may wait to be noticed (rapid reset, CVE-2023-44487).
const PENDING_RESETS: usize = 20;
/// Resets that a peer's malformed frames may cause (RUSTSEC-2024-0003).
const ERROR_RESETS: usize = 256;
const HEADER_LIST: u32 = 16 * 1024;
const FRAME: u32 = 16 * 1024;
/// Requests are small; a stream that is not read must not pile up.
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// Bounds what a stalled reader costs.
const SEND_BUFFER: usize = 64 * 1024;

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

pub(super) async fn serve<I, S, B>(
    io: I,
    client: Option<Arc<Peer>>,
    service: S,
    settings: Arc<Settings>,
    mut gate: watch::Receiver<Gate>,
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
    let io = TokioIo::new(Watched {
        io,
        missing: PREFACE,
        greeted: Arc::clone(&greeted),
    });
    let service = Noted {
        service: TowerToHyperService::new(service),
        client,
        asked: Arc::clone(&asked),
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
        .max_pending_accept_reset_streams(PENDING_RESETS)
        .max_local_error_reset_streams(ERROR_RESETS)
        .max_header_list_size(HEADER_LIST)
        .max_frame_size(FRAME)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
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

/// Notes that a request has come, and tells it whose connection it is.
struct Noted<S> {
    service: TowerToHyperService<S>,
    client: Option<Arc<Peer>>,
    asked: Arc<AtomicBool>,
}

impl<S> hyper::service::Service<Request<Incoming>> for Noted<S>
where
    S: tower::Service<Request<Incoming>> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = TowerToHyperServiceFuture<S, Request<Incoming>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        if let Some(client) = &self.client {
            request.extensions_mut().insert(Arc::clone(client));
        }
        self.asked.store(true, Ordering::Relaxed);
        self.service.call(request)
    }
}

/// Notes that as many bytes as a preface has have come. Whether they are one, hyper finds out.
struct Watched<I> {
    io: I,
    missing: usize,
    greeted: Arc<AtomicBool>,
}

impl<I: AsyncRead + Unpin> AsyncRead for Watched<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.missing == 0 {
            return Pin::new(&mut self.io).poll_read(cx, buf);
        }
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.io).poll_read(cx, buf);
        self.missing = self.missing.saturating_sub(buf.filled().len() - before);
        if self.missing == 0 {
            self.greeted.store(true, Ordering::Relaxed);
        }
        polled
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Watched<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
