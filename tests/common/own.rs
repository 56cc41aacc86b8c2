//! Events of own systems, sent and looked at.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::net::SocketAddr;
use std::time::Duration;

use waybill::app;
use waybill::clock::Clock;
use waybill::config::Config;
use waybill::v1::ingest_service_client::IngestServiceClient;
use waybill::v1::{self, EventCode, QualityFindingKind};
use waybill_simulator::{Options, Simulator};

use super::{World, channel, config, registry, track};

/// A number that no carrier of these tests knows, and no format points to.
pub const NUMBER: &str = "WHNUMBER0001";
pub const ORDER: (&str, &str) = ("shop-a", "#1001/7");
/// Start of the scripts of [`Simulator`], 2026-03-02.
pub const START: i64 = 1_772_438_400;

pub fn key((platform, order_id): (&str, &str)) -> v1::OrderKey {
    v1::OrderKey {
        platform: platform.to_owned(),
        order_id: order_id.to_owned(),
    }
}

pub fn local(text: &str) -> Option<v1::EventTime> {
    Some(v1::EventTime {
        local_time: text.to_owned(),
        ..Default::default()
    })
}

/// An event with a stated offset.
pub fn event(id: &str, number: &str, code: EventCode, time: &str) -> v1::IngestEvent {
    v1::IngestEvent {
        client_event_id: id.to_owned(),
        tracking_number: number.to_owned(),
        code: code as i32,
        time: local(time),
        ..Default::default()
    }
}

pub fn of_order(order: (&str, &str), event: v1::IngestEvent) -> v1::IngestEvent {
    v1::IngestEvent {
        order: Some(key(order)),
        ..event
    }
}

pub fn packed(id: &str, number: &str) -> v1::IngestEvent {
    let time = "2026-03-02T06:00:00Z";
    event(id, number, EventCode::AwaitingHandover, time)
}

pub fn full(number: &str) -> v1::TrackRequest {
    v1::TrackRequest {
        view: v1::ShipmentView::Full as i32,
        ..track(number)
    }
}

pub fn full_order(order: (&str, &str)) -> v1::TrackRequest {
    v1::TrackRequest {
        order: Some(key(order)),
        ..full("")
    }
}

pub async fn send(address: SocketAddr, events: Vec<v1::IngestEvent>) -> v1::IngestEventsResponse {
    let mut client = IngestServiceClient::new(channel(address).await);
    let request = v1::IngestEventsRequest {
        events,
        ..Default::default()
    };
    client.ingest_events(request).await.unwrap().into_inner()
}

/// Sends events that are all taken, and returns the shipments of each.
pub async fn sent(address: SocketAddr, events: Vec<v1::IngestEvent>) -> Vec<Vec<String>> {
    let response = send(address, events).await;
    let shipments = response.results.into_iter().map(|result| {
        assert_eq!(result.error, None);
        result.shipment_ids
    });
    shipments.collect()
}

pub async fn tracked(address: SocketAddr, request: v1::TrackRequest) -> Vec<v1::Shipment> {
    let mut client = super::client(address).await;
    let found = client.track(request).await.unwrap().into_inner();
    found.shipments
}

pub async fn the_one(address: SocketAddr, request: v1::TrackRequest) -> v1::Shipment {
    let mut found = tracked(address, request).await;
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

pub fn codes(shipment: &v1::Shipment) -> Vec<EventCode> {
    let codes = shipment.events.iter().rev().map(|event| event.code());
    codes.collect()
}

pub fn finds(shipment: &v1::Shipment, kind: QualityFindingKind) -> bool {
    shipment.findings.iter().any(|one| one.kind() == kind)
}

/// A gateway and carriers whose clocks stand until they are moved.
pub async fn standing(change: impl FnOnce(&mut Config)) -> World {
    let simulator = Simulator::start(Options::default()).await.unwrap();
    let mut config = config(&simulator);
    change(&mut config);
    let clock = Clock::manual(jiff::Timestamp::from_second(START).unwrap());
    let app = app::start(config, registry(), clock.clone()).await.unwrap();
    World {
        simulator,
        app,
        clock,
    }
}

pub fn advance(world: &World, hours: u64) {
    let by = Duration::from_secs(hours * 3_600);
    world.clock.advance(by);
    world.simulator.advance(by);
}
