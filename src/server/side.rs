//! The side port: health for orchestrators and metrics for scrapers. It serves people who run the
//! gateway, never callers, and touches no dependency to answer.
//!
//! axum routes, but does not accept: its own server has no deadline for a request head, no
//! connection limit, and a graceful shutdown that waits for idle peers.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use metrics_exporter_prometheus::PrometheusHandle;
use serde::Serialize;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::{Listener, pause_after};
use crate::{tasks, telemetry};

/// Connections at once.
const CONNECTIONS: usize = 64;
/// Time for a request head, and for an idle connection.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// Whether the gateway should get traffic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Readiness {
    /// It is up and not draining.
    pub ready: bool,
    /// Parts that are not working; an answer without them is worse, but still an answer.
    pub degraded: Vec<String>,
}

/// What the side port shows.
#[derive(Clone)]
pub struct Side {
    /// Asked for each probe.
    pub readiness: Arc<dyn Fn() -> Readiness + Send + Sync>,
    /// From [`telemetry::metrics_handle`].
    pub metrics: PrometheusHandle,
}

/// Serves `/livez`, `/readyz` and `/metrics` until `shutdown` resolves, which should be after the
/// drain of the front door, so that probes see the drain.
pub async fn serve_side(listener: TcpListener, side: Side, shutdown: impl Future<Output = ()>) {
    let upkeep = telemetry::upkeep(side.metrics.clone());
    let router = Router::new()
        .route("/livez", get(async || "ok"))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(side);
    tokio::select! {
        () = accept(listener, router) => {}
        () = upkeep => {}
        () = shutdown => {}
    }
}

async fn accept(mut listener: TcpListener, router: Router) {
    let free = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let stream = match Listener::accept(&mut listener).await {
            Ok((stream, _)) => stream,
            Err(error) => {
                pause_after(&error).await;
                continue;
            }
        };
        if let Ok(permit) = Arc::clone(&free).try_acquire_owned() {
            let serving = serve(stream, router.clone());
            tasks::spawn("side", async move {
                serving.await;
                drop(permit);
            });
        }
    }
}

async fn serve<I>(stream: I, router: Router)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    if let Err(error) = served.await {
        tracing::debug!(%error, "side connection failed");
    }
}

async fn readyz(State(side): State<Side>) -> Response {
    let readiness = (side.readiness)();
    let status = if readiness.ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    match serde_json::to_vec(&readiness) {
        Ok(body) => (status, [(header::CONTENT_TYPE, "application/json")], body).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn metrics(State(side): State<Side>) -> Response {
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], side.metrics.render()).into_response()
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_head_that_never_ends_and_an_idle_connection_are_closed_after_ten_seconds() {
        for sent in [
            &b""[..],
            b"GET /livez HTTP/1.1\r\nho",
            b"GET /livez HTTP/1.1\r\nhost: side\r\n\r\n",
        ] {
            let (mut ours, theirs) = tokio::io::duplex(4096);
            let router = Router::new().route("/livez", get(async || "ok"));
            let start = Instant::now();
            ours.write_all(sent).await.unwrap();
            let mut answer = Vec::new();
            let (_, read) = tokio::join!(serve(theirs, router), ours.read_to_end(&mut answer));
            read.unwrap();
            let seconds = start.elapsed().as_secs();
            assert_eq!(seconds, 10, "{:?}", String::from_utf8_lossy(&answer));
        }
    }
}
