//! Nodes, their store and watchers in a simulated network that is cut, held up and slowed down, on
//! hosts that die: many short lives, each by a seed that repeats it.
//!
//! `WAYBILL_SEEDS` says how many (`scripts/soak`), and `WAYBILL_SEED` which one alone; then
//! `WAYBILL_STORM_HISTORY` names a file for the history.
#![cfg(feature = "server")]
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "tests"
)]

#[path = "simulation/node.rs"]
mod node;
#[path = "common/recording.rs"]
mod recording;
#[path = "simulation/store.rs"]
mod store;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};
use recording::{Watcher, end_of, settled};
use store::Disk;
use tokio::time::{sleep, timeout};
use turmoil::{Builder, Sim};
use waybill::clock::Clock;
use waybill::v1::ingest_service_client::IngestServiceClient;
use waybill::v1::tracking_service_client::TrackingServiceClient;
use waybill::v1::watch_open::Target;
use waybill::v1::{self, EventCode, LagPolicy, ShipmentView};
use waybill_check::{History, Violation, judge};

const SEEDS: u64 = 200;
const SHIPMENTS: usize = 6;
const UPDATES: usize = 24;
const WATCHERS: usize = 4;
/// Entries of the change log: whoever is away for long comes back too late for it.
const LOG: usize = 64;
const TICK: Duration = Duration::from_millis(10);
/// Faults happen for so long.
const STORM: Duration = Duration::from_secs(15);
/// After the last fault and the last change everybody has seen the end by then.
const SETTLED: Duration = Duration::from_secs(10);
/// 2026-03-02.
const START: i64 = 1_772_438_400;

fn number(at: usize) -> String {
    format!("WHNUMBER{at:04}")
}

fn key(number: &str) -> v1::ShipmentKey {
    v1::ShipmentKey {
        key: Some(v1::shipment_key::Key::TrackingNumber(number.to_owned())),
        ..Default::default()
    }
}

/// What all hosts of one life know.
#[derive(Default)]
struct World {
    /// All shipments are known and registered.
    is_begun: AtomicBool,
    /// Nothing is broken any more.
    is_calm: AtomicBool,
    is_written: AtomicBool,
    is_over: AtomicBool,
    in_time: AtomicBool,
    records: Mutex<Vec<v1::Shipment>>,
}

async fn until(flag: impl Fn() -> bool) {
    while !flag() {
        sleep(Duration::from_millis(50)).await;
    }
}

/// Sends an event for each number until it is taken, now to one node and now to the other.
async fn write(nodes: [SocketAddr; 2], step: usize) {
    let event = |at| v1::IngestEvent {
        client_event_id: format!("{at}-{step}"),
        tracking_number: number(at),
        code: EventCode::Information as i32,
        time: Some(v1::EventTime {
            local_time: format!("2026-03-01T{:02}:{:02}:00Z", 6 + step / 60, step % 60),
            ..Default::default()
        }),
        ..Default::default()
    };
    let request = v1::IngestEventsRequest {
        events: (0..SHIPMENTS).map(event).collect(),
        ..Default::default()
    };
    for turn in step.. {
        let mut client = IngestServiceClient::new(node::channel(nodes[turn % 2]));
        let call = client.ingest_events(request.clone());
        if let Ok(Ok(answer)) = timeout(Duration::from_secs(3), call).await
            && answer.get_ref().rejected_count == 0
        {
            return;
        }
        sleep(Duration::from_millis(100)).await;
    }
}

async fn register(nodes: [SocketAddr; 2]) {
    let one = |at| v1::Registration {
        shipment: Some(key(&number(at))),
        ..Default::default()
    };
    let request = v1::BatchRegisterRequest {
        registrations: (0..SHIPMENTS).map(one).collect(),
    };
    use v1::batch_register_result::Outcome;
    for turn in 0.. {
        let mut client = TrackingServiceClient::new(node::channel(nodes[turn % 2]));
        let call = timeout(
            Duration::from_secs(3),
            client.batch_register(request.clone()),
        );
        if let Ok(Ok(answer)) = call.await
            && (answer.get_ref().results.iter())
                .all(|it| matches!(it.outcome, Some(Outcome::Response(_))))
        {
            return;
        }
        sleep(Duration::from_millis(100)).await;
    }
}

async fn record(node: SocketAddr, at: usize) -> v1::Shipment {
    let request = v1::TrackRequest {
        tracking_number: number(at),
        view: ShipmentView::Full as i32,
        cache_only: true,
        ..Default::default()
    };
    loop {
        let mut client = TrackingServiceClient::new(node::channel(node));
        let call = timeout(Duration::from_secs(3), client.track(request.clone()));
        if let Ok(Ok(found)) = call.await
            && let Some(record) = found.into_inner().shipments.pop()
        {
            return record;
        }
        sleep(Duration::from_millis(100)).await;
    }
}

fn watcher(at: usize, nodes: [SocketAddr; 2]) -> Watcher {
    let target = match at % 2 {
        0 => Target::Shipments(v1::WatchShipments {
            shipments: (0..SHIPMENTS).map(|at| key(&number(at))).collect(),
        }),
        _ => Target::AllRegistered(true),
    };
    let lag = match at % 4 {
        3 => LagPolicy::EveryRevision,
        _ => LagPolicy::Conflate,
    };
    Watcher {
        connect: node::channel,
        nodes,
        open: v1::WatchOpen {
            target: Some(target),
            lag_policy: lag as i32,
            view: ShipmentView::Full as i32,
            heartbeat_interval: Some(prost_types::Duration {
                seconds: 5,
                nanos: 0,
            }),
            ..Default::default()
        },
        pause: Duration::from_millis(if at == 2 { 20 } else { 0 }),
        seen: Mutex::default(),
        held: Mutex::default(),
        resets: Mutex::default(),
    }
}

/// A host dies, and its peers hear of it. A runtime lets go of its tasks in any order; held up
/// meanwhile, what that sends has no say in what comes.
fn die(sim: &mut Sim<'_>, host: &str) {
    let clients = (0..WATCHERS).map(|at| format!("watcher-{at}"));
    let others = [store::HOST, "writer", "judge"]
        .into_iter()
        .chain(node::HOSTS)
        .map(str::to_owned)
        .chain(clients);
    let others: Vec<String> = others.filter(|other| other != host).collect();
    others
        .iter()
        .for_each(|other| sim.hold(host, other.as_str()));
    sim.crash(host);
    others
        .iter()
        .for_each(|other| sim.release(host, other.as_str()));
}

/// Something that breaks, and is mended at some time.
enum Fault {
    Dead(&'static str),
    Apart(String, String),
    Held(String, String),
    Slow,
}

impl Fault {
    fn any(sim: &mut Sim<'_>, disk: &Disk, dice: &mut SmallRng) -> Self {
        let node = node::HOSTS[dice.random_range(0..2)];
        let other = match dice.random_range(0..3) {
            0 => store::HOST.to_owned(),
            1 => "writer".to_owned(),
            _ => format!("watcher-{}", dice.random_range(0..WATCHERS)),
        };
        match dice.random_range(0..8) {
            0 | 1 => {
                die(sim, node);
                Self::Dead(node)
            }
            2 => {
                die(sim, store::HOST);
                Self::Dead(store::HOST)
            }
            3 => {
                die(sim, store::HOST);
                disk.fail_over();
                Self::Dead(store::HOST)
            }
            4 | 5 => {
                sim.partition(node, other.as_str());
                Self::Apart(node.to_owned(), other)
            }
            6 => {
                sim.hold(node, other.as_str());
                Self::Held(node.to_owned(), other)
            }
            _ => {
                sim.set_max_message_latency(Duration::from_millis(200));
                Self::Slow
            }
        }
    }

    fn mend(self, sim: &mut Sim<'_>) {
        match self {
            Self::Dead(host) => sim.bounce(host),
            Self::Apart(one, other) => sim.repair(one.as_str(), other.as_str()),
            Self::Held(one, other) => sim.release(one.as_str(), other.as_str()),
            Self::Slow => sim.set_max_message_latency(Duration::from_millis(20)),
        }
    }
}

struct Life {
    history: History,
    violations: Vec<Violation>,
    in_time: bool,
    resets: usize,
    faults: usize,
}

/// One life, from beginning to end.
fn live(seed: u64) -> Life {
    let mut dice = SmallRng::seed_from_u64(seed);
    let mut sim = Builder::new()
        .rng_seed(seed)
        .tick_duration(TICK)
        .min_message_latency(Duration::from_millis(1))
        .max_message_latency(Duration::from_millis(20))
        .simulation_duration(Duration::from_secs(300))
        .tcp_capacity(1_024)
        .build();
    let clock = Clock::manual(jiff::Timestamp::from_second(START).unwrap());
    let disk = Disk::new(LOG);
    let world = Arc::new(World::default());
    let shelf = Arc::clone(&disk);
    sim.host(store::HOST, move || store::serve(Arc::clone(&shelf)));
    for host in node::HOSTS {
        let (disk, clock) = (Arc::clone(&disk), clock.clone());
        let starts = AtomicU64::new(seed);
        sim.host(host, move || {
            let seed = starts.fetch_add(1_000, Ordering::Relaxed);
            node::serve(Arc::clone(&disk), clock.clone(), seed)
        });
    }
    let nodes = node::HOSTS.map(|host| SocketAddr::from((sim.lookup(host), node::PORT)));
    let here = Arc::clone(&world);
    sim.client("writer", async move {
        write(nodes, 0).await;
        register(nodes).await;
        here.is_begun.store(true, Ordering::Relaxed);
        for step in 1..=UPDATES {
            sleep(STORM / u32::try_from(UPDATES).unwrap()).await;
            write(nodes, step).await;
        }
        here.is_written.store(true, Ordering::Relaxed);
        Ok(())
    });
    let watchers: Vec<_> = (0..WATCHERS)
        .map(|at| Arc::new(watcher(at, nodes)))
        .collect();
    for (at, watcher) in watchers.iter().enumerate() {
        let (watcher, here) = (Arc::clone(watcher), Arc::clone(&world));
        sim.client(format!("watcher-{at}"), async move {
            until(|| here.is_begun.load(Ordering::Relaxed)).await;
            tokio::select! {
                biased;
                () = until(|| here.is_over.load(Ordering::Relaxed)) => {}
                () = watcher.watch(at) => {}
            }
            Ok(())
        });
    }
    let (here, all) = (Arc::clone(&world), watchers.clone());
    sim.client("judge", async move {
        until(|| here.is_calm.load(Ordering::Relaxed)).await;
        until(|| here.is_written.load(Ordering::Relaxed)).await;
        let mut records = Vec::new();
        for at in 0..SHIPMENTS {
            records.push(record(nodes[0], at).await);
        }
        let in_time = settled(&all, &end_of(&records), SETTLED).await;
        here.in_time.store(in_time, Ordering::Relaxed);
        *here.records.lock().unwrap() = records;
        here.is_over.store(true, Ordering::Relaxed);
        Ok(())
    });

    let mut fault: Option<(Duration, Fault)> = None;
    let mut next = Duration::from_secs(2);
    let mut faults = 0;
    loop {
        let now = sim.elapsed();
        if let Some((_, broken)) = fault.take_if(|(until, _)| *until <= now) {
            broken.mend(&mut sim);
            next = now + Duration::from_millis(dice.random_range(100..1_000));
        }
        if fault.is_none() && now >= STORM {
            world.is_calm.store(true, Ordering::Relaxed);
        } else if fault.is_none() && now >= next {
            let length = Duration::from_millis(dice.random_range(50..3_000));
            fault = Some((now + length, Fault::any(&mut sim, &disk, &mut dice)));
            faults += 1;
        }
        clock.advance(TICK);
        if sim.step().expect("no host fails by itself") {
            break;
        }
    }

    let records = std::mem::take(&mut *world.records.lock().unwrap());
    let mut history = History {
        end: end_of(&records),
        ..History::default()
    };
    for record in &records {
        assert_eq!(
            record.events.len(),
            UPDATES + 1,
            "nothing acknowledged is lost"
        );
        let events = record.events.iter();
        let events = events.map(|it| (it.id.clone(), it.revision)).collect();
        history
            .commits
            .note_all(&record.id, record.revision, &events);
    }
    let mut resets = 0;
    for (at, watcher) in watchers.iter().enumerate() {
        let seen = std::mem::take(&mut *watcher.seen.lock().unwrap());
        history.watchers.insert(format!("w{at}"), seen);
        resets += *watcher.resets.lock().unwrap();
    }
    let violations = judge(&history);
    if let Ok(path) = std::env::var("WAYBILL_STORM_HISTORY") {
        let file = std::fs::File::create(path).unwrap();
        history.write(std::io::BufWriter::new(file)).unwrap();
    }
    Life {
        history,
        violations,
        in_time: world.in_time.load(Ordering::Relaxed),
        resets,
        faults,
    }
}

/// A history without what chance alone decides: a token is named by when it was first seen.
fn retold(history: &History) -> Vec<String> {
    let mut names: BTreeMap<String, usize> = BTreeMap::new();
    let mut lines = Vec::new();
    for (watcher, seen) in &history.watchers {
        for one in seen {
            let mut line = format!("{watcher} {one:?}");
            let resumed = match &one.what {
                waybill_check::What::Opened { resumed } => resumed,
                _ => "",
            };
            for token in [resumed, one.token.as_str()] {
                if !token.is_empty() {
                    let fresh = names.len();
                    let name = *names.entry(token.to_owned()).or_insert(fresh);
                    line = line.replace(token, &format!("t{name}"));
                }
            }
            lines.push(line);
        }
    }
    lines
}

fn option(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

#[test]
fn every_promise_is_kept_in_every_life() {
    let seeds: Vec<u64> = match option("WAYBILL_SEED") {
        Some(seed) => vec![seed],
        None => (1..=option("WAYBILL_SEEDS").unwrap_or(SEEDS)).collect(),
    };
    let next = AtomicU64::new(0);
    let (resets, faults) = (AtomicU64::new(0), AtomicU64::new(0));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(seed) = seeds.get(usize::try_from(at).unwrap()) else {
                        return;
                    };
                    let life = live(*seed);
                    resets.fetch_add(life.resets as u64, Ordering::Relaxed);
                    faults.fetch_add(life.faults as u64, Ordering::Relaxed);
                    assert!(
                        life.violations.is_empty(),
                        "seed {seed}: {} {:#?}",
                        life.violations.len(),
                        &life.violations[..life.violations.len().min(5)]
                    );
                    assert!(
                        life.in_time,
                        "seed {seed}: not at the end within {SETTLED:?}"
                    );
                }
            });
        }
    });
    let (resets, faults) = (resets.into_inner(), faults.into_inner());
    println!("{} lives, {faults} faults, {resets} resets", seeds.len());
    assert!(faults > 0 && (resets > 0 || seeds.len() < 20));
}

#[test]
fn the_same_seed_is_the_same_history() {
    for seed in [3, 4] {
        let (one, again) = (retold(&live(seed).history), retold(&live(seed).history));
        let differing = one.iter().zip(&again).position(|(one, again)| one != again);
        assert_eq!(
            differing,
            None,
            "seed {seed}: {:?}",
            differing.map(|at| (&one[at], &again[at]))
        );
        assert_eq!(one.len(), again.len());
    }
    assert_ne!(retold(&live(3).history), retold(&live(4).history));
}
