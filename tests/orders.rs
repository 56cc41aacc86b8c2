//! Shipments looked up by the order of a shop, over real gRPC and HTTP.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use std::collections::BTreeSet;

use common::every::world;
use common::{World, span, track, trailers};
use tonic::Code;
use tonic_types::StatusExt;
use waybill::clock::Clock;
use waybill::v1::batch_track_result::Outcome;
use waybill::v1::{self, ErrorReason, IdentifierKind, SourceResult};
use waybill_simulator::Kind;

/// An order of two parcels, and their numbers.
const ORDER: (&str, &str) = ("1688", "880000000000000001");
const PARCELS: [&str; 2] = ["BX880000000000102", "LP88000000000101"];

fn key((platform, order_id): (&str, &str)) -> v1::OrderKey {
    v1::OrderKey {
        platform: platform.to_owned(),
        order_id: order_id.to_owned(),
    }
}

fn track_order(order: (&str, &str)) -> v1::TrackRequest {
    v1::TrackRequest {
        order: Some(key(order)),
        ..Default::default()
    }
}

fn held(request: v1::TrackRequest) -> v1::TrackRequest {
    v1::TrackRequest {
        cache_only: true,
        ..request
    }
}

async fn asked(world: &World, request: v1::TrackRequest) -> v1::TrackResponse {
    let mut client = world.client().await;
    client.track(request).await.unwrap().into_inner()
}

fn numbers(shipments: &[v1::Shipment]) -> BTreeSet<&str> {
    let numbers = shipments.iter().map(|it| it.tracking_number.as_str());
    numbers.collect()
}

fn requests(world: &World) -> u64 {
    world
        .simulator
        .source("cainiao")
        .unwrap()
        .requests_of(Kind::Tracking)
}

#[tokio::test]
async fn each_parcel_of_an_order_is_a_shipment_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = None;
    let mut world = world(|config| {
        config.store.data_dir = folder.path().to_owned();
        settings = Some(config.clone());
    })
    .await;
    let found = asked(&world, track_order(ORDER)).await;
    assert_eq!(numbers(&found.shipments), BTreeSet::from(PARCELS));
    let outcomes: Vec<_> = found.outcomes.iter().map(|it| it.source.as_str()).collect();
    assert_eq!(
        outcomes,
        ["cainiao"],
        "nobody else finds orders of the shop"
    );
    assert_eq!(found.outcomes[0].result(), SourceResult::Found);
    for shipment in &found.shipments {
        let reference = v1::Identifier {
            value: ORDER.1.to_owned(),
            kind: IdentifierKind::Reference as i32,
            basis: v1::IdentifierBasis::Field as i32,
            source: found.outcomes[0].source.clone(),
            ..Default::default()
        };
        assert!(shipment.identifiers.contains(&reference));
        assert!(shipment.pieces.is_empty(), "parcels go their own ways");
    }
    assert_eq!(requests(&world), 1);

    // What was found by the order is found by number, and the order itself is no number.
    for shipment in &found.shipments {
        let by_number = asked(&world, held(track(&shipment.tracking_number))).await;
        assert_eq!(by_number.shipments.len(), 1);
        assert_eq!(by_number.shipments[0].id, shipment.id);
    }
    let number = asked(&world, held(track(ORDER.1))).await;
    assert!(number.shipments.is_empty());
    let other = asked(&world, held(track_order(("taobao", ORDER.1)))).await;
    assert!(other.shipments.is_empty(), "nor an order of another shop");

    // It is held like any answer, and by the store when the cache is gone.
    let again = asked(&world, track_order(ORDER)).await;
    assert_eq!(numbers(&again.shipments), BTreeSet::from(PARCELS));
    assert_eq!(requests(&world), 1);
    world.app.stop().await;
    world.app = waybill::app::start(settings.unwrap(), common::registry(), Clock::system())
        .await
        .unwrap();
    let stored = asked(&world, track_order(ORDER)).await;
    assert_eq!(numbers(&stored.shipments), BTreeSet::from(PARCELS));
    assert_eq!(requests(&world), 1);
    world.stop().await;
}

#[tokio::test]
async fn callers_of_one_order_share_one_request() {
    let world = world(|_| ()).await;
    let asking = (0..8).map(|_| asked(&world, track_order(ORDER)));
    for found in futures_util::future::join_all(asking).await {
        assert_eq!(found.shipments.len(), 2);
    }
    assert_eq!(requests(&world), 1);
    world.stop().await;
}

#[tokio::test]
async fn an_order_that_nobody_knows_is_no_error() {
    let world = world(|_| ()).await;
    let found = asked(&world, track_order(("1688", "990000000000000009"))).await;
    assert!(found.shipments.is_empty());
    assert_eq!(found.outcomes[0].result(), SourceResult::NotFound);
    let retry = found.outcomes[0].error.as_ref().unwrap().retry_delay;
    assert!(retry.is_some_and(|delay| delay.seconds > 0));

    // Its shop has digits only; the hyphen is not taken away to make it fit.
    let mut client = world.client().await;
    let refused = client.track(track_order(("1688", "88-0000000000000001")));
    let refused = refused.await.err().unwrap();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert_eq!(requests(&world), 1, "only the first was asked");
    world.stop().await;
}

#[tokio::test]
async fn exactly_one_of_number_and_order_is_named() {
    let world = world(|_| ()).await;
    let mut client = world.client().await;
    let both = v1::TrackRequest {
        order: Some(key(ORDER)),
        ..track(PARCELS[0])
    };
    for (request, reason, field) in [
        (both, "FIELD_INVALID", "order"),
        (track(""), "TRACKING_NUMBER_INVALID", "tracking_number"),
        (
            track_order(("Shop A", "77001")),
            "FIELD_INVALID",
            "order.platform",
        ),
        (track_order(("1688", "")), "FIELD_INVALID", "order.order_id"),
        (
            track_order(("1688", "77001\n")),
            "FIELD_INVALID",
            "order.order_id",
        ),
    ] {
        let status = client.track(request).await.err().unwrap();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(trailers(&status), (reason.to_owned(), None));
        let details = status.get_error_details();
        let violations = &details.bad_request().unwrap().field_violations;
        assert_eq!(violations[0].field, field);
        assert!(!status.message().contains("77001"), "{}", status.message());
    }
    assert_eq!(requests(&world), 0);

    let items = [
        v1::BatchTrackItem {
            order: Some(key(ORDER)),
            ..Default::default()
        },
        v1::BatchTrackItem {
            tracking_number: PARCELS[0].to_owned(),
            order: Some(key(ORDER)),
            ..Default::default()
        },
    ];
    let batch = v1::BatchTrackRequest {
        items: items.to_vec(),
        ..Default::default()
    };
    let mut stream = client.batch_track(batch).await.unwrap().into_inner();
    let mut outcomes = [None, None];
    while let Some(message) = stream.message().await.unwrap() {
        if let Some(v1::batch_track_response::Message::Result(result)) = message.message {
            outcomes[result.index as usize] = result.outcome;
        }
    }
    let Some(Outcome::Response(found)) = &outcomes[0] else {
        panic!("the order alone is looked up");
    };
    assert_eq!(numbers(&found.shipments), BTreeSet::from(PARCELS));
    let Some(Outcome::Error(problem)) = &outcomes[1] else {
        panic!("an item with both is refused");
    };
    assert_eq!(problem.reason(), ErrorReason::FieldInvalid);
    assert_eq!(problem.violations[0].field, "items[1].order");
    world.stop().await;
}

#[tokio::test]
async fn who_looks_up_no_order_of_the_platform_is_not_asked() {
    let all = world(|_| ()).await;
    let none = world(|config| {
        let section = config.sources.get_mut("cainiao").unwrap();
        section.remove("shops");
    })
    .await;
    for (world, platform, platforms) in [(&all, "ebay", "1688,alibaba,taobao"), (&none, "1688", "")]
    {
        let mut client = world.client().await;
        let request = track_order((platform, "77001"));
        let status = client.track(request).await.err().unwrap();
        assert_eq!(status.code(), Code::FailedPrecondition);
        assert_eq!(trailers(&status).0, "NO_SOURCE_CONFIGURED");
        let details = status.get_error_details();
        let info = details.error_info().unwrap();
        assert_eq!(info.metadata["capability"], "order_lookup");
        assert_eq!(info.metadata["platforms"], platforms);
        let asked = world.simulator.sources().map(|source| source.requests());
        assert_eq!(asked.sum::<u64>(), 0);
    }
    all.stop().await;
    none.stop().await;
}

#[tokio::test]
async fn an_order_is_followed_with_all_its_parcels() {
    use v1::watch_message::Kind as Message;
    let world = world(|config| config.calls.patience = span(100)).await;
    let shipments = vec![v1::ShipmentKey {
        key: Some(v1::shipment_key::Key::Order(key(ORDER))),
        ..Default::default()
    }];
    let open = v1::WatchOpen {
        target: Some(v1::watch_open::Target::Shipments(v1::WatchShipments {
            shipments,
        })),
        ..Default::default()
    };
    let request = v1::FollowRequest { open: Some(open) };
    let mut client = world.client().await;
    let mut stream = client.follow(request).await.unwrap().into_inner();
    let mut parcels = Vec::new();
    loop {
        match stream.message().await.unwrap().unwrap().kind.unwrap() {
            Message::Update(update) => parcels.extend(update.shipment),
            Message::Synced(synced) => {
                assert_eq!(synced.shipment_count, 2);
                break;
            }
            Message::Rejected(rejected) => panic!("{:?}", rejected.error),
            _ => {}
        }
    }
    assert_eq!(numbers(&parcels), BTreeSet::from(PARCELS));
    drop(stream);
    world.stop().await;
}
