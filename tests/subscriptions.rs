//! Sources that push are told which shipments are followed, before they forget it, and when nobody
//! follows any more.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

mod common;

use std::time::Duration;

use common::push::metric;
use common::watching::register;
use common::{ANY, World, client, eventually, every, registry, simulator};
use http::StatusCode;
use waybill::clock::Clock;
use waybill::config::Config;
use waybill::v1;
use waybill_simulator::{ErrorBody, Fault, Kind, Target};

const DAY: Duration = Duration::from_secs(86_400);
/// Quotas fill up by the gateway's clock, which stands still by itself.
const TICK: Duration = Duration::from_millis(100);

/// A gateway that takes pushes of these sources, with a clock that the test moves.
async fn world(sources: &[&str], change: impl FnOnce(&mut Config)) -> World {
    waybill::http::install_crypto();
    let simulator = simulator(Duration::ZERO).await;
    let mut config = Config::default();
    for source in sources {
        let section = every::section(simulator.source(source).unwrap());
        config.sources.insert((*source).to_owned(), section);
    }
    config.server.listen = ANY;
    config.server.side = ANY;
    config.push.listen = "127.0.0.1:0".to_owned();
    change(&mut config);
    let clock = Clock::manual(simulator.clock().now());
    let app = waybill::app::start(config, registry(), clock.clone());
    let app = app.await.unwrap();
    World {
        simulator,
        app,
        clock,
    }
}

fn pass(world: &World, by: Duration) {
    world.simulator.advance(by);
    world.clock.advance(by);
}

/// A parcel that is on its way for a long time.
fn waiting(world: &World, source: &str) -> String {
    let scenarios = world.simulator.source(source).unwrap().scenarios();
    let found = scenarios.into_iter().find(|it| it.name == "label-only");
    found
        .expect("a parcel nobody has scanned")
        .number
        .to_owned()
}

async fn outcomes(world: &World, source: &str, outcome: &str) -> u64 {
    let labels = format!("{{source=\"{source}\",outcome=\"{outcome}\"}}");
    metric(world, &format!("waybill_subscriptions_total{labels}")).await
}

async fn id_of(world: &World, number: &str) -> String {
    let request = v1::TrackRequest {
        cache_only: true,
        ..common::track(number)
    };
    let answer = client(world.app.address).await.track(request).await;
    answer.unwrap().into_inner().shipments.remove(0).id
}

#[tokio::test]
async fn a_followed_shipment_is_subscribed_once_and_renewed_before_the_subscription_ends() {
    let world = world(&["ups"], |_| {}).await;
    let number = waiting(&world, "ups");
    let until = |world: &World| world.simulator.ups().subscribed_until(&number);
    assert_eq!(until(&world), None);
    register(
        world.app.address,
        std::slice::from_ref(&number),
        ("team", "a"),
    )
    .await;
    eventually("it is subscribed", async || until(&world).is_some()).await;
    let first = until(&world).unwrap();

    // Polls come and go, and the subscription is left alone.
    for _ in 0..3 {
        let polls = world.simulator.ups().requests_for(&number);
        pass(&world, DAY);
        eventually("it is polled", async || {
            pass(&world, TICK);
            world.simulator.ups().requests_for(&number) > polls
        })
        .await;
        eventually("it is over", async || {
            let now = world.clock.now().as_millisecond();
            let overview = world.app.scheduler.overview(10).await.unwrap();
            overview.upcoming.iter().all(|item| item.due > now)
        })
        .await;
    }
    assert_eq!(until(&world), Some(first), "once is enough");

    pass(&world, 10 * DAY);
    eventually("it is renewed", async || {
        pass(&world, TICK);
        until(&world) > Some(first)
    })
    .await;
    let left = first.duration_since(world.clock.now());
    assert!(left.is_positive(), "while the old one lasts");
    assert_eq!(outcomes(&world, "ups", "started").await, 1);
    world.stop().await;
}

#[tokio::test]
async fn a_source_that_fails_is_asked_again_at_a_later_poll() {
    let world = world(&["ups"], |_| {}).await;
    let number = waiting(&world, "ups");
    let ups = world.simulator.source("ups").unwrap();
    let broken = Fault::Status(StatusCode::SERVICE_UNAVAILABLE, ErrorBody::Html);
    ups.arm(Target::Api, Some(broken), None);
    register(
        world.app.address,
        std::slice::from_ref(&number),
        ("team", "a"),
    )
    .await;
    eventually("it failed", async || {
        outcomes(&world, "ups", "failed").await > 0
    })
    .await;
    ups.arm(Target::Api, None, None);
    let subscribed = || world.simulator.ups().subscribed_until(&number);
    assert_eq!(subscribed(), None);
    eventually("it is subscribed later", async || {
        pass(&world, Duration::from_mins(10));
        tokio::time::sleep(TICK).await;
        subscribed().is_some()
    })
    .await;
    world.stop().await;
}

#[tokio::test]
async fn what_nobody_follows_any_more_is_ended_at_the_source() {
    let world = world(&["17track"], |config| config.routing.allow_paid = true).await;
    let fake = world.simulator.source("17track").unwrap();
    let number = fake.scenario("delivered").unwrap().number.to_owned();
    register(
        world.app.address,
        std::slice::from_ref(&number),
        ("team", "a"),
    )
    .await;
    eventually("it is subscribed", async || {
        outcomes(&world, "17track", "started").await == 1
    })
    .await;
    let request = v1::UnregisterShipmentRequest {
        id: id_of(&world, &number).await,
    };
    let mut client = client(world.app.address).await;
    client.unregister_shipment(request).await.unwrap();
    eventually("it has ended", async || {
        outcomes(&world, "17track", "ended").await == 1
    })
    .await;
    let last = fake.last_request_of(Kind::Other).unwrap();
    assert!(last.path.ends_with("/stoptrack"), "{}", last.path);
    world.stop().await;
}

#[tokio::test]
async fn a_gateway_that_takes_no_pushes_and_one_that_may_not_pay_subscribe_to_nothing() {
    for (source, pushes) in [("ups", false), ("17track", true)] {
        let world = world(&[source], |config| {
            if !pushes {
                config.push.listen.clear();
            }
        })
        .await;
        let fake = world.simulator.source(source).unwrap();
        let number = fake.scenarios()[0].number.to_owned();
        register(world.app.address, &[number], ("team", "a")).await;
        for _ in 0..5 {
            pass(&world, DAY);
            tokio::time::sleep(TICK).await;
        }
        for outcome in ["started", "failed", "refused"] {
            assert_eq!(outcomes(&world, source, outcome).await, 0, "{source}");
        }
        world.stop().await;
    }
}
