//! Key figures: what a change of a record or an answer of a source adds to them, and how they are
//! kept and asked for.
//!
//! `journey` turns a record into samples and [`changes`] two records into what they differ in;
//! [`figures::Figures`] keeps counts by day and group in sketches that can be merged and from which
//! a sample can be taken back; [`query`] asks them, and [`history`] has the transit times of the
//! last days at hand for forecasts. What each figure means is in `docs/kpis.md`.
//!
//! [`worked`] turns what a tenant does about an exception into a sample, and [`kept`] what it promised.
//! Such samples are the tenant's own: no question of another tenant counts them.
//!
//! **Invariant:** the samples of a shipment that are everybody's are a function of its record. What is counted of a
//! shipment is therefore always what its newest record says, however it came about: a repeated
//! report adds nothing, and a corrected delivery takes back what the wrong one added.

mod day;
pub mod figures;
pub mod history;
mod journey;
mod names;
mod promise;
pub mod query;
mod sketch;
mod work;

use std::borrow::Cow;

use jiff::Timestamp;

pub use journey::{Announced, Journey, announced, changes, possession};
pub use promise::kept;
pub use work::{lane_of, worked};

/// A key figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Metric {
    /// Delivered by the time that the tenant promised to its buyer.
    OnTimeToPromise,
    /// Delivered by the time that the carrier first announced.
    OnTimeToEstimate,
    /// From arrival to departure at a hub.
    HubDwell,
    /// From departure at a hub to arrival at the next.
    LegTime,
    /// From the carrier's possession to delivery.
    TransitTime,
    /// From an event to our knowledge of it.
    FeedLatency,
    /// Events per day of a journey.
    UpdateFrequency,
    /// Between two events of a journey.
    Silence,
    /// Shipments that had a problem.
    ExceptionRate,
    /// How long a problem lasted.
    ExceptionTime,
    /// Shipments that were sent to a wrong place.
    MisrouteRate,
    /// Shipments that came back to a place that they had left.
    DetourRate,
    /// Questions that a source answered.
    SourceAvailability,
    /// Time of a source's answer.
    SourceLatency,
    /// Milestones of a journey that a source reported.
    Completeness,
    /// From a problem to somebody who has seen it.
    TimeToAcknowledge,
    /// From a problem to its closing by hand.
    TimeToResolve,
    /// Delivered by the time to which the carrier first committed itself.
    OnTimeToCommitment,
}

/// What samples can be grouped by. Carrier, service and lane are the same for many metrics; of the
/// others a metric has one at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dimension {
    /// Carrier id.
    Carrier,
    /// Service in the carrier's words.
    Service,
    /// Countries of origin and destination, "CN-US".
    Lane,
    /// Source id.
    Source,
    /// Place of a stay.
    Hub,
    /// Two hubs, "from>to".
    Leg,
    /// Category of an exception.
    Category,
    /// Who has to act about an exception.
    Owner,
}

impl Dimension {
    /// Every dimension.
    pub const ALL: [Self; 8] = [
        Self::Carrier,
        Self::Service,
        Self::Lane,
        Self::Source,
        Self::Hub,
        Self::Leg,
        Self::Category,
        Self::Owner,
    ];

    /// Place of its value in a group: the last one is whichever the metric has. Metrics with an
    /// owner have no service.
    pub(crate) const fn slot(self) -> usize {
        match self {
            Self::Carrier => 0,
            Self::Service | Self::Owner => 1,
            Self::Lane => 2,
            Self::Source | Self::Hub | Self::Leg | Self::Category => 3,
        }
    }
}

/// How a metric is measured and which way is bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// A share from 0 to 1, of which more is better.
    Good,
    /// A share from 0 to 1, of which less is better.
    Bad,
    /// A quantity, of which less is better.
    Less,
    /// A quantity, of which more is better.
    More,
}

impl Scale {
    /// Whether it is a share, whose mean counts, or a quantity, whose quantiles do.
    pub const fn is_share(self) -> bool {
        matches!(self, Self::Good | Self::Bad)
    }
}

impl Metric {
    /// Every metric with its scale and dimensions, in the order of the numbers in stored figures.
    #[rustfmt::skip]
    pub const ALL: [(Self, Scale, &'static [Dimension]); 18] = {
        use Dimension::{Carrier, Category, Hub, Lane, Leg, Owner, Service, Source};
        [
            (Self::OnTimeToPromise,    Scale::Good, &[Carrier, Service, Lane]),
            (Self::OnTimeToEstimate,   Scale::Good, &[Carrier, Service, Lane]),
            (Self::HubDwell,           Scale::Less, &[Carrier, Service, Lane, Hub]),
            (Self::LegTime,            Scale::Less, &[Carrier, Service, Lane, Leg]),
            (Self::TransitTime,        Scale::Less, &[Carrier, Service, Lane]),
            (Self::FeedLatency,        Scale::Less, &[Carrier, Lane, Source]),
            (Self::UpdateFrequency,    Scale::More, &[Carrier, Service, Lane, Source]),
            (Self::Silence,            Scale::Less, &[Carrier, Service, Lane, Source]),
            (Self::ExceptionRate,      Scale::Bad,  &[Carrier, Service, Lane]),
            (Self::ExceptionTime,      Scale::Less, &[Carrier, Service, Lane, Category]),
            (Self::MisrouteRate,       Scale::Bad,  &[Carrier, Service, Lane]),
            (Self::DetourRate,         Scale::Bad,  &[Carrier, Service, Lane]),
            (Self::SourceAvailability, Scale::Good, &[Carrier, Source]),
            (Self::SourceLatency,      Scale::Less, &[Carrier, Source]),
            (Self::Completeness,       Scale::Good, &[Carrier, Service, Lane, Source]),
            (Self::TimeToAcknowledge,  Scale::Less, &[Carrier, Lane, Category, Owner]),
            (Self::TimeToResolve,      Scale::Less, &[Carrier, Lane, Category, Owner]),
            (Self::OnTimeToCommitment, Scale::Good, &[Carrier, Service, Lane]),
        ]
    };

    /// How it is measured.
    pub const fn scale(self) -> Scale {
        Self::ALL[self as usize].1
    }

    /// What it can be grouped by.
    pub const fn dimensions(self) -> &'static [Dimension] {
        Self::ALL[self as usize].2
    }

    /// Whether each tenant has samples of its own, which nobody else counts.
    pub const fn is_own(self) -> bool {
        matches!(
            self,
            Self::OnTimeToPromise | Self::TimeToAcknowledge | Self::TimeToResolve
        )
    }

    /// The metric with this number.
    pub(crate) fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).map(|row| row.0)
    }
}

/// One measured value. A dimension that the metric does not have, and one that is not known, is
/// empty.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample<'a> {
    /// Of what.
    pub metric: Metric,
    /// Carrier id.
    pub carrier: &'a str,
    /// Service in the carrier's words, or who has to act.
    pub service: &'a str,
    /// Countries of origin and destination.
    pub lane: &'a str,
    /// Source, hub, leg or category.
    pub last: Cow<'a, str>,
    /// Whose sample it is; empty: everybody's.
    pub tenant: &'a str,
    /// In the unit of the metric: seconds, a share, or events per day.
    pub value: f64,
    /// When what it measures ended.
    pub time: Timestamp,
}

/// Whether a sample is counted or no longer true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Count it.
    Add,
    /// It was counted and is not true any more.
    Take,
}

/// Tells whether an answer of a source speaks for its availability: answered, not answered, or
/// nothing that the source could help.
pub fn availability(answer: &crate::adapter::Answer) -> Option<bool> {
    use crate::error::ErrorKind as Kind;
    match answer {
        Ok(_) => Some(true),
        Err(error) => match error.kind {
            Kind::NotFound | Kind::InvalidQuery => Some(true),
            Kind::Denied
            | Kind::Throttled
            | Kind::Timeout
            | Kind::Unavailable
            | Kind::Tripped
            | Kind::Malformed => Some(false),
            Kind::HintRequired | Kind::Overloaded | Kind::Unsupported | Kind::Internal => None,
        },
    }
}

/// Days since 1970, in UTC.
pub fn day_of(time: Timestamp) -> i32 {
    i32::try_from(time.as_second().div_euclid(86_400)).unwrap_or(i32::MAX)
}
