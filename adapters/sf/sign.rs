//! The signature of a request: Base64(MD5(URLEncode(msgData + timestamp + checkWord))).

use form_urlencoded::byte_serialize;
use waybill_core::privacy::Secret;

use crate::sign::{base64, md5};

/// Signs a message. The encoding is that of `java.net.URLEncoder`, which is the form encoding:
/// letters, digits and `.-*_` stay, a blank becomes `+`, everything else `%XX`.
pub(super) fn digest(msg_data: &str, timestamp: &str, check_word: &Secret) -> String {
    let plain = [msg_data, timestamp, check_word.expose()];
    let parts: Vec<&[u8]> = plain
        .iter()
        .flat_map(|part| byte_serialize(part.as_bytes()))
        .map(str::as_bytes)
        .collect();
    base64(&md5(&parts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_that_were_worked_out() {
        let ours = "waybillCheckWord0000000000000001";
        for (msg_data, timestamp, check_word, expected) in [
            // The sample of SF's document.
            (
                r#"{"language":"zh-CN","orderId":"QIAO-20200618-004"}"#,
                "12312334453453",
                "fjcg5PGKaNpPSHFAZ4QsCOkV71R3zVci",
                "IIKJtuLVzoFTu4kHI8M8vA==",
            ),
            (
                r#"{"language":"zh-CN","trackingType":"1","trackingNumber":["SF1234567890123"],"methodType":"1","checkPhoneNo":"5678"}"#,
                "1708235379205",
                ours,
                "NGwlHxm1hKvghIEJZgqKig==",
            ),
            (
                r#"{"language":"zh-CN","remark":"a b+c*d~e'(f)!"}"#,
                "1708235379205",
                ours,
                "TUQ/0DKK8hD1b3o53ku+Cw==",
            ),
            (
                r#"{"language":"zh-CN","remark":"快件已签收"}"#,
                "1708235379205",
                ours,
                "qJTu27TOD+7jLbhY9iMPBg==",
            ),
        ] {
            let digest = digest(msg_data, timestamp, &Secret::new(check_word.to_owned()));
            assert_eq!(digest, expected, "{msg_data}");
        }
    }
}
