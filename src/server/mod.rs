//! The front door: accepts connections, bounds them and takes leave of them.
//!
//! The caller owns the socket and says when to stop; the service is whatever tower service it
//! brings. Nothing here knows what a request means. Every connection has a deadline for its first
//! bytes, for its first request and for its whole life, and none can hold up a drain.

mod conn;
mod deadline;
mod forwarded;
mod load;
mod peer;
mod side;
mod slots;
mod tls;
mod watched;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use ipnet::IpNet;
use jiff::fmt::serde::unsigned_duration::friendly::compact::required as friendly;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tower::Service;

pub use self::deadline::parse_grpc_timeout;
pub use self::load::{Class, Load, LoadSettings, Running};
pub use self::peer::Peer;
pub use self::side::{Readiness, Side, serve_side};
pub use self::tls::{Port, Tls, TlsSettings};
use crate::tasks;
use conn::Gate;
use slots::Slots;

/// Bounds of the front door.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Connections at once; the next one is closed at once.
    pub connections: u32,
    /// Connections at once from one address.
    pub connections_per_address: u32,
    /// Connections at once that show credentials of one tenant.
    pub connections_per_principal: u32,
    /// Networks of proxies that pass bytes on and state the client's address first, with the PROXY
    /// protocol (version 1 or 2): a connection from there has to begin with it.
    pub trusted_proxies: Vec<IpNet>,
    /// Requests at once on one connection.
    pub streams_per_connection: u32,
    /// Greatest size of a request's headers in bytes, as HTTP/2 counts them.
    pub header_bytes: u32,
    /// Bytes that a client may send ahead on one stream.
    pub stream_window: u32,
    /// Bytes that a client may send ahead on all streams of a connection.
    pub connection_window: u32,
    /// Bytes that wait in one stream for its reader.
    pub send_buffer: u32,
    /// Resets by the client that may wait to be noticed; one more ends the connection.
    pub pending_resets: u32,
    /// Streams that the client's malformed frames may end; one more ends the connection.
    pub error_resets: u32,
    /// PING, SETTINGS, PRIORITY and unknown frames in 10 s, and one more for every 64 bytes that the
    /// client is sent; beyond, the connection is cut.
    pub control_frames: u32,
    /// Time from the connection to the whole HTTP/2 preface.
    #[serde(with = "friendly")]
    pub preface_timeout: Duration,
    /// Time from the connection to its first request.
    #[serde(with = "friendly")]
    pub first_request_timeout: Duration,
    /// Age at which a connection is told to go, give or take 10 %.
    #[serde(with = "friendly")]
    pub age: Duration,
    /// Time that its running requests get then.
    #[serde(with = "friendly")]
    pub grace: Duration,
    /// Silence after which the peer is asked whether it is there.
    #[serde(with = "friendly")]
    pub keep_alive: Duration,
    /// Time to answer that.
    #[serde(with = "friendly")]
    pub keep_alive_timeout: Duration,
    /// Time for connections to end after the server has stopped to listen; then they are cut.
    #[serde(with = "friendly")]
    pub drain: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            connections: 10_000,
            connections_per_address: 256,
            connections_per_principal: 1_000,
            trusted_proxies: Vec::new(),
            streams_per_connection: 100,
            header_bytes: 16 * 1_024,
            stream_window: 64 * 1_024,
            connection_window: 1_024 * 1_024,
            send_buffer: 64 * 1_024,
            pending_resets: 20,
            error_resets: 256,
            control_frames: 1_000,
            preface_timeout: Duration::from_secs(10),
            first_request_timeout: Duration::from_secs(60),
            age: Duration::from_secs(35 * 60),
            grace: Duration::from_secs(60),
            keep_alive: Duration::from_secs(30),
            keep_alive_timeout: Duration::from_secs(20),
            drain: Duration::from_secs(40),
        }
    }
}

impl Settings {
    fn is_proxy(&self, address: IpAddr) -> bool {
        let mut proxies = self.trusted_proxies.iter();
        proxies.any(|network| network.contains(&address))
    }
}

/// Where connections come from.
pub trait Listener: Send {
    /// A connection.
    type Io: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// Waits for the next connection and says whose it is. Dropping the future loses nothing.
    fn accept(&mut self) -> impl Future<Output = io::Result<(Self::Io, SocketAddr)>> + Send;

    /// Certificates, if its connections are by TLS.
    fn tls(&self) -> Option<Tls> {
        None
    }
}

impl Listener for TcpListener {
    type Io = tokio::net::TcpStream;

    async fn accept(&mut self) -> io::Result<(Self::Io, SocketAddr)> {
        let (stream, peer) = Self::accept(self).await?;
        // It fails only on a socket that is already dead, and then the first read says so.
        let _ = stream.set_nodelay(true);
        Ok((stream, peer))
    }
}

/// How a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Connections that were open when the signal came.
    pub open: u32,
    /// Those of them that had not ended in time and were cut.
    pub cut: u32,
}

/// Serves HTTP/2 (by TLS, or with prior knowledge) until `shutdown` resolves, then drains.
/// Dropping the future cuts every connection.
pub async fn run<L, S, B>(
    mut listener: L,
    service: S,
    settings: Settings,
    shutdown: impl Future<Output = ()>,
) -> Drained
where
    L: Listener,
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    S::Future: Send + 'static,
    B: Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
{
    let settings = Arc::new(settings);
    let slots = Slots::new(&settings);
    let (gate, entry) = watch::channel(Gate::Open);
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut shutdown => break,
            accepted = listener.accept() => accepted,
        };
        let (io, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                pause_after(&error).await;
                continue;
            }
        };
        let Some(slot) = slots.take() else {
            metrics::counter!("waybill_connections_refused_total", "limit" => "total").increment(1);
            continue;
        };
        let serving = conn::take_in(
            io,
            peer.ip().to_canonical(),
            listener.tls(),
            service.clone(),
            Arc::clone(&settings),
            Arc::clone(&slots),
            entry.clone(),
        );
        tasks::spawn("connection", async move {
            serving.await;
            drop(slot);
        });
    }
    drop(listener);
    let open = slots.taken();
    tracing::info!(open, "draining connections");
    gate.send_replace(Gate::Draining);
    let ended = tokio::time::timeout(settings.drain, slots.all_free()).await;
    let cut = if ended.is_ok() { 0 } else { slots.taken() };
    gate.send_replace(Gate::Shut);
    tracing::info!(open, cut, "drained connections");
    Drained { open, cut }
}

/// A peer that left while it waited is its own matter; without file handles, wait for some.
pub(crate) async fn pause_after(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if !matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    ) {
        tracing::warn!(%error, "cannot accept connections");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
