//! What somebody would write for FedEx who trusts its documents: one owned field per documented one.
#![allow(dead_code, reason = "it is parsed, not read")]

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Answer {
    transaction_id: Option<String>,
    output: Option<Output>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Output {
    complete_track_results: Option<Vec<CompleteTrackResult>>,
    alerts: Option<Vec<Alert>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Alert {
    code: Option<String>,
    alert_type: Option<String>,
    message: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CompleteTrackResult {
    tracking_number: Option<String>,
    track_results: Option<Vec<TrackResult>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TrackResult {
    tracking_number_info: Option<TrackingNumberInfo>,
    additional_tracking_info: Option<AdditionalTrackingInfo>,
    shipper_information: Option<ShipperInformation>,
    recipient_information: Option<RecipientInformation>,
    latest_status_detail: Option<LatestStatusDetail>,
    date_and_times: Option<Vec<DateAndTime>>,
    available_images: Option<Vec<String>>,
    special_handlings: Option<Vec<SpecialHandling>>,
    package_details: Option<PackageDetails>,
    shipment_details: Option<ShipmentDetails>,
    scan_events: Option<Vec<ScanEvent>>,
    service_detail: Option<ServiceDetail>,
    standard_transit_time_window: Option<StandardTransitTimeWindow>,
    estimated_delivery_time_window: Option<EstimatedDeliveryTimeWindow>,
    goods_classification_code: Option<String>,
    hold_at_location: Option<HoldAtLocation>,
    piece_counts: Option<Vec<String>>,
    origin_location: Option<OriginLocation>,
    destination_location: Option<DestinationLocation>,
    delivery_details: Option<DeliveryDetails>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeliveryDetails {
    location_type: Option<String>,
    location_description: Option<String>,
    received_by_name: Option<String>,
    delivery_attempts: Option<String>,
    delivery_option_eligibility_details: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DestinationLocation {
    location_contact_and_address: Option<LocationContactAndAddressPart>,
    location_type: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OriginLocation {
    location_contact_and_address: Option<LocationContactAndAddressPart>,
    location_type: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct LocationContactAndAddressPart {
    address: Option<Address>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HoldAtLocation {
    location_id: Option<String>,
    location_type: Option<String>,
    location_contact_and_address: Option<LocationContactAndAddress>,
}

#[derive(Deserialize)]
pub(crate) struct LocationContactAndAddress {
    contact: Option<Contact>,
    address: Option<AddressPart>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AddressPart {
    street_lines: Option<Vec<String>>,
    city: Option<String>,
    state_or_province_code: Option<String>,
    country_code: Option<String>,
    residential: Option<bool>,
    postal_code: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Contact {
    company_name: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct EstimatedDeliveryTimeWindow {
    window: Option<WindowPart>,
    r#type: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct WindowPart {
    begins: Option<String>,
    ends: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct StandardTransitTimeWindow {
    window: Option<Window>,
}

#[derive(Deserialize)]
pub(crate) struct Window {
    ends: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ServiceDetail {
    r#type: Option<String>,
    description: Option<String>,
    short_description: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ScanEvent {
    date: Option<String>,
    event_type: Option<String>,
    event_description: Option<String>,
    exception_code: Option<String>,
    exception_description: Option<String>,
    scan_location: Option<ScanLocation>,
    location_id: Option<String>,
    location_type: Option<String>,
    derived_status_code: Option<String>,
    derived_status: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ShipmentDetails {
    possession_status: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PackageDetails {
    physical_packaging_type: Option<String>,
    sequence_number: Option<String>,
    count: Option<String>,
    package_content: Option<Vec<String>>,
    weight_and_dimensions: Option<WeightAndDimensions>,
}

#[derive(Deserialize)]
pub(crate) struct WeightAndDimensions {
    weight: Option<Vec<Weight>>,
    dimensions: Option<Vec<Dimension>>,
}

#[derive(Deserialize)]
pub(crate) struct Dimension {
    length: Option<i64>,
    width: Option<i64>,
    height: Option<i64>,
    units: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct Weight {
    value: Option<String>,
    unit: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SpecialHandling {
    r#type: Option<String>,
    description: Option<String>,
    payment_type: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DateAndTime {
    r#type: Option<String>,
    date_time: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LatestStatusDetail {
    code: Option<String>,
    derived_code: Option<String>,
    status_by_locale: Option<String>,
    description: Option<String>,
    scan_location: Option<ScanLocation>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ScanLocation {
    street_lines: Option<Vec<String>>,
    city: Option<String>,
    state_or_province_code: Option<String>,
    country_code: Option<String>,
    residential: Option<bool>,
    postal_code: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct RecipientInformation {
    address: Option<Address>,
}

#[derive(Deserialize)]
pub(crate) struct ShipperInformation {
    address: Option<Address>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Address {
    street_lines: Option<Vec<String>>,
    city: Option<String>,
    state_or_province_code: Option<String>,
    country_code: Option<String>,
    residential: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AdditionalTrackingInfo {
    nickname: Option<String>,
    package_identifiers: Option<Vec<PackageIdentifier>>,
    has_associated_shipments: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PackageIdentifier {
    r#type: Option<String>,
    values: Option<Vec<String>>,
    tracking_number_unique_id: Option<String>,
    carrier_code: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TrackingNumberInfo {
    tracking_number: Option<String>,
    tracking_number_unique_id: Option<String>,
    carrier_code: Option<String>,
}
