//! What each claim of an event contributed, and why it belongs there.

use crate::cluster::{Clock, Fit};
use crate::code::ReasonCode;
use crate::event::{Claim, Observation};
use crate::fold::{Folded, Row};
use crate::listing::ABSENCE;
use crate::place::{Location, Resolution};
use crate::reconcile::Dossier;
use crate::same_code::{Code, breadth};
use crate::same_place::Place;

use super::{ClaimRole, Decision, Gave};

/// A rule, and what it compares of two claims.
type Measure<'a> = (&'static str, &'a dyn Fn(&Claim) -> u8);

/// Roles of the reports of a row, most trusted first.
pub(super) fn roles(row: &Row<'_>, folded: &Folded<'_>, dossier: &Dossier) -> Vec<ClaimRole> {
    let members = row.members().enumerate();
    let role = |(at, one): (usize, &std::sync::Arc<Observation>)| {
        let fit = row.fits.iter().find(|(id, _)| *id == one.id);
        ClaimRole {
            id: one.id,
            joined: joined(fit.map(|(_, fit)| fit)),
            gave: gave(row, at),
            withdrawn: withdrawn(one, folded, dossier),
        }
    };
    members.map(role).collect()
}

fn joined(fit: Option<&Fit>) -> Decision {
    let Some(fit) = fit else {
        let detail = "heard first; the event has its id from it";
        return Decision::new("match.first", detail);
    };
    if fit.apart < 0 {
        return Decision::new("match.repeated", "its source lists the same row twice");
    }
    let code = match fit.code {
        Code::Equal => "equal code",
        Code::Generalises => "one code is the other in general terms",
        Code::Words => "equal words, and a code that says nothing",
    };
    let place = match fit.place {
        Place::SameFacility => "same facility",
        Place::SameLocality => "same town",
        Place::Compatible => "places that do not contradict each other",
        Place::Unknown => "place unknown",
    };
    let (rule, clock) = match fit.clock {
        Clock::Known => ("match.instant", "same instant"),
        Clock::Wall => (
            "match.wall-clock",
            "same wall clock, one of them without a zone",
        ),
        Clock::Day => ("match.day", "same day, one of them states no more"),
        Clock::ZoneMistaken => (
            "match.zone-mistaken",
            "clocks that differ as zones do, in equal words: somebody assumed a zone",
        ),
    };
    let apart = fit.apart;
    Decision::new(rule, format!("{code}; {clock} ({apart} s apart); {place}"))
}

/// Fields that the event has from the report at a position. Each is told by what set the report
/// apart from the others.
fn gave(row: &Row<'_>, at: usize) -> Vec<Gave> {
    let mut gave = Vec::new();
    let mut add = |field, position: usize, differ: &[Measure<'_>]| {
        if position == at {
            let decision = why(row, at, differ);
            gave.push(Gave { field, decision });
        }
    };
    let precise = |claim: &Claim| breadth(claim.code);
    add("code", row.code_of, &[("field.code-precision", &precise)]);
    let basis = |claim: &Claim| claim.time.basis as u8;
    let unit = |claim: &Claim| claim.time.precision as u8;
    let clock: [Measure<'_>; 2] = [("field.clock-basis", &basis), ("field.clock-unit", &unit)];
    add("time", row.time_of, &clock);
    let known = |claim: &Claim| {
        let resolution = claim.location.as_ref().map(Location::resolution);
        resolution.unwrap_or(Resolution::None) as u8
    };
    if row.place().is_some() {
        add("place", row.place_of, &[("field.place-resolution", &known)]);
    }
    let specific = |claim: &Claim| match claim.reason {
        Some(ReasonCode::OTHER) => 1,
        Some(_) => 0,
        None => 2,
    };
    if row.reason.is_some() {
        add(
            "reason",
            row.reason_of,
            &[("field.reason-specific", &specific)],
        );
    }
    gave
}

/// The first criterion in which the chosen report differs from any other; trust if there is none.
fn why(row: &Row<'_>, at: usize, differ: &[Measure<'_>]) -> Decision {
    let chosen = &row.member(at).claim;
    if row.others.is_empty() {
        return Decision::new("field.only", "nobody else reports it");
    }
    for (rule, rank) in differ {
        let own = rank(chosen);
        if row.members().any(|other| rank(&other.claim) != own) {
            return Decision::new(rule, super::rules::meaning(rule));
        }
    }
    let rule = "field.trust";
    Decision::new(rule, super::rules::meaning(rule))
}

fn withdrawn(one: &Observation, folded: &Folded<'_>, dossier: &Dossier) -> Option<Decision> {
    let withdrawn = folded.withdrawn.holds(one);
    if withdrawn && one.claim.retracted {
        let detail = format!("{} says so, as of {}", one.source, one.last_listed);
        return Some(Decision::new("withdrawn.said", detail));
    }
    if !folded.withdrawn.is_missing(one) {
        return None;
    }
    let lists = dossier
        .facts
        .iter()
        .find(|facts| facts.source == *one.source)?;
    let since = lists
        .complete
        .iter()
        .find(|time| **time > one.last_listed)?;
    let newest = lists.complete.last()?;
    let source = &one.source;
    Some(if !withdrawn {
        let detail = format!("{source} has not listed it since {since}; not long enough yet");
        Decision::new("withdrawn.missing", detail)
    } else if newest.duration_since(*since) >= ABSENCE {
        let detail = format!("{source} has not listed it from {since} to {newest}");
        Decision::new("withdrawn.left-out", detail)
    } else {
        let detail = format!(
            "{source} has not listed it since {since}, and reports the item on its way after it"
        );
        Decision::new("withdrawn.went-on", detail)
    })
}
