use proptest::prelude::*;

use super::*;
use crate::place::{CodeSystem, Facility};

fn at(text: &str, clues: Clues<'_>) -> EventTime {
    resolve(parse_iso(text).unwrap(), clues)
}

fn facility(zone: &str) -> Clues<'_> {
    Clues {
        facility_zone: Some(zone),
        ..Clues::default()
    }
}

fn country(code: &str) -> Clues<'_> {
    Clues {
        country: Some(code),
        ..Clues::default()
    }
}

fn utc(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Basis, zone, offset in hours, instant and bounds of a wall clock with clues.
type Case<'a> = (
    &'a str,
    Clues<'a>,
    Basis,
    &'a str,
    Option<i32>,
    &'a str,
    [&'a str; 2],
);

#[test]
fn the_best_clue_decides() {
    let all = Clues {
        facility_zone: Some("America/Chicago"),
        country: Some("JP"),
        convention: Some("Asia/Shanghai"),
        ..Clues::default()
    };
    let cases: [Case<'_>; 12] = [
        // What is stated beats every clue.
        (
            "2024-05-01T10:20:30+02:00",
            all,
            Basis::Stated,
            "",
            Some(2),
            "2024-05-01T08:20:30Z",
            ["2024-05-01T08:20:30Z", "2024-05-01T08:20:30Z"],
        ),
        (
            "2024-05-01T10:20Z",
            all,
            Basis::Stated,
            "",
            Some(0),
            "2024-05-01T10:20:00Z",
            ["2024-05-01T10:20:00Z", "2024-05-01T10:20:59Z"],
        ),
        (
            "2024-05-01T10:20:30",
            all,
            Basis::Facility,
            "America/Chicago",
            Some(-5),
            "2024-05-01T15:20:30Z",
            ["2024-05-01T15:20:30Z", "2024-05-01T15:20:30Z"],
        ),
        // Without a usable facility zone, the country.
        (
            "2024-05-01T10:20:30",
            Clues {
                facility_zone: Some("Mars/Olympus"),
                ..all
            },
            Basis::Country,
            "Asia/Tokyo",
            Some(9),
            "2024-05-01T01:20:30Z",
            ["2024-05-01T01:20:30Z", "2024-05-01T01:20:30Z"],
        ),
        (
            "2024-05-01T10",
            country("DE"),
            Basis::Country,
            "Europe/Berlin",
            Some(2),
            "2024-05-01T08:00:00Z",
            ["2024-05-01T08:00:00Z", "2024-05-01T08:59:59Z"],
        ),
        (
            "2024-01-05T10:20",
            country("CN"),
            Basis::Country,
            "Asia/Shanghai",
            Some(8),
            "2024-01-05T02:20:00Z",
            ["2024-01-05T02:20:00Z", "2024-01-05T02:20:59Z"],
        ),
        // Kazakhstan has had one time since March 2024.
        (
            "2024-06-01T12:00:00",
            country("KZ"),
            Basis::Country,
            "Asia/Almaty",
            Some(5),
            "2024-06-01T07:00:00Z",
            ["2024-06-01T07:00:00Z", "2024-06-01T07:00:00Z"],
        ),
        (
            "2024-02-01T12:00:00",
            country("KZ"),
            Basis::Unresolved,
            "",
            None,
            "",
            ["2024-02-01T06:00:00Z", "2024-02-01T07:00:00Z"],
        ),
        // A country with several zones does not decide, the convention of the source does.
        (
            "2024-05-01T10:20:30",
            Clues {
                country: Some("US"),
                convention: Some("Asia/Shanghai"),
                ..Clues::default()
            },
            Basis::SourceConvention,
            "Asia/Shanghai",
            Some(8),
            "2024-05-01T02:20:30Z",
            ["2024-05-01T02:20:30Z", "2024-05-01T02:20:30Z"],
        ),
        // It narrows the bounds: New York in summer and in winter, Hawaii.
        (
            "2024-07-01T12:00:00",
            country("US"),
            Basis::Unresolved,
            "",
            None,
            "",
            ["2024-07-01T16:00:00Z", "2024-07-01T22:00:00Z"],
        ),
        (
            "2024-01-01T12:00",
            country("US"),
            Basis::Unresolved,
            "",
            None,
            "",
            ["2024-01-01T17:00:00Z", "2024-01-01T22:00:59Z"],
        ),
        (
            "2024-07-01T12:00:00",
            country("XX"),
            Basis::Unresolved,
            "",
            None,
            "",
            ["2024-06-30T22:00:00Z", "2024-07-02T00:00:00Z"],
        ),
    ];
    for (text, clues, basis, zone, hours, instant, [earliest, latest]) in cases {
        let time = at(text, clues);
        assert_eq!(time.basis, basis, "{text}");
        assert_eq!(time.zone, zone, "{text}");
        assert_eq!(time.offset, hours.map(|hours| hours * 3_600), "{text}");
        assert_eq!(
            time.instant,
            (!instant.is_empty()).then(|| utc(instant)),
            "{text}"
        );
        assert_eq!(
            (time.earliest, time.latest),
            (utc(earliest), utc(latest)),
            "{text}"
        );
        assert_eq!(time.raw, text);
    }
}

#[test]
fn a_city_or_subdivision_tells_the_zone_of_a_country_with_several() {
    let place = |country: &str, subdivision: &str, locality: &str| Location {
        country: country.to_owned(),
        subdivision: subdivision.to_owned(),
        locality: locality.to_owned(),
        ..Location::default()
    };
    for (text, at, zone, basis, instant) in [
        // Both sides of both changes of the clock in 2024.
        (
            "2024-03-10T01:59:59",
            place("US", "CA", "Los Angeles"),
            "America/Los_Angeles",
            Basis::Locality,
            Some("2024-03-10T09:59:59Z"),
        ),
        (
            "2024-03-10T03:00:00",
            place("US", "CA", "Los Angeles"),
            "America/Los_Angeles",
            Basis::Locality,
            Some("2024-03-10T10:00:00Z"),
        ),
        (
            "2024-11-03T00:59:59",
            place("US", "", "CHICAGO"),
            "America/Chicago",
            Basis::Locality,
            Some("2024-11-03T05:59:59Z"),
        ),
        (
            "2024-11-03T02:00:00",
            place("US", "", "CHICAGO"),
            "America/Chicago",
            Basis::Locality,
            Some("2024-11-03T08:00:00Z"),
        ),
        // No change of the clock, and a town in no table.
        (
            "2024-07-01T12:00:00",
            place("US", "AZ", "Phoenix"),
            "America/Phoenix",
            Basis::Locality,
            Some("2024-07-01T19:00:00Z"),
        ),
        (
            "2024-07-01T12:00:00",
            place("US", "NJ", "Nowhere at all"),
            "America/New_York",
            Basis::Locality,
            Some("2024-07-01T16:00:00Z"),
        ),
        // One zone in the country.
        (
            "2024-07-01T12:00:00",
            place("CN", "XJ", "乌鲁木齐"),
            "Asia/Shanghai",
            Basis::Country,
            Some("2024-07-01T04:00:00Z"),
        ),
        (
            "2024-07-01T12:00:00",
            place("US", "", "Springfield"),
            "",
            Basis::Unresolved,
            None,
        ),
        (
            "2024-07-01T12:00:00",
            place("", "", "Chicago"),
            "",
            Basis::Unresolved,
            None,
        ),
    ] {
        let clues = Clues {
            place: Some(&at),
            ..Clues::default()
        };
        let time = resolve(parse_iso(text).unwrap(), clues);
        let found = (time.zone.as_str(), time.basis, time.instant);
        assert_eq!(found, (zone, basis, instant.map(utc)), "{text} {zone}");
    }
    let centre = Location {
        facility: Some(Facility {
            code: "USJFKA".to_owned(),
            system: CodeSystem::UpuImpc,
            ..Facility::default()
        }),
        ..Location::default()
    };
    let clues = Clues {
        place: Some(&centre),
        ..Clues::default()
    };
    let time = resolve(parse_iso("2024-07-01T12:00").unwrap(), clues);
    assert_eq!(time.basis, Basis::Facility);
    assert_eq!(time.instant, Some(utc("2024-07-01T16:00:00Z")));
    // What the country says narrows the bounds all the same.
    let unknown = place("US", "TX", "");
    let clues = Clues {
        place: Some(&unknown),
        ..Clues::default()
    };
    let time = resolve(parse_iso("2024-07-01T12:00:00").unwrap(), clues);
    assert_eq!(
        (time.earliest, time.latest),
        (utc("2024-07-01T16:00:00Z"), utc("2024-07-01T22:00:00Z"))
    );
}

#[test]
fn a_skipped_wall_clock_takes_the_offset_before() {
    for (text, zone, hours, instant) in [
        (
            "2024-03-10T02:30:00",
            "America/New_York",
            -5,
            "2024-03-10T07:30:00Z",
        ),
        (
            "2024-03-31T02:30:00",
            "Europe/Berlin",
            1,
            "2024-03-31T01:30:00Z",
        ),
    ] {
        let time = at(text, facility(zone));
        assert_eq!(time.offset, Some(hours * 3_600), "{zone}");
        assert_eq!(time.instant, Some(utc(instant)), "{zone}");
        assert_eq!(
            (time.earliest, time.latest),
            (utc(instant), utc(instant)),
            "{zone}"
        );
    }
}

#[test]
fn a_wall_clock_that_occurs_twice_has_wider_bounds() {
    for (text, zone, hours, instant, latest) in [
        (
            "2024-11-03T01:30:00",
            "America/New_York",
            -4,
            "2024-11-03T05:30:00Z",
            "2024-11-03T06:30:00Z",
        ),
        (
            "2024-10-27T02:30:00",
            "Europe/Berlin",
            2,
            "2024-10-27T00:30:00Z",
            "2024-10-27T01:30:00Z",
        ),
        (
            "2024-10-27T02:30",
            "Europe/Berlin",
            2,
            "2024-10-27T00:30:00Z",
            "2024-10-27T01:30:59Z",
        ),
        (
            "2024-10-27T02",
            "Europe/Berlin",
            2,
            "2024-10-27T00:00:00Z",
            "2024-10-27T01:59:59Z",
        ),
    ] {
        let time = at(text, facility(zone));
        assert_eq!(time.offset, Some(hours * 3_600), "{text}");
        assert_eq!(time.instant, Some(utc(instant)), "{text}");
        assert_eq!(
            (time.earliest, time.latest),
            (utc(instant), utc(latest)),
            "{text}"
        );
    }
}

#[test]
fn a_date_is_not_midnight() {
    for (text, clues, offset, bounds) in [
        (
            "2024-05-01",
            country("DE"),
            Some(7_200),
            ["2024-04-30T22:00:00Z", "2024-05-01T21:59:59Z"],
        ),
        // A day of 25 hours.
        (
            "2024-10-27",
            country("DE"),
            Some(7_200),
            ["2024-10-26T22:00:00Z", "2024-10-27T22:59:59Z"],
        ),
        (
            "2024-05-01",
            Clues::default(),
            None,
            ["2024-04-30T10:00:00Z", "2024-05-02T11:59:59Z"],
        ),
    ] {
        let time = at(text, clues);
        assert_eq!((time.instant, time.offset), (None, offset));
        assert_eq!([time.earliest, time.latest], bounds.map(utc));
        assert_eq!(local_text(&time), text);
    }
    let noon = at("2024-05-01", country("CN")).anchor();
    assert_eq!(noon, utc("2024-05-01T03:59:59Z"));
}

#[test]
fn an_anchor_lies_in_the_middle_when_the_instant_is_unknown() {
    assert_eq!(
        at("2024-05-01T12:00:00Z", Clues::default()).anchor(),
        utc("2024-05-01T12:00:00Z")
    );
    assert_eq!(
        at("2024-05-01T12:00:00", Clues::default()).anchor(),
        utc("2024-05-01T11:00:00Z")
    );
    assert_eq!(
        at("2024-07-01T12:00:00", country("US")).anchor(),
        utc("2024-07-01T19:00:00Z")
    );
}

#[test]
fn an_unknown_zone_is_not_utc() {
    for zone in ["", "Etc/Unknown", "etc/unknown", "XYZ", "+08:00"] {
        let time = at("2024-05-01T12:00:00", facility(zone));
        assert_eq!(
            (time.basis, time.instant),
            (Basis::Unresolved, None),
            "{zone}"
        );
    }
    let stated = Stated {
        offset: Some(19 * 3_600),
        ..parse_iso("2024-05-01T12:00:00").unwrap()
    };
    assert_eq!(resolve(stated, Clues::default()).basis, Basis::Unresolved);
}

#[test]
fn the_wall_clock_is_cut_to_its_precision() {
    let local: DateTime = "2024-05-01T10:20:30.5".parse().unwrap();
    for (precision, text) in [
        (Precision::Day, "2024-05-01"),
        (Precision::Hour, "2024-05-01T10:00"),
        (Precision::Minute, "2024-05-01T10:20"),
        (Precision::Second, "2024-05-01T10:20:30"),
    ] {
        let stated = Stated {
            local,
            precision,
            offset: None,
            raw: "",
        };
        let time = resolve(stated, Clues::default());
        assert_eq!(local_text(&time), text);
        assert_eq!(cut_to(time.local, precision), time.local);
    }
}

#[test]
fn the_raw_text_is_kept_up_to_its_limit() {
    let raw = "é".repeat(70);
    let stated = Stated {
        raw: &raw,
        ..parse_iso("2024-05-01").unwrap()
    };
    assert_eq!(resolve(stated, Clues::default()).raw, "é".repeat(64));
}

fn any_local() -> impl Strategy<Value = DateTime> {
    let year = prop_oneof![
        -9_999_i16..=9_999,
        1_990_i16..=2_040,
        Just(-9_999),
        Just(9_999)
    ];
    (year, 1_i8..=12, 1_i8..=28, 0_i8..24, 0_i8..60, 0_i8..60).prop_map(
        |(year, month, day, hour, minute, second)| {
            DateTime::new(year, month, day, hour, minute, second, 0).unwrap()
        },
    )
}

fn any_precision() -> impl Strategy<Value = Precision> {
    use Precision::{Day, Hour, Minute, Second};
    prop::sample::select(vec![Day, Hour, Minute, Second])
}

proptest! {
    #[test]
    fn without_offset_and_clues_there_is_no_instant(local in any_local(), precision in any_precision()) {
        let stated = Stated { local, precision, offset: None, raw: "" };
        let time = resolve(stated, Clues::default());
        prop_assert_eq!((time.instant, time.offset, time.basis), (None, None, Basis::Unresolved));
        let width = 26 * 3_600 + span_of(precision);
        if (-9_990..=9_990).contains(&local.year()) {
            let start = cut_to(local, precision);
            let earliest = start.to_zoned(jiff::tz::Offset::constant(14).to_time_zone()).unwrap();
            prop_assert_eq!(time.earliest, earliest.timestamp());
            prop_assert_eq!(time.latest.as_second() - time.earliest.as_second(), width);
        }
    }

    #[test]
    fn bounds_hold_the_instant_and_the_anchor(
        local in any_local(),
        precision in any_precision(),
        offset in prop::option::of(-100_000_i32..=100_000),
        code in prop::sample::select(vec!["", "DE", "US", "AU", "CN", "KZ", "XX"]),
        zone in prop::sample::select(vec!["", "America/New_York", "Australia/Lord_Howe", "Asia/Beirut"]),
    ) {
        let stated = Stated { local, precision, offset, raw: "" };
        let clues = Clues { facility_zone: Some(zone), country: Some(code), ..Clues::default() };
        let time = resolve(stated, clues);
        prop_assert!(time.earliest <= time.latest);
        prop_assert!((time.earliest..=time.latest).contains(&time.anchor()));
        prop_assert!(time.instant.is_none_or(|at| (time.earliest..=time.latest).contains(&at)));
        prop_assert_eq!(time.offset.is_none(), time.basis == Basis::Unresolved);
        if let (Some(instant), Some(offset)) = (time.instant, time.offset) {
            let back = jiff::tz::Offset::from_seconds(offset).unwrap().to_datetime(instant);
            prop_assert_eq!(back, time.local);
        }
    }

    #[test]
    fn what_is_written_is_read_again(local in any_local(), precision in any_precision()) {
        prop_assume!((1..=9_999).contains(&local.year()));
        let clues = Clues::default();
        let time = resolve(Stated { local, precision, offset: None, raw: "" }, clues);
        let text = local_text(&time);
        let again = resolve(parse_iso(&text).unwrap(), clues);
        prop_assert_eq!(again.local, time.local);
        prop_assert_eq!(local_text(&again).len() <= 19, true);
    }
}
