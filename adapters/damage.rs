//! Damage to answers, for the tests of every source: one node of a JSON document changed, and what
//! can be wrong with what is made of it.

use serde_json::Value;
use waybill_core::adapter::Answer;
use waybill_core::code::EventCode;
use waybill_core::event::{Claim, MappingBasis};

/// Numbers the nodes of a document in the order of reading, and changes the one that `at` hits in
/// one of ten ways.
pub(crate) fn change(node: &mut Value, at: &mut usize, how: usize) {
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
            _ => Value::String("99999999999999999999".to_owned()),
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

/// Nodes of a document.
pub(crate) fn size(node: &Value) -> usize {
    1 + match node {
        Value::Array(items) => items.iter().map(size).sum(),
        Value::Object(fields) => fields.values().map(size).sum(),
        _ => 0,
    }
}

/// What is wrong with an answer, if anything is. `personal` is a part of every number in it.
pub(crate) fn flaw(answer: &Answer, personal: &str) -> Option<&'static str> {
    match answer {
        Ok(reports) => {
            let claims = reports.iter().flat_map(|report| &report.claims);
            claims.filter_map(|claim| flaw_of(claim)).next()
        }
        Err(error) => error
            .to_string()
            .contains(personal)
            .then_some("an error shows a number"),
    }
}

fn flaw_of(claim: &Claim) -> Option<&'static str> {
    if claim.native_text.reveal().chars().count() > 1_000 {
        Some("a text is too long")
    } else if claim.time.raw.chars().count() > 64 {
        Some("a time as given is too long")
    } else if claim.time.earliest > claim.time.latest {
        Some("the bounds of a time are the wrong way round")
    } else if (claim.basis == MappingBasis::None) != (claim.code == EventCode::UNMAPPED) {
        Some("code and basis contradict each other")
    } else {
        None
    }
}
