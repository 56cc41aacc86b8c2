//! Numbers under which a parcel goes on, read from the texts of its events.

use waybill_core::code::EventCode as E;
use waybill_core::event::{Claim, SourceClass};
use waybill_core::leg::LegRole;
use waybill_core::number::TrackingNumber;
use waybill_core::privacy::Pii;
use waybill_core::shipment::{Facts, Identifier, IdentifierBasis, IdentifierKind, Shipment};

use crate::support::{claim, day, dossier, known, lane, report};

const ONWARD: &str = "9400111899223123456785";

fn told(number: i64, text: &str) -> Claim {
    Claim {
        native_text: Pii::new(text.to_owned()),
        ..claim(E::HANDED_OVER_TO_PARTNER, known(day(number)))
    }
}

fn journey(text: &str, facts: Facts) -> Shipment {
    let mut dossier = dossier();
    let claims = vec![
        claim(E::ACCEPTED, known(day(0))),
        claim(E::TRANSPORT_DEPARTED, known(day(2))),
        told(6, text),
    ];
    dossier.absorb(
        "acme",
        SourceClass::Custodian,
        &report(claims, facts),
        day(7),
    );
    dossier.record()
}

#[test]
fn a_text_names_the_number_the_next_carrier_and_the_start_of_its_leg() {
    let text = format!("Your parcel is handed over to USPS, tracking number {ONWARD}");
    let record = journey(&text, lane("CN", "US"));
    let [own, next] = &record.identifiers[..] else {
        panic!("{} identifiers", record.identifiers.len());
    };
    assert_eq!((own.basis, &*own.source), (IdentifierBasis::Own, ""));
    assert_eq!(next.identifier.value.reveal(), ONWARD);
    assert_eq!(next.identifier.kind, IdentifierKind::LastMile);
    assert_eq!(next.identifier.carrier, "usps");
    assert_eq!(next.identifier.check_digit_valid, Some(true));
    assert_eq!(
        (next.basis, &*next.source),
        (IdentifierBasis::EventText, "acme")
    );
    let [first, last] = &record.legs[..] else {
        panic!("{} legs", record.legs.len());
    };
    assert_eq!((&*first.carrier, first.role), ("acme", LegRole::FirstMile));
    assert_eq!(first.end, Some(day(6)));
    assert_eq!((&*last.carrier, last.role), ("usps", LegRole::LastMile));
    assert_eq!((last.start, last.end), (Some(day(6)), None));
    assert!(last.number.as_ref().unwrap().reveal() == ONWARD);
    // Words give nobody the parcel.
    assert_eq!(record.carrier, "acme");
}

#[test]
fn a_field_is_better_than_a_text() {
    let text = format!("转单号 {ONWARD}");
    let stated = Facts {
        identifiers: vec![Identifier {
            kind: IdentifierKind::LastMile,
            value: Pii::new(ONWARD.to_owned()),
            carrier: "usps".to_owned(),
            check_digit_valid: Some(true),
        }],
        ..lane("CN", "US")
    };
    let record = journey(&text, stated);
    assert_eq!(record.identifiers.len(), 2);
    assert_eq!(record.identifiers[1].basis, IdentifierBasis::Field);
    assert_eq!(record.legs[1].start, None, "nobody said when");
}

#[test]
fn what_is_withdrawn_or_only_planned_names_nothing() {
    let text = format!("转单号 {ONWARD}");
    for change in [
        (|claim| Claim {
            retracted: true,
            ..claim
        }) as fn(Claim) -> Claim,
        |claim| Claim {
            classifier: waybill_core::event::Classifier::Planned,
            ..claim
        },
    ] {
        let mut dossier = dossier();
        let claims = vec![claim(E::ACCEPTED, known(day(0))), change(told(6, &text))];
        let report = report(claims, lane("CN", "US"));
        dossier.absorb("acme", SourceClass::Custodian, &report, day(7));
        assert!(dossier.told_numbers().is_empty());
        assert_eq!(dossier.record().identifiers.len(), 1);
    }
}

#[test]
fn a_flood_of_texts_stays_small_and_in_order() {
    let mut dossier = dossier();
    let claims = (0..60).map(|at| told(at, &format!("转单号 {}", s10(u32::try_from(at).unwrap()))));
    let report = report(claims.collect(), lane("CN", "GB"));
    dossier.absorb("acme", SourceClass::Custodian, &report, day(70));
    let numbers = dossier.told_numbers();
    let first: Vec<_> = (0..4).map(s10).collect();
    let told: Vec<_> = numbers.iter().map(TrackingNumber::reveal).collect();
    assert_eq!(told, first);
}

/// A number of the British post with a right check digit.
fn s10(serial: u32) -> String {
    let serial = format!("{:08}", 10_000_000 + serial);
    let digits = serial.bytes().map(|digit| u32::from(digit - b'0'));
    let sum: u32 = digits
        .zip([8, 6, 4, 2, 3, 5, 9, 7])
        .map(|(a, b)| a * b)
        .sum();
    let check = match 11 - sum % 11 {
        10 => 0,
        11 => 5,
        digit => digit,
    };
    format!("RB{serial}{check}GB")
}
