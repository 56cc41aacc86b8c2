//! What several rows together make doubtful: clocks a whole day apart, scans before the item
//! existed, a feed that stands still while others move, rows that a source left out.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::cluster;
use crate::event::{Digest, SourceClass, Standing};
use crate::fold::{Folded, Row, carrier, moment};
use crate::reconcile::SourceFacts;
use crate::shipment::FindingKind;
use crate::verify::{BySource, Found};

/// How far a scan may lie before the acceptance by the same carrier: acceptances are entered late.
const ENTERED_LATE: SignedDuration = SignedDuration::from_hours(24);
/// How far a source may lag behind another one before its feed counts as standing still.
const LAG: SignedDuration = SignedDuration::from_hours(48);
const DAY: i64 = 24 * 3_600;
const MINUTE: i64 = 60;
/// Rows of one minute that are looked at; no source has so many that differ in nothing else.
const AT_ONCE: usize = 16;

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
    let rows: Vec<&Row<'_>> = folded.rows.iter().filter(|row| row.is_actual()).collect();
    let seconds = |row: &Row<'_>| row.anchor.as_second();
    let mut from = 0;
    for one in &rows {
        let day_later = seconds(one) + DAY;
        while rows
            .get(from)
            .is_some_and(|row| seconds(row) <= day_later - MINUTE)
        {
            from += 1;
        }
        let near = rows.iter().skip(from).take(AT_ONCE);
        for two in near.take_while(|row| seconds(row) < day_later + MINUTE) {
            if is_one_row(one, two) {
                let detail = "two sources tell the same row a day apart";
                let ids = [one.id, two.id];
                found.add(FindingKind::TimeContradiction, "", detail, &ids);
            }
        }
    }
}

/// Tells whether one source says of one event what another one says of another, in the same words.
fn is_one_row(one: &Row<'_>, two: &Row<'_>) -> bool {
    let tells = |row: &Row<'_>, source: &str| row.members().any(|known| &*known.source == source);
    one.members().filter(|a| !tells(two, &a.source)).any(|a| {
        let words = cluster::words(&a.claim);
        words != 0
            && two
                .members()
                .any(|b| !tells(one, &b.source) && cluster::words(&b.claim) == words)
    })
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
    let mut all: BySource<'_, Option<Timestamp>> = BySource::default();
    for row in folded.counting() {
        for one in row.members() {
            let known = all.of(&one.source);
            *known = (*known).max(Some(moment(&one.claim.time)));
        }
    }
    let newest: BTreeMap<&str, Timestamp> = all
        .0
        .into_iter()
        .filter_map(|(source, at)| Some((&**source, at?)))
        .collect();
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
