//! What somebody would write for UPS who trusts its documents: one owned field per documented one.
#![allow(dead_code, reason = "it is parsed, not read")]

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Answer {
    track_response: Response,
}

#[derive(Deserialize)]
pub(crate) struct Response {
    shipment: Vec<Shipment>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Shipment {
    inquiry_number: Option<String>,
    package: Vec<Package>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Package {
    tracking_number: Option<String>,
    activity: Vec<Activity>,
    current_status: Option<Status>,
    delivery_date: Option<Vec<Date>>,
    package_count: Option<u32>,
    service: Option<Service>,
    weight: Option<Weight>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Activity {
    location: Option<Location>,
    status: Option<Status>,
    date: Option<String>,
    time: Option<String>,
    gmt_date: Option<String>,
    gmt_offset: Option<String>,
    gmt_time: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct Location {
    address: Option<Address>,
    slic: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Address {
    city: Option<String>,
    state_province: Option<String>,
    postal_code: Option<String>,
    country_code: Option<String>,
    country: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Status {
    r#type: Option<String>,
    description: Option<String>,
    code: Option<String>,
    status_code: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct Date {
    r#type: Option<String>,
    date: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Service {
    code: Option<String>,
    level_code: Option<String>,
    description: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Weight {
    unit_of_measurement: Option<String>,
    weight: Option<String>,
}
