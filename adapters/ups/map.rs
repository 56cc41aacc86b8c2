//! From the messages of UPS to reports: one per package.

use std::sync::Arc;

use waybill_core::adapter::{Query, Report};
use waybill_core::code::EventCode;
use waybill_core::error::{Error, ErrorKind};
use waybill_core::event::{Claim, Classifier, MappingBasis};
use waybill_core::number::TrackingNumber;
use waybill_core::place::Location;
use waybill_core::privacy::Pii;

use super::facts::count;
use super::meaning::{self, Family};
use super::place::{country, cut, place};
use super::wire::{Activity, Answer, Package, Shipment, Status};
use super::{clock, facts, fault};
use crate::codes::Codes;

/// What is needed to understand an answer.
pub(super) struct Reader {
    pub(super) codes: &'static Codes,
    /// BCP 47 tag of the texts.
    pub(super) language: String,
}

/// The packages of an answer, and how many it says there are beyond them.
pub(super) struct Pieces {
    pub(super) reports: Vec<Report>,
    pub(super) missing: usize,
}

impl Pieces {
    /// Adds the packages of another page that are not here yet, and returns their number.
    pub(super) fn add(&mut self, page: Self) -> usize {
        let before = self.reports.len();
        for report in page.reports {
            if !self
                .reports
                .iter()
                .any(|known| known.number == report.number)
            {
                self.reports.push(report);
            }
        }
        let added = self.reports.len() - before;
        self.missing = self.missing.saturating_sub(added);
        added
    }

    /// Returns the reports; packages that are still missing are a doubt of each.
    pub(super) fn into_reports(mut self) -> Vec<Report> {
        if self.missing > 0 {
            let doubt = format!("{} further pieces are not in the answer", self.missing);
            for report in &mut self.reports {
                report.facts.doubts.push(doubt.clone());
            }
        }
        self.reports
    }
}

/// Turns a locale of UPS, for example "en_US", into a language tag; `None` if it is none.
pub(super) fn language(locale: &str) -> Option<String> {
    let (language, country) = locale.split_once('_')?;
    let lower = language.len() == 2 && language.bytes().all(|byte| byte.is_ascii_lowercase());
    let upper = country.len() == 2 && country.bytes().all(|byte| byte.is_ascii_uppercase());
    (lower && upper).then(|| format!("{language}-{country}"))
}

impl Reader {
    /// Understands an answer with status 200. The number of `query` stands in for one that is
    /// missing.
    pub(super) fn read(&self, body: &[u8], query: Option<&Query>) -> Result<Pieces, Error> {
        // A list would be read as an object whose fields have no names.
        if !body.trim_ascii_start().starts_with(b"{") {
            return Err(malformed("answer is no object"));
        }
        let answer: Answer<'_> = crate::wire::from_slice(body).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            malformed(format!("answer is broken at line {line}, column {column}"))
        })?;
        if answer.track_response.is_empty() {
            return Err(match answer.response.errors.first() {
                Some(notice) => fault::of_notice(Some(notice)),
                None => malformed("answer lacks trackResponse"),
            });
        }
        let tracks = || answer.track_response.iter();
        if tracks().all(|track| track.shipment.is_none()) {
            return Err(malformed("trackResponse.shipment: no list of objects"));
        }
        let shipments = || {
            tracks()
                .filter_map(|track| track.shipment.as_ref())
                .flatten()
        };
        let expected = shipments().map(|shipment| shipment.package.len()).sum();
        let mut pieces = Pieces {
            reports: Vec::with_capacity(expected),
            missing: 0,
        };
        let warning = shipments().find_map(|shipment| shipment.warnings.first());
        let nothing = fault::of_notice(warning);
        let shipments = answer.track_response.into_iter();
        let shipments = shipments.filter_map(|track| track.shipment).flatten();
        for mut shipment in shipments {
            let said = shipment
                .package
                .iter()
                .filter_map(|package| count(&package.package_count));
            let said = usize::try_from(said.max().unwrap_or(0)).unwrap_or(usize::MAX);
            if !shipment.package.is_empty() {
                pieces.missing += said.saturating_sub(shipment.package.len());
            }
            for package in std::mem::take(&mut shipment.package) {
                let number = [&package.tracking_number, &shipment.inquiry_number]
                    .into_iter()
                    .find_map(|number| TrackingNumber::parse(number).ok())
                    .or_else(|| query.map(|query| query.number.clone()))
                    .ok_or_else(|| malformed("package lacks a tracking number"))?;
                pieces
                    .reports
                    .push(self.report(number, &shipment, &package));
            }
        }
        if pieces.reports.is_empty() {
            return Err(nothing);
        }
        Ok(pieces)
    }

    pub(super) fn report(
        &self,
        number: TrackingNumber,
        shipment: &Shipment<'_>,
        package: &Package<'_>,
    ) -> Report {
        let mut facts = facts::facts(&number, shipment, package);
        let family = Family::of(number.reveal(), &facts.service);
        let (origin, destination) = (country_of(&facts.origin), country_of(&facts.destination));
        let mut claims = Vec::with_capacity(package.activity.len());
        let mut raw = String::new();
        for activity in package.activity.iter().rev() {
            claims.extend(self.claim(family, activity, origin, destination, &mut raw));
        }
        self.place_of_delivery(package, &mut claims);
        facts.proof = facts::proof(package, &claims);
        facts.requirements = facts::requirements(package, &claims).map(Box::new);
        facts.doubts = self.doubts(family, package, &claims);
        Report {
            number,
            relays: super::DESCRIPTOR.carrier.to_owned(),
            complete: true,
            language: self.language.clone(),
            claims: claims.into_iter().map(Arc::new).collect(),
            facts,
        }
        .fitted()
    }

    fn claim(
        &self,
        family: Family,
        activity: &Activity<'_>,
        origin: &str,
        destination: &str,
        raw: &mut String,
    ) -> Option<Claim> {
        let status = &activity.status;
        let logical = is_true(&activity.logical_scan);
        let scan = country(&activity.location.address);
        let location = place(&activity.location.address, &activity.location.slic, logical);
        let (time, doubt) = clock::read(activity, &scan, location.as_ref(), raw)?;
        let (meaning, basis) = meaning::of(self.codes, family, status);
        let text = [&status.description, &status.simplified_text_description];
        let text = text
            .iter()
            .map(|text| text.trim())
            .find(|text| !text.is_empty());
        Some(Claim {
            native_id: String::new(),
            native_code: native_code(status),
            native_reason: String::new(),
            native_text: Pii::new(cut(text.unwrap_or(""), 1_000)),
            code: meaning::directed(meaning.event, &scan, origin, destination),
            reason: meaning.reason,
            basis,
            time,
            location,
            carrier: String::new(),
            classifier: Classifier::Actual,
            retracted: false,
            doubt: doubt.map(str::to_owned),
        })
    }

    /// Makes the newest delivery as precise as the place that UPS names beside it.
    fn place_of_delivery(&self, package: &Package<'_>, claims: &mut [Claim]) {
        let left_at = package.delivery_information.location.trim();
        let newest = claims
            .iter()
            .rev()
            .find(|claim| claim.code.status().is_some());
        let newest = newest.filter(|claim| claim.code == EventCode::DELIVERED);
        let precise = meaning::of_place(self.codes, left_at);
        let precise = precise.filter(|code| *code != EventCode::DELIVERED);
        let (Some(newest), Some(code)) = (newest.cloned(), precise) else {
            return;
        };
        // A row that was sent twice means the same both times.
        for claim in claims.iter_mut().filter(|claim| **claim == newest) {
            claim.code = code;
            claim.basis = MappingBasis::CodeAndText;
        }
    }

    fn doubts(&self, family: Family, package: &Package<'_>, claims: &[Claim]) -> Vec<String> {
        let mut doubts = Vec::new();
        let (all, read) = (package.activity.len(), claims.len());
        if read < all {
            let unread = all - read;
            doubts.push(format!(
                "activities left out for want of a readable date: {unread} of {all}"
            ));
        }
        let current = package.current_status.code.trim();
        let stage = meaning::of_stage(self.codes, current);
        let stage = stage.and_then(|meaning| meaning.event.status());
        let newest = package.activity.iter().find_map(|activity| {
            let stage = meaning::of(self.codes, family, &activity.status)
                .0
                .event
                .status()?;
            Some((activity.status.status_code.trim(), stage))
        });
        match (stage, newest) {
            (Some(stage), Some((code, newest))) if stage != newest && code != current => {
                doubts.push("current status contradicts the newest activity".to_owned());
            }
            (Some(_), None) => doubts.push("current status has no activity".to_owned()),
            _ => {}
        }
        doubts
    }
}

fn malformed(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Malformed, message)
}

/// Type, code and status code as one, for example "D/FS/011".
fn native_code(status: &Status<'_>) -> String {
    let parts = [
        status.kind.trim(),
        status.code.trim(),
        status.status_code.trim(),
    ];
    let mut code = String::with_capacity(parts.iter().map(|part| part.len() + 1).sum());
    for (at, part) in parts.into_iter().enumerate() {
        if at > 0 {
            code.push('/');
        }
        code.push_str(part);
    }
    code.truncate(code.trim_end_matches('/').len());
    code
}

fn country_of(place: &Option<Box<Location>>) -> &str {
    place.as_ref().map_or("", |place| &place.country)
}

fn is_true(text: &str) -> bool {
    text.trim().eq_ignore_ascii_case("true")
}
