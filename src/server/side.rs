//! The side port: health for orchestrators and metrics for scrapers. It serves people who run the
//! gateway, never callers, and touches no dependency to answer.

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;
use serde::Serialize;
use tokio::net::TcpListener;

use crate::telemetry;

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

/// Serves `/livez`, `/readyz` and `/metrics` until `shutdown` resolves. It should resolve after
/// the drain of the front door, so that probes see the drain.
///
/// # Errors
/// Those of the listener.
pub async fn serve_side(
    listener: TcpListener,
    side: Side,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let upkeep = telemetry::upkeep(side.metrics.clone());
    let router = Router::new()
        .route("/livez", get(async || "ok"))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(side);
    // Not axum's graceful shutdown: it waits for a peer that keeps an idle connection.
    tokio::select! {
        served = async { axum::serve(listener, router).await } => served,
        () = upkeep => Ok(()),
        () = shutdown => Ok(()),
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
