//! Two stored shipments that are one parcel: told apart because nobody had said so yet.
//!
//! A parcel that changes its number is one shipment from the moment on at which a source states the
//! next number in a field for it. What was stored under that number before becomes a part of the
//! shipment, and the other id leads to it from then on. See `docs/decisions/0011`.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::adapter::Hints;
use crate::facts::kind_of;
use crate::number::{self, TrackingNumber};
use crate::owner::owner_of;
use crate::place::Location;
use crate::reconcile::{Dossier, SourceFacts};
use crate::shipment::{Identifier, IdentifierKind, Shipment, ShipmentId};

/// A parcel is no longer than this between two posts without a scan by any of them.
const BETWEEN: SignedDuration = SignedDuration::from_hours(60 * 24);

/// A shipment that became a part of another one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Superseded {
    /// Its id, which leads to the other one.
    pub id: ShipmentId,
    /// Number that it was mainly known by.
    pub number: TrackingNumber,
    /// Carrier that issued the number.
    pub carrier: String,
}

impl Dossier {
    /// Numbers that sources state, in fields for them, under which the parcel goes on or came:
    /// not those that several parcels can share, and none that only a text names.
    pub fn next_numbers(&self) -> BTreeSet<TrackingNumber> {
        let stated = self.facts.iter().flat_map(continuing);
        let parsed = stated.filter_map(|one| TrackingNumber::parse(one.value.reveal()).ok());
        parsed.filter(|number| *number != self.number).collect()
    }

    /// Tells whether a source states that the parcel goes on under a number of a carrier. Where it
    /// does not say whose the number is, the number itself has to. What a tenant's own sources state
    /// counts only for its own: `owner`, as in [`crate::owner::owner_of`].
    pub fn goes_on_as(&self, next: &TrackingNumber, carrier: &str, owner: Option<&str>) -> bool {
        let counts = |facts: &&SourceFacts| {
            let own = owner_of(&facts.source);
            own.is_none() || own == owner
        };
        *next != self.number
            && self
                .facts
                .iter()
                .filter(counts)
                .flat_map(continuing)
                .filter(|one| one.value.reveal() == next.reveal())
                .any(|one| match one.carrier.as_str() {
                    named if named == carrier => true,
                    // Posts share their numbers.
                    "" | "upu" => is_issued_by(next, carrier),
                    _ => kind_of(next.reveal()) == IdentifierKind::UpuS10,
                })
    }

    /// Tells whether another stored shipment is the same parcel: one of them states the number of
    /// the other one, and neither time nor destination contradicts.
    pub fn is_one_with(&self, other: &Self) -> bool {
        let owner = self
            .only_owner()
            .filter(|_| self.only_owner() == other.only_owner());
        let states = |one: &Self, next: &Self| one.goes_on_as(&next.number, &next.carrier, owner);
        let are_pieces = self.pieces.contains(&other.id) || other.pieces.contains(&self.id);
        self.id != other.id
            && !are_pieces
            && (states(self, other) || states(other, self))
            && apart(self, other) <= BETWEEN
            && agree(self, other)
    }

    /// Which of two shipments that are one keeps its id: the one whose journey began first, so that
    /// a parcel keeps the number that it was sent under.
    #[must_use]
    pub fn keeps_id_before(&self, other: &Self) -> bool {
        let key = |one: &Self| (one.oldest().unwrap_or(Timestamp::MAX), one.id.clone());
        key(self) < key(other)
    }

    /// Takes in another shipment that is the same parcel, of which `shown` is the record.
    pub fn unite(&mut self, other: Self, shown: &Shipment) {
        self.superseded.insert(Superseded {
            id: other.id.clone(),
            number: other.number.clone(),
            carrier: other.carrier.clone(),
        });
        self.merge(other);
        let gone: BTreeSet<ShipmentId> = self.superseded.iter().map(|it| it.id.clone()).collect();
        let own = self.id.clone();
        self.pieces.retain(|id| *id != own && !gone.contains(id));
        let record = self.record();
        self.outlive(shown, &record);
    }

    /// What is left of it once another shipment has taken it in: where to go on.
    pub fn succeeded_by(&self, successor: ShipmentId) -> Self {
        Self {
            successor: Some(successor),
            ..Self::new(self.id.clone(), self.number.clone(), self.carrier.clone())
        }
    }
}

/// Numbers that a source states for the same parcel on its way.
fn continuing(facts: &SourceFacts) -> impl Iterator<Item = &Identifier> {
    let stated = facts.facts.identifiers.iter();
    stated.filter(|one| {
        matches!(
            one.kind,
            IdentifierKind::LastMile | IdentifierKind::Carrier | IdentifierKind::UpuS10
        )
    })
}

/// Whether a number says by itself, with a right check digit, that a carrier issued it.
fn is_issued_by(next: &TrackingNumber, carrier: &str) -> bool {
    let candidates = number::detect(next, &Hints::default());
    let mut sound = candidates
        .iter()
        .filter(|one| one.check_digit_valid == Some(true));
    sound.any(|one| one.carrier == carrier || !one.country.is_empty() && number::is_post(carrier))
}

/// Time between the journeys as they are known; none if one of them is not.
fn apart(one: &Dossier, other: &Dossier) -> SignedDuration {
    let span = |of: &Dossier| of.oldest().zip(of.newest());
    let (Some(one), Some(other)) = (span(one), span(other)) else {
        return SignedDuration::ZERO;
    };
    let after = one.0.duration_since(other.1);
    after.max(other.0.duration_since(one.1))
}

/// Whether no two sources send it to different countries.
fn agree(one: &Dossier, other: &Dossier) -> bool {
    let countries = |of: &Dossier| -> BTreeSet<String> {
        let places = of
            .facts
            .iter()
            .map(|facts| facts.facts.destination.as_deref());
        let countries = places
            .flatten()
            .map(|place: &Location| place.country.clone());
        countries.filter(|country| !country.is_empty()).collect()
    };
    let (one, other) = (countries(one), countries(other));
    one.is_empty() || other.is_empty() || !one.is_disjoint(&other)
}
