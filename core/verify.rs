//! What validation finds: nothing is thrown away, everything doubtful is named.
//!
//! Details are English sentences for developers and hold no personal data: a native code may
//! appear, a native text never does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::code::EventCode;
use crate::event::{Classifier, Digest, Observation};
use crate::fold::{Folded, Objection, Row};
use crate::handover;
use crate::place::Resolution;
use crate::reconcile::SourceFacts;
use crate::shipment::{Finding, FindingKind, KnownNumber, MilestoneProgress};
use crate::suspicion;
use crate::time::Basis;

/// Native codes named in one finding; a source that changed its whole vocabulary is one fact.
const NAMED_CODES: usize = 20;

/// Findings in a fixed order.
pub(crate) fn findings(
    folded: &Folded<'_>,
    facts: &[&SourceFacts],
    milestones: &[MilestoneProgress],
    identifiers: &[KnownNumber],
) -> Vec<Finding> {
    let mut found = Found::default();
    let mut unmapped: BTreeMap<&str, (Vec<Digest>, BTreeSet<&str>)> = BTreeMap::new();
    for row in &folded.rows {
        for one in row.members() {
            if one.claim.code == EventCode::UNMAPPED {
                let (ids, codes) = unmapped.entry(&one.source).or_default();
                ids.push(row.id);
                codes.insert(&one.claim.native_code);
            }
            of_report(row, one, &mut found);
        }
        of_row(row, &mut found);
    }
    for (source, (ids, codes)) in unmapped {
        found.add(
            FindingKind::UnmappedCode,
            source,
            &unmapped_detail(&codes),
            &ids,
        );
    }
    order_contradictions(folded, &mut found);
    for pair in &folded.impossible {
        let (km, hours) = (pair.km, pair.hours.max(0.0));
        let detail = format!("{km:.0} km apart, with {hours:.1} h between them at most");
        let kind = FindingKind::ImpossibleTravel;
        found.add(kind, &pair.source, &detail, &pair.ids);
    }
    suspicion::suspicions(folded, facts, &mut found);
    handover::unaware(folded, &mut found);
    for source in facts {
        for doubt in &source.facts.doubts {
            found.add(FindingKind::TimeContradiction, &source.source, doubt, &[]);
        }
    }
    let missing: Vec<String> = milestones
        .iter()
        .filter(|one| one.inferred)
        .map(|one| format!("{:?}", one.milestone))
        .collect();
    if !missing.is_empty() {
        let detail = format!("passed without an event: {}", missing.join(", "));
        found.add(FindingKind::MilestoneMissing, "", &detail, &[]);
    }
    for identifier in identifiers.iter().map(|known| &known.identifier) {
        if identifier.check_digit_valid == Some(false) {
            let detail = format!(
                "check digit of an identifier of kind {:?} is wrong",
                identifier.kind
            );
            found.add(FindingKind::CheckDigit, "", &detail, &[]);
        }
    }
    found.list()
}

/// Something for each of few sources.
pub(crate) struct BySource<'a, T>(pub(crate) Vec<(&'a Arc<str>, T)>);

impl<T> Default for BySource<'_, T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'a, T: Default> BySource<'a, T> {
    /// What belongs to a source. Rows that were heard together share its name, which then need not
    /// be read.
    pub(crate) fn of(&mut self, source: &'a Arc<str>) -> &mut T {
        let shared = self
            .0
            .iter()
            .position(|(known, _)| Arc::ptr_eq(known, source));
        let equal = || self.0.iter().position(|(known, _)| *known == source);
        let at = shared.or_else(equal).unwrap_or_else(|| {
            self.0.push((source, T::default()));
            self.0.len() - 1
        });
        &mut self.0[at].1
    }
}

/// Findings by kind, source and detail, so that equal ones are one.
#[derive(Default)]
pub(crate) struct Found(BTreeMap<(FindingKind, String, String), Vec<Digest>>);

impl Found {
    pub(crate) fn add(&mut self, kind: FindingKind, source: &str, detail: &str, ids: &[Digest]) {
        self.0
            .entry((kind, source.to_owned(), detail.to_owned()))
            .or_default()
            .extend_from_slice(ids);
    }

    fn list(self) -> Vec<Finding> {
        self.0
            .into_iter()
            .map(|((kind, source, detail), event_ids)| Finding {
                kind,
                event_ids,
                sources: Some(source)
                    .filter(|source| !source.is_empty())
                    .into_iter()
                    .collect(),
                detail,
            })
            .collect()
    }
}

/// What is doubtful in one of the reports of an event.
fn of_report(row: &Row<'_>, one: &Observation, found: &mut Found) {
    let claim = &one.claim;
    if let Some(doubt) = &claim.doubt {
        found.add(
            FindingKind::TimeContradiction,
            &one.source,
            doubt,
            &[row.id],
        );
    }
    let unresolved = |place: &crate::place::Location| {
        !place.is_empty() && place.resolution() == Resolution::None
    };
    if claim.location.as_ref().is_some_and(unresolved) {
        found.add(
            FindingKind::LocationUnresolved,
            &one.source,
            "the text of the place names no known country",
            &[row.id],
        );
    }
}

fn of_row(row: &Row<'_>, found: &mut Found) {
    let mut add = |kind, detail: &str| {
        found.add(kind, &row.lead.source, detail, &[row.id]);
    };
    match row.time().basis {
        Basis::SourceConvention => add(
            FindingKind::TimeZoneAssumed,
            "no offset stated: the documented convention of the source was used",
        ),
        Basis::Unresolved => add(
            FindingKind::TimeZoneAssumed,
            "no offset stated and none derivable",
        ),
        _ => {}
    }
    if row.zone_mistaken {
        add(
            FindingKind::TimeZoneAssumed,
            "two sources tell the same row with clocks that differ as zones do",
        );
    }
    match row.objection {
        // What travel makes impossible concerns pairs of rows.
        None | Some(Objection::Travel) => {}
        Some(Objection::Future) => add(
            FindingKind::FutureTime,
            "lies more than 10 minutes after the report that states it",
        ),
        Some(Objection::Contradicted) => add(
            FindingKind::SourcesDisagree,
            "the carrier in charge went on to report the item and knows nothing of this end",
        ),
        Some(Objection::Move {
            from,
            to,
            after_terminal,
        }) => {
            let kind = if after_terminal {
                FindingKind::EventAfterTerminal
            } else {
                FindingKind::IllegalTransition
            };
            add(kind, &format!("{to:?} after {from:?}"));
        }
    }
}

fn unmapped_detail(codes: &BTreeSet<&str>) -> String {
    let named: Vec<String> = codes
        .iter()
        .filter(|code| !code.is_empty())
        .take(NAMED_CODES)
        .map(|code| code.chars().take(64).collect())
        .collect();
    let mut detail = if named.is_empty() {
        "no entry for texts without a code".to_owned()
    } else {
        format!("no entry for {}", named.join(", "))
    };
    let more = codes.len().saturating_sub(NAMED_CODES);
    if more > 0 {
        detail.push_str(&format!(" and {more} more"));
    }
    detail
}

/// Rows of one report whose order and resolved clocks contradict each other beyond their bounds.
fn order_contradictions(folded: &Folded<'_>, found: &mut Found) {
    let mut lists: BySource<'_, Vec<(&Observation, Digest)>> = BySource::default();
    for row in &folded.rows {
        for one in row.members() {
            let claim = &one.claim;
            if claim.time.instant.is_some()
                && claim.classifier == Classifier::Actual
                && !claim.retracted
            {
                lists.of(&one.source).push((one, row.id));
            }
        }
    }
    for (_, list) in &mut lists.0 {
        list.sort_unstable_by_key(|(row, _)| (row.last_listed, row.sequence, row.id));
    }
    for pair in lists.0.iter().flat_map(|(_, list)| list.windows(2)) {
        let [(before, its), (after, whose)] = pair else {
            continue;
        };
        let one_report =
            before.last_listed == after.last_listed && before.sequence < after.sequence;
        if one_report && before.claim.time.earliest > after.claim.time.latest {
            found.add(
                FindingKind::TimeContradiction,
                &before.source,
                "the order of the list contradicts its clocks",
                &[*its, *whose],
            );
        }
    }
}
