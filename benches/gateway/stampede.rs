//! 10,000 concurrent misses of one number: how many requests reach the carrier.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use waybill::v1;
use waybill::v1::tracking_service_client::TrackingServiceClient;
use waybill_simulator::ups_load_number;

use crate::world::World;

const CALLERS: usize = 10_000;
const CONNECTIONS: usize = 100;

pub(crate) fn run() -> Value {
    tokio::runtime::Runtime::new().unwrap().block_on(measure())
}

async fn measure() -> Value {
    // All of them are let in: whom a busy gateway turns away is not what this is about.
    let world = World::start(|config| {
        config.load.requests = 4 * u32::try_from(CALLERS).unwrap();
    })
    .await;
    let (simulator, app) = (&world.simulator, &world.app);
    simulator.ups().set_latency(Duration::from_millis(500));
    let number = ups_load_number(7);
    let mut clients = Vec::new();
    for _ in 0..CONNECTIONS {
        let url = format!("http://{}", app.address);
        let channel = tonic::transport::Channel::from_shared(url)
            .unwrap()
            .connect()
            .await
            .unwrap();
        clients.push(TrackingServiceClient::new(channel));
    }
    let started = Instant::now();
    let mut calls = tokio::task::JoinSet::new();
    for caller in 0..CALLERS {
        let mut client = clients[caller % CONNECTIONS].clone();
        let number = number.clone();
        calls.spawn(async move {
            let request = v1::TrackRequest {
                tracking_number: number,
                ..Default::default()
            };
            client
                .track(request)
                .await
                .map(|response| response.into_inner().shipments.len())
        });
    }
    let answers = calls.join_all().await;
    let answered = answers
        .iter()
        .filter(|answer| matches!(answer, Ok(1)))
        .count();
    let requests = simulator.ups().requests_for(&number);
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "{CALLERS} callers, {answered} answered, {requests} carrier request(s), {seconds:.2} s"
    );
    world.stop().await;
    json!({ "callers": CALLERS, "answered": answered, "carrier_requests": requests, "seconds": seconds })
}
