//! What somebody would write for AfterShip who trusts its documents: one owned field per documented one.
#![allow(dead_code, reason = "it is parsed, not read")]

use serde::Deserialize;

#[derive(Deserialize)]
pub(crate) struct Answer {
    meta: Option<Meta>,
    data: Option<Data>,
}

#[derive(Deserialize)]
pub(crate) struct Data {
    pagination: Option<Pagination>,
    trackings: Option<Vec<Tracking>>,
}

#[derive(Deserialize)]
pub(crate) struct Tracking {
    id: Option<String>,
    legacy_id: Option<String>,
    created_at: Option<String>,
    updated_at: Option<String>,
    tracking_number: Option<String>,
    slug: Option<String>,
    active: Option<bool>,
    custom_fields: Option<String>,
    transit_time: Option<String>,
    origin_country_region: Option<String>,
    origin_state: Option<String>,
    origin_city: Option<String>,
    origin_postal_code: Option<String>,
    origin_raw_location: Option<String>,
    destination_country_region: Option<String>,
    destination_state: Option<String>,
    destination_city: Option<String>,
    destination_postal_code: Option<String>,
    destination_raw_location: Option<String>,
    courier_destination_country_region: Option<String>,
    courier_estimated_delivery_date: Option<CourierEstimatedDeliveryDate>,
    note: Option<String>,
    order_id: Option<String>,
    order_number: Option<String>,
    shipment_package_count: Option<i64>,
    shipment_pickup_date: Option<String>,
    shipment_delivery_date: Option<String>,
    shipment_type: Option<String>,
    shipment_weight: Option<ShipmentWeight>,
    shipment_dimensions: Option<String>,
    signed_by: Option<String>,
    source: Option<String>,
    tag: Option<String>,
    subtag: Option<String>,
    subtag_message: Option<String>,
    title: Option<String>,
    tracked_count: Option<i64>,
    language: Option<String>,
    checkpoints: Option<Vec<Checkpoint>>,
    return_to_sender: Option<bool>,
    order_promised_delivery_date: Option<String>,
    courier_tracking_link: Option<String>,
    first_attempted_at: Option<String>,
    courier_redirect_link: Option<String>,
    aftership_estimated_delivery_date: Option<AftershipEstimatedDeliveryDate>,
    custom_estimated_delivery_date: Option<String>,
    first_estimated_delivery: Option<String>,
    latest_estimated_delivery: Option<String>,
    failed_delivery_attempts: Option<i64>,
    first_mile: Option<String>,
    last_mile: Option<LastMile>,
    customers: Option<Vec<String>>,
    proof_of_delivery: Option<String>,
    multi_piece_info: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct LastMile {
    tracking_number: Option<String>,
    slug: Option<String>,
    transit_time: Option<i64>,
    courier_tracking_link: Option<String>,
    source: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct AftershipEstimatedDeliveryDate {
    estimated_delivery_date: Option<String>,
    estimated_delivery_date_min: Option<String>,
    estimated_delivery_date_max: Option<String>,
    confidence_code: Option<i64>,
}

#[derive(Deserialize)]
pub(crate) struct Checkpoint {
    created_at: Option<String>,
    slug: Option<String>,
    checkpoint_time: Option<String>,
    location: Option<String>,
    city: Option<String>,
    state: Option<String>,
    postal_code: Option<String>,
    coordinate: Option<String>,
    country_region: Option<String>,
    country_region_name: Option<String>,
    message: Option<String>,
    tag: Option<String>,
    subtag: Option<String>,
    subtag_message: Option<String>,
    raw_tag: Option<String>,
    events: Option<Vec<Event>>,
    source: Option<String>,
    hash: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct Event {
    code: Option<String>,
    reason: Option<Reason>,
}

#[derive(Deserialize)]
pub(crate) struct Reason {
    code: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct ShipmentWeight {
    unit: Option<String>,
    value: Option<f64>,
}

#[derive(Deserialize)]
pub(crate) struct CourierEstimatedDeliveryDate {
    estimated_delivery_date: Option<String>,
    estimated_delivery_date_min: Option<String>,
    estimated_delivery_date_max: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct Pagination {
    total: Option<i64>,
    next_cursor: Option<String>,
    has_next_page: Option<bool>,
}

#[derive(Deserialize)]
pub(crate) struct Meta {
    code: Option<i64>,
}
