//! What sources cost: calls stay within the budget of the day, and the metrics say what was spent.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::time::Duration;

use common::every::world;
use common::{ask, side, trailers};
use tonic::Code;
use tonic_types::StatusExt;
use waybill::clock::Clock;
use waybill::v1::{self, SourceResult};
use waybill_simulator::Kind;

const DAY: Duration = Duration::from_secs(86_400);

#[tokio::test]
async fn a_paid_source_is_asked_until_the_budget_of_the_day_is_used_up() {
    let world = world(|config| {
        let section = config.sources.get_mut("kuaidi100").unwrap();
        section.insert("cost".to_owned(), "0.25".into());
        config.routing.daily_budget = "0.5".parse().unwrap();
    })
    .await;
    let paid = world.simulator.source("kuaidi100").unwrap();
    let mut client = world.client().await;
    let request = |n| v1::TrackRequest {
        sources: vec!["kuaidi100".to_owned()],
        allow_paid: true,
        ..ask(&paid.load_number(n))
    };
    for n in 0..2 {
        let found = client.track(request(n)).await.unwrap().into_inner();
        assert_eq!(found.outcomes[0].result(), SourceResult::Found);
    }
    let before = paid.requests();
    let status = client.track(request(2)).await.err().unwrap();
    assert_eq!(status.code(), Code::ResourceExhausted);
    let (reason, wait) = trailers(&status);
    assert_eq!(reason, "SOURCE_QUOTA");
    let wait = Duration::from_millis(wait.unwrap());
    assert!(!wait.is_zero() && wait <= DAY, "until midnight");
    let details = status.get_error_details();
    assert_eq!(
        details.error_info().unwrap().metadata["subject"],
        "kuaidi100"
    );

    // What is stored is still answered, and the outcome says why it is not newer.
    let held = client.track(request(0)).await.unwrap().into_inner();
    assert_eq!(held.shipments.len(), 1);
    assert_eq!(held.outcomes[0].result(), SourceResult::Throttled);
    let problem = held.outcomes[0].error.clone().unwrap();
    assert!(
        problem.message.contains("routing.daily_budget"),
        "{}",
        problem.message
    );
    assert!(problem.message.contains("00:00 UTC"), "{}", problem.message);
    assert!(problem.retry_delay.unwrap().seconds <= 86_400);
    assert_eq!(paid.requests(), before, "nothing has left");

    let metrics = side(&world, "/metrics").await;
    let spent = "waybill_source_spend_total{source=\"kuaidi100\",account=\"default\"} 500000";
    assert!(metrics.contains(spent), "{metrics}");
    world.stop().await;
}

#[tokio::test]
async fn a_source_with_a_price_is_asked_only_with_leave() {
    let world = world(|config| {
        let section = config.sources.get_mut("ups").unwrap();
        section.insert("cost".to_owned(), "1".into());
    })
    .await;
    let number = world.ups_number("delivered");
    let mut client = world.client().await;
    let refused = client.track(ask(&number)).await.err().unwrap();
    assert!(
        refused.message().contains("allow_paid"),
        "{}",
        refused.message()
    );
    let request = v1::TrackRequest {
        allow_paid: true,
        ..ask(&number)
    };
    let found = client.track(request).await.unwrap().into_inner();
    assert_eq!(found.shipments.len(), 1);
    world.stop().await;
}

#[tokio::test]
async fn a_restart_does_not_have_the_budget_of_the_day_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = None;
    let mut world = world(|config| {
        config.store.data_dir = folder.path().to_owned();
        let section = config.sources.get_mut("kuaidi100").unwrap();
        section.insert("cost".to_owned(), "0.25".into());
        section.insert("daily_budget".to_owned(), "0.5".into());
        settings = Some(config.clone());
    })
    .await;
    let paid = world.simulator.source("kuaidi100").unwrap();
    let request = |n| v1::TrackRequest {
        sources: vec!["kuaidi100".to_owned()],
        allow_paid: true,
        ..ask(&paid.load_number(n))
    };
    let mut client = world.client().await;
    for n in 0..2 {
        client.track(request(n)).await.unwrap();
    }
    let before = paid.requests();
    world.app.stop().await;
    world.app = waybill::app::start(settings.unwrap(), common::registry(), Clock::system())
        .await
        .unwrap();
    let mut client = world.client().await;
    let status = client.track(request(2)).await.err().unwrap();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(paid.requests(), before, "nothing has left");
    world.stop().await;
}

#[tokio::test]
async fn numbers_that_are_registered_are_billed_and_reading_is_free() {
    for (id, others) in [("17track", "aftership"), ("aftership", "17track")] {
        let world = world(|config| {
            config.sources.remove(others);
            let section = config.sources.get_mut(id).unwrap();
            section.insert("cost".to_owned(), "0.25".into());
            section.insert("daily_budget".to_owned(), "0.5".into());
        })
        .await;
        let source = world.simulator.source(id).unwrap();
        let mut client = world.client().await;
        let request = |number: &str| v1::TrackRequest {
            sources: vec![id.to_owned()],
            allow_paid: true,
            max_age: Some(prost_types::Duration::default()),
            ..ask(number)
        };
        // Numbers that it does not track yet: two can be paid for.
        let strange = [1, 2, 3].map(|n| world.simulator.source("ups").unwrap().load_number(n));
        for number in &strange[..2] {
            let _not_found_yet = client.track(request(number)).await;
        }
        let registered = source.requests_of(Kind::Register);
        assert_eq!(registered, 2, "{id}");
        let status = client.track(request(&strange[2])).await.err().unwrap();
        assert_eq!(status.code(), Code::ResourceExhausted, "{id}: {status:?}");
        assert_eq!(source.requests_of(Kind::Register), registered, "{id}");
        let known = client.track(request(&source.load_number(7))).await.unwrap();
        assert_eq!(known.into_inner().outcomes[0].result(), SourceResult::Found);
        let metrics = side(&world, "/metrics").await;
        let spent =
            format!("waybill_source_spend_total{{source=\"{id}\",account=\"default\"}} 500000");
        assert!(metrics.contains(&spent), "{metrics}");
        world.stop().await;
    }
}
