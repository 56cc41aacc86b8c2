//! The API: one file per service, [`convert`] for values, [`status`] for failures, and [`front`]
//! before everything.

mod added;
pub mod admin;
pub mod analytics;
mod beside;
mod bundle;
pub mod carrier;
pub mod convert;
mod evidence;
mod exception;
mod fleet;
pub mod follow;
pub mod front;
pub mod ingest;
mod keys;
pub mod operations;
mod parse;
pub mod privacy;
mod redact;
pub mod reply;
mod seen;
pub mod status;
mod stream;
pub mod tracking;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tonic::service::Routes;

use crate::config::Calls;
use crate::quota::Quotas;
use crate::server::Load;
use crate::v1::analytics_service_server::AnalyticsServiceServer;
use crate::v1::carrier_service_server::CarrierServiceServer;
use crate::v1::ingest_service_server::IngestServiceServer;
use crate::v1::tracking_service_server::TrackingServiceServer;

/// How a server takes its leave.
#[derive(Clone)]
pub struct Exit {
    /// Turns true when nobody is to come any more; calls are still taken.
    pub retire: watch::Receiver<bool>,
    /// Turns true when no more calls are taken.
    pub drain: watch::Receiver<bool>,
    /// Time for running calls from then on.
    pub finish: Duration,
}

/// Puts the services together. Reflection is served in both versions, because clients exist that
/// speak only one of them.
///
/// # Errors
/// If the compiled descriptors cannot be read, which a test rules out.
#[expect(clippy::too_many_arguments, reason = "each of them is made elsewhere")]
pub fn service(
    auth: crate::auth::Auth,
    quotas: Option<Quotas>,
    tracking: tracking::Tracking,
    carriers: carrier::Carriers,
    analytics: analytics::Analytics,
    ingest: ingest::Ingest,
    calls: &Calls,
    reflection: bool,
    load: Arc<Load>,
    exit: Exit,
) -> Result<front::Front, String> {
    let (health, health_service) = tonic_health::server::health_reporter();
    spawn_health(health, exit.retire.clone());
    // Only a batch may be larger than another request; its own check is in the front.
    let tracking_service = TrackingServiceServer::new(tracking.clone())
        .max_decoding_message_size(calls.batch_bytes)
        .max_encoding_message_size(calls.response_bytes);
    let carrier_service = CarrierServiceServer::new(carriers)
        .max_decoding_message_size(calls.request_bytes)
        .max_encoding_message_size(calls.response_bytes);
    let analytics_service = AnalyticsServiceServer::new(analytics)
        .max_decoding_message_size(calls.request_bytes)
        .max_encoding_message_size(calls.response_bytes);
    let ingest_service = IngestServiceServer::new(ingest)
        .max_decoding_message_size(calls.batch_bytes)
        .max_encoding_message_size(calls.response_bytes);
    let mut routes = Routes::new(health_service);
    routes = routes
        .add_service(tracking_service)
        .add_service(carrier_service)
        .add_service(analytics_service)
        .add_service(ingest_service);
    if reflection {
        let builder = || {
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(crate::v1::DESCRIPTORS)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        };
        let v1 = builder().build_v1().map_err(|error| error.to_string())?;
        let v1alpha = builder()
            .build_v1alpha()
            .map_err(|error| error.to_string())?;
        routes = routes.add_service(v1).add_service(v1alpha);
    }
    let routes = routes.prepare();
    Ok(front::Front::new(
        auth, quotas, tracking, routes, load, exit,
    ))
}

/// Reports the services as serving until the server is about to go.
fn spawn_health(health: tonic_health::server::HealthReporter, mut retire: watch::Receiver<bool>) {
    crate::tasks::spawn("health", async move {
        health
            .set_serving::<TrackingServiceServer<tracking::Tracking>>()
            .await;
        health
            .set_serving::<CarrierServiceServer<carrier::Carriers>>()
            .await;
        health
            .set_serving::<AnalyticsServiceServer<analytics::Analytics>>()
            .await;
        health
            .set_serving::<IngestServiceServer<ingest::Ingest>>()
            .await;
        crate::watch::told(&mut retire).await;
        health
            .set_not_serving::<TrackingServiceServer<tracking::Tracking>>()
            .await;
        health
            .set_not_serving::<CarrierServiceServer<carrier::Carriers>>()
            .await;
        health
            .set_not_serving::<AnalyticsServiceServer<analytics::Analytics>>()
            .await;
        health
            .set_not_serving::<IngestServiceServer<ingest::Ingest>>()
            .await;
        health
            .set_service_status("", tonic_health::ServingStatus::NotServing)
            .await;
    });
}
