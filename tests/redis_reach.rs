//! How a Redis is reached: over TLS with a CA of one's own, by sentinels that name another master, in a
//! cluster whose slots move, and by two gateways that share it.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

mod common;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use common::commits::{AT, commit, count_of, id, write};
use common::redis::{Cluster, Redis, config, documented_acl, free_port, open};
use common::{World, ask, eventually, side, track};
use waybill::store::{CommitError, Store};
use waybill::v1;

/// Makes a CA and a certificate of it for 127.0.0.1.
fn certificates(folder: &Path) {
    let openssl = |arguments: &str| {
        let done = Command::new("openssl")
            .args(arguments.split(' '))
            .current_dir(folder)
            .output()
            .expect("openssl has to be installed");
        assert!(done.status.success(), "{arguments}: {done:?}");
    };
    let curve = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -batch";
    openssl(&format!(
        "req -x509 {curve} -keyout ca.key -out ca.pem -days 2 -subj /CN=ca"
    ));
    openssl(&format!(
        "req {curve} -keyout server.key -out server.csr -subj /CN=server"
    ));
    std::fs::write(folder.join("san"), "subjectAltName=IP:127.0.0.1\n").unwrap();
    openssl(
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out server.pem \
         -days 2 -extfile san"
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
            .as_str(),
    );
}

#[tokio::test]
async fn tls_trusts_the_ca_that_is_named_and_nobody_else() {
    waybill::http::install_crypto();
    let folder = tempfile::tempdir().unwrap();
    certificates(folder.path());
    let file = |name: &str| folder.path().join(name).display().to_string();
    let (ca, pem, key) = (file("ca.pem"), file("server.pem"), file("server.key"));
    let port = free_port();
    let options = [
        ["--save", ""],
        ["--tls-port", &port.to_string()],
        ["--tls-cert-file", &pem],
        ["--tls-key-file", &key],
        ["--tls-ca-cert-file", &ca],
        ["--tls-auth-clients", "no"],
    ];
    let _redis = Redis::start_with(&options.concat());
    for scheme in ["rediss", "valkeys"] {
        let mut settings = config(&format!("{scheme}://127.0.0.1:{port}"));
        settings.ca_file = folder.path().join("ca.pem");
        let store = open(settings).await.unwrap();
        let _written = store.commit(commit("a", "AB1234567", 0, 1, AT)).await;
        assert_eq!(count_of(&store, "a").await, Some((1, 1)));
    }
    let mut settings = config(&format!("redis://127.0.0.1:{port}"));
    settings.ca_file = folder.path().join("ca.pem");
    assert!(open(settings).await.err().unwrap().contains("rediss://"));
    let mut settings = config(&format!("rediss://127.0.0.1:{port}"));
    settings.response_timeout = Duration::from_secs(1);
    let store = open(settings).await.unwrap();
    assert!(store.load(&id("a")).await.is_err(), "not the system's CA");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_follows_the_master_that_sentinels_name() {
    let master = Redis::start();
    let replica = Redis::start();
    let mut follow = redis::cmd("REPLICAOF");
    follow.arg("127.0.0.1").arg(master.port());
    replica.ask::<()>(&follow);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sentinel.conf");
    let port = master.port();
    std::fs::write(
        &file,
        format!(
            "sentinel monitor shop 127.0.0.1 {port} 1\n\
             sentinel down-after-milliseconds shop 1000\n\
             sentinel failover-timeout shop 3000\n"
        ),
    )
    .unwrap();
    let sentinel = Redis::sentinel(&file);
    eventually("the sentinel knows the replica", async || {
        let mut replicas = redis::cmd("SENTINEL");
        replicas.arg("REPLICAS").arg("shop");
        let known: Vec<redis::Value> = sentinel.ask(&replicas);
        let info: String = replica.ask(redis::cmd("INFO").arg("replication"));
        known.len() == 1 && info.contains("master_link_status:up")
    })
    .await;
    let url = format!("redis-sentinel://127.0.0.1:{}/shop", sentinel.port());
    let store = open(config(&url)).await.unwrap();
    store
        .commit(commit("a", "AB1234567", 0, 1, AT))
        .await
        .unwrap();
    eventually("the replica has it", async || replica.has("a", 1)).await;
    let before = store.heads().await.unwrap();
    drop(master);
    eventually("another epoch", async || {
        let heads = store.heads().await.unwrap_or_default();
        !heads.is_empty()
            && heads
                .iter()
                .zip(&before)
                .all(|(now, then)| now.epoch != then.epoch)
    })
    .await;
    assert_eq!(count_of(&store, "a").await, Some((1, 1)));
    let next = store.commit(commit("a", "AB1234567", 1, 2, AT)).await;
    assert_eq!(next, Ok(2));
    assert_eq!(
        replica.ask::<i64>(redis::cmd("EXISTS").arg("waybill:store")),
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_gateways_on_one_store_know_the_same_shipments() {
    let store = Redis::start();
    let cluster = Cluster::start();
    let key = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(key.path(), [7_u8; 32]).unwrap();
    let change = |config: &mut waybill::config::Config| {
        config.store.redis = store.url();
        config.store.redis_time = common::span(10_000);
        config.store.key_file = key.path().to_owned();
        // The other role has another server.
        config.cache.redis = cluster.url();
        config.cache.redis_time = common::span(10_000);
    };
    let world = World::start(change).await;
    let mut settings = common::config(&world.simulator);
    change(&mut settings);
    let other = waybill::app::start(settings, common::registry(), world.clock.clone())
        .await
        .unwrap();
    eventually("it works", async || {
        let state = side(&world, "/readyz").await;
        !state.contains("store") && !state.contains("cache")
    })
    .await;
    let number = world.ups_number("delivered");
    let mut here = world.client().await;
    let first = here.track(track(&number)).await.unwrap().into_inner();
    let mut there = common::client(other.address).await;
    let request = v1::GetShipmentRequest {
        id: first.shipments[0].id.clone(),
        ..Default::default()
    };
    let found = there.get_shipment(request).await.unwrap().into_inner();
    assert_eq!(found.shipment.unwrap().etag, first.shipments[0].etag);
    let again = there.track(ask(&number)).await.unwrap().into_inner();
    assert_eq!(again.shipments[0].id, first.shipments[0].id);
    assert_eq!(again.shipments[0].revision, first.shipments[0].revision);
    other.stop().await;
    world.stop().await;
}

#[tokio::test]
async fn a_gateway_without_the_shared_key_does_not_start() {
    let store = Redis::start();
    let simulator = common::simulator(Duration::ZERO).await;
    let mut settings = common::config(&simulator);
    settings.store.redis = store.url();
    let clock = waybill::clock::Clock::system();
    let started = waybill::app::start(settings, common::registry(), clock).await;
    let reason = started.err().unwrap();
    assert!(reason.contains("store.key_file"), "{reason}");
    simulator.stop().await;
}

#[tokio::test]
async fn a_cache_needs_the_documented_rights_only() {
    let redis = Redis::start();
    let mut set = redis::cmd("ACL");
    set.arg("SETUSER").arg(documented_acl("waybill-cache"));
    redis.ask::<()>(set.arg(">s3cret"));
    let port = redis.port();
    let world = World::start(|config| {
        config.cache.redis = format!("redis://waybill-cache:s3cret@127.0.0.1:{port}/0");
        config.cache.redis_time = common::span(10_000);
    })
    .await;
    let mut client = world.client().await;
    eventually("the answer is in Redis", async || {
        // What comes before the connection is dropped.
        let request = ask(&world.ups_number("delivered"));
        client.track(request).await.unwrap();
        redis.ask::<u64>(&redis::cmd("DBSIZE")) == 1
    })
    .await;
    let log: Vec<redis::Value> = redis.ask(redis::cmd("ACL").arg("LOG"));
    assert!(log.is_empty(), "{log:?}");
    world.stop().await;
}

#[tokio::test]
async fn check_says_what_the_store_is_like_or_why_it_cannot_be_used() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("key"), [7_u8; 32]).unwrap();
    let check = |redis: &Redis| {
        let file = folder.path().join("waybill.toml");
        let url = redis.url();
        let text =
            format!("[store]\nredis = \"{url}\"\nkey_file = \"key\"\nredis_time = \"10s\"\n");
        std::fs::write(&file, text).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_waybill"))
            .args(["check", "--config", "waybill.toml"])
            .current_dir(folder.path())
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(text).unwrap())
    };
    let (works, text) = check(&Redis::start());
    assert!(works, "{text}");
    for part in ["one server", "policy noeviction", "no append-only file"] {
        assert!(text.contains(part), "{text}");
    }
    let evicting = Redis::start_with(&["--save", "", "--maxmemory-policy", "allkeys-lru"]);
    let (works, text) = check(&evicting);
    assert!(!works && text.contains("allkeys-lru"), "{text}");
    let (works, text) = check(&Redis::absent());
    assert!(!works && text.contains("does not answer"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn slots_move_under_load_and_no_commit_is_lost_or_made_twice() {
    let mut cluster = Cluster::start();
    let mut settings = config(&cluster.url());
    settings.response_timeout = Duration::from_secs(1);
    let store = std::sync::Arc::new(open(settings).await.unwrap());
    let (done, is_done) = tokio::sync::watch::channel(false);
    let mut writers = tokio::task::JoinSet::new();
    for n in 0..8 {
        let (store, is_done) = (store.clone(), is_done.clone());
        writers.spawn(async move {
            let name = format!("s{n}");
            let (mut acknowledged, mut conflicts, mut unknown) = (0, 0, 0);
            while !*is_done.borrow() {
                let Ok(stored) = store.load(&id(&name)).await else {
                    continue;
                };
                let version = stored.map_or(0, |stored| stored.version);
                match write(&*store, &name, version).await {
                    Ok(_) => acknowledged += 1,
                    Err(CommitError::Conflict) => conflicts += 1,
                    Err(CommitError::Store(_)) => unknown += 1,
                }
            }
            (name, acknowledged, conflicts, unknown)
        });
    }
    let ids = cluster.nodes().iter().map(|node| {
        let id: String = node.ask(redis::cmd("CLUSTER").arg("MYID"));
        id
    });
    let ids: Vec<_> = ids.collect();
    let port = cluster.nodes()[0].port();
    let mut reshard = tokio::process::Command::new("redis-cli");
    reshard.args(["--cluster", "reshard", &format!("127.0.0.1:{port}")]);
    reshard.args(["--cluster-from", &ids[0], "--cluster-to", &ids[1]]);
    reshard.args(["--cluster-slots", "5461", "--cluster-yes"]);
    let moved = reshard.output().await.unwrap();
    assert!(moved.status.success(), "{moved:?}");
    eventually("everything is answered again", async || store.is_working()).await;
    done.send(true).unwrap();
    for (name, acknowledged, conflicts, unknown) in writers.join_all().await {
        let counts = format!("{name}: {acknowledged}, {conflicts}, {unknown}");
        assert!(acknowledged > 0 && conflicts < 100, "{counts}");
        let version = count_of(&*store, &name).await.unwrap().0;
        assert!(
            version >= acknowledged && version <= acknowledged + unknown,
            "{counts}"
        );
    }
}
