//! Messages that are damaged in any way end in reports or a typed error.

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::damage::{self, size};

const MESSAGES: &[&str] = &[
    include_str!("../fixtures/abroad.json"),
    include_str!("../fixtures/batch.json"),
    include_str!("../fixtures/in_transit.json"),
    include_str!("../fixtures/new_waybill.json"),
    include_str!("../fixtures/push_several.json"),
    include_str!("../fixtures/unknown.json"),
];

const XML: &str = "<?xml version='1.0'?><Request service=\"RoutePushService\"><Body>\
    <WaybillRoute id=\"1\" mailno=\"SF7700000000215\" acceptTime=\"2026-03-02 09:00:00\" \
    acceptAddress=\"郑州\" remark=\"a &lt; b\" opCode=\"44\"/></Body></Request>";

/// The document with the inner one as an object, so that changes reach it.
fn opened(text: &str) -> Value {
    let mut document: Value = serde_json::from_str(text).unwrap();
    if let Some(inner) = document["apiResultData"].as_str() {
        document["apiResultData"] = serde_json::from_str(inner).unwrap();
    }
    document
}

/// Writes the inner document as a string again.
fn closed(mut document: Value) -> String {
    if let Some(inner) = document.get_mut("apiResultData")
        && inner.is_object()
    {
        *inner = Value::String(inner.to_string());
    }
    document.to_string()
}

/// Numbers the nodes of a document in the order of reading, and changes the one that `at` hits.
fn change(node: &mut Value, at: &mut usize, how: usize) {
    if *at == 0 {
        let old = node.take();
        *node = match how {
            0 => Value::Null,
            1 => Value::Bool(true),
            2 => serde_json::json!(20_260_304),
            3 => serde_json::json!(-1.5e300),
            4 => serde_json::json!({}),
            5 => serde_json::json!([]),
            6 => Value::String("Ωß\u{0}".repeat(400)),
            7 => Value::Array(vec![old.clone(), Value::Null, old]),
            8 => match old {
                Value::String(text) => {
                    Value::String(text.chars().take(text.chars().count() / 2).collect())
                }
                Value::Array(items) => items.into_iter().next().unwrap_or_default(),
                other => Value::String(other.to_string()),
            },
            _ => Value::String("单号".repeat(99)),
        };
        *at = usize::MAX;
        return;
    }
    *at -= 1;
    let children: Vec<&mut Value> = match node {
        Value::Array(items) => items.iter_mut().collect(),
        Value::Object(fields) => fields.values_mut().collect(),
        _ => Vec::new(),
    };
    for child in children {
        if *at == usize::MAX {
            return;
        }
        change(child, at, how);
    }
}

/// What is wrong with what a damaged answer became, if anything is.
fn flaw(answer: &Answer) -> Option<&'static str> {
    damage::flaw(answer, "SF77")
}

/// Understands a body as an answer, and as a push.
fn try_both(body: &str) {
    assert_eq!(flaw(&understood(body)), None);
    let push = http::Request::post("/new-word").body(Bytes::copy_from_slice(body.as_bytes()));
    let push = pollster::block_on(adapter(&[]).translate_push(&push.unwrap(), now()));
    assert_eq!(flaw(&push.map(|pushed| pushed.reports)), None);
}

proptest! {
    #[test]
    fn a_damaged_message_never_panics(
        which in 0..MESSAGES.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0..10_usize), 1..4),
        as_text in any::<bool>(),
    ) {
        let mut document = opened(MESSAGES[which]);
        for (index, how) in changes {
            let mut at = index.index(size(&document));
            change(&mut document, &mut at, how);
        }
        try_both(&if as_text { closed(document) } else { document.to_string() });
    }

    #[test]
    fn a_cut_message_never_panics(
        which in 0..=MESSAGES.len(),
        cut in any::<prop::sample::Index>(),
        tail in "[\\[{\"}0<>&;/=]{0,3}",
    ) {
        let text = MESSAGES.get(which).copied().unwrap_or(XML);
        let cut = text.floor_char_boundary(cut.index(text.len()));
        let (head, _) = text.split_at(cut);
        try_both(&format!("{head}{tail}"));
        try_both(&format!("content={head}{tail}"));
    }

    #[test]
    fn no_address_and_no_sentence_panics(address in "\\PC{0,40}", remark in "[单号省市区0-9A-Za-z 【】,\\PC]{0,40}") {
        for op in ["50", "70", "80", "607", "626", "648", "nothing"] {
            let row = serde_json::json!({"mailno": "SF7700000000226", "opCode": op,
                "acceptTime": "2026-03-02 09:00:00", "acceptAddress": address, "remark": remark});
            let body = serde_json::json!({"Body": {"WaybillRoute": [row]}});
            prop_assert!(understood(&body.to_string()).is_ok());
        }
    }
}

#[test]
fn every_single_change_is_survived() {
    for text in MESSAGES {
        let document = opened(text);
        for at in 0..size(&document) {
            for how in 0..10 {
                let mut changed = document.clone();
                change(&mut changed, &mut at.clone(), how);
                assert_eq!(flaw(&understood(&closed(changed))), None);
            }
        }
    }
}
