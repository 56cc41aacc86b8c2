//! The quota of an account is one for all nodes on one Redis, whatever becomes of that.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_precision_loss,
    reason = "tests"
)]

#[path = "common/redis.rs"]
#[allow(dead_code, reason = "other tests use more of it")]
mod redis_server;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use redis_server::{Redis, config, documented_acl, open};
use tokio::time::{Instant, sleep};
use waybill::clock::Clock;
use waybill::guard::{Account, Ask, Asking, Guard, Ledger, Nodes, Priority, Purse, Share, Tuning};
use waybill::money::Budget;
use waybill::store::redis::RedisStore;
use waybill_core::adapter::{Adapter, Answer, BoxFuture, Ctx, Http, Limits, Query};
use waybill_core::error::{Error, ErrorKind};
use waybill_core::number::TrackingNumber;

/// A source that both nodes ask, and when it was asked.
#[derive(Default)]
struct Counted(Mutex<Vec<Instant>>);

struct Asked(Arc<Counted>);

impl Adapter for Asked {
    fn fetch<'a>(&'a self, _: Ctx<'a>, queries: &'a [Query]) -> BoxFuture<'a, Vec<Answer>> {
        self.0.0.lock().unwrap().push(Instant::now());
        let answers = queries.iter().map(|_| Ok(Vec::new())).collect();
        Box::pin(std::future::ready(answers))
    }

    fn interpret(&self, _: &[Query], _: &http::Response<Bytes>, _: Timestamp) -> Vec<Answer> {
        Vec::new()
    }
}

struct NoHttp;

impl Http for NoHttp {
    fn send(&self, _: http::Request<Bytes>) -> BoxFuture<'_, Result<http::Response<Bytes>, Error>> {
        let error = Error::new(ErrorKind::Unavailable, "no network in tests");
        Box::pin(std::future::ready(Err(error)))
    }
}

const LIMITS: Limits = Limits {
    batch: 1,
    per_second: 20.0,
    burst: 5,
    per_day: 0,
    timeout: Duration::from_secs(10),
    slow: Duration::from_secs(8),
    min_interval: Duration::ZERO,
};

impl Counted {
    fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// The greatest number of requests in any window beyond what its rate allows.
    fn beyond(&self, limits: &Limits) -> f64 {
        let times = self.0.lock().unwrap();
        let mut worst = f64::MIN;
        for (first, from) in times.iter().enumerate() {
            for (last, to) in times.iter().enumerate().skip(first) {
                let allowed = (*to - *from).as_secs_f64() * limits.per_second;
                let went = (last - first + 1) as f64;
                worst = worst.max(went - allowed - f64::from(limits.burst));
            }
        }
        worst
    }
}

/// A node: its store, and its guard of the account.
async fn node(redis: &Redis, source: &Arc<Counted>, limits: Limits) -> (RedisStore, Guard) {
    let store = redis.store().await;
    let guard = guard(&store, source, limits);
    (store, guard)
}

fn guard(store: &RedisStore, source: &Arc<Counted>, limits: Limits) -> Guard {
    let all = Arc::new(Ledger::new("all".to_owned(), Budget::default()));
    let own = Ledger::new("own".to_owned(), Budget::default());
    let account = Account {
        source: "one",
        name: "shop-a",
        limits,
        purse: Purse::new("0".parse().unwrap(), own, all),
        nodes: Some(Nodes::new(store.beside())),
    };
    let adapter = Arc::new(Asked(Arc::clone(source)));
    let clock = Clock::manual("2026-03-01T22:00:00Z".parse().unwrap());
    Guard::new(
        account,
        adapter,
        Arc::new(NoHttp),
        &Tuning::default(),
        clock,
    )
}

/// Asks as much as it can, and more, until that time.
fn press(guard: &Guard, priority: Priority, until: Instant) -> tokio::task::JoinSet<()> {
    let mut pressing = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let guard = guard.clone();
        pressing.spawn(async move {
            while Instant::now() < until {
                let number = TrackingNumber::parse("AA000000000").unwrap();
                let ask = Ask {
                    asking: Asking::Numbers(Arc::new([Query::of(number)])),
                    deadline: Instant::now() + Duration::from_secs(1),
                    priority,
                    share: Share::Full,
                };
                guard.ask(ask).await;
                sleep(Duration::from_millis(10)).await;
            }
        });
    }
    pressing
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_never_send_more_than_one_may_while_redis_dies_and_returns() {
    let mut redis = Redis::start();
    let source = Arc::new(Counted::default());
    let (_one, one) = node(&redis, &source, LIMITS).await;
    let (_two, two) = node(&redis, &source, LIMITS).await;
    let begun = Instant::now();
    let until = begun + Duration::from_secs(24);
    let all = [
        press(&one, Priority::Interactive, until),
        press(&two, Priority::Background, until),
    ];
    sleep(Duration::from_secs(6)).await;
    let with = source.len();
    redis.kill();
    sleep(Duration::from_secs(8)).await;
    let without = source.len() - with;
    // It has lost everything.
    tokio::task::block_in_place(|| redis.restart());
    for pressing in all {
        pressing.join_all().await;
    }
    let after = source.len() - with - without;
    let beyond = source.beyond(&LIMITS);
    assert!(
        beyond <= 1e-2,
        "{beyond} too many; {with}, {without}, {after}"
    );
    // A busy machine may not get round to using all of it.
    assert!(with >= 60, "{with} of 125 with Redis");
    assert!(without >= 40, "{without} of 160 without it");
    assert!(after >= 80, "{after} of 200 after it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_is_one_for_all_nodes_and_outlives_what_redis_knew() {
    let mut redis = Redis::start();
    let mut set = redis::cmd("ACL");
    set.arg("SETUSER").arg(documented_acl("waybill-store"));
    set.arg(">s3cret");
    redis.ask::<()>(&set);
    let url = format!("redis://waybill-store:s3cret@127.0.0.1:{}", redis.port());
    let limited = open(config(&url)).await.unwrap();
    let source = Arc::new(Counted::default());
    let limits = Limits {
        per_second: 200.0,
        burst: 50,
        per_day: 60,
        ..LIMITS
    };
    // The first one has no more rights than documented.
    let one = guard(&limited, &source, limits);
    let (_two, two) = node(&redis, &source, limits).await;
    let pressed = async |seconds| {
        let until = Instant::now() + Duration::from_secs(seconds);
        for guard in [&one, &two] {
            press(guard, Priority::Interactive, until).join_all().await;
        }
    };
    pressed(2).await;
    assert!((50..=60).contains(&source.len()), "{}", source.len());
    let log: Vec<redis::Value> = redis.ask(redis::cmd("ACL").arg("LOG"));
    assert!(log.is_empty(), "{log:?}");
    tokio::task::block_in_place(|| redis.restart());
    redis.ask::<()>(&set);
    pressed(4).await;
    assert!((50..=60).contains(&source.len()), "{}", source.len());
}
