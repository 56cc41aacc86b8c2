use proptest::prelude::*;

use super::*;
use crate::place::{Facility, FacilityKind};
use crate::privacy::Pii;

fn place(country: &str, subdivision: &str, locality: &str) -> Location {
    Location {
        country: country.to_owned(),
        subdivision: subdivision.to_owned(),
        locality: locality.to_owned(),
        ..Location::default()
    }
}

fn raw(country: &str, text: &str) -> Location {
    Location {
        country: country.to_owned(),
        raw: Pii::new(text.to_owned()),
        ..Location::default()
    }
}

fn coded(country: &str, system: CodeSystem, code: &str) -> Location {
    Location {
        country: country.to_owned(),
        facility: Some(Facility {
            code: code.to_owned(),
            system,
            kind: FacilityKind::Unspecified,
            ..Facility::default()
        }),
        ..Location::default()
    }
}

/// Distance in km of what was found from a point in degrees.
fn off(found: &Resolved<'_>, latitude: f64, longitude: f64) -> f64 {
    let (north, east) = found.position().unwrap().degrees();
    let along = (east - longitude) * latitude.to_radians().cos();
    (north - latitude).hypot(along) * 111.2
}

#[test]
fn cities_are_found_by_their_names_in_several_languages() {
    for (country, subdivision, name, home, zone, latitude, longitude) in [
        ("CN", "", "Shenzhen", "GD", "Asia/Shanghai", 22.55, 114.07),
        ("CN", "GD", "深圳", "GD", "Asia/Shanghai", 22.55, 114.07),
        ("CN", "", "深圳市", "GD", "Asia/Shanghai", 22.55, 114.07),
        ("CN", "", "廣州市", "GD", "Asia/Shanghai", 23.12, 113.25),
        ("CN", "", "【上海市】", "SH", "Asia/Shanghai", 31.22, 121.46),
        (
            "CN",
            "",
            "广东省深圳市",
            "GD",
            "Asia/Shanghai",
            22.55,
            114.07,
        ),
        ("CN", "", "江苏苏州", "JS", "Asia/Shanghai", 31.30, 120.60),
        (
            "CN",
            "",
            "北京市朝阳区",
            "BJ",
            "Asia/Shanghai",
            39.91,
            116.40,
        ),
        ("CN", "", "乌鲁木齐", "XJ", "Asia/Shanghai", 43.80, 87.60),
        ("DE", "", "MÜNCHEN", "BY", "Europe/Berlin", 48.14, 11.58),
        ("DE", "", "Munich", "BY", "Europe/Berlin", 48.14, 11.58),
        ("DE", "", "Cologne", "NW", "Europe/Berlin", 50.94, 6.96),
        ("IT", "", "Mailand", "", "Europe/Rome", 45.46, 9.19),
        ("ES", "", "Sevilla", "", "Europe/Madrid", 37.38, -5.97),
        ("GB", "", "Londres", "ENG", "Europe/London", 51.51, -0.13),
        ("CA", "", "London", "ON", "America/Toronto", 42.98, -81.23),
        ("GB", "", "Birmingham", "ENG", "Europe/London", 52.48, -1.90),
        (
            "US",
            "AL",
            "BIRMINGHAM",
            "AL",
            "America/Chicago",
            33.52,
            -86.80,
        ),
        (
            "US",
            "MI",
            "Birmingham",
            "MI",
            "America/Detroit",
            42.55,
            -83.21,
        ),
        (
            "US",
            "IL",
            "Springfield",
            "IL",
            "America/Chicago",
            39.80,
            -89.64,
        ),
        (
            "US",
            "MA",
            "Springfield",
            "MA",
            "America/New_York",
            42.10,
            -72.59,
        ),
        (
            "US",
            "",
            "San José",
            "CA",
            "America/Los_Angeles",
            37.34,
            -121.89,
        ),
        (
            "US",
            "ID",
            "Moscow",
            "ID",
            "America/Los_Angeles",
            46.73,
            -117.0,
        ),
        (
            "US",
            "",
            "Los Angeles",
            "CA",
            "America/Los_Angeles",
            34.05,
            -118.24,
        ),
        (
            "US",
            "",
            "洛杉矶",
            "CA",
            "America/Los_Angeles",
            34.05,
            -118.24,
        ),
        ("RU", "", "Moscow", "", "Europe/Moscow", 55.75, 37.62),
        (
            "RU",
            "",
            "Wladiwostok",
            "",
            "Asia/Vladivostok",
            43.12,
            131.89,
        ),
        (
            "BR",
            "SP",
            "SAO PAULO",
            "SP",
            "America/Sao_Paulo",
            -23.55,
            -46.64,
        ),
    ] {
        let stated = place(country, subdivision, name);
        let found = resolve(&stated);
        assert_eq!(found.level(), Resolution::Locality, "{country} {name}");
        assert_eq!(
            (found.subdivision, found.zone),
            (home, zone),
            "{country} {name}"
        );
        assert!(off(&found, latitude, longitude) < 25.0, "{country} {name}");
    }
}

#[test]
fn chinese_names_need_no_country() {
    for (text, country, level) in [
        ("【深圳市】", "CN", Resolution::Locality),
        ("[深圳市]", "CN", Resolution::Locality),
        ("广东省深圳市宝安区", "CN", Resolution::Locality),
        ("洛杉矶", "US", Resolution::Locality),
        ("山西省某地", "CN", Resolution::Subdivision),
        ("北京", "CN", Resolution::Subdivision),
    ] {
        let stated = raw("", text);
        let found = resolve(&stated);
        assert_eq!((found.country, found.level()), (country, level), "{text}");
    }
    // Streets and outlets that are named after a city elsewhere, and words.
    for text in [
        "南京东路",
        "上海路营业点",
        "菜鸟驿站",
        "深圳湾",
        "国际",
        "【】",
        "伯明翰",
    ] {
        assert_eq!(resolve(&raw("", text)), Resolved::default(), "{text}");
    }
}

#[test]
fn homonyms_stay_open() {
    for (country, subdivision, name) in [
        // Many, or one in several zones.
        ("US", "", "Springfield"),
        ("US", "", "Moscow"),
        ("US", "", "Portland"),
        // Not in the table, which says nothing about the zone of a country with several.
        ("US", "", "Nowhere at all"),
        ("US", "TX", "Nowhere at all"),
        ("US", "ZZ", "Nowhere at all"),
    ] {
        let stated = place(country, subdivision, name);
        let found = resolve(&stated);
        assert_eq!((found.zone, found.position()), ("", None), "{name}");
        assert!(found.area.unwrap().radius_km > 300, "{name}");
    }
    // Latin words without a country are nothing.
    for name in ["London", "Springfield", "Shenzhen", "JFK", "Processing"] {
        assert_eq!(resolve(&place("", "", name)), Resolved::default(), "{name}");
        assert_eq!(resolve(&raw("", name)), Resolved::default(), "{name}");
    }
}

#[test]
fn a_subdivision_tells_the_zone_of_towns_that_are_in_no_table() {
    for (country, subdivision, zone) in [
        ("US", "NJ", "America/New_York"),
        ("US", "CA", "America/Los_Angeles"),
        ("US", "TX", ""),
        ("US", "IN", ""),
        ("US", "NV", ""),
        ("CA", "ON", ""),
        ("AU", "VIC", "Australia/Melbourne"),
        ("AU", "QLD", "Australia/Brisbane"),
        ("BR", "BA", "America/Bahia"),
        ("DE", "BY", "Europe/Berlin"),
    ] {
        let stated = place(country, subdivision, "Nowhere at all");
        let found = resolve(&stated);
        assert_eq!(
            (found.level(), found.zone),
            (Resolution::Subdivision, zone),
            "{subdivision}"
        );
        assert_eq!(found.position(), None);
    }
    let territory = place("US", "PR", "San Juan");
    let found = resolve(&territory);
    assert_eq!(
        (found.country, found.subdivision, found.zone),
        ("US", "PR", "America/Puerto_Rico")
    );
    let named = raw("US", "New Jersey");
    assert_eq!(
        (resolve(&named).subdivision, resolve(&named).zone),
        ("NJ", "America/New_York")
    );
    let chinese = raw("US", "加利福尼亚州");
    assert_eq!(resolve(&chinese).subdivision, "CA");
}

#[test]
fn codes_of_facilities_are_read() {
    use CodeSystem::{Carrier, Iata, UpuImpc};
    for (country, system, code, un_locode, zone, latitude, longitude) in [
        (
            "",
            UpuImpc,
            "USJFKA",
            "USJFK",
            "America/New_York",
            40.64,
            -73.78,
        ),
        (
            "US",
            UpuImpc,
            "USLAXA",
            "USLAX",
            "America/Los_Angeles",
            33.94,
            -118.41,
        ),
        (
            "",
            UpuImpc,
            "CNSZXA",
            "CNSZX",
            "Asia/Shanghai",
            22.55,
            114.07,
        ),
        (
            "CN",
            UpuImpc,
            "CNBJSA",
            "CNBJS",
            "Asia/Shanghai",
            39.91,
            116.40,
        ),
        ("", UpuImpc, "DEFRAA", "DEFRA", "Europe/Berlin", 50.05, 8.57),
        ("", Iata, "SZX", "", "Asia/Shanghai", 22.64, 113.81),
        ("US", Iata, "ORD", "", "America/Chicago", 41.98, -87.90),
        ("GB", Iata, "LON", "", "Europe/London", 51.5, -0.1),
    ] {
        let stated = coded(country, system, code);
        let found = resolve(&stated);
        assert_eq!((found.un_locode, found.zone), (un_locode, zone), "{code}");
        assert!(off(&found, latitude, longitude) < 60.0, "{code}");
    }
    // Another country than stated, no such code, or a code of somebody else's system.
    for (country, system, code) in [
        ("CN", UpuImpc, "USJFKA"),
        ("CN", Iata, "JFK"),
        ("CN", Carrier, "JFK"),
        ("CN", Iata, "jfk"),
        ("CN", UpuImpc, "CN"),
    ] {
        let stated = coded(country, system, code);
        assert_eq!(resolve(&stated).level(), Resolution::Country, "{code}");
    }
    let unknown = coded("", UpuImpc, "CNQQQA");
    let found = resolve(&unknown);
    assert_eq!((found.country, found.level()), ("CN", Resolution::Country));
    assert_eq!(resolve(&coded("", UpuImpc, "QQQQQA")), Resolved::default());
}

#[test]
fn what_the_source_states_is_kept() {
    let mut stated = place("US", "CA", "Los Angeles");
    stated.time_zone = "America/Denver".to_owned();
    let found = resolve(&stated);
    assert_eq!((found.zone, found.subdivision), ("America/Denver", "CA"));
    let odd = place("QQ", "X1", "Los Angeles");
    let found = resolve(&odd);
    assert_eq!(
        (found.country, found.subdivision, found.area),
        ("QQ", "X1", None)
    );
    // A city that is not in the stated subdivision is another one.
    let other = place("US", "OR", "Los Angeles");
    assert_eq!(resolve(&other).level(), Resolution::Subdivision);
}

#[test]
fn distances_are_the_least_that_is_possible() {
    let km = |one: &Location, other: &Location| {
        distance_km(&resolve(one).area.unwrap(), &resolve(other).area.unwrap())
    };
    let shenzhen = place("CN", "GD", "Shenzhen");
    let los_angeles = place("US", "CA", "Los Angeles");
    let apart = km(&shenzhen, &los_angeles);
    assert!((11_000.0..11_700.0).contains(&apart), "{apart}");
    assert!((km(&los_angeles, &shenzhen) - apart).abs() < 0.001);
    assert_eq!(
        km(&shenzhen, &place("CN", "GD", "广州")),
        0.0,
        "the areas touch"
    );
    assert_eq!(
        km(&shenzhen, &place("CN", "", "")),
        0.0,
        "somewhere in the same country"
    );
    assert_eq!(km(&place("US", "", ""), &place("CA", "", "")), 0.0);
    assert!(km(&place("LU", "", ""), &place("MT", "", "")) > 1_000.0);
    assert!(
        km(
            &place("DE", "", "Leipzig"),
            &place("US", "KY", "Louisville")
        ) > 6_500.0
    );
}

/// Names that several places of the world bear, and pieces of addresses.
fn words() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "Springfield",
            "San Jose",
            "London",
            "深圳",
            "广东省",
            "广东",
            "市",
            "吉林",
            "上海",
            "中山",
            "Victoria",
            "",
            "区",
            "[",
            "】",
            "JFK",
            "USJFKA",
            "Moscow",
            "São Paulo",
        ])
        .prop_map(str::to_owned),
        any::<String>(),
        "[A-Za-z .]{0,12}",
    ]
}

proptest! {
    #[test]
    fn nothing_panics_and_nothing_is_guessed(
        country in prop_oneof![
            prop::sample::select(vec!["", "US", "CN", "DE", "RU", "XX", "us"]).prop_map(str::to_owned),
            any::<String>(),
        ],
        subdivision in words(),
        (locality, more) in (words(), words()),
        text in words(),
        code in prop_oneof![words(), "[A-Z]{3}|[A-Z]{6}"],
        system in prop::sample::select(vec![CodeSystem::Iata, CodeSystem::UpuImpc, CodeSystem::Carrier]),
    ) {
        let mut stated = place(&country, &subdivision, &format!("{locality}{more}"));
        stated.raw = Pii::new(text);
        stated.facility = coded("", system, &code).facility;
        let found = resolve(&stated);
        // What the source says of the country is never overruled, and a place is in its country.
        prop_assert!(country.is_empty() || found.country == country);
        prop_assert!(found.area.is_some() || found.zone.is_empty() || found.position().is_none());
        prop_assert!(found.un_locode.is_empty() || found.un_locode.starts_with(found.country));
        prop_assert!(found.zone.is_empty() || jiff::tz::TimeZone::get(found.zone).is_ok());
    }

    #[test]
    fn an_ambiguous_place_has_no_zone(name in prop::sample::select(vec![
        "Springfield", "Moscow", "Portland", "Columbia", "Aurora", "Columbus", "Jackson",
        "Manchester", "Georgetown", "Madison", "Troy", "Auburn",
    ])) {
        let mut room = [0; 48];
        let ids = table::ids(table::fold(name, &mut room).unwrap()).unwrap();
        let homes: Vec<City> = ids
            .split(' ')
            .filter_map(City::find)
            .filter(|city| city.country() == "US")
            .collect();
        let largest = homes.iter().map(|city| city.magnitude()).max().unwrap();
        let rivals = homes.iter().filter(|city| city.magnitude() + DOMINANCE > largest).count();
        let zones: std::collections::BTreeSet<_> = homes.iter().map(|city| city.zone()).collect();
        prop_assert!(rivals > 1 && zones.len() > 1, "{name} is no homonym");
        let stated = place("US", "", name);
        prop_assert_eq!(resolve(&stated).zone, "");
        // With its state, each of them is found or stays in the state.
        for home in homes {
            let stated = place("US", home.subdivision(), name);
            let found = resolve(&stated);
            prop_assert!(found.zone.is_empty() || found.zone == home.zone());
        }
    }
}
