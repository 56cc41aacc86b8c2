//! Two gateways on one store in Redis: what one of them learns, the other one tells.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests"
)]

mod common;

use std::time::Duration;

use common::own::standing;
use common::redis::Redis;
use common::watching::{Held, Reader, change, labelled, number, register, shipments, updates};
use common::{World, client, eventually, side, span, track, trailers};
use tonic::transport::Channel;
use waybill::v1::tracking_service_client::TrackingServiceClient;
use waybill::v1::watch_message::Kind;
use waybill::v1::{self, WatchChange};

async fn node(redis: &Redis, key: &std::path::Path) -> World {
    standing(|config| {
        config.store.redis = redis.url();
        config.store.key_file = key.to_owned();
        config.store.redis_time = common::span(10_000);
        // Nobody but the test makes changes.
        config.schedule.enabled = false;
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_at_one_node_reaches_the_streams_of_the_other() {
    let redis = Redis::start();
    let key = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(key.path(), [7; 32]).unwrap();
    let (one, two) = (
        node(&redis, key.path()).await,
        node(&redis, key.path()).await,
    );
    let (here, there) = (one.app.address, two.app.address);
    let numbers: Vec<String> = (1..=3).map(number).collect();
    change(here, &numbers, 0).await;
    register(here, &numbers, ("shop", "a")).await;

    let mut by_label = Reader::open(there, labelled("shop", "a"), Held::default()).await;
    assert_eq!(updates(&by_label.synced().await).len(), 3);
    let mut by_number =
        Reader::open(there, shipments(numbers[..1].to_vec()), Held::default()).await;
    assert_eq!(updates(&by_number.synced().await).len(), 1);
    for step in 1..=20 {
        change(here, &numbers[..1], step).await;
    }
    for reader in [&mut by_label, &mut by_number] {
        let mut last = 1;
        while last < 21 {
            let update = reader.update().await;
            assert_eq!(update.change(), WatchChange::Updated);
            assert_eq!(
                update.previous_revision, last,
                "ordered, and nothing left out"
            );
            last = update.shipment.unwrap().revision;
        }
    }

    // The token of one node is good at the other, also once its own node is gone.
    let held = by_label.held.clone();
    drop((by_label, by_number));
    two.stop().await;
    change(here, &numbers[1..2], 30).await;
    let mut again = Reader::open(here, labelled("shop", "a"), held).await;
    let kinds = again.synced().await;
    assert!(!kinds.iter().any(|kind| matches!(kind, Kind::Reset(_))));
    let news: Vec<_> = updates(&kinds)
        .into_iter()
        .filter(|update| {
            update
                .shipment
                .as_ref()
                .is_some_and(|it| it.tracking_number == numbers[1])
        })
        .collect();
    assert_eq!(news.len(), 1);
    one.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_one_node_keeps_does_not_outlive_a_change_at_the_other() {
    let redis = Redis::start();
    let key = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(key.path(), [7; 32]).unwrap();
    let (one, two) = (
        node(&redis, key.path()).await,
        node(&redis, key.path()).await,
    );
    let number = [number(1)];
    change(one.app.address, &number, 0).await;
    let mut there = client(two.app.address).await;
    for _ in 0..3 {
        let found = there.track(track(&number[0])).await.unwrap().into_inner();
        assert_eq!(found.shipments[0].revision, 1);
    }
    for step in 1..=5 {
        change(one.app.address, &number, step as usize).await;
        eventually("the change is seen", async || {
            let found = there.track(track(&number[0])).await.unwrap().into_inner();
            found.shipments[0].revision == step + 1
        })
        .await;
    }
    one.stop().await;
    two.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_falls_silent_delays_a_change_and_loses_none() {
    let redis = Redis::start();
    let key = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(key.path(), [7; 32]).unwrap();
    let world = standing(|config| {
        config.store.redis = redis.url();
        config.store.key_file = key.path().to_owned();
        config.store.redis_time = common::span(1_000);
        config.schedule.enabled = false;
    })
    .await;
    let address = world.app.address;
    let number = [number(1)];
    change(address, &number, 0).await;
    let open = v1::WatchOpen {
        view: v1::ShipmentView::Full as i32,
        ..shipments(number.to_vec())
    };
    // A reader that does not read: what changes waits in front of its connection.
    let channel = Channel::from_shared(format!("http://{address}")).unwrap();
    let channel = channel.initial_stream_window_size(65_535).connect().await;
    let mut client = TrackingServiceClient::new(channel.unwrap());
    let request = v1::FollowRequest { open: Some(open) };
    let stream = client.follow(request).await.unwrap();
    let mut reader = Reader::of(stream.into_inner());
    reader.synced().await;
    for step in 1..=120 {
        change(address, &number, step).await;
    }
    redis.freeze();
    // What the node has of the store counts for less than this.
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    let newest = |reader: &Reader| *reader.held.revisions.first_key_value().unwrap().1;
    while let Ok(message) = tokio::time::timeout(Duration::from_secs(3), reader.next()).await {
        assert!(!matches!(message.kind, Some(Kind::Reset(_))));
    }
    assert!(
        newest(&reader) < 121,
        "the newest cannot be had without a store"
    );
    redis.thaw();
    while newest(&reader) < 121 {
        let message = reader.next().await;
        assert!(
            !matches!(message.kind, Some(Kind::Reset(_))),
            "nothing was lost"
        );
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_is_answered_while_the_store_is_away_and_what_was_said_is_stored_later() {
    let redis = Redis::start();
    let key = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(key.path(), [7; 32]).unwrap();
    let world = World::start(|config| {
        config.store.redis = redis.url();
        config.store.key_file = key.path().to_owned();
        config.store.redis_time = span(500);
        config.schedule.enabled = false;
    })
    .await;
    let mut client = world.client().await;
    let (known, new) = (world.ups_number("delivered"), world.dhl_number("delivered"));
    let before = client.track(track(&known)).await.unwrap().into_inner();
    let before = &before.shipments[0];

    redis.freeze();
    for number in [&known, &new] {
        // Without the store a node asks nobody until the others must have noticed that it is gone.
        let answer = loop {
            match client.track(track(number)).await {
                Ok(answer) => break answer.into_inner(),
                Err(status) => assert_eq!(trailers(&status).0, "SOURCE_QUOTA"),
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        };
        let freshness = answer.freshness.unwrap();
        assert!(freshness.unrecorded && answer.overlays.is_empty());
        let shipment = &answer.shipments[0];
        assert_eq!((shipment.revision, shipment.etag.as_str()), (0, ""));
        assert_eq!(shipment.status(), v1::ShipmentStatus::Delivered);
        assert!(!shipment.events.is_empty());
    }
    assert!(side(&world, "/readyz").await.contains("store"));
    // What only the store can tell is not made up.
    let own = client.track(track(&number(1))).await.unwrap_err();
    let by_id = v1::GetShipmentRequest {
        id: before.id.clone(),
        ..Default::default()
    };
    let by_id = client.get_shipment(by_id).await.unwrap_err();
    for status in [own, by_id] {
        assert_ne!(trailers(&status).0, "NOT_FOUND", "{status:?}");
    }

    redis.thaw();
    for number in [&known, &new] {
        eventually("the store is back", async || {
            let answer = client
                .clone()
                .track(track(number))
                .await
                .unwrap()
                .into_inner();
            let shipment = &answer.shipments[0];
            let is_back = !answer.freshness.unwrap().unrecorded;
            is_back && shipment.revision == 1 && !shipment.etag.is_empty()
        })
        .await;
    }
    let after = client.track(track(&known)).await.unwrap().into_inner();
    assert_eq!(after.shipments[0].etag, before.etag);
    let asked = world.simulator.dhl().requests_for(&new);
    assert_eq!(asked, 1, "what it said was not forgotten");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_whose_store_is_away_ends_in_time_all_the_same() {
    let redis = Redis::start();
    let key = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(key.path(), [7; 32]).unwrap();
    let world = standing(|config| {
        config.store.redis = redis.url();
        config.store.key_file = key.path().to_owned();
        config.store.redis_time = span(200);
        config.schedule.enabled = false;
    })
    .await;
    let address = world.app.address;
    let numbers = [number(1)];
    change(address, &numbers, 0).await;
    redis.freeze();
    // What the node has of the store counts for less than this.
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    let open = |patience: Option<Duration>| async move {
        let mut request = tonic::Request::new(v1::FollowRequest {
            open: Some(shipments([number(1)])),
        });
        if let Some(patience) = patience {
            request.set_timeout(patience);
        }
        let stream = client(address).await.follow(request).await.unwrap();
        let mut stream = stream.into_inner();
        let opened = stream.message().await.unwrap().unwrap();
        assert!(matches!(opened.kind, Some(Kind::Opened(_))));
        stream
    };
    let mut late = open(Some(Duration::from_secs(1))).await;
    let late = late.message().await.unwrap_err();
    assert!(
        [tonic::Code::DeadlineExceeded, tonic::Code::Cancelled].contains(&late.code()),
        "{late:?}"
    );
    // One that has no deadline hears that the server goes; nothing is promised to be covered.
    let mut waiting = open(None).await;
    let stopping = tokio::spawn(world.stop());
    let message = tokio::time::timeout(Duration::from_secs(20), waiting.message());
    let message = message.await.expect("in time").unwrap().unwrap();
    assert!(
        matches!(message.kind, Some(Kind::GoingAway(_))),
        "{message:?}"
    );
    assert!(message.resume_token.is_empty());
    assert!(
        waiting.message().await.unwrap().is_none(),
        "and it ends well"
    );
    redis.thaw();
    stopping.await.unwrap();
}
