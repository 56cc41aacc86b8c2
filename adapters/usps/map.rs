//! From the messages of USPS to reports: one per item of mail.

use std::sync::Arc;

use waybill_core::adapter::{Query, Report};
use waybill_core::error::{Error, ErrorKind};
use waybill_core::event::{Claim, Classifier};
use waybill_core::number::TrackingNumber;
use waybill_core::privacy::Pii;
use waybill_core::shipment::Facts;

use super::place::{self, Found, cut};
use super::wire::{Body, Event, Item};
use super::{clock, facts, fault, meaning};
use crate::codes::Codes;

/// BCP 47 tag of the texts: USPS has no other.
const LANGUAGE: &str = "en";
/// What a summary lacks.
const SUMMARY: &str = "answer is a summary: its lines are not read as events";
/// What is known of an item without a scan.
const UNSCANNED: &str = "item is announced to the carrier and not scanned yet";

/// What is needed to understand an answer.
pub(super) struct Reader {
    pub(super) codes: &'static Codes,
}

/// What a body says of one number.
pub(super) struct Member {
    /// Its number; `None` if nobody states one.
    pub(super) number: Option<TrackingNumber>,
    pub(super) answer: Result<Report, Error>,
}

/// Reads a body of any kind.
pub(super) fn body(bytes: &[u8]) -> Result<Body<'_>, Error> {
    let body: Body<'_> = crate::wire::from_slice(bytes).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        malformed(format!("answer is broken at line {line}, column {column}"))
    })?;
    Ok(body)
}

impl Reader {
    /// Understands a body. A number that it lacks is taken from the query at the same place.
    pub(super) fn read(&self, bytes: &[u8], queries: &[Query]) -> Result<Vec<Member>, Error> {
        let body = body(bytes)?;
        if let [item] = body.items.as_slice()
            && !body.is_list
        {
            if is_push(item) {
                return self.read_payload(item);
            }
            let tells_nothing = !(item.challenge.is_empty() && item.access_token.is_empty())
                || is_subscription(item);
            if tells_nothing {
                return Ok(Vec::new());
            }
        }
        if body.is_list && !body.items.is_empty() && body.items.iter().all(is_subscription) {
            return Ok(Vec::new());
        }
        let in_order = queries.len() == body.items.len();
        let member = |(at, item): (usize, &Item<'_>)| {
            let asked = queries.get(at).filter(|_| in_order);
            self.member(item, asked)
        };
        Ok(body.items.iter().enumerate().map(member).collect())
    }

    /// Understands what a push brings: items with events, or one event with the number beside it.
    pub(super) fn read_payload(&self, push: &Item<'_>) -> Result<Vec<Member>, Error> {
        if push.payload.is_empty() {
            return Err(malformed("push lacks its payload"));
        }
        let payload = body(push.payload.as_bytes())
            .map_err(|error| malformed(format!("payload: {}", error.message)))?;
        let mut members = Vec::with_capacity(payload.items.len());
        for mut item in payload.items {
            if item.tracking_events.is_empty() && item.error.is_none() {
                let event: Event<'_> = match payload.is_list {
                    false => crate::wire::from_str(&push.payload).unwrap_or_default(),
                    true => Event::default(),
                };
                let stated = [&event.event_type, &event.event_code, &event.event_timestamp];
                if stated.iter().any(|text| !text.is_empty()) {
                    item.tracking_events.push(event);
                }
            }
            let mut member = self.member(&item, None);
            if let Ok(report) = &mut member.answer {
                // A push tells what is new, perhaps no more.
                report.complete = false;
            }
            members.push(member);
        }
        if members.is_empty() {
            return Err(malformed("payload holds no item"));
        }
        Ok(members)
    }

    fn member(&self, item: &Item<'_>, asked: Option<&Query>) -> Member {
        let stated = TrackingNumber::parse(&item.tracking_number).ok();
        let number = stated.or_else(|| asked.map(|query| query.number.clone()));
        let answer = self.answer(item, number.as_ref());
        Member { number, answer }
    }

    fn answer(&self, item: &Item<'_>, number: Option<&TrackingNumber>) -> Result<Report, Error> {
        if let Some(failure) = &item.error {
            let status = item.status_code.trim().parse().unwrap_or(0);
            return match number {
                Some(number) if fault::is_unscanned(failure) => Ok(unscanned(number.clone())),
                _ => Err(fault::of_failure(Some(failure), status)),
            };
        }
        if item.track_results {
            return Err(malformed("answer is a summary in the form of 2023"));
        }
        let number = number.ok_or_else(|| malformed("answer lacks trackingNumber"))?;
        let says = [&item.status, &item.status_category, &item.mail_class];
        let is_silent = item.tracking_events.is_empty() && item.event_summaries.is_empty();
        if is_silent && says.iter().all(|text| text.is_empty()) {
            return Err(malformed("answer tells nothing about the number"));
        }
        Ok(self.report(number.clone(), item))
    }

    fn report(&self, number: TrackingNumber, item: &Item<'_>) -> Report {
        let (mut origin, destination) = (
            place::find(place::of_origin(item)),
            place::find(place::of_destination(item)),
        );
        if item.origin_country.trim().is_empty() {
            // A blank origin of an item from abroad does not mean the United States.
            origin.country = issuer(number.reveal()).unwrap_or(origin.country);
        }
        let mut facts = facts::facts(item, &origin, &destination);
        let mut claims = Vec::with_capacity(item.tracking_events.len());
        let all = item.tracking_events.len();
        for (age, event) in item.tracking_events.iter().enumerate().rev() {
            let category = if age == 0 { &*item.status_category } else { "" };
            claims.extend(self.claim(event, category, &origin, &destination));
        }
        facts.proof = facts::proof(item, &claims);
        facts.requirements = facts::requirements(item, &claims).map(Box::new);
        facts.doubts = self.doubts(item, all, &claims);
        Report {
            number,
            relays: super::DESCRIPTOR.carrier.to_owned(),
            complete: item.event_summaries.is_empty() || all > 0,
            language: LANGUAGE.to_owned(),
            claims: claims.into_iter().map(Arc::new).collect(),
            facts,
        }
        .fitted()
    }

    fn claim(
        &self,
        event: &Event<'_>,
        category: &str,
        origin: &Found,
        destination: &Found,
    ) -> Option<Claim> {
        let found = place::find(place::of_event(event));
        let (time, doubt) = clock::read(event, found.spot())?;
        let (meaning, basis) =
            meaning::of(self.codes, &event.event_code, &event.event_type, category);
        let why = [event.action_code.trim(), event.reason_code.trim()];
        let why = match why {
            ["", why] | [why, ""] => why.to_owned(),
            [action, reason] => format!("{action}/{reason}"),
        };
        let code = meaning::directed(
            meaning.event,
            &found.country,
            &origin.country,
            &destination.country,
        );
        Some(Claim {
            native_id: String::new(),
            native_code: cut(event.event_code.trim(), 64),
            native_reason: cut(&why, 64),
            native_text: Pii::new(cut(event.event_type.trim(), 1_000)),
            code,
            reason: meaning.reason,
            basis,
            time,
            location: found.location,
            carrier: String::new(),
            classifier: Classifier::Actual,
            retracted: false,
            doubt: doubt.map(str::to_owned),
        })
    }

    fn doubts(&self, item: &Item<'_>, all: usize, claims: &[Claim]) -> Vec<String> {
        let mut doubts = Vec::new();
        if claims.len() < all {
            let unread = all - claims.len();
            doubts.push(format!(
                "events left out for want of a readable date: {unread} of {all}"
            ));
        }
        if all == 0 && !item.event_summaries.is_empty() {
            doubts.push(SUMMARY.to_owned());
        }
        let category = meaning::of_category(self.codes, &item.status_category);
        match (category, facts::newest(claims)) {
            (Some(category), Some(newest)) if meaning::contradict(category, newest.code) => {
                doubts.push("status category contradicts the newest event".to_owned());
            }
            (Some(category), None) if category.event.status().is_some() => {
                doubts.push("status category has no event".to_owned());
            }
            _ => {}
        }
        doubts
    }
}

/// A report that the carrier knows of an item, and nothing of its way.
pub(super) fn unscanned(number: TrackingNumber) -> Report {
    Report {
        number,
        relays: super::DESCRIPTOR.carrier.to_owned(),
        // It says nothing about events that were reported before.
        complete: false,
        language: LANGUAGE.to_owned(),
        claims: Vec::new(),
        facts: Facts {
            doubts: vec![UNSCANNED.to_owned()],
            ..Facts::default()
        },
    }
    .fitted()
}

/// Country that issued a number of the form of the Universal Postal Union.
fn issuer(number: &str) -> Option<std::borrow::Cow<'static, str>> {
    let (head, country) = number.split_at_checked(11)?;
    let letters = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphabetic());
    let shape = country.len() == 2
        && letters(country)
        && head.get(..2).is_some_and(letters)
        && head.get(2..)?.bytes().all(|byte| byte.is_ascii_digit());
    shape.then(|| country.to_owned().into())
}

/// Tells whether a body is a push.
pub(super) fn is_push(item: &Item<'_>) -> bool {
    !item.payload.is_empty() || (!item.subscription_id.is_empty() && !item.timestamp.is_empty())
}

/// A subscription as its own interface returns it; the secret that it repeats is not read.
fn is_subscription(item: &Item<'_>) -> bool {
    !item.subscription_id.is_empty() && item.tracking_number.is_empty() && item.error.is_none()
}

pub(super) fn malformed(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Malformed, message)
}
