//! What operators do with a running server: sources, breakers, configuration, log, and its end.
#![cfg(feature = "server")]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use common::{World, ask, channel, client, eventually, registry, side, track, trailers};
use jiff::Timestamp;
use tonic::Code;
use tonic::transport::Channel;
use waybill::admin::v1 as admin;
use waybill::admin::v1::operations_service_client::OperationsServiceClient;
use waybill::app::{self, App};
use waybill::clock::Clock;
use waybill::config::Config;
use waybill::control::Origin;
use waybill::v1;
use waybill_core::adapter::{
    Adapter, Answer, BoxFuture, Capabilities, Ctx, Descriptor, Query, Settings,
};
use waybill_core::code::EventCode;
use waybill_core::registry::Registry;
use waybill_simulator::Fault;

async fn operations(app: &App) -> OperationsServiceClient<Channel> {
    OperationsServiceClient::new(channel(app.admin).await)
}

fn breaker(source: &str, order: admin::BreakerOrder, seconds: i64) -> admin::SetBreakerRequest {
    let duration = prost_types::Duration { seconds, nanos: 0 };
    admin::SetBreakerRequest {
        source: source.to_owned(),
        order: order.into(),
        duration: (seconds > 0).then_some(duration),
        ..Default::default()
    }
}

fn switch(source: &str, order: admin::SourceOrder) -> admin::SetSourceRequest {
    admin::SetSourceRequest {
        source: source.to_owned(),
        order: order.into(),
        ..Default::default()
    }
}

#[tokio::test]
async fn sources_show_how_they_stand() {
    let world = World::start(|config| {
        let ups = config.sources.get_mut("ups").unwrap();
        let limits = "per_second = 10\nburst = 50\nper_day = 100";
        let limits: toml::Table = limits.parse().unwrap();
        ups.insert("limits".to_owned(), limits.into());
    })
    .await;
    let mut operations = operations(&world.app).await;
    let mut tracking = world.client().await;
    tracking
        .track(ask(&world.ups_number("delivered")))
        .await
        .unwrap();
    let answer = operations
        .list_sources(admin::ListSourcesRequest::default())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(answer.generation, 1);
    let names: Vec<&str> = answer
        .accounts
        .iter()
        .map(|it| it.source.as_str())
        .collect();
    assert_eq!(names, ["dhl", "ups"]);
    let ups = &answer.accounts[1];
    assert_eq!(
        (ups.account.as_str(), ups.on, ups.switched),
        ("default", true, false)
    );
    assert_eq!(ups.attempts, 1);
    assert_eq!(ups.error_rate, Some(0.0));
    assert!(ups.latency_p50.is_some() && ups.latency_p99.is_some());
    assert!(ups.last_success_time.is_some() && ups.last_error_time.is_none());
    assert_eq!(ups.last_error_kind, "");
    let passing = admin::BreakerStatus {
        state: admin::BreakerState::Passing.into(),
        ..Default::default()
    };
    assert_eq!(ups.source_breaker, Some(passing));
    let [burst, day] = &ups.quotas[..] else {
        panic!("{:?}", ups.quotas);
    };
    assert_eq!((burst.limit, burst.window.unwrap().seconds), (50, 5));
    assert_eq!(burst.used + burst.left, 50);
    // The token that it has to fetch first counts, too.
    assert_eq!((day.limit, day.used, day.left), (100, 2, 98));
    assert_eq!(day.window.unwrap().seconds, 86_400);
    assert!(day.reset_time.unwrap().seconds > Timestamp::now().as_second());
    let one = operations
        .list_sources(admin::ListSourcesRequest {
            source: "dhl".to_owned(),
        })
        .await
        .unwrap();
    assert_eq!(one.into_inner().accounts.len(), 1);
    world.stop().await;
}

#[tokio::test]
async fn a_breaker_does_what_it_is_told_and_for_no_longer() {
    let world = World::start(|_| {}).await;
    let mut operations = operations(&world.app).await;
    let mut tracking = world.client().await;
    let number = world.ups_number("delivered");
    let held = operations
        .set_breaker(breaker("ups", admin::BreakerOrder::Trip, 3_600))
        .await
        .unwrap()
        .into_inner();
    let status = held.accounts[0].source_breaker.unwrap();
    assert_eq!(status.state(), admin::BreakerState::Tripped);
    assert!(status.held_until.is_some() && status.next_probe_time.is_none());
    let refused = tracking.track(ask(&number)).await.unwrap_err();
    assert_eq!(trailers(&refused).0, "BREAKERS_TRIPPED");
    assert_eq!(world.simulator.ups().requests(), 0, "nobody was asked");
    let text = side(&world, "/metrics").await;
    let gauge = "waybill_breaker_state{source=\"ups\",account=\"default\",breaker=\"source\"} 1";
    assert!(text.contains(gauge), "{text}");

    operations
        .set_breaker(breaker("ups", admin::BreakerOrder::Auto, 0))
        .await
        .unwrap();
    tracking.track(ask(&number)).await.unwrap();

    // The order ends by itself.
    operations
        .set_breaker(breaker("ups", admin::BreakerOrder::Trip, 1))
        .await
        .unwrap();
    assert!(outcome(&mut tracking, &number).await != v1::SourceResult::Found);
    eventually("the breaker decides for itself", async || {
        outcome(&mut tracking, &number).await == v1::SourceResult::Found
    })
    .await;

    // A source that fails is asked on while it has to be.
    operations
        .set_breaker(breaker("ups", admin::BreakerOrder::Pass, 3_600))
        .await
        .unwrap();
    let fault = Fault::Status(
        http::StatusCode::BAD_GATEWAY,
        waybill_simulator::ErrorBody::Html,
    );
    world.simulator.ups().set_fault(Some(fault));
    for _ in 0..12 {
        let asked = outcome(&mut tracking, &number).await;
        assert_eq!(asked, v1::SourceResult::Unavailable);
    }
    world.stop().await;
}

/// What becomes of the source when a number is asked for.
async fn outcome(
    tracking: &mut waybill::v1::tracking_service_client::TrackingServiceClient<Channel>,
    number: &str,
) -> v1::SourceResult {
    let answer = tracking.track(ask(number)).await.unwrap().into_inner();
    answer.outcomes[0].result()
}

#[tokio::test]
async fn a_source_that_is_off_is_as_if_it_were_not_configured() {
    let world = World::start(|_| {}).await;
    let mut operations = operations(&world.app).await;
    let mut tracking = world.client().await;
    let mut carriers = world.carriers().await;
    let number = world.ups_number("delivered");
    let mut sources = async || {
        let request = v1::GetCarrierRequest {
            id: "ups".to_owned(),
        };
        let answer = carriers.get_carrier(request).await.unwrap().into_inner();
        answer.carrier.unwrap().sources
    };
    assert_eq!(sources().await, ["ups"]);
    let off = operations
        .set_source(switch("ups", admin::SourceOrder::Off))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (off.accounts[0].on, off.accounts[0].switched),
        (false, true)
    );
    let status = tracking.track(ask(&number)).await.unwrap_err();
    assert_eq!(trailers(&status).0, "NO_SOURCE_CONFIGURED");
    assert!(sources().await.is_empty());
    let listed = operations
        .list_sources(admin::ListSourcesRequest::default())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(listed.accounts.len(), 2, "it is still shown");
    let back = operations
        .set_source(switch("ups", admin::SourceOrder::Configured))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (back.accounts[0].on, back.accounts[0].switched),
        (true, false)
    );
    tracking.track(ask(&number)).await.unwrap();
    world.stop().await;
}

#[tokio::test]
async fn a_source_can_be_configured_to_be_off() {
    let world = World::start(|config| {
        let ups = config.sources.get_mut("ups").unwrap();
        ups.insert("enabled".to_owned(), false.into());
    })
    .await;
    let mut operations = operations(&world.app).await;
    let mut tracking = world.client().await;
    let number = world.ups_number("delivered");
    tracking.track(ask(&number)).await.unwrap_err();
    operations
        .set_source(switch("ups", admin::SourceOrder::On))
        .await
        .unwrap();
    tracking.track(ask(&number)).await.unwrap();
    world.stop().await;
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_by_field() {
    let world = World::start(|_| {}).await;
    let mut operations = operations(&world.app).await;
    let mut refused = Vec::new();
    for request in [
        breaker("", admin::BreakerOrder::Auto, 0),
        breaker("ups", admin::BreakerOrder::Unspecified, 0),
        breaker("ups", admin::BreakerOrder::Trip, 0),
        breaker("ups", admin::BreakerOrder::Pass, 90_000),
        breaker("ups", admin::BreakerOrder::Auto, 5),
    ] {
        refused.push(operations.set_breaker(request).await.unwrap_err());
    }
    let no_order = switch("ups", admin::SourceOrder::Unspecified);
    refused.push(operations.set_source(no_order).await.unwrap_err());
    let endless = admin::SetLogLevelRequest {
        filter: "debug".to_owned(),
        duration: None,
    };
    refused.push(operations.set_log_level(endless).await.unwrap_err());
    for status in refused {
        assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
        assert_eq!(trailers(&status).0, "FIELD_INVALID");
    }
    let stranger = switch("nobody", admin::SourceOrder::Off);
    let status = operations.set_source(stranger).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    assert!(!status.message().contains("nobody"), "{}", status.message());
    world.stop().await;
}

/// A configuration that a test changes by hand.
#[derive(Clone)]
struct Hand(Arc<Mutex<Result<Config, String>>>);

impl Origin for Hand {
    fn read(&self) -> Result<Config, String> {
        self.0.lock().unwrap().clone()
    }

    fn digest(&self) -> [u8; 32] {
        // It is never looked at, only read when a test says so.
        [0; 32]
    }
}

impl Hand {
    fn change(&self, change: impl FnOnce(&mut Config)) {
        change(self.0.lock().unwrap().as_mut().unwrap());
    }
}

fn limits(config: &mut Config, source: &str, text: &str) {
    let section = config.sources.get_mut(source).unwrap();
    let limits: toml::Table = text.parse().unwrap();
    section.insert("limits".to_owned(), limits.into());
}

#[tokio::test]
async fn another_configuration_is_taken_whole_or_not_at_all() {
    let simulator = common::simulator(Duration::from_secs(72 * 3_600)).await;
    let mut config = common::config(&simulator);
    limits(&mut config, "ups", "per_day = 3");
    let hand = Hand(Arc::new(Mutex::new(Ok(config.clone()))));
    let origin: Box<dyn Origin> = Box::new(hand.clone());
    let app = app::start_from(config, registry(), Clock::system(), Some(origin));
    let app = app.await.unwrap();
    let mut operations = operations(&app).await;
    let mut tracking = client(app.address).await;
    let number = |scenario| {
        simulator
            .ups()
            .scenario(scenario)
            .unwrap()
            .number
            .to_owned()
    };
    // One for a token, one for the number.
    tracking.track(ask(&number("delivered"))).await.unwrap();
    let reload = admin::ReloadRequest::default;
    let same = operations.reload(reload()).await.unwrap().into_inner();
    assert!(same.accepted && same.applied_settings.is_empty());
    assert_eq!((same.generation, same.restart_settings.len()), (2, 0));

    // What is spent stays spent, and the token stays with the account.
    hand.change(|config| {
        limits(config, "ups", "per_day = 4");
        config.calls.patience = common::span(123);
        config.guard.breaker.consecutive = std::num::NonZeroU32::new(9).unwrap();
        config.load.requests = 77;
    });
    let dry = admin::ReloadRequest {
        validate_only: true,
    };
    let looked = operations.reload(dry).await.unwrap().into_inner();
    assert_eq!((looked.accepted, looked.generation), (true, 2));
    let taken = operations.reload(reload()).await.unwrap().into_inner();
    assert_eq!(taken.generation, 3);
    assert_eq!(looked.applied_settings, taken.applied_settings);
    let applied = ["calls.patience", "guard.breaker.consecutive", "sources.ups"];
    assert_eq!(taken.applied_settings, applied);
    assert_eq!(taken.restart_settings, ["load.requests"]);
    let again = operations.reload(reload()).await.unwrap().into_inner();
    assert!(again.applied_settings.is_empty());
    assert_eq!(again.restart_settings, ["load.requests"], "until it starts");
    let mut day = async || {
        let request = admin::ListSourcesRequest {
            source: "ups".to_owned(),
        };
        let listed = operations.list_sources(request).await.unwrap();
        let ups = listed.into_inner().accounts.remove(0);
        (ups.quotas[1].used, ups.quotas[1].limit)
    };
    assert_eq!(day().await, (2, 4));

    // A configuration with anything wrong in it changes nothing at all.
    hand.change(|config| {
        limits(config, "ups", "per_day = 1000");
        let dhl = config.sources.get_mut("dhl").unwrap();
        dhl.insert("colour".to_owned(), "red".into());
    });
    let bad = operations.reload(reload()).await.unwrap().into_inner();
    assert!(!bad.accepted && bad.problem.contains("colour"), "{bad:?}");
    assert_eq!(bad.generation, 4);
    *hand.0.lock().unwrap() = Err("line 7: something".to_owned());
    let bad = operations.reload(reload()).await.unwrap().into_inner();
    assert_eq!(
        (bad.accepted, bad.problem.as_str()),
        (false, "line 7: something")
    );
    let listed = operations
        .list_sources(admin::ListSourcesRequest::default())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(listed.accounts[1].quotas[1].limit, 4);
    tracking.track(ask(&number("delivered"))).await.unwrap();
    app.stop().await;
    simulator.stop().await;
}

#[tokio::test]
async fn sources_come_and_go_and_new_credentials_count_at_once() {
    let simulator = common::simulator(Duration::from_secs(72 * 3_600)).await;
    let whole = common::config(&simulator);
    let mut config = whole.clone();
    config.sources.remove("dhl");
    let ups = config.sources.get_mut("ups").unwrap();
    ups.insert("client_secret".to_owned(), "wrong".into());
    let hand = Hand(Arc::new(Mutex::new(Ok(config.clone()))));
    let origin: Box<dyn Origin> = Box::new(hand.clone());
    let app = app::start_from(config, registry(), Clock::system(), Some(origin));
    let app = app.await.unwrap();
    let mut operations = operations(&app).await;
    let mut tracking = client(app.address).await;
    let ups = simulator.ups().scenario("delivered").unwrap().number;
    let dhl = simulator.dhl().scenario("delivered").unwrap().number;
    for _ in 0..4 {
        tracking.track(ask(ups)).await.unwrap_err();
    }
    let request = || admin::ListSourcesRequest {
        source: "ups".to_owned(),
    };
    let listed = operations.list_sources(request()).await.unwrap();
    let account = listed.into_inner().accounts.remove(0);
    let credential = account.credential_breaker.unwrap();
    assert_eq!(credential.state(), admin::BreakerState::Tripped);
    assert_eq!(account.last_error_kind, "denied");
    let status = tracking.track(ask(dhl)).await.unwrap_err();
    assert_eq!(trailers(&status).0, "NO_SOURCE_CONFIGURED");

    *hand.0.lock().unwrap() = Ok(whole.clone());
    let taken = operations
        .reload(admin::ReloadRequest::default())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(taken.applied_settings, ["sources.dhl", "sources.ups"]);
    // What the source refused were the old credentials.
    tracking.track(ask(ups)).await.unwrap();
    tracking.track(ask(dhl)).await.unwrap();

    hand.change(|config| {
        config.sources.remove("ups");
    });
    operations
        .reload(admin::ReloadRequest::default())
        .await
        .unwrap();
    let held = tracking.track(track(ups)).await;
    assert!(held.is_ok(), "what is stored stays: {held:?}");
    let gone = operations.list_sources(request()).await.unwrap_err();
    assert_eq!(gone.code(), Code::NotFound);
    app.stop().await;
    simulator.stop().await;
}

/// The adapter of a source with one defect: it knows no code.
struct Blind(Box<dyn Adapter>);

fn blinded(answers: Vec<Answer>) -> Vec<Answer> {
    let mut answers = answers;
    for report in answers.iter_mut().flatten().flatten() {
        for claim in &mut report.claims {
            Arc::make_mut(claim).code = EventCode::UNMAPPED;
        }
    }
    answers
}

impl Adapter for Blind {
    fn fetch<'a>(&'a self, ctx: Ctx<'a>, queries: &'a [Query]) -> BoxFuture<'a, Vec<Answer>> {
        Box::pin(async move { blinded(self.0.fetch(ctx, queries).await) })
    }

    fn reaches(&self) -> Vec<&str> {
        self.0.reaches()
    }

    fn interpret(
        &self,
        queries: &[Query],
        response: &http::Response<Bytes>,
        now: Timestamp,
    ) -> Vec<Answer> {
        blinded(self.0.interpret(queries, response, now))
    }
}

fn real() -> &'static Descriptor {
    registry().get("ups").unwrap()
}

fn blind(settings: &Settings) -> Result<Box<dyn Adapter>, String> {
    Ok(Box::new(Blind((real().build)(settings)?)))
}

#[tokio::test]
async fn what_a_mended_adapter_understands_takes_the_place_of_what_it_understood_before() {
    let simulator = common::simulator(Duration::from_secs(72 * 3_600)).await;
    let folder = tempfile::tempdir().unwrap();
    let mut config = common::config(&simulator);
    config.store.data_dir = folder.path().to_owned();
    config.sources.remove("dhl");
    let defect: &'static Descriptor = Box::leak(Box::new(Descriptor {
        build: blind,
        capabilities: Capabilities {
            ..real().capabilities
        },
        ..*real()
    }));
    let table: &'static [&'static Descriptor] = Box::leak(Box::new([defect]));
    let number = simulator.ups().scenario("delivered").unwrap().number;

    let app = app::start(config.clone(), Registry::new(table), Clock::system());
    let app = app.await.unwrap();
    let mut tracking = client(app.address).await;
    let answer = tracking.track(ask(number)).await.unwrap().into_inner();
    let before = answer.shipments[0].status();
    assert_ne!(before, v1::ShipmentStatus::Delivered);
    app.stop().await;

    let app = app::start(config, registry(), Clock::system())
        .await
        .unwrap();
    let asked = simulator.ups().requests();
    let mut operations = operations(&app).await;
    let mut replay = async |dry| {
        let key = v1::shipment_key::Key::TrackingNumber(number.to_owned());
        let request = admin::ReplayEvidenceRequest {
            source: "ups".to_owned(),
            shipment: Some(v1::ShipmentKey {
                key: Some(key),
                ..Default::default()
            }),
            validate_only: dry,
            ..Default::default()
        };
        let answer = operations.replay_evidence(request).await.unwrap();
        answer.into_inner().shipments.remove(0)
    };
    let looked = replay(true).await;
    assert_eq!((looked.answer_count, looked.unreadable_count), (1, 0));
    assert_eq!(looked.revision_before, looked.revision_after);
    let replayed = replay(false).await;
    assert_eq!(replayed.status_before(), before);
    assert_eq!(replayed.status_after(), v1::ShipmentStatus::Delivered);
    assert!(replayed.revision_after > replayed.revision_before);
    let again = replay(false).await;
    assert_eq!(
        again.revision_before, again.revision_after,
        "once is enough"
    );
    assert_eq!(simulator.ups().requests(), asked, "nobody was asked");
    app.stop().await;
    simulator.stop().await;
}
