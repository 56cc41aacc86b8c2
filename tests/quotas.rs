//! What a tenant may ask for, and that one tenant's flood is no other tenant's trouble.
#![cfg(feature = "server")]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests"
)]

mod common;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use common::callers::{Bearer, Client, KeysFile, with_key};
use common::figure::figure;
use common::own::{event, key};
use common::program::{err, out, run_beside};
use common::shops::{ALL, lately};
use common::watching::{by_number, number, shipments};
use common::{World, channel, eventually, track, trailers};
use tokio::sync::Semaphore;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use waybill::quota::{OwnQuota, QuotaSettings};
use waybill::v1::ingest_service_client::IngestServiceClient;
use waybill::v1::{self, EventCode};
use waybill_simulator::{Fault, dhl_load_number};

fn scopes() -> Vec<&'static str> {
    ALL.into_iter().chain(["paid"]).collect()
}

async fn world(file: &KeysFile, quota: QuotaSettings) -> World {
    World::start(|config| {
        config.auth = file.settings();
        config.quota = quota;
        config.schedule.enabled = false;
    })
    .await
}

/// A refusal for want of quota, as a client reads it. Returns how long to wait.
fn refused(status: &Status, subject: &str) -> Duration {
    assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
    let (reason, millis) = trailers(status);
    assert_eq!(reason, "CALLER_QUOTA");
    let quota = status.get_details_quota_failure().unwrap();
    assert_eq!(quota.violations[0].subject, subject);
    let wait = status
        .get_details_retry_info()
        .unwrap()
        .retry_delay
        .unwrap();
    assert_eq!(wait.as_millis(), u128::from(millis.unwrap()));
    assert!(wait > Duration::ZERO);
    wait
}

#[tokio::test]
async fn requests_beyond_the_rate_are_refused_until_the_time_that_is_said() {
    let file = KeysFile::new();
    let (one, other) = (file.key("shop-a", &scopes()), file.key("shop-b", &scopes()));
    // So slow that a busy machine makes no difference.
    let own = OwnQuota {
        requests_per_second: Some(0.01),
        burst: Some(3),
        ..OwnQuota::default()
    };
    let world = world(
        &file,
        QuotaSettings {
            tenants: [("shop-a".to_owned(), own)].into(),
            ..QuotaSettings::default()
        },
    )
    .await;
    let channel = channel(world.app.address).await;
    let number = world.ups_number("delivered");
    let (mut one, mut other) = (with_key(&channel, &one), with_key(&channel, &other));
    for _ in 0..2 {
        one.track(track(&number)).await.unwrap();
    }
    // A list counts as its items, and is paid for afterwards.
    let items = vec![
        v1::BatchTrackItem {
            tracking_number: number.clone(),
            ..Default::default()
        };
        10
    ];
    let batch = v1::BatchTrackRequest {
        items,
        ..Default::default()
    };
    let status = one.batch_track(batch.clone()).await.err();
    assert_eq!(status.map(|status| trailers(&status).0), None);
    let status = one.track(track(&number)).await.unwrap_err();
    let wait = refused(&status, "requests_per_second");
    assert!(wait > Duration::from_secs(800), "{wait:?}");
    // Whatever is called, also what is kept and what is a stream.
    let open = shipments([number.clone()]);
    let request = v1::FollowRequest { open: Some(open) };
    let status = one.follow(request).await.unwrap_err();
    refused(&status, "requests_per_second");
    for _ in 0..20 {
        other.track(track(&number)).await.unwrap();
    }
    other.batch_track(batch).await.unwrap();
    world.stop().await;
}

#[tokio::test]
async fn streams_are_limited_and_make_room_when_they_end() {
    let file = KeysFile::new();
    let (one, other) = (file.key("shop-a", &scopes()), file.key("shop-b", &scopes()));
    let quota = QuotaSettings {
        streams: 2,
        ..QuotaSettings::default()
    };
    let world = world(&file, quota).await;
    let channel = channel(world.app.address).await;
    let request = v1::FollowRequest {
        open: Some(shipments([world.ups_number("delivered")])),
    };
    let mut one = with_key(&channel, &one);
    let mut held = Vec::new();
    for _ in 0..2 {
        held.push(one.follow(request.clone()).await.unwrap());
    }
    let status = one.follow(request.clone()).await.unwrap_err();
    refused(&status, "streams");
    let mut other = with_key(&channel, &other);
    let _theirs = other.follow(request.clone()).await.unwrap();
    held.pop();
    eventually("room for a stream", async || {
        one.follow(request.clone()).await.is_ok()
    })
    .await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_waits_for_its_quota_and_leaves_nothing_out() {
    let file = KeysFile::new();
    let key = file.key("shop-a", &scopes());
    let quota = QuotaSettings {
        requests_per_second: 800.0,
        burst: 800,
        ..QuotaSettings::default()
    };
    let world = world(&file, quota).await;
    let folder = tempfile::tempdir().unwrap();
    let (list, shown) = (folder.path().join("fleet.csv"), folder.path().join("key"));
    let lines: String = (0..2_500).map(|at| dhl_load_number(at) + "\n").collect();
    std::fs::write(&list, format!("number\n{lines}")).unwrap();
    std::fs::write(&shown, key).unwrap();
    let address = format!("http://{}", world.app.address);
    let imported = run_beside(&[
        "import",
        list.to_str().unwrap(),
        "--key-file",
        shown.to_str().unwrap(),
        "--address",
        &address,
    ])
    .await;
    assert_eq!(
        (out(&imported), err(&imported).lines().next()),
        (
            "2500 registered, 0 known already, 0 refused\n".to_owned(),
            None
        )
    );
    world.stop().await;
}

#[tokio::test]
async fn registered_shipments_and_paid_lookups_are_limited() {
    let file = KeysFile::new();
    let (one, other) = (file.key("shop-a", &scopes()), file.key("shop-b", &scopes()));
    let quota = QuotaSettings {
        shipments: 2,
        paid_per_day: 3,
        ..QuotaSettings::default()
    };
    let world = world(&file, quota).await;
    let channel = channel(world.app.address).await;
    let register = |number: &str| v1::RegisterShipmentRequest {
        registration: Some(v1::Registration {
            shipment: Some(by_number(number)),
            ..Default::default()
        }),
    };
    let numbers = ["delivered", "in-transit", "multi-piece"].map(|it| world.ups_number(it));
    let (mut one, mut other) = (with_key(&channel, &one), with_key(&channel, &other));
    let mut ids = Vec::new();
    for number in &numbers[..2] {
        let answer = one.register_shipment(register(number)).await.unwrap();
        ids.extend(answer.into_inner().shipment_ids);
    }
    let status = one
        .register_shipment(register(&numbers[2]))
        .await
        .unwrap_err();
    refused(&status, "shipments");
    // In a list, each by itself.
    let batch = v1::BatchRegisterRequest {
        registrations: vec![register(&numbers[2]).registration.unwrap()],
    };
    let answer = one.batch_register(batch).await.unwrap().into_inner();
    let Some(v1::batch_register_result::Outcome::Error(problem)) = &answer.results[0].outcome
    else {
        panic!("{answer:?}")
    };
    assert_eq!(problem.reason, v1::ErrorReason::CallerQuota as i32);
    other
        .register_shipment(register(&numbers[2]))
        .await
        .unwrap();
    let request = v1::UnregisterShipmentRequest {
        id: ids.pop().unwrap(),
    };
    one.unregister_shipment(request).await.unwrap();
    one.register_shipment(register(&numbers[2])).await.unwrap();

    let paid = || v1::TrackRequest {
        allow_paid: true,
        ..track(&numbers[0])
    };
    for _ in 0..3 {
        one.track(paid()).await.unwrap();
    }
    let status = one.track(paid()).await.unwrap_err();
    assert!(refused(&status, "paid_per_day") <= Duration::from_secs(3_600));
    one.track(track(&numbers[0])).await.unwrap();
    other.track(paid()).await.unwrap();
    world.stop().await;
}

#[tokio::test]
async fn events_count_one_by_one() {
    let file = KeysFile::new();
    let one = file.key("shop-a", &scopes());
    let quota = QuotaSettings {
        requests_per_second: 0.01,
        burst: 10,
        ..QuotaSettings::default()
    };
    let world = world(&file, quota).await;
    let channel = channel(world.app.address).await;
    let mut ingest = IngestServiceClient::with_interceptor(channel, Bearer(one));
    let events = (0..20).map(|at| {
        let number = number(at);
        event(&number, &number, EventCode::AwaitingHandover, &lately())
    });
    let mut request = v1::IngestEventsRequest {
        events: events.collect(),
        ..Default::default()
    };
    ingest.ingest_events(request.clone()).await.unwrap();
    request.events.truncate(1);
    request.events[0].order = Some(key(("webshop", "1")));
    let status = ingest.ingest_events(request).await.unwrap_err();
    refused(&status, "requests_per_second");
    world.stop().await;
}

/// Calls of the quiet tenant in the test below; each comes with 50 of its neighbour's.
const QUIET: u64 = 100;
const TIMES: u64 = 50;

static NEXT: AtomicU64 = AtomicU64::new(0);

/// A number that nobody has asked for, so that a carrier has to be.
fn fresh() -> v1::TrackRequest {
    let at = NEXT.fetch_add(1, Ordering::Relaxed);
    track(&dhl_load_number(at))
}

/// Asks 50 times as much as another tenant does, however it is answered. Returns how many calls of the
/// quiet one were answered, and how many of the loud one were turned away.
async fn besiege(quota: QuotaSettings, how: &str) -> (u64, u64) {
    let file = KeysFile::new();
    let (loud, quiet) = (file.key("loud", &scopes()), file.key("quiet", &scopes()));
    let world = World::start(|config| {
        config.auth = file.settings();
        config.quota = quota;
        config.load.requests = 8;
        config.guard.bulkhead.in_flight = NonZeroU32::MIN.saturating_add(999);
        config.guard.bulkhead.waiting = 1_000;
        config.schedule.enabled = false;
        config.calls.default_deadline = common::span(30_000);
    })
    .await;
    // What the neighbour has at work waits and computes nothing, so that a busy machine that runs
    // unoptimised code is not what the test is about.
    let takes = Duration::from_secs(1);
    world.simulator.dhl().set_fault(Some(Fault::Slow(takes)));
    let known = world.ups_number("delivered");
    let mut loud_clients: Vec<Client> = Vec::new();
    for _ in 0..8 {
        loud_clients.push(with_key(&channel(world.app.address).await, &loud));
    }
    let mut quiet = with_key(&channel(world.app.address).await, &quiet);
    quiet.track(track(&known)).await.unwrap();

    let room = Arc::new(Semaphore::new(600));
    let mut flood = tokio::task::JoinSet::new();
    let mut answered = 0;
    for at in 0..QUIET {
        for of in 0..TIMES {
            let permit = Arc::clone(&room).acquire_owned().await.unwrap();
            let mut client = loud_clients[(of % 8) as usize].clone();
            flood.spawn(async move {
                let _permit = permit;
                client.track(fresh()).await.err()
            });
        }
        // Most of what people ask for is known already.
        let request = match at % 20 {
            0 => fresh(),
            _ => track(&known),
        };
        match quiet.track(request).await {
            Ok(_) => answered += 1,
            Err(status) => figure(&format!("turned away, {how}"), format_args!("{status}")),
        }
    }
    let mut turned_away = 0;
    while let Some(ended) = flood.join_next().await {
        if let Some(status) = ended.unwrap() {
            assert_eq!(trailers(&status).0, "CALLER_QUOTA", "{status}");
            turned_away += 1;
        }
    }
    figure(
        &format!("neighbour at 50x, {how}"),
        format_args!("{answered} of {QUIET} answered; {turned_away} of its calls turned away"),
    );
    world.stop().await;
    (answered, turned_away)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_neighbour_at_fifty_times_has_its_part_of_the_work() {
    let quota = QuotaSettings {
        requests_per_second: 0.0,
        ..QuotaSettings::default()
    };
    let (answered, turned_away) = besiege(quota, "by its part of the work").await;
    assert!(turned_away > QUIET * TIMES / 2, "{turned_away}: no flood");
    assert!(answered * 1_000 >= QUIET * 999, "{answered} answered");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_neighbour_at_fifty_times_has_its_rate() {
    let own = OwnQuota {
        requests_per_second: Some(20.0),
        burst: Some(20),
        ..OwnQuota::default()
    };
    let quota = QuotaSettings {
        tenants: [("loud".to_owned(), own)].into(),
        requests_per_second: 0.0,
        ..QuotaSettings::default()
    };
    let (answered, turned_away) = besiege(quota, "by its rate").await;
    assert!(turned_away > QUIET * TIMES / 2, "{turned_away}: no flood");
    assert!(answered * 1_000 >= QUIET * 999, "{answered} answered");
}
