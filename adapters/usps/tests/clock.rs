//! Clocks, zones and countries by themselves.

use waybill_core::time::Basis;

use super::super::clock::{self, Spot, wall};
use super::super::wire::Event;
use super::super::{country, zone};

const NOWHERE: Spot<'_> = Spot {
    zone: None,
    country: "US",
    place: None,
};

fn read(at: &str, gmt: &str, offset: &str) -> Option<(Option<String>, bool)> {
    let event = Event {
        event_timestamp: at.into(),
        gmt_timestamp: gmt.into(),
        gmt_offset: offset.into(),
        ..Event::default()
    };
    let (time, doubt) = clock::read(&event, NOWHERE)?;
    Some((time.instant.map(|at| at.to_string()), doubt.is_some()))
}

#[test]
fn the_instant_is_the_wall_clock_less_the_offset() {
    for (at, gmt, offset, instant, doubted) in [
        (
            "2026-03-05T12:55:00Z",
            "",
            "-7:00",
            "2026-03-05T19:55:00Z",
            false,
        ),
        (
            "2026-03-05T12:55:00Z",
            "",
            "-07:00",
            "2026-03-05T19:55:00Z",
            false,
        ),
        (
            "2026-03-05T12:55:00",
            "",
            "+8:00",
            "2026-03-05T04:55:00Z",
            false,
        ),
        (
            "2026-03-05T12:55:00Z",
            "2026-03-05T19:55:59Z",
            "-7:00",
            "2026-03-05T19:55:00Z",
            false,
        ),
        (
            "2026-03-05T18:55:00Z",
            "2026-03-05T01:55:30Z",
            "-7:00",
            "2026-03-06T01:55:00Z",
            true,
        ),
        (
            "2026-03-05T12:55:00Z",
            "2026-03-05T18:55:00Z",
            "-7:00",
            "2026-03-05T19:55:00Z",
            true,
        ),
        (
            "2026-03-05T12:55:00Z",
            "2026-03-05T19:55:12Z",
            "",
            "2026-03-05T19:55:00Z",
            false,
        ),
        (
            "2026-03-05T21:00:00Z",
            "2026-03-05T01:00:00Z",
            "",
            "2026-03-06T01:00:00Z",
            false,
        ),
        (
            "2026-03-05T12:00:00Z",
            "2026-03-05T06:30:00Z",
            "",
            "2026-03-05T06:30:00Z",
            false,
        ),
    ] {
        let expected = Some((Some(instant.to_owned()), doubted));
        assert_eq!(read(at, gmt, offset), expected, "{at} {gmt} {offset}");
    }
}

#[test]
fn a_false_z_is_never_utc() {
    for (at, gmt, offset) in [
        ("2026-03-05T12:55:00Z", "", ""),
        ("2026-03-05T12:55:00Z", "2026-03-05T19:37:00Z", ""),
        ("2026-03-05T12:55:00Z", "soon", "-99:00"),
        ("2026-03-05", "2026-03-05T19:55:00Z", ""),
        ("12:55", "2026-03-05T19:55:00Z", "-7:00"),
    ] {
        let (instant, _) = read(at, gmt, offset).unwrap();
        assert_eq!(instant, None, "{at} {gmt} {offset}");
    }
    for at in ["", "12:55", "yesterday", "2026-02-30T10:00:00Z"] {
        assert_eq!(read(at, "", "-7:00"), None, "{at}");
    }
}

#[test]
fn wall_clocks_have_many_forms() {
    for (text, expected) in [
        ("2024-04-04 14:03:12:000", Some("2024-04-04T14:03:12")),
        ("2024-04-04T14:03:12:5Z", Some("2024-04-04T14:03:12.5")),
        ("2024-04-04T14:03:12.250Z", Some("2024-04-04T14:03:12.25")),
        ("2024-04-04T14:03", Some("2024-04-04T14:03:00")),
        ("2024-04-04", Some("2024-04-04T00:00:00")),
        ("2024-04-04T14:03:12:000:1", None),
        (":::", None),
        ("Z", None),
        ("14:03:12", None),
    ] {
        let found = wall(text).map(|at| at.0.to_string());
        assert_eq!(found.as_deref(), expected, "{text}");
    }
}

#[test]
fn windows_are_read_in_both_notations() {
    let denver = Spot {
        zone: Some("America/Denver"),
        country: "US",
        place: None,
    };
    for (start, end, from, to) in [
        ("13:15", "17:15", Some("13:15:00"), Some("17:15:00")),
        ("1:15 PM", "5:15pm", Some("13:15:00"), Some("17:15:00")),
        ("", "9:00pm", None, Some("21:00:00")),
        ("12:00am", "12:30PM", Some("00:00:00"), Some("12:30:00")),
        ("17:15", "13:15", Some("00:00:00"), None),
        ("13pm", "25:00", Some("00:00:00"), None),
        ("-1:00", "13:00 pm", Some("00:00:00"), None),
    ] {
        let window = clock::window("2026-03-05", start, end, denver).unwrap();
        let time = |at: &Option<waybill_core::time::EventTime>| {
            at.as_ref().map(|at| at.local.time().to_string())
        };
        let found = (time(&window.start), time(&window.end));
        let expected = (from.map(str::to_owned), to.map(str::to_owned));
        assert_eq!(found, expected, "{start} {end}");
        let at = window.start.or(window.end).unwrap();
        assert_eq!(at.basis, Basis::Locality);
    }
    assert_eq!(clock::window("soon", "13:15", "", denver), None);
    assert_eq!(clock::day("2026-03-20T00:00:00Z"), "2026-03-20");
    assert_eq!(clock::day("later"), "");
}

#[test]
fn a_state_with_two_zones_needs_its_zip_code() {
    for (state, zip, expected) in [
        ("CO", "", Some("America/Denver")),
        ("VA", "23227", Some("America/New_York")),
        ("TX", "75201", Some("America/Chicago")),
        ("TX", "88510-1234", Some("America/Denver")),
        ("TX", "79905", None),
        ("TX", "", None),
        ("TX", "7520", None),
        ("FL", "33101", Some("America/New_York")),
        ("FL", "32401", None),
        ("AZ", "86503", None),
        ("HI", "96801", Some("Pacific/Honolulu")),
        ("PR", "00901", Some("America/Puerto_Rico")),
        ("AE", "09012", None),
        ("XX", "80202", None),
    ] {
        assert_eq!(zone::of(state, zip), expected, "{state} {zip}");
    }
}

#[test]
fn countries_have_names() {
    assert!(country::NAMES.is_sorted_by_key(|(name, _)| name));
    for (name, code) in [
        ("CHINA", "CN"),
        ("China", "CN"),
        ("GREAT BRITAIN AND NORTHERN IRELAND", "GB"),
        (" HONG KONG ", "HK"),
        ("cn", "CN"),
        ("ATLANTIS", ""),
        ("", ""),
    ] {
        assert_eq!(country::code(name), code, "{name}");
    }
}
