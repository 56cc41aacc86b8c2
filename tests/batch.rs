//! A batch of a thousand numbers over every built-in source, over real gRPC and HTTP: one result
//! each, few requests, and no source in the way of another.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use std::collections::BTreeSet;
use std::time::Duration;

use common::World;
use common::every::world;
use tonic::Streaming;
use waybill::pipeline::Aggregators;
use waybill::v1::batch_track_response::Message;
use waybill::v1::batch_track_result::Outcome;
use waybill::v1::{self, SourceResult};
use waybill_simulator::{Fault, Kind, Quota, Target};

/// Sources that are asked only about what no carrier knows.
const AGGREGATORS: [&str; 3] = ["kuaidi100", "17track", "aftership"];

/// Requests that a source needs beside those for tracking.
#[derive(Clone, Copy)]
enum Extra {
    None,
    /// One per number whose carrier nobody named: it is asked whose number it may be, and asked
    /// for the number only if it has a guess.
    Guess,
    /// One per number that it does not track yet: it answers to the creation of a tracking.
    Create,
    /// One for all numbers of a call that it does not track yet.
    Register,
}

/// Source, numbers that fit into one request with the settings here, tokens, other requests.
const REQUESTS: [(&str, u64, u64, Extra); 12] = [
    ("dhl", 1, 0, Extra::None),
    // Several numbers at once are an option of the account.
    ("dhl-express", 1, 0, Extra::None),
    ("dhl-parcel-de", 20, 0, Extra::None),
    ("fedex", 30, 1, Extra::None),
    ("ups", 1, 1, Extra::None),
    ("usps", 35, 1, Extra::None),
    ("china-post", 1, 0, Extra::None),
    // The contract interface; only the public page takes ten.
    ("cainiao", 1, 0, Extra::None),
    ("sf", 10, 0, Extra::None),
    ("kuaidi100", 1, 0, Extra::Guess),
    ("17track", 40, 0, Extra::Register),
    ("aftership", 20, 0, Extra::Create),
];

/// Items of a batch.
const COUNT: usize = 1_000;

/// Source ids with a number that the source knows: a thousand, evenly over all sources.
fn numbers(world: &World) -> Vec<(&'static str, String)> {
    let sources: Vec<_> = world.simulator.sources().collect();
    let share = sources.len();
    let number = |at: usize| {
        let source = sources[at % share];
        (source.id(), source.load_number((at / share) as u64))
    };
    (0..COUNT).map(number).collect()
}

async fn send(
    world: &World,
    numbers: &[(&'static str, String)],
) -> Streaming<v1::BatchTrackResponse> {
    let items = numbers.iter().map(|(id, number)| v1::BatchTrackItem {
        tracking_number: number.clone(),
        correlation_id: (*id).to_owned(),
        ..Default::default()
    });
    let mut request = tonic::Request::new(v1::BatchTrackRequest {
        items: items.collect(),
        allow_paid: true,
        ..Default::default()
    });
    request.set_timeout(Duration::from_secs(100));
    let mut client = world.client().await;
    client.batch_track(request).await.unwrap().into_inner()
}

/// Reads the whole stream: one result per item, then the summary, then the end.
async fn all(mut stream: Streaming<v1::BatchTrackResponse>) -> Vec<v1::BatchTrackResult> {
    let mut results = Vec::new();
    let mut summaries = Vec::new();
    while let Some(message) = stream.message().await.unwrap() {
        match message.message.unwrap() {
            Message::Result(result) => {
                assert!(summaries.is_empty(), "the summary comes last");
                results.push(result);
            }
            Message::Summary(summary) => summaries.push(summary),
        }
    }
    let indexes: BTreeSet<u32> = results.iter().map(|result| result.index).collect();
    assert_eq!((results.len(), indexes.len()), (COUNT, COUNT));
    assert_eq!(summaries.len(), 1);
    let total = summaries[0].success_count + summaries[0].error_count;
    assert_eq!(total as usize, COUNT);
    results
}

fn is_found(result: &v1::BatchTrackResult) -> bool {
    matches!(&result.outcome, Some(Outcome::Response(answer)) if !answer.shipments.is_empty())
}

#[tokio::test]
async fn a_thousand_numbers_share_requests() {
    let world = world(|config| {
        // Longer than it takes to look a thousand numbers up on a busy machine.
        config.routing.batch_window = common::span(2_500);
    })
    .await;
    for source in world.simulator.sources() {
        source.set_quota(Quota::UNLIMITED);
    }
    let numbers = numbers(&world);
    for result in all(send(&world, &numbers).await).await {
        assert!(
            is_found(&result),
            "{}: {:?}",
            result.correlation_id,
            result.outcome
        );
    }
    // Nobody but an aggregator knows these, so that all aggregators are asked for them.
    let relayed = |id: &str| AGGREGATORS.contains(&id);
    let relayed = numbers.iter().filter(|(id, _)| relayed(id)).count() as u64;
    let own = |of: &str| numbers.iter().filter(|(id, _)| *id == of).count() as u64;
    for (id, batch, tokens, extra) in REQUESTS {
        let source = world.simulator.source(id).unwrap();
        let asked = numbers.iter().map(|(_, number)| number);
        let asked = asked.filter(|number| source.requests_for(number) > 0);
        let is_asked_about = || asked.clone().count() as u64;
        // What the last item did not wait for is still on its way.
        common::eventually(id, async || {
            let extra = match extra {
                Extra::None => source.requests_of(Kind::Register) == 0,
                Extra::Guess => source.requests_of(Kind::Other) == relayed,
                Extra::Create => source.requests_of(Kind::Register) == relayed - own(id),
                Extra::Register => {
                    let registers = source.requests_of(Kind::Register);
                    (1..=source.requests_of(Kind::Tracking)).contains(&registers)
                }
            };
            extra
                && is_asked_about() >= own(id)
                && source.requests_of(Kind::Tracking) == is_asked_about().div_ceil(batch)
                && source.requests_of(Kind::Token) == tokens
                && source.requests_of(Kind::Packages) == 0
        })
        .await;
    }
    world.stop().await;
}

#[tokio::test]
async fn what_the_quotas_do_not_allow_is_told_when_to_come_back() {
    let world = world(|config| {
        config.routing.aggregators = Aggregators::Beside;
        for section in config.sources.values_mut() {
            section.remove("limits");
        }
    })
    .await;
    for source in world.simulator.sources() {
        source.set_quota(Quota::UNLIMITED);
    }
    let numbers = numbers(&world);
    let (mut found, mut throttled) = (0, 0);
    for result in all(send(&world, &numbers).await).await {
        if is_found(&result) {
            found += 1;
            continue;
        }
        let own = result.correlation_id.clone();
        let retry = match result.outcome.unwrap() {
            Outcome::Response(answer) => {
                let outcome = answer
                    .outcomes
                    .into_iter()
                    .find(|it| it.source == own)
                    .unwrap();
                assert_eq!(
                    outcome.result(),
                    SourceResult::Throttled,
                    "{own} {:?}",
                    outcome.error
                );
                outcome.error.unwrap().retry_delay
            }
            Outcome::Error(problem) => {
                assert_eq!(
                    problem.reason(),
                    v1::ErrorReason::SourceQuota,
                    "{own} {problem:?}"
                );
                problem.retry_delay
            }
        };
        let retry = Duration::try_from(retry.unwrap()).unwrap();
        assert!(!retry.is_zero());
        throttled += 1;
    }
    assert_eq!(found + throttled, COUNT);
    assert!(
        found > 0 && throttled > 0,
        "{found} found, {throttled} throttled"
    );
    world.stop().await;
}

#[tokio::test]
async fn a_source_that_hangs_delays_nobody_else() {
    let hanging = "dhl";
    let world = world(|config| {
        let limits = config.sources.get_mut(hanging).unwrap()["limits"]
            .as_table_mut()
            .unwrap();
        // Its items last as long as the batch; the others must not.
        limits.insert("timeout".to_owned(), "10m".into());
    })
    .await;
    for source in world.simulator.sources() {
        source.set_quota(Quota::UNLIMITED);
    }
    let numbers = numbers(&world);
    let waiting = world.simulator.source(hanging).unwrap();
    waiting.arm(Target::Api, Some(Fault::Hang), None);
    let others = numbers.iter().filter(|(id, _)| *id != hanging).count();
    let mut stream = send(&world, &numbers).await;
    let mut found = 0;
    while found < others {
        let Some(Message::Result(result)) = stream.message().await.unwrap().unwrap().message else {
            panic!("the stream ends before the others have come: {found} of {others}");
        };
        assert_ne!(result.correlation_id, hanging, "after {found} of {others}");
        assert!(
            is_found(&result),
            "{}: {:?}",
            result.correlation_id,
            result.outcome
        );
        found += 1;
    }
    drop(stream);
    world.stop().await;
}
