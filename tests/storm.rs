//! Streams in a storm: nodes are killed, Redis fails over, connections are cut and slowed down, and
//! readers are slow. What everybody saw is judged by `waybill-check`.
//!
//! `WAYBILL_STORM_SECONDS` makes it longer (`scripts/soak`), and `WAYBILL_STORM_HISTORY` names a file
//! for the history.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests"
)]

mod common;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::own::event;
use common::program::Running;
use common::recording::{Watcher, end_of, settled};
use common::redis::{Redis, free_port};
use common::watching::{by_number, number, shipments};
use common::wire::Wire;
use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::time::{Instant, sleep, timeout};
use tonic::transport::{Channel, Endpoint};
use waybill::v1::ingest_service_client::IngestServiceClient;
use waybill::v1::tracking_service_client::TrackingServiceClient;
use waybill::v1::{self, EventCode, LagPolicy};
use waybill_check::{History, judge};

const SHIPMENTS: usize = 200;
const UPDATES: usize = 50;
const MOST: usize = 190;
const WATCHERS: usize = 20;
/// Shipments of one call of the writer.
const CALL: usize = 25;
const WRITERS: usize = 4;
/// Updates that a replica does not have.
const LOST: usize = 1_000;
/// After the last fault and the last change everybody has seen the end by then.
const SETTLED: Duration = Duration::from_secs(10);

fn seconds() -> u64 {
    std::env::var("WAYBILL_STORM_SECONDS").map_or(60, |text| text.parse().unwrap())
}

/// A gateway in a process of its own, and the wire that everybody reaches it by.
struct Node {
    program: Option<Running>,
    address: SocketAddr,
    config: PathBuf,
    wire: Wire,
}

impl Node {
    async fn new(folder: &Path, at: usize, redis: SocketAddr) -> Self {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let config = folder.join(format!("node{at}.toml"));
        let text = format!(
            "[server]\nlisten = \"{address}\"\nside = \"127.0.0.1:0\"\n\
             [schedule]\nenabled = false\n\
             [store]\nredis = \"redis://{redis}/\"\nkey_file = {:?}\n\
             [sources.ups]\nbase_url = \"http://127.0.0.1:9\"\nclient_id = \"a\"\nclient_secret = \"b\"\n",
            folder.join("key").to_str().unwrap(),
        );
        std::fs::write(&config, text).unwrap();
        let wire = Wire::to(address).await;
        let mut node = Self {
            program: None,
            address,
            config,
            wire,
        };
        node.start().await;
        node
    }

    async fn start(&mut self) {
        let config = self.config.to_str().unwrap().to_owned();
        let starting = move || {
            let mut program = Running::start(&["serve", "--config", &config]);
            program.line("waybill listens on");
            program
        };
        self.program = Some(tokio::task::spawn_blocking(starting).await.unwrap());
    }

    fn kill(&mut self) {
        if let Some(mut program) = self.program.take() {
            program.signal("KILL");
        }
    }
}

/// A master and its replica, and the wire that nodes reach the master by.
struct Store {
    master: Redis,
    replica: Redis,
    wire: Wire,
}

fn at(redis: &Redis) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, redis.port()))
}

impl Store {
    async fn start() -> Self {
        let (master, replica) = (Redis::start(), Redis::start());
        replicate(&replica, &master);
        let wire = Wire::to(at(&master)).await;
        let store = Self {
            master,
            replica,
            wire,
        };
        store.caught_up().await;
        store
    }

    /// Waits until the replica has all that the master has.
    async fn caught_up(&self) {
        loop {
            let (ours, theirs) = (offset(&self.master), offset(&self.replica));
            if ours.1 == theirs.1 && theirs.0.contains("master_link_status:up") {
                return;
            }
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// The replica takes over with all that was acknowledged, and the master dies.
    async fn fail_over(&mut self) {
        let mut pause = redis::cmd("CLIENT");
        pause.arg("PAUSE").arg(5_000).arg("WRITE");
        self.master.ask::<()>(&pause);
        self.caught_up().await;
        self.master.kill();
        self.promote();
    }

    fn promote(&mut self) {
        let mut promote = redis::cmd("REPLICAOF");
        self.replica.ask::<()>(promote.arg("NO").arg("ONE"));
        self.wire.lead(at(&self.replica));
        std::mem::swap(&mut self.master, &mut self.replica);
    }
}

fn replicate(replica: &Redis, master: &Redis) {
    let mut follow = redis::cmd("REPLICAOF");
    follow.arg("127.0.0.1").arg(master.port());
    replica.ask::<()>(&follow);
}

/// What a server says of replication, and how far it is.
fn offset(redis: &Redis) -> (String, u64) {
    let mut info = redis::cmd("INFO");
    let text: String = redis.ask(info.arg("replication"));
    let field = text.lines().find_map(|line| {
        line.strip_prefix("slave_repl_offset:")
            .or_else(|| line.strip_prefix("master_repl_offset:"))
    });
    let offset = field.and_then(|field| field.trim().parse().ok());
    (text, offset.unwrap_or_default())
}

fn channel(address: SocketAddr) -> Channel {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    endpoint
        .connect_timeout(Duration::from_secs(1))
        .http2_keep_alive_interval(Duration::from_secs(2))
        .keep_alive_timeout(Duration::from_secs(2))
        .keep_alive_while_idle(true)
        .connect_lazy()
}

/// Sends an event for each number until it is taken.
async fn write(nodes: [SocketAddr; 2], numbers: &[String], step: usize) {
    let time = format!("2026-03-02T{:02}:{:02}:00Z", 6 + step / 60, step % 60);
    let events = numbers.iter().map(|number| {
        let id = format!("{number}-{step}");
        event(&id, number, EventCode::Information, &time)
    });
    let request = v1::IngestEventsRequest {
        events: events.collect(),
        ..Default::default()
    };
    for turn in step.. {
        let mut client = IngestServiceClient::new(channel(nodes[turn % 2]));
        let call = timeout(
            Duration::from_secs(5),
            client.ingest_events(request.clone()),
        );
        if let Ok(Ok(answer)) = call.await
            && answer.get_ref().rejected_count == 0
        {
            return;
        }
        sleep(Duration::from_millis(100)).await;
    }
}

async fn register(node: SocketAddr, numbers: &[String]) {
    let registrations = numbers.iter().map(|number| v1::Registration {
        shipment: Some(by_number(number)),
        ..Default::default()
    });
    let request = v1::BatchRegisterRequest {
        registrations: registrations.collect(),
    };
    let mut client = TrackingServiceClient::new(channel(node));
    client.batch_register(request).await.unwrap();
}

/// Every record as it stands.
async fn records(node: SocketAddr, numbers: &[String]) -> Vec<v1::Shipment> {
    let mut client = TrackingServiceClient::new(channel(node));
    let mut records = Vec::new();
    for number in numbers {
        let request = v1::TrackRequest {
            cache_only: true,
            ..common::own::full(number)
        };
        let found = client.track(request).await.unwrap().into_inner();
        records.extend(found.shipments);
    }
    records
}

fn watchers(nodes: [SocketAddr; 2], numbers: &[String]) -> Vec<Arc<Watcher>> {
    let watcher = |at: usize| {
        let target = match at % 2 {
            0 => shipments(numbers.to_vec()).target,
            _ => Some(v1::watch_open::Target::AllRegistered(true)),
        };
        let lag = match at % 5 {
            4 => LagPolicy::EveryRevision,
            _ => LagPolicy::Conflate,
        };
        // Whole records are for a few: a debug build reads and writes them slowly.
        let view = match at % 5 {
            0 | 4 => v1::ShipmentView::Full,
            _ => v1::ShipmentView::Basic,
        };
        Arc::new(Watcher {
            connect: channel,
            nodes,
            open: v1::WatchOpen {
                target,
                lag_policy: lag as i32,
                view: view as i32,
                heartbeat_interval: Some(prost_types::Duration {
                    seconds: 5,
                    nanos: 0,
                }),
                ..Default::default()
            },
            pause: Duration::from_millis(if at % 7 == 3 { 10 } else { 0 }),
            seen: Mutex::default(),
            held: Mutex::default(),
            resets: Mutex::default(),
        })
    };
    (0..WATCHERS).map(watcher).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_promise_is_kept_in_a_storm() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("key"), [7; 32]).unwrap();
    let mut store = Store::start().await;
    let numbers: Vec<String> = (1..=SHIPMENTS).map(number).collect();
    let mut nodes = [
        Node::new(folder.path(), 0, store.wire.address).await,
        Node::new(folder.path(), 1, store.wire.address).await,
    ];
    let addresses = [nodes[0].wire.address, nodes[1].wire.address];
    for some in numbers.chunks(CALL) {
        write(addresses, some, 0).await;
    }
    register(addresses[0], &numbers).await;

    let watchers = watchers(addresses, &numbers);
    let watching = watchers.iter().enumerate();
    let watching: Vec<_> = watching
        .map(|(turn, watcher)| tokio::spawn(Arc::clone(watcher).watch(turn)))
        .collect();
    let storm = Duration::from_secs(seconds());
    let started = Instant::now();
    // A full record shows no more events than this.
    let most = UPDATES.max(usize::try_from(seconds()).unwrap()).min(MOST);
    // Each of the writers has its own shipments, whose changes it makes one after the other.
    let writing = numbers.chunks(SHIPMENTS / WRITERS).map(|own| {
        let own = own.to_vec();
        let pause = storm / u32::try_from(most).unwrap();
        tokio::spawn(async move {
            let mut step = 0;
            // A slow machine does not come to all of them, and a long storm to more.
            while started.elapsed() < storm && step < most {
                step += 1;
                let next = Instant::now() + pause;
                for some in own.chunks(CALL) {
                    write(addresses, some, step).await;
                }
                tokio::time::sleep_until(next).await;
            }
            step
        })
    });
    let writing: Vec<_> = writing.collect();
    let mut dice = SmallRng::seed_from_u64(1);
    let mut failed_over = false;
    let mut kills = 0;
    while started.elapsed() < storm {
        sleep(Duration::from_millis(dice.random_range(1_000..3_000))).await;
        let victim = dice.random_range(0..2);
        match dice.random_range(0..4) {
            0 => nodes[victim].wire.cut(),
            1 => {
                let delay = Duration::from_millis(dice.random_range(0..20));
                nodes[victim].wire.slow(delay);
            }
            2 => store.wire.cut(),
            _ => {}
        }
        nodes[victim].kill();
        kills += 1;
        if !failed_over && started.elapsed() > storm / 2 {
            store.fail_over().await;
            failed_over = true;
        }
        sleep(Duration::from_millis(dice.random_range(0..500))).await;
        nodes[victim].start().await;
    }
    nodes.iter().for_each(|node| node.wire.slow(Duration::ZERO));
    let mut steps = Vec::new();
    for writer in writing {
        steps.push(writer.await.unwrap());
    }
    assert!(failed_over && kills > 3);

    let records = records(nodes[0].address, &numbers).await;
    let end = end_of(&records);
    assert_eq!(end.len(), SHIPMENTS);
    let in_time = settled(&watchers, &end, SETTLED).await;
    watching.iter().for_each(|task| task.abort());

    let mut history = History {
        end,
        ..History::default()
    };
    for record in &records {
        let at = numbers.iter().position(|it| *it == record.tracking_number);
        let written = steps[at.unwrap() / (SHIPMENTS / WRITERS)] + 1;
        let events = record.events.len();
        assert_eq!(events, written, "nothing that was acknowledged is lost");
        let events = record.events.iter();
        let events = events.map(|it| (it.id.clone(), it.revision)).collect();
        history
            .commits
            .note_all(&record.id, record.revision, &events);
    }
    let mut resets = 0;
    for (at, watcher) in watchers.iter().enumerate() {
        let seen = watcher.seen.lock().unwrap().clone();
        history.watchers.insert(format!("w{at:02}"), seen);
        resets += *watcher.resets.lock().unwrap();
    }
    if let Ok(path) = std::env::var("WAYBILL_STORM_HISTORY") {
        let file = std::fs::File::create(path).unwrap();
        history.write(std::io::BufWriter::new(file)).unwrap();
    }
    let seen: usize = history.watchers.values().map(Vec::len).sum();
    println!("{steps:?} updates, {kills} kills, {resets} resets, {seen} messages");
    let violations = judge(&history);
    assert!(
        violations.is_empty(),
        "{} {:#?}",
        violations.len(),
        &violations[..violations.len().min(5)]
    );
    assert!(in_time, "everybody is at the end within {SETTLED:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_replica_makes_every_watcher_begin_anew() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("key"), [7; 32]).unwrap();
    let mut store = Store::start().await;
    let numbers: Vec<String> = (1..=SHIPMENTS).map(number).collect();
    let nodes = [
        Node::new(folder.path(), 0, store.wire.address).await,
        Node::new(folder.path(), 1, store.wire.address).await,
    ];
    let addresses = [nodes[0].wire.address, nodes[1].wire.address];
    for some in numbers.chunks(CALL) {
        write(addresses, some, 0).await;
    }
    register(addresses[0], &numbers).await;
    let watchers = watchers(addresses, &numbers);
    let watching = watchers.iter().enumerate();
    let watching: Vec<_> = watching
        .map(|(turn, watcher)| tokio::spawn(Arc::clone(watcher).watch(turn)))
        .collect();
    store.caught_up().await;
    let before = end_of(&records(addresses[0], &numbers).await);
    assert!(settled(&watchers, &before, Duration::from_secs(30)).await);

    // From here on the replica gets nothing: a thousand updates that only the master has.
    let mut part = redis::cmd("REPLICAOF");
    store.replica.ask::<()>(part.arg("NO").arg("ONE"));
    for step in 1..=LOST / SHIPMENTS {
        for some in numbers.chunks(CALL) {
            write(addresses, some, step).await;
        }
    }
    let lost = end_of(&records(addresses[0], &numbers).await);
    assert!(settled(&watchers, &lost, Duration::from_secs(60)).await);
    let resets = |watcher: &Arc<Watcher>| *watcher.resets.lock().unwrap();
    // Those who want every revision may have begun anew before: another node has made one.
    let before: Vec<usize> = watchers.iter().map(resets).collect();
    store.master.kill();
    store.promote();

    // Whoever has an event asks or sends again; that restores all of them.
    let promoted = Instant::now();
    for step in 1..=LOST / SHIPMENTS {
        for some in numbers.chunks(CALL) {
            write(addresses, some, step).await;
        }
    }
    let restored = end_of(&records(addresses[0], &numbers).await);
    assert_eq!(restored, lost, "as many events, so as many revisions");
    let rest = Duration::from_secs(60).saturating_sub(promoted.elapsed());
    assert!(settled(&watchers, &restored, rest).await, "within a minute");
    common::eventually("everybody has begun anew", async || {
        let mut told = watchers.iter().zip(&before);
        told.all(|(watcher, before)| resets(watcher) > *before)
    })
    .await;
    watching.iter().for_each(|task| task.abort());
}
