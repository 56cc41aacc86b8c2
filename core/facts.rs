//! What the sources state beside events, merged: the most trusted source first, then the one with
//! the newest event.

use std::cmp::Reverse;
use std::sync::Arc;

use jiff::Timestamp;

use crate::event::Observation;
use crate::fold::moment;
use crate::number::{self, TrackingNumber};
use crate::onward::Onward;
use crate::privacy::Pii;
use crate::reconcile::{Dossier, SourceFacts};
use crate::shipment::{
    Contact, Estimate, EstimateKind, Facts, Identifier, IdentifierBasis, IdentifierKind,
    KnownNumber, Physical, Proof, Requirements,
};

/// Orders sources by trust, then by how new what they tell is. When a source was asked last does
/// not matter: else the record would change with every poll that brings nothing new.
pub(crate) fn ranked<'a>(
    facts: &'a [SourceFacts],
    observations: &[Arc<Observation>],
) -> Vec<&'a SourceFacts> {
    let mut ranked: Vec<(Option<Timestamp>, &SourceFacts)> =
        facts.iter().map(|known| (None, known)).collect();
    if ranked.len() > 1 {
        for one in observations.iter().filter(|one| one.claim.happened()) {
            let place = ranked.binary_search_by(|(_, known)| (*known.source).cmp(&one.source));
            if let Some((newest, _)) = place.ok().and_then(|at| ranked.get_mut(at)) {
                *newest = (*newest).max(Some(moment(&one.claim.time)));
            }
        }
    }
    ranked.sort_by(|(a_newest, a), (b_newest, b)| {
        (a.class, Reverse(a_newest), &a.source).cmp(&(b.class, Reverse(b_newest), &b.source))
    });
    ranked.into_iter().map(|(_, known)| known).collect()
}

/// The first value that any source states.
pub(crate) fn first<'a, T>(
    ranked: &[&'a SourceFacts],
    field: impl Fn(&'a Facts) -> Option<T>,
) -> Option<T> {
    ranked.iter().find_map(|source| field(&source.facts))
}

pub(crate) fn requirements(ranked: &[&SourceFacts]) -> Option<Requirements> {
    let needs = |source: &&SourceFacts| source.facts.requirements.as_deref().cloned();
    let ranked = ranked.iter().filter_map(needs);
    ranked.reduce(|best, next| best.over(Some(next)))
}

pub(crate) fn physical(ranked: &[&SourceFacts]) -> Physical {
    ranked.iter().fold(Physical::default(), |best, source| {
        let Physical {
            weight_grams,
            length_mm,
            width_mm,
            height_mm,
            piece_count,
        } = &source.facts.physical;
        Physical {
            weight_grams: best.weight_grams.or(*weight_grams),
            length_mm: best.length_mm.or(*length_mm),
            width_mm: best.width_mm.or(*width_mm),
            height_mm: best.height_mm.or(*height_mm),
            piece_count: best.piece_count.or(*piece_count),
        }
    })
}

pub(crate) fn proof(ranked: &[&SourceFacts]) -> Option<Proof> {
    let proofs = ranked
        .iter()
        .filter_map(|source| source.facts.proof.clone());
    proofs.reduce(|best, next| Proof {
        signed_by: if best.signed_by.reveal().is_empty() {
            next.signed_by
        } else {
            best.signed_by
        },
        documents: if best.documents.is_empty() {
            next.documents
        } else {
            best.documents
        },
    })
}

/// One contact per action.
pub(crate) fn contacts(ranked: &[&SourceFacts]) -> Vec<Contact> {
    let mut all: Vec<Contact> = Vec::new();
    for contact in ranked.iter().flat_map(|source| &source.facts.contacts) {
        if !all.iter().any(|known| known.action == contact.action) {
            all.push(contact.clone());
        }
    }
    all
}

/// Forecasts of the newest reports, best first: what a carrier expects now says more than what it
/// promised once. Each bears the time we first heard it.
pub(crate) fn estimates(ranked: &[&SourceFacts]) -> Vec<Estimate> {
    let rank = |kind| match kind {
        EstimateKind::CarrierForecast => 0,
        EstimateKind::CarrierCommitment => 1,
        EstimateKind::AggregatorForecast => 2,
    };
    let mut all: Vec<Estimate> = Vec::new();
    for source in ranked {
        for estimate in &source.facts.estimates {
            let same = |other: &&Estimate| {
                other.kind == estimate.kind
                    && other.window == estimate.window
                    && other.source == estimate.source
            };
            if all.iter().any(|known| same(&known)) {
                continue;
            }
            let first = source.heard.iter().find(same);
            all.push(first.unwrap_or(estimate).clone());
        }
    }
    all.sort_by_key(|estimate| rank(estimate.kind));
    all
}

/// All numbers, the shipment's own first, then what fields state, then what texts tell.
pub(crate) fn identifiers(
    dossier: &Dossier,
    ranked: &[&SourceFacts],
    onward: &[Onward<'_>],
) -> Vec<KnownNumber> {
    let own = |number: &TrackingNumber, carrier: &str| KnownNumber {
        identifier: Identifier {
            kind: kind_of(number.reveal()),
            value: Pii::new(number.reveal().to_owned()),
            carrier: carrier.to_owned(),
            check_digit_valid: number::check_digit_valid(number.reveal(), carrier),
        },
        source: String::new(),
        basis: IdentifierBasis::Own,
    };
    let carrier = dossier.carrier.as_str();
    let mut all = vec![own(&dossier.number, carrier)];
    let stated = ranked.iter().flat_map(|source| {
        let identifiers = source.facts.identifiers.iter();
        identifiers.map(|new| (&source.source, new))
    });
    for (source, new) in stated {
        let own = new.value == all[0].identifier.value && new.kind != IdentifierKind::Reference;
        let same =
            |known: &&mut Identifier| known.value == new.value && (own || known.kind == new.kind);
        match all.iter_mut().map(|known| &mut known.identifier).find(same) {
            Some(known) => {
                known.check_digit_valid = known.check_digit_valid.or(new.check_digit_valid);
                if known.carrier.is_empty() {
                    known.carrier.clone_from(&new.carrier);
                }
            }
            None => all.push(KnownNumber {
                identifier: new.clone(),
                source: source.clone(),
                basis: IdentifierBasis::Field,
            }),
        }
    }
    // What it was known by when it was taken for a shipment of its own, should nobody state it now.
    for one in &dossier.superseded {
        let known = |known: &KnownNumber| known.identifier.value.reveal() == one.number.reveal();
        if !all.iter().any(known) {
            all.push(own(&one.number, &one.carrier));
        }
    }
    all.extend(onward.iter().map(|one| KnownNumber {
        identifier: Identifier {
            kind: if one.carrier.is_empty() || one.carrier == carrier {
                kind_of(one.number.reveal())
            } else {
                IdentifierKind::LastMile
            },
            value: Pii::new(one.number.reveal().to_owned()),
            carrier: one.carrier.to_owned(),
            check_digit_valid: Some(true),
        },
        source: one.source.to_owned(),
        basis: IdentifierBasis::EventText,
    }));
    all
}

/// Kind of a carrier's number by its shape: two letters, nine digits and two letters make an S10
/// identifier.
pub(crate) fn kind_of(number: &str) -> IdentifierKind {
    let letters = |part: &str| part.bytes().all(|c| c.is_ascii_uppercase());
    let is_s10 = number.len() == 13
        && number.is_ascii()
        && letters(&number[..2])
        && number[2..11].bytes().all(|c| c.is_ascii_digit())
        && letters(&number[11..]);
    if is_s10 {
        IdentifierKind::UpuS10
    } else {
        IdentifierKind::Carrier
    }
}
