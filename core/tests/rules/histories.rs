//! Histories of several sources against what really happened: see `core/tests/histories`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use waybill_core::event::{Claim, Event};
use waybill_core::shipment::{FindingKind, Shipment};

use crate::script::{Heard, History, absorbed, in_order, read};
use crate::support::at;

/// What is wrong with a record, in numbers and in words.
#[derive(Default)]
struct Errors {
    false_merges: usize,
    missed_merges: usize,
    instants: usize,
    codes: usize,
    standings: usize,
    counts: usize,
    statuses: usize,
    legs: usize,
    findings: usize,
    words: Vec<String>,
}

#[test]
fn labelled_histories_become_what_really_happened() {
    let mut histories = Vec::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/histories");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "txt"))
        .collect();
    files.sort();
    for file in files {
        histories.extend(read(&std::fs::read_to_string(file).unwrap()));
    }
    let names: BTreeSet<&str> = histories.iter().map(|one| &*one.name).collect();
    assert_eq!(names.len(), histories.len(), "two histories of one name");

    let mut words = Vec::new();
    let (mut rows, mut true_events) = (0, 0);
    println!(
        "{:<86} {:>7} {:>4} {:>6} {:>5} {:>6} {:>8} {:>4} {:>8} {:>6} {:>6} {:>4} {:>8}",
        "history",
        "sources",
        "rows",
        "events",
        "false",
        "missed",
        "instants",
        "code",
        "standing",
        "count",
        "status",
        "legs",
        "findings"
    );
    for history in &histories {
        let record = absorbed(history, &in_order(history)).record();
        let errors = compare(history, &record);
        let claims = absorbed(history, &in_order(history)).observations.len();
        println!(
            "{:<86} {:>7} {claims:>4} {:>6} {:>5} {:>6} {:>8} {:>4} {:>8} {:>6} {:>6} {:>4} {:>8}",
            history.name,
            history.sources.len(),
            history.truth.len(),
            errors.false_merges,
            errors.missed_merges,
            errors.instants,
            errors.codes,
            errors.standings,
            errors.counts,
            errors.statuses,
            errors.legs,
            errors.findings,
        );
        rows += claims;
        true_events += history.truth.len();
        words.extend(errors.words);
    }
    println!(
        "{} histories, {rows} rows, {true_events} events, {} wrong",
        histories.len(),
        words.len()
    );
    assert!(words.is_empty(), "{words:#?}");
    assert!(histories.len() >= 60, "{} histories", histories.len());
    for history in &histories {
        order_and_repetition_do_not_matter(history);
        a_source_less_leaves_what_the_others_say(history);
        whoever_is_heard_first_it_is_the_same_journey(history);
    }
}

/// True event of each claim.
fn labels(history: &History) -> BTreeMap<*const Claim, &str> {
    let rows = history.heard.iter().flat_map(|heard| {
        let claims = heard.report.claims.iter().map(Arc::as_ptr);
        claims.zip(heard.labels.iter().map(|label| &**label))
    });
    rows.collect()
}

fn labels_of<'a>(labels: &BTreeMap<*const Claim, &'a str>, event: &Event) -> BTreeSet<&'a str> {
    let claims = event.observations().map(|one| Arc::as_ptr(&one.claim));
    claims.map(|claim| labels[&claim]).collect()
}

/// Rows of different true events in one event, and events beyond the first for one true event.
fn merges(history: &History, record: &Shipment, words: &mut Vec<String>) -> (usize, usize) {
    let labels = labels(history);
    let (mut false_merges, mut missed) = (0, 0);
    let mut told: BTreeMap<&str, usize> = BTreeMap::new();
    for event in &record.events {
        let here = labels_of(&labels, event);
        for label in &here {
            *told.entry(label).or_default() += 1;
        }
        if here.len() > 1 {
            false_merges += here.len() - 1;
            words.push(format!("{}: merged {here:?}", history.name));
        }
    }
    for (label, events) in told {
        if events > 1 {
            missed += events - 1;
            words.push(format!("{}: {label} is {events} events", history.name));
        }
    }
    (false_merges, missed)
}

fn compare(history: &History, record: &Shipment) -> Errors {
    let mut errors = Errors::default();
    let mut words = Vec::new();
    (errors.false_merges, errors.missed_merges) = merges(history, record, &mut words);
    let labels = labels(history);
    let mut say = |text: String| words.push(format!("{}: {text}", history.name));
    for truth in &history.truth {
        let label = truth.label.as_str();
        let event = record
            .events
            .iter()
            .find(|event| labels_of(&labels, event).contains(label));
        let Some(event) = event else {
            errors.missed_merges += 1;
            say(format!("{label} is told by nobody"));
            continue;
        };
        if event.time().instant != truth.instant {
            errors.instants += 1;
            say(format!("{label} at {:?}", event.time().instant));
        }
        if event.code != truth.code {
            errors.codes += 1;
            say(format!("{label} has code {:?}", event.code));
        }
        if event.standing != truth.standing {
            errors.standings += 1;
            say(format!("{label} is {:?}", event.standing));
        }
        if event.source_count != truth.source_count {
            errors.counts += 1;
            say(format!("{label} has {} roots", event.source_count));
        }
    }
    let known: BTreeSet<&str> = history.truth.iter().map(|one| &*one.label).collect();
    for label in labels.values().filter(|label| !known.contains(*label)) {
        say(format!("{label} is not among what happened"));
    }
    let status = format!("{:?}", record.status);
    if status != history.status || record.source_count != history.source_count {
        errors.statuses += 1;
        say(format!("status {status} x{}", record.source_count));
    }
    let legs: Vec<String> = record
        .legs
        .iter()
        .map(|leg| match &*leg.carrier {
            "" => format!("?:{:?}", leg.role),
            carrier => format!("{carrier}:{:?}", leg.role),
        })
        .collect();
    if legs != history.legs {
        errors.legs += 1;
        say(format!("legs {}", legs.join(" ")));
    }
    // Milestones are not what this is about.
    let kinds = record.findings.iter().map(|finding| finding.kind);
    let kinds: BTreeSet<FindingKind> = kinds
        .filter(|kind| *kind != FindingKind::MilestoneMissing)
        .collect();
    let found: BTreeSet<String> = kinds.iter().map(|kind| format!("{kind:?}")).collect();
    let expected: BTreeSet<String> = history.findings.iter().cloned().collect();
    errors.findings = found.symmetric_difference(&expected).count();
    if errors.findings > 0 {
        say(format!("findings {found:?}"));
    }
    errors.words = words;
    errors
}

const LATER: Timestamp = Timestamp::constant(1_900_000_000, 0);

fn order_and_repetition_do_not_matter(history: &History) {
    let plain = in_order(history);
    let dossier = absorbed(history, &plain);
    let etag = at(&dossier.record(), LATER).etag;
    let mut orders: Vec<Vec<(&Heard, SignedDuration)>> = Vec::new();
    if plain.len() <= 4 {
        permutations(&mut plain.clone(), 0, &mut orders);
    } else {
        for turn in 0..plain.len() {
            let mut order = plain.clone();
            order.rotate_left(turn);
            orders.push(order.clone());
            order.reverse();
            orders.push(order);
        }
    }
    orders.push(plain.iter().chain(&plain).copied().collect());
    for order in orders {
        let other = absorbed(history, &order);
        assert!(other == dossier, "{}: another dossier", history.name);
        assert_eq!(at(&other.record(), LATER).etag, etag, "{}", history.name);
    }
}

fn permutations<T: Copy>(items: &mut Vec<T>, from: usize, all: &mut Vec<Vec<T>>) {
    if from >= items.len() {
        all.push(items.clone());
    }
    for at in from..items.len() {
        items.swap(from, at);
        permutations(items, from + 1, all);
        items.swap(from, at);
    }
}

fn a_source_less_leaves_what_the_others_say(history: &History) {
    for gone in history.sources.keys() {
        let plain = in_order(history);
        let mut all = absorbed(history, &plain);
        all.observations.retain(|one| *one.source != **gone);
        all.facts.retain(|known| known.source != *gone);
        let heard = plain.into_iter().filter(|(heard, _)| heard.source != *gone);
        let others = absorbed(history, &heard.collect::<Vec<_>>());
        assert!(all == others, "{}: without {gone}", history.name);
        let record = others.record();
        let mut words = Vec::new();
        let wrong = merges(history, &record, &mut words);
        assert_eq!(wrong, (0, 0), "without {gone}: {words:#?}");
    }
}

/// Each source in turn is heard years before the others: this changes ids and nothing else.
fn whoever_is_heard_first_it_is_the_same_journey(history: &History) {
    let names: Vec<&String> = history.sources.keys().collect();
    for turn in 0..names.len() {
        let later = |heard: &Heard| {
            let own = names.iter().position(|name| **name == heard.source);
            let place = (own.unwrap() + turn) % names.len();
            SignedDuration::from_hours(24 * 400 * i64::try_from(place).unwrap())
        };
        let order: Vec<_> = in_order(history)
            .iter()
            .map(|(heard, _)| (*heard, later(heard)))
            .collect();
        let record = absorbed(history, &order).record();
        let mut words = Vec::new();
        let wrong = merges(history, &record, &mut words);
        assert_eq!(wrong, (0, 0), "turn {turn}: {words:#?}");
        // A report that comes after the time that it states lifts the doubt about it.
        if history.findings.iter().all(|kind| kind != "FutureTime") {
            let status = format!("{:?}", record.status);
            assert_eq!(status, history.status, "{}, turn {turn}", history.name);
        }
    }
}
