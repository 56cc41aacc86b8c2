//! Keys of carriers.

use super::super::carriers::{CARRIERS, Carriers};
use super::*;

#[test]
fn the_table_is_sound() {
    assert!(Carriers::parse(include_str!("../carriers.csv")).is_ok());
    assert_eq!(CARRIERS.len(), 114);
    for (csv, error) in [
        ("key,carrier,ask,name\nx,ups,,\n", "line 2: \"x\" is no key"),
        ("key,carrier,ask,name\n1,,,\n", "line 2: no carrier"),
        (
            "key,carrier,ask,name\n1,a,,\n1,b,,\n",
            "line 3: key 1 stands twice",
        ),
    ] {
        assert_eq!(Carriers::parse(csv).err().as_deref(), Some(error));
    }
}

#[test]
fn a_key_becomes_our_id_or_one_of_its_own() {
    for (key, id) in [
        ("21051", "usps"),
        ("100001", "dhl"),
        ("7041", "dhl"),
        ("100002", "ups"),
        ("100003", "fedex"),
        ("3011", "china-post"),
        ("3013", "china-post"),
        ("190271", "cainiao"),
        ("100012", "sf"),
        ("190766", "sf"),
        ("190008", "yunexpress"),
        ("190094", "4px"),
        ("190012", "17track-190012"),
        ("0", ""),
        ("", ""),
        ("none", ""),
        ("99999999999", ""),
    ] {
        assert_eq!(CARRIERS.id(key), id, "{key}");
    }
}

#[test]
fn a_carrier_is_asked_for_under_its_key_if_that_is_certain() {
    for (carrier, format, number, key) in [
        ("usps", "", "9400100000000000000015", Some(21_051)),
        ("china-post", "s10", "LX702200015CN", Some(3_011)),
        ("china-post", "s10", "EX702200012CN", Some(3_013)),
        ("dhl", "dhl_express", "7000000015", Some(100_001)),
        ("dhl", "dhl_paket_20", "00340000000000000015", Some(7_041)),
        ("dhl", "", "7000000015", None),
        ("sf", "sf_12", "700000000015", Some(100_012)),
        ("dpd", "dpd_14", "70000000000015", None),
        ("17track-190012", "", "YW700000015CN", Some(190_012)),
        ("17track-0", "", "YW700000015CN", None),
        ("17track", "", "YW700000015CN", None),
        ("sandbox", "", "YW700000015CN", None),
        ("", "", "YW700000015CN", None),
    ] {
        let query = Query {
            format: format.to_owned(),
            ..query_of(carrier, number)
        };
        assert_eq!(CARRIERS.key(&query), key, "{carrier} {format}");
    }
}
