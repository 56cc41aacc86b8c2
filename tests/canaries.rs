//! Nothing personal and no credential lies anywhere in clear: what every source says of every scenario,
//! pushes, own events, errors and panics, against logs, metrics, error texts, a Redis dump and a data
//! directory.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests"
)]

mod common;

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use common::push::{push_of, send, world};
use common::redis::Redis;
use common::{ask, channel, side};
use tracing_subscriber::EnvFilter;
use waybill::v1;
use waybill::v1::ingest_service_client::IngestServiceClient;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Everything at its finest, but for the libraries that the server itself holds back.
const FILTER: &str = "trace,h2=warn,hyper=warn,hyper_util=warn,reqwest=warn,rustls=warn,tonic=warn,\
                      tower=warn,axum=warn,redb=warn,moka=warn";

/// What callers write: a name, a street, a phone number, an order, a label and a signature image.
const OWN: [&str; 6] = [
    "Canary Lovelace",
    "17 Canary Street",
    "+49 30 9000 4711",
    "order-canary-0001",
    "label-canary-0002",
    "https://canary.example/signature.png",
];
/// The same as a hint, and a number that nobody knows.
const POSTAL_CODE: &str = "98765CANARY";
const NUMBER: &str = "CANARY0000477001";

/// Takes what is personal out of an answer.
fn note(record: &v1::Shipment, canaries: &mut BTreeSet<String>) {
    canaries.insert(record.tracking_number.clone());
    canaries.extend(record.identifiers.iter().map(|it| it.value.clone()));
    if let Some(proof) = &record.proof_of_delivery {
        canaries.insert(proof.signed_by.clone());
    }
    let places = [&record.destination, &record.origin, &record.last_location];
    for place in places.into_iter().flatten() {
        canaries.extend([place.postal_code.clone(), place.raw.clone()]);
    }
    for event in &record.events {
        let place = event.location.iter();
        canaries.extend(place.flat_map(|it| [it.raw.clone(), it.postal_code.clone()]));
        // One word is a carrier's name for a state, and in every program.
        let texts = event.observations.iter().map(|it| &it.native_text);
        canaries.extend(texts.filter(|text| text.contains(' ')).cloned());
    }
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

async fn nothing_is_found(redis: Option<&Redis>, log: &Log) {
    let folder = tempfile::tempdir().unwrap();
    let key = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(key.path(), [7; 32]).unwrap();
    let world = world(|config| {
        config.store.data_dir = folder.path().to_owned();
        if let Some(redis) = redis {
            config.store.redis = redis.url();
            config.store.key_file = key.path().to_owned();
            config.store.redis_time = common::span(10_000);
            config.cache.redis = redis.url();
        }
        config
            .sources
            .insert("sandbox".to_owned(), toml::Table::new());
    })
    .await;
    let mut canaries: BTreeSet<String> = OWN.map(str::to_owned).into();
    canaries.extend([POSTAL_CODE.to_owned(), NUMBER.to_owned()]);
    let mut errors = String::new();
    let mut client = world.client().await;
    let (mut asked, mut pushed) = (0, 0);
    for source in world.simulator.sources() {
        for (name, value) in source.settings() {
            let is_secret = ["key", "secret", "token", "salt", "credential", "password"]
                .iter()
                .any(|word| name.contains(word));
            canaries.extend(Some(value).filter(|value| is_secret && value.len() > 6));
        }
        for scenario in source.scenarios() {
            let request = v1::TrackRequest {
                sources: vec![source.id().to_owned()],
                hints: Some(v1::Hints {
                    postal_code: POSTAL_CODE.into(),
                    ..Default::default()
                }),
                view: v1::ShipmentView::Full as i32,
                allow_paid: true,
                ..ask(scenario.number)
            };
            canaries.insert(scenario.number.to_owned());
            match client.track(request).await {
                Ok(answer) => {
                    let answer = answer.into_inner();
                    asked += answer.shipments.len();
                    answer
                        .shipments
                        .iter()
                        .for_each(|it| note(it, &mut canaries));
                    for outcome in answer.outcomes {
                        errors.push_str(&format!("{:?}\n", outcome.error));
                    }
                }
                Err(status) => errors.push_str(&format!("{status:?}\n")),
            }
            if source.push(scenario.number).is_some() {
                let push = push_of(&world, source.id(), scenario.number);
                canaries.extend(push.proof.iter().map(|(_, proof)| proof.clone()));
                send(&world, source.id(), &push).await;
                pushed += 1;
                let body = Bytes::from(format!("{{\"name\":\"{}\"", OWN[0]));
                let (_, answer) = send(
                    &world,
                    source.id(),
                    &waybill_simulator::Push { body, ..push },
                )
                .await;
                errors.push_str(&String::from_utf8_lossy(&answer));
            }
        }
    }
    assert!(asked > 20 && pushed > 5, "{asked} {pushed}");
    for number in [
        "SANDBOXINTERNAL",
        "SANDBOXMALFORMED",
        "SANDBOXPANIC",
        NUMBER,
        OWN[0],
    ] {
        match client.track(ask(number)).await {
            Ok(answer) => {
                for outcome in answer.into_inner().outcomes {
                    errors.push_str(&format!("{:?}\n", outcome.error));
                }
            }
            Err(status) => errors.push_str(&format!("{status:?}\n")),
        }
    }
    let event = v1::IngestEvent {
        client_event_id: "a".into(),
        tracking_number: NUMBER.into(),
        order: Some(v1::OrderKey {
            platform: "shop-a".into(),
            order_id: OWN[3].into(),
        }),
        code: v1::EventCode::AwaitingHandover as i32,
        time: common::own::local("2026-03-02T06:00:00Z"),
        text: format!("{} {} {}", OWN[0], OWN[1], OWN[2]),
        photo_uris: vec![OWN[5].into()],
        ..Default::default()
    };
    let wrong = v1::IngestEvent {
        client_event_id: "b".into(),
        photo_uris: vec![format!("{} {}", OWN[5], OWN[0])],
        ..event.clone()
    };
    let mut ingest = IngestServiceClient::new(channel(world.app.address).await);
    let request = v1::IngestEventsRequest {
        events: vec![event, wrong],
        ..Default::default()
    };
    let answer = ingest.ingest_events(request).await.unwrap().into_inner();
    for result in answer.results {
        errors.push_str(&format!("{:?}\n", result.error));
    }
    let key = v1::shipment_key::Key::TrackingNumber(NUMBER.into());
    let registration = Some(v1::Registration {
        shipment: Some(v1::ShipmentKey {
            key: Some(key),
            ..Default::default()
        }),
        labels: [("customer".to_owned(), OWN[4].to_owned())].into(),
        ..Default::default()
    });
    let request = v1::RegisterShipmentRequest { registration };
    let registered = client
        .register_shipment(request)
        .await
        .unwrap()
        .into_inner();
    let id = registered.shipment_ids[0].clone();
    common::eventually("pushes are worked off", async || {
        let text = side(&world, "/metrics").await;
        let waiting = text
            .lines()
            .filter(|line| line.starts_with("waybill_push_waiting"));
        waiting.into_iter().all(|line| line.ends_with(" 0"))
    })
    .await;
    // Erasing and exporting are written down.
    let mut operator = waybill::admin::v1::privacy_service_client::PrivacyServiceClient::new(
        channel(world.app.admin).await,
    );
    let shipment = Some(v1::ShipmentKey {
        key: Some(v1::shipment_key::Key::Id(id)),
        ..Default::default()
    });
    let request = waybill::admin::v1::ExportShipmentRequest {
        shipment: shipment.clone(),
    };
    let export = operator
        .export_shipment(request)
        .await
        .unwrap()
        .into_inner();
    let export = String::from_utf8(export.json).unwrap();
    assert!(
        export.contains(OWN[0]) && export.contains(OWN[4]),
        "the canaries are in it"
    );
    let request = waybill::admin::v1::EraseShipmentRequest { shipment };
    operator.erase_shipment(request).await.unwrap();
    let metrics = side(&world, "/metrics").await;
    world.stop().await;

    let mut places = vec![
        ("log", log.0.lock().unwrap().clone()),
        ("metrics", metrics.into_bytes()),
        ("errors", errors.into_bytes()),
        ("data directory", bytes(folder.path())),
    ];
    if let Some(redis) = redis {
        let _saved: String = redis.ask(&redis::cmd("SAVE"));
        places.push((
            "Redis dump",
            std::fs::read(redis.folder().join("dump.rdb")).unwrap(),
        ));
    }
    // Words that are in every program are no canaries.
    canaries.retain(|canary| {
        canary.len() > 6
            && canary
                .chars()
                .any(|it| it.is_ascii_digit() || it.is_uppercase() || it == ' ')
    });
    assert!(canaries.len() > 60, "{}", canaries.len());
    for (place, bytes) in &places {
        assert!(!bytes.is_empty(), "{place} is empty");
        let text = String::from_utf8_lossy(bytes).to_lowercase();
        for canary in &canaries {
            assert!(
                !text.contains(&canary.to_lowercase()),
                "{canary} is in the {place}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_canary_is_found_anywhere() {
    let log = Log::default();
    let sink = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(FILTER))
        .with_writer(move || sink.clone())
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    nothing_is_found(None, &log).await;
    // Uncompressed, so that what is in clear would be found.
    let redis = Redis::start_with(&["--rdbcompression", "no"]);
    nothing_is_found(Some(&redis), &log).await;
}
