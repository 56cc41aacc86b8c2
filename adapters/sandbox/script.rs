//! What a row of the table can say: scripts of events, an endless journey, an error.

use waybill_core::code::{EventCode as E, ReasonCode as R};
use waybill_core::error::ErrorKind;
use waybill_core::place::FacilityKind;

/// A test number.
pub(super) struct Row {
    pub(super) number: &'static str,
    /// What it shows, for integrators.
    pub(super) shows: &'static str,
    pub(super) says: Says,
}

/// What the source says to a number.
#[derive(Clone, Copy)]
pub(super) enum Says {
    /// One report per script.
    Shipments(&'static [Script]),
    /// As `Shipments`, if the query has a postal code.
    WithPostalCode(&'static [Script]),
    /// An endless journey, a step each minute; `Step::ago` means nothing.
    Moves(&'static Script),
    /// An error, and the seconds to wait before asking again; 0: the kind's own advice.
    Refuses(ErrorKind, u64),
}

/// One shipment.
#[derive(Clone, Copy)]
pub(super) struct Script {
    pub(super) number: &'static str,
    /// How it begins, which many scripts share.
    pub(super) start: &'static [Step],
    /// How it goes on.
    pub(super) steps: &'static [Step],
    pub(super) lane: Lane,
    /// Days from today to the forecast of delivery.
    pub(super) due: Option<i64>,
    /// Days from today to the last day to collect it.
    pub(super) collect_within: Option<i64>,
    /// Somebody signed for it.
    pub(super) signed: bool,
    pub(super) pieces: u32,
}

/// One event.
pub(super) struct Step {
    pub(super) code: E,
    pub(super) reason: Option<R>,
    /// Hours before the last midnight in UTC.
    pub(super) ago: i64,
    pub(super) place: Place,
}

/// From where it comes.
#[derive(Clone, Copy)]
pub(super) enum Lane {
    /// Within the country.
    Domestic,
    /// Through customs.
    Abroad,
    /// From a country with several time zones.
    Unzoned,
}

/// A made-up place in a real country.
#[derive(Clone, Copy)]
pub(super) enum Place {
    Origin,
    Hub,
    Office,
    Shop,
    Destination,
    Abroad,
    Customs,
    /// In a country with several zones, where no clock tells its offset.
    SeveralZones,
}

impl Place {
    /// Country, locality, and code, name and function of the facility, if it is one.
    pub(super) const fn named(
        self,
    ) -> (
        &'static str,
        &'static str,
        &'static str,
        &'static str,
        FacilityKind,
    ) {
        use FacilityKind as K;
        match self {
            Self::Origin => ("DE", "Musterstadt", "", "", K::Unspecified),
            Self::Hub => ("DE", "Beispielhausen", "SBX-H1", "Sorting centre", K::Hub),
            Self::Office => ("DE", "Probedorf", "SBX-D1", "Depot", K::DeliveryOffice),
            Self::Shop => ("DE", "Probedorf", "SBX-S1", "Shop", K::CollectionPoint),
            Self::Destination => ("DE", "Probedorf", "", "", K::Unspecified),
            Self::Abroad => ("GB", "Sampleton", "", "", K::Unspecified),
            Self::Customs => ("DE", "Beispielhausen", "SBX-C1", "Customs", K::Customs),
            Self::SeveralZones => ("US", "Exampleville", "", "", K::Unspecified),
        }
    }
}

pub(super) const fn step(code: E, ago: i64, place: Place) -> Step {
    Step {
        code,
        reason: None,
        ago,
        place,
    }
}

pub(super) const fn because(code: E, reason: R, ago: i64, place: Place) -> Step {
    Step {
        code,
        reason: Some(reason),
        ago,
        place,
    }
}

pub(super) const fn script(
    number: &'static str,
    start: &'static [Step],
    steps: &'static [Step],
) -> Script {
    Script {
        number,
        start,
        steps,
        lane: Lane::Domestic,
        due: None,
        collect_within: None,
        signed: false,
        pieces: 1,
    }
}

impl Script {
    pub(super) const fn from(self, lane: Lane) -> Self {
        Self { lane, ..self }
    }

    pub(super) const fn due(self, days: i64) -> Self {
        Self {
            due: Some(days),
            ..self
        }
    }

    pub(super) const fn collect_within(self, days: i64) -> Self {
        Self {
            collect_within: Some(days),
            ..self
        }
    }

    pub(super) const fn signed(self) -> Self {
        Self {
            signed: true,
            ..self
        }
    }

    pub(super) const fn of_two(self) -> Self {
        Self { pieces: 2, ..self }
    }
}

pub(super) const fn refusal(
    number: &'static str,
    shows: &'static str,
    kind: ErrorKind,
    wait: u64,
) -> Row {
    Row {
        number,
        shows,
        says: Says::Refuses(kind, wait),
    }
}
