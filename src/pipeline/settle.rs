//! Steps 4 to 8: what one source said becomes part of the record, is stored, and is told to those
//! who watch. Every way that news can come ends here.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use waybill_core::adapter::{Answer, Hints, Query, Report};
use waybill_core::assess::assess;
use waybill_core::error::{Error, ErrorKind};
use waybill_core::event::{Claim, Classifier, SourceClass};
use waybill_core::internal;
use waybill_core::number::{self, TrackingNumber};
use waybill_core::order::{Order, Subject};
use waybill_core::overlay::{NOBODY, is_evidence};
use waybill_core::owner::owner_of;
use waybill_core::reconcile::{Change, Dossier};
use waybill_core::revision::revise;
use waybill_core::shipment::{IdentifierKind, Shipment, ShipmentId};
use waybill_core::status::Status;

use super::unite::unite;
use super::{Pipeline, Question, Source, ingest, standing};
use crate::cache::{Entry, Key, stage_of};
use crate::evidence::Said;
use crate::kpi::Promised;
use crate::store::{Commit, CommitError, StoreError, Stored};

/// How often a commit is tried again when somebody else changed the shipment meanwhile. Conflicts
/// are possible only between sources of one shipment, so a handful of rounds is plenty.
const COMMIT_ROUNDS: usize = 16;
/// Events of one number that lie further apart, and have none between them, are of two uses of it.
pub(super) const REUSE: SignedDuration = SignedDuration::from_hours(180 * 24);

/// How reports came.
#[derive(Clone, Copy)]
pub(super) enum Origin<'a> {
    /// As the answer to this.
    Answer(&'a Question),
    /// By themselves: what stands side by side in a push belongs together no more than what comes
    /// one after the other.
    Push,
}

/// What became of one question to one source.
pub struct Settled {
    /// What is held from now on.
    pub entry: Arc<Entry>,
    /// Upstream requests made.
    pub attempts: u32,
    /// From the first attempt to the answer; `None` if no request left the gateway.
    pub latency: Option<Duration>,
}

/// Takes one answer through steps 4 to 8 and returns what the cache shall hold of it.
pub(super) async fn settle(
    pipeline: &Pipeline,
    source: &Source,
    question: &Question,
    answer: Answer,
    raw: Arc<[Bytes]>,
    before: Option<&Entry>,
) -> Entry {
    let now = pipeline.now();
    let policy = &pipeline.live().configured.policy;
    let reports = match answer {
        Ok(reports) => reports,
        Err(error) if error.kind == ErrorKind::NotFound => {
            return policy.not_found(before.map(|entry| &entry.answer), now);
        }
        Err(error) if error.kind == ErrorKind::InvalidQuery => return policy.impossible(now),
        Err(error) => return policy.failed(error, now),
    };
    let reports = echoing(source, question, reports);
    if reports.is_empty() {
        let message = "the answer is about something else";
        return policy.failed(Error::new(ErrorKind::Malformed, message), now);
    }
    let reports = match pipeline.admitted(reports).await {
        Ok(reports) if reports.is_empty() => {
            return policy.not_found(before.map(|entry| &entry.answer), now);
        }
        Ok(reports) => reports,
        Err(error) => return policy.failed(store_error(error), now),
    };
    match absorb(pipeline, source, Origin::Answer(question), &reports, now).await {
        Ok(absorbed) => {
            let said = Said {
                about: absorbed.about,
                source: source.name.clone(),
                bodies: raw,
                time: now,
            };
            pipeline.parts.evidence.keep(said);
            let fresh_for = absorbed.fresh_for.max(source.limits.min_interval);
            policy.found(reports, now, fresh_for)
        }
        Err(error) => policy.failed(error, now),
    }
}

/// Identity guard: keeps the reports that are about what was asked for.
fn echoing(source: &Source, question: &Question, reports: Vec<Report>) -> Vec<Report> {
    let count = reports.len();
    let kept = match question {
        // If one report of an answer echoes the number, its companions (pieces of the same
        // consignment) are kept as well.
        Question::Number(query) if reports.iter().any(|report| names(report, query)) => reports,
        Question::Number(_) => Vec::new(),
        // Parcels of an order have nothing in common but the order, so each has to name it.
        Question::Order(query) => {
            let mut reports = reports;
            reports.retain(|report| is_of(report, &query.order));
            reports
        }
    };
    let foreign = u64::try_from(count - kept.len()).unwrap_or(u64::MAX);
    if foreign > 0 {
        metrics::counter!("waybill_reports_foreign_total", "source" => source.descriptor.id)
            .increment(foreign);
    }
    kept
}

/// Whether a report has the number asked for, as its own or as one of its further numbers.
pub(super) fn names(report: &Report, query: &Query) -> bool {
    report.number == query.number
        || report.facts.identifiers.iter().any(|identifier| {
            TrackingNumber::parse(identifier.value.reveal())
                .is_ok_and(|number| number == query.number)
        })
}

/// Whether a report has the order, to the last character, among its references.
fn is_of(report: &Report, order: &Order) -> bool {
    report.facts.identifiers.iter().any(|identifier| {
        identifier.kind == IdentifierKind::Reference && identifier.value.reveal() == order.reveal()
    })
}

/// What came of the reports of one answer or push.
pub(super) struct Absorbed {
    /// How long they are fresh: as long as the liveliest of their records.
    fresh_for: Duration,
    /// Their shipments, and whether what is said of them is evidence.
    pub(super) about: Vec<(ShipmentId, bool)>,
}

/// Takes the reports of one answer or push into the store.
///
/// # Errors
/// `Internal` if the store does not take them.
pub(super) async fn absorb(
    pipeline: &Pipeline,
    source: &Source,
    origin: Origin<'_>,
    reports: &[Report],
    receive_time: Timestamp,
) -> Result<Absorbed, Error> {
    count_unmapped(source, reports);
    let mut places: Vec<ShipmentId> = Vec::with_capacity(reports.len());
    for report in reports {
        let taken = match origin {
            Origin::Answer(_) => places.as_slice(),
            Origin::Push => &[],
        };
        let place = place(pipeline, source, report, taken).await?;
        places.push(place);
    }
    let mut fresh_for = Duration::MAX;
    let mut about = Vec::with_capacity(reports.len());
    for (at, report) in reports.iter().enumerate() {
        let record = loop {
            let pieces = match origin {
                Origin::Answer(Question::Number(_)) => consignment(reports, &places),
                // Parcels of an order go their own ways.
                Origin::Answer(Question::Order(_)) | Origin::Push => BTreeSet::new(),
            };
            let id = &places[at];
            let record = remember(pipeline, source, origin, report, id, &pieces, receive_time);
            if let Some(record) = record.await? {
                break record;
            }
            // Meanwhile the place has gone to another use of the number.
            let others: Vec<ShipmentId> = match origin {
                Origin::Answer(_) => [&places[..at], &places[at + 1..]].concat(),
                Origin::Push => Vec::new(),
            };
            places[at] = place(pipeline, source, report, &others).await?;
        };
        let policy = &pipeline.live().configured.policy;
        fresh_for = fresh_for.min(policy.fresh_for(stage_of(&record), Duration::ZERO));
        about.push((record.id.clone(), is_evidence(&record, &NOBODY)));
    }
    if let Origin::Answer(Question::Order(query)) = origin
        && let Err(refusal) = ingest::join(pipeline, &query.order).await
    {
        // What the source says is stored all the same.
        tracing::warn!(?refusal, "events of own systems did not reach their order");
    }
    Ok(Absorbed { fresh_for, about })
}

fn count_unmapped(source: &Source, reports: &[Report]) {
    let unmapped = reports
        .iter()
        .flat_map(|report| &report.claims)
        .filter(|claim| claim.code == waybill_core::code::EventCode::UNMAPPED)
        .count();
    if unmapped > 0 {
        metrics::counter!("waybill_unclassified_events_total", "source" => source.descriptor.id)
            .increment(u64::try_from(unmapped).unwrap_or(u64::MAX));
    }
}

/// Finds the shipment that a report is about, or the id of the one to be made. Numbers are
/// re-used: of several shipments with one number it is the one that shares an event with the
/// report, else the one nearest in time, unless even that is [`REUSE`] away; and two reports of
/// one answer are never the same shipment.
async fn place(
    pipeline: &Pipeline,
    source: &Source,
    report: &Report,
    taken: &[ShipmentId],
) -> Result<ShipmentId, Error> {
    let carrier = issuer_of(&report.number).unwrap_or(carrier_of(source, report));
    let parts = &pipeline.parts;
    let span = span(report.claims.iter());
    let mut nth = 0;
    let mut nearest: Option<(SignedDuration, ShipmentId)> = None;
    loop {
        let id = parts.keys.shipment_id(carrier, &report.number, nth);
        nth += 1;
        if taken.contains(&id) {
            continue;
        }
        let stored = parts.store.load(&id).await.map_err(store_error)?;
        let Some(stored) = stored else {
            if let Some((_, nearest)) = nearest {
                return Ok(nearest);
            }
            let own = announced(pipeline, source, report, taken).await?;
            return Ok(own.unwrap_or(id));
        };
        let dossier = &stored.dossier;
        // It can be another one that this one turned out to be.
        let id = dossier.id.clone();
        if taken.contains(&id) {
            continue;
        }
        if dossier.shares_observation(&source.name, report) {
            return Ok(id);
        }
        let gap = gap(span, dossier.oldest().zip(dossier.newest()));
        if gap <= REUSE && nearest.as_ref().is_none_or(|(least, _)| gap < *least) {
            nearest = Some((gap, id));
        }
    }
}

/// Finds the shipment that own systems made of a number before its carrier knew it, whosever they
/// took the number for.
async fn announced(
    pipeline: &Pipeline,
    source: &Source,
    report: &Report,
    taken: &[ShipmentId],
) -> Result<Option<ShipmentId>, Error> {
    let store = &pipeline.parts.store;
    let carrier = carrier_of(source, report);
    let subject = Subject::Number(report.number.clone());
    for id in store.find(&subject).await.map_err(store_error)? {
        let Some(stored) = store.load(&id).await.map_err(store_error)? else {
            continue;
        };
        let dossier = &stored.dossier;
        let is_its = dossier.number == report.number
            && (dossier.carrier == carrier || internal::is_only_own(dossier));
        if is_its && !taken.contains(&id) && belongs(source, report, dossier) {
            return Ok(Some(id));
        }
    }
    continued(pipeline, source, report, taken).await
}

/// Finds the one shipment of which a source states that it goes on under the number of a report.
async fn continued(
    pipeline: &Pipeline,
    source: &Source,
    report: &Report,
    taken: &[ShipmentId],
) -> Result<Option<ShipmentId>, Error> {
    let carrier = carrier_of(source, report);
    let subject = Subject::Number(report.number.clone());
    let owners = standing::owners(pipeline, &subject).await;
    let owners = owners.map_err(store_error)?;
    let mut fitting = owners
        .iter()
        .map(|stored| &stored.dossier)
        .filter(|dossier| {
            dossier.goes_on_as(&report.number, carrier, owner_of(&source.name))
                && !taken.contains(&dossier.id)
                && belongs(source, report, dossier)
        });
    match (fitting.next(), fitting.next()) {
        (Some(only), None) => Ok(Some(only.id.clone())),
        _ => Ok(None),
    }
}

/// Tells whether a report can be about a stored shipment of its number.
fn belongs(source: &Source, report: &Report, dossier: &Dossier) -> bool {
    gap(
        span(report.claims.iter()),
        dossier.oldest().zip(dossier.newest()),
    ) <= REUSE
        || dossier.shares_observation(&source.name, report)
}

/// First and last moment of what claims say has happened.
pub(super) fn span<'a>(
    claims: impl Iterator<Item = &'a Arc<Claim>> + Clone,
) -> Option<(Timestamp, Timestamp)> {
    let happened = |claim: &&Arc<Claim>| claim.classifier == Classifier::Actual && !claim.retracted;
    let moments = claims.filter(happened).map(|claim| claim.time.anchor());
    moments.clone().min().zip(moments.max())
}

/// Time between two spans; none if they overlap or nothing is known of one of them.
pub(super) fn gap(
    one: Option<(Timestamp, Timestamp)>,
    other: Option<(Timestamp, Timestamp)>,
) -> SignedDuration {
    let (Some(one), Some(other)) = (one, other) else {
        return SignedDuration::ZERO;
    };
    let after = one.0.duration_since(other.1);
    let before = other.0.duration_since(one.1);
    after.max(before).max(SignedDuration::ZERO)
}

/// Shipments of one answer that have different numbers are pieces of one consignment; those with
/// the same number are different uses of it.
fn consignment(reports: &[Report], ids: &[ShipmentId]) -> BTreeSet<ShipmentId> {
    let numbers: BTreeSet<&str> = reports
        .iter()
        .map(|report| report.number.reveal())
        .collect();
    if numbers.len() == reports.len() && reports.len() > 1 {
        ids.iter().cloned().collect()
    } else {
        BTreeSet::new()
    }
}

/// Posts share their numbers: what one of them says about a number of the Universal Postal Union
/// is about the same item as what another one says.
pub(super) fn issuer_of(number: &TrackingNumber) -> Option<&'static str> {
    let is_shared = number.reveal().len() == 13
        && number::detect(number, &Hints::default())
            .iter()
            .any(|candidate| {
                !candidate.country.is_empty() && candidate.check_digit_valid == Some(true)
            });
    is_shared.then_some("upu")
}

fn carrier_of<'a>(source: &'a Source, report: &'a Report) -> &'a str {
    if source.descriptor.carrier.is_empty() {
        &report.relays
    } else {
        source.descriptor.carrier
    }
}

/// Reconciles one report with what is stored, and commits; `None` if the shipment that is stored
/// by now is another use of the number.
async fn remember(
    pipeline: &Pipeline,
    source: &Source,
    origin: Origin<'_>,
    report: &Report,
    id: &ShipmentId,
    pieces: &BTreeSet<ShipmentId>,
    receive_time: Timestamp,
) -> Result<Option<Arc<Shipment>>, Error> {
    let carrier = carrier_of(source, report);
    let class = match source.descriptor.class {
        SourceClass::Carrier if source.descriptor.carrier == carrier => SourceClass::Custodian,
        class => class,
    };
    for _ in 0..COMMIT_ROUNDS {
        let stored = pipeline.parts.store.load(id).await.map_err(store_error)?;
        let mut dossier = match &stored {
            Some(stored) if !belongs(source, report, &stored.dossier) => return Ok(None),
            Some(stored) => stored.dossier.clone(),
            None => Dossier::new(id.clone(), report.number.clone(), carrier.to_owned()),
        };
        if internal::is_only_own(&dossier) {
            carrier.clone_into(&mut dossier.carrier);
        }
        let name = &source.name;
        let change = match origin {
            Origin::Answer(_) => dossier.absorb(name, class, report, receive_time),
            Origin::Push => dossier.absorb_push(name, class, report, receive_time),
        };
        let known = dossier.pieces.len();
        dossier
            .pieces
            .extend(pieces.iter().filter(|piece| *piece != id).cloned());
        let same = change < Change::Content && dossier.pieces.len() == known;
        let mut aliases = aliases(origin, report);
        let told = standing::claim_told(pipeline, &mut dossier).await;
        aliases.extend(told.map_err(store_error)?);
        match commit(pipeline, stored.as_ref(), dossier, aliases, same).await {
            Ok((record, _)) if change < Change::Content => return Ok(Some(record)),
            Ok((record, _)) => {
                let united = unite(pipeline, record).await;
                return united.map(Some).map_err(store_error);
            }
            Err(CommitError::Conflict) => {}
            Err(CommitError::Store(error)) => return Err(store_error(error)),
        }
    }
    Err(Error::new(
        ErrorKind::Internal,
        "the shipment kept changing while it was stored",
    ))
}

/// Steps 5 to 8 for one dossier: the record as of now, stored and told. Also says when time alone
/// makes another one of it. `same`: the record follows from the dossier as it did before, so that
/// only time can have changed it.
pub(super) async fn commit(
    pipeline: &Pipeline,
    stored: Option<&Arc<Stored>>,
    mut dossier: Dossier,
    aliases: Vec<Subject>,
    same: bool,
) -> Result<(Arc<Shipment>, Option<Timestamp>), CommitError> {
    let parts = &pipeline.parts;
    let now = pipeline.now();
    let (record, next_change, changed) = match stored {
        Some(stored) if same && stored.is_current(now) => {
            (Arc::clone(&stored.record), stored.next_change, false)
        }
        _ => {
            let shown = stored.map(|stored| &*stored.record);
            let mut record = dossier.record();
            if shown.is_some_and(|shown| dossier.outlive(shown, &record)) {
                record = dossier.record();
            }
            let (record, next_change) = assess(record, now);
            let (record, changed) = revise(shown, record, now);
            (Arc::new(record), next_change, changed)
        }
    };
    let counted = pipeline.counted(&dossier, &record);
    let before = stored.map(|stored| pipeline.counted(&stored.dossier, &stored.record));
    let promises = promises(pipeline, stored, &dossier, &record).await;
    let commit = Commit {
        expected: stored.map_or(0, |stored| stored.version),
        dossier,
        record: Arc::clone(&record),
        next_change,
        aliases: aliases.clone(),
        changed,
        time: now,
    };
    // It may have been erased between the look at it and now.
    if stored.is_none() {
        let subject = Subject::Number(commit.dossier.number.clone());
        if pipeline.is_barred(&subject).await? {
            return Err(StoreError::new("what the number led to was erased").into());
        }
    }
    parts.store.commit(commit).await?;
    if pipeline.records {
        metrics::counter!("waybill_store_commits_total").increment(1);
        parts.kpis.stored(before, counted, promises, now);
    }
    parts.hub.touch(&record.id, &aliases);
    if changed {
        count_news(stored.map(|stored| &*stored.record), &record, now);
        parts.hub.made(&record);
        parts.hub.join(&record.id, &aliases);
    }
    Ok((record, next_change))
}

/// Counts what is new in a record: how late its newest event came, and what is doubted.
fn count_news(before: Option<&Shipment>, record: &Shipment, now: Timestamp) {
    let known = |id| before.is_some_and(|before| before.events.iter().any(|one| one.id == id));
    let new = record.events.iter().filter(|event| !known(event.id));
    if let Some(at) = new.filter_map(|event| event.time().instant).max() {
        let lag = now.duration_since(at).as_secs_f64().max(0.0);
        metrics::histogram!("waybill_update_lag_seconds", "leg" => "commit").record(lag);
    }
    for finding in &record.findings {
        let is_known = before.is_some_and(|before| before.findings.contains(finding));
        if !is_known {
            metrics::counter!(
                "waybill_validation_rejects_total",
                "rule" => super::note::rule(finding.kind),
            )
            .increment(1);
        }
    }
}

/// What tenants promised of the delivery of a shipment; nothing unless it is or was delivered, since
/// nothing else is measured by it. What the store does not tell is missing from the figures only.
async fn promises(
    pipeline: &Pipeline,
    stored: Option<&Arc<Stored>>,
    dossier: &Dossier,
    record: &Arc<Shipment>,
) -> Vec<Promised> {
    // A new shipment is followed by nobody yet.
    let Some(stored) = stored.filter(|stored| !Arc::ptr_eq(&stored.record, record)) else {
        return Vec::new();
    };
    if ![stored.record.status, record.status].contains(&Status::Delivered) {
        return Vec::new();
    }
    let overlays = pipeline.parts.store.overlays(&record.id).await;
    let overlays = overlays.unwrap_or_default().into_iter();
    let promised = overlays.filter_map(|(tenant, overlay)| {
        let promise = overlay.registration.as_ref()?.promise?;
        Some(Promised {
            promise,
            before: pipeline.shown(&tenant, &stored.dossier, &stored.record),
            after: pipeline.shown(&tenant, dossier, record),
            tenant,
        })
    });
    promised.collect()
}

/// What the shipment can be found under: its own number, what was asked for, and those of its
/// identifiers that name it. References are the shipper's and can stand for many shipments.
fn aliases(origin: Origin<'_>, report: &Report) -> Vec<Subject> {
    let further = report
        .facts
        .identifiers
        .iter()
        .filter_map(|identifier| match identifier.kind {
            IdentifierKind::Reference => None,
            _ => TrackingNumber::parse(identifier.value.reveal()).ok(),
        })
        .map(Subject::Number);
    let asked = match origin {
        Origin::Answer(question) => Some(question.subject()),
        Origin::Push => None,
    };
    let all: BTreeSet<Subject> = [report.number.clone().into()]
        .into_iter()
        .chain(asked)
        .chain(further)
        .collect();
    all.into_iter().collect()
}

pub(super) fn store_error(error: crate::store::StoreError) -> Error {
    tracing::error!(%error, "the store failed");
    Error::new(ErrorKind::Internal, "the store failed")
}

/// Cache key of a question to an account of a source.
pub(super) fn key(pipeline: &Pipeline, source: &Source, question: &Question) -> Key {
    let (keys, id, account) = (&pipeline.parts.keys, source.descriptor.id, &source.account);
    match question {
        Question::Number(query) => Key::new(keys, id, account, query),
        Question::Order(query) => Key::of_order(keys, id, account, query),
    }
}
