//! Fields that several requests have: read and checked in one way.

use waybill_core::adapter::Hints;
use waybill_core::number::TrackingNumber;
use waybill_core::order::{Order, Subject};
use waybill_core::shipment::ShipmentId;

use super::convert::View;
use super::status::Failure;
use crate::v1;

/// Reads a view.
pub(super) fn view(number: i32) -> Result<View, Failure> {
    View::read(number).ok_or_else(|| Failure::field("view", "is not a known view"))
}

/// Checks the tag of a language, which need not be one that exists.
pub(super) fn language(field: &str, tag: &str) -> Result<(), Failure> {
    let valid = |c: u8| c.is_ascii_alphanumeric() || c == b'-';
    if tag.len() <= 64 && tag.bytes().all(valid) {
        return Ok(());
    }
    Err(Failure::field(
        field,
        "must be a BCP 47 tag: at most 64 of a-z, A-Z, 0-9 and hyphen",
    ))
}

/// Reads what to track: a number or an order, and exactly one of them.
pub(super) fn subject(
    tenant: &str,
    text: &str,
    key: Option<&v1::OrderKey>,
) -> Result<Subject, Failure> {
    match key {
        None if text.is_empty() => Err(Failure::number(
            "tracking_number",
            "is required unless order is set",
        )),
        None => Ok(number("tracking_number", text)?.into()),
        Some(_) if !text.is_empty() => Err(Failure::field(
            "order",
            "must not be set together with tracking_number",
        )),
        Some(key) => Ok(order(tenant, "order", key)?.into()),
    }
}

/// Reads an order of a tenant.
pub(super) fn order(tenant: &str, field: &str, key: &v1::OrderKey) -> Result<Order, Failure> {
    let order = Order::parse(&key.platform, &key.order_id);
    order
        .map(|order| order.of(tenant))
        .map_err(|wrong| Failure::field(format!("{field}.{}", wrong.field), wrong.description))
}

/// Reads a tracking number.
pub(super) fn number(field: &str, text: &str) -> Result<TrackingNumber, Failure> {
    TrackingNumber::parse(text).map_err(|description| Failure::number(field, description))
}

/// Checks a carrier id.
pub(super) fn carrier(field: &str, id: &str) -> Result<(), Failure> {
    let valid = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    if id.len() <= 64 && id.bytes().all(valid) {
        return Ok(());
    }
    Err(Failure::field(
        field,
        "must be a carrier id: at most 64 of a-z, 0-9 and hyphen",
    ))
}

/// Checks a shipment id.
pub(super) fn shipment_id(field: &str, id: String) -> Result<ShipmentId, Failure> {
    let valid = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
    if id.len() == 26 && id.bytes().all(valid) {
        return Ok(ShipmentId(id));
    }
    Err(Failure::field(
        field,
        "must be a shipment id: 26 of 0-9 and a-z",
    ))
}

/// Reads hints.
pub(super) fn hints(hints: Option<v1::Hints>) -> Result<Hints, Failure> {
    let hints = hints.unwrap_or_default();
    let country = |field: &str, code: String| {
        if code.is_empty() || code.len() == 2 && code.bytes().all(|c| c.is_ascii_uppercase()) {
            return Ok(code);
        }
        Err(Failure::field(
            field,
            "must be an ISO 3166-1 alpha-2 code in upper case",
        ))
    };
    if hints.postal_code.chars().count() > 16 {
        return Err(Failure::field(
            "hints.postal_code",
            "must have at most 16 characters",
        ));
    }
    if !hints.ship_date.is_empty() && hints.ship_date.parse::<jiff::civil::Date>().is_err() {
        return Err(Failure::field(
            "hints.ship_date",
            "must be a date of the form YYYY-MM-DD",
        ));
    }
    let digits = hints.phone_last_four.as_bytes();
    if !matches!(digits.len(), 0 | 4) || !digits.iter().all(u8::is_ascii_digit) {
        return Err(Failure::field(
            "hints.phone_last_four",
            "must be empty or exactly four digits",
        ));
    }
    Ok(Hints {
        phone_last_four: hints.phone_last_four.into(),
        postal_code: hints.postal_code.into(),
        destination_country: country("hints.destination_country", hints.destination_country)?,
        origin_country: country("hints.origin_country", hints.origin_country)?,
        ship_date: hints.ship_date,
    })
}
