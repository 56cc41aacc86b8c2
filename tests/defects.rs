//! What a client sees of a gateway that has a defect, hangs, or is about to stop.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests"
)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use common::{client, track, trailers};
use tokio::sync::watch;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_types::StatusExt;
use waybill::app;
use waybill::audit::Audit;
use waybill::auth::Auth;
use waybill::cache::memory::MemoryCache;
use waybill::chance::Chance;
use waybill::clock::Clock;
use waybill::config::{Calls, Config};
use waybill::evidence::Evidence;
use waybill::grpc::analytics::Analytics;
use waybill::grpc::carrier::Carriers;
use waybill::grpc::follow::Streams;
use waybill::grpc::ingest::Ingest;
use waybill::grpc::tracking::Tracking;
use waybill::kpi::Kpis;
use waybill::pipeline::{Parts, Pipeline};
use waybill::server;
use waybill::store::memory::MemoryStore;
use waybill::store::seal::Keys;
use waybill::store::{
    Bell, Commit, CommitError, Erasure, Head, Note, NoteKey, OverlayCommit, Page, Place, Store,
    StoreError, Stored,
};
use waybill::texts::Texts;
use waybill::v1::{self, ErrorReason, batch_track_response, batch_track_result};
use waybill::watch::Hub;
use waybill::watch::token::Secrets;
use waybill_core::adapter::BoxFuture;
use waybill_core::order::Subject;
use waybill_core::overlay::Overlay;
use waybill_core::shipment::ShipmentId;

const PANICS: &str = "SANDBOXDELIVERED";
const HANGS: &str = "SANDBOXMOVING";
const WORKS: &str = "SANDBOXINTRANSIT";
/// Ids of the shipments that the store cannot load.
const PANICKING_ID: &str = "pppppppppppppppppppppppppp";
const HANGING_ID: &str = "hhhhhhhhhhhhhhhhhhhhhhhhhh";

/// A store with a defect.
struct Broken(MemoryStore);

impl Store for Broken {
    fn find<'a>(
        &'a self,
        subject: &'a Subject,
    ) -> BoxFuture<'a, Result<Vec<ShipmentId>, StoreError>> {
        let Subject::Number(number) = subject else {
            return self.0.find(subject);
        };
        match number.reveal() {
            PANICS => panic!("on purpose"),
            HANGS => Box::pin(std::future::pending()),
            _ => self.0.find(subject),
        }
    }

    fn load_stored<'a>(
        &'a self,
        id: &'a ShipmentId,
    ) -> BoxFuture<'a, Result<Option<Arc<Stored>>, StoreError>> {
        match id.0.as_str() {
            PANICKING_ID => panic!("on purpose"),
            HANGING_ID => Box::pin(std::future::pending()),
            _ => self.0.load(id),
        }
    }

    fn commit(&self, commit: Commit) -> BoxFuture<'_, Result<u64, CommitError>> {
        self.0.commit(commit)
    }

    fn heads(&self) -> BoxFuture<'_, Result<Vec<Head>, StoreError>> {
        self.0.heads()
    }

    fn changes(
        &self,
        partition: u16,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'_, Result<Page, StoreError>> {
        self.0.changes(partition, after, limit)
    }

    fn bell(&self) -> &Bell {
        self.0.bell()
    }

    fn registered<'a>(
        &'a self,
        tenant: &'a str,
        after: Option<Place>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Place>, StoreError>> {
        self.0.registered(tenant, after, limit)
    }

    fn tenants(&self) -> BoxFuture<'_, Result<Vec<String>, StoreError>> {
        self.0.tenants()
    }

    fn overlay<'a>(
        &'a self,
        tenant: &'a str,
        id: &'a ShipmentId,
    ) -> BoxFuture<'a, Result<Option<Arc<Overlay>>, StoreError>> {
        self.0.overlay(tenant, id)
    }

    fn overlays<'a>(
        &'a self,
        id: &'a ShipmentId,
    ) -> BoxFuture<'a, Result<Vec<(String, Arc<Overlay>)>, StoreError>> {
        self.0.overlays(id)
    }

    fn commit_overlay(&self, commit: OverlayCommit) -> BoxFuture<'_, Result<(), CommitError>> {
        self.0.commit_overlay(commit)
    }

    fn erase(&self, erasure: Erasure) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.0.erase(erasure)
    }

    fn all<'a>(
        &'a self,
        after: Option<&'a ShipmentId>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<ShipmentId>, StoreError>> {
        self.0.all(after, limit)
    }

    fn notes<'a>(
        &'a self,
        keys: &'a [NoteKey],
    ) -> BoxFuture<'a, Result<Vec<Option<Note>>, StoreError>> {
        self.0.notes(keys)
    }

    fn keep(&self, notes: Vec<(NoteKey, Note)>) -> BoxFuture<'_, Result<Vec<bool>, StoreError>> {
        self.0.keep(notes)
    }
}

/// A gateway with the sandbox over such a store; `draining` as if it were about to stop. A call
/// that states no deadline gets this many milliseconds: a client that states one keeps it itself.
async fn gateway(draining: bool, deadline: u64) -> SocketAddr {
    waybill::http::install_crypto();
    let mut config = Config::default();
    config.calls.default_deadline = common::span(deadline);
    config
        .sources
        .insert("sandbox".to_owned(), toml::Table::new());
    let clock = Clock::system();
    let keys = Arc::new(Keys::random().unwrap());
    let kpis = Kpis::start(&config.kpi, None, &keys).unwrap();
    let analytics = Analytics::new(kpis.clone(), 1.0, clock.clone());
    let store: Arc<dyn Store> = Arc::new(Broken(MemoryStore::new(1_000)));
    let evidence = Evidence::start(&config.evidence, None, &keys, Arc::clone(&store)).unwrap();
    let pipeline = Pipeline::new(Parts {
        audit: Audit::new(None, Arc::clone(&keys)),
        barred_for: config.privacy.barred.0,
        evidence,
        sources: app::sources(&config, common::registry(), &clock).unwrap(),
        store,
        keys,
        cache: Arc::new(MemoryCache::new(1_000_000, clock.clone())),
        policy: config.freshness,
        patience: config.calls.patience.0,
        routing: waybill::config::Routing::default(),
        clock,
        hub: Arc::new(Hub::default()),
        kpis: kpis.clone(),
        has_tenants: false,
    });
    let (drain, drained) = watch::channel(draining);
    let calls = Arc::new(Calls::from(&config.calls));
    let streams = Streams::new(
        &config.streams,
        &calls,
        "test",
        Secrets::new([[7; 32]]),
        drained.clone(),
        Chance::default(),
    );
    let texts = Arc::new(Texts::load(Path::new(""), common::registry()).unwrap());
    let ingest = Ingest::new(pipeline.clone(), Arc::clone(&calls));
    let tracking = Tracking::new(
        pipeline.clone(),
        Arc::clone(&calls),
        streams,
        Arc::clone(&texts),
    );
    let carriers = Carriers::new(common::registry(), pipeline, texts);
    let http = waybill::http::Client::new(&config.http).unwrap();
    let (auth, _) = Auth::start(&config.auth, &(Arc::new(http) as _), Clock::system())
        .await
        .unwrap();
    let exit = waybill::grpc::Exit {
        retire: drained.clone(),
        drain: drained,
        finish: config.drain.calls.0,
    };
    let load = server::Load::new(&config.load);
    let front = waybill::grpc::service(
        auth, None, tracking, carriers, analytics, ingest, &calls, true, load, exit,
    )
    .unwrap();
    let listener = tokio::net::TcpListener::bind(common::ANY).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let _open = drain;
        let settings = server::Settings::default();
        server::run(listener, front, settings, std::future::pending()).await;
    });
    address
}

fn get(id: &str) -> v1::GetShipmentRequest {
    v1::GetShipmentRequest {
        id: id.to_owned(),
        ..Default::default()
    }
}

#[tokio::test]
async fn a_panic_is_an_internal_error_with_an_id_and_the_connection_lives() {
    let mut client = client(gateway(false, 5_000).await).await;
    let tracked = client.track(track(PANICS)).await.unwrap_err();
    let got = client.get_shipment(get(PANICKING_ID)).await.unwrap_err();
    let mut seen = BTreeSet::new();
    for status in [tracked, got] {
        assert_eq!(status.code(), Code::Internal, "{status:?}");
        assert_eq!(trailers(&status), ("INTERNAL".to_owned(), None));
        assert!(!status.message().contains("purpose"), "{status:?}");
        let details = status.get_error_details();
        let id = details.error_info().unwrap().metadata["request_id"].clone();
        assert!(seen.insert(id), "every failure has an id of its own");
    }
    let answer = client.track(track(WORKS)).await.unwrap().into_inner();
    assert_eq!(answer.outcomes.len(), 1);
}

#[tokio::test]
async fn every_method_keeps_its_deadline_when_the_store_hangs() {
    let mut client = client(gateway(false, 100).await).await;
    let tracked = client.track(track(HANGS)).await.unwrap_err();
    let got = client.get_shipment(get(HANGING_ID)).await.unwrap_err();
    for status in [tracked, got] {
        assert_eq!(status.code(), Code::DeadlineExceeded, "{status:?}");
        assert_eq!(trailers(&status).0, "DEADLINE");
    }
}

#[tokio::test]
async fn a_batch_has_every_result_and_the_totals_whatever_its_items_meet() {
    let mut client = client(gateway(false, 1_000).await).await;
    let items = [PANICS, HANGS, WORKS].map(|number| v1::BatchTrackItem {
        tracking_number: number.to_owned(),
        ..Default::default()
    });
    let request = v1::BatchTrackRequest {
        items: items.to_vec(),
        ..Default::default()
    };
    let mut stream = client.batch_track(request).await.unwrap().into_inner();
    let mut reasons = BTreeMap::new();
    let mut totals = None;
    while let Some(message) = stream.message().await.unwrap() {
        match message.message.unwrap() {
            batch_track_response::Message::Result(result) => {
                let reason = match result.outcome.unwrap() {
                    batch_track_result::Outcome::Response(_) => ErrorReason::Unspecified,
                    batch_track_result::Outcome::Error(problem) => problem.reason(),
                };
                assert_eq!(reasons.insert(result.index, reason), None);
            }
            batch_track_response::Message::Summary(summary) => totals = Some(summary),
        }
    }
    let expected = [
        ErrorReason::Internal,
        ErrorReason::Deadline,
        ErrorReason::Unspecified,
    ];
    assert!(reasons.into_values().eq(expected));
    let totals = totals.expect("the summary comes in every case");
    assert_eq!((totals.success_count, totals.error_count), (1, 2));
}

#[tokio::test]
async fn a_stream_that_panics_does_not_end_as_if_all_were_well() {
    let mut client = client(gateway(false, 5_000).await).await;
    let request = v1::FollowRequest {
        open: Some(v1::WatchOpen {
            target: Some(v1::watch_open::Target::Shipments(v1::WatchShipments {
                shipments: vec![v1::ShipmentKey {
                    key: Some(v1::shipment_key::Key::Id(PANICKING_ID.to_owned())),
                    ..Default::default()
                }],
            })),
            ..Default::default()
        }),
    };
    let mut stream = client.follow(request).await.unwrap().into_inner();
    let status = loop {
        match stream.message().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("it ended with OK"),
            Err(status) => break status,
        }
    };
    assert_eq!(status.code(), Code::Internal);
    assert_eq!(trailers(&status).0, "INTERNAL");
}

#[tokio::test]
async fn a_server_about_to_stop_refuses_calls_but_tells_its_health() {
    let address = gateway(true, 5_000).await;
    let mut client = client(address).await;
    let tracked = client.track(track(WORKS)).await.unwrap_err();
    let got = client.get_shipment(get(PANICKING_ID)).await.unwrap_err();
    for status in [tracked, got] {
        assert_eq!(status.code(), Code::Unavailable);
        let (reason, wait) = trailers(&status);
        assert_eq!(reason, "SERVER_DRAINING");
        assert!(wait.is_some());
        assert!(status.get_error_details().retry_info().is_some());
    }
    let mut health = HealthClient::new(common::channel(address).await);
    common::eventually("health says that it does not serve", async || {
        let request = HealthCheckRequest {
            service: "waybill.v1.TrackingService".to_owned(),
        };
        let answer = health.check(request).await.unwrap().into_inner();
        answer.status() == tonic_health::ServingStatus::NotServing.into()
    })
    .await;
}

#[tokio::test]
async fn a_request_that_never_ends_does_not_hold_its_call_open() {
    use tokio_stream::StreamExt;
    let address = gateway(false, 100).await;
    let channel = common::channel(address).await;
    let mut raw = tonic::client::Grpc::new(channel);
    raw.ready().await.unwrap();
    let codec = tonic_prost::ProstCodec::<v1::TrackRequest, v1::TrackResponse>::default();
    let path = http::uri::PathAndQuery::from_static("/waybill.v1.TrackingService/Track");
    let endless = tokio_stream::once(track(WORKS)).chain(tokio_stream::pending());
    let request = tonic::Request::new(endless);
    let call = raw.client_streaming(request, path, codec);
    let ended = tokio::time::timeout(Duration::from_secs(10), call).await;
    let status = ended.expect("the server gives up").unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
}

#[tokio::test]
async fn a_configuration_that_cannot_work_is_refused_by_name() {
    let start = async |change: fn(&mut Config)| {
        let mut config = Config::default();
        config.server.listen = common::ANY;
        config.server.side = common::ANY;
        change(&mut config);
        let started = app::start(config, common::registry(), Clock::system()).await;
        started.err().expect("it is refused")
    };
    let error = start(|config| config.streams.count = usize::MAX).await;
    assert!(error.starts_with("streams.count"), "{error}");
    let error = start(|config| config.calls.batch_items = 0).await;
    assert!(error.starts_with("calls.batch_items"), "{error}");
    let error = start(|config| config.streams.max_age.0 = Duration::MAX).await;
    assert!(error.starts_with("streams.max_age"), "{error}");
    let open = |config: &mut Config| config.server.listen = ([192, 0, 2, 1], 0).into();
    let error = start(open).await;
    assert!(error.starts_with("server.listen"), "{error}");
}

#[tokio::test]
async fn reflection_lists_the_services_in_both_versions_unless_it_is_off() {
    use tonic_reflection::pb::{v1 as now, v1alpha as before};
    let address = gateway(false, 5_000).await;
    let channel = common::channel(address).await;
    let mut client = now::server_reflection_client::ServerReflectionClient::new(channel.clone());
    let list = now::server_reflection_request::MessageRequest::ListServices(String::new());
    let request = || now::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(list.clone()),
    };
    let answer = client
        .server_reflection_info(tokio_stream::once(request()))
        .await;
    let answer = answer.unwrap().into_inner().message().await.unwrap();
    let Some(now::server_reflection_response::MessageResponse::ListServicesResponse(listed)) =
        answer.unwrap().message_response
    else {
        panic!("no list")
    };
    let names: BTreeSet<String> = listed.service.into_iter().map(|it| it.name).collect();
    for service in ["waybill.v1.TrackingService", "waybill.v1.CarrierService"] {
        assert!(names.contains(service), "{names:?}");
    }

    let mut client = before::server_reflection_client::ServerReflectionClient::new(channel);
    let list = before::server_reflection_request::MessageRequest::ListServices(String::new());
    let old = before::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(list),
    };
    let answer = client.server_reflection_info(tokio_stream::once(old)).await;
    let answer = answer.unwrap().into_inner().message().await.unwrap();
    let Some(before::server_reflection_response::MessageResponse::ListServicesResponse(listed)) =
        answer.unwrap().message_response
    else {
        panic!("no list")
    };
    let old_names: BTreeSet<String> = listed.service.into_iter().map(|it| it.name).collect();
    assert!(old_names.contains("waybill.v1.TrackingService"));

    let world = common::World::start(|config| {
        config.server.reflection = waybill::config::Reflection::Off;
    })
    .await;
    let channel = common::channel(world.app.address).await;
    let mut client = now::server_reflection_client::ServerReflectionClient::new(channel);
    let refused = client
        .server_reflection_info(tokio_stream::once(request()))
        .await;
    assert_eq!(refused.unwrap_err().code(), Code::Unimplemented);
    world.stop().await;
}
