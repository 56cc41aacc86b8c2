//! The messages of MyDHL API tracking as DHL sends them. It must not know what they mean.
//!
//! Names and streets of shipper and receiver are not read: nothing here needs them, and they are
//! people.

use std::borrow::Cow;

use serde::Deserialize;

use crate::wire::{list, object, sound_list, text, within};

/// Reads a body; anything that is not an object counts as an empty one.
pub(super) fn body(json: &[u8]) -> Result<Body<'_>, serde_json::Error> {
    within(json.len(), || {
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        let body = object(&mut deserializer)?;
        deserializer.end().map(|()| body)
    })
}

/// An answer: shipments, or a problem.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Body<'a> {
    /// `None` if the field is missing or holds something else.
    #[serde(borrow, deserialize_with = "sound_list")]
    pub(super) shipments: Option<Vec<Shipment<'a>>>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) title: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) detail: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) status: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Shipment<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) shipment_tracking_number: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) status: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) product_code: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) shipper_details: Party<'a>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) receiver_details: Party<'a>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) total_weight: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) unit_of_measurements: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "list")]
    pub(super) shipper_references: Vec<Reference<'a>>,
    #[serde(borrow, deserialize_with = "list")]
    pub(super) events: Vec<Event<'a>>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) number_of_pieces: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "list")]
    pub(super) pieces: Vec<Piece<'a>>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) estimated_delivery_date: Cow<'a, str>,
}

/// Shipper or receiver, as far as it is a place.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Party<'a> {
    #[serde(borrow, deserialize_with = "object")]
    pub(super) postal_address: Address<'a>,
    #[serde(borrow, deserialize_with = "list")]
    pub(super) service_area: Vec<Area<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Address<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) city_name: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) postal_code: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) province_code: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) country_code: Cow<'a, str>,
}

/// A service area: its station code, and its name with the country behind a hyphen.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Area<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) code: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) description: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Reference<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) value: Cow<'a, str>,
}

/// A checkpoint, of the shipment or of a piece.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Event<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) date: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) time: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text", rename = "GMTOffset")]
    pub(super) gmt_offset: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) type_code: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) description: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "list")]
    pub(super) service_area: Vec<Area<'a>>,
    #[serde(borrow, deserialize_with = "list")]
    pub(super) remarks: Vec<Remark<'a>>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) signed_by: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Remark<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) value: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) details: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Piece<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) tracking_number: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) unit_of_measurements: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) dimensions: Dimensions<'a>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) actual_dimensions: Dimensions<'a>,
    #[serde(borrow, deserialize_with = "list")]
    pub(super) events: Vec<Event<'a>>,
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
}
