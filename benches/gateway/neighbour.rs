//! UPS calls while DHL is well, and while DHL hangs under the same load.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use waybill::v1;
use waybill::v1::tracking_service_client::TrackingServiceClient;
use waybill_simulator::{Fault, dhl_load_number, ups_load_number};

use crate::quantile;
use crate::world::World;

const ROUNDS: u64 = 6;
const CALLS: u64 = 1_000;
const WIDTH: u64 = 16;

pub(crate) fn run() -> Value {
    tokio::runtime::Runtime::new().unwrap().block_on(measure())
}

async fn measure() -> Value {
    let world = World::start(|_| {}).await;
    world.simulator.ups().set_latency(Duration::from_millis(20));
    world.simulator.dhl().set_latency(Duration::from_millis(20));
    let client = world.client().await;
    let (mut well, mut sick) = (Vec::new(), Vec::new());
    round(&client, 900_000).await;
    for at in 0..ROUNDS {
        let from = at * 2 * CALLS;
        well.extend(round(&client, from).await);
        world.simulator.dhl().set_fault(Some(Fault::Hang));
        sick.extend(round(&client, from + CALLS).await);
        world.simulator.dhl().set_fault(None);
    }
    let mut report = serde_json::Map::new();
    for (name, share) in [("p50", 0.5), ("p99", 0.99)] {
        let (well, sick) = (quantile(&mut well, share), quantile(&mut sick, share));
        println!(
            "UPS {name}: {well:.2} ms while DHL is well, {sick:.2} ms while it hangs ({:+.2} ms)",
            sick - well
        );
        report.insert(
            name.to_owned(),
            json!({ "dhl_well_ms": well, "dhl_hangs_ms": sick }),
        );
    }
    world.stop().await;
    Value::Object(report)
}

/// UPS calls, and as many DHL calls beside them that nobody times; milliseconds of the UPS calls.
async fn round(client: &TrackingServiceClient<tonic::transport::Channel>, from: u64) -> Vec<f64> {
    let mut dhl = tokio::task::JoinSet::new();
    let mut ups = tokio::task::JoinSet::new();
    for lane in 0..WIDTH {
        let mut side = client.clone();
        dhl.spawn(async move {
            for index in (from..from + CALLS)
                .skip(lane as usize)
                .step_by(WIDTH as usize)
            {
                let mut request = tonic::Request::new(v1::TrackRequest {
                    tracking_number: dhl_load_number(index),
                    ..Default::default()
                });
                request.set_timeout(Duration::from_secs(1));
                // Whether it is answered is not what is measured here.
                let _either = side.track(request).await;
            }
        });
        let mut client = client.clone();
        ups.spawn(async move {
            let mut times = Vec::new();
            for index in (from..from + CALLS)
                .skip(lane as usize)
                .step_by(WIDTH as usize)
            {
                let request = v1::TrackRequest {
                    tracking_number: ups_load_number(index),
                    ..Default::default()
                };
                let started = Instant::now();
                client.track(request).await.unwrap();
                times.push(started.elapsed().as_secs_f64() * 1_000.0);
            }
            times
        });
    }
    let times = ups.join_all().await.concat();
    dhl.abort_all();
    times
}
