//! How a provider's row and our record differ, by kind. Pure: no call, no output.

use jiff::Timestamp;
use jiff::civil::DateTime;
use serde::Serialize;
use waybill::v1;
use waybill_core::code::{EventCode, ReasonCode};
use waybill_core::exception::Category;
use waybill_core::projection::{Position, Problem, Projected};
use waybill_core::shipment::TrackingState;
use waybill_core::status::Status;

use super::export::{Stamp, Theirs};

/// Zones differ by whole quarters of an hour, and by 14 hours at most from what was taken for them.
const QUARTER: i64 = 15 * 60;
const FURTHEST_ZONE: i64 = 14 * 3_600;
/// How far a difference may be from whole quarters: some cut the seconds.
const CUT: i64 = 60;
/// Difference of estimates that is told, in seconds: less than a day is rounding.
const DAY: i64 = 24 * 3_600;

/// Kind of difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    /// The main status differs.
    StatusDiffers,
    /// We have newer events.
    OursNewer,
    /// They have newer events.
    TheirsNewer,
    /// Delivered at another time.
    DeliveredTimeDiffers,
    /// Times that differ by whole quarters of an hour: somebody assumed a zone.
    ZoneSuspect,
    /// Delivery expected on another day.
    EstimateDiffers,
    /// They know the number, and we do not.
    UnknownToUs,
    /// We know the number, and they do not.
    UnknownToThem,
    /// Our gateway failed to answer.
    NotAnswered,
}

impl Kind {
    /// For people.
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::StatusDiffers => "status differs",
            Self::OursNewer => "ours newer",
            Self::TheirsNewer => "theirs newer",
            Self::DeliveredTimeDiffers => "delivered time differs",
            Self::ZoneSuspect => "zone suspect",
            Self::EstimateDiffers => "estimate differs",
            Self::UnknownToUs => "unknown to us",
            Self::UnknownToThem => "unknown to them",
            Self::NotAnswered => "not answered",
        }
    }
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) kind: Kind,
    /// What they say.
    pub(super) theirs: String,
    /// What we say.
    pub(super) ours: String,
}

/// A vocabulary: its main words, that of "not known yet" first, and how a position is called in it.
pub(super) struct Vocabulary {
    pub(super) words: [&'static str; 9],
    pub(super) project: fn(&Position) -> Projected,
}

impl Vocabulary {
    /// The main word of a row; `None` if it has none that is known.
    pub(super) fn word(&self, row: &Theirs) -> Option<&'static str> {
        let plain = |text: &str| {
            let letters = text.chars().filter(char::is_ascii_alphanumeric);
            letters.collect::<String>().to_ascii_lowercase()
        };
        let detail = row.detail.split('_').next().unwrap_or_default();
        let written = [row.status.as_str(), detail].map(plain);
        let find = |written: &String| self.words.iter().find(|word| plain(word) == *written);
        written.iter().find_map(find).copied()
    }
}

/// Compares a row whose main word is `word` with our record, `None` if we have none.
pub(super) fn differences(
    row: &Theirs,
    word: &'static str,
    ours: Option<&v1::Shipment>,
    vocabulary: &Vocabulary,
    tolerance: i64,
) -> Vec<Difference> {
    let known = ours.filter(|ours| ours.status() != v1::ShipmentStatus::Pending);
    let is_known_there = word != vocabulary.words[0];
    let unknown = |kind, theirs: &str, ours: &str| {
        vec![Difference {
            kind,
            theirs: theirs.to_owned(),
            ours: ours.to_owned(),
        }]
    };
    let projected = known.map(|ours| (ours, (vocabulary.project)(&position(ours))));
    let (ours, projected) = match projected {
        None if is_known_there => return unknown(Kind::UnknownToUs, word, "nothing"),
        None => return Vec::new(),
        Some((_, projected)) if !is_known_there => {
            return unknown(Kind::UnknownToThem, word, projected.detail);
        }
        Some(known) => known,
    };
    let mut found = Vec::new();
    if projected.status != word {
        found.push(Difference {
            kind: Kind::StatusDiffers,
            theirs: written(word, &row.detail),
            ours: written(projected.status, projected.detail),
        });
    }
    let mut compare = |theirs: Option<Stamp>, ours: Option<Stamp>, kind: fn(i64) -> Kind| {
        let Some((theirs, ours)) = theirs.zip(ours) else {
            return;
        };
        let apart = apart(&theirs, &ours);
        if apart.abs() > tolerance {
            let kind = if is_zone(apart) && !theirs.day && !ours.day {
                Kind::ZoneSuspect
            } else {
                kind(apart)
            };
            found.push(Difference {
                kind,
                theirs: shown(&theirs),
                ours: shown(&ours),
            });
        }
    };
    let delivered = delivered(ours);
    compare(row.delivered, delivered, |_| Kind::DeliveredTimeDiffers);
    // The delivery is the newest event of most, and is told once.
    if row.delivered.is_none() || delivered.is_none() {
        compare(row.last, stamp(ours.last_event_time.as_ref()), |apart| {
            if apart > 0 {
                Kind::TheirsNewer
            } else {
                Kind::OursNewer
            }
        });
    }
    if delivered.is_none()
        && let Some((theirs, ours)) = row.estimate.zip(estimate(ours))
        && apart(&theirs, &ours).abs() >= DAY
    {
        found.push(Difference {
            kind: Kind::EstimateDiffers,
            theirs: shown(&theirs),
            ours: shown(&ours),
        });
    }
    found
}

fn written(word: &str, detail: &str) -> String {
    if detail.is_empty() {
        word.to_owned()
    } else {
        format!("{word} ({detail})")
    }
}

/// How much later the first one is, in seconds: by instants if both are known, else by the clocks
/// on the wall, and by the days if one of them states no more.
fn apart(one: &Stamp, other: &Stamp) -> i64 {
    let seconds = |at: DateTime, since: DateTime| at.duration_since(since).as_secs();
    if one.day || other.day {
        let midnight = |stamp: &Stamp| stamp.local.date().at(0, 0, 0, 0);
        return seconds(midnight(one), midnight(other));
    }
    match one.instant.zip(other.instant) {
        Some((one, other)) => one.duration_since(other).as_secs(),
        None => seconds(one.local, other.local),
    }
}

fn is_zone(apart: i64) -> bool {
    let rest = apart.abs() % QUARTER;
    apart.abs() >= QUARTER - CUT
        && apart.abs() <= FURTHEST_ZONE + CUT
        && (rest <= CUT || rest >= QUARTER - CUT)
}

fn shown(stamp: &Stamp) -> String {
    match stamp.instant {
        _ if stamp.day => stamp.local.date().to_string(),
        Some(instant) => instant.to_string(),
        None => format!("{} (no zone)", stamp.local),
    }
}

/// Our time.
fn stamp(time: Option<&v1::EventTime>) -> Option<Stamp> {
    let time = time?;
    let instant = time.instant.as_ref();
    let instant = instant.and_then(|at| Timestamp::new(at.seconds, at.nanos).ok());
    Some(Stamp {
        instant,
        ..Stamp::read(&time.local_time)?
    })
}

/// When we say that it was delivered.
fn delivered(ours: &v1::Shipment) -> Option<Stamp> {
    if ours.status() != v1::ShipmentStatus::Delivered {
        return None;
    }
    let mut events = ours.events.iter();
    let event = events.find(|event| event.id == ours.status_event_id)?;
    stamp(event.time.as_ref())
}

/// The end of our best estimate.
fn estimate(ours: &v1::Shipment) -> Option<Stamp> {
    let window = ours.estimates.first()?.window.as_ref()?;
    stamp(window.end.as_ref().or(window.start.as_ref()))
}

/// What of our record decides how others would call its state.
fn position(ours: &v1::Shipment) -> Position {
    let code = |number: i32| u16::try_from(number).ok().filter(|number| *number > 0);
    let critical = ours.exceptions.iter().find(|problem| {
        problem.close_time.is_none() && problem.severity() == v1::Severity::Critical
    });
    let problem = critical.and_then(|problem| {
        let newest = problem.event_ids.last().filter(|_| !problem.derived);
        let event = newest.and_then(|id| ours.events.iter().find(|event| event.id == *id));
        let number = problem.category;
        Some(Problem {
            category: Category::ALL.into_iter().find(|it| *it as i32 == number)?,
            code: event.and_then(|event| code(event.code)).map(EventCode),
            reason: code(problem.reason).map(ReasonCode),
        })
    });
    Position {
        status: status(ours.status()),
        code: code(ours.code).map(EventCode),
        reason: code(ours.reason).map(ReasonCode),
        tracking: match ours.tracking_state() {
            v1::TrackingState::Expired => TrackingState::Expired,
            v1::TrackingState::Closed => TrackingState::Closed,
            v1::TrackingState::Dormant => TrackingState::Dormant,
            _ => TrackingState::Active,
        },
        problem,
    }
}

fn status(status: v1::ShipmentStatus) -> Status {
    match status {
        v1::ShipmentStatus::Unspecified | v1::ShipmentStatus::Pending => Status::Pending,
        v1::ShipmentStatus::InfoReceived => Status::InfoReceived,
        v1::ShipmentStatus::InTransit => Status::InTransit,
        v1::ShipmentStatus::OutForDelivery => Status::OutForDelivery,
        v1::ShipmentStatus::DeliveryAttempted => Status::DeliveryAttempted,
        v1::ShipmentStatus::AvailableForPickup => Status::AvailableForPickup,
        v1::ShipmentStatus::Delivered => Status::Delivered,
        v1::ShipmentStatus::Returning => Status::Returning,
        v1::ShipmentStatus::Returned => Status::Returned,
        v1::ShipmentStatus::Cancelled => Status::Cancelled,
        v1::ShipmentStatus::Failed => Status::Failed,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn apart_of(one: &str, other: &str) -> i64 {
        apart(&Stamp::read(one).unwrap(), &Stamp::read(other).unwrap())
    }

    #[test]
    fn times_are_compared_by_what_both_know() {
        let later = apart_of("2026-03-05T09:00:00+01:00", "2026-03-05T07:30:00Z");
        assert_eq!(later, 30 * 60, "instants");
        let walls = apart_of("2026-03-05 09:00:00", "2026-03-05T09:00:10-05:00");
        assert_eq!(walls, -10, "clocks on the wall");
        assert_eq!(apart_of("2026-03-05", "2026-03-05T23:59:00Z"), 0, "days");
    }

    #[test]
    fn whole_quarters_up_to_fourteen_hours_are_a_zone() {
        for apart in [
            900,
            -3_600,
            8 * 3_600 + 59,
            14 * 3_600,
            5 * 3_600 + 1_800 - 30,
        ] {
            assert!(is_zone(apart), "{apart}");
        }
        for apart in [0, 60, 700, 1_000, 15 * 3_600, 24 * 3_600] {
            assert!(!is_zone(apart), "{apart}");
        }
    }
}
