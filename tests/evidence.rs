//! Evidence: what sources said is kept as received, bounded, sealed, without credentials, and comes
//! out as a bundle whose digests are right.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

mod common;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use common::program::{err, json, run_beside};
use common::record::{number, shipment, time};
use common::{World, ask, client, every, trailers};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};
use tonic::Code;
use waybill::app;
use waybill::clock::Clock;
use waybill::evidence::{Evidence, Said, Settings};
use waybill::store::memory::MemoryStore;
use waybill::store::seal::Keys;
use waybill::store::{Commit, OverlayCommit, Store};
use waybill::v1;
use waybill_core::event::Digest;
use waybill_core::exception::{Category, Exception, NextAction, Responsibility};
use waybill_core::overlay::{Activity, Overlay, Step};
use waybill_core::privacy::Pii;
use waybill_core::shipment::{Shipment, ShipmentId};
use waybill_core::status::Severity;

const AT: &str = "2026-03-01T12:00:00Z";

type Files = BTreeMap<String, Vec<u8>>;

async fn bundle(address: std::net::SocketAddr, id: &str) -> Files {
    let mut client = client(address).await;
    let request = v1::GetEvidenceRequest {
        shipment_id: id.to_owned(),
        ..Default::default()
    };
    let mut stream = client.get_evidence(request).await.unwrap().into_inner();
    let mut files = Files::new();
    let mut last = String::new();
    while let Some(part) = stream.message().await.unwrap() {
        assert!(part.content.len() <= 64 * 1_024);
        last.clone_from(&part.path);
        files.entry(part.path).or_default().extend(part.content);
    }
    assert_eq!(last, "SHA256SUMS", "it comes last");
    files
}

fn raw(files: &Files) -> Vec<(&String, &Vec<u8>)> {
    let raw = files.iter().filter(|(path, _)| path.starts_with("raw/"));
    raw.collect()
}

fn value(files: &Files, path: &str) -> serde_json::Value {
    serde_json::from_slice(&files[path]).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn a_bundle_has_every_claim_and_every_answer_as_received() {
    let world = World::start(|_| {}).await;
    let mut client = world.client().await;
    let number = world.ups_number("delivered");
    let request = v1::TrackRequest {
        view: v1::ShipmentView::Full as i32,
        ..ask(&number)
    };
    let answer = client.track(request.clone()).await.unwrap().into_inner();
    let record = &answer.shipments[0];
    // The same again is the same file.
    client.track(request).await.unwrap();

    let files = bundle(world.app.address, &record.id).await;
    let manifest = value(&files, "manifest.json");
    assert_eq!(manifest["shipmentId"], record.id.as_str());
    assert_eq!(manifest["waybillVersion"], env!("CARGO_PKG_VERSION"));
    assert_eq!(manifest["recordEtag"], record.etag.as_str());
    let listed = manifest["files"].as_array().unwrap();
    assert_eq!(listed.len() + 2, files.len(), "but for itself and the sums");
    for file in listed {
        let content = &files[file["path"].as_str().unwrap()];
        assert_eq!(file["size"], content.len());
        assert_eq!(file["sha256"], hex(&Sha256::digest(content)).as_str());
    }
    assert_eq!(value(&files, "record.json")["trackingNumber"], number);

    let claims = String::from_utf8(files["claims.jsonl"].clone()).unwrap();
    let said = record.events.iter().map(|event| event.observations.len());
    assert_eq!(claims.lines().count(), said.sum::<usize>());
    let first: serde_json::Value = claims.lines().next().unwrap().parse().unwrap();
    assert_eq!(first["observation"]["source"], "ups");
    assert!(first["observation"]["nativeCode"].is_string());
    assert!(first["observation"]["receiveTime"].is_string());
    assert_eq!(first["standing"], "ACCEPTED");

    let raw = raw(&files);
    assert_eq!(raw.len(), 1, "{:?}", files.keys());
    assert!(raw[0].0.ends_with("-ups.json"));
    let body: serde_json::Value = serde_json::from_slice(raw[0].1).unwrap();
    assert!(body["trackResponse"].is_object(), "as UPS sends it");
    assert!(body.to_string().contains(&number));
    let received = &manifest["received"][0];
    assert!(received["firstReceiveTime"].as_str() <= received["lastReceiveTime"].as_str());

    let timeline = String::from_utf8(files["timeline.txt"].clone()).unwrap();
    assert!(
        timeline.contains(&number) && timeline.contains("<ups>"),
        "{timeline}"
    );
    let proof = record.proof_of_delivery.as_ref().unwrap();
    assert_eq!(
        value(&files, "proof-of-delivery.json")["signedBy"],
        proof.signed_by.as_str()
    );

    let unknown = v1::GetEvidenceRequest {
        shipment_id: "00000000000000000000000000".to_owned(),
        ..Default::default()
    };
    let status = client.get_evidence(unknown).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    assert_eq!(trailers(&status).0, "ID_NOT_FOUND");
    world.stop().await;
}

#[tokio::test]
async fn the_terminal_writes_a_bundle_that_sha256sum_believes() {
    let world = World::start(|_| {}).await;
    let number = world.ups_number("failed-attempt");
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("claims");
    let address = format!("http://{}", world.app.address);
    let out_text = out.display().to_string();
    let command = [
        "evidence",
        "--json",
        "--address",
        &address,
        "--out",
        &out_text,
        &number,
    ];
    let made = json(&run_beside(&command).await);
    let path = Path::new(made["folder"].as_str().unwrap());
    assert!(path.starts_with(&out));
    let attempts = std::fs::read_to_string(path.join("attempts.jsonl")).unwrap();
    assert!(attempts.lines().count() >= 1, "an attempt failed");
    let checked = std::process::Command::new("sha256sum")
        .args(["-c", "--strict", "SHA256SUMS"])
        .current_dir(path)
        .output()
        .unwrap();
    assert!(checked.status.success(), "{}", err(&checked));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "it is personal");
    }
    let nobody = run_beside(&["evidence", "--address", &address, "NOBODYKNOWSIT"]).await;
    assert!(!nobody.status.success());
    world.stop().await;
}

#[tokio::test]
async fn no_answer_with_a_credential_is_ever_kept() {
    let world = every::world(|_| {}).await;
    let mut client = world.client().await;
    let mut sources = 0;
    for source in world.simulator.sources() {
        let scenarios = source.scenarios();
        let scenario = scenarios.iter().find(|one| one.name == "delivered");
        let Some(scenario) = scenario else { continue };
        let request = v1::TrackRequest {
            sources: vec![source.id().to_owned()],
            allow_paid: true,
            wait_for_all_sources: true,
            ..ask(scenario.number)
        };
        let Ok(answer) = client.track(request).await else {
            continue;
        };
        for record in answer.into_inner().shipments {
            let files = bundle(world.app.address, &record.id).await;
            for (path, body) in raw(&files) {
                sources += usize::from(source.has_tokens());
                let text = String::from_utf8_lossy(body).to_lowercase();
                assert!(
                    !text.contains("access_token") && !text.contains("accesstoken"),
                    "{path} of {}",
                    source.id()
                );
            }
        }
    }
    assert!(sources >= 3, "sources with tokens were asked: {sources}");
    world.stop().await;
}

#[tokio::test]
async fn answers_survive_a_restart_sealed_and_go_after_seven_days() {
    let simulator = common::simulator(Duration::from_secs(72 * 3_600)).await;
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::manual(Clock::system().now());
    let start = async || {
        let mut config = common::config(&simulator);
        config.store.data_dir = folder.path().to_owned();
        app::start(config, common::registry(), clock.clone())
            .await
            .unwrap()
    };
    let number = simulator.ups().scenario("delivered").unwrap().number;
    let app = start().await;
    let answer = client(app.address).await.track(ask(number)).await.unwrap();
    let id = answer.into_inner().shipments[0].id.clone();
    app.stop().await;
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        for word in [number, "trackResponse"] {
            let mut parts = bytes.windows(word.len());
            assert!(!parts.any(|part| part == word.as_bytes()), "{word}");
        }
    }

    let app = start().await;
    assert_eq!(raw(&bundle(app.address, &id).await).len(), 1);
    clock.advance(Duration::from_secs(7 * 86_400 - 60));
    assert_eq!(raw(&bundle(app.address, &id).await).len(), 1);
    clock.advance(Duration::from_secs(120));
    let files = bundle(app.address, &id).await;
    assert_eq!(raw(&files).len(), 0, "nothing grave is open");
    assert!(files["claims.jsonl"].len() > 2, "what it meant stays");
    app.stop().await;
    simulator.stop().await;
}

/// A shelf of its own over a store with shipments in it.
struct Bench {
    store: Arc<MemoryStore>,
    evidence: Evidence,
    now: Timestamp,
}

fn days(count: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * count)
}

fn id(text: &str) -> ShipmentId {
    ShipmentId(text.to_owned())
}

fn exception(category: Category) -> Exception {
    Exception {
        id: Digest([7; 32]),
        category,
        reason: None,
        severity: Severity::Critical,
        owner: Responsibility::Shipper,
        next_action: NextAction::FileClaim,
        alternatives: Vec::new(),
        open_time: time(AT),
        due_time: None,
        close_time: None,
        derived: false,
        event_ids: Vec::new(),
    }
}

impl Bench {
    fn new(settings: &Settings) -> Self {
        let store = Arc::new(MemoryStore::new(100));
        let keys = Arc::new(Keys::new(&[7; 32]));
        let shared: Arc<dyn Store> = store.clone();
        Self {
            evidence: Evidence::start(settings, None, &keys, shared).unwrap(),
            store,
            now: time(AT),
        }
    }

    async fn shipment(&self, name: &str, category: Option<Category>) -> Shipment {
        let (dossier, mut record) = shipment(&id(name), &number(&format!("NUMBER{name}")), 1);
        record.exceptions = category.map(exception).into_iter().collect();
        let commit = Commit {
            expected: 0,
            dossier,
            record: Arc::new(record.clone()),
            next_change: None,
            aliases: Vec::new(),
            changed: true,
            time: self.now,
        };
        self.store.commit(commit).await.unwrap();
        record
    }

    fn keep(&self, name: &str, is_grave: bool, body: Vec<u8>, at: Timestamp) {
        self.evidence.keep(Said {
            about: vec![(id(name), is_grave)],
            source: "dhl".to_owned(),
            bodies: Arc::from([Bytes::from(body)]),
            time: at,
        });
    }

    async fn count(&self, record: &Shipment, at: Timestamp) -> usize {
        let gathered = self.evidence.gather(record, at).await.unwrap();
        gathered.kept.len()
    }

    /// Adds what a tenant does about the exception of a shipment.
    async fn work(&self, tenant: &str, record: &Shipment, activity: Activity) {
        let step = Step {
            activity,
            time: self.now,
            actor: Pii::default(),
            assignee: Pii::default(),
            comment: Pii::default(),
            request_id: String::new(),
        };
        let before = self.store.overlay(tenant, &record.id).await.unwrap();
        let before: Overlay = before.map(|one| (*one).clone()).unwrap_or_default();
        let exception = record.exceptions[0].id.to_string();
        let overlay = before.step(record, &exception, step, None).ok().unwrap();
        let commit = OverlayCommit {
            tenant: tenant.to_owned(),
            id: record.id.clone(),
            expected: before.revision,
            overlay: Arc::new(overlay),
            time: self.now,
        };
        self.store.commit_overlay(commit).await.unwrap();
    }
}

#[tokio::test]
async fn evidence_of_a_loss_stays_until_every_tenant_has_closed_it() {
    let bench = Bench::new(&Settings::default());
    let now = bench.now;
    let mut records = Vec::new();
    for (name, category) in [
        ("fine", None),
        ("held", Some(Category::Hold)),
        ("lost", Some(Category::Loss)),
        ("open", Some(Category::Damage)),
        ("gone", Some(Category::MissingContents)),
    ] {
        records.push(bench.shipment(name, category).await);
        bench.keep(name, category.is_some(), name.as_bytes().to_vec(), now);
    }
    // Of a shipment that the store has lost.
    bench.keep("none", true, b"none".to_vec(), now);
    bench.work("one", &records[3], Activity::Resolve).await;
    bench.work("two", &records[3], Activity::Acknowledge).await;
    bench.work("one", &records[4], Activity::Resolve).await;

    assert_eq!(bench.evidence.sweep(now + days(6)).await, Ok(0));
    let later = now + days(8);
    let kept = async |at| {
        let mut counts = Vec::new();
        for record in &records {
            counts.push(bench.count(record, at).await);
        }
        counts
    };
    // Whoever asks before the sweep sees what it will leave.
    assert_eq!(kept(later).await, [0, 0, 1, 1, 0]);
    assert_eq!(bench.evidence.sweep(later).await, Ok(4));
    assert_eq!(kept(later).await, [0, 0, 1, 1, 0]);
    assert_eq!(kept(now).await, [0, 0, 1, 1, 0], "they are gone");

    bench.work("one", &records[2], Activity::Resolve).await;
    bench.work("two", &records[3], Activity::Resolve).await;
    assert_eq!(bench.evidence.sweep(later).await, Ok(2));
    assert_eq!(kept(now).await, [0; 5]);
}

#[tokio::test]
async fn an_answer_that_comes_again_is_kept_once_and_from_its_last_time_on() {
    let bench = Bench::new(&Settings::default());
    let record = bench.shipment("a", None).await;
    for day in [0, 2, 5] {
        bench.keep("a", false, b"{\"same\":1}".to_vec(), bench.now + days(day));
    }
    bench.keep("a", false, b"{\"other\":1}".to_vec(), bench.now + days(1));
    let gathered = bench.evidence.gather(&record, bench.now + days(5)).await;
    let kept = gathered.unwrap().kept;
    assert_eq!(kept.len(), 2);
    assert_eq!(&*kept[0].body, b"{\"same\":1}");
    assert_eq!(kept[0].first, bench.now);
    assert_eq!(kept[0].last, bench.now + days(5));
    assert_eq!(bench.evidence.sweep(bench.now + days(11)).await, Ok(1));
    assert_eq!(bench.count(&record, bench.now + days(11)).await, 1);
    assert_eq!(bench.evidence.sweep(bench.now + days(13)).await, Ok(1));
}

/// Bytes that do not get smaller.
fn noise(seed: u8) -> Vec<u8> {
    let mut block = [seed; 32];
    let mut bytes = Vec::new();
    while bytes.len() < 10_000 {
        block = Sha256::digest(block).into();
        bytes.extend_from_slice(&block);
    }
    bytes
}

#[tokio::test]
async fn room_is_bounded_and_grave_cases_go_last() {
    let bench = Bench::new(&Settings {
        memory_bytes: 100_000,
        ..Settings::default()
    });
    let lost = bench.shipment("lost", Some(Category::Loss)).await;
    let fine = bench.shipment("fine", None).await;
    bench.keep("lost", true, noise(0), bench.now);
    for count in 1..=40 {
        let at = bench.now + SignedDuration::from_mins(i64::from(count));
        bench.keep("fine", false, noise(count), at);
    }
    let end = bench.now + days(1);
    assert_eq!(bench.count(&lost, end).await, 1, "older, and grave");
    let kept = bench.evidence.gather(&fine, end).await.unwrap().kept;
    assert!((5..=9).contains(&kept.len()), "{}", kept.len());
    assert_eq!(kept.last().unwrap().body, noise(40), "the newest stay");

    let none = Bench::new(&Settings {
        memory_bytes: 0,
        ..Settings::default()
    });
    let record = none.shipment("a", None).await;
    none.keep("a", false, noise(1), none.now);
    assert_eq!(none.count(&record, none.now).await, 0, "switched off");
}
