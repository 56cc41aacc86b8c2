//! The table of checks, and what they share.

mod contract;
mod damaged;
mod faults;

use std::collections::BTreeMap;

use waybill_core::adapter::{Answer, Query, Report};
use waybill_core::error::ErrorKind;

use self::faults::Fault;
use super::cases::{Case, Expected};
use super::{Checked, Not, Run, Subject, failed};

/// A check.
pub struct Check {
    /// Id, `[a-z0-9._]+`; the part before the dot is its group.
    pub id: &'static str,
    /// What it asserts, as a sentence about the adapter.
    pub asserts: &'static str,
    how: How,
}

enum How {
    /// The upstream fails in one way.
    Fault(Fault),
    /// Anything else.
    Run(Run),
}

impl Check {
    pub(super) async fn try_on(&self, subject: &Subject) -> Checked {
        match &self.how {
            How::Fault(fault) => fault.try_on(subject).await,
            How::Run(run) => run(subject).await,
        }
    }
}

const fn run(id: &'static str, asserts: &'static str, run: Run) -> Check {
    Check {
        id,
        asserts,
        how: How::Run(run),
    }
}

const fn fault(id: &'static str, asserts: &'static str, fault: Fault) -> Check {
    Check {
        id,
        asserts,
        how: How::Fault(fault),
    }
}

/// Every check, in the order in which they are made.
pub static CHECKS: &[Check] = &[
    run(
        "describe.valid",
        "offers sources with valid ids, each once",
        |subject| Box::pin(contract::describe_valid(subject)),
    ),
    run(
        "describe.stable",
        "offers the same when it is asked again",
        |subject| Box::pin(contract::describe_stable(subject)),
    ),
    run(
        "fetch.found",
        "finds what is known, and answers for the number that was asked",
        |subject| Box::pin(contract::found(subject)),
    ),
    run(
        "fetch.failures",
        "gives each documented failure its kind",
        |subject| Box::pin(contract::failures(subject)),
    ),
    run(
        "fetch.200_with_error",
        "takes an error within status 200 for one",
        |subject| Box::pin(contract::error_in_200(subject)),
    ),
    run("fetch.order", "gives rows oldest first", |subject| {
        Box::pin(contract::oldest_first(subject))
    }),
    run(
        "fetch.once",
        "answers each query of a full batch once",
        |subject| Box::pin(contract::once(subject)),
    ),
    run(
        "fetch.batch",
        "answers each query of a batch for itself",
        |subject| Box::pin(contract::batch(subject)),
    ),
    run(
        "fetch.bad_number",
        "lets a number that is none fail alone",
        |subject| Box::pin(contract::bad_number(subject)),
    ),
    run(
        "fetch.unknown_source",
        "refuses a source that it does not offer",
        |subject| Box::pin(contract::unknown_source(subject)),
    ),
    run(
        "fetch.parallel",
        "answers many calls at once, each for itself",
        |subject| Box::pin(contract::parallel(subject)),
    ),
    run(
        "push.unsigned",
        "does not believe a push that nobody signed",
        |subject| Box::pin(contract::unsigned(subject)),
    ),
    fault(
        "upstream.400",
        "a refused request says nothing of the number",
        faults::status(
            400,
            "bad request",
            &[InvalidQuery, NotFound, Malformed, Internal],
        ),
    ),
    fault(
        "upstream.401",
        "a refused credential is DENIED",
        faults::status(401, "unauthorised", &[Denied]),
    ),
    fault(
        "upstream.403",
        "refused access is DENIED",
        faults::status(403, "forbidden", &[Denied]),
    ),
    fault(
        "upstream.404",
        "an address that does not exist is not found, or a failure; never a report",
        faults::status(
            404,
            "no such page",
            &[NotFound, Unavailable, Malformed, Unsupported, Internal],
        ),
    ),
    fault(
        "upstream.429",
        "being asked to wait is THROTTLED",
        faults::status(429, "slow down", &[Throttled]).waits(),
    ),
    fault(
        "upstream.429_retry_after",
        "THROTTLED keeps the seconds of Retry-After",
        faults::status(429, "slow down", &[Throttled]).after("17", 17..=17),
    ),
    fault(
        "upstream.429_retry_after_date",
        "THROTTLED understands a date as Retry-After",
        faults::status(429, "slow down", &[Throttled]).after_date(90, 60..=91),
    ),
    fault(
        "upstream.500",
        "a server error is UNAVAILABLE",
        faults::status(500, "server error", &[Unavailable]),
    ),
    fault(
        "upstream.502",
        "the page of a gateway before it is UNAVAILABLE",
        faults::page(502, &[Unavailable]),
    ),
    fault(
        "upstream.503_retry_after",
        "UNAVAILABLE keeps the seconds of Retry-After",
        faults::status(503, "down", &[Unavailable]).after("17", 17..=17),
    ),
    fault(
        "upstream.closed",
        "a connection that ends before an answer is UNAVAILABLE",
        faults::broken(super::upstream::How::Close, &[Unavailable]),
    ),
    fault(
        "upstream.cut",
        "a connection that is reset within the body is UNAVAILABLE",
        faults::broken(super::upstream::How::Cut, &[Unavailable]),
    ),
    fault(
        "upstream.not_http",
        "bytes that are no HTTP are a failure of the source",
        faults::broken(super::upstream::How::Noise, &[Malformed, Unavailable]),
    ),
    fault(
        "upstream.garbage",
        "a body of random bytes is MALFORMED",
        faults::body(faults::GARBAGE, &[Malformed]),
    ),
    fault(
        "upstream.html",
        "a page for people with status 200 is a failure, not a record",
        faults::page(200, &[Malformed, Unavailable]),
    ),
    fault(
        "upstream.empty",
        "an empty body says nothing, not even that the number is unknown",
        faults::body(b"", &[Malformed, Unavailable]),
    ),
    fault(
        "upstream.other_json",
        "JSON of another shape is MALFORMED",
        faults::body(br#"[[{"conform":[true,null,1e300]}]]"#, &[Malformed]),
    ),
    fault(
        "upstream.huge",
        "a body of 50 MiB is not read to its end",
        faults::broken(
            super::upstream::How::Padded(50 * 1_024 * 1_024),
            &[Malformed, Unavailable],
        ),
    ),
    run(
        "upstream.truncated",
        "half a body is MALFORMED, wherever it ends",
        |subject| Box::pin(damaged::truncated(subject)),
    ),
    run(
        "upstream.slow",
        "an answer that does not come is TIMEOUT, and the upstream is left at the deadline",
        |subject| Box::pin(faults::slow(subject)),
    ),
    run(
        "upstream.drip",
        "an answer that comes byte by byte is TIMEOUT",
        |subject| Box::pin(faults::drip(subject)),
    ),
    run(
        "upstream.cancelled",
        "a call that is cancelled leaves the upstream",
        |subject| Box::pin(faults::cancelled(subject)),
    ),
    run(
        "upstream.no_retries",
        "asks no more often than one look-up needs, whatever fails",
        |subject| Box::pin(faults::no_retries(subject)),
    ),
    run(
        "damage.missing",
        "an answer with any one node missing is a report or MALFORMED",
        |subject| Box::pin(damaged::missing(subject)),
    ),
    run(
        "damage.other_type",
        "an answer with any one value of another type is a report or MALFORMED",
        |subject| Box::pin(damaged::other_type(subject)),
    ),
    run(
        "damage.duplicates",
        "a row that is sent twice is no second event, nor another status",
        |subject| Box::pin(damaged::duplicates(subject)),
    ),
    run(
        "codes.unknown",
        "an unknown code is UNMAPPED with code and text kept",
        |subject| Box::pin(damaged::unknown_codes(subject)),
    ),
    run(
        "clock.no_offset",
        "a time without offset or zone is no exact instant that the source stated",
        |subject| Box::pin(damaged::no_offset(subject)),
    ),
    run(
        "clock.no_such_day",
        "a day that does not exist is no other day",
        |subject| Box::pin(damaged::no_such_day(subject)),
    ),
    run(
        "recovers",
        "after all of this it answers as at the beginning",
        |subject| Box::pin(contract::found(subject)),
    ),
];

use ErrorKind::{
    Denied, Internal, InvalidQuery, Malformed, NotFound, Throttled, Unavailable, Unsupported,
};

/// What an answer is, in a word.
fn word(answer: &Answer) -> &'static str {
    match answer {
        Ok(_) => "found",
        Err(error) => error.kind.as_str(),
    }
}

/// How many of each there are, such as "3 found, 9 malformed".
fn tally(words: impl IntoIterator<Item = &'static str>) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for word in words {
        *counts.entry(word).or_default() += 1;
    }
    let counts = counts.iter().map(|(word, count)| format!("{count} {word}"));
    counts.collect::<Vec<_>>().join(", ")
}

/// Whether a report names a number, as its own or among its identifiers.
fn names(report: &Report, query: &Query) -> bool {
    let identifiers = &report.facts.identifiers;
    let is_same = |value: &String| value.as_str() == query.number.reveal();
    report.number == query.number || identifiers.iter().any(|id| is_same(id.value.reveal()))
}

/// Checks an answer that must be found, and returns its reports.
fn reports<'a>(answer: &'a Answer, query: &Query) -> Result<&'a [Report], Not> {
    match answer {
        Err(error) => failed(format!("is {error}")),
        Ok(reports) if reports.iter().any(|report| names(report, query)) => Ok(reports),
        Ok(reports) => failed(format!(
            "{} reports, and none is about the number that was asked",
            reports.len()
        )),
    }
}

/// Checks the answers to a case against what its author expects.
fn is_expected(subject: &Subject, case: &Case, answers: &[Answer]) -> Result<(), Not> {
    if let Expected::Error(kind) = case.expected {
        let other = answers.iter().map(word).find(|word| *word != kind.as_str());
        return match other {
            None => Ok(()),
            Some(word) => failed(format!(
                "{}: {word} instead of {}",
                case.name,
                kind.as_str()
            )),
        };
    }
    let mut all = Vec::new();
    let known = case.queries.len() - case.missing;
    if let Some(word) = answers
        .iter()
        .skip(known)
        .map(word)
        .find(|it| *it != "not_found")
    {
        return failed(format!("{}: a missing number is {word}", case.name));
    }
    for (answer, query) in answers.iter().zip(&case.queries).take(known) {
        let reports = reports(answer, query).map_err(|not| match not {
            Not::Held(detail) => Not::Held(format!("{}: {detail}", case.name)),
            not @ Not::Tried(_) => not,
        })?;
        all.extend_from_slice(reports);
    }
    let expected = case.expected.reports(subject.source).map_err(Not::Held)?;
    match expected {
        Some(expected) if expected != all => {
            failed(format!("{}: {}", case.name, differ(&expected, &all)))
        }
        _ => Ok(()),
    }
}

/// Where two lists of reports differ first, by the names of fields alone.
fn differ(expected: &[Report], actual: &[Report]) -> String {
    if expected.len() != actual.len() {
        return format!("{} reports instead of {}", actual.len(), expected.len());
    }
    let as_value = |reports: &[Report]| serde_json::to_value(reports).unwrap_or_default();
    let mut path = String::new();
    first_difference(&as_value(expected), &as_value(actual), &mut path);
    format!("the reports differ at {path}")
}

fn first_difference(
    expected: &serde_json::Value,
    actual: &serde_json::Value,
    path: &mut String,
) -> bool {
    use serde_json::Value;
    let children: Vec<(String, &Value, Option<&Value>)> = match (expected, actual) {
        (Value::Object(left), Value::Object(_)) => left
            .iter()
            .map(|(key, value)| (format!(".{key}"), value, actual.get(key)))
            .collect(),
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => left
            .iter()
            .enumerate()
            .map(|(at, value)| (format!("[{at}]"), value, right.get(at)))
            .collect(),
        _ => return expected != actual,
    };
    for (step, left, right) in children {
        let length = path.len();
        path.push_str(&step);
        let right = right.unwrap_or(&Value::Null);
        if first_difference(left, right, path) {
            return true;
        }
        path.truncate(length);
    }
    false
}
