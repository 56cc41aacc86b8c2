//! Followed shipments are asked about although nobody asks: over real carriers' fakes, with a clock
//! that the test moves.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

mod common;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use common::program::{err, json, out, run_beside};
use common::{ask, client, eventually, record, registry};
use jiff::{SignedDuration, Timestamp};
use waybill::app;
use waybill::audit::Audit;
use waybill::cache::memory::MemoryCache;
use waybill::clock::Clock;
use waybill::config::Config;
use waybill::evidence::Evidence;
use waybill::guard::Priority;
use waybill::kpi::Kpis;
use waybill::pipeline::{LookupOptions, Parts, Pipeline};
use waybill::schedule::{Item, Keep, Scheduler, Settings, Task};
use waybill::server::Load;
use waybill::store::file::FileStore;
use waybill::store::memory::MemoryStore;
use waybill::store::seal::Keys;
use waybill::store::{Commit, OverlayCommit, Store, What};
use waybill::watch::Hub;
use waybill_core::adapter::Hints;
use waybill_core::exception::Category;
use waybill_core::number::TrackingNumber;
use waybill_core::overlay::{Overlay, Registration};
use waybill_core::shipment::{Shipment, ShipmentId, TrackingState};
use waybill_core::status::Status;
use waybill_simulator::{Fault, Options, Simulator, dhl_load_number};

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);
/// Quotas fill up by the gateway's clock, which stands still by itself.
const TICK: Duration = Duration::from_millis(100);

/// A gateway without a door: nobody can ask or watch, so what happens, happens by schedule.
struct World {
    simulator: Simulator,
    clock: Clock,
    store: Arc<dyn Store>,
    pipeline: Pipeline,
    scheduler: Scheduler,
    kpis: Kpis,
    evidence: Evidence,
}

async fn carriers(elapsed: Duration) -> (Simulator, Clock) {
    waybill::http::install_crypto();
    let simulator = Simulator::start(Options {
        elapsed,
        ..Options::default()
    });
    let simulator = simulator.await.unwrap();
    let clock = Clock::manual(simulator.clock().now());
    (simulator, clock)
}

impl World {
    async fn start(elapsed: Duration, change: impl FnOnce(&mut Config)) -> Self {
        let (simulator, clock) = carriers(elapsed).await;
        Self::over(simulator, clock, None, change)
    }

    fn over(
        simulator: Simulator,
        clock: Clock,
        folder: Option<&Path>,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let mut config = common::config(&simulator);
        config.guard.retry.attempts = std::num::NonZeroU32::MIN;
        change(&mut config);
        let (store, keys): (Arc<dyn Store>, Arc<Keys>) = match folder {
            None => (
                Arc::new(MemoryStore::new(10_000)),
                Arc::new(Keys::random().unwrap()),
            ),
            Some(folder) => {
                let store = FileStore::open(folder, None).unwrap();
                let keys = Arc::clone(store.keys());
                (Arc::new(store), keys)
            }
        };
        let kpis = Kpis::start(&config.kpi, None, &keys).unwrap();
        let evidence = Evidence::start(&config.evidence, None, &keys, Arc::clone(&store)).unwrap();
        let pipeline = Pipeline::new(Parts {
            audit: Audit::new(None, Arc::clone(&keys)),
            barred_for: config.privacy.barred.0,
            sources: app::sources(&config, registry(), &clock).unwrap(),
            store: Arc::clone(&store),
            keys,
            cache: Arc::new(MemoryCache::new(10_000_000, clock.clone())),
            policy: config.freshness,
            patience: config.calls.patience.0,
            routing: config.routing.clone(),
            clock: clock.clone(),
            hub: Arc::new(Hub::default()),
            kpis: kpis.clone(),
            evidence: evidence.clone(),
            has_tenants: false,
        });
        let scheduler = Scheduler::start(
            &config.schedule,
            folder.map_or(Keep::Nowhere, Keep::Folder),
            pipeline.clone(),
            Arc::clone(&store),
            Load::new(&config.load),
            false,
        );
        Self {
            simulator,
            clock,
            store,
            pipeline,
            scheduler: scheduler.unwrap(),
            kpis,
            evidence,
        }
    }

    /// Stops the gateway; the carriers go on.
    async fn stop(self) -> (Simulator, Clock) {
        self.scheduler.stop().await;
        self.kpis.stop().await;
        self.evidence.stop().await;
        (self.simulator, self.clock)
    }

    fn requests(&self) -> u64 {
        self.simulator.source("dhl").unwrap().requests()
    }

    fn requests_for(&self, number: &str) -> u64 {
        self.simulator.source("dhl").unwrap().requests_for(number)
    }

    fn number(&self, scenario: &str) -> String {
        self.simulator
            .dhl()
            .scenario(scenario)
            .expect(scenario)
            .number
            .to_owned()
    }

    /// Asks once, and follows what comes back.
    async fn register(&self, number: &str, tenant: &str) -> ShipmentId {
        let options = LookupOptions {
            tenant: "local".to_owned(),
            hints: Hints::default(),
            max_age: None,
            cache_only: false,
            wait_for_all: true,
            allow_paid: false,
            sources: Vec::new(),
            deadline: tokio::time::Instant::now() + Duration::from_secs(10),
            priority: Priority::Interactive,
        };
        let number = TrackingNumber::parse(number).unwrap();
        let mut lookup = options.lookup(number.into(), "dhl".to_owned());
        lookup.hints = Hints::default();
        let found = self.pipeline.track(&lookup).await.ok().unwrap();
        let id = found.shipments[0].id.clone();
        self.follow(&id, tenant, true).await;
        id
    }

    async fn follow(&self, id: &ShipmentId, tenant: &str, follows: bool) {
        let now = self.clock.now();
        let known = self.store.overlay(tenant, id).await.unwrap();
        let known = known
            .map(|known| Overlay::clone(&known))
            .unwrap_or_default();
        let overlay = known.registered(follows.then(|| Registration {
            hints: Hints::default(),
            since: now,
            labels: [].into(),
            order: None,
            promise: None,
        }));
        let commit = OverlayCommit {
            tenant: tenant.to_owned(),
            id: id.clone(),
            expected: known.revision,
            overlay: Arc::new(overlay),
            time: now,
        };
        self.store.commit_overlay(commit).await.unwrap();
    }

    /// The record as it is stored: reading it asks nobody and brings nothing up to now.
    async fn record(&self, id: &ShipmentId) -> Arc<Shipment> {
        let stored = self.store.load(id).await.unwrap().unwrap();
        Arc::clone(&stored.record)
    }

    async fn upcoming(&self) -> Vec<Item> {
        self.scheduler.overview(1_000).await.unwrap().upcoming
    }

    async fn poll_of(&self, id: &ShipmentId) -> Option<Item> {
        let mut all = self.upcoming().await.into_iter();
        all.find(|item| item.task == Task::Poll && item.id == *id)
    }

    async fn is_planned(&self, id: &ShipmentId) {
        eventually("it is planned", async || self.poll_of(id).await.is_some()).await;
    }

    /// Lets time pass in steps, and after each everything that is due be done.
    async fn pass(&self, steps: u32, step: Duration) {
        for _ in 0..steps {
            self.simulator.advance(step);
            self.clock.advance(step);
            let now = self.clock.now().as_millisecond();
            eventually("all that is due is done", async || {
                self.upcoming().await.iter().all(|item| item.due > now)
            })
            .await;
        }
    }

    /// When a record last changed, by the change log.
    async fn last_change(&self, id: &ShipmentId) -> Option<Timestamp> {
        let changes = self.store.changes(0, 0, 10_000).await.unwrap().changes;
        let own = changes.iter().filter(|change| change.id == *id);
        let records = own.filter(|change| matches!(change.what, What::Record(_)));
        records.map(|change| change.time).next_back()
    }
}

#[tokio::test]
async fn nobody_asks_and_it_is_followed_to_the_door_and_fifteen_days_beyond() {
    let world = World::start(Duration::from_secs(60), |_| {}).await;
    let number = world.number("delivered");
    let id = world.register(&number, "shop").await;
    world.is_planned(&id).await;
    assert_eq!(world.record(&id).await.status, Status::InfoReceived);

    // Every 6 h at first, half as long again each time that there is no news, up to 24 h, 15 % either
    // way: never more than 28 h between two polls, seen in steps of 3 h. It is delivered within sixty.
    let (mut asked, mut steps, mut silent) = (world.requests_for(&number), 0, 0);
    while world.record(&id).await.status != Status::Delivered {
        world.pass(1, HOUR * 3).await;
        let now = world.requests_for(&number);
        assert!(now <= asked + 1, "more than one poll in three hours");
        silent = if now > asked { 0 } else { silent + 1 };
        assert!(silent <= 28 / 3, "no poll for {} h", silent * 3);
        (asked, steps) = (now, steps + 1);
        assert!(steps <= (60 + 28) / 3, "delivered and not noticed");
    }
    assert!(asked >= 4, "{asked} polls in {} h", steps * 3);

    world.pass(13, DAY).await;
    assert!(world.poll_of(&id).await.is_some(), "once a day");
    assert_eq!(world.record(&id).await.tracking, TrackingState::Active);
    world.pass(3, DAY).await;
    let closed = world.record(&id).await;
    assert_eq!(closed.tracking, TrackingState::Closed);
    let told = world.last_change(&id).await;
    assert_eq!(told, Some(closed.update_time), "those who watch are told");
    assert!(world.clock.now().duration_since(closed.update_time) <= SignedDuration::from_hours(48));
    eventually("it has left", async || world.poll_of(&id).await.is_none()).await;

    let asked = world.requests_for(&number);
    world.pass(5, DAY).await;
    assert_eq!(world.requests_for(&number), asked);
    world.stop().await.0.stop().await;
}

#[tokio::test]
async fn silence_becomes_an_exception_and_an_end_by_time_alone() {
    let world = World::start(DAY * 3, |_| {}).await;
    let number = world.number("in-transit");
    let id = world.register(&number, "shop").await;
    world.is_planned(&id).await;
    let is_open = |record: &Shipment| {
        let mut all = record.exceptions.iter();
        all.any(|one| one.category == Category::NoUpdate && one.close_time.is_none())
    };
    assert!(!is_open(&*world.record(&id).await));

    // From now on no source says anything: what changes, time has changed.
    world.simulator.dhl().set_fault(Some(Fault::TcpReset));
    for _ in 0..8 {
        world.simulator.advance(DAY);
        world.clock.advance(DAY);
    }
    eventually("the exception opens", async || {
        is_open(&*world.record(&id).await)
    })
    .await;
    let told = world.last_change(&id).await;
    assert_eq!(told, Some(world.record(&id).await.update_time));

    for _ in 0..40 {
        world.clock.advance(DAY);
    }
    eventually("it is given up", async || {
        world.record(&id).await.tracking == TrackingState::Expired
    })
    .await;
    // A poll that had failed just before comes due once more, and finds that.
    eventually("it has left", async || {
        world.clock.advance(Duration::from_mins(10));
        world.poll_of(&id).await.is_none()
    })
    .await;
    assert_eq!(world.record(&id).await.status, Status::OutForDelivery);
    world.stop().await.0.stop().await;
}

#[tokio::test]
async fn a_source_that_is_down_is_not_hammered_and_all_is_made_up_for() {
    let world = World::start(DAY * 3, |config| {
        config.freshness.fault = Duration::from_millis(1);
        config.guard.breaker.base = Duration::from_secs(3);
        config.guard.breaker.max = Duration::from_secs(3);
    })
    .await;
    let mut ids = Vec::new();
    for index in 0..60 {
        let number = dhl_load_number(index);
        ids.push(world.register(&number, "shop").await);
    }
    for id in &ids {
        world.is_planned(id).await;
    }
    world.simulator.dhl().set_fault(Some(Fault::TcpReset));
    let before = world.requests();
    world.clock.advance(DAY * 2);
    world.simulator.advance(DAY * 2);
    let since = world.clock.now() - SignedDuration::from_secs(1);
    // Long enough for a probe of the breaker. Sixteen were under way when it tripped.
    for _ in 0..40 {
        tokio::time::sleep(TICK).await;
        world.clock.advance(TICK);
    }
    let hammered = world.requests() - before;
    assert!((1..=24).contains(&hammered), "{hammered} requests");

    world.simulator.dhl().set_fault(None);
    // Those that failed wait before they are tried again.
    world.clock.advance(HOUR);
    eventually("each has been asked about", async || {
        world.clock.advance(TICK);
        let mut all = true;
        for id in &ids {
            let stored = world.store.load(id).await.unwrap().unwrap();
            all &= stored
                .dossier
                .facts
                .iter()
                .any(|facts| facts.receive_time > since)
                || stored.record.status.is_terminal();
        }
        all
    })
    .await;
    world.stop().await.0.stop().await;
}

#[tokio::test]
async fn a_tenant_of_three_goes_beside_one_of_three_hundred() {
    let world = World::start(DAY * 3, |config| {
        let limits = config.sources.get_mut("dhl").unwrap()["limits"].as_table_mut();
        limits.unwrap().insert("per_second".into(), 40.into());
    })
    .await;
    let mut small = Vec::new();
    for index in 0..303 {
        let number = dhl_load_number(index);
        let tenant = if index >= 300 { "small" } else { "big" };
        world.register(&number, tenant).await;
        if tenant == "small" {
            small.push((number.clone(), world.requests_for(&number)));
        }
    }
    eventually("all are planned", async || {
        let polls = world.upcoming().await.into_iter();
        polls.filter(|item| item.task == Task::Poll).count() == 303
    })
    .await;
    let before = world.requests();
    world.clock.advance(DAY * 2);
    world.simulator.advance(DAY * 2);
    eventually("the small one is served", async || {
        world.clock.advance(TICK);
        small
            .iter()
            .all(|(number, asked)| world.requests_for(number) > *asked)
    })
    .await;
    let served = world.requests() - before;
    assert!(served <= 60, "{served} of 303 went first");
    world.stop().await.0.stop().await;
}

#[tokio::test]
async fn it_is_asked_about_while_anybody_follows_it() {
    let world = World::start(DAY, |_| {}).await;
    let number = world.number("delivered");
    let id = world.register(&number, "one").await;
    world.is_planned(&id).await;
    world.follow(&id, "other", true).await;
    world.follow(&id, "one", false).await;
    eventually("the other one stands for it", async || {
        let poll = world.poll_of(&id).await;
        poll.is_some_and(|poll| &*poll.flow.tenant == "other")
    })
    .await;
    world.follow(&id, "other", false).await;
    eventually("it leaves", async || world.poll_of(&id).await.is_none()).await;
    let asked = world.requests_for(&number);
    world.pass(4, HOUR * 12).await;
    assert_eq!(world.requests_for(&number), asked);

    // Who follows it again has it back, and what is pushed is polled once a day.
    world.follow(&id, "one", true).await;
    world.is_planned(&id).await;
    let pushed_until = world.clock.now() + SignedDuration::from_hours(240);
    world.pipeline.pushed(&id, pushed_until);
    world.pass(2, HOUR * 12).await;
    let poll = world.poll_of(&id).await.unwrap();
    assert_eq!(poll.interval, 86_400_000);
    world.stop().await.0.stop().await;
}

#[tokio::test]
async fn a_restart_keeps_what_is_due_and_without_the_file_the_registrations_do() {
    let folder = tempfile::tempdir().unwrap();
    let (simulator, clock) = carriers(DAY).await;
    let world = World::over(simulator, clock, Some(folder.path()), |_| {});
    let mut ids = Vec::new();
    for scenario in ["in-transit", "customs-hold", "failed-attempt"] {
        ids.push(world.register(&world.number(scenario), "shop").await);
    }
    for id in &ids {
        world.is_planned(id).await;
    }
    let polls = async |world: &World| {
        let all = world.upcoming().await.into_iter();
        let mut polls: Vec<Item> = all.filter(|item| item.task == Task::Poll).collect();
        polls.sort_by(|one, other| one.id.cmp(&other.id));
        polls
    };
    let before = polls(&world).await;
    let (simulator, clock) = world.stop().await;

    let world = World::over(simulator, clock, Some(folder.path()), |_| {});
    assert_eq!(
        polls(&world).await,
        before,
        "to the millisecond, and at once"
    );
    // One leaves while the gateway runs, and stays away.
    world.follow(&ids[0], "shop", false).await;
    eventually("it leaves", async || world.poll_of(&ids[0]).await.is_none()).await;
    let (simulator, clock) = world.stop().await;

    std::fs::remove_file(folder.path().join("schedule.redb")).unwrap();
    let world = World::over(simulator, clock, Some(folder.path()), |_| {});
    world.is_planned(&ids[1]).await;
    world.is_planned(&ids[2]).await;
    let rebuilt = polls(&world).await;
    let names: Vec<&ShipmentId> = rebuilt.iter().map(|item| &item.id).collect();
    assert_eq!(names.len(), 2);
    assert!(!names.contains(&&ids[0]));
    world.stop().await.0.stop().await;
}

#[tokio::test]
async fn at_the_terminal_it_shows_what_is_due_and_what_is_owed() {
    let world = common::World::start(|_| {}).await;
    let mut client = client(world.app.address).await;
    // Its record changes by time, so that something comes next although nobody follows it.
    let number = world.dhl_number("in-transit");
    let record = client.track(ask(&number)).await.unwrap().into_inner();
    let id = record.shipments[0].id.clone();
    let admin = format!("http://{}", world.app.admin);
    eventually("it is entered", async || {
        let all = world.app.scheduler.overview(10).await.unwrap();
        all.upcoming.iter().any(|item| item.id.0 == id)
    })
    .await;
    let shown = run_beside(&["schedule", "--admin", &admin]).await;
    let text = out(&shown);
    assert!(shown.status.success(), "{}", err(&shown));
    assert!(text.contains("dhl") && text.contains("ups"), "{text}");
    assert!(text.contains(&id), "{text}");
    assert!(!text.contains(&number), "no number is shown: {text}");
    let shown = json(&run_beside(&["schedule", "--admin", &admin, "--json"]).await);
    assert_eq!(shown["sources"][0]["source"], "dhl");
    assert!(shown["sources"][0]["budgetPerSecond"].as_f64().unwrap() > 0.0);
    assert_eq!(shown["upcoming"][0]["shipmentId"], id.as_str());
    let refused = run_beside(&["schedule", "--admin", &admin, "--limit", "1001"]).await;
    assert!(!refused.status.success());
    assert!(
        err(&refused).contains("upcoming_limit"),
        "{}",
        err(&refused)
    );
    let metrics = common::side(&world, "/metrics").await;
    for name in ["waybill_schedule_due", "waybill_freshness_debt_seconds"] {
        assert!(metrics.contains(name), "{metrics}");
    }
    world.stop().await;
}

#[tokio::test]
async fn stores_list_who_follows_anything() {
    let folder = tempfile::tempdir().unwrap();
    let stores: [Arc<dyn Store>; 2] = [
        Arc::new(MemoryStore::new(10)),
        Arc::new(FileStore::open(folder.path(), None).unwrap()),
    ];
    for store in stores {
        let at = record::time("2026-03-01T12:00:00Z");
        for name in ["1", "2"] {
            let id = ShipmentId(name.to_owned());
            let number = record::number(&format!("AB123456{name}"));
            let (dossier, record) = record::shipment(&id, &number, 1);
            let commit = Commit {
                expected: 0,
                dossier,
                record: Arc::new(record),
                next_change: None,
                aliases: Vec::new(),
                changed: true,
                time: at,
            };
            store.commit(commit).await.unwrap();
        }
        let follow = async |tenant: &str, name: &str, expected: u32, follows: bool| {
            let registration = follows.then(|| Registration {
                hints: Hints::default(),
                since: at,
                labels: [].into(),
                order: None,
                promise: None,
            });
            let commit = OverlayCommit {
                tenant: tenant.to_owned(),
                id: ShipmentId(name.to_owned()),
                expected,
                overlay: Arc::new(Overlay {
                    revision: expected + 1,
                    exceptions: Vec::new(),
                    registration,
                }),
                time: at,
            };
            store.commit_overlay(commit).await.unwrap();
        };
        assert_eq!(store.tenants().await.unwrap(), Vec::<String>::new());
        for (tenant, name) in [("one-more", "1"), ("one", "1"), ("one", "2"), ("two", "2")] {
            follow(tenant, name, 0, true).await;
        }
        // Who only adds something follows nothing.
        follow("works", "1", 0, false).await;
        assert_eq!(store.tenants().await.unwrap(), ["one", "one-more", "two"]);
        for tenant in ["one", "one-more"] {
            follow(tenant, "1", 1, false).await;
        }
        assert_eq!(store.tenants().await.unwrap(), ["one", "two"]);
    }
}

#[test]
fn settings_have_bounds() {
    let check = |change: fn(&mut Settings)| {
        let mut settings = Settings::default();
        change(&mut settings);
        settings.check()
    };
    assert_eq!(check(|_| {}), Ok(()));
    for (change, names) in [
        ((|it| it.pace = 0.0) as fn(&mut Settings), "schedule.pace"),
        (|it| it.pace = f64::NAN, "schedule.pace"),
        (|it| it.quota_percent = 101, "schedule.quota_percent"),
        (|it| it.deadline = common::span(31_000), "schedule.deadline"),
    ] {
        assert!(check(change).unwrap_err().starts_with(names));
    }
}
