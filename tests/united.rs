//! A parcel that was stored under two numbers before anybody said that they are one: afterwards it
//! is one shipment under both, and whoever held the other one hears of it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use std::path::Path;
use std::time::Duration;

use common::every::section;
use common::watching::by_number;
use common::{ANY, client, post, simulator, track};
use tonic::Streaming;
use waybill::app::{self, App};
use waybill::clock::Clock;
use waybill::config::Config;
use waybill::v1::{self, IdentifierBasis, WatchChange, watch_message::Kind};
use waybill_core::shipment::ShipmentId;
use waybill_simulator::Simulator;

/// Of USPS, out for delivery since a day.
const USPS: &str = "9400778000000000000021";
const DELIVERED: &str = "9400778000000000000014";

/// A gateway that asks the test post and USPS.
async fn gateway(simulator: &Simulator, folder: Option<&Path>) -> App {
    let mut config = Config::default();
    config.server.listen = ANY;
    config.server.side = ANY;
    if let Some(folder) = folder {
        config.store.data_dir = folder.to_owned();
    }
    let sources = &mut config.sources;
    sources.insert(post::CARRIER.to_owned(), toml::Table::new());
    sources.insert(
        "usps".to_owned(),
        section(simulator.source("usps").unwrap()),
    );
    app::start(config, post::beside_others(), Clock::system())
        .await
        .unwrap()
}

fn request(number: &str, carrier: &str) -> v1::TrackRequest {
    v1::TrackRequest {
        carrier: carrier.to_owned(),
        view: v1::ShipmentView::Full as i32,
        max_age: Some(prost_types::Duration::default()),
        ..track(number)
    }
}

/// What is found under a number once its carrier has been asked.
async fn asked(app: &App, number: &str, carrier: &str) -> Vec<v1::Shipment> {
    let mut client = client(app.address).await;
    let found = client.track(request(number, carrier)).await;
    found.unwrap().into_inner().shipments
}

/// What is found under a number without asking anybody.
async fn held(app: &App, number: &str) -> Vec<v1::Shipment> {
    let request = v1::TrackRequest {
        cache_only: true,
        max_age: None,
        ..request(number, "")
    };
    match client(app.address).await.track(request).await {
        Ok(found) => found.into_inner().shipments,
        Err(_) => Vec::new(),
    }
}

async fn by_id(app: &App, id: &str) -> v1::Shipment {
    let request = v1::GetShipmentRequest {
        id: id.to_owned(),
        view: v1::ShipmentView::Full as i32,
        ..Default::default()
    };
    let found = client(app.address).await.get_shipment(request).await;
    found.unwrap().into_inner().shipment.unwrap()
}

async fn follow(app: &App, key: v1::ShipmentKey) -> Streaming<v1::WatchMessage> {
    let open = v1::WatchOpen {
        target: Some(v1::watch_open::Target::Shipments(v1::WatchShipments {
            shipments: vec![key],
        })),
        ..Default::default()
    };
    let request = v1::FollowRequest { open: Some(open) };
    let mut stream = client(app.address)
        .await
        .follow(request)
        .await
        .unwrap()
        .into_inner();
    while !matches!(next(&mut stream).await, Kind::Synced(_)) {}
    stream
}

async fn next(stream: &mut Streaming<v1::WatchMessage>) -> Kind {
    let message = tokio::time::timeout(Duration::from_secs(30), stream.message());
    message.await.unwrap().unwrap().unwrap().kind.unwrap()
}

async fn next_update(stream: &mut Streaming<v1::WatchMessage>) -> v1::WatchUpdate {
    loop {
        if let Kind::Update(update) = next(stream).await {
            return update;
        }
    }
}

/// Follows a shipment for the caller under a label, with a promise that is long over.
async fn register(app: &App, number: &str, label: &str) {
    let registration = v1::Registration {
        shipment: Some(by_number(number)),
        labels: [(label.to_owned(), "yes".to_owned())].into(),
        promise: Some(v1::TimeWindow {
            start_time: None,
            end_time: Some(prost_types::Timestamp {
                seconds: 1_000_000_000,
                nanos: 0,
            }),
        }),
        ..Default::default()
    };
    let request = v1::RegisterShipmentRequest {
        registration: Some(registration),
    };
    client(app.address)
        .await
        .register_shipment(request)
        .await
        .unwrap();
}

fn ids(shipments: &[v1::Shipment]) -> Vec<&str> {
    shipments.iter().map(|it| it.id.as_str()).collect()
}

#[tokio::test]
async fn two_stored_shipments_become_one_under_every_number_and_id() {
    let simulator = simulator(Duration::from_secs(90 * 3_600)).await;
    let folder = tempfile::tempdir().unwrap();
    let app = gateway(&simulator, Some(folder.path())).await;
    let number = "TPUN00000001";
    let theirs = asked(&app, USPS, "usps").await.remove(0);
    post::says(number, &[&[20, 12]]);
    let ours = asked(&app, number, post::CARRIER).await.remove(0);
    assert_ne!(theirs.id, ours.id, "nobody says yet that they are one");
    register(&app, USPS, "theirs").await;
    let key = v1::shipment_key::Key::Id(theirs.id.clone());
    let by_old_id = v1::ShipmentKey {
        key: Some(key),
        ..Default::default()
    };
    let mut old = follow(&app, by_old_id.clone()).await;
    let mut numbered = follow(&app, by_number(USPS)).await;

    post::goes_on(number, USPS, "usps");
    let united = asked(&app, number, post::CARRIER).await;
    let [one] = &united[..] else {
        panic!("{:?}", ids(&united));
    };
    assert_eq!(one.id, ours.id, "the one that began first keeps its id");
    assert_eq!(one.superseded_ids, [theirs.id.as_str()]);
    assert_eq!(one.event_count, ours.event_count + theirs.event_count);
    assert_eq!(one.status, theirs.status);
    assert_eq!(one.carrier, "usps");
    for event in &theirs.events {
        assert!(one.events.iter().any(|it| it.id == event.id), "{event:?}");
    }
    let next = one.identifiers.iter().find(|it| it.value == USPS).unwrap();
    assert_eq!(next.basis(), IdentifierBasis::Field);

    // Whoever watched the other one hears of the one that it is now, and that it is gone itself.
    for stream in [&mut old, &mut numbered] {
        let (mut is_gone, mut is_there) = (false, false);
        while !(is_gone && is_there) {
            let update = next_update(stream).await;
            // What the tenant has added goes with it, and is told by itself.
            let Some(shipment) = update.shipment.clone() else {
                continue;
            };
            is_gone |= update.change() == WatchChange::Removed && shipment.id == theirs.id;
            is_there |= shipment.id == ours.id && shipment.superseded_ids == [theirs.id.as_str()];
        }
    }
    drop((old, numbered));

    // Every number and id leads to it, also when its carrier is asked under that number again, and
    // after a restart.
    let check = async |app: &App| {
        for found in [
            held(app, USPS).await,
            held(app, number).await,
            asked(app, USPS, "usps").await,
            asked(app, number, post::CARRIER).await,
        ] {
            assert_eq!(ids(&found), [ours.id.as_str()]);
            assert_eq!(found[0].event_count, one.event_count, "nothing twice");
            assert!(
                found[0]
                    .findings
                    .iter()
                    .all(|it| it.kind() != v1::QualityFindingKind::EventDisappeared)
            );
        }
        assert_eq!(by_id(app, &theirs.id).await.id, ours.id);
        assert_eq!(by_id(app, &ours.id).await.id, ours.id);
        let request = v1::ListShipmentsRequest::default();
        let listed = client(app.address).await.list_shipments(request).await;
        let listed = listed.unwrap().into_inner();
        assert_eq!(ids(&listed.shipments), [ours.id.as_str()]);
        assert_eq!(listed.overlays[0].labels["theirs"], "yes");
        assert!(listed.overlays[0].promise.is_some());
        let old = ShipmentId(theirs.id.clone());
        let evidence = app.pipeline.evidence("local", &old).await;
        let said = evidence.unwrap().said.kept;
        assert!(said.iter().any(|kept| kept.source == "usps"));
    };
    check(&app).await;
    let mut again = follow(&app, by_old_id.clone()).await;
    assert_eq!(asked(&app, number, post::CARRIER).await.len(), 1);
    post::says(number, &[&[20, 12, 11]]);
    asked(&app, number, post::CARRIER).await;
    let update = next_update(&mut again).await;
    assert_eq!(
        update.shipment.unwrap().id,
        ours.id,
        "the old id goes on hearing"
    );
    post::says(number, &[&[20, 12]]);
    drop(again);
    app.stop().await;
    let app = gateway(&simulator, Some(folder.path())).await;
    assert_eq!(by_id(&app, &theirs.id).await.id, ours.id);
    assert_eq!(ids(&held(&app, USPS).await), [ours.id.as_str()]);
    app.stop().await;
}

#[tokio::test]
async fn a_number_that_is_known_before_its_news_needs_no_shipment_of_its_own() {
    let simulator = simulator(Duration::from_secs(90 * 3_600)).await;
    let app = gateway(&simulator, None).await;
    let number = "TPUN00000011";
    post::says(number, &[&[20, 12]]);
    post::goes_on(number, DELIVERED, "usps");
    let ours = asked(&app, number, post::CARRIER).await.remove(0);
    let found = asked(&app, DELIVERED, "usps").await;
    assert_eq!(ids(&found), [ours.id.as_str()]);
    assert_eq!(found[0].carrier, "usps");
    assert!(found[0].event_count > ours.event_count);
    assert!(found[0].superseded_ids.is_empty());
    app.stop().await;
}

#[tokio::test]
async fn what_is_not_certain_stays_apart() {
    let simulator = simulator(Duration::from_secs(90 * 3_600)).await;
    let app = gateway(&simulator, None).await;
    let theirs = asked(&app, DELIVERED, "usps").await.remove(0);
    // A number of another carrier.
    let apart = async |number: &str| {
        let mine = asked(&app, number, post::CARRIER).await.remove(0);
        assert!(mine.superseded_ids.is_empty());
        let stays = by_id(&app, &theirs.id).await;
        assert_eq!(stays.id, theirs.id);
        assert_eq!(stays.event_count, theirs.event_count);
    };
    post::says("TPUN00000021", &[&[12]]);
    post::goes_on("TPUN00000021", DELIVERED, "ups");
    apart("TPUN00000021").await;
    // One that two parcels are said to go on under: nobody can tell which of them it is.
    post::says("TPUN00000023", &[&[12]]);
    post::goes_on("TPUN00000023", DELIVERED, "usps");
    apart("TPUN00000023").await;
    app.stop().await;
}
