//! What the operator's own systems say: warehouses, hand-over desks and shops.
//!
//! They tell of one event after the other and never list everything, so what they state adds up:
//! a later statement takes nothing away from an earlier one. An event that names an order only is
//! kept on the [`Page`] of the order, and becomes part of each parcel of it.
//!
//! **Invariant:** data is not possession. No code that a warehouse may state says that a carrier
//! has the item, but for the hand-in at a carrier's counter; see [`CODES`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::adapter::Report;
use crate::code::EventCode as E;
use crate::event::{Claim, Digest, SourceClass};
use crate::fold::Folded;
use crate::order::Order;
use crate::privacy::Pii;
use crate::reconcile::{Dossier, ids};
use crate::shipment::{Facts, Identifier, IdentifierKind, Photo, Requirements};

/// Source id of the operator's systems; further ones are told apart by what follows a hyphen.
pub const SOURCE: &str = "internal";

/// Greatest number of events of own systems for one shipment, and for one order.
pub const MOST: usize = 1_000;

/// Codes that an own system may state. Packed is [`E::AWAITING_HANDOVER`], packed short
/// [`E::CONTENTS_MISSING`] with its reason, handed to the driver [`E::WAREHOUSE_DISPATCHED`] and
/// handed in at a counter [`E::DROPPED_OFF`]. That the carrier has it is the carrier's to say.
pub const CODES: &[E] = &[
    E::INFO_RECEIVED,
    E::LABEL_CREATED,
    E::PICKUP_SCHEDULED,
    E::PICKUP_FAILED,
    E::AWAITING_HANDOVER,
    E::DROPPED_OFF,
    E::WAREHOUSE_RECEIVED,
    E::WAREHOUSE_DISPATCHED,
    E::RETURNED_TO_SENDER,
    E::DAMAGED,
    E::ADDRESS_PROBLEM,
    E::CANCELLED,
    E::REPACKED,
    E::CONTENTS_MISSING,
    E::INFORMATION,
];

/// Tells whether a source is one of the operator's systems.
pub fn is_own(source: &str) -> bool {
    let rest = source.strip_prefix(SOURCE);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-') && rest.len() > 1)
}

/// One event as an own system stated it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// Source id; see [`is_own`].
    pub source: String,
    /// What happened; its `native_id` is unique within the source.
    pub claim: Arc<Claim>,
    /// What delivery demands, as far as the system knows.
    pub requirements: Option<Requirements>,
    /// References to photographs.
    pub photos: Vec<Pii<String>>,
    /// When it was received.
    pub receive_time: Timestamp,
}

/// More events than [`MOST`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// What was stated about an order without a number.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// In the order in which it was received.
    pub statements: Vec<Statement>,
}

impl Page {
    /// Adds what is not there yet, and says which of `statements` were.
    ///
    /// # Errors
    /// [`Full`]; then nothing was added.
    pub fn add(&mut self, statements: &[Statement]) -> Result<Vec<bool>, Full> {
        let before = self.statements.len();
        let mut were_known = Vec::with_capacity(statements.len());
        for new in statements {
            let is_known = self.statements.iter().any(|known| {
                known.source == new.source && known.claim.native_id == new.claim.native_id
            });
            were_known.push(is_known);
            if !is_known {
                self.statements.push(new.clone());
            }
        }
        if self.statements.len() > MOST.max(before) {
            self.statements.truncate(before);
            return Err(Full);
        }
        Ok(were_known)
    }
}

/// Tells whether only own systems have spoken of a shipment: whose it is is a guess until a
/// carrier knows it.
pub fn is_only_own(dossier: &Dossier) -> bool {
    let observed = dossier.observations.iter().map(|one| one.class);
    let mut classes = observed.chain(dossier.facts.iter().map(|facts| facts.class));
    classes.all(|class| class == SourceClass::Internal)
}

/// Which of the statements the dossier has.
pub fn known(dossier: &Dossier, statements: &[Statement]) -> Vec<bool> {
    let held: BTreeSet<Digest> = dossier.observations.iter().map(|one| one.id).collect();
    let id = |one: &Statement| ids(&one.source, &report(dossier, [one])).next();
    let is_held = |one| id(one).is_some_and(|id| held.contains(&id));
    statements.iter().map(is_held).collect()
}

/// Takes in what the dossier does not have, and the order that it belongs to; says whether there
/// was anything.
///
/// # Errors
/// [`Full`]; then nothing was taken in.
pub fn take_in(
    dossier: &mut Dossier,
    statements: &[Statement],
    order: Option<&Order>,
) -> Result<bool, Full> {
    let known = known(dossier, statements);
    let mut by_source: BTreeMap<&str, Vec<&Statement>> = BTreeMap::new();
    for (one, known) in statements.iter().zip(known) {
        let new = by_source.entry(&one.source).or_default();
        if !known {
            new.push(one);
        }
    }
    let own = dossier.observations.iter();
    let own = own.filter(|one| one.class == SourceClass::Internal).count();
    let new: usize = by_source.values().map(Vec::len).sum();
    if new > 0 && own + new > MOST {
        return Err(Full);
    }
    let mut is_news = false;
    for (source, mut new) in by_source {
        let before = dossier.facts.iter().find(|facts| facts.source == source);
        let mut facts = before.map_or_else(Facts::default, |known| known.facts.clone());
        let reference = order.map(reference);
        let is_named = reference.is_none_or(|reference| {
            let is_new = !facts.identifiers.contains(&reference);
            facts.identifiers.extend(is_new.then_some(reference));
            !is_new
        });
        if new.is_empty() && is_named {
            continue;
        }
        // The newest word on each demand counts, whichever came first.
        new.sort_by_key(|one| one.claim.time.anchor());
        let heard = new.iter().map(|one| one.receive_time).max();
        // Of two reports of one moment only one would stay.
        let after = before.and_then(|known| known.receive_time.checked_add(TICK).ok());
        let received = [heard, after].into_iter().flatten().max();
        for needs in new.iter().filter_map(|one| one.requirements.as_ref()) {
            let before = facts.requirements.take();
            facts.requirements = Some(Box::new(needs.over(before.map(|it| *it))));
        }
        let report = Report {
            facts,
            ..report(dossier, new.iter().copied())
        };
        for (one, id) in new.iter().zip(ids(source, &report)) {
            let photos = one.photos.iter().cloned();
            dossier
                .photos
                .extend(photos.map(|uri| Photo { event: id, uri }));
        }
        let received = received.unwrap_or(Timestamp::UNIX_EPOCH);
        dossier.absorb(source, SourceClass::Internal, &report, received);
        is_news = true;
    }
    Ok(is_news)
}

/// Photographs, each with the event that its observation is part of.
pub(crate) fn photos(folded: &Folded<'_>, taken: &BTreeSet<Photo>) -> Vec<Photo> {
    if taken.is_empty() {
        return Vec::new();
    }
    let all = folded.rows.iter().flat_map(|row| {
        let of_row = |photo: &&Photo| row.members().any(|one| one.id == photo.event);
        taken.iter().filter(of_row).map(|photo| Photo {
            event: row.id,
            uri: photo.uri.clone(),
        })
    });
    all.collect::<BTreeSet<_>>().into_iter().collect()
}

const TICK: SignedDuration = SignedDuration::from_nanos(1);

fn report<'a>(dossier: &Dossier, statements: impl IntoIterator<Item = &'a Statement>) -> Report {
    let claims = statements.into_iter().map(|one| Arc::clone(&one.claim));
    Report {
        number: dossier.number.clone(),
        relays: String::new(),
        complete: false,
        language: "und".to_owned(),
        claims: claims.collect(),
        facts: Facts::default(),
    }
}

/// The order as one of the references of a shipment.
fn reference(order: &Order) -> Identifier {
    Identifier {
        kind: IdentifierKind::Reference,
        value: Pii::new(order.reveal().to_owned()),
        carrier: String::new(),
        check_digit_valid: None,
    }
}
