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
                phone_last_four: "12a4".into(),
                ..Default::default()
            }),
            "hints.phone_last_four",
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
    // The batch's limit is not the one of a request for one shipment.
    for size in [300, 1_100] {
        let request = v1::GetShipmentRequest {
            id: "0".repeat(size * 1_024),
            ..Default::default()
        };
        let status = client.get_shipment(request).await.unwrap_err();
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert_eq!(trailers(&status), ("MESSAGE_TOO_LARGE".to_owned(), None));
        let details = status.get_error_details();
        let violations = &details.bad_request().unwrap().field_violations;
        assert_eq!(violations[0].field, "request");
    }
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

/// A gateway whose only source is the sandbox.
async fn sandbox() -> World {
    World::start(|config| {
        config.sources.clear();
        config
            .sources
            .insert("sandbox".to_owned(), toml::Table::new());
    })
    .await
}

#[tokio::test]
async fn each_failure_of_a_source_has_the_reason_the_code_and_the_advice_of_the_table() {
    let world = sandbox().await;
    let mut client = world.client().await;
    let rows = [
        (
            "SANDBOXHINTREQUIRED",
            Code::FailedPrecondition,
            "HINT_REQUIRED",
            false,
        ),
        (
            "SANDBOXDENIED",
            Code::Unavailable,
            "SOURCES_UNAVAILABLE",
            true,
        ),
        ("SANDBOXTIMEOUT", Code::DeadlineExceeded, "DEADLINE", true),
        (
            "SANDBOXUNAVAILABLE",
            Code::Unavailable,
            "SOURCES_UNAVAILABLE",
            true,
        ),
        (
            "SANDBOXTRIPPED",
            Code::Unavailable,
            "BREAKERS_TRIPPED",
            true,
        ),
        (
            "SANDBOXOVERLOADED",
            Code::ResourceExhausted,
            "OVERLOADED",
            true,
        ),
        (
            "SANDBOXMALFORMED",
            Code::Unavailable,
            "SOURCES_UNAVAILABLE",
            true,
        ),
        (
            "SANDBOXUNSUPPORTED",
            Code::FailedPrecondition,
            "NO_SOURCE_CONFIGURED",
            false,
        ),
        ("SANDBOXINTERNAL", Code::Internal, "INTERNAL", false),
        (
            "SANDBOXTHROTTLED",
            Code::ResourceExhausted,
            "SOURCE_QUOTA",
            true,
        ),
    ];
    for (number, code, reason, waits) in rows {
        let status = client.track(track(number)).await.unwrap_err();
        assert_eq!(status.code(), code, "{number}: {status:?}");
        let (named, wait) = trailers(&status);
        assert_eq!(
            (named.as_str(), wait.is_some()),
            (reason, waits),
            "{number}"
        );
        assert!(!format!("{status:?}").contains(number), "{status:?}");
        let details = status.get_error_details();
        let info = details.error_info().unwrap();
        assert_eq!(info.reason, reason);
        let advised = details.retry_info().map(|info| info.retry_delay.unwrap());
        assert_eq!(advised.map(|it| it.as_millis()), wait.map(u128::from));
        assert_eq!(outcomes(&status).len(), 1, "{number}");
        match reason {
            "HINT_REQUIRED" => {
                assert_eq!(info.metadata["hint"], "postal_code");
                let failure = details.precondition_failure().unwrap();
                assert_eq!(failure.violations[0].subject, "postal_code");
                let error = outcomes(&status)[0].error.clone().unwrap();
                assert_eq!(error.metadata["hint"], "postal_code");
            }
            "NO_SOURCE_CONFIGURED" => {
                assert_eq!(info.metadata["carriers"], "sandbox");
                assert!(details.precondition_failure().is_some());
            }
            "SOURCE_QUOTA" => {
                let quota = details.quota_failure().unwrap();
                assert_eq!(quota.violations[0].subject, "sandbox");
            }
            "INTERNAL" => assert_eq!(info.metadata["request_id"].len(), 16),
            _ => {}
        }
    }
    world.stop().await;
}

#[tokio::test]
async fn what_does_not_exist_or_is_not_ours_is_named() {
    let world = sandbox().await;
    let mut client = world.client().await;
    let mut carriers = world.carriers().await;
    let unknown = v1::GetShipmentRequest {
        id: "0".repeat(26),
        ..Default::default()
    };
    let shipment = client.get_shipment(unknown).await.unwrap_err();
    let carrier = v1::GetCarrierRequest {
        id: "pigeon".into(),
    };
    let carrier = carriers.get_carrier(carrier).await.unwrap_err();
    for (status, kind) in [
        (shipment, "waybill.v1.Shipment"),
        (carrier, "waybill.v1.Carrier"),
    ] {
        assert_eq!(status.code(), Code::NotFound);
        assert_eq!(trailers(&status), ("ID_NOT_FOUND".to_owned(), None));
        let details = status.get_error_details();
        assert_eq!(details.resource_info().unwrap().resource_type, kind);
    }
    let page = v1::ListCarriersRequest {
        page_token: "made-up".into(),
        ..Default::default()
    };
    let status = carriers.list_carriers(page).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(trailers(&status), ("TOKEN_INVALID".to_owned(), None));
    let details = status.get_error_details();
    let violations = &details.bad_request().unwrap().field_violations;
    assert_eq!(violations[0].field, "page_token");

    let mut raw = tonic::client::Grpc::new(common::channel(world.app.address).await);
    raw.ready().await.unwrap();
    let path = http::uri::PathAndQuery::from_static("/waybill.v1.TrackingService/Guess");
    let codec = tonic_prost::ProstCodec::<v1::TrackRequest, v1::TrackResponse>::default();
    let guess = tonic::Request::new(track("1Z999AA10123456784"));
    let status = raw.unary(guess, path, codec).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
    assert_eq!(trailers(&status), ("UNSUPPORTED".to_owned(), None));
    world.stop().await;
}

#[tokio::test]
async fn sources_that_do_not_serve_the_number_are_not_an_empty_answer() {
    let world = World::start(|_| {}).await;
    let request = v1::TrackRequest {
        sources: vec!["dhl".into()],
        ..track(&world.ups_number("delivered"))
    };
    let status = world.client().await.track(request).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    let details = status.get_error_details();
    let violations = &details.bad_request().unwrap().field_violations;
    assert_eq!(violations[0].field, "sources");
    world.stop().await;
}

#[tokio::test]
async fn a_server_with_all_its_streams_taken_says_so() {
    let world = World::start(|config| config.streams.count = 1).await;
    let mut client = world.client().await;
    let request = || v1::FollowRequest {
        open: Some(v1::WatchOpen {
            target: Some(v1::watch_open::Target::Shipments(v1::WatchShipments {
                shipments: vec![v1::ShipmentKey {
                    key: Some(v1::shipment_key::Key::Id("0".repeat(26))),
                    ..Default::default()
                }],
            })),
            ..Default::default()
        }),
    };
    let first = client.follow(request()).await.unwrap();
    let status = client.follow(request()).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(trailers(&status), ("WATCH_LIMIT".to_owned(), None));
    let details = status.get_error_details();
    assert_eq!(
        details.quota_failure().unwrap().violations[0].subject,
        "streams"
    );
    // A reader that leaves makes room.
    drop(first);
    common::eventually("the place is free again", async || {
        client.follow(request()).await.is_ok()
    })
    .await;
    world.stop().await;
}

#[tokio::test]
async fn an_item_of_a_batch_fails_by_itself_and_names_its_own_place() {
    let world = sandbox().await;
    let item = |number: &str, correlation_id: &str| v1::BatchTrackItem {
        tracking_number: number.into(),
        correlation_id: correlation_id.into(),
        ..Default::default()
    };
    let lost = v1::BatchTrackItem {
        hints: Some(v1::Hints {
            origin_country: "nowhere".into(),
            ..Default::default()
        }),
        ..item("SANDBOXDELIVERED", "")
    };
    let request = v1::BatchTrackRequest {
        items: vec![
            item("abc", ""),
            item("SANDBOXMOVING", "short"),
            item("SANDBOXMOVING", &"x".repeat(129)),
            lost,
            item("abc", ""),
        ],
        ..Default::default()
    };
    let stream = world.client().await.batch_track(request).await;
    let mut stream = stream.unwrap().into_inner();
    let mut fields = std::collections::BTreeMap::new();
    let mut totals = None;
    while let Some(message) = stream.message().await.unwrap() {
        match message.message.unwrap() {
            v1::batch_track_response::Message::Result(result) => {
                let field = match result.outcome.unwrap() {
                    v1::batch_track_result::Outcome::Response(_) => String::new(),
                    v1::batch_track_result::Outcome::Error(problem) => {
                        let field = problem.violations[0].field.clone();
                        assert!(problem.message.starts_with(&field), "{}", problem.message);
                        field
                    }
                };
                assert_eq!(fields.insert(result.index, field), None);
            }
            v1::batch_track_response::Message::Summary(summary) => totals = Some(summary),
        }
    }
    let fields: Vec<String> = fields.into_values().collect();
    assert_eq!(
        fields,
        [
            "items[0].tracking_number",
            "",
            "items[2].correlation_id",
            "items[3].hints.origin_country",
            "items[4].tracking_number"
        ]
    );
    let totals = totals.unwrap();
    assert_eq!((totals.success_count, totals.error_count), (1, 4));
    world.stop().await;
}
