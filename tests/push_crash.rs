//! Pushes that were acknowledged survive: a kill between the acknowledgement and the work, and a stop.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests"
)]

mod common;

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use common::program::Running;
use common::push::{held, send, send_to, world};
use common::{eventually, simulator};
use http::StatusCode;
use waybill_simulator::{Fault, Simulator, Target};

/// A server in a process of its own, with a data directory.
struct Server {
    program: Running,
    grpc: SocketAddr,
    push: SocketAddr,
}

fn configuration(simulator: &Simulator, folder: &Path) -> String {
    let mut text = "[push]\nlisten = \"127.0.0.1:0\"\n".to_owned();
    for source in simulator.sources() {
        writeln!(text, "[sources.{}]", source.id()).unwrap();
        for (key, value) in source.settings() {
            writeln!(text, "{key} = {value:?}").unwrap();
        }
        writeln!(
            text,
            "limits = {{ min_interval = \"0s\", per_second = 1000, burst = 1000 }}"
        )
        .unwrap();
    }
    let file = folder.join("waybill.toml");
    std::fs::write(&file, text).unwrap();
    file.to_str().unwrap().to_owned()
}

async fn serve(config: &str, data: &Path) -> Server {
    let (config, data) = (config.to_owned(), data.to_str().unwrap().to_owned());
    let starting = move || {
        let arguments = ["serve", "--config", &config, "--data-dir", &data];
        let ports = ["--listen", "127.0.0.1:0", "--side", "127.0.0.1:0"];
        let mut program = Running::start(&[arguments.as_slice(), &ports].concat());
        let line = program.line("waybill listens on");
        let grpc = line.split(' ').nth(3).unwrap().parse().unwrap();
        let line = program.line("carriers push to");
        let push = line.split('/').nth(2).unwrap().parse().unwrap();
        Server {
            program,
            grpc,
            push,
        }
    };
    tokio::task::spawn_blocking(starting).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_before_a_kill_is_in_the_records_after_it() {
    let simulator = simulator(Duration::from_hours(60)).await;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let config = configuration(&simulator, folder.path());
    let mut server = serve(&config, &data).await;
    let aftership = simulator.source("aftership").unwrap();
    let numbers: Vec<String> = (0..200).map(|n| aftership.load_number(n)).collect();
    let all = numbers.iter().map(async |number| {
        let push = aftership.push(number).unwrap();
        send_to(server.push, "aftership", &push).await.0
    });
    let answers = futures_util::future::join_all(all).await;
    let kept = numbers.iter().zip(answers);
    let kept = kept.filter(|(_, status)| *status == StatusCode::OK);
    let kept: Vec<&String> = kept.map(|(number, _)| number).collect();
    // The last of these has been acknowledged a moment ago, and most of them wait.
    assert_eq!(server.program.signal("KILL"), None);
    assert!(kept.len() > 50, "{}", kept.len());

    let mut server = serve(&config, &data).await;
    for number in kept {
        eventually("an acknowledged push is in a record", async || {
            held(server.grpc, number).await.is_some()
        })
        .await;
    }
    assert_eq!(aftership.requests(), 0);
    assert_eq!(server.program.signal("TERM"), Some(0));
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_that_a_push_asked_for_is_made_after_a_kill() {
    let simulator = simulator(Duration::from_hours(60)).await;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let config = configuration(&simulator, folder.path());
    let mut server = serve(&config, &data).await;
    let ups = simulator.source("ups").unwrap();
    let number = ups.scenario("in-transit").unwrap().number;
    ups.arm(Target::Api, Some(Fault::Hang), None);
    let push = ups.push(number).unwrap();
    assert_eq!(send_to(server.push, "ups", &push).await.0, StatusCode::OK);
    assert_eq!(server.program.signal("KILL"), None);
    assert!(held_in(&data));
    ups.arm(Target::Api, None, None);

    let mut server = serve(&config, &data).await;
    eventually("the number is asked for", async || {
        held(server.grpc, number).await.is_some()
    })
    .await;
    // It is not asked for again and again.
    assert_eq!(server.program.signal("TERM"), Some(0));
    let asked = ups.requests_for(number);
    let mut server = serve(&config, &data).await;
    assert_eq!(send_to(server.push, "ups", &push).await.0, StatusCode::OK);
    assert_eq!(server.program.signal("TERM"), Some(0));
    assert_eq!(ups.requests_for(number), asked);
    simulator.stop().await;
}

/// Whether the file of the queue is there and says nothing in clear.
fn held_in(data: &Path) -> bool {
    let bytes = std::fs::read(data.join("push.redb")).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    text.contains("ups/default") && !text.contains("1Z")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_works_on_what_waits() {
    let folder = tempfile::tempdir().unwrap();
    let first = world(|config| config.store.data_dir = folder.path().to_owned()).await;
    let aftership = first.simulator.source("aftership").unwrap();
    let numbers: Vec<String> = (0..100).map(|n| aftership.load_number(n)).collect();
    let all = numbers.iter().map(async |number| {
        let push = aftership.push(number).unwrap();
        loop {
            match send(&first, "aftership", &push).await.0 {
                StatusCode::OK => break,
                busy => assert_eq!(busy, StatusCode::SERVICE_UNAVAILABLE),
            }
        }
    });
    futures_util::future::join_all(all).await;
    first.stop().await;

    // Without a listener nobody works on pushes.
    let second = world(|config| {
        config.store.data_dir = folder.path().to_owned();
        config.push.listen = String::new();
    })
    .await;
    assert!(second.app.push.is_none());
    for number in &numbers {
        assert!(held(second.app.address, number).await.is_some());
    }
    second.stop().await;
}
