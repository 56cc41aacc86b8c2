//! What a source no longer says.
//!
//! A complete report that leaves out a row it had before means something: the row was withdrawn,
//! or the list is shorter at its old end, or the source shuffles its rows. One report proves
//! nothing; see [`Withdrawn`] for what does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::anchor::Anchors;
use crate::event::{Digest, Observation, SourceClass};
use crate::fold::Row;
use crate::reconcile::SourceFacts;
use crate::status::Status;

/// Time over which every complete report has to leave a row out.
pub(crate) const ABSENCE: SignedDuration = SignedDuration::from_mins(30);
/// Reports closer to each other than this are as good as one.
const GRAIN: i64 = 30 * 60;
const DAY: i64 = 24 * 3_600;
/// Days for which reports are told apart by the half hour; before that, by the day.
const RECENT: i64 = 2 * DAY;

/// When a source gave complete reports: of each half hour, and of what is older each day, the
/// first one, and the newest of all. What is kept does not depend on the order in which the
/// reports came.
pub(crate) fn listings(mut times: Vec<Timestamp>, more: &[Timestamp]) -> Vec<Timestamp> {
    if times.last().is_some_and(|last| more == [*last]) {
        return times;
    }
    times.extend_from_slice(more);
    times.sort_unstable();
    times.dedup();
    let Some(newest) = times.last().copied() else {
        return times;
    };
    let recent = newest.as_second() - RECENT;
    let (mut day, mut grain) = (None, None);
    times.retain(|time| {
        let second = time.as_second();
        let of_day = Some(second.div_euclid(DAY));
        let of_grain = Some(second.div_euclid(GRAIN));
        let first_of_day = day != of_day;
        let first_of_grain = grain != of_grain;
        (day, grain) = (of_day, of_grain);
        first_of_day || (first_of_grain && second >= recent) || *time == newest
    });
    times
}

/// Rows that their sources withdrew, by word or by leaving them out.
///
/// A row counts as withdrawn when its source says so, or when complete reports over 30 minutes
/// leave it out, unless it is older than everything that is still listed (lists are cut at that
/// end) or nothing is listed at all. A delivery is withdrawn at once when the same source reports
/// the item on its way more than 30 minutes later.
pub(crate) struct Withdrawn {
    ids: BTreeSet<Digest>,
    /// Left out, but not withdrawn (yet).
    absent: BTreeSet<Digest>,
}

/// What the newest complete report of a source lists.
struct List<'a> {
    /// When the source gave complete reports.
    times: &'a [Timestamp],
    newest: Timestamp,
    /// Anchor of the oldest row.
    oldest_row: Option<Timestamp>,
    /// Anchor of the newest row by which the item is still on its way.
    newest_move: Option<Timestamp>,
}

impl Withdrawn {
    pub(crate) fn new(
        observations: &[Arc<Observation>],
        facts: &[SourceFacts],
        anchors: &Anchors,
    ) -> Self {
        let mut found = Self {
            ids: BTreeSet::new(),
            absent: BTreeSet::new(),
        };
        for one in observations.iter().filter(|one| one.claim.retracted) {
            found.ids.insert(one.id);
        }
        let mut lists: BTreeMap<&str, List<'_>> = BTreeMap::new();
        for source in facts {
            // A carrier that is asked under several numbers need not list the same under each.
            if source.under.len() > 1 {
                continue;
            }
            if let Some(newest) = source.complete.last() {
                let list = List {
                    times: &source.complete,
                    newest: *newest,
                    oldest_row: None,
                    newest_move: None,
                };
                lists.insert(&source.source, list);
            }
        }
        let mut missing = Vec::new();
        for one in observations {
            let Some(list) = lists.get_mut(&*one.source) else {
                continue;
            };
            if one.last_listed < list.newest {
                missing.push(one);
                continue;
            }
            let anchor = anchors.of(one);
            list.oldest_row = list
                .oldest_row
                .map_or(Some(anchor), |at| Some(at.min(anchor)));
            let moves = one.claim.code.status();
            if moves.is_some_and(|status| !status.is_terminal()) {
                list.newest_move = list.newest_move.max(Some(anchor));
            }
        }
        for one in missing {
            let Some(list) = lists.get(&*one.source) else {
                continue;
            };
            let anchor = anchors.of(one);
            let Some(oldest) = list.oldest_row else {
                found.absent.insert(one.id);
                continue;
            };
            if anchor < oldest {
                continue;
            }
            let later = list.times.partition_point(|time| *time <= one.last_listed);
            let long = list
                .times
                .get(later)
                .is_some_and(|first| list.newest.duration_since(*first) >= ABSENCE);
            let went_on = one.claim.code.status() == Some(Status::Delivered)
                && one.class < SourceClass::Aggregator
                && list
                    .newest_move
                    .is_some_and(|at| at.duration_since(anchor) > ABSENCE);
            if long || went_on {
                found.ids.insert(one.id);
            } else {
                found.absent.insert(one.id);
            }
        }
        found
    }

    /// Tells whether nobody stands by the event any more: of each origin, the report that is
    /// nearest to it decides, so that an aggregator withdraws nothing that the carrier still lists.
    pub(crate) fn holds_of(&self, row: &Row<'_>) -> bool {
        if self.ids.is_empty() {
            return false;
        }
        let mut heard: BTreeSet<&str> = BTreeSet::new();
        let mut nearest = row.members().filter(|one| heard.insert(&one.evidence_root));
        nearest.all(|one| self.ids.contains(&one.id))
    }

    /// Tells whether a report is withdrawn.
    pub(crate) fn holds(&self, one: &Observation) -> bool {
        self.ids.contains(&one.id)
    }

    /// Tells whether a report of the event was left out by its source, by the newest list.
    pub(crate) fn is_missing(&self, one: &Observation) -> bool {
        self.absent.contains(&one.id) || (self.ids.contains(&one.id) && !one.claim.retracted)
    }
}
