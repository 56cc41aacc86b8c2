//! The code table as a whole, and what broken messages do.

use proptest::prelude::*;

use super::*;
use crate::codes::Codes;

/// Codes that end a journey, each read by hand: nothing handed to a shop, a locker, an agent or a
/// partner is among them, and nothing that will or may happen.
const ENDS: &[(&str, &str)] = &[
    ("dgf", "DELIVERED"),
    (
        "ecommerce",
        "101 572 591 600 606 607 621 652 653 654 655 656 657 658 659 825 860 \
         864",
    ),
    ("ecommerce-europe", "63 64 65 66 67 68 69 70 71 306 366"),
    ("ecommerce-ppl", "450 997 999"),
    ("express", "101 DD DS OK RT"),
    ("freight", "7-0 24-600 21-234 21-600 21-0"),
    ("parcel-de", "ZU"),
    (
        "parcel-nl",
        "COLLECTED_AT_ACCESSPOINT COLLECTED_AT_PARCELSHOP \
         COLLECTED_AT_PARCELSTATION DELIVERED DELIVERED_AT_NEIGHBOURS \
         DELIVERED_AT_PREFERED_NEIGHBOURS DELIVERED_AT_SAFEPLACE \
         DELIVERED_AT_SHIPPER DELIVERED_DAMAGED DELIVERED_IN_MAILBOX \
         DELIVERED_NO_CODE_VALIDATION DELIVERED_NOT_IN_TIME DESTROYED \
         PARCEL_ALREADY_RETURNED POSTPROCESS_DELIVERED_AT_SHIPPER \
         RETURN_DELIVERED_AT_SHIPPER_CALCULATED SHIPMENT_COLLECTED \
         SHIPMENT_STOPPED",
    ),
    (
        "parcel-pl",
        "DOR DOR_LOK DOR_OTH DOR_OWL DOR_RDZ DOR_SAS PPDOR SP_CN SP_DOR ZWN",
    ),
    (
        "svb",
        "AMOUNT_TRANSFERRED CONFIRMATION_PENDING CONFIRMED CONFIRMED_BY_SENDER \
         DELIVERED DELIVERED_ZU_NOT_OK DELIVERED_ZU_OK FETCHED \
         FETCHED_KEY_ACCOUNT_PENDING_DELIVERY_CONFIRMATION FETCHED_NOTIFIED \
         FETCHED_PACKSTATION FETCHED_PENDING_DELIVERY_CONFIRMATION \
         FETCHED_PO_BOX_PENDING_DELIVERY_CONFIRMATION PAID_EPOS PAID_MAILMAN \
         RETURNED_TO_SENDER",
    ),
];

#[test]
fn every_row_resolves_and_no_row_ends_a_journey_unreviewed() {
    let table = Codes::parse(meaning::TABLE).unwrap();
    assert_eq!(table.len(), 1_090);
    let mut reader = csv::Reader::from_reader(meaning::TABLE.as_bytes());
    let mut ends = 0;
    for row in reader.records() {
        let row = row.unwrap();
        let found = meaning::find(
            &row[0],
            &wire::Event {
                status: row[1].into(),
                ..wire::Event::default()
            },
        );
        assert_eq!(found.native_code, format!("{}/{}", &row[0], &row[1]));
        assert_eq!(found.basis, MappingBasis::Code);
        if found.code.status().is_some_and(Status::is_terminal) {
            let reviewed = ENDS.iter().find(|(scope, _)| *scope == &row[0]);
            let mut reviewed = reviewed.unwrap().1.split(' ');
            assert!(
                reviewed.any(|code| code == &row[1]),
                "{}",
                found.native_code
            );
            ends += 1;
        }
    }
    let reviewed: usize = ENDS.iter().map(|(_, codes)| codes.split(' ').count()).sum();
    assert_eq!(ends, reviewed);
}

/// Words of many divisions and the class they come with.
#[test]
fn general_words_are_read_with_care() {
    for (class, text, code) in [
        ("delivered", "Delivered to PACKSTATION 101", 505),
        (
            "transit",
            "The shipment has been delivered for pick-up at the retail outlet",
            505,
        ),
        (
            "delivered",
            "The recipient has picked up the shipment from the retail outlet",
            605,
        ),
        (
            "delivered",
            "Delivered - Signed for by: CUSTOMS BROKER LTD",
            602,
        ),
        ("delivered", "Returned to shipper", 704),
        ("transit", "Returned to shipper", 702),
        (
            "failure",
            "The shipment will be returned to the sender",
            701,
        ),
        ("failure", "Delivery refused by recipient", 653),
        ("failure", "Delivery attempted; recipient not home", 651),
        ("failure", "Address information needed; contact DHL", 810),
        ("failure", "Delivery delayed by bad weather", 802),
        ("failure", "Something went wrong", 801),
        ("failure", "Undelivered", 651),
        ("delivered", "Not delivered", 651),
        ("delivered", "Partially delivered", 608),
        ("delivered", "Delivered with damage", 609),
        (
            "failure",
            "Parcel may be destroyed unless it is collected",
            801,
        ),
        ("failure", "Shipment was lost", 805),
        ("transit", "Handed over to local carrier", 314),
        ("transit", "Customs duties unpaid", 416),
        ("transit", "Released by customs", 422),
        ("", "Shipment delivered", 601),
        ("failure", "Missed delivery cycle", 802),
        ("failure", "An attempt to deliver the shipment failed", 651),
        ("failure", "Consignee premises closed", 651),
        ("failure", "Uncontrollable clearance delay", 421),
        ("transit", "Arrived at DHL Delivery Facility UTRECHT", 501),
        ("transit", "Arrived at DHL Sort Facility LEIPZIG", 302),
        ("transit", "Departed Facility in LEIPZIG", 303),
        (
            "transit",
            "Awaiting collection by recipient as requested",
            505,
        ),
        ("transit", "Broker notified to arrange for clearance", 421),
        (
            "transit",
            "The shipment is being brought to the retail outlet for pick-up",
            301,
        ),
        (
            "transit",
            "The shipment has been deposited by the sender at the retail outlet",
            202,
        ),
        ("transit", "Scheduled for delivery", 503),
        (
            "transit",
            "Shipment held - available upon receipt of payment",
            803,
        ),
        ("delivered", "Delivered to the post office box", 606),
        (
            "delivered",
            "The shipment has been delivered to the neighbor",
            603,
        ),
        ("", "Delivered somewhere", 999),
        ("pre-transit", "Label created", 102),
        ("pre-transit", "Processed", 101),
        ("", "", 999),
    ] {
        let found = meaning::find(
            "freight",
            &wire::Event {
                status_code: class.into(),
                description: text.into(),
                ..wire::Event::default()
            },
        );
        assert_eq!(found.code.0, code, "{class}: {text}");
    }
}

/// Deletes, retypes, doubles or cuts one node of a message.
fn mutate(value: &mut Value, at: &mut usize, how: u8) {
    if *at == 0 {
        *at = usize::MAX;
        *value = match how {
            0 => Value::Null,
            1 => Value::from(-1.5e300),
            2 => Value::from("\u{fffd}<b"),
            3 => Value::Array(vec![value.clone(), value.clone()]),
            4 => serde_json::json!({ "value": value.clone() }),
            _ => serde_json::json!({}),
        };
        return;
    }
    *at -= 1;
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| {
            if *at != usize::MAX {
                mutate(item, at, how);
            }
        }),
        Value::Object(fields) => fields.values_mut().for_each(|field| {
            if *at != usize::MAX {
                mutate(field, at, how);
            }
        }),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_broken_message_never_panics(
        which in 0..FIXTURES.len(),
        mut at in 0_usize..250,
        how in 0_u8..6,
        keep in 0.0_f64..1.2,
    ) {
        let mut value: Value = serde_json::from_str(FIXTURES[which].1).unwrap();
        mutate(&mut value, &mut at, how);
        let text = value.to_string();
        let end = (text.len() as f64 * keep) as usize;
        let cut = text.get(..end).unwrap_or(&text);
        let answers = answers(cut, &[query("7001122332")]);
        prop_assert_eq!(answers.len(), 1);
        if let Ok(reports) = &answers[0] {
            for claim in reports.iter().flat_map(|report| &report.claims) {
                prop_assert!(claim.time.earliest <= claim.time.latest);
                prop_assert!(claim.native_text.reveal().chars().count() <= 1_000);
            }
        }
    }
}
