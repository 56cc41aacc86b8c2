//! Why a record is what it is, and making it again, as operators ask over gRPC and the program.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests"
)]

mod common;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use common::program::{err, json, out, run_beside};
use common::{World, channel, track, trailers};
use tonic::Code;
use tonic::transport::Channel;
use waybill::admin::v1 as admin;
use waybill::admin::v1::admin_service_client::AdminServiceClient;
use waybill::store::file::FileStore;
use waybill::store::{Commit, Store};
use waybill::v1;
use waybill_core::assess::assess;
use waybill_core::event::SourceClass;
use waybill_core::number::TrackingNumber;
use waybill_core::order::Subject;
use waybill_core::reconcile::Dossier;
use waybill_core::revision::revise;
use waybill_core::shipment::{Shipment, ShipmentId};
use waybill_core::status::Status;

/// A shipment that waits for papers, so that it has an exception and changes ahead.
const SCENARIO: &str = "customs-hold";

async fn operator(address: SocketAddr) -> AdminServiceClient<Channel> {
    AdminServiceClient::new(channel(address).await)
}

fn key(number: &str) -> Option<v1::ShipmentKey> {
    Some(v1::ShipmentKey {
        key: Some(v1::shipment_key::Key::TrackingNumber(number.to_owned())),
        ..Default::default()
    })
}

fn explain(number: &str) -> admin::ExplainShipmentRequest {
    admin::ExplainShipmentRequest {
        shipment: key(number),
    }
}

fn rebuild(number: &str, validate_only: bool) -> admin::RebuildShipmentRequest {
    admin::RebuildShipmentRequest {
        shipment: key(number),
        validate_only,
    }
}

fn number(world: &World) -> String {
    world.ups_number(SCENARIO)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_step_claim_and_exception_of_a_record_is_explained() {
    let world = World::start(|_| {}).await;
    let number = number(&world);
    let answer = world.client().await.track(track(&number)).await.unwrap();
    let shown = answer.into_inner().shipments.remove(0);
    let mut operator = operator(world.app.admin).await;
    let answer = operator.explain_shipment(explain(&number)).await.unwrap();
    let explanation = answer.into_inner().explanations.remove(0);

    let record = explanation.shipment.clone().unwrap();
    assert_eq!(record.id, shown.id);
    assert_eq!(
        (record.revision, &record.etag),
        (shown.revision, &shown.etag)
    );
    assert!(record.events.is_empty() && record.exceptions.is_empty());
    assert_eq!(explanation.changed_fields, Vec::<String>::new());

    let mut status = v1::ShipmentStatus::Pending as i32;
    let mut set_by = String::new();
    for step in &explanation.steps {
        let event = step.event.as_ref().unwrap();
        let decision = step.decision.as_ref().unwrap();
        assert_eq!(step.status_before, status);
        status = step.status_after;
        if matches!(
            decision.rule.as_str(),
            "step.sets" | "step.confirms" | "step.recast"
        ) {
            set_by.clone_from(&event.id);
        }
        let ids: Vec<&str> = step.claims.iter().map(|it| &*it.observation_id).collect();
        let observed: Vec<&str> = event.observations.iter().map(|it| &*it.id).collect();
        assert_eq!(ids, observed);
        let mut fields: Vec<&str> = step
            .claims
            .iter()
            .flat_map(|claim| &claim.given_fields)
            .map(|given| given.field.as_str())
            .collect();
        fields.sort_unstable();
        fields.dedup();
        let all: usize = step
            .claims
            .iter()
            .map(|claim| claim.given_fields.len())
            .sum();
        assert_eq!(fields.len(), all, "each field once");
        assert!(fields.contains(&"code") && fields.contains(&"time"));
        assert!(!event.observations[0].native_text.is_empty());
    }
    assert_eq!(status, shown.status);
    assert_eq!(set_by, shown.status_event_id);
    let explained: BTreeSet<&str> = explanation
        .exceptions
        .iter()
        .map(|it| it.exception.as_ref().unwrap().id.as_str())
        .collect();
    let known: BTreeSet<&str> = shown.exceptions.iter().map(|it| it.id.as_str()).collect();
    assert!(!known.is_empty());
    assert_eq!(explained, known);
    let first = explanation.upcoming_changes.first().unwrap();
    assert_eq!(first.time, explanation.next_change_time);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_stored_or_not_a_key_has_a_reason() {
    let world = World::start(|_| {}).await;
    let number = number(&world);
    let mut operator = operator(world.app.admin).await;
    let rows = [
        (explain(&number), Code::NotFound, "ID_NOT_FOUND"),
        (
            explain("!"),
            Code::InvalidArgument,
            "TRACKING_NUMBER_INVALID",
        ),
        (
            admin::ExplainShipmentRequest { shipment: None },
            Code::InvalidArgument,
            "FIELD_INVALID",
        ),
    ];
    for (request, code, reason) in rows {
        let status = operator.explain_shipment(request).await.unwrap_err();
        assert_eq!(status.code(), code, "{reason}");
        assert_eq!(trailers(&status).0, reason);
        assert!(!status.message().contains(&number));
    }
    let asked = operator.rebuild_shipment(rebuild(&number, false)).await;
    assert_eq!(asked.unwrap_err().code(), Code::NotFound);
    // Nobody was asked.
    let held = world.app.pipeline.known(&subject(&number)).await.unwrap();
    assert_eq!(held, []);

    let answer = world.client().await.track(track(&number)).await.unwrap();
    let shown = answer.into_inner().shipments.remove(0);
    let by_id = admin::ExplainShipmentRequest {
        shipment: Some(v1::ShipmentKey {
            key: Some(v1::shipment_key::Key::Id(shown.id.clone())),
            ..Default::default()
        }),
    };
    let answer = operator.explain_shipment(by_id).await.unwrap().into_inner();
    assert_eq!(
        answer.explanations[0].shipment.as_ref().unwrap().id,
        shown.id
    );
    let mut other = explain(&number);
    other.shipment.as_mut().unwrap().carrier = "acme".to_owned();
    let status = operator.explain_shipment(other).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound, "another carrier's");
    world.stop().await;
}

fn subject(number: &str) -> Subject {
    Subject::Number(TrackingNumber::parse(number).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_public_port_knows_no_operators() {
    let world = World::start(|_| {}).await;
    assert!(world.app.admin.ip().is_loopback());
    assert_ne!(world.app.admin, world.app.address);
    let mut public = operator(world.app.address).await;
    let status = public.explain_shipment(explain("1Z")).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operators_port_is_on_loopback_whatever_is_configured() {
    let simulator = common::simulator(std::time::Duration::ZERO).await;
    for (admin, complaint) in [
        (
            "0.0.0.0:0",
            "server.admin: 0.0.0.0:0 is not a loopback address",
        ),
        ("[::]:0", "server.admin: [::]:0 is not a loopback address"),
        ("localhost", "server.admin: is not an address with a port"),
    ] {
        let mut config = common::config(&simulator);
        config.server.admin = admin.to_owned();
        config.auth.mode = waybill::auth::settings::Mode::None;
        let clock = waybill::clock::Clock::system();
        let started = waybill::app::start(config, common::registry(), clock).await;
        let error = started.err().expect("it does not start");
        assert!(error.starts_with(complaint), "{error}");
    }
    // The side port may be open to others; the operators' port stays at home.
    let mut config = common::config(&simulator);
    config.server.side = "0.0.0.0:0".parse().unwrap();
    let clock = waybill::clock::Clock::system();
    let app = waybill::app::start(config, common::registry(), clock)
        .await
        .unwrap();
    assert!(app.admin.ip().is_loopback());
    app.stop().await;
    simulator.stop().await;
}

/// Stores another status, as a version with other rules might have done.
async fn falsify(folder: &std::path::Path, number: &str) {
    let store = FileStore::open(folder, None).unwrap();
    let id = store.find(&subject(number)).await.unwrap().remove(0);
    let stored = store.load(&id).await.unwrap().unwrap();
    let record = Shipment {
        status: Status::Failed,
        etag: "of-other-rules".to_owned(),
        revision: stored.record.revision + 1,
        ..Shipment::clone(&stored.record)
    };
    let commit = Commit {
        expected: stored.version,
        dossier: stored.dossier.clone(),
        record: Arc::new(record),
        next_change: stored.next_change,
        aliases: Vec::new(),
        changed: true,
        time: stored.time,
    };
    store.commit(commit).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_the_rules_would_make_differently_is_made_again_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_owned();
    let simulator = common::simulator(std::time::Duration::from_secs(72 * 3_600)).await;
    let start = async || {
        let mut config = common::config(&simulator);
        config.store.data_dir = path.clone();
        let clock = waybill::clock::Clock::system();
        waybill::app::start(config, common::registry(), clock)
            .await
            .unwrap()
    };
    let number = simulator
        .ups()
        .scenario(SCENARIO)
        .unwrap()
        .number
        .to_owned();
    let app = start().await;
    let mut client = common::client(app.address).await;
    let answer = client.track(track(&number)).await.unwrap();
    let right = answer.into_inner().shipments.remove(0);
    drop(client);
    app.stop().await;
    common::eventually("the store is free", async || {
        FileStore::open(folder.path(), None).is_ok()
    })
    .await;
    falsify(folder.path(), &number).await;

    let app = start().await;
    let mut operator = operator(app.admin).await;
    let told = operator.explain_shipment(explain(&number)).await.unwrap();
    let told = told.into_inner().explanations.remove(0);
    assert_eq!(told.changed_fields, ["status"]);
    assert_eq!(told.shipment.unwrap().status, right.status);

    let mut would = operator
        .rebuild_shipment(rebuild(&number, true))
        .await
        .unwrap()
        .into_inner();
    let would = would.shipments.remove(0);
    assert_eq!(would.changed_fields, ["status"]);
    assert_eq!(would.status_before(), v1::ShipmentStatus::Failed);
    assert_eq!(would.status_after, right.status);
    assert_eq!(would.revision, right.revision + 1, "nothing is stored");

    let dry = operator
        .rebuild_shipment(rebuild(&number, true))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(dry.shipments[0], would, "asking changed nothing");

    let address = format!("http://{}", app.admin);
    let program = run_beside(&["rebuild", &number, "--admin", &address]).await;
    let text = out(&program);
    assert!(
        text.contains("differs in status; stored"),
        "{text}{}",
        err(&program)
    );
    assert!(!text.contains(&number));

    let again = operator
        .rebuild_shipment(rebuild(&number, false))
        .await
        .unwrap()
        .into_inner();
    let again = &again.shipments[0];
    assert_eq!(again.changed_fields, Vec::<String>::new());
    assert_eq!(again.status_before, right.status);
    assert_eq!(
        again.revision,
        right.revision + 2,
        "news to those who follow it"
    );
    let held = v1::TrackRequest {
        cache_only: true,
        ..track(&number)
    };
    let mut client = common::client(app.address).await;
    let shown = client
        .track(held)
        .await
        .unwrap()
        .into_inner()
        .shipments
        .remove(0);
    assert_eq!((shown.status, &shown.etag), (right.status, &right.etag));
    app.stop().await;
    simulator.stop().await;
}

/// Stores what a carrier and an aggregator say of the same scan.
async fn seed(folder: &std::path::Path, number: &TrackingNumber) {
    let store = FileStore::open(folder, None).unwrap();
    let id = ShipmentId("explained0explained0explai".to_owned());
    let mut dossier = Dossier::new(id, number.clone(), "acme".to_owned());
    let mut report = common::record::report(number);
    report.relays = "acme".to_owned();
    let at = "2026-06-01T12:00:00Z".parse().unwrap();
    dossier.absorb("acme", SourceClass::Custodian, &report, at);
    dossier.absorb("hub", SourceClass::Aggregator, &report, at);
    let (record, next_change) = assess(dossier.record(), at);
    let (record, changed) = revise(None, record, at);
    let commit = Commit {
        expected: 0,
        dossier,
        record: Arc::new(record),
        next_change,
        aliases: Vec::new(),
        changed,
        time: at,
    };
    store.commit(commit).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_claims_the_page_tells_how_they_met_and_who_gave_what() {
    let folder = tempfile::tempdir().unwrap();
    let number = TrackingNumber::parse("ACME00000042").unwrap();
    seed(folder.path(), &number).await;
    let simulator = common::simulator(std::time::Duration::ZERO).await;
    let mut config = common::config(&simulator);
    config.store.data_dir = folder.path().to_owned();
    let clock = waybill::clock::Clock::system();
    let app = waybill::app::start(config, common::registry(), clock)
        .await
        .unwrap();
    let address = format!("http://{}", app.admin);
    let page = run_beside(&["explain", number.reveal(), "--admin", &address]).await;
    let page = out(&page);
    for part in [
        "- acme (custodian)",
        "- hub (aggregator, of acme)",
        "[match.first]",
        "equal code; same instant (0 s apart)",
        "gave code:",
        "gave time:",
        "[field.trust]",
    ] {
        assert!(page.contains(part), "{part} is not in\n{page}");
    }
    app.stop().await;
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_for_people_has_the_story_and_no_personal_data_unless_asked() {
    let world = World::start(|_| {}).await;
    let number = number(&world);
    let address = format!("http://{}", world.app.admin);
    let unknown = run_beside(&["explain", &number, "--admin", &address]).await;
    assert_eq!(unknown.status.code(), Some(1));
    assert!(err(&unknown).contains("waybill track"), "{}", err(&unknown));
    assert!(!err(&unknown).contains(&number));

    world.client().await.track(track(&number)).await.unwrap();
    let mut operator = operator(world.app.admin).await;
    let answer = operator
        .explain_shipment(explain(&number))
        .await
        .unwrap()
        .into_inner();
    let texts: BTreeSet<String> = answer.explanations[0]
        .steps
        .iter()
        .flat_map(|step| &step.event.as_ref().unwrap().observations)
        .flat_map(|it| {
            let town = it.location.as_ref().map(|place| place.locality.clone());
            [Some(it.native_text.clone()), town]
        })
        .flatten()
        .filter(|text| text.len() > 3)
        .collect();
    assert!(texts.len() > 3);

    let page = run_beside(&["explain", &number, "--admin", &address]).await;
    let page = out(&page);
    assert!(!page.contains(&number));
    assert!(
        page.contains(&format!("**{}", &number[number.len() - 4..])),
        "{page}"
    );
    let leaked: Vec<&String> = texts.iter().filter(|text| page.contains(*text)).collect();
    assert_eq!(leaked, Vec::<&String>::new(), "{page}");
    for part in [
        "because of event",
        "[step.sets]",
        "Exceptions:",
        "[exception.code]",
        "Without news:",
        "PENDING -> ",
    ] {
        assert!(page.contains(part), "{part} is not in\n{page}");
    }

    let all = run_beside(&["explain", &number, "--admin", &address, "--show-personal"]).await;
    let all = out(&all);
    assert!(all.contains(&number));
    let shown = texts.iter().filter(|text| all.contains(*text)).count();
    assert!(shown > texts.len() / 2, "{all}");

    let program = run_beside(&["explain", &number, "--admin", &address, "--json"]).await;
    let value = json(&program);
    assert_eq!(
        value["explanations"][0]["shipment"]["trackingNumber"],
        *number
    );
    assert_eq!(
        value["explanations"][0]["steps"][0]["statusBefore"],
        "SHIPMENT_STATUS_PENDING"
    );
    world.stop().await;
}
