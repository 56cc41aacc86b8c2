//! Pushes of the simulated carriers to a gateway under test.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use tonic::Code;
use waybill::config::Config;
use waybill::v1;
use waybill_simulator::{Push, Source};

use super::{World, client, every, track};

/// A gateway that knows every source and takes pushes.
pub async fn world(change: impl FnOnce(&mut Config)) -> World {
    every::world(|config| {
        config.push.listen = "127.0.0.1:0".to_owned();
        change(config);
    })
    .await
}

pub fn fake<'a>(world: &'a World, source: &str) -> &'a dyn Source {
    world.simulator.source(source).unwrap()
}

/// What a source would push of a number now.
pub fn push_of(world: &World, source: &str, number: &str) -> Push {
    fake(world, source).push(number).unwrap()
}

/// Posts a push to the path of its source.
pub async fn send(world: &World, source: &str, push: &Push) -> (StatusCode, Bytes) {
    send_to(world.app.push.unwrap(), source, push).await
}

pub async fn send_to(to: SocketAddr, source: &str, push: &Push) -> (StatusCode, Bytes) {
    let path = format!("/push/{source}");
    let sent = push.send(to, &path);
    let sent = tokio::time::timeout(Duration::from_secs(20), sent).await;
    sent.expect("an answer in time").unwrap()
}

/// The record of a number as it is held, without asking anybody.
pub async fn held(address: SocketAddr, number: &str) -> Option<v1::Shipment> {
    let request = v1::TrackRequest {
        cache_only: true,
        view: v1::ShipmentView::Full as i32,
        ..track(number)
    };
    match client(address).await.track(request).await {
        Ok(answer) => answer.into_inner().shipments.into_iter().next(),
        Err(status) => {
            assert_ne!(status.code(), Code::Internal, "{status}");
            None
        }
    }
}

/// Waits until there is a record of a number.
pub async fn record(world: &World, number: &str) -> v1::Shipment {
    let mut found = None;
    super::eventually("the push is in the record", async || {
        found = held(world.app.address, number).await;
        found.is_some()
    })
    .await;
    found.unwrap()
}

/// Value of a counter or gauge with these labels.
pub async fn metric(world: &World, series: &str) -> u64 {
    let text = super::side(world, "/metrics").await;
    let line = text.lines().find_map(|line| line.strip_prefix(series));
    line.map_or(0, |value| value.trim().parse().unwrap())
}

/// A number of which a source can push something.
pub fn number(world: &World, source: &str) -> String {
    let fake = fake(world, source);
    let scenarios = fake.scenarios().into_iter();
    let mut numbers = scenarios.map(|scenario| scenario.number.to_owned());
    numbers.find(|number| fake.push(number).is_some()).unwrap()
}
