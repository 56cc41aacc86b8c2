//! The exceptions of a record over time: when each opens, gets worse and closes.
//!
//! One walk over the events, oldest first, yields entries that hold moments instead of states; any
//! moment can then be looked at. Thresholds that need the clock are here and nowhere else.

use jiff::{SignedDuration, Timestamp, civil, tz};

use crate::code::{EventCode, ReasonCode};
use crate::entry::{DAY, Entry, after};
use crate::event::{Classifier, Digest, Event, Standing};
use crate::exception::{Category, NextAction, Responsibility};
use crate::fold::moment;
use crate::handover;
use crate::lane::{self, Norm, SilenceReason};
use crate::route::{OnRoute, Route};
use crate::rule::{End, RULES, Rule, Way, is_movement, is_way_back};
use crate::shipment::{EstimateKind, Finding, FindingKind, LocalWindow, Shipment};
use crate::status::{Severity, Status};
use crate::time::Precision;

/// Presented to customs and not released for so long is a matter of its own.
const NORM_CUSTOMS: i64 = 5 * DAY;
/// Time before the end of storage from which collecting is urgent.
const COLLECT_WARNING: i64 = 48;
/// Waiting to be collected for longer than this is no usual wait: no storage is known to last so
/// long.
const LONGEST_WAIT: i64 = 30 * DAY;
/// Period for claims after the end of the journey, where the carrier's own is unknown.
const CLAIM_PERIOD: i64 = 30 * DAY;

/// What a record comes to over time.
pub(crate) struct Timeline {
    pub(crate) entries: Vec<Entry>,
    /// End of the silence norm that runs now; `None` if silence means nothing.
    pub(crate) quiet_until: Option<Timestamp>,
    /// Why nothing is expected until then; `None` if a scan is expected any time.
    pub(crate) quiet_reason: Option<SilenceReason>,
    /// When the terminal status was reached, if it is terminal.
    pub(crate) terminal_since: Option<Timestamp>,
}

/// Walks over the events of a record.
pub(crate) fn timeline(record: &Shipment) -> Timeline {
    let mut walk = Walk::new(record);
    for event in record.events.iter().rev() {
        if event.standing == Standing::Accepted && event.classifier == Classifier::Actual {
            walk.take(event);
        }
    }
    walk.finish()
}

struct Walk<'a> {
    record: &'a Shipment,
    entries: Vec<Entry>,
    /// Position of the open entry of each rule.
    open: Vec<Option<usize>>,
    status: Status,
    last: Option<&'a Event>,
    at: Timestamp,
    terminal_since: Option<Timestamp>,
    /// When the delivery became moot: terminal, or the way back.
    over: Option<Timestamp>,
    /// Between the departure from the origin country and the arrival in the next.
    between_countries: bool,
    /// Where it is on its route.
    route: Route<'a>,
    /// Presented to customs, and not heard of since.
    presented: Option<(Digest, Timestamp)>,
    /// Waiting to be collected.
    waiting: Option<(Digest, Timestamp)>,
}

impl<'a> Walk<'a> {
    fn new(record: &'a Shipment) -> Self {
        Self {
            record,
            entries: Vec::new(),
            open: vec![None; RULES.len()],
            status: Status::Pending,
            last: None,
            at: Timestamp::MIN,
            terminal_since: None,
            over: None,
            between_countries: false,
            route: Route::new(record),
            presented: None,
            waiting: None,
        }
    }

    fn take(&mut self, event: &'a Event) {
        // Clamped clocks can run backwards by their bounds; what happened did not.
        let at = moment(event.time()).max(self.at);
        // Most events follow within any norm.
        let shortest = self
            .silent_since()
            .and_then(|since| after(since, lane::LEAST_HOURS));
        if shortest.is_some_and(|shortest| shortest < at)
            && let Some(silent) = self.silence()
        {
            self.entries.extend(silent.ended(at, Some(event.id)));
        }
        self.at = at;
        let place = self.route.take(event, self.status);
        for (position, rule) in RULES.iter().enumerate() {
            if rule.category == Category::Routing && self.strays(position, rule, event, place) {
                continue;
            }
            self.apply(position, rule, event);
        }
        self.waits(event);
        if let Some(status) = event.status {
            if status.is_terminal() {
                self.terminal_since = self.terminal_since.or(Some(at));
            } else {
                self.terminal_since = None;
            }
            if status.is_terminal() || status == Status::Returning {
                self.over = self.over.or(Some(at));
            } else {
                self.over = None;
            }
            self.status = status;
        }
        self.between_countries = match event.code.0 {
            306 | 312 => true,
            309 | 310 | 313 | 411..=418 | 501..=799 => false,
            _ => self.between_countries,
        };
        self.last = Some(event);
    }

    /// Opens, changes or closes the exception of one rule.
    fn apply(&mut self, position: usize, rule: &'static Rule, event: &Event) {
        let open = self.open[position];
        if rule.is_opened_by(event) {
            let mut way = rule.way(event.code, event.reason);
            if rule.category == Category::FailedDelivery && event.attempt > 1 {
                way.severity = Severity::Critical;
            }
            match open {
                Some(known) => self.change(known, way, event),
                None => {
                    let mut new = Entry::open(rule, way, event.reason, &event.id.0, self.at);
                    new.exception.event_ids.push(event.id);
                    self.open[position] = Some(self.entries.len());
                    self.entries.push(new);
                }
            }
            return;
        }
        let Some(known) = open else { return };
        let exception = &mut self.entries[known].exception;
        let within_plan = rule.category == Category::Delay
            && event.code == EventCode::ESTIMATE_UPDATED
            && { self.record.estimates.iter().any(is_forecast) && passes(self.record).is_none() };
        if within_plan || rule.is_closed_by(event, exception.next_action) {
            exception.close_time = Some(self.at);
            exception.event_ids.push(event.id);
            self.open[position] = None;
        } else if rule.category == Category::Return && is_way_back(event) && is_movement(event.code)
        {
            exception.severity = Severity::Warning;
            exception.event_ids.push(event.id);
        } else if rule.category == Category::MissingContents
            && (event.code == EventCode::SEARCH_STARTED
                || event.reason == Some(ReasonCode::UNDER_INVESTIGATION))
        {
            exception.owner = Responsibility::Carrier;
            exception.event_ids.push(event.id);
        }
    }

    /// Opens, continues or closes what the places of the scans say about the route; tells whether
    /// that is all that the event says about it.
    fn strays(&mut self, position: usize, rule: &Rule, event: &Event, place: OnRoute) -> bool {
        let open = self.open[position].map(|known| &mut self.entries[known].exception);
        match (open, place) {
            _ if rule.is_opened_by(event) || event.code == EventCode::ROUTE_CORRECTED => false,
            (Some(known), OnRoute::No) => {
                known.event_ids.push(event.id);
                true
            }
            (None, OnRoute::No) => {
                let (category, ids) = (rule.category, vec![event.id]);
                let new = Entry::derived(category, event.code, &event.id.0, self.at, ids);
                self.open[position] = new.is_some().then_some(self.entries.len());
                self.entries.extend(new);
                true
            }
            // A scan that names no country does not say that it is back.
            (Some(known), OnRoute::Unknown) if known.derived => {
                let over = event.status.is_some_and(Status::is_terminal);
                !over && event.status != Some(Status::Returning)
            }
            (Some(known), _) if known.derived => {
                known.close_time = Some(self.at);
                known.event_ids.push(event.id);
                self.open[position] = None;
                true
            }
            _ => false,
        }
    }

    /// A further event of the kind that is open: the newer one speaks, unless it says less.
    fn change(&mut self, known: usize, way: Way, event: &Event) {
        let exception = &mut self.entries[known].exception;
        exception.event_ids.push(event.id);
        exception.derived = false;
        if way.severity < exception.severity && exception.category != Category::Return {
            return;
        }
        exception.reason = event.reason.or(exception.reason);
        exception.severity = way.severity;
        exception.owner = way.owner;
        exception.next_action = way.action;
        exception.alternatives = way.alternatives.to_vec();
    }

    /// Follows the two states in which it waits for somebody: customs, or the recipient.
    fn waits(&mut self, event: &Event) {
        let cleared = RULES.iter().find(|rule| rule.category == Category::Customs);
        let heard_of = cleared.is_some_and(|rule| {
            rule.is_opened_by(event) || rule.is_closed_by(event, NextAction::Wait)
        });
        if heard_of {
            let waited = self.presented.take().and_then(customs_silence);
            self.entries
                .extend(waited.and_then(|entry| entry.ended(self.at, Some(event.id))));
        } else if matches!(event.code.0, 401 | 411 | 421) {
            self.presented = self.presented.or(Some((event.id, self.at)));
        }

        match event.status {
            None => {}
            Some(Status::AvailableForPickup) => {
                self.waiting = self.waiting.or(Some((event.id, self.at)));
            }
            Some(_) => {
                let waited = self.waiting.take();
                let waited = waited.and_then(|since| uncollected(self.record, since));
                self.entries
                    .extend(waited.and_then(|entry| entry.ended(self.at, Some(event.id))));
            }
        }
    }

    /// The silence after the last event, as an exception that opens at the end of the norm.
    fn silence(&self) -> Option<Entry> {
        let last = self.last?;
        let since = self.silent_since()?;
        let norm = self.norm(since);
        let code = match self.status {
            Status::InfoReceived => EventCode::INFO_RECEIVED,
            _ => last.code,
        };
        let mut entry = Entry::derived(
            Category::NoUpdate,
            code,
            &last.id.0,
            after(since, norm.hours)?,
            vec![last.id],
        )?;
        entry.critical_from = after(since, 2 * norm.hours);
        Some(entry)
    }

    /// Start of a silence that means something.
    fn silent_since(&self) -> Option<Timestamp> {
        // Who waits to be collected is silent by nature; the end of storage is its own matter.
        let mute = matches!(self.status, Status::Pending | Status::AvailableForPickup)
            || self.status.is_terminal();
        self.last
            .filter(|_| !mute)
            .map(|last| last.time().latest.max(self.at))
    }

    /// How long silence is usual here.
    fn norm(&self, since: Timestamp) -> Norm {
        let stretch = lane::stretch(self.record, self.status, self.between_countries);
        let origin = self.record.origin.as_ref();
        let from_china = origin.is_some_and(|place| place.country == "CN");
        lane::norm(stretch, since, from_china)
    }

    fn finish(mut self) -> Timeline {
        let silence = self.silence();
        // Collecting has no norm, but what nobody collects is not looked after for ever.
        let uncollected_until = self
            .waiting
            .filter(|_| self.status == Status::AvailableForPickup)
            .and_then(|(_, since)| after(since, LONGEST_WAIT));
        let quiet_until = silence.as_ref().and_then(|entry| entry.from);
        let quiet_until = quiet_until.or(uncollected_until);
        let reason = self
            .silent_since()
            .and_then(|since| self.norm(since).reason);
        self.entries.extend(silence);
        if let Some(presented) = self.presented.filter(|_| !self.status.is_terminal()) {
            self.entries.extend(customs_silence(presented));
        }
        if let Some(since) = self.waiting {
            self.entries.extend(uncollected(self.record, since));
        }
        self.entries.extend(self.delay());
        self.entries.extend(contradiction(self.record));
        if let Some(terminal) = self.terminal_since {
            for (rule, known) in RULES.iter().zip(&self.open) {
                if let Some(known) = known.filter(|_| rule.end == End::ClosesAfterClaims) {
                    let entry = &mut self.entries[known];
                    entry.until = after(terminal.max(entry.exception.open_time), CLAIM_PERIOD);
                }
            }
        }
        Timeline {
            entries: handover::join(self.entries, self.record),
            quiet_until,
            quiet_reason: reason,
            terminal_since: self.terminal_since,
        }
    }

    /// Late against the carrier's own plan, until the carrier says so itself.
    fn delay(&self) -> Option<Entry> {
        let from = passes(self.record)
            .into_iter()
            .chain(window_passed(self.record))
            .min()?;
        let (category, code) = (Category::Delay, EventCode::DELAYED);
        let entry = Entry::derived(category, code, b"plan", from, Vec::new())?;
        let said = RULES
            .iter()
            .zip(&self.open)
            .find(|(rule, _)| rule.category == category)
            .and_then(|(_, known)| self.entries.get((*known)?))
            .map(|known| known.exception.open_time);
        match self.over.into_iter().chain(said).min() {
            Some(end) => entry.ended(end, None),
            None => Some(entry),
        }
    }
}

fn is_forecast(estimate: &crate::shipment::Estimate) -> bool {
    estimate.kind == EstimateKind::CarrierForecast
}

/// The moment at which the forecast was heard to pass the commitment.
fn passes(record: &Shipment) -> Option<Timestamp> {
    let best = record.estimates.first().filter(|best| is_forecast(best))?;
    let end = end_of(&best.window)?;
    let promise = record
        .estimates
        .iter()
        .filter(|estimate| estimate.kind == EstimateKind::CarrierCommitment)
        .filter_map(|estimate| end_of(&estimate.window))
        .min()?;
    (end > promise).then_some(best.receive_time)
}

/// The first moment after the window of the best estimate.
fn window_passed(record: &Shipment) -> Option<Timestamp> {
    let end = end_of(&record.estimates.first()?.window)?;
    end.checked_add(SECOND).ok()
}

const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// Last moment of a window; of a date alone, its end anywhere it can lie.
fn end_of(window: &LocalWindow) -> Option<Timestamp> {
    let day = |time: &&crate::time::EventTime| time.precision == Precision::Day;
    let end = window.end.as_ref().or(window.start.as_ref().filter(day));
    end.map(|time| time.latest)
}

fn customs_silence((cause, since): (Digest, Timestamp)) -> Option<Entry> {
    let code = EventCode::CUSTOMS_PROCESSING;
    let from = after(since, NORM_CUSTOMS)?;
    Entry::derived(Category::Customs, code, &cause.0, from, vec![cause])
}

/// Waits for the recipient and the end of storage comes near.
fn uncollected(record: &Shipment, (cause, since): (Digest, Timestamp)) -> Option<Entry> {
    let due = end_of_storage(record)?;
    let from = after(due, -COLLECT_WARNING)?.max(since);
    let code = EventCode::AVAILABLE_FOR_PICKUP;
    let category = Category::RefusedOrUnclaimed;
    let mut entry = Entry::derived(category, code, &cause.0, from, vec![cause])?;
    entry.exception.due_time = Some(due);
    Some(entry)
}

/// End of the last day to collect it, in the zone of the place if that is known.
fn end_of_storage(record: &Shipment) -> Option<Timestamp> {
    let needs = record.requirements.as_ref()?;
    let day: civil::Date = needs.collect_by.parse().ok()?;
    let zone = needs
        .pickup_place
        .as_ref()
        .filter(|place| !place.time_zone.is_empty())
        .and_then(|place| tz::TimeZone::get(&place.time_zone).ok());
    let stated = record
        .last_event_time
        .as_ref()
        .and_then(|time| time.offset)
        .and_then(|offset| tz::Offset::from_seconds(offset).ok())
        .map(tz::TimeZone::fixed);
    let zone = zone.or(stated).unwrap_or(tz::TimeZone::UTC);
    let next = day.tomorrow().ok()?;
    let midnight = next.to_zoned(zone).ok()?;
    Some(midnight.timestamp())
}

fn contradiction(record: &Shipment) -> Option<Entry> {
    let concerned: Vec<Digest> = record
        .findings
        .iter()
        .filter(|finding: &&Finding| {
            matches!(
                finding.kind,
                FindingKind::EventAfterTerminal
                    | FindingKind::SourcesDisagree
                    | FindingKind::ImpossibleTravel
            )
        })
        .flat_map(|finding| finding.event_ids.iter().copied())
        .collect();
    // Events are newest first, so the cause is the last of them that is concerned.
    let ordered: Vec<&Event> = record
        .events
        .iter()
        .rev()
        .filter(|event| concerned.contains(&event.id))
        .collect();
    let cause = ordered.first()?;
    let ids = ordered.iter().map(|event| event.id).collect();
    let category = Category::DataQuality;
    let mut entry = Entry::derived(category, cause.code, &cause.id.0, moment(cause.time()), ids)?;
    // It contradicts what is known from the start, whatever its own clock says.
    entry.from = None;
    let concerns_status = ordered.iter().any(|event| event.status.is_some());
    if !concerns_status {
        entry.exception.severity = Severity::Informational;
    }
    Some(entry)
}
