//! The messages of the Unified Tracking API as DHL sends them. It must not know what they mean.
//!
//! Receiver and sender are not read at all: nothing here needs them, and they are people. Street
//! addresses are left out for the same reason.

use std::borrow::Cow;

use serde::Deserialize;

use crate::wire::{list, object, sound_list, text, texts, within};

/// Reads a body; anything that is not an object counts as an empty one.
pub(super) fn body(json: &[u8]) -> Result<Body<'_>, serde_json::Error> {
    within(json.len(), || {
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        let body = object(&mut deserializer)?;
        deserializer.end().map(|()| body)
    })
}

/// An answer or a push: shipments, or a problem (RFC 7807).
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Body<'a> {
    /// `None` if the field is missing or holds something else.
    #[serde(borrow, deserialize_with = "sound_list")]
    pub(super) shipments: Option<Vec<Shipment<'a>>>,
    /// What kind of push it is; empty for an answer.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) scope: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) next_url: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) title: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) status: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Shipment<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) id: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) service: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) origin: Place<'a>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) destination: Place<'a>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) status: Event<'a>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) estimated_time_of_delivery: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) estimated_delivery_time_frame: TimeFrame<'a>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) service_url: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) reroute_url: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) details: Details<'a>,
    #[serde(borrow, deserialize_with = "list")]
    pub(super) events: Vec<Event<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct TimeFrame<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) estimated_from: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) estimated_through: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Place<'a> {
    #[serde(borrow, deserialize_with = "object")]
    pub(super) address: Address<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Address<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) country_code: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) postal_code: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) address_locality: Cow<'a, str>,
}

/// An event; the current status has the same fields.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Event<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) timestamp: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) location: Place<'a>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) status_code: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) status: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) description: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "texts")]
    pub(super) piece_ids: Vec<Cow<'a, str>>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) remark: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) next_steps: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Details<'a> {
    #[serde(borrow, deserialize_with = "object")]
    pub(super) product: Product<'a>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) provider: Provider<'a>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) proof_of_delivery: Proof<'a>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) total_number_of_pieces: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "texts")]
    pub(super) piece_ids: Vec<Cow<'a, str>>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) weight: Quantity<'a>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) dimensions: Dimensions<'a>,
    #[serde(borrow, deserialize_with = "list")]
    pub(super) references: Vec<Reference<'a>>,
    #[serde(borrow, deserialize_with = "list", rename = "dgf:routes")]
    pub(super) routes: Vec<Route<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Product<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) product_name: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Provider<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) destination_provider: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Proof<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) signature_url: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) document_url: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) signed: Signer<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Signer<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) name: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) given_name: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) family_name: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) organization_name: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Dimensions<'a> {
    #[serde(borrow, deserialize_with = "object")]
    pub(super) length: Quantity<'a>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) width: Quantity<'a>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) height: Quantity<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Quantity<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) value: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) unit_text: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Reference<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) number: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text", rename = "type")]
    pub(super) kind: Cow<'a, str>,
}

/// A leg of a freight shipment: by air between airports, by sea between ports.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Route<'a> {
    #[serde(borrow, deserialize_with = "text", rename = "dgf:vesselName")]
    pub(super) vessel: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text", rename = "dgf:voyageFlightNumber")]
    pub(super) voyage: Cow<'a, str>,
    #[serde(
        borrow,
        deserialize_with = "text",
        rename = "dgf:estimatedDepartureDate"
    )]
    pub(super) departs: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text", rename = "dgf:estimatedArrivalDate")]
    pub(super) arrives: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "object", rename = "dgf:airportOfDeparture")]
    pub(super) airport_out: Terminal<'a>,
    #[serde(
        borrow,
        deserialize_with = "object",
        rename = "dgf:airportOfDestination"
    )]
    pub(super) airport_in: Terminal<'a>,
    #[serde(borrow, deserialize_with = "object", rename = "dgf:portOfLoading")]
    pub(super) port_out: Terminal<'a>,
    #[serde(borrow, deserialize_with = "object", rename = "dgf:portOfUnloading")]
    pub(super) port_in: Terminal<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Terminal<'a> {
    #[serde(borrow, deserialize_with = "text", rename = "dgf:locationName")]
    pub(super) name: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text", rename = "dgf:locationCode")]
    pub(super) code: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text", rename = "countryCode")]
    pub(super) country: Cow<'a, str>,
}
