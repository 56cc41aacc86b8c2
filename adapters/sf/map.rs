//! From the messages of SF to reports: one per waybill.

use std::sync::Arc;

use waybill_core::adapter::Report;
use waybill_core::code::EventCode;
use waybill_core::error::{Error, ErrorKind};
use waybill_core::event::{Claim, Classifier, MappingBasis};
use waybill_core::number::TrackingNumber;
use waybill_core::place::FacilityKind;
use waybill_core::privacy::Pii;
use waybill_core::shipment::{Facts, Requirements};

use super::place::{Clock, Place, cut};
use super::wire::{Data, Envelope, Inner, Listed, Route, RouteResp};
use super::{clock, fault, meaning, numbers};
use crate::codes::{Codes, Meaning};

/// What is needed to understand a message.
pub(super) struct Reader {
    pub(super) codes: &'static Codes,
    /// BCP 47 tag of the texts that are asked for.
    pub(super) language: &'static str,
}

/// Language of a push, which nobody chooses.
const PUSHED: &str = "zh-CN";

/// A message understood.
pub(super) enum Understood {
    /// Waybills, each with its routes or with why there are none.
    Routes(Vec<Entry>),
    /// Nothing about a waybill: a token, or a mere acknowledgement.
    Nothing,
}

/// What a message says about one waybill.
pub(super) struct Entry {
    /// `None` if it cannot be read.
    pub(super) number: Option<TrackingNumber>,
    pub(super) outcome: Result<Report, Error>,
}

impl Reader {
    /// Understands a JSON message of status 200. `only` stands in for the number of the only
    /// waybill if that cannot be read.
    pub(super) fn read(
        &self,
        body: &[u8],
        only: Option<&TrackingNumber>,
    ) -> Result<Understood, Error> {
        let envelope: Envelope<'_> =
            crate::wire::from_slice(body).map_err(|error| broken(&error))?;
        if let Listed::List(routes) = &envelope.body.routes {
            return Ok(Understood::Routes(self.pushed(routes)?));
        }
        if envelope.code.is_empty() {
            return match envelope.return_code.is_empty() {
                false => Ok(Understood::Nothing),
                true => Err(malformed("message lacks apiResultCode and WaybillRoute")),
            };
        }
        fault::of_platform(&envelope)?;
        match envelope.data {
            Data::Object(inner) => self.inner(*inner, only),
            Data::Text(text) if !text.trim().is_empty() => {
                let inner: Inner<'_> =
                    crate::wire::from_str(&text).map_err(|error| broken(&error))?;
                self.inner(inner, only)
            }
            _ if !envelope.access_token.is_empty() => Ok(Understood::Nothing),
            _ => Err(malformed("apiResultData is empty")),
        }
    }

    /// Drops each waybill once it is understood: an answer in a text is a big one already.
    fn inner(&self, inner: Inner<'_>, only: Option<&TrackingNumber>) -> Result<Understood, Error> {
        fault::of_business(&inner)?;
        match inner.msg_data.route_resps {
            Listed::List(list) => {
                let only = only.filter(|_| list.len() == 1);
                let entries = list.into_iter();
                let entries = entries.map(|waybill| self.waybill(&waybill, only));
                Ok(Understood::Routes(entries.collect()))
            }
            Listed::Odd => Err(malformed("msgData.routeResps: no list of objects")),
            Listed::Absent => Ok(Understood::Nothing),
        }
    }

    fn waybill(&self, waybill: &RouteResp<'_>, only: Option<&TrackingNumber>) -> Entry {
        let number = TrackingNumber::parse(&waybill.mail_no).ok();
        let number = number.or_else(|| only.cloned());
        let outcome = match (&number, &waybill.routes) {
            (_, Listed::Odd) => Err(malformed("routes: no list of objects")),
            (_, Listed::Absent) => Err(malformed("waybill lacks routes")),
            (None, _) => Err(malformed("waybill lacks its number")),
            (Some(_), Listed::List(routes)) if routes.is_empty() => Err(fault::of_empty()),
            (Some(number), Listed::List(routes)) => {
                let routes: Vec<&Route<'_>> = routes.iter().collect();
                Ok(self.report(number.clone(), &routes, true))
            }
        };
        Entry { number, outcome }
    }

    /// Understands pushed events: those of one waybill together, in their order.
    pub(super) fn pushed(&self, routes: &[Route<'_>]) -> Result<Vec<Entry>, Error> {
        let mut groups: Vec<(TrackingNumber, Vec<&Route<'_>>)> = Vec::new();
        let mut unnamed = 0_usize;
        for route in routes {
            let Ok(number) = TrackingNumber::parse(&route.mailno) else {
                unnamed += 1;
                continue;
            };
            match groups.iter_mut().find(|(known, _)| *known == number) {
                Some((_, group)) => group.push(route),
                None => groups.push((number, vec![route])),
            }
        }
        if groups.is_empty() {
            return Err(malformed("pushed events lack a waybill number"));
        }
        let mut entries = Vec::with_capacity(groups.len());
        for (number, group) in groups {
            let mut report = self.report(number.clone(), &group, false);
            if unnamed > 0 {
                report.facts.doubts.push(format!(
                    "pushed events left out for want of a waybill number: {unnamed} of {}",
                    routes.len()
                ));
            }
            entries.push(Entry {
                number: Some(number),
                outcome: Ok(report),
            });
        }
        Ok(entries)
    }

    fn report(&self, number: TrackingNumber, routes: &[&Route<'_>], complete: bool) -> Report {
        let mut rows: Vec<Row<'_>> = routes
            .iter()
            .map(|route| Row::read(self.codes, route))
            .collect();
        if let [first, .., last] = rows.as_slice()
            && first.route.accept_time > last.route.accept_time
        {
            rows.reverse();
        }
        let journey = Journey::of(&rows);
        let mut facts = Facts::default();
        let mut claims = Vec::with_capacity(rows.len());
        for row in &rows {
            numbers::collect(row.route, number.reveal(), &mut facts.identifiers);
            claims.extend(self.claim(row, &journey));
        }
        if claims.len() < rows.len() {
            let unread = rows.len() - claims.len();
            facts.doubts.push(format!(
                "events left out for want of a readable time: {unread} of {}",
                rows.len()
            ));
        }
        sort(&mut claims);
        at_an_agent(&mut claims);
        facts.requirements = pickup_place(&claims).map(Box::new);
        Report {
            number,
            relays: super::DESCRIPTOR.carrier.to_owned(),
            complete,
            language: if complete { self.language } else { PUSHED }.to_owned(),
            claims: claims.into_iter().map(Arc::new).collect(),
            facts,
        }
        .fitted()
    }

    fn claim(&self, row: &Row<'_>, journey: &Journey) -> Option<Claim> {
        let (route, meaning) = (row.route, row.meaning);
        let time = clock::read(
            &route.accept_time,
            row.place.clock,
            journey.goes_abroad || clock::is_of_borders(meaning.event),
        )?;
        let code = match journey.crosses_borders {
            true => meaning::directed(meaning, row.place.country(), journey.origin),
            false => meaning::within_one_country(meaning.event),
        };
        let native_code = [
            &route.op_code,
            &route.secondary_status_code,
            &route.first_status_code,
        ]
        .into_iter()
        .map(|code| code.trim())
        .find(|code| !code.is_empty());
        Some(Claim {
            // A polled event has no id: the pushed one must not have one either, or the two would
            // not be known as the same.
            native_id: String::new(),
            native_code: cut(native_code.unwrap_or(""), 64),
            native_reason: cut(route.reason_code.trim(), 64),
            native_text: Pii::new(cut(route.remark.trim(), 1_000)),
            code,
            reason: meaning.reason,
            basis: row.basis,
            time,
            location: row.place.location(),
            carrier: String::new(),
            classifier: Classifier::Actual,
            retracted: false,
            doubt: self.doubt(row).map(str::to_owned),
        })
    }

    fn doubt(&self, row: &Row<'_>) -> Option<&'static str> {
        let route = row.route;
        if meaning::contradicts(self.codes, route, row.meaning.event) {
            return Some("operation code, words and status do not agree about delivery");
        }
        let open = row.meaning.event == EventCode::RETURN_INITIATED
            && super::words::leaves_open_whereto(&route.remark);
        open.then_some("the words leave open whether it was sent back or forwarded")
    }
}

/// An event with what can be said of it alone.
struct Row<'a> {
    route: &'a Route<'a>,
    meaning: Meaning,
    basis: MappingBasis,
    place: Place<'a>,
}

impl<'a> Row<'a> {
    fn read(codes: &Codes, route: &'a Route<'a>) -> Self {
        let (meaning, basis) = meaning::of(codes, route);
        Self {
            route,
            meaning,
            basis,
            place: Place::read(&route.accept_address),
        }
    }
}

/// What the events of a waybill say together about its way.
struct Journey {
    /// Country of the first event that names one.
    origin: &'static str,
    /// It has places in several countries, or customs.
    crosses_borders: bool,
    /// It has places that do not share the clock of China.
    goes_abroad: bool,
}

impl Journey {
    fn of(rows: &[Row<'_>]) -> Self {
        let countries = || {
            rows.iter()
                .map(|row| row.place.country())
                .filter(|country| !country.is_empty())
        };
        let origin = countries().next().unwrap_or("");
        let customs = rows
            .iter()
            .any(|row| clock::is_of_borders(row.meaning.event));
        Self {
            origin,
            crosses_borders: customs || countries().any(|country| country != origin),
            goes_abroad: rows.iter().any(|row| row.place.clock == Clock::Abroad),
        }
    }
}

/// Puts the oldest event first. Wall clocks of different zones have no order, so a list in which
/// one is not resolved stays as it is.
fn sort(claims: &mut [Claim]) {
    if claims.iter().all(|claim| claim.time.instant.is_some()) {
        claims.sort_by_key(|claim| claim.time.instant);
    }
}

/// Code 607 is an agent's acceptance at the start, and a deposit with an agent once the item was
/// out for delivery.
fn at_an_agent(claims: &mut [Claim]) {
    let mut was_out = false;
    for claim in claims {
        was_out |= claim.code == EventCode::OUT_FOR_DELIVERY;
        if was_out && is_at_an_agent(claim) {
            claim.code = EventCode::AVAILABLE_FOR_PICKUP;
            claim.basis = MappingBasis::CodeAndText;
        }
    }
}

/// Whether the meaning of a claim depends on what came before it.
pub(super) fn is_at_an_agent(claim: &Claim) -> bool {
    claim.native_code == "607"
}

/// The place where the item waits, if it waits to be collected.
fn pickup_place(claims: &[Claim]) -> Option<Requirements> {
    let newest = claims
        .iter()
        .rev()
        .find(|claim| claim.code.status().is_some())?;
    if newest.code != EventCode::AVAILABLE_FOR_PICKUP {
        return None;
    }
    let mut place = newest.location.clone()?;
    place.facility.get_or_insert_default().kind = FacilityKind::CollectionPoint;
    Some(Requirements {
        pickup_place: Some(place),
        ..Requirements::default()
    })
}

pub(super) fn malformed(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Malformed, message)
}

fn broken(error: &serde_json::Error) -> Error {
    let (line, column) = (error.line(), error.column());
    malformed(format!("message is broken at line {line}, column {column}"))
}
