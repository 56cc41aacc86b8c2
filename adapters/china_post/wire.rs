//! What the platform and its relatives send, exactly, read without copying where JSON allows it.
//!
//! Four bodies have rows of one kind: the answer of 040001, the decrypted push of 040002, the
//! older trace push and the answer of the consumer page. Their fields have different names for the
//! same thing and never meet, so one [`Row`] has all of them. The global track of the UPU is
//! another document, [`Item`]. Every field is optional. Names and telephone numbers of operators
//! have no field here, so they are skipped while reading. This module must not know what a value
//! means.

use std::borrow::Cow;
use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use crate::wire::{list, sound_list, text};

/// Any body that is an object.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Document<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) ret_code: Cow<'a, str>,
    /// Chinese text; may repeat the number, so it is never shown.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) ret_msg: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) success: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) ret_body: Trace<'a>,
    /// The list where a gateway has unpacked `retBody`.
    #[serde(borrow)]
    pub(super) response_items: Option<Rows<'a>>,
    /// The older trace push.
    #[serde(borrow)]
    pub(super) traces: Option<Rows<'a>>,
    /// The consumer page.
    #[serde(borrow, deserialize_with = "list")]
    pub(super) value: Vec<Page<'a>>,
    /// The envelope of a push; misspelt by the platform.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) logitcs_interface: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) serial_no: Cow<'a, str>,
    /// Beside an operation code: the body is one row itself.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) op_code: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) op_time: Cow<'a, str>,
    /// The body is an item of the UPU.
    #[serde(rename = "ID", borrow, deserialize_with = "text")]
    pub(super) id: Cow<'a, str>,
}

/// Where the rows of an answer are.
#[derive(Default)]
pub(super) enum Trace<'a> {
    /// The field is not there, or null.
    #[default]
    Absent,
    /// A text that holds JSON.
    Packed(Cow<'a, str>),
    /// The rows.
    Rows(Vec<Row<'a>>),
    /// An object without a list of rows.
    Bare,
    /// Something that can hold no rows.
    Odd,
}

impl<'de: 'a, 'a> Deserialize<'de> for Trace<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Trace<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("rows, or a text that holds them")
            }
            fn visit_borrowed_str<E>(self, v: &'de str) -> Result<Self::Value, E> {
                Ok(Trace::Packed(Cow::Borrowed(v)))
            }
            fn visit_str<E>(self, v: &str) -> Result<Self::Value, E> {
                Ok(Trace::Packed(Cow::Owned(v.to_owned())))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
                Rows::deserialize(SeqAccessDeserializer::new(seq)).map(Trace::from)
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                let body = Body::deserialize(MapAccessDeserializer::new(map))?;
                Ok(body.response_items.map_or(Trace::Bare, Trace::from))
            }
            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Trace::Absent)
            }
            fn visit_none<E>(self) -> Result<Self::Value, E> {
                Ok(Trace::Absent)
            }
            fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
                Ok(Trace::Odd)
            }
            fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
                Ok(Trace::Odd)
            }
            fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
                Ok(Trace::Odd)
            }
            fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
                Ok(Trace::Odd)
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// What `retBody` is when it is an object.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Body<'a> {
    #[serde(borrow)]
    response_items: Option<Rows<'a>>,
}

/// A list of rows; null counts as absent wherever it is optional.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct Rows<'a> {
    /// `None` if it holds something else.
    #[serde(borrow, deserialize_with = "sound_list")]
    pub(super) rows: Option<Vec<Row<'a>>>,
}

impl<'a> From<Rows<'a>> for Trace<'a> {
    fn from(list: Rows<'a>) -> Self {
        list.rows.map_or(Self::Odd, Self::Rows)
    }
}

/// A list of items of the UPU, or one.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct Items<'a> {
    #[serde(borrow, deserialize_with = "list")]
    pub(super) items: Vec<Item<'a>>,
}

/// One operation.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Row<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) waybill_no: Cow<'a, str>,
    /// The number at other gateways.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) trace_no: Cow<'a, str>,
    /// The customer's own number, in a push.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) order_no: Cow<'a, str>,
    /// `yyyy-MM-dd HH:mm:ss`; at the consumer page `HH:mm` at times.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) op_time: Cow<'a, str>,
    /// `yyyy-MM-dd HH:mm`, consumer page.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) bubble_time: Cow<'a, str>,
    /// `yyyy-MM-dd HH:mm:ss`, consumer page.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) detail_op_time: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) op_code: Cow<'a, str>,
    /// The operation where `op_code` is only a stage, consumer page.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) op_state_code: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) op_name: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) op_state_name: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) op_desc: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) op_org_prov_name: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) op_org_city: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) op_org_code: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) op_org_name: Cow<'a, str>,
    /// How it was delivered.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) deliver_code: Cow<'a, str>,
    /// The same at the consumer page.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) deliver_state: Cow<'a, str>,
    /// Why it was not delivered.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) attempt_delivery_code: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) product_name: Cow<'a, str>,
    /// Where it goes, consumer page.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) arrival_city: Cow<'a, str>,
}

/// `value` of the consumer page.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Page<'a> {
    /// `None` if it is missing or holds something else.
    #[serde(borrow, deserialize_with = "sound_list")]
    pub(super) domestic_mail_result_dto_list: Option<Vec<Found<'a>>>,
}

/// What the consumer page says about one number.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Found<'a> {
    #[serde(borrow, deserialize_with = "list")]
    pub(super) res_obj: Vec<Row<'a>>,
}

/// An item of the UPU's global track.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(super) struct Item<'a> {
    #[serde(rename = "ID", borrow, deserialize_with = "text")]
    pub(super) id: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) origin_country_cd: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) destination_country_cd: Cow<'a, str>,
    /// 1 accepted, 2 in transit, 3 delivered.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) state: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "list")]
    pub(super) events: Vec<Event<'a>>,
}

/// An event of the UPU.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(super) struct Event<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) event_cd: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) event_nm: Cow<'a, str>,
    /// `/Date(ms)/`.
    #[serde(rename = "EventDT", borrow, deserialize_with = "text")]
    pub(super) event_dt: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) event_location: Cow<'a, str>,
}

/// What a push must be answered with.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reply<'a> {
    pub(super) serial_no: &'a str,
    pub(super) code: &'a str,
    pub(super) code_message: &'a str,
    pub(super) sender_no: &'a str,
}
