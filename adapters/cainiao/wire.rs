//! What the interfaces of Cainiao send, read without copying.
//!
//! One [`Envelope`] holds the top-level fields of all of them, so that an answer is understood by
//! what it is and not by who asked. Every field is optional, and numbers and booleans come as
//! strings or as themselves. Names of people, telephone numbers and the epoch of an event that is
//! derived from a wrong clock have no field here. This module must not know what a value means.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};

use crate::wire::{list, object, sound_list, text, texts};

/// A list that was there: the objects in it, or `None` if it held something else.
type Present<T> = Option<Option<Vec<T>>>;

/// An answer or a push of any interface.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Envelope<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) success: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) error_code: Cow<'a, str>,
    /// The same, as the gateway of 1688 spells it.
    #[serde(borrow, deserialize_with = "text", rename = "error_code")]
    pub(super) gateway_code: Cow<'a, str>,
    /// Failure of the Taobao router.
    #[serde(borrow, deserialize_with = "list", rename = "error_response")]
    pub(super) error_response: Vec<RouterError<'a>>,
    /// The shield in front of the public page answered.
    #[serde(borrow, deserialize_with = "text", rename = "rgv587_flag")]
    pub(super) shield: Cow<'a, str>,
    /// Public page: one per number.
    #[serde(borrow, deserialize_with = "present")]
    pub(super) module: Present<Module<'a>>,
    /// LINK push TRACEPUSH.
    #[serde(borrow, deserialize_with = "present")]
    pub(super) traces_list: Present<Pushed<'a>>,
    /// LINK CROSSBORDER_LOGISTICS_DETAIL_QUERY.
    #[serde(borrow, deserialize_with = "present")]
    pub(super) node_list: Present<Node<'a>>,
    /// LINK CN_OVERSEA_LOGISTICS_INQUIRY_TRACKING.
    #[serde(borrow, deserialize_with = "present")]
    pub(super) statuses: Present<Overseas<'a>>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) package_param: Package<'a>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) pop_station_param: Station<'a>,
    /// 1688: one per parcel.
    #[serde(borrow, deserialize_with = "present")]
    pub(super) logistics_trace: Present<Parcel<'a>>,
    #[serde(
        borrow,
        deserialize_with = "present",
        rename = "crossPackageFulfillmentDTO"
    )]
    pub(super) cross_package: Present<CrossPackage<'a>>,
    #[serde(
        borrow,
        deserialize_with = "present",
        rename = "logistics_trace_search_response"
    )]
    pub(super) trade: Present<Trade<'a>>,
    #[serde(
        borrow,
        deserialize_with = "present",
        rename = "aliexpress_logistics_redefining_querytrackingresult_response"
    )]
    pub(super) ali_express: Present<AliExpress<'a>>,
    /// Whom another push of LINK is about.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) mail_no: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) lg_order_code: Cow<'a, str>,
}

fn present<'de, D, T>(deserializer: D) -> Result<Present<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    sound_list(deserializer).map(Some)
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct RouterError<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) code: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) sub_code: Cow<'a, str>,
}

/// A parcel of the public page.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Module<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) mail_no: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) mail_no_source: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) origin_country: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) dest_country: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) status: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) copy_real_mail_no: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) real_mail_no: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) dest_cp_info: Partner<'a>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) global_eta_info: Eta<'a>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) latest_trace: Trace<'a>,
    /// `None` if the field holds something else or is missing: then nobody said that there is
    /// nothing.
    #[serde(borrow, deserialize_with = "sound_list")]
    pub(super) detail_list: Option<Vec<Trace<'a>>>,
}

/// Carrier of the last mile.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Partner<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) cp_name: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) cp_code: Cow<'a, str>,
    /// The same; both spellings are sent.
    #[serde(borrow, deserialize_with = "text", rename = "cpcode")]
    pub(super) cpcode: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) phone: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) url: Cow<'a, str>,
}

/// Expected delivery, in milliseconds since 1970.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Eta<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) delivery_min_time: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) delivery_max_time: Cow<'a, str>,
}

/// An event of the public page.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Trace<'a> {
    /// `timeStr` read as Beijing time: no instant. It only tells a notice of the platform.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) time: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) time_str: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) time_zone: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) desc: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) standerd_desc: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) action_code: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) group: Group<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Group<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) node_code: Cow<'a, str>,
}

/// What a TRACEPUSH is about.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Pushed<'a> {
    #[serde(borrow, deserialize_with = "text", rename = "logisticProviderID")]
    pub(super) provider: Cow<'a, str>,
    /// One number, several in a text, or a list.
    #[serde(borrow, deserialize_with = "texts")]
    pub(super) mail_nos: Vec<Cow<'a, str>>,
    #[serde(borrow, deserialize_with = "text", rename = "txLogisticID")]
    pub(super) order: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "sound_list")]
    pub(super) traces: Option<Vec<PushedTrace<'a>>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct PushedTrace<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) time: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) tz: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) desc: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) action: Cow<'a, str>,
    /// "1" an outlet, "2" a hub.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) facility_type: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) facility_no: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) facility_name: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) country: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) next_mail_no: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) next_tp_code: Cow<'a, str>,
}

/// A leg of a cross-border order.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Node<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) mail_no: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "list")]
    pub(super) partner_list: Vec<NodePartner<'a>>,
    #[serde(borrow, deserialize_with = "list")]
    pub(super) transit_list: Vec<Transit<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct NodePartner<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) partner_code: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Transit<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) action: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) time: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) time_zone: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) desc: Cow<'a, str>,
}

/// An event of the European last mile.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Overseas<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) mail_no: Cow<'a, str>,
    /// Wall clock and offset in one: "2025-09-12 12:54:13 UTC+1".
    #[serde(borrow, deserialize_with = "text")]
    pub(super) datetime: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) action_code: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) status_name: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) status_group: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) description: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Package<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) tracking_number: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) to_city: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) to_zipcode: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) dim_weight: Weight<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Weight<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) weight: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) weight_unit: Cow<'a, str>,
}

/// Shop or locker where a parcel waits.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Station<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) station_name: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) detail_address: Cow<'a, str>,
}

/// A parcel of an order of 1688.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Parcel<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) logistics_id: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) logistics_bill_no: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) order_id: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "sound_list")]
    pub(super) logistics_steps: Option<Vec<ParcelStep<'a>>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ParcelStep<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) accept_time: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) remark: Cow<'a, str>,
}

/// The overseas leg of an order of 1688.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct CrossPackage<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) cross_mail_no: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) order_id: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "list", rename = "crossPackageTraceDTOList")]
    pub(super) traces: Vec<CrossTrace<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct CrossTrace<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) carrier_partner_code: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) out_trace_node_code: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) op_code: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) node_action_time: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) node_detail: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) trace_node: TraceNode<'a>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) trace_exception: TraceException<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct TraceNode<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) trace_node_name: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) trace_node_code: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct TraceException<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) exception_code: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) exception_desc: Cow<'a, str>,
}

/// A trade of Taobao.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Trade<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) out_sid: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) company_name: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) tid: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) status: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) trace_list: TradeSteps<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct TradeSteps<'a> {
    #[serde(borrow, deserialize_with = "list")]
    pub(super) transit_step_info: Vec<TradeStep<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct TradeStep<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) status_time: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) status_desc: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) action: Cow<'a, str>,
}

/// Answer of AliExpress, where a list of the router may stand in an object of the same name.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct AliExpress<'a> {
    #[serde(borrow, deserialize_with = "list")]
    pub(super) details: Vec<AliDetail<'a>>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) official_website: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) result_success: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct AliDetail<'a> {
    #[serde(borrow, deserialize_with = "list")]
    pub(super) details: Vec<AliDetail<'a>>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) action_code: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) address: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) event_date: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) event_desc: Cow<'a, str>,
}
