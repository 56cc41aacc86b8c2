//! Answers that are damaged in any way end in reports or a typed error.

use proptest::prelude::*;
use serde_json::Value;

use super::*;

const ANSWERS: &[&str] = &[
    include_str!("../fixtures/two_legs.json"),
    include_str!("../fixtures/clocks.json"),
    include_str!("../fixtures/problems.json"),
    include_str!("../fixtures/facts.json"),
    include_str!("../fixtures/push_updated.json"),
    include_str!("../fixtures/v4_wrapped.json"),
    include_str!("../fixtures/last_checkpoint.json"),
    include_str!("../fixtures/exists.json"),
    include_str!("../fixtures/deleted.json"),
];

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

fn size(node: &Value) -> usize {
    1 + match node {
        Value::Array(items) => items.iter().map(size).sum(),
        Value::Object(fields) => fields.values().map(size).sum(),
        _ => 0,
    }
}

fn is_sound(answer: &Answer) {
    match answer {
        Ok(reports) => {
            for claim in reports.iter().flat_map(|report| &report.claims) {
                assert!(claim.native_text.reveal().chars().count() <= 1_000);
                assert!(claim.time.raw.chars().count() <= 64);
                assert!(claim.time.earliest <= claim.time.latest);
                assert_eq!(
                    claim.basis == waybill_core::event::MappingBasis::None,
                    claim.code == waybill_core::code::EventCode::UNMAPPED
                );
            }
        }
        Err(error) => assert!(!error.to_string().contains("7022"), "{error}"),
    }
}

proptest! {
    #[test]
    fn a_damaged_answer_never_panics(
        which in 0..ANSWERS.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0..10_usize), 1..4),
    ) {
        let mut document: Value = serde_json::from_str(ANSWERS[which]).unwrap();
        for (index, how) in changes {
            let mut at = index.index(size(&document));
            change(&mut document, &mut at, how);
        }
        is_sound(&understood(&document.to_string()));
    }

    #[test]
    fn a_cut_answer_never_panics(
        which in 0..ANSWERS.len(),
        cut in any::<prop::sample::Index>(),
        tail in "[\\[{\"}0]{0,3}",
    ) {
        let text = ANSWERS[which];
        let cut = text.floor_char_boundary(cut.index(text.len()));
        let (head, _) = text.split_at(cut);
        is_sound(&understood(&format!("{head}{tail}")));
    }
}

#[test]
fn every_single_change_is_survived() {
    for text in [
        include_str!("../fixtures/facts.json"),
        include_str!("../fixtures/clocks.json"),
        include_str!("../fixtures/exists.json"),
    ] {
        let document: Value = serde_json::from_str(text).unwrap();
        for at in 0..size(&document) {
            for how in 0..10 {
                let mut changed = document.clone();
                change(&mut changed, &mut at.clone(), how);
                is_sound(&understood(&changed.to_string()));
            }
        }
    }
}
