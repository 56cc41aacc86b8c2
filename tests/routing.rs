//! Which sources are asked, and in which order: every built-in source against
//! its fake, over real gRPC and HTTP.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::every::world;
use waybill::pipeline::Aggregators;
use waybill::v1::{self, SourceResult};
use waybill_simulator::{Kind, Simulator, Source};

fn source<'a>(simulator: &'a Simulator, id: &str) -> &'a dyn Source {
    simulator.source(id).unwrap()
}

fn result(response: &v1::TrackResponse, source: &str) -> Option<SourceResult> {
    let mut outcomes = response.outcomes.iter();
    let outcome = outcomes.find(|outcome| outcome.source == source)?;
    Some(outcome.result())
}

fn track(number: &str) -> v1::TrackRequest {
    v1::TrackRequest {
        tracking_number: number.to_owned(),
        ..Default::default()
    }
}

/// A valid S10 number of `country`, which no fake has.
fn s10(country: &str) -> String {
    let serial = [4, 7, 3, 1, 2, 4, 8, 2];
    let weights = [8, 6, 4, 2, 3, 5, 9, 7];
    let sum: u32 = serial.iter().zip(weights).map(|(a, b)| a * b).sum();
    let check = match 11 - sum % 11 {
        10 => 0,
        11 => 5,
        digit => digit,
    };
    let serial: String = serial.iter().map(u32::to_string).collect();
    format!("LX{serial}{check}{country}")
}

#[tokio::test]
async fn an_aggregator_is_asked_only_when_no_carrier_knows_the_number() {
    let world = world(|_| ()).await;
    let mut client = world.client().await;
    let known = world.simulator.source("ups").unwrap().load_number(5);
    let mut request = track(&known);
    request.allow_paid = true;
    let answer = client.track(request).await.unwrap().into_inner();
    assert_eq!(result(&answer, "ups"), Some(SourceResult::Found));
    assert_eq!(
        result(&answer, "17track"),
        Some(SourceResult::SkippedNotNeeded)
    );
    assert_eq!(source(&world.simulator, "17track").requests(), 0);

    let mut request = track(&s10("CN"));
    request.allow_paid = true;
    let answer = client.track(request).await.unwrap().into_inner();
    assert_eq!(result(&answer, "china-post"), Some(SourceResult::NotFound));
    let relayed = result(&answer, "17track").unwrap();
    assert_ne!(relayed, SourceResult::SkippedNotNeeded);
    assert!(source(&world.simulator, "17track").requests() > 0);
    world.stop().await;
}

#[tokio::test]
async fn what_bills_or_registers_is_asked_only_with_leave() {
    let world = world(|config| config.routing.aggregators = Aggregators::Beside).await;
    let mut client = world.client().await;
    let number = world.simulator.source("ups").unwrap().load_number(6);
    let answer = client.track(track(&number)).await.unwrap().into_inner();
    assert_eq!(result(&answer, "17track"), Some(SourceResult::SkippedPaid));
    let spent = source(&world.simulator, "17track");
    assert_eq!(spent.requests() + spent.requests_of(Kind::Register), 0);
    let mut request = track(&number);
    request.allow_paid = true;
    request.max_age = Some(prost_types::Duration::default());
    request.wait_for_all_sources = true;
    let answer = client.track(request).await.unwrap().into_inner();
    assert_ne!(result(&answer, "17track"), Some(SourceResult::SkippedPaid));
    assert!(spent.requests() > 0);
    world.stop().await;
}

#[tokio::test]
async fn a_postal_number_is_asked_at_both_ends_of_its_way() {
    let world = world(|_| ()).await;
    let mut client = world.client().await;
    let answer = client.track(track(&s10("CN"))).await.unwrap().into_inner();
    assert_eq!(result(&answer, "china-post"), Some(SourceResult::NotFound));
    let abroad = answer
        .outcomes
        .iter()
        .find(|outcome| outcome.source == "usps")
        .unwrap();
    assert_eq!(abroad.result(), SourceResult::SkippedHintMissing);
    assert_eq!(source(&world.simulator, "usps").requests(), 0);

    let mut request = track(&s10("CN"));
    request.hints = Some(v1::Hints {
        destination_country: "US".to_owned(),
        ..Default::default()
    });
    let answer = client.track(request).await.unwrap().into_inner();
    assert_eq!(result(&answer, "usps"), Some(SourceResult::NotFound));
    world.stop().await;
}
