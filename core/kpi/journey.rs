//! From a record to its samples, and from two records to what they differ in.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::{BTreeMap, HashSet};

use jiff::Timestamp;

use super::{Change, Metric, Sample};
use crate::code::EventCode;
use crate::event::{Classifier, Event, SourceClass, Standing};
use crate::exception::Category;
use crate::owner::source_of;
use crate::place::{CodeSystem, Location};
use crate::reconcile::SourceFacts;
use crate::shipment::{Estimate, EstimateKind, LocalWindow, MilestoneProgress, Shipment};
use crate::status::{Milestone, Severity, Status};
use crate::time::{EventTime, Precision};

/// Events that say that the item came to a hub.
const ARRIVALS: [EventCode; 7] = [
    EventCode::WAREHOUSE_RECEIVED,
    EventCode::ARRIVED_AT_FACILITY,
    EventCode::ARRIVED_AT_EXPORT_OFFICE,
    EventCode::ARRIVED_AT_TRANSIT_OFFICE,
    EventCode::ARRIVED_AT_IMPORT_OFFICE,
    EventCode::TRANSPORT_ARRIVED,
    EventCode::ARRIVED_AT_DELIVERY_OFFICE,
];
/// Events that say that it left one.
const DEPARTURES: [EventCode; 9] = [
    EventCode::WAREHOUSE_DISPATCHED,
    EventCode::DEPARTED_FACILITY,
    EventCode::DEPARTED_EXPORT_OFFICE,
    EventCode::DEPARTED_TRANSIT_OFFICE,
    EventCode::DEPARTED_IMPORT_OFFICE,
    EventCode::HANDED_TO_LINEHAUL,
    EventCode::TRANSPORT_DEPARTED,
    EventCode::HANDED_OVER_TO_PARTNER,
    EventCode::OUT_FOR_DELIVERY,
];

/// Categories by the names that the API has for them.
pub(super) const CATEGORIES: [(Category, &str); 15] = [
    (Category::Delay, "DELAY"),
    (Category::NoUpdate, "NO_UPDATE"),
    (Category::Customs, "CUSTOMS"),
    (Category::Address, "ADDRESS"),
    (Category::FailedDelivery, "FAILED_DELIVERY"),
    (Category::RefusedOrUnclaimed, "REFUSED_OR_UNCLAIMED"),
    (Category::Hold, "HOLD"),
    (Category::Damage, "DAMAGE"),
    (Category::Loss, "LOSS"),
    (Category::Routing, "ROUTING"),
    (Category::Return, "RETURN"),
    (Category::Compliance, "COMPLIANCE"),
    (Category::DataQuality, "DATA_QUALITY"),
    (Category::Other, "OTHER"),
    (Category::MissingContents, "MISSING_CONTENTS"),
];

/// Shortest journey that has a frequency of updates, in seconds.
const SHORTEST: f64 = 3_600.0;

/// A record as the figures see it.
pub struct Journey<'a> {
    record: &'a Shipment,
    /// Events that count, oldest first.
    events: Vec<&'a Event>,
    /// Countries; empty unless both are known.
    lane: String,
    /// The carrier's first words on the day of delivery.
    announced: Announced<'a>,
    /// Tenant who alone knows of it; empty: everybody may.
    tenant: &'a str,
}

/// What a carrier said of the day of delivery at first; the record may not have it any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Announced<'a> {
    /// Its first forecast or commitment.
    pub first: Option<&'a Estimate>,
    /// Its first commitment.
    pub commitment: Option<&'a Estimate>,
}

/// What carriers said at first. What an aggregator expects is no word of a carrier.
pub fn announced(facts: &[SourceFacts]) -> Announced<'_> {
    let first = |kinds: &[EstimateKind]| {
        let heard = facts.iter().flat_map(|source| &source.heard);
        heard
            .filter(|estimate| kinds.contains(&estimate.kind))
            .min_by_key(|estimate| (estimate.receive_time, estimate.kind, end_of(estimate)))
    };
    use EstimateKind::{CarrierCommitment, CarrierForecast};
    Announced {
        first: first(&[CarrierCommitment, CarrierForecast]),
        commitment: first(&[CarrierCommitment]),
    }
}

fn end_of(estimate: &Estimate) -> Option<Timestamp> {
    deadline(&estimate.window).map(|time| time.latest)
}

/// The end of a window, or its start if that is all.
fn deadline(window: &LocalWindow) -> Option<&EventTime> {
    window.end.as_ref().or(window.start.as_ref())
}

/// Tells whether something was in time, as far as both clocks go: by day if one of them states no
/// more, by instants if both have one, else by the wall clocks of the place of delivery.
fn in_time(time: &EventTime, deadline: &EventTime) -> bool {
    if time.precision == Precision::Day || deadline.precision == Precision::Day {
        return time.local.date() <= deadline.local.date();
    }
    match (time.instant, deadline.instant) {
        (Some(time), Some(_)) => time <= deadline.latest,
        _ => time.local <= deadline.local,
    }
}

/// Seconds from one event to a later one, if both instants are known.
fn between(from: &EventTime, to: &EventTime) -> Option<f64> {
    let seconds = to.instant?.duration_since(from.instant?).as_secs_f64();
    (seconds >= 0.0).then_some(seconds)
}

/// Name of a place where items stay: the code of a facility with who issued it, else the town. A
/// place known less precisely is none.
fn hub<'a>(event: &'a Event, carrier: &'a str) -> Option<String> {
    let Location {
        country,
        locality,
        facility,
        ..
    } = event.location()?;
    let code = facility.as_ref().filter(|one| !one.code.is_empty());
    if let Some(facility) = code {
        let issuer = match facility.system {
            CodeSystem::UpuImpc => "upu-impc",
            CodeSystem::Iata => "iata",
            CodeSystem::Gln => "gln",
            CodeSystem::Internal => "internal",
            CodeSystem::Carrier | CodeSystem::Unspecified => carrier,
        };
        return Some(format!("{issuer}:{}", facility.code));
    }
    let is_town = !country.is_empty() && !locality.is_empty();
    is_town.then(|| format!("town:{country}:{}", locality.trim().to_uppercase()))
}

/// Tells whether an event proves that a carrier has, or had, the item.
fn is_possession(event: &Event) -> bool {
    event.status.is_some_and(|status| {
        !matches!(
            status,
            Status::Pending | Status::InfoReceived | Status::Cancelled | Status::Failed
        )
    })
}

/// Whether an event is a fact that nobody doubts.
fn counts(event: &&Event) -> bool {
    event.standing == Standing::Accepted && event.classifier == Classifier::Actual
}

/// The instant of the first event with the item in a carrier's hands, from which transit times
/// count; `None` if there is no such event, or its instant is not known.
pub fn possession(record: &Shipment) -> Option<Timestamp> {
    // Of equal times the first in the record counts, as it does for the samples.
    let first = record
        .events
        .iter()
        .filter(counts)
        .filter(|event| is_possession(event))
        .min_by_key(|event| event.time().anchor())?;
    first.time().instant
}

/// When a shipment that is delivered was; `None` if it is not, or nothing tells when.
pub(super) fn delivery(record: &Shipment) -> Option<&EventTime> {
    (record.status == Status::Delivered)
        .then(|| reached(record, Milestone::Delivered))
        .flatten()
}

fn reached(record: &Shipment, milestone: Milestone) -> Option<&EventTime> {
    let mut milestones = record.milestones.iter();
    let reached = milestones.find(|one| one.milestone == milestone)?;
    reached.time.as_ref()
}

/// Countries of origin and destination; empty unless both are known.
pub(super) fn lane(record: &Shipment) -> String {
    fn country(place: &Option<Location>) -> Option<&str> {
        let country = place.as_ref().map(|place| place.country.as_str());
        country.filter(|country| !country.is_empty())
    }
    let lane = country(&record.origin).zip(country(&record.destination));
    lane.map_or_else(String::new, |(from, to)| format!("{from}-{to}"))
}

impl<'a> Journey<'a> {
    /// Reads a record and what [`announced`] found for it.
    pub fn new(record: &'a Shipment, announced: Announced<'a>) -> Self {
        let mut events: Vec<&Event> = record.events.iter().filter(counts).collect();
        events.sort_by_key(|event| event.time().anchor());
        Self {
            record,
            events,
            lane: lane(record),
            announced,
            tenant: "",
        }
    }

    /// The journey of a record that only one tenant's own accounts tell of: its samples are that
    /// tenant's.
    #[must_use]
    pub const fn of(mut self, tenant: &'a str) -> Self {
        self.tenant = tenant;
        self
    }

    /// Every sample of the record.
    pub fn samples(&self) -> Vec<Sample<'_>> {
        let mut samples = Vec::new();
        self.hubs(&mut samples);
        self.feeds(&mut samples);
        if let Some(end) = self.end() {
            self.outcome(end, &mut samples);
            self.coverage(end, &mut samples);
        }
        samples
    }

    fn sample(
        &self,
        metric: Metric,
        last: impl Into<Cow<'a, str>>,
        value: f64,
        time: Timestamp,
    ) -> Sample<'_> {
        Sample {
            metric,
            carrier: &self.record.carrier,
            service: &self.record.service,
            lane: &self.lane,
            last: last.into(),
            tenant: self.tenant,
            value,
            time,
        }
    }

    /// When the journey ended; `None` if it has not, or never began.
    fn end(&self) -> Option<&'a EventTime> {
        let milestone = match self.record.status {
            Status::Delivered => return delivery(self.record),
            Status::Returned => Milestone::Returned,
            Status::Failed => {
                let of = |event: &&&Event| event.status == Some(Status::Failed);
                return self.events.iter().find(of).map(|event| event.time());
            }
            _ => return None,
        };
        reached(self.record, milestone)
    }

    /// First event with the item in a carrier's hands.
    fn start(&self) -> Option<&'a Event> {
        self.events
            .iter()
            .copied()
            .find(|event| is_possession(event))
    }

    /// Stays at hubs, and the legs between them.
    fn hubs<'s>(&'s self, samples: &mut Vec<Sample<'s>>) {
        let mut stay: Option<(String, &Event)> = None;
        let mut left: Option<(String, &Event)> = None;
        for event in &self.events {
            let carrier = self.carrier_of(event);
            let Some(hub) = hub(event, carrier) else {
                continue;
            };
            // It went somewhere without a scan: neither that stay nor that leg is known.
            stay = stay.filter(|(at, _)| *at == hub);
            if ARRIVALS.contains(&event.code) {
                if let Some((from, departure)) = left.take().filter(|(from, _)| *from != hub)
                    && let Some(seconds) = between(departure.time(), event.time())
                {
                    let leg = format!("{from}>{hub}");
                    samples.push(Sample {
                        carrier,
                        ..self.sample(Metric::LegTime, leg, seconds, event.time().anchor())
                    });
                }
                stay = stay.or(Some((hub, event)));
            } else if DEPARTURES.contains(&event.code) {
                if let Some((_, arrival)) = stay.take()
                    && let Some(seconds) = between(arrival.time(), event.time())
                {
                    let time = event.time().anchor();
                    samples.push(Sample {
                        carrier: self.carrier_of(arrival),
                        ..self.sample(Metric::HubDwell, hub.clone(), seconds, time)
                    });
                }
                left = Some((hub, event));
            } else {
                left = left.filter(|(from, _)| *from == hub);
            }
        }
    }

    /// Carrier of an event, or of the shipment.
    fn carrier_of(&self, event: &'a Event) -> &'a str {
        match &*event.carrier {
            "" => &self.record.carrier,
            carrier => carrier,
        }
    }

    /// Latency of each source. Its first report tells the past, however long ago: only what came
    /// after it says how fast the source is.
    fn feeds<'s>(&'s self, samples: &mut Vec<Sample<'s>>) {
        let mut first: BTreeMap<&str, Timestamp> = BTreeMap::new();
        let said = self.record.events.iter().flat_map(Event::observations);
        for observation in said {
            let at = first
                .entry(source_of(&observation.source))
                .or_insert(observation.receive_time);
            *at = observation.receive_time.min(*at);
        }
        for event in &self.events {
            let mut heard: BTreeMap<&str, (Timestamp, Timestamp)> = BTreeMap::new();
            for observation in event.observations() {
                let Some(instant) = observation.claim.time.instant else {
                    continue;
                };
                let new = (observation.receive_time, instant);
                let known = heard.entry(source_of(&observation.source)).or_insert(new);
                *known = new.min(*known);
            }
            for (source, (received, happened)) in heard {
                let seconds = received.duration_since(happened).as_secs_f64();
                if first.get(source).is_some_and(|first| received > *first) && seconds >= 0.0 {
                    samples.push(Sample {
                        carrier: self.carrier_of(event),
                        service: "",
                        ..self.sample(Metric::FeedLatency, source, seconds, received)
                    });
                }
            }
        }
    }

    /// How the journey went.
    fn outcome<'s>(&'s self, end: &'a EventTime, samples: &mut Vec<Sample<'s>>) {
        let at = end.anchor();
        let mut share = |metric, is: bool| {
            samples.push(self.sample(metric, "", f64::from(u8::from(is)), at));
        };
        if self.record.status == Status::Delivered {
            for (metric, said) in [
                (Metric::OnTimeToEstimate, self.announced.first),
                (Metric::OnTimeToCommitment, self.announced.commitment),
            ] {
                // What is heard with the delivery, or after it, foretells nothing.
                let before = said.filter(|said| said.receive_time < at);
                if let Some(time) = before.and_then(|said| deadline(&said.window)) {
                    share(metric, in_time(end, time));
                }
            }
        }
        let exceptions = &self.record.exceptions;
        let is_grave = exceptions
            .iter()
            .any(|one| one.severity > Severity::Informational);
        share(Metric::ExceptionRate, is_grave);
        let misrouted = self
            .events
            .iter()
            .any(|event| event.code == EventCode::MISROUTED)
            || exceptions
                .iter()
                .any(|one| one.category == Category::Routing);
        share(Metric::MisrouteRate, misrouted);
        if let Some(detour) = self.detour() {
            share(Metric::DetourRate, detour);
        }
        if self.record.status == Status::Delivered
            && let Some(start) = self.start()
            && start.status != Some(Status::Delivered)
            && let Some(seconds) = between(start.time(), end)
        {
            samples.push(self.sample(Metric::TransitTime, "", seconds, at));
        }
        for exception in exceptions {
            let until = exception.close_time.unwrap_or(at);
            let seconds = until.duration_since(exception.open_time).as_secs_f64();
            let named = CATEGORIES.iter().find(|row| row.0 == exception.category);
            if let Some((_, name)) = named.filter(|_| seconds >= 0.0) {
                samples.push(self.sample(Metric::ExceptionTime, *name, seconds, at));
            }
        }
    }

    /// Whether it came back to a hub that it had left, on its way out; `None` with fewer than two
    /// hubs.
    fn detour(&self) -> Option<bool> {
        let on_the_way = self
            .events
            .iter()
            .take_while(|event| event.status != Some(Status::Returning));
        let mut route: Vec<String> = on_the_way
            .filter_map(|event| hub(event, self.carrier_of(event)))
            .collect();
        route.dedup();
        let mut seen = HashSet::new();
        (route.len() > 1).then(|| !route.iter().all(|hub| seen.insert(hub)))
    }

    /// What each source told of the journey.
    fn coverage<'s>(&'s self, end: &'a EventTime, samples: &mut Vec<Sample<'s>>) {
        let at = end.anchor();
        let start = self.start().map(|event| event.time());
        let mut told: BTreeMap<&str, Vec<&Event>> = BTreeMap::new();
        for event in &self.events {
            // A warehouse tells of its own part only; that is not a feed with gaps.
            let feeds = event
                .observations()
                .filter(|observation| observation.class != SourceClass::Internal);
            for observation in feeds {
                let events = told.entry(source_of(&observation.source)).or_default();
                if events.last().is_none_or(|last| last.id != event.id) {
                    events.push(event);
                }
            }
        }
        let passed: Vec<_> = self
            .record
            .milestones
            .iter()
            .filter(|one| one.is_reached())
            .collect();
        for (source, events) in told {
            // An event that reaches it, or that stands for it all the same, for example on the way
            // back.
            let reaches = |one: &&&MilestoneProgress| {
                events.iter().any(|event| {
                    let own = event.code.info().and_then(|info| info.milestone);
                    own == Some(one.milestone)
                        || event.observations().any(|said| Some(said.id) == one.event)
                })
            };
            if !passed.is_empty() {
                let told = passed.iter().filter(reaches).count();
                let share = told as f64 / passed.len() as f64;
                samples.push(self.sample(Metric::Completeness, source, share, at));
            }
            let Some(start) = start else {
                continue;
            };
            let (first, last) = (start.anchor(), at);
            let under_way = |event: &&&Event| {
                let time = event.time().anchor();
                first <= time && time <= last
            };
            let events: Vec<&Event> = events.iter().filter(under_way).copied().collect();
            for pair in events.windows(2) {
                if let Some(seconds) = between(pair[0].time(), pair[1].time()) {
                    let time = pair[1].time().anchor();
                    samples.push(self.sample(Metric::Silence, source, seconds, time));
                }
            }
            if let Some(seconds) = between(start, end).filter(|seconds| *seconds >= SHORTEST) {
                let per_day = events.len() as f64 / (seconds / 86_400.0);
                samples.push(self.sample(Metric::UpdateFrequency, source, per_day, at));
            }
        }
    }
}

/// What the newer record adds to the figures and what it takes back.
pub fn changes<'s>(
    before: Option<&'s Journey<'_>>,
    after: &'s Journey<'_>,
) -> Vec<(Sample<'s>, Change)> {
    let sorted = |journey: &'s Journey<'_>| {
        let mut samples = journey.samples();
        samples.sort_by(order);
        samples.into_iter().peekable()
    };
    let mut new = sorted(after);
    let Some(before) = before else {
        return new.map(|sample| (sample, Change::Add)).collect();
    };
    let mut old = sorted(before);
    let mut changes = Vec::new();
    loop {
        let order = match (old.peek(), new.peek()) {
            (None, None) => return changes,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(old), Some(new)) => order(old, new),
        };
        if order == Ordering::Equal {
            old.next();
            new.next();
        } else if order == Ordering::Less {
            changes.extend(old.next().map(|sample| (sample, Change::Take)));
        } else {
            changes.extend(new.next().map(|sample| (sample, Change::Add)));
        }
    }
}

/// Some fixed order in which only equal samples are equal.
fn order(a: &Sample<'_>, b: &Sample<'_>) -> Ordering {
    let text = |sample: &Sample<'_>| (sample.metric, sample.time);
    text(a)
        .cmp(&text(b))
        .then_with(|| a.last.cmp(&b.last))
        .then_with(|| a.carrier.cmp(b.carrier))
        .then_with(|| a.service.cmp(b.service))
        .then_with(|| a.lane.cmp(b.lane))
        .then_with(|| a.tenant.cmp(b.tenant))
        .then_with(|| a.value.total_cmp(&b.value))
}
