//! What somebody would write for Cainiao who trusts its documents: one owned field per documented one.
#![allow(dead_code, reason = "it is parsed, not read")]

use serde::Deserialize;

#[derive(Deserialize)]
pub(crate) struct Answer {
    success: Option<bool>,
    module: Option<Vec<Module>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Module {
    mail_no: Option<String>,
    origin_country: Option<String>,
    dest_country: Option<String>,
    status: Option<String>,
    status_desc: Option<String>,
    mail_no_source: Option<String>,
    days_number: Option<String>,
    global_eta_info: Option<GlobalEtaInfo>,
    latest_trace: Option<LatestTrace>,
    detail_list: Option<Vec<DetailList>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DetailList {
    time: Option<i64>,
    time_str: Option<String>,
    time_zone: Option<String>,
    desc: Option<String>,
    standerd_desc: Option<String>,
    action_code: Option<String>,
    group: Option<Group>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LatestTrace {
    time: Option<i64>,
    time_str: Option<String>,
    time_zone: Option<String>,
    desc: Option<String>,
    standerd_desc: Option<String>,
    action_code: Option<String>,
    group: Option<Group>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Group {
    node_code: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GlobalEtaInfo {
    eta_desc: Option<String>,
    delivery_min_time: Option<i64>,
    delivery_max_time: Option<i64>,
}
