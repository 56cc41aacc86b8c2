//! The API as a client sees it, over real gRPC and real HTTP.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

mod common;

use std::collections::BTreeSet;
use std::time::Duration;

use common::{World, ask, track, trailers};
use tonic::Code;
use tonic_types::StatusExt;
use waybill::v1::{self, ErrorReason, FreshnessState, ShipmentStatus, SourceResult};
use waybill_simulator::Fault;

#[tokio::test]
async fn the_first_answer_is_live_and_the_second_comes_from_what_is_held() {
    let world = World::start(|_| {}).await;
    let mut client = world.client().await;
    let number = world.ups_number("delivered");
    let first = client.track(track(&number)).await.unwrap().into_inner();
    let record = &first.shipments[0];
    assert_eq!(record.tracking_number, number);
    assert_eq!(record.status(), ShipmentStatus::Delivered);
    assert!(record.terminal && record.revision == 1 && !record.etag.is_empty());
    assert_eq!(record.id.len(), 26);
    assert!(!record.id.contains(&number.to_lowercase()));
    assert_eq!(
        first.freshness.as_ref().unwrap().state(),
        FreshnessState::Live
    );
    assert_eq!(first.outcomes[0].source, "ups");
    assert_eq!(first.outcomes[0].result(), SourceResult::Found);
    assert_eq!(first.outcomes[0].attempt_count, 1);
    let asked = world.simulator.ups().requests_for(&number);

    for _ in 0..3 {
        let held = client.track(track(&number)).await.unwrap().into_inner();
        assert_eq!(held.shipments, first.shipments);
        assert_eq!(held.freshness.unwrap().state(), FreshnessState::Final);
        assert_eq!(held.outcomes[0].result(), SourceResult::SkippedFresh);
        assert_eq!(held.outcomes[0].attempt_count, 0);
    }
    assert_eq!(world.simulator.ups().requests_for(&number), asked);
    world.stop().await;
}

#[tokio::test]
async fn a_number_is_found_however_it_is_typed() {
    let world = World::start(|_| {}).await;
    let mut client = world.client().await;
    let number = world.ups_number("delivered");
    let typed = format!(
        " {} {}-{}",
        &number[..2],
        &number[2..8].to_lowercase(),
        &number[8..]
    );
    let answer = client.track(track(&typed)).await.unwrap().into_inner();
    assert_eq!(answer.shipments[0].tracking_number, number);
    world.stop().await;
}

#[tokio::test]
async fn an_etag_saves_the_record_until_something_changes() {
    let world = World::start_at(Duration::from_secs(3_600), |config| {
        config.freshness.label = Duration::from_millis(50);
        config.freshness.transit = Duration::from_millis(50);
    })
    .await;
    let mut client = world.client().await;
    let number = world.ups_number("delivered");
    let first = client.track(track(&number)).await.unwrap().into_inner();
    let etag = first.shipments[0].etag.clone();
    let conditional = v1::TrackRequest {
        if_none_match: etag.clone(),
        ..ask(&number)
    };
    let same = client
        .track(conditional.clone())
        .await
        .unwrap()
        .into_inner();
    assert!(same.not_modified && same.shipments.is_empty());
    assert!(same.freshness.is_some());

    world.simulator.advance(Duration::from_secs(72 * 3_600));
    let changed = client.track(conditional).await.unwrap().into_inner();
    assert!(!changed.not_modified);
    assert_eq!(changed.shipments[0].status(), ShipmentStatus::Delivered);
    assert_ne!(changed.shipments[0].etag, etag);
    assert_eq!(
        changed.shipments[0].revision,
        first.shipments[0].revision + 1
    );
    assert_eq!(changed.shipments[0].id, first.shipments[0].id);
    world.stop().await;
}

#[tokio::test]
async fn a_number_nobody_knows_yet_is_no_error() {
    let world = World::start_at(Duration::ZERO, |_| {}).await;
    let mut client = world.client().await;
    for number in [
        world.ups_number("not-found-yet"),
        world.dhl_number("not-found-yet"),
    ] {
        let answer = client.track(track(&number)).await.unwrap().into_inner();
        assert!(answer.shipments.is_empty());
        let outcome = &answer.outcomes[0];
        assert_eq!(outcome.result(), SourceResult::NotFound);
        let problem = outcome.error.as_ref().unwrap();
        assert_eq!(problem.reason(), ErrorReason::ShipmentNotFound);
        assert!(
            problem.retry_delay.as_ref().unwrap().seconds >= 1,
            "says when to ask again"
        );
        // Within the negative period nobody is asked.
        let again = client.track(track(&number)).await.unwrap().into_inner();
        assert_eq!(again.outcomes[0].result(), SourceResult::NotFound);
        assert_eq!(again.outcomes[0].attempt_count, 0);
    }
    world.stop().await;
}

/// Some numbers have no format that points to a carrier; the caller names it.
fn named(number: &str) -> v1::TrackRequest {
    v1::TrackRequest {
        carrier: "dhl".into(),
        ..track(number)
    }
}

#[tokio::test]
async fn one_number_can_be_several_shipments() {
    let world = World::start(|_| {}).await;
    let mut client = world.client().await;
    // A number used twice, years apart: two records with the same number and ids of their own.
    let reused = world.dhl_number("reused-number");
    let answer = client.track(named(&reused)).await.unwrap().into_inner();
    assert!(answer.shipments.len() >= 2);
    let ids: BTreeSet<_> = answer
        .shipments
        .iter()
        .map(|record| record.id.clone())
        .collect();
    assert_eq!(ids.len(), answer.shipments.len());
    assert!(
        answer
            .shipments
            .iter()
            .all(|record| record.pieces.is_empty())
    );
    let again = client
        .track(v1::TrackRequest {
            carrier: "dhl".into(),
            ..ask(&reused)
        })
        .await
        .unwrap()
        .into_inner();
    let same: BTreeSet<_> = again
        .shipments
        .iter()
        .map(|record| record.id.clone())
        .collect();
    assert_eq!(same, ids, "asked again, each report finds its own shipment");

    // A consignment of several packages: a record each, linked to each other.
    let pieces = world.ups_number("multi-piece");
    let answer = client.track(track(&pieces)).await.unwrap().into_inner();
    assert!(answer.shipments.len() >= 2);
    for record in &answer.shipments {
        let others = answer
            .shipments
            .iter()
            .filter(|other| other.id != record.id);
        let others: BTreeSet<_> = others.map(|other| other.id.clone()).collect();
        assert_eq!(
            record.pieces.iter().cloned().collect::<BTreeSet<_>>(),
            others
        );
        assert!(!record.events.is_empty(), "each has its own events");
    }
    world.stop().await;
}

#[tokio::test]
async fn a_shipment_is_found_by_its_id() {
    let world = World::start(|_| {}).await;
    let mut client = world.client().await;
    let tracked = client
        .track(track(&world.dhl_number("delivered")))
        .await
        .unwrap()
        .into_inner();
    let id = tracked.shipments[0].id.clone();
    let request = v1::GetShipmentRequest {
        id: id.clone(),
        ..Default::default()
    };
    let got = client.get_shipment(request).await.unwrap().into_inner();
    assert_eq!(got.shipment.as_ref().unwrap(), &tracked.shipments[0]);
    let etag = got.shipment.unwrap().etag;
    let request = v1::GetShipmentRequest {
        id,
        if_none_match: etag,
        ..Default::default()
    };
    let same = client.get_shipment(request).await.unwrap().into_inner();
    assert!(same.not_modified && same.shipment.is_none());

    let unknown = v1::GetShipmentRequest {
        id: "0".repeat(26),
        ..Default::default()
    };
    let status = client.get_shipment(unknown).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    assert_eq!(trailers(&status), ("ID_NOT_FOUND".to_owned(), None));
    assert!(status.get_error_details().resource_info().is_some());
    world.stop().await;
}

#[tokio::test]
async fn views_hold_what_their_table_says() {
    let world = World::start(|_| {}).await;
    let mut client = world.client().await;
    let number = world.ups_number("delivered");
    let mut view = async |view: v1::ShipmentView| {
        let request = v1::TrackRequest {
            view: view as i32,
            ..track(&number)
        };
        client
            .track(request)
            .await
            .unwrap()
            .into_inner()
            .shipments
            .remove(0)
    };
    let basic = view(v1::ShipmentView::Basic).await;
    let standard = view(v1::ShipmentView::Standard).await;
    let full = view(v1::ShipmentView::Full).await;
    assert!(basic.events.is_empty() && basic.milestones.is_empty() && basic.identifiers.is_empty());
    assert_eq!(basic.event_count as usize, standard.events.len());
    assert!(!standard.milestones.is_empty() && standard.findings.is_empty());
    assert!(
        standard
            .events
            .iter()
            .all(|event| event.observations.is_empty())
    );
    assert!(
        full.events
            .iter()
            .all(|event| !event.observations.is_empty())
    );
    let observation = &full.events[0].observations[0];
    assert_eq!(observation.source, "ups");
    assert!(
        !observation.native_code.is_empty() && !observation.time.as_ref().unwrap().raw.is_empty()
    );
    assert!(full.proof_of_delivery.is_some());
    assert_eq!(basic.etag, full.etag);
    world.stop().await;
}

#[tokio::test]
async fn a_batch_has_one_result_per_item_and_then_the_totals() {
    let world = World::start(|_| {}).await;
    let mut client = world.client().await;
    let numbers = [
        world.ups_number("delivered"),
        "nonsense!".to_owned(),
        world.dhl_number("delivered"),
        world.ups_number("delivered"),
        "ZZ99".to_owned(),
    ];
    let items = numbers
        .iter()
        .enumerate()
        .map(|(at, number)| v1::BatchTrackItem {
            tracking_number: number.clone(),
            correlation_id: format!("row {at}"),
            ..Default::default()
        });
    let request = v1::BatchTrackRequest {
        items: items.collect(),
        ..Default::default()
    };
    let mut stream = client.batch_track(request).await.unwrap().into_inner();
    let mut seen = BTreeSet::new();
    let mut summary = None;
    while let Some(message) = stream.message().await.unwrap() {
        assert!(summary.is_none(), "the summary is last");
        match message.message.unwrap() {
            v1::batch_track_response::Message::Summary(totals) => summary = Some(totals),
            v1::batch_track_response::Message::Result(result) => {
                assert_eq!(result.correlation_id, format!("row {}", result.index));
                assert!(seen.insert(result.index), "one result per item");
                let failed = matches!(
                    result.outcome,
                    Some(v1::batch_track_result::Outcome::Error(_))
                );
                assert_eq!(failed, [1, 4].contains(&result.index), "{}", result.index);
                if let Some(v1::batch_track_result::Outcome::Error(problem)) = result.outcome
                    && result.index == 1
                {
                    assert_eq!(problem.reason(), ErrorReason::TrackingNumberInvalid);
                    assert_eq!(problem.violations[0].field, "items[1].tracking_number");
                }
            }
        }
    }
    assert_eq!(seen, BTreeSet::from([0, 1, 2, 3, 4]));
    let summary = summary.unwrap();
    assert_eq!((summary.success_count, summary.error_count), (3, 2));
    assert_eq!(
        world.simulator.ups().requests_for(&numbers[0]),
        1,
        "equal items are asked once"
    );

    let empty = client
        .batch_track(v1::BatchTrackRequest::default())
        .await
        .unwrap_err();
    assert_eq!(empty.code(), Code::InvalidArgument);
    let many = vec![v1::BatchTrackItem::default(); 1_001];
    let request = v1::BatchTrackRequest {
        items: many,
        ..Default::default()
    };
    assert_eq!(
        client.batch_track(request).await.unwrap_err().code(),
        Code::InvalidArgument
    );
    world.stop().await;
}

#[tokio::test]
async fn a_batch_under_a_dead_carrier_still_answers_every_item_in_time() {
    let world = World::start(|_| {}).await;
    let mut client = world.client().await;
    world.simulator.ups().set_fault(Some(Fault::Hang));
    let items = (0..150).map(|index| v1::BatchTrackItem {
        tracking_number: waybill_simulator::ups_load_number(index),
        ..Default::default()
    });
    let mut request = tonic::Request::new(v1::BatchTrackRequest {
        items: items.collect(),
        ..Default::default()
    });
    request.set_timeout(Duration::from_secs(4));
    let mut stream = client.batch_track(request).await.unwrap().into_inner();
    let (mut results, mut summary) = (0, None);
    while let Some(message) = stream.message().await.unwrap() {
        match message.message.unwrap() {
            v1::batch_track_response::Message::Result(_) => results += 1,
            v1::batch_track_response::Message::Summary(totals) => summary = Some(totals),
        }
    }
    assert_eq!(results, 150);
    assert_eq!(summary.unwrap().error_count, 150);
    world.stop().await;
}

#[tokio::test]
async fn carriers_formats_and_codes_are_served() {
    let world = World::start(|_| {}).await;
    let mut carriers = world.carriers().await;
    let mut all = Vec::new();
    let mut request = v1::ListCarriersRequest {
        page_size: 3,
        ..Default::default()
    };
    loop {
        let page = carriers
            .list_carriers(request.clone())
            .await
            .unwrap()
            .into_inner();
        assert!(page.carriers.len() <= 3);
        all.extend(page.carriers);
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    assert!(all.is_sorted_by(|a, b| a.id < b.id));
    let ups = all.iter().find(|carrier| carrier.id == "ups").unwrap();
    assert_eq!(ups.sources, ["ups"]);
    assert!(ups.tracking_url_template.contains("{tracking_number}"));
    assert!(ups.number_formats.iter().any(|format| format.id == "ups"));
    let request = v1::GetCarrierRequest { id: "ups".into() };
    assert_eq!(
        carriers
            .get_carrier(request)
            .await
            .unwrap()
            .into_inner()
            .carrier
            .unwrap(),
        *ups
    );
    let request = v1::GetCarrierRequest {
        id: "pigeon-post".into(),
    };
    assert_eq!(
        carriers.get_carrier(request).await.unwrap_err().code(),
        Code::NotFound
    );
    let forged = v1::ListCarriersRequest {
        page_token: "DE/ups".into(),
        ..Default::default()
    };
    let status = carriers.list_carriers(forged).await.unwrap_err();
    assert_eq!(trailers(&status).0, "TOKEN_INVALID");

    let request = v1::DetectCarriersRequest {
        tracking_number: "1Z999AA10123456784".into(),
        hints: None,
    };
    let detected = carriers
        .detect_carriers(request)
        .await
        .unwrap()
        .into_inner();
    let best = &detected.candidates[0];
    assert_eq!(
        (best.carrier.as_str(), best.check_digit_valid, best.rank),
        ("ups", Some(true), 1)
    );
    assert!(!best.reason.is_empty());

    let codes = carriers
        .list_event_codes(v1::ListEventCodesRequest::default())
        .await
        .unwrap()
        .into_inner();
    let numbers: BTreeSet<i32> = codes.codes.iter().map(|info| info.code).collect();
    for number in 1..1_000 {
        if v1::EventCode::try_from(number).is_ok() {
            assert!(
                numbers.contains(&number),
                "{number} is in the proto and not in the table"
            );
        }
    }
    assert!(
        numbers
            .iter()
            .all(|number| v1::EventCode::try_from(*number).is_ok())
    );
    for info in &codes.codes {
        let name = info
            .code()
            .as_str_name()
            .trim_start_matches("EVENT_CODE_")
            .to_owned();
        let code = waybill_core::code::EventCode::by_name(&name).expect("the table has the name");
        assert_eq!(i32::from(code.0), info.code);
    }
    world.stop().await;
}

#[tokio::test]
async fn an_open_problem_comes_with_the_carriers_own_page_for_it() {
    // Nobody was home, and the second attempt is still to come.
    let world = World::start_at(Duration::from_hours(34), |_| {}).await;
    let number = world.ups_number("failed-attempt");
    let mut client = world.client().await;
    let mut pages = Vec::new();
    for language in ["en", "de"] {
        let request = v1::TrackRequest {
            language: language.to_owned(),
            ..track(&number)
        };
        let answer = client.track(request).await.unwrap().into_inner();
        let record = answer.shipments[0].clone();
        let failed =
            |one: &&v1::ShipmentException| one.category() == v1::ExceptionCategory::FailedDelivery;
        let problem = record.exceptions.iter().find(failed).unwrap();
        assert_eq!(problem.close_time, None);
        let does_it = |one: &&v1::ContactOption| one.action == problem.next_action;
        let page = record.contact_options.iter().find(does_it);
        pages.push(page.unwrap().clone());
    }
    assert!(pages[0].url.starts_with("https://www.ups.com/"));
    assert_eq!(pages[0].url, pages[1].url);
    assert_eq!(pages[0].label, "Agree on a new delivery");
    assert_ne!(pages[0].label, pages[1].label);

    // What nothing can be done about has no page.
    let delivered = track(&world.ups_number("delivered"));
    let answer = client.track(delivered).await.unwrap().into_inner();
    assert_eq!(answer.shipments[0].contact_options, []);
    world.stop().await;
}
