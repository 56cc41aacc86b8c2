//! Puts texts together from sentences.
//!
//! A text says what has happened, why, where and when it was last seen, and then what the reader
//! can do. The worst open problem goes before the status, unless it is what the status says.

use fluent_bundle::FluentValue;
use jiff::civil::Date;
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use super::{Audience, Language, Text, message};
use crate::code::{EventCode, ReasonCode};
use crate::exception::{Category, Exception, NextAction, Responsibility};
use crate::forecast::Forecast;
use crate::lane::SilenceReason;
use crate::place::Location;
use crate::shipment::{LocalWindow, Shipment};
use crate::status::{Milestone, Severity, Status};
use crate::time::EventTime;
use crate::zone;

/// Greatest length of a text to be read aloud, in characters.
const SHORT: usize = 120;
/// Greatest length of a place's name in a text, in characters.
const PLACE: usize = 60;

/// Variables of a message.
type Variables<'a> = [(&'static str, FluentValue<'a>)];

/// Titles and words.
impl Language {
    /// One line about what happened.
    pub fn event(&self, code: EventCode) -> String {
        self.word(&message::code(code))
    }

    /// One line about a milestone.
    pub fn milestone(&self, milestone: Milestone) -> String {
        self.word(message::milestone(milestone))
    }

    /// Why something happened, to stand after a colon; empty for a reason of a later version.
    pub fn reason(&self, reason: ReasonCode) -> String {
        message::reason(reason)
            .map(|id| self.word(&id))
            .unwrap_or_default()
    }

    /// What can be done, as a name.
    pub fn action(&self, action: NextAction) -> String {
        self.word(message::action(action))
    }

    /// A day of the calendar.
    pub fn date(&self, date: Date) -> String {
        let variables = [
            ("day", FluentValue::from(date.day())),
            ("month", FluentValue::from(date.month())),
            ("year", FluentValue::from(date.year())),
        ];
        self.format("date", "", &variables).unwrap_or_default()
    }

    /// City and country, as far as they are known; empty if neither is.
    pub fn place(&self, city: &str, country: &str) -> String {
        let city: String = city.trim().chars().take(PLACE).collect();
        let country = match country {
            "" => String::new(),
            code => self.word(&format!("country-{code}")),
        };
        if city.is_empty() || country.is_empty() || city == country {
            return if city.is_empty() { country } else { city };
        }
        let variables = [
            ("city", FluentValue::from(city)),
            ("country", FluentValue::from(country)),
        ];
        self.format("place", "", &variables).unwrap_or_default()
    }

    /// When we expect delivery ourselves, and what that rests on.
    pub fn forecast(&self, forecast: &Forecast) -> String {
        let date = |time: &EventTime| {
            let date = FluentValue::from(self.date(time.local.date()));
            if time.zone.is_empty() {
                let date = self.format("in-utc", "", &[("date", date)]);
                FluentValue::from(date.unwrap_or_default())
            } else {
                date
            }
        };
        let LocalWindow { start, end } = &forecast.window;
        let (Some(start), Some(end)) = (start, end) else {
            return String::new();
        };
        let count = ("count", FluentValue::from(forecast.delivery_count));
        let text = if start.local.date() == end.local.date() {
            self.format("forecast", "", &[("date", date(end)), count])
        } else {
            let variables = [("start", date(start)), ("end", date(end)), count];
            self.format("forecast-between", "", &variables)
        };
        text.unwrap_or_default()
    }

    /// A word of the command line, `label-<name>`.
    pub fn label(&self, name: &str) -> String {
        self.word(&format!("label-{name}"))
    }

    /// "Step 3 of 8".
    pub fn step(&self, step: u32, of: u32) -> String {
        let variables = [
            ("step", FluentValue::from(step)),
            ("of", FluentValue::from(of)),
        ];
        self.format("label-step", "", &variables)
            .unwrap_or_default()
    }

    fn word(&self, id: &str) -> String {
        self.format(id, "", &[]).unwrap_or_default()
    }
}

/// Texts.
impl Language {
    /// The state of a shipment; `carrier` is the name of its carrier, empty if unknown.
    pub fn shipment(&self, record: &Shipment, audience: Audience, carrier: &str) -> Text {
        Speaker {
            language: self,
            audience,
            carrier,
            record,
        }
        .shipment()
    }

    /// One of the shipment's exceptions.
    pub fn exception(
        &self,
        problem: &Exception,
        record: &Shipment,
        audience: Audience,
        carrier: &str,
    ) -> Text {
        Speaker {
            language: self,
            audience,
            carrier,
            record,
        }
        .exception(problem)
    }
}

/// Speaks about one shipment to one audience in one language.
struct Speaker<'a> {
    language: &'a Language,
    audience: Audience,
    carrier: &'a str,
    record: &'a Shipment,
}

impl Speaker<'_> {
    fn shipment(&self) -> Text {
        let record = self.record;
        let (title, happened) = self.state();
        let problem = self.problem();
        // A problem that the status event raised says the same as the event, less precisely. What a
        // rule made of it, for example that nothing followed, is another matter.
        let other = problem.filter(|problem| {
            problem.derived
                || record
                    .status_event
                    .is_none_or(|event| !problem.event_ids.contains(&event))
        });
        let title = match other {
            Some(problem) => self.language.word(message::problem(problem)),
            None => title,
        };
        let trouble = other.map(|problem| self.say(message::problem(problem), "text"));
        let advice = problem.map(|problem| self.advice(problem));
        let head = trouble.clone().unwrap_or_else(|| happened.clone());
        let reason = match problem {
            Some(problem) => problem.reason.or(record.reason),
            None => record.reason,
        };
        let body = [
            Some(happened),
            trouble,
            reason.and_then(|reason| self.because(reason)),
            self.last_seen(),
        ];
        let short_form = self.short(head, advice.as_ref());
        let mut next = match problem {
            Some(problem) => self.next_of(problem),
            None => {
                let mut next = vec![self.say(message::status(record.status), "next")];
                if record.status == Status::AvailableForPickup {
                    next.extend(self.collect_by());
                }
                next.extend(self.next_milestone());
                next
            }
        };
        next.extend(self.silence());
        next.extend(self.announced());
        self.text(title, body.into_iter().flatten(), next, short_form)
    }

    fn exception(&self, problem: &Exception) -> Text {
        let id = message::problem(problem);
        let is_open = problem.close_time.is_none();
        let happened = self.say(id, "text");
        let body = [
            Some(happened.clone()),
            problem.reason.and_then(|reason| self.because(reason)),
            (!is_open).then(|| self.language.word("resolved")),
        ];
        let advice = is_open.then(|| self.advice(problem));
        let next = if is_open {
            self.next_of(problem)
        } else {
            Vec::new()
        };
        let short_form = self.short(happened, advice.as_ref());
        self.text(
            self.language.word(id),
            body.into_iter().flatten(),
            next,
            short_form,
        )
    }

    fn text(
        &self,
        title: String,
        body: impl IntoIterator<Item = String>,
        next: Vec<String>,
        short_form: String,
    ) -> Text {
        Text {
            language: self.language.tag().to_owned(),
            title,
            body: self.join(body),
            next_step: self.join(next),
            short_form,
        }
    }

    /// Title and sentence for where the parcel is: those of the code, of its phase, of the status.
    /// A code that by itself means another status, for example a depot on the way back, would
    /// mislead.
    fn state(&self) -> (String, String) {
        let record = self.record;
        let fits = |code: &EventCode| code.info().is_none() || code.status() == Some(record.status);
        let own = record.code.filter(fits).map(message::code);
        let known = own.and_then(|id| {
            let title = self.language.format(&id, "", &[])?;
            Some((title, self.say(&id, "text")))
        });
        known.unwrap_or_else(|| {
            let id = message::status(record.status);
            (self.language.word(id), self.say(id, "text"))
        })
    }

    /// The worst open problem that concerns the reader. Doubts about the data are the operator's,
    /// and once a parcel goes back, why it does so matters less than what becomes of it.
    fn problem(&self) -> Option<&Exception> {
        let is_return = |one: &Exception| {
            self.record.status == Status::Returning && one.category == Category::Return
        };
        self.record
            .exceptions
            .iter()
            .filter(|one| one.close_time.is_none() && one.severity >= Severity::Warning)
            .filter(|one| one.category != Category::DataQuality)
            .rev()
            .max_by_key(|one| (is_return(one), one.severity))
    }

    /// What has to be done about a problem, and whether the reader has to do it.
    fn advice(&self, problem: &Exception) -> Advice {
        let action = problem.next_action;
        // Nobody asks itself: the carrier's customer does.
        let owner = match (action, problem.owner) {
            (NextAction::ContactCarrier, Responsibility::Carrier) => Responsibility::Shipper,
            (_, owner) => owner,
        };
        let is_reader = match owner {
            Responsibility::Recipient => self.audience == Audience::Recipient,
            Responsibility::Shipper => self.audience == Audience::Shipper,
            Responsibility::Nobody => true,
            Responsibility::Carrier | Responsibility::Authority | Responsibility::Operator => false,
        };
        let id = if owner == Responsibility::Nobody {
            message::action(NextAction::Wait)
        } else {
            message::task(problem)
        };
        let sentence = if is_reader {
            self.say(id, "you")
        } else {
            let who = self.language.word(message::owner(owner));
            self.say_with(id, "other", &[("who", FluentValue::from(who))])
        };
        // Who must secure evidence hears of the other in the same sentence.
        let tell = match owner {
            _ if is_reader || action == NextAction::CollectEvidence => None,
            Responsibility::Shipper => Some("tell-shipper"),
            Responsibility::Recipient => Some("tell-recipient"),
            _ => None,
        };
        Advice {
            is_reader,
            sentence,
            tell: tell.map(|id| self.language.word(id)),
        }
    }

    fn next_of(&self, problem: &Exception) -> Vec<String> {
        let advice = self.advice(problem);
        let asks_carrier = matches!(
            problem.next_action,
            NextAction::ProvideInformation
                | NextAction::CorrectAddress
                | NextAction::ArrangeRedelivery
                | NextAction::ContactCarrier
                | NextAction::FileClaim
                | NextAction::PayCharges
                | NextAction::ReturnOrDispose
        );
        let name = (advice.is_reader && asks_carrier && !self.carrier.is_empty()).then(|| {
            let carrier = FluentValue::from(self.carrier);
            self.say_with("carrier-name", "", &[("carrier", carrier)])
        });
        let due = if problem.next_action == NextAction::Collect {
            self.collect_by().or_else(|| self.deadline(problem))
        } else {
            self.deadline(problem)
        };
        [Some(advice.sentence), due, advice.tell, name]
            .into_iter()
            .flatten()
            .collect()
    }

    /// What happened, and what the reader has to do if there is room for it.
    fn short(&self, happened: String, advice: Option<&Advice>) -> String {
        let Some(advice) = advice.filter(|advice| advice.is_reader) else {
            return happened;
        };
        let both = self.join([happened.clone(), advice.sentence.clone()]);
        if both.chars().count() <= SHORT {
            both
        } else {
            happened
        }
    }

    /// Reasons that say no more than the problem itself are left out.
    fn because(&self, reason: ReasonCode) -> Option<String> {
        let says_nothing = matches!(
            reason,
            ReasonCode::OTHER | ReasonCode::NO_RECENT_UPDATE | ReasonCode::DATA_CONTRADICTION
        );
        let words = self.language.reason(reason);
        if says_nothing || words.is_empty() {
            return None;
        }
        Some(self.say_with("because", "", &[("reason", FluentValue::from(words))]))
    }

    /// Where and on which day it was last seen. The day is that of the clock at the place. Where
    /// it was handed to somebody is part of an address, so only its country is named.
    fn last_seen(&self) -> Option<String> {
        let record = self.record;
        let is_address = matches!(
            record.status,
            Status::Delivered | Status::DeliveryAttempted | Status::Returned
        );
        let place = record.last_location.as_ref().map(|place| {
            let city = if is_address { "" } else { &place.locality };
            self.language.place(city, &place.country)
        });
        let place = place.filter(|place| !place.is_empty());
        let date = record
            .last_event_time
            .as_ref()
            .map(|time| self.language.date(time.local.date()));
        let sentence = match (place, date) {
            (Some(place), Some(date)) => self.say_with(
                "last-seen",
                "",
                &[
                    ("place", FluentValue::from(place)),
                    ("date", FluentValue::from(date)),
                ],
            ),
            (Some(place), None) => {
                self.say_with("last-place", "", &[("place", FluentValue::from(place))])
            }
            (None, Some(date)) => {
                self.say_with("last-time", "", &[("date", FluentValue::from(date))])
            }
            (None, None) => return None,
        };
        Some(sentence)
    }

    fn next_milestone(&self) -> Option<String> {
        let step = self.record.next_step.as_ref()?;
        let milestone = self.language.milestone(step.milestone);
        Some(self.say_with("next", "", &[("milestone", FluentValue::from(milestone))]))
    }

    /// Until when nobody will scan it, and that this is no reason to worry.
    fn silence(&self) -> Option<String> {
        let silence = self.record.silence?;
        let id = match silence.reason {
            SilenceReason::Sea => "silence-sea",
            SilenceReason::Air => "silence-air",
            SilenceReason::LaneNorm => "silence-lane",
            SilenceReason::Peak => "silence-peak",
        };
        let day = jiff::tz::TimeZone::UTC.to_datetime(silence.until).date();
        let date = FluentValue::from(self.language.date(day));
        Some(self.say_with(id, "", &[("date", date)]))
    }

    /// The window of delivery, unless it does not hold any more: the parcel has been seen after it,
    /// or a rule finds it late or silent.
    fn announced(&self) -> Option<String> {
        let is_doubtful = |one: &Exception| {
            one.close_time.is_none()
                && (one.category == Category::NoUpdate
                    || one.category == Category::Delay && one.derived)
        };
        let is_at_the_door = matches!(
            self.record.status,
            Status::AvailableForPickup | Status::DeliveryAttempted
        );
        if is_at_the_door || self.record.exceptions.iter().any(is_doubtful) {
            return None;
        }
        let window = self.record.next_step.as_ref()?.window.as_ref()?;
        let (start, end) = days(window)?;
        let seen = self.record.last_event_time.as_ref();
        if seen.is_some_and(|seen| seen.local.date() > end) {
            return None;
        }
        let date = |date| FluentValue::from(self.language.date(date));
        Some(if start == end {
            self.say_with("announced", "", &[("date", date(end))])
        } else {
            let variables = [("start", date(start)), ("end", date(end))];
            self.say_with("announced-between", "", &variables)
        })
    }

    fn collect_by(&self) -> Option<String> {
        let needs = self.record.requirements.as_ref()?;
        let day: Date = needs.collect_by.parse().ok()?;
        let date = FluentValue::from(self.language.date(day));
        Some(self.say_with("collect-by", "", &[("date", date)]))
    }

    /// Last day on which action helps, at the place of the parcel; if its zone is not known, in UTC
    /// and said so.
    fn deadline(&self, problem: &Exception) -> Option<String> {
        // An end at midnight is the end of the day before.
        let due = problem
            .due_time?
            .checked_sub(SignedDuration::from_secs(1))
            .ok()?;
        let date = match self.day_at_the_place(due) {
            Some(day) => self.language.date(day),
            None => {
                let day = due.to_zoned(TimeZone::UTC).date();
                let date = FluentValue::from(self.language.date(day));
                self.say_with("in-utc", "", &[("date", date)])
            }
        };
        Some(self.say_with("deadline", "", &[("date", FluentValue::from(date))]))
    }

    fn day_at_the_place(&self, at: Timestamp) -> Option<Date> {
        let record = self.record;
        let pickup = record.requirements.as_ref();
        let pickup = pickup.and_then(|needs| needs.pickup_place.as_ref());
        let places = [pickup, record.last_location.as_ref()];
        let zone = places.into_iter().flatten().find_map(zone_of).or_else(|| {
            let offset = record.last_event_time.as_ref()?.offset?;
            Some(TimeZone::fixed(Offset::from_seconds(offset).ok()?))
        })?;
        Some(at.to_zoned(zone).date())
    }

    fn say(&self, id: &str, attribute: &str) -> String {
        self.say_with(id, attribute, &[])
    }

    fn say_with(&self, id: &str, attribute: &str, variables: &Variables<'_>) -> String {
        let audience = ("audience", FluentValue::from(self.audience.name()));
        let mut all = vec![audience];
        all.extend(variables.iter().cloned());
        self.language
            .format(id, attribute, &all)
            .unwrap_or_default()
    }

    fn join(&self, sentences: impl IntoIterator<Item = String>) -> String {
        let sentences: Vec<String> = sentences.into_iter().collect();
        sentences.join(&self.language.word("between"))
    }
}

/// What has to be done about a problem.
struct Advice {
    /// The reader has to do it.
    is_reader: bool,
    sentence: String,
    /// What the reader can do about somebody else's duty.
    tell: Option<String>,
}

/// First and last day of a window, on its own clocks.
fn days(window: &LocalWindow) -> Option<(Date, Date)> {
    let day = |time: &crate::time::EventTime| time.local.date();
    let (start, end) = (window.start.as_ref().map(day), window.end.as_ref().map(day));
    Some((start.or(end)?, end.or(start)?))
}

/// Zone of a place: its own, or that of a country with one zone.
fn zone_of(place: &Location) -> Option<TimeZone> {
    let name = match (place.time_zone.as_str(), zone::of_country(&place.country)) {
        ("", [only]) => only,
        (name, _) => name,
    };
    TimeZone::get(name).ok()
}
