//! What somebody would write for 17TRACK who trusts its documents: one owned field per documented one.
#![allow(dead_code, reason = "it is parsed, not read")]

use serde::Deserialize;

#[derive(Deserialize)]
pub(crate) struct Answer {
    code: Option<i64>,
    data: Option<Data>,
}

#[derive(Deserialize)]
pub(crate) struct Data {
    accepted: Option<Vec<Accepted>>,
    rejected: Option<Vec<String>>,
}

#[derive(Deserialize)]
pub(crate) struct Accepted {
    number: Option<String>,
    carrier: Option<i64>,
    param: Option<String>,
    tag: Option<String>,
    lang: Option<String>,
    origin_country: Option<String>,
    destination_country: Option<String>,
    track_info: Option<TrackInfo>,
}

#[derive(Deserialize)]
pub(crate) struct TrackInfo {
    shipping_info: Option<ShippingInfo>,
    latest_status: Option<LatestStatus>,
    latest_event: Option<LatestEvent>,
    time_metrics: Option<TimeMetrics>,
    milestone: Option<Vec<Milestone>>,
    misc_info: Option<MiscInfo>,
    tracking: Option<Tracking>,
}

#[derive(Deserialize)]
pub(crate) struct Tracking {
    providers_hash: Option<i64>,
    providers: Option<Vec<Provider>>,
}

#[derive(Deserialize)]
pub(crate) struct Provider {
    provider: Option<ProviderPart>,
    service_type: Option<String>,
    latest_sync_status: Option<String>,
    latest_sync_time: Option<String>,
    provider_lang: Option<String>,
    provider_tips: Option<String>,
    events_hash: Option<i64>,
    events: Option<Vec<Event>>,
}

#[derive(Deserialize)]
pub(crate) struct Event {
    time_iso: Option<String>,
    time_utc: Option<String>,
    time_raw: Option<TimeRaw>,
    description: Option<String>,
    description_translation: Option<String>,
    location: Option<String>,
    stage: Option<String>,
    sub_status: Option<String>,
    address: Option<Address>,
}

#[derive(Deserialize)]
pub(crate) struct ProviderPart {
    key: Option<i64>,
    name: Option<String>,
    alias: Option<String>,
    tel: Option<String>,
    homepage: Option<String>,
    country: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct MiscInfo {
    risk_factor: Option<i64>,
    service_type: Option<String>,
    weight_raw: Option<String>,
    weight_kg: Option<String>,
    pieces: Option<String>,
    dimensions: Option<String>,
    customer_number: Option<String>,
    reference_number: Option<String>,
    local_number: Option<String>,
    local_provider: Option<String>,
    local_key: Option<i64>,
}

#[derive(Deserialize)]
pub(crate) struct Milestone {
    key_stage: Option<String>,
    time_iso: Option<String>,
    time_utc: Option<String>,
    time_raw: Option<TimeRaw>,
}

#[derive(Deserialize)]
pub(crate) struct TimeMetrics {
    days_after_order: Option<i64>,
    days_of_transit: Option<i64>,
    days_of_transit_done: Option<i64>,
    days_after_last_update: Option<i64>,
    estimated_delivery_date: Option<EstimatedDeliveryDate>,
}

#[derive(Deserialize)]
pub(crate) struct EstimatedDeliveryDate {
    source: Option<String>,
    from: Option<String>,
    to: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct LatestEvent {
    time_iso: Option<String>,
    time_utc: Option<String>,
    time_raw: Option<TimeRaw>,
    description: Option<String>,
    description_translation: Option<String>,
    location: Option<String>,
    stage: Option<String>,
    sub_status: Option<String>,
    address: Option<Address>,
}

#[derive(Deserialize)]
pub(crate) struct Address {
    country: Option<String>,
    state: Option<String>,
    city: Option<String>,
    street: Option<String>,
    postal_code: Option<String>,
    coordinates: Option<Coordinates>,
}

#[derive(Deserialize)]
pub(crate) struct TimeRaw {
    date: Option<String>,
    time: Option<String>,
    timezone: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct LatestStatus {
    status: Option<String>,
    sub_status: Option<String>,
    sub_status_descr: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct ShippingInfo {
    shipper_address: Option<ShipperAddress>,
    recipient_address: Option<RecipientAddress>,
}

#[derive(Deserialize)]
pub(crate) struct RecipientAddress {
    country: Option<String>,
    state: Option<String>,
    city: Option<String>,
    street: Option<String>,
    postal_code: Option<String>,
    coordinates: Option<Coordinates>,
}

#[derive(Deserialize)]
pub(crate) struct ShipperAddress {
    country: Option<String>,
    state: Option<String>,
    city: Option<String>,
    street: Option<String>,
    postal_code: Option<String>,
    coordinates: Option<Coordinates>,
}

#[derive(Deserialize)]
pub(crate) struct Coordinates {
    longitude: Option<String>,
    latitude: Option<String>,
}
