//! What is doubted, withdrawn or contradicted, and who has the item: short histories in tables.

use std::collections::BTreeSet;

use waybill_core::event::Standing;
use waybill_core::shipment::{FindingKind, Shipment};

use crate::script::{absorbed, in_order, read};

fn record(text: &str) -> Shipment {
    let histories = read(&format!("== history\n{text}"));
    assert_eq!(histories.len(), 1);
    absorbed(&histories[0], &in_order(&histories[0])).record()
}

/// Sources that most rows here use.
const TWO: &str = "source acme carrier
    source relay aggregator of acme
    lane CN DE
";

/// Kinds that are found, in the order of their numbers; milestones aside.
fn kinds(record: &Shipment) -> Vec<FindingKind> {
    let kinds: BTreeSet<FindingKind> = record.findings.iter().map(|one| one.kind).collect();
    let told = kinds.into_iter();
    told.filter(|kind| *kind != FindingKind::MilestoneMissing)
        .collect()
}

/// The kind that follows in the order of their numbers: the compiler asks for each new one.
fn after(kind: FindingKind) -> Option<FindingKind> {
    use FindingKind::*;
    Some(match kind {
        ImpossibleTravel => TimeContradiction,
        TimeContradiction => FutureTime,
        FutureTime => IdentityReuse,
        IdentityReuse => TimeZoneAssumed,
        TimeZoneAssumed => LocationUnresolved,
        LocationUnresolved => UnmappedCode,
        UnmappedCode => EventAfterTerminal,
        EventAfterTerminal => SourcesDisagree,
        SourcesDisagree => MilestoneMissing,
        MilestoneMissing => EventDisappeared,
        EventDisappeared => CheckDigit,
        CheckDigit => IllegalTransition,
        IllegalTransition => FeedStale,
        FeedStale => WarehouseUnaware,
        WarehouseUnaware => return None,
    })
}

/// Kinds with rows of their own, in `travel.rs` and `handover.rs`.
const ELSEWHERE: [FindingKind; 2] = [FindingKind::ImpossibleTravel, FindingKind::WarehouseUnaware];

#[test]
fn every_doubt_has_its_kind() {
    use FindingKind::*;
    let mut told = BTreeSet::from(ELSEWHERE);
    for (kind, rows) in [
        (
            TimeContradiction,
            "> acme 2026-04-01T00:00:00Z
            @a | A | SORTED | 2026-03-03T10:00:00Z | DE | x
            @b | B | SORTED | 2026-03-02T10:00:00Z | DE | y",
        ),
        (
            TimeContradiction,
            "> acme 2026-03-04T00:00:00Z
            @a | A | SORTED | 2026-03-03T10:00:00Z | DE | x
            > relay 2026-03-04T00:00:00Z
            @b | B | SORTED | 2026-03-02T10:00:00Z | DE | x",
        ),
        (
            FutureTime,
            "> acme 2026-03-03T00:00:00Z
            @a | A | SORTED | 2026-03-03T00:10:01Z | DE | x",
        ),
        (
            IdentityReuse,
            "> acme 2026-04-01T00:00:00Z
            @a | A | SORTED | 2026-03-03T10:00:00Z | CN | x
            @b | B | ACCEPTED | 2026-03-04T10:00:01Z | CN | y",
        ),
        (
            TimeZoneAssumed,
            "> acme 2026-04-01T00:00:00Z
            @a | A | SORTED | 2026-03-03 10:00:00 | US | x",
        ),
        (
            LocationUnresolved,
            "> acme 2026-04-01T00:00:00Z
            @a | A | SORTED | 2026-03-03T10:00:00Z | ? the hub | x",
        ),
        (
            UnmappedCode,
            "> acme 2026-04-01T00:00:00Z
            @a | A | UNMAPPED | 2026-03-03T10:00:00Z | DE | x",
        ),
        (
            EventAfterTerminal,
            "> acme 2026-04-01T00:00:00Z
            @a | A | DELIVERED | 2026-03-03T10:00:00Z | DE | x
            @b | B | SORTED | 2026-03-03T12:00:00Z | DE | y",
        ),
        (
            SourcesDisagree,
            "> relay 2026-03-04T00:00:00Z
            @a | A | DELIVERED | 2026-03-03T10:00:00Z | DE | x
            > acme 2026-03-04T00:00:00Z
            @b | B | SORTED | 2026-03-03T12:00:00Z | DE | y",
        ),
        (
            EventDisappeared,
            "> acme 2026-03-04T00:00:00Z
            @a | A | ACCEPTED | 2026-03-02T10:00:00Z | CN | x
            @b | B | SORTED | 2026-03-03T10:00:00Z | CN | y
            > acme 2026-03-04T00:10:00Z again without @b",
        ),
        (
            CheckDigit,
            "number RB551204670CN acme
            > acme 2026-03-04T00:00:00Z
            @a | A | ACCEPTED | 2026-03-02T10:00:00Z | CN | x",
        ),
        (
            IllegalTransition,
            "> acme 2026-03-04T00:00:00Z
            @a | A | OUT_FOR_DELIVERY | 2026-03-02T10:00:00Z | DE | x
            @b | B | CANCELLED | 2026-03-02T11:00:00Z | DE | y",
        ),
        (
            FeedStale,
            "> acme 2026-03-09T00:00:00Z
            @a | A | SORTED | 2026-03-02T10:00:00Z | DE | x
            @b | B | SORTED | 2026-03-04T10:00:01Z | DE | y
            > relay 2026-03-09T00:00:00Z
            @a | A | SORTED | 2026-03-02T10:00:00Z | DE | x",
        ),
    ] {
        let found = record(&format!("{TWO}{rows}"));
        assert_eq!(kinds(&found), [kind], "{rows}");
        told.insert(kind);
        let one = found.findings.iter().find(|one| one.kind == kind).unwrap();
        assert!(!one.detail.is_empty());
        assert_eq!(
            one.event_ids.is_empty(),
            matches!(kind, FeedStale | CheckDigit)
        );
    }
    let missing = record(&format!(
        "{TWO}> acme 2026-04-01T00:00:00Z
        @a | A | DELIVERED | 2026-03-03T10:00:00Z | DE | x"
    ));
    assert_eq!(missing.findings.len(), 1);
    assert_eq!(missing.findings[0].kind, MilestoneMissing);
    told.insert(MilestoneMissing);
    let mut all = std::iter::successors(Some(ImpossibleTravel), |kind| after(*kind));
    assert!(all.all(|kind| told.contains(&kind)), "a kind without a row");
}

#[test]
fn nothing_is_doubted_at_the_limit() {
    for rows in [
        // Ten minutes ahead of the report.
        "> acme 2026-03-03T00:00:00Z
        @a | A | SORTED | 2026-03-03T00:10:00Z | DE | x",
        // Ahead of its first report, and listed by one that came after it.
        "> acme 2026-03-03T00:00:00Z
        @a | A | SORTED | 2026-03-03T01:00:00Z | DE | x
        > acme 2026-03-03T01:00:00Z again",
        // An unknown zone is no reason for suspicion.
        "> acme 2026-03-03T00:00:00Z
        @a | A | SORTED | 2026-03-03T13:00:00+14:00 | DE | x",
        // Acceptances are entered late.
        "> acme 2026-04-01T00:00:00Z
        @a | A | SORTED | 2026-03-03T10:00:00Z | CN | x
        @b | B | ACCEPTED | 2026-03-04T10:00:00Z | CN | y",
        // Two days behind.
        "> acme 2026-03-09T00:00:00Z
        @a | A | SORTED | 2026-03-02T10:00:00Z | DE | x
        @b | B | SORTED | 2026-03-04T10:00:00Z | DE | y
        > relay 2026-03-09T00:00:00Z
        @a | A | SORTED | 2026-03-02T10:00:00Z | DE | x",
        // Behind, and not asked since.
        "> acme 2026-03-09T00:00:00Z
        @a | A | SORTED | 2026-03-02T10:00:00Z | DE | x
        @b | B | SORTED | 2026-03-08T10:00:00Z | DE | y
        > relay 2026-03-08T00:00:00Z
        @a | A | SORTED | 2026-03-02T10:00:00Z | DE | x",
        // A day apart at one source.
        "> acme 2026-03-09T00:00:00Z
        @a | A | SORTED | 2026-03-02T10:00:00Z | DE | x
        @b | A | SORTED | 2026-03-03T10:00:00Z | DE | x",
    ] {
        assert_eq!(kinds(&record(&format!("{TWO}{rows}"))), [], "{rows}");
    }
}

#[test]
fn a_row_that_is_left_out_is_withdrawn_in_time_and_by_the_right_one() {
    use FindingKind::EventDisappeared as Gone;
    use Standing::{Accepted, Retracted};
    let start = "> acme 2026-03-04T00:00:00Z
        @a | A | ACCEPTED | 2026-03-02T10:00:00Z | CN | x
        @b | B | SORTED | 2026-03-03T10:00:00Z | CN | y
        @c | C | SORTED | 2026-03-03T20:00:00Z | CN | z";
    let relay = "> relay 2026-03-04T00:01:00Z
        @b | B | SORTED | 2026-03-03T10:00:00Z | CN | y
        @c | C | SORTED | 2026-03-03T20:00:00Z | CN | z";
    for (rule, reports, standing, found) in [
        (
            "once",
            "> acme 2026-03-04T01:00:00Z again without @b",
            Accepted,
            &[Gone][..],
        ),
        (
            "twice within half an hour",
            "> acme 2026-03-04T01:00:00Z again without @b
            > acme 2026-03-04T01:29:59Z again",
            Accepted,
            &[Gone],
        ),
        (
            "twice, half an hour apart",
            "> acme 2026-03-04T01:00:00Z again without @b
            > acme 2026-03-04T01:30:00Z again",
            Retracted,
            &[],
        ),
        (
            "and listed again",
            "> acme 2026-03-04T01:00:00Z again without @b
            > acme 2026-03-04T01:30:00Z again
            > acme 2026-03-04T02:00:00Z again
            @b | B | SORTED | 2026-03-03T10:00:00Z | CN | y",
            Accepted,
            &[FindingKind::TimeContradiction],
        ),
        (
            "by reports that are not complete",
            "> acme 2026-03-04T01:00:00Z part again without @b
            > acme 2026-03-04T01:30:00Z part again",
            Accepted,
            &[],
        ),
        (
            "by an empty report",
            "> acme 2026-03-04T01:00:00Z
            > acme 2026-03-04T02:00:00Z",
            Accepted,
            &[Gone],
        ),
        (
            "while the aggregator lists it still",
            "RELAY
            > acme 2026-03-04T01:00:00Z again without @b
            > acme 2026-03-04T01:30:00Z again",
            Retracted,
            &[],
        ),
        (
            "by the aggregator alone",
            "RELAY
            > relay 2026-03-04T01:00:00Z again without @b
            > relay 2026-03-04T02:00:00Z again
            @d | D | SORTED | 2026-03-02T20:00:00Z | CN | v",
            Accepted,
            &[FindingKind::TimeContradiction, Gone],
        ),
    ] {
        let reports = reports.replace("RELAY", relay);
        let record = record(&format!("{TWO}{start}\n{reports}"));
        let event = record
            .events
            .iter()
            .find(|one| one.said.claim.native_code == "B");
        assert_eq!(event.unwrap().standing, standing, "{rule}");
        assert_eq!(kinds(&record), found, "{rule}");
    }
    // A list that is shorter at its old end withdraws nothing.
    let cut = record(&format!(
        "{TWO}{start}
        > acme 2026-03-04T01:00:00Z again without @a @b
        > acme 2026-03-04T02:00:00Z again"
    ));
    assert!(cut.events.iter().all(|event| event.standing == Accepted));
    assert_eq!(kinds(&cut), []);
}

#[test]
fn a_delivery_is_withdrawn_at_once_if_its_source_reports_the_item_on_its_way() {
    use Standing::{Accepted, Disputed, Retracted};
    for (rule, later, first, standing, status) in [
        (
            "without it, later",
            "2026-03-03T10:31:00Z",
            "",
            Retracted,
            "InTransit",
        ),
        (
            "without it, sooner",
            "2026-03-03T10:30:00Z",
            "",
            Accepted,
            "Delivered",
        ),
        (
            "with it",
            "2026-03-03T10:31:00Z",
            "keep",
            Accepted,
            "Delivered",
        ),
    ] {
        let without = if first.is_empty() { "without @b" } else { "" };
        let record = record(&format!(
            "{TWO}> acme 2026-03-03T10:10:00Z
            @a | A | ACCEPTED | 2026-03-02T10:00:00Z | CN | x
            @b | B | DELIVERED | 2026-03-03T10:00:00Z | DE | y
            > acme 2026-03-03T11:00:00Z again {without}
            @c | C | SORTED | {later} | DE | z"
        ));
        let of = |code: &str| {
            let found = record
                .events
                .iter()
                .find(|one| one.said.claim.native_code == code);
            found.unwrap().standing
        };
        assert_eq!(of("B"), standing, "{rule}");
        assert_eq!(format!("{:?}", record.status), status, "{rule}");
        let moved = if standing == Accepted {
            Disputed
        } else {
            Accepted
        };
        assert_eq!(of("C"), moved, "{rule}");
    }
}

#[test]
fn an_end_that_only_others_report_gives_way_to_the_carrier_in_charge() {
    let ends = [
        ("DELIVERED", "InTransit"),
        ("DELIVERED_SIGNED", "InTransit"),
    ];
    for (code, status) in ends {
        let contradicted = record(&format!(
            "{TWO}> relay 2026-03-03T10:10:00Z
            @a | A | {code} | 2026-03-03T10:00:00Z | DE | y
            > acme 2026-03-04T11:00:00Z
            @b | B | SORTED | 2026-03-03T12:00:00Z | DE | z"
        ));
        assert_eq!(format!("{:?}", contradicted.status), status);
        assert_eq!(contradicted.events[1].standing, Standing::Disputed);
        assert_eq!(kinds(&contradicted), [FindingKind::SourcesDisagree]);
    }
    // The carrier's own delivery stands, whatever an aggregator says later; so does one that the
    // carrier has merely not reported yet.
    for (carrier, aggregator) in [("DELIVERED", "SORTED"), ("SORTED", "DELIVERED")] {
        let record = record(&format!(
            "{TWO}> acme 2026-03-04T11:00:00Z
            @a | A | {carrier} | 2026-03-03T10:00:00Z | DE | y
            > relay 2026-03-04T10:10:00Z
            @b | B | {aggregator} | 2026-03-03T12:00:00Z | DE | z"
        ));
        assert_eq!(format!("{:?}", record.status), "Delivered");
    }
}

fn legs(record: &Shipment) -> String {
    let legs = record.legs.iter();
    let legs: Vec<String> = legs
        .map(|leg| format!("{}:{:?}", leg.carrier, leg.role))
        .collect();
    legs.join(" ")
}

#[test]
fn custody_passes_forward_only() {
    let first = "number ZX4815162342 acme
        source acme carrier
        source local carrier
        lane CN DE
        > acme 2026-03-20T00:00:00Z
        @a | A | ACCEPTED | 2026-03-02T10:00:00Z | CN | a
        @b | B | DEPARTED_EXPORT_OFFICE | 2026-03-03T10:00:00Z | CN | b";
    let second = "> local 2026-03-20T00:01:00Z
        @d | D | ARRIVED_AT_IMPORT_OFFICE | 2026-03-08T10:00:00Z | DE Frankfurt | d
        @e | E | OUT_FOR_DELIVERY | 2026-03-09T07:00:00Z | DE Kassel | e";
    for (rule, rows, legs_are, status) in [
        ("one", String::new(), "acme:EndToEnd", "InTransit"),
        (
            "two",
            second.to_owned(),
            "acme:FirstMile local:LastMile",
            "OutForDelivery",
        ),
        (
            "what the first repeats late moves nothing",
            format!("@c | C | IN_TRANSIT | 2026-03-09T09:00:00Z | DE | c\n{second}"),
            "acme:FirstMile local:LastMile",
            "OutForDelivery",
        ),
        (
            "but its delivery does",
            format!("@c | C | DELIVERED | 2026-03-09T09:00:00Z | DE | c\n{second}"),
            "acme:FirstMile local:LastMile",
            "Delivered",
        ),
        (
            "and its return",
            format!("@c | C | RETURNED_TO_SENDER | 2026-03-15T09:00:00Z | CN | c\n{second}"),
            "acme:FirstMile local:LastMile local:Return",
            "Returned",
        ),
        (
            "what the second repeats of the first is an echo",
            second.replace(
                "@d |",
                "@b | B | DEPARTED_FACILITY | 2026-03-02T20:00:00Z | CN | b\n@d |",
            ),
            "acme:FirstMile local:LastMile",
            "OutForDelivery",
        ),
        (
            "a scan of the second that the first repeats is the second's",
            format!("@d | X | ARRIVED_AT_IMPORT_OFFICE | 2026-03-08T10:00:00Z | DE | d\n{second}"),
            "acme:FirstMile local:LastMile",
            "OutForDelivery",
        ),
        (
            "a third one between them",
            second.replace(
                "@d |",
                "@c | H | ARRIVED_AT_FACILITY by line | 2026-03-06T20:00:00Z | NL | h\n@d |",
            ),
            "acme:FirstMile line:LineHaul local:LastMile",
            "OutForDelivery",
        ),
        (
            "the way back belongs to the one who turned it round",
            second.replace("OUT_FOR_DELIVERY", "RETURN_INITIATED"),
            "acme:FirstMile local:LastMile local:Return",
            "Returning",
        ),
    ] {
        let text = if rows.starts_with('@') {
            format!("{first}\n{rows}")
        } else {
            format!("{first}\n{rows}\n")
        };
        let record = record(&text);
        assert_eq!(legs(&record), legs_are, "{rule}");
        assert_eq!(format!("{:?}", record.status), status, "{rule}");
        assert_eq!(
            record.legs.last().unwrap().carrier,
            record.carrier,
            "{rule}"
        );
    }
}
