//! What Kuaidi100 sends, read without copying.
//!
//! Answers to a query, pushes, errors and confirmations share their fields, so one type reads all
//! of them. Integers of the documents come as strings on the wire and both are taken. The names
//! and telephones of couriers have no field here. This module must not know what a value means.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::wire::{list, object, sound_list, text};

/// An answer, a push, an error or a confirmation.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Answer<'a> {
    /// `false` for an error, `true` for a confirmation.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) result: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) return_code: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) message: Cow<'a, str>,
    /// Of an answer the status of the communication, of a push what becomes of the subscription.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) status: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) nu: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) com: Cow<'a, str>,
    /// `1`: signed for.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) ischeck: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) state: Cow<'a, str>,
    /// Newest first by default; `None` if it is missing or something else.
    #[serde(borrow, deserialize_with = "sound_list")]
    pub(super) data: Option<Vec<Row<'a>>>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) route_info: Route<'a>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) arrival_time: Cow<'a, str>,
    /// What a push is about, the leg of origin of an international one; one if it is there.
    #[serde(borrow, deserialize_with = "list")]
    pub(super) last_result: Vec<Answer<'a>>,
    /// The leg in the country of destination; one if it is there.
    #[serde(borrow, deserialize_with = "list")]
    pub(super) dest_result: Vec<Answer<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Row<'a> {
    /// As the carrier wrote it.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) time: Cow<'a, str>,
    /// The same in one form, `yyyy-MM-dd HH:mm:ss`.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) ftime: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) context: Cow<'a, str>,
    /// Name of the state.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) status: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) status_code: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) area_code: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) area_name: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) location: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Route<'a> {
    #[serde(borrow, deserialize_with = "object")]
    pub(super) from: Area<'a>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) to: Area<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Area<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) number: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) name: Cow<'a, str>,
}

/// Companies that a number can be of, the likeliest first.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct Companies<'a>(
    #[serde(borrow, deserialize_with = "list")] pub(super) Vec<Company<'a>>,
);

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Company<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) com_code: Cow<'a, str>,
}

/// What a query asks. The order of the fields is that of the documents, and the text is signed as
/// it is sent.
#[derive(Serialize)]
pub(super) struct Question<'a> {
    pub(super) com: &'a str,
    pub(super) num: &'a str,
    pub(super) phone: &'a str,
    pub(super) resultv2: &'a str,
    pub(super) show: &'a str,
    pub(super) order: &'a str,
    pub(super) lang: &'a str,
}

/// What a subscription asks.
#[derive(Serialize)]
pub(super) struct Order<'a> {
    pub(super) company: &'a str,
    pub(super) number: &'a str,
    pub(super) key: &'a str,
    pub(super) parameters: Parameters<'a>,
}

#[derive(Default, Serialize)]
pub(super) struct Parameters<'a> {
    pub(super) callbackurl: &'a str,
    pub(super) salt: &'a str,
    pub(super) resultv2: &'a str,
    #[serde(rename = "autoCom")]
    pub(super) auto_com: &'a str,
    #[serde(rename = "interCom")]
    pub(super) inter_com: &'a str,
    #[serde(rename = "departureCountry")]
    pub(super) departure_country: &'a str,
    #[serde(rename = "departureCom")]
    pub(super) departure_com: &'a str,
    #[serde(rename = "destinationCountry")]
    pub(super) destination_country: &'a str,
    #[serde(rename = "destinationCom")]
    pub(super) destination_com: &'a str,
    pub(super) phone: &'a str,
}
