//! What several rows together make doubtful: clocks a whole day apart, scans before the item
//! existed, a feed that stands still while others move, rows that a source left out.

use std::collections::{BTreeMap, HashMap};

use jiff::{SignedDuration, Timestamp};

use crate::cluster;
use crate::event::{Digest, SourceClass, Standing};
use crate::fold::{Folded, Row, carrier, moment};
use crate::reconcile::SourceFacts;
use crate::shipment::FindingKind;
use crate::verify::Found;

/// How far a scan may lie before the acceptance by the same carrier: acceptances are entered late.
const ENTERED_LATE: SignedDuration = SignedDuration::from_hours(24);
/// How far a source may lag behind another one before its feed counts as standing still.
const LAG: SignedDuration = SignedDuration::from_hours(48);
const DAY: i64 = 24 * 3_600;

pub(crate) fn suspicions(folded: &Folded<'_>, facts: &[&SourceFacts], found: &mut Found) {
    left_out(folded, found);
    if facts.len() > 1 {
        day_apart(folded, found);
        stale_feeds(folded, facts, found);
    }
    before_acceptance(folded, found);
}

/// Rows that the newest complete report of their source does not list.
fn left_out(folded: &Folded<'_>, found: &mut Found) {
    for row in folded
        .rows
        .iter()
        .filter(|row| row.standing != Standing::Retracted)
    {
        for one in row.members().filter(|one| folded.withdrawn.is_missing(one)) {
            let detail = "its source does not list it any more";
            found.add(
                FindingKind::EventDisappeared,
                &one.source,
                detail,
                &[row.id],
            );
        }
    }
}

/// Rows of two sources in the same words at the same time of day, one day apart: one of the two
/// clocks is a day off.
fn day_apart(folded: &Folded<'_>, found: &mut Found) {
    let mut by_words: HashMap<(u64, i64), Vec<(&Row<'_>, usize)>> = HashMap::new();
    for row in folded.rows.iter().filter(|row| row.is_actual()) {
        let at = row.anchor.as_second();
        for (position, one) in row.members().enumerate() {
            let words = cluster::words(&one.claim);
            if words != 0 {
                let same = by_words
                    .entry((words, at.rem_euclid(DAY) / 60))
                    .or_default();
                same.push((row, position));
            }
        }
    }
    for rows in by_words.values().filter(|rows| rows.len() > 1) {
        for pair in rows.windows(2) {
            let [(one, its), (two, whose)] = pair else {
                continue;
            };
            let (Some(a), Some(b)) = (one.members().nth(*its), two.members().nth(*whose)) else {
                continue;
            };
            let apart = (one.anchor.as_second() - two.anchor.as_second()).abs();
            let other_source = a.source != b.source
                && !one.members().any(|known| known.source == b.source)
                && !two.members().any(|known| known.source == a.source);
            if (apart - DAY).abs() < 60 && other_source {
                let detail = "two sources tell the same row a day apart";
                found.add(
                    FindingKind::TimeContradiction,
                    "",
                    detail,
                    &[one.id, two.id],
                );
            }
        }
    }
}

/// Scans that a carrier made before it accepted the item.
fn before_acceptance(folded: &Folded<'_>, found: &mut Found) {
    let mut accepted: BTreeMap<&str, (Timestamp, Digest)> = BTreeMap::new();
    for row in folded.counting() {
        if matches!(row.code.0, 201..=203) {
            accepted
                .entry(carrier(row.lead))
                .or_insert((row.time().earliest, row.id));
        }
    }
    for row in folded.counting() {
        let Some((since, by)) = accepted.get(carrier(row.lead)) else {
            continue;
        };
        let moved = matches!(row.code.phase(), 3 | 5 | 6);
        if moved && since.duration_since(row.time().latest) > ENTERED_LATE {
            let detail = "more than a day before the carrier accepted the item";
            found.add(
                FindingKind::IdentityReuse,
                &row.lead.source,
                detail,
                &[row.id, *by],
            );
        }
    }
}

/// Sources that were asked after others had news, and had none. A carrier that handed the item on
/// has nothing to tell.
fn stale_feeds(folded: &Folded<'_>, facts: &[&SourceFacts], found: &mut Found) {
    let mut newest: BTreeMap<&str, Timestamp> = BTreeMap::new();
    for row in folded.counting() {
        for one in row.members() {
            let at = moment(&one.claim.time);
            let known = newest.entry(&one.source).or_insert(at);
            *known = at.max(*known);
        }
    }
    let Some((ahead, latest)) = newest.iter().max_by_key(|(_, at)| **at) else {
        return;
    };
    // A warehouse has nothing to tell once the item is gone.
    let feeds = facts
        .iter()
        .filter(|source| source.source != **ahead && source.class != SourceClass::Internal);
    for source in feeds {
        let Some(own) = newest.get(&*source.source) else {
            continue;
        };
        let is_direct = source.class < SourceClass::Aggregator;
        let handed_on = is_direct && !folded.chain.holds(&source.carrier, *latest);
        let lags = latest.duration_since(*own) > LAG && source.receive_time > *latest;
        if lags && !handed_on {
            let detail = "its newest event is more than 48 hours older than that of another source";
            found.add(FindingKind::FeedStale, &source.source, detail, &[]);
        }
    }
}
