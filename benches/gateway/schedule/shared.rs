//! The due queue that nodes share: four processes claim a million shipments from one real Redis and
//! end each claim. What was ended twice would have been polled twice.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use waybill::clock::Clock;
use waybill::redis::RedisConfig;
use waybill::schedule::{Due, Flow, Item, RedisDue, Task};
use waybill::store::redis::RedisStore;
use waybill::store::seal::Keys;
use waybill_core::poll::Lane;
use waybill_core::privacy::Secret;
use waybill_core::shipment::ShipmentId;

use crate::redis::Redis;

const SOURCE: &str = "one";
const PROCESSES: usize = 4;
/// Claims per second at least.
const WANTED: f64 = 20_000.0;
/// Items claimed in one go.
const SHARE: usize = 2_000;
/// When all is due, and when it is claimed.
const DUE: i64 = 1_000_000;
const NOW: i64 = 2_000_000;

/// How many shipments: `WAYBILL_BENCH_IDS`, or a million.
fn ids() -> usize {
    let stated = std::env::var("WAYBILL_BENCH_IDS").ok();
    stated.map_or(1_000_000, |count| count.parse().unwrap())
}

async fn store(port: u16) -> RedisStore {
    let mut config = RedisConfig::new(Secret::new(format!("redis://127.0.0.1:{port}/")));
    config.response_timeout = Duration::from_secs(30);
    config.connect_timeout = Duration::from_secs(30);
    let keys = Arc::new(Keys::new(&[7; 32]));
    RedisStore::open(config, keys, Clock::system())
        .await
        .unwrap()
}

pub(crate) fn run() -> Value {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let redis = Redis::on_free_port();
    let ids = ids();
    runtime.block_on(fill(redis.port, ids));
    let begun = Instant::now();
    let workers: Vec<Child> = (0..PROCESSES).map(|_| worker(redis.port)).collect();
    let mut ended = 0;
    for worker in workers {
        let output = worker.wait_with_output().unwrap();
        let told = String::from_utf8(output.stdout).unwrap();
        ended += told.trim().parse::<usize>().unwrap();
    }
    let seconds = begun.elapsed().as_secs_f64();
    redis.end();
    #[expect(clippy::cast_precision_loss, reason = "a rate need not be exact")]
    let rate = ended as f64 / seconds;
    let ok = ended == ids && rate >= WANTED;
    println!(
        "{PROCESSES} processes claimed and ended {ended} of {ids} in {seconds:.1} s: {rate:.0} a second, \
         wanted {WANTED:.0}; {}",
        if ok { "within all" } else { "NOT within all" }
    );
    json!({
        "ids": ids,
        "claims_ended": ended,
        "claims_per_second": rate,
        "ok": ok,
    })
}

async fn fill(port: u16, ids: usize) {
    let store = store(port).await;
    let queue = RedisDue::new(store.beside(), &[SOURCE]);
    let item = |at: usize| Item {
        task: Task::Poll,
        id: ShipmentId(format!("id{at}")),
        flow: Flow {
            source: SOURCE,
            lane: Lane::Normal,
            tenant: Arc::from("a"),
        },
        due: DUE,
        interval: 3_600_000,
        failures: 0,
    };
    let all: Vec<usize> = (0..ids).collect();
    for some in all.chunks(20_000) {
        let items = some.iter().map(|at| item(*at)).collect();
        queue.put(0, items).await.unwrap();
    }
}

fn worker(port: u16) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--serve", "claims", &port.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// One of the processes: claims until nothing is due, and prints how many claims it could end.
pub(crate) fn serve(port: u16) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    println!("{}", runtime.block_on(work(port)));
}

async fn work(port: u16) -> usize {
    let store = store(port).await;
    let queue = RedisDue::new(store.beside(), &[SOURCE]);
    let mut ended = 0;
    loop {
        let due = queue.backlog(SOURCE, NOW, usize::MAX).await.unwrap();
        let Some(backlog) = due.first() else {
            return ended;
        };
        let claims = queue.claim(&backlog.flow, NOW, SHARE).await.unwrap();
        let ending = claims.into_iter().map(|claim| queue.done(claim, None));
        let held = futures_util::future::join_all(ending).await;
        ended += held
            .into_iter()
            .filter(|held| *held.as_ref().unwrap())
            .count();
    }
}
