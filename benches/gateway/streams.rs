//! Streams against bare tonic ones: memory of idle ones, one update to very many, time from commit
//! to delivery, and label streams over a large fleet.
//!
//! Server and client are processes of their own on a core each. The client reads frames and decodes
//! only where it has to know which update came.

mod bare;
mod reader;

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use prost::Message as _;
use reader::{Counter, Streams};
use serde_json::{Value, json};
use tonic::transport::Channel;
use waybill::v1;
use waybill::v1::ingest_service_client::IngestServiceClient;
use waybill::v1::tracking_service_client::TrackingServiceClient;
use waybill::v1::watch_open::Target;

use crate::{median, quantile};

/// Idle streams, on so many connections.
const IDLE: (usize, usize) = (100_000, 100);
/// What one may take beyond a bare one.
const ALLOWED_BYTES: f64 = 4_096.0;
/// Streams that get one update, and how often.
const FAN: usize = 10_000;
const ROUNDS: usize = 15;
const ALLOWED_RATIO: f64 = 0.7;
/// Updates in a second, for so long, in calls of so many.
const RATE: usize = 2_000;
const SECONDS: usize = 5;
const CALL: usize = 20;
const ALLOWED_DELAY: Duration = Duration::from_millis(250);
/// Registered shipments, and streams over a label each.
const FLEET: usize = 1_000_000;
const LABELS: usize = 20;

pub(crate) fn run() -> Value {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build();
    runtime.unwrap().block_on(async {
        json!({
            "idle": idle().await,
            "fan_out": fan_out().await,
            "delay": delay().await,
            "labels": labels().await,
        })
    })
}

/// A number after its name on the command line.
fn option(name: &str, default: usize) -> usize {
    let mut arguments = std::env::args().skip_while(|it| it != name);
    arguments
        .nth(1)
        .map_or(default, |value| value.parse().unwrap())
}

/// A server in a process of its own.
struct Server {
    child: Child,
    stdin: ChildStdin,
    port: u16,
}

impl Server {
    fn start(role: &str) -> Self {
        let mut child = Command::new("taskset")
            .args(["-c", "0"])
            .arg(std::env::current_exe().unwrap())
            .args(["--serve", role])
            .stdout(Stdio::piped())
            .stdin(Stdio::piped())
            .spawn()
            .expect("taskset starts the server");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = lines.next().unwrap().unwrap().parse().unwrap();
        let stdin = child.stdin.take().unwrap();
        Self { child, stdin, port }
    }

    /// Resident memory in bytes.
    fn memory(&self) -> f64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS"));
        let kib: f64 = line
            .and_then(|line| line.split_whitespace().nth(1))
            .unwrap()
            .parse()
            .unwrap();
        kib * 1_024.0
    }

    /// Has the bare server send these bytes to everybody.
    fn publish(&mut self, frame: &[u8]) {
        let text: String = frame.iter().map(|byte| format!("{byte:02x}")).collect();
        writeln!(self.stdin, "{text}").unwrap();
    }

    async fn channel(&self) -> Channel {
        let url = format!("http://127.0.0.1:{}", self.port);
        Channel::from_shared(url).unwrap().connect().await.unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One of the servers, until it is killed.
pub(crate) fn serve(role: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(async {
        match role {
            "streams_bare" => bare::serve().await,
            _ => gateway().await,
        }
    });
}

async fn gateway() {
    let mut config = waybill::config::Config::default();
    let section = "base_url = \"http://127.0.0.1:9\"\nclient_id = \"a\"\nclient_secret = \"b\"";
    let section = section.parse().unwrap();
    config.sources.insert("ups".into(), section);
    config.server.listen = "127.0.0.1:0".parse().unwrap();
    config.server.side = "127.0.0.1:0".parse().unwrap();
    config.schedule.enabled = false;
    config.streams.count = 1_000_000;
    config.front.streams_per_connection = 10_000;
    config.front.connections_per_address = 10_000;
    let registry = waybill_core::registry::Registry::new(waybill_adapters::ALL);
    let clock = waybill::clock::Clock::system();
    let app = waybill::app::start(config, registry, clock).await.unwrap();
    println!("{}", app.address.port());
    std::future::pending::<()>().await;
}

fn number(at: usize) -> String {
    format!("WHNUMBER{at:07}")
}

/// One more event for each of these.
async fn change(channel: &Channel, numbers: impl Iterator<Item = usize>, step: usize) {
    let (hour, minute) = (step / 60 % 24, step % 60);
    let event = |at| v1::IngestEvent {
        client_event_id: format!("{at}-{step}"),
        tracking_number: number(at),
        code: v1::EventCode::Information as i32,
        time: Some(v1::EventTime {
            local_time: format!("2026-03-02T{hour:02}:{minute:02}:00Z"),
            ..Default::default()
        }),
        ..Default::default()
    };
    let request = v1::IngestEventsRequest {
        events: numbers.map(event).collect(),
        ..Default::default()
    };
    let mut client = IngestServiceClient::new(channel.clone());
    let answer = client.ingest_events(request).await.unwrap().into_inner();
    assert_eq!(answer.rejected_count, 0, "{answer:?}");
}

fn by_numbers(numbers: impl Iterator<Item = usize>) -> v1::WatchOpen {
    let key = |at| v1::ShipmentKey {
        key: Some(v1::shipment_key::Key::TrackingNumber(number(at))),
        ..Default::default()
    };
    v1::WatchOpen {
        target: Some(Target::Shipments(v1::WatchShipments {
            shipments: numbers.map(key).collect(),
        })),
        ..Default::default()
    }
}

async fn idle() -> Value {
    let count = option("--streams", IDLE.0);
    let shipments = 1_000;
    let mut bytes = Vec::new();
    for role in ["streams_waybill", "streams_bare"] {
        let server = Server::start(role);
        if role == "streams_waybill" {
            let channel = server.channel().await;
            for first in (0..shipments).step_by(100) {
                change(&channel, first..first + 100, 0).await;
            }
        }
        // The first few bring in what every server has once.
        let warm = Streams::open(server.port, 10, 1_000, |at| {
            by_numbers(std::iter::once(at % shipments))
        });
        let warm = warm.await;
        warm.quiet().await;
        let before = server.memory();
        let streams = Streams::open(server.port, IDLE.1, count, |at| {
            by_numbers(std::iter::once(at % shipments))
        });
        let streams = streams.await;
        streams.quiet().await;
        bytes.push((server.memory() - before) / count as f64);
        assert_eq!(streams.ended(), 0, "all of them are still there");
        drop((warm, streams));
    }
    let (ours, bare) = (bytes[0], bytes[1]);
    println!(
        "{count} idle streams on {} connections: {ours:.0} bytes each, bare tonic {bare:.0}, \
         {:+.0} (allowed +{ALLOWED_BYTES:.0})",
        IDLE.1,
        ours - bare
    );
    json!({
        "streams": count,
        "bytes_per_stream": ours,
        "bare_bytes_per_stream": bare,
        "ok": ours - bare <= ALLOWED_BYTES,
    })
}

async fn fan_out() -> Value {
    let waybill = Server::start("streams_waybill");
    let mut bare = Server::start("streams_bare");
    let channel = waybill.channel().await;
    change(&channel, 0..1, 0).await;
    let open = |_| by_numbers(std::iter::once(0));
    let ours = Streams::open(waybill.port, 10, FAN, open).await;
    let theirs = Streams::open(bare.port, 10, FAN, open).await;
    ours.quiet().await;
    theirs.quiet().await;
    let (mut took, mut bare_took) = (Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        let count = ours.messages();
        let started = Instant::now();
        change(&channel, 0..1, round).await;
        ours.reaches(count + FAN).await;
        took.push(started.elapsed().as_secs_f64());
        let frame = ours.last_frame();
        let count = theirs.messages();
        let started = Instant::now();
        bare.publish(&frame);
        theirs.reaches(count + FAN).await;
        bare_took.push(started.elapsed().as_secs_f64());
    }
    let bytes = ours.last_frame().len();
    let rates = [took, bare_took].map(|took| FAN as f64 / median(took));
    let ratio = rates[0] / rates[1];
    println!(
        "one update of {bytes} bytes to {FAN} streams: {:.0}/s, bare tonic {:.0}/s ({ratio:.2}x, \
         allowed {ALLOWED_RATIO}x)",
        rates[0], rates[1]
    );
    json!({
        "streams": FAN,
        "bytes": bytes,
        "per_second": rates[0],
        "bare_per_second": rates[1],
        "ok": ratio >= ALLOWED_RATIO,
    })
}

/// Sends updates at a rate and says how long after the start of its call each was delivered, and
/// how long the calls took.
async fn timed(
    channel: &Channel,
    numbers: usize,
    streams: &Streams,
    seconds: usize,
    rate: usize,
) -> (Vec<f64>, Vec<f64>) {
    let counter = Counter::default();
    streams.decode_into(&counter);
    let started = Instant::now();
    let (mut calls, mut sent) = (Vec::new(), 0);
    let total = rate * seconds;
    while sent < total {
        let due = Duration::from_secs_f64(sent as f64 / rate as f64);
        tokio::time::sleep_until((started + due).into()).await;
        let size = CALL.min(total - sent);
        let at = |one: usize| (sent + one) % numbers;
        let step = 1_000 + sent / numbers;
        let call = Instant::now();
        for one in 0..size {
            counter.sent(&number(at(one)), call);
        }
        change(channel, (0..size).map(at), step).await;
        calls.push(call.elapsed().as_secs_f64());
        sent += size;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    (counter.delays(), calls)
}

async fn delay() -> Value {
    let server = Server::start("streams_waybill");
    let channel = server.channel().await;
    for first in (0..RATE).step_by(100) {
        change(&channel, first..first + 100, 0).await;
    }
    let open = |at: usize| by_numbers(at * 10..at * 10 + 10);
    let streams = Streams::open(server.port, 10, RATE / 10, open).await;
    streams.quiet().await;
    let (mut delays, mut calls) = timed(&channel, RATE, &streams, SECONDS, RATE).await;
    let (p50, p99) = (quantile(&mut delays, 0.5), quantile(&mut delays, 0.99));
    let call = quantile(&mut calls, 0.99);
    println!(
        "{} updates at {RATE}/s: from the call that commits to delivery p50 {:.1} ms, p99 {:.1} ms \
         (allowed {} ms); the calls themselves p99 {:.1} ms",
        delays.len(),
        p50 * 1e3,
        p99 * 1e3,
        ALLOWED_DELAY.as_millis(),
        call * 1e3
    );
    assert_eq!(delays.len(), RATE * SECONDS, "every update is delivered");
    json!({
        "per_second": RATE,
        "p50_seconds": p50,
        "p99_seconds": p99,
        "call_p99_seconds": call,
        "ok": p99 <= ALLOWED_DELAY.as_secs_f64(),
    })
}

async fn labels() -> Value {
    let fleet = option("--shipments", FLEET);
    let server = Server::start("streams_waybill");
    let channel = server.channel().await;
    let started = Instant::now();
    let mut client = TrackingServiceClient::new(channel.clone());
    for first in (0..fleet).step_by(1_000) {
        let one = |at: usize| v1::Registration {
            shipment: Some(v1::ShipmentKey {
                key: Some(v1::shipment_key::Key::TrackingNumber(number(at))),
                carrier: "ups".into(),
                ..Default::default()
            }),
            labels: [("shop".to_owned(), (at % LABELS).to_string())].into(),
            ..Default::default()
        };
        let registrations = (first..fleet.min(first + 1_000)).map(one).collect();
        let request = v1::BatchRegisterRequest { registrations };
        let answer = client.batch_register(request).await.unwrap().into_inner();
        use v1::batch_register_result::Outcome;
        let all = answer.results.iter();
        assert!(
            all.clone()
                .all(|one| matches!(one.outcome, Some(Outcome::Response(_))))
        );
    }
    let registering = started.elapsed().as_secs_f64();
    let before = server.memory();
    let started = Instant::now();
    let open = |at: usize| v1::WatchOpen {
        target: Some(Target::Labels(v1::WatchLabels {
            labels: [("shop".to_owned(), at.to_string())].into(),
        })),
        ..Default::default()
    };
    let streams = Streams::open(server.port, LABELS, LABELS, open).await;
    // Opened, the snapshot and synced.
    streams.reaches(fleet + 2 * LABELS).await;
    let snapshot = started.elapsed().as_secs_f64();
    let after = server.memory();
    let (mut delays, mut calls) = timed(&channel, fleet.min(1_000), &streams, SECONDS, 200).await;
    let (p50, p99) = (quantile(&mut delays, 0.5), quantile(&mut delays, 0.99));
    let call = quantile(&mut calls, 0.99);
    println!(
        "{LABELS} label streams over {fleet} registered shipments: registered in {registering:.0} s, \
         all snapshots in {snapshot:.0} s, memory {:.0} MiB, {:+.1} MiB for the streams; from the \
         call that commits to delivery p50 {:.1} ms, p99 {:.1} ms; the calls themselves p99 {:.1} ms",
        after / 1048576.0,
        (after - before) / 1048576.0,
        p50 * 1e3,
        p99 * 1e3,
        call * 1e3
    );
    json!({
        "shipments": fleet,
        "snapshot_seconds": snapshot,
        "bytes": after,
        "bytes_of_streams": after - before,
        "p50_seconds": p50,
        "p99_seconds": p99,
        "call_p99_seconds": call,
        "ok": p99 <= ALLOWED_DELAY.as_secs_f64(),
    })
}

/// A request with its frame head.
fn request(open: v1::WatchOpen) -> bytes::Bytes {
    let request = v1::FollowRequest { open: Some(open) };
    crate::cached::frame(&request.encode_to_vec())
}
