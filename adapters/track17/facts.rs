//! What 17TRACK states about a parcel beside its rows.

use jiff::Timestamp;
use waybill_core::exception::NextAction;
use waybill_core::number::{TrackingNumber, check_digit_valid};
use waybill_core::privacy::Pii;
use waybill_core::shipment::{
    Contact, Estimate, EstimateKind, Facts, Identifier, IdentifierKind, Physical,
};

use super::carriers::CARRIERS;
use super::clock;
use super::place::place;
use super::wire::{MiscInfo, TrackInfo};

/// Reads what does not depend on the rows.
pub(super) fn facts(number: &TrackingNumber, info: &TrackInfo<'_>) -> Facts {
    let ends = &info.shipping_info;
    let legs = info.tracking.providers.iter();
    let service = std::iter::once(&info.misc_info.service_type)
        .chain(legs.map(|leg| &leg.service_type))
        .map(|service| service.trim())
        .find(|service| !service.is_empty());
    Facts {
        service: service.unwrap_or("").to_owned(),
        origin: place(&ends.shipper_address, "").map(Box::new),
        destination: place(&ends.recipient_address, "").map(Box::new),
        identifiers: identifiers(number, &info.misc_info),
        estimates: estimate(info).into_iter().collect(),
        physical: Physical {
            weight_grams: weight(&info.misc_info),
            piece_count: count(&info.misc_info.pieces),
            ..Physical::default()
        },
        contacts: contact(info).into_iter().collect(),
        ..Facts::default()
    }
}

/// How to reach the carrier of the newest leg, which stands first.
fn contact(info: &TrackInfo<'_>) -> Option<Contact> {
    let leg = &info.tracking.providers.first()?.provider;
    let page = leg.homepage.trim();
    let safe = page.strip_prefix("https://").is_some_and(|rest| {
        !rest.is_empty() && rest.len() <= 500 && rest.bytes().all(|byte| byte.is_ascii_graphic())
    });
    let contact = Contact {
        action: NextAction::ContactCarrier,
        url: if safe { page.to_owned() } else { String::new() },
        phone: Contact::phone(&leg.tel),
    };
    Some(contact).filter(|it| !it.url.is_empty() || !it.phone.is_empty())
}

fn identifiers(number: &TrackingNumber, misc: &MiscInfo<'_>) -> Vec<Identifier> {
    let mut found = Vec::new();
    let local = TrackingNumber::parse(&misc.local_number).ok();
    if let Some(local) = local.filter(|local| local != number) {
        let carrier = CARRIERS.id(&misc.local_key);
        found.push(Identifier {
            kind: IdentifierKind::LastMile,
            check_digit_valid: match carrier.as_str() {
                "" => None,
                carrier => check_digit_valid(local.reveal(), carrier),
            },
            value: Pii::new(local.reveal().to_owned()),
            carrier,
        });
    }
    let reference = misc.reference_number.trim();
    if !reference.is_empty() {
        found.push(Identifier {
            kind: IdentifierKind::Reference,
            value: Pii::new(reference.to_owned()),
            carrier: String::new(),
            check_digit_valid: None,
        });
    }
    found
}

/// The forecast: the carrier's if 17TRACK says so, else its own.
fn estimate(info: &TrackInfo<'_>) -> Option<Estimate> {
    let said = &info.time_metrics.estimated_delivery_date;
    let there = place(&info.shipping_info.recipient_address, "");
    let window = clock::window(&said.from, &said.to, there.as_ref())?;
    let kind = if said.source.trim().eq_ignore_ascii_case("official") {
        EstimateKind::CarrierForecast
    } else {
        EstimateKind::AggregatorForecast
    };
    Some(Estimate {
        kind,
        source: String::new(),
        window,
        receive_time: Timestamp::UNIX_EPOCH,
    })
}

fn weight(misc: &MiscInfo<'_>) -> Option<u32> {
    let raw = misc.weight_raw.trim();
    let split = raw
        .find(|c: char| !(c.is_ascii_digit() || c == '.'))
        .unwrap_or(raw.len());
    let (value, unit) = raw.split_at_checked(split)?;
    let unit = unit.trim();
    let is = |names: &[&str]| names.iter().any(|name| unit.eq_ignore_ascii_case(name));
    let grams = match () {
        () if is(&["kg", "kgs"]) => 1_000.0,
        () if is(&["g", "gram", "grams"]) => 1.0,
        () if is(&["lb", "lbs"]) => 453.592_37,
        () if is(&["oz"]) => 28.349_523_125,
        () => 0.0,
    };
    measure(&misc.weight_kg, 1_000.0).or_else(|| measure(value, grams))
}

/// A measure in units of `unit`; zero and nonsense are unknown.
fn measure(text: &str, unit: f64) -> Option<u32> {
    let value = (text.trim().parse::<f64>().ok()? * unit).round();
    // The range is checked, so the cast loses nothing.
    (1.0..f64::from(u32::MAX))
        .contains(&value)
        .then_some(value as u32)
}

fn count(text: &str) -> Option<u32> {
    text.trim().parse().ok().filter(|count| *count > 0)
}
