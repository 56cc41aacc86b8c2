//! Faults of the world around a gateway, put in by a proxy, by the system or by load. Which row of
//! docs/faults.md each one shows is in that page.
#![cfg(feature = "server")]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests"
)]

mod common;

use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use common::figure::{figure, quantile};
use common::program::Running;
use common::redis::{Redis, free_port};
use common::watching::{Reader, change, number, shipments};
use common::{World, ask, eventually, side, track};
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use waybill::http::{Client, Settings};
use waybill::v1;
use waybill_core::adapter::Http;
use waybill_core::error::ErrorKind;
use waybill_faults::probe::Probe;
use waybill_faults::proxy::{Fault, Proxy};
use waybill_simulator::dhl_load_number;

fn local(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_carrier_that_is_slow_and_late_is_waited_for_and_asked_once() {
    let simulator = common::simulator(Duration::from_secs(72 * 3_600)).await;
    let proxy = Proxy::start(simulator.dhl().address()).await.unwrap();
    let mut config = common::config(&simulator);
    let at_proxy = simulator.dhl().base_url().replace(
        &simulator.dhl().address().to_string(),
        &proxy.address().to_string(),
    );
    let section = config.sources.get_mut("dhl").unwrap();
    section.insert("base_url".to_owned(), at_proxy.into());
    let clock = waybill::clock::Clock::system();
    let app = waybill::app::start(config, common::registry(), clock.clone())
        .await
        .unwrap();
    let world = World {
        simulator,
        app,
        clock,
    };
    proxy.down(Fault {
        latency: Duration::from_millis(300),
        jitter: Duration::from_millis(200),
        slice: 512,
        ..Fault::default()
    });
    let mut calls = tokio::task::JoinSet::new();
    for at in 0..20 {
        let mut client = world.client().await;
        calls.spawn(async move {
            let start = Instant::now();
            let found = client.track(track(&dhl_load_number(at))).await.unwrap();
            assert_eq!(found.into_inner().shipments.len(), 1);
            start.elapsed()
        });
    }
    let times = calls.join_all().await;
    let asked = world.simulator.dhl().requests();
    figure(
        "3",
        format!(
            "p50 {:?} behind 0.3 s to 0.5 s; 20 calls, {asked} requests",
            quantile(times, 0.5)
        ),
    );
    assert_eq!(asked, 20, "no retry storm");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_carrier_without_a_good_certificate_or_a_hand_shake_is_not_spoken_to() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (key, cert) = (path("key.pem"), path("cert.pem"));
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
        ])
        .args([
            "-days",
            "1",
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost",
        ])
        .args(["-keyout", &key, "-out", &cert])
        .stderr(Stdio::null())
        .status();
    assert!(made.expect("openssl has to be installed").success());
    let client = Client::new(&Settings {
        connect_timeout: Duration::from_secs(2),
        ..Settings::default()
    });
    let client = client.unwrap();
    let get = async |port: u16| {
        let url = format!("https://localhost:{port}/");
        let request = http::Request::get(&url).body(Bytes::new()).unwrap();
        client.only(&[&url]).unwrap().send(request).await
    };
    for protocol in ["-tls1_2", "-tls1"] {
        let port = free_port();
        let server = Command::new("openssl")
            .args(["s_server", "-quiet", "-key", &key, "-cert", &cert, protocol])
            .args(["-cipher", "ALL:@SECLEVEL=0", "-accept", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let mut server = server.unwrap();
        eventually("the server listens", async || {
            tokio::net::TcpStream::connect(local(port)).await.is_ok()
        })
        .await;
        let error = get(port).await.expect_err(protocol);
        let ended = server.kill().and_then(|()| server.wait());
        ended.unwrap();
        assert_eq!(error.kind, ErrorKind::Unavailable, "{protocol}");
        assert!(!error.spent, "nothing was asked");
    }
    let silent = tokio::net::TcpListener::bind(local(0)).await.unwrap();
    let start = Instant::now();
    let error = get(silent.local_addr().unwrap().port()).await.unwrap_err();
    figure(
        "11",
        format!(
            "self-signed and TLS 1.0 refused; a hand-shake that stalls ends after {:?}",
            start.elapsed()
        ),
    );
    assert_eq!(error.kind, ErrorKind::Timeout);
}

/// A gateway whose cache is in a Redis behind a proxy.
async fn behind(redis: &Redis) -> (World, Proxy) {
    let proxy = Proxy::start(local(redis.port())).await.unwrap();
    let url = format!("redis://{}/", proxy.address());
    let world = World::start(|config| config.cache.redis = url).await;
    (world, proxy)
}

async fn is_degraded(world: &World) -> bool {
    side(world, "/readyz").await.contains("cache")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_swallows_everything_costs_no_call_and_is_found_again() {
    let redis = Redis::start();
    let (world, proxy) = behind(&redis).await;
    eventually("Redis is used", async || !is_degraded(&world).await).await;
    let mut client = world.client().await;
    let known = world.ups_number("in-transit");
    client.track(track(&known)).await.unwrap();
    // Both ways, and then one way only: what is asked arrives and what is answered does not.
    for (row, fault) in [
        ("14", Proxy::both as fn(&Proxy, Fault)),
        ("35", Proxy::down),
    ] {
        fault(&proxy, Fault::black_hole());
        let mut slowest = Duration::ZERO;
        for at in 0..20 {
            let start = Instant::now();
            let number = if at % 2 == 0 {
                known.clone()
            } else {
                dhl_load_number(at)
            };
            client.track(track(&number)).await.unwrap();
            slowest = slowest.max(start.elapsed());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let mut unknown = 1_000;
        eventually("the fault is noticed", async || {
            unknown += 1;
            client
                .track(track(&dhl_load_number(unknown)))
                .await
                .unwrap();
            is_degraded(&world).await
        })
        .await;
        proxy.heal();
        let healed = Instant::now();
        eventually("Redis is used again", async || {
            client.track(ask(&known)).await.unwrap();
            !is_degraded(&world).await
        })
        .await;
        let found = healed.elapsed();
        figure(
            row,
            format!("slowest call {slowest:?}, Redis used again after {found:?}"),
        );
        assert!(slowest < Duration::from_secs(2), "{slowest:?}");
        assert!(found < Duration::from_secs(15), "{found:?}");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_file_handles_it_waits_for_some_and_serves_those_who_are_there() {
    let listen = [
        "--listen",
        "127.0.0.1:0",
        "--side",
        "127.0.0.1:0",
        "--filter",
        "off",
    ];
    let mut program = Running::start(&[&["serve"][..], &listen].concat());
    let [address, ..] = program.addresses();
    let mut health = HealthClient::new(common::channel(address).await);
    health.check(HealthCheckRequest::default()).await.unwrap();
    program.limit_files(64);
    let mut crowd = Vec::new();
    for _ in 0..100 {
        crowd.push(
            Probe::silent(Ipv4Addr::new(127, 0, 0, 2).into(), address)
                .await
                .unwrap(),
        );
    }
    for _ in 0..20 {
        health.check(HealthCheckRequest::default()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    drop(crowd);
    let start = Instant::now();
    let mut again = HealthClient::new(common::channel(address).await);
    again.check(HealthCheckRequest::default()).await.unwrap();
    figure(
        "25",
        format!(
            "a new connection is served {:?} after the crowd has gone",
            start.elapsed()
        ),
    );
    assert!(start.elapsed() < Duration::from_secs(5));
    assert_eq!(program.signal("TERM"), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_much_of_a_processor_deadlines_hold_and_health_answers() {
    // The server's own deadline: a client's would end the call at the client.
    let world = World::start(|config| config.calls.default_deadline = common::span(500)).await;
    let mut client = world.client().await;
    let known = world.ups_number("in-transit");
    client.track(track(&known)).await.unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let stop = Arc::clone(&stop);
            std::thread::spawn(move || while !stop.load(Ordering::Relaxed) {})
        })
        .collect();
    let mut health = HealthClient::new(common::channel(world.app.address).await);
    let mut times = Vec::new();
    world
        .simulator
        .dhl()
        .set_fault(Some(waybill_simulator::Fault::Hang));
    for at in 0..20 {
        let start = Instant::now();
        health.check(HealthCheckRequest::default()).await.unwrap();
        times.push(start.elapsed());
        let start = Instant::now();
        let number = dhl_load_number(500 + at);
        let status = client.track(track(&number)).await.unwrap_err();
        assert!(
            matches!(status.code(), Code::DeadlineExceeded | Code::Unavailable),
            "{status:?}"
        );
        assert!(
            start.elapsed() < Duration::from_millis(1_500),
            "{:?}",
            start.elapsed()
        );
    }
    stop.store(true, Ordering::Relaxed);
    for thread in threads {
        thread.join().unwrap();
    }
    let worst = quantile(times, 1.0);
    figure(
        "27",
        format!("slowest health check {worst:?} beside 8 busy threads"),
    );
    assert!(worst < Duration::from_secs(1), "{worst:?}");
    world.simulator.dhl().set_fault(None);
    world.stop().await;
}

async fn streams(world: &World) -> bool {
    let metrics = side(world, "/metrics").await;
    metrics
        .lines()
        .any(|line| line.starts_with("waybill_stream_active ") && !line.ends_with(" 0"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_vanished_frees_its_stream() {
    let world = World::start(|config| {
        config.front.keep_alive = Duration::from_secs(1);
        config.front.keep_alive_timeout = Duration::from_secs(1);
    })
    .await;
    let proxy = Proxy::start(world.app.address).await.unwrap();
    let reader = Reader::open(proxy.address(), shipments([number(1)]), Default::default()).await;
    eventually("the stream is counted", async || streams(&world).await).await;
    proxy.both(Fault::black_hole());
    let start = Instant::now();
    eventually("the stream is free", async || !streams(&world).await).await;
    let freed = start.elapsed();
    figure(
        "29",
        format!("freed after {freed:?} with keep-alive of 1 s and 1 s (30 s and 20 s by default)"),
    );
    assert!(freed >= Duration::from_millis(900), "{freed:?}");
    drop(reader);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_that_comes_back_at_once_is_let_in_as_fast_as_it_can_be() {
    const CROWD: usize = 600;
    let world = World::start(|config| config.load.requests = 50).await;
    let address = world.app.address;
    change(address, &[number(1)], 0).await;
    let mut channels = Vec::new();
    for _ in 0..CROWD / 100 {
        channels.push(common::channel(address).await);
    }
    let start = Instant::now();
    let mut crowd = tokio::task::JoinSet::new();
    for at in 0..CROWD {
        let channel = channels[at / 100].clone();
        crowd.spawn(async move {
            let mut client = v1::tracking_service_client::TrackingServiceClient::new(channel);
            let mut refusals = 0;
            loop {
                let open = Some(shipments([number(1)]));
                match client.follow(v1::FollowRequest { open }).await {
                    Ok(stream) => {
                        let mut reader = Reader::of(stream.into_inner());
                        reader.synced().await;
                        return (reader, refusals);
                    }
                    Err(status) => {
                        assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
                        let (_, wait) = common::trailers(&status);
                        tokio::time::sleep(Duration::from_millis(wait.unwrap())).await;
                        refusals += 1;
                    }
                }
            }
        });
    }
    let readers = crowd.join_all().await;
    let refusals: usize = readers.iter().map(|(_, refusals)| refusals).sum();
    let steady = start.elapsed();
    figure(
        "30",
        format!("{CROWD} streams back after {steady:?}, {refusals} told to wait meanwhile"),
    );
    assert!(steady < Duration::from_secs(30), "{steady:?}");
    drop(readers);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_at_the_deadline_that_its_caller_states() {
    let world = World::start(|_| ()).await;
    let open = Some(shipments([number(1)]));
    let mut request = tonic::Request::new(v1::FollowRequest { open });
    let timeout = "700m".parse().unwrap();
    request.metadata_mut().insert("grpc-timeout", timeout);
    let start = Instant::now();
    let stream = world.client().await.follow(request).await.unwrap();
    let mut stream = stream.into_inner();
    let status = loop {
        match stream.message().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("it ends as if all were well"),
            Err(status) => break status,
        }
    };
    assert_eq!(status.code(), Code::DeadlineExceeded, "{status:?}");
    assert!(start.elapsed() >= Duration::from_millis(650));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_connection_sends_its_streams_away_before_they_are_cut() {
    let world = World::start(|config| {
        config.front.preface_timeout = Duration::from_millis(500);
        config.front.first_request_timeout = Duration::from_secs(1);
        config.front.age = Duration::from_secs(4);
        config.streams.max_age = common::span(4_000);
    })
    .await;
    let mut client = world.client().await;
    client
        .list_shipments(v1::ListShipmentsRequest::default())
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let start = Instant::now();
    let open = Some(shipments([number(1)]));
    let stream = client.follow(v1::FollowRequest { open }).await.unwrap();
    let mut stream = stream.into_inner();
    let mut going = None;
    while let Some(message) = stream.message().await.unwrap() {
        if let Some(v1::watch_message::Kind::GoingAway(away)) = message.kind {
            going = Some((away.reason(), start.elapsed()));
        }
    }
    let (reason, after) = going.expect("it says that it goes");
    assert_eq!(reason, v1::GoingAwayReason::MaxAge);
    // By its own age it would have gone after 3.6 s at the earliest.
    assert!(after < Duration::from_millis(3_500), "{after:?}");
    world.stop().await;
}
