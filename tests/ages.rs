//! How old an answer is said to be, how long it is given again, and which use of a number it is of.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

mod common;

use std::collections::BTreeSet;
use std::time::Duration;

use common::{World, ask, client, config, eventually, post, simulator, track};
use waybill::app::{self, App};
use waybill::clock::Clock;
use waybill::config::Config;
use waybill::v1::{self, FreshnessState, SourceResult};
use waybill_simulator::Fault;

/// A gateway with nothing but the test post.
async fn post_office(change: impl FnOnce(&mut Config)) -> App {
    let mut config = Config::default();
    config.server.listen = common::ANY;
    config.server.side = common::ANY;
    config
        .sources
        .insert(post::CARRIER.to_owned(), toml::Table::new());
    change(&mut config);
    app::start(config, post::registry(), Clock::system())
        .await
        .unwrap()
}

fn posted(number: &str) -> v1::TrackRequest {
    v1::TrackRequest {
        carrier: post::CARRIER.into(),
        ..track(number)
    }
}

fn posted_now(number: &str) -> v1::TrackRequest {
    v1::TrackRequest {
        carrier: post::CARRIER.into(),
        ..ask(number)
    }
}

fn ids(answer: &v1::TrackResponse) -> BTreeSet<String> {
    let ids = answer.shipments.iter().map(|record| record.id.clone());
    ids.collect()
}

#[tokio::test]
async fn a_number_used_again_after_half_a_year_is_a_new_shipment() {
    let app = post_office(|_| {}).await;
    let mut client = client(app.address).await;
    post::says("TP0000000001", &[&[400, 398]]);
    let first = client.track(posted_now("TP0000000001")).await.unwrap();
    let first = first.into_inner();
    assert_eq!(first.shipments.len(), 1);
    // The carrier has forgotten the earlier use, and no event is in both answers.
    post::says("TP0000000001", &[&[2]]);
    let both = client.track(posted_now("TP0000000001")).await.unwrap();
    let both = both.into_inner();
    assert_eq!(both.shipments.len(), 2);
    assert!(ids(&both).is_superset(&ids(&first)));
    assert_eq!(both.shipments[1].id, first.shipments[0].id, "newest first");
    // What comes next belongs to the use that is nearest in time, although nothing is shared.
    post::says("TP0000000001", &[&[1]]);
    let again = client.track(posted_now("TP0000000001")).await.unwrap();
    let again = again.into_inner();
    assert_eq!(ids(&again), ids(&both));
    assert_eq!(again.shipments[0].event_count, 2);
    // The day of shipping tells the uses apart.
    post::says("TP0000000001", &[&[400, 398], &[2, 1]]);
    let hinted = |day: i64| {
        let at = Clock::system().now() - jiff::SignedDuration::from_hours(24 * day);
        let date = at.to_zoned(jiff::tz::TimeZone::UTC).date();
        v1::TrackRequest {
            hints: Some(v1::Hints {
                ship_date: date.to_string(),
                ..Default::default()
            }),
            ..posted("TP0000000001")
        }
    };
    let recent = client.track(hinted(3)).await.unwrap().into_inner();
    assert_eq!(recent.shipments[0].id, again.shipments[0].id);
    assert_eq!(ids(&recent), ids(&both), "each report finds its own");
    app.stop().await;
}

#[tokio::test]
async fn silence_of_some_months_is_not_a_new_shipment() {
    let app = post_office(|_| {}).await;
    let mut client = client(app.address).await;
    post::says("TP0000000002", &[&[100]]);
    let first = client.track(posted_now("TP0000000002")).await.unwrap();
    post::says("TP0000000002", &[&[1]]);
    let second = client.track(posted_now("TP0000000002")).await.unwrap();
    assert_eq!(ids(&second.into_inner()), ids(&first.into_inner()));
    app.stop().await;
}

#[tokio::test]
async fn an_answer_given_again_knows_of_a_new_use_of_its_number() {
    let app = post_office(|_| {}).await;
    let mut client = client(app.address).await;
    post::says("TP0000000003", &[&[300]]);
    for _ in 0..3 {
        let held = client.track(posted("TP0000000003")).await.unwrap();
        assert_eq!(held.into_inner().shipments.len(), 1);
    }
    post::says("TP0000000003", &[&[1]]);
    client.track(posted_now("TP0000000003")).await.unwrap();
    let held = client.track(posted("TP0000000003")).await.unwrap();
    assert_eq!(held.into_inner().shipments.len(), 2);
    app.stop().await;
}

#[tokio::test]
async fn an_answer_young_enough_for_the_caller_is_fresh() {
    let app = post_office(|config| config.freshness.transit = Duration::from_millis(1)).await;
    let mut client = client(app.address).await;
    post::says("TP0000000004", &[&[1]]);
    client.track(posted("TP0000000004")).await.unwrap();
    tokio::time::sleep(Duration::from_millis(5)).await;
    let patient = v1::TrackRequest {
        max_age: Some(prost_types::Duration {
            seconds: 3_600,
            nanos: 0,
        }),
        ..posted("TP0000000004")
    };
    let held = client.track(patient).await.unwrap().into_inner();
    assert_eq!(held.freshness.unwrap().state(), FreshnessState::Fresh);
    assert_eq!(held.outcomes[0].result(), SourceResult::SkippedFresh);
    app.stop().await;
}

#[tokio::test]
async fn nothing_held_has_no_age() {
    let app = post_office(|_| {}).await;
    let mut client = client(app.address).await;
    let request = v1::TrackRequest {
        cache_only: true,
        ..posted("TP0000000005")
    };
    let empty = client.track(request).await.unwrap().into_inner();
    assert!(empty.shipments.is_empty());
    let freshness = empty.freshness.unwrap();
    assert_eq!(freshness.state(), FreshnessState::Unspecified);
    assert_eq!(freshness.fetch_time, None);
    app.stop().await;
}

#[tokio::test]
async fn after_a_failed_refresh_stale_data_says_why_and_the_source_gets_a_rest() {
    let world = World::start(|config| {
        config.freshness.terminal = Duration::from_millis(1);
        config.freshness.stale_while_revalidate = 1_000_000;
        config.freshness.fault = Duration::from_secs(600);
        config.guard.retry.attempts = std::num::NonZeroU32::MIN;
    })
    .await;
    let mut client = world.client().await;
    let number = world.ups_number("delivered");
    client.track(track(&number)).await.unwrap();
    let broken = Fault::Status(
        http::StatusCode::BAD_GATEWAY,
        waybill_simulator::ErrorBody::Html,
    );
    world.simulator.ups().set_fault(Some(broken));
    tokio::time::sleep(Duration::from_millis(5)).await;
    let mut last = None;
    eventually("the refresh behind fails", async || {
        let answer = client.track(track(&number)).await.unwrap().into_inner();
        let state = answer.freshness.as_ref().unwrap().state();
        last = Some(answer);
        state == FreshnessState::StaleSourcesDown
    })
    .await;
    let answer = last.unwrap();
    let freshness = answer.freshness.unwrap();
    assert!(!freshness.revalidating && !answer.partial);
    let (attempt, fetch) = (freshness.last_attempt_time, freshness.fetch_time);
    let nanos = |at: Option<prost_types::Timestamp>| {
        let at = at.unwrap();
        (at.seconds, at.nanos)
    };
    assert!(nanos(attempt) > nanos(fetch));
    let outcome = &answer.outcomes[0];
    assert_eq!(outcome.result(), SourceResult::Unavailable);
    assert_eq!(outcome.fetch_time, fetch, "whose data it still is");
    let asked = world.simulator.ups().requests_for(&number);
    for _ in 0..5 {
        client.track(track(&number)).await.unwrap();
    }
    assert_eq!(world.simulator.ups().requests_for(&number), asked);
    // Whoever insists is not held back, and what then comes is news again.
    world.simulator.ups().set_fault(None);
    let live = client.track(ask(&number)).await.unwrap().into_inner();
    assert_eq!(live.freshness.unwrap().state(), FreshnessState::Live);
    world.stop().await;
}

#[tokio::test]
async fn a_restart_keeps_records_their_age_and_the_sources_least_interval() {
    let folder = tempfile::tempdir().unwrap();
    let simulator = simulator(Duration::from_secs(72 * 3_600)).await;
    let number = simulator.ups().scenario("in-transit").unwrap().number;
    let settings = || {
        let mut config = config(&simulator);
        config.store.data_dir = folder.path().to_owned();
        for section in config.sources.values_mut() {
            let limits = section["limits"].as_table_mut().unwrap();
            limits.insert("min_interval".to_owned(), "1h".into());
        }
        config
    };
    let start = async |config| {
        let started = app::start(config, common::registry(), Clock::system());
        started.await.unwrap()
    };
    let app = start(settings()).await;
    let first = client(app.address).await.track(track(number)).await;
    let first = first.unwrap().into_inner();
    app.stop().await;

    let asked = simulator.ups().requests_for(number);
    let app = start(settings()).await;
    let held = client(app.address).await.track(ask(number)).await;
    let held = held.unwrap().into_inner();
    assert_eq!(held.shipments, first.shipments);
    assert_eq!(held.outcomes[0].fetch_time, first.outcomes[0].fetch_time);
    let (now, then) = (held.freshness.unwrap(), first.freshness.unwrap());
    assert_eq!(now.state(), FreshnessState::Fresh);
    assert_eq!(now.fetch_time, then.fetch_time);
    assert_eq!(now.fresh_until, then.fresh_until);
    assert_eq!(simulator.ups().requests_for(number), asked);
    app.stop().await;

    // Without the source the record is still an answer.
    let mut config = settings();
    config.sources.clear();
    let app = start(config).await;
    let mut client = client(app.address).await;
    let held = client.track(track(number)).await.unwrap().into_inner();
    assert_eq!(held.shipments, first.shipments);
    let request = v1::GetShipmentRequest {
        id: first.shipments[0].id.clone(),
        ..Default::default()
    };
    let held = client.get_shipment(request).await.unwrap().into_inner();
    assert_eq!(held.shipment.as_ref(), first.shipments.first());
    app.stop().await;
    simulator.stop().await;
}

#[tokio::test]
async fn whoever_waits_for_all_waits_for_a_refresh_as_well() {
    let app = post_office(|config| {
        config.freshness.transit = Duration::from_millis(1);
        config.freshness.stale_while_revalidate = 1_000_000;
    })
    .await;
    let mut client = client(app.address).await;
    post::says("TP0000000006", &[&[1]]);
    client.track(posted("TP0000000006")).await.unwrap();
    tokio::time::sleep(Duration::from_millis(5)).await;
    let request = v1::TrackRequest {
        wait_for_all_sources: true,
        ..posted("TP0000000006")
    };
    let live = client.track(request).await.unwrap().into_inner();
    assert_eq!(live.outcomes[0].result(), SourceResult::Found);
    let freshness = live.freshness.unwrap();
    assert_eq!(freshness.state(), FreshnessState::Live);
    assert!(!freshness.revalidating);
    app.stop().await;
}

#[tokio::test]
async fn a_stream_on_a_number_hears_what_time_alone_changes() {
    let mut config = Config::default();
    config.server.listen = common::ANY;
    config.server.side = common::ANY;
    config
        .sources
        .insert(post::CARRIER.to_owned(), toml::Table::new());
    let clock = Clock::manual(Clock::system().now());
    let app = app::start(config, post::registry(), clock.clone())
        .await
        .unwrap();
    let mut client = client(app.address).await;
    post::says("TP0000000007", &[&[1]]);
    let key = v1::ShipmentKey {
        key: Some(v1::shipment_key::Key::TrackingNumber("TP0000000007".into())),
        carrier: post::CARRIER.into(),
        ..Default::default()
    };
    let request = v1::FollowRequest {
        open: Some(v1::WatchOpen {
            target: Some(v1::watch_open::Target::Shipments(v1::WatchShipments {
                shipments: vec![key],
            })),
            ..Default::default()
        }),
    };
    let mut stream = client.follow(request).await.unwrap().into_inner();
    let mut held: Option<v1::Shipment> = None;
    loop {
        match stream.message().await.unwrap().unwrap().kind.unwrap() {
            v1::watch_message::Kind::Update(update) => held = update.shipment,
            v1::watch_message::Kind::Synced(_) => break,
            _ => {}
        }
    }
    let held = held.unwrap();
    // Months of silence; another caller is the first to notice.
    clock.advance(Duration::from_secs(90 * 24 * 3_600));
    let request = v1::TrackRequest {
        cache_only: true,
        ..posted("TP0000000007")
    };
    let aged = client.track(request).await.unwrap().into_inner();
    let aged = &aged.shipments[0];
    assert!(aged.revision > held.revision);
    let next = async {
        loop {
            let message = stream.message().await.unwrap().unwrap();
            if let Some(v1::watch_message::Kind::Update(update)) = message.kind {
                return update;
            }
        }
    };
    let update = tokio::time::timeout(Duration::from_secs(20), next).await;
    let update = update.expect("the stream hears of it");
    assert_eq!(update.shipment.as_ref(), Some(aged));
    assert_eq!(update.previous_revision, held.revision);
    app.stop().await;
}
