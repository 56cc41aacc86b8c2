//! Which sources are asked, in which order and in how many requests: every built-in source against
//! its fake, over real gRPC and HTTP.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use std::collections::BTreeMap;
use std::time::Duration;

use common::every::world;
use tokio_stream::StreamExt;
use waybill::pipeline::Aggregators;
use waybill::v1::{self, SourceResult};
use waybill_simulator::{Fault, Kind, Simulator, Source, Target};

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

#[tokio::test]
async fn a_thousand_numbers_over_all_sources_share_requests() {
    let world = world(|config| {
        config.routing.batch_window = common::span(100);
        config.routing.aggregators = Aggregators::Missing;
    })
    .await;
    let direct = ["dhl", "ups", "fedex", "usps", "china-post", "sf"];
    let each = 1_000 / direct.len() as u64 + 1;
    let numbers = direct.iter().flat_map(|id| {
        let fake = source(&world.simulator, id);
        (0..each).map(|n| (*id, fake.load_number(n)))
    });
    let numbers: Vec<(&str, String)> = numbers.take(1_000).collect();
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for (id, _) in &numbers {
        *counts.entry(id).or_default() += 1;
    }
    // One source hangs: its own items are late, nobody else's.
    source(&world.simulator, "dhl").arm(Target::Api, Some(Fault::Hang), None);
    let request = v1::BatchTrackRequest {
        items: numbers
            .iter()
            .map(|(id, number)| v1::BatchTrackItem {
                tracking_number: number.clone(),
                correlation_id: (*id).to_owned(),
                ..Default::default()
            })
            .collect(),
        sources: direct.iter().map(|id| (*id).to_owned()).collect(),
        ..Default::default()
    };
    let mut request = tonic::Request::new(request);
    request.set_timeout(Duration::from_secs(60));
    let mut client = world.client().await;
    let mut stream = client.batch_track(request).await.unwrap().into_inner();
    let mut found: BTreeMap<String, u64> = BTreeMap::new();
    let mut results = 0;
    while let Some(message) = stream.next().await {
        match message.unwrap().message.unwrap() {
            v1::batch_track_response::Message::Result(result) => {
                results += 1;
                let is_found = matches!(
                    &result.outcome,
                    Some(v1::batch_track_result::Outcome::Response(answer))
                        if !answer.shipments.is_empty()
                );
                *found.entry(result.correlation_id).or_default() += u64::from(is_found);
            }
            v1::batch_track_response::Message::Summary(summary) => {
                assert_eq!(summary.success_count + summary.error_count, 1_000);
            }
        }
    }
    assert_eq!(results, 1_000);
    for id in direct.into_iter().filter(|id| *id != "dhl") {
        assert_eq!(found[id], counts[id], "{id}");
    }
    for (id, batch) in [("fedex", 30), ("usps", 35), ("ups", 1)] {
        let requests = source(&world.simulator, id).requests();
        assert_eq!(requests, counts[id].div_ceil(batch), "{id}");
    }
    world.stop().await;
}
