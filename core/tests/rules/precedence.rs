//! Whose word each field of an event is: a table per rule.

use waybill_core::event::{Event, SourceClass};
use waybill_core::time::Basis;

use crate::script::{absorbed, in_order, read};

/// The one event of rows that a source of each kind tells.
fn merged(rows: &[(&str, &str)]) -> Event {
    let mut text = "== merged\n".to_owned();
    for (at, (kind, row)) in rows.iter().enumerate() {
        text += &format!("source s{at} {kind} of acme\n> s{at} 2026-04-01T00:0{at}:00Z\n");
        text += &format!("@a | N{at} | {row}\n");
    }
    let histories = read(&text);
    let mut record = absorbed(&histories[0], &in_order(&histories[0])).record();
    assert_eq!(record.events.len(), 1, "{text}");
    record.events.remove(0)
}

#[test]
fn each_field_comes_from_the_report_that_knows_it_best() {
    let (aggregator, carrier, internal) = ("aggregator", "carrier", "internal");
    for (rule, rows, code, reason, native) in [
        (
            "of two codes of one precision, the more trusted",
            [
                (aggregator, "PICKED_UP | C | P | x"),
                (carrier, "ACCEPTED | C | P | x"),
            ],
            "ACCEPTED",
            None,
            "N1",
        ),
        (
            "the operator's own scan before the carrier's",
            [
                (carrier, "ACCEPTED | C | P | x"),
                (internal, "PICKED_UP | C | P | x"),
            ],
            "PICKED_UP",
            None,
            "N1",
        ),
        (
            "the precise code of an aggregator before a general one",
            [
                (carrier, "DELIVERED | C | P | x"),
                (aggregator, "DELIVERED_SIGNED | C | P | x"),
            ],
            "DELIVERED_SIGNED",
            None,
            "N0",
        ),
        (
            "a deposit is no delivery",
            [
                (carrier, "DELIVERED | C | P | x"),
                (aggregator, "AVAILABLE_FOR_PICKUP | C | P | x"),
            ],
            "AVAILABLE_FOR_PICKUP",
            None,
            "N0",
        ),
        (
            "a code before none",
            [
                (carrier, "UNMAPPED | C | P | x"),
                (aggregator, "SORTED | C | P | x"),
            ],
            "SORTED",
            None,
            "N0",
        ),
        (
            "whether it went back is the carrier's word",
            [
                (carrier, "DELIVERED | C | P | x"),
                (aggregator, "RETURNED_TO_SENDER | C | P | x"),
            ],
            "DELIVERED",
            None,
            "N0",
        ),
        (
            "a reason before none",
            [
                (carrier, "REFUSED | C | P | x"),
                (aggregator, "REFUSED because RECIPIENT_REFUSED | C | P | x"),
            ],
            "REFUSED",
            Some("RECIPIENT_REFUSED"),
            "N0",
        ),
        (
            "a precise reason before a vague one",
            [
                (carrier, "DELAYED because OTHER | C | P | x"),
                (aggregator, "DELAYED because WEATHER | C | P | x"),
            ],
            "DELAYED",
            Some("WEATHER"),
            "N0",
        ),
        (
            "the carrier's reason before an equally precise one",
            [
                (aggregator, "DELAYED because WEATHER | C | P | x"),
                (carrier, "DELAYED because CARRIER_CAPACITY | C | P | x"),
            ],
            "DELAYED",
            Some("CARRIER_CAPACITY"),
            "N1",
        ),
    ] {
        let rows = rows.map(|(kind, row)| {
            let row = row.replace("| C |", "| 2026-03-02T14:05:00+08:00 |");
            (kind, row.replace("| P |", "| CN Shenzhen |"))
        });
        let plain: Vec<(&str, &str)> = rows.iter().map(|(kind, row)| (*kind, &**row)).collect();
        let event = merged(&plain);
        assert_eq!(event.code.info().unwrap().name, code, "{rule}");
        let named = event.reason.and_then(|reason| reason.info());
        assert_eq!(named.map(|info| info.name), reason, "{rule}");
        assert_eq!(event.said.claim.native_code, native, "{rule}");
    }
}

#[test]
fn the_clock_is_that_of_the_best_basis_then_of_the_finest_unit_then_of_trust() {
    for (rule, carrier, aggregator, raw, basis) in [
        (
            "stated before derived",
            "2026-03-02 14:06:10",
            "2026-03-02T14:05:10+08:00",
            "2026-03-02T14:05:10+08:00",
            Basis::Stated,
        ),
        (
            "derived before assumed",
            "2026-03-02 14:05:10",
            "2026-03-02T14:05:12+09:00 guess",
            "2026-03-02 14:05:10",
            Basis::Country,
        ),
        (
            "seconds before minutes",
            "2026-03-02T14:05+08:00",
            "2026-03-02T14:05:10+08:00",
            "2026-03-02T14:05:10+08:00",
            Basis::Stated,
        ),
        (
            "the carrier's of two alike",
            "2026-03-02T14:05:09+08:00",
            "2026-03-02T14:05:10+08:00",
            "2026-03-02T14:05:09+08:00",
            Basis::Stated,
        ),
        (
            "before it was cut",
            "2026-03-02 14:05:10",
            "2026-03-02T14:05:00+08:00",
            "2026-03-02 14:05:10",
            Basis::Country,
        ),
        (
            "an hour at last",
            "2026-03-02",
            "2026-03-02T14+08:00",
            "2026-03-02T14+08:00",
            Basis::Stated,
        ),
    ] {
        let row = |clock: &str| format!("SORTED | {clock} | CN Shenzhen | x");
        let (one, two) = (row(carrier), row(aggregator));
        let event = merged(&[("carrier", &one), ("aggregator", &two)]);
        let expected = raw.trim_end_matches(" guess");
        assert_eq!(
            (&*event.time().raw, event.time().basis),
            (expected, basis),
            "{rule}"
        );
        assert_eq!(event.said.class, SourceClass::Custodian, "{rule}");
    }
}

#[test]
fn the_place_is_the_finest_then_that_of_the_more_trusted() {
    for (carrier, aggregator, place) in [
        ("CN", "CN Shenzhen", "CN Shenzhen"),
        ("CN Shenzhen", "CN-GD", "CN Shenzhen"),
        ("CN 深圳", "CN Shenzhen", "CN 深圳"),
        ("CN Shenzhen", "CN [impc CNSZXA]", "CN [impc CNSZXA]"),
        ("-", "? somewhere", "? somewhere"),
        ("? somewhere", "CN", "CN"),
    ] {
        let row = |place: &str| format!("SORTED | 2026-03-02T14:05:00+08:00 | {place} | x");
        let (one, two) = (row(carrier), row(aggregator));
        let event = merged(&[("carrier", &one), ("aggregator", &two)]);
        assert_eq!(event.location().unwrap().raw.reveal(), place);
    }
}

#[test]
fn origins_are_counted_and_not_sources() {
    let row = "SORTED | 2026-03-02T14:05:00+08:00 | CN Shenzhen | x";
    let count = |rows: &[(&str, &str)]| merged(rows).source_count;
    assert_eq!(count(&[("carrier", row), ("aggregator", row)]), 1);
    assert_eq!(
        count(&[
            ("aggregator", row),
            ("aggregator", row),
            ("aggregator", row)
        ]),
        1
    );
    let other = row.replace("SORTED", "SORTED by other");
    assert_eq!(count(&[("carrier", row), ("aggregator", &other)]), 2);
}

#[test]
fn the_first_leg_is_of_the_origin_post_whoever_is_heard_first() {
    let sources = "source royal-mail carrier\nsource usps carrier\nsource an-other carrier\n";
    for order in [
        ["royal-mail", "usps", "an-other"],
        ["usps", "royal-mail", "an-other"],
        ["an-other", "usps", "royal-mail"],
    ] {
        for (lane, apart, first) in [
            ("GB US", 0, "royal-mail"),
            ("GB US", 1, "royal-mail"),
            ("US GB", 1, "usps"),
            // Neither is at home there: the name decides, and not who was heard first.
            ("FR DE", 0, "an-other"),
            ("FR DE", 1, "an-other"),
        ] {
            let number = "number LP00611223344556 cainiao";
            let mut text = format!("== first\n{number}\nlane {lane}\n{sources}");
            for (at, source) in order.iter().enumerate() {
                text += &format!("> {source} 2026-04-02T00:0{}:00Z\n", at * apart);
                text += "@a | N | ACCEPTED | 2026-04-01T10:00:10Z | GB | x\n";
            }
            let histories = read(&text);
            let record = absorbed(&histories[0], &in_order(&histories[0])).record();
            assert_eq!(record.legs[0].carrier, first, "{text}");
        }
    }
}
