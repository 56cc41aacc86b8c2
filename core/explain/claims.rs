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

/// A rule, and the rank of a claim by it.
type Criterion = (&'static str, fn(&Claim) -> u8);

const CODE: &[Criterion] = &[("field.code-precision", |claim| breadth(claim.code))];
const TIME: &[Criterion] = &[
    ("field.clock-basis", |claim| claim.time.basis as u8),
    ("field.clock-unit", |claim| claim.time.precision as u8),
];
const PLACE: &[Criterion] = &[("field.place-resolution", |claim| {
    let resolution = claim.location.as_ref().map(Location::resolution);
    resolution.unwrap_or(Resolution::None) as u8
})];
const REASON: &[Criterion] = &[("field.reason-specific", |claim| match claim.reason {
    Some(ReasonCode::OTHER) => 1,
    Some(_) => 0,
    None => 2,
})];

/// Fields that the event has from the report at a position. Each is told by what set the report
/// apart from the others.
fn gave(row: &Row<'_>, at: usize) -> Vec<Gave> {
    let fields = [
        ("code", Some(row.code_of), CODE),
        ("time", Some(row.time_of), TIME),
        ("place", row.place().map(|_| row.place_of), PLACE),
        ("reason", row.reason.map(|_| row.reason_of), REASON),
    ];
    fields
        .into_iter()
        .filter(|(_, of, _)| *of == Some(at))
        .map(|(field, _, criteria)| Gave {
            field,
            decision: why(row, at, criteria),
        })
        .collect()
}

/// The first criterion in which the chosen report differs from any other; trust if there is none.
fn why(row: &Row<'_>, at: usize, criteria: &[Criterion]) -> Decision {
    let chosen = &row.member(at).claim;
    if row.others.is_empty() {
        return Decision::new("field.only", "nobody else reports it");
    }
    let decides = |criterion: &&Criterion| {
        let own = criterion.1(chosen);
        row.members().any(|other| criterion.1(&other.claim) != own)
    };
    let rule = criteria
        .iter()
        .find(decides)
        .map_or("field.trust", |it| it.0);
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
