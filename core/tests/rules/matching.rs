//! When two reports are one event: a table per rule.

use waybill_core::shipment::{FindingKind, Shipment};

use crate::script::{absorbed, in_order, read};
use crate::support::findings;

/// What the carrier (zone of Shanghai where it states none) and an aggregator that repeats it make
/// of a row each: "CODE | clock | place | text".
fn pair(carrier: &str, aggregator: &str) -> Shipment {
    let text = format!(
        "== pair
         source acme carrier zone Asia/Shanghai
         source relay aggregator of acme
         > acme 2026-04-01T00:00:00Z
         @a | A | {carrier}
         > relay 2026-04-01T00:01:00Z
         @b | B | {aggregator}"
    );
    let histories = read(&text);
    absorbed(&histories[0], &in_order(&histories[0])).record()
}

fn are_one(carrier: &str, aggregator: &str) -> bool {
    let forth = pair(carrier, aggregator).events.len();
    assert!(forth == 1 || forth == 2);
    forth == 1
}

const AT: &str = "2026-03-02T14:05:00+08:00 | CN Shenzhen | words";

#[test]
fn codes_match_if_equal_or_if_one_generalises_the_other() {
    let covered: [(&str, &[&str]); 6] = [
        (
            "INFO_RECEIVED",
            &["LABEL_CREATED", "PICKUP_SCHEDULED", "AWAITING_HANDOVER"],
        ),
        (
            "IN_TRANSIT",
            &[
                "ARRIVED_AT_FACILITY",
                "DEPARTED_FACILITY",
                "SORTED",
                "DEPARTED_EXPORT_OFFICE",
                "ARRIVED_AT_IMPORT_OFFICE",
                "HANDED_TO_LINEHAUL",
                "TRANSPORT_DEPARTED",
                "HANDED_OVER_TO_PARTNER",
                "RECEIVED_FROM_PARTNER",
            ],
        ),
        (
            "DELIVERED",
            &[
                "DELIVERED_SIGNED",
                "DELIVERED_TO_NEIGHBOUR",
                "DELIVERED_TO_SAFE_PLACE",
                "COLLECTED_BY_RECIPIENT",
                "DELIVERED_TO_MAILBOX",
                "CASH_COLLECTED",
                "AVAILABLE_FOR_PICKUP",
                "RETURNED_TO_SENDER",
            ],
        ),
        (
            "CUSTOMS_PROCESSING",
            &["EXPORT_CUSTOMS_PRESENTED", "IMPORT_CUSTOMS_PRESENTED"],
        ),
        (
            "CUSTOMS_RELEASED",
            &["EXPORT_CUSTOMS_RELEASED", "IMPORT_CUSTOMS_RELEASED"],
        ),
        (
            "DELIVERY_ATTEMPTED",
            &[
                "FINAL_ATTEMPT_FAILED",
                "REFUSED",
                "UNCLAIMED",
                "UNDELIVERABLE",
            ],
        ),
    ];
    for (general, precise) in covered {
        for (at, code) in precise.iter().enumerate() {
            let (one, two) = (format!("{general} | {AT}"), format!("{code} | {AT}"));
            assert!(
                are_one(&one, &two) && are_one(&two, &one),
                "{general} {code}"
            );
            assert!(are_one(&two, &two), "{code} is itself");
            // What is covered by one is not the same for that.
            let other = precise[(at + 1) % precise.len()];
            let other = format!("{other} | {AT}");
            assert!(!are_one(&two, &other), "{code} is not {other}");
        }
    }
    for (one, two, same) in [
        ("PICKED_UP", "ACCEPTED", true),
        ("EXCEPTION", "DELAYED", true),
        ("EXCEPTION", "LOST", true),
        ("DELAYED", "HELD", false),
        ("IN_TRANSIT", "ARRIVED_AT_DELIVERY_OFFICE", false),
        ("IN_TRANSIT", "REDIRECTED", false),
        ("IN_TRANSIT", "ACCEPTED", false),
        ("IN_TRANSIT", "IMPORT_CUSTOMS_PRESENTED", false),
        ("OUT_FOR_DELIVERY", "DELIVERED", false),
        ("CUSTOMS_PROCESSING", "CUSTOMS_RELEASED", false),
        ("CUSTOMS_PROCESSING", "IMPORT_CUSTOMS_HELD", false),
        // Neither says what happened, but the words are the same.
        ("UNMAPPED", "DELAYED", true),
        ("INFORMATION", "INFORMATION", true),
    ] {
        let (one_row, two_row) = (format!("{one} | {AT}"), format!("{two} | {AT}"));
        assert_eq!(are_one(&one_row, &two_row), same, "{one} {two}");
        assert_eq!(are_one(&two_row, &one_row), same, "{two} {one}");
    }
    let note = "2026-03-02T14:05:00+08:00 | CN Shenzhen | other";
    assert!(!are_one(
        &format!("UNMAPPED | {AT}"),
        &format!("DELAYED | {note}")
    ));
    assert!(!are_one(
        &format!("INFORMATION | {AT}"),
        &format!("INFORMATION | {note}")
    ));
}

#[test]
fn steps_at_one_facility_are_one_only_at_the_same_one() {
    let codes = [
        "ARRIVED_AT_FACILITY",
        "SORTED",
        "ARRIVED_AT_IMPORT_OFFICE",
        "ARRIVED_AT_DELIVERY_OFFICE",
    ];
    for one in codes {
        for two in codes {
            for (here, there, same) in [
                ("[impc CNCANA]", "[impc CNCANA]", true),
                ("[impc CNCANA]", "[impc CNSZXA]", one == two),
                ("[impc CNCANA]", "[iata CNCANA]", one == two),
                ("", "[impc CNCANA]", one == two),
                ("", "", one == two),
            ] {
                let row = |code: &str, facility: &str| {
                    format!("{code} | 2026-03-02T14:05:00+08:00 | CN Canton {facility} | x")
                };
                let found = are_one(&row(one, here), &row(two, there));
                assert_eq!(found, same, "{one} {here}, {two} {there}");
            }
        }
    }
}

#[test]
fn clocks_match() {
    for (rule, one, two, same) in [
        (
            "the same instant",
            "2026-03-02T14:05:00+08:00",
            "2026-03-02T06:05:00Z",
            true,
        ),
        (
            "seconds cut",
            "2026-03-02T14:05:59+08:00",
            "2026-03-02T14:05+08:00",
            true,
        ),
        (
            "two minutes",
            "2026-03-02T14:05:00+08:00",
            "2026-03-02T14:07:00+08:00",
            true,
        ),
        (
            "more",
            "2026-03-02T14:05:00+08:00",
            "2026-03-02T14:07:01+08:00",
            false,
        ),
        (
            "local and known",
            "2026-03-02T14:05:00",
            "2026-03-02T14:06:30+08:00",
            true,
        ),
        (
            "local on both sides",
            "2026-03-02 14:05:00",
            "2026-03-02 14:05:30",
            true,
        ),
        (
            "local, three minutes",
            "2026-03-02 14:05:00",
            "2026-03-02 14:08:00",
            false,
        ),
        (
            "within the hour",
            "2026-03-02T14+08:00",
            "2026-03-02T14:40:00+08:00",
            true,
        ),
        (
            "the hour after",
            "2026-03-02T14+08:00",
            "2026-03-02T15:00:00+08:00",
            false,
        ),
        (
            "same wall, other zone",
            "2026-03-02T14:05+08:00",
            "2026-03-02T14:05+01:00",
            true,
        ),
        (
            "half an hour off",
            "2026-03-02T14:05:07+08:00",
            "2026-03-02T14:35:07+08:00",
            true,
        ),
        (
            "15 hours off",
            "2026-03-02T14:05:07+08:00",
            "2026-03-03T05:05:07+08:00",
            false,
        ),
        (
            "an hour and a second",
            "2026-03-02T14:05:07+08:00",
            "2026-03-02T15:05:08+08:00",
            false,
        ),
        (
            "a whole hour, no seconds",
            "2026-03-02T14:05+08:00",
            "2026-03-02T15:05+08:00",
            false,
        ),
        (
            "seconds that are none",
            "2026-03-02T14:05:00+08:00",
            "2026-03-02T15:05:00+08:00",
            false,
        ),
        ("the day", "2026-03-02", "2026-03-02T23:59:00+08:00", true),
        ("both days", "2026-03-02", "2026-03-02", true),
        (
            "the day after",
            "2026-03-02",
            "2026-03-03T00:00:00+08:00",
            false,
        ),
    ] {
        let row = |clock: &str| format!("SORTED | {clock} | CN Shenzhen | 处理 words");
        assert_eq!(are_one(&row(one), &row(two)), same, "{rule}");
        assert_eq!(are_one(&row(two), &row(one)), same, "{rule}, turned round");
    }
    // A zone mistake and a day need more than a clock.
    for (rule, one, two, same) in [
        (
            "other words",
            "2026-03-02T14:05:07+08:00 | CN Shenzhen | a",
            "2026-03-02T15:05:07+08:00 | CN Shenzhen | b",
            false,
        ),
        (
            "no words",
            "2026-03-02T14:05:07+08:00 | CN Shenzhen |",
            "2026-03-02T15:05:07+08:00 | CN Shenzhen |",
            false,
        ),
        (
            "no place",
            "2026-03-02T14:05:07+08:00 | - | a",
            "2026-03-02T15:05:07+08:00 | CN Shenzhen | a",
            false,
        ),
        (
            "words and place",
            "2026-03-02T14:05:07+08:00 | CN | a",
            "2026-03-02T15:05:07+08:00 | CN Shenzhen | A!",
            true,
        ),
        (
            "a day in a country",
            "2026-03-02 | CN | a",
            "2026-03-02T15:05:07+08:00 | CN Shenzhen | a",
            false,
        ),
        (
            "a day nowhere",
            "2026-03-02 | - | a",
            "2026-03-02 | - | a",
            false,
        ),
    ] {
        assert_eq!(
            are_one(&format!("SORTED | {one}"), &format!("SORTED | {two}")),
            same,
            "{rule}"
        );
    }
}

#[test]
fn places_match() {
    for (one, two, same) in [
        ("CN Shenzhen", "CN SHENZHEN", true),
        ("CN Shenzhen", "CN Shenzhen City", true),
        ("CN 深圳", "CN 深圳市", true),
        ("CN 广东省深圳市", "CN 深圳", true),
        ("CN 深圳", "CN 惠州", false),
        ("CN Shenzhen", "CN Huizhou", false),
        ("CN 深圳", "CN Shenzhen", true),
        ("RU Москва", "RU 莫斯科", true),
        ("RU Москва", "RU Подольск", false),
        ("BR São Paulo", "BR SAO PAULO", true),
        ("DE Köln", "DE Cologne", true),
        ("US-NY ISC NEW YORK NY(USPS)", "US New York", true),
        ("US-NY New York", "US-NJ Newark", false),
        ("CN", "CN Shenzhen", true),
        ("CN Shenzhen", "-", true),
        ("? anywhere", "CN Shenzhen", true),
        ("-", "-", true),
        ("CN Shenzhen", "US", false),
        ("CN 香港", "HK", true),
        ("HK", "MO", false),
        ("US San Juan", "PR San Juan", true),
        ("CN [impc CNCANA]", "CN Canton [impc CNCANA]", true),
        ("CN Canton [impc CNCANA]", "CN Canton [impc CNCANB]", true),
    ] {
        let row = |place: &str| format!("SORTED | 2026-03-02T14:05:00+08:00 | {place} | x");
        assert_eq!(are_one(&row(one), &row(two)), same, "{one}, {two}");
        assert_eq!(are_one(&row(two), &row(one)), same, "{two}, {one}");
    }
}

/// Text of a history in which the aggregator's row could be either of the carrier's two.
fn choice(first: &str, second: &str, row: &str) -> Shipment {
    let text = format!(
        "== choice
         source acme carrier
         source relay aggregator of acme
         > acme 2026-04-01T00:00:00Z
         @a | A | {first}
         @b | B | {second}
         > relay 2026-04-01T00:01:00Z
         @c | C | {row}"
    );
    let histories = read(&text);
    absorbed(&histories[0], &in_order(&histories[0])).record()
}

#[test]
fn of_two_that_fit_the_better_is_taken() {
    let clock = |second: &str| format!("2026-03-02T14:{second}+08:00");
    let (early, late) = (clock("05:10"), clock("05:40"));
    for (rule, good, bad, row) in [
        (
            "the same words",
            format!("DEPARTED_FACILITY | {late} | CN | gone"),
            format!("ARRIVED_AT_FACILITY | {early} | CN Shenzhen | come"),
            format!("IN_TRANSIT | {early} | CN Shenzhen | Gone."),
        ),
        (
            "the same code",
            format!("IN_TRANSIT | {late} | CN | a"),
            format!("ARRIVED_AT_FACILITY | {early} | CN Shenzhen | b"),
            format!("IN_TRANSIT | {early} | CN Shenzhen | c"),
        ),
        (
            "the same facility",
            format!("SORTED | {late} | CN Shenzhen [impc CNSZXA] | a"),
            format!("SORTED | {early} | CN Shenzhen | b"),
            format!("SORTED | {early} | CN Shenzhen [impc CNSZXA] | c"),
        ),
        (
            "the same town",
            format!("SORTED | {late} | CN Shenzhen | a"),
            format!("SORTED | {early} | CN | b"),
            format!("SORTED | {early} | CN Shenzhen | c"),
        ),
        (
            "a known place",
            format!("SORTED | {late} | CN | a"),
            format!("SORTED | {early} | - | b"),
            format!("SORTED | {early} | CN Shenzhen | c"),
        ),
        (
            "a known clock",
            format!("SORTED | {late} | HK | a"),
            "SORTED | 2026-03-02 14:05:10 | - | b".to_owned(),
            format!("SORTED | {early} | - | c"),
        ),
        (
            "the nearer clock",
            format!("SORTED | {early} | CN Shenzhen | a"),
            format!("SORTED | {late} | CN Shenzhen | b"),
            format!("SORTED | {} | CN Shenzhen | c", clock("05:20")),
        ),
    ] {
        for (first, second) in [(&good, &bad), (&bad, &good)] {
            let record = choice(first, second, &row);
            assert_eq!(record.events.len(), 2, "{rule}");
            let both = record.events.iter().find(|event| !event.also.is_empty());
            let (native, is_first) = (&both.unwrap().said.claim.native_code, first == &good);
            assert_eq!(native, if is_first { "A" } else { "B" }, "{rule}");
        }
    }
}

#[test]
fn a_source_has_one_row_in_an_event_unless_it_repeats_itself() {
    let row = "SORTED | 2026-03-02T14:05:00+08:00 | CN Shenzhen | x";
    let nearly = "SORTED | 2026-03-02T14:06:00+08:00 | CN Shenzhen | x";
    let events = |rows: &str| {
        let histories = read(&format!(
            "== rows
             source acme carrier
             source relay aggregator of acme
             > relay 2026-04-01T00:00:00Z
             {rows}
             > acme 2026-04-01T00:01:00Z
             @a | A | {row}"
        ));
        absorbed(&histories[0], &in_order(&histories[0]))
            .record()
            .events
    };
    let repeated = events(&format!("@b | B | {row}\n@b | B | {row}\n@b | B | {row}"));
    assert_eq!((repeated.len(), repeated[0].source_count), (1, 1));
    assert_eq!(repeated[0].also.len(), 3);
    assert_eq!(
        events(&format!("@b | B | {row}\n@c | B | {nearly}")).len(),
        2
    );
    assert_eq!(
        events(&format!("@b | B#1 | {row}\n@c | B#2 | {nearly}")).len(),
        2
    );
    // Of two carriers that it repeats, an aggregator has a row each.
    let other = row.replace("SORTED", "SORTED by other");
    let both = events(&format!("@b | B | {row}\n@c | B | {other}"));
    assert_eq!((both.len(), both[0].source_count), (1, 2));
}

#[test]
fn a_clock_in_the_wrong_zone_is_named() {
    let row = |clock: &str| format!("SORTED | {clock} | CN Shenzhen | x");
    let record = pair(
        &row("2026-03-02T14:05:07+08:00"),
        &row("2026-03-02T14:05:07+01:00"),
    );
    assert_eq!(findings(&record, FindingKind::TimeZoneAssumed).len(), 1);
    let right = pair(
        &row("2026-03-02T14:05:07+08:00"),
        &row("2026-03-02T06:05:07Z"),
    );
    assert_eq!(findings(&right, FindingKind::TimeZoneAssumed).len(), 0);
}
