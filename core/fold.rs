//! The order of events, and the status that follows from them.
//!
//! The order is total: (anchor, phase rank, position in the source's list, id). Comparing
//! overlapping intervals pair by pair would not be transitive, and a sort needs that. The clock of
//! the gateway never takes part.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::code::EventCode;
use crate::event::{Classifier, Event, Observation, SourceClass, Standing};
use crate::rule::severity_of;
use crate::status::{Move, Status, transition};
use crate::time::{EventTime, Precision};

/// How far a clock may run ahead of the report that states it.
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_mins(10);

/// Words by which a delivery says that it was one to the sender.
const SENDER_WORDS: [&str; 6] = [
    "sender",
    "shipper",
    "absender",
    "remitente",
    "寄件人",
    "发件人",
];

/// An observation on its way to an event.
pub(crate) struct Row<'a> {
    pub(crate) observation: &'a Arc<Observation>,
    pub(crate) anchor: Timestamp,
    /// What it amounts to at this point of the journey.
    pub(crate) code: EventCode,
    /// What it does to the status at this point of the journey.
    pub(crate) effect: Option<Status>,
    pub(crate) standing: Standing,
    /// It describes the way back.
    pub(crate) way_back: bool,
    pub(crate) attempt: u32,
    /// Why it does not count.
    pub(crate) objection: Option<Objection>,
}

/// Why an event does not count.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Objection {
    /// It lies in the future of its report.
    Future,
    /// The status from and to which it would lead.
    Move {
        from: Status,
        to: Status,
        after_terminal: bool,
    },
}

/// The rows in order, and what they come to.
pub(crate) struct Folded<'a> {
    pub(crate) rows: Vec<Row<'a>>,
    pub(crate) status: Status,
    pub(crate) source_count: u32,
    set_by: Option<usize>,
}

impl<'a> Folded<'a> {
    /// Rows that count, oldest first.
    pub(crate) fn counting(&self) -> impl DoubleEndedIterator<Item = &Row<'a>> {
        self.rows.iter().filter(|row| {
            row.standing == Standing::Accepted
                && row.observation.claim.classifier == Classifier::Actual
        })
    }

    /// The row that speaks for the status.
    pub(crate) fn status_row(&self) -> Option<&Row<'a>> {
        self.set_by.and_then(|at| self.rows.get(at))
    }

    /// Events, newest first.
    pub(crate) fn events(&self) -> Vec<Event> {
        self.rows.iter().rev().map(event).collect()
    }
}

fn event(row: &Row<'_>) -> Event {
    let observation = row.observation;
    let claim = &observation.claim;
    Event {
        id: observation.id,
        code: row.code,
        status: row.effect,
        reason: claim.reason,
        severity: severity_of(row.code, claim.reason),
        carrier: carrier(observation),
        classifier: claim.classifier,
        standing: row.standing,
        source_count: 1,
        said: Arc::clone(observation),
        also: Vec::new(),
        ingest_time: observation.receive_time,
        revision: 0,
        attempt: row.attempt,
    }
}

/// Carrier of the scan: the one that is named, else the one whose data it is.
fn carrier(observation: &Observation) -> Arc<str> {
    let is_carrier = matches!(
        observation.class,
        SourceClass::Custodian | SourceClass::Carrier
    );
    if !observation.claim.carrier.is_empty() {
        observation.claim.carrier.as_str().into()
    } else if is_carrier || observation.evidence_root != observation.source {
        Arc::clone(&observation.evidence_root)
    } else {
        "".into()
    }
}

/// Puts the observations in order and folds them. `origin` is the country of origin, empty if
/// unknown.
pub(crate) fn fold<'a>(observations: &'a [Arc<Observation>], origin: &str) -> Folded<'a> {
    let anchors = anchors(observations);
    let mut rows: Vec<Row<'a>> = observations
        .iter()
        .zip(anchors)
        .map(|(observation, anchor)| Row {
            observation,
            anchor,
            code: observation.claim.code,
            effect: observation.claim.code.status(),
            standing: Standing::Accepted,
            way_back: false,
            attempt: 0,
            objection: None,
        })
        .collect();
    rows.sort_unstable_by_key(|row| {
        (
            row.anchor,
            rank(row.code),
            row.observation.sequence,
            row.observation.id,
        )
    });

    let mut status = Status::Pending;
    let mut set_by = None;
    let mut roots: BTreeSet<&str> = BTreeSet::new();
    let mut attempts = 0;
    for (at, row) in rows.iter_mut().enumerate() {
        let claim = &row.observation.claim;
        if claim.retracted {
            row.standing = Standing::Retracted;
            continue;
        }
        if claim.classifier != Classifier::Actual {
            continue;
        }
        if is_future(row.observation) {
            row.standing = Standing::Disputed;
            row.objection = Some(Objection::Future);
            continue;
        }
        let (moved, leads_to) = step(status, row, origin);
        match moved {
            Step::Nothing => {}
            Step::Object { to, after_terminal } => {
                row.standing = Standing::Disputed;
                row.objection = Some(Objection::Move {
                    from: status,
                    to,
                    after_terminal,
                });
                continue;
            }
            Step::Speak => {
                if leads_to != status {
                    roots.clear();
                }
                roots.insert(&*row.observation.evidence_root);
                set_by = Some(at);
            }
        }
        status = leads_to;
        if !row.way_back
            && matches!(
                row.code,
                EventCode::DELIVERY_ATTEMPTED | EventCode::FINAL_ATTEMPT_FAILED
            )
        {
            attempts += 1;
            row.attempt = attempts;
        }
    }
    Folded {
        rows,
        status,
        source_count: u32::try_from(roots.len()).unwrap_or(u32::MAX),
        set_by,
    }
}

enum Step {
    /// It says nothing about the status.
    Nothing,
    /// It sets or confirms the status.
    Speak,
    /// It cannot have happened now.
    Object { to: Status, after_terminal: bool },
}

/// Takes one row, which may turn out to mean something else at this point of the journey, and
/// returns the status after it.
fn step(from: Status, row: &mut Row<'_>, origin: &str) -> (Step, Status) {
    if from == Status::Returning
        && row.code.status() == Some(Status::Delivered)
        && is_to_sender(row.observation, origin)
    {
        row.code = EventCode::RETURNED_TO_SENDER;
        row.effect = Some(Status::Returned);
    }
    let Some(to) = row.effect else {
        return (Step::Nothing, from);
    };
    let object = |after_terminal| (Step::Object { to, after_terminal }, from);
    match transition(from, to) {
        Move::Enter | Move::Same => (Step::Speak, to),
        Move::Late => {
            row.effect = None;
            (Step::Nothing, from)
        }
        Move::Stay => {
            row.effect = Some(from);
            row.way_back = true;
            (Step::Nothing, from)
        }
        Move::Recall => {
            row.code = EventCode::RETURN_INITIATED;
            row.effect = Some(Status::Returning);
            (Step::Speak, Status::Returning)
        }
        Move::NeedsReturn if row.code.phase() == 7 => (Step::Speak, to),
        Move::NeedsFound if row.code == EventCode::FOUND => (Step::Speak, to),
        Move::NeedsCustodian if row.observation.class <= SourceClass::Custodian => {
            (Step::Speak, to)
        }
        Move::NeedsReturn | Move::NeedsFound | Move::AfterTerminal => object(true),
        Move::NeedsCustodian | Move::Illegal => object(false),
    }
}

/// Tells whether a delivery on the way back was one to the sender.
fn is_to_sender(observation: &Observation, origin: &str) -> bool {
    let claim = &observation.claim;
    let at_origin = claim
        .location
        .as_ref()
        .is_some_and(|place| !origin.is_empty() && place.country == origin);
    at_origin || {
        let text = claim.native_text.reveal().to_lowercase();
        SENDER_WORDS.iter().any(|word| text.contains(word))
    }
}

/// A report that still lists the row once its time has come lifts the objection; the clock does
/// not. Bounds are used, so that an unknown zone is no reason for suspicion.
fn is_future(observation: &Observation) -> bool {
    let limit = observation.last_listed.saturating_add(CLOCK_TOLERANCE);
    limit.is_ok_and(|limit| observation.claim.time.earliest > limit)
}

/// Phases in the order of the journey; transport and customs run side by side.
const fn rank(code: EventCode) -> u16 {
    match code.phase() {
        4 => 3,
        phase => phase,
    }
}

/// The moment of an event: its instant, else the middle of its bounds.
pub(crate) fn moment(time: &EventTime) -> Timestamp {
    time.instant.unwrap_or_else(|| {
        let sum = time.earliest.as_nanosecond() + time.latest.as_nanosecond();
        Timestamp::from_nanosecond(sum / 2).unwrap_or(time.earliest)
    })
}

/// Positions of the observations, source by source in the order of each source's own list: rows
/// that only older reports listed come first.
pub(crate) fn own_order(observations: &[Arc<Observation>]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..observations.len()).collect();
    order.sort_unstable_by_key(|&at| {
        let row = &observations[at];
        (&*row.source, row.last_listed, row.sequence, row.id)
    });
    order
}

/// Anchors of the observations: the moment, and for an unresolved clock the moment clamped between
/// the nearest exact neighbours in the same source's list, unless these contradict each other. A
/// date or an hour alone is clamped likewise, within its own bounds: else "delivered on the 5th"
/// would come before everything else of that day.
fn anchors(observations: &[Arc<Observation>]) -> Vec<Timestamp> {
    let mut anchors: Vec<Timestamp> = observations
        .iter()
        .map(|row| moment(&row.claim.time))
        .collect();
    let exact = |at: usize| {
        let time = &observations[at].claim.time;
        time.instant.filter(|_| time.precision >= Precision::Minute)
    };
    if (0..observations.len()).all(|at| exact(at).is_some()) {
        return anchors;
    }
    let order = own_order(observations);
    for list in order.chunk_by(|&a, &b| observations[a].source == observations[b].source) {
        let mut before = None;
        let mut neighbours = Vec::with_capacity(list.len());
        for &at in list {
            neighbours.push((before, None));
            before = exact(at).or(before);
        }
        let mut after = None;
        for (&at, pair) in list.iter().zip(&mut neighbours).rev() {
            pair.1 = after;
            after = exact(at).or(after);
        }
        for (&at, (low, high)) in list.iter().zip(neighbours) {
            let time = &observations[at].claim.time;
            let clamped = clamp(anchors[at], low, high);
            let possible = (time.earliest..=time.latest).contains(&clamped);
            if exact(at).is_none() && (time.instant.is_none() || possible) {
                anchors[at] = clamped;
            }
        }
    }
    anchors
}

fn clamp(anchor: Timestamp, low: Option<Timestamp>, high: Option<Timestamp>) -> Timestamp {
    match (low, high) {
        (Some(low), Some(high)) if low > high => anchor,
        (low, high) => {
            let raised = low.map_or(anchor, |low| anchor.max(low));
            high.map_or(raised, |high| raised.min(high))
        }
    }
}
