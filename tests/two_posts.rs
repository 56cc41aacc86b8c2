//! A postal number is known at both ends of its way, and the second post is asked once it can know it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::World;
use common::every::section;
use common::own::{advance, codes, finds, full, standing};
use waybill::v1::{
    self, EventCode, ExceptionCategory, FreshnessState, LegRole, QualityFindingKind, SourceResult,
};
use waybill_simulator::Source;

/// Accepted in Shenzhen 92 hours after the start of the scripts, out of the export office after 102,
/// on the screens of the post in Ohio after 130.
const NUMBER: &str = "LZ261101065CN";
const ORIGIN: &str = "china-post";
const THERE: &str = "usps";

async fn posts(ids: &'static [&'static str]) -> World {
    let world = standing(|_| ()).await;
    let simulator = world.simulator;
    let clock = world.clock;
    world.app.stop().await;
    let mut config = common::config(&simulator);
    config.sources.clear();
    for id in ids {
        let source = simulator.source(id).unwrap();
        config.sources.insert((*id).to_owned(), section(source));
    }
    let app = waybill::app::start(config, common::registry(), clock.clone());
    let app = app.await.unwrap();
    World {
        simulator,
        app,
        clock,
    }
}

fn to(country: &str) -> v1::TrackRequest {
    v1::TrackRequest {
        hints: Some(v1::Hints {
            destination_country: country.to_owned(),
            ..Default::default()
        }),
        ..full(NUMBER)
    }
}

fn now(request: v1::TrackRequest) -> v1::TrackRequest {
    v1::TrackRequest {
        max_age: Some(prost_types::Duration::default()),
        ..request
    }
}

async fn ask(world: &World, request: v1::TrackRequest) -> v1::TrackResponse {
    let mut client = world.client().await;
    client.track(request).await.unwrap().into_inner()
}

fn outcome<'a>(answer: &'a v1::TrackResponse, carrier: &str) -> Option<&'a v1::SourceOutcome> {
    let mut outcomes = answer.outcomes.iter();
    outcomes.find(|outcome| outcome.carrier == carrier)
}

fn result(answer: &v1::TrackResponse, carrier: &str) -> SourceResult {
    outcome(answer, carrier).unwrap().result()
}

fn asked(world: &World, id: &str) -> u64 {
    let source: &dyn Source = world.simulator.source(id).unwrap();
    source.requests_for(NUMBER)
}

#[tokio::test]
async fn the_post_of_the_destination_is_asked_once_the_item_has_left() {
    let world = posts(&[ORIGIN, THERE]).await;
    advance(&world, 94);
    for _ in 0..3 {
        let answer = ask(&world, now(to("US"))).await;
        assert_eq!(result(&answer, ORIGIN), SourceResult::Found);
        assert_eq!(result(&answer, THERE), SourceResult::SkippedNotNeeded);
        assert_eq!(answer.shipments[0].carrier, ORIGIN);
        advance(&world, 2);
    }
    assert_eq!(asked(&world, THERE), 0);
    // What is fresh is fresh, whoever was not asked.
    let again = ask(&world, to("US")).await;
    let state = again.freshness.unwrap().state();
    assert_ne!(state, FreshnessState::StaleSourcesDown);

    // The same call that brings the departure brings the question to the other post.
    advance(&world, 6);
    let answer = ask(&world, now(to("US"))).await;
    let left = EventCode::DepartedExportOffice;
    assert_eq!(codes(&answer.shipments[0]).last(), Some(&left));
    assert_eq!(result(&answer, ORIGIN), SourceResult::Found);
    assert_eq!(result(&answer, THERE), SourceResult::NotFound);
    assert_eq!(asked(&world, THERE), 1);
    assert_eq!(answer.shipments[0].carrier, ORIGIN);

    // Its news reaches the record, and it has the item from then on.
    advance(&world, 58);
    let answer = ask(&world, now(to("US"))).await;
    assert_eq!(result(&answer, THERE), SourceResult::Found);
    let [record] = &answer.shipments[..] else {
        panic!("{} shipments", answer.shipments.len());
    };
    assert_eq!(record.carrier, THERE);
    let legs: Vec<_> = record
        .legs
        .iter()
        .map(|leg| (&*leg.carrier, leg.role()))
        .collect();
    assert_eq!(
        legs,
        [(ORIGIN, LegRole::FirstMile), (THERE, LegRole::LastMile)]
    );
    assert!(record.legs.iter().all(|leg| leg.tracking_number == NUMBER));
    world.stop().await;
}

#[tokio::test]
async fn the_post_that_gave_it_away_may_be_silent() {
    let world = posts(&[ORIGIN, THERE]).await;
    advance(&world, 164);
    let answer = ask(&world, now(to("US"))).await;
    assert_eq!(answer.shipments[0].carrier, THERE);
    let id = answer.shipments[0].id.clone();
    let before = outcome(&answer, ORIGIN).unwrap().fetch_time;

    world.simulator.source(ORIGIN).unwrap().down().await;
    advance(&world, 50);
    let answer = ask(&world, now(to("US"))).await;
    assert_eq!(result(&answer, THERE), SourceResult::Found);
    assert_eq!(outcome(&answer, ORIGIN).unwrap().fetch_time, before);
    // Right after it nobody has to be asked, and the age is that of the post that has the item.
    let held = ask(&world, to("US")).await;
    let freshness = held.freshness.unwrap();
    assert_eq!(freshness.state(), FreshnessState::Fresh);
    assert_eq!(
        freshness.fetch_time,
        outcome(&held, THERE).unwrap().fetch_time
    );
    let record = &held.shipments[0];
    assert_eq!((&record.id, &*record.carrier), (&id, THERE));
    let silent = |one: &v1::ShipmentException| one.category() == ExceptionCategory::NoUpdate;
    assert!(!record.exceptions.iter().any(silent));
    assert!(!finds(record, QualityFindingKind::FeedStale));
    world.stop().await;
}

#[tokio::test]
async fn a_late_first_question_goes_to_both_posts_at_once() {
    let world = posts(&[ORIGIN, THERE]).await;
    advance(&world, 164);
    let answer = ask(&world, to("US")).await;
    assert_eq!(result(&answer, ORIGIN), SourceResult::Found);
    assert_eq!(result(&answer, THERE), SourceResult::Found);
    assert_eq!((asked(&world, ORIGIN), asked(&world, THERE)), (1, 1));
    // Whoever asks for the shipment by its id asks both as well.
    advance(&world, 2);
    let id = answer.shipments[0].id.clone();
    let request = v1::GetShipmentRequest {
        id,
        max_age: Some(prost_types::Duration::default()),
        ..Default::default()
    };
    world.client().await.get_shipment(request).await.unwrap();
    assert_eq!((asked(&world, ORIGIN), asked(&world, THERE)), (2, 2));
    world.stop().await;
}

#[tokio::test]
async fn a_post_that_no_source_speaks_for_is_named() {
    let world = posts(&[ORIGIN]).await;
    advance(&world, 94);
    let answer = ask(&world, now(to("US"))).await;
    assert!(outcome(&answer, THERE).is_none(), "it is too early to know");
    advance(&world, 12);
    let answer = ask(&world, now(to("US"))).await;
    let missing = outcome(&answer, THERE).unwrap();
    assert_eq!(missing.result(), SourceResult::SkippedNoSource);
    assert_eq!(missing.source, "");
    let state = answer.freshness.unwrap().state();
    assert_eq!(state, FreshnessState::Live);
    let held = ask(&world, to("US")).await;
    assert_eq!(held.freshness.unwrap().state(), FreshnessState::Fresh);
    assert!(outcome(&held, THERE).is_some());
    world.stop().await;
}
