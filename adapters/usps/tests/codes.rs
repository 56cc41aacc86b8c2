//! The code table and what words add to it.

use std::collections::BTreeSet;

use waybill_core::code::{EventCode, ReasonCode};
use waybill_core::event::MappingBasis;

use super::super::meaning::{CODES, directed, of, of_category};

/// The event codes that public clients know, in the order of the table.
const KNOWN: &str = "01 02 03 04 05 06 07 08 09 10 11 14 15 16 17 19 21 22 23 24 25 26 27 28 29 30 \
    31 41 42 43 44 51 52 53 54 55 56 71 80 81 82 83 89 AD DX EF GC GX H0 MA NT OA OF PA PC SF TM UA";

fn event(code: &str, words: &str, category: &str) -> (EventCode, MappingBasis) {
    let (meaning, basis) = of(CODES.as_ref().unwrap(), code, words, category);
    (meaning.event, basis)
}

#[test]
fn every_known_code_has_a_row_and_one_is_unmapped() {
    let codes = CODES.as_ref().unwrap();
    assert_eq!(codes.len(), 58);
    let known: BTreeSet<_> = KNOWN.split_whitespace().collect();
    assert_eq!(known.len(), 58);
    let meaning = |code: &&str| codes.by_code("event", code).unwrap().event;
    let unmapped = known
        .iter()
        .filter(|code| meaning(code) == EventCode::UNMAPPED);
    // 43 is "picked up" by the carrier or by the recipient: only its words can tell.
    assert!(unmapped.eq([&"43"]));
}

#[test]
fn codes_that_end_a_journey_mean_what_they_say() {
    let final_codes: Vec<_> = KNOWN
        .split_whitespace()
        .filter(|code| {
            event(code, "", "")
                .0
                .status()
                .is_some_and(|s| s.is_terminal())
        })
        .collect();
    assert_eq!(final_codes, ["01", "17"]);
    for (code, expected, reason) in [
        (
            "04",
            EventCode::REFUSED,
            Some(ReasonCode::RECIPIENT_REFUSED),
        ),
        ("11", EventCode::UNDELIVERABLE, Some(ReasonCode::OTHER)),
        ("14", EventCode::AVAILABLE_FOR_PICKUP, None),
        (
            "23",
            EventCode::RETURN_INITIATED,
            Some(ReasonCode::RECIPIENT_MOVED),
        ),
        (
            "27",
            EventCode::RETURN_INITIATED,
            Some(ReasonCode::RECIPIENT_NOT_COLLECTED),
        ),
        (
            "44",
            EventCode::RETURN_INITIATED,
            Some(ReasonCode::SHIPPER_CANCELLED),
        ),
        ("NT", EventCode::INFORMATION, None),
        ("gx", EventCode::LABEL_CREATED, None),
    ] {
        let (meaning, basis) = of(CODES.as_ref().unwrap(), code, "", "");
        assert_eq!(
            (meaning.event, meaning.reason),
            (expected, reason),
            "{code}"
        );
        assert_eq!(basis, MappingBasis::Code);
    }
}

#[test]
fn words_tell_the_manner_of_a_delivery() {
    for (words, expected) in [
        ("Delivered", EventCode::DELIVERED),
        ("Delivered, Left with Individual", EventCode::DELIVERED),
        (
            "Delivered to Agent for Final Delivery",
            EventCode::DELIVERED,
        ),
        (
            "Delivered to Agent, Picked up at USPS",
            EventCode::DELIVERED,
        ),
        ("Delivered, Parcel Locker", EventCode::AVAILABLE_FOR_PICKUP),
        ("Delivered, PO Box", EventCode::DELIVERED_TO_MAILBOX),
        ("Delivered, In/At Mailbox", EventCode::DELIVERED_TO_MAILBOX),
        (
            "DELIVERED, FRONT DESK/RECEPTION/MAIL ROOM",
            EventCode::DELIVERED_TO_RECEPTION,
        ),
        (
            "Delivered, Neighbor as Requested",
            EventCode::DELIVERED_TO_NEIGHBOUR,
        ),
        (
            "Delivered, Garage or Other Door",
            EventCode::DELIVERED_TO_SAFE_PLACE,
        ),
        (
            "Delivered, Individual Picked Up at Post Office",
            EventCode::COLLECTED_BY_RECIPIENT,
        ),
        (
            "Delivered, To Original Sender",
            EventCode::RETURNED_TO_SENDER,
        ),
    ] {
        assert_eq!(event("01", words, "").0, expected, "{words}");
    }
}

#[test]
fn words_tell_why_an_attempt_failed() {
    for (words, expected) in [
        (
            "Notice Left (Business Closed)",
            Some(ReasonCode::RECIPIENT_BUSINESS_CLOSED),
        ),
        (
            "Notice Left (No Authorized Recipient Available)",
            Some(ReasonCode::RECIPIENT_NOT_AVAILABLE),
        ),
        (
            "Notice Left (No Secure Location Available)",
            Some(ReasonCode::RECIPIENT_NO_SAFE_PLACE),
        ),
        (
            "Notice Left (Receptacle Full/Item Oversized)",
            Some(ReasonCode::RECIPIENT_NO_SAFE_PLACE),
        ),
        (
            "Notice Left (Receptacle Blocked)",
            Some(ReasonCode::RECIPIENT_ACCESS_RESTRICTED),
        ),
        ("Notice Left", None),
    ] {
        for code in ["02", "52", ""] {
            let (meaning, _) = of(CODES.as_ref().unwrap(), code, words, "");
            let found = (meaning.event, meaning.reason);
            assert_eq!(
                found,
                (EventCode::DELIVERY_ATTEMPTED, expected),
                "{code} {words}"
            );
        }
    }
}

#[test]
fn customs_is_read_from_words_and_has_a_direction() {
    for (words, expected) in [
        ("Inbound Into Customs", EventCode::IMPORT_CUSTOMS_PRESENTED),
        ("Inbound Out of Customs", EventCode::IMPORT_CUSTOMS_RELEASED),
        ("Held in Customs", EventCode::IMPORT_CUSTOMS_HELD),
        ("Customs Clearance", EventCode::CUSTOMS_PROCESSING),
        (
            "Customs clearance processing complete",
            EventCode::CUSTOMS_RELEASED,
        ),
    ] {
        let found = event("", words, "In Transit");
        assert_eq!(found, (expected, MappingBasis::Text), "{words}");
        assert_eq!(event("10", words, "").0, expected);
        assert_eq!(event("ZZ", words, "").0, expected);
    }
    for (event, scan, expected) in [
        (
            EventCode::CUSTOMS_PROCESSING,
            "CN",
            EventCode::EXPORT_CUSTOMS_PRESENTED,
        ),
        (
            EventCode::CUSTOMS_PROCESSING,
            "US",
            EventCode::IMPORT_CUSTOMS_PRESENTED,
        ),
        (
            EventCode::CUSTOMS_RELEASED,
            "CN",
            EventCode::EXPORT_CUSTOMS_RELEASED,
        ),
        (
            EventCode::CUSTOMS_RELEASED,
            "HK",
            EventCode::CUSTOMS_RELEASED,
        ),
        (
            EventCode::IMPORT_CUSTOMS_HELD,
            "CN",
            EventCode::EXPORT_CUSTOMS_HELD,
        ),
        (
            EventCode::IMPORT_CUSTOMS_HELD,
            "US",
            EventCode::IMPORT_CUSTOMS_HELD,
        ),
    ] {
        assert_eq!(directed(event, scan, "CN", "US"), expected, "{scan}");
    }
}

#[test]
fn picked_up_is_decided_by_words() {
    for (words, category, expected) in [
        ("Picked Up", "In Transit", EventCode::UNMAPPED),
        ("Picked Up", "Delivered", EventCode::COLLECTED_BY_RECIPIENT),
        ("Picked Up", "Accepted", EventCode::PICKED_UP),
        (
            "Individual Picked Up at Post Office",
            "",
            EventCode::COLLECTED_BY_RECIPIENT,
        ),
        ("Picked Up by USPS", "", EventCode::PICKED_UP),
    ] {
        assert_eq!(
            event("43", words, category).0,
            expected,
            "{words} {category}"
        );
    }
}

#[test]
fn without_a_known_code_the_category_comes_before_the_words() {
    let unmapped = (EventCode::UNMAPPED, MappingBasis::None);
    for (words, category, expected) in [
        (
            "Arrived somewhere",
            "Out for Delivery",
            (EventCode::OUT_FOR_DELIVERY, MappingBasis::AggregatedStatus),
        ),
        (
            "Arrived somewhere",
            "",
            (EventCode::ARRIVED_AT_FACILITY, MappingBasis::Text),
        ),
        (
            "Delivered, Parcel Locker",
            "Delivered",
            (
                EventCode::AVAILABLE_FOR_PICKUP,
                MappingBasis::AggregatedStatus,
            ),
        ),
        ("Delivered, Front Door/Porch", "", unmapped),
        ("Acceptance Pending", "", unmapped),
        ("Not out for delivery", "", unmapped),
        ("Something new", "Some new category", unmapped),
        ("", "", unmapped),
    ] {
        assert_eq!(event("ZZ", words, category), expected, "{words} {category}");
    }
    for category in [
        "Pre-Shipment",
        "Accepted",
        "In Transit",
        "Moving Through Network",
        "Out for Delivery",
        "Delivery Attempt",
        "Delivery Attempt (Action Needed)",
        "Available for Pickup",
        "Delivered",
        "Delivered to Agent",
        "Alert",
        "Return to Sender",
    ] {
        let found = of_category(CODES.as_ref().unwrap(), &category.to_uppercase());
        assert!(found.is_some(), "{category}");
    }
}
