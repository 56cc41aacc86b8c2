//! Why a record is what it is: every step of the fold, what each claim contributed, and what opened
//! and closed each exception.
//!
//! An [`Explanation`] is made by the same fold as the record, from the same dossier; it decides
//! nothing itself. Decisions have the id of a rule from [`RULES`] and an English sentence for
//! operators, without personal data. The claims beside them are personal: they hold the sources'
//! own texts.

mod claims;
mod problems;
mod rules;

use jiff::Timestamp;

use crate::assess::assess;
use crate::event::{Classifier, Digest, Event, Standing};
use crate::exception::{Category, Exception};
use crate::fold::{Folded, Objection, Row};
use crate::reconcile::Dossier;
use crate::revision::revise;
use crate::shipment::Shipment;
use crate::status::{Status, transition};

pub use self::rules::RULES;

/// Why a record is what it is.
#[derive(Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The record as the dossier makes it now.
    pub record: Shipment,
    /// Every event in the order in which it was taken, oldest first.
    pub steps: Vec<Step>,
    /// Exceptions in the order of the record, and why.
    pub exceptions: Vec<Problem>,
    /// What time alone will change, soonest first, as long as no news comes.
    pub changes: Vec<Change>,
    /// The first moment at which time alone makes another record; `None` if never.
    pub next_change: Option<Timestamp>,
}

/// One step of the fold: one event.
#[derive(Clone, PartialEq, Eq)]
pub struct Step {
    /// The event; its reports bear the class that they have at this point of the journey.
    pub event: Event,
    /// Place in the order: the moment, or one between its neighbours in the source's own list.
    pub anchor: Timestamp,
    /// Status before it.
    pub before: Status,
    /// Status after it.
    pub after: Status,
    /// What became of it.
    pub decision: Decision,
    /// What each claim had to do with it, in the order of the event's reports.
    pub claims: Vec<ClaimRole>,
}

/// What one claim had to do with an event.
#[derive(Clone, PartialEq, Eq)]
pub struct ClaimRole {
    /// Id of the observation.
    pub id: Digest,
    /// Why it belongs to the event.
    pub joined: Decision,
    /// Which fields the event has from it, and why.
    pub gave: Vec<Gave>,
    /// Whether and why its source does not stand by it any more.
    pub withdrawn: Option<Decision>,
}

/// A field that an event has from a claim.
#[derive(Clone, PartialEq, Eq)]
pub struct Gave {
    /// "code", "time", "place" or "reason".
    pub field: &'static str,
    /// Why from this claim.
    pub decision: Decision,
}

/// Why an exception is open or closed.
#[derive(Clone, PartialEq, Eq)]
pub struct Problem {
    /// The exception.
    pub exception: Exception,
    /// What opened it.
    pub opened: Decision,
    /// What closed it; `None` while it is open.
    pub closed: Option<Decision>,
}

/// A decision of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Id of the rule, as in [`RULES`].
    pub rule: &'static str,
    /// What was decided and why, in English, without personal data.
    pub detail: String,
}

/// What time alone will change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// When.
    pub time: Timestamp,
    /// What, as a rule.
    pub decision: Decision,
    /// Category of the exception that it is about; `None` if it is about the tracking state.
    pub category: Option<Category>,
}

impl Decision {
    fn new(rule: &'static str, detail: impl Into<String>) -> Self {
        Self {
            rule,
            detail: detail.into(),
        }
    }
}

/// Explains the record of a dossier. `shown` is the record that clients have: revisions are counted
/// from there.
pub fn explain(dossier: &Dossier, shown: Option<&Shipment>, now: Timestamp) -> Explanation {
    let (record, next_change) = assess(dossier.record(), now);
    let (record, _) = revise(shown, record, now);
    let (problems, changes) = problems::problems(&record, now);
    let folded = dossier.folded();
    let events: std::collections::BTreeMap<Digest, &Event> = record
        .events
        .iter()
        .map(|event| (event.id, event))
        .collect();
    let steps = folded
        .rows
        .iter()
        .filter_map(|row| {
            let event = (*events.get(&row.id)?).clone();
            Some(Step {
                anchor: row.anchor,
                before: row.between.0,
                after: row.between.1,
                decision: decision(row, &folded),
                claims: claims::roles(row, &folded, dossier),
                event,
            })
        })
        .collect();
    Explanation {
        steps,
        exceptions: problems,
        changes,
        next_change,
        record,
    }
}

/// What became of a row, read off what the fold noted.
fn decision(row: &Row<'_>, folded: &Folded<'_>) -> Decision {
    let (before, after) = row.between;
    if !row.is_actual() {
        let detail = match row.lead.claim.classifier {
            Classifier::Planned => "planned, and not a report of what happened",
            _ => "estimated, and not a report of what happened",
        };
        return Decision::new("step.forecast", detail);
    }
    if row.standing == Standing::Retracted {
        let detail = "every source that is nearest to its origin has withdrawn it";
        return Decision::new("step.retracted", detail);
    }
    match row.objection {
        None => {}
        Some(Objection::Future) => {
            let detail = "lies more than 10 minutes after the newest report that states it";
            return Decision::new("step.future", detail);
        }
        Some(Objection::Contradicted) => {
            let detail = format!(
                "only others than the carrier in charge report this end, and that carrier ({}) \
                 went on to report the item",
                folded.chain.holder_at(row.anchor)
            );
            return Decision::new("step.contradicted", detail);
        }
        Some(Objection::Travel) => {
            let detail = "too far from another scan for the time between them, and less trusted";
            return Decision::new("step.travel", detail);
        }
        Some(Objection::Move {
            from,
            to,
            after_terminal,
        }) => {
            let rule = if after_terminal {
                "step.after-terminal"
            } else {
                "step.illegal"
            };
            let detail = format!("{to:?} cannot follow {from:?} ({:?})", transition(from, to));
            return Decision::new(rule, detail);
        }
    }
    if row.handed_on {
        let detail = format!(
            "its carrier had handed the item on to {} by then",
            folded.chain.holder_at(row.anchor)
        );
        return Decision::new("step.handed-on", detail);
    }
    if row.way_back {
        let detail = "describes the way back, and leaves the status";
        return Decision::new("step.way-back", detail);
    }
    let stated = row.member(row.code_of).claim.code;
    match row.effect {
        None if stated.status().is_none() => {
            Decision::new("step.no-effect", "its code says nothing about the status")
        }
        None => Decision::new(
            "step.late",
            format!("late data about the shipment: {before:?} stays"),
        ),
        Some(_) if stated != row.code => Decision::new(
            "step.recast",
            format!(
                "{} at this point of the journey means {}",
                rules::name(stated),
                rules::name(row.code)
            ),
        ),
        Some(_) if before == after => {
            Decision::new("step.confirms", format!("says {after:?} again"))
        }
        Some(_) => Decision::new("step.sets", format!("{before:?} becomes {after:?}")),
    }
}
