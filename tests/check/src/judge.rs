//! The judgement.
//!
//! A watcher is followed as its owner would follow it: it holds what it was sent, and a token stands
//! for what was held when it came.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Commits, Guarantee, History, Record, Seen, Violation, What};

/// What a watcher holds: revision by shipment.
type Held = BTreeMap<String, u32>;

/// Every promise that was broken.
pub fn judge(history: &History) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (watcher, seen) in &history.watchers {
        let mut judge = Judge {
            commits: &history.commits,
            watcher,
            place: 0,
            held: Held::new(),
            tokens: BTreeMap::new(),
            token: String::new(),
            stream: Stream::default(),
            violations: &mut violations,
        };
        for (place, seen) in seen.iter().enumerate() {
            judge.place = place;
            judge.take(seen);
        }
        if !history.end.is_empty() && judge.held != history.end {
            let differing = history
                .end
                .iter()
                .find(|(shipment, last)| judge.held.get(*shipment) != Some(*last));
            let why = format!("the end was never seen, for example of {differing:?}");
            judge.accuse(Guarantee::Reliable, &why);
        }
    }
    violations
}

struct Judge<'a> {
    commits: &'a Commits,
    watcher: &'a str,
    place: usize,
    held: Held,
    /// What was held when a token came last.
    tokens: BTreeMap<String, Held>,
    /// The newest token.
    token: String,
    stream: Stream,
    violations: &'a mut Vec<Violation>,
}

/// What is known of the stream that is open.
#[derive(Default)]
struct Stream {
    /// A snapshot is being sent: what is not in it when it ends is gone.
    snapshot: Option<BTreeSet<String>>,
    /// What the reader held at the token that it went on from; `None`: it began anew.
    resumed: Option<Held>,
    /// Revision of every shipment that this stream has sent last.
    sent: BTreeMap<String, u32>,
}

impl Judge<'_> {
    fn take(&mut self, seen: &Seen) {
        match &seen.what {
            What::Opened { resumed } => self.open(resumed),
            What::Snapshot { record } => self.snapshot(record),
            What::Update {
                record,
                previous,
                conflated,
                new_events,
            } => self.update(record, *previous, *conflated, new_events),
            What::Removed { shipment } => {
                self.held.remove(shipment);
                self.stream.sent.remove(shipment);
            }
            What::Reset => {
                // What is held goes when the snapshot is there.
                self.stream = Stream {
                    snapshot: Some(BTreeSet::new()),
                    ..Stream::default()
                };
                self.tokens.clear();
            }
            What::Synced => {
                if let Some(shown) = self.stream.snapshot.take() {
                    self.held.retain(|shipment, _| shown.contains(shipment));
                }
            }
            What::Alive => {}
        }
        if !seen.token.is_empty() {
            self.token.clone_from(&seen.token);
            self.tokens.insert(seen.token.clone(), self.held.clone());
        }
    }

    fn open(&mut self, resumed: &str) {
        self.stream = Stream::default();
        if resumed.is_empty() {
            self.stream.snapshot = Some(BTreeSet::new());
            return;
        }
        match self.tokens.get(resumed) {
            Some(held) => {
                // Whoever comes back with an older token holds what it held then.
                if resumed != self.token {
                    self.held.clone_from(held);
                }
                self.stream.resumed = Some(held.clone());
            }
            None => self.accuse(Guarantee::Resumable, "a token that nobody was sent"),
        }
    }

    fn snapshot(&mut self, record: &Record) {
        let Some(shown) = &mut self.stream.snapshot else {
            self.accuse(
                Guarantee::Resumable,
                "a snapshot that neither an opening nor a reset announces",
            );
            return;
        };
        let is_new = shown.insert(record.shipment.clone());
        if !is_new {
            self.accuse(Guarantee::Unique, "twice in one snapshot");
        }
        self.whole(record);
        let revision = record.revision;
        self.held.insert(record.shipment.clone(), revision);
        self.stream.sent.insert(record.shipment.clone(), revision);
    }

    fn update(
        &mut self,
        record: &Record,
        previous: u32,
        conflated: u32,
        new_events: &BTreeSet<String>,
    ) {
        let held = self.held.get(&record.shipment).copied().unwrap_or_default();
        let shipment = record.shipment.clone();
        let before = self.stream.sent.insert(shipment, record.revision);
        // A stream that went on may say again what came after the place that its token stands for,
        // and a snapshot can be newer than that; but none says anything twice.
        let may_repeat = before.is_none() && self.stream.resumed.is_some();
        let last = before.unwrap_or(held);
        let resumed = self.stream.resumed.as_ref();
        let at_token = resumed.map_or(held, |at| at.get(&record.shipment).copied().unwrap_or(0));
        if record.revision == last && !may_repeat {
            self.accuse(Guarantee::Unique, "a revision that is held already");
        } else if record.revision < last && !may_repeat {
            self.accuse(
                Guarantee::Ordered,
                "a revision older than the one before it",
            );
        }
        if previous > held {
            let guarantee = match (may_repeat, previous > at_token) {
                (true, true) => Guarantee::Bookmarkable,
                _ => Guarantee::Reliable,
            };
            self.accuse(guarantee, "an update of a revision that never came");
        }
        if previous > 0 && before.is_some_and(|before| previous != before) {
            self.accuse(Guarantee::Reliable, "not an update of what is held");
        }
        let between = match previous {
            0 => 0,
            previous => record.revision.saturating_sub(previous).saturating_sub(1),
        };
        if conflated != between {
            self.accuse(Guarantee::Reliable, "not as many merged as it says");
        }
        self.whole(record);
        let revisions = self.commits.0.get(&record.shipment);
        let of = |revision: u32| match revision {
            0 => Some(BTreeSet::new()),
            _ => revisions.and_then(|all| all.get(&revision)).cloned(),
        };
        if let (Some(before), Some(after)) = (of(previous), of(record.revision)) {
            let expected: BTreeSet<_> = after.difference(&before).cloned().collect();
            if *new_events != expected {
                self.accuse(Guarantee::Atomic, "other new events than it says");
            }
        }
        let held = self.held.entry(record.shipment.clone()).or_default();
        *held = record.revision.max(*held);
    }

    /// A record is one that was committed, with exactly its events if it shows any.
    fn whole(&mut self, record: &Record) {
        let revisions = self.commits.0.get(&record.shipment);
        let committed = revisions.and_then(|revisions| revisions.get(&record.revision));
        let fits = committed.is_some_and(|committed| {
            let shown = record.events.as_ref();
            shown.is_none_or(|shown| shown == committed)
        });
        if !fits {
            let why = format!("revision {} is not what was committed", record.revision);
            self.accuse(Guarantee::Atomic, &why);
        }
    }

    fn accuse(&mut self, guarantee: Guarantee, why: &str) {
        self.violations.push(Violation {
            guarantee,
            watcher: self.watcher.to_owned(),
            place: self.place,
            why: why.to_owned(),
        });
    }
}
