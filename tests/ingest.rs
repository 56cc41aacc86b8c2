//! Events of warehouses and shops, over real gRPC, and what they make of shipments.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use common::{World, ask, channel, config, registry, track, trailers};
use tonic::Code;
use waybill::app::{self, App};
use waybill::clock::Clock;
use waybill::config::Config;
use waybill::v1::ingest_service_client::IngestServiceClient;
use waybill::v1::{
    self, ErrorReason, EventCode, ExceptionCategory, NextAction, QualityFindingKind, ReasonCode,
    Responsibility, ShipmentStatus, SourceClass, TimeBasis,
};
use waybill_simulator::{Options, Simulator};

/// A number that no carrier of these tests knows, and no format points to.
const NUMBER: &str = "WHNUMBER0001";
const ORDER: (&str, &str) = ("shop-a", "#1001/7");
/// Start of the scripts of [`Simulator`], 2026-03-02.
const START: i64 = 1_772_438_400;

fn key((platform, order_id): (&str, &str)) -> v1::OrderKey {
    v1::OrderKey {
        platform: platform.to_owned(),
        order_id: order_id.to_owned(),
    }
}

fn local(text: &str) -> Option<v1::EventTime> {
    Some(v1::EventTime {
        local_time: text.to_owned(),
        ..Default::default()
    })
}

/// An event with a stated offset.
fn event(id: &str, number: &str, code: EventCode, time: &str) -> v1::IngestEvent {
    v1::IngestEvent {
        client_event_id: id.to_owned(),
        tracking_number: number.to_owned(),
        code: code as i32,
        time: local(time),
        ..Default::default()
    }
}

fn of_order(order: (&str, &str), event: v1::IngestEvent) -> v1::IngestEvent {
    v1::IngestEvent {
        order: Some(key(order)),
        ..event
    }
}

fn packed(id: &str, number: &str) -> v1::IngestEvent {
    let time = "2026-03-02T06:00:00Z";
    event(id, number, EventCode::AwaitingHandover, time)
}

fn full(number: &str) -> v1::TrackRequest {
    v1::TrackRequest {
        view: v1::ShipmentView::Full as i32,
        ..track(number)
    }
}

fn full_order(order: (&str, &str)) -> v1::TrackRequest {
    v1::TrackRequest {
        order: Some(key(order)),
        ..full("")
    }
}

async fn send(address: SocketAddr, events: Vec<v1::IngestEvent>) -> v1::IngestEventsResponse {
    let mut client = IngestServiceClient::new(channel(address).await);
    let request = v1::IngestEventsRequest {
        events,
        ..Default::default()
    };
    client.ingest_events(request).await.unwrap().into_inner()
}

/// Sends events that are all taken, and returns the shipments of each.
async fn sent(address: SocketAddr, events: Vec<v1::IngestEvent>) -> Vec<Vec<String>> {
    let response = send(address, events).await;
    let shipments = response.results.into_iter().map(|result| {
        assert_eq!(result.error, None);
        result.shipment_ids
    });
    shipments.collect()
}

async fn tracked(address: SocketAddr, request: v1::TrackRequest) -> Vec<v1::Shipment> {
    let mut client = common::client(address).await;
    let found = client.track(request).await.unwrap().into_inner();
    found.shipments
}

async fn the_one(address: SocketAddr, request: v1::TrackRequest) -> v1::Shipment {
    let mut found = tracked(address, request).await;
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

fn codes(shipment: &v1::Shipment) -> Vec<EventCode> {
    let codes = shipment.events.iter().rev().map(|event| event.code());
    codes.collect()
}

fn finds(shipment: &v1::Shipment, kind: QualityFindingKind) -> bool {
    shipment.findings.iter().any(|one| one.kind() == kind)
}

/// A gateway and carriers whose clocks stand until they are moved.
async fn standing(change: impl FnOnce(&mut Config)) -> World {
    let simulator = Simulator::start(Options::default()).await.unwrap();
    let mut config = config(&simulator);
    change(&mut config);
    let clock = Clock::manual(jiff::Timestamp::from_second(START).unwrap());
    let app = app::start(config, registry(), clock.clone()).await.unwrap();
    World {
        simulator,
        app,
        clock,
    }
}

fn advance(world: &World, hours: u64) {
    let by = Duration::from_secs(hours * 3_600);
    world.clock.advance(by);
    world.simulator.advance(by);
}

#[tokio::test]
async fn the_same_event_again_is_the_same_result_and_changes_nothing() {
    let world = standing(|_| ()).await;
    let address = world.app.address;
    let events = vec![
        packed("a", NUMBER),
        of_order(
            ORDER,
            event("b", NUMBER, EventCode::LabelCreated, "2026-03-02T05:00:00Z"),
        ),
        of_order(ORDER, packed("c", "")),
    ];
    let first = send(address, events.clone()).await;
    assert_eq!((first.stored_count, first.duplicate_count), (3, 0));
    let results: Vec<_> = first.results.iter().map(|it| it.index).collect();
    assert_eq!(results, [0, 1, 2]);
    let shipment = the_one(address, full(NUMBER)).await;
    assert_eq!(shipment.event_count, 3);
    assert_eq!(shipment.status(), ShipmentStatus::InfoReceived);
    assert_eq!(
        first.results[2].shipment_ids,
        std::slice::from_ref(&shipment.id)
    );

    // At once, later, and by many at the same time.
    world.clock.advance(Duration::from_secs(3_600));
    let again = (0..8).map(|_| send(address, events.clone()));
    for again in futures_util::future::join_all(again).await {
        assert_eq!((again.stored_count, again.duplicate_count), (0, 3));
        assert_eq!(again.results, first.results);
    }
    let same = the_one(address, full(NUMBER)).await;
    assert_eq!(
        (same.revision, &same.etag),
        (shipment.revision, &shipment.etag)
    );

    // The same id with other content is refused, also within one call, and changes nothing.
    let other = event("a", NUMBER, EventCode::Damaged, "2026-03-02T06:00:00Z");
    let refused = send(
        address,
        vec![other, packed("d", NUMBER), packed("d", "WHNUMBER0002")],
    )
    .await;
    assert_eq!((refused.stored_count, refused.rejected_count), (1, 2));
    for (at, path) in [
        (0, "events[0].client_event_id"),
        (2, "events[2].client_event_id"),
    ] {
        let problem = refused.results[at].error.as_ref().unwrap();
        assert_eq!(problem.reason(), ErrorReason::EventRejected);
        assert_eq!(problem.violations[0].field, path);
    }
    assert!(!codes(&the_one(address, full(NUMBER)).await).contains(&EventCode::Damaged));

    // Another system has ids of its own.
    let mut client = IngestServiceClient::new(channel(address).await);
    let request = v1::IngestEventsRequest {
        source: "internal-shop".to_owned(),
        events: vec![event(
            "a",
            NUMBER,
            EventCode::InfoReceived,
            "2026-03-02T04:00:00Z",
        )],
        ..Default::default()
    };
    let answer = client.ingest_events(request).await.unwrap().into_inner();
    assert_eq!(answer.stored_count, 1);
    world.stop().await;
}

#[tokio::test]
async fn many_calls_at_once_store_each_event_once() {
    let world = standing(|_| ()).await;
    let address = world.app.address;
    let calls = (0..40).map(|at| {
        // Half of them send what another one sends too.
        let id = format!("e{}", at % 20);
        let time = format!("2026-03-02T06:{:02}:00Z", at % 20);
        let events = vec![event(&id, NUMBER, EventCode::Information, &time)];
        send(address, events)
    });
    let answers = futures_util::future::join_all(calls).await;
    assert!(
        answers.iter().all(|it| it.rejected_count == 0),
        "{answers:?}"
    );
    let shipment = the_one(address, full(NUMBER)).await;
    assert_eq!(shipment.event_count, 20);
    world.stop().await;
}

#[tokio::test]
async fn what_an_order_was_told_joins_its_parcels_once_their_numbers_are_known() {
    use v1::watch_message::Kind as Message;
    let world = standing(|_| ()).await;
    let address = world.app.address;
    // Nobody knows the order, and no source looks up orders of the shop.
    let mut client = world.client().await;
    let unknown = client.track(full_order(ORDER)).await.err().unwrap();
    assert_eq!(unknown.code(), Code::FailedPrecondition);

    let waiting = sent(address, vec![of_order(ORDER, packed("a", ""))]).await;
    assert_eq!(waiting, [Vec::<String>::new()]);
    assert!(tracked(address, full_order(ORDER)).await.is_empty());

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
    let mut stream = client.follow(request).await.unwrap().into_inner();
    loop {
        match stream.message().await.unwrap().unwrap().kind.unwrap() {
            Message::Synced(synced) => break assert_eq!(synced.shipment_count, 0),
            Message::Rejected(rejected) => panic!("{:?}", rejected.error),
            _ => {}
        }
    }

    let label = |id, number| {
        let label = event(id, number, EventCode::LabelCreated, "2026-03-02T05:00:00Z");
        of_order(ORDER, label)
    };
    let first = sent(address, vec![label("b", NUMBER)]).await.remove(0);
    let second = sent(address, vec![label("c", "WHNUMBER0002")])
        .await
        .remove(0);
    let both: BTreeSet<String> = [first.clone(), second].concat().into_iter().collect();
    let found = tracked(address, full_order(ORDER)).await;
    let ids: BTreeSet<String> = found.iter().map(|it| it.id.clone()).collect();
    assert_eq!(ids, both);
    for shipment in &found {
        let told = [EventCode::LabelCreated, EventCode::AwaitingHandover];
        assert_eq!(codes(shipment), told);
        let reference = v1::Identifier {
            value: ORDER.1.to_owned(),
            kind: v1::IdentifierKind::Reference as i32,
            ..Default::default()
        };
        assert!(shipment.identifiers.contains(&reference));
        assert_eq!(
            shipment.events[0].observations[0].source_class(),
            SourceClass::Internal
        );
    }
    // Whoever follows the order hears of them.
    let mut heard = BTreeSet::new();
    while heard != both {
        let message = stream.message().await.unwrap().unwrap();
        if let Some(Message::Update(update)) = message.kind {
            heard.extend(update.shipment.map(|shipment| shipment.id));
        }
    }
    // What is said of the order from now on is said of both.
    let dispatched = event(
        "d",
        "",
        EventCode::WarehouseDispatched,
        "2026-03-02T07:00:00Z",
    );
    let taken = sent(address, vec![of_order(ORDER, dispatched)])
        .await
        .remove(0);
    assert_eq!(taken.into_iter().collect::<BTreeSet<_>>(), both);
    // The order before that was told again belongs to both by now.
    let again = send(address, vec![of_order(ORDER, packed("a", ""))]).await;
    assert_eq!(again.duplicate_count, 1);
    assert_eq!(again.results[0].shipment_ids.len(), 2);
    world.stop().await;
}

#[tokio::test]
async fn what_sources_find_of_an_order_and_what_was_told_of_it_are_one_answer() {
    let world = common::every::world(|_| ()).await;
    let address = world.app.address;
    let order = ("1688", "880000000000000001");
    let own = of_order(order, packed("own", NUMBER));
    sent(address, vec![of_order(order, packed("all", "")), own]).await;
    let stored = tracked(
        address,
        v1::TrackRequest {
            cache_only: true,
            ..full_order(order)
        },
    )
    .await;
    assert_eq!(stored.len(), 1, "nobody was asked");
    let found = tracked(address, full_order(order)).await;
    let numbers: BTreeSet<&str> = found.iter().map(|it| it.tracking_number.as_str()).collect();
    let expected = ["BX880000000000102", "LP88000000000101", NUMBER];
    assert_eq!(numbers, BTreeSet::from(expected));
    for shipment in &found {
        assert!(codes(shipment).contains(&EventCode::AwaitingHandover));
    }
    world.stop().await;
}

#[tokio::test]
async fn a_clock_without_an_offset_is_read_in_its_zone_or_left_open() {
    let world = standing(|_| ()).await;
    let address = world.app.address;
    let at = "2026-03-02T06:00:00";
    let timed = |id: &str, number: &str, time: v1::EventTime, location: Option<v1::Location>| {
        v1::IngestEvent {
            time: Some(time),
            location,
            ..packed(id, number)
        }
    };
    let bare = || local(at).unwrap();
    let zone = |time_zone: &str| v1::EventTime {
        time_zone: time_zone.to_owned(),
        ..bare()
    };
    let place = v1::Location {
        country_code: "CN".to_owned(),
        ..Default::default()
    };
    sent(
        address,
        vec![
            timed("a", "WHZONE0001", zone("Europe/Berlin"), None),
            timed("b", "WHZONE0002", bare(), Some(place)),
            timed("c", "WHZONE0003", bare(), None),
        ],
    )
    .await;
    for (number, instant, basis) in [
        ("WHZONE0001", Some(START - 3 * 3_600), TimeBasis::Facility),
        ("WHZONE0002", Some(START - 10 * 3_600), TimeBasis::Country),
        ("WHZONE0003", None, TimeBasis::Unresolved),
    ] {
        let shipment = the_one(address, full(number)).await;
        let time = shipment.events[0].time.clone().unwrap();
        assert_eq!(time.local_time, at);
        assert_eq!(time.instant.map(|instant| instant.seconds), instant);
        assert_eq!(time.basis(), basis);
        let open = finds(&shipment, QualityFindingKind::TimeZoneAssumed);
        assert_eq!(open, instant.is_none());
    }
    let wrong = send(
        address,
        vec![timed("d", "WHZONE0004", zone("Mars/Olympus"), None)],
    )
    .await;
    let problem = wrong.results[0].error.as_ref().unwrap();
    assert_eq!(problem.violations[0].field, "events[0].time.time_zone");
    world.stop().await;
}

#[tokio::test]
async fn packed_short_opens_missing_contents_and_photographs_are_referred_to() {
    let world = standing(|_| ()).await;
    let address = world.app.address;
    let photos = ["https://warehouse.example/p/1.jpg", "s3://photos/2.jpg"];
    let short = v1::IngestEvent {
        reason: ReasonCode::PackedShort as i32,
        text: "two of three".to_owned(),
        photo_uris: photos.map(str::to_owned).to_vec(),
        requirements: Some(v1::DeliveryRequirements {
            signature: Some(true),
            ..Default::default()
        }),
        ..event(
            "short",
            NUMBER,
            EventCode::ContentsMissing,
            "2026-03-02T06:30:00Z",
        )
    };
    let told = v1::IngestEvent {
        requirements: Some(v1::DeliveryRequirements {
            instructions: "to the back door".to_owned(),
            ..Default::default()
        }),
        ..packed("packed", NUMBER)
    };
    sent(address, vec![short]).await;
    sent(address, vec![told]).await;
    let shipment = the_one(address, full(NUMBER)).await;
    assert_eq!(shipment.status(), ShipmentStatus::InfoReceived);
    let problem = &shipment.exceptions[0];
    assert_eq!(problem.category(), ExceptionCategory::MissingContents);
    assert_eq!(problem.reason(), ReasonCode::PackedShort);
    assert_eq!(problem.owner(), Responsibility::Shipper);
    assert_eq!(problem.next_action(), NextAction::ReshipOrRefund);
    let kept: Vec<_> = shipment.photos.iter().map(|it| it.uri.as_str()).collect();
    assert_eq!(kept, photos);
    assert!(
        shipment
            .photos
            .iter()
            .all(|it| problem.event_ids == [it.event_id.clone()])
    );
    // What one event demands is not lost by another one that demands something else.
    let needs = shipment.requirements.unwrap();
    assert_eq!(needs.signature, Some(true));
    assert_eq!(needs.instructions, "to the back door");
    // References are for those who ask for everything.
    assert!(the_one(address, track(NUMBER)).await.photos.is_empty());
    world.stop().await;
}

#[tokio::test]
async fn a_hand_over_that_the_carrier_does_not_confirm_is_a_problem_until_it_does() {
    let world = standing(|_| ()).await;
    let address = world.app.address;
    let number = world.ups_number("delivered");
    let given = EventCode::WarehouseDispatched;
    sent(
        address,
        vec![
            event(
                "a",
                &number,
                EventCode::AwaitingHandover,
                "2026-03-01T10:00:00Z",
            ),
            event("b", &number, given, "2026-03-01T12:00:00Z"),
        ],
    )
    .await;
    // The carrier knows the label only, and data is not possession.
    let shipment = the_one(
        address,
        v1::TrackRequest {
            max_age: ask("").max_age,
            ..full(&number)
        },
    );
    let shipment = shipment.await;
    assert_eq!(shipment.status(), ShipmentStatus::InfoReceived);
    assert_eq!(shipment.carrier, "ups");
    assert!(shipment.exceptions.is_empty(), "{:?}", shipment.exceptions);

    advance(&world, 5);
    let waiting = the_one(address, full(&number)).await;
    let [problem] = &waiting.exceptions[..] else {
        panic!("{:?}", waiting.exceptions);
    };
    assert_eq!(problem.category(), ExceptionCategory::NoUpdate);
    assert_eq!(problem.owner(), Responsibility::Carrier);
    assert_eq!(problem.next_action(), NextAction::ContactCarrier);
    assert!(problem.derived && problem.close_time.is_none());
    let day_after = START + 4 * 3_600;
    assert_eq!(problem.open_time.unwrap().seconds, day_after);
    assert!(waiting.revision > shipment.revision);

    advance(&world, 2);
    let asked = v1::TrackRequest {
        max_age: ask("").max_age,
        ..full(&number)
    };
    let confirmed = the_one(address, asked).await;
    assert_eq!(confirmed.id, shipment.id);
    assert_eq!(confirmed.status(), ShipmentStatus::InTransit);
    let [closed] = &confirmed.exceptions[..] else {
        panic!("{:?}", confirmed.exceptions);
    };
    assert_eq!(closed.id, problem.id);
    assert_eq!(closed.close_time.unwrap().seconds, START + 6 * 3_600);
    assert!(!finds(&confirmed, QualityFindingKind::WarehouseUnaware));
    world.stop().await;
}

#[tokio::test]
async fn what_the_carrier_has_and_the_warehouse_never_gave_is_found() {
    let world = standing(|_| ()).await;
    let address = world.app.address;
    advance(&world, 8);
    let number = world.ups_number("delivered");
    // The carrier comes first this time.
    let alone = the_one(address, full(&number)).await;
    assert_eq!(alone.status(), ShipmentStatus::InTransit);
    let shipments = sent(address, vec![packed("a", &number)]).await;
    assert_eq!(
        shipments,
        [vec![alone.id.clone()]],
        "it is the carrier's shipment"
    );
    let shipment = the_one(address, full(&number)).await;
    let finding = |one: &&v1::QualityFinding| one.kind() == QualityFindingKind::WarehouseUnaware;
    let finding = shipment.findings.iter().find(finding).unwrap();
    assert_eq!(finding.sources, ["internal"]);
    assert_eq!(shipment.status(), ShipmentStatus::InTransit);

    let given = EventCode::WarehouseDispatched;
    sent(
        address,
        vec![event("b", &number, given, "2026-03-02T09:00:00Z")],
    )
    .await;
    let settled = the_one(address, full(&number)).await;
    assert!(!finds(&settled, QualityFindingKind::WarehouseUnaware));
    assert!(settled.exceptions.is_empty());
    assert_eq!(settled.status(), ShipmentStatus::InTransit);
    world.stop().await;
}

#[tokio::test]
async fn a_number_of_a_carrier_that_its_format_does_not_tell_is_one_shipment() {
    let world = standing(|_| ()).await;
    let address = world.app.address;
    advance(&world, 60);
    let number = world.dhl_number("delivered");
    let mine = sent(address, vec![packed("a", &number)]).await.remove(0);
    let asked = v1::TrackRequest {
        carrier: "dhl".to_owned(),
        ..full(&number)
    };
    for _ in 0..2 {
        let found = tracked(address, asked.clone()).await;
        let ids: Vec<String> = found.iter().map(|it| it.id.clone()).collect();
        assert_eq!(ids, mine);
        assert_eq!(found[0].carrier, "dhl");
        assert!(found[0].event_count > 1);
    }
    world.stop().await;
}

#[tokio::test]
async fn a_wrong_event_is_named_and_does_not_stop_the_others() {
    let world = standing(|_| ()).await;
    let address = world.app.address;
    let good = || packed("good", NUMBER);
    let base = |id: &str| packed(id, "WHWRONG0001");
    let rows: Vec<(v1::IngestEvent, &str)> = vec![
        (base(""), "client_event_id"),
        (packed("1", ""), "tracking_number"),
        (packed("2", "A"), "tracking_number"),
        (of_order(("Shop A", "7"), base("3")), "order.platform"),
        (
            event("4", NUMBER, EventCode::PickedUp, "2026-03-02T06:00:00Z"),
            "code",
        ),
        (
            event("5", NUMBER, EventCode::Delivered, "2026-03-02T06:00:00Z"),
            "code",
        ),
        (
            event("6", NUMBER, EventCode::Damaged, "yesterday"),
            "time.local_time",
        ),
        (
            v1::IngestEvent {
                time: None,
                ..base("7")
            },
            "time",
        ),
        (
            v1::IngestEvent {
                reason: 9_999,
                ..base("8")
            },
            "reason",
        ),
        (
            v1::IngestEvent {
                text: "x".repeat(1_001),
                ..base("9")
            },
            "text",
        ),
        (
            v1::IngestEvent {
                photo_uris: vec!["a b".to_owned()],
                ..base("10")
            },
            "photo_uris[0]",
        ),
        (
            v1::IngestEvent {
                carrier: "UPS".to_owned(),
                ..base("11")
            },
            "carrier",
        ),
        (
            v1::IngestEvent {
                location: Some(v1::Location {
                    country_code: "Germany".to_owned(),
                    ..Default::default()
                }),
                ..base("12")
            },
            "location.country_code",
        ),
        (
            v1::IngestEvent {
                requirements: Some(v1::DeliveryRequirements {
                    collect_by: "soon".to_owned(),
                    ..Default::default()
                }),
                ..base("13")
            },
            "requirements.collect_by",
        ),
    ];
    let mut events: Vec<v1::IngestEvent> = rows.iter().map(|row| row.0.clone()).collect();
    events.insert(3, good());
    let checked = {
        let mut client = IngestServiceClient::new(channel(address).await);
        let request = v1::IngestEventsRequest {
            events: events.clone(),
            validate_only: true,
            ..Default::default()
        };
        client.ingest_events(request).await.unwrap().into_inner()
    };
    assert_eq!(checked.stored_count, 0);
    let unknown = common::client(address).await.track(track(NUMBER)).await;
    assert_eq!(
        unknown.err().unwrap().code(),
        Code::FailedPrecondition,
        "only checked"
    );

    let answer = send(address, events).await;
    assert_eq!(answer.stored_count, 1);
    assert_eq!(answer.rejected_count as usize, rows.len());
    assert_eq!(answer.results[3].error, None);
    assert_eq!(answer.results[3].shipment_ids.len(), 1);
    let errors = answer
        .results
        .iter()
        .filter(|result| result.error.is_some());
    for (result, (_, field)) in errors.zip(&rows) {
        let problem = result.error.as_ref().unwrap();
        let path = format!("events[{}].{field}", result.index);
        assert_eq!(problem.violations[0].field, path);
        assert!(!problem.message.contains("WHWRONG"));
        assert_eq!(checked.results[result.index as usize].error, result.error);
    }
    assert_eq!(the_one(address, full(NUMBER)).await.event_count, 1);
    world.stop().await;
}

#[tokio::test]
async fn a_call_is_bounded() {
    let world = standing(|_| ()).await;
    let mut client = IngestServiceClient::new(channel(world.app.address).await);
    let many = |count: usize| {
        let events = (0..count).map(|at| packed(&at.to_string(), NUMBER));
        v1::IngestEventsRequest {
            events: events.collect(),
            ..Default::default()
        }
    };
    for count in [0, 501] {
        let refused = client.ingest_events(many(count)).await.err().unwrap();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert_eq!(trailers(&refused).0, "FIELD_INVALID");
    }
    let mut large = many(500);
    for event in &mut large.events {
        event.text = "é".repeat(1_000);
        event.photo_uris = vec!["x".repeat(1_000)];
    }
    let refused = client.ingest_events(large).await.err().unwrap();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert_eq!(trailers(&refused).0, "MESSAGE_TOO_LARGE");
    for source in ["ups", "internal-", "Internal", "internal_shop"] {
        let request = v1::IngestEventsRequest {
            source: source.to_owned(),
            ..many(1)
        };
        let refused = client.ingest_events(request).await.err().unwrap();
        assert_eq!(refused.code(), Code::InvalidArgument, "{source}");
    }
    let answer = client.ingest_events(many(500)).await.unwrap().into_inner();
    assert_eq!(answer.stored_count, 500);
    // A shipment has room for so many events, and says so when it is full.
    let next = |from: usize| {
        let events = (from..from + 500).map(|at| packed(&at.to_string(), NUMBER));
        events.collect::<Vec<_>>()
    };
    let second = send(world.app.address, next(500)).await;
    assert_eq!(second.stored_count, 500);
    let third = send(world.app.address, next(1_000)).await;
    assert_eq!(third.rejected_count, 500);
    let problem = third.results[0].error.as_ref().unwrap();
    assert_eq!(problem.reason(), ErrorReason::EventRejected);
    world.stop().await;
}

#[tokio::test]
async fn a_restart_keeps_everything() {
    let folder = tempfile::tempdir().unwrap();
    let start = async || -> App {
        let mut config = Config::default();
        config.server.listen = common::ANY;
        config.server.side = common::ANY;
        config.store.data_dir = folder.path().to_owned();
        app::start(config, registry(), Clock::system())
            .await
            .unwrap()
    };
    let other = ("shop-a", "#1002");
    let events = vec![
        of_order(ORDER, packed("a", NUMBER)),
        of_order(other, packed("b", "")),
        v1::IngestEvent {
            photo_uris: vec!["p/1".to_owned()],
            ..of_order(
                ORDER,
                event("c", "", EventCode::Repacked, "2026-03-02T06:30:00Z"),
            )
        },
    ];
    let app = start().await;
    let first = send(app.address, events.clone()).await;
    assert_eq!(first.stored_count, 3);
    let before = the_one(app.address, full_order(ORDER)).await;
    assert_eq!((before.event_count, before.photos.len()), (2, 1));
    app.stop().await;

    let app = start().await;
    let again = send(app.address, events).await;
    assert_eq!(again.duplicate_count, 3);
    assert_eq!(again.results, first.results);
    let after = the_one(app.address, full_order(ORDER)).await;
    assert_eq!((&after.id, &after.etag), (&before.id, &before.etag));
    // What waits for its number has waited through the restart.
    let joined = of_order(other, packed("d", "WHNUMBER0002"));
    sent(app.address, vec![joined]).await;
    let shipment = the_one(app.address, full_order(other)).await;
    assert_eq!(shipment.event_count, 2);
    app.stop().await;
}
