//! The order of events, and the status that follows from them.
//!
//! The order is total: (anchor, phase rank, position in the source's list, id). Comparing
//! overlapping intervals pair by pair would not be transitive, and a sort needs that. The clock of
//! the gateway never takes part.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::anchor::Anchors;
use crate::cluster::{self, Cluster, Fit};
use crate::code::{EventCode, ReasonCode};
use crate::event::{Claim, Classifier, Digest, Event, Observation, SourceClass, Standing};
use crate::leg::Chain;
use crate::listing::Withdrawn;
use crate::place::Location;
use crate::reconcile::SourceFacts;
use crate::rule::severity_of;
use crate::same_code::breadth;
use crate::status::{Move, Status, transition};
use crate::time::{Basis, EventTime};
use crate::travel::{self, Impossible};

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

/// A cluster of observations on its way to an event.
pub(crate) struct Row<'a> {
    /// The most trusted report.
    pub(crate) lead: &'a Arc<Observation>,
    /// The others, most trusted first.
    pub(crate) others: Vec<&'a Arc<Observation>>,
    /// Id of the event: that of the report that was heard first.
    pub(crate) id: Digest,
    /// Position, among all reports, of the one that knows the time best, and the place.
    pub(crate) time_of: usize,
    pub(crate) place_of: usize,
    /// The same of the code and the reason.
    pub(crate) code_of: usize,
    pub(crate) reason_of: usize,
    /// How its reports came together, the first aside.
    pub(crate) fits: Vec<(Digest, Fit)>,
    pub(crate) anchor: Timestamp,
    /// What it amounts to at this point of the journey.
    pub(crate) code: EventCode,
    pub(crate) reason: Option<ReasonCode>,
    /// What it does to the status at this point of the journey.
    pub(crate) effect: Option<Status>,
    pub(crate) standing: Standing,
    /// It describes the way back.
    pub(crate) way_back: bool,
    pub(crate) attempt: u32,
    /// Why it does not count.
    pub(crate) objection: Option<Objection>,
    /// Its reports agree only if one of them assumed a zone.
    pub(crate) zone_mistaken: bool,
    /// Status before and after it.
    pub(crate) between: (Status, Status),
    /// Its carriers had handed the item on, so it has no say in where the item is.
    pub(crate) handed_on: bool,
}

/// Why an event does not count.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Objection {
    /// It lies in the future of its report.
    Future,
    /// The carrier that had the item went on to report it, and knows nothing of such an end.
    Contradicted,
    /// A better source has the item too far away at that time.
    Travel,
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
    pub(crate) chain: Chain<'a>,
    pub(crate) withdrawn: Withdrawn,
    pub(crate) status: Status,
    pub(crate) source_count: u32,
    pub(crate) impossible: Vec<Impossible>,
    set_by: Option<usize>,
}

impl<'a> Row<'a> {
    fn new(cluster: Cluster<'a>, anchors: &Anchors) -> Self {
        let mut row = Row {
            lead: cluster.first,
            id: cluster.first.id,
            others: cluster.others,
            time_of: 0,
            place_of: 0,
            code_of: 0,
            reason_of: 0,
            fits: cluster.fits,
            anchor: Timestamp::UNIX_EPOCH,
            code: cluster.first.claim.code,
            reason: None,
            effect: None,
            standing: Standing::Accepted,
            way_back: false,
            attempt: 0,
            objection: None,
            zone_mistaken: cluster.zone_mistaken,
            between: (Status::Pending, Status::Pending),
            handed_on: false,
        };
        row.merge(|observation| observation.class, anchors);
        row
    }

    /// Its reports, most trusted first.
    pub(crate) fn members(&self) -> impl DoubleEndedIterator<Item = &'a Arc<Observation>> {
        std::iter::once(self.lead).chain(self.others.iter().copied())
    }

    pub(crate) fn member(&self, at: usize) -> &'a Arc<Observation> {
        at.checked_sub(1)
            .and_then(|at| self.others.get(at))
            .map_or(self.lead, |other| other)
    }

    /// The report that knows the time best.
    pub(crate) fn time_report(&self) -> &'a Observation {
        self.member(self.time_of)
    }

    /// The report that knows the place best.
    pub(crate) fn place_report(&self) -> &'a Observation {
        self.member(self.place_of)
    }

    pub(crate) fn time(&self) -> &'a EventTime {
        &self.time_report().claim.time
    }

    pub(crate) fn place(&self) -> Option<&'a Location> {
        self.place_report().claim.location.as_ref()
    }

    pub(crate) fn is_actual(&self) -> bool {
        self.lead.claim.classifier == Classifier::Actual
    }

    /// Takes each field from the report that knows it best. `trust` says how far a report is to be
    /// believed at this point of the journey.
    fn merge(&mut self, trust: impl Fn(&Observation) -> SourceClass, anchors: &Anchors) {
        if !self.others.is_empty() {
            let mut all: Vec<&'a Arc<Observation>> = self.members().collect();
            all.sort_by_key(|one| (trust(one), one.receive_time, one.id));
            self.lead = all.remove(0);
            self.others = all;
        }
        let best = |rank: &dyn Fn(&Claim) -> (u8, u8)| {
            let ranks = self.members().map(|member| rank(&member.claim)).enumerate();
            ranks
                .min_by_key(|(at, rank)| (*rank, *at))
                .map_or(0, |(at, _)| at)
        };
        let time_of = best(&|claim| {
            let time = &claim.time;
            (time.basis as u8, u8::MAX - time.precision as u8)
        });
        let place_of = best(&|claim| {
            let known = claim.location.as_ref().map(Location::resolution);
            (
                u8::MAX - known.map_or(0, |known| known as u8),
                u8::from(known.is_none()),
            )
        });
        let code_of = best(&|claim| (breadth(claim.code), 0));
        let reason_of = best(&|claim| match claim.reason {
            Some(ReasonCode::OTHER) => (1, 0),
            Some(_) => (0, 0),
            None => (2, 0),
        });
        let time_of = self.uncut(time_of);
        self.code = self.member(code_of).claim.code;
        self.reason = self.member(reason_of).claim.reason;
        self.effect = self.code.status();
        self.time_of = time_of;
        self.place_of = place_of;
        self.code_of = code_of;
        self.reason_of = reason_of;
        self.anchor = anchors.of(self.member(time_of));
    }

    /// The report whose clock is that of the given one before somebody cut its seconds.
    fn uncut(&self, of: usize) -> usize {
        let minute = |one: &Observation| {
            let instant = one.claim.time.instant.map(Timestamp::as_second);
            instant.map(|second| (second.div_euclid(60), second % 60))
        };
        let Some((cut, 0)) = minute(self.member(of)) else {
            return of;
        };
        let mut members = self.members();
        let whole = members.position(|one| {
            let is_found = one.claim.time.basis < Basis::SourceConvention;
            is_found && minute(one).is_some_and(|(at, second)| at == cut && second != 0)
        });
        whole.unwrap_or(of)
    }

    /// Carrier of the scan: as the most trusted report that knows one says; empty if none does.
    fn carrier(&self) -> Arc<str> {
        let mut named = self.members().map(|one| (one, carrier(one)));
        match named.find(|(_, name)| !name.is_empty()) {
            Some((one, name)) if *name == *one.evidence_root => Arc::clone(&one.evidence_root),
            named => named.map_or("", |(_, name)| name).into(),
        }
    }

    /// Tells whether nobody but the operator's own systems says so.
    fn is_own(&self) -> bool {
        self.members().all(|one| one.class == SourceClass::Internal)
    }

    /// Independent origins of what it says; a carrier and all who repeat it are one.
    fn roots(&self) -> usize {
        if self.others.is_empty() {
            return 1;
        }
        let roots: BTreeSet<&str> = self.members().map(|one| &*one.evidence_root).collect();
        roots.len()
    }
}

impl<'a> Folded<'a> {
    /// Rows that count, oldest first.
    pub(crate) fn counting(&self) -> impl DoubleEndedIterator<Item = &Row<'a>> {
        self.rows
            .iter()
            .filter(|row| row.standing == Standing::Accepted && row.is_actual())
    }

    /// The row that speaks for the status.
    pub(crate) fn status_row(&self) -> Option<&Row<'a>> {
        self.set_by.and_then(|at| self.rows.get(at))
    }

    /// Events, newest first. `former` are ids that events had before they were merged.
    pub(crate) fn events(&self, former: &BTreeSet<Digest>) -> Vec<Event> {
        self.rows
            .iter()
            .rev()
            .map(|row| self.event(row, former))
            .collect()
    }

    fn event(&self, row: &Row<'_>, former: &BTreeSet<Digest>) -> Event {
        let seen = |one: &Arc<Observation>| {
            let class = self.chain.trust(one, row.anchor);
            let mut seen = Arc::clone(one);
            if seen.class != class {
                Arc::make_mut(&mut seen).class = class;
            }
            seen
        };
        let superseded = if former.is_empty() || row.others.is_empty() {
            Vec::new()
        } else {
            let ids = row.members().map(|one| one.id);
            ids.filter(|id| *id != row.id && former.contains(id))
                .collect()
        };
        Event {
            id: row.id,
            code: row.code,
            status: row.effect,
            reason: row.reason,
            severity: severity_of(row.code, row.reason),
            carrier: row.carrier(),
            classifier: row.lead.claim.classifier,
            standing: row.standing,
            source_count: u32::try_from(row.roots()).unwrap_or(u32::MAX),
            said: seen(row.lead),
            also: row.others.iter().map(|one| seen(one)).collect(),
            time_of: row.time_of,
            place_of: row.place_of,
            superseded,
            ingest_time: row
                .members()
                .map(|one| one.receive_time)
                .min()
                .unwrap_or(row.lead.receive_time),
            revision: 0,
            added: 0,
            attempt: row.attempt,
        }
    }
}

/// Carrier of the scan: the one that is named, else the one whose data it is; empty if unknown.
pub(crate) fn carrier(observation: &Observation) -> &str {
    let is_carrier = matches!(
        observation.class,
        SourceClass::Custodian | SourceClass::Carrier
    );
    if !observation.claim.carrier.is_empty() {
        &observation.claim.carrier
    } else if is_carrier || observation.evidence_root != observation.source {
        &observation.evidence_root
    } else {
        ""
    }
}

/// Puts the observations in order, groups and folds them. Countries and the carrier that issued the
/// number are empty if unknown.
pub(crate) fn fold<'a>(
    observations: &'a [Arc<Observation>],
    facts: &[SourceFacts],
    origin: &str,
    destination: &str,
    issuer: &str,
) -> Folded<'a> {
    let anchors = Anchors::new(observations);
    let mut rows: Vec<Row<'a>> = cluster::clusters(observations)
        .into_iter()
        .map(|cluster| Row::new(cluster, &anchors))
        .collect();
    sort(&mut rows);
    let chain = Chain::of(&rows, origin, destination, issuer);
    if chain.has_changed_hands() {
        for row in rows.iter_mut().filter(|row| !row.others.is_empty()) {
            let at = row.anchor;
            row.merge(|one| chain.trust(one, at), &anchors);
        }
        sort(&mut rows);
    }
    let withdrawn = Withdrawn::new(observations, facts, &anchors);
    for row in &mut rows {
        if withdrawn.holds_of(row) {
            row.standing = Standing::Retracted;
        }
    }
    let impossible = travel::object(&mut rows, &chain);
    object_to_contradicted_ends(&mut rows, &chain);

    let mut status = Status::Pending;
    let mut set_by = None;
    let mut roots: BTreeSet<&str> = BTreeSet::new();
    let mut attempts = 0;
    for (at, row) in rows.iter_mut().enumerate() {
        row.between = (status, status);
        if row.standing != Standing::Accepted || !row.is_actual() {
            continue;
        }
        if is_future(row) {
            row.standing = Standing::Disputed;
            row.objection = Some(Objection::Future);
            continue;
        }
        if chain.is_past(row) && row.effect.is_some_and(|to| !to.is_terminal()) {
            // Who handed it over has no say in where it is now.
            row.effect = None;
            row.handed_on = true;
        }
        let (moved, leads_to) = step(status, row, origin, &chain);
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
                roots.extend(row.members().map(|one| &*one.evidence_root));
                set_by = Some(at);
            }
        }
        status = leads_to;
        row.between.1 = status;
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
        chain,
        withdrawn,
        status,
        source_count: u32::try_from(roots.len()).unwrap_or(u32::MAX),
        impossible,
        set_by,
    }
}

fn sort(rows: &mut [Row<'_>]) {
    rows.sort_unstable_by_key(|row| (row.anchor, rank(row.code), row.lead.sequence, row.id));
}

/// An end of the journey that only others than the carrier in charge report, while that carrier
/// itself went on to report the item, is disputed: else each of its later scans would be.
fn object_to_contradicted_ends(rows: &mut [Row<'_>], chain: &Chain<'_>) {
    let in_charge = |row: &Row<'_>| {
        row.members()
            .any(|one| chain.trust(one, row.anchor) <= SourceClass::Custodian)
    };
    let goes_on = |row: &Row<'_>| {
        row.standing == Standing::Accepted
            && row.is_actual()
            && matches!(row.code.phase(), 3 | 5 | 6)
            && row.effect.is_some_and(|status| !status.is_terminal())
            && in_charge(row)
    };
    let Some(last) = rows.iter().rposition(goes_on) else {
        return;
    };
    let until = rows[last].anchor;
    for row in &mut rows[..last] {
        let is_end = row.standing == Standing::Accepted
            && row.is_actual()
            && row.effect == Some(Status::Delivered)
            && row.anchor < until;
        if is_end && !in_charge(row) {
            row.standing = Standing::Disputed;
            row.objection = Some(Objection::Contradicted);
        }
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
fn step(from: Status, row: &mut Row<'_>, origin: &str, chain: &Chain<'_>) -> (Step, Status) {
    if from == Status::Returning
        && row.code.status() == Some(Status::Delivered)
        && is_to_sender(row, origin)
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
        // Who cancels an order does not turn the parcel round; its carrier does.
        Move::Recall if row.is_own() => {
            row.effect = None;
            (Step::Nothing, from)
        }
        Move::Recall => {
            row.code = EventCode::RETURN_INITIATED;
            row.effect = Some(Status::Returning);
            (Step::Speak, Status::Returning)
        }
        Move::NeedsReturn if row.code.phase() == 7 => (Step::Speak, to),
        Move::NeedsFound if row.code == EventCode::FOUND => (Step::Speak, to),
        Move::NeedsCustodian
            if row
                .members()
                .any(|one| chain.trust(one, row.anchor) <= SourceClass::Custodian) =>
        {
            (Step::Speak, to)
        }
        Move::NeedsReturn | Move::NeedsFound | Move::AfterTerminal => object(true),
        Move::NeedsCustodian | Move::Illegal => object(false),
    }
}

/// Tells whether a delivery on the way back was one to the sender.
fn is_to_sender(row: &Row<'_>, origin: &str) -> bool {
    let at_origin = row
        .place()
        .is_some_and(|place| !origin.is_empty() && place.country == origin);
    at_origin
        || row.members().any(|one| {
            if one.claim.code == EventCode::RETURNED_TO_SENDER {
                return true;
            }
            let text = one.claim.native_text.reveal().to_lowercase();
            SENDER_WORDS.iter().any(|word| text.contains(word))
        })
}

/// A report that still lists the row once its time has come lifts the objection; the clock does
/// not. Bounds are used, so that an unknown zone is no reason for suspicion.
pub(crate) fn is_future(row: &Row<'_>) -> bool {
    let listed = row.members().map(|one| one.last_listed).max();
    listed.is_some_and(|listed| lies_after(row.time(), listed))
}

/// Tells whether a time lies in the future of the report that states it.
pub(crate) fn lies_after(time: &EventTime, listed: Timestamp) -> bool {
    let limit = || listed.checked_add(CLOCK_TOLERANCE);
    time.earliest > listed && limit().is_ok_and(|limit| time.earliest > limit)
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
