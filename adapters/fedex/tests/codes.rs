//! The code table.

use waybill_core::code::{EventCode, ReasonCode};
use waybill_core::event::MappingBasis;

use super::meaning::{TABLE, Table, Why};
use super::wire::Scan;

fn table() -> &'static Table {
    TABLE.as_ref().unwrap()
}

fn of(kind: &str, code: &str, words: &str) -> (EventCode, Option<ReasonCode>) {
    let scan = Scan {
        event_type: kind.into(),
        ..Scan::default()
    };
    let why = Why {
        code,
        words,
        delay: "",
    };
    let (meaning, _) = table().of(&scan, why);
    (meaning.event, meaning.reason)
}

#[test]
fn every_row_is_understood_and_none_is_unmapped() {
    // Rows of the published lists, by list; places without a code stand for their words.
    assert_eq!(table().len(), (65 + 10 + 5 + 19, 42));
    let text = include_str!("../codes.csv");
    for (scope, count) in [
        ("event", 65),
        ("exception", 10),
        ("delay", 5),
        ("place", 24),
    ] {
        let rows = text.lines().skip(1);
        let of_scope = rows.filter(|row| row.split(',').next() == Some(scope));
        assert_eq!(of_scope.count(), count, "{scope}");
    }
    assert!(!text.contains(",UNMAPPED,"));
}

#[test]
fn codes_mean_what_the_list_says() {
    for (kind, event) in [
        ("AD", EventCode::OUT_FOR_DELIVERY),
        ("CA", EventCode::CANCELLED),
        ("DO", EventCode::DROPPED_OFF),
        ("DL", EventCode::DELIVERED),
        ("DR", EventCode::INFORMATION),
        ("EP", EventCode::PICKUP_SCHEDULED),
        ("HA", EventCode::INFORMATION),
        ("HL", EventCode::AVAILABLE_FOR_PICKUP),
        ("HP", EventCode::AVAILABLE_FOR_PICKUP),
        ("LP", EventCode::CANCELLED),
        ("OX", EventCode::INFO_RECEIVED),
        ("PR", EventCode::INFORMATION),
        ("RD", EventCode::CANCELLED),
        ("RG", EventCode::INFORMATION),
        ("RS", EventCode::RETURN_INITIATED),
        ("SP", EventCode::IN_TRANSIT),
        ("US", EventCode::ESTIMATE_UPDATED),
    ] {
        assert_eq!(of(kind, "", "").0, event, "{kind}");
    }
}

#[test]
fn a_problem_is_as_precise_as_its_code_or_its_words() {
    let not_there = Some(ReasonCode::RECIPIENT_NOT_AVAILABLE);
    let address = Some(ReasonCode::RECIPIENT_INCORRECT_ADDRESS);
    let restricted = Some(ReasonCode::RECIPIENT_ACCESS_RESTRICTED);
    let carrier = Some(ReasonCode::CARRIER_TRANSPORT_DELAY);
    let weather = Some(ReasonCode::WEATHER);
    for (kind, code, words, event, reason) in [
        ("DE", "007", "", EventCode::DELIVERY_ATTEMPTED, not_there),
        ("DE", "8", "", EventCode::DELIVERY_ATTEMPTED, not_there),
        ("DE", "03", "", EventCode::DELIVERY_ATTEMPTED, address),
        ("SE", "03", "", EventCode::ADDRESS_PROBLEM, address),
        ("DE", "083", "", EventCode::DELIVERY_ATTEMPTED, restricted),
        ("SE", "083", "", EventCode::EXCEPTION, restricted),
        ("DE", "099", "", EventCode::UNDELIVERABLE, None),
        ("SE", "015A", "", EventCode::AVAILABLE_FOR_PICKUP, None),
        ("SE", "A25", "", EventCode::CUSTOMS_PROCESSING, None),
        ("SE", "??", "", EventCode::EXCEPTION, None),
        (
            "SE",
            "",
            "Package damaged",
            EventCode::DAMAGED,
            Some(ReasonCode::CARRIER_HANDLING_DAMAGE),
        ),
        ("SE", "", "Beschädigt", EventCode::EXCEPTION, None),
        ("DD", "", "", EventCode::DELAYED, carrier),
        ("DD", "", "Weather delay", EventCode::DELAYED, weather),
        ("DY", "99X", "something", EventCode::DELAYED, carrier),
        ("DL", "08", "", EventCode::DELIVERED, None),
        ("DL", "014", "", EventCode::DELIVERED_TO_SAFE_PLACE, None),
        (
            "DL",
            "",
            "Collected at the locker",
            EventCode::DELIVERED,
            None,
        ),
        (
            "IT",
            "099",
            "Unable to deliver",
            EventCode::IN_TRANSIT,
            None,
        ),
    ] {
        assert_eq!(
            of(kind, code, words),
            (event, reason),
            "{kind} {code} {words}"
        );
    }
}

#[test]
fn the_derived_code_counts_only_where_there_is_no_other() {
    let of = |kind: &str, derived: &str| {
        let scan = Scan {
            event_type: kind.into(),
            derived_status_code: derived.into(),
            ..Scan::default()
        };
        let why = Why {
            code: "",
            words: "",
            delay: "",
        };
        let (meaning, basis) = table().of(&scan, why);
        (meaning.event, basis)
    };
    let coarse = MappingBasis::AggregatedStatus;
    assert_eq!(
        of("HP", "IT"),
        (EventCode::AVAILABLE_FOR_PICKUP, MappingBasis::Code)
    );
    assert_eq!(of("", "DL"), (EventCode::DELIVERED, coarse));
    assert_eq!(of("Q1", "IT"), (EventCode::IN_TRANSIT, coarse));
    assert_eq!(of("Q1", "DL"), (EventCode::UNMAPPED, MappingBasis::None));
    assert_eq!(of("Q1", "CA"), (EventCode::UNMAPPED, MappingBasis::None));
    assert_eq!(of("", ""), (EventCode::UNMAPPED, MappingBasis::None));
}

#[test]
fn the_place_names_the_manner_of_a_delivery() {
    for (kind, name, code) in [
        (
            "FRONT_DOOR",
            "Front Door",
            Some(EventCode::DELIVERED_TO_SAFE_PLACE),
        ),
        (
            "",
            "receptionist/front  desk",
            Some(EventCode::DELIVERED_TO_RECEPTION),
        ),
        ("", "Porch", Some(EventCode::DELIVERED_TO_SAFE_PLACE)),
        ("LOCKER", "", Some(EventCode::AVAILABLE_FOR_PICKUP)),
        ("RESIDENCE", "", Some(EventCode::DELIVERED)),
        ("MOON", "Base", None),
        ("", "", None),
    ] {
        assert_eq!(table().of_place(kind, name), code, "{kind} {name}");
    }
}
