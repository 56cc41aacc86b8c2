//! Known shipments under 500 requests a second while redis-server is killed, restarted, frozen and
//! thawed.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use waybill::v1;
use waybill::v1::tracking_service_client::TrackingServiceClient;

use crate::quantile;
use crate::world::{World, load_number};

const KNOWN: u64 = 500;
const RATE: u64 = 500;

pub(crate) fn run() -> Value {
    tokio::runtime::Runtime::new().unwrap().block_on(measure())
}

/// A redis-server on a port of its own.
pub(crate) struct Redis {
    pub(crate) port: u16,
    child: Child,
}

impl Redis {
    fn start(port: u16) -> Self {
        let child = Command::new("redis-server")
            .args([
                "--port",
                &port.to_string(),
                "--save",
                "",
                "--appendonly",
                "no",
                "--bind",
                "127.0.0.1",
            ])
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server runs (Debian package redis-server)");
        Self { port, child }
    }

    /// A server on whatever port is free.
    pub(crate) fn on_free_port() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        Self::start(port)
    }

    /// Ends it.
    pub(crate) fn end(mut self) {
        self.kill();
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args([name, &id])
                .status()
                .unwrap()
                .success()
        );
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

async fn measure() -> Value {
    let mut redis = Redis::on_free_port();
    let port = redis.port;
    let world = World::start(|config| {
        config.cache.redis = format!("redis://127.0.0.1:{port}");
        // Short enough that what is known is looked up in Redis and refreshed all the time.
        config.freshness.transit = Duration::from_secs(1);
        config.freshness.terminal = Duration::from_secs(1);
    })
    .await;
    let client = world.client().await;
    for index in 0..KNOWN {
        ask(&client, index).await.expect("known");
    }
    let memory_before = resident_bytes();
    let mut phases = serde_json::Map::new();
    let steps: [(&str, u64); 5] = [
        ("working", 4),
        ("killed", 5),
        ("restarted", 8),
        ("frozen", 5),
        ("thawed", 8),
    ];
    let (mut all, mut failed) = (0_u64, 0_u64);
    for (name, seconds) in steps {
        match name {
            "killed" => redis.kill(),
            "restarted" => redis = Redis::start(redis.port),
            "frozen" => redis.signal("-STOP"),
            "thawed" => redis.signal("-CONT"),
            _ => {}
        }
        let calls = load(&client, seconds).await;
        all += u64::try_from(calls.len()).unwrap();
        failed += u64::try_from(calls.iter().filter(|call| !call.answered).count()).unwrap();
        // The first second is the transition; after it things must be as usual again.
        let settled = if name == "restarted" || name == "thawed" {
            5.0
        } else {
            1.0
        };
        let after = |from: f64| -> Vec<f64> {
            calls
                .iter()
                .filter(|call| call.at >= from)
                .map(|call| call.millis)
                .collect()
        };
        let p99 = quantile(&mut after(settled), 0.99);
        let p99_all = quantile(&mut after(0.0), 0.99);
        let state = readiness(&world).await;
        println!(
            "{name:>9}: {} calls, p99 {p99:.2} ms after {settled} s ({p99_all:.2} ms with the transition), cache {state}",
            calls.len()
        );
        phases.insert(
            name.to_owned(),
            json!({ "p99_ms": p99, "p99_with_transition_ms": p99_all, "cache": state }),
        );
    }
    let memory_after = resident_bytes();
    let answered = (all - failed) as f64 / all as f64;
    println!(
        "answered {:.3} % of {all}; resident {} KiB -> {} KiB",
        answered * 100.0,
        memory_before / 1024,
        memory_after / 1024
    );
    redis.kill();
    world.stop().await;
    json!({
        "answered": answered, "calls": all, "phases": phases,
        "resident_before_bytes": memory_before, "resident_after_bytes": memory_after,
    })
}

struct Call {
    at: f64,
    millis: f64,
    answered: bool,
}

/// Calls at a steady rate, whether or not earlier ones have ended.
async fn load(
    client: &TrackingServiceClient<tonic::transport::Channel>,
    seconds: u64,
) -> Vec<Call> {
    let started = Instant::now();
    let mut ticks = tokio::time::interval(Duration::from_micros(1_000_000 / RATE));
    let mut calls = tokio::task::JoinSet::new();
    for at in 0..seconds * RATE {
        ticks.tick().await;
        let client = client.clone();
        calls.spawn(async move {
            let sent = Instant::now();
            let answered = ask(&client, at % KNOWN)
                .await
                .is_some_and(|found| found > 0);
            let at = (sent - started).as_secs_f64();
            Call {
                at,
                millis: sent.elapsed().as_secs_f64() * 1_000.0,
                answered,
            }
        });
    }
    calls.join_all().await
}

async fn ask(
    client: &TrackingServiceClient<tonic::transport::Channel>,
    index: u64,
) -> Option<usize> {
    let request = v1::TrackRequest {
        tracking_number: load_number(index),
        ..Default::default()
    };
    client
        .clone()
        .track(request)
        .await
        .ok()
        .map(|response| response.into_inner().shipments.len())
}

/// What the side port says of the cache.
async fn readiness(world: &World) -> &'static str {
    let url = format!("http://{}/readyz", world.app.side);
    let text = crate::world::http()
        .get(url)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    if text.contains("cache") {
        "degraded"
    } else {
        "working"
    }
}

fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4_096
}
