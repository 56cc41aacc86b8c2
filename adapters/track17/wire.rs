//! What 17TRACK sends, exactly, read without copying: answers of every endpoint, and pushes.
//!
//! Names are those of version 2.4. Every field is optional, `null` and the empty string both mean
//! absent, and codes and keys come as number or text. Street lines, coordinates, e-mail addresses
//! and what was registered with a number have no field here. This module must not know what a
//! value means.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::wire::{list, object, text};

/// A body of any kind.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Body<'a> {
    /// Name of the event; pushes have it.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) event: Cow<'a, str>,
    /// 0 if the call was processed; answers have it.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) code: Cow<'a, str>,
    /// One if it is there.
    #[serde(borrow, deserialize_with = "list")]
    pub(super) data: Vec<Data<'a>>,
    /// One in a list of registrations, which has it beside `data`.
    #[serde(deserialize_with = "list")]
    pub(super) page: Vec<Page>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Page {}

/// What an answer or a push holds.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Data<'a> {
    #[serde(borrow, deserialize_with = "list")]
    pub(super) accepted: Vec<Item<'a>>,
    #[serde(borrow, deserialize_with = "list")]
    pub(super) rejected: Vec<Rejected<'a>>,
    /// Why the whole call failed; can come with code 0.
    #[serde(borrow, deserialize_with = "list")]
    pub(super) errors: Vec<Failure<'a>>,
    /// The balance has it.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) quota_total: Cow<'a, str>,
    /// This and the rest are the item of a push.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) number: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) carrier: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "list")]
    pub(super) track_info: Vec<TrackInfo<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Failure<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) code: Cow<'a, str>,
}

/// A number that was refused.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Rejected<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) number: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) carrier: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) error: Failure<'a>,
}

/// A number that was taken.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Item<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) number: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) carrier: Cow<'a, str>,
    /// How the carrier of a registration was found; only registrations have it.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) origin: Cow<'a, str>,
    /// One if it is there.
    #[serde(borrow, deserialize_with = "list")]
    pub(super) track_info: Vec<TrackInfo<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct TrackInfo<'a> {
    #[serde(borrow, deserialize_with = "object")]
    pub(super) shipping_info: ShippingInfo<'a>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) latest_status: LatestStatus<'a>,
    /// One if it is there.
    #[serde(borrow, deserialize_with = "list")]
    pub(super) latest_event: Vec<Event<'a>>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) time_metrics: TimeMetrics<'a>,
    #[serde(borrow, deserialize_with = "list")]
    pub(super) milestone: Vec<Milestone<'a>>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) misc_info: MiscInfo<'a>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) tracking: Tracking<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ShippingInfo<'a> {
    #[serde(borrow, deserialize_with = "object")]
    pub(super) shipper_address: Address<'a>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) recipient_address: Address<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Address<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) country: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) state: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) city: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) postal_code: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct LatestStatus<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) status: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) sub_status: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct TimeMetrics<'a> {
    #[serde(borrow, deserialize_with = "object")]
    pub(super) estimated_delivery_date: Estimated<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Estimated<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) source: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) from: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) to: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct MiscInfo<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) service_type: Cow<'a, str>,
    /// With its unit, for example "49.20LBS".
    #[serde(borrow, deserialize_with = "text")]
    pub(super) weight_raw: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) weight_kg: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) pieces: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) reference_number: Cow<'a, str>,
    /// Number of the last mile.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) local_number: Cow<'a, str>,
    /// Key of its carrier.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) local_key: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Tracking<'a> {
    /// The newest leg first.
    #[serde(borrow, deserialize_with = "list")]
    pub(super) providers: Vec<Leg<'a>>,
}

/// What one carrier says.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Leg<'a> {
    #[serde(borrow, deserialize_with = "object")]
    pub(super) provider: Provider<'a>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) service_type: Cow<'a, str>,
    /// Language of the texts, if known.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) provider_lang: Cow<'a, str>,
    /// Newest first.
    #[serde(borrow, deserialize_with = "list")]
    pub(super) events: Vec<Event<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Provider<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) key: Cow<'a, str>,
    /// Telephone of the carrier for its customers.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) tel: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) homepage: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Event<'a> {
    /// Wall clock with an offset.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) time_iso: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) time_utc: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "time_raw")]
    pub(super) time_raw: TimeRaw<'a>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) description: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) description_translation: Translation<'a>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) location: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) stage: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) sub_status: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) address: Address<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Translation<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) lang: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) description: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Milestone<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) key_stage: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) time_iso: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) time_utc: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "time_raw")]
    pub(super) time_raw: TimeRaw<'a>,
}

/// The time as the carrier showed it.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct TimeRaw<'a> {
    /// `YYYY-MM-DD`; all of it, if the field was a plain text.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) date: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) time: Cow<'a, str>,
    /// Offset that the carrier stated; without it 17TRACK made one up.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) timezone: Cow<'a, str>,
}

/// Reads `time_raw`, which some carriers' rows have as a plain text.
fn time_raw<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TimeRaw<'de>, D::Error> {
    struct Raw;
    impl<'de> Visitor<'de> for Raw {
        type Value = TimeRaw<'de>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a time")
        }
        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
            TimeRaw::deserialize(MapAccessDeserializer::new(map))
        }
        fn visit_borrowed_str<E>(self, v: &'de str) -> Result<Self::Value, E> {
            Ok(whole(Cow::Borrowed(v)))
        }
        fn visit_str<E>(self, v: &str) -> Result<Self::Value, E> {
            Ok(whole(Cow::Owned(v.to_owned())))
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            Ok(TimeRaw::default())
        }
        fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
            Ok(TimeRaw::default())
        }
        fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
            Ok(TimeRaw::default())
        }
        fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
            Ok(TimeRaw::default())
        }
        fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
            Ok(TimeRaw::default())
        }
        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(TimeRaw::default())
        }
    }
    deserializer.deserialize_any(Raw)
}

fn whole(date: Cow<'_, str>) -> TimeRaw<'_> {
    TimeRaw {
        date,
        ..TimeRaw::default()
    }
}
