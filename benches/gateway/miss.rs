//! What the gateway adds to a carrier that answers after 50 ms, 64 calls in flight.
//!
//! 1,280 calls start in a second, so that 64 are in flight; each asks for a number that nobody has
//! asked for. A call that has to wait delays no other one and hides no other one's wait. They start
//! at a constant rate, and then once more at random moments (a Poisson process), where bursts
//! queue. The baseline asks the carrier directly at the same
//! moments.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use prost::Message;
use serde_json::{Value, json};
use waybill::v1;
use waybill_simulator::ups_load_number;

use crate::cached::{ANSWER, NUMBER, TOKEN, frame};

use crate::quantile;

const CARRIER: Duration = Duration::from_millis(50);
/// Calls in flight, if none waits: the carrier's time by the rate.
const IN_FLIGHT: u32 = 64;
/// Shipments and bytes of answers that the gateway keeps: few enough to be full before the clock
/// counts, as they are in a gateway that has run for a while. What each miss adds then takes the
/// place of something older, and the time to make room is in the figures.
const KEPT: u64 = CALLS;
const KEPT_BYTES: u64 = 32 << 20;
/// Bytes that an answer with a record of 25 events has at least.
const RECORD: usize = 3_000;
/// Calls in one round.
const CALLS: u64 = 4_000;
const ROUNDS: u64 = 3;

pub(crate) fn run() -> Value {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(measure())
}

/// The program itself.
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
            "[store]\nmemory_shipments = {KEPT}\n[cache]\nmemory_bytes = {KEPT_BYTES}\n[guard.bulkhead]\nin_flight = 256\n[sources.ups]\nbase_url = \"{base}\"\nclient_id = \"a\"\nclient_secret = \"b\"\n{limits}\n"
        );
        std::fs::write(config.path(), text).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_waybill"))
            .args(["serve", "--config"])
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
    let url = format!(
        "http://{}/waybill.v1.TrackingService/Track",
        gateway.address
    );
    let carrier = crate::world::http();
    let client = reqwest::Client::builder()
        .http2_prior_knowledge()
        .no_proxy()
        .build()
        .unwrap();
    // Token, connections and code tables are there before the clock counts.
    through_gateway(&client, &url, Arrival::Constant, 2 * ROUNDS).await;
    direct(&carrier, &base, Arrival::Constant, 2 * ROUNDS).await;
    let mut report = serde_json::Map::new();
    let arrivals = [
        (Arrival::Constant, "constant", 0),
        (Arrival::Random, "random", ROUNDS),
    ];
    for (arrival, name, first) in arrivals {
        let (mut through, mut straight) = (Vec::new(), Vec::new());
        for round in first..first + ROUNDS {
            straight.extend(direct(&carrier, &base, arrival, round).await);
            through.extend(through_gateway(&client, &url, arrival, round).await);
        }
        for (quantile_name, share) in [("p50", 0.5), ("p99", 0.99)] {
            let (through, direct) = (
                quantile(&mut through, share),
                quantile(&mut straight, share),
            );
            println!(
                "{name} rate, {quantile_name}: through the gateway {through:.2} ms, \
                 direct {direct:.2} ms, added {:.2} ms",
                through - direct
            );
            report.insert(
                format!("{name}_{quantile_name}"),
                json!({ "waybill_ms": through, "direct_ms": direct, "added_ms": through - direct }),
            );
        }
    }
    drop(gateway);
    Value::Object(report)
}

/// How calls come.
#[derive(Clone, Copy)]
enum Arrival {
    Constant,
    Random,
}

/// When each call of a round starts, counted from its beginning; the same in every run.
fn starts(arrival: Arrival, round: u64) -> impl Iterator<Item = Duration> {
    use rand::{Rng, SeedableRng};
    let mut random = rand::rngs::SmallRng::seed_from_u64(round);
    let mean = CARRIER.as_secs_f64() / f64::from(IN_FLIGHT);
    let mut at = 0.0;
    (0..CALLS).map(move |_| {
        at += mean
            * match arrival {
                Arrival::Constant => 1.0,
                Arrival::Random => -(1.0 - random.random::<f64>()).ln(),
            };
        Duration::from_secs_f64(at)
    })
}

/// Makes the calls of a round, each at its moment, and returns how many milliseconds each took.
async fn paced<F: Future<Output = ()> + Send + 'static>(
    arrival: Arrival,
    round: u64,
    call: impl Fn(u64) -> F,
) -> Vec<f64> {
    let mut calls = tokio::task::JoinSet::new();
    let begun = Instant::now();
    for (start, index) in starts(arrival, round).zip(0..) {
        tokio::time::sleep_until((begun + start).into()).await;
        let call = call(round * CALLS + index);
        calls.spawn(async move {
            call.await;
            // From the moment at which it should have started.
            (begun.elapsed() - start).as_secs_f64() * 1_000.0
        });
    }
    calls.join_all().await
}

/// Asks with the client that asks the carrier directly, and like there takes the answer as bytes:
/// what decoding costs a caller is not the gateway's.
async fn through_gateway(
    client: &reqwest::Client,
    url: &str,
    arrival: Arrival,
    round: u64,
) -> Vec<f64> {
    paced(arrival, round, |index| {
        let request = v1::TrackRequest {
            tracking_number: ups_load_number(index),
            ..Default::default()
        };
        let call = client
            .post(url)
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(frame(&request.encode_to_vec()));
        async move {
            let answer = call.send().await.unwrap().bytes().await.unwrap();
            // A failed call has no message.
            assert!(answer.len() > RECORD, "an answer of {} bytes", answer.len());
        }
    })
    .await
}

async fn direct(client: &reqwest::Client, base: &str, arrival: Arrival, round: u64) -> Vec<f64> {
    paced(arrival, round, |index| {
        let url = format!("{base}/api/track/v1/details/{}", ups_load_number(index));
        let client = client.clone();
        async move {
            let response = client.get(url).send().await.unwrap();
            assert!(response.status().is_success());
            response.bytes().await.unwrap();
        }
    })
    .await
}
