//! The Rust client that watches over broken connections and restarts, and the commands around what
//! a gateway follows.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests"
)]

mod common;

use std::collections::BTreeMap;
use std::time::Duration;

use common::own::standing;
use common::program::{err, json, out, run_beside};
use common::watching::{change, labelled, number, register};
use common::{World, track};
use tonic::transport::Channel;
use waybill::client::{Bookmark, Step, Watcher};
use waybill::v1::{self, WatchChange};

/// What a program that stores each step with its bookmark holds.
#[derive(Default)]
struct Program {
    revisions: BTreeMap<String, u32>,
    bookmark: Bookmark,
    reconnects: usize,
    resets: usize,
}

impl Program {
    /// Takes steps until it holds a state.
    async fn until(&mut self, watcher: &mut Watcher, state: &BTreeMap<String, u32>) {
        while self.revisions != *state {
            let next = tokio::time::timeout(Duration::from_secs(60), watcher.next());
            let next = next.await.expect("a step in time").unwrap();
            match next.step {
                Step::Update(update) => {
                    let Some(record) = update.shipment.clone() else {
                        continue;
                    };
                    let held = self.revisions.entry(record.id).or_default();
                    if update.change() != WatchChange::Snapshot {
                        assert!(update.previous_revision <= *held, "nothing left out");
                        assert!(record.revision > *held, "nothing twice");
                    }
                    *held = record.revision;
                }
                Step::Reset(_) => {
                    self.revisions.clear();
                    self.resets += 1;
                }
                Step::Reconnecting(_) => self.reconnects += 1,
                Step::Synced(_) | Step::Alive | Step::Leaving(_) | Step::Rejected(_) => {}
            }
            self.bookmark = next.bookmark.clone();
        }
    }
}

async fn state(world: &World, numbers: &[String]) -> BTreeMap<String, u32> {
    let mut client = world.client().await;
    let mut state = BTreeMap::new();
    for number in numbers {
        let found = client.track(track(number)).await.unwrap().into_inner();
        state.extend(found.shipments.into_iter().map(|it| (it.id, it.revision)));
    }
    state
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watcher_outlives_its_servers_and_misses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_owned();
    let mut world = standing(|config| config.store.data_dir = path.clone()).await;
    let address = world.app.address;
    let numbers: Vec<String> = (1..=4).map(number).collect();
    change(address, &numbers, 0).await;
    register(address, &numbers, ("shop", "a")).await;

    let channel = Channel::from_shared(format!("http://{address}")).unwrap();
    let channel = channel.connect_lazy();
    let open = labelled("shop", "a");
    let mut watcher = Watcher::new(channel.clone(), open.clone(), Bookmark::default());
    let mut program = Program::default();
    program
        .until(&mut watcher, &state(&world, &numbers).await)
        .await;
    for round in 1..=3 {
        change(address, &numbers[..2], round * 10).await;
        world.stop().await;
        world = standing(|config| {
            config.store.data_dir = path.clone();
            config.server.listen = address;
        })
        .await;
        change(address, &numbers[1..], round * 10 + 1).await;
        program
            .until(&mut watcher, &state(&world, &numbers).await)
            .await;
    }
    assert!(program.reconnects >= 3, "{}", program.reconnects);
    assert_eq!(program.resets, 0);

    // The program itself starts again, with what it stored.
    drop(watcher);
    change(address, &numbers[..1], 90).await;
    let mut watcher = Watcher::new(channel, open, program.bookmark.clone());
    program
        .until(&mut watcher, &state(&world, &numbers).await)
        .await;
    assert_eq!(program.resets, 0);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_left_while_nobody_watched_is_told_to_whoever_kept_the_token_alone() {
    let world = standing(|_| ()).await;
    let address = world.app.address;
    let numbers = [number(1), number(2)];
    change(address, &numbers, 0).await;
    register(address, &numbers, ("shop", "a")).await;
    let state = state(&world, &numbers).await;
    let channel = Channel::from_shared(format!("http://{address}")).unwrap();
    let channel = channel.connect_lazy();
    let open = labelled("shop", "a");
    let mut watcher = Watcher::new(channel.clone(), open.clone(), Bookmark::default());
    let mut program = Program::default();
    program.until(&mut watcher, &state).await;
    let token = loop {
        let next = watcher.next().await.unwrap();
        if matches!(next.step, Step::Synced(_)) {
            break next.bookmark.token.clone();
        }
    };
    drop(watcher);

    let gone = state.keys().next().unwrap();
    let request = v1::UnregisterShipmentRequest { id: gone.clone() };
    let mut client = world.client().await;
    client.unregister_shipment(request).await.unwrap();
    let bookmark = Bookmark {
        token,
        ..Bookmark::default()
    };
    let mut watcher = Watcher::new(channel, open, bookmark);
    let told = async {
        loop {
            if let Step::Update(update) = watcher.next().await.unwrap().step {
                return update;
            }
        }
    };
    let told = tokio::time::timeout(Duration::from_secs(60), told).await;
    let told = told.expect("it is told in time");
    assert_eq!(told.change(), WatchChange::Removed);
    assert_eq!(told.shipment.unwrap().id, *gone);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_that_is_refused_is_an_error_and_not_tried_for_ever() {
    let world = standing(|_| ()).await;
    let channel = Channel::from_shared(format!("http://{}", world.app.address)).unwrap();
    let open = v1::WatchOpen::default();
    let mut watcher = Watcher::new(channel.connect_lazy(), open, Bookmark::default());
    let refused = watcher.next().await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::InvalidArgument);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_register_import_list_and_let_go() {
    let world = World::start_at(Duration::from_secs(3_600), |_| {}).await;
    let address = format!("http://{}", world.app.address);
    let at = ["--address", &address];
    let (ups, dhl) = (world.ups_number("delivered"), world.dhl_number("delivered"));
    let command = |arguments: &[&str]| {
        let all: Vec<String> = arguments
            .iter()
            .chain(&at)
            .map(|it| (*it).to_owned())
            .collect();
        async move {
            let all: Vec<&str> = all.iter().map(String::as_str).collect();
            run_beside(&all).await
        }
    };
    let registered = command(&["register", &ups, "--label", "shop=a"]).await;
    assert_eq!(
        out(&registered),
        "1 registered, 0 known already, 0 refused\n"
    );

    let folder = tempfile::tempdir().unwrap();
    let csv = folder.path().join("fleet.csv");
    let text = format!("number,carrier,shop\n{ups},,a\n{dhl},dhl,b\nx,,b\n");
    std::fs::write(&csv, text).unwrap();
    let imported = command(&["import", csv.to_str().unwrap()]).await;
    assert!(!imported.status.success(), "a line was refused");
    assert_eq!(out(&imported), "1 registered, 1 known already, 1 refused\n");
    assert!(err(&imported).starts_with("4: "), "{}", err(&imported));
    let lines = folder.path().join("fleet.jsonl");
    let line = format!(
        "{{\"shipment\":{{\"trackingNumber\":\"{dhl}\"}},\"labels\":{{\"shop\":\"c\"}}}}\n"
    );
    std::fs::write(&lines, format!("{line}{{broken\n")).unwrap();
    let imported = command(&["import", lines.to_str().unwrap()]).await;
    assert_eq!(out(&imported), "0 registered, 1 known already, 0 refused\n");
    assert!(!imported.status.success() && err(&imported).starts_with("line 2: "));

    let listed = command(&["list", "--label", "shop=c", "--json"]).await;
    let listed = json(&listed);
    assert_eq!(listed["shipments"][0]["trackingNumber"], dhl.as_str());
    let all = out(&command(&["list"]).await);
    assert_eq!(all.lines().count(), 2, "{all}");
    assert!(all.contains("pending") && all.contains("shop=a"));

    world.client().await.track(common::ask(&ups)).await.unwrap();
    let pending = out(&command(&["list", "--status", "pending"]).await);
    assert_eq!(pending.lines().count(), 1);
    let id = all.lines().find(|line| line.contains(&ups)).unwrap();
    let id = id.split_whitespace().next().unwrap();
    let events = out(&command(&["events", id]).await);
    assert!(!events.is_empty());
    assert!(command(&["unregister", id]).await.status.success());
    assert_eq!(out(&command(&["list"]).await).lines().count(), 1);
    let wrong = command(&["list", "--status", "lost"]).await;
    assert!(err(&wrong).contains("lost is not a status"));
    world.stop().await;
}
