//! The program is told to stop while a thousand streams run and nobody's sockets are open: it says
//! so first, sends the streams away one after the other, and ends; a second node takes over, and
//! nothing is lost.
#![cfg(feature = "server")]
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
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::figure::{figure, quantile};
use common::program::Running;
use common::redis::Redis;
use common::watching::{change, number, shipments};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::watch;
use tonic::transport::Channel;
use waybill::client::{Bookmark, Step, Watcher};
use waybill::v1::{self, WatchChange};
use waybill_faults::probe::Probe;

const STREAMS: usize = 1_000;
const NUMBERS: usize = 20;
/// Changes of each number.
const STEPS: u32 = 24;
/// Streams that share a connection.
const TOGETHER: usize = 100;

fn node(redis: &Redis, key: &std::path::Path) -> (Running, [SocketAddr; 3]) {
    let url = redis.url();
    let arguments = [
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--side",
        "127.0.0.1:0",
        "--state-redis",
        &url,
        "--key-file",
        key.to_str().unwrap(),
        "--filter",
        "error",
    ];
    let drain = [
        ("WAYBILL_DRAIN__NOTICE", "2s"),
        ("WAYBILL_STREAMS__DRAIN_SPREAD", "4s"),
        // A busy machine that runs unoptimised code is not out of order.
        ("WAYBILL_STORE__REDIS_TIME", "10s"),
    ];
    let mut program = Running::start_with(&arguments, &drain);
    let addresses = program.addresses();
    (program, addresses)
}

fn channels(address: SocketAddr) -> Vec<Channel> {
    let uri = format!("http://{address}");
    let channel = |_| Channel::from_shared(uri.clone()).unwrap().connect_lazy();
    (0..STREAMS / TOGETHER).map(channel).collect()
}

/// What all streams have seen together.
#[derive(Default)]
struct Tally {
    synced: AtomicUsize,
    /// Ends of streams that were announced, and others.
    ends: AtomicUsize,
    breaks: AtomicUsize,
    resets: AtomicUsize,
    updates: AtomicUsize,
}

/// Follows one number until it has the last revision, at one node and after an end at the other.
/// Says when it went from one to the other.
async fn follow(
    number: String,
    mut nodes: std::vec::IntoIter<Channel>,
    tally: Arc<Tally>,
    mut last: watch::Receiver<u32>,
) -> Option<Instant> {
    let open = shipments([number]);
    let first = nodes.next().unwrap();
    let mut watcher = Watcher::new(first, open.clone(), Bookmark::default());
    let (mut revision, mut moved) = (0, None);
    while revision < *last.borrow_and_update() {
        let next = tokio::select! {
            next = watcher.next() => next.unwrap(),
            _ = last.changed() => continue,
        };
        match next.step {
            Step::Update(update) => {
                let record = update.shipment.as_ref().unwrap();
                if update.change() != WatchChange::Snapshot {
                    assert!(update.previous_revision <= revision, "nothing left out");
                    assert!(record.revision > revision, "nothing twice");
                }
                revision = record.revision;
                tally.updates.fetch_add(1, Ordering::Relaxed);
            }
            Step::Synced(_) => {
                tally.synced.fetch_add(1, Ordering::Relaxed);
            }
            Step::Reset(_) => {
                tally.resets.fetch_add(1, Ordering::Relaxed);
            }
            Step::Reconnecting(broken) => {
                match broken {
                    None => tally.ends.fetch_add(1, Ordering::Relaxed),
                    Some(_) => tally.breaks.fetch_add(1, Ordering::Relaxed),
                };
                let bookmark = next.bookmark.clone();
                if let Some(other) = nodes.next() {
                    watcher = Watcher::new(other, open.clone(), bookmark);
                    moved = Some(Instant::now());
                }
            }
            Step::Alive | Step::Leaving(_) | Step::Rejected(_) => {}
        }
    }
    moved
}

async fn readyz(side: SocketAddr) -> String {
    let mut stream = tokio::net::TcpStream::connect(side).await.unwrap();
    let request = b"GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_streams_move_to_another_node_and_lose_nothing() {
    let redis = Redis::start();
    let key = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(key.path(), [7; 32]).unwrap();
    let (mut leaving, [address, _, side]) = node(&redis, key.path());
    let (_staying, [other, ..]) = node(&redis, key.path());
    let numbers: Vec<String> = (1..=NUMBERS).map(number).collect();
    change(other, &numbers, 0).await;

    let tally = Arc::new(Tally::default());
    let (done, last) = watch::channel(u32::MAX);
    let (here, there) = (channels(address), channels(other));
    let mut streams = tokio::task::JoinSet::new();
    for at in 0..STREAMS {
        let number = numbers[at % NUMBERS].clone();
        let nodes = vec![here[at / TOGETHER].clone(), there[at / TOGETHER].clone()];
        streams.spawn(follow(
            number,
            nodes.into_iter(),
            Arc::clone(&tally),
            last.clone(),
        ));
    }
    common::eventually("all streams have begun", async || {
        tally.synced.load(Ordering::Relaxed) == STREAMS
    })
    .await;
    let mut silent = Vec::new();
    for _ in 0..200 {
        silent.push(
            Probe::silent(Ipv4Addr::new(127, 0, 0, 2).into(), address)
                .await
                .unwrap(),
        );
    }

    // Changes go on all the while.
    let changing = tokio::spawn(async move {
        for step in 1..=STEPS {
            change(other, &numbers, step as usize).await;
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    let told = Instant::now();
    leaving.tell("TERM");
    common::eventually("balancers are told", async || {
        readyz(side).await.contains(" 503 ")
    })
    .await;
    assert!(
        told.elapsed() < Duration::from_secs(2),
        "it was slow to say so"
    );
    let mut caller = common::client(address).await;
    let listed = caller
        .list_shipments(v1::ListShipmentsRequest::default())
        .await;
    listed.expect("calls are taken until balancers have noticed");

    let status = loop {
        if let Some(status) = leaving.ended() {
            break status;
        }
        assert!(told.elapsed() < Duration::from_secs(56), "it does not end");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let ended = told.elapsed();
    assert!(status.success(), "{status}");
    // Notice, spread and the time for a goodbye, and not a silent socket more.
    assert!(ended < Duration::from_secs(2 + 4 + 5 + 4), "{ended:?}");

    changing.await.unwrap();
    done.send_replace(STEPS + 1);
    let all = tokio::time::timeout(Duration::from_secs(60), streams.join_all()).await;
    let moved: Vec<Instant> = all
        .expect("all hold the last change")
        .into_iter()
        .flatten()
        .collect();
    let after = moved
        .iter()
        .map(|at| at.saturating_duration_since(told))
        .collect::<Vec<_>>();
    let (early, late) = (quantile(after.clone(), 0.05), quantile(after, 0.95));
    let count = |count: &AtomicUsize| count.load(Ordering::Relaxed);
    figure(
        "drain of 1,000 streams and 200 silent sockets",
        format!(
            "ended after {ended:?}; {} announced ends, {} breaks, {} resets; 90 % of the streams \
             went from {early:?} to {late:?}; {} updates, 0 lost",
            count(&tally.ends),
            count(&tally.breaks),
            count(&tally.resets),
            count(&tally.updates),
        ),
    );
    assert_eq!(moved.len(), STREAMS);
    assert_eq!((count(&tally.ends), count(&tally.breaks)), (STREAMS, 0));
    assert_eq!(count(&tally.resets), 0, "no stream starts anew");
    assert!(late - early > Duration::from_secs(2), "they leave together");
    drop(silent);
}
