//! What the gateway adds to a carrier that answers after 50 ms, 64 calls in flight.
//!
//! 64 callers ask one number after the other, each a number that nobody has asked for; they start
//! spread over one answer's time, as callers do who do not know of each other. The baseline asks
//! the carriers directly in the same way.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use waybill::v1;
use waybill::v1::tracking_service_client::TrackingServiceClient;
use waybill_simulator::ups_load_number;

use crate::cached::{ANSWER, NUMBER, TOKEN};

use crate::quantile;

const CARRIER: Duration = Duration::from_millis(50);
/// Callers: at each of the two carriers as many as its bulkhead lets through.
const CALLERS: u64 = 64;
/// Calls of one caller in one round.
const CALLS: u64 = 20;
const ROUNDS: u64 = 5;

pub(crate) fn run() -> Value {
    // The gateway has one core, the carriers and callers the other.
    pin("1");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let report = runtime.block_on(measure());
    pin("0,1");
    report
}

/// Keeps this process on these cores.
fn pin(cores: &str) {
    let id = std::process::id().to_string();
    let status = Command::new("taskset")
        .args(["-acp", cores, &id])
        .stdout(Stdio::null())
        .status();
    assert!(status.unwrap().success());
}

/// The program itself, on a core of its own.
struct Gateway {
    child: Child,
    address: String,
}

impl Gateway {
    fn start(base: &str) -> Self {
        let config = tempfile::NamedTempFile::with_suffix(".toml").unwrap();
        let limits =
            "limits = { per_second = 100000, burst = 100000, per_day = 0, min_interval = \"0s\" }";
        let text = format!(
            "[guard.bulkhead]\nin_flight = 64\n[sources.ups]\nbase_url = \"{base}\"\nclient_id = \"a\"\nclient_secret = \"b\"\n{limits}\n"
        );
        std::fs::write(config.path(), text).unwrap();
        let mut child = Command::new("taskset")
            .args([
                "-c",
                "0",
                env!("CARGO_BIN_EXE_waybill"),
                "serve",
                "--config",
            ])
            .arg(config.path())
            .args(["--listen", "127.0.0.1:0", "--side", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let address = line
            .split(' ')
            .nth(3)
            .expect("says where it listens")
            .to_owned();
        Self { child, address }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to stop.
        let _ended = self.child.kill().and_then(|()| self.child.wait());
    }
}

/// A carrier that costs next to nothing: one answer after 50 ms, with the number asked for put
/// into it. What it speaks is UPS; the load is on the gateway, not on making answers.
async fn carrier() -> String {
    let app = axum::Router::new().fallback(|uri: http::Uri| async move {
        if uri.path().contains("oauth") {
            return TOKEN.to_owned();
        }
        tokio::time::sleep(CARRIER).await;
        let number = uri.path().rsplit('/').next().unwrap_or_default();
        ANSWER.replace(NUMBER, number)
    });
    let port = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = port.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(port, app).await.unwrap() });
    format!("http://{address}")
}

async fn measure() -> Value {
    let base = carrier().await;
    let gateway = Gateway::start(&base);
    let url = format!("http://{}", gateway.address);
    let channel = tonic::transport::Channel::from_shared(url)
        .unwrap()
        .connect()
        .await
        .unwrap();
    let client = TrackingServiceClient::new(channel);
    let carrier = crate::world::http();
    // Token, connections and code tables are there before the clock counts.
    through_gateway(&client, 1_000_000).await;
    direct(&carrier, &base).await;
    let (mut through, mut straight) = (Vec::new(), Vec::new());
    for at in 0..ROUNDS {
        straight.extend(direct(&carrier, &base).await);
        through.extend(through_gateway(&client, at * CALLERS * CALLS).await);
    }
    let mut report = serde_json::Map::new();
    for (name, share) in [("p50", 0.5), ("p99", 0.99)] {
        let (through, direct) = (
            quantile(&mut through, share),
            quantile(&mut straight, share),
        );
        println!(
            "{name}: through the gateway {through:.2} ms, direct {direct:.2} ms, added {:.2} ms",
            through - direct
        );
        report.insert(
            name.to_owned(),
            json!({ "waybill_ms": through, "direct_ms": direct, "added_ms": through - direct }),
        );
    }
    drop(gateway);
    Value::Object(report)
}

/// Where a caller starts within one answer's time.
fn offset(caller: u64) -> Duration {
    CARRIER * u32::try_from(caller).unwrap() / u32::try_from(CALLERS).unwrap()
}

async fn through_gateway(
    client: &TrackingServiceClient<tonic::transport::Channel>,
    from: u64,
) -> Vec<f64> {
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..CALLERS {
        let mut client = client.clone();
        callers.spawn(async move {
            tokio::time::sleep(offset(caller)).await;
            let mut times = Vec::new();
            for call in 0..CALLS {
                let index = from + caller * CALLS + call;
                let number = ups_load_number(index);
                let request = v1::TrackRequest {
                    tracking_number: number,
                    ..Default::default()
                };
                let started = Instant::now();
                let response = client.track(request).await.unwrap().into_inner();
                times.push(started.elapsed().as_secs_f64() * 1_000.0);
                assert_eq!(response.shipments.len(), 1);
            }
            times
        });
    }
    callers.join_all().await.concat()
}

async fn direct(client: &reqwest::Client, base: &str) -> Vec<f64> {
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..CALLERS {
        let client = client.clone();
        let base = base.to_owned();
        callers.spawn(async move {
            tokio::time::sleep(offset(caller)).await;
            let mut times = Vec::new();
            for call in 0..CALLS {
                let number = ups_load_number(3_000_000 + caller * CALLS + call);
                let url = format!("{base}/api/track/v1/details/{number}");
                let started = Instant::now();
                let response = client.get(url).send().await.unwrap();
                assert!(response.status().is_success());
                response.bytes().await.unwrap();
                times.push(started.elapsed().as_secs_f64() * 1_000.0);
            }
            times
        });
    }
    callers.join_all().await.concat()
}
