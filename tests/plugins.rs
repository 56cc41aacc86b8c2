//! Sources whose adapters are processes of their own: they work like any other, and fail alone.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests"
)]

mod common;

use std::time::Duration;

use bytes::Bytes;
use common::plugin::{Does, NUMBER, Running, claim, failed, failure, found, report};
use common::python::{self, Hare};
use common::{World, ask, span};
use prost::Message;
use tonic::Code;
use waybill::adapter::v1 as wire;
use waybill::adapter::v1::fetch_response::Answer;
use waybill::config::{Config, PluginSettings};
use waybill::remote::Remote;
use waybill::v1;
use waybill::v1::SourceResult;
use waybill_core::adapter::{Adapter, Ctx, Query, Subscription};
use waybill_core::error::{ErrorKind, Retry};
use waybill_core::number::TrackingNumber;

/// A gateway with the plug-in `acme` that asks again at once after a failure.
async fn world(plugin: PluginSettings, change: impl FnOnce(&mut Config)) -> World {
    World::start(|config| {
        config.plugins.insert("acme".to_owned(), plugin);
        config.freshness.fault = Duration::from_millis(1);
        config.guard.retry.attempts = std::num::NonZeroU32::MIN;
        config.guard.breaker.base = Duration::from_secs(600);
        config.guard.breaker.max = Duration::from_secs(600);
        change(config);
    })
    .await
}

fn to_acme(number: &str) -> v1::TrackRequest {
    v1::TrackRequest {
        carrier: "acme".to_owned(),
        ..ask(number)
    }
}

/// What became of the plug-in in a call for a number.
async fn outcome(world: &World, number: &str) -> v1::SourceOutcome {
    let outcomes = match world.client().await.track(to_acme(number)).await {
        Ok(answer) => answer.into_inner().outcomes,
        Err(status) => {
            let details = tonic_types::pb::Status::decode(status.details())
                .unwrap()
                .details;
            let any = details
                .iter()
                .find(|any| any.type_url.ends_with("SourceOutcomes"));
            let any = any.unwrap_or_else(|| panic!("{status:?}"));
            v1::SourceOutcomes::decode(&*any.value).unwrap().outcomes
        }
    };
    assert_eq!(outcomes.len(), 1);
    assert_eq!(outcomes[0].source, "acme");
    outcomes[0].clone()
}

/// Asks until the breaker trips; before each question another source is asked, which must not
/// notice. Returns what the plug-in's calls came to.
async fn until_tripped(world: &World) -> Vec<SourceResult> {
    let mut results = Vec::new();
    let mut client = world.client().await;
    while results.last() != Some(&SourceResult::Tripped) && results.len() < 10 {
        let other = client.track(ask(&world.ups_number("delivered"))).await;
        let other = other.unwrap().into_inner();
        assert_eq!(other.outcomes[0].result(), SourceResult::Found);
        tokio::time::sleep(Duration::from_millis(5)).await;
        results.push(outcome(world, NUMBER).await.result());
    }
    results
}

#[tokio::test]
async fn a_plug_in_answers_like_any_source() {
    let mut odd = report(NUMBER);
    odd.claims.push(claim(644, "2026-03-01T13:00"));
    odd.destination = Some(v1::Location {
        country_code: "DE".to_owned(),
        ..Default::default()
    });
    let plugin = Running::start(Does::Says(vec![found(0, vec![odd])])).await;
    let world = world(plugin.settings.clone(), |_| {}).await;
    let mut request = to_acme(NUMBER);
    request.view = v1::ShipmentView::Full as i32;
    request.hints = Some(v1::Hints {
        postal_code: "12345".to_owned(),
        phone_last_four: "1234".to_owned(),
        ..Default::default()
    });
    let answer = world
        .client()
        .await
        .track(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(answer.outcomes[0].result(), SourceResult::Found);
    let record = &answer.shipments[0];
    assert_eq!(
        (record.carrier.as_str(), record.tracking_number.as_str()),
        ("acme", NUMBER)
    );
    assert_eq!(record.status(), v1::ShipmentStatus::InTransit);
    assert_eq!(record.destination.as_ref().unwrap().country_code, "DE");
    let codes: Vec<i32> = record.events.iter().map(|event| event.code).collect();
    assert_eq!(codes, [999, 301, 201], "an unknown number is unmapped");
    let unmapped = &record.events[0].observations[0];
    assert_eq!(unmapped.native_code, "X9");
    assert_eq!(unmapped.native_text, "Went by");
    assert_eq!(unmapped.mapping_basis(), v1::MappingBasis::None);
    assert_eq!(unmapped.language, "en");
    assert_eq!(unmapped.evidence_root, "acme");
    let time = record.events[2].time.as_ref().unwrap();
    assert_eq!(
        time.instant.unwrap().seconds,
        1_772_355_600,
        "10:00 in Berlin"
    );

    let asked = plugin.asked.lock().unwrap()[0].queries[0].clone();
    let hints = asked.shipment.unwrap().hints.unwrap();
    assert_eq!(hints.postal_code, "12345");
    assert_eq!(
        hints.phone_last_four, "",
        "a hint that it cannot use is not sent"
    );
    let carrier = v1::GetCarrierRequest {
        id: "acme".to_owned(),
    };
    let carrier = world.carriers().await.get_carrier(carrier).await.unwrap();
    assert_eq!(carrier.into_inner().carrier.unwrap().sources, ["acme"]);
    world.stop().await;
}

#[tokio::test]
async fn a_slow_plug_in_times_out_and_is_left_alone() {
    let mut plugin = Running::start(Does::Hangs).await;
    plugin.settings.timeout = span(100);
    let world = world(plugin.settings.clone(), |_| {}).await;
    let results = until_tripped(&world).await;
    assert_eq!(results[..5], [SourceResult::Timeout; 5]);
    assert_eq!(results[5..], [SourceResult::Tripped]);
    world.stop().await;
}

#[tokio::test]
async fn a_dead_plug_in_is_unavailable_and_is_left_alone() {
    let plugin = Running::start(Does::Hangs).await;
    let settings = plugin.settings.clone();
    drop(plugin);
    let world = world(settings, |_| {}).await;
    let results = until_tripped(&world).await;
    assert!(
        results[..5]
            .iter()
            .all(|result| *result == SourceResult::Unavailable),
        "{results:?}"
    );
    assert_eq!(results[5..], [SourceResult::Tripped]);
    world.stop().await;
}

#[tokio::test]
async fn a_plug_in_that_answers_nonsense_is_malformed_and_is_left_alone() {
    let plugin = Running::start(Does::Says(vec![found(7, vec![report(NUMBER)])])).await;
    let world = world(plugin.settings.clone(), |_| {}).await;
    let results = until_tripped(&world).await;
    assert_eq!(results[..5], [SourceResult::Malformed; 5]);
    assert_eq!(results[5..], [SourceResult::Tripped]);
    world.stop().await;
}

#[tokio::test]
async fn every_kind_of_nonsense_is_named() {
    let plugin = Running::start(Does::Hangs).await;
    let adapter = plugin.adapter(|_| {});
    let with = |change: &dyn Fn(&mut wire::SourceReport)| {
        let mut report = report(NUMBER);
        change(&mut report);
        vec![found(0, vec![report])]
    };
    let time = |text: &'static str| with(&move |report| report.claims[0] = claim(201, text));
    let good = || found(0, vec![report(NUMBER)]);
    for (messages, expected) in [
        (vec![], "no answer"),
        (vec![good(), good()], "twice"),
        (vec![good(), found(1, vec![report(NUMBER)])], "not asked"),
        (vec![wire::FetchResponse::default()], "empty"),
        (vec![found(0, vec![])], "reports nothing"),
        (vec![found(0, vec![report(NUMBER); 101])], "100 shipments"),
        (with(&|it| it.tracking_number.clear()), "no tracking number"),
        (
            with(&|it| it.evidence_root = "A b".to_owned()),
            "carrier id",
        ),
        (
            with(&|it| it.claims = vec![it.claims[0].clone(); 1_001]),
            "1,000 rows",
        ),
        (with(&|it| it.claims[0].time = None), "no time"),
        (
            with(&|it| it.claims[0].native_code = "x".repeat(129)),
            "128",
        ),
        (
            with(&|it| it.service = "x".repeat(5 * 1_024 * 1_024)),
            "too large",
        ),
        (time("yesterday"), "time that is none"),
        (time("0001-01-01T00:00"), "time that is none"),
        (time("2026-02-30"), "time that is none"),
        (time("2026-03-01T10:00Z"), "time that is none"),
        (vec![failed(SourceResult::Tripped)], "result that is none"),
        (vec![failed(SourceResult::Found)], "result that is none"),
    ] {
        plugin.says(messages);
        let error = fetch(&adapter, &[NUMBER])
            .await
            .remove(0)
            .err()
            .expect(expected);
        assert_eq!(error.kind, ErrorKind::Malformed, "{expected}");
        assert!(error.message.contains(expected), "{expected}: {error}");
    }
}

#[tokio::test]
async fn failures_keep_their_kind_and_advice_but_no_text() {
    let plugin = Running::start(Does::Hangs).await;
    let adapter = plugin.adapter(|_| {});
    for (result, kind) in [
        (SourceResult::NotFound, ErrorKind::NotFound),
        (SourceResult::SkippedUnsupported, ErrorKind::Unsupported),
        (SourceResult::SkippedHintMissing, ErrorKind::HintRequired),
        (SourceResult::Throttled, ErrorKind::Throttled),
        (SourceResult::Unavailable, ErrorKind::Unavailable),
        (SourceResult::Denied, ErrorKind::Denied),
        (SourceResult::Malformed, ErrorKind::Malformed),
        (SourceResult::Rejected, ErrorKind::InvalidQuery),
        (SourceResult::Internal, ErrorKind::Internal),
    ] {
        let mut failure = failure(result);
        failure.native_code = "E-17".to_owned();
        failure.retry_delay = Some(prost_types::Duration {
            seconds: 7,
            nanos: 0,
        });
        let answer = Some(Answer::Failure(failure));
        plugin.says(vec![wire::FetchResponse { index: 0, answer }]);
        let error = fetch(&adapter, &[NUMBER]).await.remove(0).err().unwrap();
        assert_eq!((error.kind, error.native_code.as_str()), (kind, "E-17"));
        assert_eq!(error.retry, Retry::After(Duration::from_secs(7)));
    }
    for (code, kind) in [
        (Code::ResourceExhausted, ErrorKind::Throttled),
        (Code::PermissionDenied, ErrorKind::Denied),
        (Code::Unauthenticated, ErrorKind::Denied),
        (Code::InvalidArgument, ErrorKind::InvalidQuery),
        (Code::Unimplemented, ErrorKind::Unsupported),
        (Code::Unavailable, ErrorKind::Unavailable),
        (Code::Unknown, ErrorKind::Unavailable),
        (Code::Internal, ErrorKind::Malformed),
        (Code::DeadlineExceeded, ErrorKind::Timeout),
    ] {
        *plugin.does.lock().unwrap() = Does::Fails(code);
        let error = fetch(&adapter, &[NUMBER]).await.remove(0).err().unwrap();
        assert_eq!(error.kind, kind, "{code:?}");
        assert!(!error.message.contains(NUMBER));
    }
    let mut failure = failure(SourceResult::Rejected);
    failure.native_code = NUMBER.to_owned();
    let answer = Some(Answer::Failure(failure));
    plugin.says(vec![wire::FetchResponse { index: 0, answer }]);
    let error = fetch(&adapter, &[NUMBER]).await.remove(0).err().unwrap();
    assert_eq!(error.native_code, "", "a code that is the number is none");
}

#[tokio::test]
async fn answers_of_a_batch_come_in_any_order_and_fail_alone() {
    let plugin = Running::start(Does::Says(vec![
        found(2, vec![report("ACME000003")]),
        found(0, vec![report("ACME000001")]),
    ]))
    .await;
    let adapter = plugin.adapter(|settings| settings.batch = 3);
    let answers = fetch(&adapter, &["ACME000001", "ACME000002", "ACME000003"]).await;
    let number = |at: usize| {
        answers[at].as_ref().ok().unwrap()[0]
            .number
            .reveal()
            .to_owned()
    };
    assert_eq!(
        (number(0).as_str(), number(2).as_str()),
        ("ACME000001", "ACME000003")
    );
    let error = answers[1].as_ref().err().unwrap();
    assert_eq!(error.kind, ErrorKind::Malformed);
}

#[tokio::test]
async fn a_plug_in_that_is_not_what_is_configured_is_not_asked() {
    let plugin = Running::start(Does::Says(vec![found(0, vec![report(NUMBER)])])).await;
    for (adapter, expected) in [
        (
            plugin.adapter(|it| it.carrier = "other".to_owned()),
            "another carrier",
        ),
        (plugin.adapter(|it| it.batch = 4), "fewer queries"),
    ] {
        let error = fetch(&adapter, &[NUMBER]).await.remove(0).err().unwrap();
        assert_eq!(error.kind, ErrorKind::Malformed);
        assert!(error.message.contains(expected), "{error}");
    }
    assert!(plugin.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn subscriptions_and_pushes_go_through() {
    let plugin = Running::start(Does::Hangs).await;
    let adapter = plugin.adapter(|settings| settings.batch = 2);
    let queries = ["ACME000001", "ACME000002"].map(query);
    let started = adapter
        .subscribe(ctx(), &queries, Subscription::Start)
        .await;
    let renewal = started[0].as_ref().unwrap().unwrap();
    assert_eq!(renewal.as_second(), 2_000_000_000);
    assert_eq!(started[1].as_ref().unwrap_err().kind, ErrorKind::Throttled);
    let ended = adapter.subscribe(ctx(), &queries, Subscription::Stop).await;
    assert_eq!(ended[0], Ok(None));

    let push = |signature: &str| {
        let push = http::Request::post("/push?a=b").header("X-Signature", signature);
        push.body(Bytes::from_static(NUMBER.as_bytes())).unwrap()
    };
    let now = jiff::Timestamp::now();
    let (good, bad) = (push("good"), push("bad"));
    let pushed = adapter.translate_push(&good, now).await.ok().unwrap();
    assert_eq!(pushed.id, "p1");
    assert_eq!(pushed.reports[0].number.reveal(), NUMBER);
    assert_eq!(pushed.poll[0].reveal(), "ACME000002");
    assert_eq!(pushed.reply.status(), 202);
    assert_eq!(pushed.reply.headers()["content-type"], "text/plain");
    assert_eq!(pushed.reply.body(), "thanks");
    let refused = adapter.translate_push(&bad, now).await.err().unwrap();
    assert_eq!(refused.kind, ErrorKind::Denied);
}

fn query(number: &str) -> Query {
    Query::of(TrackingNumber::parse(number).unwrap())
}

/// The way out that a plug-in does not use.
struct NoHttp;

impl waybill_core::adapter::Http for NoHttp {
    fn send(
        &self,
        _: http::Request<Bytes>,
    ) -> waybill_core::adapter::BoxFuture<
        '_,
        Result<http::Response<Bytes>, waybill_core::error::Error>,
    > {
        panic!("a plug-in has its own way out")
    }
}

fn ctx() -> Ctx<'static> {
    Ctx {
        http: &NoHttp,
        now: jiff::Timestamp::now(),
        within: Duration::from_secs(2),
    }
}

async fn fetch(adapter: &Remote, numbers: &[&str]) -> Vec<waybill_core::adapter::Answer> {
    let queries: Vec<Query> = numbers.iter().copied().map(query).collect();
    adapter.fetch(ctx(), &queries).await
}

/// The example as it is configured, at this address.
fn hare(address: &str) -> PluginSettings {
    let example = python::file("examples/plugin-python/waybill.toml");
    let mut example = waybill::config::load(Some(&example), []).unwrap();
    let mut settings = example.plugins.remove("hare").unwrap();
    settings.endpoint = format!("http://{address}");
    settings
}

fn to_hare(number: &str) -> v1::TrackRequest {
    v1::TrackRequest {
        carrier: "hare".to_owned(),
        view: v1::ShipmentView::Full as i32,
        ..ask(number)
    }
}

#[tokio::test]
async fn the_example_in_python_works() {
    let (_carrier, api) = python::carrier().await;
    let plugin = Hare::start(&api).await;
    let world = World::start(|config| {
        config
            .plugins
            .insert("hare".to_owned(), hare(&plugin.address));
    })
    .await;
    let mut client = world.client().await;
    let answer = client.track(to_hare("HARE000000017")).await;
    let answer = answer.unwrap().into_inner();
    let record = &answer.shipments[0];
    assert_eq!(record.status(), v1::ShipmentStatus::OutForDelivery);
    assert_eq!(record.service, "Hare Night");
    let codes: Vec<i32> = record.events.iter().map(|event| event.code).collect();
    assert_eq!(codes, [502, 999, 304, 201]);
    let answer = client.track(to_hare("HARE000000026")).await;
    let answer = answer.unwrap().into_inner();
    assert_eq!(answer.outcomes[0].result(), SourceResult::NotFound);
    world.stop().await;
}

#[tokio::test]
async fn the_example_killed_in_mid_run_is_tripped_for_its_numbers_only() {
    let (_carrier, api) = python::carrier().await;
    let mut plugin = Hare::start(&api).await;
    let settings = hare(&plugin.address);
    let world = world(settings.clone(), |config| {
        config.plugins = [("hare".to_owned(), settings)].into();
    })
    .await;
    let mut client = world.client().await;
    let (known, other) = ("HARE000000017", world.ups_number("delivered"));
    let first = client.track(to_hare(known)).await.unwrap().into_inner();
    assert_eq!(first.outcomes[0].result(), SourceResult::Found);
    plugin.child.kill().await.unwrap();

    let mut results = Vec::new();
    while results.last() != Some(&SourceResult::Tripped) && results.len() < 10 {
        tokio::time::sleep(Duration::from_millis(5)).await;
        let answer = client.track(to_hare(known)).await.unwrap().into_inner();
        results.push(answer.outcomes[0].result());
        assert_eq!(
            answer.shipments[0].status(),
            v1::ShipmentStatus::OutForDelivery,
            "what is known stays known"
        );
        let answer = client.track(ask(&other)).await.unwrap().into_inner();
        assert_eq!(answer.outcomes.len(), 1, "the plug-in is not asked for it");
        assert_eq!(answer.outcomes[0].result(), SourceResult::Found);
    }
    assert_eq!(results.last(), Some(&SourceResult::Tripped), "{results:?}");
    assert!(results.contains(&SourceResult::Unavailable), "{results:?}");

    let unknown = client.track(to_hare("HARE000000026")).await.unwrap_err();
    assert_eq!(unknown.code(), Code::Unavailable);
    let answer = client.track(ask(&other)).await.unwrap().into_inner();
    assert_eq!(answer.outcomes[0].result(), SourceResult::Found);
    world.stop().await;
}
