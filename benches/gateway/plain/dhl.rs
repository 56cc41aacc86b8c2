//! What somebody would write for DHL who trusts its documents: one owned field per documented one.
#![allow(dead_code, reason = "it is parsed, not read")]

use serde::Deserialize;

#[derive(Deserialize)]
pub(crate) struct Answer {
    shipments: Vec<Shipment>,
}

#[derive(Deserialize)]
pub(crate) struct Shipment {
    id: Option<String>,
    service: Option<String>,
    origin: Option<Place>,
    destination: Option<Place>,
    status: Option<Event>,
    details: Option<Details>,
    events: Vec<Event>,
}

#[derive(Deserialize)]
pub(crate) struct Place {
    address: Option<Address>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Address {
    country_code: Option<String>,
    postal_code: Option<String>,
    address_locality: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Event {
    timestamp: Option<String>,
    location: Option<Place>,
    status_code: Option<String>,
    status: Option<String>,
    description: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Details {
    product: Option<Product>,
    total_number_of_pieces: Option<u32>,
    weight: Option<Weight>,
    references: Option<Vec<Reference>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Product {
    product_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Weight {
    value: Option<f64>,
    unit_text: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct Reference {
    number: Option<String>,
    r#type: Option<String>,
}
