//! What somebody would write for USPS who trusts its documents: one owned field per documented one.
#![allow(dead_code, reason = "it is parsed, not read")]

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Answer {
    tracking_number: Option<String>,
    mail_class: Option<String>,
    mail_type: Option<String>,
    origin_city: Option<String>,
    origin_state: Option<String>,
    #[serde(rename = "originZIP")]
    origin_zip: Option<String>,
    destination_city: Option<String>,
    destination_state: Option<String>,
    #[serde(rename = "destinationZIP")]
    destination_zip: Option<String>,
    services: Option<Vec<String>>,
    service_type_code: Option<String>,
    mail_piece_intake_date: Option<String>,
    unique_mail_piece_id: Option<String>,
    status_category: Option<String>,
    status: Option<String>,
    status_summary: Option<String>,
    proof_of_delivery_enabled: Option<bool>,
    tracking_events: Option<Vec<TrackingEvent>>,
    expected_delivery_time_stamp: Option<String>,
    expected_delivery_type: Option<String>,
    guaranteed_delivery_time_stamp: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TrackingEvent {
    event_type: Option<String>,
    event_timestamp: Option<String>,
    #[serde(rename = "GMTTimestamp")]
    gmt_timestamp: Option<String>,
    #[serde(rename = "GMTOffset")]
    gmt_offset: Option<String>,
    event_country: Option<String>,
    event_city: Option<String>,
    event_state: Option<String>,
    #[serde(rename = "eventZIP")]
    event_zip: Option<String>,
    firm: Option<String>,
    name: Option<String>,
    authorized_agent: Option<String>,
    event_code: Option<String>,
    action_code: Option<String>,
    reason_code: Option<String>,
}
