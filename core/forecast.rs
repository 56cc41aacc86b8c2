//! The gateway's own expectation of delivery, from how long other parcels took on the same route.
//!
//! A forecast is no part of the record: the history that it rests on grows with every delivery, and
//! the record must not change because of others. It is made when an answer is made and stands
//! beside the record. No rule sees it, so nobody is late because we guessed wrong; there is no
//! [`EstimateKind`](crate::shipment::EstimateKind) for it on purpose.

use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use crate::gazetteer;
use crate::kpi;
use crate::place::{Location, Resolution};
use crate::shipment::{LocalWindow, Shipment, TrackingState};
use crate::status::{Severity, Status};
use crate::time::{self, Clues, EventTime, Precision, Stated};

/// Fewest deliveries of a group that is asked. Of 30 the window leaves out two at its start and three
/// at its end, so that a single odd parcel does not set it.
pub const LEAST_DELIVERIES: u64 = 30;
/// Fewest of them that took longer than this parcel has so far. Below, it is later than nearly all,
/// and the few that were later still say little.
pub const LEAST_LONGER: u64 = 10;
/// Shares of the deliveries at the two ends of the window, in percent.
const SHARES: (u64, u64) = (10, 90);

/// The deliveries that a forecast rests on, from narrow to wide. Numbers as in the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Basis {
    /// Same lane, carrier and service.
    Service = 1,
    /// Same lane and carrier.
    Carrier = 2,
    /// Same lane.
    Lane = 3,
}

impl Basis {
    /// Every basis, in the order in which they are asked.
    pub const ALL: [Self; 3] = [Self::Service, Self::Carrier, Self::Lane];
}

/// Times from a carrier's possession to delivery in seconds, with how often each occurred.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Times(Vec<(f64, u64)>);

impl Times {
    /// Takes times in any order.
    pub fn new(mut times: Vec<(f64, u64)>) -> Self {
        times.sort_by(|a, b| a.0.total_cmp(&b.0));
        Self(times)
    }

    /// Number of deliveries.
    pub fn count(&self) -> u64 {
        self.0.iter().map(|(_, count)| count).sum()
    }

    /// Those that took longer.
    #[must_use]
    pub fn longer_than(&self, seconds: f64) -> Self {
        let first = self.0.partition_point(|(time, _)| *time <= seconds);
        Self(self.0[first..].to_vec())
    }

    /// The time that this many percent of the deliveries took at most; `None` if there are none.
    pub fn quantile(&self, percent: u64) -> Option<f64> {
        let rank = (percent * self.count()).div_ceil(100).max(1);
        let mut passed = 0;
        let reached = self.0.iter().find(|(_, count)| {
            passed += count;
            passed >= rank
        });
        reached.map(|(time, _)| *time)
    }
}

/// When we expect delivery.
#[derive(Clone, Debug, PartialEq)]
pub struct Forecast {
    /// Eight of ten deliveries fell into it. On the clock of the destination, or in UTC where that
    /// is not known; neither end lies before the forecast was made.
    pub window: LocalWindow,
    /// Start of the window: from then on the forecast is not true any more as it stands.
    pub start: Timestamp,
    /// End of the window.
    pub end: Timestamp,
    /// Deliveries that it rests on: those of the group that took longer than this parcel has so
    /// far.
    pub delivery_count: u64,
    /// Which group.
    pub basis: Basis,
    /// When it was made.
    pub time: Timestamp,
}

/// Says when a parcel under way should arrive, given that it has not yet. `times` looks a group of
/// deliveries up; the narrowest one that is large enough speaks.
///
/// `None` if a source states an estimate that has not passed; if the parcel is not on its way to
/// the recipient, or what happened to it makes others no example; if its start or its lane is not
/// known; or if there are too few deliveries to learn from.
pub fn forecast(
    record: &Shipment,
    times: impl Fn(Basis) -> Times,
    now: Timestamp,
) -> Option<Forecast> {
    if !is_open(record, now) {
        return None;
    }
    let start = kpi::possession(record)?;
    let so_far = now.duration_since(start).as_secs_f64();
    if so_far < 0.0 {
        return None;
    }
    let mut groups = Basis::ALL.into_iter().map(|basis| (basis, times(basis)));
    let (basis, times) = groups.find(|(_, times)| times.count() >= LEAST_DELIVERIES)?;
    let longer = times.longer_than(so_far);
    if longer.count() < LEAST_LONGER {
        return None;
    }
    let at = |percent| {
        let seconds = SignedDuration::try_from_secs_f64(longer.quantile(percent)?).ok()?;
        full_minute(start.checked_add(seconds).ok()?)
    };
    let (start, end) = (at(SHARES.0)?, at(SHARES.1)?);
    let window = LocalWindow {
        start: Some(local(start, record.destination.as_ref())),
        end: Some(local(end, record.destination.as_ref())),
    };
    Some(Forecast {
        window,
        start,
        end,
        delivery_count: longer.count(),
        basis,
        time: now,
    })
}

/// Whether a forecast has anything to say: the parcel is under way, nothing grave has happened to
/// it, and nobody who knows more has said when it comes. Once it is on the round or waits for the
/// recipient, the time that others took says nothing.
fn is_open(record: &Shipment, now: Timestamp) -> bool {
    let is_grave = record
        .exceptions
        .iter()
        .any(|one| one.close_time.is_none() && one.severity == Severity::Critical);
    let is_stated = record.estimates.iter().any(|estimate| {
        let LocalWindow { start, end } = &estimate.window;
        end.as_ref()
            .or(start.as_ref())
            .is_some_and(|time| time.latest >= now)
    });
    record.status == Status::InTransit
        && matches!(
            record.tracking,
            TrackingState::Active | TrackingState::Dormant
        )
        && !is_grave
        && !is_stated
}

/// Rounds up, because seconds would claim what nobody knows, and down could be in the past.
fn full_minute(at: Timestamp) -> Option<Timestamp> {
    let late = at.as_second() + i64::from(at.subsec_nanosecond() > 0);
    let minute = late.div_euclid(60) + i64::from(late.rem_euclid(60) > 0);
    Timestamp::from_second(minute * 60).ok()
}

/// A full minute on the clock of a place, or in UTC.
fn local(at: Timestamp, place: Option<&Location>) -> EventTime {
    let found = place.map(gazetteer::resolve).unwrap_or_default();
    let zone = TimeZone::get(found.zone).ok();
    let zone = zone.filter(|zone| !found.zone.is_empty() && !zone.is_unknown());
    let offset = zone.as_ref().map_or(Offset::UTC, |zone| zone.to_offset(at));
    let stated = Stated {
        local: offset.to_datetime(at),
        precision: Precision::Minute,
        offset: Some(offset.seconds()),
        raw: "",
    };
    let known = time::resolve(stated, Clues::default());
    match zone {
        None => known,
        Some(_) => EventTime {
            zone: found.zone.to_owned(),
            basis: match found.level() {
                Resolution::Facility => time::Basis::Facility,
                Resolution::Locality | Resolution::Subdivision => time::Basis::Locality,
                Resolution::Country | Resolution::None => time::Basis::Country,
            },
            ..known
        },
    }
}
