//! What is asked: numbers in the form that FedEx looks up, and the bodies of the requests.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::Serialize;
use waybill_core::adapter::Query;

use super::identifiers::Master;

/// The number that FedEx looks up: barcodes hold it together with other things.
pub(super) fn short(number: &str) -> &str {
    let digits = number.bytes().all(|byte| byte.is_ascii_digit());
    let part = match (number.len(), number.as_bytes()) {
        _ if !digits => None,
        // Ground "96": the last 15 digits.
        (22, [b'9', b'6', ..]) => number.get(7..),
        // Express, and Ground "96" of 34 digits: the last 12.
        (34, [b'9', b'6', ..] | [b'0'..=b'8', ..]) => number.get(22..),
        // ASTRA: a part in the middle.
        (32, [b'3', ..]) => number.get(16..28),
        _ => None,
    };
    part.unwrap_or(number)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TrackRequest<'a> {
    include_detailed_scans: bool,
    tracking_info: Vec<TrackingInfo<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TrackingInfo<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    ship_date_begin: Option<Date>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ship_date_end: Option<Date>,
    tracking_number_info: NumberInfo<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NumberInfo<'a> {
    tracking_number: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    carrier_code: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    tracking_number_unique_id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AssociatedRequest<'a> {
    include_detailed_scans: bool,
    associated_type: &'a str,
    master_tracking_number_info: TrackingInfo<'a>,
}

/// Body of a request for shipments by number; each number once.
pub(super) fn track(queries: &[&Query], now: Timestamp) -> serde_json::Result<Vec<u8>> {
    let mut tracking_info: Vec<TrackingInfo<'_>> = Vec::with_capacity(queries.len());
    for query in queries {
        let number = short(query.number.reveal());
        let mut known = tracking_info.iter();
        if known.any(|info| info.tracking_number_info.tracking_number == number) {
            continue;
        }
        let days = ship_days(&query.hints.ship_date, now);
        tracking_info.push(TrackingInfo {
            ship_date_begin: days.map(|days| days.0),
            ship_date_end: days.map(|days| days.1),
            tracking_number_info: NumberInfo {
                tracking_number: number,
                carrier_code: "",
                tracking_number_unique_id: "",
            },
        });
    }
    serde_json::to_vec(&TrackRequest {
        include_detailed_scans: true,
        tracking_info,
    })
}

/// Body of a request for the pieces of a consignment.
pub(super) fn associated(master: &Master) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec(&AssociatedRequest {
        include_detailed_scans: true,
        associated_type: master.kind,
        master_tracking_number_info: TrackingInfo {
            ship_date_begin: None,
            ship_date_end: None,
            tracking_number_info: NumberInfo {
                tracking_number: master.number.reveal(),
                carrier_code: &master.carrier_code,
                tracking_number_unique_id: &master.unique_id,
            },
        },
    })
}

/// The days around a day of shipping, because FedEx keeps it in the time of Memphis; `None` if
/// there is none, or if FedEx would refuse it: in the future, or two years ago.
fn ship_days(day: &str, now: Timestamp) -> Option<(Date, Date)> {
    let day: Date = day.trim().parse().ok()?;
    let today = now.to_zoned(TimeZone::UTC).date();
    let oldest = today.checked_sub(2.years()).ok()?;
    let (begin, end) = (day.yesterday().ok()?, day.tomorrow().ok()?.min(today));
    (oldest < begin && begin <= end).then_some((begin, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn barcodes_are_reduced_to_the_number_in_them() {
        for (number, expected) in [
            ("986578788855", "986578788855"),
            ("041441760228964", "041441760228964"),
            ("9611020987654312345672", "987654312345672"),
            ("1001921334250001000300779017972697", "779017972697"),
            ("9622001900000000000000776632517510", "776632517510"),
            ("32971514560102447849175802862014", "784917580286"),
            ("61299998820821171811", "61299998820821171811"),
            ("9261299998820821171811", "9261299998820821171811"),
            ("000123450000000027", "000123450000000027"),
            ("DT123456789012", "DT123456789012"),
        ] {
            assert_eq!(short(number), expected);
        }
    }

    #[test]
    fn a_day_of_shipping_becomes_three_that_are_not_refused() {
        let now = "2026-03-05T12:00:00Z".parse().unwrap();
        let days = |day| ship_days(day, now).map(|days| (days.0.to_string(), days.1.to_string()));
        let some = |begin: &str, end: &str| Some((begin.to_owned(), end.to_owned()));
        assert_eq!(days("2026-03-01"), some("2026-02-28", "2026-03-02"));
        assert_eq!(days("2026-03-05"), some("2026-03-04", "2026-03-05"));
        for day in ["", "soon", "2026-03-07", "2024-03-05", "-009999-01-01"] {
            assert_eq!(days(day), None, "{day}");
        }
    }
}
