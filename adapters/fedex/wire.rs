//! What the Track API sends, exactly, read without copying.
//!
//! Field names are those of the `track.json` specification ("Basic Integrated Visibility" 1.0.0).
//! Every field is optional; numbers come as strings or as themselves, and "absent" can be an empty
//! string, `{}` or `[]`. Street lines, contacts and images have no field here, so they are skipped
//! while reading. This module must not know what a value means.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::wire::{list, object, sound_list, text, texts};

/// An answer or a push of any kind.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Body<'a> {
    #[serde(borrow, deserialize_with = "object")]
    pub(super) output: Output<'a>,
    #[serde(borrow, deserialize_with = "list")]
    pub(super) errors: Vec<Notice<'a>>,
    /// Only a push has it.
    pub(super) output_meta_data: Option<IgnoredAny>,
    /// Only the answer to a request for a token has it.
    #[serde(rename = "access_token", borrow, deserialize_with = "text")]
    pub(super) access_token: Cow<'a, str>,
    /// Seconds.
    #[serde(rename = "expires_in", borrow, deserialize_with = "text")]
    pub(super) expires_in: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Output<'a> {
    /// `None` if the field is missing or holds something else.
    #[serde(borrow, deserialize_with = "sound_list")]
    pub(super) complete_track_results: Option<Vec<Entry<'a>>>,
    #[serde(borrow, deserialize_with = "list")]
    pub(super) alerts: Vec<Notice<'a>>,
    /// Only the answer to a request for a document has it.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) document_type: Cow<'a, str>,
}

/// An error or an alert.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Notice<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) code: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) message: Cow<'a, str>,
}

/// Everything about one number that was asked for.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Entry<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) tracking_number: Cow<'a, str>,
    /// Several if several shipments have used the number.
    #[serde(borrow, deserialize_with = "list")]
    pub(super) track_results: Vec<Track<'a>>,
}

/// One shipment, or why there is none.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Track<'a> {
    #[serde(borrow, deserialize_with = "object")]
    pub(super) tracking_number_info: NumberInfo<'a>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) error: Notice<'a>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) latest_status_detail: Latest<'a>,
    /// Newest first.
    #[serde(borrow, deserialize_with = "list")]
    pub(super) scan_events: Vec<Scan<'a>>,
    #[serde(borrow, deserialize_with = "list")]
    pub(super) date_and_times: Vec<Moment<'a>>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) estimated_delivery_time_window: TimeWindow<'a>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) standard_transit_time_window: TimeWindow<'a>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) delivery_details: Delivery<'a>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) package_details: Package<'a>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) shipment_details: ShipmentDetails<'a>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) additional_tracking_info: Additional<'a>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) origin_location: Site<'a>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) destination_location: Site<'a>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) hold_at_location: Site<'a>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) last_updated_destination_address: Address<'a>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) shipper_information: Party<'a>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) recipient_information: Party<'a>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) service_detail: Described<'a>,
    #[serde(borrow, deserialize_with = "list")]
    pub(super) special_handlings: Vec<Described<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct NumberInfo<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) tracking_number: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) tracking_number_unique_id: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Latest<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) code: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) derived_code: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) description: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) status_by_locale: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) scan_location: Address<'a>,
    #[serde(borrow, deserialize_with = "list")]
    pub(super) ancillary_details: Vec<Ancillary<'a>>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) delay_detail: Delay<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Ancillary<'a> {
    /// An exception code.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) reason: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) reason_description: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Delay<'a> {
    /// `WEATHER`, `OPERATIONAL`, `LOCAL`, `GENERAL` or `CLEARANCE`.
    #[serde(rename = "type", borrow, deserialize_with = "text")]
    pub(super) kind: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Scan<'a> {
    /// ISO 8601 with the offset of the place of the scan.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) date: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) event_type: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) event_description: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) exception_code: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) exception_description: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) derived_status_code: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) derived_status: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) scan_location: Address<'a>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) location_id: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) location_type: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) delay_detail: Delay<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Moment<'a> {
    #[serde(rename = "type", borrow, deserialize_with = "text")]
    pub(super) kind: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) date_time: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct TimeWindow<'a> {
    #[serde(borrow, deserialize_with = "object")]
    pub(super) window: Span<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Span<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) begins: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) ends: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Delivery<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) received_by_name: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) signed_by_name: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) location_type: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) location_description: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Package<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) count: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) weight_and_dimensions: Measures<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Measures<'a> {
    /// The same weight in several units.
    #[serde(borrow, deserialize_with = "list")]
    pub(super) weight: Vec<Weight<'a>>,
    /// The same dimensions in several units.
    #[serde(borrow, deserialize_with = "list")]
    pub(super) dimensions: Vec<Dimensions<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Weight<'a> {
    /// `LB` or `KG`.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) unit: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) value: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Dimensions<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) length: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) width: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) height: Cow<'a, str>,
    /// `IN` or `CM`.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) units: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ShipmentDetails<'a> {
    #[serde(borrow, deserialize_with = "list")]
    pub(super) weight: Vec<Weight<'a>>,
    /// `false`: not with FedEx yet. Live answers have this field,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) possession_status: Cow<'a, str>,
    /// and the specification has this one, whose `true` says the same.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) before_possession_status: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Additional<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) has_associated_shipments: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "list")]
    pub(super) package_identifiers: Vec<PackageIdentifier<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct PackageIdentifier<'a> {
    #[serde(rename = "type", borrow, deserialize_with = "text")]
    pub(super) kind: Cow<'a, str>,
    /// The name in the specification,
    #[serde(borrow, deserialize_with = "texts")]
    pub(super) value: Vec<Cow<'a, str>>,
    /// and that in live answers.
    #[serde(borrow, deserialize_with = "texts")]
    pub(super) values: Vec<Cow<'a, str>>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) tracking_number_unique_id: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) carrier_code: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Site<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) location_id: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) location_type: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) location_contact_and_address: Party<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Party<'a> {
    #[serde(borrow, deserialize_with = "object")]
    pub(super) address: Address<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Address<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) city: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) state_or_province_code: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) postal_code: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) country_code: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Described<'a> {
    #[serde(rename = "type", borrow, deserialize_with = "text")]
    pub(super) kind: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) description: Cow<'a, str>,
}
