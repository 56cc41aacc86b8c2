//! When a shipment that somebody follows is asked about next, and when no longer: by its stage, how
//! long it has been silent, what is usual on its lane, how much is at risk, the hours of its
//! carrier, what is pushed, and the class of who follows it.
//!
//! The back-off needs no counter. Whoever asks after one base interval, then after 1.5, then after
//! 1.5² of them, has waited one base and half of the time since the last news each time; so the
//! interval is a function of the record, and the same on every node and after a restart.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp, tz};
use serde::{Deserialize, Serialize};

use crate::shipment::{Shipment, ShipmentId, TrackingState};
use crate::status::{Severity, Status};

/// Queue of the due work; which one goes first when there is more than may be asked. Nothing to do
/// with the lane of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Lane {
    /// News is expected within hours.
    Hot,
    /// Under way.
    Normal,
    /// Silent by nature, over, or pushed.
    Tail,
}

impl Lane {
    /// Every lane, first ones first.
    pub const ALL: [Self; 3] = [Self::Hot, Self::Normal, Self::Tail];

    /// Name in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hot => "hot",
            Self::Normal => "normal",
            Self::Tail => "tail",
        }
    }
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// It is asked about again.
    Poll(Poll),
    /// It is not asked about any more; the record says the same with its tracking state.
    Stop(Stop),
}

/// A poll to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Poll {
    /// Time from one poll to the next.
    pub interval: Duration,
    /// Where it waits.
    pub lane: Lane,
}

/// Why nobody asks any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stop {
    /// The terminal status has stood for 15 days.
    Closed,
    /// Silent for 30 days beyond what is usual on its lane.
    Expired,
}

/// What the rule looks at beside the record.
#[derive(Clone, Copy, Debug)]
pub struct Look<'a> {
    /// Now; the record has to be of this moment, see [`crate::assess`].
    pub now: Timestamp,
    /// When the gateway last heard something new of it.
    pub heard: Timestamp,
    /// Its carrier pushes the news of this shipment.
    pub pushed: bool,
    /// Hours of its carrier.
    pub rhythm: &'a Rhythm,
    /// Class of who follows it: all intervals are multiplied by it.
    pub pace: f64,
}

/// A row of the table of stages.
struct Row {
    stage: Stage,
    /// Minutes to the first poll after news.
    base: u64,
    /// Minutes between two polls at most.
    cap: u64,
    lane: Lane,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Announced,
    Moving,
    Crossing,
    Customs,
    Round,
    Attempted,
    Waiting,
    Returning,
    Over,
}

const HOUR: u64 = 60;

/// Figures of the project's design, not measurements.
#[rustfmt::skip]
const ROWS: [Row; 9] = [
    row(Stage::Announced, 6 * HOUR, 24 * HOUR, Lane::Normal),
    row(Stage::Moving, 6 * HOUR, 24 * HOUR, Lane::Normal),
    // Between two countries nobody scans it.
    row(Stage::Crossing, 12 * HOUR, 24 * HOUR, Lane::Tail),
    row(Stage::Customs, 8 * HOUR, 24 * HOUR, Lane::Normal),
    row(Stage::Round, 30, 2 * HOUR, Lane::Hot),
    row(Stage::Attempted, 4 * HOUR, 8 * HOUR, Lane::Normal),
    row(Stage::Waiting, 8 * HOUR, 24 * HOUR, Lane::Normal),
    row(Stage::Returning, 8 * HOUR, 24 * HOUR, Lane::Tail),
    row(Stage::Over, 24 * HOUR, 24 * HOUR, Lane::Tail),
];

/// Minutes between two polls at most while something is wrong.
const AT_RISK: u64 = 8 * HOUR;
/// Minutes between two polls of what is pushed: a push can get lost.
const SAFETY: u64 = 24 * HOUR;
/// Bounds of what a class can make of an interval, in minutes.
const LEAST: u64 = 5;
const MOST: u64 = 7 * 24 * HOUR;
/// How far an interval is moved so that those of many shipments part.
const JITTER: f64 = 0.15;

const fn row(stage: Stage, base: u64, cap: u64, lane: Lane) -> Row {
    Row {
        stage,
        base,
        cap,
        lane,
    }
}

const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}

/// Decides what comes next for a shipment that somebody follows.
pub fn next_poll(record: &Shipment, look: &Look<'_>) -> Next {
    match record.tracking {
        TrackingState::Closed => return Next::Stop(Stop::Closed),
        TrackingState::Expired => return Next::Stop(Stop::Expired),
        TrackingState::Active | TrackingState::Dormant => {}
    }
    if look.pushed {
        return Next::Poll(Poll {
            interval: paced(minutes(SAFETY), look.pace),
            lane: Lane::Tail,
        });
    }
    let stage = stage(record);
    let row = ROWS.iter().find(|row| row.stage == stage);
    let (base, cap, lane) = row.map_or((6 * HOUR, 24 * HOUR, Lane::Normal), |row| {
        (row.base, row.cap, row.lane)
    });
    let silent = look.now.duration_since(look.heard);
    let silent = Duration::try_from(silent).unwrap_or_default();
    let at_risk = stage != Stage::Over && record.attention >= Some(Severity::Warning);
    let cap = minutes(if at_risk { cap.min(AT_RISK) } else { cap });
    let interval = minutes(base).saturating_add(silent / 2).min(cap);
    let is_dormant = record.tracking == TrackingState::Dormant;
    Next::Poll(Poll {
        interval: paced(interval, look.pace * look.rhythm.factor(look.now, interval)),
        lane: if is_dormant { Lane::Tail } else { lane },
    })
}

fn paced(interval: Duration, factor: f64) -> Duration {
    let factor = if factor.is_finite() { factor } else { 1.0 };
    interval
        .mul_f64(factor.clamp(0.01, 100.0))
        .clamp(minutes(LEAST), minutes(MOST))
}

fn stage(record: &Shipment) -> Stage {
    // The hundreds digit of a code is its phase; 4 is customs.
    let in_customs = record.code.is_some_and(|code| code.0 / 100 == 4);
    match record.status {
        status if status.is_terminal() => Stage::Over,
        Status::OutForDelivery => Stage::Round,
        Status::DeliveryAttempted => Stage::Attempted,
        Status::AvailableForPickup => Stage::Waiting,
        Status::Returning => Stage::Returning,
        Status::Pending | Status::InfoReceived => Stage::Announced,
        // No scan is expected, however it travels.
        _ if record.silence.is_some() => Stage::Crossing,
        _ if in_customs => Stage::Customs,
        _ => Stage::Moving,
    }
}

/// When the gateway last heard something new of a shipment: its newest event, as received, and
/// never before it is followed.
pub fn heard(record: &Shipment, followed: Timestamp) -> Timestamp {
    let received = record.events.iter().map(|event| event.ingest_time);
    received.max().unwrap_or(followed).max(followed)
}

impl Poll {
    /// Milliseconds from one poll to the next, moved by up to 15 % either way: the same every time
    /// for a shipment and the moment of the last poll.
    pub fn after(&self, id: &ShipmentId, last: Timestamp) -> SignedDuration {
        let moved = 1.0 + JITTER * (2.0 * share(id, last.as_millisecond()) - 1.0);
        signed(self.interval.mul_f64(moved))
    }

    /// Milliseconds to the first poll by schedule: anywhere within the first interval, so that what
    /// was registered at once is not due at once.
    pub fn first(&self, id: &ShipmentId) -> SignedDuration {
        signed(self.interval.mul_f64(share(id, 0)))
    }
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

/// A share of 1 that looks like chance: FNV-1a, then the finisher of SplitMix64.
fn share(id: &ShipmentId, salt: i64) -> f64 {
    let bytes = id.0.bytes().chain(salt.to_be_bytes());
    let mut hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^= hash >> 31;
    // 53 bits are what a double holds.
    #[expect(clippy::cast_precision_loss, reason = "53 bits")]
    let share = (hash >> 11) as f64 / (1_u64 << 53) as f64;
    share
}

/// Hours of a day, UTC, at which a carrier's scans happen, learned from them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rhythm([u32; 24]);

/// Scans before which nothing is known of a carrier's hours.
const LEARNED: u32 = 200;
/// Scans after which all counts are halved, so that old ones fade.
const FADING: u32 = 20_000;
/// How far the hours of a carrier move an interval.
const BOUNDS: (f64, f64) = (0.85, 1.2);

impl Rhythm {
    /// Nothing is known yet.
    pub const EMPTY: Self = Self([0; 24]);

    /// Counts a scan.
    pub fn count(&mut self, at: Timestamp) {
        let hour = usize::try_from(tz::TimeZone::UTC.to_datetime(at).hour()).unwrap_or_default();
        if let Some(count) = self.0.get_mut(hour) {
            *count = count.saturating_add(1);
        }
        if self.total() > FADING {
            self.0.iter_mut().for_each(|count| *count /= 2);
        }
    }

    fn total(&self) -> u32 {
        self.0.iter().sum()
    }

    /// What an interval from `now` on is multiplied by: less where more scans than usual fall into
    /// it, more where fewer do. Kept near 1, so that polls do not bunch where scans do.
    pub fn factor(&self, now: Timestamp, interval: Duration) -> f64 {
        let total = self.total();
        let hours = interval.as_secs_f64() / 3_600.0;
        if total < LEARNED || hours >= 24.0 || hours <= 0.0 {
            return 1.0;
        }
        let clock = tz::TimeZone::UTC.to_datetime(now);
        let start = f64::from(clock.hour()) + f64::from(clock.minute()) / 60.0;
        let mut expected = 0.0;
        let mut at = start;
        while at < start + hours {
            let end = (at.floor() + 1.0).min(start + hours);
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "0 to 47"
            )]
            let hour = at.floor() as usize % 24;
            expected += f64::from(self.0[hour]) * (end - at);
            at = end;
        }
        let usual = f64::from(total) * hours / 24.0;
        let (least, most) = BOUNDS;
        (usual / expected.max(f64::MIN_POSITIVE))
            .sqrt()
            .clamp(least, most)
    }
}
