//! What is due is one queue for all nodes on one Redis.
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
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use common::own::START;
use common::redis::{Redis, config, documented_acl, open};
use common::watching::register;
use common::{eventually, registry, span};
use jiff::Timestamp;
use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};
use waybill::app::{self, App};
use waybill::clock::Clock;
use waybill::config::Config;
use waybill::schedule::{Claim, Due, Flow, Item, LEASE, MemoryDue, NOBODY, Pace, RedisDue, Task};
use waybill_core::poll::Lane;
use waybill_core::shipment::ShipmentId;
use waybill_simulator::{Fault, Options, Simulator, dhl_load_number};

const SOURCES: [&str; 2] = ["one", "two"];

fn some_item(random: &mut SmallRng, now: i64) -> Item {
    let review = random.random_bool(0.2);
    let source = SOURCES[random.random_range(0..2)];
    Item {
        task: if review { Task::Review } else { Task::Poll },
        id: ShipmentId(format!("id{}", random.random_range(0..40))),
        flow: Flow {
            source: if review { NOBODY } else { source },
            lane: Lane::ALL[random.random_range(0..3)],
            tenant: ["x", "y and z", "ü:1"][random.random_range(0..3)].into(),
        },
        due: now + random.random_range(-5_000..60_000),
        interval: [0, 1, 7_000, 3_600_000][random.random_range(0..4)],
        failures: random.random_range(0..3),
    }
}

/// What a queue says of itself, in an order that does not depend on where things lie.
async fn told(queue: &dyn Due, now: i64) -> String {
    let mut all = Vec::new();
    for source in SOURCES.into_iter().chain([NOBODY]) {
        for backlog in queue.backlog(source, now, 1_000).await.unwrap() {
            // Several can be claimed from the same time on: which of them is told of does not matter.
            assert!(backlog.oldest <= now);
            all.push(format!("{:?} {}", backlog.flow, backlog.count));
        }
        for want in queue.wants(source).await.unwrap() {
            all.push(format!("{source} {want:?}"));
        }
    }
    for item in queue.upcoming(1_000).await.unwrap() {
        all.push(format!("{item:?}"));
    }
    all.sort();
    all.join("\n")
}

/// The queue of one process is the model of the one that nodes share.
#[tokio::test]
async fn both_queues_do_the_same_and_need_no_more_rights_than_documented() {
    let redis = Redis::start();
    let mut set = redis::cmd("ACL");
    set.arg("SETUSER").arg(documented_acl("waybill-store"));
    set.arg(">s3cret");
    redis.ask::<()>(&set);
    let url = format!("redis://waybill-store:s3cret@127.0.0.1:{}", redis.port());
    let store = open(config(&url)).await.unwrap();
    for seed in 0..3 {
        redis.ask::<()>(&redis::cmd("FLUSHALL"));
        let mut random = SmallRng::seed_from_u64(seed);
        let model = MemoryDue::default();
        // One says it, the other one is asked: nothing is known to one node only.
        let says = RedisDue::new(store.beside(), &SOURCES);
        let mut now = START * 1_000;
        // The claims of an item, the model's and the other's, the newest last.
        let mut claims: BTreeMap<(Task, ShipmentId), Vec<(Claim, Claim)>> = BTreeMap::new();
        for step in 0..400 {
            now += random.random_range(0..8_000);
            let item = some_item(&mut random, now);
            match random.random_range(0..10) {
                0..4 => {
                    model.put(now, vec![item.clone()]).await.unwrap();
                    says.put(now, vec![item]).await.unwrap();
                }
                4 => {
                    let mut seen = model.get(item.task, &item.id).await.unwrap();
                    if let Some(seen) = seen.as_mut().filter(|_| random.random_bool(0.3)) {
                        seen.due += 1;
                    }
                    model
                        .replace(now, seen.clone(), item.clone())
                        .await
                        .unwrap();
                    says.replace(now, seen, item).await.unwrap();
                }
                5 => {
                    model.remove(item.task, &item.id).await.unwrap();
                    says.remove(item.task, &item.id).await.unwrap();
                }
                6 | 7 => {
                    let mut one = model.claim(&item.flow, now, 1_000).await.unwrap();
                    // What is due is seen once a second, and this is a node that has just come.
                    let node = RedisDue::new(store.beside(), &SOURCES);
                    node.backlog(item.flow.source, now, 1).await.unwrap();
                    let mut other = node.claim(&item.flow, now, 1_000).await.unwrap();
                    for all in [&mut one, &mut other] {
                        all.sort_by(|one, other| one.item.id.cmp(&other.item.id));
                    }
                    assert_eq!(one.len(), other.len(), "seed {seed}, step {step}");
                    for (one, other) in one.into_iter().zip(other) {
                        assert_eq!((&one.item, one.again), (&other.item, other.again));
                        let of = (one.item.task, one.item.id.clone());
                        claims.entry(of).or_default().push((one, other));
                    }
                }
                _ => {
                    let Some((_, all)) = claims.iter_mut().next() else {
                        continue;
                    };
                    // An old claim now and then.
                    let (one, other) = all.remove(random.random_range(0..all.len()));
                    claims.retain(|_, all| !all.is_empty());
                    let next = random.random_bool(0.7).then(|| Item {
                        task: one.item.task,
                        id: one.item.id.clone(),
                        ..item
                    });
                    let held = model.done(one, next.clone()).await.unwrap();
                    assert_eq!(says.done(other, next).await.unwrap(), held, "fenced");
                }
            }
            if step % 20 == 0 {
                now += random.random_range(0..100_000);
                let asked = RedisDue::new(store.beside(), &SOURCES);
                let (model, asked) = (told(&model, now).await, told(&asked, now).await);
                assert_eq!(model, asked, "seed {seed}, step {step}");
            }
        }
    }
    let pace = Pace {
        rate: 2.0,
        burst: 3.0,
    };
    let queue = RedisDue::new(store.beside(), &SOURCES);
    let at = START * 1_000;
    for (after, wanted, granted) in [(0, 10, 3), (0, 10, 0), (499, 10, 0), (500, 10, 1)] {
        let taken = queue.take("one", at + after, pace, wanted).await.unwrap();
        assert_eq!(taken, granted, "after {after} ms");
    }
    let log: Vec<redis::Value> = redis.ask(redis::cmd("ACL").arg("LOG"));
    assert!(log.is_empty(), "{log:?}");
}

#[tokio::test]
async fn what_is_due_for_a_source_that_no_node_has_is_planned_anew() {
    let redis = Redis::start();
    let store = redis.store().await;
    let now = START * 1_000;
    let item = Item {
        task: Task::Poll,
        id: ShipmentId("a".to_owned()),
        flow: Flow {
            source: "gone",
            lane: Lane::Tail,
            tenant: "x".into(),
        },
        due: now,
        interval: 1_000,
        failures: 0,
    };
    let before = RedisDue::new(store.beside(), &["gone"]);
    before.put(now, vec![item]).await.unwrap();
    let after = RedisDue::new(store.beside(), &SOURCES);
    let soon = now + 60_000;
    assert_eq!(after.backlog(NOBODY, soon, 10).await.unwrap(), []);
    let late = now + 600_000;
    let backlog = after.backlog(NOBODY, late, 10).await.unwrap();
    let claims = after.claim(&backlog[0].flow, late, 10).await.unwrap();
    assert_eq!((claims.len(), claims[0].item.task), (1, Task::Poll));
    let next = Item {
        flow: Flow {
            source: "one",
            ..claims[0].item.flow.clone()
        },
        ..claims[0].item.clone()
    };
    assert!(after.done(claims[0].clone(), Some(next)).await.unwrap());
    assert_eq!(after.wants("one").await.unwrap().len(), 1);
    assert_eq!(before.wants("gone").await.unwrap(), []);
}

#[tokio::test]
async fn a_long_queue_of_one_source_hides_no_other_ones() {
    let redis = Redis::start();
    let store = redis.store().await;
    let queue = RedisDue::new(store.beside(), &SOURCES);
    let now = START * 1_000;
    // More flows in each shard than are looked at in one go, all of them due before.
    let item = |source: &'static str, at: usize, due: i64| Item {
        task: Task::Poll,
        id: ShipmentId(format!("id{at}")),
        flow: Flow {
            source,
            lane: Lane::Tail,
            tenant: format!("t{at}").into(),
        },
        due,
        interval: 1_000,
        failures: 0,
    };
    let many: Vec<Item> = (0..80_000).map(|at| item("one", at, now)).collect();
    for some in many.chunks(4_000) {
        queue.put(now, some.to_vec()).await.unwrap();
    }
    let last = item("two", 80_000, now + 1);
    queue.put(now, vec![last.clone()]).await.unwrap();
    let mut looks = 0;
    let claims = loop {
        looks += 1;
        let now = now + 2_000 * looks;
        queue.backlog("two", now, 10).await.unwrap();
        let claims = queue.claim(&last.flow, now, 10).await.unwrap();
        if !claims.is_empty() || looks == 4 {
            break claims;
        }
    };
    assert_eq!(claims.len(), 1, "seen in {looks} looks");
    assert_eq!(claims[0].item.id, last.id);
}

/// Carriers, their clock and a Redis, for any number of gateways.
struct Yard {
    simulator: Simulator,
    clock: Clock,
    redis: Redis,
    key: tempfile::NamedTempFile,
}

impl Yard {
    async fn new() -> Self {
        let simulator = Simulator::start(Options::default()).await.unwrap();
        let key = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(key.path(), [7; 32]).unwrap();
        Self {
            simulator,
            clock: Clock::manual(Timestamp::from_second(START).unwrap()),
            redis: Redis::start(),
            key,
        }
    }

    fn config(&self) -> Config {
        settings(&self.simulator, &self.redis.url(), self.key.path())
    }

    async fn node(&self) -> App {
        let clock = self.clock.clone();
        app::start(self.config(), registry(), clock).await.unwrap()
    }

    fn advance(&self, by: Duration) {
        self.clock.advance(by);
        self.simulator.advance(by);
    }

    fn asked(&self, number: &str) -> u64 {
        self.simulator.dhl().requests_for(number)
    }

    /// Waits until everything that is due is done; quotas fill up by this clock.
    async fn settle(&self, node: &App) {
        eventually("all that is due is done", async || {
            self.advance(Duration::from_millis(100));
            let now = self.clock.now().as_millisecond();
            let all = polls(node).await.into_iter();
            all.map(|item| item.due).all(|due| due > now)
        })
        .await;
    }
}

fn settings(simulator: &Simulator, redis: &str, key: &Path) -> Config {
    let mut config = common::config(simulator);
    config.store.redis = redis.to_owned();
    config.store.key_file = key.to_owned();
    config.store.redis_time = span(10_000);
    config.store.redis_connect_time = span(10_000);
    config.guard.retry.attempts = std::num::NonZeroU32::MIN;
    config
}

async fn polls(node: &App) -> Vec<Item> {
    let all = node.scheduler.overview(1_000).await.unwrap().upcoming;
    let polls = all.into_iter().filter(|item| item.task == Task::Poll);
    polls.collect()
}

async fn follow(node: &App, count: u64) -> Vec<String> {
    let numbers: Vec<String> = (0..count).map(dhl_load_number).collect();
    for some in numbers.chunks(50) {
        register(node.address, some, ("shop", "a")).await;
    }
    eventually("all are planned", async || {
        polls(node).await.len() == numbers.len()
    })
    .await;
    numbers
}

#[tokio::test(flavor = "multi_thread")]
async fn two_gateways_share_the_work_and_ask_about_each_shipment_once() {
    let yard = Yard::new().await;
    let (one, two) = (yard.node().await, yard.node().await);
    let numbers = follow(&one, 200).await;
    let mut polled = 0;
    for step in 0..12 {
        let before: Vec<u64> = numbers.iter().map(|number| yard.asked(number)).collect();
        yard.advance(Duration::from_mins(100));
        let items = polls(&two).await;
        let start = yard.clock.now().as_millisecond();
        yard.settle(&one).await;
        let asked: Vec<u64> = numbers.iter().map(|number| yard.asked(number)).collect();
        let more: Vec<u64> = asked.iter().zip(before).map(|(now, it)| now - it).collect();
        assert!(more.iter().all(|more| *more <= 1), "twice in step {step}");
        // Whatever was due is asked about, unless it was planned anew meanwhile: by what time has
        // changed, or by hours that were learned only now.
        let after = polls(&two).await;
        for item in items.iter().filter(|item| item.due <= start) {
            let (record, _) = one.pipeline.held("local", &item.id).await.unwrap();
            let number = record.number.reveal();
            let at = numbers.iter().position(|own| own == number).unwrap();
            let planned = after.iter().find(|other| other.id == item.id).unwrap();
            let anew = planned.interval != item.interval && planned.failures == 0;
            assert!(
                more[at] == 1 || anew,
                "step {step}: {item:?} -> {planned:?}"
            );
        }
        let more = usize::try_from(more.iter().sum::<u64>()).unwrap();
        // While it settles, others become due.
        let now = yard.clock.now().as_millisecond();
        let due = items.iter().filter(|item| item.due <= now).count();
        assert!(more < due + 8, "{more} of {due} due");
        polled += more;
    }
    assert!(polled >= 300, "{polled} polls in twenty hours");
    for node in [&one, &two] {
        let sources = node.pipeline.sources();
        let asked: u64 = sources
            .iter()
            .map(|source| source.guard.health().attempts)
            .sum();
        assert!(asked > 0, "each does a part");
    }
    // Whoever is asked says the same.
    eventually("both tell the same", async || {
        let [here, there] = [&one, &two].map(|node| node.scheduler.overview(1_000));
        let (here, there) = (here.await.unwrap(), there.await.unwrap());
        let standings = |all: &waybill::schedule::Overview| {
            let sources = all.sources.iter();
            sources.map(|(standing, _)| *standing).collect::<Vec<_>>()
        };
        standings(&here) == standings(&there)
            && standings(&here).iter().any(|it| it.shipments == 200)
            && here.upcoming == there.upcoming
    })
    .await;

    // What is due is lost, and nothing else.
    let planned = ids(&polls(&one).await);
    let keys: Vec<String> = yard
        .redis
        .ask(redis::cmd("KEYS").arg("waybill:{*}:q[iohns]"));
    assert!(keys.len() > 64, "{keys:?}");
    yard.redis.ask::<()>(redis::cmd("DEL").arg(&keys));
    eventually("it is made from the registrations again", async || {
        ids(&polls(&two).await) == planned
    })
    .await;
    one.stop().await;
    two.stop().await;
    yard.simulator.stop().await;
}

fn ids(items: &[Item]) -> Vec<ShipmentId> {
    let mut ids: Vec<_> = items.iter().map(|item| item.id.clone()).collect();
    ids.sort();
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_dead_node_had_claimed_is_done_by_another_one_when_its_lease_is_over() {
    let yard = Arc::new(Yard::new().await);
    // A runtime of its own, so that it dies in the middle of everything.
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let there = Arc::clone(&yard);
    let doomed = runtime.spawn(async move { there.node().await });
    let doomed = doomed.await.unwrap();
    let numbers = follow(&doomed, 40).await;
    let asked: Vec<u64> = numbers.iter().map(|number| yard.asked(number)).collect();
    yard.simulator.dhl().set_fault(Some(Fault::Hang));
    yard.advance(Duration::from_hours(48));
    eventually("as many as it may are under way", async || {
        let under_way = numbers.iter().zip(&asked);
        under_way
            .filter(|(number, before)| yard.asked(number) > **before)
            .count()
            == 16
    })
    .await;
    let died = yard.clock.now();
    let asked: Vec<u64> = numbers.iter().map(|number| yard.asked(number)).collect();
    tokio::task::spawn_blocking(move || {
        drop(doomed);
        runtime.shutdown_background();
    })
    .await
    .unwrap();

    yard.simulator.dhl().set_fault(None);
    let other = yard.node().await;
    let rest = || {
        let all = numbers.iter().zip(&asked);
        all.filter(|(number, before)| yard.asked(number) == **before)
            .count()
    };
    eventually("what nobody had claimed is asked about", async || {
        yard.clock.advance(Duration::from_millis(10));
        rest() == 16
    })
    .await;
    let lease = LEASE.as_secs_f64();
    let since = || yard.clock.now().duration_since(died).as_secs_f64();
    assert!(since() < lease, "{} s", since());
    yard.clock
        .advance(Duration::from_secs_f64(lease - since() + 1.0));
    eventually("and then the others", async || {
        yard.clock.advance(Duration::from_millis(10));
        rest() == 0
    })
    .await;
    assert!((lease..150.0).contains(&since()), "{} s", since());
    other.stop().await;
}
