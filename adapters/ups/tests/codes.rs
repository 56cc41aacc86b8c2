//! The code table.

use waybill_core::code::{EventCode, ReasonCode};
use waybill_core::event::MappingBasis;

use super::meaning::{CODES, Family, of, of_place};
use super::wire::Status;

fn event(family: Family, kind: &str, code: &str, stage: &str) -> (EventCode, Option<ReasonCode>) {
    let status = Status {
        kind: kind.into(),
        code: code.into(),
        status_code: stage.into(),
        ..Status::default()
    };
    let (meaning, _) = of(CODES.as_ref().unwrap(), family, &status);
    (meaning.event, meaning.reason)
}

#[test]
fn every_row_is_understood() {
    let codes = CODES.as_ref().unwrap();
    assert_eq!(codes.len(), 1_545);
    // Rows of the published lists, by list.
    for (scope, count) in [
        ("status", 160),
        ("type", 10),
        ("I", 38),
        ("M", 4),
        ("MV", 4),
        ("U", 3),
        // One of them twice in the list, and two more from published samples.
        ("D", 153),
        ("X", 687),
        ("mail-innovations", 213),
        ("freight-activity", 66),
        ("freight-exception", 207),
    ] {
        let rows = include_str!("../codes.csv").lines().skip(1);
        let of_scope = rows.filter(|row| row.split(',').next() == Some(scope));
        assert_eq!(of_scope.count(), count, "{scope}");
    }
}

#[test]
fn final_and_customs_codes_mean_what_they_say() {
    let papers = Some(ReasonCode::CUSTOMS_DOCUMENTATION);
    let searched = Some(ReasonCode::UNDER_INVESTIGATION);
    let prohibited = Some(ReasonCode::SHIPPER_PROHIBITED_CONTENT);
    for (stage, code, reason) in [
        ("007", EventCode::CANCELLED, None),
        ("011", EventCode::DELIVERED, None),
        ("024", EventCode::FINAL_ATTEMPT_FAILED, None),
        ("033", EventCode::RETURN_INITIATED, None),
        ("034", EventCode::RETURNED_TO_SENDER, None),
        ("035", EventCode::RETURN_IN_TRANSIT, None),
        ("043", EventCode::INFORMATION, None),
        ("058", EventCode::CUSTOMS_INFORMATION_REQUIRED, papers),
        ("059", EventCode::DAMAGED, None),
        ("067", EventCode::RETURN_IN_TRANSIT, None),
        ("068", EventCode::SEARCH_STARTED, searched),
        ("081", EventCode::RETURNED_TO_SENDER, None),
        ("124", EventCode::CUSTOMS_INFORMATION_REQUIRED, papers),
        ("134", EventCode::IMPORT_CUSTOMS_RELEASED, None),
        ("143", EventCode::HANDED_OVER_TO_PARTNER, None),
        ("144", EventCode::AVAILABLE_FOR_PICKUP, None),
        ("147", EventCode::SEIZED, None),
        ("149", EventCode::DESTROYED, prohibited),
        ("161", EventCode::AVAILABLE_FOR_PICKUP, None),
        ("169", EventCode::DROPPED_OFF, None),
    ] {
        assert_eq!(
            event(Family::Parcel, "X", "", stage),
            (code, reason),
            "{stage}"
        );
    }
}

#[test]
fn the_status_code_decides_and_the_code_may_say_more() {
    for (kind, code, stage, expected) in [
        ("I", "OR", "005", EventCode::ACCEPTED),
        ("I", "DP", "005", EventCode::DEPARTED_FACILITY),
        ("I", "OD", "005", EventCode::IN_TRANSIT),
        ("X", "6", "005", EventCode::MISROUTED),
        ("X", "8", "010", EventCode::DELAYED),
        ("X", "T7", "005", EventCode::IN_TRANSIT),
        ("D", "ML", "011", EventCode::DELIVERED_TO_SAFE_PLACE),
        ("D", "53", "011", EventCode::DELIVERED),
        ("D", "8N", "011", EventCode::DELIVERED),
        ("X", "1F", "013", EventCode::DESTROYED),
        ("X", "F4", "013", EventCode::EXCEPTION),
        ("X", "KT", "060", EventCode::REFUSED),
        ("X", "F4", "060", EventCode::DELIVERY_ATTEMPTED),
        ("X", "5", "012", EventCode::CUSTOMS_PROCESSING),
        ("X", "40", "012", EventCode::CUSTOMS_INFORMATION_REQUIRED),
        ("D", "FS", "035", EventCode::RETURN_IN_TRANSIT),
        ("D", "FS", "", EventCode::DELIVERED),
        ("D", "", "11", EventCode::DELIVERED),
        ("X", "", "5", EventCode::IN_TRANSIT),
        ("D", "ZI", "", EventCode::AVAILABLE_FOR_PICKUP),
    ] {
        let found = event(Family::Parcel, kind, code, stage).0;
        assert_eq!(found, expected, "{kind}/{code}/{stage}");
    }
    let codes = CODES.as_ref().unwrap();
    let nothing = Status {
        status_code: "000".into(),
        ..Status::default()
    };
    let (meaning, basis) = of(codes, Family::Parcel, &nothing);
    assert_eq!(
        (meaning.event, basis),
        (EventCode::UNMAPPED, MappingBasis::None)
    );
}

#[test]
fn words_tell_a_deposit_from_a_delivery() {
    for (words, event) in [
        (
            "Delivered to UPS Access Point",
            EventCode::AVAILABLE_FOR_PICKUP,
        ),
        ("DELIVERED TO LOCKER ", EventCode::AVAILABLE_FOR_PICKUP),
        ("Collected at the access point", EventCode::DELIVERED),
        ("DELIVERED", EventCode::DELIVERED),
    ] {
        let status = Status {
            kind: "D".into(),
            status_code: "011".into(),
            description: words.into(),
            ..Status::default()
        };
        let (meaning, _) = of(CODES.as_ref().unwrap(), Family::Parcel, &status);
        assert_eq!(meaning.event, event, "{words}");
    }
}

#[test]
fn one_code_means_different_things_in_different_lists() {
    let of = |family, kind, code| event(family, kind, code, "").0;
    assert_eq!(of(Family::Parcel, "I", "DP"), EventCode::DEPARTED_FACILITY);
    assert_eq!(of(Family::Parcel, "M", "DP"), EventCode::INFO_RECEIVED);
    assert_eq!(of(Family::Parcel, "X", "DP"), EventCode::EXCEPTION);
    let post = Family::MailInnovations;
    assert_eq!(of(post, "IC", "DP"), EventCode::RECIPIENT_CONTACTED);
    assert_eq!(of(post, "A4", "R9"), EventCode::LOST);
    assert_eq!(of(post, "A4", "S9"), EventCode::RETURN_IN_TRANSIT);
    let freight = Family::Freight;
    assert_eq!(of(freight, "I", "012"), EventCode::DELIVERED);
    assert_eq!(of(freight, "X", "35"), EventCode::SEIZED);
    assert_eq!(of(freight, "DO", ""), EventCode::ARRIVED_AT_FACILITY);
}

#[test]
fn the_family_follows_from_number_and_service() {
    for (number, service, family) in [
        (
            "1Z7W4A210300001015",
            "UPS Worldwide Express Freight",
            Family::Parcel,
        ),
        ("H7012345678", "", Family::Parcel),
        ("MI020400KELM0000123", "", Family::MailInnovations),
        ("92748999899915300000", "", Family::MailInnovations),
        ("123456789", "UPS Mail Innovations", Family::MailInnovations),
        ("123456789", "Freight LTL", Family::Freight),
        ("123456789", "UPS Ground", Family::Parcel),
    ] {
        assert_eq!(Family::of(number, service), family, "{service}");
    }
}

#[test]
fn the_place_names_the_manner_of_a_delivery() {
    let codes = CODES.as_ref().unwrap();
    for (place, code) in [
        ("Front Door", Some(EventCode::DELIVERED_TO_SAFE_PLACE)),
        ("FRONT DESK ", Some(EventCode::DELIVERED_TO_RECEPTION)),
        ("Mailbox", Some(EventCode::DELIVERED_TO_MAILBOX)),
        (
            "Neighbor - By Request",
            Some(EventCode::DELIVERED_TO_NEIGHBOUR),
        ),
        ("Locker", Some(EventCode::AVAILABLE_FOR_PICKUP)),
        ("closed", None),
        ("Moon base", None),
        ("", None),
    ] {
        assert_eq!(of_place(codes, place), code, "{place}");
    }
}
