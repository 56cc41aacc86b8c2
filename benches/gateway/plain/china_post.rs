//! What somebody would write for China Post who trusts its documents: one owned field per documented one.
#![allow(dead_code, reason = "it is parsed, not read")]

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Answer {
    serial_no: Option<String>,
    ret_code: Option<String>,
    ret_msg: Option<String>,
    success: Option<bool>,
    ret_body: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Inner {
    response_items: Option<Vec<ResponseItem>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ResponseItem {
    waybill_no: Option<String>,
    op_time: Option<String>,
    op_code: Option<String>,
    op_name: Option<String>,
    op_desc: Option<String>,
    op_org_prov_name: Option<String>,
    op_org_city: Option<String>,
    op_org_code: Option<String>,
    op_org_name: Option<String>,
    operator_no: Option<String>,
    operator_name: Option<String>,
    deliver_code: Option<String>,
    attempt_delivery_code: Option<String>,
    product_name: Option<String>,
}

impl Answer {
    /// The document that it holds as a text.
    pub(crate) fn body(&self) -> &str {
        self.ret_body.as_deref().unwrap_or_default()
    }
}

/// A push.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Envelope {
    serial_no: Option<String>,
    logitcs_interface: Option<String>,
}

impl Envelope {
    /// What is encrypted.
    pub(crate) fn content(&self) -> &str {
        self.logitcs_interface.as_deref().unwrap_or_default()
    }
}
