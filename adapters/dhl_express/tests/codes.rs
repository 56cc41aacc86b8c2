//! The code table and the table of stations.

use jiff::tz::TimeZone;
use waybill_core::code::EventCode;
use waybill_core::event::MappingBasis;
use waybill_core::status::Status;

use super::meaning::{TABLE, find, signer};
use super::place::{STATIONS, zone};
use crate::codes::Codes;

/// Codes that end a journey, each read by hand.
const ENDS: &str = "101 DD DS OK RT";

#[test]
fn every_row_resolves_and_no_row_ends_a_journey_unreviewed() {
    let table = Codes::parse(TABLE).unwrap();
    // Forty checkpoints and the four states of a shipment; none is left without a meaning.
    assert_eq!(table.len(), 44);
    let mut reader = csv::Reader::from_reader(TABLE.as_bytes());
    let mut ends = Vec::new();
    for row in reader.records() {
        let row = row.unwrap();
        let found = find(&row[1], "", false);
        assert_eq!(found.basis, MappingBasis::Code, "{}", &row[1]);
        assert!(found.code != EventCode::UNMAPPED, "{}", &row[1]);
        if found.code.status().is_some_and(Status::is_terminal) {
            ends.push(row[1].to_owned());
        }
    }
    assert_eq!(ends.join(" "), ENDS);
    assert_eq!(find("Q7", "", false).basis, MappingBasis::None);
}

#[test]
fn the_words_of_a_delivery_say_how() {
    for (words, signed, event) in [
        ("Delivered", false, 601),
        ("Delivered", true, 602),
        ("Delivered to Service Point", false, 505),
        ("Delivered - parcel locker", true, 505),
        ("Ready for collection", false, 505),
        ("Collected at Service Point", false, 601),
        ("Delivered : LOCKER JANSEN", true, 602),
    ] {
        assert_eq!(find("OK", words, signed).code.0, event, "{words}");
    }
    for (words, name) in [
        ("Delivered : ALBA T", Some("ALBA T")),
        ("Delivered - Signed for by: A B", Some("A B")),
        ("delivered :", None),
        ("Delivered", None),
        ("Delivered to: a neighbour", None),
        ("Délivré : A", None),
        ("", None),
    ] {
        assert_eq!(signer(words), name, "{words}");
    }
}

#[test]
fn every_station_has_a_zone_that_exists() {
    let rows: Vec<Vec<&str>> = STATIONS
        .lines()
        .skip(1)
        .map(|line| line.split(',').collect())
        .collect();
    assert!(rows.len() >= 200 && rows.is_sorted());
    for row in &rows {
        let [station, country, name] = row[..] else {
            panic!("{row:?}");
        };
        assert!(station.len() == 3 && country.len() == 2, "{row:?}");
        assert!(TimeZone::get(name).is_ok(), "{row:?}");
        assert_eq!(zone(station, country), Some(name));
        assert_eq!(zone(station, "ZZ"), None, "only at home");
    }
}
