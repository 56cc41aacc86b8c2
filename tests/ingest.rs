//! Events of warehouses and shops are taken in once, and found by number and order.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use std::collections::BTreeSet;
use std::time::Duration;

use common::own::{
    NUMBER, ORDER, codes, event, full, full_order, key, of_order, packed, send, sent, standing,
    the_one, tracked,
};
use common::program::{err, out, run_beside};
use common::{channel, registry, track, trailers};
use tonic::Code;
use waybill::app::{self, App};
use waybill::clock::Clock;
use waybill::config::Config;
use waybill::v1::ingest_service_client::IngestServiceClient;
use waybill::v1::{self, ErrorReason, EventCode, ShipmentStatus, SourceClass};

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
            basis: v1::IdentifierBasis::Field as i32,
            source: "internal".to_owned(),
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

#[tokio::test]
async fn the_program_sends_a_file_and_names_its_wrong_lines() {
    let world = standing(|_| ()).await;
    let address = format!("http://{}", world.app.address);
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let line = |id: &str, code: &str| {
        format!(
            r##"{{"clientEventId": "{id}", "trackingNumber": "{NUMBER}", "code": "EVENT_CODE_{code}", "time": {{"localTime": "2026-03-02T07:00", "timeZone": "Europe/Berlin"}}}}"##
        )
    };
    let lines = [
        "# what happened".to_owned(),
        line("a", "AWAITING_HANDOVER"),
        String::new(),
        "{\"clientEventId\": ".to_owned(),
        line("b", "DELIVERED"),
        line("c", "WAREHOUSE_DISPATCHED"),
    ];
    std::io::Write::write_all(&mut file, lines.join("\n").as_bytes()).unwrap();
    let path = file.path().to_str().unwrap();
    let check = ["ingest", path, "--check", "--address", &address];
    let send = ["ingest", path, "--address", &address];
    for (arguments, expected) in [
        (&check[..], "2 can be stored, 2 rejected"),
        (&send[..], "2 stored, 0 known already, 2 rejected"),
        (&send[..], "0 stored, 2 known already, 2 rejected"),
    ] {
        let output = run_beside(arguments).await;
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(out(&output).trim(), expected);
        let wrong = err(&output);
        assert!(wrong.contains("line 4: "), "{wrong}");
        assert!(
            wrong.contains("line 5: FIELD_INVALID: events[1].code"),
            "{wrong}"
        );
    }
    let shipment = the_one(world.app.address, full(NUMBER)).await;
    let told = [EventCode::AwaitingHandover, EventCode::WarehouseDispatched];
    assert_eq!(codes(&shipment), told);
    world.stop().await;
}
