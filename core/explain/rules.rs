//! Every rule that an explanation can name.

use crate::code::{EventCode, ReasonCode};

/// Ids of the rules and what they mean, in the order of `docs/explain.md`.
#[rustfmt::skip]
pub static RULES: &[(&str, &str)] = &[
    ("step.sets", "the event changes the status"),
    ("step.confirms", "the event says the status again and speaks for it from now on"),
    ("step.recast", "the event means something else at this point of the journey, and counts as that"),
    ("step.no-effect", "the code says nothing about the status"),
    ("step.late", "late data about the shipment; the status stays"),
    ("step.way-back", "the event describes the way back; the status stays"),
    ("step.handed-on", "all who report it had handed the item on; it has no say in where the item is"),
    ("step.forecast", "estimated or planned; forecasts never count"),
    ("step.retracted", "nobody stands by the event any more"),
    ("step.future", "the time lies in the future of the report; does not count"),
    ("step.travel", "too far from another scan for the time between them; does not count"),
    ("step.contradicted", "an end that the carrier in charge knows nothing of; does not count"),
    ("step.after-terminal", "movement after the end of the journey; does not count"),
    ("step.illegal", "a move that does not exist; does not count"),
    ("match.first", "the claim was heard first and made the event"),
    ("match.repeated", "the source lists the row twice"),
    ("match.instant", "matched: the clocks tell the same instant, to 2 minutes"),
    ("match.wall-clock", "matched: the wall clocks agree, and one of them has no known zone"),
    ("match.day", "matched: the days and towns agree, and one of them states the day alone"),
    ("match.zone-mistaken", "matched: equal words, and clocks that differ by whole quarters of an hour"),
    ("field.only", "nobody else reports the event"),
    ("field.code-precision", "its code says most precisely what happened"),
    ("field.clock-basis", "the offset of its clock is known best"),
    ("field.clock-unit", "its clock states the smallest unit"),
    ("field.place-resolution", "its place is known to the finest level"),
    ("field.reason-specific", "it gives a reason, or the more specific one"),
    ("field.trust", "others say it as well; its source is trusted most, or was heard first"),
    ("withdrawn.said", "the source withdrew the claim"),
    ("withdrawn.left-out", "complete reports over 30 minutes left it out"),
    ("withdrawn.went-on", "a delivery that its source left out while it reports the item on its way later"),
    ("withdrawn.missing", "the newest complete report left it out; it still counts"),
    ("exception.code", "the code of an event opened it"),
    ("exception.reason", "the reason of an event opened it"),
    ("exception.silence", "nothing was heard for longer than is usual there"),
    ("exception.customs-silence", "presented to customs, and nothing was heard for 5 days"),
    ("exception.storage-ends", "it waits to be collected, and storage ends within 48 hours"),
    ("exception.plan-passed", "the carrier's own forecast or commitment has passed"),
    ("exception.contradiction", "sources contradict each other or what is possible"),
    ("exception.critical", "it becomes critical when it lasts that long"),
    ("exception.closing-code", "the code of an event closed it"),
    ("exception.movement", "the item moves again"),
    ("exception.delivery", "the item was delivered"),
    ("exception.end", "the journey is over"),
    ("exception.within-plan", "the carrier's new forecast keeps its commitment again"),
    ("exception.news", "there was news, or it does not matter any more"),
    ("exception.claims-over", "the period for claims is over"),
    ("state.dormant", "silence has lasted longer than is usual: looked at rarely"),
    ("state.expired", "silence has lasted 30 days longer than is usual: not looked at any more"),
    ("state.closed", "the end of the journey has stood for 15 days: not looked at any more"),
];

/// What a rule means; empty for one that is not in the table.
pub(super) fn meaning(rule: &str) -> &'static str {
    let row = RULES.iter().find(|row| row.0 == rule);
    row.map_or("", |row| row.1)
}

/// Name of a code; empty for a number that this version does not know.
pub(super) fn name(code: EventCode) -> &'static str {
    code.info().map_or("", |row| row.name)
}

/// Name of a reason.
pub(super) fn reason_name(reason: ReasonCode) -> &'static str {
    reason.info().map_or("", |row| row.name)
}
