//! A gateway that is asked for four times what it can do: it does what it can, at the usual speed,
//! and turns the rest away at once and with advice.
#![cfg(feature = "server")]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests"
)]

mod common;

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use common::figure::{figure, quantile};
use common::{World, track, trailers};
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use waybill::v1;
use waybill::v1::tracking_service_client::TrackingServiceClient;
use waybill_simulator::{Fault, dhl_load_number};

/// Time that the carrier takes for an answer.
const TAKES: Duration = Duration::from_millis(250);
/// Requests at work at the same time; with the time above, this clamps what the gateway can do to
/// some 40 a second, so that a busy machine that runs unoptimised code is not what the test is about.
const AT_WORK: u32 = 10;
const CAPACITY: u64 = 40;

/// Numbers that nobody has asked for before.
static NEXT: AtomicU64 = AtomicU64::new(0);

async fn world() -> World {
    let world = World::start(|config| {
        config.load.requests = AT_WORK;
        config.guard.bulkhead.in_flight = NonZeroU32::MIN.saturating_add(999);
        config.guard.bulkhead.waiting = 1_000;
        config.schedule.enabled = false;
        config.calls.default_deadline = common::span(30_000);
    })
    .await;
    world.simulator.dhl().set_fault(Some(Fault::Slow(TAKES)));
    world
}

/// What came of a load.
#[derive(Default)]
struct Outcome {
    /// Times of answered calls.
    served: Vec<Duration>,
    /// Times of calls that were turned away.
    shed: Vec<Duration>,
    /// Advice to those, in milliseconds.
    advice: Vec<u64>,
}

impl Outcome {
    fn goodput(&self, time: Duration) -> f64 {
        self.served.len() as f64 / time.as_secs_f64()
    }
}

/// Calls at a steady rate, however they are answered.
async fn offer(world: &World, per_second: u64, time: Duration) -> Outcome {
    let mut clients = Vec::new();
    for _ in 0..8 {
        clients.push(world.client().await);
    }
    let mut ticks =
        tokio::time::interval(Duration::from_secs(1) / u32::try_from(per_second).unwrap());
    let mut calls = tokio::task::JoinSet::new();
    let start = Instant::now();
    while start.elapsed() < time {
        ticks.tick().await;
        let at = NEXT.fetch_add(1, Ordering::Relaxed);
        let mut client = clients[usize::try_from(at).unwrap() % clients.len()].clone();
        calls.spawn(async move {
            let start = Instant::now();
            let answer = client.track(track(&dhl_load_number(at))).await;
            (start.elapsed(), answer.map(drop))
        });
    }
    let mut outcome = Outcome::default();
    for (took, answer) in calls.join_all().await {
        match answer {
            Ok(()) => outcome.served.push(took),
            Err(status) => {
                outcome.shed.push(took);
                outcome.advice.push(advice(&status));
            }
        }
    }
    outcome
}

/// Checks that a refusal says all that it should; the advice in milliseconds.
fn advice(status: &Status) -> u64 {
    assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
    let (reason, wait) = trailers(status);
    assert_eq!(reason, "OVERLOADED");
    let pushback = status.metadata().get("grpc-retry-pushback-ms").unwrap();
    let pushback: u64 = pushback.to_str().unwrap().parse().unwrap();
    assert_eq!(Some(pushback), wait);
    let details = tonic_types::StatusExt::get_error_details(status);
    let delay = details.retry_info().unwrap().retry_delay.unwrap();
    assert_eq!(delay, Duration::from_millis(pushback));
    pushback
}

#[tokio::test(flavor = "multi_thread")]
async fn at_four_times_the_capacity_as_much_is_done_as_before_and_no_slower() {
    let world = world().await;
    let time = Duration::from_secs(6);
    offer(&world, CAPACITY / 4, Duration::from_secs(1)).await;
    let mut seen = BTreeMap::new();
    for times in [1, 2, 4] {
        let outcome = offer(&world, times * CAPACITY * 9 / 10, time).await;
        let p99 = quantile(outcome.served.clone(), 0.99);
        let goodput = outcome.goodput(time);
        let row = format!("overload {times}x");
        let shed = outcome.shed.len();
        figure(
            &row,
            format!("goodput {goodput:.0}/s, p99 {p99:?}, {shed} turned away"),
        );
        if times == 4 {
            let p50 = quantile(outcome.shed.clone(), 0.5);
            figure(
                &row,
                format!("turned away in {p50:?} (p50), as the caller sees it"),
            );
            assert!(shed > outcome.served.len(), "{shed} turned away");
            assert!(p50 < Duration::from_millis(25), "{p50:?}");
            let (least, most) = (outcome.advice.iter().min(), outcome.advice.iter().max());
            assert!(least >= Some(&500) && most <= Some(&1_500));
            assert!(most > least, "they all come back together");
        }
        seen.insert(times, (goodput, p99));
    }
    let peak = seen
        .values()
        .map(|(goodput, _)| *goodput)
        .fold(0.0, f64::max);
    assert!(seen[&4].0 >= 0.9 * peak, "{seen:?}");
    assert!(seen[&4].1 <= seen[&1].1 * 2, "{seen:?}");
    // It is over when it is over.
    let start = Instant::now();
    loop {
        let after = offer(&world, CAPACITY / 2, Duration::from_secs(1)).await;
        if after.shed.len() * 100 <= after.served.len() {
            break;
        }
        assert!(start.elapsed() < Duration::from_secs(10), "no recovery");
    }
    figure("overload recovery", format!("{:?}", start.elapsed()));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_known_is_answered_however_much_there_is_to_do() {
    let world = world().await;
    let known = world.ups_number("in-transit");
    let mut client = world.client().await;
    // The first answer makes the record; one after the news of that has been told is kept.
    for _ in 0..5 {
        client.track(track(&known)).await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let overload = offer(&world, 4 * CAPACITY, Duration::from_secs(2));
    let known = async {
        let mut times = Vec::new();
        for _ in 0..200 {
            let start = Instant::now();
            client.track(track(&known)).await.unwrap();
            times.push(start.elapsed());
            tokio::time::sleep(Duration::from_millis(8)).await;
        }
        times
    };
    let (outcome, times) = tokio::join!(overload, known);
    assert!(!outcome.shed.is_empty());
    figure(
        "overload, kept answers",
        format!("p99 {:?}", quantile(times, 0.99)),
    );
    world.stop().await;
}

/// Begins lookups that hang, `count` of them; then `all` are at work.
async fn fill(world: &World, count: u32, all: u64) -> tokio::task::JoinSet<()> {
    world.simulator.dhl().set_fault(Some(Fault::Hang));
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..count {
        let mut client = world.client().await;
        let number = dhl_load_number(NEXT.fetch_add(1, Ordering::Relaxed));
        calls.spawn(async move {
            // It is dropped at the end of the test.
            let _never = client.track(track(&number)).await;
        });
    }
    common::eventually("all of them are at work", async || {
        world.simulator.dhl().requests() >= all
    })
    .await;
    calls
}

#[tokio::test(flavor = "multi_thread")]
async fn the_least_urgent_is_turned_away_first_and_health_never() {
    NEXT.fetch_add(2_000_000, Ordering::Relaxed);
    let world = world().await;
    let batch = async |client: &mut TrackingServiceClient<_>| {
        let request = v1::BatchTrackRequest {
            items: vec![v1::BatchTrackItem {
                tracking_number: "SHORT1".to_owned(),
                ..Default::default()
            }],
            ..Default::default()
        };
        let mut stream = client.batch_track(request).await?.into_inner();
        while stream.message().await?.is_some() {}
        Ok::<_, Status>(())
    };
    let follow = async |client: &mut TrackingServiceClient<_>| {
        let open = common::watching::shipments(["WHNUMBER0001".to_owned()]);
        let request = v1::FollowRequest { open: Some(open) };
        client.follow(request).await.map(drop)
    };
    let list = async |client: &mut TrackingServiceClient<_>| {
        client
            .list_shipments(v1::ListShipmentsRequest::default())
            .await
            .map(drop)
    };
    let mut client = world.client().await;
    let mut held = Vec::new();
    // Shares of ten: batches end at seven, streams at nine, and calls that somebody waits for at ten.
    for (more, all, expected) in [
        (6, 6, [true, true, true]),
        (1, 7, [false, true, true]),
        (2, 9, [false, false, true]),
        (1, 10, [false, false, false]),
    ] {
        held.push(fill(&world, more, all).await);
        let answers = [
            batch(&mut client).await,
            follow(&mut client).await,
            list(&mut client).await,
        ];
        for (answer, expected) in answers.iter().zip(expected) {
            match answer {
                Ok(()) => assert!(expected, "{answers:?}"),
                Err(status) => {
                    assert!(!expected, "{answers:?}");
                    advice(status);
                }
            }
        }
        let mut health = HealthClient::new(common::channel(world.app.address).await);
        health.check(HealthCheckRequest::default()).await.unwrap();
    }
    let text = common::side(&world, "/metrics").await;
    for class in ["batch", "stream", "interactive"] {
        let line = format!("waybill_requests_shed_total{{class=\"{class}\"}}");
        assert!(text.contains(&line), "{class}");
    }
    drop(held);
    world.simulator.dhl().set_fault(None);
    world.stop().await;
}
