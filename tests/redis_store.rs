//! What the store in Redis promises beyond every store: nodes that share it, and a Redis that dies,
//! forgets, falls behind or is not fit to hold anything.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

mod common;

use std::time::{Duration, Instant};

use common::commits::{
    AT, assignee, changes, commit, count_of, following, found, id, overlay, write,
};
use common::eventually;
use common::record::{PLACE, number, time};
use common::redis::{Cluster, Redis, config, documented_acl, open};
use metrics_exporter_prometheus::PrometheusBuilder;
use waybill::store::redis::{PARTITIONS, RedisStore};
use waybill::store::{CommitError, Note, Store, What};

/// What waybill promises: an answer is never more than this behind.
const BEHIND: Duration = Duration::from_secs(1);
/// Keeps what it acknowledges when it is killed.
const DURABLE: [&str; 4] = ["--save", "", "--appendonly", "yes"];

async fn epochs(store: &RedisStore) -> Vec<u64> {
    let heads = store.heads().await.unwrap();
    heads.into_iter().map(|head| head.epoch).collect()
}

/// Waits until every partition has another epoch.
async fn epochs_differ(store: &RedisStore, before: &[u64]) {
    eventually("another epoch", async || {
        let heads = store.heads().await.unwrap_or_default();
        let mut heads = heads.iter().zip(before).peekable();
        heads.peek().is_some() && heads.all(|(head, before)| head.epoch != *before)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_node_commits_another_answers_within_a_second() {
    let redis = Redis::start();
    let (here, there) = (redis.store().await, redis.store().await);
    write(&here, "a", 0).await.unwrap();
    here.commit_overlay(overlay("one", "a", 0, "Ada"))
        .await
        .unwrap();
    eventually("the second node follows", async || there.is_working()).await;
    for version in 1..20 {
        // The other node has both in its memory, decoded.
        assert_eq!(count_of(&there, "a").await.unwrap().0, version);
        assignee(&there, "one", "a").await.unwrap();
        let mut rings = there.bell().listen();
        write(&here, "a", version).await.unwrap();
        let who = format!("Ada {version}");
        let added = overlay("one", "a", u32::try_from(version).unwrap(), &who);
        here.commit_overlay(added).await.unwrap();
        let acknowledged = Instant::now();
        rings.changed().await.unwrap();
        while assignee(&there, "one", "a").await.unwrap() != who
            || count_of(&there, "a").await.unwrap().0 <= version
        {
            assert!(acknowledged.elapsed() < BEHIND, "version {version}");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_read_the_log_is_not_answered_with_less() {
    let redis = Redis::start();
    let (here, there) = (redis.store().await, redis.store().await);
    let mut after = 0;
    let heads = here.heads().await.unwrap();
    for version in 0..200 {
        write(&here, "a", version).await.unwrap();
        for (partition, _) in (0..).zip(&heads) {
            let page = there.changes(partition, after, 10).await.unwrap();
            let Some(last) = page.changes.last() else {
                continue;
            };
            let What::Record(told) = last.what else {
                panic!("nobody added anything");
            };
            after = last.sequence;
            assert!(count_of(&there, "a").await.unwrap().1 >= told);
            break;
        }
        assert_eq!(after, version + 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_nodes_that_commit_on_the_same_version_one_is_told() {
    let redis = Redis::start();
    let (here, there) = (redis.store().await, redis.store().await);
    for version in 0..50 {
        let (one, two) = tokio::join!(write(&here, "a", version), write(&there, "a", version));
        assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
        let lost = one.err().or(two.err());
        assert_eq!(lost, Some(CommitError::Conflict));
        let loaded = (count_of(&here, "a").await, count_of(&there, "a").await);
        assert_eq!(loaded.0.unwrap().0, version + 1);
    }
    assert_eq!(changes(&here, 0, 100).await.len(), 50);
}

#[tokio::test]
async fn what_was_acknowledged_survives_the_death_of_the_server() {
    let mut redis = Redis::start_with(&DURABLE);
    let store = redis.store().await;
    for version in 0..100 {
        write(&store, "a", version).await.unwrap();
    }
    store
        .commit_overlay(following("one", "a", 0, true))
        .await
        .unwrap();
    let before = epochs(&store).await;
    redis.restart();
    // Whether it lost anything a server cannot know.
    epochs_differ(&store, &before).await;
    assert_eq!(count_of(&store, "a").await.unwrap().0, 100);
    assert_eq!(changes(&store, 0, 1_000).await.len(), 101);
    assert_eq!(found(&store, "AB123456a").await, ["a"]);
    let listed = store.registered("one", None, 10).await.unwrap();
    assert_eq!(listed[0].id, id("a"));
    assert_eq!(write(&store, "a", 100).await, Ok(102), "the log goes on");
}

#[tokio::test]
async fn a_replica_that_was_behind_and_becomes_master_is_noticed() {
    let mut master = Redis::start();
    let replica = Redis::start();
    let mut follow = redis::cmd("REPLICAOF");
    follow.arg("127.0.0.1").arg(master.port());
    replica.ask::<()>(&follow);
    let store = master.store().await;
    write(&store, "a", 0).await.unwrap();
    write(&store, "a", 1).await.unwrap();
    eventually("the replica is there", async || replica.has("a", 2)).await;
    // A first replica may give the master another replication id.
    write(&store, "a", 2).await.unwrap_or_default();
    let seen = count_of(&store, "a").await.unwrap().0;
    eventually("the replica has it", async || replica.has("a", seen)).await;

    let stop = redis::cmd("REPLICAOF").arg("NO").arg("ONE").to_owned();
    let cut = redis::cmd("REPLICAOF").arg("127.0.0.1").arg(1).to_owned();
    replica.ask::<()>(&cut);
    let before = epochs(&store).await;
    for version in seen..seen + 100 {
        write(&store, "a", version).await.unwrap();
    }
    assert_eq!(epochs(&store).await, before);
    assert_eq!(count_of(&store, "a").await.unwrap().0, seen + 100);
    replica.ask::<()>(&stop);
    master.kill();

    // Where the store finds the new master under the address of the old one.
    let forward = Forward::start(master.port(), replica.port()).await;
    eventually("the store works", async || {
        store.load(&id("a")).await.is_ok()
    })
    .await;
    let late = write(&store, "a", seen + 100).await;
    assert_eq!(late, Err(CommitError::Conflict), "its base is lost");
    assert_eq!(count_of(&store, "a").await.unwrap().0, seen);
    let after = epochs(&store).await;
    assert!(
        after
            .iter()
            .zip(&before)
            .all(|(after, before)| after != before)
    );
    write(&store, "a", seen).await.unwrap();
    assert_eq!(epochs(&store).await, after, "once");
    drop(forward);
}

/// Passes on what comes to a port.
struct Forward(tokio::task::JoinHandle<()>);

impl Forward {
    #[expect(clippy::disallowed_methods, reason = "tests")]
    async fn start(from: u16, to: u16) -> Self {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", from)).await;
        let listener = listener.unwrap();
        Self(tokio::spawn(async move {
            let mut open = tokio::task::JoinSet::new();
            while let Ok((mut near, _)) = listener.accept().await {
                open.spawn(async move {
                    let mut far = tokio::net::TcpStream::connect(("127.0.0.1", to)).await?;
                    tokio::io::copy_bidirectional(&mut near, &mut far).await
                });
            }
        }))
    }
}

impl Drop for Forward {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[tokio::test]
async fn a_server_that_was_emptied_is_another_epoch() {
    let redis = Redis::start();
    let store = redis.store().await;
    write(&store, "a", 0).await.unwrap();
    let before = epochs(&store).await;
    redis.ask::<()>(&redis::cmd("FLUSHALL"));
    assert_eq!(write(&store, "a", 1).await, Err(CommitError::Conflict));
    assert_eq!(count_of(&store, "a").await, None);
    assert_eq!(write(&store, "a", 0).await, Ok(1));
    epochs_differ(&store, &before).await;
}

#[tokio::test]
async fn values_of_another_version_are_absent_counted_and_written_anew() {
    let recorder: &'static _ = Box::leak(Box::new(PrometheusBuilder::new().build_recorder()));
    let _guard = metrics::set_default_local_recorder(recorder);
    let redis = Redis::start();
    let store = redis.store().await;
    write(&store, "a", 0).await.unwrap();
    store
        .commit_overlay(overlay("one", "a", 0, "Ada"))
        .await
        .unwrap();
    let note = |version| Note {
        version,
        value: b"x".to_vec(),
    };
    store.keep(vec![([1; 32], note(1))]).await.unwrap();
    let set = |pattern: &str, field: Option<&str>| {
        let names: Vec<String> = redis.ask(redis::cmd("KEYS").arg(pattern));
        let set = match field {
            Some(field) => redis::cmd("HSET")
                .arg(&names[0])
                .arg(field)
                .arg(b"\xfa of a version to come")
                .to_owned(),
            None => redis::cmd("SET")
                .arg(&names[0])
                .arg(b"\0\0\0\0\0\0\0\x01new")
                .to_owned(),
        };
        redis.ask::<()>(&set);
    };
    set("*:s:a", Some("value"));
    set("*:o:a", Some("oone"));
    set("*k:*", None);

    // A node that has none of it in its memory.
    let other = redis.store().await;
    assert_eq!(count_of(&other, "a").await, None);
    assert!(other.overlay("one", &id("a")).await.unwrap().is_none());
    assert_eq!(other.notes(&[[1; 32]]).await.unwrap(), [None]);
    let text = recorder.handle().render();
    assert!(
        text.contains("waybill_store_unreadable_total{reason=\"schema\"} 2"),
        "{text}"
    );
    let early = other.commit_overlay(overlay("one", "a", 0, "Ada")).await;
    assert_eq!(early, Err(CommitError::Conflict), "there is no shipment");
    assert_eq!(write(&other, "a", 0).await, Ok(3));
    assert_eq!(count_of(&other, "a").await, Some((1, 1)));
    other
        .commit_overlay(overlay("one", "a", 0, "Grace"))
        .await
        .unwrap();
    assert_eq!(assignee(&other, "one", "a").await.unwrap(), "Grace");
    assert_eq!(other.keep(vec![([1; 32], note(1))]).await.unwrap(), [true]);
}

#[tokio::test]
async fn a_redis_that_cannot_hold_the_truth_is_refused_with_the_reason() {
    for policy in ["allkeys-lru", "allkeys-lfu", "allkeys-random"] {
        let redis = Redis::start_with(&["--save", "", "--maxmemory-policy", policy]);
        let reason = open(redis.config()).await.err().unwrap();
        assert!(reason.contains(policy), "{reason}");
    }
    let redis = Redis::start_with(&["--save", "", "--maxmemory-policy", "volatile-lru"]);
    drop(redis.store().await);
    let keys = waybill::store::seal::Keys::new(&[8; 32]).into();
    let clock = waybill::clock::Clock::system();
    let other = RedisStore::open(redis.config(), keys, clock).await;
    let reason = other.err().unwrap();
    assert!(reason.contains("another master key"), "{reason}");

    let replica = Redis::start();
    let mut follow = redis::cmd("REPLICAOF");
    follow.arg("127.0.0.1").arg(redis.port());
    replica.ask::<()>(&follow);
    let reason = open(replica.config()).await.err().unwrap();
    assert!(reason.contains("replica"), "{reason}");

    let layout = redis::cmd("HSET")
        .arg("waybill:store")
        .arg("layout")
        .arg("9")
        .to_owned();
    redis.ask::<()>(&layout);
    let reason = open(redis.config()).await.err().unwrap();
    assert!(reason.contains("another version"), "{reason}");

    let mut braces = redis.config();
    braces.prefix = "{shop}:".to_owned();
    assert!(open(braces).await.err().unwrap().contains("braces"));
}

/// Everything that a store can do, once.
async fn everything(store: &RedisStore) {
    for name in ["a", "b", "c"] {
        write(store, name, 0).await.unwrap();
        store
            .commit_overlay(following("one", name, 0, true))
            .await
            .unwrap();
    }
    let mut moved = commit("a", "AB123456a", 1, 2, AT);
    let mut record = (*moved.record).clone();
    record.update_time = time("2026-03-02T12:00:00Z");
    moved.record = std::sync::Arc::new(record);
    moved.time = time("2026-03-09T12:00:00Z");
    store.commit(moved).await.unwrap();
    store
        .commit_overlay(following("one", "b", 1, false))
        .await
        .unwrap();
    let listed = store.registered("one", None, 10).await.unwrap();
    let listed: Vec<_> = listed.into_iter().map(|place| place.id).collect();
    assert_eq!(listed, [id("c"), id("a")]);
    assert_eq!(store.overlays(&id("a")).await.unwrap().len(), 1);
    assert_eq!(found(store, "AB123456c").await, ["c"]);
    let note = Note {
        version: 1,
        value: b"x".to_vec(),
    };
    assert_eq!(store.keep(vec![([1; 32], note)]).await.unwrap(), [true]);
    assert!(store.notes(&[[1; 32]]).await.unwrap()[0].is_some());
    // Of the log of "a" the old entries have gone.
    assert_eq!(changes(store, 0, 100).await.len(), 6);
    assert_eq!(store.heads().await.unwrap().len(), usize::from(PARTITIONS));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_with_the_documented_rights_can_do_everything_and_nothing_else() {
    let redis = Redis::start();
    let mut set = redis::cmd("ACL");
    set.arg("SETUSER").arg(documented_acl("waybill-store"));
    set.arg(">s3cret");
    redis.ask::<()>(&set);
    let password = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(password.path(), "s3cret\n").unwrap();
    let mut settings = config(&format!("redis://waybill-store@127.0.0.1:{}", redis.port()));
    settings.password_file = password.path().to_owned();
    let store = open(settings).await.unwrap();
    everything(&store).await;
    let other = redis.store().await;
    let mut rings = store.bell().listen();
    write(&other, "d", 0).await.unwrap();
    rings.changed().await.unwrap();
    let log: Vec<redis::Value> = redis.ask(redis::cmd("ACL").arg("LOG"));
    assert!(log.is_empty(), "{log:?}");

    let mut beyond = config(&format!(
        "redis://waybill-store:s3cret@127.0.0.1:{}",
        redis.port()
    ));
    beyond.prefix = "other:".to_owned();
    let reason = open(beyond).await.map(|store| store.is_working());
    assert_ne!(reason, Ok(true), "keys of others");
    let wrong = config(&format!(
        "redis://waybill-store:wrong@127.0.0.1:{}",
        redis.port()
    ));
    let store = open(wrong).await.unwrap();
    assert!(store.load(&id("a")).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_calls_fail_quickly_and_work_again_when_it_is_back() {
    let mut redis = Redis::absent();
    let mut settings = redis.config();
    settings.response_timeout = Duration::from_secs(1);
    settings.connect_timeout = Duration::from_secs(1);
    let store = open(settings).await.expect("it may come later");
    let fails = async || {
        let begun = Instant::now();
        assert!(store.load(&id("a")).await.is_err());
        let failed = write(&store, "a", 0).await;
        assert!(matches!(failed, Err(CommitError::Store(_))));
        assert!(store.heads().await.is_err());
        assert!(store.find(&number("AB123456a").into()).await.is_err());
        begun.elapsed()
    };
    fails().await;
    assert!(!store.is_working());
    redis.restart();
    eventually("the store works", async || store.is_working()).await;
    write(&store, "a", 0).await.unwrap();

    redis.freeze();
    eventually("it is noticed", async || !store.is_working()).await;
    // One time-out each at most; later none, because nobody asks any more.
    assert!(fails().await < Duration::from_secs(8));
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(fails().await < Duration::from_secs(1));
    redis.thaw();
    eventually("the store works", async || store.is_working()).await;
    assert_eq!(count_of(&store, "a").await.unwrap().0, 1);
    assert_eq!(write(&store, "a", 1).await, Ok(2));
}

#[tokio::test]
async fn a_full_server_refuses_and_loses_nothing() {
    let redis = Redis::start();
    let store = redis.store().await;
    write(&store, "a", 0).await.unwrap();
    let limit = |bytes: &str| {
        let mut set = redis::cmd("CONFIG");
        set.arg("SET").arg("maxmemory").arg(bytes);
        redis.ask::<()>(&set);
    };
    limit("1mb");
    assert!(matches!(
        write(&store, "a", 1).await,
        Err(CommitError::Store(_))
    ));
    assert!(matches!(
        write(&store, "b", 0).await,
        Err(CommitError::Store(_))
    ));
    assert_eq!(count_of(&store, "a").await, Some((1, 1)));
    assert_eq!(changes(&store, 0, 10).await.len(), 1);
    limit("0");
    write(&store, "a", 1).await.unwrap();
    assert_eq!(changes(&store, 0, 10).await.len(), 2);
}

#[tokio::test]
async fn nothing_in_redis_has_a_number_or_a_place_in_clear() {
    let redis = Redis::start_with(&DURABLE);
    let store = redis.store().await;
    let mut first = commit("a", "AB1234567", 0, 7, AT);
    first.aliases = vec![number("LASTMILE1").into()];
    store.commit(first).await.unwrap();
    let added = overlay("one", "a", 0, "Ada Lovelace");
    store.commit_overlay(added).await.unwrap();
    let mut bytes = Vec::new();
    for file in std::fs::read_dir(redis.folder().join("appendonlydir")).unwrap() {
        bytes.extend(std::fs::read(file.unwrap().path()).unwrap());
    }
    let shows = |word: &str| {
        bytes
            .windows(word.len())
            .any(|part| part == word.as_bytes())
    };
    assert!(shows("waybill:{wb:"), "the file holds what was written");
    for word in ["AB1234567", "LASTMILE1", PLACE, "Lovelace"] {
        assert!(!shows(word), "{word}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_what_is_followed_comes_from_all_partitions_in_order() {
    let redis = Redis::start();
    let store = redis.store().await;
    let names: Vec<String> = (0..300).map(|n| format!("s{n}")).collect();
    for (n, name) in names.iter().enumerate() {
        let mut next = commit(name, &format!("AB{n:07}"), 0, 1, AT);
        let mut record = (*next.record).clone();
        let seconds = i64::try_from(n * 7 % 300).unwrap();
        record.update_time = time(AT) + jiff::SignedDuration::from_secs(seconds);
        next.record = std::sync::Arc::new(record);
        store.commit(next).await.unwrap();
        store
            .commit_overlay(following("one", name, 0, true))
            .await
            .unwrap();
    }
    let all = store.registered("one", None, 1_000).await.unwrap();
    assert_eq!(all.len(), 300);
    assert!(all.is_sorted());
    for limit in [1, 7, 100] {
        let (mut paged, mut after) = (Vec::new(), None);
        loop {
            let page = store.registered("one", after, limit).await.unwrap();
            assert!(page.len() <= limit);
            let Some(last) = page.last() else { break };
            after = Some(last.clone());
            paged.extend(page);
        }
        assert!(paged == all, "pages of {limit}");
    }
    assert!(store.registered("one", None, 0).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_share_a_cluster_and_survive_the_death_of_a_master() {
    let mut cluster = Cluster::start();
    let (here, there) = (cluster.store().await, cluster.store().await);
    everything(&here).await;
    eventually("it is followed", async || {
        count_of(&there, "a").await == Some((2, 2))
    })
    .await;
    let mut rings = there.bell().listen();
    for n in 0..100 {
        write(&here, &format!("s{n}"), 0).await.unwrap();
    }
    rings.changed().await.unwrap();
    for n in 0..100 {
        assert_eq!(count_of(&there, &format!("s{n}")).await, Some((1, 1)));
        assert_eq!(found(&there, &format!("AB123456s{n}")).await.len(), 1);
    }
    let before = epochs(&there).await;
    cluster.nodes()[1].restart();
    eventually("its partitions have another epoch", async || {
        let Ok(heads) = there.heads().await else {
            return false;
        };
        let heads = heads.iter().zip(&before);
        let changed = heads.filter(|(head, before)| head.epoch != **before);
        (10..40).contains(&changed.count()) && there.is_working()
    })
    .await;
    // It had kept nothing: what it held is gone, and everything can be written anew.
    let mut gone = 0;
    for n in 0..100 {
        let name = format!("s{n}");
        if count_of(&there, &name).await.is_none() {
            write(&there, &name, 0).await.unwrap();
            gone += 1;
        }
    }
    assert!((10..70).contains(&gone), "{gone}");
}
