//! From what sources said to one record.
//!
//! A [`Dossier`] is everything that is kept about a shipment: the observations of all sources and
//! the facts of each source's newest report. The record is its fold; see [`Dossier::record`].
//!
//! **Invariant:** absorbing and merging are commutative, associative and idempotent, so that
//! replicas which heard the same reports in whatever order have the same record. Nothing here
//! knows the time of day.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::hash::BuildHasherDefault;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::adapter::Report;
use crate::event::{Claim, Digest, Observation, SourceClass};
use crate::facts::{self, kind_of};
use crate::fold;
use crate::internal;
use crate::leg;
use crate::listing::listings;
use crate::milestone;
use crate::number::TrackingNumber;
use crate::onward::{self, Onward};
use crate::place::Location;
use crate::privacy::Pii;
use crate::quick::Mixed;
use crate::shipment::{
    Estimate, Facts, Identifier, IdentifierKind, Photo, Progress, Shipment, ShipmentId,
    TrackingState,
};
use crate::status::Status;
use crate::union::Superseded;
use crate::verify;

/// Everything that is kept about one shipment.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dossier {
    /// Opaque id.
    pub id: ShipmentId,
    /// Number the shipment is mainly known by.
    pub number: TrackingNumber,
    /// Carrier that issued the number.
    pub carrier: String,
    /// Every claim of every source, by (receive time, id).
    pub observations: Vec<Arc<Observation>>,
    /// Newest facts of each source, by source id.
    pub facts: Vec<SourceFacts>,
    /// Other shipments of the same consignment.
    pub pieces: BTreeSet<ShipmentId>,
    /// Ids under which events were shown before they turned out to be one with another.
    #[serde(default)]
    pub former: BTreeSet<Digest>,
    /// Photographs of own systems, with the observation that each belongs to.
    #[serde(default)]
    pub photos: BTreeSet<Photo>,
    /// Numbers that it is found under because texts of its events name them.
    #[serde(default)]
    pub told: BTreeSet<TrackingNumber>,
    /// Shipments that turned out to be this one; see [`crate::union`].
    #[serde(default)]
    pub superseded: BTreeSet<Superseded>,
    /// The shipment that this one turned out to be; nothing else is kept of it then.
    #[serde(default)]
    pub successor: Option<ShipmentId>,
}

/// What a report changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// Nothing.
    Nothing,
    /// When the source said it last, and nothing that the record depends on.
    Listing,
    /// Perhaps the record.
    Content,
}

/// Facts of one source, as of its newest report.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFacts {
    /// Source id.
    pub source: String,
    /// Class of the source.
    pub class: SourceClass,
    /// Carrier whose data it is.
    #[serde(default)]
    pub carrier: String,
    /// When it gave complete reports; thinned out, see `listing.rs`.
    #[serde(default)]
    pub complete: Vec<Timestamp>,
    /// Numbers under which it was asked or told.
    #[serde(default)]
    pub under: BTreeSet<TrackingNumber>,
    /// When the report was received.
    pub receive_time: Timestamp,
    /// What it states.
    pub facts: Facts,
    /// Every forecast that the source ever made, with the time we first heard it: a report that
    /// merely repeats a forecast does not make it newer.
    pub heard: Vec<Estimate>,
}

impl Dossier {
    /// Starts an empty dossier.
    pub fn new(id: ShipmentId, number: TrackingNumber, carrier: String) -> Self {
        Self {
            id,
            number,
            carrier,
            observations: Vec::new(),
            facts: Vec::new(),
            pieces: BTreeSet::new(),
            former: BTreeSet::new(),
            photos: BTreeSet::new(),
            told: BTreeSet::new(),
            superseded: BTreeSet::new(),
            successor: None,
        }
    }

    /// Takes in a report. A report that was taken in before changes nothing.
    pub fn absorb(
        &mut self,
        source: &str,
        class: SourceClass,
        report: &Report,
        receive_time: Timestamp,
    ) -> Change {
        if let Some(change) = self.absorb_again(source, class, report, receive_time) {
            return change;
        }
        let evidence_root = carrier_of(source, report);
        let name: Arc<str> = source.into();
        let own: Arc<str> = evidence_root.into();
        let language: Arc<str> = report.language.as_str().into();
        let root = |claim: &Claim| match root_of(evidence_root, class, claim) {
            root if root == evidence_root => Arc::clone(&own),
            root => root.into(),
        };
        let heard = report.claims.iter().zip(ids(source, report)).zip(0..).map(
            |((claim, id), sequence)| {
                Arc::new(Observation {
                    id,
                    source: Arc::clone(&name),
                    class,
                    evidence_root: root(claim),
                    language: Arc::clone(&language),
                    sequence,
                    receive_time,
                    last_listed: receive_time,
                    claim: Arc::clone(claim),
                })
            },
        );
        self.join_observations(heard);
        self.join_facts(self.facts_of(source, class, report, receive_time));
        Change::Content
    }

    /// Takes in everything that another dossier of the same shipment holds.
    pub fn merge(&mut self, other: Self) {
        self.join_observations(other.observations);
        for facts in other.facts {
            self.join_facts(facts);
        }
        self.pieces.extend(other.pieces);
        self.former.extend(other.former);
        self.photos.extend(other.photos);
        self.told.extend(other.told);
        self.superseded.extend(other.superseded);
        self.successor = self.successor.take().max(other.successor);
    }

    /// Keeps the ids of events that a record showed and `newer`, made from this dossier, does not
    /// show any more because they are part of other events.
    pub fn outlive(&mut self, shown: &Shipment, newer: &Shipment) -> bool {
        let now: BTreeSet<Digest> = newer.events.iter().map(|event| event.id).collect();
        let gone = shown.events.iter().map(|event| event.id);
        let before = self.former.len();
        self.former.extend(gone.filter(|id| !now.contains(id)));
        self.former.len() > before
    }

    /// Tells whether the report repeats something that is known here: how the shipment is found
    /// that a report of a re-used number belongs to.
    pub fn shares_observation(&self, source: &str, report: &Report) -> bool {
        let ids: BTreeSet<Digest> = ids(source, report).collect();
        self.observations
            .iter()
            .any(|known| ids.contains(&known.id))
    }

    /// Moment of the oldest thing that happened.
    pub fn oldest(&self) -> Option<Timestamp> {
        self.moments().min()
    }

    /// Moment of the newest thing that happened.
    pub fn newest(&self) -> Option<Timestamp> {
        self.moments().max()
    }

    fn moments(&self) -> impl Iterator<Item = Timestamp> {
        self.observations
            .iter()
            .map(|observation| &observation.claim)
            .filter(|claim| claim.happened())
            .map(|claim| fold::moment(&claim.time))
    }

    /// Folds everything into the record. What depends on the clock is left empty;
    /// [`crate::assess::assess`] fills it.
    pub fn record(&self) -> Shipment {
        let ranked = facts::ranked(&self.facts, &self.observations);
        let origin = facts::first(&ranked, |facts| facts.origin.as_deref());
        let destination = facts::first(&ranked, |facts| facts.destination.as_deref());
        let requirements = facts::requirements(&ranked);
        let estimates = facts::estimates(&ranked);
        let onward = self.onward_numbers();
        let identifiers = facts::identifiers(self, &ranked, &onward);

        let folded = self.folded_between(country(origin), country(destination));
        let is_abroad = !country(destination).is_empty()
            && !country(origin).is_empty()
            && country(origin) != country(destination);
        let legs = leg::legs(
            &folded,
            &self.number,
            &identifiers,
            &onward,
            &ranked,
            is_abroad,
        );
        let milestones = milestone::milestones(
            &folded,
            country(origin),
            country(destination),
            requirements
                .as_ref()
                .is_some_and(|needs| needs.pickup_place.is_some()),
        );
        let findings = verify::findings(&folded, &ranked, &milestones, &identifiers);
        let progress = (folded.status != Status::Pending).then(|| Progress {
            step: count(milestones.iter().filter(|one| one.is_reached()).count()),
            of: count(milestones.len()),
        });
        let next_step = milestone::next_step(&milestones, folded.status, estimates.first());
        let newest = folded.counting().next_back();
        let last_location = folded
            .counting()
            .rev()
            .filter_map(fold::Row::place)
            .find(|place| !place.is_empty());
        let set_by = folded.status_row();
        Shipment {
            id: self.id.clone(),
            number: self.number.clone(),
            carrier: Some(folded.chain.last())
                .filter(|last| !last.is_empty() && folded.chain.has_changed_hands())
                .map_or_else(|| self.carrier.clone(), str::to_owned),
            status: folded.status,
            code: set_by.map(|row| row.code),
            reason: set_by.and_then(|row| row.reason),
            status_event: set_by.map(|row| row.id),
            source_count: folded.source_count,
            revision: 0,
            etag: String::new(),
            update_time: Timestamp::UNIX_EPOCH,
            tracking: TrackingState::Active,
            attention: None,
            progress,
            next_step,
            silence: None,
            contacts: facts::contacts(&ranked),
            requirements,
            last_event_time: newest.map(|row| row.time().clone()),
            last_location: last_location.cloned(),
            estimates,
            events: folded.events(&self.former),
            exceptions: Vec::new(),
            milestones,
            identifiers,
            legs,
            service: facts::first(&ranked, |facts| {
                Some(&facts.service).filter(|name| !name.is_empty())
            })
            .cloned()
            .unwrap_or_default(),
            origin: origin.cloned(),
            destination: destination.cloned(),
            pieces: self.pieces.iter().cloned().collect(),
            superseded: self.superseded.iter().map(|one| one.id.clone()).collect(),
            physical: facts::physical(&ranked),
            proof: facts::proof(&ranked),
            photos: internal::photos(&folded, &self.photos),
            findings,
        }
    }

    /// Numbers that nobody states but texts of events; see [`crate::shipment::IdentifierBasis`].
    pub fn told_numbers(&self) -> Vec<TrackingNumber> {
        let onward = self.onward_numbers();
        onward.into_iter().map(|one| one.number).collect()
    }

    /// Tells whether it is found under a number for no better reason than a text.
    pub fn is_only_told(&self, number: &TrackingNumber) -> bool {
        self.told.contains(number) && *number != self.number && !self.is_stated(number.reveal())
    }

    /// Numbers that texts of events say it goes on under, and that no field states.
    fn onward_numbers(&self) -> Vec<Onward<'_>> {
        onward::numbers(&self.observations, |number| {
            number == self.number.reveal() || self.is_stated(number)
        })
    }

    /// Tells whether a source states the number in a field for numbers of the shipment.
    pub(crate) fn is_stated(&self, number: &str) -> bool {
        let mut stated = self.facts.iter().flat_map(|facts| &facts.facts.identifiers);
        stated.any(|one| one.kind != IdentifierKind::Reference && one.value.reveal() == number)
    }

    /// The number of a report that is neither that of the dossier nor among those it names.
    pub(crate) fn further_identifier(&self, report: &Report) -> Option<Identifier> {
        let own = report.number.reveal();
        let mut identifiers = report.facts.identifiers.iter();
        let is_known =
            report.number == self.number || identifiers.any(|known| known.value.reveal() == own);
        (!is_known).then(|| Identifier {
            kind: kind_of(own),
            value: Pii::new(own.to_owned()),
            carrier: report.relays.clone(),
            check_digit_valid: None,
        })
    }

    /// Position of the facts of a source.
    pub(crate) fn place_of(&self, source: &str) -> Option<usize> {
        let facts = &self.facts;
        facts
            .binary_search_by(|known| (*known.source).cmp(source))
            .ok()
    }

    /// Folds the observations; what [`Dossier::record`] and an explanation begin with.
    pub(crate) fn folded(&self) -> fold::Folded<'_> {
        let ranked = facts::ranked(&self.facts, &self.observations);
        let origin = facts::first(&ranked, |facts| facts.origin.as_deref());
        let destination = facts::first(&ranked, |facts| facts.destination.as_deref());
        self.folded_between(country(origin), country(destination))
    }

    fn folded_between(&self, origin: &str, destination: &str) -> fold::Folded<'_> {
        fold::fold(
            &self.observations,
            &self.facts,
            origin,
            destination,
            &self.carrier,
        )
    }

    fn facts_of(
        &self,
        source: &str,
        class: SourceClass,
        report: &Report,
        receive_time: Timestamp,
    ) -> SourceFacts {
        let mut facts = report.facts.clone();
        for estimate in &mut facts.estimates {
            source.clone_into(&mut estimate.source);
            estimate.receive_time = receive_time;
        }
        facts.identifiers.extend(self.further_identifier(report));
        SourceFacts {
            source: source.to_owned(),
            class,
            carrier: carrier_of(source, report).to_owned(),
            complete: if report.complete {
                vec![receive_time]
            } else {
                Vec::new()
            },
            under: BTreeSet::from([report.number.clone()]),
            receive_time,
            heard: facts.estimates.clone(),
            facts,
        }
    }

    fn join_observations(&mut self, heard: impl IntoIterator<Item = Arc<Observation>>) {
        let mut at: HashMap<Digest, usize, BuildHasherDefault<Mixed>> = self
            .observations
            .iter()
            .zip(0..)
            .map(|(known, position)| (known.id, position))
            .collect();
        let before = self.observations.len();
        for observation in heard {
            match at.entry(observation.id) {
                Entry::Occupied(known) => {
                    join(&mut self.observations[*known.get()], observation);
                }
                Entry::Vacant(new) => {
                    new.insert(self.observations.len());
                    self.observations.push(observation);
                }
            }
        }
        let key = |one: &Arc<Observation>| (one.receive_time, one.id);
        self.observations[before..].sort_unstable_by_key(key);
        // What is new was mostly heard after all that is known.
        if !self.observations.is_sorted_by_key(key) {
            self.observations.sort_by_key(key);
        }
    }

    fn join_facts(&mut self, new: SourceFacts) {
        match self
            .facts
            .binary_search_by(|known| known.source.cmp(&new.source))
        {
            Err(position) => {
                let mut first = new;
                first.heard = heard(Vec::new(), std::mem::take(&mut first.heard));
                self.facts.insert(position, first);
            }
            Ok(position) => {
                let known = &mut self.facts[position];
                let all = heard(std::mem::take(&mut known.heard), new.heard);
                known.complete = listings(std::mem::take(&mut known.complete), &new.complete);
                known.under.extend(new.under);
                let newer = known
                    .receive_time
                    .cmp(&new.receive_time)
                    .then_with(|| known.class.cmp(&new.class).reverse())
                    .then_with(|| by_content(&known.facts, &new.facts));
                if newer == Ordering::Less {
                    known.class = new.class;
                    known.carrier = new.carrier;
                    known.receive_time = new.receive_time;
                    known.facts = new.facts;
                }
                known.heard = all;
            }
        }
    }
}

/// Keeps the earliest receive time, and what the newest report that lists it says.
fn join(known: &mut Arc<Observation>, new: Arc<Observation>) {
    let first = known.receive_time.min(new.receive_time);
    let newer = known
        .last_listed
        .cmp(&new.last_listed)
        .then_with(|| known.sequence.cmp(&new.sequence))
        .then_with(|| known.class.cmp(&new.class).reverse())
        .then_with(|| known.evidence_root.cmp(&new.evidence_root))
        .then_with(|| known.language.cmp(&new.language))
        .then_with(|| by_content(&known.claim, &new.claim));
    if newer == Ordering::Less {
        *known = new;
    }
    if known.receive_time != first {
        Arc::make_mut(known).receive_time = first;
    }
}

/// Orders two values in some fixed way, for ties that nothing else can break.
fn by_content<T: Serialize + PartialEq>(a: &T, b: &T) -> Ordering {
    if a == b {
        return Ordering::Equal;
    }
    let form = |value: &T| serde_json::to_vec(value).unwrap_or_default();
    form(a).cmp(&form(b))
}

/// Unites two lists of forecasts: of equal ones the first heard stays.
fn heard(mut all: Vec<Estimate>, more: Vec<Estimate>) -> Vec<Estimate> {
    for new in more {
        let same = |known: &&mut Estimate| known.kind == new.kind && known.window == new.window;
        match all.iter_mut().find(same) {
            Some(known) => known.receive_time = known.receive_time.min(new.receive_time),
            None => all.push(new),
        }
    }
    all.sort_by(|a, b| {
        (a.receive_time, a.kind)
            .cmp(&(b.receive_time, b.kind))
            .then_with(|| by_content(&a.window, &b.window))
    });
    all
}

/// Whose data a report is.
pub(crate) fn carrier_of<'a>(source: &'a str, report: &'a Report) -> &'a str {
    if report.relays.is_empty() {
        source
    } else {
        &report.relays
    }
}

/// Whose data a row of the report is. An aggregator repeats the carrier that it names beside a
/// claim; what a carrier says about another one is its own word.
pub(crate) fn root_of<'a>(own: &'a str, class: SourceClass, claim: &'a Claim) -> &'a str {
    if class == SourceClass::Aggregator && !claim.carrier.is_empty() {
        &claim.carrier
    } else {
        own
    }
}

/// Identities of the rows of a report, in their order.
pub(crate) fn ids<'a>(source: &'a str, report: &'a Report) -> impl Iterator<Item = Digest> + 'a {
    let mut form = Vec::with_capacity(256);
    feed(&mut form, source);
    feed(&mut form, report.number.reveal());
    let own = form.len();
    // Rows without an id of the source, by what they say: equal ones are counted.
    let mut ordinals: HashMap<[Cow<'a, str>; 4], u64, BuildHasherDefault<Mixed>> =
        HashMap::default();
    report.claims.iter().map(move |claim| {
        form.truncate(own);
        if !claim.native_id.is_empty() {
            feed(&mut form, &claim.native_id);
            return Digest(Sha256::digest(&form).into());
        }
        let said = [
            Cow::Borrowed(&*claim.native_code),
            match &*claim.time.raw {
                "" => claim.time.local.to_string().into(),
                raw => raw.into(),
            },
            place_as_given(claim),
            match &*claim.native_code {
                "" => claim.native_text.reveal().as_str().into(),
                _ => Cow::default(),
            },
        ];
        let [code, time, place, text] = &said;
        for field in [code, time, place] {
            feed(&mut form, field);
        }
        if claim.native_code.is_empty() {
            feed(&mut form, text);
        }
        let ordinal = ordinals.entry(said).or_default();
        form.extend_from_slice(&ordinal.to_be_bytes());
        *ordinal += 1;
        Digest(Sha256::digest(&form).into())
    })
}

/// Adds a field with its length before it, so that no two lists of fields look alike.
fn feed(form: &mut Vec<u8>, field: &str) {
    form.extend_from_slice(&(field.len() as u64).to_be_bytes());
    form.extend_from_slice(field.as_bytes());
}

fn place_as_given(claim: &Claim) -> Cow<'_, str> {
    let Some(place) = &claim.location else {
        return Cow::default();
    };
    if !place.raw.reveal().is_empty() {
        return place.raw.reveal().into();
    }
    let (code, name) = place.facility.as_ref().map_or(("", ""), |facility| {
        (facility.code.as_str(), facility.name.as_str())
    });
    let words = [
        place.country.as_str(),
        &place.subdivision,
        &place.locality,
        place.postal_code.reveal(),
        code,
        name,
    ];
    words.join("\u{1f}").into()
}

fn country(place: Option<&Location>) -> &str {
    place.map_or("", |place| &place.country)
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
