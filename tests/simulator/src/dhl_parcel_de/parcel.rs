//! Owns a German parcel as data and its XML in the form of Parcel DE Tracking. Does not know which
//! parcels exist nor who may ask.

use std::borrow::Cow;
use std::fmt::Write;

use jiff::Timestamp;

use crate::clock::{Clock, local};

/// All times are German.
const ZONE: &str = "Europe/Berlin";

/// A row of the history; `at` is minutes from the start of the scenarios.
#[derive(Clone, Copy)]
pub(super) struct Event {
    pub(super) at: i64,
    /// ICE, RIC and class.
    pub(super) codes: [&'static str; 3],
    pub(super) text: &'static str,
    pub(super) town: &'static str,
    pub(super) country: &'static str,
    /// On the way back to the sender.
    pub(super) back: bool,
}

/// A parcel; events are in the order in which they happen.
#[derive(Clone, Copy)]
pub(super) struct Parcel {
    pub(super) number: &'static str,
    /// When its data arrives, minutes from the start.
    pub(super) from: i64,
    pub(super) postal_code: &'static str,
    pub(super) destination: &'static str,
    pub(super) upu: &'static str,
    pub(super) weight: &'static str,
    pub(super) accepted_by: &'static str,
    /// Expected delivery, minutes from the start.
    pub(super) due: Option<i64>,
    /// It belongs to another business customer.
    pub(super) foreign: bool,
    pub(super) events: &'static [Event],
}

impl Parcel {
    /// Tells whether a number is the parcel's.
    pub(super) fn is(&self, number: &str) -> bool {
        self.number == number
    }
}

/// A parcel that may have been made for the number asked.
pub(super) struct Known {
    pub(super) number: Cow<'static, str>,
    pub(super) events: Cow<'static, [Event]>,
    pub(super) parcel: Parcel,
}

impl From<&Parcel> for Known {
    fn from(parcel: &Parcel) -> Self {
        Self {
            number: Cow::Borrowed(parcel.number),
            events: Cow::Borrowed(parcel.events),
            parcel: *parcel,
        }
    }
}

/// Shape of an answer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Of a business customer: pieces in a list, their events in a list of their own.
    Business,
    /// What the public page shows: the outcome one level down, events right in the piece.
    Public,
}

const PROLOGUE: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
const REQUEST: &str = "5a000000-0000-4000-8000-000000000001";

impl Shape {
    /// An answer with its pieces.
    pub(super) fn list(self, code: i32, pieces: &str) -> String {
        let error = if code == 0 { "" } else { " error=\"not done\"" };
        match self {
            Self::Business => format!(
                "{PROLOGUE}<data name=\"piece-shipment-list\" code=\"{code}\"{error} \
                 request-id=\"{REQUEST}\">{pieces}</data>\n"
            ),
            Self::Public => format!(
                "{PROLOGUE}<data request-id=\"{REQUEST}\"><data name=\"piece-status-public-list\" \
                 code=\"{code}\"{error}>{pieces}</data></data>\n"
            ),
        }
    }
}

impl Known {
    /// The parcel as known at an instant.
    pub(super) fn render(&self, clock: &Clock, now: Timestamp, shape: Shape) -> String {
        let parcel = &self.parcel;
        if parcel.foreign && shape == Shape::Business {
            return element(
                "piece-shipment",
                &[
                    ("error-status", "62"),
                    ("piece-code", &self.number),
                    ("searched-piece-code", &self.number),
                ],
                "",
            );
        }
        let happened = |event: &&Event| clock.minutes_from_start(event.at) <= now;
        let events: Vec<&Event> = self.events.iter().filter(happened).collect();
        let last = events.last();
        let codes = last.map_or([""; 3], |event| event.codes);
        let time = last
            .map(|event| german(clock, event.at))
            .unwrap_or_default();
        let ends = |event: &&&Event| event.codes[2] == "ZU";
        let delivered = last.filter(ends).is_some();
        let flag = if delivered { "1" } else { "0" };
        let accepted_by = if delivered { parcel.accepted_by } else { "" };
        let due = parcel.due.filter(|_| !delivered).map(|due| {
            let due = local(clock.minutes_from_start(due), ZONE);
            due.strftime("%d.%m.%Y").to_string()
        });
        let mut rows = String::new();
        for event in &events {
            rows.push_str(&event.render(clock));
        }
        let (name, stated_at) = match shape {
            Shape::Business => ("piece-shipment", "status-timestamp"),
            Shape::Public => ("piece-status-public", "last-event-timestamp"),
        };
        if shape == Shape::Business {
            let identifier = [("piece-identifier", self.identifier())];
            rows = element("piece-event-list", &identifier, &rows);
        }
        element(
            name,
            &[
                ("error-status", "0"),
                ("piece-identifier", self.identifier()),
                ("identifier-type", "2"),
                ("piece-code", &self.number),
                ("searched-piece-code", &self.number),
                ("event-location", last.map_or("", |event| event.town)),
                ("event-country", last.map_or("", |event| event.country)),
                (stated_at, &time),
                ("status", last.map_or("", |event| event.text)),
                ("recipient-name", accepted_by),
                ("pan-recipient-name", "ROBIN MUSTER"),
                ("pan-recipient-postalcode", parcel.postal_code),
                ("delivery-event-flag", flag),
                ("delivery-date", due.as_deref().unwrap_or_default()),
                ("dest-country", parcel.destination),
                ("origin-country", "DE"),
                ("product-code", "00"),
                ("product-name", "DHL PAKET (parcel)"),
                ("shipment-weight", parcel.weight),
                ("shipment-length", "0.0"),
                ("upu", parcel.upu),
                ("ice", codes[0]),
                ("ric", codes[1]),
                ("standard-event-code", codes[2]),
                (
                    "ruecksendung",
                    if last.is_some_and(|event| event.back) {
                        "true"
                    } else {
                        "false"
                    },
                ),
            ],
            &rows,
        )
    }

    /// The number without its leading zeros.
    fn identifier(&self) -> &str {
        self.number.trim_start_matches('0')
    }
}

impl Event {
    fn render(&self, clock: &Clock) -> String {
        element(
            "piece-event",
            &[
                ("event-timestamp", &german(clock, self.at)),
                ("event-status", self.text),
                ("event-text", self.text),
                ("ice", self.codes[0]),
                ("ric", self.codes[1]),
                ("standard-event-code", self.codes[2]),
                ("event-location", self.town),
                ("event-country", self.country),
                ("ruecksendung", if self.back { "true" } else { "false" }),
            ],
            "",
        )
    }
}

fn german(clock: &Clock, at: i64) -> String {
    let time = local(clock.minutes_from_start(at), ZONE);
    time.strftime("%d.%m.%Y %H:%M").to_string()
}

fn element(name: &str, attributes: &[(&str, &str)], inner: &str) -> String {
    let mut xml = format!("<data name=\"{name}\"");
    for (key, value) in attributes {
        let value = value
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('"', "&quot;");
        // Writing to a string does not fail.
        let _infallible = write!(xml, " {key}=\"{value}\"");
    }
    let _infallible = if inner.is_empty() {
        write!(xml, "/>")
    } else {
        write!(xml, ">{inner}</data>")
    };
    xml
}
