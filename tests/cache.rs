//! What the cache promises: the stages of freshness, and a Redis that may be dead, frozen, empty
//! or somebody else's without anybody waiting for it.
//!
//! Each test has one thread, so that the metrics of its tasks land in its own recorder.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::record::{PLACE, number, report, shipment, time};
use common::redis::Redis;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};
use waybill::cache::memory::{DEFAULT_BYTES, MemoryCache};
use waybill::cache::redis::{RedisCache, RedisConfig};
use waybill::cache::{Cache, CacheState, Entry, Freshness, Held, Key, Stage, stage_of};
use waybill::clock::Clock;
use waybill::store::seal::Keys;
use waybill_core::adapter::Query;
use waybill_core::privacy::Secret;
use waybill_core::shipment::ShipmentId;
use waybill_core::status::{Severity, Status};

const NUMBER: &str = "JVGL0599999990";

fn keys() -> Arc<Keys> {
    Arc::new(Keys::new(&[5; 32]))
}

fn clock() -> Clock {
    Clock::manual(time("2026-03-01T12:00:00Z"))
}

fn key_of(text: &str) -> Key {
    Key::new(&keys(), "dhl", "main", &Query::of(number(text)))
}

fn found(clock: &Clock) -> Arc<Entry> {
    let reports = vec![report(&number(NUMBER))];
    Arc::new(Freshness::default().found(reports, clock.now(), Duration::from_mins(15)))
}

/// One node: its own memory, and the given Redis.
fn node(redis: &Redis, clock: &Clock) -> RedisCache {
    node_with(redis, clock, keys())
}

fn node_with(redis: &Redis, clock: &Clock, keys: Arc<Keys>) -> RedisCache {
    node_that_waits(redis, clock, keys, Duration::from_mins(1))
}

/// A node for a Redis that is going to be frozen: its patience passes while the test waits.
fn impatient_node(redis: &Redis, clock: &Clock) -> RedisCache {
    node_that_waits(redis, clock, keys(), Duration::from_millis(500))
}

fn node_that_waits(
    redis: &Redis,
    clock: &Clock,
    keys: Arc<Keys>,
    patience: Duration,
) -> RedisCache {
    let mut config = RedisConfig::new(Secret::new(redis.url()));
    config.prefix = "shop:".to_owned();
    config.response_timeout = patience;
    config.connect_timeout = patience;
    let memory = MemoryCache::new(DEFAULT_BYTES, clock.clone());
    RedisCache::new(config, keys, memory, clock.clone()).unwrap()
}

/// Tries until it holds. The limit is only there so that a broken build ends.
async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds().await {
        assert!(Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Waits until what `node` puts arrives in Redis.
async fn linked(node: &RedisCache, redis: &Redis, clock: &Clock) {
    static TIMES: AtomicUsize = AtomicUsize::new(0);
    let times = TIMES.fetch_add(1, Ordering::Relaxed);
    let key = key_of(&format!("LINK{times}"));
    eventually("linked", async || {
        node.put(&key, found(clock)).await;
        let names: Vec<String> = ask(redis, redis::cmd("KEYS").arg("*")).await;
        names.iter().any(|name| name.ends_with(key.as_str()))
    })
    .await;
}

async fn ask<T: redis::FromRedisValue>(redis: &Redis, cmd: &redis::Cmd) -> T {
    let client = redis::Client::open(redis.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    cmd.query_async(&mut connection).await.unwrap()
}

/// Metrics of the current thread.
fn recorder() -> (
    &'static PrometheusRecorder,
    metrics::LocalRecorderGuard<'static>,
) {
    let recorder: &'static _ = Box::leak(Box::new(PrometheusBuilder::new().build_recorder()));
    (recorder, metrics::set_default_local_recorder(recorder))
}

/// Sum of a counter over the series whose labels contain `labels`.
fn count(recorder: &PrometheusRecorder, name: &str, labels: &str) -> u64 {
    let text = recorder.handle().render();
    let series = text
        .lines()
        .filter(|line| line.starts_with(name) && line.contains(labels));
    series
        .map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap())
        .sum()
}

const FAULTS: &str = "waybill_cache_faults_total";
const DROPPED: &str = "waybill_cache_writes_dropped_total";

#[test]
fn the_stage_of_a_shipment_says_how_soon_news_matters() {
    let stage = |status, attention| {
        let id = ShipmentId("a".to_owned());
        let (_, mut record) = shipment(&id, &number(NUMBER), 1);
        record.status = status;
        record.attention = attention;
        stage_of(&record)
    };
    let (calm, warning) = (Some(Severity::Informational), Some(Severity::Warning));
    for (status, attention, expected) in [
        (Status::Pending, None, Stage::Label),
        (Status::InfoReceived, calm, Stage::Label),
        (Status::InfoReceived, warning, Stage::Exception),
        (Status::InTransit, None, Stage::Transit),
        (
            Status::InTransit,
            Some(Severity::Critical),
            Stage::Exception,
        ),
        (Status::Returning, None, Stage::Transit),
        (Status::OutForDelivery, warning, Stage::OutForDelivery),
        (Status::Delivered, warning, Stage::Terminal),
        (Status::Cancelled, None, Stage::Terminal),
    ] {
        assert_eq!(stage(status, attention), expected, "{status:?}");
    }
}

#[tokio::test]
async fn nodes_share_answers_and_redis_sees_neither_numbers_nor_places() {
    let (redis, clock) = (Redis::start(), clock());
    let (one, two) = (node(&redis, &clock), node(&redis, &clock));
    linked(&one, &redis, &clock).await;
    linked(&two, &redis, &clock).await;
    let (key, entry) = (key_of(NUMBER), found(&clock));
    assert!(two.get(&key).await.is_none());
    one.put(&key, entry.clone()).await;
    eventually("shared", async || two.get(&key).await.is_some()).await;
    assert!(two.get(&key).await.is_some_and(|shared| shared == entry));

    let names: Vec<String> = ask(&redis, redis::cmd("KEYS").arg("*")).await;
    let name = names
        .iter()
        .find(|name| name.ends_with(key.as_str()))
        .unwrap();
    assert!(name.starts_with("shop:"), "{name}");
    assert!(!name.contains(NUMBER));
    let value: Vec<u8> = ask(&redis, redis::cmd("GET").arg(name)).await;
    for word in [NUMBER, PLACE, "handed"] {
        assert!(
            !value
                .windows(word.len())
                .any(|part| part == word.as_bytes())
        );
    }
    let left: i64 = ask(&redis, redis::cmd("TTL").arg(name)).await;
    let week = 7 * 24 * 3_600;
    assert!((week - 3_600..=week).contains(&left), "{left}");
}

#[tokio::test]
async fn an_answer_that_another_node_renewed_is_seen_once_the_own_one_is_stale() {
    let (redis, clock) = (Redis::start(), clock());
    let (one, two) = (node(&redis, &clock), node(&redis, &clock));
    linked(&one, &redis, &clock).await;
    linked(&two, &redis, &clock).await;
    let (key, old) = (key_of(NUMBER), found(&clock));
    two.put(&key, old.clone()).await;
    // The new one must not overtake it on the way to Redis.
    eventually("shared", async || {
        one.get(&key).await.as_ref() == Some(&old)
    })
    .await;
    clock.advance(Duration::from_mins(5));
    let new = found(&clock);
    one.put(&key, new.clone()).await;
    assert!(two.get(&key).await.is_some_and(|seen| seen == old));
    clock.advance(Duration::from_mins(10));
    eventually("renewed", async || two.get(&key).await.unwrap() == new).await;
}

#[tokio::test]
async fn without_redis_it_works_from_memory_says_so_and_finds_it_later() {
    let (mut redis, clock) = (Redis::absent(), clock());
    let (recorder, _guard) = recorder();
    let one = node(&redis, &clock);
    let start = clock.now();
    let (key, entry) = (key_of(NUMBER), found(&clock));
    assert!(one.get(&key).await.is_none());
    one.put(&key, entry.clone()).await;
    assert!(one.get(&key).await.is_some_and(|kept| kept == entry));
    assert_eq!(one.state(), CacheState::Working);
    eventually("knocked", async || count(recorder, FAULTS, "probe") > 1).await;
    clock.advance(Duration::from_secs(2));
    assert_eq!(one.state(), CacheState::Degraded { since: start });

    redis.restart();
    linked(&one, &redis, &clock).await;
    assert_eq!(one.state(), CacheState::Working);
    assert_eq!(count(recorder, FAULTS, "call=\"get\""), 0);
}

#[tokio::test]
async fn a_killed_redis_is_a_miss_and_a_new_one_is_used_again() {
    let (mut redis, clock) = (Redis::start(), clock());
    let (one, two) = (node(&redis, &clock), node(&redis, &clock));
    linked(&one, &redis, &clock).await;
    redis.kill();
    for n in 0..1_000 {
        assert!(one.get(&key_of(&format!("GONE{n}"))).await.is_none());
    }
    clock.advance(Duration::from_secs(2));
    assert!(matches!(one.state(), CacheState::Degraded { .. }));
    let (key, entry) = (key_of(NUMBER), found(&clock));
    one.put(&key, entry.clone()).await;
    assert!(one.get(&key).await.is_some_and(|kept| kept == entry));

    redis.restart();
    linked(&one, &redis, &clock).await;
    linked(&two, &redis, &clock).await;
    one.put(&key, entry.clone()).await;
    eventually("shared", async || two.get(&key).await.is_some()).await;
    assert_eq!(one.state(), CacheState::Working);
}

#[tokio::test]
async fn a_frozen_redis_costs_one_time_out_and_not_one_per_call() {
    let (redis, clock) = (Redis::start(), clock());
    let (recorder, _guard) = recorder();
    let one = impatient_node(&redis, &clock);
    linked(&one, &redis, &clock).await;
    redis.freeze();
    let timeouts = || count(recorder, FAULTS, "call=\"get\",kind=\"timeout\"");
    assert!(one.get(&key_of("FROZEN1")).await.is_none());
    assert_eq!(timeouts(), 1);
    for n in 0..2_000 {
        assert!(one.get(&key_of(&format!("FROZEN{n}"))).await.is_none());
    }
    assert_eq!(timeouts(), 1);

    // Writes are dropped, not piled up.
    let entry = found(&clock);
    for n in 0..3_000 {
        one.put(&key_of(&format!("FROZEN{n}")), entry.clone()).await;
    }
    eventually("dropped", async || count(recorder, DROPPED, "") >= 3_000).await;
    eventually("knocked", async || count(recorder, FAULTS, "probe") > 1).await;
    clock.advance(Duration::from_secs(2));
    assert!(matches!(one.state(), CacheState::Degraded { .. }));

    redis.thaw();
    linked(&one, &redis, &clock).await;
    assert_eq!(one.state(), CacheState::Working);
    let (key, two) = (key_of(NUMBER), node(&redis, &clock));
    one.put(&key, entry.clone()).await;
    eventually("shared", async || two.get(&key).await.is_some()).await;
}

#[tokio::test]
async fn a_crowd_at_a_frozen_redis_waits_at_most_once_and_not_all_of_it() {
    let (redis, clock) = (Redis::start(), clock());
    let (recorder, _guard) = recorder();
    let one = Arc::new(impatient_node(&redis, &clock));
    linked(&one, &redis, &clock).await;
    redis.freeze();
    let mut crowd = tokio::task::JoinSet::new();
    for n in 0..1_000 {
        let one = one.clone();
        crowd.spawn(async move { one.get(&key_of(&format!("CROWD{n}"))).await.is_none() });
    }
    assert!(crowd.join_all().await.into_iter().all(|miss| miss));
    assert_eq!(count(recorder, FAULTS, "call=\"get\",kind=\"full\""), 744);
    assert_eq!(
        count(recorder, FAULTS, "call=\"get\",kind=\"timeout\""),
        256
    );
}

#[tokio::test]
async fn values_of_another_key_or_damaged_ones_are_misses() {
    let (redis, clock) = (Redis::start(), clock());
    let (recorder, _guard) = recorder();
    let (one, two) = (node(&redis, &clock), node(&redis, &clock));
    let stranger = node_with(&redis, &clock, Arc::new(Keys::new(&[6; 32])));
    linked(&one, &redis, &clock).await;
    linked(&two, &redis, &clock).await;
    linked(&stranger, &redis, &clock).await;
    let (key, other) = (key_of(NUMBER), key_of("OTHER1"));
    one.put(&key, found(&clock)).await;
    one.put(&other, found(&clock)).await;
    eventually("shared", async || two.get(&other).await.is_some()).await;
    let unreadable = || count(recorder, FAULTS, "kind=\"unreadable\"");

    assert!(stranger.get(&key).await.is_none());
    assert_eq!(unreadable(), 1);
    let name = |key: &Key| format!("shop:answer1:{}", key.as_str());
    let (from, to) = (name(&other), name(&key));
    let _: i64 = ask(&redis, redis::cmd("COPY").arg(from).arg(to).arg("REPLACE")).await;
    assert!(two.get(&key).await.is_none(), "a value was swapped");
    let _: () = ask(&redis, redis::cmd("SET").arg(name(&key)).arg("?")).await;
    assert!(two.get(&key).await.is_none());
    assert_eq!(unreadable(), 3);
    assert_eq!(two.state(), CacheState::Working);
}

#[tokio::test]
async fn a_redis_that_refuses_writes_is_still_read() {
    let (redis, clock) = (Redis::start(), clock());
    let (recorder, _guard) = recorder();
    let (one, two) = (node(&redis, &clock), node(&redis, &clock));
    linked(&one, &redis, &clock).await;
    linked(&two, &redis, &clock).await;
    let key = key_of(NUMBER);
    let negative = Arc::new(Freshness::default().not_found(None, clock.now()));
    one.put(&key, negative).await;
    eventually("shared", async || two.get(&key).await.is_some()).await;

    let set =
        |name: &str, value: &str| redis::cmd("CONFIG").arg("SET").arg(name).arg(value).clone();
    let _: () = ask(&redis, &set("maxmemory-policy", "noeviction")).await;
    let _: () = ask(&redis, &set("maxmemory", "1")).await;
    one.put(&key_of("REFUSED1"), found(&clock)).await;
    let refused = || count(recorder, FAULTS, "call=\"put\",kind=\"refused\"");
    eventually("refused", async || refused() == 1).await;
    let three = node(&redis, &clock);
    eventually("read", async || three.get(&key).await.is_some()).await;
    let read = three.get(&key).await.unwrap();
    assert!(read.answer == Held::NotFound { streak: 1 });
    assert_eq!(one.state(), CacheState::Working);
}

#[tokio::test]
async fn a_url_that_is_none_is_refused_without_being_shown() {
    let clock = clock();
    let memory = MemoryCache::new(DEFAULT_BYTES, clock.clone());
    let config = RedisConfig::new(Secret::new("http://user:hunter2@host".to_owned()));
    let error = RedisCache::new(config, keys(), memory, clock)
        .err()
        .unwrap();
    assert!(error.contains("redis://") && !error.contains("hunter2"));
}
