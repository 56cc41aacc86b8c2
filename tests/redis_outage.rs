//! Redis is killed, restarted, frozen and thawed under load: known shipments go on being answered,
//! and carriers are not asked more than a fifth of their quota instead.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests"
)]

mod common;

use std::time::Duration;

use common::redis::Redis;
use common::{World, eventually, side, track};
use tonic::transport::Channel;
use waybill::v1::tracking_service_client::TrackingServiceClient;
use waybill_simulator::{dhl_load_number, ups_load_number};

const KNOWN: u64 = 100;
const PER_SECOND: u64 = 200;

fn number(index: u64) -> String {
    if index.is_multiple_of(2) {
        dhl_load_number(index / 2)
    } else {
        ups_load_number(index / 2)
    }
}

/// Calls at a steady rate; how many there were and how many were answered with the shipment.
async fn load(client: &TrackingServiceClient<Channel>, seconds: u64) -> (usize, usize) {
    let mut ticks = tokio::time::interval(Duration::from_micros(1_000_000 / PER_SECOND));
    let mut calls = tokio::task::JoinSet::new();
    for at in 0..seconds * PER_SECOND {
        ticks.tick().await;
        let mut client = client.clone();
        calls.spawn(async move {
            let answer = client.track(track(&number(at % KNOWN))).await;
            answer.is_ok_and(|answer| answer.into_inner().shipments.len() == 1)
        });
    }
    let answers = calls.join_all().await;
    (
        answers.len(),
        answers.iter().filter(|answered| **answered).count(),
    )
}

async fn becomes(world: &World, state: &str) {
    eventually(state, async || {
        side(world, "/readyz").await.contains("cache") == (state == "degraded")
    })
    .await;
}

#[tokio::test]
async fn known_shipments_are_answered_while_redis_dies_and_comes_back() {
    let mut redis = Redis::start();
    let world = World::start(|config| {
        config.cache.redis = redis.url();
        // Whatever is known goes stale all the time, so that Redis and the carriers are needed.
        config.freshness.label = Duration::from_secs(1);
        config.freshness.transit = Duration::from_secs(1);
        config.freshness.out_for_delivery = Duration::from_secs(1);
        config.freshness.exception = Duration::from_secs(1);
        config.freshness.terminal = Duration::from_secs(1);
    })
    .await;
    let client = world.client().await;
    for index in 0..KNOWN {
        client.clone().track(track(&number(index))).await.unwrap();
    }
    becomes(&world, "working").await;
    let (mut calls, mut answered) = load(&client, 2).await;
    let mut add = |more: (usize, usize)| {
        calls += more.0;
        answered += more.1;
    };
    redis.kill();
    add(load(&client, 3).await);
    becomes(&world, "degraded").await;
    redis.restart();
    add(load(&client, 2).await);
    becomes(&world, "working").await;
    redis.freeze();
    add(load(&client, 3).await);
    becomes(&world, "degraded").await;
    redis.thaw();
    add(load(&client, 2).await);
    becomes(&world, "working").await;
    assert!(
        answered * 1_000 >= calls * 999,
        "{answered} of {calls} answered"
    );
    assert!(
        side(&world, "/metrics")
            .await
            .contains("waybill_cache_faults_total")
    );
    world.stop().await;
}

#[tokio::test]
async fn a_gateway_starts_without_its_redis_and_spares_the_quota() {
    let mut redis = Redis::start();
    redis.kill();
    let world = World::start(|config| {
        config.cache.redis = redis.url();
        let limits = config.sources.get_mut("dhl").unwrap()["limits"]
            .as_table_mut()
            .unwrap();
        limits.insert("per_day".into(), 50.into());
    })
    .await;
    becomes(&world, "degraded").await;
    let mut client = world.client().await;
    let (mut found, mut refused) = (0, 0);
    for index in 0..40 {
        match client.track(track(&dhl_load_number(index))).await {
            Ok(_) => found += 1,
            Err(status) => {
                assert_eq!(common::trailers(&status).0, "SOURCE_QUOTA");
                refused += 1;
            }
        }
    }
    assert_eq!(
        (found, refused),
        (10, 30),
        "a fifth of fifty a day, and not one more"
    );
    assert_eq!(world.simulator.dhl().requests(), 10);

    redis.restart();
    becomes(&world, "working").await;
    client.track(track(&dhl_load_number(1_000))).await.unwrap();
    world.stop().await;
}

#[tokio::test]
async fn what_one_node_has_asked_another_does_not_ask_again() {
    let redis = Redis::start();
    let keys = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(keys.path(), [7_u8; 32]).unwrap();
    let world = World::start(|config| {
        config.cache.redis = redis.url();
        config.store.key_file = keys.path().to_owned();
    })
    .await;
    let mut config = common::config(&world.simulator);
    config.cache.redis = redis.url();
    config.store.key_file = keys.path().to_owned();
    let other = waybill::app::start(config, common::registry(), world.clock.clone())
        .await
        .unwrap();
    becomes(&world, "working").await;

    let number = world.ups_number("delivered");
    let mut here = world.client().await;
    let first = here.track(track(&number)).await.unwrap().into_inner();
    // Writes to Redis are not waited for by callers, but here the other node must find one.
    eventually("the answer is in Redis", async || {
        let client = ::redis::Client::open(redis.url()).unwrap();
        let mut connection = client.get_connection().unwrap();
        ::redis::cmd("DBSIZE")
            .query::<u64>(&mut connection)
            .unwrap()
            == 1
    })
    .await;
    let mut there = common::client(other.address).await;
    eventually("the answer is shared", async || {
        let answer = there.track(track(&number)).await.unwrap().into_inner();
        let record = &answer.shipments[0];
        assert_eq!(
            record.id, first.shipments[0].id,
            "the same id on every node"
        );
        assert_eq!(
            record.etag, first.shipments[0].etag,
            "the same record on every node"
        );
        true
    })
    .await;
    assert_eq!(world.simulator.ups().requests_for(&number), 1);
    other.stop().await;
    world.stop().await;
}
