//! Who had the item when: the carriers of a journey, one after the other.
//!
//! Posts and line carriers hand an item on, often under a new number, and go on repeating what
//! others tell them about it. Custody passes forward only: a carrier that handed the item on does
//! not get it back, whatever it repeats later, until the item is on its way back.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::event::{Observation, SourceClass, Standing};
use crate::fold::{Folded, Row, carrier};
use crate::number::{self, TrackingNumber};
use crate::onward::Onward;
use crate::privacy::Pii;
use crate::reconcile::SourceFacts;
use crate::shipment::{IdentifierKind, KnownNumber};
use crate::status::Status;

/// One carrier's part of the journey.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leg {
    /// Carrier id; empty if it is not known who took over.
    pub carrier: String,
    /// Role.
    pub role: LegRole,
    /// Number that this carrier uses; `None` if unknown.
    pub number: Option<Pii<String>>,
    /// Service name in the carrier's words; empty if unknown.
    pub service: String,
    /// First event; `None` before it starts.
    pub start: Option<Timestamp>,
    /// Hand-over to the next leg, or the end of the journey; `None` while under way.
    pub end: Option<Timestamp>,
}

/// Role of a leg. Numbers as in the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum LegRole {
    /// Collection and origin country.
    FirstMile = 1,
    /// Between countries or hubs.
    LineHaul = 2,
    /// Destination country.
    LastMile = 3,
    /// Whole journey by one carrier.
    EndToEnd = 4,
    /// Way back to the sender.
    Return = 5,
}

/// Carriers that had the item, in order.
pub(crate) struct Chain<'a> {
    spans: Vec<Span<'a>>,
}

struct Span<'a> {
    carrier: &'a str,
    from: Timestamp,
}

impl<'a> Chain<'a> {
    /// Follows custody through the rows, which are in order. Countries are empty if unknown.
    /// So is the carrier that issued the number.
    pub(crate) fn of(rows: &[Row<'a>], origin: &str, destination: &str, issuer: &str) -> Self {
        let mut spans: Vec<Span<'a>> = Vec::new();
        let mut told: BTreeSet<&str> = BTreeSet::new();
        let abroad = !origin.is_empty() && !destination.is_empty() && origin != destination;
        let home = number::post_of(origin);
        for row in rows {
            if !row.is_actual() || !is_possession(row) {
                continue;
            }
            let names = || row.members().map(|one| carrier(one));
            let next = match spans.last() {
                None => {
                    // The issuer of the number, then the post of the origin. The one who delivers
                    // repeats what was scanned before; see `is_echo`. A name is the last resort, so
                    // that it does not matter whose report came first.
                    let rank = |one: &&'a Arc<Observation>| {
                        let one: &'a Observation = one;
                        let name = carrier(one);
                        (
                            name != issuer,
                            home != Some(name),
                            abroad && arrives_alone(rows, name),
                            one.class,
                            name,
                        )
                    };
                    let named = row.members().filter(|one| !carrier(one).is_empty());
                    named.min_by_key(rank).map(|one| carrier(one))
                }
                Some(current) => {
                    let known = |name: &str| name == current.carrier || name.is_empty();
                    let country = row.place().map_or("", |place| &*place.country);
                    // What the next post repeats of the first one's scans happened before it took
                    // over.
                    let is_echo = abroad && country == origin && row.code.phase() != 7;
                    let next = if !names().any(known) {
                        Some(carrier(row.lead))
                    } else if is_arrival(row) {
                        // Who handed it on repeats the scans of the next one, which has told of
                        // nothing before it came.
                        names().find(|name| !known(name) && !told.contains(name))
                    } else {
                        None
                    };
                    next.filter(|next| !is_echo && !spans.iter().any(|span| span.carrier == *next))
                }
            };
            told.extend(names());
            if let Some(carrier) = next {
                spans.push(Span {
                    carrier,
                    from: row.anchor,
                });
            }
        }
        Self { spans }
    }

    /// Tells whether more than one carrier had it.
    pub(crate) fn has_changed_hands(&self) -> bool {
        self.spans.len() > 1
    }

    /// How far to believe a report about this moment: the interface of the carrier that had the
    /// item comes before that of another one.
    pub(crate) fn trust(&self, one: &Observation, at: Timestamp) -> SourceClass {
        let is_direct = matches!(one.class, SourceClass::Custodian | SourceClass::Carrier);
        if !is_direct || !self.has_changed_hands() {
            return one.class;
        }
        if self
            .holder(at)
            .is_some_and(|span| span.carrier == &*one.evidence_root)
        {
            SourceClass::Custodian
        } else {
            SourceClass::Carrier
        }
    }

    /// Tells whether only carriers that had handed the item on by then report it.
    pub(crate) fn is_past(&self, row: &Row<'_>) -> bool {
        if !self.has_changed_hands() {
            return false;
        }
        let now = self.spans.iter().rposition(|span| span.from <= row.anchor);
        row.members().all(|one| {
            let own = self
                .spans
                .iter()
                .position(|span| span.carrier == carrier(one));
            own < now && own.is_some()
        })
    }

    fn holder(&self, at: Timestamp) -> Option<&Span<'a>> {
        let later = self.spans.iter().rev().find(|span| span.from <= at);
        later.or(self.spans.first())
    }

    /// Carrier that had the item then, as far as anybody knows; empty if nobody had.
    pub(crate) fn holder_at(&self, at: Timestamp) -> &'a str {
        self.holder(at).map_or("", |span| span.carrier)
    }

    /// Tells whether the carrier had the item then, as far as anybody knows.
    pub(crate) fn holds(&self, carrier: &str, at: Timestamp) -> bool {
        self.holder(at).is_none_or(|span| span.carrier == carrier)
    }

    /// Carrier that has it, or had it last; empty if nobody had.
    pub(crate) fn last(&self) -> &'a str {
        self.spans.last().map_or("", |span| span.carrier)
    }
}

/// Having or handling the item; data and papers are not.
fn is_possession(row: &Row<'_>) -> bool {
    row.standing != Standing::Retracted
        && matches!(row.code.0, 201..=205 | 301..=313 | 315 | 501..=508 | 601..=610 | 651..=655 | 701..=704)
}

/// Coming to the one who delivers, and what that one does.
fn is_arrival(row: &Row<'_>) -> bool {
    matches!(row.code.0, 309 | 310 | 313 | 315 | 501..=508 | 601..=610 | 651..=655)
}

/// Tells whether a carrier is the only one to tell that the item arrived.
fn arrives_alone(rows: &[Row<'_>], name: &str) -> bool {
    rows.iter()
        .any(|row| is_arrival(row) && row.members().all(|one| carrier(one) == name))
}

/// The legs of a folded journey.
pub(crate) fn legs(
    folded: &Folded<'_>,
    number: &TrackingNumber,
    identifiers: &[KnownNumber],
    onward: &[Onward<'_>],
    facts: &[&SourceFacts],
    is_abroad: bool,
) -> Vec<Leg> {
    let spans = &folded.chain.spans;
    let end = folded
        .status
        .is_terminal()
        .then(|| folded.status_row().map(|row| row.anchor))
        .flatten();
    let turned = folded
        .counting()
        .find(|row| matches!(row.effect, Some(Status::Returning | Status::Returned)))
        .map(|row| row.anchor);
    let mut legs: Vec<Leg> = Vec::with_capacity(spans.len());
    for (at, span) in spans.iter().enumerate() {
        legs.push(Leg {
            carrier: span.carrier.to_owned(),
            role: LegRole::LineHaul,
            number: number_of(span.carrier, at == 0, number, identifiers),
            service: service_of(span.carrier, facts),
            start: Some(span.from),
            end: spans.get(at + 1).map(|next| next.from).or(turned).or(end),
        });
    }
    // A number on the last mile is known before its carrier has said a word.
    let known: BTreeSet<&str> = spans.iter().map(|span| span.carrier).collect();
    for one in identifiers.iter().map(|known| &known.identifier) {
        let waits = one.kind == IdentifierKind::LastMile
            && !one.carrier.is_empty()
            && !known.contains(&*one.carrier)
            && turned.is_none();
        if waits && !legs.iter().any(|leg| leg.carrier == one.carrier) {
            // The text that names the number tells of the hand-over.
            let told = onward
                .iter()
                .find(|told| told.number.reveal() == one.value.reveal());
            let start = told.map(|told| told.at);
            if let (Some(start), Some(before)) = (start, legs.last_mut()) {
                if before.start > Some(start) {
                    continue;
                }
                before.end = Some(start);
            }
            legs.push(Leg {
                carrier: one.carrier.clone(),
                role: LegRole::LastMile,
                number: Some(one.value.clone()),
                service: String::new(),
                start,
                end: start.and(end),
            });
        }
    }
    let postal = is_abroad && is_s10(number.reveal());
    let arrived = arrival(folded);
    // Nobody that had it before it arrived has said a word.
    let is_issuer = |leg: &Leg| {
        identifiers
            .first()
            .is_some_and(|own| own.identifier.carrier == leg.carrier)
    };
    let late = postal && legs.len() == 1 && legs[0].start == arrived && !is_issuer(&legs[0]);
    if legs.len() == 1
        && postal
        && !late
        && let Some(arrived) = arrived
    {
        legs[0].end = Some(arrived);
        legs.push(Leg {
            carrier: String::new(),
            role: LegRole::LastMile,
            number: legs[0].number.clone(),
            service: String::new(),
            start: Some(arrived),
            end: turned.or(end),
        });
    }
    let count = legs.len();
    if let [only] = legs.as_mut_slice() {
        only.role = if late {
            LegRole::LastMile
        } else if postal {
            LegRole::FirstMile
        } else {
            LegRole::EndToEnd
        };
    } else {
        for (at, leg) in legs.iter_mut().enumerate() {
            leg.role = match at {
                0 => LegRole::FirstMile,
                last if last + 1 == count => LegRole::LastMile,
                _ => LegRole::LineHaul,
            };
        }
    }
    if let (Some(turned), Some(last)) = (turned, legs.last().cloned()) {
        legs.push(Leg {
            role: LegRole::Return,
            start: Some(turned),
            end,
            ..last
        });
    }
    legs
}

/// When the item is first reported on the ground of its destination.
fn arrival(folded: &Folded<'_>) -> Option<Timestamp> {
    let mut rows = folded.counting();
    rows.find(|row| matches!(row.code.0, 309 | 310 | 313 | 411..=418 | 501..=508 | 601..=655))
        .map(|row| row.anchor)
}

/// Two letters, eight digits and a check digit, and the country of the post: UPU S10.
fn is_s10(number: &str) -> bool {
    let bytes = number.as_bytes();
    bytes.len() == 13
        && bytes[..2]
            .iter()
            .chain(&bytes[11..])
            .all(u8::is_ascii_uppercase)
        && bytes[2..11].iter().all(u8::is_ascii_digit)
}

fn number_of(
    carrier: &str,
    is_first: bool,
    number: &TrackingNumber,
    identifiers: &[KnownNumber],
) -> Option<Pii<String>> {
    let mut identifiers = identifiers.iter().map(|known| &known.identifier);
    let own = identifiers.find(|one| {
        one.carrier == carrier
            && matches!(
                one.kind,
                IdentifierKind::LastMile | IdentifierKind::Carrier | IdentifierKind::UpuS10
            )
    });
    own.map(|one| one.value.clone()).or_else(|| {
        (is_first || is_s10(number.reveal())).then(|| Pii::new(number.reveal().to_owned()))
    })
}

fn service_of(carrier: &str, facts: &[&SourceFacts]) -> String {
    facts
        .iter()
        .filter(|source| source.carrier == carrier)
        .map(|source| &source.facts.service)
        .find(|service| !service.is_empty())
        .cloned()
        .unwrap_or_default()
}
