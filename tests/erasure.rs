//! What is erased is gone from every store, cache, stream and restored backup, stays away until
//! somebody registers it again, and is written down; what is too old goes by itself.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "tests"
)]

mod common;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::redis::Redis;
use common::{ANY, World, ask, channel, registry, track};
use tonic::Code;
use tonic::transport::Channel;
use waybill::admin::v1 as admin;
use waybill::admin::v1::privacy_service_client::PrivacyServiceClient;
use waybill::audit;
use waybill::backup;
use waybill::clock::Clock;
use waybill::config::Config;
use waybill::retention;
use waybill::store::Store as _;
use waybill::store::file::FileStore;
use waybill::store::seal::Keys;
use waybill::v1;
use waybill_core::shipment::ShipmentId;

type Operator = PrivacyServiceClient<Channel>;

async fn operator(world: &World) -> Operator {
    PrivacyServiceClient::new(channel(world.app.admin).await)
}

fn key(number: &str) -> Option<v1::ShipmentKey> {
    Some(v1::ShipmentKey {
        key: Some(v1::shipment_key::Key::TrackingNumber(number.to_owned())),
        ..Default::default()
    })
}

async fn erase(operator: &mut Operator, number: &str) -> admin::ErasureReceipt {
    let shipment = key(number);
    let answer = operator.erase_shipment(admin::EraseShipmentRequest { shipment });
    answer.await.unwrap().into_inner().receipt.unwrap()
}

/// An answer from what is held alone is empty, or none.
fn shows_nothing(answer: Result<tonic::Response<v1::TrackResponse>, tonic::Status>) -> bool {
    answer.map_or(true, |answer| answer.get_ref().shipments.is_empty())
}

async fn register(world: &World, number: &str, labels: &[(&str, &str)]) -> String {
    let labels = labels.iter();
    let labels = labels.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let registration = Some(v1::Registration {
        shipment: key(number),
        labels: labels.collect(),
        ..Default::default()
    });
    let request = v1::RegisterShipmentRequest { registration };
    let answer = world.client().await.register_shipment(request).await;
    answer.unwrap().into_inner().shipment_ids.remove(0)
}

/// How many answers as they were received a node has of a shipment.
async fn raw_answers(world: &World, id: &str) -> usize {
    let request = v1::GetEvidenceRequest {
        shipment_id: id.to_owned(),
        ..Default::default()
    };
    let mut parts = world.client().await.get_evidence(request).await;
    let parts = parts.as_mut().unwrap().get_mut();
    let mut raw = BTreeSet::new();
    while let Some(part) = parts.message().await.unwrap() {
        raw.extend(Some(part.path).filter(|path| path.starts_with("raw/")));
    }
    raw.len()
}

/// Every file below a folder.
fn bytes(folder: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => all.extend(bytes(&path)),
            false => all.extend(std::fs::read(path).unwrap()),
        }
    }
    all
}

fn has(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|part| part == text.as_bytes())
}

/// Returns the number of what was erased, and the receipt.
async fn erased_and_stays_so(change: impl Fn(&mut Config)) -> (String, admin::ErasureReceipt) {
    let world = World::start(|config| {
        change(config);
        config.schedule.enabled = false;
    })
    .await;
    let (number, other) = (
        world.ups_number("delivered"),
        world.ups_number("in-transit"),
    );
    let mut client = world.client().await;
    let shown = client.track(track(&number)).await.unwrap().into_inner();
    let id = shown.shipments[0].id.clone();
    client.track(track(&other)).await.unwrap();
    register(&world, &number, &[("customer", "c-77")]).await;
    let mut follow = client
        .follow(v1::FollowRequest {
            open: Some(v1::WatchOpen {
                target: Some(v1::watch_open::Target::AllRegistered(true)),
                ..Default::default()
            }),
        })
        .await
        .unwrap()
        .into_inner();

    let mut operator = operator(&world).await;
    let export = operator.export_shipment(admin::ExportShipmentRequest {
        shipment: key(&number),
    });
    let export = export.await.unwrap().into_inner().json;
    let export: serde_json::Value = serde_json::from_slice(&export).unwrap();
    let exported = &export["shipments"][0];
    assert_eq!(exported["id"], id.as_str());
    assert_eq!(
        exported["tenants"][0]["added"]["registration"]["labels"]["customer"],
        "c-77"
    );
    assert!(
        !exported["dossier"]["observations"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    assert!(!exported["answers"].as_array().unwrap().is_empty());
    assert!(export.to_string().contains(&number));

    let receipt = erase(&mut operator, &number).await;
    assert!(receipt.id.starts_with("er_"));
    let gone = &receipt.shipments[0];
    assert_eq!(
        (gone.id.as_str(), gone.held, gone.tenant_count),
        (id.as_str(), true, 1)
    );
    assert!(gone.answer_count > 0 && gone.number_count > 0);

    // The watcher is told that it is gone.
    let told = async {
        loop {
            let message = follow.message().await.unwrap().unwrap();
            if let Some(v1::watch_message::Kind::Update(update)) = message.kind
                && update.change() == v1::WatchChange::Removed
            {
                return update;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), told)
        .await
        .expect("told in time");

    let get = v1::GetShipmentRequest {
        id: id.clone(),
        ..Default::default()
    };
    let status = client.get_shipment(get.clone()).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    // Nobody is asked about it, however fresh the answer has to be.
    let asked = world.simulator.source("ups").unwrap().requests();
    for request in [track(&number), ask(&number)] {
        let status = client.track(request).await.unwrap_err();
        assert_eq!(status.code(), Code::NotFound, "{status}");
        assert!(status.message().contains("erased"), "{status}");
    }
    assert_eq!(world.simulator.source("ups").unwrap().requests(), asked);
    let mut ingest =
        v1::ingest_service_client::IngestServiceClient::new(channel(world.app.address).await);
    let request = v1::IngestEventsRequest {
        events: vec![common::own::packed("a", &number)],
        ..Default::default()
    };
    let answer = ingest.ingest_events(request).await.unwrap().into_inner();
    assert_eq!((answer.stored_count, answer.rejected_count), (0, 1));
    // Others are where they were.
    assert!(client.track(track(&other)).await.is_ok());

    // Who registers it again has it asked for again.
    let again = register(&world, &number, &[]).await;
    assert_eq!(again, id);
    let answer = client.track(ask(&number)).await.unwrap().into_inner();
    assert!(!answer.shipments[0].events.is_empty());
    assert!(client.get_shipment(get).await.is_ok());

    // By a recipient's label.
    register(&world, &other, &[("customer", "c-78")]).await;
    let request = admin::EraseRecipientRequest {
        labels: [("customer".to_owned(), "c-78".to_owned())].into(),
        ..Default::default()
    };
    let answer = operator.erase_recipient(request.clone()).await.unwrap();
    assert_eq!(answer.into_inner().receipt.unwrap().shipments.len(), 1);
    assert_eq!(
        client.track(track(&other)).await.unwrap_err().code(),
        Code::NotFound
    );
    let answer = operator.erase_recipient(request).await.unwrap();
    assert_eq!(answer.into_inner().receipt.unwrap().shipments, []);
    world.stop().await;
    (number, receipt)
}

#[tokio::test(flavor = "multi_thread")]
async fn in_memory() {
    let (_, receipt) = erased_and_stays_so(|_| {}).await;
    let gone = &receipt.shipments[0];
    assert!(gone.answer_count > 0, "answers are kept in memory, too");
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_data_directory() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().to_owned();
    let (number, _) = erased_and_stays_so(|config| config.store.data_dir = place.clone()).await;
    let kept = bytes(folder.path());
    assert!(!kept.is_empty() && !has(&kept, &number), "nothing in clear");
}

#[tokio::test(flavor = "multi_thread")]
async fn in_redis() {
    let redis = Redis::start();
    let key = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(key.path(), [7; 32]).unwrap();
    erased_and_stays_so(|config| {
        config.store.redis = redis.url();
        config.store.key_file = key.path().to_owned();
        config.store.redis_time = common::span(10_000);
        config.cache.redis = redis.url();
    })
    .await;
    let names: Vec<String> = redis.ask(redis::cmd("KEYS").arg("*answer1:*"));
    let kept: Vec<String> = redis.ask(redis::cmd("KEYS").arg("*}:s:*"));
    let keys: Vec<String> = redis.ask(redis::cmd("KEYS").arg("*}:d:*"));
    assert_eq!(
        (kept.len(), keys.len()),
        (1, 1),
        "what was registered again"
    );
    assert!(names.len() <= 1, "{names:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_node_keeps_is_gone_as_well() {
    let redis = Redis::start();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), [7; 32]).unwrap();
    let start = async || {
        World::start(|config| {
            config.store.redis = redis.url();
            config.store.key_file = file.path().to_owned();
            config.store.redis_time = common::span(10_000);
        })
        .await
    };
    let (one, two) = (start().await, start().await);
    let number = one.ups_number("delivered");
    let mut id = String::new();
    for world in [&one, &two] {
        let mut client = world.client().await;
        let shown = client.track(ask(&number)).await.unwrap().into_inner();
        client.track(track(&number)).await.unwrap();
        id.clone_from(&shown.shipments[0].id);
    }
    assert!(raw_answers(&two, &id).await > 0);
    erase(&mut operator(&one).await, &number).await;
    let mut client = two.client().await;
    common::eventually("the other node shows nothing", async || {
        let held = v1::TrackRequest {
            cache_only: true,
            ..track(&number)
        };
        shows_nothing(client.track(held).await)
    })
    .await;
    // What it had heard of it goes as soon as it reads the change log; then it asks nobody either.
    common::eventually("the other node asks nobody", async || {
        let answer = client.track(ask(&number)).await;
        answer.is_err_and(|status| status.code() == Code::NotFound)
    })
    .await;
    // It is known again, and the other node has nothing of what the sources had told it before.
    assert_eq!(register(&one, &number, &[]).await, id);
    one.client().await.track(ask(&number)).await.unwrap();
    assert!(raw_answers(&one, &id).await > 0);
    assert_eq!(raw_answers(&two, &id).await, 0);
    one.stop().await;
    two.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_backup_stays_unreadable_and_the_drill_says_what_is_lost() {
    let place = tempfile::tempdir().unwrap();
    let folder = |name: &str| place.path().join(name);
    let (data, copy) = (folder("data"), folder("copy"));
    let start =
        async |data: &Path| World::start(|config| config.store.data_dir = data.to_owned()).await;
    let world = start(&data).await;
    let (erased, kept) = (
        world.ups_number("delivered"),
        world.ups_number("in-transit"),
    );
    let mut client = world.client().await;
    let shown = client.track(track(&erased)).await.unwrap().into_inner();
    let id = ShipmentId(shown.shipments[0].id.clone());
    client.track(track(&kept)).await.unwrap();
    let mut operator = operator(&world).await;
    let request = admin::CreateBackupRequest {
        folder: copy.display().to_string(),
    };
    operator.create_backup(request.clone()).await.unwrap();
    let made = Instant::now();
    assert!(
        operator.create_backup(request).await.is_err(),
        "it is not empty"
    );
    // What comes after the backup is lost with the machine; the sources still know it.
    let late = world.ups_number("multi-piece");
    client.track(track(&late)).await.unwrap();
    erase(&mut operator, &erased).await;
    world.stop().await;
    let key_file = folder("key");
    std::fs::copy(data.join("key"), &key_file).unwrap();
    let log = folder("audit-elsewhere.log");
    std::fs::copy(data.join("audit.log"), &log).unwrap();
    let keys_now = std::fs::read(data.join("keys.redb")).unwrap();
    let rpo = made.elapsed();

    // The machine is lost.
    std::fs::remove_dir_all(&data).unwrap();
    let lost = Instant::now();
    let (manifest, count) = backup::restore(&copy, &data, &key_file, std::slice::from_ref(&log))
        .await
        .unwrap();
    assert_eq!(count, 1);
    assert!(manifest.files.contains_key("evidence.redb"));
    let verified = backup::verify(&data, &key_file, None).await.unwrap();
    assert!(verified.is_good(), "{verified:?}");
    assert_eq!(verified.shipments, 1);
    std::fs::copy(&key_file, data.join("key")).unwrap();
    let world = start(&data).await;
    let held = |number: &str| v1::TrackRequest {
        cache_only: true,
        ..track(number)
    };
    let mut client = world.client().await;
    assert!(client.track(held(&kept)).await.is_ok());
    let rto = lost.elapsed();
    println!(
        "RPO {:.3} s, RTO {:.3} s",
        rpo.as_secs_f64(),
        rto.as_secs_f64()
    );
    assert!(shows_nothing(client.track(held(&erased)).await));
    assert!(shows_nothing(client.track(held(&late)).await));
    client.track(track(&late)).await.expect("asked for again");
    world.stop().await;

    // Without the log it would come back, and `verify` says so.
    let without = folder("without");
    backup::restore(&copy, &without, &key_file, &[])
        .await
        .unwrap();
    let verified = backup::verify(&without, &key_file, Some(&log))
        .await
        .unwrap();
    assert_eq!(verified.erased_but_readable, 1);
    // With the keys of now, which are apart, what was erased is unreadable in any copy of the data.
    std::fs::write(without.join("keys.redb"), keys_now).unwrap();
    let store = FileStore::open(&without, Some(&key_file)).unwrap();
    assert!(store.load(&id).await.unwrap().is_none());
    drop(store);

    // A log that lacks its end is refused, and so is an altered file.
    let text = std::fs::read_to_string(&log).unwrap();
    assert_eq!(
        audit::read(&log, &Keys::read(&key_file).unwrap())
            .unwrap()
            .len(),
        text.lines().count()
    );
    let cut = folder("cut.log");
    std::fs::write(&cut, "").unwrap();
    let error = backup::restore(&copy, &folder("x"), &key_file, &[cut])
        .await
        .unwrap_err();
    assert!(error.contains("ends before"), "{error}");
    let victim = copy.join("waybill.redb");
    let mut bytes = std::fs::read(&victim).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&victim, bytes).unwrap();
    let error = backup::restore(&copy, &folder("y"), &key_file, &[])
        .await
        .unwrap_err();
    assert!(error.contains("is not what was backed up"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn records_go_when_their_time_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let simulator = common::simulator(Duration::from_hours(72)).await;
    let mut config = common::config(&simulator);
    config.store.data_dir = folder.path().to_owned();
    config.schedule.enabled = false;
    let day = Duration::from_hours(24);
    config.privacy.tenants.insert(
        "local".to_owned(),
        waybill::config::TenantRetention {
            record: common::span(300 * 24 * 3_600_000),
        },
    );
    let privacy = config.privacy.clone();
    let clock = Clock::manual(Clock::system().now());
    let app = waybill::app::start(config, registry(), clock.clone())
        .await
        .unwrap();
    let world = World {
        simulator,
        app,
        clock: clock.clone(),
    };
    let (loose, followed) = (
        world.ups_number("delivered"),
        world.ups_number("in-transit"),
    );
    let mut client = world.client().await;
    client.track(track(&loose)).await.unwrap();
    client.track(track(&followed)).await.unwrap();
    let own = register(&world, &followed, &[]).await;
    let late = world.dhl_number("delivered");
    client.track(track(&late)).await.unwrap();
    let pipeline = &world.app.pipeline;
    let count = async || pipeline.all(None, 10).await.unwrap().len();
    clock.advance(179 * day);
    assert_eq!(retention::sweep(pipeline, &privacy).await.unwrap(), 0);
    register(&world, &late, &[]).await;
    clock.advance(2 * day);
    assert_eq!(retention::sweep(pipeline, &privacy).await.unwrap(), 1);
    assert_eq!(count().await, 2);
    // Time alone can have changed the record since, so the rest is counted from then.
    let get = v1::GetShipmentRequest {
        id: own,
        cache_only: true,
        ..Default::default()
    };
    assert!(client.get_shipment(get.clone()).await.is_ok());
    // What is delivered does not change any more: it is kept for as long since it was registered.
    clock.advance(121 * day);
    assert_eq!(retention::sweep(pipeline, &privacy).await.unwrap(), 0);
    clock.advance(180 * day);
    assert_eq!(retention::sweep(pipeline, &privacy).await.unwrap(), 2);
    assert_eq!(count().await, 0);
    assert!(client.get_shipment(get).await.is_err());
    // Nothing is barred: it can be asked for again.
    client.track(track(&loose)).await.unwrap();
    world.stop().await;
    let _any: std::net::SocketAddr = ANY;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_wrap_keys_can_be_changed() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::start(|config| config.store.data_dir = folder.path().to_owned()).await;
    let number = world.ups_number("delivered");
    let answer = world.client().await.track(track(&number)).await.unwrap();
    let id = ShipmentId(answer.into_inner().shipments[0].id.clone());
    world.stop().await;
    let wrap = folder.path().join("key.wrap");
    let (one, two) = ("11".repeat(32), "22".repeat(32));
    let readable = async |lines: &[&str]| {
        std::fs::write(&wrap, lines.join("\n")).unwrap();
        let store = Arc::new(FileStore::open(folder.path(), None).unwrap());
        store.load(&id).await.unwrap().is_some()
    };
    assert!(readable(&[&one]).await, "wrapped anew");
    assert!(readable(&[&two, &one]).await, "the newest first");
    assert!(
        readable(&[&two]).await,
        "the older one is not needed any more"
    );
    assert!(!readable(&[&one]).await, "nor does it help");
    assert!(readable(&[&two]).await);
    assert!(!has(&bytes(folder.path()), &number));
}
