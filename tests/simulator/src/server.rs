//! Owns listening, connections and how they end. Knows nothing of carriers, faults or paths.

use std::convert::Infallible;
use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};

use crate::body::Answered;

/// Answers requests.
pub(crate) trait Exchange: Send + Sync + 'static {
    fn exchange(
        &self,
        request: Request<Incoming>,
    ) -> impl Future<Output = Result<Response<Answered>, Reset>> + Send;
}

/// Ends the connection with a TCP reset instead of an answer.
#[derive(Debug)]
pub(crate) struct Reset;

impl fmt::Display for Reset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("connection reset on command")
    }
}

impl StdError for Reset {}

/// Connection counts.
#[derive(Default)]
pub(crate) struct Connections {
    open: AtomicUsize,
    accepted: AtomicU64,
}

impl Connections {
    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::Acquire)
    }

    pub(crate) fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Acquire)
    }
}

struct Counted(Arc<Connections>);

impl Counted {
    fn new(connections: &Arc<Connections>) -> Self {
        connections.open.fetch_add(1, Ordering::AcqRel);
        connections.accepted.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(connections))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::AcqRel);
    }
}

enum Command {
    Down(oneshot::Sender<Infallible>),
    Up(oneshot::Sender<io::Result<()>>),
}

/// Opens and closes a listener while its server runs.
#[derive(Clone)]
pub(crate) struct Gate(mpsc::Sender<Command>);

impl Gate {
    /// Returns once new connections are refused and the open ones are closed.
    pub(crate) async fn down(&self) {
        let (done, closed) = oneshot::channel();
        if self.0.send(Command::Down(done)).await.is_ok() {
            // The other end is dropped when the work is done.
            let _ = closed.await;
        }
    }

    /// Returns once connections are accepted again.
    pub(crate) async fn up(&self) -> io::Result<()> {
        let (done, opened) = oneshot::channel();
        let stopped = || io::Error::other("simulator has stopped");
        self.0
            .send(Command::Up(done))
            .await
            .map_err(|_| stopped())?;
        opened.await.map_err(|_| stopped())?
    }
}

/// A running server; it and its connections end when this is dropped.
pub(crate) struct Running(JoinHandle<()>);

impl Running {
    /// Ends the server and returns once its port is free.
    pub(crate) async fn stop(mut self) {
        self.0.abort();
        // A cancelled task is the expected outcome.
        let _ = (&mut self.0).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Binds a loopback port; 0 lets the system choose.
pub(crate) async fn bind(port: u16) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Serves a bound listener.
pub(crate) fn spawn(
    (listener, address): (TcpListener, SocketAddr),
    exchange: Arc<impl Exchange>,
    connections: Arc<Connections>,
) -> (Gate, Running) {
    let (sender, commands) = mpsc::channel(1);
    let running = tokio::spawn(accept(listener, address, commands, exchange, connections));
    (Gate(sender), Running(running))
}

async fn accept(
    listener: TcpListener,
    address: SocketAddr,
    mut commands: mpsc::Receiver<Command>,
    exchange: Arc<impl Exchange>,
    connections: Arc<Connections>,
) {
    let mut listener = Some(listener);
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            Some(command) = commands.recv() => match command {
                Command::Down(done) => {
                    listener = None;
                    open.shutdown().await;
                    drop(done);
                }
                Command::Up(done) => {
                    let _ = done.send(reopen(&mut listener, address).await);
                }
            },
            stream = next(listener.as_ref()) => {
                // A failed accept concerns one connection that the peer gave up.
                if let Ok(stream) = stream {
                    let counted = Counted::new(&connections);
                    let exchange = Arc::clone(&exchange);
                    open.spawn(async move {
                        connection(stream, exchange).await;
                        drop(counted);
                    });
                }
            }
            Some(_) = open.join_next(), if !open.is_empty() => {}
        }
    }
}

async fn reopen(listener: &mut Option<TcpListener>, address: SocketAddr) -> io::Result<()> {
    if listener.is_none() {
        *listener = Some(TcpListener::bind(address).await?);
    }
    Ok(())
}

async fn next(listener: Option<&TcpListener>) -> io::Result<TcpStream> {
    match listener {
        Some(listener) => Ok(listener.accept().await?.0),
        None => std::future::pending().await,
    }
}

async fn connection(stream: TcpStream, exchange: Arc<impl Exchange>) {
    // Small answers must not wait for acknowledgements when latency is measured.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let exchange = Arc::clone(&exchange);
        async move { exchange.exchange(request).await }
    });
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let ended = Pin::new(&mut connection).await;
    if let Err(error) = ended
        && error.source().is_some_and(<dyn StdError>::is::<Reset>)
    {
        // With this set, dropping the socket sends a reset instead of an orderly end.
        let _ = connection.into_parts().io.into_inner().set_zero_linger();
    }
}
