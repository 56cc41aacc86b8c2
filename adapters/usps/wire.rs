//! What USPS sends, exactly, read without copying.
//!
//! Field names are those of the Tracking document 3.2.6 and of public clients of v3r2; both
//! versions are read by the same messages. Every field is optional, flags and numbers come as
//! strings or as themselves. This module must not know what a value means.

use std::borrow::Cow;
use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use crate::wire::{MOST, add, list, object, text, texts};

/// A body: one message, or a list of them in which every place counts.
#[derive(Default)]
pub(super) struct Body<'a> {
    pub(super) items: Vec<Item<'a>>,
    /// It was a list.
    pub(super) is_list: bool,
}

impl<'de: 'a, 'a> Deserialize<'de> for Body<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Bodies)
    }
}

/// A member of a list; one that is no object is an empty message.
struct Slot<'a>(Item<'a>);

impl<'de: 'a, 'a> Deserialize<'de> for Slot<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        object(deserializer).map(Self)
    }
}

struct Bodies;

impl<'de> Visitor<'de> for Bodies {
    type Value = Body<'de>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or a list")
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        Ok(Body {
            items: vec![Item::deserialize(MapAccessDeserializer::new(map))?],
            is_list: false,
        })
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while let Some(Slot(item)) = seq.next_element()? {
            add(&mut items, item, MOST)?;
        }
        Ok(Body {
            items,
            is_list: true,
        })
    }
}

/// A message of any kind: a piece of mail, a failure, a push, a subscription, a token.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Item<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) tracking_number: Cow<'a, str>,
    /// Tells the uses of one number apart.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) unique_mail_piece_id: Cow<'a, str>,
    /// May hold HTML.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) mail_class: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) status: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) status_category: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) origin_city: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) origin_state: Cow<'a, str>,
    #[serde(rename = "originZIP", borrow, deserialize_with = "text")]
    pub(super) origin_zip: Cow<'a, str>,
    /// The same in v3r2.
    #[serde(rename = "originZIPCode", borrow, deserialize_with = "text")]
    pub(super) origin_zip_code: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) origin_country: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) destination_city: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) destination_state: Cow<'a, str>,
    #[serde(rename = "destinationZIP", borrow, deserialize_with = "text")]
    pub(super) destination_zip: Cow<'a, str>,
    /// The same in v3r2.
    #[serde(rename = "destinationZIPCode", borrow, deserialize_with = "text")]
    pub(super) destination_zip_code: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) destination_country_code: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) expected_delivery_time_stamp: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) guaranteed_delivery_time_stamp: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) predicted_delivery_date: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) predicted_delivery_window_start_time: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) predicted_delivery_window_end_time: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) end_of_day: Cow<'a, str>,
    /// What v3r2 has in place of the six fields above.
    #[serde(borrow, deserialize_with = "object")]
    pub(super) delivery_date_expectation: Expectation<'a>,
    /// Day after which it is sent back.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) return_date_notice: Cow<'a, str>,
    /// Newest first.
    #[serde(borrow, deserialize_with = "list")]
    pub(super) tracking_events: Vec<Event<'a>>,
    /// Lines of a summary, which stand in place of the events.
    #[serde(borrow, deserialize_with = "texts")]
    pub(super) event_summaries: Vec<Cow<'a, str>>,
    /// The summary of 2023.
    #[serde(rename = "TrackResults", deserialize_with = "is_there")]
    pub(super) track_results: bool,
    #[serde(borrow, deserialize_with = "failure")]
    pub(super) error: Option<Failure<'a>>,
    /// HTTP status of a failure within a list.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) status_code: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) subscription_id: Cow<'a, str>,
    /// When a push was sent.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) timestamp: Cow<'a, str>,
    /// JSON as a string.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) payload: Cow<'a, str>,
    /// Asks whether somebody listens.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) challenge: Cow<'a, str>,
    #[serde(rename = "access_token", borrow, deserialize_with = "text")]
    pub(super) access_token: Cow<'a, str>,
    /// Seconds.
    #[serde(rename = "expires_in", borrow, deserialize_with = "text")]
    pub(super) expires_in: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Expectation<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) expected_delivery_date: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) predicted_delivery_date: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) guaranteed_delivery_date: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) predicted_delivery_window_start_time: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) predicted_delivery_window_end_time: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) end_of_day: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Event<'a> {
    /// The words.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) event_type: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) event_code: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) action_code: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) reason_code: Cow<'a, str>,
    /// Wall clock of the place, whatever its `Z` says.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) event_timestamp: Cow<'a, str>,
    /// UTC; its date is not reliable.
    #[serde(rename = "GMTTimestamp", borrow, deserialize_with = "text")]
    pub(super) gmt_timestamp: Cow<'a, str>,
    /// `-7:00`: what `eventTimestamp` is away from UTC.
    #[serde(rename = "GMTOffset", borrow, deserialize_with = "text")]
    pub(super) gmt_offset: Cow<'a, str>,
    /// A name in English; empty at home.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) event_country: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) event_city: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) event_state: Cow<'a, str>,
    #[serde(rename = "eventZIP", borrow, deserialize_with = "text")]
    pub(super) event_zip: Cow<'a, str>,
    /// The same in v3r2.
    #[serde(rename = "eventZIPCode", borrow, deserialize_with = "text")]
    pub(super) event_zip_code: Cow<'a, str>,
    /// Who signed.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) name: Cow<'a, str>,
}

/// An error: an object of the API, or a word of OAuth.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Failure<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) code: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) message: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "list")]
    pub(super) errors: Vec<Notice<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Notice<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) code: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) status: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) detail: Cow<'a, str>,
}

/// Reads a failure; a word alone is its code, and anything but a word or an object is none.
fn failure<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Failure<'de>>, D::Error> {
    struct Failures;
    impl<'de> Visitor<'de> for Failures {
        type Value = Option<Failure<'de>>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an error")
        }
        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
            Failure::deserialize(MapAccessDeserializer::new(map)).map(Some)
        }
        fn visit_borrowed_str<E>(self, word: &'de str) -> Result<Self::Value, E> {
            Ok(Some(Failure {
                code: Cow::Borrowed(word),
                ..Failure::default()
            }))
        }
        fn visit_str<E>(self, word: &str) -> Result<Self::Value, E> {
            Ok(Some(Failure {
                code: Cow::Owned(word.to_owned()),
                ..Failure::default()
            }))
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            Ok(None)
        }
        fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
            Ok(None)
        }
        fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
            Ok(None)
        }
        fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
            Ok(None)
        }
        fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
            Ok(None)
        }
        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }
    }
    deserializer.deserialize_any(Failures)
}

/// Notes that a field is there, without its value.
fn is_there<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

/// A request for a token.
#[derive(Serialize)]
pub(super) struct Credentials<'a> {
    pub(super) client_id: &'a str,
    pub(super) client_secret: &'a str,
    pub(super) grant_type: &'a str,
    pub(super) scope: &'a str,
}

/// One number of a v3r2 request.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Ask<'a> {
    pub(super) tracking_number: &'a str,
    #[serde(rename = "destinationZIPCode", skip_serializing_if = "str::is_empty")]
    pub(super) destination_zip_code: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) mailing_date: &'a str,
}

/// A wish to be told.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Wish<'a> {
    #[serde(rename = "listenerURL")]
    pub(super) listener_url: &'a str,
    pub(super) secret: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) admin_notification: Vec<Mailbox<'a>>,
    pub(super) filter_properties: Filter<'a>,
}

#[derive(Serialize)]
pub(super) struct Mailbox<'a> {
    pub(super) email: &'a str,
}

/// Of one number, or of everything of one mailer.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Filter<'a> {
    #[serde(rename = "MID", skip_serializing_if = "str::is_empty")]
    pub(super) mid: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) tracking_number: &'a str,
    pub(super) tracking_event_types: Vec<&'a str>,
}
