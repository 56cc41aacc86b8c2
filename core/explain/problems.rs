//! What opened and closed each exception, and what time alone will change.

use jiff::Timestamp;

use crate::assess::{end_of_grace, end_of_limit};
use crate::entry::Entry;
use crate::event::Event;
use crate::exception::{Category, Exception};
use crate::rule::{Closing, RULES};
use crate::shipment::Shipment;
use crate::status::Severity;
use crate::timeline::{Timeline, timeline};

use super::{Change, Decision, Problem, rules};

/// Exceptions of an assessed record with their reasons, and the changes ahead.
pub(super) fn problems(record: &Shipment, now: Timestamp) -> (Vec<Problem>, Vec<Change>) {
    let timeline = timeline(record);
    let problem = |exception: &Exception| Problem {
        opened: opened(record, exception),
        closed: closed(record, exception, &timeline),
        exception: exception.clone(),
    };
    let problems = record.exceptions.iter().map(problem).collect();
    (problems, changes(&timeline, now))
}

fn event<'a>(record: &'a Shipment, exception: &Exception, last: bool) -> Option<&'a Event> {
    let id = if last {
        exception.event_ids.last()
    } else {
        exception.event_ids.first()
    };
    let id = id?;
    record.events.iter().find(|event| event.id == *id)
}

fn opened(record: &Shipment, exception: &Exception) -> Decision {
    if exception.derived {
        let rule = clock_rule(exception.category);
        return Decision::new(rule, rules::meaning(rule));
    }
    let cause = event(record, exception, false);
    let rule = RULES
        .iter()
        .find(|rule| rule.category == exception.category);
    let code = cause.map_or("", |cause| rules::name(cause.code));
    match (cause, rule) {
        (Some(cause), Some(rule)) if !rule.opens_by_code(cause) => {
            let reason = cause.reason.map_or("", rules::reason_name);
            let detail = format!("{code} came with the reason {reason}");
            Decision::new("exception.reason", detail)
        }
        _ => Decision::new("exception.code", format!("{code} was reported")),
    }
}

/// The rule by which time or the record opens an exception of a category.
fn clock_rule(category: Category) -> &'static str {
    match category {
        Category::NoUpdate => "exception.silence",
        Category::Customs => "exception.customs-silence",
        Category::RefusedOrUnclaimed => "exception.storage-ends",
        Category::Delay => "exception.plan-passed",
        _ => "exception.contradiction",
    }
}

fn closed(record: &Shipment, exception: &Exception, timeline: &Timeline) -> Option<Decision> {
    let close = exception.close_time?;
    let entry = timeline
        .entries
        .iter()
        .find(|it| it.exception.id == exception.id);
    if entry.is_some_and(|entry| entry.until == Some(close)) {
        let rule = "exception.claims-over";
        return Some(Decision::new(rule, rules::meaning(rule)));
    }
    if exception.derived {
        let rule = "exception.news";
        return Some(Decision::new(rule, rules::meaning(rule)));
    }
    let last = event(record, exception, true)?;
    let table = RULES
        .iter()
        .find(|rule| rule.category == exception.category)?;
    let rule = match table.closes_by(last) {
        Closing::Code => "exception.closing-code",
        Closing::Movement => "exception.movement",
        Closing::Delivery => "exception.delivery",
        Closing::End => "exception.end",
        Closing::WithinPlan => "exception.within-plan",
    };
    let detail = format!("{}: {}", rules::name(last.code), rules::meaning(rule));
    Some(Decision::new(rule, detail))
}

fn changes(timeline: &Timeline, now: Timestamp) -> Vec<Change> {
    let mut changes: Vec<Change> = timeline.entries.iter().flat_map(ahead).collect();
    let mut state = |time: Option<Timestamp>, rule: &'static str| {
        changes.extend(time.map(|time| Change {
            time,
            decision: Decision::new(rule, rules::meaning(rule)),
            category: None,
        }));
    };
    let quiet = timeline.quiet_until;
    state(quiet, "state.dormant");
    state(quiet.and_then(end_of_limit), "state.expired");
    state(
        timeline.terminal_since.and_then(end_of_grace),
        "state.closed",
    );
    changes.retain(|change| change.time > now);
    changes.sort_by_key(|change| change.time);
    changes
}

/// The moments of one exception at which it becomes another one.
fn ahead(entry: &Entry) -> Vec<Change> {
    let exception = &entry.exception;
    let end = exception.close_time.or(entry.until);
    let before_end = |time: &Timestamp| end.is_none_or(|end| *time < end);
    let opens = entry.from.filter(before_end);
    let worse = entry
        .critical_from
        .filter(before_end)
        .filter(|_| exception.severity < Severity::Critical);
    let closes = entry.until.filter(|_| exception.close_time.is_none());
    let change = |time: Timestamp, rule: &'static str| Change {
        time,
        decision: Decision::new(rule, rules::meaning(rule)),
        category: Some(exception.category),
    };
    let opens = opens.map(|time| change(time, clock_rule(exception.category)));
    let worse = worse.map(|time| change(time, "exception.critical"));
    let closes = closes.map(|time| change(time, "exception.claims-over"));
    opens.into_iter().chain(worse).chain(closes).collect()
}
