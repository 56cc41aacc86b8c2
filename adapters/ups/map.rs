//! From the messages of UPS to reports: one per package.

use std::borrow::Cow;

use jiff::Timestamp;
use waybill_core::adapter::{Query, Report};
use waybill_core::code::EventCode;
use waybill_core::error::{Error, ErrorKind};
use waybill_core::event::{Claim, Classifier, MappingBasis};
use waybill_core::number::{TrackingNumber, check_digit_valid};
use waybill_core::place::{CodeSystem, Facility, FacilityKind, Location};
use waybill_core::privacy::Pii;
use waybill_core::shipment::{
    Estimate, EstimateKind, Facts, Identifier, IdentifierKind, Money, Physical, Proof, Requirements,
};

use super::meaning::{self, Family};
use super::wire::{Activity, Address, Answer, Dimension, Package, Shipment, Status, Weight};
use super::{clock, fault};
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
        let answer: Answer<'_> = serde_json::from_slice(body).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            malformed(format!("answer is broken at line {line}, column {column}"))
        })?;
        if answer.track_response.is_empty() {
            return Err(match answer.response.errors.first() {
                Some(notice) => fault::of_notice(Some(notice)),
                None => malformed("answer lacks trackResponse"),
            });
        }
        let shipments = || {
            answer
                .track_response
                .iter()
                .flat_map(|track| &track.shipment)
        };
        let mut pieces = Pieces {
            reports: Vec::new(),
            missing: 0,
        };
        for shipment in shipments() {
            let said = shipment
                .package
                .iter()
                .filter_map(|package| count(&package.package_count));
            let said = usize::try_from(said.max().unwrap_or(0)).unwrap_or(usize::MAX);
            if !shipment.package.is_empty() {
                pieces.missing += said.saturating_sub(shipment.package.len());
            }
            for package in &shipment.package {
                let number = [&package.tracking_number, &shipment.inquiry_number]
                    .into_iter()
                    .find_map(|number| TrackingNumber::parse(number).ok())
                    .or_else(|| query.map(|query| query.number.clone()))
                    .ok_or_else(|| malformed("package lacks a tracking number"))?;
                pieces.reports.push(self.report(number, shipment, package));
            }
        }
        if pieces.reports.is_empty() {
            let warning = shipments().find_map(|shipment| shipment.warnings.first());
            return Err(fault::of_notice(warning));
        }
        Ok(pieces)
    }

    fn report(
        &self,
        number: TrackingNumber,
        shipment: &Shipment<'_>,
        package: &Package<'_>,
    ) -> Report {
        let service = package.service.description.trim();
        let family = Family::of(number.reveal(), service);
        let ends = |kind: &str| {
            let mut addresses = package.package_address.iter();
            let end = addresses.find(|end| end.kind.trim().eq_ignore_ascii_case(kind))?;
            place(&end.address, "", false)
        };
        let mut facts = Facts {
            service: service.to_owned(),
            origin: ends("ORIGIN"),
            destination: ends("DESTINATION"),
            identifiers: identifiers(&number, shipment, package),
            physical: physical(package),
            proof: proof(package),
            ..Facts::default()
        };
        let (origin, destination) = (country_of(&facts.origin), country_of(&facts.destination));
        facts.estimates = estimates(package, destination);
        let mut claims = Vec::with_capacity(package.activity.len());
        let mut raw = String::new();
        for activity in package.activity.iter().rev() {
            claims.extend(self.claim(family, activity, origin, destination, &mut raw));
        }
        self.place_of_delivery(package, &mut claims);
        facts.requirements = requirements(package, &claims);
        facts.doubts = self.doubts(family, package, &claims);
        Report {
            number,
            relays: super::DESCRIPTOR.id.to_owned(),
            complete: true,
            language: self.language.clone(),
            claims,
            facts,
        }
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
        let (time, doubt) = clock::read(activity, &scan, raw)?;
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
            location: place(&activity.location.address, &activity.location.slic, logical),
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
            .iter_mut()
            .rev()
            .find(|claim| claim.code.status().is_some());
        let Some(claim) = newest.filter(|claim| claim.code == EventCode::DELIVERED) else {
            return;
        };
        let precise = meaning::of_place(self.codes, left_at);
        if let Some(code) = precise.filter(|code| *code != EventCode::DELIVERED) {
            claim.code = code;
            claim.basis = MappingBasis::CodeAndText;
        }
    }

    fn doubts(&self, family: Family, package: &Package<'_>, claims: &[Claim]) -> Vec<String> {
        let mut doubts = Vec::new();
        let unread = package.activity.len() - claims.len();
        if unread > 0 {
            doubts.push(format!(
                "{unread} activities without a readable date are left out"
            ));
        }
        let current = package.current_status.code.trim();
        let stage = self.codes.by_code("status", current);
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

/// Country of an address if it is a code of two letters; empty otherwise.
fn country<'a>(address: &'a Address<'_>) -> Cow<'a, str> {
    let known = [address.country_code.trim(), address.country.trim()]
        .into_iter()
        .find(|text| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic()));
    match known {
        Some(code) if code.bytes().any(|byte| byte.is_ascii_lowercase()) => {
            Cow::Owned(code.to_ascii_uppercase())
        }
        code => Cow::Borrowed(code.unwrap_or("")),
    }
}

fn country_of(place: &Option<Location>) -> &str {
    place.as_ref().map_or("", |place| &place.country)
}

/// Reads a place. Of a `logical` scan only the text is kept: nothing was scanned there, so it must
/// not count as a place where the parcel was.
fn place(address: &Address<'_>, site: &str, logical: bool) -> Option<Location> {
    let (city, state) = (address.city.trim(), address.state_province.trim());
    let country = country(address);
    let is_code =
        (1..=3).contains(&state.len()) && state.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let odd =
        (country.is_empty() && !address.country.is_empty()) || (!is_code && !state.is_empty());
    let mut place = Location::default();
    if logical || odd {
        let parts = [
            city,
            state,
            address.country.trim(),
            address.country_code.trim(),
        ];
        let mut raw = String::new();
        for part in parts.into_iter().filter(|part| !part.is_empty()) {
            if !raw.is_empty() {
                raw.push_str(", ");
            }
            raw.push_str(part);
        }
        place.raw = Pii::new(cut(&raw, 200));
    }
    if !logical {
        place.country = country.into_owned();
        city.clone_into(&mut place.locality);
        if is_code {
            place.subdivision = state.to_ascii_uppercase();
        }
        place.postal_code = Pii::new(address.postal_code.trim().to_owned());
        place.facility = Some(site.trim())
            .filter(|site| !site.is_empty())
            .map(|site| Facility {
                code: site.to_owned(),
                system: CodeSystem::Carrier,
                ..Facility::default()
            });
    }
    Some(place).filter(|place| !place.is_empty())
}

fn identifiers(
    number: &TrackingNumber,
    shipment: &Shipment<'_>,
    package: &Package<'_>,
) -> Vec<Identifier> {
    let mut found: Vec<Identifier> = Vec::new();
    let mut add = |kind, value: String, carrier: &str| {
        let check_digit_valid = match carrier {
            "" => None,
            carrier => check_digit_valid(&value, carrier),
        };
        let identifier = Identifier {
            kind,
            value: Pii::new(value),
            carrier: carrier.to_owned(),
            check_digit_valid,
        };
        let known = identifier.value.reveal().is_empty() || found.contains(&identifier);
        if !known {
            found.push(identifier);
        }
    };
    let inquiry = normal(&shipment.inquiry_number);
    if inquiry != number.reveal() {
        add(IdentifierKind::Master, inquiry, super::DESCRIPTOR.carrier);
    }
    for other in &package.alternate_tracking_number {
        let value = normal(&other.number);
        if value == number.reveal() {
            continue;
        }
        match other.kind.trim() {
            // Without a type it is another number of UPS.
            "" => add(IdentifierKind::Carrier, value, super::DESCRIPTOR.carrier),
            kind if kind.starts_with("USPS") => add(IdentifierKind::LastMile, value, "usps"),
            _ => add(IdentifierKind::LastMile, value, ""),
        }
    }
    for reference in &package.reference_number {
        add(
            IdentifierKind::Reference,
            reference.number.trim().to_owned(),
            "",
        );
    }
    found
}

/// A tracking number normalised, or as it is if it cannot be.
fn normal(number: &str) -> String {
    TrackingNumber::parse(number).map_or_else(
        |_| number.trim().to_owned(),
        |number| number.reveal().to_owned(),
    )
}

fn estimates(package: &Package<'_>, country: &str) -> Vec<Estimate> {
    let date = |kind: &str| {
        let mut dates = package.delivery_date.iter();
        dates
            .find(|date| date.kind.trim() == kind && !date.date.is_empty())
            .map(|date| &date.date)
    };
    let (planned, moved) = (date("SDD"), date("RDD"));
    let time = &package.delivery_time;
    let (start, end) = match time.kind.trim() {
        "DEL" => ("", ""),
        _ => (time.start_time.trim(), time.end_time.trim()),
    };
    let kind = match time.kind.trim() {
        "CMT" => EstimateKind::CarrierCommitment,
        _ => EstimateKind::CarrierForecast,
    };
    let current = moved
        .or(planned)
        .and_then(|date| clock::window(date, start, end, country));
    // A day that was moved is what UPS had promised.
    let promised = moved
        .and(planned)
        .and_then(|date| clock::window(date, "", "", country));
    let estimate = |kind, window| Estimate {
        kind,
        source: String::new(),
        window,
        receive_time: Timestamp::UNIX_EPOCH,
    };
    current
        .map(|window| estimate(kind, window))
        .into_iter()
        .chain(promised.map(|window| estimate(EstimateKind::CarrierCommitment, window)))
        .collect()
}

fn physical(package: &Package<'_>) -> Physical {
    let Weight {
        unit_of_measurement,
        weight,
    } = &package.weight;
    let Dimension {
        height,
        length,
        width,
        unit_of_dimension,
    } = &package.dimension;
    let grams = match unit_of_measurement.trim() {
        "LBS" => 453.592_37,
        "KGS" => 1_000.0,
        _ => 0.0,
    };
    let millimetres = match unit_of_dimension.trim() {
        "IN" => 25.4,
        "CM" => 10.0,
        _ => 0.0,
    };
    Physical {
        weight_grams: measure(weight, grams),
        length_mm: measure(length, millimetres),
        width_mm: measure(width, millimetres),
        height_mm: measure(height, millimetres),
        piece_count: count(&package.package_count).filter(|pieces| *pieces > 0),
    }
}

/// Reads a decimal in other units; zero is unknown.
fn measure(text: &str, unit: f64) -> Option<u32> {
    let value = (text.trim().parse::<f64>().ok()? * unit).round();
    // The range is checked, so the cast loses nothing.
    (1.0..f64::from(u32::MAX))
        .contains(&value)
        .then_some(value as u32)
}

fn count(text: &str) -> Option<u32> {
    text.trim().parse().ok()
}

fn proof(package: &Package<'_>) -> Option<Proof> {
    let signed_by = package.delivery_information.received_by.trim();
    (!signed_by.is_empty()).then(|| Proof {
        signed_by: Pii::new(signed_by.to_owned()),
        documents: Vec::new(),
    })
}

fn requirements(package: &Package<'_>, claims: &[Claim]) -> Option<Requirements> {
    let asks = |service: &str| {
        let mut services = package.additional_services.iter();
        services.any(|name| name.trim() == service).then_some(true)
    };
    let adult = asks("ADULT_SIGNATURE_REQUIRED");
    let requirements = Requirements {
        signature: adult.or(asks("SIGNATURE_REQUIRED")),
        identity_check: adult,
        payment_due: payment(package),
        instructions: Pii::default(),
        pickup_place: pickup_place(package, claims),
        collect_by: clock::day(&package.access_point_information.pickup_by_date),
    };
    (requirements != Requirements::default()).then_some(requirements)
}

fn payment(package: &Package<'_>) -> Option<Money> {
    package.payment_information.iter().find_map(|payment| {
        let (amount, currency) = (payment.amount.trim(), payment.currency.trim());
        let due = payment.paid.trim().eq_ignore_ascii_case("false")
            && amount.parse::<f64>().is_ok_and(|amount| amount > 0.0)
            && amount
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'.')
            && currency.len() == 3
            && currency.bytes().all(|byte| byte.is_ascii_uppercase());
        due.then(|| Money {
            currency: currency.to_owned(),
            amount: amount.to_owned(),
        })
    })
}

/// The place where the parcel waits, if it waits to be collected.
fn pickup_place(package: &Package<'_>, claims: &[Claim]) -> Option<Location> {
    let newest = claims
        .iter()
        .rev()
        .find(|claim| claim.code.status().is_some())?;
    if newest.code != EventCode::AVAILABLE_FOR_PICKUP {
        return None;
    }
    let mut place = newest.location.clone().unwrap_or_default();
    let facility = place.facility.get_or_insert_default();
    facility.kind = FacilityKind::CollectionPoint;
    package
        .delivery_information
        .location
        .trim()
        .clone_into(&mut facility.name);
    Some(place)
}

/// The first `limit` characters.
fn cut(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let end = text
        .char_indices()
        .nth(limit)
        .map_or(text.len(), |(at, _)| at);
    text.get(..end).unwrap_or(text).to_owned()
}

fn is_true(text: &str) -> bool {
    text.trim().eq_ignore_ascii_case("true")
}
