//! From one result of FedEx to a report.

use std::borrow::Cow;
use std::sync::Arc;

use waybill_core::adapter::Report;
use waybill_core::code::EventCode;
use waybill_core::event::{Claim, Classifier, MappingBasis};
use waybill_core::number::TrackingNumber;
use waybill_core::place::Location;
use waybill_core::privacy::Pii;
use waybill_core::status::Status;

use super::meaning::{self, Table, Why};
use super::place::{country, cut, joined, place};
use super::wire::{Latest, Scan, Track};
use super::{clock, facts};

/// Types of scans whose times FedEx does not keep well: they can be later than scans after them.
const LOOSE: &[&str] = &["AE", "OC", "PU", "PX"];

/// Codes that a status can have without a scan, and the kind of time that belongs to them.
const MOMENTS: &[(&str, &str)] = &[
    ("DL", "ACTUAL_DELIVERY"),
    ("IN", "SHIPMENT_DATA_RECEIVED"),
    ("OC", "SHIPMENT_DATA_RECEIVED"),
    ("PU", "ACTUAL_PICKUP"),
    ("PX", "ACTUAL_PICKUP"),
];

/// Makes a report; `asked` is the number under which the answer lists it, and `complete` whether
/// all of its scans are there.
pub(super) fn report(
    table: &Table,
    language: &str,
    number: TrackingNumber,
    asked: &str,
    track: &Track<'_>,
    complete: bool,
) -> Report {
    let mut facts = facts::facts(&number, asked, track);
    let ends = (country_of(&facts.origin), country_of(&facts.destination));
    let mut claims = Vec::with_capacity(track.scan_events.len() + 1);
    let latest = &track.latest_status_detail;
    // The reason of the current status may stand beside it alone, not at its scan.
    let current = |scan: &Scan<'_>| scan.event_type.trim() == latest.code.trim();
    let current = track.scan_events.iter().position(current);
    for (at, scan) in track.scan_events.iter().enumerate().rev() {
        let why = match current {
            Some(current) if current == at => Why::of(scan).or(latest),
            _ => Why::of(scan),
        };
        claims.extend(claim(table, scan, why, ends));
    }
    let read = claims.len();
    claims.extend(without_scan(table, track, &claims, ends));
    let mut claims = settle(claims);
    place_of_delivery(table, track, &mut claims);
    facts.proof = facts::proof(track, &claims);
    facts.requirements = facts::requirements(track, &claims).map(Box::new);
    facts.doubts = doubts(table, track, &claims, read);
    Report {
        number,
        relays: super::DESCRIPTOR.carrier.to_owned(),
        complete,
        language: language.to_owned(),
        claims: claims.into_iter().map(Arc::new).collect(),
        facts,
    }
    .fitted()
}

fn claim(
    table: &Table,
    scan: &Scan<'_>,
    why: Why<'_>,
    (origin, destination): (&str, &str),
) -> Option<Claim> {
    let at = country(&scan.scan_location);
    let location = place(&scan.scan_location, &scan.location_id, &scan.location_type);
    let time = clock::scan(&scan.date, location.as_ref())?;
    let (meaning, basis) = table.of(scan, why);
    let mut code = meaning::directed(meaning, &at, origin, destination);
    if code == EventCode::ARRIVED_AT_FACILITY
        && scan.location_type.trim() == "DESTINATION_FEDEX_FACILITY"
    {
        code = EventCode::ARRIVED_AT_DELIVERY_OFFICE;
    }
    let kind = [scan.event_type.trim(), scan.derived_status_code.trim()];
    Some(Claim {
        native_id: String::new(),
        native_code: first(&kind).to_owned(),
        native_reason: why.code.to_owned(),
        native_text: Pii::new(cut(&text(scan, why), 1_000)),
        code,
        reason: meaning.reason,
        basis,
        time,
        location,
        carrier: String::new(),
        classifier: Classifier::Actual,
        retracted: false,
        doubt: None,
    })
}

/// The words of the event and, where they say something else, those of its exception.
fn text(scan: &Scan<'_>, why: Why<'_>) -> String {
    let event = first(&[scan.event_description.trim(), scan.derived_status.trim()]);
    if event.eq_ignore_ascii_case(why.words) {
        return event.to_owned();
    }
    joined(&[event, why.words], ": ")
}

impl<'a> Why<'a> {
    fn of(scan: &'a Scan<'_>) -> Self {
        Self {
            code: scan.exception_code.trim(),
            words: scan.exception_description.trim(),
            delay: scan.delay_detail.kind.trim(),
        }
    }

    /// What the scan leaves open, as it stands beside the current status.
    fn or(self, latest: &'a Latest<'_>) -> Self {
        let mut reasons = latest.ancillary_details.iter();
        let reason = reasons.find(|reason| !reason.reason.trim().is_empty());
        let beside = match reason.filter(|_| self.code.is_empty()) {
            Some(reason) => Self {
                code: reason.reason.trim(),
                words: first(&[self.words, reason.reason_description.trim()]),
                ..self
            },
            None => self,
        };
        Self {
            delay: first(&[self.delay, latest.delay_detail.kind.trim()]),
            ..beside
        }
    }
}

/// The current status as a claim where no scan says it but its time is stated.
fn without_scan(
    table: &Table,
    track: &Track<'_>,
    claims: &[Claim],
    ends: (&str, &str),
) -> Option<Claim> {
    let latest = &track.latest_status_detail;
    let code = first(&[latest.code.trim(), latest.derived_code.trim()]);
    let status = table.of_code(code)?.event.status()?;
    let mut stages = claims.iter().map(|claim| claim.code.status());
    if stages.any(|stage| stage == Some(status)) {
        return None;
    }
    let kind = MOMENTS.iter().find(|row| row.0 == code)?.1;
    let moment = facts::moment(track, kind)?;
    let scan = Scan {
        date: Cow::Borrowed(moment),
        event_type: Cow::Borrowed(code),
        event_description: Cow::Borrowed(first(&[
            latest.description.trim(),
            latest.status_by_locale.trim(),
        ])),
        ..Scan::default()
    };
    let mut claim = claim(table, &scan, Why::of(&scan).or(latest), ends)?;
    claim.location = place(&latest.scan_location, "", "");
    claim.time = clock::day_or_time(moment, claim.location.as_ref())?;
    Some(claim)
}

/// Puts rows whose times are loose where their times belong, so that they alone do not make the
/// order of the list contradict its clocks.
fn settle(claims: Vec<Claim>) -> Vec<Claim> {
    let is_loose = |claim: &Claim| LOOSE.contains(&claim.native_code.as_str());
    let (loose, mut settled): (Vec<Claim>, Vec<Claim>) = claims.into_iter().partition(is_loose);
    for claim in loose.into_iter().rev() {
        let anchor = claim.time.anchor();
        let after = settled
            .iter()
            .position(|other| other.time.anchor() >= anchor);
        settled.insert(after.unwrap_or(settled.len()), claim);
    }
    settled
}

/// Makes the newest delivery as precise as the place that FedEx names beside it.
fn place_of_delivery(table: &Table, track: &Track<'_>, claims: &mut [Claim]) {
    let details = &track.delivery_details;
    let waited = claims
        .iter()
        .any(|claim| claim.code == EventCode::AVAILABLE_FOR_PICKUP);
    let mut newest = claims
        .iter_mut()
        .rev()
        .filter(|claim| claim.code.status().is_some());
    let Some(claim) = newest
        .next()
        .filter(|claim| claim.code == EventCode::DELIVERED)
    else {
        return;
    };
    let precise = table.of_place(
        details.location_type.trim(),
        details.location_description.trim(),
    );
    match precise {
        None | Some(EventCode::DELIVERED) => {}
        // A site of FedEx is where a parcel is collected, if it waited there.
        Some(EventCode::COLLECTED_BY_RECIPIENT) if !waited => {}
        Some(code) => {
            claim.code = code;
            claim.basis = MappingBasis::CodeAndText;
        }
    }
}

fn doubts(table: &Table, track: &Track<'_>, claims: &[Claim], read: usize) -> Vec<String> {
    let mut doubts = Vec::new();
    let all = track.scan_events.len();
    if read < all {
        let unread = all - read;
        doubts.push(format!(
            "scan events left out for want of a readable date: {unread} of {all}"
        ));
    }
    if !track.error.code.trim().is_empty() {
        doubts.push("the result has an error beside its data".to_owned());
    }
    let latest = &track.latest_status_detail;
    let code = first(&[latest.code.trim(), latest.derived_code.trim()]);
    let stage = table
        .of_code(code)
        .and_then(|meaning| meaning.event.status());
    let newest = facts::newest(claims);
    match (stage, newest) {
        (Some(stage), Some(newest))
            if Some(stage) != newest.code.status() && newest.native_code != code =>
        {
            doubts.push("current status contradicts the newest scan".to_owned());
        }
        (Some(_), None) => doubts.push("current status has no scan".to_owned()),
        _ => {}
    }
    let details = &track.shipment_details;
    let says = |text: &str, value: &str| text.trim().eq_ignore_ascii_case(value);
    let not_yet = says(&details.possession_status, "false")
        || says(&details.before_possession_status, "true");
    if not_yet && newest.is_some_and(|claim| claim.code.status() != Some(Status::InfoReceived)) {
        doubts.push("the carrier lists scans of a parcel that it says it does not have".to_owned());
    }
    doubts
}

fn country_of(place: &Option<Box<Location>>) -> &str {
    place.as_ref().map_or("", |place| &place.country)
}

/// The first text that is not empty.
fn first<'a>(texts: &[&'a str]) -> &'a str {
    let mut texts = texts.iter();
    texts.find(|text| !text.is_empty()).copied().unwrap_or("")
}
