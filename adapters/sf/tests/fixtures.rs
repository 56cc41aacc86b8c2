//! What answers and pushes are understood as.

use waybill_core::code::{EventCode, ReasonCode};
use waybill_core::event::MappingBasis;
use waybill_core::place::FacilityKind;
use waybill_core::shipment::IdentifierKind;
use waybill_core::time::{Basis, Precision};

use super::*;

macro_rules! fixture {
    ($name:literal) => {
        read(
            include_str!(concat!("../fixtures/", $name, ".json")),
            include_str!(concat!("../fixtures/", $name, ".expected.json")),
            $name,
        )
    };
}

/// Understands a fixture and compares all of it with what stands beside it.
fn read(body: &str, expected: &str, name: &str) -> Vec<Report> {
    let reports = understood(body).unwrap_or_else(|error| panic!("{name}: {error}"));
    let found = serde_json::to_value(&reports).unwrap();
    let expected: serde_json::Value = serde_json::from_str(expected).unwrap();
    assert!(found == expected, "{name}: {found:#}");
    let back: Vec<Report> = serde_json::from_value(found).unwrap();
    assert!(back == reports, "{name} does not survive the store");
    reports
}

fn codes(report: &Report) -> Vec<EventCode> {
    report.claims.iter().map(|claim| claim.code).collect()
}

fn only(mut reports: Vec<Report>) -> Report {
    assert_eq!(reports.len(), 1);
    reports.remove(0)
}

#[test]
fn a_proof_after_a_delivery_is_no_second_one() {
    let report = only(fixture!("delivered"));
    let way = [
        EventCode::PICKED_UP,
        EventCode::DEPARTED_FACILITY,
        EventCode::ARRIVED_AT_FACILITY,
        EventCode::OUT_FOR_DELIVERY,
        EventCode::DELIVERED,
        EventCode::PROOF_OF_DELIVERY_AVAILABLE,
    ];
    assert_eq!(codes(&report), way);
    assert!(report.complete);
    assert_eq!(report.language, "zh-CN");
    let delivered = &report.claims[4];
    assert_eq!(delivered.time.basis, Basis::SourceConvention);
    assert_eq!(
        delivered.time.instant.unwrap().to_string(),
        "2026-03-03T02:12:33Z"
    );
    assert_eq!(delivered.time.raw, "2026-03-03 10:12:33");
    let hub = report.claims[2].location.as_ref().unwrap();
    assert_eq!(
        (hub.country.as_str(), hub.subdivision.as_str()),
        ("CN", "ZJ")
    );
    assert_eq!(hub.facility.as_ref().unwrap().kind, FacilityKind::Hub);
}

#[test]
fn the_inner_document_may_be_an_object() {
    let report = only(fixture!("in_transit"));
    let way = [
        EventCode::PICKED_UP,
        EventCode::DEPARTED_FACILITY,
        EventCode::ARRIVED_AT_FACILITY,
    ];
    assert_eq!(codes(&report), way);
}

#[test]
fn a_deposit_is_no_delivery() {
    let report = only(fixture!("locker"));
    let way = [
        EventCode::OUT_FOR_DELIVERY,
        EventCode::AVAILABLE_FOR_PICKUP,
        EventCode::OUT_FOR_DELIVERY,
        EventCode::AVAILABLE_FOR_PICKUP,
    ];
    assert_eq!(codes(&report), way);
    assert_eq!(report.claims[3].native_code, "80");
    assert_eq!(report.claims[3].basis, MappingBasis::CodeAndText);
    let place = report.facts.requirements.unwrap().pickup_place.unwrap();
    assert_eq!(place.locality, "武汉市");
    let facility = place.facility.unwrap();
    assert_eq!(facility.kind, FacilityKind::CollectionPoint);
}

#[test]
fn a_station_hands_out_what_was_deposited() {
    let report = only(fixture!("collected"));
    let way = [
        EventCode::AVAILABLE_FOR_PICKUP,
        EventCode::AVAILABLE_FOR_PICKUP,
        EventCode::COLLECTED_BY_RECIPIENT,
        EventCode::DELIVERED_TO_RECEPTION,
    ];
    assert_eq!(codes(&report), way);
    assert!(report.facts.requirements.is_none(), "nothing waits");
}

#[test]
fn a_failed_attempt_has_the_reason_that_its_words_give() {
    let report = only(fixture!("attempts"));
    let found: Vec<_> = report
        .claims
        .iter()
        .map(|claim| (claim.code, claim.reason))
        .collect();
    let expected = [
        (EventCode::OUT_FOR_DELIVERY, None),
        (
            EventCode::DELIVERY_ATTEMPTED,
            Some(ReasonCode::RECIPIENT_NOT_AVAILABLE),
        ),
        (
            EventCode::DELIVERY_ATTEMPTED,
            Some(ReasonCode::RECIPIENT_BUSINESS_CLOSED),
        ),
        (EventCode::HELD, None),
        (EventCode::REFUSED, Some(ReasonCode::RECIPIENT_REFUSED)),
        (EventCode::EXCEPTION, None),
    ];
    assert_eq!(found, expected);
}

#[test]
fn reason_46_of_a_failed_delivery_is_a_cancellation() {
    let report = only(fixture!("cancelled"));
    let last = report.claims.last().unwrap();
    assert_eq!(last.code, EventCode::CANCELLED);
    assert_eq!(
        (last.native_code.as_str(), last.native_reason.as_str()),
        ("70", "46")
    );
}

#[test]
fn a_new_waybill_is_an_identifier() {
    let reports = fixture!("new_waybill");
    let found: Vec<_> = reports
        .iter()
        .map(|report| {
            let [identifier] = report.facts.identifiers.as_slice() else {
                panic!("one further number");
            };
            assert_eq!(identifier.kind, IdentifierKind::Carrier);
            assert_eq!(identifier.carrier, "sf");
            let last = report.claims.last().unwrap();
            (
                identifier.value.reveal().as_str(),
                last.code,
                last.doubt.is_some(),
            )
        })
        .collect();
    let expected = [
        ("SF7700000000078", EventCode::RETURN_INITIATED, true),
        ("SF7700000000089", EventCode::REDIRECTED, false),
        ("SF7700000000098", EventCode::RETURN_INITIATED, false),
    ];
    assert_eq!(found, expected);
}

#[test]
fn the_number_of_another_courier_is_an_identifier() {
    let report = only(fixture!("partner"));
    let found: Vec<_> = report
        .facts
        .identifiers
        .iter()
        .map(|one| (one.kind, one.value.reveal().as_str(), one.carrier.as_str()))
        .collect();
    let expected = [
        (IdentifierKind::Carrier, "YT7700000000001", "yto"),
        (IdentifierKind::LastMile, "77000000000102", "zto"),
    ];
    assert_eq!(found, expected, "and no telephone number");
}

#[test]
fn a_scan_abroad_has_no_instant() {
    let report = only(fixture!("abroad"));
    let way = [
        EventCode::PICKED_UP,
        EventCode::EXPORT_CUSTOMS_PRESENTED,
        EventCode::EXPORT_CUSTOMS_RELEASED,
        EventCode::TRANSPORT_DEPARTED,
        EventCode::TRANSPORT_ARRIVED,
        EventCode::TRANSPORT_ARRIVED,
        EventCode::IMPORT_CUSTOMS_PRESENTED,
        EventCode::IMPORT_CUSTOMS_HELD,
        EventCode::CUSTOMS_PAYMENT_REQUIRED,
        EventCode::IN_TRANSIT,
        EventCode::ACCEPTED,
    ];
    assert_eq!(codes(&report), way);
    let bases: Vec<_> = report.claims.iter().map(|claim| claim.time.basis).collect();
    assert!(
        bases[..4]
            .iter()
            .all(|basis| *basis == Basis::SourceConvention)
    );
    assert!(bases[4..].iter().all(|basis| *basis == Basis::Unresolved));
    let landed = &report.claims[4];
    assert_eq!(landed.time.instant, None);
    assert_eq!(landed.location.as_ref().unwrap().country, "JP");
}

#[test]
fn an_agent_takes_in_at_first_and_keeps_after_the_round() {
    let report = only(fixture!("hong_kong"));
    let way = [
        EventCode::PICKED_UP,
        EventCode::EXPORT_CUSTOMS_HELD,
        EventCode::IMPORT_CUSTOMS_RELEASED,
        EventCode::ACCEPTED,
        EventCode::OUT_FOR_DELIVERY,
        EventCode::AVAILABLE_FOR_PICKUP,
    ];
    assert_eq!(codes(&report), way);
    assert!(
        report
            .claims
            .iter()
            .all(|claim| claim.time.instant.is_some())
    );
}

#[test]
fn a_flight_within_the_country_crosses_no_border() {
    let report = only(fixture!("domestic_flight"));
    let way = [
        EventCode::ORIGIN_PROCESSED,
        EventCode::DEPARTED_FACILITY,
        EventCode::ARRIVED_AT_FACILITY,
    ];
    assert_eq!(codes(&report), way, "and the oldest comes first");
}

#[test]
fn an_unknown_code_goes_by_status_then_words_then_stays_unmapped() {
    let report = only(fixture!("unknown"));
    let found: Vec<_> = report
        .claims
        .iter()
        .map(|claim| (claim.native_code.as_str(), claim.code, claim.basis))
        .collect();
    let expected = [
        ("7001", EventCode::PICKED_UP, MappingBasis::AggregatedStatus),
        (
            "7002",
            EventCode::IN_TRANSIT,
            MappingBasis::AggregatedStatus,
        ),
        ("7003", EventCode::HELD, MappingBasis::Text),
        ("7004", EventCode::UNMAPPED, MappingBasis::None),
        ("7005", EventCode::DELIVERED, MappingBasis::AggregatedStatus),
        ("135", EventCode::INFORMATION, MappingBasis::Code),
        (
            "7006",
            EventCode::AVAILABLE_FOR_PICKUP,
            MappingBasis::CodeAndText,
        ),
        ("", EventCode::OUT_FOR_DELIVERY, MappingBasis::Text),
    ];
    assert_eq!(found, expected);
    let date = &report.claims[5].time;
    assert_eq!((date.precision, date.instant), (Precision::Day, None));
    assert_eq!(report.claims[6].time.basis, Basis::Stated);
    assert!(report.claims[3].native_text.reveal() == "新的操作");
    assert_eq!(
        report.facts.doubts,
        ["events left out for want of a readable time: 1 of 9"]
    );
}

#[test]
fn a_code_that_its_status_contradicts_is_kept_and_doubted() {
    let report = only(fixture!("contradiction"));
    assert_eq!(
        codes(&report),
        [EventCode::DELIVERED, EventCode::AVAILABLE_FOR_PICKUP]
    );
    assert!(report.claims.iter().all(|claim| claim.doubt.is_some()));
}

#[test]
fn every_waybill_of_a_batch_is_a_report() {
    let reports = fixture!("batch");
    assert_eq!(reports.len(), 2, "the one without routes is not found");
}

#[test]
fn a_push_is_understood_as_an_answer_is() {
    let pushed = only(fixture!("push"));
    let polled = only(fixture!("delivered"));
    assert!(pushed.number == polled.number);
    assert!(pushed.claims[0] == polled.claims[0], "the same event");
    assert!(!pushed.complete, "a push tells what is new");
    let [order] = pushed.facts.identifiers.as_slice() else {
        panic!("the order");
    };
    assert_eq!(order.kind, IdentifierKind::Reference);
    assert!(order.value.reveal() == "order-77/1");
    let reports = fixture!("push_several");
    assert_eq!(reports.len(), 2);
    assert_eq!(
        codes(&reports[0]),
        [EventCode::OUT_FOR_DELIVERY, EventCode::CANCELLED]
    );
}

#[test]
fn an_acknowledgement_reports_nothing() {
    for body in [
        include_str!("../fixtures/registered.json"),
        r#"{"return_code":"0000","return_msg":"成功"}"#,
        r#"{"apiResultCode":"A1000","accessToken":"t","apiErrorMsg":""}"#,
        r#"<Response service="RoutePushService"><Head>OK</Head></Response>"#,
    ] {
        assert!(understood(body).unwrap().is_empty(), "{body}");
    }
}
