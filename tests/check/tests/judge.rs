//! The judge is judged: clean histories are never accused, damaged ones always.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "tests"
)]

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::sample::Index;
use waybill_check::{Guarantee, History, Record, Seen, What, judge};

/// A server as simple as can be: a log of changes, and a token is a place in it.
struct Server {
    history: History,
    log: Vec<(String, u32)>,
}

/// What happens next.
#[derive(Clone, Debug)]
enum Step {
    /// One more event.
    Change(usize),
    /// A watcher reads what there is.
    Read(usize),
    /// Its connection breaks, after some messages of what it reads.
    Break(usize, usize),
    /// It is told to begin anew.
    Reset(usize),
}

/// A watcher as the server sees it, and as its owner does.
#[derive(Clone, Default)]
struct Watcher {
    /// Everything before it was sent.
    place: usize,
    token: usize,
    sent: BTreeMap<String, u32>,
    is_open: bool,
}

fn event(shipment: &str, revision: u32) -> String {
    format!("{shipment}-{revision}")
}

fn record(shipment: &str, revision: u32) -> Record {
    Record {
        shipment: shipment.to_owned(),
        revision,
        events: Some((1..=revision).map(|one| event(shipment, one)).collect()),
    }
}

fn token(place: usize) -> String {
    format!("t{place}")
}

impl Server {
    fn change(&mut self, shipment: usize) {
        let shipment = format!("s{shipment}");
        let revisions = self.history.commits.0.get(&shipment);
        let last = revisions.map_or(0, |all| *all.last_key_value().unwrap().0);
        let events = record(&shipment, last + 1).events.unwrap();
        self.history.commits.note(&shipment, last + 1, events);
        self.log.push((shipment, last + 1));
    }

    fn put(&mut self, name: &str, what: What, token: String) {
        let seen = self.history.watchers.entry(name.to_owned()).or_default();
        seen.push(Seen { what, token });
    }

    fn snapshot(&mut self, name: &str, watcher: &mut Watcher) {
        watcher.sent.clear();
        for (shipment, revision) in self.history.commits.last() {
            let what = What::Snapshot {
                record: record(&shipment, revision),
            };
            self.put(name, what, String::new());
            watcher.sent.insert(shipment, revision);
        }
        watcher.place = self.log.len();
        watcher.token = watcher.place;
        self.put(name, What::Synced, token(watcher.token));
    }

    /// Sends what has come since the watcher's place; at most so many messages.
    fn read(&mut self, name: &str, watcher: &mut Watcher, most: usize) {
        if !watcher.is_open {
            watcher.is_open = true;
            let resumed = match watcher.token {
                0 => String::new(),
                place => token(place),
            };
            self.put(name, What::Opened { resumed }, String::new());
            if watcher.token == 0 {
                return self.snapshot(name, watcher);
            }
            watcher.place = watcher.token;
            watcher.sent.clear();
        }
        let mut news: BTreeMap<String, (u32, u32)> = BTreeMap::new();
        for (shipment, revision) in &self.log[watcher.place..] {
            let known = news
                .entry(shipment.clone())
                .or_insert((*revision, *revision));
            known.1 = *revision;
        }
        let count = news.len();
        for (at, (shipment, (first, last))) in news.into_iter().enumerate() {
            if at == most {
                return;
            }
            let held = watcher.sent.get(&shipment).copied();
            let previous = held.unwrap_or(first - 1);
            watcher.sent.insert(shipment.clone(), last);
            let what = What::Update {
                previous,
                conflated: match previous {
                    0 => 0,
                    previous => last - previous - 1,
                },
                new_events: (previous + 1..=last)
                    .map(|one| event(&shipment, one))
                    .collect(),
                record: record(&shipment, last),
            };
            let is_last = at + 1 == count;
            if is_last {
                watcher.place = self.log.len();
                watcher.token = watcher.place;
            }
            let token = if is_last {
                token(watcher.token)
            } else {
                String::new()
            };
            self.put(name, what, token);
        }
    }
}

fn history(steps: &[Step]) -> History {
    let mut server = Server {
        history: History::default(),
        log: Vec::new(),
    };
    let mut watchers = vec![Watcher::default(); 3];
    let name = |at: usize| format!("w{at}");
    // There is something from the start, so that no token is the empty place.
    (0..4).for_each(|shipment| server.change(shipment));
    for step in steps {
        match step {
            Step::Change(shipment) => server.change(*shipment),
            Step::Read(at) => server.read(&name(*at), &mut watchers[*at], usize::MAX),
            Step::Break(at, most) => {
                server.read(&name(*at), &mut watchers[*at], *most);
                watchers[*at].is_open = false;
            }
            Step::Reset(at) if watchers[*at].is_open => {
                server.put(&name(*at), What::Reset, String::new());
                server.snapshot(&name(*at), &mut watchers[*at]);
            }
            Step::Reset(_) => {}
        }
    }
    for (at, watcher) in watchers.iter_mut().enumerate() {
        server.read(&name(at), watcher, usize::MAX);
        server.read(&name(at), watcher, usize::MAX);
    }
    server.history.end = server.history.commits.last();
    server.history
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..4_usize).prop_map(Step::Change),
        3 => (0..3_usize).prop_map(Step::Read),
        1 => (0..3_usize, 0..4_usize).prop_map(|(at, most)| Step::Break(at, most)),
        1 => (0..3_usize).prop_map(Step::Reset),
    ];
    prop::collection::vec(step, 10..80)
}

/// Places of a kind among what one watcher saw.
fn places(seen: &[Seen], is_one: impl Fn(&What) -> bool) -> Vec<usize> {
    let all = seen.iter().enumerate();
    all.filter(|(_, seen)| is_one(&seen.what))
        .map(|(at, _)| at)
        .collect()
}

fn is_update(what: &What) -> bool {
    matches!(what, What::Update { .. })
}

fn is_record(what: &What) -> bool {
    is_update(what) || matches!(what, What::Snapshot { .. })
}

fn shipment_of(what: &What) -> Option<&str> {
    match what {
        What::Update { record, .. } | What::Snapshot { record } => Some(&record.shipment),
        _ => None,
    }
}

/// Places of two updates of one shipment without anything of it, or a new stream, in between.
fn pairs(seen: &[Seen]) -> Vec<(usize, usize)> {
    let mut last: BTreeMap<&str, usize> = BTreeMap::new();
    let mut pairs = Vec::new();
    for (at, seen) in seen.iter().enumerate() {
        match &seen.what {
            What::Update { record, .. } => {
                if let Some(before) = last.insert(&record.shipment, at) {
                    pairs.push((before, at));
                }
            }
            What::Opened { .. } | What::Reset => last.clear(),
            What::Snapshot { .. } | What::Removed { .. } | What::Synced | What::Alive => {}
        }
    }
    pairs
}

/// The guarantees that are said to be broken; a history that was kept as text is judged the same.
fn accused(history: &History) -> BTreeSet<Guarantee> {
    let mut text = Vec::new();
    history.write(&mut text).unwrap();
    assert_eq!(&History::read(&text[..]).unwrap(), history);
    judge(history).into_iter().map(|it| it.guarantee).collect()
}

fn damaged(
    history: &History,
    damage: impl FnOnce(&mut Vec<Seen>) -> Option<()>,
) -> Option<History> {
    let mut history = history.clone();
    let seen = history.watchers.get_mut("w0").unwrap();
    damage(seen).map(|()| history)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn a_clean_history_is_never_accused(steps in steps()) {
        prop_assert_eq!(judge(&history(&steps)), []);
    }

    #[test]
    fn one_that_is_left_out_is_missed(steps in steps(), which: Index) {
        let damage = |seen: &mut Vec<Seen>| {
            // One that the watcher is sent again, or was sent before its connection broke, was not
            // left out.
            let again = |at: usize| {
                let is_other = |it: &&Seen| match &it.what {
                    What::Opened { .. } | What::Reset => true,
                    what => shipment_of(what) == shipment_of(&seen[at].what),
                };
                let next = seen[at + 1..].iter().find(is_other);
                let before = seen[..at].iter().any(|it| match (&it.what, &seen[at].what) {
                    (
                        What::Update { record: one, .. } | What::Snapshot { record: one },
                        What::Update { record: other, .. },
                    ) => one == other,
                    _ => false,
                });
                before || next.is_some_and(|it| !is_update(&it.what))
            };
            let mut all = places(seen, is_record);
            all.retain(|at| !again(*at));
            let at = *all.get(which.index(all.len().max(1)))?;
            seen.remove(at);
            Some(())
        };
        if let Some(history) = damaged(&history(&steps), damage) {
            prop_assert!(!accused(&history).is_empty());
        }
    }

    #[test]
    fn one_that_comes_twice_is_noticed(steps in steps(), which: Index) {
        let damage = |seen: &mut Vec<Seen>| {
            let all = places(seen, is_record);
            let at = *all.get(which.index(all.len().max(1)))?;
            seen.insert(at, seen[at].clone());
            Some(())
        };
        if let Some(history) = damaged(&history(&steps), damage) {
            prop_assert!(accused(&history).contains(&Guarantee::Unique));
        }
    }

    #[test]
    fn two_in_the_wrong_order_are_noticed(steps in steps(), which: Index) {
        let damage = |seen: &mut Vec<Seen>| {
            let all = pairs(seen);
            let (first, second) = *all.get(which.index(all.len().max(1)))?;
            let what = seen[first].what.clone();
            seen[first].what = std::mem::replace(&mut seen[second].what, what);
            Some(())
        };
        if let Some(history) = damaged(&history(&steps), damage) {
            let accused = accused(&history);
            prop_assert!(accused.contains(&Guarantee::Ordered), "{:?}", accused);
        }
    }

    #[test]
    fn one_that_comes_in_parts_is_noticed(steps in steps(), which: Index) {
        let damage = |seen: &mut Vec<Seen>| {
            let all = places(seen, is_update);
            let at = *all.get(which.index(all.len().max(1)))?;
            let mut part = Seen { token: String::new(), ..seen[at].clone() };
            let What::Update { record, new_events, .. } = &mut part.what else { return None };
            let taken = new_events.pop_last()?;
            record.events.as_mut()?.remove(&taken);
            seen.insert(at, part);
            Some(())
        };
        if let Some(history) = damaged(&history(&steps), damage) {
            prop_assert!(accused(&history).contains(&Guarantee::Atomic));
        }
    }

    /// A token says that more was sent than was; the stream goes on at it and leaves that out.
    #[test]
    fn a_token_that_lies_is_noticed(before in steps(), after in steps(), shipment in 0..4_usize) {
        let watcher = || Step::Read(0);
        let mut truth = before;
        truth.extend([watcher(), watcher(), Step::Change(shipment), Step::Break(0, 0)]);
        let cut = history(&truth).watchers["w0"].len();
        // The change above is in what comes after the token; the lie takes it out.
        truth.push(watcher());
        let told = history(&truth).watchers["w0"].len();
        let resets = after.into_iter().filter(|step| !matches!(step, Step::Reset(0)));
        truth.extend(resets);
        let mut history = history(&truth);
        let seen = history.watchers.get_mut("w0").unwrap();
        let gone = (0..told).rev().find(|at| {
            shipment_of(&seen[*at].what) == Some(&format!("s{shipment}")) && is_update(&seen[*at].what)
        });
        prop_assert!(cut <= told);
        let gone = gone.unwrap();
        let token = seen[gone].token.clone();
        seen.remove(gone);
        if !token.is_empty() {
            // The message before it has the token that should have come with what is gone.
            seen[gone - 1].token = token;
        }
        let accused = accused(&history);
        let expected = [Guarantee::Reliable, Guarantee::Bookmarkable];
        prop_assert!(expected.iter().any(|one| accused.contains(one)), "{:?}", accused);
    }
}

#[test]
fn a_token_that_nobody_was_sent_is_noticed() {
    let mut history = history(&[
        Step::Read(0),
        Step::Break(0, 0),
        Step::Change(1),
        Step::Read(0),
    ]);
    let seen = history.watchers.get_mut("w0").unwrap();
    let opened = places(seen, |what| matches!(what, What::Opened { .. }));
    seen[opened[1]].what = What::Opened {
        resumed: "t99".to_owned(),
    };
    assert!(accused(&history).contains(&Guarantee::Resumable));
}
