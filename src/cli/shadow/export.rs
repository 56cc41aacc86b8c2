//! Reads what a provider knows from its export: CSV with a head line, JSON, or JSON lines. It must
//! not know what we know.
//!
//! A JSON row is an object of the provider's API (a tracking of AfterShip, a number of 17TRACK), in
//! whatever answer, list or webhook it came, or a flat object with the columns of the CSV.

use jiff::Timestamp;
use jiff::civil::DateTime;
use serde_json::Value;

/// One number as the provider has it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Theirs {
    /// Tracking number.
    pub(super) number: String,
    /// Carrier in their words; empty if not given.
    pub(super) carrier: String,
    /// Main status or tag, as written.
    pub(super) status: String,
    /// Sub-status or subtag, as written; empty if not given.
    pub(super) detail: String,
    /// Time of the newest event.
    pub(super) last: Option<Stamp>,
    /// When it was delivered.
    pub(super) delivered: Option<Stamp>,
    /// When delivery is expected at the latest.
    pub(super) estimate: Option<Stamp>,
}

/// A time as certain as it was written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Stamp {
    /// The clock on the wall.
    pub(super) local: DateTime,
    /// The instant; `None` without an offset.
    pub(super) instant: Option<Timestamp>,
    /// Only the day is known.
    pub(super) day: bool,
}

/// Names of a column, the best first.
type Names = &'static [&'static str];

const NUMBER: Names = &["tracking_number", "number", "tracking_no"];
const CARRIER: Names = &["carrier", "slug", "courier", "carrier_code"];
const STATUS: Names = &["tag", "status", "main_status"];
const DETAIL: Names = &["subtag", "sub_status", "substatus"];
const LAST: Names = &[
    "last_event_time",
    "last_checkpoint_time",
    "latest_event_time",
];
const DELIVERED: Names = &["delivered_time", "shipment_delivery_date", "delivered_at"];
const ESTIMATE: Names = &["eta", "expected_delivery", "estimated_delivery_date"];

/// Keys under which answers, lists and webhooks hold trackings.
const WRAPPERS: [&str; 6] = ["data", "trackings", "accepted", "msg", "tracking", "items"];

impl Stamp {
    /// Reads ISO 8601: a date, a date and a clock, with an offset or without.
    pub(super) fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        let instant: Option<Timestamp> = text.parse().ok();
        let local: DateTime = text.trim_end_matches(['Z', 'z']).parse().ok()?;
        Some(Self {
            local,
            instant,
            day: !text.contains(':'),
        })
    }
}

impl Theirs {
    /// Fills a row from its columns.
    fn of(column: impl Fn(Names) -> String) -> Self {
        let time = |names| Stamp::read(&column(names));
        Self {
            number: column(NUMBER),
            carrier: column(CARRIER),
            status: column(STATUS),
            detail: column(DETAIL),
            last: time(LAST),
            delivered: time(DELIVERED),
            estimate: time(ESTIMATE),
        }
    }
}

/// Reads an export.
///
/// # Errors
/// Says what is missing; names no content of the file.
pub(super) fn read(text: &str) -> Result<Vec<Theirs>, String> {
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.starts_with(['{', '[']) {
        read_json(text)
    } else {
        read_csv(text)
    }
}

fn read_csv(text: &str) -> Result<Vec<Theirs>, String> {
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .from_reader(text.as_bytes());
    let heads: Vec<String> = reader
        .headers()
        .map_err(|error| error.to_string())?
        .iter()
        .map(plain)
        .collect();
    let position = |names: Names| {
        names
            .iter()
            .find_map(|name| heads.iter().position(|it| it == name))
    };
    if position(NUMBER).is_none() {
        return Err(format!("no column is called {}", NUMBER.join(" or ")));
    }
    let mut rows = Vec::new();
    for (row, line) in reader.records().zip(2..) {
        let row = row.map_err(|_| format!("line {line} is not CSV"))?;
        let column = |names: Names| {
            let cell = position(names).and_then(|at| row.get(at));
            cell.unwrap_or_default().trim().to_owned()
        };
        rows.push(Theirs::of(column));
    }
    Ok(rows)
}

/// A head as a name: "Tracking number" is `tracking_number`.
fn plain(head: &str) -> String {
    let letter = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '_'
        }
    };
    head.trim().chars().map(letter).collect()
}

fn read_json(text: &str) -> Result<Vec<Theirs>, String> {
    let mut rows = Vec::new();
    // One value, or one after the other.
    for value in serde_json::Deserializer::from_str(text).into_iter::<Value>() {
        let value = value.map_err(|error| {
            let (line, column) = (error.line(), error.column());
            format!("line {line}, column {column} is not JSON")
        })?;
        collect(&value, &mut rows);
    }
    if rows.is_empty() {
        return Err(format!("no object has {}", NUMBER.join(" or ")));
    }
    Ok(rows)
}

fn collect(value: &Value, rows: &mut Vec<Theirs>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, rows)),
        Value::Object(fields) if NUMBER.iter().any(|name| fields.contains_key(*name)) => {
            rows.push(tracking(value));
        }
        Value::Object(fields) => {
            let inner = WRAPPERS.iter().filter_map(|key| fields.get(*key));
            inner.for_each(|inner| collect(inner, rows));
        }
        _ => {}
    }
}

fn tracking(value: &Value) -> Theirs {
    let column = |names: Names| {
        let mut cells = names.iter().filter_map(|name| word(value.get(*name)?));
        cells.next().unwrap_or_default()
    };
    let mut row = Theirs::of(column);
    let at = |path: &str| value.pointer(path).and_then(word);
    let time = |path: &str| at(path).and_then(|text| Stamp::read(&text));
    if row.status.is_empty() {
        row.status = at("/track_info/latest_status/status").unwrap_or_default();
    }
    if row.detail.is_empty() {
        row.detail = at("/track_info/latest_status/sub_status").unwrap_or_default();
    }
    row.last = row
        .last
        .or_else(|| time("/track_info/latest_event/time_iso"))
        .or_else(|| time("/track_info/latest_event/time_utc"))
        .or_else(|| newest(value.get("checkpoints")?));
    row.delivered = row
        .delivered
        .or_else(|| delivered(value.pointer("/track_info/milestone")?));
    row.estimate = row
        .estimate
        .or_else(|| time("/latest_estimated_delivery/datetime_max"))
        .or_else(|| time("/latest_estimated_delivery/datetime"))
        .or_else(|| time("/track_info/time_metrics/estimated_delivery_date/to"))
        .or_else(|| time("/track_info/time_metrics/estimated_delivery_date/from"));
    row
}

/// A text or number as text.
fn word(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Time of the newest checkpoint, whatever their order.
fn newest(checkpoints: &Value) -> Option<Stamp> {
    let times = checkpoints.as_array()?.iter().filter_map(|checkpoint| {
        let text = checkpoint.get("checkpoint_time")?.as_str()?;
        Stamp::read(text)
    });
    times.max_by_key(|stamp| (stamp.instant, stamp.local))
}

fn delivered(milestones: &Value) -> Option<Stamp> {
    let mut stages = milestones.as_array()?.iter();
    let stage =
        stages.find(|stage| stage.get("key_stage").and_then(Value::as_str) == Some("Delivered"))?;
    let text = stage.get("time_iso").or_else(|| stage.get("time_utc"))?;
    Stamp::read(text.as_str()?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn stamp(text: &str) -> Option<Stamp> {
        Some(Stamp::read(text).unwrap())
    }

    #[test]
    fn a_table_is_read_by_the_names_of_its_columns() {
        let rows = read(
            "\u{feff}Tracking number,Courier,Tag,Subtag,Last checkpoint time,Delivered at,Note\r\n\
             1Z0001,acme,Delivered,Delivered_003,2026-03-05T08:10:00-05:00,2026-03-05 08:10:00,\"a, b\"\r\n\
             1Z0002,acme,InTransit\r\n",
        )
        .unwrap();
        let first = Theirs {
            number: "1Z0001".to_owned(),
            carrier: "acme".to_owned(),
            status: "Delivered".to_owned(),
            detail: "Delivered_003".to_owned(),
            last: stamp("2026-03-05T08:10:00-05:00"),
            delivered: stamp("2026-03-05T08:10:00"),
            estimate: None,
        };
        assert_eq!(rows[0], first);
        assert_eq!((rows[1].number.as_str(), rows[1].last), ("1Z0002", None));
        assert_eq!(rows.len(), 2);
    }

    #[test]
    fn a_time_is_as_certain_as_it_was_written() {
        let known = Stamp::read("2026-03-05T08:10:00Z").unwrap();
        assert_eq!(known.instant, "2026-03-05T08:10:00Z".parse().ok());
        let local = Stamp::read("2026-03-05 08:10:00").unwrap();
        assert_eq!((local.instant, local.day), (None, false));
        assert_eq!(local.local, known.local);
        assert!(Stamp::read("2026-03-05").unwrap().day);
        assert_eq!(Stamp::read("yesterday"), None);
        assert_eq!(Stamp::read(""), None);
    }

    #[test]
    fn objects_of_both_interfaces_are_found_in_their_answers() {
        let aftership = r#"{"meta": {"code": 200}, "data": {"trackings": [{
            "tracking_number": "1Z0001", "slug": "acme", "tag": "Delivered", "subtag": "Delivered_001",
            "shipment_delivery_date": "2026-03-05T08:10:00-05:00",
            "latest_estimated_delivery": {"type": "specific", "datetime": "2026-03-06"},
            "checkpoints": [{"checkpoint_time": "2026-03-05T08:10:00-05:00"},
                            {"checkpoint_time": "2026-03-04T08:10:00-05:00"}]}]}}"#;
        let row = read(aftership).unwrap().remove(0);
        assert_eq!(row.last, stamp("2026-03-05T08:10:00-05:00"));
        assert_eq!(row.delivered, row.last);
        assert_eq!(row.estimate, stamp("2026-03-06"));

        let one = r#"{"number": "RX1", "carrier": 3011, "track_info": {
            "latest_status": {"status": "Delivered", "sub_status": "Delivered_Other"},
            "latest_event": {"time_iso": "2026-03-05T08:10:00+08:00"},
            "time_metrics": {"estimated_delivery_date": {"from": null, "to": "2026-03-07T00:00:00+08:00"}},
            "milestone": [{"key_stage": "PickedUp", "time_iso": null},
                          {"key_stage": "Delivered", "time_iso": "2026-03-05T08:10:00+08:00"}]}}"#;
        let lines = one.replace('\n', " ");
        let rows = read(&format!(
            "{lines}\n{{\"event\": \"TRACKING_UPDATED\", \"data\": {lines}}}\n"
        ));
        let rows = rows.unwrap();
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0], rows[1]);
        assert_eq!(rows[0].carrier, "3011");
        assert_eq!(rows[0].detail, "Delivered_Other");
        assert_eq!(rows[0].delivered, stamp("2026-03-05T08:10:00+08:00"));
        assert_eq!(rows[0].estimate, stamp("2026-03-07T00:00:00+08:00"));
    }

    #[test]
    fn what_cannot_be_read_is_said_without_its_content() {
        for (text, complaint) in [
            (
                "a,b\n1,2\n",
                "no column is called tracking_number or number or tracking_no",
            ),
            (
                "[]",
                "no object has tracking_number or number or tracking_no",
            ),
        ] {
            assert_eq!(read(text), Err(complaint.to_owned()));
        }
        // Where exactly an end is missing is the parser's to say.
        let cut = read("{\"number\": \"SECRET1\", ").unwrap_err();
        assert!(
            cut.starts_with("line 1, column 2") && cut.ends_with(" is not JSON"),
            "{cut}"
        );
    }
}
