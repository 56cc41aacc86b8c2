//! What operators see of calls: spans at a collector, ids that go with a call to carriers and plug-ins,
//! one line per call, and metrics whose labels no caller chooses.
#![cfg(feature = "server")]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::callers::call;
use common::plugin::{Does, NUMBER, Running as Plugin, found, report};
use common::program::Running;
use common::{ANY, World, ask, channel, client, eventually, side, track};
use opentelemetry_proto::tonic::collector::trace::v1 as otlp;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::trace::v1::Span;
use serde_json::Value;
use tokio::net::TcpListener;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};
use waybill::telemetry::METRICS;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

/// A collector of spans.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<otlp::ExportTraceServiceRequest>>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<otlp::ExportTraceServiceRequest>,
    ) -> Result<Response<otlp::ExportTraceServiceResponse>, Status> {
        self.0.lock().unwrap().push(request.into_inner());
        Ok(Response::new(Default::default()))
    }
}

impl Collector {
    async fn start() -> (Self, String) {
        let listener = TcpListener::bind(ANY).await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let collector = Self::default();
        let service = TraceServiceServer::new(collector.clone());
        tokio::spawn(async move {
            let serving = Server::builder().add_service(service);
            serving
                .serve_with_incoming(TcpIncoming::from(listener))
                .await
                .unwrap();
        });
        (collector, endpoint)
    }

    fn spans(&self) -> Vec<Span> {
        let requests = self.0.lock().unwrap();
        let resources = requests.iter().flat_map(|it| &it.resource_spans);
        let scopes = resources.flat_map(|it| &it.scope_spans);
        scopes.flat_map(|it| it.spans.clone()).collect()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A request of somebody who traces it, and samples it or not.
fn traced<T>(message: T, flags: &str) -> Request<T> {
    let mut request = Request::new(message);
    let value = format!("00-{TRACE}-{CALLER}-{flags}");
    request
        .metadata_mut()
        .insert("traceparent", value.parse().unwrap());
    request
}

/// Trace, span and flags of a header.
fn parts(header: &str) -> [String; 3] {
    let parts: Vec<&str> = header.split('-').collect();
    assert_eq!((parts.len(), parts[0]), (4, "00"), "{header}");
    [1, 2, 3].map(|at| parts[at].to_owned())
}

fn attributes(span: &Span) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for one in &span.attributes {
        found.insert(one.key.clone(), format!("{:?}", one.value));
    }
    found
}

#[tokio::test]
async fn a_trace_goes_from_the_caller_to_carriers_and_plug_ins_and_its_spans_to_the_collector() {
    let (collector, endpoint) = Collector::start().await;
    let plugin = Plugin::start(Does::Says(vec![found(0, vec![report(NUMBER)])])).await;
    let world = World::start(|config| {
        config.trace.endpoint = endpoint;
        config.trace.percent = 0.0;
        config
            .plugins
            .insert("acme".to_owned(), plugin.settings.clone());
    })
    .await;
    let mut tracking = world.client().await;
    let number = world.ups_number("delivered");
    tracking.track(traced(ask(&number), "01")).await.unwrap();
    let carrier = world.simulator.ups().last_request().unwrap();
    let [trace, attempt, flags] = parts(carrier.header("traceparent").unwrap());
    assert_eq!((trace.as_str(), flags.as_str()), (TRACE, "01"));

    let mut question = ask(NUMBER);
    question.carrier = "acme".to_owned();
    tracking.track(traced(question, "00")).await.unwrap();
    let told = plugin.trace.lock().unwrap().clone();
    let [trace, span, flags] = parts(&told);
    assert_eq!((trace.as_str(), flags.as_str()), (TRACE, "00"));
    assert_ne!(span, CALLER);

    // Of a call that nobody samples there is an id, and no span.
    tracking.track(ask(&number)).await.unwrap();
    let carrier = world.simulator.ups().last_request().unwrap();
    let [other, _, flags] = parts(carrier.header("traceparent").unwrap());
    assert!(other != TRACE && flags == "00");
    world.stop().await;

    let spans = collector.spans();
    let shown = format!("{spans:?}");
    assert!(!shown.contains(&number), "{shown}");
    let named = |name: &str| {
        let mut named = spans.iter().filter(|span| span.name == name);
        let first = named.next().unwrap_or_else(|| panic!("{name}: {shown}"));
        assert!(named.next().is_none(), "{shown}");
        first
    };
    assert_eq!(spans.len(), 2, "{shown}");
    let server = named("waybill.v1.TrackingService/Track");
    let asked = named("attempt");
    for span in [server, asked] {
        assert_eq!(hex(&span.trace_id), TRACE);
        assert!(span.start_time_unix_nano > 0);
        assert!(span.end_time_unix_nano >= span.start_time_unix_nano);
    }
    assert_eq!(hex(&server.parent_span_id), CALLER);
    assert_eq!(asked.parent_span_id, server.span_id);
    assert_eq!(
        hex(&asked.span_id),
        attempt,
        "the carrier is told its own place"
    );
    let said = attributes(server);
    assert!(said["rpc.response.status_code"].contains("OK"), "{said:?}");
    assert!(said["waybill.cache"].contains("asked"), "{said:?}");
    assert!(attributes(asked)["waybill.source"].contains("ups"));
    let requests = collector.0.lock().unwrap();
    let resource = format!("{:?}", requests[0].resource_spans[0].resource);
    assert!(resource.contains("service.name") && resource.contains("waybill"));
}

#[tokio::test]
async fn a_share_of_the_calls_is_sampled() {
    let (collector, endpoint) = Collector::start().await;
    let world = World::start(|config| {
        config.trace.endpoint = endpoint;
        config.trace.percent = 20.0;
    })
    .await;
    let mut tracking = world.client().await;
    let number = world.dhl_number("delivered");
    for _ in 0..500 {
        tracking.track(track(&number)).await.unwrap();
    }
    world.stop().await;
    let spans = collector.spans();
    let calls = spans.iter().filter(|span| span.name.ends_with("/Track"));
    // Five standard deviations.
    let count = calls.count();
    assert!((55..=145).contains(&count), "{count} of 500");
}

#[tokio::test]
async fn a_collector_that_is_away_harms_nobody() {
    let nobody = TcpListener::bind(ANY).await.unwrap();
    let endpoint = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let world = World::start(|config| {
        config.trace.endpoint = endpoint;
        config.trace.percent = 100.0;
    })
    .await;
    let mut tracking = world.client().await;
    let number = world.dhl_number("delivered");
    for _ in 0..20 {
        tracking.track(track(&number)).await.unwrap();
    }
    eventually("spans are dropped and counted", async || {
        let text = side(&world, "/metrics").await;
        text.lines()
            .any(|line| line.starts_with("waybill_trace_spans_dropped_total "))
    })
    .await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_call_has_one_line_without_anything_personal() {
    let simulator = common::simulator(Duration::from_secs(72 * 3_600)).await;
    let dhl = simulator.dhl();
    let number = dhl.scenario("delivered").unwrap().number;
    let log = tempfile::NamedTempFile::new().unwrap();
    let arguments = [
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--side",
        "127.0.0.1:0",
        "--log",
        "json",
    ];
    let url = dhl.base_url();
    let variables = [
        ("WAYBILL_SOURCES__DHL__BASE_URL", url.as_str()),
        ("WAYBILL_SOURCES__DHL__API_KEY", dhl.api_key()),
        ("WAYBILL_LOG__KEPT_PERCENT", "100"),
    ];
    let to = Stdio::from(log.reopen().unwrap());
    let mut program = Running::start_to(&arguments, &variables, to);
    let [public, ..] = program.addresses();
    let mut tracking = client(public).await;
    tracking.track(traced(track(number), "00")).await.unwrap();
    // The first answer says that a source was asked for it, so only the next one is kept.
    tracking.track(track(number)).await.unwrap();
    tracking.track(track(number)).await.unwrap();
    tracking.track(track("?")).await.unwrap_err();
    let port = channel(public).await;
    call(&port, "/waybill.v1.TrackingService/Nothing", &[])
        .await
        .unwrap_err();
    let lines = || -> Vec<Value> {
        let text = std::fs::read_to_string(log.path()).unwrap();
        assert!(!text.contains(number), "{text}");
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
        let mut lines: Vec<Value> = lines.collect();
        lines.retain(|line| line["target"] == "waybill::rpc");
        lines
    };
    eventually("all lines", async || lines().len() == 5).await;
    let lines = lines();
    let track = "waybill.v1.TrackingService/Track";
    let expected = [
        (track, "OK", "asked", "dhl=found"),
        (track, "OK", "held", "dhl=held"),
        (track, "OK", "kept", ""),
        (track, "INVALID_ARGUMENT", "", ""),
        ("_OTHER", "UNIMPLEMENTED", "", ""),
    ];
    for (line, (method, code, cache, sources)) in lines.iter().zip(expected) {
        let said = ["method", "code", "cache", "sources"].map(|key| line[key].as_str().unwrap());
        assert_eq!(said, [method, code, cache, sources], "{line}");
        assert!(line["micros"].as_u64().is_some() && line["tenant"].is_string());
        assert_eq!(line["trace"].as_str().unwrap().len(), 32);
    }
    assert_eq!(lines[0]["trace"], TRACE);
    assert_ne!(lines[1]["trace"], TRACE);
    simulator.stop().await;
}

/// Series by metric, without buckets.
fn series(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let Some((key, _)) = line.rsplit_once(' ') else {
            continue;
        };
        let name = key.split('{').next().unwrap();
        let parts = ["_bucket", "_sum", "_count"];
        let known = |name: &str| METRICS.iter().any(|metric| metric.name == name);
        let base = parts.iter().find_map(|part| name.strip_suffix(part));
        let base = base.filter(|base| known(base)).unwrap_or(name);
        assert!(known(base), "{base} is in no table");
        found
            .entry(base.to_owned())
            .or_default()
            .insert(key.to_owned());
    }
    found
}

#[tokio::test]
async fn no_caller_makes_a_series() {
    let world = World::start(|_| {}).await;
    let port = channel(world.app.address).await;
    let mut tracking = world.client().await;
    let ups = world.ups_number("delivered");
    let storm = async |round: usize, tracking: &mut waybill::v1::tracking_service_client::TrackingServiceClient<_>| {
        for at in 0..50 {
            let path = format!("/waybill.v1.Service{round}/Method{at}");
            call(&port, &path, &[]).await.unwrap_err();
            let mut request = track(&format!("1Z999AA1{round:02}{at:08}"));
            request.carrier = format!("carrier-{round}-{at}");
            request.language = "de".to_owned();
            let _whatever = tracking.track(request).await;
        }
        tracking.track(ask(&ups)).await.unwrap();
    };
    storm(1, &mut tracking).await;
    let before = series(&side(&world, "/metrics").await);
    storm(2, &mut tracking).await;
    storm(3, &mut tracking).await;
    let after = series(&side(&world, "/metrics").await);
    for (name, keys) in &after {
        assert!(keys.len() <= 2_000, "{name} has {} series", keys.len());
        let known = before.get(name).cloned().unwrap_or_default();
        let new: Vec<&String> = keys.difference(&known).collect();
        assert!(new.len() <= 30, "{name}: {new:?}");
    }
    let calls = &after["rpc_server_call_duration_seconds"];
    assert!(
        calls
            .iter()
            .any(|key| key.contains("rpc_method=\"_OTHER\""))
    );
    for name in [
        "waybill_build_info",
        "waybill_carrier_attempts_total",
        "waybill_carrier_attempt_seconds",
        "waybill_breaker_state",
        "waybill_quota_remaining",
        "waybill_freshness_seconds",
        "waybill_update_lag_seconds",
        "waybill_cache_ops_total",
    ] {
        assert!(after.contains_key(name), "{name}");
    }
    world.stop().await;
}
