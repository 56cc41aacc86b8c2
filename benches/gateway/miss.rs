//! What the gateway adds to a carrier that answers after 50 ms, 64 calls in flight.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use waybill::v1;
use waybill::v1::tracking_service_client::TrackingServiceClient;
use waybill_simulator::{Simulator, dhl_load_number, ups_load_number};

use crate::quantile;
use crate::world::World;

const CARRIER: Duration = Duration::from_millis(50);
/// In flight at each of the two carriers: the bulkhead's size.
const WIDTH: u64 = 32;
const ROUNDS: u64 = 40;

pub(crate) fn run() -> Value {
    // The machine has two cores: the carriers and callers on one, the gateway on the other, as
    // far as the scheduler allows.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    runtime.unwrap().block_on(measure())
}

async fn measure() -> Value {
    let world = World::start(|_| {}).await;
    let (simulator, client) = (&world.simulator, world.client().await);
    // Token, connections and code tables are there before the clock starts.
    round(&client, 1_000_000).await;
    simulator.dhl().set_latency(CARRIER);
    simulator.ups().set_latency(CARRIER);
    round(&client, 2_000_000).await;

    let carrier = crate::world::http();
    let (mut through, mut direct) = (Vec::new(), Vec::new());
    for at in 0..ROUNDS {
        direct.extend(direct_round(&carrier, simulator).await);
        through.extend(round(&client, at * WIDTH).await);
    }
    let mut report = serde_json::Map::new();
    for (name, share) in [("p50", 0.5), ("p99", 0.99)] {
        let (through, direct) = (quantile(&mut through, share), quantile(&mut direct, share));
        println!(
            "{name}: through the gateway {through:.2} ms, direct {direct:.2} ms, added {:.2} ms",
            through - direct
        );
        report.insert(
            name.to_owned(),
            json!({
                "waybill_ms": through, "direct_ms": direct, "added_ms": through - direct,
            }),
        );
    }
    world.stop().await;
    Value::Object(report)
}

/// One call per place in flight, each for a number that nobody has asked for; milliseconds each.
async fn round(client: &TrackingServiceClient<tonic::transport::Channel>, from: u64) -> Vec<f64> {
    let mut calls = tokio::task::JoinSet::new();
    for index in from..from + WIDTH {
        for number in [dhl_load_number(index), ups_load_number(index)] {
            let mut client = client.clone();
            calls.spawn(async move {
                let request = v1::TrackRequest {
                    tracking_number: number,
                    ..Default::default()
                };
                let started = Instant::now();
                let response = client.track(request).await.unwrap().into_inner();
                assert_eq!(response.shipments.len(), 1);
                started.elapsed().as_secs_f64() * 1_000.0
            });
        }
    }
    calls.join_all().await
}

/// The same load on the carrier itself; milliseconds each.
async fn direct_round(client: &reqwest::Client, simulator: &Simulator) -> Vec<f64> {
    let mut calls = tokio::task::JoinSet::new();
    for index in 0..WIDTH * 2 {
        let client = client.clone();
        let url = format!(
            "{}/shipments?trackingNumber={}",
            simulator.dhl().base_url(),
            dhl_load_number(3_000_000 + index)
        );
        let key = simulator.dhl().api_key();
        calls.spawn(async move {
            let started = Instant::now();
            let response = client
                .get(url)
                .header("DHL-API-Key", key)
                .send()
                .await
                .unwrap();
            assert!(response.status().is_success());
            response.bytes().await.unwrap();
            started.elapsed().as_secs_f64() * 1_000.0
        });
    }
    calls.join_all().await
}
