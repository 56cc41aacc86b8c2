//! The code table.

use serde_json::json;
use waybill_core::code::{EventCode, ReasonCode};
use waybill_core::status::Status;

use super::clock::{Side, side};
use super::meaning::{CODES, of_upu, reverses};
use super::*;

const TABLE: &str = include_str!("../codes.csv");

/// Scope, code and event of every row.
fn rows() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    TABLE.lines().skip(1).map(|row| {
        let mut cells = row.splitn(4, ',');
        let mut next = || cells.next().unwrap();
        (next(), next(), next())
    })
}

/// What one row is understood as.
fn claim(row: serde_json::Value) -> waybill_core::event::Claim {
    let mut row = row;
    row["waybillNo"] = json!("9900000000011");
    row["opTime"] = json!("2026-02-12 08:00:00");
    report(&answer(&json!([row])))
        .claims
        .remove(0)
        .as_ref()
        .clone()
}

#[test]
fn every_published_row_is_there() {
    assert_eq!(CODES.as_ref().unwrap().len(), 268);
    for (scope, count) in [
        // 197 of the table, and one that the consumer page has.
        ("", 198),
        ("signed", 24),
        ("unsigned", 16),
        ("upu", 26),
        ("stage", 4),
    ] {
        let of_scope = rows().filter(|row| row.0 == scope);
        assert_eq!(of_scope.count(), count, "{scope}");
    }
}

#[test]
fn one_code_is_left_unmapped_because_nobody_vouches_for_it() {
    let unmapped: Vec<_> = rows().filter(|row| row.2 == "UNMAPPED").collect();
    assert_eq!(unmapped, [("upu", "EMX", "UNMAPPED")]);
}

#[test]
fn no_locker_point_or_kiosk_is_a_delivery() {
    for (code, event) in [
        ("10", EventCode::DELIVERED_SIGNED),
        ("20", EventCode::DELIVERED),
        ("30", EventCode::AVAILABLE_FOR_PICKUP),
        ("50", EventCode::AVAILABLE_FOR_PICKUP),
        ("60", EventCode::DELIVERED_TO_RECEPTION),
        ("80", EventCode::AVAILABLE_FOR_PICKUP),
        ("90", EventCode::DELIVERED_TO_MAILBOX),
        ("163", EventCode::DELIVERED_TO_SAFE_PLACE),
        ("180", EventCode::EXCEPTION),
        ("ZDY", EventCode::DELIVERED),
    ] {
        let claim = claim(json!({ "opCode": "704", "deliverCode": code }));
        assert_eq!(claim.code, event, "{code}");
        assert_eq!(claim.native_reason, code);
    }
    for code in ["723", "747", "491", "O_017"] {
        let claim = claim(json!({ "opCode": code }));
        assert_eq!(claim.code, EventCode::AVAILABLE_FOR_PICKUP, "{code}");
    }
    // Without the code its words decide.
    for (words, event) in [
        ("已投递至包裹柜，请凭取件码", EventCode::DELIVERED),
        ("已投递至包裹柜", EventCode::AVAILABLE_FOR_PICKUP),
        ("已存放至驿站", EventCode::AVAILABLE_FOR_PICKUP),
        ("收件人已从自提点取走", EventCode::DELIVERED),
        ("已签收", EventCode::DELIVERED),
    ] {
        let claim = claim(json!({ "opCode": "704", "opDesc": words }));
        assert_eq!(claim.code, event, "{words}");
    }
}

#[test]
fn a_failure_has_its_reason() {
    use ReasonCode as R;
    for (code, event, reason) in [
        (
            "1",
            EventCode::DELIVERY_ATTEMPTED,
            Some(R::RECIPIENT_INCORRECT_ADDRESS),
        ),
        ("3", EventCode::DELIVERY_ATTEMPTED, Some(R::RECIPIENT_MOVED)),
        (
            "4",
            EventCode::DELIVERY_ATTEMPTED,
            Some(R::RECIPIENT_NOT_AVAILABLE),
        ),
        (
            "6",
            EventCode::DELIVERY_ATTEMPTED,
            Some(R::RECIPIENT_REQUESTED_DELAY),
        ),
        ("7", EventCode::REFUSED, Some(R::RECIPIENT_REFUSED)),
        ("8", EventCode::AVAILABLE_FOR_PICKUP, None),
        (
            "10",
            EventCode::RETURN_INITIATED,
            Some(R::SHIPPER_CANCELLED),
        ),
        ("11", EventCode::REDIRECTED, None),
        ("13", EventCode::LOST, Some(R::CARRIER_LOSS)),
        (
            "14",
            EventCode::HELD_AT_DELIVERY_OFFICE,
            Some(R::RECIPIENT_PAYMENT_PENDING),
        ),
        ("16", EventCode::DELIVERY_ATTEMPTED, Some(R::OTHER)),
    ] {
        let claim = claim(json!({ "opCode": 705, "attemptDeliveryCode": code }));
        assert_eq!((claim.code, claim.reason), (event, reason), "{code}");
    }
}

#[test]
fn a_journey_ends_only_where_the_name_says_so() {
    let ends = |status| {
        let event = move |row: &(&str, &str, &str)| {
            EventCode::by_name(row.2).unwrap().status() == Some(status)
        };
        let found = rows().filter(|row| row.0.is_empty()).filter(event);
        found.map(|row| row.1).collect::<Vec<_>>()
    };
    assert_eq!(
        ends(Status::Delivered),
        ["463", "704", "748", "O_010", "O_016"]
    );
    assert_eq!(ends(Status::Returned), ["711"]);
    assert_eq!(ends(Status::Failed), ["987", "988"]);
    assert_eq!(ends(Status::Cancelled), ["801"]);
}

#[test]
fn every_reversal_of_the_table_takes_something_back() {
    let says = |row: &&str| row.starts_with(',') && row.contains(",INFORMATION,");
    let named: Vec<_> = TABLE.lines().filter(says).collect();
    assert_eq!(named.len(), 18);
    for row in named {
        let code = row.split(',').nth(1).unwrap();
        let reversed = reverses(code);
        assert!(!reversed.is_empty(), "{row}");
        for code in reversed {
            let known = rows().any(|row| row.0.is_empty() && row.1 == *code);
            assert!(known && reverses(code).is_empty(), "{code}");
        }
    }
    for word in ["删除", "撤销", "配发取消", "交接取消"] {
        for row in TABLE.lines().filter(|row| row.ends_with(word)) {
            assert!(row.contains(",INFORMATION,"), "{row}");
        }
    }
}

#[test]
fn the_upu_list_agrees_with_the_vocabulary() {
    let codes = CODES.as_ref().unwrap();
    for row in waybill_core::code::EVENT_CODES {
        for upu in row.upu {
            let (meaning, _) = of_upu(codes, upu);
            let listed = meaning.event.info().unwrap().upu;
            assert!(listed.contains(upu), "{upu}");
        }
    }
}

#[test]
fn the_mirrors_of_the_upu_mean_the_same() {
    let codes = CODES.as_ref().unwrap();
    for (code, upu) in [
        ("203", "EMA"),
        ("464", "EMA"),
        ("465", "EMB"),
        ("423", "EMC"),
        ("494", "EMC"),
        ("O_022", "EMC"),
        ("488", "EMJ"),
        ("489", "EMK"),
        ("495", "EMJ"),
        ("496", "EMK"),
        ("459", "EMD"),
        ("485", "EDA"),
        ("EDA", "EDA"),
        ("486", "EDB"),
        ("493", "EME"),
        ("487", "EDC"),
        ("460", "EMF"),
        ("461", "EMG"),
        ("490", "EDF"),
        ("O_014", "EDG"),
        ("491", "EDH"),
        ("542", "EMH"),
        ("463", "EMI"),
        ("492", "EDX"),
        ("EXD", "EXD"),
    ] {
        let claim = claim(json!({ "opCode": code }));
        assert_eq!(claim.code, of_upu(codes, upu).0.event, "{code}");
    }
}

#[test]
fn what_happened_abroad_has_no_certain_clock() {
    // Code, with an office in China, issuer, side.
    for (code, office, issuer, expected) in [
        ("203", false, "", Side::China),
        ("455", false, "", Side::China),
        ("456", true, "CN", Side::Unknown),
        ("463", true, "CN", Side::Unknown),
        ("472", false, "CN", Side::China),
        ("483", true, "CN", Side::China),
        ("498", false, "CN", Side::Unknown),
        ("499", false, "CN", Side::China),
        ("505", false, "NL", Side::Unknown),
        ("505", true, "NL", Side::China),
        ("542", true, "CN", Side::Unknown),
        ("552", true, "CN", Side::China),
        ("600", false, "CN", Side::China),
        ("O_001", true, "CN", Side::Unknown),
        ("EDB", false, "CN", Side::Unknown),
        ("EDB", true, "NL", Side::China),
        ("EMD", false, "CN", Side::Unknown),
        ("EXA", false, "CN", Side::China),
        ("EXA", false, "NL", Side::Unknown),
        ("C_004", false, "NL", Side::China),
        ("V_954", false, "", Side::China),
        ("", false, "", Side::China),
    ] {
        assert_eq!(side(code, office, issuer), expected, "{code} {office}");
    }
}
