//! One carrier is sick: the other does not notice, and known parcels are still answered.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests"
)]

mod common;

use std::time::{Duration, Instant};

use common::{World, ask, eventually, track};
use waybill::v1::{FreshnessState, SourceResult};
use waybill_simulator::{Fault, dhl_load_number, ups_load_number};

#[tokio::test]
async fn a_hanging_carrier_is_answered_from_the_store_then_tripped_then_probed_once() {
    let world = World::start(|config| {
        config.freshness.fault = Duration::from_millis(1);
        config.guard.retry.attempts = std::num::NonZeroU32::MIN;
        config.guard.breaker.base = Duration::from_millis(400);
        config.guard.breaker.max = Duration::from_millis(400);
        let limits = config.sources.get_mut("dhl").unwrap()["limits"]
            .as_table_mut()
            .unwrap();
        limits.insert("timeout".into(), "150ms".into());
    })
    .await;
    let mut client = world.client().await;
    let number = world.dhl_number("delivered");
    let known = client.track(track(&number)).await.unwrap().into_inner();
    world.simulator.dhl().set_fault(Some(Fault::Hang));

    let mut results = Vec::new();
    for _ in 0..40 {
        let mut request = tonic::Request::new(ask(&number));
        request.set_timeout(Duration::from_millis(1_000));
        let started = Instant::now();
        let answer = client.track(request).await.unwrap().into_inner();
        assert!(
            started.elapsed() < Duration::from_millis(1_000),
            "within its deadline"
        );
        assert_eq!(
            answer.shipments[0].id, known.shipments[0].id,
            "known parcels are answered"
        );
        let freshness = answer.freshness.unwrap();
        let result = answer.outcomes[0].result();
        if result == SourceResult::Timeout || result == SourceResult::Tripped {
            assert!(freshness.fetch_time.is_some(), "and say how old they are");
        }
        results.push(result);
        if result == SourceResult::Tripped {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(results.first(), Some(&SourceResult::Timeout), "{results:?}");
    assert_eq!(results.last(), Some(&SourceResult::Tripped), "{results:?}");
    assert!(results.len() <= 6, "five failures trip it: {results:?}");

    // Tripped: calls end at once and cost nothing.
    let before = world.simulator.dhl().requests();
    for _ in 0..20 {
        client.track(ask(&number)).await.unwrap();
    }
    assert!(
        world.simulator.dhl().requests() - before <= 1,
        "at most a probe"
    );

    // Recovered: one probe, then traffic.
    world.simulator.dhl().set_fault(None);
    eventually("the source is asked again", async || {
        let answer = client.track(ask(&number)).await.unwrap().into_inner();
        tokio::time::sleep(Duration::from_millis(5)).await;
        answer.outcomes[0].result() == SourceResult::Found
    })
    .await;
    for index in 0..20 {
        client.track(track(&dhl_load_number(index))).await.unwrap();
    }
    world.stop().await;
}

#[tokio::test]
async fn stale_data_says_that_its_sources_are_down() {
    let world = World::start(|config| {
        config.freshness.terminal = Duration::from_millis(1);
        config.freshness.stale_while_revalidate = 1;
        config.freshness.fault = Duration::from_millis(1);
        config.guard.retry.attempts = std::num::NonZeroU32::MIN;
    })
    .await;
    let mut client = world.client().await;
    let number = world.ups_number("delivered");
    let first = client.track(track(&number)).await.unwrap().into_inner();
    world.simulator.ups().down().await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    let answer = client.track(track(&number)).await.unwrap().into_inner();
    assert_eq!(answer.shipments[0].id, first.shipments[0].id);
    let freshness = answer.freshness.unwrap();
    assert_eq!(freshness.state(), FreshnessState::StaleSourcesDown);
    assert_eq!(answer.outcomes[0].result(), SourceResult::Unavailable);
    assert!(answer.outcomes[0].error.is_some());
    world.simulator.ups().up().await.unwrap();
    world.stop().await;
}

#[tokio::test]
async fn stale_data_is_answered_at_once_and_refreshed_behind() {
    let world = World::start(|config| {
        config.freshness.transit = Duration::from_millis(30);
        config.freshness.out_for_delivery = Duration::from_millis(30);
        config.freshness.exception = Duration::from_millis(30);
        config.freshness.stale_while_revalidate = 10_000;
    })
    .await;
    let mut client = world.client().await;
    let number = world.ups_number("in-transit");
    client.track(track(&number)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(60)).await;
    world
        .simulator
        .ups()
        .set_fault(Some(Fault::Slow(Duration::from_millis(1_500))));
    let asked = world.simulator.ups().requests_for(&number);
    let started = Instant::now();
    let answer = client.track(track(&number)).await.unwrap().into_inner();
    assert!(
        started.elapsed() < Duration::from_millis(1_000),
        "nobody waits for the refresh"
    );
    let freshness = answer.freshness.unwrap();
    assert_eq!(freshness.state(), FreshnessState::Stale);
    assert!(freshness.revalidating);
    assert_eq!(answer.outcomes[0].result(), SourceResult::StillRunning);
    eventually("the refresh happens behind", async || {
        world.simulator.ups().requests_for(&number) > asked
    })
    .await;
    world.stop().await;
}

#[tokio::test]
async fn ten_thousand_callers_of_one_unknown_number_are_one_request() {
    let world = World::start(|_| {}).await;
    world
        .simulator
        .ups()
        .set_latency(Duration::from_millis(300));
    // The token is there already; what is counted is questions about the number.
    let mut client = world.client().await;
    client.track(track(&ups_load_number(1))).await.unwrap();

    let number = ups_load_number(2);
    let pipeline = world.app.pipeline.clone();
    let lookup = waybill::pipeline::LookupOptions {
        tenant: "local".to_owned(),
        hints: waybill_core::adapter::Hints::default(),
        max_age: None,
        cache_only: false,
        wait_for_all: false,
        allow_paid: false,
        sources: Vec::new(),
        deadline: tokio::time::Instant::now() + Duration::from_secs(20),
        priority: waybill::guard::Priority::Interactive,
    }
    .lookup(
        waybill_core::number::TrackingNumber::parse(&number)
            .unwrap()
            .into(),
        String::new(),
    );
    // The first caller leaves before there is an answer.
    let first = tokio::spawn({
        let (pipeline, lookup) = (pipeline.clone(), lookup.clone());
        async move { pipeline.track(&lookup).await.is_ok() }
    });
    eventually("the carrier has been asked", async || {
        world.simulator.ups().requests_for(&number) == 1
    })
    .await;
    first.abort();
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..10_000 {
        let (pipeline, lookup) = (pipeline.clone(), lookup.clone());
        callers.spawn(async move { pipeline.track(&lookup).await.unwrap().shipments.len() });
    }
    while let Some(found) = callers.join_next().await {
        assert_eq!(found.unwrap(), 1);
    }
    assert_eq!(world.simulator.ups().requests_for(&number), 1);
    world.stop().await;
}

#[tokio::test]
async fn what_is_still_running_reaches_the_record_later() {
    let world = World::start(|_| {}).await;
    let mut client = world.client().await;
    let number = world.dhl_number("delivered");
    world
        .simulator
        .dhl()
        .set_fault(Some(Fault::Slow(Duration::from_millis(700))));
    let mut request = tonic::Request::new(track(&number));
    request.set_timeout(Duration::from_millis(300));
    // Nothing is stored, so this call has nothing to show; the question goes on without it.
    let status = client.track(request).await.unwrap_err();
    assert_eq!(common::trailers(&status).0, "DEADLINE");
    world.simulator.dhl().set_fault(None);
    eventually("the answer is in the store", async || {
        let request = waybill::v1::TrackRequest {
            cache_only: true,
            ..track(&number)
        };
        !client
            .track(request)
            .await
            .unwrap()
            .into_inner()
            .shipments
            .is_empty()
    })
    .await;
    assert_eq!(world.simulator.dhl().requests_for(&number), 1);
    world.stop().await;
}
