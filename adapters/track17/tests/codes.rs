//! The code table.

use waybill_core::code::EventCode;
use waybill_core::event::MappingBasis;

use super::super::meaning::{CODES, of};
use super::super::wire::Event;

fn found(sub_status: &str, stage: &str, words: &str) -> (&'static str, MappingBasis) {
    let event = Event {
        sub_status: sub_status.into(),
        stage: stage.into(),
        description: words.into(),
        ..Event::default()
    };
    let (meaning, basis) = of(CODES.as_ref().unwrap(), &event);
    (meaning.event.info().unwrap().name, basis)
}

#[test]
fn every_row_is_understood() {
    assert_eq!(CODES.as_ref().unwrap().len(), 51);
    let rows = || include_str!("../codes.csv").lines().skip(1);
    let of_scope = |scope: &str| {
        rows()
            .filter(|row| row.split(',').next() == Some(scope))
            .count()
    };
    // 30 documented, two that were seen, and a second spelling.
    assert_eq!(of_scope("sub_status"), 30 + 2 + 1);
    assert_eq!(of_scope("status"), 9);
    assert_eq!(of_scope("stage"), 9);
}

/// Results of a search and the age of a tracking are no events.
#[test]
fn rows_left_unmapped_are_these() {
    let rows = include_str!("../codes.csv").lines();
    let unmapped: Vec<&str> = rows
        .filter(|row| row.split(',').nth(2) == Some("UNMAPPED"))
        .map(|row| row.split(',').nth(1).unwrap())
        .collect();
    let left = [
        "NotFound_Other",
        "NotFound_InvalidCode",
        "Expired_Other",
        "NotFound",
        "Expired",
    ];
    assert_eq!(unmapped, left);
}

#[test]
fn the_sub_status_decides_then_the_stage_then_nothing() {
    use MappingBasis::*;
    for (sub_status, stage, words, event, basis) in [
        ("Delivered_Other", "", "", "DELIVERED", Code),
        (
            "InTransit_Departure",
            "Arrival",
            "",
            "TRANSPORT_DEPARTED",
            Code,
        ),
        ("InTransit_Other", "Arrival", "", "TRANSPORT_ARRIVED", Code),
        ("InTransit_Other", "Delivered", "", "IN_TRANSIT", Code),
        (
            "InTransit_Other",
            "",
            "Parcel void",
            "CANCELLED",
            CodeAndText,
        ),
        (
            "InTransit_New",
            "Arrival",
            "",
            "IN_TRANSIT",
            AggregatedStatus,
        ),
        ("Delivered_New", "", "", "DELIVERED", AggregatedStatus),
        (
            "Delivered_New",
            "",
            "Put into a locker",
            "AVAILABLE_FOR_PICKUP",
            Text,
        ),
        (
            "DeliveryFailure_New",
            "",
            "",
            "DELIVERY_ATTEMPTED",
            AggregatedStatus,
        ),
        ("Exception_New", "", "", "EXCEPTION", AggregatedStatus),
        ("NotFound_New", "", "", "UNMAPPED", None),
        ("New_Other", "Arrival", "", "UNMAPPED", None),
        ("", "Returned", "", "RETURNED_TO_SENDER", Code),
        ("", "New", "", "UNMAPPED", None),
        ("", "", "Scan", "IN_TRANSIT", AggregatedStatus),
        ("", "", "Arrived at hub", "ARRIVED_AT_FACILITY", Text),
        (" Exception_Lost ", "", "", "LOST", Code),
    ] {
        assert_eq!(
            found(sub_status, stage, words),
            (event, basis),
            "{sub_status} {stage}"
        );
    }
}

#[test]
fn nothing_but_a_delivery_ends_a_journey_as_one() {
    let rows = include_str!("../codes.csv").lines().skip(1);
    for row in rows {
        let cells: Vec<&str> = row.split(',').collect();
        let event = EventCode::by_name(cells[2]).unwrap();
        let ends = event.status() == EventCode::DELIVERED.status();
        assert_eq!(ends, cells[1].starts_with("Delivered"), "{row}");
    }
}
