//! The guarantees of streams, each by its name, and what a client can ask of one.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests"
)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use common::own::standing;
use common::watching::{
    Held, Reader, by_number, change, labelled, number, register, shipments, updates,
};
use common::{World, client, trailers};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;
use tonic::transport::Channel;
use waybill::v1::tracking_service_client::TrackingServiceClient;
use waybill::v1::watch_message::Kind;
use waybill::v1::watch_request::Kind as Ask;
use waybill::v1::{self, LagPolicy, WatchChange, WatchResetReason};

fn numbers(count: usize) -> Vec<String> {
    (1..=count).map(number).collect()
}

/// The revision of each shipment by its id, as the gateway has it now.
async fn final_state(world: &World, numbers: &[String]) -> BTreeMap<String, u32> {
    let mut client = world.client().await;
    let mut state = BTreeMap::new();
    for number in numbers {
        let found = client.track(common::track(number)).await.unwrap();
        for record in found.into_inner().shipments {
            state.insert(record.id, record.revision);
        }
    }
    state
}

/// Reads until the reader holds this state; returns the messages.
async fn until(reader: &mut Reader, state: &BTreeMap<String, u32>) -> Vec<v1::WatchMessage> {
    let mut messages = Vec::new();
    while reader.held.revisions != *state {
        messages.push(reader.next().await);
    }
    messages
}

#[tokio::test(flavor = "multi_thread")]
async fn ordered_unique_atomic_and_reliable() {
    let world = standing(|_| ()).await;
    let address = world.app.address;
    let numbers = numbers(6);
    change(address, &numbers, 0).await;
    let open = v1::WatchOpen {
        lag_policy: LagPolicy::EveryRevision as i32,
        view: v1::ShipmentView::Full as i32,
        ..shipments(numbers.clone())
    };
    let mut reader = Reader::open(address, open, Held::default()).await;
    let snapshot = reader.synced().await;
    let mut last: BTreeMap<String, v1::Shipment> = BTreeMap::new();
    for update in updates(&snapshot) {
        let record = update.shipment.clone().unwrap();
        last.insert(record.id.clone(), record);
    }
    assert_eq!(last.len(), 6);

    let changing = numbers.clone();
    let changes = tokio::spawn(async move {
        for step in 1..=40 {
            change(address, &changing, step).await;
        }
    });
    let mut read = 0;
    while read < 6 * 40 {
        let update = reader.update().await;
        assert_eq!(update.change(), WatchChange::Updated);
        let record = update.shipment.unwrap();
        let before = &last[&record.id];
        assert_eq!(update.previous_revision, before.revision);
        assert_eq!(
            record.revision,
            before.revision + 1,
            "ordered, unique, none left out"
        );
        assert_eq!(update.conflated_count, 0);
        // A whole revision: its events are those before and the new one, and no others.
        let ids = |record: &v1::Shipment| -> BTreeSet<String> {
            record.events.iter().map(|event| event.id.clone()).collect()
        };
        let new: BTreeSet<String> = update.new_event_ids.into_iter().collect();
        let expected: BTreeSet<String> = ids(before).union(&new).cloned().collect();
        assert_eq!((new.len(), ids(&record)), (1, expected));
        last.insert(record.id.clone(), record);
        read += 1;
    }
    changes.await.unwrap();
    let state = final_state(&world, &numbers).await;
    assert_eq!(reader.held.revisions, state);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bookmarkable_every_token_leads_to_the_same_end() {
    let world = standing(|_| ()).await;
    let address = world.app.address;
    let numbers = numbers(5);
    change(address, &numbers, 0).await;
    register(address, &numbers, ("shop", "a")).await;
    let opens = [shipments(numbers.clone()), labelled("shop", "a")];
    for (open, first) in opens.into_iter().zip([1, 101]) {
        let mut reader = Reader::open(address, open.clone(), Held::default()).await;
        reader.synced().await;
        let mut bookmarks = vec![reader.held.clone()];
        let changing = numbers.clone();
        let changes = tokio::spawn(async move {
            for step in first..first + 20 {
                change(address, &changing, step).await;
            }
        });
        while !changes.is_finished() {
            let next = tokio::time::timeout(Duration::from_millis(200), reader.next());
            if next.await.is_ok() {
                bookmarks.push(reader.held.clone());
            }
        }
        changes.await.unwrap();
        let state = final_state(&world, &numbers).await;
        until(&mut reader, &state).await;
        assert!(bookmarks.len() > 20, "{}", bookmarks.len());

        // Whoever comes back with a token and what it held then misses nothing.
        for held in bookmarks {
            let before = held.revisions.clone();
            let mut again = Reader::open(address, open.clone(), held).await;
            let kinds = again.synced().await;
            assert!(!kinds.iter().any(|kind| matches!(kind, Kind::Reset(_))));
            for update in updates(&kinds) {
                assert_eq!(update.change(), WatchChange::Updated, "no snapshot");
                let id = &update.shipment.as_ref().unwrap().id;
                assert!(update.previous_revision <= before[id], "no gap");
            }
            assert_eq!(again.held.revisions, state);
        }
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn resumable_on_a_server_that_was_started_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_owned();
    let world = standing(|config| config.store.data_dir = path.clone()).await;
    let numbers = numbers(4);
    change(world.app.address, &numbers, 0).await;
    register(world.app.address, &numbers, ("shop", "a")).await;
    let mut reader = Reader::open(world.app.address, labelled("shop", "a"), Held::default()).await;
    reader.synced().await;
    change(world.app.address, &numbers[..1], 1).await;
    reader.update().await;
    let held = reader.held.clone();
    drop(reader);
    change(world.app.address, &numbers[1..3], 2).await;
    change(world.app.address, &numbers[2..3], 3).await;
    let state = final_state(&world, &numbers).await;
    world.stop().await;

    let world = standing(|config| config.store.data_dir = path.clone()).await;
    let mut reader = Reader::open(world.app.address, labelled("shop", "a"), held.clone()).await;
    let kinds = reader.synced().await;
    let updates = updates(&kinds);
    assert!(!updates.is_empty());
    for update in updates {
        let record = update.shipment.as_ref().unwrap();
        let before = held.revisions[&record.id];
        assert!(update.previous_revision <= before && record.revision >= before);
        let expected = record.revision - update.previous_revision - 1;
        assert_eq!(update.conflated_count, expected);
        assert_eq!(update.new_event_ids.len() as u32, expected + 1);
    }
    assert_eq!(reader.held.revisions, state);
    // And then it goes on.
    change(world.app.address, &numbers[3..], 4).await;
    assert_eq!(reader.update().await.change(), WatchChange::Updated);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_leads_nowhere_is_a_reset_and_a_snapshot() {
    let world = standing(|_| ()).await;
    let address = world.app.address;
    let numbers = numbers(3);
    change(address, &numbers, 0).await;
    register(address, &numbers[..2], ("shop", "a")).await;
    let mut reader = Reader::open(address, labelled("shop", "a"), Held::default()).await;
    reader.synced().await;
    let of_labels = reader.held.token.clone();
    let forged = {
        let mut token = of_labels.clone();
        *token.last_mut().unwrap() ^= 1;
        token
    };
    // Two changes that the token does not cover, of which the log has lost the first.
    change(address, &numbers[..1], 1).await;
    world.clock.advance(Duration::from_secs(73 * 3_600));
    change(address, &numbers[..1], 2).await;
    let cases = [
        (forged, labelled("shop", "a"), WatchResetReason::HistoryLost),
        (
            b"no token at all".to_vec(),
            labelled("shop", "a"),
            WatchResetReason::HistoryLost,
        ),
        (
            of_labels.clone(),
            labelled("shop", "b"),
            WatchResetReason::TargetChanged,
        ),
        (
            of_labels.clone(),
            shipments(numbers.clone()),
            WatchResetReason::TargetChanged,
        ),
        (
            of_labels,
            labelled("shop", "a"),
            WatchResetReason::TokenTooOld,
        ),
    ];
    for (token, open, reason) in cases {
        let followed = match &open.target {
            Some(v1::watch_open::Target::Labels(it)) if it.labels["shop"] == "b" => 0,
            Some(v1::watch_open::Target::Labels(_)) => 2,
            _ => 3,
        };
        let held = Held {
            token,
            ..Held::default()
        };
        let mut reader = Reader::open(address, open, held).await;
        let kinds = reader.synced().await;
        let Kind::Reset(reset) = &kinds[0] else {
            panic!("a reset comes first, not {:?}", kinds[0]);
        };
        assert_eq!(reset.reason(), reason);
        let resets = kinds.iter().filter(|kind| matches!(kind, Kind::Reset(_)));
        assert_eq!(resets.count(), 1);
        let updates = updates(&kinds);
        assert_eq!(updates.len(), followed);
        assert!(
            updates
                .iter()
                .all(|one| one.change() == WatchChange::Snapshot)
        );
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shipments_join_and_leave_by_their_labels() {
    let world = standing(|_| ()).await;
    let address = world.app.address;
    let numbers = numbers(3);
    change(address, &numbers, 0).await;
    register(address, &numbers[..1], ("shop", "a")).await;
    let all = v1::WatchOpen {
        target: Some(v1::watch_open::Target::AllRegistered(true)),
        ..Default::default()
    };
    let mut shop = Reader::open(address, labelled("shop", "a"), Held::default()).await;
    let mut whole = Reader::open(address, all, Held::default()).await;
    assert_eq!(updates(&shop.synced().await).len(), 1);
    assert_eq!(updates(&whole.synced().await).len(), 1);

    // Another one joins both with its whole record; one of another shop only the second.
    register(address, &numbers[1..2], ("shop", "a")).await;
    register(address, &numbers[2..], ("shop", "b")).await;
    let joined = shop.update().await;
    assert_eq!(joined.change(), WatchChange::Updated);
    assert_eq!(
        joined.shipment.as_ref().unwrap().tracking_number,
        numbers[1]
    );
    assert_eq!(joined.overlay.unwrap().labels["shop"], "a");
    for expected in &numbers[1..] {
        let joined = whole.update().await;
        assert_eq!(joined.shipment.unwrap().tracking_number, *expected);
    }

    // Another label: it leaves the one, and the other hears of the label.
    register(address, &numbers[..1], ("shop", "b")).await;
    let left = shop.update().await;
    assert_eq!(left.change(), WatchChange::Removed);
    let id = left.shipment.unwrap().id;
    let relabelled = whole.update().await;
    assert_eq!(relabelled.change(), WatchChange::Overlay);
    assert_eq!(relabelled.overlay.unwrap().labels["shop"], "b");
    change(address, &numbers[..2], 1).await;
    assert_eq!(
        shop.update().await.shipment.unwrap().tracking_number,
        numbers[1]
    );

    let mut client = client(address).await;
    let request = v1::UnregisterShipmentRequest { id: id.clone() };
    client.unregister_shipment(request).await.unwrap();
    loop {
        let update = whole.update().await;
        if update.change() == WatchChange::Removed {
            assert_eq!(update.shipment.unwrap().id, id);
            break;
        }
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_drops_what_does_not_matter_and_nothing_else() {
    let world = World::start_at(Duration::from_secs(3_600), |_| {}).await;
    let address = world.app.address;
    let number = world.ups_number("delivered");
    let open = v1::WatchOpen {
        filter: Some(v1::WatchFilter {
            statuses: vec![v1::ShipmentStatus::Delivered as i32],
            ..Default::default()
        }),
        view: v1::ShipmentView::Full as i32,
        ..shipments([number.clone()])
    };
    let mut reader = Reader::open(address, open, Held::default()).await;
    let snapshot = reader.synced().await;
    let first = updates(&snapshot)[0].shipment.clone().unwrap();
    assert_ne!(
        first.status(),
        v1::ShipmentStatus::Delivered,
        "a snapshot is not filtered"
    );
    let mut client = world.client().await;
    let mut revisions = BTreeSet::new();
    for _ in 0..20 {
        world.simulator.advance(Duration::from_secs(6 * 3_600));
        let found = client.track(common::ask(&number)).await.unwrap();
        revisions.insert(found.into_inner().shipments[0].revision);
    }
    assert!(revisions.len() > 2, "there was something to drop");
    let update = reader.update().await;
    let record = update.shipment.unwrap();
    assert_eq!(record.status(), v1::ShipmentStatus::Delivered);
    assert_eq!(update.previous_revision, first.revision);
    let known: BTreeSet<&String> = first.events.iter().map(|event| &event.id).collect();
    let all_new = record
        .events
        .iter()
        .filter(|event| !known.contains(&event.id));
    assert_eq!(
        update.new_event_ids.len(),
        all_new.count(),
        "also of what was dropped"
    );
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_too_slow_for_every_revision_starts_anew() {
    let world = standing(|config| config.streams.revisions = 5).await;
    let address = world.app.address;
    let numbers = numbers(1);
    change(address, &numbers, 0).await;
    let open = v1::WatchOpen {
        lag_policy: LagPolicy::EveryRevision as i32,
        view: v1::ShipmentView::Full as i32,
        ..shipments(numbers.clone())
    };
    let channel = Channel::from_shared(format!("http://{address}")).unwrap();
    let channel = channel.initial_stream_window_size(65_535).connect().await;
    let mut client = TrackingServiceClient::new(channel.unwrap());
    let request = v1::FollowRequest { open: Some(open) };
    let stream = client.follow(request).await.unwrap();
    let mut reader = Reader::of(stream.into_inner());
    reader.synced().await;
    // Far more than fits into the windows of the connection.
    for step in 1..=120 {
        change(address, &numbers, step).await;
    }
    let state = final_state(&world, &numbers).await;
    let messages = until(&mut reader, &state).await;
    let mut resets = messages.iter().filter_map(|message| match &message.kind {
        Some(Kind::Reset(reset)) => Some(reset.reason()),
        _ => None,
    });
    assert_eq!(resets.next(), Some(WatchResetReason::Lagged));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_takes_more_shipments_and_lets_others_go() {
    let world = standing(|_| ()).await;
    let address = world.app.address;
    let numbers = numbers(3);
    change(address, &numbers, 0).await;
    let (requests, outgoing) = mpsc::channel(8);
    let ask = |kind| v1::WatchRequest { kind: Some(kind) };
    let keys = |at: usize| v1::WatchShipments {
        shipments: vec![by_number(&numbers[at])],
    };
    requests
        .send(ask(Ask::Open(shipments(numbers[..1].to_vec()))))
        .await
        .unwrap();
    let stream = client(address)
        .await
        .watch(ReceiverStream::new(outgoing))
        .await
        .unwrap();
    let mut reader = Reader::of(stream.into_inner());
    assert_eq!(updates(&reader.synced().await).len(), 1);
    requests.send(ask(Ask::Add(keys(1)))).await.unwrap();
    let added = reader.synced().await;
    assert_eq!(updates(&added)[0].requested, Some(by_number(&numbers[1])));
    let token = reader.held.clone();

    requests.send(ask(Ask::Remove(keys(0)))).await.unwrap();
    // The answer to this one says that the other has been taken.
    requests.send(ask(Ask::Add(keys(2)))).await.unwrap();
    reader.synced().await;
    change(address, &numbers[..2], 1).await;
    change(address, &numbers[2..], 1).await;
    let mut seen = BTreeSet::new();
    while seen.len() < 2 {
        seen.insert(reader.update().await.shipment.unwrap().tracking_number);
    }
    assert_eq!(
        seen,
        BTreeSet::from([numbers[1].clone(), numbers[2].clone()])
    );

    // Half-closed: what is due, and then the end.
    drop(requests);
    while let Some(message) = reader.stream.message().await.unwrap() {
        assert!(!matches!(message.kind, Some(Kind::GoingAway(_))));
    }
    // The token of a stream with two keys is one of those two.
    let mut again = Reader::open(address, shipments(numbers[..2].to_vec()), token).await;
    let kinds = again.synced().await;
    assert!(!kinds.iter().any(|kind| matches!(kind, Kind::Reset(_))));
    assert_eq!(updates(&kinds).len(), 2);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_watched_is_refused_by_name() {
    let world = standing(|_| ()).await;
    let mut client = world.client().await;
    let none = v1::WatchOpen::default();
    let no_labels = v1::WatchOpen {
        target: Some(v1::watch_open::Target::Labels(v1::WatchLabels::default())),
        ..Default::default()
    };
    let not_all = v1::WatchOpen {
        target: Some(v1::watch_open::Target::AllRegistered(false)),
        ..Default::default()
    };
    let long = labelled(&"k".repeat(64), "v");
    let policy = v1::WatchOpen {
        lag_policy: 99,
        ..labelled("shop", "a")
    };
    let status = v1::WatchOpen {
        filter: Some(v1::WatchFilter {
            statuses: vec![99],
            ..Default::default()
        }),
        ..labelled("shop", "a")
    };
    for (open, field) in [
        (none, "open.target"),
        (no_labels, "open.labels.labels"),
        (not_all, "open.all_registered"),
        (long, "open.labels.labels"),
        (policy, "open.lag_policy"),
        (status, "open.filter.statuses"),
    ] {
        let request = v1::FollowRequest { open: Some(open) };
        let refused = client.follow(request).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert_eq!(trailers(&refused).0, "FIELD_INVALID");
        assert!(refused.message().contains(field), "{}", refused.message());
    }
    let ask = |kind| v1::WatchRequest { kind: Some(kind) };
    let keys = v1::WatchShipments {
        shipments: vec![by_number(&number(1))],
    };
    let early = tokio_stream::iter([ask(Ask::Add(keys.clone()))]);
    let refused = client.watch(early).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    let other = tokio_stream::iter([ask(Ask::Open(labelled("shop", "a"))), ask(Ask::Add(keys))]);
    let mut stream = client.watch(other).await.unwrap().into_inner();
    let refused = loop {
        match stream.message().await {
            Ok(message) => assert!(message.is_some(), "refused before the end"),
            Err(status) => break status,
        }
    };
    assert_eq!(refused.code(), Code::InvalidArgument);
    world.stop().await;
}
