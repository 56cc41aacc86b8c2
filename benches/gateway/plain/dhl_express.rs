//! What somebody would write for DHL Express who trusts its documents: one owned field per documented one.
#![allow(dead_code, reason = "it is parsed, not read")]

use serde::Deserialize;

#[derive(Deserialize)]
pub(crate) struct Answer {
    shipments: Option<Vec<Shipment>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Shipment {
    shipment_tracking_number: Option<String>,
    status: Option<String>,
    shipment_timestamp: Option<String>,
    product_code: Option<String>,
    description: Option<String>,
    shipper_details: Option<ShipperDetails>,
    receiver_details: Option<ReceiverDetails>,
    total_weight: Option<f64>,
    unit_of_measurements: Option<String>,
    events: Option<Vec<Event>>,
    number_of_pieces: Option<i64>,
    pieces: Option<Vec<Piece>>,
    shipper_references: Option<Vec<ShipperReference>>,
    estimated_delivery_date: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ShipperReference {
    value: Option<String>,
    type_code: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Piece {
    number: Option<i64>,
    type_code: Option<String>,
    shipment_tracking_number: Option<String>,
    tracking_number: Option<String>,
    weight: Option<f64>,
    dimensions: Option<Dimensions>,
    actual_dimensions: Option<ActualDimensions>,
    unit_of_measurements: Option<String>,
    events: Option<Vec<Event>>,
}

#[derive(Deserialize)]
pub(crate) struct ActualDimensions {}

#[derive(Deserialize)]
pub(crate) struct Dimensions {
    length: Option<i64>,
    width: Option<i64>,
    height: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Event {
    date: Option<String>,
    time: Option<String>,
    #[serde(rename = "GMTOffset")]
    gmt_offset: Option<String>,
    type_code: Option<String>,
    description: Option<String>,
    service_area: Option<Vec<ServiceArea>>,
    remarks: Option<Vec<Remark>>,
    signed_by: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct Remark {
    value: Option<String>,
    details: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReceiverDetails {
    name: Option<String>,
    postal_address: Option<PostalAddressPart>,
    service_area: Option<Vec<ServiceAreaPart>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ServiceAreaPart {
    code: Option<String>,
    description: Option<String>,
    facility_code: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PostalAddressPart {
    city_name: Option<String>,
    postal_code: Option<String>,
    country_code: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ShipperDetails {
    name: Option<String>,
    postal_address: Option<PostalAddress>,
    service_area: Option<Vec<ServiceArea>>,
}

#[derive(Deserialize)]
pub(crate) struct ServiceArea {
    code: Option<String>,
    description: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PostalAddress {
    city_name: Option<String>,
    postal_code: Option<String>,
    province_code: Option<String>,
    country_code: Option<String>,
}
