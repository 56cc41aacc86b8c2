//! The tables, and what codes mean.

use waybill_core::code::EventCode;

use super::*;
use crate::aftership::carriers::{CARRIERS, Carriers};

#[test]
fn the_table_is_sound_and_whole() {
    let table = include_str!("../codes.csv");
    let codes = Codes::parse(table).unwrap();
    assert_eq!(codes.len(), 214);
    let scope = |scope: &str| {
        let rows = table
            .lines()
            .map(|line| line.split(',').collect::<Vec<_>>());
        rows.filter(|row| row[0] == scope)
            .map(|row| (row[1].to_owned(), row[2].to_owned()))
            .collect::<Vec<_>>()
    };
    let subtags = scope("subtag");
    assert_eq!(subtags.len(), 50);
    assert_eq!(scope("tag").len(), 9);
    assert_eq!(scope("cainiao").len(), 155);
    for (tag, count) in [
        ("Pending", 6),
        ("InfoReceived", 1),
        ("InTransit", 9),
        ("OutForDelivery", 3),
        ("AvailableForPickup", 1),
        ("AttemptFail", 3),
        ("Delivered", 5),
        ("Exception", 21),
        ("Expired", 1),
    ] {
        let of = |row: &&(String, String)| row.0.split('_').next() == Some(tag);
        assert_eq!(subtags.iter().filter(of).count(), count, "{tag}");
        assert!(codes.by_code("tag", tag).is_some(), "{tag}");
    }
}

#[test]
fn what_is_left_unmapped_is_named() {
    // The tracking has no result, or nobody published what the code means.
    let left: Vec<&str> = include_str!("../codes.csv")
        .lines()
        .filter(|line| line.contains(",UNMAPPED,"))
        .map(|line| line.split(',').nth(1).unwrap())
        .collect();
    let expected = [
        "Pending_001",
        "Pending_002",
        "Pending_003",
        "Pending_004",
        "Pending_005",
        "Pending_006",
        "Exception_014",
        "Exception_015",
        "Expired_001",
        "Pending",
        "Expired",
    ];
    assert_eq!(left, expected);
}

#[test]
fn only_what_ends_a_journey_ends_it() {
    let codes = Codes::parse(include_str!("../codes.csv")).unwrap();
    let event = |subtag: &str| codes.by_code("subtag", subtag).unwrap().event;
    assert_eq!(
        event("AvailableForPickup_001"),
        EventCode::AVAILABLE_FOR_PICKUP
    );
    assert_eq!(event("OutForDelivery_004"), EventCode::DELIVERY_SCHEDULED);
    for line in include_str!("../codes.csv").lines().skip(1) {
        let code = line.split(',').nth(1).unwrap();
        let event = EventCode::by_name(line.split(',').nth(2).unwrap()).unwrap();
        let ends = event.status() == Some(waybill_core::status::Status::Delivered);
        let says = code.starts_with("Delivered")
            || code.ends_with("_SIGN")
            || code.contains("SIGNED")
            || code.contains("SIGN_SUCCESS");
        assert!(!ends || says, "{line}");
    }
}

#[test]
fn slugs_and_carriers_are_translated_both_ways() {
    assert!(Carriers::parse(include_str!("../carriers.csv")).is_ok());
    assert_eq!(CARRIERS.len(), 123);
    for (slug, id) in [
        ("usps", "usps"),
        ("sf-express", "sf"),
        ("china-ems", "china-post"),
        ("zto-express", "zto"),
        ("yanwen", "aftership-yanwen"),
        ("", ""),
        ("Über", ""),
    ] {
        assert_eq!(CARRIERS.id(slug), id, "{slug}");
    }
    let of = |carrier: &str, number: &str, format: &str| {
        let query = Query {
            format: format.to_owned(),
            ..query_of(carrier, number)
        };
        CARRIERS.slug(&query).map(str::to_owned)
    };
    let some = |slug: &str| Some(slug.to_owned());
    assert_eq!(of("dhl", "1234567890", "dhl_express"), some("dhl"));
    assert_eq!(of("dhl", "JD014600000000000000", ""), None);
    assert_eq!(
        of("dhl", "00340434000000000000", "dhl_paket_20"),
        some("dhl-germany")
    );
    assert_eq!(of("china-post", "EA123456785CN", "s10"), some("china-ems"));
    assert_eq!(of("china-post", "RA123456785CN", "s10"), some("china-post"));
    assert_eq!(of("dpd", "01234567890123", "dpd_14"), None);
    assert_eq!(of("aftership-yanwen", "YW1234567", ""), some("yanwen"));
    assert_eq!(of("aftership-unrecognized", "YW1234567", ""), None);
    assert_eq!(of("", "YW1234567", ""), None);
    for (csv, error) in [
        (
            "slug,carrier,ask,name\nA,x,,\n",
            "line 2: no slug or no carrier",
        ),
        (
            "slug,carrier,ask,name\na,x,,\na,y,,\n",
            "line 3: slug a stands twice",
        ),
    ] {
        assert_eq!(Carriers::parse(csv).err().unwrap(), error);
    }
}

#[test]
fn settings_are_checked() {
    for wrong in [
        ("base_url", "ftp://example.test"),
        ("api_key", ""),
        ("api_key", "a\nb"),
        ("register", "perhaps"),
    ] {
        assert!(AfterShip::new(&settings(&[wrong])).is_err(), "{wrong:?}");
    }
    assert!((DESCRIPTOR.build)(&settings(&[])).is_ok());
}
