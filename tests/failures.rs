//! What a failed call looks like to a client.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

mod common;

use common::{World, ask, track, trailers};
use tonic::Code;
use tonic_types::StatusExt;
use waybill::v1::{self, SourceResult};
use waybill_simulator::{Fault, RetryAfter};

#[tokio::test]
async fn bad_input_names_the_field_and_the_reason() {
    let world = World::start(|_| {}).await;
    let mut client = world.client().await;
    let hints = |hints| v1::TrackRequest {
        hints: Some(hints),
        ..track("1Z999AA10123456784")
    };
    let cases = [
        (track(""), "tracking_number", "TRACKING_NUMBER_INVALID"),
        (track("abc"), "tracking_number", "TRACKING_NUMBER_INVALID"),
        (
            track(&"9".repeat(51)),
            "tracking_number",
            "TRACKING_NUMBER_INVALID",
        ),
        (
            track("1Z999%20AA"),
            "tracking_number",
            "TRACKING_NUMBER_INVALID",
        ),
        (
            v1::TrackRequest {
                view: 99,
                ..track("1Z999AA10123456784")
            },
            "view",
            "FIELD_INVALID",
        ),
        (
            v1::TrackRequest {
                carrier: "DHL Express".into(),
                ..track("1Z999AA10123456784")
            },
            "carrier",
            "FIELD_INVALID",
        ),
        (
            v1::TrackRequest {
                sources: vec!["pigeon".into()],
                ..track("1Z999AA10123456784")
            },
            "sources",
            "FIELD_INVALID",
        ),
        (
            hints(v1::Hints {
                destination_country: "usa".into(),
                ..Default::default()
            }),
            "hints.destination_country",
            "FIELD_INVALID",
        ),
        (
            hints(v1::Hints {
                ship_date: "2026-02-30".into(),
                ..Default::default()
            }),
            "hints.ship_date",
            "FIELD_INVALID",
        ),
        (
            v1::TrackRequest {
                max_age: Some(prost_types::Duration {
                    seconds: -1,
                    nanos: 0,
                }),
                ..track("1Z999AA10123456784")
            },
            "max_age",
            "FIELD_INVALID",
        ),
    ];
    for (request, field, reason) in cases {
        let status = client.track(request).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{field}");
        assert_eq!(trailers(&status), (reason.to_owned(), None), "{field}");
        let details = status.get_error_details();
        assert_eq!(
            details.bad_request().unwrap().field_violations[0].field,
            field
        );
        let info = details.error_info().unwrap();
        assert_eq!(
            (info.domain.as_str(), info.reason.as_str()),
            ("waybill.v1", reason)
        );
    }
    assert_eq!(world.simulator.ups().requests(), 0, "nobody was asked");
    world.stop().await;
}

#[tokio::test]
async fn without_a_source_the_error_names_the_setting() {
    let world = World::start(|config| config.sources.clear()).await;
    let status = world
        .client()
        .await
        .track(track("1Z999AA10123456784"))
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition);
    assert_eq!(trailers(&status).0, "NO_SOURCE_CONFIGURED");
    assert!(
        status.message().contains("[sources."),
        "{}",
        status.message()
    );
    let details = status.get_error_details();
    assert_eq!(details.error_info().unwrap().metadata["carriers"], "ups");
    assert!(
        !details
            .precondition_failure()
            .unwrap()
            .violations
            .is_empty()
    );
    world.stop().await;
}

#[tokio::test]
async fn when_every_source_fails_the_call_says_so_and_when_to_come_back() {
    let world =
        World::start(|config| config.guard.retry.attempts = std::num::NonZeroU32::MIN).await;
    let mut client = world.client().await;
    let fresh = |index| waybill_simulator::ups_load_number(index);
    let cases = [
        (
            Fault::Status(
                http::StatusCode::BAD_GATEWAY,
                waybill_simulator::ErrorBody::Html,
            ),
            Code::Unavailable,
            "SOURCES_UNAVAILABLE",
            SourceResult::Unavailable,
        ),
        (
            Fault::Garbage,
            Code::Unavailable,
            "SOURCES_UNAVAILABLE",
            SourceResult::Malformed,
        ),
        (
            Fault::HtmlPage,
            Code::Unavailable,
            "SOURCES_UNAVAILABLE",
            SourceResult::Malformed,
        ),
        (
            Fault::TruncatedJson,
            Code::Unavailable,
            "SOURCES_UNAVAILABLE",
            SourceResult::Malformed,
        ),
        (
            Fault::Huge,
            Code::Unavailable,
            "SOURCES_UNAVAILABLE",
            SourceResult::Malformed,
        ),
        (
            Fault::GzipBomb,
            Code::Unavailable,
            "SOURCES_UNAVAILABLE",
            SourceResult::Malformed,
        ),
    ];
    // Each fault once, with a success between two, so that the breaker stays out of it.
    for (index, (fault, code, reason, result)) in (0_u64..).zip(cases) {
        client.track(track(&fresh(1_000 + index))).await.unwrap();
        world.simulator.ups().set_fault(Some(fault.clone()));
        let number = fresh(index);
        let status = client.track(track(&number)).await.unwrap_err();
        world.simulator.ups().set_fault(None);
        assert_eq!(status.code(), code, "{fault:?}: {status:?}");
        let (named, wait) = trailers(&status);
        assert_eq!(named, reason, "{fault:?}");
        assert!(wait.unwrap() > 0, "{fault:?}");
        assert!(status.get_error_details().retry_info().is_some());
        assert!(
            !format!("{status:?}").contains(&number),
            "no number in an error: {status:?}"
        );
        let outcomes = outcomes(&status);
        assert_eq!(outcomes[0].result(), result, "{fault:?}");
    }
    world
        .simulator
        .ups()
        .set_fault(Some(Fault::RateLimited(RetryAfter::Seconds(7))));
    let status = client.track(track(&fresh(99))).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    let (reason, wait) = trailers(&status);
    assert_eq!(reason, "SOURCE_QUOTA");
    assert!((1..=7_000).contains(&wait.unwrap()), "{wait:?}");
    assert!(status.get_error_details().quota_failure().is_some());
    world.stop().await;
}

#[tokio::test]
async fn messages_that_are_too_large_or_broken_get_a_typed_error() {
    let world = World::start(|_| {}).await;
    let mut client = world.client().await;
    let status = client
        .track(track(&"1".repeat(300 * 1_024)))
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(trailers(&status).0, "MESSAGE_TOO_LARGE");
    let id = "0".repeat(1_100 * 1_024);
    let request = v1::GetShipmentRequest {
        id,
        ..Default::default()
    };
    let status = client.get_shipment(request).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(trailers(&status).0, "MESSAGE_TOO_LARGE");
    world.stop().await;
}

#[tokio::test]
async fn a_short_deadline_is_answered_from_what_is_held_or_with_deadline_exceeded() {
    let world = World::start(|_| {}).await;
    let mut client = world.client().await;
    let number = world.ups_number("in-transit");
    let hurried = |number: &str| {
        let mut request = tonic::Request::new(ask(number));
        request
            .metadata_mut()
            .insert("grpc-timeout", "20m".parse().unwrap());
        request
    };
    let status = client.track(hurried(&number)).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert_eq!(trailers(&status).0, "DEADLINE");
    assert_eq!(
        world.simulator.ups().requests_for(&number),
        0,
        "nobody was asked in vain"
    );
    client.track(track(&number)).await.unwrap();
    let held = client.track(hurried(&number)).await.unwrap().into_inner();
    assert_eq!(held.shipments[0].tracking_number, number);
    world.stop().await;
}

#[test]
fn the_error_table_in_the_proto_is_the_one_in_the_code() {
    use waybill::grpc::status;
    use waybill_core::error::ErrorKind;
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/proto/waybill/v1/errors.proto");
    let text = std::fs::read_to_string(path).unwrap();
    for kind in ErrorKind::ALL {
        let row = text
            .lines()
            .find(|line| line.starts_with(&format!("//   {} ", kind.as_str())));
        let cells: Vec<&str> = row.unwrap().split_whitespace().collect();
        let (result, reason) = status::row(kind);
        let result = result.as_str_name().trim_start_matches("SOURCE_RESULT_");
        assert_eq!(
            (cells[2], cells[3]),
            (result, status::name(reason)),
            "{kind:?}"
        );
        let code = cells[4].trim_end_matches(',');
        let expected = match status::code(reason) {
            Code::Ok => "OK".to_owned(),
            code => format!("{code:?}"),
        };
        assert_eq!(
            code.replace('_', "").to_lowercase(),
            expected.to_lowercase(),
            "{kind:?}"
        );
    }
}

fn outcomes(status: &tonic::Status) -> Vec<v1::SourceOutcome> {
    use prost::Message;
    let details = tonic_types::pb::Status::decode(status.details()).unwrap();
    let any = details
        .details
        .iter()
        .find(|any| any.type_url.ends_with("SourceOutcomes"))
        .unwrap();
    v1::SourceOutcomes::decode(any.value.as_slice())
        .unwrap()
        .outcomes
}
