//! Where an operation happened: offices of China Post, or what other posts call their own.

use waybill_core::code::EventCode;
use waybill_core::place::{CodeSystem, Facility, FacilityKind, Location};
use waybill_core::privacy::Pii;

use super::clock::{Side, ZONE};
use super::wire::Row;

/// How the name of a province begins, and its ISO 3166-2 code.
const PROVINCES: &[(&str, &str)] = &[
    ("北京", "BJ"),
    ("天津", "TJ"),
    ("河北", "HE"),
    ("山西", "SX"),
    ("内蒙古", "NM"),
    ("辽宁", "LN"),
    ("吉林", "JL"),
    ("黑龙江", "HL"),
    ("上海", "SH"),
    ("江苏", "JS"),
    ("浙江", "ZJ"),
    ("安徽", "AH"),
    ("福建", "FJ"),
    ("江西", "JX"),
    ("山东", "SD"),
    ("河南", "HA"),
    ("湖北", "HB"),
    ("湖南", "HN"),
    ("广东", "GD"),
    ("广西", "GX"),
    ("海南", "HI"),
    ("重庆", "CQ"),
    ("四川", "SC"),
    ("贵州", "GZ"),
    ("云南", "YN"),
    ("西藏", "XZ"),
    ("陕西", "SN"),
    ("甘肃", "GS"),
    ("青海", "QH"),
    ("宁夏", "NX"),
    ("新疆", "XJ"),
];

/// ISO 3166-2 code of a province of the mainland; empty if it is none.
fn province(name: &str) -> &'static str {
    let row = PROVINCES
        .iter()
        .find(|(start, _)| name.trim().starts_with(start));
    row.map_or("", |(_, code)| code)
}

/// Tells whether a row names an office in China: a province, or the eight digits of an office.
pub(super) fn is_office(row: &Row<'_>) -> bool {
    let code = row.op_org_code.trim();
    let eight = code.len() == 8 && code.bytes().all(|byte| byte.is_ascii_digit());
    eight || !province(&row.op_org_prov_name).is_empty()
}

/// Country that issued a number of the UPU, from its last two letters; empty if it is none.
pub(super) fn issuer(number: &str) -> &str {
    let shape = number.len() == 13
        && number.bytes().enumerate().all(|(at, byte)| match at {
            0 | 1 | 11 | 12 => byte.is_ascii_uppercase(),
            _ => byte.is_ascii_digit(),
        });
    number.get(11..).filter(|_| shape).unwrap_or_default()
}

/// Reads a place.
pub(super) fn read(
    row: &Row<'_>,
    side: Side,
    office: bool,
    event: EventCode,
    issuer: &str,
) -> Option<Location> {
    let (name, code) = (row.op_org_name.trim(), row.op_org_code.trim());
    let mut place = Location {
        locality: cut(row.op_org_city.trim(), 100),
        ..Location::default()
    };
    if side == Side::China && office {
        "CN".clone_into(&mut place.country);
        province(&row.op_org_prov_name).clone_into(&mut place.subdivision);
        ZONE.clone_into(&mut place.time_zone);
    } else if leaves_origin(event) && !matches!(issuer, "" | "CN") {
        issuer.clone_into(&mut place.country);
    }
    if place.subdivision.is_empty() {
        place.raw = Pii::new(cut(row.op_org_prov_name.trim(), 200));
    }
    if !name.is_empty() || !code.is_empty() {
        place.facility = Some(Facility {
            code: cut(code, 20),
            system: if code.is_empty() {
                CodeSystem::Unspecified
            } else {
                CodeSystem::Carrier
            },
            name: cut(name, 100),
            kind: kind(event),
        });
    }
    Some(place).filter(|place| !place.is_empty())
}

/// Events that happen in the country that issued the number.
pub(super) fn leaves_origin(event: EventCode) -> bool {
    matches!(
        event,
        EventCode::ACCEPTED
            | EventCode::ARRIVED_AT_EXPORT_OFFICE
            | EventCode::DEPARTED_EXPORT_OFFICE
            | EventCode::EXPORT_CUSTOMS_PRESENTED
            | EventCode::EXPORT_CUSTOMS_HELD
            | EventCode::EXPORT_CUSTOMS_RELEASED
            | EventCode::EXPORT_TERMINATED
            | EventCode::HELD_AT_EXPORT_OFFICE
    )
}

/// Events that happen in transit, in whatever country.
pub(super) fn passes_through(event: EventCode) -> bool {
    matches!(
        event,
        EventCode::ARRIVED_AT_TRANSIT_OFFICE | EventCode::DEPARTED_TRANSIT_OFFICE
    )
}

/// Function of a facility, where the event says it.
fn kind(event: EventCode) -> FacilityKind {
    match event {
        EventCode::ACCEPTED | EventCode::PICKED_UP | EventCode::ORIGIN_PROCESSED => {
            FacilityKind::Acceptance
        }
        EventCode::SORTED => FacilityKind::Hub,
        EventCode::ARRIVED_AT_EXPORT_OFFICE
        | EventCode::DEPARTED_EXPORT_OFFICE
        | EventCode::HELD_AT_EXPORT_OFFICE
        | EventCode::ARRIVED_AT_TRANSIT_OFFICE
        | EventCode::DEPARTED_TRANSIT_OFFICE
        | EventCode::ARRIVED_AT_IMPORT_OFFICE
        | EventCode::DEPARTED_IMPORT_OFFICE
        | EventCode::HELD_AT_IMPORT_OFFICE => FacilityKind::ExchangeOffice,
        EventCode::TRANSPORT_DEPARTED | EventCode::TRANSPORT_ARRIVED => FacilityKind::Terminal,
        EventCode::ARRIVED_AT_DELIVERY_OFFICE
        | EventCode::HELD_AT_DELIVERY_OFFICE
        | EventCode::OUT_FOR_DELIVERY => FacilityKind::DeliveryOffice,
        _ => FacilityKind::Unspecified,
    }
}

/// The first `limit` characters.
pub(super) fn cut(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let end = text
        .char_indices()
        .nth(limit)
        .map_or(text.len(), |(at, _)| at);
    text.get(..end).unwrap_or(text).to_owned()
}
