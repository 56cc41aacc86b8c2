//! What somebody would write for SF who trusts its documents: one owned field per documented one.
#![allow(dead_code, reason = "it is parsed, not read")]

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Answer {
    api_error_msg: Option<String>,
    #[serde(rename = "apiResponseID")]
    api_response_id: Option<String>,
    api_result_code: Option<String>,
    api_result_data: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Inner {
    success: Option<bool>,
    error_code: Option<String>,
    error_msg: Option<String>,
    msg_data: Option<MsgData>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MsgData {
    route_resps: Option<Vec<RouteResp>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RouteResp {
    mail_no: Option<String>,
    routes: Option<Vec<Route>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Route {
    accept_address: Option<String>,
    accept_time: Option<String>,
    remark: Option<String>,
    op_code: Option<String>,
    first_status_code: Option<String>,
    first_status_name: Option<String>,
    secondary_status_code: Option<String>,
    secondary_status_name: Option<String>,
}

impl Answer {
    /// The document that it holds as a text.
    pub(crate) fn body(&self) -> &str {
        self.api_result_data.as_deref().unwrap_or_default()
    }
}
