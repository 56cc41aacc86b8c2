//! The worked examples of the three signatures.

use std::collections::BTreeMap;

use super::super::sign::{Method, form_field, link, open, router};

#[test]
fn the_digest_of_link_is_over_raw_bytes() {
    let content = r#"{"mailNo":"LP00123456789012","locale":"en_US","role":"endUser"}"#;
    let digest = link(content.as_bytes(), "waybillAppSecret0000000000000001");
    assert_eq!(digest, "dqY/+kvo/bQvGDvtiEQxQg==");
    // The variant of some clients, base64 of the hexadecimal text, is another.
    assert_ne!(digest, "NzZhNjNmZmE0YmU4ZmRiNDJmMTgzYmVkODg0NDMxNDI=");
}

#[test]
fn the_router_takes_three_signatures() {
    for (method, expected) in [
        (Method::Md5, "7DF22C30CEBC39365B03BA384453F785"),
        (Method::Hmac, "77C8836039B2E04DF4A2E285A25E8025"),
        (
            Method::HmacSha256,
            "A86BBDBC7104F344C353A3C91135BE4FA8B11BE47FFAD099B185E6542A711E80",
        ),
    ] {
        let parameters = BTreeMap::from(
            [
                ("method", "taobao.logistics.trace.search"),
                ("app_key", "12345678"),
                ("session", "waybill-session"),
                ("timestamp", "2026-01-01 12:00:00"),
                ("format", "json"),
                ("v", "2.0"),
                ("sign_method", method.name()),
                ("tid", "2231958349"),
                ("is_split", ""),
            ]
            .map(|(name, value)| (name, value.to_owned())),
        );
        assert_eq!(router(method, "helloworld", &parameters), expected);
        assert_eq!(Method::parse(method.name()), Some(method));
    }
    assert_eq!(Method::parse("sha1"), None);
}

#[test]
fn the_signature_of_1688_is_over_path_and_parameters() {
    let path =
        "param2/1/com.alibaba.logistics/alibaba.trade.getLogisticsTraceInfo.buyerView/1234567";
    let parameters = BTreeMap::from(
        [
            ("_aop_timestamp", "1700000000000"),
            ("access_token", "waybill-token"),
            ("orderId", "13342343"),
            ("webSite", "1688"),
        ]
        .map(|(name, value)| (name, value.to_owned())),
    );
    assert_eq!(
        open("waybillSecret", path, &parameters),
        "60A165C45A6240E5F8A208676C4EEB55C68B6B49"
    );
}

#[test]
fn a_form_field_keeps_its_bytes() {
    let form = b"a=1&data_digest=dqY%2F%2Bkvo%3D%3D&logistics_interface=%7B+%ff%7D&b";
    assert_eq!(form_field(form, "data_digest").unwrap(), b"dqY/+kvo==");
    assert_eq!(form_field(form, "logistics_interface").unwrap(), b"{ \xff}");
    assert_eq!(form_field(form, "b"), None);
    assert_eq!(form_field(b"", "a"), None);
}
