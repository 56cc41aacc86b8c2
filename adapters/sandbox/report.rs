//! Turns a row of the table into reports as of a moment. Knows no number by name.

use std::sync::Arc;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use waybill_core::adapter::{Answer, Report};
use waybill_core::code::{EventCode, ReasonCode};
use waybill_core::error::{Error, ErrorKind};
use waybill_core::event::{Claim, Classifier, MappingBasis};
use waybill_core::number::TrackingNumber;
use waybill_core::place::{CodeSystem, Facility, Location};
use waybill_core::privacy::Pii;
use waybill_core::shipment::{
    Estimate, EstimateKind, Facts, LocalWindow, Physical, Proof, Requirements,
};
use waybill_core::time::{Clues, EventTime, Precision, Stated, resolve};

use super::ID;
use super::script::{Lane, Place, Script, Step};

const MINUTE: i64 = 60;
const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// Reports of scripts whose events are dated back from the last midnight in UTC.
pub(super) fn scripted(scripts: &[Script], now: Timestamp) -> Answer {
    let today = TimeZone::UTC.to_datetime(now).date();
    let midnight = now.as_second().div_euclid(DAY) * DAY;
    scripts
        .iter()
        .enumerate()
        .map(|(at, script)| {
            let steps = script.start.iter().chain(script.steps);
            let claims = steps
                .enumerate()
                .map(|(row, step)| claim(step, format!("{at}-{row}"), midnight - step.ago * HOUR));
            report(script.number, claims.collect(), facts(script, today))
        })
        .collect()
}

/// A report of the last round of an endless journey that takes a step each minute.
///
/// The identity of an event is its place in the loop, so that a step that comes round again is
/// the same event at a new time, and the record does not grow.
pub(super) fn moving(script: &Script, now: Timestamp) -> Answer {
    let today = TimeZone::UTC.to_datetime(now).date();
    let minute = now.as_second().div_euclid(MINUTE);
    let round = i64::try_from(script.steps.len()).unwrap_or(0);
    let claims = (minute - round + 1..=minute).filter_map(|minute| {
        let at = usize::try_from(minute.rem_euclid(round)).ok()?;
        let step = script.steps.get(at)?;
        Some(claim(step, format!("0-{at}"), minute * MINUTE))
    });
    report(script.number, claims.collect(), facts(script, today)).map(|report| vec![report])
}

fn report(number: &str, claims: Vec<Claim>, facts: Facts) -> Result<Report, Error> {
    let number = TrackingNumber::parse(number)
        .map_err(|error| Error::new(ErrorKind::Internal, error).unspent())?;
    Ok(Report {
        number,
        relays: ID.to_owned(),
        complete: true,
        language: "en".to_owned(),
        claims: claims.into_iter().map(Arc::new).collect(),
        facts,
    }
    .fitted())
}

fn claim(step: &Step, native_id: String, second: i64) -> Claim {
    let info = step.code.info();
    let unmapped = step.code == EventCode::UNMAPPED;
    Claim {
        native_id,
        native_code: format!("{ID}/{}", info.map_or("", |info| info.name)),
        native_reason: reason_name(step.reason).to_owned(),
        native_text: Pii::new(if unmapped {
            "Words that the code table does not know".to_owned()
        } else {
            info.map_or("", |info| info.title).to_owned()
        }),
        code: step.code,
        reason: step.reason,
        basis: if unmapped {
            MappingBasis::None
        } else {
            MappingBasis::Code
        },
        time: time(second, step.place),
        location: Some(location(step.place)),
        carrier: String::new(),
        classifier: Classifier::Actual,
        retracted: false,
        doubt: None,
    }
}

fn reason_name(reason: Option<ReasonCode>) -> &'static str {
    reason
        .and_then(ReasonCode::info)
        .map_or("", |info| info.name)
}

/// The sandbox states UTC, except at the place that has no clock anybody could place.
fn time(second: i64, place: Place) -> EventTime {
    let at = Timestamp::from_second(second).unwrap_or(Timestamp::MIN);
    let local = TimeZone::UTC.to_datetime(at);
    let (offset, raw) = match place {
        Place::SeveralZones => (None, local.to_string()),
        _ => (Some(0), at.to_string()),
    };
    let stated = Stated {
        local,
        precision: Precision::Second,
        offset,
        raw: &raw,
    };
    let place = location(place);
    let clues = Clues {
        place: Some(&place),
        ..Clues::default()
    };
    resolve(stated, clues)
}

fn location(place: Place) -> Location {
    let (country, locality, code, name, kind) = place.named();
    Location {
        country: country.to_owned(),
        locality: locality.to_owned(),
        facility: (!code.is_empty()).then(|| Facility {
            code: code.to_owned(),
            system: CodeSystem::Carrier,
            name: name.to_owned(),
            kind,
        }),
        ..Location::default()
    }
}

fn facts(script: &Script, today: Date) -> Facts {
    let (from, service) = match script.lane {
        Lane::Domestic => (Place::Origin, "Sandbox Parcel"),
        Lane::Abroad => (Place::Abroad, "Sandbox International"),
        Lane::Unzoned => (Place::SeveralZones, "Sandbox International"),
    };
    Facts {
        service: service.to_owned(),
        origin: Some(Box::new(location(from))),
        destination: Some(Box::new(location(Place::Destination))),
        estimates: script
            .due
            .and_then(|days| day_after(today, days))
            .map(estimate)
            .into_iter()
            .collect(),
        physical: Physical {
            weight_grams: Some(1_250),
            piece_count: Some(script.pieces),
            ..Physical::default()
        },
        proof: script.signed.then(|| Proof {
            signed_by: Pii::new("A. Example".to_owned()),
            documents: Vec::new(),
        }),
        requirements: script
            .collect_within
            .and_then(|days| day_after(today, days))
            .map(|day| Requirements {
                pickup_place: Some(location(Place::Shop)),
                opening_hours: "Mon-Sat 08:00-20:00".to_owned(),
                collect_by: day.to_string(),
                ..Requirements::default()
            })
            .map(Box::new),
        ..Facts::default()
    }
}

fn estimate(day: Date) -> Estimate {
    let stated = Stated {
        local: DateTime::from_parts(day, Time::midnight()),
        precision: Precision::Day,
        offset: Some(0),
        raw: &day.to_string(),
    };
    Estimate {
        kind: EstimateKind::CarrierForecast,
        source: String::new(),
        window: LocalWindow {
            start: Some(resolve(stated, Clues::default())),
            end: None,
        },
        receive_time: Timestamp::UNIX_EPOCH,
    }
}

fn day_after(today: Date, days: i64) -> Option<Date> {
    today.checked_add(days.days()).ok()
}
