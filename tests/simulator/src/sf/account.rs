//! Owns an SF account: its digest, its tokens, its flow control. Knows no waybills.

use std::collections::{BTreeMap, HashMap};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use md5::{Digest, Md5};

use super::Refusal;
use crate::quota::{Quota, Usage};

/// Tokens are good for two hours.
const LIFETIME: SignedDuration = SignedDuration::from_hours(2);

/// What a call brings to show who makes it.
pub(super) enum Proof {
    Digest {
        digest: String,
        /// Message and timestamp as they came.
        signed: String,
    },
    Token(String),
}

pub(super) struct Account {
    partner: &'static str,
    check_word: &'static str,
    quota: Quota,
    /// Calls are counted per service.
    usage: BTreeMap<String, Usage>,
    tokens: HashMap<String, Timestamp>,
}

impl Account {
    pub(super) fn new(partner: &'static str, check_word: &'static str) -> Self {
        Self {
            partner,
            check_word,
            quota: Quota::UNLIMITED,
            usage: BTreeMap::new(),
            tokens: HashMap::new(),
        }
    }

    pub(super) fn set_quota(&mut self, quota: Quota) {
        self.quota = quota;
        self.usage.clear();
    }

    /// A new token for the right credentials.
    pub(super) fn issue(&mut self, partner: &str, secret: &str, now: Timestamp) -> Option<String> {
        if partner != self.partner || secret != self.check_word {
            return None;
        }
        let token = format!("SIM{:013X}", self.tokens.len() + 1);
        let end = now.checked_add(LIFETIME).unwrap_or(Timestamp::MAX);
        self.tokens.insert(token.clone(), end);
        Some(token)
    }

    /// Checks who calls, and counts the call to its service.
    pub(super) fn admit(
        &mut self,
        partner: &str,
        proof: &Proof,
        service: &str,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        if partner != self.partner {
            return Err(("A1004", "无对应服务权限"));
        }
        match proof {
            Proof::Digest { digest, signed } => {
                if *digest != digest_of(&format!("{signed}{}", self.check_word)) {
                    return Err(("A1006", "数字签名无效"));
                }
            }
            Proof::Token(token) => match self.tokens.get(token) {
                None => return Err(("A1006", "数字签名无效")),
                Some(end) if *end <= now => return Err(("A1002", "请求时效已过期")),
                Some(_) => {}
            },
        }
        let quota = self.quota;
        let usage = self.usage.entry(service.to_owned());
        let admitted = usage.or_insert_with(|| Usage::new(quota)).admit(now);
        match (admitted, quota.per_day) {
            (true, _) => Ok(()),
            (false, Some(_)) => Err(("A1005", "流量受控,超过每日调用次数")),
            (false, None) => Err(("A1005", "流量受控")),
        }
    }
}

/// Base64 of the MD5 of the text as `java.net.URLEncoder` writes it.
fn digest_of(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len() * 3);
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'*' | b'_' => {
                encoded.push(char::from(byte));
            }
            b' ' => encoded.push('+'),
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    STANDARD.encode(Md5::digest(encoded))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_that_of_the_document() {
        let text = r#"{"language":"zh-CN","orderId":"QIAO-20200618-004"}12312334453453fjcg5PGKaNpPSHFAZ4QsCOkV71R3zVci"#;
        assert_eq!(digest_of(text), "IIKJtuLVzoFTu4kHI8M8vA==");
    }
}
