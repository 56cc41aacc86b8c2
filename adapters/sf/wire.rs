//! What SF sends, exactly, read without copying.
//!
//! Answers and pushes share one outer object, so that a body shows by itself what it is. Every
//! field is optional, and numbers and booleans come as strings or as themselves. This module must
//! not know what a value means.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::wire::{list, object, sound_list, text};

/// Any JSON object that SF sends.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Envelope<'a> {
    /// Verdict of the platform; says nothing about the business inside.
    #[serde(rename = "apiResultCode", borrow, deserialize_with = "text")]
    pub(super) code: Cow<'a, str>,
    #[serde(rename = "apiErrorMsg", borrow, deserialize_with = "text")]
    pub(super) message: Cow<'a, str>,
    #[serde(rename = "apiResultData", borrow)]
    pub(super) data: Data<'a>,
    /// Of an answer to a request for a token.
    #[serde(rename = "accessToken", borrow, deserialize_with = "text")]
    pub(super) access_token: Cow<'a, str>,
    /// Of a push.
    #[serde(rename = "Body", borrow, deserialize_with = "object")]
    pub(super) body: Body<'a>,
    /// Of an answer to a push.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) return_code: Cow<'a, str>,
}

/// The inner document: JSON written as a string, or the object itself.
#[derive(Default)]
pub(super) enum Data<'a> {
    #[default]
    Absent,
    Text(Cow<'a, str>),
    Object(Box<Inner<'a>>),
}

impl<'de: 'a, 'a> Deserialize<'de> for Data<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Data<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object or its text")
            }
            fn visit_borrowed_str<E>(self, v: &'de str) -> Result<Self::Value, E> {
                Ok(Data::Text(Cow::Borrowed(v)))
            }
            fn visit_str<E>(self, v: &str) -> Result<Self::Value, E> {
                Ok(Data::Text(Cow::Owned(v.to_owned())))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                Inner::deserialize(MapAccessDeserializer::new(map))
                    .map(|inner| Data::Object(Box::new(inner)))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Data::Absent)
            }
            fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
                Ok(Data::Absent)
            }
            fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
                Ok(Data::Absent)
            }
            fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
                Ok(Data::Absent)
            }
            fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
                Ok(Data::Absent)
            }
            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Data::Absent)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// The verdict of the service, and what it found.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Inner<'a> {
    /// A boolean, or its name as a string.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) success: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) error_code: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) msg_data: MsgData<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct MsgData<'a> {
    #[serde(borrow, deserialize_with = "listed")]
    pub(super) route_resps: Listed<RouteResp<'a>>,
}

/// A list that may be missing, or something else.
#[derive(Default)]
pub(super) enum Listed<T> {
    #[default]
    Absent,
    Odd,
    List(Vec<T>),
}

fn listed<'de, D, T>(deserializer: D) -> Result<Listed<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    sound_list(deserializer).map(|list| list.map_or(Listed::Odd, Listed::List))
}

/// The routes of one waybill.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct RouteResp<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) mail_no: Cow<'a, str>,
    /// Oldest first.
    #[serde(borrow, deserialize_with = "listed")]
    pub(super) routes: Listed<Route<'a>>,
}

/// The body of a push.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Body<'a> {
    #[serde(rename = "WaybillRoute", borrow, deserialize_with = "pushed")]
    pub(super) routes: Listed<Route<'a>>,
}

fn pushed<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Listed<Route<'de>>, D::Error> {
    list(deserializer).map(|list| {
        if list.is_empty() {
            Listed::Odd
        } else {
            Listed::List(list)
        }
    })
}

/// One event, polled or pushed.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Route<'a> {
    /// `yyyy-MM-dd HH:mm:ss`.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) accept_time: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) accept_address: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) remark: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) op_code: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) first_status_code: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) first_status_name: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) secondary_status_code: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) secondary_status_name: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) reason_code: Cow<'a, str>,
    /// Pushed events only: id of the event.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) id: Cow<'a, str>,
    /// Pushed events only, spelled like this.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) mailno: Cow<'a, str>,
    /// Pushed events only, spelled like this.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) orderid: Cow<'a, str>,
}
