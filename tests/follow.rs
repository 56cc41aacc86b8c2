//! `Follow`: the snapshot, and then every change, whoever causes it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests"
)]

mod common;

use std::collections::BTreeMap;
use std::time::Duration;

use common::{World, ask, span, trailers};
use tonic::{Code, Streaming};
use waybill::v1::watch_message::Kind;
use waybill::v1::{self, ErrorReason, GoingAwayReason, ShipmentStatus, WatchChange};

fn by_number(number: &str) -> v1::ShipmentKey {
    v1::ShipmentKey {
        key: Some(v1::shipment_key::Key::TrackingNumber(number.to_owned())),
        ..Default::default()
    }
}

fn follow(keys: Vec<v1::ShipmentKey>) -> v1::FollowRequest {
    v1::FollowRequest {
        open: Some(v1::WatchOpen {
            target: Some(v1::watch_open::Target::Shipments(v1::WatchShipments {
                shipments: keys,
            })),
            ..Default::default()
        }),
    }
}

async fn next(stream: &mut Streaming<v1::WatchMessage>) -> (u64, Kind) {
    let message = tokio::time::timeout(Duration::from_secs(20), stream.message());
    let message = message
        .await
        .expect("a message in time")
        .unwrap()
        .expect("the stream goes on");
    (message.sequence, message.kind.unwrap())
}

/// Reads up to and including `synced`; returns the snapshot and what was rejected.
async fn snapshot(
    stream: &mut Streaming<v1::WatchMessage>,
) -> (Vec<v1::WatchUpdate>, Vec<v1::WatchRejected>) {
    let (mut updates, mut rejected) = (Vec::new(), Vec::new());
    let (sequence, first) = next(stream).await;
    assert_eq!(sequence, 1);
    let Kind::Opened(opened) = first else {
        panic!("opened comes first, not {first:?}")
    };
    assert!(!opened.server_id.is_empty());
    assert!(opened.max_stream_age.unwrap().seconds > 0);
    loop {
        match next(stream).await.1 {
            Kind::Update(update) => updates.push(update),
            Kind::Rejected(rejection) => rejected.push(rejection),
            Kind::Synced(synced) => {
                assert_eq!(synced.shipment_count as usize, updates.len());
                return (updates, rejected);
            }
            other => panic!("unexpected in a snapshot: {other:?}"),
        }
    }
}

async fn update(stream: &mut Streaming<v1::WatchMessage>) -> v1::WatchUpdate {
    loop {
        if let Kind::Update(update) = next(stream).await.1 {
            return update;
        }
    }
}

#[tokio::test]
async fn another_callers_track_reaches_the_stream() {
    let world = World::start_at(Duration::from_secs(3_600), |_| {}).await;
    let mut client = world.client().await;
    let number = world.ups_number("delivered");
    let mut stream = client
        .follow(follow(vec![by_number(&number)]))
        .await
        .unwrap()
        .into_inner();
    let (updates, _) = snapshot(&mut stream).await;
    let held = updates[0].shipment.clone().unwrap();
    assert_eq!(updates[0].change(), WatchChange::Snapshot);
    assert_eq!(updates[0].previous_revision, 0);
    assert!(updates[0].new_event_ids.is_empty());
    assert_eq!(updates[0].requested.as_ref().unwrap(), &by_number(&number));

    world.simulator.advance(Duration::from_secs(100 * 3_600));
    client.track(ask(&number)).await.unwrap();
    let update = update(&mut stream).await;
    let record = update.shipment.unwrap();
    assert_eq!(update.change, WatchChange::Updated as i32);
    assert_eq!(record.id, held.id);
    assert_eq!(record.status(), ShipmentStatus::Delivered);
    assert_eq!(update.previous_revision, held.revision);
    assert_eq!(record.revision, held.revision + 1 + update.conflated_count);
    let news: Vec<_> = record
        .events
        .iter()
        .rev()
        .map(|event| event.id.clone())
        .collect();
    assert_eq!(
        update.new_event_ids,
        news[held.events.len()..],
        "what is new, oldest first"
    );
    world.stop().await;
}

#[tokio::test]
async fn the_stream_looks_by_itself_when_data_stops_being_fresh() {
    let world = World::start_at(Duration::from_secs(3_600), |config| {
        config.freshness.label = Duration::from_millis(200);
        config.freshness.transit = Duration::from_millis(200);
        config.freshness.not_found = Duration::from_millis(200);
        config.freshness.out_for_delivery = Duration::from_millis(200);
        config.freshness.exception = Duration::from_millis(200);
    })
    .await;
    let mut client = world.client().await;
    let number = world.dhl_number("delivered");
    let unknown = world.ups_number("not-found-yet");
    let keys = vec![by_number(&number), by_number(&unknown)];
    let mut stream = client.follow(follow(keys)).await.unwrap().into_inner();
    let (updates, rejected) = snapshot(&mut stream).await;
    assert_eq!(
        updates.len(),
        1,
        "an unknown number is followed all the same"
    );
    assert!(rejected.is_empty());
    world.simulator.advance(Duration::from_secs(200 * 3_600));
    let mut last: BTreeMap<String, v1::Shipment> = BTreeMap::new();
    while last.len() < 2 {
        let update = update(&mut stream).await;
        let record = update.shipment.unwrap();
        if let Some(before) = last.get(&record.tracking_number) {
            assert!(
                record.revision > before.revision,
                "revisions never go backwards"
            );
        }
        last.insert(record.tracking_number.clone(), record);
    }
    assert!(last[&number].terminal);
    assert!(last.contains_key(&unknown));
    world.stop().await;
}

#[tokio::test]
async fn a_key_that_cannot_be_followed_is_rejected_and_the_others_are_not() {
    let world = World::start(|_| {}).await;
    let mut client = world.client().await;
    let good = world.ups_number("delivered");
    let by_id = |id: &str| v1::ShipmentKey {
        key: Some(v1::shipment_key::Key::Id(id.to_owned())),
        ..Default::default()
    };
    let keys = vec![
        by_number("!"),
        by_number("ZZ99ZZ"),
        by_id(&"0".repeat(26)),
        by_id("short"),
        v1::ShipmentKey::default(),
        by_number(&good),
    ];
    let mut stream = client.follow(follow(keys)).await.unwrap().into_inner();
    let (updates, rejected) = snapshot(&mut stream).await;
    assert_eq!(updates.len(), 1);
    let mut reasons: Vec<_> = rejected
        .iter()
        .map(|rejected| rejected.error.as_ref().unwrap().reason())
        .collect();
    reasons.sort();
    assert_eq!(
        reasons,
        [
            ErrorReason::FieldInvalid,
            ErrorReason::FieldInvalid,
            ErrorReason::TrackingNumberInvalid,
            ErrorReason::NoSourceConfigured,
            ErrorReason::IdNotFound,
        ]
    );
    let id = updates[0].shipment.as_ref().unwrap().id.clone();
    let mut stream = client
        .follow(follow(vec![by_id(&id)]))
        .await
        .unwrap()
        .into_inner();
    let (updates, _) = snapshot(&mut stream).await;
    assert_eq!(updates[0].shipment.as_ref().unwrap().id, id);
    world.stop().await;
}

#[tokio::test]
async fn wrong_subscriptions_are_refused() {
    let world = World::start(|config| config.streams.count = 1).await;
    let mut client = world.client().await;
    let none = client
        .follow(v1::FollowRequest::default())
        .await
        .unwrap_err();
    assert_eq!(
        (none.code(), trailers(&none).0.as_str()),
        (Code::InvalidArgument, "FIELD_INVALID")
    );
    let empty = client.follow(follow(Vec::new())).await.unwrap_err();
    assert_eq!(empty.code(), Code::InvalidArgument);
    let number = world.ups_number("delivered");
    let first = client
        .follow(follow(vec![by_number(&number)]))
        .await
        .unwrap();
    let second = client
        .follow(follow(vec![by_number(&number)]))
        .await
        .unwrap_err();
    assert_eq!(second.code(), Code::ResourceExhausted);
    assert_eq!(trailers(&second).0, "WATCH_LIMIT");
    drop(first);
    common::eventually("the place is free again", async || {
        client
            .follow(follow(vec![by_number(&number)]))
            .await
            .is_ok()
    })
    .await;
    world.stop().await;
}

#[tokio::test]
async fn a_quiet_stream_sends_heartbeats_and_an_old_one_says_goodbye() {
    let world = World::start(|config| {
        config.streams.heartbeat = span(100);
        config.streams.max_age = span(1_500);
    })
    .await;
    let mut client = world.client().await;
    let number = world.ups_number("delivered");
    let mut stream = client
        .follow(follow(vec![by_number(&number)]))
        .await
        .unwrap()
        .into_inner();
    snapshot(&mut stream).await;
    let mut beats = 0;
    loop {
        match next(&mut stream).await.1 {
            Kind::Heartbeat(beat) => {
                assert!(beat.server_time.is_some());
                beats += 1;
            }
            Kind::GoingAway(going) => {
                assert_eq!(going.reason(), GoingAwayReason::MaxAge);
                assert!(going.reconnect_delay.is_some());
                break;
            }
            other => panic!("unexpected: {other:?}"),
        }
    }
    assert!(beats >= 3, "{beats} heartbeats");
    assert!(stream.message().await.unwrap().is_none(), "ends with OK");
    world.stop().await;
}

#[tokio::test]
async fn a_server_that_stops_says_so_on_every_stream() {
    let world = World::start(|_| {}).await;
    let mut client = world.client().await;
    let number = world.ups_number("delivered");
    let mut stream = client
        .follow(follow(vec![by_number(&number)]))
        .await
        .unwrap()
        .into_inner();
    snapshot(&mut stream).await;
    let stopping = tokio::spawn(world.app.stop());
    let Kind::GoingAway(going) = next(&mut stream).await.1 else {
        panic!("no goodbye")
    };
    assert_eq!(going.reason(), GoingAwayReason::Draining);
    assert!(stream.message().await.unwrap().is_none());
    stopping.await.unwrap();
}

#[tokio::test]
async fn a_reader_that_does_not_read_gets_the_newest_state_once() {
    let world = World::start_at(Duration::ZERO, |config| {
        config.freshness.label = Duration::from_millis(10);
        config.freshness.transit = Duration::from_millis(10);
    })
    .await;
    let mut client = world.client().await;
    let number = world.ups_number("delivered");
    world.simulator.advance(Duration::from_secs(1_800));
    let mut stream = client
        .follow(follow(vec![by_number(&number)]))
        .await
        .unwrap()
        .into_inner();
    snapshot(&mut stream).await;
    // Many changes while nobody reads.
    let mut newest = 0;
    for _ in 0..60 {
        world.simulator.advance(Duration::from_secs(2 * 3_600));
        let answer = client.track(ask(&number)).await.unwrap().into_inner();
        newest = answer
            .shipments
            .first()
            .map_or(newest, |record| record.revision);
    }
    let mut revision = 0;
    let mut messages = 0;
    while revision < newest {
        let update = update(&mut stream).await;
        let record = update.shipment.unwrap();
        assert!(record.revision > revision);
        if revision > 0 {
            assert_eq!(update.previous_revision, revision);
            assert_eq!(update.conflated_count, record.revision - revision - 1);
        }
        revision = record.revision;
        messages += 1;
    }
    assert!(messages <= newest);
    world.stop().await;
}
