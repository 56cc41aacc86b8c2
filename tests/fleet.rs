//! What tenants follow: registered, listed, and taken out again; events page by page.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

mod common;

use std::collections::BTreeSet;
use std::time::Duration;

use common::own::{key, standing};
use common::watching::{by_number, change, number, register};
use common::{World, client, trailers};
use tonic::Code;
use waybill::v1::{self, ErrorReason, ShipmentStatus};

fn registration(key: v1::ShipmentKey) -> v1::RegisterShipmentRequest {
    v1::RegisterShipmentRequest {
        registration: Some(v1::Registration {
            shipment: Some(key),
            ..Default::default()
        }),
    }
}

async fn page(world: &World, request: v1::ListShipmentsRequest) -> v1::ListShipmentsResponse {
    let mut client = world.client().await;
    let page = client.list_shipments(request).await.unwrap().into_inner();
    assert_eq!(page.shipments.len(), page.overlays.len());
    for (record, overlay) in page.shipments.iter().zip(&page.overlays) {
        assert!(overlay.registered && overlay.shipment_id == record.id);
    }
    page
}

async fn numbers_of(world: &World, request: v1::ListShipmentsRequest) -> Vec<String> {
    let page = page(world, request).await;
    page.shipments
        .into_iter()
        .map(|it| it.tracking_number)
        .collect()
}

#[tokio::test]
async fn a_number_that_nobody_knows_is_pending_and_keeps_its_id() {
    let world = World::start_at(Duration::from_secs(3_600), |_| {}).await;
    let mut client = world.client().await;
    let number = world.ups_number("delivered");
    let request = registration(by_number(&number));
    let first = client
        .register_shipment(request.clone())
        .await
        .unwrap()
        .into_inner();
    assert!(first.created);
    assert_eq!(first.shipment_ids.len(), 1);
    let listed = page(&world, v1::ListShipmentsRequest::default()).await;
    assert_eq!(listed.shipments[0].status(), ShipmentStatus::Pending);
    assert_eq!(listed.shipments[0].id, first.shipment_ids[0]);
    let again = client
        .register_shipment(request)
        .await
        .unwrap()
        .into_inner();
    assert!(!again.created && again.shipment_ids == first.shipment_ids);

    let found = client
        .track(common::ask(&number))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(found.shipments.len(), 1);
    assert_eq!(found.shipments[0].id, first.shipment_ids[0]);
    assert_ne!(found.shipments[0].status(), ShipmentStatus::Pending);
    assert!(found.overlays[0].registered);
    world.stop().await;
}

#[tokio::test]
async fn what_is_registered_is_shown_kept_and_replaced() {
    let world = standing(|_| ()).await;
    change(world.app.address, &[number(1)], 0).await;
    let mut client = world.client().await;
    let promise = v1::TimeWindow {
        start_time: None,
        end_time: Some(prost_types::Timestamp {
            seconds: 1_772_900_000,
            nanos: 0,
        }),
    };
    let full = v1::Registration {
        shipment: Some(by_number(&number(1))),
        labels: [("shop".to_owned(), "a".to_owned())].into(),
        order_reference: Some(key(("shop-a", "#7"))),
        promise: Some(promise),
    };
    let request = v1::RegisterShipmentRequest {
        registration: Some(full.clone()),
    };
    let id = client
        .register_shipment(request)
        .await
        .unwrap()
        .into_inner()
        .shipment_ids;
    let relabelled = v1::Registration {
        labels: [("season".to_owned(), "spring".to_owned())].into(),
        order_reference: None,
        promise: None,
        ..full
    };
    let request = v1::RegisterShipmentRequest {
        registration: Some(relabelled),
    };
    client.register_shipment(request).await.unwrap();
    let listed = page(&world, v1::ListShipmentsRequest::default()).await;
    let overlay = &listed.overlays[0];
    assert_eq!(
        overlay.labels.keys().collect::<Vec<_>>(),
        ["season"],
        "replaced"
    );
    assert_eq!(overlay.order_reference, Some(key(("shop-a", "#7"))), "kept");
    assert_eq!(overlay.promise, Some(promise), "kept");
    assert_eq!(overlay.revision, 2);
    assert_eq!(listed.shipments[0].revision, 1, "the record is not touched");

    for _ in 0..2 {
        let request = v1::UnregisterShipmentRequest { id: id[0].clone() };
        client.unregister_shipment(request).await.unwrap();
        assert!(
            numbers_of(&world, v1::ListShipmentsRequest::default())
                .await
                .is_empty()
        );
    }
    let found = client
        .track(common::track(&number(1)))
        .await
        .unwrap()
        .into_inner();
    assert!(!found.overlays[0].registered && found.overlays[0].labels.is_empty());
    world.stop().await;
}

#[tokio::test]
async fn a_list_is_paged_filtered_and_in_the_order_of_change() {
    let world = standing(|_| ()).await;
    let address = world.app.address;
    let all: Vec<String> = (1..=5).map(number).collect();
    for number in &all {
        change(address, std::slice::from_ref(number), 0).await;
        world.clock.advance(Duration::from_secs(60));
    }
    register(address, &all[..4], ("shop", "a")).await;
    register(address, &all[4..], ("shop", "b")).await;
    let two = |token: &str| v1::ListShipmentsRequest {
        page_size: 2,
        page_token: token.to_owned(),
        ..Default::default()
    };
    let first = page(&world, two("")).await;
    let names = |page: &v1::ListShipmentsResponse| -> Vec<String> {
        page.shipments
            .iter()
            .map(|it| it.tracking_number.clone())
            .collect()
    };
    assert_eq!(names(&first), all[..2]);
    // One that changes meanwhile comes again at the end.
    change(address, &all[..1], 1).await;
    let second = page(&world, two(&first.next_page_token)).await;
    assert_eq!(names(&second), all[2..4]);
    let third = page(&world, two(&second.next_page_token)).await;
    assert_eq!(names(&third), [all[4].clone(), all[0].clone()]);
    let end = match third.next_page_token.as_str() {
        "" => third.clone(),
        token => page(&world, two(token)).await,
    };
    assert!(end.next_page_token.is_empty());

    let shop_b = v1::ListShipmentsRequest {
        labels: [("shop".to_owned(), "b".to_owned())].into(),
        ..Default::default()
    };
    assert_eq!(numbers_of(&world, shop_b).await, all[4..]);
    let since = v1::ListShipmentsRequest {
        updated_since: third.shipments[0].update_time,
        ..Default::default()
    };
    assert_eq!(
        names(&page(&world, since).await),
        [all[4].clone(), all[0].clone()]
    );
    let delivered = v1::ListShipmentsRequest {
        statuses: vec![ShipmentStatus::Delivered as i32],
        ..Default::default()
    };
    assert!(numbers_of(&world, delivered).await.is_empty());
    let active = v1::ListShipmentsRequest {
        tracking_states: vec![v1::TrackingState::Active as i32],
        ..Default::default()
    };
    assert_eq!(numbers_of(&world, active).await.len(), 5);
    world.stop().await;
}

#[tokio::test]
async fn a_batch_registers_what_it_can_and_names_the_rest() {
    let world = World::start_at(Duration::from_secs(3_600), |_| {}).await;
    let keys = vec![
        by_number(&world.ups_number("delivered")),
        by_number("x"),
        by_number(&world.dhl_number("delivered")),
        v1::ShipmentKey::default(),
    ];
    let registrations = keys
        .into_iter()
        .map(|key| registration(key).registration.unwrap());
    let request = v1::BatchRegisterRequest {
        registrations: registrations.collect(),
    };
    let mut client = world.client().await;
    let results = client
        .batch_register(request)
        .await
        .unwrap()
        .into_inner()
        .results;
    let reasons: Vec<ErrorReason> = results
        .iter()
        .map(|result| match &result.outcome {
            Some(v1::batch_register_result::Outcome::Error(problem)) => problem.reason(),
            _ => ErrorReason::Unspecified,
        })
        .collect();
    assert_eq!(
        reasons,
        [
            ErrorReason::Unspecified,
            ErrorReason::TrackingNumberInvalid,
            ErrorReason::Unspecified,
            ErrorReason::FieldInvalid,
        ]
    );
    assert_eq!(
        numbers_of(&world, v1::ListShipmentsRequest::default())
            .await
            .len(),
        2
    );
    world.stop().await;
}

#[tokio::test]
async fn what_cannot_be_registered_or_listed_says_why() {
    let world = standing(|_| ()).await;
    let mut client = world.client().await;
    let nobody = "0".repeat(26);
    let by_id = |id: &str| v1::ShipmentKey {
        key: Some(v1::shipment_key::Key::Id(id.to_owned())),
        ..Default::default()
    };
    let of_order = v1::ShipmentKey {
        key: Some(v1::shipment_key::Key::Order(key(("shop-a", "#404")))),
        ..Default::default()
    };
    for (key, code, reason) in [
        (by_id(&nobody), Code::NotFound, "ID_NOT_FOUND"),
        (of_order, Code::NotFound, "ID_NOT_FOUND"),
        (
            by_number("WHNUMBER0404"),
            Code::FailedPrecondition,
            "NO_SOURCE_CONFIGURED",
        ),
        (by_id("?"), Code::InvalidArgument, "FIELD_INVALID"),
    ] {
        let refused = client
            .register_shipment(registration(key))
            .await
            .unwrap_err();
        assert_eq!(
            (refused.code(), trailers(&refused).0.as_str()),
            (code, reason)
        );
    }
    let request = v1::UnregisterShipmentRequest { id: nobody.clone() };
    let refused = client.unregister_shipment(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
    for token in ["x", "1", "1.", ".", "9".repeat(60).as_str(), "1.not-an-id"] {
        let request = v1::ListShipmentsRequest {
            page_token: token.to_owned(),
            ..Default::default()
        };
        let refused = client.list_shipments(request).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{token}");
        assert_eq!(trailers(&refused).0, "TOKEN_INVALID", "{token}");
    }
    let request = v1::ListEventsRequest {
        shipment_id: nobody,
        ..Default::default()
    };
    let refused = client.list_events(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
    world.stop().await;
}

#[tokio::test]
async fn events_come_page_by_page_newest_first() {
    let world = standing(|_| ()).await;
    let address = world.app.address;
    let number = [number(1)];
    for step in 0..7 {
        change(address, &number, step).await;
    }
    let mut client = client(address).await;
    let view = v1::TrackRequest {
        view: v1::ShipmentView::Full as i32,
        ..common::track(&number[0])
    };
    let record = client
        .track(view)
        .await
        .unwrap()
        .into_inner()
        .shipments
        .remove(0);
    let mut request = v1::ListEventsRequest {
        shipment_id: record.id,
        page_size: 3,
        ..Default::default()
    };
    let mut events = Vec::new();
    loop {
        let page = client
            .list_events(request.clone())
            .await
            .unwrap()
            .into_inner();
        assert!(page.events.len() <= 3 && page.revision == record.revision);
        assert!(
            page.events
                .iter()
                .all(|event| event.observations.is_empty())
        );
        events.extend(page.events.into_iter().map(|event| event.id));
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    let expected: Vec<String> = record.events.into_iter().map(|event| event.id).collect();
    assert_eq!(events, expected);
    assert_eq!(events.iter().collect::<BTreeSet<_>>().len(), 7);
    request.page_token = "no event".to_owned();
    let refused = client.list_events(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    world.stop().await;
}
