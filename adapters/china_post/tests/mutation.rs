//! Answers that are damaged in any way end in reports or a typed error.

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::damage::{self, size};

const ANSWERS: &[&str] = &[
    include_str!("../fixtures/abroad_delivered.json"),
    include_str!("../fixtures/commercial_line.json"),
    include_str!("../fixtures/consumer_page.json"),
    include_str!("../fixtures/newest_first.json"),
    include_str!("../fixtures/odd_rows.json"),
    include_str!("../fixtures/older_traces.json"),
    include_str!("../fixtures/push.json"),
    include_str!("../fixtures/upu_item.json"),
    include_str!("../fixtures/withdrawn.json"),
];

/// A document whose `retBody` is unpacked, so that the nodes in it can be changed too.
fn document(text: &str) -> (Value, bool) {
    let mut document: Value = serde_json::from_str(text).unwrap();
    let packed = document["retBody"].as_str().map(str::to_owned);
    if let Some(body) = &packed {
        document["retBody"] = serde_json::from_str(body).unwrap();
    }
    (document, packed.is_some())
}

/// Packs it again, if there is still something to pack.
fn body(mut document: Value, packed: bool) -> String {
    if packed && document.get("retBody").is_some() {
        document["retBody"] = Value::String(document["retBody"].to_string());
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
            2 => serde_json::json!(20_260_212),
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

/// Beginnings of the numbers in the answers. No shorter part of them would do: an error says at
/// which column an answer is broken.
const NUMBERS: &[&str] = &[
    "99000", "EA77000", "LV55000", "KA99000", "EE88000", "CP66000",
];

/// What is wrong with what a damaged answer became, if anything is.
fn flaw(answer: &Answer) -> Option<&'static str> {
    if answer.as_ref().is_ok_and(Vec::is_empty) {
        return Some("success without a report");
    }
    let mut numbers = NUMBERS.iter();
    numbers.find_map(|number| damage::flaw(answer, number))
}

proptest! {
    #[test]
    fn a_damaged_answer_never_panics(
        which in 0..ANSWERS.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0..10_usize), 1..4),
    ) {
        let (mut document, packed) = document(ANSWERS[which]);
        for (index, how) in changes {
            let mut at = index.index(size(&document));
            change(&mut document, &mut at, how);
        }
        assert_eq!(flaw(&understood(&body(document, packed))), None);
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
        assert_eq!(flaw(&understood(&format!("{head}{tail}"))), None);
    }
}

#[test]
fn an_answer_cut_at_a_round_column_shows_no_number() {
    for text in ANSWERS {
        assert!(NUMBERS.iter().any(|number| text.contains(number)));
    }
    let text = include_str!("../fixtures/odd_rows.json");
    let longest = text.lines().max_by_key(|line| line.len()).unwrap();
    let from = text.find(longest).unwrap();
    for column in (1_000..longest.len()).step_by(1_000) {
        let end = text.floor_char_boundary(from + column - 3);
        let answer = understood(&format!("{}{{0\"", &text[..end]));
        assert!(
            answer
                .as_ref()
                .err()
                .unwrap()
                .to_string()
                .contains("column")
        );
        assert_eq!(flaw(&answer), None);
    }
}

#[test]
fn every_single_change_is_survived() {
    for text in ANSWERS {
        let (document, packed) = document(text);
        for at in 0..size(&document) {
            for how in 0..10 {
                let mut changed = document.clone();
                change(&mut changed, &mut at.clone(), how);
                assert_eq!(flaw(&understood(&body(changed, packed))), None);
            }
        }
    }
}

#[test]
fn a_damaged_push_never_panics() {
    let adapter = adapter(&[]);
    let sealed = keys(KEY).seal(include_str!("../fixtures/push.json"));
    let outer = serde_json::json!({ "serialNo": "1", "senderNo": "2", "logitcsInterface": sealed });
    for at in 0..size(&outer) {
        for how in 0..10 {
            let mut changed = outer.clone();
            change(&mut changed, &mut at.clone(), how);
            let push = Request::new(Bytes::from(changed.to_string()));
            if let Err(error) = pollster::block_on(adapter.translate_push(&push, now())) {
                assert!(matches!(
                    error.kind,
                    ErrorKind::Denied | ErrorKind::Malformed
                ));
            }
        }
    }
}
