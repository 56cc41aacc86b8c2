//! The program reads its configuration anew while it works: by a signal, when its file changes, and
//! when an operator says so. No call is lost, and a bad file changes nothing.
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

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use common::program::{Running, err, json, out, run_beside};
use common::{ask, client, eventually};
use waybill::v1::SourceResult;
use waybill_simulator::Simulator;

/// A program with a configuration file, its carriers, and its log.
struct Served {
    simulator: Simulator,
    program: Running,
    public: SocketAddr,
    admin: String,
    side: SocketAddr,
    folder: tempfile::TempDir,
}

impl Served {
    async fn start(filter: &str) -> Self {
        let simulator = common::simulator(Duration::from_secs(72 * 3_600)).await;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("waybill.toml");
        std::fs::write(&file, settings(&simulator, 100_000)).unwrap();
        std::fs::write(
            folder.path().join("secret"),
            simulator.ups().client_secret(),
        )
        .unwrap();
        let secret = folder.path().join("secret").display().to_string();
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let arguments = [
            "serve",
            "--config",
            file.to_str().unwrap(),
            "--listen",
            "127.0.0.1:0",
            "--side",
            "127.0.0.1:0",
            "--log",
            "json",
        ];
        let variables = [
            ("WAYBILL_SOURCES__UPS__CLIENT_SECRET_FILE", secret.as_str()),
            ("WAYBILL_LOG__FILTER", filter),
        ];
        let mut program = Running::start_to(&arguments, &variables, Stdio::from(log));
        let [public, admin, side] = program.addresses();
        Self {
            simulator,
            program,
            public,
            admin: format!("http://{admin}"),
            side,
            folder,
        }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("waybill.toml")
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// What the operators' command says.
    async fn admin(&self, arguments: &[&str]) -> std::process::Output {
        let mut all = vec!["admin"];
        all.extend(arguments);
        all.extend(["--admin", self.admin.as_str()]);
        run_beside(&all).await
    }

    async fn sources(&self) -> serde_json::Value {
        json(&self.admin(&["sources", "--json"]).await)
    }

    async fn generation(&self) -> u64 {
        // A number of 64 bits is a text in proto3 JSON.
        let answer = self.sources().await;
        answer["generation"].as_str().unwrap().parse().unwrap()
    }

    #[allow(clippy::disallowed_types, reason = "a test looks from outside")]
    async fn metrics(&self) -> String {
        waybill::http::install_crypto();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = format!("http://{}/metrics", self.side);
        client.get(url).send().await.unwrap().text().await.unwrap()
    }
}

/// A configuration whose daily limit at one source is `per_day`.
fn settings(simulator: &Simulator, per_day: u32) -> String {
    let (dhl, ups) = (simulator.dhl(), simulator.ups());
    format!(
        "[sources.dhl]\nbase_url = \"{}\"\napi_key = \"{}\"\n\
         [sources.dhl.limits]\nper_second = 10000\nburst = 10000\nper_day = 0\nmin_interval = \"0s\"\n\
         [sources.ups]\nbase_url = \"{}\"\nclient_id = \"{}\"\n\
         [sources.ups.limits]\nper_second = 10000\nburst = 10000\nper_day = {per_day}\n\
         min_interval = \"0s\"\n",
        dhl.base_url(),
        dhl.api_key(),
        ups.base_url(),
        ups.client_id(),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_under_load_loses_no_call() {
    let served = Served::start("info").await;
    let over = Arc::new(AtomicBool::new(false));
    let done = Arc::new(AtomicUsize::new(0));
    let numbers = [
        served.simulator.ups().scenario("delivered").unwrap().number,
        served.simulator.dhl().scenario("delivered").unwrap().number,
    ];
    let callers: Vec<_> = (0..8)
        .map(|at| {
            let (over, done) = (Arc::clone(&over), Arc::clone(&done));
            let (public, number) = (served.public, numbers[at % 2]);
            tokio::spawn(async move {
                let mut tracking = client(public).await;
                while !over.load(Ordering::Acquire) {
                    // Each one asks its source, so that it is under way while sources are replaced.
                    let answer = tracking.track(ask(number)).await.expect("no call is lost");
                    let outcome = answer.into_inner().outcomes.remove(0);
                    // What another caller has just fetched is new enough for this one.
                    let usable = [SourceResult::Found, SourceResult::SkippedFresh];
                    assert!(usable.contains(&outcome.result()), "{outcome:?}");
                    done.fetch_add(1, Ordering::AcqRel);
                }
            })
        })
        .collect();
    let grown = async |by: usize| {
        let before = done.load(Ordering::Acquire);
        eventually("calls go on", async || {
            done.load(Ordering::Acquire) >= before + by
        })
        .await;
    };
    grown(20).await;
    for turn in 0..10_u32 {
        let text = settings(&served.simulator, 200_000 + turn);
        std::fs::write(served.file(), text).unwrap();
        served.program.tell("HUP");
        grown(20).await;
        let limit = 200_000 + u64::from(turn);
        eventually("the new limit is in force", async || {
            let ups = &served.sources().await["accounts"][1];
            ups["quotas"][1]["limit"].as_u64() == Some(limit)
        })
        .await;
    }
    assert!(served.generation().await > 10);
    over.store(true, Ordering::Release);
    for caller in callers {
        caller.await.unwrap();
    }
    // What was spent before is still counted, and the token was not asked for again.
    let listed = served.sources().await["accounts"][1].clone();
    let used = listed["quotas"][1]["used"].as_u64().unwrap();
    let ups = served.simulator.ups();
    assert_eq!(ups.token_requests(), 1);
    assert_eq!(used, ups.requests() + 1, "{listed}");
    served.simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_changes_is_read_and_a_bad_one_says_why() {
    let mut served = Served::start("info").await;
    std::fs::write(served.file(), settings(&served.simulator, 7)).unwrap();
    eventually("the file is read", async || served.generation().await == 2).await;
    let said = |log: &str, text: &str| log.lines().any(|line| line.contains(text));
    assert!(
        said(&served.log(), "\"applied\":\"sources.ups\""),
        "{}",
        served.log()
    );
    assert!(
        served
            .metrics()
            .await
            .contains("waybill_config_generation 2")
    );

    // A file of a credential is part of the configuration.
    let secret = served.folder.path().join("secret");
    std::fs::write(secret, "another").unwrap();
    eventually("the secret is read", async || {
        served.generation().await == 3
    })
    .await;

    std::fs::write(served.file(), "[calls]\npatience = \"soon\"\n").unwrap();
    eventually("the bad file is seen", async || {
        let metrics = served.metrics().await;
        metrics.contains("waybill_config_reloads_total{result=\"error\"} 1")
    })
    .await;
    assert_eq!(served.generation().await, 3);
    assert!(
        said(&served.log(), "the one before stays"),
        "{}",
        served.log()
    );
    let refused = served.admin(&["reload"]).await;
    assert_eq!(refused.status.code(), Some(1));
    assert!(out(&refused).contains("not taken"), "{}", out(&refused));

    // What only a start takes up is named.
    let text = settings(&served.simulator, 7) + "[load]\nrequests = 9\n[log]\nfilter = \"warn\"\n";
    std::fs::write(served.file(), text).unwrap();
    let dry = served.admin(&["reload", "--dry-run"]).await;
    assert!(dry.status.success(), "{}", err(&dry));
    assert!(
        out(&dry).contains("needs a start: load.requests"),
        "{}",
        out(&dry)
    );
    // The environment goes over the file, also when it is read again.
    assert!(!out(&dry).contains("log.filter"), "{}", out(&dry));

    let drained = served.admin(&["drain"]).await;
    assert!(
        out(&drained).contains("no more calls are taken in"),
        "{}",
        out(&drained)
    );
    eventually("the program ends", async || {
        served.program.ended().is_some()
    })
    .await;
    assert!(served.program.ended().unwrap().success());
    assert!(
        said(&served.log(), "\"method\":\"Drain\""),
        "{}",
        served.log()
    );
    served.simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_is_logged_for_a_time() {
    let served = Served::start("info").await;
    let number = served.simulator.dhl().scenario("delivered").unwrap().number;
    let mut tracking = client(served.public).await;
    let exchanges = |served: &Served| served.log().matches("http exchange").count();
    tracking.track(ask(number)).await.unwrap();
    assert_eq!(exchanges(&served), 0);
    let set = served
        .admin(&["log", "info,waybill=debug", "--for", "2s"])
        .await;
    assert!(out(&set).contains("until"), "{}{}", out(&set), err(&set));
    eventually("exchanges are logged", async || {
        tracking.track(ask(number)).await.unwrap();
        exchanges(&served) > 0
    })
    .await;
    eventually("they are not any more", async || {
        let before = exchanges(&served);
        tracking.track(ask(number)).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        exchanges(&served) == before
    })
    .await;
    let back = served.admin(&["log"]).await;
    assert!(out(&back).contains("as configured"), "{}", out(&back));
    let log = served.log();
    assert!(log.contains("\"method\":\"SetLogLevel\""), "{log}");
    assert!(!log.contains(number), "{log}");
    served.simulator.stop().await;
}
