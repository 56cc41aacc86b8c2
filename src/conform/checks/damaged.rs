//! Answers of the upstream system that are not what its documents say, node by node.

use bytes::Bytes;
use serde_json::{Value, json};
use waybill_core::adapter::{Answer, Report};
use waybill_core::code::EventCode;
use waybill_core::error::ErrorKind;
use waybill_core::event::{Claim, MappingBasis, SourceClass};
use waybill_core::number::TrackingNumber;
use waybill_core::reconcile::Dossier;
use waybill_core::shipment::ShipmentId;
use waybill_core::status::Status;
use waybill_core::time::{Basis, parse_iso};

use super::super::damage::{Change, Node, changed, nodes};
use super::super::upstream::{Plan, Reply};
use super::super::{Checked, Not, Subject, failed};
use super::faults::works;
use super::{tally, word};

/// Variants of one kind; the choice depends on the case alone.
const VARIANTS: usize = 120;
/// Places where an answer is cut.
const CUTS: usize = 8;
/// What an unknown code comes with.
const TEXT: &str = "Conformance text without a meaning";

/// The nodes of the answer to the main case.
fn good_nodes(subject: &Subject) -> Result<(&Reply, Vec<Node>), Not> {
    let reply = subject.good()?;
    subject.upstream()?;
    let nodes = nodes(&reply.body);
    if nodes.is_empty() {
        return Err(Not::Tried("the answer is not JSON"));
    }
    Ok((reply, nodes))
}

/// Asks for the main case while the upstream answers with this body.
async fn with_body(subject: &Subject, body: Vec<u8>) -> Result<Answer, Not> {
    let reply = Reply {
        body: Bytes::from(body),
        ..subject.good()?.clone()
    };
    subject.upstream()?.plan(Plan::Always(reply));
    let mut answers = subject.ask(&subject.main()?.queries).await?;
    Ok(answers.remove(0))
}

/// What is wrong with an answer to something that can be read but not understood.
fn flaw(answer: &Answer) -> Option<String> {
    let reports = match answer {
        Ok(reports) => reports,
        Err(error) => {
            // The upstream answered, in time and in whole: it is not down, and nothing here broke.
            let is_blamed = matches!(
                error.kind,
                ErrorKind::Unavailable | ErrorKind::Timeout | ErrorKind::Internal
            );
            return is_blamed.then(|| format!("becomes {error}"));
        }
    };
    let wrong = |claim: &Claim| {
        claim.time.earliest > claim.time.latest
            || claim.native_text.reveal().chars().count() > 1_000
            || (claim.code != EventCode::UNMAPPED && claim.basis == MappingBasis::None)
    };
    let mut claims = reports.iter().flat_map(|report| &report.claims);
    claims
        .any(|claim| wrong(claim))
        .then(|| "becomes a row that no record can hold".to_owned())
}

/// At most [`VARIANTS`] of many, evenly spread.
fn spread<T>(all: Vec<T>) -> Vec<T> {
    let step = all.len().div_ceil(VARIANTS).max(1);
    all.into_iter().step_by(step).collect()
}

/// Asks once for each change of one node.
async fn each(subject: &Subject, changes: Vec<(&Node, Change)>, body: &[u8]) -> Checked {
    let mut words = Vec::new();
    for (node, change) in spread(changes) {
        let answer = with_body(subject, changed(body, [(node, change.clone())])).await?;
        let is_verdict = answer.is_err() && subject.cases.verdicts.contains(&node.path);
        if let Some(flaw) = flaw(&answer).filter(|_| !is_verdict) {
            let change = match change {
                Change::Remove => "missing".to_owned(),
                Change::Twice => "twice".to_owned(),
                Change::Set(value) => value.to_string().chars().take(30).collect(),
            };
            return failed(format!("{} {change}: {flaw}", node.path));
        }
        words.push(word(&answer));
    }
    works(subject).await?;
    Ok(format!("{} variants: {}", words.len(), tally(words)))
}

pub(super) async fn missing(subject: &Subject) -> Checked {
    let (reply, nodes) = good_nodes(subject)?;
    let changes = nodes.iter().map(|node| (node, Change::Remove)).collect();
    each(subject, changes, &reply.body).await
}

pub(super) async fn other_type(subject: &Subject) -> Checked {
    let (reply, nodes) = good_nodes(subject)?;
    let values = [
        Value::Null,
        true.into(),
        u64::MAX.into(),
        json!(-1.5e300),
        json!({"a": []}),
        json!([null, "x"]),
        "".into(),
        "\u{2028}\u{3a9}\u{0}\u{df}\u{1f4e6}".repeat(400).into(),
    ];
    // One value after the other, so that the spread meets every value and every part.
    let mut values = values.iter().cycle();
    let mut changes = Vec::new();
    for node in nodes.iter().chain(&nodes) {
        let value = values.next().cloned().unwrap_or_default();
        changes.push((node, Change::Set(value)));
    }
    each(subject, changes, &reply.body).await
}

pub(super) async fn truncated(subject: &Subject) -> Checked {
    let body = &subject.good()?.body;
    let mut words = Vec::new();
    for part in 1..=CUTS {
        let (head, _) = body.split_at(body.len() * part / (CUTS + 1));
        let answer = with_body(subject, head.to_vec()).await?;
        match &answer {
            Err(error) if error.kind == ErrorKind::Malformed => words.push(word(&answer)),
            other => {
                return failed(format!(
                    "cut after {} bytes it is {}",
                    head.len(),
                    word(other)
                ));
            }
        }
    }
    works(subject).await?;
    Ok(tally(words))
}

/// What the records that an answer makes come to: events that differ in anything, and the status of
/// each. Rows without an id that agree in everything are counted by the gateway, not by the adapter.
fn records(subject: &Subject, answer: &Answer) -> (usize, Vec<Status>) {
    let reports = answer.as_deref().unwrap_or_default();
    let class = match subject.source.class {
        SourceClass::Carrier => SourceClass::Custodian,
        class => class,
    };
    let mut numbers: Vec<&TrackingNumber> = reports.iter().map(|report| &report.number).collect();
    numbers.sort_unstable_by_key(|number| number.reveal());
    numbers.dedup();
    let status = |number: &TrackingNumber| {
        let id = ShipmentId("0".repeat(26));
        let mut dossier = Dossier::new(id, number.clone(), subject.source.carrier.to_owned());
        let own = |report: &&Report| report.number == *number;
        for report in reports.iter().filter(own) {
            dossier.absorb(subject.source.id, class, report, subject.now());
        }
        dossier.record().status
    };
    let mut distinct: Vec<&Claim> = Vec::new();
    for row in rows(answer) {
        if !distinct.contains(&row) {
            distinct.push(row);
        }
    }
    (distinct.len(), numbers.into_iter().map(status).collect())
}

pub(super) async fn duplicates(subject: &Subject) -> Checked {
    let (reply, nodes) = good_nodes(subject)?;
    let (original, statuses) = records(subject, &with_body(subject, reply.body.to_vec()).await?);
    let is_row = |node: &&Node| node.path.ends_with("[]") && node.value.is_object();
    let rows: Vec<&Node> = nodes.iter().filter(is_row).collect();
    if rows.is_empty() {
        return Err(Not::Tried("the answer has no rows"));
    }
    let mut words = Vec::new();
    for node in spread(rows) {
        let answer = with_body(subject, changed(&reply.body, [(node, Change::Twice)])).await?;
        if let Some(flaw) = flaw(&answer) {
            return failed(format!("{} twice: {flaw}", node.path));
        }
        let (count, now) = records(subject, &answer);
        if count > original {
            return failed(format!(
                "{} twice: {count} events instead of {original}",
                node.path
            ));
        }
        if answer.is_ok() && now != statuses {
            return failed(format!("{} twice: another status", node.path));
        }
        words.push(word(&answer));
    }
    works(subject).await?;
    Ok(format!("{} variants: {}", words.len(), tally(words)))
}

/// Nodes that the author names.
fn named<'a>(nodes: &'a [Node], paths: &[String]) -> Vec<&'a Node> {
    let is_named = |node: &&Node| paths.contains(&node.path);
    nodes.iter().filter(is_named).collect()
}

/// The rows of an answer that is one.
fn rows(answer: &Answer) -> Vec<&Claim> {
    let reports = answer.iter().flatten();
    reports
        .flat_map(|report| report.claims.iter().map(|row| &**row))
        .collect()
}

pub(super) async fn unknown_codes(subject: &Subject) -> Checked {
    let (reply, nodes) = good_nodes(subject)?;
    let codes = named(&nodes, &subject.cases.codes);
    if codes.is_empty() {
        return Err(Not::Tried("no node is said to be a code"));
    }
    let unknown = &subject.cases.unknown_code;
    let shown = match unknown {
        Value::String(text) => text.to_ascii_lowercase(),
        other => other.to_string(),
    };
    let texts = named(&nodes, &subject.cases.texts);
    let has_text = !texts.is_empty();
    let is_code = |node: &Node| subject.cases.codes.contains(&node.path);
    let changes = nodes.iter().filter_map(|node| {
        let is_text = subject.cases.texts.contains(&node.path);
        let value = match (is_code(node), is_text) {
            (true, _) => unknown.clone(),
            (false, true) => TEXT.into(),
            (false, false) => return None,
        };
        Some((node, Change::Set(value)))
    });
    let answer = with_body(subject, changed(&reply.body, changes)).await?;
    if let Err(error) = &answer {
        return failed(format!("becomes {error}"));
    }
    let rows = rows(&answer);
    let with_code = |row: &&&Claim| row.native_code.to_ascii_lowercase().contains(&shown);
    let kept: Vec<&&Claim> = rows.iter().filter(with_code).collect();
    if kept.is_empty() {
        return failed("no row keeps the code");
    }
    if kept.iter().any(|row| row.code != EventCode::UNMAPPED) {
        return failed("a row has a meaning that was guessed");
    }
    if has_text
        && !kept
            .iter()
            .any(|row| row.native_text.reveal().contains(TEXT))
    {
        return failed("no row keeps the text");
    }
    Ok(format!("{} rows are unmapped", kept.len()))
}

/// A time without its offset; `None` if it is no time with one.
fn without_offset(text: &str) -> Option<String> {
    parse_iso(text).and_then(|stated| stated.offset)?;
    if let Some(rest) = text.strip_suffix(['Z', 'z']) {
        return Some(rest.to_owned());
    }
    let at = text.rfind(['+', '-']).filter(|at| *at > 10)?;
    text.get(..at).map(|rest| rest.trim_end().to_owned())
}

/// The same time on a day that does not exist; `None` if it begins with no day.
fn no_such_day_of(text: &str) -> Option<String> {
    parse_iso(text)?;
    let (day, rest) = text.split_at_checked(10)?;
    let is_day = day.bytes().enumerate().all(|(at, c)| match at {
        4 | 7 => c == b'-',
        _ => c.is_ascii_digit(),
    });
    is_day.then(|| format!("2026-02-30{rest}"))
}

/// Changes of every text that `of` takes.
fn texts<'a>(nodes: &'a [Node], of: impl Fn(&str) -> Option<String>) -> Vec<(&'a Node, Change)> {
    let leaves = nodes.iter().filter(|node| node.is_leaf());
    let change = |node: &'a Node| {
        let text = of(node.value.as_str()?)?;
        Some((node, Change::Set(text.into())))
    };
    leaves.filter_map(change).collect()
}

pub(super) async fn no_offset(subject: &Subject) -> Checked {
    let (reply, nodes) = good_nodes(subject)?;
    let zones = named(&nodes, &subject.cases.zones);
    let count = zones.len();
    let stripped = texts(&nodes, without_offset);
    if stripped.is_empty() && count == 0 {
        return Err(Not::Tried("the answer has no offset or zone that is known"));
    }
    // Fields are removed after texts are changed: steps lead through lists that stay as they are.
    let body = changed(&reply.body, stripped.iter().cloned());
    let body = changed(&body, zones.into_iter().map(|node| (node, Change::Remove)));
    let answer = with_body(subject, body).await?;
    let is_epoch = |row: &Claim| row.time.raw.bytes().all(|c| c.is_ascii_digit());
    let mut bases = Vec::new();
    for row in rows(&answer) {
        if row.time.basis == Basis::Stated && !is_epoch(row) {
            return failed("a time is said to be exact, and no offset was stated");
        }
        bases.push(match row.time.basis {
            Basis::Stated => "epoch",
            Basis::Facility | Basis::Locality => "by its place",
            Basis::Country => "by its country",
            Basis::SourceConvention => "by convention",
            Basis::Corroborated | Basis::Unresolved => "unresolved",
        });
    }
    if bases.is_empty() {
        bases.push(word(&answer));
    }
    Ok(format!(
        "{} removed: {}",
        stripped.len() + count,
        tally(bases)
    ))
}

pub(super) async fn no_such_day(subject: &Subject) -> Checked {
    let (reply, nodes) = good_nodes(subject)?;
    let changes = texts(&nodes, no_such_day_of);
    if changes.is_empty() {
        return Err(Not::Tried("the answer has no day in ISO 8601"));
    }
    let count = changes.len();
    let answer = with_body(subject, changed(&reply.body, changes)).await?;
    if let Some(flaw) = flaw(&answer) {
        return failed(flaw);
    }
    let is_moved = |row: &&Claim| row.time.raw.contains("2026-02-30");
    if rows(&answer).iter().any(is_moved) {
        return failed("a row has a time that was made up");
    }
    works(subject).await?;
    Ok(format!("{count} days: {}", word(&answer)))
}
