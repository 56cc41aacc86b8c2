//! What somebody would write for Kuaidi100 who trusts its documents: one owned field per documented one.
#![allow(dead_code, reason = "it is parsed, not read")]

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Answer {
    message: Option<String>,
    nu: Option<String>,
    ischeck: Option<String>,
    com: Option<String>,
    status: Option<String>,
    data: Option<Vec<Data>>,
    state: Option<String>,
    condition: Option<String>,
    is_loop: Option<bool>,
    route_info: Option<RouteInfo>,
}

#[derive(Deserialize)]
pub(crate) struct RouteInfo {
    from: Option<From>,
    cur: Option<Cur>,
    to: Option<To>,
}

#[derive(Deserialize)]
pub(crate) struct To {
    number: Option<String>,
    name: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct Cur {
    number: Option<String>,
    name: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct From {
    number: Option<String>,
    name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Data {
    time: Option<String>,
    context: Option<String>,
    ftime: Option<String>,
    status_code: Option<String>,
    status: Option<String>,
    area_code: Option<String>,
    area_name: Option<String>,
    location: Option<String>,
    area_center: Option<String>,
    area_pin_yin: Option<String>,
}
