//! Owns the signatures that the platform checks, written from its documents. Knows no path.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use md5::{Digest, Md5};
use sha1::Sha1;
use sha2::Sha256;

/// LINK: base64 of MD5 over content and secret.
pub(super) fn digest(content: &str, secret: &str) -> String {
    STANDARD.encode(Md5::digest(format!("{content}{secret}")))
}

/// Taobao router: over all parameters but the signature itself; `None` if the method is unknown.
pub(super) fn router(form: &[(String, String)], method: &str, secret: &str) -> Option<String> {
    let text = joined(form, "sign");
    let bytes = match method {
        "md5" => Md5::digest(format!("{secret}{text}{secret}")).to_vec(),
        "hmac" => hmac::<Hmac<Md5>>(secret, &text)?,
        "hmac-sha256" => hmac::<Hmac<Sha256>>(secret, &text)?,
        _ => return None,
    };
    Some(upper(&bytes))
}

/// 1688: over the path from `param2/` on and all parameters but the signature itself.
pub(super) fn open(form: &[(String, String)], path: &str, secret: &str) -> Option<String> {
    let text = format!("{path}{}", joined(form, "_aop_signature"));
    Some(upper(&hmac::<Hmac<Sha1>>(secret, &text)?))
}

fn hmac<M: Mac + hmac::digest::KeyInit>(secret: &str, text: &str) -> Option<Vec<u8>> {
    let mut mac = <M as Mac>::new_from_slice(secret.as_bytes()).ok()?;
    mac.update(text.as_bytes());
    Some(mac.finalize().into_bytes().to_vec())
}

fn joined(form: &[(String, String)], without: &str) -> String {
    let mut pairs: Vec<&(String, String)> = form
        .iter()
        .filter(|(name, value)| name != without && !value.is_empty())
        .collect();
    pairs.sort();
    let pairs = pairs.into_iter();
    pairs
        .map(|(name, value)| format!("{name}{value}"))
        .collect()
}

fn upper(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn the_worked_examples_come_out() {
        let content = r#"{"mailNo":"LP00123456789012","locale":"en_US","role":"endUser"}"#;
        assert_eq!(
            digest(content, "waybillAppSecret0000000000000001"),
            "dqY/+kvo/bQvGDvtiEQxQg=="
        );
        for (method, expected) in [
            ("md5", "7DF22C30CEBC39365B03BA384453F785"),
            ("hmac", "77C8836039B2E04DF4A2E285A25E8025"),
            (
                "hmac-sha256",
                "A86BBDBC7104F344C353A3C91135BE4FA8B11BE47FFAD099B185E6542A711E80",
            ),
        ] {
            let form = form(&[
                ("tid", "2231958349"),
                ("sign", "ignored"),
                ("app_key", "12345678"),
                ("format", "json"),
                ("method", "taobao.logistics.trace.search"),
                ("session", "waybill-session"),
                ("timestamp", "2026-01-01 12:00:00"),
                ("v", "2.0"),
                ("sign_method", method),
            ]);
            assert_eq!(
                router(&form, method, "helloworld").as_deref(),
                Some(expected)
            );
        }
        let form = form(&[
            ("webSite", "1688"),
            ("orderId", "13342343"),
            ("access_token", "waybill-token"),
            ("_aop_timestamp", "1700000000000"),
        ]);
        let path =
            "param2/1/com.alibaba.logistics/alibaba.trade.getLogisticsTraceInfo.buyerView/1234567";
        assert_eq!(
            open(&form, path, "waybillSecret").as_deref(),
            Some("60A165C45A6240E5F8A208676C4EEB55C68B6B49")
        );
    }
}
