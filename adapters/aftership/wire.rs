//! What AfterShip sends, exactly, read without copying: answers of every endpoint, and pushes, in
//! the names of version 2026-07, of 2023-10 and of the old v4.
//!
//! Every field is optional; `null`, the empty string and absence are the same. Two names of one
//! thing are two fields, so that an answer with both is no broken one. Customers, addresses for
//! notices and notes have no field here. This module must not know what a value means.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::wire::{list, object, sound_list, text};

/// A body of any kind.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Body<'a> {
    /// One if it is there; answers have it.
    #[serde(borrow, deserialize_with = "list")]
    pub(super) meta: Vec<Meta<'a>>,
    /// One if it is there.
    #[serde(borrow, deserialize_with = "list")]
    pub(super) data: Vec<Data<'a>>,
    /// Name of the event; this and the rest are a push.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) event: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) event_id: Cow<'a, str>,
    /// One if it is there.
    #[serde(borrow, deserialize_with = "list")]
    pub(super) msg: Vec<Tracking<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Meta<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) code: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) message: Cow<'a, str>,
}

/// What an answer holds: a tracking, a list of them, or neither.
#[derive(Default)]
pub(super) struct Data<'a> {
    /// The list, or the tracking in the wrapping of the old versions.
    pub(super) more: More<'a>,
    /// The tracking itself, as the new versions send it.
    pub(super) flat: Tracking<'a>,
}

#[derive(Default)]
pub(super) struct More<'a> {
    pub(super) tracking: Vec<Tracking<'a>>,
    pub(super) trackings: Option<Vec<Tracking<'a>>>,
    pub(super) pagination: Pagination<'a>,
    /// Candidates of a detection, or the list of couriers.
    pub(super) has_couriers: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Pagination<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) next_cursor: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) has_next_page: Cow<'a, str>,
}

/// All fields that `data` can have, of whichever shape.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Tracking<'a> {
    #[serde(borrow, deserialize_with = "list")]
    tracking: Vec<Tracking<'a>>,
    #[serde(borrow, deserialize_with = "sound_list")]
    trackings: Option<Vec<Tracking<'a>>>,
    #[serde(borrow, deserialize_with = "object")]
    pagination: Pagination<'a>,
    #[serde(deserialize_with = "sound_list")]
    couriers: Option<Vec<Nothing>>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) id: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) created_at: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) tracking_number: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) slug: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) active: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) tag: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) subtag: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "sound_list")]
    pub(super) checkpoints: Option<Vec<Checkpoint<'a>>>,
    /// The last one alone; an endpoint of the old versions has it.
    #[serde(borrow, deserialize_with = "list")]
    pub(super) checkpoint: Vec<Checkpoint<'a>>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) return_to_sender: Cow<'a, str>,

    #[serde(borrow, deserialize_with = "text")]
    pub(super) origin_country_region: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) origin_country_iso3: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) origin_state: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) origin_city: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) origin_postal_code: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) origin_raw_location: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) destination_country_region: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) destination_country_iso3: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) destination_state: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) destination_city: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) destination_postal_code: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) destination_raw_location: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) courier_destination_country_region: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) courier_destination_country_iso3: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) tracking_postal_code: Cow<'a, str>,

    #[serde(borrow, deserialize_with = "object")]
    pub(super) courier_estimated_delivery_date: Forecast<'a>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) aftership_estimated_delivery_date: Forecast<'a>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) latest_estimated_delivery: Latest<'a>,
    /// Of the old versions.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) expected_delivery: Cow<'a, str>,

    #[serde(borrow, deserialize_with = "text")]
    pub(super) shipment_type: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) shipment_package_count: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "measured")]
    pub(super) shipment_weight: Measured<'a>,
    /// Of the old versions, where the weight is a number.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) shipment_weight_unit: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) shipment_dimensions: Dimensions<'a>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) signed_by: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "list")]
    pub(super) proof_of_delivery: Vec<Document<'a>>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) first_mile: Mile<'a>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) last_mile: Mile<'a>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) multi_piece_info: Pieces<'a>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) order_id: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) order_number: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) courier_tracking_link: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) courier_redirect_link: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Nothing {}

impl<'de: 'a, 'a> Deserialize<'de> for Data<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut flat = Tracking::deserialize(deserializer)?;
        let more = More {
            tracking: std::mem::take(&mut flat.tracking),
            trackings: flat.trackings.take(),
            pagination: std::mem::take(&mut flat.pagination),
            has_couriers: flat.couriers.is_some(),
        };
        Ok(Self { more, flat })
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Checkpoint<'a> {
    /// When AfterShip got it.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) created_at: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) slug: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) checkpoint_time: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) location: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) city: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) state: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) postal_code: Cow<'a, str>,
    /// Before 2026-01.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) zip: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) country_region: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) country_iso3: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) country_region_name: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) country_name: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) message: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) tag: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) subtag: Cow<'a, str>,
    /// The carrier's own code.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) raw_tag: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "list")]
    pub(super) events: Vec<Finer<'a>>,
    /// "carrier" or "user".
    #[serde(borrow, deserialize_with = "text")]
    pub(super) source: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) hash: Cow<'a, str>,
}

/// A finer event of AfterShip's within a checkpoint.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Finer<'a> {
    #[serde(borrow, deserialize_with = "object")]
    pub(super) reason: Reason<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Reason<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) code: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Forecast<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) estimated_delivery_date: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) estimated_delivery_date_min: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) estimated_delivery_date_max: Cow<'a, str>,
}

/// The forecast that AfterShip prefers, of whoever made it.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Latest<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) source: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) datetime: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) datetime_min: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) datetime_max: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Measured<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) value: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) unit: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Dimensions<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) unit: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) length: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) width: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) height: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Document<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) url: Cow<'a, str>,
}

/// Another leg of the journey.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Mile<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) tracking_number: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) slug: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Pieces<'a> {
    #[serde(borrow, deserialize_with = "list")]
    pub(super) pieces: Vec<Piece<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Piece<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) tracking_number: Cow<'a, str>,
    /// "master" or "child".
    #[serde(borrow, rename = "type", deserialize_with = "text")]
    pub(super) kind: Cow<'a, str>,
}

/// Reads a measure: a number alone in the old versions, an object with its unit in the new ones.
fn measured<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Measured<'de>, D::Error> {
    struct Either;
    impl<'de> Visitor<'de> for Either {
        type Value = Measured<'de>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a measure")
        }
        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
            Measured::deserialize(MapAccessDeserializer::new(map))
        }
        fn visit_borrowed_str<E>(self, v: &'de str) -> Result<Self::Value, E> {
            Ok(bare(Cow::Borrowed(v)))
        }
        fn visit_str<E>(self, v: &str) -> Result<Self::Value, E> {
            Ok(bare(Cow::Owned(v.to_owned())))
        }
        fn visit_u64<E>(self, v: u64) -> Result<Self::Value, E> {
            Ok(bare(Cow::Owned(v.to_string())))
        }
        fn visit_f64<E>(self, v: f64) -> Result<Self::Value, E> {
            Ok(bare(Cow::Owned(v.to_string())))
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            Ok(Measured::default())
        }
        fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
            Ok(Measured::default())
        }
        fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
            Ok(Measured::default())
        }
        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(Measured::default())
        }
    }
    deserializer.deserialize_any(Either)
}

fn bare(value: Cow<'_, str>) -> Measured<'_> {
    Measured {
        value,
        unit: Cow::Borrowed(""),
    }
}
