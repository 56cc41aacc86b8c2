//! The tables: states, companies, and the words of a signature.

use waybill_core::code::EventCode;
use waybill_core::event::MappingBasis;

use super::*;
use crate::codes::Codes;
use crate::kuaidi100::company::{COMPANIES, Clock, Companies, stated};
use crate::kuaidi100::meaning::{CODES, family, of};
use crate::kuaidi100::place::area;
use crate::kuaidi100::wire::Row;

/// Both columns of the published table of states.
const STATES: &[(&str, &str)] = &[
    ("0", "0 1001 1002 1003"),
    ("1", "1 101 102 103"),
    ("2", "2 201 202 203 204 205 206 207 208 209 210"),
    ("3", "3 301 302 303 304"),
    ("4", "4 401"),
    ("14", "14"),
    ("5", "5 501"),
    ("6", "6"),
    ("7", "7"),
    ("8", "8 10 11 12 13"),
];

#[test]
fn every_published_state_has_a_row_in_its_family_and_none_is_unmapped() {
    let codes = CODES.as_ref().unwrap();
    let mut count = 0;
    for (state, advanced) in STATES {
        for code in advanced.split(' ') {
            let meaning = codes.by_code(state, code).unwrap();
            assert_ne!(meaning.event, EventCode::UNMAPPED, "{code}");
            assert_eq!(family(code), *state, "{code}");
            count += 1;
        }
    }
    assert_eq!((count, codes.len()), (36, 36));
    for code in ["", "9", "15", "1100", "6x1", "901", "数"] {
        assert_eq!(family(code), "", "{code}");
    }
}

#[test]
fn only_these_states_end_a_journey() {
    let codes = CODES.as_ref().unwrap();
    let mut ends = Vec::new();
    for (state, advanced) in STATES {
        for code in advanced.split(' ') {
            let event = codes.by_code(state, code).unwrap().event;
            if event.status().is_some_and(|status| status.is_terminal()) {
                ends.push(code);
            }
        }
    }
    assert_eq!(ends, ["210", "3", "301", "302", "303", "4", "401"]);
}

#[test]
fn the_words_of_a_signature_decide_who_has_the_parcel() {
    let deposit = EventCode::AVAILABLE_FOR_PICKUP;
    for (code, words, event) in [
        ("3", "已签收，签收人：本人", EventCode::DELIVERED),
        ("3", "已投入丰巢智能柜并签收", deposit),
        ("303", "菜鸟驿站代签收", deposit),
        ("303", "家人代收", EventCode::DELIVERED),
        ("301", "放于快递柜，取件码签收", EventCode::DELIVERED_SIGNED),
        ("301", "已放于快递柜，请凭取件码签收", deposit),
        ("304", "", deposit),
        ("304", "驿站代收", deposit),
        ("304", "如已取件请忽略", deposit),
        ("304", "快件已取出", EventCode::COLLECTED_BY_RECIPIENT),
        ("501", "已取出旧件后放入", deposit),
        ("5", "派往驿站", EventCode::OUT_FOR_DELIVERY),
    ] {
        let row = Row {
            status_code: code.into(),
            context: words.into(),
            ..Row::default()
        };
        let found = of(CODES.as_ref().unwrap(), &row, None);
        assert_eq!(found.meaning.event, event, "{code} {words}");
    }
}

#[test]
fn a_state_of_the_whole_answer_is_only_a_stand_in() {
    let row = Row::default();
    let codes = CODES.as_ref().unwrap();
    let found = of(codes, &row, Some("304"));
    assert_eq!(found.meaning.event, EventCode::AVAILABLE_FOR_PICKUP);
    assert_eq!(found.basis, MappingBasis::AggregatedStatus);
    for state in [None, Some(""), Some("77")] {
        let found = of(codes, &row, state);
        assert_eq!(found.meaning.event, EventCode::UNMAPPED);
        assert_eq!(found.basis, MappingBasis::None);
    }
}

#[test]
fn the_table_of_states_would_tell_what_is_wrong_with_it() {
    assert!(Codes::parse("scope,code,event,reason,text\n0,0,FLOWN,,x\n").is_err());
    for (csv, error) in [
        ("x,,,mars,,X\n", "line 2: unknown clock \"mars\""),
        ("x,,odd,,,X\n", "line 2: unknown numbers \"odd\""),
        ("x,,,,,X\nx,,,,,X\n", "line 3: key \"x\" stands twice"),
        ("X,,,,,X\n", "line 2: \"X\" is no key"),
    ] {
        let table = format!("key,carrier,numbers,clock,post,name\n{csv}");
        assert_eq!(Companies::parse(&table).err().unwrap(), error);
    }
}

#[test]
fn keys_and_carriers_translate_both_ways() {
    let companies = COMPANIES.as_ref().unwrap();
    assert_eq!(companies.keys().count(), 79);
    for (key, carrier) in [
        ("shunfeng", "sf"),
        ("yuantong", "yto"),
        ("youzhengguoji", "china-post"),
        ("yuntrack", "yunexpress"),
        ("disifang", "4px"),
        ("usps", "usps"),
        ("dhlde", "dhl"),
        ("canpost", "canada-post"),
        ("danniao", "kuaidi100-danniao"),
        ("neverheardof", "kuaidi100-neverheardof"),
    ] {
        assert_eq!(companies.carrier(key), carrier, "{key}");
    }
    for key in companies.keys() {
        let back = query("770000000001", &companies.carrier(key));
        assert!(companies.key(&back).is_some(), "{key} can be asked for");
    }
    assert_eq!(companies.clock("neverheardof"), Clock::Foreign);
    for (text, key) in [(" YuanTong", "yuantong"), ("a b", ""), ("圆通", "")] {
        assert_eq!(stated(text), key);
    }
}

#[test]
fn the_number_tells_which_key_of_a_carrier_it_belongs_under() {
    let companies = COMPANIES.as_ref().unwrap();
    for (number, carrier, to, key) in [
        ("9770000000011", "china-post", "", "youzhengguonei"),
        ("1177000000011", "china-post", "", "ems"),
        ("EE700000015CN", "china-post", "", "ems"),
        ("EE700000015CN", "china-post", "JP", "emsguoji"),
        ("EE700000015JP", "china-post", "", "emsguoji"),
        ("RR700000015CN", "china-post", "US", "youzhengguoji"),
        ("RR700000015US", "china-post", "CN", "youzhengguoji"),
        ("PA700000015CN", "china-post", "", "youzhengguonei"),
        ("7700000011", "dhl", "", "dhlen"),
        ("00340000000000000011", "dhl", "", "dhlde"),
        ("RR700000015DE", "dhl", "", "deutschepost"),
        ("JVGL7700000015", "dhl", "", "dhlen"),
        ("1Z7700000000000015", "ups", "", "ups"),
        ("SF7700000000015", "sf", "", "shunfeng"),
        ("770000000015", "kuaidi100-aramex", "", "aramex"),
        ("770000000015", "kuaidi100-new1", "", "new1"),
    ] {
        let mut query = query(number, carrier);
        query.hints.destination_country = to.to_owned();
        assert_eq!(companies.key(&query), Some(key), "{number} {carrier} {to}");
    }
    for carrier in [
        "cainiao",
        "ontrac",
        "kuaidi100-",
        "kuaidi100-A",
        "kuaidi100x",
    ] {
        let query = query("770000000015", carrier);
        assert_eq!(companies.key(&query), None, "{carrier}");
    }
}

#[test]
fn an_administrative_code_names_a_province() {
    for (code, country, subdivision, is_chinese) in [
        ("CN110106000000", "CN", "BJ", true),
        ("CN441900003000", "CN", "GD", true),
        ("440300000000", "CN", "GD", true),
        ("650000", "CN", "XJ", true),
        ("CN810000000000", "HK", "", true),
        ("CN710000000000", "TW", "", true),
        ("CN99", "CN", "", true),
        ("US", "US", "", false),
        ("1101", "", "", false),
        ("991101000000", "", "", false),
        ("中国", "", "", false),
        ("", "", "", false),
    ] {
        let found = area(code);
        let parts = (found.country, found.subdivision, found.is_chinese);
        assert_eq!(parts, (country, subdivision, is_chinese), "{code}");
    }
}
