//! No tracking number, postal code or name is in any log line, at whatever level, or in any error.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use std::io::Write;
use std::sync::{Arc, Mutex};

use common::{World, ask, track};
use tracing_subscriber::EnvFilter;
use waybill::v1;
use waybill::v1::ingest_service_client::IngestServiceClient;
use waybill_simulator::{ErrorBody, Fault, RetryAfter};

/// Everything that was logged.
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

impl Log {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).to_lowercase()
    }
}

/// Everything at its finest, but for the libraries that the server itself holds back.
const FILTER: &str = "trace,h2=warn,hyper=warn,hyper_util=warn,reqwest=warn,rustls=warn,tonic=warn,\
                      tower=warn,axum=warn,redb=warn,moka=warn";

const POSTAL_CODE: &str = "98765POST";

#[tokio::test]
async fn nothing_personal_is_logged_or_in_an_error() {
    let log = Log::default();
    let sink = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(FILTER))
        .with_writer(move || sink.clone())
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();

    let folder = tempfile::tempdir().unwrap();
    let world = World::start(|config| {
        config.store.data_dir = folder.path().to_owned();
        config.guard.retry.attempts = std::num::NonZeroU32::new(2).unwrap();
        config
            .sources
            .insert("sandbox".to_owned(), toml::Table::new());
    })
    .await;
    let mut client = world.client().await;
    let mut secrets = vec![POSTAL_CODE.to_owned()];
    let mut errors = String::new();

    let mut requests: Vec<v1::TrackRequest> = Vec::new();
    for scenario in ["delivered", "in-transit", "multi-piece"] {
        requests.push(track(&world.ups_number(scenario)));
    }
    requests.push(v1::TrackRequest {
        carrier: "dhl".into(),
        hints: Some(v1::Hints {
            postal_code: POSTAL_CODE.into(),
            ..Default::default()
        }),
        ..track(&world.dhl_number("delivered"))
    });
    for number in [
        "SANDBOXDELIVERED",
        "SANDBOXUNMAPPED",
        "SANDBOXINTERNAL",
        "SANDBOXMALFORMED",
        "SANDBOXHINTREQUIRED",
        "SANDBOXTRIPPED",
        "SANDBOXNOTFOUND",
    ] {
        requests.push(track(number));
    }
    requests.push(track("NOBODYSNUMBER12345"));
    let orders = ["order-77/0001", " order-77/0002"];
    secrets.extend(orders.map(|id| id.trim().to_owned()));
    requests.extend(orders.map(|id| v1::TrackRequest {
        order: Some(v1::OrderKey {
            platform: "shop-a".into(),
            order_id: id.into(),
        }),
        ..Default::default()
    }));
    requests.push(track("%%WRONGNUMBER%%"));
    let faults = [
        None,
        Some(Fault::Status(
            http::StatusCode::BAD_GATEWAY,
            ErrorBody::Html,
        )),
        Some(Fault::Garbage),
        Some(Fault::TruncatedJson),
        Some(Fault::RateLimited(RetryAfter::Seconds(1))),
    ];
    for fault in faults {
        world.simulator.ups().set_fault(fault.clone());
        world.simulator.dhl().set_fault(fault.clone());
        for request in &requests {
            secrets.extend(Some(request.tracking_number.clone()).filter(|it| !it.is_empty()));
            let request = v1::TrackRequest {
                view: v1::ShipmentView::Full as i32,
                max_age: ask("").max_age,
                ..request.clone()
            };
            match client.track(request).await {
                Ok(answer) => note(&answer.into_inner(), &mut secrets, &mut errors),
                Err(status) => errors.push_str(&format!("{status:?}\n")),
            }
        }
        // Numbers that nobody has asked for before meet the fault without anything stored.
        for index in 0..3 {
            let number = waybill_simulator::ups_load_number(index);
            secrets.push(number.clone());
            match client.track(ask(&number)).await {
                Ok(answer) => note(&answer.into_inner(), &mut secrets, &mut errors),
                Err(status) => errors.push_str(&format!("{status:?}\n")),
            }
        }
    }
    let own = [
        "back door 77/0003",
        "https://photos.example/77-0003",
        "order-77/0003",
        "WAREHOUSE770003",
    ];
    secrets.extend(own.map(str::to_owned));
    let event = |id: &str, code: v1::EventCode, photo: &str| v1::IngestEvent {
        client_event_id: id.into(),
        tracking_number: own[3].into(),
        order: Some(v1::OrderKey {
            platform: "shop-a".into(),
            order_id: own[2].into(),
        }),
        code: code as i32,
        time: Some(v1::EventTime {
            local_time: "2026-03-02T06:00:00Z".into(),
            ..Default::default()
        }),
        text: own[0].into(),
        photo_uris: vec![photo.into()],
        ..Default::default()
    };
    let packed = v1::EventCode::AwaitingHandover;
    let request = v1::IngestEventsRequest {
        events: vec![
            event("a", packed, own[1]),
            event("a", v1::EventCode::Damaged, own[1]),
            event("b", packed, &format!("{} {}", own[1], own[1])),
        ],
        ..Default::default()
    };
    let mut ingest = IngestServiceClient::new(common::channel(world.app.address).await);
    let answer = ingest.ingest_events(request).await.unwrap().into_inner();
    assert_eq!((answer.stored_count, answer.rejected_count), (1, 2));
    for result in answer.results {
        errors.push_str(&format!("{:?}\n", result.error));
    }
    let items = requests.iter().map(|request| v1::BatchTrackItem {
        tracking_number: request.tracking_number.clone(),
        order: request.order.clone(),
        ..Default::default()
    });
    let batch = v1::BatchTrackRequest {
        items: items.collect(),
        ..Default::default()
    };
    let mut stream = client.batch_track(batch).await.unwrap().into_inner();
    while let Some(message) = stream.message().await.unwrap() {
        use v1::batch_track_result::Outcome;
        if let Some(v1::batch_track_response::Message::Result(result)) = message.message
            && let Some(Outcome::Error(problem)) = result.outcome
        {
            errors.push_str(&format!("{problem:?}\n"));
        }
    }
    let damaged = client.track(track("SANDBOXDAMAGE")).await.unwrap();
    let damaged = damaged.into_inner().shipments.remove(0);
    let step = |exception: &str| v1::UpdateExceptionRequest {
        shipment_id: damaged.id.clone(),
        exception_id: exception.to_owned(),
        activity: v1::ExceptionActivity::Assign as i32,
        actor: "Ada Lovelace".to_owned(),
        assignee: "Grace Hopper".to_owned(),
        comment: "call the neighbour".to_owned(),
        ..Default::default()
    };
    secrets.extend(["lovelace", "hopper", "neighbour"].map(str::to_owned));
    let own = &damaged.exceptions[0].id;
    client.update_exception(step(own)).await.unwrap();
    for wrong in [own.as_str(), "nothing"] {
        let status = client.update_exception(step(wrong)).await.unwrap_err();
        errors.push_str(&format!("{status:?}\n"));
    }
    let request = v1::GetEvidenceRequest {
        shipment_id: damaged.id.clone(),
        ..Default::default()
    };
    let mut files = client.get_evidence(request).await.unwrap().into_inner();
    while files.message().await.unwrap().is_some() {}
    world.stop().await;

    let logged = log.text();
    let errors = errors.to_lowercase();
    assert!(logged.contains("a call met a defect"), "the log is caught");
    assert!(errors.contains("internal") && errors.contains("malformed"));
    for secret in secrets {
        let secret = secret.to_lowercase();
        let in_log = logged.lines().find(|line| line.contains(&secret));
        assert_eq!(in_log, None, "{secret} is in the log");
        let in_error = errors.lines().find(|line| line.contains(&secret));
        assert_eq!(in_error, None, "{secret} is in an error");
    }
}

/// Takes what is personal out of an answer, and its failures' texts.
fn note(answer: &v1::TrackResponse, secrets: &mut Vec<String>, errors: &mut String) {
    for outcome in &answer.outcomes {
        errors.push_str(&format!("{:?}\n", outcome.error));
    }
    for record in &answer.shipments {
        secrets.push(record.tracking_number.clone());
        let identifiers = record.identifiers.iter().map(|it| it.value.clone());
        secrets.extend(identifiers.filter(|value| value.len() > 5));
        let proof = record.proof_of_delivery.iter();
        secrets.extend(
            proof
                .map(|proof| proof.signed_by.clone())
                .filter(|it| !it.is_empty()),
        );
        let places = [&record.destination, &record.origin, &record.last_location];
        let codes = places.into_iter().flatten().map(|place| &place.postal_code);
        secrets.extend(codes.filter(|code| code.len() > 4).cloned());
    }
}
