//! What the gateway adds to a carrier that answers after 50 ms, 64 calls in flight.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use waybill::v1;
use waybill::v1::tracking_service_client::TrackingServiceClient;
use waybill_simulator::{Options, Simulator, dhl_load_number, ups_load_number};

use crate::quantile;

const CARRIER: Duration = Duration::from_millis(50);
/// In flight at each of the two carriers: the bulkhead's size.
const WIDTH: u64 = 32;
const ROUNDS: u64 = 40;

pub(crate) fn run() -> Value {
    // The machine has two cores: the carriers and callers on one, the gateway on the other, as
    // far as the scheduler allows.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.unwrap().block_on(measure())
}

async fn measure() -> Value {
    let simulator = Simulator::start(Options {
        elapsed: Duration::from_secs(72 * 3_600),
        ..Options::live(0.0)
    });
    let simulator = simulator.await.unwrap();
    let limits = "limits = { per_second = 100000, burst = 100000, per_day = 0, min_interval = \"0s\" }";
    let text = format!(
        "[dhl]\nbase_url = \"{}\"\napi_key = \"{}\"\n{limits}\n[ups]\nbase_url = \"{}\"\nclient_id = \"{}\"\nclient_secret = \"{}\"\n{limits}",
        simulator.dhl().base_url(),
        simulator.dhl().api_key(),
        simulator.ups().base_url(),
        simulator.ups().client_id(),
        simulator.ups().client_secret(),
    );
    let mut config = waybill::config::Config::default();
    for (id, section) in text.parse::<toml::Table>().unwrap() {
        config.sources.insert(id, section.as_table().unwrap().clone());
    }
    config.server.listen = "127.0.0.1:0".parse().unwrap();
    config.server.side = "127.0.0.1:0".parse().unwrap();
    let registry = waybill_core::registry::Registry::new(waybill_adapters::ALL);
    let clock = waybill::clock::Clock::system();
    let app = waybill::app::start(config, registry, clock).await.unwrap();
    let url = format!("http://{}", app.address);
    let channel = tonic::transport::Channel::from_shared(url).unwrap().connect().await.unwrap();
    let client = TrackingServiceClient::new(channel);
    // Token, connections and code tables are there before the clock starts.
    round(&client, 1_000_000).await;
    simulator.dhl().set_latency(CARRIER);
    simulator.ups().set_latency(CARRIER);
    round(&client, 2_000_000).await;

    let waybill_core_http = Arc::new(direct_client());
    let (mut through, mut direct) = (Vec::new(), Vec::new());
    for at in 0..ROUNDS {
        direct.extend(direct_round(&waybill_core_http, &simulator).await);
        through.extend(round(&client, at * WIDTH).await);
    }
    let mut report = serde_json::Map::new();
    for (name, share) in [("p50", 0.5), ("p99", 0.99)] {
        let (through, direct) = (quantile(&mut through, share), quantile(&mut direct, share));
        println!("{name}: through the gateway {through:.2} ms, direct {direct:.2} ms, added {:.2} ms", through - direct);
        report.insert(name.to_owned(), json!({
            "waybill_ms": through, "direct_ms": direct, "added_ms": through - direct,
        }));
    }
    app.stop().await;
    simulator.stop().await;
    Value::Object(report)
}

/// One call per place in flight, each for a number that nobody has asked for; milliseconds each.
async fn round(client: &TrackingServiceClient<tonic::transport::Channel>, from: u64) -> Vec<f64> {
    let mut calls = tokio::task::JoinSet::new();
    for index in from..from + WIDTH {
        for number in [dhl_load_number(index), ups_load_number(index)] {
            let mut client = client.clone();
            calls.spawn(async move {
                let request = v1::TrackRequest { tracking_number: number, ..Default::default() };
                let started = Instant::now();
                let response = client.track(request).await.unwrap().into_inner();
                assert_eq!(response.shipments.len(), 1);
                started.elapsed().as_secs_f64() * 1_000.0
            });
        }
    }
    calls.join_all().await
}

fn direct_client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// The same load on the carrier itself; milliseconds each.
async fn direct_round(client: &Arc<reqwest::Client>, simulator: &Simulator) -> Vec<f64> {
    let mut calls = tokio::task::JoinSet::new();
    for index in 0..WIDTH * 2 {
        let client = Arc::clone(client);
        let url = format!(
            "{}/shipments?trackingNumber={}",
            simulator.dhl().base_url(),
            dhl_load_number(3_000_000 + index)
        );
        let key = simulator.dhl().api_key();
        calls.spawn(async move {
            let started = Instant::now();
            let response = client.get(url).header("DHL-API-Key", key).send().await.unwrap();
            assert!(response.status().is_success());
            response.bytes().await.unwrap();
            started.elapsed().as_secs_f64() * 1_000.0
        });
    }
    calls.join_all().await
}
