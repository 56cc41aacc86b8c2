//! The code table.

use waybill_core::code::EventCode;
use waybill_core::event::MappingBasis;
use waybill_core::status::Status;

use super::meaning::{Native, TABLE, find};
use crate::codes::Codes;

/// Splits "ICE/RIC/standard".
fn native(code: &str) -> Native<'_> {
    let mut parts = code.split('/');
    let mut next = || parts.next().unwrap_or_default();
    Native {
        ice: next(),
        ric: next(),
        standard: next(),
        return_leg: false,
    }
}

/// Combinations that end a journey, each read by hand. Nothing that waits in a locker or shop is
/// among them, and nothing that went to customs or to another carrier.
const ENDS: &str = "CANCL/NRQRD/BV CNFSC/LEGAT/BV DLVRD/ACCDM/ZU DLVRD/ACCPK/ZU DLVRD/ACCPT/ZU \
     DLVRD/AGENT/ZU DLVRD/CODRP/ZU DLVRD/DIDLV/ZU DLVRD/FAMLY/ZU DLVRD/NGHBR/ZU DLVRD/OTHER/ZU \
     DLVRD/PKBOX/ZU DLVRD/POBOX/ZU DLVRD/SECPL/ZU DLVRD/SERPT/ZU DLVRD/SPOUS/ZU DLVRD/WINPL/ZU \
     DSPSD/BDADD/ZU DSPSD/CLREF/BV DSPSD/CNCNR/ZU DSPSD/CRQST/BV DSPSD/CSREQ/ZN DSPSD/DMGED/BV \
     DSPSD/DMGED/ZU DSPSD/DMGPC/BV DSPSD/FRMJR/ZU DSPSD/FSCCH/BV DSPSD/GDNMS/ZU DSPSD/MOVED/ZU \
     DSPSD/MSLBL/BV DSPSD/NRQRD/BV DSPSD/NTCLM/ZU DSPSD/NTORD/ZU";

/// Combinations of the class "delivery successful" that deliver nothing to the recipient.
const NO_DELIVERY: &[(&str, EventCode)] = &[
    ("DLVRD/ACCSI/ZU", EventCode::DELIVERED_IN_PART),
    ("DLVRD/CUSTM/ZU", EventCode::CUSTOMS_PROCESSING),
    ("DLVRD/HNDTC/ZU", EventCode::HANDED_OVER_TO_PARTNER),
    ("DLVRD/PCKAD/ZU", EventCode::AVAILABLE_FOR_PICKUP),
    ("MVARR/NRQRD/ZU", EventCode::ARRIVED_AT_FACILITY),
];

#[test]
fn every_row_resolves_and_no_row_ends_a_journey_unreviewed() {
    let table = Codes::parse(TABLE).unwrap();
    // DHL's 338 combinations, 23 events that need no second code, 16 classes; none is left
    // without a meaning.
    assert_eq!(table.len(), 338 + 23 + 16);
    let mut reader = csv::Reader::from_reader(TABLE.as_bytes());
    let mut ends = Vec::new();
    let mut combinations = 0;
    for row in reader.records() {
        let row = row.unwrap();
        if matches!(&row[0], "ice" | "standard") {
            continue;
        }
        combinations += 1;
        let code = format!("{}/{}", &row[0], &row[1]);
        let found = find(native(&code), "");
        assert_eq!(native(&code).code(), code);
        assert_eq!(found.basis, MappingBasis::Code, "{code}");
        assert!(found.code != EventCode::UNMAPPED, "{code}");
        if found.code.status().is_some_and(Status::is_terminal) {
            ends.push(code);
        }
    }
    assert_eq!(combinations, 338);
    let reviewed: Vec<&str> = ENDS.split_whitespace().collect();
    assert_eq!(ends, reviewed);
    for (code, event) in NO_DELIVERY {
        assert_eq!(find(native(code), "").code, *event, "{code}");
    }
}

#[test]
fn what_the_list_does_not_have_is_understood_by_its_parts() {
    for (code, event, basis) in [
        ("DSPSD/QQQQQ/ZU", 812, MappingBasis::AggregatedStatus),
        ("RETRN/QQQQQ/ZN", 701, MappingBasis::AggregatedStatus),
        ("SHRCU/PCKST/VA", 101, MappingBasis::AggregatedStatus),
        ("QQQQQ/QQQQQ/ZF", 505, MappingBasis::AggregatedStatus),
        ("//ZU", 601, MappingBasis::AggregatedStatus),
        ("QQQQQ/QQQQQ/QQ", 999, MappingBasis::None),
        ("INFCL/QQQQQ/", 999, MappingBasis::None),
        // Neither scopes nor codes of another column are codes.
        ("standard/ZU/", 999, MappingBasis::None),
        ("ice//", 999, MappingBasis::None),
    ] {
        let found = find(native(code), "");
        assert_eq!((found.code.0, found.basis), (event, basis), "{code}");
    }
}

#[test]
fn words_tell_a_deposit_from_a_delivery() {
    for (words, event) in [
        ("The shipment is ready for pick-up at the PACKSTATION.", 505),
        ("Die Sendung liegt zur Abholung bereit.", 505),
        ("Die Sendung kann in der Filiale abgeholt werden.", 505),
        ("The parcel can be picked up tomorrow.", 505),
        (
            "The recipient has picked up the shipment from the PACKSTATION.",
            605,
        ),
        (
            "Der Empfänger hat die Sendung in der Filiale abgeholt.",
            605,
        ),
        ("The shipment has been successfully delivered", 605),
    ] {
        let found = find(native("DLVRD/SERPT/ZU"), words);
        assert_eq!(found.code.0, event, "{words}");
    }
}
