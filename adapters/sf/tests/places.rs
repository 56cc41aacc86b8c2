//! The table of places, and what addresses are understood as.

use waybill_core::place::{FacilityKind, Resolution};

use super::place::{Clock, Place, table};

#[test]
fn every_row_is_sound() {
    let rows = table();
    let lines = include_str!("../places.csv").lines().count();
    assert_eq!(rows.len() + 1, lines);
    for (country, subdivision, regions, towns) in rows {
        assert!(country.len() == 2 && country.bytes().all(|c| c.is_ascii_uppercase()));
        assert!(matches!(subdivision.len(), 0 | 2), "{subdivision}");
        for name in regions.split(';').chain(towns.split(';')) {
            if !name.is_empty() {
                assert_eq!(Place::read(name).country(), country, "{name}");
            }
        }
    }
}

#[test]
fn addresses_are_understood_as_far_as_they_are_known() {
    for (text, country, subdivision, town, clock) in [
        ("深圳", "CN", "GD", "深圳", Clock::China),
        ("深圳市", "CN", "GD", "深圳市", Clock::China),
        ("广东省深圳市南山区", "CN", "GD", "深圳市", Clock::China),
        ("新疆维吾尔自治区喀什", "CN", "XJ", "喀什", Clock::China),
        ("北京市朝阳区", "CN", "BJ", "北京市", Clock::China),
        ("吉林省长春市", "CN", "JL", "长春市", Clock::China),
        ("Shenzhen", "CN", "GD", "Shenzhen", Clock::China),
        (
            "SHENZHEN CITY, China",
            "CN",
            "GD",
            "SHENZHEN CITY",
            Clock::China,
        ),
        ("中国香港", "HK", "", "", Clock::China),
        ("台湾台北市", "TW", "", "台北市", Clock::China),
        ("Macao", "MO", "", "", Clock::China),
        ("东京", "JP", "", "东京", Clock::Abroad),
        ("美国洛杉矶", "US", "", "洛杉矶", Clock::Abroad),
        ("Los Angeles, USA", "US", "", "Los Angeles", Clock::Abroad),
        ("Quillford", "", "", "", Clock::Abroad),
        ("サッポロ", "", "", "", Clock::Abroad),
        ("朝阳区", "", "", "", Clock::Unknown),
        ("某测试营业点", "", "", "", Clock::Unknown),
        ("", "", "", "", Clock::Unknown),
        (" 【】 ", "", "", "", Clock::Unknown),
    ] {
        let place = Place::read(text);
        let location = place.location().unwrap_or_default();
        assert_eq!(
            (location.country.as_str(), location.subdivision.as_str()),
            (country, subdivision),
            "{text}"
        );
        assert_eq!(location.locality, town, "{text}");
        assert_eq!(place.clock, clock, "{text}");
    }
    assert!(Place::read(" ").location().is_none());
}

#[test]
fn what_is_not_understood_is_kept() {
    let district = Place::read("广东省深圳市南山区").location().unwrap();
    assert!(district.raw.reveal() == "广东省深圳市南山区");
    assert_eq!(district.resolution(), Resolution::Locality);
    assert!(
        Place::read("深圳市")
            .location()
            .unwrap()
            .raw
            .reveal()
            .is_empty()
    );
    for (text, kind) in [
        ("【杭州测试集散中心】", FacilityKind::Hub),
        ("上海浦东机场", FacilityKind::Terminal),
        ("深圳口岸", FacilityKind::Customs),
        ("测试云仓", FacilityKind::Warehouse),
        ("北京测试丰巢", FacilityKind::CollectionPoint),
        ("北京测试营业点", FacilityKind::Unspecified),
    ] {
        let location = Place::read(text).location().unwrap();
        let facility = location.facility.unwrap();
        assert_eq!(facility.kind, kind, "{text}");
        assert_eq!(facility.name, text.trim_matches(['【', '】']));
    }
    let long = "测".repeat(1_000);
    let location = Place::read(&long).location().unwrap();
    assert_eq!(location.raw.reveal().chars().count(), 200);
}
